/* Rows of cells from CSV and its relatives: separated by commas, semicolons, tabs or blanks; quotes as in RFC 4180. */
#ifndef GLIA_IO_TABLE_PRIV_H
#define GLIA_IO_TABLE_PRIV_H

#include "stream_priv.h"

typedef enum { GLIA_HEADER_AUTO, GLIA_HEADER_YES, GLIA_HEADER_NO } glia_header;

struct glia_table {
  struct glia_stream *stream;
  int separator; /* ' ': any number of blanks */
  int64_t line;  /* of the row last read, from 1 */
  int64_t next_line;
  int n;       /* cells of the row last read */
  char **cell; /* [n], into text; "" = empty */
  int n_columns;
  char **name; /* [n_columns] from the header, else "1", "2", ... */
  /* private */
  char *text; /* the row, cut into cells in place */
  size_t text_size;
  size_t text_used;
  int cells_max;
  bool pending; /* the first row was data and is still to be handed out */
};

/* Open; reads the first row to learn separator, columns and header. Auto: a first row without any number is a header.
 * Errors: GLIA_E_DATA (empty, damaged), GLIA_E_MISSING, GLIA_E_IO. */
glia_status glia_table_open_(const char *path, glia_header header, struct glia_progress *progress,
                             struct glia_table **out);
void glia_table_close_(struct glia_table **t);

/* Next row; *end at the end. Errors: GLIA_E_DATA with file and line (another number of cells, an open quote). */
glia_status glia_table_next_(struct glia_table *t, bool *end);

/* Column by name, or by number from 1; -1: none. */
int glia_table_column_(const struct glia_table *t, const char *name);

/* A cell as a number. Empty, "?", "NA", "NaN", "null": NaN. false: something else. */
bool glia_table_number_(const char *cell, double *out);

#endif
