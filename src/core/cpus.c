/* CPUs of this process, by hwloc: see glia_cpus.h. */
#include "glia_cpus.h"

#include <hwloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int cores_in(hwloc_topology_t t, hwloc_const_cpuset_t set)
{
  const int cores = hwloc_get_nbobjs_inside_cpuset_by_type(t, set, HWLOC_OBJ_CORE);

  /* a core of which only one of two threads is allowed is not inside, and a virtual machine may know no cores */
  int touched = 0;
  for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_CORE, o)) != NULL;)
    touched += hwloc_bitmap_intersects(o->cpuset, set);
  if (touched == 0) return hwloc_bitmap_weight(set);
  return touched > cores ? touched : cores;
}

static void write_list(hwloc_const_cpuset_t set, char out[256])
{
  if (hwloc_bitmap_list_snprintf(out, 256, set) >= 256) memcpy(out + 252, "...", 4);
}

/* A SLURM job has a cgroup of its own, or all CPUs of a node. */
static bool is_given(hwloc_const_cpuset_t all)
{
  const char *on_node = getenv("SLURM_CPUS_ON_NODE");
  const int n = hwloc_bitmap_weight(all);

  if (getenv("SLURM_JOB_ID") == NULL) return false;
  return n < sysconf(_SC_NPROCESSORS_ONLN) || (on_node != NULL && atoi(on_node) >= n);
}

glia_status glia_cpus_look(const char *synthetic, struct glia_cpus *out)
{
  glia_status st = GLIA_OK;
  hwloc_topology_t t;

  *out = (struct glia_cpus){.list = "", .cores = 0};
  hwloc_cpuset_t own = hwloc_bitmap_alloc();
  GLIA_CHECK(own != NULL && hwloc_topology_init(&t) == 0, GLIA_E_MEMORY,
             "no memory for the topology");
  GLIA_CHECK_TO(done, st,
                (synthetic == NULL || hwloc_topology_set_synthetic(t, synthetic) == 0) &&
                    hwloc_topology_load(t) == 0,
                GLIA_E_UNSUPPORTED, "hwloc cannot read %s",
                synthetic != NULL ? synthetic : "this machine");
  hwloc_const_cpuset_t all = hwloc_topology_get_allowed_cpuset(t);
  if (synthetic != NULL || hwloc_get_cpubind(t, own, HWLOC_CPUBIND_PROCESS) != 0)
    hwloc_bitmap_copy(own, all);
  hwloc_bitmap_and(own, own, all);
  out->cores = cores_in(t, own);
  out->node_cores = cores_in(t, all);
  out->given = synthetic == NULL && is_given(all);
  out->chosen = !hwloc_bitmap_isequal(own, all);
  write_list(own, out->list);

done:
  hwloc_topology_destroy(t);
  hwloc_bitmap_free(own);
  return st;
}

double glia_cpus_quota(void)
{
  FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
  double quota_us = 0.0;
  double period_us = 0.0;

  if (f == NULL) return (double)INFINITY;
  const int n = fscanf(f, "%lf %lf", &quota_us, &period_us); /* "max 100000" reads 0 numbers */
  fclose(f);
  return n == 2 && period_us > 0.0 ? quota_us / period_us : (double)INFINITY;
}

const char *glia_cpus_advice(const struct glia_cpus *c, int threads, int local_size, char *out,
                             size_t size)
{
  if (c->cores >= threads || c->node_cores < threads * local_size || c->cores >= c->node_cores)
    return NULL;
  snprintf(out, size,
           "%d workers are bound to %d core%s (CPUs %s) of a node that has %d: mpirun --map-by "
           "slot:PE=%d --bind-to core, or srun --cpus-per-task=%d",
           threads, c->cores, c->cores == 1 ? "" : "s", c->list, c->node_cores, threads, threads);
  return out;
}
