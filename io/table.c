/* Tables as text. */
#include "table_priv.h"

#include "glia_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CELLS_MAX = 1 << 20, ROW_BYTES_MAX = 1 << 26 };

#define AT(t) glia_stream_path_((t)->stream), (t)->line

static glia_status push_byte(struct glia_table *t, int c)
{
  if (t->text_used == t->text_size) {
    GLIA_CHECK(t->text_size < ROW_BYTES_MAX, GLIA_E_DATA,
               "%s:%" PRId64 ": a row of more than %d bytes", AT(t), (int)ROW_BYTES_MAX);
    char *more = realloc(t->text, t->text_size * 2 + 256);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "a row of %zu bytes", t->text_size);
    t->text = more;
    t->text_size = t->text_size * 2 + 256;
  }
  t->text[t->text_used++] = (char)c;
  return GLIA_OK;
}

/* The next line that holds anything; a quoted cell may hold newlines. */
static glia_status read_line(struct glia_table *t, bool *end)
{
  glia_status st = GLIA_OK;
  bool quoted = false;
  bool blank = true;

  t->text_used = 0;
  t->line = t->next_line;
  *end = false;
  for (;;) {
    const int c = glia_stream_get_(t->stream, &st);
    GLIA_TRY(st);
    t->next_line += c == '\n';
    if (c < 0 || (c == '\n' && !quoted)) {
      GLIA_CHECK(!quoted, GLIA_E_DATA, "%s:%" PRId64 ": a quote is not closed", AT(t));
      if (!blank) return push_byte(t, '\0');
      if (c < 0) break;
      t->text_used = 0;
      t->line = t->next_line;
      continue;
    }
    GLIA_CHECK(c != '\0', GLIA_E_DATA, "%s:%" PRId64 ": a zero byte: not text", AT(t));
    quoted ^= c == '"';
    blank &= c == ' ' || c == '\t' || c == '\r';
    GLIA_TRY(push_byte(t, c));
  }
  *end = true;
  return GLIA_OK;
}

/* What separates the cells of this line: the first of tab, comma, semicolon that stands outside quotes, else blanks. */
static int find_separator(const char *text)
{
  static const char candidates[] = "\t,;";

  for (const char *c = candidates; *c != '\0'; c++) {
    bool quoted = false;
    for (const char *p = text; *p != '\0'; p++) {
      quoted ^= *p == '"';
      if (*p == *c && !quoted) return *c;
    }
  }
  return ' ';
}

static bool is_blank(const struct glia_table *t, char c)
{
  return c == ' ' || c == '\r' || (c == '\t' && t->separator != '\t');
}

/* Take the cell at *p out of its quotes, in place; *p moves behind it. */
static glia_status unquote(struct glia_table *t, char **p, char **cell)
{
  char *from = *p + 1;
  char *to = from;

  *cell = to;
  while (*from != '"' || from[1] == '"') {
    /* a quote inside an earlier cell may have closed this one for read_line */
    GLIA_CHECK(*from != '\0', GLIA_E_DATA, "%s:%" PRId64 ": a quote is not closed", AT(t));
    from += *from == '"';
    *to++ = *from++;
  }
  *p = from + 1;
  *to = '\0';
  while (is_blank(t, **p)) (*p)++;
  GLIA_CHECK(**p == '\0' || **p == t->separator || t->separator == ' ', GLIA_E_DATA,
             "%s:%" PRId64 ": text after a closing quote", AT(t));
  return GLIA_OK;
}

static glia_status split(struct glia_table *t)
{
  char *p = t->text;

  t->n = 0;
  for (;;) {
    while (is_blank(t, *p)) p++;
    if (t->separator == ' ' && *p == '\0') return GLIA_OK; /* blanks at the end promise nothing */
    if (t->n == t->cells_max) {
      GLIA_CHECK(t->n < CELLS_MAX, GLIA_E_DATA, "%s:%" PRId64 ": more than %d cells", AT(t),
                 (int)CELLS_MAX);
      char **more = realloc(t->cell, (size_t)(t->cells_max * 2 + 16) * sizeof *more);
      GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "a row of %d cells", t->n);
      t->cell = more;
      t->cells_max = t->cells_max * 2 + 16;
    }
    char **cell = &t->cell[t->n++];
    if (*p == '"') {
      GLIA_TRY(unquote(t, &p, cell));
    } else {
      *cell = p;
      while (*p != '\0' && (t->separator == ' ' ? !is_blank(t, *p) : *p != t->separator)) p++;
    }
    const char stop = *p;
    if (**cell != '\0' && *cell < p)
      for (char *e = p; e > *cell && is_blank(t, e[-1]); e--) e[-1] = '\0';
    *p = '\0';
    if (stop == '\0') return GLIA_OK;
    p++;
  }
}

