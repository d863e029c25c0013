/* See glia_link.h. */
#include "glia_agree.h"
#include "glia_link.h"
#include "glia_log.h"
#include "glia_program.h"
#include "mpi_priv.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>

enum { TAG_LINK = 19, SMALL_BYTES = 8, PIECE_BYTES = 60 << 10, LARGE_BYTES = 4 * PIECE_BYTES };
enum { PIECES = LARGE_BYTES / PIECE_BYTES, MOST = 16 }; /* pieces as in docs/adr/0045 */
enum { LEAST_BUCKET = 64 << 10, MOST_BUCKET = 8 << 20 };

static const double large_for_s = 30e-3; /* for the large messages behind the first */

/* What a bucket costs the core that computes, beside its bytes: starting it and looking after it (docs/adr/0060), */
static const double own_s = 250e-6;
/* which with the latency is to be this much of the time that its bytes take, at most. Of all gradients, what a bucket holds at most: */
static const double most_cost = 0.05, most_part = 0.25;

/* Buckets at most, or somewhat more than twice as many where sums do not fit together: each costs, as own_s says. */
enum { MOST_BUCKETS = 256 };

/* The first rank of each node, by turns the first to speak. */
struct ends {
  struct glia_comm *comm;
  int peer; /* -1: an odd one out */
  bool first;
  char *data; /* [2, LARGE_BYTES]: out, in */
};

/* Look without a pause, as an exchange does that is waited for: who sleeps between two looks measures that. */
static glia_status wait_all(const struct ends *e, int n, MPI_Request *request)
{
  const double from_s = glia_time_s();
  bool warned = false;

  for (int64_t i = 1;; i++) {
    int done = 0;
    GLIA_TRY_MPI(MPI_Testall(n, request, &done, MPI_STATUSES_IGNORE));
    if (done) return GLIA_OK;
    sched_yield();
    if (i % 64 == 0)
      GLIA_TRY(glia_comm_patience_(e->comm, "measuring the link", glia_time_s() - from_s, &warned));
  }
}

static glia_status post(const struct ends *e, bool out, int bytes, MPI_Request *request, int *n)
{
  char *data = e->data + (out ? 0 : LARGE_BYTES);

  for (int at = 0; at < bytes; at += PIECE_BYTES) {
    const int piece = bytes - at < PIECE_BYTES ? bytes - at : PIECE_BYTES;
    if (out)
      GLIA_TRY_MPI(MPI_Isend(data + at, piece, MPI_BYTE, e->peer, TAG_LINK, glia_comm_mpi(e->comm),
                             &request[(*n)++]));
    else
      GLIA_TRY_MPI(MPI_Irecv(data + at, piece, MPI_BYTE, e->peer, TAG_LINK, glia_comm_mpi(e->comm),
                             &request[(*n)++]));
  }
  return GLIA_OK;
}

/* Of what is small, half the time there and back; what is large goes both ways at once, as sums do. */
static glia_status one_round(const struct ends *e, int bytes, double *took_s)
{
  const bool small = bytes == SMALL_BYTES;
  MPI_Request request[2 * PIECES];
  const double from_s = glia_time_s();
  int n = 0;

  for (int leg = 0; small && leg < 2; leg++, n = 0) {
    GLIA_TRY(post(e, e->first == (leg == 0), bytes, request, &n));
    GLIA_TRY(wait_all(e, n, request));
  }
  if (!small) {
    GLIA_TRY(post(e, false, bytes, request, &n));
    GLIA_TRY(post(e, true, bytes, request, &n));
    GLIA_TRY(wait_all(e, n, request));
  }
  *took_s = (glia_time_s() - from_s) / (small ? 2.0 : 1.0);
  return GLIA_OK;
}

