/* glia train: the whole run, on one rank or many. */
#include "attempts.h"
#include "curves.h"
#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_progress.h"
#include "glia_text.h"
#include "keeper.h"
#include "plan.h"
#include "profile.h"
#include "recorder.h"
#include "stages.h"
#include "stop.h"
#include "theory_stop.h"
#include "timeline.h"
#include "watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct run {
  struct glia_args *args;
  struct session s;
  struct keeper keeper;
  struct stopper stopper;
  struct recorder recorder;
  struct watch *watch;       /* NULL: nothing is observed */
  struct theory_stop theory; /* step -1: none */
  struct curves curves;      /* rank 0 */
  struct glia_progress progress;
  int64_t first_step;
  struct glia_train_result result;
  struct glia_eval_result test;
  bool tested;
  /* of the training alone, before the evaluation */
  struct glia_engine_stat engine;
  double communication_s, hidden_s; /* with sums under way; of it, while workers computed */
  json_t *workers;                  /* on rank 0 all of them */
  json_t *profile;                  /* NULL: none yet */
  json_t *pipeline;                 /* NULL: none, or not rank 0 */
  double input_wait_s;
};

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct run *r = self;
  const int64_t every = r->s.config.checkpoint_every;
  const double ran_s = glia_time_s() - r->progress.start_s;
  char extra[128];

  snprintf(extra, sizeof extra, "epoch %lld, loss %.4f, %.0f samples/s",
           (long long)((info->step - 1) / info->steps_per_epoch + 1), info->loss,
           (double)((info->step - r->first_step) * r->s.config.batch) / ran_s);
  glia_progress_update(&r->progress, (double)(info->step - r->first_step), extra);
  GLIA_TRY(watch_look(r->watch, info));
  stopper_look(&r->stopper, &r->keeper, info->wall_s + watch_took_s(r->watch));
  GLIA_TRY(recorder_step(&r->recorder, info));
  curves_step(&r->curves, info);
  /* the last state is written when the loop has ended */
  if (every > 0 && info->step % every == 0 && info->step < info->total_steps)
    *action = GLIA_CHECKPOINT;
  if (r->theory.step >= 0 && info->step >= r->theory.step) *action = GLIA_STOP;
  return GLIA_OK;
}

/* The loop agrees on the status. */
static glia_status checkpoint(void *self, int64_t step)
{
  struct run *r = self;

  recorder_flush(
      &r->recorder); /* a checkpoint finds the rows of its steps, whatever happens to this run */
  return keeper_begin(&r->keeper, step);
}

static bool stop_requested(void *self)
{
  const struct run *r = self;

  return stopper_says(&r->stopper) || keeper_failed(&r->keeper);
}

/* The largest micro-batch that divides the batch and gives each worker one; 1 when there are more workers than rows. */
static int64_t micro_batch_for(int64_t batch, int64_t workers)
{
  int64_t b = batch / workers > 0 ? batch / workers : 1;

  while (batch % b != 0) b--;
  return b;
}

/* Ranks without a micro-batch, as "0,2-5"; all ranks of a pipeline are one worker. */
static void name_idle(const struct run *r, int64_t v, int64_t workers, char *text, size_t size)
{
  const int64_t t = r->s.config.threads, ranks = r->s.config.stages, n = workers / t;
  size_t used = (size_t)snprintf(text, size, "%s", "");

  for (int64_t k = 0, end; k < n; k = end + 1) {
    for (end = k; end < n && glia_tree_range(v, workers, end * t) ==
                                 glia_tree_range(v, workers, (end + 1) * t);)
      end++;
    const int64_t first = k * ranks, last = end * ranks - 1;
    if (last < first || used >= size) continue;
    used +=
        (size_t)snprintf(text + used, size - used, "%s%lld", used > 0 ? "," : "", (long long)first);
    if (last > first && used < size)
      used += (size_t)snprintf(text + used, size - used, "-%lld", (long long)last);
  }
}

