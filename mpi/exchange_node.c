/* The exchange through memory that the ranks of a node share, and by messages between nodes. See glia_exchange_mpi.h.
 *
 * A bucket's memory holds the nodes of all local ranks and the total. A step of it:
 *   1. start copies this rank's nodes there, but for its own slice, which nobody else reads, or says where they stand if that is memory that
 *      all share, and raises `arrived` to the step's number;
 *   2. when all local ranks have arrived, this rank adds its slice of their nodes along the tree;
 *   3. with several nodes, the slice crosses them by messages, on the communicator of equal local ranks;
 *   4. the slice's sum stands in the total and `added` is raised; all copy the slices of others as they become ready, unless the caller's
 *      total is in memory that all share.
 * A rank starts the next step when all have added their slices and it has copied the whole total, so nothing is overwritten that somebody
 * still reads.
 * A small bucket is added whole by everybody, without step 4; its nodes alternate between two places. Where its total is in memory that all
 * share, only the first rank writes it, and the others wait until it is there.
 * `left` says how far a rank is with a bucket, for the moment when the layout of its memory changes.
 */
#include "exchange_node_priv.h"
#include "shared_priv.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "glia_log.h"

static struct node_exchange *of(struct exchange *x) { return (struct node_exchange *)(void *)x; }

static struct mark *mark_of(const struct node_exchange *e, const struct node_slot *s, int local)
{
  return &e->mark[(s - e->slot) * e->local_size + local];
}

static size_t size_of(const struct node_slot *s) { return glia_dtype_size(s->bucket.dtype); }

