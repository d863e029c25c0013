/* The curves of a run for other programs, by wish: a CSV file and a folder for TensorBoard. Rank 0 alone. */
#ifndef CURVES_H
#define CURVES_H

#include "glia_event_file.h"
#include "glia_train.h"

#include <stdio.h>

struct curves {
  FILE *csv; /* NULL: none */
  const char *csv_path;
  struct glia_event_file *events; /* NULL: none */
  double flushed_s;
};

/** Begin, or go on after first_step: rows of later steps, of an earlier start, are dropped.
 *  csv, folder  NULL: none. Errors: GLIA_E_IO, GLIA_E_EXISTS (a CSV file that holds something else), GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status curves_open(struct curves *c, const char *csv, const char *folder,
                                       int64_t first_step);

/** Add a step. A file that cannot be written is said once, and the run goes on without. */
void curves_step(struct curves *c, const struct glia_step_info *info);

/** Add the result of the test, and close. test NULL: none. A closed or zeroed *c is welcome. */
void curves_close(struct curves *c, int64_t step, const struct glia_eval_result *test);

#endif
