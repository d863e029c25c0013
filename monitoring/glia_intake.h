/* Raw series of one source into rows of fixed columns: the one code for rates and for folding, for our agents and for
 * everybody else's exporters.
 *
 * Counters become rates (glia_rates.h). Series with a cpu="N" label are folded over the packages and NUMA nodes of the
 * source into mean, maximum and spread (largest less least), and counters into their sum as well: so the width of a row does not
 * depend on the number of cores. Columns are only ever added: what vanishes is missing.
 */
#ifndef GLIA_INTAKE_H
#define GLIA_INTAKE_H

#include "glia_rates.h"

struct glia_intake;

/* Series that begin so are numbers, not measurements. A column with that label beside theirs holds what float32 does not: their sum in float64 is exact. */
#define GLIA_INTAKE_JOB  "glia_job_id{"
#define GLIA_INTAKE_REST "of=\"rest\""

GLIA_API GLIA_NODISCARD glia_status glia_intake_create(struct glia_intake **out);
GLIA_API void glia_intake_destroy(struct glia_intake **intake);

/** Where CPUs are: lines "CPU PACKAGE NUMA", as an agent serves them under /topology. Counts for series added later; lines that
 *  make no sense are passed over. Without it all CPUs are in package 0. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_intake_topology(struct glia_intake *intake,
                                                         const char *text);

/** Number of the series of that name [n bytes], added if it is new. clock: number of the series that tells when this one was
 *  read, -1: with its row. Errors: GLIA_E_MEMORY, GLIA_E_DATA (too many). */
GLIA_API GLIA_NODISCARD glia_status glia_intake_series(struct glia_intake *intake, const char *name,
                                                       size_t n, const char *unit,
                                                       glia_metric_kind kind, int64_t *out);
GLIA_API void glia_intake_clock(struct glia_intake *intake, int64_t series, int64_t clock);

/** Series so far: the width of a raw row. */
GLIA_API int64_t glia_intake_width(const struct glia_intake *intake);
/** Columns so far, and one column's name and unit ("B/s"). Ownership: borrowed until the next glia_intake_series. */
GLIA_API int64_t glia_intake_columns(const struct glia_intake *intake);
GLIA_API const char *glia_intake_name(const struct glia_intake *intake, int64_t column);
GLIA_API const char *glia_intake_unit(const struct glia_intake *intake, int64_t column);

/** Convert a raw row [width], missing = NaN, to out [columns]; monotonic_ns and epoch as for glia_rates_convert. */
GLIA_API GLIA_NODISCARD glia_status glia_intake_row(struct glia_intake *intake,
                                                    int64_t monotonic_ns, int64_t epoch,
                                                    const double *raw, float *out);

#endif
