/* send: x on its way from one stage to another, where `receive` takes it. On one process nothing moves: a view. */
#include "glia_transfer.h"
#include "op_priv.h"

/* attr.i: from, to */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  GLIA_CHECK(n->attr.i[0] >= 0 && n->attr.i[1] >= 0, GLIA_E_ARGUMENT,
             "send from stage %lld to %lld", (long long)n->attr.i[0], (long long)n->attr.i[1]);
  n->type = *glia_type_of_(g, n->in[0]);
  return GLIA_OK;
}

/* What comes back was sent by the rule of `receive`. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const struct glia_attr back = {.i = {y->attr.i[1], y->attr.i[0]}};

  dx[0] = glia_node_add(g, &glia_op_receive_, 1, &dy, &back);
}

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_send(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0), 0, 1);
}

const struct glia_op glia_op_send_ = {
    .name = "send",
    .n_in = 1,
    .view = true,
    .linear = true,
    .infer = infer,
    .vjp = vjp,
    .vmap = glia_vmap_elementwise_,
    .sample = sample,
};

glia_value glia_send(struct glia_graph *g, glia_value x, int from, int to)
{
  if (x == GLIA_NONE) return GLIA_NONE;
  return glia_node_add(g, &glia_op_send_, 1, &x, &(struct glia_attr){.i = {from, to}});
}
