/* glia detect train: one model per node. */
#include "detect.h"

#include "glia_agree.h"
#include "glia_log.h"
#include "glia_progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"bottleneck", "combined", "sparse", NULL};

static const struct glia_option train_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "M.h5",
     .help = "where the models go; required",
     .output = GLIA_OUTPUT_NEW},
    {.name = "kind",
     .kind = GLIA_OPTION_TEXT,
     .argument = "KIND",
     .choices = kinds,
     .help = "combined (default): several views of a sample in one score; bottleneck: a narrow "
             "autoencoder; or sparse: the overcomplete one of Borghesi et al."},
    {.name = "node",
     .kind = GLIA_OPTION_TEXT,
     .argument = "NAME",
     .help = "train this node alone; may be given several times (default: all)"},
    {.name = "epochs",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 1e6,
     .help = "passes over the training rows (default: bottleneck 200, sparse 20)"},
    {.name = "seed",
     .kind = GLIA_OPTION_INT,
     .argument = "S",
     .lo = 0,
     .hi = 9e15,
     .help = "of initial weights and order of rows (default: 1)"},
    {.name = "budget",
     .kind = GLIA_OPTION_REAL,
     .argument = "N",
     .lo = 1e-6,
     .hi = 1e6,
     .help = "false alarms that the site bears in a week, all nodes together (default: 3); "
             "combined only"},
    {.name = "faulty",
     .kind = GLIA_OPTION_REAL,
     .argument = "SHARE",
     .lo = 0.0,
     .hi = 0.3,
     .help =
         "share of the training rows that are under faults: those furthest out do not place the "
         "threshold either (default: 0; up to 15 % are not fitted on, and place it); combined "
         "only. "
         "Clean rows that are left out so are false alarms later"},
    {.name = "update",
     .kind = GLIA_OPTION_TEXT,
     .argument = "OLD.h5",
     .help =
         "train again on what came since: rows in alarms of the old models are left out, "
         "networks begin at their weights by column name, nodes that are not trained now keep "
         "their model, and their share of --budget"}, /* -o may be this file: it is replaced whole */
    {.name = "shared",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 0,
     .hi = 1000,
     .help =
         "autoencoders: N times every node trains for one epoch and all go on at the mean of their "
         "weights, where each begins then (default: 0). In the first round a node begins at the "
         "widest network before "
         "it, by column name, or at its old model: let old ones be shared, too"},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace the file if there is one"},
    {0},
};

/* A run of detect train. */
struct training {
  struct glia_args *args;
  struct glia_comm *comm;
  struct glia_detect_options options;
  struct glia_telemetry *file;
  int n; /* nodes to train */
  const char **name;
  char (
      *reason)[REASON_BYTES]; /* [n] why one cannot be trained; empty: it can, as far as is known */
  int n_left;
  struct unwatched *left; /* [n_left] those */
  int done;
  int n_trained; /* detectors before those that are kept */
  struct glia_detector **detector;
  int n_old; /* models that are updated */
  struct glia_detector **old;
  struct glia_detector *common; /* the mean of the last round, where all begin; NULL: none yet */
  struct glia_detector *first;  /* of a first round: where all begin; NULL: none yet */
  bool alone;                   /* a rank trains each node, and not all ranks together */
  int64_t masked;               /* rows left out, since the old models alarm there */
  struct glia_progress progress;
};

static void show(void *self, const char *node, double done)
{
  struct training *t = self;

  glia_progress_update(&t->progress, (double)t->done + done, node);
}

static bool stop(void *self)
{
  (void)self;
  return glia_stop_requested() != 0;
}

static bool chosen(const struct glia_args *args, const char *name)
{
  const int n = glia_args_times(args, "node");

  for (int i = 0; i < n; i++)
    if (strcmp(glia_args_text_at(args, "node", i), name) == 0) return true;
  return n == 0;
}

