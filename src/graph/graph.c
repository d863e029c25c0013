/* Nodes: made once, found again when equal, simplified at birth. */
#include "glia_profile.h"
#include "glia_sha256.h"
#include "graph_priv.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 1024 };

bool glia_grow_(void **array, int n, int *capacity, size_t size)
{
  if (n < *capacity) return true;
  const int more = *capacity > 0 ? 2 * *capacity : 16;
  void *p = realloc(*array, (size_t)more * size);
  if (p == NULL) return false;
  *array = p;
  *capacity = more;
  return true;
}

glia_status glia_graph_create(const struct glia_basis *basis, struct glia_graph **out)
{
  struct glia_graph *g = calloc(1, sizeof *g);

  *out = NULL;
  GLIA_CHECK(g != NULL, GLIA_E_MEMORY, "a graph");
  g->basis = basis;
  g->failed = GLIA_NONE;
  g->n_buckets = FIRST_BUCKETS;
  g->bucket = malloc((size_t)g->n_buckets * sizeof *g->bucket);
  if (g->bucket == NULL) {
    free(g);
    return GLIA_FAIL(GLIA_E_MEMORY, "a graph's table");
  }
  for (int32_t i = 0; i < g->n_buckets; i++) g->bucket[i] = GLIA_NONE;
  *out = g;
  return GLIA_OK;
}

void glia_graph_destroy(struct glia_graph **g)
{
  if (g == NULL || *g == NULL) return;
  for (int i = 0; i < (*g)->n_entries; i++) {
    free((*g)->entry[i]->write);
    free((*g)->entry[i]->output);
  }
  free((*g)->entry);
  free((*g)->state);
  free((*g)->input);
  for (int i = 0; i < (*g)->n_bodies; i++) glia_body_release_((*g)->body[i]);
  free((*g)->body);
  free((*g)->bucket);
  free((*g)->node);
  free((*g)->scope);
  glia_arena_fini(&(*g)->arena);
  free(*g);
  *g = NULL;
}

glia_status glia_graph_status(const struct glia_graph *g)
{
  if (g->status != GLIA_OK) return GLIA_FAIL(g->status, "%s", g->message);
  return GLIA_OK;
}

glia_value glia_graph_fail(struct glia_graph *g, glia_status st, const char *format, ...)
{
  va_list args;

  if (g->status != GLIA_OK) return GLIA_NONE;
  g->status = st;
  va_start(args, format);
  vsnprintf(g->message, sizeof g->message, format, args);
  va_end(args);
  return GLIA_NONE;
}

const struct glia_node *glia_graph_node(const struct glia_graph *g, glia_value v)
{
  return v >= 0 && v < g->n ? g->node[v] : NULL;
}

int32_t glia_graph_size(const struct glia_graph *g) { return g->n; }

static uint64_t mix(uint64_t h, const void *data, size_t size)
{
  const unsigned char *c = data;

  for (size_t i = 0; i < size; i++) h = (h ^ c[i]) * UINT64_C(1099511628211);
  return h;
}

static uint64_t hash_of(const struct glia_op *op, int n_in, const glia_value *in,
                        const struct glia_attr *attr)
{
  uint64_t h = mix(UINT64_C(14695981039346656037), &op, sizeof op);

  h = mix(h, in, (size_t)n_in * sizeof *in);
  return mix(h, attr, sizeof *attr);
}

/* Slot of an equal node, or of the empty place where it belongs. */
static glia_value *find(const struct glia_graph *g, const struct glia_op *op, int n_in,
                        const glia_value *in, const struct glia_attr *attr)
{
  const uint64_t mask = (uint64_t)g->n_buckets - 1;

  for (uint64_t at = hash_of(op, n_in, in, attr) & mask;; at = (at + 1) & mask) {
    if (g->bucket[at] == GLIA_NONE) return &g->bucket[at];
    const struct glia_node *m = g->node[g->bucket[at]];
    if (m->op == op && m->n_in == n_in &&
        (n_in == 0 || memcmp(m->in, in, (size_t)n_in * sizeof *in) == 0) &&
        memcmp(&m->attr, attr, sizeof *attr) == 0)
      return &g->bucket[at];
  }
}

