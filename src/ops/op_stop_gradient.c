/* stop_gradient: y = x, and no derivative passes. A view: nothing is computed. */
#include "op_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  n->type = *glia_type_of_(g, n->in[0]);
  return GLIA_OK;
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *x = glia_graph_node(g, n->in[0]);

  return glia_is_full(g, x->id, NULL) || x->op == &glia_op_stop_gradient_ ? x->id : GLIA_NONE;
}

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_stop_gradient(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_stop_gradient_ = {
    .name = "stop_gradient",
    .n_in = 1,
    .view = true,
    .infer = infer,
    .simplify = simplify,
    .vmap = glia_vmap_elementwise_,
    .derivative = GLIA_DERIVATIVE_NONE,
    .sample = sample,
};

glia_value glia_stop_gradient(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_stop_gradient_, x);
}
