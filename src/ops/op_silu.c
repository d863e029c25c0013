/* silu: y = x s(x), with s the logistic function.  Source: elfwing2017 (arXiv:1702.03118). */
#include "op_priv.h"

/* dL/dx = dL/dy s (1 + x (1 - s)), built from primitives: so it can be differentiated again. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value x = y->in[0];
  const glia_value s = glia_sigmoid(g, x);
  const glia_value one = glia_constant(g, 1.0);

  dx[0] = glia_mul(g, dy, glia_mul(g, s, glia_add(g, one, glia_mul(g, x, glia_sub(g, one, s)))));
}

/* Reference kernel for each float type: the oracle in every test of a faster one. */
GLIA_UNARY((double)x / (1 + GLIA_EXP(-x)))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_silu(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -4.0, 4.0));
}

const struct glia_op glia_op_silu_ = {
    .name = "silu",
    .source = "elfwing2017",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_, /* the only stage that may fail */
    .vjp = vjp,                 /* NULL: no gradient */
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .derivative = GLIA_DERIVATIVE_EXACT,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 4.0,
    .sample = sample, /* inputs on which the table test checks value, first and second derivative */
};

glia_value glia_silu(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_silu_, x);
}
