/* fft: discrete Fourier transforms, not scaled, over the last one or two axes: complex to complex in both directions, real to
 * the half that determines the rest, and back. The reference sums the definition, one axis after the other. */
#include "glia_fft.h"
#include "op_priv.h"

/* attr.i: kind, axes, sign, extent of the last axis of a real result */
enum { KIND, AXES, SIGN, EXTENT };

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  const bool from_real = n->attr.i[KIND] == GLIA_FFT_FROM_REAL,
             to_real = n->attr.i[KIND] == GLIA_FFT_TO_REAL;
  const int axes = (int)n->attr.i[AXES], points = from_real ? x->rank : x->rank - 1;
  char a[GLIA_TEXT_];
  bool fits = glia_dtype_is_float(x->dtype) && (axes == 1 || axes == 2) && points >= axes &&
              x->rank + from_real <= GLIA_MAX_RANK && (from_real || x->dim[points] == 2);

  for (int k = 0; fits && k < x->rank; k++) fits = x->dim[k] > 0;
  GLIA_CHECK(fits, GLIA_E_SHAPE, "fft over %d axes of %s: %s are needed", axes,
             glia_type_text(x, a, sizeof a),
             from_real ? "real points" : "complex points, [..., 2],");
  n->type = *x;
  if (from_real) {
    n->type.dim[points - 1] = x->dim[points - 1] / 2 + 1;
    n->type.dim[n->type.rank++] = 2;
  } else if (to_real) {
    GLIA_CHECK(n->attr.i[EXTENT] > 0 && n->attr.i[EXTENT] / 2 + 1 == x->dim[points - 1],
               GLIA_E_SHAPE, "fft of %s to %lld real points: [..., %lld, 2] is needed",
               glia_type_text(x, a, sizeof a), (long long)n->attr.i[EXTENT],
               (long long)(n->attr.i[EXTENT] / 2 + 1));
    n->type.dim[points - 1] = n->attr.i[EXTENT];
    n->type.rank--;
  }
  return GLIA_OK;
}

struct glia_fft_shape glia_fft_shape_of(const struct glia_attr *attr, const struct glia_type *x,
                                        const struct glia_type *y)
{
  const glia_fft_kind kind = (glia_fft_kind)attr->i[KIND];
  const struct glia_type *points = kind == GLIA_FFT_TO_REAL ? y : x;
  const int last = points->rank - (kind == GLIA_FFT_COMPLEX ? 2 : 1);
  struct glia_fft_shape s = {.kind = kind, .sign = (int)attr->i[SIGN], .batches = 1, .rows = 1};

  s.n = points->dim[last];
  if (attr->i[AXES] == 2) s.rows = points->dim[last - 1];
  for (int k = 0; k <= last - (int)attr->i[AXES]; k++) s.batches *= points->dim[k];
  s.half = kind == GLIA_FFT_COMPLEX ? s.n : s.n / 2 + 1;
  return s;
}

static glia_value transform(struct glia_graph *g, glia_value x, glia_fft_kind kind, int axes,
                            int sign, int64_t extent)
{
  const struct glia_attr attr = {.i = {kind, axes, sign, extent}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_fft_, 1, &x, &attr);
}

/* x [..., n/2 + 1, 2] times 1 where a place is its own mirror image, else times f. */
static glia_value weighted(struct glia_graph *g, glia_value x, int64_t n, double f)
{
  if (x == GLIA_NONE) return GLIA_NONE;
  struct glia_type t = *glia_type_of_(g, x);
  t.dtype = GLIA_I64;
  const glia_value k = glia_iota(g, t, t.rank - 2);
  const glia_value own =
      glia_or(g, glia_compare(g, GLIA_EQ, k, glia_constant(g, 0.0)),
              glia_compare(g, GLIA_EQ, glia_add(g, k, k), glia_constant(g, (double)n)));
  return glia_select(g, own, x, glia_mul(g, x, glia_constant(g, f)));
}

