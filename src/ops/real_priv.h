/* exp and the normal distribution of a float32; expm1-based tanh, ln and erf of one, by float64 arithmetic; tanh of a float64. All without a branch.
 *
 * Only operations stand here that IEEE 754 defines to the last bit, so results do not depend on the CPU or its C library, and
 * loops over them are vectorised. Where arithmetic is in float64 the result is within 1e-9: rounded, it is the float32 next to the exact value
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

/* e^x in float32: x = n ln 2 + r, ln 2 in two parts so that n times the first is exact; e^r by a polynomial within 3e-9 on |r| <= 0.347.
 * Within a unit of the last place; 2^n in two factors, so that results fade into denormals and into infinity. */
GLIA_INLINE float glia_exp_short_(float x)
{
  static const float magic = 0x1.8p23F, ln2_high = 0x1.62e4p-1F, ln2_low = 0x1.7f7d1cp-20F;
  const float in = x < -104.0F ? -104.0F : x > 89.0F ? 89.0F : x; /* a NaN stays */
  const float shifted = in * 1.44269504F + magic, n = shifted - magic;
  const float r = (in - n * ln2_high) - n * ln2_low;
  int32_t bits, from;
  float low, high;

  memcpy(&bits, &shifted, sizeof bits);
  memcpy(&from, &magic, sizeof from);
  const int32_t k = bits - from, half = k >> 1;
  const int32_t low_bits = (half + 127) << 23, high_bits = (k - half + 127) << 23;
  memcpy(&low, &low_bits, sizeof low);
  memcpy(&high, &high_bits, sizeof high);
  float p = 0x1.6a231ep-10F;
  p = p * r + 0x1.123a8ep-7F;
  p = p * r + 0x1.5558f6p-5F;
  p = p * r + 0x1.555490p-3F;
  p = p * r + 0x1.fffffcp-2F;
  return ((p * r * r + r) + 1.0F) * low * high;
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

/* tanh of a float64 in three steps, so that a loop over each has few operations that wait for each other; within 3 units of the last place.
 * v = n ln 2 / 2 + a, s = 2^n; e^(2a) = (q + a) / (q - a) with q = a coth a = 1 + w, for which fdlibm's exp has a polynomial; then
 * tanh v = (s e^(2a) - 1) / (s e^(2a) + 1), arranged so that little is lost where s is near 1.  Source: ng1992. */
GLIA_INLINE double glia_tanh_rest_f64_(double v, double *scale)
{
  static const double magic = 0x1.8p52, high = 0x1.62e42fee00000p-2,
                      low = 0x1.a39ef35793c76p-34; /* 33 bits of ln 2 / 2, and the rest */
  const double in = v < -40.0 ? -40.0 : v > 40.0 ? 40.0 : v;
  const double shifted = in * 2.88539008177792681472 + magic, n = shifted - magic;
  uint64_t bits;

  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 52) + UINT64_C(0x3ff0000000000000);
  memcpy(scale, &bits, sizeof bits);
  return (in - n * high) - n * low;
}

/* a coth a - 1 */
GLIA_INLINE double glia_tanh_curve_f64_(double a)
{
  static const double p1 = 2.0 * 1.66666666666666019037e-01, p2 = 8.0 * -2.77777777770155933842e-03,
                      p3 = 32.0 * 6.61375632143793436117e-05,
                      p4 = 128.0 * -1.65339022054652515390e-06,
                      p5 = 512.0 * 4.13813679705723846039e-08;
  const double z = a * a, zz = z * z;

  return z * ((p1 + p2 * z) + zz * ((p3 + p4 * z) + zz * p5));
}

GLIA_INLINE double glia_tanh_join_f64_(double a, double w, double scale)
{
  const double less = scale - 1.0, more = scale + 1.0;

  return (less + (less * w + more * a)) / (more + (more * w + less * a));
}

GLIA_INLINE double glia_tanh_f64_(double v)
{
  double scale;
  const double a = glia_tanh_rest_f64_(v, &scale);

  return glia_tanh_join_f64_(a, glia_tanh_curve_f64_(a), scale);
}

