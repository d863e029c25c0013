/* Least squares over many more rows than weights: QR of random sums of the rows alone, and conjugate gradients over all of them with that
 * factor before. Two sums a weight leave a condition number of ten or so whatever that of the rows is, so a handful of
 * passes over the rows take the place of a QR of all; nothing is squared.  Source: rokhlin2008, clarkson2013, bjorck1996.
 */
#include "fit_priv.h"

#include "glia_agree.h"
#include "glia_dense.h"
#include "glia_exchange.h"
#include "glia_random.h"
#include "glia_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SUMS_A_WEIGHT = 2, WORTH = 3, LEAVES = 2, AT_ONCE = 8192, PASSES = 40 };

/* Passes end when the gradient, seen through the factor, has fallen to this part: what is left of the model's fall is its square. */
static const double ENOUGH = 0.03;

/* Where residuals are looked at for their bend, in parts of the step; the longest bend in lengths of it.  Source: transtrum2012. */
static const double PART = 0.1, MOST = 0.75;

struct glia_sketch_ {
  const struct glia_cloud *cloud;
  struct glia_comm *comm;
  int64_t n, cols, all;      /* weights; with the residual beside them; rows */
  int64_t of, sums, leaf, v; /* rows of a sum; sums; of a leaf; leaves */
  int64_t lo, hi;            /* leaves of this rank */
  int64_t first, rows;       /* rows of this rank */
  double *row;               /* [rows, cols] */
  double *left, *along;      /* [rows]: J p + r; J d */
  double *part;              /* [v, cols] */
  double *vector;            /* [4, cols] */
  uint64_t key;
};

static int64_t first_row(const struct glia_sketch_ *s, int64_t leaf)
{
  return leaf >= s->v ? s->all : leaf * s->leaf * s->of;
}

glia_status glia_sketch_create_(const struct glia_cloud *c, struct glia_sketch_ **out)
{
  struct glia_comm *comm = glia_pinn_comm(c->pinn);
  struct glia_sketch_ *s;
  const int64_t n = glia_pinn_size(c->pinn), all = glia_cloud_rows_(c),
                of = all / (SUMS_A_WEIGHT * n);

  *out = NULL;
  s = calloc(1, sizeof *s);
  if (s != NULL) {
    *s = (struct glia_sketch_){.cloud = c, .comm = comm, .n = n, .cols = n + 1, .all = all};
    s->of = of < WORTH ? 1 : of;
    s->sums = all / s->of;
    s->leaf = (s->sums + LEAVES - 1) / LEAVES;
    s->v = (s->sums + s->leaf - 1) / s->leaf;
    s->lo = glia_tree_range(s->v, glia_comm_size(comm), glia_comm_rank(comm));
    s->hi = glia_tree_range(s->v, glia_comm_size(comm), glia_comm_rank(comm) + 1);
    s->first = first_row(s, s->lo);
    s->rows = first_row(s, s->hi) - s->first;
    s->row = malloc(((size_t)s->rows * (size_t)s->cols + 1) * sizeof *s->row);
    s->left = malloc((2 * (size_t)s->rows + 1) * sizeof *s->left);
    s->part = malloc((size_t)((s->v + 4) * s->cols) * sizeof *s->part);
  }
  const bool ok = s != NULL && s->row != NULL && s->left != NULL && s->part != NULL;
  const glia_status st = glia_agree(
      comm, ok ? GLIA_OK
               : GLIA_FAIL(GLIA_E_MEMORY, "%lld rows of %lld", (long long)all, (long long)n + 1));
  if (st != GLIA_OK) {
    glia_sketch_destroy_(&s);
    return st;
  }
  s->along = s->left + s->rows;
  s->vector = s->part + s->v * s->cols;
  *out = s;
  return GLIA_OK;
}

void glia_sketch_destroy_(struct glia_sketch_ **s)
{
  if (*s == NULL) return;
  free((*s)->row);
  free((*s)->left);
  free((*s)->part);
  free(*s);
  *s = NULL;
}

