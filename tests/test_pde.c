/* Problems from YAML: points where they belong, residuals and their derivatives. */
#include "pde_problem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void sobol_points_fill_each_cell_once(void)
{
  /* the first 2^m points of a digital net: one in each interval of 2^-m along every axis, and in dimensions 1 and 2 one
   * in each box of area 2^-m */
  enum { M = 8, N = 1 << M };
  for (int c = 0; c < 8; c++) {
    bool seen[N] = {false};
    for (uint64_t i = 0; i < N; i++) {
      double x[8];
      glia_sobol(8, 5, i, x);
      CU_ASSERT(x[c] >= 0.0 && x[c] < 1.0);
      const int k = (int)(x[c] * N);
      CU_ASSERT_FALSE(seen[k]);
      seen[k] = true;
    }
  }
  bool box[16][16] = {{false}};
  for (uint64_t i = 0; i < N; i++) {
    double x[2];
    glia_sobol(2, 9, i, x);
    bool *b = &box[(int)(16.0 * x[0])][(int)(16.0 * x[1])];
    CU_ASSERT_FALSE(*b);
    *b = true;
  }
}

static void points_lie_in_the_domain_and_on_its_boundary(void)
{
  enum { N = 500 };
  double *x = malloc(N * 2 * sizeof *x);
  int on_disk = 0, on_corner = 0;

  must_read(
      "unknowns: [u]\ndomain: {x: [-1, 1], y: [-1, 1]}\n"
      "without: [{box: {x: [0, 1], y: [-1, 0]}}, {disk: {center: [-0.5, 0.5], radius: 0.25}}]\n"
      "equations: [\"u_xx + u_yy = 1\"]\nconditions: [{at: boundary, equation: \"u = 0\"}]\n");
  CU_ASSERT_EQUAL_FATAL(glia_problem_interior(&q, GLIA_POINTS_SOBOL, 1, N, x), GLIA_OK);
  for (int i = 0; i < N; i++) {
    const double a = x[2 * i], b = x[2 * i + 1];
    CU_ASSERT(!(a > 0.0 && b < 0.0) && hypot(a + 0.5, b - 0.5) >= 0.25 && fabs(a) <= 1.0);
  }
  CU_ASSERT_EQUAL_FATAL(glia_problem_on(&q, 0, GLIA_POINTS_SOBOL, 1, N, x), GLIA_OK);
  for (int i = 0; i < N; i++) {
    const double a = x[2 * i], b = x[2 * i + 1];
    const bool disk = fabs(hypot(a + 0.5, b - 0.5) - 0.25) < 1e-12;
    const bool outer = fabs(fabs(a) - 1.0) < 1e-12 || fabs(fabs(b) - 1.0) < 1e-12;
    const bool corner = (fabs(a) < 1e-12 && b <= 0.0) || (fabs(b) < 1e-12 && a >= 0.0);
    CU_ASSERT(disk || outer || corner);
    CU_ASSERT(!(a > 1e-9 && b < -1e-9)); /* the box is no part of it */
    on_disk += disk;
    on_corner += corner;
  }
  /* in proportion to length: 1.57 and 2 of 9.57 */
  CU_ASSERT(abs(on_disk - 82) < 25);
  CU_ASSERT(abs(on_corner - 104) < 25);
  free(x);
  forget();
}

