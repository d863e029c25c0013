/* conv: convolution over 1 to 3 axes and its two adjoints, one family (glia_conv.h): the derivatives of each member are the
 * two others, so derivatives of any order stay inside. */
#include "conv_priv.h"

/* The part that an operand, or the result (i = 2), plays. */
typedef enum { X, W, Y } part;
static const part parts[3][3] = {
    [GLIA_CONV_FORWARD] = {X, W, Y}, [GLIA_CONV_INPUT] = {Y, W, X}, [GLIA_CONV_WEIGHT] = {X, Y, W}};

static glia_status refuse(const struct glia_type *a, const struct glia_type *b, const char *why)
{
  char s[GLIA_TEXT_], t[GLIA_TEXT_];

  GLIA_CHECK(false, GLIA_E_SHAPE, "conv of %s and %s: %s", glia_type_text(a, s, sizeof s),
             glia_type_text(b, t, sizeof t), why);
  return GLIA_OK;
}

/* Extents of x, w and y from two of them; the third's are set. */
static const char *complete(const struct glia_attr *attr, glia_conv_mode mode, struct glia_type *x,
                            struct glia_type *w, struct glia_type *y)
{
  const int64_t groups = attr->i[GLIA_CONV_GROUPS_];
  const int rank = (mode == GLIA_CONV_INPUT ? y : x)->rank - 2;
  const struct glia_window window = glia_window_load_(attr, rank);

  if (mode == GLIA_CONV_FORWARD) {
    *y = *x;
    y->dim[1] = w->dim[0];
  } else if (mode == GLIA_CONV_INPUT) {
    *x = *y;
    x->dim[1] = w->dim[1] * groups;
  } else {
    *w = *x;
    w->dim[0] = y->dim[1];
    w->dim[1] = x->dim[1] / groups;
  }
  for (int i = 0; i < rank; i++) {
    if (mode == GLIA_CONV_INPUT) x->dim[2 + i] = attr->i[GLIA_CONV_EXTENT_ + i];
    if (mode == GLIA_CONV_WEIGHT) w->dim[2 + i] = window.size[i];
    const int64_t o = glia_window_extent(&window, i, x->dim[2 + i]);
    if (mode == GLIA_CONV_FORWARD) y->dim[2 + i] = o;
    if (o == 0) return "the window is larger than the array";
    if (y->dim[2 + i] != o || w->dim[2 + i] != window.size[i]) return "extents do not fit";
  }
  if (x->dim[1] % groups != 0 || y->dim[1] % groups != 0 || x->dim[1] != w->dim[1] * groups)
    return "the channels do not fit the groups";
  return x->dim[0] == y->dim[0] && y->dim[1] == w->dim[0] ? NULL : "the channels do not fit";
}

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *a = glia_type_of_(g, n->in[0]), *b = glia_type_of_(g, n->in[1]);
  const glia_conv_mode mode = (glia_conv_mode)n->attr.i[GLIA_CONV_MODE_];
  struct glia_type t[3];
  const char *why = NULL;

  if (!glia_dtype_is_float(a->dtype) || a->dtype != b->dtype || a->rank < 3 || a->rank > 5 ||
      a->rank != b->rank)
    return refuse(a, b, "floats [n, channels, 1 to 3 axes] and [out, in, as many] are needed");
  const struct glia_window window = glia_window_load_(&n->attr, a->rank - 2);
  if (!glia_window_good_(&window) || n->attr.i[GLIA_CONV_GROUPS_] < 1)
    return refuse(a, b, "stride, dilation and groups are at least 1, padding is not negative");
  t[parts[mode][0]] = *a;
  t[parts[mode][1]] = *b;
  why = complete(&n->attr, mode, &t[X], &t[W], &t[Y]);
  if (why != NULL) return refuse(a, b, why);
  n->type = t[parts[mode][2]];
  return GLIA_OK;
}

