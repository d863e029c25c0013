/* Metrics as text: the Prometheus text format 0.0.4 and OpenMetrics 1.0.  Source: prometheus.io/docs/instrumenting/exposition_formats,
 * and the OpenMetrics specification. */
#ifndef GLIA_EXPOSITION_H
#define GLIA_EXPOSITION_H

#include "glia_sampler.h"

typedef enum { GLIA_EXPOSITION_PROMETHEUS, GLIA_EXPOSITION_OPENMETRICS } glia_exposition_format;

/** Text that grows. All zero: empty. */
struct glia_buffer {
  char *text; /* closed by 0 once something was added */
  size_t n;
  size_t capacity;
  bool failed; /* out of memory: the text is not whole */
};

GLIA_API void glia_buffer_add(struct glia_buffer *b, const char *text, size_t n);
GLIA_API void glia_buffer_print(struct glia_buffer *b, const char *format, ...) GLIA_PRINTF(2, 3);
/** A number in the fewest usual digits: whole numbers as such, "0.25", "NaN", "+Inf". */
GLIA_API void glia_buffer_number(struct glia_buffer *b, double v);
GLIA_API void glia_buffer_free(struct glia_buffer *b);

/** What the Accept header asks for; NULL and everything unknown is Prometheus text. */
GLIA_API glia_exposition_format glia_exposition_accept(const char *accept);

/** Its Content-Type. */
GLIA_API const char *glia_exposition_type(glia_exposition_format format);

/** The order in which metrics are served: those of one family (the name before '{') together, in the place of its first. Where a
 *  family has one series per CPU, its sums over CPUs are left out, since whoever adds them up would count twice.
 *  order [n], of which n_served are used. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_exposition_order(int64_t n,
                                                          const struct glia_metric *metric,
                                                          int64_t *order, int64_t *n_served);

/** Append the metrics order[0 .. n-1] with their values (order NULL: as they stand, no family in two places); missing ones are left out. Counters whose name does not end in
 *  _total are served as untyped, as node_exporter does. */
GLIA_API void glia_exposition_add(struct glia_buffer *b, glia_exposition_format format, int64_t n,
                                  const struct glia_metric *metric, const int64_t *order,
                                  const double *value);

/** What ends the text: "# EOF" in OpenMetrics. */
GLIA_API void glia_exposition_end(struct glia_buffer *b, glia_exposition_format format);

#endif
