/* iota: 0, 1, 2, ... along an axis, the same along all others. */
#include "op_priv.h"

/* attr.i: element type, rank, dim [8], axis */
enum { DTYPE = 0, RANK = 1, DIM = 2, AXIS = DIM + GLIA_MAX_RANK };

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  char a[GLIA_TEXT_];

  (void)g;
  n->type = glia_type_make((glia_dtype)n->attr.i[DTYPE], (int)n->attr.i[RANK], &n->attr.i[DIM]);
  GLIA_CHECK(n->attr.i[AXIS] >= 0 && n->attr.i[AXIS] < n->type.rank, GLIA_E_SHAPE,
             "iota of %s along axis %d", glia_type_text(&n->type, a, sizeof a),
             (int)n->attr.i[AXIS]);
  return GLIA_OK;
}

#define KERNEL(NAME, name, T, bytes, is_float)                                                     \
  static void reference_##name(const struct glia_call *c)                                          \
  {                                                                                                \
    const struct glia_type *t = c->out.type;                                                       \
    const int axis = (int)c->attr->i[AXIS];                                                        \
    int64_t inner = 1;                                                                             \
    T *y = c->out.data;                                                                            \
    for (int k = axis + 1; k < t->rank; k++) inner *= t->dim[k];                                   \
    for (int64_t i = 0; i < c->out.n; i++) y[i] = (T)(i / inner % t->dim[axis]);                   \
  }
GLIA_DTYPE_LIST(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 2 ? GLIA_NONE : glia_iota(s->g, glia_type_make(s->dtype, 3, (int64_t[]){2, 3, 4}), k);
}

const struct glia_op glia_op_iota_ = {
    .name = "iota",
    .key = -1,
    .infer = infer,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = GLIA_EVERY_TYPE(reference),
    .sample = sample,
};

glia_value glia_iota(struct glia_graph *g, struct glia_type type, int axis)
{
  struct glia_attr attr = {.i = {[DTYPE] = type.dtype, [RANK] = type.rank, [AXIS] = axis}};

  for (int k = 0; k < type.rank; k++) attr.i[DIM + k] = type.dim[k];
  return glia_node_add(g, &glia_op_iota_, 0, NULL, &attr);
}
