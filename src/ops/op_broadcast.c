/* broadcast: x repeated along new axes. The only operator that repeats: the reverse rule is a sum over the new axes. */
#include "op_priv.h"

/* attr.i: map [8], rank, dim [8]; map[k] is x's axis, or -1 */
enum { MAP = 0, RANK = GLIA_MAX_RANK, DIM = RANK + 1 };

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  int next = 0;
  char a[GLIA_TEXT_], b[GLIA_TEXT_];

  n->type = glia_type_make(x->dtype, (int)n->attr.i[RANK], &n->attr.i[DIM]);
  for (int k = 0; k < n->type.rank; k++) {
    const int64_t axis = n->attr.i[MAP + k];
    if (axis == -1) continue;
    GLIA_CHECK(axis == next && next < x->rank && x->dim[next] == n->type.dim[k], GLIA_E_SHAPE,
               "broadcast of %s to %s: axis %d does not fit", glia_type_text(x, a, sizeof a),
               glia_type_text(&n->type, b, sizeof b), k);
    next++;
  }
  GLIA_CHECK(next == x->rank, GLIA_E_SHAPE, "broadcast of %s to %s leaves out an axis",
             glia_type_text(x, a, sizeof a), glia_type_text(&n->type, b, sizeof b));
  return GLIA_OK;
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *x = glia_graph_node(g, n->in[0]);
  double v;

  if (glia_is_full(g, x->id, &v)) return glia_full(g, n->type, v);
  if (glia_type_count(&n->type) == glia_type_count(&x->type))
    return glia_reshape(g, x->id, n->type.rank, n->type.dim);
  if (x->op != &glia_op_broadcast_) return GLIA_NONE;
  int map[GLIA_MAX_RANK];
  for (int k = 0; k < n->type.rank; k++) {
    const int64_t axis = n->attr.i[MAP + k];
    map[k] = axis < 0 ? -1 : (int)x->attr.i[MAP + axis];
  }
  return glia_broadcast(g, x->in[0], n->type.rank, n->type.dim, map);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  int axes[GLIA_MAX_RANK], n_axes = 0;

  for (int k = 0; k < y->type.rank; k++)
    if (y->attr.i[MAP + k] < 0) axes[n_axes++] = k;
  dx[0] = glia_reduce_sum(g, dy, n_axes, axes, false);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  int64_t dim[GLIA_MAX_RANK + 1] = {size};
  int map[GLIA_MAX_RANK + 1] = {0};

  (void)batched; /* there is one input: it is */
  for (int k = 0; k < y->type.rank; k++) {
    const int64_t axis = y->attr.i[MAP + k];
    dim[k + 1] = y->type.dim[k];
    map[k + 1] = axis < 0 ? -1 : (int)axis + 1;
  }
  return glia_broadcast(g, in[0], y->type.rank + 1, dim, map);
}

static void reference(const struct glia_call *c)
{
  const struct glia_type *x = c->in[0].type, *y = c->out.type;
  int64_t from[GLIA_MAX_RANK], to[GLIA_MAX_RANK], own[GLIA_MAX_RANK];

  glia_strides_(x, own);
  glia_strides_(y, to);
  for (int k = 0; k < y->rank; k++)
    from[k] = c->attr->i[MAP + k] < 0 ? 0 : own[c->attr->i[MAP + k]];
  glia_copy_(y->rank, y->dim, glia_dtype_size(y->dtype), c->out.data, to, c->in[0].data, from);
}

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {2, 3, 4, 5};

  switch (k) {
  case 0:
    return glia_broadcast(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0), 4, dim,
                          (int[]){-1, 0, -1, 1});
  case 1:
    return glia_broadcast(s->g, glia_sample_real(s, 0, NULL, -2.0, 2.0), 2, dim, (int[]){-1, -1});
  case 2:
    return glia_broadcast(s->g, glia_sample_real(s, 1, (int64_t[]){2}, -2.0, 2.0), 3, dim,
                          (int[]){0, -1, -1});
  default:
    return GLIA_NONE;
  }
}

const struct glia_op glia_op_broadcast_ = {
    .name = "broadcast",
    .n_in = 1,
    .broadcast = true, /* groups of elementwise operators read it by index */
    .linear = true,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .vmap = vmap,
    .reference = GLIA_ANY_TYPE(reference),
    .sample = sample,
};

glia_value glia_broadcast(struct glia_graph *g, glia_value x, int rank, const int64_t *dim,
                          const int *map)
{
  struct glia_attr attr = {.i = {[RANK] = rank}};

  if (x == GLIA_NONE) return GLIA_NONE;
  if (rank < 0 || rank > GLIA_MAX_RANK)
    return glia_graph_fail(g, GLIA_E_SHAPE, "broadcast to %d axes", rank);
  for (int k = 0; k < rank; k++) {
    attr.i[DIM + k] = dim[k];
    attr.i[MAP + k] = map[k];
  }
  return glia_node_add(g, &glia_op_broadcast_, 1, &x, &attr);
}

/* Axes of extent 1 that repeat are dropped first: a broadcast never stretches an axis, it makes one. */
glia_value glia_broadcast_to(struct glia_graph *g, glia_value x, int rank, const int64_t *dim)
{
  int64_t kept[GLIA_MAX_RANK];
  int map[GLIA_MAX_RANK], n_kept = 0;

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  const struct glia_type want = glia_type_make(t->dtype, rank <= GLIA_MAX_RANK ? rank : 0, dim);
  bool fits = rank <= GLIA_MAX_RANK && t->rank <= rank;
  for (int k = 0; k < rank && fits; k++) {
    const int axis = k - (rank - t->rank);
    map[k] = -1;
    if (axis < 0 || (t->dim[axis] == 1 && dim[k] != 1)) continue;
    fits = t->dim[axis] == dim[k];
    kept[n_kept] = dim[k];
    map[k] = n_kept++;
  }
  if (!fits) {
    char a[GLIA_TEXT_], b[GLIA_TEXT_];
    return glia_graph_fail(g, GLIA_E_SHAPE, "broadcast of %s to %s", glia_type_text(t, a, sizeof a),
                           glia_type_text(&want, b, sizeof b));
  }
  return glia_broadcast(g, glia_reshape(g, x, n_kept, kept), rank, dim, map);
}