/* Residuals of a system with a parameter, data, an ansatz and a period; J against central differences. */
static void rows_meet_differences(void)
{
  static const struct glia_pinn_network net = {
      .depth = 2, .width = 5, .activation = GLIA_JET_TANH, .gain = 1.0, .harmonics = 1};
  enum { N = 5 };
  const double x[N * 2] = {0.1, -0.9, 0.3, -0.2, 0.5, 0.0, 0.9, 0.7, 1.0, 0.95};
  const double target[N * 2] = {0.1, 0.2, (double)NAN, 0.3, 0.5, (double)NAN, 1.0, 2.0, -1.0, 0.0};
  const double weight[N] = {1.0, 0.5, 2.0, 1.0, 0.25};
  struct glia_pinn *p;
  const double h = 1e-5;

  must_read(
      "unknowns: [u, v]\ndomain: {t: [0, 1], x: [-1, 1]}\nparameters: {nu: 0.3}\nperiodic: [x]\n"
      "equations: [\"u_t + u*v_x = nu*u_xxx\", \"v_t = u_x*v - d(v^2*u_x, x) + sin(pi*x)\"]\n"
      "ansatz: {v: \"1 + t*N_v*N_u\"}\ndata: {file: none.csv}\n"
      "conditions: [{at: {t: 0}, equation: \"u = 1\"}]\n");
  CU_ASSERT_EQUAL_FATAL(glia_pinn_create(&q, &net, true, N, NULL, &p), GLIA_OK);
  const int64_t n = glia_pinn_size(p);
  CU_ASSERT_EQUAL(n, 5 * 3 + 5 + 5 * 5 + 5 + 2 * 5 + 2 + 1); /* inputs t, sin, cos; nu */
  CU_ASSERT_EQUAL(glia_pinn_groups(p), 3);
  double *theta = malloc((size_t)n * sizeof *theta), *j = malloc((size_t)(N * 2 * n) * sizeof *j);
  double *gradient = malloc((size_t)n * sizeof *gradient), r[N * 2], up[N * 2], down[N * 2];
  glia_pinn_initialize(p, 3, theta);
  CU_ASSERT_EQUAL(theta[n - 1], 0.3);
  for (int g = 0; g < 3; g++) {
    const struct glia_pinn_points points = {N, x, weight, target};
    const int m = glia_pinn_residuals(p, g);
    double worst = 0.0, off = 0.0, sum, square = 0.0;
    glia_pinn_set(p, theta);
    CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(p, g, &points, r, j), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_pinn_sum(p, g, &points, &sum, gradient), GLIA_OK);
    for (int i = 0; i < N * m; i++) square += r[i] * r[i];
    CU_ASSERT(fabs(square - sum) < 1e-13 * square);
    for (int64_t k = 0; k < n; k++) {
      const double was = theta[k];
      double product = 0.0;
      for (int s = 0; s < 2; s++) {
        theta[k] = was + (s == 0 ? h : -h);
        glia_pinn_set(p, theta);
        CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(p, g, &points, s == 0 ? up : down, NULL), GLIA_OK);
      }
      theta[k] = was;
      for (int i = 0; i < N * m; i++) {
        const double slope = (up[i] - down[i]) / (2.0 * h);
        worst = fmax(worst, fabs(j[i * n + k] - slope) / (1.0 + fabs(slope)));
        product += 2.0 * r[i] * j[i * n + k];
      }
      off = fmax(off, fabs(product - gradient[k]) / (1.0 + fabs(product)));
    }
    if (!(worst < 1e-6)) tap_note("group %d: %.2g", g, worst);
    CU_ASSERT(worst < 1e-6); /* h^2 times third derivatives up to 1e3, and rounding 1e-16/h */
    CU_ASSERT(off < 1e-12);
  }
  /* the ansatz holds: v = 1 at t = 0 */
  double u[2];
  CU_ASSERT_EQUAL(glia_pinn_fields(p, 1, (double[]){0.0, 0.4}, u), GLIA_OK);
  CU_ASSERT_EQUAL(u[1], 1.0);
  /* so does the period */
  double v[2];
  CU_ASSERT_EQUAL(glia_pinn_fields(p, 1, (double[]){0.7, -1.0}, u), GLIA_OK);
  CU_ASSERT_EQUAL(glia_pinn_fields(p, 1, (double[]){0.7, 1.0}, v), GLIA_OK);
  CU_ASSERT(fabs(u[0] - v[0]) < 1e-14 && fabs(u[1] - v[1]) < 1e-14);
  free(theta);
  free(j);
  free(gradient);
  glia_pinn_destroy(&p);
  forget();
}

