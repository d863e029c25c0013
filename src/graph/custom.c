/* Derivatives of one's own: custom (a given rule), recompute (reverse mode from a second computation), after (an order).
 *
 * All are views of the value they mark: they cost nothing when the program runs. A rule is a body with inputs x, y and
 * dy (or tangents of x), put into the graph where a derivative is asked for.
 */
#include "control_priv.h"

#include <stdlib.h>

/* attr.i: bodies of the reverse and the forward rule */
enum { REVERSE, FORWARD };

/* after: x, in units that wait for `then` and join no earlier one. Keeps a second computation from being the first. */

static glia_status infer_first(const struct glia_graph *g, struct glia_node *n)
{
  n->type = g->node[n->in[0]]->type;
  return GLIA_OK;
}

static void vjp_after(struct glia_graph *g, const struct glia_node *y, glia_value dy,
                      glia_value *dx)
{
  (void)g;
  (void)y;
  dx[0] = dy;
}

static glia_value jvp_after(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  (void)g;
  (void)y;
  return t[0];
}

static glia_value vmap_after(struct glia_graph *g, const struct glia_node *y, int64_t size,
                             const glia_value *in, const bool *batched)
{
  const glia_value x = batched[0] ? in[0] : g->basis->tile(g, in[0], size);

  return glia_node_add(g, y->op, 2, (glia_value[]){x, in[1]}, &y->attr);
}

const struct glia_op glia_op_after_ = {
    .name = "after",
    .n_in = 2,
    .view = true,
    .key = -1,
    .infer = infer_first,
    .vjp = vjp_after,
    .jvp = jvp_after,
    .vmap = vmap_after,
};

/* custom and recompute: operands y, x... */

static void arguments(const struct glia_node *n, glia_value *arg)
{
  for (int i = 1; i < n->n_in; i++) arg[i - 1] = n->in[i];
  arg[n->n_in - 1] = n->id;
}

/* dx [x] from the reverse rule. */
static void pull(struct glia_graph *g, const struct glia_node *n, glia_value dy, glia_value *dx)
{
  const struct glia_body *f = glia_body_of_(g, n, REVERSE);
  glia_value arg[GLIA_MAX_IN + 1], root[GLIA_MAX_IN];

  arguments(n, arg);
  arg[n->n_in] = dy;
  if (n->op == &glia_op_recompute_)
    for (int i = 0; i < n->n_in - 1; i++)
      arg[i] = glia_node_add(g, &glia_op_after_, 2, (glia_value[]){arg[i], dy}, NULL);
  for (int i = 0; i < f->n_out; i++) root[i] = f->out[i].value;
  glia_inline_(g, f, arg, f->n_out, root, dx);
}

static glia_value push(struct glia_graph *g, const struct glia_node *n, const glia_value *t)
{
  const struct glia_body *f = glia_body_of_(g, n, FORWARD);
  glia_value arg[2 * GLIA_MAX_IN], ty = GLIA_NONE;

  arguments(n, arg);
  for (int i = 1; i < n->n_in; i++)
    arg[n->n_in + i - 1] = t[i] != GLIA_NONE ? t[i] : glia_zeros_like_(g, n->in[i]);
  glia_inline_(g, f, arg, 1, &f->out[0].value, &ty);
  return ty;
}

/* A rule is linear, so its transpose is its derivative by what it is linear in, wherever that is: at a hole. */
static void vjp_custom(struct glia_graph *g, const struct glia_node *n, glia_value dy,
                       glia_value *dx)
{
  glia_value t[GLIA_MAX_IN], dt[GLIA_MAX_IN];

  if (glia_body_of_(g, n, REVERSE) != NULL) {
    pull(g, n, dy, dx + 1);
    return;
  }
  for (int i = 0; i < n->n_in; i++) t[i] = glia_hole_(g, g->node[n->in[i]]->type);
  const glia_value ty = push(g, n, t);
  glia_vjp(g, 1, &ty, &dy, n->n_in - 1, t + 1, dt);
  for (int i = 1; i < n->n_in; i++) dx[i] = dt[i - 1];
}

