/* elu: y = x above 0, else a (e^x - 1); a NaN stays.  Source: clevert2015 (arXiv:1511.07289). */
#include "op_priv.h"

/* attr.f[0]: a. The exponent is cut at 0, so that what is not selected stays finite. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value x = y->in[0], zero = glia_constant(g, 0.0);
  const glia_value above = glia_compare(g, GLIA_GT, x, zero);
  const glia_value below = glia_exp(g, glia_min(g, x, zero));

  dx[0] = glia_mul(g, dy,
                   glia_select(g, above, glia_constant(g, 1.0),
                               glia_mul(g, glia_constant(g, y->attr.f[0]), below)));
}

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const T *X = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    const T a = (T)c->attr->f[0];                                                                  \
    for (int64_t i = 0; i < c->out.n; i++) {                                                       \
      const T x = X[i];                                                                            \
      y[i] = x > 0 ? x : a * expm1(x);                                                             \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  static const double a[] = {1.0, 0.25};

  if ((size_t)k >= GLIA_COUNT(a)) return GLIA_NONE;
  return glia_elu(s->g, glia_sample_away(s, 2, (int64_t[]){3, 5}, -2.0, 2.0, 0.0, 0.05), a[k]);
}

const struct glia_op glia_op_elu_ = {
    .name = "elu",
    .source = "clevert2015",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 2.0,
    .sample = sample,
};

glia_value glia_elu(struct glia_graph *g, glia_value x, double a)
{
  const struct glia_attr attr = {.f = {a}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_elu_, 1, &x, &attr);
}
