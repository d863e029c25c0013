/* Entry points of a model: train, eval, predict, over one table of states. */
#include "glia_profile.h"
#include "nn_priv.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whether a f64 scalar is a number below infinity: bool. NaN compares false. */
static glia_value is_finite(struct glia_graph *g, glia_value x)
{
  return glia_compare(g, GLIA_LE, glia_abs(g, x), glia_constant(g, DBL_MAX));
}

/* f64 scalar: 1 when some rank failed in this step. */
static glia_value failed_flag(struct glia_model *m)
{
  struct glia_graph *g = m->g;
  const glia_value zero = glia_constant(g, 0.0);

  return glia_select(g, glia_compare(g, GLIA_GT, m->failed, zero), glia_constant(g, 1.0), zero);
}

/* The loss does not see this parameter: zeros. */
static bool is_unseen(const struct glia_graph *g, glia_value d)
{
  double constant = 1.0;

  return glia_is_full(g, d, &constant) && constant == 0.0;
}

/* Gradients of the summed loss, one per parameter that is trained; GLIA_NONE for frozen ones. */
static glia_status sum_gradients(struct glia_model *m, glia_value loss_sum, glia_value *dp)
{
  struct glia_graph *g = m->g;
  glia_value *p = glia_arena_take(&m->arena, 2 * (size_t)m->n_parameters + 1, sizeof *p);
  int n = 0;

  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "gradients");
  glia_value *d = p + m->n_parameters;
  for (int i = 0; i < m->n_parameters; i++)
    if (!m->parameter[i].frozen && m->n_modules == 0) p[n++] = m->parameter[i].value;
  if (n > 0) glia_grad(g, loss_sum, n, p, d);
  n = 0;
  for (int i = 0; i < m->n_parameters; i++) {
    dp[i] = GLIA_NONE;
    if (m->parameter[i].frozen) continue;
    dp[i] = m->n_modules > 0 ? m->parameter[i].gradient : d[n++];
    if (!is_unseen(g, dp[i])) dp[i] = glia_batch_sum(g, dp[i]);
  }
  return glia_graph_status(g);
}

/* Those of the mean loss. */
static void mean_gradients(struct glia_model *m, glia_value weight_sum, glia_value *dp)
{
  struct glia_graph *g = m->g;

  for (int i = 0; i < m->n_parameters; i++)
    if (dp[i] != GLIA_NONE && !is_unseen(g, dp[i]))
      dp[i] = glia_div(g, dp[i], glia_cast(g, weight_sum, m->dtype));
}

/* Norm of all mean gradients together, from their sums. Squares are f64, added by blocks, then in the order of paths. */
static glia_value global_norm(struct glia_model *m, glia_value weight_sum, const glia_value *sum)
{
  enum { BLOCK = 4096 };
  struct glia_graph *g = m->g;
  glia_value *squares = glia_arena_take(&m->arena, (size_t)m->n_parameters + 1, sizeof *squares);
  int n = 0;

  if (squares == NULL) return GLIA_NONE;
  for (int i = 0; i < m->n_parameters; i++)
    if (sum[i] != GLIA_NONE && !is_unseen(g, sum[i]))
      squares[n++] = glia_block_dots(g, sum[i], sum[i], BLOCK);
  if (n == 0) return glia_constant(g, 0.0);
  /* one sum behind all blocks: ranks of a node wait for each other's once */
  const glia_value total = glia_reduce_sum(g, glia_concat(g, n, squares, 0), -1, NULL, false);
  return glia_div(g, glia_sqrt(g, total), weight_sum);
}

/* Clip as PyTorch does: d min(1, clip / (norm + 1e-6)). */
static void clip(struct glia_model *m, glia_value norm, glia_value *dp)
{
  struct glia_graph *g = m->g;
  const glia_value above = glia_add(g, norm, glia_constant(g, 1e-6));
  const glia_value scale =
      glia_min(g, glia_div(g, glia_constant(g, m->clip_norm), above), glia_constant(g, 1.0));

  for (int i = 0; i < m->n_parameters; i++)
    if (dp[i] != GLIA_NONE) dp[i] = glia_scaled_(g, dp[i], scale);
}

/* A parameter as it is stored: where its type is shorter than that of computation, rounded at random, so that steps below its
 * resolution are not lost. The draw is keyed by path, seed, step and element. */
