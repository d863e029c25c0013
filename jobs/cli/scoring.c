/* Telemetry scored by models: see detect.h. */
#include "detect.h"

#include "glia_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct glia_detector *find(const struct scoring *s, const char *name)
{
  struct glia_detector_info info;

  for (int i = 0; i < s->n_detectors; i++) {
    glia_detector_info(s->detector[i], &info);
    if (strcmp(info.node, name) == 0) return s->detector[i];
  }
  return NULL;
}

json_t *unwatched_json(int n, const struct unwatched *u)
{
  json_t *list = json_array();

  for (int i = 0; i < n; i++)
    json_array_append_new(list, json_pack("{s:o, s:o}", "name", glia_json_text(u[i].name), "reason",
                                          glia_json_text(u[i].reason)));
  return list;
}

void unwatched_tell(const struct glia_args *args, int n, const struct unwatched *u)
{
  for (int i = 0; i < n; i++) glia_cli_print(args, "%s: unwatched: %s\n", u[i].name, u[i].reason);
}

static glia_status check_times(const char *path, const struct glia_telemetry_node *node)
{
  int64_t first = -1, more = -1;
  char before[48], at[48];

  for (int64_t i = 1; i < node->n; i++) {
    if (node->time_ns[i] > node->time_ns[i - 1]) continue;
    if (first < 0) first = i;
    more++;
  }
  if (first < 0) return GLIA_OK;
  return GLIA_FAIL(GLIA_E_DATA,
                   "%s: node %s: times must rise, but row %lld is of %s (%lld ns) and row %lld, "
                   "before it, of %s (%lld ns); so it is with %lld more rows",
                   path, node->name, (long long)first,
                   utc_text(node->time_ns[first], at, sizeof at), (long long)node->time_ns[first],
                   (long long)(first - 1),
                   utc_text(node->time_ns[first - 1], before, sizeof before),
                   (long long)node->time_ns[first - 1], (long long)more);
}

glia_status detect_read_node(struct glia_telemetry *file, const char *path, const char *name,
                             struct glia_telemetry_node *out)
{
  GLIA_TRY(glia_telemetry_read_node(file, name, out));
  const glia_status st = check_times(path, out);
  if (st != GLIA_OK) glia_telemetry_node_free(out);
  return st;
}

static void leave_out(struct scoring *s, const char *name, const char *event, const char *reason)
{
  struct unwatched *u = &s->left[s->n_left++];

  u->name = name;
  snprintf(u->reason, sizeof u->reason, "%s", reason);
  glia_log(GLIA_LOG_WARN, "detect", event, "node=%s reason=\"%s\"", name, u->reason);
}

void scoring_leave_out(struct scoring *s, int i, const char *reason)
{
  struct scored *node = &s->scored[i];
  const char *name = node->node.name;
  char *const *all;
  const int n = glia_telemetry_nodes(s->file, &all);

  for (int k = 0; k < n; k++)
    if (strcmp(all[k], name) == 0) name = all[k]; /* which stays */
  leave_out(s, name, "unwatched", reason);
  glia_detect_result_free(&node->result);
  glia_telemetry_node_free(&node->node);
  memmove(node, node + 1, (size_t)(--s->n - i) * sizeof *node);
}

static glia_status score_node(struct scoring *s, const char *path, const char *name)
{
  struct scored *node = &s->scored[s->n];

  node->detector = find(s, name);
  if (node->detector == NULL) {
    char reason[REASON_BYTES] = "it has no model";
    for (int i = 0; i < s->n_reasons; i++)
      if (strcmp(s->reason[i].node, name) == 0)
        snprintf(reason, sizeof reason, "it has no model; when models were trained: %s",
                 s->reason[i].reason);
    leave_out(s, name, "no-model", reason);
    return GLIA_OK;
  }
  GLIA_TRY(detect_read_node(s->file, path, name, &node->node));
  s->n++; /* from here on scoring_close frees it */
  const glia_status st = glia_detector_score(node->detector, &node->node, &node->result);
  if (st != GLIA_E_DATA) return st;
  scoring_leave_out(s, s->n - 1, glia_trace_message());
  glia_trace_clear();
  return GLIA_OK;
}

/* Of nodes all of which were left out: what their models said, if any has one. */
static glia_status nobody(const struct scoring *s, const char *telemetry, const char *models)
{
  for (int i = 0; i < s->n_left; i++)
    if (find(s, s->left[i].name) != NULL) return GLIA_FAIL(GLIA_E_DATA, "%s", s->left[i].reason);
  return GLIA_FAIL(GLIA_E_MISSING, "%s has no model for any of the %d nodes of %s", models,
                   s->n_left, telemetry);
}

glia_status scoring_open(struct scoring *s, const char *telemetry, const char *models)
{
  char *const *name;

  *s = (struct scoring){0};
  GLIA_TRY(glia_detectors_read(models, &s->n_detectors, &s->detector));
  GLIA_TRY(glia_detectors_read_left(models, &s->n_reasons, &s->reason));
  GLIA_TRY(glia_telemetry_open(telemetry, &s->file));
  const int n = glia_telemetry_nodes(s->file, &name);
  s->scored = calloc((size_t)n + 1, sizeof *s->scored);
  s->left = calloc((size_t)n + 1, sizeof *s->left);
  GLIA_CHECK(s->scored != NULL && s->left != NULL, GLIA_E_MEMORY, "%d nodes", n);
  for (int i = 0; i < n; i++) GLIA_TRY(score_node(s, telemetry, name[i]));
  return s->n > 0 ? GLIA_OK : nobody(s, telemetry, models);
}

