/* mul: y = a b. Floats and integers. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  dx[0] = glia_mul(g, dy, y->in[1]);
  dx[1] = glia_mul(g, dy, y->in[0]);
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *a = glia_graph_node(g, n->in[0]), *b = glia_graph_node(g, n->in[1]);
  double v;

  if (glia_is_full(g, a->id, &v) && v == 1.0) return b->id;
  if (glia_is_full(g, b->id, &v) && v == 1.0) return a->id;
  if (glia_is_full(g, a->id, &v) && v == -1.0) return glia_neg(g, b->id);
  if (glia_is_full(g, b->id, &v) && v == -1.0) return glia_neg(g, a->id);
  /* signs move out, where two of them meet and vanish */
  if (a->op == &glia_op_neg_) return glia_neg(g, glia_mul(g, a->in[0], b->id));
  if (b->op == &glia_op_neg_) return glia_neg(g, glia_mul(g, a->id, b->in[0]));
  if (a->id > b->id) return glia_mul(g, b->id, a->id);
  return GLIA_NONE; /* x * 0 is not folded: it would hide a NaN */
}

GLIA_BINARY(a *b)
GLIA_BINARY_ONE(int32_t, i32, a *b)
GLIA_BINARY_ONE(int64_t, i64, a *b)

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 0) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0);
  return glia_mul(s->g, a, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_mul_ = {
    .name = "mul",
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

glia_value glia_mul(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_binary_(g, &glia_op_mul_, a, b, NULL);
}
