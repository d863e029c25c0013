/* pressure: time lost because a resource was short; the best single sign of an overloaded node.
 * Source: the kernel's accounting/psi documentation, /proc/pressure.
 *
 * Absent before Linux 4.20 and where psi=0: everything is missing then.
 */
#include "procfile.h"

static const struct glia_metric metrics[] = {
    {"node_pressure_cpu_waiting_seconds_total", "s", GLIA_METRIC_COUNTER,
     "time with tasks waiting for a core"},
    {"node_pressure_memory_waiting_seconds_total", "s", GLIA_METRIC_COUNTER,
     "time with tasks waiting for memory"},
    {"node_pressure_memory_stalled_seconds_total", "s", GLIA_METRIC_COUNTER,
     "time with all tasks waiting for memory"},
    {"node_pressure_io_waiting_seconds_total", "s", GLIA_METRIC_COUNTER,
     "time with tasks waiting for a disk"},
    {"node_pressure_io_stalled_seconds_total", "s", GLIA_METRIC_COUNTER,
     "time with all tasks waiting for a disk"},
    {"node_pressure_irq_stalled_seconds_total", "s", GLIA_METRIC_COUNTER,
     "time with all tasks held up by interrupts"},
};

enum { NONE = -1 };

/* One file each; "some" = at least one task waited, "full" = all did (which says nothing about a whole machine's cores). */
static const struct {
  const char *path;
  int some; /* index of its metric */
  int full;
} source[] = {
    {"proc/pressure/cpu", 0, NONE},
    {"proc/pressure/memory", 1, 2},
    {"proc/pressure/io", 3, 4},
    {"proc/pressure/irq", NONE, 5},
};

struct state {
  struct glia_procfile file[GLIA_COUNT(source)];
};

static void close_all(void *state)
{
  struct state *s = state;

  for (size_t i = 0; i < GLIA_COUNT(source); i++) glia_procfile_close_(&s->file[i]);
}

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  for (size_t i = 0; i < GLIA_COUNT(source); i++)
    GLIA_TRY(glia_procfile_open_(&s->file[i], root, source[i].path));
  return GLIA_OK;
}

static void sample(void *state, double *out)
{
  struct state *s = state;

  for (size_t i = 0; i < GLIA_COUNT(source); i++) {
    struct glia_span rest = glia_procfile_read_(&s->file[i]);
    struct glia_span line;

    while (glia_span_line_(&rest,
                           &line)) { /* "some avg10=0.00 avg60=0.00 avg300=0.00 total=7715289" */
      const struct glia_span kind = glia_span_word_(&line);
      const int m = glia_span_is_(kind, "some")   ? source[i].some
                    : glia_span_is_(kind, "full") ? source[i].full
                                                  : NONE;
      if (m != NONE && glia_span_seek_(&line, "total=")) out[m] = glia_span_number_(&line) * 1e-6;
    }
  }
}

const struct glia_sampler glia_sampler_pressure_ = {
    .name = "pressure",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
