/* Reading telemetry. */
#include "glia_telemetry.h"
#include "h5_priv.h"
#include "telemetry_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Read array `path` whole into fresh memory; its type must be `dtype` with the given rank, and dim0, dim1 when >= 0. */
static glia_status read_whole(const struct glia_telemetry *t, const char *path, glia_dtype dtype,
                              int rank, int64_t dim0, int64_t dim1, int64_t *n, void **out)
{
  struct glia_h5_array info;
  char text[128];
  hid_t d = -1;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_TRY(glia_h5_array_open_(t->file, t->path, path, &d, &info));
  const struct glia_type *type = &info.type;
  GLIA_CHECK_TO(out, st,
                type->dtype == dtype && type->rank == rank && (dim0 < 0 || type->dim[0] == dim0) &&
                    (dim1 < 0 || type->dim[1] == dim1),
                GLIA_E_SHAPE, "%s: /%s is %s, expected %s of rank %d with %lld rows", t->path, path,
                glia_type_text(type, text, sizeof text), glia_dtype_name(dtype), rank,
                (long long)dim0);
  *n = type->dim[0];
  *out = malloc(glia_type_bytes(type) + 1);
  GLIA_CHECK_TO(out, st, *out != NULL, GLIA_E_MEMORY, "%s: /%s of %zu bytes", t->path, path,
                glia_type_bytes(type));
  st = glia_h5_array_read_(d, type, *out);
  if (st != GLIA_OK) {
    free(*out);
    *out = NULL;
  }
out:
  glia_h5_close_(&d);
  return st;
}

static void free_texts(char **text, int64_t n)
{
  for (int64_t i = 0; text != NULL && i < n; i++) free(text[i]);
  free(text);
}

static int by_time(const void *a, const void *b)
{
  const struct glia_telemetry_event *x = a;
  const struct glia_telemetry_event *y = b;

  return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static glia_status read_events(struct glia_telemetry *t)
{
  bool group = false;
  bool array = false;
  void *time = NULL;
  char **node = NULL;
  char **text = NULL;
  int64_t n = 0;
  int64_t n_node = 0;
  int64_t n_text = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_h5_exists_(t->file, "events", &group, &array));
  if (!group) return GLIA_OK;
  GLIA_TRY_TO(out, st, read_whole(t, "events/time", GLIA_I64, 1, -1, -1, &n, &time));
  GLIA_TRY_TO(out, st, glia_h5_texts_read_(t->file, t->path, "events/node", &n_node, &node));
  GLIA_TRY_TO(out, st, glia_h5_texts_read_(t->file, t->path, "events/text", &n_text, &text));
  GLIA_CHECK_TO(out, st, n_node == n && n_text == n, GLIA_E_SHAPE,
                "%s: /events has %lld times, %lld nodes, %lld texts", t->path, (long long)n,
                (long long)n_node, (long long)n_text);
  t->event = calloc((size_t)n + 1, sizeof *t->event);
  GLIA_CHECK_TO(out, st, t->event != NULL, GLIA_E_MEMORY, "%s: %lld events", t->path, (long long)n);
  for (t->n_events = 0; t->n_events < n; t->n_events++) {
    t->event[t->n_events] = (struct glia_telemetry_event){((int64_t *)time)[t->n_events],
                                                          node[t->n_events], text[t->n_events]};
    node[t->n_events] = NULL;
    text[t->n_events] = NULL;
  }
  if (n > 1) qsort(t->event, (size_t)n, sizeof *t->event, by_time);
out:
  free(time);
  free_texts(node, n_node);
  free_texts(text, n_text);
  return st;
}

static glia_status load(struct glia_telemetry *t)
{
  bool is_group = false;
  bool is_array = false;

  GLIA_TRY(glia_h5_open_(t->path, &t->file));
  GLIA_TRY(glia_h5_check_kind_(t->file, t->path, "telemetry", GLIA_TELEMETRY_FORMAT));
  GLIA_TRY(glia_h5_exists_(t->file, "nodes", &is_group, &is_array));
  if (is_group) {
    hid_t group = H5Gopen2(t->file, "nodes", H5P_DEFAULT);
    GLIA_TRY_H5(group, GLIA_E_DATA, "%s: /nodes", t->path);
    const glia_status st = glia_h5_names_(group, t->path, &t->nodes);
    glia_h5_close_(&group);
    GLIA_TRY(st);
  }
  return read_events(t);
}

