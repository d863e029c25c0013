/* Convolutions of two axes with stride 1 in float32, without columns, for CPUs with AVX-512 or AVX2.
 *
 * A plane with its zeros around it, row after row, is its own matrix of columns: what tap (i, j) of the window reads lies
 * i rows and j places further on, for every window. So a product runs over shifted pointers; windows that would
 * wrap around the end of a row are computed and left out. The adjoint by the input is the same product with the
 * window turned around. A sample's planes stay in the second-level cache.
 *
 * What is left out is multiplied by zero where weights are summed: a NaN or an infinity may then spread to a neighbouring
 * channel's weights.
 *
 * Sums run over channels, then taps, in order, by fused multiply-adds: the same bits on both. For weights they run in lanes, 16 or 8,
 * that are folded in halves, sample by sample. Both are functions of the shape alone. */
#include "glia_conv.h"
#include "kernels_priv.h"

#ifdef __x86_64__
#include "avx2_priv.h"
#include "avx512_priv.h"

#include <string.h>

enum { TAPS = 3, MAX_TAPS = 49, MOST_SUMS = 8 * 48 };

/* Source planes [in, height, width] with zeros around, results [out, rows, columns] of a sample. */
struct flat {
  glia_conv_mode mode;
  int64_t lanes, block, places; /* of a vector; outputs and places that are summed at once */
  int64_t n, in, out, taps;
  int64_t source_rows, source_columns, low[2];
  int64_t rows, columns; /* of the result; of y for weights */
  int64_t height, width; /* of a padded plane */
  int64_t plane, pixels; /* floats of a plane; places from the first window to the last */
  int64_t tap[MAX_TAPS + TAPS];
  int64_t sources, panels; /* floats of scratch */
};

/* What differs by the vectors' length. */
struct level {
  int64_t lanes, block, places;
  void (*sum)(const struct flat *f, const float *x, const float *w, float *y);
  void (*weigh)(const float *x, const int64_t *tap, const float *y, int64_t width, float *sums);
  void (*run_data)(const struct glia_call *call);
  void (*run_weight)(const struct glia_call *call);
};

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

static struct flat flat_of(const struct glia_conv *c, const struct level *level)
{
  const bool turned = c->mode == GLIA_CONV_INPUT;
  struct flat f = {.mode = c->mode,
                   .lanes = level->lanes,
                   .block = level->block,
                   .places = level->places,
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
  f.sources =
      up(f.in * f.plane + f.places + 1, f.lanes); /* the last block reads past the last plane */
  if (c->mode == GLIA_CONV_WEIGHT)
    f.panels = up(f.out, f.block) * up(f.pixels, f.lanes);
  else
    f.panels = up(f.out, f.block) * f.in * f.taps;
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

/* Weights [co, ci, taps] as [blocks of outputs, inputs, taps, block], the window turned around for the input's adjoint. */
static void pack(const struct flat *f, const float *w, float *to)
{
  const bool turned = f->mode == GLIA_CONV_INPUT;

  for (int64_t b = 0; b < f->out; b += f->block)
    for (int64_t i = 0; i < f->in; i++)
      for (int64_t t = 0; t < f->taps; t++)
        for (int64_t j = b; j < b + f->block; j++)
          *to++ = j >= f->out ? 0.0F
                  : turned    ? w[(i * f->out + j) * f->taps + f->taps - 1 - t]
                              : w[(j * f->in + i) * f->taps + t];
}

/* The places of a block that are windows, to their rows in y [out, rows, columns]. */
static void hand_out(const struct flat *f, const float *from, int64_t at, int64_t outputs, float *y)
{
  const int64_t end = at + f->places < f->pixels ? at + f->places : f->pixels;

  for (int64_t p = at; p < end;) {
    const int64_t row = p / f->width, column = p % f->width;
    const int64_t stop = (row + 1) * f->width < end ? (row + 1) * f->width : end;
    int64_t n = f->columns - column;
    if (n > stop - p) n = stop - p;
    for (int64_t j = 0; n > 0 && j < outputs; j++)
      memcpy(y + (j * f->rows + row) * f->columns + column, from + j * f->places + (p - at),
             (size_t)n * sizeof *y);
    p = stop;
  }
}

static void data(const struct glia_call *call, const struct level *level)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct flat f = flat_of(&c, level);
  const float *x = call->in[0].data;
  float *y = call->out.data, *sources = call->scratch, *panels = sources + f.sources;
  float sums[MOST_SUMS];

