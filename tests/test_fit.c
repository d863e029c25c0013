/* Steps of a fit with many more rows than weights, against a QR of all rows that is written out here. */
#include "fit_priv.h"
#include "glia_dense.h"
#include "glia_solve.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 900 rows for 31 weights: fourteen are added up to one. After some steps residuals are nearly at right angles to all slopes, which sums
 * of rows do not see. */
static const char burgers[] = "unknowns: [u]\ndomain: {t: [0, 0.5], x: [0, 2*pi]}\nperiodic: x\n"
                              "equations: [\"u_t + u*u_x = 0.1*u_xx\"]\n"
                              "conditions: [{at: {t: 0}, equation: \"u = cos(x)\"}]\n"
                              "network: {depth: 1, width: 6}\npoints: {interior: 900}\nsteps: 30\n";

enum { N = 31, COLS = N + 1, ROWS = 900, ALL = ROWS + N };

static struct glia_yaml_doc *doc;
static struct glia_problem problem;
static struct glia_solver *solver;
static const struct glia_cloud *cloud;
static struct glia_sketch_ *sketch;
static double row[ROWS][COLS], factor[COLS * COLS];

static void begin(void)
{
  struct glia_solve_config config;
  struct glia_solve_result result;

  CU_ASSERT_EQUAL_FATAL(glia_yaml_parse_text("p.yaml", burgers, strlen(burgers), &doc), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_problem_read(glia_yaml_root(doc), &problem), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solve_config_read(glia_yaml_root(doc), &problem, &config), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solver_create(&problem, &config, NULL, &solver), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solver_run(solver, 1, NULL, NULL, &result), GLIA_OK);
  cloud = glia_solver_cloud(solver);
  CU_ASSERT_EQUAL_FATAL(glia_pinn_size(cloud->pinn), N);
  CU_ASSERT_EQUAL_FATAL(glia_cloud_rows_(cloud), ROWS);
  CU_ASSERT_EQUAL_FATAL(glia_sketch_create_(cloud, &sketch), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_sketch_factor_(sketch, 5, factor), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_cloud_read_((void *)(uintptr_t)cloud, 0, ROWS, row[0]), GLIA_OK);
}

static void end(void)
{
  glia_sketch_destroy_(&sketch);
  glia_solver_destroy(&solver);
  glia_problem_fini(&problem);
  glia_yaml_destroy(&doc);
}

/* p = argmin |J p + right|^2 + damping |p|^2 by Householder reflections of all rows. */
static void by_all_rows(const double *right, double damping, double *p)
{
  static double a[ALL][COLS];

  memset(a, 0, sizeof a);
  for (int i = 0; i < ROWS; i++) {
    memcpy(a[i], row[i], sizeof(double[N]));
    a[i][N] = -right[i];
  }
  for (int i = 0; i < N; i++) a[ROWS + i][i] = sqrt(damping);
  for (int k = 0; k < N; k++) {
    double norm = 0.0, v[ALL] = {0.0}, square = 0.0;
    for (int i = k; i < ALL; i++) norm += a[i][k] * a[i][k];
    for (int i = k; i < ALL; i++) v[i] = a[i][k];
    v[k] += copysign(sqrt(norm), a[k][k]);
    for (int i = k; i < ALL; i++) square += v[i] * v[i];
    for (int j = k; j < COLS; j++) {
      double along = 0.0;
      for (int i = k; i < ALL; i++) along += v[i] * a[i][j];
      for (int i = k; i < ALL; i++) a[i][j] -= 2.0 * along / square * v[i];
    }
  }
  for (int k = N - 1; k >= 0; k--) {
    p[k] = a[k][N];
    for (int j = k + 1; j < N; j++) p[k] -= a[k][j] * p[j];
    p[k] /= a[k][k];
  }
}

/* |J p + right|^2, and with the damping. */
static double left_of(const double *right, const double *p)
{
  double sum = 0.0;

  for (int i = 0; i < ROWS; i++) {
    double r = right[i];
    for (int j = 0; j < N; j++) r += row[i][j] * p[j];
    sum += r * r;
  }
  return sum;
}

static double goal(const double *right, double damping, const double *p)
{
  double sum = left_of(right, p);

  for (int j = 0; j < N; j++) sum += damping * p[j] * p[j];
  return sum;
}

/* What p leaves of the fall that the best step has. */
static double missed(const double *right, double damping, const double *p)
{
  static const double none[N];
  double best[N];

  by_all_rows(right, damping, best);
  const double least = goal(right, damping, best);
  return (goal(right, damping, p) - least) / (goal(right, damping, none) - least);
}

/* R of the sums with the damping below it, and the step that this alone gives. */
static void by_sums(double damping, double *r, double *p)
{
  static double below[COLS * COLS];

  memcpy(r, factor, sizeof factor);
  memset(below, 0, sizeof below);
  for (int i = 0; i < N; i++) below[i * COLS + i] = sqrt(damping);
  CU_ASSERT_EQUAL_FATAL(glia_dense_r_join(COLS, r, below), GLIA_OK);
  for (int k = N - 1; k >= 0; k--) {
    p[k] = -r[N * COLS + k];
    for (int j = k + 1; j < N; j++) p[k] -= r[j * COLS + k] * p[j];
    p[k] /= r[k * COLS + k];
  }
}

static void residuals(double *right)
{
  for (int i = 0; i < ROWS; i++) right[i] = row[i][N];
}

