/* Products with sparse matrices, in an engine whose extents are bounded: entries are planned at their maximum number, and those
 * that are not there have a row or a column outside the matrix (-1): they add nothing, whatever their number, and their derivative is 0.
 *
 * Coordinates: entry e stands at (row[e], column[e]), row and column [entries] integer. Sums go over e, rising. CSR (ptr, idx,
 * val) becomes coordinates by glia_csr_rows; glia_csr_matmul and its kin do so. The family is closed under derivatives: a
 * product's are the same product with row and column exchanged, and dots of rows at the entries. */
#ifndef GLIA_SPARSE_H
#define GLIA_SPARSE_H

#include "glia_op.h"

/** Row of each entry of a CSR matrix: ptr [..., rows + 1] integer, rising from 0 -> [..., entries] of ptr's type; from
 *  ptr[rows] on (entries that are not there) -1. */
GLIA_API glia_value glia_csr_rows(struct glia_graph *g, glia_value ptr, int64_t entries);

/** y[row[e], h, ...] += value[e, h] x[column[e], h, ...], from zeros: a sparse matrix (one for each head h) times x.
 *  value  [entries, heads...] float, heads may be absent
 *  x      [columns, heads..., ...]
 *  Result [rows, heads..., ...]. With row and column exchanged: the transposed matrix. */
GLIA_API glia_value glia_spmm(struct glia_graph *g, glia_value row, glia_value column,
                              glia_value value, glia_value x, int64_t rows);

/** value[e, h] = <a[row[e], h, ...], b[column[e], h, ...]>: the entries of a product of dense matrices (SDDMM).
 *  a [rows, heads..., ...], b [columns, heads..., ...], the same after the first axis; heads: number of those axes
 *  Result [entries, heads...]. */
GLIA_API glia_value glia_sddmm(struct glia_graph *g, glia_value row, glia_value column,
                               glia_value a, glia_value b, int heads);

/** y = A x and y = A^T x for a CSR matrix A [rows, columns]: ptr [rows + 1], idx [entries] (the columns), val [entries, heads...]. */
GLIA_API glia_value glia_csr_matmul(struct glia_graph *g, glia_value ptr, glia_value idx,
                                    glia_value val, glia_value x);
GLIA_API glia_value glia_csr_matmul_transposed(struct glia_graph *g, glia_value ptr, glia_value idx,
                                               glia_value val, glia_value x, int64_t columns);
/** Entries of a b^T at a CSR matrix's places: a [rows, f], b [columns, f] -> [entries]. */
GLIA_API glia_value glia_csr_sddmm(struct glia_graph *g, glia_value ptr, glia_value idx,
                                   glia_value a, glia_value b);

#endif
