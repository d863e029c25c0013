/* glia measures: what is said to foretell generalization, of one checkpoint or of a set of runs. */
#include "glia_measures.h"

#include "glia_agree.h"
#include "glia_dataset.h"
#include "glia_figure.h"
#include "glia_log.h"
#include "glia_petsc.h"
#include "inspect.h"
#include "passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 1024, AXES_MAX = 64 };

/* One run as it crosses ranks: {checkpoint, measures, gap, ..., config: {path: text}}. */

/* Every leaf of a configuration by its dotted path; the model is one leaf. */
static void flatten(const struct glia_yaml *node, const char *prefix, json_t *out)
{
  static const char *const skipped[] = {"seed", "checkpoint", "init", "dtype", "parallel"};
  char path[256], *text = NULL;

  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next) {
    bool skip = false;
    if (c->key == NULL) continue;
    snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", c->key);
    for (size_t i = 0; i < GLIA_COUNT(skipped); i++) skip = skip || strcmp(path, skipped[i]) == 0;
    if (skip || strcmp(path, "data.file") == 0) continue;
    if (c->kind == GLIA_YAML_MAP && strcmp(path, "model") != 0) {
      flatten(c, path, out);
    } else if (glia_yaml_print(c, &text) == GLIA_OK) {
      glia_json_set(out, path, glia_json_text(text));
      free(text);
      text = NULL;
    }
  }
}

static json_t *values_json(const struct glia_measures *m)
{
  json_t *o = json_object();

  for (int i = 0; i < GLIA_MEASURE_COUNT_; i++)
    json_object_set_new(o, glia_measure_name(i), glia_json_real(m->value[i]));
  return o;
}

/* What distances count from. */
static const char *start_name(const struct inspection *in, bool unknown)
{
  return in->s.config.init == NULL ? "seed" : unknown ? "unknown" : in->s.config.init;
}

static glia_status measure(struct glia_args *a, const char *path, struct inspection *in,
                           struct passes *passes, json_t **out)
{
  struct glia_eval_result test = {.accuracy = NAN};
  struct glia_measures m;
  json_t *config = json_object();
  bool unknown = false;

  GLIA_TRY(inspect_open(in, NULL, path, glia_args_text(a, "data", NULL), "train",
                        glia_curvature_extend));
  const char *init = in->s.config.init;
  if (init != NULL && inspect_start(in) != GLIA_OK) {
    glia_log(GLIA_LOG_WARN, "measures", "start-unknown",
             "checkpoint=\"%s\" init=\"%s\" why=\"%s\" left_out=\"measures from the start\"", path,
             init, glia_trace_message());
    glia_trace_clear();
    unknown = true;
  }
  const struct glia_measures_job job = {.model = in->s.model,
                                        .engine = in->s.engine,
                                        .source = in->rows,
                                        .micro_batch = in->s.config.micro_batch,
                                        .micro_batches = in->s.eval_micro_batches,
                                        .seed = (uint64_t)glia_args_int(a, "seed", 1),
                                        .init_seed = in->s.config.seed,
                                        .start = unknown ? NULL : (const double *const *)in->start,
                                        .start_unknown = unknown,
                                        .planned = &passes->planned};
  passes->note = path;
  passes_watch(passes, job.engine, job.source->n, job.micro_batch, job.micro_batches);
  GLIA_TRY(glia_measures_of(&job, &m));
  glia_engine_watch(job.engine, NULL, NULL);
  if (in->s.test != NULL)
    GLIA_TRY(glia_evaluate(in->s.model, in->s.engine, in->s.test, in->s.config.micro_batch,
                           in->s.eval_micro_batches, NULL, &test));
  flatten(glia_yaml_root(in->s.doc), "", config);
  *out = json_pack(
      "{s:o, s:o, s:f, s:o, s:o, s:f, s:f, s:f, s:f, s:i, s:i, s:o, s:I, s:o}", "checkpoint",
      glia_json_text(path), "measures", values_json(&m), "train_accuracy", m.train_accuracy,
      "test_accuracy", glia_json_real(test.accuracy), "gap",
      glia_json_real(m.train_accuracy - test.accuracy), "gamma", m.gamma, "sigma", m.sigma,
      "sigma_magnitude", m.sigma_mag, "alpha", m.alpha, "folded", m.folded, "unfolded", m.unfolded,
      "start", glia_json_text(start_name(in, unknown)), "test_rows",
      (json_int_t)(in->s.test != NULL ? in->s.test->n : 0), "config", config);
  return GLIA_OK;
}

