/* pad: x inside zeros, with rows before, after and between its rows. Its adjoint is slice. */
#include "op_priv.h"

#include <string.h>

/* attr.i: before [8], after [8], inside [8] */
enum { BEFORE = 0, AFTER = GLIA_MAX_RANK, INSIDE = 2 * GLIA_MAX_RANK };

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  char a[GLIA_TEXT_];

  n->type = *x;
  for (int k = 0; k < x->rank; k++) {
    const int64_t before = n->attr.i[BEFORE + k], after = n->attr.i[AFTER + k],
                  inside = n->attr.i[INSIDE + k];
    GLIA_CHECK(before >= 0 && after >= 0 && inside >= 0 && x->dim[k] > 0, GLIA_E_SHAPE,
               "pad of %s: axis %d would lose rows", glia_type_text(x, a, sizeof a), k);
    n->type.dim[k] = before + (x->dim[k] - 1) * (inside + 1) + 1 + after;
  }
  return GLIA_OK;
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  double v;

  if (glia_type_equal(glia_type_of_(g, n->in[0]), &n->type)) return n->in[0];
  return glia_is_full(g, n->in[0], &v) && v == 0.0 ? glia_full(g, n->type, 0.0) : GLIA_NONE;
}

/* The one axis along which two pads without rows between differ; -1: none, or more. */
static int axis_between(const struct glia_node *a, const struct glia_node *b)
{
  int axis = -1;

  for (int k = 0; k < a->type.rank; k++) {
    if (a->attr.i[INSIDE + k] != 0 || b->attr.i[INSIDE + k] != 0) return -1;
    if (a->attr.i[BEFORE + k] == b->attr.i[BEFORE + k] &&
        a->attr.i[AFTER + k] == b->attr.i[AFTER + k])
      continue;
    if (axis >= 0) return -1;
    axis = k;
  }
  return axis;
}

/* What a pad pads, the parts of a concatenation along `axis` one by one. */
static int parts_of(const struct glia_graph *g, const struct glia_node *pad, int axis,
                    glia_value *part)
{
  const struct glia_node *x = glia_graph_node(g, pad->in[0]);
  const bool joined = x->op == &glia_op_concat_ && x->attr.i[0] == axis;
  const int n = joined ? x->n_in : 1;

  for (int i = 0; i < n; i++) part[i] = joined ? x->in[i] : x->id;
  return n;
}

glia_value glia_joined_pads_(struct glia_graph *g, const struct glia_node *a,
                             const struct glia_node *b)
{
  glia_value part[2 * GLIA_MAX_IN];

  if (a->op != &glia_op_pad_ || b->op != &glia_op_pad_) return GLIA_NONE;
  const int axis = axis_between(a, b);
  if (axis < 0) return GLIA_NONE;
  const bool first = a->attr.i[BEFORE + axis] < b->attr.i[BEFORE + axis];
  const struct glia_node *low = first ? a : b, *high = first ? b : a;
  const int64_t end = low->attr.i[BEFORE + axis] + glia_graph_node(g, low->in[0])->type.dim[axis];
  if (end != high->attr.i[BEFORE + axis]) return GLIA_NONE;
  struct glia_attr attr = low->attr;
  attr.i[AFTER + axis] = high->attr.i[AFTER + axis];
  int n = parts_of(g, low, axis, part);
  n += parts_of(g, high, axis, part + n);
  return glia_pad(g, glia_concat(g, n, part, axis), &attr.i[BEFORE], &attr.i[AFTER], NULL);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  int64_t stop[GLIA_MAX_RANK], step[GLIA_MAX_RANK];

  for (int k = 0; k < y->type.rank; k++) {
    stop[k] = y->type.dim[k] - y->attr.i[AFTER + k];
    step[k] = y->attr.i[INSIDE + k] + 1;
  }
  dx[0] = glia_slice(g, dy, &y->attr.i[BEFORE], stop, step);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  int64_t before[GLIA_MAX_RANK + 1] = {0}, after[GLIA_MAX_RANK + 1] = {0},
                                 inside[GLIA_MAX_RANK + 1] = {0};

  (void)size;
  (void)batched;
  for (int k = 0; k < y->type.rank; k++) {
    before[k + 1] = y->attr.i[BEFORE + k];
    after[k + 1] = y->attr.i[AFTER + k];
    inside[k + 1] = y->attr.i[INSIDE + k];
  }
  return glia_pad(g, in[0], before, after, inside);
}

static void reference(const struct glia_call *c)
{
  const struct glia_type *x = c->in[0].type;
  const size_t size = glia_dtype_size(x->dtype);
  char *y = c->out.data;
  int64_t from[GLIA_MAX_RANK], to[GLIA_MAX_RANK], first = 0;

  memset(y, 0, glia_type_bytes(c->out.type));
  glia_strides_(x, from);
  glia_strides_(c->out.type, to);
  for (int k = 0; k < x->rank; k++) {
    first += c->attr->i[BEFORE + k] * to[k];
    to[k] *= c->attr->i[INSIDE + k] + 1;
  }
  glia_copy_(x->rank, x->dim, size, y + (size_t)first * size, to, c->in[0].data, from);
}

static glia_value sample(struct glia_sample *s, int k)
{
  const glia_value x = k > 1 ? GLIA_NONE : glia_sample_real(s, 2, (int64_t[]){3, 4}, -2.0, 2.0);

  if (k == 0) return glia_pad(s->g, x, (int64_t[]){1, 0}, (int64_t[]){0, 2}, (int64_t[]){0, 1});
  if (k == 1) return glia_pad(s->g, x, (int64_t[]){0, 2}, (int64_t[]){2, 1}, NULL);
  return GLIA_NONE;
}

const struct glia_op glia_op_pad_ = {
    .name = "pad",
    .n_in = 1,
    .linear = true,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .vmap = vmap,
    .reference = GLIA_ANY_TYPE(reference),
    .sample = sample,
};

glia_value glia_pad(struct glia_graph *g, glia_value x, const int64_t *before, const int64_t *after,
                    const int64_t *inside)
{
  struct glia_attr attr = {0};

  if (x == GLIA_NONE) return GLIA_NONE;
  for (int k = 0; k < glia_type_of_(g, x)->rank; k++) {
    attr.i[BEFORE + k] = before[k];
    attr.i[AFTER + k] = after[k];
    attr.i[INSIDE + k] = inside != NULL && glia_type_of_(g, x)->dim[k] > 1 ? inside[k] : 0;
  }
  return glia_node_add(g, &glia_op_pad_, 1, &x, &attr);
}
