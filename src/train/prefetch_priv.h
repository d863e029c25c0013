/* Rows read ahead: a thread fills a ring of units, so that reading and unpacking run beside computation. A unit is a step's rows or,
 * shuffled by chunks, those of whole windows: then each chunk is read once an epoch, and its rows lie in the
 * ring as in the file, and are picked from there. */
#ifndef PREFETCH_PRIV_H
#define PREFETCH_PRIV_H

#include "glia_order.h"
#include "glia_source.h"

struct glia_prefetch;

/** Read ahead steps `first` to `last` - 1 (0-based), by at least two of them.
 *  lo, hi    micro-batches of each step that this process runs
 *  field     fields to read [n_fields], borrowed until this returns
 *  memory_bytes  what windows read ahead may take, 24 MiB always being granted; 0: 2 GiB
 *  Errors: GLIA_E_ARGUMENT (windows too large), GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_prefetch_create_(struct glia_source *source,
                                                 const struct glia_order *order, int64_t lo,
                                                 int64_t hi, int n_fields, const int *field,
                                                 int64_t first, int64_t last, int64_t memory_bytes,
                                                 struct glia_prefetch **out);

/** Steps before `step` are done with. */
void glia_prefetch_begin_(struct glia_prefetch *p, int64_t step);

/** Copy the rows of field k (into `field` above) of micro-batch `index` of the step begun last; waits for them. May be called from
 *  several threads. Errors: those of the source. */
GLIA_NODISCARD glia_status glia_prefetch_take_(struct glia_prefetch *p, int64_t index, int k,
                                               void *out);

/** Stops the thread; NULL is welcome. */
void glia_prefetch_destroy_(struct glia_prefetch **p);

#endif
