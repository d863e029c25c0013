/* Archives; see glia_archive.h. */
#include "glia_archive.h"
#include "h5_priv.h"
#include "run_priv.h"
#include "seal_priv.h"

#include <stdlib.h>
#include <string.h>

struct glia_archive_writer {
  struct glia_h5_out out;
};

struct glia_archive {
  char *path;
  hid_t file;
};

glia_status glia_archive_create(const char *path, const char *kind, int format, bool force,
                                struct glia_archive_writer **out)
{
  struct glia_archive_writer *w = calloc(1, sizeof *w);

  *out = NULL;
  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "%s", path);
  glia_h5_lock_();
  const glia_status st = glia_h5_out_begin_(&w->out, path, kind, format, force, GLIA_H5_WHOLE);
  glia_h5_unlock_();
  if (st != GLIA_OK) {
    free(w);
    return st;
  }
  *out = w;
  return GLIA_OK;
}

glia_status glia_archive_put(struct glia_archive_writer *w, const struct glia_array *array)
{
  glia_h5_lock_();
  glia_status st = glia_h5_array_write_(w->out.file, array->path, &array->type, array->data, NULL);
  if (st == GLIA_OK) st = glia_h5_out_check_(&w->out);
  glia_h5_unlock_();
  return st;
}

glia_status glia_archive_put_texts(struct glia_archive_writer *w, const char *path, int64_t n,
                                   const char *const *text)
{
  glia_h5_lock_();
  glia_status st = glia_h5_texts_write_(w->out.file, path, n, text);
  if (st == GLIA_OK) st = glia_h5_out_check_(&w->out);
  glia_h5_unlock_();
  return st;
}

/* Open a group; where there is none, make it with all on its path. */
static glia_status make_group(hid_t file, const char *path, hid_t *out)
{
  *out = glia_h5_group_make_(file, path);
  GLIA_TRY_H5(*out, GLIA_E_IO, "cannot create group %s", path);
  return GLIA_OK;
}

static glia_status put_attribute(hid_t group, const struct glia_attribute *a)
{
  switch (a->kind) {
  case GLIA_ATTRIBUTE_INT:
    return glia_h5_put_int_(group, a->name, a->i);
  case GLIA_ATTRIBUTE_REAL:
    return glia_h5_put_real_(group, a->name, a->r);
  default:
    return glia_h5_put_text_(group, a->name, a->text);
  }
}

glia_status glia_archive_put_attribute(struct glia_archive_writer *w, const char *group,
                                       const struct glia_attribute *attribute)
{
  hid_t id = -1;

  glia_h5_lock_();
  glia_status st = make_group(w->out.file, group, &id);
  if (st == GLIA_OK) st = put_attribute(id, attribute);
  glia_h5_close_(&id);
  if (st == GLIA_OK) st = glia_h5_out_check_(&w->out);
  glia_h5_unlock_();
  return st;
}

glia_status glia_archive_commit(struct glia_archive_writer **pw)
{
  struct glia_archive_writer *w = *pw;
  glia_status st = GLIA_OK;

  glia_h5_lock_();
  GLIA_TRY_TO(out, st, glia_h5_out_close_(&w->out));
  GLIA_TRY_TO(out, st, glia_seal_write_(w->out.temp.fd, w->out.temp.path));
  GLIA_TRY_TO(out, st, glia_h5_out_commit_(&w->out));
out:
  glia_h5_out_abort_(&w->out);
  glia_h5_unlock_();
  free(w);
  *pw = NULL;
  return st;
}

void glia_archive_abort(struct glia_archive_writer **w)
{
  if (w == NULL || *w == NULL) return;
  glia_h5_lock_();
  glia_h5_out_abort_(&(*w)->out);
  glia_h5_unlock_();
  free(*w);
  *w = NULL;
}

static glia_status load(struct glia_archive *a, const char *kind, int format)
{
  bool sealed = false;

  GLIA_TRY(glia_seal_check_(a->path, &sealed)); /* one made by other programs has none */
  GLIA_TRY(glia_h5_open_(a->path, &a->file));
  return glia_h5_check_kind_(a->file, a->path, kind, format);
}

glia_status glia_archive_open(const char *path, const char *kind, int format,
                              struct glia_archive **out)
{
  struct glia_archive *a = calloc(1, sizeof *a);

