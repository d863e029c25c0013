/* What stages.c and stages_states.c share. */
#ifndef STAGES_PRIV_H
#define STAGES_PRIV_H

#include "glia_pipeline.h"
#include "stages.h"

struct stages {
  int ranks, groups, chunks, kind; /* of one pipeline; pipelines; stages of a rank; schedule */
  struct glia_comm *pipe, *data;   /* the ranks of this pipeline; of this stage */
  struct glia_model_cut layers;
  double *cost; /* [layers + 1] of a micro-batch (s) */
  double stage_cost[GLIA_MODEL_MAX_STAGES];
  double imbalance;
  struct glia_cut cut;
  struct glia_stage *stage;
  struct glia_schedule *schedule;
  struct glia_messenger messenger;
  struct idle idle; /* of this pipeline, when the run has ended */
  void *passing;    /* room for the largest state: those of other stages pass by, one at a time */
  size_t passing_bytes;
};

/* Table of all states in s->array: own ones in place, NULL for those of other stages. Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status stages_lay_out_(struct stages *g, struct session *s);

#endif
