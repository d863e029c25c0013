/* What the files of sparse regression share. */
#ifndef REGRESSION_PRIV_H
#define REGRESSION_PRIV_H

#include "glia_regression.h"

struct glia_look_ {
  const struct glia_regression *s;
  const struct glia_regression_options *o;
  double *room;
  double *all;          /* R of all blocks */
  double *work, *small; /* [n + 1, n + 1] */
  double *without;      /* [blocks] R of all but one */
  double *step_held;    /* [steps, blocks] squares held out */
  double target;        /* |y|^2 */
};

/* Least squares on a support from a triangle r: x [terms], *square left; infinite where columns depend on each other. */
glia_status glia_regression_solve_(const struct glia_look_ *l, const double *r, uint64_t support,
                                   double *x, double *square);

/* Supports to be looked at, by size, into out->step. */
glia_status glia_regression_subsets_(struct glia_look_ *l, struct glia_regression_result *out);
glia_status glia_regression_thresholds_(struct glia_look_ *l, struct glia_regression_result *out);

/* Standard errors for independent rows of equal noise. */
glia_status glia_regression_covariance_(const struct glia_look_ *l, uint64_t support,
                                        double *error);

#endif
