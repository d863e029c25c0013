/* Metrics of an evaluation: see measure.c. */
#ifndef MEASURE_PRIV_H
#define MEASURE_PRIV_H

#include "glia_train.h"

struct measure {
  const struct glia_model_rows *rows;
  int64_t n, width; /* rows; numbers of a row's prediction */
  int of_output, target_output, counts_output;
  double *of, *target, *counts; /* [n, width], [n, places], [n, places]: one block */
};

GLIA_NODISCARD glia_status glia_measure_init_(struct measure *m, const struct glia_model *model,
                                              int64_t n_rows);
void glia_measure_fini_(struct measure *m);
/** Rows [first, first + n) from a micro-batch's outputs. Called from several threads, for other rows each. */
void glia_measure_take_(struct measure *m, int64_t first, int64_t n, const void *const *data);
/** Every rank learns the rows of all. Collective: yes. */
GLIA_NODISCARD glia_status glia_measure_share_(struct measure *m,
                                               const struct glia_meeting *meeting);
/** The metrics that the model asks for. */
GLIA_NODISCARD glia_status glia_measure_(const struct measure *m, struct glia_eval_result *out);

#endif
