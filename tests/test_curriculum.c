/* Curricula: easier problems first, each with the weights of the one before it. */
#include "pde_problem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BURGERS                                                                                    \
  "unknowns: [u]\ndomain: {t: [0, 0.5], x: [0, 2*pi]}\nperiodic: x\nconstants: {nu: %s, k: "       \
  "2*nu}\nequations: [\"u_t + u*u_x = k*u_xx/2\"]\nconditions: [{at: {t: 0}, equation: \"u = "     \
  "cos(x) + nu\"}]\n"
#define NETWORK "network: {depth: 1, width: 6}\n"
#define LAYERS  "network: {model: [linear: 3, sin, residual: [linear: 3, tanh], linear: 1]}\n"
#define FEW     "points: {interior: 300%s}\n"

enum { SIZE = 31 };

struct fit {
  struct glia_problem problem;
  struct glia_yaml_doc *doc;
  struct glia_solve_config config;
  struct glia_solver *solver;
  struct glia_solve_result result;
};

static void open_fit(struct fit *f, const char *text)
{
  *f = (struct fit){0};
  CU_ASSERT_EQUAL_FATAL(glia_yaml_parse_text("p.yaml", text, strlen(text), &f->doc), GLIA_OK);
  const struct glia_yaml *root = glia_yaml_root(f->doc);
  CU_ASSERT_EQUAL_FATAL(glia_problem_read(root, &f->problem), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solve_config_read(root, &f->problem, &f->config), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solver_create(&f->problem, &f->config, NULL, &f->solver), GLIA_OK);
}

static void close_fit(struct fit *f)
{
  glia_solver_destroy(&f->solver);
  glia_problem_fini(&f->problem);
  glia_yaml_destroy(&f->doc);
}

/* The loss of a problem at some weights, with no stages before it. */
static double loss_of(const char *network, const char *nu, const double *theta)
{
  char text[1024];
  struct fit *f = malloc(sizeof *f);
  const struct glia_solve_start start = {.theta = theta};

  snprintf(text, sizeof text, BURGERS FEW "%ssteps: 0\n", nu, "", network);
  open_fit(f, text);
  CU_ASSERT_EQUAL_FATAL(glia_solver_run(f->solver, 1, &start, NULL, &f->result), GLIA_OK);
  const double loss = f->result.fit.loss;
  close_fit(f);
  free(f);
  return loss;
}

/* What was seen of the stages. */
struct log {
  struct fit *fit;
  int n;
  int64_t size; /* of theta */
  struct glia_solve_stage stage[4];
  int64_t steps[4];
  glia_fit_reason reason[4];
  double loss[4], theta[4][SIZE];
  double latest[4], seen[4]; /* t of inner points at most; what the first condition weighs */
  int64_t stop;              /* ends the fit before that step */
};

static void no_step(void *self, const struct glia_fit_state *state, double error, bool *stop)
{
  const struct log *l = self;

  (void)error;
  *stop = l->stop > 0 && state->step == l->stop;
}

static void stage_over(void *self, const struct glia_solve_stage *stage,
                       const struct glia_fit_result *fit, double wall_s)
{
  struct log *l = self;
  const struct glia_cloud *c = glia_solver_cloud(l->fit->solver);
  const int k = l->n++;

  (void)wall_s;
  CU_ASSERT_FATAL(k < 4);
  l->stage[k] = *stage;
  l->steps[k] = fit->steps;
  l->reason[k] = fit->reason;
  l->loss[k] = fit->loss;
  l->size = glia_pinn_size(glia_solver_pinn(l->fit->solver));
  CU_ASSERT_FATAL(l->size <= SIZE);
  memcpy(l->theta[k], glia_solver_theta(l->fit->solver), (size_t)l->size * sizeof(double));
  for (int64_t i = 0; i < c->points[0].n; i++)
    l->latest[k] = fmax(l->latest[k], c->points[0].x[2 * i]);
  for (int64_t i = 0; i < c->points[1].n; i++)
    l->seen[k] += c->points[1].weight[i] * c->points[1].weight[i];
}

