/* Outputs for the rows of a file: what predict.c leaves to others. */
#ifndef PREDICT_H
#define PREDICT_H

#include "cli.h"

/** The unknowns of a solution (glia pinn -o) at points of --data, a row each: coordinates, unknowns; NaN outside the domain.
 *  Errors: those of glia_archive_open (GLIA_E_DATA: another kind of file), glia_fields_read and glia_rows_file_create. */
glia_status predict_solution(struct glia_args *a);

#endif
