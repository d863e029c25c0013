/* Dense linear algebra and Fourier transforms: what defines them, on sizes that the table test does not reach, and where they have no
 * answer. By the fast kernels against the reference ones: both round about n times, 1e-11 of numbers near 1 leaves room for
 * condition numbers of 1000. */
#include "glia_fft.h"
#include "glia_kernels.h"
#include "glia_linalg.h"
#include "glia_random.h"
#include "hand.h"
#include "run_graph.h"

#include <stdlib.h>

static const double tolerance = 1e-11;

static glia_value random_array(int rank, const int64_t *dim, uint64_t key)
{
  const struct glia_type t = glia_type_make(GLIA_F64, rank, dim);
  const int64_t n = glia_type_count(&t);
  double *x = malloc((size_t)n * sizeof *x);

  if (x == NULL) abort();
  for (int64_t i = 0; i < n; i++) x[i] = 2.0 * glia_random_uniform(11, key, (uint64_t)i) - 1.0;
  const glia_value v = given_array(GLIA_F64, rank, dim, x);
  free(x);
  return v;
}

static glia_value square_of(struct glia_graph *h, glia_value x) { return glia_mul(h, x, x); }

/* Reference and fast kernels agree, and the value is 0 everywhere. */
static void expect_zero(int line, glia_value v)
{
  void *fast = NULL;
  CU_ASSERT_FATAL(v != GLIA_NONE);
  const glia_value top = glia_reduce_max(g, glia_abs(g, v), -1, NULL, false);
  struct interpretation p = interpret(g, data, NULL, 1, &top);
  const double slow_error = *(double *)p.at[top];

  CU_ASSERT(run_graph(g, glia_kernels_default(), data, 1, &top, &fast));
  if (fast == NULL) return;
  if (!(slow_error <= tolerance && *(double *)fast <= tolerance))
    tap_note("line %d: off by %g, by the fast kernel %g", line, slow_error, *(double *)fast);
  CU_ASSERT(slow_error <= tolerance);
  CU_ASSERT(*(double *)fast <= tolerance);
  free(fast);
  interpretation_free(&p);
}
#define ZERO(v) expect_zero(__LINE__, v)

static glia_value identity(int64_t n)
{
  const struct glia_type t = glia_type_make(GLIA_F64, 2, (int64_t[]){n, n});

  return glia_cast(g, glia_compare(g, GLIA_EQ, glia_iota(g, t, 0), glia_iota(g, t, 1)), GLIA_F64);
}

enum { N = 40 };

static void factors_multiply_to_their_matrix(void)
{
  glia_value q, r, w, v, u, s;

  begin();
  const glia_value a = random_array(2, (int64_t[]){N, N}, 1),
                   tall = random_array(2, (int64_t[]){N, 9}, 2),
                   b = random_array(2, (int64_t[]){N, 5}, 3);
  const glia_value many = glia_constant(g, (double)N);
  const glia_value positive = glia_add(g, glia_matmul(g, a, a, true, false), identity(N));
  const glia_value l = glia_cholesky(g, positive);
  ZERO(glia_div(g, glia_sub(g, glia_matmul(g, l, l, false, true), positive), many));
  const glia_value shifted = glia_add(g, a, glia_mul(g, many, identity(N)));
  ZERO(glia_sub(g, glia_matmul(g, shifted, glia_solve(g, shifted, b, false), false, false), b));
  ZERO(glia_sub(g, glia_matmul(g, shifted, glia_solve(g, shifted, b, true), true, false), b));
  ZERO(glia_sub(g, glia_matmul(g, shifted, glia_inverse(g, shifted), false, false), identity(N)));
  ZERO(
      glia_sub(g, glia_matmul(g, l, glia_triangular_solve(g, l, b, true, false), false, false), b));
  ZERO(glia_sub(g, glia_matmul(g, l, glia_triangular_solve(g, l, b, true, true), true, false), b));
  glia_qr(g, tall, &q, &r);
  ZERO(glia_sub(g, glia_matmul(g, q, r, false, false), tall));
  ZERO(glia_sub(g, glia_matmul(g, q, q, true, false), identity(9)));
  glia_eigh(g, positive, &w, &v);
  ZERO(
      glia_div(g, glia_sub(g, glia_matmul(g, positive, v, false, false), glia_mul(g, v, w)), many));
  ZERO(glia_sub(g, glia_matmul(g, v, v, true, false), identity(N)));
  glia_svd(g, tall, &u, &s, &v);
  ZERO(glia_sub(g, glia_matmul(g, glia_mul(g, u, s), v, false, true), tall));
  ZERO(glia_sub(g, glia_matmul(g, u, u, true, false), identity(9)));
  end();
}

