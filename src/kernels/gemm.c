/* Products of matrices of training's sizes, for CPUs with AVX-512: BLAS loses a third of the core to packing and to its edges there.
 *
 * y = op(a) op(b): a tile of y is kept in registers, 12 rows by two vectors or 8 by three, over DEPTH terms; then added to y. Columns of
 * op(b) are laid out once for all rows; op(a) is read where it is. Few rows by a transposed b (evaluation of one sample) are
 * sums of products along the terms.
 *
 * Each element is a chain of fused multiply-adds over the terms in their order, DEPTH at a time, or for few rows a sum by
 * lanes: a function of k, and of m <= 4, alone. So rows do not depend on how many others there are. */
#include "kernels_priv.h"

#ifdef __x86_64__
#include "avx512_priv.h"

enum {
  DEPTH = 256,
  ROWS = 480
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

GLIA_AVX512 static inline void turn_f64(const double *from, int64_t ld, double *to, int64_t to_ld)
{
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) to[i * to_ld + j] = from[j * ld + i];
}

enum {
  MOST = 12,
  FEW_ROWS = 8
}; /* rows of a tile of two vectors, and of three: 24 of the 32 registers */
#define TILES_ABOVE_SIX(X) X(7) X(8) X(9) X(10) X(11) X(12)

#define TARGET     GLIA_AVX512
#define T          float
#define V          __m512
#define M          __mmask16
#define LANES      16
#define NAME(x)    x##_f32
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

void glia_gemm_small_f32_(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                          int64_t a_col, const float *b, int64_t ldb, float *c, int64_t ldc,
                          bool add)
{
  for (int64_t j = 0, width; j < n; j += width) {
    width = next_width_f32(n - j);
    const int64_t vectors = width / LANES, most = vectors == 3 ? FEW_ROWS : MOST;
    for (int64_t i = 0; i < m;) {
      const int64_t blocks = (m - i + most - 1) / most, rows = (m - i + blocks - 1) / blocks;
      tiles_f32[vectors - 1][rows](k, a + i * a_row, a_row, a_col, b + j, ldb, c + i * ldc + j, ldc,
                                   (__mmask16)-1, add);
      i += rows;
    }
  }
}

#undef T
#undef V
#undef M
#undef LANES
#undef NAME
#undef ZERO
#undef LOAD
#undef STORE
#undef LOAD_SOME
#undef STORE_SOME
#undef SPREAD
#undef FMA
#undef ADD
#undef SUM
#undef TURN

#define T          double
#define V          __m512d
#define M          __mmask8
#define LANES      8
#define NAME(x)    x##_f64
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

bool glia_gemm_here_(void) { return glia_avx512_here_(); }

bool glia_gemm_pick_(glia_dtype dtype, struct glia_kernel_choice *out)
{
  if (!glia_avx512_here_() || (dtype != GLIA_F32 && dtype != GLIA_F64)) return false;
  out->name = dtype == GLIA_F32 ? "gemm f32" : "gemm f64";
  out->run = dtype == GLIA_F32 ? run_f32 : run_f64;
  out->scratch_bytes =
      (size_t)DEPTH * (dtype == GLIA_F32 ? WIDTH_f32 * sizeof(float) : WIDTH_f64 * sizeof(double));
  return true;
}

#else
bool glia_gemm_here_(void) { return false; }

bool glia_gemm_pick_(glia_dtype dtype, struct glia_kernel_choice *out)
{
  (void)dtype;
  (void)out;
  return false;
}
#endif
