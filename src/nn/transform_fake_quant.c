/* fake_quant: w rounded to a multiple of s = max |w| / (2^(bits - 1) - 1), over the whole weight or over each output channel; the derivative
 * is 1 (straight through), and none goes to s.  Source: jacob2017 (arXiv:1712.05877), bengio2013 (arXiv:1308.3432). */
#include "nn_priv.h"

#include <math.h>

enum { BITS, PER_CHANNEL };

static glia_value build(struct glia_model *m, struct nn_layer *l, const struct nn_transform *t,
                        const char *name, glia_value w)
{
  struct glia_graph *g = m->g;
  const double levels = exp2(t->v[BITS] - 1.0) - 1.0;
  const bool each = t->v[PER_CHANNEL] != 0.0;
  const int columns = 1;
  const glia_value rows = glia_as_matrix_(m, w);

  (void)l;
  (void)name;
  const glia_value top = glia_reduce_max(g, glia_abs(g, rows), each ? 1 : -1, &columns, each);
  /* weights that are all 0 stay so */
  const glia_value s =
      glia_max(g, glia_mul(g, top, glia_constant(g, 1.0 / levels)), glia_constant(g, 1e-30));
  const glia_value rounded = glia_mul(g, glia_round(g, glia_div(g, rows, s)), s);
  return glia_as_weight_(m, glia_add(g, rows, glia_stop_gradient(g, glia_sub(g, rounded, rows))),
                         w);
}

const struct nn_transform_kind glia_transform_fake_quant_ = {
    .name = "fake_quant",
    .rough = "it rounds",
    .source = "jacob2017",
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "bits", .type = NN_COUNT, .lo = 2, .hi = 16, .value = 8},
            {.name = "per_channel", .type = NN_FLAG, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
