/* Operators against numbers worked out by hand, closed forms and naive loops. */
#include "by_hand.h"
#include "tap.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void softmax_is_shifted_and_sums_to_one(void)
{
  const double e = exp(1.0), sum = 1.0 + e + e * e;

  begin();
  EXPECT_NEAR(glia_softmax(g, ROW(1000, 1001, 1002)), 1e-15, 1 / sum, e / sum, e * e / sum);
  EXPECT_NEAR(glia_log_softmax(g, ROW(-2, -2, -2, -2)), 1e-15, -log(4), -log(4), -log(4), -log(4));
  EXPECT(glia_log_softmax(g, ROW(0, -INFINITY)), 0, -INFINITY);
  EXPECT(glia_log_softmax(g, ROW(1, NAN)), NAN, NAN);
  end();
}

/* Rows beside sixteen lanes, of lengths up to three of them and a part. The sum sees each element where the largest is near, and the
 * largest does where it is so far above that its exponential would be infinite. */
static void log_softmax_sees_all_of_a_long_row(void)
{
  enum { MOST = 53 };
  double x[MOST], y[MOST];

  for (int n = 15; n <= MOST; n++)
    for (int at = 0; at < 2 * n; at++) {
      double sum = 0.0;
      for (int i = 0; i < n; i++) {
        x[i] = i == at % n ? 900.0 : (at < n ? 899.0 : 150.0) - 0.01 * i;
        sum += exp(x[i] - 900.0);
      }
      for (int i = 0; i < n; i++) y[i] = x[i] - 900.0 - log(sum);
      begin();
      expect_near(__LINE__, glia_log_softmax(g, row(n, x)), 1e-14, n,
                  y); /* sums in another order */
      end();
    }
  x[7] = NAN;
  for (int i = 0; i < MOST; i++) y[i] = NAN;
  begin();
  expect_near(__LINE__, glia_log_softmax(g, row(MOST, x)), 0.0, MOST, y);
  end();
}

static void matmul_takes_transposes_by_flag(void)
{
  const double a[] = {1, 2, 3, 4, 5, 6}, at[] = {1, 4, 2, 5, 3, 6};
  const double b[] = {1, -1, 0, 2, 3, 1}, bt[] = {1, 0, 3, -1, 2, 1};

  begin();
  const glia_value A = given(GLIA_F64, DIMS(2, 3), a), At = given(GLIA_F64, DIMS(3, 2), at);
  const glia_value B = given(GLIA_F64, DIMS(3, 2), b), Bt = given(GLIA_F64, DIMS(2, 3), bt);
  EXPECT(glia_matmul(g, A, B, false, false), 10, 6, 22, 12);
  EXPECT(glia_matmul(g, At, B, true, false), 10, 6, 22, 12);
  EXPECT(glia_matmul(g, A, Bt, false, true), 10, 6, 22, 12);
  EXPECT(glia_matmul(g, At, Bt, true, true), 10, 6, 22, 12);
  /* a transposition is a flag, not a copy */
  CU_ASSERT(glia_matmul(g, glia_permute(g, At, (int[]){1, 0}), B, false, false) ==
            glia_matmul(g, At, B, true, false));
  CU_ASSERT(glia_matmul(g, A, glia_permute(g, Bt, (int[]){1, 0}), false, false) ==
            glia_matmul(g, A, Bt, false, true));
  end();
}

static void matmul_goes_over_a_batch(void)
{
  const double a[] = {1, 2, 3, 4}, b[] = {5, 6, 7, 8};

  begin();
  EXPECT(glia_matmul(g, given(GLIA_F32, DIMS(2, 1, 2), a), given(GLIA_F32, DIMS(2, 2, 1), b), false,
                     false),
         17, 53);
  end();
}

