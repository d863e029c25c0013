/* Sorting and segments from gather and scatter_add: their derivatives are those of their parts. */
#include "op_priv.h"

glia_value glia_take_along(struct glia_graph *g, glia_value x, glia_value index)
{
  if (x == GLIA_NONE || index == GLIA_NONE) return GLIA_NONE;
  const struct glia_type t = *glia_type_of_(g, x), want = *glia_type_of_(g, index);
  bool fits = t.rank > 0 && want.rank == t.rank && glia_is_index_(want.dtype);
  for (int k = 0; fits && k < t.rank - 1; k++) fits = t.dim[k] == want.dim[k];
  if (!fits) {
    char a[GLIA_TEXT_], b[GLIA_TEXT_];
    return glia_graph_fail(g, GLIA_E_SHAPE, "take along the last axis of %s by %s",
                           glia_type_text(&t, a, sizeof a), glia_type_text(&want, b, sizeof b));
  }
  const int64_t all = glia_type_count(&t), n = t.dim[t.rank - 1], k = want.dim[t.rank - 1];
  const glia_value rows = glia_reshape(g, index, 2, (int64_t[]){all / n, k});
  const glia_value y = glia_gather_each(g, glia_reshape(g, x, 2, (int64_t[]){all / n, n}), rows);
  return glia_reshape(g, y, want.rank, want.dim);
}

glia_value glia_sort(struct glia_graph *g, glia_value x, bool falling)
{
  return glia_take_along(g, x, glia_argsort(g, x, falling));
}

glia_value glia_top_k(struct glia_graph *g, glia_value x, int64_t k, glia_value *index)
{
  int64_t start[GLIA_MAX_RANK] = {0}, stop[GLIA_MAX_RANK], step[GLIA_MAX_RANK];
  const glia_value order = glia_argsort(g, x, true);

  if (index != NULL) *index = GLIA_NONE;
  if (order == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, order);
  for (int i = 0; i < t->rank; i++) {
    stop[i] = i == t->rank - 1 ? k : t->dim[i];
    step[i] = 1;
  }
  const glia_value first = glia_slice(g, order, start, stop, step);
  if (index != NULL) *index = first;
  return glia_take_along(g, x, first);
}

glia_value glia_segment_sum(struct glia_graph *g, glia_value x, glia_value segment, int64_t n)
{
  return glia_scatter_add(g, x, segment, n);
}

/* Rows of each segment, at least 1, as [n, 1, ...] in the rank of x. */
static glia_value counts(struct glia_graph *g, glia_value x, glia_value segment, int64_t n)
{
  if (x == GLIA_NONE || segment == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x), *s = glia_type_of_(g, segment);
  int64_t dim[GLIA_MAX_RANK] = {n};
  const glia_value ones = glia_full(g, glia_type_make(t->dtype, s->rank, s->dim), 1.0);

  for (int k = 1; k < t->rank; k++) dim[k] = 1;
  return glia_reshape(g, glia_max(g, glia_scatter_add(g, ones, segment, n), glia_constant(g, 1.0)),
                      t->rank, dim);
}

glia_value glia_segment_mean(struct glia_graph *g, glia_value x, glia_value segment, int64_t n)
{
  return glia_div(g, glia_segment_sum(g, x, segment, n), counts(g, x, segment, n));
}

/* Element (s, j) is element (argmax, j) of x. */
glia_value glia_segment_max(struct glia_graph *g, glia_value x, glia_value segment, int64_t n)
{
  const glia_value row = glia_cast(g, glia_segment_argmax(g, x, segment, n), GLIA_I64);

  if (row == GLIA_NONE) return GLIA_NONE;
  const struct glia_type t = *glia_type_of_(g, x), *r = glia_type_of_(g, row);
  const int64_t all = glia_type_count(&t), columns = all / t.dim[0];
  const struct glia_type flat = glia_type_make(GLIA_I64, 2, (int64_t[]){n, columns});
  const glia_value at = glia_reshape(g, row, 2, flat.dim);
  const glia_value element =
      glia_add(g, glia_mul(g, at, glia_constant(g, (double)columns)), glia_iota(g, flat, 1));
  const glia_value none = glia_constant(g, -1.0);
  const glia_value index =
      glia_select(g, glia_compare(g, GLIA_LT, at, glia_constant(g, 0.0)), none, element);
  return glia_reshape(g, glia_gather(g, glia_reshape(g, x, 1, &all), index), r->rank, r->dim);
}

glia_value glia_segment_min(struct glia_graph *g, glia_value x, glia_value segment, int64_t n)
{
  return glia_neg(g, glia_segment_max(g, glia_neg(g, x), segment, n));
}

/* bool: rows that have a segment, as [rows, 1, ...] in the rank of x. */
static glia_value has_segment(struct glia_graph *g, glia_value x, glia_value segment, int64_t n)
{
  if (x == GLIA_NONE || segment == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  int64_t dim[GLIA_MAX_RANK] = {t->dim[0]};
  const glia_value wide = glia_cast(g, segment, GLIA_I64);

  for (int k = 1; k < t->rank; k++) dim[k] = 1;
  return glia_reshape(g,
                      glia_and(g, glia_compare(g, GLIA_GE, wide, glia_constant(g, 0.0)),
                               glia_compare(g, GLIA_LT, wide, glia_constant(g, (double)n))),
                      t->rank, dim);
}

/* Shifted by the largest of the segment, through which no derivative passes: it cancels. The sum of a segment is at least 1,
 * since its largest adds e^0; a row without a segment adds e^-inf. */
glia_value glia_segment_softmax(struct glia_graph *g, glia_value x, glia_value segment, int64_t n)
{
  const glia_value inside = has_segment(g, x, segment, n);
  const glia_value top = glia_segment_max(g, glia_stop_gradient(g, x), segment, n);
  const glia_value z = glia_sub(g, x, glia_gather(g, top, segment));
  const glia_value e = glia_exp(g, glia_select(g, inside, z, glia_constant(g, -(double)INFINITY)));
  const glia_value sum = glia_gather(g, glia_segment_sum(g, e, segment, n), segment);

  return glia_div(g, e, glia_select(g, inside, sum, glia_constant(g, 1.0)));
}
