/* step: lr, times factor after each `every` steps. */
#include "nn_priv.h"

#include <math.h>

enum { EVERY = NN_RATE_OWN, FACTOR };

static double rate(const double *v, double lr, int64_t step, int64_t n)
{
  (void)n;
  return lr * pow(v[FACTOR], (double)((step - 1) / (int64_t)v[EVERY]));
}

const struct nn_rate_kind glia_rate_step_ = {
    .name = "step",
    .option =
        (const struct nn_option[]){
            NN_WARMUP_OPTION,
            {.name = "every", .type = NN_COUNT, .lo = 1, .hi = 0x1p53, .value = NAN},
            {.name = "factor", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.1},
            {.name = NULL},
        },
    .rate = rate,
};
