/* Sorting, running sums and segments by hand, with their derivatives. */
#include "hand.h"

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

static void rows_without_a_segment_are_harmless(void)
{
  const double x[] = {2, 1000, 2, 5000}, s[] = {1, -1, 1, 2}, w[] = {1, 1, 3, 1};

  begin();
  const glia_value v = given(GLIA_F64, 4, 0, x), i = given(GLIA_I32, 4, 0, s),
                   d = given(GLIA_F64, 4, 0, w);
  EXPECT(glia_segment_min(g, v, i, 2), 0, 2);
  const glia_value y = glia_segment_softmax(g, v, i, 2);
  EXPECT(y, 0.5, 0, 0.5, 0);
  const glia_value dx = gradient(y, d, v);
  EXPECT(dx, -0.5, 0, 0.5, 0);
  EXPECT(gradient(dx, d, v), 0, 0, 0, 0); /* the softmax of equals is odd about them */
  end();
}

/* The gradient of a table is rows: values and indices, added in the order of the indices. */
static void gradient_of_an_embedding_is_rows(void)
{
  const double table[] = {1, 2, 3, 4, 5, 6}, at[] = {2, 0, 2, 9}, w[] = {1, 2, 3, 4, 5, 6, 7, 8};
  glia_value rows = GLIA_NONE, index = GLIA_NONE;

  begin();
  const glia_value x = given(GLIA_F64, 3, 2, table), i = given(GLIA_I32, 4, 0, at),
                   d = given(GLIA_F64, 4, 2, w);
  const glia_value dx = gradient(glia_gather(g, x, i), d, x);
  CU_ASSERT(glia_rows_of(g, dx, &rows, &index));
  CU_ASSERT_EQUAL(rows, d);
  CU_ASSERT_EQUAL(index, i);
  CU_ASSERT(!glia_rows_of(g, x, &rows, &index));
  EXPECT(dx, 3, 4, 0, 0, 1 + 5, 2 + 6);
  end();
}

TAP_MAIN("segment", TAP(running_sums_and_products_go_along_the_axis),
         TAP(sorting_is_stable_and_puts_nan_last), TAP(long_rows_are_sorted),
         TAP(segments_are_summed_averaged_and_searched), TAP(softmax_of_segments_sums_to_one),
         TAP(rows_without_a_segment_are_harmless), TAP(gradient_of_an_embedding_is_rows))
