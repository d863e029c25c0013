/* constant: lr. */
#include "nn_priv.h"

static double rate(const double *v, double lr, int64_t step, int64_t n)
{
  (void)v;
  (void)step;
  (void)n;
  return lr;
}

const struct nn_rate_kind glia_rate_constant_ = {
    .name = "constant",
    .option = (const struct nn_option[]){NN_WARMUP_OPTION, {.name = NULL}},
    .rate = rate,
};
