/* Trace and spectral density of a curvature by stochastic Lanczos quadrature. Source: golub1969, ubaru2017. */
#include "curvature_priv.h"

#include "glia_dense.h"
#include "glia_random.h"

#include <math.h>
#include <slepcbv.h>
#include <stdlib.h>
#include <string.h>

/* Everything that probes share. */
struct quadrature {
  struct glia_curvature *c;
  const struct glia_curvature_top *top;
  struct glia_curvature_density *out;
  uint64_t key;
  PetscInt n;
  Mat a, t;
  BV basis;
};

/* Random signs, less what lies along known eigenvectors, of norm 1. */
static void start(const struct quadrature *q, int index, double *v)
{
  double squares = 0.0;

  for (PetscInt i = 0; i < q->n; i++)
    v[i] = (glia_random_bits(q->key, (uint64_t)index, (uint64_t)i) & 1) != 0 ? 1.0 : -1.0;
  for (int pass = 0; pass < 2; pass++)
    for (int k = 0; k < q->out->exact; k++) {
      const double *x = q->top->vector + (size_t)k * (size_t)q->n;
      double along = 0.0;
      for (PetscInt i = 0; i < q->n; i++) along += v[i] * x[i];
      for (PetscInt i = 0; i < q->n; i++) v[i] -= along * x[i];
    }
  for (PetscInt i = 0; i < q->n; i++) squares += v[i] * v[i];
  for (PetscInt i = 0; i < q->n; i++) v[i] /= sqrt(squares);
}

/* Lanczos from a probe: diagonal d and off-diagonal e of *m steps. */
static glia_status lanczos(const struct quadrature *q, int index, double *d, double *e, int *m)
{
  PetscBool breakdown = PETSC_FALSE;
  PetscInt made = q->out->steps, lda;
  PetscScalar *v;
  const PetscScalar *column;
  Vec x;

  GLIA_TRY_PETSC(BVGetColumn(q->basis, 0, &x));
  GLIA_TRY_PETSC(VecGetArrayWrite(x, &v));
  start(q, index, v);
  GLIA_TRY_PETSC(VecRestoreArrayWrite(x, &v));
  GLIA_TRY_PETSC(BVRestoreColumn(q->basis, 0, &x));
  const PetscErrorCode error = BVMatLanczos(q->basis, q->a, q->t, 0, &made, NULL, &breakdown);
  GLIA_TRY(glia_curvature_failure_(q->c));
  GLIA_TRY_PETSC(error);
  GLIA_TRY_PETSC(MatDenseGetLDA(q->t, &lda));
  GLIA_TRY_PETSC(
      MatDenseGetArrayRead(q->t, &column)); /* column 0 is the diagonal, 1 what is beside it */
  memcpy(d, column, (size_t)made * sizeof *d);
  if (made > 1) memcpy(e, column + lda, (size_t)(made - 1) * sizeof *e);
  GLIA_TRY_PETSC(MatDenseRestoreArrayRead(q->t, &column));
  *m = (int)made;
  return GLIA_OK;
}

static glia_status add_probe(const struct quadrature *q, int index)
{
  struct glia_curvature_density *out = q->out;
  const int steps = out->steps;
  const int64_t at = out->exact + (int64_t)index * steps;
  const double share = (double)(q->n - out->exact) / (double)q->n / out->probes;
  double *d = out->node + at, *w = out->weight + at;
  int m = 0;

  double *e = calloc((size_t)steps, sizeof *e);
  GLIA_CHECK(e != NULL, GLIA_E_MEMORY, "%d steps of Lanczos", steps);
  glia_status st = lanczos(q, index, d, e, &m);
  if (st == GLIA_OK) st = glia_dense_tridiagonal(m, d, e, w);
  free(e);
  GLIA_TRY(st);
  for (int i = 0; i < m; i++) w[i] = w[i] * w[i] * share;
  for (int i = m; i < steps; i++) { /* the probe's space was exhausted: points without weight */
    d[i] = d[0];
    w[i] = 0.0;
  }
  return GLIA_OK;
}

/* f(node), or node <= at. */
static double value_at(double node, int power, double at)
{
  return power == 0 ? (node <= at ? 1.0 : 0.0) : power == 1 ? node : node * node;
}

/* Sum over all points, and its standard error over the probes. */
static double over_probes(const struct glia_curvature_density *d, int power, double at,
                          double *error)
{
  double sum = 0.0, squares = 0.0, exact = 0.0;

  for (int i = 0; i < d->exact; i++) exact += d->weight[i] * value_at(d->node[i], power, at);
  for (int p = 0; p < d->probes; p++) {
    double own = 0.0;
    for (int64_t i = d->exact + (int64_t)p * d->steps; i < d->exact + (int64_t)(p + 1) * d->steps;
         i++)
      own += d->probes * d->weight[i] * value_at(d->node[i], power, at);
    sum += own;
    squares += own * own;
  }
  const double mean = sum / d->probes, variance = squares / d->probes - mean * mean;
  if (error != NULL)
    *error = d->probes > 1 ? sqrt(fmax(variance, 0.0) / (d->probes - 1)) : (double)NAN;
  return exact + mean;
}

