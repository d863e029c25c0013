/* Arrays in HDF5 files: the allow-list that foreign files must pass, reading, writing, lists of names and texts. */
#include "h5_priv.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Glia's files are little-endian, and so far its machines"
#endif

enum { NAME_MAX_BYTES = 1024, TEXTS_MAX = 1 << 20 };
static const size_t CHUNK_MAX_BYTES = (size_t)1 << 30;
static const int64_t COUNT_MAX = (int64_t)1 << 48;

/* HDF5 has no name for bf16, but can say what it is. */
static hid_t bf16_type;
static pthread_once_t bf16_once = PTHREAD_ONCE_INIT;

static void make_bf16(void)
{
  bf16_type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(bf16_type, 15, 7, 8, 0, 7);
  H5Tset_size(bf16_type, 2);
  H5Tset_ebias(bf16_type, 127);
}

hid_t glia_h5_type_(glia_dtype t)
{
  switch (t) {
  case GLIA_F32:
    return H5T_IEEE_F32LE;
  case GLIA_F64:
    return H5T_IEEE_F64LE;
  case GLIA_I32:
    return H5T_STD_I32LE;
  case GLIA_I64:
    return H5T_STD_I64LE;
  case GLIA_I8:
    return H5T_STD_I8LE;
  case GLIA_BF16:
    pthread_once(&bf16_once, make_bf16);
    return bf16_type;
  default:
    return H5T_STD_U8LE; /* u8, bool */
  }
}

static glia_status keep_name(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
  struct glia_h5_names *names = data;

  (void)group;
  GLIA_CHECK(info->type == H5L_TYPE_HARD, GLIA_E_UNSUPPORTED,
             "%s is a link elsewhere: only plain members are read", name);
  char **more = realloc(names->name, (size_t)(names->n + 1) * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "a list of names");
  names->name = more;
  names->name[names->n] = strdup(name);
  GLIA_CHECK(names->name[names->n] != NULL, GLIA_E_MEMORY, "a list of names");
  names->n++;
  return GLIA_OK;
}

struct visit {
  struct glia_h5_names *names;
  glia_status st;
};

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
  struct visit *v = data;

  v->st = keep_name(group, name, info, v->names);
  return v->st == GLIA_OK ? 0 : 1;
}

static int by_bytes(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

glia_status glia_h5_names_(hid_t group, const char *file, struct glia_h5_names *out)
{
  struct visit v = {.names = out, .st = GLIA_OK};
  hsize_t at = 0;

  *out = (struct glia_h5_names){0};
  const herr_t e = H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, &at, visit_link, &v);
  if (e < 0) v.st = GLIA_H5_FAIL(GLIA_E_DATA, "%s: cannot list a group", file);
  if (v.st != GLIA_OK) glia_h5_free_names_(out);
  if (out->n > 1) qsort(out->name, (size_t)out->n, sizeof *out->name, by_bytes);
  return v.st;
}

void glia_h5_free_names_(struct glia_h5_names *names)
{
  for (int i = 0; i < names->n; i++) free(names->name[i]);
  free(names->name);
  *names = (struct glia_h5_names){0};
}

/* Every step of the path must be a plain link: soft and external ones may lead out of the file. */
glia_status glia_h5_exists_(hid_t at, const char *path, bool *group, bool *array)
{
  char part[NAME_MAX_BYTES];
  H5O_info_t info;

  *group = false;
  *array = false;
  GLIA_CHECK(strlen(path) < sizeof part, GLIA_E_ARGUMENT, "a path of %zu bytes", strlen(path));
  for (const char *p = path; *p != '\0';) {
    H5L_info_t link;
    *group = false; /* what stood before was only on the way */
    p += *p == '/';
    p += strcspn(p, "/");
    snprintf(part, sizeof part, "%.*s", (int)(p - path), path);
    const htri_t there = H5Lexists(at, part, H5P_DEFAULT);
    GLIA_TRY_H5(there, GLIA_E_DATA, "%s", part);
    if (there == 0) return GLIA_OK;
    GLIA_TRY_H5(H5Lget_info(at, part, &link, H5P_DEFAULT), GLIA_E_DATA, "%s", part);
    GLIA_CHECK(link.type == H5L_TYPE_HARD, GLIA_E_UNSUPPORTED,
               "%s is a link elsewhere: only plain members are read", part);
    GLIA_TRY_H5(H5Oget_info_by_name2(at, part, &info, H5O_INFO_BASIC, H5P_DEFAULT), GLIA_E_DATA,
                "%s", part);
    if (*p != '\0' && info.type != H5O_TYPE_GROUP) return GLIA_OK;
    *group = info.type == H5O_TYPE_GROUP;
    *array = *p == '\0' && info.type == H5O_TYPE_DATASET;
  }
  return GLIA_OK;
}

