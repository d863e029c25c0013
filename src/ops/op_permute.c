/* permute: axis k of the result is x's axis order[k]. */
#include "op_priv.h"

/* attr.i: order [rank] */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  unsigned seen = 0;
  char a[GLIA_TEXT_];

  n->type = *x;
  for (int k = 0; k < x->rank; k++) {
    const int64_t axis = n->attr.i[k];
    GLIA_CHECK(axis >= 0 && axis < x->rank && (seen >> axis & 1) == 0, GLIA_E_SHAPE,
               "permute of %s: the order is no permutation", glia_type_text(x, a, sizeof a));
    seen |= 1u << axis;
    n->type.dim[k] = x->dim[axis];
  }
  return GLIA_OK;
}

/* Whether only axes of extent 1 move: then no element does. */
static bool still(const struct glia_type *x, const int64_t *order)
{
  int64_t last = -1;

  for (int k = 0; k < x->rank; k++) {
    if (x->dim[order[k]] == 1) continue;
    if (order[k] < last) return false;
    last = order[k];
  }
  return true;
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *x = glia_graph_node(g, n->in[0]);
  int order[GLIA_MAX_RANK];
  double v;

  if (glia_is_full(g, x->id, &v)) return glia_full(g, n->type, v);
  if (still(&x->type, n->attr.i)) return glia_reshape(g, x->id, n->type.rank, n->type.dim);
  if (x->op != &glia_op_permute_) return GLIA_NONE;
  for (int k = 0; k < n->type.rank; k++) order[k] = (int)x->attr.i[n->attr.i[k]];
  return glia_permute(g, x->in[0], order);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  int inverse[GLIA_MAX_RANK];

  for (int k = 0; k < y->type.rank; k++) inverse[y->attr.i[k]] = k;
  dx[0] = glia_permute(g, dy, inverse);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  int order[GLIA_MAX_RANK + 1] = {0};

  (void)size;
  (void)batched;
  for (int k = 0; k < y->type.rank; k++) order[k + 1] = (int)y->attr.i[k] + 1;
  return glia_permute(g, in[0], order);
}

static void reference(const struct glia_call *c)
{
  const struct glia_type *y = c->out.type;
  int64_t from[GLIA_MAX_RANK], to[GLIA_MAX_RANK], own[GLIA_MAX_RANK];

  glia_strides_(c->in[0].type, own);
  glia_strides_(y, to);
  for (int k = 0; k < y->rank; k++) from[k] = own[c->attr->i[k]];
  glia_copy_(y->rank, y->dim, glia_dtype_size(y->dtype), c->out.data, to, c->in[0].data, from);
}

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {2, 3, 4};

  switch (k) {
  case 0:
    return glia_permute(s->g, glia_sample_real(s, 3, dim, -2.0, 2.0), (int[]){2, 0, 1});
  case 1:
    return glia_permute(s->g, glia_sample_real(s, 3, dim, -2.0, 2.0), (int[]){1, 0, 2});
  default:
    return GLIA_NONE;
  }
}

const struct glia_op glia_op_permute_ = {
    .name = "permute",
    .n_in = 1,
    .linear = true,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .vmap = vmap,
    .reference = GLIA_ANY_TYPE(reference),
    .sample = sample,
};

glia_value glia_permute(struct glia_graph *g, glia_value x, const int *order)
{
  struct glia_attr attr = {0};

  if (x == GLIA_NONE) return GLIA_NONE;
  for (int k = 0; k < glia_type_of_(g, x)->rank; k++) attr.i[k] = order[k];
  return glia_node_add(g, &glia_op_permute_, 1, &x, &attr);
}
