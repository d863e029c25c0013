/* What the study commands share. */
#ifndef STUDY_REPORT_H
#define STUDY_REPORT_H

#include "cli.h"
#include "study_priv.h"

/* The outcome, for people and as JSON. control: it stands in the method's place. On rank 0. */
GLIA_NODISCARD glia_status study_report(struct glia_args *args, const struct study_plan *plan,
                                        const struct study_outcome *out, bool control,
                                        double wall_s);

#endif
