/* The graph of a problem's residuals: points -> features -> jets through the network -> equations. */
#include "pinn_priv.h"
#include "problem_priv.h"

#include "glia_ops.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Expressions into one graph, for points x [BATCH, coords]. */
struct builder {
  struct glia_graph *g;
  struct glia_pinn *p;
  glia_value x;
  glia_value *made;                     /* by node */
  int n;                                /* nodes of the pool */
  const struct glia_jet_net *net;       /* jets; NULL: */
  const struct glia_pinn_rules_ *rules; /* the graph's rules */
  const glia_value *parameter;          /* [n_parameters], each [BATCH] */
};

static const int64_t rows_ = GLIA_PINN_BATCH_;

static glia_value full(struct glia_graph *g, double v)
{
  return glia_full(g, glia_type_make(GLIA_F64, 1, &rows_), v);
}

static glia_value column(struct glia_graph *g, glia_value m, int64_t c)
{
  return glia_reshape(
      g, glia_slice(g, m, (int64_t[]){0, c}, (int64_t[]){rows_, c + 1}, (int64_t[]){1, 1}), 1,
      &rows_);
}

static glia_value matrix(struct glia_graph *g, glia_value v)
{
  return glia_reshape(g, v, 2, (int64_t[]){rows_, 1});
}

static glia_value whole_power(struct glia_graph *g, glia_value a, int n)
{
  glia_value out = GLIA_NONE;

  for (; n > 0; n >>= 1) {
    if (n & 1) out = out == GLIA_NONE ? a : glia_mul(g, out, a);
    if (n > 1) a = glia_mul(g, a, a);
  }
  return out;
}

static glia_value power(struct builder *b, const struct glia_expr_node *n, glia_value base,
                        glia_value exponent)
{
  const struct glia_expr_node *e = glia_expr_at(b->p->problem->pool, n->b);
  const double v = e->number;

  if (e->kind != GLIA_EXPR_NUMBER) return glia_pow(b->g, base, exponent);
  if (v == 0.5) return glia_sqrt(b->g, base);
  if (v == floor(v) && fabs(v) <= 64.0 && v != 0.0) {
    const glia_value whole = whole_power(b->g, base, (int)fabs(v));
    return v > 0.0 ? whole : glia_div(b->g, glia_constant(b->g, 1.0), whole);
  }
  return glia_pow(b->g, base, glia_constant(b->g, v));
}

static glia_value function(struct glia_graph *g, glia_expr_function f, glia_value x)
{
  switch (f) {
  case GLIA_EXPR_SIN:
    return glia_sin(g, x);
  case GLIA_EXPR_COS:
    return glia_cos(g, x);
  case GLIA_EXPR_TAN:
    return glia_div(g, glia_sin(g, x), glia_cos(g, x));
  case GLIA_EXPR_EXP:
    return glia_exp(g, x);
  case GLIA_EXPR_LOG:
    return glia_ln(g, x);
  case GLIA_EXPR_SQRT:
    return glia_sqrt(g, x);
  case GLIA_EXPR_TANH:
    return glia_tanh(g, x);
  case GLIA_EXPR_SINH:
    return glia_sinh(g, x);
  case GLIA_EXPR_COSH:
    return glia_cosh(g, x);
  case GLIA_EXPR_ATAN:
    return glia_atan(g, x);
  case GLIA_EXPR_ERF:
    return glia_erf(g, x);
  case GLIA_EXPR_ABS:
    return glia_abs(g, x);
  default:
    return glia_sign(g, x);
  }
}

static glia_value build(struct builder *b, int e);

static glia_value operation(struct builder *b, const struct glia_expr_node *n)
{
  const glia_value x = build(b, n->a);

  if (n->kind == GLIA_EXPR_CALL) return function(b->g, (glia_expr_function)n->index, x);
  const glia_value y = build(b, n->b);
  switch (n->kind) {
  case GLIA_EXPR_ADD:
    return glia_add(b->g, x, y);
  case GLIA_EXPR_SUB:
    return glia_sub(b->g, x, y);
  case GLIA_EXPR_MUL:
    return glia_mul(b->g, x, y);
  case GLIA_EXPR_DIV:
    return glia_div(b->g, x, y);
  default:
    return power(b, n, x, y);
  }
}

