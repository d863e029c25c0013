/* Writing telemetry.
 *
 * A recording is in HDF5's earliest format, in chunks that stay in their place (no compression), and written out often:
 * so the part written out survives a kill. A conversion is compressed and appears whole or not at all.
 */
#include "glia_log.h"
#include "glia_telemetry.h"
#include "h5_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { METRICS_MAX = 1 << 20, EVENT_NODE_BYTES = 64, EVENT_TEXT_BYTES = 256, EVENT_CHUNK = 64 };
static const size_t RECORD_CHUNK_BYTES = (size_t)64 << 10;
static const size_t PACKED_CHUNK_BYTES = (size_t)1 << 20;

struct node {
  char *name;
  int n_metrics;
  hid_t time;
  hid_t values;
  int64_t chunk_rows;
  int64_t written;
  int64_t held;
  int64_t *time_held; /* [chunk_rows] */
  float *values_held; /* [chunk_rows, n_metrics] */
};

struct glia_telemetry_writer {
  struct glia_h5_out out;
  double flush_s;
  double flushed_s;
  int n;
  struct node *node;
  int64_t n_events;
  hid_t event_time; /* -1 until the first event */
  hid_t event_node;
  hid_t event_text;
};

glia_status glia_telemetry_create(const char *path, bool force, double flush_s,
                                  struct glia_telemetry_writer **out)
{
  struct glia_telemetry_writer *w = calloc(1, sizeof *w);

  *out = NULL;
  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "%s", path);
  w->event_time = w->event_node = w->event_text = -1;
  w->flush_s = flush_s;
  w->flushed_s = glia_time_s();
  glia_h5_lock_();
  const glia_status st = glia_h5_out_begin_(&w->out, path, "telemetry", GLIA_TELEMETRY_FORMAT,
                                            force, flush_s > 0.0 ? GLIA_H5_GROWING : GLIA_H5_WHOLE);
  glia_h5_unlock_();
  if (st != GLIA_OK) {
    free(w);
    return st;
  }
  *out = w;
  return GLIA_OK;
}

static bool good_name(const char *name)
{
  return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
         strcmp(name, "..") != 0 && strlen(name) < 256;
}

/* "nodes/<name>/<member>" */
static const char *path_of(char out[600], const char *group, const char *name, const char *member)
{
  snprintf(out, 600, "%s/%s%s%s", group, name, member[0] != '\0' ? "/" : "", member);
  return out;
}

static glia_status make_node(struct glia_telemetry_writer *w, struct node *d,
                             const char *const *names, const char *const *units)
{
  const struct glia_type scalar = glia_type_make(GLIA_I64, 0, NULL);
  const struct glia_type row = glia_type_make(GLIA_F32, 1, (int64_t[]){d->n_metrics});
  const bool pack = w->flush_s <= 0.0;
  char path[600];

  GLIA_TRY(glia_h5_rows_create_(w->out.file, path_of(path, "nodes", d->name, "time"),
                                glia_h5_type_(GLIA_I64), &scalar, -1, d->chunk_rows, pack,
                                &d->time));
  GLIA_TRY(glia_h5_rows_create_(w->out.file, path_of(path, "nodes", d->name, "values"),
                                glia_h5_type_(GLIA_F32), &row, -1, d->chunk_rows, pack,
                                &d->values));
  GLIA_TRY(glia_h5_texts_write_(w->out.file, path_of(path, "nodes", d->name, "names"), d->n_metrics,
                                names));
  GLIA_TRY(glia_h5_texts_write_(w->out.file, path_of(path, "nodes", d->name, "units"), d->n_metrics,
                                units));
  return glia_h5_out_check_(&w->out);
}

glia_status glia_telemetry_add_node(struct glia_telemetry_writer *w, const char *name,
                                    int n_metrics, const char *const *names,
                                    const char *const *units, int *out)
{
  GLIA_CHECK(good_name(name), GLIA_E_ARGUMENT, "'%s' cannot name a node", name);
  GLIA_CHECK(n_metrics >= 1 && n_metrics <= METRICS_MAX, GLIA_E_ARGUMENT, "node %s has %d metrics",
             name, n_metrics);
  for (int i = 0; i < w->n; i++)
    GLIA_CHECK(strcmp(w->node[i].name, name) != 0, GLIA_E_EXISTS, "node %s is there already", name);
  struct node *more = realloc(w->node, (size_t)(w->n + 1) * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "node %s", name);
  w->node = more;
  struct node *d = &w->node[w->n++]; /* from here on abort frees it */
  const size_t row_bytes = (size_t)n_metrics * sizeof(float);
  const size_t rows = (w->flush_s > 0.0 ? RECORD_CHUNK_BYTES : PACKED_CHUNK_BYTES) / row_bytes;
  *d = (struct node){.n_metrics = n_metrics,
                     .time = -1,
                     .values = -1,
                     .chunk_rows = rows > 16 ? (int64_t)rows : 16};
  d->name = strdup(name);
  d->time_held = malloc((size_t)d->chunk_rows * sizeof *d->time_held);
  d->values_held = malloc((size_t)d->chunk_rows * row_bytes);
  GLIA_CHECK(d->name != NULL && d->time_held != NULL && d->values_held != NULL, GLIA_E_MEMORY,
             "node %s", name);
  glia_h5_lock_();
  const glia_status st = make_node(w, d, names, units);
  glia_h5_unlock_();
  *out = w->n - 1;
  return st;
}

