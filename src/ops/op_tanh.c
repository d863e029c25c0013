/* tanh: y = tanh x. */
#include "op_priv.h"

/* dy (1 - y^2): from the result, which is at hand. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value one = glia_constant(g, 1.0);

  dx[0] = glia_mul(g, dy, glia_sub(g, one, glia_mul(g, y->id, y->id)));
}

GLIA_UNARY_ONE(float, f32, GLIA_TANH(x))

GLIA_CLONES static void reference_f64(const struct glia_call *c)
{
  const double *x = c->in[0].data;
  double *y = c->out.data;
  int64_t i = 0;

  for (; i + GLIA_TANH_LANES_ <= c->out.n; i += GLIA_TANH_LANES_)
    glia_tanh_lanes_f64_(x + i, y + i);
  for (; i < c->out.n; i++) y[i] = glia_tanh_f64_(x[i]);
}

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_tanh(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_tanh_ = {
    .name = "tanh",
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

glia_value glia_tanh(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_tanh_, x);
}
