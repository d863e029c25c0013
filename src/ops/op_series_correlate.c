/* series_correlate: the adjoint of a product of truncated series, c_i = sum over k of a_(k - i) y_k; and of tanh by its result, where a is
 * 1 - y^2 and never stands in memory. */
#include "series_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  GLIA_TRY(glia_infer_float_(g, n));
  return glia_series_infer_(g, n);
}

static bool of_tanh(const struct glia_node *c) { return c->attr.i[SERIES_WHAT] != 0; }

static glia_value minus_twice(struct glia_graph *g, glia_value x)
{
  return x == GLIA_NONE ? x : glia_mul(g, glia_constant(g, -2.0), x);
}

static void vjp(struct glia_graph *g, const struct glia_node *c, glia_value dc, glia_value *dx)
{
  struct glia_series s;
  const glia_value a = c->in[0], y = c->in[1];

  glia_series_of_(&c->attr, &s);
  dx[0] = glia_series_correlate(g, &s, dc, y);
  if (of_tanh(c)) dx[0] = minus_twice(g, glia_series_correlate(g, &s, a, dx[0]));
  dx[1] = glia_series_times(g, &s, of_tanh(c) ? glia_series_tanh_slope_(g, &s, a) : a, dc);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *c, const glia_value *t)
{
  struct glia_series s;
  const glia_value a = c->in[0], y = c->in[1];

  glia_series_of_(&c->attr, &s);
  const glia_value ta = of_tanh(c) ? minus_twice(g, glia_series_times(g, &s, a, t[0])) : t[0];
  const glia_value first = glia_series_correlate(g, &s, ta, y);
  const glia_value second = of_tanh(c) ? glia_series_tanh_adjoint_(g, &s, a, t[1])
                                       : glia_series_correlate(g, &s, a, t[1]);
  return first == GLIA_NONE ? second : second == GLIA_NONE ? first : glia_add(g, first, second);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *c, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const glia_value x[2] = {glia_batched_(g, in[0], batched[0], size),
                           glia_batched_(g, in[1], batched[1], size)};

  return glia_node_add(g, c->op, 2, x, &c->attr);
}

/* To any order, by lists of terms. */
GLIA_INLINE void correlate(const struct glia_series_table_ *t, bool tanh_too,
                           const struct glia_series_stretch_ *s)
{
  const struct glia_series_term_ *term = t->into.term, *square = t->twice.term;
  const double *a = tanh_too ? s->slope : s->in[0];
  const int64_t stride = tanh_too ? SERIES_LANES : s->stride;

  for (int k = 0; k < t->n && tanh_too; k++)
    glia_series_sum_(square + t->twice.first[k], square + t->twice.first[k + 1], -1.0,
                     k == 0 ? -1.0 : 0.0, s->in[0], s->stride, s->in[0], s->stride,
                     s->slope + k * SERIES_LANES);
  for (int b = 0; b < t->n; b++)
    glia_series_sum_(term + t->into.first[b], term + t->into.first[b + 1], 1.0, 0.0, s->in[1],
                     s->stride, a, stride, s->out + b * s->stride);
}

/* Of tanh to order 2: y its series, d the cotangent's, s = 1 - y^2. What each coefficient gives to c, the values' share first. */
GLIA_INLINE void tanh_values(const double *restrict y, const double *restrict d,
                             double *restrict slope, double *restrict c)
{
  for (int l = 0; l < SERIES_LANES; l++) {
    slope[l] = 1.0 - y[l] * y[l];
    c[l] = slope[l] * d[l];
  }
}

/* c -= 2 y y_i d_i, c_i = s d_i */
GLIA_INLINE void tanh_first(const double *restrict slope, const double *restrict y,
                            const double *restrict y_i, const double *restrict d_i,
                            double *restrict c, double *restrict c_i)
{
  for (int l = 0; l < SERIES_LANES; l++) {
    c[l] -= 2.0 * y[l] * (y_i[l] * d_i[l]);
    c_i[l] = slope[l] * d_i[l];
  }
}

/* The same with what comes of the square: c -= (2 y y_ii + y_i^2) d_ii, c_i -= 2 y y_i d_ii, c_ii = s d_ii */
GLIA_INLINE void tanh_square(const double *restrict slope, const double *restrict y,
                             const double *restrict y_i, const double *restrict y_ii,
                             const double *restrict d_i, const double *restrict d_ii,
                             double *restrict c, double *restrict c_i, double *restrict c_ii)
{
  for (int l = 0; l < SERIES_LANES; l++) {
    const double twice = 2.0 * y[l];
    c[l] = c[l] - twice * (y_i[l] * d_i[l] + y_ii[l] * d_ii[l]) - y_i[l] * y_i[l] * d_ii[l];
    c_i[l] = slope[l] * d_i[l] - twice * y_i[l] * d_ii[l];
    c_ii[l] = slope[l] * d_ii[l];
  }
}

