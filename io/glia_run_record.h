/* The record of a run, DIR/run.h5rec (docs/formats/run-record.md): curves, where time went on every rank, who ran it.
 *
 * Others read it while the run goes on, with any HDF5 program. HDF5 lays the file out once, with room for more rows, and tells where
 * the columns are; rows are then written into their places, and the number of rows last. So no reader ever meets a file
 * whose structure is being changed, and a killed run leaves all that it wrote. When the room is used up, a larger file takes the
 * place of the old one, whole. Above ROWS_MAX rows two neighbours become one, so that memory and file stay small.
 */
#ifndef GLIA_RUN_RECORD_H
#define GLIA_RUN_RECORD_H

#include "glia_checkpoint.h"

enum { GLIA_RUN_FORMAT = 1, GLIA_RUN_COLUMNS_MAX = 32 };

/* One start of the program on this run. */
struct glia_run_session {
  int64_t first_step; /* steps already taken */
  int64_t last_step;  /* -1: it runs, or was killed */
  double start_s;     /* seconds since 1970 */
  double end_s;       /* NaN: it runs, or was killed */
  int64_t ranks, threads;
  char reason[32]; /* "completed", ...; empty: it runs, or was killed */
};

/* A record in memory. */
struct glia_run {
  char *config;
  int n_facts;
  struct glia_attribute *fact; /* build and outcome, attributes of /run */
  int64_t n;                   /* rows */
  int64_t stride;              /* steps that a row is the mean of */
  int64_t *step;               /* [n] of each row the last */
  int n_columns;
  char **column;  /* names: "loss", "rate", ... */
  double **value; /* [n_columns][n] */
  int64_t n_times, ranks;
  int64_t *time_step; /* [n_times] */
  float *compute, *wait,
      *input; /* [n_times, ranks] seconds per step, NaN where a session had fewer ranks */
  int64_t n_nodes;
  char **node; /* [n_nodes] of the last session */
  int64_t n_sessions;
  struct glia_run_session *session;
};

/** Read a record, also of a run that goes on. path: the file, or the run's folder.
 *  Ownership: glia_run_free(out). Errors: GLIA_E_MISSING, GLIA_E_IO, GLIA_E_DATA, GLIA_E_UNSUPPORTED. */
GLIA_API GLIA_NODISCARD glia_status glia_run_read(const char *path, struct glia_run **out);

/** Free and set to NULL; NULL is welcome. */
GLIA_API void glia_run_free(struct glia_run **run);

struct glia_run_writer;

/* Who begins to write; all borrowed for the call. */
struct glia_run_start {
  const char *config;
  int n_columns;
  const char *const *column; /* names of what is recorded per step */
  int n_facts;
  const struct glia_attribute *fact; /* build and configuration */
  int ranks, threads;
  const char *const *node; /* [ranks] */
  int64_t first_step;      /* rows of later steps, of an earlier start, are dropped */
};

/** Begin or continue DIR/run.h5rec. A damaged one is set aside with a warning. Gets all memory that rows need.
 *  Collective: no; one process writes. Ownership: *out is yours to close. Errors: GLIA_E_IO, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_run_writer_open(const char *dir,
                                                         const struct glia_run_start *start,
                                                         struct glia_run_writer **out);

/** Add a step: value [n_columns]. Errors: none; what is wrong with the file shows in a flush. */
GLIA_API void glia_run_writer_step(struct glia_run_writer *w, int64_t step, const double *value);

/** Add how long a step took on every rank, on the mean since the last such row: [ranks] each, seconds. */
GLIA_API void glia_run_writer_times(struct glia_run_writer *w, int64_t step, const double *compute,
                                    const double *wait, const double *input);

/** Make what was added visible to readers. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_run_writer_flush(struct glia_run_writer *w);

/** Write the outcome, cut the room for more, and free; *w is set to NULL in any case, NULL is welcome. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_run_writer_close(struct glia_run_writer **w,
                                                          int64_t last_step, const char *reason,
                                                          int n_facts,
                                                          const struct glia_attribute *fact);

#endif
