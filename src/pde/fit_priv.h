/* What the methods of a fit share. */
#ifndef FIT_PRIV_H
#define FIT_PRIV_H

#include "glia_fit.h"

struct glia_fit_ {
  const struct glia_cloud *cloud;
  const struct glia_fit_options *o;
  struct glia_comm *comm;
  int64_t n;     /* length of theta */
  double *trial; /* [n] */
  double start_s;
  bool
      fresh; /* the rows were drawn anew since the last step: losses before and after do not compare */
  struct glia_fit_state now;
  int64_t evaluations;
};

/** Rows of all groups together. */
int64_t glia_cloud_rows_(const struct glia_cloud *c);

/** Rows first .. first + n - 1 of [J r] into out [n, size + 1], groups one after another, points in order; self is the cloud. The
 *  form that glia_tsqr reads. Collective: no. */
glia_status glia_cloud_read_(void *self, int64_t first, int64_t n, double *out);

/** The residuals of those rows alone, out [n]. Errors: GLIA_E_MEMORY. */
glia_status glia_cloud_residuals_(const struct glia_cloud *c, int64_t first, int64_t n,
                                  double *out);

/* One way to make the loss smaller. All functions are called on all ranks, with the same arguments. */
struct glia_fit_method_ {
  const char *name, *source, *help;
  /* Numbers that every rank holds, in weights^2 and in rows x weights; and in rows x weights over all ranks together. */
  double squares, rows, rows_shared;
  glia_status (*open)(struct glia_fit_ *f, const double *theta, void **self);
  /** One step: theta, f->now.loss. *found = false: none makes the loss smaller. */
  glia_status (*step)(struct glia_fit_ *f, void *self, double *theta, bool *found);
  /** In place of step: all of them. Calls glia_fit_ended_ before each, and fills in out->reason. Rows stay the same meanwhile. */
  glia_status (*run)(struct glia_fit_ *f, void *self, double *theta, struct glia_fit_result *out);
  void (*close)(void *self); /* NULL is welcome */
};

/** The loss at theta + t step, into *loss; infinite where it is not finite. f->trial holds the place. Collective: yes. */
glia_status glia_fit_look_(struct glia_fit_ *f, const double *theta, double t, const double *step,
                           double *loss);

/** What ends a fit before step f->now.step + 1, at f->now.loss; *end: *reason says why. Rank 0's clock counts. Collective: yes. */
glia_status glia_fit_ended_(struct glia_fit_ *f, const double *theta, bool *end,
                            glia_fit_reason *reason);

/* Rows, their random sums, and least squares over all of them: fit_sketch.c. */
struct glia_sketch_;

/** Memory: rows x weights over all ranks. Rows fewer than six a weight are not added up.
 *  Collective: yes. Ownership: *out is yours to destroy; c is borrowed. Errors: GLIA_E_MEMORY. */
glia_status glia_sketch_create_(const struct glia_cloud *c, struct glia_sketch_ **out);
void glia_sketch_destroy_(struct glia_sketch_ **s);

/** Is the factor that of the rows themselves, since they are not added up? Collective: no. */
bool glia_sketch_is_exact_(const struct glia_sketch_ *s);

/** Compute all rows at the weights last set; r [size + 1, size + 1] by columns: R of sums of [J r] with signs drawn by the key.
 *  Collective: yes. Errors: GLIA_E_MEMORY, GLIA_E_MPI. */
glia_status glia_sketch_factor_(struct glia_sketch_ *s, uint64_t key, double *r);

/** p = argmin |J p + r|^2 + damping |p|^2, near enough; *fall: |r|^2 - |J p + r|^2.
 *  r        R of the sums with the damping, or one near it, below them
 *  p, fall  in: what R itself says, which stays where rows are not added up
 *  Collective: yes; the same bits for any number of ranks. Errors: GLIA_E_MPI. */
glia_status glia_sketch_solve_(struct glia_sketch_ *s, const double *r, double damping, double *p,
                               double *fall);

/** Bend the step p [size] that was just solved for: p + a/2 with a = argmin |J a + r''|^2 + damping |a|^2, r'' the second derivative of the
 *  residuals along p; left as it is where a is long. room [size]. Collective: yes. Source: transtrum2012. */
glia_status glia_sketch_bend_(struct glia_sketch_ *s, const double *r, double damping,
                              const double *theta, double *p, double *room);

/** Take a bent step back to the valley: p + a with a = argmin |J a + e|^2 + damping |a|^2, e what the residuals at the end of p are more than the
 *  linear model of the straight step says; left as it is where a is long. room [size]. Collective: yes. Source: nocedal2006 (second-order correction). */
glia_status glia_sketch_return_(struct glia_sketch_ *s, const double *r, double damping,
                                const double *theta, double *p, double *room);

#endif