static glia_value stored(struct glia_model *m, const struct nn_parameter *p, glia_value next)
{
  struct glia_graph *g = m->g;
  const struct glia_type *type = glia_value_type_(m, p->value);
  char stream[400];

  if (m->storage == m->dtype) return next;
  snprintf(stream, sizeof stream, "%s/round", p->path);
  const glia_value all = glia_full(g, glia_type_make(GLIA_I64, 0, NULL), 0.0);
  return glia_stochastic_round(
      g, next, glia_random(g, m->dtype, stream, m->seed, m->step, all, type->rank, type->dim));
}

/* One parameter and its slots: each becomes new where `ok`, else stays. */
static glia_status update(struct glia_model *m, struct glia_entry *e, const struct nn_parameter *p,
                          glia_value rate, glia_value dp, glia_value ok, glia_value *next)
{
  struct glia_graph *g = m->g;
  const struct nn_optimizer *o = &p->optimizer;
  const char *name[NN_MAX_SLOTS];
  glia_value slot[NN_MAX_SLOTS] = {0};
  struct nn_update u = {
      .o = o,
      .rate = rate,
      .step = glia_cast(g, m->step, GLIA_F64),
      .parameter = p->value,
      .gradient = dp,
  };
  const int n = o->kind->slots(o, name);

  if (o->v[NN_LR] != m->optimizer.v[NN_LR])
    u.rate = glia_mul(g, rate, glia_constant(g, o->v[NN_LR] / m->optimizer.v[NN_LR]));
  for (int s = 0; s < n; s++) {
    char path[400];
    snprintf(path, sizeof path, "optimizer/%s/%s", name[s], p->path + strlen("params/"));
    u.slot[s] = slot[s] = glia_state(g, path, *glia_value_type_(m, p->value));
  }
  const glia_value own = stored(m, p, o->kind->update(g, &u));
  *next = glia_cast(g, own, m->dtype);
  glia_entry_write(g, e, p->stored, glia_select(g, ok, own, p->stored));
  for (int s = 0; s < n; s++)
    glia_entry_write(g, e, slot[s], glia_select(g, ok, u.slot[s], slot[s]));
  return glia_graph_status(g);
}

/* What a step comes to, f64 scalars of the epilogue, and whether states change by it: of all, or of each module alone. */
struct outcome {
  glia_value loss, failed, finite, *ok; /* ok: bool [n_modules], at least one */
  glia_value zero, one;
};

/* A module's mean loss is shared by its stage with the others for the report alone; its step depends on its own sum. */
static glia_status modules_outcome(struct glia_model *m, glia_value weight, struct outcome *o)
{
  struct glia_graph *g = m->g;
  char scope[256];
  const glia_value some = glia_compare(g, GLIA_GT, weight, o->zero); /* known to all stages */
  const glia_value never = glia_constant(g, (double)INFINITY);

  o->loss = GLIA_NONE;
  for (int k = 0; k < m->n_modules; k++) {
    snprintf(scope, sizeof scope, "%.200s/loss", m->layer[m->module[k].end - 1].name);
    glia_graph_scope(g, scope);
    const glia_value sum = glia_batch_sum(g, m->module[k].sum);
    const glia_value loss = glia_div(g, sum, weight);
    o->ok[k] = is_finite(g, glia_select(g, some, sum, never));
    glia_graph_scope(g, NULL);
    o->loss = o->loss == GLIA_NONE ? loss : glia_add(g, o->loss, loss);
  }
  o->failed = failed_flag(m);
  o->finite = glia_select(g, is_finite(g, o->loss), glia_sub(g, o->one, o->failed), o->zero);
  return glia_graph_status(g);
}

static glia_status whole_outcome(struct glia_model *m, struct glia_entry *e, glia_value sum,
                                 glia_value weight, glia_value *dp, struct outcome *o)
{
  struct glia_graph *g = m->g;

  o->loss = glia_div(g, glia_batch_sum(g, sum), weight);
  GLIA_TRY(sum_gradients(m, sum, dp));
  const glia_value norm = m->clip_norm > 0.0 ? global_norm(m, weight, dp) : GLIA_NONE;
  GLIA_TRY(glia_graph_status(g));
  GLIA_CHECK(norm != GLIA_NONE || !(m->clip_norm > 0.0), GLIA_E_MEMORY, "%d gradients",
             m->n_parameters);
  mean_gradients(m, weight, dp);
  o->failed = failed_flag(m);
  o->finite = glia_select(g, is_finite(g, o->loss), glia_sub(g, o->one, o->failed), o->zero);
  if (norm != GLIA_NONE) {
    o->finite = glia_select(g, is_finite(g, norm), o->finite, o->zero);
    glia_entry_output(g, e, "grad_norm", norm);
    clip(m, norm, dp);
  }
  o->ok[0] = glia_compare(g, GLIA_GT, o->finite, o->zero);
  return glia_graph_status(g);
}