/* Runs of this rank, then of all on rank 0 in the order given. */
static glia_status all_runs(struct glia_args *a, struct glia_comm *comm, json_t **out)
{
  json_t *own = json_array();
  glia_status st = GLIA_OK;
  char **texts = NULL;
  struct passes passes;

  passes_begin(&passes, "measures", "passes");
  for (int i = a->rank; i < a->n_words && st == GLIA_OK; i += a->size) {
    struct inspection in = {0};
    json_t *one = NULL;
    passes.again = (a->n_words - 1 - i) / a->size;
    st = measure(a, a->word[i], &in, &passes, &one);
    if (one != NULL) json_array_append_new(own, one);
    inspect_close(&in);
  }
  passes_end(&passes, NULL);
  char *text = json_dumps(own, JSON_COMPACT);
  json_decref(own);
  if (st == GLIA_OK && text == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "the measures of a run");
  st = glia_agree(comm, st);
  if (st == GLIA_OK) st = glia_comm_gather_text(comm, text, 0, &texts);
  free(text);
  GLIA_TRY(st);
  *out = json_array();
  for (int i = 0; texts != NULL && i < a->n_words; i++) {
    json_t *part = json_loads(texts[i % a->size], 0, NULL);
    json_array_append(*out, json_array_get(part, (size_t)(i / a->size)));
    json_decref(part);
  }
  free(texts);
  return GLIA_OK;
}

/* The set as a table. */
struct family {
  int n, axes;
  const char *axis[AXES_MAX]; /* keys that differ among the runs */
  int *setting;               /* [n, axes] */
  double *gap, *measure;      /* [n] */
};

static const char *leaf(json_t *run, const char *path)
{
  const char *text = json_string_value(json_object_get(json_object_get(run, "config"), path));

  return text != NULL ? text : "";
}

static void find_axes(struct family *f, json_t *runs)
{
  const char *key;
  json_t *run, *value;
  size_t i;

  json_array_foreach(runs, i, run)
  {
    json_object_foreach(json_object_get(run, "config"), key, value)
    {
      bool known = f->axes == AXES_MAX, differs = false;
      for (int k = 0; k < f->axes; k++) known = known || strcmp(f->axis[k], key) == 0;
      for (int j = 0; j < f->n && !known; j++)
        differs = differs ||
                  strcmp(leaf(json_array_get(runs, (size_t)j), key), json_string_value(value)) != 0;
      if (differs) f->axis[f->axes++] = key;
    }
  }
}

/* A setting's number is that of the first run that has it. */
static void number_settings(struct family *f, json_t *runs)
{
  for (int i = 0; i < f->n; i++)
    for (int k = 0; k < f->axes; k++) {
      int j = 0;
      while (strcmp(leaf(json_array_get(runs, (size_t)j), f->axis[k]),
                    leaf(json_array_get(runs, (size_t)i), f->axis[k])) != 0)
        j++;
      f->setting[i * f->axes + k] = j;
    }
}

