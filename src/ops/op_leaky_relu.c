/* leaky_relu: y = x above 0, else a x; a NaN stays. The derivative at 0 is a.  Source: maas2013. */
#include "op_priv.h"

/* attr.f[0]: a. The derivative is 1 or a. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value above = glia_compare(g, GLIA_GT, y->in[0], glia_constant(g, 0.0));

  dx[0] = glia_select(g, above, dy, glia_mul(g, dy, glia_constant(g, y->attr.f[0])));
}

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const T *X = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    const T a = (T)c->attr->f[0];                                                                  \
    for (int64_t i = 0; i < c->out.n; i++) {                                                       \
      const T x = X[i];                                                                            \
      y[i] = x > 0 ? x : a * x;                                                                    \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  static const double a[] = {1.0, 0.25};

  if ((size_t)k >= GLIA_COUNT(a)) return GLIA_NONE;
  return glia_leaky_relu(s->g, glia_sample_away(s, 2, (int64_t[]){3, 5}, -2.0, 2.0, 0.0, 0.05),
                         -0.5 * a[k]);
}

const struct glia_op glia_op_leaky_relu_ = {
    .name = "leaky_relu",
    .source = "maas2013",
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

glia_value glia_leaky_relu(struct glia_graph *g, glia_value x, double a)
{
  const struct glia_attr attr = {.f = {a}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_leaky_relu_, 1, &x, &attr);
}
