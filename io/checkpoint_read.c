/* Reading checkpoints. */
#include "glia_checkpoint.h"
#include "h5_priv.h"
#include "seal_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEPTH_MAX = 8 };

struct glia_checkpoint {
  char *path;
  hid_t file;
  int64_t step;
  char *config;
  int n_arrays;
  struct glia_array *array;
  int n_attributes;
  struct glia_attribute *attribute;
  int n_texts;
  char **text; /* what paths, names and texts above point to */
};

/* Keep a text as long as the checkpoint; takes it in any case. */
static glia_status keep(struct glia_checkpoint *c, char *text, const char **out)
{
  char **more = text != NULL ? realloc(c->text, (size_t)(c->n_texts + 1) * sizeof *more) : NULL;

  if (more == NULL) {
    free(text);
    return GLIA_FAIL(GLIA_E_MEMORY, "%s", c->path);
  }
  c->text = more;
  c->text[c->n_texts++] = text;
  *out = text;
  return GLIA_OK;
}

void glia_checkpoint_close(struct glia_checkpoint **pc)
{
  if (pc == NULL || *pc == NULL) return;
  struct glia_checkpoint *c = *pc;
  glia_h5_lock_();
  glia_h5_close_(&c->file);
  glia_h5_unlock_();
  for (int i = 0; i < c->n_texts; i++) free(c->text[i]);
  free(c->text);
  free(c->array);
  free(c->attribute);
  free(c->config);
  free(c->path);
  free(c);
  *pc = NULL;
}

static glia_status add_array(struct glia_checkpoint *c, const char *path)
{
  struct glia_h5_array info;
  int64_t is_bool = 0;
  bool found = false;
  hid_t d = -1;

  GLIA_TRY(glia_h5_array_open_(c->file, c->path, path, &d, &info));
  const glia_status st = glia_h5_get_int_(d, "bool", &is_bool, &found);
  glia_h5_close_(&d);
  if (st != GLIA_OK) return st;
  if (is_bool == 1 && info.type.dtype == GLIA_U8) info.type.dtype = GLIA_BOOL;
  struct glia_array *more = realloc(c->array, (size_t)(c->n_arrays + 1) * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%s", c->path);
  c->array = more;
  c->array[c->n_arrays] = (struct glia_array){.type = info.type};
  GLIA_TRY(keep(c, strdup(path), &c->array[c->n_arrays].path));
  c->n_arrays++;
  return GLIA_OK;
}

/* All arrays below a group. */
static glia_status walk(struct glia_checkpoint *c, const char *path, int depth)
{
  struct glia_h5_names names = {0};
  glia_status st = GLIA_OK;

  GLIA_CHECK(depth < DEPTH_MAX, GLIA_E_DATA, "%s: %s is nested too deeply", c->path, path);
  hid_t group = H5Gopen2(c->file, path, H5P_DEFAULT);
  GLIA_TRY_H5(group, GLIA_E_DATA, "%s: %s", c->path, path);
  GLIA_TRY_TO(out, st, glia_h5_names_(group, c->path, &names));
  for (int i = 0; i < names.n && st == GLIA_OK; i++) {
    bool is_group = false;
    bool is_array = false;
    char *member = malloc(strlen(path) + strlen(names.name[i]) + 2);
    if (member == NULL) {
      st = GLIA_FAIL(GLIA_E_MEMORY, "%s", c->path);
      break;
    }
    sprintf(member, "%s/%s", path, names.name[i]);
    st = glia_h5_exists_(c->file, member, &is_group, &is_array);
    if (st == GLIA_OK && is_group) st = walk(c, member, depth + 1);
    if (st == GLIA_OK && is_array) st = add_array(c, member);
    free(member);
  }
out:
  glia_h5_free_names_(&names);
  glia_h5_close_(&group);
  return st;
}

static int by_path(const void *a, const void *b)
{
  return strcmp(((const struct glia_array *)a)->path, ((const struct glia_array *)b)->path);
}

static glia_status read_attribute(struct glia_checkpoint *c, hid_t group, hsize_t index)
{
  char name[256] = "";
  bool found = false;
  char *text = NULL;
  struct glia_attribute a = {0};
  hid_t id =
      H5Aopen_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, H5P_DEFAULT, H5P_DEFAULT);

  GLIA_TRY_H5(id, GLIA_E_DATA, "%s: an attribute of /run", c->path);
  const ssize_t length = H5Aget_name(id, sizeof name, name);
  hid_t type = H5Aget_type(id);
  const H5T_class_t class = H5Tget_class(type);
  glia_h5_close_(&type);
  glia_h5_close_(&id);
  GLIA_CHECK(length > 0 && length < (ssize_t)sizeof name, GLIA_E_DATA, "%s: an attribute of /run",
             c->path);
  if (class == H5T_INTEGER) {
    a.kind = GLIA_ATTRIBUTE_INT;
    GLIA_TRY(glia_h5_get_int_(group, name, &a.i, &found));
  } else if (class == H5T_FLOAT) {
    a.kind = GLIA_ATTRIBUTE_REAL;
    GLIA_TRY(glia_h5_get_real_(group, name, &a.r, &found));
  } else if (class == H5T_STRING) {
    a.kind = GLIA_ATTRIBUTE_TEXT;
    GLIA_TRY(glia_h5_get_text_(group, name, &text, &found));
    GLIA_TRY(keep(c, text, &a.text));
  } else {
    return GLIA_OK; /* not ours */
  }
  GLIA_TRY(keep(c, strdup(name), &a.name));
  c->attribute[c->n_attributes++] = a;
  return GLIA_OK;
}

