/* stat: what the cores do, and how evenly; and beside it cpus: what each core does, for those who scrape; and softirqs: deferred
 * interrupts by what they do.
 * Source: proc(5), /proc/stat.
 *
 * Time by mode is summed over the cores. How evenly they work is told by the share of time that each was busy since the
 * last sample, folded to mean, least and most: so 2 or 256 cores give the same columns.
 */
#include "procfile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODES(X)                                                                                   \
  X(USER, "user", "time in programs")                                                              \
  X(NICE, "nice", "time in programs of low priority")                                              \
  X(SYSTEM, "system", "time in the kernel")                                                        \
  X(IDLE, "idle", "time with nothing to do")                                                       \
  X(IOWAIT, "iowait", "time with nothing to do but wait for a disk")                               \
  X(IRQ, "irq", "time in interrupts")                                                              \
  X(SOFTIRQ, "softirq", "time in deferred interrupts")                                             \
  X(STEAL, "steal", "time that the hypervisor gave to others")

enum {
#define X(id, name, help) id,
  MODES(X)
#undef X
      N_MODES,
  BUSY_MEAN = N_MODES,
  BUSY_MIN,
  BUSY_MAX,
  FIRST_KEY
};

static const char *const keys[] = {"ctxt",    "processes",     "intr",
                                   "softirq", "procs_running", "procs_blocked"};

static const struct glia_metric metrics[FIRST_KEY + GLIA_COUNT(keys)] = {
#define X(id, name, help)                                                                          \
  [id] = {"node_cpu_seconds_total{mode=\"" name "\"}", "s", GLIA_METRIC_COUNTER, help},
    MODES(X)
#undef X
        [BUSY_MEAN] = {"glia_cpu_busy_mean_ratio", "1", GLIA_METRIC_GAUGE,
                       "busy share of the cores since the last sample"},
    [BUSY_MIN] = {"glia_cpu_busy_min_ratio", "1", GLIA_METRIC_GAUGE,
                  "busy share of the idlest core since the last sample"},
    [BUSY_MAX] = {"glia_cpu_busy_max_ratio", "1", GLIA_METRIC_GAUGE,
                  "busy share of the busiest core since the last sample"},
    [FIRST_KEY] = {"node_context_switches_total", "1", GLIA_METRIC_COUNTER, "context switches"},
    {"node_forks_total", "1", GLIA_METRIC_COUNTER, "tasks started"},
    {"node_intr_total", "1", GLIA_METRIC_COUNTER, "interrupts"},
    {"node_softirqs_total", "1", GLIA_METRIC_COUNTER, "deferred interrupts"},
    {"node_procs_running", "1", GLIA_METRIC_GAUGE, "tasks that run or could run"},
    {"node_procs_blocked", "1", GLIA_METRIC_GAUGE, "tasks waiting for a disk"},
};

/* In the order of the line softirq, behind their sum, which is the kernel's own: the same counts as those of /proc/softirqs, summed over
 * cores, without a column for each core to be read. */
#define SOFTIRQS(X)                                                                                \
  X("HI")                                                                                          \
  X("TIMER")                                                                                       \
  X("NET_TX") X("NET_RX") X("BLOCK") X("IRQ_POLL") X("TASKLET") X("SCHED") X("HRTIMER") X("RCU")

static const struct glia_metric softirqs[] = {
#define X(type)                                                                                    \
  {"node_softirqs_functions_total{type=\"" type "\"}", "1", GLIA_METRIC_COUNTER,                   \
   "deferred interrupts by what they do"},
    SOFTIRQS(X)
#undef X
};

enum { NAME_BYTES = 64, MOST_CORES = 16384, N_SOFTIRQS = GLIA_COUNT(softirqs) };

struct core {
  double busy; /* ticks since boot, when they could last be told */
  double all;
  double ticks[N_MODES]; /* the same by mode */
  bool here;             /* in the last reading */
};