/* u at x with all weights drawn: what the ansatz alone gives. */
static double drawn(double t, double x)
{
  static const struct glia_pinn_network net = {
      .depth = 1, .width = 8, .activation = GLIA_JET_TANH, .gain = 1.0, .harmonics = 1};
  struct glia_pinn *p;
  double theta[64], u = (double)NAN;

  CU_ASSERT_EQUAL_FATAL(glia_pinn_create(&q, &net, false, 1, NULL, &p), GLIA_OK);
  CU_ASSERT_FATAL(glia_pinn_size(p) <= 64);
  glia_pinn_initialize(p, 7, theta);
  glia_pinn_set(p, theta);
  CU_ASSERT_EQUAL(glia_pinn_fields(p, 1, (double[]){t, x}, &u), GLIA_OK);
  glia_pinn_destroy(&p);
  return u;
}

static void conditions_on_sides_hold_whatever_the_weights(void)
{
  static const char wave[] =
      "unknowns: [u]\ndomain: {t: [0, 2], x: [0, 1]}\nequations: [\"u_tt = u_xx\"]\n"
      "conditions:\n"
      "  - {at: {t: 0}, equation: [\"2*u = 2*x\", \"u_t = x*(1 - x)\"]}\n"
      "  - {at: {x: 0}, equation: \"u = t^2\"}\n"
      "  - {at: {x: 1}, equation: \"u = %s\"}\n";
  char text[512];
  const double h = 1e-6;

  snprintf(text, sizeof text, wave, "cos(t)");
  must_read(text);
  CU_ASSERT_TRUE(q.imposed[0]);
  CU_ASSERT(fabs(drawn(0.0, 0.3) - 0.3) < 1e-14);
  CU_ASSERT(fabs((drawn(h, 0.3) - drawn(0.0, 0.3)) / h - 0.21) < 1e-4);
  CU_ASSERT(fabs(drawn(1.5, 0.0) - 2.25) < 1e-13);
  CU_ASSERT(fabs(drawn(1.5, 1.0) - cos(1.5)) < 1e-13);
  CU_ASSERT(fabs(drawn(1.5, 0.5) - drawn(1.4, 0.5)) > 1e-3); /* the network speaks between them */
  forget();
  /* u(0, 1) = 1 and 2: no smooth function has both */
  snprintf(text, sizeof text, wave, "2*cos(t)");
  must_read(text);
  CU_ASSERT_FALSE(q.imposed[0]);
  forget();
  snprintf(text, sizeof text, wave, "cos(t)");
  snprintf(text + strlen(text), sizeof text - strlen(text), "impose: penalty\n");
  must_read(text);
  CU_ASSERT_FALSE(q.imposed[0]);
  forget();
}

/* v is at most 0.02 where conditions speak of it, but it is u that makes it. */
static void what_starts_from_zero_has_the_scale_of_what_drives_it(void)
{
  static const char form[] = "unknowns: [u, v]\ndomain: {t: [0, 1], x: [0, 1]}\n"
                             "equations: [\"u_t + v_xx = 0\", \"v_t - u_xx = 0\"]\n"
                             "conditions: [{at: {t: 0}, equation: [\"u = 2\", \"v = %s\"]},\n"
                             "  {at: {x: [0, 1]}, equation: [\"u = 2\", \"v = 0.02*t\"]}]\n";
  char text[512];

  snprintf(text, sizeof text, form, "0");
  must_read(text);
  CU_ASSERT(q.scale[0] == 2.0 && q.scale[1] == 2.0);
  forget();
  snprintf(text, sizeof text, form, "0.01*x*(1 - x)");
  must_read(text);
  CU_ASSERT(q.scale[0] == 2.0 && q.scale[1] > 0.019 && q.scale[1] <= 0.02);
  forget();
}

