/* What glia-agent does: sample this node at a steady pace, keep the last ten minutes, serve them over HTTP. */
#ifndef GLIA_SERVE_H
#define GLIA_SERVE_H

#include "glia_sample.h"
#include "glia_server.h"

struct glia_serve;

struct glia_serve_options {
  const char *root; /* "/", or a recorded node */
  double period_s;  /* 10 ms or more */
  double history_s; /* how long rows are kept, for collectors that were away */
  struct glia_server_options http;
};

/** Paths: /metrics (Prometheus text or OpenMetrics, as Accept says), /rows (docs/formats/agent.md), /topology.
 *  Errors: as glia_sample_set_open and glia_server_start; GLIA_E_ARGUMENT (period). */
GLIA_API GLIA_NODISCARD glia_status glia_serve_start(const struct glia_serve_options *options,
                                                     struct glia_serve **out);
GLIA_API int glia_serve_port(const struct glia_serve *serve);
GLIA_API int64_t glia_serve_metrics(const struct glia_serve *serve);
GLIA_API void glia_serve_stop(struct glia_serve **serve);

#endif
