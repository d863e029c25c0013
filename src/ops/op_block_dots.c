/* block_dots: dot products of blocks of two arrays, in float64. Each stands alone, so workers can share them out, and what is summed up
 * from them has the same bits whoever computed which: norms of gradients. */
#include "op_priv.h"

enum { LANES = 16 };

/* attr.i[0]: elements of a block; the last one may be shorter. */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *a = glia_type_of_(g, n->in[0]), *b = glia_type_of_(g, n->in[1]);
  const int64_t block = n->attr.i[0], count = glia_type_count(a);
  char s[GLIA_TEXT_], t[GLIA_TEXT_];

  GLIA_CHECK(glia_dtype_is_float(a->dtype) && glia_type_equal(a, b), GLIA_E_SHAPE,
             "%s of %s and %s", n->op->name, glia_type_text(a, s, sizeof s),
             glia_type_text(b, t, sizeof t));
  GLIA_CHECK(block > 0, GLIA_E_SHAPE, "%s: blocks of %lld", n->op->name, (long long)block);
  n->type = glia_type_make(GLIA_F64, 1, (int64_t[]){(count + block - 1) / block});
  return GLIA_OK;
}

/* y [blocks], of which `block` elements each, as f64 [n]: every element has its block's. */
static glia_value of_element(struct glia_graph *g, glia_value y, int64_t block, int64_t n)
{
  const int64_t blocks = glia_type_of_(g, y)->dim[0];
  const glia_value all = glia_broadcast(g, y, 2, (int64_t[]){blocks, block}, (int[]){0, -1});

  return glia_slice(g, glia_reshape(g, all, 1, (int64_t[]){blocks * block}), (int64_t[]){0},
                    (int64_t[]){n}, (int64_t[]){1});
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const struct glia_type t = *glia_type_of_(g, y->in[0]);
  const glia_value each = of_element(g, dy, y->attr.i[0], glia_type_count(&t));
  const glia_value own = glia_cast(g, glia_reshape(g, each, t.rank, t.dim), t.dtype);

  dx[0] = glia_mul(g, own, y->in[1]);
  dx[1] = glia_mul(g, own, y->in[0]);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  const int64_t block = y->attr.i[0];
  const glia_value first = glia_block_dots(g, t[0], y->in[1], block);
  const glia_value second = glia_block_dots(g, y->in[0], t[1], block);

  if (first == GLIA_NONE) return second;
  return second == GLIA_NONE ? first : glia_add(g, first, second);
}

/* Blocks do not reach from one row of the batch into the next: spelled out. */
static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  const int64_t block = y->attr.i[0], blocks = y->type.dim[0];
  const int64_t n = glia_type_count(glia_type_of_(g, y->in[0]));
  const glia_value a = glia_cast(g, glia_batched_(g, in[0], batched[0], size), GLIA_F64);
  const glia_value b = glia_cast(g, glia_batched_(g, in[1], batched[1], size), GLIA_F64);
  const glia_value rows = glia_reshape(g, glia_mul(g, a, b), 2, (int64_t[]){size, n});
  const glia_value whole =
      glia_pad(g, rows, (int64_t[]){0, 0}, (int64_t[]){0, blocks * block - n}, NULL);

  return glia_reduce_sum(g, glia_reshape(g, whole, 3, (int64_t[]){size, blocks, block}), 1,
                         (int[]){2}, false);
}

/* Lane k adds products k, k + 16, ...; the upper half of the lanes is added to the lower, and so on. */
#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static double dot_##suffix(const T *restrict a, const T *restrict b, int64_t n)      \
  {                                                                                                \
    double lane[LANES] = {0.0};                                                                    \
    int64_t i = 0;                                                                                 \
    for (; i + LANES <= n; i += LANES)                                                             \
      for (int k = 0; k < LANES; k++) lane[k] += (double)a[i + k] * (double)b[i + k];              \
    for (int k = 0; i + k < n; k++) lane[k] += (double)a[i + k] * (double)b[i + k];                \
    for (int half = LANES / 2; half > 0; half /= 2)                                                \
      for (int k = 0; k < half; k++) lane[k] += lane[k + half];                                    \
    return lane[0];                                                                                \
  }                                                                                                \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const int64_t block = c->attr->i[0], n = c->in[0].n;                                           \
    const T *a = c->in[0].data, *b = c->in[1].data;                                                \
    double *y = c->out.data;                                                                       \
    for (int64_t j = 0, at = 0; j < c->out.n; j++, at += block)                                    \
      y[j] = dot_##suffix(a + at, b + at, n - at < block ? n - at : block);                        \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  static const int64_t block[] = {4, 6, 64};

  if ((size_t)k >= GLIA_COUNT(block)) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, 2, (int64_t[]){3, 6}, -1.0, 1.0);
  return glia_block_dots(s->g, a, glia_sample_real(s, 2, (int64_t[]){3, 6}, -1.0, 1.0), block[k]);
}

const struct glia_op glia_op_block_dots_ = {
    .name = "block_dots",
    .n_in = 2,
    .by_block = true,
    .infer = infer,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = vmap,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 2.0,
    .sample = sample,
};

glia_value glia_block_dots(struct glia_graph *g, glia_value a, glia_value b, int64_t block)
{
  const glia_value in[2] = {a, b};
  const struct glia_attr attr = {.i = {block}};

  return a == GLIA_NONE || b == GLIA_NONE ? GLIA_NONE
                                          : glia_node_add(g, &glia_op_block_dots_, 2, in, &attr);
}
