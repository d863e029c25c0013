/* Plan of a bucket: nodes of the tree on each rank, slices, requests and their memory. A function of bucket, v and ranks. */
#include "exchange_priv.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL_BYTES = 4096 };  /* buckets up to here go whole to everybody */
enum { SLICE_ELEMENTS = 16 }; /* slices start at multiples: a cache line of float32 */

static bool grow(struct exchange *x, struct store *s, size_t bytes)
{
  if (bytes <= s->bytes) return true;
  const size_t rounded = (bytes + 63) / 64 * 64;
  free(s->data);
  s->data = aligned_alloc(64, rounded);
  s->bytes = s->data != NULL ? rounded : 0;
  x->stat.allocations++;
  return s->data != NULL;
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

/* Bytes of one node's own slice in `room`. */
static size_t room_stride(const struct slot *s)
{
  return ((size_t)s->n_mine * glia_dtype_size(s->bucket.dtype) + 63) / 64 * 64;
}

char *glia_exchange_own_(const struct exchange *x, const struct slot *s, int k)
{
  const int *first = s->first.data;

  if (k >= first[x->rank] && k < first[x->rank + 1])
    return glia_exchange_at_(s, s->own[k - first[x->rank]].data, s->mine);
  const int other = k < first[x->rank] ? k : k - (first[x->rank + 1] - first[x->rank]);
  return (char *)s->room.data + room_stride(s) * (size_t)other;
}

static int count_nodes(const struct exchange *x, int64_t v, int rank, struct glia_part *out)
{
  const int64_t workers = (int64_t)x->size * x->threads;
  const int64_t first = (int64_t)rank * x->threads;

  return glia_tree_parts(v, glia_tree_range(v, workers, first),
                         glia_tree_range(v, workers, first + x->threads), out);
}

static glia_status plan_nodes(struct exchange *x, struct slot *s, int64_t v)
{
  struct glia_part parts[GLIA_TREE_MAX_PARTS];
  int n = 0;

  for (int r = 0; r < x->size; r++) n += count_nodes(x, v, r, parts);
  const size_t bytes = (size_t)n * sizeof(struct glia_part);
  GLIA_CHECK(grow(x, &s->node, bytes) && grow(x, &s->join, bytes) &&
                 grow(x, &s->first, (size_t)(x->size + 1) * sizeof(int)),
             GLIA_E_MEMORY, "no memory for the nodes of %d ranks", x->size);
  int *first = s->first.data;
  struct glia_part *node = s->node.data;
  s->n_nodes = 0;
  for (int r = 0; r < x->size; r++) {
    const int k = count_nodes(x, v, r, parts);
    first[r] = s->n_nodes;
    if (k > 0) memcpy(node + s->n_nodes, parts, (size_t)k * sizeof *parts);
    s->n_nodes += k;
  }
  first[x->size] = s->n_nodes;
  return GLIA_OK;
}

static glia_status plan_slices(struct exchange *x, struct slot *s, int64_t n)
{
  const int64_t blocks = (n + SLICE_ELEMENTS - 1) / SLICE_ELEMENTS;
  int largest = 0;

  GLIA_CHECK(grow(x, &s->cut, (size_t)(x->size + 1) * sizeof(int64_t)), GLIA_E_MEMORY,
             "no memory for the slices of %d ranks", x->size);
  int64_t *cut = s->cut.data;
  for (int r = 0; r <= x->size; r++) {
    cut[r] = glia_tree_range(blocks, x->size, r) * SLICE_ELEMENTS;
    if (cut[r] > n) cut[r] = n;
    GLIA_CHECK(r == 0 || glia_mpi_count_(cut[r] - cut[r - 1], &largest), GLIA_E_UNSUPPORTED,
               "%lld elements over %d ranks are too many for a message: use smaller buckets",
               (long long)n, x->size);
  }
  return GLIA_OK;
}

glia_status glia_exchange_plan_(struct exchange *x, struct slot *s, const struct glia_bucket *b,
                                int64_t v)
{
  if (s->planned && s->v == v && s->bucket.n == b->n && s->bucket.dtype == b->dtype) return GLIA_OK;
  s->planned = false;
  s->bucket = *b;
  s->v = v;
  s->whole = (size_t)b->n * glia_dtype_size(b->dtype) <= SMALL_BYTES;
  GLIA_TRY(plan_nodes(x, s, v));
  GLIA_TRY(plan_slices(x, s, b->n));
  s->n_mine = glia_exchange_slice_(s, x->rank, &s->mine);
  const int *first = s->first.data;
  const int n_own = first[x->rank + 1] - first[x->rank];
  const int n_others = s->n_nodes - n_own;
  const size_t n_requests = (size_t)n_others + (size_t)(x->size - 1) * (size_t)(n_own + 2);
  GLIA_CHECK(grow(x, &s->room, room_stride(s) * (size_t)n_others) &&
                 grow(x, &s->request, n_requests * sizeof(MPI_Request)) &&
                 grow(x, &s->peer, n_requests * sizeof(int)),
             GLIA_E_MEMORY, "no memory for bucket %d: %d nodes of %d elements", b->index, n_others,
             s->n_mine);
  s->planned = true;
  return GLIA_OK;
}
