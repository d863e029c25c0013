/* `metrics:` of a run: rows of the data's targets and predictions, brought together on every rank, measured in float64. */
#include "measure_priv.h"

#include "glia_log.h"
#include "glia_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ECE_BINS = 15 };

/* What is measured, places that count alone: n of them. */
struct seen {
  int64_t n, classes;
  double *score; /* [classes, n]; one row where there are no classes */
  int64_t *label, *predicted;
  double *target; /* real targets */
  double *sure;   /* probability of the prediction */
  uint8_t *hit;
};

glia_status glia_measure_init_(struct measure *m, const struct glia_model *model, int64_t n_rows)
{
  struct glia_entry *const *entry;
  const struct glia_model_rows *rows = glia_model_rows(model);
  const int n = glia_graph_entries(glia_model_graph(model), &entry);

  *m = (struct measure){.rows = rows, .n = n_rows};
  if (rows->n_metrics == 0) return GLIA_OK;
  for (int i = 0; i < n; i++) {
    if (strcmp(entry[i]->name, "eval") != 0) continue;
    for (int k = 0; k < entry[i]->n_outputs; k++) {
      if (strcmp(entry[i]->output[k].name, "of") == 0) m->of_output = k;
      if (strcmp(entry[i]->output[k].name, "target") == 0) m->target_output = k;
      if (strcmp(entry[i]->output[k].name, "counts") == 0) m->counts_output = k;
    }
  }
  m->width = rows->places * (rows->classes > 0 ? rows->classes : 1);
  m->of = calloc((size_t)(n_rows * (m->width + 2 * rows->places)) + 1, sizeof *m->of);
  GLIA_CHECK(m->of != NULL, GLIA_E_MEMORY, "predictions of %lld rows for metrics",
             (long long)n_rows);
  m->target = m->of + n_rows * m->width;
  m->counts = m->target + n_rows * rows->places;
  return GLIA_OK;
}

void glia_measure_fini_(struct measure *m)
{
  free(m->of);
  *m = (struct measure){0};
}

void glia_measure_take_(struct measure *m, int64_t first, int64_t n, const void *const *data)
{
  const size_t places = (size_t)m->rows->places, size = sizeof(double);

  if (n <= 0) return;
  memcpy(m->of + first * m->width, data[m->of_output], (size_t)(n * m->width) * size);
  memcpy(m->target + first * m->rows->places, data[m->target_output], (size_t)n * places * size);
  memcpy(m->counts + first * m->rows->places, data[m->counts_output], (size_t)n * places * size);
}

glia_status glia_measure_share_(struct measure *m, const struct glia_meeting *meeting)
{
  if (m->rows->n_metrics == 0 || meeting == NULL || meeting->sum == NULL) return GLIA_OK;
  return meeting->sum(meeting->self, m->n * (m->width + 2 * m->rows->places), m->of);
}

static void fini(struct seen *s)
{
  free(s->score);
  free(s->label);
  free(s->hit);
}

static glia_status init(struct seen *s, int64_t places, int64_t classes)
{
  const size_t n = (size_t)places + 1;

  *s = (struct seen){.classes = classes};
  s->score = calloc(n * (size_t)(classes + 3), sizeof *s->score);
  s->label = calloc(2 * n, sizeof *s->label);
  s->hit = calloc(n, sizeof *s->hit);
  if (s->score == NULL || s->label == NULL || s->hit == NULL) {
    fini(s);
    return GLIA_FAIL(GLIA_E_MEMORY, "%lld predictions for metrics", (long long)places);
  }
  s->predicted = s->label + n;
  return GLIA_OK;
}

/* Place p with logits z [classes] of the label t. */
static void add_label(struct seen *s, int64_t all, const double *z, double t)
{
  const int64_t i = s->n++;
  double sum = 0.0;
  int64_t best = 0;

  for (int64_t c = 0; c < s->classes; c++)
    if (z[c] > z[best]) best = c;
  for (int64_t c = 0; c < s->classes; c++) sum += exp(z[c] - z[best]);
  for (int64_t c = 0; c < s->classes; c++) s->score[c * all + i] = exp(z[c] - z[best]) / sum;
  if (s->classes == 2) s->score[all + i] = z[1] - z[0]; /* finer than a probability near 1 */
  s->label[i] = (int64_t)t;
  s->predicted[i] = best;
  s->sure[i] = 1.0 / sum;
  s->hit[i] = best == s->label[i];
}

static void add_number(struct seen *s, double z, double t, double edge)
{
  const int64_t i = s->n++;

  s->score[i] = z;
  s->target[i] = t;
  s->label[i] = t > 0.5;
  s->predicted[i] = z > edge;
}

static void collect(const struct measure *m, struct seen *s)
{
  const int64_t all = m->n * m->rows->places, classes = m->rows->classes;

  s->target = s->score + (classes > 0 ? classes : 1) * all;
  s->sure = s->target + all;
  for (int64_t p = 0; p < all; p++) {
    if (m->counts[p] <= 0.0) continue;
    if (classes > 0)
      add_label(s, all, m->of + p * classes, m->target[p]);
    else
      add_number(s, m->of[p], m->target[p], m->rows->edge);
  }
}

