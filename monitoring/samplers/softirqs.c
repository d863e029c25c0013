/* softirqs: deferred interrupts by what they do, summed over cores.  Source: proc(5), /proc/softirqs. */
#include "procfile.h"

#define TYPES(X)                                                                                   \
  X("HI")                                                                                          \
  X("TIMER")                                                                                       \
  X("NET_TX") X("NET_RX") X("BLOCK") X("IRQ_POLL") X("TASKLET") X("SCHED") X("HRTIMER") X("RCU")

static const char *const keys[] = {
#define X(type) type ":",
    TYPES(X)
#undef X
};

static const struct glia_metric metrics[] = {
#define X(type)                                                                                    \
  {"node_softirqs_functions_total{type=\"" type "\"}", "1", GLIA_METRIC_COUNTER,                   \
   "deferred interrupts by what they do"},
    TYPES(X)
#undef X
};

struct state {
  struct glia_procfile file;
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  return glia_procfile_open_(&s->file, root, "proc/softirqs");
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_span rest = glia_procfile_read_(&s->file);
  struct glia_span line;

  while (glia_span_line_(&rest, &line)) { /* "  NET_RX:  1683  1915" */
    const int i = glia_span_find_(glia_span_word_(&line), keys, GLIA_COUNT(keys));
    if (i >= 0) out[i] = glia_span_sum_(&line);
  }
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
}

const struct glia_sampler glia_sampler_softirqs_ = {
    .name = "softirqs",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
