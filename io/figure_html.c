/* A figure as a page of its own, and the style of all pages. */
#include "figure_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX 2000 /* more numbers than these are read in the CSV alone */

const char glia_page_style_[] =
    ":root{color-scheme:light "
    "dark;--paper:#fff;--ink:#262626;--faint:#666;--rule:#ddd;--soft:#f5f6f7}\n"
    "@media (prefers-color-scheme:dark){:root{--paper:#16181b;--ink:#e4e4e4;--faint:#a0a0a0;"
    "--rule:#3a3d41;--soft:#202326}}\n"
    "@media print{:root{--paper:#fff;--ink:#262626;--faint:#666;--rule:#ddd;--soft:#f5f6f7}"
    "body{max-width:none!important;margin:0!important}"
    "figure,tr,.verdict{break-inside:avoid}h2{break-after:avoid}.numbers{display:none}}\n"
    "body{font:15px/1.5 system-ui,'DejaVu "
    "Sans',sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:60rem;margin:2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}h2{font-size:1.15rem;margin:2rem 0 "
    ".5rem}\n"
    "p{margin:.5rem 0;max-width:45rem}figure{margin:1rem 0}figcaption,.numbers{font-size:.85rem;"
    "color:var(--faint)}\n"
    "svg.glia-figure{max-width:100%;height:auto}\n"
    "svg.glia-figure .paper-fill{fill:var(--paper)}svg.glia-figure .ink-fill{fill:var(--ink)}"
    "svg.glia-figure .faint-fill{fill:var(--faint)}svg.glia-figure .ink-line{stroke:var(--ink)}"
    "svg.glia-figure .rule-line{stroke:var(--rule)}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;margin:.5rem 0}"
    "th,td{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px solid var(--rule);"
    "vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}th{font-weight:600}"
    "\n"
    "pre{background:var(--soft);padding:.7rem;overflow-x:auto;font-size:.85rem;line-height:1.4}\n"
    ".verdict{border-left:.3rem solid var(--faint);background:var(--soft);padding:.6rem "
    ".9rem;margin:1rem 0}"
    ".verdict.good{border-color:#009e73}.verdict.bad{border-color:#d55e00}a{color:inherit}\n";

/* Percent-encode what a link to a file beside the page may not hold. */
static void link_to(FILE *f, const char *name)
{
  for (; *name != '\0'; name++) {
    const unsigned char c = (unsigned char)*name;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        strchr("-._~", c) != NULL)
      fputc(c, f);
    else
      fprintf(f, "%%%02X", c);
  }
}

static int64_t lines_of(const struct glia_figure *fig)
{
  int64_t n = 0;

  for (int i = 0; i < fig->rows * fig->cols; i++)
    for (int64_t k = 0; k < fig->panel[i].n_series; k++) {
      const struct series *s = &fig->panel[i].series[k];
      n += s->kind == KIND_HISTOGRAM ? s->bins : s->n;
    }
  return n;
}

/* Our own CSV as the rows of a table. */
static void table(FILE *f, const char *csv)
{
  bool quoted = false;
  bool open = false;

  fputs("<div class=\"scroll\"><table>\n", f);
  for (const char *c = csv; *c != '\0'; c++) {
    const char one[] = {*c, '\0'};
    if (!open) fputs("<tr><td>", f);
    open = true;
    if (quoted && *c == '"' && c[1] == '"') {
      glia_text_escape_(f, "\"");
      c++;
    } else if (*c == '"') {
      quoted = !quoted;
    } else if (!quoted && *c == ',') {
      fputs("</td><td>", f);
    } else if (!quoted && *c == '\n') {
      fputs("</td></tr>\n", f);
      open = false;
    } else {
      glia_text_escape_(f, one);
    }
  }
  fputs("</table></div>\n", f);
}

glia_status glia_figure_html_(struct glia_figure *fig, FILE *f, const char *csv_name)
{
  const char *title = fig->title != NULL ? fig->title : fig->panel[0].title;
  char *name = glia_text_clean_(csv_name);
  char *csv = NULL;
  size_t n = 0;

  GLIA_CHECK(name != NULL, GLIA_E_MEMORY, "no memory for a page");
  if (title == NULL) title = name;
  fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
        f);
  glia_text_escape_(f, title);
  fprintf(f, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<figure>\n", glia_page_style_);
  glia_status st = glia_figure_svg_(fig, f, false);
  fputs("</figure>\n<p class=\"numbers\">Numbers: <a href=\"", f);
  link_to(f, csv_name);
  fputs("\">", f);
  glia_text_escape_(f, name);
  fputs("</a></p>\n", f);
  free(name);
  if (st == GLIA_OK && lines_of(fig) <= TABLE_MAX) {
    FILE *memory = open_memstream(&csv, &n);
    GLIA_CHECK(memory != NULL, GLIA_E_MEMORY, "no memory for a page");
    glia_figure_csv_(fig, memory);
    if (ferror(memory) != 0) st = GLIA_FAIL(GLIA_E_MEMORY, "no memory for a page");
    if (fclose(memory) == 0 && st == GLIA_OK) {
      fputs("<details class=\"numbers\"><summary>Numbers as a table</summary>\n", f);
      table(f, csv);
      fputs("</details>\n", f);
    }
    free(csv);
  }
  fputs("</body>\n</html>\n", f);
  return st;
}
