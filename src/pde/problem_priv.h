/* What the files that read a problem share. */
#ifndef PROBLEM_PRIV_H
#define PROBLEM_PRIV_H

#include "glia_problem.h"

/* Constants, unknowns, domain, periods and data: what stands before equations. stage: NULL, or what is other than written. */
glia_status glia_problem_begin_(struct glia_problem *p, const struct glia_yaml *root,
                                const struct glia_problem_stage *stage);

/* Parse a text of the configuration; a failure names its place, and p->fault shows it. */
glia_status glia_problem_text_(struct glia_problem *p, const struct glia_expr_names *names,
                               const struct glia_yaml *at, const char *text, bool equation,
                               int *out);

/* Are there conditions enough? Errors: GLIA_E_CONFIG. */
glia_status glia_problem_check_(struct glia_problem *p, const struct glia_yaml *root);

/* Choose what the user left open: scales of the unknowns from what the conditions say, and the ansatz from it. */
glia_status glia_problem_scale_(struct glia_problem *p);

/* The condition's residual as c (leaf - g), c a number and g of the coordinates: g, or GLIA_EXPR_NONE where it is not of that form. */
int glia_problem_solved_for_(struct glia_problem *p, const struct glia_pde_condition *c, int leaf);

/* *g + *d N: unknown i with the conditions on whole faces made exact. false: none can be. */
bool glia_problem_impose_(struct glia_problem *p, int i, int *g, int *d);

/* Points of the domain's outline in the plane of its shapes, `each` at most on every curve, at the middle of t: into x
 * [most, n_coords]. Returns their number. */
int64_t glia_problem_outline_(const struct glia_problem *p, int each, int64_t most, double *x);

/* Sides and circles of the box and its shapes, of which so many are looked at when points of the boundary are sought. */
enum { GLIA_PDE_CURVES_ = 1024 };
int glia_problem_curves_(const struct glia_problem *p);

/* An expression that is zero on the outline of a domain with shapes, and positive inside; GLIA_EXPR_NONE: none was found. */
int glia_problem_distance_(struct glia_problem *p);

/* A corner whose angle inside the domain is above pi: the angle, and the direction of its middle (radians). */
struct glia_corner_ {
  double at[2], angle, middle, size; /* size: of the box */
  int axis[2];
};

/* Re-entrant corners of the shapes whose cut leaves the domain alone: into out [most]. Returns their number. */
int glia_problem_corners_(const struct glia_problem *p, int most, struct glia_corner_ *out);

/* Real (0) or imaginary (1) part of z^(pi/angle), z = r e^(i phi) with phi from the middle of the angle: an expression. */
int glia_corner_unfolded_(struct glia_expr_pool *pool, const struct glia_corner_ *c, int which);

/* *g, the start of unknown i, goes on across all periods afterwards: kinks are rounded off, and noted in p->seam.
 * false: it jumps, or nothing rounds its kink. */
bool glia_seam_round_(struct glia_problem *p, int i, int *g);

/* The rounded kink of a seam, of slope 1 on both sides: an expression. */
int glia_seam_rounded_(struct glia_problem *p, const struct glia_seam *s);

#endif
