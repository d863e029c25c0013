/* Convolution, pooling and resizing against loops over their definitions, for random windows.
 *
 * Tolerances: float64 sums of a few hundred products of numbers below 1: 1e-12; float32 of the same: 1e-5.
 */
#include "glia_kernels.h"
#include "glia_random.h"
#include "ref/interpret.h"
#include "run_graph.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASES = 60, MAX_ARRAY = 80000 };

static struct glia_graph *g;
static void *data[8];
static int n_data;
static uint64_t draws;

static void begin(void)
{
  if (glia_graph_new(&g) != GLIA_OK) abort();
}

static void end(void)
{
  if (glia_graph_status(g) != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT(glia_graph_status(g) == GLIA_OK);
  while (n_data > 0) free(data[--n_data]);
  glia_graph_destroy(&g);
}

static const struct glia_type *type_of(glia_value v) { return &glia_graph_node(g, v)->type; }

static int64_t draw(int64_t lo, int64_t hi)
{
  const double u = glia_random_uniform(glia_random_stream(3, "conv"), 0, draws++);

  return lo + (int64_t)(u * (double)(hi - lo + 1));
}

/* An input of numbers exact in float32; values NULL: random in (-1, 1). */
static glia_value given(glia_dtype dtype, int rank, const int64_t *dim, const double *values)
{
  const struct glia_type t = glia_type_make(dtype, rank, dim);
  char name[16];

  snprintf(name, sizeof name, "in%d", n_data);
  data[n_data] = array_of(&t);
  for (int64_t i = 0; i < glia_type_count(&t); i++)
    set_element(&t, data[n_data], i, values != NULL ? values[i] : (double)draw(-64, 64) / 64.0);
  n_data++;
  return glia_input(g, name, GLIA_PER_STEP, t);
}

/* Values by the reference kernels and by the fast ones, both near `want`. */
static void expect(glia_value v, const double *want, const char *what)
{
  const struct glia_type *t = type_of(v);
  const double tolerance = t->dtype == GLIA_F32 ? 1e-5 : 1e-12;
  struct interpretation p = interpret(g, data, NULL, 1, &v);
  void *fast = NULL;
  double worst = 0.0, scale = 1.0;

  CU_ASSERT_FATAL(run_graph(g, glia_kernels_default(), data, 1, &v, &fast));
  for (int64_t i = 0; i < glia_type_count(t); i++) {
    scale = fmax(scale, fabs(want[i]));
    worst = fmax(worst, fabs(element(t, p.at[v], i) - want[i]));
    worst = fmax(worst, fabs(element(t, fast, i) - want[i]));
  }
  if (worst > tolerance * scale) tap_note("%s: %.3e", what, worst / scale);
  CU_ASSERT(worst <= tolerance * scale);
  free(fast);
  interpretation_free(&p);
}

/* One random convolution; three spatial axes, of which the last `rank` are used. */
struct shape {
  int rank;
  int64_t n, groups, in, out; /* in, out: channels of a group */
  int64_t x[3], o[3];
  struct glia_window w;
};

static struct shape random_shape(void)
{
  struct shape s = {.rank = (int)draw(1, 3), .n = draw(1, 3), .groups = draw(1, 3)};

  s.in = draw(1, 3);
  s.out = draw(1, 3);
  s.w.rank = s.rank;
  for (int k = 0; k < s.rank; k++) {
    s.w.size[k] = draw(1, 3);
    s.w.stride[k] = draw(1, 3);
    s.w.dilation[k] = draw(1, 2);
    s.w.low[k] = draw(0, 2);
    s.w.high[k] = draw(0, 2);
    s.x[k] = draw(1, 3) + s.w.dilation[k] * (s.w.size[k] - 1); /* some window always fits */
    s.o[k] = glia_window_extent(&s.w, k, s.x[k]);
  }
  return s;
}

/* What runs without columns: two axes, stride 1, no groups; past the edges of blocks of 8 or 4 channels and of 48 or 24 places. */
static struct shape plain_shape(void)
{
  struct shape s = {.rank = 2, .n = draw(1, 2), .groups = 1, .in = draw(1, 10), .out = draw(1, 17)};

  s.w = glia_window_make(2, (int64_t[]){draw(1, 5), draw(2, 7)});
  for (int k = 0; k < 2; k++) {
    s.w.low[k] = draw(0, s.w.size[k]); /* as wide as the window: left to the kernel with columns */
    s.w.high[k] = draw(0, s.w.size[k]);
    s.x[k] = draw(1, 12) + s.w.size[k] - 1;
    s.o[k] = glia_window_extent(&s.w, k, s.x[k]);
  }
  return s;
}

/* Channels enough for their adjoint by weights to run channels last; past the edges of its tiles of 12 by 32
 * or 6 by 16. */
static struct shape deep_shape(void)
{
  struct shape s = {.rank = 2, .n = draw(1, 2), .groups = 1, .in = draw(8, 50), .out = draw(1, 27)};

  s.w = glia_window_make(2, (int64_t[]){draw(1, 3), draw(2, 3)});
  for (int k = 0; k < 2; k++) {
    s.w.low[k] = draw(0, s.w.size[k] - 1);
    s.w.high[k] = draw(0, s.w.size[k]);
    s.x[k] = draw(1, 20) + s.w.size[k] - 1;
    s.o[k] = glia_window_extent(&s.w, k, s.x[k]);
  }
  return s;
}

/* Windows of 3 x 3 over many channels: tiles of 4 x 4 results, past the edges of planes, of 16 or 8 channels and of a strip. */
static struct shape tiled_shape(void)
{
  struct shape s = {
      .rank = 2, .n = draw(3, 5), .groups = 1, .in = draw(16, 28), .out = draw(16, 28)};

  s.w = glia_window_make(2, (int64_t[]){3, 3});
  for (int k = 0; k < 2; k++) {
    s.w.low[k] = draw(0, 2);
    s.w.high[k] = draw(0, 2);
    s.x[k] = draw(3, 18);
    s.o[k] = glia_window_extent(&s.w, k, s.x[k]);
  }
  return s;
}

static int64_t count(int rank, const int64_t *dim)
{
  int64_t n = 1;

  for (int k = 0; k < rank; k++) n *= dim[k];
  return n;
}

/* Row of x that tap k of window o reads, over all axes; -1: outside. */
static int64_t row_of(const struct shape *s, int64_t o, int64_t k)
{
  int64_t row = 0, below = 1;

  for (int a = s->rank - 1; a >= 0; a--) {
    const int64_t at =
        o % s->o[a] * s->w.stride[a] + k % s->w.size[a] * s->w.dilation[a] - s->w.low[a];
    if (at < 0 || at >= s->x[a]) return -1;
    row += at * below;
    below *= s->x[a];
    o /= s->o[a];
    k /= s->w.size[a];
  }
  return row;
}

/* All products of the definition, each added to the three results it belongs to. */
static void oracle(const struct shape *s, const double *x, const double *w, const double *y,
                   double *rx, double *rw, double *ry)
{
  const int64_t nx = count(s->rank, s->x), nw = count(s->rank, s->w.size),
                ny = count(s->rank, s->o);

  for (int64_t n = 0; n < s->n; n++)
    for (int64_t co = 0; co < s->groups * s->out; co++)
      for (int64_t c = 0; c < s->in; c++)
        for (int64_t o = 0; o < ny; o++)
          for (int64_t k = 0; k < nw; k++) {
            const int64_t row = row_of(s, o, k), ci = co / s->out * s->in + c;
            if (row < 0) continue;
            const int64_t ix = (n * s->groups * s->in + ci) * nx + row,
                          iw = (co * s->in + c) * nw + k,
                          iy = (n * s->groups * s->out + co) * ny + o;
            ry[iy] += x[ix] * w[iw];
            rx[ix] += y[iy] * w[iw];
            rw[iw] += x[ix] * y[iy];
          }
}

static void convolve(glia_dtype dtype, struct shape s)
{
  int64_t dx[5] = {s.n, s.groups * s.in}, dw[5] = {s.groups * s.out, s.in},
          dy[5] = {s.n, s.groups * s.out};
  static double number[3][MAX_ARRAY], result[3][MAX_ARRAY];
  glia_value v[3];

  for (int k = 0; k < s.rank; k++) {
    dx[2 + k] = s.x[k];
    dw[2 + k] = s.w.size[k];
    dy[2 + k] = s.o[k];
  }
  begin();
  v[0] = given(dtype, s.rank + 2, dx, NULL);
  v[1] = given(dtype, s.rank + 2, dw, NULL);
  v[2] = given(dtype, s.rank + 2, dy, NULL);
  for (int i = 0; i < 3; i++) {
    const int64_t n = glia_type_count(type_of(v[i]));
    CU_ASSERT_FATAL(n <= MAX_ARRAY);
    for (int64_t e = 0; e < n; e++) {
      number[i][e] = element(type_of(v[i]), data[i], e);
      result[i][e] = 0.0;
    }
  }
  oracle(&s, number[0], number[1], number[2], result[0], result[1], result[2]);
  expect(glia_conv(g, v[0], v[1], &s.w, s.groups), result[2], "forward");
  expect(glia_conv_transpose(g, v[2], v[1], &s.w, s.groups, s.x), result[0], "by input");
  expect(glia_conv_weight(g, v[0], v[2], &s.w, s.groups), result[1], "by weight");
  end();
}

static void convolutions_are_their_definition(void)
{
  for (int i = 0; i < CASES; i++) convolve(i % 2 == 0 ? GLIA_F64 : GLIA_F32, random_shape());
}

/* Kernels are picked for a level from now on; false when this CPU has it not. */
static const char *const level[] = {"plain", "avx2", "avx512"};

static bool at_level(size_t l)
{
  setenv("GLIA_CPU", level[l], 1);
  return glia_kernels_check() == GLIA_OK;
}

/* Shapes by the kernels of each level that this CPU has; fewer by columns, which have a test of their own. */
static void convolve_at_each_level(int cases, struct shape (*shape)(void))
{
  for (size_t l = 0; l < GLIA_COUNT(level); l++) {
    if (at_level(l))
      for (int i = 0; i < (l == 0 ? cases / 4 : cases); i++) convolve(GLIA_F32, shape());
    else
      tap_note("no %s here", level[l]);
    unsetenv("GLIA_CPU");
  }
}

static void convolutions_without_columns_are_their_definition(void)
{
  convolve_at_each_level(CASES, plain_shape);
}

static void convolutions_of_many_channels_are_their_definition(void)
{
  convolve_at_each_level(CASES / 4, deep_shape);
}

static struct shape several_strips(void)
{
  struct shape s = {2, 3, 1, 33, 20, {21, 23}, {0}, {0}};

  s.w = glia_window_make(2, (int64_t[]){3, 3});
  for (int k = 0; k < 2; k++) s.o[k] = s.x[k] - 2;
  return s;
}

static void convolutions_by_tiles_are_their_definition(void)
{
  convolve_at_each_level(1, several_strips);
  convolve_at_each_level(CASES / 6, tiled_shape);
}

/* Tiles cost accuracy, but not much: their worst error is at most four times that of sums in float32 term by term. */
static void tiles_err_little_more_than_plain_sums(void)
{
  enum { IN = 32, OUT = 16, SIDE = 26, RESULT = SIDE - 2 };
  static float x[IN][SIDE][SIDE], w[OUT][IN][3][3];
  struct glia_window window = glia_window_make(2, (int64_t[]){3, 3});
  double ours = 0.0, plain = 0.0;
  void *y = NULL, *in[2] = {x, w};

  for (size_t i = 0; i < sizeof x / sizeof(float); i++)
    (&x[0][0][0])[i] = (float)glia_random_uniform(5, 1, i) - 0.5F;
  for (size_t i = 0; i < sizeof w / sizeof(float); i++)
    (&w[0][0][0][0])[i] = (float)glia_random_uniform(5, 2, i) - 0.5F;
  begin();
  const struct glia_type tx = glia_type_make(GLIA_F32, 4, (int64_t[]){1, IN, SIDE, SIDE}),
                         tw = glia_type_make(GLIA_F32, 4, (int64_t[]){OUT, IN, 3, 3});
  const glia_value vx = glia_input(g, "x", GLIA_PER_STEP, tx);
  const glia_value vw = glia_input(g, "w", GLIA_PER_STEP, tw);
  const glia_value v = glia_conv(g, vx, vw, &window, 1);
  CU_ASSERT_FATAL(run_graph(g, glia_kernels_default(), in, 1, &v, &y));
  for (int o = 0; o < OUT; o++)
    for (int r = 0; r < RESULT; r++)
      for (int c = 0; c < RESULT; c++) {
        double exact = 0.0;
        float sum = 0.0F;
        for (int i = 0; i < IN; i++)
          for (int k = 0; k < 9; k++) {
            exact += (double)x[i][r + k / 3][c + k % 3] * (double)w[o][i][k / 3][k % 3];
            sum += x[i][r + k / 3][c + k % 3] * w[o][i][k / 3][k % 3];
          }
        plain = fmax(plain, fabs((double)sum - exact));
        ours = fmax(ours, fabs((double)((float *)y)[(o * RESULT + r) * RESULT + c] - exact));
      }
  tap_note("worst error %.2e, of plain sums %.2e", ours, plain);
  CU_ASSERT(ours <= 4.0 * plain);
  free(y);
  end();
}

/* Larger than a strip of columns. */
static void strips_of_a_large_image_join(void)
{
  struct shape s = {2, 2, 1, 16, 4, {40, 70}, {0}, glia_window_make(2, (int64_t[]){3, 3})};
  static double x[2 * 16 * 2800], w[4 * 16 * 9], y[2 * 4 * 2800], rx[2 * 16 * 2800], rw[4 * 16 * 9],
      ry[2 * 4 * 2800];

  s.w.low[0] = s.w.low[1] = s.w.high[0] = s.w.high[1] = 1;
  for (int k = 0; k < 2; k++) s.o[k] = glia_window_extent(&s.w, k, s.x[k]);
  for (size_t i = 0; i < GLIA_COUNT(x); i++) x[i] = (double)draw(-64, 64) / 64.0;
  for (size_t i = 0; i < GLIA_COUNT(w); i++) w[i] = (double)draw(-64, 64) / 64.0;
  for (size_t i = 0; i < GLIA_COUNT(y); i++) y[i] = (double)draw(-64, 64) / 64.0;
  oracle(&s, x, w, y, rx, rw, ry);
  begin();
  const glia_value a = given(GLIA_F64, 4, (int64_t[]){2, 16, 40, 70}, x);
  const glia_value b = given(GLIA_F64, 4, (int64_t[]){4, 16, 3, 3}, w);
  const glia_value c = given(GLIA_F64, 4, (int64_t[]){2, 4, 40, 70}, y);
  expect(glia_conv(g, a, b, &s.w, 1), ry, "forward");
  expect(glia_conv_transpose(g, c, b, &s.w, 1, s.x), rx, "by input");
  expect(glia_conv_weight(g, a, c, &s.w, 1), rw, "by weight");
  end();
}

static void pool(void)
{
  struct shape s = random_shape();
  int64_t dim[5] = {s.n, s.groups};
  static double largest[MAX_ARRAY], mean[MAX_ARRAY], mean_of_rows[MAX_ARRAY], x[MAX_ARRAY];
  const int64_t nx = count(s.rank, s.x), nw = count(s.rank, s.w.size), ny = count(s.rank, s.o);

  for (int k = 0; k < s.rank; k++) dim[2 + k] = s.x[k];
  begin();
  const glia_value v = given(GLIA_F64, s.rank + 2, dim, NULL);
  for (int64_t i = 0; i < glia_type_count(type_of(v)); i++) x[i] = element(type_of(v), data[0], i);
  bool all_meet = true;
  for (int64_t i = 0; i < s.n * s.groups * ny; i++) {
    double sum = 0.0, best = -INFINITY;
    int rows = 0;
    for (int64_t k = 0; k < nw; k++) {
      const int64_t row = row_of(&s, i % ny, k);
      if (row < 0) continue;
      rows++;
      sum += x[i / ny * nx + row];
      best = fmax(best, x[i / ny * nx + row]);
    }
    all_meet = all_meet && rows > 0;
    largest[i] = rows > 0 ? best : 0.0;
    mean[i] = sum / (double)nw;
    mean_of_rows[i] = sum / (double)rows;
  }
  expect(glia_max_pool(g, v, &s.w), largest, "largest");
  expect(glia_avg_pool(g, v, &s.w, true), mean, "mean");
  if (all_meet) expect(glia_avg_pool(g, v, &s.w, false), mean_of_rows, "mean of rows");
  end();
}

static void pools_are_their_definition(void)
{
  for (int i = 0; i < CASES; i++) pool();
}

/* Windows of 2 x 2 in float32 have a kernel for each level: rows of 1 to 37 windows, with many ties and NaNs. */
static void the_largest_of_four_is_the_first_at_each_level(void)
{
  const struct glia_window w = {2, {2, 2}, {2, 2}, {1, 1}, {0}, {0}};

  for (size_t l = 0; l < GLIA_COUNT(level); l++)
    for (int64_t n = 1; n <= 37 && at_level(l); n++) {
      const int64_t dim[] = {2, 4, 2 * n + n % 2};
      static double x[1024];
      for (int64_t i = 0; i < count(3, dim); i++)
        x[i] = draw(0, 9) == 0 ? (double)NAN : (double)draw(-2, 2);
      begin();
      const glia_value y = glia_window_argmax(g, given(GLIA_F32, 3, dim, x), &w);
      struct interpretation p = interpret(g, data, NULL, 1, &y);
      void *fast = NULL;
      CU_ASSERT_FATAL(run_graph(g, glia_kernels_default(), data, 1, &y, &fast));
      CU_ASSERT(memcmp(fast, p.at[y], glia_type_bytes(type_of(y))) == 0);
      free(fast);
      interpretation_free(&p);
      end();
    }
  unsetenv("GLIA_CPU");
}

/* GLIA_CPU chooses: what is picked for a node at one level, and stands beside it, serves no other level; columns serve all. */
static void each_level_has_kernels_of_its_own(void)
{
  enum { NODES = 4, MOST = 4 };
  const struct shape s = several_strips();
  const struct glia_window halves = {2, {2, 2}, {2, 2}, {1, 1}, {0}, {0}};
  struct glia_kernel_choice all[GLIA_COUNT(level)][NODES][MOST] = {0};
  int n[GLIA_COUNT(level)][NODES] = {0};

  begin();
  const glia_value x = given(GLIA_F32, 4, (int64_t[]){s.n, s.in, s.x[0], s.x[1]}, NULL),
                   w = given(GLIA_F32, 4, (int64_t[]){s.out, s.in, 3, 3}, NULL),
                   y = given(GLIA_F32, 4, (int64_t[]){s.n, s.out, s.o[0], s.o[1]}, NULL);
  const glia_value v[NODES] = {
      glia_conv(g, x, w, &s.w, 1), glia_conv_transpose(g, y, w, &s.w, 1, s.x),
      glia_conv_weight(g, x, y, &s.w, 1), glia_window_argmax(g, x, &halves)};
  for (size_t l = 0; l < GLIA_COUNT(level) && at_level(l); l++)
    for (int i = 0; i < NODES; i++) {
      const struct glia_node *node = glia_graph_node(g, v[i]);
      n[l][i] = glia_kernels_candidates(g, node, MOST, all[l][i]);
      if (n[l][i] == 0) n[l][i] = glia_kernels_default()->pick(g, node, all[l][i]);
      CU_ASSERT(n[l][i] > 0);
      for (size_t below = 0; below < l; below++)
        for (int a = 0; a < n[l][i]; a++)
          for (int b = 0; b < n[below][i]; b++)
            CU_ASSERT(all[l][i][a].run != all[below][i][b].run ||
                      (a > 0 && strcmp(all[l][i][a].name, "conv sgemm") == 0));
    }
  unsetenv("GLIA_CPU");
  end();
}

static void max_pool_sends_the_derivative_to_the_first_of_ties(void)
{
  const struct glia_window w = {1, {2}, {2}, {1}, {0}, {0}};
  const double x[] = {3, 3, 1, 2}, dy[] = {5, 7}, want[] = {5, 0, 0, 7};

  begin();
  const glia_value v = given(GLIA_F64, 2, (int64_t[]){1, 4}, x),
                   d = given(GLIA_F64, 2, (int64_t[]){1, 2}, dy);
  const glia_value y = glia_max_pool(g, v, &w);
  glia_value dx;
  glia_vjp(g, 1, &y, &d, 1, &v, &dx);
  expect(dx, want, "gradient");
  end();
}

static void borders_are_padded_as_named(void)
{
  const double x[] = {1, 2, 3, 4};
  const double want[][7] = {[GLIA_PADDING_ZEROS] = {0, 0, 1, 2, 3, 4, 0},
                            [GLIA_PADDING_REFLECT] = {3, 2, 1, 2, 3, 4, 3},
                            [GLIA_PADDING_REPLICATE] = {1, 1, 1, 2, 3, 4, 4},
                            [GLIA_PADDING_CIRCULAR] = {3, 4, 1, 2, 3, 4, 1}};

  for (int how = GLIA_PADDING_ZEROS; how <= GLIA_PADDING_CIRCULAR; how++) {
    begin();
    const glia_value v = given(GLIA_F64, 2, (int64_t[]){1, 4}, x);
    expect(glia_pad_border(g, v, 1, 2, 1, (glia_padding)how), want[how], "border");
    end();
  }
}

/* Figures of PyTorch's adaptive_avg_pool1d and interpolate (nearest; linear, align_corners=False). */
static void resizing_follows_its_formulas(void)
{
  const double x[] = {1, 2, 4, 8, 16};
  const double mean[] = {1.5, 14.0 / 3.0, 12}, nearest[] = {1, 1, 2, 4, 4, 8, 16},
               linear[] = {1, 1.25, 1.75, 2.5, 3.5, 5, 7, 10, 14, 16}, fewer[] = {1.75, 10};

  begin();
  const glia_value v = given(GLIA_F64, 1, (int64_t[]){5}, x);
  expect(glia_resize(g, v, 1, (int64_t[]){3}, GLIA_RESAMPLE_MEAN), mean, "mean");
  expect(glia_resize(g, v, 1, (int64_t[]){7}, GLIA_RESAMPLE_NEAREST), nearest, "nearest");
  expect(glia_resize(g, v, 1, (int64_t[]){10}, GLIA_RESAMPLE_LINEAR), linear, "linear");
  expect(glia_resize(g, v, 1, (int64_t[]){2}, GLIA_RESAMPLE_LINEAR), fewer, "linear, fewer");
  end();
}

static void refuse(const char *text, const int64_t *dx, const int64_t *dw, struct glia_window w,
                   int64_t groups)
{
  begin();
  const glia_value x = given(GLIA_F32, 4, dx, NULL), b = given(GLIA_F32, 4, dw, NULL);
  CU_ASSERT_EQUAL(glia_conv(g, x, b, &w, groups), GLIA_NONE);
  CU_ASSERT_EQUAL(glia_graph_status(g), GLIA_E_SHAPE);
  if (strstr(glia_trace(), text) == NULL) tap_note("'%s' not in %s", text, glia_trace());
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace(), text));
  while (n_data > 0) free(data[--n_data]);
  glia_graph_destroy(&g);
}

