/* The one graph: model, loss, derivatives, optimizer step and reductions are nodes of one static graph.
 *
 * A value is an index; values are immutable and appended in topological order. Building never returns a status: the first
 * failure stays in the graph, the call gives GLIA_NONE, every call on GLIA_NONE gives GLIA_NONE, and glia_graph_status
 * tells at the end. So derivative rules read like formulas. Adding a node infers its type, folds and simplifies it, and returns
 * an equal node where there is one: there is no separate pass to forget. Why: docs/adr/0001.
 *
 * Not thread-safe: one thread builds a graph.
 */
#ifndef GLIA_GRAPH_H
#define GLIA_GRAPH_H

#include "glia_type.h"

typedef int32_t glia_value;
#define GLIA_NONE                                                                                  \
  ((glia_value)-1) /* no value: a failed call, or a derivative that is zero everywhere */

enum { GLIA_MAX_IN = 256, GLIA_MAX_ATTR = 24 };

struct glia_op;
struct glia_graph;

/* What an operator is told besides its inputs; unused entries are 0. */
struct glia_attr {
  int64_t i[GLIA_MAX_ATTR];
  double f[2];
};

struct glia_node {
  const struct glia_op *op;
  glia_value id;
  int32_t n_in;
  const glia_value *in; /* [n_in] */
  struct glia_type type;
  struct glia_attr attr;
};

/* How often an input changes. */
typedef enum { GLIA_PER_STEP, GLIA_PER_MICRO_BATCH } glia_per;

/* A slot of the state table: read at the start of a step, written once at its end. */
struct glia_state {
  const char *path; /* "params/01-linear/weight", unique */
  struct glia_type type;
  glia_value value; /* what it holds during a step */
};

struct glia_input {
  const char *name;
  glia_per per;
  struct glia_type type;
  glia_value value;
};

/* What one entry point computes. */
struct glia_write {
  int state;
  glia_value value;
};
struct glia_output {
  const char *name;
  glia_value value;
};
struct glia_entry {
  const char *name; /* "train" */
  int n_writes, n_outputs;
  struct glia_write *write;
  struct glia_output *output;
};

/* The constructors that differentiation, batching and control flow need from the operators above. See glia_ops.h. */
struct glia_basis {
  glia_value (*add)(struct glia_graph *g, glia_value a, glia_value b);
  glia_value (*mul)(struct glia_graph *g, glia_value a, glia_value b);
  glia_value (*less)(struct glia_graph *g, glia_value a, glia_value b); /* bool */
  glia_value (*select)(struct glia_graph *g, glia_value cond, glia_value a, glia_value b);
  glia_value (*cast)(struct glia_graph *g, glia_value x, glia_dtype dtype);
  glia_value (*sum)(struct glia_graph *g, glia_value x, int n_axes, const int *axes, bool keep);
  glia_value (*tile)(struct glia_graph *g, glia_value x,
                     int64_t size); /* x repeated along a new axis 0 */
  glia_value (*permute)(struct glia_graph *g, glia_value x, const int *order);
  glia_value (*reshape)(struct glia_graph *g, glia_value x, int rank, const int64_t *dim);
  glia_value (*slice)(struct glia_graph *g, glia_value x, const int64_t *start, const int64_t *stop,
                      const int64_t *step);
  glia_value (*concat)(struct glia_graph *g, int n, const glia_value *x, int axis);
  glia_value (*iota)(struct glia_graph *g, struct glia_type type, int axis);
};

/** A graph without nodes. Programs call glia_graph_new of glia_ops.h, which brings the basis.
 *  Ownership: *out is yours to destroy; basis is borrowed.  Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_graph_create(const struct glia_basis *basis,
                                                      struct glia_graph **out);
GLIA_API void glia_graph_destroy(struct glia_graph **g);

/** First failure of any building call, GLIA_OK when none; also puts its text back into this thread's trace. */
GLIA_API GLIA_NODISCARD glia_status glia_graph_status(const struct glia_graph *g);

/** Node of a value. Ownership: borrowed for the graph's life; it does not move. NULL for GLIA_NONE. */
GLIA_API const struct glia_node *glia_graph_node(const struct glia_graph *g, glia_value v);

/** Number of nodes made so far. */
GLIA_API int32_t glia_graph_size(const struct glia_graph *g);

