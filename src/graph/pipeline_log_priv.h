/* What a rank of a pipeline did in its last steps, task by task: a ring, so that a step allocates nothing. */
#ifndef PIPELINE_LOG_PRIV_H
#define PIPELINE_LOG_PRIV_H

#include "glia_pipeline.h"

struct task_log {
  struct glia_pipeline_task *task; /* [capacity] */
  int64_t capacity, n;             /* n: tasks since the engine was made */
  int per_step;
  int64_t step;
  bool whole; /* time goes on from one step to the next */
  /* since the end of the last task */
  double from_s, from_cpu_s, wait_s, wait_cpu_s;
  struct glia_pipeline_task now;
};

/* per_step  tasks of a step; whole: what lies between two steps counts too (local learning, where ranks run ahead) */
GLIA_NODISCARD glia_status glia_task_log_init_(struct task_log *l, int per_step, bool whole);
void glia_task_log_fini_(struct task_log *l);

void glia_task_log_step_(struct task_log *l);
void glia_task_log_begin_(struct task_log *l, int segment, int64_t micro);
/* So much of the time was spent waiting. */
void glia_task_log_wait_(struct task_log *l, double wait_s, double cpu_s);
/* Kernels ran from start_s to end_s, and from start_cpu_s to end_cpu_s of the thread's own time. */
void glia_task_log_run_(struct task_log *l, double start_s, double end_s, double start_cpu_s,
                        double end_cpu_s);
void glia_task_log_end_(struct task_log *l);
#endif
