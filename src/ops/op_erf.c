/* erf: y = erf x = 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value x = y->in[0];
  const glia_value slope = glia_mul(g, glia_constant(g, 0x1.20dd750429b6dp+0), /* 2/sqrt(pi) */
                                    glia_exp(g, glia_neg(g, glia_mul(g, x, x))));

  dx[0] = glia_mul(g, dy, slope);
}

GLIA_UNARY(GLIA_ERF(x))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_erf(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.5, 2.5));
}

const struct glia_op glia_op_erf_ = {
    .name = "erf",
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

glia_value glia_erf(struct glia_graph *g, glia_value x) { return glia_unary_(g, &glia_op_erf_, x); }
