/* The exchange by messages: direct reduce-scatter and all-gather along the canonical tree. See glia_exchange_mpi.h.
 *
 * A bucket goes through four groups of messages, each done when all its requests are:
 *   IN        slice `rank` of the nodes of all other ranks comes here        posted by start
 *   OUT       slice s of the nodes of this rank goes to each rank s          posted by start
 *   BACK_OUT  the sum of slice `rank` goes to all                            when IN is done and added up
 *   BACK_IN   the sum of slice s comes from each rank s into total           when OUT is done: total may be what OUT sends
 * A small bucket has a single slice, the whole of it, which every rank owns: IN and OUT, and nothing comes back. So has any bucket of
 * two ranks: as many bytes travel as by halves, once instead of twice.
 * A slice goes in pieces of PIECE_BYTES. Messages of one pair of ranks and one tag stay in order, so pieces, several nodes, and the
 * next step need no tags of their own.
 */
#include "exchange_messages_priv.h"
#include "glia_agree.h"

#include <stdlib.h>
#include <string.h>

static struct messages *of(struct exchange *x) { return (struct messages *)(void *)x; }

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

static int piece_of(size_t left) { return (int)(left < PIECE_BYTES ? left : PIECE_BYTES); }

static glia_status receive(struct messages *m, struct slot *s, void *to, int n, int peer, int phase)
{
  const size_t bytes = glia_message_bytes_(m, s, n);

  for (size_t at = 0; at < bytes; at += PIECE_BYTES)
    GLIA_TRY_MPI(MPI_Irecv((char *)to + at, piece_of(bytes - at), MPI_BYTE, peer,
                           2 * s->bucket.index + phase, m->mpi, new_request(s, peer)));
  return GLIA_OK;
}

static glia_status send(struct messages *m, struct slot *s, const void *from, int n, int peer,
                        int phase)
{
  const size_t bytes = glia_message_bytes_(m, s, n);

  for (size_t at = 0; at < bytes; at += PIECE_BYTES)
    GLIA_TRY_MPI(MPI_Isend((const char *)from + at, piece_of(bytes - at), MPI_BYTE, peer,
                           2 * s->bucket.index + phase, m->mpi, new_request(s, peer)));
  m->x.stat.bytes_sent += (int64_t)bytes;
  return GLIA_OK;
}

/* Slice of a rank within a row of slices as they travel. */
static char *code_of(const struct slot *s, const struct store *rows, int row, int rank, int size)
{
  const size_t *at = s->code_at.data;

  return (char *)rows->data + at[size] * (size_t)row + at[rank];
}

/* A node's slice of a peer, as it is sent. */
static const void *outgoing(const struct messages *m, const struct slot *s, int k, int peer,
                            int64_t from)
{
  return s->coded ? code_of(s, &s->out, k, peer, m->x.face.size)
                  : glia_exchange_at_(s, s->own[k].data, from);
}

/* Round what others are to add. Of a whole bucket everybody adds everything, so this rank too is to add what travels. */
static void pack(struct messages *m, struct slot *s)
{
  const int size = m->x.face.size;

  for (int k = 0; k < s->n_own; k++)
    for (int peer = 0; peer < (s->whole ? 1 : size); peer++) {
      int64_t from = 0;
      const int n = glia_exchange_slice_(s, peer, &from);
      float *x = (float *)(void *)glia_exchange_at_(s, s->own[k].data, from);
      float *rest = s->rest.data != NULL ? (float *)s->rest.data + from : NULL;
      if (!s->whole && peer == m->x.face.rank) continue;
      glia_wire_encode_(m->wire, n, x, rest, k == 0, code_of(s, &s->out, k, peer, size));
      if (s->whole) glia_wire_decode_(m->wire, n, code_of(s, &s->out, k, peer, size), x);
    }
}

/* The own sum as all others will have it. */
static void pack_sum(struct messages *m, struct slot *s)
{
  float *x = (float *)(void *)glia_exchange_at_(s, s->total, s->mine);
  char *code = code_of(s, &s->back, 0, m->x.face.rank, m->x.face.size);

  glia_wire_encode_(m->wire, s->n_mine, x, s->rest_back.data, true, code);
  glia_wire_decode_(m->wire, s->n_mine, code, x);
}

static void unpack_sums(struct messages *m, struct slot *s)
{
  for (int peer = 0; peer < m->x.face.size; peer++) {
    int64_t from = 0;
    const int n = glia_exchange_slice_(s, peer, &from);
    if (peer != m->x.face.rank)
      glia_wire_decode_(m->wire, n, code_of(s, &s->back, 0, peer, m->x.face.size),
                        (float *)(void *)glia_exchange_at_(s, s->total, from));
  }
}

