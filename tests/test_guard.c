/* Updates that hold by a flag: the program for when it holds leaves the bits of the other, and neither touches a state too early. */
#include "glia_engine.h"
#include "glia_kernels.h"
#include "glia_ops.h"
#include "glia_random.h"
#include "program_priv.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  N = 20 * TILE + 77,
  STATES = 4,
  STEPS = 4,
  ROWS = 3 /* of which N is a multiple */
};         /* enough tiles to be asked for ahead, and a part of one */
enum { AT, FIRST, SECOND, EXTRA };

/* PLAIN: Adam, all by one flag. LATER: the old first moment is read behind the new one. SHOWN: the new one leaves the step. OTHER: the
 * second has a flag of its own. EACH: each row has one, so none guards the whole. */
typedef enum { PLAIN, LATER, SHOWN, OTHER, EACH, VARIANTS } variant;

static const double gain = 0.1, keep = 0.999, rate = 0.05, unbias = 1.7, eps = 1e-8;

struct update {
  variant variant;
  glia_dtype dtype;
  double total, flag, other, each[ROWS]; /* what a step divides by; whether it holds */
  double gradient[N], shown[N];          /* in, out */
  double as[N];                          /* numbers as the engine has them */
};

static void build(struct glia_graph *g, variant which, glia_dtype dtype)
{
  static const char *const name[STATES] = {"at", "first", "second", "extra"};
  const struct glia_type t = glia_type_make(dtype, 2, (int64_t[]){ROWS, N / ROWS}),
                         number = glia_type_make(GLIA_F64, 0, NULL),
                         column = glia_type_make(GLIA_F64, 2, (int64_t[]){ROWS, 1});
  glia_value s[STATES], next[STATES];

  const glia_value sum = glia_batch_sum(g, glia_input(g, "gradient", GLIA_PER_MICRO_BATCH, t));
  const glia_value total = glia_batch_sum(g, glia_input(g, "total", GLIA_PER_MICRO_BATCH, number));
  const glia_value flag = glia_batch_sum(g, glia_input(g, "flag", GLIA_PER_MICRO_BATCH, number));
  const glia_value other = glia_batch_sum(g, glia_input(g, "other", GLIA_PER_MICRO_BATCH, number));
  const glia_value each = glia_batch_sum(g, glia_input(g, "each", GLIA_PER_MICRO_BATCH, column));
  const glia_value holds =
      glia_compare(g, GLIA_GT, which == EACH ? each : flag, glia_constant(g, 0.0));
  const glia_value too = glia_compare(g, GLIA_GT, other, glia_constant(g, 0.0));
  const glia_value d = glia_div(g, sum, glia_cast(g, total, dtype));
  for (int i = 0; i < STATES; i++) s[i] = glia_state(g, name[i], t);
  next[FIRST] =
      glia_add(g, s[FIRST], glia_mul(g, glia_sub(g, d, s[FIRST]), glia_constant(g, gain)));
  next[SECOND] = glia_add(g, glia_mul(g, s[SECOND], glia_constant(g, keep)),
                          glia_mul(g, glia_mul(g, d, d), glia_constant(g, 1.0 - keep)));
  const glia_value below = glia_add(
      g, glia_mul(g, glia_sqrt(g, next[SECOND]), glia_constant(g, unbias)), glia_constant(g, eps));
  next[AT] =
      glia_sub(g, s[AT], glia_mul(g, glia_div(g, next[FIRST], below), glia_constant(g, rate)));
  next[EXTRA] = glia_sub(g, which == LATER ? s[FIRST] : s[EXTRA], next[AT]);
  struct glia_entry *e = glia_graph_entry(g, "step");
  for (int i = 0; i < STATES; i++)
    glia_entry_write(g, e, s[i],
                     glia_select(g, which == OTHER && i == SECOND ? too : holds, next[i], s[i]));
  glia_entry_output(g, e, "shown", which == SHOWN ? next[FIRST] : d);
}

/* x in the type of the states: in float64 sums, products, quotients and roots of float32 are exact enough that rounding them gives what float32 does. */
static double rounded(const struct update *u, double x)
{
  return u->dtype == GLIA_F32 ? (double)(float)x : x;
}

static bool holds_at(const struct update *u, int i)
{
  return (u->variant == EACH ? u->each[i / (N / ROWS)] : u->flag) > 0.0;
}

/* The same in plain loops: nothing contracted. */
static void expect(struct update *u, double s[STATES][N])
{
#define R(x) rounded(u, x)
  const double g = R(gain), k = R(keep), rest = R(1.0 - keep), by = R(unbias), least = R(eps);

  for (int i = 0; i < N; i++) {
    const double old = s[FIRST][i], d = R(u->gradient[i] / R(u->total));
    const double first = R(old + R(R(d - old) * g));
    const double second = R(R(s[SECOND][i] * k) + R(R(d * d) * rest));
    const double below = R(R(R(sqrt(second)) * by) + least);
    const double at = R(s[AT][i] - R(R(first / below) * R(rate)));
    u->shown[i] = u->variant == SHOWN ? first : d;
    const double extra = R((u->variant == LATER ? old : s[EXTRA][i]) - at);
    if (u->variant == OTHER ? u->other > 0.0 : holds_at(u, i)) s[SECOND][i] = second;
    if (!holds_at(u, i)) continue;
    s[FIRST][i] = first;
    s[AT][i] = at;
    s[EXTRA][i] = extra;
  }
#undef R
}

