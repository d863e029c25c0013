/* What the schemes of the exchange share: checks of buckets, waiting, and the watch on ranks that stall. */
#include "exchange_priv.h"
#include "glia_agree.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glia_log.h"
#include "glia_text.h"

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

static glia_status refuse(const struct exchange *x)
{
  glia_trace_set(x->why);
  return x->status;
}

static glia_status advance(struct exchange *x, int bucket, int64_t segments)
{
  bool done = false;
  const glia_status st = x->scheme->advance(x, bucket, segments, &done);

  x->flight[bucket].active = !done;
  return st == GLIA_OK ? GLIA_OK : broken(x, st);
}

static glia_status advance_all(struct exchange *x, int64_t segments)
{
  glia_status st = x->status == GLIA_OK ? x->scheme->look(x) : GLIA_OK;

  if (st != GLIA_OK) (void)broken(x, st);
  for (int i = 0; i < x->n_slots && x->status == GLIA_OK; i++)
    if (x->flight[i].active) GLIA_TRY(advance(x, i, segments));
  return x->status;
}

static glia_status check_bucket(const struct exchange *x, const struct glia_bucket *b, int64_t v)
{
  GLIA_CHECK(b->index >= 0 && b->index < x->n_slots, GLIA_E_ARGUMENT,
             "bucket %d: the exchange was made for %d", b->index, x->n_slots);
  GLIA_CHECK(b->dtype == GLIA_F32 || b->dtype == GLIA_F64, GLIA_E_ARGUMENT,
             "bucket %d: sums are f32 or f64, not %s", b->index, glia_dtype_name(b->dtype));
  GLIA_CHECK(b->n >= 0 && v >= 0, GLIA_E_ARGUMENT, "bucket %d: %lld elements, %lld micro-batches",
             b->index, (long long)b->n, (long long)v);
  GLIA_CHECK(!x->flight[b->index].started, GLIA_E_ARGUMENT,
             "bucket %d is under way: wait for it first", b->index);
  return GLIA_OK;
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
  const glia_status st = x->scheme->start(x, b, v, n_parts, parts, total);
  if (st == GLIA_E_MPI) return broken(x, st);
  GLIA_TRY(st);
  x->flight[b->index] = (struct flight){.started = true, .active = true};
  x->stat.buckets++;
  return advance(x, b->index, POLL_SEGMENTS);
}

static void poll(void *self) { (void)advance_all(self, POLL_SEGMENTS); }

/* What is waited for. */
static void tell(int bucket, char *out, size_t size)
{
  if (bucket == MEETING)
    snprintf(out, size, "meeting of the node");
  else
    snprintf(out, size, "exchange bucket %d", bucket);
}

glia_status glia_exchange_watch_(struct exchange *x, int bucket, double waited_s, bool *warned)
{
  const char *host = glia_comm_host(x->comm, glia_comm_rank(x->comm));
  char missing[512], op[64];

  if (waited_s < x->abort_s && (*warned || waited_s < x->warn_s)) return GLIA_OK;
  if (glia_roll_call_(x->comm) != GLIA_OK) glia_trace_clear(); /* others may wait at a meeting */
  x->scheme->missing(x, bucket, missing, sizeof missing);
  tell(bucket, op, sizeof op);
  if (!*warned) {
    glia_log(GLIA_LOG_WARN, "mpi", "stall", "host=%s op=\"%s\" waited_s=%.1f missing=\"%s\"", host,
             op, waited_s, missing);
    x->stat.stalls++;
    *warned = true;
  }
  if (waited_s < x->abort_s) return GLIA_OK;
  glia_stall_note_();
  return broken(x, GLIA_FAIL(GLIA_E_MPI, "rank %d on %s waited %.1f s in %s for rank %s",
                             glia_comm_world_rank_(x->comm, glia_comm_rank(x->comm)), host,
                             waited_s, op, missing));
}

static glia_status wait_for(void *self, const struct glia_bucket *b)
{
  struct exchange *x = self;

  if (x->status != GLIA_OK) return refuse(x);
  GLIA_CHECK(b->index >= 0 && b->index < x->n_slots && x->flight[b->index].started, GLIA_E_ARGUMENT,
             "bucket %d was not started", b->index);
  struct flight *f = &x->flight[b->index];
  const double from_s = glia_time_s();
  bool warned = false;
  for (int64_t turn = 1; f->active; turn++) {
    if (advance_all(x, INT64_MAX) != GLIA_OK) return refuse(x);
    if (!f->active) break;
    if (turn > x->spins) sched_yield();
    if (turn % 16 == 0 &&
        glia_exchange_watch_(x, b->index, glia_time_s() - from_s, &warned) != GLIA_OK)
      return refuse(x);
  }
  x->stat.wait_s += glia_time_s() - from_s;
  f->started = false;
  return GLIA_OK;
}

