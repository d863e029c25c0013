/* Convolutions by windows of 3 x 3 with stride 1 in float32, on two axes, with 36 products where the definition has 144: for CPUs with
 * AVX-512 or AVX2.
 *
 * A tile of 4 x 4 results reads 6 x 6 places d of each channel: y = A' [(G w G') * (B' d B)] A, the product by elements, summed over
 * channels. So each of 36 positions is a product of matrices [tiles, in] [in, out], over a strip of tiles that stays in the second cache.
 * The adjoint by the input is the same with the window turned around; the one by weights is G' [sum (A dy A') * (B' d B)] G over tiles
 * and samples. Channels are turned last on the way in and back on the way out, a vector of them and a row of tiles at a time, so
 * transforms run along them.
 *
 * The matrices interpolate at 0, +-3/4, +-3/2 and infinity: those of data are exact, and errors are about twice those of plain sums
 * (at 0, +-1, +-2, as is usual, five to eight times).
 *
 * A result is a function of its sample and the weights alone, summed over channels in their order: the same bits on both. A weight's
 * adjoint is a chain over tiles, strip by strip, in their order: a function of the shape, and of the level, whose caches set the strip. A NaN or
 * an infinity may spread to other results of its tile. Source: lavin2016; that the points matter, barabasz2020. */
#include "glia_conv.h"
#include "kernels_priv.h"

#ifdef __x86_64__
#include "avx2_priv.h"
#include "avx512_priv.h"

#include <string.h>

enum {
  TILE = 4,
  READ = TILE + 2,
  POSITIONS = READ * READ,
  TAPS = 9,
  LINE = 16 /* floats */
};

/* The points' squares and what follows from them; 1 / F are the weights of the interpolation. */
#define P  0.75F
#define Q  1.5F
#define PP (P * P)
#define QQ (Q * Q)
#define FP (2.0F * PP * (PP - QQ))
#define FQ (2.0F * QQ * (QQ - PP))

/* An array [channels, rows, columns] of a sample, and how a row of tiles of it lies channels last: [rows of the tiles, width, whole]. */
struct planes {
  int64_t channels, rows, columns, low[2];
  int64_t whole, width;
};

struct tiled {
  bool turned;
  int64_t lanes;                  /* of a vector */
  int64_t n, down, across;        /* samples, tiles of a plane */
  int64_t strip;                  /* rows of tiles that run together */
  struct planes x, y;             /* what is read with its border; what has tiles */
  int64_t w_step, x_step, y_step; /* floats from position to position */
  int64_t line;                   /* floats of a row of tiles, one vector of channels */
};

/* What differs by the vectors' length; functions as in conv_winograd.inc. */
struct level {
  int64_t lanes, strip_bytes;
  void (*turn)(int64_t rows, int64_t columns, const float *from, int64_t ld, float *to,
               int64_t to_ld);
  void (*read_row)(const struct tiled *t, float *places, float *positions);
  void (*spread_row)(const struct tiled *t, float *places, float *positions);
  void (*write_row)(const struct tiled *t, float *places, float *positions);
  void (*pack)(const struct tiled *t, const float *w, float *to);
  void (*unpack)(const struct tiled *t, const float *sums, float *w);
  void (*multiply)(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                   const float *b, int64_t ldb, float *c, int64_t ldc, bool add);
  void (*run_data)(const struct glia_call *call);
  void (*run_weight)(const struct glia_call *call);
};

