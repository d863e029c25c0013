/* Rules that many operators share, and the table of all. */
#include "op_priv.h"

const struct glia_type *glia_type_of_(const struct glia_graph *g, glia_value v)
{
  return &glia_graph_node(g, v)->type;
}

glia_status glia_infer_same_(const struct glia_graph *g, struct glia_node *n)
{
  n->type = *glia_type_of_(g, n->in[0]);
  for (int i = 1; i < n->n_in; i++) {
    char a[128], b[128];
    GLIA_CHECK(glia_type_equal(&n->type, glia_type_of_(g, n->in[i])), GLIA_E_SHAPE,
               "%s of %s and %s", n->op->name, glia_type_text(&n->type, a, sizeof a),
               glia_type_text(glia_type_of_(g, n->in[i]), b, sizeof b));
  }
  const glia_dtype key =
      n->op->key < 0 ? n->type.dtype : glia_type_of_(g, n->in[n->op->key])->dtype;
  GLIA_CHECK(n->op->reference[key] != NULL, GLIA_E_SHAPE, "%s of %s is not defined", n->op->name,
             glia_dtype_name(key));
  return GLIA_OK;
}

glia_status glia_infer_float_(const struct glia_graph *g, struct glia_node *n)
{
  const glia_dtype t = glia_type_of_(g, n->in[0])->dtype;

  GLIA_CHECK(glia_dtype_is_float(t), GLIA_E_SHAPE, "%s of %s: cast it to a float first",
             n->op->name, glia_dtype_name(t));
  return glia_infer_same_(g, n);
}

glia_value glia_jvp_from_slope_(struct glia_graph *g, const struct glia_node *y,
                                const glia_value *t)
{
  glia_value ty = GLIA_NONE;

  for (int i = 0; i < y->n_in; i++) {
    glia_value dx[GLIA_MAX_IN];
    if (t[i] == GLIA_NONE) continue;
    for (int k = 0; k < y->n_in; k++) dx[k] = GLIA_NONE;
    y->op->vjp(g, y, t[i], dx);
    if (dx[i] != GLIA_NONE) ty = ty == GLIA_NONE ? dx[i] : glia_add(g, ty, dx[i]);
  }
  return ty;
}

glia_value glia_batched_(struct glia_graph *g, glia_value x, bool batched, int64_t size)
{
  int64_t dim[GLIA_MAX_RANK];
  int map[GLIA_MAX_RANK];

  if (batched || x == GLIA_NONE) return x;
  const struct glia_type *t = glia_type_of_(g, x);
  if (t->rank == GLIA_MAX_RANK)
    return glia_graph_fail(g, GLIA_E_SHAPE, "more than %d axes", GLIA_MAX_RANK);
  dim[0] = size;
  map[0] = -1;
  for (int i = 0; i < t->rank; i++) {
    dim[i + 1] = t->dim[i];
    map[i + 1] = i;
  }
  return glia_broadcast(g, x, t->rank + 1, dim, map);
}

glia_value glia_vmap_elementwise_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                                  const glia_value *in, const bool *batched)
{
  glia_value x[GLIA_MAX_IN];

  for (int i = 0; i < y->n_in; i++) x[i] = glia_batched_(g, in[i], batched[i], size);
  return glia_node_add(g, y->op, y->n_in, x, &y->attr);
}

glia_value glia_unary_(struct glia_graph *g, const struct glia_op *op, glia_value x)
{
  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, op, 1, &x, NULL);
}

/* Extents of a and b broadcast together, as NumPy does; false where they do not fit. */
static bool common_shape(const struct glia_type *a, const struct glia_type *b, int *rank,
                         int64_t *dim)
{
  *rank = a->rank > b->rank ? a->rank : b->rank;
  for (int k = 0; k < *rank; k++) {
    const int64_t da = k < a->rank ? a->dim[a->rank - 1 - k] : 1;
    const int64_t db = k < b->rank ? b->dim[b->rank - 1 - k] : 1;
    if (da != db && da != 1 && db != 1) return false;
    dim[*rank - 1 - k] = da == 1 ? db : da;
  }
  return true;
}

/* A scalar constant takes the other operand's element type. */
static glia_value like(struct glia_graph *g, glia_value x, glia_dtype dtype)
{
  const struct glia_type *t = glia_type_of_(g, x);
  double v;

  if (t->dtype == dtype || t->rank != 0 || !glia_is_full(g, x, &v)) return x;
  return glia_full(g, glia_type_make(dtype, 0, NULL), v);
}

glia_value glia_binary_(struct glia_graph *g, const struct glia_op *op, glia_value a, glia_value b,
                        const struct glia_attr *attr)
{
  int rank;
  int64_t dim[GLIA_MAX_RANK];

  if (a == GLIA_NONE || b == GLIA_NONE) return GLIA_NONE;
  if (glia_type_of_(g, a)->rank == 0) a = like(g, a, glia_type_of_(g, b)->dtype);
  if (glia_type_of_(g, b)->rank == 0) b = like(g, b, glia_type_of_(g, a)->dtype);
  const struct glia_type *ta = glia_type_of_(g, a);
  const struct glia_type *tb = glia_type_of_(g, b);
  if (!common_shape(ta, tb, &rank, dim)) {
    char x[128], y[128];
    return glia_graph_fail(g, GLIA_E_SHAPE, "%s of %s and %s: shapes do not broadcast", op->name,
                           glia_type_text(ta, x, sizeof x), glia_type_text(tb, y, sizeof y));
  }
  const glia_value in[2] = {glia_broadcast_to(g, a, rank, dim), glia_broadcast_to(g, b, rank, dim)};
  return glia_node_add(g, op, 2, in, attr);
}

const struct glia_op *const *glia_ops(void)
{
  static const struct glia_op *const table[] = {
#define X(name) &glia_op_##name##_,
#include "ops.def"
#undef X
      NULL,
  };
  return table;
}

static glia_value tile(struct glia_graph *g, glia_value x, int64_t size)
{
  return glia_batched_(g, x, false, size);
}

static const struct glia_basis basis = {glia_add, tile};

glia_status glia_graph_new(struct glia_graph **out) { return glia_graph_create(&basis, out); }