static glia_status build_outcome(struct glia_model *m, struct glia_entry *e, glia_value *dp,
                                 struct outcome *o)
{
  struct glia_graph *g = m->g;
  glia_value sum = GLIA_NONE, correct;

  o->ok = glia_arena_take(&m->arena, (size_t)m->n_modules + 1, sizeof *o->ok);
  GLIA_CHECK(o->ok != NULL, GLIA_E_MEMORY, "gradients");
  GLIA_CHECK(m->n_modules == 0 || m->schedule->factor == NULL, GLIA_E_CONFIG,
             "lr_schedule: %s waits for the loss of all modules, which local does without",
             m->schedule->name);
  m->loss_sum = GLIA_NONE;
  if (m->n_modules == 0) {
    glia_graph_scope(g, "loss");
    GLIA_TRY(glia_losses_build_(m, true, &sum, &correct));
    m->loss_sum = sum;
    glia_graph_scope(g, NULL);
  }
  const glia_value weight =
      glia_batch_sum(g, glia_reduce_sum(g, glia_cast(g, m->weight, GLIA_F64), -1, NULL, false));
  if (m->n_modules == 0) return whole_outcome(m, e, sum, weight, dp, o);
  GLIA_TRY(sum_gradients(m, GLIA_NONE, dp));
  mean_gradients(m, weight, dp);
  return modules_outcome(m, weight, o);
}

static glia_status build_train(struct glia_model *m)
{
  struct glia_graph *g = m->g;
  struct glia_entry *e = glia_graph_entry(g, "train");
  glia_value *dp = glia_arena_take(&m->arena, 2 * (size_t)m->n_parameters + 1, sizeof *dp);
  glia_value rate = m->rate;
  struct outcome o = {.zero = glia_constant(g, 0.0), .one = glia_constant(g, 1.0)};

  GLIA_CHECK(dp != NULL, GLIA_E_MEMORY, "gradients");
  GLIA_TRY(build_outcome(m, e, dp, &o));
  glia_value *next = dp + m->n_parameters;
  if (m->schedule->factor != NULL) {
    rate = glia_mul(g, rate, m->schedule->factor(m, m->schedule_v, o.loss));
    glia_entry_output(g, e, "rate", rate);
  }
  for (int i = 0; i < m->n_parameters; i++) {
    struct nn_parameter *p = &m->parameter[i];
    next[i] = p->value;
    if (dp[i] == GLIA_NONE) continue;
    glia_graph_scope(g, p->path);
    GLIA_TRY(update(m, e, p, rate, dp[i], o.ok[p->module], &next[i]));
  }
  glia_graph_scope(g, NULL);
  glia_ema_build_(m, next);
  for (int i = 0; i < m->n_kept; i++) {
    const struct nn_kept *k = &m->kept[i];
    if (k->next != GLIA_NONE)
      glia_entry_write(g, e, k->value, glia_select(g, o.ok[k->module], k->next, k->value));
  }
  glia_entry_output(g, e, "loss", o.loss);
  glia_entry_output(g, e, "finite", o.finite);
  glia_entry_output(g, e, "failed", o.failed);
  glia_entry_output(g, e, "stop", glia_batch_sum(g, m->stop));
  return glia_graph_status(g);
}

static glia_status build_eval(struct glia_model *m)
{
  struct glia_graph *g = m->g;
  struct glia_entry *e = glia_graph_entry(g, "eval");
  glia_value sum, correct;

  GLIA_TRY(glia_losses_build_(m, false, &sum, &correct));
  const glia_value weight = glia_reduce_sum(g, glia_cast(g, m->weight, GLIA_F64), -1, NULL, false);
  glia_entry_output(g, e, "loss_sum", glia_batch_sum(g, sum));
  glia_entry_output(g, e, "weight_sum", glia_batch_sum(g, weight));
  if (correct != GLIA_NONE) glia_entry_output(g, e, "correct_sum", glia_batch_sum(g, correct));
  glia_entry_output(g, e, "failed", failed_flag(m));
  glia_metrics_build_(m, e);
  return glia_graph_status(g);
}

glia_status glia_entries_build_(struct glia_model *m)
{
  GLIA_TRY(build_train(m));
  GLIA_TRY(build_eval(m));
  glia_entry_output(m->g, glia_graph_entry(m->g, "predict"), "output",
                    m->layer[m->n_layers - 1].out[false]);
  return glia_graph_status(m->g);
}
