/* See detect_measures.h. */
#include "detect_measures.h"

#include "glia_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool anomalous(const struct glia_telemetry_node *node, int64_t i)
{
  return node->label[i] == GLIA_LABEL_ANOMALY;
}

/* End of the labelled span that begins at i. */
static int64_t span_end(const struct glia_telemetry_node *node, int64_t i)
{
  while (i < node->n && anomalous(node, i)) i++;
  return i;
}

/* Most blamed metric of samples [first, last]. */
static int64_t most_blamed(const struct glia_telemetry_node *node, int64_t first, int64_t last,
                           const double *part)
{
  int64_t best = 0;
  double most = -1.0;

  for (int64_t j = 0; j < node->n_metrics; j++) {
    double sum = 0.0;
    for (int64_t i = first; i <= last; i++) sum += part[i * node->n_metrics + j];
    if (sum > most) {
      most = sum;
      best = j;
    }
  }
  return best;
}

/* Causes come span by span; those that begin before `from` are not judged. */
static double top1(const struct glia_telemetry_node *node, int64_t from, const double *part)
{
  int spans = 0, hits = 0;

  for (int64_t k = 0, end; k < node->n_causes; k = end) {
    const int64_t *c = node->cause[k];
    const int64_t best = most_blamed(node, c[0], c[1], part);
    bool hit = false;
    for (end = k;
         end < node->n_causes && node->cause[end][0] == c[0] && node->cause[end][1] == c[1]; end++)
      hit = hit || node->cause[end][2] == best;
    if (c[0] < from) continue;
    spans++;
    hits += hit;
  }
  return spans > 0 ? (double)hits / spans : (double)NAN;
}

/* Every sample of a labelled span gets the highest score in it. */
static void adjust(const struct glia_telemetry_node *node, int64_t from, double *score)
{
  for (int64_t i = from; i < node->n; i++) {
    if (!anomalous(node, i)) continue;
    const int64_t end = span_end(node, i);
    double most = score[i];
    for (int64_t k = i; k < end; k++) most = fmax(most, score[k]);
    for (int64_t k = i; k < end; k++) score[k] = most;
    i = end - 1;
  }
}

glia_status measures_of(const struct glia_telemetry_node *node, int64_t from, const double *score,
                        double flag, double threshold, const double *part, struct measures *out)
{
  const int64_t n = node->n - from;
  double *s = malloc((size_t)(node->n + 1) * sizeof *s);
  double *t = malloc((size_t)(n + 1) * sizeof *t);
  uint8_t *bad = malloc((size_t)n + 1);
  int64_t m = 0;
  glia_status st = GLIA_OK;

  *out = (struct measures){.f1_alarm = (double)NAN,
                           .top1_cause = (double)NAN,
                           .event_recall = (double)NAN,
                           .false_episodes_per_day = (double)NAN,
                           .normal_in_alarm = (double)NAN,
                           .delay_s = (double)NAN};
  GLIA_CHECK_TO(out, st, s != NULL && t != NULL && bad != NULL, GLIA_E_MEMORY, "%lld samples",
                (long long)n);
  for (int64_t i = from; i < node->n; i++) {
    s[i] = isnan(score[i]) ? -(double)INFINITY : score[i];
    if (node->label[i] == GLIA_LABEL_NONE) continue;
    t[m] = s[i];
    bad[m++] = anomalous(node, i);
  }
  GLIA_TRY_TO(out, st, glia_metric_auc_pr(m, t, bad, &out->auc_pr));
  GLIA_TRY_TO(out, st, glia_metric_auroc(m, t, bad, &out->auc_roc));
  GLIA_TRY_TO(out, st, glia_metric_best_f1(m, t, bad, &out->best_f1, NULL));
  GLIA_TRY_TO(out, st, glia_metric_f1_at(m, t, bad, flag, &out->f1));
  if (!isnan(threshold))
    GLIA_TRY_TO(out, st, glia_metric_f1_at(m, t, bad, threshold, &out->f1_alarm));
  adjust(node, from, s);
  m = 0;
  for (int64_t i = from; i < node->n; i++)
    if (node->label[i] != GLIA_LABEL_NONE) t[m++] = s[i];
  GLIA_TRY_TO(out, st, glia_metric_best_f1(m, t, bad, &out->adjusted_f1, NULL));
  if (part != NULL) out->top1_cause = top1(node, from, part);
out:
  free(s);
  free(t);
  free(bad);
  return st;
}

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;

  return (x > y) - (x < y);
}

static double quantile(int64_t n, double *x, double q)
{
  if (n == 0) return (double)NAN;
  qsort(x, (size_t)n, sizeof *x, by_value);
  const double at = q * (double)(n - 1);
  const int64_t below = (int64_t)at;
  return below + 1 < n ? x[below] + (at - (double)below) * (x[below + 1] - x[below]) : x[n - 1];
}