/* Largest |residual| of the equation, network silent, at a distance from the seam and after times from 1e-6 to 1. */
static double rest_of_the_equation(void)
{
  static const struct glia_pinn_network net = {
      .depth = 1, .width = 3, .activation = GLIA_JET_TANH, .gain = 1.0, .harmonics = 1};
  enum { EACH = 7, N = EACH * EACH };
  struct glia_pinn *p;
  double theta[64] = {0.0}, x[2 * N], r[N], worst = 0.0;

  for (int i = 0; i < N; i++) {
    x[2 * i] = pow(10.0, i % EACH - (EACH - 1));
    x[2 * i + 1] = 1.0 - pow(10.0, i / EACH - EACH);
  }
  const struct glia_pinn_points points = {.n = N, .x = x};
  CU_ASSERT_EQUAL_FATAL(glia_pinn_create(&q, &net, false, N, NULL, &p), GLIA_OK);
  CU_ASSERT_FATAL(glia_pinn_size(p) <= 64);
  glia_pinn_set(p, theta);
  CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(p, 0, &points, r, NULL), GLIA_OK);
  for (int i = 0; i < N; i++) worst = fmax(worst, fabs(r[i]));
  glia_pinn_destroy(&p);
  return worst;
}

static void kinks_across_a_period_are_rounded_by_diffusion(void)
{
  static const char form[] = "unknowns: [u]\ndomain: {t: [0, 1], x: [-1, 1]}\nperiodic: x\n"
                             "equations: [\"%s\"]\n"
                             "conditions: [{at: {t: 0}, equation: [\"u = %s%s\"]}]\n";
  const double h = 1e-6;
  char text[512];

  snprintf(text, sizeof text, form, "2*u_t = 0.002*u_xx", "x^2", "");
  must_read(text);
  CU_ASSERT_TRUE(q.imposed[0]);
  CU_ASSERT_EQUAL_FATAL(q.n_seams, 1);
  CU_ASSERT(fabs(q.seam[0].diffusion - 0.001) < 1e-18);
  CU_ASSERT(fabs(drawn(0.0, 0.5) - 0.25) < 1e-14);
  CU_ASSERT(fabs(drawn(0.0, 0.999) - 0.998001) <
            1e-14); /* a grain of 1e-9 of the time is 2e-6 wide */
  /* no kink of slope 4 is left: what is, is h times the second derivative */
  CU_ASSERT(fabs(drawn(0.5, 1.0) - drawn(0.5, 1.0 - h) + drawn(0.5, -1.0) - drawn(0.5, h - 1.0)) <
            1e-3 * h);
  /* D u'' = 0.004 of the square and as much of the circle that takes the line's place; the kink alone has D/sqrt(pi D t) = 18 */
  CU_ASSERT(rest_of_the_equation() < 0.02);
  forget();
  snprintf(text, sizeof text, form, "u_t = 0.1*u_xx", "sin(pi*x)", "");
  must_read(text);
  CU_ASSERT(q.imposed[0] && q.n_seams == 0);
  forget();
  /* nothing rounds a kink of waves, nor a jump by numbers */
  snprintf(text, sizeof text, form, "u_tt = u_xx", "x^2", "\", \"u_t = 0");
  must_read(text);
  CU_ASSERT_FALSE(q.imposed[0]);
  forget();
  snprintf(text, sizeof text, form, "u_t = 0.1*u_xx", "x", "");
  must_read(text);
  CU_ASSERT_FALSE(q.imposed[0]);
  forget();
}

/* |u| of a drawn network at points x [n, 2] or [n, 3] of the problem last read: the largest. */
static double largest(int64_t n, const double *x)
{
  static const struct glia_pinn_network net = {
      .depth = 1, .width = 3, .activation = GLIA_JET_TANH, .gain = 1.0, .harmonics = 1};
  struct glia_pinn *p;
  double theta[64], u[64], worst = 0.0;

  CU_ASSERT_EQUAL_FATAL(glia_pinn_create(&q, &net, false, n, NULL, &p), GLIA_OK);
  CU_ASSERT_FATAL(glia_pinn_size(p) <= 64 && n <= 64);
  glia_pinn_initialize(p, 3, theta);
  glia_pinn_set(p, theta);
  CU_ASSERT_EQUAL_FATAL(glia_pinn_fields(p, n, x, u), GLIA_OK);
  for (int64_t i = 0; i < n; i++) worst = fmax(worst, fabs(u[i]));
  glia_pinn_destroy(&p);
  return worst;
}

