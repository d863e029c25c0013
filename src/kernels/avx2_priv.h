/* What kernels for AVX2 with FMA share. */
#ifndef AVX2_PRIV_H
#define AVX2_PRIV_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define GLIA_AVX2 __attribute__((target("avx2,fma")))

/** The first n of 8 lanes of 4 bytes, or of 4 of 8 bytes, as maskload and maskstore want them. */
GLIA_AVX2 static inline __m256i glia_first_float_(int n)
{
  static const int32_t lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

  return _mm256_loadu_si256((const __m256i *)(const void *)(lanes + 8 - n));
}

GLIA_AVX2 static inline __m256i glia_first_double_(int n) { return glia_first_float_(2 * n); }

/** 8 rows of 8 floats, ld apart, as columns: rows to_ld apart. */
__attribute__((always_inline)) GLIA_AVX2 static inline void
glia_turn8_f32_(const float *from, int64_t ld, float *to, int64_t to_ld)
{
  __m256 r[8], s[8];

#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) { /* columns 0 .. 3 of rows i and i + 4 side by side, then 4 .. 7 */
    const float *low = from + i * ld, *high = low + 4 * ld;
    r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
    r[4 + i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low + 4)),
                                    _mm_loadu_ps(high + 4), 1);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    s[i + 2] = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
    s[i + 3] = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
    r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) _mm256_storeu_ps(to + i * to_ld, r[i]);
}

/** The same of a matrix of any size, along the longer of the strides: each line of memory is done with before it is left. Blocks at the
 *  ends begin earlier, because stores under a mask are slow. */
GLIA_AVX2 static inline void glia_turn8_all_f32_(int64_t rows, int64_t columns, const float *from,
                                                 int64_t ld, float *to, int64_t to_ld)
{
  const bool by_rows = ld > to_ld;
  const int64_t outer = by_rows ? rows : columns, inner = by_rows ? columns : rows;

  if (rows < 8 || columns < 8) {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < columns; j++) to[j * to_ld + i] = from[i * ld + j];
    return;
  }
  for (int64_t o = 0; o < outer; o += 8)
    for (int64_t n = 0; n < inner; n += 8) {
      const int64_t at = o < outer - 8 ? o : outer - 8, along = n < inner - 8 ? n : inner - 8;
      const int64_t i = by_rows ? at : along, j = by_rows ? along : at;
      glia_turn8_f32_(from + i * ld + j, ld, to + j * to_ld + i, to_ld);
    }
}

/** 4 rows of 4 doubles, likewise. */
GLIA_AVX2 static inline void glia_turn4_f64_(const double *from, int64_t ld, double *to,
                                             int64_t to_ld)
{
  __m256d r[4];

#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
    const __m256d low = _mm256_loadu_pd(from + i * ld), high = _mm256_loadu_pd(from + (i + 2) * ld);
    r[i] = _mm256_permute2f128_pd(low, high, 0x20);
    r[2 + i] = _mm256_permute2f128_pd(low, high, 0x31);
  }
#pragma GCC unroll 2
  for (int h = 0; h < 4; h += 2) {
    _mm256_storeu_pd(to + h * to_ld, _mm256_unpacklo_pd(r[h], r[h + 1]));
    _mm256_storeu_pd(to + (h + 1) * to_ld, _mm256_unpackhi_pd(r[h], r[h + 1]));
  }
}

/** The lanes' halves added, down to one. */
GLIA_AVX2 static inline float glia_lanes8_f32_(__m256 x)
{
  const __m128 q = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 e = _mm_add_ps(q, _mm_movehl_ps(q, q));

  return _mm_cvtss_f32(_mm_add_ss(e, _mm_shuffle_ps(e, e, 1)));
}

GLIA_AVX2 static inline double glia_lanes4_f64_(__m256d x)
{
  const __m128d q = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));

  return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}

#endif
