/* glia theory: exact learning curves of linear networks, from given numbers. */
#include "theory.h"
#include "cli.h"
#include "glia_comm.h"
#include "glia_figure.h"
#include "glia_petsc.h"

#include <math.h>
#include <stdlib.h>

enum { CURVE = 241 };

/* What is asked. */
struct question {
  struct glia_theory theory;
  int depth, n;
  double *t;
  json_t *data; /* what was estimated; NULL: all was given */
};

static json_t *reals(int n, const double *x)
{
  json_t *a = json_array();

  for (int i = 0; i < n; i++) json_array_append_new(a, glia_json_real(x[i]));
  return a;
}

static glia_status errors_at(const struct question *q, int n, const double *t, double *test,
                             double *train)
{
  if (q->depth > 1)
    return glia_theory_deep_errors(&(struct glia_theory_deep){q->theory, q->depth}, n, t, test,
                                   train, NULL);
  for (int i = 0; i < n; i++) {
    test[i] = glia_theory_test_error(&q->theory, t[i]);
    train[i] = glia_theory_train_error(&q->theory, t[i]);
  }
  return GLIA_OK;
}

/* Errors over time, with the best time and the limits. */
static glia_status draw(const struct question *q, double t_opt, const char *path)
{
  double t[CURVE], test[CURVE], train[CURVE];
  struct glia_figure *fig;
  char title[128];

  for (int i = 0; i < CURVE; i++) t[i] = pow(10.0, -2.0 + 5.0 * i / (CURVE - 1));
  GLIA_TRY(errors_at(q, CURVE, t, test, train));
  GLIA_TRY(glia_figure_create(3.6, 2.6, 1, 1, &fig));
  struct glia_panel *p = glia_figure_panel(fig, 0, 0);
  snprintf(title, sizeof title, "alpha %g, SNR %g, INR %g%s", q->theory.alpha, q->theory.snr,
           q->theory.inr, q->depth > 1 ? ", deep" : "");
  glia_panel_title(p, title);
  glia_panel_xlabel(p, "time (tau)");
  glia_panel_ylabel(p, "error (noise variance)");
  glia_panel_log_x(p);
  glia_panel_line(p, CURVE, t, test, &(struct glia_style){.label = "test"});
  glia_panel_line(p, CURVE, t, train, &(struct glia_style){.label = "training"});
  if (q->depth == 1 && t_opt > t[0]) glia_panel_vline(p, t_opt, "stop");
  const glia_status st = glia_figure_write(fig, path);
  glia_figure_destroy(&fig);
  return st;
}

static glia_status answer(struct glia_args *a, const struct question *q, const double *test,
                          const double *train)
{
  double best, ridge, size_error;
  const struct glia_theory *th = &q->theory;
  const double late = glia_theory_late_error(th), t_opt = glia_theory_best_time(th, &best);
  const double gamma = glia_theory_best_decay(th, &ridge);
  const double size = glia_theory_best_size(th, &size_error);
  const double over = glia_theory_overtraining(th);

  for (int i = 0; i < q->n; i++)
    glia_cli_print(a, "t %-8g test %-10.6g training %.6g\n", q->t[i], test[i], train[i]);
  glia_cli_print(a,
                 "stop at t = %.4g: test error %.4g; late: %.4g, of which frozen %.4g; trained too "
                 "long (t = 1000) it is %.3g times the best\n"
                 "best weight decay %.4g: %.4g; best size %.3g of the teacher's inputs: %.4g\n",
                 t_opt, best, late, glia_theory_frozen_error(th), over, gamma, ridge, size,
                 size_error);
  if (glia_args_has(a, "output")) GLIA_TRY(draw(q, t_opt, glia_args_text(a, "output", NULL)));
  json_t *all = json_pack(
      "{s:f, s:f, s:f, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
      "s:o, s:o}",
      "alpha", th->alpha, "snr", th->snr, "inr", th->inr, "depth", q->depth, "t", reals(q->n, q->t),
      "test_error", reals(q->n, test), "train_error", reals(q->n, train), "t_opt",
      glia_json_real(t_opt), "test_error_opt", glia_json_real(best), "late_test_error",
      glia_json_real(late), "frozen_error", glia_json_real(glia_theory_frozen_error(th)),
      "overtraining_ratio", glia_json_real(over), "best_decay", glia_json_real(gamma),
      "test_error_best_decay", glia_json_real(ridge), "best_size", glia_json_real(size),
      "test_error_best_size", glia_json_real(size_error), "weight_growth",
      glia_json_real(glia_theory_growth(th, q->n > 0 ? q->t[q->n - 1] : t_opt)));
  if (all != NULL && q->data != NULL) json_object_set(all, "data", q->data);
  return glia_cli_json(a, all);
}