struct state {
  struct glia_procfile file;
  double ticks_per_s;
  struct core *core; /* [n_cores] by number; all = 0 before the first look */
  int n_cores;
  struct glia_metric *metric; /* [n_cpus N_MODES] of cpus */
  char (*name)[NAME_BYTES];
  int n_cpus; /* highest number + 1 when it was opened */
  double softirq[N_SOFTIRQS];
};

struct spread {
  double sum;
  double least;
  double most;
  int n;
};

/* The number in "cpu17", or -1. */
static int core_number(struct glia_span word)
{
  int n = 0;

  if (!glia_span_starts_(word, "cpu") || word.end - word.at < 4 || word.end - word.at > 8)
    return -1;
  for (const char *p = word.at + 3; p < word.end; p++) {
    if (*p < '0' || *p > '9') return -1;
    n = 10 * n + (*p - '0');
  }
  return n < MOST_CORES ? n : -1;
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
  free(s->core);
  s->core = NULL;
}

/* Room for twice the highest core number seen now; a core plugged in beyond that is left out of the spread. */
static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;
  struct glia_span line;

  s->ticks_per_s = (double)sysconf(_SC_CLK_TCK);
  GLIA_TRY(glia_procfile_open_(&s->file, root, "proc/stat"));
  struct glia_span rest = glia_procfile_read_(&s->file);
  while (glia_span_line_(&rest, &line)) {
    const int number = core_number(glia_span_word_(&line));
    if (number >= s->n_cpus) s->n_cpus = number + 1;
  }
  s->n_cores = 2 * s->n_cpus;
  if (s->n_cores == 0) return GLIA_OK;
  s->core = calloc((size_t)s->n_cores, sizeof *s->core);
  GLIA_CHECK(s->core != NULL, GLIA_E_MEMORY, "no memory for %d cores", s->n_cores);
  return GLIA_OK;
}

/* Ticks by mode of one line; old kernels have fewer modes, the rest is missing. */
static void read_modes(struct glia_span *line, double ticks[N_MODES])
{
  for (int m = 0; m < N_MODES; m++) ticks[m] = glia_span_number_(line);
}

static void add_core(struct core *core, const double ticks[N_MODES], struct spread *spread)
{
  double all = 0.0;

  memcpy(core->ticks, ticks, sizeof core->ticks);
  core->here = true;
  for (int m = 0; m < N_MODES; m++) all += isnan(ticks[m]) ? 0.0 : ticks[m];
  const double busy = all - ticks[IDLE] - ticks[IOWAIT];
  if (isnan(busy)) return;
  if (core->all > 0.0 && all > core->all) {
    /* The kernel's idle time may step back by a tick: keep to [0, 1]. */
    const double share = fmax(0.0, fmin(1.0, (busy - core->busy) / (all - core->all)));
    spread->sum += share;
    spread->least = spread->n == 0 ? share : fmin(spread->least, share);
    spread->most = fmax(spread->most, share);
    spread->n++;
  }
  core->busy = busy;
  core->all = all;
}

