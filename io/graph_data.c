/* Graphs in datasets: reading, checking, writing. */
#include "glia_graph_data.h"

#include "glia_dataset.h"
#include "h5_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void glia_graph_data_free(struct glia_graph_data *g)
{
  for (int i = 0; i < g->n_fields; i++) {
    free((void *)(uintptr_t)g->field[i].path);
    free(g->field[i].data);
  }
  free(g->field);
  free(g->ptr);
  free(g->idx);
  free(g->val);
  *g = (struct glia_graph_data){0};
}

const struct glia_array *glia_graph_data_field(const struct glia_graph_data *g, const char *name)
{
  for (int i = 0; i < g->n_fields; i++)
    if (strcmp(g->field[i].path, name) == 0) return &g->field[i];
  return NULL;
}

/* Read a whole array of a wanted kind: integers become i64 where `index`, floats f32. */
static glia_status read_vector(hid_t file, const char *path, const char *name, bool index,
                               int64_t *n, void **out)
{
  struct glia_h5_array info;
  hid_t d = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_array_open_(file, path, name, &d, &info));
  struct glia_type type = info.type;
  GLIA_CHECK_TO(out, st, type.rank == 1 && glia_dtype_is_float(type.dtype) != index, GLIA_E_SHAPE,
                "%s: %s is no list of %s", path, name, index ? "whole numbers" : "floats");
  type.dtype = index ? GLIA_I64 : GLIA_F32; /* HDF5 converts, exactly or to nearest */
  *n = type.dim[0];
  *out = malloc(glia_type_bytes(&type) + 8);
  GLIA_CHECK_TO(out, st, *out != NULL, GLIA_E_MEMORY, "%s: %s", path, name);
  st = glia_h5_array_read_(d, &type, *out);
out:
  glia_h5_close_(&d);
  return st;
}

static glia_status read_edges(hid_t file, const char *path, struct glia_graph_data *g)
{
  bool group = false, array = false;
  int64_t n = 0;

  GLIA_TRY(glia_h5_exists_(file, "graph", &group, &array));
  GLIA_CHECK(group, GLIA_E_MISSING, "%s has no graph", path);
  GLIA_TRY(read_vector(file, path, "graph/ptr", true, &n, (void **)&g->ptr));
  GLIA_CHECK(n >= 2, GLIA_E_SHAPE, "%s: graph/ptr has %lld entries, expected nodes + 1", path,
             (long long)n);
  g->n_nodes = n - 1;
  GLIA_TRY(read_vector(file, path, "graph/idx", true, &g->n_edges, (void **)&g->idx));
  GLIA_CHECK(g->ptr[0] == 0 && g->ptr[g->n_nodes] == g->n_edges, GLIA_E_DATA,
             "%s: graph/ptr goes from %lld to %lld, expected 0 to %lld", path, (long long)g->ptr[0],
             (long long)g->ptr[g->n_nodes], (long long)g->n_edges);
  for (int64_t i = 0; i < g->n_nodes; i++)
    GLIA_CHECK(g->ptr[i] <= g->ptr[i + 1], GLIA_E_DATA, "%s: graph/ptr falls behind node %lld",
               path, (long long)i);
  for (int64_t i = 0; i < g->n_edges; i++)
    GLIA_CHECK(g->idx[i] >= 0 && g->idx[i] < g->n_nodes, GLIA_E_DATA,
               "%s: graph/idx names node %lld of %lld", path, (long long)g->idx[i],
               (long long)g->n_nodes);
  GLIA_TRY(glia_h5_exists_(file, "graph/val", &group, &array));
  if (!array) {
    g->val = malloc((size_t)(g->n_edges + 1) * sizeof *g->val);
    GLIA_CHECK(g->val != NULL, GLIA_E_MEMORY, "%s: %lld weights", path, (long long)g->n_edges);
    for (int64_t i = 0; i < g->n_edges; i++) g->val[i] = 1.0F;
    return GLIA_OK;
  }
  GLIA_TRY(read_vector(file, path, "graph/val", false, &n, (void **)&g->val));
  GLIA_CHECK(n == g->n_edges, GLIA_E_SHAPE, "%s: graph/val has %lld entries, graph/idx %lld", path,
             (long long)n, (long long)g->n_edges);
  for (int64_t i = 0; i < n; i++)
    GLIA_CHECK(isfinite(g->val[i]), GLIA_E_DATA, "%s: graph/val holds %g", path, (double)g->val[i]);
  return GLIA_OK;
}

