/* layer_norm: over the last axis, y = w (x - mean) / sqrt(var + eps) + b, with the biased variance; norm: l1 divides by the
 * mean deviation |x - mean| + eps.  Source: ba2016 (arXiv:1607.06450). */
#include "nn_priv.h"

#include <math.h>

enum { EPS, AFFINE, NORM };

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  (void)training;
  if (glia_value_type_(m, x[0])->rank < 2)
    return glia_layer_error_(l, "input has rows of one number, expected an axis");
  *y = glia_last_norm_(m, l, "", x[0], l->v[EPS], l->v[NORM] != 0.0, l->v[AFFINE] != 0.0);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_layer_norm_ = {
    .name = "layer_norm",
    .source = "ba2016",
    .min_in = 1,
    .max_in = 1,
    .option =
        (const struct nn_option[]){
            {.name = "eps", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-5},
            {.name = "affine", .type = NN_FLAG, .value = 1},
            {.name = "norm", .type = NN_CHOICE, .words = glia_norms_, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
