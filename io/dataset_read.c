/* Datasets as sources of rows: in memory when they fit, else from the file.
 *
 * From the file, whole runs of plain arrays are read with pread. Packed arrays, and rows scattered over few chunks, are read in
 * blocks of a chunk's rows that stay in a cache, the least recently used making room; neither needs HDF5 or its lock but
 * for chunks of unusual kinds (chunk_priv.h).
 */
#include "block_cache_priv.h"
#include "chunk_priv.h"
#include "dataset_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t MEMORY_LIMIT_BYTES = (size_t)2 << 30;
static const size_t BLOCK_MAX_BYTES = (size_t)64 << 20;
static const size_t BLOCK_PLAIN_BYTES = (size_t)1 << 20; /* of an array without chunks */
enum { HINT_BYTES = 12 << 10, LINE_BYTES = 64 };         /* how far ahead rows are asked for */
static const size_t RUN_BYTES = (size_t)32 << 10; /* from here on a run is read where it goes */

struct array {
  struct glia_h5_array info;
  struct glia_type type; /* [n, row...] */
  size_t row_bytes;
  char *data; /* the whole split, or NULL */
  hid_t id;   /* open while rows come from the file, else -1 */
  struct glia_chunks chunks;
  unsigned char *packed, *mixed; /* scratch for a chunk */
  struct glia_block_cache cache;
};

