/* What a step could not beat: the best time of each of its products and convolutions alone, measured here and now, and the bytes
 * of all other units over the bandwidth of memory. */
#ifndef LIMIT_H
#define LIMIT_H

#include "workload.h"

struct limit {
  double products_s; /* sum of the best times of products and convolutions, ours or BLAS's */
  double bytes;      /* that other units read and write */
  double
      bandwidth; /* bytes/s of y = a x + z over arrays beyond the caches, three streams counted */
  double limit_s;
};

GLIA_NODISCARD glia_status limit_measure(const struct workload *w, struct limit *out);

#endif
