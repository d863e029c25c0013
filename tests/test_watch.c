/* Nodes watched live: the same scores as in files, alarms told once, peers. */
#include "collect_priv.h"
#include "detect_node.h"
#include "glia_watch.h"
#include "scratch.h"
#include "tap.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { METRICS = 12, TRAIN = 1500, LATER = 300, FAULT = 200, ROWS = TRAIN + LATER + FAULT };

/* A node with a fault at its end, and its model in a file. */
struct trial {
  struct glia_telemetry_node node;
  bool *loads;
  struct glia_detector *d;
};

static void trial_begin(struct trial *t)
{
  const struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_COMBINED);

  *t = (struct trial){0};
  detect_node_make(&t->node, 3, METRICS, TRAIN + LATER, FAULT, GOVERNOR_POWERSAVE, &t->loads);
  t->node.train_rows = TRAIN;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &t->node, &t->d), GLIA_OK);
}

static void trial_end(struct trial *t)
{
  glia_detector_destroy(&t->d);
  glia_telemetry_node_free(&t->node);
  free(t->loads);
}

static void a_stream_scores_as_a_file_does(void)
{
  struct trial t;
  struct glia_detect_result r;
  struct glia_detect_stream *s;
  int64_t differ = 0, alarmed = 0, raised = 0;
  bool was = false;

  trial_begin(&t);
  CU_ASSERT_EQUAL_FATAL(glia_detector_score(t.d, &t.node, &r), GLIA_OK);
  CU_ASSERT(r.n_alarms >= 1);
  CU_ASSERT_EQUAL_FATAL(
      glia_detect_stream_open(t.d, METRICS, (const char *const *)t.node.metric, &s), GLIA_OK);
  for (int64_t i = 0; i < ROWS; i++) {
    const bool on = glia_detect_stream_push(s, t.node.time_ns[i], t.node.values + i * METRICS);
    differ += (float)glia_detect_stream_score(s) != r.score[i];
    alarmed += on;
    if (on && !was) {
      CU_ASSERT_EQUAL(r.alarm[raised].raised, i);
      CU_ASSERT_EQUAL(glia_detect_stream_alarm(s)->start_ns, r.alarm[raised].start_ns);
      raised++;
    }
    was = on;
  }
  CU_ASSERT_EQUAL(differ, 0);
  CU_ASSERT_EQUAL(raised, r.n_alarms);
  /* the last alarm is still on: all of it is told the same */
  const struct glia_detect_alarm *a = glia_detect_stream_alarm(s);
  const struct glia_detect_alarm *b = &r.alarm[r.n_alarms - 1];
  CU_ASSERT_EQUAL(a->n_causes, b->n_causes);
  for (int i = 0; i < a->n_causes && i < b->n_causes; i++) {
    CU_ASSERT_EQUAL(a->cause[i].column, b->cause[i].column);
    CU_ASSERT(fabs(a->cause[i].share - b->cause[i].share) < 1e-6); /* float32 in the file's way */
  }
  CU_ASSERT_EQUAL(a->peak, b->peak);
  glia_detect_stream_close(&s);
  glia_detect_result_free(&r);
  trial_end(&t);
}

/* What was told. */
struct heard {
  int begun[GLIA_WATCH_KINDS], ended[GLIA_WATCH_KINDS];
  char node[64], text[GLIA_WATCH_TEXT_BYTES];
};

static void hear(void *self, const struct glia_watch_alarm *a)
{
  struct heard *h = self;

  (a->active ? h->begun : h->ended)[a->kind]++;
  snprintf(h->node, sizeof h->node, "%s", a->node);
  snprintf(h->text, sizeof h->text, "%s", a->text);
}

