/* exp: y = e^x. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_mul(g, dy, y->id);
}

GLIA_UNARY(GLIA_EXP_SHORT(x))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_exp(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_exp_ = {
    .name = "exp",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 8.0,
    .sample = sample,
};

glia_value glia_exp(struct glia_graph *g, glia_value x) { return glia_unary_(g, &glia_op_exp_, x); }
