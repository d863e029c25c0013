/* How sure a count of alarms makes their rate; see glia_detect.h.  Source: garwood1936. */
#include "glia_detect.h"

#include <math.h>

/* Chance of k events or fewer where m are expected: from the largest term both ways, since exp(-m) is no double beyond m = 745. */
static double at_most(int64_t k, double m)
{
  if (!(m > 0.0)) return 1.0;
  const int64_t top = m < (double)k ? (int64_t)m : k;
  const double largest = exp((double)top * log(m) - m - lgamma((double)top + 1.0));
  double sum = largest, term = largest;

  for (int64_t i = top; i > 0 && term > 1e-18 * sum; i--) sum += term *= (double)i / m;
  term = largest;
  for (int64_t i = top + 1; i <= k && term > 1e-18 * sum; i++) sum += term *= m / (double)i;
  return fmin(sum, 1.0);
}

/* The mean at which k events or fewer have this chance. */
static double mean_of_chance(int64_t k, double chance)
{
  double lo = 0.0, hi = 2.0 * (double)k + 20.0;

  for (int i = 0; i < 100; i++) {
    const double m = 0.5 * (lo + hi);
    if (at_most(k, m) > chance)
      lo = m;
    else
      hi = m;
  }
  return lo;
}

void glia_poisson_interval(int64_t k, double *lo, double *hi)
{
  *lo = k > 0 ? mean_of_chance(k - 1, 0.975) : 0.0;
  *hi = mean_of_chance(k, 0.025);
}
