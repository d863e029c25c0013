/* Weights of other programs: opening by content, names, reading. */
#include "weights_priv.h"

#include "glia_bf16.h"
#include "npy_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

glia_status glia_weights_add_(struct glia_weights *w, const char *name, const char *stored,
                              const struct glia_type *type, const struct glia_weight_place *place)
{
  if (w->n == w->max) {
    const size_t max = (size_t)w->max * 2 + 16;
    struct glia_weight *list = realloc(w->list, max * sizeof *list);
    if (list != NULL) w->list = list;
    struct glia_weight_place *places = realloc(w->place, max * sizeof *places);
    if (places != NULL) w->place = places;
    char **names = realloc(w->name, max * sizeof *names);
    if (names != NULL) w->name = names;
    GLIA_CHECK(list != NULL && places != NULL && names != NULL, GLIA_E_MEMORY, "%s: %zu arrays",
               w->path, max);
    w->max = (int)max;
  }
  w->name[w->n] = strdup(name);
  GLIA_CHECK(w->name[w->n] != NULL, GLIA_E_MEMORY, "%s", name);
  w->list[w->n] = (struct glia_weight){w->name[w->n], stored, *type};
  w->place[w->n++] = *place;
  return GLIA_OK;
}

glia_status glia_weights_file_(struct glia_weights *w, const char *path, int *out)
{
  int *more = realloc(w->fd, (size_t)(w->n_files + 1) * sizeof *more);

  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%s", path);
  w->fd = more;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  GLIA_CHECK(fd >= 0, errno == ENOENT || errno == ENOTDIR ? GLIA_E_MISSING : GLIA_E_IO, "%s: %s",
             path, strerror(errno));
  w->fd[w->n_files] = fd;
  *out = w->n_files++;
  return GLIA_OK;
}

