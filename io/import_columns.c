/* A table into the columns that an earlier import made of one: names stand for numbers, NAME=WORD for 1 where a column of words holds
 * WORD. So a model sees new rows as it saw those of its training, whatever else the new table has. */
#include "import_priv.h"

#include "glia_text.h"
#include "table_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct wanted {
  char *name;
  const char *word; /* after NAME=, NULL: a number */
  int column;       /* of the table */
  float fill;       /* of a missing number, NaN: refused */
};

struct work {
  char *text; /* the names */
  int n;
  struct wanted *column;
};

static int count_lines(const char *text)
{
  int n = 1;

  for (const char *p = text; *p != '\0'; p++) n += *p == '\n';
  return n;
}

/* NAME=WORD where the table has NAME: a name or a word may hold such a sign itself. */
static void find(const struct glia_table *t, struct wanted *w)
{
  w->column = glia_table_column_(t, w->name);
  for (char *p = strchr(w->name, '='); p != NULL && w->column < 0; p = strchr(p + 1, '=')) {
    *p = '\0';
    w->column = glia_table_column_(t, w->name);
    *p = '=';
    if (w->column >= 0) w->word = p + 1;
  }
}

/* Lines of names and of numbers side by side. */
static glia_status plan(struct work *k, const struct glia_table *t, const char *path,
                        const char *columns, const char *fill)
{
  k->n = count_lines(columns);
  k->text = strdup(columns);
  k->column = calloc((size_t)k->n, sizeof *k->column);
  GLIA_CHECK(k->text != NULL && k->column != NULL, GLIA_E_MEMORY, "%d columns", k->n);
  char *at = k->text;
  for (int i = 0; i < k->n; i++) {
    struct wanted *w = &k->column[i];
    w->name = at;
    at += strcspn(at, "\n");
    if (*at != '\0') *at++ = '\0';
    w->fill = fill != NULL && *fill != '\0' ? strtof(fill, NULL) : NAN;
    if (fill != NULL) fill += strcspn(fill, "\n");
    if (fill != NULL && *fill != '\0') fill++;
    find(t, w);
    GLIA_CHECK(w->column >= 0, GLIA_E_MISSING,
               "%s has no column '%.*s', which the model reads; its first is '%s'", path,
               (int)strcspn(w->name, "="), w->name, t->name[0]);
  }
  return GLIA_OK;
}

static glia_status read_number(const struct glia_table *t, const struct wanted *w, float *out,
                               int64_t *filled)
{
  const char *cell = t->cell[w->column];
  double v = 0.0;

  GLIA_CHECK(glia_table_number_(cell, &v), GLIA_E_DATA,
             "%s:%" PRId64 ": column '%s' holds '%.40s', expected a number",
             glia_stream_path_(t->stream), t->line, w->name, cell);
  *filled += isnan(v);
  *out = isnan(v) ? w->fill : (float)v;
  GLIA_CHECK(isfinite(*out), GLIA_E_DATA,
             "%s:%" PRId64 ": column '%s' is missing or too large ('%.40s'), and the training "
             "data say no mean to take",
             glia_stream_path_(t->stream), t->line, w->name, cell);
  return GLIA_OK;
}

/* Words of one column stand side by side. Returns the first column behind them. */
static glia_status read_word(const struct work *k, const struct glia_table *t, int first, float *x,
                             int64_t *filled, int *behind)
{
  const int column = k->column[first].column;
  const char *cell = t->cell[column];
  bool known = false;
  double v = 0.0;
  int i = first;

  for (; i < k->n && k->column[i].word != NULL && k->column[i].column == column; i++) {
    const bool is = strcmp(k->column[i].word, cell) == 0;
    x[i] = is ? 1.0F : 0.0F;
    known |= is;
  }
  *behind = i;
  if (!known && glia_table_number_(cell, &v) && isnan(v)) {
    ++*filled;
    return GLIA_OK;
  }
  GLIA_CHECK(known, GLIA_E_DATA,
             "%s:%" PRId64 ": column '%s' holds '%.40s', which the training data do not have",
             glia_stream_path_(t->stream), t->line, t->name[column], cell);
  return GLIA_OK;
}

static glia_status read_rows(const struct work *k, struct glia_table *t,
                             struct glia_dataset_writer *w, int array, int64_t *n, int64_t *filled)
{
  float *x = malloc((size_t)k->n * sizeof *x);
  glia_status st = GLIA_OK;
  bool end = false;

  GLIA_CHECK(x != NULL, GLIA_E_MEMORY, "a row of %d columns", k->n);
  for (*n = 0;; ++*n) {
    GLIA_TRY_TO(out, st, glia_table_next_(t, &end));
    if (end) break;
    for (int i = 0; i < k->n;) {
      if (k->column[i].word != NULL)
        GLIA_TRY_TO(out, st, read_word(k, t, i, x, filled, &i));
      else {
        GLIA_TRY_TO(out, st, read_number(t, &k->column[i], &x[i], filled));
        i++;
      }
    }
    GLIA_TRY_TO(out, st, glia_dataset_append(w, array, 1, x));
  }
out:
  free(x);
  return st;
}

glia_status glia_import_csv_as(const char *path, const char *columns, const char *fill,
                               const struct glia_import_out *out, int64_t *filled)
{
  struct glia_table *t = NULL;
  struct glia_dataset_writer *w = NULL;
  struct work k = {0};
  int64_t n = 0;
  int array = 0;
  glia_status st = GLIA_OK;

  *filled = 0;
  GLIA_TRY(glia_table_open_(path, GLIA_HEADER_AUTO, out->progress, &t));
  GLIA_TRY_TO(out, st, plan(&k, t, path, columns, fill));
  const struct glia_type row = glia_type_make(GLIA_F32, 1, (int64_t[]){k.n});
  GLIA_TRY_TO(out, st, glia_dataset_create(out->path, out->force, &w));
  GLIA_TRY_TO(out, st, glia_dataset_define(w, "train/x", &row, -1, 1.0, 0.0, &array));
  GLIA_TRY_TO(out, st, read_rows(&k, t, w, array, &n, filled));
  GLIA_CHECK_TO(out, st, n > 0, GLIA_E_SHAPE, "%s holds no rows", path);
  GLIA_TRY_TO(out, st, glia_dataset_commit(&w));
out:
  glia_dataset_abort(&w);
  glia_table_close_(&t);
  free(k.column);
  free(k.text);
  return st;
}