  *out = NULL;
  GLIA_CHECK(a != NULL, GLIA_E_MEMORY, "%s", path);
  a->file = -1;
  a->path = strdup(path);
  if (a->path == NULL) {
    free(a);
    return GLIA_FAIL(GLIA_E_MEMORY, "%s", path);
  }
  glia_h5_lock_();
  const glia_status st = load(a, kind, format);
  glia_h5_unlock_();
  if (st != GLIA_OK)
    glia_archive_close(&a);
  else
    *out = a;
  return st;
}

bool glia_archive_is(const char *path, const char *kind)
{
  hid_t file = -1;

  glia_h5_lock_();
  glia_status st = glia_h5_open_(path, &file);
  if (st == GLIA_OK) st = glia_h5_check_kind_(file, path, kind, INT_MAX);
  glia_h5_close_(&file);
  glia_h5_unlock_();
  if (st != GLIA_OK) glia_trace_clear();
  return st == GLIA_OK;
}

void glia_archive_close(struct glia_archive **a)
{
  if (a == NULL || *a == NULL) return;
  glia_h5_lock_();
  glia_h5_close_(&(*a)->file);
  glia_h5_unlock_();
  free((*a)->path);
  free(*a);
  *a = NULL;
}

static glia_status members(struct glia_archive *a, const char *group, int64_t *n, char ***name)
{
  struct glia_h5_names names = {0};
  bool is_group = false;
  bool is_array = false;

  GLIA_TRY(glia_h5_exists_(a->file, group, &is_group, &is_array));
  GLIA_CHECK(is_group, GLIA_E_MISSING, "%s has no group /%s", a->path, group);
  hid_t id = H5Gopen2(a->file, group, H5P_DEFAULT);
  GLIA_TRY_H5(id, GLIA_E_DATA, "%s: /%s", a->path, group);
  const glia_status st = glia_h5_names_(id, a->path, &names);
  glia_h5_close_(&id);
  GLIA_TRY(st);
  *n = names.n;
  *name = names.name; /* allocated as glia_texts_free wants it */
  return GLIA_OK;
}

glia_status glia_archive_members(struct glia_archive *a, const char *group, int64_t *n,
                                 char ***name)
{
  *n = 0;
  *name = NULL;
  glia_h5_lock_();
  const glia_status st = members(a, group, n, name);
  glia_h5_unlock_();
  return st;
}

glia_status glia_archive_type(struct glia_archive *a, const char *path, struct glia_type *out)
{
  struct glia_h5_array info;
  hid_t d = -1;

  glia_h5_lock_();
  const glia_status st = glia_h5_array_open_(a->file, a->path, path, &d, &info);
  if (st == GLIA_OK) *out = info.type;
  glia_h5_close_(&d);
  glia_h5_unlock_();
  return st;
}

static glia_status get(struct glia_archive *a, const struct glia_array *array, hid_t *d)
{
  struct glia_h5_array info;
  char have[128];
  char want[128];

  GLIA_TRY(glia_h5_array_open_(a->file, a->path, array->path, d, &info));
  GLIA_CHECK(glia_type_equal(&info.type, &array->type), GLIA_E_SHAPE, "%s: /%s is %s, expected %s",
             a->path, array->path, glia_type_text(&info.type, have, sizeof have),
             glia_type_text(&array->type, want, sizeof want));
  return glia_h5_array_read_(*d, &info.type, array->data);
}

glia_status glia_archive_get(struct glia_archive *a, const struct glia_array *array)
{
  hid_t d = -1;

  glia_h5_lock_();
  const glia_status st = get(a, array, &d);
  glia_h5_close_(&d);
  glia_h5_unlock_();
  return st;
}

glia_status glia_archive_get_texts(struct glia_archive *a, const char *path, int64_t *n,
                                   char ***out)
{
  glia_h5_lock_();
  const glia_status st = glia_h5_texts_read_(a->file, a->path, path, n, out);
  glia_h5_unlock_();
  return st;
}

/* Open what carries the attribute. */
static glia_status open_object(struct glia_archive *a, const char *path, hid_t *out)
{
  bool group = false;
  bool array = false;

  GLIA_TRY(glia_h5_exists_(a->file, path, &group, &array));
  GLIA_CHECK(group || array, GLIA_E_MISSING, "%s has no /%s", a->path, path);
  *out = H5Oopen(a->file, path, H5P_DEFAULT);
  GLIA_TRY_H5(*out, GLIA_E_DATA, "%s: /%s", a->path, path);
  return GLIA_OK;
}

