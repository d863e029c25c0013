/* csr_rows: the row of each entry of a CSR matrix from its row pointers; -1 for entries past the last row. */
#include "glia_sparse.h"
#include "op_priv.h"

/* attr.i[0]: entries */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  char a[GLIA_TEXT_];

  n->type = *glia_type_of_(g, n->in[0]);
  GLIA_CHECK((n->type.dtype == GLIA_I32 || n->type.dtype == GLIA_I64) && n->type.rank > 0 &&
                 n->type.dim[n->type.rank - 1] > 1 && n->attr.i[0] > 0,
             GLIA_E_SHAPE, "csr_rows of %s: i32 or i64 pointers [rows + 1] are needed",
             glia_type_text(&n->type, a, sizeof a));
  n->type.dim[n->type.rank - 1] = n->attr.i[0];
  return GLIA_OK;
}

/* Whatever the pointers hold, nothing is written outside. */
#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const struct glia_type *t = c->in[0].type;                                                     \
    const int64_t rows = t->dim[t->rank - 1] - 1, n = c->attr->i[0];                               \
    const T *ptr = c->in[0].data;                                                                  \
    T *y = c->out.data;                                                                            \
    for (const T *end = y + c->out.n; y < end; y += n, ptr += rows + 1) {                          \
      for (int64_t e = 0; e < n; e++) y[e] = -1;                                                   \
      for (int64_t r = 0; r < rows; r++) {                                                         \
        const int64_t from = ptr[r] < 0 ? 0 : ptr[r], to = ptr[r + 1] < n ? ptr[r + 1] : n;        \
        for (int64_t e = from; e < to; e++) y[e] = (T)r;                                           \
      }                                                                                            \
    }                                                                                              \
  }
KERNEL(int32_t, i32)
KERNEL(int64_t, i64)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 1) return GLIA_NONE;
  const glia_value ptr = k == 0 ? glia_sample_int(s, GLIA_I32, 1, (int64_t[]){5}, 0, 7)
                                : glia_sample_int(s, GLIA_I64, 2, (int64_t[]){2, 4}, -1, 9);
  return glia_csr_rows(s->g, ptr, 7);
}

const struct glia_op glia_op_csr_rows_ = {
    .name = "csr_rows",
    .n_in = 1,
    .key = -1,
    .infer = infer,
    .vmap = glia_vmap_leading_,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = {[GLIA_I32] = reference_i32, [GLIA_I64] = reference_i64},
    .sample = sample,
};

glia_value glia_csr_rows(struct glia_graph *g, glia_value ptr, int64_t entries)
{
  const struct glia_attr attr = {.i = {entries}};

  return ptr == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_csr_rows_, 1, &ptr, &attr);
}
