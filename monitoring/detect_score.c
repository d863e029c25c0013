/* Scores of samples, and the alarms that they make. */
#include "detect_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An alarm ends where the score falls below this share of the threshold. */
static const double CLEAR = 0.8;
/* Samples further apart than this many usual periods are no neighbours. */
enum { GAP_PERIODS = 5 };

static glia_status allocate(struct glia_detect_result *r, int64_t n, int columns)
{
  const size_t cells = (size_t)n * (size_t)columns + 1;

  r->n = n;
  r->n_columns = columns;
  r->score = malloc((size_t)(n + 1) * sizeof *r->score);
  r->max_error = malloc((size_t)(n + 1) * sizeof *r->max_error);
  r->error = malloc(cells * sizeof *r->error);
  r->expected = malloc(cells * sizeof *r->expected);
  GLIA_CHECK(r->score != NULL && r->max_error != NULL && r->error != NULL && r->expected != NULL,
             GLIA_E_MEMORY, "%lld samples of %d metrics", (long long)n, columns);
  return GLIA_OK;
}

void glia_detect_result_free(struct glia_detect_result *r)
{
  free(r->score);
  free(r->max_error);
  free(r->error);
  free(r->expected);
  free(r->alarm);
  *r = (struct glia_detect_result){0};
}

/* Usual time between samples. */
static double period_ns(const struct glia_telemetry_node *node)
{
  double *v = malloc((size_t)(node->n + 1) * sizeof *v);

  if (v == NULL) return (double)INFINITY; /* then no gap is seen */
  for (int64_t i = 1; i < node->n; i++)
    v[i - 1] = (double)(node->time_ns[i] - node->time_ns[i - 1]);
  const double period = node->n > 1 ? glia_quantile_(node->n - 1, v, 0.5) : (double)INFINITY;
  free(v);
  return period;
}

/* score[i] becomes the mean of the last `window` scores that have no gap between them. own [n] is work space. */
static void smooth(const struct glia_telemetry_node *node, int window, float *score, float *own)
{
  const double longest = GAP_PERIODS * period_ns(node);

  memcpy(own, score, (size_t)node->n * sizeof *own);
  for (int64_t i = 0; i < node->n; i++) {
    double sum = 0.0;
    int n = 0;
    if (isnan(own[i])) continue;
    for (int64_t k = i; k >= 0 && k > i - window; k--) {
      if (k < i && (double)(node->time_ns[k + 1] - node->time_ns[k]) > longest) break;
      if (isnan(own[k])) continue;
      sum += (double)own[k];
      n++;
    }
    score[i] = (float)(sum / n);
  }
}

/* Errors and expectations of row i from input x and output y, both [n_columns], and levels by metric of the node; its score and its largest error. */
static void score_row(const struct glia_detector *d, const int *map, int64_t i, const float *x,
                      const float *y, const float *level, const uint8_t *missing, int n_missing,
                      bool stolen, struct glia_detect_result *r)
{
  const int n = r->n_columns;
  float *e = r->error + i * n;

  for (int j = 0; j < n; j++) {
    e[j] = missing[j] ? NAN : x[j] - y[j];
    r->expected[i * n + j] = (float)glia_columns_invert_(
        &d->columns, j, level != NULL ? (double)level[map[j]] : 0.0, (double)y[j]);
  }
  r->n_imputed += n_missing;
  const bool scored = 2 * n_missing <= n && !stolen;
  r->n_scored += scored;
  r->n_stolen += stolen;
  r->score[i] = scored ? (float)glia_row_score_(d, e) : NAN;
  r->max_error[i] = scored ? (float)glia_row_max_(d, e) : NAN;
}

