/* A problem solved by a physics-informed network: points, fit, error. `glia pinn` is this with files around it. */
#ifndef GLIA_SOLVE_H
#define GLIA_SOLVE_H

#include "glia_fit.h"

enum { GLIA_SOLVE_STAGES = 32 };

/* Easier problems that are solved first, each with the weights of the one before it.  Source: krishnapriyan2021. */
struct glia_curriculum {
  const struct glia_yaml *root; /* of the problem; borrowed */
  const char *name;             /* of the constant, or "t": borrowed */
  bool time; /* stages see more and more of t, which a constant may be called, too */
  int n;     /* stages; 0: none */
  double value[GLIA_SOLVE_STAGES];
  double own;    /* the problem's */
  int64_t steps; /* of a stage at most */
};

/* What the user may say beside the problem; zeros in points: chosen. */
struct glia_solve_config {
  struct glia_pinn_network network;
  glia_points_kind kind;
  int64_t interior, condition; /* points inside; on each condition */
  int64_t per_weight;          /* equations a weight where the number is chosen; 0: 4 */
  int method;                  /* of glia_fit_method_names */
  int64_t redraw; /* steps between draws of the inner points by the residual; 0: never */
  int64_t
      gather; /* step before which inner points are drawn closer where rows are long, once; 0: never */
  /* > 0: points at time t weigh exp(-causal x sum of the mean squares of residuals before t), by twentieths of the interval, so
   * that what comes first is solved first.  Source: wang2022. */
  double causal;
  struct glia_curriculum curriculum;
  int64_t steps;
  double time_s, tolerance; /* 0: none */
  double target;            /* relative error below which a seed counts as a success */
  int64_t seed, seeds;
};

/** Read keys network, points, curriculum, steps, time, tolerance, target, seed, seeds of a configuration, which is borrowed.
 *  Errors: GLIA_E_CONFIG. */
GLIA_API GLIA_NODISCARD glia_status glia_solve_config_read(const struct glia_yaml *root,
                                                           const struct glia_problem *p,
                                                           struct glia_solve_config *out);
/** Keys that it takes, NULL-terminated. */
GLIA_API const char *const *glia_solve_keys(void);

/* One seed's outcome. */
struct glia_solve_result {
  struct glia_fit_result fit;
  double relative_l2; /* over the reference's points, all unknowns together; NaN: there is none */
  double wall_s;
  char fault
      [512]; /* what is no finite number any more, and where, of a fit that diverged; "" otherwise */
};

/* How inner points were placed last: gathered, or drawn anew by the residual before a step. */
struct glia_solve_points {
  bool gathered;
  int64_t step;
  const double
      *theta; /* [glia_pinn_size]: the weights by which they were; NULL: they are the first ones */
};

/* Where a fit is among the stages of its curriculum. */
struct glia_solve_stage {
  int of, number; /* stages before the problem itself; 0 ..., of: the problem itself */
  int64_t since;  /* the step at which it began */
  const char *name;
  bool time;
  double value; /* of the constant; time: the last t that is seen */
};

/* Where a fit stood that goes on. */
struct glia_solve_start {
  int64_t step;
  double damping;
  const double *theta;             /* [glia_pinn_size] */
  struct glia_solve_points points; /* what glia_solver_points said of that fit, its theta copied */
  struct glia_solve_stage stage;   /* likewise; its name is not looked at */
};

struct glia_solver;

/** Networks, points, data and reference.
 *  Collective: yes. Ownership: *out is yours to destroy; problem and comm are borrowed until then.
 *  Errors: those of glia_pinn_create and glia_fields_read. */
GLIA_API GLIA_NODISCARD glia_status glia_solver_create(struct glia_problem *problem,
                                                       const struct glia_solve_config *config,
                                                       struct glia_comm *comm,
                                                       struct glia_solver **out);
GLIA_API void glia_solver_destroy(struct glia_solver **s);

/* Who watches: called before each step on all ranks. */
struct glia_solve_watch {
  void *self;
  /** *stop = true on any rank ends the fit on all. relative_l2: NaN, or the error so far (each 10 steps). */
  void (*step)(void *self, const struct glia_fit_state *state, double relative_l2, bool *stop);
  /** A stage is over, the problem itself included; fit->steps are all so far. May be NULL. */
  void (*stage)(void *self, const struct glia_solve_stage *stage, const struct glia_fit_result *fit,
                double wall_s);
};

/** Solve with one seed. start: NULL, or where a fit with this seed stood: Levenberg-Marquardt steps go on with the
 *  bits of a fit that was not interrupted. Collective: yes, same seed; the same bits for any number of ranks unless a time limit ends it.
 *  Errors: GLIA_E_CONFIG (an equation that is not finite, with the point; no stage as that of `start`); GLIA_E_MEMORY; GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_solver_run(struct glia_solver *s, uint64_t seed,
                                                    const struct glia_solve_start *start,
                                                    const struct glia_solve_watch *watch,
                                                    struct glia_solve_result *out);

/** Half widths of the parameters' intervals of 95 % after the last run: into half [n_parameters]; NaN without data.
 *  Collective: yes. Errors: those of glia_fit_intervals. */
GLIA_API GLIA_NODISCARD glia_status glia_solver_intervals(struct glia_solver *s, double *half);

/** The network with the weights of the last run. Ownership: borrowed. */
GLIA_API struct glia_pinn *glia_solver_pinn(struct glia_solver *s);
/** Weights and parameters of the last run [glia_pinn_size]. Ownership: borrowed. */
GLIA_API double *glia_solver_theta(struct glia_solver *s);
/** The stage in which the last run ended, or is. Ownership: its name is borrowed. */
GLIA_API struct glia_solve_stage glia_solver_stage(const struct glia_solver *s);
/** How the last run's inner points were placed last. Ownership: its theta is borrowed. */
GLIA_API struct glia_solve_points glia_solver_points(const struct glia_solver *s);
/** Points of each group of the last run. Ownership: borrowed. */
GLIA_API const struct glia_cloud *glia_solver_cloud(const struct glia_solver *s);

#endif
