/* glia pinn: a differential equation as text, its solution as a file. */
#include "pinn.h"

#include "glia_agree.h"
#include "glia_comm.h"
#include "glia_petsc.h"
#include "glia_progress.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct job {
  struct glia_args *args;
  struct glia_comm *comm;
  struct glia_yaml_doc *doc;
  struct glia_problem problem;
  struct glia_solve_config config;
  struct glia_solver *solver;
  struct pinn_grid grid;
  int64_t side; /* points a coordinate of it; 0: chosen */
  struct pinn_history history;
  struct glia_progress progress;
  char *config_text;
  json_t *runs, *stages;
  bool classical;
  int64_t seeds, successes;
  double *error, *wall, *parameter; /* by seed; parameter [seeds, n_parameters] */
  bool stopped;
  int64_t before; /* steps of the stages that are over */
  bool resumed;
  struct pinn_state state; /* of the last fit, or of the one that goes on */
};

/* Configuration. */

static glia_status check_keys(const struct glia_yaml *root)
{
  const char *known[64];
  int n = 0;

  for (const char *const *k = glia_problem_keys(); *k != NULL; k++) known[n++] = *k;
  for (const char *const *k = glia_solve_keys(); *k != NULL; k++) known[n++] = *k;
  known[n++] = "grid";
  known[n++] = "classical";
  known[n] = NULL;
  return glia_yaml_check_keys(root, known);
}

static glia_status configure(struct job *j)
{
  struct glia_args *a = j->args;
  glia_status st = glia_yaml_parse_file(a->word[0], &j->doc);

  for (int i = 0; i < a->n_overrides && st == GLIA_OK; i++)
    st = glia_yaml_override(j->doc, a->override[i]);
  if (st != GLIA_OK) return st;
  const struct glia_yaml *root = glia_yaml_root(j->doc);
  GLIA_TRY(check_keys(root));
  const bool solved = glia_args_text(a, "resume", NULL) != NULL;
  GLIA_TRY((solved ? glia_problem_read_solved : glia_problem_read)(root, &j->problem));
  GLIA_TRY(glia_solve_config_read(root, &j->problem, &j->config));
  GLIA_TRY(glia_problem_settle(&j->problem, j->doc));
  GLIA_TRY(glia_yaml_get_int(root, "grid", 2, 2049, &j->side));
  j->classical = true;
  GLIA_TRY(glia_yaml_get_bool(root, "classical", &j->classical));
  return glia_yaml_print(root, &j->config_text);
}

/* Stages of time see more and more of it. */
static const char *until(bool time) { return time ? "until " : ""; }

