/* Activations: an operator on each element, or on the last axis of each row. No parameters. */
#include "nn_priv.h"

#include <math.h>

#define ACTIVATION(kind, paper, why_rough)                                                         \
  static glia_status build_##kind(struct glia_model *m, struct nn_layer *l, const glia_value *x,   \
                                  bool training, glia_value *y)                                    \
  {                                                                                                \
    (void)l;                                                                                       \
    (void)training;                                                                                \
    *y = glia_##kind(m->g, x[0]);                                                                  \
    return GLIA_OK;                                                                                \
  }                                                                                                \
  const struct nn_layer_kind glia_layer_##kind##_ = {.name = #kind,                                \
                                                     .source = paper,                              \
                                                     .min_in = 1,                                  \
                                                     .max_in = 1,                                  \
                                                     .rough = why_rough,                           \
                                                     .build = build_##kind};

ACTIVATION(relu, "nair2010", "it has a kink")
ACTIVATION(tanh, NULL, NULL)
ACTIVATION(sigmoid, NULL, NULL)
ACTIVATION(silu, "elfwing2017", NULL)
ACTIVATION(sin, NULL, NULL)
ACTIVATION(softplus, NULL, NULL)

/* Those with a number. */
#define WITH_NUMBER(kind, option_name, least, usual, paper)                                        \
  static glia_status build_##kind(struct glia_model *m, struct nn_layer *l, const glia_value *x,   \
                                  bool training, glia_value *y)                                    \
  {                                                                                                \
    (void)training;                                                                                \
    *y = glia_##kind(m->g, x[0], l->v[0]);                                                         \
    return GLIA_OK;                                                                                \
  }                                                                                                \
  const struct nn_layer_kind glia_layer_##kind##_ = {                                              \
      .name = #kind,                                                                               \
      .source = paper,                                                                             \
      .min_in = 1,                                                                                 \
      .max_in = 1,                                                                                 \
      .shorthand = true,                                                                           \
      .option =                                                                                    \
          (const struct nn_option[]){                                                              \
              {.name = option_name, .type = NN_REAL, .lo = least, .hi = HUGE_VAL, .value = usual}, \
              {.name = NULL},                                                                      \
          },                                                                                       \
      .rough = "it has a kink",                                                                    \
      .build = build_##kind};

WITH_NUMBER(elu, "alpha", 0.0, 1.0, "clevert2015")
WITH_NUMBER(leaky_relu, "slope", -HUGE_VAL, 0.01, "maas2013")

static const char *const gelu_forms[] = {"none", "tanh", NULL};

static glia_status build_gelu(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                              bool training, glia_value *y)
{
  (void)training;
  *y = l->v[0] != 0.0 ? glia_gelu_tanh(m->g, x[0]) : glia_gelu(m->g, x[0]);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_gelu_ = {
    .name = "gelu",
    .source = "hendrycks2016",
    .min_in = 1,
    .max_in = 1,
    .option =
        (const struct nn_option[]){
            {.name = "approximate", .type = NN_CHOICE, .words = gelu_forms, .value = 0},
            {.name = NULL},
        },
    .build = build_gelu,
};

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
