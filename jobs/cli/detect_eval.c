/* glia detect eval: figures of the models against labels, beside simple baselines, without point adjustment. */
#include "detect.h"
#include "detect_measures.h"
#include "glia_log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct glia_option options[] = {
    {.name = "models",
     .kind = GLIA_OPTION_TEXT,
     .argument = "M.h5",
     .help = "models made by glia detect train; required"},
    {.name = "trained",
     .kind = GLIA_OPTION_FLAG,
     .help = "judge rows that trained the model, too: files without times of their own begin at 0 "
             "each, and seem to be of one time"},
    {0},
};

/* What is compared, the models first. */
enum { MODELS, ZSCORE, PCA, ZSCORE_SMOOTHED, PCA_SMOOTHED, UNTRAINED, RANDOM, NULL_RUN, WAYS };
static const char *const way_name[WAYS] = {"models",           "z_score",      "pca",
                                           "z_score_smoothed", "pca_smoothed", "untrained",
                                           "random",           "null_run"};

/* Rows of a node in the time that its model was trained on. */
struct known {
  int64_t judged;   /* rows */
  int64_t rows;     /* of these, such ones */
  int64_t left_out; /* such ones that are not judged */
};

struct evaluation {
  struct measures mean[WAYS];
  struct known *known; /* [nodes that are scored] */
  json_t *nodes;
  int n;
};

static int64_t first_judged(const struct glia_telemetry_node *node)
{
  return node->train_rows > 0 && node->train_rows < node->n ? node->train_rows : 0;
}

/* The test samples of a node, with labels; scores of its training samples for a threshold. */
static glia_status judge(const struct scored *k, double *score, double flag, double threshold,
                         const double *part, struct measures *out)
{
  return measures_of(&k->node, first_judged(&k->node), score, flag, threshold, part, out);
}

/* The simple scores: trained, where they are, on the node's training rows alone. */
static glia_status simple(const struct scored *k, int way, struct measures *out)
{
  const struct glia_telemetry_node *node = &k->node;
  const size_t cells = (size_t)node->n * (size_t)node->n_metrics + 1;
  double *score = malloc(((size_t)node->n + 1) * sizeof *score);
  double *part = malloc(cells * sizeof *part);
  double flag = 0.0;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, score != NULL && part != NULL, GLIA_E_MEMORY, "node %s", node->name);
  switch (way) {
  case ZSCORE:
  case ZSCORE_SMOOTHED:
    st = measures_zscore(node, score, part, &flag);
    break;
  case PCA:
  case PCA_SMOOTHED:
    st = measures_pca(node, score, part, &flag);
    break;
  case UNTRAINED:
    st = measures_untrained(node, score, part, &flag);
    break;
  default:
    st = measures_random(node, score, part, &flag);
    break;
  }
  if (st == GLIA_OK && (way == ZSCORE_SMOOTHED || way == PCA_SMOOTHED))
    st = measures_smooth(node, score, &flag);
  if (st == GLIA_OK) st = judge(k, score, flag, (double)NAN, part, out);
out:
  free(score);
  free(part);
  return st;
}

static glia_status of_models(const struct scored *k, bool turned, struct measures *out)
{
  const struct glia_telemetry_node *node = &k->node;
  const struct glia_detect_result *r = &k->result;
  const int m = node->n_metrics;
  struct glia_detector_info info;
  double *score = malloc(((size_t)node->n + 1) * sizeof *score);
  double *part = calloc((size_t)node->n * (size_t)m + 1, sizeof *part);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, score != NULL && part != NULL, GLIA_E_MEMORY, "node %s", node->name);
  glia_detector_info(k->detector, &info);
  for (int64_t i = 0; i < node->n; i++) score[i] = (double)r->score[i];
  for (int j = 0; j < r->n_columns; j++) {
    int metric = 0;
    while (metric < m && strcmp(node->metric[metric], info.column[j].name) != 0) metric++;
    if (metric == m) continue;
    for (int64_t i = 0; i < node->n; i++) {
      const double e = (double)r->error[i * r->n_columns + j];
      part[i * m + metric] = isnan(e) ? 0.0 : info.kind == GLIA_DETECT_COMBINED ? fabs(e) : e * e;
    }
  }
  if (turned) measures_turn(node, score);
  GLIA_TRY_TO(out, st, judge(k, score, r->flag, r->threshold, turned ? NULL : part, out));
  if (!turned) measures_alarms(node, r, out);
out:
  free(score);
  free(part);
  return st;
}

