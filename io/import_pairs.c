/* Imports of formats that keep an array per file: IDX, .npy. */
#include "import_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const splits[3] = {"train", "valid", "test"};
static const size_t BLOCK_BYTES = (size_t)1 << 20;

static glia_status check_finite(const struct glia_import_array *a, const unsigned char *data,
                                size_t count, int64_t first_row)
{
  const size_t per_row = (size_t)glia_type_count(&a->row);

  if (!glia_dtype_is_float(a->row.dtype)) return GLIA_OK;
  for (size_t i = 0; i < count; i++) {
    float f = 0.0f;
    double v = 0.0;
    if (a->row.dtype == GLIA_F32) {
      memcpy(&f, data + 4 * i, 4);
      v = (double)f;
    } else {
      memcpy(&v, data + 8 * i, 8);
    }
    GLIA_CHECK(isfinite(v), GLIA_E_DATA, "%s: row %lld holds %g", glia_stream_path_(a->stream),
               (long long)(first_row + (int64_t)(i / per_row)), v);
  }
  return GLIA_OK;
}

static glia_status copy_rows(struct glia_import_array *a, struct glia_dataset_writer *w, int array,
                             unsigned char *block, int64_t block_rows)
{
  const size_t per_row = (size_t)glia_type_count(&a->row);

  for (int64_t at = 0; at < a->n; at += block_rows) {
    const int64_t rows = a->n - at < block_rows ? a->n - at : block_rows;
    const size_t count = (size_t)rows * per_row;
    GLIA_TRY(glia_stream_read_all_(a->stream, block, count * a->stored.bytes));
    glia_elements_keep_(&a->stored, count, block);
    GLIA_TRY(check_finite(a, block, count, at));
    GLIA_TRY(glia_dataset_append(w, array, rows, block));
  }
  return glia_stream_expect_end_(a->stream);
}

static glia_status copy_array(struct glia_import_array *a, struct glia_dataset_writer *w,
                              const char *split, const char *field, double scale, double offset)
{
  char path[32];
  int array = 0;
  const size_t row_bytes = glia_type_bytes(&a->row);
  const int64_t block_rows = row_bytes < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / row_bytes) : 1;

  snprintf(path, sizeof path, "%s/%s", split, field);
  GLIA_TRY(glia_dataset_define(w, path, &a->row, a->n, scale, offset, &array));
  unsigned char *block = malloc((size_t)block_rows * row_bytes);
  GLIA_CHECK(block != NULL, GLIA_E_MEMORY, "%s: a block of rows", path);
  const glia_status st = copy_rows(a, w, array, block, block_rows);
  free(block);
  return st;
}

static glia_status open_array(const char *path, glia_import_header *header,
                              struct glia_progress *progress, struct glia_import_array *a)
{
  *a = (struct glia_import_array){0};
  GLIA_TRY(glia_stream_open_(path, progress, &a->stream));
  GLIA_TRY(header(a->stream, a));
  GLIA_CHECK(a->n > 0 && glia_type_count(&a->row) > 0, GLIA_E_SHAPE, "%s holds no rows", path);
  return GLIA_OK;
}

static glia_status import_split(int split, const struct glia_import_pair *pair,
                                glia_import_header *header, struct glia_dataset_writer *w,
                                double scale, double offset, struct glia_type *first_row,
                                struct glia_progress *progress)
{
  struct glia_import_array x = {0};
  struct glia_import_array y = {0};
  char a[128];
  char b[128];
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, open_array(pair->x, header, progress, &x));
  if (first_row->rank < 0) *first_row = x.row;
  GLIA_CHECK_TO(out, st, glia_type_equal(&x.row, first_row), GLIA_E_SHAPE,
                "%s has rows %s, another split has %s", pair->x,
                glia_type_text(&x.row, a, sizeof a), glia_type_text(first_row, b, sizeof b));
  if (pair->y != NULL) {
    GLIA_TRY_TO(out, st, open_array(pair->y, header, progress, &y));
    GLIA_CHECK_TO(out, st, x.n == y.n, GLIA_E_SHAPE, "%s has %lld rows, %s has %lld", pair->x,
                  (long long)x.n, pair->y, (long long)y.n);
  }
  if (scale == 0.0) scale = x.row.dtype == GLIA_U8 ? 1.0 / 255.0 : 1.0;
  GLIA_TRY_TO(out, st, copy_array(&x, w, splits[split], "x", scale, offset));
  if (pair->y != NULL) GLIA_TRY_TO(out, st, copy_array(&y, w, splits[split], "y", 1.0, 0.0));
out:
  glia_stream_close_(&x.stream);
  glia_stream_close_(&y.stream);
  return st;
}

glia_status glia_import_pairs_(const struct glia_import_pair pair[3], glia_import_header *header,
                               double x_scale, double x_offset, const char *source,
                               const struct glia_import_out *out)
{
  struct glia_dataset_writer *w = NULL;
  struct glia_type first_row = {.rank = -1};
  int n = 0;
  glia_status st = GLIA_OK;

  for (int i = 0; i < 3; i++) n += pair[i].x != NULL;
  GLIA_CHECK(n > 0, GLIA_E_ARGUMENT, "no input files");
  GLIA_TRY(glia_dataset_create(out->path, out->force, &w));
  GLIA_TRY_TO(fail, st, glia_dataset_note(w, -1, "source", source));
  for (int i = 0; i < 3; i++)
    if (pair[i].x != NULL)
      GLIA_TRY_TO(
          fail, st,
          import_split(i, &pair[i], header, w, x_scale, x_offset, &first_row, out->progress));
  GLIA_TRY_TO(fail, st, glia_dataset_commit(&w));
fail:
  glia_dataset_abort(&w);
  return st;
}