static glia_status score_rows(struct glia_detector *d, const struct glia_telemetry_node *node,
                              const int *map, struct glia_detect_result *r)
{
  const int n = r->n_columns;
  float *x = r->error; /* the input stands where its error will be */
  uint8_t *missing = malloc((size_t)n + 1);
  struct glia_steal steal = {0};
  float *level = NULL;
  float *y = malloc(((size_t)r->n * (size_t)n + (size_t)r->n + 1) * sizeof *y);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, missing != NULL && y != NULL, GLIA_E_MEMORY, "%lld samples",
                (long long)r->n);
  GLIA_TRY_TO(out, st,
              glia_steal_open_(&steal, node->n_metrics, (const char *const *)node->metric));
  GLIA_TRY_TO(out, st, glia_levels_(node, d->columns.level_s, &level));
  for (int64_t i = 0; i < r->n; i++)
    glia_columns_apply_(&d->columns, map, node, level, i, GLIA_DETECT_CLIP_SCORE, x + i * n,
                        missing);
  glia_columns_limit_(&d->columns, r->n, x, y);
  GLIA_TRY_TO(out, st, glia_net_predict_(&d->net, r->n, n, y, y));
  for (int64_t i = 0; i < r->n; i++) {
    const int n_missing = glia_columns_apply_(&d->columns, map, node, level, i,
                                              GLIA_DETECT_CLIP_SCORE, x + i * n, missing);
    score_row(d, map, i, x + i * n, y + i * n, level != NULL ? level + i * node->n_metrics : NULL,
              missing, n_missing, glia_stolen_(&steal, node->values + i * node->n_metrics), r);
  }
  smooth(node, d->options.window, r->score, y);
out:
  glia_steal_close_(&steal);
  free(missing);
  free(level);
  free(y);
  return st;
}

glia_status glia_detector_score(struct glia_detector *d, const struct glia_telemetry_node *node,
                                struct glia_detect_result *out)
{
  int *map = calloc((size_t)d->columns.n + 1, sizeof *map);
  glia_status st = GLIA_OK;

  *out = (struct glia_detect_result){.threshold = d->threshold, .flag = d->flag};
  GLIA_CHECK(map != NULL, GLIA_E_MEMORY, "%d columns", d->columns.n);
  GLIA_TRY_TO(out, st, glia_columns_match_(&d->columns, node, map));
  GLIA_TRY_TO(out, st, allocate(out, node->n, d->columns.n));
  GLIA_TRY_TO(out, st,
              d->options.kind == GLIA_DETECT_COMBINED ? glia_combined_score_(d, node, out)
                                                      : score_rows(d, node, map, out));
  GLIA_TRY_TO(out, st, glia_alarms_find_(d, node, map, out));
out:
  free(map);
  if (st != GLIA_OK) glia_detect_result_free(out);
  return st;
}

glia_status glia_detector_mask_alarms(struct glia_detector *d, struct glia_telemetry_node *node,
                                      int64_t *masked)
{
  struct glia_detect_result r;

  *masked = 0;
  GLIA_TRY(glia_detector_score(d, node, &r));
  for (int64_t k = 0; k < r.n_alarms; k++)
    for (int64_t i = r.alarm[k].first; i <= r.alarm[k].last; i++, ++*masked)
      for (int j = 0; j < node->n_metrics; j++) node->values[i * node->n_metrics + j] = NAN;
  glia_detect_result_free(&r);
  return GLIA_OK;
}

/* ---- alarms */

bool glia_alarming_push_(struct glia_alarming *a, const struct glia_detector *d, double score)
{
  const bool on = a->above >= d->options.persistence;

  if (isnan(score)) return on;
  if (!(score > d->threshold || (on && score >= CLEAR * d->threshold)))
    a->above = 0;
  else if (!on)
    a->above++;
  return a->above >= d->options.persistence;
}

static int by_size(const void *a, const void *b)
{
  const struct glia_blame *x = a;
  const struct glia_blame *y = b;

  if (x->size != y->size) return x->size < y->size ? 1 : -1;
  return (x->column > y->column) - (x->column < y->column);
}

void glia_blames_clear_(int n, struct glia_blame *part)
{
  for (int j = 0; j < n; j++) part[j] = (struct glia_blame){.column = j};
}

