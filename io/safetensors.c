/* safetensors: 8 bytes of length, that many of JSON, the elements without gaps; split files behind an index.
 * Source: the format's description in huggingface/safetensors, README. */
#include "glia_text.h"
#include "tempfile_priv.h"
#include "weights_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HEADER_MAX = 64 << 20 };
static const int64_t COUNT_MAX = (int64_t)1 << 48;

static const struct {
  const char *name;
  struct glia_stored stored;
} types[] = {{"F32", {GLIA_F32, 4, GLIA_WIDEN_NONE, false}},
             {"F64", {GLIA_F64, 8, GLIA_WIDEN_NONE, false}},
             {"F16", {GLIA_F32, 2, GLIA_WIDEN_F16, false}},
             {"BF16", {GLIA_F32, 2, GLIA_WIDEN_BF16, false}},
             {"I64", {GLIA_I64, 8, GLIA_WIDEN_NONE, false}},
             {"I32", {GLIA_I32, 4, GLIA_WIDEN_NONE, false}},
             {"I16", {GLIA_I32, 2, GLIA_WIDEN_I16, false}},
             {"U16", {GLIA_I32, 2, GLIA_WIDEN_U16, false}},
             {"I8", {GLIA_I8, 1, GLIA_WIDEN_NONE, false}},
             {"U8", {GLIA_U8, 1, GLIA_WIDEN_NONE, false}},
             {"BOOL", {GLIA_BOOL, 1, GLIA_WIDEN_NONE, false}}};

static glia_status read_shape(const char *path, const char *name, const json_t *shape,
                              struct glia_type *type)
{
  int64_t count = 1;

  GLIA_CHECK(json_is_array(shape), GLIA_E_DATA, "%s: %s has no shape", path, name);
  GLIA_CHECK(json_array_size(shape) <= GLIA_MAX_RANK, GLIA_E_UNSUPPORTED,
             "%s: %s has rank %zu, at most %d is read", path, name, json_array_size(shape),
             (int)GLIA_MAX_RANK);
  type->rank = (int32_t)json_array_size(shape);
  for (int i = 0; i < type->rank; i++) {
    const json_t *e = json_array_get(shape, (size_t)i);
    const int64_t n = json_is_integer(e) ? (int64_t)json_integer_value(e) : -1;
    GLIA_CHECK(n >= 0 && n <= COUNT_MAX && (n == 0 || count <= COUNT_MAX / n), GLIA_E_DATA,
               "%s: %s has an impossible shape", path, name);
    type->dim[i] = n;
    if (n > 0) count *= n;
  }
  return GLIA_OK;
}

static glia_status read_entry(struct glia_weights *w, const char *path, int file, int64_t base,
                              int64_t data_bytes, const char *name, const json_t *e)
{
  const char *dtype = json_string_value(json_object_get(e, "dtype"));
  const json_t *offsets = json_object_get(e, "data_offsets");
  struct glia_type type = {0};
  size_t t = 0;

  GLIA_CHECK(dtype != NULL && json_is_array(offsets) && json_array_size(offsets) == 2 &&
                 json_is_integer(json_array_get(offsets, 0)) &&
                 json_is_integer(json_array_get(offsets, 1)) && json_object_size(e) == 3,
             GLIA_E_DATA, "%s: %s does not tell dtype, shape and data_offsets", path, name);
  while (t < GLIA_COUNT(types) && strcmp(types[t].name, dtype) != 0) t++;
  GLIA_CHECK(
      t < GLIA_COUNT(types), GLIA_E_UNSUPPORTED,
      "%s: %s holds %.16s; F64, F32, F16, BF16, I64, I32, I16, U16, I8, U8 and BOOL are read", path,
      name, dtype);
  GLIA_TRY(read_shape(path, name, json_object_get(e, "shape"), &type));
  type.dtype = types[t].stored.dtype;
  const int64_t lo = (int64_t)json_integer_value(json_array_get(offsets, 0));
  const int64_t hi = (int64_t)json_integer_value(json_array_get(offsets, 1));
  const int64_t bytes = glia_type_count(&type) * (int64_t)types[t].stored.bytes;
  GLIA_CHECK(lo >= 0 && hi >= lo && hi <= data_bytes, GLIA_E_DATA,
             "%s: %s lies at bytes %lld to %lld of %lld: was the file cut short?", path, name,
             (long long)lo, (long long)hi, (long long)data_bytes);
  GLIA_CHECK(hi - lo == bytes, GLIA_E_DATA, "%s: %s has %lld bytes, its shape needs %lld", path,
             name, (long long)(hi - lo), (long long)bytes);
  return glia_weights_add_(w, name, types[t].name, &type,
                           &(struct glia_weight_place){file, base + lo, types[t].stored});
}

