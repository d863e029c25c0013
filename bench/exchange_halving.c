/* Two ways of messages between nodes, see exchange_ways.h: our direct reduce-scatter and all-gather, in which every rank sends a slice
 * to every other, and recursive halving and doubling, in which it sends half, a quarter, ... to ranks 1, 2, 4, ... away. Both add
 * along the canonical tree where ranks are a power of two and hold as many micro-batches each: the same bits. Elsewhere the
 * latter folds (of two neighbours one adds for both), which is a tree of its own. docs/adr/0061 has what came of it. */
#include "exchange_ways.h"

#include "glia_agree.h"
#include "glia_exchange_mpi.h"
#include "glia_log.h"
#include "glia_mpi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIRECT, HALVING, ALLREDUCE, WAYS, ROUNDS = 41, TAG = 23 };
enum { PIECE = (60 << 10) / sizeof(float), MOST_PIECES = 160, MOST_LEVELS = 16 };

struct comparison {
  MPI_Comm mpi;
  struct glia_exchange *exchange;
  int64_t n;
  float *own, *work, *total[WAYS]; /* [n] */
};

/* Exchange with a peer: n_out elements of our total from `out` on go there, n_in come for those from `in` on, and are added to them
 * or take their place. */
static glia_status swap(struct comparison *c, int peer, int64_t out, int64_t n_out, int64_t in,
                        int64_t n_in, bool add)
{
  float *x = c->total[HALVING];
  MPI_Request get[MOST_PIECES], put[MOST_PIECES];
  int n_get = 0, n_put = 0;

  for (int64_t at = 0; at < n_in; at += PIECE)
    GLIA_TRY_MPI(MPI_Irecv((add ? c->work : x) + in + at,
                           (int)(n_in - at < PIECE ? n_in - at : PIECE), MPI_FLOAT, peer, TAG,
                           c->mpi, &get[n_get++]));
  for (int64_t at = 0; at < n_out; at += PIECE)
    GLIA_TRY_MPI(MPI_Isend(x + out + at, (int)(n_out - at < PIECE ? n_out - at : PIECE), MPI_FLOAT,
                           peer, TAG, c->mpi, &put[n_put++]));
  for (int i = 0; i < n_get; i++) {
    GLIA_TRY_MPI(MPI_Wait(&get[i], MPI_STATUS_IGNORE));
    const int64_t at = (int64_t)i * PIECE, n = n_in - at < PIECE ? n_in - at : PIECE;
    for (int64_t k = in + at; add && k < in + at + n; k++) x[k] += c->work[k];
  }
  GLIA_TRY_MPI(MPI_Waitall(n_put, put, MPI_STATUSES_IGNORE));
  return GLIA_OK;
}

static glia_status halve_and_double(struct comparison *c)
{
  const int rank = c->exchange->rank, size = c->exchange->size;
  int power = 1, levels = 0;
  int64_t lo[MOST_LEVELS + 1] = {0}, hi[MOST_LEVELS + 1] = {c->n};

  memcpy(c->total[HALVING], c->own, (size_t)c->n * sizeof *c->own);
  while (2 * power <= size) power *= 2;
  const int extra = size - power; /* pairs of the first 2 * extra ranks */
  const bool paired = rank < 2 * extra;
  if (paired && rank % 2 == 1) {
    GLIA_TRY(swap(c, rank - 1, 0, c->n, 0, 0, true));
    return swap(c, rank - 1, 0, 0, 0, c->n, false);
  }
  if (paired) GLIA_TRY(swap(c, rank + 1, 0, 0, 0, c->n, true));
  const int me = paired ? rank / 2 : rank - extra;
  for (int apart = 1; apart < power; apart *= 2, levels++) {
    const int other = me ^ apart, peer = other < extra ? 2 * other : other + extra;
    const int64_t from = lo[levels], to = hi[levels], middle = from + (to - from) / 2;
    const bool upper = (me & apart) != 0;
    lo[levels + 1] = upper ? middle : from;
    hi[levels + 1] = upper ? to : middle;
    GLIA_TRY(swap(c, peer, upper ? from : middle, upper ? middle - from : to - middle,
                  lo[levels + 1], hi[levels + 1] - lo[levels + 1], true));
  }
  for (int apart = power / 2; apart > 0; apart /= 2, levels--) {
    const int other = me ^ apart, peer = other < extra ? 2 * other : other + extra;
    const bool upper = (me & apart) != 0;
    const int64_t n = hi[levels - 1] - lo[levels - 1] - (hi[levels] - lo[levels]);
    GLIA_TRY(swap(c, peer, lo[levels], hi[levels] - lo[levels], upper ? lo[levels - 1] : hi[levels],
                  n, false));
  }
  return paired ? swap(c, rank + 1, 0, c->n, 0, 0, false) : GLIA_OK;
}

