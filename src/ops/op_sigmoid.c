/* sigmoid: y = 1 / (1 + e^-x), the logistic function. */
#include "op_priv.h"

/* dy y (1 - y) */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value one = glia_constant(g, 1.0);

  dx[0] = glia_mul(g, dy, glia_mul(g, y->id, glia_sub(g, one, y->id)));
}

/* e^-x may overflow to infinity: y is 0 then, as it should be. */
GLIA_UNARY(1 / (1 + GLIA_EXP(-x)))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_sigmoid(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -4.0, 4.0));
}

const struct glia_op glia_op_sigmoid_ = {
    .name = "sigmoid",
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

glia_value glia_sigmoid(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_sigmoid_, x);
}
