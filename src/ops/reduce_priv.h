/* What reductions share. */
#ifndef REDUCE_PRIV_H
#define REDUCE_PRIV_H

#include "op_priv.h"

enum { GLIA_REDUCE_BLOCK = 4096, GLIA_REDUCE_LANES = 16 };
#define GLIA_REDUCE_EACH_LANE(X)                                                                   \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

/* How elements of one type are folded in float64. Each function has a fixed order. */
struct glia_fold {
  double start;
  double (*run)(const void *x, int64_t n);
  /* The same in pieces, in GLIA_REDUCE_LANES that are `start` before: `at` elements came before these. NULL: not in pieces. */
  void (*add)(double *lane, const void *x, int64_t n, int64_t at);
  double (*close)(double *lane);
  /* acc[j] = acc[j] folded with x[j], x[stride + j], ...: `rows` rows, j < width */
  void (*rows)(double *acc, const void *x, int64_t rows, int64_t stride, int64_t width);
  double (*join)(double a, double b);
  void (*store)(void *y, const double *acc, int64_t n);
};

/* The kernel: in[0] folded over the axes of mask attr.i[0]. */
void glia_reduce_(const struct glia_call *c, const struct glia_fold *fold);
/* The same in pieces, see struct glia_streamed: runs along the last axes, with what is kept of each. */
size_t glia_reduce_bytes_(const struct glia_type *x, const struct glia_attr *attr);
void glia_reduce_take_(const struct glia_call *c, int64_t start, const struct glia_fold *fold);
void glia_reduce_finish_(const struct glia_call *c);
void glia_store_f32_(void *y, const double *acc, int64_t n);
void glia_store_f64_(void *y, const double *acc, int64_t n);

GLIA_NODISCARD glia_status glia_infer_reduce_(const struct glia_graph *g, struct glia_node *n);
glia_value glia_vmap_reduce_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                             const glia_value *in, const bool *batched);

/* dy repeated along the axes of mask, which gives it the shape of x. */
glia_value glia_unreduce_(struct glia_graph *g, glia_value dy, const struct glia_type *x,
                          int64_t mask);

/* Constructor of a reduction. */
glia_value glia_reduce_node_(struct glia_graph *g, const struct glia_op *op, glia_value x,
                             int n_axes, const int *axes, bool keep);

#endif
