/* What the files of the surrogate share. */
#ifndef SURROGATE_PRIV_H
#define SURROGATE_PRIV_H

#include "glia_surrogate.h"
#include "pinn_priv.h"

enum {
  GLIA_SURROGATE_STATES_ = 64,
  GLIA_SURROGATE_WIDTH_ =
      GLIA_PDE_UNKNOWNS + 2 * GLIA_DISCOVER_HIDDEN + GLIA_SURROGATE_INPUTS + GLIA_SURROGATE_COLUMNS
};

struct glia_surrogate {
  struct glia_discovery *d;
  struct glia_surrogate_options o;
  struct glia_comm *comm;
  struct glia_pinn u; /* the surrogate's own network and graph; no groups */
  struct glia_jet_layer hidden_layer[GLIA_JET_LAYERS];
  glia_value state[GLIA_SURROGATE_STATES_];
  int n_states, n_hidden_nets, width;
  int64_t size, n;
  double *row, *x, *theta; /* samples [n, coords + unknowns]; collocation
                              points; weights [size] */
  double mean[GLIA_PDE_UNKNOWNS], scale[GLIA_PDE_UNKNOWNS];
  double target_scale[GLIA_DISCOVER_HIDDEN];
  double input_mean[GLIA_SURROGATE_INPUTS], input_scale[GLIA_SURROGATE_INPUTS];
  /* expressions in the network's outputs */
  int unknown[GLIA_PDE_UNKNOWNS], target[GLIA_DISCOVER_HIDDEN], input[GLIA_SURROGATE_INPUTS];
  int column[GLIA_SURROGATE_COLUMNS];
  struct glia_jet_set set[3], value_only;
  struct glia_jet_net net[3], hidden_net[3];
  struct glia_program *program;
  struct glia_exchange *exchange;
  struct glia_engine *local, *shared;
};

int glia_surrogate_input_(const struct glia_surrogate *s, const char *name);

#endif
