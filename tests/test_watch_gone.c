/* A node whose metrics vanish while it is watched: nobody scores it by what is left. */
#include "detect_node.h"
#include "glia_watch.h"
#include "scratch.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* The node under its model, alone. */
static void watch_begin(struct trial *t, struct glia_watch **w, int *node)
{
  const char *path = scratch("m.h5");

  trial_begin(t);
  CU_ASSERT_EQUAL_FATAL(glia_detectors_write(path, true, 1, &t->d), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_open(path, w), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_node(*w, t->node.name, node), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_columns(*w, *node, METRICS, (const char *const *)t->node.metric),
                        GLIA_OK);
}

/* Rows of the trial without the first `lost` of its metrics, step_ns apart from *now_ns on. */
static void push_without(struct glia_watch *w, const struct trial *t, int node, int rows, int lost,
                         int64_t step_ns, int64_t *now_ns)
{
  float row[METRICS];

  for (int i = 0; i < rows; i++) {
    memcpy(row, t->node.values + (int64_t)(TRAIN + i % LATER) * METRICS, sizeof row);
    for (int j = 0; j < lost; j++) row[j] = (float)NAN;
    *now_ns += step_ns;
    glia_watch_row(w, node, *now_ns, METRICS, row);
  }
}

static void a_node_whose_metrics_vanish_is_unwatched_until_they_are_back(void)
{
  static const int64_t second = 1000000000;
  struct trial t;
  struct glia_watch *w;
  struct glia_watch_state s;
  int node;

  watch_begin(&t, &w, &node);
  for (int lost = 1; lost <= METRICS; lost += METRICS - 1) {
    int64_t now_ns = t.node.time_ns[TRAIN] + lost * 100000 * second;
    push_without(w, &t, node, 20, 0, second, &now_ns);
    push_without(w, &t, node, 180, lost, second, &now_ns); /* not yet three minutes */
    push_without(w, &t, node, 1, 0, second, &now_ns);      /* a slow source: here it is */
    push_without(w, &t, node, 180, lost, second, &now_ns);
    glia_watch_state(w, node, &s);
    CU_ASSERT(s.watched);
    CU_ASSERT_STRING_EQUAL(s.reason, "");
    const int64_t scored = s.scored;
    push_without(w, &t, node, 1, lost, second, &now_ns);
    push_without(w, &t, node, 9, 0, second,
                 &now_ns); /* nor is it watched at once when they come back */
    glia_watch_state(w, node, &s);
    CU_ASSERT(!s.watched);
    CU_ASSERT(isnan(s.score));
    CU_ASSERT_EQUAL(s.scored, scored);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.reason, "are gone: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(s.reason, t.node.metric[0]));
    push_without(w, &t, node, 1, 0, second, &now_ns);
    glia_watch_state(w, node, &s);
    CU_ASSERT(s.watched);
    CU_ASSERT_STRING_EQUAL(s.reason, "");
    CU_ASSERT_EQUAL(s.scored, scored + 1);
    /* who is asked each hour is not unwatched by what a few rows lack */
    push_without(w, &t, node, 9, lost, 3600 * second, &now_ns);
    glia_watch_state(w, node, &s);
    CU_ASSERT(s.watched);
    push_without(w, &t, node, 1, 0, second, &now_ns);
  }
  glia_watch_close(&w);
  trial_end(&t);
}

/* Alarms that are on by what was told. */
static void hear(void *self, const struct glia_watch_alarm *a)
{
  *(int64_t *)self += a->active ? 1 : -1;
}

static void an_alarm_ends_where_nobody_can_tell(void)
{
  struct trial t;
  int64_t told = 0;
  struct glia_watch *w;
  struct glia_watch_state s;
  int node;

  watch_begin(&t, &w, &node);
  glia_watch_tell(w, hear, &told);
  for (int64_t i = TRAIN; i < ROWS; i++)
    glia_watch_row(w, node, t.node.time_ns[i], METRICS, t.node.values + i * METRICS);
  glia_watch_state(w, node, &s);
  CU_ASSERT(s.active[GLIA_WATCH_MODEL]);
  int64_t now_ns = t.node.time_ns[ROWS - 1];
  push_without(w, &t, node, 200, METRICS, INT64_C(1000000000), &now_ns);
  glia_watch_state(w, node, &s);
  CU_ASSERT(!s.watched && !s.active[GLIA_WATCH_MODEL]);
  CU_ASSERT_EQUAL(told, 0); /* it was told */
  glia_watch_close(&w);
  trial_end(&t);
}

