/* A way run as it is, for a few steps: see advise.h. */
#include "advise.h"
#include "layer_times.h"
#include "stages.h"

#include "glia_agree.h"
#include "glia_log.h"
#include "glia_pipeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WARM_STEPS = 2, LEAST_STEPS = 5, LEAST_SLOW_STEPS = 2, MOST_STEPS = 200 };
static const double slow_s = 0.5; /* steps as long settle within the first */

struct steps {
  int warm, most, n; /* that do not count; that count */
  double took_s[MOST_STEPS];
};

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct steps *t = self;

  if (info->step > t->warm && t->n < MOST_STEPS) t->took_s[t->n++] = info->wall_s;
  if (t->n >= t->most) *action = GLIA_STOP;
  return GLIA_OK;
}

/* The configuration as a person would write it for this way, with this way's cuts. */
static glia_status configure(const struct session *s, const struct advice *c, struct session *own)
{
  char stages[64], schedule[64], chunks[64] = "parallel.chunks=null", cuts[400];
  const char *const override[] = {"parallel.threads=1", chunks, schedule, stages, cuts};
  const int n = (int)GLIA_COUNT(override) - (c->kind < 0);

  snprintf(stages, sizeof stages, "parallel.stages=%d", c->stages);
  snprintf(schedule, sizeof schedule, "parallel.schedule=%s",
           c->kind >= 0 ? glia_schedule_names()[c->kind] : "null");
  if (c->chunks > 1) snprintf(chunks, sizeof chunks, "parallel.chunks=%d", c->chunks);
  snprintf(cuts, sizeof cuts, "parallel.cuts=%s", c->cuts);
  return session_configure_text(own, "a way that is planned", s->config_text, n, override);
}

/* Of a step as many micro-batches as asked for, if it has more. Initial weights will do. Rows come in the order of s, which knows how slow they are. */
static void shorten(const struct session *s, struct session *own, int64_t micro_batches)
{
  const int64_t v = own->config.batch / own->config.micro_batch;

  if (micro_batches > 0 && micro_batches < v)
    own->config.batch = micro_batches * own->config.micro_batch;
  own->config.epochs = -1;
  own->config.max_steps = WARM_STEPS + MOST_STEPS;
  own->config.init = NULL;
  own->config.window = s->config.window;
}

static glia_status run_steps(struct session *own, struct steps *t)
{
  const struct glia_observer observer = {.self = t, .step = after_step};
  const struct glia_train_job job = {.config = &own->config,
                                     .model = own->model,
                                     .engine = own->engine,
                                     .source = own->train,
                                     .observer = &observer,
                                     .meeting = &own->meeting};
  struct glia_train_result result;

  GLIA_TRY(session_initialize(own));
  GLIA_TRY(glia_train(&job, &result));
  GLIA_CHECK(t->n > 0, GLIA_E_DATA, "training ended within %lld steps: is its loss a number?",
             (long long)result.steps);
  return GLIA_OK;
}

/* The slowest rank tells how long a step took, the largest how much it holds. */
static glia_status look(struct session *own, struct steps *t, struct advice_run *out)
{
  const struct glia_pipeline_stat p = glia_engine_pipeline(own->engine);
  json_t *report = NULL;
  double most[3] = {layer_times_median(t->took_s, t->n),
                    (double)glia_engine_memory(own->engine) + (double)p.queue_bytes,
                    p.steps > 0 ? (double)p.bytes_sent / (double)p.steps : 0.0};

  GLIA_TRY(stages_report(own->stages, own, &report));
  json_decref(report);
  GLIA_TRY(glia_comm_reduce_f64(own->comm, GLIA_COMM_MAX, most, 3));
  const struct idle *idle = stages_idle(own->stages);
  *out = (struct advice_run){.step_s = most[0],
                             .tasks_s = idle != NULL ? idle->step_own_cores_s : (double)NAN,
                             .bubble = idle != NULL ? idle->mean.waits_own_cores : (double)NAN,
                             .memory_bytes = most[1],
                             .stage_bytes = most[2]};
  return glia_comm_bcast(own->comm, out, sizeof *out, 0);
}

glia_status advisor_run(const struct session *s, struct glia_comm *comm, const struct advice *c,
                        double seconds, int64_t micro_batches, struct advice_run *out)
{
  struct session own = {.comm = comm, .staged = true, .once_per_node = true, .train = s->train};
  const bool slow = c->step_s > slow_s;
  const double n =
      fmin(fmax(seconds / c->step_s, slow ? LEAST_SLOW_STEPS : LEAST_STEPS), MOST_STEPS);
  struct steps t = {.warm = slow ? 1 : WARM_STEPS, .most = (int)n};

  glia_status st = glia_agree(comm, configure(s, c, &own));
  if (st == GLIA_OK) {
    shorten(s, &own, micro_batches);
    st = glia_agree(comm, session_build(&own));
  }
  if (st == GLIA_OK) st = glia_agree(comm, run_steps(&own, &t));
  if (st == GLIA_OK) st = look(&own, &t, out);
  own.train = NULL; /* the caller's */
  own.comm = NULL;
  session_close(&own);
  return st;
}
