/* sign: y = -1, 0 or 1; a NaN stays. Piecewise constant: no derivative. */
#include "op_priv.h"

GLIA_UNARY(x > 0 ? 1 : x < 0 ? -1 : x)

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_sign(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_sign_ = {
    .name = "sign",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vmap = glia_vmap_elementwise_,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_sign(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_sign_, x);
}
