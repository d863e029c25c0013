/* glia train --plan: what would run, without running it. */
#ifndef PLAN_H
#define PLAN_H

#include "session.h"

/** Layers, steps, memory, and how the ranks are best used; the command's result. Collective: yes. */
GLIA_NODISCARD glia_status plan_print(struct glia_args *a, struct session *s);

/** What parallel.memory came to, where it is set. */
void plan_print_values(const struct glia_args *a, const struct session *s);

#endif
