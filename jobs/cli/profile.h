/* Where a step goes, for --profile: this process's own threads. Times are those of glia_timeline.h. */
#ifndef PROFILE_H
#define PROFILE_H

#include "cli.h"
#include "glia_program.h"

/** Whether what threads run that are announced from now on is summed up, kernel by kernel. Call it before an engine is made. */
void profile_time(bool on);

/** Tables by kernel, by layer, and by unit of one entry point since profile_time; times are for each of `steps` steps.
 *  Returns the same as JSON: {by_kernel: [{name, seconds, fraction, calls, gbytes_per_s}], by_layer, units}.
 *  Ownership: the caller's; null where nothing was timed. */
json_t *profile_report(struct glia_args *a, const struct glia_program *p, const char *entry,
                       int64_t steps);

#endif
