/* scatter_add: rows of x added to rows of zeros by index, in order; rows with an index outside are left out.
 * Its adjoint is gather. */
#include "op_priv.h"

#include <string.h>

/* attr.i[0]: rows of the result */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]), *index = glia_type_of_(g, n->in[1]);
  char a[GLIA_TEXT_], b[GLIA_TEXT_];
  bool fits = glia_is_index_(index->dtype) && glia_dtype_is_float(x->dtype) &&
              x->rank >= index->rank && x->rank - index->rank < GLIA_MAX_RANK && n->attr.i[0] > 0;

  for (int k = 0; fits && k < index->rank; k++) fits = x->dim[k] == index->dim[k];
  GLIA_CHECK(fits, GLIA_E_SHAPE, "scatter_add of %s by %s", glia_type_text(x, a, sizeof a),
             glia_type_text(index, b, sizeof b));
  n->type = (struct glia_type){.dtype = x->dtype, .rank = 1, .dim = {n->attr.i[0]}};
  for (int k = index->rank; k < x->rank; k++) n->type.dim[n->type.rank++] = x->dim[k];
  return GLIA_OK;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_gather(g, dy, y->in[1]);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const int64_t n = y->type.dim[0];
  int64_t dim[GLIA_MAX_RANK + 1] = {size};
  const glia_value index = glia_stacked_index_(g, glia_batched_(g, in[1], batched[1], size), n);

  for (int k = 0; k < y->type.rank; k++) dim[k + 1] = y->type.dim[k];
  return glia_reshape(
      g, glia_scatter_add(g, glia_batched_(g, in[0], batched[0], size), index, size * n),
      y->type.rank + 1, dim);
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const int64_t n = c->out.type->dim[0], row = c->out.n / n;                                     \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    memset(y, 0, (size_t)c->out.n * sizeof *y);                                                    \
    for (int64_t r = 0; r < c->in[1].n; r++, x += row) {                                           \
      const int64_t i = glia_index_(&c->in[1], r);                                                 \
      for (int64_t j = 0; i >= 0 && i < n && j < row; j++) y[i * row + j] += x[j];                 \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 1) return GLIA_NONE;
  const glia_value x = glia_sample_real(s, 3, (int64_t[]){2, 4, 3}, -2.0, 2.0);
  if (k == 0)
    return glia_scatter_add(s->g, x, glia_sample_int(s, GLIA_I32, 2, (int64_t[]){2, 4}, -1, 5), 5);
  return glia_scatter_add(s->g, x, glia_sample_int(s, GLIA_I64, 1, (int64_t[]){2}, 0, 2), 3);
}

const struct glia_op glia_op_scatter_add_ = {
    .name = "scatter_add",
    .n_in = 2,
    .linear = true,
    .infer = infer,
    .vjp = vjp,
    .vmap = vmap,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_scatter_add(struct glia_graph *g, glia_value x, glia_value index, int64_t n)
{
  const glia_value in[2] = {x, index};
  const struct glia_attr attr = {.i = {n}};

  return x == GLIA_NONE || index == GLIA_NONE
             ? GLIA_NONE
             : glia_node_add(g, &glia_op_scatter_add_, 2, in, &attr);
}

bool glia_rows_of(const struct glia_graph *g, glia_value v, glia_value *rows, glia_value *index)
{
  const struct glia_node *n = glia_graph_node(g, v);

  if (n == NULL || n->op != &glia_op_scatter_add_) return false;
  *rows = n->in[0];
  *index = n->in[1];
  return true;
}
