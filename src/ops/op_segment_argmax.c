/* segment_argmax: for each segment and column, the first row (i32) of x with the largest number; the first NaN where there is
 * one, -1 for an empty segment. Rows with a segment outside are left out. No derivative: segment_max gathers by it. */
#include "op_priv.h"

/* attr.i[0]: segments.  x [n, ...], segment [n] -> [segments, ...] */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]), *segment = glia_type_of_(g, n->in[1]);
  char a[GLIA_TEXT_], b[GLIA_TEXT_];

  GLIA_CHECK(glia_dtype_is_float(x->dtype) && x->rank >= 1 && glia_is_index_(segment->dtype) &&
                 segment->rank == 1 && segment->dim[0] == x->dim[0] && x->dim[0] <= INT32_MAX &&
                 n->attr.i[0] > 0,
             GLIA_E_SHAPE, "segments of %s by %s", glia_type_text(x, a, sizeof a),
             glia_type_text(segment, b, sizeof b));
  n->type = *x;
  n->type.dtype = GLIA_I32;
  n->type.dim[0] = n->attr.i[0];
  return GLIA_OK;
}

/* Batches lie below one another with segments of their own; rows count from the first of each batch. */
static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const int64_t segments = y->attr.i[0], rows = glia_type_of_(g, y->in[0])->dim[0];
  const glia_value x = glia_batched_(g, in[0], batched[0], size);
  const glia_value segment =
      glia_stacked_index_(g, glia_batched_(g, in[1], batched[1], size), segments);
  struct glia_type t = y->type, flat = *glia_type_of_(g, y->in[0]);

  flat.dim[0] = size * rows;
  const int64_t n = flat.dim[0];
  const glia_value all = glia_segment_argmax(g, glia_reshape(g, x, flat.rank, flat.dim),
                                             glia_reshape(g, segment, 1, &n), size * segments);
  for (int k = t.rank; k > 0; k--) t.dim[k] = t.dim[k - 1];
  t.dim[0] = size;
  t.rank++;
  const glia_value at = glia_cast(g, glia_reshape(g, all, t.rank, t.dim), GLIA_I64);
  t.dtype = GLIA_I64;
  const glia_value first = glia_mul(g, glia_iota(g, t, 0), glia_constant(g, (double)rows));
  const glia_value none = glia_compare(g, GLIA_LT, at, glia_constant(g, 0.0));
  return glia_cast(g, glia_select(g, none, at, glia_sub(g, at, first)), GLIA_I32);
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const int64_t n = c->in[1].n, segments = c->attr->i[0], row = c->out.n / segments;             \
    const T *x = c->in[0].data;                                                                    \
    int32_t *y = c->out.data;                                                                      \
    for (int64_t i = 0; i < c->out.n; i++) y[i] = -1;                                              \
    for (int64_t r = 0; r < n; r++) {                                                              \
      const int64_t s = glia_index_(&c->in[1], r);                                                 \
      for (int64_t j = 0; s >= 0 && s < segments && j < row; j++) {                                \
        int32_t *best = &y[s * row + j];                                                           \
        const T v = x[r * row + j];                                                                \
        if (*best < 0 || v > x[*best * row + j] || (isnan(v) && !isnan(x[*best * row + j])))       \
          *best = (int32_t)r;                                                                      \
      }                                                                                            \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 1) return GLIA_NONE;
  const glia_value x = glia_sample_real(s, 1 + k, (int64_t[]){7, 3}, -2.0, 2.0);
  return glia_segment_argmax(s->g, x, glia_sample_int(s, GLIA_I32, 1, (int64_t[]){7}, -1, 4), 4);
}

const struct glia_op glia_op_segment_argmax_ = {
    .name = "segment_argmax",
    .n_in = 2,
    .infer = infer,
    .vmap = vmap,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = GLIA_FLOATS(reference),
    .sample = sample,
};

glia_value glia_segment_argmax(struct glia_graph *g, glia_value x, glia_value segment, int64_t n)
{
  const glia_value in[2] = {x, segment};
  const struct glia_attr attr = {.i = {n}};

  return x == GLIA_NONE || segment == GLIA_NONE
             ? GLIA_NONE
             : glia_node_add(g, &glia_op_segment_argmax_, 2, in, &attr);
}
