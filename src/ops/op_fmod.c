/* fmod: y = a - n b, n the whole number that a / b is cut to: exact, and of the sign of a. */
#include "op_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value a = y->in[0], b = y->in[1];
  const glia_value n = glia_round(g, glia_div(g, glia_sub(g, a, y->id), b));

  dx[0] = dy;
  dx[1] = glia_neg(g, glia_mul(g, dy, n));
}

GLIA_BINARY(fmod(a, b))

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {3, 5};

  if (k > 0) return GLIA_NONE;
  const glia_value a = glia_sample_real(s, 2, dim, 2.1, 2.9); /* between two multiples of every b */
  return glia_fmod(s->g, a, glia_sample_real(s, 2, dim, 0.98, 1.02));
}

const struct glia_op glia_op_fmod_ = {
    .name = "fmod",
    .n_in = 2,
    .elementwise = true,
    .infer = glia_infer_float_,
    .vjp = vjp,
    .jvp = glia_jvp_from_slope_,
    .vmap = glia_vmap_elementwise_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 20.0,
    .sample = sample,
};

glia_value glia_fmod(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_binary_(g, &glia_op_fmod_, a, b, NULL);
}
