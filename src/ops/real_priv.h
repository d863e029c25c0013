/* exp, expm1-based tanh and ln of a float32, by float64 arithmetic without a branch.
 *
 * Only operations stand here that IEEE 754 defines to the last bit, so results do not depend on the CPU or its C library, and
 * loops over them are vectorised. The float64 result is within 1e-9: rounded, it is the float32 next to the exact value
 * in all but a few of a thousand cases near a tie. float64 operands go to the C library.
 */
#ifndef REAL_PRIV_H
#define REAL_PRIV_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Inlined whatever the optimization level: a call would keep the loop around it from being vectorised. */
#define GLIA_INLINE __attribute__((always_inline)) static inline

/* e^x as scale (1 + q): x = (n + r) ln 2 with |r| <= 1/2, scale = 2^n, q = e^(r ln 2) - 1 by its Taylor series. */
GLIA_INLINE double glia_exp_parts_(double x, double *scale)
{
  static const double magic = 0x1.8p52; /* adding it leaves the nearest integer in the low bits */
  const double near = (x < -200.0 ? -200.0 : x > 200.0 ? 200.0 : x) * 1.44269504088896340736;
  const double shifted = near + magic;
  const double r = (near - (shifted - magic)) * 0.69314718055994530942;
  uint64_t bits;

  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 52) + UINT64_C(0x3ff0000000000000);
  memcpy(scale, &bits, sizeof bits);
  double p = 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  return p * r;
}

GLIA_INLINE double glia_exp_f32_(float x)
{
  double scale;
  const double q = glia_exp_parts_((double)x, &scale);

  return scale * q + scale;
}

/* m / (m + 2) with m = e^(2x) - 1 = scale q + (scale - 1): exact for small x, where scale is 1. */
GLIA_INLINE double glia_tanh_f32_(float x)
{
  double scale;
  const double q = glia_exp_parts_(2.0 * (double)x, &scale);
  const double m = scale * q + (scale - 1.0);

  return m / (m + 2.0);
}

/* x = 2^e m, m in [sqrt 1/2, sqrt 2): ln x = e ln 2 + 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.172. */
GLIA_INLINE double glia_ln_f32_(float x)
{
  const double wide = (double)x;
  uint64_t bits;
  double m, e;

  memcpy(&bits, &wide, sizeof bits);
  const uint64_t up =
      (bits - UINT64_C(0x3fe6a09e667f3bcd)) >> 52; /* exponent, once m is in its range */
  const uint64_t exponent = up & 0x7ff;
  const uint64_t m_bits = bits - (up << 52);
  memcpy(&m, &m_bits, sizeof m);
  const uint64_t e_bits =
      ((exponent + 1024) & 0x7ff) | UINT64_C(0x4330000000000000); /* 2^52 + e + 1024 */
  memcpy(&e, &e_bits, sizeof e);
  e -= 0x1p52 + 1024.0;
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 1.0 / 11.0;
  p = p * z + 1.0 / 9.0;
  p = p * z + 1.0 / 7.0;
  p = p * z + 1.0 / 5.0;
  p = p * z + 1.0 / 3.0;
  p = p * z + 1.0;
  const double y = e * 0.69314718055994530942 + 2.0 * s * p;
  const double edge = x == 0.0F ? -HUGE_VAL : x < 0.0F ? (double)NAN : wide; /* inf and NaN stay */
  return x > 0.0F && x < HUGE_VALF ? y : edge;
}

/* By the type of x; all return double, which the kernel rounds. */
#define GLIA_EXP(x)  _Generic((x), float : glia_exp_f32_, double : exp)(x)
#define GLIA_TANH(x) _Generic((x), float : glia_tanh_f32_, double : tanh)(x)
#define GLIA_LN(x)   _Generic((x), float : glia_ln_f32_, double : log)(x)

#endif