struct dataset {
  struct glia_source source;
  char *name; /* "x.h5:/train" */
  struct glia_h5_names names;
  struct glia_field *field;
  struct array *array;
  hid_t file;
  int fd;
  pthread_mutex_t cache; /* guards the slots of all arrays */
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

static glia_status load_block(const struct dataset *d, const struct array *a, int64_t block,
                              char *out)
{
  const int64_t lo = block * a->cache.rows;
  const int64_t hi = lo + a->cache.rows < a->type.dim[0] ? lo + a->cache.rows : a->type.dim[0];

  if (a->info.offset >= 0)
    return glia_pread_(d->fd, d->name, a->info.offset + lo * (int64_t)a->row_bytes,
                       (size_t)(hi - lo) * a->row_bytes, out);
  if (a->chunks.n > 0)
    return glia_chunk_read_(&a->chunks, d->fd, d->name, block, a->packed, a->mixed,
                            (unsigned char *)out);
  glia_h5_lock_();
  const glia_status st = glia_h5_array_read_rows_(a->id, &a->type, lo, hi, out);
  glia_h5_unlock_();
  return st;
}

/* The row in the cache, its block loaded if need be. */
static glia_status cached_row(const struct dataset *d, struct array *a, int64_t row,
                              const char **out)
{
  struct glia_block_cache *c = &a->cache;
  const int64_t block = row / c->rows;
  char *room = NULL;
  int slot = 0;

  *out = glia_block_cache_look_(c, row);
  if (*out == NULL) {
    GLIA_TRY(glia_block_cache_room_(c, &room, &slot));
    GLIA_TRY(load_block(d, a, block, room));
    glia_block_cache_put_(c, block, slot);
    *out = glia_block_cache_look_(c, row);
  }
  glia_block_cache_used_(c, block);
  return GLIA_OK;
}

/* Ask for a row's cache lines: rows of a window lie wherever they lie, and to wait for each in turn costs as much as to read
 * the file. A hint alone. */
static void fetch_row(const struct array *a, int64_t row)
{
#ifdef __GNUC__
  const char *from = glia_block_cache_look_(&a->cache, row);
  const size_t bytes = a->row_bytes < HINT_BYTES ? a->row_bytes : HINT_BYTES;

  for (size_t i = 0; from != NULL && i < bytes; i += LINE_BYTES) __builtin_prefetch(from + i);
#else
  (void)a;
  (void)row;
#endif
}

static glia_status read_cached(struct dataset *d, struct array *a, int64_t n_rows,
                               const int64_t *row, char *out)
{
  const int64_t ahead = a->row_bytes < HINT_BYTES ? HINT_BYTES / (int64_t)a->row_bytes : 1;
  glia_status st = GLIA_OK;

  pthread_mutex_lock(&d->cache);
  for (int64_t i = 0; i < n_rows && st == GLIA_OK; i++) {
    const char *from = NULL;
    st = cached_row(d, a, row[i], &from);
    if (i + ahead < n_rows) fetch_row(a, row[i + ahead]);
    if (st == GLIA_OK) memcpy(out + (size_t)i * a->row_bytes, from, a->row_bytes);
  }
  pthread_mutex_unlock(&d->cache);
  return st;
}

static glia_status read_plain(const struct dataset *d, const struct array *a, int64_t n_rows,
                              const int64_t *row, char *out)
{
  for (int64_t i = 0; i < n_rows;) {
    int64_t run = 1; /* neighbours in the file go in one read */
    while (i + run < n_rows && row[i + run] == row[i] + run) run++;
    GLIA_TRY(glia_pread_(d->fd, d->name, a->info.offset + row[i] * (int64_t)a->row_bytes,
                         (size_t)run * a->row_bytes, out + (size_t)i * a->row_bytes));
    i += run;
  }
  return GLIA_OK;
}

/* Are runs of neighbours so short that whole blocks are read faster? */
static bool scattered(const struct array *a, int64_t n_rows, const int64_t *row)
{
  int64_t runs = 1;

  for (int64_t i = 1; i < n_rows; i++) runs += row[i] != row[i - 1] + 1;
  return (size_t)n_rows * a->row_bytes < (size_t)runs * RUN_BYTES;
}

static glia_status read_rows(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  struct dataset *d = self;
  struct array *a = &d->array[field];
  double found = 0.0;

  for (int64_t i = 0; i < n_rows; i++)
    GLIA_CHECK(row[i] >= 0 && row[i] < d->source.n, GLIA_E_ARGUMENT, "%s: row %lld of %lld",
               d->name, (long long)row[i], (long long)d->source.n);
  if (a->data != NULL) {
    for (int64_t i = 0; i < n_rows; i++)
      memcpy((char *)out + (size_t)i * a->row_bytes, a->data + (size_t)row[i] * a->row_bytes,
             a->row_bytes);
    return GLIA_OK;
  }
  if (a->info.offset >= 0 && !(d->source.by_chunks && scattered(a, n_rows, row)))
    GLIA_TRY(read_plain(d, a, n_rows, row, out));
  else
    GLIA_TRY(read_cached(d, a, n_rows, row, out));
  const int64_t bad = bad_row(a, n_rows, out, &found);
  return bad < 0 ? GLIA_OK : refuse_row(d, field, row[bad], found);
}

static void close_dataset(void *self)
{
  struct dataset *d = self;

  glia_h5_lock_();
  for (int i = 0; i < d->source.n_fields; i++) {
    struct array *a = &d->array[i];
    glia_h5_close_(&a->id);
    free(a->data);
    glia_block_cache_fini_(&a->cache);
    free(a->chunks.place);
    free(a->packed);
    free(a->mixed);
  }
  glia_h5_close_(&d->file);
  glia_h5_unlock_();
  if (d->fd >= 0) close(d->fd);
  pthread_mutex_destroy(&d->cache);
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

/* Where the chunks lie, when they can be read without HDF5 as blocks. */
static glia_status find_chunks(const struct dataset *d, struct array *a)
{
  struct stat s;

  GLIA_CHECK(fstat(d->fd, &s) == 0, GLIA_E_IO, "%s: %s", d->name, strerror(errno));
  if (a->info.chunked && a->cache.rows == a->info.chunk_rows)
    GLIA_TRY(glia_chunks_find_(a->id, d->name, &a->info, (int64_t)s.st_size, &a->chunks));
  if (a->chunks.n == 0) return GLIA_OK;
  a->packed = malloc(glia_chunks_packed_max_(&a->chunks));
  a->mixed = malloc(a->chunks.bytes);
  GLIA_CHECK(a->packed != NULL && a->mixed != NULL, GLIA_E_MEMORY, "%s: a chunk of %zu bytes",
             d->name, a->chunks.bytes);
  return GLIA_OK;
}

static glia_status make_caches(struct dataset *d, const char *path, size_t limit_bytes)
{
  d->source.slow = true;
  d->fd = open(path, O_RDONLY | O_CLOEXEC);
  GLIA_CHECK(d->fd >= 0, GLIA_E_IO, "%s: %s", path, strerror(errno));
  for (int i = 0; i < d->source.n_fields; i++) {
    struct array *a = &d->array[i];
    const int64_t most = (int64_t)(BLOCK_MAX_BYTES / a->row_bytes) + 1;
    const int64_t plain = (int64_t)(BLOCK_PLAIN_BYTES / a->row_bytes);
    int64_t rows = a->info.chunked ? a->info.chunk_rows : plain > 0 ? plain : 1;
    if (rows > most) rows = most;
    GLIA_TRY(glia_block_cache_init_(&a->cache, a->type.dim[0], rows, a->row_bytes,
                                    limit_bytes / (size_t)d->source.n_fields, a->info.offset >= 0));
    GLIA_TRY(find_chunks(d, a));
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
    GLIA_TRY_TO(out, st, make_caches(d, path, limit_bytes));
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
  pthread_mutex_init(&d->cache, NULL);
  d->source = (struct glia_source){.self = d, .read = read_rows, .close = close_dataset};
  d->name = malloc(n);
  if (d->name == NULL) {
    close_dataset(d);
    return GLIA_FAIL(GLIA_E_MEMORY, "%s", path);
  }
  snprintf(d->name, n, "%s:/%s", path, split);
  d->source.name = d->name;
  glia_h5_lock_();
  const glia_status st =
      open_split(d, path, split, memory_limit_bytes > 0 ? memory_limit_bytes : MEMORY_LIMIT_BYTES);
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