static int by_size(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

/* Median of n rounds. */
static glia_status one_way(const struct ends *e, int bytes, int n, double *s)
{
  double took_s[MOST];

  *s = 0.0;
  if (e->peer < 0) return GLIA_OK;
  for (int i = 0; i < n; i++) GLIA_TRY(one_round(e, bytes, &took_s[i]));
  qsort(took_s, (size_t)n, sizeof *took_s, by_size);
  *s = took_s[n / 2];
  return GLIA_OK;
}

/* The slowest pair's time of a large message. The first one widens the connection's window and takes what a link lets pass at once; it says
 * for how many more there is time. */
static glia_status large(const struct ends *e, double *s)
{
  GLIA_TRY(glia_agree(e->comm, one_way(e, LARGE_BYTES, 1, s)));
  GLIA_TRY(glia_comm_reduce_f64(e->comm, GLIA_COMM_MAX, s, 1));
  const int more = (int)fmax(fmin(large_for_s / fmax(*s, 1e-9), MOST), 1.0);
  GLIA_TRY(glia_agree(e->comm, one_way(e, LARGE_BYTES, more, s)));
  return glia_comm_reduce_f64(e->comm, GLIA_COMM_MAX, s, 1);
}

/* Between pairs of neighbours; the slowest pair's. What fails on one rank, the others see when their patience ends. */
static glia_status measure_pairs(struct ends *e, int peer, double *small_s, double *one_large_s)
{
  e->peer = peer >= 0 && peer < glia_comm_size(e->comm) ? peer : -1;
  e->first = glia_comm_rank(e->comm) < peer;
  GLIA_TRY(glia_agree(e->comm, one_way(e, SMALL_BYTES, 2, small_s))); /* connects */
  GLIA_TRY(glia_agree(e->comm, one_way(e, SMALL_BYTES, MOST, small_s)));
  GLIA_TRY(glia_comm_reduce_f64(e->comm, GLIA_COMM_MAX, small_s, 1));
  return large(e, one_large_s);
}

static glia_status measure(struct glia_comm *leaders, struct glia_link *out)
{
  const int rank = glia_comm_rank(leaders), nodes = glia_comm_size(leaders);
  struct ends e = {.comm = leaders, .data = calloc(2, LARGE_BYTES)};
  double small_s = 0.0, one_large_s = 0.0;

  glia_status st = glia_agree(
      leaders, e.data != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "%d bytes", 2 * LARGE_BYTES));
  for (int shift = 0; st == GLIA_OK && shift < 2 && (shift == 0 || nodes > 2); shift++) {
    double small, one_large;
    st = measure_pairs(&e, ((rank + shift) ^ 1) - shift, &small, &one_large); /* 0-1 2-3, 1-2 3-4 */
    if (st != GLIA_OK) break;
    small_s = fmax(small_s, small);
    one_large_s = fmax(one_large_s, one_large);
  }
  if (st != GLIA_E_MPI) free(e.data); /* else with a message under way it is MPI's */
  GLIA_TRY(st);
  out->latency_s = small_s;
  out->bytes_per_s = LARGE_BYTES / fmax(one_large_s - small_s, 1e-9);
  return GLIA_OK;
}

glia_status glia_link_measure(struct glia_comm *comm, struct glia_link *out)
{
  struct glia_comm *leaders = NULL;
  const bool leads = glia_comm_local_rank(comm) == 0;
  int64_t nodes = leads;

  *out = comm->link;
  if (comm->link.nodes > 0) return GLIA_OK;
  *out = (struct glia_link){.nodes = 1};
  GLIA_TRY(glia_comm_reduce_i64(comm, GLIA_COMM_SUM, &nodes, 1));
  out->nodes = (int)nodes;
  if (nodes == 1) return GLIA_OK;
  GLIA_TRY(glia_agree(comm, glia_comm_split(comm, leads ? 0 : -1, 0, &leaders)));
  const glia_status st = leads ? measure(leaders, out) : GLIA_OK;
  glia_comm_destroy(&leaders);
  GLIA_TRY(glia_agree(comm, st));
  double found[2] = {out->latency_s, out->bytes_per_s}; /* 0 where nobody measured */
  GLIA_TRY(glia_comm_reduce_f64(comm, GLIA_COMM_MAX, found, 2));
  out->latency_s = found[0];
  out->bytes_per_s = found[1];
  comm->link = *out;
  return GLIA_OK;
}

int64_t glia_link_bucket(const struct glia_link *link, int64_t bytes)
{
  const double cheap = (link->latency_s + own_s) * link->bytes_per_s / most_cost;
  const double best = fmin(cheap, most_part * (double)bytes);
  int64_t size = LEAST_BUCKET;

  if (link->nodes == 1) return GLIA_BUCKET_BYTES; /* nothing travels */
  while (size < bytes / MOST_BUCKETS || (size < MOST_BUCKET && (double)size * M_SQRT2 < best))
    size *= 2;
  return size;
}
