/* What an operator is: one const struct per operator, one file each, one line in src/ops/ops.def. */
#ifndef GLIA_OP_H
#define GLIA_OP_H

#include "glia_graph.h"

typedef enum {
  GLIA_DERIVATIVE_EXACT,     /* the rules are the mathematical derivative (almost everywhere) */
  GLIA_DERIVATIVE_SURROGATE, /* the rules are a stated stand-in */
  GLIA_DERIVATIVE_NONE       /* piecewise constant or integer: derivative zero, no rules */
} glia_derivative;

/* An array as a kernel sees it. */
struct glia_operand {
  void *data;
  int64_t n; /* elements; of this piece, for elementwise operators */
  const struct glia_type *type;
};

/* One call of a kernel. A kernel is void and cannot fail: shapes and types were settled while planning.
 * out.data overlaps no input, except where an elementwise operator runs in place on the same elements. */
struct glia_call {
  int n_in;
  const struct glia_operand *in;
  struct glia_operand out;
  const struct glia_attr *attr;
  void *scratch;    /* as many bytes as the kernel asked for when it was picked, 64-byte aligned */
  const void *plan; /* what was prepared when it was picked; NULL: nothing */
};

struct glia_sample;

/* Operators of several results (loops, call-backs). Such a node is followed by its results, nodes of the operator `result` with
 * the node as their one input: result k of node y is value y + 1 + k. The rules take and give all results at once. */
struct glia_many {
  int (*count)(const struct glia_graph *g, const struct glia_node *y);
  struct glia_type (*type)(const struct glia_graph *g, const struct glia_node *y, int k);
  /** As in glia_op: dy [count] may be GLIA_NONE, at least one is not. */
  void (*vjp)(struct glia_graph *g, const struct glia_node *y, const glia_value *dy,
              glia_value *dx);
  /** ty [count] are GLIA_NONE before. */
  void (*jvp)(struct glia_graph *g, const struct glia_node *y, const glia_value *t, glia_value *ty);
  /** yb [count]: all have the new axis 0. */
  void (*vmap)(struct glia_graph *g, const struct glia_node *y, int64_t size, const glia_value *in,
               const bool *batched, glia_value *yb);
};

/* How a reduction takes its one input piece by piece, in order, as a group of elementwise nodes makes it: with its reference's bits. */
struct glia_streamed {
  /** Bytes that it works in, for an input of type x; 0: not this one. */
  size_t (*bytes)(const struct glia_type *x, const struct glia_attr *attr);
  /** c->in[0].n elements from `start` on, in c->scratch; the first piece has start 0. */
  void (*take)(const struct glia_call *c, int64_t start);
  /** All are taken: c->out. */
  void (*finish)(const struct glia_call *c);
};

struct glia_op {
  const char *name;
  const char *source; /* key in docs/papers.bib, where the operator has a source */
  int n_in;           /* -1: any number up to GLIA_MAX_IN */
  bool
      elementwise; /* result and inputs have one shape, and any piece of them can be computed alone */
  bool view;       /* the result is its input's bytes under another type: no kernel */
  bool
      broadcast; /* the result repeats its one input: attr.i[k] = input axis of result axis k, or -1 where it is new;
                         input axes in rising order. Groups of elementwise nodes read it by index, without a copy */
  bool
      chooses; /* elementwise: the second input where the first holds, which are bools; else the third */
  /* result element j is of elements j b .. (j + 1) b - 1 of the inputs alone, b = attr.i[0]: any run of results can be computed alone, from
   * inputs that begin there */
  bool by_block;
  bool linear; /* jvp is the operator itself on the tangents */
  int n_bodies; /* attr.i[0 .. n_bodies - 1] name bodies of the graph: 1 + place in its table, 0 = none */
  const struct glia_many *many; /* NULL: one result */
  int key; /* input whose element type selects the reference kernel; -1: the result's */

  /** Set n->type from inputs and attributes; the only stage that may fail. */
  glia_status (*infer)(const struct glia_graph *g, struct glia_node *n);
  /** An equal, simpler value, or GLIA_NONE. n is not in the graph yet. May be NULL. */
  glia_value (*simplify)(struct glia_graph *g, const struct glia_node *n);
  /** Reverse rule: set dx[i] for input i; left at GLIA_NONE = zero. May be NULL (no gradient). */
  void (*vjp)(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx);
  /** Forward rule: the tangent of y; t[i] may be GLIA_NONE (zero), at least one is not. */
  glia_value (*jvp)(struct glia_graph *g, const struct glia_node *y, const glia_value *t);
  /** Batching rule: y on inputs of which those with batched[i] have a new axis 0 of `size`; the result has it too. */
  glia_value (*vmap)(struct glia_graph *g, const struct glia_node *y, int64_t size,
                     const glia_value *in, const bool *batched);
  glia_derivative derivative;
  /** The value whose derivative the rules are, of a surrogate; NULL: the node itself. */
  glia_value (*stand_in)(const struct glia_node *y);
  /** Naive C, by element type of `key`; NULL = type not supported. The oracle in every test of a faster one. Like all kernels called for
   *  results that have elements alone, so that extents of results may be divided by. */
  void (*reference[GLIA_DTYPE_COUNT_])(const struct glia_call *c);
  const struct glia_streamed
      *streamed[GLIA_DTYPE_COUNT_]; /* by the input's type; NULL: only as a whole */
  /** Bytes that the reference kernel works in; NULL: none. */
  size_t (*scratch)(const struct glia_graph *g, const struct glia_node *n);
  double flops_per_element; /* of the result, roughly */
  /** Inputs on which the table test checks the operator: case k = 0, 1, ... on fresh inputs; GLIA_NONE past the last. */
  glia_value (*sample)(struct glia_sample *s, int k);
};

/* Where sample inputs come from; made by the table test. */
struct glia_sample {
  struct glia_graph *g;
  glia_dtype dtype; /* float type under test */
  uint64_t seed;
  int n;
  struct {
    glia_value value;
    double lo, hi;
    double avoid, gap; /* values keep a distance `gap` from `avoid` (a kink) */
    bool differentiable;
  } in[GLIA_MAX_IN];
};

/** A fresh float input with values uniform in (lo, hi). */
GLIA_API glia_value glia_sample_real(struct glia_sample *s, int rank, const int64_t *dim, double lo,
                                     double hi);
/** The same, at a distance of at least gap from `avoid`. */
GLIA_API glia_value glia_sample_away(struct glia_sample *s, int rank, const int64_t *dim, double lo,
                                     double hi, double avoid, double gap);
/** A fresh integer (or bool) input with values in lo .. hi, both included. */
GLIA_API glia_value glia_sample_int(struct glia_sample *s, glia_dtype dtype, int rank,
                                    const int64_t *dim, int64_t lo, int64_t hi);

#endif
