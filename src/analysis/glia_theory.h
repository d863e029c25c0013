/* Exact learning curves of linear networks in high dimension: how test and training error go with time, load and noise.
 *
 * Teacher y = wbar . x + eps on x in R^N with entries of variance 1/N; student w . x by full-batch gradient flow
 * tau dw/dt = X (y - X^T w) on P samples, from weights of variance sigma_0^2. Errors are in units of the noise variance, time
 * in tau; everything is an integral over the law of Marchenko and Pastur, found by quadrature: no random numbers.
 * Training by steps of a mean loss: see glia_theory_fit.h.
 * Source: advani2017 (arXiv:1710.03667); marchenko1967.
 */
#ifndef GLIA_THEORY_H
#define GLIA_THEORY_H

#include "glia_status.h"

struct glia_theory {
  double alpha; /* load P / N, > 0 */
  double snr;   /* variance of the teacher's weights over that of the noise, >= 0 */
  double inr;   /* variance of the initial weights over that of the noise, >= 0 */
};

/** Are the numbers in range? Errors: GLIA_E_ARGUMENT, with what was found. */
GLIA_API GLIA_NODISCARD glia_status glia_theory_check(const struct glia_theory *th);

/* Marchenko and Pastur's law of X X^T: edges, density and distribution of its bulk (mass min(1, alpha); the rest is at 0). */
GLIA_API double glia_theory_lower_edge(double alpha);
GLIA_API double glia_theory_upper_edge(double alpha);
GLIA_API double glia_theory_density(double alpha, double lambda);
/** Mass of the bulk below lambda. */
GLIA_API double glia_theory_mass_below(double alpha, double lambda);

/** Error on fresh noisy samples, and on the training set, after time t >= 0. */
GLIA_API double glia_theory_test_error(const struct glia_theory *th, double t);
GLIA_API double glia_theory_train_error(const struct glia_theory *th, double t);

/** Limit of the test error for t to infinity; infinite at alpha = 1, where it grows as 0.661 sqrt(t). */
GLIA_API double glia_theory_late_error(const struct glia_theory *th);
/** What the frozen directions, which no sample reaches, add to it: (1 - alpha)(S + I) below alpha = 1, else 0. */
GLIA_API double glia_theory_frozen_error(const struct glia_theory *th);

/** Time at which to stop, and the test error then (may be NULL); bracketed by the best times of the edges. */
GLIA_API double glia_theory_best_time(const struct glia_theory *th, double *error);

/** Test error of ridge regression from zero with penalty gamma > 0, in units of lambda; it is best at gamma = 1 / S. */
GLIA_API double glia_theory_ridge_error(const struct glia_theory *th, double gamma);
/** The best penalty (infinite for S = 0) and the error with it (may be NULL). */
GLIA_API double glia_theory_best_decay(const struct glia_theory *th, double *error);

/** Error at t = 1000 over the error at the best time: what training too long costs. */
GLIA_API double glia_theory_overtraining(const struct glia_theory *th);

/** A student that sees N_s = size * N_t of the teacher's inputs: what it does not see is noise to it.
 *  noise  variance of that noise in units of the true one: multiply errors by it */
GLIA_API struct glia_theory glia_theory_of_size(const struct glia_theory *th, double size,
                                                double *noise);
/** The size in [1/16, 16] with the lowest test error at its best time, and that error (may be NULL). */
GLIA_API double glia_theory_best_size(const struct glia_theory *th, double *error);

/** |w(t) - w(0)| / sqrt(N) in the directions that are not frozen, in units of the noise: what bounds the gap between errors
 *  (Rademacher complexity growth / sqrt(alpha)); finite for a frozen rest of any size, unlike bounds that count all weights. */
GLIA_API double glia_theory_growth(const struct glia_theory *th, double t);

/* A deep linear network with `depth` layers of weights and one output, from an aligned and balanced start. */
struct glia_theory_deep {
  struct glia_theory
      theory; /* inr: of the whole product's weights; must be > 0, or nothing is learnt */
  int depth;  /* 1 to 16; 1 is the shallow network */
};

/** Errors of a deep network at times t [n] (ascending, in tau N^{-(depth - 1)/depth}), by PETSc's time stepper.
 *  test, train  [n]
 *  gain         [n] weight of the upper layers u; may be NULL. |z|^2 - u^2 is conserved.
 *  Collective: no; PETSc must have begun.  Errors: GLIA_E_ARGUMENT, GLIA_E_INTERNAL. */
GLIA_API GLIA_NODISCARD glia_status glia_theory_deep_errors(const struct glia_theory_deep *d, int n,
                                                            const double *t, double *test,
                                                            double *train, double *gain);

#endif
