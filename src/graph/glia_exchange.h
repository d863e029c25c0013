/* How sums over micro-batches cross workers: declared here, handed in at plan time. Loopback in graph/, MPI in mpi/.
 *
 * The canonical tree over micro-batch numbers [0, V): a node [lo, hi) splits at lo + the largest power of two below hi - lo;
 * the value of a node is left + right. A worker that has run a contiguous range holds the roots of the maximal
 * nodes inside it, its parts; the exchange adds parts along the rest of the tree. So the sum has the same bits for any
 * number of ranks and threads.
 */
#ifndef GLIA_EXCHANGE_H
#define GLIA_EXCHANGE_H

#include "glia_type.h"

/* A maximal node of the tree inside one rank's range. */
struct glia_part {
  int64_t lo, hi; /* micro-batches [lo, hi) */
  void *data;     /* [n] of the bucket's dtype */
};

/* One contiguous array to be summed over all micro-batches; the same list of buckets on all ranks. */
struct glia_bucket {
  int index;
  glia_dtype dtype; /* f32 or f64 */
  int64_t n;
};

struct glia_exchange {
  void *self;
  int rank, size; /* of the data group */

  /** Begin to sum a bucket: parts [n_parts] of this rank, in order, for a step of v micro-batches; the sum goes to
   *  total [n] on every rank. parts and total stay untouched until wait. total may be parts[0].data. It may also stand in memory from
   *  `share`, at the same place for all ranks of the node: then it is one for all of them, and nobody copies what others have added. So may
   *  parts, each rank's own at places of its own: others read them there, and may overwrite them.
   *  Collective: yes, in the same order of buckets on all ranks.  Errors: GLIA_E_MPI. */
  glia_status (*start)(void *self, const struct glia_bucket *bucket, int64_t v, int n_parts,
                       const struct glia_part *parts, void *total);
  /** Let messages progress; bounded work, never blocks. Collective: no. */
  void (*poll)(void *self);
  /** Wait until the bucket's total is there. Errors: GLIA_E_MPI. */
  glia_status (*wait)(void *self, const struct glia_bucket *bucket);
  /** Whether wait would return at once: the total is there, or never will be. Moves nothing. Collective: no. */
  bool (*test)(void *self, const struct glia_bucket *bucket);

  /* Ranks that can share memory: number node_rank of node_size. Without them the functions below are NULL. */
  int node_rank, node_size;
  /** Zeroed memory, the same for all ranks of the node, until unshare. Collective: yes, over the node.
   *  Errors: GLIA_E_MEMORY, GLIA_E_MPI; on all of them alike. */
  glia_status (*share)(void *self, size_t bytes, void **memory);
  void (*unshare)(void *self, void **memory, size_t bytes);
  /** Wait until all ranks of the node have come here as often; what they wrote before is there then. Moves messages.
   *  Collective: yes, over the node. Errors: GLIA_E_MPI. */
  glia_status (*meet)(void *self);
};

/** First micro-batch of worker w of n_workers when v are dealt out in contiguous ranges: floor(v w / n_workers). */
GLIA_API int64_t glia_tree_range(int64_t v, int64_t n_workers, int64_t w);

/** Split of node [lo, hi), hi - lo >= 2. */
GLIA_API int64_t glia_tree_split(int64_t lo, int64_t hi);

enum { GLIA_TREE_MAX_PARTS = 128 };

/** Maximal nodes of the tree over [0, v) inside [lo, hi), in order; data is left NULL. Returns their number. */
GLIA_API int glia_tree_parts(int64_t v, int64_t lo, int64_t hi,
                             struct glia_part parts[GLIA_TREE_MAX_PARTS]);

/** Add adjacent parts along the tree until none can be joined: the right one's data is added into the left one's.
 *  parts [n] in order, n may exceed what one range gives (parts of several workers, concatenated).
 *  Returns the new number; 1 when the parts cover [0, v). */
GLIA_API int glia_tree_join(int64_t v, glia_dtype dtype, int64_t n_elements, int n,
                            struct glia_part *parts);

/** Parts that cover [0, v) once each, added along the tree into to [n_elements], which may be the data of one of them and overlaps no
 *  other; no parts: zeros. What parts hold is lost. */
GLIA_API void glia_tree_total(int64_t v, glia_dtype dtype, int64_t n_elements, int n,
                              struct glia_part *parts, void *to);

/** The exchange of one process: joins its own parts. Stateless; never destroyed. */
GLIA_API const struct glia_exchange *glia_exchange_loopback(void);

#endif
