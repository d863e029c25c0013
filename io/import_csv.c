/* Tables of numbers. All rows are held in memory (4 bytes a cell) until the classes and the split are known. */
#include "import_priv.h"

#include "glia_random.h"
#include "glia_text.h"
#include "table_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES_MAX = 65536 };
enum { USE_X = -1, USE_SKIP = -2, USE_LABEL = -3 }; /* >= 0: target of this number */

struct rows {
  int64_t n;
  int64_t max;
  float *x;       /* [n, n_x] */
  float *target;  /* [n, n_targets] */
  int32_t *label; /* [n] into the words */
};

struct work {
  const struct glia_import_csv *options;
  struct rows rows[3]; /* train, valid, test */
  int n_columns;       /* of the first file; the others must have as many */
  int n_x;
  int *use;    /* [n_columns] */
  char *names; /* of the columns of x, one per line */
  int n_words;
  char **word;    /* [n_words] as first seen */
  int32_t *order; /* [n_words] words in byte order */
  int64_t dropped;
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
  size_t bytes = 1;

  k->n_columns = t->n_columns;
  k->use = malloc((size_t)t->n_columns * sizeof *k->use);
  GLIA_CHECK(k->use != NULL, GLIA_E_MEMORY, "%d columns", t->n_columns);
  for (int i = 0; i < t->n_columns; i++) k->use[i] = USE_X;
  if (o->label != NULL) GLIA_TRY(claim(k, t, path, o->label, USE_LABEL));
  for (int i = 0; i < o->n_targets; i++) GLIA_TRY(claim(k, t, path, o->target[i], i));
  for (int i = 0; i < o->n_skipped; i++) GLIA_TRY(claim(k, t, path, o->skip[i], USE_SKIP));
  for (int i = 0; i < t->n_columns; i++)
    if (k->use[i] == USE_X) {
      k->n_x++;
      bytes += strlen(t->name[i]) + 1;
    }
  GLIA_CHECK(k->n_x > 0, GLIA_E_SHAPE, "%s has no column left for x", path);
  k->names = calloc(1, bytes);
  GLIA_CHECK(k->names != NULL, GLIA_E_MEMORY, "%d columns", t->n_columns);
  char *to = k->names;
  for (int i = 0; i < t->n_columns; i++)
    if (k->use[i] == USE_X) to += sprintf(to, "%s%s", to > k->names ? "\n" : "", t->name[i]);
  return GLIA_OK;
}

/* Number of a word, new or known. */
static glia_status word_number(struct work *k, const struct glia_table *t, const char *word,
                               int32_t *out)
{
  int lo = 0;
  int hi = k->n_words;

  while (lo < hi) {
    const int mid = (lo + hi) / 2;
    const int c = strcmp(k->word[k->order[mid]], word);
    if (c == 0) return *out = k->order[mid], GLIA_OK;
    if (c < 0) lo = mid + 1;
    if (c > 0) hi = mid;
  }
  GLIA_CHECK(
      k->n_words < CLASSES_MAX, GLIA_E_DATA,
      "%s:%" PRId64
      ": the label column has more than %d different values: is it a target of a regression?",
      glia_stream_path_(t->stream), t->line, (int)CLASSES_MAX);
  char **words = realloc(k->word, (size_t)(k->n_words + 1) * sizeof *words);
  if (words != NULL) k->word = words;
  int32_t *order = realloc(k->order, (size_t)(k->n_words + 1) * sizeof *order);
  if (order != NULL) k->order = order;
  char *copy = strdup(word);
  if (words == NULL || order == NULL || copy == NULL) {
    free(copy);
    return GLIA_FAIL(GLIA_E_MEMORY, "%d classes", k->n_words);
  }
  memmove(order + lo + 1, order + lo, (size_t)(k->n_words - lo) * sizeof *order);
  order[lo] = k->n_words;
  words[k->n_words] = copy;
  *out = k->n_words++;
  return GLIA_OK;
}

