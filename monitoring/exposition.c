/* Metrics as text; see glia_exposition.h. */
#include "glia_exposition.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 4096, NUMBER_BYTES = 40 };

/* Room for `more` bytes and a closing 0. */
static bool reserve(struct glia_buffer *b, size_t more)
{
  size_t capacity = b->capacity > 0 ? b->capacity : FIRST_BYTES;

  if (b->failed) return false;
  while (capacity - b->n <= more) {
    if (capacity > SIZE_MAX / 4) return !(b->failed = true);
    capacity *= 2;
  }
  if (capacity == b->capacity) return true;
  char *larger = realloc(b->text, capacity);
  if (larger == NULL) return !(b->failed = true);
  b->text = larger;
  b->capacity = capacity;
  return true;
}

void glia_buffer_add(struct glia_buffer *b, const char *text, size_t n)
{
  if (!reserve(b, n)) return;
  memcpy(b->text + b->n, text, n);
  b->n += n;
  b->text[b->n] = '\0';
}

void glia_buffer_print(struct glia_buffer *b, const char *format, ...)
{
  va_list args;
  va_list again;

  va_start(args, format);
  va_copy(again, args);
  const int n = vsnprintf(NULL, 0, format, args);
  if (n >= 0 && reserve(b, (size_t)n)) {
    vsnprintf(b->text + b->n, (size_t)n + 1, format, again);
    b->n += (size_t)n;
  }
  va_end(again);
  va_end(args);
}

void glia_buffer_free(struct glia_buffer *b)
{
  free(b->text);
  *b = (struct glia_buffer){0};
}

static char *put_digits(char *end, uint64_t v)
{
  do *--end = (char)('0' + v % 10);
  while ((v /= 10) != 0);
  return end;
}

/* v as a whole number of 10^-places, written with a point: counters in ticks, milliseconds, microseconds. false: it is none. */
static bool put_decimal(struct glia_buffer *b, double v, int places, double scale)
{
  char text[NUMBER_BYTES];
  char *const end = text + sizeof text;
  const double shifted = nearbyint(fabs(v) * scale);

  if (!(shifted < 9e15) || shifted / scale != fabs(v)) return false;
  uint64_t whole = (uint64_t)shifted;
  while (places > 0 && whole % 10 == 0) whole /= 10, places--;
  char *at = put_digits(end, whole);
  while (end - at <= places) *--at = '0';
  if (places > 0) {
    const size_t before = (size_t)(end - at) - (size_t)places;
    memmove(at - 1, at, before);
    at--;
    at[before] = '.';
  }
  if (signbit(v)) *--at = '-';
  glia_buffer_add(b, at, (size_t)(end - at));
  return true;
}

void glia_buffer_number(struct glia_buffer *b, double v)
{
  char text[NUMBER_BYTES];

  if (isnan(v))
    glia_buffer_add(b, "NaN", 3);
  else if (isinf(v))
    glia_buffer_add(b, v > 0.0 ? "+Inf" : "-Inf", 4);
  else if (!put_decimal(b, v, 0, 1.0) && !put_decimal(b, v, 2, 1e2) && !put_decimal(b, v, 6, 1e6)) {
    const int n = snprintf(text, sizeof text, "%.17g", v);
    glia_buffer_add(b, text, (size_t)n);
  }
}

glia_exposition_format glia_exposition_accept(const char *accept)
{
  return accept != NULL && strstr(accept, "application/openmetrics-text") != NULL
             ? GLIA_EXPOSITION_OPENMETRICS
             : GLIA_EXPOSITION_PROMETHEUS;
}

