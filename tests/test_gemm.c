/* Products by the kernels that are picked, past the edges of every tile, panel and block, against sums over their definition.
 *
 * Tolerances: k products of numbers below 1 in float64, added in another order: k 1e-16 of at most k; float32: k 6e-8 of the same, the
 * classical bound.
 */
#include "glia_kernels.h"
#include "glia_pause.h"
#include "glia_random.h"
#include "ref/interpret.h"
#include "run_graph.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASES = 70 };

struct shape {
  int64_t batches, m, n, k;
  bool ta, tb;
};

static uint64_t draws;

static int64_t draw(int64_t lo, int64_t hi)
{
  const double u = glia_random_uniform(glia_random_stream(5, "gemm"), 0, draws++);

  return lo + (int64_t)(u * (double)(hi - lo + 1));
}

static struct glia_type matrices(const struct shape *s, glia_dtype dtype, int64_t rows,
                                 int64_t columns, bool turned)
{
  const int64_t dim[3] = {s->batches, turned ? columns : rows, turned ? rows : columns};

  return s->batches > 0 ? glia_type_make(dtype, 3, dim) : glia_type_make(dtype, 2, dim + 1);
}

static void *numbers(const struct glia_type *t)
{
  void *to = array_of(t);

  for (int64_t i = 0; i < glia_type_count(t); i++)
    set_element(t, to, i, (double)draw(-1000, 1000) / 1000.0);
  return to;
}

/* The product by what is picked. The caller frees. */
static void *product(const struct shape *s, glia_dtype dtype, void *a, void *b)
{
  const struct glia_type ta = matrices(s, dtype, s->m, s->k, s->ta),
                         tb = matrices(s, dtype, s->k, s->n, s->tb);
  struct glia_graph *g;
  void *in[2] = {a, b}, *out = NULL;

  if (glia_graph_new(&g) != GLIA_OK) abort();
  const glia_value x = glia_input(g, "a", GLIA_PER_STEP, ta);
  const glia_value y = glia_matmul(g, x, glia_input(g, "b", GLIA_PER_STEP, tb), s->ta, s->tb);
  CU_ASSERT_FATAL(run_graph(g, glia_kernels_default(), in, 1, &y, &out));
  glia_graph_destroy(&g);
  return out;
}

/* Largest distance of y from the sums in long double. */
static double distance(const struct shape *s, const struct glia_type *ta,
                       const struct glia_type *tb, const struct glia_type *ty, const void *a,
                       const void *b, const void *y)
{
  double worst = 0.0;

  for (int64_t q = 0; q < (s->batches > 0 ? s->batches : 1); q++)
    for (int64_t i = 0; i < s->m; i++)
      for (int64_t j = 0; j < s->n; j++) {
        long double sum = 0.0L;
        for (int64_t p = 0; p < s->k; p++)
          sum +=
              (long double)element(ta, a, q * s->m * s->k + (s->ta ? p * s->m + i : i * s->k + p)) *
              (long double)element(tb, b, q * s->k * s->n + (s->tb ? j * s->k + p : p * s->n + j));
        const double found = element(ty, y, (q * s->m + i) * s->n + j);
        worst = fmax(worst, fabs(found - (double)sum));
      }
  return worst;
}

static void check(struct shape s, glia_dtype dtype)
{
  const struct glia_type ta = matrices(&s, dtype, s.m, s.k, s.ta),
                         tb = matrices(&s, dtype, s.k, s.n, s.tb),
                         ty = matrices(&s, dtype, s.m, s.n, false);
  void *a = numbers(&ta), *b = numbers(&tb), *y = product(&s, dtype, a, b);
  const double bound = (dtype == GLIA_F32 ? 6e-8 : 1e-16) * (double)s.k * (double)s.k,
               worst = distance(&s, &ta, &tb, &ty, a, b, y);

  if (worst > bound)
    tap_note("%lld x %lld x %lld x %lld %d%d %s: %.3e > %.3e", (long long)s.batches, (long long)s.m,
             (long long)s.n, (long long)s.k, s.ta, s.tb, glia_dtype_name(dtype), worst, bound);
  CU_ASSERT(worst <= bound);
  free(a);
  free(b);
  free(y);
}