static glia_value jvp_custom(struct glia_graph *g, const struct glia_node *n, const glia_value *t)
{
  glia_value dx[GLIA_MAX_IN], ty = GLIA_NONE;
  bool any = false;

  for (int i = 1; i < n->n_in; i++) any |= t[i] != GLIA_NONE;
  if (!any) return GLIA_NONE; /* through y itself nothing passes */
  if (glia_body_of_(g, n, FORWARD) != NULL) return push(g, n, t);
  const glia_value dy = glia_hole_(g, n->type);
  pull(g, n, dy, dx);
  for (int i = 1; i < n->n_in; i++)
    if (t[i] == GLIA_NONE) dx[i - 1] = GLIA_NONE;
  glia_vjp(g, n->n_in - 1, dx, t + 1, 1, &dy, &ty);
  return ty;
}

/* A rule for all samples at once: its inputs and results with a new axis 0. */
static int64_t batch_rule(struct glia_graph *g, const struct glia_body *f, int64_t size)
{
  glia_value hole[2 * GLIA_MAX_IN], filled[2 * GLIA_MAX_IN], root[GLIA_MAX_IN], one[GLIA_MAX_IN],
      all[GLIA_MAX_IN];
  struct glia_body *b = f != NULL ? glia_body_begin(g) : NULL;

  if (b == NULL) return 0;
  for (int i = 0; i < f->n_in; i++) {
    const struct glia_type *t = &f->g->input[i].type;
    int64_t dim[GLIA_MAX_RANK + 1] = {size};
    for (int a = 0; a < t->rank; a++) dim[a + 1] = t->dim[a];
    if (t->rank == GLIA_MAX_RANK) {
      glia_graph_fail(b->g, GLIA_E_SHAPE, "more than %d axes", GLIA_MAX_RANK);
      break;
    }
    hole[i] = glia_hole_(b->g, *t);
    filled[i] = glia_body_input_(b, glia_type_make(t->dtype, t->rank + 1, dim));
  }
  for (int o = 0; o < f->n_out; o++) root[o] = f->out[o].value;
  if (b->g->status == GLIA_OK) glia_inline_(b->g, f, hole, f->n_out, root, one);
  for (int o = 0; o < f->n_out && b->g->status == GLIA_OK; o++) {
    if (one[o] == GLIA_NONE) one[o] = glia_zeros_like_(b->g, hole[o]);
    glia_vmap(b->g, size, f->n_in, hole, filled, 1, &one[o], &all[o]);
    glia_body_stack(b, all[o]);
  }
  return glia_body_intern_(g, &b);
}

static glia_value vmap_custom(struct glia_graph *g, const struct glia_node *n, int64_t size,
                              const glia_value *in, const bool *batched)
{
  glia_value all[GLIA_MAX_IN];
  struct glia_attr attr = n->attr;

  for (int i = 0; i < n->n_in; i++) all[i] = batched[i] ? in[i] : g->basis->tile(g, in[i], size);
  for (int k = REVERSE; k <= FORWARD; k++) attr.i[k] = batch_rule(g, glia_body_of_(g, n, k), size);
  return glia_node_add(g, n->op, n->n_in, all, &attr);
}

const struct glia_op glia_op_custom_ = {
    .name = "custom",
    .n_in = -1,
    .view = true,
    .key = -1,
    .n_bodies = 2,
    .infer = infer_first,
    .vjp = vjp_custom,
    .jvp = jvp_custom,
    .vmap = vmap_custom,
    .derivative = GLIA_DERIVATIVE_SURROGATE,
};

const struct glia_op glia_op_recompute_ = {
    .name = "recompute",
    .source = "chen2016",
    .n_in = -1,
    .view = true,
    .key = -1,
    .n_bodies = 2,
    .infer = infer_first,
    .vjp = vjp_custom,
    .jvp = jvp_custom,
    .vmap = vmap_custom,
};

/* Build rules. */

