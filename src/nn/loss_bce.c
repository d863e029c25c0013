/* bce: mean over the features of a sample of - t ln p - (1 - t) ln(1 - p), p = 1 / (1 + exp(-z)): softplus(z) - z t, which
 * holds for any z. logits: false takes p itself, logarithms no lower than -100 (as PyTorch). */
#include "nn_priv.h"

enum { LOGITS };

static glia_value log_of(struct glia_graph *g, glia_value p)
{
  return glia_max(g, glia_ln(g, p), glia_constant(g, -100.0));
}

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  struct glia_graph *g = m->g;
  const glia_value one = glia_constant(g, 1.0);

  if (t->v[LOGITS] != 0.0)
    return glia_loss_mean_(m, t, glia_sub(g, glia_softplus(g, of), glia_mul(g, of, target)));
  const glia_value yes = glia_mul(g, target, log_of(g, of));
  const glia_value no = glia_mul(g, glia_sub(g, one, target), log_of(g, glia_sub(g, one, of)));
  return glia_loss_mean_(m, t, glia_neg(g, glia_add(g, yes, no)));
}

/* Share of features on the right side of one half. */
static glia_value correct(struct glia_model *m, const struct nn_loss *t, glia_value of,
                          glia_value target)
{
  struct glia_graph *g = m->g;
  const glia_value half = glia_constant(g, 0.5);
  const glia_value edge = t->v[LOGITS] != 0.0 ? glia_constant(g, 0.0) : half;
  const glia_value said = glia_cast(g, glia_compare(g, GLIA_GT, of, edge), m->dtype);
  const glia_value is = glia_cast(g, glia_compare(g, GLIA_GT, target, half), m->dtype);

  return glia_loss_mean_(m, t, glia_cast(g, glia_compare(g, GLIA_EQ, said, is), GLIA_F64));
}

const struct nn_loss_kind glia_loss_bce_ = {
    .name = "bce",
    .target = NN_TARGET_REAL,
    .option =
        (const struct nn_option[]){
            {.name = "logits", .type = NN_FLAG, .value = 1},
            {.name = NULL},
        },
    .masks = true,
    .build = build,
    .correct = correct,
};
