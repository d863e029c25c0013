/* normal_cdf: y = P(x), the distribution function of a standard normal variable. */
#include "op_priv.h"
#include "real_priv.h"

/* e^(-x^2/2) / sqrt(2 pi) */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value x = y->in[0], half = glia_constant(g, -0.5);

  dx[0] = glia_mul(g, dy,
                   glia_mul(g, glia_constant(g, 0x1.9884533d43651p-2), /* 1/sqrt(2 pi) */
                            glia_exp(g, glia_mul(g, half, glia_mul(g, x, x)))));
}

GLIA_UNARY(GLIA_NORMAL_CDF(x))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_normal_cdf(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -4.0, 4.0));
}

const struct glia_op glia_op_normal_cdf_ = {
    .name = "normal_cdf",
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

glia_value glia_normal_cdf(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_normal_cdf_, x);
}