static void an_alarm_is_told_once_and_ends(void)
{
  struct trial t;
  struct heard h = {0};
  struct glia_watch *w;
  struct glia_watch_state state;
  const char *path = scratch("m.h5");
  int node;

  trial_begin(&t);
  CU_ASSERT_EQUAL_FATAL(glia_detectors_write(path, true, 1, &t.d), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_open(path, &w), GLIA_OK);
  glia_watch_tell(w, hear, &h);
  CU_ASSERT_EQUAL_FATAL(glia_watch_node(w, t.node.name, &node), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_columns(w, node, METRICS, (const char *const *)t.node.metric),
                        GLIA_OK);
  for (int64_t i = TRAIN; i < ROWS; i++)
    glia_watch_row(w, node, t.node.time_ns[i], METRICS, t.node.values + i * METRICS);
  CU_ASSERT_EQUAL(h.begun[GLIA_WATCH_MODEL], h.ended[GLIA_WATCH_MODEL] + 1);
  CU_ASSERT(strstr(h.text, "expected") != NULL);
  CU_ASSERT_STRING_EQUAL(h.node, t.node.name);
  glia_watch_state(w, node, &state);
  CU_ASSERT(state.watched && state.active[GLIA_WATCH_MODEL] && state.score > state.threshold);
  /* well again */
  for (int64_t i = 0; i < LATER; i++)
    glia_watch_row(w, node, t.node.time_ns[ROWS - 1] + (i + 1) * 300 * INT64_C(1000000000), METRICS,
                   t.node.values + (TRAIN + i) * METRICS);
  CU_ASSERT_EQUAL(h.begun[GLIA_WATCH_MODEL], h.ended[GLIA_WATCH_MODEL]);
  glia_watch_silent(w, node, true, 5);
  glia_watch_silent(w, node, true, 6);
  CU_ASSERT_EQUAL(h.begun[GLIA_WATCH_SILENT], 1);
  glia_watch_silent(w, node, false, 7);
  CU_ASSERT_EQUAL(h.ended[GLIA_WATCH_SILENT], 1);
  glia_watch_close(&w);
  trial_end(&t);
}

/* What the thread does with rows of a node, beside the same rows one by one. */
struct pair {
  struct trial t;
  struct heard alone, threaded;
  struct glia_watch_state want;
  struct glia_scoring *s;
  int node;
};

enum { FEWER = METRICS - 1, WHOLE = TRAIN + 50, MOST_BYTES = 1000 };

static int64_t width_of(int64_t row) { return row < WHOLE ? FEWER : METRICS; }

static struct glia_watch *pair_watch(struct pair *p, struct heard *h)
{
  const char *path = scratch("m.h5");
  struct glia_watch *w;

