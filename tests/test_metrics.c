/* Measures of predictions: closed forms, and brute force over pairs, thresholds and orders. */
#include "glia_metrics.h"
#include "glia_random.h"
#include "tap.h"

#include <math.h>
#include <string.h>

/* Sums of a few numbers of size 1 in another order. */
static const double ROUNDING = 1e-12;

enum { N = 200 };

static double score[N], other[N];
static uint8_t positive[N];

/* Scores on a grid of `levels` values, so that many are equal; positives score higher on average. */
static void draw(uint64_t seed, int levels)
{
  const uint64_t key = glia_random_stream(seed, "metrics");

  for (uint64_t i = 0; i < N; i++) {
    positive[i] = glia_random_uniform(key, 0, i) < 0.3;
    const double s = 0.7 * glia_random_uniform(key, 1, i) + 0.3 * positive[i];
    score[i] = floor(s * levels);
    other[i] = floor(glia_random_uniform(key, 2, i) * levels + score[i]);
  }
}

static double f1_at(double threshold)
{
  double v = -1.0;

  CU_ASSERT_EQUAL(glia_metric_f1_at(N, score, positive, threshold, &v), GLIA_OK);
  return v;
}

static void auroc_counts_pairs(void)
{
  for (int levels = 2; levels <= 1000; levels *= 7) {
    double won = 0.0, pairs = 0.0, auc = -1.0;
    draw((uint64_t)levels, levels);
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        if (positive[i] == 0 || positive[j] != 0) continue;
        pairs += 1.0;
        won += score[i] > score[j] ? 1.0 : score[i] == score[j] ? 0.5 : 0.0;
      }
    CU_ASSERT_EQUAL(glia_metric_auroc(N, score, positive, &auc), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(auc, won / pairs, ROUNDING);
    CU_ASSERT(auc > 0.6 && auc < 0.99);
  }
}

