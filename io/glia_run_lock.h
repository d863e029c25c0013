/* One writer per run folder: DIR/.lock names the process that writes there, and those of all ranks.
 *
 * The lock is the kernel's (flock), so it ends with its process, however that ends. The text in the file says who it is, and
 * decides for an owner on another host or where the file system knows no locks. What is left behind by a dead process is
 * taken over; so is that of another host when it belonged to this very job (the scheduler has started it again).
 */
#ifndef GLIA_RUN_LOCK_H
#define GLIA_RUN_LOCK_H

#include "glia_status.h"

struct glia_run_lock;

/** Lock a folder, making it when it is missing. One rank per run does this.
 *
 *  wait_s  how long to wait for an owner that is dying (its launcher is gone, or it is an earlier start of this job): killed
 *          ranks may go on writing for about a second. 10 is plenty. A healthy owner is waited for a second
 *
 *  Ownership: glia_run_lock_release(out).
 *  Errors:    GLIA_E_BUSY (names host, process and job of the owner), GLIA_E_IO.
 */
GLIA_API GLIA_NODISCARD glia_status glia_run_lock_acquire(const char *dir, double wait_s,
                                                          struct glia_run_lock **out);

enum { GLIA_RUN_LOCK_PROCESS_BYTES = 256 };

/** This process as one line, "rank=1 host=n1 pid=17 start=123" (start: in ticks since boot, so that a number that the system gave
 *  away again is not taken for it). */
GLIA_API void glia_run_lock_process(int rank, char out[GLIA_RUN_LOCK_PROCESS_BYTES]);

/** Write the processes of all ranks into the lock: whoever finds the lock of a dead owner waits for those that are still there.
 *  Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_run_lock_name(struct glia_run_lock *lock, int n,
                                                       const char *const *process);

/** Release and set to NULL; NULL is welcome. */
GLIA_API void glia_run_lock_release(struct glia_run_lock **lock);

#endif
