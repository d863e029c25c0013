/* Rows of different lengths: <name> [total, ...] with <name>_ptr [n + 1]. A row is planned at the longest of all splits: it comes padded, with
 * a field <name>_mask that is 1 where the row has something (docs/formats/dataset.md). In memory only. */
#include "dataset_priv.h"
#include "h5_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 64 };

/* One field as handed out; data is shared between rows and their mask. */
struct column {
  const char *data;
  const int64_t *ptr; /* [n + 1]; NULL: rows of one length */
  size_t cell_bytes;  /* of one place; of the row where ptr is NULL */
  int64_t most;       /* places */
  bool mask, repeat;  /* repeat: padding is the last place, not 0 */
};

struct ragged {
  struct glia_source source;
  char *name;
  struct glia_h5_names names;
  char *data[FIELDS_MAX], *mask_name[FIELDS_MAX]; /* by array of the file */
  struct glia_type type[FIELDS_MAX];
  struct glia_field field[FIELDS_MAX];
  struct column column[FIELDS_MAX];
};

static bool ends_with_ptr(const char *name)
{
  const size_t n = strlen(name);

  return n >= 3 && strcmp(name + n - 3, "ptr") == 0 && (n == 3 || name[n - 4] == '_');
}

/* Place of <name>_ptr among the names, -1: none. */
static int pointers_of(const struct glia_h5_names *names, const char *name)
{
  const size_t n = strlen(name);

  for (int k = 0; k < names->n; k++)
    if (strncmp(names->name[k], name, n) == 0 && strcmp(names->name[k] + n, "_ptr") == 0) return k;
  return -1;
}

/* Whether an array says where the rows of another start. */
static bool is_pointers(const struct glia_h5_names *names, int i)
{
  for (int k = 0; k < names->n; k++)
    if (pointers_of(names, names->name[k]) == i) return true;
  return false;
}

glia_status glia_dataset_ragged_find_(hid_t group, const char *path, bool *yes)
{
  struct glia_h5_names names;

  *yes = false;
  GLIA_TRY(glia_h5_names_(group, path, &names));
  for (int i = 0; i < names.n; i++) *yes |= pointers_of(&names, names.name[i]) >= 0;
  glia_h5_free_names_(&names);
  return GLIA_OK;
}

static glia_status read_row(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  const struct ragged *r = self;
  const struct column *c = &r->column[field];
  const size_t bytes = glia_type_bytes(&r->field[field].row);
  char *to = out;

  for (int64_t i = 0; i < n_rows; i++, to += bytes) {
    if (c->ptr == NULL) {
      memcpy(to, c->data + (size_t)row[i] * bytes, bytes);
      continue;
    }
    const int64_t first = c->ptr[row[i]], n = c->ptr[row[i] + 1] - first;
    if (c->mask)
      memset(to, 1, (size_t)n);
    else
      memcpy(to, c->data + (size_t)first * c->cell_bytes, (size_t)n * c->cell_bytes);
    memset(to + (size_t)n * c->cell_bytes, 0, (size_t)(c->most - n) * c->cell_bytes);
    for (int64_t k = n; c->repeat && n > 0 && k < c->most; k++)
      memcpy(to + (size_t)k * c->cell_bytes, to + (size_t)(n - 1) * c->cell_bytes, c->cell_bytes);
  }
  return GLIA_OK;
}

static void close_ragged(void *self)
{
  struct ragged *r = self;

  for (int i = 0; i < FIELDS_MAX; i++) {
    free(r->data[i]);
    free(r->mask_name[i]);
  }
  glia_h5_free_names_(&r->names);
  free(r->name);
  free(r);
}

/* An array of the split; what says where rows start as i64. */
static glia_status load(struct ragged *r, hid_t group, int i)
{
  const bool pointers = is_pointers(&r->names, i);
  struct glia_h5_array info;
  hid_t d = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_array_open_(group, r->name, r->names.name[i], &d, &info));
  GLIA_CHECK_TO(out, st, info.type.rank >= 1 && info.type.dtype != GLIA_BF16, GLIA_E_SHAPE,
                "%s/%s is a single number or bf16, expected rows", r->name, r->names.name[i]);
  GLIA_CHECK_TO(out, st,
                !pointers || (info.type.rank == 1 && !glia_dtype_is_float(info.type.dtype)),
                GLIA_E_SHAPE, "%s/%s says where rows start: a list of whole numbers is expected",
                r->name, r->names.name[i]);
  if (pointers) info.type.dtype = GLIA_I64;
  r->type[i] = info.type;
  r->data[i] = malloc(glia_type_bytes(&info.type) + 8);
  GLIA_CHECK_TO(out, st, r->data[i] != NULL, GLIA_E_MEMORY, "%s/%s", r->name, r->names.name[i]);
  GLIA_TRY_TO(out, st, glia_h5_array_read_(d, &info.type, r->data[i]));
  bool found;
  struct glia_field *f = &r->field[i]; /* for the moment at the array's place */
  *f = (struct glia_field){.name = r->names.name[i], .scale = 1.0};
  GLIA_TRY_TO(out, st, glia_h5_get_real_(d, "scale", &f->scale, &found));
  st = glia_h5_get_real_(d, "offset", &f->offset, &found);
