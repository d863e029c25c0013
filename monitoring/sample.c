/* All samplers of one node; see glia_sample.h. */
#include "glia_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SAMPLER(name) extern const struct glia_sampler glia_sampler_##name##_;
#include "samplers.def"
#undef SAMPLER

static const struct glia_sampler *const all[] = {
#define SAMPLER(name) &glia_sampler_##name##_,
#include "samplers.def"
#undef SAMPLER
};

struct opened {
  const struct glia_sampler *sampler;
  void *state;
  int64_t first; /* its first column */
};

struct glia_sample_set {
  struct opened *opened; /* [n_opened] */
  int n_opened;
  struct glia_metric *metric; /* [n_metrics] */
  int64_t n_metrics;
};

/* Append the metrics of one opened sampler to the list of columns. */
static glia_status add_columns(struct glia_sample_set *set, struct opened *o)
{
  int n = o->sampler->n_metrics;
  const struct glia_metric *metric = o->sampler->metrics;

  if (o->sampler->discovered != NULL) metric = o->sampler->discovered(o->state, &n);
  o->first = set->n_metrics;
  if (n == 0) return GLIA_OK;
  struct glia_metric *larger = realloc(set->metric, (size_t)(set->n_metrics + n) * sizeof *larger);
  GLIA_CHECK(larger != NULL, GLIA_E_MEMORY, "no memory for %d metrics of %s", n, o->sampler->name);
  set->metric = larger;
  memcpy(set->metric + set->n_metrics, metric, (size_t)n * sizeof *metric);
  set->n_metrics += n;
  return GLIA_OK;
}

static glia_status add(struct glia_sample_set *set, const struct glia_sampler *sampler,
                       const char *root)
{
  struct opened *o = &set->opened[set->n_opened];

  o->sampler = sampler;
  o->state = calloc(1, sampler->state_size > 0 ? sampler->state_size : 1);
  GLIA_CHECK(o->state != NULL, GLIA_E_MEMORY, "no memory for sampler %s", sampler->name);
  set->n_opened++;
  GLIA_TRY(sampler->open(o->state, root));
  return add_columns(set, o);
}

glia_status glia_sample_set_open_with(const struct glia_sampler *const *samplers, int n,
                                      const char *root, struct glia_sample_set **out)
{
  struct stat info;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(stat(root, &info) == 0 && S_ISDIR(info.st_mode), GLIA_E_MISSING,
             "%s: no folder to read a node from", root);
  struct glia_sample_set *set = calloc(1, sizeof *set);
  GLIA_CHECK(set != NULL, GLIA_E_MEMORY, "no memory for the samplers");
  set->opened = calloc(n > 0 ? (size_t)n : 1, sizeof *set->opened);
  GLIA_CHECK_TO(fail, st, set->opened != NULL, GLIA_E_MEMORY, "no memory for %d samplers", n);
  for (int i = 0; i < n; i++) GLIA_TRY_TO(fail, st, add(set, samplers[i], root));
  *out = set;
  return GLIA_OK;

fail:
  glia_sample_set_close(&set);
  return st;
}

glia_status glia_sample_set_open(const char *root, struct glia_sample_set **out)
{
  return glia_sample_set_open_with(all, GLIA_COUNT(all), root, out);
}

int64_t glia_sample_set_count(const struct glia_sample_set *set) { return set->n_metrics; }

const struct glia_metric *glia_sample_set_metrics(const struct glia_sample_set *set)
{
  return set->metric;
}

static int64_t now_ns(clockid_t clock)
{
  struct timespec t;

  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void glia_sample_take(struct glia_sample_set *set, double *out, struct glia_sample_time *when)
{
  for (int64_t i = 0; i < set->n_metrics; i++) out[i] = (double)GLIA_MISSING;
  *when = (struct glia_sample_time){now_ns(CLOCK_MONOTONIC), now_ns(CLOCK_REALTIME)};
  for (int i = 0; i < set->n_opened; i++)
    set->opened[i].sampler->sample(set->opened[i].state, out + set->opened[i].first);
}

void glia_sample_set_close(struct glia_sample_set **set)
{
  struct glia_sample_set *s = *set;

  if (s == NULL) return;
  for (int i = 0; i < s->n_opened; i++) {
    s->opened[i].sampler->close(s->opened[i].state);
    free(s->opened[i].state);
  }
  free(s->opened);
  free(s->metric);
  free(s);
  *set = NULL;
}