static glia_status read_run(struct glia_checkpoint *c)
{
  H5O_info_t info;
  bool is_group = false;
  bool is_array = false;
  bool found = false;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_exists_(c->file, "run", &is_group, &is_array));
  GLIA_CHECK(is_group, GLIA_E_DATA, "%s has no group /run", c->path);
  hid_t group = H5Gopen2(c->file, "run", H5P_DEFAULT);
  GLIA_TRY_H5(group, GLIA_E_DATA, "%s: /run", c->path);
  GLIA_TRY_TO(out, st, glia_h5_get_int_(group, "step", &c->step, &found));
  GLIA_CHECK_TO(out, st, found && c->step >= 0, GLIA_E_DATA, "%s: /run has no step", c->path);
  GLIA_TRY_H5_TO(out, st, H5Oget_info2(group, &info, H5O_INFO_NUM_ATTRS), GLIA_E_DATA, "%s: /run",
                 c->path);
  GLIA_CHECK_TO(out, st, info.num_attrs < 4096, GLIA_E_DATA, "%s: /run has too many attributes",
                c->path);
  c->attribute = calloc((size_t)info.num_attrs + 1, sizeof *c->attribute);
  GLIA_CHECK_TO(out, st, c->attribute != NULL, GLIA_E_MEMORY, "%s", c->path);
  for (hsize_t i = 0; i < info.num_attrs; i++) GLIA_TRY_TO(out, st, read_attribute(c, group, i));
out:
  glia_h5_close_(&group);
  return st;
}

/* The sum that an array names: formats 1 and 2 have SHA-256; one made by other programs may have none. */
static glia_status named_sum(hid_t array, glia_sum_kind *kind, char **out)
{
  bool found = false;

  *kind = GLIA_SUM_XXH3;
  GLIA_TRY(glia_h5_get_text_(array, "xxh128", out, &found));
  if (found) return GLIA_OK;
  *kind = GLIA_SUM_SHA256;
  return glia_h5_get_text_(array, "sha256", out, &found);
}

/* Its sum, where it names one: from format 4 on. */
static glia_status check_config(struct glia_checkpoint *c)
{
  glia_sum_kind kind;
  char *expected = NULL;
  char sum[GLIA_SUM_TEXT_BYTES];
  hid_t d = H5Dopen2(c->file, "config", H5P_DEFAULT);
  glia_status st = GLIA_OK;

  GLIA_TRY_H5(d, GLIA_E_DATA, "%s: /config", c->path);
  GLIA_TRY_TO(out, st, named_sum(d, &kind, &expected));
  if (expected == NULL) goto out;
  glia_sum_of_(kind, c->config, strlen(c->config), sum);
  GLIA_CHECK_TO(out, st, strcmp(sum, expected) == 0, GLIA_E_DATA,
                "%s is damaged: the checksum of /config is not the one it names", c->path);
out:
  free(expected);
  glia_h5_close_(&d);
  return st;
}