static double real_of(json_t *o, const char *key)
{
  const json_t *v = json_object_get(o, key);

  return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static json_t *rank_one(const struct glia_args *a, const struct family *f, json_t *runs,
                        int measure, int64_t test_rows)
{
  const char *name = glia_measure_name(measure);

  for (int i = 0; i < f->n; i++)
    f->measure[i] = real_of(json_object_get(json_array_get(runs, (size_t)i), "measures"), name);
  const struct glia_ranking r = glia_rank(f->n, f->measure, f->gap, f->axes, f->setting, test_rows);
  const char *axis = r.worst_axis >= 0 ? f->axis[r.worst_axis] : "";
  glia_cli_print(a, "%-26s %7.3f %7.3f %7.3f  %s\n", name, r.tau, r.psi, r.worst, axis);
  return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "measure", name, "tau", glia_json_real(r.tau),
                   "tie_share", glia_json_real(r.tie_share), "psi", glia_json_real(r.psi),
                   "worst_sign_error", glia_json_real(r.worst), "worst_axis", axis);
}

static glia_status rank_all(const struct glia_args *a, json_t *runs, json_t **out)
{
  struct family f = {.n = (int)json_array_size(runs)};

  find_axes(&f, runs);
  f.setting = calloc((size_t)f.n * (size_t)(f.axes + 1), sizeof *f.setting);
  f.gap = calloc(2 * (size_t)f.n, sizeof *f.gap);
  if (f.setting == NULL || f.gap == NULL) {
    free(f.setting);
    free(f.gap);
    return GLIA_FAIL(GLIA_E_MEMORY, "a table of %d runs", f.n);
  }
  f.measure = f.gap + f.n;
  number_settings(&f, runs);
  for (int i = 0; i < f.n; i++) f.gap[i] = real_of(json_array_get(runs, (size_t)i), "gap");
  *out = json_array();
  glia_cli_print(a, "%d runs over %d keys; tau, psi, and the worst sign error with its key\n", f.n,
                 f.axes);
  const int64_t test_rows =
      json_integer_value(json_object_get(json_array_get(runs, 0), "test_rows"));
  bool told = false;
  for (int i = 0; i < GLIA_MEASURE_COUNT_; i++) {
    json_t *one = rank_one(a, &f, runs, i, test_rows);
    told = told || json_is_number(json_object_get(one, "worst_sign_error"));
    json_array_append_new(*out, one);
  }
  if (!told)
    glia_cli_print(a,
                   "no sign errors: no two runs differ in one key alone by a gap that %lld test "
                   "rows can tell\n",
                   (long long)test_rows);
  free(f.setting);
  free(f.gap);
  return GLIA_OK;
}

static void print_run(const struct glia_args *a, json_t *run)
{
  json_t *values = json_object_get(run, "measures");

  glia_cli_print(
      a, "%s: accuracy %.4f in training, gap %.4f; gamma %.4g, sigma %.4g, %lld norms folded\n",
      json_string_value(json_object_get(run, "checkpoint")), real_of(run, "train_accuracy"),
      real_of(run, "gap"), real_of(run, "gamma"), real_of(run, "sigma"),
      (long long)json_integer_value(json_object_get(run, "folded")));
  for (int i = 0; i < GLIA_MEASURE_COUNT_; i++)
    glia_cli_print(a, "  %-26s %12.6g  %s\n", glia_measure_name(i),
                   real_of(values, glia_measure_name(i)), glia_measure_what(i));
}

/* How each measure ranks: bars of tau. */
static glia_status draw(json_t *ranking, const char *path)
{
  const char *name[GLIA_MEASURE_COUNT_];
  double tau[GLIA_MEASURE_COUNT_], worst[GLIA_MEASURE_COUNT_];
  struct glia_figure *fig;
  bool told = false; /* some sign error is known */

  for (int i = 0; i < GLIA_MEASURE_COUNT_; i++) {
    name[i] = glia_measure_name(i);
    tau[i] = real_of(json_array_get(ranking, (size_t)i), "tau");
    worst[i] = real_of(json_array_get(ranking, (size_t)i), "worst_sign_error");
    told = told || isfinite(worst[i]);
  }
  GLIA_TRY(glia_figure_create(told ? 8.0 : 4.5, 5.5, 1, told ? 2 : 1, &fig));
  struct glia_panel *p = glia_figure_panel(fig, 0, 0);
  glia_panel_xlabel(p, "Kendall's tau with the gap");
  glia_panel_bars(p, GLIA_MEASURE_COUNT_, tau, name, NULL);
  if (told) {
    struct glia_panel *q = glia_figure_panel(fig, 0, 1);
    glia_panel_xlabel(q, "worst sign error");
    glia_panel_bars(q, GLIA_MEASURE_COUNT_, worst, name, NULL);
    glia_panel_vline(q, 0.5, "chance");
  }
  const glia_status st = glia_figure_write(fig, path);
  glia_figure_destroy(&fig);
  return st;
}

