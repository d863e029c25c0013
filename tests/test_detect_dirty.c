/* Dirty telemetry: how much worse does the live kind of detector find a fault that it finds in clean telemetry?
 *
 * The node of detect_node.h, one row a second: healthy rows to train on, then healthy ones and ones under a fault, by turns. The promise is
 * that the area under the precision-recall curve loses at most a tenth of itself. */
#include "detect_node.h"
#include "glia_detect.h"
#include "glia_metrics.h"
#include "glia_random.h"
#include "glia_rates.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  METRICS = 16,
  TRAIN = 3000,
  LATER = 3000,
  FAULT = 600,
  TAINT = TRAIN / 10,
  ROWS = TRAIN + LATER + FAULT,
  SPAN = 60
};
static const int64_t second = 1000000000;
static const double most_lost = 0.1;

struct trial {
  struct glia_telemetry_node node;
  bool *loads;
  uint8_t faulty[ROWS];
  float taint[TAINT * METRICS]; /* other rows under the fault */
  uint64_t key;
};

static void copy_row(struct glia_telemetry_node *to, int64_t at, const float *from)
{
  memcpy(to->values + at * METRICS, from, METRICS * sizeof *from);
}

/* Faulty rows stand in spans of a minute between the later healthy ones. */
static void begin(struct trial *t, uint64_t seed)
{
  struct glia_telemetry_node made;

  *t = (struct trial){.key = glia_random_stream(seed, "dirt")};
  detect_node_make(&made, seed, METRICS, TRAIN + LATER, FAULT + TAINT, GOVERNOR_POWERSAVE,
                   &t->loads);
  memcpy(t->taint, made.values + (TRAIN + LATER + FAULT) * METRICS, sizeof t->taint);
  free(t->loads);
  detect_node_make(&t->node, seed, METRICS, TRAIN + LATER, FAULT, GOVERNOR_POWERSAVE, &t->loads);
  int64_t well = TRAIN, bad = TRAIN + LATER;
  for (int64_t i = TRAIN; i < ROWS; i++) {
    const bool faulty = (i - TRAIN) / SPAN % (1 + LATER / FAULT) == LATER / FAULT;
    t->faulty[i] = faulty && bad < ROWS;
    copy_row(&t->node, i, made.values + (t->faulty[i] ? bad++ : well++) * METRICS);
  }
  for (int64_t i = 0; i < ROWS; i++) t->node.time_ns[i] = (i + 1) * second;
  t->node.train_rows = TRAIN;
  glia_telemetry_node_free(&made);
}

static void end(struct trial *t)
{
  glia_telemetry_node_free(&t->node);
  free(t->loads);
}

/* Area of the scores after training, by a model of the rows before, and the share of the faulty ones above its threshold. */
static double area(struct trial *t, double faulty, double *found)
{
  struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_COMBINED);
  struct glia_detector *d = NULL;
  struct glia_detect_result r;
  struct glia_detector_info info;
  double *score = calloc(ROWS, sizeof *score), out = 0.0;
  int64_t above = 0;

  o.faulty = faulty;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &t->node, &d), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_detector_score(d, &t->node, &r), GLIA_OK);
  for (int64_t i = TRAIN; i < t->node.n; i++)
    score[i] = isnan(r.score[i]) ? 0.0 : (double)r.score[i];
  glia_detector_info(d, &info);
  for (int64_t i = TRAIN; i < t->node.n; i++) above += t->faulty[i] && score[i] > info.threshold;
  *found = (double)above / FAULT;
  CU_ASSERT_EQUAL(glia_metric_auc_pr(t->node.n - TRAIN, score + TRAIN, t->faulty + TRAIN, &out),
                  GLIA_OK);
  glia_detect_result_free(&r);
  glia_detector_destroy(&d);
  free(score);
  return out;
}

/* Mean over seeds, without and with dirt. */
static void compare(const char *what, void (*dirt)(struct trial *t))
{
  enum { SEEDS = 3 };
  double clean = 0.0, dirty = 0.0, found;

  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    struct trial t;
    begin(&t, seed);
    clean += area(&t, 0.0, &found) / SEEDS;
    dirt(&t);
    dirty += area(&t, 0.0, &found) / SEEDS;
    end(&t);
  }
  tap_note("%s: AUC-PR %.4f clean, %.4f dirty", what, clean, dirty);
  CU_ASSERT(clean > 0.8); /* else there is nothing to lose */
  CU_ASSERT(dirty >= (1.0 - most_lost) * clean);
}