/* A real transform leaves one of two mirror images out: each stands for half, or for two. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const struct glia_type *x = glia_type_of_(g, y->in[0]);
  const int axes = (int)y->attr.i[AXES];
  const int64_t n = y->attr.i[KIND] == GLIA_FFT_FROM_REAL ? x->dim[x->rank - 1] : y->attr.i[EXTENT];

  switch ((glia_fft_kind)y->attr.i[KIND]) {
  case GLIA_FFT_COMPLEX:
    dx[0] = transform(g, dy, GLIA_FFT_COMPLEX, axes, -(int)y->attr.i[SIGN], 0);
    break;
  case GLIA_FFT_FROM_REAL:
    dx[0] = transform(g, weighted(g, dy, n, 0.5), GLIA_FFT_TO_REAL, axes, 1, n);
    break;
  case GLIA_FFT_TO_REAL:
    dx[0] = weighted(g, transform(g, dy, GLIA_FFT_FROM_REAL, axes, -1, 0), n, 2.0);
    break;
  }
}

/* Scratch of the reference: a plane of complex points, one line, and the powers of e^(2 pi i / n). */
static size_t scratch(const struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_fft_shape s = glia_fft_shape_of(&n->attr, glia_type_of_(g, n->in[0]), &n->type);
  const int64_t longest = s.rows > s.n ? s.rows : s.n;

  return (size_t)(2 * (s.rows * s.n + 2 * longest)) * sizeof(double);
}

/* z[k] = sum_j z[j] e^(sign 2 pi i j k / n) over n pairs that lie `stride` pairs apart. */
static void line(double *z, int64_t n, int64_t stride, int sign, double *copy, double *power)
{
  for (int64_t j = 0; j < n; j++) {
    const double angle = sign * 2.0 * 3.14159265358979323846 * (double)j / (double)n;
    power[2 * j] = cos(angle);
    power[2 * j + 1] = sin(angle);
    copy[2 * j] = z[2 * j * stride];
    copy[2 * j + 1] = z[2 * j * stride + 1];
  }
  for (int64_t k = 0; k < n; k++) {
    double re = 0.0, im = 0.0;
    for (int64_t j = 0; j < n; j++) {
      const double *p = &power[2 * (j * k % n)];
      re += copy[2 * j] * p[0] - copy[2 * j + 1] * p[1];
      im += copy[2 * j] * p[1] + copy[2 * j + 1] * p[0];
    }
    z[2 * k * stride] = re;
    z[2 * k * stride + 1] = im;
  }
}

static void plane(const struct glia_fft_shape *s, double *z, double *work)
{
  const int64_t longest = s->rows > s->n ? s->rows : s->n;

  for (int64_t j = 0; s->rows > 1 && j < s->n; j++)
    line(z + 2 * j, s->rows, s->n, s->sign, work, work + 2 * longest);
  for (int64_t r = 0; r < s->rows; r++)
    line(z + 2 * r * s->n, s->n, 1, s->sign, work, work + 2 * longest);
}

