/* `optimizer:` of a run: one for all parameters, and groups by pattern on their paths. */
#include "nn_priv.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

#define X(name) extern const struct nn_optimizer_kind glia_optimizer_##name##_;
#include "optimizers.def"
#undef X

static const struct nn_optimizer_kind *const kinds[] = {
#define X(name) &glia_optimizer_##name##_,
#include "optimizers.def"
#undef X
};
static const char *const names[] = {
#define X(name) #name,
#include "optimizers.def"
#undef X
    NULL};

static glia_status read_optimizer(const struct glia_yaml *node, const char *const *extra,
                                  struct nn_optimizer *o)
{
  const struct glia_yaml *options = NULL, *at = NULL;
  int kind = 0;

  GLIA_TRY(glia_kind_read_(node, "optimizer", names, extra, &kind, &options, &at));
  o->kind = kinds[kind];
  GLIA_TRY(glia_options_read_(options, at, o->kind->name, o->kind->option, false, o->v));
  if (o->kind->check != NULL) GLIA_TRY(o->kind->check(o, at));
  return GLIA_OK;
}

/* What one group says: an optimizer of its own, or changes to the common one. */
static glia_status read_group(const struct glia_model *m, const struct glia_yaml *node,
                              struct nn_optimizer *o, bool *frozen)
{
  static const char *const keys[] = {"optimizer", "lr", "decay", "frozen", NULL};
  const struct glia_yaml *own = glia_yaml_get(node, "optimizer");

  *o = m->optimizer;
  *frozen = false;
  GLIA_TRY(glia_yaml_check_keys(node, keys));
  if (own != NULL) GLIA_TRY(read_optimizer(own, NULL, o));
  GLIA_TRY(glia_yaml_get_real(node, "lr", 0.0, INFINITY, &o->v[NN_LR]));
  GLIA_TRY(glia_yaml_get_real(node, "decay", 0.0, INFINITY, &o->v[NN_WEIGHT_DECAY]));
  GLIA_TRY(glia_yaml_get_bool(node, "frozen", frozen));
  if (o->v[NN_LR] != m->optimizer.v[NN_LR] && m->optimizer.v[NN_LR] == 0.0)
    return glia_yaml_error(
        node, "the schedule scales lr of the optimizer, which is 0: no group can have another");
  return GLIA_OK;
}

/* The first group that matches a parameter has it. */
static glia_status apply_groups(struct glia_model *m, const struct glia_yaml *groups)
{
  bool *taken = glia_arena_take(&m->arena, (size_t)m->n_parameters + 1, sizeof *taken);

  GLIA_CHECK(taken != NULL, GLIA_E_MEMORY, "groups");
  if (groups->kind == GLIA_YAML_NULL) return GLIA_OK;
  if (groups->kind != GLIA_YAML_MAP)
    return glia_yaml_error(groups, "expected a map from patterns to options");
  for (const struct glia_yaml *c = groups->child; c != NULL; c = c->next) {
    struct nn_optimizer o;
    bool frozen, any = false;
    GLIA_TRY(read_group(m, c, &o, &frozen));
    for (int i = 0; i < m->n_parameters; i++) {
      struct nn_parameter *p = &m->parameter[i];
      if (fnmatch(c->key, p->path + strlen("params/"), 0) != 0) continue;
      any = true;
      if (taken[i]) continue;
      taken[i] = true;
      p->optimizer = o;
      p->frozen = frozen;
    }
    if (!any)
      return glia_yaml_error(c, "no parameter matches this pattern; the first is %s",
                             m->n_parameters > 0 ? m->parameter[0].path + strlen("params/")
                                                 : "missing");
  }
  return GLIA_OK;
}

glia_status glia_optimizer_read_(struct glia_model *m, const struct glia_yaml *config)
{
  static const char *const extra[] = {"groups", NULL};
  const struct glia_yaml *node = glia_yaml_get(config, "optimizer");
  const struct glia_yaml *clip = glia_yaml_get(config, "clip_norm");

  m->optimizer.kind = &glia_optimizer_adam_;
  if (node != NULL && node->kind != GLIA_YAML_NULL)
    GLIA_TRY(read_optimizer(node, extra, &m->optimizer));
  else
    GLIA_TRY(
        glia_options_read_(NULL, config, "adam", m->optimizer.kind->option, false, m->optimizer.v));
  for (int i = 0; i < m->n_parameters; i++) m->parameter[i].optimizer = m->optimizer;
  const struct glia_yaml *groups = glia_yaml_get(node, "groups");
  if (groups != NULL) GLIA_TRY(apply_groups(m, groups));
  if (clip == NULL || clip->kind == GLIA_YAML_NULL) return GLIA_OK;
  GLIA_TRY(glia_yaml_get_real(clip, "", 0.0, INFINITY, &m->clip_norm));
  if (m->clip_norm == 0.0)
    return glia_yaml_error(clip, "found 0, expected a norm above 0; leave it out for no clipping");
  return GLIA_OK;
}
