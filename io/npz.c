/* .npz: a zip archive of .npy files, as numpy.savez and savez_compressed write it. */
#include "npy_priv.h"
#include "tempfile_priv.h"
#include "weights_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { ENTRIES_MAX = 1 << 20 };
static const uint64_t DEFLATE_MOST = 1100; /* deflate packs 1032 bytes into one at most */

struct entry {
  const char *path;
  zip_file_t *file;
};

static glia_status read_entry(void *self, void *out, size_t n)
{
  const struct entry *e = self;
  char *to = out;

  while (n > 0) {
    const zip_int64_t got = zip_fread(e->file, to, n);
    GLIA_CHECK(got >= 0, GLIA_E_DATA, "%s is damaged: %s", e->path, zip_file_strerror(e->file));
    GLIA_CHECK(got > 0, GLIA_E_DATA, "%s ends too early", e->path);
    to += got;
    n -= (size_t)got;
  }
  return GLIA_OK;
}

static glia_status open_entry(zip_t *zip, int i, const char *path, struct entry *e)
{
  e->path = path;
  e->file = zip_fopen_index(zip, (zip_uint64_t)i, 0);
  GLIA_CHECK(e->file != NULL, GLIA_E_DATA, "%s: entry %d: %s", path, i, zip_strerror(zip));
  return GLIA_OK;
}

static const char *stored_name(const char code[4])
{
  static const char *const codes[] = {"f4", "f8", "f2", "i1", "u1", "b1", "i2", "u2", "i4", "i8"};

  for (size_t k = 0; k < GLIA_COUNT(codes); k++)
    if (strcmp(codes[k], code) == 0) return codes[k];
  return "";
}

static glia_status add_entry(struct glia_weights *w, const char *path, int i)
{
  zip_t *zip = w->zip;
  struct entry e;
  struct glia_npy npy;
  zip_stat_t s;
  char name[1024];
  char where[1400];

  GLIA_CHECK(zip_stat_index(zip, (zip_uint64_t)i, 0, &s) == 0 &&
                 (s.valid & (ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE)) ==
                     (ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE),
             GLIA_E_DATA, "%s: entry %d: %s", path, i, zip_strerror(zip));
  const size_t n = strlen(s.name);
  GLIA_CHECK(n > 4 && n < sizeof name && strcmp(s.name + n - 4, ".npy") == 0, GLIA_E_DATA,
             "%s holds '%.100s', expected .npy files", path, s.name);
  GLIA_CHECK(s.size <= s.comp_size * DEFLATE_MOST + 4096, GLIA_E_DATA,
             "%s: %.100s claims %llu bytes packed into %llu", path, s.name,
             (unsigned long long)s.size, (unsigned long long)s.comp_size);
  snprintf(name, sizeof name, "%.*s", (int)(n - 4), s.name);
  snprintf(where, sizeof where, "%.300s:%s", path, s.name);
  GLIA_TRY(open_entry(zip, i, where, &e));
  const glia_status st = glia_npy_header_(read_entry, &e, where, &npy);
  zip_fclose(e.file);
  GLIA_TRY(st);
  const uint64_t bytes = npy.header_bytes + (uint64_t)glia_type_count(&npy.type) * npy.stored.bytes;
  GLIA_CHECK(s.size == bytes, GLIA_E_DATA, "%s has %llu bytes, its header says %llu", where,
             (unsigned long long)s.size, (unsigned long long)bytes);
  return glia_weights_add_(w, name, stored_name(npy.code), &npy.type,
                           &(struct glia_weight_place){i, (int64_t)npy.header_bytes, npy.stored});
}

static glia_status read_array(struct glia_weights *w, int i, void *out)
{
  const struct glia_weight_place *p = &w->place[i];
  struct entry e;
  char skipped[4096];
  glia_status st = GLIA_OK;

  GLIA_TRY(open_entry(w->zip, p->file, w->path, &e));
  for (int64_t left = p->offset; left > 0 && st == GLIA_OK;) {
    const size_t now = left < (int64_t)sizeof skipped ? (size_t)left : sizeof skipped;
    st = read_entry(&e, skipped, now);
    left -= (int64_t)now;
  }
  if (st == GLIA_OK)
    st = read_entry(&e, out, (size_t)glia_type_count(&w->list[i].type) * p->stored.bytes);
  /* reading on to the end makes the library compare the sum of the entry */
  if (st == GLIA_OK && zip_fread(e.file, skipped, 1) != 0)
    st = GLIA_FAIL(GLIA_E_DATA, "%s: %s is damaged: %s", w->path, w->list[i].name,
                   zip_file_strerror(e.file));
  zip_fclose(e.file);
  return st;
}