/* One line names the workers that will have nothing to do, and the cure. */
static void warn_idle(const struct run *r)
{
  const int64_t v = r->s.config.batch / r->s.config.micro_batch;
  const int64_t workers =
      (int64_t)glia_comm_size(r->s.comm) / r->s.config.stages * r->s.config.threads;
  char idle[128] = "";

  if (v >= workers || glia_comm_rank(r->s.comm) != 0) return;
  name_idle(r, v, workers, idle, sizeof idle);
  glia_log(GLIA_LOG_WARN, "train", "idle-workers",
           "micro_batches=%lld workers=%lld idle_ranks=%s cure=\"make data.micro_batch at most "
           "%lld, or start fewer ranks or threads\"",
           (long long)v, (long long)workers, idle[0] != '\0' ? idle : "none",
           (long long)micro_batch_for(r->s.config.batch, workers));
}

/* Every worker's share, gathered on rank 0: one JSON array. */
static glia_status gather_workers(struct run *r)
{
  json_t *own = json_array();
  char **all = NULL;

  r->workers = json_array();
  for (int t = 0; t < r->s.config.threads; t++) {
    const struct glia_worker_stat w = glia_engine_worker(r->s.engine, t);
    json_array_append_new(
        own, json_pack("{s:i, s:i, s:i, s:I, s:o, s:o}", "rank", glia_comm_rank(r->s.comm),
                       "thread", t, "stage", glia_comm_rank(r->s.comm) % r->s.config.stages,
                       "micro_batches", (json_int_t)w.micro_batches, "compute_s",
                       glia_json_real(w.compute_s), "input_wait_s", glia_json_real(w.input_s)));
  }
  char *text = json_dumps(own, JSON_COMPACT);
  json_decref(own);
  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "a list of workers");
  const glia_status st = glia_comm_gather_text(r->s.comm, text, 0, &all);
  free(text);
  GLIA_TRY(st);
  for (int k = 0; all != NULL && k < glia_comm_size(r->s.comm); k++) {
    json_t *part = json_loads(all[k], 0, NULL);
    json_array_extend(r->workers, part);
    json_decref(part);
  }
  free(all);
  for (size_t i = 0; i < json_array_size(r->workers); i++) { /* the worker that waited longest */
    const double s =
        json_number_value(json_object_get(json_array_get(r->workers, i), "input_wait_s"));
    if (s > r->input_wait_s) r->input_wait_s = s;
  }
  return GLIA_OK;
}

/* stop: theory, said in one line. */
static glia_status plan_stop(struct run *r)
{
  struct theory_stop *t = &r->theory;

  t->step = -1;
  if (!r->s.config.stop_by_theory) return GLIA_OK;
  GLIA_TRY(theory_stop_plan(&r->s, glia_train_steps(&r->s.config, r->s.train->n), t));
  if (glia_comm_rank(r->s.comm) == 0)
    glia_log(GLIA_LOG_INFO, "train", "theory",
             "alpha=%.4g snr=%.4g snr_lo=%.4g snr_hi=%.4g inr=%.4g t_opt=%.4g stop_step=%lld "
             "stop_step_lo=%lld stop_step_hi=%lld",
             t->alpha, t->snr, t->snr_lo, t->snr_hi, t->inr, t->t_opt, (long long)t->step,
             (long long)t->lo, (long long)t->hi);
  return GLIA_OK;
}

static json_t *theory_json(const struct run *r)
{
  const struct theory_stop *t = &r->theory;

  if (!r->s.config.stop_by_theory) return json_null();
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "alpha",
                   glia_json_real(t->alpha), "snr", glia_json_real(t->snr), "snr_lo",
                   glia_json_real(t->snr_lo), "snr_hi", glia_json_real(t->snr_hi), "inr",
                   glia_json_real(t->inr), "t_opt", glia_json_real(t->t_opt), "stop_step",
                   (json_int_t)t->step, "stop_step_lo", (json_int_t)t->lo, "stop_step_hi",
                   (json_int_t)t->hi);
}

