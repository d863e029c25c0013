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
  /* What travels with every micro-batch: along a chain of stages until the table is bound to a cut. */
  int n_messages;
  struct glia_message *message;
  int entry; /* of the cut's graph, whose steps change states; -1: not bound */
  int parts; /* local: segments of the cut; else 1 */
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

/** Give a table the messages of a cut, and prove that with those it ends: a step that changes states, several of local learning, and
 *  what runs forward alone. Messages may skip stages (layers that read from far before, gradients of weights that two stages use,
 *  losses in the middle). An engine takes bound tables alone.
 *  stage  any rank's: all have the same list
 *  Errors: as glia_schedule_check, naming stage, micro-batch and message; GLIA_E_ARGUMENT (of another shape); GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_schedule_bind(struct glia_schedule *s,
                                                       const struct glia_stage *stage);

/** Task k, on each rank, of what runs forward alone on n micro-batches: in groups of as many as there are ranks, each group through all
 *  stages of a rank. */
GLIA_API struct glia_task glia_schedule_forward(const struct glia_schedule *s, int64_t n,
                                                int64_t k);

/* What playing a table comes to. */
struct glia_schedule_play {
  double span;                                /* from the first start to the last end */
  double busy[GLIA_STAGE_MAX_RANKS];          /* of each rank */
  double own[GLIA_STAGE_MAX_RANKS];           /* from its own first start to its own last end */
  int slots[GLIA_STAGE_MAX_RANKS];            /* micro-batches in memory at once */
  size_t waiting_bytes[GLIA_STAGE_MAX_RANKS]; /* sent by it and not known to be taken, at most */
};
/** Part of the span that ranks wait, on average. */
GLIA_API double glia_schedule_bubble(const struct glia_schedule *s,
                                     const struct glia_schedule_play *play);

/** Play a table with its messages: each rank does what it does in a step, in its own order. A message is taken only when its receive was
 *  begun, and its memory is free only then: the least that any MPI promises.
 *  cost  [ranks][segments] time of a task; NULL: 1 each, backward in one part 2
 *  Errors: GLIA_E_ARGUMENT, naming rank and task: a task that is missing, twice or out of order; ranks that wait for each other for ever,
 *  with the messages that they wait for; more micro-batches in memory than the row says; a message of a rank or segment that is not there,
 *  or that is read before it is expected. */
GLIA_API GLIA_NODISCARD glia_status glia_schedule_check(const struct glia_schedule *s,
                                                        const double *cost,
                                                        struct glia_schedule_play *out);

/** The same for as many steps as local learning lets ranks be apart, and two. */
GLIA_API GLIA_NODISCARD glia_status glia_schedule_prove(const struct glia_schedule *s,
                                                        struct glia_schedule_play *out);

/** Deal ranks out to cores by what they have to do: who has most first, each to the core that has least; of equals the first.
 *  ranks  at most GLIA_STAGE_MAX_RANKS
 *  work   [ranks]
 *  cores  at least 1 and at most GLIA_STAGE_MAX_RANKS
 *  core   [ranks] 0 to cores - 1 */
GLIA_API void glia_schedule_deal(int ranks, const double *work, int cores, int *core);

/** The same as glia_schedule_check with a time of every single task.
 *  task_s  [ranks][segments][micro_batches]
 *  wait_s  [ranks][segments][micro_batches] how long the rank waited in front of each: from the end of the one before, or the beginning of
 *          the step; NULL: nobody asks. Of local learning that in front of all parts */
GLIA_API GLIA_NODISCARD glia_status glia_schedule_replay(const struct glia_schedule *s,
                                                         const double *task_s, double *wait_s,
                                                         struct glia_schedule_play *out);

#endif
