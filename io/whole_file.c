/* Streams to files that appear whole: see glia_whole_file.h. */
#include "glia_whole_file.h"

#include "tempfile_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

glia_status glia_whole_open(const char *path, struct glia_whole_file *w)
{
  glia_status st;

  *w = (struct glia_whole_file){.to = calloc(1, sizeof *w->to)};
  GLIA_CHECK(w->to != NULL, GLIA_E_MEMORY, "%s", path);
  w->to->fd = -1;
  GLIA_TRY_TO(out, st, glia_tempfile_begin_(w->to, path, true));
  const int fd = dup(w->to->fd);
  /* What a writer that was killed has left is cut off. */
  if (fd >= 0 && ftruncate(fd, 0) == 0) w->f = fdopen(fd, "w");
  if (w->f != NULL) return GLIA_OK;
  st = GLIA_FAIL(GLIA_E_IO, "cannot write %s: %s", path, strerror(errno));
  if (fd >= 0) close(fd);
out:
  glia_whole_abort(w);
  return st;
}

glia_status glia_whole_flush(struct glia_whole_file *w)
{
  const bool bad = ferror(w->f) != 0;
  const bool unwritten = fflush(w->f) != 0;
  const int why = errno;
  const bool unclosed = fclose(w->f) != 0;

  w->f = NULL;
  GLIA_CHECK(!bad && !unwritten && !unclosed, GLIA_E_IO, "cannot write %s: %s", w->to->path,
             unwritten ? strerror(why) : "is the disk full?");
  return GLIA_OK;
}

glia_status glia_whole_commit(struct glia_whole_file *w)
{
  GLIA_TRY(glia_tempfile_commit_(w->to));
  return GLIA_OK;
}

glia_status glia_whole_close(struct glia_whole_file *w)
{
  glia_status st;

  GLIA_TRY_TO(out, st, glia_whole_flush(w));
  GLIA_TRY_TO(out, st, glia_whole_commit(w));
out:
  glia_whole_abort(w);
  return st;
}

void glia_whole_abort(struct glia_whole_file *w)
{
  if (w->f != NULL) fclose(w->f);
  if (w->to != NULL) glia_tempfile_abort_(w->to);
  free(w->to);
  *w = (struct glia_whole_file){0};
}
