/* glia plot: curves of runs from their records, several runs in one picture. */
#include "cli.h"
#include "glia_figure.h"
#include "run_picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 64, COLOURS = 7 };

/* A run's name: its folder. */
static const char *name_of(const char *path)
{
  static const char file[] = "/run.h5rec";
  static _Thread_local char name[128];
  size_t n = strlen(path);

  if (n > strlen(file) && strcmp(path + n - strlen(file), file) == 0) n -= strlen(file);
  while (n > 1 && path[n - 1] == '/') n--;
  snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : (int)sizeof name - 1, path);
  return name;
}

static glia_status draw(struct glia_args *a, struct glia_run *const *run, struct glia_figure **out)
{
  static const char *const names[] = {"loss",   "rate",      "grad_norm",
                                      "wall_s", "hessian_1", "hessian_trace"};
  static const char *const labels[] = {"training loss",
                                       "learning rate",
                                       "gradient norm",
                                       "step (s)",
                                       "largest eigenvalue of the Hessian",
                                       "trace of the Hessian"};
  const char *what = glia_args_text(a, "what", "loss");
  const bool time = strcmp(glia_args_text(a, "x", "step"), "time") == 0;
  const bool times = glia_args_has(a, "times");
  const int64_t window = glia_args_int(a, "smooth", 1);
  const char *label = what;

  GLIA_TRY(glia_figure_create(7.0, times ? 5.0 : 3.2, times ? 2 : 1, 1, out));
  struct glia_panel *p = glia_figure_panel(*out, 0, 0);
  for (size_t i = 0; i < GLIA_COUNT(names); i++)
    if (strcmp(what, names[i]) == 0) label = labels[i];
  glia_panel_ylabel(p, label);
  glia_panel_xlabel(p, time ? "time since the start" : "step");
  if (time) glia_panel_time_elapsed(p);
  if (glia_args_has(a, "log")) glia_panel_log_y(p);
  for (int i = 0; i < a->n_words; i++)
    GLIA_TRY(
        run_picture_curve(p, run[i], name_of(a->word[i]), what, time, window, i % COLOURS + 1));
  if (a->n_words == 1 && !time) run_picture_marks(p, run[0]);
  if (times) {
    struct glia_panel *q = glia_figure_panel(*out, 1, 0);
    for (int i = 0; i < a->n_words; i++)
      run_picture_times(q, run[i], a->n_words > 1 ? name_of(a->word[i]) : NULL);
    glia_panel_xlabel(q, "step");
    glia_panel_ylabel(q, "of a step, worst rank (ms)");
  }
  return glia_figure_status(*out);
}

static json_t *run_json(const char *path, const struct glia_run *r)
{
  const double *loss = run_picture_column(r, "loss");
  const struct glia_run_session *last = r->n_sessions > 0 ? &r->session[r->n_sessions - 1] : NULL;

  return json_pack(
      "{s:o, s:I, s:I, s:I, s:o, s:o}", "run", glia_json_text(path), "rows", (json_int_t)r->n,
      "last_step", (json_int_t)(r->n > 0 ? r->step[r->n - 1] : 0), "sessions",
      (json_int_t)r->n_sessions, "last_loss",
      glia_json_real(r->n > 0 && loss != NULL ? loss[r->n - 1] : (double)NAN), "reason",
      glia_json_text(last != NULL && last->reason[0] != '\0' ? last->reason : "running or killed"));
}

static glia_status plot(struct glia_args *a, struct glia_run **run)
{
  const char *path = glia_args_text(a, "output", NULL);
  struct glia_figure *fig = NULL;
  json_t *all = json_array();
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, path != NULL, GLIA_E_USAGE,
                "no -o: expected the name of a picture, as in -o loss.png");
  for (int i = 0; i < a->n_words; i++) {
    GLIA_TRY_TO(out, st, glia_run_read(a->word[i], &run[i]));
    json_array_append_new(all, run_json(a->word[i], run[i]));
  }
  GLIA_TRY_TO(out, st, draw(a, run, &fig));
  GLIA_TRY_TO(out, st, glia_figure_write(fig, path));
  glia_cli_print(a, "%s: %d run%s\n", path, a->n_words, a->n_words == 1 ? "" : "s");
  st = glia_cli_json(a, json_pack("{s:o, s:O}", "picture", glia_json_text(path), "runs", all));
out:
  json_decref(all);
  glia_figure_destroy(&fig);
  return st;
}

static glia_status run(struct glia_args *a)
{
  struct glia_run *all[RUNS_MAX] = {NULL};
  const glia_status st = plot(a, all);

  for (int i = 0; i < RUNS_MAX; i++) glia_run_free(&all[i]);
  return st;
}

static const char *const axes[] = {"step", "time", NULL};

static const struct glia_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.{svg,pdf,png,html}",
     .help = "the picture; its numbers go to F.csv",
     .output = GLIA_OUTPUT_FIGURE},
    {.name = "what",
     .kind = GLIA_OPTION_TEXT,
     .argument = "COLUMN",
     .help = "loss, rate, grad_norm, wall_s or another column of the record (loss)"},
    {.name = "x",
     .kind = GLIA_OPTION_TEXT,
     .argument = "AXIS",
     .choices = axes,
     .help = "step, or time since the start (step)"},
    {.name = "log", .kind = GLIA_OPTION_FLAG, .help = "logarithmic axis"},
    {.name = "smooth",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 1e6,
     .help = "also the mean over the last N rows"},
    {.name = "times",
     .kind = GLIA_OPTION_FLAG,
     .help = "a second panel: where the time of a step went on the slowest rank"},
    {0}};

const struct glia_command glia_command_plot_ = {
    .name = "plot",
    .summary = "curves of runs, several together",
    .usage = "RUN...",
    .options = options,
    .details = "RUN is a run's folder, or the run.h5rec in it; also of a run that goes on.",
    .example =
        "glia plot run -o loss.png --times\nglia plot run-a run-b -o both.svg --log --smooth 20",
    .run = run,
    .alone = true,
    .min_words = 1,
    .max_words = RUNS_MAX,
};
