/* Sampling at a steady pace; see glia_agent.h. */
#include "glia_agent.h"
#include "glia_rates.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

/* Longest sleep before stop is asked: a signal may come just before one begins. */
static const double nap_s = 0.2;
static const double late_share = 0.1;

struct run {
  struct glia_sample_set *set;
  const struct glia_agent_options *options;
  struct glia_rates *rates;
  double *raw;   /* [n_metrics] */
  float *values; /* [n_metrics] */
  int64_t start_ns;
  double cpu_s;
};

const char *glia_agent_reason_name(glia_agent_reason reason)
{
  return reason == GLIA_AGENT_STOPPED ? "stopped" : "completed";
}

static int64_t clock_ns(clockid_t clock)
{
  struct timespec t;

  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool stopped(const struct run *run)
{
  return run->options->stop != NULL && run->options->stop() != 0;
}

/* Sleep until the monotonic clock shows `until`, or somebody stops us. */
static void sleep_until(const struct run *run, int64_t until_ns)
{
  for (;;) {
    const int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    const int64_t nap_ns = (int64_t)(nap_s * 1e9);
    if (now_ns >= until_ns || stopped(run)) return;
    const int64_t wake_ns = until_ns - now_ns > nap_ns ? now_ns + nap_ns : until_ns;
    const struct timespec wake = {.tv_sec = wake_ns / 1000000000, .tv_nsec = wake_ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
  }
}

static void take(struct run *run, struct glia_agent_row *row)
{
  const int64_t before_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

  glia_sample_take(run->set, run->raw, &row->when);
  glia_rates_convert(run->rates, row->when.monotonic_ns, 0, run->raw, run->values);
  run->cpu_s += 1e-9 * (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns);
}

/* One row after the other until time is over. */
static glia_status loop(struct run *run, const struct glia_agent_sink *sink,
                        struct glia_agent_result *result)
{
  const double period_ns = 1e9 * run->options->period_s;
  const double duration_s = run->options->duration_s;
  /* A hair is added, so that 3 s hold 15 periods of 0.2 s whatever rounding says. */
  const int64_t last =
      duration_s > 0.0 ? (int64_t)(duration_s / run->options->period_s + 1e-6) : INT64_MAX;
  struct glia_agent_row row = {
      .n_metrics = result->metrics, .raw = run->raw, .values = run->values};

  take(run, &row);
  run->start_ns = row.when.monotonic_ns;
  for (int64_t slot = 1; slot <= last;) {
    const int64_t due_ns = run->start_ns + (int64_t)((double)slot * period_ns);
    sleep_until(run, due_ns);
    if (stopped(run)) {
      result->reason = GLIA_AGENT_STOPPED;
      break;
    }
    take(run, &row);
    result->samples++;
    if ((double)(row.when.monotonic_ns - due_ns) > late_share * period_ns) result->late++;
    for (int64_t i = 0; i < row.n_metrics; i++) result->missing += isnan(run->values[i]);
    result->wall_s = 1e-9 * (double)(row.when.monotonic_ns - run->start_ns);
    GLIA_TRY(sink->row(sink->self, &row));
    row.index++;
    const double passed = floor((double)(clock_ns(CLOCK_MONOTONIC) - run->start_ns) / period_ns);
    const int64_t next = (int64_t)passed > slot ? (int64_t)passed + 1 : slot + 1;
    result->skipped += (next <= last ? next : last + 1) - (slot + 1);
    slot = next;
  }
  return GLIA_OK;
}

static glia_status make_rates(const struct glia_sample_set *set, struct glia_rates **out)
{
  const int64_t n = glia_sample_set_count(set);
  const struct glia_metric *metric = glia_sample_set_metrics(set);
  glia_metric_kind *kind = malloc((size_t)(n > 0 ? n : 1) * sizeof *kind);

  GLIA_CHECK(kind != NULL, GLIA_E_MEMORY, "no memory for %lld metrics", (long long)n);
  for (int64_t i = 0; i < n; i++) kind[i] = metric[i].kind;
  const glia_status st = glia_rates_create(n, kind, out);
  free(kind);
  for (int64_t i = 0; st == GLIA_OK && i < n; i++)
    glia_rates_set_clock(*out, i, glia_sample_set_clock(set, i));
  return st;
}

glia_status glia_agent_run(struct glia_sample_set *set, const struct glia_agent_options *options,
                           const struct glia_agent_sink *sink, struct glia_agent_result *result)
{
  struct glia_agent_result unused;
  struct run run = {.set = set, .options = options};
  glia_status st;

  if (result == NULL) result = &unused;
  *result = (struct glia_agent_result){.metrics = glia_sample_set_count(set)};
  GLIA_CHECK(options->period_s >= 1e-3 && options->period_s <= 1e6, GLIA_E_ARGUMENT,
             "a period of %g s: from 1 ms to 1e6 s is possible", options->period_s);
  GLIA_CHECK(options->duration_s >= 0.0 && options->duration_s <= 1e9, GLIA_E_ARGUMENT,
             "a duration of %g s", options->duration_s);
  const size_t room = result->metrics > 0 ? (size_t)result->metrics : 1;
  run.raw = malloc(room * sizeof *run.raw);
  run.values = malloc(room * sizeof *run.values);
  GLIA_CHECK_TO(done, st, run.raw != NULL && run.values != NULL, GLIA_E_MEMORY,
                "no memory for a row of %zu", room);
  GLIA_TRY_TO(done, st, make_rates(set, &run.rates));
  st = loop(&run, sink, result);
  result->cpu_s_per_sample = run.cpu_s / (double)(result->samples + 1);

done:
  glia_rates_destroy(&run.rates);
  free(run.values);
  free(run.raw);
  return st;
}
