/* Derivatives of expressions by formula, and replacement of unknowns. */
#include "glia_expr.h"

#include <stdlib.h>
#include <string.h>

#define ADD(a, b)  glia_expr_binary(p, GLIA_EXPR_ADD, a, b)
#define SUB(a, b)  glia_expr_binary(p, GLIA_EXPR_SUB, a, b)
#define MUL(a, b)  glia_expr_binary(p, GLIA_EXPR_MUL, a, b)
#define DIV(a, b)  glia_expr_binary(p, GLIA_EXPR_DIV, a, b)
#define POW(a, b)  glia_expr_binary(p, GLIA_EXPR_POW, a, b)
#define NUMBER(v)  glia_expr_number(p, v)
#define CALL(f, a) glia_expr_call(p, GLIA_EXPR_##f, a)

/* f'(x) */
static int slope(struct glia_expr_pool *p, glia_expr_function f, int x)
{
  switch (f) {
  case GLIA_EXPR_SIN:
    return CALL(COS, x);
  case GLIA_EXPR_COS:
    return SUB(NUMBER(0.0), CALL(SIN, x));
  case GLIA_EXPR_TAN:
    return ADD(NUMBER(1.0), POW(CALL(TAN, x), NUMBER(2.0)));
  case GLIA_EXPR_EXP:
    return CALL(EXP, x);
  case GLIA_EXPR_LOG:
    return DIV(NUMBER(1.0), x);
  case GLIA_EXPR_SQRT:
    return DIV(NUMBER(0.5), CALL(SQRT, x));
  case GLIA_EXPR_TANH:
    return SUB(NUMBER(1.0), POW(CALL(TANH, x), NUMBER(2.0)));
  case GLIA_EXPR_SINH:
    return CALL(COSH, x);
  case GLIA_EXPR_COSH:
    return CALL(SINH, x);
  case GLIA_EXPR_ATAN:
    return DIV(NUMBER(1.0), ADD(NUMBER(1.0), POW(x, NUMBER(2.0))));
  case GLIA_EXPR_ERF: /* 2 / sqrt(pi) e^(-x^2) */
    return MUL(NUMBER(1.1283791670955125739), CALL(EXP, SUB(NUMBER(0.0), POW(x, NUMBER(2.0)))));
  case GLIA_EXPR_ABS:
    return CALL(SIGN, x);
  default:
    return NUMBER(0.0);
  }
}

/* One derivative of many expressions: each node once. */
struct pass {
  struct glia_expr_pool *p;
  int n;     /* nodes there were at the start */
  int *made; /* [n] derivative, or UNSEEN */
  int coord; /* < 0: partial by `leaf` */
  int leaf;
};

enum { UNSEEN = -2 };

static int of_unknown(struct pass *s, const struct glia_expr_node *n)
{
  uint8_t order[GLIA_EXPR_COORDS];
  int total = 1;

  memcpy(order, n->order, sizeof order);
  for (int i = 0; i < GLIA_EXPR_COORDS; i++) total += order[i];
  if (total > GLIA_EXPR_ORDER) return GLIA_EXPR_NONE;
  order[s->coord]++;
  return glia_expr_unknown(s->p, n->index, order);
}

static int derive(struct pass *s, int e);

static int of_power(struct pass *s, const struct glia_expr_node *n)
{
  struct glia_expr_pool *p = s->p;
  const int da = derive(s, n->a), db = derive(s, n->b);

  if (da == GLIA_EXPR_NONE || db == GLIA_EXPR_NONE) return GLIA_EXPR_NONE;
  const int first = MUL(MUL(n->b, POW(n->a, SUB(n->b, NUMBER(1.0)))), da);
  if (db == NUMBER(0.0)) return first;
  return ADD(first, MUL(MUL(POW(n->a, n->b), CALL(LOG, n->a)), db));
}

static int of_operator(struct pass *s, const struct glia_expr_node *n)
{
  struct glia_expr_pool *p = s->p;

  if (n->kind == GLIA_EXPR_POW) return of_power(s, n);
  const int da = derive(s, n->a);
  if (n->kind == GLIA_EXPR_CALL) return MUL(slope(p, (glia_expr_function)n->index, n->a), da);
  const int db = derive(s, n->b);
  switch (n->kind) {
  case GLIA_EXPR_ADD:
    return ADD(da, db);
  case GLIA_EXPR_SUB:
    return SUB(da, db);
  case GLIA_EXPR_MUL:
    return ADD(MUL(da, n->b), MUL(n->a, db));
  default: /* a' / b - a b' / b^2 */
    return SUB(DIV(da, n->b), DIV(MUL(n->a, db), MUL(n->b, n->b)));
  }
}