static glia_status read_config(struct glia_checkpoint *c)
{
  char **text = NULL;
  int64_t n = 0;

  GLIA_TRY(glia_h5_texts_read_(c->file, c->path, "config", &n, &text));
  for (int64_t i = 1; i < n; i++) free(text[i]);
  c->config = n > 0 ? text[0] : NULL;
  free(text);
  GLIA_CHECK(n == 1, GLIA_E_DATA, "%s: /config is not one text", c->path);
  return check_config(c);
}

static glia_status read_array(struct glia_checkpoint *c, const struct glia_array *a)
{
  struct glia_h5_array info;
  glia_sum_kind kind;
  char *expected = NULL;
  char sum[GLIA_SUM_TEXT_BYTES];
  hid_t d = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_array_open_(c->file, c->path, a->path, &d, &info));
  GLIA_TRY_TO(out, st, glia_h5_array_read_(d, &info.type, a->data));
  GLIA_TRY_TO(out, st, named_sum(d, &kind, &expected));
  if (expected == NULL) goto out; /* nothing to compare with */
  glia_sum_of_(kind, a->data, glia_type_bytes(&a->type), sum);
  GLIA_CHECK_TO(out, st, strcmp(sum, expected) == 0, GLIA_E_DATA,
                "%s is damaged: the checksum of /%s is not the one it names", c->path, a->path);
out:
  free(expected);
  glia_h5_close_(&d);
  return st;
}

/* Without a seal every array is read once, to compare its sum. */
static glia_status verify_arrays(struct glia_checkpoint *c)
{
  for (int i = 0; i < c->n_arrays; i++) {
    struct glia_array a = c->array[i];
    const size_t bytes = glia_type_bytes(&a.type);
    a.data = malloc(bytes > 0 ? bytes : 1);
    GLIA_CHECK(a.data != NULL, GLIA_E_MEMORY, "%s: /%s", c->path, a.path);
    const glia_status st = read_array(c, &a);
    free(a.data);
    if (st != GLIA_OK) return st;
  }
  return GLIA_OK;
}

static glia_status load_frame(struct glia_checkpoint *c)
{
  static const char *const groups[] = {"params", "optimizer", "state"};

  GLIA_TRY(glia_h5_open_(c->path, &c->file));
  GLIA_TRY(glia_h5_check_kind_(c->file, c->path, "checkpoint", GLIA_CHECKPOINT_FORMAT));
  GLIA_TRY(read_run(c));
  GLIA_TRY(read_config(c));
  for (size_t i = 0; i < GLIA_COUNT(groups); i++) {
    bool is_group = false;
    bool is_array = false;
    GLIA_TRY(glia_h5_exists_(c->file, groups[i], &is_group, &is_array));
    if (is_group) GLIA_TRY(walk(c, groups[i], 0));
  }
  if (c->n_arrays > 1) qsort(c->array, (size_t)c->n_arrays, sizeof *c->array, by_path);
  return GLIA_OK;
}

/* Nothing vouches for a file without a seal, and HDF5 1.10 may crash or hang in one that is damaged: a child process looks at
 * it first. It shares nothing that it could harm, and ends without the parent's clean-up. */
