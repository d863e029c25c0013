/* The numbers of a figure, one per line. Columns that a kind of series does not use stay empty:
 *   line, points  x, y                histogram  x to x_hi (bin), y (count or density)
 *   errorbars     x, y, y_lo, y_hi    bars       series (the name), value
 *   band          x, y_lo, y_hi       heatmap    x to x_hi, y_lo to y_hi or series (the row's name), value
 *   span          x to x_hi           hline y, vline x
 */
#include "figure_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As RFC 4180 quotes it. */
static void quoted(FILE *f, const char *text)
{
  if (strpbrk(text, ",\"\r\n") == NULL) {
    fputs(text, f);
    return;
  }
  fputc('"', f);
  for (; *text != '\0'; text++) {
    if (*text == '"') fputc('"', f);
    fputc(*text, f);
  }
  fputc('"', f);
}

/* A short decimal that reads back as the same number. */
static void number(FILE *f, double value)
{
  char text[40];

  if (fabs(value) < 1e15 && value == trunc(value)) {
    fprintf(f, "%lld", (long long)value);
    return;
  }
  snprintf(text, sizeof text, "%.15g", value);
  if (strtod(text, NULL) != value) snprintf(text, sizeof text, "%.17g", value);
  for (char *c = text; *c != '\0'; c++)
    if (*c == ',') *c = '.';
  fputs(isnan(value) ? "nan" : text, f);
}

/* Columns of a line; NULL stays empty. */
struct line {
  const double *x, *x_hi, *y, *y_lo, *y_hi, *value;
};

static void write_line(FILE *f, const char *panel, const char *kind, const char *series,
                       const struct line *line)
{
  const double *const column[] = {line->x,    line->x_hi, line->y,
                                  line->y_lo, line->y_hi, line->value};

  quoted(f, panel);
  fprintf(f, ",%s,", kind);
  quoted(f, series);
  for (size_t i = 0; i < GLIA_COUNT(column); i++) {
    fputc(',', f);
    if (column[i] != NULL) number(f, *column[i]);
  }
  fputc('\n', f);
}

static void write_heatmap(FILE *f, const struct glia_panel *p, const char *panel,
                          const struct series *s)
{
  const bool named = p->y.n_name == s->rows;

  for (int64_t r = 0; r < s->rows; r++)
    for (int64_t k = 0; k < s->cols; k++)
      write_line(f, panel, "heatmap", named ? p->y.name[r] : "",
                 &(struct line){.x = &s->x[k],
                                .x_hi = &s->x[k + 1],
                                .y_lo = named ? NULL : &s->y[r],
                                .y_hi = named ? NULL : &s->y[r + 1],
                                .value = &s->lo[r * s->cols + k]});
}

static void write_series(FILE *f, const struct glia_panel *p, const char *panel,
                         const struct series *s)
{
  static const char *const kind[KIND_COUNT] = {
      [KIND_SPAN] = "span",    [KIND_HEATMAP] = "heatmap",     [KIND_BAND] = "band",
      [KIND_BARS] = "bars",    [KIND_HISTOGRAM] = "histogram", [KIND_HLINE] = "hline",
      [KIND_VLINE] = "vline",  [KIND_LINE] = "line",           [KIND_ERRORBARS] = "errorbars",
      [KIND_POINTS] = "points"};
  const char *label = s->label != NULL ? s->label : "";

  if (s->kind == KIND_HEATMAP) {
    write_heatmap(f, p, panel, s);
    return;
  }
  for (int64_t i = 0; s->kind == KIND_HISTOGRAM && i < s->bins; i++)
    write_line(f, panel, "histogram", label,
               &(struct line){.x = &s->edge[i], .x_hi = &s->edge[i + 1], .y = &s->count[i]});
  for (int64_t i = 0; s->kind != KIND_HISTOGRAM && i < s->n; i++) {
    struct line line = {.x = &s->x[i], .y = s->y != NULL ? &s->y[i] : NULL};
    if (s->lo != NULL) line.y_lo = &s->lo[i];
    if (s->hi != NULL) line.y_hi = &s->hi[i];
    if (s->kind == KIND_SPAN) line = (struct line){.x = &s->x[i], .x_hi = &s->hi[i]};
    if (s->kind == KIND_HLINE) line.x = NULL;
    if (s->kind == KIND_BARS) line = (struct line){.value = &s->x[i]};
    write_line(f, panel, kind[s->kind],
               s->kind == KIND_BARS && i < p->y.n_name ? p->y.name[i] : label, &line);
  }
}

void glia_figure_csv_(struct glia_figure *fig, FILE *f)
{
  fputs(GLIA_CSV_HEADER "\n", f);
  for (int i = 0; i < fig->rows * fig->cols; i++) {
    const struct glia_panel *p = &fig->panel[i];
    char place[32];
    snprintf(place, sizeof place, "%d/%d", i / fig->cols + 1, i % fig->cols + 1);
    for (int64_t k = 0; k < p->n_series; k++)
      write_series(f, p, p->title != NULL ? p->title : place, &p->series[k]);
  }
}
