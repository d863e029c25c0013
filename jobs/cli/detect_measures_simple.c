/* Simple detectors to compare with: each is fitted on the training rows alone. */
#include "detect_measures.h"

#include "glia_dense.h"
#include "glia_linear.h"
#include "glia_random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST =
    0.01; /* of a standard deviation: what never moved would make any step infinite */
static const double VARIANCE = 0.99;

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;

  return (x > y) - (x < y);
}

static int64_t train_rows(const struct glia_telemetry_node *node)
{
  return node->train_rows > 0 && node->train_rows < node->n ? node->train_rows : node->n;
}

/* 99th percentile of the scores of training rows. */
static glia_status place(const struct glia_telemetry_node *node, const double *score, double *flag)
{
  const int64_t n = train_rows(node);
  double *v = malloc((size_t)(n + 1) * sizeof *v);

  GLIA_CHECK(v != NULL, GLIA_E_MEMORY, "node %s", node->name);
  memcpy(v, score, (size_t)n * sizeof *v);
  qsort(v, (size_t)n, sizeof *v, by_value);
  *flag = v[(int64_t)(0.99 * (double)(n - 1))];
  free(v);
  return GLIA_OK;
}

/* x [n, metrics]: values less their mean, over spread where `scaled`; what is missing is the mean. */
static glia_status centre(const struct glia_telemetry_node *node, bool scaled, double *x)
{
  const int64_t n = train_rows(node);
  const int m = node->n_metrics;

  for (int j = 0; j < m; j++) {
    double sum = 0.0, squares = 0.0;
    int64_t seen = 0;
    for (int64_t i = 0; i < n; i++) {
      const double v = (double)node->values[i * m + j];
      if (!isfinite(v)) continue;
      sum += v;
      seen++;
    }
    const double mean = seen > 0 ? sum / (double)seen : 0.0;
    for (int64_t i = 0; i < n; i++) {
      const double v = (double)node->values[i * m + j];
      if (isfinite(v)) squares += (v - mean) * (v - mean);
    }
    const double spread = fmax(seen > 0 ? sqrt(squares / (double)seen) : 0.0, LEAST);
    for (int64_t i = 0; i < node->n; i++) {
      const double v = (double)node->values[i * m + j];
      x[i * m + j] = isfinite(v) ? (v - mean) / (scaled ? spread : 1.0) : 0.0;
    }
  }
  return GLIA_OK;
}

glia_status measures_zscore(const struct glia_telemetry_node *node, double *score, double *part,
                            double *flag)
{
  GLIA_TRY(centre(node, true, part));
  for (int64_t i = 0; i < node->n; i++) {
    score[i] = 0.0;
    for (int64_t k = i * node->n_metrics; k < (i + 1) * node->n_metrics; k++) {
      part[k] = fabs(part[k]);
      score[i] = fmax(score[i], part[k]);
    }
  }
  return place(node, score, flag);
}

/* Squared residual of x [m] after the axes v [kept, m]. */
static double residual(int m, int kept, const double *v, double *x)
{
  double sum = 0.0;

  for (int k = 0; k < kept; k++) {
    const double *axis = v + k * m;
    double dot = 0.0;
    for (int j = 0; j < m; j++) dot += axis[j] * x[j];
    for (int j = 0; j < m; j++) x[j] -= dot * axis[j]; /* axes are orthogonal */
  }
  for (int j = 0; j < m; j++) {
    x[j] *= x[j];
    sum += x[j];
  }
  return sum;
}

glia_status measures_pca(const struct glia_telemetry_node *node, double *score, double *part,
                         double *flag)
{
  const int m = node->n_metrics;
  double *v = calloc((size_t)m * (size_t)m + 1, sizeof *v);
  double *value = calloc((size_t)m + 1, sizeof *value);
  double total = 0.0, sum = 0.0;
  int kept = 0;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, v != NULL && value != NULL, GLIA_E_MEMORY, "node %s", node->name);
  GLIA_TRY_TO(out, st, centre(node, false, part));
  glia_linear_gather(train_rows(node), m, m, part, part, v);
  GLIA_TRY_TO(out, st, glia_dense_symmetric(m, v, value, true));
  for (int k = 0; k < m; k++) total += value[k];
  while (kept < m && sum < VARIANCE * total) sum += value[m - 1 - kept++]; /* they rise */
  for (int64_t i = 0; i < node->n; i++)
    score[i] = residual(m, kept, v + (m - kept) * m, part + i * m) / m;
  st = place(node, score, flag);
