/* Bodies: graphs that control-flow nodes hold. Built once, then shared between graphs and never changed. */
#include "glia_sha256.h"
#include "graph_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

glia_value *glia_values_(int64_t n)
{
  glia_value *v = malloc(((size_t)n + 1) * sizeof *v);

  for (int64_t i = 0; v != NULL && i < n; i++) v[i] = GLIA_NONE;
  return v;
}

struct glia_body *glia_body_begin(struct glia_graph *g)
{
  struct glia_body *b = g != NULL ? calloc(1, sizeof *b) : NULL;
  if (b == NULL || glia_graph_create(g->basis, &b->g) != GLIA_OK) {
    free(b);
    if (g != NULL) glia_graph_fail(g, GLIA_E_MEMORY, "a body");
    return NULL;
  }
  if (g->status != GLIA_OK) glia_graph_fail(b->g, g->status, "%s", g->message);
  b->g->is_body = true;
  b->outer = g;
  b->stop = b->count = GLIA_NONE;
  return b;
}

struct glia_graph *glia_body_graph(struct glia_body *b) { return b != NULL ? b->g : NULL; }

void glia_body_release_(struct glia_body *b)
{
  if (b == NULL || --b->refs > 0) return;
  glia_graph_destroy(&b->g);
  free(b->in);
  free(b->carry);
  free(b->out);
  free(b);
}

void glia_body_drop(struct glia_body **b)
{
  if (b == NULL || *b == NULL) return;
  (*b)->refs = 1;
  glia_body_release_(*b);
  *b = NULL;
}

glia_value glia_body_input_(struct glia_body *b, struct glia_type type)
{
  struct glia_graph *g = b->g;
  const struct glia_attr attr = {.i = {g->n_inputs}};

  if (g->status != GLIA_OK) return GLIA_NONE;
  if (b->n_in == GLIA_MAX_IN - 1) /* one is left for the count */
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "more than %d values lead into a body",
                           GLIA_MAX_IN - 1);
  if (!glia_grow_((void **)&b->in, b->n_in, &b->in_capacity, sizeof *b->in) ||
      !glia_grow_((void **)&g->input, g->n_inputs, &g->inputs_capacity, sizeof *g->input))
    return glia_graph_fail(g, GLIA_E_MEMORY, "a body");
  b->in[b->n_in++] = (struct body_in){ROLE_CAPTURE, -1, GLIA_NONE};
  struct glia_input *in = &g->input[g->n_inputs++];
  *in = (struct glia_input){"", GLIA_PER_STEP, type, GLIA_NONE};
  in->value = glia_node_add(g, &glia_op_input_, 0, NULL, &attr);
  return in->value;
}

/* An input for a value of the graph around. */
static glia_value lead_in(struct glia_body *b, body_role role, glia_value outer,
                          struct glia_type type)
{
  const glia_value v = glia_body_input_(b, type);

  if (v == GLIA_NONE) return GLIA_NONE;
  b->in[b->n_in - 1].role = role;
  b->in[b->n_in - 1].outer = outer;
  if (role != ROLE_CAPTURE) b->g->input[b->n_in - 1].per = GLIA_PER_MICRO_BATCH;
  return v;
}

/* Type of a value of the graph around; false, and the body has failed, when it is none. */
static bool outer_type(struct glia_body *b, glia_value outer, const char *what,
                       struct glia_type *type)
{
  if (b == NULL || b->outer == NULL) return false;
  const struct glia_node *n = glia_graph_node(b->outer, outer);
  if (n == NULL)
    glia_graph_fail(b->g, GLIA_E_ARGUMENT, "%s has no value in the graph around the body", what);
  else
    *type = n->type;
  return n != NULL;
}