static struct shape random_shape(int i)
{
  struct shape s = {.batches = i % 5 == 0 ? draw(1, 3) : 0,
                    .m = i % 3 == 0 ? draw(1, 6) : draw(5, 60),
                    .n = i % 4 == 0 ? draw(1, 17) : draw(15, 80),
                    .k = i % 7 == 0 ? draw(250, 530) : draw(1, 70),
                    .ta = draw(0, 1) != 0,
                    .tb = draw(0, 1) != 0};

  return s;
}

/* Levels of kernels for products of ours that this CPU has, into at [2]; returns how many. */
static int levels(const char *at[2])
{
  static const char *const names[] = {"avx2", "avx512"};
  int n = 0;

  for (int i = 0; i < 2; i++) {
    setenv("GLIA_CPU", names[i], 1);
    if (glia_kernels_check() == GLIA_OK) at[n++] = names[i];
  }
  unsetenv("GLIA_CPU");
  return n;
}

static void products_are_their_definition(void)
{
  const char *at[3] = {"plain"};
  const int n = 1 + levels(at + 1);

  for (int l = 0; l < n; l++) {
    setenv("GLIA_CPU", at[l], 1);
    for (int i = 0; i < CASES; i++) check(random_shape(i), i % 2 == 0 ? GLIA_F32 : GLIA_F64);
    check((struct shape){0, 500, 33, 3, false, true}, GLIA_F32);   /* more rows than caches hold */
    check((struct shape){0, 205, 61, 260, true, false}, GLIA_F32); /* of a turned one */
    check((struct shape){0, 193, 61, 256, true, false}, GLIA_F32); /* strips of the most terms */
    check((struct shape){0, 193, 61, 256, true, false}, GLIA_F64);
    for (int t = 0; t < 2; t++) {
      const glia_dtype type = t == 0 ? GLIA_F32 : GLIA_F64;
      check((struct shape){0, 781, 67, 33, true, false}, type); /* the most strips, and one more */
      check((struct shape){0, 389, 67, 128, true, false}, type);
      check((struct shape){0, 70, 75, 261, false, false}, type); /* whole panels and a part */
      check((struct shape){0, 40, 111, 300, false, true}, type); /* few rows, by all of the other */
    }
    check((struct shape){0, 125, 20, 20, false, false}, GLIA_F64); /* a matrix read in place */
    check((struct shape){3, 60, 7, 40, false, false}, GLIA_F32);   /* batches of one narrow panel */
  }
  unsetenv("GLIA_CPU");
}

/* What a turned left matrix of m rows and k terms is laid out in stays within what the kernel asked for. */
static void within_its_scratch(int64_t m, int64_t k, glia_dtype dtype)
{
  enum { BEHIND = 1 << 16, MARK = 0xab };
  const struct shape s = {0, m, 67, k, true, false};
  const struct glia_type ta = matrices(&s, dtype, m, k, true),
                         tb = matrices(&s, dtype, k, s.n, false),
                         ty = matrices(&s, dtype, m, s.n, false);
  struct glia_kernel_choice pick = {0};
  struct glia_graph *g;

  if (glia_graph_new(&g) != GLIA_OK) abort();
  const glia_value a = glia_input(g, "a", GLIA_PER_STEP, ta),
                   y = glia_matmul(g, a, glia_input(g, "b", GLIA_PER_STEP, tb), true, false);
  CU_ASSERT_FATAL(glia_kernels_candidates(g, glia_graph_node(g, y), 1, &pick) > 0);
  const size_t asked = pick.scratch_bytes, all = (asked + BEHIND + 63) / 64 * 64;
  unsigned char *scratch = aligned_alloc(64, all);
  void *x = numbers(&ta), *w = numbers(&tb), *to = array_of(&ty);
  if (scratch == NULL) abort();
  memset(scratch, MARK, all);
  const struct glia_operand in[2] = {{.data = x, .n = glia_type_count(&ta), .type = &ta},
                                     {.data = w, .n = glia_type_count(&tb), .type = &tb}};
  const struct glia_call call = {.n_in = 2,
                                 .in = in,
                                 .out = {.data = to, .n = glia_type_count(&ty), .type = &ty},
                                 .attr = &glia_graph_node(g, y)->attr,
                                 .scratch = scratch,
                                 .plan = pick.plan};
  pick.run(&call);
  size_t touched = all;
  while (touched > asked && scratch[touched - 1] == MARK) touched--;
  if (touched > asked)
    tap_note("%lld rows of %lld terms: %zu bytes of %zu", (long long)m, (long long)k, touched,
             asked);
  CU_ASSERT(touched <= asked);
  free(scratch);
  free(x);
  free(w);
  free(to);
  glia_graph_destroy(&g);
}

