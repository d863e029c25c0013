/* mse: mean over the features of a sample of (z - t)^2. */
#include "nn_priv.h"

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  const glia_value d = glia_sub(m->g, of, target);

  return glia_loss_mean_(m, t, glia_mul(m->g, d, d));
}

const struct nn_loss_kind glia_loss_mse_ = {
    .name = "mse", .target = NN_TARGET_REAL, .masks = true, .build = build};
