/* group_norm: over the channels of each group and all spatial axes of a row, y = w (x - mean) / sqrt(var + eps) + b with the
 * biased variance; norm: l1 divides by the mean deviation |x - mean| + eps.  Source: wu2018 (arXiv:1803.08494). */
#include "nn_priv.h"

#include <math.h>

enum { GROUPS, EPS, AFFINE, NORM };

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, x[0]);
  const int64_t groups = (int64_t)l->v[GROUPS];
  const bool l1 = l->v[NORM] != 0.0;
  const int last = 2;
  char text[128];

  (void)training;
  if (m->smooth && l->v[NORM] != 0.0) return glia_layer_error_(l, "norm: l1 has kinks");
  if (type.rank < 2 || type.dim[1] % groups != 0)
    return glia_layer_error_(l, "%lld groups do not divide the channels of rows of shape %s",
                             (long long)groups, glia_row_text_(m, x[0], text, sizeof text));
  const int64_t n = glia_type_count(&type) / m->micro_batch / groups;
  const glia_value rows = glia_reshape(g, x[0], 3, (int64_t[]){m->micro_batch, groups, n});
  const glia_value mean = glia_reduce_mean(g, rows, 1, &last, true);
  const glia_value sum = glia_spread_(g, rows, mean, GLIA_NONE, 1, &last, l1);
  const glia_value spread = glia_div(g, sum, glia_constant(g, (double)n));
  const struct nn_normal of = {.mean = mean,
                               .variance = spread,
                               .counts = GLIA_NONE,
                               .total =
                                   glia_full(g, glia_type_make(type.dtype, 0, NULL), (double)n),
                               .eps = l->v[EPS],
                               .n_axes = 1,
                               .axes = &last};
  const glia_value normal =
      l1 ? glia_scaled_down_(g, glia_sub(g, rows, mean), spread, l->v[EPS], true)
         : glia_normal_(g, rows, &of);
  *y = glia_reshape(g, normal, type.rank, type.dim);
  if (l->v[AFFINE] != 0.0) *y = glia_channels_affine_(m, l, *y);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_group_norm_ = {
    .name = "group_norm",
    .source = "wu2018",
    .min_in = 1,
    .max_in = 1,
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "groups", .type = NN_COUNT, .lo = 1, .hi = INT32_MAX, .value = NAN},
            {.name = "eps", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-5},
            {.name = "affine", .type = NN_FLAG, .value = 1},
            {.name = "norm", .type = NN_CHOICE, .words = glia_norms_, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