static size_t line_up(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* Node k of the local ranks. */
static char *node_at(const struct node_slot *s, int k)
{
  const size_t half = s->whole && s->step % 2 != 0 ? (size_t)s->n_nodes : 0;

  return (char *)s->memory + s->total_bytes + (half + (size_t)k) * s->node_bytes;
}

static int64_t slice_from(const struct node_exchange *e, const struct node_slot *s)
{
  return s->whole ? 0 : s->cut[e->local_rank];
}

static int64_t slice_n(const struct node_exchange *e, const struct node_slot *s)
{
  return s->whole ? s->bucket.n : s->cut[e->local_rank + 1] - s->cut[e->local_rank];
}

/* The own slice's sum, where others read it. */
static char *shared_sum(const struct node_exchange *e, const struct node_slot *s)
{
  return (char *)s->memory + (size_t)slice_from(e, s) * size_of(s);
}

/* A small bucket whose total another rank writes, for all. */
static bool written_for_us(const struct node_exchange *e, const struct node_slot *s)
{
  return s->whole && s->common && e->local_rank > 0;
}

/* Where the own slice's sum is made. */
static char *own_sum(const struct node_exchange *e, const struct node_slot *s)
{
  if (written_for_us(e, s)) return (char *)s->room.data + (size_t)s->n_nodes * s->node_bytes;
  return s->total + (size_t)slice_from(e, s) * size_of(s);
}

/* Before the layout changes: all local ranks must be through with the last step. */
static glia_status wait_until_left(struct node_exchange *e, struct node_slot *s)
{
  const int bucket = (int)(s - e->slot);
  const double from_s = glia_time_s();
  bool warned = false;

  s->phase = LEAVING;
  for (int r = 0; r < e->local_size; r++)
    for (int64_t turn = 1;
         atomic_load_explicit(&mark_of(e, s, r)->left, memory_order_acquire) < s->step; turn++) {
      sched_yield();
      if (turn % 16 == 0)
        GLIA_TRY(glia_exchange_watch_(&e->x, bucket, glia_time_s() - from_s, &warned));
    }
  return GLIA_OK;
}

/* Memory for the bucket, the same decision on all local ranks; what was there is given up when it is too small. */
static glia_status plan_memory(struct node_exchange *e, struct node_slot *s, int n_nodes)
{
  const size_t each = s->whole ? 2 * s->node_bytes : s->node_bytes + sizeof(int64_t);
  const size_t bytes = s->total_bytes + (size_t)n_nodes * each;

  if (bytes <= s->memory_bytes) return GLIA_OK; /* so for an empty bucket as well */
  glia_shared_release_(&s->memory, s->memory_bytes);
  s->memory_bytes = 0;
  GLIA_TRY(glia_shared_create_(e->node, bytes, &s->memory));
  s->memory_bytes = bytes;
  e->x.stat.allocations++;
  return GLIA_OK;
}

/* Nodes that the local ranks hold at most in steps of up to v micro-batches. */
static int most_nodes(const struct node_exchange *e, int64_t v)
{
  const int64_t workers = (int64_t)e->x.face.size * e->x.threads;
  const int64_t first = (int64_t)(e->x.face.rank - e->local_rank) * e->x.threads;
  struct glia_part parts[GLIA_TREE_MAX_PARTS];
  int most = 0;

  for (int64_t u = v; u > 0; u--) {
    int n = 0;
    for (int r = 0; r < e->local_size; r++)
      n += glia_tree_parts(u, glia_tree_range(u, workers, first + (int64_t)r * e->x.threads),
                           glia_tree_range(u, workers, first + (int64_t)(r + 1) * e->x.threads),
                           parts);
    if (n > most) most = n;
  }
  return most;
}

/* reserving: have memory for fewer micro-batches as well. */
static glia_status plan(struct node_exchange *e, const struct glia_bucket *b, int64_t v,
                        bool reserving)
{
  struct node_slot *s = &e->slot[b->index];

  if (!reserving && s->planned && s->v == v && s->bucket.n == b->n && s->bucket.dtype == b->dtype)
    return GLIA_OK;
  GLIA_TRY(wait_until_left(e, s));
  s->planned = false;
  s->bucket = *b;
  s->v = v;
  s->node_bytes = line_up((size_t)b->n * size_of(s));
  s->whole = (size_t)b->n * size_of(s) <= SMALL_BYTES;
  s->total_bytes = s->whole ? 0 : s->node_bytes;
  glia_exchange_cut_(b->n, e->local_size, s->cut);
  GLIA_TRY(glia_exchange_nodes_(&e->x.stat, v, (int64_t)e->x.face.size * e->x.threads, e->x.threads,
                                e->x.face.rank - e->local_rank, e->local_size, &s->node, &s->first,
                                &s->n_nodes));
  const size_t n = (size_t)s->n_nodes;
  GLIA_CHECK(glia_exchange_grow_(&e->x.stat, &s->join, n * sizeof(struct glia_part)) &&
                 (!s->whole || glia_exchange_grow_(&e->x.stat, &s->room, (n + 1) * s->node_bytes)),
             GLIA_E_MEMORY, "no memory for %d nodes", s->n_nodes);
  GLIA_TRY(plan_memory(e, s, reserving ? most_nodes(e, v) : s->n_nodes));
  s->planned = true;
  return GLIA_OK;
}

/* The bucket as the messages between nodes see it: a slice of it. */
static struct glia_bucket across_bucket(const struct node_exchange *e, const struct node_slot *s)
{
  return (struct glia_bucket){s->bucket.index, s->bucket.dtype, slice_n(e, s)};
}

static glia_status reserve(struct exchange *x, const struct glia_bucket *b, int64_t v)
{
  struct node_exchange *e = of(x);

  GLIA_TRY(plan(e, b, v, true));
  if (e->messages == NULL) return GLIA_OK;
  const struct glia_bucket slice = across_bucket(e, &e->slot[b->index]);
  return glia_exchange_mpi_reserve(&e->messages->face, &slice, v);
}

/* What others read of an own node: all of a small one, else all but the own slice. */
static void share_node(const struct node_exchange *e, const struct node_slot *s, char *to,
                       const char *from)
{
  const size_t bytes = (size_t)s->bucket.n * size_of(s);
  const size_t lo = s->whole ? bytes : (size_t)slice_from(e, s) * size_of(s);
  const size_t hi = s->whole ? bytes : lo + (size_t)slice_n(e, s) * size_of(s);

  memcpy(to, from, lo);
  memcpy(to + hi, from + hi, bytes - hi);
}

glia_status glia_exchange_node_share_(void *self, size_t bytes, void **memory)
{
  struct node_exchange *e = of(self);

  e->x.stat.allocations++;
  GLIA_TRY(glia_shared_create_(e->node, bytes, memory));
  for (int i = 0; i < MOST_COMMON; i++)
    if (e->common[i].from == NULL) {
      e->common[i].from = *memory;
      e->common[i].bytes = bytes;
      break;
    }
  return GLIA_OK;
}

void glia_exchange_node_unshare_(void *self, void **memory, size_t bytes)
{
  struct node_exchange *e = of(self);

  for (int i = 0; i < MOST_COMMON; i++)
    if (e->common[i].from == *memory) e->common[i].from = NULL;
  glia_shared_release_(memory, bytes);
}

/* The block that holds these bytes; -1: not memory that all share. */
static int block_of(const struct node_exchange *e, const char *at, size_t bytes)
{
  for (int i = 0; i < MOST_COMMON; i++)
    if (e->common[i].from != NULL && at >= e->common[i].from &&
        at + bytes <= e->common[i].from + e->common[i].bytes)
      return i;
  return -1;
}

/* Of each node: where it stands, if not here: its offset in a block, and which. -1: here. */
static int64_t *where(const struct node_slot *s)
{
  return (int64_t *)(void *)((char *)s->memory + s->total_bytes +
                             (size_t)s->n_nodes * s->node_bytes);
}

static int64_t place_of(const struct node_exchange *e, const char *at, size_t bytes)
{
  const int block = block_of(e, at, bytes);

  return block < 0 ? -1 : (int64_t)(at - e->common[block].from) * MOST_COMMON + block;
}

/* A node of another rank. */
static char *theirs(const struct node_exchange *e, const struct node_slot *s, int k)
{
  const int64_t place = where(s)[k];

  return place < 0 ? node_at(s, k) : e->common[place % MOST_COMMON].from + place / MOST_COMMON;
}

/* An own node, for others to read: where it is, if they see it there. */
static void offer(const struct node_exchange *e, const struct node_slot *s, int k, const char *from)
{
  const int64_t place = s->whole ? -1 : place_of(e, from, (size_t)s->bucket.n * size_of(s));

  if (!s->whole) where(s)[k] = place;
  if (place < 0) share_node(e, s, node_at(s, k), from);
}

static glia_status start(struct exchange *x, const struct glia_bucket *b, int64_t v, int n_parts,
                         const struct glia_part *parts, void *total)
{
  struct node_exchange *e = of(x);
  struct node_slot *s = &e->slot[b->index];

  GLIA_TRY(plan(e, b, v, false));
  const int *first = (const int *)s->first.data + e->local_rank;
  GLIA_TRY(glia_exchange_take_(x, b, v, n_parts, parts, first[1] - first[0],
                               (const struct glia_part *)s->node.data + first[0], s->own,
                               &s->n_own));
  s->step++;
  s->phase = ARRIVING;
  s->arrived = s->copied = 0;
  s->added = 0;
  s->total = total;
  s->common = block_of(e, s->total, (size_t)b->n * size_of(s)) >= 0;
  for (int k = 0; k < s->n_own; k++) offer(e, s, first[0] + k, s->own[k].data);
  atomic_store_explicit(&mark_of(e, s, e->local_rank)->arrived, s->step, memory_order_release);
  return GLIA_OK;
}

/* The nodes of all local ranks as parts from element `at` on; returns their number. What all add, each adds in its own room. */
static int list_nodes(const struct node_exchange *e, const struct node_slot *s, int64_t at,
                      struct glia_part *join)
{
  const struct glia_part *node = s->node.data;
  const int *own = (const int *)s->first.data + e->local_rank; /* own nodes: own[0] to own[1] */

  for (int k = 0; k < s->n_nodes; k++) {
    char *from = s->whole                    ? (char *)s->room.data + (size_t)k * s->node_bytes
                 : k >= own[0] && k < own[1] ? s->own[k - own[0]].data
                                             : theirs(e, s, k);
    join[k] = node[k];
    join[k].data = from + (size_t)at * size_of(s);
  }
  return s->n_nodes;
}

/* Add the next elements of the own slice along the tree; with one node that is the sum, which goes to the caller's total and, while it is
 * in the cache, to the others'. */
static void add_segment(struct node_exchange *e, struct node_slot *s)
{
  struct glia_part *join = s->join.data;
  const int64_t left = slice_n(e, s) - s->added;
  const int64_t n = left < SEGMENT_ELEMENTS ? left : SEGMENT_ELEMENTS;
  const size_t bytes = (size_t)n * size_of(s);
  const size_t at = (size_t)s->added * size_of(s);
  const int count = list_nodes(e, s, slice_from(e, s) + s->added, join);

  if (e->messages != NULL)
    glia_tree_join(s->v, s->bucket.dtype, n, count, join);
  else
    glia_tree_total(s->v, s->bucket.dtype, n, count, join, own_sum(e, s) + at);
  if (e->messages == NULL && !s->whole && !s->common && e->local_size > 1)
    memcpy(shared_sum(e, s) + at, own_sum(e, s) + at, bytes);
  s->added += n;
}

/* What the node's slice has become, to the same slice of the other nodes. */
static glia_status cross(struct node_exchange *e, struct node_slot *s)
{
  const struct glia_exchange *m = &e->messages->face;
  const struct glia_bucket slice = across_bucket(e, s);
  struct glia_part *join = s->join.data;
  int n = list_nodes(e, s, slice_from(e, s), join);

  n = glia_tree_join(s->v, s->bucket.dtype, 0, n,
                     join); /* its elements are added already: which parts remain */
  return m->start(m->self, &slice, s->v, n, join, own_sum(e, s));
}

static glia_status crossing(struct node_exchange *e, const struct node_slot *s, bool *crossed)
{
  struct exchange *m = e->messages;
  const struct glia_bucket slice = across_bucket(e, s);

  *crossed = m->status != GLIA_OK || !m->flight[slice.index].active;
  return *crossed ? m->face.wait(m->face.self, &slice)
                  : GLIA_OK; /* does not block: tells what went wrong */
}

static bool has_added(const struct node_exchange *e, const struct node_slot *s, int local)
{
  return atomic_load_explicit(&mark_of(e, s, local)->added, memory_order_acquire) >= s->step;
}

/* Copy the slices of others that are ready. */
static void copy_slices(struct node_exchange *e, struct node_slot *s)
{
  while (s->copied < e->local_size) {
    const int r = s->copied;
    if (r == e->local_rank) { /* that is here already */
      s->copied++;
      continue;
    }
    if (!has_added(e, s, r)) return;
    const size_t at = (size_t)s->cut[r] * size_of(s);
    if (!s->common)
      memcpy(s->total + at, (const char *)s->memory + at,
             (size_t)(s->cut[r + 1] - s->cut[r]) * size_of(s));
    s->copied++;
  }
}

static void see_arrivals(struct node_exchange *e, struct node_slot *s)
{
  while (s->arrived < e->local_size &&
         atomic_load_explicit(&mark_of(e, s, s->arrived)->arrived, memory_order_acquire) >= s->step)
    s->arrived++;
  if (s->arrived < e->local_size) return;
  if (written_for_us(e, s) && e->messages == NULL) {
    s->phase = COPYING;
    return;
  }
  s->phase = ADDING;
  for (int k = 0; s->whole && k < s->n_nodes; k++)
    memcpy((char *)s->room.data + (size_t)k * s->node_bytes, node_at(s, k), s->node_bytes);
}

static glia_status look(struct exchange *x)
{
  struct exchange *m = of(x)->messages;

  if (m != NULL) m->face.poll(m->face.self); /* what went wrong is told by its wait */
  return GLIA_OK;
}

static glia_status set_wire(struct exchange *x, glia_wire wire)
{
  struct exchange *m = of(x)->messages;

  return m != NULL ? m->scheme->wire(m, wire) : GLIA_OK;
}

static bool travels(const struct exchange *x)
{
  return ((const struct node_exchange *)(const void *)x)->messages != NULL;
}

static glia_status advance(struct exchange *x, int bucket, int64_t segments, bool *done)
{
  struct node_exchange *e = of(x);
  struct node_slot *s = &e->slot[bucket];
  struct mark *own = mark_of(e, s, e->local_rank);

  if (s->phase == ARRIVING) see_arrivals(e, s);
  if (s->phase == ADDING) {
    for (; segments > 0 && s->added < slice_n(e, s); segments--) add_segment(e, s);
    if (s->added < slice_n(e, s)) return GLIA_OK;
    if (e->messages != NULL) GLIA_TRY(cross(e, s));
    s->phase = CROSSING;
  }
  if (s->phase == CROSSING) {
    bool crossed = true;
    if (e->messages != NULL) GLIA_TRY(crossing(e, s, &crossed));
    if (!crossed) return GLIA_OK;
    if (e->messages != NULL && !s->whole && !s->common && e->local_size > 1)
      memcpy(shared_sum(e, s), own_sum(e, s), (size_t)slice_n(e, s) * size_of(s));
    atomic_store_explicit(&own->added, s->step, memory_order_release);
    s->phase = COPYING;
  }
  if (s->phase != COPYING) return GLIA_OK;
  if (!s->whole) copy_slices(e, s);
  *done = s->whole ? !written_for_us(e, s) || has_added(e, s, 0) : s->copied == e->local_size;
  if (*done) atomic_store_explicit(&own->left, s->step, memory_order_release);
  return GLIA_OK;
}

static struct mark *meeting_of(const struct node_exchange *e, int local)
{
  return &e->mark[e->x.n_slots * e->local_size + local];
}

static void come(struct exchange *x)
{
  struct node_exchange *e = of(x);

  atomic_store_explicit(&meeting_of(e, e->local_rank)->arrived, ++e->meetings,
                        memory_order_release);
}

static bool came(const struct node_exchange *e, int local)
{
  return atomic_load_explicit(&meeting_of(e, local)->arrived, memory_order_acquire) >= e->meetings;
}

static bool met(const struct exchange *x)
{
  const struct node_exchange *e = (const struct node_exchange *)(const void *)x;
  int r = 0;

  while (r < e->local_size && came(e, r)) r++;
  return r == e->local_size;
}

static void missing(const struct exchange *x, int bucket, char *out, size_t size)
{
  const struct node_exchange *e = (const struct node_exchange *)(const void *)x;
  size_t used = 0;

  out[0] = '\0';
  for (int r = 0; bucket == MEETING && r < e->local_size; r++)
    if (!came(e, r)) used = glia_comm_name_(x->comm, e->comm_rank[r], out, used, size);
  if (bucket == MEETING) return;
  const struct node_slot *s = &e->slot[bucket];
  if (s->phase == CROSSING && e->messages != NULL) {
    e->messages->scheme->missing(e->messages, bucket, out, size);
    return;
  }
  for (int r = 0; r < e->local_size; r++) {
    const struct mark *m = mark_of(e, s, r);
    if (r > 0 && s->phase == COPYING && written_for_us(e, s)) break;
    if (atomic_load(s->phase == ARRIVING  ? &m->arrived
                    : s->phase == LEAVING ? &m->left
                                          : &m->added) < s->step)
      used = glia_comm_name_(x->comm, e->comm_rank[r], out, used, size);
  }
}

void glia_exchange_node_release_(struct node_exchange *e)
{
  void *mark = e->mark;

  for (int i = 0; e->slot != NULL && i < e->x.n_slots; i++) {
    struct node_slot *s = &e->slot[i];
    glia_shared_release_(&s->memory, s->memory_bytes);
    free(s->node.data);
    free(s->first.data);
    free(s->join.data);
    free(s->room.data);
    free(s->cut);
  }
  glia_shared_release_(&mark, e->mark_bytes);
  free(e->slot);
  free(e->comm_rank);
  free(e->x.flight);
  free(e);
}

static void destroy(struct exchange *x)
{
  struct node_exchange *e = of(x);
  const bool clean = x->status == GLIA_OK;

  if (e->messages != NULL) e->messages->scheme->destroy(e->messages);
  if (clean) {
    glia_comm_destroy(&e->across);
    glia_comm_destroy(&e->node);
  }
  glia_exchange_node_release_(e);
}

const struct exchange_scheme glia_exchange_node_scheme_ = {.reserve = reserve,
                                                           .start = start,
                                                           .look = look,
                                                           .advance = advance,
                                                           .come = come,
                                                           .met = met,
                                                           .wire = set_wire,
                                                           .travels = travels,
                                                           .missing = missing,
                                                           .destroy = destroy};
