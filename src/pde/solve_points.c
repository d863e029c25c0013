/* Points of a fit: drawn, looked at, placed anew, weighed by what comes first. See solve_priv.h. */
#include "solve_priv.h"

#include "glia_agree.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLABS = 20 };

static void weigh(struct glia_group_ *g, double weight)
{
  for (int64_t i = 0; i < g->n; i++) g->weight[i] = sqrt(weight / (double)g->n);
}

/* Some of the rows, with noise of the asked size on each unknown. */
static void draw_data(struct glia_solver *s, struct glia_group_ *g)
{
  const struct glia_problem *p = s->now.problem;
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
  struct glia_problem *p = s->now.problem;
  struct glia_group_ *g = s->group;

  GLIA_TRY(glia_problem_interior(p, s->config.kind, s->seed, g[0].n, g[0].x));
  weigh(&g[0], 1.0);
  for (int k = 0; k < p->n_conditions; k++) {
    GLIA_TRY(glia_problem_on(p, k, s->config.kind, s->seed, g[k + 1].n, g[k + 1].x));
    weigh(&g[k + 1], p->condition[k].weight);
  }
  if (s->rows != NULL) draw_data(s, &g[p->n_conditions + 1]);
  for (int k = 0; k < glia_pinn_groups(s->now.pinn); k++)
    s->cloud.points[k] = (struct glia_pinn_points){
        .n = g[k].idle ? 0 : g[k].n, .x = g[k].x, .weight = g[k].weight, .target = g[k].target};
  return GLIA_OK;
}

/* Row `row` of a group in words: "'u_t = log(u)' is not a finite number at t = 0.3"; is: what it is. */
static void name_row(const struct glia_solver *s, int group, int64_t row, const char *is, char *out,
                     size_t size)
{
  const struct glia_problem *p = s->now.problem;
  const int m = glia_pinn_residuals(s->now.pinn, group);
  const double *x = s->group[group].x + row / m * p->n_coords;

  snprintf(out, size, "'%s' is %s at ",
           group == 0                 ? p->equation_text[row % m]
           : group <= p->n_conditions ? p->condition[group - 1].text
                                      : "the data",
           is);
  for (int c = 0; c < p->n_coords; c++) {
    const size_t n = strlen(out);
    snprintf(out + n, size - n, "%s%s = %g", c > 0 ? ", " : "", p->coord[c], x[c]);
  }
}

static glia_status refuse(const struct glia_solver *s, int group, int64_t row)
{
  char what[384];

  name_row(s, group, row, "not a finite number", what, sizeof what);
  return GLIA_FAIL(GLIA_E_CONFIG,
                   "%s, before any step: a root or logarithm of a negative number, a division by "
                   "zero, or units that explode?",
                   what);
}

/* The largest residual of a group, *row: the first that is no finite number where there is one. */
static double largest(struct glia_solver *s, int k, int64_t *row)
{
  /* without weights: an equation is told in its own units */
  const struct glia_pinn_points points = {
      .n = s->cloud.points[k].n, .x = s->group[k].x, .target = s->group[k].target};
  const int64_t n = points.n * glia_pinn_residuals(s->now.pinn, k);
  double *r = n > 0 ? malloc((size_t)n * sizeof *r) : NULL, most = 0.0;

  if (r != NULL && glia_pinn_rows(s->now.pinn, k, &points, r, NULL) == GLIA_OK)
    for (int64_t i = 0; i < n && isfinite(most); i++) {
      const double size = isfinite(r[i]) ? fabs(r[i]) : HUGE_VAL;
      if (size > most) *row = i;
      most = fmax(most, size);
    }
  free(r);
  return most;
}

void glia_solver_tell_fault_(struct glia_solver *s, char *out, size_t size)
{
  const int64_t n = glia_pinn_size(s->now.pinn);
  double most = 0.0;
  int64_t row = 0;
  int group = 0;
  char is[96] = "not a finite number";

  for (int64_t i = 0; i < n; i++)
    if (!isfinite(s->theta[i])) {
      snprintf(out, size, "weights grew beyond all numbers");
      return;
    }
  glia_pinn_set(s->now.pinn, s->theta);
  for (int k = 0; k < glia_pinn_groups(s->now.pinn) && isfinite(most); k++) {
    int64_t here = 0;
    const double v = largest(s, k, &here);
    if (v <= most) continue;
    most = v;
    row = here;
    group = k;
  }
  if (isfinite(most))
    snprintf(is, sizeof is,
             "%.3g wrong (sums of such squares, or their slopes, are no finite numbers)", most);
  name_row(s, group, row, is, out, size);
}

