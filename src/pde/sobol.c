/* Sobol's sequence with the direction numbers of Joe and Kuo, under a digital shift.  Source: sobol1967, joe2008. */
#include "glia_problem.h"
#include "glia_random.h"

enum { BITS = 52, MOST = 8 };

/* Primitive polynomials (degree, coefficients) and first direction numbers, dimensions 2 to 8. */
static const struct {
  int s;
  unsigned a;
  unsigned m[5];
} table[MOST - 1] = {
    {1, 0, {1}},          {2, 1, {1, 3}},        {3, 1, {1, 3, 1}},       {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}}, {4, 4, {1, 3, 5, 13}}, {5, 2, {1, 1, 5, 5, 17}}};

/* Direction numbers of dimension d as fractions of 2^BITS. */
static void directions(int d, uint64_t v[BITS])
{
  if (d == 0) {
    for (int k = 0; k < BITS; k++) v[k] = (uint64_t)1 << (BITS - 1 - k);
    return;
  }
  const int s = table[d - 1].s;
  for (int k = 0; k < BITS; k++) {
    if (k < s) {
      v[k] = (uint64_t)table[d - 1].m[k] << (BITS - 1 - k);
      continue;
    }
    v[k] = v[k - s] ^ (v[k - s] >> s);
    for (int j = 1; j < s; j++)
      if (table[d - 1].a >> (s - 1 - j) & 1U) v[k] ^= v[k - j];
  }
}

void glia_sobol(int d, uint64_t seed, uint64_t i, double *x)
{
  const uint64_t gray = i ^ (i >> 1), key = glia_random_stream(seed, "sobol");
  uint64_t v[BITS];

  for (int c = 0; c < d && c < MOST; c++) {
    uint64_t bits = glia_random_bits(key, 0, (uint64_t)c) >> (64 - BITS);
    directions(c, v);
    for (int k = 0; k < BITS; k++)
      if (gray >> k & 1U) bits ^= v[k];
    x[c] = (double)bits * 0x1p-52;
  }
}
