/* The list `model:` of a run as layers, each appended to the graph for training and for evaluation. */
#include "glia_profile.h"
#include "nn_priv.h"

#include "glia_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define X(name) extern const struct nn_layer_kind glia_layer_##name##_;
#include "layers.def"
#undef X

static const struct nn_layer_kind *const kinds[] = {
#define X(name) &glia_layer_##name##_,
#include "layers.def"
#undef X
};
static const char *const names[] = {
#define X(name) #name,
#include "layers.def"
#undef X
    NULL};

glia_status glia_layer_error_(const struct nn_layer *l, const char *format, ...)
{
  char text[512];
  va_list args;

  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return glia_yaml_error(l->at, "layer %s: %s", l->name, text);
}

/* Where a name that means nothing was probably meant to point. */
static glia_status unknown_name(const struct glia_model *m, const struct glia_yaml *at,
                                const char *name, int n_layers)
{
  const char *before = n_layers < m->n_layers ? " before this one" : "";
  struct glia_arena scratch = {0};
  const char **known =
      glia_arena_take(&scratch, (size_t)(n_layers + m->n_fields + 2), sizeof *known);
  int n = 0;

  for (int i = 0; known != NULL && i < n_layers; i++) known[n++] = m->layer[i].name;
  for (int i = 0; known != NULL && i < m->n_fields; i++) known[n++] = m->field[i].name;
  if (known != NULL) known[n++] = "input";
  const char *nearest = known != NULL ? glia_nearest(name, known) : NULL;
  const glia_status st =
      glia_yaml_error(at, "no layer%s and no field of the data is named '%.60s'%s%s%s", before,
                      name, nearest != NULL ? ": did you mean '" : "",
                      nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
  glia_arena_fini(&scratch);
  return st;
}

glia_status glia_ref_find_(const struct glia_model *m, const struct glia_yaml *at, const char *name,
                           int n_layers, int *out)
{
  const bool input = strcmp(name, "input") == 0;
  const char *field = input ? "x" : name;
  char all[256] = "";
  size_t used = 0;

  for (int i = 0; i < n_layers; i++)
    if (strcmp(m->layer[i].name, name) == 0) {
      *out = i;
      return GLIA_OK;
    }
  for (int i = 0; i < m->n_fields; i++)
    if (strcmp(m->field[i].name, field) == 0) {
      *out = -1 - i;
      return GLIA_OK;
    }
  if (!input) return unknown_name(m, at, name, n_layers);
  for (int i = 0; i < m->n_fields && used < sizeof all; i++)
    used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "",
                             m->field[i].name);
  return glia_yaml_error(at, "the data have no field x, only %s", used > 0 ? all : "none at all");
}

glia_value glia_ref_value_(struct glia_model *m, int ref, bool training)
{
  if (ref >= 0) return m->layer[ref].out[training];
  const struct nn_field *f = &m->field[-1 - ref];
  glia_value x = glia_cast(m->g, f->value, m->dtype);
  if (f->scale != 1.0) x = glia_mul(m->g, x, glia_constant(m->g, f->scale));
  if (f->offset != 0.0) x = glia_add(m->g, x, glia_constant(m->g, f->offset));
  return x;
}

/* A name is one component of a path in files. */
static glia_status check_name(const struct glia_model *m, const struct glia_yaml *at,
                              const char *name, int index)
{
  const size_t n = strlen(name);
  bool good = n > 0 && n <= 200 && name[0] != '.';

  for (size_t i = 0; i < n; i++)
    good = good && (isalnum((unsigned char)name[i]) || strchr("-_.", name[i]) != NULL);
  if (!good)
    return glia_yaml_error(
        at, "'%.60s' is no name for a layer: letters, digits, '-', '_', and '.' but not first",
        name);
  if (strcmp(name, "input") == 0)
    return glia_yaml_error(at, "'input' stands for field x of the data");
  for (int i = 0; i < m->n_fields; i++)
    if (strcmp(m->field[i].name, name) == 0)
      return glia_yaml_error(at, "'%s' is a field of the data", name);
  for (int i = 0; i < index; i++)
    if (strcmp(m->layer[i].name, name) == 0)
      return glia_yaml_error(at, "two layers named '%s': model[%d] and model[%d]", name, i, index);
  return GLIA_OK;
}

