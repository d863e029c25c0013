/* Plan of a bucket: nodes of the tree on each rank, slices, requests and their memory. A function of bucket, v and ranks. */
#include "exchange_messages_priv.h"

#include <stdlib.h>
#include <string.h>

static bool grow(struct messages *m, struct store *s, size_t bytes)
{
  return glia_exchange_grow_(&m->x.stat, s, bytes);
}

int glia_exchange_slice_(const struct slot *s, int rank, int64_t *from)
{
  const int64_t *cut = s->cut.data;

  *from = s->whole ? 0 : cut[rank];
  return (int)(s->whole ? s->bucket.n : cut[rank + 1] - cut[rank]);
}

char *glia_exchange_at_(const struct slot *s, void *data, int64_t i)
{
  return (char *)data + (size_t)i * glia_dtype_size(s->bucket.dtype);
}

/* Which of the nodes of others node k is. */
static int other_node(const struct messages *m, const struct slot *s, int k)
{
  const int *first = (const int *)s->first.data + m->x.face.rank;

  return k < first[0] ? k : k - (first[1] - first[0]);
}

/* Bytes of one node's own slice in `room`. */
static size_t room_stride(const struct slot *s)
{
  return ((size_t)s->n_mine * glia_dtype_size(s->bucket.dtype) + 63) / 64 * 64;
}

char *glia_exchange_own_(const struct messages *m, const struct slot *s, int k)
{
  const int *first =
      (const int *)s->first.data + m->x.face.rank; /* own nodes: first[0] to first[1] */

  if (k >= first[0] && k < first[1])
    return glia_exchange_at_(s, s->own[k - first[0]].data, s->mine);
  return (char *)s->room.data + room_stride(s) * (size_t)other_node(m, s, k);
}

static size_t line_up(size_t bytes) { return (bytes + 63) / 64 * 64; }

char *glia_exchange_coded_(const struct messages *m, const struct slot *s, int k)
{
  return (char *)s->in.data +
         line_up(glia_wire_bytes_(m->wire, s->n_mine)) * (size_t)other_node(m, s, k);
}

/* Memory that is zero when it is new. */
static bool grow_rest(struct messages *m, struct store *s, int64_t n)
{
  const size_t before = s->bytes;

  if (!grow(m, s, (size_t)n * sizeof(float))) return false;
  if (s->bytes != before) memset(s->data, 0, s->bytes);
  return true;
}

/* Room for slices as they travel. */
static glia_status plan_code(struct messages *m, struct slot *s, int n_own, int n_others)
{
  const size_t size = (size_t)m->x.face.size;
  int64_t from;

  GLIA_CHECK(grow(m, &s->code_at, (size + 1) * sizeof(size_t)), GLIA_E_MEMORY, "%zu ranks", size);
  size_t *at = s->code_at.data;
  at[0] = 0;
  for (size_t r = 0; r < size; r++) {
    const size_t bytes = line_up(glia_wire_bytes_(m->wire, glia_exchange_slice_(s, (int)r, &from)));
    at[r + 1] = s->whole ? 0 : at[r] + bytes;
    if (s->whole) at[size] = bytes;
  }
  const bool keep = m->wire == GLIA_WIRE_INT8;
  GLIA_CHECK(
      grow(m, &s->out, at[size] * (size_t)n_own) && (s->whole || grow(m, &s->back, at[size])) &&
          grow(m, &s->in, line_up(glia_wire_bytes_(m->wire, s->n_mine)) * (size_t)n_others) &&
          (!keep ||
           (grow_rest(m, &s->rest, s->bucket.n) && grow_rest(m, &s->rest_back, s->n_mine))),
      GLIA_E_MEMORY, "no memory for bucket %d as it travels", s->bucket.index);
  return GLIA_OK;
}

