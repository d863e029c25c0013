/* softplus: y = ln(1 + e^x), computed as max(x, 0) + ln(1 + e^-|x|): no overflow. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_mul(g, dy, glia_sigmoid(g, y->in[0]));
}

GLIA_UNARY((x > 0 ? x : 0) + log1p(exp(-fabs(x))))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_softplus(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -4.0, 4.0));
}

const struct glia_op glia_op_softplus_ = {
    .name = "softplus",
    .source = "dugas2000",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 16.0,
    .sample = sample,
};

glia_value glia_softplus(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_softplus_, x);
}
