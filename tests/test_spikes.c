/* Spikes: how many are counted in matrices that were drawn with none or one, and whether the matrices are what they claim to be.
 *
 * A Gaussian matrix with one spike has singular values of a bidiagonal matrix of chi variables (glia_spectrum_of_noise): exact in law and
 * drawn in O(cols^2), so that thousands of large matrices can be counted. Dense matrices stand beside it here: their spectra
 * come from glia_singular_values, as in `glia spectrum`, and must have the same law and the same counts.
 *
 * How large a matrix must be: a spike of 1.2 times the threshold leaves the bulk by 0.134 sqrt(q) (q = cols / rows), which does not
 * depend on the size, while noise and spike spread as cols^{-2/3} and cols^{-1/2}. In units of the spread of noise
 * the distance is 0.134 (cols / (1 + sqrt(q))^2)^{2/3}, so a tall matrix needs a quarter of the columns of a square one.
 */
#include "glia_random.h"
#include "glia_spectrum.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>

static const struct glia_spectrum_options usual = {.noise_spectra = -1};

static bool long_run(void) { return getenv("GLIA_TEST_LONG") != NULL; }

/* ---- a dense matrix: normals, plus spike sqrt(rows) u v^T with u = v = (1, 1, ...) scaled to length 1 */

struct dense {
  uint64_t key;
  int64_t rows, cols;
  double spike;
};

static glia_status read_dense(void *self, int64_t first, int64_t n, double *out)
{
  const struct dense *d = self;
  const double shift = d->spike / sqrt((double)d->cols);

  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < d->cols; j++)
      out[i * d->cols + j] = shift + glia_random_normal(d->key, (uint64_t)(first + i), (uint64_t)j);
  return GLIA_OK;
}

static void draw_dense(int64_t m, int64_t n, double spike, uint64_t seed, double *s)
{
  struct dense d = {glia_random_stream(seed, "test/dense"), m, n, spike};
  const struct glia_rows a = {&d, m, n, read_dense};

  CU_ASSERT_EQUAL_FATAL(glia_singular_values(NULL, &a, s), GLIA_OK);
}

