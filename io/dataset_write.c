/* Writing datasets.
 *
 * An array is made in the file when its first buffer is full, or at the end when it never was: small arrays and
 * floats of known length are contiguous (read without HDF5's lock); others are in chunks of about 1 MiB, integers
 * deflated at level 1 behind a shuffle of their bytes.
 */
#include "glia_dataset.h"
#include "h5_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t CHUNK_BYTES = (size_t)1 << 20;

struct note {
  char *name;
  char *text;
  struct note *next;
};

struct array {
  char *path;
  struct glia_type row;
  size_t row_bytes;
  int64_t n;       /* rows promised, -1: not known */
  int64_t written; /* rows in the file */
  int64_t held;    /* rows in the buffer */
  int64_t buffer_rows;
  char *buffer;
  double scale;
  double offset;
  bool plain;
  hid_t id; /* -1 until made */
  struct note *notes;
};

struct glia_dataset_writer {
  struct glia_h5_out out;
  int n;
  struct array *array;
};

glia_status glia_dataset_create(const char *path, bool force, struct glia_dataset_writer **out)
{
  struct glia_dataset_writer *w = calloc(1, sizeof *w);

  *out = NULL;
  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "%s", path);
  glia_h5_lock_();
  const glia_status st =
      glia_h5_out_begin_(&w->out, path, "dataset", GLIA_DATASET_FORMAT, force, GLIA_H5_WHOLE);
  glia_h5_unlock_();
  if (st != GLIA_OK) {
    free(w);
    return st;
  }
  *out = w;
  return GLIA_OK;
}

static glia_status check_path(const char *path)
{
  const char *slash = strchr(path, '/');
  const size_t n = slash == NULL ? 0 : (size_t)(slash - path);
  const bool split =
      (n == 5 && (strncmp(path, "train", n) == 0 || strncmp(path, "valid", n) == 0)) ||
      (n == 4 && strncmp(path, "test", n) == 0);

  GLIA_CHECK(split && slash[1] != '\0' && strchr(slash + 1, '/') == NULL &&
                 strcmp(slash + 1, ".") != 0 && strlen(path) < 256,
             GLIA_E_ARGUMENT, "'%s' is not train/FIELD, valid/FIELD or test/FIELD", path);
  return GLIA_OK;
}

