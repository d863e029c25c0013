/* Power laws: see glia_spectrum.h. */
#include "glia_random.h"
#include "glia_spectrum.h"

#include <math.h>
#include <stdlib.h>

enum { TAIL_MIN = 50, BOOTSTRAP = 999 };

static struct glia_tail none(void)
{
  return (struct glia_tail){.alpha = (double)NAN,
                            .xmin = (double)NAN,
                            .distance = (double)NAN,
                            .sigma = (double)NAN,
                            .lo = (double)NAN,
                            .hi = (double)NAN};
}

struct glia_tail glia_tail_published(int64_t n, const double *x)
{
  struct glia_tail best = none();
  double logs = 0.0; /* of x[i], ... */

  if (n > 0) logs = log(x[n - 1]);
  for (int64_t i = n - 2; i >= 0; i--) {
    const double m = (double)(n - i), l = log(x[i]);
    double distance = 0.0;
    logs += l;
    const double alpha = 1.0 + m / (logs - m * l);
    if (!isfinite(alpha)) continue;
    for (int64_t j = i; j < n && !(distance > best.distance); j++) /* no further than the best */
      distance = fmax(distance, fabs(1.0 - pow(x[j] / x[i], 1.0 - alpha) - (double)(j - i) / m));
    /* the first of equals in rising order wins */
    if (isnan(best.distance) || distance <= best.distance)
      best = (struct glia_tail){.alpha = alpha,
                                .xmin = x[i],
                                .distance = distance,
                                .sigma = (alpha - 1.0) / sqrt(m),
                                .lo = (double)NAN,
                                .hi = (double)NAN,
                                .n = n - i};
  }
  return best;
}

/* Kolmogorov's distance of y [n] rising, less its first, to an exponential law of their mean; or, once it is above `enough`,
 * something between. */
static double exponential_distance(int64_t n, const double *y, double origin, double mean,
                                   double enough)
{
  double distance = 0.0;

  for (int64_t j = 0; j < n && distance <= enough; j++) {
    const double f = -expm1(-(y[j] - origin) / mean);
    distance = fmax(distance, fmax(f - (double)j / (double)n, (double)(j + 1) / (double)n - f));
  }
  return distance;
}

/* The distance that 10 % of samples of an exponential law of unknown scale exceed, by Stephens' statistic. */
static double rejected_above(int64_t n)
{
  const double root = sqrt((double)n);

  return 0.990 / (root + 0.26 + 0.5 / root) + 0.2 / (double)n;
}

static int rising(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

/* Quantiles 0.025 and 0.975 of the studentised mean of y [n] - origin under resampling. */
static void bootstrap(int64_t n, const double *y, double origin, double mean, uint64_t key,
                      double *lo, double *hi)
{
  double t[BOOTSTRAP];

  for (int b = 0; b < BOOTSTRAP; b++) {
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < n; i++) {
      const uint64_t bits = glia_random_bits(key, (uint64_t)b, (uint64_t)i);
      const double v = y[(int64_t)(glia_random_unit(bits) * (double)n)] - origin;
      sum += v;
      squares += v * v;
    }
    const double m = sum / (double)n;
    const double spread = sqrt(fmax(squares / (double)n - m * m, 0.0) / (double)n);
    t[b] = spread > 0.0 ? (m - mean) / spread : 0.0;
  }
  qsort(t, BOOTSTRAP, sizeof *t, rising);
  *lo = t[(BOOTSTRAP + 1) / 40 - 1];
  *hi = t[BOOTSTRAP - (BOOTSTRAP + 1) / 40];
}

/* y [n]: logarithms, rising. The longest tail that is not rejected. */
static struct glia_tail longest(int64_t n, const double *y, double *spread)
{
  struct glia_tail tail = none();
  double sum = 0.0;

  for (int64_t i = n - 1; i >= 0; i--) sum += y[i];
  for (int64_t i = 0; n - i >= TAIL_MIN; sum -= y[i], i++) {
    const int64_t m = n - i;
    const double mean = sum / (double)m - y[i];
    if (mean <= 0.0) break;
    const double limit = rejected_above(m);
    const double distance = exponential_distance(m, y + i, y[i], mean, limit);
    if (distance > limit) continue;
    /* the smallest value is the threshold itself: m - 1 values tell the rate */
    const double rate = (double)(m - 1) / (mean * (double)m);
    double squares = 0.0;
    for (int64_t j = i; j < n; j++) squares += (y[j] - y[i] - mean) * (y[j] - y[i] - mean);
    *spread = sqrt(squares / (double)m / (double)m);
    return (struct glia_tail){.alpha = 1.0 + rate,
                              .xmin = exp(y[i]),
                              .distance = distance,
                              .sigma = rate / sqrt((double)m),
                              .n = m};
  }
  return tail;
}

glia_status glia_tail_fit(int64_t n, const double *x, uint64_t seed, struct glia_tail *out)
{
  double spread = 0.0, lo, hi;

  *out = none();
  if (n < TAIL_MIN) return GLIA_OK;
  double *y = malloc((size_t)n * sizeof *y);
  GLIA_CHECK(y != NULL, GLIA_E_MEMORY, "%lld logarithms", (long long)n);
  for (int64_t i = 0; i < n; i++) y[i] = log(x[i]);
  *out = longest(n, y, &spread);
  if (!isnan(out->alpha)) {
    /* of the m - 1 values above the threshold */
    const int64_t m = out->n - 1;
    const double *above = y + (n - m), origin = log(out->xmin), mean = 1.0 / (out->alpha - 1.0);
    bootstrap(m, above, origin, mean, glia_random_stream(seed, "tail/bootstrap"), &lo, &hi);
    spread *= sqrt((double)out->n / (double)m);
    out->lo = 1.0 + 1.0 / (mean - lo * spread);
    out->hi = mean > hi * spread ? 1.0 + 1.0 / (mean - hi * spread) : (double)INFINITY;
  }
  free(y);
  return GLIA_OK;
}
