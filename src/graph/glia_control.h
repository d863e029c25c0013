/* Control flow as operators: loops, fixed points, call-backs, and derivatives of your own.
 *
 * A loop is one node; what it repeats is a body, a graph of its own in which all constructors work:
 *
 *     struct glia_body *b = glia_body_begin(g);
 *     struct glia_graph *in = glia_body_graph(b);
 *     const glia_value h = glia_body_carry(b, h0);       // [rows, n], handed from step to step
 *     const glia_value x = glia_body_each(b, xs);        // xs [steps, rows, n]: row t of it, [rows, n]
 *     const glia_value w = glia_body_capture(b, weight); // the same in every step
 *     const glia_value y = glia_tanh(in, glia_add(in, x, glia_matmul(in, h, w, false, true)));
 *     glia_body_next(b, h, y);
 *     glia_body_stack(b, y);
 *     glia_value last, ys;                               // [rows, n], [steps, rows, n]
 *     glia_scan(g, &b, NULL, &last, &ys);
 *
 * Values of a body and of the graph around it do not mix: a value gets in by carry, each or capture, and out by next,
 * stack or sum. Bodies nest. Failures go to the outermost graph, as for every constructor. A loop is differentiated,
 * batched and compiled as a whole, to any order. Why bodies are graphs: docs/adr/0002.
 */
#ifndef GLIA_CONTROL_H
#define GLIA_CONTROL_H

#include "glia_op.h"

struct glia_body;

/** Begin a body inside g, which may be a body's graph itself. NULL on lack of memory; every call takes NULL for it.
 *  Ownership: glia_scan or glia_fixed_point takes it; else the caller calls glia_body_drop. */
GLIA_API struct glia_body *glia_body_begin(struct glia_graph *g);

/** The graph to build in: for all constructors; it has no states, inputs or batch sums of its own. Ownership: the body's. */
GLIA_API struct glia_graph *glia_body_graph(struct glia_body *b);

/** A value that goes from step to step, as a step begins; before the first one it is `initial`, a value of the graph
 *  around. Every carry needs one glia_body_next of the same type. */
GLIA_API glia_value glia_body_carry(struct glia_body *b, glia_value initial);

/** Row t of `stacked` [steps, ...] in step t: [...]. */
GLIA_API glia_value glia_body_each(struct glia_body *b, glia_value stacked);

/** A value of the graph around, the same in every step: weights, settings. What depends on captured values alone is computed
 *  once per loop. Capturing a value again gives the same value. */
GLIA_API glia_value glia_body_capture(struct glia_body *b, glia_value outer);

/** What `carry` is as the next step begins. */
GLIA_API void glia_body_next(struct glia_body *b, glia_value carry, glia_value next);

/** Results beside the last carries, in order of these calls: value of every step as rows [steps, ...] of an array,
 *  or its sum over the steps (floats). */
GLIA_API void glia_body_stack(struct glia_body *b, glia_value value);
GLIA_API void glia_body_sum(struct glia_body *b, glia_value value);

/** No further step after one in which `stop` (bool scalar) is true. At most one. */
GLIA_API void glia_body_stop(struct glia_body *b, glia_value stop);

/** At most this many steps: an integer scalar (i64) of the graph around, cut to 0 .. steps. Lengths known only when the
 *  program runs. At most one. */
GLIA_API void glia_body_count(struct glia_body *b, glia_value count);

/** Give up an unfinished body. NULL is welcome. */
GLIA_API void glia_body_drop(struct glia_body **b);

/* How the derivative of a loop goes through its steps. */
typedef enum {
  /** Exact; keeps the carries of every step: memory steps x carries. Inside a step, values are computed again. */
  GLIA_GRADIENT_FULL,
  /** Exact; keeps the carries at the start of every segment, and those of one segment while it is run again: memory
   *  2 sqrt(steps) x carries for the cost of one more forward loop. Sums over steps are added segment by segment. */
  GLIA_GRADIENT_RECOMPUTED,
  /** Carries count as constants at the start of every step: no derivative goes through time. The reverse rule is a loop
   *  forward in time that keeps nothing: memory does not depend on the number of steps. Source: meng2023. */
  GLIA_GRADIENT_TRUNCATED
} glia_gradient;

struct glia_scan_options {
  int64_t steps; /* 0: rows of the values given by glia_body_each, of which there is at least one */
  bool reverse;  /* steps - 1 first, 0 last; rows keep their places. Not with a stop test */
  glia_gradient gradient;
  int64_t segment; /* of GLIA_GRADIENT_RECOMPUTED, in steps; 0: about sqrt(steps) */
};

/** Repeat a body.
 *  options  NULL: all zero
 *  final    [carries] their values after the last step; NULL: not wanted
 *  out      [stacks and sums] in the order in which they were asked for. Rows of steps that were not run (stop test,
 *           count) are zero, and such steps add nothing to sums; NULL: not wanted
 *  Returns the number of steps run (i64 scalar), GLIA_NONE on failure. What nobody reads is not computed.
 *  Ownership: takes *b and sets it to NULL, also on failure.
 *  Errors: GLIA_E_SHAPE (a carry that changes its type, rows that are not `steps`), GLIA_E_ARGUMENT (a carry without next),
 *  GLIA_E_UNSUPPORTED (recomputed or reverse, with a stop test). */
GLIA_API glia_value glia_scan(struct glia_graph *g, struct glia_body **b,
                              const struct glia_scan_options *options, glia_value *final,
                              glia_value *out);

#endif
