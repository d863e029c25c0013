/* A pipeline of threads of one process over the loopback, for tests: the model and data of a train_rig, cut into stages. */
#ifndef PIPELINE_RIG_H
#define PIPELINE_RIG_H

#include "glia_pipeline.h"
#include "train_rig.h"

#include <pthread.h>

enum { PIPELINE_RIG_MOST = 8 };

/* One rank, a thread. */
struct member {
  struct train_rig *rig; /* of one piece: model and data are read from it */
  struct glia_stage *stage;
  struct glia_program *program;
  struct glia_engine *engine;
  struct glia_messenger *messenger;
  struct glia_schedule *schedule;
  struct glia_cut cut;
  int rank;
  bool tight; /* in about as few bytes as it can be */
  pthread_t thread;
  glia_status status;
  char trace[512];
  struct glia_train_result result;
  struct glia_eval_result eval;
};

/* Layers dealt out evenly: `stages` of them. */
void pipeline_rig_cut_evenly(const struct glia_model *model, int stages,
                             struct glia_model_cut *out);

/* Cut the model, make its table for so many micro-batches and bind it. m, messenger [ranks]. Ends the test on failure. */
void pipeline_rig_cut(struct train_rig *alone, struct member *m, struct glia_messenger *messenger,
                      const struct glia_model_cut *cut, int kind, int ranks, int chunks,
                      int micro_batches);
/* Engines with the initial state. Ends the test on failure. */
void pipeline_rig_build(struct member *m, int ranks);
/* Run on a thread for each rank, until all have returned; keeps what it returns, and its trace. */
void pipeline_rig_go(struct member *m, int ranks, glia_status (*run)(struct member *m));
void pipeline_rig_end(struct member *m, struct glia_messenger *messenger, int ranks);

/* Rows made up from their numbers. data: of all inputs of the model, NULL: not read. */
glia_status pipeline_rig_fill(const struct member *m, int64_t index, void *const *data);

#endif