/* Of two variables: c -= 2 (y y_ij + y_i y_j) d_ij, c_i -= 2 y y_j d_ij, c_j -= 2 y y_i d_ij, c_ij = s d_ij */
GLIA_INLINE void tanh_mixed(const double *restrict slope, const double *restrict y,
                            const double *restrict y_i, const double *restrict y_j,
                            const double *restrict y_ij, const double *restrict d_ij,
                            double *restrict c, double *restrict c_i, double *restrict c_j,
                            double *restrict c_ij)
{
  for (int l = 0; l < SERIES_LANES; l++) {
    const double twice = 2.0 * d_ij[l];
    c[l] -= twice * (y[l] * y_ij[l] + y_i[l] * y_j[l]);
    c_i[l] -= twice * y[l] * y_j[l];
    c_j[l] -= twice * y[l] * y_i[l];
    c_ij[l] = slope[l] * d_ij[l];
  }
}

GLIA_INLINE void tanh_second(const struct glia_series_table_ *t,
                             const struct glia_series_stretch_ *s)
{
  const double *y = s->in[0], *d = s->in[1], *slope = s->slope;
  const int64_t far = s->stride;
  double *c = s->out;

  tanh_values(y, d, s->slope, c);
  for (int i = 1; i <= t->firsts; i++) {
    const int64_t a = i * far, aa = t->square[i] * far;
    if (aa == 0)
      tanh_first(slope, y, y + a, d + a, c, c + a);
    else
      tanh_square(slope, y, y + a, y + aa, d + a, d + aa, c, c + a, c + aa);
  }
  for (int k = t->firsts + 1; k < t->n; k++) {
    const int64_t a = t->pair[k][0] * far, b = t->pair[k][1] * far, ab = k * far;
    if (a != b) tanh_mixed(slope, y, y + a, y + b, y + ab, d + ab, c, c + a, c + b, c + ab);
  }
}

GLIA_INLINE void stretch(const struct glia_series_table_ *t, int tanh_too,
                         const struct glia_series_stretch_ *s)
{
  if (tanh_too != 0 && t->firsts >= 0)
    tanh_second(t, s);
  else
    correlate(t, tanh_too != 0, s);
}

#define BIASED false
#define LISTS  (what != 0 ? SERIES_SECOND | SERIES_INTO | SERIES_TWICE : SERIES_INTO)
SERIES_KERNEL(float, f32, false)
SERIES_KERNEL(double, f64, true)

/* Plain and of tanh, this of orders 1 to 3; two batches of a stretch and what is left over. */
static glia_value sample(struct glia_sample *s, int k)
{
  static const struct glia_series set[] = {{6, {0, 1, 2, 0x11, 0x12, 0x112}},
                                           {2, {0, 1}},
                                           {6, {0, 1, 2, 0x11, 0x12, 0x112}},
                                           {2, {0, 1}},
                                           {5, {0, 1, 2, 0x12, 0x22}}};

  if ((size_t)k >= GLIA_COUNT(set)) return GLIA_NONE;
  const int rank = k % 2 == 0 ? 2 : 3;
  const int64_t dim[] = {2, (k % 2 == 0 ? 3 : 10) * set[k].n, k % 2 == 0 ? 4 : 7};
  const glia_value a = glia_sample_real(s, rank, &dim[3 - rank], -0.9, 0.9);
  const glia_value y = glia_sample_real(s, rank, &dim[3 - rank], -1.0, 1.0);
  return (k < 2 ? glia_series_correlate : glia_series_tanh_adjoint_)(s->g, &set[k], a, y);
}

const struct glia_op glia_op_series_correlate_ = {
    .name = "series_correlate",
    SERIES_OP,
    .flops_per_element = 8.0,
};

glia_value glia_series_correlate(struct glia_graph *g, const struct glia_series *s, glia_value a,
                                 glia_value y)
{
  return glia_series_node_(g, &glia_op_series_correlate_, s, false, a, y);
}

glia_value glia_series_tanh_adjoint_(struct glia_graph *g, const struct glia_series *s,
                                     glia_value y, glia_value dy)
{
  return glia_series_node_(g, &glia_op_series_correlate_, s, true, y, dy);
}
