/* weight_norm: each output channel is gain times the direction of its weights, w' = g w / |w|, with the parameter <name>_gain [out],
 * at first the length of the initial weights: w' begins as w.  Source: salimans2016 (arXiv:1602.07868). */
#include "nn_priv.h"

#include <math.h>

static glia_value build(struct glia_model *m, struct nn_layer *l, const struct nn_transform *t,
                        const char *name, glia_value w)
{
  struct glia_graph *g = m->g;
  const glia_value rows = glia_as_matrix_(m, w);
  const int64_t out = glia_value_type_(m, rows)->dim[0];
  const int columns = 1;
  char own[NN_MAX_NAME];

  (void)t;
  const struct nn_init lengths = glia_lengths_of_(m, l, name, glia_value_type_(m, rows)->dim[1]);
  const glia_value gain =
      glia_layer_parameter_(m, l, glia_joined_(own, name, "_gain"), 1, &out, lengths);
  const glia_value square = glia_reduce_sum(g, glia_mul(g, rows, rows), 1, &columns, true);
  const glia_value length = glia_sqrt(g, glia_max(g, square, glia_constant(g, 1e-30)));
  const glia_value column = glia_reshape(g, gain, 2, (int64_t[]){out, 1});
  return glia_as_weight_(m, glia_mul(g, rows, glia_div(g, column, length)), w);
}

const struct nn_transform_kind glia_transform_weight_norm_ = {
    .name = "weight_norm", .source = "salimans2016", .build = build};