static glia_status get_attribute(struct glia_archive *a, const char *path, const char *name,
                                 glia_attribute_kind kind, void *out)
{
  hid_t id = -1;
  bool found = false;
  glia_status st;

  glia_h5_lock_();
  GLIA_TRY_TO(out, st, open_object(a, path, &id));
  if (kind == GLIA_ATTRIBUTE_INT) st = glia_h5_get_int_(id, name, out, &found);
  if (kind == GLIA_ATTRIBUTE_REAL) st = glia_h5_get_real_(id, name, out, &found);
  if (kind == GLIA_ATTRIBUTE_TEXT) st = glia_h5_get_text_(id, name, out, &found);
  if (st == GLIA_OK && !found)
    st = GLIA_FAIL(GLIA_E_MISSING, "%s: /%s has no attribute %s", a->path, path, name);
out:
  glia_h5_close_(&id);
  glia_h5_unlock_();
  return st;
}

glia_status glia_archive_get_int(struct glia_archive *a, const char *path, const char *name,
                                 int64_t *out)
{
  return get_attribute(a, path, name, GLIA_ATTRIBUTE_INT, out);
}

glia_status glia_archive_get_real(struct glia_archive *a, const char *path, const char *name,
                                  double *out)
{
  return get_attribute(a, path, name, GLIA_ATTRIBUTE_REAL, out);
}

glia_status glia_archive_get_text(struct glia_archive *a, const char *path, const char *name,
                                  char **out)
{
  return get_attribute(a, path, name, GLIA_ATTRIBUTE_TEXT, out);
}

void glia_texts_free(int64_t n, char ***text)
{
  if (text == NULL || *text == NULL) return;
  for (int64_t i = 0; i < n; i++) free((*text)[i]);
  free(*text);
  *text = NULL;
}

static glia_status add_attribute(hid_t id, const char *name, struct glia_attribute *out)
{
  bool found = false;
  char *text = NULL;
  hid_t a = H5Aopen(id, name, H5P_DEFAULT);

  GLIA_TRY_H5(a, GLIA_E_DATA, "attribute %s", name);
  hid_t type = H5Aget_type(a);
  const H5T_class_t class = H5Tget_class(type);
  glia_h5_close_(&type);
  glia_h5_close_(&a);
  *out = (struct glia_attribute){.kind = class == H5T_INTEGER ? GLIA_ATTRIBUTE_INT
                                         : class == H5T_FLOAT ? GLIA_ATTRIBUTE_REAL
                                                              : GLIA_ATTRIBUTE_TEXT};
  if (out->kind == GLIA_ATTRIBUTE_INT) GLIA_TRY(glia_h5_get_int_(id, name, &out->i, &found));
  if (out->kind == GLIA_ATTRIBUTE_REAL) GLIA_TRY(glia_h5_get_real_(id, name, &out->r, &found));
  if (out->kind == GLIA_ATTRIBUTE_TEXT) GLIA_TRY(glia_h5_get_text_(id, name, &text, &found));
  out->text = text;
  out->name = strdup(name);
  if (out->name != NULL) return GLIA_OK;
  free(text);
  return GLIA_FAIL(GLIA_E_MEMORY, "attribute %s", name);
}

struct attributes {
  int n;
  struct glia_attribute *list;
  glia_status st;
};

static herr_t visit_attribute(hid_t id, const char *name, const H5A_info_t *info, void *data)
{
  struct attributes *a = data;
  struct glia_attribute *more = realloc(a->list, (size_t)(a->n + 1) * sizeof *more);

  (void)info;
  if (more == NULL) {
    a->st = GLIA_FAIL(GLIA_E_MEMORY, "%d attributes", a->n);
    return 1;
  }
  a->list = more;
  a->st = add_attribute(id, name, &a->list[a->n]);
  if (a->st == GLIA_OK) a->n++;
  return a->st == GLIA_OK ? 0 : 1;
}

glia_status glia_archive_attributes_(struct glia_archive *a, const char *group, int *n,
                                     struct glia_attribute **out)
{
  struct attributes all = {.st = GLIA_OK};
  hsize_t at = 0;
  hid_t id = -1;

  glia_h5_lock_();
  all.st = open_object(a, group, &id);
  if (all.st == GLIA_OK &&
      H5Aiterate2(id, H5_INDEX_NAME, H5_ITER_INC, &at, visit_attribute, &all) < 0)
    all.st = GLIA_H5_FAIL(GLIA_E_DATA, "%s: attributes of /%s", a->path, group);
  glia_h5_close_(&id);
  glia_h5_unlock_();
  *n = all.n; /* also on failure: the caller frees what there is */
  *out = all.list;
  return all.st;
}
