/* Tables of numbers and words. All rows are held in memory (4 bytes a cell, of words the number) until the classes, the categories and
 * the split are known. A missing cell is NaN there, until it is filled from the training rows. */
#include "import_priv.h"

#include "glia_random.h"
#include "glia_text.h"
#include "table_priv.h"
#include "words_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_MAX = 32768 };      /* bytes of an attribute */
enum { CATEGORIES_MAX = 4096 }; /* columns that a column of words may become */
enum {
  USE_X = -1,
  USE_SKIP = -2,
  USE_LABEL = -3,
  USE_CATEGORY = -4
}; /* >= 0: target of this number */

struct rows {
  int64_t n;
  int64_t max;
  float *x;       /* [n, n_raw] numbers, or numbers of words; NaN = missing */
  float *target;  /* [n, n_targets] */
  int32_t *label; /* [n] into the words */
};

/* A column of the file that is an input. */
struct raw {
  char *name;
  bool is_category;
  struct glia_words words; /* its values */
  int32_t *rank;           /* [words.n] place of a value in byte order = its column */
  float fill;              /* of a missing number */
};

struct work {
  const struct glia_import_csv *options;
  struct rows rows[3]; /* train, valid, test */
  int n_columns;       /* of the first file; the others must have as many */
  int *use;            /* [n_columns] */
  int n_raw;
  struct raw *raw; /* [n_raw] */
  int n_x;         /* columns of x: a category has one per value */
  struct glia_words labels;
  struct glia_import_csv_result result;
};

static glia_status claim(const struct work *k, const struct glia_table *t, const char *path,
                         const char *name, int use)
{
  const int c = glia_table_column_(t, name);

  if (c < 0) {
    const char **known = calloc((size_t)t->n_columns + 1, sizeof *known);
    GLIA_CHECK(known != NULL, GLIA_E_MEMORY, "%d columns", t->n_columns);
    for (int i = 0; i < t->n_columns; i++) known[i] = t->name[i];
    const char *near = glia_nearest(name, known);
    const glia_status st = GLIA_FAIL(
        GLIA_E_MISSING, "%s has no column '%s'%s%s%s; it has %d columns, the first is '%s'", path,
        name, near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
        near != NULL ? "'?)" : "", t->n_columns, t->name[0]);
    free(known);
    return st;
  }
  GLIA_CHECK(k->use[c] == USE_X, GLIA_E_ARGUMENT, "%s: column '%s' is named twice", path, name);
  k->use[c] = use;
  return GLIA_OK;
}

/* What each column is for, from the first file. */
static glia_status plan(struct work *k, const struct glia_table *t, const char *path)
{
  const struct glia_import_csv *o = k->options;

  k->n_columns = t->n_columns;
  k->use = malloc((size_t)t->n_columns * sizeof *k->use);
  k->raw = calloc((size_t)t->n_columns, sizeof *k->raw);
  GLIA_CHECK(k->use != NULL && k->raw != NULL, GLIA_E_MEMORY, "%d columns", t->n_columns);
  for (int i = 0; i < t->n_columns; i++) k->use[i] = USE_X;
  if (o->label != NULL) GLIA_TRY(claim(k, t, path, o->label, USE_LABEL));
  for (int i = 0; i < o->n_targets; i++) GLIA_TRY(claim(k, t, path, o->target[i], i));
  for (int i = 0; i < o->n_skipped; i++) GLIA_TRY(claim(k, t, path, o->skip[i], USE_SKIP));
  for (int i = 0; i < o->n_categories; i++)
    GLIA_TRY(claim(k, t, path, o->category[i], USE_CATEGORY));
  for (int i = 0; i < t->n_columns; i++) {
    if (k->use[i] != USE_X && k->use[i] != USE_CATEGORY) continue;
    struct raw *r = &k->raw[k->n_raw++];
    r->is_category = k->use[i] == USE_CATEGORY;
    r->name = strdup(t->name[i]);
    GLIA_CHECK(r->name != NULL, GLIA_E_MEMORY, "%d columns", t->n_columns);
  }
  GLIA_CHECK(k->n_raw > 0, GLIA_E_SHAPE, "%s has no column left for x", path);
  return GLIA_OK;
}