static glia_status meet(void *self)
{
  struct exchange *x = self;

  if (x->status != GLIA_OK) return refuse(x);
  x->scheme->come(x);
  const double from_s = glia_time_s();
  bool warned = false;
  for (int64_t turn = 1; !x->scheme->met(x); turn++) {
    if (advance_all(x, POLL_SEGMENTS) != GLIA_OK) return refuse(x);
    if (turn > x->spins) sched_yield();
    if (turn % 16 == 0 &&
        glia_exchange_watch_(x, MEETING, glia_time_s() - from_s, &warned) != GLIA_OK)
      return refuse(x);
  }
  x->stat.wait_s += glia_time_s() - from_s;
  return GLIA_OK;
}

static bool test(void *self, const struct glia_bucket *b)
{
  const struct exchange *x = self;

  return x->status != GLIA_OK || b->index < 0 || b->index >= x->n_slots ||
         !x->flight[b->index].active;
}

glia_status glia_exchange_init_(struct exchange *x, const struct exchange_scheme *scheme,
                                struct glia_comm *comm, int rank, int threads, int max_buckets)
{
  x->scheme = scheme;
  x->comm = comm;
  x->threads = threads;
  x->n_slots = max_buckets;
  x->warn_s = glia_stall_seconds_("GLIA_STALL_WARN_S", GLIA_STALL_WARN_S_);
  x->abort_s = glia_stall_seconds_("GLIA_STALL_ABORT_S", GLIA_STALL_ABORT_S_);
  x->spins = glia_comm_crowded_(comm) ? 0 : 2000;
  x->flight = calloc((size_t)max_buckets, sizeof *x->flight);
  x->face = (struct glia_exchange){.self = x,
                                   .rank = rank,
                                   .size = glia_comm_size(comm),
                                   .start = start,
                                   .poll = poll,
                                   .wait = wait_for,
                                   .test = test,
                                   .meet = scheme->come != NULL ? meet : NULL};
  GLIA_CHECK(x->flight != NULL, GLIA_E_MEMORY, "no memory for %d buckets", max_buckets);
  return GLIA_OK;
}

bool glia_exchange_grow_(struct glia_exchange_stat *stat, struct store *s, size_t bytes)
{
  if (bytes <= s->bytes) return true;
  const size_t rounded = (bytes + 63) / 64 * 64;
  free(s->data);
  s->data = aligned_alloc(64, rounded);
  s->bytes = s->data != NULL ? rounded : 0;
  stat->allocations++;
  return s->data != NULL;
}

glia_status glia_exchange_nodes_(struct glia_exchange_stat *stat, int64_t v, int64_t workers,
                                 int threads, int first_rank, int n_ranks, struct store *node,
                                 struct store *first, int *n_nodes)
{
  struct glia_part parts[GLIA_TREE_MAX_PARTS];
  int n = 0;

  for (int fill = 0; fill < 2; fill++) {
    n = 0;
    for (int r = 0; r < n_ranks; r++) {
      const int64_t w = (int64_t)(first_rank + r) * threads;
      const int k = glia_tree_parts(v, glia_tree_range(v, workers, w),
                                    glia_tree_range(v, workers, w + threads), parts);
      if (fill) ((int *)first->data)[r] = n;
      if (fill && k > 0)
        memcpy((struct glia_part *)node->data + n, parts, (size_t)k * sizeof *parts);
      n += k;
    }
    if (!fill)
      GLIA_CHECK(glia_exchange_grow_(stat, node, (size_t)n * sizeof(struct glia_part)) &&
                     glia_exchange_grow_(stat, first, (size_t)(n_ranks + 1) * sizeof(int)),
                 GLIA_E_MEMORY, "no memory for the nodes of %d ranks", n_ranks);
  }
  ((int *)first->data)[n_ranks] = n;
  *n_nodes = n;
  return GLIA_OK;
}

