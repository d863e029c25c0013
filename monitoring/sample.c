/* All samplers of one node; see glia_sample.h. */
#include "glia_sample.h"

#include "lane_priv.h"

#include <math.h>
#include <stdio.h>
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

enum { CLOCK_NAME_BYTES = 64 };
/* Rows come at a steady pace but not to the nanosecond: a period of five rows is over with the fifth. */
static const double over = 0.95;
static const int64_t at_hand_ns =
    2000000; /* of CPU time: a reading that takes longer is for a thread */

struct opened {
  const struct glia_sampler *sampler;
  void *state;
  bool ready;             /* opened: at once, or with a period at its first reading */
  struct glia_lane *lane; /* NULL: read with the row */
  double *latest;         /* [n] what is at hand: its last values; NULL: not started */
  int64_t read_ns;        /* when they were read (monotonic) */
  int64_t first;          /* its first column */
  int64_t n;
  int64_t clock; /* column of its reading time; -1: none */
  char clock_name[CLOCK_NAME_BYTES];
};

struct glia_sample_set {
  struct opened *opened; /* [n_opened] */
  int n_opened;
  struct glia_metric *metric; /* [n_metrics] */
  int64_t n_metrics;
  char *root;
  bool threads; /* what has a period is read by threads, or will be */
};

/* Append n metrics to the list of columns. */
static glia_status add_columns(struct glia_sample_set *set, const char *sampler, int64_t n,
                               const struct glia_metric *metric)
{
  if (n == 0) return GLIA_OK;
  struct glia_metric *larger = realloc(set->metric, (size_t)(set->n_metrics + n) * sizeof *larger);
  GLIA_CHECK(larger != NULL, GLIA_E_MEMORY, "no memory for %lld metrics of %s", (long long)n,
             sampler);
  set->metric = larger;
  memcpy(set->metric + set->n_metrics, metric, (size_t)n * sizeof *metric);
  set->n_metrics += n;
  return GLIA_OK;
}

static glia_status add_clock(struct glia_sample_set *set, struct opened *o)
{
  snprintf(o->clock_name, sizeof o->clock_name, "glia_sampler_read_seconds{sampler=\"%s\"}",
           o->sampler->name);
  const struct glia_metric clock = {o->clock_name, "s", GLIA_METRIC_COUNTER,
                                    "when a slow source was last read, since the node's start"};
  o->clock = set->n_metrics;
  return add_columns(set, o->sampler->name, 1, &clock);
}

/* A state of its own, or that of the sampler that it stands beside. */
static glia_status make_state(const struct glia_sample_set *set, const struct glia_sampler *sampler,
                              void **out)
{
  for (int i = 0; sampler->beside != NULL && i < set->n_opened; i++)
    if (set->opened[i].sampler == sampler->beside) {
      *out = set->opened[i].state;
      return GLIA_OK;
    }
  GLIA_CHECK(sampler->beside == NULL, GLIA_E_ARGUMENT, "sampler %s stands beside %s: open both",
             sampler->name, sampler->beside->name);
  *out = calloc(1, sampler->state_size > 0 ? sampler->state_size : 1);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "no memory for sampler %s", sampler->name);
  return GLIA_OK;
}

static glia_status add(struct glia_sample_set *set, const struct glia_sampler *sampler)
{
  struct opened *o = &set->opened[set->n_opened];
  const struct glia_metric *metric = sampler->metrics;
  int n = sampler->n_metrics;

  *o = (struct opened){.sampler = sampler, .clock = -1};
  GLIA_TRY(make_state(set, sampler, &o->state));
  set->n_opened++;
  if (sampler->period_s > 0.0) {
    GLIA_TRY(add_clock(set, o));
  } else {
    o->ready = true; /* close it, also when it fails half-way */
    GLIA_TRY(sampler->open(o->state, set->root));
    if (sampler->discovered != NULL) metric = sampler->discovered(o->state, &n);
  }
  o->first = set->n_metrics;
  o->n = n;
  return add_columns(set, sampler->name, n, metric);
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
  set->root = strdup(root);
  GLIA_CHECK_TO(fail, st, set->opened != NULL && set->root != NULL, GLIA_E_MEMORY,
                "no memory for %d samplers", n);
  for (int i = 0; i < n; i++) GLIA_TRY_TO(fail, st, add(set, samplers[i]));
  *out = set;
  return GLIA_OK;

fail:
  glia_sample_set_close(&set);
  return st;
}

static glia_status open_all(const char *root, bool detailed, struct glia_sample_set **out)
{
  const struct glia_sampler *wanted[GLIA_COUNT(all)];
  int n = 0;

  for (size_t i = 0; i < GLIA_COUNT(all); i++)
    if (detailed || !all[i]->detailed) wanted[n++] = all[i];
  return glia_sample_set_open_with(wanted, n, root, out);
}

