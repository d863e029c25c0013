/* Rows of one array, read from its file when they are asked for: in any order, each request in the order of the file.
 *
 * What lies in the file as in memory goes from the page cache to where it is wanted, a whole chunk with one call however its rows
 * are scattered (preadv): no second copy. Large stretches come there in large pages (large_pages_priv.h); an array that the page cache
 * cannot hold is read past it (past_cache_priv.h). Other arrays are read by blocks of a chunk's rows that stay in a cache, the used-up
 * ones making room; usual chunks without HDF5 and its lock (chunk_priv.h).
 */
#ifndef GLIA_IO_ROW_READER_PRIV_H
#define GLIA_IO_ROW_READER_PRIV_H

#include "block_cache_priv.h"
#include "chunk_priv.h"
#include "large_pages_priv.h"
#include "past_cache_priv.h"

#include <pthread.h>

struct glia_row_reader {
  const char *name; /* of the split, for messages */
  const struct glia_h5_array *info;
  hid_t id; /* the open array */
  int fd;
  size_t row_bytes;
  bool plain; /* the file's bytes are those of the rows */
  struct glia_chunks chunks;
  unsigned char *packed, *mixed; /* scratch for a chunk */
  struct glia_block_cache cache; /* of an array that is not plain */
  struct glia_large_pages pages; /* of a plain array: how stretches come into the page cache */
  int64_t memory_bytes;          /* what the page cache may hold */
  int64_t rows_read;             /* until an epoch is full */
  int64_t found, missed;         /* stretches that were in the page cache, and are or are not */
  bool foreseen, decided;
  struct glia_past_cache *past; /* NULL: through the page cache */
  pthread_mutex_t mutex;        /* guards all from packed on */
  bool ready;
};

/** Begin to read rows of an array. Under the lock of HDF5.
 *  cache_bytes  for blocks of packed arrays; two of them are taken anyway
 *  Ownership: name, info, id and fd are borrowed until fini. Errors: GLIA_E_DATA (chunks outside the file), GLIA_E_IO, GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_row_reader_init_(struct glia_row_reader *r, const char *name,
                                                 const struct glia_h5_array *info, hid_t id, int fd,
                                                 size_t row_bytes, size_t cache_bytes);

/** Row row[i] to out[place[i]] of [n_rows, row]: place is told, in the order of the file, which costs no scattering; NULL: to out[i].
 *  From any thread. Errors: GLIA_E_IO, GLIA_E_DATA (a damaged chunk), GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_row_reader_read_(struct glia_row_reader *r, int64_t n_rows,
                                                 const int64_t *row, int64_t *place, char *out);

/** Zeroed memory, or what init failed on, is welcome. */
void glia_row_reader_fini_(struct glia_row_reader *r);

#endif
