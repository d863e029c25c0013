/* Shapes of the convolution family: from extents and a window to a node, and back. */
#include "conv_priv.h"

#include <inttypes.h>

struct glia_conv glia_conv_of(const struct glia_attr *attr, const struct glia_type *a,
                              const struct glia_type *b, const struct glia_type *result)
{
  const glia_conv_mode mode = (glia_conv_mode)attr->i[GLIA_CONV_MODE_];
  const struct glia_type *x = mode == GLIA_CONV_INPUT ? result : a;
  const struct glia_type *w = mode == GLIA_CONV_WEIGHT ? result : b;
  const struct glia_type *y = mode == GLIA_CONV_FORWARD ? result : mode == GLIA_CONV_INPUT ? a : b;
  const int rank = x->rank - 2;
  struct glia_conv c = {.mode = mode,
                        .n = x->dim[0],
                        .ci = x->dim[1],
                        .co = y->dim[1],
                        .groups = attr->i[GLIA_CONV_GROUPS_]};

  for (int i = 0; i < 3; i++) {
    const int axis = i - (3 - rank); /* of the spatial ones */
    c.x[i] = axis < 0 ? 1 : x->dim[2 + axis];
    c.k[i] = axis < 0 ? 1 : w->dim[2 + axis];
    c.o[i] = axis < 0 ? 1 : y->dim[2 + axis];
    c.stride[i] = axis < 0 ? 1 : attr->i[GLIA_CONV_STRIDE_ + axis];
    c.dilation[i] = axis < 0 ? 1 : attr->i[GLIA_CONV_DILATION_ + axis];
    c.low[i] = axis < 0 ? 0 : attr->i[GLIA_CONV_LOW_ + axis];
  }
  return c;
}

int64_t glia_window_extent(const struct glia_window *w, int axis, int64_t extent)
{
  const int64_t reach = w->dilation[axis] * (w->size[axis] - 1) + 1;
  const int64_t free = extent + w->low[axis] + w->high[axis] - reach;

  return free < 0 ? 0 : free / w->stride[axis] + 1;
}

struct glia_window glia_window_make(int rank, const int64_t *size)
{
  struct glia_window w = {.rank = rank};

  for (int i = 0; i < 3; i++) {
    w.size[i] = i < rank ? size[i] : 1;
    w.stride[i] = w.dilation[i] = 1;
  }
  return w;
}

bool glia_window_good_(const struct glia_window *w)
{
  bool good = w->rank >= 1 && w->rank <= 3;

  for (int i = 0; good && i < w->rank; i++)
    good = w->size[i] > 0 && w->stride[i] > 0 && w->dilation[i] > 0 && w->low[i] >= 0 &&
           w->high[i] >= 0;
  return good;
}

void glia_window_store_(struct glia_attr *attr, const struct glia_window *w)
{
  for (int i = 0; i < w->rank; i++) {
    attr->i[GLIA_CONV_STRIDE_ + i] = w->stride[i];
    attr->i[GLIA_CONV_DILATION_ + i] = w->dilation[i];
    attr->i[GLIA_CONV_LOW_ + i] = w->low[i];
    attr->i[GLIA_CONV_HIGH_ + i] = w->high[i];
    attr->i[GLIA_CONV_SIZE_ + i] = w->size[i];
  }
}

struct glia_window glia_window_load_(const struct glia_attr *attr, int rank)
{
  struct glia_window w = {.rank = rank};

  for (int i = 0; i < rank; i++) {
    w.stride[i] = attr->i[GLIA_CONV_STRIDE_ + i];
    w.dilation[i] = attr->i[GLIA_CONV_DILATION_ + i];
    w.low[i] = attr->i[GLIA_CONV_LOW_ + i];
    w.high[i] = attr->i[GLIA_CONV_HIGH_ + i];
    w.size[i] = attr->i[GLIA_CONV_SIZE_ + i];
  }
  return w;
}

struct glia_window glia_window_of(const struct glia_attr *attr)
{
  return glia_window_load_(attr, (int)attr->i[GLIA_CONV_MODE_]);
}
