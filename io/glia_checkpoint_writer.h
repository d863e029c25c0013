/* Checkpoints in the background: a copy at the step's edge, written by a thread while training goes on.
 *
 *     glia_checkpoint_writer_create(&job, &w);               // the copy's memory, and the thread
 *     glia_checkpoint_writer_begin(w, step, false);          // copies; allocates nothing
 *     glia_checkpoint_writer_wait(w, 300.0);                 // the last one is on the disk, or why not
 *     glia_checkpoint_writer_destroy(&w);
 *
 * There is one copy: a begin waits until the one before has been read from it. With a `local` folder the file is first
 * written there (a disk of this node), then copied to `dir`, so a slow shared folder does not hold the copy; when the local
 * folder fails, one warning says so and the file goes straight to `dir`.
 * A failure of the thread is kept, and returned by the next begin or wait; `failed` tells it at once.
 */
#ifndef GLIA_CHECKPOINT_WRITER_H
#define GLIA_CHECKPOINT_WRITER_H

#include "glia_checkpoint.h"

struct glia_checkpoint_writer;

/* Everything is borrowed until the writer is destroyed. */
struct glia_checkpoint_job {
  const char *dir;
  const char *local; /* NULL: none */
  int keep;          /* generations, in both folders */
  int n;
  const struct glia_array *array; /* [n] live state, copied by begin */
  const char *config;
  int n_attributes;
  const struct glia_attribute *attribute;
};

/* What the mechanism cost and did; times in seconds. */
struct glia_checkpoint_cost {
  int64_t written;      /* files */
  int64_t newest;       /* step of the newest in `dir`, -1: none */
  int64_t bytes;        /* of arrays, in all files */
  double stall_s;       /* spent in begin: the copy, and waiting for the one before */
  double copy_s;        /* of it the copy */
  double cpu_s;         /* CPU time of the thread */
  double slowest_s;     /* from the begin of a file to its rename, at most */
  int64_t local_failed; /* times that the local folder could not be used */
};

/** Start the thread and get all memory. Collective: no; one rank writes, since state is replicated.
 *  Ownership: *out is yours to destroy. Errors: GLIA_E_MEMORY, GLIA_E_INTERNAL (no thread). */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_writer_create(
    const struct glia_checkpoint_job *job, struct glia_checkpoint_writer **out);

/** Copy the state as that of `step` and let the thread write it.
 *  whole_hashes  also put the hashes of all parameters and of all state into /run: for the state that ends a run
 *  Errors: that of an earlier write; GLIA_E_IO when that has taken longer than GLIA_STALL_ABORT_S (300). */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_writer_begin(struct glia_checkpoint_writer *w,
                                                                 int64_t step, bool whole_hashes);

/** Wait until all is written. Errors: as begin. */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_writer_wait(struct glia_checkpoint_writer *w);

/** Has a write failed? Any thread may ask, at any time. */
GLIA_API bool glia_checkpoint_writer_failed(const struct glia_checkpoint_writer *w);

GLIA_API struct glia_checkpoint_cost glia_checkpoint_writer_cost(struct glia_checkpoint_writer *w);

/** Let the thread finish what it writes, and free; sets *w to NULL, NULL is welcome. A thread that hangs in the file system
 *  past GLIA_STALL_ABORT_S is left behind. */
GLIA_API void glia_checkpoint_writer_destroy(struct glia_checkpoint_writer **w);

#endif