/** SHA-256 (hex) over every node that an entry point reaches: operators, inputs, attributes, types. Two ranks with equal
 *  hashes run the same model. */
GLIA_API void glia_graph_hash(const struct glia_graph *g, char out[65]);

/* Leaves. */

/** A value that is handed in: by step (rate, step, seed) or by micro-batch (fields of the data). Names are unique. */
GLIA_API glia_value glia_input(struct glia_graph *g, const char *name, glia_per per,
                               struct glia_type type);

/** A new slot of the state table. Paths are unique. */
GLIA_API glia_value glia_state(struct glia_graph *g, const char *path, struct glia_type type);

/** Every element = value, in the type given. */
GLIA_API glia_value glia_full(struct glia_graph *g, struct glia_type type, double value);

/** The number of a float scalar whose element type follows the other operand (float64 alone). */
GLIA_API glia_value glia_constant(struct glia_graph *g, double value);

/** Sum over all micro-batches along the canonical tree: the only door to the epilogue; where micro-batches read it, it couples them.
 *  x  float value of the micro-batch region.  Derivative: batch_sum of the tangent or cotangent (which must differ by micro-batch). */
GLIA_API glia_value glia_batch_sum(struct glia_graph *g, glia_value x);

GLIA_API int glia_graph_states(const struct glia_graph *g, const struct glia_state **out);
GLIA_API int glia_graph_inputs(const struct glia_graph *g, const struct glia_input **out);

/* Entry points. */

/** Entry point by name, made when there is none. NULL on failure. Ownership: the graph's. */
GLIA_API struct glia_entry *glia_graph_entry(struct glia_graph *g, const char *name);
GLIA_API int glia_graph_entries(const struct glia_graph *g, struct glia_entry *const **out);
/** At the end of a step of this entry, state := value (same type). Each state at most once. */
GLIA_API void glia_entry_write(struct glia_graph *g, struct glia_entry *e, glia_value state,
                               glia_value value);
/** Let the caller read value: after the step, or after each micro-batch when it lives there. */
GLIA_API void glia_entry_output(struct glia_graph *g, struct glia_entry *e, const char *name,
                                glia_value value);

/* Transformations: each appends nodes. Arrays of results must not overlap those of arguments. */

/** Reverse mode: dx[i] = sum_j (d y[j] / d x[i])^T dy[j].
 *  dy[j] has y[j]'s type; GLIA_NONE is zero. dx[i] is GLIA_NONE where every y is independent of x[i]. */
GLIA_API void glia_vjp(struct glia_graph *g, int n_y, const glia_value *y, const glia_value *dy,
                       int n_x, const glia_value *x, glia_value *dx);

/** Gradient of a scalar: dx[i] = dy / dx[i], zeros where independent. */
GLIA_API void glia_grad(struct glia_graph *g, glia_value y, int n_x, const glia_value *x,
                        glia_value *dx);

/** Forward mode: ty[j] = sum_i (d y[j] / d x[i]) tx[i]; GLIA_NONE where zero. */
GLIA_API void glia_jvp(struct glia_graph *g, int n_x, const glia_value *x, const glia_value *tx,
                       int n_y, const glia_value *y, glia_value *ty);

/** Batching: yb[j] = y[j] for each of `size` values of x, stacked along a new axis 0.
 *  xb[i] has type [size, type of x[i]]. A y that no x reaches is broadcast. */
GLIA_API void glia_vmap(struct glia_graph *g, int64_t size, int n_x, const glia_value *x,
                        const glia_value *xb, int n_y, const glia_value *y, glia_value *yb);

/* For operators. */

/** Append (or find) a node. in [n_in]; attr may be NULL. */
GLIA_API glia_value glia_node_add(struct glia_graph *g, const struct glia_op *op, int n_in,
                                  const glia_value *in, const struct glia_attr *attr);

/** Record a failure of a constructor: the first one stays. Returns GLIA_NONE. */
GLIA_API glia_value glia_graph_fail(struct glia_graph *g, glia_status st, const char *format, ...)
    GLIA_PRINTF(3, 4);

/** The number of a splat constant: true and *out when v is one. */
GLIA_API bool glia_is_full(const struct glia_graph *g, glia_value v, double *out);

#endif
