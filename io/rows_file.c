/* Rows into .npy, .csv or a dataset: see glia_rows_file.h. */
#include "glia_rows_file.h"

#include "elements_priv.h"
#include "glia_dataset.h"
#include "npy_priv.h"
#include "tempfile_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 1 << 16, CELL_BYTES = 64 };

typedef enum { NPY, CSV, DATASET } format;

struct glia_rows_file {
  format format;
  struct glia_tempfile temp;
  struct glia_dataset_writer *dataset;
  int n_fields;
  struct glia_field *field; /* [n_fields]; names are borrowed */
  int *array;               /* [n_fields] of the dataset */
  int64_t n, written;
  bool values;
  size_t used;
  char *text; /* [TEXT_BYTES] of a table, not yet written */
};

static bool ends_with(const char *text, const char *end)
{
  const size_t n = strlen(text), m = strlen(end);

  return n > m && strcmp(text + n - m, end) == 0;
}

static bool is_scaled(const struct glia_rows_file *f, int i)
{
  return f->values && (f->field[i].scale != 1.0 || f->field[i].offset != 0.0);
}

static glia_status flush(struct glia_rows_file *f)
{
  const size_t n = f->used;

  f->used = 0;
  return n > 0 ? glia_tempfile_write_(&f->temp, f->text, n) : GLIA_OK;
}

static glia_status put(struct glia_rows_file *f, const char *text)
{
  const size_t n = strlen(text);

  if (f->used + n > TEXT_BYTES) GLIA_TRY(flush(f));
  memcpy(f->text + f->used, text, n);
  f->used += n;
  return GLIA_OK;
}

static glia_status begin_table(struct glia_rows_file *f)
{
  char cell[300];
  const char *comma = "";

  f->text = malloc(TEXT_BYTES);
  GLIA_CHECK(f->text != NULL, GLIA_E_MEMORY, "a row of text");
  for (int i = 0; i < f->n_fields; i++) {
    const int64_t count = glia_type_count(&f->field[i].row);
    for (int64_t k = 0; k < count; k++) {
      if (f->field[i].row.rank == 0)
        snprintf(cell, sizeof cell, "%s%.200s", comma, f->field[i].name);
      else
        snprintf(cell, sizeof cell, "%s%.200s_%" PRId64, comma, f->field[i].name, k);
      GLIA_TRY(put(f, cell));
      comma = ",";
    }
  }
  return put(f, "\n");
}

static glia_status begin_npy(struct glia_rows_file *f)
{
  char header[GLIA_NPY_HEADER_MAX];
  const struct glia_type *row = &f->field[0].row;
  int64_t dim[GLIA_MAX_RANK + 1] = {f->n};

  GLIA_CHECK(f->n_fields == 1, GLIA_E_ARGUMENT,
             ".npy holds one field, there are %d: .csv and .h5 hold several", f->n_fields);
  GLIA_CHECK(row->rank < GLIA_MAX_RANK, GLIA_E_UNSUPPORTED, "rows of rank %d", (int)row->rank);
  memcpy(dim + 1, row->dim, (size_t)row->rank * sizeof *dim);
  const struct glia_type all =
      glia_type_make(is_scaled(f, 0) ? GLIA_F32 : row->dtype, row->rank + 1, dim);
  const size_t n = glia_npy_make_header_(&all, header);
  return glia_tempfile_write_(&f->temp, header, n);
}

static glia_status begin_dataset(struct glia_rows_file *f, const char *path, bool force,
                                 const char *split)
{
  char name[256];

  GLIA_TRY(glia_dataset_create(path, force, &f->dataset));
  for (int i = 0; i < f->n_fields; i++) {
    snprintf(name, sizeof name, "%s/%.200s", split, f->field[i].name);
    GLIA_TRY(glia_dataset_define(f->dataset, name, &f->field[i].row, f->n, f->field[i].scale,
                                 f->field[i].offset, &f->array[i]));
  }
  return GLIA_OK;
}

static glia_status begin(struct glia_rows_file *f, const char *path, bool force, const char *split)
{
  if (f->format == DATASET) return begin_dataset(f, path, force, split);
  GLIA_TRY(glia_tempfile_begin_(&f->temp, path, force));
  return f->format == CSV ? begin_table(f) : begin_npy(f);
}

glia_status glia_rows_file_create(const char *path, bool force, const char *split, int n_fields,
                                  const struct glia_field *field, int64_t n, bool values,
                                  struct glia_rows_file **out)
{
  struct glia_rows_file *f = calloc(1, sizeof *f);

