/* lamb: Adam's step r = m^ / (sqrt(v^) + eps) + decay w, made as long as the parameter is:
 *   w -= rate |w| / |r| r        (|w| / |r| = 1 where either is 0)
 * A norm is over a whole parameter: float64 sums along the fixed tree.  Source: you2019 (arXiv:1904.00962), phi = identity. */
#include "nn_priv.h"

#include <math.h>

enum { BETA1 = NN_OWN, BETA2, EPS };
enum { FIRST, SECOND }; /* moments */

static int slots(const struct nn_optimizer *o, const char **name)
{
  (void)o;
  name[FIRST] = "first_moment";
  name[SECOND] = "second_moment";
  return 2;
}

static glia_value norm(struct glia_graph *g, glia_value x)
{
  const glia_value d = glia_cast(g, x, GLIA_F64);

  return glia_sqrt(g, glia_reduce_sum(g, glia_mul(g, d, d), -1, NULL, false));
}

/* b m + (1 - b) x */
static glia_value moved(struct glia_graph *g, glia_value m, double b, glia_value x)
{
  return glia_add(g, glia_mul(g, m, glia_constant(g, b)),
                  glia_mul(g, x, glia_constant(g, 1.0 - b)));
}

/* x / (1 - b^t) */
static glia_value unbiased(struct glia_graph *g, glia_value x, double b, glia_value step)
{
  const glia_value one = glia_constant(g, 1.0);

  return glia_scaled_(g, x,
                      glia_div(g, one, glia_sub(g, one, glia_pow(g, glia_constant(g, b), step))));
}

static glia_value update(struct glia_graph *g, struct nn_update *u)
{
  const double *v = u->o->v;
  const glia_value d = u->gradient, zero = glia_constant(g, 0.0), one = glia_constant(g, 1.0);

  u->slot[FIRST] = moved(g, u->slot[FIRST], v[BETA1], d);
  u->slot[SECOND] = moved(g, u->slot[SECOND], v[BETA2], glia_mul(g, d, d));
  const glia_value first = unbiased(g, u->slot[FIRST], v[BETA1], u->step);
  const glia_value second = unbiased(g, u->slot[SECOND], v[BETA2], u->step);
  glia_value r = glia_div(g, first, glia_add(g, glia_sqrt(g, second), glia_constant(g, v[EPS])));
  if (v[NN_WEIGHT_DECAY] != 0.0)
    r = glia_add(g, r, glia_mul(g, u->parameter, glia_constant(g, v[NN_WEIGHT_DECAY])));
  const glia_value of_w = norm(g, u->parameter), of_r = norm(g, r);
  const glia_value some = glia_compare(g, GLIA_GT, glia_min(g, of_w, of_r), zero);
  const glia_value ratio = glia_div(g, of_w, glia_select(g, some, of_r, one));
  const glia_value trust = glia_select(g, some, ratio, one);
  return glia_sub(g, u->parameter, glia_scaled_(g, r, glia_mul(g, u->rate, trust)));
}

const struct nn_optimizer_kind glia_optimizer_lamb_ = {
    .name = "lamb",
    .source = "you2019",
    .scope = NN_SCOPE_TENSOR,
    .option =
        (const struct nn_option[]){
            {.name = "lr", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-3},
            {.name = "weight_decay", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.0},
            {.name = "beta1", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.9},
            {.name = "beta2", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.999},
            {.name = "eps", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-6},
            {.name = NULL},
        },
    .slots = slots,
    .update = update,
};
