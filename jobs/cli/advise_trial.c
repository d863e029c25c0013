/* Stages run alone, before a pipeline runs: see advise_priv.h.
 *
 * Layers' times do not add up to a stage's tasks: kernels that make gradients of inputs and of weights together part where a schedule
 * splits backward, a stage's weights and sums may fit into a cache that the whole model's do not, and what rows, sums and messages take
 * is in no kernel. So a stage's own program runs its own row of the table, and nothing is sent: a message that it reads is zeros.
 *
 * While a rank waits, its weights and sums leave caches that it shares with other cores (and a virtual machine with other machines): the
 * next task is slower. So a stage alone stands still where the table says that it would wait. With local learning that is where it reads a
 * message, and the first rank, which reads none, where its queue is full: what is sent is taken at once, and the queue is used again all the same. */
#include "advise_priv.h"

#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_STEPS = 2, LEAST_STEPS = 3, MOST_STEPS = 40, MICRO_BATCHES = 8 };

/* ---- nobody on the other side */

struct nobody {
  const struct advise_trial *how;
  const struct glia_schedule *schedule; /* whose messages are those of the cut */
  int *came;                            /* [messages] of this step */
  int *read_by;   /* [handles] place of the task that waits for it in how->wait_s; -1: none */
  int waits;      /* place of the task that was waited for last; -1: none of this step */
  bool reads;     /* messages of micro-batches */
  bool ended;     /* others' work was waited for in this step */
  bool over;      /* of what is still under way nothing is waited for */
  double zeros_s; /* processor time of making messages up */
};

static void begin(void *self)
{
  struct nobody *n = self;

  memset(n->came, 0, (size_t)n->schedule->n_messages * sizeof *n->came);
  n->waits = -1;
  n->ended = false;
}

static void poll(void *self) { (void)self; }

/* As one looks round who waits for a message. */
static void stand_still(double seconds, void (*idle)(void *arg), void *arg)
{
  const double until_s = glia_time_s() + seconds;

  while (glia_time_s() < until_s) idle(arg);
}

/* The task that waits for a message of a channel between this rank and a peer; -1: none. Messages of a channel come in rising order. */
static int task_of(struct nobody *n, int channel, int from, int to)
{
  int task = -1;

  for (int k = 0; k < n->schedule->n_messages; k++) {
    const struct glia_message *m = &n->schedule->message[k];
    if (m->channel != channel || m->from != from || m->to != to) continue;
    task = (n->schedule->ahead > 0 ? 0 : m->read * n->how->micro_batches) + n->came[k]++;
  }
  return task;
}

static glia_status send(void *self, int handle, int channel, int to, size_t bytes, const void *data)
{
  struct nobody *n = self;
  const bool queued = n->schedule->ahead > 0 && !n->reads;

  (void)bytes, (void)data;
  n->read_by[handle] = queued ? task_of(n, channel, n->how->rank, to) : -1;
  return GLIA_OK;
}

/* What stood there before may be no number, or no index. */
static glia_status receive(void *self, int handle, int channel, int from, size_t bytes, void *data)
{
  struct nobody *n = self;
  const double t0 = glia_cpu_s();

  n->read_by[handle] = task_of(n, channel, from, n->how->rank);
  memset(data, 0, bytes);
  n->zeros_s += glia_cpu_s() - t0;
  return GLIA_OK;
}

static glia_status wait_for(void *self, int handle, const char *what, void (*idle)(void *arg),
                            void *arg)
{
  struct nobody *n = self;
  const int task = n->read_by[handle];

  (void)what;
  if (n->over || n->how->wait_s == NULL || task < 0 || task == n->waits) return GLIA_OK;
  n->waits = task;
  stand_still(n->how->wait_s[task], idle, arg);
  return GLIA_OK;
}

static glia_status share(void *self, int n, double *x, void (*idle)(void *arg), void *arg)
{
  struct nobody *own = self;

  if (!own->ended) stand_still(own->how->tail_s, idle, arg);
  own->ended = true;
  for (int r = 0; r < own->schedule->ranks; r++)
    for (int k = 0; k < n && r != own->how->rank; k++) x[(size_t)r * (size_t)n + (size_t)k] = 0.0;
  return GLIA_OK;
}

static glia_status open_nothing(void *self, int n, int shared)
{
  struct nobody *own = self;

  (void)shared;
  own->came = calloc((size_t)own->schedule->n_messages + 1, sizeof *own->came);
  own->read_by = calloc((size_t)n, sizeof *own->read_by);
  for (int k = 0; k < own->schedule->n_messages; k++)
    own->reads = own->reads || own->schedule->message[k].to == own->how->rank;
  GLIA_CHECK(own->came != NULL && own->read_by != NULL, GLIA_E_MEMORY, "%d messages", n);
  for (int i = 0; i < n; i++) own->read_by[i] = -1;
  return GLIA_OK;
}

