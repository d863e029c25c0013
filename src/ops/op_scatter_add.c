/* scatter_add: rows of x added to rows of zeros by index, in order; rows with an index outside are left out. With EACH, slice by
 * slice of the first axis of both. Its adjoint is gather. */
#include "op_priv.h"

#include <string.h>

enum {
  ROWS,
  EACH
}; /* attr.i: rows of the result (of a slice); 1: x and index share their first axis with it */

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]), *index = glia_type_of_(g, n->in[1]);
  const int each = (int)n->attr.i[EACH];
  char a[GLIA_TEXT_], b[GLIA_TEXT_];
  bool fits = glia_is_index_(index->dtype) && glia_dtype_is_float(x->dtype) &&
              index->rank >= each && x->rank >= index->rank &&
              x->rank - index->rank + each < GLIA_MAX_RANK && n->attr.i[ROWS] > 0;

  for (int k = 0; fits && k < index->rank; k++) fits = x->dim[k] == index->dim[k];
  GLIA_CHECK(fits, GLIA_E_SHAPE, "scatter_add of %s by %s", glia_type_text(x, a, sizeof a),
             glia_type_text(index, b, sizeof b));
  n->type = (struct glia_type){.dtype = x->dtype};
  if (each) n->type.dim[n->type.rank++] = x->dim[0];
  n->type.dim[n->type.rank++] = n->attr.i[ROWS];
  for (int k = index->rank; k < x->rank; k++) n->type.dim[n->type.rank++] = x->dim[k];
  return GLIA_OK;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = y->attr.i[EACH] ? glia_gather_each(g, dy, y->in[1]) : glia_gather(g, dy, y->in[1]);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const int64_t n = y->attr.i[ROWS];
  const glia_value x = glia_batched_(g, in[0], batched[0], size),
                   index = glia_batched_(g, in[1], batched[1], size);

  if (y->attr.i[EACH] == 0) return glia_scatter_add_each(g, x, index, n);
  return glia_split_(g, glia_scatter_add_each(g, glia_merge_(g, x), glia_merge_(g, index), n),
                     size);
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const int64_t n = c->attr->i[ROWS], slices = c->attr->i[EACH] ? c->out.type->dim[0] : 1;       \
    const int64_t row = c->out.n / (n * slices);                                                   \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    memset(y, 0, (size_t)c->out.n * sizeof *y);                                                    \
    for (int64_t s = 0, r = 0; s < slices; s++, y += n * row)                                      \
      for (const int64_t end = r + c->in[1].n / slices; r < end; r++, x += row) {                  \
        const int64_t i = glia_index_(&c->in[1], r);                                               \
        for (int64_t j = 0; i >= 0 && i < n && j < row; j++) y[i * row + j] += x[j];               \
      }                                                                                            \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 2) return GLIA_NONE;
  const glia_value x = glia_sample_real(s, 3, (int64_t[]){2, 4, 3}, -2.0, 2.0);
  if (k == 0)
    return glia_scatter_add(s->g, x, glia_sample_int(s, GLIA_I32, 2, (int64_t[]){2, 4}, -1, 5), 5);
  if (k == 2)
    return glia_scatter_add_each(s->g, x, glia_sample_int(s, GLIA_I32, 2, (int64_t[]){2, 4}, -1, 5),
                                 5);
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

static glia_value scatter(struct glia_graph *g, glia_value x, glia_value index, int64_t n, int each)
{
  const glia_value in[2] = {x, index};
  const struct glia_attr attr = {.i = {[ROWS] = n, [EACH] = each}};

  return x == GLIA_NONE || index == GLIA_NONE
             ? GLIA_NONE
             : glia_node_add(g, &glia_op_scatter_add_, 2, in, &attr);
}

glia_value glia_scatter_add(struct glia_graph *g, glia_value x, glia_value index, int64_t n)
{
  return scatter(g, x, index, n, 0);
}

glia_value glia_scatter_add_each(struct glia_graph *g, glia_value x, glia_value index, int64_t n)
{
  return scatter(g, x, index, n, 1);
}

bool glia_rows_of(const struct glia_graph *g, glia_value v, glia_value *rows, glia_value *index)
{
  const struct glia_node *n = glia_graph_node(g, v);

  if (n == NULL || n->op != &glia_op_scatter_add_ || n->attr.i[EACH] != 0) return false;
  *rows = n->in[0];
  *index = n->in[1];
  return true;
}
