/* Which way of using the ranks is fastest: predicted from a few measured micro-batches, for --plan. */
#ifndef ADVISE_H
#define ADVISE_H

#include "session.h"

/** Measure, predict and print: in one piece, data groups, stages by every schedule, and grids, on the ranks of this run (on 2 where it is
 *  one). Every rank is taken to have a core. The session is one of whole models, built after profile_time(true); its state is left.
 *  out  the same as JSON: the caller's
 *  Collective: yes. Errors: those of a step; on all ranks alike. */
GLIA_NODISCARD glia_status advise(struct session *s, struct glia_args *a, json_t **out);

#endif
