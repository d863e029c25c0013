/* What the collector serves: /metrics about itself, and JSON about the nodes (docs/formats/store.md). */
#include "collect_priv.h"

#include "glia_log.h"
#include "glia_scrape.h"
#include "glia_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void glia_json_add_text_(struct glia_buffer *b, const char *text)
{
  glia_buffer_add(b, "\"", 1);
  while (*text != '\0') {
    const unsigned char c = (unsigned char)*text;
    const size_t n = glia_text_character(text);
    if (c == '"' || c == '\\')
      glia_buffer_print(b, "\\%c", c);
    else if (n > 0)
      glia_buffer_add(b, text, n);
    else
      glia_buffer_print(b, "\\u%04x", c < 0x80 ? c : 0xfffdu); /* a byte of no character */
    text += n > 0 ? n : 1;
  }
  glia_buffer_add(b, "\"", 1);
}

void glia_json_add_number_(struct glia_buffer *b, double v)
{
  if (isfinite(v))
    glia_buffer_number(b, v);
  else
    glia_buffer_add(b, "null", 4);
}

static void add_node(struct glia_collect *c, struct glia_target *t, struct glia_buffer *b)
{
  const double age_s = t->seen_s > 0.0 ? glia_time_s() - t->seen_s : (double)NAN;

  glia_buffer_print(b, "{\"name\":");
  glia_json_add_text_(b, t->name);
  glia_buffer_print(b, ",\"url\":");
  glia_json_add_text_(b, t->url);
  glia_buffer_print(b, ",\"kind\":\"%s\",\"state\":\"%s\",\"age_s\":",
                    t->kind == GLIA_TARGET_AGENT ? "agent" : "exporter", glia_target_state_(c, t));
  glia_json_add_number_(b, age_s);
  glia_buffer_print(b, ",\"skew_s\":");
  glia_json_add_number_(b, t->skew_s);
  glia_buffer_print(b,
                    ",\"last_ns\":%lld,\"rows\":%lld,\"metrics\":%lld,\"scrapes\":%lld,"
                    "\"failures\":%lld,\"late\":%lld,\"restarts\":%lld,\"lost_rows\":%lld,"
                    "\"malformed_lines\":%lld,\"problem\":",
                    (long long)t->last_ns, (long long)t->rows,
                    (long long)glia_intake_columns(t->intake), (long long)t->scrapes,
                    (long long)t->failures, (long long)t->late, (long long)t->restarts,
                    (long long)t->lost_rows, (long long)t->malformed);
  glia_json_add_text_(b, t->problem);
  glia_collect_add_watch_(c, t, b);
  glia_buffer_print(b, "}");
}

static void answer_nodes(struct glia_collect *c)
{
  struct glia_buffer *b = &c->answer;

  glia_buffer_print(b, "{\"period_s\":%g,\"nodes\":[", c->options.period_s);
  for (int64_t i = 0; i < c->n; i++) {
    if (i > 0) glia_buffer_add(b, ",", 1);
    add_node(c, c->target[i], b);
  }
  glia_buffer_print(b, "]}\n");
}

static const struct glia_target *find(const struct glia_collect *c, const char *name)
{
  for (int64_t i = 0; name != NULL && i < c->n; i++)
    if (strcmp(c->target[i]->name, name) == 0) return c->target[i];
  return NULL;
}

/* /api/v1/metrics?node=NAME: its columns. */
static void answer_columns(struct glia_collect *c, const struct glia_target *t)
{
  struct glia_buffer *b = &c->answer;

  const char *comma = "";

  glia_buffer_print(b, "{\"metrics\":[");
  for (int64_t i = 0; i < glia_intake_columns(t->intake); i++) {
    if (i < t->n_mapped && t->column[i] == GLIA_TARGET_ASK_AGAIN) continue;
    glia_buffer_print(b, "%s{\"name\":", comma);
    comma = ",";
    glia_json_add_text_(b, glia_intake_name(t->intake, i));
    glia_buffer_print(b, ",\"unit\":");
    glia_json_add_text_(b, glia_intake_unit(t->intake, i));
    glia_buffer_print(b, "}");
  }
  glia_buffer_print(b, "]}\n");
}

