/* The adjoint of a convolution by its weights, for CPUs with AVX-512 or AVX2: two axes, stride 1,
 * float32.
 *
 * A sample's planes are laid out with zeros around them and channels last: then what a tap of the window adds is a product of
 * y [channels, places] and that [places, channels], shifted by the tap. A tile of 12 output by 32 input channels, of 6 by
 * 16 on AVX2, stays in registers over the places of a strip of rows; strips and samples are added up in memory, in their order.
 *
 * Each weight is, for each strip, a chain of fused multiply-adds over places in their order: a function of the shape alone,
 * and of the length of vectors where that changes how many rows make a strip. */
#include "glia_conv.h"
#include "kernels_priv.h"

#ifdef __x86_64__
#include "avx2_priv.h"
#include "avx512_priv.h"

#include <string.h>

enum { MOST_ROWS = 12, LEAST_CHANNELS = 8, MAX_TAPS = 49, STRIP_BYTES = 128 * 1024 };

struct last {
  int64_t lanes, most; /* of a vector; rows of a tile */
  int64_t n, in, out, taps, k1;
  int64_t source_rows, source_columns, low[2];
  int64_t rows, columns; /* of y */
  int64_t width, height; /* of a plane with its zeros */
  int64_t inner;         /* channels of a place, rounded up */
  int64_t strip;         /* rows of y that are summed in one go */
  int64_t planes, sums;  /* floats of scratch */
};

/* sums [rows of `inner`] += channels of y times x at one tap, over `strip` rows of places. */
typedef void tile_run(const struct last *l, int64_t strip, const float *y, const float *x,
                      float *sums);

/* What differs by the vectors' length. */
struct level {
  int64_t lanes, most;
  tile_run *const (*tiles)[MOST_ROWS + 1]; /* by vectors and rows */
  void (*turn)(const struct last *l, const float *x, float *to);
  void (*run)(const struct glia_call *call);
};

static struct last last_of(const struct glia_conv *c, const struct level *level)
{
  struct last l = {.lanes = level->lanes,
                   .most = level->most,
                   .n = c->n,
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
                   .inner = (c->ci + level->lanes - 1) / level->lanes * level->lanes};

  l.strip = STRIP_BYTES / (l.width * l.inner * (int64_t)sizeof(float));
  if (l.strip < 1) l.strip = 1;
  l.planes = l.width * l.height * l.inner;
  l.sums = l.taps * l.out * l.inner;
  return l;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* One sample: sums [taps, out, inner], a strip of rows after the other, whose channels stay in the second cache. */
static void add_sample(const struct last *l, const struct level *level, const float *y,
                       const float *planes, float *sums)
{
  for (int64_t r = 0; r < l->rows; r += l->strip, y += l->strip * l->columns)
    for (int64_t t = 0; t < l->taps; t++) {
      const int64_t strip = smaller(l->strip, l->rows - r);
      const float *x = planes + ((r + t / l->k1) * l->width + t % l->k1) * l->inner;
      for (int64_t o = 0; o < l->out;) {
        const int64_t blocks = (l->out - o + l->most - 1) / l->most,
                      rows = (l->out - o + blocks - 1) / blocks;
        float *to = sums + (t * l->out + o) * l->inner;
        for (int64_t i = 0; i < l->inner; i += 2 * l->lanes)
          level->tiles[i + l->lanes < l->inner][rows](l, strip, y + o * l->rows * l->columns, x + i,
                                                      to + i);
        o += rows;
      }
    }
}

static void run(const struct glia_call *call, const struct level *level)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct last l = last_of(&c, level);
  const float *x = call->in[0].data, *y = call->in[1].data;
  float *w = call->out.data, *planes = call->scratch, *sums = planes + l.planes;

  memset(planes, 0, (size_t)(l.planes + l.sums) * sizeof *planes);
  for (int64_t s = 0; s < l.n; s++) {
    glia_pause();
    level->turn(&l, x + s * l.in * l.source_rows * l.source_columns, planes);
    add_sample(&l, level, y + s * l.out * l.rows * l.columns, planes, sums);
  }
  for (int64_t o = 0; o < l.out; o++)
    for (int64_t i = 0; i < l.in; i++)
      for (int64_t t = 0; t < l.taps; t++) *w++ = sums[(t * l.out + o) * l.inner + i];
}

#define LANES   16
#define MOST    12
#define ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#include "conv_weight.inc"
#undef LANES
#undef MOST
#undef ROWS
#define LANES   8
#define MOST    6
#define ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#include "conv_weight.inc"

bool glia_conv_weight_pick_(const struct glia_conv *c, glia_dtype dtype,
                            struct glia_kernel_choice *out)
{
  const enum glia_cpu cpu = glia_cpu_();
  const struct level *level = cpu == GLIA_CPU_AVX512 ? &level_16 : &level_8;
  bool fits = c->mode == GLIA_CONV_WEIGHT && dtype == GLIA_F32 && c->groups == 1 && c->x[0] == 1 &&
              c->k[0] == 1 && c->o[0] == 1 && c->low[0] == 0 && c->ci >= LEAST_CHANNELS &&
              c->k[1] * c->k[2] <= MAX_TAPS;

  for (int i = 1; i < 3; i++)
    fits =
        fits && c->stride[i] == 1 && c->dilation[i] == 1 && c->low[i] >= 0 && c->low[i] < c->k[i];
  if (!fits || cpu < GLIA_CPU_AVX2) return false;
  const struct last l = last_of(c, level);
  out->name = "conv weight";
  out->run = level->run;
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
