/* From a figure to its files, each whole or absent. */
#include "figure_priv.h"

#include "glia_whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the figure's files ---- */

enum format { FORMAT_SVG, FORMAT_PDF, FORMAT_PNG, FORMAT_HTML, FORMAT_COUNT };

static const char *const endings[] = {".svg", ".pdf", ".png", ".html"};

/* Format and length of the name without ending. */
static glia_status format_of(const char *path, enum format *out, size_t *stem)
{
  const char *dot = strrchr(path, '.');
  const char *slash = strrchr(path, '/');

  if (dot != NULL && slash != NULL && dot < slash) dot = NULL;
  for (int i = 0; dot != NULL && i < FORMAT_COUNT; i++) {
    if (strcmp(dot, endings[i]) != 0) continue;
    *out = (enum format)i;
    *stem = (size_t)(dot - path);
    return GLIA_OK;
  }
  return GLIA_FAIL(GLIA_E_ARGUMENT, "%s: a figure is .svg, .pdf, .png or .html", path);
}

/* A CSV file that is not one of ours is somebody's data. */
static glia_status may_replace(const char *path)
{
  static const char ours[] = GLIA_CSV_HEADER "\n";
  char head[sizeof ours] = "";
  FILE *f = fopen(path, "r");

  if (f == NULL) return GLIA_OK;
  const size_t n = fread(head, 1, sizeof ours - 1, f);
  fclose(f);
  GLIA_CHECK(n == 0 || strcmp(head, ours) == 0, GLIA_E_EXISTS,
             "%s: exists and holds other data than a figure's: choose another name", path);
  return GLIA_OK;
}

static glia_status render(struct glia_figure *fig, enum format format, FILE *f, const char *csv)
{
  const char *name = strrchr(csv, '/');

  switch (format) {
  case FORMAT_PDF:
    return glia_figure_pdf_(fig, f);
  case FORMAT_PNG:
    return glia_figure_png_(fig, f);
  case FORMAT_HTML:
    return glia_figure_html_(fig, f, name != NULL ? name + 1 : csv);
  default:
    return glia_figure_svg_(fig, f, true);
  }
}

glia_status glia_figure_prepare_(struct glia_figure *fig)
{
  if (fig->status == GLIA_OK) glia_figure_ranges_(fig);
  if (fig->status == GLIA_OK) glia_figure_layout_(fig);
  GLIA_CHECK(fig->status == GLIA_OK, fig->status, "%s", fig->why);
  return GLIA_OK;
}

/* "F.csv" beside F.svg; NULL: no memory. */
static char *csv_of(const char *path, size_t stem)
{
  char *csv = malloc(stem + sizeof ".csv");

  if (csv == NULL) return NULL;
  memcpy(csv, path, stem);
  memcpy(csv + stem, ".csv", sizeof ".csv");
  return csv;
}

/* Open a picture and the numbers beside it. *csv is the caller's to free, also where this fails. */
static glia_status open_both(const char *path, enum format *format, char **csv,
                             struct glia_whole_file *picture, struct glia_whole_file *numbers)
{
  size_t stem;

  GLIA_TRY(format_of(path, format, &stem));
  *csv = csv_of(path, stem);
  GLIA_CHECK(*csv != NULL, GLIA_E_MEMORY, "no memory for the name of a file");
  GLIA_TRY(may_replace(*csv));
  GLIA_TRY(glia_whole_open(path, picture));
  return glia_whole_open(*csv, numbers);
}

glia_status glia_figure_may_write(const char *path)
{
  struct glia_whole_file picture = {0}, numbers = {0};
  enum format format;
  char *csv = NULL;
  const glia_status st = open_both(path, &format, &csv, &picture, &numbers);

  glia_whole_abort(&picture);
  glia_whole_abort(&numbers);
  free(csv);
  return st;
}

glia_status glia_figure_write(struct glia_figure *fig, const char *path)
{
  glia_status st = GLIA_OK;
  struct glia_whole_file picture = {0}, numbers = {0};
  enum format format;
  char *csv = NULL;

  GLIA_TRY(glia_figure_prepare_(fig));
  GLIA_TRY_TO(done, st, open_both(path, &format, &csv, &picture, &numbers));
  GLIA_TRY_TO(done, st, render(fig, format, picture.f, csv));
  glia_figure_csv_(fig, numbers.f);
  GLIA_TRY_TO(done, st, glia_whole_flush(&picture));
  GLIA_TRY_TO(done, st, glia_whole_flush(&numbers));
  GLIA_TRY_TO(done, st, glia_whole_commit(&picture));
  GLIA_TRY_TO(done, st, glia_whole_commit(&numbers));

done:
  glia_whole_abort(&picture);
  glia_whole_abort(&numbers);
  free(csv);
  return st;
}
