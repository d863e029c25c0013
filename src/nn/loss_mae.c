/* mae: mean over the features of a sample of |z - t|. */
#include "nn_priv.h"

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  return glia_loss_mean_(m, t, glia_abs(m->g, glia_sub(m->g, of, target)));
}

const struct nn_loss_kind glia_loss_mae_ = {
    .name = "mae", .target = NN_TARGET_REAL, .masks = true, .build = build};
