/* In which order a rank of a pipeline runs its segments on the micro-batches of a step: a table, made before the run and proven to
 * end. One executor runs any table (engine_pipeline.c).
 *
 *   gpipe        all forward, then all backward: every micro-batch is in memory at once (huang2019)
 *   1f1b         backward as soon as it can: at most ranks - r micro-batches on rank r (narayanan2019)
 *   interleaved  as 1f1b with several stages on each rank: a shorter bubble for more messages (narayanan2021)
 *   zero_bubble  backward in two parts, gradients of inputs at once and those of weights where a rank would wait: ZB-H1 (qi2023);
 *                at most `ranks` micro-batches on a rank
 *
 *   local        of a model with local learning, and only there: a micro-batch goes through all parts of a rank at once, nothing comes
 *                back; `ahead` messages wait for their reader, so a rank may be steps before it
 *
 * On each rank a segment takes micro-batches in rising order: sums over them then follow the canonical tree.
 */
#ifndef GLIA_SCHEDULE_H
#define GLIA_SCHEDULE_H

#include "glia_stage.h"

struct glia_task {
  int16_t segment; /* see glia_stage.h; forward of chunk 0, 1, ... come first */
  int32_t micro;   /* 0 to micro_batches - 1 */
};

struct glia_schedule_row {
  int n;
  struct glia_task *task;
  int slots; /* micro-batches in memory at once, at most */
};

struct glia_schedule {
  const char *name;
  int ranks, chunks, segments, micro_batches;
  int ahead; /* local: messages of a pair of ranks that wait to be read; else 0 */
  bool split;
  struct glia_schedule_row *row; /* [ranks] */
};

/** Names of the schedules, NULL-terminated; at most 8. */
GLIA_API const char *const *glia_schedule_names(void);
/** Whether it runs backward in two parts, and whether it takes several stages on a rank. */
GLIA_API bool glia_schedule_splits(int kind);
GLIA_API bool glia_schedule_interleaves(int kind);
/** Whether it is of local learning. */
GLIA_API bool glia_schedule_is_local(int kind);

/** Make a table and check it.
 *  kind  place in the list of names
 *  Ownership: destroy *out.  Errors: GLIA_E_ARGUMENT (interleaved where ranks do not divide micro_batches: says what does),
 *  GLIA_E_MEMORY; those of the check. */
GLIA_API GLIA_NODISCARD glia_status glia_schedule_make(int kind, int ranks, int chunks,
                                                       int micro_batches,
                                                       struct glia_schedule **out);
GLIA_API void glia_schedule_destroy(struct glia_schedule **s);

/* What playing a table comes to. */
struct glia_schedule_play {
  double span;                       /* from the first start to the last end */
  double busy[GLIA_STAGE_MAX_RANKS]; /* of each rank */
  double own[GLIA_STAGE_MAX_RANKS];  /* from its own first start to its own last end */
  int slots[GLIA_STAGE_MAX_RANKS];   /* micro-batches in memory at once */
};
/** Part of the span that ranks wait, on average. */
GLIA_API double glia_schedule_bubble(const struct glia_schedule *s,
                                     const struct glia_schedule_play *play);

/** Play a table: every task after those that it depends on, each rank in its own order. A message is taken only when its reader
 *  starts, and its memory is free only then: the least that any MPI promises.
 *  cost  [ranks][segments] time of a task; NULL: 1 each, backward in one part 2
 *  Errors: GLIA_E_ARGUMENT, naming rank and task: a task that is missing, twice or out of order; ranks that wait for each other for ever;
 *  more micro-batches in memory than the row says. */
GLIA_API GLIA_NODISCARD glia_status glia_schedule_check(const struct glia_schedule *s,
                                                        const double *cost,
                                                        struct glia_schedule_play *out);

/** The same with a time of every single task.
 *  task_s  [ranks][segments][micro_batches] */
GLIA_API GLIA_NODISCARD glia_status glia_schedule_replay(const struct glia_schedule *s,
                                                         const double *task_s,
                                                         struct glia_schedule_play *out);

#endif
