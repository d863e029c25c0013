/* Counters to rates: one code for samplers, agents and scraped exporters. */
#ifndef GLIA_RATES_H
#define GLIA_RATES_H

#include "glia_sampler.h"

struct glia_rates;

/** Make a converter for rows of n metrics of these kinds [n] (copied).
 *
 *  Ownership: the caller destroys *out.
 *  Errors:    GLIA_E_ARGUMENT (n < 0), GLIA_E_MEMORY.
 */
GLIA_API GLIA_NODISCARD glia_status glia_rates_create(int64_t n, const glia_metric_kind *kinds,
                                                      struct glia_rates **out);

/** Say which column tells when `column` was read (s, monotonic, as glia_sample_set_clock gives it): its rate is then the one between
 *  its own readings, and stands until the next. -1: read with the row. */
GLIA_API void glia_rates_set_clock(struct glia_rates *rates, int64_t column, int64_t clock);

/** Convert one row: counters become their mean rate since the row before, gauges pass.
 *
 *  monotonic_ns  when the row was read, by a clock that does not jump: the true interval counts, not the intended one
 *  epoch         whatever changes when the source restarts (boot time, start of a service); 0 where nobody knows
 *  in            [n] float64, as sampled
 *  out           [n] float32 (unit of the metric, per second for counters); GLIA_MISSING where there is no rate: first row,
 *                missing now or in the row before, no time between, a counter that fell (wrap, reset), another epoch
 *
 *  A rate is never negative and never guessed: a wrapped counter looks like one that was reset.
 */
GLIA_API void glia_rates_convert(struct glia_rates *rates, int64_t monotonic_ns, int64_t epoch,
                                 const double *in, float *out);

/** Give `to`, a converter of more columns, the last row of `from`, so that no rate is lost when columns are added at the end. */
GLIA_API void glia_rates_carry(struct glia_rates *to, const struct glia_rates *from);

/** Forget the last row, so that the next is the first. */
GLIA_API void glia_rates_reset(struct glia_rates *rates);

/** Unit of a metric once converted, "B/s", into out [size]; returns out. */
GLIA_API const char *glia_rates_unit(const struct glia_metric *metric, char *out, size_t size);

/** Destroy *rates and set it to NULL; NULL is welcome. */
GLIA_API void glia_rates_destroy(struct glia_rates **rates);

#endif
