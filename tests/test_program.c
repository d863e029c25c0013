/* The compiled program against the interpreter on random graphs, bit for bit; and sums over micro-batches. */
#include "glia_control.h"
#include "glia_engine.h"
#include "glia_ops.h"
#include "glia_random.h"
#include "ref/interpret.h"
#include "run_graph.h"
#include "tap.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRAPHS = 300, NODES = 40, INPUTS = 5, OUTPUTS = 6, LARGEST = 20000 };

/* A random graph: values are picked from a pool that grows. */
struct maker {
  struct glia_graph *g;
  glia_dtype dtype;
  uint64_t seed, drawn;
  glia_value pool[NODES + INPUTS];
  int n;
  void *data[INPUTS];
};

static int64_t below(struct maker *m, int64_t n)
{
  return (int64_t)(glia_random_bits(m->seed, 0, m->drawn++) % (uint64_t)n);
}

static const struct glia_type *type_of(const struct maker *m, glia_value v)
{
  return &glia_graph_node(m->g, v)->type;
}

static glia_value any(struct maker *m) { return m->pool[below(m, m->n)]; }

/* Functions that keep values in bounds, so that no infinity hides a difference. */
static glia_value unary(struct maker *m, glia_value x)
{
  struct glia_graph *g = m->g;

  switch (below(m, 10)) {
  case 0:
    return glia_tanh(g, x);
  case 1:
    return glia_sigmoid(g, x);
  case 2:
    return glia_sin(g, x);
  case 3:
    return glia_neg(g, x);
  case 4:
    return glia_relu(g, x);
  case 5:
    return glia_sqrt(g, glia_abs(g, x));
  case 6:
    return glia_exp(g, glia_clamp(g, x, -2.0, 1.0));
  case 7:
    return glia_silu(g, x);
  case 8:
    return glia_stop_gradient(g, x);
  default:
    return glia_cos(g, glia_cast(g, glia_cast(g, x, GLIA_F64), m->dtype));
  }
}

static bool fits_together(const struct glia_type *a, const struct glia_type *b)
{
  int64_t n = 1;

  for (int k = 1; k <= a->rank || k <= b->rank; k++) {
    const int64_t x = k <= a->rank ? a->dim[a->rank - k] : 1,
                  y = k <= b->rank ? b->dim[b->rank - k] : 1;
    if (x != y && x != 1 && y != 1) return false;
    n *= x > y ? x : y;
  }
  return n <= LARGEST;
}

static glia_value binary(struct maker *m, glia_value a)
{
  struct glia_graph *g = m->g;
  glia_value b = any(m);

  for (int k = 0; k < 20 && !fits_together(type_of(m, a), type_of(m, b)); k++) b = any(m);
  if (!fits_together(type_of(m, a), type_of(m, b))) b = glia_constant(g, 0.75);
  switch (below(m, 8)) {
  case 0:
    return glia_add(g, a, b);
  case 1:
    return glia_sub(g, a, b);
  case 2:
    return glia_mul(g, a, glia_tanh(g, b));
  case 3:
    return glia_div(g, a, glia_add(g, glia_constant(g, 1.0), glia_mul(g, b, b)));
  case 4:
    return glia_max(g, a, b);
  case 5:
    return glia_min(g, a, b);
  case 6:
    return glia_mul(g, glia_sigmoid(g, a), b);
  default:
    return glia_select(g, glia_compare(g, GLIA_LT, a, b), glia_neg(g, a), b);
  }
}

