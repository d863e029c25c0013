/* Intervals of a mean from a count, beside quantiles of chi-square by 30 digits (mpmath): 0.5 q(0.025, 2k) and 0.5 q(0.975, 2k + 2). */
#include "glia_detect.h"
#include "tap.h"

#include <math.h>

static const struct {
  int64_t k;
  double lo, hi;
} known[] = {{0, 0.0, 3.68887945411},
             {1, 0.0253178079843, 5.57164339094},
             {10, 4.79538869613, 18.390356042},
             {100, 81.3639912509, 121.626793792},
             {1000, 938.973018408, 1063.95213602},
             {100000, 99381.1526637, 100621.74474}};

static void intervals_are_exact_for_any_count(void)
{
  for (size_t i = 0; i < GLIA_COUNT(known); i++) {
    double lo, hi;
    glia_poisson_interval(known[i].k, &lo, &hi);
    /* twelve digits are known; lgamma of 1e5 is good to 1e-16 of 1e6, and that goes into the chance */
    CU_ASSERT_DOUBLE_EQUAL(lo, known[i].lo, 2e-10 * known[i].lo);
    CU_ASSERT_DOUBLE_EQUAL(hi, known[i].hi, 2e-10 * known[i].hi);
  }
}

TAP_MAIN("poisson", TAP(intervals_are_exact_for_any_count))