glia_status glia_weights_pread_(const struct glia_weights *w, int file, int64_t offset, size_t n,
                                void *out)
{
  char *to = out;

  while (n > 0) {
    const ssize_t got = pread(w->fd[file], to, n, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    GLIA_CHECK(got >= 0, GLIA_E_IO, "cannot read %s: %s", w->path, strerror(errno));
    GLIA_CHECK(got > 0, GLIA_E_DATA, "%s is cut short", w->path);
    to += got;
    offset += got;
    n -= (size_t)got;
  }
  return GLIA_OK;
}

struct cursor {
  struct glia_weights *w;
  int file;
  int64_t at;
};

static glia_status read_on(void *self, void *out, size_t n)
{
  struct cursor *c = self;

  GLIA_TRY(glia_weights_pread_(c->w, c->file, c->at, n, out));
  c->at += (int64_t)n;
  return GLIA_OK;
}

static glia_status read_file(struct glia_weights *w, int i, void *out)
{
  const struct glia_weight_place *p = &w->place[i];
  const size_t n = (size_t)glia_type_count(&w->list[i].type);

  return glia_weights_pread_(w, p->file, p->offset, n * p->stored.bytes, out);
}

/* A single array has the name of its file. */
static glia_status open_npy(struct glia_weights *w, const char *path)
{
  struct glia_npy npy;
  struct cursor c = {w, 0, 0};
  struct stat s;
  const char *slash = strrchr(path, '/');
  char name[256] = "";
  static const char *const codes[] = {"f4", "f8", "f2", "i1", "u1", "b1", "i2", "u2", "i4", "i8"};
  const char *stored = "";

  GLIA_TRY(glia_weights_file_(w, path, &c.file));
  GLIA_TRY(glia_npy_header_(read_on, &c, path, &npy));
  const struct glia_weight_place place = {c.file, c.at, npy.stored};
  const int64_t bytes = glia_type_count(&npy.type) * (int64_t)npy.stored.bytes;
  GLIA_CHECK(fstat(w->fd[c.file], &s) == 0 && (int64_t)s.st_size == c.at + bytes, GLIA_E_DATA,
             "%s has %lld bytes, its header says %lld", path, (long long)s.st_size,
             (long long)(c.at + bytes));
  for (size_t k = 0; k < GLIA_COUNT(codes); k++)
    if (strcmp(codes[k], npy.code) == 0) stored = codes[k];
  strncat(name, slash != NULL ? slash + 1 : path, sizeof name - 1);
  char *dot = strrchr(name, '.');
  if (dot != NULL && dot > name) *dot = '\0';
  return glia_weights_add_(w, name, stored, &npy.type, &place);
}

static glia_status read_checkpoint(struct glia_weights *w, int i, void *out)
{
  const struct glia_array a = {w->list[i].name, w->list[i].type, out};

  return glia_checkpoint_read(w->checkpoint, 1, &a, false);
}

static glia_status open_checkpoint(struct glia_weights *w, const char *path)
{
  const struct glia_array *array;

  GLIA_TRY(glia_checkpoint_open_path(path, &w->checkpoint));
  const int n = glia_checkpoint_arrays(w->checkpoint, &array);
  for (int i = 0; i < n; i++) {
    const glia_dtype t = array[i].type.dtype;
    const struct glia_weight_place place = {0, 0, {t, glia_dtype_size(t), GLIA_WIDEN_NONE, false}};
    GLIA_TRY(glia_weights_add_(w, array[i].path, glia_dtype_name(t), &array[i].type, &place));
  }
  w->read = read_checkpoint;
  return GLIA_OK;
}

static glia_status open_by_content(struct glia_weights *w, const char *path)
{
  unsigned char head[9] = {0};
  struct stat s;

  GLIA_CHECK(stat(path, &s) == 0, errno == ENOENT || errno == ENOTDIR ? GLIA_E_MISSING : GLIA_E_IO,
             "%s: %s", path, strerror(errno));
  if (S_ISDIR(s.st_mode)) return open_checkpoint(w, path);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  GLIA_CHECK(fd >= 0, GLIA_E_IO, "%s: %s", path, strerror(errno));
  const ssize_t n = read(fd, head, sizeof head);
  close(fd);
  GLIA_CHECK(n > 0, GLIA_E_DATA, "%s is empty", path);
  if (memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0) return open_checkpoint(w, path);
  w->read = read_file;
  if (memcmp(head, "\x93NUMPY", 6) == 0) return open_npy(w, path);
  if (memcmp(head, "PK\x03\x04", 4) == 0 || memcmp(head, "PK\x05\x06", 4) == 0)
    return glia_npz_open_(w, path);
  if (head[0] == '{' && head[8] != '{') return glia_safetensors_index_(w, path);
  GLIA_CHECK(head[8] == '{', GLIA_E_DATA,
             "%s is none of safetensors, its index, .npz, .npy and checkpoints", path);
  return glia_safetensors_open_(w, path);
}

/* In byte order of names, places along. */
static glia_status sort(struct glia_weights *w)
{
  for (int i = 1; i < w->n; i++) {
    const struct glia_weight a = w->list[i];
    const struct glia_weight_place p = w->place[i];
    int lo = 0, hi = i;
    while (lo < hi) {
      const int mid = (lo + hi) / 2;
      const int c = strcmp(w->list[mid].name, a.name);
      GLIA_CHECK(c != 0, GLIA_E_DATA, "%s holds '%s' twice", w->path, a.name);
      if (c < 0)
        lo = mid + 1;
      else
        hi = mid;
    }
    memmove(w->list + lo + 1, w->list + lo, (size_t)(i - lo) * sizeof *w->list);
    memmove(w->place + lo + 1, w->place + lo, (size_t)(i - lo) * sizeof *w->place);
    w->list[lo] = a;
    w->place[lo] = p;
  }
  return GLIA_OK;
}

glia_status glia_weights_open(const char *path, struct glia_weights **out)
{
  struct glia_weights *w = calloc(1, sizeof *w);
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "%s", path);
  w->path = strdup(path);
  GLIA_CHECK_TO(fail, st, w->path != NULL, GLIA_E_MEMORY, "%s", path);
  GLIA_TRY_TO(fail, st, open_by_content(w, path));
  GLIA_TRY_TO(fail, st, sort(w));
  *out = w;
  return GLIA_OK;
fail:
  glia_weights_close(&w);
  return st;
}

void glia_weights_close(struct glia_weights **pw)
{
  if (pw == NULL || *pw == NULL) return;
  struct glia_weights *w = *pw;
  for (int i = 0; i < w->n_files; i++) close(w->fd[i]);
  for (int i = 0; i < w->n; i++) free(w->name[i]);
  glia_npz_close_(w);
  glia_checkpoint_close(&w->checkpoint);
  free(w->fd);
  free(w->name);
  free(w->list);
  free(w->place);
  free(w->path);
  free(w);
  *pw = NULL;
}

