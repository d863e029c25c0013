/* Runs that failed by themselves, counted per checkpoint that they went on from: a checkpoint that always ends in failure must not
 * loop for ever in a scheduler's queue.
 *
 * DIR/failures has one line per failure: "step=400 attempt=18c2f0a1 host=n1 pid=17 why=SIGSEGV". A crash writes its line from
 * the signal's handler. A run that was killed (SIGKILL, node lost, time limit, signals to stop) writes none, nor does one that
 * failed for its surroundings: disk, memory, network, configuration.
 */
#ifndef ATTEMPTS_H
#define ATTEMPTS_H

#include "glia_status.h"

enum { ATTEMPTS_MAX = 3 };

/** How many runs failed that went on from the checkpoint of `step`. */
int attempts_failed(const char *dir, int64_t step);

/** Rank 0, of a run that starts afresh because its checkpoints are lost: DIR/failures becomes DIR/failures.damaged, as what it counts
 *  says nothing of the new run's checkpoints. */
void attempts_forget(const char *dir);

/** On every rank: this process goes on from `step`; from now on its crashes are noted. `attempt` is one number for all ranks. */
void attempts_begin(const char *dir, int64_t step, int64_t attempt);

/** There is a newer checkpoint: what fails from here on is not the old one's doing. */
void attempts_advance(int64_t step);

/** The last state is written: what fails from here on, as evaluation, is no checkpoint's doing, and is not noted. */
void attempts_end(void);

/** Note a failure that ended the run, where it counts. One rank calls it. */
void attempts_note(glia_status st);

#endif
