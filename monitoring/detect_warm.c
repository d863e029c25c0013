/* Weights from one network to another by the names of columns: where training begins, and what several have in common. See detect_priv.h. */
#include "detect_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Place of each new column among the old ones, -1: it is new. */
static int *places(const struct glia_columns *now, const struct glia_columns *old)
{
  int *place = malloc(((size_t)now->n + 1) * sizeof *place);

  for (int j = 0; place != NULL && j < now->n; j++) {
    place[j] = -1;
    for (int k = 0; k < old->n && place[j] < 0; k++)
      if (strcmp(now->column[j].name, old->column[k].name) == 0) place[j] = k;
  }
  return place;
}

static const struct glia_array *parameter_of(const struct glia_detector *d, const char *path)
{
  for (int i = 0; i < d->n_parameters; i++)
    if (strcmp(d->parameter[i].path, path) == 0) return &d->parameter[i];
  return NULL;
}

/* Old weights into new ones: axes of columns by name, hidden units by number; what has no old one stays as it was drawn. A bias is
 * a weight with one input. rows, cols: places of the new ones, NULL: the same number. */
static void carry(const struct glia_type *type, float *now, const struct glia_array *old,
                  const int *rows, const int *cols)
{
  const int64_t n = type->rank > 1 ? type->dim[1] : 1, m = type->rank > 1 ? old->type.dim[1] : 1;
  const float *from = old->data;

  for (int64_t i = 0; i < type->dim[0]; i++) {
    const int64_t row = rows != NULL ? rows[i] : i;
    if (row < 0 || row >= old->type.dim[0]) continue;
    for (int64_t j = 0; j < n; j++) {
      const int64_t col = cols != NULL ? cols[j] : j;
      if (col >= 0 && col < m) now[i * n + j] = from[row * m + col];
    }
  }
}

glia_status glia_weights_carry_(int n, struct glia_array *now, const struct glia_columns *columns,
                                const struct glia_detector *old)
{
  int *place = places(columns, &old->columns);
  const char *first = NULL, *last = NULL;

  GLIA_CHECK(place != NULL, GLIA_E_MEMORY, "%d columns", columns->n);
  for (int i = 0; i < n; i++) {
    if (now[i].type.rank != 2) continue;
    if (first == NULL || strcmp(now[i].path, first) < 0) first = now[i].path;
    if (last == NULL || strcmp(now[i].path, last) > 0) last = now[i].path;
  }
  for (int i = 0; i < n && last != NULL; i++) {
    const struct glia_array *a = parameter_of(old, now[i].path);
    const size_t layer = strlen(last) - strlen("weight");
    if (a == NULL || a->type.rank != now[i].type.rank) continue;
    carry(&now[i].type, now[i].data, a, strncmp(now[i].path, last, layer) == 0 ? place : NULL,
          strcmp(now[i].path, first) == 0 ? place : NULL);
  }
  free(place);
  return GLIA_OK;
}

static int64_t count(const struct glia_array *a)
{
  int64_t n = 1;

  for (int k = 0; k < a->type.rank; k++) n *= a->type.dim[k];
  return n;
}

/* sum, seen += weights of d, where `like` has their columns. part: arrays as large as its parameters. */
static glia_status add(const struct glia_detector *like, const struct glia_detector *d,
                       struct glia_array *part, double *sum, double *seen)
{
  int64_t at = 0;

  for (int i = 0; i < like->n_parameters; i++)
    for (int64_t k = 0; k < count(&part[i]); k++) ((float *)part[i].data)[k] = NAN;
  GLIA_TRY(glia_weights_carry_(like->n_parameters, part, &like->columns, d));
  for (int i = 0; i < like->n_parameters; i++)
    for (int64_t k = 0; k < count(&part[i]); k++, at++) {
      const double v = (double)((const float *)part[i].data)[k];
      if (isnan(v)) continue;
      sum[at] += v;
      seen[at] += 1.0;
    }
  return GLIA_OK;
}

glia_status glia_detectors_average(int n, struct glia_detector *const *d, int *which)
{
  int widest = 0;
  glia_status st = GLIA_OK;

  for (int i = 1; i < n; i++)
    if (d[i]->columns.n > d[widest]->columns.n) widest = i;
  const struct glia_detector *w = d[widest];
  GLIA_CHECK(w->mix == NULL, GLIA_E_UNSUPPORTED, "models of the kind combined have no weights");
  int64_t all = 0;
  for (int i = 0; i < w->n_parameters; i++) all += count(&w->parameter[i]);
  struct glia_array *part = calloc((size_t)w->n_parameters + 1, sizeof *part);
  double *sum = calloc(2 * (size_t)all + 1, sizeof *sum), *seen = sum + all;
  float *room = malloc(((size_t)all + 1) * sizeof *room);
  GLIA_CHECK_TO(out, st, part != NULL && sum != NULL && room != NULL, GLIA_E_MEMORY, "%lld weights",
                (long long)all);
  float *at = room;
  for (int i = 0; i < w->n_parameters; at += count(&w->parameter[i]), i++)
    part[i] = (struct glia_array){w->parameter[i].path, w->parameter[i].type, at};
  for (int i = 0; i < n; i++) GLIA_TRY_TO(out, st, add(w, d[i], part, sum, seen));
  int64_t from = 0;
  for (int i = 0; i < w->n_parameters; i++)
    for (int64_t k = 0; k < count(&w->parameter[i]); k++, from++)
      if (seen[from] > 0.0) /* else it is no number in any: its own stays */
        ((float *)w->parameter[i].data)[k] = (float)(sum[from] / seen[from]);
  *which = widest;
out:
  free(part);
  free(sum);
  free(room);
  return st;
}
