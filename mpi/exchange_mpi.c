/* The exchange by messages: direct reduce-scatter and all-gather along the canonical tree. See glia_exchange_mpi.h.
 *
 * A bucket goes through four groups of messages, each done when all its requests are:
 *   IN        slice `rank` of the nodes of all other ranks comes here        posted by start
 *   OUT       slice s of the nodes of this rank goes to each rank s          posted by start
 *   BACK_OUT  the sum of slice `rank` goes to all                            when IN is done and added up
 *   BACK_IN   the sum of slice s comes from each rank s into total           when OUT is done: total may be what OUT sends
 * A small bucket has a single slice, the whole of it, which every rank owns: IN and OUT, and nothing comes back.
 * Messages of one pair of ranks and one tag stay in order, so several nodes, and the next step, need no tags of their own.
 */
#include "exchange_priv.h"
#include "glia_agree.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "glia_log.h"
#include "glia_text.h"

enum { SEGMENT_ELEMENTS = 8192 }; /* added at once, so that a segment of each node stays in cache */
enum { POLL_SEGMENTS = 8 };       /* work of one poll: tens of microseconds */
enum { MAX_BUCKETS = 16000 };     /* two tags each; MPI promises 32767 */

static struct exchange *of(const struct glia_exchange *face) { return face->self; }

/* Keep the first failure: it may have happened in a poll of an earlier moment, and is told by wait. */
static glia_status broken(struct exchange *x, glia_status st)
{
  if (x->status == GLIA_OK) {
    x->status = st;
    snprintf(x->why, sizeof x->why, "%s", glia_trace());
  }
  return st;
}

static MPI_Datatype mpi_type(const struct slot *s)
{
  return s->bucket.dtype == GLIA_F32 ? MPI_FLOAT : MPI_DOUBLE;
}

static MPI_Request *new_request(struct slot *s, int peer)
{
  MPI_Request *request = (MPI_Request *)s->request.data + s->n_requests;

  ((int *)s->peer.data)[s->n_requests++] = peer;
  *request = MPI_REQUEST_NULL;
  return request;
}

static void open_group(struct slot *s, int g)
{
  s->group[g] = (struct group){.from = s->n_requests, .posted = true};
}

static void close_group(struct slot *s, int g)
{
  s->group[g].n = s->n_requests - s->group[g].from;
  s->group[g].done = s->group[g].n == 0;
}

static glia_status receive(struct exchange *x, struct slot *s, void *to, int n, int peer, int phase)
{
  if (n > 0)
    GLIA_TRY_MPI(MPI_Irecv(to, n, mpi_type(s), peer, 2 * s->bucket.index + phase, x->mpi,
                           new_request(s, peer)));
  return GLIA_OK;
}

static glia_status send(struct exchange *x, struct slot *s, const void *from, int n, int peer,
                        int phase)
{
  if (n > 0)
    GLIA_TRY_MPI(MPI_Isend(from, n, mpi_type(s), peer, 2 * s->bucket.index + phase, x->mpi,
                           new_request(s, peer)));
  x->stat.bytes_sent += (int64_t)((size_t)n * glia_dtype_size(s->bucket.dtype));
  return GLIA_OK;
}

/* Peers are taken in turn from the own rank on, so that not all ranks fall upon rank 0 at once. */
static glia_status post_nodes(struct exchange *x, struct slot *s)
{
  const int *first = s->first.data;

  open_group(s, IN);
  for (int i = 1; i < x->size; i++) {
    const int peer = (x->rank - i + x->size) % x->size;
    for (int k = first[peer]; k < first[peer + 1]; k++)
      GLIA_TRY(receive(x, s, glia_exchange_own_(x, s, k), s->n_mine, peer, 0));
  }
  close_group(s, IN);
  open_group(s, OUT);
  for (int i = 1; i < x->size; i++) {
    const int peer = (x->rank + i) % x->size;
    int64_t from = 0;
    const int n = glia_exchange_slice_(s, peer, &from);
    for (int k = 0; k < s->n_own; k++)
      GLIA_TRY(send(x, s, glia_exchange_at_(s, s->own[k].data, from), n, peer, 0));
  }
  close_group(s, OUT);
  return GLIA_OK;
}

static glia_status post_back_out(struct exchange *x, struct slot *s)
{
  int64_t from = 0;
  const int n = glia_exchange_slice_(s, x->rank, &from);

  open_group(s, BACK_OUT);
  for (int i = 1; i < x->size && !s->whole; i++)
    GLIA_TRY(send(x, s, glia_exchange_at_(s, s->total, from), n, (x->rank + i) % x->size, 1));
  close_group(s, BACK_OUT);
  return GLIA_OK;
}

