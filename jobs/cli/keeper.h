/* The folder of a run: one writer, checkpoints in the background, generations. */
#ifndef KEEPER_H
#define KEEPER_H

#include "glia_checkpoint_writer.h"
#include "session.h"

struct glia_run_lock;
struct resume;

struct keeper {
  struct session *s;
  struct glia_run_lock *lock;            /* rank 0 */
  struct glia_checkpoint_writer *writer; /* rank 0; NULL: nothing is kept */
  char *local; /* rank 0: this run's own folder below checkpoint.local; NULL: none */
  struct glia_attribute fact[5];
  int n_facts;
  struct resume *found;              /* rank 0, between keeper_take and keeper_open with `resume` */
  int64_t resumed;                   /* step of the checkpoint that was loaded, -1: none */
  int64_t newest;                    /* step of the newest checkpoint begun or loaded, -1: none */
  struct glia_checkpoint_cost wrote; /* with stages: so far */
  struct glia_checkpoint_cost cost;  /* rank 0, of the training loop: set by keeper_finish */
};

/** Take the folder of config.checkpoint_dir: lock it, see that it can be written; with `resume` find the newest good checkpoint and go
 *  down to the level of its kernels, or say that bits may differ from here on; else refuse a folder that holds some. Before the session is
 *  built, which picks kernels.
 *  Collective: yes.  Errors: GLIA_E_EXISTS, GLIA_E_BUSY, GLIA_E_IO, those of reading. */
GLIA_NODISCARD glia_status keeper_take(struct keeper *k, struct session *s, bool resume);

/** Load what was found, and be ready to write. *first_step is the step to go on from (0: fresh).
 *  Collective: yes.  Errors: GLIA_E_CONFIG (a key changed that may not), GLIA_E_IO, those of reading. */
GLIA_NODISCARD glia_status keeper_open(struct keeper *k, int64_t *first_step);

/** Whether keeper_open loaded a checkpoint: the state needs no initial values. */
bool keeper_resumed(const struct keeper *k);

/** Let the state after `step` steps be written in the background: rank 0 alone works. With stages it is written at once, by all ranks
 *  together. The caller agrees on the status, which is also that of earlier writes. Collective: with stages. */
GLIA_NODISCARD glia_status keeper_begin(struct keeper *k, int64_t step);

/** Has a write failed on this rank? Any thread may ask. */
bool keeper_failed(const struct keeper *k);

/** Wait for what is under way, write the state after `step` steps, wait for it. All learn how it went. Collective: yes. */
GLIA_NODISCARD glia_status keeper_finish(struct keeper *k, int64_t step);

void keeper_close(struct keeper *k);

/** Path of the newest checkpoint written or resumed from, for the JSON; NULL when there is none. The caller frees it. */
char *keeper_path(const struct keeper *k);

#endif
