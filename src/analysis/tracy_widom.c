/* Tracy and Widom's law for real matrices: F1(s) = det(1 - V) with the kernel V(x, y) = Ai((x + y) / 2) / 2 on (s, infinity),
 * by Gauss and Legendre's rule on (s, s + 16). Source: bornemann2010, ferrari2005. */
#include "glia_dense.h"
#include "glia_spectrum.h"

#include <math.h>

enum { POINTS = 48 };
static const double span = 16.0; /* Ai(8) is 5e-8 of Ai(0), and enters squared */

/* Airy's function for x >= -10: its power series, or the asymptotic one where the first would cancel. */
static double airy(double x)
{
  const double pi = 3.14159265358979323846;

  if (x <= 5.5) {
    const double a = 0.355028053887817239260, b = 0.258819403792806798405; /* Ai(0), -Ai'(0) */
    double f = 1.0, g = x, tf = 1.0, tg = x;
    for (int k = 1; k < 200; k++) {
      tf *= x * x * x / ((3.0 * k - 1.0) * (3.0 * k));
      tg *= x * x * x / ((3.0 * k) * (3.0 * k + 1.0));
      f += tf;
      g += tg;
      if (fabs(tf) + fabs(tg) < 1e-18) break;
    }
    return a * f - b * g;
  }
  const double zeta = 2.0 / 3.0 * x * sqrt(x);
  double sum = 1.0, term = 1.0;
  for (int k = 1; k < 30; k++) {
    const double next = -term * (6.0 * k - 5.0) * (6.0 * k - 3.0) * (6.0 * k - 1.0) /
                        (216.0 * k * (2.0 * k - 1.0) * zeta);
    if (fabs(next) >= fabs(term)) break;
    sum += next;
    term = next;
  }
  return exp(-zeta) / (2.0 * sqrt(pi) * sqrt(sqrt(x))) * sum;
}

/* Nodes and weights on (-1, 1): Newton's method on Legendre's polynomial. */
static void gauss_legendre(double *x, double *w)
{
  const double pi = 3.14159265358979323846;

  for (int i = 0; i < POINTS; i++) {
    double z = cos(pi * (i + 0.75) / (POINTS + 0.5)), slope = 1.0;
    for (int it = 0; it < 50; it++) {
      double p = 1.0, q = 0.0;
      for (int k = 1; k <= POINTS; k++) {
        const double next = ((2.0 * k - 1.0) * z * p - (k - 1.0) * q) / k;
        q = p;
        p = next;
      }
      slope = POINTS * (z * p - q) / (z * z - 1.0);
      const double step = p / slope;
      z -= step;
      if (fabs(step) < 1e-15) break;
    }
    x[i] = z;
    w[i] = 2.0 / ((1.0 - z * z) * slope * slope);
  }
}

double glia_tracy_widom(double s)
{
  double x[POINTS], w[POINTS], m[POINTS * POINTS], e[POINTS], product = 1.0;

  if (isnan(s)) return s;
  if (s < -8.0) return 0.0; /* F1(-8) is 1e-12 */
  if (s > 20.0) return 1.0;
  gauss_legendre(x, w);
  for (int i = 0; i < POINTS; i++)
    for (int j = 0; j < POINTS; j++) {
      const double mean = s + 0.5 * span * (1.0 + 0.5 * (x[i] + x[j]));
      m[i * POINTS + j] = (i == j ? 1.0 : 0.0) - sqrt(w[i] * w[j]) * 0.5 * span * 0.5 * airy(mean);
    }
  if (glia_dense_symmetric(POINTS, m, e, false) != GLIA_OK) return NAN;
  for (int i = 0; i < POINTS; i++) product *= e[i];
  return product < 0.0 ? 0.0 : product > 1.0 ? 1.0 : product;
}
