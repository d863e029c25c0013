/* sgd, with PyTorch's momentum: buf = mu buf + g from zero;  w -= rate (nesterov ? g + mu buf : buf).
 * Weight decay is added to the gradient.  Source: polyak1964; sutskever2013 (Nesterov's). */
#include "nn_priv.h"

#include <math.h>

enum { MOMENTUM = NN_OWN, NESTEROV };

static glia_status check(const struct nn_optimizer *o, const struct glia_yaml *at)
{
  if (o->v[NESTEROV] != 0.0 && o->v[MOMENTUM] == 0.0)
    return glia_yaml_error(at, "nesterov needs momentum above 0");
  return GLIA_OK;
}

static int slots(const struct nn_optimizer *o, const char **name)
{
  name[0] = "momentum";
  return o->v[MOMENTUM] != 0.0 ? 1 : 0;
}

static glia_value update(struct glia_graph *g, struct nn_update *u)
{
  const double *v = u->o->v;
  const glia_value mu = glia_constant(g, v[MOMENTUM]);
  glia_value d = u->gradient;

  if (v[NN_WEIGHT_DECAY] != 0.0)
    d = glia_add(g, d, glia_mul(g, u->parameter, glia_constant(g, v[NN_WEIGHT_DECAY])));
  if (v[MOMENTUM] != 0.0) {
    u->slot[0] = glia_add(g, glia_mul(g, u->slot[0], mu), d);
    d = v[NESTEROV] != 0.0 ? glia_add(g, d, glia_mul(g, u->slot[0], mu)) : u->slot[0];
  }
  return glia_sub(g, u->parameter, glia_scaled_(g, d, u->rate));
}

const struct nn_optimizer_kind glia_optimizer_sgd_ = {
    .name = "sgd",
    .source = "sutskever2013",
    .scope = NN_SCOPE_ELEMENT,
    .option =
        (const struct nn_option[]){
            {.name = "lr", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-3},
            {.name = "weight_decay", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.0},
            {.name = "momentum", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.0},
            {.name = "nesterov", .type = NN_FLAG, .value = 0},
            {.name = NULL},
        },
    .check = check,
    .slots = slots,
    .update = update,
};
