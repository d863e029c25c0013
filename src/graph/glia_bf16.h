/* bf16, the upper half of a float32: its range, 8 bits of precision. A type to store in; sums and products are float32.
 * Source: kalamkar2019 (arXiv:1905.12322). */
#ifndef GLIA_BF16_H
#define GLIA_BF16_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float glia_bf16_wide(uint16_t b)
{
  const uint32_t bits = (uint32_t)b << 16;
  float x;

  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline uint32_t glia_bf16_bits_(float x)
{
  uint32_t bits;

  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/** The nearest bf16, halves to the even one; a NaN stays one. */
static inline uint16_t glia_bf16_round(float x)
{
  const uint32_t bits = glia_bf16_bits_(x);
  const uint32_t near = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;

  return (uint16_t)((bits & 0x7fffffff) > 0x7f800000U ? bits >> 16 | 0x40 : near);
}

/** The same of a float64, rounded once: a float32 in the middle between two bf16 need not be the middle of x. */
static inline uint16_t glia_bf16_round_f64(double x)
{
  const float near = (float)x;
  uint32_t bits = glia_bf16_bits_(near);

  if ((bits & 0xffff) != 0x8000 || (double)near == x) return glia_bf16_round(near);
  bits += fabs(x) > fabs((double)near) ? 1U : UINT32_MAX;
  float beside;
  memcpy(&beside, &bits, sizeof beside);
  return glia_bf16_round(beside);
}

/** One of the two bf16 around x, the nearer one the more often: x on average, where u is uniform in (0, 1). */
static inline uint16_t glia_bf16_draw(float x, float u)
{
  const uint32_t bits = glia_bf16_bits_(x);

  if ((bits & 0x7fffffff) >= 0x7f800000U || !(u >= 0.0F)) return glia_bf16_round(x * (u / u));
  return (uint16_t)((bits + (uint32_t)(fminf(u, 0x1.fffep-1F) * 65536.0F)) >> 16);
}

#endif
