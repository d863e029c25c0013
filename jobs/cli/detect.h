/* What the commands that score telemetry share: scores of all nodes of a file, their spans, pictures and reports. */
#ifndef DETECT_H
#define DETECT_H

#include "cli.h"
#include "glia_detect.h"
#include "glia_report.h"

/* One node of a telemetry file with what its model says. */
struct scored {
  struct glia_telemetry_node node;
  struct glia_detector *detector; /* borrowed */
  struct glia_detect_result result;
};

enum { REASON_BYTES = 512 };

/* A node that no model watches, and why. */
struct unwatched {
  const char *name; /* borrowed from the telemetry file */
  char reason[REASON_BYTES];
};

/** [{"name", "reason"}, ...] */
json_t *unwatched_json(int n, const struct unwatched *u);

/** "NAME: unwatched: REASON", a line each. */
void unwatched_tell(const struct glia_args *args, int n, const struct unwatched *u);

/** Read a node of a file, whose times must rise from row to row: no detector can tell what came first in one that was put together in another order.
 *  path: of the file, for the message. Ownership: glia_telemetry_node_free. Errors: those of glia_telemetry_read_node; GLIA_E_DATA with the row. */
GLIA_NODISCARD glia_status detect_read_node(struct glia_telemetry *file, const char *path,
                                            const char *name, struct glia_telemetry_node *out);

/* A telemetry file, scored. */
struct scoring {
  struct glia_telemetry *file;
  int n_detectors;
  struct glia_detector **detector;
  int n_reasons;
  struct glia_detect_left
      *reason; /* [n_reasons] why nodes had no model, as the models' file says it */
  int n;
  struct scored *scored; /* [n] the nodes that have a model which can score them */
  int n_left;
  struct unwatched *left; /* [n_left] the others */
};

/** Score the nodes of a file for which there are models; one without, or whose rows its model
 *  cannot score, is left out and named in the log. Ownership: scoring_close, also after a failure.
 *  Errors: GLIA_E_MISSING when no node has a model, GLIA_E_DATA when none can be scored; those of reading. */
GLIA_NODISCARD glia_status scoring_open(struct scoring *s, const char *telemetry,
                                        const char *models);
void scoring_close(struct scoring *s);

/** Leave out the i-th node that was scored, which cannot be used: it goes to `left`, and those behind it move up. */
void scoring_leave_out(struct scoring *s, int i, const char *reason);

/* What happened between two events "NAME start" and "NAME stop". */
struct span {
  char name[64];
  int64_t start_ns, stop_ns; /* stop: INT64_MAX where there is none */
};

/** Spans of a node (and of the cluster) in order of their start. *out is yours to free(). Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status scoring_spans(const struct scoring *s, const struct scored *node, int *n,
                                         struct span **out);

/** Seconds since the node's first sample. */
double scored_seconds(const struct scored *s, int64_t time_ns);

/** How many of the node's rows from `from` on lie in the time that its model was trained on (0 where its file does not say it). *behind: the first
 *  row after that time, node.n where there is none. */
int64_t scored_trained(const struct scored *s, int64_t from, int64_t *behind);

/** "2026-01-31T12:00:00.1Z" into out [size]; returns out. */
const char *utc_text(int64_t time_ns, char *out, size_t size);

/** A metric's name as a sentence says it: without "_total" and "_seconds" of counters that are shown as rates. */
const char *metric_text(const char *metric, char *out, size_t size);

/** "node_pressure_cpu_waiting 0.93 s/s, expected 0.05" into out [size]; returns out. */
const char *cause_text(const struct glia_detect_cause *c, char *out, size_t size);

/** The node with the most alarmed samples, the first of equals. */
const struct scored *scoring_worst(const struct scoring *s);

/** Picture of a node: its most telling metrics over time, its score, spans and alarms.
 *  Ownership: glia_figure_destroy. */
GLIA_NODISCARD glia_status scoring_figure(const struct scoring *s, const struct scored *node,
                                          struct glia_figure **out);

/** Report with verdict (NULL: a count of alarms), picture of the worst node, alarms and facts about the models. */
GLIA_NODISCARD glia_status scoring_report(const struct scoring *s, const char *title,
                                          glia_verdict verdict, const char *sentence,
                                          const char *path);

#endif
