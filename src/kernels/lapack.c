/* Dense linear algebra by LAPACK, one matrix at a time, in work space that was planned. LAPACK counts by columns: what is a matrix
 * here is its transpose there. */
#include "glia_linalg.h"
#include "kernels_priv.h"
#include "lapack_priv.h"

#include <string.h>

enum { BLOCK = 64 }; /* columns that the blocked routines may ask work space for */

/* y [columns, rows] = x [rows, columns] transposed. */
static void transpose(const double *x, int64_t rows, int64_t columns, double *y)
{
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) y[j * rows + i] = x[i * columns + j];
}

/* Right-hand sides lie in columns in work; pivots behind them. */
static void solve(const struct glia_matrix *d)
{
  const int n = (int)d->n, k = (int)d->k;
  int *pivot = (void *)(d->work + d->n * d->k);
  int info;

  transpose(d->b, n, k, d->work);
  dgetrf_(&n, &n, d->a, &n, pivot, &info);
  if (info != 0) {
    glia_matrix_fail(d);
    return;
  }
  dgetrs_(d->attr->i[GLIA_MATRIX_TRANSPOSED] != 0 ? "N" : "T", &n, &k, d->a, &n, pivot, d->work, &n,
          &info, 1);
  transpose(d->work, k, n, d->y);
}

static void triangular_solve(const struct glia_matrix *d)
{
  const int n = (int)d->n, k = (int)d->k;
  int info;

  transpose(d->b, n, k, d->work);
  dtrtrs_(d->attr->i[GLIA_MATRIX_LOWER] != 0 ? "U" : "L",
          d->attr->i[GLIA_MATRIX_TRANSPOSED] != 0 ? "N" : "T", "N", &n, &k, d->a, &n, d->work, &n,
          &info, 1, 1, 1);
  if (info != 0)
    glia_matrix_fail(d);
  else
    transpose(d->work, k, n, d->y);
}

static void cholesky(const struct glia_matrix *d)
{
  const int n = (int)d->n;
  int info;

  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) d->y[i * n + j] = j > i ? 0.0 : d->a[i * n + j];
  dpotrf_("U", &n, d->y, &n, &info, 1);
  if (info != 0) glia_matrix_fail(d);
}

/* work: the matrix by columns [n, m], n factors, and what LAPACK works in. */
static void qr(const struct glia_matrix *d)
{
  const int m = (int)d->m, n = (int)d->n, size = BLOCK * n;
  double *a = d->work, *tau = a + d->m * d->n, *work = tau + n, *r = d->y + d->m * d->n;
  int info;

  transpose(d->a, m, n, a);
  dgeqrf_(&m, &n, a, &m, tau, work, &size, &info);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) r[i * n + j] = j < i ? 0.0 : a[(int64_t)j * m + i];
  for (int i = 0; i < n; i++)
    if (!(r[i * n + i] * r[i * n + i] > 0.0)) {
      glia_matrix_fail(d);
      return;
    }
  dorgqr_(&m, &n, &n, a, &m, tau, work, &size, &info);
  transpose(a, n, m, d->y);
  for (int i = 0; i < n; i++) { /* to a positive diagonal */
    if (r[i * n + i] > 0.0) continue;
    for (int j = i; j < n; j++) r[i * n + j] = -r[i * n + j];
    for (int j = 0; j < m; j++) d->y[(int64_t)j * n + i] = -d->y[(int64_t)j * n + i];
  }
}

static bool finite_triangle(const double *a, int n)
{
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++)
      if (!(a[i * n + j] - a[i * n + j] == 0.0)) return false;
  return true;
}

static void eigh(const struct glia_matrix *d)
{
  const int n = (int)d->n, size = (BLOCK + 2) * n;
  double *v = d->y + n;
  int info = -1;

  if (finite_triangle(d->a, n)) dsyev_("V", "U", &n, d->a, &n, d->y, d->work, &size, &info, 1, 1);
  if (info != 0) {
    glia_matrix_fail(d);
    return;
  }
  transpose(d->a, n, n, v);
  glia_eigh_signs(v, n);
}

#define RUN(name)                                                                                  \
  static void run_##name(const struct glia_call *c) { glia_matrix_run(c, name); }
RUN(solve)
RUN(triangular_solve)
RUN(cholesky)
RUN(qr)
RUN(eigh)

/* Doubles of work for a matrix [m, n] and k right-hand sides. */
struct routine {
  const char *op, *name;
  void (*run)(const struct glia_call *c);
  int64_t per_nk, per_mn, per_n;
};
static const struct routine routines[] = {
    {"solve", "dgetrf", run_solve, 1, 0, 1},
    {"triangular_solve", "dtrtrs", run_triangular_solve, 1, 0, 0},
    {"cholesky", "dpotrf", run_cholesky, 0, 0, 0},
    {"qr", "dgeqrf", run_qr, 0, 1, BLOCK + 1},
    {"eigh", "dsyev", run_eigh, 0, 0, BLOCK + 2},
};

bool glia_dense_pick_(const struct glia_graph *g, const struct glia_node *n,
                      struct glia_kernel_choice *out)
{
  const struct routine *r = NULL;

  for (size_t i = 0; i < GLIA_COUNT(routines); i++)
    if (strcmp(routines[i].op, n->op->name) == 0) r = &routines[i];
  if (r == NULL) return false;
  const struct glia_type *a = &glia_graph_node(g, n->in[0])->type;
  const struct glia_type *b = &glia_graph_node(g, n->in[n->n_in - 1])->type;
  const int64_t rows = a->dim[a->rank - 2], columns = a->dim[a->rank - 1];
  const int64_t sides = b->dim[b->rank - 1];
  if (rows > INT32_MAX / (2 * BLOCK) || columns > INT32_MAX / (2 * BLOCK) ||
      sides > INT32_MAX / (2 * BLOCK))
    return false;       /* LAPACK counts in int */
  glia_kernels_level(); /* sets BLAS up */
  out->name = r->name;
  out->run = r->run;
  out->scratch_bytes = glia_matrix_bytes(g, n) +
                       sizeof(double) * (size_t)(r->per_nk * columns * sides +
                                                 r->per_mn * rows * columns + r->per_n * columns);
  return true;
}
