/* io: a program that writes to the disk and waits for it, over and over. */
#include "inject_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1024 * 1024, PATH_BYTES = 4096 };

static int64_t default_size_bytes(void) { return 64 * (int64_t)(1 << 20); }

/* A file without a name: it is gone when the process is, however that ends. */
static int open_nameless(void)
{
  const char *folder = getenv("TMPDIR");
  char path[PATH_BYTES];

  if (folder == NULL || folder[0] == '\0') folder = "/var/tmp"; /* /tmp may be memory */
  const int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  if (snprintf(path, sizeof path, "%s/glia-inject.XXXXXX", folder) >= PATH_BYTES) return -1;
  const int named = mkstemp(path);
  if (named >= 0) unlink(path);
  return named;
}

/* Round and round a file no larger than this thread's share; every piece is of the same bytes, so that little memory is taken. */
static void work(struct glia_inject_worker *worker)
{
  const int fd = open_nameless();
  size_t at = 0;

  if (fd < 0) {
    atomic_store(&worker->error, errno);
    return;
  }
  memset(worker->memory, 1, worker->size_bytes < CHUNK ? worker->size_bytes : CHUNK);
  while (!glia_inject_over_(worker)) {
    const size_t n = worker->size_bytes - at < CHUNK ? worker->size_bytes - at : CHUNK;
    const ssize_t written = pwrite(fd, worker->memory, n, (off_t)at);
    if (written <= 0) { /* disk full: enough of a fault, if it took something */
      if (worker->bytes <= 0.0) atomic_store(&worker->error, written < 0 ? errno : ENOSPC);
      break;
    }
    worker->bytes += (double)written;
    at = at + (size_t)written < worker->size_bytes ? at + (size_t)written : 0;
    if (fdatasync(fd) != 0) break;
  }
  close(fd);
}

const struct glia_injector glia_injector_io_ = {
    .name = "io",
    .help = "write to the disk and wait for it, in $TMPDIR or /var/tmp, in a file without a name",
    .hint = "TMPDIR names the folder to write to",
    .default_size_bytes = default_size_bytes,
    .work = work,
};