int glia_weights_list(const struct glia_weights *w, const struct glia_weight **out)
{
  *out = w->list;
  return w->n;
}

int glia_weights_find(const struct glia_weights *w, const char *name)
{
  for (int lo = 0, hi = w->n; lo < hi;) {
    const int mid = (lo + hi) / 2;
    const int c = strcmp(w->list[mid].name, name);
    if (c == 0) return mid;
    if (c < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return -1;
}

glia_status glia_weights_read(struct glia_weights *w, int i, glia_dtype dtype, void *out)
{
  const struct glia_weight *a = &w->list[i];
  const glia_dtype has = a->type.dtype;
  const int64_t n = glia_type_count(&a->type);
  char text[128];

  GLIA_CHECK(dtype == has || (glia_dtype_is_float(dtype) && glia_dtype_is_float(has)),
             GLIA_E_UNSUPPORTED, "%s: %s is %s, asked for as %s", w->path, a->name,
             glia_type_text(&a->type, text, sizeof text), glia_dtype_name(dtype));
  if (dtype == has) {
    GLIA_TRY(w->read(w, i, out));
    glia_elements_keep_(&w->place[i].stored, (size_t)n, out);
    return GLIA_OK;
  }
  void *kept = malloc(glia_type_bytes(&a->type) + 1);
  GLIA_CHECK(kept != NULL, GLIA_E_MEMORY, "%s: %s", w->path, a->name);
  const glia_status st = glia_weights_read(w, i, has, kept);
  for (int64_t k = 0; st == GLIA_OK && k < n; k++)
    glia_element_set_(dtype, out, k, glia_element_get_(has, kept, k));
  free(kept);
  return st;
}

size_t glia_weights_bytes_as_(const struct glia_array *a, glia_weights_as as)
{
  const size_t n = (size_t)glia_type_count(&a->type);

  if (as == GLIA_WEIGHTS_KEEP || !glia_dtype_is_float(a->type.dtype))
    return n * glia_dtype_size(a->type.dtype);
  return n * (as == GLIA_WEIGHTS_F32 ? 4 : 2);
}

void glia_weights_convert_(const struct glia_array *a, glia_weights_as as, void *out)
{
  const int64_t n = glia_type_count(&a->type);

  if (as == GLIA_WEIGHTS_KEEP || !glia_dtype_is_float(a->type.dtype)) {
    memcpy(out, a->data, glia_type_bytes(&a->type));
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    const float v = (float)glia_element_get_(a->type.dtype, a->data, i);
    if (as == GLIA_WEIGHTS_F32) {
      memcpy((char *)out + 4 * i, &v, 4);
    } else {
      const uint16_t h = as == GLIA_WEIGHTS_F16 ? glia_half_from_(v) : glia_bf16_round(v);
      memcpy((char *)out + 2 * i, &h, 2);
    }
  }
}

static bool ends_with(const char *text, const char *end)
{
  const size_t n = strlen(text), m = strlen(end);

  return n > m && strcmp(text + n - m, end) == 0;
}

glia_status glia_weights_write(const char *path, bool force, int n, const struct glia_array *array,
                               glia_weights_as as, int64_t max_bytes)
{
  const bool npz = ends_with(path, ".npz");

  GLIA_CHECK(npz || ends_with(path, ".safetensors"), GLIA_E_ARGUMENT,
             "%s: weights go to .safetensors or .npz", path);
  GLIA_CHECK(!npz || as != GLIA_WEIGHTS_BF16, GLIA_E_ARGUMENT,
             "%s: NumPy has no bf16: choose f16 or f32, or write .safetensors", path);
  GLIA_CHECK(!npz || max_bytes <= 0, GLIA_E_ARGUMENT, "%s: only safetensors are split", path);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < i; k++)
      GLIA_CHECK(strcmp(array[i].path, array[k].path) != 0, GLIA_E_ARGUMENT,
                 "two arrays have the name '%s'", array[i].path);
  return npz ? glia_npz_write_(path, force, n, array, as)
             : glia_safetensors_write_(path, force, n, array, as, max_bytes);
}