  CU_ASSERT_EQUAL_FATAL(glia_detectors_write(path, true, 1, &p->t.d), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_open(path, &w), GLIA_OK);
  glia_watch_tell(w, hear, h);
  CU_ASSERT_EQUAL_FATAL(glia_watch_node(w, p->t.node.name, &p->node), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(
      glia_watch_columns(w, p->node, METRICS, (const char *const *)p->t.node.metric), GLIA_OK);
  return w;
}

static void pair_begin(struct pair *p)
{
  *p = (struct pair){0};
  trial_begin(&p->t);
  struct glia_watch *w = pair_watch(p, &p->alone);
  for (int64_t i = TRAIN; i < ROWS; i++)
    glia_watch_row(w, p->node, p->t.node.time_ns[i], width_of(i), p->t.node.values + i * METRICS);
  glia_watch_state(w, p->node, &p->want);
  glia_watch_close(&w);
  CU_ASSERT_EQUAL_FATAL(glia_scoring_start_(pair_watch(p, &p->threaded), MOST_BYTES, &p->s),
                        GLIA_OK);
}

static void pair_rows(struct pair *p, int64_t from, int64_t to)
{
  for (int64_t i = from; i < to; i++)
    CU_ASSERT(glia_scoring_row_(p->s, p->node, p->t.node.time_ns[i], width_of(i),
                                p->t.node.values + i * METRICS));
}

static int64_t scored_while_held(struct pair *p)
{
  struct glia_watch_state s;

  glia_watch_state(glia_scoring_hold_(p->s), p->node, &s);
  return s.scored;
}

static void pair_end(struct pair *p)
{
  glia_scoring_stop_(&p->s);
  CU_ASSERT_PTR_NULL(p->s);
  trial_end(&p->t);
}

static void a_thread_scores_rows_in_order(void)
{
  struct glia_watch_state got;
  struct pair p;

  pair_begin(&p);
  CU_ASSERT_EQUAL(scored_while_held(&p), 0);
  for (int64_t i = TRAIN; i < WHOLE; i++) { /* 16 + 44 bytes, and what makes that a multiple of 8 */
    CU_ASSERT_EQUAL(glia_scoring_full_(p.s), (i - TRAIN) * 64 > MOST_BYTES);
    pair_rows(&p, i, i + 1);
  }
  CU_ASSERT_EQUAL(glia_scoring_waiting_(p.s), WHOLE - TRAIN);
  CU_ASSERT_EQUAL(glia_scoring_wait_(p.s, 0.0), WHOLE - TRAIN); /* nothing moves */
  glia_scoring_release_(p.s);
  pair_rows(&p, WHOLE, ROWS);
  CU_ASSERT_EQUAL(glia_scoring_wait_(p.s, 60.0), 0);
  CU_ASSERT(!glia_scoring_full_(p.s));
  const double late_s = glia_scoring_late_s_(p.s);
  CU_ASSERT(late_s > 0.0);
  CU_ASSERT_EQUAL(glia_scoring_late_s_(p.s), late_s); /* who asks takes nothing from the next */
  glia_watch_state(glia_scoring_hold_(p.s), p.node, &got);
  glia_scoring_release_(p.s);
  CU_ASSERT_EQUAL(got.scored, ROWS - WHOLE); /* the others lack a column that the model looks at */
  CU_ASSERT_EQUAL(got.scored, p.want.scored);
  CU_ASSERT_EQUAL(got.score, p.want.score);
  CU_ASSERT_EQUAL(memcmp(&p.alone, &p.threaded, sizeof p.alone), 0);
  pair_end(&p);
}

/* Whoever holds the watch has it to himself, though rows wait; and the end does not wait for them. */
static void a_watch_that_is_held_stands_still(void)
{
  struct pair p;
  struct glia_watch_state later;

  pair_begin(&p);
  for (int k = 0; k < 20; k++) {
    pair_rows(&p, WHOLE + 20 * k, WHOLE + 20 * (k + 1));
    const int64_t before = scored_while_held(&p);
    const int64_t waiting = glia_scoring_waiting_(p.s);
    usleep(1000);
    glia_watch_state(glia_scoring_hold_(p.s), p.node, &later);
    CU_ASSERT_EQUAL(later.scored, before);
    CU_ASSERT_EQUAL(glia_scoring_waiting_(p.s), waiting);
    CU_ASSERT_EQUAL(before + waiting, 20 * (k + 1));
    glia_scoring_release_(p.s);
    glia_scoring_release_(p.s);
  }
  CU_ASSERT_EQUAL(glia_scoring_wait_(p.s, 60.0), 0);
  CU_ASSERT_EQUAL(scored_while_held(&p), 400);
  pair_rows(&p, WHOLE + 400, ROWS);
  pair_end(&p); /* held, and with rows that wait */
}

/* Who asks about all nodes, again and again. */
struct asker {
  struct glia_collect *c;
  atomic_bool over;
  int64_t answers;
};

static void *ask(void *self)
{
  struct asker *a = self;

  while (!a->over) {
    const struct glia_request request = {.path = a->answers % 2 ? "/metrics" : "/api/v1/nodes"};
    struct glia_answer answer = {.status = 200};
    glia_collect_answer_(a->c, &request, &answer);
    CU_ASSERT_EQUAL(answer.status, 200);
    a->answers++;
  }
  return NULL;
}

static void nodes_are_added_while_somebody_asks(void)
{
  enum { NODES = 600 };
  const struct glia_collect_options o = {
      .store = {.path = scratch("store")}, .period_s = 1.0, .watch = true};
  struct asker a = {.over = false};
  pthread_t thread;

  CU_ASSERT_EQUAL_FATAL(glia_collect_open(&o, &a.c), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, ask, &a), 0);
  for (int i = 0; i < NODES; i++) {
    char name[16];
    snprintf(name, sizeof name, "n%d", i);
    CU_ASSERT_EQUAL(glia_collect_node(a.c, name, "http://127.0.0.1:1"), GLIA_OK);
    if (i % 20 == 0) sched_yield();
  }
  a.over = true;
  pthread_join(thread, NULL);
  CU_ASSERT(a.answers > 0);
  CU_ASSERT_EQUAL(glia_collect_close(&a.c), GLIA_OK);
}