/* Precision and recall at every value that occurs, straight from their definition. */
static void auc_pr_and_best_f1_walk_the_thresholds(void)
{
  for (int levels = 2; levels <= 1000; levels *= 7) {
    double ap = 0.0, best = 0.0, at = -1.0, found = -1.0, recall = 0.0, area = -1.0;
    draw((uint64_t)levels, levels);
    for (int t = 2 * levels; t >= -1; t--) {
      double tp = 0.0, fp = 0.0, all = 0.0;
      for (int i = 0; i < N; i++) {
        all += positive[i] != 0;
        tp += positive[i] != 0 && score[i] >= t;
        fp += positive[i] == 0 && score[i] >= t;
      }
      if (tp + fp == 0.0) continue;
      ap += (tp / all - recall) * tp / (tp + fp);
      recall = tp / all;
      const double f1 = 2.0 * tp / (tp + fp + all);
      CU_ASSERT_DOUBLE_EQUAL(f1_at(t), f1, ROUNDING);
      if (f1 > best) best = f1;
    }
    CU_ASSERT_EQUAL(glia_metric_auc_pr(N, score, positive, &area), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(area, ap, ROUNDING);
    CU_ASSERT_EQUAL(glia_metric_best_f1(N, score, positive, &found, &at), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(found, best, ROUNDING);
    CU_ASSERT_DOUBLE_EQUAL(f1_at(at), best, ROUNDING);
  }
}

static void known_cases_of_two_classes(void)
{
  /* the four rows of the usual example: AUROC 3/4, average precision 1/2 (1 + 2/3) */
  static const double s[] = {0.1, 0.4, 0.35, 0.8};
  static const uint8_t p[] = {0, 0, 1, 1}, none[4], all[] = {1, 1, 1, 1};
  static const double same[] = {7.0, 7.0, 7.0, 7.0};
  double v = -1.0;

  CU_ASSERT_EQUAL(glia_metric_auroc(4, s, p, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, 0.75, ROUNDING);
  CU_ASSERT_EQUAL(glia_metric_auc_pr(4, s, p, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, 0.5 * (1.0 + 2.0 / 3.0), ROUNDING);
  /* a constant score knows nothing: one half, and the share of positives */
  CU_ASSERT_EQUAL(glia_metric_auroc(4, same, p, &v), GLIA_OK);
  CU_ASSERT_EQUAL(v, 0.5);
  CU_ASSERT_EQUAL(glia_metric_auc_pr(4, same, p, &v), GLIA_OK);
  CU_ASSERT_EQUAL(v, 0.5);
  /* one class alone has no meaning */
  CU_ASSERT_EQUAL(glia_metric_auroc(4, s, none, &v), GLIA_OK);
  CU_ASSERT(isnan(v));
  CU_ASSERT_EQUAL(glia_metric_auroc(4, s, all, &v), GLIA_OK);
  CU_ASSERT(isnan(v));
  CU_ASSERT_EQUAL(glia_metric_auc_pr(4, s, none, &v), GLIA_OK);
  CU_ASSERT(isnan(v));
  CU_ASSERT_EQUAL(glia_metric_auc_pr(0, s, none, &v), GLIA_OK);
  CU_ASSERT(isnan(v));
  /* infinite scores have their place, NaN has none */
  CU_ASSERT_EQUAL(glia_metric_auroc(3, (double[]){INFINITY, -INFINITY, 0.0}, p + 1, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, 0.0, ROUNDING);
  CU_ASSERT_EQUAL(glia_metric_auroc(3, (double[]){1.0, NAN, 0.0}, p + 1, &v), GLIA_E_DATA);
  CU_ASSERT(strstr(glia_trace(), "score 1") != NULL);
}

static void classes_are_counted(void)
{
  static const int64_t label[] = {0, 0, 1, 1, 2, 2}, predicted[] = {0, 1, 1, 1, 0, 2};
  double v = -1.0;

  CU_ASSERT_EQUAL(glia_metric_accuracy(6, label, predicted, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, 4.0 / 6.0, ROUNDING);
  /* class 0: tp 1 fp 1 fn 1; class 1: tp 2 fp 1; class 2: tp 1 fn 1; class 3 does not occur */
  CU_ASSERT_EQUAL(glia_metric_f1_macro(6, 4, label, predicted, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, (2.0 / 4.0 + 4.0 / 5.0 + 2.0 / 3.0) / 3.0, ROUNDING);
  CU_ASSERT_EQUAL(glia_metric_f1_macro(6, 2, label, predicted, &v), GLIA_E_DATA);
  CU_ASSERT(strstr(glia_trace(), "label 2") != NULL);
}

static void calibration_compares_bin_by_bin(void)
{
  /* bins of a fifth: (0.4, 0.6] has two rows of 0.5 and 0.6 with one hit, (0.8, 1] two of 0.9 and 1 with none */
  static const double c[] = {0.5, 0.6, 0.9, 1.0};
  static const uint8_t hit[] = {1, 0, 0, 0};
  double v = -1.0;

  CU_ASSERT_EQUAL(glia_metric_ece(4, c, hit, 5, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, 0.5 * 0.05 + 0.5 * 0.95, ROUNDING);
  CU_ASSERT_EQUAL(glia_metric_ece(1, (double[]){1.5}, hit, 5, &v), GLIA_E_DATA);
}

static void regression_is_measured(void)
{
  static const double t[] = {3.0, -0.5, 2.0, 7.0}, y[] = {2.5, 0.0, 2.0, 8.0};
  static const double x[] = {1.0, 2.0, 3.0, 4.0, 5.0}, z[] = {5.0, 6.0, 7.0, 8.0, 7.0};
  double v = -1.0, mean = 0.0;

  /* mean of t 2.875: squares 29.1875, errors 1.5 */
  CU_ASSERT_EQUAL(glia_metric_r2(4, y, t, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, 1.0 - 1.5 / 29.1875, ROUNDING);
  CU_ASSERT_EQUAL(glia_metric_r2(4, t, (double[]){1, 1, 1, 1}, &v), GLIA_OK);
  CU_ASSERT(isnan(v));
  /* ranks 1 2 3.5 5 3.5 of z against 1 .. 5: 8 / sqrt(10 x 9.5) */
  CU_ASSERT_EQUAL(glia_metric_spearman(5, x, z, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, 8.0 / sqrt(95.0), ROUNDING);
  CU_ASSERT_EQUAL(glia_metric_spearman(5, x, (double[]){5, 4, 3, 2, 1}, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, -1.0, ROUNDING);
  /* ranks by counting, on many ties */
  draw(5, 9);
  double a[N], b[N], ab = 0.0, aa = 0.0, bb = 0.0;
  for (int i = 0; i < N; i++) {
    a[i] = b[i] = 0.0;
    for (int j = 0; j < N; j++) {
      a[i] += score[j] < score[i] ? 1.0 : score[j] == score[i] ? 0.5 : 0.0;
      b[i] += other[j] < other[i] ? 1.0 : other[j] == other[i] ? 0.5 : 0.0;
    }
  }
  mean = 0.5 * N;
  for (int i = 0; i < N; i++) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  CU_ASSERT_EQUAL(glia_metric_spearman(N, score, other, &v), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(v, ab / sqrt(aa * bb), ROUNDING);
}

enum { ITEMS = 5, QUERIES = 3 };

/* Mean of what `order` is worth over all orders of the items that agree with the scores. */
static double over_orders(const double *s, const double *gain, int k, bool recall)
{
  double sum = 0.0, n = 0.0;

  for (int code = 0; code < 3125; code++) {
    int order[ITEMS], left = code;
    bool good = true;
    double value = 0.0;
    for (int i = 0; i < ITEMS; i++, left /= ITEMS) order[i] = left % ITEMS;
    for (int i = 0; i < ITEMS; i++)
      for (int j = i + 1; j < ITEMS; j++) good = good && order[i] != order[j];
    for (int i = 1; good && i < ITEMS; i++) good = s[order[i - 1]] >= s[order[i]];
    if (!good) continue;
    for (int i = 0; i < k; i++)
      value += recall ? gain[order[i]] > 0.0 : gain[order[i]] / log2(i + 2.0);
    sum += value;
    n += 1.0;
  }
  return sum / n;
}

static void rankings_are_means_over_the_orders_of_ties(void)
{
  static const double s[QUERIES][ITEMS] = {{3, 2, 2, 2, 1}, {1, 1, 1, 1, 1}, {5, 4, 3, 2, 1}};
  static const double gain[QUERIES][ITEMS] = {{0, 3, 0, 1, 2}, {0, 0, 1, 0, 4}, {0, 0, 0, 0, 0}};

  for (int k = 1; k <= ITEMS; k++) {
    double recall = 0.0, ndcg = 0.0, v = -1.0;
    for (int q = 0; q < 2; q++) { /* the third has nothing to find */
      double relevant = 0.0;
      for (int i = 0; i < ITEMS; i++) relevant += gain[q][i] > 0.0;
      recall += 0.5 * over_orders(s[q], gain[q], k, true) / relevant;
      ndcg += 0.5 * over_orders(s[q], gain[q], k, false) / over_orders(gain[q], gain[q], k, false);
    }
    CU_ASSERT_EQUAL(glia_metric_recall_at(QUERIES, ITEMS, &s[0][0], &gain[0][0], k, &v), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(v, recall, ROUNDING);
    CU_ASSERT_EQUAL(glia_metric_ndcg_at(QUERIES, ITEMS, &s[0][0], &gain[0][0], k, &v), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(v, ndcg, ROUNDING);
  }
}

TAP_MAIN("metrics", TAP(auroc_counts_pairs), TAP(auc_pr_and_best_f1_walk_the_thresholds),
         TAP(known_cases_of_two_classes), TAP(classes_are_counted),
         TAP(calibration_compares_bin_by_bin), TAP(regression_is_measured),
         TAP(rankings_are_means_over_the_orders_of_ties))