static glia_status plan_slices(struct messages *m, struct slot *s, int64_t n)
{
  int largest = 0;

  GLIA_CHECK(grow(m, &s->cut, (size_t)(m->x.face.size + 1) * sizeof(int64_t)), GLIA_E_MEMORY,
             "no memory for the slices of %d ranks", m->x.face.size);
  int64_t *cut = s->cut.data;
  glia_exchange_cut_(n, m->x.face.size, cut);
  for (int r = 0; r < m->x.face.size; r++)
    GLIA_CHECK(glia_mpi_count_(cut[r + 1] - cut[r], &largest), GLIA_E_UNSUPPORTED,
               "%lld elements over %d ranks are too many for a message: use smaller buckets",
               (long long)n, m->x.face.size);
  return GLIA_OK;
}

/* Room to look at the requests of all buckets; s is to have n. */
static bool grow_look(struct messages *m, struct slot *s, size_t n)
{
  if (n > s->most_requests) {
    m->most_requests += n - s->most_requests;
    s->most_requests = n;
  }
  return grow(m, &m->open, m->most_requests * sizeof(MPI_Request)) &&
         grow(m, &m->at, m->most_requests * sizeof(MPI_Request *)) &&
         grow(m, &m->done, m->most_requests * sizeof(int));
}

size_t glia_message_bytes_(const struct messages *m, const struct slot *s, int n)
{
  if (n == 0) return 0;
  return s->coded ? glia_wire_bytes_(m->wire, n) : (size_t)n * glia_dtype_size(s->bucket.dtype);
}

static size_t pieces(const struct messages *m, const struct slot *s, int n)
{
  return (glia_message_bytes_(m, s, n) + PIECE_BYTES - 1) / PIECE_BYTES;
}

/* Of IN; of OUT and BACK_IN, a slice of each peer; and of BACK_OUT. */
static size_t count_requests(const struct messages *m, const struct slot *s, int n_own,
                             int n_others)
{
  const size_t mine = pieces(m, s, s->n_mine);
  size_t n = (size_t)n_others * mine;

  for (int r = 0; r < m->x.face.size; r++) {
    int64_t from;
    if (r == m->x.face.rank) continue;
    n += (size_t)(n_own + 1) * pieces(m, s, glia_exchange_slice_(s, r, &from)) + mine;
  }
  return n;
}

glia_status glia_messages_plan_(struct messages *m, struct slot *s, const struct glia_bucket *b,
                                int64_t v)
{
  int count = 0;

  if (s->planned && s->v == v && s->bucket.n == b->n && s->bucket.dtype == b->dtype) return GLIA_OK;
  s->planned = false;
  s->bucket = *b;
  s->v = v;
  s->whole = (size_t)b->n * glia_dtype_size(b->dtype) <= SMALL_BYTES ||
             (m->x.face.size == 2 && glia_mpi_count_(b->n, &count));
  s->coded = m->wire != GLIA_WIRE_F32 && m->x.face.size > 1 && b->dtype == GLIA_F32 &&
             (size_t)b->n * sizeof(float) > SMALL_BYTES &&
             glia_mpi_count_((int64_t)glia_wire_bytes_(m->wire, b->n), &count);
  GLIA_TRY(glia_exchange_nodes_(&m->x.stat, v, (int64_t)m->x.face.size * m->x.threads, m->x.threads,
                                0, m->x.face.size, &s->node, &s->first, &s->n_nodes));
  GLIA_TRY(plan_slices(m, s, b->n));
  s->n_mine = glia_exchange_slice_(s, m->x.face.rank, &s->mine);
  const int *first = s->first.data;
  const int n_own = first[m->x.face.rank + 1] - first[m->x.face.rank];
  const int n_others = s->n_nodes - n_own;
  const size_t n_requests = count_requests(m, s, n_own, n_others);
  GLIA_CHECK(grow(m, &s->room, room_stride(s) * (size_t)n_others) &&
                 grow(m, &s->join, (size_t)s->n_nodes * sizeof(struct glia_part)) &&
                 grow(m, &s->request, n_requests * sizeof(MPI_Request)) &&
                 grow(m, &s->peer, n_requests * sizeof(int)) && grow_look(m, s, n_requests),
             GLIA_E_MEMORY, "no memory for bucket %d: %d nodes of %d elements", b->index, n_others,
             s->n_mine);
  if (s->coded) GLIA_TRY(plan_code(m, s, n_own, n_others));
  s->planned = true;
  return GLIA_OK;
}
