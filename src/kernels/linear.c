/* Ridge regression: LAPACK and BLAS behind names of ours. See glia_linear.h. */
#include "glia_kernels.h"
#include "glia_linear.h"
#include "lapack_priv.h"

#include <cblas.h>
#include <stdlib.h>

void glia_linear_gather(int64_t rows, int n, int m, const double *a, const double *b, double *sum)
{
  (void)glia_kernels_level(); /* one thread */
  if (rows > 0)
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, m, (int)rows, 1.0, a, n, b, m, 1.0, sum,
                m);
}

void glia_linear_apply(int n, int m, const double *x, const double *w, double *y)
{
  (void)glia_kernels_level();
  cblas_dgemv(CblasRowMajor, CblasTrans, n, m, 1.0, w, m, x, 1, 0.0, y, 1);
}

void glia_linear_apply_f32(int n, int m, const float *x, const float *w, float *y)
{
  (void)glia_kernels_level();
  cblas_sgemv(CblasRowMajor, CblasTrans, n, m, 1.0F, w, m, x, 1, 0.0F, y, 1);
}

glia_status glia_linear_ridge(int n, int m, double lambda, double *aa, double *w)
{
  const int one = 1;
  int info = 0;

  (void)glia_kernels_level();
  for (int i = 0; i < n; i++) aa[(size_t)i * (size_t)n + (size_t)i] += lambda;
  dpotrf_("L", &n, aa, &n, &info, 1); /* symmetric: rows or columns first are the same */
  GLIA_CHECK(info == 0, GLIA_E_DATA, "a least-squares problem of %d unknowns is singular", n);
  double *column = malloc((size_t)n * sizeof *column);
  GLIA_CHECK(column != NULL, GLIA_E_MEMORY, "%d unknowns", n);
  for (int j = 0; j < m; j++) {
    for (int i = 0; i < n; i++) column[i] = w[(size_t)i * (size_t)m + (size_t)j];
    dpotrs_("L", &n, &one, aa, &n, column, &n, &info, 1);
    for (int i = 0; i < n; i++) w[(size_t)i * (size_t)m + (size_t)j] = column[i];
  }
  free(column);
  return GLIA_OK;
}
