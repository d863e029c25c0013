/* cpus: what each core does, for those who scrape; stat folds the same for recordings.  Source: proc(5), /proc/stat. */
#include "procfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const modes[] = {"user",   "nice", "system",  "idle",
                                    "iowait", "irq",  "softirq", "steal"};
enum { N_MODES = GLIA_COUNT(modes), NAME_BYTES = 64, MOST_CPUS = 8192 };

struct state {
  struct glia_procfile file;
  double ticks_per_s;
  int n_cpus; /* highest number + 1 */
  struct glia_metric *metric;
  char (*name)[NAME_BYTES];
};

/* The number in "cpu17", or -1. */
static int number_of(struct glia_span word)
{
  int n = 0;

  if (!glia_span_starts_(word, "cpu") || word.end - word.at < 4 || word.end - word.at > 7)
    return -1;
  for (const char *p = word.at + 3; p < word.end; p++) {
    if (*p < '0' || *p > '9') return -1;
    n = 10 * n + (*p - '0');
  }
  return n < MOST_CPUS ? n : -1;
}

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;
  struct glia_span line;

  s->ticks_per_s = (double)sysconf(_SC_CLK_TCK);
  GLIA_TRY(glia_procfile_open_(&s->file, root, "proc/stat"));
  struct glia_span rest = glia_procfile_read_(&s->file);
  while (glia_span_line_(&rest, &line)) {
    const int number = number_of(glia_span_word_(&line));
    if (number >= s->n_cpus) s->n_cpus = number + 1;
  }
  const size_t n = (size_t)s->n_cpus * N_MODES;
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

static const struct glia_metric *discovered(const void *state, int *n_metrics)
{
  const struct state *s = state;

  *n_metrics = s->n_cpus * N_MODES;
  return s->metric;
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_span rest = glia_procfile_read_(&s->file);
  struct glia_span line;

  while (glia_span_line_(&rest, &line)) {
    const int number = number_of(glia_span_word_(&line));
    for (int m = 0; number >= 0 && number < s->n_cpus && m < N_MODES; m++)
      out[number * N_MODES + m] = glia_span_number_(&line) / s->ticks_per_s;
  }
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_procfile_close_(&s->file);
  free(s->metric);
  free(s->name);
}

const struct glia_sampler glia_sampler_cpus_ = {
    .name = "cpus",
    .state_size = sizeof(struct state),
    .detailed = true,
    .open = open_under,
    .discovered = discovered,
    .sample = sample,
    .close = close_all,
};
