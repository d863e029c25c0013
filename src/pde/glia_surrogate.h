/* A hidden term from few scattered samples: one network for the solution, one
 * for the hidden terms, trained together.
 *
 *     U: coordinates -> unknowns        H: inputs, functions of the unknowns
 * and their derivatives -> hidden terms loss = mean |U - data|^2 + mean
 * |target(U) - H(inputs(U))|^2
 *
 * where `target` is what the equation says that the hidden term is
 * (glia_discover.h). H has its inputs from U, so the equation shapes both. An
 * input must not be what the hidden term is solved for (u_t): then anything
 * fits. Everything is float64 and graph. Source: podina2022.
 */
#ifndef GLIA_SURROGATE_H
#define GLIA_SURROGATE_H

#include "glia_discover.h"

enum { GLIA_SURROGATE_INPUTS = 8, GLIA_SURROGATE_COLUMNS = 32 };

struct glia_surrogate_options {
  int depth, width;                              /* of U; 0: 3 x 16 */
  int hidden_depth, hidden_width;                /* of H; 0: 2 x 16 */
  int n_inputs, input[GLIA_SURROGATE_INPUTS];    /* expressions of the discovery's pool */
  int n_columns, column[GLIA_SURROGATE_COLUMNS]; /* expressions that a table has, too */
  int64_t collocation;                           /* points, a multiple of 128; 0: 256 */
  int64_t adam, quasi_newton;                    /* steps; 0: 3000 of each */
  double physics; /* weight of the equations; 0: U is fitted to the data alone */
  double
      noise; /* errors of the samples, in units of each unknown's spread: weights of H have a prior of that size; 0: none */
  bool no_hidden; /* H = 0: the known part is all there is */
  uint64_t seed;
  void *self;
  /** Called each 100 steps on all ranks; *stop = true on all ends the training.
   * May be NULL. */
  void (*watch)(void *self, double share, double loss, bool *stop);
};

struct glia_surrogate;

/** Networks for the samples row [n, coords + unknowns], NaN where an unknown
 * was not measured. Collective: yes. Ownership: *out is yours to destroy; d and
 * comm are borrowed until then. Errors: GLIA_E_CONFIG (derivatives above order
 * 4), GLIA_E_DATA (fewer than two samples), GLIA_E_MEMORY, GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_surrogate_create(struct glia_discovery *d, int64_t n,
                                                          const double *row,
                                                          const struct glia_surrogate_options *o,
                                                          struct glia_comm *comm,
                                                          struct glia_surrogate **out);
GLIA_API void glia_surrogate_destroy(struct glia_surrogate **s);

/** Train: Adam, then limited-memory quasi-Newton steps by PETSc's TAO, which
 * must have begun. *loss as it ends. Collective: yes; the same bits for any
 * number of ranks. Errors: GLIA_E_INTERNAL (PETSc's text), GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_surrogate_train(struct glia_surrogate *s, double *loss);

/** At points x [n, coords]: unknowns, targets of the hidden terms, H, inputs,
 * columns, in this order: out [n, glia_surrogate_width]. Collective: no. */
GLIA_API GLIA_NODISCARD glia_status glia_surrogate_table(struct glia_surrogate *s, int64_t n,
                                                         const double *x, double *out);
GLIA_API int glia_surrogate_width(const struct glia_surrogate *s);

/** H at inputs z [n, n_inputs]: out [n, n_hidden]. Collective: no. */
GLIA_API GLIA_NODISCARD glia_status glia_surrogate_hidden(struct glia_surrogate *s, int64_t n,
                                                          const double *z, double *out);

#endif