static glia_status post_back_in(struct exchange *x, struct slot *s)
{
  open_group(s, BACK_IN);
  for (int i = 1; i < x->size && !s->whole; i++) {
    const int peer = (x->rank - i + x->size) % x->size;
    int64_t from = 0;
    const int n = glia_exchange_slice_(s, peer, &from);
    GLIA_TRY(receive(x, s, glia_exchange_at_(s, s->total, from), n, peer, 1));
  }
  close_group(s, BACK_IN);
  return GLIA_OK;
}

static glia_status test_group(struct slot *s, int g)
{
  struct group *group = &s->group[g];
  int done = 0;

  if (!group->posted || group->done) return GLIA_OK;
  GLIA_TRY_MPI(MPI_Testall(group->n, (MPI_Request *)s->request.data + group->from, &done,
                           MPI_STATUSES_IGNORE));
  group->done = done != 0;
  return GLIA_OK;
}

/* Add the next elements of the own slice along the tree, into total. */
static void add_segment(struct exchange *x, struct slot *s)
{
  const struct glia_part *node = s->node.data;
  struct glia_part *join = s->join.data;
  const int64_t left = s->n_mine - s->added;
  const int64_t n = left < SEGMENT_ELEMENTS ? left : SEGMENT_ELEMENTS;
  const size_t bytes = (size_t)n * glia_dtype_size(s->bucket.dtype);
  char *to = glia_exchange_at_(s, s->total, s->mine + s->added);

  for (int k = 0; k < s->n_nodes; k++) {
    join[k] = node[k];
    join[k].data = glia_exchange_at_(s, glia_exchange_own_(x, s, k), s->added);
  }
  glia_tree_join(s->v, s->bucket.dtype, n, s->n_nodes, join);
  if (s->n_nodes == 0)
    memset(to, 0, bytes);
  else if (join[0].data != to)
    memcpy(to, join[0].data, bytes);
  s->added += n;
}

/* One bucket onward, adding at most `segments` segments. */
static glia_status advance(struct exchange *x, struct slot *s, int64_t segments)
{
  struct group *g = s->group;

  for (int i = 0; i < N_GROUPS; i++) GLIA_TRY(test_group(s, i));
  /* What OUT still sends may be added into only where no rank but this one reads it. */
  if (g[IN].done && (g[OUT].done || !s->whole))
    for (; segments > 0 && s->added < s->n_mine; segments--) add_segment(x, s);
  if (g[IN].done && s->added == s->n_mine && !g[BACK_OUT].posted) GLIA_TRY(post_back_out(x, s));
  if (g[OUT].done && !g[BACK_IN].posted) GLIA_TRY(post_back_in(x, s));
  s->active = s->added < s->n_mine;
  for (int i = 0; i < N_GROUPS; i++) s->active = s->active || !g[i].done;
  return GLIA_OK;
}

static glia_status advance_all(struct exchange *x, int64_t segments)
{
  for (int i = 0; i < x->n_slots && x->status == GLIA_OK; i++)
    if (x->slot[i].active) {
      const glia_status st = advance(x, &x->slot[i], segments);
      if (st != GLIA_OK) return broken(x, st);
    }
  return x->status;
}

/* Copy the caller's parts, joined as far as they go; they must be the nodes that the other ranks expect. */
static glia_status take_parts(struct exchange *x, struct slot *s, int n_parts,
                              const struct glia_part *parts)
{
  const int *first = s->first.data;
  const struct glia_part *want = (const struct glia_part *)s->node.data + first[x->rank];
  const int n_want = first[x->rank + 1] - first[x->rank];
  int n = 0;

  for (int i = 0; i < n_parts && n < (int)GLIA_COUNT(s->own); i++) {
    s->own[n++] = parts[i];
    n = glia_tree_join(s->v, s->bucket.dtype, s->bucket.n, n, s->own);
  }
  bool same = n == n_want;
  for (int i = 0; same && i < n; i++)
    same = s->own[i].lo == want[i].lo && s->own[i].hi == want[i].hi;
  GLIA_CHECK(same, GLIA_E_ARGUMENT,
             "bucket %d: parts are not those of rank %d of %d with %d threads in a step of %lld "
             "micro-batches",
             s->bucket.index, x->rank, x->size, x->threads, (long long)s->v);
  s->n_own = n;
  return GLIA_OK;
}

