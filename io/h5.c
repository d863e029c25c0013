/* HDF5: the lock, failures in our words, files, attributes. */
#include "h5_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 16 }; /* bytes of a text attribute that we believe */

static pthread_mutex_t mutex;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int depth;
static H5E_auto2_t their_handler;
static void *their_data;

static void make_mutex(void)
{
  pthread_mutexattr_t a;

  pthread_mutexattr_init(&a);
  pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&mutex, &a);
  pthread_mutexattr_destroy(&a);
}

void glia_h5_lock_(void)
{
  pthread_once(&once, make_mutex);
  pthread_mutex_lock(&mutex);
  if (depth++ > 0) return;
  H5open();
  H5Eget_auto2(H5E_DEFAULT, &their_handler, &their_data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void glia_h5_unlock_(void)
{
  if (--depth == 0) H5Eset_auto2(H5E_DEFAULT, their_handler, their_data);
  pthread_mutex_unlock(&mutex);
}

/* The innermost entry says most; of a failed system call only what the system said. */
static herr_t innermost(unsigned n, const H5E_error2_t *e, void *data)
{
  char *text = data;

  if (n > 0 || e->desc == NULL) return 0;
  const char *said = strstr(e->desc, "error message = '");
  if (said != NULL) {
    said += strlen("error message = '");
    snprintf(text, 256, "%.*s", (int)strcspn(said, "'"), said);
  } else {
    snprintf(text, 256, "%s", e->desc);
  }
  return 0;
}

glia_status glia_h5_fail_(const char *file, int line, const char *function, glia_status st,
                          const char *format, ...)
{
  char why[256] = "";
  char text[768];
  va_list args;

  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, why);
  H5Eclear2(H5E_DEFAULT);
  glia_trace_push_(true, file, line, function, "%s%s%s", text, why[0] != '\0' ? ": " : "", why);
  return st;
}

void glia_h5_close_(hid_t *id)
{
  if (*id < 0) return;
  switch (H5Iget_type(*id)) {
  case H5I_FILE:
    H5Fclose(*id);
    break;
  case H5I_GROUP:
    H5Gclose(*id);
    break;
  case H5I_DATASET:
    H5Dclose(*id);
    break;
  case H5I_DATASPACE:
    H5Sclose(*id);
    break;
  case H5I_DATATYPE:
    H5Tclose(*id);
    break;
  case H5I_ATTR:
    H5Aclose(*id);
    break;
  default:
    H5Pclose(*id);
    break;
  }
  H5Eclear2(H5E_DEFAULT);
  *id = -1;
}

/* HDF5 itself would look for its signature at 512, 1024, ...; we write and read it at 0 alone. */
static glia_status check_signature(const char *path)
{
  static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  unsigned char head[8] = {0};
  struct stat s;

  GLIA_CHECK(stat(path, &s) == 0, errno == ENOENT || errno == ENOTDIR ? GLIA_E_MISSING : GLIA_E_IO,
             "%s: %s", path, strerror(errno));
  GLIA_CHECK(S_ISREG(s.st_mode), GLIA_E_IO, "%s is not a regular file", path);
  FILE *f = fopen(path, "rb");
  GLIA_CHECK(f != NULL, GLIA_E_IO, "%s: %s", path, strerror(errno));
  const size_t n = fread(head, 1, sizeof head, f);
  fclose(f);
  GLIA_CHECK(s.st_size > 0, GLIA_E_DATA, "%s is empty", path);
  GLIA_CHECK(n == sizeof head && memcmp(head, signature, sizeof head) == 0, GLIA_E_DATA,
             "%s is not an HDF5 file", path);
  return GLIA_OK;
}

glia_status glia_h5_open_(const char *path, hid_t *out)
{
  *out = -1;
  GLIA_TRY(check_signature(path));
  hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
  GLIA_TRY_H5(fapl, GLIA_E_INTERNAL, "a property list");
  H5Pset_fclose_degree(fapl, H5F_CLOSE_STRONG);
  H5Pset_file_locking(fapl, false,
                      true); /* network file systems often have none; our own locks are elsewhere */
  *out = H5Fopen(path, H5F_ACC_RDONLY, fapl);
  glia_h5_close_(&fapl);
  GLIA_TRY_H5(*out, GLIA_E_DATA, "%s: damaged or cut short", path);
  return GLIA_OK;
}

glia_status glia_h5_check_kind_(hid_t file, const char *path, const char *kind, int format)
{
  char *found = NULL;
  bool have = false;
  int64_t version = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, glia_h5_get_text_(file, "glia_kind", &found, &have));
  GLIA_CHECK_TO(
      out, st, have, GLIA_E_DATA,
      "%s has no attribute glia_kind: expected a %s made by Glia or as docs/formats describes",
      path, kind);
  GLIA_CHECK_TO(out, st, strcmp(found, kind) == 0, GLIA_E_DATA, "%s is a %s, expected a %s", path,
                found, kind);
  GLIA_TRY_TO(out, st, glia_h5_get_int_(file, "glia_format", &version, &have));
  GLIA_CHECK_TO(out, st, have, GLIA_E_DATA, "%s has no attribute glia_format", path);
  GLIA_CHECK_TO(out, st, version >= 1 && version <= format, GLIA_E_UNSUPPORTED,
                "%s has format %lld of a %s, this version reads up to %d", path, (long long)version,
                kind, format);
out:
  free(found);
  return st;
}