/* A derivative of the network's output. */
static glia_value output(struct builder *b, const uint8_t *order, int column)
{
  if (b->rules != NULL)
    return glia_pinn_rules_derivative_(b->p, b->rules, glia_jet_set_find(b->rules->set, order),
                                       column);
  return glia_jet_derivative(b->g, b->net, glia_jet_set_find(b->net->set, order), column);
}

/* [BATCH], or a scalar constant for a number. */
static glia_value build(struct builder *b, int e)
{
  if (b->made[e] != GLIA_NONE) return b->made[e];
  const struct glia_expr_node *n = glia_expr_at(b->p->problem->pool, e);
  glia_value v;

  switch (n->kind) {
  case GLIA_EXPR_NUMBER:
    v = glia_constant(b->g, n->number);
    break;
  case GLIA_EXPR_COORD:
    v = column(b->g, b->x, n->index);
    break;
  case GLIA_EXPR_PARAMETER:
    v = b->parameter[n->index];
    break;
  case GLIA_EXPR_UNKNOWN:
    v = output(b, n->order, n->index - b->p->problem->n_unknowns);
    break;
  default:
    v = operation(b, n);
  }
  return b->made[e] = v;
}

static glia_value built(struct builder *b, int e)
{
  const glia_value v = build(b, e);
  double c;

  return glia_is_full(b->g, v, &c) ? full(b->g, c) : v;
}

static glia_status builder_begin(struct builder *b, struct glia_pinn *p, glia_value x)
{
  *b = (struct builder){.g = p->graph, .p = p, .x = x, .n = glia_expr_size(p->problem->pool)};
  b->made = malloc((size_t)b->n * sizeof *b->made);
  GLIA_CHECK(b->made != NULL, GLIA_E_MEMORY, "%d expressions", b->n);
  for (int i = 0; i < b->n; i++) b->made[i] = GLIA_NONE;
  return GLIA_OK;
}

