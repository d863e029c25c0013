/* Telemetry: what nodes measured over time, labels, scores and events (docs/formats/telemetry.md). */
#ifndef GLIA_TELEMETRY_H
#define GLIA_TELEMETRY_H

#include "glia_status.h"

enum { GLIA_TELEMETRY_FORMAT = 1 };

/* Labels of samples. */
enum { GLIA_LABEL_NONE = -1, GLIA_LABEL_NORMAL = 0, GLIA_LABEL_ANOMALY = 1 };

struct glia_telemetry_writer;

/** Start a telemetry file. It is written as PATH.tmp and appears under its name when committed.
 *
 *  force    replace an existing file (on commit)
 *  flush_s  > 0: a recording. Appending writes out at least this often, and what was written out stays readable in
 *           PATH.tmp when the recorder is killed. 0: a conversion, compressed, whole or nothing
 *
 *  Ownership: end it with commit or abort.
 *  Errors:    GLIA_E_EXISTS, GLIA_E_BUSY, GLIA_E_IO.
 */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_create(const char *path, bool force,
                                                          double flush_s,
                                                          struct glia_telemetry_writer **out);

/** Add a node: /nodes/<name>. names, units: texts [n_metrics], "" for no unit. *out: its number, for append.
 *  Errors: GLIA_E_ARGUMENT (a name that is empty or holds '/'), GLIA_E_EXISTS, GLIA_E_MEMORY, GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_add_node(struct glia_telemetry_writer *w,
                                                            const char *name, int n_metrics,
                                                            const char *const *names,
                                                            const char *const *units, int *out);

/** Add a node with all its samples at once: time_ns [n], values [n, n_metrics], packed. For conversions; nothing of it stays in
 *  memory. Errors: as glia_telemetry_add_node. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_put_node(
    struct glia_telemetry_writer *w, const char *name, int n_metrics, const char *const *names,
    const char *const *units, int64_t n, const int64_t *time_ns, const float *values);

/** A text about a node, /nodes/<name>/<what>, such as its topology. Once per node and `what`. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_text(struct glia_telemetry_writer *w, int node,
                                                        const char *what, const char *text);

/** Append samples: time_ns [n] since 1970 UTC, values [n, metric], NaN = missing. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_append(struct glia_telemetry_writer *w, int node,
                                                          int64_t n, const int64_t *time_ns,
                                                          const float *values);

/** Append an event; texts longer than 63 and 255 bytes are cut. node: "" for the cluster. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_event(struct glia_telemetry_writer *w,
                                                         int64_t time_ns, const char *node,
                                                         const char *text);

/** Labels of a node's samples [n], each GLIA_LABEL_*. Once per node. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_labels(struct glia_telemetry_writer *w, int node,
                                                          int64_t n, const int8_t *label);

/** Which metrics people blamed: cause [n][3] = first sample, last sample, metric (all from 0). Once per node. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_causes(struct glia_telemetry_writer *w, int node,
                                                          int64_t n, const int64_t (*cause)[3]);

/** The first `rows` samples of a node are for training, the others for testing. Once per node. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_train_rows(struct glia_telemetry_writer *w,
                                                              int node, int64_t rows);

/** Scores of a node: /scores/<name>/{time, value} [n] with the threshold above which it alarms. Once per node. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_scores(struct glia_telemetry_writer *w,
                                                          const char *name, int64_t n,
                                                          const int64_t *time_ns,
                                                          const float *score, double threshold);

/** Write out now. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_flush(struct glia_telemetry_writer *w);

/** Write what is held, sync, rename; *w is closed in any case and set to NULL. On failure nothing is left behind. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_commit(struct glia_telemetry_writer **w);

/** Remove what was written; NULL is welcome. */
GLIA_API void glia_telemetry_abort(struct glia_telemetry_writer **w);

struct glia_telemetry;

struct glia_telemetry_event {
  int64_t time_ns;
  char *node; /* "" for the cluster */
  char *text;
};

/* A node in memory. */
struct glia_telemetry_node {
  char *name;
  int64_t n;
  int n_metrics;
  int64_t train_rows; /* samples [0, train_rows) are for training; -1: not said */
  int64_t *time_ns;   /* [n] */
  float *values;      /* [n, n_metrics], NaN = missing */
  char **metric;      /* [n_metrics] */
  char **unit;        /* [n_metrics], "" for none */
  int8_t *label;      /* [n] GLIA_LABEL_*, NULL: none */
  int64_t n_causes;
  int64_t (*cause)[3]; /* [n_causes] first sample, last sample, metric */
};

struct glia_telemetry_score {
  int64_t n;
  double threshold;
  int64_t *time_ns; /* [n] */
  float *score;     /* [n] */
};

/** Open a telemetry file, or the store of a collector (its full rows, docs/formats/store.md): lists its nodes and reads its events.
 *  Nodes of a store are read whole, over all its files; what is still in a journal is not there yet. A file of it that cannot be read is left out, and
 *  the log has its name; so are a node's rows in it that cannot be. It fails where no file is left.
 *
 *  Collective: no; any rank may read any node.
 *  Ownership:  glia_telemetry_close(out).
 *  Errors:     GLIA_E_MISSING, GLIA_E_IO, GLIA_E_DATA, GLIA_E_SHAPE, GLIA_E_UNSUPPORTED.
 */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_open(const char *path,
                                                        struct glia_telemetry **out);
GLIA_API void glia_telemetry_close(struct glia_telemetry **t);

/** Names of the nodes in byte order, borrowed; returns how many. */
GLIA_API int glia_telemetry_nodes(const struct glia_telemetry *t, char *const **out);
/** Events in order of time, borrowed; returns how many. */
GLIA_API int64_t glia_telemetry_events(const struct glia_telemetry *t,
                                       const struct glia_telemetry_event **out);

/** Read a node. Ownership: glia_telemetry_node_free. Errors: as glia_telemetry_open. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_read_node(struct glia_telemetry *t,
                                                             const char *name,
                                                             struct glia_telemetry_node *out);
GLIA_API void glia_telemetry_node_free(struct glia_telemetry_node *node);

/** Read the scores of a node. Ownership: glia_telemetry_score_free. Errors: GLIA_E_MISSING when it has none. */
GLIA_API GLIA_NODISCARD glia_status glia_telemetry_read_scores(struct glia_telemetry *t,
                                                               const char *name,
                                                               struct glia_telemetry_score *out);
GLIA_API void glia_telemetry_score_free(struct glia_telemetry_score *score);

#endif
