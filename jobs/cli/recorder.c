/* Recording a run; see recorder.h. */
#include "recorder.h"
#include "placement.h"

#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COMPUTE, WAIT, INPUT, SPLITS, WARM_STEPS = 4 };

static const double flush_period_s = 1.0; /* also how often times are gathered, about */

static const char *const columns[RECORDER_COLUMNS] = {"loss", "rate", "grad_norm", "wall_s",
                                                      "time_s"};

static double clock_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static glia_status open_writer(struct recorder *r, const char *const *more)
{
  const struct session *s = r->s;
  const int ranks = glia_comm_size(s->comm);
  const char **node = calloc((size_t)ranks, sizeof *node);
  const char *column[RECORDER_COLUMNS + RECORDER_MORE_MAX];
  const struct glia_attribute facts[] = {
      glia_attribute_text("glia_version", PACKAGE_VERSION),
      glia_attribute_text("compiler", __VERSION__),
      glia_attribute_text("kernel_level", glia_kernels_level()),
      glia_attribute_text("model_hash", s->model_hash),
      glia_attribute_text("cpus", placement_map(s->placement)),
      glia_attribute_int("batch", s->config.batch),
      glia_attribute_int("rows", s->train->n),
      glia_attribute_int("bucket_bytes", s->config.bucket_bytes),
      glia_attribute_int("values_bytes", (int64_t)s->values.bytes),
      glia_attribute_int("values_kept_bytes", (int64_t)s->values.kept_bytes),
      glia_attribute_real("extra_work", s->values.extra_work)};

  GLIA_CHECK(node != NULL, GLIA_E_MEMORY, "names of %d nodes", ranks);
  for (int k = 0; k < ranks; k++) node[k] = glia_comm_host(s->comm, k);
  memcpy(column, columns, sizeof columns);
  for (int k = 0; k < r->n_more; k++) column[RECORDER_COLUMNS + k] = more[k];
  const struct glia_run_start start = {.config = s->config_text,
                                       .n_columns = RECORDER_COLUMNS + r->n_more,
                                       .column = column,
                                       .n_facts = (int)GLIA_COUNT(facts),
                                       .fact = facts,
                                       .ranks = ranks,
                                       .threads = s->config.threads,
                                       .node = node,
                                       .first_step = r->first_step};
  const glia_status st = glia_run_writer_open(s->config.checkpoint_dir, &start, &r->writer);
  free(node);
  return st;
}

glia_status recorder_open(struct recorder *r, struct session *s, int64_t first_step, int n_more,
                          const char *const *name, const double *more)
{
  glia_status st = GLIA_OK;

  *r = (struct recorder){.s = s,
                         .first_step = first_step,
                         .timed = first_step,
                         .n_more = n_more < RECORDER_MORE_MAX ? n_more : RECORDER_MORE_MAX,
                         .more = more};
  if (s->config.checkpoint_dir == NULL) return GLIA_OK;
  r->on = true;
  r->times = calloc((size_t)glia_comm_size(s->comm) * SPLITS, sizeof *r->times);
  if (r->times == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "times of all ranks");
  if (st == GLIA_OK && glia_comm_rank(s->comm) == 0) st = open_writer(r, name);
  return glia_agree(s->comm, st);
}

/* This rank's sums since the engine was made, of its threads the mean. */
static void sums(const struct recorder *r, double out[SPLITS])
{
  const struct glia_engine_stat e = glia_engine_stat(r->s->engine);
  const int threads = r->s->config.threads;

  out[COMPUTE] = e.epilogue_s;
  out[WAIT] = e.wait_s + glia_engine_pipeline(r->s->engine).wait_s;
  out[INPUT] = 0.0;
  for (int t = 0; t < threads; t++) {
    const struct glia_worker_stat w = glia_engine_worker(r->s->engine, t);
    out[COMPUTE] += w.compute_s / threads;
    out[INPUT] += w.input_s / threads;
  }
}

/* The ranks agree on a number of steps that take about a second, or are a fiftieth of the run. */
static glia_status choose_period(struct recorder *r, double step_s, int64_t steps)
{
  GLIA_TRY(glia_comm_reduce_f64(r->s->comm, GLIA_COMM_MAX, &step_s, 1));
  const double period = flush_period_s / (step_s > 1e-6 ? step_s : 1e-6);
  const double most = fmin(4096.0, (double)steps / 50.0);
  r->period = fmin(period, most) < 1.0 ? 1 : (int64_t)fmin(period, most);
  return GLIA_OK;
}

static glia_status gather_times(struct recorder *r, int64_t step)
{
  const int ranks = glia_comm_size(r->s->comm);
  const int rank = glia_comm_rank(r->s->comm);
  double now[SPLITS];

  sums(r, now);
  memset(r->times, 0, (size_t)ranks * SPLITS * sizeof *r->times);
  for (int i = 0; i < SPLITS; i++) {
    r->times[i * ranks + rank] = (now[i] - r->before[i]) / (double)(step - r->timed);
    r->before[i] = now[i];
  }
  r->timed = step;
  GLIA_TRY(glia_comm_reduce_f64(r->s->comm, GLIA_COMM_SUM, r->times, SPLITS * ranks));
  if (r->writer != NULL)
    glia_run_writer_times(r->writer, step, r->times + COMPUTE * ranks, r->times + WAIT * ranks,
                          r->times + INPUT * ranks);
  return GLIA_OK;
}

/* The run is worth more than its record. */
static void give_up(struct recorder *r)
{
  glia_log(GLIA_LOG_WARN, "train", "record-stopped", "why=\"%s\"", glia_trace_message());
  glia_trace_clear();
  const glia_status st = glia_run_writer_close(&r->writer, -1, "", 0, NULL);
  if (st != GLIA_OK) glia_trace_clear();
}

void recorder_flush(struct recorder *r)
{
  if (r->writer == NULL) return;
  r->flushed_s = glia_time_s();
  if (glia_run_writer_flush(r->writer) != GLIA_OK) give_up(r);
}

glia_status recorder_step(struct recorder *r, const struct glia_step_info *info)
{
  const int64_t since = info->step - r->first_step;

  if (!r->on) return GLIA_OK;
  if (since == WARM_STEPS)
    GLIA_TRY(choose_period(r, info->wall_s, info->total_steps - r->first_step));
  if (r->period > 0 && since % r->period == 0) GLIA_TRY(gather_times(r, info->step));
  if (r->writer == NULL) return GLIA_OK;
  double value[RECORDER_COLUMNS + RECORDER_MORE_MAX] = {info->loss, info->rate, info->grad_norm,
                                                        info->wall_s, clock_s()};
  for (int i = 0; i < r->n_more; i++) value[RECORDER_COLUMNS + i] = r->more[i];
  glia_run_writer_step(r->writer, info->step, value);
  if (glia_time_s() - r->flushed_s >= flush_period_s) recorder_flush(r);
  return GLIA_OK;
}

void recorder_close(struct recorder *r, int64_t steps, const char *reason, int n_facts,
                    const struct glia_attribute *fact)
{
  if (r->writer != NULL &&
      glia_run_writer_close(&r->writer, steps, reason, n_facts, fact) != GLIA_OK)
    glia_log(GLIA_LOG_WARN, "train", "record-not-finished", "why=\"%s\"", glia_trace_message());
  free(r->times);
  r->times = NULL;
}
