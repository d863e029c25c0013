/* The training loop, over three small interfaces: a source of rows, an exchange of sums, an observer.
 *
 * The loop owns nothing but its engine: it fills micro-batches by the run's order, steps, tells the observer what happened, and does
 * what the observer answers. It knows neither MPI nor HDF5.
 */
#ifndef GLIA_TRAIN_H
#define GLIA_TRAIN_H

#include "glia_model.h"
#include "glia_order.h"
#include "glia_source.h"

/* The part of a run's YAML that the loop needs (DESIGN, commands). */
struct glia_train_config {
  uint64_t seed;
  const char *data_file; /* borrowed from the document */
  int64_t batch, micro_batch;
  bool shuffle;
  bool by_rows; /* shuffled by rows even where that is slow */
  int64_t
      memory_bytes; /* a split that needs more is read from the file, with this much cache; 0: 2 GiB */
  int64_t window;    /* > 0: shuffled by chunks in windows of so many; 0: by rows */
  int64_t epochs;    /* -1: absent */
  int64_t max_steps; /* -1: absent */
  int threads, stages;
  int schedule, chunks; /* place in glia_schedule_names; stages of a rank, where it takes several */
  int progress;         /* a glia_progress, or GLIA_TRAIN_PROGRESS_AUTO */
  int64_t bucket_bytes; /* gradients travel together up to here; what parallel.bucket says, */
  bool bucket_set;      /* if it says anything */
  int64_t values_bytes; /* for the values of one micro-batch; 0: as many as they take */
  int wire;             /* how they travel between nodes: a glia_wire */
  int binding;          /* of workers to cores: a GLIA_BINDING_... */
  const char *checkpoint_dir;   /* NULL: none */
  const char *checkpoint_local; /* a folder on the writing node's own disk, NULL: none */
  int64_t checkpoint_every;     /* steps; 0: only at the end */
  int64_t checkpoint_keep;
  const struct glia_yaml *init_names; /* our names to those of that file, or NULL; borrowed */
  const char *init;                   /* file to take parameters from, or NULL */
  bool stop_by_theory;                /* stop: theory */
  /* observe: hessian: once an epoch, of the first rows of a split; split NULL: not */
  const char *hessian_split;
  int64_t hessian_top, hessian_rows;
};

enum { GLIA_BINDING_AUTO, GLIA_BINDING_CORE, GLIA_BINDING_NONE };
enum { GLIA_TRAIN_WINDOW = 8 }; /* chunks, where nothing else is said */
enum { GLIA_TRAIN_PROGRESS_AUTO = GLIA_PROGRESS_THREAD + 1 }; /* by the cores that are there */

/** Read and check a run's YAML: every top-level key is known, batch is a multiple of micro_batch, ...
 *  Errors: GLIA_E_CONFIG with file, line and the nearest known key. Ownership: texts are borrowed from the document. */
GLIA_API GLIA_NODISCARD glia_status glia_train_config_read(const struct glia_yaml *root,
                                                           struct glia_train_config *out);

/** Steps that the whole run takes on n rows. */
GLIA_API int64_t glia_train_steps(const struct glia_train_config *c, int64_t n);

typedef enum {
  GLIA_REASON_COMPLETED,
  GLIA_REASON_STOPPED,
  GLIA_REASON_DIVERGED,
  GLIA_REASON_SIGNAL,
  GLIA_REASON_TIME_LIMIT
} glia_reason;

/** "completed", "stopped", ... as in the JSON. */
GLIA_API const char *glia_reason_name(glia_reason r);

/* What happened in a step; the same on all ranks, times excepted. */
struct glia_step_info {
  int64_t step;        /* 1 for the first of the run */
  int64_t total_steps; /* of the run */
  int64_t steps_per_epoch;
  double loss;      /* weighted mean over the batch */
  double grad_norm; /* NaN where clip_norm is absent */
  double rate;
  bool taken;          /* false: loss or gradient was not finite, the state is unchanged */
  bool stop_requested; /* some rank asked to stop */
  double wall_s;       /* of this step, on this rank */
};

typedef enum { GLIA_CONTINUE, GLIA_CHECKPOINT, GLIA_STOP } glia_action;