glia_value glia_body_carry(struct glia_body *b, glia_value initial)
{
  struct glia_type type;

  if (b != NULL) b->asked_carries++;
  if (!outer_type(b, initial, "a carry", &type)) return GLIA_NONE;
  const glia_value v = lead_in(b, ROLE_CARRY, initial, type);
  if (v == GLIA_NONE) return GLIA_NONE;
  if (!glia_grow_((void **)&b->carry, b->n_carries, &b->carries_capacity, sizeof *b->carry))
    return glia_graph_fail(b->g, GLIA_E_MEMORY, "a body");
  b->in[b->n_in - 1].carry = b->n_carries;
  b->carry[b->n_carries++] = (struct body_carry){b->n_in - 1, GLIA_NONE};
  return v;
}

glia_value glia_body_each(struct glia_body *b, glia_value stacked)
{
  struct glia_type type;
  char text[128];

  if (!outer_type(b, stacked, "a value by step", &type)) return GLIA_NONE;
  if (type.rank == 0)
    return glia_graph_fail(b->g, GLIA_E_SHAPE,
                           "a value by step is %s: it needs an axis of steps in front",
                           glia_type_text(&type, text, sizeof text));
  return lead_in(b, ROLE_EACH, stacked, glia_type_make(type.dtype, type.rank - 1, type.dim + 1));
}

glia_value glia_body_capture(struct glia_body *b, glia_value outer)
{
  struct glia_type type;
  double number;

  if (!outer_type(b, outer, "a captured value", &type)) return GLIA_NONE;
  if (glia_is_full(b->outer, outer, &number)) return glia_full(b->g, type, number);
  for (int i = 0; i < b->n_in; i++)
    if (b->in[i].role == ROLE_CAPTURE && b->in[i].outer == outer) return b->g->input[i].value;
  return lead_in(b, ROLE_CAPTURE, outer, type);
}

glia_value glia_body_lead_(struct glia_body *b, body_role role, glia_value outer)
{
  switch (role) {
  case ROLE_CARRY:
    return glia_body_carry(b, outer);
  case ROLE_EACH:
    return glia_body_each(b, outer);
  default:
    return glia_body_capture(b, outer);
  }
}

/* Whether v may leave the body; else it has failed. */
static bool has_value(struct glia_body *b, glia_value v, const char *what)
{
  if (b == NULL || b->g->status != GLIA_OK) return false;
  if (glia_graph_node(b->g, v) == NULL)
    glia_graph_fail(b->g, GLIA_E_ARGUMENT, "%s has no value in the body", what);
  return b->g->status == GLIA_OK;
}

void glia_body_next(struct glia_body *b, glia_value carry, glia_value next)
{
  if (!has_value(b, carry, "a carry") || !has_value(b, next, "the next value of a carry")) return;
  for (int j = 0; j < b->n_carries; j++) {
    struct body_carry *c = &b->carry[j];
    if (b->g->input[c->in].value != carry) continue;
    const struct glia_type *is = &b->g->input[c->in].type, *then = &b->g->node[next]->type;
    char a[128], t[128];
    if (!glia_type_equal(is, then))
      glia_graph_fail(b->g, GLIA_E_SHAPE, "carry %d begins as %s, its next value is %s", j,
                      glia_type_text(is, a, sizeof a), glia_type_text(then, t, sizeof t));
    else if (c->next != GLIA_NONE)
      glia_graph_fail(b->g, GLIA_E_ARGUMENT, "carry %d has two next values", j);
    c->next = next;
    return;
  }
  glia_graph_fail(b->g, GLIA_E_ARGUMENT, "next of value %d, which is no carry", carry);
}

static void lead_out(struct glia_body *b, glia_value value, bool sum)
{
  if (b != NULL) b->asked_outs++;
  if (!has_value(b, value, "a result")) return;
  const struct glia_type *t = &b->g->node[value]->type;
  char text[128];
  if (sum && !glia_dtype_is_float(t->dtype))
    glia_graph_fail(b->g, GLIA_E_SHAPE, "a sum over steps of %s: floats only",
                    glia_type_text(t, text, sizeof text));
  else if (!sum && t->rank == GLIA_MAX_RANK)
    glia_graph_fail(b->g, GLIA_E_SHAPE, "rows of %s: more than %d axes",
                    glia_type_text(t, text, sizeof text), GLIA_MAX_RANK);
  else if (!glia_grow_((void **)&b->out, b->n_out, &b->out_capacity, sizeof *b->out))
    glia_graph_fail(b->g, GLIA_E_MEMORY, "a body");
  else
    b->out[b->n_out++] = (struct body_out){value, sum};
}