/* Numbers of jobs are in two columns: *rest [n] is the other one's, NULL where the metric has none. */
static void find_rest(struct glia_collect *c, const struct glia_target *t, const char *metric,
                      int64_t since_ns, float **rest)
{
  char name[GLIA_SCRAPE_NAME_BYTES];
  int64_t n, *time = NULL;

  *rest = NULL;
  if (strncmp(metric, GLIA_INTAKE_JOB, strlen(GLIA_INTAKE_JOB)) != 0) return;
  snprintf(name, sizeof name, "%.*s," GLIA_INTAKE_REST "}", (int)strlen(metric) - 1, metric);
  if (glia_store_series(c->store, t->node, name, since_ns, &n, &time, rest) != GLIA_OK)
    glia_trace_clear();
  free(time);
}

static void add_series(struct glia_buffer *b, int64_t n, const int64_t *time, const float *value,
                       const float *rest)
{
  glia_buffer_print(b, "{\"time_ns\":[");
  for (int64_t i = 0; i < n; i++)
    glia_buffer_print(b, "%s%lld", i > 0 ? "," : "", (long long)time[i]);
  glia_buffer_print(b, "],\"value\":[");
  for (int64_t i = 0; i < n; i++) {
    if (i > 0) glia_buffer_add(b, ",", 1);
    glia_json_add_number_(b, (double)value[i] +
                                 (rest != NULL && !isnan(rest[i]) ? (double)rest[i] : 0.0));
  }
  glia_buffer_print(b, "]}\n");
}

/* Whether a metric is among those that /api/v1/metrics lists, though the store may have forgotten it while the node was silent. */
static bool listed(const struct glia_target *t, const char *metric)
{
  for (int64_t i = 0; metric != NULL && i < glia_intake_columns(t->intake); i++)
    if (strcmp(glia_intake_name(t->intake, i), metric) == 0)
      return i >= t->n_mapped || t->column[i] != GLIA_TARGET_ASK_AGAIN;
  return false;
}

/* /api/v1/series?node=NAME&metric=NAME[&since=NS]: what the current segment has. */
static void answer_series(struct glia_collect *c, const struct glia_target *t,
                          const struct glia_request *request, struct glia_answer *out)
{
  const char *metric = glia_request_argument(request, "metric");
  const char *since = glia_request_argument(request, "since");
  const int64_t since_ns = since != NULL ? strtoll(since, NULL, 10) : 0;
  int64_t n = 0, *time = NULL;
  float *value = NULL, *rest = NULL;

  glia_status st = GLIA_E_MISSING;
  if (metric != NULL)
    st = glia_store_series(c->store, t->node, metric, since_ns, &n, &time, &value);
  if (st != GLIA_OK) glia_trace_clear();
  if (st == GLIA_E_MISSING && listed(t, metric)) st = GLIA_OK; /* of which there is nothing now */
  if (st != GLIA_OK) {
    out->status = 404;
    glia_buffer_print(&c->answer, "{\"error\":\"no such metric\"}\n");
  } else {
    find_rest(c, t, metric, since_ns, &rest);
    add_series(&c->answer, n, time, value, rest);
  }
  free(time);
  free(value);
  free(rest);
}

/* ---- /metrics */

void glia_metric_head_(struct glia_buffer *b, const char *name, const char *type, const char *help)
{
  glia_buffer_print(b, "# HELP %s %s.\n# TYPE %s %s\n", name, help, name, type);
}

