/* CPUs that this process may use: what the launcher, the batch system and the machine leave it. From hwloc. */
#ifndef GLIA_CPUS_H
#define GLIA_CPUS_H

#include "glia_status.h"

struct glia_cpus {
  char list
      [256]; /* logical CPUs of the process by the system's numbers, "0-3,8"; cut with "..." when longer */
  int cores;      /* physical cores among them */
  int node_cores; /* physical cores that anybody may use on this node (cgroups and cpusets respected) */
};

/** Look at this process and its node.
 *  synthetic  NULL, or an hwloc description of another machine ("core:4 pu:2"), of which it may use all
 *  Collective: no.  Errors: GLIA_E_MEMORY, GLIA_E_UNSUPPORTED (hwloc cannot read the machine). */
GLIA_API GLIA_NODISCARD glia_status glia_cpus_look(const char *synthetic, struct glia_cpus *out);

/** What is wrong with `threads` workers in a process of `local_size` on its node, as advice for a person; NULL: nothing.
 *  The launcher bound the process to fewer cores than it has workers although the node has enough for all, as mpirun does by
 *  itself for up to two ranks (one core each). */
GLIA_API const char *glia_cpus_advice(const struct glia_cpus *c, int threads, int local_size,
                                      char *out, size_t size);

#endif