static glia_status choose_nodes(struct training *t)
{
  char *const *name;
  const int n = glia_telemetry_nodes(t->file, &name);

  t->name = calloc((size_t)n + 1, sizeof *t->name);
  t->detector = calloc((size_t)n + (size_t)t->n_old + 1, sizeof *t->detector);
  t->reason = calloc((size_t)n + 1, sizeof *t->reason);
  t->left = calloc((size_t)n + 1, sizeof *t->left);
  GLIA_CHECK(t->name != NULL && t->detector != NULL && t->reason != NULL && t->left != NULL,
             GLIA_E_MEMORY, "%d nodes", n);
  for (int i = 0; i < n; i++)
    if (chosen(t->args, name[i])) t->name[t->n++] = name[i];
  for (int i = 0; i < glia_args_times(t->args, "node"); i++) {
    const char *wanted = glia_args_text_at(t->args, "node", i);
    int k = 0;
    while (k < n && strcmp(name[k], wanted) != 0) k++;
    GLIA_CHECK(k<n, GLIA_E_MISSING, "%s has no node %s; its first of %d is %s", t->args->word[0],
                   wanted, n, n> 0
                   ? name[0]
                   : "none");
  }
  GLIA_CHECK(t->n > 0, GLIA_E_DATA, "%s has no nodes", t->args->word[0]);
  return GLIA_OK;
}

static struct glia_detector *old_of(const struct training *t, const char *name)
{
  struct glia_detector_info info;

  for (int i = 0; i < t->n_old; i++) {
    glia_detector_info(t->old[i], &info);
    if (strcmp(info.node, name) == 0) return t->old[i];
  }
  return NULL;
}

/* What the old model alarms at does not train the new one. Where its columns are not all there, it cannot tell. */
static glia_status mask(struct training *t, struct glia_detector *old,
                        struct glia_telemetry_node *node)
{
  int64_t masked = 0;
  const glia_status st = glia_detector_mask_alarms(old, node, &masked);

  if (st == GLIA_E_DATA) {
    if (t->alone || t->args->rank == 0)
      glia_log(GLIA_LOG_WARN, "detect", "no-mask", "node=%s reason=\"%s\"", node->name,
               glia_trace_message());
    glia_trace_clear();
    return GLIA_OK;
  }
  t->masked += masked;
  return st;
}

/* Old models of nodes that were not trained now go to the new file as they are, but for the budget. */
static void keep_the_others(struct training *t)
{
  t->n_trained = t->n;
  for (int i = 0; i < t->n_old; i++) {
    struct glia_detector_info old, now;
    bool replaced = false;
    glia_detector_info(t->old[i], &old);
    for (int k = 0; k < t->n && !replaced; k++) {
      glia_detector_info(t->detector[k], &now);
      replaced = strcmp(now.node, old.node) == 0;
    }
    if (replaced) continue;
    t->detector[t->n++] = t->old[i];
    t->old[i] = NULL;
  }
}

static bool has_model(const struct training *t, const char *name)
{
  struct glia_detector_info info;

  for (int i = 0; i < t->n; i++) {
    glia_detector_info(t->detector[i], &info);
    if (strcmp(info.node, name) == 0) return true;
  }
  return false;
}

/* comm: who trains together. */
static glia_status try_node(struct training *t, struct glia_comm *comm, int i,
                            struct glia_telemetry_node *node)
{
  struct glia_detector *old = old_of(t, t->name[i]);

  if (old != NULL) GLIA_TRY(glia_agree(comm, mask(t, old, node)));
  t->options.warm = t->common != NULL ? t->common : t->first != NULL ? t->first : old;
  return glia_detector_train(comm, &t->options, node, &t->detector[i]);
}

/* A store may lose a file while ranks open it, and a disk fail one of them: those who train together have the same rows, or all end. */
static glia_status agree_rows(struct glia_comm *comm, const struct glia_telemetry_node *n)
{
  char name[300];

  snprintf(name, sizeof name, "the rows of %.250s", n->name);
  GLIA_TRY(glia_agree_data(comm, name, n->time_ns, (size_t)n->n * sizeof *n->time_ns));
  return glia_agree_data(comm, name, n->values,
                         (size_t)n->n * (size_t)n->n_metrics * sizeof *n->values);
}

/* A node whose rows train nothing, since it is dead or new, must not keep the others from their models: it is left out, with the reason. One that
 * cannot be read fails all: then the file is damaged, and the node may be well. */
