/* Seals at the end of files. */
#include "seal_priv.h"

#include "glia_sha256.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEAL_WORD  "\nglia-sha256 "
#define PARTS_WORD "\nglia-sealed " /* as long as the other */
#define TABLE_WORD "\nglia-parts "
enum {
  WORD_BYTES = sizeof SEAL_WORD - 1,
  HEX_BYTES = 64,
  NUMBER_BYTES = 20,
  SEAL_BYTES = WORD_BYTES + HEX_BYTES + 1,
  PARTS_SEAL_BYTES = WORD_BYTES + HEX_BYTES + 1 + NUMBER_BYTES + 1,
  ROW_BYTES = 2 * (NUMBER_BYTES + 1) + HEX_BYTES + 1,
  HEAD_BYTES = sizeof TABLE_WORD - 1 + NUMBER_BYTES + 1,
  PARTS_MAX = 1 << 20,
  BUFFER_BYTES = 1 << 18
};
static_assert(sizeof SEAL_WORD == sizeof PARTS_WORD, "one length for both words");

static glia_status read_at(int fd, const char *path, void *out, size_t bytes, off_t at)
{
  char *to = out;

  while (bytes > 0) {
    const ssize_t n = pread(fd, to, bytes, at);
    if (n < 0 && errno == EINTR) continue;
    GLIA_CHECK(n > 0, GLIA_E_IO, "cannot read %s: %s", path,
               n < 0 ? strerror(errno) : "it became shorter");
    to += n;
    at += n;
    bytes -= (size_t)n;
  }
  return GLIA_OK;
}

static glia_status write_at(int fd, const char *path, const void *data, size_t bytes, off_t at)
{
  const char *from = data;

  while (bytes > 0) {
    errno = ENOSPC; /* what a short write means */
    const ssize_t n = pwrite(fd, from, bytes, at);
    if (n < 0 && errno == EINTR) continue;
    GLIA_CHECK(n > 0, GLIA_E_IO, "cannot write %s: %s", path, strerror(errno));
    from += n;
    at += n;
    bytes -= (size_t)n;
  }
  return GLIA_OK;
}

/* Add bytes [from, to) of a file to a hash. */
static glia_status add(int fd, const char *path, off_t from, off_t to, struct glia_sha256 *h)
{
  if (from >= to) return GLIA_OK;
  char *buffer = malloc(BUFFER_BYTES);
  glia_status st = GLIA_OK;

  GLIA_CHECK(buffer != NULL, GLIA_E_MEMORY, "%s", path);
  while (from < to && st == GLIA_OK) {
    const size_t want = to - from < BUFFER_BYTES ? (size_t)(to - from) : (size_t)BUFFER_BYTES;
    st = read_at(fd, path, buffer, want, from);
    if (st == GLIA_OK) glia_sha256_update(h, buffer, want);
    from += (off_t)want;
  }
  free(buffer);
  return st;
}

/* Hash of bytes [from, to) of a file. */
static glia_status hash(int fd, const char *path, off_t from, off_t to, char out[65])
{
  struct glia_sha256 h;

  glia_sha256_init(&h);
  GLIA_TRY(add(fd, path, from, to, &h));
  glia_sha256_hex(&h, out);
  return GLIA_OK;
}

/* Hash of what precedes `end` and is in no part; the parts are in order. */
static glia_status hash_between(int fd, const char *path, off_t end, int n,
                                const struct glia_seal_part *part, char out[65])
{
  struct glia_sha256 h;
  off_t at = 0;

  glia_sha256_init(&h);
  for (int i = 0; i < n; i++) {
    GLIA_TRY(add(fd, path, at, part[i].offset, &h));
    at = part[i].offset + part[i].bytes;
  }
  GLIA_TRY(add(fd, path, at, end, &h));
  glia_sha256_hex(&h, out);
  return GLIA_OK;
}