/* Peers are taken in turn from the own rank on, so that not all ranks fall upon rank 0 at once. */
static glia_status post_nodes(struct messages *m, struct slot *s)
{
  const int *first = s->first.data;

  open_group(s, IN);
  for (int i = 1; i < m->x.face.size; i++) {
    const int peer = (m->x.face.rank - i + m->x.face.size) % m->x.face.size;
    for (int k = first[peer]; k < first[peer + 1]; k++)
      GLIA_TRY(receive(m, s, s->coded ? glia_exchange_coded_(m, s, k) : glia_exchange_own_(m, s, k),
                       s->n_mine, peer, 0));
  }
  close_group(s, IN);
  open_group(s, OUT);
  for (int i = 1; i < m->x.face.size; i++) {
    const int peer = (m->x.face.rank + i) % m->x.face.size;
    int64_t from = 0;
    const int n = glia_exchange_slice_(s, peer, &from);
    for (int k = 0; k < s->n_own; k++)
      GLIA_TRY(send(m, s, outgoing(m, s, k, peer, from), n, peer, 0));
  }
  close_group(s, OUT);
  return GLIA_OK;
}

static glia_status post_back_out(struct messages *m, struct slot *s)
{
  int64_t from = 0;
  const int n = glia_exchange_slice_(s, m->x.face.rank, &from);

  open_group(s, BACK_OUT);
  if (s->coded && !s->whole) pack_sum(m, s);
  const void *sum = s->coded && !s->whole ? code_of(s, &s->back, 0, m->x.face.rank, m->x.face.size)
                                          : glia_exchange_at_(s, s->total, from);
  for (int i = 1; i < m->x.face.size && !s->whole; i++)
    GLIA_TRY(send(m, s, sum, n, (m->x.face.rank + i) % m->x.face.size, 1));
  close_group(s, BACK_OUT);
  return GLIA_OK;
}

static glia_status post_back_in(struct messages *m, struct slot *s)
{
  open_group(s, BACK_IN);
  for (int i = 1; i < m->x.face.size && !s->whole; i++) {
    const int peer = (m->x.face.rank - i + m->x.face.size) % m->x.face.size;
    int64_t from = 0;
    const int n = glia_exchange_slice_(s, peer, &from);
    GLIA_TRY(receive(m, s,
                     s->coded ? code_of(s, &s->back, 0, peer, m->x.face.size)
                              : glia_exchange_at_(s, s->total, from),
                     n, peer, 1));
  }
  close_group(s, BACK_IN);
  return GLIA_OK;
}

static glia_status look(struct exchange *x)
{
  struct messages *m = of(x);
  MPI_Request *open = m->open.data, **at = m->at.data;
  int n = 0, n_done = 0;

  for (int i = 0; i < x->n_slots; i++) {
    struct slot *s = &m->slot[i];
    for (int k = 0; x->flight[i].active && k < s->n_requests; k++) {
      MPI_Request *request = (MPI_Request *)s->request.data + k;
      if (*request == MPI_REQUEST_NULL) continue;
      open[n] = *request;
      at[n++] = request;
    }
  }
  if (n == 0) return GLIA_OK;
  GLIA_TRY_MPI(MPI_Testsome(n, open, &n_done, m->done.data, MPI_STATUSES_IGNORE));
  for (int k = 0; k < n_done; k++) *at[((const int *)m->done.data)[k]] = MPI_REQUEST_NULL;
  return GLIA_OK;
}

/* All its messages were seen to be through. */
static void see_group(const struct slot *s, struct group *g)
{
  const MPI_Request *request = (const MPI_Request *)s->request.data + g->from;
  int gone = 0;

  while (g->posted && gone < g->n && request[gone] == MPI_REQUEST_NULL) gone++;
  g->done = g->posted && gone == g->n;
}

/* Add the next elements of the own slice along the tree, into total. */
static void add_segment(struct messages *m, struct slot *s)
{
  const struct glia_part *node = s->node.data;
  struct glia_part *join = s->join.data;
  const int64_t left = s->n_mine - s->added;
  const int64_t n = left < SEGMENT_ELEMENTS ? left : SEGMENT_ELEMENTS;
  const size_t bytes = (size_t)n * glia_dtype_size(s->bucket.dtype);
  char *to = glia_exchange_at_(s, s->total, s->mine + s->added);
  const int *first =
      (const int *)s->first.data + m->x.face.rank; /* own nodes: first[0] to first[1] */

  for (int k = 0; k < s->n_nodes; k++) {
    join[k] = node[k];
    join[k].data = glia_exchange_at_(s, glia_exchange_own_(m, s, k), s->added);
    if (s->coded && (k < first[0] || k >= first[1]))
      glia_wire_decode_(m->wire, n,
                        glia_exchange_coded_(m, s, k) + glia_wire_bytes_(m->wire, s->added),
                        join[k].data);
  }
  glia_tree_join(s->v, s->bucket.dtype, n, s->n_nodes, join);
  if (s->n_nodes == 0)
    memset(to, 0, bytes);
  else if (join[0].data != to)
    memcpy(to, join[0].data, bytes);
  s->added += n;
}

