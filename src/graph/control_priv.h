/* Loops as their rules see them; for the files of this room. */
#ifndef CONTROL_PRIV_H
#define CONTROL_PRIV_H

#include "graph_priv.h"

/* Attributes of a loop: attr.i. Results: last carries, outs, carries at the start of every step as rows, number of steps run. */
enum { LOOP_BODY, LOOP_STEPS, LOOP_REVERSE, LOOP_GRADIENT, LOOP_COUNTED };

static inline int loop_final(const struct glia_body *f, int carry)
{
  (void)f;
  return carry;
}
static inline int loop_out(const struct glia_body *f, int out) { return f->n_carries + out; }
static inline int loop_history(const struct glia_body *f, int carry)
{
  return f->n_carries + f->n_out + carry;
}
static inline int loop_count(const struct glia_body *f) { return 2 * f->n_carries + f->n_out; }

/* Result k of a node with several. */
static inline glia_value result_of(const struct glia_node *y, int k) { return y->id + 1 + k; }

/* Type of result k of a loop; and the shape rule of loops. */
struct glia_type glia_loop_type_(const struct glia_graph *g, const struct glia_node *y, int k);
int glia_loop_results_(const struct glia_graph *g, const struct glia_node *y);
GLIA_NODISCARD glia_status glia_loop_infer_(const struct glia_graph *g, struct glia_node *n);

/* Make the loop node `op` over *b (taken): operands are what its inputs stand for. Returns the node, GLIA_NONE on failure. */
glia_value glia_loop_add_(struct glia_graph *g, const struct glia_op *op, struct glia_body **b,
                          const struct glia_attr *attr);

/* Rules of scan. */
void glia_scan_vjp_(struct glia_graph *g, const struct glia_node *y, const glia_value *dy,
                    glia_value *dx);
void glia_scan_jvp_(struct glia_graph *g, const struct glia_node *y, const glia_value *t,
                    glia_value *ty);
void glia_scan_vmap_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                     const glia_value *in, const bool *batched, glia_value *yb);

/* Batching of any loop. together: samples stop when all have. */
void glia_loop_vmap_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                     const glia_value *in, const bool *batched, bool together, glia_value *yb);

/* bool scalar: whether all of x [n] are true. */
glia_value glia_all_(struct glia_graph *g, glia_value x);

/* Small things said in the basis. */
glia_value glia_zeros_like_(struct glia_graph *g, glia_value v);
glia_value glia_number_(struct glia_graph *g, glia_dtype dtype, double number);
/* Rows lo .. hi - 1 along axis 0. */
glia_value glia_rows_(struct glia_graph *g, glia_value x, int64_t lo, int64_t hi);
/* x under the extents dim [n], then its own from axis `from` on. */
glia_value glia_split_rows_(struct glia_graph *g, glia_value x, int n, const int64_t *dim,
                            int from);
/* Axes 0 and 1 exchanged. */
glia_value glia_swap_(struct glia_graph *g, glia_value x);

#endif
