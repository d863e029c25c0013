/* What backward in two parts costs beside backward in one: see advise_priv.h.
 *
 * Kernels that make gradients of inputs and of weights together part there, and what both read is read twice: by how much a step grows
 * is the machine's and the model's, so it is measured: the whole model as one stage, under the schedule that splits. */
#include "advise_priv.h"

#include "glia_kernels.h"
#include "glia_pipeline.h"

#include <stdlib.h>

enum { FORWARD, INPUT, WEIGHTS, SEGMENTS };
enum { MICRO_BATCHES = 4, WARM_STEPS = 1, LEAST_STEPS = 3, MOST_STEPS = 40 };
static const double long_enough_s = 0.2;

/* The whole model as a pipeline of one rank. */
struct alone {
  struct glia_model_cut layers;
  struct glia_cut cut;
  struct glia_stage *stage;
  struct glia_schedule *schedule;
  struct glia_program *program;
  struct glia_messenger messenger;
  struct glia_engine *engine;
};

static int kind_that_splits(void)
{
  int kind = 0;

  while (glia_schedule_names()[kind] != NULL && !glia_schedule_splits(kind)) kind++;
  return kind;
}

static glia_status build(const struct session *s, const double *layer_s, int micro_batches,
                         struct alone *a)
{
  const struct glia_state *state;
  const struct glia_graph *whole = glia_model_graph(s->model);
  const int n = glia_graph_states(whole, &state);

  GLIA_TRY(glia_messenger_loopback(1, &a->messenger));
  GLIA_TRY(glia_model_cut_balanced(s->model, layer_s, 1, &a->layers));
  a->cut = (struct glia_cut){.ranks = 1,
                             .chunks = 1,
                             .stage_of = glia_model_stage_of,
                             .self = &a->layers,
                             .loss = glia_model_loss_sum(s->model),
                             .split = true};
  GLIA_TRY(glia_schedule_make(kind_that_splits(), 1, 1, micro_batches, &a->schedule));
  GLIA_TRY(glia_stage_cut(whole, &a->cut, 0, &a->stage));
  GLIA_TRY(glia_schedule_bind(a->schedule, a->stage));
  GLIA_TRY(glia_stage_compile(a->stage, glia_kernels_default(), (size_t)s->config.bucket_bytes,
                              &a->program));
  const struct glia_pipeline how = {a->stage, &a->messenger, a->schedule};
  GLIA_TRY(glia_engine_create_pipeline(a->program, 1, NULL, micro_batches, &how, &a->engine));
  for (int i = 0; i < n; i++)
    if (glia_stage_state(a->stage, i) >= 0)
      glia_model_initialize(s->model, s->config.seed, i,
                            glia_engine_state(a->engine, glia_stage_state(a->stage, i)));
  return GLIA_OK;
}

static void clear(struct alone *a)
{
  glia_engine_destroy(&a->engine);
  glia_program_destroy(&a->program);
  glia_stage_destroy(&a->stage);
  glia_schedule_destroy(&a->schedule);
  if (a->messenger.self != NULL) glia_messenger_loopback_destroy(1, &a->messenger);
}

static glia_status run_steps(const struct session *s, struct alone *a, int micro_batches,
                             int64_t steps)
{
  struct glia_train_config c = s->config;
  struct glia_train_result result;

  c.batch = micro_batches * c.micro_batch;
  c.epochs = -1;
  c.max_steps = steps;
  const struct glia_train_job job = {
      .config = &c, .model = s->model, .engine = a->engine, .source = s->train};
  return glia_train(&job, &result);
}

static int smaller(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

/* Median time of each segment's tasks, of the processor. */
static glia_status look(const struct alone *a, double *out)
{
  const int64_t n = glia_engine_pipeline_tasks(a->engine, 0, NULL),
                cold = (int64_t)WARM_STEPS * a->schedule->row[0].n;
  struct glia_pipeline_task *task = calloc((size_t)n + 1, sizeof *task);
  double *x = calloc((size_t)n + 1, sizeof *x);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, task != NULL && x != NULL, GLIA_E_MEMORY, "times of tasks");
  (void)glia_engine_pipeline_tasks(a->engine, n, task);
  for (int segment = 0; segment < SEGMENTS; segment++) {
    int64_t k = 0;
    for (int64_t i = cold; i < n; i++)
      if (task[i].segment == segment) x[k++] = task[i].cpu_s;
    qsort(x, (size_t)k, sizeof *x, smaller);
    out[segment] = k > 0 ? x[k / 2] : 0.0;
  }
out:
  free(task);
  free(x);
  return st;
}

glia_status advise_split_(const struct session *s, struct measured *m)
{
  const int v = m->micro_batches < MICRO_BATCHES ? (int)m->micro_batches : MICRO_BATCHES;
  const double once_s = v * m->t.micro_s + m->t.end_s + m->t.rest_s;
  const double most = long_enough_s / (once_s + 1e-9);
  const int64_t steps = WARM_STEPS + (most > MOST_STEPS    ? MOST_STEPS
                                      : most < LEAST_STEPS ? LEAST_STEPS
                                                           : (int64_t)most);
  struct alone a = {.stage = NULL};
  double forward = 0.0, backward = 0.0, took[SEGMENTS];

  for (int i = 0; i <= m->t.layers; i++) {
    forward += m->t.forward[i];
    backward += m->t.backward[i];
  }
  glia_status st = build(s, m->t.forward, v, &a);
  if (st == GLIA_OK) st = run_steps(s, &a, v, steps);
  if (st == GLIA_OK) st = look(&a, took);
  if (st == GLIA_OK && forward > 0.0 && backward > 0.0)
    m->b.split = (struct split_times){took[FORWARD] / forward, took[INPUT] / backward,
                                      took[WEIGHTS] / backward};
  clear(&a);
  return st;
}
