/* Chunks of an array read without HDF5: where they lie is asked once, then pread and inflate run outside its lock. */
#ifndef GLIA_IO_CHUNK_PRIV_H
#define GLIA_IO_CHUNK_PRIV_H

#include "h5_priv.h"

struct glia_chunk_place {
  int64_t offset; /* in the file */
  uint32_t bytes; /* as packed */
  uint32_t mask;  /* filters left out, bit by bit in their order */
};

struct glia_chunks {
  int64_t n;    /* 0: cannot be read without HDF5 */
  size_t bytes; /* of a chunk, unpacked */
  size_t element_bytes;
  int shuffle, deflate;           /* place among the filters, -1: not there */
  struct glia_chunk_place *place; /* [n] */
};

/* Find the chunks of `array`. Those of other shapes than whole rows, of another byte order, with sums, or in part never written,
 * stay HDF5's: out->n is 0. The caller frees out->place. Errors: GLIA_E_DATA (a chunk outside the file), GLIA_E_MEMORY. */
glia_status glia_chunks_find_(hid_t array, const char *name, const struct glia_h5_array *info,
                              int64_t file_bytes, struct glia_chunks *out);

/* Chunk i into out [c->bytes]; packed [size of the largest chunk packed] and mixed [c->bytes] are scratch. */
glia_status glia_chunk_read_(const struct glia_chunks *c, int fd, const char *name, int64_t i,
                             unsigned char *packed, unsigned char *mixed, unsigned char *out);

/* Do they hold rows as they are, nothing packed? */
bool glia_chunks_plain_(const struct glia_chunks *c);

/* Bytes of the largest packed chunk. */
size_t glia_chunks_packed_max_(const struct glia_chunks *c);

#endif
