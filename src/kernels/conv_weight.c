/* The adjoint of a convolution by its weights, for CPUs with AVX-512: two axes, stride 1, float32.
 *
 * A sample's planes are laid out with zeros around them and channels last: then what a tap of the window adds is a product of
 * y [channels, places] and that [places, channels], shifted by the tap. A tile of 12 output by 32 input channels stays in
 * registers over the places of a strip of rows; strips and samples are added up in memory, in their order.
 *
 * Each weight is, for each strip, a chain of fused multiply-adds over places in their order: a function of the shape alone. */
#include "glia_conv.h"
#include "kernels_priv.h"

#ifdef __x86_64__
#include "avx512_priv.h"

#include <string.h>

enum { LANES = 16, MOST = 12, LEAST_CHANNELS = 8, MAX_TAPS = 49, STRIP_BYTES = 128 * 1024 };

struct last {
  int64_t n, in, out, taps, k1;
  int64_t source_rows, source_columns, low[2];
  int64_t rows, columns; /* of y */
  int64_t width, height; /* of a plane with its zeros */
  int64_t inner;         /* channels of a place, rounded up */
  int64_t strip;         /* rows of y that are summed in one go */
  int64_t planes, sums;  /* floats of scratch */
};

static struct last last_of(const struct glia_conv *c)
{
  struct last l = {.n = c->n,
                   .in = c->ci,
                   .out = c->co,
                   .taps = c->k[1] * c->k[2],
                   .k1 = c->k[2],
                   .source_rows = c->x[1],
                   .source_columns = c->x[2],
                   .low = {c->low[1], c->low[2]},
                   .rows = c->o[1],
                   .columns = c->o[2],
                   .width = c->o[2] + c->k[2] - 1,
                   .height = c->o[1] + c->k[1] - 1,
                   .inner = (c->ci + LANES - 1) / LANES * LANES};

  l.strip = STRIP_BYTES / (l.width * l.inner * (int64_t)sizeof(float));
  if (l.strip < 1) l.strip = 1;
  l.planes = l.width * l.height * l.inner;
  l.sums = l.taps * l.out * l.inner;
  return l;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* x [in, rows, columns] of a sample into the inside of to [height, width, inner], whose border and spare channels are zero. */
GLIA_AVX512 static void turn(const struct last *l, const float *x, float *to)
{
  const int64_t rows = smaller(l->source_rows, l->height - l->low[0]);
  const int64_t columns = smaller(l->source_columns, l->width - l->low[1]);
  const int64_t plane = l->source_rows * l->source_columns;

  for (int64_t r = 0; r < rows; r++) {
    const float *from = x + r * l->source_columns;
    float *place = to + ((r + l->low[0]) * l->width + l->low[1]) * l->inner;
    int64_t c = 0;
    for (; c + LANES <= l->in && columns >= LANES; c += LANES)
      for (int64_t j = 0; j < columns; j += LANES) { /* the last block begins earlier */
        const int64_t at = smaller(j, columns - LANES);
        glia_turn_f32_(from + c * plane + at, plane, place + at * l->inner + c, l->inner);
      }
    for (; c < l->in; c++)
      for (int64_t j = 0; j < columns; j++) place[j * l->inner + c] = from[c * plane + j];
  }
}

/* sums [rows of `inner`] += channels of y times x at one tap, over `strip` rows of places. */
__attribute__((always_inline)) GLIA_AVX512 static inline void
tile(const int rows, const int vectors, const struct last *l, int64_t strip, const float *y,
     const float *x, float *sums)
{
  const int64_t plane = l->rows * l->columns, inner = l->inner;
  __m512 acc[MOST][2];

#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) acc[i][j] = _mm512_setzero_ps();
  for (int64_t r = 0; r < strip; r++, x += (l->width - l->columns) * inner)
    for (int64_t c = 0; c < l->columns; c++, y++, x += inner) {
      __m512 v[2];
#pragma GCC unroll 2
      for (int j = 0; j < vectors; j++) v[j] = _mm512_loadu_ps(x + j * LANES);
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) {
        const __m512 f = _mm512_set1_ps(y[i * plane]);
#pragma GCC unroll 2
        for (int j = 0; j < vectors; j++) acc[i][j] = _mm512_fmadd_ps(f, v[j], acc[i][j]);
      }
    }
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < vectors; j++) {
      float *to = sums + i * inner + j * LANES;
      _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), acc[i][j]));
    }
}

