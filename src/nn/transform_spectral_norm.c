/* spectral_norm: w / sigma with sigma near the largest singular value of w as a matrix [out, n]: in every training step one power
 * iteration v = W^T u, u' = W v (both brought to length 1) from the state <name>_u, which becomes u'; sigma = u'^T W v, u' and v
 * without derivative. u begins with equal numbers. Evaluation takes the state as it is.
 * Source: miyato2018 (arXiv:1802.05957). */
#include "nn_priv.h"

#include <math.h>

/* A column [n, 1] of length 1. */
static glia_value unit(struct glia_graph *g, glia_value x)
{
  const glia_value square = glia_reduce_sum(g, glia_mul(g, x, x), -1, NULL, false);

  return glia_div(g, x, glia_sqrt(g, glia_max(g, square, glia_constant(g, 1e-24))));
}

static glia_value build(struct glia_model *m, struct nn_layer *l, const struct nn_transform *t,
                        const char *name, glia_value w)
{
  struct glia_graph *g = m->g;
  const glia_value rows = glia_as_matrix_(m, w), still = glia_stop_gradient(g, rows);
  const int64_t out = glia_value_type_(m, rows)->dim[0], column[] = {out, 1};
  char own[NN_MAX_NAME];

  (void)t;
  const glia_value state =
      glia_layer_state_(m, l, glia_joined_(own, name, "_u"), 1, &out, 1.0 / sqrt((double)out));
  glia_value u = glia_reshape(g, state, 2, column);
  const glia_value v = unit(g, glia_matmul(g, still, u, true, false));
  if (!m->evaluating) {
    u = unit(g, glia_matmul(g, still, v, false, false));
    glia_layer_keep_(m, state, glia_reshape(g, u, 1, &out));
  }
  const glia_value sigma =
      glia_reduce_sum(g, glia_mul(g, u, glia_matmul(g, rows, v, false, false)), -1, NULL, false);
  return glia_as_weight_(m, glia_div(g, rows, sigma), w);
}

const struct nn_transform_kind glia_transform_spectral_norm_ = {.name = "spectral_norm",
                                                                .rough =
                                                                    "what it keeps is of training",
                                                                .source = "miyato2018",
                                                                .build = build};
