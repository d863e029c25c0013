/* Sparse regression: supports, coefficients, honest errors, dependent columns, thresholds. */
#include "glia_random.h"
#include "glia_regression.h"
#include "tap.h"

#include <math.h>
#include <string.h>

enum { BLOCKS = 20, ROWS = 30, MOST = 20 };

static struct glia_regression s;
static struct glia_regression_options o;

/* y = x[1] 2 - x[4] 0.5 + noise on n standard normal columns; column `copy` repeats number 1 (0: none does). */
static void draw(uint64_t seed, int n, double signal, double noise, int copy)
{
  const uint64_t key = glia_random_stream(seed, "test/sparse");
  double a[ROWS * (MOST + 1)];

  CU_ASSERT_EQUAL_FATAL(glia_regression_init(n, BLOCKS, &s), GLIA_OK);
  for (int b = 0; b < BLOCKS; b++) {
    for (int i = 0; i < ROWS; i++) {
      double *row = a + i * (n + 1);
      const uint64_t at = (uint64_t)(b * ROWS + i);
      for (int j = 0; j < n; j++) row[j] = glia_random_normal(key, (uint64_t)j, at);
      if (copy > 0) row[copy] = 3.0 * row[1];
      row[n] = signal * (2.0 * row[1] - 0.5 * row[4]) + noise * glia_random_normal(key, 99, at);
    }
    CU_ASSERT_EQUAL_FATAL(glia_regression_block(&s, b, ROWS, a), GLIA_OK);
  }
  o = (struct glia_regression_options){.certain = 4.0, .draws = 100, .seed = seed};
}

static struct glia_regression_result fit(void)
{
  struct glia_regression_result r;

  CU_ASSERT_EQUAL_FATAL(glia_regression_fit(&s, &o, &r), GLIA_OK);
  return r;
}

static bool support_is_true(const struct glia_regression_result *r)
{
  return r->n_terms == 2 && r->term[0] == 1 && r->term[1] == 4;
}

static void few_and_many_columns_give_the_same_support(void)
{
  for (int n = 10; n <= 20; n += 10) { /* all subsets, then exchange */
    draw(1, n, 1.0, 0.3, 0);
    const struct glia_regression_result r = fit();
    CU_ASSERT(support_is_true(&r));
    CU_ASSERT(fabs(r.coefficient[0] - 2.0) < 0.06); /* five errors of 0.3 / sqrt(600) */
    CU_ASSERT(fabs(r.coefficient[1] + 0.5) < 0.06);
    CU_ASSERT_EQUAL(r.n_steps, n + 1);
    for (int k = 1; k <= n; k++) CU_ASSERT(r.step[k].error <= r.step[k - 1].error + 1e-12);
    glia_regression_fini(&s);
  }
}

static void errors_cover_as_often_as_they_should(void)
{
  int inside = 0, all = 0;

  for (uint64_t seed = 1; seed <= 60; seed++) {
    draw(seed, 6, 1.0, 0.5, 0);
    const struct glia_regression_result r = fit();
    glia_regression_fini(&s);
    if (!support_is_true(&r)) continue;
    inside += fabs(r.coefficient[0] - 2.0) < r.error[0];
    inside += fabs(r.coefficient[1] + 0.5) < r.error[1];
    all += 2;
  }
  tap_note("%d of %d within one error, expected 0.68", inside, all);
  CU_ASSERT(all >= 110);
  CU_ASSERT(inside > 0.54 * all &&
            inside < 0.82 * all); /* three standard errors of 0.68 over 120 */
}

static void covariance_and_bootstrap_agree(void)
{
  draw(3, 6, 1.0, 0.5, 0);
  const struct glia_regression_result boot = fit();
  o.draws = 0;
  const struct glia_regression_result formula = fit();
  for (int k = 0; k < 2; k++) CU_ASSERT(fabs(boot.error[k] / formula.error[k] - 1.0) < 0.4);
  CU_ASSERT(fabs(formula.error[0] - 0.5 / sqrt(600.0)) < 0.003);
  glia_regression_fini(&s);
}

