/* Layers from YAML as one smooth function of its inputs, in a graph of others: networks whose derivatives by the inputs are wanted.
 *
 * Everything is float64. The list is that of a run (`model:`); layers that have no smooth derivative, draw random numbers or couple
 * samples are refused by name. The function is built as often as it is applied, with the same parameters, for any number of rows: its
 * derivatives come from the graph's rules (glia_jvp, glia_vjp, glia_vmap).
 *
 *     glia_network_create(list, g, 2, 1.0, &n);
 *     glia_network_apply(n, x, 1, &y);               // x [rows, 2] -> y [rows, 1]
 *     glia_jvp(g, 1, &x, &dx, 1, &y, &dy);
 *
 * A chain of dense layers can also go through jets (glia_jet.h), which take fewer and larger products.
 */
#ifndef GLIA_NETWORK_H
#define GLIA_NETWORK_H

#include "glia_jet.h"
#include "glia_yaml.h"

struct glia_network;

/** Read the layers; nothing is appended to the graph yet.
 *  list   a list of layers
 *  gain   of the first weights. `linear` begins with Glorot's normal here, not with its `init: pytorch`; where it reads the inputs, times
 *         gain and with biases as wide.
 *  Ownership: *out is yours to destroy; list and g are borrowed until then.
 *  Errors:    GLIA_E_CONFIG with file, line and layer; GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_network_create(const struct glia_yaml *list,
                                                        struct glia_graph *g, double gain,
                                                        struct glia_network **out);
GLIA_API void glia_network_destroy(struct glia_network **n);

/** y = network(x): x [rows, inputs] -> y [rows, outputs]. The first call makes the parameters: states params/<layer>/<name>, in the order of
 *  the layers.
 *  Errors: GLIA_E_CONFIG (what layers refuse; the last one gives other rows than [outputs]), GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_network_apply(struct glia_network *n, glia_value x,
                                                       int64_t outputs, glia_value *y);

/** Initial value of a state slot that apply made: a function of (seed, path, element) alone. out: array of its type */
GLIA_API void glia_network_initialize(const struct glia_network *n, uint64_t seed, int state,
                                      void *out);

/* A dense layer with the activation behind it. */
struct glia_network_dense {
  const char *name; /* of the linear layer */
  int64_t units;
  glia_jet_activation activation;
};
/** The network as a chain of dense layers that jets know, the last one linear: into out [most]. Returns their number; 0: it is another one.
 *  Ownership: names are borrowed for the network's life. */
GLIA_API int glia_network_dense(const struct glia_network *n, int most,
                                struct glia_network_dense *out);

#endif