static glia_status write_held(struct node *d)
{
  const struct glia_type scalar = glia_type_make(GLIA_I64, 0, NULL);
  const struct glia_type row = glia_type_make(GLIA_F32, 1, (int64_t[]){d->n_metrics});

  if (d->held == 0) return GLIA_OK;
  GLIA_TRY(glia_h5_rows_write_(d->time, d->name, glia_h5_type_(GLIA_I64), &scalar, d->written,
                               d->held, true, d->time_held));
  GLIA_TRY(glia_h5_rows_write_(d->values, d->name, glia_h5_type_(GLIA_F32), &row, d->written,
                               d->held, true, d->values_held));
  d->written += d->held;
  d->held = 0;
  return GLIA_OK;
}

static glia_status flush(struct glia_telemetry_writer *w)
{
  for (int i = 0; i < w->n; i++) GLIA_TRY(write_held(&w->node[i]));
  GLIA_TRY_H5(H5Fflush(w->out.file, H5F_SCOPE_GLOBAL), GLIA_E_IO, "cannot write %s",
              w->out.temp.path);
  w->flushed_s = glia_time_s();
  return glia_h5_out_check_(&w->out);
}

static glia_status append(struct glia_telemetry_writer *w, struct node *d, int64_t n,
                          const int64_t *time_ns, const float *values)
{
  const size_t m = (size_t)d->n_metrics;

  while (n > 0) {
    const int64_t room = d->chunk_rows - d->held;
    const int64_t now = n < room ? n : room;
    memcpy(d->time_held + d->held, time_ns, (size_t)now * sizeof *time_ns);
    memcpy(d->values_held + (size_t)d->held * m, values, (size_t)now * m * sizeof *values);
    d->held += now;
    n -= now;
    time_ns += now;
    values += (size_t)now * m;
    if (d->held == d->chunk_rows) GLIA_TRY(write_held(d));
  }
  if (w->flush_s > 0.0 && glia_time_s() - w->flushed_s >= w->flush_s) return flush(w);
  return glia_h5_out_check_(&w->out);
}

glia_status glia_telemetry_append(struct glia_telemetry_writer *w, int node, int64_t n,
                                  const int64_t *time_ns, const float *values)
{
  GLIA_CHECK(node >= 0 && node < w->n && n >= 0, GLIA_E_ARGUMENT, "node %d, %lld samples", node,
             (long long)n);
  glia_h5_lock_();
  const glia_status st = append(w, &w->node[node], n, time_ns, values);
  glia_h5_unlock_();
  return st;
}

static glia_status event(struct glia_telemetry_writer *w, int64_t time_ns, const char *node,
                         const char *text)
{
  const struct glia_type scalar = glia_type_make(GLIA_I64, 0, NULL);
  char node_bytes[EVENT_NODE_BYTES] = "";
  char text_bytes[EVENT_TEXT_BYTES] = "";
  hid_t node_type = glia_h5_text_type_(sizeof node_bytes);
  hid_t text_type = glia_h5_text_type_(sizeof text_bytes);
  glia_status st = GLIA_OK;

  snprintf(node_bytes, sizeof node_bytes, "%s", node);
  snprintf(text_bytes, sizeof text_bytes, "%s", text);
  if (w->event_time < 0) {
    GLIA_TRY_TO(out, st,
                glia_h5_rows_create_(w->out.file, "events/time", glia_h5_type_(GLIA_I64), &scalar,
                                     -1, EVENT_CHUNK, false, &w->event_time));
    GLIA_TRY_TO(out, st,
                glia_h5_rows_create_(w->out.file, "events/node", node_type, &scalar, -1,
                                     EVENT_CHUNK, false, &w->event_node));
    GLIA_TRY_TO(out, st,
                glia_h5_rows_create_(w->out.file, "events/text", text_type, &scalar, -1,
                                     EVENT_CHUNK, false, &w->event_text));
  }
  GLIA_TRY_TO(out, st,
              glia_h5_rows_write_(w->event_time, "/events/time", glia_h5_type_(GLIA_I64), &scalar,
                                  w->n_events, 1, true, &time_ns));
  GLIA_TRY_TO(out, st,
              glia_h5_rows_write_(w->event_node, "/events/node", node_type, &scalar, w->n_events, 1,
                                  true, node_bytes));
  GLIA_TRY_TO(out, st,
              glia_h5_rows_write_(w->event_text, "/events/text", text_type, &scalar, w->n_events, 1,
                                  true, text_bytes));
  w->n_events++;
  st = glia_h5_out_check_(&w->out);
out:
  glia_h5_close_(&node_type);
  glia_h5_close_(&text_type);
  return st;
}

