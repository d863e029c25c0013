/* What the files of this room share when they speak to HDF5.
 *
 * libhdf5-openmpi is not thread-safe: every public function of the room that calls HDF5 holds one process-wide
 * lock (recursive) meanwhile. Under it HDF5 prints nothing; outside it the program's own error handler is back.
 */
#ifndef GLIA_IO_H5_PRIV_H
#define GLIA_IO_H5_PRIV_H

#include "glia_type.h"
#include "tempfile_priv.h"

#include <hdf5.h>

void glia_h5_lock_(void);
void glia_h5_unlock_(void);

/* A failure with HDF5's own reason behind the text; forgets HDF5's stack. */
glia_status glia_h5_fail_(const char *file, int line, const char *function, glia_status st,
                          const char *format, ...) GLIA_PRINTF(5, 6);

#define GLIA_H5_FAIL(status, ...) glia_h5_fail_(__FILE__, __LINE__, __func__, status, __VA_ARGS__)

/* HDF5 says failure by a negative number. */
#define GLIA_TRY_H5(call, status, ...)                                                             \
  do {                                                                                             \
    if ((call) < 0) return GLIA_H5_FAIL(status, __VA_ARGS__);                                      \
  } while (0)

#define GLIA_TRY_H5_TO(label, st, call, status, ...)                                               \
  do {                                                                                             \
    if ((call) < 0) {                                                                              \
      (st) = GLIA_H5_FAIL(status, __VA_ARGS__);                                                    \
      goto label;                                                                                  \
    }                                                                                              \
  } while (0)

/* Close what *id is (file, group, data set, space, type, attribute, property list) and set it to -1; -1 is welcome. */
void glia_h5_close_(hid_t *id);

/* Open for reading. Errors: GLIA_E_MISSING, GLIA_E_IO, GLIA_E_DATA (not HDF5, truncated). */
glia_status glia_h5_open_(const char *path, hid_t *out);

/* Refuse a file whose root attribute glia_kind is another, or whose glia_format is later than `format`. */
glia_status glia_h5_check_kind_(hid_t file, const char *path, const char *kind, int format);

/* Attributes. Readers: found = false leaves *out alone; of another type is GLIA_E_DATA. Text is yours to free(). Text is written in variable
 * length (h5py then gives str, not bytes), or in fixed length, which needs no heap in the file. */
glia_status glia_h5_put_int_(hid_t at, const char *name, int64_t value);
glia_status glia_h5_put_real_(hid_t at, const char *name, double value);
glia_status glia_h5_put_text_(hid_t at, const char *name, const char *value);
glia_status glia_h5_put_fixed_text_(hid_t at, const char *name, const char *value);
glia_status glia_h5_get_int_(hid_t at, const char *name, int64_t *out, bool *found);
glia_status glia_h5_get_real_(hid_t at, const char *name, double *out, bool *found);
glia_status glia_h5_get_text_(hid_t at, const char *name, char **out, bool *found);

/* Names of what a group holds, in byte order; links that leave the file are refused. Free with glia_h5_free_names_. */
struct glia_h5_names {
  int n;
  char **name;
};
glia_status glia_h5_names_(hid_t group, const char *file, struct glia_h5_names *out);
void glia_h5_free_names_(struct glia_h5_names *names);

/* Is there an object of this name, as a group or as an array? Neither: false for both. */
glia_status glia_h5_exists_(hid_t at, const char *path, bool *group, bool *array);

/* What an array is, after it passed the allow-list: rank, extents, element type, layout, filters. */
struct glia_h5_array {
  struct glia_type type;
  bool chunked;
  bool as_stored;       /* file bytes are the memory's bytes (little-endian, unfiltered) */
  size_t element_bytes; /* in the file: of a narrow type less than in memory */
  int64_t chunk_rows;   /* chunked: extent 0 of a chunk */
  size_t chunk_bytes;   /* chunked: size of one chunk, unpacked */
  int64_t offset;       /* contiguous and as_stored: where in the file; -1 otherwise */
};

