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

/** h_t = a_t h_(t-1) + b_t for all steps, elementwise: the core of state-space models. Values and derivatives in time linear in steps.
 *  a, b [steps, ...], h0 [...] -> h [steps, ...]; reverse: from the last row to the first.  Source: martin2018. */
GLIA_API glia_value glia_linear_recurrence(struct glia_graph *g, glia_value a, glia_value b,
                                           glia_value h0, bool reverse);

/* What an associative scan combines tuples with: c = a o b, element by element of the tuple or all together. (a o b) o c must be
 * a o (b o c): pairs of a recurrence, products of matrices, maxima, sums in logarithms. Called once, in a body's graph. */
struct glia_associative {
  void *self;
  void (*combine)(struct glia_graph *g, void *self, const glia_value *a, const glia_value *b,
                  glia_value *c);
};

/** All prefixes: row t of y [n] is x_0 o x_1 o ... o x_t (reverse: x_last o ... o x_t).
 *  x, y  [n] of [steps, ...] each, steps at least 1; combine sees rows [...] and keeps their types
 *  Time, memory and the derivatives' time are linear in steps.
 *  Errors: GLIA_E_SHAPE (numbers of steps differ, or combine changes a type), GLIA_E_ARGUMENT.  Source: blelloch1990. */
GLIA_API void glia_associative_scan(struct glia_graph *g, int n, const glia_value *x,
                                    const struct glia_associative *op, bool reverse, glia_value *y);

/** Repeat a body of carries z (floats) and captured values k until z no longer changes: z* = f(z*, k).
 *  max_steps  at most so many steps
 *  tolerance  the loop ends when the norm of the change of all carries together is below it (in float64), unless the body has a
 *             stop test of its own; derivatives end by it in any case
 *  fixed      [carries] z*, or the last z when max_steps were not enough
 *  The derivative is that of z*(k), a fixed point of the body's vjp (or jvp) at z*: no iterate is kept, and what z begins with
 *  does not count. It needs a body that contracts near z*.
 *  Returns the number of steps run (i64 scalar).  Ownership: takes *b and sets it to NULL.
 *  Errors: as glia_scan; GLIA_E_ARGUMENT (values by step, stacks, sums or a count in the body).
 *  Source: park2022, bai2019. */
GLIA_API glia_value glia_fixed_point(struct glia_graph *g, struct glia_body **b, int64_t max_steps,
                                     double tolerance, glia_value *fixed);

/* A derivative of your own. One of the two rules is enough, the other is its transpose. They are called at once, to build graphs
 * of their own with the constructors: from x [n_x] and y as given there, and constants. Rules are linear in dy or t. */
struct glia_custom {
  void *self;
  /** dx[i] = (d y / d x[i])^T dy; left at GLIA_NONE = zero. */
  void (*vjp)(struct glia_graph *g, void *self, const glia_value *x, glia_value y, glia_value dy,
              glia_value *dx);
  /** t[i] has x[i]'s type. */
  glia_value (*jvp)(struct glia_graph *g, void *self, const glia_value *x, glia_value y,
                    const glia_value *t);
};

/** y itself, whose derivative by x [n_x] is `rule` and by all else zero: straight-through estimators, surrogates of spikes.
 *  Derivatives of the rule follow from its graph.  Ownership: rule is read during the call. */
GLIA_API glia_value glia_custom(struct glia_graph *g, glia_value y, int n_x, const glia_value *x,
                                const struct glia_custom *rule);

/** y itself, of which reverse mode computes what lies between x [n_x] and y again instead of keeping it: the same bits for less
 *  memory. Nodes that do not depend on x are kept.  Source: chen2016. */
GLIA_API glia_value glia_recompute(struct glia_graph *g, glia_value y, int n_x,
                                   const glia_value *x);

enum { GLIA_EXTERNAL_MAX_OUT = 8 };

/* A call-back as a node: a solver that this library does not know. Must live as long as the graph and its programs. */
struct glia_external {
  const char *
      name; /* with all that its result depends on: it stands for the call-back in the model's hash */
  int n_out;
  void *self;
  /** Types of the results, or a failure. */
  glia_status (*infer)(void *self, int n_in, const struct glia_type *in, struct glia_type *out);
  /** Fill out [n_out] from in [n_in]; cannot fail: what may go wrong is a result (a flag, a residual). Called from worker
   *  threads, several at once, in every step: it allocates nothing. */
  void (*run)(void *self, int n_in, const struct glia_operand *in, int n_out,
              const struct glia_operand *out);
};

/** Results out [n_out] of a call-back on in [n_in].
 *  rule  derivative of out[0] by in, NULL: none; the others have none */
GLIA_API void glia_external(struct glia_graph *g, const struct glia_external *e, int n_in,
                            const glia_value *in, const struct glia_custom *rule, glia_value *out);

#endif