/* Sums first .. first + n - 1, all of one leaf: each row of the leaf goes, with a sign, into one of them. */
static glia_status read_sums(void *self, int64_t first, int64_t n, double *out)
{
  const struct glia_sketch_ *s = self;
  const int64_t leaf = first / s->leaf, cols = s->cols;
  const int64_t rows = first_row(s, leaf + 1) - first_row(s, leaf);
  const double *row = s->row + (first_row(s, leaf) - s->first) * cols;

  memset(out, 0, (size_t)(n * cols) * sizeof *out);
  for (int64_t i = 0; i < rows; i++, row += cols) {
    const uint64_t at = (uint64_t)(first_row(s, leaf) + i), turn = (uint64_t)(i / n);
    const int64_t shift =
        (int64_t)(glia_random_uniform(s->key, turn + 1, at - (uint64_t)i) * (double)n);
    const double sign = glia_random_uniform(s->key, 0, at) < 0.5 ? -1.0 : 1.0;
    double *restrict to = out + (i + shift) % n * cols;
    for (int64_t c = 0; c < cols; c++) to[c] += sign * row[c];
  }
  return GLIA_OK;
}

glia_status glia_sketch_factor_(struct glia_sketch_ *s, uint64_t key, double *r)
{
  const struct glia_rows rows = {s, s->sums, s->cols, read_sums};
  glia_status st = GLIA_OK;

  s->key = key;
  for (int64_t i = 0; i < s->rows && st == GLIA_OK; i += AT_ONCE)
    st = glia_cloud_read_((void *)(uintptr_t)s->cloud, s->first + i,
                          s->rows - i < AT_ONCE ? s->rows - i : AT_ONCE, s->row + i * s->cols);
  GLIA_TRY(glia_agree(s->comm, st));
  return glia_tsqr_by(s->comm, &rows, s->leaf, r);
}

/* s->part [v, m] over all ranks, each leaf's from its own, added up in order into out [m]: the same bits on any number of ranks. */
static glia_status add_up(struct glia_sketch_ *s, int64_t m, double *out)
{
  GLIA_TRY(glia_comm_reduce_f64(s->comm, GLIA_COMM_SUM, s->part, (int)(s->v * m)));
  memset(out, 0, (size_t)m * sizeof *out);
  for (int64_t b = 0; b < s->v; b++)
    for (int64_t i = 0; i < m; i++) out[i] += s->part[b * m + i];
  return GLIA_OK;
}

/* along = J d, and its square's sum. */
static glia_status forward(struct glia_sketch_ *s, const double *d, double *square)
{
  memset(s->part, 0, (size_t)s->v * sizeof *s->part);
  for (int64_t b = s->lo; b < s->hi; b++) {
    const int64_t at = first_row(s, b) - s->first, m = first_row(s, b + 1) - first_row(s, b);
    GLIA_TRY(glia_dense_times(m, s->n, s->row + at * s->cols, s->cols, d, s->along + at, false));
    for (int64_t i = at; i < at + m; i++) s->part[b] += s->along[i] * s->along[i];
  }
  return add_up(s, 1, square);
}

/* left += t along; out [cols] = J^T left, and beside it the sum of its squares. */
static glia_status backward(struct glia_sketch_ *s, double t, double *out)
{
  memset(s->part, 0, (size_t)(s->v * s->cols) * sizeof *s->part);
  for (int64_t b = s->lo; b < s->hi; b++) {
    const int64_t at = first_row(s, b) - s->first, m = first_row(s, b + 1) - first_row(s, b);
    double *part = s->part + b * s->cols;
    for (int64_t i = at; i < at + m; i++) s->left[i] += t * s->along[i];
    GLIA_TRY(glia_dense_times(m, s->n, s->row + at * s->cols, s->cols, s->left + at, part, true));
    for (int64_t i = at; i < at + m; i++) part[s->n] += s->left[i] * s->left[i];
  }
  return add_up(s, s->cols, out);
}

