/* Singular values of Gaussian matrices from bidiagonal ones: Householder's reflections leave chi variables. Source: dumitriu2002. */
#include "glia_dense.h"
#include "glia_random.h"
#include "glia_spectrum.h"

#include <math.h>
#include <stdlib.h>

/* Square root of a chi-square variable of n degrees of freedom, element `index` of a stream. Source: marsaglia2000. */
static double chi(uint64_t key, uint64_t index, double n)
{
  if (n < 1.5) return fabs(glia_random_normal(key, 0, index));
  const double d = 0.5 * n - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);

  for (uint64_t attempt = 0;; attempt++) {
    const double z = glia_random_normal(key, 2 * attempt + 1, index), v = 1.0 + c * z;
    if (v <= 0.0) continue;
    const double v3 = v * v * v, u = glia_random_uniform(key, 2 * attempt + 2, index);
    if (log(u) < 0.5 * z * z + d - d * v3 + d * log(v3)) return sqrt(2.0 * d * v3);
  }
}

glia_status glia_spectrum_of_noise(int64_t rows, int64_t cols, double spike, uint64_t seed,
                                   double *s)
{
  const uint64_t diagonal = glia_random_stream(seed, "spectrum/diagonal");
  const uint64_t beside = glia_random_stream(seed, "spectrum/beside");

  GLIA_CHECK(rows >= cols && cols > 0, GLIA_E_ARGUMENT, "a noise matrix of %lld x %lld",
             (long long)rows, (long long)cols);
  double *e = malloc((size_t)cols * sizeof *e);
  GLIA_CHECK(e != NULL, GLIA_E_MEMORY, "a diagonal of %lld", (long long)cols);
  for (int64_t i = 0; i < cols; i++) {
    s[i] = chi(diagonal, (uint64_t)i, (double)(rows - i));
    e[i] = i + 1 < cols ? chi(beside, (uint64_t)i, (double)(cols - 1 - i)) : 0.0;
  }
  if (spike != 0.0) { /* v is the first axis: its column is the spike and a normal vector */
    const double z = glia_random_normal(glia_random_stream(seed, "spectrum/spike"), 0, 0);
    const double along = spike * sqrt((double)rows) + z;
    const double across = rows > 1 ? chi(diagonal, 0, (double)(rows - 1)) : 0.0;
    s[0] = hypot(along, across);
  }
  const glia_status st = glia_dense_bidiagonal_values(cols, s, e);
  free(e);
  return st;
}
