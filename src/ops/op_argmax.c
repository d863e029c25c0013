/* argmax: index (i32) of the first largest along the last axis; of the first NaN where there is one. No derivative. */
#include "op_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  char a[GLIA_TEXT_];

  n->type = *glia_type_of_(g, n->in[0]);
  GLIA_CHECK(glia_dtype_is_float(n->type.dtype) && n->type.rank > 0 &&
                 n->type.dim[n->type.rank - 1] <= INT32_MAX,
             GLIA_E_SHAPE, "argmax of %s: floats with a last axis are needed",
             glia_type_text(&n->type, a, sizeof a));
  n->type.rank--;
  n->type.dim[n->type.rank] = 0;
  n->type.dtype = GLIA_I32;
  return GLIA_OK;
}

#define KERNEL(T, suffix)                                                                          \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const T *x = c->in[0].data;                                                                    \
    int32_t *y = c->out.data;                                                                      \
    const int64_t n = c->in[0].type->dim[c->in[0].type->rank - 1];                                 \
    for (int64_t r = 0; r < c->out.n; r++, x += n) {                                               \
      int32_t best = 0;                                                                            \
      for (int32_t i = 1; i < n && !isnan(x[best]); i++)                                           \
        if (x[i] > x[best] || isnan(x[i])) best = i;                                               \
      y[r] = best;                                                                                 \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_argmax(s->g, glia_sample_real(s, 3, (int64_t[]){2, 3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_argmax_ = {
    .name = "argmax",
    .n_in = 1,
    .infer = infer,
    .vmap = glia_vmap_leading_,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_argmax(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_argmax_, x);
}
