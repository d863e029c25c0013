/* A network as measures see it: arrays of float64 by state slot, and which of them are weights. */
#ifndef MEASURES_PRIV_H
#define MEASURES_PRIV_H

#include "glia_measures.h"

struct weight {
  int state;
  int64_t rows, cols; /* output channels, and the rest */
};

struct net {
  const struct glia_measures_job *job;
  const struct glia_state *state; /* of the graph */
  int n_states, n;                /* n: weights */
  struct weight *weight;
  double **now, **initial; /* [n_states]; NULL for slots that are no part of the network */
  double *kept;            /* copy of all weights, while noise is on them */
  int64_t size;            /* weights together */
};

/** List weights, copy the initial network, fold every batch_norm that follows a linear layer or a convolution in both. */
glia_status glia_measured_open_(struct net *net, const struct glia_measures_job *job,
                                struct glia_measures *out);
void glia_measured_close_(struct net *net);

/** Weights of the engine to and from net->kept. */
void glia_measured_keep_(struct net *net);
void glia_measured_restore_(struct net *net);

/** Largest singular value of a - b (b may be NULL). */
glia_status glia_measured_spectral_(const struct weight *w, const double *a, const double *b,
                                    double *out);

/** 10th percentile of the margin, and mean entropy of the outputs, over the training rows. */
glia_status glia_measured_margin_(struct net *net, double *gamma, double *entropy);
/** Sum of the outputs for an input of ones, with every parameter squared. NaN where no stored input means one. */
glia_status glia_measured_path_norm_(struct net *net, double *out);

/** Passes over the rows of the searches below, at most. */
extern const int64_t glia_measured_passes_;

/** Largest noise, or box, that lowers the training accuracy by a tenth. */
glia_status glia_measured_sigma_(struct net *net, double accuracy, bool magnitude, double *out);
glia_status glia_measured_box_(struct net *net, struct glia_curvature *c, double accuracy,
                               double *out);

#endif
