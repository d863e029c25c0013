/* Formulas for a table, found by trying them in order of length: symbolic
 * regression by brute force.
 *
 * A formula is a word in postfix over variables, constants and operators; all
 * words up to a length are tried, dealt over the ranks by number. Each is
 * fitted as c f and as f + c besides as it is; constants are snapped to
 * integers, small rationals and pi where that costs less than it explains. What
 * no other beats in both length and error is the Pareto front. Source:
 * udrescu2020.
 */
#ifndef GLIA_SEARCH_H
#define GLIA_SEARCH_H

#include "glia_comm.h"

enum {
  GLIA_SEARCH_VARIABLES = 8,
  GLIA_SEARCH_LENGTH = 9,
  GLIA_SEARCH_FRONT = 32,
  GLIA_SEARCH_TEXT = 256
};

/* One formula. Bits: of its description; mean of log2(1 + 2^30 |f - y|) over
 * the rows. */
struct glia_formula {
  char text[GLIA_SEARCH_TEXT]; /* infix, as glia_expr_parse reads it */
  double constant;             /* c; 1 or 0 where there is none */
  double complexity_bits, error_bits;
  double rms;     /* of f - y, relative to that of y */
  int64_t number; /* of the word */
};

struct glia_search_options {
  int longest;           /* symbols of a word, 1 to GLIA_SEARCH_LENGTH; 0: 5 */
  const char *operators; /* of "+-*~/IRSCEL": sum, difference, product, minus,
                     quotient, 1/x, root, sin, cos, exp, log; NULL: "+-*~I" */
  double time_s;         /* each rank ends after that, and the front depends on the
                     machine; 0: none */
};

/** Search y [n] in x [n, n_variables]: the front, complexity rising, into out.
 * Returns by *n_front. name  of the variables Collective: yes, same table; the
 * same front for any number of ranks. Errors: GLIA_E_ARGUMENT (an operator that
 * is none), GLIA_E_DATA (values that are not finite), GLIA_E_MEMORY,
 * GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_search(int64_t n, int n_variables, const double *x,
                                                const double *y, const char *const *name,
                                                const struct glia_search_options *o,
                                                struct glia_comm *comm,
                                                struct glia_formula out[GLIA_SEARCH_FRONT],
                                                int *n_front);

/** The nearest number of few bits to v: an integer, p/q with |p|, q <= 10, or a
 * multiple p/q of pi, if within `within` of it; else v. bits  its cost: log2(1
 * + |n|); log2((1 + |p|) q); 2 more with pi; else 0.5 log2(1 + (v / 1e-14)^2).
 * text [32] */
GLIA_API double glia_snap(double v, double within, double *bits, char *text);

#endif
