/* When a run ends early and in order: signals, the file DIR/halt, a time limit. */
#ifndef STOP_H
#define STOP_H

#include "keeper.h"

#include <stdatomic.h>

struct stopper {
  char *halt;      /* rank 0: DIR/halt; NULL: no folder */
  double end_s;    /* rank 0: when the time is up, on the monotonic clock; 0: no limit */
  double looked_s; /* when the file was last looked for */
  double slowest_step_s;
  atomic_bool stop;
  bool in_time; /* the time limit was the reason */
};

/** Start to watch; rank 0 alone looks at files and clocks, so that all ranks stop at the same step.
 *  dir         folder of the run, or NULL
 *  max_time_s  since the start of the process; 0: none. The limit of a SLURM job counts too, where it can be known. */
void stopper_begin(struct stopper *s, int rank, const char *dir, double max_time_s);

/** Look, once a step, by the main thread. Reserves time for two more steps and for writing the state. */
void stopper_look(struct stopper *s, const struct keeper *k, double step_s);

/** Is this rank asked to stop? Any thread may ask. */
bool stopper_says(const struct stopper *s);

/** The reason for people, given that of the loop. */
glia_reason stopper_reason(const struct stopper *s, glia_reason of_loop);

void stopper_end(struct stopper *s);

#endif