glia_status glia_seal_write_(int fd, const char *path)
{
  char sum[65];
  char seal[SEAL_BYTES + 1];
  struct stat s;

  GLIA_CHECK(fstat(fd, &s) == 0, GLIA_E_IO, "cannot read %s: %s", path, strerror(errno));
  GLIA_TRY(hash(fd, path, 0, s.st_size, sum));
  snprintf(seal, sizeof seal, SEAL_WORD "%s\n", sum);
  return write_at(fd, path, seal, SEAL_BYTES, s.st_size);
}

static int by_offset(const void *a, const void *b)
{
  const struct glia_seal_part *x = a;
  const struct glia_seal_part *y = b;

  return (x->offset > y->offset) - (x->offset < y->offset);
}

glia_status glia_seal_parts_write_(int fd, const char *path, int n, struct glia_seal_part *part)
{
  const size_t bytes = (size_t)HEAD_BYTES + (size_t)n * ROW_BYTES;
  char *table = malloc(bytes + 1);
  char seal[PARTS_SEAL_BYTES + 1];
  char sum[65];
  struct stat s;
  glia_status st = GLIA_OK;

  GLIA_CHECK(table != NULL, GLIA_E_MEMORY, "%s: a table of %d parts", path, n);
  if (n > 1) qsort(part, (size_t)n, sizeof *part, by_offset);
  GLIA_CHECK_TO(out, st, fstat(fd, &s) == 0, GLIA_E_IO, "cannot read %s: %s", path,
                strerror(errno));
  snprintf(table, bytes + 1, TABLE_WORD "%020d\n", n);
  for (int i = 0; i < n; i++)
    snprintf(table + HEAD_BYTES + (size_t)i * ROW_BYTES, ROW_BYTES + 1,
             "%020" PRId64 " %020" PRId64 " %s\n", part[i].offset, part[i].bytes, part[i].sha256);
  GLIA_TRY_TO(out, st, write_at(fd, path, table, bytes, s.st_size));
  GLIA_TRY_TO(out, st, hash_between(fd, path, s.st_size + (off_t)bytes, n, part, sum));
  snprintf(seal, sizeof seal, PARTS_WORD "%s %020" PRId64 "\n", sum, (int64_t)s.st_size);
  GLIA_TRY_TO(out, st, write_at(fd, path, seal, PARTS_SEAL_BYTES, s.st_size + (off_t)bytes));
out:
  free(table);
  return st;
}

/* A number of exactly 20 digits, that ends with `end`. */
static bool number(const char *text, char end, int64_t *out)
{
  *out = 0;
  for (int i = 0; i < NUMBER_BYTES; i++) {
    if (text[i] < '0' || text[i] > '9' || *out > INT64_MAX / 16) return false;
    *out = 10 * *out + (text[i] - '0');
  }
  return text[NUMBER_BYTES] == end;
}

/* Rows of the table; they are in order, apart, and before it. */
static bool read_rows(const char *text, int n, int64_t before, struct glia_seal_part *part)
{
  int64_t at = 0;

  for (int i = 0; i < n; i++, text += ROW_BYTES) {
    if (!number(text, ' ', &part[i].offset) ||
        !number(text + NUMBER_BYTES + 1, ' ', &part[i].bytes) || text[ROW_BYTES - 1] != '\n')
      return false;
    memcpy(part[i].sha256, text + 2 * (NUMBER_BYTES + 1), HEX_BYTES);
    part[i].sha256[HEX_BYTES] = '\0';
    if (part[i].offset < at || part[i].bytes > before - part[i].offset) return false;
    at = part[i].offset + part[i].bytes;
  }
  return true;
}

