/* Large pages of the page cache: see large_pages_priv.h. */
#include "large_pages_priv.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>

#if defined(__linux__) && defined(RWF_NOWAIT)
#define LARGE_PAGES 1
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14; older ones refuse it */
#endif
#endif

enum { BLOCK = 2 << 20, PAGE = 4096, REFUSALS_MOST = 4 };

glia_status glia_large_pages_init_(struct glia_large_pages *p, int fd, int64_t bytes)
{
  *p = (struct glia_large_pages){.fd = fd, .bytes = bytes};
  p->brought = calloc((size_t)(bytes / BLOCK) + 1, 1);
  GLIA_CHECK(p->brought != NULL, GLIA_E_MEMORY, "marks of %" PRId64 " blocks", bytes / BLOCK + 1);
  return GLIA_OK;
}

void glia_large_pages_fini_(struct glia_large_pages *p)
{
  free(p->brought);
  *p = (struct glia_large_pages){0};
}

bool glia_large_pages_work_(const struct glia_large_pages *p)
{
#ifdef LARGE_PAGES
  return p->brought != NULL &&
         atomic_load_explicit(&p->refusals, memory_order_relaxed) < REFUSALS_MOST;
#else
  (void)p;
  return false;
#endif
}

#ifdef LARGE_PAGES
/* One block, by a fault of one of its pages; nothing is read through the map, so that an error of the disk is no signal. Returns whether
 * all of it is there: it is not when it came as small pages, and those behind are still under way. */
static bool bring_block(const struct glia_large_pages *p, int64_t block, int64_t at)
{
  const int64_t lo = block * BLOCK, hi = lo + BLOCK < p->bytes ? lo + BLOCK : p->bytes;
  char last;
  char *map = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, p->fd, (off_t)lo);

  if (map == MAP_FAILED) return false;
  const bool came = madvise(map, BLOCK, MADV_HUGEPAGE) == 0 &&
                    madvise(map, BLOCK, MADV_RANDOM) == 0 && /* this block alone */
                    madvise(map + (at - lo) / PAGE * PAGE, PAGE, MADV_POPULATE_READ) == 0;
  munmap(map, BLOCK);
  return came && preadv2(p->fd, &(struct iovec){&last, 1}, 1, (off_t)(hi - 1), RWF_NOWAIT) == 1;
}
#endif

bool glia_large_pages_bring_(struct glia_large_pages *p, int64_t lo, int64_t hi)
{
  bool before = true;

#ifdef LARGE_PAGES
  for (int64_t b = lo / BLOCK; b * BLOCK < hi; b++) {
    _Atomic uint8_t *mark = (_Atomic uint8_t *)&p->brought[b];
    if (atomic_exchange_explicit(mark, 1, memory_order_relaxed) != 0) continue;
    before = false;
    const bool whole = bring_block(p, b, lo > b * BLOCK ? lo : b * BLOCK);
    if (whole)
      atomic_store_explicit(&p->refusals, 0, memory_order_relaxed);
    else
      atomic_fetch_add_explicit(&p->refusals, 1, memory_order_relaxed);
  }
#else
  (void)p, (void)lo, (void)hi;
#endif
  return before;
}

int64_t glia_page_cache_bytes_(void)
{
  FILE *f = fopen("/proc/meminfo", "r");
  char line[128];
  int64_t kib = INT64_MAX / 1024;

  if (f == NULL) return INT64_MAX;
  while (fgets(line, sizeof line, f) != NULL)
    if (sscanf(line, "MemAvailable: %" SCNd64, &kib) == 1) break;
  fclose(f);
  return kib < INT64_MAX / 1024 ? kib * 1024 : INT64_MAX;
}