glia_status glia_sample_set_open(const char *root, struct glia_sample_set **out)
{
  return open_all(root, false, out);
}

glia_status glia_sample_set_open_detailed(const char *root, struct glia_sample_set **out)
{
  return open_all(root, true, out);
}

void glia_sample_set_leave_slow(struct glia_sample_set *set) { set->threads = true; }

static int64_t now_ns(clockid_t clock)
{
  struct timespec t;

  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void read_at_hand(struct opened *o, int64_t now)
{
  for (int64_t i = 0; i < o->n; i++) o->latest[i] = (double)GLIA_MISSING;
  o->sampler->sample(o->state, o->latest);
  o->read_ns = now;
}

/* Its last values, read now where its period is over. All are missing where none was there. */
static void read_along(struct opened *o, int64_t now, double *out, double *read_s)
{
  int64_t found = 0;

  if ((double)(now - o->read_ns) >= over * 1e9 * o->sampler->period_s) read_at_hand(o, now);
  for (int64_t i = 0; i < o->n; i++) found += !isnan(o->latest[i]);
  memcpy(out, o->latest, (size_t)o->n * sizeof *out);
  if (found > 0) *read_s = 1e-9 * (double)o->read_ns;
}

/* Open a source at hand and read it once; where that takes long (/proc/interrupts of hundreds of cores), it is left to a thread. */
static glia_status start_along(struct opened *o, const char *root)
{
  if (!o->ready) {
    o->ready = true;
    GLIA_TRY(o->sampler->open(o->state, root));
  }
  o->latest = calloc((size_t)o->n + 1, sizeof *o->latest);
  GLIA_CHECK(o->latest != NULL, GLIA_E_MEMORY, "no memory to read %s", o->sampler->name);
  const int64_t begin_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
  read_at_hand(o, now_ns(CLOCK_MONOTONIC));
  if (now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns <= at_hand_ns) return GLIA_OK;
  free(o->latest);
  o->latest = NULL;
  return glia_lane_start_(o->sampler, root, &o->lane);
}

glia_status glia_sample_set_start(struct glia_sample_set *set)
{
  set->threads = true;
  for (int i = 0; i < set->n_opened; i++) {
    struct opened *o = &set->opened[i];
    if (o->sampler->period_s <= 0.0 || o->lane != NULL || o->latest != NULL) continue;
    GLIA_TRY(o->sampler->at_hand ? start_along(o, set->root)
                                 : glia_lane_start_(o->sampler, set->root, &o->lane));
  }
  return GLIA_OK;
}

int64_t glia_sample_set_clock(const struct glia_sample_set *set, int64_t column)
{
  for (int i = 0; i < set->n_opened; i++) {
    const struct opened *o = &set->opened[i];
    if (o->clock >= 0 && (column == o->clock || (column >= o->first && column < o->first + o->n)))
      return o->clock;
  }
  return -1;
}

int64_t glia_sample_set_count(const struct glia_sample_set *set) { return set->n_metrics; }

const struct glia_metric *glia_sample_set_metrics(const struct glia_sample_set *set)
{
  return set->metric;
}

/* A sampler with a period that is read with the row is opened by its first reading. */
static void read_inline(struct opened *o, const char *root, double *out)
{
  if (!o->ready) {
    o->ready = true;
    if (o->sampler->open(o->state, root) != GLIA_OK) glia_trace_clear(); /* it stays missing */
  }
  o->sampler->sample(o->state, out);
}

void glia_sample_take(struct glia_sample_set *set, double *out, struct glia_sample_time *when)
{
  for (int64_t i = 0; i < set->n_metrics; i++) out[i] = (double)GLIA_MISSING;
  *when = (struct glia_sample_time){now_ns(CLOCK_MONOTONIC), now_ns(CLOCK_REALTIME)};
  for (int i = 0; i < set->n_opened; i++) {
    struct opened *o = &set->opened[i];
    if (o->lane != NULL)
      (void)glia_lane_copy_(o->lane, out + o->first, &out[o->clock]);
    else if (o->latest != NULL)
      read_along(o, when->monotonic_ns, out + o->first, &out[o->clock]);
    else if (!set->threads || o->sampler->period_s <= 0.0)
      read_inline(o, set->root, out + o->first);
  }
}

void glia_sample_set_close(struct glia_sample_set **set)
{
  struct glia_sample_set *s = *set;

  if (s == NULL) return;
  for (int i = s->n_opened - 1; i >= 0; i--) {
    struct opened *o = &s->opened[i];
    glia_lane_stop_(&o->lane);
    if (o->ready) o->sampler->close(o->state);
    if (o->sampler->beside == NULL) free(o->state);
    free(o->latest);
  }
  free(s->opened);
  free(s->metric);
  free(s->root);
  free(s);
  *set = NULL;
}