static glia_status read_field(hid_t nodes, const char *path, const char *name,
                              const struct glia_graph_data *g, struct glia_array *out)
{
  struct glia_h5_array info;
  hid_t d = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_array_open_(nodes, path, name, &d, &info));
  GLIA_CHECK_TO(out, st, info.type.rank >= 1 && info.type.dim[0] == g->n_nodes, GLIA_E_SHAPE,
                "%s: nodes/%s has %lld rows, the graph has %lld nodes", path, name,
                (long long)(info.type.rank > 0 ? info.type.dim[0] : 1), (long long)g->n_nodes);
  GLIA_CHECK_TO(out, st, info.type.dtype != GLIA_BF16, GLIA_E_UNSUPPORTED,
                "%s: nodes/%s holds bf16, in which parameters are stored: write it as f32", path,
                name);
  out->type = info.type;
  out->data = malloc(glia_type_bytes(&info.type) + 8);
  GLIA_CHECK_TO(out, st, out->data != NULL, GLIA_E_MEMORY, "%s: nodes/%s", path, name);
  st = glia_h5_array_read_(d, &info.type, out->data);
out:
  glia_h5_close_(&d);
  return st;
}

static glia_status read_fields(hid_t file, const char *path, struct glia_graph_data *g)
{
  struct glia_h5_names names = {0};
  bool group = false, array = false;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_exists_(file, "nodes", &group, &array));
  if (!group) return GLIA_OK;
  hid_t nodes = H5Gopen2(file, "nodes", H5P_DEFAULT);
  GLIA_TRY_H5(nodes, GLIA_E_DATA, "%s: /nodes", path);
  GLIA_TRY_TO(out, st, glia_h5_names_(nodes, path, &names));
  g->field = calloc((size_t)names.n + 1, sizeof *g->field);
  GLIA_CHECK_TO(out, st, g->field != NULL, GLIA_E_MEMORY, "%s: %d fields", path, names.n);
  for (int i = 0; i < names.n; i++) {
    struct glia_array *f = &g->field[g->n_fields++];
    f->path = names.name[i];
    names.name[i] = NULL;
    GLIA_TRY_TO(out, st, read_field(nodes, path, f->path, g, f));
  }
out:
  glia_h5_free_names_(&names);
  glia_h5_close_(&nodes);
  return st;
}

glia_status glia_graph_data_read(const char *path, struct glia_graph_data *out)
{
  hid_t file = -1;

  *out = (struct glia_graph_data){0};
  glia_h5_lock_();
  glia_status st = glia_h5_open_(path, &file);
  if (st == GLIA_OK) st = glia_h5_check_kind_(file, path, "dataset", GLIA_DATASET_FORMAT);
  if (st == GLIA_OK) st = read_edges(file, path, out);
  if (st == GLIA_OK) st = read_fields(file, path, out);
  glia_h5_close_(&file);
  glia_h5_unlock_();
  if (st != GLIA_OK) glia_graph_data_free(out);
  return st;
}

static glia_status write_all(struct glia_h5_out *o, const struct glia_graph_data *g,
                             const char *source)
{
  const struct glia_type ptr = glia_type_make(GLIA_I64, 1, (int64_t[]){g->n_nodes + 1});
  const struct glia_type idx = glia_type_make(GLIA_I64, 1, (int64_t[]){g->n_edges});
  const struct glia_type val = glia_type_make(GLIA_F32, 1, (int64_t[]){g->n_edges});
  char name[512];

  GLIA_TRY(glia_h5_put_text_(o->file, "source", source));
  GLIA_TRY(glia_h5_array_write_(o->file, "graph/ptr", &ptr, g->ptr, NULL));
  GLIA_TRY(glia_h5_array_write_(o->file, "graph/idx", &idx, g->idx, NULL));
  GLIA_TRY(glia_h5_array_write_(o->file, "graph/val", &val, g->val, NULL));
  for (int i = 0; i < g->n_fields; i++) {
    snprintf(name, sizeof name, "nodes/%.500s", g->field[i].path);
    GLIA_TRY(glia_h5_array_write_(o->file, name, &g->field[i].type, g->field[i].data, NULL));
  }
  return glia_h5_out_check_(o);
}

glia_status glia_graph_data_write(const char *path, bool force, const struct glia_graph_data *g,
                                  const char *source)
{
  struct glia_h5_out o;

  glia_h5_lock_();
  glia_status st =
      glia_h5_out_begin_(&o, path, "dataset", GLIA_DATASET_FORMAT, force, GLIA_H5_WHOLE);
  if (st == GLIA_OK) {
    st = write_all(&o, g, source);
    if (st == GLIA_OK)
      st = glia_h5_out_commit_(&o);
    else
      glia_h5_out_abort_(&o);
  }
  glia_h5_unlock_();
  return st;
}