bool measures_is_of_a_span(const struct glia_telemetry_node *node,
                           const struct glia_detect_alarm *a)
{
  return node->label != NULL && (anomalous(node, a->first) || anomalous(node, a->raised));
}

void measures_alarmed(const struct glia_telemetry_node *node, const struct glia_detect_result *r,
                      int64_t from, int64_t *normal, int64_t *alarmed)
{
  *normal = *alarmed = 0;
  for (int64_t i = from; i < node->n; i++)
    *normal += node->label == NULL || node->label[i] == GLIA_LABEL_NORMAL;
  for (int64_t k = 0; k < r->n_alarms; k++) {
    const struct glia_detect_alarm *a = &r->alarm[k];
    for (int64_t i = a->first > from ? a->first : from; i <= a->last; i++)
      *alarmed += node->label == NULL || node->label[i] == GLIA_LABEL_NORMAL;
  }
}

/* Seconds from sample `first` until an alarm was raised in [first, end); < 0: none. One that was on before tells nothing of the span. */
static double delay_of(const struct glia_telemetry_node *node, const struct glia_detect_result *r,
                       int64_t first, int64_t end)
{
  for (int64_t k = 0; k < r->n_alarms; k++) {
    const struct glia_detect_alarm *a = &r->alarm[k];
    if (a->raised < first || a->raised >= end) continue;
    return 1e-9 * (double)(node->time_ns[a->raised] - node->time_ns[first]);
  }
  return -1.0;
}

void measures_alarms(const struct glia_telemetry_node *node, const struct glia_detect_result *r,
                     struct measures *out)
{
  const int64_t from = node->train_rows > 0 && node->train_rows < node->n ? node->train_rows : 0;
  const double days = 1e-9 * (double)(node->time_ns[node->n - 1] - node->time_ns[from]) / 86400.0;
  double *delay = malloc(((size_t)node->n + 1) * sizeof *delay);
  int64_t spans = 0, found = 0, wrong = 0, normal, alarmed;

  for (int64_t i = from; i < node->n && delay != NULL; i++) {
    if (!anomalous(node, i)) continue;
    const int64_t end = span_end(node, i);
    const double d = delay_of(node, r, i, end);
    spans++;
    if (d >= 0.0) delay[found++] = d;
    i = end - 1;
  }
  for (int64_t k = 0; k < r->n_alarms; k++)
    wrong += r->alarm[k].first >= from && !measures_is_of_a_span(node, &r->alarm[k]);
  measures_alarmed(node, r, from, &normal, &alarmed);
  out->normal_in_alarm = normal > 0 ? (double)alarmed / (double)normal : (double)NAN;
  out->event_recall = spans > 0 ? (double)found / (double)spans : (double)NAN;
  out->false_episodes_per_day = days > 0.0 ? (double)wrong / days : (double)NAN;
  out->delay_s = delay != NULL ? quantile(found, delay, 0.5) : (double)NAN;
  free(delay);
}

enum { MEASURES = GLIA_COUNT(((struct measures *)0)->count) };

static void each(struct measures *m, double *v[MEASURES])
{
  double *const all[MEASURES] = {
      &m->auc_pr,   &m->auc_roc,     &m->best_f1,        &m->f1,
      &m->f1_alarm, &m->top1_cause,  &m->event_recall,   &m->false_episodes_per_day,
      &m->delay_s,  &m->adjusted_f1, &m->normal_in_alarm};

  memcpy(v, all, sizeof all);
}

void measures_add(struct measures *sum, const struct measures *m)
{
  struct measures copy = *m;
  double *to[MEASURES], *from[MEASURES];

  each(sum, to);
  each(&copy, from);
  for (int i = 0; i < MEASURES; i++) {
    if (isnan(*from[i])) continue;
    *to[i] += *from[i];
    sum->count[i]++;
  }
}

void measures_mean(struct measures *sum)
{
  double *v[MEASURES];

  each(sum, v);
  for (int i = 0; i < MEASURES; i++)
    *v[i] = sum->count[i] > 0 ? *v[i] / sum->count[i] : (double)NAN;
}

void measures_turn(const struct glia_telemetry_node *node, double *score)
{
  const int64_t from = node->train_rows > 0 && node->train_rows < node->n ? node->train_rows : 0;
  const int64_t n = node->n - from;
  double *copy = malloc((size_t)(n + 1) * sizeof *copy);

  if (copy == NULL) return;
  memcpy(copy, score + from, (size_t)n * sizeof *copy);
  for (int64_t i = 0; i < n; i++) score[from + i] = copy[(i + n / 2) % n];
  free(copy);
}