/* Open array `path` and describe it. `file` is for messages. Errors: GLIA_E_MISSING, GLIA_E_DATA, GLIA_E_UNSUPPORTED. */
glia_status glia_h5_array_open_(hid_t at, const char *file, const char *path, hid_t *out,
                                struct glia_h5_array *info);

/* Type in memory of an element type. Borrowed. */
hid_t glia_h5_type_(glia_dtype t);

/* Read all of it, or rows [lo, hi). */
glia_status glia_h5_array_read_(hid_t array, const struct glia_type *type, void *out);
glia_status glia_h5_array_read_rows_(hid_t array, const struct glia_type *type, int64_t lo,
                                     int64_t hi, void *out);

/* Open a group, making what is missing on its path; < 0: failed. */
hid_t glia_h5_group_make_(hid_t at, const char *path);

/* Create a contiguous array and the groups on its path; what it holds is written by the caller at byte *offset of the file, once
 * HDF5 has closed it (-1: it holds nothing). *out is left open for attributes. */
glia_status glia_h5_array_reserve_(hid_t at, const char *path, const struct glia_type *type,
                                   int64_t *offset, hid_t *out);

/* Write a whole array, contiguous, making the groups on its path. *out (may be NULL) is left open for attributes. */
glia_status glia_h5_array_write_(hid_t at, const char *path, const struct glia_type *type,
                                 const void *data, hid_t *out);

/* Arrays written in pieces. row: type of one row, of which only the extents count; type: that of an element.
 *   rows        how many there will be, -1: it grows
 *   chunk_rows  rows in a chunk, 0: contiguous (rows >= 0 only)
 *   pack        shuffle and deflate */
glia_status glia_h5_rows_create_(hid_t at, const char *path, hid_t type,
                                 const struct glia_type *row, int64_t rows, int64_t chunk_rows,
                                 bool pack, hid_t *out);
/* Write n rows from row `start` on, extending the array first when `grow`. `path` is for messages. */
glia_status glia_h5_rows_write_(hid_t array, const char *path, hid_t type,
                                const struct glia_type *row, int64_t start, int64_t n, bool grow,
                                const void *data);

/* Text of fixed length, null-padded, as h5py reads and writes it: [n], or one scalar when n < 0. */
hid_t glia_h5_text_type_(size_t size_bytes);
glia_status glia_h5_texts_write_(hid_t at, const char *path, int64_t n, const char *const *text);
/* The same, compressed: names of columns share most of their letters. */
glia_status glia_h5_texts_pack_(hid_t at, const char *path, int64_t n, const char *const *text);
glia_status glia_h5_texts_read_(hid_t at, const char *file, const char *path, int64_t *n,
                                char ***out);

/* A file being written: under a temporary name until it is whole. HDF5 never sees a write fail: our driver keeps the first
 * error and drops what follows, because HDF5 1.10 cannot close a file that it cannot write (it crashes at exit). */
struct glia_h5_out {
  struct glia_tempfile temp;
  hid_t file;
  int *error; /* errno of the first failed write, 0 so far */
};

/* How: growing, in HDF5's earliest format, whose flushed part stays readable when the writer is killed; whole, in the 1.10 format, whose
 * metadata carry checksums, with large objects at pages; or so without texts of variable length, whose heap has none. */
enum glia_h5_way { GLIA_H5_GROWING, GLIA_H5_WHOLE, GLIA_H5_HEAPLESS };

/* Writes glia_kind, glia_format, glia_version. */
glia_status glia_h5_out_begin_(struct glia_h5_out *o, const char *path, const char *kind,
                               int format, bool force, enum glia_h5_way way);
glia_status glia_h5_out_check_(const struct glia_h5_out *o);
glia_status glia_h5_out_close_(struct glia_h5_out *o); /* the HDF5 part only */
glia_status
glia_h5_out_commit_(struct glia_h5_out *o); /* close, fsync, rename; on failure nothing is left */
void glia_h5_out_abort_(struct glia_h5_out *o);

/* The driver itself (h5_driver.c): *error gets the errno of the first failure and must outlive the file. */
glia_status glia_h5_driver_use_(hid_t fapl, int *error);

#endif
