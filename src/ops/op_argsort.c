/* argsort: places (i32) of the numbers of the last axis in rising or falling order; equal ones keep theirs, a NaN counts as
 * the largest. No derivative: sorting gathers by it. */
#include "op_priv.h"

/* attr.i[0]: falling */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  char a[GLIA_TEXT_];

  n->type = *glia_type_of_(g, n->in[0]);
  GLIA_CHECK(glia_dtype_is_float(n->type.dtype) && n->type.rank > 0 &&
                 n->type.dim[n->type.rank - 1] <= INT32_MAX,
             GLIA_E_SHAPE, "argsort of %s: floats with a last axis are needed",
             glia_type_text(&n->type, a, sizeof a));
  n->type.dtype = GLIA_I32;
  return GLIA_OK;
}

/* A heap of places; equal numbers are ordered by place, so that the order is total and the sort stable. */
#define KERNEL(T, suffix)                                                                          \
  /* whether element a stands before element b */                                                  \
  static bool before_##suffix(const T *x, bool falling, int32_t a, int32_t b)                      \
  {                                                                                                \
    const T p = x[a], q = x[b];                                                                    \
    const bool above = p > q || (isnan(p) && !isnan(q)), below = p < q || (isnan(q) && !isnan(p)); \
    return above || below ? (falling ? above : below) : a < b;                                     \
  }                                                                                                \
  static void sink_##suffix(const T *x, bool falling, int32_t *heap, int64_t at, int64_t n)        \
  {                                                                                                \
    const int32_t v = heap[at];                                                                    \
    for (int64_t k = 2 * at + 1; k < n; at = k, k = 2 * at + 1) {                                  \
      if (k + 1 < n && before_##suffix(x, falling, heap[k], heap[k + 1])) k++;                     \
      if (!before_##suffix(x, falling, v, heap[k])) break;                                         \
      heap[at] = heap[k];                                                                          \
    }                                                                                              \
    heap[at] = v;                                                                                  \
  }                                                                                                \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const int64_t n = c->out.type->dim[c->out.type->rank - 1];                                     \
    const bool falling = c->attr->i[0] != 0;                                                       \
    const T *x = c->in[0].data;                                                                    \
    int32_t *y = c->out.data;                                                                      \
    for (const int32_t *end = y + c->out.n; y < end; x += n, y += n) {                             \
      for (int32_t i = 0; i < n; i++) y[i] = i;                                                    \
      for (int64_t i = n / 2 - 1; i >= 0; i--) sink_##suffix(x, falling, y, i, n);                 \
      for (int64_t i = n - 1; i > 0; i--) {                                                        \
        const int32_t last = y[0];                                                                 \
        y[0] = y[i];                                                                               \
        y[i] = last;                                                                               \
        sink_##suffix(x, falling, y, 0, i);                                                        \
      }                                                                                            \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 1) return GLIA_NONE;
  return glia_argsort(s->g, glia_sample_real(s, 2, (int64_t[]){3, 7}, -2.0, 2.0), k != 0);
}

const struct glia_op glia_op_argsort_ = {
    .name = "argsort",
    .n_in = 1,
    .infer = infer,
    .vmap = glia_vmap_leading_,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = GLIA_FLOATS(reference),
    .sample = sample,
};

glia_value glia_argsort(struct glia_graph *g, glia_value x, bool falling)
{
  const struct glia_attr attr = {.i = {falling}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_argsort_, 1, &x, &attr);
}
