/* From a problem to its solution: see glia_solve.h. */
#include "glia_solve.h"
#include "pinn_priv.h"
#include "problem_priv.h"

#include "glia_agree.h"
#include "glia_fields.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEST_POINTS = 4096, LOOK = 10, SLABS = 20 };

struct group {
  int64_t n;
  double *x, *weight, *target;
  bool idle; /* the ansatz fulfils it whatever the weights */
};

struct glia_solver {
  struct glia_problem *problem;
  struct glia_solve_config config;
  struct glia_comm *comm;
  struct glia_pinn *pinn;
  struct glia_cloud cloud;
  struct group group[GLIA_PINN_GROUPS];
  double *theta;
  double *placed; /* room for points.theta [glia_pinn_size] */
  struct glia_solve_points points;
  int64_t n_test;
  double *test_x, *test_u; /* [n_test, coords], [n_test, unknowns]; NULL: no reference */
  double *rows;            /* of the data file: [n_rows, coords + unknowns] */
  int64_t n_rows;
  const struct glia_solve_watch *watch;
  uint64_t seed;
};

static double now_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static glia_status room(struct group *g, int64_t n, int d, int targets)
{
  *g = (struct group){.n = n};
  g->x = calloc((size_t)(n * d), sizeof *g->x);
  g->weight = calloc((size_t)n, sizeof *g->weight);
  if (targets > 0) g->target = calloc((size_t)(n * targets), sizeof *g->target);
  GLIA_CHECK(g->x != NULL && g->weight != NULL && (targets == 0 || g->target != NULL),
             GLIA_E_MEMORY, "%lld points", (long long)n);
  return GLIA_OK;
}

static void weigh(struct group *g, double weight)
{
  for (int64_t i = 0; i < g->n; i++) g->weight[i] = sqrt(weight / (double)g->n);
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
  const struct glia_pde_condition *c = &s->problem->condition[k];

  if (c->points > 0) return c->points;
  if (free_coords(s->problem, c) == 0) return c->n_faces > 0 ? c->n_faces : 1;
  return s->config.condition;
}

/* Data and reference. */

static glia_status read_file(struct glia_solver *s, const char *file, int64_t *n, double **out)
{
  const struct glia_problem *p = s->problem;
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
  const int d = s->problem->n_coords, m = s->problem->n_unknowns;
  double *rows;

  GLIA_TRY(read_file(s, s->problem->reference.file, &s->n_test, &rows));
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
  struct glia_problem *p = s->problem;
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
  const int64_t n = s->n_test * s->problem->n_unknowns;
  double wrong = 0.0, size = 0.0;

  for (int64_t i = 0; i < n; i++) {
    if (isnan(s->test_u[i])) continue;
    wrong += (u[i] - s->test_u[i]) * (u[i] - s->test_u[i]);
    size += s->test_u[i] * s->test_u[i];
  }
  return size > 0.0 ? sqrt(wrong / size) : sqrt(wrong);
}

/* Relative error over the reference; NaN without one. */
static glia_status measure(struct glia_solver *s, double *out)
{
  *out = (double)NAN;
  if (s->test_x == NULL) return GLIA_OK;
  double *u = malloc((size_t)(s->n_test * s->problem->n_unknowns) * sizeof *u);
  GLIA_CHECK(u != NULL, GLIA_E_MEMORY, "%lld values", (long long)s->n_test);
  const glia_status st = glia_pinn_fields(s->pinn, s->n_test, s->test_x, u);
  if (st == GLIA_OK) *out = error_of(s, u);
  free(u);
  return st;
}

/* Some of the rows, with noise of the asked size on each unknown. */
static void draw_data(struct glia_solver *s, struct group *g)
{
  const struct glia_problem *p = s->problem;
  const int d = p->n_coords, m = p->n_unknowns, cols = d + m;
  const uint64_t pick = glia_random_stream(s->seed, "data"),
                 key = glia_random_stream(s->seed, "noise");

  for (int k = 0; k < m; k++) {
    double mean = 0.0, square = 0.0;
    int64_t count = 0;
    for (int64_t i = 0; i < s->n_rows; i++) {
      const double v = s->rows[i * cols + d + k];
      if (isnan(v)) continue;
      mean += v;
      square += v * v;
      count++;
    }
    mean /= count > 0 ? (double)count : 1.0;
    const double sd = sqrt(fmax(0.0, square / (count > 0 ? (double)count : 1.0) - mean * mean));
    for (int64_t i = 0; i < g->n; i++) {
      const int64_t row = g->n == s->n_rows ? i : glia_random_permute(pick, s->n_rows, i);
      g->target[i * m + k] = s->rows[row * cols + d + k] +
                             p->data.noise * sd * glia_random_normal(key, (uint64_t)k, (uint64_t)i);
      if (k == 0) memcpy(g->x + i * d, s->rows + row * cols, (size_t)d * sizeof *g->x);
    }
  }
  weigh(g, p->data.weight);
}

