/* series: a function of truncated series, y = f(z + bias). With y' = f' z' and f' by y itself (tanh) or beside it (sin and cos), each
 * coefficient is a sum over lower ones.  Source: griewank2000. */
#include "series_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  GLIA_TRY(glia_series_infer_(g, n));
  const struct glia_type *b = glia_type_of_(g, n->in[1]);
  char x[GLIA_TEXT_], y[GLIA_TEXT_];
  bool fits = b->dtype == n->type.dtype && b->rank == n->type.rank - 1;

  for (int k = 0; fits && k < b->rank; k++)
    fits = b->dim[k] == n->type.dim[k < b->rank - 1 ? k : k + 1];
  GLIA_CHECK(fits, GLIA_E_SHAPE, "series of %s with a bias %s",
             glia_type_text(&n->type, x, sizeof x), glia_type_text(b, y, sizeof y));
  return GLIA_OK;
}

static glia_series_function function_of(const struct glia_node *y)
{
  return (glia_series_function)y->attr.i[SERIES_WHAT];
}

/* f'(z + bias) of sin and cos, but for the sign of the latter. */
static glia_value other(struct glia_graph *g, const struct glia_series *s,
                        const struct glia_node *y)
{
  return glia_series_apply(g, s,
                           function_of(y) == GLIA_SERIES_SIN ? GLIA_SERIES_COS : GLIA_SERIES_SIN,
                           y->in[0], y->in[1]);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  struct glia_series s;

  glia_series_of_(&y->attr, &s);
  if (function_of(y) == GLIA_SERIES_TANH)
    dx[0] = glia_series_tanh_adjoint_(g, &s, y->id, dy);
  else
    dx[0] = glia_series_correlate(g, &s, other(g, &s, y), dy);
  if (function_of(y) == GLIA_SERIES_COS) dx[0] = glia_neg(g, dx[0]);
  const int axis = y->type.rank - 2;
  dx[1] = glia_reduce_sum(g, glia_series_first_(g, &s, dx[0]), 1, &axis, false);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  struct glia_series s;
  glia_value along = t[0];

  glia_series_of_(&y->attr, &s);
  if (t[1] != GLIA_NONE) {
    struct glia_type one = y->type; /* values */
    int64_t dim[GLIA_MAX_RANK];     /* of a row */
    one.dim[one.rank - 2] /= s.n;
    for (int k = 0; k < one.rank; k++) dim[k] = k == one.rank - 2 ? 1 : one.dim[k];
    const glia_value row = glia_reshape(g, t[1], one.rank, dim);
    const glia_value all = glia_series_embed_(g, &s, glia_broadcast_to(g, row, one.rank, one.dim));
    along = along == GLIA_NONE ? all : glia_add(g, along, all);
  }
  if (function_of(y) == GLIA_SERIES_TANH)
    return glia_series_times(g, &s, glia_series_tanh_slope_(g, &s, y->id), along);
  const glia_value d = glia_series_times(g, &s, other(g, &s, y), along);
  return function_of(y) == GLIA_SERIES_COS ? glia_neg(g, d) : d;
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  struct glia_series s;

  glia_series_of_(&y->attr, &s);
  return glia_series_apply(g, &s, function_of(y), glia_batched_(g, in[0], batched[0], size),
                           glia_batched_(g, in[1], batched[1], size));
}

/* A stretch of series: z with its bias [SERIES_LANES] and y, strides apart; slope is room. */
struct stretch {
  const double *z, *bias;
  double *y, *slope;
  int64_t z_stride, y_stride;
};

/* Values alone; restrict ends with them: series_sum_ reads y and slope again by other ways. */
GLIA_INLINE void tanh_values(const double *restrict z, const double *restrict bias,
                             double *restrict y, double *restrict slope)
{
  for (int l = 0; l < SERIES_LANES; l++) y[l] = glia_tanh_f64_(z[l] + bias[l]);
  for (int l = 0; l < SERIES_LANES; l++) slope[l] = 1.0 - y[l] * y[l];
}