static void slice_and_pad_step(void)
{
  const double x[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

  begin();
  const glia_value v = given(GLIA_F64, DIMS(3, 4), x);
  EXPECT(glia_slice(g, v, (int64_t[]){0, 1}, (int64_t[]){3, 4}, (int64_t[]){2, 2}), 1, 3, 9, 11);
  /* a stop between two steps takes the same rows */
  CU_ASSERT(glia_slice(g, v, (int64_t[]){0, 0}, (int64_t[]){3, 3}, (int64_t[]){1, 2}) ==
            glia_slice(g, v, (int64_t[]){0, 0}, (int64_t[]){3, 4}, (int64_t[]){1, 2}));
  EXPECT(glia_pad(g, ROW(1, 2, 3), (int64_t[]){1}, (int64_t[]){2}, (int64_t[]){1}), 0, 1, 0, 2, 0,
         3, 0, 0);
  EXPECT(gradient(glia_slice(g, v, (int64_t[]){0, 1}, (int64_t[]){3, 4}, (int64_t[]){2, 2}), v), 0,
         1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1);
  end();
}

static glia_value columns(glia_value x, int64_t from, int64_t to)
{
  return glia_slice(g, x, (int64_t[]){0, from}, (int64_t[]){2, to}, (int64_t[]){1, 1});
}

static bool is_concat(glia_value v)
{
  return strcmp(glia_graph_node(g, v)->op->name, "concat") == 0;
}

/* Sums of pads whose rows lie side by side are one concatenation, in any order; those that overlap, leave a gap or have rows between
 * are sums. */
static void pads_side_by_side_concatenate(void)
{
  const double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

  begin();
  const glia_value v = given(GLIA_F64, DIMS(2, 6), x);
  const glia_value two = glia_constant(g, 2.0), three = glia_constant(g, 3.0);
  const glia_value a = columns(v, 0, 1), b = glia_mul(g, columns(v, 1, 4), two),
                   c = glia_mul(g, columns(v, 4, 6), three);
  for (int turn = 0; turn < 2; turn++) {
    const glia_value first = glia_reduce_sum(g, turn == 0 ? a : c, -1, NULL, false),
                     last = glia_reduce_sum(g, turn == 0 ? c : a, -1, NULL, false);
    const glia_value y =
        glia_add(g, glia_add(g, first, glia_reduce_sum(g, b, -1, NULL, false)), last);
    EXPECT(gradient(y, v), 1, 2, 2, 2, 3, 3, 1, 2, 2, 2, 3, 3);
    glia_value slope;
    glia_grad(g, y, 1, &v, &slope);
    CU_ASSERT(is_concat(slope) && glia_graph_node(g, slope)->n_in == 3);
  }
  const glia_value left = glia_pad(g, ROW(1, 2), (int64_t[]){1}, (int64_t[]){4}, NULL),
                   right = glia_pad(g, ROW(3, 4), (int64_t[]){3}, (int64_t[]){2}, NULL),
                   over = glia_pad(g, ROW(5, 6), (int64_t[]){2}, (int64_t[]){3}, NULL),
                   apart = glia_pad(g, ROW(7), (int64_t[]){6}, (int64_t[]){0}, NULL),
                   wide = glia_pad(g, ROW(8, 9), (int64_t[]){3}, (int64_t[]){1}, (int64_t[]){1});
  EXPECT(glia_add(g, right, left), 0, 1, 2, 3, 4, 0, 0);
  EXPECT(glia_add(g, left, over), 0, 1, 7, 6, 0, 0, 0);
  EXPECT(glia_add(g, left, apart), 0, 1, 2, 0, 0, 0, 7);
  EXPECT(glia_add(g, left, wide), 0, 1, 2, 8, 0, 9, 0);
  const glia_value m = given(GLIA_F64, DIMS(1, 1), (double[]){5}),
                   corner = glia_pad(g, m, (int64_t[]){0, 0}, (int64_t[]){1, 1}, NULL),
                   other = glia_pad(g, m, (int64_t[]){1, 1}, (int64_t[]){0, 0}, NULL);
  EXPECT(glia_add(g, corner, other), 5, 0, 0, 5);
  end();
}

static void gather_gives_zeros_outside(void)
{
  const double x[] = {1, 2, 3, 4, 5, 6}, index[] = {2, -1, 0, 3, 2};

  begin();
  const glia_value v = given(GLIA_F32, DIMS(3, 2), x), i = given(GLIA_I32, DIMS(5), index);
  EXPECT(glia_gather(g, v, i), 5, 6, 0, 0, 1, 2, 0, 0, 5, 6);
  EXPECT(gradient(glia_gather(g, v, i), v), 1, 1, 0, 0, 2, 2);
  EXPECT(glia_scatter_add(g, glia_gather(g, v, i), i, 3), 1, 2, 0, 0, 10, 12);
  end();
}

/* Arrays with an extent of 0: no kernel divides by it. */
static void nothing_gives_nothing_or_zeros(void)
{
  const double none[1] = {0}, six[6] = {1, 2, 3, 4, 5, 6};

  begin();
  const glia_value rows = given(GLIA_F64, DIMS(0, 3), none), x = given(GLIA_F64, DIMS(2, 3), six);
  const glia_value i = given(GLIA_I32, DIMS(2), (double[]){0, 1});
  EXPECT(glia_gather(g, rows, i), 0, 0, 0, 0, 0, 0);
  expect_near(__LINE__, glia_matmul(g, rows, x, false, true), 0.0, 0, none);
  expect_near(__LINE__, glia_matmul(g, x, given(GLIA_F64, DIMS(3, 0), none), false, false), 0.0, 0,
              none);
  expect_near(__LINE__, glia_gather(g, x, given(GLIA_I32, DIMS(0), none)), 0.0, 0, none);
  EXPECT(glia_scatter_add(g, rows, given(GLIA_I32, DIMS(0), none), 2), 0, 0, 0, 0, 0, 0);
  end();
}

static void argmax_takes_the_first_and_a_nan_wins(void)
{
  begin();
  EXPECT(glia_argmax(g, ROW(1, 3, 3, 2)), 1);
  EXPECT(glia_argmax(g, ROW(1, NAN, 3, NAN)), 1);
  EXPECT(glia_argmax(g, ROW(-INFINITY, -INFINITY)), 0);
  EXPECT(glia_reduce_max(g, ROW(1, NAN, 3), -1, NULL, false), NAN);
  EXPECT(glia_reduce_max(g, ROW(-5, -3, -INFINITY), -1, NULL, false), -3);
  end();
}

static void comparing_with_nan_is_false_but_for_ne(void)
{
  begin();
  const glia_value a = ROW(1, 2, NAN, NAN), b = ROW(2, 2, 2, NAN);
  EXPECT(glia_compare(g, GLIA_LT, a, b), 1, 0, 0, 0);
  EXPECT(glia_compare(g, GLIA_LE, a, b), 1, 1, 0, 0);
  EXPECT(glia_compare(g, GLIA_EQ, a, b), 0, 1, 0, 0);
  EXPECT(glia_compare(g, GLIA_NE, a, b), 1, 0, 1, 1);
  EXPECT(glia_compare(g, GLIA_GE, a, b), 0, 1, 0, 0);
  EXPECT(glia_compare(g, GLIA_GT, a, b), 0, 0, 0, 0);
  EXPECT(glia_max(g, a, b), 2, 2, NAN, NAN);
  EXPECT(glia_min(g, b, a), 1, 2, NAN, NAN);
  EXPECT(glia_relu(g, ROW(-1, 0, 2, NAN)), 0, 0, 2, NAN);
  EXPECT(glia_sign(g, ROW(-3, 0, 2, NAN)), -1, 0, 1, NAN);
  EXPECT(glia_clamp(g, ROW(-3, 0.5, 2, NAN), 0, 1), 0, 0.5, 1, NAN);
  end();
}

static void pow_by_a_constant_takes_any_base(void)
{
  begin();
  const glia_value x = ROW(-2, 0, 3);
  EXPECT(glia_pow(g, x, glia_constant(g, 0)), 1, 1, 1);
  CU_ASSERT(glia_pow(g, x, glia_constant(g, 1)) == x);
  CU_ASSERT(glia_pow(g, x, glia_constant(g, 2)) == glia_mul(g, x, x));
  CU_ASSERT(glia_pow(g, x, glia_constant(g, 0.5)) == glia_sqrt(g, x));
  EXPECT(glia_pow(g, x, glia_constant(g, -1)), -0.5, INFINITY, 1.0 / 3);
  EXPECT(glia_pow(g, x, glia_constant(g, 3)), -8, 0, 27);
  EXPECT(gradient(glia_pow(g, x, glia_constant(g, 3)), x), 12, 0, 27);
  EXPECT(gradient(gradient(glia_pow(g, x, glia_constant(g, 3)), x), x), -12, 0, 18);
  EXPECT(gradient(glia_pow(g, x, glia_constant(g, -2)), x), 0.25, -INFINITY, -2.0 / 27);
  end();
}

static void kinks_have_the_stated_derivative(void)
{
  begin();
  const glia_value x = ROW(-1, 0, 1, 2), y = ROW(0, 0, 1, 1);
  EXPECT(gradient(glia_clamp(g, x, 0, 1), x), 0, 1, 1, 0);
  EXPECT(gradient(glia_relu(g, x), x), 0, 0, 1, 1);
  EXPECT(gradient(glia_abs(g, x), x), -1, 0, 1, 1);
  EXPECT(gradient(glia_max(g, x, y), x), 0, 1, 1, 1);
  EXPECT(gradient(glia_max(g, x, y), y), 1, 0, 0, 0);
  EXPECT(gradient(glia_min(g, x, y), x), 1, 1, 1, 0);
  EXPECT(gradient(glia_min(g, x, y), y), 0, 0, 0, 1);
  const glia_value ties = ROW(3, 1, 3, 3, 2);
  EXPECT_NEAR(gradient(glia_reduce_max(g, ties, -1, NULL, false), ties), 1e-16, 1.0 / 3, 0, 1.0 / 3,
              1.0 / 3, 0);
  glia_value t;
  const glia_value one = glia_full(g, *type_of(ties), 1.0),
                   top = glia_reduce_max(g, ties, -1, NULL, false);
  glia_jvp(g, 1, &ties, &one, 1, &top, &t);
  EXPECT_NEAR(t, 1e-16, 1);
  end();
}

static void cast_truncates_saturates_and_rounds(void)
{
  begin();
  const glia_value x = ROW(2.7, -2.7, NAN, 1e20, -1e20, 0, INFINITY);
  EXPECT(glia_cast(g, x, GLIA_I32), 2, -2, 0, INT32_MAX, INT32_MIN, 0, INT32_MAX);
  EXPECT(glia_cast(g, x, GLIA_I64), 2, -2, 0, (double)INT64_MAX, (double)INT64_MIN, 0,
         (double)INT64_MAX);
  EXPECT(glia_cast(g, x, GLIA_I8), 2, -2, 0, 127, -128, 0, 127);
  EXPECT(glia_cast(g, x, GLIA_U8), 2, 0, 0, 255, 0, 0, 255);
  EXPECT(glia_cast(g, x, GLIA_BOOL), 1, 1, 1, 1, 1, 0, 1);
  EXPECT(glia_cast(g, ROW(0.1, 16777217), GLIA_F32), (double)0.1F, 16777216);
  const double whole[] = {300, -1, 4294967299};
  EXPECT(glia_cast(g, given(GLIA_I64, DIMS(3), whole), GLIA_I32), 300, -1, 3);
  EXPECT(glia_cast(g, given(GLIA_I64, DIMS(3), whole), GLIA_U8), 44, 255, 3);
  end();
}

static void one_hot_is_zero_outside(void)
{
  const double index[] = {1, 3, -1, 0};

  begin();
  EXPECT(glia_one_hot(g, given(GLIA_I64, DIMS(2, 2), index), 3, GLIA_F32), 0, 1, 0, 0, 0, 0, 0, 0,
         0, 1, 0, 0);
  end();
}

static void integers_count(void)
{
  const double a[] = {7, -3, 0}, b[] = {-2, 5, 1};

  begin();
  for (int wide = 0; wide < 2; wide++) {
    const glia_dtype t = wide ? GLIA_I64 : GLIA_I32;
    const glia_value x = given(t, DIMS(3), a), y = given(t, DIMS(3), b);
    EXPECT(glia_add(g, x, y), 5, 2, 1);
    EXPECT(glia_sub(g, x, y), 9, -8, -1);
    EXPECT(glia_mul(g, x, y), -14, -15, 0);
    EXPECT(glia_max(g, x, y), 7, 5, 1);
    EXPECT(glia_min(g, x, y), -2, -3, 0);
    EXPECT(glia_neg(g, x), -7, 3, 0);
    EXPECT(glia_add(g, x, glia_constant(g, 2)), 9, -1, 2); /* a constant takes the other's type */
  }
  end();
}

static void shapes_broadcast_as_numpy_does(void)
{
  const double column[] = {10, 20, 30}, line[] = {1, 2};

  begin();
  const glia_value c = given(GLIA_F64, DIMS(3, 1), column), r = given(GLIA_F64, DIMS(2), line);
  EXPECT(glia_add(g, c, r), 11, 12, 21, 22, 31, 32);
  EXPECT(glia_sub(g, r, c), -9, -8, -19, -18, -29, -28);
  EXPECT(gradient(glia_mul(g, c, r), c), 3, 3, 3);
  EXPECT(gradient(glia_mul(g, c, r), r), 60, 60);
  EXPECT(glia_select(g, glia_compare(g, GLIA_GT, r, glia_constant(g, 1)), c, glia_constant(g, -1)),
         -1, 10, -1, 20, -1, 30);
  end();
}

/* Moving bytes works for every element size: result element i of a permuted iota is known. */
static void shape_operators_move_any_type(void)
{
  begin();
  for (int t = 0; t < GLIA_DTYPE_COUNT_; t++) {
    const bool truth = t == GLIA_BOOL;
    const double six[] = {0, 1, truth ? 0 : 2, truth ? 1 : 3, truth ? 0 : 4, truth ? 1 : 5};
    const glia_value x = given((glia_dtype)t, DIMS(2, 3), six);
    EXPECT(glia_permute(g, x, (int[]){1, 0}), six[0], six[3], six[1], six[4], six[2], six[5]);
    EXPECT(glia_slice(g, x, (int64_t[]){0, 0}, (int64_t[]){2, 3}, (int64_t[]){1, 2}), six[0],
           six[2], six[3], six[5]);
    EXPECT(glia_pad(g, x, (int64_t[]){0, 1}, (int64_t[]){0, 0}, NULL), 0, six[0], six[1], six[2], 0,
           six[3], six[4], six[5]);
    EXPECT(glia_concat(g, 2, (glia_value[]){x, x}, 1), six[0], six[1], six[2], six[0], six[1],
           six[2], six[3], six[4], six[5], six[3], six[4], six[5]);
    EXPECT(glia_broadcast(g, x, DIMS(2, 2, 3), (int[]){0, -1, 1}), six[0], six[1], six[2], six[0],
           six[1], six[2], six[3], six[4], six[5], six[3], six[4], six[5]);
    EXPECT(glia_gather(g, x, given(GLIA_U8, DIMS(1), (double[]){1})), six[3], six[4], six[5]);
  }
  end();
}

static void many_values_concatenate(void)
{
  glia_value x[300];
  double expected[300];

  begin();
  const glia_value base = ROW(0);
  for (int i = 0; i < 300; i++) {
    x[i] = glia_add(g, base, glia_constant(g, i));
    expected[i] = i;
  }
  expect_near(__LINE__, glia_concat(g, 300, x, 0), 0.0, 300, expected);
  end();
}

/* Sum, mean and maximum over one set of axes of x against loops over its elements. */
static void compare_reduction(glia_value x, const struct glia_type *t, const double *values,
                              unsigned mask)
{
  int axes[GLIA_MAX_RANK], n_axes = 0;
  int64_t kept = 1;

  for (int k = 0; k < t->rank; k++) {
    if ((mask >> k & 1) != 0)
      axes[n_axes++] = k;
    else
      kept *= t->dim[k];
  }
  double *sum = calloc((size_t)kept, sizeof *sum), *top = calloc((size_t)kept, sizeof *top);
  if (sum == NULL || top == NULL) abort();
  for (int64_t i = 0; i < kept; i++) top[i] = -INFINITY;
  for (int64_t i = 0; i < glia_type_count(t); i++) {
    int64_t at = 0, rest = i, stride = 1;
    for (int k = t->rank - 1; k >= 0; rest /= t->dim[k--]) {
      if ((mask >> k & 1) != 0) continue;
      at += rest % t->dim[k] * stride;
      stride *= t->dim[k];
    }
    sum[at] += values[i];
    top[at] = fmax(top[at], values[i]);
  }
  /* whole numbers below 2^24: every order of adding gives the same */
  expect_near(__LINE__, glia_reduce_sum(g, x, n_axes, axes, false), 0.0, kept, sum);
  expect_near(__LINE__, glia_reduce_max(g, x, n_axes, axes, true), 0.0, kept, top);
  for (int64_t i = 0; i < kept; i++) sum[i] /= (double)(glia_type_count(t) / kept);
  expect_near(__LINE__, glia_reduce_mean(g, x, n_axes, axes, true),
              t->dtype == GLIA_F32 ? 2e-4 : 1e-12, kept, sum);
  free(sum);
  free(top);
}

static void reductions_take_any_set_of_axes(void)
{
  static const struct {
    int rank;
    int64_t dim[4];
  } shape[] = {
      {4, {3, 4, 1, 5}}, {4, {2, 3, 4, 5}}, {3, {70, 3, 130}}, {2, {5000, 3}}, {1, {10000}}};

  for (size_t s = 0; s < GLIA_COUNT(shape); s++)
    for (int wide = 0; wide < 2; wide++) {
      const struct glia_type t =
          glia_type_make(wide ? GLIA_F64 : GLIA_F32, shape[s].rank, shape[s].dim);
      double *values = calloc((size_t)glia_type_count(&t), sizeof *values);
      if (values == NULL) abort();
      for (int64_t i = 0; i < glia_type_count(&t); i++) values[i] = (double)(i * 7919 % 1009 - 300);
      begin();
      const glia_value x = given(t.dtype, t.rank, t.dim, values);
      for (unsigned mask = 0; mask < 1U << t.rank; mask++) compare_reduction(x, &t, values, mask);
      end();
      free(values);
    }
}

/* 16 lanes of 256 additions in each of 245 blocks: rounding errors average out to about one unit of the last place.
 * Columns have one lane each. */
static void a_million_values_sum_to_the_last_place(void)
{
  enum { N = 1000000, COLUMNS = 4 };
  const struct glia_type t = glia_type_make(GLIA_F64, 1, (int64_t[]){N});
  double *values = calloc(N, sizeof *values);
  long double total = 0.0L, column[COLUMNS] = {0.0L};

  if (values == NULL) abort();
  for (int i = 0; i < N; i++) {
    values[i] = 1.0 / (1.0 + i);
    total += (long double)values[i];
    column[i % COLUMNS] += (long double)values[i];
  }
  begin();
  const glia_value x = given(GLIA_F64, t.rank, t.dim, values);
  EXPECT_NEAR(glia_reduce_sum(g, x, -1, NULL, false), 1e-15 * (double)total, (double)total);
  const glia_value rows = glia_reshape(g, x, 2, (int64_t[]){N / COLUMNS, COLUMNS});
  EXPECT_NEAR(glia_reduce_sum(g, rows, 1, (int[]){0}, false), 3e-15 * (double)column[0],
              (double)column[0], (double)column[1], (double)column[2], (double)column[3]);
  end();
  free(values);
}

/* volatile: of neighbours that it puts into one vector GCC 12 loses (double)(float). */
static double in_float32(double x)
{
  const volatile float y = (float)x;

  return (double)y;
}

static void float32_functions_keep_their_limits(void)
{
  const double x[] = {0, 1000, -1000, INFINITY, -INFINITY, NAN, -1};

  begin();
  const glia_value v = given(GLIA_F32, DIMS(7), x);
  EXPECT(glia_exp(g, v), 1, INFINITY, 0, INFINITY, 0, NAN, (double)0.36787944F);
  EXPECT(glia_ln(g, v), -INFINITY, (double)6.9077554F, NAN, INFINITY, NAN, NAN, NAN);
  EXPECT(glia_tanh(g, v), 0, 1, -1, 1, -1, NAN, (double)-0.76159416F);
  EXPECT(glia_sigmoid(g, v), 0.5, 1, 0, 1, 0, NAN, (double)0.26894143F);
  const double small[] = {0x1p-149, 0x1p-133, 0x1p-126}; /* below the normal range too */
  const glia_value tiny = given(GLIA_F32, DIMS(3), small);
  EXPECT(glia_ln(g, tiny), in_float32(log(small[0])), in_float32(log(small[1])),
         in_float32(log(small[2])));
  EXPECT(glia_tanh(g, tiny), small[0], small[1], small[2]);
  end();
}

/* tanh of a float64 is our own: against long double, over all scales and densely where it bends; exact at its limits. */
static void tanh_of_float64_is_accurate(void)
{
  enum { N = 30000 };
  const double at[] = {0,        19.1,      -19.1, 1000,      -1000,
                       INFINITY, -INFINITY, NAN,   0x1p-1074, -0x1p-1022};
  double *values = calloc(N, sizeof *values), worst = 0.0;

  if (values == NULL) abort();
  for (int i = 0; i < N; i++)
    values[i] =
        i % 2 == 0 ? 40.0 * i / N - 20.0 : ldexp(i % 4 == 1 ? 1.0 + i / (double)N : -1.0, -i % 300);
  begin();
  EXPECT(glia_tanh(g, given(GLIA_F64, DIMS(10), at)), 0, 1, -1, 1, -1, 1, -1, NAN, 0x1p-1074,
         -0x1p-1022);
  const glia_value y = glia_tanh(g, given(GLIA_F64, DIMS(N), values));
  struct interpretation p = interpret(g, data, NULL, 1, &y);
  for (int64_t i = 0; i < N; i++) {
    const long double exact = tanhl((long double)values[i]);
    const long double off = fabsl((long double)element(type_of(y), p.at[y], i) - exact);
    if (exact != 0.0L) worst = fmax(worst, (double)(off / ldexpl(1.0L, ilogbl(exact) - 52)));
  }
  tap_note("tanh of float64: %.2f units in the last place", worst);
  CU_ASSERT(worst <= 3.0);
  interpretation_free(&p);
  end();
  free(values);
}

/* Units in the last place of the exact value that float32 results are away, at most: half of one where float64 is rounded
 * once, one where arithmetic is float32, more where the C library's float32 function is called. */
static void float32_functions_are_accurate(void)
{
  static const struct {
    const char *name;
    glia_value (*make)(struct glia_graph *g, glia_value x);
    double lo, hi, ulps;
  } f[] = {{"exp", glia_exp, -80, 80, 1},
           {"ln", glia_ln, 1e-3, 100, 0.51},
           {"sqrt", glia_sqrt, 0, 100, 0.5},
           {"tanh", glia_tanh, -9, 9, 0.51},
           {"sigmoid", glia_sigmoid, -80, 80, 0.51},
           {"silu", glia_silu, -80, 80, 0.51},
           {"sin", glia_sin, -10, 10, 2},
           {"cos", glia_cos, -10, 10, 2}};
  enum { N = 20000 };
  double *values = calloc(N, sizeof *values);

  if (values == NULL) abort();
  for (size_t k = 0; k < GLIA_COUNT(f); k++) {
    for (int i = 0; i < N; i++) values[i] = (double)(float)(f[k].lo + (f[k].hi - f[k].lo) * i / N);
    begin();
    const glia_value single = f[k].make(g, given(GLIA_F32, DIMS(N), values));
    const glia_value twice = f[k].make(g, given(GLIA_F64, DIMS(N), values));
    struct interpretation p = interpret(g, data, NULL, 2, (glia_value[]){single, twice});
    double worst = 0.0;
    for (int64_t i = 0; i < N; i++) {
      const double exact = element(type_of(twice), p.at[twice], i),
                   found = element(type_of(single), p.at[single], i);
      if (fabs(exact) < (double)FLT_MIN) continue;
      worst = fmax(worst, fabs(found - exact) / ldexp(1.0, ilogb(exact) - 23));
    }
    if (worst > f[k].ulps) tap_note("%s: %.2f units in the last place", f[k].name, worst);
    CU_ASSERT(worst <= f[k].ulps);
    interpretation_free(&p);
    end();
  }
  free(values);
}

static glia_value draw(glia_dtype t, const char *stream, double seed, double step,
                       glia_value position, int64_t n)
{
  const struct glia_type scalar = glia_type_make(GLIA_I64, 0, NULL);

  return glia_random(g, t, stream, glia_full(g, scalar, seed), glia_full(g, scalar, step), position,
                     1, &n);
}

static void random_depends_on_the_position_alone(void)
{
  const double whole[] = {5, 6, 7, 8}, part[] = {7, 8};

  begin();
  const glia_value all = draw(GLIA_F32, "layer", 1, 2, given(GLIA_I64, DIMS(4), whole), 7);
  const glia_value some = draw(GLIA_F32, "layer", 1, 2, given(GLIA_I64, DIMS(2), part), 7);
  struct interpretation p = interpret(g, data, NULL, 2, (glia_value[]){all, some});
  CU_ASSERT(memcmp((float *)p.at[all] + 14, p.at[some], 14 * sizeof(float)) == 0);
  CU_ASSERT(memcmp(p.at[all], p.at[some], 14 * sizeof(float)) != 0);
  interpretation_free(&p);
  end();
}

static void random_draws_are_uniform_and_apart(void)
{
  enum { N = 100000 };
  const double zero[] = {0};
  const glia_dtype types[] = {GLIA_F32, GLIA_F64};
  static const struct {
    const char *stream;
    double seed, step;
  } key[] = {{"a", 1, 1}, {"b", 1, 1}, {"a", 2, 1}, {"a", 1, 2}};

  begin();
  const glia_value position = given(GLIA_I64, DIMS(1), zero);
  for (size_t t = 0; t < 2; t++) {
    glia_value y[4];
    for (int k = 0; k < 4; k++)
      y[k] = draw(types[t], key[k].stream, key[k].seed, key[k].step, position, N);
    struct interpretation p = interpret(g, data, NULL, 4, y);
    double sum = 0.0, squares = 0.0, lo = 1.0, hi = 0.0;
    for (int64_t i = 0; i < N; i++) {
      const double u = element(type_of(y[0]), p.at[y[0]], i);
      sum += u;
      squares += u * u;
      lo = fmin(lo, u);
      hi = fmax(hi, u);
    }
    CU_ASSERT(lo > 0.0 && hi < 1.0 && lo < 1e-3 && hi > 0.999);
    CU_ASSERT(fabs(sum / N - 0.5) < 5.0 * 0.2887 / sqrt(N)); /* five standard deviations */
    CU_ASSERT(fabs(squares / N - 1.0 / 3.0) < 5.0 * 0.2981 / sqrt(N));
    for (int k = 1; k < 4; k++) CU_ASSERT(memcmp(p.at[y[0]], p.at[y[k]], 64) != 0);
    interpretation_free(&p);
  }
  end();
}

TAP_MAIN("ops by hand", TAP(softmax_is_shifted_and_sums_to_one),
         TAP(log_softmax_sees_all_of_a_long_row), TAP(matmul_takes_transposes_by_flag),
         TAP(matmul_goes_over_a_batch), TAP(slice_and_pad_step), TAP(pads_side_by_side_concatenate),
         TAP(gather_gives_zeros_outside), TAP(nothing_gives_nothing_or_zeros),
         TAP(argmax_takes_the_first_and_a_nan_wins), TAP(comparing_with_nan_is_false_but_for_ne),
         TAP(pow_by_a_constant_takes_any_base), TAP(kinks_have_the_stated_derivative),
         TAP(cast_truncates_saturates_and_rounds), TAP(one_hot_is_zero_outside),
         TAP(integers_count), TAP(shapes_broadcast_as_numpy_does),
         TAP(shape_operators_move_any_type), TAP(many_values_concatenate),
         TAP(reductions_take_any_set_of_axes), TAP(a_million_values_sum_to_the_last_place),
         TAP(float32_functions_keep_their_limits), TAP(float32_functions_are_accurate),
         TAP(tanh_of_float64_is_accurate), TAP(random_depends_on_the_position_alone),
         TAP(random_draws_are_uniform_and_apart))
