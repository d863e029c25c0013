/* What kernels for AVX-512 share. */
#ifndef AVX512_PRIV_H
#define AVX512_PRIV_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define GLIA_AVX512 __attribute__((target("avx512f,avx512dq")))

/** A matrix of 16 rows of 16 floats transposed. */
__attribute__((always_inline)) GLIA_AVX512 static inline void glia_turn_registers_(__m512 r[16])
{
  __m512 s[16];

#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512d a = _mm512_castps_pd(s[i]), b = _mm512_castps_pd(s[i + 1]),
                  c = _mm512_castps_pd(s[i + 2]), d = _mm512_castps_pd(s[i + 3]);
    r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4;
       i++) { /* r[4 g + i]: columns i, 4 + i, 8 + i, 12 + i of rows 4 g .. 4 g + 3 */
    const __m512 a = _mm512_shuffle_f32x4(r[i], r[4 + i], 0x88),
                 b = _mm512_shuffle_f32x4(r[i], r[4 + i], 0xdd),
                 c = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0x88),
                 d = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0xdd);
    s[i] = _mm512_shuffle_f32x4(a, c, 0x88);
    s[8 + i] = _mm512_shuffle_f32x4(a, c, 0xdd);
    s[4 + i] = _mm512_shuffle_f32x4(b, d, 0x88);
    s[12 + i] = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) r[i] = s[i];
}

/** 16 rows of 16 floats, ld apart, as columns: rows to_ld apart. */
GLIA_AVX512 static inline void glia_turn_f32_(const float *from, int64_t ld, float *to,
                                              int64_t to_ld)
{
  __m512 r[16];

#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_ps(from + i * ld);
  glia_turn_registers_(r);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) _mm512_storeu_ps(to + i * to_ld, r[i]);
}

/** The same of a smaller matrix: `rows` by `columns`, both at most 16. */
GLIA_AVX512 static inline void glia_turn_some_f32_(int64_t rows, int64_t columns, const float *from,
                                                   int64_t ld, float *to, int64_t to_ld)
{
  const __mmask16 read = (__mmask16)((1U << columns) - 1U), write = (__mmask16)((1U << rows) - 1U);
  __m512 r[16];

#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    r[i] = i < rows ? _mm512_maskz_loadu_ps(read, from + i * ld) : _mm512_setzero_ps();
  glia_turn_registers_(r);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    if (i < columns) _mm512_mask_storeu_ps(to + i * to_ld, write, r[i]);
}

/** The same of a larger one. */
GLIA_AVX512 static inline void glia_turn_all_f32_(int64_t rows, int64_t columns, const float *from,
                                                  int64_t ld, float *to, int64_t to_ld)
{
  for (int64_t i = 0; i < rows; i += 16)
    for (int64_t j = 0; j < columns; j += 16) {
      const float *at = from + i * ld + j;
      float *out = to + j * to_ld + i;
      if (rows - i >= 16 && columns - j >= 16)
        glia_turn_f32_(at, ld, out, to_ld);
      else
        glia_turn_some_f32_(rows - i < 16 ? rows - i : 16, columns - j < 16 ? columns - j : 16, at,
                            ld, out, to_ld);
    }
}

/** The lanes' halves added, down to one. */
GLIA_AVX512 static inline float glia_lanes_f32_(__m512 x)
{
  const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  const __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 e = _mm_add_ps(q, _mm_movehl_ps(q, q));

  return _mm_cvtss_f32(_mm_add_ss(e, _mm_shuffle_ps(e, e, 1)));
}

GLIA_AVX512 static inline double glia_lanes_f64_(__m512d x)
{
  const __m256d h = _mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1));
  const __m128d q = _mm_add_pd(_mm256_castpd256_pd128(h), _mm256_extractf128_pd(h, 1));

  return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}

#endif
