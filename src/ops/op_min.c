/* min: y = the smaller of a and b; a NaN wins. At a tie the derivative goes to a. Floats and integers. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value zero = glia_constant(g, 0.0);
  const glia_value first = glia_compare(g, GLIA_LE, y->in[0], y->in[1]);

  dx[0] = glia_select(g, first, dy, zero);
  dx[1] = glia_select(g, first, zero, dy);
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  (void)g;
  return n->in[0] == n->in[1] ? n->in[0] : GLIA_NONE;
}

GLIA_BINARY(a <= b || isnan(a) ? a : b)
GLIA_BINARY_ONE(int32_t, i32, a <= b ? a : b)
GLIA_BINARY_ONE(int64_t, i64, a <= b ? a : b)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 0) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0);
  return glia_min(s->g, a, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_min_ = {
    .name = "min",
    .n_in = 2,
    .elementwise = true,
    .infer = glia_infer_same_,
    .simplify = simplify,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = {[GLIA_F32] = reference_f32,
                  [GLIA_F64] = reference_f64,
                  [GLIA_I32] = reference_i32,
                  [GLIA_I64] = reference_i64},
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_min(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_binary_(g, &glia_op_min_, a, b, NULL);
}
