/* Attributes of nodes with a window: the convolution family and pooling. */
#ifndef CONV_PRIV_H
#define CONV_PRIV_H

#include "glia_conv.h"
#include "op_priv.h"

/* attr.i: mode, groups, then per spatial axis: stride, dilation, zeros before and after, extents of the window, and of x
 * (which stride leaves open in the member that computes x). */
enum {
  GLIA_CONV_MODE_ = 0,
  GLIA_CONV_GROUPS_ = 1,
  GLIA_CONV_STRIDE_ = 2,
  GLIA_CONV_DILATION_ = 5,
  GLIA_CONV_LOW_ = 8,
  GLIA_CONV_HIGH_ = 11,
  GLIA_CONV_SIZE_ = 14,
  GLIA_CONV_EXTENT_ = 17
};

/* Rank 1 to 3, all numbers in range. */
bool glia_window_good_(const struct glia_window *w);
void glia_window_store_(struct glia_attr *attr, const struct glia_window *w);
struct glia_window glia_window_load_(const struct glia_attr *attr, int rank);

#endif
