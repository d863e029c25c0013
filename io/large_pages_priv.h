/* Scattered stretches of a file brought into the page cache in its largest pages: a read there brings pages of 4 KiB, which come slowly
 * and are read slowly ever after; a fault of a map that wishes for huge pages brings the two megabytes around it at once (Linux 5.18
 * and later, on file systems that have them). Each such block is brought once: what was brought and is gone tells that the cache
 * cannot hold the file. */
#ifndef GLIA_IO_LARGE_PAGES_PRIV_H
#define GLIA_IO_LARGE_PAGES_PRIV_H

#include "glia_status.h"

struct glia_large_pages {
  int fd;
  int64_t bytes;    /* of the file */
  uint8_t *brought; /* [blocks] */
  _Atomic int refusals;
};

/** The file open as fd has so many bytes. Ownership: fd is borrowed until fini. Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_large_pages_init_(struct glia_large_pages *p, int fd,
                                                  int64_t bytes);

/** Bring bytes [lo, hi) of the file and wait for them. A hint: what cannot come so, comes when it is read. From any thread.
 *  Returns whether all of it had been brought before, in which case nothing is done. */
bool glia_large_pages_bring_(struct glia_large_pages *p, int64_t lo, int64_t hi);

/** Does it work? Not, once several blocks in turn did not come whole. */
bool glia_large_pages_work_(const struct glia_large_pages *p);

/** Zeroed memory is welcome. */
void glia_large_pages_fini_(struct glia_large_pages *p);

/** Bytes that the page cache of this machine may hold without swapping, as the system guesses; INT64_MAX: it does not say.
 *  Limits of containers are not known here. */
int64_t glia_page_cache_bytes_(void);

#endif
