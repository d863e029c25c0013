/* slice: rows start .. stop - 1 by step along every axis. Its adjoint is pad. */
#include "op_priv.h"

#include <inttypes.h>

/* attr.i: start [8], stop [8], step [8]; stop is the last row taken + 1, so equal slices are equal nodes */
enum { START = 0, STOP = GLIA_MAX_RANK, STEP = 2 * GLIA_MAX_RANK };

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  char a[GLIA_TEXT_];

  n->type = *x;
  for (int k = 0; k < x->rank; k++) {
    const int64_t start = n->attr.i[START + k], stop = n->attr.i[STOP + k],
                  step = n->attr.i[STEP + k];
    GLIA_CHECK(start >= 0 && start < stop && stop <= x->dim[k] && step >= 1, GLIA_E_SHAPE,
               "slice of %s: rows %" PRId64 " to %" PRId64 " by %" PRId64 " along axis %d",
               glia_type_text(x, a, sizeof a), start, stop, step, k);
    n->type.dim[k] = (stop - start + step - 1) / step;
  }
  return GLIA_OK;
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *x = glia_graph_node(g, n->in[0]);
  int64_t start[GLIA_MAX_RANK], stop[GLIA_MAX_RANK], step[GLIA_MAX_RANK];
  double v;

  if (glia_type_equal(&x->type, &n->type)) return x->id;
  if (glia_is_full(g, x->id, &v)) return glia_full(g, n->type, v);
  if (x->op != &glia_op_slice_) return GLIA_NONE;
  for (int k = 0; k < n->type.rank; k++) {
    start[k] = x->attr.i[START + k] + n->attr.i[START + k] * x->attr.i[STEP + k];
    step[k] = x->attr.i[STEP + k] * n->attr.i[STEP + k];
    stop[k] = start[k] + (n->type.dim[k] - 1) * step[k] + 1;
  }
  return glia_slice(g, x->in[0], start, stop, step);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const struct glia_type *x = glia_type_of_(g, y->in[0]);
  int64_t after[GLIA_MAX_RANK], inside[GLIA_MAX_RANK];

  for (int k = 0; k < x->rank; k++) {
    after[k] = x->dim[k] - y->attr.i[STOP + k];
    inside[k] = y->attr.i[STEP + k] - 1;
  }
  dx[0] = glia_pad(g, dy, &y->attr.i[START], after, inside);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  int64_t start[GLIA_MAX_RANK + 1] = {0}, stop[GLIA_MAX_RANK + 1] = {size},
                                step[GLIA_MAX_RANK + 1] = {1};

  (void)batched;
  for (int k = 0; k < y->type.rank; k++) {
    start[k + 1] = y->attr.i[START + k];
    stop[k + 1] = y->attr.i[STOP + k];
    step[k + 1] = y->attr.i[STEP + k];
  }
  return glia_slice(g, in[0], start, stop, step);
}

static void reference(const struct glia_call *c)
{
  const struct glia_type *y = c->out.type;
  const size_t size = glia_dtype_size(y->dtype);
  const char *x = c->in[0].data;
  int64_t from[GLIA_MAX_RANK], to[GLIA_MAX_RANK], first = 0;

  glia_strides_(c->in[0].type, from);
  glia_strides_(y, to);
  for (int k = 0; k < y->rank; k++) {
    first += c->attr->i[START + k] * from[k];
    from[k] *= c->attr->i[STEP + k];
  }
  glia_copy_(y->rank, y->dim, size, c->out.data, to, x + (size_t)first * size, from);
}

static glia_value sample(struct glia_sample *s, int k)
{
  const glia_value x = k > 1 ? GLIA_NONE : glia_sample_real(s, 2, (int64_t[]){5, 7}, -2.0, 2.0);

  if (k == 0) return glia_slice(s->g, x, (int64_t[]){1, 0}, (int64_t[]){4, 6}, (int64_t[]){1, 2});
  if (k == 1) return glia_slice(s->g, x, (int64_t[]){0, 2}, (int64_t[]){5, 5}, (int64_t[]){1, 1});
  return GLIA_NONE;
}

const struct glia_op glia_op_slice_ = {
    .name = "slice",
    .n_in = 1,
    .linear = true,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .vmap = vmap,
    .reference = GLIA_ANY_TYPE(reference),
    .sample = sample,
};

glia_value glia_slice(struct glia_graph *g, glia_value x, const int64_t *start, const int64_t *stop,
                      const int64_t *step)
{
  struct glia_attr attr = {0};

  if (x == GLIA_NONE) return GLIA_NONE;
  for (int k = 0; k < glia_type_of_(g, x)->rank; k++) {
    attr.i[START + k] = start[k];
    attr.i[STOP + k] = stop[k];
    attr.i[STEP + k] = step[k];
    if (step[k] > 1 && stop[k] > start[k])
      attr.i[STOP + k] = start[k] + (stop[k] - start[k] - 1) / step[k] * step[k] + 1;
  }
  return glia_node_add(g, &glia_op_slice_, 1, &x, &attr);
}
