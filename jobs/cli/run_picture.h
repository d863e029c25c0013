/* Curves of a run's record as panels: what plot and report share. */
#ifndef RUN_PICTURE_H
#define RUN_PICTURE_H

#include "glia_figure.h"
#include "glia_run_record.h"

/** A column [n] of the record by name, NULL when there is none. Borrowed. */
const double *run_picture_column(const struct glia_run *r, const char *name);

/** Column `what` over steps, or over time since the first start, under the name `name`; window > 1: also its mean over so many rows.
 *  Errors: GLIA_E_MISSING (no such column), GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status run_picture_curve(struct glia_panel *p, const struct glia_run *r,
                                             const char *name, const char *what, bool time,
                                             int64_t window, int colour);

/** A number among the run's facts; NaN: not there. */
double run_picture_fact(const struct glia_run *r, const char *name);

/** Lines over steps where the run was resumed, and where theory told it to stop. */
void run_picture_marks(struct glia_panel *p, const struct glia_run *r);

/** Where a step's time went, of the rank that it went to worst; name NULL: one run. */
void run_picture_times(struct glia_panel *p, const struct glia_run *r, const char *name);

#endif
