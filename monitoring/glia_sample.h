/* All samplers of one node, read together into one row. */
#ifndef GLIA_SAMPLE_H
#define GLIA_SAMPLE_H

#include "glia_sampler.h"

struct glia_sample_set;

struct glia_sample_time {
  int64_t monotonic_ns; /* for intervals: steady, starts anywhere */
  int64_t realtime_ns;  /* for people: since 1970-01-01 UTC; may jump */
};

/** Open every sampler of samplers.def.
 *
 *  root  where the node's files are: "/" for this machine, or a folder that holds a recorded proc/
 *
 *  Ownership: the caller closes *out.
 *  Errors:    GLIA_E_MISSING (root is no folder), GLIA_E_MEMORY. A file that is not there is none: its metrics are missing.
 */
GLIA_API GLIA_NODISCARD glia_status glia_sample_set_open(const char *root,
                                                         struct glia_sample_set **out);

/** The same with the detailed samplers, whose columns depend on the node: for serving, not for recording. */
GLIA_API GLIA_NODISCARD glia_status glia_sample_set_open_detailed(const char *root,
                                                                  struct glia_sample_set **out);

/** The same with the samplers given [n], for programs with sources of their own; they are borrowed until close. */
GLIA_API GLIA_NODISCARD glia_status
glia_sample_set_open_with(const struct glia_sampler *const *samplers, int n, const char *root,
                          struct glia_sample_set **out);

/** From now on samplers with a period are not read with a sample: they are missing until glia_sample_set_start. */
GLIA_API void glia_sample_set_leave_slow(struct glia_sample_set *set);

/** From now on samplers with a period are read at their own pace: those at hand along with a sample, the others by threads of their own, and
 *  glia_sample_take never waits for them: it gives their last values, or none when those are older than three periods and two seconds. Without
 *  this call they are read with every sample. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_sample_set_start(struct glia_sample_set *set);

/** Column that says when the value of `column` was read (s, monotonic clock of the node): `glia_sampler_read_seconds{...}` for
 *  samplers with a period, -1 for the others, which are read with the row. The column is missing before glia_sample_set_start and
 *  while its sampler does not answer. */
GLIA_API int64_t glia_sample_set_clock(const struct glia_sample_set *set, int64_t column);

/** Number of metrics: the width of a row. It does not change while the set is open. */
GLIA_API int64_t glia_sample_set_count(const struct glia_sample_set *set);

/** All metrics [count], in the order of a row. Ownership: borrowed until close. */
GLIA_API const struct glia_metric *glia_sample_set_metrics(const struct glia_sample_set *set);

/** Read the node now: one row of counters and gauges as they stand. Cannot fail and does not allocate.
 *
 *  out   [count] float64 (each metric's unit); GLIA_MISSING where unreadable. Counters need float64: 2^53 B is a week of
 *        traffic at 100 Gbit/s.
 *  when  the time just before the first read
 *
 *  A set is not for two threads at once: some samplers compare with their last sample.
 */
GLIA_API void glia_sample_take(struct glia_sample_set *set, double *out,
                               struct glia_sample_time *when);

/** Close *set and set it to NULL; NULL is welcome. */
GLIA_API void glia_sample_set_close(struct glia_sample_set **set);

#endif