static glia_value shape(struct maker *m, glia_value x)
{
  struct glia_graph *g = m->g;
  const struct glia_type *t = type_of(m, x);
  int64_t dim[GLIA_MAX_RANK], start[GLIA_MAX_RANK], step[GLIA_MAX_RANK];
  int order[GLIA_MAX_RANK], map[GLIA_MAX_RANK];
  const int turn = t->rank > 0 ? (int)below(m, t->rank) : 0;

  for (int k = 0; k < t->rank; k++) {
    order[k] = (k + turn) % t->rank;
    start[k] = below(m, t->dim[k]);
    step[k] = 1 + below(m, 2);
    map[k] = k;
    dim[k] = t->dim[k];
  }
  switch (below(m, 5)) {
  case 0:
    return glia_permute(g, x, order);
  case 1:
    return glia_slice(g, x, start, t->dim, step);
  case 2:
    return glia_reshape(g, x, 1, (int64_t[]){glia_type_count(t)});
  case 3:
    if (t->rank == 0 || 2 * glia_type_count(t) > LARGEST) return glia_neg(g, x);
    return glia_concat(g, 2, (glia_value[]){x, glia_tanh(g, x)}, turn);
  default:
    if (t->rank > 3 || 3 * glia_type_count(t) > LARGEST) return glia_abs(g, x);
    dim[t->rank] = 3;
    map[t->rank] = -1;
    return glia_broadcast(g, x, t->rank + 1, dim, map);
  }
}

/* Means keep values in bounds. */
static glia_value reduction(struct maker *m, glia_value x)
{
  const struct glia_type *t = type_of(m, x);
  int axes[GLIA_MAX_RANK], n = 0;

  for (int k = 0; k < t->rank; k++)
    if (below(m, 2) == 0) axes[n++] = k;
  const bool keep = below(m, 2) == 0;
  return below(m, 3) == 0 ? glia_reduce_max(m->g, x, n, axes, keep)
                          : glia_reduce_mean(m->g, x, n, axes, keep);
}

/* x x^T or x^T x, bounded. */
static glia_value product(struct maker *m, glia_value x)
{
  const struct glia_type *t = type_of(m, x);
  const bool inner = below(m, 2) == 0;

  if (t->rank != 2 || t->dim[inner ? 1 : 0] > 140) return glia_tanh(m->g, x);
  return glia_tanh(m->g, glia_matmul(m->g, x, glia_sin(m->g, x), inner, !inner));
}

/* A loop over the rows of x, with a random body; its rows, or its last carry. */
static glia_value loop(struct maker *m, glia_value x)
{
  const struct glia_type *t = type_of(m, x);
  const struct maker outer = *m;
  const struct glia_scan_options options = {.reverse = below(m, 2) == 0};
  glia_value final = GLIA_NONE, out = GLIA_NONE;

  if (t->rank < 1 || t->dim[0] > 7) return glia_tanh(m->g, x);
  const glia_value zero = glia_full(m->g, glia_type_make(m->dtype, 1, (int64_t[]){3}), 0.25);
  struct glia_body *b = glia_body_begin(m->g);
  const glia_value carry = glia_body_carry(b, zero);
  m->g = glia_body_graph(b);
  m->n = 0;
  m->pool[m->n++] = carry;
  m->pool[m->n++] = glia_body_each(b, x);
  m->pool[m->n++] = glia_body_capture(b, outer.pool[below(m, outer.n)]);
  while (m->n < 9) {
    const glia_value v = any(m);
    m->pool[m->n] = below(m, 2) == 0 ? unary(m, v) : binary(m, v);
    m->n++;
  }
  const glia_value y = m->pool[m->n - 1];
  glia_body_next(
      b, carry, glia_tanh(m->g, glia_add(m->g, carry, glia_reduce_mean(m->g, y, -1, NULL, false))));
  const bool rows = type_of(m, y)->rank < 3 && 7 * glia_type_count(type_of(m, y)) <= LARGEST;
  glia_body_stack(b, rows ? y : carry);
  m->g = outer.g;
  m->n = outer.n;
  memcpy(m->pool, outer.pool, sizeof m->pool);
  glia_scan(m->g, &b, &options, &final, &out);
  return below(m, 3) == 0 ? final : out;
}

static glia_value grow(struct maker *m)
{
  const glia_value x = any(m);

  switch (below(m, 11)) {
  case 10:
    return loop(m, x);
  case 0:
  case 1:
  case 2:
    return unary(m, x);
  case 3:
  case 4:
  case 5:
  case 6:
    return binary(m, x);
  case 7:
    return reduction(m, x);
  case 8:
    return product(m, x);
  default:
    return shape(m, x);
  }
}

/* The inputs of every other graph belong to a micro-batch: there sums run inside groups. */
static bool is_micro(uint64_t seed) { return seed % 2 != 0; }