/* h5py's bool: an enum of a byte, FALSE = 0 and TRUE = 1. */
static bool is_bool(hid_t type)
{
  static const char *const names[] = {"FALSE", "TRUE"};
  hid_t base = -1;

  if (H5Tget_class(type) != H5T_ENUM || H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2)
    return false;
  base = H5Tget_super(type);
  bool ok = base >= 0 && H5Tget_class(base) == H5T_INTEGER;
  glia_h5_close_(&base);
  for (unsigned i = 0; i < 2 && ok; i++) {
    signed char value = -1;
    char *name = H5Tget_member_name(type, i);
    ok = name != NULL && H5Tget_member_value(type, i, &value) >= 0 && value >= 0 && value <= 1 &&
         strcmp(name, names[value]) == 0;
    H5free_memory(name);
  }
  return ok;
}

/* Types that we do not compute with, but one of ours holds all their values: HDF5 converts them as they are read. */
static bool wider_type(hid_t type, glia_dtype *out)
{
  const size_t size = H5Tget_size(type);
  const H5T_class_t class = H5Tget_class(type);

  if (class == H5T_INTEGER && size == 2)
    *out = GLIA_I32;
  else if (class == H5T_INTEGER && size == 4 && H5Tget_sign(type) == H5T_SGN_NONE)
    *out = GLIA_I64;
  else if (class == H5T_FLOAT && size == 2)
    *out = GLIA_F32;
  else if (is_bool(type))
    *out = GLIA_U8;
  else
    return false;
  return true;
}

/* Element types: little- or big-endian, of the sizes we compute with. */
static bool element_type(hid_t type, glia_dtype *out, bool *as_stored)
{
  const size_t size = H5Tget_size(type);
  const H5T_class_t class = H5Tget_class(type);

  *as_stored = false;
  if (class == H5T_FLOAT && (size == 4 || size == 8)) {
    *out = size == 4 ? GLIA_F32 : GLIA_F64;
  } else if (class == H5T_FLOAT && H5Tequal(type, glia_h5_type_(GLIA_BF16)) > 0) {
    *out = GLIA_BF16;
  } else if (class == H5T_INTEGER && (size == 4 || size == 8) && H5Tget_sign(type) == H5T_SGN_2) {
    *out = size == 4 ? GLIA_I32 : GLIA_I64;
  } else if (class == H5T_INTEGER && size == 1) {
    *out = H5Tget_sign(type) == H5T_SGN_2 ? GLIA_I8 : GLIA_U8;
  } else {
    return wider_type(type, out);
  }
  *as_stored = H5Tequal(type, glia_h5_type_(*out)) > 0;
  return true;
}

static const char *describe_type(hid_t type, char *out, size_t size)
{
  static const char *const classes[] = {"integer",   "float",           "time",     "text",
                                        "bit field", "opaque",          "compound", "reference",
                                        "enum",      "variable-length", "array"};
  const int class = (int)H5Tget_class(type);

  snprintf(out, size, "%s%s of %zu bits",
           class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE ? "unsigned " : "",
           class >= 0 && class < (int)GLIA_COUNT(classes) ? classes[class] : "unknown type",
           8 * H5Tget_size(type));
  return out;
}

static glia_status check_type(hid_t array, const char *file, const char *path,
                              struct glia_h5_array *info)
{
  hid_t type = H5Dget_type(array);
  char text[64];
  glia_status st = GLIA_OK;

  GLIA_TRY_H5_TO(out, st, type, GLIA_E_DATA, "%s: %s", file, path);
  info->element_bytes = H5Tget_size(type);
  GLIA_CHECK_TO(
      out, st, element_type(type, &info->type.dtype, &info->as_stored), GLIA_E_UNSUPPORTED,
      "%s: %s holds %s, expected one of u8, i8, i16, u16, i32, u32, i64, f16, bf16, f32, f64, bool",
      file, path, describe_type(type, text, sizeof text));
out:
  glia_h5_close_(&type);
  return st;
}