/* "softirq 295700 0 32501 4 ...", behind the sum. As many as have names, or all are missing: a kernel with others has another order. */
static void read_softirqs(struct state *s, struct glia_span line)
{
  int n = 0;

  while (n < N_SOFTIRQS && !isnan(s->softirq[n] = glia_span_number_(&line))) n++;
  const struct glia_span more = glia_span_word_(&line);
  if (n == N_SOFTIRQS && more.at == more.end) return;
  for (int i = 0; i < N_SOFTIRQS; i++) s->softirq[i] = (double)GLIA_MISSING;
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_span rest = glia_procfile_read_(&s->file);
  struct glia_span line;
  struct spread spread = {0};
  double ticks[N_MODES];

  for (int i = 0; i < s->n_cores; i++) s->core[i].here = false;
  for (int i = 0; i < N_SOFTIRQS; i++) s->softirq[i] = (double)GLIA_MISSING;
  while (glia_span_line_(&rest,
                         &line)) { /* "cpu0 4529 0 1866 93512 18 0 6 10 0 0", "ctxt 546423", ... */
    const struct glia_span word = glia_span_word_(&line);
    const int number = core_number(word);
    if (number >= 0 && number < s->n_cores) {
      read_modes(&line, ticks);
      add_core(&s->core[number], ticks, &spread);
    } else if (glia_span_is_(word, "cpu")) {
      read_modes(&line, ticks);
      for (int m = 0; m < N_MODES; m++) out[m] = ticks[m] / s->ticks_per_s;
    } else {
      const int i = glia_span_find_(word, keys, GLIA_COUNT(keys));
      if (i >= 0) out[FIRST_KEY + i] = glia_span_number_(&line);
      if (glia_span_is_(word, "softirq")) read_softirqs(s, line);
    }
  }
  if (spread.n > 0) {
    out[BUSY_MEAN] = spread.sum / spread.n;
    out[BUSY_MIN] = spread.least;
    out[BUSY_MAX] = spread.most;
  }
}

const struct glia_sampler glia_sampler_stat_ = {
    .name = "stat",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};

static const char *const modes[] = {
#define X(id, name, help) name,
    MODES(X)
#undef X
};

static glia_status open_cpus(void *state, const char *root)
{
  struct state *s = state;
  const size_t n = (size_t)s->n_cpus * N_MODES;

  (void)root; /* stat has opened it */
  s->metric = calloc(n + 1, sizeof *s->metric);
  s->name = calloc(n + 1, sizeof *s->name);
  GLIA_CHECK(s->metric != NULL && s->name != NULL, GLIA_E_MEMORY, "no memory for %d cores",
             s->n_cpus);
  for (size_t i = 0; i < n; i++) {
    snprintf(s->name[i], NAME_BYTES, "node_cpu_seconds_total{cpu=\"%zu\",mode=\"%s\"}", i / N_MODES,
             modes[i % N_MODES]);
    s->metric[i] = (struct glia_metric){s->name[i], "s", GLIA_METRIC_COUNTER,
                                        "time of each core by what it did"};
  }
  return GLIA_OK;
}

static const struct glia_metric *discovered_cpus(const void *state, int *n_metrics)
{
  const struct state *s = state;

  *n_metrics = s->n_cpus * N_MODES;
  return s->metric;
}

static void sample_cpus(void *state, double *out)
{
  const struct state *s = state;

  for (int i = 0; i < s->n_cpus; i++)
    for (int m = 0; s->core[i].here && m < N_MODES; m++)
      out[i * N_MODES + m] = s->core[i].ticks[m] / s->ticks_per_s;
}

static void close_cpus(void *state)
{
  struct state *s = state;

  free(s->metric);
  free(s->name);
  s->metric = NULL;
  s->name = NULL;
}

const struct glia_sampler glia_sampler_cpus_ = {
    .name = "cpus",
    .detailed = true,
    .beside = &glia_sampler_stat_,
    .open = open_cpus,
    .discovered = discovered_cpus,
    .sample = sample_cpus,
    .close = close_cpus,
};

static glia_status open_softirqs(void *state, const char *root)
{
  (void)state;
  (void)root; /* stat has opened it */
  return GLIA_OK;
}

static void sample_softirqs(void *state, double *out)
{
  const struct state *s = state;

  memcpy(out, s->softirq, sizeof s->softirq);
}

static void close_softirqs(void *state) { (void)state; }

const struct glia_sampler glia_sampler_softirqs_ = {
    .name = "softirqs",
    .metrics = softirqs,
    .n_metrics = N_SOFTIRQS,
    .beside = &glia_sampler_stat_,
    .open = open_softirqs,
    .sample = sample_softirqs,
    .close = close_softirqs,
};
