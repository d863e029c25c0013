/* series: a function of truncated series, y = f(z + bias). With y' = f' z' and f' by y itself (tanh) or beside it (sin and cos), each
 * coefficient is a sum over lower ones.  Source: griewank2000. */
#include "dense_priv.h"
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
  const glia_value values = glia_some_rows_(g, dx[0], 0, y->type.dim[axis] / s.n);
  dx[1] = glia_reduce_sum(g, values, 1, &axis, false);
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

/* Values alone; restrict ends with them: series_sum_ reads y and slope again by other ways. */
GLIA_INLINE void tanh_values(const double *restrict z, const double *restrict bias,
                             double *restrict y, double *restrict slope)
{
  for (int l = 0; l < SERIES_LANES; l++) y[l] = z[l] + bias[l];
  glia_tanh_lanes_f64_(y, y);
  for (int l = 0; l < SERIES_LANES; l++) slope[l] = 1.0 - y[l] * y[l];
}

/* Coefficients of a variable and of its square: y_i = s z_i, y_ii = s z_ii - y y_i z_i with s = 1 - y^2. */
GLIA_INLINE void tanh_square(const double *restrict slope, const double *restrict y,
                             const double *restrict z_i, const double *restrict z_ii,
                             double *restrict y_i, double *restrict y_ii)
{
  for (int l = 0; l < SERIES_LANES; l++) {
    const double first = slope[l] * z_i[l];
    y_ii[l] = slope[l] * z_ii[l] - y[l] * first * z_i[l];
    y_i[l] = first;
  }
}

/* Of two variables: y_ij = s z_ij - 2 y y_j z_i. */
GLIA_INLINE void tanh_mixed(const double *restrict slope, const double *restrict y,
                            const double *restrict y_j, const double *restrict z_i,
                            const double *restrict z_ij, double *restrict y_ij)
{
  for (int l = 0; l < SERIES_LANES; l++)
    y_ij[l] = slope[l] * z_ij[l] - 2.0 * y[l] * y_j[l] * z_i[l];
}

GLIA_INLINE void scaled(const double *restrict slope, const double *restrict z, double *restrict y)
{
  for (int l = 0; l < SERIES_LANES; l++) y[l] = slope[l] * z[l];
}

/* What follows from the values, to order 2: by formulas, which read less than the lists of terms. */
GLIA_INLINE void tanh_second(const struct glia_series_table_ *t,
                             const struct glia_series_stretch_ *s)
{
  const double *z = s->in[0];
  const int64_t far = s->stride;

  for (int i = 1; i <= t->firsts; i++) {
    const int ii = t->square[i];
    if (ii == 0)
      scaled(s->slope, z + i * far, s->out + i * far);
    else
      tanh_square(s->slope, s->out, z + i * far, z + ii * far, s->out + i * far, s->out + ii * far);
  }
  for (int k = t->firsts + 1; k < t->n; k++) {
    const int i = t->pair[k][0], j = t->pair[k][1];
    if (i != j)
      tanh_mixed(s->slope, s->out, s->out + j * far, z + i * far, z + k * far, s->out + k * far);
  }
}

/* To any order: y_k by the slope 1 - y^2 of lower orders. */
GLIA_INLINE void tanh_higher(const struct glia_series_table_ *t,
                             const struct glia_series_stretch_ *s)
{
  const struct glia_series_term_ *term = t->slope.term, *square = t->twice.term;

  for (int k = 1; k < t->n; k++) {
    glia_series_sum_(term + t->slope.first[k], term + t->slope.first[k + 1], 1.0, 0.0, s->in[0],
                     s->stride, s->slope, SERIES_LANES, s->out + k * s->stride);
    if (k < t->lower)
      glia_series_sum_(square + t->twice.first[k], square + t->twice.first[k + 1], -1.0, 0.0,
                       s->out, s->stride, s->out, s->stride, s->slope + k * SERIES_LANES);
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
GLIA_INLINE void wave_of(const struct glia_series_table_ *t, const struct glia_series_stretch_ *s,
                         double turned)
{
  const struct glia_series_term_ *term = t->slope.term;
  const double *z = s->in[0];

  wave_values(z, s->bias, turned > 0.0 ? s->out : s->slope, turned > 0.0 ? s->slope : s->out);
  for (int k = 1; k < t->n; k++) {
    const struct glia_series_term_ *first = term + t->slope.first[k],
                                   *end = term + t->slope.first[k + 1];
    glia_series_sum_(first, end, turned, 0.0, z, s->stride, s->slope, SERIES_LANES,
                     s->out + k * s->stride);
    if (k < t->lower)
      glia_series_sum_(first, end, -turned, 0.0, z, s->stride, s->out, s->stride,
                       s->slope + k * SERIES_LANES);
  }
}

GLIA_INLINE void stretch(const struct glia_series_table_ *t, int f,
                         const struct glia_series_stretch_ *s)
{
  if (f != GLIA_SERIES_TANH) {
    wave_of(t, s, f == GLIA_SERIES_SIN ? 1.0 : -1.0);
    return;
  }
  tanh_values(s->in[0], s->bias, s->out, s->slope);
  if (t->firsts >= 0)
    tanh_second(t, s);
  else
    tanh_higher(t, s);
}

#define BIASED true
#define LISTS                                                                                      \
  (what == GLIA_SERIES_TANH ? SERIES_SECOND | SERIES_SLOPE | SERIES_TWICE : SERIES_SLOPE)
SERIES_KERNEL(float, f32, false)
SERIES_KERNEL(double, f64, true)

/* All functions, order 4, values alone, orders 1 and 2; two batches of a stretch and what is left over. */
static glia_value sample(struct glia_sample *s, int k)
{
  static const struct {
    glia_series_function f;
    struct glia_series set;
  } of[] = {{GLIA_SERIES_TANH, {6, {0, 1, 2, 0x11, 0x12, 0x112}}},
            {GLIA_SERIES_SIN, {6, {0, 1, 2, 0x11, 0x12, 0x112}}},
            {GLIA_SERIES_COS, {6, {0, 1, 2, 0x11, 0x12, 0x112}}},
            {GLIA_SERIES_TANH, {5, {0, 1, 0x11, 0x111, 0x1111}}},
            {GLIA_SERIES_SIN, {1, {0}}},
            {GLIA_SERIES_TANH, {2, {0, 1}}},
            {GLIA_SERIES_TANH, {5, {0, 1, 2, 0x12, 0x22}}}};

  if ((size_t)k >= GLIA_COUNT(of)) return GLIA_NONE;
  const struct glia_series *q = &of[k].set;
  const int64_t dim[] = {2, (k == 5 ? 10 : 3) * q->n, k == 5 ? 7 : 4}, bias[] = {2, dim[2]};
  const int rank = k == 5 ? 3 : 2;
  const glia_value z = glia_sample_real(s, rank, &dim[3 - rank], -1.0, 1.0);
  return glia_series_apply(s->g, q, of[k].f, z,
                           glia_sample_real(s, rank - 1, &bias[3 - rank], -1.0, 1.0));
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
