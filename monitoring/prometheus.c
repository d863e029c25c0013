/* The months of data that a site's Prometheus has; see glia_prometheus.h.  Source: prometheus.io/docs/prometheus/latest/querying/api. */
#include "glia_prometheus.h"

#include "glia_exposition.h"
#include "glia_intake.h"
#include "glia_telemetry.h"

#include <curl/curl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ANSWER_MAX = 256 << 20, STRETCH = 2000, NAME_BYTES = 512, STEPS_MAX = 4000000 };

/* One series of a node: raw values on the grid of steps, NaN where there was none. */
struct series {
  char *name;
  glia_metric_kind kind;
  float *
      value; /* [steps]; counters by their increments, which float32 holds where it cannot hold the counter */
  double last; /* value of a counter so far */
};

struct instance {
  char *name;
  int64_t n, room;
  struct series *series;
};

struct import {
  const struct glia_prometheus_query *query;
  CURL *easy;
  int64_t begin_s, steps;
  int64_t n, room;
  struct instance *instance;
};

/* ---- asking */

static size_t on_data(char *data, size_t size, size_t n, void *self)
{
  struct glia_buffer *b = self;

  if (b->n + size * n > ANSWER_MAX) return 0;
  glia_buffer_add(b, data, size * n);
  return b->failed ? 0 : size * n;
}

