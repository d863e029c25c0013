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

enum { SUMS_A_WEIGHT = 2, WORTH = 3, LEAVES = 2, AT_ONCE = 8192, PASSES = 40, STRIP = 40 };

/* Passes end when the gradient, seen through the factor, has fallen to this part: what is left of the model's fall is its square. */
static const double ENOUGH = 0.05;

/* The least part of the largest square of the factor at which damping makes J^T J safe: one pass over the rows serves J d and J^T J d. */
static const double SQUARED = 1e-12;

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
  double *line, *there; /* [rows]: what the linear model says of the step; residuals elsewhere */
  double *part;         /* [v, cols] */
  double *vector;       /* [4, cols]: of the search */
  double *steepest;     /* [cols]: J^T r and r^2, the same for all dampings of a step */
  double *back;         /* [cols]: of a strip of rows */
  bool known;           /* is steepest that of these rows? */
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
    s->left = malloc((4 * (size_t)s->rows + 1) * sizeof *s->left);
    s->part = malloc((size_t)((s->v + 6) * s->cols) * sizeof *s->part);
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
  s->line = s->along + s->rows;
  s->there = s->line + s->rows;
  s->vector = s->part + s->v * s->cols;
  s->steepest = s->vector + 4 * s->cols;
  s->back = s->steepest + s->cols;
  *out = s;
  return GLIA_OK;
}

bool glia_sketch_is_exact_(const struct glia_sketch_ *s) { return s->of == 1; }

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
  s->known = false;
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

/* along = J d and its square's sum, and out [cols] = J^T along, in one pass over the rows. */
static glia_status both(struct glia_sketch_ *s, const double *d, double *square, double *out)
{
  double *back = s->back;

  memset(s->part, 0, (size_t)(s->v * s->cols) * sizeof *s->part);
  for (int64_t b = s->lo; b < s->hi; b++) {
    const int64_t end = first_row(s, b + 1) - s->first;
    double *part = s->part + b * s->cols;
    for (int64_t at = first_row(s, b) - s->first; at < end; at += STRIP) {
      const int64_t m = end - at < STRIP ? end - at : STRIP;
      const double *row = s->row + at * s->cols;
      GLIA_TRY(glia_dense_times(m, s->n, row, s->cols, d, s->along + at, false));
      GLIA_TRY(glia_dense_times(m, s->n, row, s->cols, s->along + at, back, true));
      for (int64_t i = 0; i < s->n; i++) part[i] += back[i];
      for (int64_t i = at; i < at + m; i++) part[s->n] += s->along[i] * s->along[i];
    }
  }
  GLIA_TRY(add_up(s, s->cols, out));
  *square = out[s->n];
  return GLIA_OK;
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

/* slope [cols] = J^T r and r^2, with left = r. */
static glia_status steepest(struct glia_sketch_ *s, double *slope)
{
  if (!s->known) GLIA_TRY(backward(s, 0.0, s->steepest));
  s->known = true;
  memcpy(slope, s->steepest, (size_t)s->cols * sizeof *slope);
  return GLIA_OK;
}

/* What conjugate gradients hold on to: the gradient J^T left, its direction seen through R, the direction and J^T J times it. */
struct search {
  double *slope, *z, *d, *turned; /* [cols] */
  double square, before;          /* of z: now, and of the direction before */
  bool once;
};

/* One step along q->d: p, s->left, the gradient; *after: |left|^2. false: d leads nowhere. */
static glia_status advance(struct glia_sketch_ *s, struct search *q, double damping, double *p,
                           double *after, bool *any)
{
  double image, along, slope = 0.0;

  GLIA_TRY(q->once ? both(s, q->d, &image, q->turned) : forward(s, q->d, &image));
  along = image;
  for (int64_t i = 0; i < s->n; i++) along += damping * q->d[i] * q->d[i];
  *any = along > 0.0;
  if (!*any) return GLIA_OK;
  const double t = q->before / along;
  for (int64_t i = 0; i < s->n; i++) p[i] += t * q->d[i];
  if (!q->once) {
    GLIA_TRY(backward(s, t, q->slope));
    *after = q->slope[s->n];
    return GLIA_OK;
  }
  for (int64_t i = 0; i < s->n; i++) slope += q->slope[i] * q->d[i];
  *after += t * (2.0 * slope + t * image);
  for (int64_t i = 0; i < s->n; i++) q->slope[i] += t * q->turned[i];
  for (int64_t i = 0; i < s->rows; i++) s->left[i] += t * s->along[i];
  return GLIA_OK;
}

/* Is the damping large enough for J^T J? */
static bool large(const struct glia_sketch_ *s, const double *r, double damping)
{
  double most = 0.0;

  for (int64_t i = 0; i < s->n; i++) most = fmax(most, fabs(r[i * s->cols + i]));
  return damping > SQUARED * most * most;
}

/* p = argmin |J p + left|^2 + damping |p|^2; left becomes J p + left. before, after: |left|^2.
 *  straight  left is r */
static glia_status least_squares(struct glia_sketch_ *s, const double *r, double damping,
                                 bool straight, double *p, double *before, double *after)
{
  struct search q = {.slope = s->vector, .once = large(s, r, damping)};
  double start = 0.0;
  bool any = true;

  /* ranks with other processors must not part: passes are collective */
  GLIA_TRY(glia_comm_bcast(s->comm, &q.once, sizeof q.once, 0));
  q.z = q.slope + s->cols;
  q.d = q.z + s->cols;
  q.turned = q.d + s->cols;
  memset(p, 0, (size_t)s->n * sizeof *p);
  memset(s->along, 0, (size_t)s->rows * sizeof *s->along);
  GLIA_TRY(straight ? steepest(s, q.slope) : backward(s, 0.0, q.slope));
  *before = *after = q.slope[s->n];
  for (int k = 0; any; k++) {
    GLIA_TRY(glia_agree(s->comm, turn(s, r, damping, p, q.slope, q.z, &q.square)));
    for (int64_t i = 0; i < s->n; i++)
      q.d[i] = q.z[i] + (k > 0 ? q.square / q.before * q.d[i] : 0.0);
    q.d[s->n] = q.square;
    GLIA_TRY(glia_comm_bcast(s->comm, q.d, (size_t)s->cols * sizeof *q.d, 0));
    q.before = q.d[s->n];
    if (k == 0) start = q.before;
    if (!(q.before > ENOUGH * ENOUGH * start) || k == PASSES) break;
    GLIA_TRY(advance(s, &q, damping, p, after, &any));
  }
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
  } else {
    GLIA_TRY(least_squares(s, r, damping, true, p, &before, &after));
    *fall = before - after;
  }
  memcpy(s->line, s->left, (size_t)s->rows * sizeof *s->line);
  return GLIA_OK;
}