static glia_status advance(struct exchange *x, int bucket, int64_t segments, bool *done)
{
  struct messages *m = of(x);
  struct slot *s = &m->slot[bucket];
  struct group *g = s->group;

  for (int i = 0; i < N_GROUPS; i++) see_group(s, &g[i]);
  /* What OUT still sends may be added into only where no rank but this one reads it. */
  if (g[IN].done && (g[OUT].done || !s->whole))
    for (; segments > 0 && s->added < s->n_mine; segments--) add_segment(m, s);
  if (g[IN].done && s->added == s->n_mine && !g[BACK_OUT].posted) GLIA_TRY(post_back_out(m, s));
  if (g[OUT].done && !g[BACK_IN].posted) GLIA_TRY(post_back_in(m, s));
  if (s->coded && !s->whole && g[BACK_IN].done && !s->unpacked) {
    unpack_sums(m, s);
    s->unpacked = true;
  }
  *done = s->added == s->n_mine;
  for (int i = 0; i < N_GROUPS; i++) *done = *done && g[i].done;
  return GLIA_OK;
}

static glia_status start(struct exchange *x, const struct glia_bucket *b, int64_t v, int n_parts,
                         const struct glia_part *parts, void *total)
{
  struct messages *m = of(x);
  struct slot *s = &m->slot[b->index];

  GLIA_TRY(glia_messages_plan_(m, s, b, v));
  const int *first = s->first.data;
  const int rank = x->face.rank;
  GLIA_TRY(glia_exchange_take_(x, b, v, n_parts, parts, first[rank + 1] - first[rank],
                               (const struct glia_part *)s->node.data + first[rank], s->own,
                               &s->n_own));
  s->total = total;
  s->added = 0;
  s->n_requests = 0;
  s->unpacked = false;
  if (s->coded) pack(m, s);
  memset(s->group, 0, sizeof s->group);
  return post_nodes(m, s);
}

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

static void missing(const struct exchange *x, int bucket, char *out, size_t size)
{
  const struct messages *m = (const struct messages *)(const void *)x;
  size_t used = 0;

  out[0] = '\0';
  for (int r = 0; r < x->face.size; r++)
    if (lacks(&m->slot[bucket], r)) used = glia_comm_name_(x->comm, r, out, used, size);
}

static glia_status reserve(struct exchange *x, const struct glia_bucket *b, int64_t v)
{
  return glia_messages_plan_(of(x), &of(x)->slot[b->index], b, v);
}

/* What was reserved is reserved anew, so that no start asks for memory. */
static glia_status set_wire(struct exchange *x, glia_wire wire)
{
  struct messages *m = of(x);

  m->wire = wire;
  for (int i = 0; i < x->n_slots; i++) {
    struct slot *s = &m->slot[i];
    const struct glia_bucket b = s->bucket;
    const bool planned = s->planned;
    s->planned = false;
    if (planned) GLIA_TRY(glia_messages_plan_(m, s, &b, s->v));
  }
  return GLIA_OK;
}

static bool travels(const struct exchange *x) { return x->face.size > 1; }

static void release(struct messages *m)
{
  for (int i = 0; m->slot != NULL && i < m->x.n_slots; i++) {
    struct slot *s = &m->slot[i];
    struct store *all[] = {&s->node,    &s->first,     &s->cut,    &s->join, &s->room,
                           &s->request, &s->peer,      &s->out,    &s->in,   &s->back,
                           &s->rest,    &s->rest_back, &s->code_at};
    for (size_t k = 0; k < GLIA_COUNT(all); k++) free(all[k]->data);
  }
  free(m->open.data);
  free(m->at.data);
  free(m->done.data);
  free(m->slot);
  free(m->x.flight);
  free(m);
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

static void destroy(struct exchange *x)
{
  struct messages *m = of(x);
  bool clean = x->status == GLIA_OK;

  for (int i = 0; i < x->n_slots; i++)
    if (x->flight[i].active) {
      abandon(&m->slot[i]);
      clean = false;
    }
  /* Else MPI may still write into the buffers of messages that matched, and ranks free a communicator together. */
  if (!clean) return;
  if (m->mpi != MPI_COMM_NULL) MPI_Comm_free(&m->mpi);
  release(m);
}

static const struct exchange_scheme scheme = {.reserve = reserve,
                                              .start = start,
                                              .look = look,
                                              .advance = advance,
                                              .wire = set_wire,
                                              .travels = travels,
                                              .missing = missing,
                                              .destroy = destroy};

glia_status glia_exchange_messages_create_(struct glia_comm *comm, int threads, int max_buckets,
                                           struct exchange **out)
{
  glia_status st = GLIA_OK;
  struct messages *m = calloc(1, sizeof *m);

  *out = NULL;
  if (m != NULL) m->slot = calloc((size_t)max_buckets, sizeof *m->slot);
  if (m == NULL || m->slot == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "no memory for an exchange of %d buckets", max_buckets);
  else
    st = glia_exchange_init_(&m->x, &scheme, comm, glia_comm_rank(comm), threads, max_buckets);
  GLIA_TRY_TO(fail, st, glia_agree(comm, st));
  m->mpi = MPI_COMM_NULL;
  if (glia_comm_size(comm) > 1)
    GLIA_TRY_MPI_TO(fail, st, MPI_Comm_dup(glia_comm_mpi(comm), &m->mpi));
  *out = &m->x;
  return GLIA_OK;

fail:
  if (m != NULL) release(m);
  return st;
}