void glia_body_stack(struct glia_body *b, glia_value value) { lead_out(b, value, false); }
void glia_body_sum(struct glia_body *b, glia_value value) { lead_out(b, value, true); }

void glia_body_stop(struct glia_body *b, glia_value stop)
{
  char text[128];

  if (!has_value(b, stop, "a stop test")) return;
  const struct glia_type *t = &b->g->node[stop]->type;
  if (t->dtype != GLIA_BOOL || t->rank != 0)
    glia_graph_fail(b->g, GLIA_E_SHAPE, "a stop test is %s, expected a bool scalar",
                    glia_type_text(t, text, sizeof text));
  else if (b->stop != GLIA_NONE && b->stop != stop)
    glia_graph_fail(b->g, GLIA_E_ARGUMENT, "two stop tests in a body");
  b->stop = stop;
}

void glia_body_count(struct glia_body *b, glia_value count)
{
  struct glia_type t;
  char text[128];

  if (!outer_type(b, count, "a number of steps", &t)) return;
  if (t.dtype != GLIA_I64 || t.rank != 0)
    glia_graph_fail(b->g, GLIA_E_SHAPE, "a number of steps is %s, expected an i64 scalar",
                    glia_type_text(&t, text, sizeof text));
  else if (b->count != GLIA_NONE && b->count != count)
    glia_graph_fail(b->g, GLIA_E_ARGUMENT, "two numbers of steps for a body");
  b->count = count;
}

const struct glia_body *glia_body_of_(const struct glia_graph *g, const struct glia_node *n, int k)
{
  return n->attr.i[k] > 0 ? g->body[n->attr.i[k] - 1] : NULL;
}

/* Name what the body returns, so that its graph's hash covers it; then what leads in. */
static void hash_body(struct glia_body *b)
{
  struct glia_sha256 h;
  char text[65];
  struct glia_entry *e = glia_graph_entry(b->g, "body");

  for (int j = 0; j < b->n_carries; j++) glia_entry_output(b->g, e, "next", b->carry[j].next);
  for (int o = 0; o < b->n_out; o++) glia_entry_output(b->g, e, "out", b->out[o].value);
  if (b->stop != GLIA_NONE) glia_entry_output(b->g, e, "stop", b->stop);
  glia_graph_hash(b->g, text);
  glia_sha256_init(&h);
  glia_sha256_update(&h, text, sizeof text);
  for (int i = 0; i < b->n_in; i++) {
    glia_sha256_update(&h, &b->in[i].role, sizeof b->in[i].role);
    glia_sha256_update(&h, &b->g->input[i].type, sizeof b->g->input[i].type);
  }
  for (int o = 0; o < b->n_out; o++) {
    const unsigned char sum = b->out[o].sum;
    glia_sha256_update(&h, &sum, 1);
  }
  const int32_t counts[] = {b->n_in, b->n_carries, b->n_out, b->stop != GLIA_NONE};
  glia_sha256_update(&h, counts, sizeof counts);
  if (b->external != NULL) glia_sha256_update(&h, b->external->name, strlen(b->external->name));
  glia_sha256_hex(&h, b->hash);
}

static int64_t find_or_add(struct glia_graph *g, struct glia_body *b)
{
  for (int i = 0; i < g->n_bodies; i++)
    if (memcmp(g->body[i]->hash, b->hash, sizeof b->hash) == 0 &&
        g->body[i]->external == b->external)
      return i + 1;
  if (!glia_grow_((void **)&g->body, g->n_bodies, &g->bodies_capacity, sizeof *g->body)) {
    glia_graph_fail(g, GLIA_E_MEMORY, "the table of bodies");
    return 0;
  }
  b->refs++;
  g->body[g->n_bodies++] = b;
  return g->n_bodies;
}

