/* Watching nodes live: each is scored by its model, and against those that run the same job.
 *
 *     GLIA_TRY(glia_watch_open("models.h5", &w));
 *     GLIA_TRY(glia_watch_node(w, "n1", &node));
 *     GLIA_TRY(glia_watch_columns(w, node, n, names));      // whenever there are more
 *     glia_watch_row(w, node, time_ns, n, values);          // each row: alarms rise and clear
 *     glia_watch_compare(w, now_ns);                        // once a second: peers
 *
 * A node is unwatched, with the reason, where it has no model or lacks a metric that its model knows: it is never scored by what is
 * left. So it is when a metric has been missing for three minutes and ten rows, until all have been there for ten rows; what is missing for less is imputed. Its peers judge it meanwhile. Alarms that begin or end are told to a callback. Not thread-safe.
 */
#ifndef GLIA_WATCH_H
#define GLIA_WATCH_H

#include "glia_detect.h"

enum { GLIA_WATCH_TEXT_BYTES = 640, GLIA_WATCH_PEERS_LEAST = 4 };

/* What an alarm is about. */
typedef enum {
  GLIA_WATCH_MODEL,  /* the node's model expects something else */
  GLIA_WATCH_PEERS,  /* it does not look like the other nodes of its job */
  GLIA_WATCH_SILENT, /* nothing comes from it */
  GLIA_WATCH_KINDS
} glia_watch_kind;

/** "model", "peers", "silent". */
GLIA_API const char *glia_watch_kind_name(glia_watch_kind kind);

/** An alarm; texts are borrowed for the call that tells it. */
struct glia_watch_alarm {
  const char *node;
  glia_watch_kind kind;
  bool active; /* false: it ended */
  int64_t start_ns, end_ns;
  double score, threshold;
  int64_t job;      /* of a comparison with peers; 0: they run none */
  const char *text; /* in one line: the metrics behind it, observed and expected */
};

/** What a node is right now. */
struct glia_watch_state {
  bool watched;
  const char *reason; /* why not; "" when watched */
  double score, threshold;
  double peer_score;        /* NaN: it has no peers */
  int64_t peers;            /* nodes it was compared with, itself included */
  int64_t trained_until_ns; /* 0: not known */
  int64_t unknown_metrics;  /* it has them, its model does not */
  int64_t scored;           /* samples */
  int64_t
      stolen; /* samples not scored: the hypervisor gave more than 5 % of their time to others */
  bool active[GLIA_WATCH_KINDS];
  int64_t raised[GLIA_WATCH_KINDS]; /* alarms so far */
  int64_t since_ns[GLIA_WATCH_KINDS];
};

struct glia_watch;

/** models: a file of models, NULL: none, nodes are judged by their peers alone. Errors: those of glia_detectors_read. */
GLIA_API GLIA_NODISCARD glia_status glia_watch_open(const char *models, struct glia_watch **out);
GLIA_API void glia_watch_close(struct glia_watch **w);

/** Who is told of alarms that begin and end; self is the caller's. */
GLIA_API void glia_watch_tell(struct glia_watch *w,
                              void (*tell)(void *self, const struct glia_watch_alarm *alarm),
                              void *self);

/** Number of a node, new. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_watch_node(struct glia_watch *w, const char *name,
                                                    int *out);

/** Names [n] of the columns that its rows have from now on. Columns keep their places; more may come. Errors: GLIA_E_MEMORY; what does
 *  not fit the model is no error but the node's reason. */
GLIA_API GLIA_NODISCARD glia_status glia_watch_columns(struct glia_watch *w, int node, int n,
                                                       const char *const *name);

/** A row: values [n] of the first n columns, NaN = missing, as are those of columns beyond; a row from before the columns came that the
 *  model looks at is not scored. Was it scored? */
GLIA_API bool glia_watch_row(struct glia_watch *w, int node, int64_t time_ns, int64_t n,
                             const float *values);

/** Compare nodes with those of their job, by their last rows not older than 5 s. */
GLIA_API void glia_watch_compare(struct glia_watch *w, int64_t now_ns);

/** Nothing comes from the node, or something again. */
GLIA_API void glia_watch_silent(struct glia_watch *w, int node, bool silent, int64_t now_ns);

GLIA_API void glia_watch_state(const struct glia_watch *w, int node, struct glia_watch_state *out);

/** Alarms that are on, each to `each`. */
GLIA_API void glia_watch_active(struct glia_watch *w,
                                void (*each)(void *self, const struct glia_watch_alarm *alarm),
                                void *self);

/** How odd each of n nodes looks among them: the second largest distance of a column from the median of the nodes, in robust spreads
 *  (1.4826 times the median distance, at least 5 % of the level or 0.05).
 *  value [n]: rows [columns], missing = NaN;  score [n];  worst [n]: the column that is furthest off
 *  work  [2 n] doubles. */
GLIA_API void glia_peers_score(int n, int columns, const float *const *value, double *work,
                               double *score, int *worst);

#endif
