/* Elements of other programs: byte order, 16-bit numbers. */
#include "elements_priv.h"

#include "glia_bf16.h"

#include <math.h>
#include <string.h>

static void swap_bytes(unsigned char *p, size_t n, size_t size)
{
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < size / 2; k++) {
      const unsigned char kept = p[i * size + k];
      p[i * size + k] = p[i * size + size - 1 - k];
      p[i * size + size - 1 - k] = kept;
    }
}

static uint32_t bits_of(float v)
{
  uint32_t u;

  memcpy(&u, &v, sizeof u);
  return u;
}

static float from_bits(uint32_t u)
{
  float v;

  memcpy(&v, &u, sizeof v);
  return v;
}

float glia_float_from_half_(uint16_t h)
{
  const uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, m = h & 0x3ff;

  if (exponent == 31) return from_bits(sign | 0x7f800000U | m << 13);
  if (exponent > 0) return from_bits(sign | (exponent + 112) << 23 | m << 13);
  const float tiny = (float)m * 0x1p-24F; /* exact */
  return sign != 0 ? -tiny : tiny;
}

uint16_t glia_half_from_(float v)
{
  const uint32_t u = bits_of(v), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;

  if (a > 0x7f800000U) return (uint16_t)(sign | 0x7e00);
  if (a >= 0x477ff000U) return (uint16_t)(sign | 0x7c00); /* 65520 and above round to infinity */
  if (a < 0x38800000U) {                                  /* subnormal: whole multiples of 2^-24 */
    const double units = nearbyint((double)from_bits(a) * 0x1p24);
    return (uint16_t)(sign | (uint32_t)units);
  }
  const uint32_t odd = a >> 13 & 1;
  return (uint16_t)(sign | (a - 0x38000000U + 0xfff + odd) >> 13);
}

/* From the last to the first: what is kept is longer. */
static void widen(glia_widen how, size_t n, unsigned char *p)
{
  for (size_t i = n; i-- > 0;) {
    uint16_t u = 0;
    memcpy(&u, p + 2 * i, 2);
    if (how == GLIA_WIDEN_I16 || how == GLIA_WIDEN_U16) {
      const int32_t v = how == GLIA_WIDEN_I16 ? (int16_t)u : (int32_t)u;
      memcpy(p + 4 * i, &v, 4);
    } else {
      const float v = how == GLIA_WIDEN_F16 ? glia_float_from_half_(u) : glia_bf16_wide(u);
      memcpy(p + 4 * i, &v, 4);
    }
  }
}

void glia_elements_keep_(const struct glia_stored *s, size_t n, void *data)
{
  if (s->swap) swap_bytes(data, n, s->bytes);
  if (s->widen != GLIA_WIDEN_NONE) widen(s->widen, n, data);
}

double glia_element_get_(glia_dtype t, const void *data, int64_t i)
{
  switch (t) {
#define X(NAME, name, ctype, bytes, is_float)                                                      \
  case GLIA_##NAME:                                                                                \
    return (double)((const ctype *)data)[i];
    GLIA_DTYPE_LIST(X)
#undef X
  case GLIA_BF16:
    return (double)glia_bf16_wide(((const uint16_t *)data)[i]);
  default:
    return NAN;
  }
}

void glia_element_set_(glia_dtype t, void *data, int64_t i, double v)
{
  switch (t) {
#define X(NAME, name, ctype, bytes, is_float)                                                      \
  case GLIA_##NAME:                                                                                \
    ((ctype *)data)[i] = is_float ? (ctype)v : (ctype)nearbyint(v);                                \
    break;
    GLIA_DTYPE_LIST(X)
#undef X
  case GLIA_BF16:
    ((uint16_t *)data)[i] = glia_bf16_round_f64(v);
    break;
  default:
    break;
  }
}
