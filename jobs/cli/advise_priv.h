/* Between measuring (advise_measure.c) and predicting (advise.c). */
#ifndef ADVISE_PRIV_H
#define ADVISE_PRIV_H

#include "advise.h"
#include "glia_pipeline.h"
#include "layer_times.h"

struct measured {
  struct layer_times t;
  struct advise_basis b;
  double gradient_bytes; /* sums of a micro-batch: what data groups exchange */
  int64_t micro_batches;
  double crowd; /* ranks of a node by its cores, of the node where that is most; 1: each has one */
  int ranks, sharing; /* sharing: ranks of the node that has fewest */
  int workers,
      worker; /* ranks that measure, as many of a node as it has cores; which one this is, -1: none */
};

/* Of stages that are run alone so many steps are played, and the median told: tasks wander, and who waits for one waits longer. */
enum { ADVISE_PLAYS = 15 };

/* A pipeline that is looked at. */
struct plan {
  struct glia_model_cut layers;
  struct glia_cut cut; /* its self is `layers` */
  struct glia_schedule *schedule;
  double *cost; /* [ranks][segments] of a task of the mean, messages included */
  int plays;    /* below 15 where a step has many tasks, which even out */
  double *each; /* [plays][ranks][segments][micro_batches] of single tasks; NULL: not known */
  struct glia_schedule *all;            /* of local learning, with `each`: all plays as one table */
  double moved_s[GLIA_STAGE_MAX_RANKS]; /* of it messages */
  double end_s[GLIA_STAGE_MAX_RANKS];   /* what a stage does behind its micro-batches, alone */
};

struct advisor {
  struct session *s;
  struct measured m;
  int n;
  struct advice way[ADVISE_MOST + 1];
  struct plan plan[ADVISE_MOST + 1];
};

/** Times of layers on as many ranks of a node at once as it has cores and on one alone, messages and sums between the first two ranks;
 *  rank 0's are everybody's. May be called again: what stands there is replaced. Collective: yes. Ownership: layer_times_free(&m->t), also after an error. */
GLIA_NODISCARD glia_status advise_measure_(const struct session *s, struct measured *m);

/* A stage that is run alone. */
struct advise_trial {
  const struct glia_cut *cut;
  int kind;          /* of glia_schedule_names */
  int micro_batches; /* of a step; above 8 it has as many as 8 and ranks allow */
  int rank; /* of the pipeline, whose stages this rank of the session runs, at the same time as others run theirs; -1: none */
  int plays;
  double seconds; /* about so long, and three steps at least */
  const double *
      wait_s; /* [segments][micro_batches] it stands still in front of tasks that read messages, or that find a queue full; NULL: it does not */
  double tail_s; /* and behind them, as long as others are at work */
};

/** Run a stage alone: nothing is sent, and messages that it reads are zeros.
 *  task_s  [plays][segments][micro_batches] processor time of a task, with what is done between tasks
 *  end_s   what a step takes beside them
 *  Collective: yes, over s->comm. Errors: those of the cut, of compiling, and of a step; GLIA_E_MEMORY; on all ranks alike. */
GLIA_NODISCARD glia_status advise_trial_(const struct session *s, const struct advise_trial *t,
                                         double *task_s, double *end_s);

#endif