static glia_status train_node(struct training *t, struct glia_comm *comm, int i)
{
  struct glia_telemetry_node node = {0};

  GLIA_TRY(glia_agree(comm, detect_read_node(t->file, t->args->word[0], t->name[i], &node)));
  glia_status st = comm != NULL ? agree_rows(comm, &node) : GLIA_OK;
  if (st == GLIA_OK) st = try_node(t, comm, i, &node);
  glia_telemetry_node_free(&node);
  if (st != GLIA_E_DATA) return st;
  snprintf(t->reason[i], sizeof t->reason[i], "%s", glia_trace_message());
  glia_trace_clear();
  return GLIA_OK;
}

/* Part those that cannot be trained from the others; fails where no other is left. */
static glia_status leave_out(struct training *t)
{
  int kept = 0;

  for (int i = 0; i < t->n; i++) {
    if (t->reason[i][0] == '\0') {
      t->name[kept] = t->name[i];
      t->detector[kept++] = t->detector[i];
      continue;
    }
    struct unwatched *u = &t->left[t->n_left++];
    u->name = t->name[i];
    memcpy(u->reason, t->reason[i], sizeof u->reason);
    t->reason[i][0] = '\0';
    if (t->args->rank == 0)
      glia_log(GLIA_LOG_WARN, "detect", old_of(t, u->name) != NULL ? "old-kept" : "left-out",
               "node=%s reason=\"%s\"", u->name, u->reason);
  }
  for (int i = kept; i < t->n; i++) t->detector[i] = NULL;
  t->n = kept;
  GLIA_CHECK(kept > 0 || t->n_left > 1, GLIA_E_DATA, "%s", t->left[0].reason);
  GLIA_CHECK(kept > 0, GLIA_E_DATA, "none of %d nodes can be trained; the first: %s", t->n_left,
             t->left[0].reason);
  return GLIA_OK;
}

static int columns_of(const struct glia_detector *d)
{
  struct glia_detector_info info;

  glia_detector_info(d, &info);
  return info.n_columns;
}

/* An epoch at every node. Hidden units are averaged by number, so in the first round they must come from one place: what a node draws
 * at random goes by the number of its columns, and old models need not have had a mean in common. Each begins at the widest network so far,
 * old ones first, which has the units that it needs, or most. */
static glia_status train_round(struct training *t)
{
  glia_status st = GLIA_OK;

  for (int i = 0; i < t->n_old && t->common == NULL; i++)
    if (t->first == NULL || columns_of(t->old[i]) > columns_of(t->first)) t->first = t->old[i];
  for (int i = 0; i < t->n && st == GLIA_OK; i++, t->done++) {
    st = train_node(t, t->comm, i);
    if (st == GLIA_OK && t->detector[i] != NULL &&
        (t->first == NULL || columns_of(t->detector[i]) > columns_of(t->first)))
      t->first = t->detector[i];
  }
  t->first = NULL;
  return st == GLIA_OK ? leave_out(t) : st;
}

/* Rounds, each from the mean of all. */
static glia_status train_common(struct training *t, int64_t rounds)
{
  const int64_t epochs = t->options.epochs;
  int which = 0;

  t->options.epochs = 1;
  for (int64_t k = 0; k < rounds; k++) {
    GLIA_TRY(train_round(t));
    GLIA_TRY(glia_agree(t->comm, glia_detectors_average(t->n, t->detector, &which)));
    glia_detector_destroy(&t->common);
    t->common = t->detector[which];
    t->detector[which] = NULL;
    for (int i = 0; i < t->n; i++) glia_detector_destroy(&t->detector[i]);
  }
  t->options.epochs = epochs;
  t->masked = 0;
  return GLIA_OK;
}

