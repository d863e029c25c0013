/* layer_norm: over the last axis, y = w (x - mean) / sqrt(var + eps) + b, with the biased variance; norm: l1 divides by the
 * mean deviation |x - mean| + eps.  Source: ba2016 (arXiv:1607.06450). */
#include "nn_priv.h"

#include <math.h>

enum { EPS, AFFINE, NORM };

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const struct glia_type *type = glia_value_type_(m, x[0]);
  const int last = type->rank - 1;
  const int64_t n = type->dim[last];

  (void)training;
  if (type->rank < 2) return glia_layer_error_(l, "input has rows of one number, expected an axis");
  const glia_value d = glia_sub(g, x[0], glia_reduce_mean(g, x[0], 1, &last, true));
  const bool l1 = l->v[NORM] != 0.0;
  const glia_value spread = glia_reduce_mean(g, glia_spread_(g, d, l1), 1, &last, true);
  *y = glia_scaled_down_(g, d, spread, l->v[EPS], l1);
  if (l->v[AFFINE] == 0.0) return GLIA_OK;
  *y = glia_mul(g, *y,
                glia_layer_parameter_(m, l, "weight", 1, &n, (struct nn_init){.offset = 1.0}));
  *y = glia_add(g, *y, glia_layer_parameter_(m, l, "bias", 1, &n, (struct nn_init){.offset = 0.0}));
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
