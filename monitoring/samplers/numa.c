/* numa: how evenly memory is used over the NUMA nodes, and what was taken elsewhere; vmstat has the other counts.
 * Source: the kernel's admin-guide/numastat, /sys/devices/system/node. */
#include "numbers.h"

#include <math.h>
#include <stdlib.h>

enum { FREE_MIN, FREE_MEAN, FREE_MAX, FOREIGN, INTERLEAVE, N_METRICS };

static const struct glia_metric metrics[N_METRICS] = {
    [FREE_MIN] = {"glia_numa_free_min_ratio", "1", GLIA_METRIC_GAUGE,
                  "free share of the fullest NUMA node"},
    [FREE_MEAN] = {"glia_numa_free_mean_ratio", "1", GLIA_METRIC_GAUGE,
                   "free share of the NUMA nodes, mean"},
    [FREE_MAX] = {"glia_numa_free_max_ratio", "1", GLIA_METRIC_GAUGE,
                  "free share of the emptiest NUMA node"},
    [FOREIGN] = {"node_memory_numa_numa_foreign_total", "1", GLIA_METRIC_COUNTER,
                 "pages wanted from a NUMA node and taken from another"},
    [INTERLEAVE] = {"node_memory_numa_interleave_hit_total", "1", GLIA_METRIC_COUNTER,
                    "interleaved pages taken from the wanted NUMA node"},
};

struct numa_node {
  struct glia_procfile meminfo, numastat;
};

struct state {
  int n;
  struct numa_node *node; /* [n] */
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;
  char **path = glia_paths_find_(root, "sys/devices/system/node/node[0-9]*");
  glia_status st = GLIA_OK;
  int n = 0;

  while (path != NULL && path[n] != NULL) n++;
  s->node = calloc((size_t)n + 1, sizeof *s->node);
  if (s->node == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "no memory for %d NUMA nodes", n);
  while (st == GLIA_OK && s->n < n) {
    struct numa_node *node = &s->node[s->n];
    st = glia_procfile_open_(&node->meminfo, path[s->n], "meminfo");
    s->n++;
    if (st == GLIA_OK) st = glia_procfile_open_(&node->numastat, path[s->n - 1], "numastat");
  }
  glia_paths_free_(path);
  return st;
}

/* "Node 0 MemTotal:  5334816 kB": free and total. */
static double free_share(struct glia_procfile *f)
{
  struct glia_span rest = glia_procfile_read_(f);
  struct glia_span line;
  double all = (double)GLIA_MISSING;
  double unused = (double)GLIA_MISSING;

  while (glia_span_line_(&rest, &line)) {
    glia_span_word_(&line);
    glia_span_word_(&line);
    const struct glia_span word = glia_span_word_(&line);
    if (glia_span_is_(word, "MemTotal:")) all = glia_span_number_(&line);
    if (glia_span_is_(word, "MemFree:")) unused = glia_span_number_(&line);
  }
  return all > 0.0 ? unused / all : (double)GLIA_MISSING; /* a node may have cores and no memory */
}

static void sample(void *state, double *out)
{
  static const char *const names[] = {"numa_foreign", "interleave_hit"};
  struct state *s = state;
  struct glia_fold share = {0};
  double sum[GLIA_COUNT(names)] = {0};

  for (int i = 0; i < s->n; i++) {
    double count[GLIA_COUNT(names)] = {(double)GLIA_MISSING, (double)GLIA_MISSING};
    glia_fold_add_(&share, free_share(&s->node[i].meminfo));
    glia_named_read_(&s->node[i].numastat, names, GLIA_COUNT(names), NULL, 1.0, count);
    for (size_t k = 0; k < GLIA_COUNT(names); k++) sum[k] += count[k];
  }
  out[FREE_MIN] = glia_fold_get_(&share, GLIA_FOLD_LEAST);
  out[FREE_MEAN] = glia_fold_get_(&share, GLIA_FOLD_MEAN);
  out[FREE_MAX] = glia_fold_get_(&share, GLIA_FOLD_MOST);
  for (size_t k = 0; s->n > 0 && k < GLIA_COUNT(names); k++) out[FOREIGN + k] = sum[k];
}

static void close_all(void *state)
{
  struct state *s = state;

  for (int i = 0; i < s->n; i++) {
    glia_procfile_close_(&s->node[i].meminfo);
    glia_procfile_close_(&s->node[i].numastat);
  }
  free(s->node);
}

const struct glia_sampler glia_sampler_numa_ = {
    .name = "numa",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .period_s = 10.0,
    .at_hand = true,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