static void what_has_no_answer_is_nan_alone(void)
{
  /* two matrices in a batch: the second is singular, not positive definite */
  const double a[] = {2, 1, 1, 3, 1, 1, 1, 1}, b[] = {3, 4, 1, 1}, nan = NAN;
  const int64_t m[] = {2, 2, 2}, k[] = {2, 2, 1};

  begin();
  const glia_value x = given_array(GLIA_F64, 3, m, a), y = given_array(GLIA_F64, 3, k, b);
  const glia_value out[] = {glia_solve(g, x, y, false), glia_cholesky(g, x)};
  const double want[2][8] = {{1, 1, nan, nan},
                             {sqrt(2), 0, 1 / sqrt(2), sqrt(2.5), nan, nan, nan, nan}};
  for (int i = 0; i < 2; i++) {
    void *fast = NULL;
    const int64_t n = i == 0 ? 4 : 8;
    expect(__LINE__, out[i], n, want[i], 1e-14);
    CU_ASSERT(run_graph(g, glia_kernels_default(), data, 1, &out[i], &fast));
    for (int64_t e = 0; fast != NULL && e < n; e++) {
      const double found = ((double *)fast)[e];
      CU_ASSERT(isnan(want[i][e]) ? isnan(found) : fabs(found - want[i][e]) <= 1e-14);
    }
    free(fast);
  }
  end();
}

/* A function of eigenvalues, the trace of a^2; and one of a subspace, the projection on the two vectors of an eigenvalue: its
 * gradient along d is the symmetric part of d over the gap, between the subspace and the rest. */
static void equal_eigenvalues_keep_derivatives_finite(void)
{
  const double a[] = {2, 0, 0, 0, 2, 0, 0, 0, 5}, c[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  glia_value w, v;

  begin();
  const glia_value x = given(GLIA_F64, 3, 3, a), d = given(GLIA_F64, 3, 3, c);
  glia_eigh(g, x, &w, &v);
  const glia_value trace = glia_reduce_sum(g, square_of(g, w), -1, NULL, false);
  glia_value dx;
  glia_grad(g, trace, 1, &x, &dx);
  EXPECT(dx, 4, 0, 0, 0, 4, 0, 0, 0, 10); /* 2 a */
  const glia_value two = glia_slice(g, v, (int64_t[]){0, 0}, (int64_t[]){3, 2}, (int64_t[]){1, 1});
  const glia_value onto = glia_matmul(g, two, two, false, true);
  EXPECT(gradient(onto, d, x), 0, 0, -5.0 / 3, 0, 0, -7.0 / 3, -5.0 / 3, -7.0 / 3, 0);
  end();
}

static void singular_values_have_the_derivative_of_the_nuclear_norm(void)
{
  glia_value u, s, v, dx;

  begin();
  const glia_value a = random_array(2, (int64_t[]){4, 3}, 5);
  glia_svd(g, a, &u, &s, &v);
  glia_grad(g, glia_reduce_sum(g, s, -1, NULL, false), 1, &a, &dx);
  ZERO(glia_sub(g, dx, glia_matmul(g, u, v, false, true)));
  end();
}

static void transforms_invert_and_keep_energy(void)
{
  static const int64_t sizes[][3] = {{1, 1, 64}, {2, 1, 60}, {3, 12, 30}, {2, 7, 15}, {1, 16, 1}};

  for (size_t k = 0; k < GLIA_COUNT(sizes); k++) {
    const int64_t *n = sizes[k];
    const int axes = n[1] > 1 ? 2 : 1;
    begin();
    const glia_value x = random_array(3, n, 20 + k);
    const glia_value z = random_array(4, (int64_t[]){n[0], n[1], n[2], 2}, 30 + k);
    const glia_value points = glia_constant(g, (double)(axes == 2 ? n[1] * n[2] : n[2]));
    const glia_value f = glia_fft(g, z, axes);
    ZERO(glia_sub(g, glia_ifft(g, f, axes), z));
    ZERO(glia_sub(g, glia_irfft(g, glia_rfft(g, x, axes), axes, n[2]), x));
    const glia_value energy = glia_reduce_sum(g, square_of(g, z), -1, NULL, false);
    const glia_value there = glia_reduce_sum(g, square_of(g, f), -1, NULL, false);
    ZERO(glia_sub(g, glia_div(g, glia_div(g, there, points), energy), glia_constant(g, 1.0)));
    end();
  }
}

static void transforms_of_real_numbers_are_half_of_the_whole(void)
{
  const double x[] = {1, 2, 3, 4}, z[] = {1, 0, 2, 0, 3, 0, 4, 0};

  begin();
  const glia_value v = given(GLIA_F64, 4, 0, x), c = given(GLIA_F64, 4, 2, z);
  EXPECT(glia_rfft(g, v, 1), 10, 0, -2, 2, -2, 0);
  EXPECT(glia_fft(g, c, 1), 10, 0, -2, 2, -2, 0, -2, -2);
  end();
}

TAP_MAIN("linalg", TAP(factors_multiply_to_their_matrix), TAP(what_has_no_answer_is_nan_alone),
         TAP(equal_eigenvalues_keep_derivatives_finite),
         TAP(singular_values_have_the_derivative_of_the_nuclear_norm),
         TAP(transforms_invert_and_keep_energy),
         TAP(transforms_of_real_numbers_are_half_of_the_whole))
