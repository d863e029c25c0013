/* glia report: one page about a run, from its record. */
#include "cli.h"
#include "glia_report.h"
#include "glia_text.h"
#include "run_picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CELL = 64, RANKS_SHOWN = 64 };

static const struct glia_run_session *last_of(const struct glia_run *r)
{
  return r->n_sessions > 0 ? &r->session[r->n_sessions - 1] : NULL;
}

static int64_t steps_of(const struct glia_run *r) { return r->n > 0 ? r->step[r->n - 1] : 0; }

static const char *utc(double s, char out[CELL])
{
  const time_t whole = isfinite(s) ? (time_t)s : 0;
  struct tm t;

  out[0] = '\0';
  if (isfinite(s) && gmtime_r(&whole, &t) != NULL) strftime(out, CELL, "%Y-%m-%d %H:%M:%S UTC", &t);
  return out;
}

static void put_verdict(struct glia_report *page, const struct glia_run *r)
{
  const struct glia_run_session *last = last_of(r);
  const char *reason = last != NULL && last->reason[0] != '\0' ? last->reason : "running or killed";
  const bool good = strcmp(reason, "completed") == 0 || strcmp(reason, "stopped") == 0;
  const bool bad = strcmp(reason, "diverged") == 0 || strcmp(reason, "failed") == 0;
  char text[200];

  snprintf(text, sizeof text, "%s after %lld steps", reason, (long long)steps_of(r));
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = (char)(text[0] - 'a' + 'A');
  glia_report_verdict(page,
                      good  ? GLIA_VERDICT_GOOD
                      : bad ? GLIA_VERDICT_BAD
                            : GLIA_VERDICT_NEUTRAL,
                      text);
}

static bool is_metric(const char *fact)
{
  return strncmp(fact, "test_", 5) == 0 && strcmp(fact, "test_loss") != 0 &&
         strcmp(fact, "test_accuracy") != 0;
}

static void put_outcome(struct glia_report *page, const struct glia_run *r)
{
  const double *loss = run_picture_column(r, "loss");
  const double accuracy = run_picture_fact(r, "test_accuracy"),
               test = run_picture_fact(r, "test_loss");
  const double speed = run_picture_fact(r, "samples_per_s");

  glia_report_table(page, 2, NULL);
  if (r->n > 0 && loss != NULL)
    glia_report_fact(page, "training loss", "%.6g (%.6g at step %lld)", loss[r->n - 1], loss[0],
                     (long long)r->step[0]);
  if (!isnan(test)) glia_report_fact(page, "test loss", "%.6g", test);
  if (!isnan(accuracy)) glia_report_fact(page, "test accuracy", "%.4f", accuracy);
  for (int i = 0; i < r->n_facts; i++) /* metrics: of the configuration */
    if (is_metric(r->fact[i].name) && r->fact[i].kind == GLIA_ATTRIBUTE_REAL)
      glia_report_fact(page, r->fact[i].name, "%.6g", r->fact[i].r);
  if (!isnan(speed) && speed > 0.0) glia_report_fact(page, "samples per second", "%.0f", speed);
  if (last_of(r) != NULL)
    glia_report_fact(page, "workers", "%lld ranks of %lld threads", (long long)last_of(r)->ranks,
                     (long long)last_of(r)->threads);
}

static glia_status curve(struct glia_report *page, const struct glia_run *r, const char *what,
                         const char *label, bool log, const char *caption)
{
  const double *y = run_picture_column(r, what);
  const int64_t window = r->n >= 200 ? r->n / 100 : 1;
  struct glia_figure *fig = NULL;
  bool any = false, positive = true;

  for (int64_t i = 0; y != NULL && i < r->n; i++) {
    any |= isfinite(y[i]);
    positive &= !isfinite(y[i]) || y[i] > 0.0;
  }
  if (!any) return GLIA_OK; /* no such column, or never filled: no clipping, no gradient norm */
  GLIA_TRY(glia_figure_create(7.0, 2.8, 1, 1, &fig));
  struct glia_panel *p = glia_figure_panel(fig, 0, 0);
  glia_panel_xlabel(p, "step");
  glia_panel_ylabel(p, label);
  if (log && positive) glia_panel_log_y(p);
  const glia_status st = run_picture_curve(p, r, NULL, what, false, window, 1);
  run_picture_marks(p, r);
  if (st == GLIA_OK) glia_report_figure(page, fig, caption);
  glia_figure_destroy(&fig);
  return st;
}

