/* What any file of Glia's says about itself. */
#include "glia_file.h"
#include "h5_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static glia_status read_kind(hid_t file, const char *path, char kind[GLIA_FILE_KIND_BYTES],
                             int64_t *format)
{
  char *text = NULL;
  bool found = false;

  GLIA_TRY(glia_h5_get_text_(file, "glia_kind", &text, &found));
  if (found) snprintf(kind, GLIA_FILE_KIND_BYTES, "%s", text);
  free(text);
  GLIA_CHECK(found, GLIA_E_DATA,
             "%s is HDF5, but not a file of Glia's: it has no attribute glia_kind", path);
  GLIA_TRY(glia_h5_get_int_(file, "glia_format", format, &found));
  GLIA_CHECK(found, GLIA_E_DATA, "%s has no attribute glia_format", path);
  return GLIA_OK;
}

glia_status glia_file_kind(const char *path, char kind[GLIA_FILE_KIND_BYTES], int64_t *format)
{
  hid_t file = -1;

  kind[0] = '\0';
  glia_h5_lock_();
  glia_status st = glia_h5_open_(path, &file);
  if (st == GLIA_OK) st = read_kind(file, path, kind, format);
  glia_h5_close_(&file);
  glia_h5_unlock_();
  return st;
}

static glia_status read_note(hid_t file, const char *path, const char *object, const char *name,
                             char **out)
{
  bool group = true;
  bool array = false;
  bool found = false;

  if (object[0] == '\0') return glia_h5_get_text_(file, name, out, &found);
  GLIA_TRY(glia_h5_exists_(file, object, &group, &array));
  if (!group && !array) return GLIA_OK;
  hid_t at = H5Oopen(file, object, H5P_DEFAULT);
  GLIA_TRY_H5(at, GLIA_E_DATA, "%s: /%s", path, object);
  const glia_status st = glia_h5_get_text_(at, name, out, &found);
  glia_h5_close_(&at);
  return st;
}

glia_status glia_file_note(const char *path, const char *object, const char *name, char **out)
{
  hid_t file = -1;

  *out = NULL;
  glia_h5_lock_();
  glia_status st = glia_h5_open_(path, &file);
  if (st == GLIA_OK) st = read_note(file, path, object, name, out);
  glia_h5_close_(&file);
  glia_h5_unlock_();
  return st;
}

glia_status glia_file_holds(const char *path, const char *array, bool *holds)
{
  bool group = true;
  hid_t file = -1;

  *holds = false;
  glia_h5_lock_();
  glia_status st = glia_h5_open_(path, &file);
  if (st == GLIA_OK) st = glia_h5_exists_(file, array, &group, holds);
  glia_h5_close_(&file);
  glia_h5_unlock_();
  return st;
}

bool glia_file_same(const char *a, const char *b)
{
  struct stat x, y;

  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