typedef glia_status (*binary)(int64_t n, const double *score, const uint8_t *positive, double *out);

/* Of class 1 where there are two; else the mean over the classes that occur, each against the rest. */
static glia_status by_class(struct seen *s, int64_t all, binary metric, double *out)
{
  const int64_t first = s->classes > 2 ? 0 : s->classes - 1,
                last = s->classes > 2 ? s->classes - 1 : first;
  double sum = 0.0;
  int64_t n = 0;

  for (int64_t c = first < 0 ? 0 : first; c <= (last < 0 ? 0 : last); c++) {
    double v = NAN;
    for (int64_t i = 0; i < s->n; i++)
      s->hit[i] = s->classes > 0 ? s->label[i] == c : s->label[i] != 0;
    GLIA_TRY(metric(s->n, s->score + c * all, s->hit, &v));
    if (isnan(v)) continue;
    sum += v;
    n++;
  }
  *out = n > 0 ? sum / (double)n : (double)NAN;
  return GLIA_OK;
}

/* F1 of class 1 where there are two, else the mean over the classes. */
static glia_status f1(const struct seen *s, double *out)
{
  if (s->classes > 2) return glia_metric_f1_macro(s->n, s->classes, s->label, s->predicted, out);
  int64_t tp = 0, either = 0;
  for (int64_t i = 0; i < s->n; i++) {
    tp += s->label[i] == 1 && s->predicted[i] == 1;
    either += (s->label[i] == 1) + (s->predicted[i] == 1);
  }
  *out = 2.0 * (double)tp / (double)either;
  return GLIA_OK;
}

/* Queries are the places, their items the classes; or the rows, and the places are items. What does not count comes last, and
 * is worth nothing. */
static glia_status in_order(const struct measure *m, glia_model_metric which, int64_t k,
                            double *out)
{
  const bool labels = m->rows->classes > 0;
  const int64_t items = labels ? m->rows->classes : m->rows->places, all = m->n * m->width;
  double *score = calloc(2 * (size_t)all + 1, sizeof *score), *gain = score + all;

  GLIA_CHECK(score != NULL, GLIA_E_MEMORY, "%lld predictions for metrics", (long long)all);
  for (int64_t i = 0; i < all; i++) {
    const int64_t place = labels ? i / items : i;
    const bool counts = m->counts[place] > 0.0;
    score[i] = counts ? m->of[i] : (double)-INFINITY;
    if (counts) gain[i] = labels ? m->target[place] == (double)(i % items) : m->target[i];
  }
  const glia_status st = (which == GLIA_MODEL_NDCG ? glia_metric_ndcg_at : glia_metric_recall_at)(
      all / items, items, score, gain, k, out);
  free(score);
  return st;
}

static glia_status measure(struct seen *s, int64_t all, glia_model_metric which, double *out)
{
  switch (which) {
  case GLIA_MODEL_ACCURACY:
    return glia_metric_accuracy(s->n, s->label, s->predicted, out);
  case GLIA_MODEL_F1:
    return f1(s, out);
  case GLIA_MODEL_AUROC:
    return by_class(s, all, glia_metric_auroc, out);
  case GLIA_MODEL_AUC_PR:
    return by_class(s, all, glia_metric_auc_pr, out);
  case GLIA_MODEL_ECE:
    for (int64_t i = 0; i < s->n; i++) s->hit[i] = s->label[i] == s->predicted[i];
    return glia_metric_ece(s->n, s->sure, s->hit, ECE_BINS, out);
  case GLIA_MODEL_R2:
    return glia_metric_r2(s->n, s->score, s->target, out);
  case GLIA_MODEL_SPEARMAN:
    return glia_metric_spearman(s->n, s->score, s->target, out);
  case GLIA_MODEL_RECALL:
  case GLIA_MODEL_NDCG:
    break; /* in_order */
  }
  return GLIA_OK;
}

glia_status glia_measure_(const struct measure *m, struct glia_eval_result *out)
{
  const int64_t all = m->n * m->rows->places;
  struct seen s;
  glia_status st = GLIA_OK;

  out->n_metrics = m->rows->n_metrics;
  if (out->n_metrics == 0) return GLIA_OK;
  GLIA_TRY(init(&s, all, m->rows->classes > 0 ? m->rows->classes : 1));
  s.classes = m->rows->classes;
  collect(m, &s);
  for (int i = 0; i < out->n_metrics && st == GLIA_OK; i++) {
    const glia_model_metric kind = m->rows->metric[i].kind;
    out->metric[i].name = m->rows->metric[i].name;
    st = kind == GLIA_MODEL_RECALL || kind == GLIA_MODEL_NDCG
             ? in_order(m, kind, m->rows->metric[i].k, &out->metric[i].value)
             : measure(&s, all, kind, &out->metric[i].value);
    if (st != GLIA_E_DATA) continue;
    out->metric[i].value = (double)NAN; /* the others are worth having, and what was trained */
    glia_log(GLIA_LOG_WARN, "train", "metric-without-meaning", "name=%s why=\"%s\"",
             out->metric[i].name, glia_trace_message());
    glia_trace_clear();
    st = GLIA_OK;
  }
  fini(&s);
  return st;
}
