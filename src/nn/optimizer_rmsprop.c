/* rmsprop, as PyTorch computes it: v = a v + (1 - a) g^2; centered: v less the square of the mean gradient;
 *   buf = mu buf + g / (sqrt(v) + eps),  w -= rate buf        (mu = 0: without buf)
 * Weight decay is added to the gradient.  Source: tieleman2012; centered: graves2013 (arXiv:1308.0850). */
#include "nn_priv.h"

#include <math.h>

enum { ALPHA = NN_OWN, EPS, MOMENTUM, CENTERED };

/* Slots: squares, then those that options ask for. */
static int slots(const struct nn_optimizer *o, const char **name)
{
  int n = 0;

  name[n++] = "square_average";
  if (o->v[MOMENTUM] != 0.0) name[n++] = "momentum";
  if (o->v[CENTERED] != 0.0) name[n++] = "gradient_average";
  return n;
}

static glia_value moved(struct glia_graph *g, glia_value m, double b, glia_value x)
{
  return glia_add(g, glia_mul(g, m, glia_constant(g, b)),
                  glia_mul(g, x, glia_constant(g, 1.0 - b)));
}

static glia_value update(struct glia_graph *g, struct nn_update *u)
{
  const double *v = u->o->v;
  glia_value d = u->gradient;

  if (v[NN_WEIGHT_DECAY] != 0.0)
    d = glia_add(g, d, glia_mul(g, u->parameter, glia_constant(g, v[NN_WEIGHT_DECAY])));
  u->slot[0] = moved(g, u->slot[0], v[ALPHA], glia_mul(g, d, d));
  glia_value square = u->slot[0];
  if (v[CENTERED] != 0.0) {
    glia_value *mean = &u->slot[v[MOMENTUM] != 0.0 ? 2 : 1];
    *mean = moved(g, *mean, v[ALPHA], d);
    square = glia_sub(g, square, glia_mul(g, *mean, *mean));
  }
  d = glia_div(g, d, glia_add(g, glia_sqrt(g, square), glia_constant(g, v[EPS])));
  if (v[MOMENTUM] != 0.0)
    d = u->slot[1] = glia_add(g, glia_mul(g, u->slot[1], glia_constant(g, v[MOMENTUM])), d);
  return glia_sub(g, u->parameter, glia_scaled_(g, d, u->rate));
}

const struct nn_optimizer_kind glia_optimizer_rmsprop_ = {
    .name = "rmsprop",
    .source = "tieleman2012",
    .scope = NN_SCOPE_ELEMENT,
    .option =
        (const struct nn_option[]){
            {.name = "lr", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-2},
            {.name = "weight_decay", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.0},
            {.name = "alpha", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.99},
            {.name = "eps", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-8},
            {.name = "momentum", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.0},
            {.name = "centered", .type = NN_FLAG, .value = 0},
            {.name = NULL},
        },
    .slots = slots,
    .update = update,
};
