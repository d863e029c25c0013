/* Physics-informed networks: the residuals of a problem, and of what is known of its solution, as functions of the weights.
 *
 * A problem becomes groups of rows: one of the equations, one for each condition, one of data. Each has points; at each point it has
 * some residuals, whose weighted squares are the loss: sum over groups of weight / points sum of residual^2. The network and its
 * derivatives by the coordinates are jets (glia_jet.h); everything is float64.
 * Source: raissi2019.
 */
#ifndef GLIA_PINN_H
#define GLIA_PINN_H

#include "glia_archive.h"
#include "glia_checkpoint.h"
#include "glia_comm.h"
#include "glia_jet.h"
#include "glia_problem.h"

enum { GLIA_PINN_GROUPS = GLIA_PDE_CONDITIONS + 2 };

/* The network: hidden layers of equal width, or any of the engine's layers. */
struct glia_pinn_network {
  int depth, width;
  glia_jet_activation activation;
  /* A list of layers in their place, as `model:` of a run has it, from the features to as many outputs as there are unknowns; NULL: none. A
   * chain of dense layers is run by jets, as depth and width are; derivatives of others come from the graph's rules.
   * Ownership: borrowed until the network is destroyed. */
  const struct glia_yaml *model;
  bool by_rules; /* of model: never by jets, for tests and measurements */
  double gain;   /* of the first weights: how fast the network's first functions may turn */
  int harmonics; /* of a periodic coordinate */
  /* Pairs of sines and cosines of random directions beside the coordinates, the same for all seeds; in half turns over the box their
   * frequencies have the standard deviation fourier_scale, whole turns along a periodic coordinate.  Source: tancik2020. */
  int fourier;
  double fourier_scale;
};

/* Points of a group, borrowed. */
struct glia_pinn_points {
  int64_t n;
  const double *x;      /* [n, coords] */
  const double *weight; /* [n] of each row's residuals, their root included; NULL: 1 */
  const double *target; /* [n, unknowns], NaN where nothing was measured; group of data alone */
};

struct glia_pinn;

/** Build the graphs and compile them.
 *  Group 0: the equations. Then one a condition, in order. Then, where `data` is true, the data.
 *  most  points of one group at most
 *  Collective: yes, same arguments. Ownership: *out is yours to destroy; problem and comm are borrowed until then.
 *  Errors: GLIA_E_CONFIG (an order above 4 after the ansatz; a layer that is refused), GLIA_E_MEMORY, GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_pinn_create(struct glia_problem *problem,
                                                     const struct glia_pinn_network *network,
                                                     bool data, int64_t most,
                                                     struct glia_comm *comm,
                                                     struct glia_pinn **out);
GLIA_API void glia_pinn_destroy(struct glia_pinn **p);

/** Numbers of weights that such a network has, without the problem's parameters.
 *  Errors: those of glia_pinn_create. */
GLIA_API GLIA_NODISCARD glia_status glia_pinn_weights(struct glia_problem *problem,
                                                      const struct glia_pinn_network *network,
                                                      int64_t *out);

/** Weights and parameters together: the length of theta. */
GLIA_API int64_t glia_pinn_size(const struct glia_pinn *p);
/** Derivatives by the coordinates come from the graph's rules: else they are jets. */
GLIA_API bool glia_pinn_by_rules(const struct glia_pinn *p);
GLIA_API int glia_pinn_coords(const struct glia_pinn *p);
/** Ownership: borrowed. */
GLIA_API struct glia_comm *glia_pinn_comm(const struct glia_pinn *p);
GLIA_API int glia_pinn_groups(const struct glia_pinn *p);
/** Residuals at each point of a group. */
GLIA_API int glia_pinn_residuals(const struct glia_pinn *p, int group);

/** Weights drawn by the seed, parameters at their start: into theta [size]. */
GLIA_API void glia_pinn_initialize(const struct glia_pinn *p, uint64_t seed, double *theta);
/** The problem's parameters are the last numbers of theta. From now on everything is computed with this theta. */
GLIA_API void glia_pinn_set(struct glia_pinn *p, const double *theta);

/** Weights as arrays under params/, in theta's order and with the values last set: into out [most]. Returns their number.
 *  Ownership: borrowed, to be read alone. */
GLIA_API int glia_pinn_arrays(const struct glia_pinn *p, int most, struct glia_array *out);
enum { GLIA_PINN_ARRAYS = 2 * GLIA_JET_LAYERS + GLIA_PDE_PARAMETERS }; /* at most */

/** Those arrays of a solution file, into theta [size]; nothing is set. Collective: no.
 *  Errors: GLIA_E_MISSING, GLIA_E_SHAPE (another network), GLIA_E_DATA (a weight that is no finite number), GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_pinn_load(const struct glia_pinn *p,
                                                   struct glia_archive *a, double *theta);

/** Residuals r [n, residuals] of some points, and their derivatives j [n, residuals, size] (NULL: not wanted).
 *  Collective: no. The bits of a point do not depend on those beside it. */
GLIA_API GLIA_NODISCARD glia_status glia_pinn_rows(struct glia_pinn *p, int group,
                                                   const struct glia_pinn_points *points, double *r,
                                                   double *j);

/** Sum of squares of all residuals of a group, and its gradient [size] (NULL: not wanted), halved nowhere.
 *  Collective: yes, same points; the same bits for any number of ranks. */
GLIA_API GLIA_NODISCARD glia_status glia_pinn_sum(struct glia_pinn *p, int group,
                                                  const struct glia_pinn_points *points,
                                                  double *sum, double *gradient);

/** The unknowns at n points x [n, coords]: u [n, unknowns]. Collective: no. */
GLIA_API GLIA_NODISCARD glia_status glia_pinn_fields(struct glia_pinn *p, int64_t n,
                                                     const double *x, double *u);

#endif