#define EACH(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#define MAKE(n)                                                                                    \
  GLIA_AVX512 static void one_##n(const struct last *l, int64_t strip, const float *y,             \
                                  const float *x, float *to)                                       \
  {                                                                                                \
    tile(n, 1, l, strip, y, x, to);                                                                \
  }                                                                                                \
  GLIA_AVX512 static void two_##n(const struct last *l, int64_t strip, const float *y,             \
                                  const float *x, float *to)                                       \
  {                                                                                                \
    tile(n, 2, l, strip, y, x, to);                                                                \
  }
EACH(MAKE)
#define ONE(n) one_##n,
#define TWO(n) two_##n,
static void (*const tiles[2][MOST + 1])(const struct last *, int64_t, const float *, const float *,
                                        float *) = {{NULL, EACH(ONE)}, {NULL, EACH(TWO)}};

/* One sample: sums [taps, out, inner], a strip of rows after the other, whose channels stay in the second cache. */
static void add_sample(const struct last *l, const float *y, const float *planes, float *sums)
{
  for (int64_t r = 0; r < l->rows; r += l->strip, y += l->strip * l->columns)
    for (int64_t t = 0; t < l->taps; t++) {
      const int64_t strip = smaller(l->strip, l->rows - r);
      const float *x = planes + ((r + t / l->k1) * l->width + t % l->k1) * l->inner;
      for (int64_t o = 0; o < l->out;) {
        const int64_t blocks = (l->out - o + MOST - 1) / MOST,
                      rows = (l->out - o + blocks - 1) / blocks;
        float *to = sums + (t * l->out + o) * l->inner;
        for (int64_t i = 0; i < l->inner; i += 2 * LANES)
          tiles[i + LANES < l->inner][rows](l, strip, y + o * l->rows * l->columns, x + i, to + i);
        o += rows;
      }
    }
}

static void run(const struct glia_call *call)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct last l = last_of(&c);
  const float *x = call->in[0].data, *y = call->in[1].data;
  float *w = call->out.data, *planes = call->scratch, *sums = planes + l.planes;

  memset(planes, 0, (size_t)(l.planes + l.sums) * sizeof *planes);
  for (int64_t s = 0; s < l.n; s++) {
    glia_pause();
    turn(&l, x + s * l.in * l.source_rows * l.source_columns, planes);
    add_sample(&l, y + s * l.out * l.rows * l.columns, planes, sums);
  }
  for (int64_t o = 0; o < l.out; o++)
    for (int64_t i = 0; i < l.in; i++)
      for (int64_t t = 0; t < l.taps; t++) *w++ = sums[(t * l.out + o) * l.inner + i];
}

bool glia_conv_weight_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out)
{
  bool fits = c->mode == GLIA_CONV_WEIGHT && dtype == GLIA_F32 && c->groups == 1 && c->x[0] == 1 &&
              c->k[0] == 1 && c->o[0] == 1 && c->low[0] == 0 && c->ci >= LEAST_CHANNELS &&
              c->k[1] * c->k[2] <= MAX_TAPS;

  for (int i = 1; i < 3; i++)
    fits =
        fits && c->stride[i] == 1 && c->dilation[i] == 1 && c->low[i] >= 0 && c->low[i] < c->k[i];
  if (!fits || !glia_avx512_here_()) return false;
  const struct last l = last_of(c);
  out->name = "conv weight";
  out->run = run;
  out->scratch_bytes = (size_t)(l.planes + l.sums) * sizeof(float);
  return true;
}

#else
bool glia_conv_weight_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out)
{
  (void)c;
  (void)dtype;
  (void)out;
  return false;
}
#endif