/* Residuals must be numbers; a condition that the ansatz fulfils needs no rows. */
static glia_status inspect(struct glia_solver *s, int k, bool told)
{
  struct glia_group_ *g = &s->group[k];
  const int m = glia_pinn_residuals(s->now.pinn, k);
  const int64_t some = g->n < 64 ? g->n : 64, size = glia_pinn_size(s->now.pinn);
  double *r = malloc((size_t)(g->n * m) * sizeof *r);
  double *j = malloc((size_t)(some * m * size) * sizeof *j);
  glia_status st = GLIA_OK;

  if (r == NULL || j == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)g->n);
  if (st == GLIA_OK) st = glia_pinn_rows(s->now.pinn, k, &s->cloud.points[k], r, NULL);
  for (int64_t i = 0; i < g->n * m && st == GLIA_OK; i++)
    if (told && !isfinite(r[i])) st = refuse(s, k, i);
  if (st == GLIA_OK && k > 0 && k <= s->now.problem->n_conditions) {
    struct glia_pinn_points first = s->cloud.points[k];
    double most = 0.0;
    first.n = some;
    st = glia_pinn_rows(s->now.pinn, k, &first, r, j);
    for (int64_t i = 0; i < some * m * size; i++) most = fmax(most, fabs(j[i]));
    /* what is no number is not fulfilled */
    for (int64_t i = 0; i < some * m; i++)
      most = isfinite(r[i]) ? fmax(most, fabs(r[i])) : HUGE_VAL;
    g->idle = most < 1e-14; /* rounding of zero */
    if (g->idle) s->cloud.points[k].n = 0;
  }
  free(r);
  free(j);
  return st;
}

/* A stage that ends before the last t sees nothing of what is asked beyond it. */
static void look_no_further(struct glia_solver *s)
{
  const struct glia_problem *p = s->now.problem;

  if (p->time < 0 || !(p->horizon < p->hi[p->time])) return;
  for (int k = 1; k < glia_pinn_groups(s->now.pinn); k++) {
    struct glia_group_ *g = &s->group[k];
    int64_t seen = 0;
    for (int64_t i = 0; i < g->n; i++) seen += g->x[i * p->n_coords + p->time] <= p->horizon;
    for (int64_t i = 0; i < g->n && seen > 0; i++)
      g->weight[i] = g->x[i * p->n_coords + p->time] <= p->horizon
                         ? g->weight[i] * sqrt((double)g->n / (double)seen)
                         : 0.0;
    if (seen == 0) s->cloud.points[k].n = 0;
  }
}

glia_status glia_solver_draw_(struct glia_solver *s, bool told)
{
  for (int k = 0; k < GLIA_PINN_GROUPS; k++) s->group[k].idle = false;
  glia_status st = draw(s);
  for (int k = 0; k < glia_pinn_groups(s->now.pinn) && st == GLIA_OK; k++) st = inspect(s, k, told);
  look_no_further(s);
  return glia_agree(s->comm, st);
}

glia_status glia_solver_place_(struct glia_solver *s, bool gathered, int64_t step,
                               const double *theta)
{
  struct glia_group_ *g = &s->group[0];

  memcpy(s->placed, theta, (size_t)glia_pinn_size(s->now.pinn) * sizeof *theta);
  s->points = (struct glia_solve_points){gathered, step, s->placed};
  glia_pinn_set(s->now.pinn, theta);
  return gathered ? glia_points_gather_(s->now.pinn, s->seed, g->n, g->x, g->weight)
                  : glia_points_redraw_(s->now.pinn, s->seed + 1000 * (uint64_t)step, g->n, g->x);
}

glia_status glia_solver_place_again_(struct glia_solver *s, const struct glia_solve_points *points)
{
  const bool other =
      points->gathered ? s->config.redraw > 0 || s->config.causal > 0.0 : s->config.gather > 0;

  if (points->theta == NULL || other) return GLIA_OK;
  GLIA_TRY(glia_solver_place_(s, points->gathered, points->step, points->theta));
  glia_pinn_set(s->now.pinn, s->theta);
  return GLIA_OK;
}

/* Weights of the equations by what is wrong before each twentieth of time: into weight [n], with room r [n, residuals]. */
static glia_status causal_weights(struct glia_solver *s, double *r)
{
  struct glia_group_ *g = &s->group[0];
  const struct glia_problem *p = s->now.problem;
  const int m = glia_pinn_residuals(s->now.pinn, 0);
  const struct glia_pinn_points points = {.n = g->n, .x = g->x};
  double sum[SLABS] = {0.0}, before_it = 0.0, weight[SLABS];
  int64_t count[SLABS] = {0};

  GLIA_TRY(glia_pinn_rows(s->now.pinn, 0, &points, r, NULL));
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

glia_status glia_solver_weigh_causally_(struct glia_solver *s)
{
  struct glia_group_ *g = &s->group[0];
  double *r = malloc((size_t)(g->n * glia_pinn_residuals(s->now.pinn, 0)) * sizeof *r);
  glia_status st = r != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)g->n);

  if (st == GLIA_OK) st = causal_weights(s, r);
  free(r);
  GLIA_TRY(glia_agree(s->comm, st));
  return glia_comm_bcast(s->comm, g->weight, (size_t)g->n * sizeof *g->weight, 0);
}
