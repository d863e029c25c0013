/* log1p: y = ln(1 + x), exact near 0. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_div(g, dy, glia_add(g, glia_constant(g, 1.0), y->in[0]));
}

GLIA_UNARY(log1p(x))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_log1p(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -0.6, 2.0));
}

const struct glia_op glia_op_log1p_ = {
    .name = "log1p",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 10.0,
    .sample = sample,
};

glia_value glia_log1p(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_log1p_, x);
}
