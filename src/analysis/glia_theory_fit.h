/* Load and SNR of a data set, as glia_theory.h wants them: by the likelihood of a linear teacher with Gaussian weights. */
#ifndef GLIA_THEORY_FIT_H
#define GLIA_THEORY_FIT_H

#include "glia_spectrum.h"
#include "glia_theory.h"

struct glia_theory_fit {
  int64_t rows, inputs, outputs;
  double inputs_effective;   /* of an isotropic set with the same second moment of eigenvalues */
  struct glia_theory theory; /* alpha = rows / inputs_effective, estimated snr, inr = 0 */
  double snr_lo,
      snr_hi; /* 95 % interval by the curvature of the log-likelihood; NaN where it has no maximum inside */
  double
      scale; /* mean square of a row's inputs about their means: an eigenvalue of the data is scale times one of the theory */
  double
      noise; /* variance of an output that a linear teacher does not explain, mean over the outputs */
  char note[160]; /* "": nothing to say */
};

/** Estimate from rows [inputs | outputs]; means are taken out.
 *  Collective: yes, same bits for any number of ranks. Errors: those of reading; GLIA_E_DATA (constant inputs or outputs). */
GLIA_API GLIA_NODISCARD glia_status glia_theory_fit(struct glia_comm *comm,
                                                    const struct glia_rows *rows, int64_t inputs,
                                                    struct glia_theory_fit *out);

/** Steps of gradient descent at `rate` on the mean of squared errors that take time t. */
GLIA_API double glia_theory_steps(const struct glia_theory_fit *fit, double t, double rate);

#endif
