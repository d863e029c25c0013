/* glia detect status: which nodes are watched, by what model, and why the others are not. */
#include "detect.h"
#include "glia_watch.h"

#include <math.h>
#include <string.h>

static const struct glia_option options[] = {
    {.name = "models",
     .kind = GLIA_OPTION_TEXT,
     .argument = "M.h5",
     .help = "models made by glia detect train; required"},
    {0},
};

struct counts {
  int watched, unwatched;
};

/* What the models' file holds. */
struct models {
  int n;
  struct glia_detector **detector;
  int n_left;
  struct glia_detect_left *left; /* nodes that had no rows to train on */
};

static const struct glia_detector_info *info_of(int n, struct glia_detector *const *d,
                                                const char *name, struct glia_detector_info *info)
{
  for (int i = 0; i < n; i++) {
    glia_detector_info(d[i], info);
    if (strcmp(info->node, name) == 0) return info;
  }
  return NULL;
}

/* Why the node was left out when the models were trained; NULL: it was not, or it has a model since. */
static const char *left_out(const struct models *m, const struct glia_detector_info *info,
                            const char *name)
{
  for (int i = 0; i < m->n_left && info == NULL; i++)
    if (strcmp(m->left[i].node, name) == 0) return m->left[i].reason;
  return NULL;
}

/* One node: what the collector would say of it. */
static glia_status tell(struct glia_args *args, struct glia_watch *w,
                        const struct glia_detector_info *info, const char *left,
                        const struct glia_telemetry_node *node, struct counts *counts,
                        json_t *nodes)
{
  struct glia_watch_state s;
  int number;

  GLIA_TRY(glia_watch_node(w, node->name, &number));
  GLIA_TRY(glia_watch_columns(w, number, node->n_metrics, (const char *const *)node->metric));
  glia_watch_state(w, number, &s);
  const double age_s = info != NULL && info->train_end_ns > 0 && node->n > 0
                           ? 1e-9 * (double)(node->time_ns[node->n - 1] - info->train_end_ns)
                           : (double)NAN;
  counts->watched += s.watched;
  counts->unwatched += !s.watched;
  if (s.watched)
    glia_cli_print(args,
                   "%s: watched, %s of %d metrics (%lld more unknown to it), threshold %.3g, "
                   "trained on %lld rows until %.1f h before the last one\n",
                   node->name, glia_detect_kind_name(info->kind), info->n_columns,
                   (long long)s.unknown_metrics, s.threshold, (long long)info->rows_train,
                   age_s / 3600.0);
  else
    glia_cli_print(args, "%s: unwatched: %s%s%s\n", node->name, s.reason,
                   left != NULL ? "; when models were trained: " : "", left != NULL ? left : "");
  json_array_append_new(
      nodes,
      json_pack("{s:o, s:b, s:o, s:o, s:s?, s:o, s:I, s:I, s:o, s:I}", "name",
                glia_json_text(node->name), "watched", s.watched, "reason",
                glia_json_text(s.reason), "left_out_at_training", glia_json_text(left), "kind",
                info != NULL ? glia_detect_kind_name(info->kind) : NULL, "threshold",
                glia_json_real(s.threshold), "unknown_metrics", (json_int_t)s.unknown_metrics,
                "rows_train", info != NULL ? (json_int_t)info->rows_train : 0, "model_age_s",
                glia_json_real(age_s), "trained_until_ns", (json_int_t)s.trained_until_ns));
  return GLIA_OK;
}

static glia_status tell_all(struct glia_args *args, struct glia_telemetry *file,
                            struct glia_watch *w, const struct models *m)
{
  struct glia_detector_info info;
  struct counts counts = {0};
  json_t *nodes = json_array(), *gone = json_array();
  char *const *name;
  const int n = glia_telemetry_nodes(file, &name);
  glia_status st = GLIA_OK;

  for (int i = 0; i < n && st == GLIA_OK; i++) {
    struct glia_telemetry_node node;
    st = detect_read_node(file, args->word[0], name[i], &node);
    if (st != GLIA_OK) break;
    const struct glia_detector_info *known = info_of(m->n, m->detector, name[i], &info);
    st = tell(args, w, known, left_out(m, known, name[i]), &node, &counts, nodes);
    glia_telemetry_node_free(&node);
  }
  for (int i = 0; i < m->n && st == GLIA_OK; i++) {
    int k = 0;
    glia_detector_info(m->detector[i], &info);
    while (k < n && strcmp(name[k], info.node) != 0) k++;
    if (k < n) continue;
    glia_cli_print(args, "%s: has a model, but no telemetry\n", info.node);
    json_array_append_new(gone, glia_json_text(info.node));
  }
  if (st != GLIA_OK) {
    json_decref(nodes);
    json_decref(gone);
    return st;
  }
  glia_cli_print(args, "%d watched, %d unwatched\n", counts.watched, counts.unwatched);
  return glia_cli_json(args,
                       json_pack("{s:o, s:o, s:i, s:i}", "nodes", nodes, "models_without_telemetry",
                                 gone, "watched", counts.watched, "unwatched", counts.unwatched));
}

static glia_status run(struct glia_args *args)
{
  const char *models = glia_args_text(args, "models", NULL);
  struct glia_telemetry *file = NULL;
  struct glia_watch *w = NULL;
  struct models m = {0};

  GLIA_CHECK(models != NULL, GLIA_E_USAGE, "--models M.h5 is missing: which models?");
  glia_status st = glia_telemetry_open(args->word[0], &file);
  if (st == GLIA_OK) st = glia_detectors_read(models, &m.n, &m.detector);
  if (st == GLIA_OK) st = glia_detectors_read_left(models, &m.n_left, &m.left);
  if (st == GLIA_OK) st = glia_watch_open(models, &w);
  if (st == GLIA_OK) st = tell_all(args, file, w, &m);
  glia_watch_close(&w);
  glia_detect_left_free(m.n_left, &m.left);
  glia_detectors_free(m.n, &m.detector);
  glia_telemetry_close(&file);
  return st;
}

const struct glia_command glia_command_detect_status_ = {
    .name = "detect status",
    .summary = "which nodes are watched, by what model, and why the others are not",
    .usage = "F.h5|STORE --models M.h5",
    .options = options,
    .details = "A node is unwatched where it has no model, or lacks a metric that its model knows: "
               "glia collect never scores it by what is left, and says so. The same is in the "
               "collector's /api/v1/nodes.",
    .example = "glia detect status /var/lib/glia --models models.h5",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .alone = true,
};
