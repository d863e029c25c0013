/* How a row of telemetry becomes the input of a network: columns that tell something, scaled by what training rows are. */
#include "detect_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static double bend(bool logarithmic, double v)
{
  return logarithmic ? copysign(log1p(fabs(v)), v) : v;
}

/* Centre and scale of bent values v [n], n >= 1. */
static void fit_scale(glia_detect_kind kind, int64_t n, double *v, double *centre, double *scale)
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
  /* What hardly moves must not shout when it moves a little. */
  const double least = 0.01 * fabs(*centre);
  if (*scale < least) *scale = least;
}

/* Why a metric is not used, or NULL; values of the rows that are not missing go to v, *n_seen of them. */
static const char *look(const struct glia_telemetry_node *node, int metric, int64_t n,
                        const int64_t *row, double *v, int64_t *n_seen)
{
  bool constant = true;

  *n_seen = 0;
  for (int64_t i = 0; i < n; i++) {
    const float x = node->values[row[i] * node->n_metrics + metric];
    if (!isfinite(x)) continue;
    v[(*n_seen)++] = (double)x;
    constant = constant && v[*n_seen - 1] == v[0];
  }
  if (*n_seen * 2 < n || *n_seen == 0) return "missing";
  return constant ? "constant" : NULL;
}

static glia_status allocate(struct glia_columns *c, int n_all)
{
  const size_t n = (size_t)n_all + 1;

  c->n_all = n_all;
  c->column = calloc(n, sizeof *c->column);
  c->logarithmic = calloc(n, sizeof *c->logarithmic);
  c->median = calloc(n, sizeof *c->median);
  c->centre = calloc(n, sizeof *c->centre);
  c->scale = calloc(n, sizeof *c->scale);
  GLIA_CHECK(c->column != NULL && c->logarithmic != NULL && c->median != NULL &&
                 c->centre != NULL && c->scale != NULL,
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

glia_status glia_columns_fit_(struct glia_columns *c, glia_detect_kind kind,
                              const struct glia_telemetry_node *node, int64_t n, const int64_t *row)
{
  double *v = calloc((size_t)n + 1, sizeof *v);
  glia_status st = GLIA_OK;

  *c = (struct glia_columns){0};
  GLIA_CHECK(v != NULL, GLIA_E_MEMORY, "%lld rows", (long long)n);
  GLIA_TRY_TO(out, st, allocate(c, node->n_metrics));
  int last = node->n_metrics;
  for (int m = 0; m < node->n_metrics; m++) {
    int64_t seen;
    const char *dropped = look(node, m, n, row, v, &seen);
    const int at = dropped == NULL ? c->n : --last;
    GLIA_TRY_TO(out, st, name_column(&c->column[at], node->metric[m], node->unit[m], dropped));
    if (dropped != NULL) continue;
    c->median[at] = glia_quantile_(seen, v, 0.5);
    c->logarithmic[at] = kind == GLIA_DETECT_BOTTLENECK && spans_decades(node->unit[m]);
    for (int64_t i = 0; i < seen; i++) v[i] = bend(c->logarithmic[at], v[i]);
    fit_scale(kind, seen, v, &c->centre[at], &c->scale[at]);
    c->n++;
  }
out:
  free(v);
  return st;
}

void glia_columns_free_(struct glia_columns *c)
{
  for (int i = 0; c->column != NULL && i < c->n_all; i++) {
    free((void *)(uintptr_t)c->column[i].name); /* ours; const for those who look */
    free((void *)(uintptr_t)c->column[i].unit);
  }
  free(c->column);
  free(c->logarithmic);
  free(c->median);
  free(c->centre);
  free(c->scale);
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
                        const struct glia_telemetry_node *node, int64_t row, double clip, float *x,
                        uint8_t *missing)
{
  int n_missing = 0;

  for (int j = 0; j < c->n; j++) {
    const float v = node->values[row * node->n_metrics + map[j]];
    missing[j] = (uint8_t)!isfinite(v);
    n_missing += missing[j];
    const double bent = bend(c->logarithmic[j], missing[j] ? c->median[j] : (double)v);
    const double z = (bent - c->centre[j]) / c->scale[j];
    x[j] = (float)fmin(fmax(z, -clip), clip);
  }
  return n_missing;
}

double glia_columns_invert_(const struct glia_columns *c, int column, double y)
{
  const double bent = c->centre[column] + c->scale[column] * y;

  return c->logarithmic[column] ? copysign(expm1(fmin(fabs(bent), 700.0)), bent) : bent;
}