static json_t *measures_json(const struct measures *m)
{
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "auc_pr",
                   glia_json_real(m->auc_pr), "auc_roc", glia_json_real(m->auc_roc), "best_f1",
                   glia_json_real(m->best_f1), "f1", glia_json_real(m->f1), "f1_at_alarm_threshold",
                   glia_json_real(m->f1_alarm), "top1_cause", glia_json_real(m->top1_cause),
                   "event_recall", glia_json_real(m->event_recall), "false_episodes_per_day",
                   glia_json_real(m->false_episodes_per_day), "delay_s", glia_json_real(m->delay_s),
                   "normal_time_in_alarm", glia_json_real(m->normal_in_alarm),
                   "point_adjusted_f1_misleading", glia_json_real(m->adjusted_f1));
}

static void print_line(const struct glia_args *args, const char *name, const struct measures *m)
{
  glia_cli_print(
      args, "%-16.16s %7.3f %7.3f %7.3f %7.3f %7.3f %7.3f %7.3f %8.2f %7.3f %8.0f %7.3f\n", name,
      m->auc_pr, m->auc_roc, m->best_f1, m->f1, m->f1_alarm, m->top1_cause, m->event_recall,
      m->false_episodes_per_day, m->normal_in_alarm, m->delay_s, m->adjusted_f1);
}

static bool has_labels(const struct glia_telemetry_node *node, int64_t from)
{
  bool good = false, bad = false;

  for (int64_t i = from; node->label != NULL && i < node->n; i++) {
    good = good || node->label[i] == GLIA_LABEL_NORMAL;
    bad = bad || node->label[i] == GLIA_LABEL_ANOMALY;
  }
  return good && bad;
}

/* Rows that trained the model flatter it. Where those behind them are labelled both ways they count as training rows, which are not judged
 * (baselines are trained on them, too); else there is nothing to judge but them, and that is said. */
static void leave_out_known(const struct glia_args *args, struct scored *k, struct known *known)
{
  struct glia_telemetry_node *node = &k->node;
  const int64_t from = first_judged(node);
  int64_t behind;
  int64_t rows = scored_trained(k, from, &behind);

  *known = (struct known){.judged = node->n - from, .rows = rows};
  if (rows == 0) return;
  if (!glia_args_has(args, "trained") && has_labels(node, behind)) {
    node->train_rows = behind;
    *known = (struct known){.judged = node->n - behind, .left_out = rows};
  }
  glia_log(GLIA_LOG_WARN, "detect", "trained-on", "node=%s rows=%lld of=%lld judged=%s", node->name,
           (long long)rows, (long long)(node->n - from), known->rows > 0 ? "yes" : "no");
}

static void tell_known(const struct glia_args *args, const char *name, const struct known *known)
{
  if (known->left_out > 0)
    glia_cli_print(args, "%s: %lld rows trained its model and are left out, %lld are judged\n",
                   name, (long long)known->left_out, (long long)known->judged);
  if (known->rows > 0)
    glia_cli_print(args,
                   "%s: %lld of the %lld rows that are judged trained its model: its figures say "
                   "how well it knows them, not how well it tells faults\n",
                   name, (long long)known->rows, (long long)known->judged);
}

static glia_status evaluate_node(const struct glia_args *args, struct scored *k,
                                 struct evaluation *e)
{
  struct measures m[WAYS] = {0};

  if (!has_labels(&k->node, first_judged(&k->node))) {
    glia_log(GLIA_LOG_WARN, "detect", "no-labels", "node=%s", k->node.name);
    return GLIA_OK;
  }
  struct known *known = &e->known[e->n];
  leave_out_known(args, k, known);
  GLIA_TRY(of_models(k, false, &m[MODELS]));
  GLIA_TRY(of_models(k, true, &m[NULL_RUN]));
  for (int w = ZSCORE; w <= RANDOM; w++) GLIA_TRY(simple(k, w, &m[w]));
  for (int w = 0; w < WAYS; w++) measures_add(&e->mean[w], &m[w]);
  e->n++;
  print_line(args, k->node.name, &m[MODELS]);
  json_t *node = measures_json(&m[MODELS]);
  json_object_set_new(node, "name", glia_json_text(k->node.name));
  json_object_set_new(node, "rows", json_integer(known->judged));
  json_object_set_new(node, "trained_rows", json_integer(known->rows));
  json_object_set_new(node, "trained_rows_left_out", json_integer(known->left_out));
  json_array_append_new(e->nodes, node);
  return GLIA_OK;
}

