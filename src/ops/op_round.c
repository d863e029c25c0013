/* round: nearest whole number, halves to the even one; a NaN stays. Piecewise constant: no derivative. */
#include "op_priv.h"

GLIA_UNARY(rint(x))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_round(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -3.0, 3.0));
}

const struct glia_op glia_op_round_ = {
    .name = "round",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vmap = glia_vmap_elementwise_,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_round(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_round_, x);
}
