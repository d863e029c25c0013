/* gather: rows of x by index; a row of zeros where the index is outside. Its adjoint is scatter_add. */
#include "op_priv.h"

#include <string.h>

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]), *index = glia_type_of_(g, n->in[1]);
  char a[GLIA_TEXT_], b[GLIA_TEXT_];

  GLIA_CHECK(x->rank > 0 && glia_is_index_(index->dtype) &&
                 x->rank - 1 + index->rank <= GLIA_MAX_RANK,
             GLIA_E_SHAPE, "gather from %s by %s: rows and integers are needed",
             glia_type_text(x, a, sizeof a), glia_type_text(index, b, sizeof b));
  n->type = *index;
  n->type.dtype = x->dtype;
  for (int k = 1; k < x->rank; k++) n->type.dim[n->type.rank++] = x->dim[k];
  return GLIA_OK;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_scatter_add(g, dy, y->in[1], glia_type_of_(g, y->in[0])->dim[0]);
}

/* Batched rows lie below one another: sample b's row i is row b n + i. */
static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const struct glia_type *x = glia_type_of_(g, in[0]);
  int64_t dim[GLIA_MAX_RANK];

  if (!batched[0]) return glia_gather(g, in[0], in[1]);
  dim[0] = size * x->dim[1];
  for (int k = 2; k < x->rank; k++) dim[k - 1] = x->dim[k];
  const glia_value index =
      glia_stacked_index_(g, glia_batched_(g, in[1], batched[1], size), x->dim[1]);
  (void)y;
  return glia_gather(g, glia_reshape(g, in[0], x->rank - 1, dim), index);
}

static void reference(const struct glia_call *c)
{
  const int64_t n = c->in[0].type->dim[0];
  const size_t row = glia_type_bytes(c->in[0].type) / (size_t)n;
  const char *x = c->in[0].data;
  char *y = c->out.data;

  for (int64_t r = 0; r < c->in[1].n; r++, y += row) {
    const int64_t i = glia_index_(&c->in[1], r);
    if (i >= 0 && i < n)
      memcpy(y, x + (size_t)i * row, row);
    else
      memset(y, 0, row);
  }
}

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 1) return GLIA_NONE;
  const glia_value x = glia_sample_real(s, 2, (int64_t[]){5, 3}, -2.0, 2.0);
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

glia_value glia_gather(struct glia_graph *g, glia_value x, glia_value index)
{
  const glia_value in[2] = {x, index};

  return x == GLIA_NONE || index == GLIA_NONE ? GLIA_NONE
                                              : glia_node_add(g, &glia_op_gather_, 2, in, NULL);
}
