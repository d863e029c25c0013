/* receive: what another stage sent, on the stage that it was sent to. On one process nothing moves: a view. */
#include "glia_transfer.h"
#include "op_priv.h"

/* attr.i: from, to */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  n->type = *glia_type_of_(g, n->in[0]);
  return GLIA_OK;
}

/* The adjoint of a message is the message back. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_send(g, dy, (int)y->attr.i[1], (int)y->attr.i[0]);
}

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 0) return GLIA_NONE;
  return glia_receive(s->g,
                      glia_send(s->g, glia_sample_real(s, 2, (int64_t[]){2, 4}, -2.0, 2.0), 2, 0));
}

const struct glia_op glia_op_receive_ = {
    .name = "receive",
    .n_in = 1,
    .view = true,
    .linear = true,
    .infer = infer,
    .vjp = vjp,
    .vmap = glia_vmap_elementwise_,
    .sample = sample,
};

glia_value glia_receive(struct glia_graph *g, glia_value sent)
{
  const struct glia_node *n = glia_graph_node(g, sent);

  if (n == NULL) return GLIA_NONE;
  if (n->op != &glia_op_send_)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "receive of what nobody sent: %s", n->op->name);
  const struct glia_attr attr = {.i = {n->attr.i[0], n->attr.i[1]}};
  return glia_node_add(g, &glia_op_receive_, 1, &sent, &attr);
}