/* Corners unfolded. */
static glia_status corner_features(struct glia_pinn *p)
{
  struct glia_corner_ corner[GLIA_PINN_CORNERS_];
  const int n = glia_problem_corners_(p->problem, GLIA_PINN_CORNERS_, corner);

  for (int k = 0; k < 2 * n; k++) {
    const int e = glia_corner_unfolded_(p->problem->pool, &corner[k / 2], k % 2);
    GLIA_CHECK(e != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
    GLIA_CHECK(p->n_features < GLIA_PINN_FEATURES_, GLIA_E_CONFIG,
               "more than %d inputs of the network", GLIA_PINN_FEATURES_);
    p->feature[p->n_features++] = e;
  }
  return GLIA_OK;
}

/* Sines and cosines along random directions. */
static glia_status fourier_features(struct glia_pinn *p)
{
  const struct glia_problem *q = p->problem;
  struct glia_expr_pool *pool = q->pool;
  const uint64_t key = glia_random_stream(0, "pinn/fourier");

  for (int k = 0; k < p->network.fourier; k++) {
    int angle = glia_expr_number(pool, 0.0);
    for (int c = 0; c < q->n_coords; c++) {
      const double f = p->network.fourier_scale * glia_random_normal(key, (uint64_t)k, (uint64_t)c);
      const double turns = q->periodic[c] ? 2.0 * round(0.5 * f) : f;
      const int x = glia_expr_binary(pool, GLIA_EXPR_SUB, glia_expr_coord(pool, c),
                                     glia_expr_number(pool, q->lo[c]));
      angle = glia_expr_binary(
          pool, GLIA_EXPR_ADD, angle,
          glia_expr_binary(pool, GLIA_EXPR_MUL,
                           glia_expr_number(pool, M_PI * turns / (q->hi[c] - q->lo[c])), x));
    }
    for (int i = 0; i < 2; i++) {
      const int e = glia_expr_call(pool, i == 0 ? GLIA_EXPR_SIN : GLIA_EXPR_COS, angle);
      GLIA_CHECK(e != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
      GLIA_CHECK(p->n_features < GLIA_PINN_FEATURES_, GLIA_E_CONFIG,
                 "more than %d inputs of the network", GLIA_PINN_FEATURES_);
      p->feature[p->n_features++] = e;
    }
  }
  return GLIA_OK;
}

/* Rounded kinks at seams, at most 1. */
static glia_status seam_features(struct glia_pinn *p)
{
  struct glia_problem *q = p->problem;

  for (int k = 0; k < q->n_seams; k++) {
    const int c = q->seam[k].coord;
    const int e = glia_expr_binary(q->pool, GLIA_EXPR_MUL,
                                   glia_expr_number(q->pool, M_PI / (q->hi[c] - q->lo[c])),
                                   glia_seam_rounded_(q, &q->seam[k]));
    GLIA_CHECK(e != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
    GLIA_CHECK(p->n_features < GLIA_PINN_FEATURES_, GLIA_E_CONFIG,
               "more than %d inputs of the network", GLIA_PINN_FEATURES_);
    p->feature[p->n_features++] = e;
  }
  return GLIA_OK;
}

/* What the network sees of the coordinates: each on [-1, 1], or as sines and cosines of its period; corners unfolded. */
glia_status glia_pinn_features_(struct glia_pinn *p)
{
  struct glia_problem *q = p->problem;
  struct glia_expr_pool *pool = q->pool;

  for (int c = 0; c < q->n_coords; c++) {
    const double half = 0.5 * (q->hi[c] - q->lo[c]), mid = 0.5 * (q->hi[c] + q->lo[c]);
    const int x = glia_expr_binary(pool, GLIA_EXPR_SUB, glia_expr_coord(pool, c),
                                   glia_expr_number(pool, mid));
    const int n = q->periodic[c] ? 2 * p->network.harmonics : 1;
    GLIA_CHECK(p->n_features + n <= GLIA_PINN_FEATURES_, GLIA_E_CONFIG,
               "more than %d inputs of the network", GLIA_PINN_FEATURES_);
    for (int k = 0; k < n; k++) {
      const double f = q->periodic[c] ? (k / 2 + 1) * M_PI / half : 1.0 / half;
      int e = glia_expr_binary(pool, GLIA_EXPR_MUL, glia_expr_number(pool, f), x);
      if (q->periodic[c]) e = glia_expr_call(pool, k % 2 == 0 ? GLIA_EXPR_SIN : GLIA_EXPR_COS, e);
      GLIA_CHECK(e != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
      p->feature[p->n_features++] = e;
    }
  }
  GLIA_TRY(corner_features(p));
  GLIA_TRY(seam_features(p));
  return fourier_features(p);
}

static int derived(struct glia_expr_pool *pool, int e, int n_coords, const uint8_t *order)
{
  for (int c = 0; c < n_coords; c++)
    for (int k = 0; k < order[c]; k++) e = glia_expr_derive(pool, e, c);
  return e;
}

/* Features and their derivatives by formula; as coefficients: divided by a!. */
static glia_status input_jet(struct glia_pinn *p, glia_value x, const struct glia_jet_set *s,
                             bool coefficients, glia_value *out)
{
  struct glia_expr_pool *pool = p->problem->pool;
  int e[GLIA_JET_MOST][GLIA_PINN_FEATURES_];
  struct builder b;

  for (int a = 0; a < s->n; a++)
    for (int f = 0; f < p->n_features; f++) {
      e[a][f] = derived(pool, p->feature[f], s->n_coords, s->order[a]);
      GLIA_CHECK(e[a][f] != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
    }
  GLIA_TRY(builder_begin(&b, p, x));
  for (int a = 0; a < s->n; a++) {
    glia_value part[GLIA_PINN_FEATURES_];
    bool any = false;
    for (int f = 0; f < p->n_features; f++) {
      const struct glia_expr_node *n = glia_expr_at(pool, e[a][f]);
      any = any || n->kind != GLIA_EXPR_NUMBER || n->number != 0.0;
      const double by = coefficients ? glia_jet_factorial(s, a) : 1.0;
      const glia_value v = glia_mul(b.g, glia_constant(b.g, 1.0 / by), built(&b, e[a][f]));
      part[f] = matrix(b.g, v);
    }
    out[a] = any || a == 0 ? glia_concat(b.g, p->n_features, part, 1) : GLIA_NONE;
  }
  free(b.made);
  return GLIA_OK;
}

/* Derivatives of the network's outputs that these expressions read. */
static glia_status set_of(const struct glia_pinn *p, int n, const int *e, struct glia_jet_set *s)
{
  enum { SEEN = 512 };
  int node[SEEN];

  glia_jet_set_begin(s, p->problem->n_coords);
  for (int i = 0; i < n; i++) {
    const int k = glia_expr_unknowns(p->problem->pool, e[i], SEEN, node);
    for (int j = 0; j < k; j++)
      GLIA_CHECK(glia_jet_set_add(s, glia_expr_at(p->problem->pool, node[j])->order), GLIA_E_CONFIG,
                 "the equations need derivatives above order %d, or more than %d of them",
                 GLIA_JET_ORDER, GLIA_JET_MOST);
  }
  return GLIA_OK;
}

/* Names of inputs and entry points: "x3", "rows3". */
static const char *named(char out[24], const char *what, int group)
{
  snprintf(out, 24, "%s%d", what, group);
  return out;
}

static glia_value input(struct glia_pinn *p, const char *what, int group, int64_t cols)
{
  char name[24];

  return glia_input(p->graph, named(name, what, group), GLIA_PER_MICRO_BATCH,
                    glia_type_make(GLIA_F64, 2, (int64_t[]){rows_, cols}));
}

/* What one group's graph is made of. */
struct group {
  struct glia_pinn *p;
  int number, n; /* residuals */
  glia_value x, weight;
  struct glia_jet_set *set;
  struct glia_jet_net net;
  struct glia_pinn_rules_ rules,
      one; /* where derivatives come from the graph's rules; on one row */
  glia_value parameter[GLIA_PDE_PARAMETERS];
  glia_value r[GLIA_PINN_RESIDUALS_]; /* [BATCH] */
};

enum { PARTS = 2 * GLIA_JET_LAYERS + GLIA_PDE_PARAMETERS };

/* d r / d weights for each row: parts [BATCH, n]. Returns their number. */
static int weight_rows(struct group *s, glia_value r, glia_value *part)
{
  struct glia_graph *g = s->p->graph;
  const struct glia_jet_net *net = &s->net;
  struct glia_jet dy;
  glia_value delta[GLIA_JET_LAYERS], dw[GLIA_JET_LAYERS], db[GLIA_JET_LAYERS];
  const glia_value one = full(g, 1.0);
  int n = 0;

  if (s->p->by_rules) { /* its failures stay in the graph */
    const glia_status st = glia_pinn_rules_rows_(s->p, &s->rules, r, &s->one, part);
    if (st != GLIA_OK) glia_graph_fail(g, st, "%s", glia_trace_message());
    return s->p->n_weights;
  }
  glia_jet_pull(g, net, 1, &r, &one, &dy);
  glia_jet_reverse(g, net, &dy, delta);
  glia_jet_gradient_rows(g, net, delta, dw, db);
  for (int l = 0; l < net->n_layers; l++) {
    part[n++] = dw[l];
    part[n++] = db[l];
  }
  return n;
}

/* d r[k] / d theta for each row: [BATCH, 1, size]. */
static glia_value derivative_rows(struct group *s, int k)
{
  struct glia_graph *g = s->p->graph;
  glia_value part[PARTS], dp[GLIA_PDE_PARAMETERS];
  const glia_value one = full(g, 1.0);
  int n = weight_rows(s, s->r[k], part);

  glia_vjp(g, 1, &s->r[k], &one, s->p->problem->n_parameters, s->parameter, dp);
  for (int i = 0; i < s->p->problem->n_parameters; i++)
    part[n++] = matrix(g, dp[i] != GLIA_NONE ? dp[i] : full(g, 0.0));
  const glia_value all = glia_concat(g, n, part, 1);
  return glia_reshape(g, glia_mul(g, all, s->weight), 3, (int64_t[]){rows_, 1, s->p->size});
}

/* Slopes of the loss by the weights: parts [n]. Returns their number. */
static int weight_gradient(struct group *s, glia_value loss, glia_value one, glia_value *part)
{
  struct glia_graph *g = s->p->graph;
  const struct glia_jet_net *net = &s->net;
  struct glia_jet dy;
  glia_value delta[GLIA_JET_LAYERS], dw[GLIA_JET_LAYERS], db[GLIA_JET_LAYERS];
  int n = 0;

  if (s->p->by_rules) {
    glia_pinn_rules_gradient_(s->p, loss, part);
    return s->p->n_weights;
  }
  glia_jet_pull(g, net, 1, &loss, &one, &dy);
  glia_jet_reverse(g, net, &dy, delta);
  glia_jet_gradient(g, net, delta, dw, db);
  for (int l = 0; l < net->n_layers; l++) {
    part[n++] = glia_reshape(
        g, dw[l], 1,
        (int64_t[]){dw[l] == GLIA_NONE ? 0 : glia_type_count(&glia_graph_node(g, dw[l])->type)});
    part[n++] = db[l];
  }
  return n;
}

/* Gradient of the sum of squares, [size], in theta's order. */
static glia_value gradient(struct group *s, glia_value loss)
{
  struct glia_graph *g = s->p->graph;
  glia_value part[PARTS], dp[GLIA_PDE_PARAMETERS];
  if (loss == GLIA_NONE) return GLIA_NONE;
  const glia_value one = glia_full(g, glia_graph_node(g, loss)->type, 1.0);
  int n = weight_gradient(s, loss, one, part);

  glia_vjp(g, 1, &loss, &one, s->p->problem->n_parameters, s->parameter, dp);
  for (int i = 0; i < s->p->problem->n_parameters; i++)
    part[n++] = dp[i] != GLIA_NONE
                    ? glia_reshape(g, glia_reduce_sum(g, dp[i], -1, NULL, false), 1, (int64_t[]){1})
                    : glia_full(g, glia_type_make(GLIA_F64, 1, (int64_t[]){1}), 0.0);
  return glia_concat(g, n, part, 0);
}

static void entries(struct group *s)
{
  struct glia_graph *g = s->p->graph;
  glia_value r[GLIA_PINN_RESIDUALS_], j[GLIA_PINN_RESIDUALS_], loss = GLIA_NONE;
  char name[24];

  for (int k = 0; k < s->n; k++) {
    r[k] = glia_mul(g, matrix(g, s->r[k]), s->weight);
    j[k] = derivative_rows(s, k);
    const glia_value square = glia_reduce_sum(g, glia_mul(g, r[k], r[k]), -1, NULL, false);
    loss = loss == GLIA_NONE ? square : glia_add(g, loss, square);
  }
  const glia_value all = glia_concat(g, s->n, r, 1);
  struct glia_entry *e = glia_graph_entry(g, named(name, "residual", s->number));
  glia_entry_output(g, e, "r", all);
  e = glia_graph_entry(g, named(name, "rows", s->number));
  glia_entry_output(g, e, "r", all);
  glia_entry_output(g, e, "j", glia_concat(g, s->n, j, 1));
  e = glia_graph_entry(g, named(name, "loss", s->number));
  glia_entry_output(g, e, "loss", glia_batch_sum(g, loss));
  e = glia_graph_entry(g, named(name, "gradient", s->number));
  glia_entry_output(g, e, "loss", glia_batch_sum(g, loss));
  glia_entry_output(g, e, "gradient", glia_batch_sum(g, gradient(s, loss)));
}

static void parameters(struct glia_pinn *p, glia_value *out)
{
  struct glia_graph *g = p->graph;

  for (int i = 0; i < p->problem->n_parameters; i++)
    out[i] = glia_broadcast_to(g, p->parameter[i], 1, &rows_);
}

/* e [n] in outputs of the network. */
static glia_status network(struct glia_pinn *p, glia_value x, int n, const int *e,
                           struct glia_jet_set *set, struct glia_jet_net *net,
                           struct glia_pinn_rules_ *rules)
{
  struct glia_jet in;

  GLIA_TRY(set_of(p, n, e, set));
  if (p->by_rules) {
    GLIA_TRY(input_jet(p, x, set, false, rules->in));
    return glia_pinn_rules_forward_(p, set, rows_, rules);
  }
  GLIA_TRY(input_jet(p, x, set, true, in.part));
  glia_jet_forward(p->graph, set, rows_, &in, p->n_layers, p->layer, net);
  return glia_graph_status(p->graph);
}

glia_status glia_pinn_group_(struct glia_pinn *p, int number, int n, const int *e, bool data)
{
  struct group s = {.p = p, .number = number, .n = n, .set = &p->set[number]};
  struct glia_graph *g = p->graph;
  struct builder b;

  GLIA_CHECK(n <= GLIA_PINN_RESIDUALS_, GLIA_E_CONFIG, "more than %d residuals at a point",
             GLIA_PINN_RESIDUALS_);
  p->n_residuals[number] = n;
  s.x = input(p, "x", number, p->problem->n_coords);
  s.weight = input(p, "w", number, 1);
  parameters(p, s.parameter);
  GLIA_TRY(network(p, s.x, n, e, s.set, &s.net, &s.rules));
  GLIA_TRY(builder_begin(&b, p, s.x));
  b.net = &s.net;
  b.rules = p->by_rules ? &s.rules : NULL;
  b.parameter = s.parameter;
  const glia_value target = data ? input(p, "y", number, n) : GLIA_NONE;
  const glia_value seen = data ? input(p, "seen", number, n) : GLIA_NONE;
  for (int k = 0; k < n; k++) {
    s.r[k] = built(&b, e[k]);
    if (data) s.r[k] = glia_mul(g, glia_sub(g, s.r[k], column(g, target, k)), column(g, seen, k));
  }
  free(b.made);
  entries(&s);
  return glia_graph_status(g);
}

/* Unknowns at points, without residuals. */
glia_status glia_pinn_fields_graph_(struct glia_pinn *p)
{
  struct glia_graph *g = p->graph;
  const struct glia_problem *q = p->problem;
  const glia_value x = input(p, "x", GLIA_PINN_GROUPS, q->n_coords);
  glia_value parameter[GLIA_PDE_PARAMETERS], u[GLIA_PDE_UNKNOWNS];
  struct glia_jet_net net;
  struct glia_pinn_rules_ rules;
  struct builder b;

  parameters(p, parameter);
  GLIA_TRY(network(p, x, q->n_unknowns, q->ansatz, &p->set[GLIA_PINN_GROUPS], &net, &rules));
  GLIA_TRY(builder_begin(&b, p, x));
  b.net = &net;
  b.rules = p->by_rules ? &rules : NULL;
  b.parameter = parameter;
  for (int i = 0; i < q->n_unknowns; i++) u[i] = matrix(g, built(&b, q->ansatz[i]));
  free(b.made);
  glia_entry_output(g, glia_graph_entry(g, "fields"), "u", glia_concat(g, q->n_unknowns, u, 1));
  return glia_graph_status(g);
}

/* Expressions in the network's outputs at points x: out [n], each [BATCH]. For graphs of others around this network. */
glia_status glia_pinn_values_(struct glia_pinn *p, glia_value x, int n, const int *e,
                              struct glia_jet_set *set, struct glia_jet_net *net, glia_value *out)
{
  struct builder b;

  GLIA_TRY(network(p, x, n, e, set, net, NULL)); /* these have depth and width */
  GLIA_TRY(builder_begin(&b, p, x));
  b.net = net;
  for (int k = 0; k < n; k++) out[k] = built(&b, e[k]);
  free(b.made);
  return glia_graph_status(p->graph);
}
