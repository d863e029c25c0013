/* How a row of telemetry becomes the input of a network: columns that tell something, scaled by what training rows are. */
#include "detect_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A node is unwatched while a metric of its model is gone. What training saw gone for a larger share of its rows would often have
 * it unwatched though nothing is wrong, and is left out. */
#define GONE_MOST 0.01

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;

  return (x > y) - (x < y);
}

double glia_quantile_(int64_t n, double *x, double q)
{
  if (n <= 0) return NAN;
  qsort(x, (size_t)n, sizeof *x, by_value);
  const double at = q * (double)(n - 1);
  const int64_t below = (int64_t)at;
  if (below + 1 >= n) return x[n - 1];
  return x[below] + (at - (double)below) * (x[below + 1] - x[below]);
}

/* Bytes and events per second span many powers of ten. Shares of time (s/s) do not. */
static bool spans_decades(const char *unit)
{
  const size_t n = strlen(unit);

  return n > 2 && strcmp(unit + n - 2, "/s") == 0 && strcmp(unit, "s/s") != 0;
}

/* Beyond 1, or a little more: not a share of something. v [n] is sorted. */
static bool is_no_share(int64_t n, const double *v)
{
  return fmax(fabs(v[0]), fabs(v[n - 1])) > 2.0;
}

/* Levels that wander: bytes in use, and load averages, which are means over minutes. */
static bool wanders(const char *name, const char *unit)
{
  return strcmp(unit, "B") == 0 || strncmp(name, "node_load", 9) == 0;
}

/* Values of a window in time, kept sorted. */
struct window {
  double *sorted;
  int64_t n;
};

/* Where v stands, or would stand. */
static int64_t place(const struct window *w, double v)
{
  int64_t lo = 0;
  int64_t hi = w->n;

  while (lo < hi) {
    const int64_t middle = lo + (hi - lo) / 2;
    if (w->sorted[middle] < v)
      lo = middle + 1;
    else
      hi = middle;
  }
  return lo;
}

static void window_add(struct window *w, double v)
{
  const int64_t at = place(w, v);

  memmove(w->sorted + at + 1, w->sorted + at, (size_t)(w->n - at) * sizeof *w->sorted);
  w->sorted[at] = v;
  w->n++;
}

static void window_remove(struct window *w, double v)
{
  const int64_t at = place(w, v);

  w->n--;
  memmove(w->sorted + at, w->sorted + at + 1, (size_t)(w->n - at) * sizeof *w->sorted);
}

static double window_median(const struct window *w)
{
  return 0.5 * (w->sorted[(w->n - 1) / 2] + w->sorted[w->n / 2]);
}

/* Of one metric: the median of the window_s before each sample; NaN until a fifth of that is there, or where all is missing. */
static void level_of(const struct glia_telemetry_node *node, int metric, double window_s,
                     struct window *w, float *level)
{
  const int width = node->n_metrics;
  int64_t oldest = 0;

  w->n = 0;
  for (int64_t i = 0; i < node->n; i++) {
    const double v = (double)node->values[i * width + metric];
    for (; oldest < i && 1e-9 * (double)(node->time_ns[i] - node->time_ns[oldest]) > window_s;
         oldest++) {
      const double old = (double)node->values[oldest * width + metric];
      if (isfinite(old)) window_remove(w, old);
    }
    const bool filled =
        w->n > 0 && 5e-9 * (double)(node->time_ns[i] - node->time_ns[0]) >= window_s;
    level[i * width + metric] = filled ? (float)window_median(w) : NAN;
    if (isfinite(v)) window_add(w, v);
  }
}

glia_status glia_levels_(const struct glia_telemetry_node *node, double window_s, float **out)
{
  const size_t cells = (size_t)node->n * (size_t)node->n_metrics;
  struct window w = {0};

  *out = NULL;
  if (!(window_s > 0.0)) return GLIA_OK;
  float *level = malloc((cells + 1) * sizeof *level);
  w.sorted = malloc(((size_t)node->n + 1) * sizeof *w.sorted);
  if (level == NULL || w.sorted == NULL) {
    free(level);
    free(w.sorted);
    return GLIA_FAIL(GLIA_E_MEMORY, "%lld samples", (long long)node->n);
  }
  for (int j = 0; j < node->n_metrics; j++) level_of(node, j, window_s, &w, level);
  free(w.sorted);
  *out = level;
  return GLIA_OK;
}

