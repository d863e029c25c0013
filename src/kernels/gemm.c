/* Products of matrices of training's sizes, for CPUs with AVX-512 or AVX2: BLAS loses up to a third of the core to packing and to its edges.
 *
 * y = op(a) op(b): a tile of y is kept in registers, 12 rows by two vectors or 8 by three (6 and 4 of AVX2's), over DEPTH terms; then added to y. Columns of
 * op(b) are laid out once for all rows; op(a) is read where it is. Few rows by a transposed b (evaluation of one sample) are
 * sums of products along the terms.
 *
 * Each element is a chain of fused multiply-adds over the terms in their order, at most DEPTH at a time, as k says: a row does not depend on
 * how many others there are. But up to four rows by a transposed b (of an a that is not) are sums by lanes, with bits of their own. */
#include "kernels_priv.h"

#ifdef __x86_64__
#include "avx2_priv.h"
#include "avx512_priv.h"
#include "cpu_priv.h"

#include <string.h>

enum {
  DEPTH = 256,
  ROWS = 480,
  STRIP = 12,              /* rows of a turned matrix side by side: whole tiles of 6 and of 4 */
  STRIP_ROWS = 16 * STRIP, /* of them at a time with DEPTH terms, of fewer terms more: */
  STRIP_MOST = 4 * STRIP_ROWS,
  STRIP_GAP = 16, /* elements between strips */
  LINE_BYTES = 64,
  AHEAD_ROWS = 8,   /* of a turned matrix that is laid out */
  AHEAD_TERMS = 32, /* a tile of fewer is over before a line comes */
  AROUND_MOST =
      48, /* rows, at most, by a transposed matrix that is not laid out; AROUND_ROWS of that at a time */
  AROUND_ROWS = 48,
  SMALL_BYTES = 16384
}; /* a panel of columns stays in the first cache, rows of op(a) in the second */

struct product {
  int64_t m, n, k, lda, ldb, batches;
  bool ta, tb;
};

static struct product product_of(const struct glia_call *c)
{
  const struct glia_type *a = c->in[0].type, *b = c->in[1].type, *y = c->out.type;
  const int r = y->rank;
  struct product p = {.m = y->dim[r - 2],
                      .n = y->dim[r - 1],
                      .lda = a->dim[r - 1],
                      .ldb = b->dim[r - 1],
                      .batches = 1,
                      .ta = c->attr->i[0] != 0,
                      .tb = c->attr->i[1] != 0};

  p.k = a->dim[p.ta ? r - 2 : r - 1];
  for (int i = 0; i < r - 2; i++) p.batches *= y->dim[i];
  return p;
}

/* Rows of memory that are read soon: so many of them come into the cache while a tile is computed. It does not change what is computed, and
 * pays when a step's values do not fit into the caches: a product's own arithmetic hides the wait for its next operands. */
struct ahead {
  const char *at;
  int64_t rows, step, bytes; /* left; bytes from one to the next; bytes of one */
  int64_t share;             /* rows a tile */
};

static inline struct ahead ahead_of(const void *at, int64_t rows, int64_t step, int64_t bytes,
                                    int64_t tiles)
{
  return (struct ahead){at, rows, step, bytes, (rows + tiles - 1) / tiles};
}

static inline void fetch(struct ahead *f)
{
  for (int64_t i = f->share; i > 0 && f->rows > 0; i--, f->rows--, f->at += f->step) {
    for (int64_t k = 0; k < f->bytes; k += LINE_BYTES) __builtin_prefetch(f->at + k);
    __builtin_prefetch(f->at + f->bytes - 1); /* a row may end in a line more */
  }
}

/* --- AVX-512: 24 of the 32 registers hold a tile --- */

GLIA_AVX512 static inline void turn_f64(const double *from, int64_t ld, double *to, int64_t to_ld)
{
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) to[i * to_ld + j] = from[j * ld + i];
}

#define TARGET        GLIA_AVX512
#define MOST          12
#define FEW_ROWS      8
#define TILES(X)      X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#define FEW_TILES(X)  X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define DOTS(X)       X(1, 4) X(2, 4) X(3, 4) X(4, 4)
#define LAST_BY_LANES 0
#define STRIPS        0

#define T          float
#define V          __m512
#define M          __mmask16
#define SOME(n)    ((__mmask16)((1U << (n)) - 1U))
#define LANES      16
#define NAME(x)    x##_f32x16
#define ZERO       _mm512_setzero_ps
#define LOAD       _mm512_loadu_ps
#define STORE      _mm512_storeu_ps
#define LOAD_SOME  _mm512_maskz_loadu_ps
#define STORE_SOME _mm512_mask_storeu_ps
#define SPREAD     _mm512_set1_ps
#define FMA        _mm512_fmadd_ps
#define ADD        _mm512_add_ps
#define SUM        glia_lanes_f32_
#define TURN       glia_turn_f32_
#include "gemm.inc"

#define T          double
#define V          __m512d
#define M          __mmask8
#define SOME(n)    ((__mmask8)((1U << (n)) - 1U))
#define LANES      8
#define NAME(x)    x##_f64x8
#define ZERO       _mm512_setzero_pd
#define LOAD       _mm512_loadu_pd
#define STORE      _mm512_storeu_pd
#define LOAD_SOME  _mm512_maskz_loadu_pd
#define STORE_SOME _mm512_mask_storeu_pd
#define SPREAD     _mm512_set1_pd
#define FMA        _mm512_fmadd_pd
#define ADD        _mm512_add_pd
#define SUM        glia_lanes_f64_
#define TURN       turn_f64
#include "gemm.inc"