/* Times of the exchange, as a mean over ranks. */
static glia_status average_exchange(struct run *r)
{
  const int size = glia_comm_size(r->s.comm);
  double s[2] = {r->engine.exchange_s / size, r->engine.exposed_s / size};

  GLIA_TRY(glia_comm_reduce_f64(r->s.comm, GLIA_COMM_SUM, s, 2));
  r->communication_s = s[0];
  r->hidden_s = s[0] > s[1] ? s[0] - s[1] : 0.0;
  return GLIA_OK;
}

/* Where the steps went, of rank 0's workers; before the evaluation, which shares kernels with them. */
static json_t *profile_json(struct run *r)
{
  const int64_t steps = r->result.steps - r->first_step;

  if (!glia_args_has(r->args, "profile") || r->args->rank != 0) return json_null();
  return profile_report(r->args, r->s.program, "train", steps);
}

/* Of the state that ends the run, for rank 0's report. */
static glia_status hash_states(struct run *r)
{
  struct session *s = &r->s;

  if (s->stages != NULL) return stages_sha256(s->stages, s, s->parameters_sha256, s->state_sha256);
  if (glia_comm_rank(s->comm) != 0) return GLIA_OK;
  GLIA_TRY(glia_parameters_sha256(s->n_arrays, s->array, s->parameters_sha256));
  return glia_state_sha256(s->n_arrays, s->array, s->state_sha256);
}

static glia_status train(struct run *r)
{
  const struct glia_observer observer = {r, after_step, checkpoint, stop_requested};
  struct glia_train_config config = r->s.config;
  /* a run that goes on from where theory stopped it has nothing to do */
  const bool at_its_end =
      r->theory.step >= 0 && r->first_step > 0 && r->first_step >= r->theory.step;
  if (at_its_end) config.max_steps = r->first_step;
  const struct glia_train_job job = {.config = &config,
                                     .model = r->s.model,
                                     .engine = r->s.engine,
                                     .source = r->s.train,
                                     .observer = &observer,
                                     .meeting = &r->s.meeting,
                                     .first_step = r->first_step};

  warn_idle(r);
  glia_stop_catch();
  glia_progress_begin(&r->progress, "train", "steps",
                      (double)(glia_train_steps(&r->s.config, r->s.train->n) - r->first_step));
  const glia_status st = glia_train(&job, &r->result);
  glia_progress_end(&r->progress);
  GLIA_TRY(st);
  if (at_its_end) r->result.reason = GLIA_REASON_STOPPED;
  GLIA_TRY(hash_states(r));
  GLIA_TRY(keeper_finish(&r->keeper, r->result.steps));
  attempts_end();
  r->engine = glia_engine_stat(r->s.engine);
  r->profile = profile_json(r);
  GLIA_TRY(average_exchange(r));
  GLIA_TRY(gather_workers(r));
  GLIA_TRY(stages_report(r->s.stages, &r->s, &r->pipeline));
  /* who asked to stop waits, and not for long: the state is safe, the test can be made up by glia eval */
  r->tested = r->s.test != NULL && r->result.reason != GLIA_REASON_SIGNAL;
  if (!r->tested) return GLIA_OK;
  return glia_evaluate(r->s.model, r->s.engine, r->s.test, r->s.config.micro_batch,
                       r->s.eval_micro_batches, &r->s.meeting, &r->test);
}

/* Stall and CPU time of the checkpoints that were written while training went on, as a part of the loop's time. */
static double checkpoint_fraction(const struct run *r)
{
  const struct glia_checkpoint_cost *c = &r->keeper.cost;

  return c->written > 0 ? (c->stall_s + c->cpu_s) / r->result.wall_s : 0.0;
}