static double bend(bool logarithmic, double v)
{
  return logarithmic ? copysign(log1p(fabs(v)), v) : v;
}

/* What was not seen in n samples comes once in n, for all they tell: no more than this many spreads of a normal distribution. */
static double rarest(int64_t n) { return sqrt(2.0 * log(fmax((double)n, 8.0))); }

double glia_column_least_(const char *unit, double period_s, int64_t n, bool logarithmic)
{
  const bool bytes = strcmp(unit, "B/s") == 0 && !logarithmic;

  if (!spans_decades(unit)) return GLIA_COLUMN_LEAST;
  const double one = (bytes ? 4096.0 : 1.0) / period_s;
  return fmax(GLIA_COLUMN_LEAST, (logarithmic ? log1p(one) : one) / rarest(n));
}

/* Centre and scale of bent values v [n], n >= 1; combined: the scale is at least `least`. */
static void fit_scale(glia_detect_kind kind, int64_t n, double *v, double least, double *centre,
                      double *scale)
{
  double sum = 0.0;
  double squares = 0.0;

  if (kind == GLIA_DETECT_SPARSE) {
    const double lo = glia_quantile_(n, v, 0.0); /* sorts */
    *centre = lo;
    *scale = v[n - 1] - lo;
    return;
  }
  for (int64_t i = 0; i < n; i++) sum += v[i];
  *centre = sum / (double)n;
  for (int64_t i = 0; i < n; i++) squares += (v[i] - *centre) * (v[i] - *centre);
  *scale = sqrt(squares / (double)n);
  if (kind == GLIA_DETECT_COMBINED) {
    *scale = fmax(*scale, least);
    return;
  }
  /* What hardly moves must not shout when it moves a little. */
  *scale = fmax(*scale, 0.01 * fabs(*centre));
}

/* Rows that hold anything, to heard; the count. In others nobody answered, or they were masked. */
static int64_t rows_heard(const struct glia_telemetry_node *node, int64_t n, const int64_t *row,
                          int64_t *heard)
{
  int64_t n_heard = 0;

  for (int64_t i = 0; i < n; i++) {
    bool any = false;
    for (int j = 0; j < node->n_metrics && !any; j++)
      any = isfinite(node->values[row[i] * node->n_metrics + j]);
    if (any) heard[n_heard++] = row[i];
  }
  return n_heard;
}

/* Is a metric gone, as a watch sees it, again and again or at the end, for more than GONE_MOST of the n rows? Before the first row with it there was
 * none of it yet, and one outage is no habit. */
static bool comes_and_goes(const struct glia_telemetry_node *node, int metric, int64_t n,
                           const int64_t *row)
{
  int64_t gone = 0;
  int64_t first = 0; /* of the run of rows without it that ends before i */
  int gaps = 0;

  for (int64_t i = 0; i <= n; i++) {
    if (i < n && !isfinite(node->values[row[i] * node->n_metrics + metric])) continue;
    if (first > 0 && i - first >= GLIA_GONE_ROWS &&
        1e-9 * (double)(node->time_ns[row[i - 1]] - node->time_ns[row[first]]) >= GLIA_GONE_S) {
      gone += i - first;
      gaps += i < n ? 1 : 2; /* nobody has seen it come back */
    }
    first = i + 1;
  }
  return gaps > 1 && (double)gone > GONE_MOST * (double)n;
}

