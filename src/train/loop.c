/* The training loop: see glia_train.h. */
#include "feed_priv.h"
#include "glia_log.h"

#include <math.h>
#include <string.h>

static const char *const reasons[] = {"completed", "stopped", "diverged", "signal", "time_limit"};

const char *glia_reason_name(glia_reason r)
{
  return (unsigned)r < GLIA_COUNT(reasons) ? reasons[r] : "?";
}

static double real_output(struct glia_engine *e, const char *entry, const char *name,
                          double missing)
{
  const double *v = glia_engine_output(e, entry, name);

  return v != NULL ? *v : missing;
}

/* Rows of step `step` (0-based) that are no padding. */
static int64_t rows_of_step(const struct glia_order *o, int64_t step)
{
  const int64_t first = (step % glia_order_steps(o)) * o->batch;

  return o->n - first < o->batch ? o->n - first : o->batch;
}

static glia_status set_inputs(const struct glia_train_job *job, int64_t step, int64_t total,
                              double *rate)
{
  const int64_t seed = (int64_t)job->config->seed;

  *rate = glia_model_rate(job->model, step, total);
  GLIA_TRY(glia_engine_set(job->engine, "rate", rate));
  GLIA_TRY(glia_engine_set(job->engine, "step", &step));
  GLIA_TRY(glia_engine_set(job->engine, "seed", &seed));
  return GLIA_OK;
}

/* Outputs of the step that was told: what came of it. */
static void read_outputs(const struct glia_train_job *job, struct glia_step_info *info)
{
  info->loss = real_output(job->engine, "train", "loss", NAN);
  info->grad_norm = real_output(job->engine, "train", "grad_norm", NAN);
  info->rate = real_output(job->engine, "train", "rate", info->rate);
  info->taken = real_output(job->engine, "train", "finite", 1.0) > 0.0;
  info->stop_requested = real_output(job->engine, "train", "stop", 0.0) > 0.0;
}

/* One step and what came of it; on a rank's failure all ranks return it together. Where ranks run ahead of each other, a rank that
 * fails goes on with its messages until all have learnt of it, at the same step. */
static glia_status run_step(const struct glia_train_job *job, struct feed *feed, int64_t step,
                            int64_t total, struct glia_step_info *info)
{
  const double t0 = glia_time_s();

  glia_feed_begin_(feed, step - 1);
  *info = (struct glia_step_info){
      .step = step, .total_steps = total, .steps_per_epoch = glia_order_steps(&feed->order)};
  glia_status st = set_inputs(job, step, total, &info->rate);
  if (st == GLIA_OK)
    st = glia_engine_step(job->engine, "train", job->config->batch / job->config->micro_batch,
                          &feed->feed);
  if (st == GLIA_E_MPI) return st; /* the exchange broke: nobody is sure to come to a meeting */
  feed->late = feed->late || glia_engine_owed(job->engine) > 0;
  if (feed->late) glia_feed_keep_(feed, st);
  if (!glia_engine_told(job->engine)) return GLIA_OK;
  const bool failed = real_output(job->engine, "train", "failed", 0.0) > 0.0;
  if (failed || (st != GLIA_OK && !feed->late))
    return glia_meet_(job->meeting, feed->late ? glia_feed_kept_(feed) : st);
  read_outputs(job, info);
  info->wall_s = glia_time_s() - t0;
  return GLIA_OK;
}

/* A run while it goes on. */
struct run {
  const struct glia_train_job *job;
  struct glia_train_result *out;
  struct feed feed;
  int64_t total, told; /* steps; those whose outcome is known */
  int64_t rows;
  double loss_sum; /* of the epoch */
  int64_t loss_n;
  bool ends, checkpoint;
};

/* Ask the observer; all ranks go the same way, since they decide by the same facts. It may fail on one rank alone, before it has
 * answered: the ranks meet before anybody acts on the answer; where they run ahead of each other, the failure goes into the next step. */
static glia_status observe(struct run *r, const struct glia_step_info *info)
{
  const struct glia_observer *o = r->job->observer;
  glia_action action = GLIA_CONTINUE;

  if (o == NULL || o->step == NULL) return GLIA_OK;
  const glia_status st = o->step(o->self, info, &action);
  if (r->feed.late)
    glia_feed_keep_(&r->feed, st);
  else
    GLIA_TRY(glia_meet_(r->job->meeting, st));
  r->checkpoint |= action == GLIA_CHECKPOINT && o->checkpoint != NULL;
  if (action != GLIA_STOP) return GLIA_OK;
  r->ends = true;
  if (r->out->reason == GLIA_REASON_COMPLETED) r->out->reason = GLIA_REASON_STOPPED;
  return GLIA_OK;
}

