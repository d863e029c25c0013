/* The slow lane: one sampler with a period, read by a thread of its own. */
#ifndef GLIA_LANE_PRIV_H
#define GLIA_LANE_PRIV_H

#include "glia_sampler.h"

struct glia_lane;

/* Start the thread; it opens the sampler itself, since that may hang, too. root is copied. Errors: GLIA_E_MEMORY. */
glia_status glia_lane_start_(const struct glia_sampler *sampler, const char *root,
                             struct glia_lane **out);

/* Copy the last values [n_metrics] and when they were read (s, monotonic). false, and nothing copied: none yet, or too old.
 * Never waits for the sampler. */
bool glia_lane_copy_(struct glia_lane *lane, double *out, double *read_s);

/* End the thread. One that hangs in the kernel is left behind with its memory and ends when it comes back. */
void glia_lane_stop_(struct glia_lane **lane);

#endif
