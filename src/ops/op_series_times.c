/* series_times: products of truncated series, c_k = sum over i + j = k of a_i b_j. */
#include "series_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  GLIA_TRY(glia_infer_float_(g, n));
  return glia_series_infer_(g, n);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  struct glia_series s;

  glia_series_of_(&y->attr, &s);
  dx[0] = glia_series_correlate(g, &s, y->in[1], dy);
  dx[1] = glia_series_correlate(g, &s, y->in[0], dy);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  struct glia_series s;

  glia_series_of_(&y->attr, &s);
  const glia_value a = glia_series_times(g, &s, t[0], y->in[1]),
                   b = glia_series_times(g, &s, y->in[0], t[1]);
  return a == GLIA_NONE ? b : b == GLIA_NONE ? a : glia_add(g, a, b);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  struct glia_series s;

  glia_series_of_(&y->attr, &s);
  return glia_series_times(g, &s, glia_batched_(g, in[0], batched[0], size),
                           glia_batched_(g, in[1], batched[1], size));
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const struct glia_series_shape_ shape = glia_series_shape_(c);                                 \
    struct glia_series_table_ *t = c->scratch;                                                     \
    const int64_t m = shape.part;                                                                  \
    const T *a = c->in[0].data, *b = c->in[1].data;                                                \
    T *y = c->out.data;                                                                            \
    glia_series_tabulate_(c->attr, SERIES_ALL, t);                                                 \
    for (int64_t s = 0; s < shape.batches; s++, a += t->n * m, b += t->n * m, y += t->n * m)       \
      for (int k = 0; k < t->n; k++)                                                               \
        for (int64_t i = 0; i < m; i++) {                                                          \
          double sum = 0.0;                                                                        \
          for (int q = t->all.first[k]; q < t->all.first[k + 1]; q++)                              \
            sum += (double)a[t->all.term[q].b * m + i] * (double)b[t->all.term[q].c * m + i];      \
          y[k * m + i] = (T)sum;                                                                   \
        }                                                                                          \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  static const struct glia_series set = {6, {0, 1, 2, 0x11, 0x12, 0x112}};
  const int rank = k == 0 ? 2 : 3;
  const int64_t dim[] = {2, 12, 3};

  if (k > 1) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, rank, &dim[3 - rank], -1.0, 1.0);
  return glia_series_times(s->g, &set, a, glia_sample_real(s, rank, &dim[3 - rank], -1.0, 1.0));
}

const struct glia_op glia_op_series_times_ = {
    .name = "series_times",
    SERIES_OP,
    .flops_per_element = 6.0,
};

glia_value glia_series_times(struct glia_graph *g, const struct glia_series *s, glia_value a,
                             glia_value b)
{
  return glia_series_node_(g, &glia_op_series_times_, s, 0, a, b);
}
