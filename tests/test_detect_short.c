/* Detectors from four and from ten minutes of a node: what is normal raises no alarm, what is not does. A node of 100 metrics at 1 Hz: 40 levels wander (20 s), 60 are
 * mixes of four signals that jump, as jobs begin and end, with noise. */
#include "detect_mix.h"
#include "glia_detect.h"
#include "glia_random.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  LEVELS = 40,
  METRICS = 100,
  SIGNALS = 4,
  TRAIN = 240,
  LONGER = 600,
  BETWEEN = 480,
  LATER = 900,
  FAULT = 15,
  SEEDS = 5
};

static void make_node(struct glia_telemetry_node *node, int64_t train, uint64_t seed)
{
  const int64_t rows = train + LATER + FAULT;
  const uint64_t key = glia_random_stream(seed, "short");
  double level[LEVELS] = {0}, signal[SIGNALS] = {0}, mix[METRICS][SIGNALS];
  uint64_t at = 0;

  *node = (struct glia_telemetry_node){.n = rows, .n_metrics = METRICS, .train_rows = train};
  node->name = strdup("short");
  node->metric = calloc(METRICS, sizeof *node->metric);
  node->unit = calloc(METRICS, sizeof *node->unit);
  node->time_ns = calloc((size_t)rows, sizeof *node->time_ns);
  node->values = calloc((size_t)(rows * METRICS), sizeof *node->values);
  for (int j = 0; j < METRICS; j++) {
    char name[16];
    snprintf(name, sizeof name, "m%d", j);
    node->metric[j] = strdup(name);
    node->unit[j] = strdup("1");
    for (int k = 0; k < SIGNALS; k++) mix[j][k] = glia_random_normal(key, 0, at++);
  }
  for (int64_t i = 0; i < rows; i++) {
    float *v = node->values + i * METRICS;
    node->time_ns[i] = (i + 1) * 1000000000;
    for (int k = 0; k < SIGNALS; k++)
      if (glia_random_uniform(key, 0, at++) < 0.05) signal[k] = glia_random_uniform(key, 0, at++);
    for (int j = 0; j < LEVELS; j++) {
      level[j] = 0.95 * level[j] + 0.3 * glia_random_normal(key, 0, at++);
      v[j] = (float)level[j];
    }
    for (int j = LEVELS; j < METRICS; j++) {
      double x = 0.1 * glia_random_normal(key, 0, at++);
      for (int k = 0; k < SIGNALS; k++) x += mix[j][k] * signal[k];
      v[j] = (float)x;
    }
    /* what the mixes never do: eight of them leave the others */
    for (int j = LEVELS; i >= train + LATER && j < LEVELS + 8; j++) v[j] += 6.0F;
  }
}

static void make(struct glia_telemetry_node *node, uint64_t seed) { make_node(node, TRAIN, seed); }

static void clear_faults_alone_are_alarms(int64_t train)
{
  const struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_COMBINED);
  int64_t alarmed = 0, found = 0, slowest = 0;

  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    struct glia_telemetry_node node;
    struct glia_detector *d;
    struct glia_detect_result r;
    bool seen = false;

    make_node(&node, train, seed);
    CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &d), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_detector_score(d, &node, &r), GLIA_OK);
    for (int64_t i = train; i < train + LATER; i++) alarmed += (double)r.score[i] > r.threshold;
    for (int64_t k = 0; k < r.n_alarms && !seen; k++) {
      if (r.alarm[k].raised < train + LATER) continue;
      seen = true;
      slowest =
          r.alarm[k].raised - train - LATER > slowest ? r.alarm[k].raised - train - LATER : slowest;
    }
    found += seen;
    glia_detect_result_free(&r);
    glia_detector_destroy(&d);
    glia_telemetry_node_free(&node);
  }
  printf("# %lld s: %lld of %d healthy samples above the threshold; %lld of %d faults found, in "
         "%lld s\n",
         (long long)train, (long long)alarmed, SEEDS * LATER, (long long)found, SEEDS,
         (long long)slowest);
  CU_ASSERT(alarmed <= SEEDS * LATER / 500);
  CU_ASSERT_EQUAL(found, SEEDS);
}

static void four_minutes_are_enough_for_a_clear_fault_and_no_false_alarm(void)
{
  clear_faults_alone_are_alarms(TRAIN);
}

/* Ten minutes of noise are cut in two ways: the first rows of each block, which have no full window in the one, have it in the other. Only the first ones of the
 * recording have none. */
