/* Which row stands where: the order of a run, a pure function of (seed, epoch, position), the same for any number of ranks.
 *
 * An epoch has ceil(n / batch) steps; a step has batch / micro_batch micro-batches. Positions past the last row are
 * padding: row 0 with weight 0.
 *
 * Shuffled by rows, any row may stand anywhere. Shuffled by chunks (for files larger than memory), chunks of neighbouring rows are
 * permuted, and rows are permuted inside windows of a few chunks that follow each other in that order: a reader holds two windows.
 */
#ifndef GLIA_ORDER_H
#define GLIA_ORDER_H

#include "glia_status.h"

struct glia_order {
  uint64_t seed;
  int64_t n;           /* rows */
  int64_t batch;       /* rows of a step, over all ranks */
  int64_t micro_batch; /* rows of a micro-batch; divides batch */
  bool shuffle;        /* a keyed permutation per epoch; else as stored */
  int64_t
      chunk_rows; /* > 0: shuffled by chunks of so many rows, the last of the file perhaps shorter */
  int64_t window; /* then: chunks in a window, >= 1 */
};

/** Steps of one epoch. */
GLIA_API int64_t glia_order_steps(const struct glia_order *o);

/** Rows of micro-batch `index` of step `step` (0 for the first of the run).
 *  row       out [micro_batch]
 *  weight    out [micro_batch]: 1, or 0 for padding
 *  position  out [micro_batch]: place in the whole run, distinct for every row of every step */
GLIA_API void glia_order_fill(const struct glia_order *o, int64_t step, int64_t index, int64_t *row,
                              float *weight, int64_t *position);

/** Rows at n positions of the run from `position` on, all in one epoch; 0 for padding. row: out [n] */
GLIA_API void glia_order_rows(const struct glia_order *o, int64_t position, int64_t n,
                              int64_t *row);

/** The position behind those that are best read together with this one: by chunks, those of its window; else, of its step. */
GLIA_API int64_t glia_order_together(const struct glia_order *o, int64_t position);

#endif
