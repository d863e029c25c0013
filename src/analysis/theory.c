/* Learning curves of linear networks: see glia_theory.h.
 *
 * S, I, alpha as there; l is an eigenvalue of X X^T. With l = c - r cos(theta), c = 1 + alpha, r = 2 sqrt(alpha), the law
 * rho(l) dl = r^2 sin^2(theta) / (2 pi l) dtheta has no edges with square roots left, and at alpha = 1 no pole:
 * l = (1 - sqrt(alpha))^2 + 4 sqrt(alpha) sin^2(theta / 2) is computed without cancellation. */
#include "glia_theory.h"

#include "quadrature_priv.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

glia_status glia_theory_check(const struct glia_theory *th)
{
  GLIA_CHECK(th->alpha > 0.0 && isfinite(th->alpha), GLIA_E_ARGUMENT,
             "alpha = %g, expected samples over inputs, a number above 0", th->alpha);
  GLIA_CHECK(th->snr >= 0.0 && isfinite(th->snr), GLIA_E_ARGUMENT,
             "snr = %g, expected a number of at least 0", th->snr);
  GLIA_CHECK(th->inr >= 0.0 && isfinite(th->inr), GLIA_E_ARGUMENT,
             "inr = %g, expected a number of at least 0", th->inr);
  return GLIA_OK;
}

double glia_theory_lower_edge(double alpha)
{
  const double d = sqrt(alpha) - 1.0;

  return d * d;
}

double glia_theory_upper_edge(double alpha)
{
  const double s = sqrt(alpha) + 1.0;

  return s * s;
}

double glia_theory_density(double alpha, double lambda)
{
  const double lo = glia_theory_lower_edge(alpha), hi = glia_theory_upper_edge(alpha);

  if (lambda <= lo || lambda >= hi) return 0.0;
  return sqrt((hi - lambda) * (lambda - lo)) / (2.0 * pi * lambda);
}

/* What a mode of eigenvalue l contributes, at (th, t). */
typedef double (*mode)(const struct glia_theory *th, double t, double l);

struct bulk {
  const struct glia_theory *th;
  double t;
  mode f;
};

static double at_angle(void *self, double theta)
{
  const struct bulk *b = self;
  const double a = b->th->alpha, h = sin(0.5 * theta), c = cos(0.5 * theta);
  const double l = glia_theory_lower_edge(a) + 4.0 * sqrt(a) * h * h;

  /* r^2 sin^2 / (2 pi l) = 16 alpha h^2 c^2 / (2 pi l); h^2 / l is 1 / (4 sqrt(alpha)) where the gap closes */
  if (l <= 0.0) return 4.0 * sqrt(a) * c * c / (2.0 * pi) * b->f(b->th, b->t, 0.0);
  return 16.0 * a * h * h * c * c / (2.0 * pi * l) * b->f(b->th, b->t, l);
}

/* Angles up to `end`: of the whole bulk, pi. The gap and late times have features near 0 on scales that a fixed rule
 * would miss: the interval is cut at powers of 4. */
static double over_bulk(const struct glia_theory *th, double t, mode f, double end)
{
  struct bulk b = {th, t, f};
  double sum = 0.0, hi = end;

  for (int i = 0; i < 12; i++, hi *= 0.25) sum += glia_integrate_(at_angle, &b, 0.25 * hi, hi);
  return sum + glia_integrate_(at_angle, &b, 0.0, hi);
}

static double one(const struct glia_theory *th, double t, double l)
{
  (void)th;
  (void)t;
  (void)l;
  return 1.0;
}

double glia_theory_mass_below(double alpha, double lambda)
{
  const struct glia_theory th = {.alpha = alpha};
  const double lo = glia_theory_lower_edge(alpha);

  if (lambda <= lo) return 0.0;
  if (lambda >= glia_theory_upper_edge(alpha)) return alpha < 1.0 ? alpha : 1.0;
  return over_bulk(&th, 0.0, one, 2.0 * asin(sqrt((lambda - lo) / (4.0 * sqrt(alpha)))));
}

static double test_mode(const struct glia_theory *th, double t, double l)
{
  const double e = exp(-l * t), g = -expm1(-l * t);

  return (th->snr + th->inr) * e * e + (l > 0.0 ? g * g / l : 0.0);
}

static double train_mode(const struct glia_theory *th, double t, double l)
{
  return (l * (th->snr + th->inr) + 1.0) * exp(-2.0 * l * t);
}

double glia_theory_frozen_error(const struct glia_theory *th)
{
  return th->alpha < 1.0 ? (1.0 - th->alpha) * (th->snr + th->inr) : 0.0;
}

