/* sddmm: the entries of a dense product at the places of a sparse matrix: value[e, h] = <a[row[e], h], b[column[e], h]>. */
#include "glia_sparse.h"
#include "op_priv.h"

/* in: a, b, row, column; attr.i[0]: axes of heads */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *a = glia_type_of_(g, n->in[0]), *b = glia_type_of_(g, n->in[1]);
  const struct glia_type *row = glia_type_of_(g, n->in[2]), *column = glia_type_of_(g, n->in[3]);
  char p[GLIA_TEXT_], q[GLIA_TEXT_], r[GLIA_TEXT_], s[GLIA_TEXT_];
  const int heads = (int)n->attr.i[0];
  bool fits = glia_dtype_is_float(a->dtype) && a->dtype == b->dtype && a->rank == b->rank &&
              heads >= 0 && a->rank > heads && glia_is_index_(row->dtype) && row->rank == 1 &&
              glia_is_index_(column->dtype) && column->rank == 1 && row->dim[0] == column->dim[0];

  for (int k = 1; fits && k < a->rank; k++) fits = a->dim[k] == b->dim[k];
  GLIA_CHECK(fits, GLIA_E_SHAPE,
             "sddmm of %s and %s with %d axes of heads at rows %s and columns %s: [rows, heads..., "
             "...] and [columns, heads..., ...] are needed",
             glia_type_text(a, p, sizeof p), glia_type_text(b, q, sizeof q), heads,
             glia_type_text(row, r, sizeof r), glia_type_text(column, s, sizeof s));
  n->type = *a;
  n->type.rank = 1 + heads;
  n->type.dim[0] = row->dim[0];
  return GLIA_OK;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value a = y->in[0], b = y->in[1], row = y->in[2], column = y->in[3];

  dx[0] = glia_spmm(g, row, column, dy, b, glia_type_of_(g, a)->dim[0]);
  dx[1] = glia_spmm(g, column, row, dy, a, glia_type_of_(g, b)->dim[0]);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  const glia_value row = y->in[2], column = y->in[3];
  const int heads = (int)y->attr.i[0];
  const glia_value a = glia_sddmm(g, row, column, t[0], y->in[1], heads);
  const glia_value b = glia_sddmm(g, row, column, y->in[0], t[1], heads);

  if (a == GLIA_NONE) return b;
  return b == GLIA_NONE ? a : glia_add(g, a, b);
}

/* Batched matrices lie below one another on the diagonal of one. */
static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  glia_value x[4];

  for (int i = 0; i < 2; i++) {
    const int64_t n = glia_type_of_(g, y->in[i])->dim[0];
    x[i] = glia_merge_(g, glia_batched_(g, in[i], batched[i], size));
    x[2 + i] = glia_merge_(
        g, glia_stacked_index_(g, glia_batched_(g, in[2 + i], batched[2 + i], size), n));
  }
  return glia_split_(g, glia_sddmm(g, x[2], x[3], x[0], x[1], (int)y->attr.i[0]), size);
}

/* Four partial sums, so that the additions do not wait for one another. */
#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static double dot_##suffix(const T *a, const T *b, int64_t n)                        \
  {                                                                                                \
    double acc[4] = {0.0};                                                                         \
    int64_t i = 0;                                                                                 \
    for (; i + 4 <= n; i += 4)                                                                     \
      for (int k = 0; k < 4; k++) acc[k] += (double)a[i + k] * (double)b[i + k];                   \
    for (; i < n; i++) acc[i % 4] += (double)a[i] * (double)b[i];                                  \
    return (acc[0] + acc[1]) + (acc[2] + acc[3]);                                                  \
  }                                                                                                \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const int64_t entries = c->in[2].n, heads = c->out.n / entries;                                \
    const int64_t rows = c->in[0].type->dim[0], columns = c->in[1].type->dim[0];                   \
    const int64_t row = c->in[0].n / rows, width = row / heads;                                    \
    const T *a = c->in[0].data, *b = c->in[1].data;                                                \
    T *y = c->out.data;                                                                            \
    for (int64_t e = 0; e < entries; e++) {                                                        \
      const int64_t i = glia_index_(&c->in[2], e), j = glia_index_(&c->in[3], e);                  \
      const bool inside = i >= 0 && i < rows && j >= 0 && j < columns;                             \
      for (int64_t h = 0; h < heads; h++, y++)                                                     \
        *y =                                                                                       \
            inside ? (T)dot_##suffix(a + i * row + h * width, b + j * row + h * width, width) : 0; \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t entries[] = {7};

  if (k > 1) return GLIA_NONE;
  const glia_value a = k == 0 ? glia_sample_real(s, 2, (int64_t[]){5, 6}, -2.0, 2.0)
                              : glia_sample_real(s, 3, (int64_t[]){5, 2, 3}, -2.0, 2.0);
  const glia_value b = k == 0 ? glia_sample_real(s, 2, (int64_t[]){4, 6}, -2.0, 2.0)
                              : glia_sample_real(s, 3, (int64_t[]){4, 2, 3}, -2.0, 2.0);
  const glia_value row = glia_sample_int(s, k == 0 ? GLIA_I32 : GLIA_I64, 1, entries, -1, 5);
  return glia_sddmm(s->g, row, glia_sample_int(s, GLIA_I32, 1, entries, -1, 4), a, b, k);
}

const struct glia_op glia_op_sddmm_ = {
    .name = "sddmm",
    .source = "gale2020",
    .n_in = 4,
    .infer = infer,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = vmap,
    .reference = GLIA_FLOATS(reference),
    .sample = sample,
};

glia_value glia_sddmm(struct glia_graph *g, glia_value row, glia_value column, glia_value a,
                      glia_value b, int heads)
{
  const glia_value in[4] = {a, b, row, column};
  const struct glia_attr attr = {.i = {heads}};

  for (int i = 0; i < 4; i++)
    if (in[i] == GLIA_NONE) return GLIA_NONE;
  return glia_node_add(g, &glia_op_sddmm_, 4, in, &attr);
}