static glia_status grow(const struct work *k, struct rows *r)
{
  const int64_t max = r->max * 2 + 1024;
  const size_t targets = k->options->n_targets > 0 ? (size_t)k->options->n_targets : 1;

  if (r->n < r->max) return GLIA_OK;
  float *x = realloc(r->x, (size_t)max * (size_t)k->n_raw * sizeof *x);
  if (x != NULL) r->x = x;
  float *target = realloc(r->target, (size_t)max * targets * sizeof *target);
  if (target != NULL) r->target = target;
  int32_t *label = realloc(r->label, (size_t)max * sizeof *label);
  if (label != NULL) r->label = label;
  GLIA_CHECK(x != NULL && target != NULL && label != NULL, GLIA_E_MEMORY, "%" PRId64 " rows", max);
  r->max = max;
  return GLIA_OK;
}

/* A missing cell: refused, noted so that the row is left out, or left to be filled. */
static glia_status meet_missing(const struct work *k, const struct glia_table *t, int column,
                                bool can_fill, bool *drop)
{
  const glia_missing policy = k->options->missing;

  *drop |= policy == GLIA_MISSING_DROP;
  GLIA_CHECK(policy == GLIA_MISSING_DROP || (policy == GLIA_MISSING_MEAN && can_fill), GLIA_E_DATA,
             "%s:%" PRId64 ": column '%s' is missing ('%s'): %s", glia_stream_path_(t->stream),
             t->line, t->name[column], t->cell[column],
             can_fill ? "drop such rows, fill them with means, or leave the column out"
                      : "labels and targets are not filled: drop such rows");
  return GLIA_OK;
}

/* A cell as a finite number, NaN when it is missing. */
static glia_status read_number(const struct work *k, const struct glia_table *t, int column,
                               float *out, bool *drop)
{
  const char *cell = t->cell[column];
  double v = 0.0;

  GLIA_CHECK(glia_table_number_(cell, &v), GLIA_E_DATA,
             "%s:%" PRId64 ": column '%s' holds '%.40s', expected a number: leave the column out, "
             "or name it as category or label",
             glia_stream_path_(t->stream), t->line, t->name[column], cell);
  if (isnan(v)) GLIA_TRY(meet_missing(k, t, column, k->use[column] == USE_X, drop));
  *out = (float)v;
  GLIA_CHECK(isnan(v) || isfinite(*out), GLIA_E_DATA,
             "%s:%" PRId64 ": column '%s' holds '%s', too large for float32",
             glia_stream_path_(t->stream), t->line, t->name[column], cell);
  return GLIA_OK;
}

/* A cell as the number of its word, exact in a float; NaN when it is missing. */
static glia_status read_category(const struct work *k, const struct glia_table *t, int column,
                                 struct raw *raw, float *out, bool *drop)
{
  const char *cell = t->cell[column];
  int32_t number = 0;
  double v = 0.0;

  *out = NAN;
  if (glia_table_number_(cell, &v) && isnan(v)) return meet_missing(k, t, column, true, drop);
  GLIA_TRY(glia_words_number_(&raw->words, cell, &number));
  GLIA_CHECK(number >= 0 && number < CATEGORIES_MAX, GLIA_E_DATA,
             "%s:%" PRId64 ": column '%s' has more than %d different values: is it a category?",
             glia_stream_path_(t->stream), t->line, t->name[column], (int)CATEGORIES_MAX);
  *out = (float)number;
  return GLIA_OK;
}

static glia_status read_label(struct work *k, const struct glia_table *t, int column, int32_t *out,
                              bool *drop)
{
  const char *cell = t->cell[column];

  if (cell[0] == '\0') return meet_missing(k, t, column, false, drop);
  GLIA_TRY(glia_words_number_(&k->labels, cell, out));
  GLIA_CHECK(*out >= 0, GLIA_E_DATA,
             "%s:%" PRId64 ": the label column has more than %d different values: is it a target "
             "of a regression?",
             glia_stream_path_(t->stream), t->line, (int)GLIA_WORDS_MAX);
  return GLIA_OK;
}

