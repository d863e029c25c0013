/* cross_entropy: - log softmax(z)[y] of logits z [b, n] and labels y i32 [b]. */
#include "nn_priv.h"

static glia_value build(struct glia_graph *g, glia_value of, glia_value target)
{
  const struct glia_type *type = &glia_graph_node(g, of)->type;
  const glia_value right = glia_one_hot(g, target, type->dim[1], type->dtype);

  return glia_neg(
      g, glia_reduce_sum(g, glia_mul(g, glia_log_softmax(g, of), right), 1, (int[]){1}, false));
}

const struct nn_loss_kind glia_loss_cross_entropy_ = {
    .name = "cross_entropy",
    .target = NN_TARGET_LABEL,
    .build = build,
};
