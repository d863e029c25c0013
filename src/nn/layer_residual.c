/* residual: y = x + body(x), body a list of layers; {body: [...], shortcut: [...]}: y = shortcut(x) + body(x).
 * Layers inside are named behind this one: 03-residual.00-conv.  Source: he2016 (arXiv:1512.03385). */
#include "nn_priv.h"

struct residual {
  struct nn_chain body, shortcut;
};

static glia_status read_residual(struct glia_model *m, struct nn_layer *l,
                                 const struct glia_yaml *options)
{
  static const char *const known[] = {"body", "shortcut", NULL};
  struct residual *o = glia_arena_take(&m->arena, 1, sizeof *o);
  const struct glia_yaml *body = options, *shortcut = NULL;

  GLIA_CHECK(o != NULL, GLIA_E_MEMORY, "layer %s", l->name);
  if (options != NULL && options->kind == GLIA_YAML_MAP) {
    GLIA_TRY(glia_yaml_check_keys(options, known));
    body = glia_yaml_get(options, "body");
    shortcut = glia_yaml_get(options, "shortcut");
  }
  if (body == NULL)
    return glia_yaml_error(l->at,
                           "residual takes a list of layers, or {body: [...], shortcut: [...]}");
  GLIA_TRY(glia_chain_of_(m, l, "", body, &o->body));
  if (shortcut != NULL) GLIA_TRY(glia_chain_of_(m, l, "shortcut.", shortcut, &o->shortcut));
  l->own = o;
  return GLIA_OK;
}

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  const struct residual *o = l->own;
  glia_value inside, past;
  char a[128], b[128];

  GLIA_TRY(glia_chain_build_(m, &o->body, x[0], training, &inside));
  GLIA_TRY(glia_chain_build_(m, &o->shortcut, x[0], training, &past));
  l->size = glia_chain_size_(&o->body) + glia_chain_size_(&o->shortcut);
  if (!glia_type_same_shape(glia_value_type_(m, inside), glia_value_type_(m, past)))
    return glia_layer_error_(l, "body gives rows of shape %s, beside it are rows of shape %s",
                             glia_row_text_(m, inside, a, sizeof a),
                             glia_row_text_(m, past, b, sizeof b));
  *y = glia_add(m->g, past, inside);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_residual_ = {
    .name = "residual",
    .source = "he2016",
    .min_in = 1,
    .max_in = 1,
    .read = read_residual,
    .build = build,
};
