/* The months of data that a site's Prometheus has; see glia_prometheus.h.  Source: prometheus.io/docs/prometheus/latest/querying/api. */
#include "glia_prometheus.h"

#include "glia_exposition.h"
#include "glia_intake.h"
#include "glia_log.h"
#include "glia_telemetry.h"

#include <curl/curl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Values take ten times the size of their text while that is taken apart. Prometheus gives at most 11,000 points a series. */
enum { VALUES_MAX = 32 << 20, LIST_MAX = 256 << 20, STRETCH = 2000, STEPS_MAX = 4000000 };
enum { NAME_BYTES = 512 };

/* One series of a node: raw values on the grid of steps, NaN where there was none. */
struct series {
  char *name;
  glia_metric_kind kind;
  float *
      value; /* [steps]; counters by their increments, which float32 holds where it cannot hold the counter */
  double last; /* value of a counter so far */
};

/* One node at a time: all that is in memory. */
struct import {
  const struct glia_prometheus_query *query;
  CURL *easy;
  int64_t begin_s, steps;
  int64_t stretch; /* steps of a question */
  const char *node;
  int64_t n, room;
  struct series *series;
  int64_t near; /* series come in the same order again */
};

/* ---- asking */

/* Of a URL without slashes at its end: of //api it says 301. */
static int length_of(const char *url)
{
  size_t n = strlen(url);

  while (n > 0 && url[n - 1] == '/') n--;
  return (int)(n < INT32_MAX ? n : INT32_MAX);
}

struct answer {
  struct glia_buffer text;
  size_t most;
  bool too_much; /* more than `most`, or than the server wants to look at */
};

static size_t on_data(char *data, size_t size, size_t n, void *self)
{
  struct answer *a = self;

  a->too_much = a->text.n + size * n > a->most;
  if (a->too_much) return 0;
  glia_buffer_add(&a->text, data, size * n);
  return a->text.failed ? 0 : size * n;
}

