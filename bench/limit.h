/* What a step could not beat: the best time of each of its products and convolutions alone, measured here and now; of all other units
 * the bytes over the bandwidth of memory, or, where they take longer, their functions (tanh, exp, erf) at the best rate in the first
 * cache. */
#ifndef LIMIT_H
#define LIMIT_H

#include "workload.h"

struct limit {
  double products_s; /* sum of the best times of products and convolutions, ours or BLAS's */
  double bytes;      /* that other units read and write */
  double others_s;   /* what they take at least */
  double
      bandwidth; /* bytes/s of y = a x + z, three streams counted, over as many bytes as a step's memory has */
  double limit_s;
};

GLIA_NODISCARD glia_status limit_measure(const struct workload *w, struct limit *out);

/** What two cores lose by sharing memory: seconds in which one writes so many bytes that the other has read, and reads so many that the
 *  other has written. Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status limit_hand_over(size_t bytes, double *write_s, double *read_s);

/** What two cores lose to each other that share nothing but the machine (memory, its caches, the host): `steps` steps of w[0] alone, then
 *  of both at once, each on its own thread; seconds until all are done. w are two workloads of one worker each.  Errors: as
 *  workload_run; GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status limit_beside(struct workload w[2], int steps, double *alone_s,
                                        double *both_s);

#endif
