/* Arrays in HDF5 files, written: whole, in pieces, texts. */
#include "h5_priv.h"

#include <stdlib.h>
#include <string.h>

hid_t glia_h5_group_make_(hid_t at, const char *path)
{
  hid_t create = H5Pcreate(H5P_GROUP_CREATE);
  hid_t group = -1;
  char part[1024] = "";

  H5Pset_obj_track_times(create, false); /* the same content makes the same file */
  for (const char *end = path; end != NULL && strlen(path) < sizeof part;) {
    end = strchr(end, '/');
    const size_t n = end != NULL ? (size_t)(end - path) : strlen(path);
    if (end != NULL) end++;
    if (n == 0) continue;
    memcpy(part, path, n);
    part[n] = '\0';
    glia_h5_close_(&group);
    group = H5Lexists(at, part, H5P_DEFAULT) > 0
                ? H5Gopen2(at, part, H5P_DEFAULT)
                : H5Gcreate2(at, part, H5P_DEFAULT, create, H5P_DEFAULT);
    if (group < 0) break;
  }
  glia_h5_close_(&create);
  return group;
}

/* Create an array and the groups on its path, in chunks of chunk_rows rows (0: contiguous). */
static hid_t create_array(hid_t at, const char *path, hid_t type, hid_t space, int64_t chunk_rows,
                          bool pack)
{
  const char *name = strrchr(path, '/');
  char parent[1024] = "";
  hid_t create = H5Pcreate(H5P_DATASET_CREATE);

  if (name != NULL && (size_t)(name - path) < sizeof parent) {
    memcpy(parent, path, (size_t)(name - path));
    hid_t group = glia_h5_group_make_(at, parent);
    glia_h5_close_(&group); /* a failure is found below */
  }
  H5Pset_obj_track_times(create, false);
  if (chunk_rows > 0) {
    hsize_t chunk[H5S_MAX_RANK];
    const int rank = H5Sget_simple_extent_dims(space, chunk, NULL);
    chunk[0] = (hsize_t)chunk_rows;
    H5Pset_chunk(create, rank, chunk);
  } else {
    H5Pset_fill_time(create, H5D_FILL_TIME_NEVER);
    H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY); /* its place in the file is known at once */
  }
  if (pack && H5Tget_size(type) > 1 && H5Tget_class(type) != H5T_STRING) H5Pset_shuffle(create);
  if (pack) H5Pset_deflate(create, 1);
  const hid_t d = H5Dcreate2(at, path, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
  glia_h5_close_(&create);
  return d;
}

glia_status glia_h5_array_reserve_(hid_t at, const char *path, const struct glia_type *type,
                                   int64_t *offset, hid_t *out)
{
  hsize_t dim[GLIA_MAX_RANK] = {0};
  hid_t space = -1;
  glia_status st = GLIA_OK;

  *out = -1;
  for (int i = 0; i < type->rank; i++) dim[i] = (hsize_t)type->dim[i];
  space = type->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(type->rank, dim, NULL);
  GLIA_TRY_H5_TO(out, st, space, GLIA_E_ARGUMENT, "%s: extents", path);
  *out = create_array(at, path, glia_h5_type_(type->dtype), space, 0, false);
  GLIA_TRY_H5_TO(out, st, *out, GLIA_E_IO, "cannot create %s", path);
  const haddr_t place = H5Dget_offset(*out);
  *offset = place == HADDR_UNDEF ? -1 : (int64_t)place;
  GLIA_CHECK_TO(out, st, *offset >= 0 || glia_type_count(type) == 0, GLIA_E_INTERNAL,
                "%s has no place in the file", path);
out:
  glia_h5_close_(&space);
  return st;
}

glia_status glia_h5_array_write_(hid_t at, const char *path, const struct glia_type *type,
                                 const void *data, hid_t *out)
{
  int64_t offset;
  hid_t d = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, glia_h5_array_reserve_(at, path, type, &offset, &d));
  if (glia_type_count(type) > 0)
    GLIA_TRY_H5_TO(out, st,
                   H5Dwrite(d, glia_h5_type_(type->dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT, data),
                   GLIA_E_IO, "cannot write %s", path);
  if (out != NULL) {
    *out = d;
    d = -1;
  }
out:
  glia_h5_close_(&d);
  return st;
}