static glia_status put(hid_t at, const char *name, hid_t type, const void *value)
{
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t a = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY_H5_TO(out, st, space, GLIA_E_INTERNAL, "attribute %s", name);
  a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  GLIA_TRY_H5_TO(out, st, a, GLIA_E_IO, "cannot write attribute %s", name);
  GLIA_TRY_H5_TO(out, st, H5Awrite(a, type, value), GLIA_E_IO, "cannot write attribute %s", name);
out:
  glia_h5_close_(&a);
  glia_h5_close_(&space);
  return st;
}

glia_status glia_h5_put_int_(hid_t at, const char *name, int64_t value)
{
  return put(at, name, H5T_STD_I64LE, &value);
}
glia_status glia_h5_put_real_(hid_t at, const char *name, double value)
{
  return put(at, name, H5T_IEEE_F64LE, &value);
}

/* Takes the type. n: bytes of the text; value is it, or, of variable length, where it lies. */
static glia_status put_text(hid_t at, const char *name, hid_t type, size_t n, const void *value)
{
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, n < TEXT_MAX - 1024, GLIA_E_ARGUMENT,
                "attribute %s: %zu bytes of text are too long", name, n);
  st = put(at, name, type, value);
out:
  glia_h5_close_(&type);
  return st;
}

glia_status glia_h5_put_text_(hid_t at, const char *name, const char *value)
{
  const hid_t type = H5Tcopy(H5T_C_S1);

  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return put_text(at, name, type, strlen(value), &value);
}

glia_status glia_h5_put_fixed_text_(hid_t at, const char *name, const char *value)
{
  const size_t n = strlen(value);

  return put_text(at, name, glia_h5_text_type_(n > 0 ? n : 1), n, value); /* "": a zero */
}

/* "x.h5: /train/x", or "x.h5" for the file itself. */
static const char *place_of(hid_t at, char *out, size_t size)
{
  char path[512] = "", file[512] = "";

  if (H5Fget_name(at, file, sizeof file) < 0) file[0] = '\0';
  if (H5Iget_name(at, path, sizeof path) < 0 || strcmp(path, "/") == 0) path[0] = '\0';
  snprintf(out, size, "%s%s%s", file, path[0] != '\0' ? ": " : "", path);
  return out;
}

