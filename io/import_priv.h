/* What importers of arrays share. */
#ifndef GLIA_IO_IMPORT_PRIV_H
#define GLIA_IO_IMPORT_PRIV_H

#include "elements_priv.h"
#include "glia_dataset.h"
#include "glia_import.h"
#include "stream_priv.h"

/* A file of rows: its header is read, its rows follow in the stream. */
struct glia_import_array {
  struct glia_stream *stream;
  struct glia_type row; /* as it will be stored */
  int64_t n;
  struct glia_stored stored;
};

/* Elements of a row that we believe in a header: a cube of 512. */
static const int64_t GLIA_IMPORT_ROW_MAX = (int64_t)1 << 27;

/* Reads a header and fills everything but the stream. */
typedef glia_status glia_import_header(struct glia_stream *s, struct glia_import_array *out);

/* Import pairs of files with one header reader. x_scale 0: 1/255 for u8, else 1. */
glia_status glia_import_pairs_(const struct glia_import_pair pair[3], glia_import_header *header,
                               double x_scale, double x_offset, const char *source,
                               const struct glia_import_out *out);

#endif