static bool rehash(struct glia_graph *g)
{
  glia_value *old = g->bucket;

  g->bucket = malloc(2 * (size_t)g->n_buckets * sizeof *g->bucket);
  if (g->bucket == NULL) {
    g->bucket = old;
    return false;
  }
  g->n_buckets *= 2;
  for (int32_t i = 0; i < g->n_buckets; i++) g->bucket[i] = GLIA_NONE;
  for (int32_t v = 0; v < g->n; v++) {
    const struct glia_node *n = g->node[v];
    *find(g, n->op, n->n_in, n->in, &n->attr) = v;
  }
  free(old);
  return true;
}

/* An elementwise operator on splats is a splat: its reference kernel says which. */
static bool fold(const struct glia_graph *g, const struct glia_node *n, double *out)
{
  double in[GLIA_MAX_IN]; /* each holds one element of any type */
  double y = 0.0;
  struct glia_operand operand[GLIA_MAX_IN];

  if (!n->op->elementwise || n->n_in == 0) return false;
  for (int i = 0; i < n->n_in; i++) {
    const struct glia_node *a = g->node[n->in[i]];
    if (a->op != &glia_op_full_) return false;
    operand[i] = (struct glia_operand){&in[i], 1, &a->type};
    const struct glia_call fill = {.out = operand[i], .attr = &a->attr};
    glia_op_full_.reference[a->type.dtype](&fill);
  }
  const glia_dtype key = n->op->key < 0 ? n->type.dtype : g->node[n->in[n->op->key]]->type.dtype;
  if (n->op->reference[key] == NULL) return false;
  const struct glia_call c = {
      .n_in = n->n_in, .in = operand, .out = {&y, 1, &n->type}, .attr = &n->attr};
  n->op->reference[key](&c);
  switch (n->type.dtype) {
#define X(NAME, name, ctype, bytes, is_float)                                                      \
  case GLIA_##NAME: {                                                                              \
    ctype v;                                                                                       \
    memcpy(&v, &y, sizeof v);                                                                      \
    *out = (double)v;                                                                              \
    return true;                                                                                   \
  }
    GLIA_DTYPE_LIST(X)
#undef X
  default:
    return false;
  }
}

static glia_value append_one(struct glia_graph *g, const struct glia_node *n, glia_value *slot)
{
  struct glia_node *copy = glia_arena_take(&g->arena, 1, sizeof *copy);
  glia_value *in = glia_arena_take(&g->arena, (size_t)n->n_in, sizeof *in);

  if (copy == NULL || in == NULL ||
      !glia_grow_((void **)&g->node, g->n, &g->capacity, sizeof *g->node) ||
      !glia_grow_((void **)&g->scope, g->n, &g->scopes_capacity, sizeof *g->scope))
    return glia_graph_fail(g, GLIA_E_MEMORY, "graph of %d nodes", g->n);
  if (n->n_in > 0) memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
  *copy = *n;
  copy->id = g->n;
  copy->in = in;
  g->node[g->n] = copy;
  g->scope[g->n] = g->building;
  *slot = g->n++;
  if (2 * g->n > g->n_buckets && !rehash(g))
    return glia_graph_fail(g, GLIA_E_MEMORY, "graph of %d nodes", g->n);
  return copy->id;
}

/* A node, and behind it its results where there are several. */
static glia_value append(struct glia_graph *g, const struct glia_node *n, glia_value *slot)
{
  const glia_value y = append_one(g, n, slot);
  const int results = y != GLIA_NONE && n->op->many != NULL ? n->op->many->count(g, g->node[y]) : 0;

  for (int k = 0; k < results && g->status == GLIA_OK; k++)
    glia_node_add(g, &glia_op_result_, 1, &y, &(struct glia_attr){.i = {k}});
  return g->status == GLIA_OK ? y : GLIA_NONE;
}

/* Of one array: 2^43, so that the bytes of all arrays of a graph can be added up. */
static const int64_t MOST_ELEMENTS = INT64_C(1) << 43;

/* Whether an array could not be held, or its elements not even be counted. */
static bool too_large(const struct glia_type *t)
{
  int64_t n = 1;

  for (int i = 0; i < t->rank; i++)
    if (t->dim[i] == 0) return false;
  for (int i = 0; i < t->rank; i++)
    if (__builtin_mul_overflow(n, t->dim[i], &n) || n > MOST_ELEMENTS) return true;
  return false;
}

