/* See exchange_rig.h. */
#include "exchange_rig.h"

#include <stdlib.h>
#include <string.h>

struct glia_comm *world;

glia_status open_world(void) { return world != NULL ? GLIA_OK : glia_comm_world(&world); }

/* Ranks 0 to n - 1; NULL on the others. */
struct glia_comm *first_ranks(int n)
{
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(open_world(), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_comm_split(world, glia_comm_rank(world) < n ? 0 : -1, 0, &c), GLIA_OK);
  return c;
}

/* Numbers of many magnitudes: sums in another order have other bits. */
void fill(glia_dtype dtype, int64_t i, int64_t n, void *data)
{
  uint64_t key = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u;

  for (int64_t e = 0; e < n; e++) {
    key = key * 6364136223846793005u + 1442695040888963407u;
    const double x = (double)(int64_t)key * 0x1p-63 * (double)(1 << ((key >> 40) % 13));
    if (dtype == GLIA_F32)
      ((float *)data)[e] = (float)x;
    else
      ((double *)data)[e] = x;
  }
}

size_t bytes_of(const struct work *w)
{
  return (size_t)w->bucket.n * glia_dtype_size(w->bucket.dtype);
}

void *room(size_t bytes)
{
  void *p = malloc(bytes > 0 ? bytes : 1);

  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  return p;
}

/* `want` by the loopback over all leaves. */
void work_create(struct work *w, int index, glia_dtype dtype, int64_t n, int64_t v)
{
  const struct glia_exchange *loopback = glia_exchange_loopback();
  struct glia_part all[64];

  *w = (struct work){.bucket = {.index = index, .dtype = dtype, .n = n}, .v = v};
  w->total = room(bytes_of(w));
  w->want = room(bytes_of(w));
  for (int64_t i = 0; i < v; i++) {
    w->leaf[i] = room(bytes_of(w));
    fill(dtype, i + index, n, w->leaf[i]);
    all[i] = (struct glia_part){.lo = i, .hi = i + 1, .data = w->leaf[i]};
  }
  CU_ASSERT_EQUAL(loopback->start(loopback->self, &w->bucket, v, (int)v, all, w->want), GLIA_OK);
}

/* The parts of this rank: each worker joins its own range as it goes; the threads' parts stay side by side. */
void work_through(struct work *w, const struct glia_exchange *x, int threads)
{
  w->n_parts = 0;
  for (int t = 0; t < threads; t++) {
    const int64_t worker = (int64_t)x->rank * threads + t;
    const int64_t hi = glia_tree_range(w->v, (int64_t)x->size * threads, worker + 1);
    struct glia_part *own = w->part + w->n_parts;
    int n = 0;
    for (int64_t i = glia_tree_range(w->v, (int64_t)x->size * threads, worker); i < hi; i++) {
      fill(w->bucket.dtype, i + w->bucket.index, w->bucket.n, w->leaf[i]);
      own[n++] = (struct glia_part){.lo = i, .hi = i + 1, .data = w->leaf[i]};
      n = glia_tree_join(w->v, w->bucket.dtype, w->bucket.n, n, own);
    }
    w->n_parts += n;
  }
}

glia_status work_start(struct work *w, const struct glia_exchange *x, bool in_place)
{
  void *total = in_place && w->n_parts > 0 ? w->part[0].data : w->total;

  memset(w->total, 0xff, bytes_of(w));
  return x->start(x->self, &w->bucket, w->v, w->n_parts, w->part, total);
}

bool work_is_right(const struct work *w, bool in_place)
{
  return memcmp(in_place && w->n_parts > 0 ? w->part[0].data : w->total, w->want, bytes_of(w)) == 0;
}

void work_destroy(struct work *w)
{
  for (int64_t i = 0; i < w->v; i++) free(w->leaf[i]);
  free(w->total);
  free(w->want);
}
