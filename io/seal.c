/* Seals at the end of files. */
#include "seal_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLE_WORD "\nglia-parts "
enum {
  WORD_BYTES = sizeof "\nglia-sha256 " - 1, /* of each kind */
  SUM_MAX = 64,
  NUMBER_BYTES = 20,
  HEAD_BYTES = sizeof TABLE_WORD - 1 + NUMBER_BYTES + 1,
  SEAL_MAX = WORD_BYTES + SUM_MAX + 1 + NUMBER_BYTES + 1,
  PARTS_MAX = 1 << 20,
  BUFFER_BYTES = 1 << 18
};

/* The kinds of seals there are. */
struct kind {
  const char *word;
  glia_sum_kind sum;
  bool parts; /* has a table of them */
};
static const struct kind plain = {"\nglia-sha256 ", GLIA_SUM_SHA256, false};
static const struct kind parts = {"\nglia-xxh128 ", GLIA_SUM_XXH3, true};
static const struct kind old_parts = {"\nglia-sealed ", GLIA_SUM_SHA256, true};

static size_t seal_bytes(const struct kind *k)
{
  return WORD_BYTES + (size_t)glia_sum_digits_(k->sum) + (k->parts ? 1 + NUMBER_BYTES : 0) + 1;
}

/* Of a line in the table. */
static size_t row_bytes(const struct kind *k)
{
  return 2 * (NUMBER_BYTES + 1) + (size_t)glia_sum_digits_(k->sum) + 1;
}

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

/* Add bytes [from, to) of a file to a sum. */
static glia_status add(int fd, const char *path, off_t from, off_t to, struct glia_sum *sum)
{
  if (from >= to) return GLIA_OK;
  char *buffer = malloc(BUFFER_BYTES);
  glia_status st = GLIA_OK;

  GLIA_CHECK(buffer != NULL, GLIA_E_MEMORY, "%s", path);
  while (from < to && st == GLIA_OK) {
    const size_t want = to - from < BUFFER_BYTES ? (size_t)(to - from) : (size_t)BUFFER_BYTES;
    st = read_at(fd, path, buffer, want, from);
    if (st == GLIA_OK) glia_sum_add_(sum, buffer, want);
    from += (off_t)want;
  }
  free(buffer);
  return st;
}

/* Sum of bytes [from, to) of a file. */
static glia_status sum_of(int fd, const char *path, off_t from, off_t to, glia_sum_kind kind,
                          char out[GLIA_SUM_TEXT_BYTES])
{
  struct glia_sum sum;

  glia_sum_init_(&sum, kind);
  GLIA_TRY(add(fd, path, from, to, &sum));
  glia_sum_text_(&sum, out);
  return GLIA_OK;
}

/* Sum of what precedes `end` and is in no part; the parts are in order. */
static glia_status sum_between(int fd, const char *path, off_t end, int n,
                               const struct glia_seal_part *part, glia_sum_kind kind,
                               char out[GLIA_SUM_TEXT_BYTES])
{
  struct glia_sum sum;
  off_t at = 0;

  glia_sum_init_(&sum, kind);
  for (int i = 0; i < n; i++) {
    GLIA_TRY(add(fd, path, at, part[i].offset, &sum));
    at = part[i].offset + part[i].bytes;
  }
  GLIA_TRY(add(fd, path, at, end, &sum));
  glia_sum_text_(&sum, out);
  return GLIA_OK;
}

glia_status glia_seal_write_(int fd, const char *path)
{
  char sum[GLIA_SUM_TEXT_BYTES];
  char seal[SEAL_MAX + 1];
  struct stat s;

  GLIA_CHECK(fstat(fd, &s) == 0, GLIA_E_IO, "cannot read %s: %s", path, strerror(errno));
  GLIA_TRY(sum_of(fd, path, 0, s.st_size, plain.sum, sum));
  snprintf(seal, sizeof seal, "%s%s\n", plain.word, sum);
  return write_at(fd, path, seal, seal_bytes(&plain), s.st_size);
}

static int by_offset(const void *a, const void *b)
{
  const struct glia_seal_part *x = a;
  const struct glia_seal_part *y = b;

  return (x->offset > y->offset) - (x->offset < y->offset);
}

