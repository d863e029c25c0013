/* Reading and taking apart the text files of /proc; see procfile.h.
 *
 * Descriptors stay open: reading costs half of opening and reading. stdio is not used, since after a rewind glibc may
 * serve its old buffer again.
 */
#include "procfile.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_BYTES = 4096, MOST_BYTES = 4 << 20, PATH_BYTES = 4096 };

static const char nothing[] = "";

/* A list (disks, interfaces) comes a page of the kernel's at a time, always whole records, and ends with a read of nothing. None of
 * its records is as long as half of the smallest page, so less than this in one read is all there is. */
enum { SURELY_ALL = 2048 };

/* Does the line that ends text[0 .. n) begin as the file's last one did? Then the read that would tell the end is saved. */
static bool at_last_line(const struct glia_procfile *f, size_t n)
{
  const size_t size = strlen(f->last);

  if (size == 0 || n == 0 || f->text[n - 1] != '\n') return false;
  const char *newline = memrchr(f->text, '\n', n - 1);
  const char *line = newline != NULL ? newline + 1 : f->text;
  return (size_t)(f->text + n - line) > size && memcmp(line, f->last, size) == 0;
}

/* Fill text[0 .. capacity) from the start of the file; how much came. */
static size_t fill(struct glia_procfile *f)
{
  size_t n = 0;

  f->whole = false;
  while (f->there && n < f->capacity) {
    const ssize_t got = pread(f->fd, f->text + n, f->capacity - n, (off_t)n);
    if (got <= 0) {
      f->whole = got == 0 && n > 0 && f->text[n - 1] == '\n';
      break;
    }
    n += (size_t)got;
    if (n == (size_t)got && (n < SURELY_ALL || f->single) &&
        n < f->capacity) { /* most second reads are saved */
      f->whole = f->text[n - 1] == '\n';
      break;
    }
    f->whole = at_last_line(f, n);
    if (f->whole) break;
  }
  return n;
}

glia_status glia_procfile_open_(struct glia_procfile *f, const char *root, const char *path)
{
  char full[PATH_BYTES];
  size_t used = 0;

  *f = (struct glia_procfile){0};
  const int n = snprintf(full, sizeof full, "%s/%s", root, path);
  if (n < 0 || (size_t)n >= sizeof full) return GLIA_OK; /* nothing has such a name */
  f->fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  f->there = f->fd >= 0;
  if (!f->there) return GLIA_OK;
  do {
    f->capacity = used > 0 ? 2 * f->capacity : FIRST_BYTES;
    char *larger = realloc(f->text, f->capacity);
    GLIA_CHECK(larger != NULL, GLIA_E_MEMORY, "no %zu bytes to read %s", f->capacity, full);
    f->text = larger;
    used = fill(f);
  } while (2 * used > f->capacity && f->capacity < MOST_BYTES);
  return GLIA_OK;
}

struct glia_span glia_procfile_read_(struct glia_procfile *f)
{
  size_t n = fill(f);

  while (n > 0 && f->text[n - 1] != '\n') n--;
  return n > 0 ? (struct glia_span){f->text, f->text + n} : (struct glia_span){nothing, nothing};
}

void glia_procfile_close_(struct glia_procfile *f)
{
  if (f->there) close(f->fd);
  free(f->text);
  free(f->index);
  *f = (struct glia_procfile){0};
}

bool glia_span_line_(struct glia_span *rest, struct glia_span *line)
{
  if (rest->at == rest->end) return false;
  const char *newline = memchr(rest->at, '\n', (size_t)(rest->end - rest->at));
  *line = (struct glia_span){rest->at, newline != NULL ? newline : rest->end};
  rest->at = newline != NULL ? newline + 1 : rest->end;
  return true;
}

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

struct glia_span glia_span_word_(struct glia_span *rest)
{
  const char *p = rest->at;

  while (p < rest->end && blank(*p)) p++;
  struct glia_span word = {p, p};
  while (p < rest->end && !blank(*p)) p++;
  word.end = p;
  rest->at = p;
  return word;
}

double glia_span_number_(struct glia_span *rest)
{
  const struct glia_span word = glia_span_word_(rest);
  uint64_t digits = 0;
  double below = 1.0; /* 10 to the number of digits behind the point */
  bool point = false;

  for (const char *p = word.at; p < word.end; p++) {
    if (*p == '.' && !point && p > word.at && p + 1 < word.end) {
      point = true;
      continue;
    }
    if (*p < '0' || *p > '9') return (double)GLIA_MISSING;
    const uint64_t digit = (uint64_t)(*p - '0');
    if (digits > (UINT64_MAX - digit) / 10) return (double)GLIA_MISSING;
    digits = 10 * digits + digit;
    if (point) below *= 10.0;
  }
  return word.at < word.end ? (double)digits / below : (double)GLIA_MISSING;
}

double glia_span_sum_(struct glia_span *rest)
{
  double sum = 0.0;
  int n = 0;

  for (double v = glia_span_number_(rest); !isnan(v); v = glia_span_number_(rest)) sum += v, n++;
  return n > 0 ? sum : (double)GLIA_MISSING;
}

bool glia_span_is_(struct glia_span word, const char *text)
{
  const char *p = word.at;

  while (p < word.end && *text != '\0' && *p == *text) p++, text++;
  return p == word.end && *text == '\0';
}

bool glia_span_starts_(struct glia_span word, const char *text)
{
  const size_t n = strlen(text);

  return (size_t)(word.end - word.at) >= n && memcmp(word.at, text, n) == 0;
}

bool glia_span_seek_(struct glia_span *rest, const char *text)
{
  const size_t n = strlen(text);

  for (struct glia_span tail = *rest; (size_t)(tail.end - tail.at) >= n; tail.at++) {
    if (memcmp(tail.at, text, n) != 0) continue;
    rest->at = tail.at + n;
    return true;
  }
  return false;
}

int glia_span_find_(struct glia_span word, const char *const *names, int n)
{
  for (int i = 0; i < n; i++)
    if (glia_span_is_(word, names[i])) return i;
  return -1;
}
