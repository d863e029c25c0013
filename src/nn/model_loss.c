/* The `loss:` of a run: one loss, or a weighted sum of several on any layers. */
#include "glia_profile.h"
#include "nn_priv.h"

#include <math.h>
#include <stdio.h>
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

/* Labels are whole numbers, one per place of the layer's rows [places..., classes], that the layer can tell apart. */
static glia_status check_labels(const struct glia_model *m, const struct nn_loss *t)
{
  const struct nn_field *f = t->target < 0 ? &m->field[-1 - t->target] : NULL;
  const glia_value of = t->of >= 0 ? m->layer[t->of].out[true] : GLIA_NONE;
  const char *name = t->kind->name;
  char text[128], a[128];

  if (f == NULL) return glia_yaml_error(t->at, "%s: target must be a field of the data", name);
  if (of == GLIA_NONE) return glia_yaml_error(t->at, "%s: of must be a layer", name);
  const struct glia_type *type = glia_value_type_(m, of);
  const int64_t classes = type->dim[type->rank - 1];
  glia_type_text(&f->row, text, sizeof text);
  if (glia_dtype_is_float(f->row.dtype))
    return glia_yaml_error(t->at, "%s wants whole numbers, field %s holds %s", name, f->name, text);
  if (type->rank < 2 ||
      glia_type_count(type) / m->micro_batch / classes != glia_type_count(&f->row))
    return glia_yaml_error(t->at,
                           "%s wants an axis of logits for each label: layer %s has rows of shape "
                           "%s, field %s holds %s",
                           name, m->layer[t->of].name, glia_row_text_(m, of, a, sizeof a), f->name,
                           text);
  if (t->masked)
    return GLIA_OK; /* what the mask leaves out need be no label: see glia_model_labels */
  if (f->n_labels < 0)
    return glia_yaml_error(t->at, "%s: field %s holds numbers below 0, labels count from 0", name,
                           f->name);
  if (f->n_labels > classes)
    return glia_yaml_error(t->at, "%s: labels go up to %lld, layer %s tells %lld classes apart",
                           name, (long long)f->n_labels - 1, m->layer[t->of].name,
                           (long long)classes);
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

/* Numbers that a loss takes a mean of, in one row. */
static int64_t places_of(struct glia_model *m, const struct nn_loss *t)
{
  const struct glia_type *type = glia_value_type_(m, glia_ref_value_(m, t->of, true));
  const int64_t n = glia_type_count(type) / m->micro_batch;

  return t->kind->target == NN_TARGET_LABEL ? n / type->dim[type->rank - 1] : n;
}

static glia_status check_mask(struct glia_model *m, const struct nn_loss *t,
                              const struct glia_yaml *at)
{
  if (glia_yaml_get(at, "mask") != NULL) at = glia_yaml_get(at, "mask");
  if (t->mask >= 0) return glia_yaml_error(at, "a mask is a field of the data");
  const struct glia_type *type = glia_value_type_(m, glia_ref_value_(m, t->mask, true));
  const int64_t n = places_of(m, t), k = glia_type_count(type) / m->micro_batch;

  if (k == 0 || n % k != 0)
    return glia_yaml_error(at, "a mask of %lld numbers per row for a loss over %lld", (long long)k,
                           (long long)n);
  return GLIA_OK;
}

static int field_named(const struct glia_model *m, const char *name)
{
  for (int i = 0; i < m->n_fields; i++)
    if (strcmp(m->field[i].name, name) == 0) return i;
  return -1;
}

/* What `mask:` says; none: every place counts. */
static glia_status find_mask(struct glia_model *m, struct nn_loss *t, const struct glia_yaml *at,
                             const char *mask, int n_layers)
{
  if (mask == NULL || (strcmp(mask, "none") == 0 && field_named(m, mask) < 0)) return GLIA_OK;
  t->masked = true;
  return glia_ref_find_(m, at, mask, n_layers, &t->mask);
}

/* Nodes of a graph or hypergraph of which some belong to other splits, where `mask:` is not given: those count that the field `mask`
 * names, or the net would learn the labels that it is tested on. */
static void mask_nodes(struct glia_model *m, struct nn_loss *t)
{
  const int mask = field_named(m, "mask"), x = field_named(m, "x");
  const bool graph = field_named(m, "ptr") >= 0 && field_named(m, "idx") >= 0;
  const bool hyper = field_named(m, "edge_ptr") >= 0 && field_named(m, "edge_idx") >= 0;

  if (mask < 0 || (!graph && !hyper)) return;
  if (!t->kind->masks || t->target >= 0 || t->target == -1 - x || t->of < 0) return;
  const struct glia_type *of_mask = &m->field[mask].row, *of = &m->field[-1 - t->target].row;
  if (of_mask->rank != 1 || glia_dtype_is_float(of_mask->dtype) || of->rank < 1 ||
      of->dim[0] != of_mask->dim[0] || places_of(m, t) % of_mask->dim[0] != 0)
    return;
  t->masked = true;
  t->mask = -1 - mask;
}

/* One loss: its name, or a map with of, target, mask, weight and options. It reads one of the first n_layers. */
static glia_status read_loss(struct glia_model *m, const struct glia_yaml *node, int n_layers,
                             struct nn_loss *t)
{
  static const char *const common[] = {"name",   "of",         "target", "mask",
                                       "weight", "train_only", NULL};
  const char *of = NULL, *target = "y", *mask = NULL;
  int kind = -1;

  *t = (struct nn_loss){.at = node, .of = n_layers - 1, .weight = 1.0};
  if (node->kind == GLIA_YAML_MAP) {
    GLIA_TRY(glia_yaml_get_choice(node, "name", names, &kind));
    GLIA_TRY(glia_yaml_get_text(node, "of", &of));
    GLIA_TRY(glia_yaml_get_text(node, "target", &target));
    GLIA_TRY(glia_yaml_get_text(node, "mask", &mask));
    GLIA_TRY(glia_yaml_get_real(node, "weight", -INFINITY, INFINITY, &t->weight));
    GLIA_TRY(glia_yaml_get_bool(node, "train_only", &t->train_only));
  } else {
    GLIA_TRY(glia_yaml_get_choice(node, "", names, &kind));
  }
  if (kind < 0)
    return glia_yaml_error(node,
                           "no name of a loss here: write mse, or {name: huber, of: a layer}");
  t->kind = kinds[kind];
  GLIA_TRY(glia_options_read_beside_(node, t->kind->name, t->kind->option, common, t->v));
  GLIA_TRY(find_mask(m, t, glia_yaml_get(node, "mask"), mask, n_layers));
  const struct glia_yaml *at_of = glia_yaml_get(node, "of"),
                         *at_target = glia_yaml_get(node, "target");
  if (of != NULL) GLIA_TRY(glia_ref_find_(m, at_of, of, n_layers, &t->of));
  if (t->kind->target == NN_TARGET_NONE) {
    if (at_target != NULL) return glia_yaml_error(at_target, "%s has no target", t->kind->name);
  } else {
    GLIA_TRY(glia_ref_find_(m, at_target != NULL ? at_target : node, target, n_layers, &t->target));
    if (glia_yaml_get(node, "mask") == NULL) mask_nodes(m, t);
    GLIA_TRY(t->kind->target == NN_TARGET_LABEL ? check_labels(m, t) : check_sizes(m, t));
  }
  if (t->kind->check != NULL) GLIA_TRY(t->kind->check(m, t, glia_ref_value_(m, t->of, true)));
  return t->masked ? check_mask(m, t, node) : GLIA_OK;
}

int glia_model_labels(const struct glia_model *m, int size, struct glia_model_labels *out)
{
  int n = 0;

  for (int i = 0; i < m->n_losses; i++) {
    const struct nn_loss *t = &m->loss[i];
    if (t->kind->target != NN_TARGET_LABEL || !t->masked || t->mask >= 0 || t->of < 0) continue;
    const struct glia_type *type = glia_value_type_(m, m->layer[t->of].out[true]);
    if (n < size)
      out[n] = (struct glia_model_labels){.target = m->field[-1 - t->target].name,
                                          .mask = m->field[-1 - t->mask].name,
                                          .classes = type->dim[type->rank - 1]};
    n++;
  }
  return n;
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
  if (!list) return read_loss(m, node, m->n_layers, &m->loss[m->n_losses++]);
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    GLIA_TRY(read_loss(m, c, m->n_layers, &m->loss[m->n_losses++]));
  for (int i = 0; i < m->n_losses; i++)
    if (!m->loss[i].train_only) return GLIA_OK;
  return glia_yaml_error(node, "all losses are train_only: evaluation would have none");
}

static glia_value sum_weighted(struct glia_model *m, glia_value per_sample)
{
  const glia_value w = glia_cast(m->g, m->weight, GLIA_F64);

  return glia_reduce_sum(m->g, glia_mul(m->g, per_sample, w), -1, NULL, false);
}

/* The mask as numbers [b, places], each repeated for what it covers. */
static glia_value mask_of(struct glia_model *m, const struct nn_loss *t, bool training)
{
  const glia_value mask = glia_rows_flat_(m, glia_ref_value_(m, t->mask, training));
  const int64_t b = m->micro_batch, n = places_of(m, t), k = glia_value_type_(m, mask)->dim[1];
  const glia_value column = glia_reshape(m->g, mask, 3, (int64_t[]){b, k, 1});

  return glia_reshape(m->g, glia_broadcast_to(m->g, column, 3, (int64_t[]){b, k, n / k}), 2,
                      (int64_t[]){b, n});
}

glia_value glia_loss_mean_(struct glia_model *m, const struct nn_loss *t, glia_value x)
{
  struct glia_graph *g = m->g;
  const int axis = 1;

  if (!t->masked) return glia_reduce_mean(g, x, 1, &axis, false);
  const glia_value places = glia_cast(g, t->places, glia_value_type_(m, x)->dtype);
  const glia_value all = glia_reduce_sum(g, places, 1, &axis, false);
  return glia_div(g, glia_reduce_sum(g, glia_mul(g, x, places), 1, &axis, false),
                  glia_max(g, all, glia_constant(g, 1e-30)));
}

void glia_loss_operands_(struct glia_model *m, struct nn_loss *t, bool training, glia_value *of,
                         glia_value *target)
{
  struct glia_graph *g = m->g;
  const glia_value raw = glia_ref_value_(m, t->of, training);
  const struct glia_type type = *glia_value_type_(m, raw);
  const int64_t b = m->micro_batch, n = places_of(m, t);

  *of = raw;
  *target = GLIA_NONE;
  if (t->kind->target == NN_TARGET_LABEL) {
    *of = glia_reshape(g, raw, 3, (int64_t[]){b, n, type.dim[type.rank - 1]});
    *target = glia_reshape(g, glia_cast(g, m->field[-1 - t->target].value, GLIA_I32), 2,
                           (int64_t[]){b, n});
  } else if (!t->kind->shaped) {
    *of = glia_rows_flat_(m, raw);
  }
  if (t->kind->target == NN_TARGET_REAL) {
    *target = glia_ref_value_(m, t->target, training);
    *target = t->kind->shaped ? glia_reshape(g, *target, type.rank, type.dim)
                              : glia_rows_flat_(m, *target);
  }
  if (t->masked) t->places = mask_of(m, t, training);
}

/* Whether a share of right answers means something: the target is of whole numbers. */
static bool has_correct(const struct glia_model *m, const struct nn_loss *t)
{
  return t->kind->correct != NULL && t->target < 0 &&
         !glia_dtype_is_float(m->field[-1 - t->target].row.dtype);
}

/* A loss of a layer before the last belongs to that layer: cut into stages, it is where its layer is, and so is its gradient. */
static void enter_scope(struct glia_model *m, const struct nn_loss *t)
{
  const int layer = t->of > t->target ? t->of : t->target;
  char scope[256];

  if (layer < 0 || layer == m->n_layers - 1) return;
  snprintf(scope, sizeof scope, "%.200s/loss", m->layer[layer].name);
  glia_graph_scope(m->g, scope);
}

/* Of each row -> [b] f64. */
static glia_status build_rows(struct glia_model *m, struct nn_loss *t, bool training,
                              glia_value *of, glia_value *target, glia_value *y)
{
  struct glia_graph *g = m->g;

  if (training) enter_scope(m, t);
  glia_loss_operands_(m, t, training, of, target);
  *y = glia_cast(g, t->kind->build(m, t, *of, *target), GLIA_F64);
  if (t->weight != 1.0) *y = glia_mul(g, *y, glia_constant(g, t->weight));
  const glia_status st = glia_graph_status(g);
  return st == GLIA_OK || st == GLIA_E_MEMORY
             ? st
             : glia_yaml_error(t->at, "%s: %s", t->kind->name, glia_trace_message());
}

glia_status glia_losses_build_(struct glia_model *m, bool training, glia_value *sum,
                               glia_value *correct)
{
  struct glia_graph *g = m->g;
  glia_value total = GLIA_NONE;

  *correct = GLIA_NONE;
  for (int i = 0; i < m->n_losses; i++) {
    struct nn_loss *t = &m->loss[i];
    glia_value of, target, y;
    if (t->train_only && !training) continue;
    GLIA_TRY(build_rows(m, t, training, &of, &target, &y));
    if (training) glia_graph_scope(g, "loss");
    total = total == GLIA_NONE ? y : glia_add(g, total, y);
    if (*correct == GLIA_NONE && has_correct(m, t))
      *correct = sum_weighted(m, glia_cast(g, t->kind->correct(m, t, of, target), GLIA_F64));
  }
  *sum = sum_weighted(m, total);
  return glia_graph_status(g);
}

glia_status glia_module_loss_(struct glia_model *m, int index, int n_layers, glia_value *sum)
{
  const struct glia_yaml *list = glia_yaml_get(glia_yaml_root(m->local), "loss"), *at;

  if (m->loss == NULL) m->loss = glia_arena_take(&m->arena, (size_t)m->n_modules, sizeof *m->loss);
  GLIA_CHECK(m->loss != NULL, GLIA_E_MEMORY, "losses");
  at = list->child;
  for (int i = 0; i < index; i++) at = at->next;
  m->n_losses++;
  GLIA_TRY(read_loss(m, at, n_layers, &m->loss[index]));
  glia_value of, target, y;
  glia_graph_scope(m->g, "loss");
  GLIA_TRY(build_rows(m, &m->loss[index], true, &of, &target, &y));
  *sum = sum_weighted(m, y);
  glia_graph_scope(m->g, NULL);
  return glia_graph_status(m->g);
}
