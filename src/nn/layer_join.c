/* Layers that join several: add and mul (element by element, shapes equal), gate (from u to v by z) and concat (along an axis of the rows). */
#include "nn_priv.h"

static glia_status same_shapes(const struct glia_model *m, const struct nn_layer *l,
                               const glia_value *x)
{
  char a[128], b[128];

  for (int i = 1; i < l->n_in; i++)
    if (!glia_type_same_shape(glia_value_type_(m, x[0]), glia_value_type_(m, x[i])))
      return glia_layer_error_(l, "inputs have rows of shapes %s and %s, expected equal ones",
                               glia_row_text_(m, x[0], a, sizeof a),
                               glia_row_text_(m, x[i], b, sizeof b));
  return GLIA_OK;
}

#define JOIN(kind)                                                                                 \
  static glia_status build_##kind(struct glia_model *m, struct nn_layer *l, const glia_value *x,   \
                                  bool training, glia_value *y)                                    \
  {                                                                                                \
    (void)training;                                                                                \
    GLIA_TRY(same_shapes(m, l, x));                                                                \
    *y = x[0];                                                                                     \
    for (int i = 1; i < l->n_in; i++) *y = glia_##kind(m->g, *y, x[i]);                            \
    return GLIA_OK;                                                                                \
  }                                                                                                \
  const struct nn_layer_kind glia_layer_##kind##_ = {                                              \
      .name = #kind, .min_in = 2, .max_in = GLIA_MAX_IN, .build = build_##kind};

JOIN(add)
JOIN(mul)

/* from: [z, u, v]: y = u + z (v - u).  Source: wang2021. */
static glia_status build_gate(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                              bool training, glia_value *y)
{
  (void)training;
  GLIA_TRY(same_shapes(m, l, x));
  *y = glia_add(m->g, x[1], glia_mul(m->g, x[0], glia_sub(m->g, x[2], x[1])));
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_gate_ = {
    .name = "gate", .source = "wang2021", .min_in = 3, .max_in = 3, .build = build_gate};

static glia_status build_concat(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                bool training, glia_value *y)
{
  const struct glia_type *first = glia_value_type_(m, x[0]);
  const int axis = l->v[0] < 0 ? first->rank - 1 : 1 + (int)l->v[0];
  char a[128], b[128];

  (void)training;
  if (axis < 1 || axis >= first->rank)
    return glia_layer_error_(l, "input has rows of shape %s: no axis %d",
                             glia_row_text_(m, x[0], a, sizeof a), axis - 1);
  for (int i = 1; i < l->n_in; i++) {
    struct glia_type type = *glia_value_type_(m, x[i]);
    if (type.rank == first->rank) type.dim[axis] = first->dim[axis];
    if (!glia_type_same_shape(first, &type))
      return glia_layer_error_(
          l, "inputs have rows of shapes %s and %s, expected equal ones but for axis %d",
          glia_row_text_(m, x[0], a, sizeof a), glia_row_text_(m, x[i], b, sizeof b), axis - 1);
  }
  *y = glia_concat(m->g, l->n_in, x, axis);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_concat_ = {
    .name = "concat",
    .min_in = 2,
    .max_in = GLIA_MAX_IN,
    .option =
        (const struct nn_option[]){
            {.name = "axis",
             .type = NN_COUNT,
             .lo = -1,
             .hi = GLIA_MAX_RANK,
             .value = -1}, /* of the row; -1: last */
            {.name = NULL},
        },
    .build = build_concat,
};
