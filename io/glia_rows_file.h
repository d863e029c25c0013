/* Rows of named fields into a file for other programs: .npy, .csv, or a dataset. */
#ifndef GLIA_ROWS_FILE_H
#define GLIA_ROWS_FILE_H

#include "glia_source.h"

struct glia_rows_file;

/** Start a file; its ending says what it is.
 *
 *  .npy        one field: the array [n, row...]
 *  .csv        all fields, one column per element: NAME for single numbers, else NAME_0, NAME_1, ... in the order of memory
 *  .h5         a dataset with these fields in `split`
 *  values      write stored * scale + offset (as f32 in .npy) where that differs; else what is stored. A dataset keeps both
 *  n           rows that will come
 *
 *  It is written as PATH.tmp and appears under its name when committed.
 *  Ownership: end it with commit or abort.
 *  Errors:    GLIA_E_EXISTS, GLIA_E_IO, GLIA_E_ARGUMENT (another ending, several fields into .npy). */
GLIA_API GLIA_NODISCARD glia_status glia_rows_file_create(const char *path, bool force,
                                                          const char *split, int n_fields,
                                                          const struct glia_field *field, int64_t n,
                                                          bool values, struct glia_rows_file **out);

/** Append rows: data[i] holds those of field i, as stored. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_rows_file_append(struct glia_rows_file *f, int64_t n_rows,
                                                          const void *const *data);

/** Sync and rename; *f is closed in any case and set to NULL. Errors: GLIA_E_IO, GLIA_E_SHAPE (another number of rows). */
GLIA_API GLIA_NODISCARD glia_status glia_rows_file_commit(struct glia_rows_file **f);

/** Remove what was written; NULL is welcome. */
GLIA_API void glia_rows_file_abort(struct glia_rows_file **f);

#endif
