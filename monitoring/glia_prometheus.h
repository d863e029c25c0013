/* The months of data that a site's Prometheus has, as telemetry. */
#ifndef GLIA_PROMETHEUS_H
#define GLIA_PROMETHEUS_H

#include "glia_progress.h"
#include "glia_status.h"

struct glia_prometheus_query {
  const char *url;   /* "http://HOST:9090" */
  const char *match; /* series selector, "{job=\"node\"}" */
  const char *token; /* sent as a bearer token; NULL: none */
  double since_s;    /* how far back */
  double step_s;     /* between samples */
};

/** Ask for all series that match and write them to a telemetry file: one node per `instance`, counters as rates and series per CPU
 *  folded as in glia_intake.h. Prometheus is asked in stretches, each within a minute.
 *
 *  Errors: GLIA_E_EXISTS, GLIA_E_IO (it does not answer), GLIA_E_DATA (its answer makes no sense, nothing matches), GLIA_E_MEMORY.
 */
GLIA_API GLIA_NODISCARD glia_status
glia_prometheus_import(const struct glia_prometheus_query *query, const char *path, bool force,
                       struct glia_progress *progress);

#endif