static glia_status read_row(struct work *k, const struct glia_table *t, struct rows *r)
{
  const int n_targets = k->options->n_targets;
  bool drop = false;
  int x = 0;

  GLIA_TRY(grow(k, r));
  float *row = r->x + r->n * k->n_raw;
  for (int i = 0; i < t->n; i++) {
    const int use = k->use[i];
    if (use == USE_X) GLIA_TRY(read_number(k, t, i, &row[x++], &drop));
    if (use == USE_CATEGORY) {
      GLIA_TRY(read_category(k, t, i, &k->raw[x], &row[x], &drop));
      x++;
    }
    if (use >= 0) GLIA_TRY(read_number(k, t, i, &r->target[r->n * n_targets + use], &drop));
    if (use == USE_LABEL) GLIA_TRY(read_label(k, t, i, &r->label[r->n], &drop));
  }
  k->result.dropped += drop;
  r->n += !drop;
  return GLIA_OK;
}

static glia_status read_file(struct work *k, const char *path, struct rows *r,
                             struct glia_progress *progress)
{
  static const glia_header headers[] = {GLIA_HEADER_NO, GLIA_HEADER_AUTO, GLIA_HEADER_YES};
  const int h = k->options->header;
  struct glia_table *t = NULL;
  bool end = false;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_table_open_(path, headers[h < 0 ? 0 : h > 0 ? 2 : 1], progress, &t));
  if (k->use == NULL) GLIA_TRY_TO(out, st, plan(k, t, path));
  GLIA_CHECK_TO(out, st, t->n_columns == k->n_columns, GLIA_E_SHAPE,
                "%s has %d columns, the first file has %d", path, t->n_columns, k->n_columns);
  for (;;) {
    GLIA_TRY_TO(out, st, glia_table_next_(t, &end));
    if (end) break;
    GLIA_TRY_TO(out, st, read_row(k, t, r));
  }
  GLIA_CHECK_TO(out, st, r->n > 0, GLIA_E_SHAPE, "%s holds no rows%s", path,
                k->result.dropped > 0 ? ": all have missing cells" : "");
out:
  glia_table_close_(&t);
  return st;
}

/* Numbers of the words as classes: whole numbers from 0 stand for themselves, words are numbered in byte order.
 * class [n_words]; *classes: the names one per line, or NULL. */
static glia_status name_classes(const struct work *k, int32_t *class, char **classes)
{
  bool whole = true;
  bool words = false;
  size_t bytes = 1;

  *classes = NULL;
  for (int i = 0; i < k->labels.n; i++) {
    int64_t v = 0;
    double r = 0.0;
    const bool is_whole = glia_parse_int(k->labels.word[i], &v);
    GLIA_CHECK(
        is_whole || !glia_parse_real(k->labels.word[i], &r), GLIA_E_DATA,
        "the label column holds %s: a class is a whole number or a word; a regression has targets",
        k->labels.word[i]);
    words |= !is_whole;
    whole &= is_whole && v >= 0 && v < GLIA_WORDS_MAX;
    class[i] = (int32_t)v;
    bytes += strlen(k->labels.word[i]) + 1;
  }
  if (whole && !words) return GLIA_OK;
  char *text = calloc(1, bytes);
  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "%d classes", k->labels.n);
  char *to = text;
  for (int i = 0; i < k->labels.n; i++) {
    class[k->labels.order[i]] = i;
    to += sprintf(to, "%s%s", i > 0 ? "\n" : "", k->labels.word[k->labels.order[i]]);
  }
  *classes = text;
  return GLIA_OK;
}