out:
  free(v);
  free(value);
  return st;
}

/* One hidden layer of a third of the metrics with random weights, as glorot2010 draws them, and a random way back. */
glia_status measures_untrained(const struct glia_telemetry_node *node, double *score, double *part,
                               double *flag)
{
  const int m = node->n_metrics;
  const int hidden = m / 3 > 1 ? m / 3 : 1;
  const uint64_t key = glia_random_stream(1, "untrained");
  const double range = sqrt(6.0 / (m + hidden));
  double *w = malloc(2 * (size_t)m * (size_t)hidden * sizeof *w);
  double *h = malloc((size_t)hidden * sizeof *h);
  double *y = malloc((size_t)m * sizeof *y);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, w != NULL && h != NULL && y != NULL, GLIA_E_MEMORY, "node %s", node->name);
  for (int k = 0; k < 2 * m * hidden; k++)
    w[k] = range * (2.0 * glia_random_uniform(key, 1, (uint64_t)k) - 1.0);
  GLIA_TRY_TO(out, st, centre(node, true, part));
  for (int64_t i = 0; i < node->n; i++) {
    double *x = part + i * m;
    score[i] = 0.0;
    for (int k = 0; k < hidden; k++) {
      h[k] = 0.0;
      for (int j = 0; j < m; j++) h[k] += w[k * m + j] * x[j];
      h[k] = tanh(h[k]);
    }
    for (int j = 0; j < m; j++) {
      y[j] = 0.0;
      for (int k = 0; k < hidden; k++) y[j] += w[(hidden + k) * m + j] * h[k];
    }
    for (int j = 0; j < m; j++) {
      x[j] = (x[j] - y[j]) * (x[j] - y[j]);
      score[i] += x[j] / m;
    }
  }
  st = place(node, score, flag);
out:
  free(w);
  free(h);
  free(y);
  return st;
}

glia_status measures_random(const struct glia_telemetry_node *node, double *score, double *part,
                            double *flag)
{
  const uint64_t key = glia_random_stream(1, "random score");

  for (int64_t i = 0; i < node->n; i++) score[i] = glia_random_uniform(key, 2, (uint64_t)i);
  for (int64_t k = 0; k < node->n * node->n_metrics; k++)
    part[k] = glia_random_uniform(key, 3, (uint64_t)k);
  return place(node, score, flag);
}

static double period_s(const struct glia_telemetry_node *node, double *work)
{
  for (int64_t i = 1; i < node->n; i++)
    work[i - 1] = 1e-9 * (double)(node->time_ns[i] - node->time_ns[i - 1]);
  if (node->n < 2) return 1.0;
  qsort(work, (size_t)node->n - 1, sizeof *work, by_value);
  return work[(node->n - 1) / 2];
}

/* Mean of the last `window` scores at i. */
static double mean_of(const struct glia_telemetry_node *node, const double *own, int64_t i,
                      int window, double longest_s)
{
  double sum = own[i];
  int n = 1;

  for (int64_t k = i - 1; k >= 0 && n < window; k--, n++) {
    if (1e-9 * (double)(node->time_ns[k + 1] - node->time_ns[k]) > longest_s) break;
    sum += own[k];
  }
  return sum / n;
}

glia_status measures_smooth(const struct glia_telemetry_node *node, double *score, double *flag)
{
  double *own = malloc(((size_t)node->n + 1) * sizeof *own);

  GLIA_CHECK(own != NULL, GLIA_E_MEMORY, "node %s", node->name);
  const double period = period_s(node, own);
  const int window = (int)fmax(5.0, fmin(20.0, 1200.0 / period));
  memcpy(own, score, (size_t)node->n * sizeof *own);
  for (int64_t i = 0; i < node->n; i++)
    score[i] =
        sqrt(mean_of(node, own, i, 3, 5.0 * period) * mean_of(node, own, i, window, 5.0 * period));
  free(own);
  return place(node, score, flag);
}
