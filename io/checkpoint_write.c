/* Writing checkpoints, and the hashes of a model. */
#include "bulk_priv.h"
#include "checkpoint_priv.h"
#include "glia_sha256.h"
#include "h5_priv.h"
#include "seal_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_path(const void *a, const void *b)
{
  return strcmp((*(const struct glia_array *const *)a)->path,
                (*(const struct glia_array *const *)b)->path);
}

glia_status glia_arrays_sha256(int n, const struct glia_array *array, int n_prefixes,
                               const char *const *prefix, char out[65])
{
  const struct glia_array **chosen = calloc(n > 0 ? (size_t)n : 1, sizeof *chosen);
  struct glia_sha256 h;
  size_t n_chosen = 0;

  GLIA_CHECK(chosen != NULL, GLIA_E_MEMORY, "a list of %d arrays", n);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n_prefixes; k++)
      if (strncmp(array[i].path, prefix[k], strlen(prefix[k])) == 0) {
        chosen[n_chosen++] = &array[i];
        break;
      }
  qsort(chosen, n_chosen, sizeof *chosen, by_path);
  glia_sha256_init(&h);
  for (size_t i = 0; i < n_chosen; i++)
    glia_sha256_update(&h, chosen[i]->data, glia_type_bytes(&chosen[i]->type));
  glia_sha256_hex(&h, out);
  free(chosen);
  return GLIA_OK;
}

glia_status glia_parameters_sha256(int n, const struct glia_array *array, char out[65])
{
  return glia_arrays_sha256(n, array, 1, (const char *const[]){"params/"}, out);
}

glia_status glia_state_sha256(int n, const struct glia_array *array, char out[65])
{
  return glia_arrays_sha256(n, array, 2, (const char *const[]){"optimizer/", "state/"}, out);
}

/* A path is a chain of plain words under one of the three groups. */
static bool good_path(const char *path)
{
  if (strncmp(path, "params/", 7) != 0 && strncmp(path, "optimizer/", 10) != 0 &&
      strncmp(path, "state/", 6) != 0)
    return false;
  for (const char *p = path; *p != '\0';) {
    const size_t n = strcspn(p, "/");
    if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.')) return false;
    p += n;
    if (*p == '/' && *++p == '\0') return false;
  }
  return strlen(path) < 512;
}

/* The array's place in the file and its sum; its bytes come later, without HDF5. */
static glia_status declare_array(hid_t file, const struct glia_array *a,
                                 struct glia_seal_part *part)
{
  hid_t d = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, glia_h5_array_reserve_(file, a->path, &a->type, &part->offset, &d));
  GLIA_TRY_TO(out, st, glia_h5_put_fixed_text_(d, "xxh128", part->sum));
  if (a->type.dtype == GLIA_BOOL) GLIA_TRY_TO(out, st, glia_h5_put_int_(d, "bool", 1));
out:
  glia_h5_close_(&d);
  return st;
}

static glia_status write_attribute(hid_t group, const struct glia_attribute *a)
{
  switch (a->kind) {
  case GLIA_ATTRIBUTE_INT:
    return glia_h5_put_int_(group, a->name, a->i);
  case GLIA_ATTRIBUTE_REAL:
    return glia_h5_put_real_(group, a->name, a->r);
  default:
    return glia_h5_put_fixed_text_(group, a->name, a->text);
  }
}

static glia_status write_run(hid_t file, const struct glia_checkpoint_content *c)
{
  hid_t group = glia_h5_group_make_(file, "run");
  char sum[65];
  glia_status st = GLIA_OK;

  GLIA_TRY_H5(group, GLIA_E_IO, "cannot create /run");
  GLIA_TRY_TO(out, st, glia_h5_put_int_(group, "step", c->step));
  if (c->whole_hashes) {
    GLIA_TRY_TO(out, st, glia_parameters_sha256(c->n, c->array, sum));
    GLIA_TRY_TO(out, st, glia_h5_put_fixed_text_(group, "parameters_sha256", sum));
    GLIA_TRY_TO(out, st, glia_state_sha256(c->n, c->array, sum));
    GLIA_TRY_TO(out, st, glia_h5_put_fixed_text_(group, "state_sha256", sum));
  }
  if (c->pieces != NULL && c->pieces->parameters_sha256 != NULL)
    GLIA_TRY_TO(out, st,
                glia_h5_put_fixed_text_(group, "parameters_sha256", c->pieces->parameters_sha256));
  if (c->pieces != NULL && c->pieces->state_sha256 != NULL)
    GLIA_TRY_TO(out, st, glia_h5_put_fixed_text_(group, "state_sha256", c->pieces->state_sha256));
  for (int i = 0; i < c->n_attributes; i++)
    GLIA_TRY_TO(out, st, write_attribute(group, &c->attribute[i]));
out:
  glia_h5_close_(&group);
  return st;
}

