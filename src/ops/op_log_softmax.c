/* log_softmax: y = x - ln sum e^x along the last axis, shifted by the largest so that nothing overflows. */
#include "op_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  char a[GLIA_TEXT_];

  n->type = *glia_type_of_(g, n->in[0]);
  GLIA_CHECK(n->type.rank > 0, GLIA_E_SHAPE, "log_softmax of %s: a last axis is needed",
             glia_type_text(&n->type, a, sizeof a));
  return glia_infer_float_(g, n);
}

/* dx = dy - softmax(x) sum dy */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const int last = y->type.rank - 1;

  dx[0] = glia_sub(g, dy, glia_mul(g, glia_exp(g, y->id), glia_reduce_sum(g, dy, 1, &last, true)));
}

/* t - sum softmax(x) t */
static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  const int last = y->type.rank - 1;

  return glia_sub(g, t[0],
                  glia_reduce_sum(g, glia_mul(g, glia_exp(g, y->id), t[0]), 1, &last, true));
}

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    const int64_t n = c->out.type->dim[c->out.type->rank - 1];                                     \
    for (int64_t r = 0; r < c->out.n; r += n, x += n, y += n) {                                    \
      T top = x[0];                                                                                \
      for (int64_t i = 1; i < n; i++) top = x[i] > top ? x[i] : top;                               \
      for (int64_t i = 0; i < n; i++) y[i] = GLIA_EXP_SHORT(x[i] - top);                           \
      double sum = (double)y[0];                                                                   \
      for (int64_t i = 1; i < n; i++) sum += (double)y[i];                                         \
      const T shift = (T)log(sum);                                                                 \
      for (int64_t i = 0; i < n; i++) y[i] = x[i] - top - shift;                                   \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_log_softmax(s->g, glia_sample_real(s, 3, (int64_t[]){2, 3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_log_softmax_ = {
    .name = "log_softmax",
    .source = "blanchard2021",
    .n_in = 1,
    .infer = infer,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = glia_vmap_leading_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 10.0,
    .sample = sample,
};

glia_value glia_log_softmax(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_log_softmax_, x);
}
