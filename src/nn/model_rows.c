/* `metrics:` of a run: what the entry point eval hands out for each micro-batch, for those who measure whole data sets. */
#include "nn_priv.h"

#include <math.h>
#include <stdio.h>

static const char *const names[] = {
#define X(NAME, name) #name,
    GLIA_MODEL_METRIC_LIST(X)
#undef X
        NULL};

/* recall and ndcg count among the first k of an order. */
static const struct nn_option of_first[] = {
    {.name = "k", .type = NN_COUNT, .lo = 1.0, .hi = 0x1p31, .value = NAN}, {.name = NULL}};

const struct glia_model_rows *glia_model_rows(const struct glia_model *m) { return &m->rows; }

/* The first loss that has a target: metrics compare what it compares. */
static struct nn_loss *compared(struct glia_model *m)
{
  for (int i = 0; i < m->n_losses; i++)
    if (m->loss[i].kind->target != NN_TARGET_NONE) return &m->loss[i];
  return NULL;
}

static bool is_real(glia_model_metric k) { return k == GLIA_MODEL_R2 || k == GLIA_MODEL_SPEARMAN; }

static bool is_order(glia_model_metric k) { return k == GLIA_MODEL_RECALL || k == GLIA_MODEL_NDCG; }

/* Whether the metric means something for what the loss compares. */
static glia_status check_kind(const struct glia_yaml *node, glia_model_metric k,
                              const struct nn_loss *t)
{
  const bool labels = t->kind->target == NN_TARGET_LABEL;
  const bool decides =
      labels || t->kind->correct != NULL; /* a share of right answers has a meaning */

  if (is_order(k)) return GLIA_OK;
  if (is_real(k) && labels)
    return glia_yaml_error(node, "%s compares numbers, the target of %s is a class", names[k],
                           t->kind->name);
  if ((!is_real(k) && !decides) || (k == GLIA_MODEL_ECE && !labels))
    return glia_yaml_error(node, "%s wants %s, the target of %s is a number", names[k],
                           k == GLIA_MODEL_ECE ? "classes" : "classes or bce", t->kind->name);
  return GLIA_OK;
}

static glia_status read_one(struct glia_model *m, const struct glia_yaml *node,
                            const struct nn_loss *t, int64_t items)
{
  struct glia_model_rows *r = &m->rows;
  const struct glia_yaml *options, *at;
  double v[NN_MAX_OPTIONS] = {0};
  char name[64];
  int kind = -1;

  GLIA_TRY(glia_kind_read_(node, "metric", names, NULL, &kind, &options, &at));
  if (r->n_metrics == GLIA_MODEL_MAX_METRICS)
    return glia_yaml_error(node, "more than %d metrics", GLIA_MODEL_MAX_METRICS);
  const glia_model_metric k = (glia_model_metric)kind;
  GLIA_TRY(check_kind(node, k, t));
  GLIA_TRY(glia_options_read_(options, at, names[kind], is_order(k) ? of_first : NULL, true, v));
  if (is_order(k) && v[0] > (double)items)
    return glia_yaml_error(node, "%s: the first %.0f of %lld", names[kind], v[0], (long long)items);
  if (is_order(k))
    snprintf(name, sizeof name, "%s_at_%.0f", names[kind], v[0]);
  else
    snprintf(name, sizeof name, "%s", names[kind]);
  r->metric[r->n_metrics].kind = k;
  r->metric[r->n_metrics].k = (int64_t)v[0];
  r->metric[r->n_metrics].name = glia_arena_text(&m->arena, name);
  GLIA_CHECK(r->metric[r->n_metrics++].name != NULL, GLIA_E_MEMORY, "metrics");
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
  const struct glia_type *type = glia_value_type_(m, glia_ref_value_(m, t->of, true));
  const int64_t n = glia_type_count(type) / m->micro_batch;
  if (t->kind->target == NN_TARGET_LABEL) m->rows.classes = type->dim[type->rank - 1];
  m->rows.places = m->rows.classes > 0 ? n / m->rows.classes : n;
  const int64_t items = m->rows.classes > 0 ? m->rows.classes : m->rows.places;
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    GLIA_TRY(read_one(m, c, t, items));
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
