/* Five published methods that the design of the graph was tried on, as small programs that run. */
#include "glia_control.h"
#include "glia_engine.h"
#include "glia_ops.h"
#include "glia_random.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct glia_graph *g;
static struct glia_program *program;
static struct glia_engine *engine;

static void begin(void)
{
  if (glia_graph_new(&g) != GLIA_OK) abort();
}

/* Compile; false, and the test has failed, when that is not possible. */
static bool ready(void)
{
  glia_status st = glia_program_compile(g, NULL, &program);

  if (st == GLIA_OK) st = glia_program_verify(program);
  if (st == GLIA_OK) st = glia_engine_create(program, 1, NULL, 4, &engine);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT(st == GLIA_OK);
  return st == GLIA_OK;
}

static void end(void)
{
  glia_engine_destroy(&engine);
  glia_program_destroy(&program);
  glia_graph_destroy(&g);
}

static double number(uint64_t stream, int64_t i)
{
  return 2.0 * glia_random_uniform(17, stream, (uint64_t)i) - 1.0;
}

static struct glia_type f64(int rank, const int64_t *dim)
{
  return glia_type_make(GLIA_F64, rank, dim);
}
#define F64(...) f64((int)GLIA_COUNT(((int64_t[]){__VA_ARGS__})), (const int64_t[]){__VA_ARGS__})

static glia_value constant(double v) { return glia_constant(g, v); }

static glia_value total(glia_value x) { return glia_reduce_sum(g, x, -1, NULL, false); }

static const double *output(const char *entry, const char *name)
{
  const double *y = glia_engine_output(engine, entry, name);

  CU_ASSERT_FATAL(y != NULL);
  return y;
}

/* Card 03, meng2023: u = kappa v + x W, s = H(u - 1), v' = u - s; loss per step on o = s R; gradient through space only. */
enum { LIF_IN = 3, LIF_N = 4, LIF_OUT = 2 };
static const double kappa = 0.5;

static void spike_slope(struct glia_graph *in, void *self, const glia_value *x, glia_value y,
                        glia_value dy, glia_value *dx)
{
  const glia_value one = glia_constant(in, 1.0), zero = glia_constant(in, 0.0);

  (void)self;
  (void)y;
  dx[0] = glia_mul(in, dy, glia_max(in, glia_sub(in, one, glia_abs(in, x[0])), zero));
}

/* The gradient of the loss over `steps` steps as the output dw of entry "train". */
static void lif_network(int64_t steps, glia_gradient gradient)
{
  const struct glia_custom surrogate = {.vjp = spike_slope};
  const glia_value x = glia_input(g, "x", GLIA_PER_STEP, F64(1, LIF_IN));
  const glia_value w = glia_state(g, "w", F64(LIF_IN, LIF_N)),
                   r = glia_state(g, "r", F64(LIF_N, LIF_OUT));
  struct glia_body *b = glia_body_begin(g);
  struct glia_graph *in = glia_body_graph(b);
  const glia_value v = glia_body_carry(b, glia_full(g, F64(1, LIF_N), 0.0));
  const glia_value drive =
      glia_matmul(in, glia_body_capture(b, x), glia_body_capture(b, w), false, false);
  const glia_value u = glia_add(in, glia_mul(in, v, glia_constant(in, kappa)), drive);
  const glia_value z = glia_sub(in, u, glia_constant(in, 1.0));
  const glia_value hard =
      glia_cast(in, glia_compare(in, GLIA_GT, z, glia_constant(in, 0.0)), GLIA_F64);
  const glia_value s = glia_custom(in, hard, 1, &z, &surrogate);
  const glia_value o = glia_matmul(in, s, glia_body_capture(b, r), false, false);
  const glia_value e = glia_sub(in, o, glia_constant(in, 1.0));
  const struct glia_scan_options options = {.steps = steps, .gradient = gradient};
  glia_value loss = GLIA_NONE, dw;

  glia_body_next(b, v, glia_sub(in, u, s));
  glia_body_sum(b, glia_reduce_sum(in, glia_mul(in, e, e), -1, NULL, false));
  glia_scan(g, &b, &options, NULL, &loss);
  glia_grad(g, loss, 1, &w, &dw);
  glia_entry_output(g, glia_graph_entry(g, "train"), "dw", dw);
}

