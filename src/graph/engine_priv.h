/* State of the engine, and how the sums of a step cross ranks while it runs. */
#ifndef ENGINE_PRIV_H
#define ENGINE_PRIV_H

#include "glia_engine.h"
#include "glia_pipeline.h"
#include "program_priv.h"
#include "team_priv.h"

struct worker {
  struct glia_engine *e;
  int index;
  char *micro; /* of its micro-batches, one after another, where there are several phases */
  char *scratch;
  char **buffer; /* [depth] of sums */
  struct glia_part node[GLIA_TREE_MAX_PARTS];
  int n_nodes;
  struct glia_part
      *join; /* [threads * depth]: a slice of a bucket's parts, while the workers add them up */
  void **in; /* [graph inputs] handed to fill */
  const void **out; /* [outputs] handed to take */
  glia_status status;
  char trace[2048];
  struct glia_worker_stat stat;
};

/* One bucket of the step that runs. */
struct flight {
  struct glia_part
      *part;        /* [threads * depth]: those of worker t from t * depth on, until it starts */
  int *n_parts;     /* [threads] */
  atomic_int ready; /* workers whose part is there */
  double start_s;
  bool seen; /* its sum was seen to be there */
};

/* The exchange of the phase that runs. Whoever drives it holds the mutex: a worker between kernels, the caller in the end, or the
 * thread that does nothing else. */
struct drive {
  pthread_mutex_t mutex;
  glia_progress progress;
  struct flight *flight; /* [most buckets of an entry point] */
  int workers;           /* of this rank with micro-batches in this step */
  int next, end;         /* buckets not started yet */
  int under_way;         /* started and not seen */
  double from_s;         /* since when some are under way */
  atomic_int n_seen;     /* buckets of the phase that are there, the first so many */
  atomic_bool failed;
  glia_status status;
  char trace[2048];
  _Atomic double polled_s;
  /* the thread of GLIA_PROGRESS_THREAD */
  pthread_t thread;
  bool started, quit, busy;
  pthread_cond_t go;
};

struct pipeline; /* engine_pipeline.c */

struct glia_engine {
  const struct glia_program *p;
  struct pipeline *pipe; /* NULL: one stage */
  int64_t slots;         /* micro-batches of a worker in memory at once; 0: as the phases need */
  const struct glia_exchange *exchange;
  int threads, depth;
  int64_t max_v;
  char *memory; /* everything below is cut from it */
  size_t memory_bytes;
  char **constant; /* [entries] */
  char *input, *state, *shared, *spare;
  void *states; /* those of all ranks of the node, and `state`; NULL: this rank has its own */
  size_t states_bytes; /* and of the sums behind them */
  char *totals;        /* sums of a step, once for the node; NULL: this rank has its own */
  struct worker *worker;
  struct glia_engine_stat stat;
  /* the step that runs */
  const struct compiled *c;
  const struct glia_feed *feed;
  int64_t v;
  int phase;
  atomic_bool failed;
  char *total;
  struct drive drive;
  struct team team;                      /* of the workers */
  void (*place)(void *self, int worker); /* threads to their CPUs; NULL: nobody does */
  void *placer;
  void (*stepped)(void *self, int64_t micro_batches); /* who watches; NULL: nobody */
  void *watcher;
  struct list together; /* units of the epilogue that they share */
};

/* Buckets of the phase that runs: from here to buckets_end. */
static inline int glia_engine_first_bucket_(const struct glia_engine *e)
{
  return e->phase == 0 ? 0 : e->c->buckets_end[e->phase - 1];
}

/* Units of the micro-batch list of the entry point that runs. */
void glia_engine_run_units_(const struct glia_engine *e, region r, int from, int end,
                            char *const *bases, void *scratch);
void glia_engine_bases_(const struct glia_engine *e, char *micro, char *sums, char **bases);
/* Inputs of micro-batch `index`, into memory at micro: the first n_inputs of the graph. */
GLIA_NODISCARD glia_status glia_engine_fill_(struct worker *w, int n_inputs, int64_t index,
                                             char *micro);
/* Hand the outputs of a micro-batch to who takes them. */
GLIA_NODISCARD glia_status glia_engine_take_(struct worker *w, int64_t index, char *const *bases);
/* A buffer of sums that no node on the worker's stack holds. */
char *glia_engine_free_buffer_(const struct worker *w);
/* Add the two topmost nodes of the stack, of buckets [first, end), while they are siblings in the canonical tree. */
void glia_engine_join_(struct worker *w, int first, int end);
void glia_engine_keep_failure_(struct worker *w, glia_status st);

/* This rank's part of a step of the pipeline. On GLIA_E_MPI the step cannot be ended. */
GLIA_NODISCARD glia_status glia_pipeline_run_(struct worker *w);
/* Behind the epilogue: what was shared came through, and states of two stages are the same again. */
GLIA_NODISCARD glia_status glia_pipeline_end_(struct glia_engine *e);
GLIA_NODISCARD glia_status glia_pipeline_init_(struct glia_engine *e,
                                               const struct glia_pipeline *how);
void glia_pipeline_fini_(struct glia_engine *e);

/* Memory and thread of the exchange; fini may follow a failed init. */
GLIA_NODISCARD glia_status glia_drive_init_(struct glia_engine *e);
void glia_drive_fini_(struct glia_engine *e);

/* A phase begins: nothing is ready. */
void glia_drive_open_(struct glia_engine *e);

/* Whether buckets may start before the micro-batches of the phase have ended: nothing can fail behind that. */
bool glia_drive_early_(const struct glia_engine *e);

/* Bucket b of worker w is final: its stack of nodes, and behind it micro-batch `index` in `own` (NULL: all is on the stack). Starts it when
 * it is the last worker. */
void glia_drive_ready_(struct worker *w, int b, int64_t index, char *own);

/* All parts of this rank are there and nothing has started: the workers add them up, each its slice of every bucket. */
void glia_drive_join_(struct glia_engine *e);

/* Move what is under way in the engine `self`, if it is time to. Called by workers between kernels and tiles of kernels. */
void glia_drive_poll_(void *self);

/* Wait until all ranks of the node are here, if they hold the states once; sums move meanwhile. */
GLIA_NODISCARD glia_status glia_drive_meet_(struct glia_engine *e);

/* Give the states of the node back. */
void glia_engine_unshare_(struct glia_engine *e);

/* Wait until the first `n` buckets of the entry point are there. */
GLIA_NODISCARD glia_status glia_drive_wait_(struct glia_engine *e, int n);

#endif
