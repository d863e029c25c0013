/* What normalising layers share. */
#include "glia_control.h"
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

/* x: x, 1 / root, total and, where there are any, counts. With means over what counts: dx = (dy - mean dy - y mean(dy y)) / root. */
static void vjp_normal(struct glia_graph *g, void *self, const glia_value *x, glia_value y,
                       glia_value dy, glia_value *dx)
{
  const struct nn_normal *n = self;
  const glia_value sum = glia_reduce_sum(g, dy, n->n_axes, n->axes, true);
  const glia_value slope = glia_reduce_sum(g, glia_mul(g, dy, y), n->n_axes, n->axes, true);
  glia_value part = glia_add(g, glia_div(g, sum, x[2]), glia_mul(g, y, glia_div(g, slope, x[2])));

  if (n->counts != GLIA_NONE) part = glia_mul(g, x[3], part);
  dx[0] = glia_mul(g, glia_sub(g, dy, part), x[1]);
}

glia_value glia_normal_(struct glia_graph *g, glia_value x, const struct nn_normal *n)
{
  struct nn_normal own = *n;
  const struct glia_custom rule = {.self = &own, .vjp = vjp_normal};
  const glia_value root = glia_sqrt(g, glia_add(g, n->variance, glia_constant(g, n->eps)));
  const glia_value one_by = glia_div(g, glia_constant(g, 1.0), root);
  const glia_value y = glia_mul(g, glia_sub(g, x, n->mean), one_by);

  if (y == GLIA_NONE) return GLIA_NONE;
  return glia_custom(g, y, n->counts != GLIA_NONE ? 4 : 3,
                     (glia_value[]){x, one_by, n->total, n->counts}, &rule);
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
