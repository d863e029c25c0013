/* dropout: in training, each element is 0 with probability p, else x / (1 - p); in evaluation, x (dense.c).
 * Source: srivastava2014. */
#include "nn_priv.h"

#include <math.h>

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  *y = glia_dropout_(m, l, "mask", x[0], l->v[0], training);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_dropout_ = {
    .name = "dropout",
    .rough = "it draws random numbers",
    .source = "srivastava2014",
    .min_in = 1,
    .max_in = 1,
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "p", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = NAN},
            {.name = NULL},
        },
    .build = build,
};