/* Points. */

static glia_status draw(struct glia_solver *s)
{
  struct glia_problem *p = s->problem;
  struct group *g = s->group;

  GLIA_TRY(glia_problem_interior(p, s->config.kind, s->seed, g[0].n, g[0].x));
  weigh(&g[0], 1.0);
  for (int k = 0; k < p->n_conditions; k++) {
    GLIA_TRY(glia_problem_on(p, k, s->config.kind, s->seed, g[k + 1].n, g[k + 1].x));
    weigh(&g[k + 1], p->condition[k].weight);
  }
  if (s->rows != NULL) draw_data(s, &g[p->n_conditions + 1]);
  for (int k = 0; k < glia_pinn_groups(s->pinn); k++)
    s->cloud.points[k] = (struct glia_pinn_points){
        .n = g[k].idle ? 0 : g[k].n, .x = g[k].x, .weight = g[k].weight, .target = g[k].target};
  return GLIA_OK;
}

/* Name the point where a residual is not finite. */
static glia_status refuse(const struct glia_solver *s, int group, int64_t row)
{
  const struct glia_problem *p = s->problem;
  const int m = glia_pinn_residuals(s->pinn, group);
  const double *x = s->group[group].x + row / m * p->n_coords;
  char at[256] = "";

  for (int c = 0; c < p->n_coords; c++)
    snprintf(at + strlen(at), sizeof at - strlen(at), "%s%s = %g", c > 0 ? ", " : "", p->coord[c],
             x[c]);
  return GLIA_FAIL(GLIA_E_CONFIG,
                   "'%s' is not a finite number at %s, before any step: a root or logarithm of a "
                   "negative number, a division by zero, or units that explode?",
                   group == 0                 ? p->equation_text[row % m]
                   : group <= p->n_conditions ? p->condition[group - 1].text
                                              : "the data",
                   at);
}

/* Residuals must be numbers; a condition that the ansatz fulfils needs no rows. */
static glia_status inspect(struct glia_solver *s, int k)
{
  struct group *g = &s->group[k];
  const int m = glia_pinn_residuals(s->pinn, k);
  const int64_t some = g->n < 64 ? g->n : 64, size = glia_pinn_size(s->pinn);
  double *r = malloc((size_t)(g->n * m) * sizeof *r);
  double *j = malloc((size_t)(some * m * size) * sizeof *j);
  glia_status st = GLIA_OK;

  if (r == NULL || j == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)g->n);
  if (st == GLIA_OK) st = glia_pinn_rows(s->pinn, k, &s->cloud.points[k], r, NULL);
  for (int64_t i = 0; i < g->n * m && st == GLIA_OK; i++)
    if (!isfinite(r[i])) st = refuse(s, k, i);
  if (st == GLIA_OK && k > 0 && k <= s->problem->n_conditions) {
    struct glia_pinn_points first = s->cloud.points[k];
    double most = 0.0;
    first.n = some;
    st = glia_pinn_rows(s->pinn, k, &first, r, j);
    for (int64_t i = 0; i < some * m * size; i++) most = fmax(most, fabs(j[i]));
    for (int64_t i = 0; i < some * m; i++) most = fmax(most, fabs(r[i]));
    g->idle = most < 1e-14; /* rounding of zero */
    if (g->idle) s->cloud.points[k].n = 0;
  }
  free(r);
  free(j);
  return st;
}

/* Inner points by weights theta. Gathered once, so that what the loss is stays what it is: only its sum gets finer where it is hard to see. */
static glia_status place(struct glia_solver *s, bool gathered, int64_t step, const double *theta)
{
  struct group *g = &s->group[0];

  memcpy(s->placed, theta, (size_t)glia_pinn_size(s->pinn) * sizeof *theta);
  s->points = (struct glia_solve_points){gathered, step, s->placed};
  glia_pinn_set(s->pinn, theta);
  return gathered ? glia_points_gather_(s->pinn, s->seed, g->n, g->x, g->weight)
                  : glia_points_redraw_(s->pinn, s->seed + 1000 * (uint64_t)step, g->n, g->x);
}

/* Points of a fit that goes on, as they were; a fit that places them in another way begins as it does without a file. */
static glia_status place_again(struct glia_solver *s, const struct glia_solve_points *points)
{
  const bool other =
      points->gathered ? s->config.redraw > 0 || s->config.causal > 0.0 : s->config.gather > 0;

  if (points->theta == NULL || other) return GLIA_OK;
  GLIA_TRY(place(s, points->gathered, points->step, points->theta));
  glia_pinn_set(s->pinn, s->theta);
  return GLIA_OK;
}

