/* What max pooling is made of, for float32: argmax of 2 x 2 windows beside one another, and gather and scatter_add of single
 * numbers. The same results as the reference kernels', bit for bit. */
#include "kernels_priv.h"

#ifdef __x86_64__
#include "avx2_priv.h"
#include "avx512_priv.h"
#endif
#include <math.h>
#include <string.h>

enum { AHEAD = 1024 }; /* numbers */

/* One window from column c on, rows a and b of a plane, the upper at `at`: the first among ties, the first NaN. */
static int32_t largest(const float *a, const float *b, int64_t c, int32_t at, int32_t width)
{
  const float value[4] = {a[2 * c], a[2 * c + 1], b[2 * c], b[2 * c + 1]};
  const int32_t place[4] = {0, 1, width, width + 1};
  int best = 0;

  for (int i = 1; i < 4; i++)
    if (value[i] > value[best] || (isnan(value[i]) && !isnan(value[best]))) best = i;
  return at + (int32_t)(2 * c) + place[best];
}

/* y [n]: the places of a row of windows. */
typedef void row_run(const float *a, const float *b, int64_t n, int32_t at, int32_t width,
                     int32_t *y);

static void row_plain(const float *a, const float *b, int64_t n, int32_t at, int32_t width,
                      int32_t *y)
{
  for (int64_t c = 0; c < n; c++) y[c] = largest(a, b, c, at, width);
}

#ifdef __x86_64__
enum { LANES = 16, EIGHT = 8 };

/* The same, 16 windows at a time. */
GLIA_AVX512 static void row_wide(const float *a, const float *b, int64_t n, int32_t at,
                                 int32_t width, int32_t *y)
{
  const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0),
                odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  const int32_t place[4] = {0, 1, width, width + 1};

  for (int64_t c = 0; c < n; c += LANES) {
    const int64_t left = n - c < LANES ? n - c : LANES;
    const uint32_t pairs = left == LANES ? UINT32_MAX : (UINT32_C(1) << 2 * left) - 1;
    const __mmask16 low = (__mmask16)pairs, high = (__mmask16)(pairs >> LANES);
    const __m512 a0 = _mm512_maskz_loadu_ps(low, a + 2 * c),
                 a1 = _mm512_maskz_loadu_ps(high, a + 2 * c + LANES),
                 b0 = _mm512_maskz_loadu_ps(low, b + 2 * c),
                 b1 = _mm512_maskz_loadu_ps(high, b + 2 * c + LANES);
    const __m512 value[4] = {
        _mm512_permutex2var_ps(a0, even, a1), _mm512_permutex2var_ps(a0, odd, a1),
        _mm512_permutex2var_ps(b0, even, b1), _mm512_permutex2var_ps(b0, odd, b1)};
    __m512 best = value[0];
    __m512i where = _mm512_setzero_si512();
    for (int i = 1; i < 4; i++) {
      const __mmask16 more = _mm512_cmp_ps_mask(value[i], best, _CMP_GT_OQ),
                      nan = _mm512_cmp_ps_mask(value[i], value[i], _CMP_UNORD_Q),
                      real = _mm512_cmp_ps_mask(best, best, _CMP_ORD_Q);
      const __mmask16 take = (__mmask16)(more | (nan & real));
      best = _mm512_mask_mov_ps(best, take, value[i]);
      where = _mm512_mask_mov_epi32(where, take, _mm512_set1_epi32(place[i]));
    }
    const __m512i first = _mm512_add_epi32(even, _mm512_set1_epi32(at + (int32_t)(2 * c)));
    _mm512_mask_storeu_epi32(y + c, (__mmask16)((UINT32_C(1) << left) - 1),
                             _mm512_add_epi32(first, where));
  }
}

/* The same, 8 windows at a time, the last of them beginning earlier. Pairs are taken apart within halves of vectors: windows 0 1 4 5 2 3 6
 * 7, in order again at the end. */
GLIA_AVX2 static void row_eight(const float *a, const float *b, int64_t n, int32_t at,
                                int32_t width, int32_t *y)
{
  const __m256i even = _mm256_set_epi32(14, 12, 10, 8, 6, 4, 2, 0);
  const int32_t place[4] = {0, 1, width, width + 1};

  if (n < EIGHT) {
    row_plain(a, b, n, at, width, y);
    return;
  }
  for (int64_t k = 0; k < n; k += EIGHT) {
    const int64_t c = k < n - EIGHT ? k : n - EIGHT;
    const __m256 a0 = _mm256_loadu_ps(a + 2 * c), a1 = _mm256_loadu_ps(a + 2 * c + EIGHT),
                 b0 = _mm256_loadu_ps(b + 2 * c), b1 = _mm256_loadu_ps(b + 2 * c + EIGHT);
    const __m256 value[4] = {_mm256_shuffle_ps(a0, a1, 0x88), _mm256_shuffle_ps(a0, a1, 0xdd),
                             _mm256_shuffle_ps(b0, b1, 0x88), _mm256_shuffle_ps(b0, b1, 0xdd)};
    __m256 best = value[0];
    __m256i where = _mm256_setzero_si256();
    for (int i = 1; i < 4; i++) {
      const __m256 more = _mm256_cmp_ps(value[i], best, _CMP_GT_OQ),
                   nan = _mm256_cmp_ps(value[i], value[i], _CMP_UNORD_Q),
                   real = _mm256_cmp_ps(best, best, _CMP_ORD_Q);
      const __m256 take = _mm256_or_ps(more, _mm256_and_ps(nan, real));
      best = _mm256_blendv_ps(best, value[i], take);
      where = _mm256_blendv_epi8(where, _mm256_set1_epi32(place[i]), _mm256_castps_si256(take));
    }
    const __m256i first = _mm256_add_epi32(even, _mm256_set1_epi32(at + (int32_t)(2 * c)));
    _mm256_storeu_si256((__m256i *)(void *)(y + c),
                        _mm256_add_epi32(first, _mm256_permute4x64_epi64(where, 0xd8)));
  }
}
#endif

