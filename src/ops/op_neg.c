/* neg: y = -x. Floats and integers. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  (void)y;
  dx[0] = glia_neg(g, dy);
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *x = glia_graph_node(g, n->in[0]);

  return x->op == &glia_op_neg_ ? x->in[0] : GLIA_NONE;
}

GLIA_UNARY(-x)
GLIA_UNARY_ONE(int32_t, i32, -x)
GLIA_UNARY_ONE(int64_t, i64, -x)

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE : glia_neg(s->g, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_neg_ = {
    .name = "neg",
    .n_in = 1,
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

glia_value glia_neg(struct glia_graph *g, glia_value x) { return glia_unary_(g, &glia_op_neg_, x); }
