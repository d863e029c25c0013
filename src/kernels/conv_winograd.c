/* Convolutions by windows of 3 x 3 with stride 1 in float32, on two axes, with 36 products where the definition has 144: for CPUs with
 * AVX-512.
 *
 * A tile of 4 x 4 results reads 6 x 6 places d of each channel: y = A' [(G w G') * (B' d B)] A, the product by elements, summed over
 * channels. So each of 36 positions is a product of matrices [tiles, in] [in, out], over a strip of tiles that stays in the second cache.
 * The adjoint by the input is the same with the window turned around; the one by weights is G' [sum (A dy A') * (B' d B)] G over tiles
 * and samples. Channels are turned last on the way in and back on the way out, row by row of tiles, so transforms run along them.
 *
 * The matrices interpolate at 0, +-3/4, +-3/2 and infinity: those of data are exact, and errors are about twice those of plain sums
 * (at 0, +-1, +-2, as is usual, five to eight times).
 *
 * A result is a function of its sample and the weights alone, a weight's adjoint a chain over tiles, strip by strip, in their order:
 * functions of the shape. A NaN or an infinity may spread to other results of its tile. Source: lavin2016; that the points matter,
 * barabasz2020. */
#include "glia_conv.h"
#include "kernels_priv.h"

#ifdef __x86_64__
#include "avx512_priv.h"

#include <string.h>

enum {
  LANES = 16,
  TILE = 4,
  READ = TILE + 2,
  POSITIONS = READ * READ,
  TAPS = 9,
  STRIP_BYTES = 704 * 1024
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
  int64_t n, down, across;        /* samples, tiles of a plane */
  int64_t strip;                  /* rows of tiles that run together */
  struct planes x, y;             /* what is read with its border; what has tiles */
  int64_t w_step, x_step, y_step; /* floats from position to position */
  int64_t line;                   /* floats of a row of tiles */
};

