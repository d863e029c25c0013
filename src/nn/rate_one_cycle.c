/* one_cycle: from lr / div along half a cosine up to lr at `rise` of the run, then down to lr / div / final_div at its last step.
 * As PyTorch's OneCycleLR without the cycle of momentum.  Source: smith2017 (arXiv:1708.07120). */
#include "nn_priv.h"

#include <math.h>

enum { RISE = NN_RATE_OWN, DIV, FINAL_DIV };

static double between(double from, double to, double share)
{
  const double pi = 3.14159265358979323846;

  return to + 0.5 * (from - to) * (1.0 + cos(pi * share));
}

static double rate(const double *v, double lr, int64_t step, int64_t n)
{
  const double first = lr / v[DIV], last = first / v[FINAL_DIV];
  const double top = v[RISE] * (double)n - 1.0, end = (double)n - 1.0, at = (double)(step - 1);

  if (n <= 0) return lr;
  if (at >= end) return last;
  return top > 0.0 && at <= top ? between(first, lr, at / top)
                                : between(lr, last, (at - top) / (end - top));
}

const struct nn_rate_kind glia_rate_one_cycle_ = {
    .name = "one_cycle",
    .option =
        (const struct nn_option[]){
            NN_WARMUP_OPTION,
            {.name = "rise", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.3},
            {.name = "div", .type = NN_REAL, .lo = 1.0, .hi = INFINITY, .value = 25.0},
            {.name = "final_div", .type = NN_REAL, .lo = 1.0, .hi = INFINITY, .value = 1e4},
            {.name = NULL},
        },
    .rate = rate,
};
