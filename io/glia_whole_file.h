/* A stream to a file that appears whole under its name or not at all: pages, pictures, tables beside other files. */
#ifndef GLIA_WHOLE_FILE_H
#define GLIA_WHOLE_FILE_H

#include "glia_status.h"

#include <stdio.h>

struct glia_tempfile;

/* Zeros: nothing is open. */
struct glia_whole_file {
  FILE *f; /* to write to, until the flush */
  struct glia_tempfile *to;
};

/** Open PATH.tmp; a file that stands at path stays what it is until the commit. Collective: no.
 *  Ownership: *w is yours to abort, also after a commit. Errors: GLIA_E_BUSY (another process writes it), GLIA_E_IO, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_whole_open(const char *path, struct glia_whole_file *w);
/** All is written, still under the temporary name. Errors: GLIA_E_IO, of any write before, too. */
GLIA_API GLIA_NODISCARD glia_status glia_whole_flush(struct glia_whole_file *w);
/** What was flushed takes the name. Errors: GLIA_E_IO; the old file is there then. */
GLIA_API GLIA_NODISCARD glia_status glia_whole_commit(struct glia_whole_file *w);
/** Flush, commit and abort in one. Errors: theirs. */
GLIA_API GLIA_NODISCARD glia_status glia_whole_close(struct glia_whole_file *w);
/** Nothing appears; harmless after a commit and of zeros. */
GLIA_API void glia_whole_abort(struct glia_whole_file *w);

#endif
