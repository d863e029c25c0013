/* `stop: theory`: when a linear network has learnt what its data can teach, and trains on noise from then on. */
#ifndef THEORY_STOP_H
#define THEORY_STOP_H

#include "session.h"

struct theory_stop {
  int64_t
      step; /* after which to stop; 0: training would not help at all; -1: the run ends before, or has no such stop */
  int64_t lo, hi; /* the same for the ends of the SNR's interval; -1: as above */
  double alpha, snr, snr_lo, snr_hi, inr, t_opt;
};

/** Estimate load and SNR of the training rows, weigh the initial weights against the noise, and count the steps of this run's rates
 *  until the best time.
 *
 *  s            built; its weights may be anything: the initial ones are drawn again from the seed
 *  total_steps  of the run
 *
 *  Collective: yes, the same answer on all ranks.
 *  Errors:     GLIA_E_CONFIG where the law does not hold (another model than one linear layer, another loss than mse, another
 *              optimizer than sgd, weight decay, init:); GLIA_E_UNSUPPORTED (built without PETSc); those of glia_theory_fit. */
GLIA_NODISCARD glia_status theory_stop_plan(struct session *s, int64_t total_steps,
                                            struct theory_stop *out);

#endif
