/* QR of a tall matrix by blocks of rows along the canonical tree, and singular values from its factor. */
#include "glia_agree.h"
#include "glia_dense.h"
#include "glia_exchange.h"
#include "glia_mpi.h"
#include "glia_spectrum.h"

#include <stdlib.h>
#include <string.h>

enum { TAG = 1 };

struct tsqr {
  const struct glia_rows *a;
  int64_t block, v;     /* rows of a block; number of blocks */
  double *row, *column; /* [block, cols], both ways */
};

static void transpose(int64_t m, int64_t n, const double *restrict in, double *restrict out)
{
  enum { TILE = 32 };

  for (int64_t i0 = 0; i0 < m; i0 += TILE)
    for (int64_t j0 = 0; j0 < n; j0 += TILE)
      for (int64_t i = i0; i < m && i < i0 + TILE; i++)
        for (int64_t j = j0; j < n && j < j0 + TILE; j++) out[j * m + i] = in[i * n + j];
}

static glia_status leaf(const struct tsqr *q, int64_t index, double *r)
{
  const int64_t first = index * q->block, left = q->a->rows - first;
  const int64_t m = left < q->block ? left : q->block;

  GLIA_TRY(q->a->read(q->a->self, first, m, q->row));
  transpose(m, q->a->cols, q->row, q->column);
  return glia_dense_r(m, q->a->cols, q->column, r);
}

/* R of the blocks [lo, hi). */
static glia_status node(const struct tsqr *q, int64_t lo, int64_t hi, double *r)
{
  const int64_t n = q->a->cols;

  if (hi - lo == 1) return leaf(q, lo, r);
  const int64_t split = glia_tree_split(lo, hi);
  GLIA_TRY(node(q, lo, split, r));
  double *right = malloc((size_t)(n * n) * sizeof *right);
  GLIA_CHECK(right != NULL, GLIA_E_MEMORY, "a factor of %lld x %lld", (long long)n, (long long)n);
  glia_status st = node(q, split, hi, right);
  if (st == GLIA_OK) st = glia_dense_r_join(n, r, right);
  free(right);
  return st;
}

/* Rank 0 walks the rest of the tree. Each rank sends its parts in order, so they need no names. */
struct join {
  struct glia_comm *comm;
  int64_t v, n;
  int n_own, next_own;
  struct glia_part *own; /* rank 0's */
};

static int owner_of(const struct join *j, int64_t lo, int64_t hi)
{
  const int size = glia_comm_size(j->comm);

  for (int r = 0; r < size; r++)
    if (lo >= glia_tree_range(j->v, size, r) && hi <= glia_tree_range(j->v, size, r + 1)) return r;
  return -1;
}

static glia_status join(struct join *j, int64_t lo, int64_t hi, double *r)
{
  const int64_t n = j->n;
  const int owner = owner_of(j, lo, hi);

  if (owner == 0) {
    memcpy(r, j->own[j->next_own++].data, (size_t)(n * n) * sizeof *r);
    return GLIA_OK;
  }
  if (owner > 0) {
    GLIA_TRY_MPI(MPI_Recv(r, (int)(n * n), MPI_DOUBLE, owner, TAG, glia_comm_mpi(j->comm),
                          MPI_STATUS_IGNORE));
    return GLIA_OK;
  }
  const int64_t split = glia_tree_split(lo, hi);
  GLIA_TRY(join(j, lo, split, r));
  double *right = malloc((size_t)(n * n) * sizeof *right);
  GLIA_CHECK(right != NULL, GLIA_E_MEMORY, "a factor of %lld x %lld", (long long)n, (long long)n);
  glia_status st = join(j, split, hi, right);
  if (st == GLIA_OK) st = glia_dense_r_join(n, r, right);
  free(right);
  return st;
}

static glia_status own_parts(const struct tsqr *q, int n_parts, struct glia_part *part)
{
  const int64_t n = q->a->cols;

  GLIA_CHECK(q->row != NULL && q->column != NULL, GLIA_E_MEMORY, "blocks of %lld x %lld",
             (long long)q->block, (long long)n);
  for (int i = 0; i < n_parts; i++) {
    part[i].data = malloc((size_t)(n * n) * sizeof(double));
    GLIA_CHECK(part[i].data != NULL, GLIA_E_MEMORY, "a factor of %lld x %lld", (long long)n,
               (long long)n);
    GLIA_TRY(node(q, part[i].lo, part[i].hi, part[i].data));
  }
  return GLIA_OK;
}

