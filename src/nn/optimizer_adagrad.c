/* adagrad, as PyTorch computes it: s += g^2,  w -= rate / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).
 * Weight decay is added to the gradient.  Source: duchi2011. */
#include "nn_priv.h"

#include <math.h>

enum { LR_DECAY = NN_OWN, EPS };

static int slots(const struct nn_optimizer *o, const char **name)
{
  (void)o;
  name[0] = "square_sum";
  return 1;
}

static glia_value update(struct glia_graph *g, struct nn_update *u)
{
  const double *v = u->o->v;
  const glia_value one = glia_constant(g, 1.0);
  glia_value d = u->gradient, rate = u->rate;

  if (v[NN_WEIGHT_DECAY] != 0.0)
    d = glia_add(g, d, glia_mul(g, u->parameter, glia_constant(g, v[NN_WEIGHT_DECAY])));
  u->slot[0] = glia_add(g, u->slot[0], glia_mul(g, d, d));
  if (v[LR_DECAY] != 0.0) {
    const glia_value slower = glia_mul(g, glia_sub(g, u->step, one), glia_constant(g, v[LR_DECAY]));
    rate = glia_div(g, rate, glia_add(g, one, slower));
  }
  d = glia_div(g, d, glia_add(g, glia_sqrt(g, u->slot[0]), glia_constant(g, v[EPS])));
  return glia_sub(g, u->parameter, glia_scaled_(g, d, rate));
}

const struct nn_optimizer_kind glia_optimizer_adagrad_ = {
    .name = "adagrad",
    .source = "duchi2011",
    .scope = NN_SCOPE_ELEMENT,
    .option =
        (const struct nn_option[]){
            {.name = "lr", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-2},
            {.name = "weight_decay", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.0},
            {.name = "lr_decay", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.0},
            {.name = "eps", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-10},
            {.name = NULL},
        },
    .slots = slots,
    .update = update,
};
