/* dice: 1 - (2 sum p t + s) / (sum p + sum t + s) over a sample, p = 1 / (1 + exp(-z)), s = smooth.  Source: milletari2016
 * (arXiv:1606.04797), with plain sums below. */
#include "nn_priv.h"

#include <math.h>

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  struct glia_graph *g = m->g;
  const glia_value p = glia_sigmoid(g, of), smooth = glia_constant(g, t->v[0]);
  const int axis = 1;
  const glia_value both = glia_reduce_sum(g, glia_mul(g, p, target), 1, &axis, false);
  const glia_value all = glia_reduce_sum(g, glia_add(g, p, target), 1, &axis, false);
  const glia_value above = glia_add(g, glia_mul(g, both, glia_constant(g, 2.0)), smooth);

  return glia_sub(g, glia_constant(g, 1.0), glia_div(g, above, glia_add(g, all, smooth)));
}

const struct nn_loss_kind glia_loss_dice_ = {
    .name = "dice",
    .source = "milletari2016",
    .target = NN_TARGET_REAL,
    .option =
        (const struct nn_option[]){
            {.name = "smooth", .type = NN_REAL, .lo = 1e-12, .hi = INFINITY, .value = 1.0},
            {.name = NULL},
        },
    .build = build,
};