static void tell_curriculum(const struct job *j)
{
  const struct glia_curriculum *c = &j->config.curriculum;
  char text[1024] = "";

  if (c->n == 0) return;
  for (int k = 0; k < c->n; k++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%g, ", c->value[k]);
  glia_cli_print(j->args, "  stages of %lld steps at most: %s%s = %sthen %g\n", (long long)c->steps,
                 until(c->time), c->name, text, c->own);
}

/* What was read, and what was chosen where the user left it open. */
static void tell(const struct job *j)
{
  const struct glia_problem *p = &j->problem;
  const struct glia_pinn_network *n = &j->config.network;
  const struct glia_cloud *c = glia_solver_cloud(j->solver);
  const struct glia_pinn *pinn = c->pinn;
  char text[512];

  for (int k = 0; k < p->n_equations; k++)
    glia_cli_print(j->args, "%s = 0\n",
                   glia_expr_print(p->pool, &p->names, p->equation[k], text, sizeof text));
  for (int i = 0; i < p->n_coords; i++)
    glia_cli_print(j->args, "  %s in [%g, %g], seen by the network %s\n", p->coord[i], p->lo[i],
                   p->hi[i], p->periodic[i] ? "as sine and cosine of its period" : "on [-1, 1]");
  for (int i = 0; i < p->n_unknowns; i++)
    if (!p->ansatz_given[i])
      glia_cli_print(j->args, "  %s = %s%g x output of the network\n", p->unknown[i],
                     p->imposed[i] ? "what the conditions say + " : "", p->scale[i]);
  for (int k = 0; k < p->n_seams; k++)
    glia_cli_print(j->args,
                   "  the start has a kink where %s begins again: rounded off by %g u_%s%s\n",
                   p->coord[p->seam[k].coord], p->seam[k].diffusion, p->coord[p->seam[k].coord],
                   p->coord[p->seam[k].coord]);
  tell_curriculum(j);
  if (n->model != NULL)
    glia_cli_print(j->args, "  network of %d layers, derivatives by %s, %lld weights\n",
                   n->model->n_children, glia_pinn_by_rules(pinn) ? "the graph's rules" : "jets",
                   (long long)glia_pinn_size(pinn));
  else
    glia_cli_print(j->args, "  network %d x %d %s, %lld weights\n", n->depth, n->width,
                   glia_jet_activation_names()[n->activation], (long long)glia_pinn_size(pinn));
}

/* One seed. */

static void watch(void *self, const struct glia_fit_state *s, double error, bool *stop)
{
  struct job *j = self;
  const struct glia_solve_stage stage = glia_solver_stage(j->solver);
  char text[160], at[64] = "";

  *stop = glia_stop_requested() != 0;
  if (j->args->rank != 0) return;
  pinn_history_add(&j->history, (double)s->step, s->loss, error);
  if (stage.number < stage.of) snprintf(at, sizeof at, "%s = %g: ", stage.name, stage.value);
  if (isnan(error))
    snprintf(text, sizeof text, "%sloss %.2e", at, s->loss);
  else
    snprintf(text, sizeof text, "%sloss %.2e, error %.2e", at, s->loss, error);
  glia_progress_update(&j->progress, (double)s->step, text);
}

/* Nothing but a signal stops a fit of this program: the word that glia train has for it. */
static const char *reason_text(const struct glia_fit_result *fit)
{
  return fit->reason == GLIA_FIT_STOPPED ? "signal" : glia_fit_reason_text(fit->reason);
}

/* A stage is over. */
static void stage(void *self, const struct glia_solve_stage *s, const struct glia_fit_result *fit,
                  double wall_s)
{
  struct job *j = self;
  const char *reason = reason_text(fit);
  const int64_t steps = fit->steps - j->before;

  j->before = fit->steps;
  if (s->of == 0) return;
  json_array_append_new(j->stages,
                        json_pack("{s:s, s:f, s:I, s:s, s:o, s:f}", "name", s->name, "value",
                                  s->value, "steps", (json_int_t)steps, "reason", reason, "loss",
                                  glia_json_real(fit->loss), "wall_s", wall_s));
  if (s->number < s->of)
    glia_cli_print(j->args,
                   "  stage %d of %d, %s%s = %g: loss %.3g after %lld steps, %.1f s (%s)\n",
                   s->number + 1, s->of, until(s->time), s->name, s->value, fit->loss,
                   (long long)steps, wall_s, reason);
}

static glia_status one_seed(struct job *j, int64_t k)
{
  const struct glia_problem *p = &j->problem;
  const struct glia_solve_watch w = {j, watch, stage};
  struct glia_solve_result r;
  double half[GLIA_PDE_PARAMETERS];
  const uint64_t seed = (uint64_t)(j->config.seed + k);
  const struct glia_solve_start start = {j->state.step, j->state.damping, j->state.theta,
                                         j->state.points, j->state.stage};

  j->history.n = 0;
  j->before = j->resumed ? j->state.step : 0;
  json_array_clear(j->stages);
  glia_progress_begin(&j->progress, "pinn", "steps", (double)j->config.steps);
  if (j->args->rank != 0) j->progress.silent = true;
  const glia_status st = glia_solver_run(j->solver, seed, j->resumed ? &start : NULL, &w, &r);
  glia_progress_end(&j->progress);
  GLIA_TRY(st);
  GLIA_TRY(glia_solver_intervals(j->solver, half));
  const struct glia_solve_stage at = glia_solver_stage(j->solver);
  for (int i = 0; i < p->n_parameters && at.number < at.of; i++)
    half[i] = NAN; /* of an easier problem, perhaps of no data */
  j->stopped = r.fit.reason == GLIA_FIT_STOPPED;
  j->state.seed = (int64_t)seed;
  j->state.step = r.fit.steps;
  j->state.damping = r.fit.damping;
  j->error[j->seeds] = r.relative_l2;
  j->wall[j->seeds] = r.wall_s;
  const double *theta =
      glia_solver_theta(j->solver) + glia_pinn_size(glia_solver_pinn(j->solver)) - p->n_parameters;
  for (int i = 0; i < p->n_parameters; i++) j->parameter[j->seeds * p->n_parameters + i] = theta[i];
  if (isfinite(r.relative_l2) && r.relative_l2 <= j->config.target) j->successes++;
  j->seeds++;
  json_t *run = json_pack("{s:I, s:s, s:I, s:I, s:o, s:o, s:f}", "seed", (json_int_t)seed, "reason",
                          reason_text(&r.fit), "steps", (json_int_t)r.fit.steps, "evaluations",
                          (json_int_t)r.fit.evaluations, "loss", glia_json_real(r.fit.loss),
                          "relative_l2", glia_json_real(r.relative_l2), "wall_s", r.wall_s);
  for (int i = 0; i < p->n_parameters; i++) {
    char name[96];
    snprintf(name, sizeof name, "%s_interval", p->parameter[i]);
    json_object_set_new(run, p->parameter[i], glia_json_real(theta[i]));
    json_object_set_new(run, name, glia_json_real(half[i]));
  }
  if (r.fault[0] != '\0') json_object_set_new(run, "fault", glia_json_text(r.fault));
  if (j->config.curriculum.n > 0) json_object_set_new(run, "stages", json_deep_copy(j->stages));
  json_array_append_new(j->runs, run);
  char error[48] = "no reference to compare with";
  if (!isnan(r.relative_l2)) snprintf(error, sizeof error, "relative L2 error %.3g", r.relative_l2);
  if (at.number < at.of)
    glia_cli_print(j->args, "seed %lld ended in stage %d of %d: its loss is that of %s%s = %g\n",
                   (long long)seed, at.number + 1, at.of, until(at.time), at.name, at.value);
  glia_cli_print(j->args, "seed %lld: %s; loss %.3g after %lld steps, %.1f s (%s%s%s)\n",
                 (long long)seed, error, isnan(r.fit.loss) ? (double)NAN : r.fit.loss,
                 (long long)r.fit.steps, r.wall_s, reason_text(&r.fit),
                 r.fault[0] != '\0' ? ": " : "", r.fault);
  for (int i = 0; i < p->n_parameters; i++)
    if (isnan(half[i]))
      glia_cli_print(j->args, "  %s = %.8g\n", p->parameter[i], theta[i]);
    else
      glia_cli_print(j->args, "  %s = %.8g +- %.2g (95 %%)\n", p->parameter[i], theta[i], half[i]);
  return GLIA_OK;
}

static int by_size(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Sorts x. A NaN among them: NaN. */
static double median(int64_t n, double *x)
{
  for (int64_t i = 0; i < n; i++)
    if (isnan(x[i])) return (double)NAN;
  if (n == 0) return (double)NAN;
  qsort(x, (size_t)n, sizeof *x, by_size);
  return n % 2 == 1 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

static glia_status files(struct job *j)
{
  struct glia_args *a = j->args;
  const char *solution = glia_args_text(a, "output", NULL),
             *picture = glia_args_text(a, "plot", NULL);

  if (a->rank != 0 || (solution == NULL && picture == NULL)) return GLIA_OK;
  GLIA_TRY(pinn_grid_make(j->solver, &j->problem, j->side, &j->grid));
  if (solution != NULL)
    GLIA_TRY(pinn_write(&j->problem, j->solver, &j->grid, &j->state, j->config_text, solution,
                        glia_args_has(a, "force")));
  if (picture != NULL) GLIA_TRY(pinn_draw(&j->problem, j->solver, &j->grid, &j->history, picture));
  if (j->seeds > 1)
    glia_cli_print(a, "%s: seed %lld, the last one\n", solution != NULL ? solution : picture,
                   (long long)j->state.seed);
  return GLIA_OK;
}

static glia_status answer(struct job *j)
{
  const struct glia_problem *p = &j->problem;
  double *column = malloc((size_t)j->seeds * sizeof *column);
  json_t *parameters = json_object(), *beside = json_null();

  GLIA_CHECK(column != NULL, GLIA_E_MEMORY, "%lld seeds", (long long)j->seeds);
  for (int i = 0; i < p->n_parameters; i++) {
    for (int64_t k = 0; k < j->seeds; k++) column[k] = j->parameter[k * p->n_parameters + i];
    json_object_set_new(parameters, p->parameter[i], glia_json_real(median(j->seeds, column)));
  }
  free(column);
  const double error = median(j->seeds, j->error), wall = median(j->seeds, j->wall);
  if (j->seeds > 1 && !isnan(error))
    glia_cli_print(j->args, "median of %lld seeds: relative L2 error %.3g, %.1f s; %lld below %g\n",
                   (long long)j->seeds, error, wall, (long long)j->successes, j->config.target);
  if (j->classical && !j->stopped)
    GLIA_TRY(pinn_classical(j->args, j->comm, &j->problem, j->solver, error, wall, &beside));
  return glia_cli_json(j->args,
                       json_pack("{s:o, s:o, s:I, s:I, s:f, s:I, s:i, s:o, s:o, s:O}",
                                 "relative_l2", glia_json_real(error), "wall_s",
                                 glia_json_real(wall), "seeds", (json_int_t)j->seeds, "successes",
                                 (json_int_t)j->successes, "target", j->config.target, "weights",
                                 (json_int_t)glia_pinn_size(glia_solver_pinn(j->solver)), "ranks",
                                 j->args->size, "parameters", parameters, "classical", beside,
                                 "runs", j->runs));
}

/* Weights, step and damping of a solution file: each rank reads it, all must have read the same. */
static glia_status resume(struct job *j)
{
  const char *path = glia_args_text(j->args, "resume", NULL);
  const int64_t n = glia_pinn_size(glia_solver_pinn(j->solver));

  if (path == NULL) return GLIA_OK;
  j->state.theta = calloc((size_t)n, sizeof *j->state.theta);
  j->state.placed = calloc((size_t)n, sizeof *j->state.placed);
  const bool ok = j->state.theta != NULL && j->state.placed != NULL;
  glia_status st = ok ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "weights");
  if (st == GLIA_OK) st = pinn_read(j->solver, path, &j->state);
  if (st == GLIA_OK && j->config.seeds != 1)
    st = GLIA_FAIL(GLIA_E_CONFIG,
                   "%s is the fit of seed %lld: --resume goes on with that one, and seeds is %lld",
                   path, (long long)j->state.seed, (long long)j->config.seeds);
  GLIA_TRY(glia_agree(j->comm, st));
  const size_t bytes = (size_t)n * sizeof *j->state.theta;
  GLIA_TRY(glia_agree_data(j->comm, path, j->state.theta, bytes));
  GLIA_TRY(glia_agree_data(j->comm, path, j->state.placed, bytes));
  j->config.seed = j->state.seed;
  j->resumed = true;
  glia_cli_print(j->args, "  goes on after step %lld of seed %lld\n", (long long)j->state.step,
                 (long long)j->state.seed);
  return GLIA_OK;
}

static glia_status run_all(struct job *j)
{
  struct glia_args *a = j->args;

  GLIA_TRY(glia_comm_world(&j->comm));
  const glia_status read = configure(j);
  /* every rank saw the same fault: one shows it */
  if (read != GLIA_OK && a->rank == 0 && j->problem.fault[0] != '\0')
    fprintf(stderr, "%s\n", j->problem.fault);
  GLIA_TRY(glia_agree(j->comm, read));
  GLIA_TRY(glia_agree_setup(j->comm, "the configuration", j->config_text, true));
  const glia_status may =
      a->rank == 0 ? pinn_may_write(&j->problem, glia_args_text(a, "output", NULL),
                                    glia_args_text(a, "plot", NULL), glia_args_has(a, "force"))
                   : GLIA_OK;
  GLIA_TRY(glia_agree(j->comm, may));
  const size_t n = (size_t)j->config.seeds;
  j->error = calloc(n, sizeof *j->error);
  j->wall = calloc(n, sizeof *j->wall);
  j->parameter = calloc(n * GLIA_PDE_PARAMETERS, sizeof *j->parameter);
  const bool ok = j->error != NULL && j->wall != NULL && j->parameter != NULL;
  GLIA_TRY(glia_agree(j->comm, ok ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "%zu seeds", n)));
  GLIA_TRY(glia_solver_create(&j->problem, &j->config, j->comm, &j->solver));
  tell(j);
  GLIA_TRY(resume(j));
  glia_stop_catch();
  for (int64_t k = 0; k < j->config.seeds && !j->stopped; k++) GLIA_TRY(one_seed(j, k));
  GLIA_TRY(glia_agree(j->comm, files(j)));
  if (j->stopped) a->exit_code = GLIA_EXIT_REQUEUE;
  return answer(j);
}

static glia_status run(struct glia_args *args)
{
  struct job j = {.args = args, .runs = json_array(), .stages = json_array()};
  const glia_status st = run_all(&j);

  glia_solver_destroy(&j.solver);
  glia_problem_fini(&j.problem);
  pinn_grid_free(&j.grid);
  pinn_history_free(&j.history);
  glia_yaml_destroy(&j.doc);
  free(j.config_text);
  free(j.state.theta);
  free(j.state.placed);
  free(j.error);
  free(j.wall);
  free(j.parameter);
  json_decref(j.runs);
  json_decref(j.stages);
  glia_petsc_end();
  glia_comm_destroy(&j.comm);
  return st;
}

static const struct glia_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .help = "solution on a grid and weights, with F.xdmf for ParaView beside it; of several "
             "seeds the last one's",
     .output = GLIA_OUTPUT_NEW},
    {.name = "plot",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.svg",
     .help = "draw solution, error, residual and loss: .svg, .pdf, .png or .html",
     .output = GLIA_OUTPUT_FIGURE},
    {.name = "resume",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .help = "go on with the fit whose solution that is: its seed, weights and step",
     .input = true},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace an existing solution"},
    {0}};