glia_status glia_telemetry_event(struct glia_telemetry_writer *w, int64_t time_ns, const char *node,
                                 const char *text)
{
  glia_h5_lock_();
  const glia_status st = event(w, time_ns, node, text);
  glia_h5_unlock_();
  return st;
}

glia_status glia_telemetry_text(struct glia_telemetry_writer *w, int node, const char *what,
                                const char *text)
{
  char path[600];

  GLIA_CHECK(node >= 0 && node < w->n && good_name(what), GLIA_E_ARGUMENT,
             "text '%s' of node %d of %d", what, node, w->n);
  glia_h5_lock_();
  glia_status st = glia_h5_texts_write_(
      w->out.file, path_of(path, "nodes", w->node[node].name, what), -1, &text);
  if (st == GLIA_OK) st = glia_h5_out_check_(&w->out);
  glia_h5_unlock_();
  return st;
}

/* A whole array; compressed unless it is tiny. */
static glia_status write_whole(struct glia_telemetry_writer *w, const char *path, glia_dtype dtype,
                               const struct glia_type *row, int64_t n, const void *data)
{
  hid_t d = -1;
  glia_status st = GLIA_OK;
  const int64_t chunk_rows = n > 4096 ? 65536 : 0;

  GLIA_TRY(glia_h5_rows_create_(w->out.file, path, glia_h5_type_(dtype), row, n,
                                chunk_rows > n ? n : chunk_rows, chunk_rows > 0, &d));
  if (n > 0) st = glia_h5_rows_write_(d, path, glia_h5_type_(dtype), row, 0, n, false, data);
  glia_h5_close_(&d);
  return st == GLIA_OK ? glia_h5_out_check_(&w->out) : st;
}

/* Rows in one chunk, or in chunks of a megabyte. */
static glia_status put_array(struct glia_telemetry_writer *w, const char *path, glia_dtype dtype,
                             const struct glia_type *row, int64_t n, size_t row_bytes,
                             const void *data)
{
  const int64_t fit = (int64_t)(PACKED_CHUNK_BYTES / row_bytes) + 1;
  hid_t d = -1;

  GLIA_TRY(glia_h5_rows_create_(w->out.file, path, glia_h5_type_(dtype), row, n, n < fit ? n : fit,
                                true, &d));
  const glia_status st = glia_h5_rows_write_(d, path, glia_h5_type_(dtype), row, 0, n, false, data);
  glia_h5_close_(&d);
  return st;
}

static glia_status put_node(struct glia_telemetry_writer *w, const char *name, int n_metrics,
                            const char *const *names, const char *const *units, int64_t n,
                            const int64_t *time_ns, const float *values)
{
  const struct glia_type scalar = glia_type_make(GLIA_I64, 0, NULL);
  const struct glia_type row = glia_type_make(GLIA_F32, 1, (int64_t[]){n_metrics});
  char path[600];

  GLIA_TRY(put_array(w, path_of(path, "nodes", name, "time"), GLIA_I64, &scalar, n, sizeof *time_ns,
                     time_ns));
  GLIA_TRY(put_array(w, path_of(path, "nodes", name, "values"), GLIA_F32, &row, n,
                     (size_t)n_metrics * sizeof *values, values));
  GLIA_TRY(
      glia_h5_texts_pack_(w->out.file, path_of(path, "nodes", name, "names"), n_metrics, names));
  GLIA_TRY(
      glia_h5_texts_pack_(w->out.file, path_of(path, "nodes", name, "units"), n_metrics, units));
  return glia_h5_out_check_(&w->out);
}

glia_status glia_telemetry_put_node(struct glia_telemetry_writer *w, const char *name,
                                    int n_metrics, const char *const *names,
                                    const char *const *units, int64_t n, const int64_t *time_ns,
                                    const float *values)
{
  GLIA_CHECK(good_name(name), GLIA_E_ARGUMENT, "'%s' cannot name a node", name);
  GLIA_CHECK(n_metrics >= 1 && n_metrics <= METRICS_MAX && n >= 1, GLIA_E_ARGUMENT,
             "node %s has %lld samples of %d metrics", name, (long long)n, n_metrics);
  glia_h5_lock_();
  const glia_status st = put_node(w, name, n_metrics, names, units, n, time_ns, values);
  glia_h5_unlock_();
  return st;
}