static glia_status answer(struct glia_args *a, json_t *runs)
{
  json_t *ranking = NULL;

  if (a->rank != 0) return GLIA_OK;
  if (json_array_size(runs) == 1) print_run(a, json_array_get(runs, 0));
  if (json_array_size(runs) > 1) GLIA_TRY(rank_all(a, runs, &ranking));
  glia_status st = GLIA_OK;
  if (ranking != NULL && glia_args_has(a, "output"))
    st = draw(ranking, glia_args_text(a, "output", NULL));
  for (size_t i = 0; i < json_array_size(runs); i++)
    json_object_del(json_array_get(runs, i), "config");
  if (st == GLIA_OK)
    return glia_cli_json(a, json_pack("{s:O, s:o}", "runs", runs, "ranking",
                                      ranking != NULL ? ranking : json_array()));
  json_decref(ranking);
  return st;
}

static glia_status run_all(struct glia_args *a, struct glia_comm *comm)
{
  json_t *runs = NULL;

  GLIA_TRY(glia_petsc_begin(comm));
  glia_status st = all_runs(a, comm, &runs);
  if (st == GLIA_OK) st = answer(a, runs);
  json_decref(runs);
  return st;
}

static glia_status run(struct glia_args *a)
{
  struct glia_comm *comm = NULL;

  GLIA_CHECK(a->n_words > 1 || !glia_args_has(a, "output"), GLIA_E_USAGE,
             "--output draws how measures rank runs: expected several");
  GLIA_TRY(glia_comm_world(&comm));
  const glia_status st = run_all(a, comm);
  glia_petsc_end();
  glia_comm_destroy(&comm);
  return st;
}

static const struct glia_option options[] = {{.name = "data",
                                              .kind = GLIA_OPTION_TEXT,
                                              .argument = "F.h5",
                                              .help = "data set; else the one each was trained on",
                                              .input = true},
                                             {.name = "seed",
                                              .kind = GLIA_OPTION_INT,
                                              .argument = "N",
                                              .lo = 0,
                                              .hi = 9e15,
                                              .help = "of the noise on weights (1)"},
                                             {.name = "output",
                                              .letter = 'o',
                                              .kind = GLIA_OPTION_TEXT,
                                              .argument = "F.svg",
                                              .help = "draw how the measures rank a set of runs",
                                              .output = GLIA_OUTPUT_FIGURE},
                                             {0}};

const struct glia_command glia_command_measures_ = {
    .name = "measures",
    .summary =
        "what is said to foretell generalization, and how far a set of runs lets one trust it",
    .usage = "CHECKPOINT...",
    .options = options,
    .details =
        "Norms, margins, spectra, PAC-Bayes bounds, sharpness, path norms and Fisher information "
        "on "
        "the training rows, with batch_norm folded into what stands before it; classes by labels "
        "y. "
        "The gap is training accuracy less test accuracy.\n\nOf several runs the keys in which "
        "their configurations differ are found, and each measure gets Kendall's tau, its mean "
        "along single keys, and the share of wrong signs along its worst one. A measure without "
        "its "
        "family of runs certifies nothing.",
    .example = "glia measures run --data fashion.h5\nmpirun -n 2 glia measures runs/* -o ranks.svg",
    .run = run,
    .min_words = 1,
    .max_words = RUNS_MAX,
    .parallel = true,
};
