/* What the ranks of a pipeline waited for each other, from what each noted of its tasks (glia_engine_pipeline_tasks).
 *
 *   by the clock     all ranks on one clock; a step lasts from the first task of any rank to the last. It tells the pipeline's own waiting
 *                    only where every rank has a core to itself
 *   on own cores     the table played with the processor time of every single task, and of what the rank did between them: what is
 *                    left where ranks share cores, or other programs have them. Messages take no time in it
 *
 * Local learning has no end of a step, so all tasks that are kept are one span: of each rank from its own first to its own last. */
#ifndef IDLE_H
#define IDLE_H

#include "glia_comm.h"
#include "glia_pipeline.h"

/* Parts of the span. */
struct idle_stage {
  double tasks, own, waits; /* by the clock; they add up to 1 */
  double
      core; /* processor time of its tasks in parts of theirs by the clock: below 1 it shared its core */
  double waits_own_cores;
};

struct idle {
  int64_t steps; /* that were looked at; 0: too few were run */
  int ranks;
  struct idle_stage stage[GLIA_STAGE_MAX_RANKS];
  struct idle_stage mean;
  double
      step_own_cores_s; /* from the first task of a step to the end of the last, where each rank has a core: of the step in the middle */
};

/** Collective: yes, over the ranks of one pipeline. out: on its first rank.  Errors: GLIA_E_MEMORY, GLIA_E_MPI; on all ranks alike. */
GLIA_NODISCARD glia_status idle_measure(struct glia_comm *pipe, const struct glia_engine *e,
                                        const struct glia_schedule *s, struct idle *out);

#endif
