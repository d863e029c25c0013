/* The same problem solved by finite differences: what a network is to be measured against.
 *
 * In one dimension of space with time, PETSc's TS integrates the grid's equations (BDF, variable step); without time and in one or two
 * dimensions, SNES solves them. The grid is refined by two until the answer stays.
 */
#ifndef GLIA_CLASSICAL_H
#define GLIA_CLASSICAL_H

#include "glia_comm.h"
#include "glia_problem.h"

struct glia_classical {
  bool solved;
  char why[256]; /* why it was not */
  int64_t nodes; /* of the finest grid */
  int64_t steps; /* in time, or of Newton's method */
  double wall_s; /* of the finest grid alone */
  double
      change; /* relative L2 distance from the grid before it: an upper estimate of the error; NaN: one grid alone */
  int64_t n;  /* samples at nodes, at 16 times behind the first where there is time */
  double *x, *u; /* [n, coords], [n, unknowns] */
};

/** Solve it, taking about time_s at most (the next grid is begun where it is expected to fit, and stopped where it does not).
 *  A problem that this does not cover is no error: out->why says so. PETSc must have begun.
 *  Collective: yes. Ownership: glia_classical_fini, also after a failure. Errors: GLIA_E_MEMORY, GLIA_E_INTERNAL (PETSc's text). */
GLIA_API GLIA_NODISCARD glia_status glia_classical_solve(struct glia_problem *p,
                                                         struct glia_comm *comm, double time_s,
                                                         struct glia_classical *out);
GLIA_API void glia_classical_fini(struct glia_classical *c);

#endif