glia_status glia_telemetry_open(const char *path, struct glia_telemetry **out)
{
  struct glia_telemetry *t = calloc(1, sizeof *t);
  struct stat info;

  *out = NULL;
  GLIA_CHECK(t != NULL, GLIA_E_MEMORY, "%s", path);
  t->file = -1;
  t->path = strdup(path);
  if (t->path == NULL) {
    free(t);
    return GLIA_FAIL(GLIA_E_MEMORY, "%s", path);
  }
  glia_status st;
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
    st = glia_telemetry_open_folder_(t);
  } else {
    glia_h5_lock_();
    st = load(t);
    glia_h5_unlock_();
  }
  if (st != GLIA_OK) {
    glia_telemetry_close(&t);
    return st;
  }
  *out = t;
  return GLIA_OK;
}

void glia_telemetry_close(struct glia_telemetry **t)
{
  if (t == NULL || *t == NULL) return;
  glia_h5_lock_();
  glia_h5_close_(&(*t)->file);
  glia_h5_unlock_();
  for (int i = 0; i < (*t)->n_parts; i++) glia_telemetry_close(&(*t)->part[i]);
  free((*t)->part);
  glia_h5_free_names_(&(*t)->nodes);
  for (int64_t i = 0; i < (*t)->n_events; i++) {
    free((*t)->event[i].node);
    free((*t)->event[i].text);
  }
  free((*t)->event);
  free((*t)->path);
  free(*t);
  *t = NULL;
}

int glia_telemetry_nodes(const struct glia_telemetry *t, char *const **out)
{
  *out = t->nodes.name;
  return t->nodes.n;
}

int64_t glia_telemetry_events(const struct glia_telemetry *t,
                              const struct glia_telemetry_event **out)
{
  *out = t->event;
  return t->n_events;
}

static const char *path_of(char out[600], const char *group, const char *name, const char *member)
{
  snprintf(out, 600, "%s/%s%s%s", group, name, member[0] != '\0' ? "/" : "", member);
  return out;
}

/* Causes point into the node's samples and metrics. */
static glia_status check_causes(const struct glia_telemetry *t, const struct glia_telemetry_node *d)
{
  for (int64_t i = 0; i < d->n_causes; i++)
    GLIA_CHECK(d->cause[i][0] >= 0 && d->cause[i][0] <= d->cause[i][1] && d->cause[i][1] < d->n &&
                   d->cause[i][2] >= 0 && d->cause[i][2] < d->n_metrics,
               GLIA_E_DATA, "%s: cause %lld of %s points outside its samples or metrics", t->path,
               (long long)i, d->name);
  return GLIA_OK;
}

static glia_status read_extras(struct glia_telemetry *t, struct glia_telemetry_node *d)
{
  char path[600];
  bool group = false;
  bool array = false;
  bool found = false;
  void *data = NULL;
  int64_t n = 0;

  GLIA_TRY(glia_h5_exists_(t->file, path_of(path, "labels", d->name, ""), &group, &array));
  if (array) {
    GLIA_TRY(read_whole(t, path, GLIA_I8, 1, d->n, -1, &n, &data));
    d->label = data;
  }
  GLIA_TRY(glia_h5_exists_(t->file, path_of(path, "causes", d->name, ""), &group, &array));
  if (array) {
    GLIA_TRY(read_whole(t, path, GLIA_I64, 2, -1, 3, &d->n_causes, &data));
    d->cause = data;
    GLIA_TRY(check_causes(t, d));
  }
  hid_t node = H5Gopen2(t->file, path_of(path, "nodes", d->name, ""), H5P_DEFAULT);
  GLIA_TRY_H5(node, GLIA_E_DATA, "%s: /%s", t->path, path);
  d->train_rows = -1;
  const glia_status st = glia_h5_get_int_(node, "train_rows", &d->train_rows, &found);
  glia_h5_close_(&node);
  GLIA_TRY(st);
  GLIA_CHECK(!found || (d->train_rows >= 0 && d->train_rows <= d->n), GLIA_E_DATA,
             "%s: %s has %lld samples, of which %lld are for training", t->path, d->name,
             (long long)d->n, (long long)d->train_rows);
  return GLIA_OK;
}

static glia_status read_node(struct glia_telemetry *t, const char *name,
                             struct glia_telemetry_node *d)
{
  char path[600];
  bool group = false;
  bool array = false;
  void *data = NULL;
  int64_t n_names = 0;
  int64_t n_units = 0;
  int64_t n = 0;

