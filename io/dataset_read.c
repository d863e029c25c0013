/* Datasets as sources of rows: in memory when they fit, else from the file (row_reader_priv.h). */
#include "dataset_priv.h"
#include "row_reader_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct array {
  struct glia_h5_array info;
  struct glia_type type; /* [n, row...] */
  size_t row_bytes;
  char *data;                    /* the whole split, or NULL */
  hid_t id;                      /* open while rows come from the file, else -1 */
  struct glia_row_reader reader; /* while rows come from the file */
};

struct dataset {
  struct glia_source source;
  char *name; /* "x.h5:/train" */
  struct glia_h5_names names;
  struct glia_field *field;
  struct array *array;
  hid_t file;
  int fd;
};

/* First row that is not finite, -1 when all are. */
static int64_t bad_row(const struct array *a, int64_t n_rows, const char *data, double *found)
{
  const int64_t per_row = (int64_t)(a->row_bytes / glia_dtype_size(a->type.dtype));

  if (a->type.dtype == GLIA_F32) {
    const float *v = (const float *)(const void *)data;
    for (int64_t i = 0; i < n_rows * per_row; i++)
      if (!isfinite(v[i])) return *found = (double)v[i], i / per_row;
  } else if (a->type.dtype == GLIA_F64) {
    const double *v = (const double *)(const void *)data;
    for (int64_t i = 0; i < n_rows * per_row; i++)
      if (!isfinite(v[i])) return *found = v[i], i / per_row;
  }
  return -1;
}

static glia_status refuse_row(const struct dataset *d, int field, int64_t row, double found)
{
  return GLIA_FAIL(GLIA_E_DATA, "%s/%s holds %g in row %lld: data for training must be finite",
                   d->name, d->field[field].name, found, (long long)row);
}

static glia_status read_from_memory(const struct array *a, int64_t n_rows, const int64_t *row,
                                    int64_t *place, char *out)
{
  for (int64_t i = 0; i < n_rows; i++) {
    memcpy(out + (size_t)i * a->row_bytes, a->data + (size_t)row[i] * a->row_bytes, a->row_bytes);
    if (place != NULL) place[i] = i;
  }
  return GLIA_OK;
}

static glia_status read_anywhere(void *self, int field, int64_t n_rows, const int64_t *row,
                                 int64_t *place, void *out)
{
  struct dataset *d = self;
  struct array *a = &d->array[field];
  double found = 0.0;

  for (int64_t i = 0; i < n_rows; i++)
    GLIA_CHECK(row[i] >= 0 && row[i] < d->source.n, GLIA_E_ARGUMENT, "%s: row %lld of %lld",
               d->name, (long long)row[i], (long long)d->source.n);
  if (a->data != NULL) return read_from_memory(a, n_rows, row, place, out);
  GLIA_TRY(glia_row_reader_read_(&a->reader, n_rows, row, place, out));
  const int64_t bad = bad_row(a, n_rows, out, &found);
  if (bad < 0) return GLIA_OK;
  int64_t i = bad;
  if (place != NULL)
    for (i = 0; place[i] != bad; i++) {
    }
  return refuse_row(d, field, row[i], found);
}

static glia_status read_rows(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  return read_anywhere(self, field, n_rows, row, NULL, out);
}

static void close_dataset(void *self)
{
  struct dataset *d = self;

  glia_h5_lock_();
  for (int i = 0; i < d->source.n_fields; i++) {
    struct array *a = &d->array[i];
    glia_h5_close_(&a->id);
    free(a->data);
    glia_row_reader_fini_(&a->reader);
  }
  glia_h5_close_(&d->file);
  glia_h5_unlock_();
  if (d->fd >= 0) close(d->fd);
  glia_h5_free_names_(&d->names);
  free(d->array);
  free(d->field);
  free(d->name);
  free(d);
}

static glia_status read_scale(const struct array *a, struct glia_field *f, const char *name)
{
  bool found = false;

  f->scale = 1.0;
  f->offset = 0.0;
  GLIA_TRY(glia_h5_get_real_(a->id, "scale", &f->scale, &found));
  GLIA_TRY(glia_h5_get_real_(a->id, "offset", &f->offset, &found));
  GLIA_CHECK(isfinite(f->scale) && f->scale != 0.0 && isfinite(f->offset), GLIA_E_DATA,
             "%s/%s: scale %g and offset %g make no values", name, f->name, f->scale, f->offset);
  return GLIA_OK;
}

