/* matmul: y = op(a) op(b) over the last two axes, op the identity or the transpose; leading axes are a batch. Floats, or int8
 * with an int32 result. */
#include "op_priv.h"

enum {
  LONGEST_INT8 = INT32_MAX / (128 * 128)
}; /* products of int8 that an int32 holds in any case */

/* attr.i: transpose a, transpose b */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *a = glia_type_of_(g, n->in[0]), *b = glia_type_of_(g, n->in[1]);
  const int r = a->rank;
  const bool ta = n->attr.i[0] != 0, tb = n->attr.i[1] != 0;
  char x[GLIA_TEXT_], y[GLIA_TEXT_];
  bool fits = (glia_dtype_is_float(a->dtype) || a->dtype == GLIA_I8) && a->dtype == b->dtype &&
              r >= 2 && b->rank == r;

  for (int k = 0; fits && k < r - 2; k++) fits = a->dim[k] == b->dim[k];
  fits = fits && a->dim[ta ? r - 2 : r - 1] == b->dim[tb ? r - 1 : r - 2];
  GLIA_CHECK(fits, GLIA_E_SHAPE, "matmul of %s%s and %s%s", glia_type_text(a, x, sizeof x),
             ta ? " transposed" : "", glia_type_text(b, y, sizeof y), tb ? " transposed" : "");
  GLIA_CHECK(a->dtype != GLIA_I8 || a->dim[ta ? r - 2 : r - 1] <= LONGEST_INT8, GLIA_E_SHAPE,
             "matmul of %s: more than %d products of int8 may overflow",
             glia_type_text(a, x, sizeof x), LONGEST_INT8);
  n->type = *a;
  if (a->dtype == GLIA_I8) n->type.dtype = GLIA_I32;
  n->type.dim[r - 2] = a->dim[ta ? r - 1 : r - 2];
  n->type.dim[r - 1] = b->dim[tb ? r - 2 : r - 1];
  return GLIA_OK;
}

/* Whether x is a permute that only swaps the last two axes: then a flag does it. */
static bool is_transpose(const struct glia_node *x)
{
  const int r = x->type.rank;

  if (x->op != &glia_op_permute_ || r < 2) return false;
  for (int k = 0; k < r - 2; k++)
    if (x->attr.i[k] != k) return false;
  return x->attr.i[r - 2] == r - 1;
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *a = glia_graph_node(g, n->in[0]), *b = glia_graph_node(g, n->in[1]);
  const bool fa = is_transpose(a), fb = is_transpose(b);

  if (!fa && !fb) return GLIA_NONE;
  return glia_matmul(g, fa ? a->in[0] : a->id, fb ? b->in[0] : b->id, (n->attr.i[0] != 0) != fa,
                     (n->attr.i[1] != 0) != fb);
}

/* op(a)' = dy op(b)^T and op(b)' = op(a)^T dy, transposed where a or b was. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value a = y->in[0], b = y->in[1];
  const bool ta = y->attr.i[0] != 0, tb = y->attr.i[1] != 0;

  /* first b, by habit the weights of a layer: what is made first runs first, and their gradient travels while a's is computed */
  dx[1] = tb ? glia_matmul(g, dy, a, true, ta) : glia_matmul(g, a, dy, !ta, false);
  dx[0] = ta ? glia_matmul(g, b, dy, tb, true) : glia_matmul(g, dy, b, false, !tb);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  const bool ta = y->attr.i[0] != 0, tb = y->attr.i[1] != 0;
  const glia_value first = t[0] == GLIA_NONE ? GLIA_NONE : glia_matmul(g, t[0], y->in[1], ta, tb);
  const glia_value second = t[1] == GLIA_NONE ? GLIA_NONE : glia_matmul(g, y->in[0], t[1], ta, tb);

  if (t[0] == GLIA_NONE) return second;
  return t[1] == GLIA_NONE ? first : glia_add(g, first, second);
}

/* x [size, p, q] as [size p, q], or [size q, p] when transposed. */
static glia_value rows_of(struct glia_graph *g, glia_value x, bool transposed)
{
  if (transposed) x = glia_permute(g, x, (int[]){0, 2, 1});
  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  return glia_reshape(g, x, 2, (int64_t[]){t->dim[0] * t->dim[1], t->dim[2]});
}

/* A matrix on one side takes part in one product with more rows; else it is repeated. */
static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const bool ta = y->attr.i[0] != 0, tb = y->attr.i[1] != 0;
  const int64_t m = y->type.dim[0], n = y->type.dim[1];

  if (y->type.rank == 2 && !batched[1])
    return glia_reshape(g, glia_matmul(g, rows_of(g, in[0], ta), in[1], false, tb), 3,
                        (int64_t[]){size, m, n});
  if (y->type.rank == 2 && !batched[0]) { /* y^T = op(b)^T op(a)^T */
    const glia_value t = glia_matmul(g, rows_of(g, in[1], !tb), in[0], false, !ta);
    return glia_permute(g, glia_reshape(g, t, 3, (int64_t[]){size, n, m}), (int[]){0, 2, 1});
  }
  return glia_matmul(g, glia_batched_(g, in[0], batched[0], size),
                     glia_batched_(g, in[1], batched[1], size), ta, tb);
}