static glia_status check_space(hid_t array, const char *file, const char *path,
                               struct glia_h5_array *info)
{
  hid_t space = H5Dget_space(array);
  hsize_t dim[H5S_MAX_RANK] = {0};
  glia_status st = GLIA_OK;
  int64_t count = 1;

  GLIA_TRY_H5_TO(out, st, space, GLIA_E_DATA, "%s: %s", file, path);
  const H5S_class_t class = H5Sget_simple_extent_type(space);
  GLIA_CHECK_TO(out, st, class == H5S_SIMPLE || class == H5S_SCALAR, GLIA_E_DATA, "%s: %s is empty",
                file, path);
  const int rank = H5Sget_simple_extent_dims(space, dim, NULL);
  GLIA_CHECK_TO(out, st, rank >= 0 && rank <= GLIA_MAX_RANK, GLIA_E_UNSUPPORTED,
                "%s: %s has rank %d, at most %d is read", file, path, rank, (int)GLIA_MAX_RANK);
  info->type.rank = rank;
  for (int i = 0; i < rank; i++) {
    GLIA_CHECK_TO(out, st,
                  dim[i] <= (hsize_t)COUNT_MAX &&
                      (dim[i] == 0 || count <= COUNT_MAX / (int64_t)dim[i]),
                  GLIA_E_DATA, "%s: %s is impossibly large", file, path);
    info->type.dim[i] = (int64_t)dim[i];
    if (dim[i] > 0) count *= (int64_t)dim[i];
  }
out:
  glia_h5_close_(&space);
  return st;
}

static glia_status check_filters(hid_t create, const char *file, const char *path,
                                 struct glia_h5_array *info)
{
  const int n = H5Pget_nfilters(create);

  for (int i = 0; i < n; i++) {
    unsigned flags = 0;
    size_t n_values = 0;
    char name[64] = "";
    const H5Z_filter_t f =
        H5Pget_filter2(create, (unsigned)i, &flags, &n_values, NULL, sizeof name, name, NULL);
    GLIA_CHECK(f == H5Z_FILTER_DEFLATE || f == H5Z_FILTER_SHUFFLE || f == H5Z_FILTER_FLETCHER32,
               GLIA_E_UNSUPPORTED,
               "%s: %s uses filter %d (%s); deflate, shuffle and fletcher32 are read", file, path,
               (int)f, name);
  }
  if (n > 0) info->as_stored = false;
  return GLIA_OK;
}

static glia_status check_chunks(hid_t create, const char *file, const char *path,
                                struct glia_h5_array *info)
{
  hsize_t dim[H5S_MAX_RANK] = {0};
  size_t bytes = info->element_bytes;

  GLIA_CHECK(H5Pget_chunk(create, H5S_MAX_RANK, dim) == info->type.rank, GLIA_E_DATA,
             "%s: %s has damaged chunks", file, path);
  for (int i = 0; i < info->type.rank; i++) {
    GLIA_CHECK(dim[i] > 0 && dim[i] <= CHUNK_MAX_BYTES / bytes, GLIA_E_UNSUPPORTED,
               "%s: %s has chunks above %zu bytes", file, path, CHUNK_MAX_BYTES);
    bytes *= (size_t)dim[i];
  }
  info->chunked = true;
  info->chunk_rows = (int64_t)dim[0];
  info->chunk_bytes = bytes;
  return GLIA_OK;
}

static size_t bytes_in_file(const struct glia_h5_array *info)
{
  return (size_t)glia_type_count(&info->type) * info->element_bytes;
}

/* Deflate makes a byte of 1032 at most: what claims more of its file was never written, and nobody should find room for it. */
static glia_status check_stored(hid_t array, const char *file, const char *path,
                                const struct glia_h5_array *info)
{
  enum { DEFLATE_MOST = 1032 };
  hid_t whole = H5Iget_file_id(array);
  hsize_t file_bytes = 0;
  const hsize_t stored = H5Dget_storage_size(array);
  const bool known = whole >= 0 && H5Fget_filesize(whole, &file_bytes) >= 0;

  glia_h5_close_(&whole);
  GLIA_CHECK(known && stored <= file_bytes, GLIA_E_DATA,
             "%s: chunks of %s lie outside the file: was it cut short?", file, path);
  const size_t bytes = bytes_in_file(info);
  GLIA_CHECK(bytes / DEFLATE_MOST <= stored, GLIA_E_DATA,
             "%s: %s has %zu bytes, of which %llu are stored: most of it was never written", file,
             path, bytes, (unsigned long long)stored);
  return GLIA_OK;
}

