/* A training run inside a cell: as `glia train` does it, without folder and checkpoints. */
#include "study_priv.h"

#include "session.h"

#include <math.h>
#include <stdio.h>

enum { OVERRIDES_MAX = 64 };

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  const struct study_cell *c = self;

  (void)action;
  if (c->progress != NULL) c->progress(c->self, (double)info->step / (double)info->total_steps);
  return GLIA_OK;
}

static bool stop_requested(void *self)
{
  (void)self;
  return glia_stop_requested() != 0;
}

static int add(const char **override, int n, const char *const *set)
{
  for (; set != NULL && *set != NULL && n < OVERRIDES_MAX; set++) override[n++] = *set;
  return n;
}

glia_status study_configure(const struct study_cell *c, int64_t of_seed, struct session *s)
{
  const char *override[OVERRIDES_MAX];
  char seed[48];
  int n = 0;

  snprintf(seed, sizeof seed, "seed=%lld", (long long)of_seed);
  override[n++] = seed;
  override[n++] = "sweep=null";
  n = add(override, n, c->setting != NULL ? c->setting->set : NULL);
  n = add(override, n, c->variant->set);
  GLIA_CHECK(n < OVERRIDES_MAX, GLIA_E_CONFIG, "%s: a cell sets more than %d keys", c->study->name,
             OVERRIDES_MAX - 3);
  return session_configure_text(s, c->study->name, c->study->config, n, override);
}

static void put_if_measured(struct study_cell *c, const char *measure, double value)
{
  for (int i = 0; c->study->measure[i].name != NULL; i++)
    if (i == study_measure_index(c->study, measure)) study_put(c, measure, value);
}

glia_status study_learn(struct study_cell *c, struct session *s, double *train_loss)
{
  const struct glia_observer observer = {
      .self = c, .step = after_step, .stop_requested = stop_requested};
  struct glia_train_result result;

  GLIA_TRY(session_build(s));
  GLIA_TRY(session_initialize(s));
  const struct glia_train_job job = {.config = &s->config,
                                     .model = s->model,
                                     .engine = s->engine,
                                     .source = s->train,
                                     .observer = &observer,
                                     .meeting = &s->meeting};
  GLIA_TRY(glia_train(&job, &result));
  *train_loss = result.train_loss;
  c->stopped = c->stopped || result.reason == GLIA_REASON_SIGNAL;
  return GLIA_OK;
}

static glia_status train(struct session *s, struct study_cell *c)
{
  struct glia_eval_result test = {.loss = NAN, .accuracy = NAN};
  double train_loss;

  GLIA_TRY(study_learn(c, s, &train_loss));
  if (c->stopped) return GLIA_OK;
  if (s->test != NULL)
    GLIA_TRY(glia_evaluate(s->model, s->engine, s->test, s->config.micro_batch,
                           s->eval_micro_batches, &s->meeting, &test));
  put_if_measured(c, "train_loss", train_loss);
  put_if_measured(c, "test_loss", test.loss);
  put_if_measured(c, "accuracy", test.accuracy);
  return GLIA_OK;
}

glia_status study_train(struct study_cell *c, struct glia_source **from, struct glia_source **test)
{
  struct session s = {.comm = c->comm, .train = *from, .test = test != NULL ? *test : NULL};

  *from = NULL;
  if (test != NULL) *test = NULL;
  glia_status st = study_configure(c, c->seed, &s);
  if (st == GLIA_OK) st = train(&s, c);
  s.comm = NULL; /* the cell's, not the session's to destroy */
  session_close(&s);
  return st;
}
