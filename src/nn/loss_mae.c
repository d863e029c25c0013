/* mae: mean over the features of a sample of |z - t|. */
#include "nn_priv.h"

static glia_value build(struct glia_graph *g, glia_value of, glia_value target)
{
  return glia_reduce_mean(g, glia_abs(g, glia_sub(g, of, target)), 1, (int[]){1}, false);
}

const struct nn_loss_kind glia_loss_mae_ = {
    .name = "mae", .target = NN_TARGET_REAL, .build = build};