/* Windows of a plane of at least 2 rows x 2 columns. What comes in a while is asked for now: the CPU does not see by itself that two
 * rows read at once are one stream, and waits for memory four fifths of the time. */
static void plane(row_run *row, const float *x, int64_t rows, int64_t columns, int64_t width,
                  int32_t *y)
{
  for (int64_t r = 0; r < rows; r++) {
    const float *here = x + 2 * r * width;
    for (int64_t k = 0; k < 2 * width; k += 16) __builtin_prefetch(here + AHEAD + k);
    row(here, here + width, columns, (int32_t)(2 * r * width), (int32_t)width, y + r * columns);
  }
}

static void argmax(const struct glia_call *c, row_run *row)
{
  const struct glia_type *x = c->in[0].type, *y = c->out.type;
  const int r = x->rank;
  const int64_t height = x->dim[r - 2], width = x->dim[r - 1], rows = y->dim[r - 2],
                columns = y->dim[r - 1], planes = c->out.n / (rows * columns);

  for (int64_t p = 0; p < planes; p++)
    plane(row, (const float *)c->in[0].data + p * height * width, rows, columns, width,
          (int32_t *)c->out.data + p * rows * columns);
}

static void argmax_plain(const struct glia_call *c) { argmax(c, row_plain); }
#ifdef __x86_64__
static void argmax_eight(const struct glia_call *c) { argmax(c, row_eight); }
static void argmax_wide(const struct glia_call *c) { argmax(c, row_wide); }
#endif

/* Slices of x beside those of the index: 1 where they are one. */
static int64_t slices(const struct glia_type *x) { return x->rank == 2 ? x->dim[0] : 1; }

#define ROWS(T, suffix)                                                                            \
  static void run_gather_##suffix(const struct glia_call *c)                                       \
  {                                                                                                \
    const int64_t b = slices(c->in[0].type), n = c->in[0].n / b, count = c->in[1].n / b;           \
    const T *index = c->in[1].data;                                                                \
    const float *x = c->in[0].data;                                                                \
    float *y = c->out.data;                                                                        \
    for (int64_t s = 0; s < b; s++, x += n, index += count, y += count)                            \
      for (int64_t r = 0; r < count; r++)                                                          \
        y[r] = index[r] >= 0 && (int64_t)index[r] < n ? x[index[r]] : 0.0F;                        \
  }                                                                                                \
  static void run_scatter_##suffix(const struct glia_call *c)                                      \
  {                                                                                                \
    const int64_t b = slices(c->out.type), n = c->out.n / b, count = c->in[1].n / b;               \
    const T *index = c->in[1].data;                                                                \
    const float *x = c->in[0].data;                                                                \
    float *y = c->out.data;                                                                        \
    for (int64_t s = 0; s < b; s++, x += count, index += count, y += n) {                          \
      memset(y, 0, (size_t)n * sizeof *y);                                                         \
      for (int64_t r = 0; r < count; r++)                                                          \
        if (index[r] >= 0 && (int64_t)index[r] < n) y[index[r]] += x[r];                           \
    }                                                                                              \
  }
ROWS(int32_t, i32)
ROWS(int64_t, i64)

/* Two axes, windows of 2 x 2 that neither overlap nor leave the plane. */
static bool pick_argmax(const struct glia_node *n, const struct glia_type *x,
                        struct glia_kernel_choice *out)
{
  const struct glia_window w = glia_window_of(&n->attr);
  bool fits = w.rank == 2 && x->dtype == GLIA_F32;

  for (int i = 0; i < 2 && fits; i++)
    fits =
        w.size[i] == 2 && w.stride[i] == 2 && w.dilation[i] == 1 && w.low[i] == 0 && w.high[i] == 0;
  if (!fits) return false;
  out->name = "argmax 2x2";
  out->run = argmax_plain;
#ifdef __x86_64__
  const enum glia_cpu cpu = glia_cpu_();
  if (cpu == GLIA_CPU_AVX2) out->run = argmax_eight;
  if (cpu == GLIA_CPU_AVX512) out->run = argmax_wide;
#endif
  out->scratch_bytes = 0;
  return true;
}

bool glia_pool_pick_(const struct glia_graph *g, const struct glia_node *n,
                     struct glia_kernel_choice *out)
{
  const bool gather = strcmp(n->op->name, "gather") == 0;

  if (strcmp(n->op->name, "window_argmax") == 0)
    return pick_argmax(n, &glia_graph_node(g, n->in[0])->type, out);
  if (!gather && strcmp(n->op->name, "scatter_add") != 0) return false;
  const struct glia_type *index = &glia_graph_node(g, n->in[1])->type;
  const struct glia_type *in = &glia_graph_node(g, n->in[0])->type, *rows = gather ? in : &n->type,
                         *picked = gather ? &n->type : in;
  const int shared = index->rank + rows->rank - 1 - picked->rank; /* leading axes: slices */
  if (rows->dtype != GLIA_F32 || rows->rank != 1 + shared) return false;
  if (index->dtype != GLIA_I32 && index->dtype != GLIA_I64) return false;
  out->name = gather ? "gather one" : "scatter one";
  out->run = index->dtype == GLIA_I32 ? (gather ? run_gather_i32 : run_scatter_i32)
                                      : (gather ? run_gather_i64 : run_scatter_i64);
  out->scratch_bytes = 0;
  return true;
}
