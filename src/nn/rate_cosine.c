/* cosine: from lr at the first step half a cosine down to min, which the step after the last would have.
 * Source: loshchilov2016 (arXiv:1608.03983), without restarts. */
#include "nn_priv.h"

#include <math.h>

enum { MIN = NN_RATE_OWN };

static double rate(const double *v, double lr, int64_t step, int64_t n)
{
  const double pi = 3.14159265358979323846;

  if (n <= 0) return lr;
  const double t = step > n ? 1.0 : (double)(step - 1) / (double)n;
  return v[MIN] + 0.5 * (lr - v[MIN]) * (1.0 + cos(pi * t));
}

const struct nn_rate_kind glia_rate_cosine_ = {
    .name = "cosine",
    .option =
        (const struct nn_option[]){
            NN_WARMUP_OPTION,
            {.name = "min", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.0},
            {.name = NULL},
        },
    .rate = rate,
};
