/* Datasets: HDF5 files with arrays /train/<field>, /valid/<field>, /test/<field>, rows first (docs/formats/dataset.md). */
#ifndef GLIA_DATASET_H
#define GLIA_DATASET_H

#include "glia_source.h"

enum { GLIA_DATASET_FORMAT = 1 };

/** Open one split of a dataset as a source of rows.
 *
 *  path                the file
 *  split               "train", "valid" or "test"
 *  memory_limit_bytes  a split that fits is held in memory; a larger one is read from the file, with this much cache for
 *                      compressed arrays. 0: 2 GiB
 *  out                 fields in byte order of their names, as stored; value = stored * scale + offset
 *
 *  Float data must be finite: a split in memory is checked here, another one while it is read.
 *  Collective: no.
 *  Ownership:  glia_source_close(out).
 *  Errors:     GLIA_E_MISSING (file, split), GLIA_E_IO, GLIA_E_DATA (not HDF5, not a dataset, cut short, NaN),
 *              GLIA_E_SHAPE (fields disagree on the number of rows), GLIA_E_UNSUPPORTED (types, filters, links).
 */
GLIA_API GLIA_NODISCARD glia_status glia_dataset_open(const char *path, const char *split,
                                                      size_t memory_limit_bytes,
                                                      struct glia_source **out);

/** Which splits a dataset has. Errors: as glia_dataset_open. */
GLIA_API GLIA_NODISCARD glia_status glia_dataset_splits(const char *path, bool *train, bool *valid,
                                                        bool *test);

/** A text attribute of an array ("train/x"), such as `columns`; *out is NULL where there is none. The caller frees it.
 *  Errors: as glia_dataset_open. */
GLIA_API GLIA_NODISCARD glia_status glia_dataset_text(const char *path, const char *array,
                                                      const char *name, char **out);

struct glia_dataset_writer;

/** Start a dataset. It is written as PATH.tmp and appears under its name when committed.
 *
 *  force  replace an existing file (on commit)
 *
 *  Collective: no; one process writes.
 *  Ownership:  end it with commit or abort.
 *  Errors:     GLIA_E_EXISTS, GLIA_E_BUSY (another process writes it), GLIA_E_IO.
 */
GLIA_API GLIA_NODISCARD glia_status glia_dataset_create(const char *path, bool force,
                                                        struct glia_dataset_writer **out);

/** Define an array.
 *
 *  path           "train/x": a split and a field
 *  row            type of one row (rank 0: a number per row)
 *  n              rows to come, or -1: as many as will be appended
 *  scale, offset  value = stored * scale + offset; 1 and 0 are not written
 *  out            its number, for append
 *
 *  Errors: GLIA_E_ARGUMENT, GLIA_E_EXISTS, GLIA_E_MEMORY.
 */
GLIA_API GLIA_NODISCARD glia_status glia_dataset_define(struct glia_dataset_writer *w,
                                                        const char *path,
                                                        const struct glia_type *row, int64_t n,
                                                        double scale, double offset, int *out);

/** Keep an array of integers contiguous instead of packed, before its first row: read fastest, but as large as it is.
 *  Errors: GLIA_E_ARGUMENT (its number of rows was not said, or rows were appended). */
GLIA_API GLIA_NODISCARD glia_status glia_dataset_plain(struct glia_dataset_writer *w, int array);

/** Append rows [n_rows, row...]; buffered to chunks of 1 MiB. Errors: GLIA_E_IO (disk full), GLIA_E_SHAPE (too many). */
GLIA_API GLIA_NODISCARD glia_status glia_dataset_append(struct glia_dataset_writer *w, int array,
                                                        int64_t n_rows, const void *rows);

/** A text attribute of an array (array >= 0) or of the file (-1): where data come from, names of classes. */
GLIA_API GLIA_NODISCARD glia_status glia_dataset_note(struct glia_dataset_writer *w, int array,
                                                      const char *name, const char *text);

/** Write what is buffered, sync, rename; *w is closed in any case and set to NULL. On failure nothing is left behind.
 *  Errors: GLIA_E_IO, GLIA_E_SHAPE (an array got fewer rows than defined; fields of a split disagree). */
GLIA_API GLIA_NODISCARD glia_status glia_dataset_commit(struct glia_dataset_writer **w);

/** Remove what was written; NULL is welcome. */
GLIA_API void glia_dataset_abort(struct glia_dataset_writer **w);

#endif