/* Categories in byte order: which column each value is, and how many there are in all. */
static glia_status lay_out(struct work *k)
{
  int64_t n = 0;

  for (int i = 0; i < k->n_raw; i++) {
    struct raw *raw = &k->raw[i];
    n += raw->is_category ? raw->words.n : 1;
    if (!raw->is_category) continue;
    raw->rank = malloc((size_t)(raw->words.n + 1) * sizeof *raw->rank);
    GLIA_CHECK(raw->rank != NULL, GLIA_E_MEMORY, "%d categories", raw->words.n);
    glia_words_ranks_(&raw->words, raw->rank);
  }
  GLIA_CHECK(n > 0 && n <= 1 << 20, GLIA_E_SHAPE, "x would have %lld columns", (long long)n);
  k->n_x = (int)n;
  return GLIA_OK;
}

/* Names of the columns of x, one per line; of a category "column=value". */
static char *column_names(const struct work *k)
{
  size_t size = 0;
  char *text = NULL;
  FILE *f = open_memstream(&text, &size);

  if (f == NULL) return NULL;
  for (int i = 0; i < k->n_raw; i++) {
    const struct raw *raw = &k->raw[i];
    if (!raw->is_category) fprintf(f, "%s%s", i > 0 ? "\n" : "", raw->name);
    for (int v = 0; raw->is_category && v < raw->words.n; v++)
      fprintf(f, "%s%s=%s", i + v > 0 ? "\n" : "", raw->name, raw->words.word[raw->words.order[v]]);
  }
  return fclose(f) == 0 ? text : NULL;
}

/* What a missing number of each column of x becomes, one per line; 0 for words. */
static char *fills(const struct work *k)
{
  size_t size = 0;
  char *text = NULL;
  FILE *f = open_memstream(&text, &size);

  if (f == NULL) return NULL;
  for (int i = 0; i < k->n_raw; i++) {
    if (!k->raw[i].is_category) fprintf(f, "%s%.9g", i > 0 ? "\n" : "", (double)k->raw[i].fill);
    for (int v = 0; k->raw[i].is_category && v < k->raw[i].words.n; v++)
      fprintf(f, "%s0", i + v > 0 ? "\n" : "");
  }
  return fclose(f) == 0 ? text : NULL;
}

static glia_status note_fills(const struct work *k, struct glia_dataset_writer *w, int x)
{
  glia_status st = GLIA_OK;

  if (k->options->missing != GLIA_MISSING_MEAN) return GLIA_OK;
  char *text = fills(k);
  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "means of %d columns", k->n_x);
  if (strlen(text) < NOTE_MAX) st = glia_dataset_note(w, x, "fill", text);
  free(text);
  return st;
}

/* Means of the columns over these rows: what a missing number becomes, in every split. */
static glia_status find_means(struct work *k, const struct rows *r, int64_t n, const int64_t *pick)
{
  for (int c = 0; c < k->n_raw; c++) {
    double sum = 0.0;
    int64_t seen = 0;
    if (k->raw[c].is_category) continue;
    for (int64_t i = 0; i < n; i++) {
      const float v = r->x[(pick != NULL ? pick[i] : i) * k->n_raw + c];
      if (isnan(v)) continue;
      sum += (double)v;
      seen++;
    }
    GLIA_CHECK(seen > 0 || k->options->missing != GLIA_MISSING_MEAN, GLIA_E_DATA,
               "column '%s' is missing in every training row: leave it out", k->raw[c].name);
    k->raw[c].fill = seen > 0 ? (float)(sum / (double)seen) : 0.0F;
  }
  return GLIA_OK;
}

/* A row as it is written: missing numbers filled, categories one column per value, of a missing one all 0. */
static void expand(struct work *k, const float *raw, float *x)
{
  for (int c = 0; c < k->n_raw; c++) {
    const struct raw *r = &k->raw[c];
    const bool missing = isnan(raw[c]);
    k->result.filled += missing;
    if (!r->is_category) {
      *x++ = missing ? r->fill : raw[c];
      continue;
    }
    for (int v = 0; v < r->words.n; v++) x[v] = 0.0F;
    if (!missing) x[r->rank[(int)raw[c]]] = 1.0F;
    x += r->words.n;
  }
}

