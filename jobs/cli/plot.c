/* glia plot: curves of runs from their records, several runs in one picture. */
#include "cli.h"
#include "glia_figure.h"
#include "glia_run_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 64, COLOURS = 7 };

static const double *column(const struct glia_run *r, const char *name)
{
  for (int i = 0; i < r->n_columns; i++)
    if (strcmp(r->column[i], name) == 0) return r->value[i];
  return NULL;
}

/* A number among a run's facts; NaN: not there. */
static double fact(const struct glia_run *r, const char *name)
{
  for (int i = 0; i < r->n_facts; i++)
    if (strcmp(r->fact[i].name, name) == 0 && r->fact[i].kind == GLIA_ATTRIBUTE_REAL)
      return r->fact[i].r;
  return (double)NAN;
}

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

/* x of the curves: steps, or seconds since the first start. [n + 1] */
static double *abscissa(const struct glia_run *r, bool time)
{
  double *x = malloc(((size_t)r->n + 1) * sizeof *x);
  const double *t = column(r, "time_s");

  if (x == NULL) return NULL;
  for (int64_t i = 0; i < r->n; i++)
    x[i] = !time                            ? (double)r->step[i]
           : t != NULL && r->n_sessions > 0 ? t[i] - r->session[0].start_s
                                            : (double)NAN;
  return x;
}

/* Mean over a window that ends at each row. */
static double *smooth(int64_t n, const double *y, int64_t window)
{
  double *out = malloc(((size_t)n + 1) * sizeof *out);

  for (int64_t i = 0; out != NULL && i < n; i++) {
    const int64_t from = i + 1 > window ? i + 1 - window : 0;
    double sum = 0.0;
    for (int64_t k = from; k <= i; k++) sum += y[k];
    out[i] = sum / (double)(i + 1 - from);
  }
  return out;
}

static glia_status draw_run(struct glia_panel *p, const struct glia_run *r, const char *name,
                            const char *what, bool time, int64_t window, int colour)
{
  const double *y = column(r, what);

  GLIA_CHECK(y != NULL, GLIA_E_MISSING, "%s has no column %s", name, what);
  double *x = abscissa(r, time);
  double *mean = smooth(r->n, y, window);
  if (x != NULL && mean != NULL) {
    if (window > 1)
      glia_panel_line(p, r->n, x, y,
                      &(struct glia_style){.colour = colour, .opacity = 0.25, .width_pt = 0.6});
    glia_panel_line(p, r->n, x, mean, &(struct glia_style){.label = name, .colour = colour});
  }
  const bool enough = x != NULL && mean != NULL;
  free(x);
  free(mean);
  GLIA_CHECK(enough, GLIA_E_MEMORY, "a curve of %lld rows", (long long)r->n);
  return GLIA_OK;
}

/* Where a step's time went, of the rank that it went to worst. */
static void draw_times(struct glia_panel *p, const struct glia_run *r, const char *name)
{
  const float *part[3] = {r->compute, r->wait, r->input};
  static const char *const word[3] = {"compute", "exposed wait", "input"};
  double *x = malloc(((size_t)r->n_times + 1) * sizeof *x);
  double *y = malloc(((size_t)r->n_times + 1) * sizeof *y);

  for (int i = 0; i < 3 && x != NULL && y != NULL; i++) {
    char label[200];
    for (int64_t t = 0; t < r->n_times; t++) {
      double worst = (double)NAN;
      for (int64_t k = 0; k < r->ranks; k++) worst = fmax(worst, (double)part[i][t * r->ranks + k]);
      x[t] = (double)r->time_step[t];
      y[t] = 1e3 * worst;
    }
    snprintf(label, sizeof label, "%s%s%s", name != NULL ? name : "", name != NULL ? ": " : "",
             word[i]);
    glia_panel_line(p, r->n_times, x, y, &(struct glia_style){.label = label});
  }
  free(x);
  free(y);
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
    GLIA_TRY(draw_run(p, run[i], name_of(a->word[i]), what, time, window, i % COLOURS + 1));
  for (int i = 0; a->n_words == 1 && !time && i < run[0]->n_sessions; i++)
    if (run[0]->session[i].first_step > 0)
      glia_panel_vline(p, (double)run[0]->session[i].first_step, i < 4 ? "resumed" : NULL);
  if (a->n_words == 1 && !time && isfinite(fact(run[0], "theory_stop_step")))
    glia_panel_vline(p, fact(run[0], "theory_stop_step"), "theory");
  if (times) {
    struct glia_panel *q = glia_figure_panel(*out, 1, 0);
    for (int i = 0; i < a->n_words; i++)
      draw_times(q, run[i], a->n_words > 1 ? name_of(a->word[i]) : NULL);
    glia_panel_xlabel(q, "step");
    glia_panel_ylabel(q, "of a step, worst rank (ms)");
  }
  return glia_figure_status(*out);
}

static json_t *run_json(const char *path, const struct glia_run *r)
{
  const double *loss = column(r, "loss");
  const struct glia_run_session *last = r->n_sessions > 0 ? &r->session[r->n_sessions - 1] : NULL;

  return json_pack(
      "{s:s, s:I, s:I, s:I, s:o, s:s}", "run", path, "rows", (json_int_t)r->n, "last_step",
      (json_int_t)(r->n > 0 ? r->step[r->n - 1] : 0), "sessions", (json_int_t)r->n_sessions,
      "last_loss", glia_json_real(r->n > 0 && loss != NULL ? loss[r->n - 1] : (double)NAN),
      "reason", last != NULL && last->reason[0] != '\0' ? last->reason : "running or killed");
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
  st = glia_cli_json(a, json_pack("{s:s, s:O}", "picture", path, "runs", all));
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
     .help = "the picture; its numbers go to F.csv"},
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
    .min_words = 1,
    .max_words = RUNS_MAX,
};