static json_t *checkpoint_json(const struct run *r)
{
  const struct glia_checkpoint_cost *c = &r->keeper.cost;

  if (r->s.config.checkpoint_dir == NULL) return json_null();
  return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o}", "written", (json_int_t)c->written,
                   "size_bytes", (json_int_t)c->bytes, "stall_s", glia_json_real(c->stall_s),
                   "cpu_s", glia_json_real(c->cpu_s), "slowest_s", glia_json_real(c->slowest_s),
                   "fraction", glia_json_real(checkpoint_fraction(r)));
}

static void log_cost(const struct run *r)
{
  const struct glia_checkpoint_cost *c = &r->keeper.cost;

  if (c->written > 0)
    glia_log(GLIA_LOG_INFO, "train", "checkpoint-cost",
             "files=%lld size_bytes=%lld stall_s=%.4f cpu_s=%.4f slowest_s=%.3f step_fraction=%.5f",
             (long long)c->written, (long long)c->bytes, c->stall_s, c->cpu_s, c->slowest_s,
             checkpoint_fraction(r));
}

static json_t *test_json(const struct run *r)
{
  if (!r->tested) return json_null();
  json_t *j = json_pack("{s:o, s:o, s:I}", "accuracy", glia_json_real(r->test.accuracy), "loss",
                        glia_json_real(r->test.loss), "n", (json_int_t)r->test.n);
  session_add_metrics(j, &r->test);
  return j;
}

/* parallel.memory: what it came to. */
static json_t *values_json(const struct run *r)
{
  return json_pack("{s:I, s:I, s:o}", "bytes", (json_int_t)r->s.values.bytes, "kept_bytes",
                   (json_int_t)r->s.values.kept_bytes, "extra_work",
                   glia_json_real(r->s.values.extra_work));
}

static void print_end(const struct run *r, const char *reason)
{
  const struct glia_train_result *t = &r->result;

  if (t->steps == r->first_step && t->steps > 0)
    glia_cli_print(r->args, "%s: at step %lld already, no step was taken\n", reason,
                   (long long)t->steps);
  else
    glia_cli_print(r->args, "%s after %lld steps in %.1f s, %.0f samples/s: training loss %.4f\n",
                   reason, (long long)t->steps, t->wall_s, t->samples_per_s, t->train_loss);
}

