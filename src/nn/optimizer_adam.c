/* adam and adamw, as PyTorch computes them:
 *   m = m + (1 - b1)(g - m),  v = b2 v + (1 - b2) g^2,  t = step
 *   w -= rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 * adam adds its weight decay to the gradient; adamw takes w (1 - rate decay) first.
 * Source: kingma2014 (arXiv:1412.6980); loshchilov2017 (arXiv:1711.05101). */
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

/* w after the step along gradient d, starting from w. */
static glia_value advance(struct glia_graph *g, struct nn_update *u, glia_value w, glia_value d)
{
  const double *v = u->o->v;
  const glia_value one = glia_constant(g, 1.0);
  const glia_value correct1 = glia_sub(g, one, glia_pow(g, glia_constant(g, v[BETA1]), u->step));
  const glia_value correct2 = glia_sub(g, one, glia_pow(g, glia_constant(g, v[BETA2]), u->step));
  const glia_value first =
      glia_add(g, u->slot[FIRST],
               glia_mul(g, glia_sub(g, d, u->slot[FIRST]), glia_constant(g, 1.0 - v[BETA1])));
  const glia_value second =
      glia_add(g, glia_mul(g, u->slot[SECOND], glia_constant(g, v[BETA2])),
               glia_mul(g, glia_mul(g, d, d), glia_constant(g, 1.0 - v[BETA2])));
  const glia_value unbias = glia_div(g, one, glia_sqrt(g, correct2));
  const glia_value below =
      glia_add(g, glia_scaled_(g, glia_sqrt(g, second), unbias), glia_constant(g, v[EPS]));

  u->slot[FIRST] = first;
  u->slot[SECOND] = second;
  return glia_sub(g, w, glia_scaled_(g, glia_div(g, first, below), glia_div(g, u->rate, correct1)));
}

static glia_value update_adam(struct glia_graph *g, struct nn_update *u)
{
  const double decay = u->o->v[NN_WEIGHT_DECAY];
  glia_value d = u->gradient;

  if (decay != 0.0) d = glia_add(g, d, glia_mul(g, u->parameter, glia_constant(g, decay)));
  return advance(g, u, u->parameter, d);
}

static glia_value update_adamw(struct glia_graph *g, struct nn_update *u)
{
  const double decay = u->o->v[NN_WEIGHT_DECAY];
  glia_value w = u->parameter;

  if (decay != 0.0)
    w = glia_scaled_(
        g, w, glia_sub(g, glia_constant(g, 1.0), glia_mul(g, u->rate, glia_constant(g, decay))));
  return advance(g, u, w, u->gradient);
}

#define OPTIONS(decay)                                                                             \
  (const struct nn_option[])                                                                       \
  {                                                                                                \
    {.name = "lr", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-3},                     \
        {.name = "weight_decay", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = decay},      \
        {.name = "beta1", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.9},           \
        {.name = "beta2", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.999},         \
        {.name = "eps", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-8},                \
    {                                                                                              \
      .name = NULL                                                                                 \
    }                                                                                              \
  }

const struct nn_optimizer_kind glia_optimizer_adam_ = {
    .name = "adam",
    .source = "kingma2014",
    .scope = NN_SCOPE_ELEMENT,
    .option = OPTIONS(0.0),
    .slots = slots,
    .update = update_adam,
};

const struct nn_optimizer_kind glia_optimizer_adamw_ = {
    .name = "adamw",
    .source = "loshchilov2017",
    .scope = NN_SCOPE_ELEMENT,
    .option = OPTIONS(0.01),
    .slots = slots,
    .update = update_adamw,
};
