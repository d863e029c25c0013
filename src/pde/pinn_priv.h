/* What the files of a physics-informed network share. */
#ifndef PINN_PRIV_H
#define PINN_PRIV_H

#include "glia_engine.h"
#include "glia_network.h"
#include "glia_pinn.h"

enum {
  GLIA_PINN_BATCH_ = 120, /* points of a micro-batch */
  GLIA_PINN_RESIDUALS_ = 8,
  GLIA_PINN_FEATURES_ = 64,
  GLIA_PINN_CORNERS_ = 8
};

struct glia_pinn {
  struct glia_problem *problem;
  struct glia_pinn_network network;
  struct glia_comm *comm;
  struct glia_graph *graph;
  struct glia_program *program;
  struct glia_exchange *exchange;
  struct glia_engine *local, *shared; /* rows of any points here; sums over all ranks */
  int64_t size;
  int n_groups, n_residuals[GLIA_PINN_GROUPS], data_group; /* data_group: -1 without data */
  struct glia_jet_set set[GLIA_PINN_GROUPS + 1];
  int n_features, feature[GLIA_PINN_FEATURES_]; /* expressions in the coordinates */
  /* by jets */
  int n_layers;
  struct glia_jet_layer layer[GLIA_JET_LAYERS];
  char layer_name[GLIA_JET_LAYERS][208];
  int64_t layer_width[GLIA_JET_LAYERS];
  struct glia_network *model; /* layers from YAML, NULL: none */
  bool by_rules;              /* it is no chain of dense layers: derivatives by the graph's rules */
  int n_weights;              /* arrays of weights: the first states */
  glia_value parameter[GLIA_PDE_PARAMETERS];
  int n_inputs;
};

/* Rows skip .. skip + n_rows - 1 of some points' [J r], out [n_rows, size + 1]: residuals behind their derivatives. As glia_pinn_rows. */
glia_status glia_pinn_joined_(struct glia_pinn *p, int group, const struct glia_pinn_points *points,
                              int64_t skip, int64_t n_rows, double *out);

/** Inner points x [n, coords] taken from eight times as many in proportion to |residual| / mean + 1, at the weights last set. They stay where
 *  residuals are not numbers. Collective: yes; the same on all ranks and for any number of them. Errors: GLIA_E_MEMORY.  Source: wu2023. */
glia_status glia_points_redraw_(struct glia_pinn *p, uint64_t seed, int64_t n, double *x);

/** Inner points x [n, coords] from the first 8 n of the seed's sequence, denser in proportion to |d residual / d weights| / mean + 1, and
 *  the roots of what each weighs, weight [n], so that the sum of squares is the mean over the domain that it is with even points. Otherwise
 *  as glia_points_redraw_. */
glia_status glia_points_gather_(struct glia_pinn *p, uint64_t seed, int64_t n, double *x,
                                double *weight);

/* A network whose derivatives by the coordinates come from the graph's forward rules: in[a], D^a of the features [rows, features], and out[a],
 * D^a of the outputs [rows, unknowns]; GLIA_NONE where zero. */
struct glia_pinn_rules_ {
  const struct glia_jet_set *set; /* borrowed */
  int64_t rows;
  glia_value in[GLIA_JET_MOST], out[GLIA_JET_MOST];
};
/** in is set: into out. */
glia_status glia_pinn_rules_forward_(struct glia_pinn *p, const struct glia_jet_set *s,
                                     int64_t rows, struct glia_pinn_rules_ *net);
/** Derivative a of an output: [rows]. */
glia_value glia_pinn_rules_derivative_(struct glia_pinn *p, const struct glia_pinn_rules_ *net,
                                       int a, int column);
/** The same network on one row, and slopes of r [rows] by its weights for each row apart: into dw [n_weights], each [rows, size].
 *  one  made by the first call for these rows; begins with set NULL */
glia_status glia_pinn_rules_rows_(struct glia_pinn *p, const struct glia_pinn_rules_ *net,
                                  glia_value r, struct glia_pinn_rules_ *one, glia_value *dw);
/** Sums over all rows: slopes of a scalar, into dw [n_weights], each [size]. */
void glia_pinn_rules_gradient_(struct glia_pinn *p, glia_value loss, glia_value *dw);

glia_status glia_pinn_features_(struct glia_pinn *p);
glia_status glia_pinn_group_(struct glia_pinn *p, int number, int n, const int *e, bool data);
glia_status glia_pinn_fields_graph_(struct glia_pinn *p);

/* Expressions in the network's outputs at points x: out [n], each [BATCH]. For graphs of others around this network.
 *  set, net  theirs; borrowed by the graph's later reverse passes */
glia_status glia_pinn_values_(struct glia_pinn *p, glia_value x, int n, const int *e,
                              struct glia_jet_set *set, struct glia_jet_net *net, glia_value *out);

#endif