static glia_status check_sums(int fd, const char *path, off_t end, const char *expected, int n,
                              const struct glia_seal_part *part)
{
  char sum[65];

  GLIA_TRY(hash_between(fd, path, end, n, part, sum));
  GLIA_CHECK(memcmp(sum, expected, HEX_BYTES) == 0, GLIA_E_DATA,
             "%s is damaged: its SHA-256 is not the one it names", path);
  for (int i = 0; i < n; i++) {
    GLIA_TRY(hash(fd, path, part[i].offset, part[i].offset + part[i].bytes, sum));
    GLIA_CHECK(strcmp(sum, part[i].sha256) == 0, GLIA_E_DATA,
               "%s is damaged: the SHA-256 of its bytes from %" PRId64 " to %" PRId64
               " is not the one it names",
               path, part[i].offset, part[i].offset + part[i].bytes);
  }
  return GLIA_OK;
}

/* seal: the last line; end: where it begins. */
static glia_status check_parts(int fd, const char *path, const char *seal, off_t end)
{
  int64_t table_at = 0;
  struct glia_seal_part *part = NULL;
  char *table = NULL;
  glia_status st = GLIA_OK;

  if (seal[WORD_BYTES + HEX_BYTES] != ' ' ||
      !number(seal + WORD_BYTES + HEX_BYTES + 1, '\n', &table_at) || table_at > end - HEAD_BYTES)
    return GLIA_FAIL(GLIA_E_DATA, "%s is damaged: its last line", path);
  const int64_t n = (end - table_at - HEAD_BYTES) / ROW_BYTES;
  int64_t n_named = -1;
  GLIA_CHECK(n < PARTS_MAX, GLIA_E_DATA, "%s is damaged: %" PRId64 " parts", path, n);
  const size_t bytes = (size_t)(end - table_at);
  table = malloc(bytes);
  part = calloc((size_t)n + 1, sizeof *part);
  GLIA_CHECK_TO(out, st, table != NULL && part != NULL, GLIA_E_MEMORY, "%s", path);
  GLIA_TRY_TO(out, st, read_at(fd, path, table, bytes, table_at));
  GLIA_CHECK_TO(out, st,
                memcmp(table, TABLE_WORD, sizeof TABLE_WORD - 1) == 0 &&
                    number(table + sizeof TABLE_WORD - 1, '\n', &n_named) && n_named == n &&
                    bytes == (size_t)HEAD_BYTES + (size_t)n * ROW_BYTES &&
                    read_rows(table + HEAD_BYTES, (int)n, table_at, part),
                GLIA_E_DATA, "%s is damaged: its table of parts", path);
  st = check_sums(fd, path, end, seal + WORD_BYTES, (int)n, part);
out:
  free(table);
  free(part);
  return st;
}

static glia_status check(int fd, const char *path, bool *sealed)
{
  char sum[65];
  char seal[PARTS_SEAL_BYTES] = {0};
  struct stat s;

  GLIA_CHECK(fstat(fd, &s) == 0, GLIA_E_IO, "cannot read %s: %s", path, strerror(errno));
  GLIA_CHECK(S_ISREG(s.st_mode), GLIA_E_IO, "%s is not a regular file", path);
  if (s.st_size >= PARTS_SEAL_BYTES) {
    const off_t end = s.st_size - PARTS_SEAL_BYTES;
    GLIA_TRY(read_at(fd, path, seal, PARTS_SEAL_BYTES, end));
    *sealed = memcmp(seal, PARTS_WORD, WORD_BYTES) == 0;
    if (*sealed) return check_parts(fd, path, seal, end);
  }
  if (s.st_size < SEAL_BYTES) return GLIA_OK;
  GLIA_TRY(read_at(fd, path, seal, SEAL_BYTES, s.st_size - SEAL_BYTES));
  *sealed = memcmp(seal, SEAL_WORD, WORD_BYTES) == 0 && seal[SEAL_BYTES - 1] == '\n';
  if (!*sealed) return GLIA_OK;
  GLIA_TRY(hash(fd, path, 0, s.st_size - SEAL_BYTES, sum));
  GLIA_CHECK(memcmp(sum, seal + WORD_BYTES, HEX_BYTES) == 0, GLIA_E_DATA,
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
