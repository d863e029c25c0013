/* Convolutions of two axes with stride 1 in float32, without columns, for CPUs with AVX-512.
 *
 * A plane with its zeros around it, row after row, is its own matrix of columns: what tap (i, j) of the window reads lies
 * i rows and j places further on, for every window. So a product runs over shifted pointers; windows that would
 * wrap around the end of a row are computed and left out. The adjoint by the input is the same product with the
 * window turned around. A sample's planes stay in the second-level cache.
 *
 * What is left out is multiplied by zero where weights are summed: a NaN or an infinity may then spread to a neighbouring
 * channel's weights.
 *
 * Sums run over channels, then taps, in order, by fused multiply-adds; for weights in sixteen lanes that are folded in halves,
 * sample by sample: a function of the shape alone. */
#include "glia_conv.h"
#include "kernels_priv.h"

#ifdef __x86_64__
#include "cpu_priv.h"

#include <immintrin.h>
#include <string.h>

enum { LANES = 16, VECTORS = 3, PIXELS = VECTORS * LANES, BLOCK = 8, TAPS = 3, MAX_TAPS = 49 };

#define AVX512 __attribute__((target("avx512f")))

/* Source planes [in, height, width] with zeros around, results [out, rows, columns] of a sample. */
struct flat {
  glia_conv_mode mode;
  int64_t n, in, out, taps;
  int64_t source_rows, source_columns, low[2];
  int64_t rows, columns; /* of the result; of y for weights */
  int64_t height, width; /* of a padded plane */
  int64_t plane, pixels; /* floats of a plane; places from the first window to the last */
  int64_t tap[MAX_TAPS + TAPS];
  int64_t sources, panels; /* floats of scratch */
};

static struct flat flat_of(const struct glia_conv *c)
{
  const bool turned = c->mode == GLIA_CONV_INPUT;
  struct flat f = {.mode = c->mode,
                   .n = c->n,
                   .in = turned ? c->co : c->ci,
                   .out = turned ? c->ci : c->co,
                   .taps = c->k[1] * c->k[2],
                   .source_rows = turned ? c->o[1] : c->x[1],
                   .source_columns = turned ? c->o[2] : c->x[2],
                   .rows = turned ? c->x[1] : c->o[1],
                   .columns = turned ? c->x[2] : c->o[2]};

  for (int i = 0; i < 2; i++) f.low[i] = turned ? c->k[i + 1] - 1 - c->low[i + 1] : c->low[i + 1];
  f.height = f.rows + c->k[1] - 1;
  f.width = f.columns + c->k[2] - 1;
  f.plane = f.height * f.width;
  f.pixels = (f.rows - 1) * f.width + f.columns;
  for (int64_t t = 0; t < f.taps && t < MAX_TAPS; t++)
    f.tap[t] = t / c->k[2] * f.width + t % c->k[2];
  f.sources = (f.in * f.plane + PIXELS + LANES) / LANES *
              LANES; /* the last block reads past the last plane */
  if (c->mode == GLIA_CONV_WEIGHT)
    f.panels = (f.out + BLOCK - 1) / BLOCK * BLOCK * ((f.pixels + LANES - 1) / LANES * LANES);
  else
    f.panels = (f.out + BLOCK - 1) / BLOCK * BLOCK * f.in * f.taps;
  return f;
}

/* Planes of a sample with zeros around them. */
static void surround(const struct flat *f, const float *x, float *to)
{
  const int64_t lo = f->low[1] > 0 ? f->low[1] : 0, from = lo - f->low[1];
  int64_t n = f->source_columns - from;

  if (n > f->width - lo) n = f->width - lo;
  for (int64_t c = 0; c < f->in; c++, x += f->source_rows * f->source_columns)
    for (int64_t r = 0; r < f->height; r++, to += f->width) {
      const int64_t row = r - f->low[0];
      if (row < 0 || row >= f->source_rows || n <= 0) {
        memset(to, 0, (size_t)f->width * sizeof *to);
        continue;
      }
      memset(to, 0, (size_t)lo * sizeof *to);
      memcpy(to + lo, x + row * f->source_columns + from, (size_t)n * sizeof *to);
      memset(to + lo + n, 0, (size_t)(f->width - lo - n) * sizeof *to);
    }
}