/* Local failures were agreed on: from here on only messages can fail, and memory on rank 0, which ends the run. */
static glia_status meet(struct glia_comm *comm, const struct tsqr *q, int n_parts,
                        struct glia_part *part, double *r)
{
  const int64_t n = q->a->cols;
  struct join j = {comm, q->v, n, n_parts, 0, part};

  if (glia_comm_rank(comm) == 0)
    GLIA_TRY(join(&j, 0, q->v, r));
  else
    for (int i = 0; i < n_parts; i++)
      GLIA_TRY_MPI(MPI_Send(part[i].data, (int)(n * n), MPI_DOUBLE, 0, TAG, glia_comm_mpi(comm)));
  return glia_comm_bcast(comm, r, (size_t)(n * n) * sizeof *r, 0);
}

glia_status glia_tsqr(struct glia_comm *comm, const struct glia_rows *a, double *r)
{
  return glia_tsqr_by(comm, a, 3 * a->cols > 64 ? 3 * a->cols : 64, r);
}

glia_status glia_tsqr_by(struct glia_comm *comm, const struct glia_rows *a, int64_t block,
                         double *r)
{
  const int64_t n = a->cols;
  struct tsqr q = {.a = a, .block = a->rows < block ? a->rows : block};
  struct glia_part part[GLIA_TREE_MAX_PARTS] = {0};
  const int rank = glia_comm_rank(comm), size = glia_comm_size(comm);
  int n_parts = 0;

  GLIA_CHECK(n > 0 && a->rows > 0 && block > 0 && n * n <= INT32_MAX, GLIA_E_ARGUMENT,
             "QR of a matrix of %lld x %lld", (long long)a->rows, (long long)n);
  q.v = (a->rows + q.block - 1) / q.block;
  q.row = malloc((size_t)(q.block * n) * sizeof *q.row);
  q.column = malloc((size_t)(q.block * n) * sizeof *q.column);
  const int64_t lo = glia_tree_range(q.v, size, rank), hi = glia_tree_range(q.v, size, rank + 1);
  if (hi > lo) n_parts = glia_tree_parts(q.v, lo, hi, part);
  glia_status st = glia_agree(comm, own_parts(&q, n_parts, part));
  if (st == GLIA_OK) st = meet(comm, &q, n_parts, part, r);
  for (int i = 0; i < n_parts; i++) free(part[i].data);
  free(q.row);
  free(q.column);
  return st;
}

/* The matrix on its side: columns first .. first + n - 1 as rows. Every rank reads all rows: they are few. */
static glia_status read_columns(void *self, int64_t first, int64_t n, double *out)
{
  const struct glia_rows *a = self;
  double *row = malloc((size_t)a->cols * sizeof *row);
  glia_status st = GLIA_OK;

  GLIA_CHECK(row != NULL, GLIA_E_MEMORY, "a row of %lld", (long long)a->cols);
  for (int64_t i = 0; i < a->rows && st == GLIA_OK; i++) {
    st = a->read(a->self, i, 1, row);
    for (int64_t j = 0; j < n && st == GLIA_OK; j++) out[j * a->rows + i] = row[first + j];
  }
  free(row);
  return st;
}

glia_status glia_singular_values(struct glia_comm *comm, const struct glia_rows *a, double *s)
{
  const bool wide = a->cols > a->rows;
  struct glia_rows copy = *a;
  const struct glia_rows side = {&copy, a->cols, a->rows, read_columns};
  const struct glia_rows *tall = wide ? &side : a;
  const int64_t n = tall->cols;

  if (n > GLIA_SPECTRUM_DENSE_MAX) return glia_singular_values_scalapack(comm, a, s);
  double *r = malloc((size_t)(n * n) * sizeof *r);
  glia_status st = glia_agree(comm, r != NULL ? GLIA_OK
                                              : GLIA_FAIL(GLIA_E_MEMORY, "a factor of %lld x %lld",
                                                          (long long)n, (long long)n));
  if (st == GLIA_OK) st = glia_tsqr(comm, tall, r);
  if (st == GLIA_OK) {
    if (glia_comm_rank(comm) == 0) st = glia_dense_singular_values(n, n, r, s);
    st = glia_agree(comm, st);
  }
  free(r);
  GLIA_TRY(st);
  return glia_comm_bcast(comm, s, (size_t)n * sizeof *s, 0);
}
