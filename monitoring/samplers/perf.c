/* perf: hardware counters of all cores together, where the kernel lets us (perf_event_paranoid <= 0, or CAP_PERFMON).
 * Source: perf_event_open(2).
 *
 * One group a core, scaled by the time it was really counting, so that a user's profiler is not fought for counters. Only this
 * machine has them, no recorded node. */
#include "glia_sampler.h"

#include <linux/perf_event.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct glia_metric metrics[] = {
    {"node_perf_cpucycles_total", "1", GLIA_METRIC_COUNTER, "cycles of the cores"},
    {"node_perf_instructions_total", "1", GLIA_METRIC_COUNTER, "instructions done"},
    {"node_perf_cache_refs_total", "1", GLIA_METRIC_COUNTER, "requests to the last cache"},
    {"node_perf_cache_misses_total", "1", GLIA_METRIC_COUNTER, "requests that it did not have"},
    {"node_perf_branch_misses_total", "1", GLIA_METRIC_COUNTER, "branches guessed wrong"},
};

enum { N = GLIA_COUNT(metrics) };
static const uint64_t event[N] = {PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_HW_INSTRUCTIONS,
                                  PERF_COUNT_HW_CACHE_REFERENCES, PERF_COUNT_HW_CACHE_MISSES,
                                  PERF_COUNT_HW_BRANCH_MISSES};

struct core {
  int fd[N]; /* -1: not there */
  double scaled[N];
  double last[N], last_enabled[N], last_running[N];
};

struct state {
  int n_cores;
  struct core *core;
};

static int open_event(int cpu, uint64_t what, int leader)
{
  struct perf_event_attr a = {.type = PERF_TYPE_HARDWARE,
                              .size = sizeof a,
                              .config = what,
                              .read_format =
                                  PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
                              .exclude_hv = 1};

  return (int)syscall(SYS_perf_event_open, &a, -1, cpu, leader, PERF_FLAG_FD_CLOEXEC);
}

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;
  const long n = sysconf(_SC_NPROCESSORS_CONF);

  if (strcmp(root, "/") != 0 || n < 1) return GLIA_OK;
  s->core = calloc((size_t)n, sizeof *s->core);
  GLIA_CHECK(s->core != NULL, GLIA_E_MEMORY, "no memory for the counters of %ld cores", n);
  for (s->n_cores = 0; s->n_cores < n; s->n_cores++) {
    struct core *c = &s->core[s->n_cores];
    for (int i = 0; i < N; i++) c->fd[i] = open_event(s->n_cores, event[i], i > 0 ? c->fd[0] : -1);
    if (s->n_cores == 0 && c->fd[0] < 0) return GLIA_OK; /* not allowed, or no such counters */
  }
  return GLIA_OK;
}

/* What was counted since the last reading, stretched to the time in which it was wanted. */
static bool advance(struct core *c, int i)
{
  uint64_t word[3];

  if (c->fd[i] < 0 || read(c->fd[i], word, sizeof word) != (ssize_t)sizeof word) return false;
  const double ran = (double)word[2] - c->last_running[i];
  if (ran > 0.0)
    c->scaled[i] += ((double)word[0] - c->last[i]) * ((double)word[1] - c->last_enabled[i]) / ran;
  c->last[i] = (double)word[0];
  c->last_enabled[i] = (double)word[1];
  c->last_running[i] = (double)word[2];
  return true;
}

static void sample(void *state, double *out)
{
  struct state *s = state;

  for (int i = 0; i < N; i++) {
    double sum = 0.0;
    int n = 0;
    for (int k = 0; k < s->n_cores; k++) {
      if (!advance(&s->core[k], i)) continue;
      sum += s->core[k].scaled[i];
      n++;
    }
    if (n > 0 && n == s->n_cores) out[i] = nearbyint(sum);
  }
}

static void close_all(void *state)
{
  struct state *s = state;

  for (int k = 0; k < s->n_cores; k++)
    for (int i = 0; i < N; i++)
      if (s->core[k].fd[i] >= 0) close(s->core[k].fd[i]);
  free(s->core);
}

const struct glia_sampler glia_sampler_perf_ = {
    .name = "perf",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .period_s = 5.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