/* Weights of the equations by what is wrong before each twentieth of time: into weight [n], with room r [n, residuals]. */
static glia_status causal_weights(struct glia_solver *s, double *r)
{
  struct group *g = &s->group[0];
  const struct glia_problem *p = s->problem;
  const int m = glia_pinn_residuals(s->pinn, 0);
  const struct glia_pinn_points points = {.n = g->n, .x = g->x};
  double sum[SLABS] = {0.0}, before_it = 0.0, weight[SLABS];
  int64_t count[SLABS] = {0};

  GLIA_TRY(glia_pinn_rows(s->pinn, 0, &points, r, NULL));
  for (int pass = 0; pass < 2; pass++) {
    for (int64_t i = 0; i < g->n; i++) {
      const double t = g->x[i * p->n_coords + p->time];
      int k = (int)((t - p->lo[p->time]) / (p->hi[p->time] - p->lo[p->time]) * SLABS);
      if (k >= SLABS) k = SLABS - 1;
      if (pass == 1) g->weight[i] = sqrt(weight[k] / (double)g->n);
      for (int c = 0; c < m && pass == 0; c++) sum[k] += r[i * m + c] * r[i * m + c];
      count[k]++;
    }
    for (int k = 0; k < SLABS && pass == 0; k++) {
      weight[k] = exp(-s->config.causal * before_it);
      if (count[k] > 0) before_it += sum[k] / (double)count[k];
    }
  }
  return GLIA_OK;
}

/* The same weights on all ranks, also where processors round otherwise. */
static glia_status weigh_causally(struct glia_solver *s)
{
  struct group *g = &s->group[0];
  double *r = malloc((size_t)(g->n * glia_pinn_residuals(s->pinn, 0)) * sizeof *r);
  glia_status st = r != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)g->n);

  if (st == GLIA_OK) st = causal_weights(s, r);
  free(r);
  GLIA_TRY(glia_agree(s->comm, st));
  return glia_comm_bcast(s->comm, g->weight, (size_t)g->n * sizeof *g->weight, 0);
}

static glia_status before(void *self, const struct glia_fit_state *state, const double *theta,
                          bool *stop, bool *fresh)
{
  struct glia_solver *s = self;
  double error = (double)NAN;
  int64_t asked;

  glia_pinn_set(s->pinn, theta);
  if (s->watch != NULL) {
    if (state->step % LOOK == 0) GLIA_TRY(glia_agree(s->comm, measure(s, &error)));
    s->watch->step(s->watch->self, state, error, stop);
    asked = *stop;
    GLIA_TRY(glia_comm_reduce_i64(s->comm, GLIA_COMM_MAX, &asked, 1));
    *stop = asked != 0;
  }
  if (s->config.redraw > 0 && state->step > 0 && state->step % s->config.redraw == 0) {
    GLIA_TRY(place(s, false, state->step, theta));
    *fresh = true;
  }
  if (s->config.gather > 0 && state->step == s->config.gather && s->points.theta == NULL) {
    GLIA_TRY(place(s, true, state->step, theta));
    *fresh = true;
  }
  if (s->config.causal > 0.0 && !*stop) {
    GLIA_TRY(weigh_causally(s));
    *fresh = true;
  }
  return GLIA_OK;
}

static glia_status set_up(struct glia_solver *s)
{
  struct glia_problem *p = s->problem;
  const int d = p->n_coords;

  GLIA_TRY(room(&s->group[0], s->config.interior, d, 0));
  for (int k = 0; k < p->n_conditions; k++) GLIA_TRY(room(&s->group[k + 1], points_of(s, k), d, 0));
  if (s->rows != NULL) {
    const int64_t n = p->data.points > 0 && p->data.points < s->n_rows ? p->data.points : s->n_rows;
    GLIA_TRY(room(&s->group[p->n_conditions + 1], n, d, p->n_unknowns));
  }
  return p->reference.file != NULL ? reference_of_file(s) : reference_of_formula(s);
}

/* Numbers of weights: what the number of points is chosen by. */
static int64_t weights_of(const struct glia_solver *s)
{
  const struct glia_pinn_network *n = &s->config.network;
  struct glia_corner_ corner[GLIA_PINN_CORNERS_];
  int64_t in = s->problem->n_seams +
               2 * (glia_problem_corners_(s->problem, GLIA_PINN_CORNERS_, corner) + n->fourier);
  int64_t size = 0;

  for (int c = 0; c < s->problem->n_coords; c++)
    in += s->problem->periodic[c] ? 2 * n->harmonics : 1;
  for (int l = 0; l <= n->depth; l++) {
    const int64_t out = l == n->depth ? s->problem->n_unknowns : n->width;
    size += out * (in + 1);
    in = out;
  }
  return size;
}

static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

