/* clamp: y = min(max(x, lo), hi); a NaN stays. The derivative is 1 inside and on the edges, 0 outside. */
#include "op_priv.h"

/* attr.f: lo, hi */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  GLIA_CHECK(n->attr.f[0] <= n->attr.f[1], GLIA_E_ARGUMENT, "clamp to [%g, %g]: an empty interval",
             n->attr.f[0], n->attr.f[1]);
  return glia_infer_float_(g, n);
}

/* Where clamping changed nothing, the derivative passes. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_select(g, glia_compare(g, GLIA_EQ, y->in[0], y->id), dy, glia_constant(g, 0.0));
}

#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    const int64_t n = c->out.n;                                                                    \
    const T lo = (T)c->attr->f[0], hi = (T)c->attr->f[1];                                          \
    for (int64_t i = 0; i < n; i++) y[i] = x[i] < lo ? lo : x[i] > hi ? hi : x[i];                 \
  }
GLIA_EACH_FLOAT(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  static const double bound[] = {-1.0, 1.0}; /* around which a case draws */

  if (k >= (int)GLIA_COUNT(bound)) return GLIA_NONE;
  const double at = bound[k];
  return glia_clamp(s->g, glia_sample_away(s, 2, (int64_t[]){3, 5}, at - 0.9, at + 0.9, at, 0.05),
                    bound[0], bound[1]);
}

const struct glia_op glia_op_clamp_ = {
    .name = "clamp",
    .n_in = 1,
    .elementwise = true,
    .infer = infer,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 2.0,
    .sample = sample,
};

glia_value glia_clamp(struct glia_graph *g, glia_value x, double lo, double hi)
{
  const struct glia_attr attr = {.f = {lo, hi}};

  return x == GLIA_NONE ? GLIA_NONE : glia_node_add(g, &glia_op_clamp_, 1, &x, &attr);
}
