/* Derivatives of derivatives: closed forms of networks, per-sample gradients, Hessian-vector products, growth. */
#include "glia_ops.h"
#include "glia_random.h"
#include "ref/interpret.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 32 };

static struct glia_graph *g;
static void *data[MAX_INPUTS];
static int n_data;

static void begin(void)
{
  if (glia_graph_new(&g) != GLIA_OK) abort();
}

static void end(void)
{
  if (glia_graph_status(g) != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT(glia_graph_status(g) == GLIA_OK);
  while (n_data > 0) free(data[--n_data]);
  glia_graph_destroy(&g);
}

/* Whether the graph could be built; else a test has nothing to run. */
static bool built(void)
{
  const bool ok = glia_graph_status(g) == GLIA_OK;

  if (!ok) end();
  return ok;
}

static const struct glia_type *type_of(glia_value v) { return &glia_graph_node(g, v)->type; }

/* A float64 input with values in (-1, 1). */
static glia_value given(int rank, const int64_t *dim)
{
  const struct glia_type t = glia_type_make(GLIA_F64, rank, dim);
  char name[16];

  if (n_data == MAX_INPUTS) abort();
  snprintf(name, sizeof name, "in%d", n_data);
  double *x = data[n_data] = array_of(&t);
  for (int64_t i = 0; i < glia_type_count(&t); i++)
    x[i] = 2.0 * glia_random_uniform(11, (uint64_t)n_data, (uint64_t)i) - 1.0;
  n_data++;
  return glia_input(g, name, GLIA_PER_STEP, t);
}
#define GIVEN(...)                                                                                 \
  given((int)GLIA_COUNT(((int64_t[]){__VA_ARGS__})), (const int64_t[]){__VA_ARGS__})

static double *data_of(glia_value input) { return data[glia_graph_node(g, input)->attr.i[0]]; }

static glia_value total(glia_value x) { return glia_reduce_sum(g, x, -1, NULL, false); }

/* Value of a scalar. */
static double scalar(glia_value v)
{
  struct interpretation p = interpret(g, data, NULL, 1, &v);
  const double y = element(type_of(v), p.at[v], 0);

  CU_ASSERT(glia_type_count(type_of(v)) == 1);
  interpretation_free(&p);
  return y;
}

/* y(x) = sum_k v_k tanh(w_k x + b_k) */
enum { UNITS = 7 };
struct line {
  glia_value x, w, b, v, y;
};

static struct line line_network(void)
{
  struct line n = {.x = GIVEN(1, 1), .w = GIVEN(UNITS, 1), .b = GIVEN(UNITS), .v = GIVEN(UNITS)};

  n.y = total(
      glia_mul(g, n.v, glia_tanh(g, glia_add(g, glia_matmul(g, n.x, n.w, false, true), n.b))));
  return n;
}

/* Its derivatives by hand: tanh' = 1 - t^2 = s, tanh'' = -2 t s, tanh''' = -2 s (1 - 3 t^2). */
static double by_hand(const struct line *n, int order)
{
  double sum = 0.0;

  for (int k = 0; k < UNITS; k++) {
    const double w = data_of(n->w)[k], t = tanh(w * data_of(n->x)[0] + data_of(n->b)[k]),
                 s = 1.0 - t * t;
    const double d[] = {t, s, -2.0 * t * s, -2.0 * s * (1.0 - 3.0 * t * t)};
    sum += data_of(n->v)[k] * pow(w, order) * d[order];
  }
  return sum;
}

static void third_derivative_of_a_network_is_the_analytic_one(void)
{
  begin();
  const struct line n = line_network();
  const glia_value one = glia_full(g, *type_of(n.x), 1.0);
  glia_value reverse = n.y, forward = n.y, mixed = n.y, dx, t;
  CU_ASSERT_DOUBLE_EQUAL(scalar(n.y), by_hand(&n, 0), 1e-14);
  for (int order = 1; order <= 3; order++) {
    glia_grad(g, reverse, 1, &n.x, &dx);
    reverse = total(dx);
    glia_jvp(g, 1, &n.x, &one, 1, &forward, &t);
    forward = t;
    if (order % 2 == 1) {
      glia_grad(g, mixed, 1, &n.x, &dx);
      mixed = total(dx);
    } else {
      glia_jvp(g, 1, &n.x, &one, 1, &mixed, &t);
      mixed = t;
    }
    if (!built()) return;
    CU_ASSERT_DOUBLE_EQUAL(scalar(reverse), by_hand(&n, order), 1e-10);
    CU_ASSERT_DOUBLE_EQUAL(scalar(forward), by_hand(&n, order), 1e-10);
    CU_ASSERT_DOUBLE_EQUAL(scalar(mixed), by_hand(&n, order), 1e-10);
  }
  end();
}

/* A classifier of rows: x [rows, IN] or [IN], target likewise [.., CLASSES]. */
enum { IN = 4, HIDDEN = 6, CLASSES = 3, PARAMETERS = 6 };
struct classifier {
  glia_value p[PARAMETERS]; /* weights and biases of three layers */
};

static struct classifier classifier_make(void)
{
  return (struct classifier){.p = {GIVEN(HIDDEN, IN), GIVEN(HIDDEN), GIVEN(HIDDEN, HIDDEN),
                                   GIVEN(HIDDEN), GIVEN(CLASSES, HIDDEN), GIVEN(CLASSES)}};
}

static glia_value loss_of(const struct classifier *c, glia_value x, glia_value target)
{
  glia_value h = x;

  for (int i = 0; i < PARAMETERS; i += 2) {
    if (i > 0) h = i == 2 ? glia_tanh(g, h) : glia_silu(g, h);
    h = glia_add(g, glia_matmul(g, h, c->p[i], false, true), c->p[i + 1]);
  }
  return glia_neg(g, total(glia_mul(g, target, glia_log_softmax(g, h))));
}

static void per_sample_gradients_are_those_of_a_loop(void)
{
  enum { ROWS = 5 };
  glia_value single[PARAMETERS], batched[PARAMETERS], together[PARAMETERS];

  begin();
  const struct classifier c = classifier_make();
  const glia_value x = GIVEN(1, IN), target = GIVEN(1, CLASSES);
  const glia_value xs = GIVEN(ROWS, 1, IN), targets = GIVEN(ROWS, 1, CLASSES);
  glia_grad(g, loss_of(&c, x, target), PARAMETERS, c.p, single);
  glia_vmap(g, ROWS, 2, (glia_value[]){x, target}, (glia_value[]){xs, targets}, PARAMETERS, single,
            batched);
  /* the same rows as one batch: its gradient is the sum */
  const glia_value flat = glia_reshape(g, xs, 2, (int64_t[]){ROWS, IN});
  glia_grad(g, loss_of(&c, flat, glia_reshape(g, targets, 2, (int64_t[]){ROWS, CLASSES})),
            PARAMETERS, c.p, together);

  if (!built()) return;
  struct interpretation all = interpret(g, data, NULL, PARAMETERS, batched);
  struct interpretation batch = interpret(g, data, NULL, PARAMETERS, together);
  double sum[PARAMETERS][HIDDEN * HIDDEN] = {{0.0}};
  for (int r = 0; r < ROWS; r++) {
    memcpy(data_of(x), data_of(xs) + r * IN, IN * sizeof(double));
    memcpy(data_of(target), data_of(targets) + r * CLASSES, CLASSES * sizeof(double));
    struct interpretation one = interpret(g, data, NULL, PARAMETERS, single);
    for (int i = 0; i < PARAMETERS; i++)
      for (int64_t e = 0, n = glia_type_count(type_of(c.p[i])); e < n; e++) {
        const double looped = ((double *)one.at[single[i]])[e];
        CU_ASSERT_DOUBLE_EQUAL(((double *)all.at[batched[i]])[r * n + e], looped, 1e-14);
        sum[i][e] += looped;
      }
    interpretation_free(&one);
  }
  for (int i = 0; i < PARAMETERS; i++)
    for (int64_t e = 0; e < glia_type_count(type_of(c.p[i])); e++)
      CU_ASSERT_DOUBLE_EQUAL(((double *)batch.at[together[i]])[e], sum[i][e], 1e-13);
  interpretation_free(&all);
  interpretation_free(&batch);
  end();
}

static glia_value inner(int n, const glia_value *a, const glia_value *b)
{
  glia_value sum = GLIA_NONE;

  for (int i = 0; i < n; i++) {
    const glia_value term = total(glia_mul(g, a[i], b[i]));
    sum = i == 0 ? term : glia_add(g, sum, term);
  }
  return sum;
}

static void hessian_vector_products_agree(void)
{
  glia_value dp[PARAMETERS], v[PARAMETERS], forward[PARAMETERS], reverse[PARAMETERS];

  begin();
  const struct classifier c = classifier_make();
  glia_grad(g, loss_of(&c, GIVEN(3, IN), GIVEN(3, CLASSES)), PARAMETERS, c.p, dp);
  for (int i = 0; i < PARAMETERS; i++) v[i] = given(type_of(c.p[i])->rank, type_of(c.p[i])->dim);
  glia_jvp(g, PARAMETERS, c.p, v, PARAMETERS, dp, forward);
  glia_grad(g, inner(PARAMETERS, dp, v), PARAMETERS, c.p, reverse);
  if (!built()) return;
  for (int i = 0; i < PARAMETERS; i++) {
    struct interpretation p = interpret(g, data, NULL, 2, (glia_value[]){forward[i], reverse[i]});
    for (int64_t e = 0; e < glia_type_count(type_of(c.p[i])); e++)
      CU_ASSERT_DOUBLE_EQUAL(((double *)p.at[forward[i]])[e], ((double *)p.at[reverse[i]])[e],
                             1e-13);
    interpretation_free(&p);
  }
  end();
}

/* Nodes that roots need. */
static int alive(int n, const glia_value *roots)
{
  const int32_t size = glia_graph_size(g);
  bool *needed = calloc((size_t)size, sizeof *needed);
  int count = 0;

  if (needed == NULL) abort();
  for (int i = 0; i < n; i++) needed[roots[i]] = true;
  for (int32_t v = size - 1; v >= 0; v--) {
    if (!needed[v]) continue;
    count++;
    for (int i = 0; i < glia_graph_node(g, v)->n_in; i++)
      needed[glia_graph_node(g, v)->in[i]] = true;
  }
  free(needed);
  return count;
}

/* A gradient costs a few times its function, in nodes as in time: nested derivatives must not grow faster. */
static void each_order_of_derivative_costs_at_most_two_and_a_half_times_the_last(void)
{
  glia_value dp[PARAMETERS], r[PARAMETERS];

  begin();
  const struct classifier c = classifier_make();
  glia_value y = loss_of(&c, GIVEN(3, IN), GIVEN(3, CLASSES));
  int last = alive(1, &y);
  for (int i = 0; i < PARAMETERS; i++) r[i] = given(type_of(c.p[i])->rank, type_of(c.p[i])->dim);
  for (int order = 1; order <= 3; order++) {
    glia_grad(g, y, PARAMETERS, c.p, dp);
    if (!built()) return;
    const int now = alive(PARAMETERS, dp);
    tap_note("order %d: %d nodes after %d", order, now, last);
    CU_ASSERT(2 * now <= 5 * last);
    y = inner(PARAMETERS, dp, r);
    last = alive(1, &y);
  }
  end();
}

TAP_MAIN("derivatives", TAP(third_derivative_of_a_network_is_the_analytic_one),
         TAP(per_sample_gradients_are_those_of_a_loop), TAP(hessian_vector_products_agree),
         TAP(each_order_of_derivative_costs_at_most_two_and_a_half_times_the_last))
