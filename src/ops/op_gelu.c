/* gelu: y = x P(x), with P the distribution function of a standard normal variable; or its tanh form
 * y = x (1 + tanh(c (x + d x^3))) / 2, c = sqrt(2/pi), d = 0.044715.  Source: hendrycks2016 (arXiv:1606.08415). */
#include "op_priv.h"
#include "real_priv.h"

static const double c0 = 0x1.9884533d43651p-1, /* sqrt(2/pi) */
    d0 = 0.044715,                             /* of the paper */
    r0 = 0x1.6a09e667f3bcdp-1,                 /* 1/sqrt(2) */
    p0 = 0x1.9884533d43651p-2;                 /* 1/sqrt(2 pi) */

/* P(x) + x P'(x) */
static glia_value slope(struct glia_graph *g, glia_value x)
{
  const glia_value half = glia_constant(g, 0.5);
  const glia_value distribution = glia_mul(
      g, half,
      glia_add(g, glia_constant(g, 1.0), glia_erf(g, glia_mul(g, x, glia_constant(g, r0)))));
  const glia_value density = glia_mul(
      g, glia_constant(g, p0), glia_exp(g, glia_mul(g, glia_constant(g, -0.5), glia_mul(g, x, x))));

  return glia_add(g, distribution, glia_mul(g, x, density));
}

/* (1 + t) / 2 + x (1 - t^2) c (1 + 3 d x^2) / 2, t = tanh(c (x + d x^3)) */
static glia_value slope_tanh(struct glia_graph *g, glia_value x)
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

/* attr.i[0]: the tanh form */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value x = y->in[0];

  dx[0] = glia_mul(g, dy, y->attr.i[0] != 0 ? slope_tanh(g, x) : slope(g, x));
}

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *call)                         \
  {                                                                                                \
    const T *x = call->in[0].data;                                                                 \
    T *y = call->out.data;                                                                         \
    const T c = (T)c0, d = (T)d0, half = (T)0.5;                                                   \
    if (call->attr->i[0] != 0)                                                                     \
      for (int64_t i = 0; i < call->out.n; i++)                                                    \
        y[i] = (T)((double)(half * x[i]) * (1 + GLIA_TANH(c * x[i] * (1 + d * x[i] * x[i]))));     \
    else                                                                                           \
      for (int64_t i = 0; i < call->out.n; i++)                                                    \
        y[i] = (T)(0.5 * (double)x[i] * GLIA_ERFC(x[i], -r0 * (double)x[i]));                      \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 1) return GLIA_NONE;
  const glia_value x = glia_sample_real(s, 2, (int64_t[]){3, 5}, -4.0, 4.0);
  return k == 0 ? glia_gelu(s->g, x) : glia_gelu_tanh(s->g, x);
}

const struct glia_op glia_op_gelu_ = {
    .name = "gelu",
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
  return glia_unary_(g, &glia_op_gelu_, x);
}

glia_value glia_gelu_tanh(struct glia_graph *g, glia_value x)
{
  const struct glia_attr attr = {.i = {1}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_gelu_, 1, &x, &attr);
}