  *out = NULL;
  GLIA_CHECK(f != NULL, GLIA_E_MEMORY, "%s", path);
  *f = (struct glia_rows_file){.temp.fd = -1,
                               .n = n,
                               .n_fields = n_fields,
                               .values = values,
                               .format = ends_with(path, ".npy")   ? NPY
                                         : ends_with(path, ".csv") ? CSV
                                                                   : DATASET};
  f->field = malloc((size_t)n_fields * sizeof *f->field);
  f->array = calloc((size_t)n_fields, sizeof *f->array);
  glia_status st = GLIA_OK;
  if (f->field == NULL || f->array == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "%s: %d fields", path, n_fields);
  else
    memcpy(f->field, field, (size_t)n_fields * sizeof *field);
  if (st == GLIA_OK && f->format == DATASET && !ends_with(path, ".h5"))
    st = GLIA_FAIL(GLIA_E_ARGUMENT, "%s: rows go to .npy, .csv or .h5", path);
  if (st == GLIA_OK) st = begin(f, path, force, split);
  if (st != GLIA_OK) {
    glia_rows_file_abort(&f);
    return st;
  }
  *out = f;
  return GLIA_OK;
}

/* Numbers as short as they can be and still be read as the same ones. */
static void print_number(const struct glia_rows_file *f, int i, const void *data, int64_t k,
                         const char *comma, char cell[CELL_BYTES])
{
  const struct glia_field *field = &f->field[i];
  const glia_dtype t = field->row.dtype;
  double v = glia_element_get_(t, data, k);

  if (is_scaled(f, i)) v = v * field->scale + field->offset;
  if (t == GLIA_I64 && !is_scaled(f, i))
    snprintf(cell, CELL_BYTES, "%s%" PRId64, comma, ((const int64_t *)data)[k]);
  else if (t == GLIA_F64)
    snprintf(cell, CELL_BYTES, "%s%.17g", comma, v);
  else
    snprintf(cell, CELL_BYTES, "%s%.9g", comma, v);
}

static glia_status append_table(struct glia_rows_file *f, int64_t n_rows, const void *const *data)
{
  char cell[CELL_BYTES];

  for (int64_t r = 0; r < n_rows; r++) {
    const char *comma = "";
    for (int i = 0; i < f->n_fields; i++) {
      const int64_t count = glia_type_count(&f->field[i].row);
      for (int64_t k = 0; k < count; k++) {
        print_number(f, i, data[i], r * count + k, comma, cell);
        GLIA_TRY(put(f, cell));
        comma = ",";
      }
    }
    GLIA_TRY(put(f, "\n"));
  }
  return GLIA_OK;
}

static glia_status append_npy(struct glia_rows_file *f, int64_t n_rows, const void *data)
{
  const struct glia_field *field = &f->field[0];
  const int64_t count = n_rows * glia_type_count(&field->row);

  if (!is_scaled(f, 0))
    return glia_tempfile_write_(&f->temp, data, (size_t)n_rows * glia_type_bytes(&field->row));
  float *values = malloc((size_t)count * sizeof *values + 1);
  GLIA_CHECK(values != NULL, GLIA_E_MEMORY, "%" PRId64 " values", count);
  for (int64_t k = 0; k < count; k++)
    values[k] =
        (float)(glia_element_get_(field->row.dtype, data, k) * field->scale + field->offset);
  const glia_status st = glia_tempfile_write_(&f->temp, values, (size_t)count * sizeof *values);
  free(values);
  return st;
}

glia_status glia_rows_file_append(struct glia_rows_file *f, int64_t n_rows, const void *const *data)
{
  f->written += n_rows;
  if (f->format == CSV) return append_table(f, n_rows, data);
  if (f->format == NPY) return append_npy(f, n_rows, data[0]);
  for (int i = 0; i < f->n_fields; i++)
    GLIA_TRY(glia_dataset_append(f->dataset, f->array[i], n_rows, data[i]));
  return GLIA_OK;
}

glia_status glia_rows_file_commit(struct glia_rows_file **pf)
{
  struct glia_rows_file *f = *pf;
  glia_status st = GLIA_OK;

  if (f->written != f->n)
    st =
        GLIA_FAIL(GLIA_E_SHAPE, "%" PRId64 " rows written, %" PRId64 " expected", f->written, f->n);
  if (st == GLIA_OK && f->format == CSV) st = flush(f);
  if (st == GLIA_OK)
    st = f->format == DATASET ? glia_dataset_commit(&f->dataset) : glia_tempfile_commit_(&f->temp);
  glia_rows_file_abort(pf);
  return st;
}

void glia_rows_file_abort(struct glia_rows_file **pf)
{
  if (pf == NULL || *pf == NULL) return;
  struct glia_rows_file *f = *pf;
  glia_dataset_abort(&f->dataset);
  glia_tempfile_abort_(&f->temp);
  free(f->field);
  free(f->array);
  free(f->text);
  free(f);
  *pf = NULL;
}