int64_t glia_body_intern_(struct glia_graph *g, struct glia_body **taken)
{
  struct glia_body *b = *taken;
  int64_t place = 0;

  *taken = NULL;
  if (b == NULL) return 0;
  b->refs = 1; /* ours, until the end of this function */
  for (int j = 0; j < b->n_carries && b->g->status == GLIA_OK; j++)
    if (b->carry[j].next == GLIA_NONE)
      glia_graph_fail(b->g, GLIA_E_ARGUMENT, "carry %d has no next value", j);
  if (b->g->status == GLIA_OK) hash_body(b);
  if (b->g->status != GLIA_OK)
    glia_graph_fail(g, b->g->status, "in a body: %s", b->g->message);
  else if (g->status == GLIA_OK)
    place = find_or_add(g, b);
  b->outer = NULL;
  for (int i = 0; i < b->n_in; i++) b->in[i].outer = GLIA_NONE;
  glia_body_release_(b);
  return place;
}

glia_value glia_remake_(struct glia_graph *to, const struct glia_graph *from,
                        const struct glia_node *n, const glia_value *in)
{
  struct glia_attr attr = n->attr;

  for (int k = 0; k < n->op->n_bodies; k++)
    if (attr.i[k] > 0) attr.i[k] = find_or_add(to, from->body[attr.i[k] - 1]);
  if (n->op == &glia_op_input_ || n->op == &glia_op_state_ || n->op == &glia_op_hole_)
    return glia_graph_fail(to, GLIA_E_INTERNAL, "value %d of a body stands for nothing", n->id);
  return glia_node_add(to, n->op, n->n_in, in, &attr);
}

/* A node of `from` made in `to`. */
static glia_value replay_node(struct glia_graph *to, const struct glia_graph *from,
                              const struct glia_node *n, const glia_value *map)
{
  glia_value in[GLIA_MAX_IN];

  for (int i = 0; i < n->n_in; i++) in[i] = map[n->in[i]];
  return glia_remake_(to, from, n, in);
}

void glia_replay_(struct glia_graph *to, const struct glia_graph *from, int n,
                  const glia_value *roots, glia_value *map)
{
  bool *need = calloc((size_t)from->n + 1, sizeof *need);

  if (need == NULL) {
    glia_graph_fail(to, GLIA_E_MEMORY, "a body of %d nodes", from->n);
    return;
  }
  for (int i = 0; i < n; i++)
    if (roots[i] != GLIA_NONE) need[roots[i]] = true;
  for (int32_t v = from->n - 1; v >= 0; v--)
    for (int i = 0; need[v] && map[v] == GLIA_NONE && i < from->node[v]->n_in; i++)
      need[from->node[v]->in[i]] = true;
  for (int32_t v = 0; v < from->n && to->status == GLIA_OK; v++)
    if (need[v] && map[v] == GLIA_NONE) map[v] = replay_node(to, from, from->node[v], map);
  free(need);
}

void glia_inline_(struct glia_graph *g, const struct glia_body *f, const glia_value *arg, int n,
                  const glia_value *roots, glia_value *out)
{
  glia_value *map = glia_values_(f->g->n);
  double number;

  for (int i = 0; i < n; i++) out[i] = GLIA_NONE;
  if (map == NULL) {
    glia_graph_fail(g, GLIA_E_MEMORY, "a body of %d nodes", f->g->n);
    return;
  }
  for (int i = 0; i < f->n_in; i++) map[f->g->input[i].value] = arg[i];
  glia_replay_(g, f->g, n, roots, map);
  for (int i = 0; i < n && g->status == GLIA_OK; i++)
    if (roots[i] != GLIA_NONE && !(glia_is_full(g, map[roots[i]], &number) && number == 0.0))
      out[i] = map[roots[i]];
  free(map);
}