/* Passes end where the gradient seen through the factor is at 0.05: its square, 2.5e-3, of the fall is left at most, times the spread of
 * the factor's singular values from those of the rows, which two sums a weight keep below six or so. */
static const double LEFT = 0.015;

static void sums_and_passes_give_the_step_of_all_rows(void)
{
  static double r[COLS * COLS], right[ROWS];
  double p[N], fall = 0.0;

  begin();
  residuals(right);
  for (double damping = 1e-10; damping < 1e3; damping *= 1e3) {
    by_sums(damping, r, p);
    const double crude = missed(right, damping, p);
    CU_ASSERT_EQUAL_FATAL(glia_sketch_solve_(sketch, r, damping, p, &fall), GLIA_OK);
    const double fine = missed(right, damping, p);
    if (!(fine < LEFT))
      tap_note("damping %.0e: %.2g of the fall missed, %.2g by sums", damping, fine, crude);
    CU_ASSERT(fine < LEFT);
    CU_ASSERT(crude > 0.1); /* the sums alone are no answer here, or nothing was tested */
    const double before = goal(right, 0.0, (double[N]){0.0}), after = left_of(right, p);
    CU_ASSERT(fabs(fall - (before - after)) < 1e-10 * before);
  }
  end();
}

/* p + a/2 by the same least squares, the right side being second derivatives along p. Where a is long, p stays. */
static void steps_bend_as_all_rows_say(void)
{
  static double r[COLS * COLS], right[ROWS], there[ROWS];
  double p[N], bent[N], room[N], at[N], a[N], fall;
  const double *theta;
  int bends = 0, straight = 0;

  begin();
  theta = glia_solver_theta(solver);
  for (double damping = 1e-8; damping < 1e3; damping *= 10.0) {
    by_sums(damping, r, p);
    CU_ASSERT_EQUAL_FATAL(glia_sketch_solve_(sketch, r, damping, p, &fall), GLIA_OK);
    memcpy(bent, p, sizeof p);
    CU_ASSERT_EQUAL_FATAL(glia_sketch_bend_(sketch, r, damping, theta, bent, room), GLIA_OK);
    for (int j = 0; j < N; j++) at[j] = theta[j] + 0.1 * p[j];
    glia_pinn_set(cloud->pinn, at);
    CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(cloud->pinn, 0, &cloud->points[0], there, NULL), GLIA_OK);
    for (int i = 0; i < ROWS; i++) {
      double along = 0.0;
      for (int j = 0; j < N; j++) along += row[i][j] * p[j];
      right[i] = 20.0 * ((there[i] - row[i][N]) / 0.1 - along);
    }
    double step = 0.0, bend = 0.0;
    for (int j = 0; j < N; j++) {
      a[j] = 2.0 * (bent[j] - p[j]);
      step += p[j] * p[j];
      bend += a[j] * a[j];
    }
    if (bend > 0.0) {
      CU_ASSERT(missed(right, damping, a) < LEFT);
      CU_ASSERT(bend <= 0.5625 * step * (1.0 + 1e-12));
      bends++;
    } else {
      by_all_rows(right, damping, a);
      bend = 0.0;
      for (int j = 0; j < N; j++) bend += a[j] * a[j];
      CU_ASSERT(
          bend >
          0.14 * step); /* half the longest bend: passes leave the flattest directions for last */
      straight++;
    }
  }
  CU_ASSERT(bends > 0 && straight > 0);
  end();
}

/* What a bent step ends above the linear model of the straight one is taken away by the same least squares, where that is short. */
static void steps_return_as_all_rows_say(void)
{
  static double r[COLS * COLS], right[ROWS], there[ROWS];
  double p[N], bent[N], back[N], room[N], at[N], a[N], fall;
  const double *theta;
  int returns = 0;

  begin();
  theta = glia_solver_theta(solver);
  for (double damping = 1e-8; damping < 1e3; damping *= 10.0) {
    by_sums(damping, r, p);
    CU_ASSERT_EQUAL_FATAL(glia_sketch_solve_(sketch, r, damping, p, &fall), GLIA_OK);
    memcpy(bent, p, sizeof p);
    CU_ASSERT_EQUAL_FATAL(glia_sketch_bend_(sketch, r, damping, theta, bent, room), GLIA_OK);
    memcpy(back, bent, sizeof p);
    CU_ASSERT_EQUAL_FATAL(glia_sketch_return_(sketch, r, damping, theta, back, room), GLIA_OK);
    for (int j = 0; j < N; j++) at[j] = theta[j] + bent[j];
    glia_pinn_set(cloud->pinn, at);
    CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(cloud->pinn, 0, &cloud->points[0], there, NULL), GLIA_OK);
    for (int i = 0; i < ROWS; i++) {
      right[i] = there[i] - row[i][N];
      for (int j = 0; j < N; j++) right[i] -= row[i][j] * p[j];
    }
    double change = 0.0;
    for (int j = 0; j < N; j++) {
      a[j] = back[j] - bent[j];
      change += a[j] * a[j];
    }
    if (change == 0.0) continue;
    CU_ASSERT(missed(right, damping, a) < LEFT);
    returns++;
  }
  CU_ASSERT(returns > 5);
  end();
}

TAP_MAIN("fit", TAP(sums_and_passes_give_the_step_of_all_rows), TAP(steps_bend_as_all_rows_say),
         TAP(steps_return_as_all_rows_say))