/* The same of as many numbers, x in y's place or not. */
enum { GLIA_TANH_LANES_ = 64 };
GLIA_INLINE void glia_tanh_lanes_f64_(const double *x, double *y)
{
  double rest[GLIA_TANH_LANES_], scale[GLIA_TANH_LANES_], curve[GLIA_TANH_LANES_];

  for (int l = 0; l < GLIA_TANH_LANES_; l++) rest[l] = glia_tanh_rest_f64_(x[l], &scale[l]);
  for (int l = 0; l < GLIA_TANH_LANES_; l++) curve[l] = glia_tanh_curve_f64_(rest[l]);
  for (int l = 0; l < GLIA_TANH_LANES_; l++)
    y[l] = glia_tanh_join_f64_(rest[l], curve[l], scale[l]);
}

/* sin and cos of |x| <= GLIA_WAVE_MOST_, within an ulp of what is near 1: x = n pi/2 + r, pi/2 in three parts of 33 bits, n times each of which is
 * exact but for the last; polynomials of fdlibm on |r| <= pi/4; quarters by n.  Source: ng1992. */
static const double GLIA_WAVE_MOST_ = 0x1p20;

GLIA_INLINE void glia_sin_cos_f64_(double x, double *sine, double *cosine)
{
  static const double magic = 0x1.8p52,
                      part[] = {0x1.921fb544p0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69};
  const double shifted = x * 0.63661977236758134308 + magic, n = shifted - magic;
  const double r = ((x - n * part[0]) - n * part[1]) - n * part[2], z = r * r;
  uint64_t quarter;
  double s = 1.58969099521155010221e-10, c = -1.13596475577881948265e-11;

  memcpy(&quarter, &shifted, sizeof quarter);
  s = s * z - 2.50507602534068634195e-08;
  s = s * z + 2.75573137070700676789e-06;
  s = s * z - 1.98412698298579493134e-04;
  s = s * z + 8.33333333332248946124e-03;
  s = s * z - 1.66666666666666324348e-01;
  s = s * z * r + r;
  c = c * z + 2.08757232129817482790e-09;
  c = c * z - 2.75573143513906633035e-07;
  c = c * z + 2.48015872894767294178e-05;
  c = c * z - 1.38888888888741095749e-03;
  c = c * z + 4.16666666666666019037e-02;
  const double most = 1.0 - 0.5 * z;
  c = most + (((1.0 - most) - 0.5 * z) + z * z * c);
  const double a = (quarter & 1) != 0 ? c : s, b = (quarter & 1) != 0 ? s : c;
  *sine = (quarter & 2) != 0 ? -a : a;
  *cosine = ((quarter + 1) & 2) != 0 ? -b : b;
}

/* P(-u) = e^(-u^2/2) p(t) / (1 + 1.5 u), t = (u - 4) / (u + 4), u >= 0: p within 4e-8 of its value by a fit of the largest error. The
 * rounding of u^2 adds u^2 / 2 units of the last place.  Source: shepherd1981, whose form it is. */
GLIA_INLINE float glia_normal_cdf_f32_(float x)
{
  const float far = x < 0.0F ? -x : x, u = far > 15.0F ? 15.0F : far; /* a NaN stays */
  const float t = (u - 4.0F) / (u + 4.0F);
  float p = 0.00017663604F;
  p = p * t + 0.0011870015F;
  p = p * t + -0.00094212929F;
  p = p * t + -0.0078384839F;
  p = p * t + 0.031194717F;
  p = p * t + -0.063708059F;
  p = p * t + 0.078750178F;
  p = p * t + -0.041191787F;
  p = p * t + -0.059856236F;
  p = p * t + 0.66087449F;
  const float tail = p * glia_exp_short_(-0.5F * u * u) / (1.0F + 1.5F * u);

  return x > 0.0F ? 1.0F - tail : tail;
}
GLIA_INLINE double glia_normal_cdf_f64_(double x) { return 0.5 * erfc(-0x1.6a09e667f3bcdp-1 * x); }

/* By the type of x. EXP_SHORT stays in it; others return double, which the kernel rounds. */
#define GLIA_EXP_SHORT(x) _Generic((x), float : glia_exp_short_, double : exp)(x)
#define GLIA_EXP(x)       _Generic((x), float : glia_exp_f32_, double : exp)(x)
#define GLIA_TANH(x)      _Generic((x), float : glia_tanh_f32_, double : glia_tanh_f64_)(x)
#define GLIA_LN(x)        _Generic((x), float : glia_ln_f32_, double : log)(x)
#define GLIA_ERF(x)       _Generic((x), float : glia_erf_f32_, double : erf)(x)
#define GLIA_NORMAL_CDF(x)                                                                         \
  _Generic((x), float : glia_normal_cdf_f32_, double : glia_normal_cdf_f64_)(x)

#endif
