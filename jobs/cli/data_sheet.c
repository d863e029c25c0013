/* glia data info --sheet: the first pictures of a dataset, a row per class where there are classes. */
#include "data.h"
#include "glia_contact_sheet.h"
#include "glia_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 16, COLS = 12, ROWS = 8, BLOCK = 4096, NAME = 64 };

struct sheet {
  struct glia_source *source;
  int x, y; /* fields; y -1: no classes */
  int channels, height, width;
  int rows;
  int filled[CLASSES];        /* pictures of each row */
  int64_t row[CLASSES][COLS]; /* of the dataset */
  char name[CLASSES][NAME];
};

/* [h, w], or [1 or 3, h, w]? */
static bool is_picture(const struct glia_type *row, struct sheet *s)
{
  const int first = row->rank == 3 ? 1 : 0;

  s->channels = row->rank == 3 ? (int)row->dim[0] : 1;
  if (row->rank != 2 && row->rank != 3) return false;
  if (row->dim[first] < 2 || row->dim[first + 1] < 2) return false;
  if (row->dim[first] > INT16_MAX || row->dim[first + 1] > INT16_MAX) return false;
  s->height = (int)row->dim[first];
  s->width = (int)row->dim[first + 1];
  return s->channels == 1 || s->channels == 3;
}

/* The first pictures of each of the first classes; without classes the first of the file. */
static glia_status choose(struct sheet *s)
{
  const struct glia_source *d = s->source;
  char label[BLOCK * sizeof(int64_t)];
  int64_t row[BLOCK];
  int full = 0;

  if (s->y < 0) {
    for (int64_t i = 0; i < (int64_t)ROWS * COLS && i < d->n; i++) {
      s->rows = (int)(i / COLS) + 1;
      s->row[i / COLS][s->filled[i / COLS]++] = i;
    }
    return GLIA_OK;
  }
  for (int64_t at = 0; at < d->n && full < CLASSES; at += BLOCK) {
    const int64_t n = d->n - at < BLOCK ? d->n - at : BLOCK;
    for (int64_t i = 0; i < n; i++) row[i] = at + i;
    GLIA_TRY(d->read(d->self, s->y, n, row, label));
    for (int64_t i = 0; i < n; i++) {
      const double k = data_element(label, d->field[s->y].row.dtype, i);
      if (k < 0.0 || k >= CLASSES || s->filled[(int)k] == COLS) continue;
      s->row[(int)k][s->filled[(int)k]++] = at + i;
      full += s->filled[(int)k] == COLS;
      if ((int)k >= s->rows) s->rows = (int)k + 1;
    }
  }
  return GLIA_OK;
}

/* Bytes are shown as they are, other numbers between the smallest and the largest on the sheet. */
static glia_status read_pixels(const struct sheet *s, unsigned char *pixels)
{
  const struct glia_source *d = s->source;
  const glia_dtype dtype = d->field[s->x].row.dtype;
  const int64_t count = glia_type_count(&d->field[s->x].row);
  double lo = INFINITY, hi = -INFINITY;
  glia_status st = GLIA_OK;
  char *data = malloc(glia_type_bytes(&d->field[s->x].row));

  GLIA_CHECK(data != NULL, GLIA_E_MEMORY, "a picture");
  for (int pass = dtype == GLIA_U8 ? 1 : 0; pass < 2; pass++)
    for (int r = 0; r < s->rows; r++)
      for (int c = 0; c < s->filled[r]; c++) {
        unsigned char *to = pixels + (r * COLS + c) * count;
        GLIA_TRY_TO(out, st, d->read(d->self, s->x, 1, &s->row[r][c], data));
        for (int64_t i = 0; i < count; i++) {
          const double v = data_element(data, dtype, i);
          if (pass == 0) {
            lo = fmin(lo, v);
            hi = fmax(hi, v);
          } else {
            to[i] = (unsigned char)(dtype == GLIA_U8 ? v
                                    : hi > lo        ? 255.0 * (v - lo) / (hi - lo)
                                                     : 0.0);
          }
        }
      }
out:
  free(data);
  return st;
}

static glia_status write_sheet(struct sheet *s, const char *path, const char *classes,
                               const char *to)
{
  const char *label[CLASSES];
  const size_t bytes = (size_t)s->channels * (size_t)s->height * (size_t)s->width;
  glia_status st = GLIA_OK;

  GLIA_TRY(choose(s));
  GLIA_CHECK(s->rows > 0, GLIA_E_SHAPE, "%s has no picture of a class from 0 to %d", path,
             CLASSES - 1);
  for (int k = 0; k < s->rows; k++) {
    data_class_name(classes, k, s->name[k], NAME);
    if (s->name[k][0] == '\0') snprintf(s->name[k], NAME, "%d", k);
    label[k] = s->name[k];
  }
  unsigned char *pixels = calloc((size_t)s->rows * COLS, bytes);
  GLIA_CHECK(pixels != NULL, GLIA_E_MEMORY, "a contact sheet");
  GLIA_TRY_TO(out, st, read_pixels(s, pixels));
  st =
      glia_contact_sheet_write(to, &(struct glia_contact_sheet){.rows = s->rows,
                                                                .cols = COLS,
                                                                .channels = s->channels,
                                                                .height = s->height,
                                                                .width = s->width,
                                                                .pixels = pixels,
                                                                .filled = s->filled,
                                                                .label = s->y >= 0 ? label : NULL});
out:
  free(pixels);
  return st;
}

glia_status data_sheet(const char *path, const char *to)
{
  bool have[3] = {false};
  static const char *const splits[3] = {"train", "valid", "test"};
  struct sheet s = {.y = -1};
  char *classes = NULL;
  char object[16];
  glia_status st = GLIA_OK;
  int k = 0;

  GLIA_TRY(glia_dataset_splits(path, &have[0], &have[1], &have[2]));
  while (k < 2 && !have[k]) k++;
  GLIA_TRY(glia_dataset_open(path, splits[k], 0, &s.source));
  s.x = glia_source_field(s.source, "x");
  s.y = glia_source_field(s.source, "y");
  GLIA_CHECK_TO(
      out, st, s.x >= 0 && is_picture(&s.source->field[s.x].row, &s), GLIA_E_SHAPE,
      "%s holds no pictures: /%s/x has no rows [height, width] or [1 or 3, height, width]", path,
      splits[k]);
  if (s.y >= 0 &&
      (s.source->field[s.y].row.rank != 0 || glia_dtype_is_float(s.source->field[s.y].row.dtype)))
    s.y = -1;
  snprintf(object, sizeof object, "%s/y", splits[k]);
  if (s.y >= 0) GLIA_TRY_TO(out, st, glia_file_note(path, object, "classes", &classes));
  st = write_sheet(&s, path, classes, to);
out:
  free(classes);
  glia_source_close(&s.source);
  return st;
}