/* Inputs of a rule: x [n_x], y. */
static struct glia_body *rule_begin(struct glia_graph *g, int n_x, const glia_value *x,
                                    glia_value y, glia_value *in)
{
  struct glia_body *b = glia_body_begin(g);

  for (int i = 0; b != NULL && i < n_x; i++) in[i] = glia_body_input_(b, g->node[x[i]]->type);
  if (b != NULL) in[n_x] = glia_body_input_(b, g->node[y]->type);
  return b;
}

/* Results of the reverse rule: types of x, a splat of zeros where there is none. */
static void let_out(struct glia_body *b, int n_x, const glia_value *in, const glia_value *dx)
{
  for (int i = 0; i < n_x && b->g->status == GLIA_OK; i++) {
    char found[128], wanted[128];
    const glia_value d = dx[i] != GLIA_NONE ? dx[i] : glia_zeros_like_(b->g, in[i]);
    const struct glia_type *is = &b->g->node[d]->type, *want = &b->g->node[in[i]]->type;
    if (!glia_type_equal(is, want))
      glia_graph_fail(b->g, GLIA_E_SHAPE, "a rule's derivative by x[%d] is %s, expected %s", i,
                      glia_type_text(is, found, sizeof found),
                      glia_type_text(want, wanted, sizeof wanted));
    else
      glia_body_stack(b, d);
  }
}

static int64_t reverse_rule(struct glia_graph *g, int n_x, const glia_value *x, glia_value y,
                            const struct glia_custom *rule)
{
  glia_value in[GLIA_MAX_IN], dx[GLIA_MAX_IN];
  struct glia_body *b = rule_begin(g, n_x, x, y, in);

  if (b == NULL) return 0;
  const glia_value dy = glia_body_input_(b, g->node[y]->type);
  for (int i = 0; i < n_x; i++) dx[i] = GLIA_NONE;
  rule->vjp(b->g, rule->self, in, in[n_x], dy, dx);
  let_out(b, n_x, in, dx);
  return glia_body_intern_(g, &b);
}

static int64_t forward_rule(struct glia_graph *g, int n_x, const glia_value *x, glia_value y,
                            const struct glia_custom *rule)
{
  glia_value in[GLIA_MAX_IN], t[GLIA_MAX_IN];
  struct glia_body *b = rule_begin(g, n_x, x, y, in);

  if (b == NULL) return 0;
  for (int i = 0; i < n_x; i++) t[i] = glia_body_input_(b, g->node[x[i]]->type);
  const glia_value ty = rule->jvp(b->g, rule->self, in, in[n_x], t);
  let_out(b, 1, &in[n_x], &ty);
  return glia_body_intern_(g, &b);
}

/* The node of `op` over y, x [n_x]. */
static glia_value mark(struct glia_graph *g, const struct glia_op *op, glia_value y, int n_x,
                       const glia_value *x, const struct glia_custom *rule)
{
  glia_value in[GLIA_MAX_IN] = {y};
  struct glia_attr attr = {0};
  double number;

  if (glia_graph_node(g, y) == NULL || g->status != GLIA_OK) return GLIA_NONE;
  if (2 * n_x + 1 >= GLIA_MAX_IN)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "%s by %d values, at most %d", op->name, n_x,
                           GLIA_MAX_IN / 2 - 1);
  for (int i = 0; i < n_x; i++) {
    if (glia_graph_node(g, x[i]) == NULL)
      return glia_graph_fail(g, GLIA_E_ARGUMENT, "%s: x[%d] has no value", op->name, i);
    in[i + 1] = x[i];
  }
  if (glia_is_full(g, y, &number)) return y; /* nothing to be derived */
  if (rule->vjp != NULL) attr.i[REVERSE] = reverse_rule(g, n_x, x, y, rule);
  if (rule->jvp != NULL) attr.i[FORWARD] = forward_rule(g, n_x, x, y, rule);
  return glia_node_add(g, op, n_x + 1, in, &attr);
}