static void read_shaped(const char *shape, const char *value)
{
  char text[512];

  snprintf(text, sizeof text,
           "unknowns: [u]\ndomain: {x: [-1, 1], y: [-1, 1]}\nequations: [\"u_xx + u_yy = 1\"]\n%s\n"
           "conditions: [{at: boundary, equation: \"u = %s\"}]\n",
           shape, value);
  must_read(text);
}

static void conditions_on_outlines_hold_whatever_the_weights(void)
{
  static const char el[] = "without: [{box: {x: [0, 1], y: [-1, 0]}}]";
  /* all six sides, one next to the re-entrant corner; then points inside, one near that corner */
  static const double on[] = {-1.0, 0.3, 1.0,  0.4, -0.7, 1.0,   -0.2, -1.0,
                              0.6,  0.0, 1e-6, 0.0, 0.0,  -1e-6, 0.0,  -0.7};
  static const double in[] = {-0.5, -0.5, 0.5, 0.5, -0.01, 0.01};

  read_shaped(el, "0");
  CU_ASSERT_TRUE(q.imposed[0]);
  CU_ASSERT(largest(8, on) < 1e-12);
  for (int i = 0; i < 3; i++) CU_ASSERT(largest(1, in + 2 * i) > 1e-4);
  forget();
  /* a formula that holds on the outline holds inside, too: u - formula is zero there */
  read_shaped(el, "x*x*y*y");
  CU_ASSERT_TRUE(q.imposed[0]);
  CU_ASSERT(fabs(largest(1, on + 2) - 0.16) < 1e-12);
  forget();
  read_shaped("without: [{disk: {center: [0, 0], radius: 0.5}}]", "0");
  CU_ASSERT_TRUE(q.imposed[0]);
  CU_ASSERT(largest(3, (const double[]){0.3, 0.4, 0.0, -0.5, 1.0, 0.2}) < 1e-12);
  CU_ASSERT(largest(1, (const double[]){0.7, -0.7}) > 1e-4);
  forget();
  read_shaped("within: [{polygon: [[0, 0.9], [-0.8, -0.5], [0.8, -0.5]]}]", "0");
  CU_ASSERT_TRUE(q.imposed[0]);
  CU_ASSERT(largest(2, (const double[]){0.0, -0.5, 0.4, 0.2}) < 1e-12);
  forget();
  /* a square hole: lines along its sides go on into the domain */
  read_shaped("without: [{box: {x: [0.3, 0.6], y: [-0.6, -0.3]}}]", "0");
  CU_ASSERT_FALSE(q.imposed[0]);
  forget();
}

static void outlines_and_the_first_time_agree(void)
{
  static const char text[] =
      "unknowns: [u]\ndomain: {t: [0, 1], x: [-1, 1], y: [-1, 1]}\n"
      "without: [{disk: {center: [0, 0], radius: 0.5}}]\nequations: [\"u_t = u_xx + u_yy\"]\n"
      "conditions: [{at: boundary, equation: \"u = x*t\"}, {at: {t: 0}, equation: \"u = %s\"}]\n";
  char full[512];

  snprintf(full, sizeof full, text, "(x^2 - 1)*(y^2 - 1)*(x^2 + y^2 - 0.25)");
  must_read(full);
  CU_ASSERT_TRUE(q.imposed[0]);
  CU_ASSERT(fabs(largest(1, (const double[]){0.8, 1.0, 0.3}) - 0.8) < 1e-12);
  CU_ASSERT(fabs(largest(1, (const double[]){0.0, 0.5, 0.5}) - 0.140625) < 1e-12);
  forget();
  snprintf(full, sizeof full, text, "1"); /* not what the outline says at t = 0 */
  must_read(full);
  CU_ASSERT_FALSE(q.imposed[0]);
  forget();
}

