/* Functions of a few nodes, beside the operators of glia_ops.h: their derivatives are those of their parts. */
#ifndef GLIA_FUNCTIONS_H
#define GLIA_FUNCTIONS_H

#include "glia_op.h"

/* Elementwise, one operand (float). */
GLIA_API glia_value glia_reciprocal(struct glia_graph *g, glia_value x); /* 1 / x */
GLIA_API glia_value glia_rsqrt(struct glia_graph *g, glia_value x);      /* 1 / sqrt x */
GLIA_API glia_value glia_square(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_exp2(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_log2(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_log10(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_tan(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_asin(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_acos(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_atanh(struct glia_graph *g, glia_value x);
/** Whole numbers, without derivative: not below x; towards 0. */
GLIA_API glia_value glia_ceil(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_trunc(struct glia_graph *g, glia_value x);

/* Activations. At a kink the derivative is that of clamp (1), relu (0) or abs (0). */
GLIA_API glia_value glia_relu6(struct glia_graph *g, glia_value x);     /* clamp(x, 0, 6) */
GLIA_API glia_value glia_hard_tanh(struct glia_graph *g, glia_value x); /* clamp(x, -1, 1) */
GLIA_API glia_value glia_hard_sigmoid(struct glia_graph *g,
                                      glia_value x); /* clamp(x + 3, 0, 6) / 6 */
/** x hard_sigmoid(x).  Source: howard2019. */
GLIA_API glia_value glia_hard_swish(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_softsign(struct glia_graph *g, glia_value x); /* x / (1 + |x|) */
/** x tanh(softplus(x)).  Source: misra2019. */
GLIA_API glia_value glia_mish(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_log_sigmoid(struct glia_graph *g, glia_value x); /* -softplus(-x) */
/** 1.0507 elu(x, 1.6733).  Source: klambauer2017. */
GLIA_API glia_value glia_selu(struct glia_graph *g, glia_value x);
/** x above 0, else a (e^(x / a) - 1): its slope at 0 is 1 for every a. */
GLIA_API glia_value glia_celu(struct glia_graph *g, glia_value x, double a);
GLIA_API glia_value glia_tanh_shrink(struct glia_graph *g, glia_value x); /* x - tanh x */
GLIA_API glia_value glia_soft_shrink(struct glia_graph *g, glia_value x,
                                     double a); /* x -+ a, 0 within */
GLIA_API glia_value glia_hard_shrink(struct glia_graph *g, glia_value x,
                                     double a); /* 0 within a, else x */
/** relu(x) - slope relu(-x), slope broadcast: learned.  Source: he2015. */
GLIA_API glia_value glia_prelu(struct glia_graph *g, glia_value x, glia_value slope);
/** a sigmoid(b), a and b the halves of an axis of even extent.  Source: dauphin2016. */
GLIA_API glia_value glia_glu(struct glia_graph *g, glia_value x, int axis);

/* Reductions over axes [n_axes], as glia_reduce_sum. */
GLIA_API glia_value glia_reduce_min(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                                    bool keep);
/** Product, in pairs: its derivative is right where numbers are 0. */
GLIA_API glia_value glia_reduce_prod(struct glia_graph *g, glia_value x, int n_axes,
                                     const int *axes, bool keep);
/** Mean square distance from the mean, over n - correction: 0, or 1 for an unbiased estimate. */
GLIA_API glia_value glia_reduce_variance(struct glia_graph *g, glia_value x, int n_axes,
                                         const int *axes, bool keep, double correction);
/** ln sum e^x, shifted by the largest; all -inf gives -inf. */
GLIA_API glia_value glia_reduce_logsumexp(struct glia_graph *g, glia_value x, int n_axes,
                                          const int *axes, bool keep);
/** (sum |x|^p)^(1/p), p >= 1; p = INFINITY: the largest. At x = 0 the derivative is 0. */
GLIA_API glia_value glia_reduce_norm(struct glia_graph *g, glia_value x, double p, int n_axes,
                                     const int *axes, bool keep);
/** Index (i32) of the first smallest along the last axis. */
GLIA_API glia_value glia_argmin(struct glia_graph *g, glia_value x);

#endif
