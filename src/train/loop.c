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

/* One step and what came of it; on a rank's failure all ranks return it together. */
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
  const bool failed = real_output(job->engine, "train", "failed", 0.0) > 0.0;
  if (st != GLIA_OK || failed) return glia_meet_(job->meeting, st);
  info->loss = real_output(job->engine, "train", "loss", NAN);
  info->grad_norm = real_output(job->engine, "train", "grad_norm", NAN);
  info->rate = real_output(job->engine, "train", "rate", info->rate);
  info->taken = real_output(job->engine, "train", "finite", 1.0) > 0.0;
  info->stop_requested = real_output(job->engine, "train", "stop", 0.0) > 0.0;
  info->wall_s = glia_time_s() - t0;
  return GLIA_OK;
}

/* Ask the observer; all ranks go the same way, since they decide by the same facts. It may fail on one rank alone, before it has
 * answered: the ranks meet before anybody acts on the answer. */
static glia_status observe(const struct glia_train_job *job, const struct glia_step_info *info,
                           bool *stop)
{
  const struct glia_observer *o = job->observer;
  glia_action action = GLIA_CONTINUE;

  if (o == NULL) return GLIA_OK;
  if (o->step != NULL) GLIA_TRY(glia_meet_(job->meeting, o->step(o->self, info, &action)));
  if (action == GLIA_CHECKPOINT && o->checkpoint != NULL)
    GLIA_TRY(glia_meet_(job->meeting, o->checkpoint(o->self, info->step)));
  *stop = action == GLIA_STOP;
  return GLIA_OK;
}

struct running_mean {
  double sum;
  int64_t n;
};

glia_status glia_train(const struct glia_train_job *job, struct glia_train_result *out)
{
  const struct glia_train_config *c = job->config;
  const struct glia_order order = {c->seed,    job->source->n,
                                   c->batch,   c->micro_batch,
                                   c->shuffle, c->window > 0 ? glia_source_chunk(job->source) : 0,
                                   c->window};
  const int64_t total = glia_train_steps(c, job->source->n);
  struct running_mean epoch = {0};
  struct feed feed;
  int64_t rows = 0;
  glia_status st;

  *out = (struct glia_train_result){
      .reason = GLIA_REASON_COMPLETED, .steps = job->first_step, .train_loss = NAN};
  GLIA_TRY(glia_meet_(job->meeting,
                      glia_feed_init_(&feed, glia_model_graph(job->model), job->source, &order,
                                      job->engine, job->first_step, total, c->memory_bytes)));
  feed.observer = job->observer;
  const double t0 = glia_time_s();
  st = GLIA_OK;
  for (int64_t step = job->first_step + 1; step <= total; step++) {
    struct glia_step_info info;
    bool stop = false;
    if ((step - 1) % glia_order_steps(&order) == 0) epoch = (struct running_mean){0};
    GLIA_TRY_TO(out, st, run_step(job, &feed, step, total, &info));
    if (!info.taken) {
      out->reason = GLIA_REASON_DIVERGED;
      out->train_loss = info.loss;
      break;
    }
    out->steps = step;
    rows += rows_of_step(&order, step - 1);
    epoch.sum += info.loss;
    epoch.n++;
    out->train_loss = epoch.sum / (double)epoch.n;
    GLIA_TRY_TO(out, st, observe(job, &info, &stop));
    if (info.stop_requested || stop) {
      out->reason = info.stop_requested ? GLIA_REASON_SIGNAL : GLIA_REASON_STOPPED;
      break;
    }
  }
  out->wall_s = glia_time_s() - t0;
  out->samples_per_s = out->wall_s > 0.0 ? (double)rows / out->wall_s : 0.0;
out:
  glia_feed_fini_(&feed);
  return st;
}