/* Why a metric is not used, or NULL; values of the rows that are not missing, less their level (NULL: 0), go to v, *n_seen of them. */
static const char *look(const struct glia_telemetry_node *node, const float *level, int metric,
                        int64_t n, const int64_t *row, double *v, int64_t *n_seen)
{
  bool constant = true;

  *n_seen = 0;
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = row[i] * node->n_metrics + metric;
    const double x = (double)node->values[at] - (level != NULL ? (double)level[at] : 0.0);
    if (!isfinite(x)) continue;
    v[(*n_seen)++] = x;
    constant = constant && v[*n_seen - 1] == v[0];
  }
  if (*n_seen * 2 < n || *n_seen == 0) return "missing";
  return constant ? "constant" : NULL;
}

/* Which job runs is no quantity. */
static bool is_number_of(const char *name) { return strncmp(name, "glia_job_id{", 12) == 0; }

static glia_status allocate(struct glia_columns *c, int n_all)
{
  const size_t n = (size_t)n_all + 1;

  c->n_all = n_all;
  c->column = calloc(n, sizeof *c->column);
  c->relative = calloc(n, sizeof *c->relative);
  c->logarithmic = calloc(n, sizeof *c->logarithmic);
  c->median = calloc(n, sizeof *c->median);
  c->centre = calloc(n, sizeof *c->centre);
  c->scale = calloc(n, sizeof *c->scale);
  c->lo = calloc(n, sizeof *c->lo);
  c->hi = calloc(n, sizeof *c->hi);
  GLIA_CHECK(c->column != NULL && c->relative != NULL && c->logarithmic != NULL &&
                 c->median != NULL && c->centre != NULL && c->scale != NULL && c->lo != NULL &&
                 c->hi != NULL,
             GLIA_E_MEMORY, "%d columns", n_all);
  return GLIA_OK;
}

static glia_status name_column(struct glia_detect_column *to, const char *name, const char *unit,
                               const char *dropped)
{
  *to = (struct glia_detect_column){strdup(name), strdup(unit), dropped};
  GLIA_CHECK(to->name != NULL && to->unit != NULL, GLIA_E_MEMORY, "column %s", name);
  return GLIA_OK;
}

glia_status glia_columns_fit_(struct glia_columns *c, glia_detect_kind kind, double level_s,
                              const struct glia_telemetry_node *node, const float *level, int64_t n,
                              const int64_t *row)
{
  const double period_s = glia_mix_period_(node->n, node->time_ns);
  double *v = calloc((size_t)n + 1, sizeof *v);
  int64_t *heard = calloc((size_t)n + 1, sizeof *heard);
  glia_status st = GLIA_OK;

  *c = (struct glia_columns){.level_s = level_s};
  if (v == NULL || heard == NULL) {
    st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)n);
    goto out;
  }
  const int64_t n_heard = rows_heard(node, n, row, heard);
  GLIA_TRY_TO(out, st, allocate(c, node->n_metrics));
  int last = node->n_metrics;
  for (int m = 0; m < node->n_metrics; m++) {
    int64_t seen;
    const bool relative = level != NULL && wanders(node->metric[m], node->unit[m]);
    const char *dropped = look(node, relative ? level : NULL, m, n, row, v, &seen);
    if (kind == GLIA_DETECT_COMBINED && dropped != NULL && seen * 2 >= n && seen > 0)
      dropped = NULL; /* what never moved may move one day */
    if (dropped == NULL && comes_and_goes(node, m, n_heard, heard)) dropped = "intermittent";
    if (is_number_of(node->metric[m])) dropped = "identifier";
    const int at = dropped == NULL ? c->n : --last;
    GLIA_TRY_TO(out, st, name_column(&c->column[at], node->metric[m], node->unit[m], dropped));
    if (dropped != NULL) continue;
    c->relative[at] = relative;
    c->median[at] = glia_quantile_(seen, v, 0.5);
    c->logarithmic[at] = kind == GLIA_DETECT_COMBINED
                             ? is_no_share(seen, v)
                             : kind == GLIA_DETECT_BOTTLENECK && spans_decades(node->unit[m]);
    for (int64_t i = 0; i < seen; i++) v[i] = bend(c->logarithmic[at], v[i]);
    fit_scale(kind, seen, v, glia_column_least_(node->unit[m], period_s, n, c->logarithmic[at]),
              &c->centre[at], &c->scale[at]);
    c->lo[at] = -(double)INFINITY; /* as published */
    c->hi[at] = (double)INFINITY;
    if (kind == GLIA_DETECT_BOTTLENECK) {
      c->lo[at] = (glia_quantile_(seen, v, 0.0) - c->centre[at]) / c->scale[at];
      c->hi[at] = (v[seen - 1] - c->centre[at]) / c->scale[at]; /* sorted by now */
    }
    c->n++;
  }