const struct glia_command glia_command_pinn_ = {
    .name = "pinn",
    .summary = "solve a differential equation that is written as text",
    .usage = "CONFIG.yaml [key=value ...]",
    .options = options,
    .details =
        "CONFIG.yaml names unknowns, domain, equations and conditions; docs/formats/pinn.md lists "
        "all keys:\n\n"
        "    unknowns: [u]\n"
        "    domain: {x: [0, 1], y: [0, 1]}\n"
        "    equations: [\"u_xx + u_yy = -2*pi^2*sin(pi*x)*sin(pi*y)\"]\n"
        "    conditions: [{at: boundary, equation: \"u = 0\"}]\n"
        "    exact: {u: \"sin(pi*x)*sin(pi*y)\"}\n\n"
        "A network takes the place of the solution; its weights are found by Levenberg-Marquardt "
        "steps in double precision, with the same bits for any number of ranks. Where finite "
        "differences by PETSc can solve the same text, the answer has them beside it. `parameters` "
        "are "
        "numbers of the equation that are found from `data` as well.",
    .example = "glia pinn poisson.yaml -o poisson.h5 --plot poisson.svg\n"
               "mpirun -n 2 glia pinn burgers.yaml seeds=3 time=300s --json",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .overrides = true,
    .parallel = true,
};