static void watched(struct fit *f, struct log *l, const struct glia_solve_start *start)
{
  const struct glia_solve_watch w = {l, no_step, stage_over};
  const int64_t stop = l->stop;

  *l = (struct log){.fit = f, .stop = stop};
  CU_ASSERT_EQUAL_FATAL(glia_solver_run(f->solver, 1, start, &w, &f->result), GLIA_OK);
}

/* Each stage's loss at the weights where it ended is that of the same text with the stage's number: ansatz, formulas of the constant and
 * all; the last one is the problem's. */
static void stages_run_in_order_and_end_at_the_problem(void)
{
  static const char *const nu[] = {"0.4", "0.2", "0.1"};
  struct fit *f = malloc(sizeof *f);
  struct log *l = calloc(1, sizeof *l);
  char text[1024];

  snprintf(text, sizeof text,
           BURGERS FEW NETWORK "steps: 12\ncurriculum: {nu: [0.4, 2*nu], steps: 4}\n", "0.1", "");
  open_fit(f, text);
  for (int again = 0; again < 2; again++) { /* a second seed begins at the first stage, too */
    watched(f, l, NULL);
    CU_ASSERT_EQUAL_FATAL(l->n, 3);
    for (int k = 0; k < 3; k++) {
      CU_ASSERT_EQUAL(l->stage[k].number, k);
      CU_ASSERT_EQUAL(l->stage[k].of, 2);
      CU_ASSERT_EQUAL(l->stage[k].since, 4 * k);
      CU_ASSERT_EQUAL(l->steps[k], 4 * (k + 1));
      CU_ASSERT_EQUAL(l->stage[k].value, strtod(nu[k], NULL));
      CU_ASSERT_STRING_EQUAL(l->stage[k].name, "nu");
      CU_ASSERT_FALSE(l->stage[k].time);
      CU_ASSERT_EQUAL(l->loss[k], loss_of(NETWORK, nu[k], l->theta[k]));
      CU_ASSERT_NOT_EQUAL(l->loss[k], loss_of(NETWORK, nu[(k + 1) % 3], l->theta[k]));
    }
    CU_ASSERT_EQUAL(f->result.fit.steps, 12);
    CU_ASSERT_EQUAL(f->result.fit.loss, l->loss[2]);
  }
  close_fit(f);
  free(f);
  free(l);
}

/* Weights of any layers are taken over as well, and stages in mid-fit go on. */
static void stages_run_with_any_layers(void)
{
  static double theta[SIZE];
  struct fit *f = malloc(sizeof *f);
  struct log *l = calloc(1, sizeof *l);
  char text[1024];

  snprintf(text, sizeof text, BURGERS FEW LAYERS "steps: 8\ncurriculum: {nu: [0.4], steps: 4}\n",
           "0.1", "");
  open_fit(f, text);
  CU_ASSERT_FATAL(glia_pinn_by_rules(glia_solver_pinn(f->solver)));
  watched(f, l, NULL);
  CU_ASSERT_EQUAL_FATAL(l->n, 2);
  CU_ASSERT_EQUAL(l->loss[0], loss_of(LAYERS, "0.4", l->theta[0]));
  CU_ASSERT_EQUAL(l->loss[1], loss_of(LAYERS, "0.1", l->theta[1]));
  CU_ASSERT(l->loss[1] < loss_of(LAYERS, "0.1", l->theta[0]));
  const double loss = l->loss[1];
  l->stop = 2;
  watched(f, l, NULL);
  memcpy(theta, glia_solver_theta(f->solver), (size_t)l->size * sizeof *theta);
  const struct glia_solve_start start = {.step = f->result.fit.steps,
                                         .damping = f->result.fit.damping,
                                         .theta = theta,
                                         .points = glia_solver_points(f->solver),
                                         .stage = glia_solver_stage(f->solver)};
  CU_ASSERT_EQUAL(start.stage.number, 0);
  l->stop = 0;
  watched(f, l, &start);
  CU_ASSERT_EQUAL(f->result.fit.loss, loss);
  close_fit(f);
  free(f);
  free(l);
}