glia_status glia_telemetry_labels(struct glia_telemetry_writer *w, int node, int64_t n,
                                  const int8_t *label)
{
  const struct glia_type scalar = glia_type_make(GLIA_I8, 0, NULL);
  char path[600];

  GLIA_CHECK(node >= 0 && node < w->n, GLIA_E_ARGUMENT, "node %d of %d", node, w->n);
  glia_h5_lock_();
  const glia_status st =
      write_whole(w, path_of(path, "labels", w->node[node].name, ""), GLIA_I8, &scalar, n, label);
  glia_h5_unlock_();
  return st;
}

glia_status glia_telemetry_causes(struct glia_telemetry_writer *w, int node, int64_t n,
                                  const int64_t (*cause)[3])
{
  const struct glia_type row = glia_type_make(GLIA_I64, 1, (int64_t[]){3});
  char path[600];

  GLIA_CHECK(node >= 0 && node < w->n, GLIA_E_ARGUMENT, "node %d of %d", node, w->n);
  glia_h5_lock_();
  const glia_status st =
      write_whole(w, path_of(path, "causes", w->node[node].name, ""), GLIA_I64, &row, n, cause);
  glia_h5_unlock_();
  return st;
}

glia_status glia_telemetry_train_rows(struct glia_telemetry_writer *w, int node, int64_t rows)
{
  char path[600];
  glia_status st = GLIA_OK;

  GLIA_CHECK(node >= 0 && node < w->n && rows >= 0, GLIA_E_ARGUMENT, "node %d of %d", node, w->n);
  glia_h5_lock_();
  hid_t group = H5Gopen2(w->out.file, path_of(path, "nodes", w->node[node].name, ""), H5P_DEFAULT);
  st = group < 0 ? GLIA_H5_FAIL(GLIA_E_INTERNAL, "%s", path)
                 : glia_h5_put_int_(group, "train_rows", rows);
  glia_h5_close_(&group);
  glia_h5_unlock_();
  return st;
}

static glia_status scores(struct glia_telemetry_writer *w, const char *name, int64_t n,
                          const int64_t *time_ns, const float *score, double threshold)
{
  const struct glia_type scalar = glia_type_make(GLIA_F32, 0, NULL);
  char path[600];

  GLIA_TRY(write_whole(w, path_of(path, "scores", name, "time"), GLIA_I64, &scalar, n, time_ns));
  GLIA_TRY(write_whole(w, path_of(path, "scores", name, "value"), GLIA_F32, &scalar, n, score));
  hid_t group = H5Gopen2(w->out.file, path_of(path, "scores", name, ""), H5P_DEFAULT);
  GLIA_TRY_H5(group, GLIA_E_INTERNAL, "%s", path);
  const glia_status st = glia_h5_put_real_(group, "threshold", threshold);
  glia_h5_close_(&group);
  return st;
}

glia_status glia_telemetry_scores(struct glia_telemetry_writer *w, const char *name, int64_t n,
                                  const int64_t *time_ns, const float *score, double threshold)
{
  GLIA_CHECK(good_name(name), GLIA_E_ARGUMENT, "'%s' cannot name a node", name);
  glia_h5_lock_();
  const glia_status st = scores(w, name, n, time_ns, score, threshold);
  glia_h5_unlock_();
  return st;
}

glia_status glia_telemetry_flush(struct glia_telemetry_writer *w)
{
  glia_h5_lock_();
  const glia_status st = flush(w);
  glia_h5_unlock_();
  return st;
}

static void close_arrays(struct glia_telemetry_writer *w)
{
  for (int i = 0; i < w->n; i++) {
    glia_h5_close_(&w->node[i].time);
    glia_h5_close_(&w->node[i].values);
  }
  glia_h5_close_(&w->event_time);
  glia_h5_close_(&w->event_node);
  glia_h5_close_(&w->event_text);
}

glia_status glia_telemetry_commit(struct glia_telemetry_writer **w)
{
  glia_h5_lock_();
  glia_status st = flush(*w);
  close_arrays(*w);
  if (st == GLIA_OK) st = glia_h5_out_commit_(&(*w)->out);
  glia_h5_unlock_();
  glia_telemetry_abort(w); /* after a commit nothing is left to remove */
  return st;
}

void glia_telemetry_abort(struct glia_telemetry_writer **w)
{
  if (w == NULL || *w == NULL) return;
  glia_h5_lock_();
  close_arrays(*w);
  glia_h5_out_abort_(&(*w)->out);
  glia_h5_unlock_();
  for (int i = 0; i < (*w)->n; i++) {
    free((*w)->node[i].name);
    free((*w)->node[i].time_held);
    free((*w)->node[i].values_held);
  }
  free((*w)->node);
  free(*w);
  *w = NULL;
}