/* Open a scalar attribute of class `class` (or another that `also` names). */
static glia_status open_attribute(hid_t at, const char *name, H5T_class_t class, H5T_class_t also,
                                  hid_t *a, hid_t *type, bool *found)
{
  const htri_t there = H5Aexists(at, name);
  char place[1100];

  *a = -1;
  *type = -1;
  *found = there > 0;
  GLIA_TRY_H5(there, GLIA_E_DATA, "attribute %s", name);
  if (there == 0) return GLIA_OK;
  *a = H5Aopen(at, name, H5P_DEFAULT);
  GLIA_TRY_H5(*a, GLIA_E_DATA, "attribute %s", name);
  hid_t space = H5Aget_space(*a);
  const bool single = H5Sget_simple_extent_npoints(space) == 1;
  glia_h5_close_(&space);
  *type = H5Aget_type(*a);
  const H5T_class_t found_class = H5Tget_class(*type);
  GLIA_CHECK(single && (found_class == class || found_class == also), GLIA_E_DATA,
             "%s: attribute %s is not a single %s", place_of(at, place, sizeof place), name,
             class == H5T_STRING ? "text" : "number");
  return GLIA_OK;
}

glia_status glia_h5_get_int_(hid_t at, const char *name, int64_t *out, bool *found)
{
  hid_t a = -1;
  hid_t type = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, open_attribute(at, name, H5T_INTEGER, H5T_INTEGER, &a, &type, found));
  if (*found)
    GLIA_TRY_H5_TO(out, st, H5Aread(a, H5T_NATIVE_INT64, out), GLIA_E_DATA, "attribute %s", name);
out:
  glia_h5_close_(&type);
  glia_h5_close_(&a);
  return st;
}

glia_status glia_h5_get_real_(hid_t at, const char *name, double *out, bool *found)
{
  hid_t a = -1;
  hid_t type = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, open_attribute(at, name, H5T_FLOAT, H5T_INTEGER, &a, &type, found));
  if (*found)
    GLIA_TRY_H5_TO(out, st, H5Aread(a, H5T_NATIVE_DOUBLE, out), GLIA_E_DATA, "attribute %s", name);
out:
  glia_h5_close_(&type);
  glia_h5_close_(&a);
  return st;
}

/* Text of fixed or of variable length (h5py writes the latter) into a fresh string. */
static glia_status read_text(hid_t a, hid_t type, const char *name, char **out)
{
  hid_t memory = H5Tcopy(H5T_C_S1);
  char *text = NULL;
  glia_status st = GLIA_OK;

  H5Tset_cset(memory, H5Tget_cset(type));
  if (H5Tis_variable_str(type) > 0) {
    char *theirs = NULL;
    H5Tset_size(memory, H5T_VARIABLE);
    GLIA_TRY_H5_TO(out, st, H5Aread(a, memory, &theirs), GLIA_E_DATA, "attribute %s", name);
    text = strdup(theirs != NULL ? theirs : "");
    H5free_memory(theirs);
  } else {
    const size_t n = H5Tget_size(type);
    GLIA_CHECK_TO(out, st, n > 0 && n <= TEXT_MAX, GLIA_E_DATA,
                  "attribute %s has %zu bytes of text", name, n);
    text = calloc(1, n + 1);
    H5Tset_size(memory, n + 1);
    if (text != NULL)
      GLIA_TRY_H5_TO(out, st, H5Aread(a, memory, text), GLIA_E_DATA, "attribute %s", name);
  }
  GLIA_CHECK_TO(out, st, text != NULL, GLIA_E_MEMORY, "attribute %s", name);
  *out = text;
  text = NULL;
out:
  free(text);
  glia_h5_close_(&memory);
  return st;
}

glia_status glia_h5_get_text_(hid_t at, const char *name, char **out, bool *found)
{
  hid_t a = -1;
  hid_t type = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, open_attribute(at, name, H5T_STRING, H5T_STRING, &a, &type, found));
  if (*found) GLIA_TRY_TO(out, st, read_text(a, type, name, out));
out:
  glia_h5_close_(&type);
  glia_h5_close_(&a);
  return st;
}