/* Points up to the stage's t alone; a condition beyond it waits, one on both sides of it weighs as much as ever. */
static void horizons_grow(void)
{
  static const double horizon[] = {0.125, 0.3, 0.5};
  struct fit *f = malloc(sizeof *f);
  struct log *l = calloc(1, sizeof *l);
  char text[1024];

  for (int both = 0; both < 2; both++) {
    snprintf(
        text, sizeof text,
        "unknowns: [u]\ndomain: {t: [0, 0.5], x: [0, 2*pi]}\nperiodic: x\nimpose: penalty\n"
        "equations: [\"u_t + u*u_x = 0.1*u_xx\"]\nconditions: [{at: {t: %s}, equation: \"u = "
        "cos(x)\"}, {at: {t: 0}, equation: \"u = cos(x)\"}]\nnetwork: {depth: 1, width: 6}\n"
        "points: {interior: 300, redraw: 3}\nsteps: 12\ncurriculum: {t: [0.125, 0.3], steps: 4}\n",
        both ? "[0, 0.5]" : "0.5");
    open_fit(f, text);
    watched(f, l, NULL);
    CU_ASSERT_EQUAL_FATAL(l->n, 3);
    for (int k = 0; k < 3; k++) {
      CU_ASSERT_TRUE(l->stage[k].time);
      CU_ASSERT(l->latest[k] <= horizon[k] && l->latest[k] > 0.95 * horizon[k]);
      CU_ASSERT(fabs(l->seen[k] - (k == 2 || both ? 100.0 : 0.0)) < 1e-9);
    }
    close_fit(f);
  }
  free(f);
  free(l);
}

/* A stage that has nothing more to give ends before its steps. */
static void stages_end_at_the_tolerance(void)
{
  struct fit *f = malloc(sizeof *f);
  struct log *l = calloc(1, sizeof *l);
  char text[1024];

  snprintf(text, sizeof text,
           BURGERS FEW NETWORK "steps: 200\ntolerance: 0.1\ncurriculum: {nu: [0.4], steps: 50}\n",
           "0.2", "");
  open_fit(f, text);
  watched(f, l, NULL);
  CU_ASSERT_EQUAL_FATAL(l->n, 2);
  CU_ASSERT_EQUAL(l->reason[0], GLIA_FIT_TOLERANCE);
  CU_ASSERT(l->steps[0] > 0 && l->steps[0] < 50 && l->loss[0] <= 0.1);
  CU_ASSERT_EQUAL(l->stage[1].since, l->steps[0]);
  CU_ASSERT_EQUAL(l->reason[1], GLIA_FIT_TOLERANCE);
  CU_ASSERT_EQUAL(l->loss[1], loss_of(NETWORK, "0.2", l->theta[1]));
  close_fit(f);
  free(f);
  free(l);
}

/* Stopped before any step, within a stage or between two, it goes on with the bits of a fit that was not. */
static void interrupted_stages_go_on(void)
{
  static const char *const more[] = {"", ", gather: 2", ", redraw: 3", ", causal: 1"};
  static double theta[SIZE], placed[SIZE], whole[SIZE];
  struct fit *f = malloc(sizeof *f);
  struct log *l = calloc(1, sizeof *l);
  char text[1024];

  for (int m = 0; m < 8; m++) {
    snprintf(text, sizeof text, BURGERS FEW NETWORK "steps: 12\ncurriculum: {%s, steps: 4}\n",
             "0.1", more[m / 2], m % 2 == 0 ? "nu: [0.4, 0.2]" : "t: [0.125, 0.3]");
    open_fit(f, text);
    l->stop = 0;
    watched(f, l, NULL);
    memcpy(whole, glia_solver_theta(f->solver), sizeof whole);
    for (int64_t at = 1; at < 12; at++) {
      l->stop = at;
      watched(f, l, NULL);
      struct glia_solve_start start = {.step = f->result.fit.steps,
                                       .damping = f->result.fit.damping,
                                       .theta = theta,
                                       .points = glia_solver_points(f->solver),
                                       .stage = glia_solver_stage(f->solver)};
      CU_ASSERT_EQUAL(f->result.fit.reason, GLIA_FIT_STOPPED);
      CU_ASSERT_EQUAL(start.step, at);
      CU_ASSERT_EQUAL(start.stage.number, at <= 4 ? 0 : at <= 8 ? 1 : 2);
      memcpy(theta, glia_solver_theta(f->solver), sizeof theta);
      if (start.points.theta != NULL) {
        memcpy(placed, start.points.theta, sizeof placed);
        start.points.theta = placed;
      }
      l->stop = 0;
      watched(f, l, &start);
      CU_ASSERT_EQUAL(f->result.fit.steps, 12);
      if (memcmp(whole, glia_solver_theta(f->solver), sizeof whole) != 0)
        tap_note("%s, stopped before step %d", text + strlen(text) - 30, (int)at);
      CU_ASSERT(memcmp(whole, glia_solver_theta(f->solver), sizeof whole) == 0);
    }
    close_fit(f);
  }
  free(f);
  free(l);
}

