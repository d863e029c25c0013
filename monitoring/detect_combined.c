/* The combined detector as a kind of detector: columns and files as the others, its own training and scoring. */
#include "detect_mix.h"
#include "detect_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double FLAG = 0.99; /* quantile of training scores above which a sample is flagged */
static const double TAIL = 0.02; /* the tail that is fitted: this share of the scores, but */
static const double WEEK_S = 604800.0;
static const double TRUST = 100.0; /* a tail says what is once in so many recordings, no more */
enum { TAIL_LEAST = 50, INDEPENDENT = 20 };

/* SEASON: only where the day counts. */
enum { CENTRE, SCALE, SLOW, RESIDUAL, INVERSE, WEIGHT, MEMBERS, FACTS, SEASON, ARRAYS };
static const char *const path[ARRAYS] = {"params/centre",   "params/scale",   "params/slow_scale",
                                         "params/residual", "params/inverse", "params/weight",
                                         "params/members",  "params/facts",   "params/season"};
enum { PERIOD, LEVEL_TAU, SPREAD_TAU, DAILY, N_FACTS };

static struct glia_type type_of(int which, int n, int lags, bool daily)
{
  switch (which) {
  case SEASON:
    return glia_type_make(GLIA_F64, 2, (int64_t[]){GLIA_MIX_BINS, n});
  case INVERSE:
    return glia_type_make(GLIA_F64, 2, (int64_t[]){n, n});
  case WEIGHT:
    return glia_type_make(GLIA_F32, 2, (int64_t[]){glia_mix_inputs_(n, lags, daily), n});
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
                         .lags = d->lags,
                         .period_s = facts[PERIOD],
                         .level_tau = facts[LEVEL_TAU],
                         .spread_tau = facts[SPREAD_TAU],
                         .daily = facts[DAILY] != 0.0,
                         .season = facts[DAILY] != 0.0 ? d->parameter[SEASON].data : NULL,
                         .centre = d->parameter[CENTRE].data,
                         .scale = d->parameter[SCALE].data,
                         .slow_scale = d->parameter[SLOW].data,
                         .residual = d->parameter[RESIDUAL].data,
                         .inverse = d->parameter[INVERSE].data,
                         .weight = d->parameter[WEIGHT].data};
  m->inputs = glia_mix_inputs_(m->n, m->lags, m->daily != 0);
  m->slow_samples = glia_mix_slow_samples_(m->period_s);
  memcpy(m->middle, members, sizeof m->middle);
  memcpy(m->width, members + GLIA_MIX_MEMBERS, sizeof m->width);
}

static glia_status room(struct glia_detector *d, int which, bool daily)
{
  struct glia_array *a = &d->parameter[which];

  *a = (struct glia_array){.type = type_of(which, d->columns.n, d->lags, daily)};
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
  const void *from[ARRAYS] = {m->centre,   m->scale,   m->slow_scale,
                              m->residual, m->inverse, m->weight};
  const double facts[N_FACTS] = {m->period_s, m->level_tau, m->spread_tau, m->daily ? 1.0 : 0.0};
  double members[2 * GLIA_MIX_MEMBERS];

  d->lags = m->lags;
  GLIA_TRY(begin(d));
  memcpy(members, m->middle, sizeof m->middle);
  memcpy(members + GLIA_MIX_MEMBERS, m->width, sizeof m->width);
  from[MEMBERS] = members;
  from[FACTS] = facts;
  from[SEASON] = m->season;
  for (int i = 0; i < (m->daily ? ARRAYS : SEASON); i++) {
    GLIA_TRY(room(d, i, m->daily != 0));
    memcpy(d->parameter[i].data, from[i], glia_type_bytes(&d->parameter[i].type));
  }
  bind(d);
  return GLIA_OK;
}

glia_status glia_combined_bind_(struct glia_detector *d)
{
  d->mix = calloc(1, sizeof *d->mix);
  GLIA_CHECK(d->mix != NULL, GLIA_E_MEMORY, "node %s", d->node);
  bind(d);
  return GLIA_OK;
}