  GLIA_TRY(glia_h5_exists_(t->file, path_of(path, "nodes", name, ""), &group, &array));
  GLIA_CHECK(group, GLIA_E_MISSING, "%s has no node %s", t->path, name);
  d->name = strdup(name);
  GLIA_CHECK(d->name != NULL, GLIA_E_MEMORY, "%s", name);
  GLIA_TRY(glia_h5_texts_read_(t->file, t->path, path_of(path, "nodes", name, "names"), &n_names,
                               &d->metric));
  d->n_metrics = (int)n_names; /* at most 2^20 texts are read */
  GLIA_TRY(glia_h5_texts_read_(t->file, t->path, path_of(path, "nodes", name, "units"), &n_units,
                               &d->unit));
  if (n_units != n_names) {
    free_texts(d->unit, n_units);
    d->unit = NULL;
    return GLIA_FAIL(GLIA_E_SHAPE, "%s: %s has %lld names and %lld units", t->path, name,
                     (long long)n_names, (long long)n_units);
  }
  GLIA_TRY(read_whole(t, path_of(path, "nodes", name, "time"), GLIA_I64, 1, -1, -1, &d->n, &data));
  d->time_ns = data;
  GLIA_TRY(
      read_whole(t, path_of(path, "nodes", name, "values"), GLIA_F32, 2, d->n, n_names, &n, &data));
  d->values = data;
  return read_extras(t, d);
}

glia_status glia_telemetry_read_node(struct glia_telemetry *t, const char *name,
                                     struct glia_telemetry_node *out)
{
  *out = (struct glia_telemetry_node){0};
  GLIA_CHECK(strlen(name) < 256 && strchr(name, '/') == NULL, GLIA_E_ARGUMENT,
             "'%s' cannot name a node", name);
  glia_status st;
  if (t->file < 0) {
    st = glia_telemetry_read_parts_(t, name, out);
  } else {
    glia_h5_lock_();
    st = read_node(t, name, out);
    glia_h5_unlock_();
  }
  if (st != GLIA_OK) glia_telemetry_node_free(out);
  return st;
}

void glia_telemetry_node_free(struct glia_telemetry_node *d)
{
  free_texts(d->metric, d->n_metrics);
  free_texts(d->unit, d->n_metrics);
  free(d->name);
  free(d->time_ns);
  free(d->values);
  free(d->label);
  free(d->cause);
  *d = (struct glia_telemetry_node){0};
}

static glia_status read_scores(struct glia_telemetry *t, const char *name,
                               struct glia_telemetry_score *s)
{
  char path[600];
  bool is_group = false;
  bool is_array = false;
  bool found = false;
  void *data = NULL;
  int64_t n = 0;

  GLIA_TRY(glia_h5_exists_(t->file, path_of(path, "scores", name, ""), &is_group, &is_array));
  GLIA_CHECK(is_group, GLIA_E_MISSING, "%s has no scores of %s", t->path, name);
  hid_t group = H5Gopen2(t->file, path, H5P_DEFAULT);
  GLIA_TRY_H5(group, GLIA_E_DATA, "%s: /%s", t->path, path);
  const glia_status st = glia_h5_get_real_(group, "threshold", &s->threshold, &found);
  glia_h5_close_(&group);
  GLIA_TRY(st);
  GLIA_CHECK(found, GLIA_E_DATA, "%s: the scores of %s have no threshold", t->path, name);
  GLIA_TRY(read_whole(t, path_of(path, "scores", name, "time"), GLIA_I64, 1, -1, -1, &s->n, &data));
  s->time_ns = data;
  GLIA_TRY(read_whole(t, path_of(path, "scores", name, "value"), GLIA_F32, 1, s->n, -1, &n, &data));
  s->score = data;
  return GLIA_OK;
}

glia_status glia_telemetry_read_scores(struct glia_telemetry *t, const char *name,
                                       struct glia_telemetry_score *out)
{
  *out = (struct glia_telemetry_score){0};
  GLIA_CHECK(strlen(name) < 256 && strchr(name, '/') == NULL, GLIA_E_ARGUMENT,
             "'%s' cannot name a node", name);
  glia_h5_lock_();
  const glia_status st = read_scores(t, name, out);
  glia_h5_unlock_();
  if (st != GLIA_OK) glia_telemetry_score_free(out);
  return st;
}

void glia_telemetry_score_free(struct glia_telemetry_score *s)
{
  free(s->time_ns);
  free(s->score);
  *s = (struct glia_telemetry_score){0};
}