static int64_t whole(int64_t n, int64_t lanes) { return (n + lanes - 1) / lanes * lanes; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static struct tiled tiled_of(const struct glia_conv *c, const struct level *level)
{
  const bool turned = c->mode == GLIA_CONV_INPUT;
  struct tiled t = {.turned = turned, .lanes = level->lanes, .n = c->n};
  const struct planes a = {.channels = c->ci, .rows = c->x[1], .columns = c->x[2]},
                      b = {.channels = c->co, .rows = c->o[1], .columns = c->o[2]};

  t.x = turned ? b : a;
  t.y = turned ? a : b;
  for (int i = 0; i < 2; i++) t.x.low[i] = turned ? 2 - c->low[i + 1] : c->low[i + 1];
  t.down = (t.y.rows + TILE - 1) / TILE;
  t.across = (t.y.columns + TILE - 1) / TILE;
  t.x.whole = whole(t.x.channels, t.lanes);
  t.y.whole = whole(t.y.channels, t.lanes);
  t.y.width = TILE * t.across;
  t.x.width = t.y.width + READ - TILE;
  t.line = larger(READ * t.x.width, TILE * t.y.width) * t.lanes;
  const int64_t tile = POSITIONS * (t.x.whole + t.y.whole) * (int64_t)sizeof(float);
  t.strip = larger(1, level->strip_bytes / tile / t.across);
  if (t.strip > t.n * t.down) t.strip = t.n * t.down;
  /* a line more than it takes, so that positions do not meet in the same sets of the first cache */
  t.w_step = t.x.whole * t.y.whole + LINE;
  t.x_step = t.strip * t.across * t.x.whole + LINE;
  t.y_step = t.strip * t.across * t.y.whole + LINE;
  return t;
}

/* Rows first .. first + n - 1 of channels c .. c + lanes - 1 of a sample's planes, those last, to [n, width, lanes]; zeros outside of
 * planes. What lies beside rows is zero already. So few channels that all of it stays in the first cache. */
static void turn_in(const struct level *level, const struct planes *p, const float *x, int64_t c,
                    int64_t first, int n, float *to)
{
  const int64_t columns = smaller(p->columns, p->width - p->low[1]), plane = p->rows * p->columns;

  for (int i = 0; i < n; i++, to += p->width * level->lanes) {
    const int64_t row = first + i - p->low[0];
    float *at = to + p->low[1] * level->lanes;
    if (row < 0 || row >= p->rows)
      memset(at, 0, (size_t)(columns * level->lanes) * sizeof *at);
    else
      level->turn(smaller(p->channels - c, level->lanes), columns, x + c * plane + row * p->columns,
                  plane, at, level->lanes);
  }
}

static void turn_out(const struct level *level, const struct planes *p, const float *from,
                     int64_t c, int64_t first, float *y)
{
  const int64_t plane = p->rows * p->columns;

  for (int64_t row = first; row < first + TILE && row < p->rows;
       row++, from += p->width * level->lanes)
    level->turn(p->columns, smaller(p->channels - c, level->lanes), from, level->lanes,
                y + c * plane + row * p->columns, plane);
}

/* Where the parts of the scratch begin. */
struct parts {
  float *w, *x, *y, *line;
};

static size_t floats_of(const struct tiled *t)
{
  return (size_t)(POSITIONS * (t->w_step + t->x_step + t->y_step) + 2 * t->line);
}

static struct parts parts_of(const struct tiled *t, float *scratch)
{
  struct parts p = {.w = scratch};

  p.x = p.w + POSITIONS * t->w_step;
  p.y = p.x + POSITIONS * t->x_step;
  p.line = p.y + POSITIONS * t->y_step;
  memset(p.line, 0, (size_t)(2 * t->line) * sizeof *p.line); /* what lies around planes */
  return p;
}

/* x's rows of tiles first .. end - 1, counted over samples, to positions. */
static void read_strip(const struct level *level, const struct tiled *t, const struct parts *p,
                       const float *x, int64_t first, int64_t end)
{
  for (int64_t r = first; r < end; r++)
    for (int64_t c = 0; c < t->x.channels; c += t->lanes) {
      turn_in(level, &t->x, x + r / t->down * t->x.channels * t->x.rows * t->x.columns, c,
              r % t->down * TILE, READ, p->line);
      level->read_row(t, p->line, p->x + (r - first) * t->across * t->x.whole + c);
    }
}

/* One of POSITIONS parts of what rows of tiles read or write is asked for while others are multiplied: only TILE rows of a channel lie
 * together, and the CPU sees no stream in that. */
static void ask(const struct planes *p, int64_t down, const float *x, int64_t first, int64_t end,
                int64_t part)
{
  const int64_t n = (end - first) * p->channels;

  for (int64_t i = n * part / POSITIONS; i < n * (part + 1) / POSITIONS; i++) {
    const int64_t r = first + i / p->channels, channel = i % p->channels;
    const float *at =
        x + ((r / down * p->channels + channel) * p->rows + r % down * TILE) * p->columns;
    for (int64_t k = 0; k < TILE * p->columns; k += LINE) __builtin_prefetch(at + k);
  }
}

static void data(const struct glia_call *call, const struct level *level)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct tiled t = tiled_of(&c, level);
  const struct parts p = parts_of(&t, call->scratch);
  const int64_t in = t.x.whole, out = t.y.whole;
  float *y = call->out.data, *line = p.line + t.line;

  level->pack(&t, call->in[1].data, p.w);
  for (int64_t first = 0; first < t.n * t.down; first += t.strip) {
    const int64_t end = smaller(first + t.strip, t.n * t.down), m = (end - first) * t.across;
    glia_pause();
    read_strip(level, &t, &p, call->in[0].data, first, end);
    for (int k = 0; k < POSITIONS; k++) {
      ask(&t.x, t.down, call->in[0].data, end, smaller(end + t.strip, t.n * t.down), k);
      ask(&t.y, t.down, y, first, end, k);
      level->multiply(m, out, t.x.channels, p.x + k * t.x_step, in, 1, p.w + k * t.w_step, out,
                      p.y + k * t.y_step, out, false);
    }
    for (int64_t r = first; r < end; r++)
      for (int64_t j = 0; j < t.y.channels; j += t.lanes) {
        level->write_row(&t, line, p.y + (r - first) * t.across * out + j);
        turn_out(level, &t.y, line, j, r % t.down * TILE,
                 y + r / t.down * t.y.channels * t.y.rows * t.y.columns);
      }
  }
}

