/* The combined detector as a kind of detector: columns and files as the others, its own training and scoring. */
#include "detect_mix.h"
#include "detect_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double FLAG = 0.99; /* quantile of training scores above which a sample is flagged */
static const double TAIL = 0.98; /* the tail that is fitted begins here */
static const double WEEK_S = 604800.0;
static const double CLEAR = 0.8;

enum { SEASON, CENTRE, SCALE, SLOW, RESIDUAL, WEIGHT, MEMBERS, FACTS, ARRAYS };
static const char *const path[ARRAYS] = {"params/season",     "params/centre",   "params/scale",
                                         "params/slow_scale", "params/residual", "params/weight",
                                         "params/members",    "params/facts"};
enum { PERIOD, LEVEL_TAU, SPREAD_TAU, DAILY, N_FACTS };

static struct glia_type type_of(int which, int n, bool daily)
{
  const int64_t inputs = GLIA_MIX_LAGS * n + (daily ? n + GLIA_MIX_PHASES : 0);

  switch (which) {
  case SEASON:
    return glia_type_make(GLIA_F64, 2, (int64_t[]){GLIA_MIX_BINS, n});
  case WEIGHT:
    return glia_type_make(GLIA_F64, 2, (int64_t[]){inputs, n});
  case MEMBERS:
    return glia_type_make(GLIA_F64, 2, (int64_t[]){2, GLIA_MIX_MEMBERS});
  case FACTS:
    return glia_type_make(GLIA_F64, 1, (int64_t[]){N_FACTS});
  default:
    return glia_type_make(GLIA_F64, 1, (int64_t[]){n});
  }
}

/* The mix looks at the detector's arrays. */
static void bind(struct glia_detector *d)
{
  const double *facts = d->parameter[FACTS].data;
  const double *members = d->parameter[MEMBERS].data;
  struct glia_mix *m = d->mix;

  *m = (struct glia_mix){.n = d->columns.n,
                         .period_s = facts[PERIOD],
                         .level_tau = facts[LEVEL_TAU],
                         .spread_tau = facts[SPREAD_TAU],
                         .daily = facts[DAILY] != 0.0,
                         .season = d->parameter[SEASON].data,
                         .centre = d->parameter[CENTRE].data,
                         .scale = d->parameter[SCALE].data,
                         .slow_scale = d->parameter[SLOW].data,
                         .residual = d->parameter[RESIDUAL].data,
                         .weight = d->parameter[WEIGHT].data};
  m->inputs = GLIA_MIX_LAGS * m->n + (m->daily ? m->n + GLIA_MIX_PHASES : 0);
  m->slow_samples = glia_mix_slow_samples_(m->period_s);
  memcpy(m->middle, members, sizeof m->middle);
  memcpy(m->width, members + GLIA_MIX_MEMBERS, sizeof m->width);
}

static glia_status room(struct glia_detector *d, int which, bool daily)
{
  struct glia_array *a = &d->parameter[which];

  *a = (struct glia_array){.type = type_of(which, d->columns.n, daily)};
  a->path = strdup(path[which]);
  a->data = malloc(glia_type_bytes(&a->type) + 1);
  d->n_parameters = d->n_parameters > which + 1 ? d->n_parameters : which + 1;
  GLIA_CHECK(a->path != NULL && a->data != NULL, GLIA_E_MEMORY, "%s", path[which]);
  return GLIA_OK;
}

static glia_status begin(struct glia_detector *d)
{
  d->parameter = calloc(ARRAYS, sizeof *d->parameter);
  d->mix = calloc(1, sizeof *d->mix);
  GLIA_CHECK(d->parameter != NULL && d->mix != NULL, GLIA_E_MEMORY, "node %s", d->node);
  return GLIA_OK;
}

static glia_status keep(struct glia_detector *d, const struct glia_mix *m)
{
  const void *from[ARRAYS] = {m->season,     m->centre,   m->scale,
                              m->slow_scale, m->residual, m->weight};
  const double facts[N_FACTS] = {m->period_s, m->level_tau, m->spread_tau, m->daily ? 1.0 : 0.0};
  double members[2 * GLIA_MIX_MEMBERS];

  GLIA_TRY(begin(d));
  memcpy(members, m->middle, sizeof m->middle);
  memcpy(members + GLIA_MIX_MEMBERS, m->width, sizeof m->width);
  from[MEMBERS] = members;
  from[FACTS] = facts;
  for (int i = 0; i < ARRAYS; i++) {
    GLIA_TRY(room(d, i, m->daily != 0));
    memcpy(d->parameter[i].data, from[i], glia_type_bytes(&d->parameter[i].type));
  }
  bind(d);
  return glia_parameters_sha256(d->n_parameters, d->parameter, d->sha256);
}

