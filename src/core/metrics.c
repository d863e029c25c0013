/* Measures of predictions: see glia_metrics.h. */
#include "glia_metrics.h"

#include <math.h>
#include <stdlib.h>

/* A score and what hangs on it. */
struct item {
  double score, value;
};

static int falling(const void *a, const void *b)
{
  const struct item *p = a, *q = b;

  return (p->score < q->score) - (p->score > q->score);
}

static glia_status take_items(int64_t n, struct item **out)
{
  *out = calloc((size_t)n + 1, sizeof **out);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "a sorted copy of %lld scores", (long long)n);
  return GLIA_OK;
}

static glia_status check_number(double v, const char *what, int64_t i)
{
  GLIA_CHECK(!isnan(v), GLIA_E_DATA, "%s %lld is not a number", what, (long long)i);
  return GLIA_OK;
}

/* End of the run of equal scores that begins at i. */
static int64_t run_end(const struct item *item, int64_t n, int64_t i)
{
  int64_t end = i + 1;

  while (end < n && item[end].score == item[i].score) end++;
  return end;
}

/* Scores with value 1 for positives, falling; the caller frees *out. */
static glia_status sort_binary(int64_t n, const double *score, const uint8_t *positive,
                               struct item **out, int64_t *n_positive)
{
  GLIA_TRY(take_items(n, out));
  *n_positive = 0;
  for (int64_t i = 0; i < n; i++) {
    const glia_status st = check_number(score[i], "score", i);
    if (st != GLIA_OK) {
      free(*out);
      *out = NULL;
      return st;
    }
    (*out)[i] = (struct item){score[i], positive[i] != 0 ? 1.0 : 0.0};
    *n_positive += positive[i] != 0;
  }
  qsort(*out, (size_t)n, sizeof **out, falling);
  return GLIA_OK;
}

/* True and false positives at one threshold. */
struct point {
  double score;
  int64_t tp, fp;
};

/* The next threshold of sorted scores: at rises to the end of the equal ones. */
static void advance(const struct item *item, int64_t n, int64_t *at, struct point *p)
{
  const int64_t end = run_end(item, n, *at);

  p->score = item[*at].score;
  for (; *at < end; (*at)++) {
    if (item[*at].value != 0.0)
      p->tp++;
    else
      p->fp++;
  }
}

glia_status glia_metric_auroc(int64_t n, const double *score, const uint8_t *positive, double *out)
{
  struct item *item;
  int64_t p;
  struct point now = {0};
  double area = 0.0;

  *out = NAN;
  GLIA_TRY(sort_binary(n, score, positive, &item, &p));
  for (int64_t at = 0; at < n;) {
    const struct point before = now;
    advance(item, n, &at, &now);
    area += (double)(now.fp - before.fp) * 0.5 * (double)(now.tp + before.tp);
  }
  free(item);
  if (p > 0 && p < n) *out = area / (double)p / (double)(n - p);
  return GLIA_OK;
}

glia_status glia_metric_auc_pr(int64_t n, const double *score, const uint8_t *positive, double *out)
{
  struct item *item;
  int64_t p;
  struct point now = {0};
  double sum = 0.0;

  *out = NAN;
  GLIA_TRY(sort_binary(n, score, positive, &item, &p));
  for (int64_t at = 0; at < n;) {
    const struct point before = now;
    advance(item, n, &at, &now);
    sum += (double)(now.tp - before.tp) * (double)now.tp / (double)(now.tp + now.fp);
  }
  free(item);
  if (p > 0) *out = sum / (double)p;
  return GLIA_OK;
}

/* NaN where nothing is positive and nothing is called so. */
static double f1(int64_t tp, int64_t fp, int64_t fn)
{
  return 2.0 * (double)tp / (double)(2 * tp + fp + fn);
}

glia_status glia_metric_f1_at(int64_t n, const double *score, const uint8_t *positive,
                              double threshold, double *out)
{
  int64_t tp = 0, fp = 0, fn = 0;

  *out = NAN;
  GLIA_TRY(check_number(threshold, "threshold", 0));
  for (int64_t i = 0; i < n; i++) {
    GLIA_TRY(check_number(score[i], "score", i));
    const bool alarm = score[i] >= threshold;
    tp += alarm && positive[i] != 0;
    fp += alarm && positive[i] == 0;
    fn += !alarm && positive[i] != 0;
  }
  *out = f1(tp, fp, fn);
  return GLIA_OK;
}