out:
  glia_h5_close_(&d);
  return st;
}

static glia_status check_numbers(const struct ragged *r, int i)
{
  const struct glia_type *t = &r->type[i];

  for (int64_t k = 0; glia_dtype_is_float(t->dtype) && k < glia_type_count(t); k++) {
    const double v = t->dtype == GLIA_F32 ? (double)((const float *)(const void *)r->data[i])[k]
                                          : ((const double *)(const void *)r->data[i])[k];
    GLIA_CHECK(isfinite(v), GLIA_E_DATA, "%s/%s holds %g: data for training must be finite",
               r->name, r->names.name[i], v);
  }
  return GLIA_OK;
}

/* Starts of rows [n + 1] in an array of `total`; the longest row. name: for messages */
static glia_status check_starts(const char *file, const char *name, const int64_t *ptr, int64_t n,
                                int64_t total, int64_t *most)
{
  GLIA_CHECK(n >= 1 && ptr[0] == 0 && ptr[n] == total, GLIA_E_DATA,
             "%s/%s goes from %lld to %lld over %lld rows, expected 0 to %lld", file, name,
             (long long)(n < 0 ? 0 : ptr[0]), (long long)(n < 0 ? 0 : ptr[n]), (long long)n,
             (long long)total);
  for (int64_t k = 0; k < n; k++) {
    GLIA_CHECK(ptr[k] <= ptr[k + 1], GLIA_E_DATA, "%s/%s falls behind row %lld", file, name,
               (long long)k);
    if (ptr[k + 1] > total) break; /* falls later on: no length yet */
    if (ptr[k + 1] - ptr[k] > *most) *most = ptr[k + 1] - ptr[k];
  }
  return GLIA_OK;
}

/* Rows of array i start where p says. */
static glia_status check_pointers(const struct ragged *r, int i, int p)
{
  return check_starts(r->name, r->names.name[p], (const int64_t *)(const void *)r->data[p],
                      r->type[p].dim[0] - 1, r->type[i].dim[0], &(int64_t){0});
}

/* The longest row of <name> in one split, of which the array `ptr_at` says where they start. */
static glia_status longest_there(hid_t file, const char *path, const char *at, const char *ptr_at,
                                 int64_t *most)
{
  struct glia_h5_array rows, starts;
  hid_t d = -1;
  int64_t *ptr = NULL;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_array_open_(file, path, at, &d, &rows));
  glia_h5_close_(&d);
  GLIA_TRY(glia_h5_array_open_(file, path, ptr_at, &d, &starts));
  GLIA_CHECK_TO(
      out, st,
      rows.type.rank >= 1 && starts.type.rank == 1 && !glia_dtype_is_float(starts.type.dtype),
      GLIA_E_SHAPE, "%s: %s is no list of whole numbers beside rows of %s", path, ptr_at, at);
  starts.type.dtype = GLIA_I64;
  ptr = malloc(glia_type_bytes(&starts.type) + 8);
  GLIA_CHECK_TO(out, st, ptr != NULL, GLIA_E_MEMORY, "%s: %s", path, ptr_at);
  GLIA_TRY_TO(out, st, glia_h5_array_read_(d, &starts.type, ptr));
  st = check_starts(path, ptr_at, ptr, starts.type.dim[0] - 1, rows.type.dim[0], most);
out:
  glia_h5_close_(&d);
  free(ptr);
  return st;
}

/* The longest row of <name> in any split of the file. */
static glia_status longest(hid_t file, const char *path, const char *name, int64_t *most)
{
  static const char *const splits[] = {"train", "valid", "test"};

  *most = 1;
  for (int s = 0; s < 3; s++) {
    char at[1024], ptr_at[1024];
    bool group = false, array = false;
    snprintf(at, sizeof at, "%s/%.1000s", splits[s], name);
    snprintf(ptr_at, sizeof ptr_at, "%s/%.1000s_ptr", splits[s], name);
    GLIA_TRY(glia_h5_exists_(file, ptr_at, &group, &array));
    if (array) GLIA_TRY(longest_there(file, path, at, ptr_at, most));
  }
  return GLIA_OK;
}

