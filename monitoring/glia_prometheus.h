/* The months of data that a site's Prometheus has, as telemetry. */
#ifndef GLIA_PROMETHEUS_H
#define GLIA_PROMETHEUS_H

#include "glia_progress.h"
#include "glia_status.h"

enum {
  GLIA_TOKEN_BYTES = 8192
}; /* room for a bearer token; those of Kubernetes have a kilobyte and more */

struct glia_prometheus_query {
  const char *url;   /* "http://HOST:9090" */
  const char *match; /* series selector, "{job=\"node\"}" */
  const char *token; /* sent as a bearer token; NULL: none */
  double since_s;    /* how far back */
  double step_s;     /* between samples */
};

/** Ask for all series that match and write them to a telemetry file: one node per `instance` ("none" without), counters as rates and
 *  series per CPU folded as in glia_intake.h. Prometheus is asked node by node, and in stretches of its time: shorter ones from where an
 *  answer is larger than 32 MiB, or the server's limit of samples is met. The series of one node are in memory at a time.
 *
 *  Errors: GLIA_E_EXISTS, GLIA_E_IO (it does not answer), GLIA_E_DATA (its answer makes no sense, nothing matches), GLIA_E_MEMORY.
 */
GLIA_API GLIA_NODISCARD glia_status
glia_prometheus_import(const struct glia_prometheus_query *query, const char *path, bool force,
                       struct glia_progress *progress);

/** One target: `name` is its label `instance`, `url` what Prometheus scrapes; both borrowed during the call. What is not GLIA_OK ends the list. */
typedef glia_status glia_prometheus_target(void *self, const char *name, const char *url);

/** Name what a Prometheus scrapes now, all of it or (job != NULL) one job; of query, url and token are used.
 *
 *  Errors: GLIA_E_IO (it does not answer), GLIA_E_DATA (its answer makes no sense, it has no such target), GLIA_E_MEMORY; those of found.
 */
GLIA_API GLIA_NODISCARD glia_status
glia_prometheus_targets(const struct glia_prometheus_query *query, const char *job,
                        glia_prometheus_target *found, void *self);

#endif
