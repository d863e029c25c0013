/* interrupts: by kind, summed over cores; those of devices together. The file grows with cores times devices.
 * Source: proc(5), /proc/interrupts. */
#include "procfile.h"

/* Name in the file, help; DEVICES comes last: all lines that begin with a number. */
#define TYPES(X)                                                                                   \
  X("NMI")                                                                                         \
  X("LOC")                                                                                         \
  X("PMI")                                                                                         \
  X("IWI")                                                                                         \
  X("RES")                                                                                         \
  X("CAL")                                                                                         \
  X("TLB")                                                                                         \
  X("TRM")                                                                                         \
  X("THR")                                                                                         \
  X("DFR")                                                                                         \
  X("MCE")                                                                                         \
  X("ERR")                                                                                         \
  X("MIS")

static const char *const keys[] = {
#define X(type) type ":",
    TYPES(X)
#undef X
};

static const struct glia_metric metrics[GLIA_COUNT(keys) + 1] = {
#define X(type)                                                                                    \
  {"node_interrupts_total{type=\"" type "\"}", "1", GLIA_METRIC_COUNTER, "interrupts by kind"},
    TYPES(X)
#undef X
        {"node_interrupts_total{type=\"devices\"}", "1", GLIA_METRIC_COUNTER, "interrupts by kind"},
};

struct state {
  struct glia_procfile file;
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  return glia_procfile_open_(&s->file, root, "proc/interrupts");
}

static bool is_number(struct glia_span word)
{
  for (const char *p = word.at; p < word.end - 1; p++)
    if (*p < '0' || *p > '9') return false;
  return word.end - word.at > 1 && word.end[-1] == ':';
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_span rest = glia_procfile_read_(&s->file);
  struct glia_span line;
  double devices = 0.0;

  if (rest.at == rest.end) return;
  while (glia_span_line_(&rest, &line)) { /* "LOC:  146993  150978  Local timer interrupts" */
    const struct glia_span word = glia_span_word_(&line);
    const int i = glia_span_find_(word, keys, GLIA_COUNT(keys));
    if (i >= 0)
      out[i] = glia_span_sum_(&line);
    else if (is_number(word))
      devices += glia_span_sum_(&line);
  }
  if (s->file.whole) out[GLIA_COUNT(keys)] = devices;
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
}

const struct glia_sampler glia_sampler_interrupts_ = {
    .name = "interrupts",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .period_s = 10.0,
    .at_hand = true,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
