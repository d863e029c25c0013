/* Small dense linear algebra over the last two axes; leading axes are a batch. Work is done in float64 whatever the element type.
 * A kernel cannot fail: where a matrix is singular, or not positive definite, or has a NaN, all of that matrix's result is NaN.
 * Derivatives: giles2008, walter2010; of any order, like all others. */
#ifndef GLIA_LINALG_H
#define GLIA_LINALG_H

#include "glia_op.h"

/** x with A x = b, or A^T x = b: a [..., n, n], b [..., n, k] -> [..., n, k]. */
GLIA_API glia_value glia_solve(struct glia_graph *g, glia_value a, glia_value b, bool transposed);
GLIA_API glia_value glia_inverse(struct glia_graph *g, glia_value a);

/** The same for a triangle of a: its lower or upper one; the other is not read. */
GLIA_API glia_value glia_triangular_solve(struct glia_graph *g, glia_value a, glia_value b,
                                          bool lower, bool transposed);

/** Lower triangle L with L L^T = (a + a^T) / 2, positive definite. */
GLIA_API glia_value glia_cholesky(struct glia_graph *g, glia_value a);

/** a [..., m, n] = q r, m >= n: q [..., m, n] orthonormal, r [..., n, n] upper with a positive diagonal. The derivative wants full
 *  rank. Outputs may be NULL. */
GLIA_API void glia_qr(struct glia_graph *g, glia_value a, glia_value *q, glia_value *r);

/** Eigenvalues w [..., n], rising, and orthonormal vectors v [..., n, n] (columns) of (a + a^T) / 2; of each vector the first of its
 *  largest numbers is positive. Outputs may be NULL.
 *  Where eigenvalues agree (to n eps times the largest), vectors are one choice among many, and no derivative passes between
 *  them: right for functions of w alone and of the subspace they span; what mixes both, as v f(w) v^T, loses f'(w) there. */
GLIA_API void glia_eigh(struct glia_graph *g, glia_value a, glia_value *w, glia_value *v);

/** a [..., m, n] = u diag(s) v^T with k = min(m, n): u [..., m, k], s [..., k] falling, v [..., n, k]. Outputs may be NULL.
 *  From the symmetric matrix [0 a; a^T 0], whose eigenvalues are s and -s: hence eigh's rule for equal singular values, and
 *  where s = 0 the columns of u and v are neither of length 1 nor differentiable. */
GLIA_API void glia_svd(struct glia_graph *g, glia_value a, glia_value *u, glia_value *s,
                       glia_value *v);

/* For kernels: one matrix of a batch in float64, row-major. m and n are those of operand 0, k columns of operand 1. */
struct glia_matrix {
  int64_t m, n, k;
  const struct glia_attr *attr;
  double *a, *b; /* operands [m, n] and [n, k] (NULL: there is one), which may be overwritten */
  double *y;     /* result */
  int64_t ny;
  double *work;
};
/** Run `core` on each matrix of a node's batch; c->scratch holds glia_matrix_bytes and what work needs. */
GLIA_API void glia_matrix_run(const struct glia_call *c, void (*core)(const struct glia_matrix *d));
GLIA_API size_t glia_matrix_bytes(const struct glia_graph *g, const struct glia_node *n);
/** The result of what has none. */
GLIA_API void glia_matrix_fail(const struct glia_matrix *d);

/** Turn eigenvectors, the columns of v [n, n], to the sign that glia_eigh promises. */
GLIA_API void glia_eigh_signs(double *v, int64_t n);

/* What the attributes of the operators say. */
enum { GLIA_MATRIX_TRANSPOSED, GLIA_MATRIX_LOWER };

#endif
