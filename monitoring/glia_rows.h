/* Rows of a node on their way from agent to collector (docs/formats/agent.md), and the ring in which an agent keeps them. */
#ifndef GLIA_ROWS_H
#define GLIA_ROWS_H

#include "glia_exposition.h"
#include "glia_sample.h"

enum { GLIA_ROWS_METRICS_MAX = 1 << 16, GLIA_ROWS_NAME_BYTES = 512 };
#define GLIA_ROWS_TYPE "application/vnd.glia.rows"

/** The last rows of one node, oldest overwritten first. Not for two threads at once. */
struct glia_ring;

/** columns: of a row; rows: as many as fit, at most n_rows and limit_bytes. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_ring_create(int64_t columns, int64_t n_rows,
                                                     int64_t limit_bytes, struct glia_ring **out);
/** How many rows it holds at most. */
GLIA_API int64_t glia_ring_capacity(const struct glia_ring *ring);
GLIA_API void glia_ring_destroy(struct glia_ring **ring);

/** Append a row [columns]. */
GLIA_API void glia_ring_add(struct glia_ring *ring, const struct glia_sample_time *when,
                            const double *row);

/** Number of the next row; rows are numbered from 1 on. */
GLIA_API int64_t glia_ring_next(const struct glia_ring *ring);
/** Number of the oldest row that is there; glia_ring_next when none is. */
GLIA_API int64_t glia_ring_first(const struct glia_ring *ring);
/** A row that is there. Ownership: borrowed until the next glia_ring_add. */
GLIA_API const double *glia_ring_row(const struct glia_ring *ring, int64_t number,
                                     struct glia_sample_time *when);

/** What a message says besides its rows. */
struct glia_rows_head {
  uint64_t run;    /* of the agent: another one numbers its rows from 1 again */
  uint64_t boot;   /* of the node: counters begin at 0 with each */
  uint64_t schema; /* of the columns: changes when they do */
  int64_t now_ns;  /* the agent's clock as it answers */
};

/** Column as a receiver sees it. */
struct glia_rows_column {
  char *name;
  char *unit;
  glia_metric_kind kind;
  int64_t clock; /* glia_sample_set_clock */
};

/** Hash of names, units, kinds and clocks. clock [n]. */
GLIA_API uint64_t glia_rows_schema(int64_t n, const struct glia_metric *metric,
                                   const int64_t *clock);

/** Write a message with the rows after number `after`, at most `limit` of them, oldest first; with_columns: names as well. */
GLIA_API void glia_rows_write(struct glia_buffer *b, const struct glia_rows_head *head,
                              const struct glia_ring *ring, int64_t after, int64_t limit,
                              bool with_columns, int64_t n, const struct glia_metric *metric,
                              const int64_t *clock);

/** A message taken apart; rows point into it. */
struct glia_rows {
  struct glia_rows_head head;
  int64_t first; /* number of the first row */
  int64_t last;  /* number of the newest row that the agent has */
  int64_t n_rows;
  int64_t n_columns;
  struct glia_rows_column *column; /* [n_columns], NULL: the message has none */
  const unsigned char *at;
};

/** Take a message apart. Ownership: glia_rows_free; `data` must stand until then. Errors: GLIA_E_DATA, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_rows_read(const void *data, size_t size_bytes,
                                                   struct glia_rows *out);
/** Copy row i of n_rows: values [n_columns]. */
GLIA_API void glia_rows_get(const struct glia_rows *rows, int64_t i, struct glia_sample_time *when,
                            double *values);
GLIA_API void glia_rows_free(struct glia_rows *rows);

#endif