/* What is asked and cannot be. */
static void refuses(const char *curriculum, const char *said)
{
  struct glia_solve_config config;
  struct glia_solver *solver = NULL;
  char text[1024];

  snprintf(text, sizeof text, BURGERS FEW NETWORK "steps: 12\ncurriculum: %s\n", "0.1", "",
           curriculum);
  must_read(text);
  glia_status st = glia_solve_config_read(glia_yaml_root(doc), &q, &config);
  if (st == GLIA_OK) st = glia_solver_create(&q, &config, NULL, &solver);
  CU_ASSERT_EQUAL(st, GLIA_E_CONFIG);
  if (strstr(glia_trace_message(), said) == NULL)
    tap_note("expected '%s' in: %s", said, glia_trace_message());
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), said));
  glia_solver_destroy(&solver);
  forget();
}

static void curricula_that_are_none_are_refused(void)
{
  refuses("{mu: [1], steps: 2}", "did you mean 'nu'");
  refuses("{nu: 1, steps: 2}", "values of 1 to 32 stages");
  refuses("{nu: [], steps: 2}", "values of 1 to 32 stages");
  refuses("{steps: 2}", "a constant, or t");
  refuses("{nu: [0.3], t: [0.1], steps: 2}", "'nu' has them");
  refuses("{nu: [0.3], steps: 0}", "found 0, expected 1");
  refuses("{nu: [0.3], steps: 12}", "could leave none of 12");
  refuses("{nu: [0.3, 0.2, 0.15]}", "could leave none of 12");
  refuses("{nu: [mu], steps: 2}", "unknown name 'mu'");
  refuses("{nu: [1/0], steps: 2}", "division by zero");
  refuses("{nu: [[1]], steps: 2}", "expected a number");
  refuses("{t: [0.5], steps: 2}", "between 0 and 0.5: found 0.5");
  refuses("{t: [0.3, 0.3], steps: 2}", "between 0.3 and 0.5: found 0.3");
  refuses("{t: [0], steps: 2}", "between 0 and 0.5: found 0");
  refuses("{t: [0.1, 2], steps: 2}", "found 2");
  refuses("{nu: [0.3, -0.3], steps: 2}", "with nu = -0.3: p.yaml:1: ill-posed");
}

/* The kink of this start is rounded off where nu is more than zero, and an input of the network then. */
static void stages_of_other_networks_are_refused(void)
{
  struct glia_solve_config config;
  struct glia_solver *solver = NULL;

  must_read(
      "unknowns: [u]\ndomain: {t: [0, 1], x: [-1, 1]}\nperiodic: x\nconstants: {nu: 0.1}\n"
      "equations: [\"u_t + u*u_x = nu*u_xx\"]\nconditions: [{at: {t: 0}, equation: \"u = x^2\"}]"
      "\ncurriculum: {nu: [0]}\n");
  CU_ASSERT_EQUAL_FATAL(q.n_seams, 1);
  CU_ASSERT_EQUAL_FATAL(glia_solve_config_read(glia_yaml_root(doc), &q, &config), GLIA_OK);
  CU_ASSERT_EQUAL(glia_solver_create(&q, &config, NULL, &solver), GLIA_E_CONFIG);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "with nu = 0 the network has other inputs"));
  forget();
}

TAP_MAIN("curriculum", TAP(stages_run_in_order_and_end_at_the_problem),
         TAP(stages_run_with_any_layers), TAP(horizons_grow), TAP(stages_end_at_the_tolerance),
         TAP(interrupted_stages_go_on), TAP(curricula_that_are_none_are_refused),
         TAP(stages_of_other_networks_are_refused))
