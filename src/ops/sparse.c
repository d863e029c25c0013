/* CSR matrices by coordinates. */
#include "glia_sparse.h"
#include "op_priv.h"

static int64_t entries_of(struct glia_graph *g, glia_value idx)
{
  const struct glia_node *n = glia_graph_node(g, idx);

  return n == NULL ? 0 : n->type.dim[0];
}

glia_value glia_csr_matmul(struct glia_graph *g, glia_value ptr, glia_value idx, glia_value val,
                           glia_value x)
{
  const glia_value row = glia_csr_rows(g, ptr, entries_of(g, idx));

  return row == GLIA_NONE ? GLIA_NONE
                          : glia_spmm(g, row, idx, val, x, glia_type_of_(g, ptr)->dim[0] - 1);
}

glia_value glia_csr_matmul_transposed(struct glia_graph *g, glia_value ptr, glia_value idx,
                                      glia_value val, glia_value x, int64_t columns)
{
  return glia_spmm(g, idx, glia_csr_rows(g, ptr, entries_of(g, idx)), val, x, columns);
}

glia_value glia_csr_sddmm(struct glia_graph *g, glia_value ptr, glia_value idx, glia_value a,
                          glia_value b)
{
  return glia_sddmm(g, glia_csr_rows(g, ptr, entries_of(g, idx)), idx, a, b, 0);
}