/* The member that computes part p from the two others. */
static glia_value member(struct glia_graph *g, part p, const glia_value *v,
                         const struct glia_attr *like)
{
  static const glia_conv_mode mode_of[] = {GLIA_CONV_INPUT, GLIA_CONV_WEIGHT, GLIA_CONV_FORWARD};
  const glia_conv_mode mode = mode_of[p];
  const glia_value in[2] = {v[parts[mode][0]], v[parts[mode][1]]};
  struct glia_attr attr = *like;

  attr.i[GLIA_CONV_MODE_] = mode;
  return in[0] == GLIA_NONE || in[1] == GLIA_NONE ? GLIA_NONE
                                                  : glia_node_add(g, &glia_op_conv_, 2, in, &attr);
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const part *p = parts[y->attr.i[GLIA_CONV_MODE_]];

  for (int i = 0; i < 2; i++) {
    glia_value v[3];
    v[p[0]] = y->in[0];
    v[p[1]] = y->in[1];
    v[p[2]] = dy;
    dx[i] = member(g, p[i], v, &y->attr);
  }
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  glia_value sum = GLIA_NONE;

  for (int i = 0; i < 2; i++) {
    glia_value in[2] = {y->in[0], y->in[1]};
    if (t[i] == GLIA_NONE) continue;
    in[i] = t[i];
    const glia_value term = glia_node_add(g, &glia_op_conv_, 2, in, &y->attr);
    sum = sum == GLIA_NONE ? term : glia_add(g, sum, term);
  }
  return sum;
}

/* [size, a, b, ...] -> [size a, b, ...], or [a, size b, ...] */
static glia_value fold(struct glia_graph *g, glia_value v, bool into_second)
{
  int order[GLIA_MAX_RANK];
  int64_t dim[GLIA_MAX_RANK];

  if (v == GLIA_NONE) return GLIA_NONE;
  const struct glia_type t = *glia_type_of_(g, v);
  for (int k = 0; k < t.rank; k++) order[k] = k;
  order[0] = into_second ? 1 : 0;
  order[1] = into_second ? 0 : 1;
  for (int k = 1; k < t.rank; k++) dim[k - 1] = t.dim[k];
  dim[into_second ? 1 : 0] *= t.dim[0];
  return glia_reshape(g, glia_permute(g, v, order), t.rank - 1, dim);
}

/* The reverse, to the extents of one sample. */
static glia_value unfold(struct glia_graph *g, glia_value v, const struct glia_type *one,
                         int64_t size, bool from_second)
{
  int order[GLIA_MAX_RANK];
  int64_t dim[GLIA_MAX_RANK];

  for (int k = 0; k <= one->rank; k++) {
    order[k] = k;
    dim[k] = k == 0 ? size : one->dim[k - 1];
  }
  if (from_second) {
    dim[0] = one->dim[0];
    dim[1] = size;
    order[0] = 1;
    order[1] = 0;
  }
  return glia_permute(g, glia_reshape(g, v, one->rank + 1, dim), order);
}

/* With the weights as they are, the new axis is more samples; else each element of it is groups of its own. */
static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const part *p = parts[y->attr.i[GLIA_CONV_MODE_]];
  const bool samples = p[1] == W && !batched[1];
  struct glia_attr attr = y->attr;
  glia_value v[2];

  if (samples) {
    v[0] = fold(g, in[0], false);
    v[1] = in[1];
  } else {
    attr.i[GLIA_CONV_GROUPS_] *= size;
    for (int i = 0; i < 2; i++)
      v[i] = fold(g, glia_batched_(g, in[i], batched[i], size), p[i] != W);
  }
  if (v[0] == GLIA_NONE || v[1] == GLIA_NONE) return GLIA_NONE;
  return unfold(g, glia_node_add(g, &glia_op_conv_, 2, v, &attr), &y->type, size,
                !samples && p[2] != W);
}

/* Coordinate of the first operand where the result has r and the second operand s, along one axis; -1: outside. */
static int64_t third(const struct glia_conv *c, int axis, int64_t r, int64_t s)
{
  if (c->mode == GLIA_CONV_INPUT) { /* o of x's row r and w's row s */
    const int64_t t = r + c->low[axis] - s * c->dilation[axis];
    return t >= 0 && t % c->stride[axis] == 0 && t / c->stride[axis] < c->o[axis]
               ? t / c->stride[axis]
               : -1;
  }
  const int64_t o = c->mode == GLIA_CONV_FORWARD ? r : s, k = c->mode == GLIA_CONV_FORWARD ? s : r;
  const int64_t i = o * c->stride[axis] + k * c->dilation[axis] - c->low[axis];
  return i < c->x[axis] ? i : -1;
}