/* One row of a product in float64, a tile of columns at a time: y[j] = sum_k a[k] b[k, j], k rising. */
enum { TILE = 128 };

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void row_##suffix(T *y, const T *a, int64_t a_step, const T *b, int64_t k,    \
                                       int64_t n)                                                  \
  {                                                                                                \
    for (int64_t j = 0; j < n; j += TILE) {                                                        \
      const int64_t width = n - j < TILE ? n - j : TILE;                                           \
      double acc[TILE] = {0.0};                                                                    \
      for (int64_t i = 0; i < k; i++) {                                                            \
        const double f = (double)a[i * a_step];                                                    \
        const T *row = b + i * n + j;                                                              \
        for (int64_t c = 0; c < width; c++) acc[c] += f * (double)row[c];                          \
      }                                                                                            \
      for (int64_t c = 0; c < width; c++) y[j + c] = (T)acc[c];                                    \
    }                                                                                              \
  }                                                                                                \
  static void row_transposed_##suffix(T *y, const T *a, int64_t a_step, const T *b, int64_t k,     \
                                      int64_t n)                                                   \
  {                                                                                                \
    for (int64_t j = 0; j < n; j++) {                                                              \
      double acc = 0.0;                                                                            \
      for (int64_t i = 0; i < k; i++) acc += (double)a[i * a_step] * (double)b[j * k + i];         \
      y[j] = (T)acc;                                                                               \
    }                                                                                              \
  }                                                                                                \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const struct glia_type *t = c->in[0].type;                                                     \
    const bool ta = c->attr->i[0] != 0, tb = c->attr->i[1] != 0;                                   \
    const int64_t m = t->dim[ta ? t->rank - 1 : t->rank - 2],                                      \
                  k = t->dim[ta ? t->rank - 2 : t->rank - 1];                                      \
    const int64_t n = c->out.type->dim[t->rank - 1], batch = c->out.n / (m * n);                   \
    const T *a = c->in[0].data, *b = c->in[1].data;                                                \
    T *y = c->out.data;                                                                            \
    for (int64_t s = 0; s < batch; s++, a += m * k, b += k * n)                                    \
      for (int64_t i = 0; i < m; i++, y += n)                                                      \
        (tb ? row_transposed_##suffix : row_##suffix)(y, ta ? a + i : a + i * k, ta ? m : 1, b, k, \
                                                      n);                                          \
  }
GLIA_EACH_FLOAT(KERNEL)

static void reference_i8(const struct glia_call *c)
{
  const struct glia_type *t = c->in[0].type;
  const bool ta = c->attr->i[0] != 0, tb = c->attr->i[1] != 0;
  const int64_t m = c->out.type->dim[t->rank - 2], n = c->out.type->dim[t->rank - 1];
  const int64_t k = t->dim[ta ? t->rank - 2 : t->rank - 1], batch = c->out.n / (m * n);
  const int8_t *a = c->in[0].data, *b = c->in[1].data;
  int32_t *y = c->out.data;

  for (int64_t s = 0; s < batch; s++, a += m * k, b += k * n)
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++, y++) {
        *y = 0;
        for (int64_t p = 0; p < k; p++)
          *y += a[ta ? p * m + i : i * k + p] * b[tb ? j * k + p : p * n + j];
      }
}

static glia_value sample(struct glia_sample *s, int k)
{
  const bool ta = (k & 1) != 0, tb = (k & 2) != 0;
  const int64_t a[] = {3, 4}, at[] = {4, 3}, b[] = {4, 2}, bt[] = {2, 4};
  const int64_t a3[] = {2, 3, 4}, b3[] = {2, 4, 2};

  if (k > 8) return GLIA_NONE;
  if (k > 4) { /* int8, past the edges of every block; the extremes of its range among them */
    const glia_value x = glia_sample_int(
        s, GLIA_I8, 2, ta ? (int64_t[]){37, 5} : (int64_t[]){5, 37}, INT8_MIN, INT8_MAX);
    return glia_matmul(s->g, x,
                       glia_sample_int(s, GLIA_I8, 2, tb ? (int64_t[]){6, 37} : (int64_t[]){37, 6},
                                       INT8_MIN, INT8_MAX),
                       ta, tb);
  }
  if (k == 4) {
    const glia_value x = glia_sample_real(s, 3, a3, -1.0, 1.0);
    return glia_matmul(s->g, x, glia_sample_real(s, 3, b3, -1.0, 1.0), false, false);
  }
  const glia_value x = glia_sample_real(s, 2, ta ? at : a, -1.0, 1.0);
  return glia_matmul(s->g, x, glia_sample_real(s, 2, tb ? bt : b, -1.0, 1.0), ta, tb);
}

const struct glia_op glia_op_matmul_ = {
    .name = "matmul",
    .n_in = 2,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = vmap,
    .reference = {[GLIA_F32] = reference_f32, [GLIA_F64] = reference_f64, [GLIA_I8] = reference_i8},
    .sample = sample,
};

glia_value glia_matmul(struct glia_graph *g, glia_value a, glia_value b, bool transpose_a,
                       bool transpose_b)
{
  const glia_value in[2] = {a, b};
  const struct glia_attr attr = {.i = {transpose_a, transpose_b}};

  return a == GLIA_NONE || b == GLIA_NONE ? GLIA_NONE
                                          : glia_node_add(g, &glia_op_matmul_, 2, in, &attr);
}
