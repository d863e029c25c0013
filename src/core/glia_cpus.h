/* CPUs that this process may use: what the launcher, the batch system and the machine leave it. From hwloc. */
#ifndef GLIA_CPUS_H
#define GLIA_CPUS_H

#include "glia_status.h"

struct glia_cpus {
  char list
      [256]; /* logical CPUs of the process by the system's numbers, "0-3,8"; cut with "..." when longer */
  int cores;      /* physical cores among them */
  int node_cores; /* physical cores that anybody may use on this node (cgroups and cpusets respected) */
  bool given;     /* a batch system gave them to this job alone */
  bool
      chosen; /* they are fewer than the node has: a launcher or a person chose them for this process */
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

/** Cores' worth of time that a container's quota (cpu.max of its cgroup) leaves to all of it; INFINITY where there is none. */
GLIA_API double glia_cpus_quota(void);

/* The cores that are one rank's alone. */
struct glia_cpus_share {
  int n; /* 0: none */
  char (*core)
      [64]; /* [n] CPUs of each, its threads together: "3,67"; neighbours in the machine are neighbours here */
  const char *why; /* how they were found, or why there are none */
  int sharing; /* ranks of this node that may run on these CPUs, this one among them; 0: not known */
};

/** Share the cores of a node out among its ranks: who has CPUs of its own keeps them; of a set that several have, each gets as many
 *  cores as the others, in the order of ranks, and what does not divide is nobody's.
 *  synthetic  as for glia_cpus_look
 *  list       [n_ranks] CPUs of each rank of this node, as in struct glia_cpus
 *  Ownership: glia_cpus_share_free frees what stands in *out. Collective: no.
 *  Errors: GLIA_E_MEMORY, GLIA_E_UNSUPPORTED (as above; a list that was cut). */
GLIA_API GLIA_NODISCARD glia_status glia_cpus_share(const char *synthetic, int n_ranks,
                                                    const char *const *list, int rank,
                                                    struct glia_cpus_share *out);
GLIA_API void glia_cpus_share_free(struct glia_cpus_share *s);

/** Cores on which a rank can count: those of its own, else its part of what it shares; and of what a quota leaves.
 *  local_ranks  on this node
 *  quota_cores  processors' time that all of them may take, as in a cgroup's cpu.max; INFINITY: no quota
 *  Collective: no. */
GLIA_API int glia_cpus_of_rank(const struct glia_cpus *c, const struct glia_cpus_share *s,
                               int local_ranks, double quota_cores);

/** Let the calling thread run on these CPUs alone; threads that it starts inherit that. Errors: GLIA_E_UNSUPPORTED. */
GLIA_API GLIA_NODISCARD glia_status glia_cpus_bind(const char *list);

/** Let the calling thread run wherever the process could before the first glia_cpus_bind: for threads that read or write beside the
 *  workers. Nothing when nobody was bound. */
GLIA_API void glia_cpus_roam(void);

#endif