/* y = tanh z: y_k by the slope 1 - y^2 of lower orders. */
GLIA_INLINE void tanh_of(const struct glia_series_table_ *t, const struct stretch *s)
{
  const struct glia_series_term_ *term = t->slope.term, *square = t->twice.term;

  tanh_values(s->z, s->bias, s->y, s->slope);
  for (int k = 1; k < t->n; k++) {
    glia_series_sum_(term + t->slope.first[k], term + t->slope.first[k + 1], 1.0, 0.0, s->z,
                     s->z_stride, s->slope, SERIES_LANES, s->y + k * s->y_stride);
    if (k < t->lower)
      glia_series_sum_(square + t->twice.first[k], square + t->twice.first[k + 1], -1.0, 0.0, s->y,
                       s->y_stride, s->y, s->y_stride, s->slope + k * SERIES_LANES);
  }
}

GLIA_INLINE bool is_far(double x) { return !(fabs(x) <= GLIA_WAVE_MOST_); }

/* Values alone, as for tanh. What is too far for the polynomials (or no number) goes to the C library by itself: an element's bits do not depend
 * on its neighbours. */
GLIA_INLINE void wave_values(const double *restrict z, const double *restrict bias,
                             double *restrict sine, double *restrict cosine)
{
  bool far = false;

  for (int l = 0; l < SERIES_LANES; l++) glia_sin_cos_f64_(z[l] + bias[l], &sine[l], &cosine[l]);
  for (int l = 0; l < SERIES_LANES; l++) far |= is_far(z[l] + bias[l]);
  for (int l = 0; far && l < SERIES_LANES; l++) {
    const double x = z[l] + bias[l];
    if (!is_far(x)) continue;
    sine[l] = sin(x);
    cosine[l] = cos(x);
  }
}

/* y = sin z and slope = cos z (turned = 1), or y = cos z and slope = sin z (-1): y' = turned slope z', slope' = -turned y z'. */
GLIA_INLINE void wave_of(const struct glia_series_table_ *t, const struct stretch *s, double turned)
{
  const struct glia_series_term_ *term = t->slope.term;

  wave_values(s->z, s->bias, turned > 0.0 ? s->y : s->slope, turned > 0.0 ? s->slope : s->y);
  for (int k = 1; k < t->n; k++) {
    const struct glia_series_term_ *first = term + t->slope.first[k],
                                   *end = term + t->slope.first[k + 1];
    glia_series_sum_(first, end, turned, 0.0, s->z, s->z_stride, s->slope, SERIES_LANES,
                     s->y + k * s->y_stride);
    if (k < t->lower)
      glia_series_sum_(first, end, -turned, 0.0, s->z, s->z_stride, s->y, s->y_stride,
                       s->slope + k * SERIES_LANES);
  }
}

GLIA_INLINE void function_of_stretch(int f, const struct glia_series_table_ *t,
                                     const struct stretch *s)
{
  if (f == GLIA_SERIES_TANH)
    tanh_of(t, s);
  else
    wave_of(t, s, f == GLIA_SERIES_SIN ? 1.0 : -1.0);
}

/* Element i has the bias of column i mod width: so they stand in a row, as often as a stretch needs. What is no whole stretch of float64 goes
 * by way of copies. */
