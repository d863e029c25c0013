/* cumsum: sums of all rows up to each one along an axis, or from each one on. The two are each other's adjoints. */
#include "op_priv.h"

/* attr.i: axis, from each row on */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  char a[GLIA_TEXT_];

  GLIA_TRY(glia_infer_float_(g, n));
  GLIA_CHECK(n->attr.i[0] >= 0 && n->attr.i[0] < n->type.rank, GLIA_E_SHAPE,
             "%s of %s along axis %d", n->op->name, glia_type_text(&n->type, a, sizeof a),
             (int)n->attr.i[0]);
  return GLIA_OK;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_cumsum(g, dy, (int)y->attr.i[0], y->attr.i[1] == 0);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  (void)size;
  (void)batched;
  return glia_cumsum(g, in[0], (int)y->attr.i[0] + 1, y->attr.i[1] != 0);
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const struct glia_type *t = c->out.type;                                                       \
    const int axis = (int)c->attr->i[0];                                                           \
    const int64_t n = t->dim[axis];                                                                \
    int64_t inner = 1;                                                                             \
    for (int k = axis + 1; k < t->rank; k++) inner *= t->dim[k];                                   \
    const int64_t first = c->attr->i[1] != 0 ? (n - 1) * inner : 0;                                \
    const int64_t step = c->attr->i[1] != 0 ? -inner : inner;                                      \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    for (int64_t r = 0; r < c->out.n; r += n * inner)                                              \
      for (int64_t j = 0; j < inner; j++) {                                                        \
        double acc = 0.0;                                                                          \
        for (int64_t i = 0, at = r + j + first; i < n; i++, at += step) {                          \
          acc += (double)x[at];                                                                    \
          y[at] = (T)acc;                                                                          \
        }                                                                                          \
      }                                                                                            \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 3) return GLIA_NONE;
  return glia_cumsum(s->g, glia_sample_real(s, 3, (int64_t[]){2, 4, 3}, -1.0, 1.0), 1 + k / 2,
                     k % 2 != 0);
}

const struct glia_op glia_op_cumsum_ = {
    .name = "cumsum",
    .source = "blelloch1990",
    .n_in = 1,
    .linear = true,
    .infer = infer,
    .vjp = vjp,
    .vmap = vmap,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_cumsum(struct glia_graph *g, glia_value x, int axis, bool reverse)
{
  const struct glia_attr attr = {.i = {axis, reverse}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_cumsum_, 1, &x, &attr);
}
