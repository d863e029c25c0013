/* Pooling and padding from other operators: their derivatives are those of their parts. */
#include "op_priv.h"

/* x [lead..., plane] -> [lead, plane...], plane the last w->rank axes. */
static glia_value planes(struct glia_graph *g, glia_value x, int rank, bool channel)
{
  int64_t dim[GLIA_MAX_RANK] = {1, 1};
  int n = channel ? 2 : 1;

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  if (t->rank < rank || rank < 1 || rank > 3) {
    char a[GLIA_TEXT_];
    return glia_graph_fail(g, GLIA_E_SHAPE, "a window of %d axes on %s", rank,
                           glia_type_text(t, a, sizeof a));
  }
  for (int k = 0; k < t->rank - rank; k++) dim[0] *= t->dim[k];
  for (int k = t->rank - rank; k < t->rank; k++) dim[n++] = t->dim[k];
  return glia_reshape(g, x, n, dim);
}

/* y with the leading axes of x again. */
static glia_value unplanes(struct glia_graph *g, glia_value y, const struct glia_type *x, int rank,
                           const struct glia_window *w)
{
  struct glia_type t = *x;

  for (int k = 0; k < rank; k++)
    t.dim[t.rank - rank + k] = glia_window_extent(w, k, x->dim[x->rank - rank + k]);
  return glia_reshape(g, y, t.rank, t.dim);
}

glia_value glia_max_pool(struct glia_graph *g, glia_value x, const struct glia_window *window)
{
  const glia_value rows = planes(g, x, window->rank, false);
  const glia_value index = glia_window_argmax(g, rows, window);

  if (index == GLIA_NONE) return GLIA_NONE;
  const int64_t n = glia_type_of_(g, rows)->dim[0];
  const int64_t from[2] = {n, glia_type_count(glia_type_of_(g, rows)) / n},
                to[2] = {n, glia_type_count(glia_type_of_(g, index)) / n};
  const glia_value y =
      glia_gather_each(g, glia_reshape(g, rows, 2, from), glia_reshape(g, index, 2, to));
  return unplanes(g, y, glia_type_of_(g, x), window->rank, window);
}

glia_value glia_avg_pool(struct glia_graph *g, glia_value x, const struct glia_window *window,
                         bool count_padding)
{
  const glia_value rows = planes(g, x, window->rank, true);

  if (rows == GLIA_NONE) return GLIA_NONE;
  struct glia_type w = *glia_type_of_(g, rows), one = w;
  one.dim[0] = w.dim[0] = w.dim[1] = 1;
  for (int k = 0; k < window->rank; k++) w.dim[2 + k] = window->size[k];
  const glia_value ones = glia_full(g, w, 1.0);
  glia_value count = glia_constant(g, (double)glia_type_count(&w));
  bool padded = false;
  for (int k = 0; k < window->rank; k++)
    padded = padded || window->low[k] > 0 || window->high[k] > 0;
  if (padded && !count_padding) count = glia_conv(g, glia_full(g, one, 1.0), ones, window, 1);
  const glia_value y = glia_div(g, glia_conv(g, rows, ones, window, 1), count);
  return y == GLIA_NONE ? GLIA_NONE : unplanes(g, y, glia_type_of_(g, x), window->rank, window);
}

/* Rows start .. stop - 1 along an axis. */
static glia_value cut(struct glia_graph *g, glia_value x, int axis, int64_t start, int64_t stop)
{
  int64_t from[GLIA_MAX_RANK] = {0}, to[GLIA_MAX_RANK], step[GLIA_MAX_RANK];
  const struct glia_type *t = glia_type_of_(g, x);

  for (int k = 0; k < t->rank; k++) {
    to[k] = t->dim[k];
    step[k] = 1;
  }
  from[axis] = start;
  to[axis] = stop;
  return glia_slice(g, x, from, to, step);
}

/* n rows mirrored at the first (or last) row, which is not repeated: joined one by one. */
static glia_value mirrored(struct glia_graph *g, glia_value x, int axis, int64_t n, bool at_end)
{
  const int64_t rows = glia_type_of_(g, x)->dim[axis];
  glia_value y = GLIA_NONE;

  for (int64_t i = 0; i < n; i++) {
    const int64_t row = at_end ? rows - 2 - i : n - i;
    const glia_value next = cut(g, x, axis, row, row + 1);
    y = i == 0 ? next : glia_concat(g, 2, (glia_value[]){y, next}, axis);
  }
  return y;
}

static glia_value border(struct glia_graph *g, glia_value x, int axis, int64_t n, glia_padding how,
                         bool at_end)
{
  struct glia_type t = *glia_type_of_(g, x);
  const int64_t rows = t.dim[axis];

  switch (how) {
  case GLIA_PADDING_REFLECT:
    return mirrored(g, x, axis, n, at_end);
  case GLIA_PADDING_CIRCULAR:
    return at_end ? cut(g, x, axis, 0, n) : cut(g, x, axis, rows - n, rows);
  case GLIA_PADDING_REPLICATE:
    t.dim[axis] = n;
    return glia_broadcast_to(g, cut(g, x, axis, at_end ? rows - 1 : 0, at_end ? rows : 1), t.rank,
                             t.dim);
  default:
    t.dim[axis] = n;
    return glia_full(g, t, 0.0);
  }
}

glia_value glia_pad_border(struct glia_graph *g, glia_value x, int axis, int64_t low, int64_t high,
                           glia_padding how)
{
  glia_value part[3];
  int n = 0;

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  const int64_t rows = axis >= 0 && axis < t->rank ? t->dim[axis] : 0;
  const int64_t most = how == GLIA_PADDING_REFLECT    ? rows - 1
                       : how == GLIA_PADDING_CIRCULAR ? rows
                                                      : INT32_MAX;
  if (rows == 0 || low < 0 || high < 0 || low > most || high > most) {
    char a[GLIA_TEXT_];
    return glia_graph_fail(g, GLIA_E_SHAPE, "padding of %s along axis %d by %lld and %lld rows",
                           glia_type_text(t, a, sizeof a), axis, (long long)low, (long long)high);
  }
  if (low > 0) part[n++] = border(g, x, axis, low, how, false);
  part[n++] = x;
  if (high > 0) part[n++] = border(g, x, axis, high, how, true);
  return glia_concat(g, n, part, axis);
}
