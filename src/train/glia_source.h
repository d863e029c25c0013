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

struct glia_source {
  void *self;
  const char *name; /* for messages: "fashion.h5:/train" */
  int64_t n;        /* rows */
  int n_fields;
  const struct glia_field *field;

  /** Copy rows row[0 .. n_rows) of field `field` to out, as stored. Called from several threads at once.
   *  Collective: no.  Errors: GLIA_E_IO, GLIA_E_DATA. */
  glia_status (*read)(void *self, int field, int64_t n_rows, const int64_t *row, void *out);

  /** Free self. */
  void (*close)(void *self);
};

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
