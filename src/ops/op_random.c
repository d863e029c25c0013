/* random: uniform in (0, 1), a pure function of (stream, seed, step, position of the row, element). So it is the same
 * however rows are dealt out, and derivatives see the same draw.  Source: salmon2011 (Philox4x32-10). */
#include "glia_random.h"
#include "op_priv.h"

/* attr.i: element type, stream, rank of the tail, tail [8] */
enum { DTYPE = 0, STREAM = 1, TAIL = 2 };

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *seed = glia_type_of_(g, n->in[0]), *step = glia_type_of_(g, n->in[1]);
  const struct glia_type *position = glia_type_of_(g, n->in[2]);
  char a[GLIA_TEXT_], b[GLIA_TEXT_], c[GLIA_TEXT_];
  const glia_dtype dtype = (glia_dtype)n->attr.i[DTYPE];

  GLIA_CHECK(glia_dtype_is_float(dtype) && seed->dtype == GLIA_I64 && seed->rank == 0 &&
                 step->dtype == GLIA_I64 && step->rank == 0 && position->dtype == GLIA_I64 &&
                 position->rank + n->attr.i[TAIL] <= GLIA_MAX_RANK,
             GLIA_E_SHAPE,
             "random %s with seed %s, step %s, position %s: i64 scalars and i64 rows are needed",
             glia_dtype_name(dtype), glia_type_text(seed, a, sizeof a),
             glia_type_text(step, b, sizeof b), glia_type_text(position, c, sizeof c));
  n->type = *position;
  n->type.dtype = dtype;
  for (int k = 0; k < n->attr.i[TAIL]; k++) n->type.dim[n->type.rank++] = n->attr.i[TAIL + 1 + k];
  return GLIA_OK;
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  (void)size;
  if (batched[0] || batched[1])
    return glia_graph_fail(g, GLIA_E_UNSUPPORTED,
                           "random: a batch shares seed and step; what differs is position");
  return glia_node_add(g, y->op, 3, in, &y->attr);
}

/* One block gives the upper 32 bits of four neighbouring elements, a second one (float64 only) the lower: a float32 draw is
 * its float64 draw, coarser. Midpoints of cells: never 0, never 1. */
static void block(uint64_t key, uint64_t position, uint64_t quad, uint32_t out[4])
{
  const uint32_t counter[4] = {(uint32_t)quad, (uint32_t)(quad >> 32), (uint32_t)position,
                               (uint32_t)(position >> 32)};

  glia_random_block(key, counter, out);
}

static float unit_f32(const uint32_t high[4], const uint32_t low[4], int k)
{
  (void)low;
  return ((float)(high[k] >> 9) + 0.5F) * 0x1p-23F;
}

static double unit_f64(const uint32_t high[4], const uint32_t low[4], int k)
{
  return glia_random_unit((uint64_t)high[k] << 32 | low[k]);
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const int64_t seed = *(const int64_t *)c->in[0].data, step = *(const int64_t *)c->in[1].data;  \
    const int64_t *position = c->in[2].data;                                                       \
    const uint64_t drawn = glia_random_bits((uint64_t)c->attr->i[STREAM], (uint64_t)seed, 0);      \
    const uint64_t key = glia_random_bits(drawn, (uint64_t)step, 1);                               \
    const int64_t row = c->out.n / c->in[2].n;                                                     \
    T *y = c->out.data;                                                                            \
    for (int64_t r = 0; r < c->in[2].n; r++, y += row)                                             \
      for (int64_t e = 0; e < row; e += 4) {                                                       \
        uint32_t high[4], low[4] = {0};                                                            \
        block(key, (uint64_t)position[r], (uint64_t)e / 4, high);                                  \
        if (sizeof(T) == 8)                                                                        \
          block(key, (uint64_t)position[r], (uint64_t)e / 4 | UINT64_C(1) << 63, low);             \
        for (int k = 0; k < 4 && e + k < row; k++) y[e + k] = unit_##suffix(high, low, k);         \
      }                                                                                            \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  const struct glia_type scalar = glia_type_make(GLIA_I64, 0, NULL);
  const glia_value seed = glia_full(s->g, scalar, 7.0), step = glia_full(s->g, scalar, 3.0);

  if (k > 0) return GLIA_NONE;
  const glia_value position = glia_sample_int(s, GLIA_I64, 1, (int64_t[]){4}, 0, 1000000);
  return glia_random(s->g, s->dtype, "sample", seed, step, position, 2, (int64_t[]){2, 3});
}

const struct glia_op glia_op_random_ = {
    .name = "random",
    .source = "salmon2011",
    .n_in = 3,
    .key = -1,
    .infer = infer,
    .vmap = vmap,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 20.0,
    .sample = sample,
};

glia_value glia_random(struct glia_graph *g, glia_dtype dtype, const char *stream, glia_value seed,
                       glia_value step, glia_value position, int tail_rank, const int64_t *tail)
{
  const glia_value in[3] = {seed, step, position};
  struct glia_attr attr = {
      .i = {
          [DTYPE] = dtype, [STREAM] = (int64_t)glia_random_stream(0, stream), [TAIL] = tail_rank}};

  if (seed == GLIA_NONE || step == GLIA_NONE || position == GLIA_NONE) return GLIA_NONE;
  if (tail_rank < 0 || tail_rank > GLIA_MAX_RANK)
    return glia_graph_fail(g, GLIA_E_SHAPE, "random with a tail of %d axes", tail_rank);
  for (int k = 0; k < tail_rank; k++) attr.i[TAIL + 1 + k] = tail[k];
  return glia_node_add(g, &glia_op_random_, 3, in, &attr);
}
