/* An engine whose rank runs some stages of a model: see glia_stage.h for the cut, glia_schedule.h for the order.
 *
 * Sends never block; a receive waits for its message, a micro-batch's memory is used again when what it sent was taken. While it
 * waits a rank moves the sums that are under way (glia_exchange.h). A step allocates nothing. A rank that fails inside a step goes on
 * with its messages alone, so that the others reach its end.
 */
#ifndef GLIA_PIPELINE_H
#define GLIA_PIPELINE_H

#include "glia_engine.h"
#include "glia_schedule.h"

struct glia_pipeline {
  struct glia_stage *stage;
  struct glia_messenger *messenger;
  const struct glia_schedule
      *schedule; /* of steps that change states: as many micro-batches as one data group runs */
};

/** As glia_engine_create, of a program of glia_stage_compile. threads must be 1; how and what it names is borrowed until destroy.
 *  Collective: no. Errors: GLIA_E_ARGUMENT, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_engine_create_pipeline(
    const struct glia_program *p, int threads, const struct glia_exchange *exchange,
    int64_t max_micro_batches, const struct glia_pipeline *how, struct glia_engine **out);

/* What this rank did in steps that change states. */
struct glia_pipeline_stat {
  int64_t steps;
  double span_s;      /* from the first task of a step to the end of the last */
  double busy_s;      /* inside tasks, by the clock */
  double cpu_s;       /* inside tasks, of the processor */
  double wait_s;      /* for messages, memory and what stages share */
  int64_t bytes_sent; /* to other stages */
  size_t slot_bytes;  /* of one micro-batch */
  int slots;          /* micro-batches in memory at once */
  int segments;
  size_t
      queue_bytes; /* local learning: messages that wait to be read, beside the engine's memory */
};
GLIA_API struct glia_pipeline_stat glia_engine_pipeline(const struct glia_engine *e);

/* A task of a step that changes states; with local learning a micro-batch through all parts of the rank. `own` is what the thread did
 * since the task before but run kernels of tasks or wait: rows, sums, messages; with local learning also what ends a step. */
struct glia_pipeline_task {
  int64_t step; /* of this engine, from 0 */
  int32_t micro;
  int16_t segment;
  double start_s, end_s;   /* by glia_time_s: first and last moment in its kernels */
  double busy_s, cpu_s;    /* in its kernels by the clock, and of the processor */
  double wait_s;           /* since the task before, by the clock */
  double own_s, own_cpu_s; /* by the clock, and of the processor */
};

/** The last tasks of this rank, oldest first: of whole steps, some 4,000 at most.
 *  out  [most], NULL: how many there are.  Returns their number. */
GLIA_API int64_t glia_engine_pipeline_tasks(const struct glia_engine *e, int64_t most,
                                            struct glia_pipeline_task *out);

#endif
