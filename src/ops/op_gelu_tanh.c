/* gelu: y = x P(x), with P the distribution function of a standard normal variable: two nodes, so that the reverse pass finds P(x)
 * made. Its tanh form is an operator: y = x (1 + tanh(c (x + d x^3))) / 2, c = sqrt(2/pi), d = 0.044715.
 * Source: hendrycks2016 (arXiv:1606.08415). */
#include "op_priv.h"
#include "real_priv.h"

static const double c0 = 0x1.9884533d43651p-1, /* sqrt(2/pi) */
    d0 = 0.044715;                             /* of the paper */

/* (1 + t) / 2 + x (1 - t^2) c (1 + 3 d x^2) / 2, t = tanh(c (x + d x^3)) */
static glia_value slope(struct glia_graph *g, glia_value x)
{
  const glia_value one = glia_constant(g, 1.0), half = glia_constant(g, 0.5);
  const glia_value square = glia_mul(g, x, x);
  const glia_value inner = glia_mul(g, glia_mul(g, glia_constant(g, c0), x),
                                    glia_add(g, one, glia_mul(g, glia_constant(g, d0), square)));
  const glia_value t = glia_tanh(g, inner);
  const glia_value rise = glia_mul(
      g, glia_constant(g, c0), glia_add(g, one, glia_mul(g, glia_constant(g, 3.0 * d0), square)));
  const glia_value bend = glia_mul(g, x, glia_sub(g, one, glia_mul(g, t, t)));

  return glia_mul(g, half, glia_add(g, glia_add(g, one, t), glia_mul(g, bend, rise)));
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_mul(g, dy, slope(g, y->in[0]));
}

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *call)                         \
  {                                                                                                \
    const T *x = call->in[0].data;                                                                 \
    T *y = call->out.data;                                                                         \
    const T c = (T)c0, d = (T)d0, half = (T)0.5;                                                   \
    for (int64_t i = 0; i < call->out.n; i++)                                                      \
      y[i] = (T)((double)(half * x[i]) * (1 + GLIA_TANH(c * x[i] * (1 + d * x[i] * x[i]))));       \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_gelu_tanh(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -4.0, 4.0));
}

const struct glia_op glia_op_gelu_tanh_ = {
    .name = "gelu_tanh",
    .source = "hendrycks2016",
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

glia_value glia_gelu(struct glia_graph *g, glia_value x)
{
  return glia_mul(g, x, glia_normal_cdf(g, x));
}

glia_value glia_gelu_tanh(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_gelu_tanh_, x);
}