/* All ranks train each network; of the others a rank takes every so many nodes, and then all get all. */
static glia_status train_nodes(struct training *t)
{
  glia_status st = GLIA_OK;

  t->alone = t->options.kind == GLIA_DETECT_COMBINED && t->args->size > 1;
  if (!t->alone) {
    GLIA_TRY(train_common(t, glia_args_int(t->args, "shared", 0)));
    for (int i = 0; i < t->n && st == GLIA_OK; i++, t->done++) st = train_node(t, t->comm, i);
    return st == GLIA_OK ? leave_out(t) : st;
  }
  for (int i = t->args->rank; i < t->n && st == GLIA_OK; i += t->args->size) {
    t->done = i;
    show(t, t->name[i], 0.0);
    st = train_node(t, NULL, i);
  }
  GLIA_TRY(glia_agree(t->comm, st));
  for (t->done = 0; t->done < t->n; t->done++) {
    const int owner = t->done % t->args->size;
    char *reason = t->reason[t->done];
    GLIA_TRY(glia_comm_bcast(t->comm, reason, REASON_BYTES, owner));
    if (reason[0] == '\0') GLIA_TRY(glia_detector_share(t->comm, owner, &t->detector[t->done]));
  }
  GLIA_TRY(leave_out(t));
  return glia_comm_reduce_i64(t->comm, GLIA_COMM_SUM, &t->masked, 1);
}

static json_t *training_json(const struct glia_detector *d)
{
  struct glia_detector_info info;
  char sha256[65];
  json_t *dropped = json_array();

  const bool summed = glia_detector_sha256(d, sha256) == GLIA_OK;
  if (!summed) glia_trace_clear(); /* no memory for it */
  glia_detector_info(d, &info);
  for (int j = info.n_columns; j < info.n_all; j++)
    json_array_append_new(dropped,
                          json_pack("{s:o, s:s}", "metric", glia_json_text(info.column[j].name),
                                    "reason", info.column[j].dropped));
  return json_pack("{s:o, s:s, s:i, s:o, s:I, s:I, s:o, s:o, s:o, s:s?}", "name",
                   glia_json_text(info.node), "kind", glia_detect_kind_name(info.kind), "metrics",
                   info.n_columns, "dropped", dropped, "rows_train", (json_int_t)info.rows_train,
                   "rows_valid", (json_int_t)info.rows_valid, "train_loss",
                   glia_json_real(info.train_loss), "threshold", glia_json_real(info.threshold),
                   "budget_least", glia_json_real(glia_detector_budget_least(d)),
                   "parameters_sha256", summed ? sha256 : NULL);
}

static void tell_trained(const struct training *t, const struct glia_detector *d)
{
  struct glia_detector_info info;

  glia_detector_info(d, &info);
  glia_cli_print(t->args,
                 "%s: %d metrics (%d left out), %lld + %lld samples, loss %.4g, threshold %.3g\n",
                 info.node, info.n_columns, info.n_all - info.n_columns, (long long)info.rows_train,
                 (long long)info.rows_valid, info.train_loss, info.threshold);
  const double least = glia_detector_budget_least(d);
  if (least > t->options.budget_per_week)
    glia_cli_print(t->args,
                   "%s: a recording as short tells what is normal, but not what is as rare as %.3g "
                   "alarms a week: expect up to %.2g\n",
                   info.node, t->options.budget_per_week, least);
}

/* Of a node that keeps its old model: of which time that is, and why it has no new one. NULL: no memory. */
static json_t *tell_kept(struct training *t, const struct glia_detector *d)
{
  struct glia_detector_info info;
  const char *reason = "it was not trained now";
  char utc[48] = "unknown time";

  glia_detector_info(d, &info);
  for (int i = 0; i < t->n_left; i++)
    if (strcmp(t->left[i].name, info.node) == 0) reason = t->left[i].reason;
  if (info.train_end_ns > 0) utc_text(info.train_end_ns, utc, sizeof utc);
  glia_cli_print(t->args, "%s: keeps its old model, trained on rows until %s, threshold %.3g: %s\n",
                 info.node, utc, info.threshold, reason);
  return json_pack("{s:o, s:o, s:I, s:o}", "name", glia_json_text(info.node), "reason",
                   glia_json_text(reason), "trained_until_ns", (json_int_t)info.train_end_ns,
                   "threshold", glia_json_real(info.threshold));
}

/* Those whose old model is kept are no more among the unwatched. */
static void drop_kept(struct training *t)
{
  int n = 0;

  for (int i = 0; i < t->n_left; i++)
    if (!has_model(t, t->left[i].name)) t->left[n++] = t->left[i];
  t->n_left = n;
}

