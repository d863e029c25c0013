/* bench spectrum: all singular values of 20,000 x 1,000, beside SLEPc's solver that forms no cross product. */
#include "bench.h"

#include "glia_log.h"
#include "glia_petsc.h"
#include "glia_random.h"
#include "glia_spectrum.h"

#include <math.h>
#include <mpi.h>
#include <slepcsvd.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 20000, COLS = 1000 };

/* (1 - 2 u u^T) [diag(s); 0] (1 - 2 v v^T), column-major, with s over 12 decades. */
struct problem {
  double *a, *s, *ours, *theirs;
};

static glia_status read_rows(void *self, int64_t first, int64_t n, double *out)
{
  const struct problem *p = self;

  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < COLS; j++) out[i * COLS + j] = p->a[j * ROWS + first + i];
  return GLIA_OK;
}

static void unit(double *u, int n, const char *name)
{
  const uint64_t key = glia_random_stream(3, name);
  double norm = 0.0;

  for (int i = 0; i < n; i++) {
    u[i] = glia_random_normal(key, 0, (uint64_t)i);
    norm += u[i] * u[i];
  }
  for (int i = 0; i < n; i++) u[i] /= sqrt(norm);
}

static glia_status make(struct problem *p)
{
  double *u = calloc(ROWS + 2 * COLS, sizeof *u), *v = u + ROWS, *w = v + COLS;

  p->a = calloc((size_t)ROWS * COLS, sizeof *p->a);
  p->s = calloc(3 * COLS, sizeof *p->s);
  if (u == NULL || p->a == NULL || p->s == NULL) {
    free(u);
    return GLIA_FAIL(GLIA_E_MEMORY, "a matrix of %d x %d", ROWS, COLS);
  }
  p->ours = p->s + COLS;
  p->theirs = p->ours + COLS;
  unit(u, ROWS, "u");
  unit(v, COLS, "v");
  double uv = 0.0;
  for (int j = 0; j < COLS; j++) {
    p->s[j] = pow(10.0, -12.0 * j / (COLS - 1));
    w[j] = u[j] * p->s[j];
    uv += w[j] * v[j];
  }
  for (int j = 0; j < COLS; j++)
    for (int i = 0; i < ROWS; i++) {
      const double sv = i < COLS ? p->s[i] * v[i] : 0.0;
      p->a[(size_t)j * ROWS + (size_t)i] =
          (i == j ? p->s[j] : 0.0) - 2.0 * u[i] * w[j] - 2.0 * (sv - 2.0 * u[i] * uv) * v[j];
    }
  free(u);
  return GLIA_OK;
}

static double worst(const struct problem *p, const double *found)
{
  double w = 0.0;

  for (int j = 0; j < COLS; j++) w = fmax(w, fabs(found[j] - p->s[j]));
  return w;
}

static PetscErrorCode solve_by_slepc(const struct problem *p)
{
  PetscInt converged;
  Mat a;
  SVD svd;

  PetscCall(MatCreateSeqDense(PETSC_COMM_SELF, ROWS, COLS, p->a, &a));
  PetscCall(SVDCreate(PETSC_COMM_SELF, &svd));
  PetscCall(SVDSetOperators(svd, a, NULL));
  PetscCall(SVDSetType(svd, SVDTRLANCZOS));
  PetscCall(SVDSetDimensions(svd, COLS, PETSC_DEFAULT, PETSC_DEFAULT));
  PetscCall(SVDSetTolerances(svd, 1e-12, PETSC_DEFAULT));
  PetscCall(SVDSolve(svd));
  PetscCall(SVDGetConverged(svd, &converged));
  for (PetscInt i = 0; i < COLS && i < converged; i++)
    PetscCall(SVDGetSingularTriplet(svd, i, &p->theirs[i], NULL, NULL));
  PetscCall(SVDDestroy(&svd));
  PetscCall(MatDestroy(&a));
  return 0;
}

static glia_status compare(struct problem *p, struct bench_report *r)
{
  const struct glia_rows rows = {p, ROWS, COLS, read_rows};
  double ours[3], theirs_s = (double)NAN;

  GLIA_TRY(make(p));
  for (int i = 0; i < 3; i++) {
    r->progress(r->self, "QR by blocks, then LAPACK");
    const double t0 = glia_time_s();
    GLIA_TRY(glia_singular_values(NULL, &rows, p->ours));
    ours[i] = glia_time_s() - t0;
    if (i != 1) continue;
    r->progress(r->self, "SLEPc, thick-restart Lanczos");
    const double t1 = glia_time_s();
    GLIA_CHECK(solve_by_slepc(p) == 0, GLIA_E_INTERNAL, "SLEPc failed");
    theirs_s = glia_time_s() - t1;
  }
  const double t = bench_median(ours, 3);
  struct bench_row *row = bench_add(r, "s", t, "SLEPc trlanczos", theirs_s, (double)NAN,
                                    "all values of %d x %d", ROWS, COLS);
  if (row != NULL) row->ratio = theirs_s / t;
  row = bench_add(r, "sigma_1", worst(p, p->ours), "SLEPc trlanczos", worst(p, p->theirs),
                  (double)NAN, "worst error over 12 decades");
  if (row != NULL) row->ratio = worst(p, p->theirs) / worst(p, p->ours);
  return GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct problem p = {0};
  int started;

  (void)seconds;
  MPI_Initialized(&started);
  if (!started) MPI_Init(NULL, NULL);
  glia_status st = glia_petsc_begin(NULL);
  if (st == GLIA_OK) st = compare(&p, r);
  free(p.a);
  free(p.s);
  glia_petsc_end();
  if (!started) MPI_Finalize();
  return st;
}

const struct bench bench_spectrum_ = {
    .name = "spectrum",
    .what = "all singular values of 20,000 x 1,000 over 12 decades, beside SLEPc",
    .run = run,
};