/* Laplace's operator of a network on some domain, by jets less by differences: the largest; *size: its weights. */
static double worst_laplacian(const char *shape, int64_t *size)
{
  static const double x[] = {-0.5, -0.5, 0.02, 0.01, -0.3, 0.8, 0.9, 0.05, -0.01, -0.9};
  const struct glia_pinn_network net = {
      .depth = 1, .width = 3, .activation = GLIA_JET_TANH, .gain = 1.0, .harmonics = 1};
  enum { N = sizeof x / sizeof *x / 2 };
  const double h = 1e-4;
  struct glia_pinn *p;
  double theta[64], r[N], u[5], worst = 0.0;
  char text[512];

  snprintf(text, sizeof text,
           "unknowns: [u]\ndomain: {x: [-1, 1], y: [-1, 1]}\nequations: [\"u_xx + u_yy = 0\"]\n%s\n"
           "conditions: [{at: boundary, equation: \"u = 0\"}]\n",
           shape);
  must_read(text);
  CU_ASSERT_EQUAL_FATAL(glia_pinn_create(&q, &net, false, N, NULL, &p), GLIA_OK);
  *size = glia_pinn_size(p);
  CU_ASSERT_FATAL(*size <= 64);
  glia_pinn_initialize(p, 3, theta);
  glia_pinn_set(p, theta);
  const struct glia_pinn_points points = {.n = N, .x = x};
  CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(p, 0, &points, r, NULL), GLIA_OK);
  for (int i = 0; i < N; i++) {
    const double a = x[2 * i], b = x[2 * i + 1];
    const double around[] = {a, b, a - h, b, a + h, b, a, b - h, a, b + h};
    CU_ASSERT_EQUAL_FATAL(glia_pinn_fields(p, 5, around, u), GLIA_OK);
    worst = fmax(worst, fabs(r[i] - (u[1] + u[2] + u[3] + u[4] - 4.0 * u[0]) / (h * h)));
  }
  glia_pinn_destroy(&p);
  forget();
  return worst;
}

static void reentrant_corners_are_unfolded(void)
{
  const int64_t plain = 3 * 2 + 3 + 3 + 1, unfolded = plain + 3 * 2;
  int64_t size;

  /* h^2/12 of fourth derivatives, which go like r^(2/3 - 4) and r is 0.02 at the nearest; rounding 1e-16/h^2 */
  CU_ASSERT(worst_laplacian("without: [{box: {x: [0, 1], y: [-1, 0]}}]", &size) < 1e-2);
  CU_ASSERT_EQUAL(size, unfolded);
  CU_ASSERT(
      worst_laplacian("within: [{polygon: [[-1, -1], [0, -1], [0, 0], [1, 0], [1, 1], [-1, 1]]}]",
                      &size) < 1e-2);
  CU_ASSERT_EQUAL(size, unfolded);
  /* no corner; corners whose cuts would come out in the domain on the other side */
  CU_ASSERT(worst_laplacian("without: [{disk: {center: [0.5, -0.5], radius: 0.2}}]", &size) < 1e-6);
  CU_ASSERT_EQUAL(size, plain);
  CU_ASSERT(worst_laplacian("without: [{box: {x: [0.3, 0.6], y: [-0.6, -0.3]}}]", &size) < 1e-6);
  CU_ASSERT_EQUAL(size, plain);
}

/* Random directions: jets against differences, and a period that stays exact. */
static void random_directions_are_inputs(void)
{
  const struct glia_pinn_network net = {.depth = 1,
                                        .width = 3,
                                        .activation = GLIA_JET_TANH,
                                        .gain = 1.0,
                                        .harmonics = 1,
                                        .fourier = 2,
                                        .fourier_scale = 2.0};
  static const double at[] = {0.3, 0.2, 0.3, 3.2}, h = 1e-4;
  const double around[] = {0.3, 0.2, 0.3 - h, 0.2, 0.3 + h, 0.2, 0.3, 0.2 - h, 0.3, 0.2 + h};
  struct glia_pinn *p;
  double theta[64], u[5], r;

  must_read("unknowns: [u]\ndomain: {t: [0, 1], x: [0, 3]}\nperiodic: x\n"
            "equations: [\"u_t + u_xx = 0\"]\nconditions: [{at: {t: 1}, equation: \"u = 0\"}]\n"
            "impose: penalty\n");
  CU_ASSERT_EQUAL_FATAL(glia_pinn_create(&q, &net, false, 2, NULL, &p), GLIA_OK);
  CU_ASSERT_EQUAL(glia_pinn_size(p), 3 * (1 + 2 + 4) + 3 + 3 + 1);
  glia_pinn_initialize(p, 3, theta);
  glia_pinn_set(p, theta);
  CU_ASSERT_EQUAL(glia_pinn_fields(p, 2, at, u), GLIA_OK);
  CU_ASSERT(fabs(u[0] - u[1]) < 1e-13);
  const struct glia_pinn_points points = {.n = 1, .x = at};
  CU_ASSERT_EQUAL(glia_pinn_rows(p, 0, &points, &r, NULL), GLIA_OK);
  CU_ASSERT_EQUAL(glia_pinn_fields(p, 5, around, u), GLIA_OK);
  CU_ASSERT(fabs(r - (u[2] - u[1]) / (2.0 * h) - (u[3] + u[4] - 2.0 * u[0]) / (h * h)) < 1e-5);
  glia_pinn_destroy(&p);
  forget();
}

