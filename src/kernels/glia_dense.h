/* Dense linear algebra in float64 on one thread: LAPACK behind names of ours. Matrices are column-major, as LAPACK has them. */
#ifndef GLIA_DENSE_H
#define GLIA_DENSE_H

#include "glia_status.h"

/** R of the QR factorisation of a [m, n]: r [n, n] upper triangular, zero below; rows past m are zero. a is overwritten.
 *  Errors: GLIA_E_ARGUMENT, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_dense_r(int64_t m, int64_t n, double *a, double *r);

/** R of two upper triangles, one above the other: into r [n, n]; below is overwritten. */
GLIA_API GLIA_NODISCARD glia_status glia_dense_r_join(int64_t n, double *r, double *below);

/** All singular values of a [m, n], falling, into s [min(m, n)]; a is overwritten. Errors: also GLIA_E_INTERNAL. */
GLIA_API GLIA_NODISCARD glia_status glia_dense_singular_values(int64_t m, int64_t n, double *a,
                                                               double *s);

/** Singular values and left vectors u [m, min(m, n)] of a [m, n]. */
GLIA_API GLIA_NODISCARD glia_status glia_dense_singular_left(int64_t m, int64_t n, double *a,
                                                             double *s, double *u);

/** Singular values, falling, of the bidiagonal matrix with diagonal d [n] and e [n - 1] beside it, into d; to high
 *  relative accuracy. e is overwritten. Source: fernando1994. */
GLIA_API GLIA_NODISCARD glia_status glia_dense_bidiagonal_values(int64_t n, double *d, double *e);

/** Eigenvalues, rising, of the symmetric a [n, n] into w [n]; vectors: they replace a, by columns. */
GLIA_API GLIA_NODISCARD glia_status glia_dense_symmetric(int64_t n, double *a, double *w,
                                                         bool vectors);

/** Eigenvalues, rising, of the symmetric tridiagonal matrix with diagonal d [n] and e [n - 1] beside it, into d, and the
 *  first component of each vector into first [n]. e is overwritten. Source: golub1969. */
GLIA_API GLIA_NODISCARD glia_status glia_dense_tridiagonal(int64_t n, double *d, double *e,
                                                           double *first);

/** y = A x for a [m, n] by rows, each `stride` apart: y [m], x [n]; transposed: y [n] = A^T x, x [m]. */
GLIA_API GLIA_NODISCARD glia_status glia_dense_times(int64_t m, int64_t n, const double *a,
                                                     int64_t stride, const double *x, double *y,
                                                     bool transposed);

/** x <- R^-1 x, or R^-T x, for an upper triangle r [n, n] with columns `stride` apart. */
GLIA_API GLIA_NODISCARD glia_status glia_dense_triangle(int64_t n, const double *r, int64_t stride,
                                                        double *x, bool transposed);

#endif