/* By hand: delta_u[t] = delta_s[t] H'(z[t]), and with gradient through time what comes back from step t + 1 besides. */
static void lif_by_hand(int steps, bool through_time, const double *x, const double *w,
                        const double *r, double *dw)
{
  double u[16][LIF_N], s[16][LIF_N], ds[16][LIF_N], v[LIF_N] = {0}, back[LIF_N] = {0};

  memset(dw, 0, LIF_IN * LIF_N * sizeof *dw);
  for (int t = 0; t < steps; t++) {
    double e[LIF_OUT];
    for (int n = 0; n < LIF_N; n++) {
      u[t][n] = kappa * v[n];
      for (int i = 0; i < LIF_IN; i++) u[t][n] += x[i] * w[i * LIF_N + n];
      s[t][n] = u[t][n] > 1.0 ? 1.0 : 0.0;
      v[n] = u[t][n] - s[t][n];
    }
    for (int k = 0; k < LIF_OUT; k++) {
      e[k] = -1.0;
      for (int n = 0; n < LIF_N; n++) e[k] += s[t][n] * r[n * LIF_OUT + k];
    }
    for (int n = 0; n < LIF_N; n++) {
      ds[t][n] = 0.0;
      for (int k = 0; k < LIF_OUT; k++) ds[t][n] += 2.0 * e[k] * r[n * LIF_OUT + k];
    }
  }
  for (int t = steps - 1; t >= 0; t--)
    for (int n = 0; n < LIF_N; n++) {
      const double slope = fmax(0.0, 1.0 - fabs(u[t][n] - 1.0));
      const double du = (ds[t][n] - back[n]) * slope + back[n];
      for (int i = 0; i < LIF_IN; i++) dw[i * LIF_N + n] += du * x[i];
      back[n] = through_time ? kappa * du : 0.0;
    }
}

static void card_03_spiking_gradients_through_space(void)
{
  size_t bytes[2][2];

  for (int truncated = 0; truncated < 2; truncated++)
    for (int k = 0; k < 2; k++) {
      const int steps = k == 0 ? 6 : 96;
      double x[LIF_IN], by_hand[LIF_IN * LIF_N];
      struct glia_program_info info;
      begin();
      lif_network(steps, truncated ? GLIA_GRADIENT_TRUNCATED : GLIA_GRADIENT_FULL);
      if (!ready()) return;
      double *w = glia_engine_state(engine, 0), *r = glia_engine_state(engine, 1);
      for (int i = 0; i < LIF_IN * LIF_N; i++) w[i] = 1.5 * number(1, i);
      for (int i = 0; i < LIF_N * LIF_OUT; i++) r[i] = number(2, i);
      for (int i = 0; i < LIF_IN; i++) x[i] = 0.4 + fabs(number(3, i));
      CU_ASSERT(glia_engine_set(engine, "x", x) == GLIA_OK);
      CU_ASSERT(glia_engine_step(engine, "train", 0, NULL) == GLIA_OK);
      if (k == 0) {
        double largest = 0.0;
        lif_by_hand(steps, truncated == 0, x, w, r, by_hand);
        for (int i = 0; i < LIF_IN * LIF_N; i++) {
          /* six steps of a few products: a few roundings of numbers up to 10 */
          CU_ASSERT_DOUBLE_EQUAL(output("train", "dw")[i], by_hand[i], 1e-13);
          largest = fmax(largest, fabs(by_hand[i]));
        }
        CU_ASSERT(largest > 0.1); /* it spikes, and learns */
      }
      glia_program_info(program, "train", &info);
      bytes[truncated][k] = info.shared_bytes + info.micro_bytes + info.scratch_bytes;
      end();
    }
  tap_note("bytes for 6 and 96 steps: through time %zu and %zu, through space %zu and %zu",
           bytes[0][0], bytes[0][1], bytes[1][0], bytes[1][1]);
  CU_ASSERT(bytes[1][0] == bytes[1][1]);
  CU_ASSERT(bytes[0][1] >= bytes[0][0] + 90 * LIF_N * sizeof(double));
}

/* Card 21, SR-STE: y = x (mask w) with the gradient straight through to w, pruned weights decay; the mask keeps the 2 largest of
 * 4 and is renewed each 10 steps by an entry point of its own. */
enum { MASK_ROWS = 8, MASK_IN = 8 };

