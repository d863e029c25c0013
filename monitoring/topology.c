/* What this machine is made of; see topology_priv.h. */
#include "topology_priv.h"

#include "glia_exposition.h"

#include <hwloc.h>
#include <string.h>

static glia_status load(hwloc_topology_t *out)
{
  *out = NULL;
  GLIA_CHECK(hwloc_topology_init(out) == 0, GLIA_E_MEMORY, "no memory for the topology");
  GLIA_CHECK(hwloc_topology_load(*out) == 0, GLIA_E_UNSUPPORTED, "hwloc cannot read this machine");
  return GLIA_OK;
}

glia_status glia_topology_xml_(char **out)
{
  hwloc_topology_t topology;
  char *xml = NULL;
  int n = 0;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_TRY_TO(done, st, load(&topology));
  GLIA_CHECK_TO(done, st, hwloc_topology_export_xmlbuffer(topology, &xml, &n, 0) == 0,
                GLIA_E_UNSUPPORTED, "hwloc cannot write this machine as XML");
  *out = strdup(xml);
  GLIA_CHECK_TO(done, st, *out != NULL, GLIA_E_MEMORY, "no memory for a topology of %d bytes", n);

done:
  if (xml != NULL) hwloc_free_xmlbuffer(topology, xml);
  if (topology != NULL) hwloc_topology_destroy(topology);
  return st;
}

static int first_numa(hwloc_const_nodeset_t set)
{
  return set != NULL && hwloc_bitmap_first(set) >= 0 ? hwloc_bitmap_first(set) : -1;
}

glia_status glia_topology_cpus_(char **out)
{
  hwloc_topology_t topology;
  struct glia_buffer b = {0};
  hwloc_obj_t cpu = NULL;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_TRY_TO(done, st, load(&topology));
  while ((cpu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, cpu)) != NULL) {
    const hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, cpu);
    glia_buffer_print(&b, "%u %d %d\n", cpu->os_index,
                      package != NULL ? (int)package->os_index : -1, first_numa(cpu->nodeset));
  }
  GLIA_CHECK_TO(done, st, !b.failed && b.n > 0, GLIA_E_UNSUPPORTED, "hwloc knows no CPUs here");
  *out = b.text;
  b = (struct glia_buffer){0};

done:
  glia_buffer_free(&b);
  if (topology != NULL) hwloc_topology_destroy(topology);
  return st;
}
