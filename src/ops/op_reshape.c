/* reshape: the same elements, in the same order, under other extents. A view: nothing is computed. */
#include "op_priv.h"

/* attr.i: rank, dim [8] */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  char a[GLIA_TEXT_], b[GLIA_TEXT_];

  n->type = glia_type_make(x->dtype, (int)n->attr.i[0], &n->attr.i[1]);
  GLIA_CHECK(glia_type_count(x) == glia_type_count(&n->type), GLIA_E_SHAPE,
             "reshape of %s to %s: the number of elements differs", glia_type_text(x, a, sizeof a),
             glia_type_text(&n->type, b, sizeof b));
  return GLIA_OK;
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *x = glia_graph_node(g, n->in[0]);
  double v;

  if (glia_type_equal(&x->type, &n->type)) return x->id;
  if (glia_is_full(g, x->id, &v)) return glia_full(g, n->type, v);
  return x->op == &glia_op_reshape_ ? glia_reshape(g, x->in[0], n->type.rank, n->type.dim)
                                    : GLIA_NONE;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const struct glia_type *x = glia_type_of_(g, y->in[0]);

  dx[0] = glia_reshape(g, dy, x->rank, x->dim);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  return glia_reshape(g, t[0], y->type.rank, y->type.dim);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  int64_t dim[GLIA_MAX_RANK + 1] = {size};

  (void)batched;
  for (int k = 0; k < y->type.rank; k++) dim[k + 1] = y->type.dim[k];
  return glia_reshape(g, in[0], y->type.rank + 1, dim);
}

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 0) return GLIA_NONE;
  return glia_reshape(s->g, glia_sample_real(s, 3, (int64_t[]){2, 3, 4}, -2.0, 2.0), 2,
                      (int64_t[]){4, 6});
}

const struct glia_op glia_op_reshape_ = {
    .name = "reshape",
    .n_in = 1,
    .view = true,
    .linear = true,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = vmap,
    .sample = sample,
};

glia_value glia_reshape(struct glia_graph *g, glia_value x, int rank, const int64_t *dim)
{
  struct glia_attr attr = {.i = {rank}};

  if (x == GLIA_NONE) return GLIA_NONE;
  if (rank < 0 || rank > GLIA_MAX_RANK)
    return glia_graph_fail(g, GLIA_E_SHAPE, "reshape to %d axes", rank);
  for (int k = 0; k < rank; k++) attr.i[1 + k] = dim[k];
  return glia_node_add(g, &glia_op_reshape_, 1, &x, &attr);
}