static glia_status check_layout(hid_t array, const char *file, const char *path,
                                struct glia_h5_array *info)
{
  hid_t create = H5Dget_create_plist(array);
  glia_status st = GLIA_OK;

  GLIA_TRY_H5_TO(out, st, create, GLIA_E_DATA, "%s: %s", file, path);
  const H5D_layout_t layout = H5Pget_layout(create);
  GLIA_CHECK_TO(out, st, layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED || layout == H5D_COMPACT,
                GLIA_E_UNSUPPORTED, "%s: %s lies in other files (a virtual data set)", file, path);
  GLIA_CHECK_TO(out, st, H5Pget_external_count(create) == 0, GLIA_E_UNSUPPORTED,
                "%s: %s lies in other files", file, path);
  GLIA_TRY_TO(out, st, check_filters(create, file, path, info));
  info->offset = -1;
  if (layout == H5D_CHUNKED) GLIA_TRY_TO(out, st, check_chunks(create, file, path, info));
  if (glia_type_count(&info->type) == 0) goto out;
  GLIA_CHECK_TO(out, st,
                layout != H5D_CONTIGUOUS || H5Dget_storage_size(array) == bytes_in_file(info),
                GLIA_E_DATA, "%s: %s was never written", file, path);
  GLIA_CHECK_TO(out, st, H5Dget_storage_size(array) > 0, GLIA_E_DATA, "%s: %s was never written",
                file, path);
  if (layout == H5D_CHUNKED) GLIA_TRY_TO(out, st, check_stored(array, file, path, info));
  if (layout == H5D_CONTIGUOUS && info->as_stored) {
    const haddr_t at = H5Dget_offset(array);
    if (at != HADDR_UNDEF) info->offset = (int64_t)at;
  }
out:
  glia_h5_close_(&create);
  return st;
}

glia_status glia_h5_array_open_(hid_t at, const char *file, const char *path, hid_t *out,
                                struct glia_h5_array *info)
{
  bool group = false;
  bool array = false;
  glia_status st = GLIA_OK;

  *out = -1;
  *info = (struct glia_h5_array){0};
  GLIA_TRY(glia_h5_exists_(at, path, &group, &array));
  GLIA_CHECK(array, GLIA_E_MISSING, "%s has no array %s", file, path);
  *out = H5Dopen2(at, path, H5P_DEFAULT);
  GLIA_TRY_H5(*out, GLIA_E_DATA, "%s: %s", file, path);
  GLIA_TRY_TO(fail, st, check_space(*out, file, path, info));
  GLIA_TRY_TO(fail, st, check_type(*out, file, path, info));
  GLIA_TRY_TO(fail, st, check_layout(*out, file, path, info));
  return GLIA_OK;
fail:
  glia_h5_close_(out);
  return st;
}

glia_status glia_h5_array_read_(hid_t array, const struct glia_type *type, void *out)
{
  if (glia_type_count(type) == 0) return GLIA_OK;
  GLIA_TRY_H5(H5Dread(array, glia_h5_type_(type->dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT, out),
              GLIA_E_DATA, "cannot read an array");
  return GLIA_OK;
}

glia_status glia_h5_array_read_rows_(hid_t array, const struct glia_type *type, int64_t lo,
                                     int64_t hi, void *out)
{
  hsize_t start[GLIA_MAX_RANK] = {(hsize_t)lo};
  hsize_t count[GLIA_MAX_RANK] = {(hsize_t)(hi - lo)};
  hid_t from = H5Dget_space(array);
  hid_t to = -1;
  glia_status st = GLIA_OK;

  for (int i = 1; i < type->rank; i++) count[i] = (hsize_t)type->dim[i];
  to = H5Screate_simple(type->rank, count, NULL);
  GLIA_TRY_H5_TO(out, st, H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL),
                 GLIA_E_DATA, "cannot select rows");
  GLIA_TRY_H5_TO(out, st, H5Dread(array, glia_h5_type_(type->dtype), to, from, H5P_DEFAULT, out),
                 GLIA_E_DATA, "cannot read rows %lld to %lld", (long long)lo, (long long)hi);
out:
  glia_h5_close_(&to);
  glia_h5_close_(&from);
  return st;
}

