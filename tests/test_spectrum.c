/* Singular spectra against known ones, and what is said about them against the laws they were drawn from. */
#include "glia_random.h"
#include "glia_spectrum.h"
#include "known_matrix.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct glia_spectrum_options usual = {.noise_spectra = -1};

static void twelve_decades_to_rounding(void)
{
  struct known_matrix k = known_matrix_make(2000, 100, 12.0);
  const struct glia_rows a = known_matrix_rows(&k);
  double found[100];

  CU_ASSERT_EQUAL_FATAL(glia_singular_values(NULL, &a, found), GLIA_OK);
  const double worst = known_matrix_error(&k, found);
  tap_note("worst error %.2g of the largest", worst);
  CU_ASSERT(worst < 1e-14); /* the gate, 1e-13, is tested at full size by mpi_spectrum */
  known_matrix_free(&k);
}

static glia_status read_side(void *self, int64_t first, int64_t n, double *out)
{
  const struct glia_rows *a = self;
  double *row = malloc((size_t)a->cols * sizeof *row);

  for (int64_t r = 0; r < a->rows; r++) {
    GLIA_TRY(a->read(a->self, r, 1, row));
    for (int64_t i = 0; i < n; i++) out[i * a->rows + r] = row[first + i];
  }
  free(row);
  return GLIA_OK;
}

static void wide_is_tall_on_its_side(void)
{
  struct known_matrix k = known_matrix_make(300, 40, 2.0);
  struct glia_rows a = known_matrix_rows(&k);
  const struct glia_rows side = {&a, a.cols, a.rows, read_side};
  double found[40];

  CU_ASSERT_EQUAL_FATAL(glia_singular_values(NULL, &side, found), GLIA_OK);
  CU_ASSERT(known_matrix_error(&k, found) < 1e-14);
  known_matrix_free(&k);
}

static void tracy_widom_has_its_quantiles(void)
{
  /* of tables of F1 with 4 decimals: quantile 0.95 is 0.9793, 0.99 is 2.0234, 0.05 is -3.1808 */
  CU_ASSERT_DOUBLE_EQUAL(glia_tracy_widom(0.9793), 0.95, 1e-5);
  CU_ASSERT_DOUBLE_EQUAL(glia_tracy_widom(2.0234), 0.99, 1e-5);
  CU_ASSERT_DOUBLE_EQUAL(glia_tracy_widom(-3.18), 0.05, 6e-4); /* two decimals, density 0.11 */
  double mean = 0.0, second = 0.0, before = 0.0;
  for (int i = 1; i <= 650; i++) { /* moments by steps of 0.04 */
    const double x = -8.0 + 0.04 * i, f = glia_tracy_widom(x);
    CU_ASSERT_FATAL(f >= before - 1e-12);
    mean += (x - 0.02) * (f - before);
    second += (x - 0.02) * (x - 0.02) * (f - before);
    before = f;
  }
  CU_ASSERT_DOUBLE_EQUAL(mean, -1.2065335745820, 1e-6);
  /* a step spreads by 0.04^2 / 12 */
  CU_ASSERT_DOUBLE_EQUAL(second - mean * mean, 1.607781034581, 2e-4);
}

static void noise_fits_its_law_and_structure_does_not(void)
{
  enum { M = 400, N = 200 };
  struct glia_spectrum d;
  double s[N];

  CU_ASSERT_EQUAL_FATAL(glia_spectrum_of_noise(M, N, 0.0, 5, s), GLIA_OK);
  for (int i = 0; i < N; i++) s[i] *= 0.3;
  CU_ASSERT_EQUAL_FATAL(
      glia_spectrum_describe(M, N, s, &(struct glia_spectrum_options){.noise_spectra = 99}, &d),
      GLIA_OK);
  /* the mean square of M N entries has relative spread sqrt(2 / M N) = 0.5 %; the middle tells a little less */
  CU_ASSERT_DOUBLE_EQUAL(d.noise_variance / 0.09, 1.0, 0.03);
  CU_ASSERT(d.fit_distance < 0.02);
  CU_ASSERT(d.fit_p > 0.01);
  CU_ASSERT_EQUAL(d.frozen, 0);
  for (int i = 0; i < N; i++) s[i] = pow(1.0 + i, -0.5); /* no law of noise */
  CU_ASSERT_EQUAL_FATAL(
      glia_spectrum_describe(M, N, s, &(struct glia_spectrum_options){.noise_spectra = 99}, &d),
      GLIA_OK);
  CU_ASSERT(d.spikes > 0 || d.note[0] != '\0' || d.fit_p <= 0.02);
}

/* The published estimator, word by word: for every candidate the whole sums again. */
static void published_by_definition(int n, const double *x, double *alpha, double *xmin)
{
  double best = 2.0;

  for (int i = 0; i < n - 1; i++) {
    double sum = 0.0, d = 0.0;
    for (int j = i; j < n; j++) sum += log(x[j]);
    const double a = 1.0 + (n - i) / (sum - (n - i) * log(x[i]));
    for (int j = i; j < n; j++)
      d = fmax(d, fabs(1.0 - pow(x[j] / x[i], 1.0 - a) - (double)(j - i) / (n - i)));
    if (d < best) {
      best = d;
      *alpha = a;
      *xmin = x[i];
    }
  }
}