glia_status glia_combined_read_(struct glia_detector *d,
                                glia_status (*get)(void *self, struct glia_array *a), void *self)
{
  bool daily = false;

  GLIA_TRY(begin(d));
  for (int i = ARRAYS - 1; i >= 0; i--) { /* facts first: they tell how many inputs there are */
    GLIA_TRY(room(d, i, daily));
    GLIA_TRY(get(self, &d->parameter[i]));
    const double *v = d->parameter[i].data;
    if (i == FACTS) daily = v[DAILY] != 0.0;
    GLIA_CHECK(i != FACTS || (v[PERIOD] > 0.0 && v[LEVEL_TAU] >= 1.0 && v[SPREAD_TAU] >= 1.0),
               GLIA_E_DATA, "model of node %s: a period of %g s", d->node, v[PERIOD]);
    for (int j = 0; (i == SCALE || i == SLOW || i == RESIDUAL) && j < d->columns.n; j++)
      GLIA_CHECK(v[j] > 0.0, GLIA_E_DATA, "model of node %s: %s is %g", d->node, path[i], v[j]);
  }
  bind(d);
  return glia_parameters_sha256(d->n_parameters, d->parameter, d->sha256);
}

/* Scaled sample `row`; NaN where missing. Returns how many are missing. */
static int scale_row(const struct glia_detector *d, const struct glia_telemetry_node *node,
                     const int *map, int64_t row, float *x, uint8_t *missing, double *out)
{
  const int n =
      glia_columns_apply_(&d->columns, map, node, NULL, row, GLIA_DETECT_CLIP_SCORE, x, missing);

  for (int j = 0; j < d->columns.n; j++) out[j] = missing[j] ? (double)NAN : (double)x[j];
  return n;
}

/* Score at which a sample is so rare that the budget is met: a generalised Pareto tail, by moments, of the logarithms
 * above a high quantile. Source: hosking1987. */
static double tail_threshold(int64_t n, double *log_score, double rate)
{
  const double u = glia_quantile_(n, log_score, TAIL); /* sorts */
  const double share = 1.0 - TAIL;
  double sum = 0.0, squares = 0.0;
  int64_t above = 0;

  for (int64_t i = n; i > 0 && log_score[i - 1] > u; i--, above++) {
    sum += log_score[i - 1] - u;
    squares += (log_score[i - 1] - u) * (log_score[i - 1] - u);
  }
  if (above < 5 || rate >= share) return u;
  const double mean = sum / (double)above;
  const double variance = fmax(squares / (double)above - mean * mean, 1e-12);
  /* a heavier tail than this is not learnt from some hundred scores */
  const double shape = fmin(fmax(0.5 * (1.0 - mean * mean / variance), -0.2), 0.2);
  const double scale = mean * (1.0 - shape);
  const double ratio = share / rate;
  return u + (fabs(shape) < 1e-6 ? scale * log(ratio) : scale / shape * (pow(ratio, shape) - 1.0));
}

static glia_status place_thresholds(struct glia_detector *d, int64_t rows, const double *x,
                                    const int64_t *time_ns, const uint8_t *use)
{
  struct glia_mix_stream s;
  double *v = malloc((size_t)(rows + 1) * sizeof *v);
  int64_t n = 0;

  if (v == NULL) return GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)rows);
  glia_status st = glia_mix_stream_open_(&s, d->mix);
  for (int64_t i = 0; i < rows && st == GLIA_OK; i++) {
    if (!use[i]) continue;
    v[n++] =
        log(glia_mix_stream_push_(&s, time_ns[i], x + i * d->columns.n, false, d->options.window));
  }
  if (st == GLIA_OK) {
    const double rate = d->options.budget_per_week * d->mix->period_s / WEEK_S;
    d->flag = exp(glia_quantile_(n, v, FLAG));
    d->threshold = fmax(exp(tail_threshold(n, v, rate)), d->flag);
  }
  glia_mix_stream_close_(&s);
  free(v);
  return st;
}