static glia_value straight(struct glia_graph *in, void *self, const glia_value *x, glia_value y,
                           const glia_value *t)
{
  (void)in;
  (void)self;
  (void)x;
  (void)y;
  return t[0];
}

/* 1 for the two largest magnitudes of each four: those of which fewer than two others are larger. */
static glia_value two_of_four(glia_value w)
{
  const int64_t n = MASK_IN / 4;
  const glia_value a = glia_abs(g, glia_reshape(g, w, 3, (int64_t[]){n, 4, 1})),
                   b = glia_abs(g, glia_reshape(g, w, 3, (int64_t[]){n, 1, 4}));
  const glia_value larger = glia_cast(g, glia_compare(g, GLIA_LT, a, b), GLIA_F64);
  const glia_value rank = glia_reduce_sum(g, larger, 1, (int[]){2}, false);
  const glia_value kept = glia_cast(g, glia_compare(g, GLIA_LT, rank, constant(2.0)), GLIA_F64);

  return glia_reshape(g, kept, 2, (int64_t[]){MASK_IN, 1});
}

static void card_21_masks_renewed_every_ten_steps(void)
{
  double x[MASK_ROWS * MASK_IN], y[MASK_ROWS], mask[MASK_IN], first = 0.0, last = 0.0;
  int renewed = 0;

  begin();
  const glia_value xs = glia_input(g, "x", GLIA_PER_STEP, F64(MASK_ROWS, MASK_IN)),
                   ys = glia_input(g, "y", GLIA_PER_STEP, F64(MASK_ROWS, 1));
  const glia_value w = glia_state(g, "w", F64(MASK_IN, 1)),
                   m = glia_state(g, "mask", F64(MASK_IN, 1));
  const struct glia_custom rule = {.jvp = straight};
  const glia_value pruned = glia_custom(g, glia_mul(g, w, m), 1, &w, &rule);
  const glia_value e = glia_sub(g, glia_matmul(g, xs, pruned, false, false), ys);
  const glia_value loss = total(glia_mul(g, e, e));
  glia_value dw;
  glia_grad(g, loss, 1, &w, &dw);
  const glia_value decay =
      glia_mul(g, glia_mul(g, glia_sub(g, constant(1.0), m), w), constant(0.02));
  const glia_value step = glia_mul(g, glia_add(g, dw, decay), constant(-0.01));
  struct glia_entry *train = glia_graph_entry(g, "train");
  glia_entry_write(g, train, w, glia_add(g, w, step));
  glia_entry_output(g, train, "loss", loss);
  glia_entry_write(g, glia_graph_entry(g, "mask"), m, two_of_four(w));
  if (!ready()) return;
  for (int i = 0; i < MASK_ROWS * MASK_IN; i++) x[i] = number(4, i);
  for (int i = 0; i < MASK_ROWS; i++) /* rows 1 and 6 of eight weights explain y */
    y[i] = 2.0 * x[i * MASK_IN + 1] - 1.5 * x[i * MASK_IN + 6];
  double *weight = glia_engine_state(engine, 0), *kept = glia_engine_state(engine, 1);
  for (int i = 0; i < MASK_IN; i++) weight[i] = 0.3 * number(5, i);
  CU_ASSERT(glia_engine_set(engine, "x", x) == GLIA_OK &&
            glia_engine_set(engine, "y", y) == GLIA_OK);
  for (int s = 0; s < 300; s++) {
    memcpy(mask, kept, sizeof mask);
    if (s % 10 == 0) CU_ASSERT(glia_engine_step(engine, "mask", 0, NULL) == GLIA_OK);
    renewed += s > 0 && memcmp(mask, kept, sizeof mask) != 0;
    CU_ASSERT(s % 10 == 0 || memcmp(mask, kept, sizeof mask) == 0);
    CU_ASSERT(kept[0] + kept[1] + kept[2] + kept[3] == 2.0);
    CU_ASSERT(kept[4] + kept[5] + kept[6] + kept[7] == 2.0);
    CU_ASSERT(glia_engine_step(engine, "train", 0, NULL) == GLIA_OK);
    if (s == 0) first = *output("train", "loss");
    last = *output("train", "loss");
  }
  tap_note("loss %.3g to %.3g, %d masks", first, last, renewed + 1);
  CU_ASSERT(last < 0.1 * first); /* what is left is the drift of the spare weight in each four */
  CU_ASSERT(renewed > 0 && kept[1] == 1.0 && kept[6] == 1.0); /* pruned weights came back */
  end();
}

