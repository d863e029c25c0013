/* Seals at the end of files. */
#include "seal_priv.h"

#include "glia_sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEAL_WORD "\nglia-sha256 "
enum {
  WORD_BYTES = sizeof SEAL_WORD - 1,
  SEAL_BYTES = WORD_BYTES + 64 + 1,
  BUFFER_BYTES = 1 << 20
};

/* Hash of bytes [0, size) of a file. */
static glia_status hash(int fd, const char *path, off_t size, char out[65])
{
  char *buffer = malloc(BUFFER_BYTES);
  struct glia_sha256 h;
  off_t at = 0;

  GLIA_CHECK(buffer != NULL, GLIA_E_MEMORY, "%s", path);
  glia_sha256_init(&h);
  while (at < size) {
    const size_t want = size - at < BUFFER_BYTES ? (size_t)(size - at) : (size_t)BUFFER_BYTES;
    const ssize_t n = pread(fd, buffer, want, at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      free(buffer);
      return GLIA_FAIL(GLIA_E_IO, "cannot read %s: %s", path,
                       n < 0 ? strerror(errno) : "it became shorter");
    }
    glia_sha256_update(&h, buffer, (size_t)n);
    at += n;
  }
  free(buffer);
  glia_sha256_hex(&h, out);
  return GLIA_OK;
}

glia_status glia_seal_write_(int fd, const char *path)
{
  char sum[65];
  char seal[SEAL_BYTES + 1];
  struct stat s;

  GLIA_CHECK(fstat(fd, &s) == 0, GLIA_E_IO, "cannot read %s: %s", path, strerror(errno));
  GLIA_TRY(hash(fd, path, s.st_size, sum));
  snprintf(seal, sizeof seal, SEAL_WORD "%s\n", sum);
  errno = ENOSPC; /* what a short write means */
  GLIA_CHECK(pwrite(fd, seal, SEAL_BYTES, s.st_size) == SEAL_BYTES, GLIA_E_IO,
             "cannot write %s: %s", path, strerror(errno));
  return GLIA_OK;
}

static glia_status check(int fd, const char *path, bool *sealed)
{
  char sum[65];
  char seal[SEAL_BYTES] = {0};
  struct stat s;

  GLIA_CHECK(fstat(fd, &s) == 0, GLIA_E_IO, "cannot read %s: %s", path, strerror(errno));
  GLIA_CHECK(S_ISREG(s.st_mode), GLIA_E_IO, "%s is not a regular file", path);
  if (s.st_size < SEAL_BYTES) return GLIA_OK;
  GLIA_CHECK(pread(fd, seal, SEAL_BYTES, s.st_size - SEAL_BYTES) == SEAL_BYTES, GLIA_E_IO,
             "cannot read %s", path);
  *sealed = memcmp(seal, SEAL_WORD, WORD_BYTES) == 0 && seal[SEAL_BYTES - 1] == '\n';
  if (!*sealed) return GLIA_OK;
  GLIA_TRY(hash(fd, path, s.st_size - SEAL_BYTES, sum));
  GLIA_CHECK(memcmp(sum, seal + WORD_BYTES, 64) == 0, GLIA_E_DATA,
             "%s is damaged: its SHA-256 is not the one it names", path);
  return GLIA_OK;
}

glia_status glia_seal_check_(const char *path, bool *sealed)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC);

  *sealed = false;
  GLIA_CHECK(fd >= 0, errno == ENOENT || errno == ENOTDIR ? GLIA_E_MISSING : GLIA_E_IO, "%s: %s",
             path, strerror(errno));
  const glia_status st = check(fd, path, sealed);
  close(fd);
  return st;
}
