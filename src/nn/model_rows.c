/* `metrics:` of a run: what the entry point eval hands out for each micro-batch, for those who measure whole data sets. */
#include "nn_priv.h"

#include <string.h>

static const char *const names[] = {
#define X(NAME, name) #name,
    GLIA_MODEL_METRIC_LIST(X)
#undef X
        NULL};

const char *glia_model_metric_name(glia_model_metric metric)
{
  return (unsigned)metric < GLIA_COUNT(names) - 1 ? names[metric] : "?";
}

const struct glia_model_rows *glia_model_rows(const struct glia_model *m) { return &m->rows; }

/* The first loss that has a target: metrics compare what it compares. */
static struct nn_loss *compared(struct glia_model *m)
{
  for (int i = 0; i < m->n_losses; i++)
    if (m->loss[i].kind->target != NN_TARGET_NONE) return &m->loss[i];
  return NULL;
}

static bool is_real(glia_model_metric k) { return k == GLIA_MODEL_R2 || k == GLIA_MODEL_SPEARMAN; }

static glia_status read_one(struct glia_model *m, const struct glia_yaml *node,
                            const struct nn_loss *t)
{
  struct glia_model_rows *r = &m->rows;
  int k = -1;

  GLIA_TRY(glia_yaml_get_choice(node, "", names, &k));
  if (k < 0) return glia_yaml_error(node, "no name of a metric here, as in %s", names[0]);
  if (r->n_metrics == GLIA_MODEL_MAX_METRICS)
    return glia_yaml_error(node, "more than %d metrics", GLIA_MODEL_MAX_METRICS);
  const bool labels = t->kind->target == NN_TARGET_LABEL;
  const bool decides =
      labels || t->kind->correct != NULL; /* a share of right answers has a meaning */
  if (is_real((glia_model_metric)k) && labels)
    return glia_yaml_error(node, "%s compares numbers, the target of %s is a class", names[k],
                           t->kind->name);
  if ((!is_real((glia_model_metric)k) && !decides) || (k == GLIA_MODEL_ECE && !labels))
    return glia_yaml_error(node, "%s wants %s, the target of %s is a number", names[k],
                           k == GLIA_MODEL_ECE ? "classes" : "classes or bce", t->kind->name);
  r->metric[r->n_metrics++] = (glia_model_metric)k;
  return GLIA_OK;
}

glia_status glia_metrics_read_(struct glia_model *m, const struct glia_yaml *config)
{
  const struct glia_yaml *node = glia_yaml_get(config, "metrics");
  struct nn_loss *t = compared(m);

  if (node == NULL || node->kind == GLIA_YAML_NULL) return GLIA_OK;
  if (node->kind != GLIA_YAML_LIST)
    return glia_yaml_error(node, "expected a list, as in metrics: [%s, %s]", names[0], names[1]);
  if (t == NULL) return glia_yaml_error(node, "no loss has a target: there is nothing to compare");
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next) GLIA_TRY(read_one(m, c, t));
  const struct glia_type *type = glia_value_type_(m, glia_ref_value_(m, t->of, true));
  const int64_t n = glia_type_count(type) / m->micro_batch;
  if (t->kind->target == NN_TARGET_LABEL) m->rows.classes = type->dim[type->rank - 1];
  m->rows.places = m->rows.classes > 0 ? n / m->rows.classes : n;
  m->rows.edge = t->kind == &glia_loss_bce_ && t->v[0] == 0.0 ? 0.5 : 0.0;
  return GLIA_OK;
}

void glia_metrics_build_(struct glia_model *m, struct glia_entry *e)
{
  struct glia_graph *g = m->g;
  struct nn_loss *t = compared(m);
  const int64_t b = m->micro_batch, places = m->rows.places;
  const int64_t dim[] = {b, places};
  glia_value of, target;

  if (m->rows.n_metrics == 0) return;
  glia_loss_operands_(m, t, false, &of, &target);
  glia_value counts = glia_full(g, glia_type_make(GLIA_F64, 2, dim), 1.0);
  if (t->masked) counts = glia_cast(g, t->places, GLIA_F64);
  const glia_value weight =
      glia_reshape(g, glia_cast(g, m->weight, GLIA_F64), 2, (int64_t[]){b, 1});
  glia_entry_output(g, e, "of", glia_rows_flat_(m, glia_cast(g, of, GLIA_F64)));
  glia_entry_output(g, e, "target", glia_rows_flat_(m, glia_cast(g, target, GLIA_F64)));
  glia_entry_output(g, e, "counts", glia_mul(g, counts, weight));
}
