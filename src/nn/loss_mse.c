/* mse: mean over the features of a sample of (z - t)^2. */
#include "nn_priv.h"

static glia_value build(struct glia_graph *g, glia_value of, glia_value target)
{
  const glia_value d = glia_sub(g, of, target);

  return glia_reduce_mean(g, glia_mul(g, d, d), 1, (int[]){1}, false);
}

const struct nn_loss_kind glia_loss_mse_ = {
    .name = "mse", .target = NN_TARGET_REAL, .build = build};