void glia_blame_add_(const struct glia_detector *d, struct glia_blame *part, double e,
                     double observed, double expected)
{
  if (!isnan(e)) part->size += d->options.kind == GLIA_DETECT_COMBINED ? fabs(e) : fmin(e * e, 1e4);
  if (!isfinite(observed) || !isfinite(expected)) return;
  part->observed += observed;
  part->expected += expected;
  part->n++;
}

void glia_blames_rank_(const struct glia_detector *d, int n, struct glia_blame *part,
                       struct glia_detect_alarm *a)
{
  double total = 0.0;

  for (int j = 0; j < n; j++) total += part[j].size;
  qsort(part, (size_t)n, sizeof *part, by_size);
  a->n_causes = 0;
  for (int k = 0; k < n && k < GLIA_DETECT_CAUSES && part[k].size > 0.0; k++) {
    const struct glia_detect_column *column = &d->columns.column[part[k].column];
    a->cause[a->n_causes++] =
        (struct glia_detect_cause){.column = part[k].column,
                                   .metric = column->name,
                                   .unit = column->unit,
                                   .observed = part[k].observed / (double)part[k].n,
                                   .expected = part[k].expected / (double)part[k].n,
                                   .share = part[k].size / total};
  }
}

static void find_causes(const struct glia_detector *d, const struct glia_telemetry_node *node,
                        const int *map, const struct glia_detect_result *r, struct glia_blame *part,
                        struct glia_detect_alarm *a)
{
  glia_blames_clear_(r->n_columns, part);
  for (int64_t i = a->first; i <= a->last; i++)
    for (int j = 0; j < r->n_columns; j++)
      glia_blame_add_(d, &part[j], (double)r->error[i * r->n_columns + j],
                      (double)node->values[i * node->n_metrics + map[j]],
                      (double)r->expected[i * r->n_columns + j]);
  glia_blames_rank_(d, r->n_columns, part, a);
}

static glia_status add_alarm(struct glia_detect_result *r, const struct glia_telemetry_node *node,
                             int64_t first, int64_t raised, int64_t last)
{
  struct glia_detect_alarm *more = realloc(r->alarm, (size_t)(r->n_alarms + 1) * sizeof *more);

  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%lld alarms", (long long)r->n_alarms);
  r->alarm = more;
  struct glia_detect_alarm *a = &more[r->n_alarms++];
  *a = (struct glia_detect_alarm){.first = first,
                                  .last = last,
                                  .raised = raised,
                                  .start_ns = node->time_ns[first],
                                  .end_ns = node->time_ns[last]};
  for (int64_t i = first; i <= last; i++) a->peak = fmax(a->peak, (double)r->score[i]);
  r->n_alarmed += last - first + 1;
  return GLIA_OK;
}

/* A sample without a score says nothing either way. */
glia_status glia_alarms_find_(const struct glia_detector *d, const struct glia_telemetry_node *node,
                              const int *map, struct glia_detect_result *r)
{
  struct glia_blame *part = malloc((size_t)(r->n_columns + 1) * sizeof *part);
  struct glia_alarming alarming = {0};
  int64_t first = -1, last = -1, raised = -1;
  glia_status st = GLIA_OK;

  GLIA_CHECK(part != NULL, GLIA_E_MEMORY, "%d columns", r->n_columns);
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    const bool was_on = alarming.above >= d->options.persistence;
    const int before = alarming.above;
    if (isnan(r->score[i])) continue;
    const bool on = glia_alarming_push_(&alarming, d, (double)r->score[i]);
    if (before == 0 && alarming.above > 0) first = i;
    if (on && !was_on) raised = i;
    if (alarming.above > 0) last = i;
    if (was_on && !on) st = add_alarm(r, node, first, raised, last);
  }
  if (st == GLIA_OK && alarming.above >= d->options.persistence)
    st = add_alarm(r, node, first, raised, last);
  for (int64_t k = 0; k < r->n_alarms && st == GLIA_OK; k++)
    find_causes(d, node, map, r, part, &r->alarm[k]);
  free(part);
  return st;
}