/* To real: the missing half is the mirror image of what the columns have become, so columns go first. */
static void to_real(const struct glia_fft_shape *s, double *z, double *work)
{
  const int64_t longest = s->rows > s->n ? s->rows : s->n;

  for (int64_t j = 0; s->rows > 1 && j < s->half; j++)
    line(z + 2 * j, s->rows, s->n, s->sign, work, work + 2 * longest);
  for (int64_t r = 0; r < s->rows; r++) {
    double *row = z + 2 * r * s->n;
    for (int64_t k = s->half; k < s->n; k++) {
      row[2 * k] = row[2 * (s->n - k)];
      row[2 * k + 1] = -row[2 * (s->n - k) + 1];
    }
    line(row, s->n, 1, s->sign, work, work + 2 * longest);
  }
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const struct glia_fft_shape s = glia_fft_shape_of(c->attr, c->in[0].type, c->out.type);        \
    const bool real_in = s.kind == GLIA_FFT_FROM_REAL, real_out = s.kind == GLIA_FFT_TO_REAL;      \
    const int64_t in = real_in ? s.n : s.half, out = real_out ? s.n : s.half;                      \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    double *z = c->scratch;                                                                        \
    for (int64_t b = 0; b < s.batches; b++) {                                                      \
      for (int64_t r = 0; r < s.rows; r++)                                                         \
        for (int64_t j = 0; j < in; j++) {                                                         \
          z[2 * (r * s.n + j)] = (double)*x++;                                                     \
          z[2 * (r * s.n + j) + 1] = real_in ? 0.0 : (double)*x++;                                 \
        }                                                                                          \
      (real_out ? to_real : plane)(&s, z, z + 2 * s.rows * s.n);                                   \
      for (int64_t r = 0; r < s.rows; r++)                                                         \
        for (int64_t j = 0; j < out; j++) {                                                        \
          *y++ = (T)z[2 * (r * s.n + j)];                                                          \
          if (!real_out) *y++ = (T)z[2 * (r * s.n + j) + 1];                                       \
        }                                                                                          \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  const int axes = 1 + k % 2;
  const int64_t points[][3] = {{2, 3, 6}, {2, 3, 6}, {2, 3, 5}, {2, 4, 5},
                               {2, 3, 6}, {2, 3, 5}, {2, 3, 4}, {2, 4, 5}};
  const int64_t *n = points[k < 8 ? k : 0];

  if (k > 7) return GLIA_NONE;
  if (k < 4) {
    const glia_value x = glia_sample_real(s, 4, (int64_t[]){n[0], n[1], n[2], 2}, -1.0, 1.0);
    return transform(s->g, x, GLIA_FFT_COMPLEX, axes, k < 2 ? -1 : 1, 0);
  }
  if (k < 6)
    return transform(s->g, glia_sample_real(s, 3, n, -1.0, 1.0), GLIA_FFT_FROM_REAL, axes, -1, 0);
  const int64_t halved[] = {n[0], n[1], n[2] / 2 + 1, 2};
  return transform(s->g, glia_sample_real(s, 4, halved, -1.0, 1.0), GLIA_FFT_TO_REAL, axes, 1,
                   n[2]);
}

const struct glia_op glia_op_fft_ = {
    .name = "fft",
    .source = "frigo2005",
    .n_in = 1,
    .linear = true,
    .infer = infer,
    .vjp = vjp,
    .vmap = glia_vmap_leading_,
    .reference = GLIA_FLOATS(reference),
    .scratch = scratch,
    .sample = sample,
};

/* Divided by the number of points of the transformed axes. */
static glia_value scaled(struct glia_graph *g, glia_value y, int axes, bool pairs)
{
  if (y == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, y);
  int64_t n = 1;
  for (int k = 0; k < axes; k++) n *= t->dim[t->rank - 1 - pairs - k];
  return glia_div(g, y, glia_constant(g, (double)n));
}

glia_value glia_fft(struct glia_graph *g, glia_value x, int axes)
{
  return transform(g, x, GLIA_FFT_COMPLEX, axes, -1, 0);
}

glia_value glia_ifft(struct glia_graph *g, glia_value x, int axes)
{
  return scaled(g, transform(g, x, GLIA_FFT_COMPLEX, axes, 1, 0), axes, true);
}

glia_value glia_rfft(struct glia_graph *g, glia_value x, int axes)
{
  return transform(g, x, GLIA_FFT_FROM_REAL, axes, -1, 0);
}

glia_value glia_irfft(struct glia_graph *g, glia_value x, int axes, int64_t n)
{
  return scaled(g, transform(g, x, GLIA_FFT_TO_REAL, axes, 1, n), axes, false);
}
