/* exp, expm1-based tanh, ln and erf of a float32, by float64 arithmetic without a branch; tanh of a float64.
 *
 * Only operations stand here that IEEE 754 defines to the last bit, so results do not depend on the CPU or its C library, and
 * loops over them are vectorised. The float64 result is within 1e-9: rounded, it is the float32 next to the exact value
 * in all but a few of a thousand cases near a tie. float64 operands go to the C library, but for tanh, which
 * networks that solve differential equations live by.
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

/* erfc of any sign within 3e-9 of its value, down to 1e-87: (1 + 2 z) e^(z^2) erfc z as a polynomial in (z - 3) / (z + 3), z >= 0, from
 * its Chebyshev series.  Source: shepherd1981. */
GLIA_INLINE double glia_erfc_short_(double x)
{
  double scale;
  const double wide = x < 0.0 ? -x : x, z = wide > 30.0 ? 30.0 : wide; /* a NaN stays */
  const double t = (z - 3.0) / (z + 3.0);
  const double e = glia_exp_parts_(-z * z, &scale);
  double p = 3.8618467548174376e-06;
  p = p * t + 7.7310240924850779e-05;
  p = p * t + -0.00010413070785005341;
  p = p * t + -0.00072645367580044778;
  p = p * t + 0.001888112858155869;
  p = p * t + 0.0024991168667468427;
  p = p * t + -0.02377033467252963;
  p = p * t + 0.068316567772233786;
  p = p * t + -0.11927369132128475;
  p = p * t + 0.12964411434391362;
  p = p * t + -0.047562292695609382;
  p = p * t + -0.13562106940026653;
  p = p * t + 1.2530080582534233;
  const double y = p * (scale * e + scale) / (1.0 + 2.0 * z);

  return x < 0.0 ? 2.0 - y : y;
}

/* |x| < 1: x times a polynomial in x^2, within 4e-11. */
GLIA_INLINE double glia_erf_f32_(float v)
{
  const double x = (double)v, s = x * x;
  double p = -9.6735916086249096e-06;
  p = p * s + 0.00011268254157216495;
  p = p * s + -0.00084843965847714031;
  p = p * s + 0.0052210534147549559;
  p = p * s + -0.026865438311266115;
  p = p * s + 0.11283782622074756;
  p = p * s + -0.37612638475992088;
  p = p * s + 1.1283791670623611;
  const double far = 1.0 - glia_erfc_short_(x < 0.0 ? -x : x);

  return s < 1.0 ? x * p : x < 0.0 ? -far : far;
}

/* As for float32, with the reduction in two parts and terms enough for float64: within 4 units of the last place. */
GLIA_INLINE double glia_tanh_f64_(double v)
{
  static const double magic = 0x1.8p52, ln2_high = 0x1.62e42fee00000p-1,
                      ln2_low = 0x1.a39ef35793c76p-33; /* 33 bits of ln 2, and the rest */
  const double x = 2.0 * v, in = x < -80.0 ? -80.0 : x > 80.0 ? 80.0 : x;
  const double shifted = in * 1.44269504088896340736 + magic, n = shifted - magic;
  const double r = (in - n * ln2_high) - n * ln2_low;
  double scale;
  uint64_t bits;

  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 52) + UINT64_C(0x3ff0000000000000);
  memcpy(&scale, &bits, sizeof scale);
  double p = 1.0 / 87178291200.0; /* 1/14! */
  p = p * r + 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 1.0 / 2.0;
  const double q = p * r * r + r; /* e^r - 1 */
  const double m = scale * q + (scale - 1.0);

  return m / (m + 2.0);
}

/* By the type of x; all return double, which the kernel rounds. */
#define GLIA_EXP(x)  _Generic((x), float : glia_exp_f32_, double : exp)(x)
#define GLIA_TANH(x) _Generic((x), float : glia_tanh_f32_, double : glia_tanh_f64_)(x)
#define GLIA_LN(x)   _Generic((x), float : glia_ln_f32_, double : log)(x)
#define GLIA_ERF(x)  _Generic((x), float : glia_erf_f32_, double : erf)(x)
/* erfc of a double, as exact as a result of x's type needs */
#define GLIA_ERFC(x, z) _Generic((x), float : glia_erfc_short_, double : erfc)(z)

#endif