glia_status glia_combined_train_(struct glia_detector *d, const struct glia_telemetry_node *node,
                                 int64_t n, const int64_t *row, int64_t rows)
{
  const size_t cells = (size_t)rows * (size_t)d->columns.n + 1;
  const size_t columns = (size_t)d->columns.n + 1;
  int *map = calloc(columns, sizeof *map);
  float *scaled = malloc(columns * sizeof *scaled);
  uint8_t *missing = malloc(columns);
  uint8_t *use = calloc((size_t)rows + 1, 1);
  double *x = malloc(cells * sizeof *x);
  double *least = malloc(columns * sizeof *least);
  struct glia_mix m = {0};
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st,
                map != NULL && scaled != NULL && missing != NULL && use != NULL && x != NULL &&
                    least != NULL,
                GLIA_E_MEMORY, "%lld rows", (long long)rows);
  GLIA_TRY_TO(out, st, glia_columns_match_(&d->columns, node, map));
  for (int64_t i = 0; i < n; i++) use[row[i]] = 1;
  for (int64_t i = 0; i < rows; i++)
    scale_row(d, node, map, i, scaled, missing, x + i * d->columns.n);
  for (int j = 0; j < d->columns.n; j++) least[j] = GLIA_COLUMN_LEAST / d->columns.scale[j];
  GLIA_TRY_TO(out, st, glia_mix_fit_(&m, d->columns.n, rows, x, node->time_ns, use, least));
  GLIA_TRY_TO(out, st, keep(d, &m));
  GLIA_TRY_TO(out, st, place_thresholds(d, rows, x, node->time_ns, use));
out:
  glia_mix_free_(&m);
  free(map);
  free(scaled);
  free(missing);
  free(use);
  free(x);
  free(least);
  return st;
}

/* What one sample leaves in the result. */
static void put_row(const struct glia_detector *d, const struct glia_mix_stream *s, int64_t i,
                    struct glia_detect_result *r)
{
  const int n = r->n_columns;
  double most = 0.0;

  for (int j = 0; j < n; j++) {
    r->error[i * n + j] = (float)s->recent[j];
    r->expected[i * n + j] =
        (float)glia_columns_invert_(&d->columns, j, 0.0, glia_mix_stream_usual_(s, j));
    most = fmax(most, fabs(s->recent[j])); /* drops NaN */
  }
  r->max_error[i] = (float)most;
}

glia_status glia_combined_score_(struct glia_detector *d, const struct glia_telemetry_node *node,
                                 const int *map, struct glia_detect_result *r)
{
  const size_t n = (size_t)r->n_columns;
  struct glia_mix_stream s;
  float *scaled = malloc((n + 1) * sizeof *scaled);
  uint8_t *missing = malloc(n + 1);
  double *x = malloc((n + 1) * sizeof *x);
  int above = 0;
  glia_status st = glia_mix_stream_open_(&s, d->mix);

  if (st == GLIA_OK && (scaled == NULL || missing == NULL || x == NULL))
    st = GLIA_FAIL(GLIA_E_MEMORY, "%zu columns", n);
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    const int n_missing = scale_row(d, node, map, i, scaled, missing, x);
    const bool on = above >= d->options.persistence;
    r->n_imputed += n_missing;
    r->score[i] = r->max_error[i] = NAN;
    if (2 * n_missing > r->n_columns) {
      for (size_t j = 0; j < n; j++)
        r->error[(size_t)i * n + j] = r->expected[(size_t)i * n + j] = NAN;
      continue;
    }
    r->score[i] = (float)glia_mix_stream_push_(&s, node->time_ns[i], x, on, d->options.window);
    put_row(d, &s, i, r);
    r->n_scored++;
    /* as alarms are found afterwards, from the same float32 scores */
    const double score = (double)r->score[i];
    const bool high = score > d->threshold || (on && score >= CLEAR * d->threshold);
    above = !high ? 0 : on ? above : above + 1;
  }
  glia_mix_stream_close_(&s);
  free(scaled);
  free(missing);
  free(x);
  return st;
}
