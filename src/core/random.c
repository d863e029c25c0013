/* Philox4x32-10 and what is drawn from it.  Source: salmon2011 (doi:10.1145/2063384.2063405).
 *
 * Only +, -, *, / and sqrt stand here, which IEEE 754 defines to the last bit: a draw does not depend on the C library,
 * whose log and cos differ between CPUs.
 */
#include "glia_random.h"

#include <assert.h>
#include <math.h>

enum { FEISTEL_ROUNDS = 8, ABREAST = 32 };

static const double pi = 3.14159265358979323846;

/* A bijection of 64-bit words that mixes well (the finalizer of splitmix64).  Source: steele2014. */
static uint64_t mix(uint64_t z)
{
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

uint64_t glia_random_stream(uint64_t seed, const char *name)
{
  /* Both steps are bijections of the seed: two seeds never share a stream of one name. */
  uint64_t h = UINT64_C(0xcbf29ce484222325) ^ mix(seed + UINT64_C(0x9e3779b97f4a7c15));

  for (const char *c = name; *c != '\0'; c++) h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
  return h;
}

void glia_random_block(uint64_t key, const uint32_t counter[4], uint32_t out[4])
{
  uint32_t k0 = (uint32_t)key;
  uint32_t k1 = (uint32_t)(key >> 32);
  uint32_t c0 = counter[0];
  uint32_t c1 = counter[1];
  uint32_t c2 = counter[2];
  uint32_t c3 = counter[3];

  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = UINT64_C(0xd2511f53) * c0;
    const uint64_t p1 = UINT64_C(0xcd9e8d57) * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += UINT32_C(0x9e3779b9);
    k1 += UINT32_C(0xbb67ae85);
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/* The 128 bits of one element as two words. */
static void draw(uint64_t key, uint64_t salt, uint64_t index, uint64_t out[2])
{
  const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)salt,
                               (uint32_t)(salt >> 32)};
  uint32_t word[4];

  glia_random_block(key, counter, word);
  out[0] = word[0] | (uint64_t)word[1] << 32;
  out[1] = word[2] | (uint64_t)word[3] << 32;
}

uint64_t glia_random_bits(uint64_t key, uint64_t salt, uint64_t index)
{
  uint64_t w[2];

  draw(key, salt, index, w);
  return w[0];
}

/* The midpoint of one of 2^52 equal cells: with one bit more the last midpoint would round to 1. */
double glia_random_unit(uint64_t bits) { return ((double)(bits >> 12) + 0.5) * 0x1p-52; }

double glia_random_uniform(uint64_t key, uint64_t salt, uint64_t index)
{
  return glia_random_unit(glia_random_bits(key, salt, index));
}

/* ln u for u in (0, 1]: u = 2^e m, m in [sqrt 1/2, sqrt 2), ln m = 2 artanh s with s = (m - 1)/(m + 1), |s| < 0.172. */
static double log_exact(double u)
{
  int e;
  double m = frexp(u, &e);
  double sum = 0.0;

  if (m < 0.70710678118654752440) {
    m *= 2.0;
    e--;
  }
  const double s = (m - 1.0) / (m + 1.0);
  for (int n = 21; n >= 1; n -= 2) sum = sum * (s * s) + 1.0 / n;
  return e * 0.69314718055994530942 + 2.0 * s * sum;
}

/* cos(2 pi u) for u in (0, 1): nearest quarter turn, then the Taylor series on at most pi/4. */
static double cos_turn(double u)
{
  const int quarter = (int)(4.0 * u + 0.5);
  const double x = (4.0 * u - quarter) * (pi / 2.0);
  const int first = quarter % 2 == 0 ? 1 : 2; /* cosine or sine of what is left */
  double sum = 1.0;

  /* Horner from the innermost term: cos x = 1 - x^2/(1*2) (1 - x^2/(3*4) (...)), sin x likewise. */
  for (int k = first + 16; k >= first; k -= 2) sum = 1.0 - sum * (x * x) / (k * (k + 1));
  if (first == 2) sum *= x;
  return quarter == 1 || quarter == 2 ? -sum : sum;
}

double glia_random_normal(uint64_t key, uint64_t salt, uint64_t index)
{
  uint64_t w[2];

  draw(key, salt, index, w);
  return sqrt(-2.0 * log_exact(glia_random_unit(w[0]))) * cos_turn(glia_random_unit(w[1]));
}

/* Bits in each half of the network over 0 .. n - 1. */
static int half_bits(int64_t n)
{
  int half = 1;

  while ((UINT64_C(1) << 2 * half) < (uint64_t)n) half++;
  return half;
}

static uint64_t round_key(uint64_t key, int round)
{
  return mix(key + (uint64_t)(round + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/* All rounds for a fixed number of places, side by side: one alone waits long for its own, and so the compiler has vectors. */
GLIA_CLONES static void network(uint64_t key, int half, uint64_t *x)
{
  const uint64_t mask = (UINT64_C(1) << half) - 1;
  uint64_t left[ABREAST], right[ABREAST];

  for (int j = 0; j < ABREAST; j++) {
    left[j] = x[j] >> half;
    right[j] = x[j] & mask;
  }
  for (int round = 0; round < FEISTEL_ROUNDS; round++) {
    const uint64_t k = round_key(key, round);
    for (int j = 0; j < ABREAST; j++) {
      const uint64_t next = left[j] ^ (mix(k ^ right[j]) & mask);
      left[j] = right[j];
      right[j] = next;
    }
  }
  for (int j = 0; j < ABREAST; j++) x[j] = left[j] << half | right[j];
}

void glia_random_permute_range(uint64_t key, int64_t n, int64_t first, int64_t count, int64_t *out)
{
  assert(n >= 1 && n <= INT64_C(1) << 62 && first >= 0 && first + count <= n);
  const int half = half_bits(n);
  uint64_t x[ABREAST] = {0};
  int64_t place[ABREAST], begun = 0;

  for (int m = 0, above = 0; begun < count || m > 0; m = above, above = 0) {
    for (; m < ABREAST && begun < count; begun++) {
      x[m] = (uint64_t)(first + begun);
      place[m++] = begun;
    }
    network(key, half, x);
    for (int j = 0; j < m; j++) {
      if (x[j] < (uint64_t)n) {
        out[place[j]] = (int64_t)x[j];
        continue;
      }
      x[above] = x[j]; /* not below n yet: it walks on */
      place[above++] = place[j];
    }
  }
}

int64_t glia_random_permute(uint64_t key, int64_t n, int64_t i)
{
  int64_t out = 0;

  glia_random_permute_range(key, n, i, 1, &out);
  return out;
}

/* The rounds backwards; the walk through numbers above n is the same cycle the other way. */
int64_t glia_random_unpermute(uint64_t key, int64_t n, int64_t value)
{
  assert(n >= 1 && n <= INT64_C(1) << 62 && value >= 0 && value < n);
  const int half = half_bits(n);
  const uint64_t mask = (UINT64_C(1) << half) - 1;
  uint64_t x = (uint64_t)value;
  do {
    uint64_t left = x >> half;
    uint64_t right = x & mask;
    for (int round = FEISTEL_ROUNDS - 1; round >= 0; round--) {
      const uint64_t before = right ^ (mix(round_key(key, round) ^ left) & mask);
      right = left;
      left = before;
    }
    x = left << half | right;
  } while (x >= (uint64_t)n);
  return (int64_t)x;
}