static void weight(const struct glia_call *call, const struct level *level)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct tiled t = tiled_of(&c, level);
  const struct parts p = parts_of(&t, call->scratch);
  const float *y = call->in[1].data;
  const int64_t in = t.x.whole, out = t.y.whole;

  for (int64_t first = 0; first < t.n * t.down; first += t.strip) {
    const int64_t end = smaller(first + t.strip, t.n * t.down), m = (end - first) * t.across;
    glia_pause();
    read_strip(level, &t, &p, call->in[0].data, first, end);
    for (int64_t r = first; r < end; r++)
      for (int64_t j = 0; j < t.y.channels; j += t.lanes) {
        turn_in(level, &t.y, y + r / t.down * t.y.channels * t.y.rows * t.y.columns, j,
                r % t.down * TILE, TILE, p.line + t.line);
        level->spread_row(&t, p.line + t.line, p.y + (r - first) * t.across * out + j);
      }
    for (int k = 0; k < POSITIONS; k++) {
      const int64_t next = smaller(end + t.strip, t.n * t.down);
      ask(&t.x, t.down, call->in[0].data, end, next, k);
      ask(&t.y, t.down, y, end, next, k);
      level->multiply(t.y.channels, in, m, p.y + k * t.y_step, 1, out, p.x + k * t.x_step, in,
                      p.w + k * t.w_step, in, first > 0);
    }
  }
  level->unpack(&t, p.w, call->out.data);
}

#define LANES       16
#define STRIP_BYTES (704 * 1024)
#define MULTIPLY    glia_gemm_small_f32_
#include "conv_winograd.inc"
#undef LANES
#undef STRIP_BYTES
#undef MULTIPLY
#define LANES       8
#define STRIP_BYTES (288 * 1024)
#define MULTIPLY    glia_gemm_small_8_f32_
#include "conv_winograd.inc"

static const struct level *level_here(void)
{
  return glia_cpu_() == GLIA_CPU_AVX512 ? &level_16 : &level_8;
}

bool glia_conv_winograd_pays_(const struct glia_conv *c)
{
  const struct tiled t = tiled_of(c, level_here());

  return c->ci >= GLIA_TUNE_winograd_channels && c->co >= GLIA_TUNE_winograd_channels &&
         t.n * t.down * t.across >= GLIA_TUNE_winograd_tiles;
}

bool glia_conv_winograd_pick_(const struct glia_conv *c, glia_dtype dtype,
                              struct glia_kernel_choice *out)
{
  const struct level *level = level_here();
  bool fits = dtype == GLIA_F32 && c->groups == 1 && c->x[0] == 1 && c->k[0] == 1 && c->o[0] == 1 &&
              c->low[0] == 0;

  for (int i = 1; i < 3; i++)
    fits = fits && c->k[i] == 3 && c->stride[i] == 1 && c->dilation[i] == 1 && c->low[i] >= 0 &&
           c->low[i] < 3;
  if (!fits || glia_cpu_() < GLIA_CPU_AVX2) return false;
  const struct tiled t = tiled_of(c, level);
  out->name = "conv winograd";
  out->run = c->mode == GLIA_CONV_WEIGHT ? level->run_weight : level->run_data;
  out->scratch_bytes = floats_of(&t) * sizeof(float);
  return true;
}

#else
bool glia_conv_winograd_pays_(const struct glia_conv *c)
{
  (void)c;
  return false;
}

bool glia_conv_winograd_pick_(const struct glia_conv *c, glia_dtype dtype,
                              struct glia_kernel_choice *out)
{
  (void)c;
  (void)dtype;
  (void)out;
  return false;
}
#endif