static void other_columns_are_never_scored_silently(void)
{
  struct trial t;
  struct glia_watch *w;
  struct glia_watch_state s;
  const char *path = scratch("m.h5");
  const char *name[METRICS + 1];
  float row[METRICS + 1] = {0};
  int node, other;

  trial_begin(&t);
  CU_ASSERT_EQUAL_FATAL(glia_detectors_write(path, true, 1, &t.d), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_open(path, &w), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_node(w, t.node.name, &node), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_node(w, "stranger", &other), GLIA_OK);
  for (int i = 0; i < METRICS; i++) name[i] = t.node.metric[i];
  CU_ASSERT_EQUAL(glia_watch_columns(w, node, METRICS - 1, name), GLIA_OK); /* one is lacking */
  glia_watch_row(w, node, 1, METRICS - 1, row);
  glia_watch_state(w, node, &s);
  CU_ASSERT(!s.watched && isnan(s.score));
  CU_ASSERT(strstr(s.reason, "lacks 1 of the 12") != NULL &&
            strstr(s.reason, t.node.metric[METRICS - 1]) != NULL);
  /* it comes later, and with it one that the model does not know */
  name[METRICS] = "brand_new";
  CU_ASSERT_EQUAL(glia_watch_columns(w, node, METRICS + 1, name), GLIA_OK);
  glia_watch_row(w, node, 2, METRICS + 1, row);
  glia_watch_state(w, node, &s);
  CU_ASSERT(s.watched && !isnan(s.score));
  CU_ASSERT_EQUAL(s.unknown_metrics, 1);
  glia_watch_state(w, other, &s);
  CU_ASSERT(!s.watched);
  CU_ASSERT_STRING_EQUAL(s.reason, "it has no model");
  glia_watch_close(&w);
  trial_end(&t);
}