struct glia_observer {
  void *self;
  /** After each step, on every rank. The answer must be the same on all ranks: decide by the step's facts, not by a clock.
   *  A failure on any rank ends the run on all of them, before the answer is acted upon. */
  glia_status (*step)(void *self, const struct glia_step_info *info, glia_action *action);
  /** Write a checkpoint of the state after `step` steps. Collective where writing is. */
  glia_status (*checkpoint)(void *self, int64_t step);
  /** Whether this process was asked to stop (a signal): polled on every micro-batch. May be NULL. */
  bool (*stop_requested)(void *self);
};

/* How ranks meet: NULL functions for one process. */
struct glia_meeting {
  void *self;
  /** All ranks adopt the worst status and learn its text. Collective: yes. */
  glia_status (*agree)(void *self, glia_status st);
  /** x [n] becomes the sum over ranks of theirs, element by element. Collective: yes. */
  glia_status (*sum)(void *self, int64_t n, double *x);
};

struct glia_train_result {
  glia_reason reason;
  int64_t steps;        /* state after this many steps of the run */
  double train_loss;    /* mean over the steps of the last epoch, as far as this process ran them */
  double wall_s;        /* of the loop */
  double samples_per_s; /* rows (padding excluded) per second of the loop, over all ranks */
};

struct glia_train_job {
  const struct glia_train_config *config;
  const struct glia_model *model;
  struct glia_engine *engine; /* state set by the caller: initial, or from a checkpoint */
  struct glia_source *source;
  const struct glia_observer *observer; /* may be NULL */
  const struct glia_meeting *meeting;   /* may be NULL */
  int64_t first_step;                   /* steps already taken (resume) */
};

/** Train until the configured end, a stop, or divergence. Every step's end is a meeting point when a rank failed in it.
 *  Collective: yes.  Errors: those of source and observer, agreed on by all ranks. */
GLIA_API GLIA_NODISCARD glia_status glia_train(const struct glia_train_job *job,
                                               struct glia_train_result *out);

/** Run an entry point over all rows of a source, in order, padding with weight 0.
 *
 *  micro_batches  per engine step; at most what the engine was made for
 *  after          called when a step has run: take the entry point's outputs; may be NULL
 *
 *  Collective: yes.  Errors: those of source, step and `after`, agreed on by all ranks where the source failed. */
GLIA_API GLIA_NODISCARD glia_status glia_sweep(const struct glia_model *model,
                                               struct glia_engine *engine, const char *entry,
                                               struct glia_source *source, int64_t micro_batch,
                                               int64_t micro_batches,
                                               const struct glia_meeting *meeting,
                                               glia_status (*after)(void *self), void *self);

/** Whether a source has all fields that the model reads, in the types that it was built for: what training, evaluation and
 *  prediction would find out when they begin.
 *  Collective: no.  Errors: GLIA_E_MISSING (a field), GLIA_E_SHAPE (its type). */
GLIA_API GLIA_NODISCARD glia_status glia_source_suits(const struct glia_source *source,
                                                      const struct glia_model *model,
                                                      int64_t micro_batch);

struct glia_eval_result {
  int64_t n;
  double loss;
  double accuracy; /* NaN where it has no meaning */
  int n_metrics;   /* those that the configuration names */
  struct {
    const char *name; /* borrowed from the model */
    double value;     /* NaN where it has no meaning */
  } metric[GLIA_MODEL_MAX_METRICS];
};

/** Loss and accuracy over all rows of a source, padding excluded: the same bits for any number of ranks.
 *  micro_batches  per engine step; at most what the engine was made for
 *  Collective: yes. */
GLIA_API GLIA_NODISCARD glia_status glia_evaluate(const struct glia_model *model,
                                                  struct glia_engine *engine,
                                                  struct glia_source *source, int64_t micro_batch,
                                                  int64_t micro_batches,
                                                  const struct glia_meeting *meeting,
                                                  struct glia_eval_result *out);

/** Outputs of the "predict" entry point for all rows of a source, in order: sink gets rows [first, first + n) of
 *  output [n, ...]. Serial: one thread, one process. */
GLIA_API GLIA_NODISCARD glia_status glia_predict(
    const struct glia_model *model, struct glia_engine *engine, struct glia_source *source,
    int64_t micro_batch,
    glia_status (*sink)(void *self, int64_t first, int64_t n, const void *rows), void *self);

/** The same for any entry point whose micro-batch output "output" is [b, ...]. */
GLIA_API GLIA_NODISCARD glia_status glia_predict_entry(
    const struct glia_model *model, struct glia_engine *engine, const char *entry,
    struct glia_source *source, int64_t micro_batch,
    glia_status (*sink)(void *self, int64_t first, int64_t n, const void *rows), void *self);

#endif
