/* logaddexp: y = ln(e^a + e^b), without overflow. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value a = y->in[0], b = y->in[1];
  const glia_value d = glia_sub(g, a, b);

  dx[0] = glia_mul(g, dy, glia_sigmoid(g, d));
  dx[1] = glia_mul(g, dy, glia_sigmoid(g, glia_neg(g, d)));
}

/* Two infinities of one sign are their own sum. */
GLIA_BINARY(a == b ? (double)a + 0.69314718055994530942
                   : (double)(a > b ? a : b) + log1p((double)GLIA_EXP(-fabs(a - b))))

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {3, 5};

  if (k > 0) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, 2, dim, -4.0, 4.0);
  return glia_logaddexp(s->g, a, glia_sample_real(s, 2, dim, -4.0, 4.0));
}

const struct glia_op glia_op_logaddexp_ = {
    .name = "logaddexp",
    .source = "blanchard2021",
    .n_in = 2,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 16.0,
    .sample = sample,
};

glia_value glia_logaddexp(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_binary_(g, &glia_op_logaddexp_, a, b, NULL);
}
