/* The link between nodes as the ranks of a run find it, and what travels together over it. */
#ifndef GLIA_LINK_H
#define GLIA_LINK_H

#include "glia_comm.h"

struct glia_link {
  int nodes;        /* 1: nothing travels between nodes, and nothing is known */
  double latency_s; /* half of a small message there and back; the slowest link's */
  double
      bytes_per_s; /* of large messages both ways at once, behind that latency; the slowest link's */
};

/** Measure, once for a communicator, for some 50 ms, twice that between more than two nodes, longer where 240 KiB take longer than that: the first ranks of
 *  neighbouring nodes, every other pair at once. The same figures on all ranks; other ones in the next run.
 *  Collective: yes. Errors: GLIA_E_MPI, GLIA_E_MEMORY; on all ranks alike. */
GLIA_API GLIA_NODISCARD glia_status glia_link_measure(struct glia_comm *comm,
                                                      struct glia_link *out);

/** How many bytes of gradients should travel together: so many that what a bucket costs beside its bytes (latency, and the core's work
 *  for it) is a twentieth of their time, but no more than a quarter of all, so that there is something to hide. A power of two from
 *  64 KiB to 8 MiB, more where there would be more than 256 of them. What glia_program_compile takes on one node. docs/adr/0060.
 *  bytes  of all gradients */
GLIA_API int64_t glia_link_bucket(const struct glia_link *link, int64_t bytes);

#endif
