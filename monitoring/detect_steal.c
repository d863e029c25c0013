/* Seconds that the hypervisor gave to others: what a node does then says nothing about it. Samples with more than a twentieth of them are
 * neither fitted on nor scored, and counted. Columns are those of node_cpu_seconds_total, sums or means, as rates. */
#include "detect_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double MOST = 0.05;

static bool is_time(const char *name)
{
  return strncmp(name, "node_cpu_seconds_total{", 23) == 0 && strstr(name, "of=\"max\"") == NULL &&
         strstr(name, "of=\"spread\"") == NULL;
}

glia_status glia_steal_open_(struct glia_steal *s, int n_metrics, const char *const *metric)
{
  *s = (struct glia_steal){0};
  s->column = malloc(((size_t)n_metrics + 1) * sizeof *s->column);
  s->stolen = malloc((size_t)n_metrics + 1);
  s->idle = malloc((size_t)n_metrics + 1);
  if (s->column == NULL || s->stolen == NULL || s->idle == NULL) {
    glia_steal_close_(s);
    return GLIA_FAIL(GLIA_E_MEMORY, "%d columns", n_metrics);
  }
  for (int m = 0; m < n_metrics; m++) {
    if (!is_time(metric[m])) continue;
    s->column[s->n] = m;
    s->idle[s->n] = strstr(metric[m], "mode=\"idle\"") != NULL;
    s->stolen[s->n++] = strstr(metric[m], "mode=\"steal\"") != NULL;
  }
  return GLIA_OK;
}

void glia_steal_close_(struct glia_steal *s)
{
  free(s->column);
  free(s->stolen);
  free(s->idle);
  *s = (struct glia_steal){0};
}

bool glia_stolen_(const struct glia_steal *s, const float *values)
{
  double all = 0.0, stolen = 0.0;
  bool idle = false;

  for (int k = 0; k < s->n; k++) {
    const double v = (double)values[s->column[k]];
    if (isnan(v)) continue;
    idle = idle || s->idle[k]; /* 0 is one, too */
    if (v <= 0.0) continue;
    all += v;
    if (s->stolen[k]) stolen += v;
  }
  return idle && stolen > MOST * all;
}