static glia_status append_rows(struct work *k, struct glia_dataset_writer *w, const struct rows *r,
                               int64_t n, const int64_t *pick, int x, int y)
{
  const int n_targets = k->options->n_targets;
  float *row = malloc((size_t)k->n_x * sizeof *row);
  glia_status st = GLIA_OK;

  GLIA_CHECK(row != NULL, GLIA_E_MEMORY, "a row of %d columns", k->n_x);
  for (int64_t i = 0; i < n; i++) {
    const int64_t from = pick != NULL ? pick[i] : i;
    expand(k, r->x + from * k->n_raw, row);
    GLIA_TRY_TO(out, st, glia_dataset_append(w, x, 1, row));
    if (n_targets > 0)
      GLIA_TRY_TO(out, st, glia_dataset_append(w, y, 1, r->target + from * n_targets));
    if (k->options->label != NULL)
      GLIA_TRY_TO(out, st, glia_dataset_append(w, y, 1, r->label + from));
  }
out:
  free(row);
  return st;
}

/* Rows [n] of `r` in the order `pick` (NULL: as they are) into one split. */
static glia_status write_split(struct work *k, struct glia_dataset_writer *w, const char *split,
                               const struct rows *r, int64_t n, const int64_t *pick,
                               const char *classes, const char *columns)
{
  const int n_targets = k->options->n_targets;
  const struct glia_type row = glia_type_make(GLIA_F32, 1, (int64_t[]){k->n_x});
  const struct glia_type target = glia_type_make(GLIA_F32, 1, (int64_t[]){n_targets});
  const struct glia_type label = glia_type_make(GLIA_I32, 0, NULL);
  char path[16];
  int x = 0;
  int y = -1;

  snprintf(path, sizeof path, "%s/x", split);
  GLIA_TRY(glia_dataset_define(w, path, &row, n, 1.0, 0.0, &x));
  if (strlen(columns) < NOTE_MAX) GLIA_TRY(glia_dataset_note(w, x, "columns", columns));
  GLIA_TRY(note_fills(k, w, x));
  snprintf(path, sizeof path, "%s/y", split);
  if (n_targets > 0) GLIA_TRY(glia_dataset_define(w, path, &target, n, 1.0, 0.0, &y));
  if (k->options->label != NULL) GLIA_TRY(glia_dataset_define(w, path, &label, n, 1.0, 0.0, &y));
  if (classes != NULL && strlen(classes) < NOTE_MAX)
    GLIA_TRY(glia_dataset_note(w, y, "classes", classes));
  return append_rows(k, w, r, n, pick, x, y);
}

