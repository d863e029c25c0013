/* From a problem to its solution: see glia_solve.h. */
#include "solve_priv.h"

#include "glia_agree.h"
#include "glia_fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEST_POINTS = 4096, LOOK = 10 };

static double now_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static glia_status room(struct glia_group_ *g, int64_t n, int d, int targets)
{
  *g = (struct glia_group_){.n = n};
  g->x = calloc((size_t)(n * d), sizeof *g->x);
  g->weight = calloc((size_t)n, sizeof *g->weight);
  if (targets > 0) g->target = calloc((size_t)(n * targets), sizeof *g->target);
  GLIA_CHECK(g->x != NULL && g->weight != NULL && (targets == 0 || g->target != NULL),
             GLIA_E_MEMORY, "%lld points", (long long)n);
  return GLIA_OK;
}

/* Coordinates that a condition leaves free. */
static int free_coords(const struct glia_problem *p, const struct glia_pde_condition *c)
{
  int n = 0;

  if (c->n_faces == 0) return p->n_coords - 1;
  for (int k = 0; k < p->n_coords; k++) n += !c->face[0].fixed[k];
  return n;
}

static int64_t points_of(const struct glia_solver *s, int k)
{
  const struct glia_pde_condition *c = &s->own.problem->condition[k];

  if (c->points > 0) return c->points;
  if (free_coords(s->own.problem, c) == 0) return c->n_faces > 0 ? c->n_faces : 1;
  return s->config.condition;
}

/* Data and reference. */

static glia_status read_file(struct glia_solver *s, const char *file, int64_t *n, double **out)
{
  const struct glia_problem *p = s->own.problem;
  const char *name[GLIA_PDE_COORDS + GLIA_PDE_UNKNOWNS];

  for (int i = 0; i < p->n_coords; i++) name[i] = p->coord[i];
  for (int i = 0; i < p->n_unknowns; i++) name[p->n_coords + i] = p->unknown[i];
  GLIA_TRY(glia_fields_read(file, p->n_coords, p->n_unknowns, name, n, out));
  for (int64_t i = 0; i < *n; i++)
    for (int c = 0; c < p->n_coords; c++) {
      const double x = (*out)[i * (p->n_coords + p->n_unknowns) + c];
      const double slack = 1e-9 * (p->hi[c] - p->lo[c]);
      GLIA_CHECK(x >= p->lo[c] - slack && x <= p->hi[c] + slack, GLIA_E_DATA,
                 "%s: sample %lld has %s = %g, outside the domain [%g, %g]", file, (long long)i + 1,
                 p->coord[c], x, p->lo[c], p->hi[c]);
    }
  return GLIA_OK;
}

static glia_status reference_of_file(struct glia_solver *s)
{
  const int d = s->own.problem->n_coords, m = s->own.problem->n_unknowns;
  double *rows;

  GLIA_TRY(read_file(s, s->own.problem->reference.file, &s->n_test, &rows));
  s->test_x = malloc((size_t)(s->n_test * d) * sizeof *rows);
  s->test_u = malloc((size_t)(s->n_test * m) * sizeof *rows);
  const bool ok = s->test_x != NULL && s->test_u != NULL;
  for (int64_t i = 0; i < s->n_test && ok; i++) {
    memcpy(s->test_x + i * d, rows + i * (d + m), (size_t)d * sizeof *rows);
    memcpy(s->test_u + i * m, rows + i * (d + m) + d, (size_t)m * sizeof *rows);
  }
  free(rows);
  GLIA_CHECK(ok, GLIA_E_MEMORY, "%lld samples", (long long)s->n_test);
  return GLIA_OK;
}

static glia_status reference_of_formula(struct glia_solver *s)
{
  struct glia_problem *p = s->own.problem;
  bool any = false;

  for (int i = 0; i < p->n_unknowns; i++) any = any || p->exact[i] != GLIA_EXPR_NONE;
  if (!any) return GLIA_OK;
  s->n_test = TEST_POINTS;
  s->test_x = malloc((size_t)(TEST_POINTS * p->n_coords) * sizeof *s->test_x);
  s->test_u = malloc((size_t)(TEST_POINTS * p->n_unknowns) * sizeof *s->test_u);
  GLIA_CHECK(s->test_x != NULL && s->test_u != NULL, GLIA_E_MEMORY, "%d points", TEST_POINTS);
  /* drawn independently of the points of the fit */
  GLIA_TRY(glia_problem_interior(p, GLIA_POINTS_RANDOM, 0x7e57, TEST_POINTS, s->test_x));
  for (int i = 0; i < p->n_unknowns; i++) {
    struct glia_expr_tape *tape = NULL;
    if (p->exact[i] != GLIA_EXPR_NONE) GLIA_TRY(glia_expr_tape_create(p->pool, p->exact[i], &tape));
    for (int64_t k = 0; k < TEST_POINTS; k++) {
      const struct glia_expr_values v = {.coord = s->test_x + k * p->n_coords,
                                         .parameter = p->parameter_start};
      s->test_u[k * p->n_unknowns + i] =
          tape != NULL ? glia_expr_tape_value(tape, &v) : (double)NAN;
    }
    glia_expr_tape_destroy(&tape);
  }
  return GLIA_OK;
}