static glia_status report_training(struct training *t, const char *path, double wall_s)
{
  json_t *nodes = json_array(), *kept = json_array();

  for (int i = 0; i < t->n_trained; i++) {
    tell_trained(t, t->detector[i]);
    json_array_append_new(nodes, training_json(t->detector[i]));
  }
  for (int i = t->n_trained; i < t->n; i++)
    json_array_append_new(kept, tell_kept(t, t->detector[i]));
  drop_kept(t);
  unwatched_tell(t->args, t->n_left, t->left);
  glia_cli_print(t->args, "%s: %d model%s, trained by %d rank%s in %.1f s", path, t->n_trained,
                 t->n_trained == 1 ? "" : "s", t->args->size, t->args->size == 1 ? "" : "s",
                 wall_s);
  if (t->n > t->n_trained)
    glia_cli_print(t->args, ", and %d that %s kept", t->n - t->n_trained,
                   t->n - t->n_trained == 1 ? "is" : "are");
  glia_cli_print(t->args, "\n");
  if (t->n_old > 0)
    glia_cli_print(t->args, "%lld rows left out: the old models alarm there\n",
                   (long long)t->masked);
  return glia_cli_json(
      t->args,
      json_pack("{s:o, s:o, s:o, s:o, s:i, s:o, s:f, s:I}", "nodes", nodes, "kept", kept,
                "unwatched", unwatched_json(t->n_left, t->left), "models", glia_json_text(path),
                "ranks", t->args->size, "budget_each",
                glia_json_real(t->options.kind == GLIA_DETECT_COMBINED ? t->options.budget_per_week
                                                                       : (double)NAN),
                "wall_s", wall_s, "alarmed_rows_left_out", (json_int_t)t->masked));
}

/* All models of the new file share the budget, also those that are kept: it is of the site. */
static glia_status share_budget(struct training *t, double budget)
{
  int n = 0;

  for (int i = 0; i < t->n; i++) n += !isnan(glia_detector_threshold(t->detector[i], budget));
  if (n == 0) return GLIA_OK;
  t->options.budget_per_week = budget / n;
  for (int i = 0; i < t->n; i++)
    if (!isnan(glia_detector_threshold(t->detector[i], budget)))
      GLIA_TRY(glia_detector_set_budget(t->detector[i], t->options.budget_per_week));
  return GLIA_OK;
}

/* The nodes without a model go to the file with their reasons: those of now, and those of the models before that were not tried now. */
static glia_status write_models(struct training *t, const char *path, const char *update)
{
  struct glia_detect_left *old = NULL, *left;
  int n_old = 0, n = 0;
  glia_status st = GLIA_OK;

  if (update != NULL) GLIA_TRY(glia_detectors_read_left(update, &n_old, &old));
  left = calloc((size_t)t->n_left + (size_t)n_old + 1, sizeof *left);
  if (left == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d nodes", t->n_left + n_old);
  for (int i = 0; i < t->n_left && st == GLIA_OK; i++)
    if (!has_model(t, t->left[i].name))
      left[n++] = (struct glia_detect_left){(char *)(uintptr_t)t->left[i].name, t->left[i].reason};
  const int n_now = n;
  for (int i = 0; i < n_old && st == GLIA_OK; i++) {
    bool tried = has_model(t, old[i].node);
    for (int k = 0; k < n_now && !tried; k++) tried = strcmp(left[k].node, old[i].node) == 0;
    if (!tried) left[n++] = old[i];
  }
  if (st == GLIA_OK)
    st =
        glia_detectors_write_all(path, glia_args_has(t->args, "force"), t->n, t->detector, n, left);
  free(left);
  glia_detect_left_free(n_old, &old);
  return st;
}

static glia_status agree_nodes(const struct training *t)
{
  size_t length = 1, at = 0;

  for (int i = 0; i < t->n; i++) length += strlen(t->name[i]) + 1;
  char *all = malloc(length);
  GLIA_TRY(glia_agree(t->comm, all != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "names of nodes")));
  all[0] = '\0';
  for (int i = 0; i < t->n; i++) at += (size_t)sprintf(all + at, "%s\n", t->name[i]);
  const glia_status st = glia_agree_same(t->comm, "the nodes of the telemetry", all);
  free(all);
  return st;
}

