/* Samples of fields: see glia_fields.h. */
#include "glia_fields.h"

#include "glia_archive.h"
#include "h5_priv.h"
#include "table_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 32 };
static const int64_t SAMPLES_MAX = (int64_t)1 << 28;

/* What is asked of a file. */
struct question {
  const char *path;
  int n_coords, n;
  const char *const *name;
  bool solution; /* its coordinates are those of a grid, though they be as many as each other */
};

static glia_status complain(const struct question *q, const bool *there)
{
  int values = 0;

  for (int i = 0; i < q->n; i++) {
    GLIA_CHECK(there[i] || i >= q->n_coords, GLIA_E_DATA, "%s has no coordinate '%s'", q->path,
               q->name[i]);
    values += there[i] && i >= q->n_coords;
  }
  GLIA_CHECK(values > 0 || q->n == q->n_coords, GLIA_E_DATA, "%s has no values of '%s'%s", q->path,
             q->name[q->n_coords < q->n ? q->n_coords : 0], q->n - q->n_coords > 1 ? " ..." : "");
  return GLIA_OK;
}

/* Text. */

static glia_status read_cells(const struct question *q, struct glia_table *t, const int *column,
                              int64_t *n, double **out)
{
  const size_t row = (size_t)q->n * sizeof **out;
  int64_t room = 0;
  bool end = false;

  for (*n = 0;; (*n)++) {
    GLIA_TRY(glia_table_next_(t, &end));
    if (end) return GLIA_OK;
    if (*n == room) {
      room = room > 0 ? 2 * room : 1024;
      double *more = room <= SAMPLES_MAX ? realloc(*out, (size_t)room * row) : NULL;
      GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%lld samples", (long long)room);
      *out = more;
    }
    for (int i = 0; i < q->n; i++) {
      double *v = &(*out)[*n * q->n + i];
      *v = (double)NAN;
      GLIA_CHECK(column[i] < 0 || glia_table_number_(t->cell[column[i]], v), GLIA_E_DATA,
                 "%s:%lld: '%.40s' is not a number", q->path, (long long)t->line,
                 t->cell[column[i]]);
      GLIA_CHECK(i >= q->n_coords || isfinite(*v), GLIA_E_DATA,
                 "%s:%lld: coordinate '%s' is %s%.40s", q->path, (long long)t->line, q->name[i],
                 isnan(*v) ? "missing" : "not finite: ", isnan(*v) ? "" : t->cell[column[i]]);
    }
  }
}

static glia_status from_text(const struct question *q, int64_t *n, double **out)
{
  struct glia_table *t = NULL;
  bool there[NAMES_MAX];
  int column[NAMES_MAX];

  GLIA_TRY(glia_table_open_(q->path, GLIA_HEADER_YES, NULL, &t));
  for (int i = 0; i < q->n; i++) {
    column[i] = -1;
    for (int k = 0; k < t->n_columns; k++)
      if (strcmp(t->name[k], q->name[i]) == 0) column[i] = k;
    there[i] = column[i] >= 0;
  }
  glia_status st = complain(q, there);
  if (st == GLIA_OK) st = read_cells(q, t, column, n, out);
  glia_table_close_(&t);
  return st;
}

/* HDF5. */

struct arrays {
  double *data[NAMES_MAX];
  struct glia_type type[NAMES_MAX];
};