/* Metric 0 is stolen time, metric 1 the rest of two cores; what the others do meanwhile is absurd, once in training and once later. */
static void stolen_seconds_are_neither_learnt_nor_scored(void)
{
  enum { FROM = 100, TO = 200 };
  static const char *const name[] = {"node_cpu_seconds_total{mode=\"steal\"}",
                                     "node_cpu_seconds_total{mode=\"idle\"}"};
  const struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_COMBINED);
  struct trial t = {0};
  struct glia_detector_info info;
  struct glia_detect_result r;
  struct glia_detect_stream *s;

  detect_node_make(&t.node, 3, METRICS, TRAIN + LATER, FAULT, GOVERNOR_POWERSAVE, &t.loads);
  t.node.train_rows = TRAIN;
  for (int j = 0; j < 2; j++) {
    free(t.node.metric[j]);
    t.node.metric[j] = strdup(name[j]);
  }
  for (int64_t i = 0; i < ROWS; i++) {
    float *v = t.node.values + i * METRICS;
    const bool stolen = (i >= FROM && i < TO) || i >= TRAIN + LATER;
    v[0] = stolen ? 0.2F : 0.1F;        /* 4.8 % of 2.1 are borne */
    v[1] = i == ROWS - 1 ? 0.0F : 2.0F; /* no idle time, but it is told */
    for (int j = 2; stolen && j < METRICS; j++) v[j] = 1e6F;
  }
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &t.node, &t.d), GLIA_OK);
  glia_detector_info(t.d, &info);
  CU_ASSERT_EQUAL(info.rows_train, TRAIN - (TO - FROM));
  CU_ASSERT_EQUAL_FATAL(glia_detector_score(t.d, &t.node, &r), GLIA_OK);
  CU_ASSERT_EQUAL(r.n_stolen, TO - FROM + FAULT);
  CU_ASSERT_EQUAL(r.n_scored, ROWS - (TO - FROM) - FAULT);
  CU_ASSERT_EQUAL(r.n_alarms, 0);
  CU_ASSERT(isnan(r.score[ROWS - 1]) && r.score[TRAIN] > 0.0F);
  CU_ASSERT_EQUAL_FATAL(
      glia_detect_stream_open(t.d, METRICS, (const char *const *)t.node.metric, &s), GLIA_OK);
  for (int64_t i = ROWS - FAULT; i < ROWS; i++)
    CU_ASSERT(!glia_detect_stream_push(s, t.node.time_ns[i], t.node.values + i * METRICS));
  CU_ASSERT_EQUAL(glia_detect_stream_stolen(s), FAULT);
  glia_detect_stream_close(&s);
  glia_detect_result_free(&r);
  /* the same seconds, not stolen, are an alarm; so are those that do not tell idle time, of which 0.2 s may be any share */
  for (int lacks = 0; lacks < 2; lacks++) {
    for (int64_t i = ROWS - FAULT; i < ROWS; i++) {
      t.node.values[i * METRICS] = lacks ? 0.2F : 0.1F;
      t.node.values[i * METRICS + 1] = lacks ? NAN : 2.0F;
    }
    CU_ASSERT_EQUAL_FATAL(glia_detector_score(t.d, &t.node, &r), GLIA_OK);
    CU_ASSERT_EQUAL(r.n_stolen, TO - FROM);
    CU_ASSERT(r.n_alarms >= 1);
    glia_detect_result_free(&r);
  }
  trial_end(&t);
}

/* By hand: 5 nodes, medians 10, 0 and 3. */
static void peers_are_scored_by_their_second_largest_distance(void)
{
  static const float rows[5][3] = {{9.0F, 0.0F, 3.0F},
                                   {10.0F, 0.1F, 3.0F},
                                   {11.0F, -0.1F, NAN},
                                   {10.0F, 0.0F, 3.0F},
                                   {40.0F, 1.0F, 3.0F}};
  const float *row[5];
  double work[10], score[5];
  int worst[5];

  for (int i = 0; i < 5; i++) row[i] = rows[i];
  glia_peers_score(5, 3, row, work, score, worst);
  /* distances 1 0 1 0 30, their median 1; 0 .1 .1 0 1, median .1 */
  CU_ASSERT(fabs(score[4] - 1.0 / (1.4826 * 0.1)) < 1e-5); /* float32 rows */
  CU_ASSERT_EQUAL(worst[4], 0);
  CU_ASSERT_EQUAL(score[3], 0.0);
  CU_ASSERT(fabs(score[2] - 1.0 / 1.4826) < 1e-5 || fabs(score[2] - 0.1 / 0.14826) < 1e-5);
}

