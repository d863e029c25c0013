/* Memory and threads that run a program.
 *
 *     glia_engine_create(program, 2 threads, exchange, 8 micro-batches, &e);
 *     memcpy(glia_engine_state(e, i), weights, ...);
 *     glia_engine_set(e, "rate", &rate);
 *     glia_engine_step(e, "train", 8, &feed);         // allocates nothing
 *     loss = *(double *)glia_engine_output(e, "train", "loss");
 *
 * A worker is a thread of a rank: worker w of size * threads runs the contiguous micro-batches of glia_tree_range.
 * Sums follow the canonical tree (glia_exchange.h), so results have the same bits for any number of workers.
 */
#ifndef GLIA_ENGINE_H
#define GLIA_ENGINE_H

#include "glia_exchange.h"
#include "glia_program.h"

struct glia_engine;

/* Who brings micro-batches and takes their outputs. Called from worker threads, several at once. */
struct glia_feed {
  void *self;
  /** Fill the per-micro-batch inputs of micro-batch `index`: data[i] is input i's array (by order of glia_graph_inputs; NULL where the
   *  entry point does not read it). A failure drains the step: this rank still takes part in the exchange. */
  glia_status (*fill)(void *self, int64_t index, int worker, void *const *data);
  /** Take micro-batch outputs (in a step of several phases in the last, too late for the others to learn of a failure): data[i] is output i of the entry point (NULL unless it lives in the micro-batch). May be NULL. */
  glia_status (*take)(void *self, int64_t index, int worker, const void *const *data);
};

/* What one worker did since the engine was made. */
struct glia_worker_stat {
  int64_t micro_batches;
  double compute_s; /* inside kernels of the micro-batch region, and adding up what they sum */
  double join_s;    /* of it adding up the sums of micro-batches */
  double input_s;   /* waiting for fill */
};

struct glia_engine_stat {
  double epilogue_s;
  double
      exchange_s; /* with sums under way: from the first start until the last was seen to be there */
  double exposed_s; /* of it, what workers spent on it: starting, moving and waiting */
  double wait_s;    /* of that, waiting; and waiting for ranks that hold the same states */
  double move_s;    /* of exposed_s, what is no waiting: starting and moving between kernels */
};

/* How sums move while micro-batches run. No bit depends on it. */
typedef enum {
  GLIA_PROGRESS_BLOCKING, /* not at all: they start when all micro-batches have run */
  GLIA_PROGRESS_POLLING,  /* a worker starts and moves them between two kernels */
  GLIA_PROGRESS_THREAD    /* a thread of its own does, which needs a core to itself */
} glia_progress;

/** Engine for all entry points of a program.
 *  threads            workers of this rank, >= 1
 *  exchange           NULL = loopback (one process); borrowed until destroy
 *  max_micro_batches  largest number per step
 *  Collective: no. Ownership: *out is yours to destroy; program is borrowed until then.
 *  Errors: GLIA_E_MEMORY, GLIA_E_ARGUMENT. */
GLIA_API GLIA_NODISCARD glia_status glia_engine_create(const struct glia_program *p, int threads,
                                                       const struct glia_exchange *exchange,
                                                       int64_t max_micro_batches,
                                                       struct glia_engine **out);
GLIA_API void glia_engine_destroy(struct glia_engine **e);

/** Hold the states once for all ranks of a node, in memory that they share: each worker of the node then updates its slice of them (of
 *  states and of the optimizer's slots), and the new ones stand where all read them. Bits are those of states of one's own. Where
 *  ranks share no memory, or one is alone on its node, nothing changes. From now on every step of every entry point is made by all
 *  ranks, and states may be written from outside only by all ranks alike, before a step. Call it before glia_engine_state.
 *  Collective: yes. After an error the engine serves as before.
 *  Errors: GLIA_E_MEMORY (not that much memory to share), GLIA_E_UNSUPPORTED (stages; a program that computes values for all
 *          together with states); on all ranks of the node alike. */
GLIA_API GLIA_NODISCARD glia_status glia_engine_share(struct glia_engine *e);