void glia_metric_node_(struct glia_buffer *b, const char *name, const char *node)
{
  glia_buffer_print(b, "%s{node=\"", name);
  for (const char *p = node; *p != '\0'; p++)
    if (*p == '\n')
      glia_buffer_add(b, "\\n", 2);
    else
      glia_buffer_print(b, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
  glia_buffer_add(b, "\"", 1);
}

static void one(struct glia_buffer *b, const char *name, const char *type, const char *help,
                double v)
{
  glia_metric_head_(b, name, type, help);
  glia_buffer_print(b, "%s ", name);
  glia_buffer_number(b, v);
  glia_buffer_add(b, "\n", 1);
}

static void answer_states(struct glia_collect *c)
{
  static const char *const state[] = {"up", "late", "lost", "never"};
  int64_t count[GLIA_COUNT(state)] = {0};
  struct glia_buffer *b = &c->answer;

  glia_metric_head_(b, "glia_collect_node_up", "gauge", "1 while rows of the node arrive in time");
  for (int64_t i = 0; i < c->n; i++) {
    const struct glia_target *t = c->target[i];
    const char *now = glia_target_state_(c, t);
    for (size_t k = 0; k < GLIA_COUNT(state); k++) count[k] += strcmp(now, state[k]) == 0;
    glia_metric_node_(b, "glia_collect_node_up", t->name);
    glia_buffer_print(b, "} %d\n", strcmp(now, "up") == 0);
  }
  glia_metric_head_(b, "glia_collect_node_clock_skew_seconds", "gauge",
                    "Clock of the node less ours");
  for (int64_t i = 0; i < c->n; i++) {
    glia_metric_node_(b, "glia_collect_node_clock_skew_seconds", c->target[i]->name);
    glia_buffer_print(b, "} ");
    glia_buffer_number(b, c->target[i]->skew_s);
    glia_buffer_add(b, "\n", 1);
  }
  glia_metric_head_(b, "glia_collect_nodes", "gauge", "Nodes by state");
  for (size_t k = 0; k < GLIA_COUNT(state); k++)
    glia_buffer_print(b, "glia_collect_nodes{state=\"%s\"} %lld\n", state[k], (long long)count[k]);
}

static void answer_metrics(struct glia_collect *c)
{
  struct glia_buffer *b = &c->answer;
  const struct glia_collect_result *r = &c->result;
  struct glia_store_facts f;

  glia_store_facts(c->store, &f);
  answer_states(c);
  one(b, "glia_collect_scrapes_total", "counter", "Scrapes that ended", (double)r->scrapes);
  one(b, "glia_collect_failures_total", "counter", "Scrapes that failed", (double)r->failures);
  one(b, "glia_collect_late_total", "counter", "Scrapes that began after their time",
      (double)r->late);
  one(b, "glia_collect_rows_total", "counter", "Rows taken", (double)r->rows);
  one(b, "glia_collect_gap_rows_total", "counter", "Rows that came behind another one",
      (double)r->gap_rows);
  one(b, "glia_collect_lost_rows_total", "counter", "Rows that an agent had no longer",
      (double)r->lost_rows);
  one(b, "glia_collect_restarts_total", "counter", "Restarts of agents", (double)r->restarts);
  one(b, "glia_collect_synced_rows_total", "counter", "Rows on the disk", (double)f.rows_synced);
  one(b, "glia_collect_dropped_rows_total", "counter", "Rows not later than the one before",
      (double)f.dropped);
  one(b, "glia_collect_journal_bytes_total", "counter", "Bytes written to journals",
      (double)f.journal_bytes);
  one(b, "glia_collect_files_total", "counter", "Files made of segments", (double)f.sealed);
  one(b, "glia_collect_latency_max_seconds", "gauge",
      "From a sample on its node to the disk, worst of the last half to whole minute",
      f.latency_worst_s);
  glia_metric_head_(b, "glia_collect_latency_seconds", "summary",
                    "From a sample on its node to the disk");
  glia_buffer_print(
      b, "glia_collect_latency_seconds_sum %.6f\nglia_collect_latency_seconds_count %lld\n",
      f.latency_sum_s, (long long)f.rows_synced);
  glia_collect_add_watch_metrics_(c, b);
}

void glia_collect_answer_(void *self, const struct glia_request *request, struct glia_answer *out)
{
  static const char index[] = "/metrics\n/api/v1/nodes\n/api/v1/alarms\n/api/v1/metrics?node=\n"
                              "/api/v1/series?node=&metric=&since=\n";
  struct glia_collect *c = self;
  const struct glia_target *t = NULL;

  pthread_mutex_lock(&c->mutex);
  glia_collect_watch_hold_(c);
  c->answer.n = 0;
  c->answer.failed = false;
  out->type = "application/json";
  if (strncmp(request->path, "/api/v1/", 8) == 0)
    t = find(c, glia_request_argument(request, "node"));
  if (strcmp(request->path, "/metrics") == 0) {
    out->type = glia_exposition_type(GLIA_EXPOSITION_PROMETHEUS);
    answer_metrics(c);
  } else if (strcmp(request->path, "/api/v1/nodes") == 0) {
    answer_nodes(c);
  } else if (strcmp(request->path, "/api/v1/alarms") == 0) {
    glia_collect_add_alarms_(c, &c->answer);
  } else if (t != NULL && strcmp(request->path, "/api/v1/metrics") == 0) {
    answer_columns(c, t);
  } else if (t != NULL && strcmp(request->path, "/api/v1/series") == 0) {
    answer_series(c, t, request, out);
  } else {
    out->type = NULL;
    if (strcmp(request->path, "/") != 0) out->status = 404;
    glia_buffer_add(&c->answer, index, sizeof index - 1);
  }
  if (c->answer.failed) out->status = 503;
  out->body = c->answer.text;
  out->size_bytes = c->answer.n;
  glia_collect_watch_release_(c);
  pthread_mutex_unlock(&c->mutex);
}
