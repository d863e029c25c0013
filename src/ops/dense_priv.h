/* What the operators of dense linear algebra share. */
#ifndef DENSE_PRIV_H
#define DENSE_PRIV_H

#include "glia_linalg.h"
#include "op_priv.h"

/* Float matrices [..., rows, columns]; square: rows = columns. */
GLIA_NODISCARD glia_status glia_infer_matrix_(const struct glia_graph *g, struct glia_node *n,
                                              bool square);
/* Two operands: a square matrix and right-hand sides of as many rows and the same batch. */
GLIA_NODISCARD glia_status glia_infer_solve_(const struct glia_graph *g, struct glia_node *n);

/* op(a) op(b); transposed; (x + x^T) / 2. */
glia_value glia_transposed_(struct glia_graph *g, glia_value x);
glia_value glia_symmetric_(struct glia_graph *g, glia_value x);

/* x where row + shift >= column (lower) or row <= column + shift (upper), else 0. */
glia_value glia_triangle_(struct glia_graph *g, glia_value x, bool lower, int64_t shift);
/* x [..., n] on the diagonal of zeros [..., n, n], and the diagonal of a matrix. */
glia_value glia_on_diagonal_(struct glia_graph *g, glia_value x);
glia_value glia_diagonal_(struct glia_graph *g, glia_value x);

/* Rows or columns from .. to - 1. */
glia_value glia_some_rows_(struct glia_graph *g, glia_value x, int64_t from, int64_t to);
glia_value glia_some_columns_(struct glia_graph *g, glia_value x, int64_t from, int64_t to);

/* x [..., n] as [..., 1, n] and [..., n, 1]; [..., 1, n] as [..., n]. */
glia_value glia_as_row_(struct glia_graph *g, glia_value x);
glia_value glia_as_column_(struct glia_graph *g, glia_value x);
glia_value glia_from_row_(struct glia_graph *g, glia_value x);

/* Two operands, both batched. */
glia_value glia_vmap_both_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                           const glia_value *in, const bool *batched);

/* A sample [..., rows, columns] in (-r, r) plus `diagonal` on the diagonal, times i + 1 in row i when rising. */
glia_value glia_sample_matrix_(struct glia_sample *s, int rank, const int64_t *dim, double r,
                               double diagonal, bool rising);

#endif
