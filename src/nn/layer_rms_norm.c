/* rms_norm: over the last axis, y = w x / sqrt(mean x^2 + eps).  Source: zhang2019 (arXiv:1910.07467). */
#include "nn_priv.h"

#include <math.h>

enum { EPS, AFFINE };

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const struct glia_type *type = glia_value_type_(m, x[0]);
  const int last = type->rank - 1;
  const int64_t n = type->dim[last];

  (void)training;
  if (type->rank < 2) return glia_layer_error_(l, "input has rows of one number, expected an axis");
  const glia_value square = glia_reduce_mean(g, glia_mul(g, x[0], x[0]), 1, &last, true);
  *y = glia_scaled_down_(g, x[0], square, l->v[EPS], false);
  if (l->v[AFFINE] != 0.0)
    *y = glia_mul(g, *y,
                  glia_layer_parameter_(m, l, "weight", 1, &n, (struct nn_init){.offset = 1.0}));
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_rms_norm_ = {
    .name = "rms_norm",
    .source = "zhang2019",
    .min_in = 1,
    .max_in = 1,
    .option =
        (const struct nn_option[]){
            {.name = "eps", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-6},
            {.name = "affine", .type = NN_FLAG, .value = 1},
            {.name = NULL},
        },
    .build = build,
};
