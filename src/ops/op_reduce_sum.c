/* reduce_sum: sum over axes, accumulated in float64. The reverse rule repeats along them. */
#include "reduce_priv.h"

/* A summand as what varies along the axes that vanish times a factor that does not. */
struct parts {
  struct glia_graph *g;
  int64_t mask;             /* of the axes that vanish */
  struct glia_type reduced; /* of the sum */
  glia_value factor;        /* of that type; GLIA_NONE: one */
  bool negative, any;
};

/* v over the axes that stay, if it is the same along those that vanish: a splat, or a broadcast to them; else GLIA_NONE. */
static glia_value constant_along(const struct parts *p, glia_value v)
{
  const struct glia_node *n = glia_graph_node(p->g, v);
  int map[GLIA_MAX_RANK], kept = 0;
  double value;

  if (glia_is_full(p->g, v, &value)) return glia_full(p->g, p->reduced, value);
  if (n->op != &glia_op_broadcast_) return GLIA_NONE;
  for (int k = 0; k < n->type.rank; k++) {
    if ((p->mask >> k & 1) == 0)
      map[kept++] = (int)n->attr.i[k];
    else if (n->attr.i[k] >= 0)
      return GLIA_NONE;
  }
  return glia_broadcast(p->g, n->in[0], p->reduced.rank, p->reduced.dim, map);
}

static void take(struct parts *p, glia_value factor, bool below)
{
  const glia_value so_far = p->factor != GLIA_NONE ? p->factor : glia_full(p->g, p->reduced, 1.0);

  p->factor = (below ? glia_div : glia_mul)(p->g, so_far, factor);
  p->any = true;
}

/* What is left of v when its factors have been taken; GLIA_NONE: nothing. */
static glia_value core_of(struct parts *p, glia_value v)
{
  const struct glia_node *n = glia_graph_node(p->g, v);
  const glia_value a = n->in[0], b = n->in[1];
  const glia_value constant = constant_along(p, v);

  if (constant != GLIA_NONE) {
    take(p, constant, false);
    return GLIA_NONE;
  }
  if (n->op == &glia_op_neg_) {
    p->negative = !p->negative;
    p->any = true;
    return core_of(p, a);
  }
  if (n->op == &glia_op_mul_) {
    const glia_value left = core_of(p, a), right = core_of(p, b);
    return left == GLIA_NONE ? right : right == GLIA_NONE ? left : glia_mul(p->g, left, right);
  }
  if (n->op != &glia_op_div_) return v;
  const glia_value below = constant_along(p, b);
  if (below == GLIA_NONE) return v;
  take(p, below, true);
  return core_of(p, a);
}

/* Factors that are the same along the axes that vanish, and signs, go behind the sum: fewer products, and summands that stand in
 * several sums, as in the reverse pass of a normalisation, are made once. */
static glia_value without_factors(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  struct parts p = {.g = g, .mask = n->attr.i[0], .reduced = n->type, .factor = GLIA_NONE};
  int axes[GLIA_MAX_RANK], n_axes = 0;

  for (int k = 0; k < x->rank; k++)
    if ((p.mask >> k & 1) != 0) axes[n_axes++] = k;
  const glia_value core = core_of(&p, n->in[0]);
  if (!p.any || core == GLIA_NONE) return GLIA_NONE;
  glia_value y = glia_reduce_sum(g, core, n_axes, axes, false);
  if (p.factor != GLIA_NONE) y = glia_mul(g, y, p.factor);
  return p.negative ? glia_neg(g, y) : y;
}

/* No axis, or axes of extent 1: nothing to add. A splat: count times its number. */
static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  const double count = (double)(glia_type_count(x) / glia_type_count(&n->type));
  double v;

  if (glia_is_full(g, n->in[0], &v))
    return glia_full(g, n->type, x->dtype == GLIA_F32 ? (double)(float)(v * count) : v * count);
  return glia_type_count(x) == glia_type_count(&n->type)
             ? glia_reshape(g, n->in[0], n->type.rank, n->type.dim)
             : without_factors(g, n);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_unreduce_(g, dy, glia_type_of_(g, y->in[0]), y->attr.i[0]);
}

enum { LANES = GLIA_REDUCE_LANES };

static double join(double a, double b) { return a + b; }