static glia_status check_bucket(const struct exchange *x, const struct glia_bucket *b, int64_t v)
{
  GLIA_CHECK(b->index >= 0 && b->index < x->n_slots, GLIA_E_ARGUMENT,
             "bucket %d: the exchange was made for %d", b->index, x->n_slots);
  GLIA_CHECK(b->dtype == GLIA_F32 || b->dtype == GLIA_F64, GLIA_E_ARGUMENT,
             "bucket %d: sums are f32 or f64, not %s", b->index, glia_dtype_name(b->dtype));
  GLIA_CHECK(b->n >= 0 && v >= 0, GLIA_E_ARGUMENT, "bucket %d: %lld elements, %lld micro-batches",
             b->index, (long long)b->n, (long long)v);
  GLIA_CHECK(!x->slot[b->index].started, GLIA_E_ARGUMENT,
             "bucket %d is under way: wait for it first", b->index);
  return GLIA_OK;
}

static glia_status refuse(const struct exchange *x)
{
  glia_trace_set(x->why);
  return x->status;
}

static glia_status start(void *self, const struct glia_bucket *b, int64_t v, int n_parts,
                         const struct glia_part *parts, void *total)
{
  struct exchange *x = self;

  if (x->status != GLIA_OK) return refuse(x);
  GLIA_TRY(check_bucket(x, b, v));
  GLIA_TRY(
      glia_comm_same_call_(x->comm, "exchange of bucket %d: %lld of %s over %lld micro-batches",
                           b->index, (long long)b->n, glia_dtype_name(b->dtype), (long long)v));
  struct slot *s = &x->slot[b->index];
  GLIA_TRY(glia_exchange_plan_(x, s, b, v));
  GLIA_TRY(take_parts(x, s, n_parts, parts));
  s->total = total;
  s->added = 0;
  s->n_requests = 0;
  memset(s->group, 0, sizeof s->group);
  s->started = s->active = true;
  x->stat.buckets++;
  glia_status st = post_nodes(x, s);
  if (st == GLIA_OK) st = advance(x, s, POLL_SEGMENTS);
  return st == GLIA_OK ? GLIA_OK : broken(x, st);
}

static void poll(void *self) { (void)advance_all(self, POLL_SEGMENTS); }