static double error_of(struct glia_solver *s, double *u)
{
  const int64_t n = s->n_test * s->own.problem->n_unknowns;
  double wrong = 0.0, size = 0.0;
  bool known = false;

  for (int64_t i = 0; i < n; i++) {
    if (isnan(s->test_u[i])) continue;
    known = true;
    wrong += (u[i] - s->test_u[i]) * (u[i] - s->test_u[i]);
    size += s->test_u[i] * s->test_u[i];
  }
  if (!known) return (double)NAN;
  return size > 0.0 ? sqrt(wrong / size) : sqrt(wrong);
}

/* Relative error over the reference; NaN without one. */
static glia_status measure(struct glia_solver *s, double *out)
{
  *out = (double)NAN;
  if (s->test_x == NULL) return GLIA_OK;
  double *u = malloc((size_t)(s->n_test * s->own.problem->n_unknowns) * sizeof *u);
  GLIA_CHECK(u != NULL, GLIA_E_MEMORY, "%lld values", (long long)s->n_test);
  const glia_status st = glia_pinn_fields(s->own.pinn, s->n_test, s->test_x, u);
  if (st == GLIA_OK) *out = error_of(s, u);
  free(u);
  return st;
}

static glia_status before(void *self, const struct glia_fit_state *state, const double *theta,
                          bool *stop, bool *fresh)
{
  struct glia_solver *s = self;
  double error = (double)NAN;
  int64_t asked;

  /* the error is that of what a file would hold now: the user's problem with these weights */
  glia_pinn_set(s->own.pinn, theta);
  glia_pinn_set(s->now.pinn, theta);
  if (s->watch != NULL) {
    if (state->step % LOOK == 0) GLIA_TRY(glia_agree(s->comm, measure(s, &error)));
    s->watch->step(s->watch->self, state, error, stop);
    asked = *stop;
    GLIA_TRY(glia_comm_reduce_i64(s->comm, GLIA_COMM_MAX, &asked, 1));
    *stop = asked != 0;
  }
  if (s->config.redraw > 0 && state->step > 0 && state->step % s->config.redraw == 0) {
    GLIA_TRY(glia_solver_place_(s, false, state->step, theta));
    *fresh = true;
  }
  /* what is steep in an easier problem may be elsewhere */
  if (s->config.gather > 0 && s->stage.number == s->stage.of &&
      state->step == s->stage.since + s->config.gather && s->points.theta == NULL) {
    GLIA_TRY(glia_solver_place_(s, true, state->step, theta));
    *fresh = true;
  }
  if (s->config.causal > 0.0 && !*stop) {
    GLIA_TRY(glia_solver_weigh_causally_(s));
    *fresh = true;
  }
  return GLIA_OK;
}

static glia_status set_up(struct glia_solver *s)
{
  struct glia_problem *p = s->own.problem;
  const int d = p->n_coords;

  GLIA_TRY(room(&s->group[0], s->config.interior, d, 0));
  for (int k = 0; k < p->n_conditions; k++) GLIA_TRY(room(&s->group[k + 1], points_of(s, k), d, 0));
  if (s->rows != NULL) {
    const int64_t n = p->data.points > 0 && p->data.points < s->n_rows ? p->data.points : s->n_rows;
    GLIA_TRY(room(&s->group[p->n_conditions + 1], n, d, p->n_unknowns));
  }
  return p->reference.file != NULL ? reference_of_file(s) : reference_of_formula(s);
}

static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