/* What came of the next step, in their order. */
static glia_status take(struct run *r, struct glia_step_info *info)
{
  const struct glia_order *order = &r->feed.order;
  struct glia_train_result *out = r->out;

  info->step = ++r->told;
  if (out->reason == GLIA_REASON_DIVERGED) return GLIA_OK;
  if ((info->step - 1) % glia_order_steps(order) == 0) {
    r->loss_sum = 0.0;
    r->loss_n = 0;
  }
  if (!info->taken) {
    out->reason = GLIA_REASON_DIVERGED;
    out->train_loss = info->loss;
    r->ends = true;
    return GLIA_OK;
  }
  out->steps = info->step;
  r->rows += rows_of_step(order, info->step - 1);
  r->loss_sum += info->loss;
  r->loss_n++;
  out->train_loss = r->loss_sum / (double)r->loss_n;
  GLIA_TRY(observe(r, info));
  if (!info->stop_requested) return GLIA_OK;
  out->reason = GLIA_REASON_SIGNAL;
  r->ends = true;
  return GLIA_OK;
}

/* Steps whose outcome is owed: at the end, and before a checkpoint, so that both are of one step. */
static glia_status catch_up(struct run *r, struct glia_step_info *info)
{
  struct glia_engine *e = r->job->engine;

  while (glia_engine_owed(e) > 0) {
    GLIA_TRY(glia_engine_catch_up(e, "train"));
    if (real_output(e, "train", "failed", 0.0) > 0.0)
      return glia_meet_(r->job->meeting, glia_feed_kept_(&r->feed));
    info->rate = glia_model_rate(r->job->model, r->told + 1, r->total);
    read_outputs(r->job, info);
    GLIA_TRY(take(r, info));
  }
  return r->feed.late ? glia_meet_(r->job->meeting, glia_feed_kept_(&r->feed)) : GLIA_OK;
}

static glia_status go(struct run *r)
{
  const struct glia_train_job *job = r->job;
  const int64_t every = job->config->checkpoint_every;

  for (int64_t step = job->first_step + 1; step <= r->total && !r->ends; step++) {
    struct glia_step_info info;
    GLIA_TRY(run_step(job, &r->feed, step, r->total, &info));
    if (glia_engine_told(job->engine)) GLIA_TRY(take(r, &info));
    if (r->ends || r->checkpoint || step == r->total || (every > 0 && step % every == 0))
      GLIA_TRY(catch_up(r, &info));
    if (r->checkpoint && r->out->reason != GLIA_REASON_DIVERGED)
      GLIA_TRY(glia_meet_(job->meeting, job->observer->checkpoint(job->observer->self, step)));
    r->checkpoint = false;
  }
  return GLIA_OK;
}

glia_status glia_train(const struct glia_train_job *job, struct glia_train_result *out)
{
  const struct glia_train_config *c = job->config;
  const struct glia_order order = {c->seed,    job->source->n,
                                   c->batch,   c->micro_batch,
                                   c->shuffle, c->window > 0 ? glia_source_chunk(job->source) : 0,
                                   c->window};
  struct run r = {.job = job,
                  .out = out,
                  .total = glia_train_steps(c, job->source->n),
                  .told = job->first_step};

  *out = (struct glia_train_result){
      .reason = GLIA_REASON_COMPLETED, .steps = job->first_step, .train_loss = NAN};
  GLIA_TRY(glia_meet_(job->meeting,
                      glia_feed_init_(&r.feed, glia_model_graph(job->model), job->source, &order,
                                      job->engine, job->first_step, r.total, c->memory_bytes)));
  r.feed.observer = job->observer;
  const double t0 = glia_time_s();
  const glia_status st = go(&r);
  if (st == GLIA_OK) {
    out->wall_s = glia_time_s() - t0;
    out->samples_per_s = out->wall_s > 0.0 ? (double)r.rows / out->wall_s : 0.0;
  }
  glia_feed_fini_(&r.feed);
  return st;
}