/* Card 33, park2022: h = gamma A h + b has the solution (I - gamma A)^-1 b; dL/db = (I - gamma A)^-T dL/dh. */
enum { NODES = 5 };

static void card_33_implicit_layer(void)
{
  double a[NODES * NODES], b[NODES];

  begin();
  const glia_value ga = glia_input(g, "a", GLIA_PER_STEP, F64(NODES, NODES)),
                   bs = glia_input(g, "b", GLIA_PER_STEP, F64(NODES, 1));
  struct glia_body *body = glia_body_begin(g);
  struct glia_graph *in = glia_body_graph(body);
  const glia_value h = glia_body_carry(body, glia_full(g, F64(NODES, 1), 0.0));
  const glia_value ah = glia_matmul(in, glia_body_capture(body, ga), h, false, false);
  glia_value fixed = GLIA_NONE, d[2];
  glia_body_next(body, h, glia_add(in, ah, glia_body_capture(body, bs)));
  const glia_value steps = glia_fixed_point(g, &body, 200, 1e-14, &fixed);
  glia_grad(g, total(glia_mul(g, fixed, fixed)), 2, (glia_value[]){bs, ga}, d);
  struct glia_entry *e = glia_graph_entry(g, "solve");
  glia_entry_output(g, e, "h", fixed);
  glia_entry_output(g, e, "db", d[0]);
  glia_entry_output(g, e, "da", d[1]);
  glia_entry_output(g, e, "steps", glia_cast(g, steps, GLIA_F64));
  if (!ready()) return;
  for (int i = 0; i < NODES * NODES; i++) a[i] = 0.5 * fabs(number(6, i)) / NODES; /* contracts */
  for (int i = 0; i < NODES; i++) b[i] = number(7, i);
  CU_ASSERT(glia_engine_set(engine, "a", a) == GLIA_OK &&
            glia_engine_set(engine, "b", b) == GLIA_OK);
  CU_ASSERT(glia_engine_step(engine, "solve", 0, NULL) == GLIA_OK);
  const double *x = output("solve", "h"), *l = output("solve", "db"), *da = output("solve", "da");
  for (int i = 0; i < NODES; i++) { /* residuals of both systems, and dL/dA = l h^T */
    double r = x[i] - b[i], adjoint = l[i] - 2.0 * x[i];
    for (int j = 0; j < NODES; j++) {
      r -= a[i * NODES + j] * x[j];
      adjoint -= a[j * NODES + i] * l[j];
      CU_ASSERT_DOUBLE_EQUAL(da[i * NODES + j], l[i] * x[j], 1e-12);
    }
    CU_ASSERT_DOUBLE_EQUAL(r, 0.0, 1e-13); /* ten times the tolerance of the iteration */
    CU_ASSERT_DOUBLE_EQUAL(adjoint, 0.0, 1e-13);
  }
  CU_ASSERT(*output("solve", "steps") < 60.0); /* 0.25^k reaches 1e-14 in 25 */
  end();
}

/* Card 34: critic and actor over one table of states, a target that follows the critic, activity measured over the batch. */
enum { ACT_ROWS = 4, ACT_IN = 3 };

static glia_status act_fill(void *self, int64_t index, int worker, void *const *data)
{
  (void)self;
  (void)worker;
  for (int i = 0; i < ACT_ROWS * ACT_IN; i++)
    ((double *)data[0])[i] = number(8, index * ACT_ROWS * ACT_IN + i);
  return GLIA_OK;
}

