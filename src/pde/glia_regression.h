/* Sparse regression: which few columns of a matrix make up another one, with coefficients and their errors.
 *
 * Rows come in blocks, of which nothing is kept but R of the QR factorisation of [theta y]: every least-squares problem over any columns
 * and any blocks is solved from those triangles, backward stable. Normal equations are never formed. Blocks are what is held out, and what
 * the bootstrap draws, so rows of one block may depend on each other.
 */
#ifndef GLIA_REGRESSION_H
#define GLIA_REGRESSION_H

#include "glia_status.h"

enum { GLIA_REGRESSION_MOST = 64 }; /* columns */

/* Which supports are looked at: the best of each size (all of them up to 12 columns, else by exchange of columns), or what thresholds on
 * normalised coefficients leave.  Source of the thresholds: brunton2016. */
typedef enum { GLIA_REGRESSION_SUBSETS, GLIA_REGRESSION_THRESHOLDS } glia_regression_way;
/* By which one is chosen: the smallest whose error on blocks that were held out is not above the least by one standard error of the
 * difference; or Bayes' information criterion, for rows that are independent. */
typedef enum { GLIA_REGRESSION_HELD_OUT, GLIA_REGRESSION_BIC } glia_regression_choice;

struct glia_regression_options {
  glia_regression_way way;
  glia_regression_choice choice;
  double ignore; /* terms that explain less than this share of y's norm are no terms; 0: all are */
  double
      certain; /* a coefficient must be this many errors from zero; 0: any may stay. Held-out choice alone */
  double
      level; /* with thresholds: a coefficient per standard deviation of its column that is below this, in units of y, goes; 0: many levels, of which
              * `choice` takes one */
  int draws; /* of the bootstrap; 0: errors from the covariance of independent rows */
  uint64_t seed;
};

/* Blocks of [theta y]: n columns and the target. */
struct glia_regression {
  int n, blocks;
  int64_t rows;
  double *r;                        /* [blocks, n + 1, n + 1] upper triangles, column-major */
  double sum[GLIA_REGRESSION_MOST]; /* of the columns */
};

/** Room for blocks; *out is yours to glia_regression_fini, also after a failure. Errors: GLIA_E_ARGUMENT, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_regression_init(int n, int blocks,
                                                         struct glia_regression *out);
GLIA_API void glia_regression_fini(struct glia_regression *s);
/** Rows of a block: a [rows, n + 1] row-major, the target last. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_regression_block(struct glia_regression *s, int block,
                                                          int64_t rows, const double *a);

/* A support that was looked at. */
struct glia_regression_step {
  uint64_t support; /* bit i: column i */
  double error;     /* root mean square of what is left, relative to the target's */
  double held_out;  /* the same on blocks that were left out; NaN with one block */
  double bic;
};

struct glia_regression_result {
  int n_terms, term[GLIA_REGRESSION_MOST]; /* rising */
  double coefficient[GLIA_REGRESSION_MOST],
      error[GLIA_REGRESSION_MOST]; /* by term; one standard error */
  double left;                     /* as glia_regression_step.error */
  int n_steps, chosen;
  struct glia_regression_step step[GLIA_REGRESSION_MOST + 1]; /* by size */
};

/** Choose a support and fit it. No columns may be the answer. The same bits wherever it runs.
 *  Errors: GLIA_E_MEMORY; GLIA_E_DATA (values that are not finite). */
GLIA_API GLIA_NODISCARD glia_status glia_regression_fit(const struct glia_regression *s,
                                                        const struct glia_regression_options *o,
                                                        struct glia_regression_result *out);

#endif
