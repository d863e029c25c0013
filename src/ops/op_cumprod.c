/* cumprod: products of all rows up to each one along an axis. The derivative wants numbers that are not 0. */
#include "op_priv.h"

/* attr.i[0]: axis */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  char a[GLIA_TEXT_];

  GLIA_TRY(glia_infer_float_(g, n));
  GLIA_CHECK(n->attr.i[0] >= 0 && n->attr.i[0] < n->type.rank, GLIA_E_SHAPE,
             "cumprod of %s along axis %d", glia_type_text(&n->type, a, sizeof a),
             (int)n->attr.i[0]);
  return GLIA_OK;
}

/* y[j] falls with x[i] as y[j] / x[i], for j >= i. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_div(g, glia_cumsum(g, glia_mul(g, dy, y->id), (int)y->attr.i[0], true), y->in[0]);
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  return glia_mul(g, y->id, glia_cumsum(g, glia_div(g, t[0], y->in[0]), (int)y->attr.i[0], false));
}

static glia_value vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                       const glia_value *in, const bool *batched)
{
  (void)size;
  (void)batched;
  return glia_cumprod(g, in[0], (int)y->attr.i[0] + 1);
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const struct glia_type *t = c->out.type;                                                       \
    const int axis = (int)c->attr->i[0];                                                           \
    const int64_t n = t->dim[axis];                                                                \
    int64_t inner = 1;                                                                             \
    for (int k = axis + 1; k < t->rank; k++) inner *= t->dim[k];                                   \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    for (int64_t r = 0; r < c->out.n; r += n * inner)                                              \
      for (int64_t j = 0; j < inner; j++) {                                                        \
        double acc = 1.0;                                                                          \
        for (int64_t i = 0, at = r + j; i < n; i++, at += inner) {                                 \
          acc *= (double)x[at];                                                                    \
          y[at] = (T)acc;                                                                          \
        }                                                                                          \
      }                                                                                            \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 1) return GLIA_NONE;
  return glia_cumprod(s->g, glia_sample_real(s, 3, (int64_t[]){2, 4, 3}, 0.4, 1.6), 1 + k);
}

const struct glia_op glia_op_cumprod_ = {
    .name = "cumprod",
    .source = "blelloch1990",
    .n_in = 1,
    .infer = infer,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = vmap,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_cumprod(struct glia_graph *g, glia_value x, int axis)
{
  const struct glia_attr attr = {.i = {axis}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_cumprod_, 1, &x, &attr);
}