static glia_status report(struct run *r)
{
  const struct glia_train_result *t = &r->result;
  const char *parameters = r->s.parameters_sha256, *state = r->s.state_sha256;

  if (glia_comm_rank(r->s.comm) != 0) return GLIA_OK;
  const bool alone = glia_comm_size(r->s.comm) == 1;
  const double hidden =
      alone || r->communication_s <= 0.0 ? (double)NAN : r->hidden_s / r->communication_s;
  char *path = keeper_path(&r->keeper);
  const glia_reason reason = stopper_reason(&r->stopper, t->reason);

  log_cost(r);
  print_end(r, glia_reason_name(reason));
  if (r->tested && !isnan(r->test.accuracy))
    glia_cli_print(r->args, "test: accuracy %.4f, loss %.4f on %lld rows\n", r->test.accuracy,
                   r->test.loss, (long long)r->test.n);
  else if (r->tested)
    glia_cli_print(r->args, "test: loss %.6g on %lld rows\n", r->test.loss, (long long)r->test.n);
  for (int i = 0; r->tested && i < r->test.n_metrics; i++)
    glia_cli_print(r->args, "test: %s %.4f\n", r->test.metric[i].name, r->test.metric[i].value);
  glia_cli_print(r->args, "parameters sha256 %.16s..., %s\n", parameters,
                 path != NULL ? path : "no checkpoint.dir is set: nothing was kept");
  if (!alone)
    glia_cli_print(r->args, "communication %.0f ms, hidden %.0f ms (%.0f %%)\n",
                   1e3 * r->communication_s, 1e3 * r->hidden_s, isnan(hidden) ? 0.0 : 1e2 * hidden);
  glia_cli_print(r->args, "waited %.0f ms for rows (%.1f %%)\n", 1e3 * r->input_wait_s,
                 t->wall_s > 0.0 ? 1e2 * r->input_wait_s / t->wall_s : 0.0);

  plan_print_values(r->args, &r->s);
  stages_print(r->args, r->pipeline);
  json_t *j = json_pack(
      "{s:s, s:I, s:I, s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, "
      "s:o, s:o, s:o, s:o, s:o}",
      "reason", glia_reason_name(reason), "steps", (json_int_t)t->steps, "resumed_from_step",
      (json_int_t)r->first_step, "train_loss", glia_json_real(t->train_loss), "test", test_json(r),
      "parameters_sha256", parameters, "state_sha256", state, "kernel_level", glia_kernels_level(),
      "checkpoint", glia_json_text(path), "checkpoint_cost", checkpoint_json(r), "ranks",
      glia_comm_size(r->s.comm), "threads", r->s.config.threads, "stages", r->s.config.stages,
      "workers", json_incref(r->workers), "wall_s", glia_json_real(t->wall_s), "samples_per_s",
      glia_json_real(t->samples_per_s), "communication_s",
      glia_json_real(alone ? 0.0 : r->communication_s), "hidden_fraction", glia_json_real(hidden),
      "input_wait_s", glia_json_real(r->input_wait_s), "theory", theory_json(r), "profile",
      r->profile != NULL ? json_incref(r->profile) : json_null(), "pipeline",
      r->pipeline != NULL ? json_incref(r->pipeline) : json_null(), "values", values_json(r));
  free(path);
  return glia_cli_json(r->args, j);
}

enum { METRIC_NAME = 80 };

/* Metrics of the test, by their names: test_f1. Returns how many. */
static int metric_facts(const struct run *r, char name[][METRIC_NAME], struct glia_attribute *fact)
{
  int n = 0;

  for (int i = 0; r->tested && i < r->test.n_metrics; i++) {
    snprintf(name[n], METRIC_NAME, "test_%s", r->test.metric[i].name);
    bool there = strcmp(name[n], "test_accuracy") == 0;
    for (int k = 0; k < n; k++) there |= strcmp(name[n], name[k]) == 0;
    if (there) continue;
    fact[n] = glia_attribute_real(name[n], r->test.metric[i].value);
    n++;
  }
  return n;
}

/* The outcome, into the record. */
static void close_record(struct run *r, glia_status st)
{
  const struct idle *idle = stages_idle(r->s.stages);
  char waits[GLIA_STAGE_MAX_RANKS * 8] = "";
  for (int k = 0; idle != NULL && k < idle->ranks; k++)
    snprintf(waits + strlen(waits), sizeof waits - strlen(waits), "%s%.4f", k > 0 ? " " : "",
             idle->stage[k].waits);
  char name[GLIA_MODEL_MAX_METRICS][METRIC_NAME];
  struct glia_attribute fact[8 + GLIA_MODEL_MAX_METRICS] = {
      glia_attribute_text("stage_waits", waits),
      glia_attribute_real("bubble", idle != NULL ? idle->mean.waits : (double)NAN),
      glia_attribute_real("bubble_own_cores",
                          idle != NULL ? idle->mean.waits_own_cores : (double)NAN),
      glia_attribute_real("theory_stop_step",
                          r->theory.step >= 0 ? (double)r->theory.step : (double)NAN),
      glia_attribute_real("train_loss", r->result.train_loss),
      glia_attribute_real("samples_per_s",
                          r->result.steps > r->first_step ? r->result.samples_per_s : (double)NAN),
      glia_attribute_real("test_accuracy", r->tested ? r->test.accuracy : (double)NAN),
      glia_attribute_real("test_loss", r->tested ? r->test.loss : (double)NAN)};
  const int n = 8 + metric_facts(r, name, fact + 8);
  const char *reason =
      st != GLIA_OK ? "failed" : glia_reason_name(stopper_reason(&r->stopper, r->result.reason));

  recorder_close(&r->recorder, r->result.steps, reason, n, fact);
}