static glia_status read_array(hid_t file, const struct question *q, int i, struct arrays *a)
{
  struct glia_h5_array info;
  hid_t array = -1;

  GLIA_TRY(glia_h5_array_open_(file, q->path, q->name[i], &array, &info));
  const int64_t count = glia_type_count(&info.type);
  glia_status st = GLIA_OK;
  if (count < 1 || count > SAMPLES_MAX ||
      (info.type.dtype != GLIA_F64 && info.type.dtype != GLIA_F32))
    st = GLIA_FAIL(GLIA_E_SHAPE, "%s: /%s is not an array of floats with samples", q->path,
                   q->name[i]);
  a->type[i] = info.type;
  if (st == GLIA_OK) {
    a->data[i] = malloc((size_t)count * sizeof *a->data[i]);
    if (a->data[i] == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld numbers", (long long)count);
  }
  if (st == GLIA_OK) st = glia_h5_array_read_(array, &info.type, a->data[i]);
  if (st == GLIA_OK && info.type.dtype == GLIA_F32) /* widen in place, from the end */
    for (int64_t k = count - 1; k >= 0; k--) {
      float f;
      memcpy(&f, (const char *)a->data[i] + (size_t)k * sizeof f, sizeof f);
      a->data[i][k] = (double)f;
    }
  glia_h5_close_(&array);
  return st;
}

/* Is array i a list of n, or does it lie on the grid of the coordinates? */
static bool on_grid(const struct question *q, const struct arrays *a, int i)
{
  bool fits = a->type[i].rank == q->n_coords;

  for (int c = 0; fits && c < q->n_coords; c++) fits = a->type[i].dim[c] == a->type[c].dim[0];
  return fits;
}

static glia_status lay_out(const struct question *q, const struct arrays *a, int64_t *n,
                           double **out)
{
  bool list = !q->solution, grid = true;
  int64_t points = 1;

  for (int c = 0; c < q->n_coords; c++) {
    GLIA_CHECK(a->type[c].rank == 1, GLIA_E_SHAPE, "%s: /%s: a coordinate is a list of numbers",
               q->path, q->name[c]);
    list = list && a->type[c].dim[0] == a->type[0].dim[0];
    GLIA_CHECK(points <= SAMPLES_MAX / a->type[c].dim[0], GLIA_E_SHAPE, "%s: a grid too large",
               q->path);
    points *= a->type[c].dim[0];
  }
  for (int i = q->n_coords; i < q->n; i++) {
    if (a->data[i] == NULL) continue;
    list = list && a->type[i].rank == 1 && a->type[i].dim[0] == a->type[0].dim[0];
    grid = grid && on_grid(q, a, i);
  }
  GLIA_CHECK(list || grid, GLIA_E_SHAPE,
             "%s: values must be as many as the coordinates, or lie on their grid in the order %s, "
             "%s ...",
             q->path, q->name[0], q->n_coords > 1 ? q->name[1] : "");
  *n = list ? a->type[0].dim[0] : points;
  *out = malloc((size_t)*n * (size_t)q->n * sizeof **out);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "%lld samples", (long long)*n);
  for (int64_t k = 0; k < *n; k++) {
    int64_t rest = k;
    for (int c = q->n_coords - 1; c >= 0; c--) {
      const int64_t m = a->type[c].dim[0];
      (*out)[k * q->n + c] = a->data[c][list ? k : rest % m];
      rest /= m;
    }
    for (int i = q->n_coords; i < q->n; i++)
      (*out)[k * q->n + i] = a->data[i] != NULL ? a->data[i][k] : (double)NAN;
  }
  return GLIA_OK;
}

static glia_status from_hdf5(const struct question *q, int64_t *n, double **out)
{
  struct arrays a = {0};
  bool there[NAMES_MAX];
  hid_t file = -1;

  GLIA_TRY(glia_h5_open_(q->path, &file));
  glia_status st = GLIA_OK;
  for (int i = 0; i < q->n && st == GLIA_OK; i++) {
    bool group;
    st = glia_h5_exists_(file, q->name[i], &group, &there[i]);
  }
  if (st == GLIA_OK) st = complain(q, there);
  for (int i = 0; i < q->n && st == GLIA_OK; i++)
    if (there[i]) st = read_array(file, q, i, &a);
  glia_h5_close_(&file);
  if (st == GLIA_OK) st = lay_out(q, &a, n, out);
  for (int i = 0; i < q->n; i++) free(a.data[i]);
  return st;
}

static bool is_hdf5(const char *path)
{
  static const char *const ends[] = {".h5", ".hdf5", ".hdf"};
  const size_t n = strlen(path);

  for (size_t i = 0; i < GLIA_COUNT(ends); i++) {
    const size_t k = strlen(ends[i]);
    if (n > k && strcmp(path + n - k, ends[i]) == 0) return true;
  }
  return false;
}

glia_status glia_fields_read(const char *path, int n_coords, int n_values, const char *const *name,
                             int64_t *n, double **out)
{
  const struct question q = {path, n_coords, n_coords + n_values, name,
                             is_hdf5(path) && glia_archive_is(path, "solution")};

  *n = 0;
  *out = NULL;
  GLIA_CHECK(n_coords > 0 && n_values >= 0 && q.n <= NAMES_MAX, GLIA_E_ARGUMENT, "%d names", q.n);
  glia_status st;
  if (is_hdf5(path)) {
    glia_h5_lock_();
    st = from_hdf5(&q, n, out);
    glia_h5_unlock_();
  } else
    st = from_text(&q, n, out);
  if (st == GLIA_OK && *n == 0) st = GLIA_FAIL(GLIA_E_DATA, "%s holds no samples", path);
  if (st != GLIA_OK) {
    free(*out);
    *out = NULL;
  }
  return st;
}
