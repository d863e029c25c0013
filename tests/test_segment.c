/* Sorting, running sums and segments by hand, with their derivatives. */
#include "glia_ops.h"
#include "ref/interpret.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct glia_graph *g;
static void *data[8];
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

static glia_value given(glia_dtype dtype, int64_t rows, int64_t columns, const double *v)
{
  const struct glia_type t = glia_type_make(dtype, columns > 0 ? 2 : 1, (int64_t[]){rows, columns});
  char name[16];

  snprintf(name, sizeof name, "in%d", n_data);
  data[n_data] = array_of(&t);
  for (int64_t i = 0; i < glia_type_count(&t); i++) set_element(&t, data[n_data], i, v[i]);
  n_data++;
  return glia_input(g, name, GLIA_PER_STEP, t);
}

static void expect(int line, glia_value v, int64_t n, const double *want)
{
  CU_ASSERT_FATAL(v != GLIA_NONE);
  const struct glia_type *t = &glia_graph_node(g, v)->type;
  struct interpretation p = interpret(g, data, NULL, 1, &v);

  CU_ASSERT_EQUAL_FATAL(glia_type_count(t), n);
  for (int64_t i = 0; i < n; i++) {
    const double y = element(t, p.at[v], i);
    const bool ok = isnan(want[i]) ? isnan(y) : fabs(y - want[i]) <= 1e-14;
    if (!ok) tap_note("line %d: element %d is %.17g, expected %.17g", line, (int)i, y, want[i]);
    CU_ASSERT(ok);
  }
  interpretation_free(&p);
}
#define EXPECT(v, ...)                                                                             \
  expect(__LINE__, v, (int64_t)GLIA_COUNT(((double[]){__VA_ARGS__})), (const double[]){__VA_ARGS__})

/* Gradient of <y, w>. */
static glia_value gradient(glia_value y, glia_value w, glia_value x)
{
  glia_value dx;

  glia_vjp(g, 1, &y, &w, 1, &x, &dx);
  return dx;
}

static void running_sums_and_products_go_along_the_axis(void)
{
  const double x[] = {1, 2, 3, 4, 5, 6}, w[] = {1, 10, 100, 1000, 1e4, 1e5};

  begin();
  const glia_value v = given(GLIA_F64, 2, 3, x), d = given(GLIA_F64, 2, 3, w);
  EXPECT(glia_cumsum(g, v, 1, false), 1, 3, 6, 4, 9, 15);
  EXPECT(glia_cumsum(g, v, 1, true), 6, 5, 3, 15, 11, 6);
  EXPECT(glia_cumsum(g, v, 0, false), 1, 2, 3, 5, 7, 9);
  EXPECT(glia_cumprod(g, v, 1), 1, 2, 6, 4, 20, 120);
  EXPECT(gradient(glia_cumsum(g, v, 1, false), d, v), 111, 110, 100, 111000, 110000, 100000);
  EXPECT(gradient(glia_cumprod(g, v, 0), d, v), 1 + 4000, 10 + 5e4, 100 + 6e5, 1000, 2e4, 3e5);
  end();
}

static void sorting_is_stable_and_puts_nan_last(void)
{
  const double x[] = {3, 1, 2, 1, 5, NAN, 0, 4}, w[] = {1, 2, 3, 4, 5, 6, 7, 8};
  glia_value index;

  begin();
  const glia_value v = given(GLIA_F64, 2, 4, x), d = given(GLIA_F64, 2, 4, w);
  EXPECT(glia_argsort(g, v, false), 1, 3, 2, 0, 2, 3, 0, 1);
  EXPECT(glia_argsort(g, v, true), 0, 2, 1, 3, 1, 0, 3, 2);
  EXPECT(glia_sort(g, v, false), 1, 1, 2, 3, 0, 4, 5, NAN);
  EXPECT(gradient(glia_sort(g, v, false), d, v), 4, 1, 3, 2, 7, 8, 5, 6);
  EXPECT(glia_top_k(g, v, 2, &index), 3, 2, NAN, 5);
  EXPECT(index, 0, 2, 1, 0);
  end();
}

static void long_rows_are_sorted(void)
{
  enum { N = 1000 };
  static double x[N];

  for (int i = 0; i < N; i++) x[i] = (double)(i * 733 % 1009);
  begin();
  const glia_value v = given(GLIA_F64, N, 0, x), y = glia_sort(g, v, false);
  struct interpretation p = interpret(g, data, NULL, 1, &y);
  const double *sorted = p.at[y];
  bool rising = true;
  double sum = 0.0, all = 0.0;
  for (int i = 0; i < N; i++) {
    rising = rising && (i == 0 || sorted[i - 1] < sorted[i]); /* 733 i mod 1009: all differ */
    sum += sorted[i];
    all += x[i];
  }
  CU_ASSERT(rising);
  CU_ASSERT_EQUAL(sum, all);
  interpretation_free(&p);
  end();
}

static void segments_are_summed_averaged_and_searched(void)
{
  const double x[] = {1, 8, 2, 7, 3, 3, 9, 9, 5, 1}, s[] = {0, 2, 0, 7, 2},
               w[] = {1, 2, 3, 4, 5, 6};

  begin();
  const glia_value v = given(GLIA_F64, 5, 2, x), i = given(GLIA_I32, 5, 0, s),
                   d = given(GLIA_F64, 3, 2, w);
  EXPECT(glia_segment_sum(g, v, i, 3), 4, 11, 0, 0, 7, 8);
  EXPECT(glia_segment_mean(g, v, i, 3), 2, 5.5, 0, 0, 3.5, 4);
  EXPECT(glia_segment_max(g, v, i, 3), 3, 8, 0, 0, 5, 7);
  EXPECT(gradient(glia_segment_max(g, v, i, 3), d, v), 0, 2, 0, 6, 1, 0, 0, 0, 5, 0);
  EXPECT(gradient(glia_segment_mean(g, v, i, 3), d, v), 0.5, 1, 2.5, 3, 0.5, 1, 0, 0, 2.5, 3);
  end();
}

static void softmax_of_segments_sums_to_one(void)
{
  const double x[] = {1000, 1, 1001, 2}, s[] = {1, 0, 1, 0}, w[] = {1, 0, 0, 0};
  const double p = 1.0 / (1.0 + exp(1.0)), q = 1.0 - p;

  begin();
  const glia_value v = given(GLIA_F64, 4, 0, x), i = given(GLIA_I64, 4, 0, s),
                   d = given(GLIA_F64, 4, 0, w);
  EXPECT(glia_segment_softmax(g, v, i, 2), p, p, q, q);
  EXPECT(gradient(glia_segment_softmax(g, v, i, 2), d, v), p * q, 0, -p * q, 0);
  end();
}

TAP_MAIN("segment", TAP(running_sums_and_products_go_along_the_axis),
         TAP(sorting_is_stable_and_puts_nan_last), TAP(long_rows_are_sorted),
         TAP(segments_are_summed_averaged_and_searched), TAP(softmax_of_segments_sums_to_one))
