/* The record of a run while it trains: DIR/run.h5rec. */
#ifndef RECORDER_H
#define RECORDER_H

#include "glia_run_record.h"
#include "session.h"

enum { RECORDER_COLUMNS = 5, RECORDER_MORE_MAX = 24 };

struct recorder {
  struct session *s;
  struct glia_run_writer *writer; /* rank 0 */
  bool on;                        /* the same on all ranks */
  int64_t first_step;
  int64_t period; /* steps between rows of times; 0: not yet known */
  int64_t timed;  /* step of the last such row */
  double flushed_s;
  double *times; /* [3, ranks] */
  double before[3];
  int n_more; /* columns beside those of every run, taken anew after each step */
  const double *more;
};

/** Begin; nothing is recorded without checkpoint.dir.
 *  name, more  [n_more <= RECORDER_MORE_MAX] columns of the caller's, read after each step; borrowed until the end
 *  Collective: yes. */
GLIA_NODISCARD glia_status recorder_open(struct recorder *r, struct session *s, int64_t first_step,
                                         int n_more, const char *const *name, const double *more);

/** After each step, on every rank. Now and then the ranks' times are gathered, at the same steps everywhere.
 *  Collective: yes. Errors: GLIA_E_MPI. A file that cannot be written is said once, and the run goes on without. */
GLIA_NODISCARD glia_status recorder_step(struct recorder *r, const struct glia_step_info *info);

/** Make all rows so far visible to readers. Collective: no. */
void recorder_flush(struct recorder *r);

/** The outcome; then free. On a run that failed `reason` is "failed". Collective: no. */
void recorder_close(struct recorder *r, int64_t steps, const char *reason, int n_facts,
                    const struct glia_attribute *fact);

#endif
