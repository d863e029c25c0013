/* Alarms of the collector: rows go to the watch, what it says goes to those who are told and to whoever asks. See collect_priv.h. */
#include "collect_priv.h"

#include "glia_log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double compare_s = 1.0;
static const double finish_s = 5.0; /* for what waits when the collector ends */
enum { WAITING_MOST = 64 << 20 };   /* bytes of rows that wait for their scores */

static int64_t now_ns(void)
{
  struct timespec t;

  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* On the scoring thread, or whoever holds the watch. */
static void tell(void *self, const struct glia_watch_alarm *a)
{
  struct glia_collect *c = self;

  if (a->active) c->alarms++;
  glia_log(GLIA_LOG_WARN, "watch", a->active ? "alarm" : "clear", "node=%s kind=%s text=\"%s\"",
           a->node, glia_watch_kind_name(a->kind), a->text);
  if (c->notify != NULL) glia_notify_alarm(c->notify, a);
}

glia_status glia_collect_watch_open_(struct glia_collect *c)
{
  const struct glia_notify_options *o = &c->options.notify;

  struct glia_watch *watch;

  if (!c->options.watch) return GLIA_OK;
  if (o->alertmanager != NULL || o->command != NULL) GLIA_TRY(glia_notify_start(o, &c->notify));
  GLIA_TRY(glia_watch_open(c->options.models, &watch));
  glia_watch_tell(watch, tell, c);
  return glia_scoring_start_(watch, WAITING_MOST, &c->scoring);
}

void glia_collect_watch_close_(struct glia_collect *c)
{
  glia_scoring_stop_(&c->scoring); /* before those are gone whom it tells */
  glia_notify_stop(&c->notify);
}

bool glia_collect_watch_hold_(struct glia_collect *c)
{
  if (c->scoring != NULL) c->watch = glia_scoring_hold_(c->scoring);
  return c->watch != NULL;
}

void glia_collect_watch_release_(struct glia_collect *c)
{
  c->watch = NULL;
  if (c->scoring != NULL) glia_scoring_release_(c->scoring);
}

glia_status glia_collect_watch_node_(struct glia_collect *c, struct glia_target *t)
{
  if (!glia_collect_watch_hold_(c)) return GLIA_OK;
  const glia_status st = glia_watch_node(c->watch, t->name, &t->watched);
  glia_collect_watch_release_(c);
  return st;
}

glia_status glia_collect_watch_columns_(struct glia_collect *c, struct glia_target *t)
{
  const int n = (int)t->n_mapped;

  if (c->scoring == NULL) return GLIA_OK;
  const char **name = calloc((size_t)n + 1, sizeof *name);
  GLIA_CHECK(name != NULL, GLIA_E_MEMORY, "%d columns", n);
  for (int i = 0; i < n; i++) name[i] = glia_intake_name(t->intake, i);
  glia_collect_watch_hold_(c);
  const glia_status st = glia_watch_columns(c->watch, t->watched, n, name);
  glia_collect_watch_release_(c);
  free(name);
  return st;
}

void glia_collect_watch_row_(struct glia_collect *c, struct glia_target *t, int64_t time_ns)
{
  if (c->scoring == NULL) return;
  if (time_ns >= t->ours_from_ns && time_ns < t->ours_until_ns)
    c->ours++;
  else if (!glia_scoring_row_(c->scoring, t->watched, time_ns, t->n_mapped, t->value))
    c->unscored++;
}

bool glia_collect_watch_full_(struct glia_collect *c)
{
  return c->scoring != NULL && glia_scoring_full_(c->scoring);
}

void glia_collect_watch_tick_(struct glia_collect *c)
{
  const double now_s = glia_time_s();

  if (now_s - c->compared_s < compare_s || !glia_collect_watch_hold_(c)) return;
  c->compared_s = now_s;
  glia_watch_compare(c->watch, now_ns());
  for (int64_t i = 0; i < c->n; i++)
    glia_watch_silent(c->watch, c->target[i]->watched, glia_target_silent_(c, c->target[i]),
                      now_ns());
  glia_collect_watch_release_(c);
}

void glia_collect_watch_facts_(struct glia_collect *c, struct glia_collect_result *r)
{
  struct glia_watch_state s;

  r->watched = r->scored = 0;
  if (c->scoring == NULL) return;
  c->unscored += glia_scoring_wait_(c->scoring, finish_s);
  if (c->unscored > 0)
    glia_log(GLIA_LOG_WARN, "watch", "unscored", "rows=%lld reason=\"no time or no memory\"",
             (long long)c->unscored);
  glia_collect_watch_hold_(c);
  for (int64_t i = 0; i < c->n; i++) {
    glia_watch_state(c->watch, c->target[i]->watched, &s);
    r->watched += s.watched;
    r->scored += s.scored;
  }
  glia_collect_watch_release_(c);
  r->alarms = c->alarms;
}

/* ---- what is said */

void glia_collect_add_watch_(struct glia_collect *c, struct glia_target *t, struct glia_buffer *b)
{
  struct glia_watch_state s;

  if (c->watch == NULL) return;
  glia_watch_state(c->watch, t->watched, &s);
  glia_buffer_print(b, ",\"watched\":%s,\"unwatched_reason\":", s.watched ? "true" : "false");
  glia_json_add_text_(b, s.reason);
  glia_buffer_print(b, ",\"score\":");
  glia_json_add_number_(b, s.score);
  glia_buffer_print(b, ",\"threshold\":");
  glia_json_add_number_(b, s.threshold);
  glia_buffer_print(b, ",\"peer_score\":");
  glia_json_add_number_(b, s.peer_score);
  glia_buffer_print(
      b, ",\"peers\":%lld,\"unknown_metrics\":%lld,\"stolen_rows\":%lld,\"trained_until_ns\":%lld",
      (long long)s.peers, (long long)s.unknown_metrics, (long long)s.stolen,
      (long long)s.trained_until_ns);
  glia_buffer_print(b, ",\"alarms\":[");
  bool first = true;
  for (int k = 0; k < GLIA_WATCH_KINDS; k++) {
    if (!s.active[k]) continue;
    glia_buffer_print(b, "%s\"%s\"", first ? "" : ",", glia_watch_kind_name((glia_watch_kind)k));
    first = false;
  }
  glia_buffer_print(b, "]");
}

struct list {
  struct glia_buffer *b;
  bool first;
};

static void add_alarm(void *self, const struct glia_watch_alarm *a)
{
  struct list *l = self;
  struct glia_buffer *b = l->b;

  glia_buffer_print(b, "%s{\"node\":", l->first ? "" : ",");
  l->first = false;
  glia_json_add_text_(b, a->node);
  glia_buffer_print(b, ",\"kind\":\"%s\",\"start_ns\":%lld,\"job\":%lld,\"score\":",
                    glia_watch_kind_name(a->kind), (long long)a->start_ns, (long long)a->job);
  glia_json_add_number_(b, a->score);
  glia_buffer_print(b, ",\"threshold\":");
  glia_json_add_number_(b, a->threshold);
  glia_buffer_print(b, ",\"text\":");
  glia_json_add_text_(b, a->text);
  glia_buffer_print(b, "}");
}

void glia_collect_add_alarms_(struct glia_collect *c, struct glia_buffer *b)
{
  struct list l = {b, true};

  glia_buffer_print(b, "{\"alarms\":[");
  if (c->watch != NULL) glia_watch_active(c->watch, add_alarm, &l);
  glia_buffer_print(b, "]}\n");
}

/* One gauge of every node for which it is a number. */
static void add_gauge(struct glia_collect *c, struct glia_buffer *b, const char *name,
                      const char *help, double (*value)(const struct glia_watch_state *s))
{
  struct glia_watch_state s;

  glia_metric_head_(b, name, "gauge", help);
  for (int64_t i = 0; i < c->n; i++) {
    glia_watch_state(c->watch, c->target[i]->watched, &s);
    const double v = value(&s);
    if (isnan(v)) continue;
    glia_metric_node_(b, name, c->target[i]->name);
    glia_buffer_print(b, "} ");
    glia_buffer_number(b, v);
    glia_buffer_add(b, "\n", 1);
  }
}

static double watched(const struct glia_watch_state *s) { return s->watched ? 1.0 : 0.0; }
static double score(const struct glia_watch_state *s) { return s->score; }
static double threshold(const struct glia_watch_state *s) { return s->threshold; }
static double peer_score(const struct glia_watch_state *s) { return s->peer_score; }
static double age(const struct glia_watch_state *s)
{
  return s->trained_until_ns > 0 ? 1e-9 * (double)(now_ns() - s->trained_until_ns) : (double)NAN;
}

void glia_collect_add_watch_metrics_(struct glia_collect *c, struct glia_buffer *b)
{
  struct glia_notify_facts f = {0};
  struct glia_watch_state s;

  if (c->watch == NULL) return;
  add_gauge(c, b, "glia_detect_node_watched", "1 where a model fits what the node sends", watched);
  add_gauge(c, b, "glia_detect_score", "How far the node is from what its model expects", score);
  add_gauge(c, b, "glia_detect_threshold", "Score above which the node is abnormal", threshold);
  add_gauge(c, b, "glia_detect_peer_score", "How far the node is from the others of its job",
            peer_score);
  add_gauge(c, b, "glia_detect_model_age_seconds", "Time since the model's last training row", age);
  glia_metric_head_(b, "glia_detect_alarm_active", "gauge", "1 while an alarm is on");
  for (int64_t i = 0; i < c->n; i++) {
    glia_watch_state(c->watch, c->target[i]->watched, &s);
    for (int k = 0; k < GLIA_WATCH_KINDS; k++) {
      glia_metric_node_(b, "glia_detect_alarm_active", c->target[i]->name);
      glia_buffer_print(b, ",kind=\"%s\"} %d\n", glia_watch_kind_name((glia_watch_kind)k),
                        s.active[k]);
    }
  }
  int64_t scored = 0, stolen = 0;
  for (int64_t i = 0; i < c->n; i++) {
    glia_watch_state(c->watch, c->target[i]->watched, &s);
    scored += s.scored;
    stolen += s.stolen;
  }
  glia_metric_head_(b, "glia_detect_scored_rows_total", "counter", "Rows scored by models");
  glia_buffer_print(b, "glia_detect_scored_rows_total %lld\n", (long long)scored);
  glia_metric_head_(
      b, "glia_detect_latency_max_seconds", "gauge",
      "From a sample on its node to its score, worst of the last half to whole minute");
  glia_buffer_print(b, "glia_detect_latency_max_seconds %.6f\n", glia_scoring_late_s_(c->scoring));
  glia_metric_head_(b, "glia_detect_waiting_rows", "gauge", "Rows that wait for their scores");
  glia_buffer_print(b, "glia_detect_waiting_rows %lld\n",
                    (long long)glia_scoring_waiting_(c->scoring));
  glia_metric_head_(b, "glia_detect_stolen_rows_total", "counter",
                    "Rows not scored: more than 5 % of their time was stolen");
  glia_buffer_print(b, "glia_detect_stolen_rows_total %lld\n", (long long)stolen);
  glia_metric_head_(b, "glia_detect_own_rows_total", "counter",
                    "Rows not scored: they show how the collector caught up with the node");
  glia_buffer_print(b, "glia_detect_own_rows_total %lld\n", (long long)c->ours);
  glia_metric_head_(b, "glia_detect_alarms_total", "counter", "Alarms raised");
  glia_buffer_print(b, "glia_detect_alarms_total %lld\n", (long long)c->alarms);
  if (c->notify == NULL) return;
  glia_notify_facts(c->notify, &f);
  glia_metric_head_(b, "glia_notify_sent_total", "counter", "Deliveries of alarms");
  glia_buffer_print(b, "glia_notify_sent_total %lld\n", (long long)f.sent);
  glia_metric_head_(b, "glia_notify_failed_total", "counter", "Deliveries that failed");
  glia_buffer_print(b, "glia_notify_failed_total %lld\n", (long long)(f.failed + f.dropped));
}
