/* Series of the Numenta Anomaly Benchmark: CSVs of timestamp and value, and a JSON file of labelled windows.
 * Source: lavin2015 (doi:10.1109/ICMLA.2015.141). */
#include "import_telemetry_priv.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = GLIA_IMPORT_PATH_BYTES };

struct sample {
  int64_t time_ns, line;
  float value;
};

struct series {
  int64_t n, max;
  struct sample *sample;
};

bool glia_import_is_nab_(const struct glia_table *t)
{
  return t->n_columns == 2 && strcmp(t->name[0], "timestamp") == 0 &&
         strcmp(t->name[1], "value") == 0;
}

/* "2014-02-26 13:45:00.000000", the seconds whole or not. */
static bool time_of(const char *text, int64_t *ns)
{
  int year, month, day, hour, minute, used = 0;
  double second;

  return sscanf(text, "%4d-%2d-%2d%*1[ T]%2d:%2d:%lf%n", &year, &month, &day, &hour, &minute,
                &second, &used) == 6 &&
         text[used] == '\0' && glia_import_time_(year, month, day, hour, minute, second, ns);
}

static glia_status read_sample(const struct glia_table *t, struct series *s)
{
  double v = 0.0;

  if (s->n == s->max) {
    const int64_t max = s->max * 2 + 4096;
    struct sample *more = realloc(s->sample, (size_t)max * sizeof *more);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%" PRId64 " samples", max);
    s->sample = more;
    s->max = max;
  }
  struct sample *to = &s->sample[s->n];
  GLIA_CHECK(time_of(t->cell[0], &to->time_ns), GLIA_E_DATA,
             "%s:%" PRId64 ": '%.40s' is not a time, expected 2014-02-26 13:45:00",
             glia_stream_path_(t->stream), t->line, t->cell[0]);
  GLIA_CHECK(glia_table_number_(t->cell[1], &v), GLIA_E_DATA,
             "%s:%" PRId64 ": '%.40s' is not a number", glia_stream_path_(t->stream), t->line,
             t->cell[1]);
  to->value = (float)v;
  to->line = t->line;
  s->n++;
  return GLIA_OK;
}

static int by_time(const void *a, const void *b)
{
  const struct sample *x = a, *y = b;

  if (x->time_ns != y->time_ns) return x->time_ns < y->time_ns ? -1 : 1;
  return x->line < y->line ? -1 : x->line > y->line;
}

/* Clocks that were put back leave times twice: in the order of time, the first of equal ones counts. */
static void put_in_order(struct series *s)
{
  int64_t kept = 0;

  qsort(s->sample, (size_t)s->n, sizeof *s->sample, by_time);
  for (int64_t i = 0; i < s->n; i++)
    if (kept == 0 || s->sample[i].time_ns > s->sample[kept - 1].time_ns)
      s->sample[kept++] = s->sample[i];
  s->n = kept;
}

static glia_status read_series(const char *path, struct glia_progress *p, struct series *s)
{
  struct glia_table *t = NULL;
  bool end = false;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_table_open_(path, GLIA_HEADER_YES, p, &t));
  GLIA_CHECK_TO(out, st, glia_import_is_nab_(t), GLIA_E_DATA,
                "%s does not begin with timestamp,value, as the others do", path);
  for (;;) {
    GLIA_TRY_TO(out, st, glia_table_next_(t, &end));
    if (end) break;
    GLIA_TRY_TO(out, st, read_sample(t, s));
  }
  GLIA_CHECK_TO(out, st, s->n > 0, GLIA_E_DATA, "%s holds no sample", path);
  put_in_order(s);
out:
  glia_table_close_(&t);
  return st;
}

/* Windows of a series, [[begin, end], ...] with both ends inside, as labels [n]. */
static glia_status label_windows(const char *name, const json_t *windows, const struct series *s,
                                 int8_t *label)
{
  size_t i;
  json_t *w;

  memset(label, GLIA_LABEL_NORMAL, (size_t)s->n);
  GLIA_CHECK(json_is_array(windows), GLIA_E_DATA, "windows of %s: expected a list", name);
  json_array_foreach(windows, i, w)
  {
    const char *begin = json_string_value(json_array_get(w, 0));
    const char *end = json_string_value(json_array_get(w, 1));
    int64_t from, to;
    GLIA_CHECK(begin != NULL && end != NULL && time_of(begin, &from) && time_of(end, &to) &&
                   from <= to,
               GLIA_E_DATA, "window %zu of %s: expected [begin, end], each a time", i, name);
    for (int64_t k = 0; k < s->n; k++)
      if (s->sample[k].time_ns >= from && s->sample[k].time_ns <= to) label[k] = GLIA_LABEL_ANOMALY;
  }
  return GLIA_OK;
}