/* "03-linear": position, of as many digits as the last one needs, and kind; or the name given. */
static glia_status name_layer(struct glia_model *m, const struct glia_yaml *item, int index)
{
  struct nn_layer *l = &m->layer[index];
  const struct glia_yaml *given = glia_yaml_get(item, "name");
  const char *name = NULL;
  char text[64];
  int digits = 2;

  for (int last = (m->n_layers - 1) / 100; last > 0 && digits < 9; last /= 10) digits++;
  snprintf(text, sizeof text, "%0*d-%s", digits, index, l->kind->name);
  GLIA_TRY(glia_yaml_get_text(item, "name", &name));
  if (name == NULL) name = text;
  GLIA_TRY(check_name(m, given != NULL ? given : item, name, index));
  l->name = glia_arena_text(&m->arena, name);
  GLIA_CHECK(l->name != NULL, GLIA_E_MEMORY, "layer %s", name);
  return GLIA_OK;
}

/* What a layer reads: `from`, or the one before. */
static glia_status connect(struct glia_model *m, const struct glia_yaml *item, int index)
{
  struct nn_layer *l = &m->layer[index];
  const struct glia_yaml *from = glia_yaml_get(item, "from");

  if (from != NULL && from->kind == GLIA_YAML_SCALAR) {
    l->n_in = 1;
    GLIA_TRY(glia_ref_find_(m, from, from->text, index, &l->in[0]));
  } else if (from != NULL && from->kind != GLIA_YAML_NULL) {
    if (from->kind != GLIA_YAML_LIST) return glia_yaml_error(from, "expected a list of names");
    for (const struct glia_yaml *c = from->child; c != NULL; c = c->next) {
      if (c->kind != GLIA_YAML_SCALAR) return glia_yaml_error(c, "expected a name");
      if (l->n_in == GLIA_MAX_IN) return glia_yaml_error(from, "more than %d names", GLIA_MAX_IN);
      GLIA_TRY(glia_ref_find_(m, c, c->text, index, &l->in[l->n_in++]));
    }
  } else if (l->kind->min_in == 1) {
    l->n_in = 1;
    if (index > 0)
      l->in[0] = index - 1;
    else
      GLIA_TRY(glia_ref_find_(m, l->at, "input", 0, &l->in[0]));
  }
  if (l->n_in < l->kind->min_in && l->kind->max_in == GLIA_MAX_IN)
    return glia_layer_error_(l, "needs from: [two names or more]");
  if (l->n_in < l->kind->min_in || l->n_in > l->kind->max_in)
    return glia_layer_error_(l, "reads %d value%s, from: names %d", l->kind->max_in,
                             l->kind->max_in == 1 ? "" : "s", l->n_in);
  return GLIA_OK;
}

static glia_status read_layer(struct glia_model *m, const struct glia_yaml *item, int index)
{
  static const char *const extra[] = {"name", "from", "transform", NULL};
  struct nn_layer *l = &m->layer[index];
  const struct glia_yaml *options = NULL;
  int kind = 0;

  GLIA_TRY(glia_kind_read_(item, "layer", names, extra, &kind, &options, &l->at));
  l->kind = kinds[kind];
  GLIA_TRY(name_layer(m, item, index));
  GLIA_TRY(glia_transforms_read_(m, item, l));
  if (l->kind->read != NULL)
    GLIA_TRY(l->kind->read(m, l, options));
  else
    GLIA_TRY(glia_options_read_(options, l->at, l->kind->name, l->kind->option, l->kind->shorthand,
                                l->v));
  return connect(m, item, index);
}

/* Why a layer is no smooth function of one sample, where it has to be one. */
static glia_status check_smooth(const struct glia_model *m, const struct nn_layer *l)
{
  const char *what = l->kind->name, *why = l->kind->rough;

  for (int i = 0; i < l->n_transforms && why == NULL; i++) {
    what = l->transform[i].kind->name;
    why = l->transform[i].kind->rough;
  }
  if (!m->smooth || why == NULL) return GLIA_OK;
  return glia_layer_error_(l, "%s: %s, and this network has to be a smooth function of one point",
                           what, why);
}

static glia_status append(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                          bool training, glia_value *y)
{
  GLIA_TRY(check_smooth(m, l));
  glia_graph_scope(m->g, l->name);
  const glia_status built = l->kind->build(m, l, x, training, y);
  glia_graph_scope(m->g, NULL);
  GLIA_TRY(built);
  const glia_status st = glia_graph_status(m->g);
  if (st == GLIA_E_MEMORY) return st;
  if (st != GLIA_OK) return glia_layer_error_(l, "%s", glia_trace_message());
  if (l->n_transforms > 0 && !l->transformed)
    return glia_layer_error_(l, "%s has no weight of its own to transform", l->kind->name);
  return GLIA_OK;
}

/* What one layer hands to the next is stored as `dtype` says. */
static void hand_on(struct glia_model *m, glia_value *y)
{
  if (m->storage == GLIA_BF16 && glia_value_type_(m, *y)->dtype == m->dtype)
    *y = glia_through_bf16(m->g, *y);
}

