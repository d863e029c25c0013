/* glia study: published methods against their baselines, and sweeps over a training run. */
#include "glia_agree.h"
#include "glia_log.h"
#include "study_report.h"

#include <string.h>

/* ---- study list */

static json_t *recorded_json(const struct glia_study *s)
{
  json_t *gates = json_array();

  for (int i = 0; i < study_gates(s); i++) {
    const struct study_record *r = study_recorded(s, s->gate[i].name);
    json_array_append_new(gates, json_pack("{s:s, s:o, s:f, s:o}", "name", s->gate[i].name, "value",
                                           r != NULL ? glia_json_real(r->value) : json_null(),
                                           "limit", s->gate[i].limit, "pass",
                                           r != NULL ? json_boolean(r->pass) : json_null()));
  }
  return json_pack("{s:s, s:s, s:s, s:I, s:s?, s:o}", "name", s->name, "title", s->title, "source",
                   s->source, "seeds", (json_int_t)s->seeds, "data", s->data, "gates", gates);
}

static glia_status run_list(struct glia_args *a)
{
  json_t *all = json_array();

  for (const struct glia_study *const *s = study_list(); *s != NULL; s++) {
    glia_cli_print(a, "%-16s %s\n", (*s)->name, (*s)->title);
    for (int i = 0; i < study_gates(*s); i++) {
      const struct study_gate *g = &(*s)->gate[i];
      const struct study_record *r = study_recorded(*s, g->name);
      const char *sign = g->direction == STUDY_AT_LEAST ? ">=" : "<=";
      if (r != NULL)
        glia_cli_print(a, "%16s %s %s: %.4g, limit %s %g\n", "", r->pass ? "PASS" : "FAIL", g->name,
                       r->value, sign, g->limit);
      else
        glia_cli_print(a, "%16s ?    %s: limit %s %g, not recorded\n", "", g->name, sign, g->limit);
    }
    json_array_append_new(all, recorded_json(*s));
  }
  return glia_cli_json(a, json_pack("{s:o}", "studies", all));
}

const struct glia_command glia_command_study_list_ = {
    .name = "study list",
    .summary = "studies that run, with the gates of their last recorded run",
    .example = "glia study list",
    .run = run_list,
    .alone = true,
};

/* ---- study docs */

static glia_status run_docs(struct glia_args *a)
{
  char *page;

  GLIA_TRY(study_methods_page(&page));
  glia_cli_print(a, "%s", page);
  const glia_status st = glia_cli_json(a, json_pack("{s:s}", "page", page));
  free(page);
  return st;
}

const struct glia_command glia_command_study_docs_ = {
    .name = "study docs",
    .summary = "print docs/methods.md",
    .example = "glia study docs >docs/methods.md",
    .run = run_docs,
    .hidden = true,
    .alone = true,
};

/* ---- study run */

struct job {
  struct glia_arena arena;
  struct glia_study sweep; /* where NAME is a file */
  struct study_plan plan;
  char dir[512];
};