static void scratch_is_what_was_asked_for(void)
{
  const char *at[2];
  const int n = levels(at);

  for (int l = 0; l < n; l++) {
    setenv("GLIA_CPU", at[l], 1);
    for (int64_t k = 1; k <= 300; k += k < 48 ? 15 : 21)
      for (int t = 0; t < 2; t++) within_its_scratch(800, k, t == 0 ? GLIA_F32 : GLIA_F64);
    within_its_scratch(800, 256, GLIA_F32);
  }
  unsetenv("GLIA_CPU");
}

/* Levels as numbers, least first; what has no place is told. Going down to what is above this CPU is refused, and changes nothing. */
static void levels_have_an_order(void)
{
  static const char *const rising[] = {"openblas:Prescott", "openblas:Nehalem",
                                       "openblas:Haswell conv:avx2,winograd gemm:avx2",
                                       "openblas:Zen conv:avx2,winograd gemm:avx2",
                                       "openblas:SkylakeX conv:avx512,winograd gemm:avx512"};
  struct glia_kernels_isa isa[GLIA_COUNT(rising)], other;
  char was[64];

  for (size_t i = 0; i < GLIA_COUNT(rising); i++) {
    CU_ASSERT_FATAL(glia_kernels_isa_of(rising[i], &isa[i]) == GLIA_OK);
    CU_ASSERT(i == 0 || (isa[i].core > isa[i - 1].core && isa[i].cpu >= isa[i - 1].cpu));
  }
  CU_ASSERT(isa[0].cpu == 0 && isa[2].cpu == 1 && isa[4].cpu == 2);
  static const char *const none[] = {"openblas:Bulldozer gemm:avx2", "openblas:", "", "blis:Zen",
                                     "openblas:NEOVERSEN1"};
  for (size_t i = 0; i < GLIA_COUNT(none); i++) {
    CU_ASSERT(glia_kernels_isa_of(none[i], &other) == GLIA_E_UNSUPPORTED && other.core == -1);
    glia_trace_clear();
  }
  snprintf(was, sizeof was, "%s", glia_kernels_level());
  if (glia_kernels_isa_of(was, &other) != GLIA_OK) return; /* none that has an order */
  CU_ASSERT(glia_kernels_lower(&other) == GLIA_OK && strcmp(was, glia_kernels_level()) == 0);
  other.cpu++;
  CU_ASSERT(glia_kernels_lower(&other) == GLIA_E_UNSUPPORTED);
  CU_ASSERT(strcmp(was, glia_kernels_level()) == 0);
  glia_trace_clear();
}

/* GLIA_CPU chooses: products run on one kernel at each level. */
static void each_level_has_a_kernel_of_its_own(void)
{
  const char *at[3] = {"plain"};
  const int n = 1 + levels(at + 1);

  for (int t = 0; t < 2; t++) {
    const struct glia_type type =
        glia_type_make(t == 0 ? GLIA_F32 : GLIA_F64, 2, (int64_t[]){40, 40});
    struct glia_kernel_choice pick[3] = {0};
    struct glia_graph *g;
    if (glia_graph_new(&g) != GLIA_OK) abort();
    const glia_value x = glia_input(g, "a", GLIA_PER_STEP, type),
                     y = glia_matmul(g, x, x, false, false);
    for (int l = 0; l < n; l++) {
      setenv("GLIA_CPU", at[l], 1);
      CU_ASSERT_FATAL(glia_kernels_candidates(g, glia_graph_node(g, y), 1, &pick[l]) > 0);
      for (int below = 0; below < l; below++) CU_ASSERT(pick[l].run != pick[below].run);
    }
    unsetenv("GLIA_CPU");
    glia_graph_destroy(&g);
  }
}