/* Later points wait for earlier ones: all by one rule, which is computed here again. */
static void causal_weights_fall_with_what_is_wrong_before(void)
{
  enum { N = 400, SLABS = 20 };
  static const char text[] =
      "unknowns: [u]\ndomain: {t: [0, 2], x: [0, 1]}\nequations: [\"u_t = u_xx + 3\"]\n"
      "conditions: [{at: {t: 0}, equation: \"u = 0\"}, {at: {x: [0, 1]}, equation: \"u = 0\"}]\n"
      "network: {depth: 1, width: 4}\npoints: {interior: 400, causal: 0.05}\nsteps: 0\n";
  struct glia_solve_config config;
  struct glia_solve_result result;
  struct glia_solver *s;
  static double r[N];
  double mean[SLABS] = {0.0}, sum = 0.0;
  int count[SLABS] = {0};

  must_read(text);
  CU_ASSERT_EQUAL_FATAL(glia_solve_config_read(glia_yaml_root(doc), &q, &config), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solver_create(&q, &config, NULL, &s), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solver_run(s, 1, NULL, NULL, &result), GLIA_OK);
  const struct glia_pinn_points *p = &glia_solver_cloud(s)->points[0];
  const struct glia_pinn_points plain = {.n = N, .x = p->x};
  CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(glia_solver_pinn(s), 0, &plain, r, NULL), GLIA_OK);
  for (int i = 0; i < N; i++) {
    const int k = (int)(p->x[2 * i] / 2.0 * SLABS);
    mean[k] += r[i] * r[i];
    count[k]++;
  }
  for (int k = 0; k < SLABS; k++) {
    for (int i = 0; i < N; i++)
      if ((int)(p->x[2 * i] / 2.0 * SLABS) == k)
        CU_ASSERT(fabs(p->weight[i] * p->weight[i] * N / exp(-0.05 * sum) - 1.0) < 1e-12);
    sum += mean[k] / count[k];
  }
  CU_ASSERT(0.05 * sum > 1.0); /* or nothing was seen */
  glia_solver_destroy(&s);
  forget();
}

