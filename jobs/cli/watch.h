/* `observe: hessian:`: curvature of the loss while a run goes on, once an epoch.
 *
 * A second network of the same configuration, in float64 and with an engine of its own, takes over the parameters at the end of each
 * epoch: training itself does not change by a bit. Values stand until the next epoch ends; before the first they are NaN.
 */
#ifndef WATCH_H
#define WATCH_H

#include "session.h"

enum { WATCH_TOP_MAX = 16, WATCH_MAX = WATCH_TOP_MAX + 2 };

struct watch;

/** *out is NULL where the run observes nothing. Collective: yes.
 *  Ownership: watch_close(out). Errors: GLIA_E_UNSUPPORTED (built without PETSc), those of building the network and opening the rows. */
GLIA_NODISCARD glia_status watch_open(const struct session *s, struct watch **out);

/** Take the parameters of s and find the curvature, when `step` ends an epoch or is the last. Collective: yes. */
GLIA_NODISCARD glia_status watch_look(struct watch *w, const struct glia_step_info *info);

/** Names of what is observed: hessian_1, ... (largest in magnitude first; NaN: it lies in the bulk), hessian_trace,
 *  hessian_trace_error. Returns how many; 0 for NULL. Both borrowed for w's life. */
int watch_values(const struct watch *w, const char *const **name, const double **value);

/** Seconds that the last look took; 0 for NULL. */
double watch_took_s(const struct watch *w);

/** NULL is welcome. Collective: yes. */
void watch_close(struct watch **w);

#endif