static glia_status open_fields(struct dataset *d, const char *path, hid_t group)
{
  for (int i = 0; i < d->names.n; i++) {
    struct array *a = &d->array[i];
    struct glia_field *f = &d->field[i];
    GLIA_TRY(glia_h5_array_open_(group, d->name, d->names.name[i], &a->id, &a->info));
    const int rank = a->info.type.rank;
    GLIA_CHECK(rank >= 1, GLIA_E_SHAPE, "%s/%s is a single number, expected rows", d->name,
               d->names.name[i]);
    GLIA_CHECK(a->info.type.dtype != GLIA_BF16, GLIA_E_UNSUPPORTED,
               "%s/%s holds bf16, in which parameters are stored: write it as f32", d->name,
               d->names.name[i]);
    a->type = a->info.type;
    *f = (struct glia_field){.name = d->names.name[i],
                             .row = glia_type_make(a->type.dtype, rank - 1, &a->type.dim[1])};
    a->row_bytes = glia_type_bytes(&f->row);
    GLIA_CHECK(a->row_bytes > 0, GLIA_E_SHAPE, "%s/%s has rows without elements", d->name, f->name);
    GLIA_TRY(read_scale(a, f, d->name));
  }
  const int x = glia_source_field(&d->source, "x") > 0 ? glia_source_field(&d->source, "x") : 0;
  d->source.n = d->array[x].type.dim[0];
  for (int i = 0; i < d->names.n; i++)
    GLIA_CHECK(d->array[i].type.dim[0] == d->source.n, GLIA_E_SHAPE,
               "%s: /%s/%s has %lld rows, /%s/%s has %lld: was the file cut short?", path,
               strrchr(d->name, '/') + 1, d->field[i].name, (long long)d->array[i].type.dim[0],
               strrchr(d->name, '/') + 1, d->field[x].name, (long long)d->source.n);
  GLIA_CHECK(d->source.n > 0, GLIA_E_SHAPE, "%s has no rows", d->name);
  if (d->array[x].info.chunked) d->source.chunk_rows = d->array[x].info.chunk_rows;
  return GLIA_OK;
}

static glia_status load_all(struct dataset *d)
{
  for (int i = 0; i < d->source.n_fields; i++) {
    struct array *a = &d->array[i];
    double found = 0.0;
    a->data = malloc(glia_type_bytes(&a->type));
    GLIA_CHECK(a->data != NULL, GLIA_E_MEMORY, "%s: %zu bytes", d->name, glia_type_bytes(&a->type));
    GLIA_TRY(glia_h5_array_read_(a->id, &a->type, a->data));
    const int64_t bad = bad_row(a, d->source.n, a->data, &found);
    if (bad >= 0) return refuse_row(d, i, bad, found);
    glia_h5_close_(&a->id);
  }
  glia_h5_close_(&d->file);
  return GLIA_OK;
}

/* Read from the file; packed arrays share limit_bytes for what they keep. */
static glia_status read_from_file(struct dataset *d, const char *path, size_t limit_bytes)
{
  d->source.slow = true;
  d->fd = open(path, O_RDONLY | O_CLOEXEC);
  GLIA_CHECK(d->fd >= 0, GLIA_E_IO, "%s: %s", path, strerror(errno));
  for (int i = 0; i < d->source.n_fields; i++) {
    struct array *a = &d->array[i];
    GLIA_TRY(glia_row_reader_init_(&a->reader, d->name, &a->info, a->id, d->fd, a->row_bytes,
                                   limit_bytes / (size_t)d->source.n_fields));
  }
  return GLIA_OK;
}

static glia_status find_split(hid_t file, const char *path, const char *split, hid_t *out)
{
  bool group = false;
  bool array = false;
  bool have[3] = {false};
  static const char *const splits[3] = {"train", "valid", "test"};

  GLIA_TRY(glia_h5_exists_(file, split, &group, &array));
  for (int i = 0; i < 3 && !group; i++)
    GLIA_TRY(glia_h5_exists_(file, splits[i], &have[i], &array));
  GLIA_CHECK(group, GLIA_E_MISSING, "%s has no split '%s', it has:%s%s%s%s", path, split,
             have[0] ? " train" : "", have[1] ? " valid" : "", have[2] ? " test" : "",
             have[0] || have[1] || have[2] ? "" : " none");
  *out = H5Gopen2(file, split, H5P_DEFAULT);
  GLIA_TRY_H5(*out, GLIA_E_DATA, "%s: /%s", path, split);
  return GLIA_OK;
}

static glia_status open_split(struct dataset *d, const char *path, const char *split,
                              size_t limit_bytes)
{
  hid_t group = -1;
  size_t bytes = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_open_(path, &d->file));
  GLIA_TRY(glia_h5_check_kind_(d->file, path, "dataset", GLIA_DATASET_FORMAT));
  GLIA_TRY_TO(out, st, find_split(d->file, path, split, &group));
  GLIA_TRY_TO(out, st, glia_h5_names_(group, path, &d->names));
  GLIA_CHECK_TO(out, st, d->names.n > 0, GLIA_E_DATA, "%s: /%s is empty", path, split);
  d->field = calloc((size_t)d->names.n, sizeof *d->field);
  d->array = calloc((size_t)d->names.n, sizeof *d->array);
  GLIA_CHECK_TO(out, st, d->field != NULL && d->array != NULL, GLIA_E_MEMORY, "%s: %d fields", path,
                d->names.n);
  for (int i = 0; i < d->names.n; i++) {
    d->array[i].id = -1;
    d->field[i].name = d->names.name[i];
  }
  d->source.n_fields = d->names.n;
  d->source.field = d->field;
  GLIA_TRY_TO(out, st, open_fields(d, path, group));
  for (int i = 0; i < d->names.n; i++) bytes += glia_type_bytes(&d->array[i].type);
  if (bytes <= limit_bytes)
    GLIA_TRY_TO(out, st, load_all(d));
  else
    GLIA_TRY_TO(out, st, read_from_file(d, path, limit_bytes));