static void make(struct maker *m, uint64_t seed, glia_dtype dtype)
{
  static const int64_t extents[] = {1, 2, 3, 5, 7, 33, 130};

  *m = (struct maker){.seed = seed, .dtype = dtype};
  if (glia_graph_new(&m->g) != GLIA_OK) abort();
  const int64_t rows = extents[below(m, 7)], columns = extents[below(m, 7)];
  const int64_t dims[INPUTS][3] = {
      {rows, columns, 0}, {rows, columns, 0}, {columns, 0, 0}, {rows, 1, 0}, {2, rows, columns}};
  static const int ranks[INPUTS] = {2, 2, 1, 2, 3};
  for (int i = 0; i < INPUTS; i++) {
    char name[16];
    const struct glia_type t = glia_type_make(dtype, ranks[i], dims[i]);
    snprintf(name, sizeof name, "in%d", i);
    m->pool[m->n++] =
        glia_input(m->g, name, is_micro(seed) ? GLIA_PER_MICRO_BATCH : GLIA_PER_STEP, t);
    m->data[i] = array_of(&t);
    for (int64_t e = 0; e < glia_type_count(&t); e++)
      set_element(&t, m->data[i], e,
                  4.0 * glia_random_uniform(seed, 1 + (uint64_t)i, (uint64_t)e) - 2.0);
  }
  while (m->n < NODES + INPUTS && glia_graph_status(m->g) == GLIA_OK) m->pool[m->n++] = grow(m);
}

static bool same(const struct glia_type *t, const void *a, const void *b)
{
  for (int64_t i = 0; i < glia_type_count(t); i++) {
    const double x = element(t, a, i), y = element(t, b, i);
    if (isnan(x) && isnan(y)) continue; /* which NaN is left open */
    if (memcmp(&x, &y, sizeof x) != 0) return false;
  }
  return true;
}

/* Some values of a random graph, and the gradient of one of them by two inputs. */
static void compare_graph(uint64_t seed, glia_dtype dtype)
{
  struct maker m;
  glia_value roots[OUTPUTS];
  void *out[OUTPUTS];

  make(&m, seed, dtype);
  if (glia_graph_status(m.g) == GLIA_OK) {
    roots[0] = glia_reduce_sum(m.g, m.pool[m.n - 1], -1, NULL, false);
    glia_grad(m.g, roots[0], 2, m.pool, &roots[1]);
    for (int i = 3; i < OUTPUTS; i++) roots[i] = m.pool[m.n - 1 - (int)below(&m, NODES / 2)];
    for (int i = 0; i < OUTPUTS && is_micro(seed); i++) roots[i] = glia_batch_sum(m.g, roots[i]);
  }
  CU_ASSERT(glia_graph_status(m.g) == GLIA_OK);
  if (glia_graph_status(m.g) != GLIA_OK) {
    tap_note("graph %" PRIu64 ": %s", seed, glia_trace());
  } else if (run_graph(m.g, NULL, m.data, OUTPUTS, roots, out)) {
    struct interpretation p = interpret(m.g, m.data, NULL, OUTPUTS, roots);
    for (int i = 0; i < OUTPUTS; i++) {
      const bool ok = same(type_of(&m, roots[i]), out[i], p.at[roots[i]]);
      if (!ok)
        tap_note("graph %" PRIu64 " of %s: output %d differs", seed, glia_dtype_name(dtype), i);
      CU_ASSERT(ok);
    }
    interpretation_free(&p);
    for (int i = 0; i < OUTPUTS; i++) free(out[i]);
  } else {
    tap_note("graph %" PRIu64 " does not run", seed);
    CU_ASSERT(false);
  }
  for (int i = 0; i < INPUTS; i++) free(m.data[i]);
  glia_graph_destroy(&m.g);
}

static void random_graphs_in_float32_equal_the_interpreter(void)
{
  for (uint64_t s = 0; s < GRAPHS; s++) compare_graph(s, GLIA_F32);
}

static void random_graphs_in_float64_equal_the_interpreter(void)
{
  for (uint64_t s = 0; s < GRAPHS; s++) compare_graph(1000 + s, GLIA_F64);
}

/* Broadcasts beside tiles of 512: one number over a run of whole tiles, of tiles and a part; rows that fit into a tile or do not, or
 * are empty; and the second of two workers beginning in the middle of a run (at 12288 of 24576, runs of 8192). */
