/* Large blocks: see glia_pages.h. */
#include "glia_pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

static const size_t HUGE_PAGE_BYTES = (size_t)2 << 20;

void *glia_pages_allocate(size_t bytes)
{
  if (bytes < HUGE_PAGE_BYTES) return malloc(bytes > 0 ? bytes : 1);
  if (bytes > SIZE_MAX - HUGE_PAGE_BYTES) return NULL;
  const size_t whole = (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
  void *p = aligned_alloc(HUGE_PAGE_BYTES, whole);

#ifdef MADV_HUGEPAGE
  if (p != NULL) madvise(p, whole, MADV_HUGEPAGE);
#endif
  return p;
}