/* ---- one stage */

struct alone {
  struct nobody nobody;
  struct glia_messenger messenger;
  struct glia_stage *stage;
  struct glia_schedule *schedule;
  struct glia_program *program;
  struct glia_engine *engine;
  int n;                                                /* steps that count */
  int64_t ran;                                          /* all of them */
  double all_s, from_cpu_s, cpu_s;                      /* of them, as in layer_times.c */
  double span_s, zeros_s;                               /* as of the step before */
  double outside_s[MOST_STEPS], zeros_of_s[MOST_STEPS]; /* of a step: beside its tasks; zeros */
};

/* Local learning tells of a step late, and of the last ones behind the end: no step was run then. */
static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct alone *a = self;
  const struct glia_pipeline_stat stat = glia_engine_pipeline(a->engine);
  const double span_s = stat.span_s;

  if (stat.steps == a->ran) return GLIA_OK;
  a->ran = stat.steps;
  if (info->step == WARM_STEPS) a->from_cpu_s = glia_cpu_s();
  if (info->step > WARM_STEPS && a->n < MOST_STEPS) {
    a->outside_s[a->n] = fmax(0.0, info->wall_s - (span_s - a->span_s) - a->nobody.how->tail_s);
    a->zeros_of_s[a->n++] = a->nobody.zeros_s - a->zeros_s;
    a->all_s += info->wall_s;
    a->cpu_s = glia_cpu_s() - a->from_cpu_s;
  }
  a->span_s = span_s;
  a->zeros_s = a->nobody.zeros_s;
  if (a->n >= LEAST_STEPS && a->all_s > a->nobody.how->seconds) *action = GLIA_STOP;
  return GLIA_OK;
}

static glia_status build(const struct session *s, const struct advise_trial *t, int v,
                         struct alone *a)
{
  const struct glia_cut *cut = t->cut;
  const struct glia_graph *whole = glia_model_graph(s->model);
  const struct glia_state *state;
  const int n = glia_graph_states(whole, &state);

  a->messenger = (struct glia_messenger){.self = &a->nobody,
                                         .rank = t->rank,
                                         .size = cut->ranks,
                                         .begin = begin,
                                         .send = send,
                                         .receive = receive,
                                         .poll = poll,
                                         .wait = wait_for,
                                         .share = share,
                                         .open = open_nothing};
  GLIA_TRY(glia_schedule_make(t->kind, cut->ranks, cut->chunks, v, &a->schedule));
  GLIA_TRY(glia_stage_cut(whole, cut, t->rank, &a->stage));
  GLIA_TRY(glia_schedule_bind(a->schedule, a->stage));
  a->nobody = (struct nobody){.how = t, .schedule = a->schedule};
  GLIA_TRY(glia_stage_compile(a->stage, glia_kernels_default(), (size_t)s->config.bucket_bytes,
                              &a->program));
  const struct glia_pipeline pipeline = {a->stage, &a->messenger, a->schedule};
  GLIA_TRY(glia_engine_create_pipeline(a->program, 1, NULL, v, &pipeline, &a->engine));
  for (int i = 0; i < n; i++)
    if (glia_stage_state(a->stage, i) >= 0)
      glia_model_initialize(s->model, s->config.seed, i,
                            glia_engine_state(a->engine, glia_stage_state(a->stage, i)));
  return GLIA_OK;
}

static void clear(struct alone *a)
{
  a->nobody.over = true;
  glia_engine_destroy(&a->engine);
  glia_program_destroy(&a->program);
  glia_stage_destroy(&a->stage);
  glia_schedule_destroy(&a->schedule);
  free(a->nobody.came);
  free(a->nobody.read_by);
}

static glia_status run_steps(const struct session *s, struct alone *a)
{
  const struct glia_observer observer = {.self = a, .step = after_step};
  const struct glia_schedule *schedule = a->schedule;
  const int v = schedule->micro_batches, late = schedule->ahead * (schedule->ranks - 1) / v + 2;
  struct glia_train_config c = s->config;
  struct glia_train_result result;

  c.batch = v * c.micro_batch;
  c.epochs = -1;
  c.max_steps = WARM_STEPS + MOST_STEPS + late;
  const struct glia_train_job job = {.config = &c,
                                     .model = s->model,
                                     .engine = a->engine,
                                     .source = s->train,
                                     .observer = &observer};
  GLIA_TRY(glia_train(&job, &result));
  GLIA_CHECK(a->n >= LEAST_STEPS, GLIA_E_INTERNAL, "%s: a stage alone ran %d steps", schedule->name,
             a->n);
  return GLIA_OK;
}

