/* Blocks of rows kept in memory while their rows are handed out, row by row and each about once an epoch.
 *
 * Which block makes room: one all of whose rows were handed out, the last such first; so that of an array larger than the cache, read
 * in another order each epoch, most of the cache's blocks are still there in the next one, where the least recently used would all
 * be gone before they are needed again. Only when there is none, the least recently used.
 *
 * Memory is taken as it is needed, in pieces (glia_pages.h).
 */
#ifndef GLIA_IO_BLOCK_CACHE_PRIV_H
#define GLIA_IO_BLOCK_CACHE_PRIV_H

#include "glia_status.h"

struct glia_block_slot {
  char *data;
  int64_t block; /* -1: none */
  int64_t left;  /* rows not yet handed out */
  uint64_t used; /* time of last use, by the cache's count */
  bool stacked;
};

struct glia_block_cache {
  int64_t n;    /* rows of the array */
  int64_t rows; /* of a block; the last may have fewer */
  size_t row_bytes;
  int n_slots, n_taken;
  struct glia_block_slot *slot; /* [n_slots], of which n_taken have memory */
  int32_t *slot_of;             /* [blocks] index into slot, -1: not here */
  int32_t *stack;               /* [n_slots] slots that were used up, the last on top */
  int n_stack;
  uint64_t clock;
  struct glia_block_piece *piece;
  char *spare; /* of the newest piece */
  int n_spare; /* blocks left there */
};

/* n_rows of the array; slots for about limit_bytes, at least two. Errors: GLIA_E_MEMORY. */
glia_status glia_block_cache_init_(struct glia_block_cache *c, int64_t n_rows, int64_t block_rows,
                                   size_t row_bytes, size_t limit_bytes);
void glia_block_cache_fini_(struct glia_block_cache *c);

/* A row where it lies, NULL when its block is not here. Changes nothing. */
static inline const char *glia_block_cache_look_(const struct glia_block_cache *c, int64_t row)
{
  const int s = c->slot_of[row / c->rows];

  return s < 0 ? NULL : c->slot[s].data + (size_t)(row % c->rows) * c->row_bytes;
}

/* Room for a block that is not here: fill *out, then call put. Another block may be gone afterwards. Errors: GLIA_E_MEMORY. */
glia_status glia_block_cache_room_(struct glia_block_cache *c, char **out, int *slot);
void glia_block_cache_put_(struct glia_block_cache *c, int64_t block, int slot);

/* A row of a block that is here was handed out. */
void glia_block_cache_used_(struct glia_block_cache *c, int64_t block);

#endif