static glia_status choose_points(struct glia_solver *s)
{
  const int64_t per_weight = s->config.per_weight > 0 ? s->config.per_weight : 4;
  int64_t size;

  GLIA_TRY(glia_pinn_weights(s->own.problem, &s->config.network, &size));

  /* four equations a weight keep a smooth residual from vanishing between the points; below 1,000 they cost nothing */
  if (s->config.interior == 0)
    s->config.interior = largest(1000, per_weight * size / s->own.problem->n_equations);
  if (s->config.condition == 0) s->config.condition = largest(100, s->config.interior / 10);
  return GLIA_OK;
}

/* Steps that hold square matrices over the weights want more memory than a network of many weights has: said before the hours are spent. */
static glia_status fits_memory(const struct glia_solver *s)
{
  const double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  const int64_t rows = s->config.interior * s->own.problem->n_equations;
  int64_t size;

  GLIA_TRY(glia_pinn_weights(s->own.problem, &s->config.network, &size));
  const double bytes = glia_fit_bytes(s->config.method, rows, size, s->comm);
  GLIA_CHECK(bytes <= there, GLIA_E_CONFIG,
             "%s steps over %lld weights and %lld rows hold %.1f GB of matrices on this machine, "
             "which has "
             "%.1f GB: take a smaller network or fewer points, or optimizer: adam",
             glia_fit_method_names()[s->config.method], (long long)size, (long long)rows,
             1e-9 * bytes, 1e-9 * there);
  return GLIA_OK;
}

/* Each rank has read them for itself. */
static glia_status same_files(const struct glia_solver *s)
{
  const size_t row =
      (size_t)(s->own.problem->n_coords + s->own.problem->n_unknowns) * sizeof *s->rows;
  const size_t known = (size_t)(s->n_test * s->own.problem->n_unknowns) * sizeof *s->test_u;

  GLIA_TRY(glia_agree_data(s->comm, "the data", s->rows, (size_t)s->n_rows * row));
  return glia_agree_data(s->comm, "the reference", s->test_u, known);
}

glia_status glia_solver_create(struct glia_problem *problem, const struct glia_solve_config *config,
                               struct glia_comm *comm, struct glia_solver **out)
{
  struct glia_solver *s = calloc(1, sizeof *s);
  glia_status st = GLIA_OK;

  *out = NULL;
  if (s == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a solver");
  if (s != NULL) {
    s->own.problem = problem;
    s->config = *config;
    s->comm = comm;
    st = choose_points(s);
    if (st == GLIA_OK) st = fits_memory(s);
    if (problem->data.file != NULL && st == GLIA_OK)
      st = read_file(s, problem->data.file, &s->n_rows, &s->rows);
    if (st == GLIA_OK) st = set_up(s);
    for (int k = 0; k < GLIA_PINN_GROUPS; k++)
      if (s->group[k].n > s->most) s->most = s->group[k].n;
    if (st == GLIA_OK) st = glia_curriculum_check_(s);
  }
  st = glia_agree(comm, st);
  if (st == GLIA_OK) st = same_files(s);
  if (st == GLIA_OK)
    st =
        glia_pinn_create(problem, &s->config.network, s->rows != NULL, s->most, comm, &s->own.pinn);
  if (st == GLIA_OK) {
    glia_curriculum_leave_(s);
    s->theta = malloc((size_t)glia_pinn_size(s->own.pinn) * sizeof *s->theta);
    s->placed = malloc((size_t)glia_pinn_size(s->own.pinn) * sizeof *s->placed);
    const bool ok = s->theta != NULL && s->placed != NULL;
    st = glia_agree(comm, ok ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "weights"));
  }
  if (st != GLIA_OK) {
    glia_solver_destroy(&s);
    return st;
  }
  *out = s;
  return GLIA_OK;
}

void glia_solver_destroy(struct glia_solver **solver)
{
  if (solver == NULL || *solver == NULL) return;
  struct glia_solver *s = *solver;
  glia_curriculum_leave_(s);
  glia_pinn_destroy(&s->own.pinn);
  for (int k = 0; k < GLIA_PINN_GROUPS; k++) {
    free(s->group[k].x);
    free(s->group[k].weight);
    free(s->group[k].target);
  }
  free(s->theta);
  free(s->placed);
  free(s->test_x);
  free(s->test_u);
  free(s->rows);
  free(s);
  *solver = NULL;
}

