/* Large pieces of a file: see bulk_priv.h. */
#include "bulk_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Write up to `bytes`; *done tells how many. Returns 0, or the errno of the failure. */
static int write_some(int fd, const char *from, size_t bytes, int64_t at, size_t *done)
{
  while (*done < bytes) {
    const ssize_t n = pwrite(fd, from + *done, bytes - *done, (off_t)(at + (int64_t)*done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n < 0 ? errno : ENOSPC; /* what a short write means */
    *done += (size_t)n;
  }
  return 0;
}

#ifdef O_DIRECT
static bool on_pages(const void *data, int64_t at)
{
  return (uintptr_t)data % GLIA_BULK_PAGE_BYTES == 0 && at % GLIA_BULK_PAGE_BYTES == 0;
}

/* Whole pages without the cache. What a file system does not do so, or not to its end, is left: `done` tells. */
static int write_direct(int fd, const char *from, size_t bytes, int64_t at, size_t *done)
{
  const int flags = fcntl(fd, F_GETFL);

  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) != 0) return 0;
  const int error = write_some(fd, from, bytes, at, done);
  (void)fcntl(fd, F_SETFL, flags & ~O_DIRECT);
  return error == EINVAL || error == EOPNOTSUPP ? 0 : error;
}
#endif

glia_status glia_bulk_write_(int fd, const char *path, const void *data, size_t bytes, int64_t at)
{
  size_t done = 0;
  int error = 0;

#ifdef O_DIRECT
  if (bytes >= GLIA_BULK_BYTES && on_pages(data, at))
    error = write_direct(fd, data, bytes / GLIA_BULK_PAGE_BYTES * GLIA_BULK_PAGE_BYTES, at, &done);
#endif
  if (error == 0) error = write_some(fd, data, bytes, at, &done);
  GLIA_CHECK(error == 0, GLIA_E_IO, "cannot write %s: %s", path, strerror(error));
  return GLIA_OK;
}
