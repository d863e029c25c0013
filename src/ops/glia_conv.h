/* What a node of the convolution family asks for, so that a kernel can be written for it. */
#ifndef GLIA_CONV_H
#define GLIA_CONV_H

#include "glia_ops.h"

/* The family: T(x, w, y) = sum y[n, co, o] x[n, ci, o stride + k dilation - low] w[co, ci, k] is linear in each, and each
 * member is its derivative by one of the three, given the two others. */
typedef enum {
  GLIA_CONV_FORWARD, /* x, w -> y */
  GLIA_CONV_INPUT,   /* y, w -> x */
  GLIA_CONV_WEIGHT   /* x, y -> w */
} glia_conv_mode;

/* x [n, ci, x...], w [co, ci / groups, k...], y [n, co, o...]; always three spatial axes, the first of extent 1 where there
 * are fewer. Output channel c belongs to group c / (co / groups), and reads the input channels of that group. */
struct glia_conv {
  glia_conv_mode mode;
  int64_t n, ci, co, groups;
  int64_t x[3], k[3], o[3];
  int64_t stride[3], dilation[3], low[3]; /* low: zeros before the first row */
};

/** Geometry of a node `conv`: its attributes, and the types of its two inputs and of its result. */
GLIA_API struct glia_conv glia_conv_of(const struct glia_attr *attr, const struct glia_type *a,
                                       const struct glia_type *b, const struct glia_type *result);

/** The window of a node `window_argmax`. */
GLIA_API struct glia_window glia_window_of(const struct glia_attr *attr);

#endif