/* Data that do not tell their SNR have no curves. */
static glia_status answer_unknown(struct glia_args *a, const struct question *q)
{
  json_t *all = json_pack("{s:f, s:n, s:n, s:n, s:n}", "alpha", q->theory.alpha, "snr", "t_opt",
                          "test_error_opt", "late_test_error");

  GLIA_CHECK(!glia_args_has(a, "output"), GLIA_E_DATA,
             "nothing to draw: these data do not tell their SNR");
  if (all != NULL) json_object_set(all, "data", q->data);
  return glia_cli_json(a, all);
}

static glia_status run_given(struct glia_args *a, struct question *q)
{
  glia_status st = GLIA_OK;

  GLIA_CHECK(
      q->data != NULL || (glia_args_has(a, "alpha") && glia_args_has(a, "snr")), GLIA_E_USAGE,
      "--alpha and --snr are missing: samples over inputs, and signal over noise; or give --data");
  if (isnan(q->theory.snr)) return answer_unknown(a, q);
  GLIA_TRY(glia_theory_check(&q->theory));
  double *error = calloc(2 * (size_t)q->n + 1, sizeof *error);
  GLIA_CHECK(error != NULL, GLIA_E_MEMORY, "errors at %d times", q->n);
  if (q->depth > 1) st = glia_petsc_begin(NULL);
  if (st == GLIA_OK) st = errors_at(q, q->n, q->t, error, error + q->n);
  if (st == GLIA_OK) st = answer(a, q, error, error + q->n);
  glia_petsc_end();
  free(error);
  return st;
}

static glia_status run(struct glia_args *a)
{
  struct question q = {
      .theory = {.alpha = glia_args_real(a, "alpha", 0.0),
                 .snr = glia_args_real(a, "snr", 0.0),
                 .inr = glia_args_real(a, "inr", 0.0)},
      .depth = (int)glia_args_int(a, "depth", 1),
  };

  glia_status st = GLIA_OK;
  GLIA_CHECK(!glia_args_has(a, "data") || !(glia_args_has(a, "alpha") || glia_args_has(a, "snr")),
             GLIA_E_USAGE, "--alpha and --snr are what --data tells: give one or the other");
  if (glia_args_has(a, "data")) st = theory_from_data(a, &q.theory, &q.data);
  /* the answer is an integral: one rank has it at once */
  if (st == GLIA_OK && a->rank == 0) st = glia_args_reals(a, "t", &q.t, &q.n);
  if (st == GLIA_OK && a->rank == 0) st = run_given(a, &q);
  free(q.t);
  json_decref(q.data);
  return st;
}

static const struct glia_option options[] = {
    {.name = "alpha",
     .kind = GLIA_OPTION_REAL,
     .argument = "A",
     .lo = 1e-6,
     .hi = 1e6,
     .help = "load: samples over inputs"},
    {.name = "snr",
     .kind = GLIA_OPTION_REAL,
     .argument = "S",
     .lo = 0.0,
     .hi = 1e9,
     .help = "variance of the teacher's weights over that of the noise"},
    {.name = "inr",
     .kind = GLIA_OPTION_REAL,
     .argument = "I",
     .lo = 0.0,
     .hi = 1e9,
     .help = "variance of the initial weights over that of the noise (0)"},
    {.name = "t",
     .kind = GLIA_OPTION_REALS,
     .argument = "T1,T2,...",
     .lo = 0.0,
     .hi = 1e12,
     .help = "times in units of tau"},
    {.name = "depth",
     .kind = GLIA_OPTION_INT,
     .argument = "D",
     .lo = 1,
     .hi = 16,
     .help = "layers of weights of a deep linear network (1)"},
    {.name = "data",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .help = "estimate alpha and SNR from /train/x and /train/y of this data set",
     .input = true},
    {.name = "rate",
     .kind = GLIA_OPTION_REAL,
     .argument = "R",
     .lo = 1e-12,
     .hi = 1e12,
     .with = "data",
     .help = "with --data: say the best time in steps of gradient descent at this rate"},
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.svg",
     .help = "draw the curves: .svg, .pdf, .png or .html",
     .output = GLIA_OUTPUT_FIGURE},
    {0}};

const struct glia_command glia_command_theory_ = {
    .name = "theory",
    .summary = "exact learning curves of linear networks: when to stop, what more data bring",
    .usage = "--alpha A --snr S [--inr I] [--t T1,T2,...] | --data F.h5",
    .options = options,
    .details =
        "Errors are in units of the noise variance, time in tau of full-batch gradient flow on the "
        "sum of squares. Everything is an integral over the law of Marchenko and Pastur: no random "
        "numbers. At alpha = 1 the late error has no limit.\n\nFor --depth above 1 time is in tau "
        "N^{-(D-1)/D}, and the best time is that of the shallow network.\n\n--data takes labels as "
        "one output a class, and counts inputs by "
        "what their covariance leaves of them. What a linear teacher does not explain counts as "
        "noise.",
    .example = "glia theory --alpha 0.5 --snr 5 --inr 0 --t 0.2,1,5,100 -o curves.svg\n"
               "glia theory --data fashion.h5 --rate 1e-3",
    .run = run,
    .parallel = true,
};
