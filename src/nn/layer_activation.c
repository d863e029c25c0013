/* Activations: an operator on each element, or on the last axis of each row. No options, no parameters. */
#include "nn_priv.h"

#define ACTIVATION(kind, paper)                                                                    \
  static glia_status build_##kind(struct glia_model *m, struct nn_layer *l, const glia_value *x,   \
                                  bool training, glia_value *y)                                    \
  {                                                                                                \
    (void)l;                                                                                       \
    (void)training;                                                                                \
    *y = glia_##kind(m->g, x[0]);                                                                  \
    return GLIA_OK;                                                                                \
  }                                                                                                \
  const struct nn_layer_kind glia_layer_##kind##_ = {                                              \
      .name = #kind, .source = paper, .min_in = 1, .max_in = 1, .build = build_##kind};

ACTIVATION(relu, "nair2010")
ACTIVATION(tanh, NULL)
ACTIVATION(sigmoid, NULL)
ACTIVATION(silu, "elfwing2017")
ACTIVATION(sin, NULL)

/* Those of the last axis want one. */
#define OVER_LAST_AXIS(kind)                                                                       \
  static glia_status build_##kind(struct glia_model *m, struct nn_layer *l, const glia_value *x,   \
                                  bool training, glia_value *y)                                    \
  {                                                                                                \
    (void)training;                                                                                \
    if (glia_value_type_(m, x[0])->rank < 2)                                                       \
      return glia_layer_error_(l, "input has rows of one number, expected an axis");               \
    *y = glia_##kind(m->g, x[0]);                                                                  \
    return GLIA_OK;                                                                                \
  }                                                                                                \
  const struct nn_layer_kind glia_layer_##kind##_ = {                                              \
      .name = #kind, .min_in = 1, .max_in = 1, .build = build_##kind};

OVER_LAST_AXIS(softmax)
OVER_LAST_AXIS(log_softmax)
