/* reduce_max: largest over axes; a NaN wins. The derivative is shared equally among ties. */
#include "reduce_priv.h"

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  double v;

  if (glia_is_full(g, n->in[0], &v)) return glia_full(g, n->type, v);
  return glia_type_count(x) == glia_type_count(&n->type)
             ? glia_reshape(g, n->in[0], n->type.rank, n->type.dim)
             : GLIA_NONE;
}

/* 1 where x is its largest, else 0; and how many there are, in the shape of y. */
static glia_value ties(struct glia_graph *g, const struct glia_node *y, glia_value *count)
{
  const struct glia_type *x = glia_type_of_(g, y->in[0]);
  const glia_value top = glia_unreduce_(g, y->id, x, y->attr.i[0]);
  const glia_value mask = glia_cast(g, glia_compare(g, GLIA_EQ, y->in[0], top), x->dtype);

  *count =
      mask == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_reduce_sum_, 1, &mask, &y->attr);
  return mask;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  glia_value count;
  const glia_value mask = ties(g, y, &count);

  dx[0] = glia_mul(
      g, mask, glia_unreduce_(g, glia_div(g, dy, count), glia_type_of_(g, y->in[0]), y->attr.i[0]));
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  glia_value count;
  const glia_value mask = ties(g, y, &count);
  const glia_value masked = glia_mul(g, mask, t[0]);

  return masked == GLIA_NONE
             ? GLIA_NONE
             : glia_div(g, glia_node_add(g, &glia_op_reduce_sum_, 1, &masked, &y->attr), count);
}

enum { LANES = 16 };

GLIA_INLINE double larger(double a, double b) { return a >= b || isnan(a) ? a : b; }
static double join(double a, double b) { return larger(a, b); }

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static double run_##suffix(const void *data, int64_t n)                              \
  {                                                                                                \
    const T *x = data;                                                                             \
    double lane[LANES];                                                                            \
    int64_t i = 0;                                                                                 \
    for (int k = 0; k < LANES; k++) lane[k] = -HUGE_VAL;                                           \
    for (; i + LANES <= n; i += LANES)                                                             \
      for (int k = 0; k < LANES; k++) lane[k] = larger(lane[k], (double)x[i + k]);                 \
    for (int k = 0; i + k < n; k++) lane[k] = larger(lane[k], (double)x[i + k]);                   \
    for (int k = 1; k < LANES; k++) lane[0] = larger(lane[0], lane[k]);                            \
    return lane[0];                                                                                \
  }                                                                                                \
  GLIA_CLONES static void rows_##suffix(double *acc, const void *data, int64_t rows,               \
                                        int64_t stride, int64_t width)                             \
  {                                                                                                \
    const T *x = data;                                                                             \
    for (int64_t r = 0; r < rows; r++, x += stride)                                                \
      for (int64_t j = 0; j < width; j++) acc[j] = larger(acc[j], (double)x[j]);                   \
  }                                                                                                \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    static const struct glia_fold largest = {.start = -HUGE_VAL,                                   \
                                             .run = run_##suffix,                                  \
                                             .rows = rows_##suffix,                                \
                                             .join = join,                                         \
                                             .store = glia_store_##suffix##_};                     \
    glia_reduce_(c, &largest);                                                                     \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  static const struct {
    int n;
    int axes[4];
  } set[] = {{-1, {0}}, {1, {0}}, {1, {3}}, {2, {0, 2}}, {2, {1, 3}}};
  const int64_t dim[] = {2, 3, 2, 4};

  if ((size_t)k >= GLIA_COUNT(set)) return GLIA_NONE;
  return glia_reduce_max(s->g, glia_sample_real(s, 4, dim, -2.0, 2.0), set[k].n, set[k].axes,
                         false);
}

const struct glia_op glia_op_reduce_max_ = {
    .name = "reduce_max",
    .n_in = 1,
    .infer = glia_infer_reduce_,
    .simplify = simplify,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = glia_vmap_reduce_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_reduce_max(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                           bool keep)
{
  return glia_reduce_node_(g, &glia_op_reduce_max_, x, n_axes, axes, keep);
}