static int rising(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

/* n values, `body` of them uniform below 1 and the rest Pareto above. */
static void pareto(double *x, int n, int body, double alpha, uint64_t seed)
{
  const uint64_t key = glia_random_stream(seed, "pareto");

  for (int i = 0; i < n; i++) {
    const double u = glia_random_uniform(key, 0, (uint64_t)i);
    x[i] = i < body ? u : pow(u, -1.0 / (alpha - 1.0));
  }
  qsort(x, (size_t)n, sizeof *x, rising);
}

static void published_exponent_to_1e_10(void)
{
  double x[300], alpha, xmin;

  for (uint64_t k = 0; k < 5; k++) {
    pareto(x, 300, 100, 2.0 + (double)k, k);
    published_by_definition(300, x, &alpha, &xmin);
    const struct glia_tail t = glia_tail_published(300, x);
    CU_ASSERT_DOUBLE_EQUAL(t.alpha, alpha, 1e-10 * alpha);
    CU_ASSERT_EQUAL(t.xmin, xmin);
    CU_ASSERT_DOUBLE_EQUAL(t.sigma, (t.alpha - 1.0) / sqrt((double)t.n), 1e-12);
  }
}

static void interval_of_the_exponent_covers(void)
{
  enum { N = 400 };
  const int trials = getenv("GLIA_TEST_LONG") != NULL ? 4000 : 200;
  double x[N], ours = 0.0, theirs = 0.0;
  int covers = 0;

  for (int k = 0; k < trials; k++) {
    struct glia_tail t;
    pareto(x, N, 0, 3.0, 100 + (uint64_t)k);
    CU_ASSERT_EQUAL_FATAL(glia_tail_fit(N, x, (uint64_t)k, &t), GLIA_OK);
    covers += t.lo <= 3.0 && 3.0 <= t.hi;
    ours += (t.alpha - 3.0) * (t.alpha - 3.0);
    const struct glia_tail p = glia_tail_published(N, x);
    theirs += (p.alpha - 3.0) * (p.alpha - 3.0);
  }
  tap_note("covers in %.1f %% of %d; error %.3f, published estimator %.3f", 100.0 * covers / trials,
           trials, sqrt(ours / trials), sqrt(theirs / trials));
  /* the gate, 93 to 97 %, widened by two standard errors of this number of trials */
  const double slack = 2.0 * sqrt(0.95 * 0.05 / trials);
  CU_ASSERT((double)covers / trials >= 0.93 - slack && (double)covers / trials <= 0.97 + slack);
  CU_ASSERT(ours < theirs);
}

static void odd_matrices_get_an_answer(void)
{
  struct glia_spectrum d;
  double s[100] = {0};

  CU_ASSERT_EQUAL(glia_spectrum_describe(0, 5, s, &usual, &d), GLIA_OK);
  CU_ASSERT(strstr(d.note, "empty") != NULL);
  CU_ASSERT_EQUAL(glia_spectrum_describe(7, 5, s, &usual, &d), GLIA_OK);
  CU_ASSERT(strstr(d.note, "zero") != NULL);
  CU_ASSERT_EQUAL(d.frozen, 5);
  s[0] = 3.0; /* constant entries have rank one */
  CU_ASSERT_EQUAL(glia_spectrum_describe(200, 100, s, &usual, &d), GLIA_OK);
  CU_ASSERT_EQUAL(d.rank, 1);
  CU_ASSERT(strstr(d.note, "rank 1 of 100") != NULL && strstr(d.note, "too few") != NULL);
  CU_ASSERT(isnan(d.noise_variance) && isnan(d.tail.alpha));
  CU_ASSERT_DOUBLE_EQUAL(d.stable_rank, 1.0, 1e-15);
  CU_ASSERT_EQUAL(glia_spectrum_describe(50, 1, s, &usual, &d), GLIA_OK);
  CU_ASSERT(strstr(d.note, "single column") != NULL);
  for (int i = 0; i < 5; i++) s[i] = 5.0 - i;
  CU_ASSERT_EQUAL(glia_spectrum_describe(9, 5, s, &usual, &d), GLIA_OK);
  CU_ASSERT(strstr(d.note, "too few") != NULL);
  s[2] = (double)NAN;
  CU_ASSERT_EQUAL(glia_spectrum_describe(9, 5, s, &usual, &d), GLIA_E_ARGUMENT);
  const double large[2] = {1e155, 1.0}, small[2] = {1e-155, 1e-160};
  CU_ASSERT_EQUAL(glia_spectrum_describe(2, 2, large, &usual, &d), GLIA_E_DATA);
  CU_ASSERT_EQUAL(glia_spectrum_describe(2, 2, small, &usual, &d), GLIA_E_DATA);
}

TAP_MAIN("spectrum", TAP(twelve_decades_to_rounding), TAP(wide_is_tall_on_its_side),
         TAP(tracy_widom_has_its_quantiles), TAP(noise_fits_its_law_and_structure_does_not),
         TAP(published_exponent_to_1e_10), TAP(interval_of_the_exponent_covers),
         TAP(odd_matrices_get_an_answer))