/* The upper half of the lanes is added to the lower, and so on. */
static double close_lanes(double *lane)
{
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int k = 0; k < half; k++) lane[k] += lane[k + half];
  return lane[0];
}

/* Lane k adds elements k, k + 16, ... of a block; in variables of their own, since an array of lanes would go through memory. */
#define GET(k) double lane##k = lanes[k];
#define ADD(k) lane##k += (double)x[i + k];
#define PUT(k) lanes[k] = lane##k;
#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void add_##suffix(double *lanes, const void *data, int64_t n, int64_t at)     \
  {                                                                                                \
    const T *x = data;                                                                             \
    int64_t i = 0;                                                                                 \
    for (; at % LANES != 0 && i < n; i++, at++) lanes[at % LANES] += (double)x[i];                 \
    GLIA_REDUCE_EACH_LANE(GET)                                                                     \
    for (; i + LANES <= n; i += LANES) {                                                           \
      GLIA_REDUCE_EACH_LANE(ADD)                                                                   \
    }                                                                                              \
    GLIA_REDUCE_EACH_LANE(PUT)                                                                     \
    for (int k = 0; i + k < n; k++) lanes[k] += (double)x[i + k];                                  \
  }                                                                                                \
  static double run_##suffix(const void *data, int64_t n)                                          \
  {                                                                                                \
    double lane[LANES] = {0.0};                                                                    \
    add_##suffix(lane, data, n, 0);                                                                \
    return close_lanes(lane);                                                                      \
  }                                                                                                \
  GLIA_CLONES static void rows_##suffix(double *acc, const void *data, int64_t rows,               \
                                        int64_t stride, int64_t width)                             \
  {                                                                                                \
    const T *x = data;                                                                             \
    int64_t r = 0;                                                                                 \
    for (; r + 4 <= rows; r += 4, x += 4 * stride)                                                 \
      for (int64_t j = 0; j < width; j++)                                                          \
        acc[j] = (((acc[j] + (double)x[j]) + (double)x[stride + j]) + (double)x[2 * stride + j]) + \
                 (double)x[3 * stride + j];                                                        \
    for (; r < rows; r++, x += stride)                                                             \
      for (int64_t j = 0; j < width; j++) acc[j] += (double)x[j];                                  \
  }                                                                                                \
  static const struct glia_fold sum_##suffix = {                                                   \
      0.0, run_##suffix, add_##suffix, close_lanes, rows_##suffix, join, glia_store_##suffix##_};  \
  static void reference_##suffix(const struct glia_call *c) { glia_reduce_(c, &sum_##suffix); }    \
  static void take_##suffix(const struct glia_call *c, int64_t start)                              \
  {                                                                                                \
    glia_reduce_take_(c, start, &sum_##suffix);                                                    \
  }                                                                                                \
  static const struct glia_streamed streamed_##suffix = {glia_reduce_bytes_, take_##suffix,        \
                                                         glia_reduce_finish_};
GLIA_EACH_FLOAT(KERNEL)
#undef GET
#undef ADD
#undef PUT

static glia_value sample(struct glia_sample *s, int k)
{
  static const struct {
    int n;
    int axes[4];
  } set[] = {{-1, {0}},   {1, {0}},       {1, {1}},    {1, {3}},
             {2, {1, 2}}, {3, {0, 2, 3}}, {2, {0, 2}}, {2, {1, 3}}};
  const int64_t dim[] = {2, 3, 2, 4};

  if ((size_t)k >= GLIA_COUNT(set)) return GLIA_NONE;
  return glia_reduce_sum(s->g, glia_sample_real(s, 4, dim, -2.0, 2.0), set[k].n, set[k].axes,
                         false);
}

const struct glia_op glia_op_reduce_sum_ = {
    .name = "reduce_sum",
    .n_in = 1,
    .linear = true,
    .infer = glia_infer_reduce_,
    .simplify = simplify,
    .vjp = vjp,
    .vmap = glia_vmap_reduce_,
    .reference = GLIA_FLOATS(reference),
    .streamed = {[GLIA_F32] = &streamed_f32, [GLIA_F64] = &streamed_f64},
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_reduce_sum(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                           bool keep)
{
  return glia_reduce_node_(g, &glia_op_reduce_sum_, x, n_axes, axes, keep);
}
