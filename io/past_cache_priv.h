/* Reading past the page cache (O_DIRECT), several stretches of a file under way at once (Linux's io_submit), for data that the cache
 * cannot hold: scattered stretches of a megabyte come into it page by page, which costs more processor time than all else and keeps
 * the disk waiting. What does not work so, or not to its end, is left: the pieces tell, and go through the cache. */
#ifndef GLIA_IO_PAST_CACHE_PRIV_H
#define GLIA_IO_PAST_CACHE_PRIV_H

#include "glia_status.h"

#include <sys/uio.h>

enum { GLIA_PIECES = 512, GLIA_PAST_BYTES = 1 << 20 };

/* Pieces of memory that neighbouring bytes of a file go to. */
struct glia_pieces {
  struct iovec v[GLIA_PIECES];
  int first, n;        /* those left are v[first] ... v[first + n - 1] */
  int64_t offset, end; /* of them, in the file */
};

/** Take n bytes off the front. */
void glia_pieces_drop_(struct glia_pieces *p, size_t n);

struct glia_past_cache;

/** Begin to read the file open as fd so. *out: to be destroyed; NULL where system or file system do not do it.
 *  most_bytes  of the largest stretch, at least GLIA_PAST_BYTES being granted
 *  Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_past_cache_create_(int fd, size_t most_bytes,
                                                   struct glia_past_cache **out);

/** Pieces for the caller to fill, NULL when as many are under way as can be. */
struct glia_pieces *glia_past_cache_room_(struct glia_past_cache *c);

/** Ask for the pieces that glia_past_cache_room_ gave last, not waiting for them. */
void glia_past_cache_ask_(struct glia_past_cache *c);

/** Wait for those asked for first. *out: what is left of them to read, valid until the next call; NULL: none were under way.
 *  Errors: GLIA_E_IO. */
GLIA_NODISCARD glia_status glia_past_cache_take_(struct glia_past_cache *c,
                                                 struct glia_pieces **out);

/** Waits for what is under way; NULL is welcome. */
void glia_past_cache_destroy_(struct glia_past_cache **c);

#endif