/* Processor times of the tasks of the steps that count, oldest first: [kept][segments][v]. With what is done between tasks, as in
 * idle.c. Receives are begun with a micro-batch's first task: zeros that they make are taken off there. */
static glia_status list_tasks(const struct alone *a, int64_t kept, double *x)
{
  const int v = a->schedule->micro_batches, per_step = a->schedule->row[a->nobody.how->rank].n;
  const int segments = a->schedule->segments;
  struct glia_pipeline_task *task = calloc((size_t)(kept * per_step) + 1, sizeof *task);

  GLIA_CHECK(task != NULL, GLIA_E_MEMORY, "times of %lld tasks", (long long)(kept * per_step));
  (void)glia_engine_pipeline_tasks(a->engine, kept * per_step, task);
  for (int64_t i = 0; i < kept * per_step; i++) {
    const struct glia_pipeline_task *t = &task[i];
    const int64_t step = i / per_step;
    const double zeros_s = t->segment == 0 ? a->zeros_of_s[a->n - kept + step] / v : 0.0;
    x[(step * segments + t->segment) * v + t->micro] = fmax(0.0, t->cpu_s + t->own_cpu_s - zeros_s);
  }
  free(task);
  return GLIA_OK;
}

/* With local learning the first task of a step has the end of the step before in it (glia_pipeline.h), which comes once a step however
 * many micro-batches that has: what it takes longer than the others. */
static double part_end(int64_t steps, int v, double *x)
{
  double more_s[MOST_STEPS];

  for (int64_t k = 0; k < steps; k++) {
    double others_s = 0.0;
    for (int m = 1; m < v; m++) others_s += x[k * v + m] / (v - 1);
    more_s[k] = v > 1 ? x[k * v] - others_s : 0.0;
  }
  const double end_s = fmax(0.0, layer_times_median(more_s, (int)steps));
  for (int64_t k = 0; k < steps; k++) x[k * v] = fmax(0.0, x[k * v] - end_s);
  return end_s;
}

/* Steps as they were, one after another and from the first again; what a step has more of micro-batches comes from the next ones. */
static glia_status look(struct alone *a, double *task_s, double *end_s)
{
  const struct advise_trial *t = a->nobody.how;
  const int v = a->schedule->micro_batches, per_step = a->schedule->row[t->rank].n;
  const int segments = a->schedule->segments;
  const int64_t n = glia_engine_pipeline_tasks(a->engine, 0, NULL) / per_step;
  const int64_t kept = n < a->n ? n : a->n;
  double *x = calloc((size_t)kept * (size_t)segments * (size_t)v + 1, sizeof *x);
  glia_status st = x != NULL && kept > 0 ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "times of tasks");

  if (st == GLIA_OK) st = list_tasks(a, kept, x);
  if (st == GLIA_OK)
    *end_s = a->schedule->ahead > 0 ? part_end(kept, v, x)
                                    : (a->all_s > a->cpu_s ? a->cpu_s / a->all_s : 1.0) *
                                          layer_times_median(a->outside_s, a->n);
  for (int p = 0; p < t->plays && st == GLIA_OK; p++)
    for (int s = 0; s < segments; s++)
      for (int m = 0; m < t->micro_batches; m++) {
        const int64_t step = (p + m / v) % kept;
        task_s[((int64_t)p * segments + s) * t->micro_batches + m] =
            x[(step * segments + s) * v + m % v];
      }
  free(x);
  return st;
}

glia_status advise_trial_(const struct session *s, const struct advise_trial *t, double *task_s,
                          double *end_s)
{
  /* interleaved takes whole groups of as many as there are ranks */
  const int ranks = t->cut->ranks,
            most = ranks < MICRO_BATCHES ? MICRO_BATCHES - MICRO_BATCHES % ranks : ranks,
            v = t->micro_batches < most ? t->micro_batches : most;
  struct alone a = {.n = 0};
  glia_status st = GLIA_OK;

  if (t->rank >= 0) st = build(s, t, v, &a);
  st = glia_agree(s->comm, st); /* all begin at once */
  if (st == GLIA_OK && t->rank >= 0) {
    st = run_steps(s, &a);
    if (st == GLIA_OK) st = look(&a, task_s, end_s);
  }
  clear(&a);
  return glia_agree(s->comm, st);
}
