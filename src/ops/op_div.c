/* div: y = a / b. */
#include "op_priv.h"

/* da = dy / b, db = -da y */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value da = glia_div(g, dy, y->in[1]);

  dx[0] = da;
  dx[1] = glia_neg(g, glia_mul(g, da, y->id));
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  double v;

  if (glia_is_full(g, n->in[1], &v) && v == 1.0) return n->in[0];
  if (glia_is_full(g, n->in[1], &v) && v == -1.0) return glia_neg(g, n->in[0]);
  return GLIA_NONE;
}

GLIA_BINARY(a / b)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 0) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0);
  return glia_div(s->g, a, glia_sample_real(s, 2, (int64_t[]){3, 5}, 0.5, 2.0));
}

const struct glia_op glia_op_div_ = {
    .name = "div",
    .n_in = 2,
    .elementwise = true,
    .infer = glia_infer_float_,
    .simplify = simplify,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 4.0,
    .sample = sample,
};

glia_value glia_div(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_binary_(g, &glia_op_div_, a, b, NULL);
}
