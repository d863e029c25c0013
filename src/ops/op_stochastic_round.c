/* stochastic_round: x (float32) as one of the two bf16 around it, the nearer one the more often, by draws u in (0, 1): x on
 * average. So steps that are too short for bf16 add up all the same.  Source: gupta2015 (arXiv:1502.02551). */
#include "op_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]), *u = glia_type_of_(g, n->in[1]);
  char a[GLIA_TEXT_], b[GLIA_TEXT_];

  GLIA_CHECK(glia_type_equal(x, u) && x->dtype == GLIA_F32, GLIA_E_SHAPE,
             "stochastic_round of %s by %s, expected f32 of one shape",
             glia_type_text(x, a, sizeof a), glia_type_text(u, b, sizeof b));
  n->type = *x;
  n->type.dtype = GLIA_BF16;
  return GLIA_OK;
}

GLIA_CLONES static void reference(const struct glia_call *c)
{
  const float *x = c->in[0].data, *u = c->in[1].data;
  uint16_t *y = c->out.data;
  const int64_t n = c->out.n;

  for (int64_t i = 0; i < n; i++) y[i] = glia_bf16_draw(x[i], u[i]);
}

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {3, 5};

  if (k > 0) return GLIA_NONE;
  const glia_value x = glia_cast(s->g, glia_sample_real(s, 2, dim, -2.0, 2.0), GLIA_F32);
  return glia_stochastic_round(s->g, x,
                               glia_cast(s->g, glia_sample_real(s, 2, dim, 0.0, 1.0), GLIA_F32));
}

const struct glia_op glia_op_stochastic_round_ = {
    .name = "stochastic_round",
    .source = "gupta2015",
    .n_in = 2,
    .elementwise = true,
    .infer = infer,
    .vmap = glia_vmap_elementwise_,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = {[GLIA_BF16] = reference},
    .key = -1,
    .flops_per_element = 4.0,
    .sample = sample,
};

glia_value glia_stochastic_round(struct glia_graph *g, glia_value x, glia_value u)
{
  return glia_binary_(g, &glia_op_stochastic_round_, x, u, NULL);
}
