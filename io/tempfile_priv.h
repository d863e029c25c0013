/* A file that appears whole or not at all: written as PATH.tmp, then synced and renamed. */
#ifndef GLIA_IO_TEMPFILE_PRIV_H
#define GLIA_IO_TEMPFILE_PRIV_H

#include "glia_status.h"

struct glia_tempfile {
  char *path;
  char *temp; /* PATH.tmp */
  int fd; /* of PATH.tmp; holds a lock, so that two writers of one path cannot mix. -1: not open */
  bool force; /* an existing PATH may be replaced */
};

/* Errors: GLIA_E_EXISTS (PATH is there and force is false), GLIA_E_BUSY (another process writes it), GLIA_E_IO. */
glia_status glia_tempfile_begin_(struct glia_tempfile *t, const char *path, bool force);

/* Append n bytes. Errors: GLIA_E_IO. */
glia_status glia_tempfile_write_(struct glia_tempfile *t, const void *data, size_t n);

/* fsync, rename, fsync of the folder. On failure PATH.tmp is gone and PATH is what it was. */
glia_status glia_tempfile_commit_(struct glia_tempfile *t);

/* Remove PATH.tmp; a zeroed or finished *t is welcome. */
void glia_tempfile_abort_(struct glia_tempfile *t);

/* Make a rename in the folder of `path` last. */
glia_status glia_sync_folder_of_(const char *path);

/* Make a folder and those above it; one that is there is fine. Errors: GLIA_E_IO. */
glia_status glia_make_folder_(const char *dir);

#endif
