/* What this machine is made of, as hwloc tells it. */
#ifndef GLIA_TOPOLOGY_PRIV_H
#define GLIA_TOPOLOGY_PRIV_H

#include "glia_status.h"

/** hwloc's XML of this machine: packages, caches, cores, NUMA nodes. It takes some ms; hwloc-info -i FILE reads it.
 *
 *  Ownership: free() *out.
 *  Errors:    GLIA_E_UNSUPPORTED (hwloc cannot tell), GLIA_E_MEMORY.
 */
GLIA_NODISCARD glia_status glia_topology_xml_(char **out);

#endif