glia_value glia_custom(struct glia_graph *g, glia_value y, int n_x, const glia_value *x,
                       const struct glia_custom *rule)
{
  if (rule->vjp == NULL && rule->jvp == NULL)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "custom without a rule");
  return mark(g, &glia_op_custom_, y, n_x, x, rule);
}

/* What recompute computes again: from values x [n_x] of `from`, in which y is computed. */
struct segment {
  const struct glia_graph *from;
  int n_x;
  const glia_value *x;
  glia_value y;
};

static glia_value again(struct glia_graph *g, const struct segment *s, const glia_value *x)
{
  glia_value *map = glia_values_(s->from->n);
  glia_value y = GLIA_NONE;

  if (map == NULL) return glia_graph_fail(g, GLIA_E_MEMORY, "a second computation");
  for (int i = 0; i < s->n_x; i++) map[s->x[i]] = x[i];
  glia_replay_(g, s->from, 1, &s->y, map);
  if (g->status == GLIA_OK) y = map[s->y];
  free(map);
  return y;
}

static void vjp_again(struct glia_graph *g, void *self, const glia_value *x, glia_value y,
                      glia_value dy, glia_value *dx)
{
  const struct segment *s = self;
  const glia_value second = again(g, s, x);

  (void)y;
  glia_vjp(g, 1, &second, &dy, s->n_x, x, dx);
}

static glia_value jvp_again(struct glia_graph *g, void *self, const glia_value *x, glia_value y,
                            const glia_value *t)
{
  const struct segment *s = self;
  const glia_value second = again(g, s, x);
  glia_value ty = GLIA_NONE;

  (void)y;
  glia_jvp(g, s->n_x, x, t, 1, &second, &ty);
  return ty;
}

/* Values outside that lead into what lies between x and y: x first. Returns their number, -1 when there are too many. */
static int find_border(const struct glia_graph *g, glia_value y, int n_x, const glia_value *x,
                       bool *inside, bool *need, glia_value *border)
{
  int n = 0;

  for (int i = 0; i < n_x; i++) {
    inside[x[i]] = false;
    border[n++] = x[i];
  }
  need[y] = inside[y];
  for (int32_t v = y; v >= 0; v--)
    for (int i = 0; need[v] && inside[v] && i < g->node[v]->n_in; i++)
      need[g->node[v]->in[i]] = true;
  for (int32_t v = 0; v <= y; v++) {
    bool known = !need[v] || inside[v] || g->node[v]->op == &glia_op_full_;
    for (int i = 0; i < n_x && !known; i++) known = x[i] == v;
    if (known) continue;
    if (2 * n + 3 >= GLIA_MAX_IN) return -1;
    border[n++] = v;
  }
  return n;
}

glia_value glia_recompute(struct glia_graph *g, glia_value y, int n_x, const glia_value *x)
{
  glia_value border[GLIA_MAX_IN];
  glia_value marked = GLIA_NONE;

  if (g->status != GLIA_OK || glia_graph_node(g, y) == NULL) return GLIA_NONE;
  for (int i = 0; i < n_x; i++)
    if (n_x > GLIA_MAX_IN / 2 || glia_graph_node(g, x[i]) == NULL)
      return glia_graph_fail(g, GLIA_E_ARGUMENT, "recompute: x[%d] has no value", i);
  bool *inside = glia_reach_(g, n_x, x), *need = calloc((size_t)g->n + 1, sizeof *need);
  if (inside == NULL || need == NULL) {
    glia_graph_fail(g, GLIA_E_MEMORY, "recompute");
  } else if (!inside[y]) {
    marked = y;
  } else {
    const int n = find_border(g, y, n_x, x, inside, need, border);
    struct segment s = {g, n, border, y};
    const struct glia_custom rule = {&s, vjp_again, jvp_again};
    if (n < 0)
      glia_graph_fail(g, GLIA_E_ARGUMENT, "recompute: more than %d values lead into the segment",
                      GLIA_MAX_IN / 2 - 2);
    else
      marked = mark(g, &glia_op_recompute_, y, n, border, &rule);
  }
  free(inside);
  free(need);
  return marked;
}
