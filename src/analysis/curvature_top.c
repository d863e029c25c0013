/* Extreme eigenvalues of a curvature by Krylov and Schur's method. Source: stewart2002. */
#include "curvature_priv.h"

#include "glia_random.h"

#include <math.h>
#include <slepceps.h>
#include <stdlib.h>
#include <string.h>

/* A start vector that is a function of the element alone. */
static glia_status start_vector(EPS eps, Mat a, Vec *x)
{
  const uint64_t key = glia_random_stream(0, "curvature/start");
  PetscScalar *v;
  PetscInt n;

  GLIA_TRY_PETSC(MatCreateVecs(a, x, NULL));
  GLIA_TRY_PETSC(VecGetSize(*x, &n));
  GLIA_TRY_PETSC(VecGetArray(*x, &v));
  for (PetscInt i = 0; i < n; i++) v[i] = glia_random_normal(key, 0, (uint64_t)i);
  GLIA_TRY_PETSC(VecRestoreArray(*x, &v));
  GLIA_TRY_PETSC(EPSSetInitialSpace(eps, 1, x));
  return GLIA_OK;
}

/* Outliers on a dense bulk: a wide basis, and few restarts: what lies in the bulk is no eigenvalue to wait for. */
static PetscInt width_of(int k, PetscInt n) { return 3 * k + 30 < n ? 3 * k + 30 : n; }

static glia_status set_up(EPS eps, Mat a, int k, PetscInt n)
{
  const PetscInt width = width_of(k, n);

  GLIA_TRY_PETSC(EPSSetOperators(eps, a, NULL));
  GLIA_TRY_PETSC(EPSSetProblemType(eps, EPS_HEP));
  GLIA_TRY_PETSC(EPSSetType(eps, EPSKRYLOVSCHUR));
  GLIA_TRY_PETSC(EPSSetWhichEigenpairs(eps, EPS_LARGEST_MAGNITUDE));
  GLIA_TRY_PETSC(EPSSetDimensions(eps, k, width, PETSC_DEFAULT));
  GLIA_TRY_PETSC(EPSSetTolerances(eps, 1e-9, 100));
  return GLIA_OK;
}

static glia_status collect(EPS eps, int k, Vec x, int64_t size, struct glia_curvature_top *out)
{
  const PetscScalar *v;
  PetscInt converged;

  GLIA_TRY_PETSC(EPSGetConverged(eps, &converged));
  out->found = converged < k ? (int)converged : k;
  out->vector = malloc((size_t)out->found * (size_t)size * sizeof *out->vector + 1);
  GLIA_CHECK(out->vector != NULL, GLIA_E_MEMORY, "%d vectors of %lld", out->found, (long long)size);
  for (int i = 0; i < out->found; i++) {
    GLIA_TRY_PETSC(EPSGetEigenpair(eps, i, &out->value[i], NULL, x, NULL));
    GLIA_TRY_PETSC(VecGetArrayRead(x, &v));
    memcpy(out->vector + (size_t)i * (size_t)size, v, (size_t)size * sizeof *v);
    GLIA_TRY_PETSC(VecRestoreArrayRead(x, &v));
    GLIA_TRY_PETSC(EPSGetErrorEstimate(eps, i, &out->error[i]));
  }
  return GLIA_OK;
}

glia_status glia_curvature_top(struct glia_curvature *c, glia_curvature_kind kind, int k,
                               struct glia_curvature_top *out)
{
  const int64_t before = glia_curvature_products_(c), size = glia_curvature_size(c);
  glia_status st = GLIA_OK;
  Mat a = NULL;
  EPS eps = NULL;
  Vec x = NULL;

  GLIA_CHECK(k >= 1 && k <= GLIA_CURVATURE_TOP_MAX, GLIA_E_ARGUMENT,
             "%d eigenvalues, expected 1 to %d", k, GLIA_CURVATURE_TOP_MAX);
  if (k > size) k = (int)size;
  *out = (struct glia_curvature_top){.asked = k};
  GLIA_TRY_TO(out, st, glia_curvature_shell_(c, kind, &a));
  GLIA_TRY_PETSC_TO(out, st, EPSCreate(PETSC_COMM_SELF, &eps));
  GLIA_TRY_TO(out, st, set_up(eps, a, k, (PetscInt)size));
  GLIA_TRY_TO(out, st, start_vector(eps, a, &x));
  const PetscInt width = width_of(k, (PetscInt)size);
  glia_curvature_plan_(c, width, (width + 1) / 2); /* a restart keeps half of the basis */
  const PetscErrorCode error = EPSSolve(eps);
  GLIA_TRY_TO(out, st, glia_curvature_failure_(c)); /* ours comes first: it says why */
  GLIA_TRY_PETSC_TO(out, st, error);
  GLIA_TRY_TO(out, st, collect(eps, k, x, size, out));
  out->products = glia_curvature_products_(c) - before;
out:
  VecDestroy(&x);
  EPSDestroy(&eps);
  MatDestroy(&a);
  if (st != GLIA_OK) glia_curvature_top_free(out);
  return st;
}

void glia_curvature_top_free(struct glia_curvature_top *top)
{
  free(top->vector);
  top->vector = NULL;
}