struct span {
  int64_t lo, hi;
};

static int by_start(const void *a, const void *b)
{
  const struct span *x = a, *y = b;

  return x->lo != y->lo ? (x->lo > y->lo) - (x->lo < y->lo) : (x->hi > y->hi) - (x->hi < y->hi);
}

/* The format has neither gaps nor overlaps: either could hide something. */
static glia_status check_spans(const struct glia_weights *w, int first, const char *path,
                               int64_t base, int64_t data_bytes)
{
  const int n = w->n - first;
  struct span *span = malloc((size_t)(n + 1) * sizeof *span);
  int64_t at = base;
  bool whole = true;

  GLIA_CHECK(span != NULL, GLIA_E_MEMORY, "%s: %d arrays", path, n);
  for (int i = 0; i < n; i++) {
    const struct glia_weight_place *p = &w->place[first + i];
    span[i].lo = p->offset;
    span[i].hi = p->offset + glia_type_count(&w->list[first + i].type) * (int64_t)p->stored.bytes;
  }
  qsort(span, (size_t)n, sizeof *span, by_start);
  for (int i = 0; i < n; i++) {
    whole &= span[i].lo == at;
    at = span[i].hi;
  }
  free(span);
  GLIA_CHECK(whole && at == base + data_bytes, GLIA_E_DATA,
             "%s: its arrays leave gaps, overlap, or do not fill its %lld bytes: was it cut short?",
             path, (long long)data_bytes);
  return GLIA_OK;
}

static glia_status read_entries(struct glia_weights *w, const char *path, int file, int64_t base,
                                int64_t data_bytes, json_t *root)
{
  const int first = w->n;
  const char *name;
  json_t *e;

  GLIA_CHECK(json_is_object(root), GLIA_E_DATA, "%s: its header is no JSON object", path);
  json_object_foreach(root, name, e)
  {
    if (strcmp(name, "__metadata__") == 0) continue;
    GLIA_CHECK(json_is_object(e), GLIA_E_DATA, "%s: %s is not described", path, name);
    GLIA_TRY(read_entry(w, path, file, base, data_bytes, name, e));
  }
  return check_spans(w, first, path, base, data_bytes);
}

glia_status glia_safetensors_open_(struct glia_weights *w, const char *path)
{
  unsigned char length[8];
  json_error_t error;
  struct stat s;
  int file = 0;
  uint64_t n = 0;

  GLIA_TRY(glia_weights_file_(w, path, &file));
  GLIA_CHECK(fstat(w->fd[file], &s) == 0 && S_ISREG(s.st_mode), GLIA_E_IO,
             "%s is not a regular file", path);
  GLIA_TRY(glia_weights_pread_(w, file, 0, sizeof length, length));
  for (int i = 7; i >= 0; i--) n = n << 8 | length[i];
  GLIA_CHECK(n >= 2 && n <= HEADER_MAX && (int64_t)n <= (int64_t)s.st_size - 8, GLIA_E_DATA,
             "%s: a header of %llu bytes in a file of %lld: not safetensors, or cut short", path,
             (unsigned long long)n, (long long)s.st_size);
  char *text = malloc((size_t)n);
  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "%s: a header of %llu bytes", path,
             (unsigned long long)n);
  glia_status st = glia_weights_pread_(w, file, 8, (size_t)n, text);
  if (st == GLIA_OK) {
    json_t *root = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
      st = GLIA_FAIL(GLIA_E_DATA, "%s: its header is no JSON: %s", path, error.text);
    else
      st = read_entries(w, path, file, 8 + (int64_t)n, (int64_t)s.st_size - 8 - (int64_t)n, root);
    json_decref(root);
  }
  free(text);
  return st;
}

/* Path of a file beside `path`; NULL: out of memory. */
static char *beside(const char *path, const char *name)
{
  const char *slash = strrchr(path, '/');
  const size_t folder = slash != NULL ? (size_t)(slash - path) + 1 : 0;
  char *out = malloc(folder + strlen(name) + 1);

  if (out != NULL) sprintf(out, "%.*s%s", (int)folder, path, name);
  return out;
}