out:
  glia_h5_close_(&group);
  return st;
}

/* A split that is not rows of one length: rows of different lengths, opened into *out, or the nodes of a graph. Where rows go by the
 * name of a split, they are meant. */
static glia_status open_other(const char *path, const char *split, struct glia_source **out,
                              bool *graph)
{
  static const char *const splits[3] = {"train", "valid", "test"};
  bool have[3] = {false}, rows = false, array = false, ragged = false;
  hid_t file = -1, group = -1;

  GLIA_TRY(glia_h5_open_(path, &file));
  glia_status st = glia_h5_check_kind_(file, path, "dataset", GLIA_DATASET_FORMAT);
  if (st == GLIA_OK) st = glia_h5_exists_(file, split, &rows, &array);
  if (st == GLIA_OK && rows) {
    group = H5Gopen2(file, split, H5P_DEFAULT);
    st = group < 0 ? GLIA_H5_FAIL(GLIA_E_DATA, "%s: /%s", path, split)
                   : glia_dataset_ragged_find_(group, path, &ragged);
    glia_h5_close_(&group);
  } else if (st == GLIA_OK) {
    st = glia_dataset_graph_splits_(file, have);
  }
  for (int i = 0; i < 3; i++) *graph |= have[i] && strcmp(splits[i], split) == 0;
  if (st == GLIA_OK && ragged) st = glia_dataset_ragged_open_(file, path, split, out);
  glia_h5_close_(&file);
  return st;
}

glia_status glia_dataset_open(const char *path, const char *split, size_t memory_limit_bytes,
                              struct glia_source **out)
{
  const size_t n = strlen(path) + strlen(split) + 3;
  bool graph = false;

  *out = NULL;
  glia_h5_lock_();
  const glia_status found = open_other(path, split, out, &graph);
  glia_h5_unlock_();
  if (found != GLIA_OK || *out != NULL) return found;
  if (graph) return glia_dataset_graph_open_(path, split, out);
  struct dataset *d = calloc(1, sizeof *d);
  GLIA_CHECK(d != NULL, GLIA_E_MEMORY, "%s", path);
  d->file = -1;
  d->fd = -1;
  d->source = (struct glia_source){
      .self = d, .read = read_rows, .read_anywhere = read_anywhere, .close = close_dataset};
  d->name = malloc(n);
  if (d->name == NULL) {
    close_dataset(d);
    return GLIA_FAIL(GLIA_E_MEMORY, "%s", path);
  }
  snprintf(d->name, n, "%s:/%s", path, split);
  d->source.name = d->name;
  glia_h5_lock_();
  const glia_status st = open_split(
      d, path, split, memory_limit_bytes > 0 ? memory_limit_bytes : GLIA_SOURCE_MEMORY_BYTES);
  glia_h5_unlock_();
  if (st != GLIA_OK) {
    close_dataset(d);
    return st;
  }
  *out = &d->source;
  return GLIA_OK;
}

static glia_status list_splits(const char *path, bool have[3])
{
  static const char *const splits[3] = {"train", "valid", "test"};
  hid_t file = -1;
  bool array = false;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_open_(path, &file));
  GLIA_TRY_TO(out, st, glia_h5_check_kind_(file, path, "dataset", GLIA_DATASET_FORMAT));
  for (int i = 0; i < 3; i++)
    GLIA_TRY_TO(out, st, glia_h5_exists_(file, splits[i], &have[i], &array));
  if (!have[0] && !have[1] && !have[2]) st = glia_dataset_graph_splits_(file, have);
out:
  glia_h5_close_(&file);
  return st;
}

glia_status glia_dataset_splits(const char *path, bool *train, bool *valid, bool *test)
{
  bool have[3] = {false};

  glia_h5_lock_();
  const glia_status st = list_splits(path, have);
  glia_h5_unlock_();
  *train = have[0];
  *valid = have[1];
  *test = have[2];
  return st;
}

glia_status glia_dataset_text(const char *path, const char *array, const char *name, char **out)
{
  bool group = false, there = false, found = false;
  hid_t file = -1, id = -1;
  glia_status st = GLIA_OK;

  *out = NULL;
  glia_h5_lock_();
  GLIA_TRY_TO(out, st, glia_h5_open_(path, &file));
  GLIA_TRY_TO(out, st, glia_h5_check_kind_(file, path, "dataset", GLIA_DATASET_FORMAT));
  GLIA_TRY_TO(out, st, glia_h5_exists_(file, array, &group, &there));
  if (!there) goto out;
  id = H5Oopen(file, array, H5P_DEFAULT);
  if (id < 0) st = GLIA_H5_FAIL(GLIA_E_DATA, "%s: /%s", path, array);
  if (st == GLIA_OK) st = glia_h5_get_text_(id, name, out, &found);
out:
  glia_h5_close_(&id);
  glia_h5_close_(&file);
  glia_h5_unlock_();
  return st;
}