glia_status glia_exchange_take_(const struct exchange *x, const struct glia_bucket *b, int64_t v,
                                int n_parts, const struct glia_part *parts, int n_want,
                                const struct glia_part *want, struct glia_part *own, int *n_own)
{
  int n = 0;

  for (int i = 0; i < n_parts && n < 2 * GLIA_TREE_MAX_PARTS; i++) {
    own[n++] = parts[i];
    n = glia_tree_join(v, b->dtype, b->n, n, own);
  }
  bool same = n == n_want;
  for (int i = 0; same && i < n; i++) same = own[i].lo == want[i].lo && own[i].hi == want[i].hi;
  GLIA_CHECK(same, GLIA_E_ARGUMENT,
             "bucket %d: parts are not those of rank %d of %d with %d threads in a step of %lld "
             "micro-batches",
             b->index, x->face.rank, x->face.size, x->threads, (long long)v);
  *n_own = n;
  return GLIA_OK;
}

void glia_exchange_cut_(int64_t n, int size, int64_t *cut)
{
  const int64_t blocks = (n + SLICE_ELEMENTS - 1) / SLICE_ELEMENTS;

  for (int r = 0; r <= size; r++) {
    cut[r] = glia_tree_range(blocks, size, r) * SLICE_ELEMENTS;
    if (cut[r] > n) cut[r] = n;
  }
}

glia_status glia_exchange_mpi_create(struct glia_comm *comm, glia_exchange_kind kind, int threads,
                                     int max_buckets, struct glia_exchange **out)
{
  char terms[80];
  struct exchange *x = NULL;

  *out = NULL;
  snprintf(terms, sizeof terms, "%d threads and %d buckets", threads, max_buckets);
  GLIA_TRY(glia_agree_same(comm, "the terms of the exchange", terms));
  GLIA_CHECK(threads > 0 && max_buckets > 0 && max_buckets <= MAX_BUCKETS, GLIA_E_ARGUMENT,
             "an exchange for %s", terms);
  if (kind == GLIA_EXCHANGE_NODE)
    GLIA_TRY(glia_exchange_node_create_(comm, threads, max_buckets, &x));
  else
    GLIA_TRY(glia_exchange_messages_create_(comm, threads, max_buckets, &x));
  *out = &x->face;
  return GLIA_OK;
}

/* An exchange of one kind with all its memory. */
static glia_status open_kind(struct glia_comm *comm, glia_exchange_kind kind, int threads,
                             int n_needs, const struct glia_exchange_need *need,
                             struct glia_exchange **out)
{
  int buckets = 1;
  glia_status st = GLIA_OK;

  for (int i = 0; i < n_needs; i++)
    if (need[i].bucket.index >= buckets) buckets = need[i].bucket.index + 1;
  GLIA_TRY(glia_exchange_mpi_create(comm, kind, threads, buckets, out));
  for (int i = 0; i < n_needs && st == GLIA_OK; i++)
    st = glia_agree(comm, glia_exchange_mpi_reserve(*out, &need[i].bucket, need[i].v));
  if (st != GLIA_OK) glia_exchange_mpi_destroy(out);
  return st;
}

glia_status glia_exchange_mpi_open(struct glia_comm *comm, int threads, int n_needs,
                                   const struct glia_exchange_need *need,
                                   struct glia_exchange **out)
{
  const glia_status st = open_kind(comm, GLIA_EXCHANGE_NODE, threads, n_needs, need, out);

  if (st != GLIA_E_MEMORY && st != GLIA_E_UNSUPPORTED) return st;
  glia_log(GLIA_LOG_INFO, "mpi", "exchange-by-messages", "why=\"%s\"", glia_trace_message());
  glia_trace_clear();
  return open_kind(comm, GLIA_EXCHANGE_MESSAGES, threads, n_needs, need, out);
}

glia_status glia_exchange_mpi_reserve(struct glia_exchange *exchange, const struct glia_bucket *b,
                                      int64_t v)
{
  struct exchange *x = of(exchange);

  GLIA_TRY(check_bucket(x, b, v));
  return x->scheme->reserve(x, b, v);
}

glia_status glia_exchange_mpi_wire(struct glia_exchange *exchange, glia_wire wire)
{
  struct exchange *x = of(exchange);
  const char *const name[] = {"f32", "bf16", "int8"};

  GLIA_TRY(glia_agree_same(x->comm, "the numbers on the wire", name[wire]));
  return glia_agree(x->comm, x->scheme->wire(x, wire));
}

bool glia_exchange_mpi_travels(const struct glia_exchange *exchange)
{
  const struct exchange *x = of(exchange);

  return x->scheme->travels(x);
}

struct glia_exchange_stat glia_exchange_mpi_stat(const struct glia_exchange *exchange)
{
  return of(exchange)->stat;
}

void glia_exchange_mpi_destroy(struct glia_exchange **exchange)
{
  if (*exchange == NULL) return;
  struct exchange *x = of(*exchange);

  *exchange = NULL;
  x->scheme->destroy(x);
}
