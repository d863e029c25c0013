/* atan2: y = the angle of the point (b, a), in [-pi, pi]. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value a = y->in[0], b = y->in[1];
  const glia_value square = glia_add(g, glia_mul(g, a, a), glia_mul(g, b, b));

  dx[0] = glia_mul(g, dy, glia_div(g, b, square));
  dx[1] = glia_neg(g, glia_mul(g, dy, glia_div(g, a, square)));
}

GLIA_BINARY(atan2(a, b))

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {3, 5};

  if (k > 0) return GLIA_NONE;
  const glia_value a = glia_sample_away(s, 2, dim, -2.0, 2.0, 0.0, 0.3);
  return glia_atan2(s->g, a, glia_sample_real(s, 2, dim, -2.0, 2.0));
}

const struct glia_op glia_op_atan2_ = {
    .name = "atan2",
    .n_in = 2,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 20.0,
    .sample = sample,
};

glia_value glia_atan2(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_binary_(g, &glia_op_atan2_, a, b, NULL);
}