static int by_value(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a;
  const int64_t y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

/* A share of the rows, drawn by a keyed permutation, becomes the test split; both keep the order of the file. */
static glia_status write_drawn(struct work *k, struct glia_dataset_writer *w, const char *classes,
                               const char *columns)
{
  const struct rows *r = &k->rows[0];
  const int64_t n_test = (int64_t)llround(k->options->test_fraction * (double)r->n);
  const uint64_t key = glia_random_stream(k->options->seed, "import-split");

  GLIA_CHECK(n_test >= 1 && n_test < r->n, GLIA_E_ARGUMENT,
             "a test share of %g of %" PRId64 " rows leaves a split empty",
             k->options->test_fraction, r->n);
  int64_t *pick = malloc((size_t)r->n * sizeof *pick);
  GLIA_CHECK(pick != NULL, GLIA_E_MEMORY, "%" PRId64 " rows", r->n);
  for (int64_t i = 0; i < r->n; i++) pick[i] = glia_random_permute(key, r->n, i);
  qsort(pick, (size_t)n_test, sizeof *pick, by_value);
  qsort(pick + n_test, (size_t)(r->n - n_test), sizeof *pick, by_value);
  glia_status st = find_means(k, r, r->n - n_test, pick + n_test);
  if (st == GLIA_OK)
    st = write_split(k, w, "train", r, r->n - n_test, pick + n_test, classes, columns);
  if (st == GLIA_OK) st = write_split(k, w, "test", r, n_test, pick, classes, columns);
  free(pick);
  return st;
}

static glia_status write_splits(struct work *k, struct glia_dataset_writer *w, const char *classes,
                                const char *columns)
{
  static const char *const splits[3] = {"train", "valid", "test"};
  const struct rows *train = &k->rows[0];

  if (k->options->test_fraction > 0.0) {
    GLIA_TRY(write_drawn(k, w, classes, columns));
  } else {
    GLIA_TRY(find_means(k, train, train->n, NULL));
    GLIA_TRY(write_split(k, w, "train", train, train->n, NULL, classes, columns));
  }
  for (int s = 1; s < 3; s++)
    if (k->rows[s].n > 0)
      GLIA_TRY(write_split(k, w, splits[s], &k->rows[s], k->rows[s].n, NULL, classes, columns));
  return GLIA_OK;
}

static glia_status write_all(struct work *k, const struct glia_import_out *out)
{
  struct glia_dataset_writer *w = NULL;
  char *classes = NULL;
  char *columns = NULL;
  int32_t *class = malloc((size_t)(k->labels.n + 1) * sizeof *class);
  glia_status st = GLIA_OK;

  GLIA_CHECK(class != NULL, GLIA_E_MEMORY, "%d classes", k->labels.n);
  GLIA_TRY_TO(fail, st, name_classes(k, class, &classes));
  for (int s = 0; s < 3 && k->options->label != NULL; s++)
    for (int64_t i = 0; i < k->rows[s].n; i++) k->rows[s].label[i] = class[k->rows[s].label[i]];
  GLIA_TRY_TO(fail, st, lay_out(k));
  columns = column_names(k);
  GLIA_CHECK_TO(fail, st, columns != NULL, GLIA_E_MEMORY, "names of %d columns", k->n_x);
  GLIA_TRY_TO(fail, st, glia_dataset_create(out->path, out->force, &w));
  GLIA_TRY_TO(fail, st, glia_dataset_note(w, -1, "source", "CSV files"));
  GLIA_TRY_TO(fail, st, write_splits(k, w, classes, columns));
  GLIA_TRY_TO(fail, st, glia_dataset_commit(&w));
fail:
  glia_dataset_abort(&w);
  free(classes);
  free(columns);
  free(class);
  return st;
}

static void forget(struct work *k)
{
  for (int s = 0; s < 3; s++) {
    free(k->rows[s].x);
    free(k->rows[s].target);
    free(k->rows[s].label);
  }
  for (int i = 0; i < k->n_raw; i++) {
    free(k->raw[i].name);
    free(k->raw[i].rank);
    glia_words_free_(&k->raw[i].words);
  }
  glia_words_free_(&k->labels);
  free(k->raw);
  free(k->use);
}

glia_status glia_import_csv(const struct glia_import_csv *o, const struct glia_import_out *out,
                            struct glia_import_csv_result *result)
{
  const char *const path[3] = {o->train, o->valid, o->test};
  struct work k = {.options = o};
  glia_status st = GLIA_OK;

  GLIA_CHECK(o->train != NULL, GLIA_E_ARGUMENT, "no file of training rows");
  GLIA_CHECK(o->label == NULL || o->n_targets == 0, GLIA_E_ARGUMENT,
             "a label and targets exclude each other");
  GLIA_CHECK(o->test_fraction >= 0.0 && o->test_fraction < 1.0 &&
                 (o->test_fraction == 0.0 || o->test == NULL),
             GLIA_E_ARGUMENT, "a test share of %g%s", o->test_fraction,
             o->test != NULL ? " beside a test file" : "");
  for (int s = 0; s < 3; s++)
    if (path[s] != NULL) GLIA_TRY_TO(fail, st, read_file(&k, path[s], &k.rows[s], out->progress));
  GLIA_TRY_TO(fail, st, write_all(&k, out));
  if (result != NULL) *result = k.result;
fail:
  forget(&k);
  return st;
}
