/* The `loss:` of a run: one loss, or a weighted sum of several on any layers. */
#include "nn_priv.h"

#include <math.h>
#include <string.h>

#define X(name) extern const struct nn_loss_kind glia_loss_##name##_;
#include "losses.def"
#undef X

static const struct nn_loss_kind *const kinds[] = {
#define X(name) &glia_loss_##name##_,
#include "losses.def"
#undef X
};
static const char *const names[] = {
#define X(name) #name,
#include "losses.def"
#undef X
    NULL};

/* Labels are whole numbers, one per row, that the layer can tell apart. */
static glia_status check_labels(const struct glia_model *m, const struct nn_loss *t)
{
  const struct nn_field *f = t->target < 0 ? &m->field[-1 - t->target] : NULL;
  const glia_value of = t->of >= 0 ? m->layer[t->of].out[true] : GLIA_NONE;
  const char *name = t->kind->name;
  char text[128];

  if (f == NULL) return glia_yaml_error(t->at, "%s: target must be a field of the data", name);
  if (of == GLIA_NONE) return glia_yaml_error(t->at, "%s: of must be a layer", name);
  if (glia_dtype_is_float(f->row.dtype) || glia_type_count(&f->row) != 1)
    return glia_yaml_error(t->at, "%s wants a whole number per row, field %s holds %s", name,
                           f->name, glia_type_text(&f->row, text, sizeof text));
  const struct glia_type *type = glia_value_type_(m, of);
  if (type->rank != 2)
    return glia_yaml_error(t->at, "%s wants one axis of logits, layer %s has rows of shape %s",
                           name, m->layer[t->of].name, glia_row_text_(m, of, text, sizeof text));
  if (strcmp(f->name, "y") == 0 && m->n_classes > type->dim[1])
    return glia_yaml_error(
        t->at, "%s: labels go up to %lld, layer %s tells %lld classes apart (0 to %lld)", name,
        (long long)m->n_classes - 1, m->layer[t->of].name, (long long)type->dim[1],
        (long long)type->dim[1] - 1);
  return GLIA_OK;
}

static glia_status check_sizes(struct glia_model *m, const struct nn_loss *t)
{
  const glia_value of = glia_ref_value_(m, t->of, true);
  const glia_value target = glia_ref_value_(m, t->target, true);
  char a[128], b[128];

  if (glia_type_count(glia_value_type_(m, of)) != glia_type_count(glia_value_type_(m, target)))
    return glia_yaml_error(t->at, "%s: rows of shape %s against a target of shape %s",
                           t->kind->name, glia_row_text_(m, of, a, sizeof a),
                           glia_row_text_(m, target, b, sizeof b));
  return GLIA_OK;
}

/* One loss: its name, or a map with of, target and weight. */
static glia_status read_loss(struct glia_model *m, const struct glia_yaml *node, struct nn_loss *t)
{
  static const char *const keys[] = {"name", "of", "target", "weight", NULL};
  const char *of = NULL, *target = "y";
  int kind = -1;

  *t = (struct nn_loss){.at = node, .of = m->n_layers - 1, .weight = 1.0};
  if (node->kind == GLIA_YAML_MAP) {
    GLIA_TRY(glia_yaml_check_keys(node, keys));
    GLIA_TRY(glia_yaml_get_choice(node, "name", names, &kind));
    GLIA_TRY(glia_yaml_get_text(node, "of", &of));
    GLIA_TRY(glia_yaml_get_text(node, "target", &target));
    GLIA_TRY(glia_yaml_get_real(node, "weight", -INFINITY, INFINITY, &t->weight));
  } else {
    GLIA_TRY(glia_yaml_get_choice(node, "", names, &kind));
  }
  if (kind < 0) return glia_yaml_error(node, "no name of a loss here");
  t->kind = kinds[kind];
  const struct glia_yaml *at_of = glia_yaml_get(node, "of"),
                         *at_target = glia_yaml_get(node, "target");
  if (of != NULL) GLIA_TRY(glia_ref_find_(m, at_of, of, m->n_layers, &t->of));
  if (t->kind->target == NN_TARGET_NONE) {
    if (at_target != NULL) return glia_yaml_error(at_target, "%s has no target", t->kind->name);
    return GLIA_OK;
  }
  GLIA_TRY(
      glia_ref_find_(m, at_target != NULL ? at_target : node, target, m->n_layers, &t->target));
  return t->kind->target == NN_TARGET_LABEL ? check_labels(m, t) : check_sizes(m, t);
}

glia_status glia_losses_read_(struct glia_model *m, const struct glia_yaml *config)
{
  const struct glia_yaml *node = glia_yaml_get(config, "loss");
  const bool list = node != NULL && node->kind == GLIA_YAML_LIST;

  if (node == NULL || node->kind == GLIA_YAML_NULL || (list && node->n_children == 0))
    return glia_yaml_error(node != NULL ? node : config, "loss is missing, as in loss: %s",
                           names[0]);
  m->loss = glia_arena_take(&m->arena, list ? (size_t)node->n_children : 1, sizeof *m->loss);
  GLIA_CHECK(m->loss != NULL, GLIA_E_MEMORY, "losses");
  if (!list) return read_loss(m, node, &m->loss[m->n_losses++]);
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    GLIA_TRY(read_loss(m, c, &m->loss[m->n_losses++]));
  return GLIA_OK;
}

static glia_value sum_weighted(struct glia_model *m, glia_value per_sample)
{
  const glia_value w = glia_cast(m->g, m->weight, GLIA_F64);

  return glia_reduce_sum(m->g, glia_mul(m->g, per_sample, w), -1, NULL, false);
}

glia_status glia_losses_build_(struct glia_model *m, bool training, glia_value *sum,
                               glia_value *correct)
{
  struct glia_graph *g = m->g;
  glia_value total = GLIA_NONE;

  *correct = GLIA_NONE;
  for (int i = 0; i < m->n_losses; i++) {
    const struct nn_loss *t = &m->loss[i];
    const glia_value of = glia_rows_flat_(m, glia_ref_value_(m, t->of, training));
    glia_value target = GLIA_NONE;
    if (t->kind->target == NN_TARGET_REAL)
      target = glia_rows_flat_(m, glia_ref_value_(m, t->target, training));
    if (t->kind->target == NN_TARGET_LABEL)
      target = glia_reshape(g, glia_cast(g, m->field[-1 - t->target].value, GLIA_I32), 1,
                            &m->micro_batch);
    glia_value y = glia_cast(g, t->kind->build(g, of, target), GLIA_F64);
    if (t->weight != 1.0) y = glia_mul(g, y, glia_constant(g, t->weight));
    total = total == GLIA_NONE ? y : glia_add(g, total, y);
    if (t->kind->target == NN_TARGET_LABEL && *correct == GLIA_NONE) {
      const glia_value hit = glia_compare(g, GLIA_EQ, glia_argmax(g, of), target);
      *correct = sum_weighted(m, glia_cast(g, hit, GLIA_F64));
    }
    const glia_status st = glia_graph_status(g);
    if (st == GLIA_E_MEMORY) return st;
    if (st != GLIA_OK) return glia_yaml_error(t->at, "%s: %s", t->kind->name, glia_trace_message());
  }
  *sum = sum_weighted(m, total);
  return glia_graph_status(g);
}