static void misfits_are_refused(void)
{
  const int64_t x[] = {2, 4, 3, 3}, w[] = {6, 4, 3, 3}, large[] = {6, 4, 4, 3},
                few[] = {6, 2, 3, 3};
  struct glia_window window = glia_window_make(2, (int64_t[]){3, 3}), one = window, still = window;

  one.rank = 1;
  still.stride[1] = 0;
  refuse("larger", x, large, window, 1);
  refuse("groups", x, few, window, 1);
  refuse("groups", x, w, window, 3);
  refuse("axes", x, w, one, 1);
  refuse("stride", x, w, still, 1);
}

TAP_MAIN("conv", TAP(convolutions_are_their_definition),
         TAP(convolutions_without_columns_are_their_definition),
         TAP(convolutions_of_many_channels_are_their_definition),
         TAP(convolutions_by_tiles_are_their_definition),
         TAP(tiles_err_little_more_than_plain_sums), TAP(strips_of_a_large_image_join),
         TAP(pools_are_their_definition), TAP(the_largest_of_four_is_the_first_at_each_level),
         TAP(each_level_has_kernels_of_its_own),
         TAP(max_pool_sends_the_derivative_to_the_first_of_ties), TAP(borders_are_padded_as_named),
         TAP(resizing_follows_its_formulas), TAP(misfits_are_refused))
