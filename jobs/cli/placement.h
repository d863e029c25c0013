/* Which CPUs the workers of each rank run on, and who moves sums beside them. */
#ifndef PLACEMENT_H
#define PLACEMENT_H

#include "session.h"

struct placement;
struct glia_cpus;
struct glia_cpus_share;

/** Share the cores of a node out among its ranks. Where hwloc cannot tell, out->why says so and nobody has any.
 *  cpus  of this rank
 *  node  the ranks of this node
 *  Ownership: glia_cpus_share_free frees what stands in *out. Collective: over node. Errors: GLIA_E_MEMORY, GLIA_E_MPI. */
GLIA_NODISCARD glia_status placement_share(const struct glia_cpus *cpus, struct glia_comm *node,
                                           struct glia_cpus_share *out);

/** Bind the workers of a session's engine where its configuration and the CPUs of the ranks allow, choose how sums move, and tell both in
 *  the log. A machine that hwloc cannot read trains all the same.
 *  Ownership: s->placement, for placement_close. Collective: yes. Errors: GLIA_E_MEMORY, GLIA_E_MPI. */
GLIA_NODISCARD glia_status placement_settle(struct session *s);

/** CPUs of all ranks' workers, "0:node1/0,1 1:node1/2,3"; rank 0's to know, "" elsewhere. Ownership: borrowed. */
const char *placement_map(const struct placement *p);

/** Free *p, after the engine, and set it to NULL; NULL is welcome. */
void placement_close(struct placement **p);

#endif