static void lose_values(struct trial *t)
{
  for (int64_t k = 0; k < (int64_t)ROWS * METRICS; k++)
    if (glia_random_uniform(t->key, 1, (uint64_t)k) < 0.2) t->node.values[k] = NAN;
}
static void a_fifth_of_the_values_is_missing(void) { compare("missing", lose_values); }

/* Every other metric comes from a source whose clock is 5 s behind. */
static void skew(struct trial *t)
{
  enum { LAG = 5 };

  for (int64_t i = ROWS - 1; i >= LAG; i--)
    for (int j = 0; j < METRICS; j += 2)
      t->node.values[i * METRICS + j] = t->node.values[(i - LAG) * METRICS + j];
}
static void half_of_the_metrics_are_five_seconds_late(void) { compare("skew", skew); }

/* Twice, in training and later, the node is away for two minutes and comes back idle: nothing but zeros for ten seconds. */
static void reboot(struct trial *t)
{
  static const int64_t at[] = {TRAIN / 2, TRAIN + LATER / 2 + SPAN};

  for (int k = 0; k < 2; k++) {
    for (int64_t i = at[k]; i < ROWS; i++) t->node.time_ns[i] += 120 * second;
    for (int64_t i = at[k]; i < at[k] + 10; i++)
      for (int j = 0; j < METRICS; j++) t->node.values[i * METRICS + j] = i == at[k] ? NAN : 0.0F;
  }
}
static void the_node_is_rebooted(void) { compare("reboot", reboot); }

/* Metrics are rates of counters of 32 bits, which wrap many times; what a wrap leaves is missing. */
static void wrap(struct trial *t)
{
  glia_metric_kind kind[METRICS];
  double raw[METRICS], sum[METRICS] = {0};
  float out[METRICS];
  struct glia_rates *rates = NULL;
  int64_t wraps = 0;

  for (int j = 0; j < METRICS; j++) kind[j] = GLIA_METRIC_COUNTER;
  CU_ASSERT_EQUAL_FATAL(glia_rates_create(METRICS, kind, &rates), GLIA_OK);
  for (int64_t i = 0; i < ROWS; i++) {
    for (int j = 0; j < METRICS; j++) {
      /* a rate is positive, here of the order of 1e8 a second: a wrap about every 40 s */
      sum[j] += 1e8 * fmax(2.0 + (double)t->node.values[i * METRICS + j], 0.0);
      raw[j] = fmod(sum[j], 4294967296.0);
    }
    glia_rates_convert(rates, t->node.time_ns[i], 0, raw, out);
    for (int j = 0; j < METRICS; j++) wraps += i > 0 && isnan(out[j]);
    copy_row(&t->node, i, out);
  }
  CU_ASSERT(wraps > ROWS * METRICS / 100);
  glia_rates_destroy(&rates);
}
static void counters_wrap(void) { compare("wrap", wrap); }

/* A tenth of the rows that train, in spans of a minute, is under the very fault that is looked for later. Fitted on all of them, it loses
 * 29 %. */
static void taint(struct trial *t)
{
  for (int64_t k = 0; k < TAINT; k++)
    copy_row(&t->node, k / SPAN * 10 * SPAN + 3 * SPAN + k % SPAN, t->taint + k * METRICS);
}
static void a_tenth_of_the_training_is_faulty(void) { compare("tainted", taint); }

/* Faults in the training hold the threshold up; who tells of them gets a lower one, and finds more. */
static void faults_that_are_known_of(void)
{
  double unknown, known;
  struct trial t;

  begin(&t, 1);
  taint(&t);
  (void)area(&t, 0.0, &unknown);
  (void)area(&t, 0.1, &known);
  tap_note("of faulty rows %.0f %% are above the threshold, %.0f %% where --faulty says so",
           100.0 * unknown, 100.0 * known);
  CU_ASSERT(known > unknown);
  end(&t);
}

TAP_MAIN("detect_dirty", TAP(a_tenth_of_the_training_is_faulty), TAP(faults_that_are_known_of),
         TAP(a_fifth_of_the_values_is_missing), TAP(half_of_the_metrics_are_five_seconds_late),
         TAP(the_node_is_rebooted), TAP(counters_wrap))
