/* What this machine is made of; see topology_priv.h. */
#include "topology_priv.h"

#include <hwloc.h>
#include <string.h>

glia_status glia_topology_xml_(char **out)
{
  hwloc_topology_t topology;
  char *xml = NULL;
  int n = 0;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(hwloc_topology_init(&topology) == 0, GLIA_E_MEMORY, "no memory for the topology");
  GLIA_CHECK_TO(done, st, hwloc_topology_load(topology) == 0, GLIA_E_UNSUPPORTED,
                "hwloc cannot read this machine");
  GLIA_CHECK_TO(done, st, hwloc_topology_export_xmlbuffer(topology, &xml, &n, 0) == 0,
                GLIA_E_UNSUPPORTED, "hwloc cannot write this machine as XML");
  *out = strdup(xml);
  GLIA_CHECK_TO(done, st, *out != NULL, GLIA_E_MEMORY, "no memory for a topology of %d bytes", n);

done:
  if (xml != NULL) hwloc_free_xmlbuffer(topology, xml);
  hwloc_topology_destroy(topology);
  return st;
}
