/* window_argmax: where the largest of each window lies, as an index (i32) into the plane of the last axes; the first among
 * ties, the first NaN where there is one, -1 where a window meets no row. No derivative: max pooling gathers by it. */
#include "conv_priv.h"

/* attr.i[GLIA_CONV_MODE_]: axes of the window */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  const int rank = (int)n->attr.i[GLIA_CONV_MODE_], lead = x->rank - rank;
  char a[GLIA_TEXT_];
  int64_t plane = 1;

  GLIA_CHECK(glia_dtype_is_float(x->dtype) && rank >= 1 && rank <= 3 && lead >= 0, GLIA_E_SHAPE,
             "window of %d axes on %s", rank, glia_type_text(x, a, sizeof a));
  const struct glia_window w = glia_window_load_(&n->attr, rank);
  GLIA_CHECK(glia_window_good_(&w), GLIA_E_SHAPE,
             "window on %s: extents, stride and dilation are at least 1, padding is not negative",
             glia_type_text(x, a, sizeof a));
  n->type = *x;
  n->type.dtype = GLIA_I32;
  for (int i = 0; i < rank; i++) {
    n->type.dim[lead + i] = glia_window_extent(&w, i, x->dim[lead + i]);
    GLIA_CHECK(n->type.dim[lead + i] > 0, GLIA_E_SHAPE, "the window is larger than %s",
               glia_type_text(x, a, sizeof a));
    plane *= x->dim[lead + i];
  }
  GLIA_CHECK(plane <= INT32_MAX, GLIA_E_SHAPE, "planes of %s are too large",
             glia_type_text(x, a, sizeof a));
  return GLIA_OK;
}

/* Three axes, the first of extent 1 where there are fewer. */
struct geometry {
  struct glia_window w;
  int64_t x[3], o[3];
};

static struct geometry geometry_of(const struct glia_call *c)
{
  const int rank = (int)c->attr->i[GLIA_CONV_MODE_];
  const struct glia_window w = glia_window_load_(c->attr, rank);
  struct geometry g = {
      .w = glia_window_make(3, (int64_t[]){1, 1, 1}), .x = {1, 1, 1}, .o = {1, 1, 1}};

  for (int i = 0; i < rank; i++) {
    const int to = 3 - rank + i, axis = c->out.type->rank - rank + i;
    g.w.size[to] = w.size[i];
    g.w.stride[to] = w.stride[i];
    g.w.dilation[to] = w.dilation[i];
    g.w.low[to] = w.low[i];
    g.x[to] = c->in[0].type->dim[axis];
    g.o[to] = c->out.type->dim[axis];
  }
  return g;
}

/* Rows of window o along an axis that exist: taps *lo .. *hi - 1; returns the row of tap 0. */
static int64_t taps(const struct geometry *g, int axis, int64_t o, int64_t *lo, int64_t *hi)
{
  const int64_t at = o * g->w.stride[axis] - g->w.low[axis], d = g->w.dilation[axis];

  *lo = at < 0 ? (-at + d - 1) / d : 0;
  *hi = at < g->x[axis] ? (g->x[axis] - 1 - at) / d + 1 : 0;
  if (*hi > g->w.size[axis]) *hi = g->w.size[axis];
  return at;
}

#define KERNEL(T, suffix)                                                                          \
  static int32_t largest_##suffix(const struct geometry *g, const int64_t *o, const T *x)          \
  {                                                                                                \
    int64_t lo[3], hi[3], at[3];                                                                   \
    int64_t best = -1;                                                                             \
    for (int k = 0; k < 3; k++) at[k] = taps(g, k, o[k], &lo[k], &hi[k]);                          \
    for (int64_t i = lo[0]; i < hi[0]; i++)                                                        \
      for (int64_t j = lo[1]; j < hi[1]; j++) {                                                    \
        const int64_t row =                                                                        \
            ((at[0] + i * g->w.dilation[0]) * g->x[1] + at[1] + j * g->w.dilation[1]) * g->x[2] +  \
            at[2];                                                                                 \
        for (int64_t k = lo[2]; k < hi[2]; k++) {                                                  \
          const int64_t here = row + k * g->w.dilation[2];                                         \
          if (best < 0 || x[here] > x[best] || (isnan(x[here]) && !isnan(x[best]))) best = here;   \
        }                                                                                          \
      }                                                                                            \
    return (int32_t)best;                                                                          \
  }                                                                                                \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const struct geometry g = geometry_of(c);                                                      \
    const T *x = c->in[0].data;                                                                    \
    int32_t *y = c->out.data;                                                                      \
    int64_t o[3];                                                                                  \
    for (const int32_t *end = y + c->out.n; y < end; x += g.x[0] * g.x[1] * g.x[2])                \
      for (o[0] = 0; o[0] < g.o[0]; o[0]++)                                                        \
        for (o[1] = 0; o[1] < g.o[1]; o[1]++)                                                      \
          for (o[2] = 0; o[2] < g.o[2]; o[2]++) *y++ = largest_##suffix(&g, o, x);                 \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  static const struct glia_window set[] = {
      {1, {3}, {2}, {1}, {1}, {0}},
      {2, {2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}},
      {2, {3, 2}, {1, 3}, {2, 1}, {1, 0}, {1, 1}},
      {3, {2, 1, 2}, {1, 1, 2}, {1, 1, 1}, {0, 0, 1}, {0, 0, 1}},
  };

  if ((size_t)k >= GLIA_COUNT(set)) return GLIA_NONE;
  return glia_window_argmax(s->g, glia_sample_real(s, 4, (int64_t[]){2, 3, 6, 5}, -2.0, 2.0),
                            &set[k]);
}

const struct glia_op glia_op_window_argmax_ = {
    .name = "window_argmax",
    .n_in = 1,
    .infer = infer,
    .vmap = glia_vmap_leading_,
    .derivative = GLIA_DERIVATIVE_NONE,
    .key = 0,
    .reference = GLIA_FLOATS(reference),
    .sample = sample,
};

glia_value glia_window_argmax(struct glia_graph *g, glia_value x, const struct glia_window *window)
{
  struct glia_attr attr = {.i = {[GLIA_CONV_MODE_] = window->rank}};

  if (x == GLIA_NONE) return GLIA_NONE;
  if (window->rank < 1 || window->rank > 3)
    return glia_graph_fail(g, GLIA_E_SHAPE, "a window of %d axes", window->rank);
  glia_window_store_(&attr, window);
  return glia_node_add(g, &glia_op_window_argmax_, 1, &x, &attr);
}
