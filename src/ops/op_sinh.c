/* sinh: y = (e^x - e^-x) / 2. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value x = y->in[0];

  dx[0] = glia_mul(g, dy, glia_cosh(g, x));
}

GLIA_UNARY(sinh(x))

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_sinh(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -3.0, 3.0));
}

const struct glia_op glia_op_sinh_ = {
    .name = "sinh",
    .n_in = 1,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 12.0,
    .sample = sample,
};

glia_value glia_sinh(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_sinh_, x);
}
