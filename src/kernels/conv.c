/* The convolution family as products: for each sample and group a strip of columns (im2col) is laid out and multiplied.
 *
 * Columns [in channels x window, windows]: forward y = w columns, by input columns = w^T y scattered back (col2im), by weight
 * w += y columns^T. Strips keep the columns in the second-level cache. Order and sizes of all products follow from the
 * shapes alone, and so do the bits. */
#include "glia_conv.h"
#include "kernels_priv.h"

#include <cblas.h>
#include <string.h>

enum { STRIP_BYTES = 256 * 1024 };

/* One group's product. */
struct strips {
  struct glia_conv c;
  int64_t in, out; /* channels of a group */
  int64_t taps;    /* positions of a window */
  int64_t rows;    /* of columns: in taps */
  int64_t windows; /* of a plane */
  int64_t width;   /* windows in a strip; a multiple of the last axis */
  int64_t nx, nw;  /* elements of x and of w that belong to a group */
  bool direct;     /* x is its own columns */
};

static struct strips strips_of(const struct glia_conv *c, size_t element)
{
  struct strips s = {.c = *c, .in = c->ci / c->groups, .out = c->co / c->groups, .direct = true};

  s.taps = c->k[0] * c->k[1] * c->k[2];
  s.rows = s.in * s.taps;
  s.windows = c->o[0] * c->o[1] * c->o[2];
  s.nx = s.in * c->x[0] * c->x[1] * c->x[2];
  s.nw = s.out * s.rows;
  for (int i = 0; i < 3; i++)
    s.direct =
        s.direct && c->k[i] == 1 && c->stride[i] == 1 && c->low[i] == 0 && c->o[i] == c->x[i];
  const int64_t line = s.rows * c->o[2] * (int64_t)element;
  const int64_t lines = line < STRIP_BYTES ? STRIP_BYTES / line : 1;
  s.width = lines * c->o[2] < s.windows && !s.direct ? lines * c->o[2] : s.windows;
  return s;
}

/* Windows lo .. hi - 1 (of o) along the last axis that meet x at tap k: the others read zeros. */
static void valid(const struct glia_conv *c, int64_t k, int64_t *lo, int64_t *hi)
{
  const int64_t at = k * c->dilation[2] - c->low[2], stride = c->stride[2];
  const int64_t last = c->x[2] - 1 - at; /* o stride <= last */

  *lo = at < 0 ? (-at + stride - 1) / stride : 0;
  *hi = last < 0 ? 0 : last / stride + 1;
  if (*hi > c->o[2]) *hi = c->o[2];
  if (*lo > *hi) *lo = *hi;
}

/* One line of windows at one tap: where it reads x, or -1; the windows from lo to hi do. */
static int64_t line_at(const struct glia_conv *c, int64_t row, int64_t line, int64_t *lo,
                       int64_t *hi)
{
  const int64_t k2 = row % c->k[2], k1 = row / c->k[2] % c->k[1];
  const int64_t k0 = row / (c->k[2] * c->k[1]) % c->k[0],
                channel = row / (c->k[2] * c->k[1] * c->k[0]);
  const int64_t x0 = line / c->o[1] * c->stride[0] + k0 * c->dilation[0] - c->low[0];
  const int64_t x1 = line % c->o[1] * c->stride[1] + k1 * c->dilation[1] - c->low[1];

  *lo = *hi = 0;
  if (x0 < 0 || x0 >= c->x[0] || x1 < 0 || x1 >= c->x[1]) return 0;
  valid(c, k2, lo, hi);
  return ((channel * c->x[0] + x0) * c->x[1] + x1) * c->x[2] + k2 * c->dilation[2] - c->low[2];
}