static void choose_points(struct glia_solver *s)
{
  const int64_t size = weights_of(s);
  const int64_t per_weight = s->config.per_weight > 0 ? s->config.per_weight : 4;

  /* four equations a weight keep a smooth residual from vanishing between the points; below 1,000 they cost nothing */
  if (s->config.interior == 0)
    s->config.interior = largest(1000, per_weight * size / s->problem->n_equations);
  if (s->config.condition == 0) s->config.condition = largest(100, s->config.interior / 10);
}

/* Each rank has read them for itself. */
static glia_status same_files(const struct glia_solver *s)
{
  const size_t row = (size_t)(s->problem->n_coords + s->problem->n_unknowns) * sizeof *s->rows;
  const size_t known = (size_t)(s->n_test * s->problem->n_unknowns) * sizeof *s->test_u;

  GLIA_TRY(glia_agree_data(s->comm, "the data", s->rows, (size_t)s->n_rows * row));
  return glia_agree_data(s->comm, "the reference", s->test_u, known);
}

glia_status glia_solver_create(struct glia_problem *problem, const struct glia_solve_config *config,
                               struct glia_comm *comm, struct glia_solver **out)
{
  struct glia_solver *s = calloc(1, sizeof *s);
  glia_status st = GLIA_OK;
  int64_t most = 0;

  *out = NULL;
  if (s == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a solver");
  if (s != NULL) {
    s->problem = problem;
    s->config = *config;
    s->comm = comm;
    choose_points(s);
    if (problem->data.file != NULL) st = read_file(s, problem->data.file, &s->n_rows, &s->rows);
    if (st == GLIA_OK) st = set_up(s);
    for (int k = 0; k < GLIA_PINN_GROUPS; k++)
      if (s->group[k].n > most) most = s->group[k].n;
  }
  st = glia_agree(comm, st);
  if (st == GLIA_OK) st = same_files(s);
  if (st == GLIA_OK)
    st = glia_pinn_create(problem, &s->config.network, s->rows != NULL, most, comm, &s->pinn);
  if (st == GLIA_OK) {
    s->cloud.pinn = s->pinn;
    s->theta = malloc((size_t)glia_pinn_size(s->pinn) * sizeof *s->theta);
    s->placed = malloc((size_t)glia_pinn_size(s->pinn) * sizeof *s->placed);
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
  glia_pinn_destroy(&s->pinn);
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

glia_status glia_solver_run(struct glia_solver *s, uint64_t seed,
                            const struct glia_solve_start *start,
                            const struct glia_solve_watch *watch, struct glia_solve_result *out)
{
  const struct glia_fit_options o = {.steps = s->config.steps,
                                     .time_s = s->config.time_s,
                                     .tolerance = s->config.tolerance,
                                     .first = start != NULL ? start->step : 0,
                                     .damping = start != NULL ? start->damping : 0.0,
                                     .self = s,
                                     .before = before};
  const double start_s = now_s();
  glia_status st = GLIA_OK;

  *out = (struct glia_solve_result){.relative_l2 = (double)NAN};
  s->seed = seed;
  s->watch = watch;
  s->points = (struct glia_solve_points){0};
  for (int k = 0; k < GLIA_PINN_GROUPS; k++) s->group[k].idle = false;
  glia_pinn_initialize(s->pinn, seed, s->theta);
  if (start != NULL)
    memcpy(s->theta, start->theta, (size_t)glia_pinn_size(s->pinn) * sizeof *s->theta);
  glia_pinn_set(s->pinn, s->theta);
  st = draw(s);
  for (int k = 0; k < glia_pinn_groups(s->pinn) && st == GLIA_OK; k++) st = inspect(s, k);
  GLIA_TRY(glia_agree(s->comm, st));
  if (start != NULL) GLIA_TRY(place_again(s, &start->points));
  GLIA_TRY(glia_fit(&s->cloud, s->config.method, &o, s->theta, &out->fit));
  GLIA_TRY(glia_agree(s->comm, measure(s, &out->relative_l2)));
  out->wall_s = now_s() - start_s;
  return GLIA_OK;
}

glia_status glia_solver_intervals(struct glia_solver *s, double *half)
{
  const struct glia_problem *p = s->problem;

  for (int i = 0; i < p->n_parameters; i++) half[i] = (double)NAN;
  if (s->rows == NULL || p->n_parameters == 0) return GLIA_OK;
  glia_pinn_set(s->pinn, s->theta);
  return glia_fit_intervals(&s->cloud, p->n_conditions + 1, p->n_parameters, half);
}

struct glia_pinn *glia_solver_pinn(struct glia_solver *s) { return s->pinn; }
double *glia_solver_theta(struct glia_solver *s) { return s->theta; }
struct glia_solve_points glia_solver_points(const struct glia_solver *s) { return s->points; }
const struct glia_cloud *glia_solver_cloud(const struct glia_solver *s) { return &s->cloud; }
