/* Jets: a network and its derivatives by its inputs, in one forward pass.
 *
 * A jet holds Taylor coefficients c_a = D^a f / a! for a set of multi-indices a that is closed downwards (with u_xx come u_x and u).
 * A dense layer is linear, so the coefficients of all points go through it in one matrix product [n rows, in] x [in, out]; an
 * activation mixes them by powers of what is not the value. The cost grows linearly with their number, where derivatives of
 * derivatives by reverse mode double with each order.  Source: griewank2000.
 *
 *     struct glia_jet_set s;
 *     glia_jet_set_begin(&s, 2);
 *     glia_jet_set_add(&s, (uint8_t[]){1, 0});        // u_t
 *     glia_jet_set_add(&s, (uint8_t[]){0, 2});        // u_xx, and u_x
 *     glia_jet_forward(g, &s, rows, input, 4, layer, &net);
 *     u_xx = glia_jet_derivative(g, net, glia_jet_set_find(&s, (uint8_t[]){0, 2}), 0);
 *
 * Everything is graph: it can be differentiated again by glia_vjp. The reverse pass below does the same with fewer nodes, and
 * also gives the derivatives of each row apart, as Gauss-Newton methods need them.
 */
#ifndef GLIA_JET_H
#define GLIA_JET_H

#include "glia_series.h"

enum { GLIA_JET_COORDS = 8, GLIA_JET_ORDER = 4, GLIA_JET_MOST = 128 };

/* Multi-indices by rising order; number 0 is the value itself. */
struct glia_jet_set {
  int n_coords, n;
  uint8_t order[GLIA_JET_MOST][GLIA_JET_COORDS];
};

GLIA_API void glia_jet_set_begin(struct glia_jet_set *s, int n_coords);
/** Add a multi-index [n_coords] and all below it. false: above GLIA_JET_ORDER, or more than GLIA_JET_MOST. */
GLIA_API bool glia_jet_set_add(struct glia_jet_set *s, const uint8_t *order);
/** Number of a multi-index; -1: not in the set. */
GLIA_API int glia_jet_set_find(const struct glia_jet_set *s, const uint8_t *order);
/** a! : a derivative is its coefficient times this. */
GLIA_API double glia_jet_factorial(const struct glia_jet_set *s, int a);

/* Smooth elementwise functions between layers. */
#define GLIA_JET_ACTIVATIONS(X)                                                                    \
  X(LINEAR, "linear")                                                                              \
  X(TANH, "tanh")                                                                                  \
  X(SIN, "sin")                                                                                    \
  X(SIGMOID, "sigmoid")                                                                            \
  X(SILU, "silu")                                                                                  \
  X(GELU, "gelu")                                                                                  \
  X(SOFTPLUS, "softplus")

typedef enum {
#define X(name, text) GLIA_JET_##name,
  GLIA_JET_ACTIVATIONS(X)
#undef X
      GLIA_JET_N_ACTIVATIONS
} glia_jet_activation;

/** Names in the order of the enum, NULL-terminated. */
GLIA_API const char *const *glia_jet_activation_names(void);

/* Coefficients of n functions of the coordinates: part[a] [rows, n], GLIA_NONE where zero. */
struct glia_jet {
  glia_value part[GLIA_JET_MOST];
};

/** y = f(x), f elementwise. */
GLIA_API void glia_jet_apply(struct glia_graph *g, const struct glia_jet_set *s,
                             glia_jet_activation f, const struct glia_jet *x, struct glia_jet *y);

/* One dense layer: activation(weight x + bias). weight [out, in], bias [out]. */
struct glia_jet_layer {
  glia_value weight, bias;
  glia_jet_activation activation;
};

enum { GLIA_JET_LAYERS = 32, GLIA_JET_OUTPUTS = 16 };

/* What a forward pass leaves for the reverse one. */
struct glia_jet_net {
  const struct glia_jet_set *set; /* borrowed */
  int64_t rows;
  int n_layers;
  struct glia_jet_layer layer[GLIA_JET_LAYERS];
  glia_value in[GLIA_JET_LAYERS]; /* stacked [n rows, in] */
  /* Before and behind the activation. Where one kernel runs it on the stack (glia_series.h): stacked; else part by part. */
  struct glia_series series;
  bool stacked[GLIA_JET_LAYERS];
  glia_value z_stack[GLIA_JET_LAYERS], y_stack[GLIA_JET_LAYERS];
  struct glia_jet z[GLIA_JET_LAYERS], y[GLIA_JET_LAYERS];
  int n_outputs;
  glia_value output[GLIA_JET_MOST][GLIA_JET_OUTPUTS]; /* coefficients of each output [rows] */
};

/** A chain of dense layers. input: part 0 [rows, features] at least.
 *  Failures stay in the graph. */
GLIA_API void glia_jet_forward(struct glia_graph *g, const struct glia_jet_set *s, int64_t rows,
                               const struct glia_jet *input, int n_layers,
                               const struct glia_jet_layer *layer, struct glia_jet_net *out);

/** Derivative a of output column `column`: [rows]. */
GLIA_API glia_value glia_jet_derivative(struct glia_graph *g, const struct glia_jet_net *net, int a,
                                        int column);

/** Cotangents of the last layer's coefficients from those of y [n], which were built on glia_jet_derivative.
 *  dy  as for glia_vjp */
GLIA_API void glia_jet_pull(struct glia_graph *g, const struct glia_jet_net *net, int n,
                            const glia_value *y, const glia_value *dy, struct glia_jet *out);

/** Reverse pass: from cotangents of the last layer's coefficients to those of each layer before its activation:
 *  delta[l] [n rows, out], stacked as net->in. */
GLIA_API void glia_jet_reverse(struct glia_graph *g, const struct glia_jet_net *net,
                               const struct glia_jet *dy, glia_value *delta);

/** Sums over all rows: dweight[l] [out, in], dbias[l] [out]. */
GLIA_API void glia_jet_gradient(struct glia_graph *g, const struct glia_jet_net *net,
                                const glia_value *delta, glia_value *dweight, glia_value *dbias);

/** For each row apart: dweight[l] [rows, out in], dbias[l] [rows, out]; rows must not mix in what dy came from. */
GLIA_API void glia_jet_gradient_rows(struct glia_graph *g, const struct glia_jet_net *net,
                                     const glia_value *delta, glia_value *dweight,
                                     glia_value *dbias);

#endif
