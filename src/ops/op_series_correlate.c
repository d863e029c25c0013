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

/* A stretch of series, strides apart; slope is room. */
struct stretch {
  const double *a, *y;
  double *c, *slope;
  int64_t in, out; /* strides */
};

GLIA_INLINE void correlate(const struct glia_series_table_ *t, bool tanh_too,
                           const struct stretch *s)
{
  const struct glia_series_term_ *term = t->into.term, *square = t->twice.term;
  const double *a = tanh_too ? s->slope : s->a;
  const int64_t stride = tanh_too ? SERIES_LANES : s->in;

  for (int k = 0; k < t->n && tanh_too; k++)
    glia_series_sum_(square + t->twice.first[k], square + t->twice.first[k + 1], -1.0,
                     k == 0 ? -1.0 : 0.0, s->a, s->in, s->a, s->in, s->slope + k * SERIES_LANES);
  for (int b = 0; b < t->n; b++)
    glia_series_sum_(term + t->into.first[b], term + t->into.first[b + 1], 1.0, 0.0, s->y, s->in, a,
                     stride, s->c + b * s->out);
}

/* What is no whole stretch of float64 goes by way of copies. */
#define KERNEL(T, suffix, DIRECT)                                                                  \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *call)                         \
  {                                                                                                \
    const int64_t m = glia_series_shape_(call).part, batches = glia_series_shape_(call).batches;   \
    const bool tanh_too = call->attr->i[SERIES_WHAT] != 0;                                         \
    struct glia_series_table_ *t = call->scratch;                                                  \
    const T *in = call->in[0].data, *in_y = call->in[1].data;                                      \
    T *out = call->out.data;                                                                       \
    double *a = (double *)(t + 1);                                                                 \
    glia_series_tabulate_(call->attr, SERIES_INTO | SERIES_TWICE, t);                              \
    double *y = a + t->n * SERIES_LANES, *c = y + t->n * SERIES_LANES,                             \
           *slope = c + t->n * SERIES_LANES;                                                       \
    const struct stretch copied = {a, y, c, slope, SERIES_LANES, SERIES_LANES};                    \
    for (int64_t b = 0; b < batches; b++, in += t->n * m, in_y += t->n * m, out += t->n * m)       \
      for (int64_t i = 0; i < m; i += SERIES_LANES) {                                              \
        const int64_t n = m - i < SERIES_LANES ? m - i : SERIES_LANES;                             \
        if (DIRECT && n == SERIES_LANES) {                                                         \
          const struct stretch s = {                                                               \
              (const void *)(in + i), (const void *)(in_y + i), (void *)(out + i), slope, m, m};   \
          correlate(t, tanh_too, &s);                                                              \
          continue;                                                                                \
        }                                                                                          \
        for (int k = 0; k < t->n; k++)                                                             \
          for (int64_t l = 0; l < SERIES_LANES; l++) {                                             \
            a[k * SERIES_LANES + l] = l < n ? (double)in[k * m + i + l] : 0.0;                     \
            y[k * SERIES_LANES + l] = l < n ? (double)in_y[k * m + i + l] : 0.0;                   \
          }                                                                                        \
        correlate(t, tanh_too, &copied);                                                           \
        for (int k = 0; k < t->n; k++)                                                             \
          for (int64_t l = 0; l < n; l++) out[k * m + i + l] = (T)c[k * SERIES_LANES + l];         \
      }                                                                                            \
  }
KERNEL(float, f32, false)
KERNEL(double, f64, true)

static size_t scratch(const struct glia_graph *g, const struct glia_node *n)
{
  (void)g;
  return sizeof(struct glia_series_table_) +
         4 * (size_t)n->attr.i[SERIES_N] * SERIES_LANES * sizeof(double);
}

/* Plain and of tanh; two batches of a stretch and what is left over. */
static glia_value sample(struct glia_sample *s, int k)
{
  static const struct glia_series set[] = {{6, {0, 1, 2, 0x11, 0x12, 0x112}}, {2, {0, 1}}};
  const int rank = k % 2 == 0 ? 2 : 3;
  const int64_t dim[] = {2, k % 2 == 0 ? 18 : 20, k % 2 == 0 ? 4 : 7};

  if (k > 3) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, rank, &dim[3 - rank], -0.9, 0.9);
  const glia_value y = glia_sample_real(s, rank, &dim[3 - rank], -1.0, 1.0);
  return (k < 2 ? glia_series_correlate : glia_series_tanh_adjoint_)(s->g, &set[k % 2], a, y);
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