/* The text, and its sum: a file that lost its seal has no other. */
static glia_status write_config(hid_t file, const char *config)
{
  char sum[GLIA_SUM_TEXT_BYTES];
  hid_t d = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_texts_write_(file, "config", -1, &config));
  glia_sum_of_(GLIA_SUM_XXH3, config, strlen(config), sum);
  d = H5Dopen2(file, "config", H5P_DEFAULT);
  GLIA_TRY_H5_TO(out, st, d, GLIA_E_IO, "cannot write /config");
  st = glia_h5_put_fixed_text_(d, "xxh128", sum);
out:
  glia_h5_close_(&d);
  return st;
}

/* All that HDF5 writes: everything but the arrays' bytes. */
static glia_status write_frame(struct glia_h5_out *o, const char *path,
                               const struct glia_checkpoint_content *c, struct glia_seal_part *part)
{
  GLIA_TRY(
      glia_h5_out_begin_(o, path, "checkpoint", GLIA_CHECKPOINT_FORMAT, true, GLIA_H5_HEAPLESS));
  for (int i = 0; i < c->n; i++) {
    GLIA_TRY(declare_array(o->file, &c->array[i], &part[i]));
    GLIA_TRY(glia_h5_out_check_(o));
  }
  GLIA_TRY(write_config(o->file, c->config));
  GLIA_TRY(write_run(o->file, c));
  return glia_h5_out_close_(o);
}

void glia_checkpoint_sum(const struct glia_array *array, const void *data, char out[65])
{
  glia_sum_of_(GLIA_SUM_XXH3, data, glia_type_bytes(&array->type), out);
}

/* Sums and bytes without HDF5 and so outside its lock: readers of data sets need it meanwhile. */
static glia_status write_file(struct glia_h5_out *o, const char *path,
                              const struct glia_checkpoint_content *c, struct glia_seal_part *part)
{
  int n_parts = 0;

  for (int i = 0; i < c->n; i++) {
    GLIA_CHECK(good_path(c->array[i].path), GLIA_E_ARGUMENT,
               "'%s' is not a path under params/, optimizer/ or state/", c->array[i].path);
    part[i].bytes = (int64_t)glia_type_bytes(&c->array[i].type);
    if (c->pieces != NULL)
      memcpy(part[i].sum, c->pieces->sum[i], sizeof part[i].sum);
    else
      glia_checkpoint_sum(&c->array[i], c->array[i].data, part[i].sum);
  }
  glia_h5_lock_();
  const glia_status st = write_frame(o, path, c, part);
  glia_h5_unlock_();
  GLIA_TRY(st);
  for (int i = 0; i < c->n; i++) {
    const void *data = c->array[i].data;
    if (c->pieces != NULL) GLIA_TRY(c->pieces->fetch(c->pieces->self, i, &data));
    if (part[i].bytes == 0) continue;
    GLIA_TRY(
        glia_bulk_write_(o->temp.fd, o->temp.path, data, (size_t)part[i].bytes, part[i].offset));
    part[n_parts++] = part[i];
  }
  GLIA_TRY(glia_seal_parts_write_(o->temp.fd, o->temp.path, n_parts, part));
  return glia_tempfile_commit_(&o->temp);
}

glia_status glia_checkpoint_put_(const char *dir, const struct glia_checkpoint_content *c)
{
  struct glia_h5_out o = {.file = -1, .temp.fd = -1};
  struct glia_seal_part *part = NULL;
  char *path = NULL;
  glia_status st = GLIA_OK;

  GLIA_CHECK(c->step >= 0, GLIA_E_ARGUMENT, "step %" PRId64, c->step);
  GLIA_CHECK(dir[0] != '\0', GLIA_E_ARGUMENT, "the name of the folder is empty");
  GLIA_TRY(glia_make_folder_(dir));
  path = glia_checkpoint_path(dir, c->step);
  part = calloc((size_t)c->n + 1, sizeof *part);
  GLIA_CHECK_TO(out, st, path != NULL && part != NULL, GLIA_E_MEMORY, "%s", dir);
  st = write_file(&o, path, c, part);
  glia_h5_lock_();
  glia_h5_out_abort_(&o);
  glia_h5_unlock_();
out:
  free(part);
  free(path);
  return st;
}

glia_status glia_checkpoint_write(const char *dir, int64_t step, int n,
                                  const struct glia_array *array, const char *config,
                                  int n_attributes, const struct glia_attribute *attribute)
{
  return glia_checkpoint_put_(dir, &(struct glia_checkpoint_content){.step = step,
                                                                     .n = n,
                                                                     .array = array,
                                                                     .config = config,
                                                                     .n_attributes = n_attributes,
                                                                     .attribute = attribute,
                                                                     .whole_hashes = true});
}

glia_status glia_checkpoint_write_pieces(const char *dir, int64_t step, int n,
                                         const struct glia_array *array,
                                         const struct glia_checkpoint_pieces *pieces,
                                         const char *config, int n_attributes,
                                         const struct glia_attribute *attribute)
{
  return glia_checkpoint_put_(dir, &(struct glia_checkpoint_content){.step = step,
                                                                     .n = n,
                                                                     .array = array,
                                                                     .config = config,
                                                                     .n_attributes = n_attributes,
                                                                     .attribute = attribute,
                                                                     .pieces = pieces});
}