static glia_status evaluate(struct glia_args *args, struct scoring *s)
{
  struct evaluation e = {.nodes = json_array(), .known = calloc((size_t)s->n + 1, sizeof *e.known)};
  json_t *baselines = json_object();
  json_t *mean;
  glia_status st = GLIA_OK;

  if (e.known == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d nodes", s->n);
  glia_cli_print(args, "%-16s %7s %7s %7s %7s %7s %7s %7s %8s %7s %8s %7s\n", "", "AUC-PR",
                 "AUC-ROC", "best F1", "F1@99", "F1@alm", "cause", "events", "false/d", "in alm",
                 "delay s", "(PA F1)");
  for (int i = 0; i < s->n && st == GLIA_OK; i++) st = evaluate_node(args, &s->scored[i], &e);
  if (st == GLIA_OK && e.n == 0)
    st = GLIA_FAIL(GLIA_E_DATA,
                   "%s has no node with samples labelled both ways behind its training part",
                   args->word[0]);
  for (int w = 0; w < WAYS && st == GLIA_OK; w++) {
    measures_mean(&e.mean[w]);
    print_line(args, w == MODELS ? "mean" : way_name[w], &e.mean[w]);
    if (w != MODELS) json_object_set_new(baselines, way_name[w], measures_json(&e.mean[w]));
  }
  if (st != GLIA_OK) {
    free(e.known);
    json_decref(e.nodes);
    json_decref(baselines);
    return st;
  }
  glia_cli_print(args, "(PA F1): with point adjustment, which a random score passes: misleading, "
                       "shown to compare with papers\n");
  mean = measures_json(&e.mean[MODELS]);
  struct known sum = {0};
  for (int i = 0; i < e.n; i++) {
    tell_known(args, json_string_value(json_object_get(json_array_get(e.nodes, (size_t)i), "name")),
               &e.known[i]);
    sum.rows += e.known[i].rows;
    sum.left_out += e.known[i].left_out;
  }
  free(e.known);
  unwatched_tell(args, s->n_left, s->left);
  return glia_cli_json(
      args, json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "nodes", e.nodes, "mean", mean, "baselines",
                      baselines, "trained_rows", (json_int_t)sum.rows, "trained_rows_left_out",
                      (json_int_t)sum.left_out, "unwatched", unwatched_json(s->n_left, s->left)));
}

static glia_status run(struct glia_args *args)
{
  struct scoring s = {0};

  GLIA_CHECK(glia_args_has(args, "models"), GLIA_E_USAGE,
             "--models M.h5 is missing: which models?");
  glia_status st = scoring_open(&s, args->word[0], glia_args_text(args, "models", NULL));
  if (st == GLIA_OK) st = evaluate(args, &s);
  scoring_close(&s);
  return st;
}

const struct glia_command glia_command_detect_eval_ = {
    .name = "detect eval",
    .summary = "figures of the models against labels, beside simple baselines",
    .usage = "F.h5 --models M.h5 [--trained]",
    .options = options,
    .details =
        "Areas under the precision-recall and ROC curves and the best F1 need no threshold. No "
        "label placed the thresholds of the next two: F1@99 is at the 99th percentile of training "
        "scores, which baselines have, too; F1@alm (f1_at_alarm_threshold) is at the models' own, "
        "above which they raise alarms: it is placed by a budget of false alarms, and higher. "
        "Events are labelled spans in which an alarm was raised: one that was on before does not "
        "find a span. False episodes are alarms that neither began nor were raised in one; in alm "
        "(normal_time_in_alarm) is the share of the samples labelled normal that are in an alarm. "
        "The delay is the median from the start of a span to its alarm. Cause: share of labelled "
        "spans whose most blamed metric is one that people blamed.\n\n"
        "Rows in the time that a model was trained on flatter it: they are left out where rows "
        "behind them are labelled both ways (--trained judges them), and else judged for want of "
        "others. How many they are is told, for each node.\n\n"
        "Baselines are trained on the same rows: the largest z-score, the error of "
        "principal components (99 % of "
        "the variance), both as well with scores that are smoothed as those of the models are "
        "(z_score_smoothed, pca_smoothed), an autoencoder that was not trained, a random score; "
        "the null run "
        "holds the models' scores against labels "
        "turned by half of the time, where nothing is to be found. The point-adjusted F1, "
        "which counts a whole span as found "
        "when one sample is, is high for a random score too: it is shown for comparison "
        "with papers alone.",
    .example = "glia detect eval smd.h5 --models models.h5 --json",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .alone = true,
};
