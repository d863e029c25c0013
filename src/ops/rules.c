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

glia_value glia_merge_(struct glia_graph *g, glia_value x)
{
  int64_t dim[GLIA_MAX_RANK];

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  for (int k = 1; k < t->rank; k++) dim[k - 1] = t->dim[k];
  dim[0] *= t->dim[0];
  return glia_reshape(g, x, t->rank - 1, dim);
}

glia_value glia_split_(struct glia_graph *g, glia_value x, int64_t size)
{
  int64_t dim[GLIA_MAX_RANK];

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  if (t->rank == GLIA_MAX_RANK)
    return glia_graph_fail(g, GLIA_E_SHAPE, "more than %d axes", GLIA_MAX_RANK);
  dim[0] = size;
  dim[1] = t->dim[0] / size;
  for (int k = 1; k < t->rank; k++) dim[k + 1] = t->dim[k];
  return glia_reshape(g, x, t->rank + 1, dim);
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

glia_value glia_vmap_leading_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                              const glia_value *in, const bool *batched)
{
  (void)size;
  (void)batched; /* there is one input: it is */
  return glia_node_add(g, y->op, 1, in, &y->attr);
}

/* Extents of all of in [n] broadcast together, as NumPy does. */
static bool common_shape(struct glia_graph *g, const char *name, int n, const glia_value *in,
                         int *rank, int64_t *dim)
{
  *rank = 0;
  for (int k = 0; k < GLIA_MAX_RANK; k++) dim[k] = 1; /* trailing axis first */
  for (int i = 0; i < n; i++) {
    const struct glia_type *t = glia_type_of_(g, in[i]);
    if (t->rank > *rank) *rank = t->rank;
    for (int k = 0; k < t->rank; k++) {
      const int64_t d = t->dim[t->rank - 1 - k];
      if (d != dim[k] && d != 1 && dim[k] != 1) {
        char a[GLIA_TEXT_], b[GLIA_TEXT_], c[GLIA_TEXT_];
        glia_graph_fail(g, GLIA_E_SHAPE, "%s of %s and %s%s%s: shapes do not broadcast", name,
                        glia_type_text(glia_type_of_(g, in[0]), a, sizeof a),
                        glia_type_text(glia_type_of_(g, in[1]), b, sizeof b), n > 2 ? " and " : "",
                        n > 2 ? glia_type_text(glia_type_of_(g, in[2]), c, sizeof c) : "");
        return false;
      }
      if (d != 1) dim[k] = d;
    }
  }
  for (int k = 0; k < *rank / 2; k++) {
    const int64_t d = dim[k];
    dim[k] = dim[*rank - 1 - k];
    dim[*rank - 1 - k] = d;
  }
  return true;
}

/* Scalar constants take the element type of the first operand that is none. */
static void match_constants(struct glia_graph *g, int n, glia_value *in)
{
  int model = 0;

  for (int i = n - 1; i >= 0; i--)
    if (glia_type_of_(g, in[i])->rank > 0 || !glia_is_full(g, in[i], NULL)) model = i;
  const glia_dtype dtype = glia_type_of_(g, in[model])->dtype;
  for (int i = 0; i < n; i++) {
    const struct glia_type *t = glia_type_of_(g, in[i]);
    double v;
    if (t->dtype != dtype && t->rank == 0 && glia_is_full(g, in[i], &v))
      in[i] = glia_full(g, glia_type_make(dtype, 0, NULL), v);
  }
}

bool glia_together_(struct glia_graph *g, const char *name, int n, int first, glia_value *in)
{
  int rank;
  int64_t dim[GLIA_MAX_RANK];

  for (int i = 0; i < n; i++)
    if (in[i] == GLIA_NONE) return false;
  match_constants(g, n - first, in + first);
  if (glia_graph_status(g) != GLIA_OK || !common_shape(g, name, n, in, &rank, dim)) return false;
  for (int i = 0; i < n; i++) in[i] = glia_broadcast_to(g, in[i], rank, dim);
  return true;
}

glia_value glia_binary_(struct glia_graph *g, const struct glia_op *op, glia_value a, glia_value b,
                        const struct glia_attr *attr)
{
  glia_value in[2] = {a, b};

  return glia_together_(g, op->name, 2, 0, in) ? glia_node_add(g, op, 2, in, attr) : GLIA_NONE;
}

bool glia_is_index_(glia_dtype t) { return !glia_dtype_is_float(t) && t != GLIA_BOOL; }

int64_t glia_index_(const struct glia_operand *index, int64_t i)
{
  switch (index->type->dtype) {
  case GLIA_I32:
    return ((const int32_t *)index->data)[i];
  case GLIA_I64:
    return ((const int64_t *)index->data)[i];
  case GLIA_I8:
    return ((const int8_t *)index->data)[i];
  case GLIA_U8:
    return ((const uint8_t *)index->data)[i];
  default:
    return -1;
  }
}

glia_value glia_stacked_index_(struct glia_graph *g, glia_value index, int64_t n)
{
  const glia_value i = glia_cast(g, index, GLIA_I64);

  if (i == GLIA_NONE) return GLIA_NONE;
  const glia_value first =
      glia_mul(g, glia_iota(g, *glia_type_of_(g, i), 0), glia_constant(g, (double)n));
  const glia_value outside = glia_constant(g, -1.0);
  const glia_value below = glia_compare(g, GLIA_LT, i, glia_constant(g, (double)n));
  const glia_value row = glia_select(g, below, glia_add(g, i, first), outside);
  return glia_select(g, glia_compare(g, GLIA_GE, i, glia_constant(g, 0.0)), row, outside);
}

const struct glia_op *const *glia_ops(void)
{
  static const struct glia_op *const table[] = {
#define X(name) &glia_op_##name##_,
#include "ops.def"
#undef X
      &glia_op_input_, &glia_op_state_, &glia_op_full_, &glia_op_batch_sum_, NULL,
  };
  return table;
}

static glia_value tile(struct glia_graph *g, glia_value x, int64_t size)
{
  return glia_batched_(g, x, false, size);
}

static glia_value less(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_compare(g, GLIA_LT, a, b);
}

static const struct glia_basis basis = {
    .add = glia_add,
    .mul = glia_mul,
    .less = less,
    .select = glia_select,
    .cast = glia_cast,
    .sum = glia_reduce_sum,
    .tile = tile,
    .permute = glia_permute,
    .reshape = glia_reshape,
    .slice = glia_slice,
    .concat = glia_concat,
    .iota = glia_iota,
};

glia_status glia_graph_new(struct glia_graph **out) { return glia_graph_create(&basis, out); }