static void each_row_is_judged_by_one_of_two_cuts(void)
{
  enum { ROWS = LONGER, COLUMNS = 10 };
  double *x = calloc((size_t)ROWS * COLUMNS, sizeof *x), floor[2 * COLUMNS] = {0}, score[ROWS];
  int64_t time_ns[ROWS], judged = 0;
  uint8_t keep[ROWS], judge[ROWS];
  const struct glia_mix_rows rows = {ROWS, x, time_ns, keep, judge};
  struct glia_mix m = {0};
  int window = 20;

  for (int64_t i = 0; i < ROWS; i++) {
    time_ns[i] = (i + 1) * 1000000000;
    keep[i] = judge[i] = 1;
    for (int j = 0; j < COLUMNS; j++)
      x[i * COLUMNS + j] = glia_random_normal(7, 0, (uint64_t)(i * COLUMNS + j));
  }
  CU_ASSERT_EQUAL_FATAL(glia_mix_fit_(&m, COLUMNS, &rows, floor, 0.0, &window, score), GLIA_OK);
  for (int64_t i = 0; i < ROWS; i++) judged += !isnan(score[i]);
  CU_ASSERT_EQUAL(judged, ROWS - window + 1);
  glia_mix_free_(&m);
  free(x);
}

/* Where full windows are too few, all count: they alone would put 53 of these samples above the threshold. */
static void eight_minutes_are_enough_too(void) { clear_faults_alone_are_alarms(BETWEEN); }

/* Means over fewer samples than the window has, where blocks of training begin, are larger than those that are watched: with
 * them one of the faults stays below the threshold. */
static void ten_minutes_are_enough_too(void) { clear_faults_alone_are_alarms(LONGER); }

/* A node without a fault, of which all but the last GOOD rows of training are missing. */
static void rows_at_the_end_alone_are_trained_on(void)
{
  enum { GOOD = 110 };
  const struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_COMBINED);
  struct glia_telemetry_node node;
  struct glia_detector *d;
  struct glia_detector_info info;

  make(&node, 1);
  node.train_rows = TRAIN + LATER / 2;
  for (int64_t i = 0; i < (node.train_rows - GOOD) * METRICS; i++) node.values[i] = NAN;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &d), GLIA_OK);
  glia_detector_info(d, &info);
  CU_ASSERT_EQUAL(info.rows_train, GOOD);
  CU_ASSERT(isfinite(info.threshold) && info.threshold > 0.0);
  glia_detector_destroy(&d);
  glia_telemetry_node_free(&node);
}

/* The greatest score of the samples from `from` on, over the threshold, by a model of what came before. */
static double greatest(struct glia_telemetry_node *node, int64_t from)
{
  const struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_COMBINED);
  struct glia_detector *d;
  struct glia_detect_result r;
  double most = 0.0;

  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, node, &d), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_detector_score(d, node, &r), GLIA_OK);
  for (int64_t i = from; i < node->n; i++) most = fmax(most, (double)r.score[i] / r.threshold);
  glia_detect_result_free(&r);
  glia_detector_destroy(&d);
  return most;
}

/* Two counters hold still while the node is learnt, in two parts half an hour apart, and later count one event each in the same second. */
static void one_event_that_was_not_seen_yet_is_no_fault(void)
{
  enum { COUNTERS = 2, EVENT = TRAIN + 30 };
  double most = 0.0;

  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    struct glia_telemetry_node node;
    make(&node, seed);
    node.n = TRAIN + 60;
    for (int64_t i = TRAIN / 2; i < node.n; i++) node.time_ns[i] += INT64_C(1800000000000);
    for (int j = METRICS - COUNTERS; j < METRICS; j++) {
      free(node.unit[j]);
      node.unit[j] = strdup("1/s");
      for (int64_t i = 0; i < node.n; i++) node.values[i * METRICS + j] = i == EVENT ? 1.0F : 0.0F;
    }
    most = fmax(most, greatest(&node, EVENT));
    glia_telemetry_node_free(&node);
  }
  printf("# %.3f of the threshold at most\n", most);
  CU_ASSERT(most < 1.0);
}

TAP_MAIN("detect_short", TAP(four_minutes_are_enough_for_a_clear_fault_and_no_false_alarm),
         TAP(each_row_is_judged_by_one_of_two_cuts), TAP(eight_minutes_are_enough_too),
         TAP(ten_minutes_are_enough_too), TAP(rows_at_the_end_alone_are_trained_on),
         TAP(one_event_that_was_not_seen_yet_is_no_fault))
