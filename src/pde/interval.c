/* How well the rows of a fit determine a problem's parameters.
 *
 * Near the fit the weights answer to errors e of the rows by -A^-1 J^T e, A = J^T J. The rows of the data carry one variance, those of
 * equations and conditions another, both estimated from what the fit left over, with as many degrees of freedom less as the fit took:
 * the trace of J_d A^-1 J_d^T for the data. A parameter's variance is then s_d^2 |R_d v|^2 + s_e^2 |R_e v|^2 with v its column of A^-1.
 * Everything by the QR factors of the two sets of rows; A is never formed. Source: huber1967.
 */
#include "fit_priv.h"

#include "glia_agree.h"
#include "glia_dense.h"
#include "glia_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double NORMAL_95 = 1.959963984540054; /* two-sided 95 % of the normal distribution */
static const double FLOOR =
    1e-8; /* rows that hold weights which nothing else determines, in units of their columns' norms */

enum { EQUATIONS, DATA, PARTS };

struct intervals {
  int64_t n, cols, rows[PARTS];
  double *part[PARTS], *all, *below; /* R by columns [cols, cols] */
  double *v;                         /* [n] */
};

/* R of the data's rows, or of all others. */
static glia_status factor(const struct glia_cloud *c, int data_group, int part, struct intervals *s)
{
  struct glia_cloud some = *c;
  const int64_t all = s->cols * s->cols;

  for (int g = 0; g < GLIA_PINN_GROUPS; g++)
    if ((g == data_group) != (part == DATA)) some.points[g].n = 0;
  s->rows[part] = glia_cloud_rows_(&some);
  memset(s->part[part], 0, (size_t)all * sizeof *s->all);
  if (s->rows[part] == 0) return GLIA_OK;
  const struct glia_rows rows = {&some, s->rows[part], s->cols, glia_cloud_read_};
  return glia_tsqr(glia_pinn_comm(c->pinn), &rows, s->part[part]);
}

/* R of all rows, and of the floor below them. */
static glia_status join(struct intervals *s)
{
  const size_t bytes = (size_t)(s->cols * s->cols) * sizeof *s->all;

  memcpy(s->all, s->part[EQUATIONS], bytes);
  memcpy(s->below, s->part[DATA], bytes);
  GLIA_TRY(glia_dense_r_join(s->cols, s->all, s->below));
  memset(s->below, 0, bytes);
  for (int64_t j = 0; j < s->n; j++) {
    double square = 0.0;
    for (int64_t i = 0; i <= j; i++) square += s->all[j * s->cols + i] * s->all[j * s->cols + i];
    s->below[j * s->cols + j] = FLOOR * (square > 0.0 ? sqrt(square) : 1.0);
  }
  return glia_dense_r_join(s->cols, s->all, s->below);
}

/* x <- R^-T x, from entry `first` on: before it x is zero. */
static void forward(const struct intervals *s, int64_t first, double *x)
{
  for (int64_t j = first; j < s->n; j++) {
    const double *column = s->all + j * s->cols;
    for (int64_t i = first; i < j; i++) x[j] -= column[i] * x[i];
    x[j] /= column[j];
  }
}

/* x <- R^-1 x */
static void backward(const struct intervals *s, double *x)
{
  for (int64_t j = s->n - 1; j >= 0; j--) {
    const double *column = s->all + j * s->cols;
    x[j] /= column[j];
    for (int64_t i = 0; i < j; i++) x[i] -= column[i] * x[j];
  }
}

/* Degrees of freedom that the fit took from the data: |R_d R^-1|^2. */
static double taken(const struct intervals *s)
{
  double sum = 0.0;

  for (int64_t i = 0; i < s->n; i++) {
    for (int64_t j = 0; j < s->n; j++) s->v[j] = j < i ? 0.0 : s->part[DATA][j * s->cols + i];
    forward(s, i, s->v);
    for (int64_t j = i; j < s->n; j++) sum += s->v[j] * s->v[j];
  }
  return sum;
}

static double left_over(const struct intervals *s, int part)
{
  double sum = 0.0;

  for (int64_t i = 0; i < s->cols; i++)
    sum += s->part[part][s->n * s->cols + i] * s->part[part][s->n * s->cols + i];
  return sum;
}

/* |R_part v|^2 */
static double spread(const struct intervals *s, int part)
{
  double sum = 0.0;

  for (int64_t i = 0; i < s->n; i++) {
    double x = 0.0;
    for (int64_t j = i; j < s->n; j++) x += s->part[part][j * s->cols + i] * s->v[j];
    sum += x * x;
  }
  return sum;
}

static void widths(struct intervals *s, int n_parameters, double *half)
{
  const double data = taken(s);
  const double dof[PARTS] = {(double)s->rows[EQUATIONS] - ((double)s->n - data),
                             (double)s->rows[DATA] - data};
  double variance[PARTS];

  for (int k = 0; k < PARTS; k++)
    variance[k] = s->rows[k] > 0 ? left_over(s, k) / fmax(1.0, dof[k]) : 0.0;
  for (int i = 0; i < n_parameters; i++) {
    const int64_t at = s->n - n_parameters + i;
    memset(s->v, 0, (size_t)s->n * sizeof *s->v);
    s->v[at] = 1.0;
    forward(s, at, s->v);
    backward(s, s->v);
    double sum = 0.0;
    for (int k = 0; k < PARTS; k++) sum += variance[k] * spread(s, k);
    half[i] = NORMAL_95 * sqrt(sum);
  }
}

glia_status glia_fit_intervals(const struct glia_cloud *c, int data_group, int n_parameters,
                               double *half)
{
  struct intervals s = {.n = glia_pinn_size(c->pinn)};
  struct glia_comm *comm = glia_pinn_comm(c->pinn);
  double *room;

  s.cols = s.n + 1;
  const size_t square = (size_t)(s.cols * s.cols);
  room = malloc((4 * square + (size_t)s.cols) * sizeof *room);
  glia_status st =
      glia_agree(comm, room != NULL ? GLIA_OK
                                    : GLIA_FAIL(GLIA_E_MEMORY, "four matrices of %lld x %lld",
                                                (long long)s.cols, (long long)s.cols));
  if (st != GLIA_OK) {
    free(room);
    return st;
  }
  for (int k = 0; k < PARTS; k++) s.part[k] = room + (size_t)k * square;
  s.all = room + 2 * square;
  s.below = room + 3 * square;
  s.v = room + 4 * square;
  for (int k = 0; k < PARTS && st == GLIA_OK; k++) st = factor(c, data_group, k, &s);
  if (st == GLIA_OK) st = glia_agree(comm, join(&s));
  if (st == GLIA_OK) widths(&s, n_parameters, half);
  free(room);
  return st;
}
