/* What analyses see of a model, before its graph is compiled. */
#include "nn_priv.h"

int glia_model_layers(const struct glia_model *m) { return m->n_layers; }

struct glia_model_layer glia_model_layer(const struct glia_model *m, int i)
{
  const struct nn_layer *l = &m->layer[i];

  return (struct glia_model_layer){.name = l->name,
                                   .kind = l->kind->name,
                                   .n_in = l->n_in,
                                   .in = l->in,
                                   .option = l->v,
                                   .value = l->out[false]};
}

struct glia_graph *glia_model_extend(struct glia_model *m) { return m->g; }

glia_status glia_model_eval_loss(struct glia_model *m, glia_value *loss_sum, glia_value *weight_sum,
                                 glia_value *of)
{
  glia_value correct;

  GLIA_TRY(glia_losses_build_(m, false, loss_sum, &correct));
  *weight_sum = glia_reduce_sum(m->g, glia_cast(m->g, m->weight, GLIA_F64), -1, NULL, false);
  *of = m->n_losses == 1 ? glia_ref_value_(m, m->loss[0].of, false) : GLIA_NONE;
  return glia_graph_status(m->g);
}