static int derive(struct pass *s, int e)
{
  if (e < s->n && s->made[e] != UNSEEN) return s->made[e];
  const struct glia_expr_node n = *glia_expr_at(s->p, e); /* the pool may move */
  int out;

  if (s->coord < 0 && e == s->leaf)
    out = glia_expr_number(s->p, 1.0);
  else if (s->coord >= 0 && n.kind == GLIA_EXPR_UNKNOWN)
    out = of_unknown(s, &n);
  else if (n.kind == GLIA_EXPR_COORD)
    out = glia_expr_number(s->p, n.index == s->coord ? 1.0 : 0.0);
  else if (n.kind <= GLIA_EXPR_UNKNOWN)
    out = glia_expr_number(s->p, 0.0);
  else
    out = of_operator(s, &n);
  if (e < s->n) s->made[e] = out;
  return out;
}

static int run(struct glia_expr_pool *p, int e, int coord, int leaf)
{
  if (e == GLIA_EXPR_NONE) return GLIA_EXPR_NONE;
  struct pass s = {.p = p, .n = e + 1, .coord = coord, .leaf = leaf};
  s.made = malloc((size_t)s.n * sizeof *s.made);
  if (s.made == NULL) return GLIA_EXPR_NONE;
  for (int i = 0; i < s.n; i++) s.made[i] = UNSEEN;
  const int out = derive(&s, e);
  free(s.made);
  return out;
}

int glia_expr_derive(struct glia_expr_pool *p, int e, int coord) { return run(p, e, coord, -1); }

int glia_expr_partial(struct glia_expr_pool *p, int e, int leaf) { return run(p, e, -1, leaf); }

static int replaced(struct glia_expr_pool *p, int with, const uint8_t *order)
{
  for (int c = 0; c < GLIA_EXPR_COORDS; c++)
    for (int k = 0; k < order[c]; k++) with = glia_expr_derive(p, with, c);
  return with;
}

struct replacement {
  struct glia_expr_pool *p;
  int n_with;
  const int *with;
  int *made; /* by node, or UNSEEN */
  int coord; /* replaced by `value`; < 0: none */
  double value;
};

static int substitute(struct replacement *s, int e)
{
  if (s->made[e] != UNSEEN) return s->made[e];
  const struct glia_expr_node x = *glia_expr_at(s->p, e);
  int out = e;

  if (x.kind == GLIA_EXPR_UNKNOWN && x.index < s->n_with && s->with[x.index] != GLIA_EXPR_NONE)
    out = replaced(s->p, s->with[x.index], x.order);
  else if (x.kind == GLIA_EXPR_COORD && x.index == s->coord)
    out = glia_expr_number(s->p, s->value);
  else if (x.kind == GLIA_EXPR_CALL)
    out = glia_expr_call(s->p, (glia_expr_function)x.index, substitute(s, x.a));
  else if (x.kind > GLIA_EXPR_UNKNOWN) {
    const int a = substitute(s, x.a);
    out = glia_expr_binary(s->p, x.kind, a, substitute(s, x.b));
  }
  return s->made[e] = out;
}

static int replace(struct replacement s, int e)
{
  if (e == GLIA_EXPR_NONE) return GLIA_EXPR_NONE;
  s.made = malloc(((size_t)e + 1) * sizeof *s.made);
  if (s.made == NULL) return GLIA_EXPR_NONE;
  for (int i = 0; i <= e; i++) s.made[i] = UNSEEN;
  const int out = substitute(&s, e);
  free(s.made);
  return out;
}

int glia_expr_substitute(struct glia_expr_pool *p, int e, int n, const int *with)
{
  return replace((struct replacement){.p = p, .n_with = n, .with = with, .coord = -1}, e);
}

int glia_expr_fix(struct glia_expr_pool *p, int e, int coord, double value)
{
  return replace((struct replacement){.p = p, .coord = coord, .value = value}, e);
}