glia_status glia_dataset_define(struct glia_dataset_writer *w, const char *path,
                                const struct glia_type *row, int64_t n, double scale, double offset,
                                int *out)
{
  const size_t row_bytes = glia_type_bytes(row);

  GLIA_TRY(check_path(path));
  GLIA_CHECK(row->rank < GLIA_MAX_RANK && row_bytes > 0 && row->dtype != GLIA_BOOL, GLIA_E_ARGUMENT,
             "%s: rows without elements, of rank %d or of bool", path, row->rank);
  GLIA_CHECK(isfinite(scale) && scale != 0.0 && isfinite(offset), GLIA_E_ARGUMENT,
             "%s: scale %g, offset %g", path, scale, offset);
  for (int i = 0; i < w->n; i++)
    GLIA_CHECK(strcmp(w->array[i].path, path) != 0, GLIA_E_EXISTS, "%s is defined already", path);
  struct array *more = realloc(w->array, (size_t)(w->n + 1) * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%s", path);
  w->array = more;
  struct array *a = &w->array[w->n];
  *a = (struct array){
      .row = *row, .row_bytes = row_bytes, .n = n, .scale = scale, .offset = offset, .id = -1};
  a->buffer_rows = (int64_t)(CHUNK_BYTES / row_bytes) > 0 ? (int64_t)(CHUNK_BYTES / row_bytes) : 1;
  a->path = strdup(path);
  a->buffer = malloc((size_t)a->buffer_rows * row_bytes);
  if (a->path == NULL || a->buffer == NULL) {
    free(a->path);
    free(a->buffer);
    return GLIA_FAIL(GLIA_E_MEMORY, "%s", path);
  }
  *out = w->n++;
  return GLIA_OK;
}

/* final_rows: how many there will be, -1 when more than the buffer holds and not known. */
static glia_status make_array(struct glia_dataset_writer *w, struct array *a, int64_t final_rows)
{
  const bool is_float = glia_dtype_is_float(a->row.dtype);
  const bool small = final_rows >= 0 && final_rows <= a->buffer_rows;
  const bool pack = !is_float && !small && !a->plain;
  const int64_t chunk_rows = final_rows < 0 || pack ? a->buffer_rows : 0;

  GLIA_TRY(glia_h5_rows_create_(w->out.file, a->path, glia_h5_type_(a->row.dtype), &a->row,
                                final_rows, chunk_rows, pack, &a->id));
  if (a->scale != 1.0) GLIA_TRY(glia_h5_put_real_(a->id, "scale", a->scale));
  if (a->offset != 0.0) GLIA_TRY(glia_h5_put_real_(a->id, "offset", a->offset));
  return GLIA_OK;
}

static glia_status write_rows(struct array *a, int64_t n_rows, const void *rows)
{
  GLIA_TRY(glia_h5_rows_write_(a->id, a->path, glia_h5_type_(a->row.dtype), &a->row, a->written,
                               n_rows, a->n < 0, rows));
  a->written += n_rows;
  return GLIA_OK;
}

static glia_status flush(struct glia_dataset_writer *w, struct array *a, bool last)
{
  if (a->id < 0) {
    if (last && a->n < 0) a->n = a->held; /* it never filled its buffer: now its length is known */
    GLIA_TRY(make_array(w, a, a->n));
  }
  if (a->held > 0) GLIA_TRY(write_rows(a, a->held, a->buffer));
  a->held = 0;
  return glia_h5_out_check_(&w->out);
}

static glia_status append(struct glia_dataset_writer *w, struct array *a, int64_t n_rows,
                          const char *rows)
{
  GLIA_CHECK(a->n < 0 || a->written + a->held + n_rows <= a->n, GLIA_E_SHAPE,
             "%s: row %lld appended, %lld expected", a->path,
             (long long)(a->written + a->held + n_rows), (long long)a->n);
  while (n_rows > 0) {
    const int64_t room = a->buffer_rows - a->held;
    const int64_t now = n_rows < room ? n_rows : room;
    memcpy(a->buffer + (size_t)a->held * a->row_bytes, rows, (size_t)now * a->row_bytes);
    a->held += now;
    n_rows -= now;
    rows += (size_t)now * a->row_bytes;
    if (a->held == a->buffer_rows && (a->id >= 0 || n_rows > 0 || a->n >= 0))
      GLIA_TRY(flush(w, a, false));
  }
  return GLIA_OK;
}

glia_status glia_dataset_plain(struct glia_dataset_writer *w, int array)
{
  GLIA_CHECK(array >= 0 && array < w->n && w->array[array].n >= 0 && w->array[array].id < 0,
             GLIA_E_ARGUMENT, "array %d", array);
  w->array[array].plain = true;
  return GLIA_OK;
}

glia_status glia_dataset_append(struct glia_dataset_writer *w, int array, int64_t n_rows,
                                const void *rows)
{
  GLIA_CHECK(array >= 0 && array < w->n && n_rows >= 0, GLIA_E_ARGUMENT, "array %d, %lld rows",
             array, (long long)n_rows);
  glia_h5_lock_();
  const glia_status st = append(w, &w->array[array], n_rows, rows);
  glia_h5_unlock_();
  return st;
}

glia_status glia_dataset_note(struct glia_dataset_writer *w, int array, const char *name,
                              const char *text)
{
  glia_status st = GLIA_OK;

  GLIA_CHECK(array < w->n, GLIA_E_ARGUMENT, "array %d of %d", array, w->n);
  if (array < 0) {
    glia_h5_lock_();
    st = glia_h5_put_text_(w->out.file, name, text);
    glia_h5_unlock_();
    return st;
  }
  struct note *note = calloc(1, sizeof *note); /* kept: the array may not be in the file yet */
  GLIA_CHECK(note != NULL, GLIA_E_MEMORY, "%s", name);
  *note = (struct note){strdup(name), strdup(text), w->array[array].notes};
  w->array[array].notes = note;
  GLIA_CHECK(note->name != NULL && note->text != NULL, GLIA_E_MEMORY, "%s", name);
  return GLIA_OK;
}

/* Fields of one split have the same number of rows. */
static glia_status check_splits(const struct glia_dataset_writer *w)
{
  for (int i = 0; i < w->n; i++)
    for (int k = 0; k < i; k++) {
      const struct array *a = &w->array[i];
      const struct array *b = &w->array[k];
      const size_t split = (size_t)(strchr(a->path, '/') - a->path) + 1;
      GLIA_CHECK(strncmp(a->path, b->path, split) != 0 || a->written == b->written, GLIA_E_SHAPE,
                 "%s has %lld rows, %s has %lld", a->path, (long long)a->written, b->path,
                 (long long)b->written);
    }
  return GLIA_OK;
}

static glia_status finish(struct glia_dataset_writer *w)
{
  for (int i = 0; i < w->n; i++) {
    struct array *a = &w->array[i];
    GLIA_CHECK(a->n < 0 || a->written + a->held == a->n, GLIA_E_SHAPE,
               "%s got %lld rows, %lld expected", a->path, (long long)(a->written + a->held),
               (long long)a->n);
    GLIA_TRY(flush(w, a, true));
    for (const struct note *note = a->notes; note != NULL; note = note->next)
      GLIA_TRY(glia_h5_put_text_(a->id, note->name, note->text));
    glia_h5_close_(&a->id);
  }
  GLIA_TRY(check_splits(w));
  return glia_h5_out_commit_(&w->out);
}

glia_status glia_dataset_commit(struct glia_dataset_writer **w)
{
  glia_h5_lock_();
  const glia_status st = finish(*w);
  glia_h5_unlock_();
  glia_dataset_abort(w); /* after a commit nothing is left to remove */
  return st;
}

void glia_dataset_abort(struct glia_dataset_writer **w)
{
  if (w == NULL || *w == NULL) return;
  glia_h5_lock_();
  for (int i = 0; i < (*w)->n; i++) {
    struct array *a = &(*w)->array[i];
    glia_h5_close_(&a->id);
    while (a->notes != NULL) {
      struct note *next = a->notes->next;
      free(a->notes->name);
      free(a->notes->text);
      free(a->notes);
      a->notes = next;
    }
    free(a->path);
    free(a->buffer);
  }
  glia_h5_out_abort_(&(*w)->out);
  glia_h5_unlock_();
  free((*w)->array);
  free(*w);
  *w = NULL;
}