/* Numbers x [N] in the type of the states: u->as. */
static const void *as_states(struct update *u, const double *x)
{
  float *to = (float *)u->as;

  if (u->dtype == GLIA_F64) return x;
  for (int i = 0; i < N; i++) to[i] = (float)x[i];
  return to;
}

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  struct update *u = self;
  const void *from[] = {as_states(u, u->gradient), &u->total, &u->flag, &u->other, u->each};
  const size_t bytes[] = {N * glia_dtype_size(u->dtype), sizeof u->total, sizeof u->flag,
                          sizeof u->other, sizeof u->each};

  (void)index;
  (void)worker;
  for (int i = 0; i < 5; i++)
    if (data[i] != NULL) memcpy(data[i], from[i], bytes[i]);
  return GLIA_OK;
}

/* Programs for when a flag holds, and steps in them that one kernel runs. */
static void count(const struct glia_program *p, int *held, int *joined)
{
  *held = *joined = 0;
  for (int u = 0; u < p->entry[0].list[REGION_EPILOGUE].n; u++) {
    const struct unit *unit = &p->entry[0].list[REGION_EPILOGUE].unit[u];
    if (unit->held == NULL) continue;
    ++*held;
    for (int i = 0; i < unit->n_held; i++) *joined += unit->held[i].n_joined;
    CU_ASSERT(unit->n_held < unit->n_steps);
  }
}

static void run(struct glia_engine *e, struct update *u, double s[STATES][N])
{
  /* by a power of two, by another number; a step that does not hold between others */
  static const double total[STEPS] = {128.0, 96.0, 0.25, 1.0}, flag[STEPS] = {1.0, 1.0, 0.0, 1.0};
  const struct glia_feed feed = {.self = u, .fill = fill};
  const size_t bytes = N * glia_dtype_size(u->dtype);

  for (int t = 0; t < STEPS; t++) {
    u->total = total[t];
    u->flag = flag[t];
    u->other = t % 2;
    for (int r = 0; r < ROWS; r++) u->each[r] = (t + r) % 2;
    for (int i = 0; i < N; i++)
      u->gradient[i] = rounded(u, glia_random_uniform(3, (uint64_t)t, (uint64_t)i) - 0.5);
    u->gradient[7] = t == 0 ? rounded(u, 1e-44) : t == 1 ? (double)NAN : 0.0;
    CU_ASSERT_FATAL(glia_engine_step(e, "step", 1, &feed) == GLIA_OK);
    expect(u, s);
    for (int i = 0; i < STATES; i++)
      CU_ASSERT(memcmp(glia_engine_state(e, i), as_states(u, s[i]), bytes) == 0);
    CU_ASSERT(memcmp(glia_engine_output(e, "step", "shown"), as_states(u, u->shown), bytes) == 0);
  }
}

static void check(variant which, glia_dtype dtype, const struct glia_kernels *kernels, int workers)
{
  struct update *u = calloc(1, sizeof *u);
  double(*s)[N] = calloc(STATES, sizeof *s);
  struct glia_graph *g = NULL;
  struct glia_program *p = NULL;
  struct glia_engine *e = NULL;
  int held, joined;

  CU_ASSERT_FATAL(u != NULL && s != NULL && glia_graph_new(&g) == GLIA_OK);
  u->variant = which;
  u->dtype = dtype;
  build(g, which, dtype);
  CU_ASSERT_FATAL(glia_program_compile(g, kernels, &p) == GLIA_OK);
  CU_ASSERT(glia_program_verify(p) == GLIA_OK);
  count(p, &held, &joined);
  CU_ASSERT(held == (which == EACH ? 0 : 1));
  CU_ASSERT(joined == (kernels != NULL && which != EACH ? 3 : 0));
  CU_ASSERT_FATAL(glia_engine_create(p, workers, NULL, 1, &e) == GLIA_OK);
  for (int k = 0; k < STATES; k++)
    for (int i = 0; i < N; i++)
      s[k][i] = rounded(u, glia_random_uniform(5, (uint64_t)k, (uint64_t)i));
  for (int k = 0; k < STATES; k++)
    memcpy(glia_engine_state(e, k), as_states(u, s[k]), N * glia_dtype_size(dtype));
  run(e, u, s);
  glia_engine_destroy(&e);
  glia_program_destroy(&p);
  glia_graph_destroy(&g);
  free(s);
  free(u);
}

static void updates_equal_plain_loops(void)
{
  for (int which = 0; which < VARIANTS; which++)
    for (int workers = 1; workers <= 3; workers++)
      for (int wide = 0; wide < 2; wide++)
        check((variant)which, wide ? GLIA_F64 : GLIA_F32, glia_kernels_default(), workers);
}

static void so_they_do_by_reference_kernels(void)
{
  for (int which = 0; which < VARIANTS; which++)
    for (int wide = 0; wide < 2; wide++) check((variant)which, wide ? GLIA_F64 : GLIA_F32, NULL, 1);
}

TAP_MAIN("guard", TAP(updates_equal_plain_loops), TAP(so_they_do_by_reference_kernels))
