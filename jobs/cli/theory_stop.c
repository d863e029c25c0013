/* When to stop by theory: see theory_stop.h. Source: advani2017. */
#include "theory_stop.h"

#include "glia_agree.h"
#include "glia_text.h"
#include "theory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_text(const struct glia_yaml *node, const char *text)
{
  return node != NULL && node->text != NULL && strcmp(node->text, text) == 0;
}

/* mse of y over all that a row has: `mse`, `{name: mse}`, or such alone in a list. Another target, a mask or a weight is
 * another law. */
static bool is_squares(const struct glia_yaml *loss)
{
  if (loss != NULL && loss->kind == GLIA_YAML_LIST && loss->n_children == 1) loss = loss->child;
  if (loss == NULL || loss->kind != GLIA_YAML_MAP) return is_text(loss, "mse");
  for (const struct glia_yaml *c = loss->child; c != NULL; c = c->next) {
    double weight = 0.0;
    const bool usual = c->kind == GLIA_YAML_NULL ||
                       (strcmp(c->key, "name") == 0 && is_text(c, "mse")) ||
                       (strcmp(c->key, "target") == 0 && is_text(c, "y")) ||
                       (strcmp(c->key, "weight") == 0 && c->kind == GLIA_YAML_SCALAR &&
                        glia_parse_real(c->text, &weight) && weight == 1.0);
    if (!usual) return false;
  }
  return is_text(glia_yaml_get(loss, "name"), "mse");
}

/* The law is that of one linear layer under gradient descent on squares. */
static glia_status check_model(const struct session *s)
{
  const struct glia_yaml *root = glia_yaml_root(s->doc), *at = glia_yaml_get(root, "stop");
  int linear = 0, others = 0;

  for (int i = 0; i < glia_model_layers(s->model); i++) {
    const char *kind = glia_model_layer(s->model, i).kind;
    linear += strcmp(kind, "linear") == 0;
    others +=
        strcmp(kind, "linear") != 0 && strcmp(kind, "flatten") != 0 && strcmp(kind, "reshape") != 0;
  }
  if (linear != 1 || others > 0)
    return glia_yaml_error(at,
                           "theory knows networks of one linear layer; this model has %d and %d "
                           "layers that are not linear",
                           linear, others);
  if (!is_squares(glia_yaml_get(root, "loss")))
    return glia_yaml_error(at, "theory knows the squared error of y: expected loss: mse");
  if (s->config.init != NULL)
    return glia_yaml_error(at,
                           "theory counts from weights that the seed draws: init: gives others");
  return GLIA_OK;
}

/* Time per rate: 1 / (1 - momentum). */
static glia_status check_optimizer(const struct session *s, double *stretch)
{
  const struct glia_yaml *root = glia_yaml_root(s->doc), *at = glia_yaml_get(root, "stop");
  const struct glia_yaml *optimizer = glia_yaml_get(root, "optimizer");
  const struct glia_yaml *sgd = optimizer != NULL ? glia_yaml_get(optimizer, "sgd") : NULL;
  const struct glia_yaml *schedule = glia_yaml_get(root, "lr_schedule");
  double momentum = 0.0, decay = 0.0;

  if (sgd == NULL)
    return glia_yaml_error(at, "theory knows gradient descent: expected optimizer: {sgd: {lr: R}}");
  GLIA_TRY(glia_yaml_get_real(sgd, "momentum", 0.0, 1.0, &momentum));
  GLIA_TRY(glia_yaml_get_real(sgd, "weight_decay", 0.0, (double)INFINITY, &decay));
  if (decay > 0.0)
    return glia_yaml_error(at, "theory stops instead of weight_decay: expected one of the two");
  if (glia_yaml_get(optimizer, "groups") != NULL)
    return glia_yaml_error(at, "theory knows one rate for all weights: expected no groups");
  if (schedule != NULL && schedule->kind == GLIA_YAML_MAP &&
      glia_yaml_get(schedule, "plateau") != NULL)
    return glia_yaml_error(at,
                           "the rates of plateau: are not known before: expected another schedule");
  if (glia_yaml_get(root, "clip_norm") != NULL)
    return glia_yaml_error(at, "clip_norm changes how fast time goes: expected none");
  *stretch = 1.0 / (1.0 - momentum);
  return GLIA_OK;
}

/* Mean square of the initial weights. */
static glia_status initial_square(const struct session *s, double *out)
{
  const struct glia_model_parameter *list;
  const int n = glia_model_parameters(s->model, &list);
  const struct glia_state *state;

  glia_graph_states(glia_model_graph(s->model), &state);
  *out = 0.0;
  for (int i = 0; i < n; i++) {
    const struct glia_type *t = &state[list[i].state].type;
    const int64_t count = glia_type_count(t);
    if (t->rank < 2) continue;
    void *w = malloc(glia_type_bytes(t) + 1);
    GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "initial weights");
    glia_model_initialize(s->model, s->config.seed, list[i].state, w);
    for (int64_t k = 0; k < count; k++) {
      const double v =
          t->dtype == GLIA_F64 ? ((const double *)w)[k] : (double)((const float *)w)[k];
      *out += v * v / (double)count;
    }
    free(w);
  }
  return GLIA_OK;
}

/* Steps until the rates of the run have made `time`, in units of rate; -1: they never do. */
static int64_t steps_until(const struct session *s, double time, int64_t total)
{
  double made = 0.0;

  if (!(time > 0.0)) return isnan(time) ? -1 : 0;
  for (int64_t step = 1; step <= total; step++) {
    made += glia_model_rate(s->model, step, total);
    if (made >= time) return step < total ? step : -1;
  }
  return -1;
}

glia_status theory_stop_plan(struct session *s, int64_t total_steps, struct theory_stop *out)
{
  struct glia_theory_fit fit;
  double stretch = 1.0, square = 0.0;

  glia_status st = check_model(s);
  if (st == GLIA_OK) st = check_optimizer(s, &stretch);
  if (st == GLIA_OK) st = initial_square(s, &square);
  GLIA_TRY(glia_agree(s->comm, st));
  GLIA_TRY(theory_fit_source(s->comm, s->train, &fit));
  GLIA_CHECK(!isnan(fit.snr_lo), GLIA_E_DATA,
             "stop: theory finds no time to stop in %s: %s. Leave stop: out", s->train->name,
             fit.note);
  struct glia_theory th = fit.theory, lo = th, hi = th;
  th.inr = lo.inr = hi.inr = square * fit.scale / fit.noise;
  lo.snr = fit.snr_lo;
  hi.snr = fit.snr_hi;
  /* the loss is a mean over outputs as well */
  const double per_t = glia_theory_steps(&fit, 1.0, 1.0) * (double)fit.outputs / stretch;
  *out = (struct theory_stop){.alpha = th.alpha,
                              .snr = th.snr,
                              .snr_lo = fit.snr_lo,
                              .snr_hi = fit.snr_hi,
                              .inr = th.inr,
                              .t_opt = glia_theory_best_time(&th, NULL),
                              .lo = -1,
                              .hi = -1};
  out->step = steps_until(s, out->t_opt * per_t, total_steps);
  out->lo = steps_until(s, glia_theory_best_time(&lo, NULL) * per_t, total_steps);
  out->hi = steps_until(s, glia_theory_best_time(&hi, NULL) * per_t, total_steps);
  return GLIA_OK;
}
