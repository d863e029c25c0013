/* The Prometheus text of any exporter; see glia_scrape.h. */
#include "glia_scrape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 64, FIRST_SERIES = 256 };

/* The family that the last # TYPE line named. */
struct family {
  const char *name;
  size_t n;
  glia_metric_kind kind;
  bool known, summary;
};

static bool starts(const char *at, const char *end, const char *text)
{
  const size_t n = strlen(text);

  return (size_t)(end - at) >= n && memcmp(at, text, n) == 0;
}

static bool ends(const char *name, size_t n, const char *text)
{
  const size_t m = strlen(text);

  return n > m && memcmp(name + n - m, text, m) == 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static const char *skip_blanks(const char *at, const char *end)
{
  while (at < end && is_blank(*at)) at++;
  return at;
}

/* "# TYPE name counter"; blanks are spaces or tabs, and as many as there are */
static void read_type(const char *at, const char *end, struct family *f)
{
  const char *const mark = skip_blanks(at + 1, end);
  const char *const word = skip_blanks(mark + (end - mark < 4 ? end - mark : 4), end);

  if (mark == at + 1 || !starts(mark, end, "TYPE") || word == mark + 4 || word == end) return;
  for (at = word; at < end && !is_blank(*at);) at++;
  *f = (struct family){.name = word, .n = (size_t)(at - word)};
  at = skip_blanks(at, end);
  f->summary = starts(at, end, "summary");
  f->known = f->summary || starts(at, end, "counter") || starts(at, end, "histogram") ||
             starts(at, end, "gauge");
  f->kind = starts(at, end, "gauge") ? GLIA_METRIC_GAUGE : GLIA_METRIC_COUNTER;
}

/* node_exporter calls these untyped; they count. */
static bool counts_untyped(const char *name, size_t n)
{
  const char *const end = name + n;

  return starts(name, end, "node_vmstat_") ||
         (starts(name, end, "node_netstat_") && !ends(name, n, "_CurrEstab"));
}

static glia_metric_kind kind_of(const char *name, size_t n, const struct family *f)
{
  /* a summary's quantiles have its own name and rise and fall; its sum and count have an end */
  if (f->known && n == f->n && memcmp(name, f->name, n) == 0)
    return f->summary ? GLIA_METRIC_GAUGE : f->kind;
  if (ends(name, n, "_total") || ends(name, n, "_count") || ends(name, n, "_sum") ||
      ends(name, n, "_bucket") || counts_untyped(name, n))
    return GLIA_METRIC_COUNTER;
  return GLIA_METRIC_GAUGE;
}

/* Behind the closing brace of labels; NULL: it does not close. Quoted text may hold braces and escaped quotes. */
static const char *skip_labels(const char *at, const char *end)
{
  bool quoted = false;

  for (at++; at < end; at++) {
    if (*at == '\\' && quoted)
      at++;
    else if (*at == '"')
      quoted = !quoted;
    else if (*at == '}' && !quoted)
      return at + 1;
  }
  return NULL;
}

static bool read_value(const char *at, const char *end, double *out)
{
  char text[NUMBER_BYTES];
  char *stop = NULL;

  at = skip_blanks(at, end);
  const char *behind = at; /* a time stamp may follow */
  while (behind < end && !is_blank(*behind)) behind++;
  const size_t n = (size_t)(behind - at);
  if (n == 0 || n >= sizeof text) return false;
  memcpy(text, at, n);
  text[n] = '\0';
  *out = strtod(text, &stop);
  return *stop == '\0';
}

static bool name_start(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

static bool read_sample(const char *at, const char *end, const struct family *f,
                        struct glia_scrape_series *out)
{
  const char *p = at;

  if (!name_start(*at)) return false;
  while (p < end && (name_start(*p) || (*p >= '0' && *p <= '9'))) p++;
  const size_t family = (size_t)(p - at);
  if (p < end && *p == '{') p = skip_labels(p, end);
  if (p == NULL || p == end || !is_blank(*p) || p - at >= GLIA_SCRAPE_NAME_BYTES) return false;
  out->name = at;
  out->n = (size_t)(p - at);
  out->kind = kind_of(at, family, f);
  return memchr(at, '\0', out->n) == NULL && memchr(at, '\t', out->n) == NULL &&
         read_value(p, end, &out->value);
}

static glia_status add(struct glia_scrape *s, const struct glia_scrape_series *one)
{
  GLIA_CHECK(s->n < GLIA_SCRAPE_SERIES_MAX, GLIA_E_DATA, "more than %d series",
             GLIA_SCRAPE_SERIES_MAX);
  if (s->n == s->capacity) {
    const int64_t more = s->capacity > 0 ? 2 * s->capacity : FIRST_SERIES;
    struct glia_scrape_series *larger = realloc(s->series, (size_t)more * sizeof *larger);
    GLIA_CHECK(larger != NULL, GLIA_E_MEMORY, "%lld series", (long long)more);
    s->series = larger;
    s->capacity = more;
  }
  s->series[s->n++] = *one;
  return GLIA_OK;
}

static glia_status read_lines(const char *text, size_t size, struct glia_scrape *out)
{
  const char *const end = text + size;
  struct family family = {0};
  struct glia_scrape_series one;

  while (text < end) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    const char *stop = newline != NULL ? newline : end;
    if (stop > text && stop[-1] == '\r') stop--;
    if (stop > text && *text == '#')
      read_type(text, stop, &family);
    else if (stop > text && read_sample(text, stop, &family, &one))
      GLIA_TRY(add(out, &one));
    else
      out->malformed += stop > text;
    text = newline != NULL ? newline + 1 : end;
  }
  GLIA_CHECK(out->n > 0, GLIA_E_DATA, "%zu bytes and no metric in them", size);
  return GLIA_OK;
}

glia_status glia_scrape_read(const char *text, size_t size, struct glia_scrape *out)
{
  *out = (struct glia_scrape){0};
  const glia_status st = read_lines(text, size, out);
  if (st != GLIA_OK) glia_scrape_free(out);
  return st;
}

void glia_scrape_free(struct glia_scrape *scrape)
{
  free(scrape->series);
  *scrape = (struct glia_scrape){0};
}