static glia_status fetch(struct import *m, const char *url, struct glia_buffer *body)
{
  char header[GLIA_TOKEN_BYTES + 32];
  long status = 0;
  struct curl_slist *headers = NULL;

  if (m->query->token != NULL) {
    snprintf(header, sizeof header, "Authorization: Bearer %s", m->query->token);
    headers = curl_slist_append(NULL, header);
  }
  curl_easy_reset(m->easy);
  curl_easy_setopt(m->easy, CURLOPT_URL, url);
  curl_easy_setopt(m->easy, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(m->easy, CURLOPT_WRITEDATA, body);
  curl_easy_setopt(m->easy, CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(m->easy, CURLOPT_CONNECTTIMEOUT, 5L);
  curl_easy_setopt(m->easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(m->easy, CURLOPT_HTTPHEADER, headers);
  const CURLcode code = curl_easy_perform(m->easy);
  curl_slist_free_all(headers);
  curl_easy_getinfo(m->easy, CURLINFO_RESPONSE_CODE, &status);
  GLIA_CHECK(code == CURLE_OK, GLIA_E_IO, "%s: %s", m->query->url, curl_easy_strerror(code));
  /* With 400 and 422 it says in JSON what is wrong with the question. */
  GLIA_CHECK(status == 200 || status == 400 || status == 422, GLIA_E_IO, "%s: HTTP status %ld",
             m->query->url, status);
  return GLIA_OK;
}

/* ---- taking answers apart */

/* `name{a="1",b="2"}` without instance and job; labels in the order of their names. false: too long, or without a name. */
static bool name_of(json_t *labels, char *out, size_t size)
{
  const char *key;
  json_t *value;
  const char *name = json_string_value(json_object_get(labels, "__name__"));
  size_t n = 0;
  char before = '{';

  if (name == NULL || strlen(name) >= size) return false;
  n = (size_t)snprintf(out, size, "%s", name);
  json_object_foreach(labels, key, value)
  {
    if (key[0] == '_' || strcmp(key, "instance") == 0 || strcmp(key, "job") == 0) continue;
    n += (size_t)snprintf(out + n, size - n, "%c%s=\"%s\"", before, key,
                          json_string_value(value) != NULL ? json_string_value(value) : "");
    if (n >= size - 2) return false;
    before = ',';
  }
  if (before == ',') snprintf(out + n, size - n, "}");
  return true;
}

static glia_metric_kind kind_of(const char *name)
{
  static const char *const ends[] = {"_total", "_sum", "_count", "_bucket"};
  const size_t n = strcspn(name, "{");

  for (size_t i = 0; i < GLIA_COUNT(ends); i++) {
    const size_t m = strlen(ends[i]);
    if (n > m && memcmp(name + n - m, ends[i], m) == 0) return GLIA_METRIC_COUNTER;
  }
  return strncmp(name, "node_vmstat_", 12) == 0 || strncmp(name, "node_netstat_", 13) == 0
             ? GLIA_METRIC_COUNTER
             : GLIA_METRIC_GAUGE;
}

static glia_status find_instance(struct import *m, const char *name, struct instance **out)
{
  for (int64_t i = 0; i < m->n; i++)
    if (strcmp(m->instance[i].name, name) == 0) return *out = &m->instance[i], GLIA_OK;
  if (m->n == m->room) {
    const int64_t room = m->room > 0 ? 2 * m->room : 16;
    struct instance *more = realloc(m->instance, (size_t)room * sizeof *more);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%lld nodes", (long long)room);
    m->instance = more;
    m->room = room;
  }
  *out = &m->instance[m->n];
  **out = (struct instance){.name = strdup(name)};
  GLIA_CHECK((*out)->name != NULL, GLIA_E_MEMORY, "node %s", name);
  m->n++;
  return GLIA_OK;
}

static glia_status find_series(struct import *m, struct instance *d, const char *name,
                               struct series **out)
{
  for (int64_t i = 0; i < d->n; i++)
    if (strcmp(d->series[i].name, name) == 0) return *out = &d->series[i], GLIA_OK;
  if (d->n == d->room) {
    const int64_t room = d->room > 0 ? 2 * d->room : 64;
    struct series *more = realloc(d->series, (size_t)room * sizeof *more);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%lld series", (long long)room);
    d->series = more;
    d->room = room;
  }
  struct series *s = &d->series[d->n];
  *s = (struct series){.name = strdup(name), .kind = kind_of(name), .last = 0.0};
  s->value = malloc((size_t)m->steps * sizeof *s->value);
  d->n++; /* from here on it is freed */
  GLIA_CHECK(s->name != NULL && s->value != NULL, GLIA_E_MEMORY, "series %s", name);
  for (int64_t i = 0; i < m->steps; i++) s->value[i] = GLIA_MISSING;
  *out = s;
  return GLIA_OK;
}

/* [[time, "value"], ...] onto the grid. */
static void take_values(const struct import *m, struct series *s, const json_t *values)
{
  size_t i;
  json_t *pair;

  json_array_foreach(values, i, pair)
  {
    const double time_s = json_number_value(json_array_get(pair, 0));
    const char *text = json_string_value(json_array_get(pair, 1));
    const double at = nearbyint((time_s - (double)m->begin_s) / m->query->step_s);
    if (text == NULL || !(at >= 0.0 && at < (double)m->steps)) continue;
    const double v = strtod(text, NULL);
    s->value[(int64_t)at] = (float)(v - s->last);
    if (s->kind == GLIA_METRIC_COUNTER && isfinite(v)) s->last = v;
  }
}

static glia_status take_answer(struct import *m, const char *text, size_t size)
{
  char name[NAME_BYTES];
  json_error_t why;
  json_t *root = json_loadb(text, size, 0, &why);
  glia_status st = GLIA_OK;
  size_t i;
  json_t *one;

  GLIA_CHECK(root != NULL, GLIA_E_DATA, "%s: the answer is no JSON: %s", m->query->url, why.text);
  const char *error = json_string_value(json_object_get(root, "error"));
  const json_t *result = json_object_get(json_object_get(root, "data"), "result");
  GLIA_CHECK_TO(done, st, error == NULL, GLIA_E_DATA, "%s: %.200s", m->query->url, error);
  GLIA_CHECK_TO(done, st, json_is_array(result), GLIA_E_DATA, "%s: no Prometheus answers so",
                m->query->url);
  json_array_foreach(result, i, one)
  {
    json_t *labels = json_object_get(one, "metric");
    const char *who = json_string_value(json_object_get(labels, "instance"));
    struct instance *d = NULL;
    struct series *s = NULL;
    if (!name_of(labels, name, sizeof name)) continue;
    GLIA_TRY_TO(done, st, find_instance(m, who != NULL ? who : "none", &d));
    GLIA_TRY_TO(done, st, find_series(m, d, name, &s));
    take_values(m, s, json_object_get(one, "values"));
  }

done:
  json_decref(root);
  return st;
}

/* All stretches of time; Prometheus gives at most 11,000 points a series. */
static glia_status ask_all(struct import *m, struct glia_progress *progress)
{
  char url[4096];
  struct glia_buffer body = {0};
  glia_status st = GLIA_OK;
  char *match = curl_easy_escape(m->easy, m->query->match, 0);

  GLIA_CHECK(match != NULL, GLIA_E_MEMORY, "no memory");
  for (int64_t from = 0; st == GLIA_OK && from < m->steps; from += STRETCH) {
    const int64_t to = from + STRETCH < m->steps ? from + STRETCH : m->steps;
    const double begin_s = (double)m->begin_s + (double)from * m->query->step_s;
    snprintf(url, sizeof url, "%s/api/v1/query_range?query=%s&start=%.3f&end=%.3f&step=%.3f",
             m->query->url, match, begin_s,
             (double)m->begin_s + (double)(to - 1) * m->query->step_s, m->query->step_s);
    body.n = 0;
    st = fetch(m, url, &body);
    if (st == GLIA_OK) st = take_answer(m, body.text != NULL ? body.text : "", body.n);
    if (progress != NULL) glia_progress_update(progress, (double)to, NULL);
  }
  curl_free(match);
  glia_buffer_free(&body);
  GLIA_TRY(st);
  GLIA_CHECK(m->n > 0, GLIA_E_DATA, "%s: nothing matches %s", m->query->url, m->query->match);
  return GLIA_OK;
}

/* ---- writing */

static glia_status fill(const struct import *m, const struct instance *d, struct glia_intake *t,
                        double *raw, float *out)
{
  const int64_t columns = glia_intake_columns(t);

  for (int64_t k = 0; k < d->n; k++) d->series[k].last = 0.0;
  for (int64_t i = 0; i < m->steps; i++) {
    const int64_t at_ns = (int64_t)(1e9 * ((double)m->begin_s + (double)i * m->query->step_s));
    for (int64_t k = 0; k < d->n; k++) {
      struct series *s = &d->series[k];
      raw[k] = (double)s->value[i];
      if (s->kind == GLIA_METRIC_COUNTER && !isnan(raw[k])) raw[k] = s->last += raw[k];
    }
    GLIA_TRY(glia_intake_row(t, at_ns, 0, raw, out + i * columns));
  }
  return GLIA_OK;
}

static glia_status put(const struct import *m, struct glia_telemetry_writer *w,
                       const struct instance *d, struct glia_intake *t)
{
  const int64_t columns = glia_intake_columns(t);
  const size_t room = (size_t)(columns > d->n ? columns : d->n) + 1;
  const char **name = malloc(room * sizeof *name), **unit = malloc(room * sizeof *unit);
  double *raw = malloc(room * sizeof *raw);
  int64_t *time_ns = malloc((size_t)m->steps * sizeof *time_ns);
  float *out = malloc((size_t)(m->steps * columns) * sizeof *out + 1);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(
      done, st, name != NULL && unit != NULL && raw != NULL && time_ns != NULL && out != NULL,
      GLIA_E_MEMORY, "%lld samples of %lld metrics", (long long)m->steps, (long long)columns);
  for (int64_t i = 0; i < columns; i++) {
    name[i] = glia_intake_name(t, i);
    unit[i] = glia_intake_unit(t, i);
  }
  for (int64_t i = 0; i < m->steps; i++)
    time_ns[i] = (int64_t)(1e9 * ((double)m->begin_s + (double)i * m->query->step_s));
  GLIA_TRY_TO(done, st, fill(m, d, t, raw, out));
  st = glia_telemetry_put_node(w, d->name, (int)columns, name, unit, m->steps, time_ns, out);

done:
  free(out);
  free(time_ns);
  free(raw);
  free(unit);
  free(name);
  return st;
}

static glia_status write_instance(const struct import *m, struct glia_telemetry_writer *w,
                                  const struct instance *d)
{
  struct glia_intake *t = NULL;
  int64_t at;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_intake_create(&t));
  for (int64_t i = 0; st == GLIA_OK && i < d->n; i++)
    st = glia_intake_series(t, d->series[i].name, strlen(d->series[i].name), "", d->series[i].kind,
                            &at);
  if (st == GLIA_OK) st = put(m, w, d, t);
  glia_intake_destroy(&t);
  return st;
}

static void free_import(struct import *m)
{
  for (int64_t i = 0; i < m->n; i++) {
    for (int64_t k = 0; k < m->instance[i].n; k++) {
      free(m->instance[i].series[k].name);
      free(m->instance[i].series[k].value);
    }
    free(m->instance[i].series);
    free(m->instance[i].name);
  }
  free(m->instance);
  if (m->easy != NULL) curl_easy_cleanup(m->easy);
}

glia_status glia_prometheus_import(const struct glia_prometheus_query *query, const char *path,
                                   bool force, struct glia_progress *progress)
{
  struct glia_telemetry_writer *w = NULL;
  struct import m = {.query = query};
  glia_status st = GLIA_OK;

  GLIA_CHECK(query->step_s >= 1.0 && query->since_s >= query->step_s &&
                 query->since_s / query->step_s < STEPS_MAX,
             GLIA_E_ARGUMENT,
             "%g s in steps of %g s: a step is 1 s or more, and there are at most %d",
             query->since_s, query->step_s, STEPS_MAX);
  m.steps = (int64_t)(query->since_s / query->step_s);
  m.begin_s = (int64_t)time(NULL) - (int64_t)((double)m.steps * query->step_s);
  if (progress != NULL) progress->total = (double)m.steps;
  GLIA_CHECK_TO(done, st,
                curl_global_init(CURL_GLOBAL_DEFAULT) == 0 && (m.easy = curl_easy_init()) != NULL,
                GLIA_E_MEMORY, "libcurl does not start");
  GLIA_TRY_TO(done, st, glia_telemetry_create(path, force, 0.0, &w));
  GLIA_TRY_TO(done, st, ask_all(&m, progress));
  for (int64_t i = 0; i < m.n; i++) GLIA_TRY_TO(done, st, write_instance(&m, w, &m.instance[i]));
  st = glia_telemetry_commit(&w);

done:
  glia_telemetry_abort(&w);
  free_import(&m);
  return st;
}

/* ---- what it scrapes */

static glia_status name_targets(const json_t *root, const struct glia_prometheus_query *query,
                                const char *job, glia_prometheus_target *found, void *self)
{
  const json_t *list = json_object_get(json_object_get(root, "data"), "activeTargets");
  size_t i;
  json_t *target;
  int64_t n = 0;

  GLIA_CHECK(json_is_array(list), GLIA_E_DATA, "%s: no list of targets in its answer", query->url);
  json_array_foreach(list, i, target)
  {
    const json_t *labels = json_object_get(target, "labels");
    const char *name = json_string_value(json_object_get(labels, "instance"));
    const char *of = json_string_value(json_object_get(labels, "job"));
    const char *url = json_string_value(json_object_get(target, "scrapeUrl"));
    if (name == NULL || url == NULL) continue;
    if (job != NULL && (of == NULL || strcmp(of, job) != 0)) continue;
    GLIA_TRY(found(self, name, url));
    n++;
  }
  GLIA_CHECK(n > 0, GLIA_E_DATA, "%s has no active target%s%s", query->url,
             job != NULL ? " of the job " : "", job != NULL ? job : "");
  return GLIA_OK;
}

glia_status glia_prometheus_targets(const struct glia_prometheus_query *query, const char *job,
                                    glia_prometheus_target *found, void *self)
{
  struct import m = {.query = query};
  struct glia_buffer body = {0};
  json_t *root = NULL;
  char url[2048];
  glia_status st;

  size_t end = strlen(query->url);
  while (end > 0 && query->url[end - 1] == '/') end--; /* of //api it says 301 */
  GLIA_CHECK(end < sizeof url, GLIA_E_ARGUMENT, "a URL of %zu bytes", end);
  const int n = snprintf(url, sizeof url, "%.*s/api/v1/targets?state=active", (int)end, query->url);
  GLIA_CHECK(n > 0 && (size_t)n < sizeof url, GLIA_E_ARGUMENT, "a URL of %d bytes", n);
  GLIA_CHECK_TO(done, st,
                curl_global_init(CURL_GLOBAL_DEFAULT) == 0 && (m.easy = curl_easy_init()) != NULL,
                GLIA_E_MEMORY, "libcurl does not start");
  GLIA_TRY_TO(done, st, fetch(&m, url, &body));
  root = json_loadb(body.text != NULL ? body.text : "", body.n, 0, NULL);
  GLIA_CHECK_TO(done, st, root != NULL, GLIA_E_DATA, "%s: its answer is not JSON", query->url);
  st = name_targets(root, query, job, found, self);

done:
  json_decref(root);
  glia_buffer_free(&body);
  free_import(&m);
  return st;
}