static glia_status train_all(struct training *t)
{
  const char *path = glia_args_text(t->args, "output", NULL);
  const double start_s = glia_time_s();
  const double budget = t->options.budget_per_week;
  const char *update = glia_args_text(t->args, "update", NULL);
  glia_status st = glia_telemetry_open(t->args->word[0], &t->file);

  if (st == GLIA_OK && update != NULL) st = glia_detectors_read(update, &t->n_old, &t->old);
  if (st == GLIA_OK) st = choose_nodes(t);
  GLIA_TRY(glia_agree(t->comm, st));
  GLIA_TRY(agree_nodes(t));
  t->options.budget_per_week /= t->n; /* the fleet shares it */
  glia_stop_catch();
  glia_progress_begin(&t->progress, "train", "nodes",
                      (double)(t->n * (1 + glia_args_int(t->args, "shared", 0))));
  st = train_nodes(t);
  glia_progress_end(&t->progress);
  GLIA_TRY(st);
  keep_the_others(t);
  GLIA_TRY(share_budget(t, budget));
  if (t->args->rank == 0) st = write_models(t, path, update);
  GLIA_TRY(glia_agree(t->comm, st));
  return report_training(t, path, glia_time_s() - start_s);
}

static glia_status run_train(struct glia_args *args)
{
  const char *kind = glia_args_text(args, "kind", "combined");
  struct training t = {.args = args};

  GLIA_CHECK(glia_args_has(args, "output"), GLIA_E_USAGE,
             "-o M.h5 is missing: where do the models go?");
  t.options = glia_detect_defaults(GLIA_DETECT_COMBINED);
  for (int k = 0; k < 3; k++)
    if (strcmp(kind, glia_detect_kind_name((glia_detect_kind)k)) == 0)
      t.options = glia_detect_defaults((glia_detect_kind)k);
  GLIA_CHECK(t.options.kind != GLIA_DETECT_COMBINED || !glia_args_has(args, "shared"), GLIA_E_USAGE,
             "--shared is for --kind bottleneck or sparse: models of the kind combined have no "
             "weights to begin at");
  t.options.budget_per_week = glia_args_real(args, "budget", t.options.budget_per_week);
  t.options.faulty = glia_args_real(args, "faulty", t.options.faulty);
  t.options.epochs = glia_args_int(args, "epochs", t.options.epochs);
  t.options.seed = (uint64_t)glia_args_int(args, "seed", (int64_t)t.options.seed);
  t.options.progress = show;
  t.options.stop = stop;
  t.options.self = &t;
  GLIA_TRY(glia_comm_world(&t.comm));
  const glia_status st = train_all(&t);
  for (int i = 0; i < t.n; i++) glia_detector_destroy(&t.detector[i]);
  free(t.detector);
  glia_detector_destroy(&t.common);
  glia_detectors_free(t.n_old, &t.old);
  free(t.name);
  free(t.reason);
  free(t.left);
  glia_telemetry_close(&t.file);
  glia_comm_destroy(&t.comm);
  return st;
}

const struct glia_command glia_command_detect_train_ = {
    .name = "detect train",
    .summary = "train one model per node on telemetry of healthy days",
    .usage = "F.h5 -o M.h5",
    .options = train_options,
    .details =
        "combined scores a sample by how far it is from what is usual at this time of the day, "
        "from the last days, over some "
        "minutes, and from a forecast; its threshold is where a tail fitted to training scores "
        "meets the budget. The "
        "autoencoders are trained by all ranks together, combined models of several nodes side by "
        "side. The models have the same bits for any "
        "number "
        "of ranks. Where the file says which samples are for training, the others are left alone. "
        "A node with too few "
        "rows, or with hardly any values, gets no model: it is named with the reason, and the "
        "others are trained. Metrics that are mostly missing are left out, by autoencoders "
        "constant ones as well; of "
        "their rows every fourth "
        "block of time is kept back, to tell what errors are usual and to place the threshold. No "
        "labels are used.",
    .example = "mpirun -n 4 glia detect train cluster.h5 -o models.h5\n"
               "glia detect train node.h5 -o models.h5 --kind sparse --epochs 20",
    .run = run_train,
    .min_words = 1,
    .max_words = 1,
    .parallel = true,
};