static glia_status put_curves(struct glia_report *page, const struct glia_run *r)
{
  glia_report_heading(page, "Curves");
  if (r->n == 0) {
    glia_report_paragraph(page, "No step was recorded.");
    return GLIA_OK;
  }
  GLIA_TRY(curve(page, r, "loss", "training loss", true,
                 r->n >= 200 ? "Training loss, and its mean over a hundredth of the rows."
                             : "Training loss."));
  GLIA_TRY(curve(page, r, "rate", "learning rate", false, "Learning rate."));
  return curve(page, r, "grad_norm", "gradient norm", true,
               "Norm of the gradient before clipping.");
}

/* Mean of one part of a rank's steps, in seconds; NaN where it has none. */
static double mean_of(const struct glia_run *r, const float *part, int64_t rank)
{
  double sum = 0.0;
  int64_t n = 0;

  for (int64_t t = 0; t < r->n_times; t++) {
    const double v = (double)part[t * r->ranks + rank];
    if (isnan(v)) continue;
    sum += v;
    n++;
  }
  return n > 0 ? sum / (double)n : (double)NAN;
}

static void put_ranks(struct glia_report *page, const struct glia_run *r)
{
  static const char *const header[] = {"rank", "node", "compute (ms)", "exposed wait (ms)",
                                       "input (ms)"};
  int64_t slowest = -1;

  glia_report_table(page, (int)GLIA_COUNT(header), header);
  for (int64_t k = 0; k < r->ranks; k++) {
    const double part[3] = {mean_of(r, r->compute, k), mean_of(r, r->wait, k),
                            mean_of(r, r->input, k)};
    char cell[4][CELL];
    if (slowest < 0 || part[0] > mean_of(r, r->compute, slowest)) slowest = k;
    if (k >= RANKS_SHOWN) continue;
    snprintf(cell[0], CELL, "%lld", (long long)k);
    for (int i = 0; i < 3; i++)
      snprintf(cell[i + 1], CELL, isnan(part[i]) ? "" : "%.3f", 1e3 * part[i]);
    glia_report_row(page, (const char *const[]){cell[0], k < r->n_nodes ? r->node[k] : "", cell[1],
                                                cell[2], cell[3]});
  }
  if (r->ranks < 2 || slowest < 0) return;
  char text[300];
  snprintf(text, sizeof text,
           "Rank %lld%s%.200s computes longest. What a step waits for is spread over the others.",
           (long long)slowest, slowest < r->n_nodes ? " on " : "",
           slowest < r->n_nodes ? r->node[slowest] : "");
  glia_report_paragraph(page, text);
}

static glia_status put_times(struct glia_report *page, const struct glia_run *r)
{
  struct glia_figure *fig = NULL;

  if (r->n_times == 0) return GLIA_OK;
  glia_report_heading(page, "Where the time went");
  GLIA_TRY(glia_figure_create(7.0, 2.8, 1, 1, &fig));
  struct glia_panel *p = glia_figure_panel(fig, 0, 0);
  glia_panel_xlabel(p, "step");
  glia_panel_ylabel(p, "of a step, worst rank (ms)");
  run_picture_times(p, r, NULL);
  glia_report_figure(page, fig, "Of every part the rank that spent most on it.");
  glia_figure_destroy(&fig);
  put_ranks(page, r);
  return GLIA_OK;
}

