/* Singular values of a matrix whose smaller extent is too large for one rank: ScaLAPACK, through SLEPc. */
#include "glia_agree.h"
#include "glia_mpi.h"
#include "glia_spectrum.h"
#include "petsc_priv.h"

#include <slepcsvd.h>
#include <stdlib.h>

/* This rank's rows into its part of the distributed matrix. */
static glia_status fill(Mat m, const struct glia_rows *a)
{
  PetscInt lo, hi, lda;
  PetscScalar *v;
  glia_status st = GLIA_OK;
  double *row = malloc((size_t)a->cols * sizeof *row);

  GLIA_CHECK(row != NULL, GLIA_E_MEMORY, "a row of %lld", (long long)a->cols);
  GLIA_TRY_PETSC_TO(out, st, MatGetOwnershipRange(m, &lo, &hi));
  GLIA_TRY_PETSC_TO(out, st, MatDenseGetLDA(m, &lda));
  GLIA_TRY_PETSC_TO(out, st, MatDenseGetArray(m, &v));
  for (PetscInt i = lo; i < hi && st == GLIA_OK; i++) {
    st = a->read(a->self, i, 1, row);
    for (int64_t j = 0; j < a->cols && st == GLIA_OK; j++) v[j * lda + (i - lo)] = row[j];
  }
  MatDenseRestoreArray(m, &v);
out:
  free(row);
  return st;
}

static glia_status solve(struct glia_comm *comm, Mat m, const struct glia_rows *a, SVD *svd,
                         double *s)
{
  const PetscInt n = (PetscInt)(a->rows < a->cols ? a->rows : a->cols);
  PetscInt converged = 0;

  GLIA_TRY(glia_agree(comm, fill(m, a)));
  GLIA_TRY_PETSC(MatAssemblyBegin(m, MAT_FINAL_ASSEMBLY));
  GLIA_TRY_PETSC(MatAssemblyEnd(m, MAT_FINAL_ASSEMBLY));
  GLIA_TRY_PETSC(SVDCreate(glia_comm_mpi(comm), svd));
  GLIA_TRY_PETSC(SVDSetOperators(*svd, m, NULL));
  GLIA_TRY_PETSC(SVDSetType(*svd, SVDSCALAPACK));
  GLIA_TRY_PETSC(SVDSetDimensions(*svd, n, PETSC_DEFAULT, PETSC_DEFAULT));
  GLIA_TRY_PETSC(SVDSolve(*svd));
  GLIA_TRY_PETSC(SVDGetConverged(*svd, &converged));
  GLIA_CHECK(converged == n, GLIA_E_INTERNAL, "ScaLAPACK found %d of %d singular values",
             (int)converged, (int)n);
  for (PetscInt i = 0; i < n; i++)
    GLIA_TRY_PETSC(SVDGetSingularTriplet(*svd, i, &s[i], NULL, NULL));
  return GLIA_OK;
}

glia_status glia_singular_values_scalapack(struct glia_comm *comm, const struct glia_rows *a,
                                           double *s)
{
  Mat m = NULL;
  SVD svd = NULL;

  GLIA_CHECK(a->rows > 0 && a->cols > 0 && a->rows <= INT32_MAX && a->cols <= INT32_MAX,
             GLIA_E_ARGUMENT, "singular values of %lld x %lld", (long long)a->rows,
             (long long)a->cols);
  GLIA_TRY_PETSC(MatCreateDense(glia_comm_mpi(comm), PETSC_DECIDE, PETSC_DECIDE, (PetscInt)a->rows,
                                (PetscInt)a->cols, NULL, &m));
  const glia_status st = solve(comm, m, a, &svd, s);
  SVDDestroy(&svd);
  MatDestroy(&m);
  return st;
}