glia_value glia_node_add(struct glia_graph *g, const struct glia_op *op, int n_in,
                         const glia_value *in, const struct glia_attr *attr)
{
  static const struct glia_attr none;

  if (g->status != GLIA_OK) return GLIA_NONE;
  if (attr == NULL) attr = &none;
  if (op->n_in >= 0 ? n_in != op->n_in : n_in > GLIA_MAX_IN)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "%s takes %d inputs, got %d", op->name,
                           op->n_in < 0 ? GLIA_MAX_IN : op->n_in, n_in);
  for (int i = 0; i < n_in; i++)
    if (in[i] < 0 || in[i] >= g->n)
      return glia_graph_fail(g, GLIA_E_ARGUMENT, "%s: input %d has no value", op->name, i);

  const glia_value *slot = find(g, op, n_in, in, attr);
  if (*slot != GLIA_NONE) return *slot;

  struct glia_node n = {.op = op, .id = GLIA_NONE, .n_in = n_in, .in = in, .attr = *attr};
  const glia_status st = op->infer(g, &n);
  if (st != GLIA_OK) return glia_graph_fail(g, st, "%s", glia_trace_message());
  if (too_large(&n.type)) {
    char text[128];
    return glia_graph_fail(g, GLIA_E_SHAPE, "%s: a result of %s is more than any memory holds",
                           op->name, glia_type_text(&n.type, text, sizeof text));
  }
  double folded;
  if (!g->as_given && fold(g, &n, &folded)) return glia_full(g, n.type, folded);
  if (!g->as_given && op->simplify != NULL) {
    const glia_value simpler = op->simplify(g, &n);
    if (simpler != GLIA_NONE || g->status != GLIA_OK) return simpler;
  }
  return append(g, &n, find(g, op, n_in, in, attr)); /* simplify may have moved the table */
}

void glia_graph_scope(struct glia_graph *g, const char *name)
{
  g->building = name != NULL ? glia_arena_text(&g->arena, name) : NULL;
  if (name != NULL && g->building == NULL) glia_graph_fail(g, GLIA_E_MEMORY, "scope %s", name);
}

const char *glia_scope_of(const struct glia_graph *g, glia_value v)
{
  return v >= 0 && v < g->n ? g->scope[v] : NULL;
}

bool *glia_reach_(const struct glia_graph *g, int n_x, const glia_value *x)
{
  bool *mark = calloc((size_t)g->n + 1, sizeof *mark);

  if (mark == NULL) return NULL;
  for (int i = 0; i < n_x; i++)
    if (x[i] != GLIA_NONE) mark[x[i]] = true;
  for (int32_t v = 0; v < g->n; v++)
    for (int i = 0; i < g->node[v]->n_in && !mark[v]; i++) mark[v] = mark[g->node[v]->in[i]];
  return mark;
}

struct glia_entry *glia_graph_entry(struct glia_graph *g, const char *name)
{
  for (int i = 0; i < g->n_entries; i++)
    if (strcmp(g->entry[i]->name, name) == 0) return g->entry[i];
  struct glia_entry *e = glia_arena_take(&g->arena, 1, sizeof *e);
  const char *own = glia_arena_text(&g->arena, name);
  if (e == NULL || own == NULL ||
      !glia_grow_((void **)&g->entry, g->n_entries, &g->entries_capacity, sizeof *g->entry)) {
    glia_graph_fail(g, GLIA_E_MEMORY, "entry point %s", name);
    return NULL;
  }
  e->name = own;
  g->entry[g->n_entries++] = e;
  return e;
}

int glia_graph_entries(const struct glia_graph *g, struct glia_entry *const **out)
{
  *out = g->entry;
  return g->n_entries;
}

