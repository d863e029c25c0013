/* Reports; see glia_report.h. The page's body grows in memory and is written in one go. */
#include "glia_report.h"

#include "figure_priv.h"
#include "glia_whole_file.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS_MAX ((size_t)1 << 20) /* bytes of CSV that a page carries */

struct glia_report {
  char *title;
  char *body;
  size_t size;
  FILE *f;  /* writes to body */
  int cols; /* of the open table, 0 = none */
  glia_status status;
  char why[512];
};

static void fail(struct glia_report *r, glia_status st, const char *why)
{
  if (r->status != GLIA_OK) return;
  r->status = st;
  snprintf(r->why, sizeof r->why, "%s", why);
}

glia_status glia_report_create(const char *title, struct glia_report **out)
{
  struct glia_report *r = calloc(1, sizeof *r);

  *out = NULL;
  GLIA_CHECK(r != NULL, GLIA_E_MEMORY, "no memory for a report");
  r->title = glia_text_clean_(title);
  r->f = open_memstream(&r->body, &r->size);
  if (r->title == NULL || r->f == NULL) {
    glia_report_destroy(&r);
    return GLIA_FAIL(GLIA_E_MEMORY, "no memory for a report");
  }
  *out = r;
  return GLIA_OK;
}

void glia_report_destroy(struct glia_report **r)
{
  if (*r == NULL) return;
  if ((*r)->f != NULL) fclose((*r)->f);
  free((*r)->body);
  free((*r)->title);
  free(*r);
  *r = NULL;
}

static void put_text(struct glia_report *r, const char *text)
{
  char *clean = glia_text_clean_(text);

  if (clean == NULL) {
    fail(r, GLIA_E_MEMORY, "no memory for a text");
    return;
  }
  glia_text_escape_(r->f, clean);
  free(clean);
}

static void end_table(struct glia_report *r)
{
  if (r->cols > 0) fputs("</table></div>\n", r->f);
  r->cols = 0;
}

static void element(struct glia_report *r, const char *name, const char *text)
{
  end_table(r);
  fprintf(r->f, "<%s>", name);
  put_text(r, text);
  fprintf(r->f, "</%s>\n", name);
}

void glia_report_heading(struct glia_report *r, const char *text) { element(r, "h2", text); }

void glia_report_paragraph(struct glia_report *r, const char *text) { element(r, "p", text); }

void glia_report_verdict(struct glia_report *r, glia_verdict verdict, const char *text)
{
  static const char *const classes[] = {"", " good", " bad"};
  static const char *const signs[] = {"", "\xe2\x9c\x93 ", "\xe2\x9a\xa0 "};

  end_table(r);
  fprintf(r->f, "<p class=\"verdict%s\">%s", classes[verdict], signs[verdict]);
  put_text(r, text);
  fputs("</p>\n", r->f);
}

void glia_report_listing(struct glia_report *r, const char *text)
{
  end_table(r);
  fputs("<pre>", r->f);
  while (*text != '\0') { /* line by line: cleaning would join them */
    const size_t n = strcspn(text, "\n");
    char *line = strndup(text, n);
    if (line == NULL)
      fail(r, GLIA_E_MEMORY, "no memory for a text");
    else
      put_text(r, line);
    free(line);
    fputc('\n', r->f);
    text += n + (text[n] == '\n');
  }
  fputs("</pre>\n", r->f);
}

void glia_report_table(struct glia_report *r, int cols, const char *const *header)
{
  end_table(r);
  if (cols < 1) {
    fail(r, GLIA_E_ARGUMENT, "a table without columns");
    return;
  }
  r->cols = cols;
  fputs("<div class=\"scroll\"><table>\n", r->f);
  if (header == NULL) return;
  fputs("<tr>", r->f);
  for (int i = 0; i < cols; i++) {
    fputs("<th>", r->f);
    put_text(r, header[i] != NULL ? header[i] : "");
    fputs("</th>", r->f);
  }
  fputs("</tr>\n", r->f);
}

static bool is_number(const char *text)
{
  char *end;

  if (!isdigit((unsigned char)text[0]) && strchr("+-.", text[0]) == NULL) return false;
  (void)strtod(text, &end);
  while (*end == ' ' || *end == '%') end++;
  return end != text && *end == '\0';
}

void glia_report_row(struct glia_report *r, const char *const *cell)
{
  if (r->cols == 0) {
    fail(r, GLIA_E_ARGUMENT, "a row without a table");
    return;
  }
  fputs("<tr>", r->f);
  for (int i = 0; i < r->cols; i++) {
    const char *text = cell[i] != NULL ? cell[i] : "";
    fputs(is_number(text) ? "<td class=\"n\">" : "<td>", r->f);
    put_text(r, text);
    fputs("</td>", r->f);
  }
  fputs("</tr>\n", r->f);
}

void glia_report_fact(struct glia_report *r, const char *name, const char *format, ...)
{
  char value[1024];
  const char *const cell[] = {name, value};
  va_list args;

  va_start(args, format);
  vsnprintf(value, sizeof value, format, args);
  va_end(args);
  if (r->cols != 2) glia_report_table(r, 2, NULL);
  glia_report_row(r, cell);
}

/* The numbers as a link that holds them. */
static void put_numbers(struct glia_report *r, struct glia_figure *fig)
{
  char *csv = NULL;
  size_t n = 0;
  FILE *memory = open_memstream(&csv, &n);

  if (memory == NULL) {
    fail(r, GLIA_E_MEMORY, "no memory for numbers");
    return;
  }
  glia_figure_csv_(fig, memory);
  const bool bad = ferror(memory) != 0;
  if (fclose(memory) != 0 || bad) {
    fail(r, GLIA_E_MEMORY, "no memory for numbers");
  } else if (n <= NUMBERS_MAX) {
    fputs("<p class=\"numbers\"><a download=\"figure.csv\" href=\"data:text/csv;base64,", r->f);
    glia_base64_(r->f, (const unsigned char *)csv, n);
    fputs("\">Numbers (CSV)</a></p>\n", r->f);
  }
  free(csv);
}

void glia_report_figure(struct glia_report *r, struct glia_figure *fig, const char *caption)
{
  end_table(r);
  if (r->status != GLIA_OK) return;
  glia_status st = glia_figure_prepare_(fig);
  fputs("<figure>\n", r->f);
  if (st == GLIA_OK) st = glia_figure_svg_(fig, r->f, false);
  if (st != GLIA_OK) {
    fail(r, st, glia_trace_message());
    return;
  }
  if (caption != NULL) {
    fputs("<figcaption>", r->f);
    put_text(r, caption);
    fputs("</figcaption>\n", r->f);
  }
  put_numbers(r, fig);
  fputs("</figure>\n", r->f);
}

glia_status glia_report_write(struct glia_report *r, const char *path)
{
  struct glia_whole_file file;
  glia_status st;

  end_table(r);
  if (fflush(r->f) != 0) fail(r, GLIA_E_MEMORY, "no memory for a report");
  GLIA_CHECK(r->status == GLIA_OK, r->status, "%s", r->why);
  GLIA_TRY(glia_whole_open(path, &file));
  fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
        file.f);
  glia_text_escape_(file.f, r->title);
  fprintf(file.f, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", glia_page_style_);
  glia_text_escape_(file.f, r->title);
  fputs("</h1>\n", file.f);
  fwrite(r->body, 1, r->size, file.f);
  fputs("</body>\n</html>\n", file.f);
  GLIA_TRY_TO(done, st, glia_whole_flush(&file));
  GLIA_TRY_TO(done, st, glia_whole_commit(&file));

done:
  glia_whole_abort(&file);
  return st;
}