/* Open the files that the map names, once each; names[i] is the i-th's. */
static glia_status open_parts(struct glia_weights *w, const char *path, json_t *map, json_t *files)
{
  const char *name;
  json_t *e;

  json_object_foreach(map, name, e)
  {
    const char *file = json_string_value(e);
    GLIA_CHECK(file != NULL && file[0] != '\0' && file[0] != '.' && strchr(file, '/') == NULL,
               GLIA_E_DATA, "%s: %s does not name a file beside it", path, name);
    if (json_object_get(files, file) != NULL) continue;
    json_object_set_new(files, file, json_integer(w->n_files));
    char *full = beside(path, file);
    GLIA_CHECK(full != NULL, GLIA_E_MEMORY, "%s", path);
    const glia_status st = glia_safetensors_open_(w, full);
    free(full);
    GLIA_TRY(st);
  }
  return GLIA_OK;
}

static glia_status check_map(const struct glia_weights *w, const char *path, json_t *map,
                             json_t *files)
{
  GLIA_CHECK((size_t)w->n == json_object_size(map), GLIA_E_DATA,
             "%s names %zu arrays, its files hold %d", path, json_object_size(map), w->n);
  for (int i = 0; i < w->n; i++) {
    const char *file = json_string_value(json_object_get(map, w->list[i].name));
    GLIA_CHECK(file != NULL && json_integer_value(json_object_get(files, file)) == w->place[i].file,
               GLIA_E_DATA, "%s: %s is not in the file that it names", path, w->list[i].name);
  }
  return GLIA_OK;
}

glia_status glia_safetensors_index_(struct glia_weights *w, const char *path)
{
  json_error_t error;
  struct stat s;
  glia_status st = GLIA_OK;

  GLIA_CHECK(stat(path, &s) == 0 && s.st_size <= HEADER_MAX, GLIA_E_DATA,
             "%s is too large for an index", path);
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  GLIA_CHECK(root != NULL, GLIA_E_DATA, "%s: no JSON: %s", path, error.text);
  json_t *map = json_object_get(root, "weight_map");
  json_t *files = json_object();
  if (!json_is_object(map) || files == NULL)
    st = GLIA_FAIL(GLIA_E_DATA, "%s has no weight_map", path);
  if (st == GLIA_OK) st = open_parts(w, path, map, files);
  if (st == GLIA_OK) st = check_map(w, path, map, files);
  json_decref(files);
  json_decref(root);
  return st;
}

static const char *type_as(const struct glia_array *a, glia_weights_as as)
{
  static const char *const kept[] = {
      [GLIA_F32] = "F32", [GLIA_F64] = "F64", [GLIA_I32] = "I32",   [GLIA_I64] = "I64",
      [GLIA_I8] = "I8",   [GLIA_U8] = "U8",   [GLIA_BOOL] = "BOOL", [GLIA_BF16] = "BF16"};
  static const char *const floats[] = {"", "F32", "F16", "BF16"};

  return as == GLIA_WEIGHTS_KEEP || !glia_dtype_is_float(a->type.dtype) ? kept[a->type.dtype]
                                                                        : floats[as];
}

/* The header of arrays [n], padded with blanks to whole 8 bytes; the caller frees it. */
static char *make_header(int n, const struct glia_array *array, glia_weights_as as)
{
  json_t *root = json_object();
  int64_t at = 0;

  for (int i = 0; i < n; i++) {
    const int64_t bytes = (int64_t)glia_weights_bytes_as_(&array[i], as);
    json_t *shape = json_array();
    for (int k = 0; k < array[i].type.rank; k++)
      json_array_append_new(shape, json_integer((json_int_t)array[i].type.dim[k]));
    json_object_set_new(root, array[i].path,
                        json_pack("{s:s, s:o, s:[I, I]}", "dtype", type_as(&array[i], as), "shape",
                                  shape, "data_offsets", (json_int_t)at, (json_int_t)(at + bytes)));
    at += bytes;
  }
  char *text = json_dumps(root, JSON_COMPACT);
  json_decref(root);
  if (text == NULL) return NULL;
  const size_t length = strlen(text), padded = (length + 7) / 8 * 8;
  char *out = malloc(padded + 1);
  if (out != NULL) sprintf(out, "%-*s", (int)padded, text);
  free(text);
  return out;
}

