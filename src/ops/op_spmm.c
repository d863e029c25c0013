/* spmm: a sparse matrix by coordinates times a dense one: y[row[e], h] += value[e, h] x[column[e], h], e rising. */
#include "glia_sparse.h"
#include "op_priv.h"

#include <string.h>

/* in: value, x, row, column; attr.i[0]: rows of the result */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *value = glia_type_of_(g, n->in[0]), *x = glia_type_of_(g, n->in[1]);
  const struct glia_type *row = glia_type_of_(g, n->in[2]), *column = glia_type_of_(g, n->in[3]);
  char a[GLIA_TEXT_], b[GLIA_TEXT_], c[GLIA_TEXT_], d[GLIA_TEXT_];
  bool fits = glia_dtype_is_float(value->dtype) && value->dtype == x->dtype &&
              glia_is_index_(row->dtype) && glia_is_index_(column->dtype) && row->rank == 1 &&
              column->rank == 1 && value->rank > 0 && x->rank >= value->rank && n->attr.i[0] > 0;

  fits = fits && row->dim[0] == value->dim[0] && column->dim[0] == value->dim[0];
  for (int k = 1; fits && k < value->rank; k++) fits = value->dim[k] == x->dim[k];
  GLIA_CHECK(fits, GLIA_E_SHAPE,
             "spmm of entries %s and %s at rows %s and columns %s: [entries, heads...] and "
             "[columns, heads..., ...] are needed",
             glia_type_text(value, a, sizeof a), glia_type_text(x, b, sizeof b),
             glia_type_text(row, c, sizeof c), glia_type_text(column, d, sizeof d));
  n->type = *x;
  n->type.dim[0] = n->attr.i[0];
  return GLIA_OK;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value value = y->in[0], x = y->in[1], row = y->in[2], column = y->in[3];

  dx[0] = glia_sddmm(g, row, column, dy, x, glia_type_of_(g, value)->rank - 1);
  dx[1] = glia_spmm(g, column, row, value, dy, glia_type_of_(g, x)->dim[0]);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  const glia_value row = y->in[2], column = y->in[3];
  const glia_value a = glia_spmm(g, row, column, t[0], y->in[1], y->type.dim[0]);
  const glia_value b = glia_spmm(g, row, column, y->in[0], t[1], y->type.dim[0]);

  if (a == GLIA_NONE) return b;
  return b == GLIA_NONE ? a : glia_add(g, a, b);
}

/* Batched matrices lie below one another on the diagonal of one. */
static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const int64_t rows = y->type.dim[0], columns = glia_type_of_(g, y->in[1])->dim[0];
  const glia_value row = glia_stacked_index_(g, glia_batched_(g, in[2], batched[2], size), rows);
  const glia_value column =
      glia_stacked_index_(g, glia_batched_(g, in[3], batched[3], size), columns);
  const glia_value value = glia_merge_(g, glia_batched_(g, in[0], batched[0], size));
  const glia_value x = glia_merge_(g, glia_batched_(g, in[1], batched[1], size));

  return glia_split_(
      g, glia_spmm(g, glia_merge_(g, row), glia_merge_(g, column), value, x, size * rows), size);
}

/* A run of entries of one row is summed in float64, a tile of columns at a time. */
enum { TILE = 128 };

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void run_##suffix(T *y, int64_t width, const T *value, int64_t heads,         \
                                       const T *x, int64_t x_row, int64_t from, int64_t to,        \
                                       const struct glia_operand *column, int64_t columns)         \
  {                                                                                                \
    for (int64_t j = 0; j < width; j += TILE) {                                                    \
      const int64_t n = width - j < TILE ? width - j : TILE;                                       \
      double acc[TILE] = {0.0};                                                                    \
      for (int64_t e = from; e < to; e++) {                                                        \
        const int64_t at = glia_index_(column, e);                                                 \
        if (at < 0 || at >= columns) continue;                                                     \
        const double v = (double)value[e * heads];                                                 \
        const T *from_x = x + at * x_row + j;                                                      \
        for (int64_t i = 0; i < n; i++) acc[i] += v * (double)from_x[i];                           \
      }                                                                                            \
      for (int64_t i = 0; i < n; i++) y[j + i] = (T)((double)y[j + i] + acc[i]);                   \
    }                                                                                              \
  }                                                                                                \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const int64_t entries = c->in[2].n, columns = c->in[1].type->dim[0];                           \
    const int64_t rows = c->out.type->dim[0], row = c->out.n / rows;                               \
    const int64_t heads = c->in[0].n / entries, width = row / heads;                               \
    const T *value = c->in[0].data, *x = c->in[1].data;                                            \
    T *y = c->out.data;                                                                            \
    memset(y, 0, (size_t)c->out.n * sizeof *y);                                                    \
    for (int64_t from = 0, to; from < entries; from = to) {                                        \
      const int64_t r = glia_index_(&c->in[2], from);                                              \
      for (to = from + 1; to < entries && glia_index_(&c->in[2], to) == r; to++) continue;         \
      for (int64_t h = 0; r >= 0 && r < rows && h < heads; h++)                                    \
        run_##suffix(y + r * row + h * width, width, value + h, heads, x + h * width, row, from,   \
                     to, &c->in[3], columns);                                                      \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t entries[] = {7}, plain[] = {4, 3}, headed[] = {4, 2, 3};

  if (k > 1) return GLIA_NONE;
  const glia_value value = glia_sample_real(s, 1 + k, (int64_t[]){7, 2}, -2.0, 2.0);
  const glia_value x = glia_sample_real(s, 2 + k, k == 0 ? plain : headed, -2.0, 2.0);
  const glia_value row = glia_sample_int(s, k == 0 ? GLIA_I32 : GLIA_I64, 1, entries, -1, 5);
  return glia_spmm(s->g, row, glia_sample_int(s, GLIA_I32, 1, entries, -1, 4), value, x, 5);
}

const struct glia_op glia_op_spmm_ = {
    .name = "spmm",
    .source = "gale2020",
    .n_in = 4,
    .infer = infer,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = vmap,
    .reference = GLIA_FLOATS(reference),
    .sample = sample,
};

glia_value glia_spmm(struct glia_graph *g, glia_value row, glia_value column, glia_value value,
                     glia_value x, int64_t rows)
{
  const glia_value in[4] = {value, x, row, column};
  const struct glia_attr attr = {.i = {rows}};

  for (int i = 0; i < 4; i++)
    if (in[i] == GLIA_NONE) return GLIA_NONE;
  return glia_node_add(g, &glia_op_spmm_, 4, in, &attr);
}