glia_status glia_npz_open_(struct glia_weights *w, const char *path)
{
  int code = 0;
  zip_error_t error;

  w->read = read_array;
  w->zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (w->zip == NULL) {
    zip_error_init_with_code(&error, code);
    const glia_status st =
        GLIA_FAIL(GLIA_E_DATA, "%s: not a zip archive: %s", path, zip_error_strerror(&error));
    zip_error_fini(&error);
    return st;
  }
  const zip_int64_t n = zip_get_num_entries(w->zip, 0);
  GLIA_CHECK(n >= 0 && n <= ENTRIES_MAX, GLIA_E_DATA, "%s holds %lld entries", path, (long long)n);
  for (int i = 0; i < (int)n; i++) GLIA_TRY(add_entry(w, path, i));
  return GLIA_OK;
}

void glia_npz_close_(struct glia_weights *w)
{
  if (w->zip != NULL) zip_discard(w->zip);
  w->zip = NULL;
}

/* An array as .npy in memory, which the archive takes. */
static glia_status put_array(zip_t *zip, const struct glia_array *a, glia_weights_as as)
{
  struct glia_array out = *a;
  char header[GLIA_NPY_HEADER_MAX];
  char name[1024];
  if (a->type.dtype == GLIA_BF16 && as == GLIA_WEIGHTS_KEEP)
    as = GLIA_WEIGHTS_F32; /* NumPy has no bf16 */
  const bool half = as == GLIA_WEIGHTS_F16 && glia_dtype_is_float(a->type.dtype);
  if (as == GLIA_WEIGHTS_F32 && glia_dtype_is_float(a->type.dtype)) out.type.dtype = GLIA_F32;
  if (half) out.type.dtype = GLIA_F32;
  const size_t bytes = glia_weights_bytes_as_(a, as);
  const size_t n = glia_npy_make_header_(&out.type, header);
  char *descr = strstr(header + 10, "<f"); /* the only place where a byte differs */
  if (half && descr != NULL) descr[2] = '2';
  char *data = malloc(n + bytes);
  GLIA_CHECK(data != NULL, GLIA_E_MEMORY, "%s: %zu bytes", a->path, bytes);
  memcpy(data, header, n);
  glia_weights_convert_(a, as, data + n);
  zip_source_t *source = zip_source_buffer(zip, data, n + bytes, 1);
  if (source == NULL) free(data);
  GLIA_CHECK(source != NULL, GLIA_E_MEMORY, "%s", a->path);
  snprintf(name, sizeof name, "%.1000s.npy", a->path);
  const zip_int64_t i = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
  if (i < 0) {
    const glia_status st = GLIA_FAIL(GLIA_E_IO, "%s: %s", a->path, zip_strerror(zip));
    zip_source_free(source);
    return st;
  }
  zip_set_file_compression(zip, (zip_uint64_t)i, ZIP_CM_STORE, 0);
  zip_file_set_mtime(zip, (zip_uint64_t)i, 315532800,
                     0); /* 1980, zip's first day: same data, same file */
  return GLIA_OK;
}

static glia_status make_archive(zip_source_t *memory, int n, const struct glia_array *array,
                                glia_weights_as as)
{
  zip_error_t error;
  glia_status st = GLIA_OK;

  zip_error_init(&error);
  zip_t *zip = zip_open_from_source(memory, ZIP_TRUNCATE, &error);
  GLIA_CHECK(zip != NULL, GLIA_E_MEMORY, "an archive: %s", zip_error_strerror(&error));
  for (int i = 0; i < n && st == GLIA_OK; i++) st = put_array(zip, &array[i], as);
  if (st == GLIA_OK && zip_close(zip) != 0)
    st = GLIA_FAIL(GLIA_E_IO, "an archive: %s", zip_strerror(zip));
  if (st != GLIA_OK) zip_discard(zip);
  return st;
}

static glia_status copy_out(zip_source_t *memory, struct glia_tempfile *t)
{
  static char block[1 << 16];
  zip_int64_t got;

  GLIA_CHECK(zip_source_open(memory) == 0, GLIA_E_IO, "an archive cannot be read back");
  glia_status st = GLIA_OK;
  while (st == GLIA_OK && (got = zip_source_read(memory, block, sizeof block)) > 0)
    st = glia_tempfile_write_(t, block, (size_t)got);
  zip_source_close(memory);
  return st;
}

glia_status glia_npz_write_(const char *path, bool force, int n, const struct glia_array *array,
                            glia_weights_as as)
{
  struct glia_tempfile t;
  zip_error_t error;

  zip_error_init(&error);
  zip_source_t *memory = zip_source_buffer_create(NULL, 0, 0, &error);
  GLIA_CHECK(memory != NULL, GLIA_E_MEMORY, "%s", path);
  zip_source_keep(memory);
  glia_status st = make_archive(memory, n, array, as);
  if (st == GLIA_OK) st = glia_tempfile_begin_(&t, path, force);
  if (st == GLIA_OK) {
    st = copy_out(memory, &t);
    if (st == GLIA_OK)
      st = glia_tempfile_commit_(&t);
    else
      glia_tempfile_abort_(&t);
  }
  zip_source_free(memory);
  return st;
}
