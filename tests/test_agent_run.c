/* The pace of sampling: slots, stops, slow sinks, failing sinks. */
#include "glia_agent.h"
#include "tap.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { MOST = 4096 };

static int64_t at_ns[MOST]; /* monotonic times of the rows */
static int64_t n_rows;
static double slow_s;        /* the sink takes this long on row 2 */
static int64_t fail_at = -1; /* and fails on this one */
static atomic_int stop;

static int asked_to_stop(void) { return stop; }
static int64_t stop_at = -1;

static void nap(double s)
{
  const struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)(1e9 * (s - floor(s)))};
  nanosleep(&t, NULL);
}

static glia_status keep(void *self, const struct glia_agent_row *row)
{
  CU_ASSERT_PTR_EQUAL(self, at_ns);
  CU_ASSERT_EQUAL(row->index, n_rows);
  if (n_rows < MOST) at_ns[n_rows] = row->when.monotonic_ns;
  n_rows++;
  if (row->index == 2 && slow_s > 0.0) nap(slow_s);
  if (row->index == stop_at) stop = 1;
  if (row->index == fail_at) return GLIA_FAIL(GLIA_E_IO, "disk full");
  return GLIA_OK;
}

/* A counter that always rose by 3 and a gauge. */
static const struct glia_metric beat_metrics[] = {{"glia_beats", "1", GLIA_METRIC_COUNTER, "beats"},
                                                  {"glia_level", "m", GLIA_METRIC_GAUGE, "level"}};
static glia_status beat_open(void *state, const char *root)
{
  (void)state;
  (void)root;
  return GLIA_OK;
}
static void beat_sample(void *state, double *out)
{
  double *n = state;

  out[0] = *n += 3.0;
}
static void beat_close(void *state) { (void)state; }
static const struct glia_sampler beat = {.name = "beat",
                                         .metrics = beat_metrics,
                                         .n_metrics = 2,
                                         .state_size = sizeof(double),
                                         .open = beat_open,
                                         .sample = beat_sample,
                                         .close = beat_close};

static glia_status run(double period_s, double duration_s, struct glia_agent_result *result)
{
  const struct glia_sampler *const one[] = {&beat};
  const struct glia_agent_options options = {
      .period_s = period_s, .duration_s = duration_s, .stop = asked_to_stop};
  const struct glia_agent_sink sink = {.self = at_ns, .row = keep};
  struct glia_sample_set *set = NULL;

  n_rows = 0;
  stop = 0;
  CU_ASSERT_EQUAL_FATAL(glia_sample_set_open_with(one, 1, "/", &set), GLIA_OK);
  const glia_status st = glia_agent_run(set, &options, &sink, result);
  glia_sample_set_close(&set);
  slow_s = 0.0;
  fail_at = stop_at = -1;
  return st;
}

/* 40 ms fits 20 times into 0.8 s although 0.04 is not exact. A busy machine may skip a few. */
static void rows_come_on_time_without_drift(void)
{
  struct glia_agent_result r;

  CU_ASSERT_EQUAL(run(0.04, 0.8, &r), GLIA_OK);
  CU_ASSERT_EQUAL(r.samples + r.skipped, 20);
  CU_ASSERT_EQUAL(r.samples, n_rows);
  CU_ASSERT(r.samples >= 10);
  CU_ASSERT_EQUAL(r.reason, GLIA_AGENT_COMPLETED);
  CU_ASSERT_EQUAL(r.metrics, 2);
  CU_ASSERT_EQUAL(
      r.missing,
      r.samples); /* the gauge; never the counter, since the first row is not handed out */
  CU_ASSERT(r.wall_s > 0.7 && r.cpu_s_per_sample > 0.0 && r.cpu_s_per_sample < 1e-3);
  for (int64_t i = 1; i < n_rows; i++) CU_ASSERT(at_ns[i] > at_ns[i - 1]);
  /* No drift: the last row is as near to its slot as the first ones. */
  if (r.skipped == 0) {
    const double span_s = 1e-9 * (double)(at_ns[n_rows - 1] - at_ns[0]);
    tap_note("19 periods of 40 ms took %.4f s, %lld late", span_s, (long long)r.late);
    CU_ASSERT(fabs(span_s - 0.76) < 0.03);
  }
}

static void a_slow_sink_skips_slots_and_keeps_the_rhythm(void)
{
  struct glia_agent_result r;

  slow_s = 0.27;
  CU_ASSERT_EQUAL(run(0.1, 1.0, &r), GLIA_OK);
  CU_ASSERT(r.skipped >= 2);
  CU_ASSERT_EQUAL(r.samples + r.skipped, 10);
  const double gap_s = 1e-9 * (double)(at_ns[3] - at_ns[2]);
  CU_ASSERT(gap_s > 0.27);
  const double steps = gap_s / 0.1;
  tap_note("the gap was %.3f periods", steps);
  CU_ASSERT(r.late > 0 || fabs(steps - round(steps)) < 0.2);
}

static void a_flag_stops_it(void)
{
  struct glia_agent_result r;

  stop_at = 1;
  CU_ASSERT_EQUAL(run(0.05, 0.0, &r), GLIA_OK);
  CU_ASSERT_EQUAL(r.samples, 2);
  CU_ASSERT_EQUAL(r.reason, GLIA_AGENT_STOPPED);
  CU_ASSERT_STRING_EQUAL(glia_agent_reason_name(r.reason), "stopped");
}

static void *stop_soon(void *arg)
{
  (void)arg;
  nap(0.1);
  stop = 1;
  return NULL;
}

static void a_flag_set_while_it_sleeps_is_seen_soon(void)
{
  struct glia_agent_result r;
  struct timespec a;
  struct timespec b;
  pthread_t thread;

  clock_gettime(CLOCK_MONOTONIC, &a);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, stop_soon, NULL), 0);
  CU_ASSERT_EQUAL(run(60.0, 0.0, &r), GLIA_OK);
  clock_gettime(CLOCK_MONOTONIC, &b);
  pthread_join(thread, NULL);
  CU_ASSERT_EQUAL(r.samples, 0);
  CU_ASSERT_EQUAL(r.reason, GLIA_AGENT_STOPPED);
  CU_ASSERT((double)(b.tv_sec - a.tv_sec) < 5.0);
}

static void a_failing_sink_ends_it(void)
{
  struct glia_agent_result r;

  fail_at = 3;
  CU_ASSERT_EQUAL(run(0.01, 10.0, &r), GLIA_E_IO);
  CU_ASSERT_EQUAL(r.samples, 4);
  CU_ASSERT_STRING_EQUAL(glia_trace_message(), "disk full");
}

static void periods_and_durations_are_checked(void)
{
  static const double bad[][2] = {
      {0.0, 1.0},         {-1.0, 1.0}, {1e-4, 1.0},        {1e7, 1.0},
      {(double)NAN, 1.0}, {1.0, -1.0}, {1.0, (double)NAN}, {1.0, (double)INFINITY}};

  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CU_ASSERT_EQUAL(run(bad[i][0], bad[i][1], NULL), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(run(1.0, 0.5, NULL), GLIA_OK); /* no whole period: nothing to do */
  CU_ASSERT_EQUAL(n_rows, 0);
}

TAP_MAIN("agent_run", TAP(rows_come_on_time_without_drift),
         TAP(a_slow_sink_skips_slots_and_keeps_the_rhythm), TAP(a_flag_stops_it),
         TAP(a_flag_set_while_it_sleeps_is_seen_soon), TAP(a_failing_sink_ends_it),
         TAP(periods_and_durations_are_checked))