static int rising(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

/* Two-sample statistic of Kolmogorov and Smirnov, times sqrt(n m / (n + m)): 1.95 is passed once in 1,000. Sorts both. */
static double two_samples(int n, double *x, int m, double *y)
{
  double d = 0.0;
  int i = 0, j = 0;

  qsort(x, (size_t)n, sizeof *x, rising);
  qsort(y, (size_t)m, sizeof *y, rising);
  while (i < n && j < m) {
    if (x[i] <= y[j])
      i++;
    else
      j++;
    d = fmax(d, fabs((double)i / n - (double)j / m));
  }
  return d * sqrt((double)n * m / (n + m));
}

enum { DENSE = 200, SHORT = 4000, ROWS = 120, COLS = 60 };

/* Values `at` of SHORT bidiagonal matrices. */
static void short_cut(double spike, const int *at, double (*out)[SHORT])
{
  double s[COLS];

  for (int k = 0; k < SHORT; k++) {
    CU_ASSERT_EQUAL_FATAL(glia_spectrum_of_noise(ROWS, COLS, spike, 7000 + (uint64_t)k, s),
                          GLIA_OK);
    for (int i = 0; i < 3; i++) out[i][k] = s[at[i]];
  }
}

static void the_short_cut_has_the_law_of_dense_matrices(void)
{
  static double dense[3][DENSE], fast[3][SHORT];
  static const int at[] = {0, 1, COLS - 1}; /* largest, second, smallest */
  const double threshold = pow((double)COLS / ROWS, 0.25);

  for (int with = 0; with < 2; with++) {
    const double spike = with ? 1.2 * threshold : 0.0;
    for (int k = 0; k < DENSE; k++) {
      double s[COLS];
      draw_dense(ROWS, COLS, spike, 400 + (uint64_t)k, s);
      for (int i = 0; i < 3; i++) dense[i][k] = s[at[i]];
    }
    short_cut(spike, at, fast);
    double d[3];
    for (int i = 0; i < 3; i++) {
      d[i] = two_samples(DENSE, dense[i], SHORT, fast[i]);
      CU_ASSERT(d[i] < 1.95);
    }
    tap_note("spike %.2f: distance of %d dense matrices for the largest, second and smallest value "
             "%.2f %.2f %.2f (1.95)",
             spike, DENSE, d[0], d[1], d[2]);
  }
  short_cut(1.5 * threshold, at, fast); /* the test sees a spike that is a quarter too strong */
  CU_ASSERT(two_samples(DENSE, dense[0], SHORT, fast[0]) > 1.95);
}

/* E sum s^2 = m n; E sum s^4 = m n (m + n + 1), for real matrices; with a spike the first grows by spike^2 m. */
static void the_short_cut_has_its_moments(void)
{
  enum { M = 30, N = 20, DRAWS = 4000 };
  double s[N], second = 0.0, fourth = 0.0, spiked = 0.0;

  for (uint64_t k = 0; k < DRAWS; k++) {
    CU_ASSERT_EQUAL_FATAL(glia_spectrum_of_noise(M, N, 0.0, k, s), GLIA_OK);
    for (int i = 0; i < N; i++) {
      second += s[i] * s[i];
      fourth += s[i] * s[i] * s[i] * s[i];
    }
    CU_ASSERT_EQUAL_FATAL(glia_spectrum_of_noise(M, N, 1.5, k, s), GLIA_OK);
    for (int i = 0; i < N; i++) spiked += s[i] * s[i];
  }
  /* relative standard errors: sqrt(2 / 600) / sqrt(4000) = 0.1 %, twice that for the fourth moment; four of them */
  CU_ASSERT_DOUBLE_EQUAL(second / DRAWS / (M * N), 1.0, 4e-3);
  CU_ASSERT_DOUBLE_EQUAL(fourth / DRAWS / (M * N * (M + N + 1.0)), 1.0, 8e-3);
  CU_ASSERT_DOUBLE_EQUAL(spiked / DRAWS / (M * N + 1.5 * 1.5 * M), 1.0, 4e-3);
}

/* ---- counting */

typedef glia_status (*draw_values)(int64_t m, int64_t n, double spike, uint64_t seed, double *s);

static glia_status from_dense(int64_t m, int64_t n, double spike, uint64_t seed, double *s)
{
  draw_dense(m, n, spike, seed, s);
  return GLIA_OK;
}

/* How many of `trials` matrices with a spike of `times` the threshold (0: none) show as many spikes as they have. */
static int counted(int trials, int64_t m, int64_t n, double times, draw_values draw)
{
  const double spike = times * pow((double)n / (double)m, 0.25);
  double *s = calloc((size_t)n, sizeof *s);
  int right = 0;

  for (int k = 0; k < trials; k++) {
    struct glia_spectrum d;
    CU_ASSERT_EQUAL_FATAL(draw(m, n, spike, 1000 + (uint64_t)k, s), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_spectrum_describe(m, n, s, &usual, &d), GLIA_OK);
    right += d.spikes == (times > 0.0);
  }
  free(s);
  return right;
}

static void count(int trials, int64_t m, int64_t n, draw_values draw, int *quiet, int *right)
{
  *quiet = counted(trials, m, n, 0.0, draw);
  *right = counted(trials, m, n, 1.2, draw);
  tap_note(
      "%lld x %lld, %d matrices each: %d without spikes of noise alone, %d with one of noise and "
      "a spike of 1.2 times the threshold",
      (long long)m, (long long)n, trials, *quiet, *right);
}

/* The gate: 99 % counted right and at most 2 % false alarms at the level of 1 %. Every day 40 matrices, which tell 80 % from 99 %. */
static void spikes_are_counted(void)
{
  int quiet, right;

  if (!long_run()) {
    count(40, 100000, 1000, glia_spectrum_of_noise, &quiet, &right);
    CU_ASSERT(quiet >= 37 && right >= 37); /* at 1 % wrong, 4 or more once in 1,400 */
    return;
  }
  count(1000, 100000, 1000, glia_spectrum_of_noise, &quiet, &right);
  CU_ASSERT(quiet >= 980);
  CU_ASSERT(right >= 990);
  count(300, 4000, 4000, glia_spectrum_of_noise, &quiet, &right);
  CU_ASSERT(quiet >= 291 &&
            right >= 291); /* fewer, for their time: at 1 % wrong, 10 or more once in 900 */
}

/* Smaller ones, for docs/analysis.md: nothing is asked of them but that the rate grows. */
static void the_rate_grows_with_the_size(void)
{
  static const int64_t tall[] = {125, 250, 500}, square[] = {500, 1000, 2000};
  int quiet, right, before = 0;

  if (!long_run()) TAP_SKIP("a table of sizes: set GLIA_TEST_LONG");
  for (int i = 0; i < 3; i++, before = right) {
    count(300, 100 * tall[i], tall[i], glia_spectrum_of_noise, &quiet, &right);
    CU_ASSERT(quiet >= 291 && right > before);
  }
  before = 0;
  for (int i = 0; i < 3; i++, before = right) {
    count(300, square[i], square[i], glia_spectrum_of_noise, &quiet, &right);
    CU_ASSERT(quiet >= 291 && right > before);
  }
}

/* Dense matrices, all the way that `glia spectrum` goes. */
static void spikes_of_dense_matrices_are_counted(void)
{
  const int trials = long_run() ? 30 : 10;
  int quiet, right;

  if (long_run()) {
    count(trials, 16000, 1000, from_dense, &quiet, &right);
  } else { /* small, so the spike is stronger */
    quiet = counted(trials, 400, 200, 0.0, from_dense);
    right = counted(trials, 400, 200, 2.0, from_dense);
  }
  /* at 1 % wrong, once in 300 that 3 or more of 30 are */
  CU_ASSERT(quiet >= trials - 2);
  CU_ASSERT(right >= trials - 2);
}

static void two_spikes_are_two(void)
{
  struct dense d = {glia_random_stream(5, "test/dense"), 900, 300, 2.0};
  const struct glia_rows a = {&d, 900, 300, read_dense};
  struct glia_spectrum found;
  double s[300];

  CU_ASSERT_EQUAL_FATAL(glia_singular_values(NULL, &a, s), GLIA_OK);
  for (int i = 299; i > 1; i--) s[i] = s[i - 1]; /* a second one, a tenth weaker */
  s[1] = 0.9 * s[0];
  CU_ASSERT_EQUAL_FATAL(glia_spectrum_describe(900, 300, s, &usual, &found), GLIA_OK);
  CU_ASSERT_EQUAL(found.spikes, 2);
  CU_ASSERT(s[1] * s[1] / 900.0 > found.spike_threshold);
  CU_ASSERT(s[2] * s[2] / 900.0 <= found.spike_threshold);
}

TAP_MAIN("spikes", TAP(the_short_cut_has_its_moments),
         TAP(the_short_cut_has_the_law_of_dense_matrices), TAP(spikes_are_counted),
         TAP(the_rate_grows_with_the_size), TAP(spikes_of_dense_matrices_are_counted),
         TAP(two_spikes_are_two))
