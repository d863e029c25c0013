/* Linear models of rows, on one thread: the same bits for the same rows. Fits are in float64. Row-major.
 *
 * Moments are gathered block by block, so that rows need not be in memory at once.
 */
#ifndef GLIA_LINEAR_H
#define GLIA_LINEAR_H

#include "glia_status.h"

/** sum [n, m] += a^T b for rows a [rows, n], b [rows, m]. */
GLIA_API void glia_linear_gather(int64_t rows, int n, int m, const double *a, const double *b,
                                 double *sum);

/** y [m] = x w for one row x [n], w [n, m]. */
GLIA_API void glia_linear_apply(int n, int m, const double *x, const double *w, double *y);

/** The same in float32: half the bytes, where the weights of many models pass by for one row each. */
GLIA_API void glia_linear_apply_f32(int n, int m, const float *x, const float *w, float *y);

/** Ridge regression from moments: w [n, m] of (aa + lambda I) w = ab.
 *
 *  aa  [n, n], symmetric; overwritten
 *  w   ab [n, m] before, w after
 *
 *  Errors: GLIA_E_DATA where aa + lambda I is not positive definite (a NaN among the rows, lambda too small).
 *  Source: hoerl1970.
 */
GLIA_API GLIA_NODISCARD glia_status glia_linear_ridge(int n, int m, double lambda, double *aa,
                                                      double *w);

#endif
