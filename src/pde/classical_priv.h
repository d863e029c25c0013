/* What the files of the classical solver share. */
#ifndef CLASSICAL_PRIV_H
#define CLASSICAL_PRIV_H

#include "glia_classical.h"

enum {
  GLIA_FORM_LEAVES_ = 24,
  GLIA_FORM_FIELDS_ = 2 * GLIA_PDE_UNKNOWNS,
  GLIA_FORM_WINDOW_ = 9 /* nodes of a difference formula at most */
};

/* A value that an equation reads at a node. */
struct glia_form_leaf_ {
  int field;
  bool rate;        /* of its change in time */
  uint8_t order[2]; /* derivatives by the coordinates of space */
};

/* An expression ready for a node: its value, and its derivatives by what it reads. */
struct glia_form_ {
  int n, node[GLIA_FORM_LEAVES_]; /* leaves, as nodes of the pool */
  struct glia_form_leaf_ leaf[GLIA_FORM_LEAVES_];
  struct glia_expr_tape *value, *slope[GLIA_FORM_LEAVES_];
};

/* The problem as first-order in time: fields are the unknowns, and u_t of those with u_tt. */
struct glia_system_ {
  struct glia_problem *p;
  int n_space, axis[2];
  int n_fields, rate_of[GLIA_PDE_UNKNOWNS]; /* field that is u_t, or -1 */
  int order;                                /* of derivatives in space, at most */
  bool mixed;
  struct glia_form_ equation[GLIA_PDE_UNKNOWNS];
  /* conditions on sides of space, and their derivatives in time where the unknown has u_tt */
  struct glia_form_ side[GLIA_PDE_CONDITIONS], side_rate[GLIA_PDE_CONDITIONS];
  int row[GLIA_PDE_CONDITIONS]; /* unknown that the condition is for; -1: none on a side */
  int start[GLIA_FORM_FIELDS_]; /* initial values, expressions; GLIA_EXPR_NONE */
};

/* why [256]: "" where the system is covered. Errors: GLIA_E_MEMORY. */
glia_status glia_system_make_(struct glia_problem *p, struct glia_system_ *out, char *why);
void glia_system_fini_(struct glia_system_ *s);

/* Weights of the derivative of some order at node `at` of n nodes that are h apart.  Source: fornberg1988. */
void glia_difference_(int n, int at, int order, double h, double *weight);

/* Values of one grid, gathered: [snapshots, nodes of the second axis, nodes of the first, unknowns] on all ranks. */
struct glia_grid_ {
  int m[2]; /* nodes by axis; 1 in the second of one dimension */
  double h[2];
  int64_t snapshots, steps, n; /* n: numbers in u */
  double *u;
  bool ok; /* false: the solver failed, or time was over */
};

/* Solve on n cells a side. Collective: yes. Ownership: free out->u. */
glia_status glia_grid_solve_(const struct glia_system_ *s, struct glia_comm *comm, int n,
                             double time_s, struct glia_grid_ *out);

/* Does the condition speak of this point x? boundary: it lies on the boundary of space. */
bool glia_system_on_(const struct glia_problem *p, const struct glia_pde_condition *c,
                     const double *x, bool boundary);

enum { GLIA_GRID_TIMES_ = 16 };

#endif
