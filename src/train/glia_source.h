/* Where training rows come from. A source hands out rows by number and knows nothing of order, epochs or ranks:
 * which rows make which micro-batch is decided by train/ (a keyed permutation), the same for any number of ranks.
 */
#ifndef GLIA_SOURCE_H
#define GLIA_SOURCE_H

#include "glia_type.h"

/* One named array [n, ...] of a split. value = stored * scale + offset. */
struct glia_field {
  const char *name;     /* "x", "y" */
  struct glia_type row; /* type of one row, as stored */
  double scale;         /* 1 when absent */
  double offset;        /* 0 when absent */
};

/* What may be held of a split when nothing else is said. */
#define GLIA_SOURCE_MEMORY_BYTES (INT64_C(2) << 30)

struct glia_source {
  void *self;
  const char *name; /* for messages: "fashion.h5:/train" */
  int64_t n;        /* rows */
  int n_fields;
  const struct glia_field *field;
  int64_t chunk_rows; /* neighbouring rows that are best read together; 0: glia_source_chunk says */
  bool slow;          /* reading takes time worth hiding: from a file, or with work on every row */

  /** Copy rows row[0 .. n_rows) of field `field` to out, as stored; from a file, the more at once, the faster. Called from several
   *  threads at once.
   *  Collective: no.  Errors: GLIA_E_IO, GLIA_E_DATA. */
  glia_status (*read)(void *self, int field, int64_t n_rows, const int64_t *row, void *out);

  /** As read, but row[i] goes to row place[i] of out, where that is fastest; NULL: read it is. Not for sources with read_epoch.
   *  place: out [n_rows], a permutation of 0 .. n_rows - 1 */
  glia_status (*read_anywhere)(void *self, int field, int64_t n_rows, const int64_t *row,
                               int64_t *place, void *out);

  /** As read, for sources whose rows differ from epoch to epoch (augmentation); NULL: they do not. */
  glia_status (*read_epoch)(void *self, int field, int64_t n_rows, const int64_t *row,
                            int64_t epoch, void *out);

  /** Free self. */
  void (*close)(void *self);
};

/** Rows of epoch `epoch` (from 0). Errors: as read. */
GLIA_API GLIA_NODISCARD glia_status glia_source_read(struct glia_source *s, int field,
                                                     int64_t n_rows, const int64_t *row,
                                                     int64_t epoch, void *out);

/** The same with places, where the source can; else place[i] = i. Errors: as read. */
GLIA_API GLIA_NODISCARD glia_status glia_source_read_anywhere(struct glia_source *s, int field,
                                                              int64_t n_rows, const int64_t *row,
                                                              int64_t epoch, int64_t *place,
                                                              void *out);

/** Rows of a chunk: chunk_rows, else those in 1 MiB of field x. A function of the data set alone, whatever memory there is. */
GLIA_API int64_t glia_source_chunk(const struct glia_source *s);

/** Index of a field by name, -1 when there is none. */
GLIA_API int glia_source_field(const struct glia_source *s, const char *name);

/** Close and set to NULL; NULL is welcome. */
GLIA_API void glia_source_close(struct glia_source **s);

/** A source over arrays in memory (borrowed): data[i] is field[i]'s rows [n, ...]. Ownership: close *out. */
GLIA_API GLIA_NODISCARD glia_status glia_source_from_memory(const char *name, int64_t n,
                                                            int n_fields,
                                                            const struct glia_field *field,
                                                            const void *const *data,
                                                            struct glia_source **out);

#endif