/* z = -R^-T (J^T (J p + r) + damping p), d = R^-1 z + keep d. */
static glia_status turn(const struct glia_sketch_ *s, const double *r, double damping,
                        const double *p, const double *slope, double *z, double *square)
{
  for (int64_t i = 0; i < s->n; i++) z[i] = -slope[i] - damping * p[i];
  GLIA_TRY(glia_dense_triangle(s->n, r, s->cols, z, true));
  *square = 0.0;
  for (int64_t i = 0; i < s->n; i++) *square += z[i] * z[i];
  return glia_dense_triangle(s->n, r, s->cols, z, false);
}

/* p = argmin |J p + left|^2 + damping |p|^2; left becomes J p + left. before, after: |left|^2. */
static glia_status least_squares(struct glia_sketch_ *s, const double *r, double damping, double *p,
                                 double *before, double *after)
{
  double *slope = s->vector, *z = slope + s->cols, *d = z + s->cols;
  double square = 0.0, last = 0.0, start = 0.0, along = 1.0;

  memset(p, 0, (size_t)s->n * sizeof *p);
  memset(s->along, 0, (size_t)s->rows * sizeof *s->along);
  for (int k = 0;; k++) {
    GLIA_TRY(backward(s, last / along, slope));
    if (k == 0) *before = slope[s->n];
    GLIA_TRY(glia_agree(s->comm, turn(s, r, damping, p, slope, z, &square)));
    for (int64_t i = 0; i < s->n; i++) d[i] = z[i] + (k > 0 ? square / last * d[i] : 0.0);
    d[s->n] = square;
    /* ranks with other processors must not part */
    GLIA_TRY(glia_comm_bcast(s->comm, d, (size_t)s->cols * sizeof *d, 0));
    last = d[s->n];
    if (k == 0) start = last;
    if (!(last > ENOUGH * ENOUGH * start) || k == PASSES) break;
    GLIA_TRY(forward(s, d, &along));
    for (int64_t i = 0; i < s->n; i++) along += damping * d[i] * d[i];
    if (!(along > 0.0)) break;
    for (int64_t i = 0; i < s->n; i++) p[i] += last / along * d[i];
  }
  *after = slope[s->n];
  return GLIA_OK;
}

glia_status glia_sketch_solve_(struct glia_sketch_ *s, const double *r, double damping, double *p,
                               double *fall)
{
  double before, after;

  for (int64_t i = 0; i < s->rows; i++) s->left[i] = s->row[i * s->cols + s->n];
  if (s->of == 1) {
    GLIA_TRY(forward(s, p, &after));
    for (int64_t i = 0; i < s->rows; i++) s->left[i] += s->along[i];
    return GLIA_OK;
  }
  GLIA_TRY(least_squares(s, r, damping, p, &before, &after));
  *fall = before - after;
  return GLIA_OK;
}

/* left = the second derivative of the residuals along p, from those a part PART of it away. */
static glia_status curve(struct glia_sketch_ *s)
{
  double *there = malloc(((size_t)s->rows + 1) * sizeof *there);
  glia_status st =
      there != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)s->rows);

  if (st == GLIA_OK) st = glia_cloud_residuals_(s->cloud, s->first, s->rows, there);
  for (int64_t i = 0; i < s->rows && st == GLIA_OK; i++) {
    const double here = s->row[i * s->cols + s->n];
    s->left[i] = 2.0 / PART * ((there[i] - here) / PART - (s->left[i] - here));
  }
  free(there);
  return glia_agree(s->comm, st);
}

glia_status glia_sketch_bend_(struct glia_sketch_ *s, const double *r, double damping,
                              const double *theta, double *p, double *room)
{
  double before, after, straight = 0.0, bend = 0.0;

  for (int64_t i = 0; i < s->n; i++) room[i] = theta[i] + PART * p[i];
  glia_pinn_set(s->cloud->pinn, room);
  GLIA_TRY(curve(s));
  GLIA_TRY(least_squares(s, r, damping, room, &before, &after));
  for (int64_t i = 0; i < s->n; i++) {
    straight += p[i] * p[i];
    bend += room[i] * room[i];
  }
  if (!(bend <= MOST * MOST * straight)) return GLIA_OK;
  for (int64_t i = 0; i < s->n; i++) p[i] += 0.5 * room[i];
  return GLIA_OK;
}