static void lose(struct glia_telemetry_node *node, int64_t from, int rows, int lost)
{
  for (int64_t i = from; i < from + rows; i++)
    for (int j = 0; j < lost; j++) node->values[i * METRICS + j] = (float)NAN;
}

/* The model of t's rows, watched through an hour without metric 0: is the node watched at its end? */
static bool watched_without(struct trial *t)
{
  const struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_COMBINED);
  const char *path = scratch("m.h5");
  struct glia_watch *w;
  struct glia_watch_state s;
  int node;

  glia_detector_destroy(&t->d);
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &t->node, &t->d), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_detectors_write(path, true, 1, &t->d), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_open(path, &w), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_node(w, t->node.name, &node), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_watch_columns(w, node, METRICS, (const char *const *)t->node.metric),
                        GLIA_OK);
  int64_t now_ns = t->node.time_ns[TRAIN];
  push_without(w, t, node, 12, 1, INT64_C(300000000000), &now_ns);
  glia_watch_state(w, node, &s);
  glia_watch_close(&w);
  return s.watched;
}

/* How many metrics the model of these rows has. */
static int columns_of(struct trial *t)
{
  const struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_COMBINED);
  struct glia_detector_info info;

  glia_detector_destroy(&t->d);
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &t->node, &t->d), GLIA_OK);
  glia_detector_info(t->d, &info);
  return info.n_columns;
}

static void a_metric_that_comes_and_goes_in_training_is_left_out(void)
{
  struct glia_detector_info info;
  struct trial t;

  trial_begin(&t);
  lose(&t.node, 0, 30, 1);         /* it came with a newer agent */
  lose(&t.node, 100, 12, 1);       /* once, for 0.8 % of the rows */
  lose(&t.node, 300, 40, METRICS); /* nobody answered, or an alarm was masked */
  for (int i = 400; i < 500; i += 10) lose(&t.node, i, 9, 1); /* often, and briefly */
  CU_ASSERT_EQUAL(columns_of(&t), METRICS);
  CU_ASSERT(!watched_without(&t));
  lose(&t.node, 600, 12, 1); /* twice: 1.6 % */
  CU_ASSERT(watched_without(&t));
  glia_detector_info(t.d, &info);
  CU_ASSERT_EQUAL_FATAL(info.n_columns, METRICS - 1);
  CU_ASSERT_STRING_EQUAL(info.column[METRICS - 1].name, t.node.metric[0]);
  CU_ASSERT_STRING_EQUAL(info.column[METRICS - 1].dropped, "intermittent");
  /* the same rows a second apart: 12 s without it are a slow source */
  for (int64_t i = 0; i < ROWS; i++)
    t.node.time_ns[i] = t.node.time_ns[0] + i * INT64_C(1000000000);
  CU_ASSERT_EQUAL(columns_of(&t), METRICS);
  trial_end(&t);
}

static void one_outage_is_no_habit_unless_it_lasts(void)
{
  struct trial t;

  trial_begin(&t);
  lose(&t.node, 600, 60, 1);
  CU_ASSERT_EQUAL(columns_of(&t), METRICS);
  lose(&t.node, TRAIN - 60, 60, 2); /* and of another one, which does not come back */
  CU_ASSERT_EQUAL(columns_of(&t), METRICS - 2);
  trial_end(&t);
}

TAP_MAIN("watch_gone", TAP(a_metric_that_comes_and_goes_in_training_is_left_out),
         TAP(one_outage_is_no_habit_unless_it_lasts),
         TAP(a_node_whose_metrics_vanish_is_unwatched_until_they_are_back),
         TAP(an_alarm_ends_where_nobody_can_tell))
