/* What the files that solve a problem share. */
#ifndef SOLVE_PRIV_H
#define SOLVE_PRIV_H

#include "glia_solve.h"
#include "pinn_priv.h"
#include "problem_priv.h"

struct glia_group_ {
  int64_t n;
  double *x, *weight, *target;
  bool idle; /* the ansatz fulfils it whatever the weights */
};

/* A problem and the network for it. */
struct glia_posed_ {
  struct glia_problem *problem;
  struct glia_pinn *pinn;
};

struct glia_solver {
  struct glia_posed_ own, now; /* the user's; the one of this stage */
  struct glia_problem *easier; /* of this stage, where it is not the user's */
  struct glia_solve_config config;
  struct glia_comm *comm;
  struct glia_cloud cloud;
  struct glia_group_ group[GLIA_PINN_GROUPS];
  int64_t most; /* points of one group at most */
  double *theta;
  double *placed; /* room for points.theta [glia_pinn_size] */
  struct glia_solve_points points;
  struct glia_solve_stage stage;
  int64_t n_test;
  double *test_x, *test_u; /* [n_test, coords], [n_test, unknowns]; NULL: no reference */
  double *rows;            /* of the data file: [n_rows, coords + unknowns] */
  int64_t n_rows;
  const struct glia_solve_watch *watch;
  uint64_t seed;
};

/* Points: solve_points.c. */

/* Points of all groups, and what each weighs. told: a residual that is not a finite number is refused, with its place.
 * Collective: yes. Errors: GLIA_E_CONFIG, GLIA_E_MEMORY. */
glia_status glia_solver_draw_(struct glia_solver *s, bool told);

/* What is no finite number at the weights s->theta, and where: into out [size]. Collective: no. */
void glia_solver_tell_fault_(struct glia_solver *s, char *out, size_t size);

/* Inner points by weights theta: gathered, so that what the loss is stays what it is and only its sum gets finer where it is hard to see;
 * or drawn anew by the residual. Collective: yes. */
glia_status glia_solver_place_(struct glia_solver *s, bool gathered, int64_t step,
                               const double *theta);

/* Points of a fit that goes on, as they were; a fit that places them in another way begins as it does without a file. Collective: yes. */
glia_status glia_solver_place_again_(struct glia_solver *s, const struct glia_solve_points *points);

/* Inner points weigh by what is wrong before them in time; the same weights on all ranks, also where processors round otherwise.
 * Collective: yes. */
glia_status glia_solver_weigh_causally_(struct glia_solver *s);

/* Stages: curriculum.c. */

/* Key curriculum of a configuration. Errors: GLIA_E_CONFIG. */
glia_status glia_curriculum_read_(const struct glia_yaml *root, const struct glia_problem *p,
                                  struct glia_solve_config *c);

/* Can all stages be read, and would their networks have the same weights? Collective: no. Errors: GLIA_E_CONFIG. */
glia_status glia_curriculum_check_(const struct glia_solver *s);

/* s->now, s->stage: stage `number`, begun at a step; the last one, of number config.curriculum.n, is the user's problem.
 * Collective: yes. Errors: those of glia_pinn_create. */
glia_status glia_curriculum_enter_(struct glia_solver *s, int number, int64_t since);

/* The user's problem again. */
void glia_curriculum_leave_(struct glia_solver *s);

/* The stage in which a fit begins, and since which step it has been in it. stage: where it stood, used where `resumed`.
 * Collective: no. Errors: GLIA_E_CONFIG (there is no such stage). */
glia_status glia_curriculum_resume_(const struct glia_solver *s,
                                    const struct glia_solve_stage *stage, bool resumed, int *number,
                                    int64_t *since);

#endif
