/* huber: mean over the features of a sample of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2).  Source: huber1964. */
#include "nn_priv.h"

#include <math.h>

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  struct glia_graph *g = m->g;
  const glia_value d = glia_abs(g, glia_sub(g, of, target));
  const glia_value low = glia_min(g, d, glia_constant(g, t->v[0]));
  /* low (d - low / 2): both branches in one */
  const glia_value each = glia_mul(g, low, glia_sub(g, d, glia_mul(g, low, glia_constant(g, 0.5))));

  return glia_loss_mean_(m, t, each);
}

const struct nn_loss_kind glia_loss_huber_ = {
    .name = "huber",
    .source = "huber1964",
    .target = NN_TARGET_REAL,
    .option =
        (const struct nn_option[]){
            {.name = "delta", .type = NN_REAL, .lo = 1e-12, .hi = INFINITY, .value = 1.0},
            {.name = NULL},
        },
    .masks = true,
    .build = build,
};
