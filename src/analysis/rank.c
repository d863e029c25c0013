/* Rank statistics of a measure over a set of runs. Source: kendall1938, jiang2019, dziugaite2020. */
#include "glia_measures.h"

#include <math.h>

static int sign(double x) { return (x > 0.0) - (x < 0.0); }

/* The one axis in which two runs differ; -1: none or several. */
static int single_axis(int axes, const int *a, const int *b)
{
  int axis = -1;

  for (int k = 0; k < axes; k++) {
    if (a[k] == b[k]) continue;
    if (axis >= 0) return -1;
    axis = k;
  }
  return axis;
}

/* How sure it is that two gaps on `rows` test rows each differ in the direction seen. */
static double certainty(double difference, int64_t rows)
{
  if (rows <= 0) return 1.0;
  return fmax(0.0, 1.0 - 2.0 * exp(-0.5 * (double)rows * difference * difference));
}

struct sums {
  double weight, wrong, tau;
  int pairs;
};

static struct sums of_axis(int n, const double *measure, const double *gap, int axes,
                           const int *setting, int64_t test_rows, int axis)
{
  struct sums s = {0};

  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) {
      if (single_axis(axes, setting + i * axes, setting + j * axes) != axis) continue;
      const int m = sign(measure[i] - measure[j]), g = sign(gap[i] - gap[j]);
      const double w = certainty(gap[i] - gap[j], test_rows);
      s.pairs++;
      s.tau += m * g;
      s.weight += w;
      s.wrong += m != g ? w : 0.0;
    }
  return s;
}

struct glia_ranking glia_rank(int n, const double *measure, const double *gap, int axes,
                              const int *setting, int64_t test_rows)
{
  const double nan = (double)NAN;
  struct glia_ranking r = {nan, nan, nan, nan, -1, 0};
  double tau = 0.0, psi = 0.0;
  int ties = 0, pairs = 0;

  for (int i = 0; i < n; i++)
    if (!isfinite(measure[i]) || !isfinite(gap[i])) return r;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) {
      const int product = sign(measure[i] - measure[j]) * sign(gap[i] - gap[j]);
      pairs++;
      ties += product == 0;
      tau += product;
    }
  if (pairs == 0) return r;
  r.tau = tau / pairs;
  r.tie_share = (double)ties / pairs;
  for (int axis = 0; axis < axes; axis++) {
    const struct sums s = of_axis(n, measure, gap, axes, setting, test_rows, axis);
    if (s.pairs == 0) continue;
    r.axes++;
    psi += s.tau / s.pairs;
    if (s.weight > 0.0 && !(s.wrong / s.weight <= r.worst)) {
      r.worst = s.wrong / s.weight;
      r.worst_axis = axis;
    }
  }
  if (r.axes > 0) r.psi = psi / r.axes;
  return r;
}