static glia_status build_layer(struct glia_model *m, struct nn_layer *l, bool training)
{
  glia_value x[GLIA_MAX_IN];

  for (int i = 0; i < l->n_in; i++) x[i] = glia_ref_value_(m, l->in[i], training);
  GLIA_TRY(append(m, l, x, training, &l->out[training]));
  if (l != &m->layer[m->n_layers - 1]) hand_on(m, &l->out[training]);
  return GLIA_OK;
}

static glia_status read_inner(struct glia_model *m, const struct nn_layer *parent,
                              const char *prefix, const struct glia_yaml *item, int index,
                              struct nn_layer *l)
{
  static const char *const extra[] = {"transform", NULL};
  const struct glia_yaml *options = NULL;
  char name[256];
  int kind = 0;

  GLIA_TRY(glia_kind_read_(item, "layer", names, extra, &kind, &options, &l->at));
  l->kind = kinds[kind];
  snprintf(name, sizeof name, "%s.%s%02d-%s", parent->name, prefix, index, l->kind->name);
  l->name = glia_arena_text(&m->arena, name);
  GLIA_CHECK(l->name != NULL, GLIA_E_MEMORY, "layer %s", name);
  l->n_in = 1;
  GLIA_TRY(glia_transforms_read_(m, item, l));
  if (l->kind->min_in != 1)
    return glia_layer_error_(l, "reads %d values: a layer inside another has one, that before it",
                             l->kind->min_in);
  if (l->kind->read != NULL) return l->kind->read(m, l, options);
  return glia_options_read_(options, l->at, l->kind->name, l->kind->option, l->kind->shorthand,
                            l->v);
}

glia_status glia_chain_of_(struct glia_model *m, const struct nn_layer *l, const char *prefix,
                           const struct glia_yaml *list, struct nn_chain *out)
{
  int index = 0;

  if (list->kind != GLIA_YAML_LIST || list->n_children == 0)
    return glia_yaml_error(list, "expected a list of layers");
  out->n = list->n_children;
  out->layer = glia_arena_take(&m->arena, (size_t)out->n, sizeof *out->layer);
  GLIA_CHECK(out->layer != NULL, GLIA_E_MEMORY, "%d layers of %s", out->n, l->name);
  for (const struct glia_yaml *item = list->child; item != NULL; item = item->next, index++)
    GLIA_TRY(read_inner(m, l, prefix, item, index, &out->layer[index]));
  return GLIA_OK;
}

glia_status glia_chain_build_(struct glia_model *m, const struct nn_chain *c, glia_value x,
                              bool training, glia_value *y)
{
  *y = x;
  for (int i = 0; i < c->n; i++) {
    const glia_value in = *y;
    GLIA_TRY(append(m, &c->layer[i], &in, training, y));
    if (i < c->n - 1) hand_on(m, y);
  }
  return GLIA_OK;
}

int64_t glia_chain_size_(const struct nn_chain *c)
{
  int64_t n = 0;

  for (int i = 0; i < c->n; i++) n += c->layer[i].size;
  return n;
}

static glia_status begin_layers(struct glia_model *m, const struct glia_yaml *list)
{
  if (list->kind != GLIA_YAML_LIST || list->n_children == 0)
    return glia_yaml_error(list, "expected a list of layers");
  m->n_layers = list->n_children;
  m->layer = glia_arena_take(&m->arena, (size_t)m->n_layers, sizeof *m->layer);
  GLIA_CHECK(m->layer != NULL, GLIA_E_MEMORY, "a model of %d layers", m->n_layers);
  return GLIA_OK;
}

glia_status glia_layers_read_(struct glia_model *m, const struct glia_yaml *list)
{
  int index = 0;

  GLIA_TRY(begin_layers(m, list));
  for (const struct glia_yaml *item = list->child; item != NULL; item = item->next)
    GLIA_TRY(read_layer(m, item, index++));
  return GLIA_OK;
}

glia_status glia_layers_build_(struct glia_model *m)
{
  m->evaluating = true;
  for (int i = 0; i < m->n_layers; i++) GLIA_TRY(build_layer(m, &m->layer[i], false));
  return GLIA_OK;
}

glia_status glia_chain_read_(struct glia_model *m, const struct glia_yaml *config)
{
  const struct glia_yaml *list = glia_yaml_get(config, "model");
  int index = 0;

  if (list == NULL) return glia_yaml_error(config, "model is missing: a list of layers");
  GLIA_TRY(begin_layers(m, list));
  for (const struct glia_yaml *item = list->child; item != NULL; item = item->next, index++) {
    GLIA_TRY(read_layer(m, item, index));
    GLIA_TRY(build_layer(m, &m->layer[index], true));
    GLIA_TRY(glia_module_end_(m, index + 1));
  }
  return glia_layers_build_(m);
}
