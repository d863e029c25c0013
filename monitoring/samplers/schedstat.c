/* schedstat: how long tasks ran and waited for a core, summed over cores.  Source: the kernel's scheduler/sched-stats. */
#include "procfile.h"

static const struct glia_metric metrics[] = {
    {"node_schedstat_running_seconds_total", "s", GLIA_METRIC_COUNTER, "time that tasks ran"},
    {"node_schedstat_waiting_seconds_total", "s", GLIA_METRIC_COUNTER,
     "time that tasks waited for a core"},
    {"node_schedstat_timeslices_total", "1", GLIA_METRIC_COUNTER, "times that a task got a core"},
};

enum { FIELDS_BEFORE = 6 };
static const double scale[] = {1e-9, 1e-9, 1.0};

struct state {
  struct glia_procfile file;
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  return glia_procfile_open_(&s->file, root, "proc/schedstat");
}

/* "cpu0 0 0 0 0 0 0 2045936778163 343796328169 8857", among "domain0 ..." and "version 15". */
static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_span rest = glia_procfile_read_(&s->file);
  struct glia_span line;
  double sum[GLIA_COUNT(metrics)] = {0};
  int cores = 0;

  while (glia_span_line_(&rest, &line)) {
    if (!glia_span_starts_(glia_span_word_(&line), "cpu")) continue;
    for (int i = 0; i < FIELDS_BEFORE; i++) glia_span_word_(&line);
    for (size_t i = 0; i < GLIA_COUNT(metrics); i++) sum[i] += glia_span_number_(&line);
    cores++;
  }
  for (size_t i = 0; cores > 0 && s->file.whole && i < GLIA_COUNT(metrics); i++)
    out[i] = sum[i] * scale[i];
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
}

const struct glia_sampler glia_sampler_schedstat_ = {
    .name = "schedstat",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
