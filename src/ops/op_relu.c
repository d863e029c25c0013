/* relu: y = max(x, 0); a NaN stays. The derivative at 0 is 0. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value zero = glia_constant(g, 0.0);

  dx[0] = glia_select(g, glia_compare(g, GLIA_GT, y->in[0], zero), dy, zero);
}

GLIA_UNARY(x < 0 ? 0 : x)

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_relu(s->g, glia_sample_away(s, 2, (int64_t[]){3, 5}, -2.0, 2.0, 0.0, 0.05));
}

const struct glia_op glia_op_relu_ = {
    .name = "relu",
    .source = "nair2010",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_relu(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_relu_, x);
}