glia_status glia_metric_best_f1(int64_t n, const double *score, const uint8_t *positive,
                                double *out, double *threshold)
{
  struct item *item;
  int64_t p;
  struct point now = {0};
  double best = -1.0, at_score = NAN;

  *out = NAN;
  if (threshold != NULL) *threshold = NAN;
  GLIA_TRY(sort_binary(n, score, positive, &item, &p));
  for (int64_t at = 0; at < n;) {
    advance(item, n, &at, &now);
    const double value = f1(now.tp, now.fp, p - now.tp);
    if (value > best) {
      best = value;
      at_score = now.score;
    }
  }
  free(item);
  if (p == 0) return GLIA_OK;
  *out = best;
  if (threshold != NULL) *threshold = at_score;
  return GLIA_OK;
}

glia_status glia_metric_accuracy(int64_t n, const int64_t *label, const int64_t *predicted,
                                 double *out)
{
  int64_t hits = 0;

  for (int64_t i = 0; i < n; i++) hits += label[i] == predicted[i];
  *out = n > 0 ? (double)hits / (double)n : (double)NAN;
  return GLIA_OK;
}

glia_status glia_metric_f1_macro(int64_t n, int64_t n_classes, const int64_t *label,
                                 const int64_t *predicted, double *out)
{
  int64_t *tp = calloc(2 * (size_t)n_classes + 1, sizeof *tp), occurring = 0;
  double sum = 0.0;

  *out = NAN;
  GLIA_CHECK(tp != NULL, GLIA_E_MEMORY, "counts of %lld classes", (long long)n_classes);
  int64_t *others = tp + n_classes; /* false positives and false negatives */
  for (int64_t i = 0; i < n; i++) {
    const int64_t a = label[i], b = predicted[i];
    if (a < 0 || a >= n_classes || b < 0 || b >= n_classes) {
      free(tp);
      return GLIA_FAIL(GLIA_E_DATA, "row %lld: label %lld, predicted %lld, expected 0 to %lld",
                       (long long)i, (long long)a, (long long)b, (long long)n_classes - 1);
    }
    if (a == b) {
      tp[a]++;
    } else {
      others[a]++;
      others[b]++;
    }
  }
  for (int64_t c = 0; c < n_classes; c++) {
    if (tp[c] + others[c] == 0) continue;
    occurring++;
    sum += f1(tp[c], others[c], 0);
  }
  free(tp);
  if (occurring > 0) *out = sum / (double)occurring;
  return GLIA_OK;
}

glia_status glia_metric_ece(int64_t n, const double *confidence, const uint8_t *hit, int n_bins,
                            double *out)
{
  enum { MAX_BINS = 1024 };
  double gap[MAX_BINS] = {0}, sum = 0.0; /* of a bin: hits less confidence, summed */

  *out = NAN;
  GLIA_CHECK(n_bins >= 1 && n_bins <= MAX_BINS, GLIA_E_ARGUMENT, "%d bins, expected 1 to %d",
             n_bins, MAX_BINS);
  for (int64_t i = 0; i < n; i++) {
    const double c = confidence[i];
    GLIA_CHECK(c >= 0.0 && c <= 1.0, GLIA_E_DATA, "confidence %lld is %g, expected 0 to 1",
               (long long)i, c);
    int bin = (int)ceil(c * n_bins) - 1;
    if (bin < 0) bin = 0;
    gap[bin] += (hit[i] != 0 ? 1.0 : 0.0) - c;
  }
  for (int b = 0; b < n_bins; b++) sum += fabs(gap[b]);
  if (n > 0) *out = sum / (double)n;
  return GLIA_OK;
}

static double mean(int64_t n, const double *x)
{
  double sum = 0.0;

  for (int64_t i = 0; i < n; i++) sum += x[i];
  return sum / (double)n;
}

glia_status glia_metric_r2(int64_t n, const double *predicted, const double *target, double *out)
{
  double errors = 0.0, squares = 0.0;

  *out = NAN;
  const double middle = mean(n, target);
  for (int64_t i = 0; i < n; i++) {
    GLIA_TRY(check_number(predicted[i], "prediction", i));
    GLIA_TRY(check_number(target[i], "target", i));
    errors += (target[i] - predicted[i]) * (target[i] - predicted[i]);
    squares += (target[i] - middle) * (target[i] - middle);
  }
  if (squares > 0.0) *out = 1.0 - errors / squares;
  return GLIA_OK;
}

/* Mean rank of each number, from 1 for the largest; x is replaced. */
static glia_status to_ranks(int64_t n, double *x, const char *what)
{
  struct item *item;

  GLIA_TRY(take_items(n, &item));
  for (int64_t i = 0; i < n; i++) {
    const glia_status st = check_number(x[i], what, i);
    if (st != GLIA_OK) {
      free(item);
      return st;
    }
    item[i] = (struct item){x[i], (double)i};
  }
  qsort(item, (size_t)n, sizeof *item, falling);
  for (int64_t i = 0; i < n;) {
    const int64_t end = run_end(item, n, i);
    const double rank = 0.5 * (double)(i + 1 + end);
    for (; i < end; i++) x[(int64_t)item[i].value] = rank;
  }
  free(item);
  return GLIA_OK;
}

