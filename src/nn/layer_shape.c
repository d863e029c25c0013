/* flatten: rows [d0, d1, ...] -> [d0 d1 ...].  reshape: [..] rows of the shape given, of as many elements. */
#include "nn_priv.h"

static glia_status build_flatten(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                 bool training, glia_value *y)
{
  (void)l;
  (void)training;
  *y = glia_rows_flat_(m, x[0]);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_flatten_ = {
    .name = "flatten",
    .min_in = 1,
    .max_in = 1,
    .build = build_flatten,
};

static glia_status read_reshape(struct glia_model *m, struct nn_layer *l,
                                const struct glia_yaml *options)
{
  static const char *const keys[] = {"to", NULL};
  struct glia_type *row = glia_arena_take(&m->arena, 1, sizeof *row);

  if (options != NULL && options->kind == GLIA_YAML_MAP) {
    GLIA_TRY(glia_yaml_check_keys(options, keys));
    options = glia_yaml_get(options, "to");
  }
  GLIA_CHECK(row != NULL, GLIA_E_MEMORY, "layer %s", l->name);
  if (options == NULL || options->kind != GLIA_YAML_LIST || options->n_children < 1 ||
      options->n_children >= GLIA_MAX_RANK)
    return glia_layer_error_(l, "reshape takes the shape of a row: a list of 1 to %d extents",
                             GLIA_MAX_RANK - 1);
  for (const struct glia_yaml *c = options->child; c != NULL; c = c->next) {
    row->dim[row->rank] = 0;
    GLIA_TRY(glia_yaml_get_int(c, "", 1, INT32_MAX, &row->dim[row->rank]));
    if (row->dim[row->rank++] == 0) return glia_yaml_error(c, "found nothing, expected an extent");
  }
  l->own = row;
  return GLIA_OK;
}

static glia_status build_reshape(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                 bool training, glia_value *y)
{
  const struct glia_type *row = l->own;
  const struct glia_type *type = glia_value_type_(m, x[0]);
  int64_t dim[GLIA_MAX_RANK] = {m->micro_batch};
  char text[128];

  (void)training;
  for (int i = 0; i < row->rank; i++) dim[1 + i] = row->dim[i];
  if (glia_type_count(row) * m->micro_batch != glia_type_count(type))
    return glia_layer_error_(
        l, "input has rows of shape %s (%lld elements), expected %lld elements",
        glia_row_text_(m, x[0], text, sizeof text),
        (long long)(glia_type_count(type) / m->micro_batch), (long long)glia_type_count(row));
  *y = glia_reshape(m->g, x[0], 1 + row->rank, dim);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_reshape_ = {
    .name = "reshape",
    .min_in = 1,
    .max_in = 1,
    .read = read_reshape,
    .build = build_reshape,
};
