/* add: y = a + b. Floats and integers; of bf16 the float32 sum, rounded: so cotangents of stored values add up. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  (void)g;
  (void)y;
  dx[0] = dy;
  dx[1] = dy;
}

static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  (void)y;
  if (t[0] == GLIA_NONE) return t[1];
  return t[1] == GLIA_NONE ? t[0] : glia_add(g, t[0], t[1]);
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_node *a = glia_graph_node(g, n->in[0]), *b = glia_graph_node(g, n->in[1]);
  double v;

  if (glia_is_full(g, a->id, &v) && v == 0.0) return b->id;
  if (glia_is_full(g, b->id, &v) && v == 0.0) return a->id;
  if (b->op == &glia_op_neg_) return glia_sub(g, a->id, b->in[0]);
  if (a->op == &glia_op_neg_) return glia_sub(g, b->id, a->in[0]);
  /* cotangents of slices side by side, as of queries, keys and values: one copy; a -0 stays, beside +0 it would not */
  const glia_value joined = glia_joined_pads_(g, a, b);
  if (joined != GLIA_NONE) return joined;
  /* one order for a + b and b + a: IEEE addition commutes */
  if (a->id > b->id) return glia_add(g, b->id, a->id);
  return GLIA_NONE;
}

GLIA_BINARY(a + b)
GLIA_BINARY_ONE(int32_t, i32, a + b)
GLIA_BINARY_ONE(int64_t, i64, a + b)
GLIA_BINARY_ONE(uint16_t, bf16, glia_bf16_round(glia_bf16_wide(a) + glia_bf16_wide(b)))

static glia_value sample(struct glia_sample *s, int k)
{
  if (k > 0) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0);
  return glia_add(s->g, a, glia_sample_real(s, 2, (int64_t[]){3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_add_ = {
    .name = "add",
    .n_in = 2,
    .elementwise = true,
    .infer = glia_infer_same_,
    .simplify = simplify,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = glia_vmap_elementwise_,
    .reference = {[GLIA_F32] = reference_f32,
                  [GLIA_F64] = reference_f64,
                  [GLIA_I32] = reference_i32,
                  [GLIA_I64] = reference_i64,
                  [GLIA_BF16] = reference_bf16},
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_add(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_binary_(g, &glia_op_add_, a, b, NULL);
}
