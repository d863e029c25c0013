/* Checkpoints of a run: one writer, resume, generations. */
#ifndef RESUME_H
#define RESUME_H

#include "session.h"

struct glia_run_lock;

struct keeper {
  struct session *s;
  struct glia_run_lock *lock; /* rank 0 */
  int64_t written;            /* step of the newest file of this process, -1: none */
};

/** Take the folder of config.checkpoint_dir: lock it; with `resume` load the newest good checkpoint, else refuse a folder that holds
 *  some. *first_step is the step to go on from (0: fresh).
 *  Collective: yes.  Errors: GLIA_E_EXISTS, GLIA_E_BUSY, GLIA_E_CONFIG (a key changed that may not), those of reading. */
GLIA_NODISCARD glia_status keeper_open(struct keeper *k, struct session *s, bool resume,
                                       int64_t *first_step);

/** Whether keeper_open loaded a checkpoint: the state needs no initial values. */
bool keeper_resumed(const struct keeper *k);

/** Write the state after `step` steps and forget old generations. Rank 0 writes; all learn how it went. Collective: yes. */
GLIA_NODISCARD glia_status keeper_write(struct keeper *k, int64_t step);

void keeper_close(struct keeper *k);

/** Path of the newest checkpoint written or resumed from, for the JSON; NULL when there is none. The caller frees it. */
char *keeper_path(const struct keeper *k);

#endif
