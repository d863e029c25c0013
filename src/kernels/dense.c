/* LAPACK behind names of ours: see glia_dense.h. */
#include "glia_dense.h"

#include "glia_kernels.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dtpqrt_(const int *m, const int *n, const int *l, const int *nb, double *a, const int *lda,
             double *b, const int *ldb, double *t, const int *ldt, double *work, int *info);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s,
             double *u, const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork,
             int *iwork, int *info, size_t jobz_length);
void dlasq1_(const int *n, double *d, double *e, double *work, int *info);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info,
             size_t jobz_length, size_t uplo_length);
void dsteqr_(const char *compz, const int *n, double *d, double *e, double *z, const int *ldz,
             double *work, int *info, size_t compz_length);

void dgemv_(const char *trans, const int *m, const int *n, const double *alpha, const double *a,
            const int *lda, const double *x, const int *incx, const double *beta, double *y,
            const int *incy, size_t trans_length);
void dtrsv_(const char *uplo, const char *trans, const char *diag, const int *n, const double *a,
            const int *lda, double *x, const int *incx, size_t uplo_length, size_t trans_length,
            size_t diag_length);

/* Extents as LAPACK counts; glia_kernels_level sets BLAS to one thread. */
static glia_status extents(int64_t m, int64_t n)
{
  GLIA_CHECK(m >= 0 && n >= 0 && m <= INT_MAX / 2 && n <= INT_MAX / 2 &&
                 (n == 0 || m <= INT64_MAX / 8 / n),
             GLIA_E_ARGUMENT, "a dense matrix of %lld x %lld", (long long)m, (long long)n);
  (void)glia_kernels_level();
  return GLIA_OK;
}

static glia_status result(const char *what, int info)
{
  GLIA_CHECK(info == 0, GLIA_E_INTERNAL, "LAPACK %s ended with %d", what, info);
  return GLIA_OK;
}

static glia_status workspace(double **work, int64_t count)
{
  *work = malloc((size_t)(count > 0 ? count : 1) * sizeof **work);
  GLIA_CHECK(*work != NULL, GLIA_E_MEMORY, "%lld numbers of workspace", (long long)count);
  return GLIA_OK;
}

glia_status glia_dense_r(int64_t m, int64_t n, double *a, double *r)
{
  const int mi = (int)m, ni = (int)n, k = mi < ni ? mi : ni, lda = mi > 0 ? mi : 1;
  int info = 0, ask = -1;
  double best, *work;

  GLIA_TRY(extents(m, n));
  memset(r, 0, (size_t)(n * n) * sizeof *r);
  if (k == 0) return GLIA_OK;
  dgeqrf_(&mi, &ni, a, &lda, &best, &best, &ask, &info);
  const int lwork = (int)best;
  GLIA_TRY(workspace(&work, (int64_t)lwork + k));
  dgeqrf_(&mi, &ni, a, &lda, work + lwork, work, &lwork, &info);
  free(work);
  for (int64_t j = 0; j < n; j++)
    memcpy(r + j * n, a + j * m, (size_t)(j + 1 < k ? j + 1 : k) * sizeof *r);
  return result("dgeqrf", info);
}

glia_status glia_dense_r_join(int64_t n, double *r, double *below)
{
  const int ni = (int)n, nb = ni < 32 ? ni : 32;
  double *work;
  int info = 0;

  GLIA_TRY(extents(n, n));
  if (n == 0) return GLIA_OK;
  GLIA_TRY(workspace(&work, (int64_t)2 * nb * ni));
  dtpqrt_(&ni, &ni, &ni, &nb, r, &ni, below, &ni, work, &nb, work + (size_t)nb * (size_t)ni, &info);
  free(work);
  return result("dtpqrt", info);
}