/* Texts of fixed length; those of variable length (h5py's default for str) are taken as well. */
static glia_status read_texts(hid_t d, hid_t type, const char *path, size_t n, char **text)
{
  const bool variable = H5Tis_variable_str(type) > 0;
  const size_t size = variable ? sizeof(char *) : H5Tget_size(type) + 1;
  glia_status st = GLIA_OK;
  hid_t memory = -1;

  GLIA_CHECK(size > 1 && size <= (size_t)1 << 26 && n <= TEXTS_MAX && n * size <= (size_t)1 << 30,
             GLIA_E_DATA, "%s: %zu texts of %zu bytes", path, n, size);
  char *all = calloc(n > 0 ? n : 1, size);
  GLIA_CHECK(all != NULL, GLIA_E_MEMORY, "%s: %zu texts", path, n);
  memory = H5Tcopy(H5T_C_S1);
  H5Tset_size(memory, variable ? H5T_VARIABLE : size);
  H5Tset_cset(memory, H5Tget_cset(type));
  if (n > 0)
    GLIA_TRY_H5_TO(out, st, H5Dread(d, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, all), GLIA_E_DATA,
                   "cannot read %s", path);
  for (size_t i = 0; i < n; i++) {
    char *theirs = all + i * size;
    if (variable) memcpy(&theirs, all + i * size, sizeof theirs);
    text[i] = strdup(theirs != NULL ? theirs : "");
    if (variable) H5free_memory(theirs);
    if (text[i] == NULL && st == GLIA_OK) st = GLIA_FAIL(GLIA_E_MEMORY, "%s: %zu texts", path, n);
  }
out:
  glia_h5_close_(&memory);
  free(all);
  return st;
}

glia_status glia_h5_texts_read_(hid_t at, const char *file, const char *path, int64_t *n,
                                char ***out)
{
  bool group = false;
  bool array = false;
  hid_t d = -1;
  hid_t type = -1;
  hid_t space = -1;
  glia_status st = GLIA_OK;

  *out = NULL;
  *n = 0;
  GLIA_TRY(glia_h5_exists_(at, path, &group, &array));
  GLIA_CHECK(array, GLIA_E_MISSING, "%s has no array %s", file, path);
  d = H5Dopen2(at, path, H5P_DEFAULT);
  GLIA_TRY_H5_TO(out, st, d, GLIA_E_DATA, "%s: %s", file, path);
  type = H5Dget_type(d);
  space = H5Dget_space(d);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  struct glia_h5_array info = {0};
  GLIA_CHECK_TO(out, st, H5Tget_class(type) == H5T_STRING && count >= 0 && count <= TEXTS_MAX,
                GLIA_E_DATA, "%s: %s is not a list of texts", file, path);
  GLIA_TRY_TO(out, st, check_space(d, file, path, &info));
  hid_t create = H5Dget_create_plist(d);
  const bool plain = H5Pget_layout(create) != H5D_VIRTUAL && H5Pget_external_count(create) == 0;
  st = check_filters(create, file, path, &info);
  glia_h5_close_(&create);
  if (st != GLIA_OK) goto out;
  GLIA_CHECK_TO(out, st, plain, GLIA_E_UNSUPPORTED, "%s: %s lies in other files", file, path);
  *out = calloc((size_t)count + 1, sizeof **out);
  GLIA_CHECK_TO(out, st, *out != NULL, GLIA_E_MEMORY, "%s: %lld texts", path, (long long)count);
  *n = count;
  st = read_texts(d, type, path, (size_t)count, *out);
out:
  if (st != GLIA_OK && *out != NULL) {
    for (int64_t i = 0; i < *n; i++) free((*out)[i]);
    free(*out);
    *out = NULL;
    *n = 0;
  }
  glia_h5_close_(&space);
  glia_h5_close_(&type);
  glia_h5_close_(&d);
  return st;
}