/* Plane m of the operands that meet in plane (r0, r1) of the result; false past the last. */
static bool planes(const struct glia_conv *c, int64_t r0, int64_t r1, int64_t m, int64_t *a,
                   int64_t *b)
{
  const int64_t in = c->ci / c->groups, out = c->co / c->groups; /* channels of a group */

  switch (c->mode) {
  case GLIA_CONV_FORWARD:
    *a = r0 * c->ci + r1 / out * in + m;
    *b = r1 * in + m;
    return m < in;
  case GLIA_CONV_INPUT:
    *a = r0 * c->co + r1 / in * out + m;
    *b = (r1 / in * out + m) * in + r1 % in;
    return m < out;
  default:
    *a = m * c->ci + r0 / out * in + r1;
    *b = m * c->co + r0;
    return m < c->n;
  }
}

/* Extents of a plane of part p. */
static const int64_t *extents(const struct glia_conv *c, part p)
{
  return p == X ? c->x : p == W ? c->k : c->o;
}

#define KERNEL(T, suffix)                                                                          \
  /* sum over s of a[third(r, s)] b[s] */                                                          \
  static double meet_##suffix(const struct glia_conv *c, const int64_t *r, const T *a, const T *b) \
  {                                                                                                \
    const int64_t *da = extents(c, parts[c->mode][0]), *db = extents(c, parts[c->mode][1]);        \
    double acc = 0.0;                                                                              \
    for (int64_t s0 = 0; s0 < db[0]; s0++)                                                         \
      for (int64_t s1 = 0; s1 < db[1]; s1++) {                                                     \
        const int64_t t0 = third(c, 0, r[0], s0), t1 = third(c, 1, r[1], s1);                      \
        if (t0 < 0 || t1 < 0) continue;                                                            \
        for (int64_t s2 = 0; s2 < db[2]; s2++) {                                                   \
          const int64_t t2 = third(c, 2, r[2], s2);                                                \
          if (t2 >= 0)                                                                             \
            acc += (double)a[(t0 * da[1] + t1) * da[2] + t2] *                                     \
                   (double)b[(s0 * db[1] + s1) * db[2] + s2];                                      \
        }                                                                                          \
      }                                                                                            \
    return acc;                                                                                    \
  }                                                                                                \
  static void reference_##suffix(const struct glia_call *call)                                     \
  {                                                                                                \
    const struct glia_conv c =                                                                     \
        glia_conv_of(call->attr, call->in[0].type, call->in[1].type, call->out.type);              \
    const part *p = parts[c.mode];                                                                 \
    const int64_t *da = extents(&c, p[0]), *db = extents(&c, p[1]), *dy = extents(&c, p[2]);       \
    const int64_t na = da[0] * da[1] * da[2], nb = db[0] * db[1] * db[2],                          \
                  ny = dy[0] * dy[1] * dy[2];                                                      \
    const T *a = call->in[0].data, *b = call->in[1].data;                                          \
    T *y = call->out.data;                                                                         \
    for (int64_t e = 0; e < call->out.n; e++) {                                                    \
      const int64_t plane = e / ny, at = e % ny, channels = call->out.type->dim[1];                \
      const int64_t r[3] = {at / (dy[1] * dy[2]), at / dy[2] % dy[1], at % dy[2]};                 \
      int64_t pa, pb;                                                                              \
      double acc = 0.0;                                                                            \
      for (int64_t m = 0; planes(&c, plane / channels, plane % channels, m, &pa, &pb); m++)        \
        acc += meet_##suffix(&c, r, a + pa * na, b + pb * nb);                                     \
      y[e] = (T)acc;                                                                               \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

/* Forward, by input and by weight, of each window in turn. */
static glia_value sample(struct glia_sample *s, int k)
{
  static const struct {
    int64_t n, ci, co, groups, x[3];
    struct glia_window w;
  } set[] = {
      {2, 3, 2, 1, {5}, {1, {3}, {1}, {1}, {0}, {0}}},
      {2, 4, 2, 2, {7}, {1, {2}, {2}, {3}, {2}, {1}}},
      {2, 2, 3, 1, {5, 4}, {2, {3, 2}, {2, 1}, {1, 2}, {1, 0}, {0, 1}}},
      {1, 3, 6, 3, {4, 5}, {2, {2, 3}, {1, 2}, {1, 1}, {1, 1}, {1, 1}}},
      {1, 2, 2, 1, {3, 3, 4}, {3, {2, 1, 2}, {1, 2, 2}, {2, 1, 1}, {0, 0, 1}, {1, 0, 0}}},
  };
  int64_t x[5], w[5], y[5];

  if ((size_t)k >= 3 * GLIA_COUNT(set)) return GLIA_NONE;
  const struct glia_window *window = &set[k / 3].w;
  const int rank = window->rank + 2;
  const int64_t groups = set[k / 3].groups;
  x[0] = y[0] = set[k / 3].n;
  x[1] = set[k / 3].ci;
  y[1] = w[0] = set[k / 3].co;
  w[1] = x[1] / groups;
  for (int i = 2; i < rank; i++) {
    x[i] = set[k / 3].x[i - 2];
    w[i] = window->size[i - 2];
    y[i] = glia_window_extent(window, i - 2, x[i]);
  }
  const glia_value a = glia_sample_real(s, rank, k % 3 == 1 ? y : x, -1.0, 1.0);
  const glia_value b = glia_sample_real(s, rank, k % 3 == 2 ? y : w, -1.0, 1.0);
  return k % 3 == 0   ? glia_conv(s->g, a, b, window, groups)
         : k % 3 == 1 ? glia_conv_transpose(s->g, a, b, window, groups, &x[2])
                      : glia_conv_weight(s->g, a, b, window, groups);
}

const struct glia_op glia_op_conv_ = {
    .name = "conv",
    .source = "dumoulin2016",
    .n_in = 2,
    .infer = infer,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = vmap,
    .reference = GLIA_FLOATS(reference),
    .sample = sample,
};

/* Extents of x and w are attributes of all three members: equal nodes whichever way they came about. */
static glia_value node(struct glia_graph *g, glia_conv_mode mode, glia_value a, glia_value b,
                       const struct glia_window *window, int64_t groups, const int64_t *extent,
                       const struct glia_type *w)
{
  const glia_value in[2] = {a, b};
  struct glia_attr attr = {.i = {[GLIA_CONV_MODE_] = mode, [GLIA_CONV_GROUPS_] = groups}};

  glia_window_store_(&attr, window);
  for (int i = 0; i < window->rank; i++) {
    attr.i[GLIA_CONV_EXTENT_ + i] = extent[i];
    if (w != NULL) attr.i[GLIA_CONV_SIZE_ + i] = w->dim[2 + i];
  }
  return glia_node_add(g, &glia_op_conv_, 2, in, &attr);
}

static bool usable(struct glia_graph *g, const struct glia_window *window, glia_value a,
                   glia_value b)
{
  if (a == GLIA_NONE || b == GLIA_NONE) return false;
  const int ra = glia_type_of_(g, a)->rank, rb = glia_type_of_(g, b)->rank;
  if (window->rank >= 1 && window->rank <= 3 && ra == window->rank + 2 && rb == ra) return true;
  glia_graph_fail(g, GLIA_E_SHAPE, "conv over %d axes of arrays with %d and %d axes", window->rank,
                  ra, rb);
  return false;
}

glia_value glia_conv(struct glia_graph *g, glia_value x, glia_value w,
                     const struct glia_window *window, int64_t groups)
{
  if (!usable(g, window, x, w)) return GLIA_NONE;
  return node(g, GLIA_CONV_FORWARD, x, w, window, groups, &glia_type_of_(g, x)->dim[2],
              glia_type_of_(g, w));
}

glia_value glia_conv_transpose(struct glia_graph *g, glia_value y, glia_value w,
                               const struct glia_window *window, int64_t groups,
                               const int64_t *extent)
{
  if (!usable(g, window, y, w)) return GLIA_NONE;
  return node(g, GLIA_CONV_INPUT, y, w, window, groups, extent, glia_type_of_(g, w));
}

glia_value glia_conv_weight(struct glia_graph *g, glia_value x, glia_value y,
                            const struct glia_window *window, int64_t groups)
{
  if (!usable(g, window, x, y)) return GLIA_NONE;
  return node(g, GLIA_CONV_WEIGHT, x, y, window, groups, &glia_type_of_(g, x)->dim[2], NULL);
}
