/* Elementwise functions of a few nodes. */
#include "glia_functions.h"
#include "op_priv.h"

static glia_value number(struct glia_graph *g, double v) { return glia_constant(g, v); }

glia_value glia_reciprocal(struct glia_graph *g, glia_value x)
{
  return glia_div(g, number(g, 1.0), x);
}

glia_value glia_rsqrt(struct glia_graph *g, glia_value x)
{
  return glia_reciprocal(g, glia_sqrt(g, x));
}

glia_value glia_square(struct glia_graph *g, glia_value x) { return glia_mul(g, x, x); }

/* Not e^(x ln 2): the rounded product would cost |x| ulp. */
glia_value glia_exp2(struct glia_graph *g, glia_value x) { return glia_pow(g, number(g, 2.0), x); }

glia_value glia_log2(struct glia_graph *g, glia_value x)
{
  return glia_mul(g, glia_ln(g, x), number(g, 1.44269504088896340736));
}

glia_value glia_log10(struct glia_graph *g, glia_value x)
{
  return glia_mul(g, glia_ln(g, x), number(g, 0.43429448190325182765));
}

glia_value glia_tan(struct glia_graph *g, glia_value x)
{
  return glia_div(g, glia_sin(g, x), glia_cos(g, x));
}

/* sqrt(1 - x^2) without cancellation */
static glia_value leg(struct glia_graph *g, glia_value x)
{
  return glia_sqrt(g, glia_mul(g, glia_sub(g, number(g, 1.0), x), glia_add(g, number(g, 1.0), x)));
}

glia_value glia_asin(struct glia_graph *g, glia_value x) { return glia_atan2(g, x, leg(g, x)); }

glia_value glia_acos(struct glia_graph *g, glia_value x) { return glia_atan2(g, leg(g, x), x); }

/* ln((1 + x) / (1 - x)) / 2 */
glia_value glia_atanh(struct glia_graph *g, glia_value x)
{
  const glia_value ratio = glia_div(g, glia_add(g, x, x), glia_sub(g, number(g, 1.0), x));

  return glia_mul(g, number(g, 0.5), glia_log1p(g, ratio));
}

glia_value glia_ceil(struct glia_graph *g, glia_value x)
{
  return glia_neg(g, glia_floor(g, glia_neg(g, x)));
}

glia_value glia_trunc(struct glia_graph *g, glia_value x)
{
  return glia_select(g, glia_compare(g, GLIA_LT, x, number(g, 0.0)), glia_ceil(g, x),
                     glia_floor(g, x));
}

glia_value glia_relu6(struct glia_graph *g, glia_value x) { return glia_clamp(g, x, 0.0, 6.0); }

glia_value glia_hard_tanh(struct glia_graph *g, glia_value x)
{
  return glia_clamp(g, x, -1.0, 1.0);
}

glia_value glia_hard_sigmoid(struct glia_graph *g, glia_value x)
{
  return glia_div(g, glia_clamp(g, glia_add(g, x, number(g, 3.0)), 0.0, 6.0), number(g, 6.0));
}

glia_value glia_hard_swish(struct glia_graph *g, glia_value x)
{
  return glia_mul(g, x, glia_hard_sigmoid(g, x));
}

glia_value glia_softsign(struct glia_graph *g, glia_value x)
{
  return glia_div(g, x, glia_add(g, number(g, 1.0), glia_abs(g, x)));
}

glia_value glia_mish(struct glia_graph *g, glia_value x)
{
  return glia_mul(g, x, glia_tanh(g, glia_softplus(g, x)));
}

glia_value glia_log_sigmoid(struct glia_graph *g, glia_value x)
{
  return glia_neg(g, glia_softplus(g, glia_neg(g, x)));
}

glia_value glia_selu(struct glia_graph *g, glia_value x)
{
  return glia_mul(g, number(g, 1.0507009873554804934), glia_elu(g, x, 1.6732632423543772848));
}

glia_value glia_celu(struct glia_graph *g, glia_value x, double a)
{
  const glia_value scale = number(g, a);

  return glia_mul(g, scale, glia_elu(g, glia_div(g, x, scale), 1.0));
}

glia_value glia_tanh_shrink(struct glia_graph *g, glia_value x)
{
  return glia_sub(g, x, glia_tanh(g, x));
}

glia_value glia_soft_shrink(struct glia_graph *g, glia_value x, double a)
{
  return glia_sub(g, x, glia_clamp(g, x, -a, a));
}

glia_value glia_hard_shrink(struct glia_graph *g, glia_value x, double a)
{
  const glia_value within = glia_compare(g, GLIA_LE, glia_abs(g, x), number(g, a));

  return glia_select(g, within, number(g, 0.0), x);
}

glia_value glia_prelu(struct glia_graph *g, glia_value x, glia_value slope)
{
  return glia_sub(g, glia_relu(g, x), glia_mul(g, slope, glia_relu(g, glia_neg(g, x))));
}

glia_value glia_glu(struct glia_graph *g, glia_value x, int axis)
{
  int64_t start[GLIA_MAX_RANK] = {0}, stop[GLIA_MAX_RANK], step[GLIA_MAX_RANK];
  char a[GLIA_TEXT_];

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  if (axis < 0 || axis >= t->rank || t->dim[axis] % 2 != 0)
    return glia_graph_fail(g, GLIA_E_SHAPE, "glu of %s along axis %d: an even extent is needed",
                           glia_type_text(t, a, sizeof a), axis);
  for (int k = 0; k < t->rank; k++) {
    stop[k] = k == axis ? t->dim[k] / 2 : t->dim[k];
    step[k] = 1;
  }
  const glia_value first = glia_slice(g, x, start, stop, step);
  start[axis] = stop[axis];
  stop[axis] *= 2;
  return glia_mul(g, first, glia_sigmoid(g, glia_slice(g, x, start, stop, step)));
}
