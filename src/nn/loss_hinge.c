/* hinge: mean over the classes j other than the label y of max(0, margin - z_y + z_j), the label itself counting as 0 (PyTorch's
 * multi-margin loss): sum over j / n.  Source: crammer2001. */
#include "nn_priv.h"

#include <math.h>

extern const struct nn_loss_kind glia_loss_cross_entropy_;

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  struct glia_graph *g = m->g;
  const struct glia_type *type = glia_value_type_(m, of);
  const glia_value right = glia_one_hot(g, target, type->dim[2], type->dtype);
  const glia_value own = glia_reduce_sum(g, glia_mul(g, of, right), 1, (int[]){2}, true);
  const glia_value lack =
      glia_relu(g, glia_add(g, glia_sub(g, of, own), glia_constant(g, t->v[0])));
  const glia_value others = glia_mul(g, lack, glia_sub(g, glia_constant(g, 1.0), right));

  return glia_loss_mean_(m, t, glia_reduce_mean(g, others, 1, (int[]){2}, false));
}

static glia_value correct(struct glia_model *m, const struct nn_loss *t, glia_value of,
                          glia_value target)
{
  return glia_loss_cross_entropy_.correct(m, t, of, target);
}

const struct nn_loss_kind glia_loss_hinge_ = {
    .name = "hinge",
    .source = "crammer2001",
    .target = NN_TARGET_LABEL,
    .option =
        (const struct nn_option[]){
            {.name = "margin", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1.0},
            {.name = NULL},
        },
    .masks = true,
    .build = build,
    .correct = correct,
};