/* One stage with the weights of the one before it, s->theta; start: NULL, or where this stage stood. */
static glia_status run_stage(struct glia_solver *s, const struct glia_solve_start *start,
                             bool first, struct glia_fit_result *all)
{
  const int64_t last = s->stage.since + s->config.curriculum.steps;
  const bool easier = s->stage.number < s->stage.of;
  struct glia_fit_options o = {.steps = s->config.steps,
                               .time_s = s->config.time_s,
                               .tolerance = s->config.tolerance,
                               .first = all->steps,
                               .damping = all->damping,
                               .self = s,
                               .before = before};
  const double start_s = now_s();
  struct glia_fit_result r;

  if (easier && last < o.steps) o.steps = last;
  /* rank 0's clock is in time_s; 0 would be no limit */
  if (o.time_s > 0.0) o.time_s = fmax(o.time_s - all->time_s, 1e-9);
  s->points = (struct glia_solve_points){0};
  glia_pinn_set(s->now.pinn, s->theta);
  GLIA_TRY(glia_solver_draw_(s, first));
  if (start != NULL) GLIA_TRY(glia_solver_place_again_(s, &start->points));
  GLIA_TRY(glia_fit(&s->cloud, s->config.method, &o, s->theta, &r));
  if (s->watch != NULL && s->watch->stage != NULL)
    s->watch->stage(s->watch->self, &s->stage, &r, now_s() - start_s);
  r.evaluations += all->evaluations;
  r.time_s += all->time_s;
  *all = r;
  return GLIA_OK;
}

/* A stage is over when it took its steps, or nothing more is to be had from it. */
static bool goes_on(const struct glia_solver *s, const struct glia_fit_result *r)
{
  const bool done = r->reason == GLIA_FIT_STALLED || r->reason == GLIA_FIT_TOLERANCE ||
                    (r->reason == GLIA_FIT_STEPS && r->steps < s->config.steps);

  return done && s->stage.number < s->stage.of;
}

static glia_status run_stages(struct glia_solver *s, const struct glia_solve_start *start,
                              struct glia_fit_result *r)
{
  const struct glia_solve_stage none = {0};
  int number;
  int64_t since;

  GLIA_TRY(glia_curriculum_resume_(s, start != NULL ? &start->stage : &none, start != NULL, &number,
                                   &since));
  GLIA_TRY(glia_curriculum_enter_(s, number, since));
  GLIA_TRY(run_stage(s, start, true, r));
  while (goes_on(s, r)) {
    GLIA_TRY(glia_curriculum_enter_(s, s->stage.number + 1, r->steps));
    GLIA_TRY(run_stage(s, NULL, false, r));
  }
  return GLIA_OK;
}

glia_status glia_solver_run(struct glia_solver *s, uint64_t seed,
                            const struct glia_solve_start *start,
                            const struct glia_solve_watch *watch, struct glia_solve_result *out)
{
  const double start_s = now_s();

  *out = (struct glia_solve_result){.relative_l2 = (double)NAN};
  s->seed = seed;
  s->watch = watch;
  glia_pinn_initialize(s->own.pinn, seed, s->theta);
  if (start != NULL) {
    memcpy(s->theta, start->theta, (size_t)glia_pinn_size(s->own.pinn) * sizeof *s->theta);
    out->fit.steps = start->step;
    out->fit.damping = start->damping;
  }
  const glia_status st = run_stages(s, start, &out->fit);
  if (st == GLIA_OK && out->fit.reason == GLIA_FIT_DIVERGED)
    glia_solver_tell_fault_(s, out->fault, sizeof out->fault);
  glia_curriculum_leave_(s);
  GLIA_TRY(st);
  glia_pinn_set(s->own.pinn, s->theta);
  GLIA_TRY(glia_agree(s->comm, measure(s, &out->relative_l2)));
  out->wall_s = now_s() - start_s;
  return GLIA_OK;
}

glia_status glia_solver_intervals(struct glia_solver *s, double *half)
{
  const struct glia_problem *p = s->own.problem;

  for (int i = 0; i < p->n_parameters; i++) half[i] = (double)NAN;
  if (s->rows == NULL || p->n_parameters == 0) return GLIA_OK;
  glia_pinn_set(s->own.pinn, s->theta);
  return glia_fit_intervals(&s->cloud, p->n_conditions + 1, p->n_parameters, half);
}

struct glia_pinn *glia_solver_pinn(struct glia_solver *s) { return s->own.pinn; }
double *glia_solver_theta(struct glia_solver *s) { return s->theta; }
struct glia_solve_points glia_solver_points(const struct glia_solver *s) { return s->points; }
struct glia_solve_stage glia_solver_stage(const struct glia_solver *s) { return s->stage; }
const struct glia_cloud *glia_solver_cloud(const struct glia_solver *s) { return &s->cloud; }
