/* external: a call-back as a node of several results. Its derivative is a rule around its first result (glia_custom). */
#include "control_priv.h"

/* attr.i: a body that only names the call-back */
enum { CALL };

static glia_status types(const struct glia_graph *g, const struct glia_node *n,
                         struct glia_type *out)
{
  const struct glia_external *e = glia_body_of_(g, n, CALL)->external;
  struct glia_type in[GLIA_MAX_IN];

  for (int i = 0; i < n->n_in; i++) in[i] = g->node[n->in[i]]->type;
  return e->infer(e->self, n->n_in, in, out);
}

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  struct glia_type out[GLIA_EXTERNAL_MAX_OUT];

  GLIA_TRY(types(g, n, out));
  n->type = glia_type_make(GLIA_U8, 1, (int64_t[]){0});
  return GLIA_OK;
}

static int count(const struct glia_graph *g, const struct glia_node *y)
{
  return glia_body_of_(g, y, CALL)->external->n_out;
}

static struct glia_type type(const struct glia_graph *g, const struct glia_node *y, int k)
{
  struct glia_type out[GLIA_EXTERNAL_MAX_OUT];
  const glia_status st = types(g, y, out); /* it has passed infer on the same types */

  return st == GLIA_OK ? out[k] : (struct glia_type){0};
}

/* One sample after another: a loop over the batch. */
static void vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                 const glia_value *in, const bool *batched, glia_value *yb)
{
  const struct glia_external *e = glia_body_of_(g, y, CALL)->external;
  struct glia_body *b = glia_body_begin(g);
  glia_value one[GLIA_MAX_IN], out[GLIA_EXTERNAL_MAX_OUT];

  if (b == NULL) return;
  for (int i = 0; i < y->n_in; i++)
    one[i] = glia_body_lead_(b, batched[i] ? ROLE_EACH : ROLE_CAPTURE, in[i]);
  glia_external(b->g, e, y->n_in, one, NULL, out);
  for (int k = 0; k < e->n_out; k++) glia_body_stack(b, out[k]);
  glia_scan(g, &b, &(struct glia_scan_options){.steps = size}, NULL, yb);
}

static const struct glia_many many = {.count = count, .type = type, .vmap = vmap};

const struct glia_op glia_op_external_ = {
    .name = "external",
    .n_in = -1,
    .key = -1,
    .n_bodies = 1,
    .many = &many,
    .infer = infer,
    .derivative = GLIA_DERIVATIVE_NONE, /* of its own: a rule stands around it */
};

void glia_external(struct glia_graph *g, const struct glia_external *e, int n_in,
                   const glia_value *in, const struct glia_custom *rule, glia_value *out)
{
  struct glia_attr attr = {0};

  for (int k = 0; k < e->n_out; k++) out[k] = GLIA_NONE;
  if (g->status != GLIA_OK) return;
  if (e->n_out < 1 || e->n_out > GLIA_EXTERNAL_MAX_OUT) {
    glia_graph_fail(g, GLIA_E_ARGUMENT, "external %s has %d results, expected 1 to %d", e->name,
                    e->n_out, GLIA_EXTERNAL_MAX_OUT);
    return;
  }
  struct glia_body *b = glia_body_begin(g);
  if (b == NULL) return;
  b->external = e;
  attr.i[CALL] = glia_body_intern_(g, &b);
  const glia_value y =
      attr.i[CALL] == 0 ? GLIA_NONE : glia_node_add(g, &glia_op_external_, n_in, in, &attr);
  if (y == GLIA_NONE) return;
  for (int k = 0; k < e->n_out; k++) out[k] = result_of(g->node[y], k);
  if (rule != NULL) out[0] = glia_custom(g, out[0], n_in, in, rule);
}
