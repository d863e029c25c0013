/* rapl: energy of packages, cores and memory, unwrapped.  Source: the kernel's power/powercap.
 *
 * A zone's counter goes back to 0 at max_energy_range_uj, after minutes or hours: what it counted before is kept. Zones are
 * found by their name, since AMD's and Intel's have the same ones. Reading is for root on most kernels: then they are missing. */
#include "numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct glia_metric metrics[] = {
    {"node_rapl_package_joules_total", "J", GLIA_METRIC_COUNTER, "energy of the packages"},
    {"node_rapl_core_joules_total", "J", GLIA_METRIC_COUNTER, "energy of the cores"},
    {"node_rapl_uncore_joules_total", "J", GLIA_METRIC_COUNTER, "energy of what is not cores"},
    {"node_rapl_dram_joules_total", "J", GLIA_METRIC_COUNTER, "energy of the memory"},
    {"node_rapl_psys_joules_total", "J", GLIA_METRIC_COUNTER, "energy of the platform"},
};

static const char *const kinds[] = {"package", "core", "uncore", "dram", "psys"};
static const struct glia_number_rule rules[] = {
    {0, GLIA_FOLD_SUM, 1e-6, "sys/class/powercap/*-rapl:*/energy_uj"},
};

struct zone {
  int metric;     /* -1: of no kind that we know */
  double range_j; /* the counter's highest value */
  double last_j;
  double wrapped_j; /* what was counted before the last wraps */
};

struct state {
  struct glia_numbers numbers;
  struct zone *zone; /* [numbers.n_files[0]] */
};

/* The zone's number from a file beside energy_uj. */
static double beside(const char *path, const char *name, char *text, size_t size)
{
  char other[4096];
  const char *slash = strrchr(path, '/');

  snprintf(other, sizeof other, "%.*s/%s", (int)(slash - path), path, name);
  glia_line_read_(other, text, size);
  struct glia_span rest = {text, text + strlen(text)};
  return glia_span_number_(&rest);
}

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;
  char text[64];

  GLIA_TRY(glia_numbers_open_(&s->numbers, root, rules, GLIA_COUNT(rules)));
  const int n = s->numbers.n_files[0];
  s->zone = calloc((size_t)n + 1, sizeof *s->zone);
  GLIA_CHECK(s->zone != NULL, GLIA_E_MEMORY, "no memory for %d energy zones", n);
  for (int i = 0; i < n; i++) {
    const char *path = s->numbers.file[0][i].path;
    struct zone *z = &s->zone[i];
    z->range_j = 1e-6 * beside(path, "max_energy_range_uj", text, sizeof text);
    (void)beside(path, "name", text, sizeof text);
    text[strcspn(text, "-")] = '\0'; /* "package-0" */
    z->metric = -1;
    for (size_t k = 0; k < GLIA_COUNT(kinds); k++)
      if (strcmp(text, kinds[k]) == 0) z->metric = (int)k;
  }
  return GLIA_OK;
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_fold fold[GLIA_COUNT(metrics)] = {{0}};

  for (int i = 0; i < s->numbers.n_files[0]; i++) {
    struct zone *z = &s->zone[i];
    const double j = 1e-6 * glia_number_read_(&s->numbers.file[0][i]);
    if (z->metric < 0) continue;
    if (isnan(j)) return; /* a sum without one of its zones would be another counter */
    if (j < z->last_j && z->range_j > 0.0) z->wrapped_j += z->range_j;
    z->last_j = j;
    glia_fold_add_(&fold[z->metric], z->wrapped_j + j);
  }
  for (size_t k = 0; k < GLIA_COUNT(metrics); k++) out[k] = glia_fold_get_(&fold[k], GLIA_FOLD_SUM);
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_numbers_close_(&s->numbers);
  free(s->zone);
}

const struct glia_sampler glia_sampler_rapl_ = {
    .name = "rapl",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .period_s = 2.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