void glia_entry_write(struct glia_graph *g, struct glia_entry *e, glia_value state,
                      glia_value value)
{
  if (e == NULL || g->status != GLIA_OK) return;
  const struct glia_node *s = glia_graph_node(g, state);
  const struct glia_node *v = glia_graph_node(g, value);
  if (s == NULL || v == NULL || s->op != &glia_op_state_ || !glia_type_equal(&s->type, &v->type)) {
    char a[128], b[128];
    glia_graph_fail(g, GLIA_E_SHAPE, "entry point %s writes %s to a state of %s", e->name,
                    v != NULL ? glia_type_text(&v->type, a, sizeof a) : "nothing",
                    s != NULL ? glia_type_text(&s->type, b, sizeof b) : "nothing");
    return;
  }
  const int index = (int)s->attr.i[0];
  for (int i = 0; i < e->n_writes; i++)
    if (e->write[i].state == index) {
      glia_graph_fail(g, GLIA_E_ARGUMENT, "entry point %s writes %s twice", e->name,
                      g->state[index].path);
      return;
    }
  struct glia_write *w = realloc(e->write, ((size_t)e->n_writes + 1) * sizeof *w);
  if (w == NULL) {
    glia_graph_fail(g, GLIA_E_MEMORY, "entry point %s", e->name);
    return;
  }
  e->write = w;
  w[e->n_writes++] = (struct glia_write){index, value};
}

void glia_entry_output(struct glia_graph *g, struct glia_entry *e, const char *name,
                       glia_value value)
{
  if (e == NULL || g->status != GLIA_OK) return;
  if (glia_graph_node(g, value) == NULL) {
    glia_graph_fail(g, GLIA_E_ARGUMENT, "output %s of entry point %s has no value", name, e->name);
    return;
  }
  const char *own = glia_arena_text(&g->arena, name);
  struct glia_output *o = realloc(e->output, ((size_t)e->n_outputs + 1) * sizeof *o);
  if (o != NULL) e->output = o;
  if (o == NULL || own == NULL) {
    glia_graph_fail(g, GLIA_E_MEMORY, "entry point %s", e->name);
    return;
  }
  o[e->n_outputs++] = (struct glia_output){own, value};
}

static void hash_node(struct glia_sha256 *h, const struct glia_graph *g, const struct glia_node *n,
                      const int32_t *number)
{
  glia_sha256_update(h, n->op->name, strlen(n->op->name) + 1);
  for (int i = 0; i < n->n_in; i++) glia_sha256_update(h, &number[n->in[i]], sizeof number[0]);
  struct glia_attr attr = n->attr;
  for (int k = 0; k < n->op->n_bodies; k++) { /* a body is what it is, not where it lies */
    const struct glia_body *b = glia_body_of_(g, n, k);
    if (b != NULL) glia_sha256_update(h, b->hash, sizeof b->hash);
    attr.i[k] = 0;
  }
  glia_sha256_update(h, &attr, sizeof attr);
  glia_sha256_update(h, &n->type, sizeof n->type);
  if (n->op == &glia_op_state_) {
    const char *path = g->state[n->attr.i[0]].path;
    glia_sha256_update(h, path, strlen(path) + 1);
  }
}

/* Nodes are numbered by reachability, so that dead ones do not count. */
void glia_graph_hash(const struct glia_graph *g, char out[65])
{
  struct glia_sha256 h;
  int32_t *number = calloc((size_t)g->n + 1, sizeof *number);
  int32_t used = 0;

  glia_sha256_init(&h);
  for (int e = 0; number != NULL && e < g->n_entries; e++) {
    for (int i = 0; i < g->entry[e]->n_writes; i++) number[g->entry[e]->write[i].value] = 1;
    for (int i = 0; i < g->entry[e]->n_outputs; i++) number[g->entry[e]->output[i].value] = 1;
  }
  for (int32_t v = g->n - 1; number != NULL && v >= 0; v--)
    for (int i = 0; number[v] != 0 && i < g->node[v]->n_in; i++) number[g->node[v]->in[i]] = 1;
  for (int32_t v = 0; number != NULL && v < g->n; v++) {
    if (number[v] == 0) continue;
    number[v] = ++used;
    hash_node(&h, g, g->node[v], number);
  }
  for (int e = 0; number != NULL && e < g->n_entries; e++) {
    const struct glia_entry *p = g->entry[e];
    glia_sha256_update(&h, p->name, strlen(p->name) + 1);
    for (int i = 0; i < p->n_writes; i++) {
      glia_sha256_update(&h, &p->write[i].state, sizeof p->write[i].state);
      glia_sha256_update(&h, &number[p->write[i].value], sizeof number[0]);
    }
    for (int i = 0; i < p->n_outputs; i++)
      glia_sha256_update(&h, &number[p->output[i].value], sizeof number[0]);
  }
  free(number);
  glia_sha256_hex(&h, out);
}