static glia_status open_curves(struct run *r)
{
  glia_status st = GLIA_OK;

  if (glia_comm_rank(r->s.comm) == 0)
    st = curves_open(&r->curves, glia_args_text(r->args, "csv", NULL),
                     glia_args_text(r->args, "tensorboard", NULL), r->first_step);
  return glia_agree(r->s.comm, st);
}

/* Before the work: the test would be refused behind it. */
static glia_status check_test(const struct session *s)
{
  return s->test != NULL ? glia_source_suits(s->test, s->model, s->config.micro_batch) : GLIA_OK;
}

/* Micro-batches of padding alone cost what others cost. */
static void tell_padding(const struct session *s)
{
  const struct glia_train_config *c = &s->config;
  const int64_t all = c->batch / c->micro_batch,
                filled = (s->train->n + c->micro_batch - 1) / c->micro_batch;

  if (filled < all && glia_comm_rank(s->comm) == 0)
    glia_log(
        GLIA_LOG_WARN, "train", "batch-above-rows",
        "batch=%lld rows=%lld note=\"%lld of the %lld micro-batches of each step are padding\"",
        (long long)c->batch, (long long)s->train->n, (long long)(all - filled), (long long)all);
}

static glia_status run_all(struct run *r)
{
  struct glia_args *a = r->args;
  const bool plan = glia_args_has(a, "plan"), resume = !plan && glia_args_has(a, "resume");

  GLIA_TRY(glia_comm_world(&r->s.comm));
  if (glia_args_has(a, "trace"))
    GLIA_TRY(timeline_open(r->s.comm, glia_args_text(a, "trace", NULL)));
  GLIA_TRY(session_configure(&r->s, a->word[0], a->n_overrides, a->override));
  GLIA_TRY(glia_agree_same(r->s.comm, "what to do",
                           plan     ? "--plan"
                           : resume ? "--resume"
                                    : "train"));
  if (glia_args_has(a, "profile")) profile_time(true);
  r->s.once_per_node = true;
  r->s.staged = r->s.budgeted = !plan;               /* a plan looks at all ways, all kept, */
  if (plan) r->s.config.binding = GLIA_BINDING_NONE; /* and measures where ranks share no core */
  if (resume) GLIA_TRY(keeper_take(&r->keeper, &r->s, true)); /* its kernels are to be ours */
  GLIA_TRY(session_build(&r->s));
  GLIA_TRY(glia_agree(r->s.comm, check_test(&r->s)));
  if (plan) return plan_print(r->args, &r->s);
  if (!resume) GLIA_TRY(keeper_take(&r->keeper, &r->s, false)); /* what is wrong leaves no folder */
  GLIA_TRY(keeper_open(&r->keeper, &r->first_step));
  tell_padding(&r->s);
  stopper_begin(&r->stopper, a->rank, r->s.config.checkpoint_dir,
                glia_args_duration(a, "max-time", 0.0));
  if (!keeper_resumed(&r->keeper)) GLIA_TRY(session_initialize(&r->s));
  GLIA_TRY(plan_stop(r));
  GLIA_TRY(watch_open(&r->s, &r->watch));
  const char *const *name;
  const double *value;
  const int n_more = watch_values(r->watch, &name, &value);
  GLIA_TRY(recorder_open(&r->recorder, &r->s, r->first_step, n_more, name, value));
  GLIA_TRY(open_curves(r));
  GLIA_TRY(train(r));
  if (glia_args_has(a, "trace"))
    GLIA_TRY(timeline_write(r->s.comm, glia_args_text(a, "trace", NULL)));
  if (r->result.reason == GLIA_REASON_SIGNAL) a->exit_code = GLIA_EXIT_REQUEUE;
  return report(r);
}