/* Six nodes of a job, of which one differs in two metrics; others of another job differ as they like. */
static void a_node_unlike_its_job_is_named_without_a_model(void)
{
  /* Float32 holds neither number: both are 20000000 there. */
  static const char *const name[] = {"glia_job_id{slot=\"0\"}", "power", "temperature", "traffic",
                                     "glia_job_id{slot=\"0\",of=\"rest\"}"};
  struct glia_watch *w;
  struct heard h = {0};
  struct glia_watch_state s;
  int node[10];

  CU_ASSERT_EQUAL_FATAL(glia_watch_open(NULL, &w), GLIA_OK);
  glia_watch_tell(w, hear, &h);
  for (int i = 0; i < 10; i++) {
    char text[8];
    snprintf(text, sizeof text, "n%d", i);
    CU_ASSERT_EQUAL_FATAL(glia_watch_node(w, text, &node[i]), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_watch_columns(w, node[i], 5, name), GLIA_OK);
  }
  for (int step = 1; step <= 30; step++) {
    const int64_t now_ns = step * INT64_C(1000000000);
    const bool sick = step > 10;
    for (int i = 0; i < 10; i++) {
      const float jitter = (float)((7 * i + 3 * step) % 5) * 0.01F;
      const bool odd = sick && i == 2;
      const float row[] = {20000000.0F, i < 6 ? (odd ? 90.0F : 200.0F + jitter) : 50.0F * (float)i,
                           odd ? 30.0F : 60.0F + jitter, 5.0F + jitter, i < 6 ? 1.0F : -1.0F};
      glia_watch_row(w, node[i], now_ns, 5, row);
    }
    glia_watch_compare(w, now_ns);
    if (step == 19) CU_ASSERT_EQUAL(h.begun[GLIA_WATCH_PEERS], 0); /* nine in a row */
  }
  CU_ASSERT_EQUAL(h.begun[GLIA_WATCH_PEERS], 1);
  CU_ASSERT_STRING_EQUAL(h.node, "n2");
  CU_ASSERT(strstr(h.text, "job 20000001") != NULL && strstr(h.text, "power") != NULL);
  glia_watch_state(w, node[2], &s);
  CU_ASSERT_EQUAL(s.peers, 6);
  CU_ASSERT(s.active[GLIA_WATCH_PEERS]);
  glia_watch_state(w, node[0], &s);
  CU_ASSERT(!s.active[GLIA_WATCH_PEERS]);
  /* rows that are old are compared with nobody's */
  glia_watch_compare(w, 100 * INT64_C(1000000000));
  glia_watch_state(w, node[0], &s);
  CU_ASSERT_EQUAL(s.peers, 0);
  glia_watch_close(&w);
}

static void the_worst_is_of_the_last_minute(void)
{
  struct glia_worst w = {0};

  CU_ASSERT_EQUAL(glia_worst_(&w, 1000.0), 0.0);
  glia_worst_add_(&w, 5.0, 1001.0);
  glia_worst_add_(&w, 3.0, 1002.0);
  CU_ASSERT_EQUAL(glia_worst_(&w, 1003.0), 5.0);
  glia_worst_add_(&w, 2.0, 1031.0);
  CU_ASSERT_EQUAL(glia_worst_(&w, 1032.0), 5.0); /* of the half minute before */
  CU_ASSERT_EQUAL(glia_worst_(&w, 1062.0), 2.0);
  CU_ASSERT_EQUAL(glia_worst_(&w, 1123.0), 0.0); /* nobody came or asked for a minute */
}

TAP_MAIN("watch", TAP(a_stream_scores_as_a_file_does), TAP(an_alarm_is_told_once_and_ends),
         TAP(a_thread_scores_rows_in_order), TAP(the_worst_is_of_the_last_minute),
         TAP(a_watch_that_is_held_stands_still), TAP(nodes_are_added_while_somebody_asks),
         TAP(other_columns_are_never_scored_silently),
         TAP(stolen_seconds_are_neither_learnt_nor_scored),
         TAP(peers_are_scored_by_their_second_largest_distance),
         TAP(a_node_unlike_its_job_is_named_without_a_model))
