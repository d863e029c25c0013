/* A workload of all ranks: its gradients are summed over them. */
#ifndef RANKS_H
#define RANKS_H

#include "workload.h"

#include "glia_comm.h"
#include "glia_exchange.h"

enum { RANKS_MOST_BUCKETS = 128 };

struct ranks {
  struct glia_comm *comm;
  struct glia_exchange *exchange;
  int n_buckets;
  struct glia_bucket bucket[RANKS_MOST_BUCKETS];
};

/** Give an opened workload an engine that exchanges, one micro-batch a rank, and its initial weights again; with `share` the ranks
 *  of a node hold its states once, as training does.
 *  Collective: yes. Ownership: comm is borrowed; ranks_leave frees, after workload_close.
 *  Errors: GLIA_E_MEMORY, GLIA_E_INTERNAL (more buckets than there is room for). */
GLIA_NODISCARD glia_status ranks_join(struct ranks *r, struct glia_comm *comm, struct workload *w,
                                      bool share);
void ranks_leave(struct ranks *r);

#endif
