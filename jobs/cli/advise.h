/* Which way of using the ranks is fastest: predicted from a few measured micro-batches, for --plan and bench plan. */
#ifndef ADVISE_H
#define ADVISE_H

#include "session.h"

enum {
  ADVISE_MOST = 64,
  ADVISE_DEPTH = 2 /* of auxiliary networks, where the model has the layers */
};

/* From what a way's time is predicted. */
typedef enum {
  ADVISE_LAYERS, /* times of layers, summed */
  ADVISE_STAGES, /* each of its stages run alone */
  ADVISE_RUN     /* the way itself, for a few steps: where ranks share cores */
} advise_from;

/* One way, and what it comes to. */
struct advice {
  char name[64];
  int groups, stages, kind, chunks; /* kind: of glia_schedule_names; -1: no stages */
  char cuts[320];                   /* as parallel.cuts takes them: "[3, 5]" */
  char why_not[256];                /* "": it can be */
  advise_from from;
  double step_s;
  double end_s;   /* of it what is once a step, behind the micro-batches */
  double tasks_s; /* of it the tasks where each rank has a core; with local learning all of it */
  double bubble;  /* part of the tasks' span that ranks wait where each has a core */
  double memory_bytes; /* of the largest rank's engine, messages that wait included */
  double
      stage_bytes; /* sent by a rank in a step to other stages, at most; into sums of gradients */
  double sum_bytes;
};

/* What was measured for it. */
struct advise_basis {
  double micro_s, join_s;        /* a micro-batch; adding its sums to those of another */
  double end_s, rest_s;          /* the end of a step; what else is in one */
  double single_s;               /* a step of one rank, the others at rest */
  double latency_s, bytes_per_s; /* of a message */
  double sums_s;                 /* between two data groups, all sums of gradients */
  bool assumed;                  /* there was no second rank: messages are guessed */
};

struct advisor;

/** Measure layers, and look at all ways: in one piece, data groups, stages by every schedule, and grids: their cuts, memory and messages.
 *  Where `ranks` is the session's number of ranks, those of a node share its cores; of any other number each is taken to have one.
 *  s      of whole models (not staged); its state is left; borrowed until close
 *  ranks  at least 2
 *  Collective: yes. Ownership: advisor_close. Errors: those of a step; on all ranks alike. */
GLIA_NODISCARD glia_status advisor_open(struct session *s, int ranks, struct advisor **out);
void advisor_close(struct advisor **advisor);

/** All ways, in a fixed order. Ownership: borrowed for the advisor's life. */
const struct advice *advisor_ways(const struct advisor *a, int *n);
const struct advise_basis *advisor_basis(const struct advisor *a);

/** Predict the time of a way, cut as it was: its stages, or all of it, run for about a fifth of a second.
 *  again  measure layers and sums once more, where the time rests on them
 *  A way that cannot be has its reason in why_not then.  Collective: yes. Errors: those of a step of the whole model; on all ranks alike. */
GLIA_NODISCARD glia_status advisor_time(struct advisor *a, int way, bool again);

/* What a run of a way came to. */
struct advice_run {
  double step_s;          /* of the median, by the clock of the rank that is slowest */
  double tasks_s, bubble; /* of the first pipeline where each rank has a core (idle.h); NaN: none */
  double memory_bytes, stage_bytes; /* as of struct advice */
};

/** Train in a way for about so long, five steps at least (of slow ones two), from initial weights, with one worker a rank.
 *  s              as of advisor_open; its rows and configuration are read
 *  comm           as many ranks as the way has
 *  micro_batches  of a step, at most; 0: as many as it has
 *  out            the same on all of comm
 *  Collective: yes, over comm. Errors: as a run refuses it (GLIA_E_CONFIG), those of a step; on all of comm alike. */
GLIA_NODISCARD glia_status advisor_run(const struct session *s, struct glia_comm *comm,
                                       const struct advice *c, double seconds,
                                       int64_t micro_batches, struct advice_run *out);

/** Whether so many modules of local learning can be the stages of these ranks, with data groups where they divide them. Collective: no. */
bool advisor_fits(int ranks, int modules);

/** Predict the times of all, and print them.
 *  ranks  0: those of this run, 2 where it is one
 *  out    as JSON: the caller's */
GLIA_NODISCARD glia_status advise(struct session *s, struct glia_args *a, int ranks, json_t **out);

#endif