static void noise_alone_is_explained_by_nothing(void)
{
  int found = 0;

  for (uint64_t seed = 1; seed <= 50; seed++) {
    draw(seed, 12, 0.0, 1.0, 0);
    const struct glia_regression_result r = fit();
    found += r.n_terms > 0;
    glia_regression_fini(&s);
  }
  tap_note("something in %d of 50", found);
  CU_ASSERT(found <= 2); /* four errors of 20 blocks, one of 12 columns: 0.01 each */
}

static void dependent_columns_do_no_harm(void)
{
  draw(5, 8, 1.0, 0.1, 6);
  const struct glia_regression_result r = fit();
  CU_ASSERT_EQUAL(r.n_terms, 2);
  CU_ASSERT(r.left < 0.06);
  CU_ASSERT(r.term[0] == 1 || r.term[1] == 6); /* either of the two that say the same */
  glia_regression_fini(&s);
}

static void thresholds_with_bic_find_the_same(void)
{
  draw(2, 12, 1.0, 0.3, 0);
  o.way = GLIA_REGRESSION_THRESHOLDS;
  o.choice = GLIA_REGRESSION_BIC;
  const struct glia_regression_result r = fit();
  CU_ASSERT(support_is_true(&r));
  glia_regression_fini(&s);
}

/* One level: coefficients per standard deviation of their columns, in the target's units; columns that do not vary by their size. */
static void a_level_is_per_standard_deviation(void)
{
  enum { SAMPLES = 100 };
  static const double keeps[][2] = {{0.19, 3}, {0.21, 2}, {0.39, 2}, {0.41, 0}};
  double a[SAMPLES * 4];

  for (int i = 0; i < SAMPLES; i++) {
    const double sign = i % 2 == 0 ? 1.0 : -1.0; /* deviation 1, far from zero */
    const double other = i % 4 < 2 ? 2.0 : -2.0; /* deviation 2 */
    memcpy(a + (ptrdiff_t)(4 * i),
           (double[]){1.0, 100.0 + sign, other, 0.4 + 0.4 * (100.0 + sign) + 0.1 * other},
           sizeof(double[4]));
  }
  for (size_t k = 0; k < GLIA_COUNT(keeps); k++) {
    struct glia_regression_result r;
    const struct glia_regression_options level = {
        .way = GLIA_REGRESSION_THRESHOLDS, .choice = GLIA_REGRESSION_BIC, .level = keeps[k][0]};
    CU_ASSERT_EQUAL_FATAL(glia_regression_init(3, 1, &s), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_regression_block(&s, 0, SAMPLES, a), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_regression_fit(&s, &level, &r), GLIA_OK);
    CU_ASSERT_EQUAL(r.n_terms, (int)keeps[k][1]);
    glia_regression_fini(&s);
  }
}

static void what_is_not_finite_is_refused(void)
{
  struct glia_regression_result r;

  draw(1, 6, 1.0, 0.3, 0);
  s.r[0] = (double)NAN;
  CU_ASSERT_EQUAL(glia_regression_fit(&s, &o, &r), GLIA_E_DATA);
  glia_regression_fini(&s);
  CU_ASSERT_EQUAL(glia_regression_init(65, 2, &s), GLIA_E_ARGUMENT);
}

TAP_MAIN("regression", TAP(few_and_many_columns_give_the_same_support),
         TAP(errors_cover_as_often_as_they_should), TAP(covariance_and_bootstrap_agree),
         TAP(noise_alone_is_explained_by_nothing), TAP(dependent_columns_do_no_harm),
         TAP(thresholds_with_bic_find_the_same), TAP(a_level_is_per_standard_deviation),
         TAP(what_is_not_finite_is_refused))
