/* The associative scan of tuples as a loop: y_t = x_0 o x_1 o ... o x_t. Associativity leaves the order to who evaluates it. One
 * worker has one thread, and a tree would do about twice the operations: steps in order, from the first. The derivative is the
 * loop's, from the last step to the first: linear in the number of steps, as is the memory.  Source: blelloch1990. */
#include "control_priv.h"

/* Row t of x [steps, ...] as [...], and rows t .. steps - 1. */
static glia_value row(struct glia_graph *g, glia_value x, int64_t first, int64_t last, bool one)
{
  const struct glia_type type = g->node[x]->type;
  int64_t start[GLIA_MAX_RANK] = {first}, stop[GLIA_MAX_RANK] = {last}, step[GLIA_MAX_RANK];

  for (int k = 0; k < type.rank; k++) {
    step[k] = 1;
    if (k > 0) stop[k] = type.dim[k];
  }
  const glia_value rows = g->basis->slice(g, x, start, stop, step);
  return one ? g->basis->reshape(g, rows, type.rank - 1, &type.dim[1]) : rows;
}

static glia_value one_row(struct glia_graph *g, glia_value x)
{
  const struct glia_type type = g->node[x]->type;
  int64_t dim[GLIA_MAX_RANK + 1] = {1};

  for (int k = 0; k < type.rank; k++) dim[k + 1] = type.dim[k];
  return g->basis->reshape(g, x, type.rank + 1, dim);
}

static bool check(struct glia_graph *g, int n, const glia_value *x)
{
  if (g->status != GLIA_OK) return false;
  if (n < 1 || n > GLIA_MAX_IN / 4) {
    glia_graph_fail(g, GLIA_E_ARGUMENT, "an associative scan of %d values, expected 1 to %d", n,
                    GLIA_MAX_IN / 4);
    return false;
  }
  for (int i = 0; i < n; i++) {
    const struct glia_node *v = glia_graph_node(g, x[i]), *first = glia_graph_node(g, x[0]);
    if (v == NULL || v->type.rank < 1 || v->type.dim[0] < 1 ||
        v->type.dim[0] != first->type.dim[0]) {
      glia_graph_fail(g, GLIA_E_SHAPE,
                      "an associative scan wants values [steps, ...] of one number of steps; x[%d] "
                      "is none",
                      i);
      return false;
    }
  }
  return true;
}

void glia_associative_scan(struct glia_graph *g, int n, const glia_value *x,
                           const struct glia_associative *op, bool reverse, glia_value *y)
{
  glia_value carry[GLIA_MAX_IN], each[GLIA_MAX_IN], next[GLIA_MAX_IN], first[GLIA_MAX_IN];

  for (int i = 0; i < n; i++) y[i] = GLIA_NONE;
  if (!check(g, n, x)) return;
  const int64_t steps = g->node[x[0]]->type.dim[0], from = reverse ? steps - 1 : 0;
  if (steps == 1) {
    for (int i = 0; i < n; i++) y[i] = x[i];
    return;
  }
  struct glia_body *b = glia_body_begin(g);
  struct glia_graph *in = glia_body_graph(b);
  for (int i = 0; i < n; i++) {
    first[i] = row(g, x[i], from, from + 1, true);
    carry[i] = glia_body_carry(b, first[i]);
    each[i] = glia_body_each(b, row(g, x[i], reverse ? 0 : 1, reverse ? steps - 1 : steps, false));
    next[i] = GLIA_NONE;
  }
  if (in != NULL && in->status == GLIA_OK) op->combine(in, op->self, carry, each, next);
  for (int i = 0; i < n; i++) {
    glia_body_next(b, carry[i], next[i]);
    glia_body_stack(b, next[i]);
  }
  glia_scan(g, &b, &(struct glia_scan_options){.reverse = reverse}, NULL, next);
  for (int i = 0; i < n && g->status == GLIA_OK; i++) {
    const glia_value own = one_row(g, first[i]);
    y[i] = g->basis->concat(
        g, 2, reverse ? (glia_value[]){next[i], own} : (glia_value[]){own, next[i]}, 0);
  }
}
