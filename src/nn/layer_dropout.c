/* dropout: in training, each element is 0 with probability p, else x / (1 - p); in evaluation, x.
 * The draw is keyed by (layer, seed, step, position of the row in the global batch, element): no micro-batch, thread or
 * rank changes it.  Source: srivastava2014. */
#include "nn_priv.h"

#include <math.h>
#include <stdio.h>

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  const struct glia_type *type = glia_value_type_(m, x[0]);
  const double p = l->v[0];
  char stream[320];

  *y = x[0];
  if (!training || p == 0.0) return GLIA_OK;
  snprintf(stream, sizeof stream, "%s/mask", l->name);
  const glia_value u = glia_random(m->g, m->dtype, stream, m->seed, m->step, m->position,
                                   type->rank - 1, &type->dim[1]);
  const glia_value keep = glia_compare(m->g, GLIA_GE, u, glia_constant(m->g, p));
  const glia_value factor =
      glia_select(m->g, keep, glia_full(m->g, *type, 1.0 / (1.0 - p)), glia_full(m->g, *type, 0.0));
  *y = glia_mul(m->g, x[0], factor);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_dropout_ = {
    .name = "dropout",
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