const char *glia_exposition_type(glia_exposition_format format)
{
  return format == GLIA_EXPOSITION_OPENMETRICS
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

static size_t family_length(const char *name) { return strcspn(name, "{"); }

static bool same_family(const char *a, const char *b)
{
  const size_t n = family_length(a);

  return n == family_length(b) && memcmp(a, b, n) == 0;
}

struct place {
  const char *name;
  size_t family; /* length */
  int64_t at;
  int64_t first; /* of its family, among those served */
};

static int by_family(const void *left, const void *right)
{
  const struct place *a = left, *b = right;
  const size_t n = a->family < b->family ? a->family : b->family;
  const int c = memcmp(a->name, b->name, n);

  if (c != 0) return c;
  if (a->family != b->family) return a->family < b->family ? -1 : 1;
  return a->at < b->at ? -1 : 1;
}

static int by_place(const void *left, const void *right)
{
  const struct place *a = left, *b = right;

  if (a->first != b->first) return a->first < b->first ? -1 : 1;
  return a->at < b->at ? -1 : 1;
}

static bool per_cpu(const struct place *p) { return strstr(p->name + p->family, "cpu=\"") != NULL; }

/* One family, p [n]: those served are moved to kept; how many. A sum of which the parts are there is not. */
static int64_t keep_family(int64_t n, const struct place *p, struct place *kept)
{
  int64_t used = 0;
  bool parts = false;

  for (int64_t i = 0; i < n && !parts; i++) parts = per_cpu(&p[i]);
  for (int64_t i = 0; i < n; i++)
    if (!parts || per_cpu(&p[i])) kept[used++] = p[i];
  for (int64_t i = 0; i < used; i++) kept[i].first = kept[0].at;
  return used;
}

glia_status glia_exposition_order(int64_t n, const struct glia_metric *metric, int64_t *order,
                                  int64_t *n_served)
{
  struct place *p = malloc((size_t)(n + 1) * sizeof *p);
  int64_t used = 0;

  *n_served = 0;
  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "no memory to order %lld metrics", (long long)n);
  for (int64_t i = 0; i < n; i++)
    p[i] = (struct place){metric[i].name, family_length(metric[i].name), i, 0};
  qsort(p, (size_t)n, sizeof *p, by_family);
  for (int64_t i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && same_family(p[i].name, p[end].name); end++) continue;
    used += keep_family(end - i, p + i, p + used);
  }
  qsort(p, (size_t)used, sizeof *p, by_place);
  for (int64_t i = 0; i < used; i++) order[i] = p[i].at;
  *n_served = used;
  free(p);
  return GLIA_OK;
}

static bool ends_in_total(const char *name, size_t n)
{
  return n > 6 && memcmp(name + n - 6, "_total", 6) == 0;
}

static void add_head(struct glia_buffer *b, glia_exposition_format format,
                     const struct glia_metric *m)
{
  const bool open = format == GLIA_EXPOSITION_OPENMETRICS;
  size_t n = family_length(m->name);
  const bool total = m->kind == GLIA_METRIC_COUNTER && ends_in_total(m->name, n);
  const char *type = m->kind == GLIA_METRIC_GAUGE ? "gauge"
                     : total                      ? "counter"
                     : open                       ? "unknown"
                                                  : "untyped";

  if (open && total) n -= 6; /* there the family is named without _total */
  glia_buffer_add(b, "# HELP ", 7);
  glia_buffer_add(b, m->name, n);
  glia_buffer_add(b, " ", 1);
  glia_buffer_add(b, m->help, strlen(m->help));
  glia_buffer_add(b, ".\n# TYPE ", 9);
  glia_buffer_add(b, m->name, n);
  glia_buffer_add(b, " ", 1);
  glia_buffer_add(b, type, strlen(type));
  glia_buffer_add(b, "\n", 1);
}

void glia_exposition_add(struct glia_buffer *b, glia_exposition_format format, int64_t n,
                         const struct glia_metric *metric, const int64_t *order,
                         const double *value)
{
  const char *family = "";

  for (int64_t k = 0; k < n; k++) {
    const int64_t i = order != NULL ? order[k] : k;
    const struct glia_metric *m = &metric[i];
    const double v = value[i];
    if (isnan(v)) continue;
    if (!same_family(family, m->name)) add_head(b, format, m);
    family = m->name;
    glia_buffer_add(b, m->name, strlen(m->name));
    glia_buffer_add(b, " ", 1);
    glia_buffer_number(b, v);
    glia_buffer_add(b, "\n", 1);
  }
}

void glia_exposition_end(struct glia_buffer *b, glia_exposition_format format)
{
  if (format == GLIA_EXPOSITION_OPENMETRICS) glia_buffer_add(b, "# EOF\n", 6);
}
