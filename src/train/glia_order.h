/* Which row stands where: the order of a run, a pure function of (seed, epoch, position), the same for any number of ranks.
 *
 * An epoch has ceil(n / batch) steps; a step has batch / micro_batch micro-batches. Positions past the last row are
 * padding: row 0 with weight 0.
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
};

/** Steps of one epoch. */
GLIA_API int64_t glia_order_steps(const struct glia_order *o);

/** Rows of micro-batch `index` of step `step` (0 for the first of the run).
 *  row       out [micro_batch]
 *  weight    out [micro_batch]: 1, or 0 for padding
 *  position  out [micro_batch]: place in the whole run, distinct for every row of every step */
GLIA_API void glia_order_fill(const struct glia_order *o, int64_t step, int64_t index, int64_t *row,
                              float *weight, int64_t *position);

#endif