hid_t glia_h5_text_type_(size_t size_bytes)
{
  const hid_t t = H5Tcopy(H5T_C_S1);

  H5Tset_size(t, size_bytes);
  H5Tset_strpad(t, H5T_STR_NULLPAD);
  H5Tset_cset(t, H5T_CSET_UTF8);
  return t;
}

static glia_status write_texts(hid_t at, const char *path, int64_t n, const char *const *text,
                               bool pack)
{
  const size_t count = n < 0 ? 1 : (size_t)n;
  size_t size = 1;
  glia_status st = GLIA_OK;

  for (size_t i = 0; i < count; i++)
    if (strlen(text[i]) > size) size = strlen(text[i]);
  char *all = calloc(count > 0 ? count : 1, size);
  hid_t type = glia_h5_text_type_(size);
  hid_t space = n < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, (hsize_t[]){count}, NULL);
  hid_t d = -1;
  GLIA_CHECK_TO(out, st, all != NULL, GLIA_E_MEMORY, "%s: %zu texts", path, count);
  for (size_t i = 0; i < count; i++) memcpy(all + i * size, text[i], strlen(text[i]));
  d = create_array(at, path, type, space, pack ? n : 0, pack);
  GLIA_TRY_H5_TO(out, st, d, GLIA_E_IO, "cannot create %s", path);
  if (count > 0)
    GLIA_TRY_H5_TO(out, st, H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all), GLIA_E_IO,
                   "cannot write %s", path);
out:
  glia_h5_close_(&d);
  glia_h5_close_(&space);
  glia_h5_close_(&type);
  free(all);
  return st;
}

glia_status glia_h5_texts_write_(hid_t at, const char *path, int64_t n, const char *const *text)
{
  return write_texts(at, path, n, text, false);
}

glia_status glia_h5_texts_pack_(hid_t at, const char *path, int64_t n, const char *const *text)
{
  return write_texts(at, path, n, text, n > 0);
}

glia_status glia_h5_rows_create_(hid_t at, const char *path, hid_t type,
                                 const struct glia_type *row, int64_t rows, int64_t chunk_rows,
                                 bool pack, hid_t *out)
{
  hsize_t dim[GLIA_MAX_RANK] = {rows < 0 ? 0 : (hsize_t)rows};
  hsize_t max[GLIA_MAX_RANK] = {rows < 0 ? H5S_UNLIMITED : (hsize_t)rows};
  glia_status st = GLIA_OK;

  for (int i = 1; i <= row->rank; i++) dim[i] = max[i] = (hsize_t)row->dim[i - 1];
  hid_t space = H5Screate_simple(row->rank + 1, dim, max);
  GLIA_TRY_H5_TO(out, st, space, GLIA_E_ARGUMENT, "%s: extents", path);
  *out = create_array(at, path, type, space, chunk_rows, pack);
  GLIA_TRY_H5_TO(out, st, *out, GLIA_E_IO, "cannot create %s", path);
out:
  glia_h5_close_(&space);
  return st;
}

glia_status glia_h5_rows_write_(hid_t array, const char *path, hid_t type,
                                const struct glia_type *row, int64_t start, int64_t n, bool grow,
                                const void *data)
{
  hsize_t from[GLIA_MAX_RANK] = {(hsize_t)start};
  hsize_t count[GLIA_MAX_RANK] = {(hsize_t)n};
  const int rank = row->rank + 1;
  hid_t memory = -1;
  hid_t space = -1;
  glia_status st = GLIA_OK;

  for (int i = 1; i < rank; i++) count[i] = (hsize_t)row->dim[i - 1];
  if (grow) {
    hsize_t dim[GLIA_MAX_RANK];
    memcpy(dim, count, sizeof dim);
    dim[0] += from[0];
    GLIA_TRY_H5(H5Dset_extent(array, dim), GLIA_E_IO, "cannot extend %s", path);
  }
  memory = H5Screate_simple(rank, count, NULL);
  space = H5Dget_space(array);
  GLIA_TRY_H5_TO(out, st, H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, count, NULL),
                 GLIA_E_INTERNAL, "cannot select rows of %s", path);
  GLIA_TRY_H5_TO(out, st, H5Dwrite(array, type, memory, space, H5P_DEFAULT, data), GLIA_E_IO,
                 "cannot write %s", path);
out:
  glia_h5_close_(&space);
  glia_h5_close_(&memory);
  return st;
}