static int64_t whole(int64_t n) { return (n + LANES - 1) / LANES * LANES; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static struct tiled tiled_of(const struct glia_conv *c)
{
  const bool turned = c->mode == GLIA_CONV_INPUT;
  struct tiled t = {.turned = turned, .n = c->n};
  const struct planes a = {.channels = c->ci, .rows = c->x[1], .columns = c->x[2]},
                      b = {.channels = c->co, .rows = c->o[1], .columns = c->o[2]};

  t.x = turned ? b : a;
  t.y = turned ? a : b;
  for (int i = 0; i < 2; i++) t.x.low[i] = turned ? 2 - c->low[i + 1] : c->low[i + 1];
  t.down = (t.y.rows + TILE - 1) / TILE;
  t.across = (t.y.columns + TILE - 1) / TILE;
  t.x.whole = whole(t.x.channels);
  t.y.whole = whole(t.y.channels);
  t.y.width = TILE * t.across;
  t.x.width = t.y.width + READ - TILE;
  t.line = larger(READ * t.x.width * t.x.whole, TILE * t.y.width * t.y.whole);
  const int64_t tile = POSITIONS * (t.x.whole + t.y.whole) * (int64_t)sizeof(float);
  t.strip = larger(1, STRIP_BYTES / tile / t.across);
  if (t.strip > t.n * t.down) t.strip = t.n * t.down;
  /* a line more than it takes, so that positions do not meet in the same sets of the first cache */
  t.w_step = t.x.whole * t.y.whole + LANES;
  t.x_step = t.strip * t.across * t.x.whole + LANES;
  t.y_step = t.strip * t.across * t.y.whole + LANES;
  return t;
}

/* Rows first .. first + n - 1 of a sample's planes, channels last; zeros outside of them. What lies beside rows is zero already. */
static void turn_in(const struct planes *p, const float *x, int64_t first, int n, float *to)
{
  const int64_t columns = smaller(p->columns, p->width - p->low[1]);

  for (int i = 0; i < n; i++, to += p->width * p->whole) {
    const int64_t row = first + i - p->low[0];
    float *at = to + p->low[1] * p->whole;
    if (row < 0 || row >= p->rows)
      memset(at, 0, (size_t)(columns * p->whole) * sizeof *at);
    else
      glia_turn_all_f32_(p->channels, columns, x + row * p->columns, p->rows * p->columns, at,
                         p->whole);
  }
}

static void turn_out(const struct planes *p, const float *from, int64_t first, float *y)
{
  for (int64_t row = first; row < first + TILE && row < p->rows; row++, from += p->width * p->whole)
    glia_turn_all_f32_(p->columns, p->channels, from, p->whole, y + row * p->columns,
                       p->rows * p->columns);
}

#define INLINE __attribute__((always_inline)) GLIA_AVX512 static inline
#define N(x)   _mm512_set1_ps(x)

/* B' d, A' m, A y, G w and G' s of vectors of numbers. */
INLINE void interpolate(const __m512 d[READ], __m512 v[READ])
{
  const __m512 e = _mm512_fnmadd_ps(N(QQ), d[2], d[4]), o = _mm512_fnmadd_ps(N(QQ), d[1], d[3]),
               f = _mm512_fnmadd_ps(N(PP), d[2], d[4]), u = _mm512_fnmadd_ps(N(PP), d[1], d[3]);

  v[0] = _mm512_fmadd_ps(N(PP * QQ), d[0], _mm512_fnmadd_ps(N(PP + QQ), d[2], d[4]));
  v[1] = _mm512_fmadd_ps(N(P), o, e);
  v[2] = _mm512_fnmadd_ps(N(P), o, e);
  v[3] = _mm512_fmadd_ps(N(Q), u, f);
  v[4] = _mm512_fnmadd_ps(N(Q), u, f);
  v[5] = _mm512_fmadd_ps(N(PP * QQ), d[1], _mm512_fnmadd_ps(N(PP + QQ), d[3], d[5]));
}

INLINE void evaluate(const __m512 m[READ], __m512 y[TILE])
{
  const __m512 p = _mm512_add_ps(m[1], m[2]), o = _mm512_sub_ps(m[1], m[2]),
               q = _mm512_add_ps(m[3], m[4]), u = _mm512_sub_ps(m[3], m[4]);

  y[0] = _mm512_add_ps(m[0], _mm512_add_ps(p, q));
  y[1] = _mm512_fmadd_ps(N(P), o, _mm512_mul_ps(N(Q), u));
  y[2] = _mm512_fmadd_ps(N(PP), p, _mm512_mul_ps(N(QQ), q));
  y[3] = _mm512_fmadd_ps(N(PP * P), o, _mm512_fmadd_ps(N(QQ * Q), u, m[5]));
}

INLINE void spread(const __m512 y[TILE], __m512 m[READ])
{
  const __m512 e = _mm512_fmadd_ps(N(PP), y[2], y[0]), o = _mm512_fmadd_ps(N(PP), y[3], y[1]),
               f = _mm512_fmadd_ps(N(QQ), y[2], y[0]), u = _mm512_fmadd_ps(N(QQ), y[3], y[1]);

  m[0] = y[0];
  m[1] = _mm512_fmadd_ps(N(P), o, e);
  m[2] = _mm512_fnmadd_ps(N(P), o, e);
  m[3] = _mm512_fmadd_ps(N(Q), u, f);
  m[4] = _mm512_fnmadd_ps(N(Q), u, f);
  m[5] = y[3];
}

INLINE void widen(const __m512 w[3], __m512 u[READ])
{
  const __m512 e = _mm512_mul_ps(N(1.0F / FP), _mm512_fmadd_ps(N(PP), w[2], w[0])),
               f = _mm512_mul_ps(N(1.0F / FQ), _mm512_fmadd_ps(N(QQ), w[2], w[0]));

  u[0] = _mm512_mul_ps(N(1.0F / (PP * QQ)), w[0]);
  u[1] = _mm512_fmadd_ps(N(P / FP), w[1], e);
  u[2] = _mm512_fnmadd_ps(N(P / FP), w[1], e);
  u[3] = _mm512_fmadd_ps(N(Q / FQ), w[1], f);
  u[4] = _mm512_fnmadd_ps(N(Q / FQ), w[1], f);
  u[5] = w[2];
}

INLINE void narrow(const __m512 s[READ], __m512 w[3])
{
  const __m512 p = _mm512_add_ps(s[1], s[2]), o = _mm512_sub_ps(s[1], s[2]),
               q = _mm512_add_ps(s[3], s[4]), u = _mm512_sub_ps(s[3], s[4]);

  w[0] = _mm512_fmadd_ps(N(1.0F / (PP * QQ)), s[0],
                         _mm512_fmadd_ps(N(1.0F / FP), p, _mm512_mul_ps(N(1.0F / FQ), q)));
  w[1] = _mm512_fmadd_ps(N(P / FP), o, _mm512_mul_ps(N(Q / FQ), u));
  w[2] = _mm512_fmadd_ps(N(PP / FP), p, _mm512_fmadd_ps(N(QQ / FQ), q, s[5]));
}

/* Matrices a [from, from] as f a f' [to, to], f one of the above: columns, then rows. */
#define TRANSFORM(name, f, from, to)                                                               \
  INLINE void name(const float *a, int64_t row, int64_t column, float *out, int64_t out_row,       \
                   int64_t out_column)                                                             \
  {                                                                                                \
    __m512 d[from], half[from][to];                                                                \
    _Pragma("GCC unroll 6") for (int j = 0; j < (from); j++)                                       \
    {                                                                                              \
      _Pragma("GCC unroll 6") for (int i = 0; i < (from); i++) d[i] =                              \
          _mm512_loadu_ps(a + i * row + j * column);                                               \
      f(d, half[j]);                                                                               \
    }                                                                                              \
    _Pragma("GCC unroll 6") for (int i = 0; i < (to); i++)                                         \
    {                                                                                              \
      __m512 v[to];                                                                                \
      _Pragma("GCC unroll 6") for (int j = 0; j < (from); j++) d[j] = half[j][i];                  \
      f(d, v);                                                                                     \
      _Pragma("GCC unroll 6") for (int j = 0; j < (to); j++)                                       \
          _mm512_storeu_ps(out + i * out_row + j * out_column, v[j]);                              \
    }                                                                                              \
  }
TRANSFORM(interpolate_tile, interpolate, READ, READ)
TRANSFORM(evaluate_tile, evaluate, READ, TILE)
TRANSFORM(spread_tile, spread, TILE, READ)
TRANSFORM(widen_window, widen, 3, READ)
TRANSFORM(narrow_window, narrow, READ, 3)

/* A row of tiles, channels last, from its places to positions [positions, tiles, whole], or back. */
#define ROW_OF_TILES(name, transform, p, step, to_positions)                                       \
  GLIA_AVX512 static void name(const struct tiled *t, float *places, float *positions)             \
  {                                                                                                \
    const int64_t column = t->p.whole, row = t->p.width * column;                                  \
    for (int64_t k = 0; k < t->across; k++, places += TILE * column, positions += column)          \
      for (int64_t c = 0; c < column; c += LANES) {                                                \
        if (to_positions)                                                                          \
          transform(places + c, row, column, positions + c, READ * t->step, t->step);              \
        else                                                                                       \
          transform(positions + c, READ * t->step, t->step, places + c, row, column);              \
      }                                                                                            \
  }
ROW_OF_TILES(read_row, interpolate_tile, x, x_step, true)
ROW_OF_TILES(spread_row, spread_tile, y, y_step, true)
ROW_OF_TILES(write_row, evaluate_tile, y, y_step, false)

/* G w G' of weights [co, ci, 3, 3] as [positions, in, out], the window turned around for the input's adjoint. */
GLIA_AVX512 static void pack(const struct tiled *t, const float *w, float *to)
{
  const int64_t in = t->x.channels, out = t->y.channels;
  float g[TAPS * LANES];

  for (int64_t i = 0; i < in; i++)
    for (int64_t o = 0; o < t->y.whole; o += LANES) {
      for (int64_t l = 0; l < LANES; l++) {
        const float *from = w + (t->turned ? i * out + o + l : (o + l) * in + i) * TAPS;
        for (int k = 0; k < TAPS; k++)
          g[k * LANES + l] = o + l >= out ? 0.0F : from[t->turned ? TAPS - 1 - k : k];
      }
      widen_window(g, 3 * LANES, LANES, to + i * t->y.whole + o, READ * t->w_step, t->w_step);
    }
}

/* G' s G of sums [positions, out, whole] as weights [out, in, 3, 3]. */
GLIA_AVX512 static void unpack(const struct tiled *t, const float *sums, float *w)
{
  float g[TAPS * LANES];

  for (int64_t o = 0; o < t->y.channels; o++)
    for (int64_t i = 0; i < t->x.channels; i++, w += TAPS) {
      if (i % LANES == 0)
        narrow_window(sums + o * t->x.whole + i, READ * t->w_step, t->w_step, g, 3 * LANES, LANES);
      for (int k = 0; k < TAPS; k++) w[k] = g[k * LANES + i % LANES];
    }
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
static void read_strip(const struct tiled *t, const struct parts *p, const float *x, int64_t first,
                       int64_t end)
{
  for (int64_t r = first; r < end; r++) {
    turn_in(&t->x, x + r / t->down * t->x.channels * t->x.rows * t->x.columns, r % t->down * TILE,
            READ, p->line);
    read_row(t, p->line, p->x + (r - first) * t->across * t->x.whole);
  }
}

static void run_data(const struct glia_call *call)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct tiled t = tiled_of(&c);
  const struct parts p = parts_of(&t, call->scratch);
  const int64_t in = t.x.whole, out = t.y.whole;

  pack(&t, call->in[1].data, p.w);
  for (int64_t first = 0; first < t.n * t.down; first += t.strip) {
    const int64_t end = smaller(first + t.strip, t.n * t.down), m = (end - first) * t.across;
    glia_pause();
    read_strip(&t, &p, call->in[0].data, first, end);
    for (int k = 0; k < POSITIONS; k++)
      glia_gemm_small_f32_(m, out, t.x.channels, p.x + k * t.x_step, in, 1, p.w + k * t.w_step, out,
                           p.y + k * t.y_step, out, false);
    for (int64_t r = first; r < end; r++) {
      write_row(&t, p.line + t.line, p.y + (r - first) * t.across * out);
      turn_out(&t.y, p.line + t.line, r % t.down * TILE,
               (float *)call->out.data + r / t.down * t.y.channels * t.y.rows * t.y.columns);
    }
  }
}

static void run_weight(const struct glia_call *call)
{
  const struct glia_conv c =
      glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);
  const struct tiled t = tiled_of(&c);
  const struct parts p = parts_of(&t, call->scratch);
  const float *y = call->in[1].data;
  const int64_t in = t.x.whole, out = t.y.whole;

  for (int64_t first = 0; first < t.n * t.down; first += t.strip) {
    const int64_t end = smaller(first + t.strip, t.n * t.down), m = (end - first) * t.across;
    glia_pause();
    read_strip(&t, &p, call->in[0].data, first, end);
    for (int64_t r = first; r < end; r++) {
      turn_in(&t.y, y + r / t.down * t.y.channels * t.y.rows * t.y.columns, r % t.down * TILE, TILE,
              p.line + t.line);
      spread_row(&t, p.line + t.line, p.y + (r - first) * t.across * out);
    }
    for (int k = 0; k < POSITIONS; k++)
      glia_gemm_small_f32_(t.y.channels, in, m, p.y + k * t.y_step, 1, out, p.x + k * t.x_step, in,
                           p.w + k * t.w_step, in, first > 0);
  }
  unpack(&t, p.w, call->out.data);
}

bool glia_conv_winograd_pays_(const struct glia_conv *c)
{
  const struct tiled t = tiled_of(c);

  return c->ci >= GLIA_TUNE_winograd_channels && c->co >= GLIA_TUNE_winograd_channels &&
         t.n * t.down * t.across >= GLIA_TUNE_winograd_tiles;
}

bool glia_conv_winograd_pick_(const struct glia_conv *c, glia_dtype dtype,
                              struct glia_kernel_choice *out)
{
  bool fits = dtype == GLIA_F32 && c->groups == 1 && c->x[0] == 1 && c->k[0] == 1 && c->o[0] == 1 &&
              c->low[0] == 0;

  for (int i = 1; i < 3; i++)
    fits = fits && c->k[i] == 3 && c->stride[i] == 1 && c->dilation[i] == 1 && c->low[i] >= 0 &&
           c->low[i] < 3;
  if (!fits || !glia_avx512_here_()) return false;
  const struct tiled t = tiled_of(c);
  out->name = "conv winograd";
  out->run = c->mode == GLIA_CONV_WEIGHT ? run_weight : run_data;
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
