/* cpu: a program that runs away and takes the cores from the job. */
#include "inject_priv.h"

/* Integer and floating-point units are kept busy from registers: no memory traffic, so that cpu and membw look different. */
static void work(struct glia_inject_worker *worker)
{
  uint64_t bits = 88172645463325252u;
  double x = 0.5;
  volatile double keep;

  while (!glia_inject_over_(worker)) {
    for (int i = 0; i < 100000; i++) {
      bits ^= bits << 13; /* xorshift64.  Source: marsaglia2003 (doi:10.18637/jss.v008.i14) */
      bits ^= bits >> 7;
      bits ^= bits << 17;
      x = x * 0.999 + (double)(bits & 255);
    }
    keep = x;
  }
  (void)keep;
}

const struct glia_injector glia_injector_cpu_ = {
    .name = "cpu",
    .help = "keep cores busy, as a program that runs away",
    .work = work,
};
