/* Samples of fields from files of others: coordinates and values by name, as rows of float64.
 *
 * CSV and its kin: a header with the names, one sample a row. HDF5: arrays of the names at the root; either all of one length n (scattered
 * samples; never those of a solution file), or coordinates [n_t], [n_x], ... and values [n_t, n_x, ...] on their grid, in the order asked for.
 */
#ifndef GLIA_FIELDS_H
#define GLIA_FIELDS_H

#include "glia_status.h"

/** Read a file.
 *
 *  name      [n_coords + n_values]: all coordinates must be there, and one of the values at least where any is asked for
 *  n         samples
 *  out       [n, n_coords + n_values], NaN where a value is missing
 *
 *  Collective: no. Ownership: free(*out).
 *  Errors: GLIA_E_MISSING, GLIA_E_IO; GLIA_E_DATA (names that are not there, text for numbers); GLIA_E_SHAPE (extents that fit neither layout).
 */
GLIA_API GLIA_NODISCARD glia_status glia_fields_read(const char *path, int n_coords, int n_values,
                                                     const char *const *name, int64_t *n,
                                                     double **out);

#endif