static void broadcasts_in_tiles_equal_the_interpreter(void)
{
  static const struct {
    int64_t planes, columns;
    int workers;
  } set[] = {{2, 1024, 1}, {2, 512, 1}, {2, 1536, 1}, {2, 784, 1},
             {2, 256, 1},  {2, 384, 1}, {2, 0, 1},    {1, 8192, 2}};
  enum { ROWS = 3 };

  for (size_t k = 0; k < GLIA_COUNT(set); k++) {
    const int64_t n = set[k].columns, planes = set[k].planes;
    const struct glia_type types[] = {glia_type_make(GLIA_F32, 3, (int64_t[]){planes, ROWS, n}),
                                      glia_type_make(GLIA_F32, 2, (int64_t[]){ROWS, 1}),
                                      glia_type_make(GLIA_F32, 1, &n),
                                      glia_type_make(GLIA_F32, 3, (int64_t[]){planes, 1, 1})};
    glia_value x[GLIA_COUNT(types)], root;
    void *in[GLIA_COUNT(types)], *out = NULL;
    struct glia_graph *g = NULL;
    if (glia_graph_new(&g) != GLIA_OK) abort();
    for (size_t i = 0; i < GLIA_COUNT(types); i++) {
      const char name[] = {(char)('a' + i), 0};
      x[i] = glia_input(g, name, i == 0 ? GLIA_PER_MICRO_BATCH : GLIA_PER_STEP, types[i]);
      in[i] = array_of(&types[i]);
      for (int64_t e = 0; e < glia_type_count(&types[i]); e++)
        set_element(&types[i], in[i], e, glia_random_uniform(3, i, (uint64_t)e));
    }
    x[0] = glia_batch_sum(g, x[0]); /* workers share out what comes after it */
    root = glia_mul(g, glia_add(g, glia_sub(g, x[0], x[1]), x[2]), glia_sub(g, x[3], x[1]));
    CU_ASSERT_FATAL(run_graph_on(set[k].workers, g, NULL, in, 1, &root, &out));
    struct interpretation p = interpret(g, in, NULL, 1, &root);
    CU_ASSERT(same(&types[0], out, p.at[root]));
    interpretation_free(&p);
    for (size_t i = 0; i < GLIA_COUNT(types); i++) free(in[i]);
    free(out);
    glia_graph_destroy(&g);
  }
}

/* Micro-batch i brings x = (i + 1) (1, 2, 3). */
static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  (void)self;
  (void)worker;
  for (int k = 0; k < 3; k++) ((double *)data[0])[k] = (double)(index + 1) * (k + 1);
  return GLIA_OK;
}