static void card_34_two_entry_points_and_a_target_copy(void)
{
  const struct glia_feed feed = {.fill = act_fill};
  const double tau = 0.25;
  double before[3][ACT_IN];

  begin();
  const glia_value x = glia_input(g, "x", GLIA_PER_MICRO_BATCH, F64(ACT_ROWS, ACT_IN));
  const glia_value critic = glia_state(g, "critic", F64(ACT_IN, 1)),
                   target = glia_state(g, "target", F64(ACT_IN, 1)),
                   actor = glia_state(g, "actor", F64(ACT_IN, 1));
  const glia_value action = glia_relu(g, glia_matmul(g, x, actor, false, false));
  const glia_value goal =
      glia_stop_gradient(g, glia_add(g, constant(1.0), glia_matmul(g, x, target, false, false)));
  const glia_value q = glia_add(g, glia_matmul(g, x, critic, false, false), action);
  const glia_value e = glia_sub(g, q, goal);
  glia_value dq, da;
  glia_grad(g, total(glia_mul(g, e, e)), 1, &critic, &dq);
  glia_grad(g, total(glia_neg(g, q)), 1, &actor, &da);
  struct glia_entry *c = glia_graph_entry(g, "critic"), *a = glia_graph_entry(g, "actor");
  const glia_value next = glia_add(g, critic, glia_mul(g, glia_batch_sum(g, dq), constant(-0.05)));
  glia_entry_write(g, c, critic, next);
  glia_entry_write(
      g, c, target,
      glia_add(g, glia_mul(g, next, constant(tau)), glia_mul(g, target, constant(1.0 - tau))));
  const glia_value moved = glia_mul(g, glia_batch_sum(g, da), constant(-0.05));
  glia_entry_write(g, a, actor, glia_add(g, actor, moved));
  const glia_value on = glia_cast(g, glia_compare(g, GLIA_GT, action, constant(0.0)), GLIA_F64);
  glia_entry_output(g, a, "active", glia_batch_sum(g, total(on)));
  if (!ready()) return;
  double *state[3];
  for (int s = 0; s < 3; s++) {
    state[s] = glia_engine_state(engine, s);
    for (int i = 0; i < ACT_IN; i++) before[s][i] = state[s][i] = number(9, 3 * s + i);
  }
  CU_ASSERT(glia_engine_step(engine, "critic", 3, &feed) == GLIA_OK);
  CU_ASSERT(memcmp(state[0], before[0], sizeof before[0]) != 0);
  CU_ASSERT(memcmp(state[2], before[2], sizeof before[2]) == 0); /* the actor rests */
  for (int i = 0; i < ACT_IN; i++) /* the same two products and their sum */
    CU_ASSERT(state[1][i] == state[0][i] * tau + before[1][i] * (1.0 - tau));
  for (int s = 0; s < 3; s++) memcpy(before[s], state[s], sizeof before[s]);
  CU_ASSERT(glia_engine_step(engine, "actor", 3, &feed) == GLIA_OK);
  CU_ASSERT(memcmp(state[0], before[0], sizeof before[0]) == 0);
  CU_ASSERT(memcmp(state[1], before[1], sizeof before[1]) == 0);
  CU_ASSERT(memcmp(state[2], before[2], sizeof before[2]) != 0);
  int active = 0;
  for (int r = 0; r < 3 * ACT_ROWS; r++) {
    double sum = 0.0;
    for (int i = 0; i < ACT_IN; i++) sum += number(8, r * ACT_IN + i) * before[2][i];
    active += sum > 0.0;
  }
  CU_ASSERT(*output("actor", "active") == active && active > 0);
  end();
}

/* Card 39: graphs of several sizes in one batch, planned at their largest; padding belongs to no graph. */
enum { MOST_NODES = 12, MOST_EDGES = 20, GRAPHS = 3, FEATURES = 4 };
static const int32_t graph_nodes[GRAPHS] = {3, 5, 2}, graph_edges[GRAPHS] = {4, 8, 1};

/* Put graph i (of its own numbers) behind `nodes` nodes and `edges` edges, as number `place`. */
static void put_graph(int i, int32_t place, int32_t *nodes, int32_t *edges, double *x,
                      int32_t *from, int32_t *to, int32_t *owner)
{
  for (int32_t e = 0; e < graph_edges[i]; e++) {
    from[*edges + e] = *nodes + (int32_t)(fabs(number(10, 50 * i + e)) * graph_nodes[i]);
    to[*edges + e] = *nodes + (int32_t)(fabs(number(11, 50 * i + e)) * graph_nodes[i]);
  }
  for (int32_t n = 0; n < graph_nodes[i]; n++) {
    owner[*nodes + n] = place;
    for (int k = 0; k < FEATURES; k++)
      x[(*nodes + n) * FEATURES + k] = number(12, 1000 * i + n * FEATURES + k);
  }
  *nodes += graph_nodes[i];
  *edges += graph_edges[i];
}

