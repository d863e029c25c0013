/* Large pieces of a file, written past the page cache (O_DIRECT) where the file system lets them: copying into it is most of what a
 * large write costs, and nobody reads a checkpoint soon. Objects of HDF5 from this size on begin at a page of the file
 * (glia_h5_out_begin_), for this to be possible. */
#ifndef GLIA_IO_BULK_PRIV_H
#define GLIA_IO_BULK_PRIV_H

#include "glia_status.h"

enum { GLIA_BULK_BYTES = 64 << 10, GLIA_BULK_PAGE_BYTES = 4096 };

/** Write bytes at byte `at` of an open file. What is large and lies on pages, in memory and in the file, goes past the page cache,
 *  the rest, or everything after a refusal, through it. path is for messages; fd's O_DIRECT is cleared.
 *  Errors: GLIA_E_IO. */
GLIA_NODISCARD glia_status glia_bulk_write_(int fd, const char *path, const void *data,
                                            size_t bytes, int64_t at);

#endif
