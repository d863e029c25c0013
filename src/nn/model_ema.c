/* `ema:` of a run: a moving average of each trained parameter, for evaluation.
 *   a = decay a + (1 - decay) w after each step; after the first, a = w.  Source: polyak1992. */
#include "nn_priv.h"

#include <stdio.h>
#include <string.h>

glia_status glia_ema_read_(struct glia_model *m, const struct glia_yaml *config)
{
  static const char *const keys[] = {"decay", "eval", NULL};
  const struct glia_yaml *node = glia_yaml_get(config, "ema");

  if (node == NULL || node->kind == GLIA_YAML_NULL) return GLIA_OK;
  if (node->kind != GLIA_YAML_MAP)
    return glia_yaml_error(node, "expected a map, as in ema: {decay: 0.999}");
  m->ema_eval = true;
  GLIA_TRY(glia_yaml_check_keys(node, keys));
  GLIA_TRY(glia_yaml_get_real(node, "decay", 0.0, NN_BELOW_ONE, &m->ema));
  if (m->ema == 0.0) return glia_yaml_error(node, "ema needs decay, above 0 and below 1");
  return glia_yaml_get_bool(node, "eval", &m->ema_eval);
}

void glia_ema_build_(struct glia_model *m, const glia_value *next)
{
  struct glia_graph *g = m->g;
  const glia_value first =
      glia_compare(g, GLIA_LE, glia_cast(g, m->step, GLIA_F64), glia_constant(g, 1.0));

  for (int i = 0; i < m->n_parameters; i++) {
    const struct nn_parameter *p = &m->parameter[i];
    if (p->average == GLIA_NONE) continue;
    const glia_value step =
        glia_mul(g, glia_sub(g, next[i], p->average), glia_constant(g, 1.0 - m->ema));
    glia_layer_keep_(m, p->average, glia_select(g, first, next[i], glia_add(g, p->average, step)));
  }
}