static glia_status grow(const struct work *k, struct rows *r)
{
  const int64_t max = r->max * 2 + 1024;
  const size_t targets = k->options->n_targets > 0 ? (size_t)k->options->n_targets : 1;

  if (r->n < r->max) return GLIA_OK;
  float *x = realloc(r->x, (size_t)max * (size_t)k->n_x * sizeof *x);
  if (x != NULL) r->x = x;
  float *target = realloc(r->target, (size_t)max * targets * sizeof *target);
  if (target != NULL) r->target = target;
  int32_t *label = realloc(r->label, (size_t)max * sizeof *label);
  if (label != NULL) r->label = label;
  GLIA_CHECK(x != NULL && target != NULL && label != NULL, GLIA_E_MEMORY, "%" PRId64 " rows", max);
  r->max = max;
  return GLIA_OK;
}

/* A cell as a finite number; *missing when it is empty and rows with such cells are dropped. */
static glia_status read_number(const struct work *k, const struct glia_table *t, int column,
                               float *out, bool *missing)
{
  const char *cell = t->cell[column];
  double v = 0.0;

  GLIA_CHECK(
      glia_table_number_(cell, &v), GLIA_E_DATA,
      "%s:%" PRId64
      ": column '%s' holds '%.40s', expected a number: leave the column out, or name it as label",
      glia_stream_path_(t->stream), t->line, t->name[column], cell);
  *missing |= isnan(v);
  GLIA_CHECK(!isnan(v) || k->options->drop_missing, GLIA_E_DATA,
             "%s:%" PRId64
             ": column '%s' is missing ('%s'): drop such rows, or leave the column out",
             glia_stream_path_(t->stream), t->line, t->name[column], cell);
  *out = (float)v;
  GLIA_CHECK(isnan(v) || isfinite(*out), GLIA_E_DATA,
             "%s:%" PRId64 ": column '%s' holds '%s', too large for float32",
             glia_stream_path_(t->stream), t->line, t->name[column], cell);
  return GLIA_OK;
}

static glia_status read_row(struct work *k, const struct glia_table *t, struct rows *r)
{
  bool missing = false;
  int x = 0;

  GLIA_TRY(grow(k, r));
  for (int i = 0; i < t->n; i++) {
    if (k->use[i] == USE_SKIP) continue;
    if (k->use[i] == USE_X) GLIA_TRY(read_number(k, t, i, &r->x[r->n * k->n_x + x++], &missing));
    if (k->use[i] >= 0)
      GLIA_TRY(
          read_number(k, t, i, &r->target[r->n * k->options->n_targets + k->use[i]], &missing));
    if (k->use[i] == USE_LABEL) {
      GLIA_CHECK(t->cell[i][0] != '\0' || k->options->drop_missing, GLIA_E_DATA,
                 "%s:%" PRId64 ": the label is missing", glia_stream_path_(t->stream), t->line);
      missing |= t->cell[i][0] == '\0';
      if (!missing) GLIA_TRY(word_number(k, t, t->cell[i], &r->label[r->n]));
    }
  }
  k->dropped += missing;
  r->n += !missing;
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
                k->dropped > 0 ? ": all have missing cells" : "");
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
  for (int i = 0; i < k->n_words; i++) {
    int64_t v = 0;
    double r = 0.0;
    const bool is_whole = glia_parse_int(k->word[i], &v);
    GLIA_CHECK(
        is_whole || !glia_parse_real(k->word[i], &r), GLIA_E_DATA,
        "the label column holds %s: a class is a whole number or a word; a regression has targets",
        k->word[i]);
    words |= !is_whole;
    whole &= is_whole && v >= 0 && v < CLASSES_MAX;
    class[i] = (int32_t)v;
    bytes += strlen(k->word[i]) + 1;
  }
  if (whole && !words) return GLIA_OK;
  char *text = calloc(1, bytes);
  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "%d classes", k->n_words);
  char *to = text;
  for (int i = 0; i < k->n_words; i++) {
    class[k->order[i]] = i;
    to += sprintf(to, "%s%s", i > 0 ? "\n" : "", k->word[k->order[i]]);
  }
  *classes = text;
  return GLIA_OK;
}

