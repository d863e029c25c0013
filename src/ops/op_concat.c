/* concat: values side by side along an axis. */
#include "op_priv.h"

#include <string.h>

/* attr.i[0]: the axis */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const int64_t axis = n->attr.i[0];
  char a[GLIA_TEXT_], b[GLIA_TEXT_];

  GLIA_CHECK(n->n_in > 0, GLIA_E_ARGUMENT, "concat of nothing");
  n->type = *glia_type_of_(g, n->in[0]);
  GLIA_CHECK(axis >= 0 && axis < n->type.rank, GLIA_E_SHAPE, "concat of %s along axis %d",
             glia_type_text(&n->type, a, sizeof a), (int)axis);
  for (int i = 1; i < n->n_in; i++) {
    struct glia_type x = *glia_type_of_(g, n->in[i]);
    const int64_t rows = x.rank > axis ? x.dim[axis] : 0;
    if (x.rank > axis) x.dim[axis] = n->type.dim[axis];
    GLIA_CHECK(glia_type_equal(&x, &n->type), GLIA_E_SHAPE, "concat of %s and %s along axis %d",
               glia_type_text(glia_type_of_(g, n->in[0]), a, sizeof a),
               glia_type_text(glia_type_of_(g, n->in[i]), b, sizeof b), (int)axis);
    n->type.dim[axis] += rows;
  }
  return GLIA_OK;
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  double first, v;

  if (n->n_in == 1) return n->in[0];
  if (!glia_is_full(g, n->in[0], &first)) return GLIA_NONE;
  for (int i = 1; i < n->n_in; i++)
    if (!glia_is_full(g, n->in[i], &v) || v != first) return GLIA_NONE;
  return glia_full(g, n->type, first);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const int axis = (int)y->attr.i[0];
  int64_t start[GLIA_MAX_RANK] = {0}, stop[GLIA_MAX_RANK], step[GLIA_MAX_RANK];

  for (int k = 0; k < y->type.rank; k++) {
    stop[k] = y->type.dim[k];
    step[k] = 1;
  }
  stop[axis] = 0;
  for (int i = 0; i < y->n_in; i++) {
    start[axis] = stop[axis];
    stop[axis] += glia_type_of_(g, y->in[i])->dim[axis];
    dx[i] = glia_slice(g, dy, start, stop, step);
  }
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  glia_value x[GLIA_MAX_IN];

  for (int i = 0; i < y->n_in; i++) x[i] = glia_batched_(g, in[i], batched[i], size);
  return glia_concat(g, y->n_in, x, (int)y->attr.i[0] + 1);
}

static void reference(const struct glia_call *c)
{
  const struct glia_type *y = c->out.type;
  const int axis = (int)c->attr->i[0];
  size_t outer = 1, row = glia_dtype_size(y->dtype),
         at = 0; /* row: bytes of one index of the axis */

  for (int k = 0; k < axis; k++) outer *= (size_t)y->dim[k];
  for (int k = axis + 1; k < y->rank; k++) row *= (size_t)y->dim[k];
  const size_t pitch = row * (size_t)y->dim[axis];
  for (int i = 0; i < c->n_in; i++) {
    const size_t run = row * (size_t)c->in[i].type->dim[axis];
    const char *x = c->in[i].data;
    char *to = c->out.data;
    for (size_t k = 0; k < outer; k++) memcpy(to + k * pitch + at, x + k * run, run);
    at += run;
  }
}

static glia_value sample(struct glia_sample *s, int k)
{
  glia_value x[3];

  if (k > 1) return GLIA_NONE;
  for (int i = 0; i < 3; i++)
    x[i] = glia_sample_real(s, 2, k == 0 ? (int64_t[]){i + 1, 4} : (int64_t[]){3, 2 * i + 1}, -2.0,
                            2.0);
  return glia_concat(s->g, 3, x, k);
}

const struct glia_op glia_op_concat_ = {
    .name = "concat",
    .n_in = -1,
    .linear = true,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .vmap = vmap,
    .reference = GLIA_ANY_TYPE(reference),
    .sample = sample,
};

/* More values than a node takes are joined in groups first. */
glia_value glia_concat(struct glia_graph *g, int n, const glia_value *x, int axis)
{
  const struct glia_attr attr = {.i = {axis}};
  glia_value part[GLIA_MAX_IN];

  for (int i = 0; i < n; i++)
    if (x[i] == GLIA_NONE) return GLIA_NONE;
  if (n <= GLIA_MAX_IN) return glia_node_add(g, &glia_op_concat_, n, x, &attr);
  const int group = (n + GLIA_MAX_IN - 1) / GLIA_MAX_IN;
  int n_parts = 0;
  for (int i = 0; i < n; i += group)
    part[n_parts++] = glia_concat(g, n - i < group ? n - i : group, x + i, axis);
  return glia_concat(g, n_parts, part, axis);
}
