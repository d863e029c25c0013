/* cross_entropy: - log softmax(z)[y] of logits z [b, n] and labels y [b]; of logits [b, places..., n] the mean over the places
 * (weighted by the mask, where there is one). */
#include "nn_priv.h"

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  struct glia_graph *g = m->g;
  const struct glia_type *type = glia_value_type_(m, of);
  const glia_value right = glia_one_hot(g, target, type->dim[2], type->dtype);
  const glia_value each =
      glia_reduce_sum(g, glia_mul(g, glia_log_softmax(g, of), right), 1, (int[]){2}, false);

  return glia_loss_mean_(m, t, glia_neg(g, each));
}

/* The first largest logit is the label's. */
static glia_value correct(struct glia_model *m, const struct nn_loss *t, glia_value of,
                          glia_value target)
{
  const glia_value hit = glia_compare(m->g, GLIA_EQ, glia_argmax(m->g, of), target);

  return glia_loss_mean_(m, t, glia_cast(m->g, hit, GLIA_F64));
}

const struct nn_loss_kind glia_loss_cross_entropy_ = {
    .name = "cross_entropy",
    .target = NN_TARGET_LABEL,
    .masks = true,
    .build = build,
    .correct = correct,
};
