/* loadavg: tasks that run, wait for a core or wait for a disk.  Source: proc(5), /proc/loadavg. */
#include "procfile.h"

static const struct glia_metric metrics[] = {
    {"node_load1", "1", GLIA_METRIC_GAUGE, "tasks running or waiting, average over 1 minute"},
    {"node_load5", "1", GLIA_METRIC_GAUGE, "tasks running or waiting, average over 5 minutes"},
    {"node_load15", "1", GLIA_METRIC_GAUGE, "tasks running or waiting, average over 15 minutes"},
};

struct state {
  struct glia_procfile file;
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  return glia_procfile_open_(&s->file, root, "proc/loadavg");
}

/* "0.31 0.18 0.12 2/1043 90210": the one file without names; an unreadable one is empty and gives missing numbers. */
static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_span rest = glia_procfile_read_(&s->file);

  for (size_t i = 0; i < GLIA_COUNT(metrics); i++) out[i] = glia_span_number_(&rest);
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
}

const struct glia_sampler glia_sampler_loadavg_ = {
    .name = "loadavg",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