glia_status glia_metric_spearman(int64_t n, const double *predicted, const double *target,
                                 double *out)
{
  double *rank = calloc(2 * (size_t)n + 1, sizeof *rank), *other = rank + n;
  double both = 0.0, one = 0.0, two = 0.0;
  glia_status st = GLIA_OK;

  *out = NAN;
  GLIA_CHECK(rank != NULL, GLIA_E_MEMORY, "ranks of %lld numbers", (long long)n);
  for (int64_t i = 0; i < n; i++) {
    rank[i] = predicted[i];
    other[i] = target[i];
  }
  GLIA_TRY_TO(out, st, to_ranks(n, rank, "prediction"));
  GLIA_TRY_TO(out, st, to_ranks(n, other, "target"));
  const double middle = 0.5 * (double)(n + 1);
  for (int64_t i = 0; i < n; i++) {
    both += (rank[i] - middle) * (other[i] - middle);
    one += (rank[i] - middle) * (rank[i] - middle);
    two += (other[i] - middle) * (other[i] - middle);
  }
  if (one > 0.0 && two > 0.0) *out = both / sqrt(one) / sqrt(two);
out:
  free(rank);
  return st;
}

/* One query, its items falling by score: gains [n], each of equal scores the mean of their run's. */
static glia_status sort_query(int64_t n, const double *score, const double *gain, struct item *item)
{
  for (int64_t i = 0; i < n; i++) {
    GLIA_TRY(check_number(score[i], "score", i));
    GLIA_CHECK(gain[i] >= 0.0, GLIA_E_DATA, "gain %lld is %g, expected at least 0", (long long)i,
               gain[i]);
    item[i] = (struct item){score[i], gain[i]};
  }
  qsort(item, (size_t)n, sizeof *item, falling);
  for (int64_t i = 0; i < n;) {
    const int64_t end = run_end(item, n, i);
    double sum = 0.0;
    for (int64_t j = i; j < end; j++) sum += item[j].value;
    for (const double each = sum / (double)(end - i); i < end; i++) item[i].value = each;
  }
  return GLIA_OK;
}

/* What the first k items of an order are worth. */
typedef double (*of_order)(int64_t n, const struct item *item, int64_t k);

static double first_sum(int64_t n, const struct item *item, int64_t k)
{
  double sum = 0.0;

  for (int64_t i = 0; i < n && i < k; i++) sum += item[i].value;
  return sum;
}

static double discounted(int64_t n, const struct item *item, int64_t k)
{
  double sum = 0.0;

  for (int64_t i = 0; i < n && i < k; i++) sum += item[i].value / log2((double)(i + 2));
  return sum;
}

/* Mean over queries of value / best. counts: a relevant item is worth 1, and the best is all of them; else its gain, and the
 * best is that of the first k in the best order. */
static glia_status rank_mean(int64_t n_queries, int64_t n, const double *score, const double *gain,
                             int64_t k, bool counts, of_order value, double *out)
{
  struct item *item;
  double *used = calloc((size_t)n + 1, sizeof *used), sum = 0.0;
  int64_t some = 0;
  glia_status st = GLIA_OK;

  *out = NAN;
  GLIA_CHECK(used != NULL, GLIA_E_MEMORY, "gains of %lld items", (long long)n);
  GLIA_TRY_TO(out, st, take_items(n, &item));
  for (int64_t q = 0; q < n_queries; q++) {
    const double *s = score + q * n, *g = gain + q * n;
    for (int64_t i = 0; i < n; i++) used[i] = counts && g[i] > 0.0 ? 1.0 : g[i];
    GLIA_TRY_TO(items, st, sort_query(n, s, used, item));
    const double have = value(n, item, k);
    GLIA_TRY_TO(items, st, sort_query(n, used, used, item));
    const double best = value(n, item, counts ? n : k);
    if (best == 0.0) continue;
    some++;
    sum += have / best;
  }
  if (some > 0) *out = sum / (double)some;
items:
  free(item);
out:
  free(used);
  return st;
}

glia_status glia_metric_recall_at(int64_t n_queries, int64_t n_items, const double *score,
                                  const double *gain, int64_t k, double *out)
{
  return rank_mean(n_queries, n_items, score, gain, k, true, first_sum, out);
}

glia_status glia_metric_ndcg_at(int64_t n_queries, int64_t n_items, const double *score,
                                const double *gain, int64_t k, double *out)
{
  return rank_mean(n_queries, n_items, score, gain, k, false, discounted, out);
}
