/* l1: sum over the features of a sample of |z|: a penalty that makes activations sparse. */
#include "nn_priv.h"

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  (void)t;
  (void)target;
  return glia_reduce_sum(m->g, glia_abs(m->g, of), 1, (int[]){1}, false);
}

const struct nn_loss_kind glia_loss_l1_ = {.name = "l1", .target = NN_TARGET_NONE, .build = build};
