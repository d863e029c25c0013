/* lion: w -= rate (sign(b1 m + (1 - b1) g) + decay w), then m = b2 m + (1 - b2) g.  Source: chen2023 (arXiv:2302.06675). */
#include "nn_priv.h"

#include <math.h>

enum { BETA1 = NN_OWN, BETA2 };

static int slots(const struct nn_optimizer *o, const char **name)
{
  (void)o;
  name[0] = "momentum";
  return 1;
}

static glia_value mixed(struct glia_graph *g, glia_value m, double b, glia_value d)
{
  return glia_add(g, glia_mul(g, m, glia_constant(g, b)),
                  glia_mul(g, d, glia_constant(g, 1.0 - b)));
}

static glia_value update(struct glia_graph *g, struct nn_update *u)
{
  const double *v = u->o->v;
  glia_value d = glia_sign(g, mixed(g, u->slot[0], v[BETA1], u->gradient));

  if (v[NN_WEIGHT_DECAY] != 0.0)
    d = glia_add(g, d, glia_mul(g, u->parameter, glia_constant(g, v[NN_WEIGHT_DECAY])));
  u->slot[0] = mixed(g, u->slot[0], v[BETA2], u->gradient);
  return glia_sub(g, u->parameter, glia_scaled_(g, d, u->rate));
}

const struct nn_optimizer_kind glia_optimizer_lion_ = {
    .name = "lion",
    .source = "chen2023",
    .scope = NN_SCOPE_ELEMENT,
    .option =
        (const struct nn_option[]){
            {.name = "lr", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-4},
            {.name = "weight_decay", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.0},
            {.name = "beta1", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.9},
            {.name = "beta2", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.99},
            {.name = NULL},
        },
    .slots = slots,
    .update = update,
};