  pack(&f, call->in[1].data, panels);
  memset(sources + f.in * f.plane, 0, (size_t)(f.sources - f.in * f.plane) * sizeof *sources);
  for (int64_t s = 0; s < f.n; s++) {
    glia_pause();
    surround(&f, x, sources);
    for (int64_t j = 0; j < f.out; j += f.block)
      for (int64_t p = 0; p < f.pixels; p += f.places) {
        level->sum(&f, sources + p, panels + j * f.in * f.taps, sums);
        hand_out(&f, sums, p, f.out - j < f.block ? f.out - j : f.block,
                 y + j * f.rows * f.columns);
      }
    x += f.in * f.source_rows * f.source_columns;
    y += f.out * f.rows * f.columns;
  }
}

/* y [out, rows, columns] with the padded plane's width, zeros where no window is: what wraps around adds nothing. */
static void widen(const struct flat *f, const float *y, float *to)
{
  const int64_t width = up(f->pixels, f->lanes);

  memset(to, 0, (size_t)f->panels * sizeof *to);
  for (int64_t j = 0; j < f->out; j++, to += width)
    for (int64_t r = 0; r < f->rows; r++, y += f->columns)
      memcpy(to + r * f->width, y, (size_t)f->columns * sizeof *y);
}

static void weight(const struct glia_call *call, const struct level *level)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct flat f = flat_of(&c, level);
  const int64_t width = up(f.pixels, f.lanes);
  const float *x = call->in[0].data, *y = call->in[1].data;
  float *w = call->out.data, *sources = call->scratch, *wide = sources + f.sources;
  float sums[MOST_SUMS];

  memset(w, 0, (size_t)call->out.n * sizeof *w);
  memset(sources + f.in * f.plane, 0, (size_t)(f.sources - f.in * f.plane) * sizeof *sources);
  for (int64_t s = 0; s < f.n; s++) {
    glia_pause();
    surround(&f, x, sources);
    widen(&f, y, wide);
    for (int64_t j = 0; j < f.out; j += f.block)
      for (int64_t i = 0; i < f.in; i++)
        for (int64_t t = 0; t < f.taps; t += TAPS) {
          level->weigh(sources + i * f.plane, &f.tap[t], wide + j * width, width, sums);
          for (int64_t b = j; b < j + f.block && b < f.out; b++)
            for (int64_t k = t; k < t + TAPS && k < f.taps; k++)
              w[(b * f.in + i) * f.taps + k] += sums[(b - j) * TAPS + k - t];
        }
    x += f.in * f.source_rows * f.source_columns;
    y += f.out * f.rows * f.columns;
  }
}

#define LANES   16
#define BLOCK   8
#define VECTORS 3
#include "conv_direct.inc"
#undef LANES
#undef BLOCK
#define LANES 8
#define BLOCK 4
#include "conv_direct.inc"

bool glia_conv_direct_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out)
{
  const enum glia_cpu cpu = glia_cpu_();
  const struct level *level = cpu == GLIA_CPU_AVX512 ? &level_16 : &level_8;
  bool fits = dtype == GLIA_F32 && c->groups == 1 && c->x[0] == 1 && c->k[0] == 1 && c->o[0] == 1 &&
              c->k[1] * c->k[2] > 1 && c->k[1] * c->k[2] <= MAX_TAPS && c->low[0] == 0;

  for (int i = 1; i < 3; i++)
    fits = fits && c->stride[i] == 1 && c->dilation[i] == 1 && c->low[i] < c->k[i];
  if (!fits || cpu < GLIA_CPU_AVX2) return false;
  const struct flat f = flat_of(c, level);
  if (c->mode != GLIA_CONV_WEIGHT && f.out < f.block / 2)
    return false; /* most of a block would be idle */
  out->name = "conv direct";
  out->run = c->mode == GLIA_CONV_WEIGHT ? level->run_weight : level->run_data;
  out->scratch_bytes = (size_t)(f.sources + f.panels) * sizeof(float);
  return true;
}

#else
bool glia_conv_direct_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out)
{
  (void)c;
  (void)dtype;
  (void)out;
  return false;
}
#endif