#undef TARGET
#undef MOST
#undef FEW_ROWS
#undef TILES
#undef FEW_TILES
#undef DOTS
#undef LAST_BY_LANES
#undef STRIPS

/* --- AVX2 and FMA: 12 of the 16 registers --- */

/* Lanes are told by their number: all of them is the common case, and stores of some are slow on many CPUs. */
#define SOME_OF(T, V, LANES, s)                                                                    \
  GLIA_AVX2 static inline V some_##T(int n, const T *from)                                         \
  {                                                                                                \
    return n == (LANES) ? _mm256_loadu_##s(from)                                                   \
                        : _mm256_maskload_##s(from, glia_first_##T##_(n));                         \
  }                                                                                                \
  GLIA_AVX2 static inline void keep_some_##T(T *to, int n, V x)                                    \
  {                                                                                                \
    if (n == (LANES))                                                                              \
      _mm256_storeu_##s(to, x);                                                                    \
    else                                                                                           \
      _mm256_maskstore_##s(to, glia_first_##T##_(n), x);                                           \
  }
SOME_OF(float, __m256, 8, ps)
SOME_OF(double, __m256d, 4, pd)
#undef SOME_OF

#define TARGET        GLIA_AVX2
#define MOST          6
#define FEW_ROWS      4
#define TILES(X)      X(1) X(2) X(3) X(4) X(5) X(6)
#define FEW_TILES(X)  X(1) X(2) X(3) X(4)
#define DOTS(X)       X(1, 8) X(2, 4) X(3, 3) X(4, 2)
#define LAST_BY_LANES 1
#define STRIPS        1

#define T          float
#define V          __m256
#define M          int
#define SOME(n)    ((int)(n))
#define LANES      8
#define NAME(x)    x##_f32x8
#define ZERO       _mm256_setzero_ps
#define LOAD       _mm256_loadu_ps
#define STORE      _mm256_storeu_ps
#define LOAD_SOME  some_float
#define STORE_SOME keep_some_float
#define SPREAD     _mm256_set1_ps
#define FMA        _mm256_fmadd_ps
#define ADD        _mm256_add_ps
#define SUM        glia_lanes8_f32_
#define TURN       glia_turn8_f32_
#include "gemm.inc"

#define T          double
#define V          __m256d
#define M          int
#define SOME(n)    ((int)(n))
#define LANES      4
#define NAME(x)    x##_f64x4
#define ZERO       _mm256_setzero_pd
#define LOAD       _mm256_loadu_pd
#define STORE      _mm256_storeu_pd
#define LOAD_SOME  some_double
#define STORE_SOME keep_some_double
#define SPREAD     _mm256_set1_pd
#define FMA        _mm256_fmadd_pd
#define ADD        _mm256_add_pd
#define SUM        glia_lanes4_f64_
#define TURN       glia_turn4_f64_
#include "gemm.inc"

void glia_gemm_small_f32_(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                          int64_t a_col, const float *b, int64_t ldb, float *c, int64_t ldc,
                          bool add)
{
  small_f32x16(m, n, k, a, a_row, a_col, b, ldb, c, ldc, add);
}

void glia_gemm_small_8_f32_(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                            int64_t a_col, const float *b, int64_t ldb, float *c, int64_t ldc,
                            bool add)
{
  small_f32x8(m, n, k, a, a_row, a_col, b, ldb, c, ldc, add);
}

/* By level and type. */
static const struct {
  void (*run)(const struct glia_call *call);
  size_t scratch; /* elements */
} kernels[][2] = {
    [GLIA_CPU_AVX2] = {{run_f32x8,
                        DEPTH *(WIDTH_f32x8 + STRIP_ROWS) + STRIP_MOST / STRIP *STRIP_GAP},
                       {run_f64x4,
                        DEPTH *(WIDTH_f64x4 + STRIP_ROWS) + STRIP_MOST / STRIP *STRIP_GAP}},
    [GLIA_CPU_AVX512] = {{run_f32x16, DEPTH *WIDTH_f32x16}, {run_f64x8, DEPTH *WIDTH_f64x8}}};

const char *glia_gemm_level_(void)
{
  static const char *const names[] = {"", " gemm:avx2", " gemm:avx512"};

  return names[glia_cpu_()];
}

bool glia_gemm_pick_(glia_dtype dtype, struct glia_kernel_choice *out)
{
  const enum glia_cpu level = glia_cpu_();

  if (level == GLIA_CPU_PLAIN || (dtype != GLIA_F32 && dtype != GLIA_F64)) return false;
  out->name = dtype == GLIA_F32 ? "gemm f32" : "gemm f64";
  out->run = kernels[level][dtype == GLIA_F64].run;
  out->scratch_bytes = kernels[level][dtype == GLIA_F64].scratch * glia_dtype_size(dtype);
  return true;
}

#else
const char *glia_gemm_level_(void) { return ""; }

bool glia_gemm_pick_(glia_dtype dtype, struct glia_kernel_choice *out)
{
  (void)dtype;
  (void)out;
  return false;
}
#endif
