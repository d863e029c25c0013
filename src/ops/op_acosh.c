/* acosh: y = ln(x + sqrt(x^2 - 1)), x >= 1. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value x = y->in[0];

  dx[0] = glia_div(g, dy,
                   glia_sqrt(g, glia_mul(g, glia_sub(g, x, glia_constant(g, 1.0)),
                                         glia_add(g, x, glia_constant(g, 1.0)))));
}

GLIA_UNARY(acosh(x))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_acosh(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, 1.5, 4.0));
}

const struct glia_op glia_op_acosh_ = {
    .name = "acosh",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 20.0,
    .sample = sample,
};

glia_value glia_acosh(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_acosh_, x);
}
