/* resample: another extent of one axis, by a fixed linear map: adaptive mean, nearest or linear interpolation. The adjoint map
 * is in the family. */
#include "op_priv.h"

#include <string.h>

/* attr.i: axis, extent of the result, how, adjoint */
enum { AXIS, EXTENT, HOW, ADJOINT };

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  const int64_t axis = n->attr.i[AXIS];
  char a[GLIA_TEXT_];

  GLIA_CHECK(glia_dtype_is_float(x->dtype) && axis >= 0 && axis < x->rank &&
                 n->attr.i[EXTENT] > 0 && x->dim[axis] > 0,
             GLIA_E_SHAPE, "resample of %s to %lld rows along axis %d",
             glia_type_text(x, a, sizeof a), (long long)n->attr.i[EXTENT], (int)axis);
  n->type = *x;
  n->type.dim[axis] = n->attr.i[EXTENT];
  return GLIA_OK;
}

/* All three maps are the identity between equal extents. */
static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  return glia_type_equal(glia_type_of_(g, n->in[0]), &n->type) ? n->in[0] : GLIA_NONE;
}

static glia_value with(struct glia_graph *g, const struct glia_node *y, glia_value x, int axis,
                       int64_t extent, bool adjoint)
{
  const struct glia_attr attr = {
      .i = {[AXIS] = axis, [EXTENT] = extent, [HOW] = y->attr.i[HOW], [ADJOINT] = adjoint}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_resample_, 1, &x, &attr);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const int axis = (int)y->attr.i[AXIS];

  dx[0] = with(g, y, dy, axis, glia_type_of_(g, y->in[0])->dim[axis], y->attr.i[ADJOINT] == 0);
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  (void)size;
  (void)batched;
  return with(g, y, in[0], (int)y->attr.i[AXIS] + 1, y->attr.i[EXTENT], y->attr.i[ADJOINT] != 0);
}

/* Row i of `out` is the sum of rows first .. first + n - 1 of `in`, times weight; the second row of two times `second`. */
struct taps {
  int64_t first, n;
  double weight, second;
};

static struct taps taps_of(glia_resample how, int64_t in, int64_t out, int64_t i)
{
  if (how == GLIA_RESAMPLE_NEAREST) return (struct taps){i * in / out, 1, 1.0, 0.0};
  if (how == GLIA_RESAMPLE_MEAN) {
    const int64_t first = i * in / out, end = ((i + 1) * in + out - 1) / out;
    const double w = 1.0 / (double)(end - first);
    return (struct taps){first, end - first, w, w};
  }
  const double at = ((double)i + 0.5) * (double)in / (double)out - 0.5; /* centres of rows */
  if (at <= 0.0) return (struct taps){0, 1, 1.0, 0.0};
  const int64_t first = (int64_t)at;
  if (first >= in - 1) return (struct taps){in - 1, 1, 1.0, 0.0};
  return (struct taps){first, 2, 1.0 - (at - (double)first), at - (double)first};
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const struct glia_type *type = c->out.type;                                                    \
    const int axis = (int)c->attr->i[AXIS];                                                        \
    const bool adjoint = c->attr->i[ADJOINT] != 0;                                                 \
    const int64_t from = c->in[0].type->dim[axis], to = type->dim[axis];                           \
    const int64_t in = adjoint ? to : from, out = adjoint ? from : to;                             \
    int64_t inner = 1;                                                                             \
    for (int k = axis + 1; k < type->rank; k++) inner *= type->dim[k];                             \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    if (adjoint) memset(y, 0, (size_t)c->out.n * sizeof *y);                                       \
    for (const T *end = y + c->out.n; y < end; x += from * inner, y += to * inner)                 \
      for (int64_t i = 0; i < out; i++) {                                                          \
        const struct taps t = taps_of((glia_resample)c->attr->i[HOW], in, out, i);                 \
        for (int64_t j = 0; j < inner; j++) {                                                      \
          double acc = 0.0;                                                                        \
          for (int64_t k = 0; k < t.n; k++) {                                                      \
            const double w = k == 1 ? t.second : t.weight;                                         \
            const int64_t at = (t.first + k) * inner + j;                                          \
            if (adjoint)                                                                           \
              y[at] += (T)(w * (double)x[i * inner + j]);                                          \
            else                                                                                   \
              acc += w * (double)x[at];                                                            \
          }                                                                                        \
          if (!adjoint) y[i * inner + j] = (T)acc;                                                 \
        }                                                                                          \
      }                                                                                            \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  static const struct {
    glia_resample how;
    int axis;
    int64_t extent;
  } set[] = {{GLIA_RESAMPLE_MEAN, 1, 3},    {GLIA_RESAMPLE_MEAN, 2, 5},
             {GLIA_RESAMPLE_NEAREST, 1, 7}, {GLIA_RESAMPLE_NEAREST, 1, 2},
             {GLIA_RESAMPLE_LINEAR, 1, 9},  {GLIA_RESAMPLE_LINEAR, 2, 2}};
  const struct glia_node like = {.attr = {.i = {[HOW] = set[k / 2 % (int)GLIA_COUNT(set)].how}}};

  if ((size_t)k >= 2 * GLIA_COUNT(set)) return GLIA_NONE;
  const glia_value x = glia_sample_real(s, 3, (int64_t[]){2, 5, 3}, -2.0, 2.0);
  return with(s->g, &like, x, set[k / 2].axis, set[k / 2].extent, k % 2 != 0);
}

const struct glia_op glia_op_resample_ = {
    .name = "resample",
    .n_in = 1,
    .linear = true,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .vmap = vmap,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 4.0,
    .sample = sample,
};

glia_value glia_resize(struct glia_graph *g, glia_value x, int n_axes, const int64_t *extent,
                       glia_resample how)
{
  const struct glia_node like = {.attr = {.i = {[HOW] = how}}};

  if (x == GLIA_NONE) return GLIA_NONE;
  const int rank = glia_type_of_(g, x)->rank;
  for (int k = 0; k < n_axes; k++) x = with(g, &like, x, rank - n_axes + k, extent[k], false);
  return x;
}
