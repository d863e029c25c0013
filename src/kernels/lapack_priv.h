/* Routines of LAPACK. OpenBLAS has them; its headers may not declare them. Fortran: matrices by columns, and the lengths of character
 * arguments follow the others. */
#ifndef LAPACK_PRIV_H
#define LAPACK_PRIV_H

#include <stddef.h>

void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivot, int *info);
void dgetrs_(const char *trans, const int *n, const int *k, const double *a, const int *lda,
             const int *pivot, double *b, const int *ldb, int *info, size_t);
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda,
             double *b, const int *ldb, int *info, size_t);
void dtrtrs_(const char *uplo, const char *trans, const char *diag, const int *n, const int *k,
             const double *a, const int *lda, double *b, const int *ldb, int *info, size_t, size_t,
             size_t);
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
             const int *lwork, int *info);
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau,
             double *work, const int *lwork, int *info);
void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
            double *work, const int *lwork, int *info, size_t, size_t);

#endif