/* The first part is not scored in the benchmark, and has no window: 15 %, of 5,000 samples at most. */
static int64_t train_rows(int64_t n) { return 15 * (n < 5000 ? n : 5000) / 100; }

static glia_status write_series(struct glia_telemetry_writer *w, const char *name,
                                const struct series *s, const int8_t *label)
{
  const char *const metric[] = {"value"}, *const unit[] = {""};
  int64_t *time_ns = malloc((size_t)s->n * sizeof *time_ns);
  float *value = malloc((size_t)s->n * sizeof *value);
  int node = 0;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, time_ns != NULL && value != NULL, GLIA_E_MEMORY, "%s", name);
  for (int64_t i = 0; i < s->n; i++) {
    time_ns[i] = s->sample[i].time_ns;
    value[i] = s->sample[i].value;
  }
  GLIA_TRY_TO(out, st, glia_telemetry_add_node(w, name, 1, metric, unit, &node));
  GLIA_TRY_TO(out, st, glia_telemetry_append(w, node, s->n, time_ns, value));
  GLIA_TRY_TO(out, st, glia_telemetry_train_rows(w, node, train_rows(s->n)));
  if (label != NULL) st = glia_telemetry_labels(w, node, s->n, label);
out:
  free(value);
  free(time_ns);
  return st;
}

/* Windows are told of "GROUP/NAME.csv"; a flat folder has GROUP__NAME.csv. */
static const json_t *windows_of(const json_t *all, const char *name)
{
  char key[600];
  char *at;

  snprintf(key, sizeof key, "%.500s.csv", name);
  const json_t *found = json_object_get(all, key);
  if (found != NULL || (at = strstr(key, "__")) == NULL) return found;
  *at = '/';
  memmove(at + 1, at + 2, strlen(at + 2) + 1);
  return json_object_get(all, key);
}

static glia_status import_series(const char *root, const char *name, const json_t *all,
                                 struct glia_progress *p, struct glia_telemetry_writer *w)
{
  struct series s = {0};
  int8_t *label = NULL;
  char path[PATH_BYTES], file[600];
  glia_status st = GLIA_OK;

  snprintf(file, sizeof file, "%.500s.csv", name);
  GLIA_CHECK(glia_import_find_(root, file, path), GLIA_E_MISSING, "%s/%s", root, file);
  GLIA_TRY_TO(out, st, read_series(path, p, &s));
  const json_t *windows = windows_of(all, name);
  if (windows != NULL) {
    label = malloc((size_t)s.n);
    GLIA_CHECK_TO(out, st, label != NULL, GLIA_E_MEMORY, "%s", name);
    GLIA_TRY_TO(out, st, label_windows(name, windows, &s, label));
  }
  st = write_series(w, name, &s, label);
out:
  free(label);
  free(s.sample);
  return st;
}

/* The benchmark's own name for its file of windows, or that of collections of some of its series. */
static glia_status read_windows(const char *root, json_t **out)
{
  static const char *const names[] = {"anomaly_windows.json", "combined_windows.json"};
  char path[PATH_BYTES];
  json_error_t why;

  *out = NULL;
  for (size_t i = 0; i < GLIA_COUNT(names); i++) {
    FILE *f = NULL;
    const int n = snprintf(path, sizeof path, "%s/%s", root, names[i]);
    if (n > 0 && (size_t)n < sizeof path) f = fopen(path, "rb");
    if (f == NULL) continue;
    *out = json_loadf(f, 0, &why);
    fclose(f);
    GLIA_CHECK(json_is_object(*out), GLIA_E_DATA, "%s: no JSON of windows: %s", path,
               *out == NULL ? why.text : "expected an object");
    return GLIA_OK;
  }
  return GLIA_OK;
}

glia_status glia_import_nab_(const char *root, int n, char *const *name, struct glia_progress *p,
                             struct glia_telemetry_writer *w)
{
  json_t *windows = NULL;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, read_windows(root, &windows));
  for (int i = 0; i < n; i++) GLIA_TRY_TO(out, st, import_series(root, name[i], windows, p, w));
out:
  json_decref(windows);
  return st;
}
