/* Least squares over many rows: fitting the weights of a physics-informed network. */
#ifndef GLIA_FIT_H
#define GLIA_FIT_H

#include "glia_pinn.h"

/* All rows: the points of each group. */
struct glia_cloud {
  struct glia_pinn *pinn;
  struct glia_pinn_points points[GLIA_PINN_GROUPS];
};

typedef enum {
  GLIA_FIT_STEPS,     /* as many as allowed */
  GLIA_FIT_TIME,      /* the time is over */
  GLIA_FIT_TOLERANCE, /* the loss is as small as asked */
  GLIA_FIT_STALLED,   /* no step makes it smaller: rounding, or a minimum */
  GLIA_FIT_DIVERGED,  /* the loss is not finite */
  GLIA_FIT_STOPPED    /* the caller asked */
} glia_fit_reason;

GLIA_API const char *glia_fit_reason_text(glia_fit_reason r);

struct glia_fit_state {
  int64_t step;
  double loss, damping, time_s;
};

struct glia_fit_options {
  int64_t steps;
  double time_s;    /* 0: no limit */
  double tolerance; /* of the loss; 0: none */
  int64_t first;    /* step and damping of a fit that goes on; 0, 0: a new one */
  double damping;
  void *self;
  /** Called before each step, on all ranks; the same answer on all. *stop ends the fit; *fresh: the rows were drawn anew, so
   *  losses before and after do not compare. May be NULL. Collective: yes. */
  glia_status (*before)(void *self, const struct glia_fit_state *state, const double *theta,
                        bool *stop, bool *fresh);
};

struct glia_fit_result {
  glia_fit_reason reason;
  int64_t steps, evaluations; /* steps: those before a fit that went on, too */
  double loss, damping, time_s;
};

/** Sum of squares of all rows. Collective: yes. */
GLIA_API GLIA_NODISCARD glia_status glia_cloud_loss(const struct glia_cloud *c, double *loss,
                                                    double *gradient);

/** Names of the methods, NULL-terminated; number 0 is the default. */
GLIA_API const char *const *glia_fit_method_names(void);

/** May rows be drawn or weighed anew between steps of a method? */
GLIA_API bool glia_fit_draws_anew(int method);

/** Bytes that the ranks of this node hold for a fit by a method, at least. Collective: no. */
GLIA_API double glia_fit_bytes(int method, int64_t rows, int64_t weights,
                               const struct glia_comm *comm);

/** Make the loss smaller by a method of the table: theta [size] in and out.
 *  Collective: yes. The same bits for any number of ranks.
 *  Errors: GLIA_E_MEMORY, GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_fit(const struct glia_cloud *c, int method,
                                             const struct glia_fit_options *o, double *theta,
                                             struct glia_fit_result *out);

/** Half widths of intervals of 95 % for the problem's parameters, the last n of theta, at the weights last set: into half
 *  [n_parameters]. From the linearized fit; errors of the data are taken as independent and of one size.
 *  data_group  number of the data's group: their errors and those of the equations have variances of their own
 *  Collective: yes. Errors: GLIA_E_MEMORY, GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_fit_intervals(const struct glia_cloud *c, int data_group,
                                                       int n_parameters, double *half);

#endif
