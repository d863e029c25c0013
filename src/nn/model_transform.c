/* `transform:` of a layer: its weights as functions of parameters and states alone, so computed once per step. */
#include "nn_priv.h"

#include <string.h>

#define X(name) extern const struct nn_transform_kind glia_transform_##name##_;
#include "transforms.def"
#undef X

static const struct nn_transform_kind *const kinds[] = {
#define X(name) &glia_transform_##name##_,
#include "transforms.def"
#undef X
};
static const char *const names[] = {
#define X(name) #name,
#include "transforms.def"
#undef X
    NULL};

static glia_status read_one(const struct glia_yaml *node, struct nn_transform *t)
{
  const struct glia_yaml *options = NULL, *at = NULL;
  int kind = 0;

  GLIA_TRY(glia_kind_read_(node, "transform", names, NULL, &kind, &options, &at));
  t->kind = kinds[kind];
  return glia_options_read_(options, at, t->kind->name, t->kind->option, t->kind->shorthand, t->v);
}

glia_status glia_transforms_read_(struct glia_model *m, const struct glia_yaml *item,
                                  struct nn_layer *l)
{
  const struct glia_yaml *node = glia_yaml_get(item, "transform");

  if (node == NULL || node->kind == GLIA_YAML_NULL) return GLIA_OK;
  const bool list = node->kind == GLIA_YAML_LIST;
  l->n_transforms = list ? node->n_children : 1;
  l->transform = glia_arena_take(&m->arena, (size_t)l->n_transforms + 1, sizeof *l->transform);
  GLIA_CHECK(l->transform != NULL, GLIA_E_MEMORY, "transforms of %s", l->name);
  if (!list) return read_one(node, &l->transform[0]);
  int i = 0;
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    GLIA_TRY(read_one(c, &l->transform[i++]));
  return GLIA_OK;
}

glia_value glia_transformed_(struct glia_model *m, struct nn_layer *l, const char *name,
                             glia_value w)
{
  const size_t n = strlen(name), suffix = strlen("weight");

  if (l->n_transforms == 0 || n < suffix || strcmp(name + n - suffix, "weight") != 0) return w;
  if (glia_value_type_(m, w)->rank < 2) return w;
  l->transformed = true;
  for (int i = 0; i < l->n_transforms; i++)
    w = l->transform[i].kind->build(m, l, &l->transform[i], name, w);
  return w;
}

glia_value glia_as_matrix_(struct glia_model *m, glia_value w)
{
  const struct glia_type *type = glia_value_type_(m, w);
  const int64_t dim[] = {type->dim[0], glia_type_count(type) / type->dim[0]};

  return glia_reshape(m->g, w, 2, dim);
}

glia_value glia_as_weight_(struct glia_model *m, glia_value matrix, glia_value w)
{
  const struct glia_type type = *glia_value_type_(m, w);

  return glia_reshape(m->g, matrix, type.rank, type.dim);
}
