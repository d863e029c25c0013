/* pow: y = a^b, a > 0 unless b is a constant. */
#include "op_priv.h"

/* da = dy b a^(b - 1), db = dy y ln a */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value a = y->in[0], b = y->in[1];
  const glia_value less = glia_pow(g, a, glia_sub(g, b, glia_constant(g, 1.0)));

  dx[0] = glia_mul(g, dy, glia_mul(g, b, less));
  if (!glia_is_full(g, b, NULL)) dx[1] = glia_mul(g, dy, glia_mul(g, y->id, glia_ln(g, a)));
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const glia_value a = n->in[0];
  double b;

  if (!glia_is_full(g, n->in[1], &b)) return GLIA_NONE;
  if (b == 0.0) return glia_full(g, n->type, 1.0); /* as C has it, for a NaN too */
  if (b == 1.0) return a;
  if (b == 2.0) return glia_mul(g, a, a);
  if (b == 0.5) return glia_sqrt(g, a);
  if (b == -1.0) return glia_div(g, glia_constant(g, 1.0), a);
  return GLIA_NONE;
}

GLIA_BINARY(pow(a, b))

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 0) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, 2, (int64_t[]){3, 5}, 0.3, 2.0);
  return glia_pow(s->g, a, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_pow_ = {
    .name = "pow",
    .n_in = 2,
    .elementwise = true,
    .infer = glia_infer_float_,
    .simplify = simplify,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 16.0,
    .sample = sample,
};

glia_value glia_pow(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_binary_(g, &glia_op_pow_, a, b, NULL);
}
