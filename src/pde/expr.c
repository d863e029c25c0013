/* Pools of expressions: equal nodes are one, numbers fold. See glia_expr.h. */
#include "glia_expr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096 };

struct glia_expr_pool {
  int n, room;
  struct glia_expr_node *node;
  int *next; /* [room] in its bucket */
  int bucket[BUCKETS];
};

glia_status glia_expr_pool_create(struct glia_expr_pool **out)
{
  struct glia_expr_pool *p = calloc(1, sizeof *p);

  *out = p;
  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "a pool of expressions");
  for (int i = 0; i < BUCKETS; i++) p->bucket[i] = GLIA_EXPR_NONE;
  return GLIA_OK;
}

void glia_expr_pool_destroy(struct glia_expr_pool **p)
{
  if (p == NULL || *p == NULL) return;
  free((*p)->node);
  free((*p)->next);
  free(*p);
  *p = NULL;
}

const struct glia_expr_node *glia_expr_at(const struct glia_expr_pool *p, int e)
{
  return &p->node[e];
}

int glia_expr_size(const struct glia_expr_pool *p) { return p->n; }

static unsigned mix(unsigned h, uint64_t v)
{
  for (int i = 0; i < 8; i++) h = (h ^ (unsigned)(v >> (8 * i) & 255)) * 16777619U;
  return h;
}

static unsigned hash(const struct glia_expr_node *n)
{
  uint64_t bits;

  memcpy(&bits, &n->number, sizeof bits);
  unsigned h = mix(2166136261U, (uint64_t)n->kind);
  h = mix(h, (uint64_t)(uint32_t)n->a << 32 | (uint32_t)n->b);
  h = mix(mix(h, bits), (uint64_t)n->index);
  memcpy(&bits, n->order, sizeof bits);
  return mix(h, bits) % BUCKETS;
}

static bool same(const struct glia_expr_node *a, const struct glia_expr_node *b)
{
  return a->kind == b->kind && a->a == b->a && a->b == b->b && a->index == b->index &&
         memcmp(&a->number, &b->number, sizeof a->number) == 0 &&
         memcmp(a->order, b->order, sizeof a->order) == 0;
}

static bool grow(struct glia_expr_pool *p)
{
  const int room = p->room > 0 ? 2 * p->room : 256;
  struct glia_expr_node *node = realloc(p->node, (size_t)room * sizeof *node);
  if (node == NULL) return false;
  p->node = node;
  int *next = realloc(p->next, (size_t)room * sizeof *next);
  if (next == NULL) return false;
  p->next = next;
  p->room = room;
  return true;
}

static int put(struct glia_expr_pool *p, const struct glia_expr_node *n)
{
  const unsigned h = hash(n);

  for (int i = p->bucket[h]; i != GLIA_EXPR_NONE; i = p->next[i])
    if (same(&p->node[i], n)) return i;
  if (p->n >= GLIA_EXPR_NODES || (p->n == p->room && !grow(p))) return GLIA_EXPR_NONE;
  p->node[p->n] = *n;
  p->next[p->n] = p->bucket[h];
  p->bucket[h] = p->n;
  return p->n++;
}

static struct glia_expr_node leaf(glia_expr_kind kind, int index)
{
  return (struct glia_expr_node){
      .kind = kind, .a = GLIA_EXPR_NONE, .b = GLIA_EXPR_NONE, .index = index};
}

int glia_expr_number(struct glia_expr_pool *p, double v)
{
  struct glia_expr_node n = leaf(GLIA_EXPR_NUMBER, 0);

  n.number = v == 0.0 ? 0.0 : v; /* one zero */
  return put(p, &n);
}

int glia_expr_coord(struct glia_expr_pool *p, int index)
{
  const struct glia_expr_node n = leaf(GLIA_EXPR_COORD, index);

  return put(p, &n);
}

int glia_expr_parameter(struct glia_expr_pool *p, int index)
{
  const struct glia_expr_node n = leaf(GLIA_EXPR_PARAMETER, index);

  return put(p, &n);
}

int glia_expr_unknown(struct glia_expr_pool *p, int index, const uint8_t *order)
{
  struct glia_expr_node n = leaf(GLIA_EXPR_UNKNOWN, index);

  memcpy(n.order, order, sizeof n.order);
  return put(p, &n);
}

