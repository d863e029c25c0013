/* stand_in: the value of one operand with the derivative of another, which stands in for it: a rounding that passes gradients on, a spike
 * with the slope of a smooth step.  Source: bengio2013. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  (void)g;
  (void)y;
  dx[1] = dy;
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  (void)g;
  (void)y;
  return t[1];
}

static glia_value stand_in(const struct glia_node *y) { return y->in[1]; }

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    const int64_t n = c->out.n;                                                                    \
    for (int64_t i = 0; i < n; i++) y[i] = x[i];                                                   \
  }
GLIA_EACH_FLOAT(KERNEL)

/* round(x) with the derivative of tanh(x), and two free operands. */
static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {3, 5};

  if (k > 1) return GLIA_NONE;
  const glia_value x = glia_sample_real(s, 2, dim, -2.0, 2.0);
  if (k == 0) return glia_stand_in(s->g, glia_round(s->g, x), glia_tanh(s->g, x));
  return glia_stand_in(s->g, x, glia_sample_real(s, 2, dim, -2.0, 2.0));
}

const struct glia_op glia_op_stand_in_ = {
    .name = "stand_in",
    .source = "bengio2013",
    .n_in = 2,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = glia_vmap_elementwise_,
    .derivative = GLIA_DERIVATIVE_SURROGATE,
    .stand_in = stand_in,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 0.0,
    .sample = sample,
};

glia_value glia_stand_in(struct glia_graph *g, glia_value value, glia_value surrogate)
{
  return glia_binary_(g, &glia_op_stand_in_, value, surrogate, NULL);
}