void scoring_close(struct scoring *s)
{
  for (int i = 0; i < s->n; i++) {
    glia_detect_result_free(&s->scored[i].result);
    glia_telemetry_node_free(&s->scored[i].node);
  }
  free(s->scored);
  free(s->left);
  glia_detect_left_free(s->n_reasons, &s->reason);
  glia_detectors_free(s->n_detectors, &s->detector);
  glia_telemetry_close(&s->file);
}

/* Is text "NAME word"? Then its name. */
static bool named(const char *text, const char *word, char name[64])
{
  const size_t n = strlen(text);
  const size_t end = strlen(word);

  if (n <= end + 1 || text[n - end - 1] != ' ' || strcmp(text + n - end, word) != 0) return false;
  snprintf(name, 64, "%.*s", (int)(n - end - 1), text);
  return true;
}

glia_status scoring_spans(const struct scoring *s, const struct scored *node, int *n,
                          struct span **out)
{
  const struct glia_telemetry_event *event;
  const int64_t events = glia_telemetry_events(s->file, &event);
  struct span *span = calloc((size_t)events + 1, sizeof *span);

  *n = 0;
  *out = span;
  GLIA_CHECK(span != NULL, GLIA_E_MEMORY, "%lld events", (long long)events);
  for (int64_t i = 0; i < events; i++) {
    char name[64];
    if (event[i].node[0] != '\0' && strcmp(event[i].node, node->node.name) != 0) continue;
    if (named(event[i].text, "start", name)) {
      span[*n] = (struct span){.start_ns = event[i].time_ns, .stop_ns = INT64_MAX};
      memcpy(span[(*n)++].name, name, sizeof name);
    } else if (named(event[i].text, "stop", name)) {
      for (int k = *n - 1; k >= 0; k--)
        if (strcmp(span[k].name, name) == 0 && span[k].stop_ns == INT64_MAX) {
          span[k].stop_ns = event[i].time_ns;
          break;
        }
    }
  }
  return GLIA_OK;
}

double scored_seconds(const struct scored *s, int64_t time_ns)
{
  return s->node.n > 0 ? 1e-9 * (double)(time_ns - s->node.time_ns[0]) : 0.0;
}

int64_t scored_trained(const struct scored *s, int64_t from, int64_t *behind)
{
  const int64_t *time = s->node.time_ns;
  struct glia_detector_info info;
  int64_t rows = 0;

  *behind = from;
  glia_detector_info(s->detector, &info);
  if (info.train_begin_ns >= info.train_end_ns) return 0; /* a model of an older version */
  for (int64_t i = from; i < s->node.n; i++) {
    rows += time[i] >= info.train_begin_ns && time[i] <= info.train_end_ns;
    if (time[i] <= info.train_end_ns) *behind = i + 1;
  }
  return rows;
}

const char *utc_text(int64_t time_ns, char *out, size_t size)
{
  const int64_t tenths = (int64_t)floor((double)time_ns * 1e-8);
  const time_t t = (time_t)(tenths / 10);
  struct tm tm;
  char text[32];

  if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
    snprintf(text, sizeof text, "?");
  snprintf(out, size, "%s.%dZ", text, (int)(tenths % 10));
  return out;
}

/* Cut `end` off the end of text. */
static void cut(char *text, const char *end)
{
  const size_t n = strlen(text);
  const size_t m = strlen(end);

  if (n > m && strcmp(text + n - m, end) == 0) text[n - m] = '\0';
}

const char *metric_text(const char *metric, char *out, size_t size)
{
  snprintf(out, size, "%s", metric);
  cut(out, "_total");
  cut(out, "_seconds");
  cut(out, "_bytes");
  return out;
}

/* "512 MB", "0.93 s/s": with SI prefixes where a number is long. */
static const char *quantity(double v, const char *unit, char *out, size_t size)
{
  static const char *const prefix[] = {"", "k", "M", "G", "T", "P"};
  const bool scales = unit[0] == 'B';
  int p = 0;

  while (scales && fabs(v) >= 1000.0 && p < 5) {
    v /= 1000.0;
    p++;
  }
  const bool plain = strcmp(unit, "1") == 0;
  const bool rate = strcmp(unit, "1/s") == 0;
  snprintf(out, size, "%.3g%s%s%s", v,
           plain  ? ""
           : rate ? "/s"
                  : " ",
           prefix[p], plain || rate ? "" : unit);
  return out;
}

const char *cause_text(const struct glia_detect_cause *c, char *out, size_t size)
{
  char name[128], observed[48], expected[48];

  snprintf(out, size, "%s %s, expected %s", metric_text(c->metric, name, sizeof name),
           quantity(c->observed, c->unit, observed, sizeof observed),
           quantity(c->expected, c->unit, expected, sizeof expected));
  return out;
}

const struct scored *scoring_worst(const struct scoring *s)
{
  const struct scored *worst = &s->scored[0];

  for (int i = 1; i < s->n; i++)
    if (s->scored[i].result.n_alarmed > worst->result.n_alarmed) worst = &s->scored[i];
  return worst;
}