/* Weights [co, ci, taps] as [blocks of outputs, inputs, taps, BLOCK], the window turned around for the input's adjoint. */
static void pack(const struct flat *f, const float *w, float *to)
{
  const bool turned = f->mode == GLIA_CONV_INPUT;

  for (int64_t b = 0; b < f->out; b += BLOCK)
    for (int64_t i = 0; i < f->in; i++)
      for (int64_t t = 0; t < f->taps; t++)
        for (int64_t j = b; j < b + BLOCK; j++)
          *to++ = j >= f->out ? 0.0F
                  : turned    ? w[(i * f->out + j) * f->taps + f->taps - 1 - t]
                              : w[(j * f->in + i) * f->taps + t];
}

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

/* y [BLOCK, PIXELS]: a block of outputs at PIXELS places from x on. */
AVX512 static void block(const struct flat *f, const float *x, const float *w, float *y)
{
#define ZERO(j) __m512 a##j = _mm512_setzero_ps(), b##j = a##j, c##j = a##j;
  EACH(ZERO)
  for (int64_t i = 0; i < f->in; i++, x += f->plane)
    for (int64_t t = 0; t < f->taps; t++, w += BLOCK) {
      const float *at = x + f->tap[t];
      const __m512 p = _mm512_loadu_ps(at), q = _mm512_loadu_ps(at + LANES),
                   r = _mm512_loadu_ps(at + 2 * LANES);
      __m512 v;
#define STEP(j)                                                                                    \
  v = _mm512_set1_ps(w[j]);                                                                        \
  a##j = _mm512_fmadd_ps(v, p, a##j);                                                              \
  b##j = _mm512_fmadd_ps(v, q, b##j);                                                              \
  c##j = _mm512_fmadd_ps(v, r, c##j);
      EACH(STEP)
    }
#define STORE(j)                                                                                   \
  _mm512_storeu_ps(y + j * PIXELS, a##j);                                                          \
  _mm512_storeu_ps(y + j * PIXELS + LANES, b##j);                                                  \
  _mm512_storeu_ps(y + j * PIXELS + 2 * LANES, c##j);
  EACH(STORE)
}

/* The places of a block that are windows, to their rows in y [out, rows, columns]. */
static void hand_out(const struct flat *f, const float *from, int64_t at, int64_t outputs, float *y)
{
  const int64_t end = at + PIXELS < f->pixels ? at + PIXELS : f->pixels;

  for (int64_t p = at; p < end;) {
    const int64_t row = p / f->width, column = p % f->width;
    const int64_t stop = (row + 1) * f->width < end ? (row + 1) * f->width : end;
    int64_t n = f->columns - column;
    if (n > stop - p) n = stop - p;
    for (int64_t j = 0; n > 0 && j < outputs; j++)
      memcpy(y + (j * f->rows + row) * f->columns + column, from + j * PIXELS + (p - at),
             (size_t)n * sizeof *y);
    p = stop;
  }
}

static void run_data(const struct glia_call *call)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct flat f = flat_of(&c);
  const float *x = call->in[0].data;
  float *y = call->out.data, *sources = call->scratch, *panels = sources + f.sources;
  float sums[BLOCK * PIXELS];

  pack(&f, call->in[1].data, panels);
  memset(sources + f.in * f.plane, 0, (size_t)(f.sources - f.in * f.plane) * sizeof *sources);
  for (int64_t s = 0; s < f.n; s++) {
    glia_pause();
    surround(&f, x, sources);
    for (int64_t j = 0; j < f.out; j += BLOCK)
      for (int64_t p = 0; p < f.pixels; p += PIXELS) {
        block(&f, sources + p, panels + j * f.in * f.taps, sums);
        hand_out(&f, sums, p, f.out - j < BLOCK ? f.out - j : BLOCK, y + j * f.rows * f.columns);
      }
    x += f.in * f.source_rows * f.source_columns;
    y += f.out * f.rows * f.columns;
  }
}

AVX512 static float folded(__m512 x)
{
  const __m256 half = _mm256_add_ps(
      _mm512_castps512_ps256(x), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1)));
  const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 eighth = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));

  return _mm_cvtss_f32(_mm_add_ss(eighth, _mm_shuffle_ps(eighth, eighth, 1)));
}

