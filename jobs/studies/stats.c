/* Statistics of small samples; see stats.h. All sums run in the order of the values, so equal tables give equal bits. */
#include "stats.h"

#include <math.h>

/* Continued fraction of the incomplete beta function by Lentz's method; converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
  enum { TERMS = 1000 };
  const double tiny = 1e-300, eps = 1e-16;
  double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);

  d = 1.0 / (fabs(d) < tiny ? tiny : d);
  double f = d;
  for (int m = 1; m <= TERMS; m++) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (int half = 0; half < 2; half++) {
      const double term = half == 0 ? even : odd;
      d = 1.0 + term * d;
      c = 1.0 + term / c;
      d = 1.0 / (fabs(d) < tiny ? tiny : d);
      c = fabs(c) < tiny ? tiny : c;
      f *= c * d;
    }
    if (fabs(c * d - 1.0) < eps) break;
  }
  return f;
}

/* Regularized incomplete beta function I_x(a, b); y = 1 - x is given apart, since it may be tiny. */
static double beta_share(double a, double b, double x, double y)
{
  if (x <= 0.0) return 0.0;
  if (y <= 0.0) return 1.0;
  const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
  if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(a, b, x) / a;
  return 1.0 - front * beta_fraction(b, a, y) / b;
}

/* Share of Student's distribution beyond t >= 0. */
static double tail(double t, double nu)
{
  const double t2 = t * t;

  return 0.5 * beta_share(0.5 * nu, 0.5, nu / (nu + t2), t2 / (nu + t2));
}

double stats_student_quantile(double p, double nu)
{
  const double beyond = p < 0.5 ? p : 1.0 - p;
  double lo = 0.0, hi = 1.0;

  if (!(p > 0.0 && p < 1.0 && nu > 0.0)) return NAN;
  while (tail(hi, nu) > beyond && hi < 1e300) hi *= 2.0;
  for (;;) {
    const double mid = 0.5 * (lo + hi);
    if (mid <= lo || mid >= hi) break;
    if (tail(mid, nu) > beyond)
      lo = mid;
    else
      hi = mid;
  }
  return p < 0.5 ? -hi : hi;
}

double stats_mean(int64_t n, const double *x)
{
  double sum = 0.0;

  for (int64_t i = 0; i < n; i++) sum += x[i];
  return n > 0 ? sum / (double)n : (double)NAN;
}

double stats_sd(int64_t n, const double *x)
{
  const double mean = stats_mean(n, x);
  double sum = 0.0;

  for (int64_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
  return n > 1 ? sqrt(sum / (double)(n - 1)) : (double)NAN;
}

static struct stats_interval around(double value, double error, double nu, double level)
{
  if (!(nu > 0.0)) return (struct stats_interval){value, NAN, NAN, 0.0};
  const double half = stats_student_quantile(0.5 + 0.5 * level, nu) * error;
  return (struct stats_interval){value, value - half, value + half, nu};
}

struct stats_interval stats_mean_interval(int64_t n, const double *x, double level)
{
  return around(stats_mean(n, x), stats_sd(n, x) / sqrt((double)n), (double)(n - 1), level);
}

struct stats_interval stats_paired(int64_t n, const double *a, const double *b, double level)
{
  double sum = 0.0, squares = 0.0;

  for (int64_t i = 0; i < n; i++) sum += a[i] - b[i];
  const double mean = n > 0 ? sum / (double)n : (double)NAN;
  for (int64_t i = 0; i < n; i++) squares += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
  const double sd = n > 1 ? sqrt(squares / (double)(n - 1)) : (double)NAN;
  return around(mean, sd / sqrt((double)n), (double)(n - 1), level);
}

struct stats_interval stats_unpaired(int64_t na, const double *a, int64_t nb, const double *b,
                                     double level)
{
  const double sa = stats_sd(na, a), sb = stats_sd(nb, b);
  const double va = sa * sa / (double)na, vb = sb * sb / (double)nb;
  const double both = va + vb;
  double nu = both * both / (va * va / (double)(na - 1) + vb * vb / (double)(nb - 1));

  if (na < 2 || nb < 2) nu = 0.0;
  if (both == 0.0) nu = (double)(na + nb - 2); /* neither spreads: the interval is a point */
  return around(stats_mean(na, a) - stats_mean(nb, b), sqrt(both), nu, level);
}
