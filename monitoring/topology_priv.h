/* What this machine is made of, by hwloc. */
#ifndef GLIA_TOPOLOGY_PRIV_H
#define GLIA_TOPOLOGY_PRIV_H

#include "glia_status.h"

/* The machine as hwloc's XML. *out is the caller's to free(). Errors: GLIA_E_UNSUPPORTED, GLIA_E_MEMORY. */
glia_status glia_topology_xml_(char **out);

/* One line "CPU PACKAGE NUMA" per logical CPU, by the kernel's numbers; -1 where there is none. As above. */
glia_status glia_topology_cpus_(char **out);

#endif
