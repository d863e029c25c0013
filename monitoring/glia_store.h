/* Where a collector keeps what nodes measured: a journal that survives a kill, and HDF5 files that it becomes.
 *
 * STORE/journal-N is appended to and synced; every segment (aligned to the clock) its rows become STORE/full/TIME-N.h5 and, with
 * minimum, mean and maximum, STORE/1m/TIME-N.h5 and STORE/10m/TIME-N.h5, all of kind telemetry; then the journal goes. Whatever
 * was synced is in one or the other. docs/formats/store.md
 */
#ifndef GLIA_STORE_H
#define GLIA_STORE_H

#include "glia_status.h"

struct glia_store;

enum { GLIA_STORE_COLUMNS_MAX = 1 << 16 }; /* of a node */

struct glia_store_options {
  const char *path; /* a folder, made if need be */
  double segment_s; /* divides an hour or a day; 0: 10 minutes */
  double flush_s;   /* at most this much is lost by a kill; 0: 0.5 s */
  double keep_s[3]; /* full, 1 min, 10 min; 0: 2 days, 30 days, 2 years */
  double
      forget_s; /* a column without a value for so long goes when a segment ends; 0: 10 minutes, or a segment */
  int64_t
      waiting_bytes; /* of rows that may wait for the disk before glia_store_full says so; 0: 64 MiB */
};

/** How far a node's rows are stored: to be asked for what follows. */
struct glia_store_mark {
  uint64_t run; /* of its agent; 0: none */
  int64_t number;
  int64_t time_ns; /* of the last row; 0: none */
};

/** What the files of one node will take in each tier once it is full (bytes): values before compression, which saves a half or more, names of
 *  columns and the room of a file as they are. keep_s as above, none 0. */
GLIA_API void glia_store_plan(double metrics, double period_s, double segment_s,
                              const double keep_s[3], double bytes[3]);

/** Open a store; one process at a time. What journals hold from before is there again.
 *  Errors: GLIA_E_BUSY, GLIA_E_IO, GLIA_E_DATA, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_store_open(const struct glia_store_options *options,
                                                    struct glia_store **out);

/** Number of a node, made if it is new. Names as in telemetry files. Errors: GLIA_E_ARGUMENT, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_store_node(struct glia_store *s, const char *name,
                                                    int *out);
GLIA_API struct glia_store_mark glia_store_mark(const struct glia_store *s, int node);

/** Number of a node's column, made if it is new. Errors: GLIA_E_MEMORY, GLIA_E_DATA (it has too many). */
GLIA_API GLIA_NODISCARD glia_status glia_store_column(struct glia_store *s, int node,
                                                      const char *name, const char *unit,
                                                      int64_t *out);
/** Another number than before: the node's columns are numbered anew, without those that had no value for long. Ask for them again. */
GLIA_API int64_t glia_store_generation(const struct glia_store *s, int node);
GLIA_API int64_t glia_store_columns(const struct glia_store *s, int node);

/** Append a row [n]: column i of the row is column[i] of the node, of none where that is -1. A row that is not later than the last one is dropped: false
 *  in *taken. Errors: GLIA_E_MEMORY, and what the writing thread met: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_store_row(struct glia_store *s, int node,
                                                   struct glia_store_mark mark, int64_t n,
                                                   const int64_t *column, const float *value,
                                                   bool *taken);

/** The clock was wrong when the last row of the node came: the next one is taken whenever it is, into a segment of its own, so that times
 *  rise within each. Errors: GLIA_E_IO, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_store_turn_back(struct glia_store *s, int node);

/** Let time pass: hands what is due to the writing thread, starts segments. Call it a few times a second.
 *  Errors: GLIA_E_IO, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_store_tick(struct glia_store *s);

/** Should the source wait, because the disk does not keep up? */
GLIA_API bool glia_store_full(const struct glia_store *s);

struct glia_store_facts {
  int64_t rows, rows_synced, dropped; /* since it was opened */
  int64_t replayed;                   /* rows found in journals */
  int64_t journal_bytes;
  int64_t sealed;         /* files */
  double latency_max_s;   /* from a row's time to its sync */
  double latency_worst_s; /* the same over the last half to whole minute */
  double latency_sum_s;   /* over rows_synced */
};
GLIA_API void glia_store_facts(struct glia_store *s, struct glia_store_facts *out);

/** Rows of one column of the segments in memory, since `since_ns`: *time, *value [*n], the caller frees. Errors: GLIA_E_MISSING. */
GLIA_API GLIA_NODISCARD glia_status glia_store_series(struct glia_store *s, int node,
                                                      const char *column, int64_t since_ns,
                                                      int64_t *n, int64_t **time, float **value);

/** Files of all rows that are in none yet, before it returns; the store goes on with a journal that knows how far each node is. Errors: GLIA_E_IO,
 *  GLIA_E_MEMORY: then the rows are in the journal and come back when it is opened. */
GLIA_API GLIA_NODISCARD glia_status glia_store_finish(struct glia_store *s);

/** Finish and end. Errors: of finishing. */
GLIA_API GLIA_NODISCARD glia_status glia_store_close(struct glia_store **s);

#endif
