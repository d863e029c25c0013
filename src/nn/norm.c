/* What normalising layers share. */
#include "nn_priv.h"

const char *const glia_norms_[] = {"l2", "l1", NULL};

glia_value glia_spread_(struct glia_graph *g, glia_value x, glia_value mean, glia_value counts,
                        int n_axes, const int *axes, bool l1)
{
  if (!l1) return glia_squares_about(g, x, mean, counts, n_axes, axes);
  const glia_value d = glia_abs(g, glia_sub(g, x, mean));
  return glia_reduce_sum(g, counts == GLIA_NONE ? d : glia_mul(g, d, counts), n_axes, axes, true);
}

glia_value glia_scaled_down_(struct glia_graph *g, glia_value d, glia_value spread, double eps,
                             bool l1)
{
  const glia_value least = glia_add(g, spread, glia_constant(g, eps));

  return glia_div(g, d, l1 ? least : glia_sqrt(g, least));
}

glia_value glia_channels_affine_(struct glia_model *m, struct nn_layer *l, glia_value x)
{
  const struct glia_type *type = glia_value_type_(m, x);
  const int rank = type->rank - 1;
  const int64_t n = type->dim[1];
  int64_t dim[GLIA_MAX_RANK] = {n};

  for (int k = 1; k < rank; k++) dim[k] = 1;
  const glia_value w =
      glia_layer_parameter_(m, l, "weight", 1, &n, (struct nn_init){.offset = 1.0});
  const glia_value b = glia_layer_parameter_(m, l, "bias", 1, &n, (struct nn_init){.offset = 0.0});
  return glia_add(m->g, glia_mul(m->g, x, glia_reshape(m->g, w, rank, dim)),
                  glia_reshape(m->g, b, rank, dim));
}