static bool is(const struct glia_expr_pool *p, int e, double v)
{
  return p->node[e].kind == GLIA_EXPR_NUMBER && p->node[e].number == v;
}

static double combine(glia_expr_kind kind, double a, double b)
{
  switch (kind) {
  case GLIA_EXPR_ADD:
    return a + b;
  case GLIA_EXPR_SUB:
    return a - b;
  case GLIA_EXPR_MUL:
    return a * b;
  case GLIA_EXPR_DIV:
    return a / b;
  default:
    return pow(a, b);
  }
}

/* Rules of 0 and 1; GLIA_EXPR_NONE: none applies. */
static int simpler(struct glia_expr_pool *p, glia_expr_kind kind, int a, int b)
{
  switch (kind) {
  case GLIA_EXPR_ADD:
    if (is(p, a, 0.0)) return b;
    return is(p, b, 0.0) ? a : GLIA_EXPR_NONE;
  case GLIA_EXPR_SUB:
    if (is(p, b, 0.0)) return a;
    return a == b ? glia_expr_number(p, 0.0) : GLIA_EXPR_NONE;
  case GLIA_EXPR_MUL:
    if (is(p, a, 0.0) || is(p, b, 1.0)) return a;
    return is(p, b, 0.0) || is(p, a, 1.0) ? b : GLIA_EXPR_NONE;
  case GLIA_EXPR_DIV:
    if (is(p, b, 1.0)) return a;
    return is(p, a, 0.0) && !is(p, b, 0.0) ? a : GLIA_EXPR_NONE;
  default:
    if (is(p, b, 1.0)) return a;
    return is(p, b, 0.0) ? glia_expr_number(p, 1.0) : GLIA_EXPR_NONE;
  }
}

int glia_expr_binary(struct glia_expr_pool *p, glia_expr_kind kind, int a, int b)
{
  if (a == GLIA_EXPR_NONE || b == GLIA_EXPR_NONE) return GLIA_EXPR_NONE;
  if (p->node[a].kind == GLIA_EXPR_NUMBER && p->node[b].kind == GLIA_EXPR_NUMBER)
    return glia_expr_number(p, combine(kind, p->node[a].number, p->node[b].number));
  const int known = simpler(p, kind, a, b);
  if (known != GLIA_EXPR_NONE) return known;
  struct glia_expr_node n = leaf(kind, 0);
  n.a = a;
  n.b = b;
  return put(p, &n);
}

static double call(glia_expr_function f, double x)
{
  switch (f) {
  case GLIA_EXPR_SIN:
    return sin(x);
  case GLIA_EXPR_COS:
    return cos(x);
  case GLIA_EXPR_TAN:
    return tan(x);
  case GLIA_EXPR_EXP:
    return exp(x);
  case GLIA_EXPR_LOG:
    return log(x);
  case GLIA_EXPR_SQRT:
    return sqrt(x);
  case GLIA_EXPR_TANH:
    return tanh(x);
  case GLIA_EXPR_SINH:
    return sinh(x);
  case GLIA_EXPR_COSH:
    return cosh(x);
  case GLIA_EXPR_ATAN:
    return atan(x);
  case GLIA_EXPR_ERF:
    return erf(x);
  case GLIA_EXPR_ABS:
    return fabs(x);
  default:
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x;
  }
}

int glia_expr_call(struct glia_expr_pool *p, glia_expr_function f, int a)
{
  if (a == GLIA_EXPR_NONE) return GLIA_EXPR_NONE;
  if (p->node[a].kind == GLIA_EXPR_NUMBER) return glia_expr_number(p, call(f, p->node[a].number));
  struct glia_expr_node n = leaf(GLIA_EXPR_CALL, (int)f);
  n.a = a;
  return put(p, &n);
}

static void mark(const struct glia_expr_pool *p, int e, bool *seen)
{
  if (e == GLIA_EXPR_NONE || seen[e]) return;
  seen[e] = true;
  mark(p, p->node[e].a, seen);
  mark(p, p->node[e].b, seen);
}