/* Pooled features of the graphs of `list` [n], in a batch that holds only them, and the gradient of their sum by w. */
static void run_graphs(int n, const int *list, double *pooled, double *dw)
{
  double x[MOST_NODES * FEATURES], w[FEATURES * FEATURES];
  int32_t from[MOST_EDGES], to[MOST_EDGES], owner[MOST_NODES], nodes = 0, edges = 0;

  for (int i = 0; i < MOST_NODES * FEATURES; i++) x[i] = 1e6; /* padding that would be seen */
  for (int i = 0; i < MOST_NODES; i++) owner[i] = -1;
  for (int i = 0; i < MOST_EDGES; i++) from[i] = to[i] = -1;
  for (int i = 0; i < n; i++) put_graph(list[i], i, &nodes, &edges, x, from, to, owner);
  for (int i = 0; i < FEATURES * FEATURES; i++) w[i] = number(13, i);
  CU_ASSERT(glia_engine_set(engine, "x", x) == GLIA_OK);
  CU_ASSERT(glia_engine_set(engine, "w", w) == GLIA_OK);
  CU_ASSERT(glia_engine_set(engine, "from", from) == GLIA_OK);
  CU_ASSERT(glia_engine_set(engine, "to", to) == GLIA_OK);
  CU_ASSERT(glia_engine_set(engine, "owner", owner) == GLIA_OK);
  CU_ASSERT(glia_engine_step(engine, "pool", 0, NULL) == GLIA_OK);
  memcpy(pooled, output("pool", "pooled"), GRAPHS * FEATURES * sizeof *pooled);
  memcpy(dw, output("pool", "dw"), FEATURES * FEATURES * sizeof *dw);
}

static void card_39_ragged_graphs_in_a_batch(void)
{
  double all[GRAPHS * FEATURES], alone[GRAPHS * FEATURES], dw[2][FEATURES * FEATURES],
      sum[FEATURES * FEATURES] = {0};

  begin();
  const glia_value x = glia_input(g, "x", GLIA_PER_STEP, F64(MOST_NODES, FEATURES)),
                   w = glia_input(g, "w", GLIA_PER_STEP, F64(FEATURES, FEATURES));
  const struct glia_type index = glia_type_make(GLIA_I32, 1, (int64_t[]){MOST_EDGES}),
                         node = glia_type_make(GLIA_I32, 1, (int64_t[]){MOST_NODES});
  const glia_value from = glia_input(g, "from", GLIA_PER_STEP, index),
                   to = glia_input(g, "to", GLIA_PER_STEP, index),
                   owner = glia_input(g, "owner", GLIA_PER_STEP, node);
  const glia_value message = glia_gather(g, glia_matmul(g, x, w, false, false), from);
  const glia_value h = glia_tanh(g, glia_add(g, x, glia_segment_mean(g, message, to, MOST_NODES)));
  const glia_value pooled = glia_segment_mean(g, h, owner, GRAPHS);
  glia_value d;
  glia_grad(g, total(glia_mul(g, pooled, pooled)), 1, &w, &d);
  struct glia_entry *e = glia_graph_entry(g, "pool");
  glia_entry_output(g, e, "pooled", pooled);
  glia_entry_output(g, e, "dw", d);
  if (!ready()) return;
  run_graphs(GRAPHS, (int[]){0, 1, 2}, all, dw[0]);
  for (int i = 0; i < GRAPHS; i++) {
    run_graphs(1, &i, alone, dw[1]);
    /* sums over a segment run in order, so neighbours change no bit */
    CU_ASSERT(memcmp(alone, all + i * FEATURES, FEATURES * sizeof *alone) == 0);
    CU_ASSERT(alone[0] != 0.0 && fabs(alone[0]) < 1.0);
    for (int k = 0; k < FEATURES; k++) CU_ASSERT(alone[FEATURES + k] == 0.0); /* no such graph */
    for (int k = 0; k < FEATURES * FEATURES; k++) sum[k] += dw[1][k];
  }
  for (int k = 0; k < FEATURES * FEATURES;
       k++) /* products by padding of 1e6 with a cotangent of 0 */
    CU_ASSERT_DOUBLE_EQUAL(sum[k], dw[0][k], 1e-13);
  end();
}

TAP_MAIN("cards", TAP(card_03_spiking_gradients_through_space),
         TAP(card_21_masks_renewed_every_ten_steps), TAP(card_33_implicit_layer),
         TAP(card_34_two_entry_points_and_a_target_copy), TAP(card_39_ragged_graphs_in_a_batch))
