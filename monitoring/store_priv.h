/* Parts of the store: journal.c (bytes on the disk), segment.c (rows in memory, and the files they become), store.c. */
#ifndef GLIA_STORE_PRIV_H
#define GLIA_STORE_PRIV_H

#include "glia_exposition.h"
#include "glia_store.h"
#include "names_priv.h"
#include "worst_priv.h"

#include <pthread.h>

/* ---- journal */

/* A journal begins with it, uint32 salt and uint32 CRC-32 of both; those before began with GLIAJRN1 alone, or with a record, and did not
 * number their columns. */
#define GLIA_JOURNAL_MAGIC   "GLIAJRN2"
#define GLIA_JOURNAL_MAGIC_1 "GLIAJRN1"
enum { GLIA_JOURNAL_MAGIC_BYTES = 8, GLIA_JOURNAL_HEAD_BYTES = 16 };

enum { GLIA_JOURNAL_COLUMN = 1, GLIA_JOURNAL_ROW = 2, GLIA_JOURNAL_MARK = 3 };

uint32_t glia_journal_salt_(void); /* of a new one */
void glia_journal_head_(uint32_t salt, char out[GLIA_JOURNAL_HEAD_BYTES]);

/* Append a record to a buffer: length, checksum, kind, node, then the parts. */
void glia_journal_begin_(struct glia_buffer *b, size_t *at);
void glia_journal_put_(struct glia_buffer *b, const void *data, size_t n);
void glia_journal_end_(struct glia_buffer *b, size_t at, uint32_t salt);

/* A journal that is read. */
struct glia_journal {
  const unsigned char *data; /* [size] */
  size_t size, at;           /* at: of the next record */
  uint32_t salt;
  bool numbered; /* its columns are; not in older ones */
  bool headless; /* its salt is damaged: no record can be told */
};

/* To its first record. data and size are given, size > 0. GLIA_E_DATA: it is none. */
glia_status glia_journal_open_(struct glia_journal *j, const char *name);
/* Next good record: payload [*n], or NULL at its end or where it is torn or damaged. */
const unsigned char *glia_journal_next_(struct glia_journal *j, size_t *n);
/* To the next good record behind a bad one; false: there is none. */
bool glia_journal_find_(struct glia_journal *j);
/* Is what is left, without a good record in it, what a kill leaves: a record that is cut off, or zeros? */
bool glia_journal_torn_(const struct glia_journal *j);

/* ---- segment */

struct glia_segment_row {
  int64_t time_ns;
  size_t at; /* of its values */
  int64_t n; /* its width */
};

struct glia_segment_column {
  char *name;
  char *unit;
};

struct glia_segment_node {
  int64_t n_rows, row_room;
  struct glia_segment_row *row;
  size_t used, room;
  float *value;
};

/* Rows of all nodes over a stretch of time. */
struct glia_segment {
  int64_t number; /* of its journal */
  bool damaged;   /* that is, and it is set aside when there are files */
  int n_nodes;
  struct glia_segment_node *node; /* [n_nodes] */
};

glia_status glia_segment_row_(struct glia_segment *s, int node, int64_t time_ns, int64_t n,
                              const float *value);
void glia_segment_free_(struct glia_segment *s);

/* A node as it is written to a file. */
struct glia_segment_names {
  char *name;
  int64_t n;
  struct glia_segment_column *column; /* [n] */
};

/* Write the segment as files of kind telemetry into folders full, 1m and 10m of `path`. names [n_nodes]. *files counts them. */
glia_status glia_segment_write_(const struct glia_segment *s, const char *path,
                                const struct glia_segment_names *names, int64_t *files);

/* ---- store */

enum { GLIA_STORE_TIERS = 3, GLIA_STORE_PATH_BYTES = 4096 };

struct glia_store_node_ {
  struct glia_segment_names names;
  struct glia_names by_name; /* of its columns */
  int64_t column_room;
  double *seen_s;     /* [column_room] when it had a value last, or was named */
  int64_t generation; /* of the columns' numbers */
  struct glia_store_mark mark;
};

/* A segment on its way to files, with the names as they were when it ended. */
struct glia_sealing {
  struct glia_segment segment;
  struct glia_segment_names
      *names; /* [segment.n_nodes]; texts are the store's, which never move, */
  int64_t n_forgotten;
  struct glia_segment_column *forgotten; /* or these, which are nobody else's any more */
};

struct glia_store {
  char *path;
  double segment_s, flush_s, forget_s, keep_s[GLIA_STORE_TIERS];
  int64_t waiting_bytes;
  int lock;
  int n_nodes;
  struct glia_store_node_ *node;
  struct glia_names by_name; /* of nodes */
  struct glia_segment current;
  int64_t segment_index; /* of the clock, of the current one */
  double flushed_s;
  struct glia_buffer filling; /* records for the current journal */
  double sum_ns, last_ns;     /* of the times of rows in `filling`: newest and sum */
  int64_t filling_rows;
  int64_t oldest_ns;
  int64_t dropped, replayed;
  pthread_t thread;
  bool running;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  /* under the mutex */
  bool stop;
  bool busy; /* writing is being written */
  struct glia_buffer writing;
  int journal;   /* where it goes */
  uint32_t salt; /* of its records */
  bool turns;    /* the journal that was found last is damaged or an older one: a new one goes on */
  int64_t writing_rows, writing_oldest_ns;
  double writing_sum_ns;
  struct glia_sealing *seal; /* waiting for, or in the hands of, the thread */
  bool sealing;
  int failed; /* errno of the first failure */
  int64_t rows_synced, journal_bytes, sealed;
  double latency_max_s, latency_sum_s;
  struct glia_worst latency_worst;
};

/* All of them: the journal that is read next numbers its own. Nothing is being sealed. */
void glia_store_forget_columns_(struct glia_store *s, int node);
glia_status glia_store_add_column_(struct glia_store *s, int node, const char *name,
                                   const char *unit);
/* The segment at hand, with copies of the names, which may grow meanwhile; an empty one takes its place. */
glia_status glia_store_take_segment_(struct glia_store *s, struct glia_sealing **out);
/* Make its files, remove its journal, forget files that are too old. */
glia_status glia_store_seal_(struct glia_store *s, struct glia_sealing *x, int64_t *files);
void glia_store_free_sealing_(struct glia_sealing *x);
glia_status glia_store_open_journal_(struct glia_store *s, int64_t number);
void glia_store_journal_name_(const struct glia_store *s, int64_t number, char *out);
/* Hand what was noted to the writing thread, if it is free. Under the mutex. */
void glia_store_hand_over_(struct glia_store *s);
/* End the segment: files are made of it in the background. Under the mutex, while none is being sealed. */
glia_status glia_store_next_segment_(struct glia_store *s);
/* The writing thread. */
void *glia_store_write_steadily_(void *store);

#endif