/* Products of row-major matrices: c [m, n] = op(a) op(b) + beta c. */
#define KERNEL(T, suffix, gemm, one, zero)                                                         \
  static void columns_##suffix(const struct strips *s, const T *x, int64_t from, int64_t width,    \
                               T *columns)                                                         \
  {                                                                                                \
    const int64_t o = s->c.o[2], stride = s->c.stride[2];                                          \
    for (int64_t r = 0; r < s->rows; r++)                                                          \
      for (int64_t j = 0; j < width; j += o, columns += o) {                                       \
        int64_t lo, hi;                                                                            \
        const int64_t at = line_at(&s->c, r, (from + j) / o, &lo, &hi);                            \
        for (int64_t i = 0; i < lo; i++) columns[i] = 0;                                           \
        if (stride == 1 && hi > lo)                                                                \
          memcpy(columns + lo, x + at + lo, (size_t)(hi - lo) * sizeof *x);                        \
        else                                                                                       \
          for (int64_t i = lo; i < hi; i++) columns[i] = x[at + i * stride];                       \
        for (int64_t i = hi; i < o; i++) columns[i] = 0;                                           \
      }                                                                                            \
  }                                                                                                \
  static void scatter_##suffix(const struct strips *s, T *x, int64_t from, int64_t width,          \
                               const T *columns)                                                   \
  {                                                                                                \
    const int64_t o = s->c.o[2], stride = s->c.stride[2];                                          \
    for (int64_t r = 0; r < s->rows; r++)                                                          \
      for (int64_t j = 0; j < width; j += o, columns += o) {                                       \
        int64_t lo, hi;                                                                            \
        const int64_t at = line_at(&s->c, r, (from + j) / o, &lo, &hi);                            \
        for (int64_t i = lo; i < hi; i++) x[at + i * stride] += columns[i];                        \
      }                                                                                            \
  }                                                                                                \
  static void forward_##suffix(const struct strips *s, const T *x, const T *w, T *y, T *scratch)   \
  {                                                                                                \
    const int m = (int)s->out, k = (int)s->rows;                                                   \
    for (int64_t j = 0; j < s->windows; j += s->width) {                                           \
      glia_pause();                                                                                \
      const int64_t n = s->windows - j < s->width ? s->windows - j : s->width;                     \
      if (!s->direct) columns_##suffix(s, x, j, n, scratch);                                       \
      gemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, (int)n, k, one, w, k,                     \
           s->direct ? x + j : scratch, (int)(s->direct ? s->windows : n), zero, y + j,            \
           (int)s->windows);                                                                       \
    }                                                                                              \
  }                                                                                                \
  static void input_##suffix(const struct strips *s, const T *y, const T *w, T *x, T *scratch)     \
  {                                                                                                \
    const int m = (int)s->rows, k = (int)s->out;                                                   \
    if (!s->direct) memset(x, 0, (size_t)s->nx * sizeof *x);                                       \
    for (int64_t j = 0; j < s->windows; j += s->width) {                                           \
      glia_pause();                                                                                \
      const int64_t n = s->windows - j < s->width ? s->windows - j : s->width;                     \
      gemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, (int)n, k, one, w, m, y + j,                \
           (int)s->windows, zero, s->direct ? x + j : scratch, (int)(s->direct ? s->windows : n)); \
      if (!s->direct) scatter_##suffix(s, x, j, n, scratch);                                       \
    }                                                                                              \
  }                                                                                                \
  static void weight_##suffix(const struct strips *s, const T *x, const T *y, bool first, T *w,    \
                              T *scratch)                                                          \
  {                                                                                                \
    const int m = (int)s->out, n = (int)s->rows;                                                   \
    for (int64_t j = 0; j < s->windows; j += s->width) {                                           \
      glia_pause();                                                                                \
      const int64_t k = s->windows - j < s->width ? s->windows - j : s->width;                     \
      if (!s->direct) columns_##suffix(s, x, j, k, scratch);                                       \
      gemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, (int)k, one, y + j, (int)s->windows,     \
           s->direct ? x + j : scratch, (int)(s->direct ? s->windows : k),                         \
           first && j == 0 ? zero : one, w, n);                                                    \
    }                                                                                              \
  }                                                                                                \
  static void run_##suffix(const struct glia_call *call)                                           \
  {                                                                                                \
    const struct glia_conv c =                                                                     \
        glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);              \
    const struct strips s = strips_of(&c, sizeof(T));                                              \
    const T *a = call->in[0].data, *b = call->in[1].data;                                          \
    T *to = call->out.data;                                                                        \
    const int64_t ny = s.out * s.windows;                                                          \
    for (int64_t i = 0; i < c.n; i++)                                                              \
      for (int64_t g = 0; g < c.groups; g++) {                                                     \
        const int64_t x = (i * c.groups + g) * s.nx, y = (i * c.groups + g) * ny, w = g * s.nw;    \
        if (c.mode == GLIA_CONV_FORWARD)                                                           \
          forward_##suffix(&s, a + x, b + w, to + y, call->scratch);                               \
        else if (c.mode == GLIA_CONV_INPUT)                                                        \
          input_##suffix(&s, a + y, b + w, to + x, call->scratch);                                 \
        else                                                                                       \
          weight_##suffix(&s, a + x, b + y, i == 0, to + w, call->scratch);                        \
      }                                                                                            \
  }
KERNEL(float, f32, cblas_sgemm, 1.0F, 0.0F)
KERNEL(double, f64, cblas_dgemm, 1.0, 0.0)

static bool columns_pick(const struct glia_conv *c, glia_dtype dtype,
                         struct glia_kernel_choice *out)
{
  const size_t size = glia_dtype_size(dtype);
  const struct strips s = strips_of(c, size);

  if (s.rows > INT32_MAX || s.windows > INT32_MAX || s.out > INT32_MAX) return false;
  glia_kernels_level(); /* sets BLAS up */
  out->name = dtype == GLIA_F32 ? "conv sgemm" : "conv dgemm";
  out->run = dtype == GLIA_F32 ? run_f32 : run_f64;
  out->scratch_bytes = s.direct ? 0 : (size_t)(s.rows * s.width) * size;
  return true;
}

const char *glia_conv_level_(void)
{
  static const char *const names[] = {[GLIA_CPU_PLAIN] = "",
                                      [GLIA_CPU_AVX2] = " conv:avx2,winograd",
                                      [GLIA_CPU_AVX512] = " conv:avx512,winograd"};

  return names[glia_cpu_()];
}

/* BLAS counts in int and wants no empty operand. */
int glia_conv_candidates_(const struct glia_graph *g, const struct glia_node *n,
                          struct glia_kernel_choice *out)
{
  const glia_dtype dtype = n->type.dtype;
  const struct glia_type *a = &glia_graph_node(g, n->in[0])->type,
                         *b = &glia_graph_node(g, n->in[1])->type;
  struct glia_kernel_choice last = {0};
  int count = 0;

  if (dtype != GLIA_F32 && dtype != GLIA_F64) return 0;
  if (glia_type_count(a) == 0 || glia_type_count(b) == 0 || glia_type_count(&n->type) == 0)
    return 0;
  const struct glia_conv c = glia_conv_of(&n->attr, a, b, &n->type);
  const bool tiles = glia_conv_winograd_pick_(&c, dtype, &last),
             pays = glia_conv_winograd_pays_(&c);
  if (tiles && pays) out[count++] = last;
  count += glia_conv_weight_pick_(&c, dtype, &out[count]);
  count += glia_conv_direct_pick_(&c, dtype, &out[count]);
  count += columns_pick(&c, dtype, &out[count]);
  if (tiles && !pays) out[count++] = last;
  return count;
}