out:
  free(v);
  free(heard);
  return st;
}

const char *glia_columns_reason_(const char *text)
{
  static const char *const known[] = {"constant", "missing", "identifier", "intermittent"};

  for (size_t i = 1; i < GLIA_COUNT(known); i++)
    if (strcmp(text, known[i]) == 0) return known[i];
  return known[0];
}

void glia_columns_free_(struct glia_columns *c)
{
  for (int i = 0; c->column != NULL && i < c->n_all; i++) {
    free((void *)(uintptr_t)c->column[i].name); /* ours; const for those who look */
    free((void *)(uintptr_t)c->column[i].unit);
  }
  free(c->column);
  free(c->relative);
  free(c->logarithmic);
  free(c->median);
  free(c->centre);
  free(c->scale);
  free(c->lo);
  free(c->hi);
  *c = (struct glia_columns){0};
}

glia_status glia_columns_match_(const struct glia_columns *c,
                                const struct glia_telemetry_node *node, int *map)
{
  char lacking[512] = "";
  size_t used = 0;
  int n_lacking = 0;

  for (int j = 0; j < c->n; j++) {
    /* the same place first: most files come from the same agent */
    map[j] = -1;
    for (int k = 0; k < node->n_metrics && map[j] < 0; k++) {
      const int m = (j + k) % node->n_metrics;
      if (strcmp(node->metric[m], c->column[j].name) == 0) map[j] = m;
    }
    if (map[j] >= 0) continue;
    if (n_lacking++ < 5 && used < sizeof lacking)
      used += (size_t)snprintf(lacking + used, sizeof lacking - used, "%s%s",
                               n_lacking > 1 ? ", " : "", c->column[j].name);
  }
  GLIA_CHECK(n_lacking == 0, GLIA_E_DATA,
             "node %s lacks %d of the %d metrics that its model was trained with: %.480s%s",
             node->name, n_lacking, c->n, lacking, n_lacking > 5 ? ", ..." : "");
  return GLIA_OK;
}

int glia_columns_apply_(const struct glia_columns *c, const int *map,
                        const struct glia_telemetry_node *node, const float *level, int64_t row,
                        double clip, float *x, uint8_t *missing)
{
  int n_missing = 0;

  for (int j = 0; j < c->n; j++) {
    const int64_t at = row * node->n_metrics + map[j];
    const double v = (double)node->values[at] - (c->relative[j] ? (double)level[at] : 0.0);
    missing[j] = (uint8_t)!isfinite(v);
    n_missing += !isfinite(node->values[at]);
    const double bent = bend(c->logarithmic[j], missing[j] ? c->median[j] : v);
    const double z = (bent - c->centre[j]) / c->scale[j];
    x[j] = (float)fmin(fmax(z, -clip), clip);
  }
  return n_missing;
}

void glia_columns_limit_(const struct glia_columns *c, int64_t rows, const float *x, float *out)
{
  for (int64_t i = 0; i < rows; i++)
    for (int j = 0; j < c->n; j++)
      out[i * c->n + j] = (float)fmin(fmax((double)x[i * c->n + j], c->lo[j]), c->hi[j]);
}

double glia_columns_invert_(const struct glia_columns *c, int column, double level, double y)
{
  const double bent = c->centre[column] + c->scale[column] * y;

  const double v = c->logarithmic[column] ? copysign(expm1(fmin(fabs(bent), 700.0)), bent) : bent;
  return c->relative[column] ? level + v : v;
}