static glia_status divide_and_conquer(const char *job, int64_t m, int64_t n, double *a, double *s,
                                      double *u)
{
  const int mi = (int)m, ni = (int)n, k = mi < ni ? mi : ni, one = 1;
  int info = 0, ask = -1;
  double best, none, *work;

  GLIA_TRY(extents(m, n));
  if (k == 0) return GLIA_OK;
  const int ldvt = *job == 'S' ? k : one;
  double *vt = NULL;
  int *iwork = malloc(8 * (size_t)k * sizeof *iwork);
  if (*job == 'S') vt = malloc((size_t)k * (size_t)ni * sizeof *vt);
  dgesdd_(job, &mi, &ni, a, &mi, s, u != NULL ? u : &none, u != NULL ? &mi : &one,
          vt != NULL ? vt : &none, &ldvt, &best, &ask, iwork, &info, 1);
  glia_status st = workspace(&work, (int64_t)best);
  if (st == GLIA_OK && (iwork == NULL || (*job == 'S' && vt == NULL)))
    st = GLIA_FAIL(GLIA_E_MEMORY, "singular values of %d x %d", mi, ni);
  if (st == GLIA_OK) {
    const int lwork = (int)best;
    dgesdd_(job, &mi, &ni, a, &mi, s, u != NULL ? u : &none, u != NULL ? &mi : &one,
            vt != NULL ? vt : &none, &ldvt, work, &lwork, iwork, &info, 1);
    st = result("dgesdd", info);
  }
  free(work);
  free(iwork);
  free(vt);
  return st;
}

glia_status glia_dense_singular_values(int64_t m, int64_t n, double *a, double *s)
{
  return divide_and_conquer("N", m, n, a, s, NULL);
}

glia_status glia_dense_singular_left(int64_t m, int64_t n, double *a, double *s, double *u)
{
  return divide_and_conquer("S", m, n, a, s, u);
}

glia_status glia_dense_bidiagonal_values(int64_t n, double *d, double *e)
{
  const int ni = (int)n;
  double *work;
  int info = 0;

  GLIA_TRY(extents(n, 1));
  GLIA_TRY(workspace(&work, 4 * n));
  dlasq1_(&ni, d, e, work, &info);
  free(work);
  return result("dlasq1", info);
}

glia_status glia_dense_symmetric(int64_t n, double *a, double *w, bool vectors)
{
  const char *job = vectors ? "V" : "N";
  const int ni = (int)n, lda = ni > 0 ? ni : 1;
  int info = 0, ask = -1, ibest;
  double best, *work;

  GLIA_TRY(extents(n, n));
  dsyevd_(job, "L", &ni, a, &lda, w, &best, &ask, &ibest, &ask, &info, 1, 1);
  const int lwork = (int)best, liwork = ibest;
  GLIA_TRY(workspace(&work, lwork));
  int *iwork = malloc((size_t)liwork * sizeof *iwork);
  if (iwork == NULL) {
    free(work);
    return GLIA_FAIL(GLIA_E_MEMORY, "eigenvalues of %d x %d", ni, ni);
  }
  dsyevd_(job, "L", &ni, a, &lda, w, work, &lwork, iwork, &liwork, &info, 1, 1);
  free(iwork);
  free(work);
  return result("dsyevd", info);
}

glia_status glia_dense_tridiagonal(int64_t n, double *d, double *e, double *first)
{
  const int ni = (int)n;
  double *work;
  int info = 0;

  GLIA_TRY(extents(n, n));
  GLIA_TRY(workspace(&work, n * n + 2 * n));
  double *z = work + 2 * n;
  dsteqr_("I", &ni, d, e, z, &ni, work, &info, 1);
  for (int64_t j = 0; j < n; j++) first[j] = z[j * n];
  free(work);
  return result("dsteqr", info);
}

glia_status glia_dense_times(int64_t m, int64_t n, const double *a, int64_t stride, const double *x,
                             double *y, bool transposed)
{
  const int mi = (int)n, ni = (int)m, lda = (int)stride, one = 1; /* by rows: turned for BLAS */
  const double alpha = 1.0, beta = 0.0;

  GLIA_TRY(extents(m, stride));
  dgemv_(transposed ? "N" : "T", &mi, &ni, &alpha, a, &lda, x, &one, &beta, y, &one, 1);
  return GLIA_OK;
}

glia_status glia_dense_triangle(int64_t n, const double *r, int64_t stride, double *x,
                                bool transposed)
{
  const int ni = (int)n, lda = (int)stride, one = 1;

  GLIA_TRY(extents(n, stride));
  dtrsv_("U", transposed ? "T" : "N", "N", &ni, r, &lda, x, &one, 1, 1, 1);
  return GLIA_OK;
}