#define KERNEL(T, suffix, DIRECT)                                                                  \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const struct glia_series_shape_ shape = glia_series_shape_(c);                                 \
    const int64_t m = shape.part, width = shape.width;                                             \
    const int f = (int)c->attr->i[SERIES_WHAT];                                                    \
    struct glia_series_table_ *t = c->scratch;                                                     \
    const T *x = c->in[0].data, *bias = c->in[1].data;                                             \
    T *out = c->out.data;                                                                          \
    if (m == 0) return;                                                                            \
    glia_series_tabulate_(c->attr, SERIES_SLOPE | SERIES_TWICE, t);                                \
    double *z = (double *)(t + 1), *y = z + t->n * SERIES_LANES;                                   \
    double *slope = y + t->n * SERIES_LANES, *row = slope + t->n * SERIES_LANES;                   \
    for (int64_t b = 0; b < shape.batches; b++, x += t->n * m, out += t->n * m, bias += width) {   \
      for (int64_t i = 0; i < width + SERIES_LANES; i++) row[i] = (double)bias[i % width];         \
      for (int64_t i = 0; i < m; i += SERIES_LANES) {                                              \
        const int64_t n = m - i < SERIES_LANES ? m - i : SERIES_LANES;                             \
        if (DIRECT && n == SERIES_LANES) {                                                         \
          const struct stretch s = {                                                               \
              (const void *)(x + i), row + i % width, (void *)(out + i), slope, m, m};             \
          function_of_stretch(f, t, &s);                                                           \
          continue;                                                                                \
        }                                                                                          \
        for (int a = 0; a < t->n; a++)                                                             \
          for (int64_t l = 0; l < SERIES_LANES; l++)                                               \
            z[a * SERIES_LANES + l] = l < n ? (double)x[a * m + i + l] : 0.0;                      \
        const struct stretch s = {z, row + i % width, y, slope, SERIES_LANES, SERIES_LANES};       \
        function_of_stretch(f, t, &s);                                                             \
        for (int a = 0; a < t->n; a++)                                                             \
          for (int64_t l = 0; l < n; l++) out[a * m + i + l] = (T)y[a * SERIES_LANES + l];         \
      }                                                                                            \
    }                                                                                              \
  }
KERNEL(float, f32, false)
KERNEL(double, f64, true)

static size_t scratch(const struct glia_graph *g, const struct glia_node *n)
{
  (void)g;
  return sizeof(struct glia_series_table_) +
         (size_t)((3 * n->attr.i[SERIES_N] + 1) * SERIES_LANES + n->type.dim[n->type.rank - 1]) *
             sizeof(double);
}

/* All functions, order 4, values alone; two batches of a stretch and what is left over. */
static glia_value sample(struct glia_sample *s, int k)
{
  static const struct glia_series set[] = {
      {6, {0, 1, 2, 0x11, 0x12, 0x112}}, {5, {0, 1, 0x11, 0x111, 0x1111}}, {1, {0}}, {2, {0, 1}}};
  const struct glia_series *q = &set[k < 3 || k > 5 ? 0 : k - 2];
  const int64_t dim[] = {2, (k == 5 ? 10 : 3) * q->n, k == 5 ? 7 : 4}, bias[] = {2, dim[2]};
  const int rank = k == 5 ? 3 : 2;

  if (k > 5) return GLIA_NONE;
  const glia_value z = glia_sample_real(s, rank, &dim[3 - rank], -1.0, 1.0);
  return glia_series_apply(s->g, q,
                           (glia_series_function)(k < 3    ? k
                                                  : k == 4 ? 1
                                                           : 0),
                           z, glia_sample_real(s, rank - 1, &bias[3 - rank], -1.0, 1.0));
}

const struct glia_op glia_op_series_ = {
    .name = "series",
    SERIES_OP,
    .flops_per_element = 20.0,
};

glia_value glia_series_apply(struct glia_graph *g, const struct glia_series *s,
                             glia_series_function f, glia_value z, glia_value bias)
{
  if (z == GLIA_NONE) return GLIA_NONE;
  if (f != GLIA_SERIES_TANH && f != GLIA_SERIES_SIN && f != GLIA_SERIES_COS)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "series of function %d", (int)f);
  if (bias == GLIA_NONE) {
    struct glia_type t = *glia_type_of_(g, z);
    if (t.rank < 2)
      return glia_graph_fail(g, GLIA_E_SHAPE, "series of %d axes, expected 2", t.rank);
    t.dim[t.rank - 2] = t.dim[t.rank - 1];
    t.rank--;
    bias = glia_full(g, t, 0.0);
  }
  return glia_series_node_(g, &glia_op_series_, s, (int)f, z, bias);
}