/* Residuals at theta + t p, into s->there; room [n]. */
static glia_status look(struct glia_sketch_ *s, const double *theta, double t, const double *p,
                        double *room)
{
  for (int64_t i = 0; i < s->n; i++) room[i] = theta[i] + t * p[i];
  glia_pinn_set(s->cloud->pinn, room);
  return glia_agree(s->comm, glia_cloud_residuals_(s->cloud, s->first, s->rows, s->there));
}

/* p += part room, unless that is long. */
static void add_short(const struct glia_sketch_ *s, double part, const double *room, double *p)
{
  double straight = 0.0, bend = 0.0;

  for (int64_t i = 0; i < s->n; i++) {
    straight += p[i] * p[i];
    bend += room[i] * room[i];
  }
  if (!(bend <= MOST * MOST * straight)) return;
  for (int64_t i = 0; i < s->n; i++) p[i] += part * room[i];
}

glia_status glia_sketch_bend_(struct glia_sketch_ *s, const double *r, double damping,
                              const double *theta, double *p, double *room)
{
  double before, after;

  GLIA_TRY(look(s, theta, PART, p, room));
  for (int64_t i = 0; i < s->rows; i++) {
    const double here = s->row[i * s->cols + s->n];
    s->left[i] = 2.0 / PART * ((s->there[i] - here) / PART - (s->line[i] - here));
  }
  GLIA_TRY(least_squares(s, r, damping, false, room, &before, &after));
  add_short(s, 0.5, room, p);
  return GLIA_OK;
}

glia_status glia_sketch_return_(struct glia_sketch_ *s, const double *r, double damping,
                                const double *theta, double *p, double *room)
{
  double before, after;

  GLIA_TRY(look(s, theta, 1.0, p, room));
  for (int64_t i = 0; i < s->rows; i++) s->left[i] = s->there[i] - s->line[i];
  GLIA_TRY(least_squares(s, r, damping, false, room, &before, &after));
  add_short(s, 1.0, room, p);
  return GLIA_OK;
}
