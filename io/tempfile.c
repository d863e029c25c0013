/* Files that appear whole or not at all. */
#include "tempfile_priv.h"

#include "glia_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The lock holds only while PATH.tmp is still the file that we opened: another writer may have renamed it meanwhile. */
static bool same_file(int fd, const char *path)
{
  struct stat a;
  struct stat b;

  return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static glia_status open_locked(struct glia_tempfile *t)
{
  for (;;) {
    t->fd = open(t->temp, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    GLIA_CHECK(t->fd >= 0, GLIA_E_IO, "cannot create %s: %s", t->temp, strerror(errno));
    /* A file system without locks is no reason to refuse: then the names alone must do. */
    if (flock(t->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      close(t->fd);
      t->fd = -1;
      return GLIA_FAIL(GLIA_E_BUSY, "%s is being written by another process", t->path);
    }
    if (same_file(t->fd, t->temp)) return GLIA_OK;
    close(t->fd);
  }
}

static void forget(struct glia_tempfile *t)
{
  if (t->fd >= 0) close(t->fd);
  free(t->path);
  free(t->temp);
  *t = (struct glia_tempfile){.fd = -1};
}

static glia_status may_have_name(const char *path, bool force)
{
  const size_t n = strlen(path);
  struct stat s;

  GLIA_CHECK(n > 0 && path[n - 1] != '/', GLIA_E_ARGUMENT, "'%s' is not the name of a file", path);
  const bool exists = stat(path, &s) == 0;
  GLIA_CHECK(!exists || !S_ISDIR(s.st_mode), GLIA_E_EXISTS, "%s is a folder", path);
  GLIA_CHECK(!exists || force, GLIA_E_EXISTS, "%s exists already", path);
  return GLIA_OK;
}

/* "." where the path has none. The caller frees it. */
static char *folder_of(const char *path)
{
  const char *slash = strrchr(path, '/');

  return slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

glia_status glia_file_may_make(const char *path, bool force)
{
  GLIA_TRY(may_have_name(path, force));
  char *folder = folder_of(path);
  GLIA_CHECK(folder != NULL, GLIA_E_MEMORY, "the name of a folder");
  struct stat s;
  int why = stat(folder, &s) != 0 ? errno : S_ISDIR(s.st_mode) ? 0 : ENOTDIR;
  if (why == 0 && access(folder, W_OK | X_OK) != 0) why = errno;
  free(folder);
  GLIA_CHECK(why == 0, GLIA_E_IO, "cannot create %s: %s", path, strerror(why));
  return GLIA_OK;
}

glia_status glia_tempfile_begin_(struct glia_tempfile *t, const char *path, bool force)
{
  const size_t n = strlen(path);

  *t = (struct glia_tempfile){.fd = -1, .force = force};
  GLIA_TRY(may_have_name(path, force));
  t->path = malloc(n + 1);
  t->temp = malloc(n + sizeof ".tmp");
  if (t->path == NULL || t->temp == NULL) {
    forget(t);
    return GLIA_FAIL(GLIA_E_MEMORY, "a name of %zu bytes", n);
  }
  memcpy(t->path, path, n + 1);
  snprintf(t->temp, n + sizeof ".tmp", "%s.tmp", path);
  const glia_status st = open_locked(t);
  if (st != GLIA_OK) forget(t);
  return st;
}

glia_status glia_sync_folder_of_(const char *path)
{
  char *folder = folder_of(path);

  GLIA_CHECK(folder != NULL, GLIA_E_MEMORY, "the name of a folder");
  const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* Some file systems cannot sync folders; they say EINVAL, and nothing more can be done there. */
  const bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
  const int error = errno;
  if (fd >= 0) close(fd);
  const glia_status st =
      ok ? GLIA_OK : GLIA_FAIL(GLIA_E_IO, "cannot sync %s: %s", folder, strerror(error));
  free(folder);
  return st;
}

glia_status glia_tempfile_write_(struct glia_tempfile *t, const void *data, size_t n)
{
  const char *from = data;

  while (n > 0) {
    const ssize_t done = write(t->fd, from, n);
    if (done < 0 && errno == EINTR) continue;
    GLIA_CHECK(done > 0, GLIA_E_IO, "cannot write %s: %s", t->path, strerror(errno));
    from += done;
    n -= (size_t)done;
  }
  return GLIA_OK;
}

static glia_status commit(const struct glia_tempfile *t)
{
  GLIA_CHECK(fsync(t->fd) == 0, GLIA_E_IO, "cannot write %s: %s", t->path, strerror(errno));
  GLIA_CHECK(t->force || access(t->path, F_OK) != 0, GLIA_E_EXISTS, "%s exists already", t->path);
  GLIA_CHECK(rename(t->temp, t->path) == 0, GLIA_E_IO, "cannot rename %s to %s: %s", t->temp,
             t->path, strerror(errno));
  return GLIA_OK;
}

/* From its new name on, others read the file, and readers of HDF5 lock it too: a lock that they can share still keeps other writers from
 * PATH.tmp. Taking it may let go of the first for a moment; who comes in then has the file. */
static bool let_readers_in(const struct glia_tempfile *t)
{
  return flock(t->fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

glia_status glia_tempfile_commit_(struct glia_tempfile *t)
{
  glia_status st = GLIA_OK;

  if (!let_readers_in(t)) {
    st = GLIA_FAIL(GLIA_E_BUSY, "%s is being written by another process", t->path);
    forget(t); /* what it writes is not ours to remove */
    return st;
  }
  st = commit(t);
  if (st != GLIA_OK) {
    glia_tempfile_abort_(t);
    return st;
  }
  st = glia_sync_folder_of_(t->path);
  forget(t);
  return st;
}

void glia_tempfile_abort_(struct glia_tempfile *t)
{
  if (t->temp == NULL) return;
  unlink(t->temp);
  forget(t);
}

glia_status glia_make_folder_(const char *dir)
{
  char *path = strdup(dir);
  glia_status st = GLIA_OK;

  GLIA_CHECK(path != NULL, GLIA_E_MEMORY, "%s", dir);
  for (char *p = path + 1;; p++) {
    if (*p != '/' && *p != '\0') continue;
    const char kept = *p;
    *p = '\0';
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
      st = GLIA_FAIL(GLIA_E_IO, "cannot create folder %s: %s", path, strerror(errno));
      break;
    }
    *p = kept;
    if (kept == '\0') break;
  }
  free(path);
  return st;
}
