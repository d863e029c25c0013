/* What layers over the last axis share: dense maps, layer norm, dropout. */
#include "nn_priv.h"

#include <math.h>
#include <stdio.h>

const char *glia_joined_(char out[NN_MAX_NAME], const char *prefix, const char *name)
{
  snprintf(out, NN_MAX_NAME, "%s%s", prefix, name);
  return out;
}

struct nn_init glia_uniform_(int64_t n)
{
  return (struct nn_init){.spread = 1.0 / sqrt((double)n)};
}

struct nn_init glia_glorot_(int64_t in, int64_t out)
{
  return (struct nn_init){.spread = sqrt(6.0 / ((double)in + (double)out))};
}

glia_value glia_times_(struct glia_model *m, glia_value x, glia_value w)
{
  const struct glia_type type = *glia_value_type_(m, x), *of_w = glia_value_type_(m, w);
  const int last = type.rank - 1;
  struct glia_type out = type;

  if (x == GLIA_NONE || w == GLIA_NONE) return GLIA_NONE;
  const int64_t n = type.dim[last], rows = glia_type_count(&type) / n;
  out.dim[last] = of_w->dim[0];
  const glia_value flat = glia_reshape(m->g, x, 2, (int64_t[]){rows, n});
  return glia_reshape(m->g, glia_matmul(m->g, flat, w, false, true), out.rank, out.dim);
}

glia_value glia_dense_(struct glia_model *m, struct nn_layer *l, const char *prefix, glia_value x,
                       int64_t units, struct nn_init of_weight, const struct nn_init *of_bias)
{
  const struct glia_type *type = glia_value_type_(m, x);
  char name[NN_MAX_NAME];
  const glia_value w =
      glia_layer_parameter_(m, l, glia_joined_(name, prefix, "weight"), 2,
                            (int64_t[]){units, type->dim[type->rank - 1]}, of_weight);
  const glia_value y = glia_times_(m, x, w);

  if (of_bias == NULL) return y;
  return glia_add(
      m->g, y,
      glia_layer_parameter_(m, l, glia_joined_(name, prefix, "bias"), 1, &units, *of_bias));
}

glia_value glia_last_norm_(struct glia_model *m, struct nn_layer *l, const char *prefix,
                           glia_value x, double eps, bool l1, bool affine)
{
  struct glia_graph *g = m->g;
  const struct glia_type *type = glia_value_type_(m, x);
  const int last = type->rank - 1;
  const int64_t n = type->dim[last];
  char name[NN_MAX_NAME];

  if (m->smooth && l1) return glia_graph_fail(g, GLIA_E_CONFIG, "norm: l1 has kinks");
  const glia_value mean = glia_reduce_mean(g, x, 1, &last, true);
  const glia_value sum = glia_spread_(g, x, mean, GLIA_NONE, 1, &last, l1);
  const glia_value spread = glia_div(g, sum, glia_constant(g, (double)n));
  const glia_value total = glia_full(g, glia_type_make(type->dtype, 0, NULL), (double)n);
  const struct nn_normal normal = {mean, spread, GLIA_NONE, total, eps, 1, &last};
  const glia_value y = l1 ? glia_scaled_down_(g, glia_sub(g, x, mean), spread, eps, true)
                          : glia_normal_(g, x, &normal);
  if (!affine) return y;
  const glia_value w = glia_layer_parameter_(m, l, glia_joined_(name, prefix, "weight"), 1, &n,
                                             (struct nn_init){.offset = 1.0});
  const glia_value b =
      glia_layer_parameter_(m, l, glia_joined_(name, prefix, "bias"), 1, &n, (struct nn_init){0});
  return glia_add(g, glia_mul(g, y, w), b);
}

glia_value glia_dropout_(struct glia_model *m, const struct nn_layer *l, const char *use,
                         glia_value x, double p, bool training)
{
  const struct glia_type *type = glia_value_type_(m, x);
  char stream[320];

  if (m->smooth && p > 0.0)
    return glia_graph_fail(m->g, GLIA_E_CONFIG, "dropout draws random numbers");
  if (!training || p == 0.0) return x;
  snprintf(stream, sizeof stream, "%s/%s", l->name, use);
  const glia_value u = glia_random(m->g, m->dtype, stream, m->seed, m->step, m->position,
                                   type->rank - 1, &type->dim[1]);
  const glia_value keep = glia_compare(m->g, GLIA_GE, u, glia_constant(m->g, p));
  const glia_value factor =
      glia_select(m->g, keep, glia_full(m->g, *type, 1.0 / (1.0 - p)), glia_full(m->g, *type, 0.0));
  return glia_mul(m->g, x, factor);
}
