/* Memory that the ranks of one node share. */
#ifndef GLIA_SHARED_PRIV_H
#define GLIA_SHARED_PRIV_H

#include "mpi_priv.h"

/** Zeroed memory, the same bytes for every rank of `node`, aligned to a page. Its pages are reserved when this returns, so
 *  that a later touch cannot fail, as the touch of a window in a full /dev/shm does (SIGBUS). It has no name: nothing is
 *  left behind by a rank that is killed.
 *  bytes  > 0, the same on all ranks
 *  Collective: yes, over node.  Ownership: give *out back with glia_shared_release_.
 *  Errors: GLIA_E_MEMORY (no memory, or the ranks may not open each other's), GLIA_E_MPI (also when one stays away: the wait is
 *  watched); on all ranks alike. */
GLIA_NODISCARD glia_status glia_shared_create_(struct glia_comm *node, size_t bytes, void **out);

/** Unmap *memory and set it to NULL; NULL is welcome. Collective: no. */
void glia_shared_release_(void **memory, size_t bytes);

#endif