bool glia_table_number_(const char *cell, double *out)
{
  static const char *const missing[] = {"", "?", "NA", "N/A", "NaN", "null"};
  char *end = NULL;

  for (size_t i = 0; i < GLIA_COUNT(missing); i++)
    if (strcasecmp(cell, missing[i]) == 0) {
      *out = NAN;
      return true;
    }
  *out = strtod(cell, &end);
  return *end == '\0' && strpbrk(cell, "xXpP(") == NULL; /* no hexadecimal, no nan(...) */
}

static glia_status keep_names(struct glia_table *t, bool header)
{
  GLIA_CHECK(t->n > 0, GLIA_E_DATA, "no columns");
  t->name = calloc((size_t)t->n, sizeof *t->name);
  GLIA_CHECK(t->name != NULL, GLIA_E_MEMORY, "%d columns", t->n);
  t->n_columns = t->n;
  for (int i = 0; i < t->n; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i + 1);
    t->name[i] = strdup(header && t->cell[i][0] != '\0' ? t->cell[i] : number);
    GLIA_CHECK(t->name[i] != NULL, GLIA_E_MEMORY, "%d columns", t->n);
  }
  return GLIA_OK;
}

static glia_status read_first(struct glia_table *t, glia_header header)
{
  bool end = false;
  double v = 0.0;

  GLIA_TRY(read_line(t, &end));
  GLIA_CHECK(!end, GLIA_E_DATA, "%s is empty", glia_stream_path_(t->stream));
  if (memcmp(t->text, "\xef\xbb\xbf", 3) == 0) memmove(t->text, t->text + 3, t->text_used - 3);
  t->separator = find_separator(t->text);
  GLIA_TRY(split(t));
  if (header == GLIA_HEADER_AUTO) {
    header = GLIA_HEADER_YES;
    for (int i = 0; i < t->n; i++)
      if (t->cell[i][0] != '\0' && glia_table_number_(t->cell[i], &v)) header = GLIA_HEADER_NO;
  }
  t->pending = header == GLIA_HEADER_NO;
  return keep_names(t, header == GLIA_HEADER_YES);
}

glia_status glia_table_open_(const char *path, glia_header header, struct glia_progress *progress,
                             struct glia_table **out)
{
  struct glia_table *t = calloc(1, sizeof *t);
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(t != NULL, GLIA_E_MEMORY, "%s", path);
  t->next_line = 1;
  GLIA_TRY_TO(fail, st, glia_stream_open_(path, progress, &t->stream));
  GLIA_TRY_TO(fail, st, read_first(t, header));
  *out = t;
  return GLIA_OK;
fail:
  glia_table_close_(&t);
  return st;
}

void glia_table_close_(struct glia_table **t)
{
  if (t == NULL || *t == NULL) return;
  for (int i = 0; i < (*t)->n_columns; i++) free((*t)->name[i]);
  free((*t)->name);
  free((*t)->cell);
  free((*t)->text);
  glia_stream_close_(&(*t)->stream);
  free(*t);
  *t = NULL;
}

glia_status glia_table_next_(struct glia_table *t, bool *end)
{
  *end = false;
  if (t->pending) {
    t->pending = false;
    return GLIA_OK;
  }
  GLIA_TRY(read_line(t, end));
  if (*end) return GLIA_OK;
  GLIA_TRY(split(t));
  GLIA_CHECK(t->n == t->n_columns, GLIA_E_DATA, "%s:%" PRId64 ": %d cells, the first row has %d",
             AT(t), t->n, t->n_columns);
  return GLIA_OK;
}

int glia_table_column_(const struct glia_table *t, const char *name)
{
  int64_t number = 0;

  for (int i = 0; i < t->n_columns; i++)
    if (strcmp(t->name[i], name) == 0) return i;
  return glia_parse_int(name, &number) && number >= 1 && number <= t->n_columns ? (int)number - 1
                                                                                : -1;
}