/* Sums [BLOCK, TAPS] over places of y (rows of `width` floats) times x at three taps. */
AVX512 static void weigh(const float *x, const int64_t *tap, const float *y, int64_t width,
                         float *sums)
{
  const float *x0 = x + tap[0], *x1 = x + tap[1], *x2 = x + tap[2];
  EACH(ZERO)
  for (int64_t p = 0; p < width; p += LANES) {
    const __m512 u = _mm512_loadu_ps(x0 + p), v = _mm512_loadu_ps(x1 + p),
                 w = _mm512_loadu_ps(x2 + p);
    __m512 d;
#define WEIGH(j)                                                                                   \
  d = _mm512_loadu_ps(y + j * width + p);                                                          \
  a##j = _mm512_fmadd_ps(d, u, a##j);                                                              \
  b##j = _mm512_fmadd_ps(d, v, b##j);                                                              \
  c##j = _mm512_fmadd_ps(d, w, c##j);
    EACH(WEIGH)
  }
#define FOLD(j)                                                                                    \
  sums[j * TAPS] = folded(a##j);                                                                   \
  sums[j * TAPS + 1] = folded(b##j);                                                               \
  sums[j * TAPS + 2] = folded(c##j);
  EACH(FOLD)
}

/* y [out, rows, columns] with the padded plane's width, zeros where no window is: what wraps around adds nothing. */
static void widen(const struct flat *f, const float *y, float *to)
{
  const int64_t width = (f->pixels + LANES - 1) / LANES * LANES;

  memset(to, 0, (size_t)f->panels * sizeof *to);
  for (int64_t j = 0; j < f->out; j++, to += width)
    for (int64_t r = 0; r < f->rows; r++, y += f->columns)
      memcpy(to + r * f->width, y, (size_t)f->columns * sizeof *y);
}

static void run_weight(const struct glia_call *call)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct flat f = flat_of(&c);
  const int64_t width = (f.pixels + LANES - 1) / LANES * LANES;
  const float *x = call->in[0].data, *y = call->in[1].data;
  float *w = call->out.data, *sources = call->scratch, *wide = sources + f.sources;
  float sums[BLOCK * TAPS];

  memset(w, 0, (size_t)call->out.n * sizeof *w);
  memset(sources + f.in * f.plane, 0, (size_t)(f.sources - f.in * f.plane) * sizeof *sources);
  for (int64_t s = 0; s < f.n; s++) {
    glia_pause();
    surround(&f, x, sources);
    widen(&f, y, wide);
    for (int64_t j = 0; j < f.out; j += BLOCK)
      for (int64_t i = 0; i < f.in; i++)
        for (int64_t t = 0; t < f.taps; t += TAPS) {
          weigh(sources + i * f.plane, &f.tap[t], wide + j * width, width, sums);
          for (int64_t b = j; b < j + BLOCK && b < f.out; b++)
            for (int64_t k = t; k < t + TAPS && k < f.taps; k++)
              w[(b * f.in + i) * f.taps + k] += sums[(b - j) * TAPS + k - t];
        }
    x += f.in * f.source_rows * f.source_columns;
    y += f.out * f.rows * f.columns;
  }
}

bool glia_conv_direct_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out)
{
  bool fits = dtype == GLIA_F32 && c->groups == 1 && c->x[0] == 1 && c->k[0] == 1 && c->o[0] == 1 &&
              c->k[1] * c->k[2] > 1 && c->k[1] * c->k[2] <= MAX_TAPS && c->low[0] == 0;

  for (int i = 1; i < 3; i++)
    fits = fits && c->stride[i] == 1 && c->dilation[i] == 1 && c->low[i] < c->k[i];
  if (!fits || glia_cpu_() != GLIA_CPU_AVX512) return false;
  const struct flat f = flat_of(c);
  if (c->mode != GLIA_CONV_WEIGHT && f.out < BLOCK / 2)
    return false; /* most of a block would be idle */
  out->name = "conv direct";
  out->run = c->mode == GLIA_CONV_WEIGHT ? run_weight : run_data;
  out->scratch_bytes = (size_t)(f.sources + f.panels) * sizeof(float);
  return true;
}

bool glia_conv_direct_here_(void) { return glia_cpu_() == GLIA_CPU_AVX512; }

#else
bool glia_conv_direct_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out)
{
  (void)c;
  (void)dtype;
  (void)out;
  return false;
}

bool glia_conv_direct_here_(void) { return false; }
#endif