/* The left matrix of the first `rows` rows; the caller frees. */
static float *first_rows(const struct shape *s, const float *a, int64_t rows)
{
  float *to = malloc((size_t)(rows * s->k) * sizeof *to);

  if (to == NULL) abort();
  for (int64_t i = 0; i < rows; i++)
    for (int64_t p = 0; p < s->k; p++)
      to[s->ta ? p * rows + i : i * s->k + p] = a[s->ta ? p * s->m + i : i * s->k + p];
  return to;
}

/* Above four rows, and if b is not turned below too, a product's row is the same whatever stands beside it. */
static void rows_stand_alone(struct shape many)
{
  const struct glia_type ta = matrices(&many, GLIA_F32, many.m, many.k, many.ta),
                         tb = matrices(&many, GLIA_F32, many.k, many.n, many.tb);
  void *a = numbers(&ta), *b = numbers(&tb), *all = product(&many, GLIA_F32, a, b);

  for (int64_t rows = many.tb && !many.ta ? 5 : 1; rows < many.m; rows += 4) {
    struct shape few = many;
    few.m = rows;
    void *top = first_rows(&many, a, rows), *y = product(&few, GLIA_F32, top, b);
    CU_ASSERT(memcmp(y, all, (size_t)(rows * many.n) * sizeof(float)) == 0);
    free(top);
    free(y);
  }
  free(a);
  free(b);
  free(all);
}

/* Turned left matrices are laid out in strips above twelve rows and two panels of columns; right ones are read in place where few rows do, or
 * where they are of at most 16 KiB. */
static void rows_do_not_depend_on_their_number(void)
{
  const char *at[2];
  const int n = levels(at);

  if (n == 0) tap_note("BLAS makes no such promise");
  for (int l = 0; l < n; l++) {
    setenv("GLIA_CPU", at[l], 1);
    rows_stand_alone((struct shape){0, 61, 45, 300, false, true});
    for (int ta = 0; ta < 2; ta++) {
      rows_stand_alone((struct shape){0, 41, 101, 300, ta != 0, false});
      rows_stand_alone((struct shape){0, 41, 112, 36, ta != 0, false}); /* 16,128 bytes */
      rows_stand_alone((struct shape){0, 41, 112, 37, ta != 0, false}); /* 16,576 */
    }
    rows_stand_alone((struct shape){0, 41, 101, 260, true, true});
  }
  unsetenv("GLIA_CPU");
}

static void count(void *self) { ++*(int *)self; }

/* Messages that move when they are looked at alone wait for no longer than a tenth of a millisecond or two: 16 Mflop. */
static void a_long_product_looks_up(void)
{
  const struct shape long_one = {0, 700, 512, 512, false, true};
  const struct glia_type ta = matrices(&long_one, GLIA_F32, 700, 512, false),
                         tb = matrices(&long_one, GLIA_F32, 512, 512, true);
  void *a = numbers(&ta), *b = numbers(&tb), *alone = product(&long_one, GLIA_F32, a, b);
  int times = 0;

  glia_pause_ = (struct glia_pause){count, &times};
  void *watched = product(&long_one, GLIA_F32, a, b);
  glia_pause_ = (struct glia_pause){0};
  const char *at[2];
  if (levels(at) == 0)
    tap_note("BLAS looks up for nobody");
  else
    CU_ASSERT(times >= 2 * 700 * 512 * 512 / 16000000);
  CU_ASSERT(memcmp(alone, watched, 700 * 512 * sizeof(float)) == 0);
  free(a);
  free(b);
  free(alone);
  free(watched);
}

TAP_MAIN("gemm", TAP(products_are_their_definition), TAP(scratch_is_what_was_asked_for),
         TAP(each_level_has_a_kernel_of_its_own), TAP(rows_do_not_depend_on_their_number),
         TAP(a_long_product_looks_up),
         TAP(levels_have_an_order) /* last: it ends at the lowest that GLIA_CPU named */)