/* Closer where rows are long, and weighed down by as much: means over the domain stay what they are. */
static void gathered_points_keep_means_over_the_domain(void)
{
  enum { N = 600 };
  static const char text[] =
      "unknowns: [u]\ndomain: {t: [0, 1], x: [-1, 1]}\nequations: [\"u_t + u*u_x = 0.02*u_xx\"]\n"
      "conditions: [{at: {t: 0}, equation: \"u = -sin(pi*x)\"}, {at: {x: [-1, 1]}, equation: \"u = "
      "0\"}]\n"
      "network: {depth: 1, width: 4}\npoints: {interior: 600, gather: 1}\nsteps: 1\n";
  struct glia_solve_config config;
  struct glia_solve_result result;
  struct glia_solver *s;
  double all = 0.0, t = 0.0, square = 0.0, mean = 0.0, least = 1.0, most = 0.0, length[N], r;

  must_read(text);
  CU_ASSERT_EQUAL_FATAL(glia_solve_config_read(glia_yaml_root(doc), &q, &config), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solver_create(&q, &config, NULL, &s), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solver_run(s, 1, NULL, NULL, &result), GLIA_OK);
  const struct glia_pinn_points *p = &glia_solver_cloud(s)->points[0];
  for (int i = 0; i < N; i++) {
    const struct glia_pinn_points one = {.n = 1, .x = p->x + 2 * i};
    const double w = p->weight[i] * p->weight[i];
    double j[64];
    CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(glia_solver_pinn(s), 0, &one, &r, j), GLIA_OK);
    length[i] = 0.0;
    for (int64_t k = 0; k < glia_pinn_size(glia_solver_pinn(s)); k++) length[i] += j[k] * j[k];
    length[i] = sqrt(length[i]);
    all += w;
    t += w * p->x[2 * i];
    square += w * p->x[2 * i + 1] * p->x[2 * i + 1];
    mean += w * length[i];
    least = fmin(least, w);
    most = fmax(most, w);
  }
  CU_ASSERT(most > 2.0 * least);
  CU_ASSERT(fabs(all - 1.0) < 1e-12);
  CU_ASSERT(fabs(t - 0.5) < 0.01);
  CU_ASSERT(fabs(square - 1.0 / 3.0) < 0.01);
  for (int i = 1; i < N; i++)
    CU_ASSERT(fabs((length[i] + mean) / (length[0] + mean) * pow(p->weight[i] / p->weight[0], 2.0) -
                   1.0) < 0.02);
  glia_solver_destroy(&s);
  forget();
}

/* Half of the points go where the residual is, and the others stay all over the domain. Candidates are Sobol's: each 16 hold one of each
 * sixteenth of t, so that steps of equal size among them would fall on the same sixteenths again and again. */
static void redrawn_points_leave_nothing_out(void)
{
  enum { N = 800, SLABS = 16 };
  static const char text[] =
      "unknowns: [u]\ndomain: {t: [0, 1], x: [-1, 1]}\nequations: [\"u_t = u_xx + "
      "1e4*(1 - t)\"]\nconditions: [{at: {t: 0}, equation: \"u = 0\"}, {at: {x: [-1, 1]}, "
      "equation: \"u = 0\"}]\nnetwork: {depth: 1, width: 4}\npoints: {interior: 800, redraw: "
      "1}\nsteps: 1\n";
  struct glia_solve_config config;
  struct glia_solve_result result;
  struct glia_solver *s;
  int count[SLABS] = {0};

  must_read(text);
  CU_ASSERT_EQUAL_FATAL(glia_solve_config_read(glia_yaml_root(doc), &q, &config), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solver_create(&q, &config, NULL, &s), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_solver_run(s, 1, NULL, NULL, &result), GLIA_OK);
  const double *x = glia_solver_cloud(s)->points[0].x;
  for (int i = 0; i < N; i++) count[(int)(x[2 * i] * SLABS)]++;
  CU_ASSERT(count[0] > 2 * count[SLABS - 1]);
  for (int k = 0; k < SLABS; k++) {
    if (count[k] < 12) tap_note("%d points from t = %g", count[k], k / (double)SLABS);
    CU_ASSERT(count[k] >= 12); /* of 25 at least */
  }
  glia_solver_destroy(&s);
  forget();
}

TAP_MAIN("pde", TAP(redrawn_points_leave_nothing_out), TAP(random_directions_are_inputs),
         TAP(gathered_points_keep_means_over_the_domain),
         TAP(causal_weights_fall_with_what_is_wrong_before), TAP(reentrant_corners_are_unfolded),
         TAP(conditions_on_outlines_hold_whatever_the_weights),
         TAP(what_starts_from_zero_has_the_scale_of_what_drives_it),
         TAP(kinks_across_a_period_are_rounded_by_diffusion),
         TAP(outlines_and_the_first_time_agree), TAP(conditions_on_sides_hold_whatever_the_weights),
         TAP(sobol_points_fill_each_cell_once), TAP(points_lie_in_the_domain_and_on_its_boundary),
         TAP(rows_meet_differences))