/* Rows [n] of `r` in the order `pick` (NULL: as they are) into one split. */
static glia_status write_split(const struct work *k, struct glia_dataset_writer *w,
                               const char *split, const struct rows *r, int64_t n,
                               const int64_t *pick, const char *classes)
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
  if (strlen(k->names) < 32768) GLIA_TRY(glia_dataset_note(w, x, "columns", k->names));
  snprintf(path, sizeof path, "%s/y", split);
  if (n_targets > 0) GLIA_TRY(glia_dataset_define(w, path, &target, n, 1.0, 0.0, &y));
  if (k->options->label != NULL) GLIA_TRY(glia_dataset_define(w, path, &label, n, 1.0, 0.0, &y));
  if (classes != NULL && strlen(classes) < 32768)
    GLIA_TRY(glia_dataset_note(w, y, "classes", classes));
  for (int64_t i = 0; i < n; i++) {
    const int64_t from = pick != NULL ? pick[i] : i;
    GLIA_TRY(glia_dataset_append(w, x, 1, r->x + from * k->n_x));
    if (n_targets > 0) GLIA_TRY(glia_dataset_append(w, y, 1, r->target + from * n_targets));
    if (k->options->label != NULL) GLIA_TRY(glia_dataset_append(w, y, 1, r->label + from));
  }
  return GLIA_OK;
}

static int by_value(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a;
  const int64_t y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

/* A share of the rows, drawn by a keyed permutation, becomes the test split; both keep the order of the file. */
static glia_status write_drawn(const struct work *k, struct glia_dataset_writer *w,
                               const char *classes)
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
  glia_status st = write_split(k, w, "train", r, r->n - n_test, pick + n_test, classes);
  if (st == GLIA_OK) st = write_split(k, w, "test", r, n_test, pick, classes);
  free(pick);
  return st;
}

static glia_status write_all(struct work *k, const struct glia_import_out *out)
{
  static const char *const splits[3] = {"train", "valid", "test"};
  struct glia_dataset_writer *w = NULL;
  char *classes = NULL;
  int32_t *class = malloc((size_t)(k->n_words + 1) * sizeof *class);
  glia_status st = GLIA_OK;

  GLIA_CHECK(class != NULL, GLIA_E_MEMORY, "%d classes", k->n_words);
  GLIA_TRY_TO(fail, st, name_classes(k, class, &classes));
  for (int s = 0; s < 3 && k->options->label != NULL; s++)
    for (int64_t i = 0; i < k->rows[s].n; i++) k->rows[s].label[i] = class[k->rows[s].label[i]];
  GLIA_TRY_TO(fail, st, glia_dataset_create(out->path, out->force, &w));
  GLIA_TRY_TO(fail, st, glia_dataset_note(w, -1, "source", "CSV files"));
  if (k->options->test_fraction > 0.0)
    GLIA_TRY_TO(fail, st, write_drawn(k, w, classes));
  else
    GLIA_TRY_TO(fail, st, write_split(k, w, "train", &k->rows[0], k->rows[0].n, NULL, classes));
  for (int s = 1; s < 3; s++)
    if (k->rows[s].n > 0)
      GLIA_TRY_TO(fail, st, write_split(k, w, splits[s], &k->rows[s], k->rows[s].n, NULL, classes));
  GLIA_TRY_TO(fail, st, glia_dataset_commit(&w));
fail:
  glia_dataset_abort(&w);
  free(classes);
  free(class);
  return st;
}

glia_status glia_import_csv(const struct glia_import_csv *o, const struct glia_import_out *out,
                            int64_t *dropped)
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
  if (dropped != NULL) *dropped = k.dropped;
fail:
  for (int s = 0; s < 3; s++) {
    free(k.rows[s].x);
    free(k.rows[s].target);
    free(k.rows[s].label);
  }
  for (int i = 0; i < k.n_words; i++) free(k.word[i]);
  free(k.word);
  free(k.order);
  free(k.use);
  free(k.names);
  return st;
}
