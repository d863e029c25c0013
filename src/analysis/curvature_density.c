/* Trace and spectral density of a curvature by stochastic Lanczos quadrature. Source: golub1969, ubaru2017.
 *
 * While probes are added, weights are those of one probe each; `finish` divides them by the number of probes. */
#include "curvature_priv.h"

#include "glia_dense.h"
#include "glia_random.h"

#include <math.h>
#include <slepcbv.h>
#include <stdlib.h>
#include <string.h>

enum {
  GRID = 4096,          /* of points at which distribution functions are compared */
  EXACT_MAX = 4096,     /* parameters up to which a matrix may be formed: 128 MiB */
  PRODUCTS_MAX = 20000, /* by probes, while an error is aimed at */
  BASIS_MAX = 1 << 28   /* numbers in a basis then: 2 GiB */
};

/* Everything that probes share. */
struct quadrature {
  struct glia_curvature *c;
  glia_curvature_kind kind;
  const struct glia_curvature_top *top;
  struct glia_curvature_density *out;
  uint64_t key;
  PetscInt n;
  int half; /* steps of the shorter quadrature that tells what more steps would change */
  double *half_node, *half_weight; /* [probes, half] */
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

/* Nodes and weights of the first m steps, padded with points without weight where the probe's space was exhausted. */
static glia_status rule(int m, int steps, const double *diagonal, const double *beside,
                        double share, double *node, double *weight)
{
  double *e = calloc((size_t)steps + 1, sizeof *e);

  GLIA_CHECK(e != NULL, GLIA_E_MEMORY, "%d steps of Lanczos", steps);
  memcpy(node, diagonal, (size_t)m * sizeof *node);
  if (m > 1) memcpy(e, beside, (size_t)(m - 1) * sizeof *e);
  const glia_status st = glia_dense_tridiagonal(m, node, e, weight);
  free(e);
  GLIA_TRY(st);
  for (int i = 0; i < steps; i++) {
    weight[i] = i < m ? weight[i] * weight[i] * share : 0.0;
    if (i >= m) node[i] = node[m - 1];
  }
  return GLIA_OK;
}

static glia_status add_probe(const struct quadrature *q, int index)
{
  struct glia_curvature_density *out = q->out;
  const int steps = out->steps, half = q->half;
  const int64_t at = out->exact + (int64_t)index * steps;
  const double share = (double)(q->n - out->exact) / (double)q->n;
  double *d = calloc(2 * (size_t)steps + 1, sizeof *d), *e = d + steps;
  int m = 0;

  GLIA_CHECK(d != NULL, GLIA_E_MEMORY, "%d steps of Lanczos", steps);
  glia_status st = lanczos(q, index, d, e, &m);
  if (st == GLIA_OK) st = rule(m, steps, d, e, share, out->node + at, out->weight + at);
  if (st == GLIA_OK)
    st = rule(m < half ? m : half, half, d, e, share, q->half_node + (int64_t)index * half,
              q->half_weight + (int64_t)index * half);
  free(d);
  return st;
}

/* What is not known of the density, as areas between distribution functions over the range: by few probes, the integral of the
 * standard error; by few steps, what half of them would change. Nodes of a probe rise. */
static glia_status estimate(struct quadrature *q)
{
  struct glia_curvature_density *out = q->out;
  double *sum = calloc(3 * (size_t)GRID, sizeof *sum), *squares = sum + GRID,
         *shorter = squares + GRID;

  GLIA_CHECK(sum != NULL, GLIA_E_MEMORY, "a grid of %d", (int)GRID);
  out->lo = out->hi = out->node[0];
  for (int64_t i = 1; i < out->n; i++) {
    out->lo = fmin(out->lo, out->node[i]);
    out->hi = fmax(out->hi, out->node[i]);
  }
  for (int p = 0; p < out->probes; p++) {
    const int64_t at = out->exact + (int64_t)p * out->steps, at_half = (int64_t)p * q->half;
    double own = 0.0, less = 0.0;
    for (int g = 0, i = 0, k = 0; g < GRID; g++) {
      const double x = out->lo + (out->hi - out->lo) * (g + 0.5) / GRID;
      while (i < out->steps && out->node[at + i] <= x) own += out->weight[at + i++];
      while (k < q->half && q->half_node[at_half + k] <= x) less += q->half_weight[at_half + k++];
      sum[g] += own;
      squares[g] += own * own;
      shorter[g] += less;
    }
  }
  const double probes = out->probes;
  out->error_probes = probes > 1.0 ? 0.0 : (double)NAN;
  out->error_steps = 0.0;
  for (int g = 0; g < GRID; g++) {
    const double mean = sum[g] / probes, variance = squares[g] / probes - mean * mean;
    if (probes > 1.0) out->error_probes += sqrt(fmax(variance, 0.0) / (probes - 1.0)) / GRID;
    out->error_steps += fabs(mean - shorter[g] / probes) / GRID;
  }
  free(sum);
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
  if (d->probes == 0) {
    if (error != NULL) *error = 0.0;
    return exact;
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

static void close_quadrature(struct quadrature *q)
{
  BVDestroy(&q->basis);
  MatDestroy(&q->t);
  MatDestroy(&q->a);
  free(q->half_node);
  free(q->half_weight);
  q->half_node = q->half_weight = NULL;
}

/* Begin with no probes; an earlier density of other steps is dropped. */
static glia_status open_quadrature(struct quadrature *q, int steps)
{
  struct glia_curvature_density *out = q->out;

  close_quadrature(q);
  glia_curvature_density_free(out);
  out->exact = q->top != NULL ? q->top->found : 0;
  out->n = out->exact;
  if (steps > q->n - out->exact - 1)
    steps = q->n - out->exact > 1 ? (int)(q->n - out->exact) - 1 : 0;
  out->steps = steps;
  q->half = steps > 1 ? steps / 2 : steps;
  out->node = calloc((size_t)out->n + 1, sizeof *out->node);
  out->weight = calloc((size_t)out->n + 1, sizeof *out->weight);
  GLIA_CHECK(out->node != NULL && out->weight != NULL, GLIA_E_MEMORY, "a density");
  for (int i = 0; i < out->exact; i++) {
    out->node[i] = q->top->value[i];
    out->weight[i] = 1.0 / (double)q->n;
  }
  if (steps == 0) return GLIA_OK;
  GLIA_TRY(glia_curvature_shell_(q->c, q->kind, &q->a));
  GLIA_TRY_PETSC(BVCreate(PETSC_COMM_SELF, &q->basis));
  GLIA_TRY_PETSC(BVSetSizes(q->basis, q->n, q->n, steps + 1));
  GLIA_TRY_PETSC(BVSetType(q->basis, BVMAT));
  GLIA_TRY(constrain(q));
  GLIA_TRY_PETSC(MatCreateSeqDense(PETSC_COMM_SELF, steps + 1, steps + 1, NULL, &q->t));
  return GLIA_OK;
}

static glia_status grow(double **x, int64_t n)
{
  double *more = realloc(*x, ((size_t)n + 1) * sizeof **x);

  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "a density of %lld points", (long long)n);
  *x = more;
  return GLIA_OK;
}

/* Up to `probes` of them. */
static glia_status add_probes(struct quadrature *q, int probes)
{
  struct glia_curvature_density *out = q->out;

  if (out->steps == 0) return GLIA_OK;
  const int64_t n = out->exact + (int64_t)probes * out->steps;
  GLIA_TRY(grow(&out->node, n));
  GLIA_TRY(grow(&out->weight, n));
  GLIA_TRY(grow(&q->half_node, (int64_t)probes * q->half));
  GLIA_TRY(grow(&q->half_weight, (int64_t)probes * q->half));
  glia_curvature_plan_(q->c, (int64_t)(probes - out->probes) * out->steps, 1);
  for (; out->probes < probes; out->probes++) GLIA_TRY(add_probe(q, out->probes));
  out->n = n;
  return estimate(q);
}

static void finish(struct quadrature *q)
{
  struct glia_curvature_density *out = q->out;

  for (int64_t i = out->exact; i < out->n; i++) out->weight[i] /= out->probes;
  summarise(out, (double)q->n);
  close_quadrature(q);
}

static glia_status check(int probes, int steps)
{
  GLIA_CHECK(probes >= 1 && probes <= 10000 && steps >= 1 && steps <= 10000, GLIA_E_ARGUMENT,
             "a density by %d probes of %d steps, expected 1 to 10000 of each", probes, steps);
  return GLIA_OK;
}

static struct quadrature prepare(struct glia_curvature *c, glia_curvature_kind kind,
                                 const struct glia_curvature_top *top, uint64_t seed,
                                 struct glia_curvature_density *out)
{
  *out = (struct glia_curvature_density){0};
  return (struct quadrature){.c = c,
                             .kind = kind,
                             .top = top,
                             .out = out,
                             .key = glia_random_stream(seed, "curvature/probe"),
                             .n = (PetscInt)glia_curvature_size(c)};
}

static glia_status end(struct quadrature *q, glia_status st)
{
  if (st == GLIA_OK) {
    finish(q);
    return GLIA_OK;
  }
  close_quadrature(q);
  glia_curvature_density_free(q->out);
  return st;
}

glia_status glia_curvature_density(struct glia_curvature *c, glia_curvature_kind kind,
                                   const struct glia_curvature_top *top, int probes, int steps,
                                   uint64_t seed, struct glia_curvature_density *out)
{
  struct quadrature q = prepare(c, kind, top, seed, out);

  GLIA_TRY(check(probes, steps));
  glia_status st = open_quadrature(&q, steps);
  if (st == GLIA_OK) st = add_probes(&q, probes);
  return end(&q, st);
}

/* All eigenvalues, by a matrix of as many products as there are parameters. */
static glia_status all_values(struct quadrature *q)
{
  struct glia_curvature_density *out = q->out;
  const size_t n = (size_t)q->n;
  double *a = malloc(n * n * sizeof *a), *unit = calloc(n, sizeof *unit);
  glia_status st = GLIA_OK;

  close_quadrature(q);
  glia_curvature_density_free(out);
  out->exact = (int)q->n;
  out->n = q->n;
  out->node = calloc(n + 1, sizeof *out->node);
  out->weight = calloc(n + 1, sizeof *out->weight);
  if (a == NULL || unit == NULL || out->node == NULL || out->weight == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "a matrix of %lld parameters", (long long)q->n);
  glia_curvature_plan_(q->c, q->n, 1);
  for (size_t i = 0; i < n && st == GLIA_OK; i++) {
    unit[i] = 1.0;
    st = glia_curvature_apply(q->c, q->kind, unit, a + i * n);
    unit[i] = 0.0;
  }
  if (st == GLIA_OK) st = glia_dense_symmetric(q->n, a, out->node, false);
  for (size_t i = 0; i < n && st == GLIA_OK; i++) out->weight[i] = 1.0 / (double)n;
  if (st == GLIA_OK) {
    out->lo = out->node[0];
    out->hi = out->node[n - 1];
  }
  free(a);
  free(unit);
  return st;
}

/* One stage more: more steps or more probes, whatever misses more; or all values, where that costs no more than twice as much. */
static glia_status improve(struct quadrature *q, bool *ended)
{
  struct glia_curvature_density *out = q->out;
  const bool deeper = out->error_steps > out->error_probes;
  const int steps = deeper ? 2 * out->steps : out->steps,
            probes = deeper ? out->probes : 2 * out->probes;
  const int64_t more = (int64_t)steps * (deeper ? probes : probes - out->probes);

  if (q->n <= EXACT_MAX && 2 * more >= q->n) {
    *ended = true;
    return all_values(q);
  }
  *ended = (int64_t)steps * probes > PRODUCTS_MAX || (int64_t)q->n * steps > BASIS_MAX ||
           steps >= q->n - out->exact || probes > 10000;
  if (*ended) return GLIA_OK; /* what was reached is told */
  if (deeper) GLIA_TRY(open_quadrature(q, steps));
  return add_probes(q, probes);
}

glia_status glia_curvature_density_to(struct glia_curvature *c, glia_curvature_kind kind,
                                      const struct glia_curvature_top *top, double error,
                                      int probes, int steps, uint64_t seed,
                                      struct glia_curvature_density *out)
{
  struct quadrature q = prepare(c, kind, top, seed, out);
  glia_status st = GLIA_OK;
  bool ended = false;

  GLIA_TRY(check(probes, steps));
  if (probes < 2 && isfinite(error)) probes = 2; /* one alone knows no error */
  if ((int64_t)probes * steps >= q.n && q.n <= EXACT_MAX) return end(&q, all_values(&q));
  st = open_quadrature(&q, steps);
  if (st == GLIA_OK) st = add_probes(&q, probes);
  while (st == GLIA_OK && !ended && out->error_steps + out->error_probes > error)
    st = improve(&q, &ended);
  return end(&q, st);
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
