/* A network of rectified units with random first weights, of which the outputs are trained by gradient flow, on noisy samples of a
 * teacher of the same kind: the nonlinear part of advani2017. In the basis of the features' singular vectors the flow is exact in time.
 */
#ifndef STUDY_09_UNITS_H
#define STUDY_09_UNITS_H

#include "glia_status.h"

enum { UNITS_SAMPLES = 300, UNITS_TESTS = 500, UNITS_WIDEST = 1200, UNITS_WIDTHS = 5 };

/** 75, 150, 300, 600, 1200. */
extern const int64_t units_width[UNITS_WIDTHS];

struct units;

/** Inputs, and targets of a teacher with noise, SNR 1. The caller frees *out with free(). Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status units_make(uint64_t key, struct units **out);

/** Give the samples to a student of `width` units. start: standard deviation of its weights at t = 0.
 *  Errors: those of the decomposition. */
GLIA_NODISCARD glia_status units_student(struct units *w, uint64_t key, int64_t width,
                                         double start);

/* After training for a time t, in units of the strongest mode's time constant 1 / s_1^2. */
struct units_state {
  double test, train; /* mean squared errors */
  double norm, moved; /* |w(t)|, |w(t) - w(0)| */
  double
      features; /* sqrt(sum of squared features over samples) / samples: times a norm, a bound of Rademacher's complexity */
};

struct units_state units_after(const struct units *w, double t);

#endif
