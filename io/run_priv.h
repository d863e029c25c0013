/* What the files that read and write records of runs share. */
#ifndef GLIA_IO_RUN_PRIV_H
#define GLIA_IO_RUN_PRIV_H

#include "glia_archive.h"
#include "glia_run_record.h"

/* Free what *r holds, and zero it. */
void glia_run_clear_(struct glia_run *r);

/* All attributes of a group that are whole numbers, reals or texts; names and texts are the caller's to free(). */
glia_status glia_archive_attributes_(struct glia_archive *a, const char *group, int *n,
                                     struct glia_attribute **out);

#endif
