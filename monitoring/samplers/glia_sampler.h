/* What a sampler is: one source of metrics of this node, one file, one line in samplers.def.
 *
 * A sampler reads under a root, so that a recorded node replays; it finds values by name, not by line; and once open it
 * cannot fail: what it cannot read stays GLIA_MISSING. It includes src/core alone.
 */
#ifndef GLIA_SAMPLER_H
#define GLIA_SAMPLER_H

#include "glia_status.h"

typedef enum {
  GLIA_METRIC_GAUGE,  /* the value itself tells */
  GLIA_METRIC_COUNTER /* counts up from the start of the machine or of the service: its rate tells */
} glia_metric_kind;

/** One column of telemetry. Names are those of node_exporter where the meaning is the same, labels included:
 *  `node_cpu_seconds_total{mode="user"}`. Values that a node has once per CPU, disk or interface are folded, so that the
 *  list of metrics does not depend on the node. */
struct glia_metric {
  const char *name;
  const char *unit; /* SI: "B", "s", "1" */
  glia_metric_kind kind;
  const char *help; /* a few words, no full stop */
};

struct glia_sampler {
  const char *name;
  const struct glia_metric *metrics; /* [n_metrics] */
  int n_metrics;
  size_t state_size;

  /** 0: read with every sample. Else read at this pace by a thread of its own, because it costs milliseconds or may hang
   *  (sensors behind a slow bus, a file system whose server is gone); between readings its last values stand. */
  double period_s;

  /** With a period: the kernel makes the source from memory, so it cannot hang, and is read along with a row when its period is over, where
   *  the first reading takes 2 ms at most. A thread that wakes for it alone costs as much as a short reading. */
  bool at_hand;

  /** One series per CPU: for those who scrape, not for recordings, whose columns are the same on every node. */
  bool detailed;

  /** NULL, or a sampler before this one in the list, without a period, whose state this one uses after it has sampled: for more columns
   *  from a source that is read once. `open` comes after the other's, `close` before. */
  const struct glia_sampler *beside;

  /** Open below root ("/" for this machine); state [state_size] arrives zeroed. A source that is not there is no error:
   *  its metrics are missing. Errors: GLIA_E_MEMORY. */
  glia_status (*open)(void *state, const char *root);

  /** Metrics that only opening can tell (CPUs, say), instead of `metrics`; most samplers leave this NULL, those with a period must.
   *  Ownership: borrowed until close. */
  const struct glia_metric *(*discovered)(const void *state, int *n_metrics);

  /** Write what can be read now; out [n_metrics] arrives filled with GLIA_MISSING. Neither fails nor allocates. */
  void (*sample)(void *state, double *out);

  /** Let go of everything; also called when open failed half-way. */
  void (*close)(void *state);
};

#endif