/* Does this bucket still lack a message from or to that rank? */
static bool lacks(const struct slot *s, int rank)
{
  const int *peer = s->peer.data;

  for (int i = 0; i < s->n_requests; i++) {
    const MPI_Request request = ((const MPI_Request *)s->request.data)[i];
    int done = 1;
    if (peer[i] == rank &&
        MPI_Request_get_status(request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done)
      return true;
  }
  return false;
}

/* "1 (gn2), 2 (gn3)" */
static void list_missing(const struct exchange *x, const struct slot *s, char *out, size_t size)
{
  size_t used = 0;

  out[0] = '\0';
  for (int r = 0; r < x->size && used < size; r++)
    if (lacks(s, r)) {
      const int n = snprintf(out + used, size - used, "%s%d (%s)", used > 0 ? ", " : "", r,
                             glia_comm_host(x->comm, r));
      used += n > 0 ? (size_t)n : 0;
    }
}

/* A wait lasts long: say so once, and in the end give up. */
static glia_status watch(struct exchange *x, const struct slot *s, double waited_s, bool *warned)
{
  char missing[512];

  if (waited_s < x->abort_s && (*warned || waited_s < x->warn_s)) return GLIA_OK;
  list_missing(x, s, missing, sizeof missing);
  if (!*warned) {
    glia_log(GLIA_LOG_WARN, "mpi", "stall",
             "host=%s op=\"exchange bucket %d\" waited_s=%.1f missing=\"%s\"",
             glia_comm_host(x->comm, x->rank), s->bucket.index, waited_s, missing);
    x->stat.stalls++;
    *warned = true;
  }
  if (waited_s < x->abort_s) return GLIA_OK;
  return broken(
      x, GLIA_FAIL(GLIA_E_MPI, "rank %d on %s waited %.1f s in exchange bucket %d for rank %s",
                   x->rank, glia_comm_host(x->comm, x->rank), waited_s, s->bucket.index, missing));
}

static glia_status wait_for(void *self, const struct glia_bucket *b)
{
  struct exchange *x = self;

  if (x->status != GLIA_OK) return refuse(x);
  GLIA_CHECK(b->index >= 0 && b->index < x->n_slots && x->slot[b->index].started, GLIA_E_ARGUMENT,
             "bucket %d was not started", b->index);
  struct slot *s = &x->slot[b->index];
  const double from_s = glia_time_s();
  bool warned = false;
  for (int64_t turn = 1; s->active; turn++) {
    if (advance_all(x, INT64_MAX) != GLIA_OK) return refuse(x);
    if (!s->active) break;
    if (turn > x->spins) sched_yield();
    if (turn % 16 == 0 && watch(x, s, glia_time_s() - from_s, &warned) != GLIA_OK) return refuse(x);
  }
  x->stat.wait_s += glia_time_s() - from_s;
  s->started = false;
  return GLIA_OK;
}

static double seconds_from(const char *name, double otherwise_s)
{
  const char *text = getenv(name);
  double s = 0.0;

  return text != NULL && glia_parse_real(text, &s) && s >= 0.0 ? s : otherwise_s;
}

static void release(struct exchange *x)
{
  for (int i = 0; x->slot != NULL && i < x->n_slots; i++) {
    struct slot *s = &x->slot[i];
    struct store *all[] = {&s->node, &s->first, &s->cut, &s->join, &s->room, &s->request, &s->peer};
    for (size_t k = 0; k < GLIA_COUNT(all); k++) free(all[k]->data);
  }
  free(x->slot);
  free(x);
}

glia_status glia_exchange_mpi_create(struct glia_comm *comm, int threads, int max_buckets,
                                     struct glia_exchange **out)
{
  char terms[64];
  glia_status st = GLIA_OK;

  *out = NULL;
  snprintf(terms, sizeof terms, "%d threads and %d buckets", threads, max_buckets);
  GLIA_TRY(glia_agree_same(comm, "the terms of the exchange", terms));
  GLIA_CHECK(threads > 0 && max_buckets > 0 && max_buckets <= MAX_BUCKETS, GLIA_E_ARGUMENT,
             "an exchange for %s", terms);
  struct exchange *x = calloc(1, sizeof *x);
  if (x != NULL) x->slot = calloc((size_t)max_buckets, sizeof *x->slot);
  if (x == NULL || x->slot == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "no memory for %s", terms);
  GLIA_TRY_TO(fail, st, glia_agree(comm, st));
  x->comm = comm;
  x->rank = glia_comm_rank(comm);
  x->size = glia_comm_size(comm);
  x->threads = threads;
  x->n_slots = max_buckets;
  x->mpi = MPI_COMM_NULL;
  x->warn_s = seconds_from("GLIA_STALL_WARN_S", 5.0);
  x->abort_s = seconds_from("GLIA_STALL_ABORT_S", 300.0);
  x->spins = glia_comm_local_size(comm) <= sysconf(_SC_NPROCESSORS_ONLN) ? 2000 : 0;
  x->face = (struct glia_exchange){
      .self = x, .rank = x->rank, .size = x->size, .start = start, .poll = poll, .wait = wait_for};
  if (x->size > 1) GLIA_TRY_MPI_TO(fail, st, MPI_Comm_dup(glia_comm_mpi(comm), &x->mpi));
  *out = &x->face;
  return GLIA_OK;

fail:
  if (x != NULL) release(x);
  return st;
}

glia_status glia_exchange_mpi_reserve(struct glia_exchange *exchange, const struct glia_bucket *b,
                                      int64_t v)
{
  struct exchange *x = of(exchange);

  GLIA_TRY(check_bucket(x, b, v));
  return glia_exchange_plan_(x, &x->slot[b->index], b, v);
}

struct glia_exchange_stat glia_exchange_mpi_stat(const struct glia_exchange *exchange)
{
  return of(exchange)->stat;
}

/* Let go of messages under way: what is being received is called off, what is sent belongs to MPI. */
static void abandon(struct slot *s)
{
  for (int g = 0; g < N_GROUPS; g++)
    for (int i = 0; s->group[g].posted && i < s->group[g].n; i++) {
      MPI_Request *request = (MPI_Request *)s->request.data + s->group[g].from + i;
      if (*request == MPI_REQUEST_NULL) continue;
      if (g == IN || g == BACK_IN) MPI_Cancel(request);
      MPI_Request_free(request);
    }
}

void glia_exchange_mpi_destroy(struct glia_exchange **exchange)
{
  if (*exchange == NULL) return;
  struct exchange *x = of(*exchange);
  bool clean = x->status == GLIA_OK;

  *exchange = NULL;
  for (int i = 0; i < x->n_slots; i++)
    if (x->slot[i].active) {
      abandon(&x->slot[i]);
      clean = false;
    }
  /* Else MPI may still write into the buffers of messages that matched, and ranks free a communicator together. */
  if (!clean) return;
  if (x->mpi != MPI_COMM_NULL) MPI_Comm_free(&x->mpi);
  release(x);
}