static glia_status fetch(struct import *m, const char *url, struct answer *a)
{
  char header[GLIA_TOKEN_BYTES + 32];
  long status = 0;
  struct curl_slist *headers = NULL;

  a->text.n = 0;
  a->too_much = false;
  if (m->query->token != NULL) {
    snprintf(header, sizeof header, "Authorization: Bearer %s", m->query->token);
    headers = curl_slist_append(NULL, header);
  }
  curl_easy_reset(m->easy);
  curl_easy_setopt(m->easy, CURLOPT_URL, url);
  curl_easy_setopt(m->easy, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(m->easy, CURLOPT_WRITEDATA, a);
  curl_easy_setopt(m->easy, CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(m->easy, CURLOPT_CONNECTTIMEOUT, 5L);
  curl_easy_setopt(m->easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(m->easy, CURLOPT_HTTPHEADER, headers);
  const CURLcode code = curl_easy_perform(m->easy);
  curl_slist_free_all(headers);
  curl_easy_getinfo(m->easy, CURLINFO_RESPONSE_CODE, &status);
  GLIA_CHECK(!a->too_much, GLIA_E_DATA, "%s: an answer of more than %zu MiB", m->query->url,
             a->most >> 20);
  GLIA_CHECK(code == CURLE_OK, GLIA_E_IO, "%s: %s", m->query->url, curl_easy_strerror(code));
  /* With 400 and 422 it says in JSON what is wrong with the question. */
  GLIA_CHECK(status == 200 || status == 400 || status == 422, GLIA_E_IO, "%s: HTTP status %ld",
             m->query->url, status);
  return GLIA_OK;
}

/* Its `data`, or what it complains of. *root is the caller's to free, also on failure. */
static glia_status parse(const struct import *m, struct answer *a, json_t **root, json_t **data)
{
  json_error_t why;

  *root = json_loadb(a->text.text != NULL ? a->text.text : "", a->text.n, 0, &why);
  GLIA_CHECK(*root != NULL, GLIA_E_DATA, "%s: the answer is no JSON: %s", m->query->url, why.text);
  const char *error = json_string_value(json_object_get(*root, "error"));
  /* --query.max-samples of the server */
  a->too_much = error != NULL && strstr(error, "too many samples") != NULL;
  GLIA_CHECK(error == NULL, GLIA_E_DATA, "%s: %.200s", m->query->url, error);
  *data = json_object_get(*root, "data");
  GLIA_CHECK(*data != NULL, GLIA_E_DATA, "%s: no Prometheus answers so", m->query->url);
  return GLIA_OK;
}

static glia_status add_escaped(struct import *m, struct glia_buffer *url, const char *text,
                               size_t n)
{
  char *out = n > 0 ? curl_easy_escape(m->easy, text, (int)n) : NULL;

  GLIA_CHECK(n == 0 || out != NULL, GLIA_E_MEMORY, "no memory");
  if (out != NULL) glia_buffer_add(url, out, strlen(out));
  curl_free(out);
  return GLIA_OK;
}

/* The selector, of one node alone: `{a="b"}` becomes `{instance="NODE",a="b"}`, `up` becomes `up{instance="NODE"}`. */
static glia_status add_selector(struct import *m, struct glia_buffer *url)
{
  const char *match = m->query->match;
  const size_t name = strcspn(match, "{");
  struct glia_buffer text = {0};
  glia_status st = GLIA_OK;

  glia_buffer_add(&text, match, name);
  glia_buffer_print(&text, "{instance=\"");
  for (const char *c = m->node; *c != '\0'; c++)
    glia_buffer_print(&text, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
  glia_buffer_print(&text, match[name] == '{' ? "\",%s" : "\"}%s",
                    match + name + (match[name] == '{'));
  if (text.failed) st = GLIA_FAIL(GLIA_E_MEMORY, "no memory");
  if (st == GLIA_OK) st = add_escaped(m, url, text.text, text.n);
  glia_buffer_free(&text);
  return st;
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

static glia_status find_series(struct import *m, const char *name, struct series **out)
{
  for (int64_t i = 0; i < m->n; i++) {
    const int64_t at = (m->near + i) % m->n;
    if (strcmp(m->series[at].name, name) != 0) continue;
    m->near = at + 1;
    return *out = &m->series[at], GLIA_OK;
  }
  if (m->n == m->room) {
    const int64_t room = m->room > 0 ? 2 * m->room : 64;
    struct series *more = realloc(m->series, (size_t)room * sizeof *more);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%lld series", (long long)room);
    m->series = more;
    m->room = room;
  }
  struct series *s = &m->series[m->n];
  *s = (struct series){.name = strdup(name), .kind = kind_of(name), .last = 0.0};
  s->value = malloc((size_t)m->steps * sizeof *s->value);
  m->n++; /* from here on it is freed */
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

static glia_status take_answer(struct import *m, struct answer *a)
{
  char name[NAME_BYTES];
  json_t *root = NULL, *data = NULL;
  glia_status st = GLIA_OK;
  size_t i;
  json_t *one;

  GLIA_TRY_TO(done, st, parse(m, a, &root, &data));
  const json_t *result = json_object_get(data, "result");
  GLIA_CHECK_TO(done, st, json_is_array(result), GLIA_E_DATA, "%s: no Prometheus answers so",
                m->query->url);
  json_array_foreach(result, i, one)
  {
    struct series *s = NULL;
    if (!name_of(json_object_get(one, "metric"), name, sizeof name)) continue;
    GLIA_TRY_TO(done, st, find_series(m, name, &s));
    take_values(m, s, json_object_get(one, "values"));
  }

done:
  json_decref(root);
  return st;
}

static glia_status ask_values(struct import *m, int64_t from, int64_t to, struct answer *a)
{
  struct glia_buffer url = {0};
  glia_status st = GLIA_OK;

  glia_buffer_print(&url, "%.*s/api/v1/query_range?start=%.3f&end=%.3f&step=%.3f&query=",
                    length_of(m->query->url), m->query->url,
                    (double)m->begin_s + (double)from * m->query->step_s,
                    (double)m->begin_s + (double)(to - 1) * m->query->step_s, m->query->step_s);
  GLIA_TRY_TO(done, st, add_selector(m, &url));
  GLIA_CHECK_TO(done, st, !url.failed, GLIA_E_MEMORY, "no memory");
  GLIA_TRY_TO(done, st, fetch(m, url.text, a));
  st = take_answer(m, a);
done:
  glia_buffer_free(&url);
  return st;
}

/* All stretches of a node's time: shorter ones from where an answer was too much. */
static glia_status ask_node(struct import *m, struct answer *a, struct glia_progress *progress)
{
  const double before = progress != NULL ? progress->done : 0.0;
  char why[300];

  for (int64_t from = 0; from < m->steps;) {
    const int64_t to = from + m->stretch < m->steps ? from + m->stretch : m->steps;
    const glia_status st = ask_values(m, from, to, a);
    if (st != GLIA_OK && a->too_much) {
      snprintf(why, sizeof why, "%s", glia_trace_message());
      GLIA_CHECK(m->stretch > 1, st, "node %s: too much for a single step, match fewer series: %s",
                 m->node, why);
      glia_trace_clear();
      m->stretch /= 2;
      continue;
    }
    GLIA_TRY(st);
    from = to;
    if (progress != NULL)
      glia_progress_update(progress, before + (double)to / (double)m->steps, m->node);
  }
  return GLIA_OK;
}

/* ---- writing */

static glia_status fill(const struct import *m, struct glia_intake *t, double *raw, float *out)
{
  const int64_t columns = glia_intake_columns(t);

  for (int64_t k = 0; k < m->n; k++) m->series[k].last = 0.0;
  for (int64_t i = 0; i < m->steps; i++) {
    const int64_t at_ns = (int64_t)(1e9 * ((double)m->begin_s + (double)i * m->query->step_s));
    for (int64_t k = 0; k < m->n; k++) {
      struct series *s = &m->series[k];
      raw[k] = (double)s->value[i];
      if (s->kind == GLIA_METRIC_COUNTER && !isnan(raw[k])) raw[k] = s->last += raw[k];
    }
    GLIA_TRY(glia_intake_row(t, at_ns, 0, raw, out + i * columns));
  }
  return GLIA_OK;
}

static glia_status put(const struct import *m, struct glia_telemetry_writer *w,
                       struct glia_intake *t)
{
  const int64_t columns = glia_intake_columns(t);
  const size_t room = (size_t)(columns > m->n ? columns : m->n) + 1;
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
  GLIA_TRY_TO(done, st, fill(m, t, raw, out));
  st = glia_telemetry_put_node(w, m->node[0] != '\0' ? m->node : "none", (int)columns, name, unit,
                               m->steps, time_ns, out);

done:
  free(out);
  free(time_ns);
  free(raw);
  free(unit);
  free(name);
  return st;
}

static glia_status write_node(const struct import *m, struct glia_telemetry_writer *w)
{
  struct glia_intake *t = NULL;
  int64_t at;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_intake_create(&t));
  for (int64_t i = 0; st == GLIA_OK && i < m->n; i++)
    st = glia_intake_series(t, m->series[i].name, strlen(m->series[i].name), "", m->series[i].kind,
                            &at);
  if (st == GLIA_OK) st = put(m, w, t);
  glia_intake_destroy(&t);
  return st;
}

static void forget_series(struct import *m)
{
  for (int64_t k = 0; k < m->n; k++) {
    free(m->series[k].name);
    free(m->series[k].value);
  }
  m->n = m->near = 0;
}

static void free_import(struct import *m)
{
  forget_series(m);
  free(m->series);
  if (m->easy != NULL) curl_easy_cleanup(m->easy);
}

/* The nodes there are: texts of an array, the caller's with *root. */
static glia_status ask_nodes(struct import *m, struct answer *a, json_t **root, json_t **nodes)
{
  struct glia_buffer url = {0};
  glia_status st = GLIA_OK;

  glia_buffer_print(&url, "%.*s/api/v1/label/instance/values?start=%.3f&end=%.3f&match%%5B%%5D=",
                    length_of(m->query->url), m->query->url, (double)m->begin_s,
                    (double)m->begin_s + (double)(m->steps - 1) * m->query->step_s);
  GLIA_TRY_TO(done, st, add_escaped(m, &url, m->query->match, strlen(m->query->match)));
  GLIA_CHECK_TO(done, st, !url.failed, GLIA_E_MEMORY, "no memory");
  GLIA_TRY_TO(done, st, fetch(m, url.text, a));
  GLIA_TRY_TO(done, st, parse(m, a, root, nodes));
  GLIA_CHECK_TO(done, st, json_is_array(*nodes), GLIA_E_DATA, "%s: no Prometheus answers so",
                m->query->url);
done:
  glia_buffer_free(&url);
  return st;
}

/* Node by node, each written before the next is asked for; then what has no `instance`. */
static glia_status import_nodes(struct import *m, struct glia_telemetry_writer *w,
                                struct glia_progress *progress)
{
  struct answer list = {.most = LIST_MAX}, values = {.most = VALUES_MAX};
  json_t *root = NULL, *nodes = NULL;
  int64_t written = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(done, st, ask_nodes(m, &list, &root, &nodes));
  const size_t n = json_array_size(nodes);
  if (progress != NULL) progress->total = (double)n + 1.0;
  for (size_t i = 0; i <= n; i++) {
    m->node = i < n ? json_string_value(json_array_get(nodes, i)) : "";
    if (m->node == NULL) continue;
    if (strchr(m->node, '/') != NULL) { /* what a probe looks at */
      glia_log(GLIA_LOG_WARN, "import", "instance-passed-over",
               "instance=%s why=\"no name of a node\"", m->node);
      continue;
    }
    GLIA_TRY_TO(done, st, ask_node(m, &values, progress));
    if (m->n > 0) GLIA_TRY_TO(done, st, write_node(m, w));
    written += m->n > 0;
    forget_series(m);
  }
  GLIA_CHECK_TO(done, st, written > 0, GLIA_E_DATA, "%s: nothing matches %s", m->query->url,
                m->query->match);
done:
  m->node = NULL;
  json_decref(root);
  glia_buffer_free(&list.text);
  glia_buffer_free(&values.text);
  return st;
}

glia_status glia_prometheus_import(const struct glia_prometheus_query *query, const char *path,
                                   bool force, struct glia_progress *progress)
{
  struct glia_telemetry_writer *w = NULL;
  struct import m = {.query = query, .stretch = STRETCH};
  glia_status st = GLIA_OK;

  GLIA_CHECK(query->step_s >= 1.0 && query->since_s >= query->step_s &&
                 query->since_s / query->step_s < STEPS_MAX,
             GLIA_E_ARGUMENT,
             "%g s in steps of %g s: a step is 1 s or more, and there are at most %d",
             query->since_s, query->step_s, STEPS_MAX);
  m.steps = (int64_t)(query->since_s / query->step_s);
  m.begin_s = (int64_t)time(NULL) - (int64_t)((double)m.steps * query->step_s);
  if (progress != NULL) progress->unit = "nodes";
  GLIA_CHECK_TO(done, st,
                curl_global_init(CURL_GLOBAL_DEFAULT) == 0 && (m.easy = curl_easy_init()) != NULL,
                GLIA_E_MEMORY, "libcurl does not start");
  GLIA_TRY_TO(done, st, glia_telemetry_create(path, force, 0.0, &w));
  GLIA_TRY_TO(done, st, import_nodes(&m, w, progress));
  st = glia_telemetry_commit(&w);

done:
  glia_telemetry_abort(&w);
  free_import(&m);
  return st;
}

/* ---- what it scrapes */

static glia_status name_targets(const json_t *data, const struct glia_prometheus_query *query,
                                const char *job, glia_prometheus_target *found, void *self)
{
  const json_t *list = json_object_get(data, "activeTargets");
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
  struct answer a = {.most = LIST_MAX};
  json_t *root = NULL, *data = NULL;
  char url[2048];
  glia_status st;

  const int n = snprintf(url, sizeof url, "%.*s/api/v1/targets?state=active", length_of(query->url),
                         query->url);
  GLIA_CHECK(n > 0 && (size_t)n < sizeof url, GLIA_E_ARGUMENT, "a URL of %d bytes", n);
  GLIA_CHECK_TO(done, st,
                curl_global_init(CURL_GLOBAL_DEFAULT) == 0 && (m.easy = curl_easy_init()) != NULL,
                GLIA_E_MEMORY, "libcurl does not start");
  GLIA_TRY_TO(done, st, fetch(&m, url, &a));
  GLIA_TRY_TO(done, st, parse(&m, &a, &root, &data));
  st = name_targets(data, query, job, found, self);

done:
  json_decref(root);
  glia_buffer_free(&a.text);
  free_import(&m);
  return st;
}