glia_status glia_combined_read_(struct glia_detector *d,
                                glia_status (*get)(void *self, struct glia_array *a), void *self)
{
  bool daily = false;

  GLIA_TRY(begin(d));
  for (int k = 0; k < ARRAYS; k++) {
    const int i = (FACTS + k) % ARRAYS; /* facts first: they tell how many inputs there are */
    if (i == SEASON && !daily) continue;
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
  return GLIA_OK;
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

/* Share of the samples above `from` that begin an excursion: those before which none was above for `window` samples. An alarm is an excursion,
 * not a sample, and scores that are means over a window stay up for one. log_score [n] in the order of time.  Source: smith1994. */
static double begins(int64_t n, const double *log_score, double from, int window)
{
  int64_t above = 0, first = 0, last = -1;

  for (int64_t i = 0; i < n; i++) {
    if (!(log_score[i] > from)) continue;
    first += last < 0 || i - last > window;
    above++;
    last = i;
  }
  return above > 0 ? (double)first / (double)above : 1.0;
}

/* The tail of the logarithms of scores [n] in the order of time, by moments. window: so many neighbours tell the same. work [n].
 * Source: hosking1987. */
static struct glia_tail fit_tail(int64_t n, const double *log_score, int window, double *work)
{
  double sum = 0.0, squares = 0.0;
  int64_t above = 0;

  memcpy(work, log_score, (size_t)n * sizeof *work);
  const double share = fmax(TAIL, fmin(TAIL_LEAST / (double)n, 0.5));
  struct glia_tail t = {glia_quantile_(n, work, 1.0 - share), share, 0.0, 0.0}; /* sorts */
  for (int64_t i = n; i > 0 && work[i - 1] > t.from; i--, above++) {
    sum += work[i - 1] - t.from;
    squares += (work[i - 1] - t.from) * (work[i - 1] - t.from);
  }
  t.share *= begins(n, log_score, t.from, window);
  if (above < 5) return t;
  const double mean = sum / (double)above;
  const double variance = fmax(squares / (double)above - mean * mean, 1e-12);
  /* a heavier tail than this is not learnt from some hundred scores, nor one that ends from a few that say different things */
  const double least = above >= (int64_t)INDEPENDENT * window ? -0.2 : 0.0;
  t.shape = fmin(fmax(0.5 * (1.0 - mean * mean / variance), least), 0.2);
  t.scale = mean * (1.0 - t.shape);
  return t;
}

double glia_detector_budget_least(const struct glia_detector *d)
{
  if (d->mix == NULL || d->rows_train <= 0) return (double)NAN;
  return WEEK_S / (TRUST * (double)d->rows_train * d->mix->period_s);
}

/* Score at which a sample is so rare that the budget is met, at least `flag`. */
double glia_detector_threshold(const struct glia_detector *d, double budget_per_week)
{
  const struct glia_tail *t = &d->tail;

  if (d->mix == NULL || t->share <= 0.0) return (double)NAN;
  const double rate =
      fmax(budget_per_week, glia_detector_budget_least(d)) * d->mix->period_s / WEEK_S;
  double v = t->from;
  if (t->scale > 0.0 && rate < t->share) {
    const double ratio = t->share / rate;
    v += fabs(t->shape) < 1e-6 ? t->scale * log(ratio)
                               : t->scale / t->shape * (pow(ratio, t->shape) - 1.0);
  }
  return fmax(exp(v), d->flag);
}

glia_status glia_detector_set_budget(struct glia_detector *d, double budget_per_week)
{
  const double threshold = glia_detector_threshold(d, budget_per_week);

  GLIA_CHECK(!isnan(threshold), GLIA_E_UNSUPPORTED, "the model of node %s has no budget", d->node);
  d->options.budget_per_week = budget_per_week;
  d->threshold = threshold;
  return GLIA_OK;
}

/* log_score [rows]: NaN where it does not count. */
static glia_status place_thresholds(struct glia_detector *d, int64_t rows, const double *log_score)
{
  double *v = malloc((2 * (size_t)rows + 1) * sizeof *v);
  int64_t n = 0;

  GLIA_CHECK(v != NULL, GLIA_E_MEMORY, "%lld rows", (long long)rows);
  for (int64_t i = 0; i < rows; i++)
    if (!isnan(log_score[i])) v[n++] = log_score[i];
  d->tail = fit_tail(n, v, d->options.window, v + n);
  d->flag = exp(glia_quantile_(n, v, FLAG));
  d->threshold = glia_detector_threshold(d, d->options.budget_per_week);
  free(v);
  return GLIA_OK;
}

glia_status glia_combined_train_(struct glia_detector *d, const struct glia_telemetry_node *node,
                                 int64_t n, const int64_t *row, int64_t rows)
{
  const size_t cells = (size_t)rows * (size_t)d->columns.n + 1;
  const size_t columns = (size_t)d->columns.n + 1;
  const double period_s = glia_mix_period_(node->n, node->time_ns);
  int *map = calloc(columns, sizeof *map);
  float *scaled = malloc(columns * sizeof *scaled);
  uint8_t *missing = malloc(columns);
  uint8_t *use = calloc((size_t)rows + 1, 1);
  double *x = malloc(cells * sizeof *x);
  double *least = malloc(2 * columns * sizeof *least);
  double *log_score = malloc(((size_t)rows + 1) * sizeof *log_score);
  uint8_t *judge = calloc((size_t)rows + 1, 1);
  const struct glia_mix_rows all = {rows, x, node->time_ns, use, judge};
  struct glia_mix m = {0};
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st,
                map != NULL && scaled != NULL && missing != NULL && use != NULL && judge != NULL &&
                    x != NULL && least != NULL && log_score != NULL,
                GLIA_E_MEMORY, "%lld rows", (long long)rows);
  GLIA_TRY_TO(out, st, glia_columns_match_(&d->columns, node, map));
  for (int64_t i = 0; i < n; i++) use[row[i]] = 1;
  for (int64_t i = 0; i < rows; i++)
    scale_row(d, node, map, i, scaled, missing, x + i * d->columns.n);
  for (int j = 0; j < d->columns.n; j++) {
    const double v = glia_column_least_(node->unit[map[j]], period_s, n, d->columns.logarithmic[j]);
    least[j] = v / d->columns.scale[j];
    least[d->columns.n + j] = v > GLIA_COLUMN_LEAST ? least[j] : 0.0; /* an event is not forecast */
  }
  GLIA_TRY_TO(out, st,
              glia_mix_fit_(&m, d->columns.n, &all, least, d->options.faulty, &d->options.window,
                            log_score));
  GLIA_TRY_TO(out, st, keep(d, &m));
  GLIA_TRY_TO(out, st, place_thresholds(d, rows, log_score));
out:
  glia_mix_free_(&m);
  free(map);
  free(scaled);
  free(missing);
  free(use);
  free(judge);
  free(x);
  free(least);
  free(log_score);
  return st;
}

/* What one sample leaves in the result. */
static void put_row(const struct glia_detect_stream *s, int64_t i, struct glia_detect_result *r)
{
  const int n = r->n_columns;
  double most = 0.0;

  for (int j = 0; j < n; j++) {
    const double e = isnan(s->score) ? (double)NAN : s->mix.recent[j];
    r->error[i * n + j] = (float)e;
    r->expected[i * n + j] = isnan(s->score) ? NAN : (float)glia_detect_stream_usual_(s, j);
    most = fmax(most, fabs(e)); /* drops NaN */
  }
  r->max_error[i] = isnan(s->score) ? NAN : (float)most;
}

glia_status glia_combined_score_(struct glia_detector *d, const struct glia_telemetry_node *node,
                                 struct glia_detect_result *r)
{
  struct glia_detect_stream *s;

  GLIA_TRY(glia_detect_stream_open(d, node->n_metrics, (const char *const *)node->metric, &s));
  for (int64_t i = 0; i < r->n; i++) {
    (void)glia_detect_stream_push(s, node->time_ns[i], node->values + i * node->n_metrics);
    r->score[i] = (float)s->score;
    r->n_imputed += s->n_missing;
    r->n_scored += !isnan(s->score);
    put_row(s, i, r);
  }
  r->n_stolen = s->n_stolen;
  glia_detect_stream_close(&s);
  return GLIA_OK;
}

/* ---- one sample after the other */

glia_status glia_detect_stream_open(struct glia_detector *d, int n_metrics,
                                    const char *const *metric, struct glia_detect_stream **out)
{
  const struct glia_telemetry_node like = {
      .name = d->node, .n_metrics = n_metrics, .metric = (char **)(uintptr_t)metric};
  const size_t n = (size_t)d->columns.n + 1;
  struct glia_detect_stream *s = NULL;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(d->mix != NULL, GLIA_E_UNSUPPORTED,
             "node %s: models of the kind %s score files, not one sample after the other", d->node,
             glia_detect_kind_name(d->options.kind));
  s = calloc(1, sizeof *s);
  GLIA_CHECK(s != NULL, GLIA_E_MEMORY, "node %s", d->node);
  s->detector = d;
  s->n_metrics = n_metrics;
  s->map = calloc(n, sizeof *s->map);
  s->scaled = malloc(n * sizeof *s->scaled);
  s->missing = malloc(n);
  s->x = malloc(n * sizeof *s->x);
  s->part = calloc(n, sizeof *s->part);
  s->ranked = calloc(n, sizeof *s->ranked);
  GLIA_CHECK_TO(fail, st,
                s->map != NULL && s->scaled != NULL && s->missing != NULL && s->x != NULL &&
                    s->part != NULL && s->ranked != NULL,
                GLIA_E_MEMORY, "node %s", d->node);
  GLIA_TRY_TO(fail, st, glia_columns_match_(&d->columns, &like, s->map));
  GLIA_TRY_TO(fail, st, glia_steal_open_(&s->steal, n_metrics, metric));
  GLIA_TRY_TO(fail, st, glia_mix_stream_open_(&s->mix, d->mix));
  *out = s;
  return GLIA_OK;

fail:
  glia_detect_stream_close(&s);
  return st;
}

void glia_detect_stream_close(struct glia_detect_stream **stream)
{
  struct glia_detect_stream *s = *stream;

  if (s == NULL) return;
  glia_mix_stream_close_(&s->mix);
  glia_steal_close_(&s->steal);
  free(s->map);
  free(s->scaled);
  free(s->missing);
  free(s->x);
  free(s->part);
  free(s->ranked);
  free(s);
  *stream = NULL;
}

double glia_detect_stream_usual_(const struct glia_detect_stream *s, int j)
{
  return glia_columns_invert_(&s->detector->columns, j, 0.0, glia_mix_stream_usual_(&s->mix, j));
}

/* The alarm grows by this sample. */
static void note(struct glia_detect_stream *s, int64_t time_ns, const float *values)
{
  const int n = s->detector->columns.n;

  if (s->alarming.above == 0) return;
  if (s->begins) {
    glia_blames_clear_(n, s->part);
    s->alarm = (struct glia_detect_alarm){.start_ns = time_ns};
    s->begins = false;
  }
  s->alarm.end_ns = time_ns;
  s->alarm.peak = fmax(s->alarm.peak, s->score);
  for (int j = 0; j < n; j++)
    glia_blame_add_(s->detector, &s->part[j], (double)(float)s->mix.recent[j],
                    (double)values[s->map[j]], glia_detect_stream_usual_(s, j));
}

bool glia_detect_stream_push(struct glia_detect_stream *s, int64_t time_ns, const float *values)
{
  const struct glia_detector *d = s->detector;
  const struct glia_telemetry_node row = {
      .n = 1, .n_metrics = s->n_metrics, .values = (float *)(uintptr_t)values};
  const bool on = s->alarming.above >= d->options.persistence;

  s->n_missing = scale_row(d, &row, s->map, 0, s->scaled, s->missing, s->x);
  s->score = (double)NAN;
  if (2 * s->n_missing > d->columns.n) return on;
  if (glia_stolen_(&s->steal, values)) {
    s->n_stolen++;
    return on;
  }
  /* as files keep it */
  s->score = (double)(float)glia_mix_stream_push_(&s->mix, time_ns, s->x, on, d->options.window);
  s->begins = s->alarming.above == 0;
  const bool now_on = glia_alarming_push_(&s->alarming, d, s->score);
  note(s, time_ns, values);
  return now_on;
}

int64_t glia_detect_stream_stolen(const struct glia_detect_stream *s) { return s->n_stolen; }

double glia_detect_stream_score(const struct glia_detect_stream *s) { return s->score; }

const struct glia_detect_alarm *glia_detect_stream_alarm(struct glia_detect_stream *s)
{
  const size_t n = (size_t)s->detector->columns.n;

  memcpy(s->ranked, s->part, n * sizeof *s->part);
  glia_blames_rank_(s->detector, (int)n, s->ranked, &s->alarm);
  return &s->alarm;
}
