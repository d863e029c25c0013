/* detach: rows as they are, through which no gradient passes. What stands before it learns by losses of its own: local learning. */
#include "nn_priv.h"

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  (void)l;
  *y = training ? glia_stop_gradient(m->g, x[0]) : x[0];
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_detach_ = {
    .name = "detach",
    .rough = "it hides derivatives",
    .min_in = 1,
    .max_in = 1,
    .build = build,
};