static glia_status write_arrays(struct glia_tempfile *t, int n, const struct glia_array *array,
                                glia_weights_as as)
{
  unsigned char length[8];
  char *header = make_header(n, array, as);

  GLIA_CHECK(header != NULL, GLIA_E_MEMORY, "a header of %d arrays", n);
  for (int i = 0; i < 8; i++) length[i] = (unsigned char)(strlen(header) >> 8 * i);
  glia_status st = glia_tempfile_write_(t, length, sizeof length);
  if (st == GLIA_OK) st = glia_tempfile_write_(t, header, strlen(header));
  free(header);
  for (int i = 0; i < n && st == GLIA_OK; i++) {
    const size_t bytes = glia_weights_bytes_as_(&array[i], as);
    void *data = malloc(bytes + 1);
    if (data == NULL) return GLIA_FAIL(GLIA_E_MEMORY, "%s: %zu bytes", array[i].path, bytes);
    glia_weights_convert_(&array[i], as, data);
    st = glia_tempfile_write_(t, data, bytes);
    free(data);
  }
  return st;
}

static glia_status write_one(const char *path, bool force, int n, const struct glia_array *array,
                             glia_weights_as as)
{
  struct glia_tempfile t;

  GLIA_TRY(glia_tempfile_begin_(&t, path, force));
  const glia_status st = write_arrays(&t, n, array, as);
  if (st == GLIA_OK) return glia_tempfile_commit_(&t);
  glia_tempfile_abort_(&t);
  return st;
}

/* How many arrays from the first on go into one file. */
static int part_size(int n, const struct glia_array *array, glia_weights_as as, int64_t max_bytes)
{
  int64_t sum = 0;

  for (int i = 0; i < n; i++) {
    sum += (int64_t)glia_weights_bytes_as_(&array[i], as);
    if (i > 0 && sum > max_bytes) return i;
  }
  return n;
}

static glia_status write_index(const char *path, bool force, json_t *map, int64_t total)
{
  struct glia_tempfile t;
  json_t *root =
      json_pack("{s:{s:I}, s:O}", "metadata", "total_size", (json_int_t)total, "weight_map", map);
  char *text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
  char *index = malloc(strlen(path) + sizeof ".index.json");
  glia_status st = GLIA_OK;

  json_decref(root);
  if (text == NULL || index == NULL) {
    st = GLIA_FAIL(GLIA_E_MEMORY, "an index of %zu arrays", json_object_size(map));
  } else {
    sprintf(index, "%s.index.json", path);
    st = glia_tempfile_begin_(&t, index, force);
    if (st == GLIA_OK) {
      st = glia_tempfile_write_(&t, text, strlen(text));
      if (st == GLIA_OK)
        st = glia_tempfile_commit_(&t);
      else
        glia_tempfile_abort_(&t);
    }
  }
  free(text);
  free(index);
  return st;
}

glia_status glia_safetensors_write_(const char *path, bool force, int n,
                                    const struct glia_array *array, glia_weights_as as,
                                    int64_t max_bytes)
{
  const int stem = (int)(strlen(path) - strlen(".safetensors"));
  const char *slash = strrchr(path, '/');
  const int folder = slash != NULL ? (int)(slash - path) + 1 : 0;
  int parts = 0, part = 0;
  int64_t total = 0;
  glia_status st = GLIA_OK;

  for (int i = 0; i < n; i++)
    GLIA_CHECK(glia_text_is_utf8(array[i].path), GLIA_E_ARGUMENT,
               "%s: the array %s: names in safetensors are UTF-8", path, array[i].path);
  for (int at = 0; at < n; parts++)
    at += max_bytes > 0 ? part_size(n - at, array + at, as, max_bytes) : n;
  if (parts <= 1) return write_one(path, force, n, array, as);
  GLIA_CHECK(glia_text_is_utf8(path + folder), GLIA_E_ARGUMENT,
             "%s: the index names the parts, in UTF-8: expected such a name", path);
  json_t *map = json_object();
  char *name = malloc(strlen(path) + 32);
  if (map == NULL || name == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%s", path);
  for (int at = 0; at < n && st == GLIA_OK;) {
    const int here = part_size(n - at, array + at, as, max_bytes);
    sprintf(name, "%.*s-%05d-of-%05d.safetensors", stem, path, ++part, parts);
    st = write_one(name, force, here, array + at, as);
    for (int i = 0; i < here; i++) {
      json_object_set_new(map, array[at + i].path, json_string(name + folder));
      total += (int64_t)glia_weights_bytes_as_(&array[at + i], as);
    }
    at += here;
  }
  if (st == GLIA_OK) st = write_index(path, force, map, total);
  free(name);
  json_decref(map);
  return st;
}