static glia_status direct(struct comparison *c)
{
  const struct glia_exchange *x = c->exchange;
  const struct glia_bucket b = {0, GLIA_F32, c->n};
  const struct glia_part part = {x->rank, x->rank + 1, c->work};

  memcpy(c->work, c->own, (size_t)c->n * sizeof *c->own);
  GLIA_TRY(x->start(x->self, &b, x->size, 1, &part, c->total[DIRECT]));
  return x->wait(x->self, &b);
}

static glia_status one_way(struct comparison *c, int way)
{
  if (way == DIRECT) return direct(c);
  if (way == HALVING) return halve_and_double(c);
  GLIA_TRY_MPI(MPI_Allreduce(c->own, c->total[ALLREDUCE], (int)c->n, MPI_FLOAT, MPI_SUM, c->mpi));
  return GLIA_OK;
}

static glia_status open_comparison(struct comparison *c, struct exchange_field *f, int64_t bytes)
{
  const struct glia_exchange_need need = {{0, GLIA_F32, bytes / (int64_t)sizeof(float)},
                                          f->exchange->size};
  bool room;

  *c = (struct comparison){.mpi = glia_comm_mpi(f->comm), .n = need.bucket.n};
  c->own = malloc((size_t)bytes);
  c->work = malloc((size_t)bytes);
  room = c->own != NULL && c->work != NULL;
  for (int w = 0; w < WAYS; w++) {
    c->total[w] = malloc((size_t)bytes);
    room = room && c->total[w] != NULL;
  }
  GLIA_TRY(glia_agree(
      f->comm,
      room ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "5 arrays of %lld numbers", (long long)c->n)));
  GLIA_TRY(glia_exchange_mpi_create(f->comm, GLIA_EXCHANGE_MESSAGES, 1, 1, &c->exchange));
  for (int64_t i = 0; i < c->n; i++) c->own[i] = 1.0F / (float)(1 + i % 89 + 7 * c->exchange->rank);
  return glia_agree(f->comm, glia_exchange_mpi_reserve(c->exchange, &need.bucket, need.v));
}

static void close_comparison(struct comparison *c)
{
  glia_exchange_mpi_destroy(&c->exchange);
  for (int w = 0; w < WAYS; w++) free(c->total[w]);
  free(c->own);
  free(c->work);
}

static glia_status measure(struct exchange_field *f, struct comparison *c, double median[WAYS])
{
  const int rounds = c->n > 1 << 18 ? 15 : ROUNDS;
  double s[WAYS][ROUNDS];

  for (int i = -1; i < rounds; i++) /* the first warms */
    for (int k = 0; k < WAYS; k++) {
      const int way = (k + i + WAYS) % WAYS;
      GLIA_TRY(glia_comm_barrier(f->comm));
      const double t0 = glia_time_s();
      GLIA_TRY(one_way(c, way));
      if (i >= 0) s[way][i] = glia_time_s() - t0;
    }
  for (int way = 0; way < WAYS; way++) median[way] = bench_median(s[way], rounds);
  const bool power = (c->exchange->size & (c->exchange->size - 1)) == 0;
  const bool same =
      !power || memcmp(c->total[DIRECT], c->total[HALVING], (size_t)c->n * sizeof(float)) == 0;
  /* all reduce, also who has other bits */
  GLIA_TRY(glia_comm_reduce_f64(f->comm, GLIA_COMM_MAX, median, WAYS));
  GLIA_CHECK(same, GLIA_E_INTERNAL, "halving adds in another order");
  return GLIA_OK;
}

glia_status exchange_halving(struct exchange_field *f, int64_t bytes, struct bench_report *r)
{
  struct comparison c;
  double median[WAYS];
  const double mb = 1e-6 * (double)bytes;

  glia_status st = open_comparison(&c, f, bytes);
  if (st == GLIA_OK) st = glia_agree(f->comm, measure(f, &c, median));
  close_comparison(&c);
  GLIA_TRY(st);
  bench_add(r, "MB/s", mb / median[DIRECT], "halving, doubling", mb / median[HALVING], NAN,
            "messages, %lld KiB np=%d", (long long)bytes >> 10, f->exchange->size);
  bench_add(r, "MB/s", mb / median[DIRECT], "MPI_Allreduce", mb / median[ALLREDUCE], NAN,
            "messages, %lld KiB np=%d", (long long)bytes >> 10, f->exchange->size);
  return GLIA_OK;
}