static void put_sessions(struct glia_report *page, const struct glia_run *r)
{
  static const char *const header[] = {"start",   "end",   "from step",
                                       "to step", "ranks", "why it ended"};

  glia_report_heading(page, r->n_sessions == 1 ? "Start" : "Starts");
  glia_report_table(page, (int)GLIA_COUNT(header), header);
  for (int64_t i = 0; i < r->n_sessions; i++) {
    const struct glia_run_session *s = &r->session[i];
    char start[CELL], end[CELL], from[CELL], to[CELL] = "", ranks[CELL];
    snprintf(from, sizeof from, "%lld", (long long)s->first_step);
    if (s->last_step >= 0) snprintf(to, sizeof to, "%lld", (long long)s->last_step);
    snprintf(ranks, sizeof ranks, "%lld x %lld", (long long)s->ranks, (long long)s->threads);
    glia_report_row(page, (const char *const[]){utc(s->start_s, start), utc(s->end_s, end), from,
                                                to, ranks,
                                                s->reason[0] != '\0'    ? s->reason
                                                : i + 1 < r->n_sessions ? "killed"
                                                                        : "running or killed"});
  }
}

static void put_build(struct glia_report *page, const struct glia_run *r)
{
  static const char *const outcome[] = {"train_loss", "samples_per_s", "test_accuracy",
                                        "test_loss"};

  glia_report_heading(page, "Build and configuration");
  glia_report_table(page, 2, NULL);
  for (int i = 0; i < r->n_facts; i++) {
    const struct glia_attribute *f = &r->fact[i];
    bool said = is_metric(f->name);
    for (size_t k = 0; k < GLIA_COUNT(outcome); k++) said |= strcmp(f->name, outcome[k]) == 0;
    if (said) continue;
    if (f->kind == GLIA_ATTRIBUTE_INT) glia_report_fact(page, f->name, "%lld", (long long)f->i);
    if (f->kind == GLIA_ATTRIBUTE_REAL) glia_report_fact(page, f->name, "%.9g", f->r);
    if (f->kind == GLIA_ATTRIBUTE_TEXT) glia_report_fact(page, f->name, "%s", f->text);
  }
  glia_report_listing(page, r->config);
}

static glia_status write_page(const struct glia_run *r, const char *name, const char *path)
{
  struct glia_report *page = NULL;
  char title[300];
  glia_status st = GLIA_OK;

  snprintf(title, sizeof title, "Run %.250s", name);
  GLIA_TRY(glia_report_create(title, &page));
  put_verdict(page, r);
  put_outcome(page, r);
  GLIA_TRY_TO(out, st, put_curves(page, r));
  GLIA_TRY_TO(out, st, put_times(page, r));
  put_sessions(page, r);
  put_build(page, r);
  st = glia_report_write(page, path);
out:
  glia_report_destroy(&page);
  return st;
}

static glia_status run(struct glia_args *a)
{
  const char *path = glia_args_text(a, "output", NULL);
  struct glia_run *r = NULL;

  GLIA_CHECK(path != NULL, GLIA_E_USAGE, "no -o: expected the name of a page, as in -o run.html");
  GLIA_TRY(glia_run_read(a->word[0], &r));
  const glia_status st = write_page(r, a->word[0], path);
  const struct glia_run_session *last = last_of(r);
  json_t *j = json_pack(
      "{s:o, s:o, s:I, s:I, s:o}", "page", glia_json_text(path), "run", glia_json_text(a->word[0]),
      "last_step", (json_int_t)steps_of(r), "sessions", (json_int_t)r->n_sessions, "reason",
      glia_json_text(last != NULL && last->reason[0] != '\0' ? last->reason : "running or killed"));
  glia_run_free(&r);
  if (st != GLIA_OK) {
    json_decref(j);
    return st;
  }
  glia_cli_print(a, "%s\n", path);
  return glia_cli_json(a, j);
}

static const struct glia_option options[] = {{.name = "output",
                                              .letter = 'o',
                                              .kind = GLIA_OPTION_TEXT,
                                              .argument = "F.html",
                                              .help = "the page; required",
                                              .output = GLIA_OUTPUT_PAGE},
                                             {0}};

const struct glia_command glia_command_report_ = {
    .name = "report",
    .summary = "one page about a run: outcome, curves, times of every rank, configuration",
    .usage = "RUN -o F.html",
    .options = options,
    .details = "RUN is a run's folder, or the run.h5rec in it; also of a run that goes on or was "
               "killed. The page needs nothing from outside and can be mailed.",
    .example = "glia report run -o run.html",
    .run = run,
    .alone = true,
    .min_words = 1,
    .max_words = 1,
};