static void summarise(struct glia_curvature_density *d, double size)
{
  d->trace = size * over_probes(d, 1, 0.0, &d->trace_error);
  d->square = size * over_probes(d, 2, 0.0, &d->square_error);
  d->trace_error *= size;
  d->square_error *= size;
  d->lo = d->hi = d->node[0];
  for (int64_t i = 1; i < d->n; i++) {
    d->lo = fmin(d->lo, d->node[i]);
    d->hi = fmax(d->hi, d->node[i]);
  }
}

/* Known vectors as constraints: every new one is made orthogonal to them as well. */
static glia_status constrain(struct quadrature *q)
{
  PetscInt count = q->out->exact;
  Vec x[GLIA_CURVATURE_TOP_MAX];
  glia_status st = GLIA_OK;
  int made = 0;

  for (; made < count && st == GLIA_OK; made++) {
    const PetscErrorCode error = VecCreateSeqWithArray(
        PETSC_COMM_SELF, 1, q->n, q->top->vector + (size_t)made * (size_t)q->n, &x[made]);
    if (error != 0) {
      st = glia_petsc_fail_(error, __FILE__, __LINE__, __func__, "VecCreateSeqWithArray");
      break;
    }
  }
  if (st == GLIA_OK && count > 0) {
    const PetscErrorCode error = BVInsertConstraints(q->basis, &count, x);
    if (error != 0)
      st = glia_petsc_fail_(error, __FILE__, __LINE__, __func__, "BVInsertConstraints");
  }
  for (int i = 0; i < made; i++) VecDestroy(&x[i]);
  return st;
}

static glia_status run(struct quadrature *q, glia_curvature_kind kind)
{
  const PetscInt steps = q->out->steps;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(done, st, glia_curvature_shell_(q->c, kind, &q->a));
  GLIA_TRY_PETSC_TO(done, st, BVCreate(PETSC_COMM_SELF, &q->basis));
  GLIA_TRY_PETSC_TO(done, st, BVSetSizes(q->basis, q->n, q->n, steps + 1));
  GLIA_TRY_PETSC_TO(done, st, BVSetType(q->basis, BVMAT));
  GLIA_TRY_TO(done, st, constrain(q));
  GLIA_TRY_PETSC_TO(done, st,
                    MatCreateSeqDense(PETSC_COMM_SELF, steps + 1, steps + 1, NULL, &q->t));
  for (int p = 0; p < q->out->probes && st == GLIA_OK; p++) st = add_probe(q, p);
done:
  BVDestroy(&q->basis);
  MatDestroy(&q->t);
  MatDestroy(&q->a);
  return st;
}

glia_status glia_curvature_density(struct glia_curvature *c, glia_curvature_kind kind,
                                   const struct glia_curvature_top *top, int probes, int steps,
                                   uint64_t seed, struct glia_curvature_density *out)
{
  const int64_t size = glia_curvature_size(c);
  const int exact = top != NULL ? top->found : 0;
  struct quadrature q = {.c = c,
                         .top = top,
                         .out = out,
                         .key = glia_random_stream(seed, "curvature/probe"),
                         .n = (PetscInt)size};

  *out = (struct glia_curvature_density){0};
  GLIA_CHECK(probes >= 1 && probes <= 10000 && steps >= 1 && steps <= 10000, GLIA_E_ARGUMENT,
             "a density by %d probes of %d steps, expected 1 to 10000 of each", probes, steps);
  if (steps > size - exact - 1) steps = size - exact > 1 ? (int)(size - exact) - 1 : 0;
  out->probes = probes;
  out->steps = steps;
  out->exact = exact;
  out->n = exact + (int64_t)probes * steps;
  out->node = calloc((size_t)out->n + 1, sizeof *out->node);
  out->weight = calloc((size_t)out->n + 1, sizeof *out->weight);
  glia_status st = GLIA_OK;
  if (out->node == NULL || out->weight == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "a density of %lld points", (long long)out->n);
  for (int i = 0; i < exact && st == GLIA_OK; i++) {
    out->node[i] = top->value[i];
    out->weight[i] = 1.0 / (double)size;
  }
  if (st == GLIA_OK && steps > 0) st = run(&q, kind);
  if (st != GLIA_OK) {
    glia_curvature_density_free(out);
    return st;
  }
  summarise(out, (double)size);
  return GLIA_OK;
}

void glia_curvature_density_free(struct glia_curvature_density *d)
{
  free(d->node);
  free(d->weight);
  *d = (struct glia_curvature_density){0};
}

double glia_curvature_share_below(const struct glia_curvature_density *d, double x, double *error)
{
  return over_probes(d, 0, x, error);
}
