/* Tasks of a pipeline: see pipeline_log_priv.h. */
#include "engine_priv.h"
#include "glia_log.h"
#include "pipeline_log_priv.h"

#include <stdlib.h>

enum { TASKS = 4096 }; /* kept, about */

glia_status glia_task_log_init_(struct task_log *l, int per_step, bool whole)
{
  const int steps = per_step > 0 && per_step < TASKS ? TASKS / per_step : 1;

  *l = (struct task_log){
      .capacity = (int64_t)steps * per_step, .per_step = per_step, .whole = whole, .step = -1};
  l->task = calloc((size_t)l->capacity + 1, sizeof *l->task);
  GLIA_CHECK(l->task != NULL, GLIA_E_MEMORY, "a log of %lld tasks", (long long)l->capacity);
  return GLIA_OK;
}

void glia_task_log_fini_(struct task_log *l)
{
  free(l->task);
  *l = (struct task_log){0};
}

static void mark(struct task_log *l, double now_s, double cpu_s)
{
  l->from_s = now_s;
  l->from_cpu_s = cpu_s;
  l->wait_s = l->wait_cpu_s = 0.0;
}

void glia_task_log_step_(struct task_log *l)
{
  l->step++;
  l->n = l->step * l->per_step; /* of a step that failed some tasks are missing */
  if (!l->whole || l->step == 0) mark(l, glia_time_s(), glia_cpu_s());
}

void glia_task_log_begin_(struct task_log *l, int segment, int64_t micro)
{
  l->now = (struct glia_pipeline_task){
      .step = l->step, .segment = (int16_t)segment, .micro = (int32_t)micro, .start_s = -1.0};
}

void glia_task_log_wait_(struct task_log *l, double wait_s, double cpu_s)
{
  l->wait_s += wait_s;
  l->wait_cpu_s += cpu_s;
}

void glia_task_log_run_(struct task_log *l, double start_s, double end_s, double start_cpu_s,
                        double end_cpu_s)
{
  struct glia_pipeline_task *t = &l->now;
  const double own_s = start_s - l->from_s - l->wait_s,
               own_cpu_s = start_cpu_s - l->from_cpu_s - l->wait_cpu_s;

  if (t->start_s < 0.0) t->start_s = start_s;
  t->end_s = end_s;
  t->busy_s += end_s - start_s;
  t->cpu_s += end_cpu_s - start_cpu_s;
  t->wait_s += l->wait_s;
  t->own_s += own_s > 0.0 ? own_s : 0.0;
  t->own_cpu_s += own_cpu_s > 0.0 ? own_cpu_s : 0.0;
  mark(l, end_s, end_cpu_s);
}

void glia_task_log_end_(struct task_log *l)
{
  if (l->n >= (l->step + 1) * l->per_step) return;
  l->task[l->n % l->capacity] = l->now;
  l->n++;
}
