/* Bytes from a file, plain, .gz or .xz: told apart by their first bytes, not by their names. */
#ifndef GLIA_IO_STREAM_PRIV_H
#define GLIA_IO_STREAM_PRIV_H

#include "glia_progress.h"
#include "glia_status.h"

struct glia_stream;

/* progress (may be NULL) is told of the bytes of the file as they are used up. Errors: GLIA_E_MISSING, GLIA_E_IO. */
glia_status glia_stream_open_(const char *path, struct glia_progress *progress,
                              struct glia_stream **out);
void glia_stream_close_(struct glia_stream **s);

/* Up to `size` bytes; *got = 0 at the end. Errors: GLIA_E_DATA (cut short, damaged), GLIA_E_IO. */
glia_status glia_stream_read_(struct glia_stream *s, void *out, size_t size, size_t *got);

/* Exactly `size` bytes. Errors: as above; GLIA_E_DATA when the file ends before. */
glia_status glia_stream_read_all_(struct glia_stream *s, void *out, size_t size);

/* The next byte, -1 at the end; a failure is GLIA_E_... in *st. */
int glia_stream_get_(struct glia_stream *s, glia_status *st);

/* Refuse bytes after what was read. */
glia_status glia_stream_expect_end_(struct glia_stream *s);

const char *glia_stream_path_(const struct glia_stream *s);

#endif