double glia_theory_test_error(const struct glia_theory *th, double t)
{
  return 1.0 + glia_theory_frozen_error(th) + over_bulk(th, t, test_mode, pi);
}

double glia_theory_train_error(const struct glia_theory *th, double t)
{
  return over_bulk(th, t, train_mode, pi) / th->alpha + fmax(0.0, 1.0 - 1.0 / th->alpha);
}

double glia_theory_late_error(const struct glia_theory *th)
{
  const double a = th->alpha;

  if (a == 1.0) return (double)INFINITY;
  return 1.0 + glia_theory_frozen_error(th) + (a < 1.0 ? a / (1.0 - a) : 1.0 / (a - 1.0));
}

/* Half of d test_mode / dt. */
static double slope_mode(const struct glia_theory *th, double t, double l)
{
  const double e = exp(-l * t);

  return e * (-expm1(-l * t) - e * l * (th->snr + th->inr));
}

/* A mode of eigenvalue l is best at ln(1 + l (S + I)) / l. */
static double best_of_mode(double l, double strength)
{
  return l > 0.0 ? log1p(l * strength) / l : strength;
}

double glia_theory_best_time(const struct glia_theory *th, double *error)
{
  const double strength = th->snr + th->inr;
  double lo = best_of_mode(glia_theory_upper_edge(th->alpha), strength);
  double hi = best_of_mode(glia_theory_lower_edge(th->alpha), strength);

  for (int i = 0; i < 100 && hi - lo > 1e-13 * hi; i++) {
    const double t = lo > 0.0 ? sqrt(lo * hi) : 0.5 * hi;
    if (over_bulk(th, t, slope_mode, pi) > 0.0)
      hi = t;
    else
      lo = t;
  }
  if (error != NULL) *error = glia_theory_test_error(th, hi);
  return hi;
}

/* t is the penalty here. */
static double ridge_mode(const struct glia_theory *th, double gamma, double l)
{
  const double d = l + gamma;

  return (th->snr * gamma * gamma + l) / (d * d);
}

double glia_theory_ridge_error(const struct glia_theory *th, double gamma)
{
  const double frozen = th->alpha < 1.0 ? (1.0 - th->alpha) * th->snr : 0.0;

  return 1.0 + frozen + over_bulk(th, gamma, ridge_mode, pi);
}

double glia_theory_best_decay(const struct glia_theory *th, double *error)
{
  const double gamma = th->snr > 0.0 ? 1.0 / th->snr : (double)INFINITY;

  if (error != NULL) *error = th->snr > 0.0 ? glia_theory_ridge_error(th, gamma) : 1.0;
  return gamma;
}

double glia_theory_overtraining(const struct glia_theory *th)
{
  double best;

  glia_theory_best_time(th, &best);
  return glia_theory_test_error(th, 1000.0) / best;
}

struct glia_theory glia_theory_of_size(const struct glia_theory *th, double size, double *noise)
{
  const double seen = fmin(size, 1.0);

  *noise = 1.0 + th->snr * (1.0 - seen);
  return (struct glia_theory){
      .alpha = th->alpha / size, .snr = th->snr * seen / *noise, .inr = th->inr / *noise};
}

static double error_of_size(const struct glia_theory *th, double size)
{
  double noise, error;
  const struct glia_theory s = glia_theory_of_size(th, size, &noise);

  glia_theory_best_time(&s, &error);
  return noise * error;
}

double glia_theory_best_size(const struct glia_theory *th, double *error)
{
  enum { GRID = 32 };
  const double golden = 0.6180339887498949;
  double best = (double)INFINITY, lo = 0.0, hi = 0.0;

  for (int i = 0; i <= GRID; i++) { /* octaves from 1/16 to 16 */
    const double x = -4.0 + 8.0 * i / GRID, e = error_of_size(th, exp2(x));
    if (e >= best) continue;
    best = e;
    lo = fmax(-4.0, x - 8.0 / GRID);
    hi = fmin(4.0, x + 8.0 / GRID);
  }
  for (int i = 0; i < 30; i++) {
    const double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
    if (error_of_size(th, exp2(a)) < error_of_size(th, exp2(b)))
      hi = b;
    else
      lo = a;
  }
  const double size = exp2(0.5 * (lo + hi));
  if (error != NULL) *error = error_of_size(th, size);
  return size;
}

static double growth_mode(const struct glia_theory *th, double t, double l)
{
  const double g = -expm1(-l * t);

  return l > 0.0 ? (th->snr + th->inr + 1.0 / l) * g * g : 0.0;
}

double glia_theory_growth(const struct glia_theory *th, double t)
{
  return sqrt(over_bulk(th, t, growth_mode, pi));
}