static glia_status run(struct glia_args *args)
{
  struct run r = {.args = args, .keeper.newest = -1, .theory.step = -1};
  const glia_status st = run_all(&r);

  if (st != GLIA_OK && args->rank == 0) attempts_note(st);
  close_record(&r, st);
  curves_close(&r.curves, r.result.steps, r.tested ? &r.test : NULL);
  json_decref(r.workers);
  json_decref(r.profile);
  json_decref(r.pipeline);
  stopper_end(&r.stopper);
  watch_close(&r.watch);
  keeper_close(&r.keeper);
  session_close(&r.s);
  return st;
}

static const struct glia_option options[] = {
    {.name = "resume",
     .kind = GLIA_OPTION_FLAG,
     .help = "go on from the newest good checkpoint in checkpoint.dir, or start afresh when there "
             "is none"},
    {.name = "max-time",
     .kind = GLIA_OPTION_DURATION,
     .argument = "TIME",
     .lo = 1.0,
     .hi = 1e9,
     .help = "end in time before TIME has passed since the start (90, 5m, 2h, 1-00:00:00): write a "
             "checkpoint, exit with 75; a SLURM job's own limit counts too"},
    {.name = "csv",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.csv",
     .help = "also a line per step: loss, rate, gradient norm, times; --resume goes on with it",
     .output = GLIA_OUTPUT_PLACE},
    {.name = "tensorboard",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FOLDER",
     .help = "also events for TensorBoard"},
    {.name = "trace",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE.json",
     .help = "write what each thread of each rank did, for chrome://tracing or ui.perfetto.dev",
     .output = GLIA_OUTPUT_ANEW},
    {.name = "plan",
     .kind = GLIA_OPTION_FLAG,
     .help =
         "show layers and memory, run a few micro-batches, and predict step time, waiting, memory "
         "and messages of one rank, data groups, stages and grids on these ranks (2 where it is "
         "one)"},
    {.name = "ranks",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 2,
     .hi = 65536,
     .with = "plan",
     .help = "with --plan: predict for N ranks, a core each, from what is measured here"},
    {.name = "profile",
     .kind = GLIA_OPTION_FLAG,
     .help = "show where the steps went, by kernel and by layer: rank 0's workers"},
    {0}};

const struct glia_command glia_command_train_ = {
    .name = "train",
    .summary = "train a model described in YAML, on all ranks of mpirun or srun",
    .usage = "CONFIG.yaml [key=value ...]",
    .options = options,
    .details =
        "The configuration names data, model, loss and optimizer (docs/formats/config.md has every "
        "key). A word key=value overrides one of its keys by dotted path.\n\nRanks are data "
        "groups: each takes micro-batches of its own. With parallel.stages=K each group is K "
        "ranks, which "
        "share the layers out; --plan tells which is faster. The weights have the same bits for "
        "any "
        "number of ranks, stages and threads. SIGTERM, SIGINT and SIGUSR1 finish the step, "
        "write a checkpoint and end with exit code 75: submit again with --resume. So does a "
        "file named halt in checkpoint.dir, which is removed, and a time limit that comes "
        "near. A second signal ends the process at once.\n\nA rank that others wait for is named "
        "in the log after GLIA_STALL_WARN_S (5) seconds; after GLIA_STALL_ABORT_S (300) all ranks "
        "end with exit code 79, and the living write their last events to glia-stall-rank-N.txt "
        "(in "
        "GLIA_STALL_DIR, or here).",
    .example = "glia train fashion.yaml epochs=2 optimizer.adam.lr=5e-4\nmpirun -n 2 glia train "
               "fashion.yaml --resume\nmpirun -n 4 glia train fashion.yaml parallel.stages=2",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .overrides = true,
    .parallel = true,
};
