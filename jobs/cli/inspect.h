/* A checkpoint put back to work for an analysis: its model in float64, with entry points added, on rows of a data set. */
#ifndef INSPECT_H
#define INSPECT_H

#include "session.h"

struct inspection {
  struct session s;
  struct glia_checkpoint *c; /* on the rank that opened it, else NULL */
  char *config;
  struct glia_source *rows; /* of the split asked for, as evaluation sees them */
  double **start;           /* [s.n_arrays] after inspect_start */
};

/** Open a checkpoint, or the newest good one of a folder, build its model and load its parameters.
 *
 *  comm    ranks that share the sums, taken; NULL: this process alone
 *  data    data set in the place of the configuration's; NULL: that one
 *  split   "train", "valid" or "test"
 *  extend  adds entry points before compiling; may be NULL
 *
 *  Collective: yes, over comm. Ownership: inspect_close, also on failure. */
GLIA_NODISCARD glia_status inspect_open(struct inspection *i, struct glia_comm **comm,
                                        const char *path, const char *data, const char *split,
                                        glia_status (*extend)(struct glia_model *m));

/** The parameters that a run with `init:` began from, into i->start: float64 by state slot, NULL for what is no part of the network.
 *  Collective: no. Errors: those of the file that init: names, as it is found today. */
GLIA_NODISCARD glia_status inspect_start(struct inspection *i);

/** Element i of an array of any type, bf16 too; NaN where the type is of no numbers. */
double inspect_number(const void *data, glia_dtype dtype, int64_t i);

void inspect_close(struct inspection *i);

#endif
