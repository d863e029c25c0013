/* Sampling at a steady pace, and recording it to a telemetry file. */
#ifndef GLIA_AGENT_H
#define GLIA_AGENT_H

#include "glia_sample.h"

struct glia_agent_options {
  double period_s;   /* 1 ms or more */
  double duration_s; /* 0: until stopped */
  int (*stop)(void); /* asked now and then: anything but 0 ends the run; NULL: never */
};

/** One row, as handed to a sink. */
struct glia_agent_row {
  struct glia_sample_time when;
  int64_t index;       /* 0, 1, ... */
  int64_t n_metrics;   /* of the set */
  const double *raw;   /* [n_metrics] counters and gauges as they stand */
  const float *values; /* [n_metrics] counters as rates since the row before */
};

/** Where rows go; a failure ends the run. Ownership: the row is borrowed until the sink returns. */
struct glia_agent_sink {
  void *self;
  glia_status (*row)(void *self, const struct glia_agent_row *row);
};

typedef enum {
  GLIA_AGENT_COMPLETED, /* the duration is over */
  GLIA_AGENT_STOPPED    /* stop said so */
} glia_agent_reason;

/** What a run did; valid also when it failed. */
struct glia_agent_result {
  glia_agent_reason reason;
  int64_t metrics; /* columns */
  int64_t samples; /* rows */
  int64_t missing; /* values that could not be read, or of which there was no rate */
  int64_t late;    /* rows taken more than a tenth of the period after their time */
  int64_t skipped; /* times that passed without a row, since the row before took too long */
  double wall_s;   /* from first to last sample */
  double
      cpu_s_per_sample; /* CPU time of this thread to read and convert one row; the sink's is not in it */
};

/** "completed", "stopped". */
GLIA_API const char *glia_agent_reason_name(glia_agent_reason reason);

/** Take a sample every period and hand it to the sink.
 *
 *  Times are fixed when the run starts (start + k period, k = 1, 2, ...), so that small delays do not add up. The sample at the
 *  start only opens the first interval. A duration of 3 s with a period of 0.2 s gives 15 rows. stop is asked at least every 0.2 s.
 *
 *  set     borrowed
 *  result  may be NULL
 *
 *  Errors: GLIA_E_ARGUMENT (period, duration), GLIA_E_MEMORY, what the sink returned.
 */
GLIA_API GLIA_NODISCARD glia_status glia_agent_run(struct glia_sample_set *set,
                                                   const struct glia_agent_options *options,
                                                   const struct glia_agent_sink *sink,
                                                   struct glia_agent_result *result);

#endif