/* Nodes that e is made of, itself included, rising, into a list of the caller's to free(); NULL: no memory. */
static int *parts(const struct glia_expr_pool *p, int e, int *n)
{
  bool *seen = calloc((size_t)e + 1, sizeof *seen);
  int *list = malloc(((size_t)e + 1) * sizeof *list);

  *n = 0;
  if (seen == NULL || list == NULL) {
    free(seen);
    free(list);
    return NULL;
  }
  mark(p, e, seen);
  for (int i = 0; i <= e; i++)
    if (seen[i]) list[(*n)++] = i;
  free(seen);
  return list;
}

bool glia_expr_reads(const struct glia_expr_pool *p, int e, glia_expr_kind leaf_kind, int index)
{
  int n;
  int *list = parts(p, e, &n);
  bool found = false;

  for (int i = 0; i < n && !found; i++)
    found = p->node[list[i]].kind == leaf_kind && (index < 0 || p->node[list[i]].index == index);
  free(list);
  return found;
}

int glia_expr_unknowns(const struct glia_expr_pool *p, int e, int most, int *out)
{
  int n, found = 0;
  int *list = parts(p, e, &n);

  for (int i = 0; i < n && found < most; i++)
    if (p->node[list[i]].kind == GLIA_EXPR_UNKNOWN) out[found++] = list[i];
  free(list);
  return found;
}

struct glia_expr_tape {
  const struct glia_expr_pool *pool;
  int n;
  int *node;     /* [n] rising */
  int *at;       /* [last + 1] place of a node */
  double *value; /* [n] */
};

glia_status glia_expr_tape_create(const struct glia_expr_pool *p, int e,
                                  struct glia_expr_tape **out)
{
  struct glia_expr_tape *t = calloc(1, sizeof *t);

  *out = t;
  GLIA_CHECK(t != NULL, GLIA_E_MEMORY, "an expression of %d nodes", e + 1);
  t->pool = p;
  t->node = parts(p, e, &t->n);
  t->at = calloc((size_t)e + 1, sizeof *t->at);
  t->value = calloc((size_t)e + 1, sizeof *t->value);
  if (t->node == NULL || t->at == NULL || t->value == NULL) {
    glia_expr_tape_destroy(out);
    return GLIA_FAIL(GLIA_E_MEMORY, "an expression of %d nodes", e + 1);
  }
  for (int i = 0; i < t->n; i++) t->at[t->node[i]] = i;
  return GLIA_OK;
}

void glia_expr_tape_destroy(struct glia_expr_tape **t)
{
  if (t == NULL || *t == NULL) return;
  free((*t)->node);
  free((*t)->at);
  free((*t)->value);
  free(*t);
  *t = NULL;
}

static double unknown_value(const struct glia_expr_values *v, int node)
{
  for (int i = 0; i < v->n_unknown; i++)
    if (v->unknown_node[i] == node) return v->unknown[i];
  return (double)NAN;
}

double glia_expr_tape_value(struct glia_expr_tape *t, const struct glia_expr_values *v)
{
  for (int i = 0; i < t->n; i++) {
    const struct glia_expr_node *n = &t->pool->node[t->node[i]];
    const double a = n->a != GLIA_EXPR_NONE ? t->value[t->at[n->a]] : 0.0;
    switch (n->kind) {
    case GLIA_EXPR_NUMBER:
      t->value[i] = n->number;
      break;
    case GLIA_EXPR_COORD:
      t->value[i] = v->coord[n->index];
      break;
    case GLIA_EXPR_PARAMETER:
      t->value[i] = v->parameter[n->index];
      break;
    case GLIA_EXPR_UNKNOWN:
      t->value[i] = unknown_value(v, t->node[i]);
      break;
    case GLIA_EXPR_CALL:
      t->value[i] = call((glia_expr_function)n->index, a);
      break;
    default:
      t->value[i] = combine(n->kind, a, t->value[t->at[n->b]]);
    }
  }
  return t->value[t->n - 1];
}

double glia_expr_value(const struct glia_expr_pool *p, int e, const struct glia_expr_values *v)
{
  struct glia_expr_tape *t;
  double out = (double)NAN;

  if (e != GLIA_EXPR_NONE && glia_expr_tape_create(p, e, &t) == GLIA_OK) {
    out = glia_expr_tape_value(t, v);
    glia_expr_tape_destroy(&t);
  }
  return out;
}