static glia_status probe(struct glia_checkpoint *c)
{
  struct stat info;
  int status = 0;

  GLIA_CHECK(stat(c->path, &info) == 0, GLIA_E_IO, "%s: %s", c->path, strerror(errno));
  const rlim_t patience_s = 2 + (rlim_t)(info.st_size / (64 << 20)); /* of CPU time */
  const pid_t child = fork();

  GLIA_CHECK(child >= 0, GLIA_E_IO, "no process to look at %s: %s", c->path, strerror(errno));
  if (child == 0) {
    for (int i = 1; i < NSIG; i++) signal(i, SIG_DFL);
    setrlimit(RLIMIT_CPU, &(struct rlimit){patience_s, patience_s});
    glia_status st = load_frame(c);
    if (st == GLIA_OK) st = verify_arrays(c); /* what is wrong is found again, and described */
    glia_h5_close_(&c->file);
    _exit(0);
  }
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  GLIA_CHECK(status == 0, GLIA_E_DATA, "%s is damaged: reading it %s", c->path,
             WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? "ends the process that does"
                                                                : "does not end");
  return GLIA_OK;
}

static glia_status load(struct glia_checkpoint *c)
{
  bool sealed = false;

  GLIA_TRY(glia_seal_check_(c->path, &sealed));
  if (sealed) return load_frame(c);
  GLIA_TRY(probe(c));
  GLIA_TRY(load_frame(c));
  return verify_arrays(c);
}

glia_status glia_checkpoint_open(const char *path, struct glia_checkpoint **out)
{
  struct glia_checkpoint *c = calloc(1, sizeof *c);

  *out = NULL;
  GLIA_CHECK(c != NULL, GLIA_E_MEMORY, "%s", path);
  c->file = -1;
  c->path = strdup(path);
  if (c->path == NULL) {
    free(c);
    return GLIA_FAIL(GLIA_E_MEMORY, "%s", path);
  }
  glia_h5_lock_();
  const glia_status st = load(c);
  glia_h5_unlock_();
  if (st != GLIA_OK) {
    glia_checkpoint_close(&c);
    return st;
  }
  *out = c;
  return GLIA_OK;
}

int64_t glia_checkpoint_step(const struct glia_checkpoint *c) { return c->step; }
const char *glia_checkpoint_config(const struct glia_checkpoint *c) { return c->config; }

int glia_checkpoint_arrays(const struct glia_checkpoint *c, const struct glia_array **out)
{
  *out = c->array;
  return c->n_arrays;
}

int glia_checkpoint_attributes(const struct glia_checkpoint *c, const struct glia_attribute **out)
{
  *out = c->attribute;
  return c->n_attributes;
}

const struct glia_attribute *glia_checkpoint_attribute(const struct glia_checkpoint *c,
                                                       const char *name)
{
  for (int i = 0; i < c->n_attributes; i++)
    if (strcmp(c->attribute[i].name, name) == 0) return &c->attribute[i];
  return NULL;
}

static const struct glia_array *find(int n, const struct glia_array *array, const char *path)
{
  for (int i = 0; i < n; i++)
    if (strcmp(array[i].path, path) == 0) return &array[i];
  return NULL;
}

static glia_status check_match(const struct glia_checkpoint *c, int n,
                               const struct glia_array *array, bool exact)
{
  char have[128];
  char want[128];

  for (int i = 0; i < n; i++) {
    const struct glia_array *a = find(c->n_arrays, c->array, array[i].path);
    GLIA_CHECK(a != NULL, GLIA_E_MISSING, "%s has no array /%s", c->path, array[i].path);
    GLIA_CHECK(glia_type_equal(&a->type, &array[i].type), GLIA_E_SHAPE,
               "%s: /%s is %s, the model has %s", c->path, a->path,
               glia_type_text(&a->type, have, sizeof have),
               glia_type_text(&array[i].type, want, sizeof want));
  }
  for (int i = 0; exact && i < c->n_arrays; i++)
    GLIA_CHECK(find(n, array, c->array[i].path) != NULL, GLIA_E_SHAPE,
               "%s has an array /%s, the model has none", c->path, c->array[i].path);
  return GLIA_OK;
}

glia_status glia_checkpoint_read(struct glia_checkpoint *c, int n, const struct glia_array *array,
                                 bool exact)
{
  glia_status st = GLIA_OK;

  GLIA_TRY(check_match(c, n, array, exact));
  glia_h5_lock_();
  for (int i = 0; i < n && st == GLIA_OK; i++)
    if (array[i].data != NULL) st = read_array(c, &array[i]);
  glia_h5_unlock_();
  return st;
}