static void add(struct ragged *r, struct glia_field field, struct column column)
{
  int i = r->source.n_fields++;

  for (; i > 0 && strcmp(r->field[i - 1].name, field.name) > 0; i--) { /* in byte order of names */
    r->field[i] = r->field[i - 1];
    r->column[i] = r->column[i - 1];
  }
  r->field[i] = field;
  r->column[i] = column;
}

static glia_status add_array(struct ragged *r, hid_t file, const char *path, int i,
                             const struct glia_field *as)
{
  const int p = pointers_of(&r->names, r->names.name[i]);
  const struct glia_type *t = &r->type[i];
  struct glia_field f = *as;
  struct column c = {.data = r->data[i]};
  int64_t n = t->dim[0];

  f.row = glia_type_make(t->dtype, t->rank - 1, &t->dim[1]);
  c.cell_bytes = glia_type_bytes(&f.row);
  if (p >= 0) {
    GLIA_TRY(check_pointers(r, i, p));
    GLIA_TRY(longest(file, path, r->names.name[i], &c.most));
    c.ptr = (const int64_t *)(const void *)r->data[p];
    c.repeat = ends_with_ptr(f.name);
    n = r->type[p].dim[0] - 1;
    f.row = glia_type_make(t->dtype, 1, &c.most);
    for (int k = 1; k < t->rank; k++) f.row.dim[f.row.rank++] = t->dim[k];
    const size_t size = strlen(f.name) + sizeof "_mask";
    r->mask_name[i] = malloc(size);
    GLIA_CHECK(r->mask_name[i] != NULL, GLIA_E_MEMORY, "%s", r->name);
    snprintf(r->mask_name[i], size, "%s_mask", f.name);
    for (int k = 0; k < r->names.n; k++)
      GLIA_CHECK(strcmp(r->names.name[k], r->mask_name[i]) != 0, GLIA_E_DATA,
                 "%s: %s has a length for each row: %s is what says so, name yours otherwise",
                 r->name, f.name, r->mask_name[i]);
    add(r, (struct glia_field){r->mask_name[i], glia_type_make(GLIA_U8, 1, &c.most), 1.0, 0.0},
        (struct column){NULL, c.ptr, 1, c.most, true, false});
  }
  if (r->source.n == 0) r->source.n = n;
  GLIA_CHECK(n == r->source.n, GLIA_E_SHAPE, "%s: %s has %lld rows, others %lld", r->name, f.name,
             (long long)n, (long long)r->source.n);
  add(r, f, c);
  return GLIA_OK;
}

static glia_status fill(struct ragged *r, hid_t file, const char *path, const char *split)
{
  struct glia_field as[FIELDS_MAX];
  hid_t group = H5Gopen2(file, split, H5P_DEFAULT);
  glia_status st = GLIA_OK;

  GLIA_TRY_H5_TO(out, st, group, GLIA_E_DATA, "%s", r->name);
  GLIA_TRY_TO(out, st, glia_h5_names_(group, path, &r->names));
  GLIA_CHECK_TO(out, st, r->names.n <= FIELDS_MAX / 2, GLIA_E_UNSUPPORTED,
                "%s has %d arrays, at most %d are read", r->name, r->names.n, FIELDS_MAX / 2);
  for (int i = 0; i < r->names.n; i++) {
    GLIA_TRY_TO(out, st, load(r, group, i));
    GLIA_TRY_TO(out, st, check_numbers(r, i));
  }
  memcpy(as, r->field, (size_t)r->names.n * sizeof *as);
  for (int i = 0; i < r->names.n; i++)
    if (!is_pointers(&r->names, i)) GLIA_TRY_TO(out, st, add_array(r, file, path, i, &as[i]));
out:
  glia_h5_close_(&group);
  return st;
}

glia_status glia_dataset_ragged_open_(hid_t file, const char *path, const char *split,
                                      struct glia_source **out)
{
  const size_t n = strlen(path) + strlen(split) + 3;
  struct ragged *r = calloc(1, sizeof *r);
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(r != NULL, GLIA_E_MEMORY, "%s", path);
  r->name = malloc(n);
  GLIA_CHECK_TO(fail, st, r->name != NULL, GLIA_E_MEMORY, "%s", path);
  snprintf(r->name, n, "%s:/%s", path, split);
  r->source = (struct glia_source){
      .self = r, .name = r->name, .field = r->field, .read = read_row, .close = close_ragged};
  GLIA_TRY_TO(fail, st, fill(r, file, path, split));
  *out = &r->source;
  return GLIA_OK;
fail:
  close_ragged(r);
  return st;
}