static bool is_file(const char *name)
{
  const char *dot = strrchr(name, '.');

  return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* studies/NAME; of a file its name without folder and ending. */
static void default_dir(struct job *j, const char *name)
{
  const char *slash = strrchr(name, '/');
  const char *from = is_file(name) && slash != NULL ? slash + 1 : name;
  const char *dot = is_file(name) ? strrchr(from, '.') : NULL;
  const int n = (int)(dot != NULL ? dot - from : (long)strlen(from));

  snprintf(j->dir, sizeof j->dir, "studies/%.*s", n, from);
}

static glia_status choose(struct job *j, const struct glia_args *a)
{
  const char *name = a->word[0];
  const struct glia_study *s = NULL;

  if (is_file(name)) {
    GLIA_TRY(study_sweep(&j->arena, name, a->n_overrides, a->override, &j->sweep, &j->plan.data));
    j->plan.study = &j->sweep;
    return GLIA_OK;
  }
  GLIA_TRY(study_find(name, &s));
  GLIA_TRY(study_check(s));
  GLIA_CHECK(a->n_overrides == 0, GLIA_E_USAGE,
             "%s: the study %s is what it is; '%s' can change a sweep (FILE.yaml)", a->override[0],
             name, a->override[0]);
  j->plan.study = s;
  j->plan.data = glia_args_text(a, "data", NULL);
  return study_data_check(s, j->plan.data);
}

static glia_status make_plan(struct job *j, const struct glia_args *a)
{
  GLIA_TRY(choose(j, a));
  default_dir(j, a->word[0]);
  struct study_plan *p = &j->plan;
  p->dir = glia_args_text(a, "dir", j->dir);
  p->quick = glia_args_has(a, "quick");
  p->seeds = glia_args_int(a, "seeds", p->quick ? p->study->quick_seeds : p->study->seeds);
  p->group = (int)glia_args_int(a, "group", 1);
  const bool full = !p->quick && p->seeds == p->study->seeds;
  GLIA_CHECK(full || !glia_args_has(a, "record"), GLIA_E_USAGE,
             "only a full run is put on record: without --quick and --seeds");
  if (p->data != NULL && a->rank == 0) GLIA_TRY(study_sha256_file(p->data, p->data_sha256));
  return GLIA_OK;
}

static glia_status keep(const struct glia_args *a, const struct job *j,
                        const struct study_outcome *out, bool control)
{
  const char *figure = glia_args_text(a, "figure", NULL);
  const char *record = glia_args_text(a, "record", NULL);

  if (!control) GLIA_TRY(study_results_write(&j->plan, &out->table));
  if (figure != NULL) GLIA_TRY(study_picture(&j->plan, &out->table, figure));
  if (record != NULL && study_gates(j->plan.study) > 0)
    GLIA_TRY(study_record_write(&out->table, record));
  return GLIA_OK;
}

static glia_status run_job(struct glia_args *a, struct job *j, struct glia_comm *comm)
{
  const double start_s = glia_time_s();
  const bool control = glia_args_has(a, "control");
  struct study_outcome out;

  GLIA_TRY(glia_agree(comm, make_plan(j, a)));
  GLIA_TRY(glia_comm_bcast(comm, j->plan.data_sha256, sizeof j->plan.data_sha256, 0));
  GLIA_CHECK(!control || study_gates(j->plan.study) > 0, GLIA_E_USAGE,
             "a sweep has no gates and no control");
  glia_status st = study_run(&j->plan, comm, &out);
  if (st == GLIA_OK && a->rank == 0) {
    if (!out.stopped) st = keep(a, j, &out, control);
    if (st == GLIA_OK) st = study_report(a, &j->plan, &out, control, glia_time_s() - start_s);
  }
  if (out.stopped) a->exit_code = GLIA_EXIT_REQUEUE;
  study_table_free(&out.table);
  return glia_agree(comm, st);
}

static glia_status run_study(struct glia_args *a)
{
  struct job j = {.sweep = {0}};
  struct glia_comm *comm = NULL;

  GLIA_TRY(glia_comm_world(&comm));
  const glia_status st = run_job(a, &j, comm);
  glia_comm_destroy(&comm);
  glia_arena_fini(&j.arena);
  return st;
}

static const struct glia_option run_options[] = {
    {.name = "quick", .kind = GLIA_OPTION_FLAG, .help = "fewer seeds, for a first look"},
    {.name = "seeds",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = STUDY_SEEDS_MAX,
     .help = "as many seeds; a single one gives no interval"},
    {.name = "dir",
     .kind = GLIA_OPTION_TEXT,
     .argument = "DIR",
     .help = "where cells and results.h5 land (studies/NAME)"},
    {.name = "group",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 1e6,
     .help = "ranks that share a cell (1); the table does not depend on it"},
    {.name = "data",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE.h5",
     .help = "the dataset of a study that needs one",
     .input = true},
    {.name = "control",
     .kind = GLIA_OPTION_FLAG,
     .help = "put the control in the method's place: now the gates must fail"},
    {.name = "figure",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.svg",
     .help = "a picture (svg, pdf, png, html): every seed, means, effects, gates",
     .output = GLIA_OUTPUT_FIGURE},
    {.name = "record",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "put the gates of this full run into the sources' table of records",
     .output = GLIA_OUTPUT_ANEW},
    {0},
};

const struct glia_command glia_command_study_run_ = {
    .name = "study run",
    .summary = "run a study, or a sweep over a training configuration, on all ranks",
    .usage = "NAME | FILE.yaml [key=value ...]",
    .options = run_options,
    .details =
        "Every variant runs with every seed in every setting. Each such cell runs on --group ranks "
        "of its own and lands in DIR/cells as soon as it is finished: a study that was killed goes "
        "on where it was. A cell whose definition or data have changed is run again. The table has "
        "the same bits for any number of ranks.\n\nEffects are differences of means to the "
        "baseline, with their 95 % interval by Student's t, paired by seed. A gate that fails is "
        "printed as FAIL and makes \"pass\" false; it is an outcome, so the exit code is 0. "
        "SIGTERM, SIGINT and SIGUSR1 end with exit code 75.\n\nA FILE.yaml is a training "
        "configuration with lists of values on top: sweep: {optimizer.adam.lr: [1e-2, 1e-3], "
        "data.batch: [32, 64], seeds: 3}. All combinations run; the first is the baseline. Cells "
        "write no checkpoints.",
    .example = "glia study run moons --quick\nmpirun -n 2 glia study run moons --figure moons.svg\n"
               "glia study run sweep.yaml epochs=2 --json",
    .run = run_study,
    .min_words = 1,
    .max_words = 1,
    .overrides = true,
    .parallel = true,
};