glia_status glia_seal_parts_write_(int fd, const char *path, int n, struct glia_seal_part *part)
{
  const size_t row = row_bytes(&parts);
  const size_t bytes = (size_t)HEAD_BYTES + (size_t)n * row;
  char *table = malloc(bytes + 1);
  char seal[SEAL_MAX + 1];
  char sum[GLIA_SUM_TEXT_BYTES];
  struct stat s;
  glia_status st = GLIA_OK;

  GLIA_CHECK(table != NULL, GLIA_E_MEMORY, "%s: a table of %d parts", path, n);
  if (n > 1) qsort(part, (size_t)n, sizeof *part, by_offset);
  GLIA_CHECK_TO(out, st, fstat(fd, &s) == 0, GLIA_E_IO, "cannot read %s: %s", path,
                strerror(errno));
  snprintf(table, bytes + 1, TABLE_WORD "%020d\n", n);
  for (int i = 0; i < n; i++)
    snprintf(table + HEAD_BYTES + (size_t)i * row, row + 1, "%020" PRId64 " %020" PRId64 " %s\n",
             part[i].offset, part[i].bytes, part[i].sum);
  GLIA_TRY_TO(out, st, write_at(fd, path, table, bytes, s.st_size));
  GLIA_TRY_TO(out, st, sum_between(fd, path, s.st_size + (off_t)bytes, n, part, parts.sum, sum));
  snprintf(seal, sizeof seal, "%s%s %020" PRId64 "\n", parts.word, sum, (int64_t)s.st_size);
  GLIA_TRY_TO(out, st, write_at(fd, path, seal, seal_bytes(&parts), s.st_size + (off_t)bytes));
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
static bool read_rows(const struct kind *k, const char *text, int n, int64_t before,
                      struct glia_seal_part *part)
{
  const size_t row = row_bytes(k), digits = (size_t)glia_sum_digits_(k->sum);
  int64_t at = 0;

  for (int i = 0; i < n; i++, text += row) {
    if (!number(text, ' ', &part[i].offset) ||
        !number(text + NUMBER_BYTES + 1, ' ', &part[i].bytes) || text[row - 1] != '\n')
      return false;
    memcpy(part[i].sum, text + 2 * (NUMBER_BYTES + 1), digits);
    part[i].sum[digits] = '\0';
    if (part[i].offset < at || part[i].bytes > before - part[i].offset) return false;
    at = part[i].offset + part[i].bytes;
  }
  return true;
}

static glia_status check_sums(int fd, const char *path, const struct kind *k, off_t end,
                              const char *expected, int n, const struct glia_seal_part *part)
{
  char sum[GLIA_SUM_TEXT_BYTES];

  GLIA_TRY(sum_between(fd, path, end, n, part, k->sum, sum));
  GLIA_CHECK(memcmp(sum, expected, strlen(sum)) == 0, GLIA_E_DATA,
             "%s is damaged: its checksum is not the one it names", path);
  for (int i = 0; i < n; i++) {
    GLIA_TRY(sum_of(fd, path, part[i].offset, part[i].offset + part[i].bytes, k->sum, sum));
    GLIA_CHECK(strcmp(sum, part[i].sum) == 0, GLIA_E_DATA,
               "%s is damaged: the checksum of its bytes from %" PRId64 " to %" PRId64
               " is not the one it names",
               path, part[i].offset, part[i].offset + part[i].bytes);
  }
  return GLIA_OK;
}

/* seal: the last line; end: where it begins. */
static glia_status check_parts(int fd, const char *path, const struct kind *k, const char *seal,
                               off_t end)
{
  const char *expected = seal + WORD_BYTES;
  const char *behind = expected + glia_sum_digits_(k->sum);
  const int64_t row = (int64_t)row_bytes(k);
  int64_t table_at = 0;
  struct glia_seal_part *part = NULL;
  char *table = NULL;
  glia_status st = GLIA_OK;

  if (*behind != ' ' || !number(behind + 1, '\n', &table_at) || table_at > end - HEAD_BYTES)
    return GLIA_FAIL(GLIA_E_DATA, "%s is damaged: its last line", path);
  const int64_t n = (end - table_at - HEAD_BYTES) / row;
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
                    (int64_t)bytes == HEAD_BYTES + n * row &&
                    read_rows(k, table + HEAD_BYTES, (int)n, table_at, part),
                GLIA_E_DATA, "%s is damaged: its table of parts", path);
  st = check_sums(fd, path, k, end, expected, (int)n, part);
out:
  free(table);
  free(part);
  return st;
}

static glia_status check_plain(int fd, const char *path, const char *seal, off_t end)
{
  char sum[GLIA_SUM_TEXT_BYTES];

  GLIA_TRY(sum_of(fd, path, 0, end, plain.sum, sum));
  GLIA_CHECK(memcmp(sum, seal + WORD_BYTES, strlen(sum)) == 0 &&
                 seal[seal_bytes(&plain) - 1] == '\n',
             GLIA_E_DATA, "%s is damaged: its checksum is not the one it names", path);
  return GLIA_OK;
}

static glia_status check(int fd, const char *path, bool *sealed)
{
  static const struct kind *const kinds[] = {&parts, &old_parts, &plain};
  char seal[SEAL_MAX];
  struct stat s;

  GLIA_CHECK(fstat(fd, &s) == 0, GLIA_E_IO, "cannot read %s: %s", path, strerror(errno));
  GLIA_CHECK(S_ISREG(s.st_mode), GLIA_E_IO, "%s is not a regular file", path);
  for (size_t i = 0; i < GLIA_COUNT(kinds); i++) {
    const size_t bytes = seal_bytes(kinds[i]);
    const off_t end = s.st_size - (off_t)bytes;
    if (end < 0) continue;
    GLIA_TRY(read_at(fd, path, seal, bytes, end));
    *sealed = memcmp(seal, kinds[i]->word, WORD_BYTES) == 0;
    if (!*sealed) continue;
    return kinds[i]->parts ? check_parts(fd, path, kinds[i], seal, end)
                           : check_plain(fd, path, seal, end);
  }
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