/** Whether the states are those of all ranks of the node. */
GLIA_API bool glia_engine_shares(const struct glia_engine *e);

/** How sums move from now on; blocking, until this is called. Between steps only. With polling and thread the exchange is called by
 *  other threads than the caller's, one at a time: MPI must have been started with MPI_THREAD_SERIALIZED or more.
 *  Errors: GLIA_E_MEMORY (no thread). */
GLIA_API GLIA_NODISCARD glia_status glia_engine_progress(struct glia_engine *e,
                                                         glia_progress progress);

/** Memory of state slot i (order of glia_graph_states). Read and written by the caller between steps only. */
GLIA_API void *glia_engine_state(struct glia_engine *e, int state);

/** Set a per-step input by name: copies its bytes. GLIA_E_MISSING when the graph has no such input. */
GLIA_API GLIA_NODISCARD glia_status glia_engine_set(struct glia_engine *e, const char *input,
                                                    const void *data);

/** Run one step of an entry point over v micro-batches (0 allowed for entry points without a micro-batch region).
 *  A failed fill or take on one rank leaves its sums at zero and `failed` (see below) above 0 on all ranks; the local status is
 *  returned here, for the caller to agree on with the other ranks.
 *  Collective: yes, when the exchange is. */
GLIA_API GLIA_NODISCARD glia_status glia_engine_step(struct glia_engine *e, const char *entry,
                                                     int64_t v, const struct glia_feed *feed);

/** Where ranks run ahead of each other (local learning over ranks) outputs of a step that changes states come late: those of the oldest
 *  step that was not told yet. Whether the last step told any; how many are owed; to have the next ones without a step.
 *  All ranks must ask alike. Errors: GLIA_E_MPI. */
GLIA_API bool glia_engine_told(const struct glia_engine *e);
GLIA_API int64_t glia_engine_owed(const struct glia_engine *e);
GLIA_API GLIA_NODISCARD glia_status glia_engine_catch_up(struct glia_engine *e, const char *entry);

/** Call place(self, t) on the thread of each worker t, and place(self, workers) on the thread that moves sums when that
 *  starts: to bind them to CPUs. Worker 0 is the calling thread. Ownership: self is borrowed until the engine is destroyed. */
GLIA_API void glia_engine_place(struct glia_engine *e, void (*place)(void *self, int worker),
                                void *self);

/** Call stepped(self, v) on the calling thread after each step of v micro-batches that did not fail, of whatever entry point: for progress of
 *  work whose caller does not see its steps. NULL: nobody is called. Ownership: self is borrowed until another takes its place. */
GLIA_API void glia_engine_watch(struct glia_engine *e,
                                void (*stepped)(void *self, int64_t micro_batches), void *self);

/** An output that lives in prologue or epilogue, after a step; NULL when there is none of that name. */
GLIA_API const void *glia_engine_output(struct glia_engine *e, const char *entry,
                                        const char *output);

/** Micro-batches [lo, hi) of a step of v that this rank runs. */
GLIA_API void glia_engine_range(const struct glia_engine *e, int64_t v, int64_t *lo, int64_t *hi);

/** Bytes that the engine holds: model, state, micro-batches and sums of all workers. */
GLIA_API size_t glia_engine_memory(const struct glia_engine *e);

/** Bytes that an engine would hold.
 *  ranks  of its exchange
 *  slots  micro-batches in memory at once in a pipeline; 0: none */
GLIA_API size_t glia_engine_bytes(const struct glia_program *p, int threads, int ranks,
                                  int64_t max_micro_batches, int slots);

/** Workers of this rank. */
GLIA_API int glia_engine_threads(const struct glia_engine *e);

GLIA_API struct glia_worker_stat glia_engine_worker(const struct glia_engine *e, int thread);
GLIA_API struct glia_engine_stat glia_engine_stat(const struct glia_engine *e);

/** Reserved input, f64 scalar per step: > 0 in the epilogue when some rank failed in this step (all ranks see the same).
 *  A graph that declares it guards its state writes with it; see glia_guard in nn. Call once per graph. */
GLIA_API glia_value glia_failed(struct glia_graph *g);

#endif
