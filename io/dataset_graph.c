/* One graph as a source: its one row is the graph, and splits are masks of its nodes (docs/formats/dataset.md). */
#include "dataset_priv.h"

#include "glia_graph_data.h"
#include "h5_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EDGE_FIELDS = 3 }; /* ptr, idx, val */

struct graph_split {
  struct glia_source source;
  struct glia_graph_data g;
  char *name;
  struct glia_field *field;
  const void **data;
};

static const char *const splits[] = {"train", "valid", "test"};

glia_status glia_dataset_graph_splits_(hid_t file, bool have[3])
{
  bool group = false, array = false;

  GLIA_TRY(glia_h5_exists_(file, "graph", &group, &array));
  for (int i = 0; group && i < 3; i++) {
    char mask[32];
    bool of_nodes = false;
    snprintf(mask, sizeof mask, "nodes/%s", splits[i]);
    GLIA_TRY(glia_h5_exists_(file, mask, &of_nodes, &have[i]));
  }
  return GLIA_OK;
}

static glia_status read_row(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  const struct graph_split *s = self;
  const size_t bytes = glia_type_bytes(&s->field[field].row);

  (void)row; /* there is one */
  for (int64_t i = 0; i < n_rows; i++)
    memcpy((char *)out + (size_t)i * bytes, s->data[field], bytes);
  return GLIA_OK;
}

static void close_graph(void *self)
{
  struct graph_split *s = self;

  glia_graph_data_free(&s->g);
  free(s->name);
  free(s->field);
  free(s->data);
  free(s);
}

static void add(struct graph_split *s, const char *name, struct glia_type type, const void *data)
{
  const int i = s->source.n_fields++;

  s->field[i] = (struct glia_field){.name = name, .row = type, .scale = 1.0};
  s->data[i] = data;
}

static bool is_split(const char *name)
{
  for (size_t i = 0; i < GLIA_COUNT(splits); i++)
    if (strcmp(name, splits[i]) == 0) return true;
  return false;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(((const struct glia_field *)a)->name, ((const struct glia_field *)b)->name);
}

/* In byte order of their names, as glia_dataset_open promises; the data go along. */
static void sort_fields(struct graph_split *s, const struct glia_field *was)
{
  const void *data[64] = {NULL};
  const int n = s->source.n_fields;

  qsort(s->field, (size_t)n, sizeof *s->field, by_name);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++)
      if (was[k].name == s->field[i].name) data[i] = s->data[k];
  memcpy(s->data, data, (size_t)n * sizeof *data);
}

/* Training wants numbers. */
static glia_status check_finite(const struct graph_split *s, const struct glia_array *a)
{
  const int64_t n = glia_type_count(&a->type);

  for (int64_t i = 0; glia_dtype_is_float(a->type.dtype) && i < n; i++) {
    const double v = a->type.dtype == GLIA_F32 ? (double)((const float *)a->data)[i]
                                               : ((const double *)a->data)[i];
    GLIA_CHECK(isfinite(v), GLIA_E_DATA,
               "%s: %s holds %g for node %lld: data for training must be finite", s->name, a->path,
               v, (long long)(i / (n / s->g.n_nodes)));
  }
  return GLIA_OK;
}

static glia_status fill(struct graph_split *s, const char *split)
{
  const struct glia_graph_data *g = &s->g;
  struct glia_field was[64];
  const int most = EDGE_FIELDS + g->n_fields;

  GLIA_CHECK(most <= (int)GLIA_COUNT(was), GLIA_E_UNSUPPORTED,
             "%s: %d fields of nodes, at most %d are read", s->name, g->n_fields,
             (int)GLIA_COUNT(was) - EDGE_FIELDS);
  s->field = calloc((size_t)most, sizeof *s->field);
  s->data = calloc((size_t)most, sizeof *s->data);
  GLIA_CHECK(s->field != NULL && s->data != NULL, GLIA_E_MEMORY, "%s: %d fields", s->name, most);
  add(s, "ptr", glia_type_make(GLIA_I64, 1, (int64_t[]){g->n_nodes + 1}), g->ptr);
  add(s, "idx", glia_type_make(GLIA_I64, 1, &g->n_edges), g->idx);
  add(s, "val", glia_type_make(GLIA_F32, 1, &g->n_edges), g->val);
  for (int i = 0; i < g->n_fields; i++) {
    const struct glia_array *a = &g->field[i];
    const bool mine = strcmp(a->path, split) == 0;
    GLIA_CHECK(strcmp(a->path, "mask") != 0 && strcmp(a->path, "ptr") != 0 &&
                   strcmp(a->path, "idx") != 0 && strcmp(a->path, "val") != 0,
               GLIA_E_DATA, "%s: a field of nodes is named %s, as the graph's own fields are",
               s->name, a->path);
    GLIA_TRY(check_finite(s, a));
    if (mine || !is_split(a->path)) add(s, mine ? "mask" : a->path, a->type, a->data);
  }
  memcpy(was, s->field, (size_t)s->source.n_fields * sizeof *was);
  sort_fields(s, was);
  return GLIA_OK;
}

glia_status glia_dataset_graph_open_(const char *path, const char *split, struct glia_source **out)
{
  const size_t n = strlen(path) + strlen(split) + sizeof ":/nodes/";
  struct graph_split *s = calloc(1, sizeof *s);
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(s != NULL, GLIA_E_MEMORY, "%s", path);
  s->name = malloc(n);
  GLIA_CHECK_TO(fail, st, s->name != NULL, GLIA_E_MEMORY, "%s", path);
  snprintf(s->name, n, "%s:/nodes/%s", path, split);
  s->source = (struct glia_source){
      .self = s, .name = s->name, .n = 1, .read = read_row, .close = close_graph};
  GLIA_TRY_TO(fail, st, glia_graph_data_read(path, &s->g));
  GLIA_TRY_TO(fail, st, fill(s, split));
  s->source.field = s->field;
  *out = &s->source;
  return GLIA_OK;
fail:
  close_graph(s);
  return st;
}