static void batch_sum_adds_micro_batches_and_has_its_rules(void)
{
  enum { STEPS = 5 }; /* sum of i + 1: 15; of squares: 55 */
  struct glia_graph *g;
  struct glia_program *p = NULL;
  struct glia_engine *e = NULL;
  const struct glia_type three = glia_type_make(GLIA_F64, 1, (int64_t[]){3});
  glia_value tangent, batched;

  if (glia_graph_new(&g) != GLIA_OK) abort();
  const glia_value x = glia_input(g, "x", GLIA_PER_MICRO_BATCH, three);
  const glia_value square = glia_mul(g, x, x);
  const glia_value s = glia_batch_sum(g, square);
  glia_jvp(g, 1, &x, &x, 1, &s, &tangent); /* 2 x x, summed */
  const glia_value xs =
      glia_concat(g, 2,
                  (glia_value[]){glia_reshape(g, x, 2, (int64_t[]){1, 3}),
                                 glia_reshape(g, glia_neg(g, square), 2, (int64_t[]){1, 3})},
                  0);
  const glia_value direct = glia_batch_sum(g, x);
  glia_vmap(g, 2, 1, &x, &xs, 1, &direct, &batched);
  struct glia_entry *entry = glia_graph_entry(g, "sum");
  glia_entry_output(g, entry, "s", s);
  glia_entry_output(g, entry, "tangent", tangent);
  glia_entry_output(g, entry, "batched", batched);
  const struct glia_feed feed = {.fill = fill};
  glia_status st = glia_program_compile(g, NULL, &p);
  if (st == GLIA_OK) st = glia_engine_create(p, 2, NULL, STEPS, &e);
  if (st == GLIA_OK) st = glia_engine_step(e, "sum", STEPS, &feed);
  CU_ASSERT(st == GLIA_OK);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  const double *sum = e == NULL ? NULL : glia_engine_output(e, "sum", "s");
  const double *forward = e == NULL ? NULL : glia_engine_output(e, "sum", "tangent");
  const double *rows = e == NULL ? NULL : glia_engine_output(e, "sum", "batched");
  CU_ASSERT(sum != NULL && forward != NULL && rows != NULL);
  for (int k = 0; sum != NULL && forward != NULL && rows != NULL && k < 3; k++) {
    const double f = (k + 1) * (k + 1);
    CU_ASSERT(sum[k] == 55.0 * f && forward[k] == 110.0 * f);
    CU_ASSERT(rows[k] == 15.0 * (k + 1) && rows[3 + k] == -55.0 * f);
  }
  glia_engine_destroy(&e);
  glia_program_destroy(&p);
  /* backwards there is no way from a sum into one micro-batch */
  glia_value dx;
  const glia_value one = glia_full(g, three, 1.0);
  glia_vjp(g, 1, &s, &one, 1, &x, &dx);
  CU_ASSERT(glia_graph_status(g) == GLIA_E_UNSUPPORTED);
  CU_ASSERT(strstr(glia_trace_message(), "batch_sum has no reverse rule") != NULL);
  glia_graph_destroy(&g);
}

/* Sums of 128 and 4096 bytes by turns, as biases and weights have them, and one of 512 at the end. */
static void what_is_small_waits_for_the_next_sum(void)
{
  static const int64_t bytes[] = {128, 4096, 128, 4096, 512};
  static const struct {
    size_t limit;
    int n;
    int64_t of[5];
  } want[] = {
      {4096,
       3,
       {4224, 4224, 512}}, /* 128 are no more than a sixteenth of it: they hold up nothing */
      {2047, 5, {128, 4096, 128, 4096, 512}}, /* 128 are more */
      {8192, 2, {4352, 4608}},                /* together as long as all fits */
      {8960, 1, {8960}}};
  struct glia_graph *g;

  CU_ASSERT_EQUAL_FATAL(glia_graph_new(&g), GLIA_OK);
  struct glia_entry *e = glia_graph_entry(g, "sum");
  for (size_t i = 0; i < GLIA_COUNT(bytes); i++) {
    char name[8];
    const struct glia_type type = glia_type_make(GLIA_F32, 1, (int64_t[]){bytes[i] / 4});
    snprintf(name, sizeof name, "x%zu", i);
    const glia_value x = glia_input(g, name, GLIA_PER_MICRO_BATCH, type);
    glia_entry_output(g, e, name, glia_batch_sum(g, glia_mul(g, x, x)));
  }
  for (size_t w = 0; w < GLIA_COUNT(want); w++) {
    struct glia_program *p;
    struct glia_bucket bucket[5] = {0};
    CU_ASSERT_EQUAL_FATAL(glia_program_compile_buckets(g, NULL, want[w].limit, &p), GLIA_OK);
    const int n = glia_program_buckets(p, "sum", 5, bucket);
    CU_ASSERT_EQUAL(n, want[w].n);
    for (int b = 0; b < n && b < 5; b++) {
      CU_ASSERT_EQUAL(4 * bucket[b].n, want[w].of[b]);
      if (4 * bucket[b].n != want[w].of[b])
        tap_note("limit %zu, bucket %d: %lld bytes", want[w].limit, b, 4LL * bucket[b].n);
    }
    glia_program_destroy(&p);
  }
  glia_graph_destroy(&g);
}

TAP_MAIN("program", TAP(random_graphs_in_float32_equal_the_interpreter),
         TAP(random_graphs_in_float64_equal_the_interpreter),
         TAP(broadcasts_in_tiles_equal_the_interpreter),
         TAP(batch_sum_adds_micro_batches_and_has_its_rules),
         TAP(what_is_small_waits_for_the_next_sum))
