/* gather: rows of x by index; a row of zeros where the index is outside. With EACH, slice by slice of the first axis of both.
 * Its adjoint is scatter_add. */
#include "op_priv.h"

#include <string.h>

enum { EACH }; /* attr.i: 1: x and index share their first axis */

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]), *index = glia_type_of_(g, n->in[1]);
  const int each = (int)n->attr.i[EACH];
  char a[GLIA_TEXT_], b[GLIA_TEXT_];

  GLIA_CHECK(x->rank > each && index->rank >= each && glia_is_index_(index->dtype) &&
                 (each == 0 || x->dim[0] == index->dim[0]) &&
                 x->rank - 1 - each + index->rank <= GLIA_MAX_RANK,
             GLIA_E_SHAPE, "gather from %s by %s: rows and integers are needed",
             glia_type_text(x, a, sizeof a), glia_type_text(index, b, sizeof b));
  n->type = *index;
  n->type.dtype = x->dtype;
  for (int k = each + 1; k < x->rank; k++) n->type.dim[n->type.rank++] = x->dim[k];
  return GLIA_OK;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const int each = (int)y->attr.i[EACH];
  const int64_t n = glia_type_of_(g, y->in[0])->dim[each];

  dx[0] = each ? glia_scatter_add_each(g, dy, y->in[1], n) : glia_scatter_add(g, dy, y->in[1], n);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const bool each = y->attr.i[EACH] != 0;

  if (!batched[0] && !each) return glia_gather(g, in[0], in[1]);
  const glia_value x = glia_batched_(g, in[0], batched[0], size),
                   index = glia_batched_(g, in[1], batched[1], size);
  if (!each) return glia_gather_each(g, x, index);
  return glia_split_(g, glia_gather_each(g, glia_merge_(g, x), glia_merge_(g, index)), size);
}

static void reference(const struct glia_call *c)
{
  const bool each = c->attr->i[EACH] != 0;
  const int64_t n = c->in[0].type->dim[each ? 1 : 0], slices = each ? c->in[0].type->dim[0] : 1;
  const size_t row = glia_type_bytes(c->out.type) / (size_t)c->in[1].n; /* n may be 0 */
  const char *x = c->in[0].data;
  char *y = c->out.data;

  for (int64_t s = 0, r = 0; s < slices; s++, x += (size_t)n * row)
    for (const int64_t end = r + c->in[1].n / slices; r < end; r++, y += row) {
      const int64_t i = glia_index_(&c->in[1], r);
      if (i >= 0 && i < n)
        memcpy(y, x + (size_t)i * row, row);
      else
        memset(y, 0, row);
    }
}

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 2) return GLIA_NONE;
  const glia_value x = glia_sample_real(s, 2, (int64_t[]){5, 3}, -2.0, 2.0);
  if (k == 2)
    return glia_gather_each(s->g, x, glia_sample_int(s, GLIA_I32, 3, (int64_t[]){5, 2, 2}, -1, 3));
  if (k == 0) return glia_gather(s->g, x, glia_sample_int(s, GLIA_I32, 1, (int64_t[]){6}, 0, 4));
  return glia_gather(s->g, x, glia_sample_int(s, GLIA_I64, 2, (int64_t[]){2, 4}, -1, 6));
}

const struct glia_op glia_op_gather_ = {
    .name = "gather",
    .n_in = 2,
    .linear = true,
    .infer = infer,
    .vjp = vjp,
    .vmap = vmap,
    .reference = GLIA_ANY_TYPE(reference),
    .sample = sample,
};

static glia_value gather(struct glia_graph *g, glia_value x, glia_value index, int each)
{
  const glia_value in[2] = {x, index};
  const struct glia_attr attr = {.i = {[EACH] = each}};

  return x == GLIA_NONE || index == GLIA_NONE ? GLIA_NONE
                                              : glia_node_add(g, &glia_op_gather_, 2, in, &attr);
}

glia_value glia_gather(struct glia_graph *g, glia_value x, glia_value index)
{
  return gather(g, x, index, 0);
}

glia_value glia_gather_each(struct glia_graph *g, glia_value x, glia_value index)
{
  return gather(g, x, index, 1);
}
