/* The slow lane; see lane_priv.h. */
#include "lane_priv.h"

#include "thread_priv.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double nanoseconds = 1e-9;
static const double wait_for_end_s = 0.5;
static const double patience_s = 2.0; /* on top of three periods */
static const double nothing_there =
    10; /* periods until a source without any value is looked at again */

struct glia_lane {
  const struct glia_sampler *sampler;
  char *root;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool stop;   /* wanted */
  bool ended;  /* the thread is about to return */
  bool orphan; /* nobody will join: the thread frees the lane */
  bool there;  /* latest holds a reading */
  double read_s;
  double *latest; /* [n_metrics] */
  double *fresh;  /* [n_metrics] of the thread alone */
  void *state;    /* of the thread alone */
};

static double now_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + nanoseconds * (double)t.tv_nsec;
}

static struct timespec at(double s)
{
  const double whole = floor(s);

  return (struct timespec){.tv_sec = (time_t)whole, .tv_nsec = (long)((s - whole) / nanoseconds)};
}

static void destroy(struct glia_lane *lane)
{
  pthread_cond_destroy(&lane->changed);
  pthread_mutex_destroy(&lane->mutex);
  free(lane->root);
  free(lane->latest);
  free(lane->fresh);
  free(lane->state);
  free(lane);
}

/* Read once and publish; how many values were there. */
static int read_once(struct glia_lane *lane)
{
  const int n = lane->sampler->n_metrics;
  const double read_s = now_s();
  int found = 0;

  for (int i = 0; i < n; i++) lane->fresh[i] = (double)GLIA_MISSING;
  lane->sampler->sample(lane->state, lane->fresh);
  for (int i = 0; i < n; i++) found += !isnan(lane->fresh[i]);
  pthread_mutex_lock(&lane->mutex);
  memcpy(lane->latest, lane->fresh, (size_t)n * sizeof *lane->latest);
  lane->read_s = read_s;
  lane->there = found > 0;
  pthread_mutex_unlock(&lane->mutex);
  return found;
}

static void *run(void *self)
{
  struct glia_lane *lane = self;
  const bool opened = lane->sampler->open(lane->state, lane->root) == GLIA_OK;
  double due_s = now_s();

  pthread_mutex_lock(&lane->mutex);
  while (!lane->stop && opened) {
    pthread_mutex_unlock(&lane->mutex);
    const int found = read_once(lane);
    due_s = fmax(due_s, now_s() - lane->sampler->period_s) +
            lane->sampler->period_s * (found > 0 ? 1.0 : nothing_there);
    const struct timespec wake = at(due_s);
    pthread_mutex_lock(&lane->mutex);
    while (!lane->stop && now_s() < due_s)
      pthread_cond_timedwait(&lane->changed, &lane->mutex, &wake);
  }
  pthread_mutex_unlock(&lane->mutex);
  lane->sampler->close(lane->state);
  pthread_mutex_lock(&lane->mutex);
  lane->ended = true;
  const bool orphan = lane->orphan;
  pthread_cond_broadcast(&lane->changed);
  pthread_mutex_unlock(&lane->mutex);
  if (orphan) destroy(lane);
  return NULL;
}

glia_status glia_lane_start_(const struct glia_sampler *sampler, const char *root,
                             struct glia_lane **out)
{
  const size_t n = sampler->n_metrics > 0 ? (size_t)sampler->n_metrics : 1;
  struct glia_lane *lane = calloc(1, sizeof *lane);

  *out = NULL;
  GLIA_CHECK(lane != NULL, GLIA_E_MEMORY, "no memory to read %s", sampler->name);
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_mutex_init(&lane->mutex, NULL);
  pthread_cond_init(&lane->changed, &clock);
  pthread_condattr_destroy(&clock);
  lane->sampler = sampler;
  lane->root = strdup(root);
  lane->latest = calloc(n, sizeof *lane->latest);
  lane->fresh = calloc(n, sizeof *lane->fresh);
  lane->state = calloc(1, sampler->state_size > 0 ? sampler->state_size : 1);
  glia_status st;
  GLIA_CHECK_TO(fail, st,
                lane->root != NULL && lane->latest != NULL && lane->fresh != NULL &&
                    lane->state != NULL,
                GLIA_E_MEMORY, "no memory to read %s", sampler->name);
  const int failed = glia_thread_start_(&lane->thread, run, lane);
  GLIA_CHECK_TO(fail, st, failed == 0, GLIA_E_MEMORY, "no thread to read %s: %s", sampler->name,
                strerror(failed));
  *out = lane;
  return GLIA_OK;

fail:
  destroy(lane);
  return st;
}

bool glia_lane_copy_(struct glia_lane *lane, double *out, double *read_s)
{
  pthread_mutex_lock(&lane->mutex);
  const bool good =
      lane->there && now_s() - lane->read_s <= 3.0 * lane->sampler->period_s + patience_s;
  if (good) {
    memcpy(out, lane->latest, (size_t)lane->sampler->n_metrics * sizeof *out);
    *read_s = lane->read_s;
  }
  pthread_mutex_unlock(&lane->mutex);
  return good;
}

void glia_lane_stop_(struct glia_lane **lane)
{
  struct glia_lane *l = *lane;

  *lane = NULL;
  if (l == NULL) return;
  const struct timespec until = at(now_s() + wait_for_end_s);
  int late = 0;
  pthread_mutex_lock(&l->mutex);
  l->stop = true;
  pthread_cond_broadcast(&l->changed);
  while (!l->ended && late == 0) late = pthread_cond_timedwait(&l->changed, &l->mutex, &until);
  const bool ended = l->ended;
  l->orphan = !ended;
  const pthread_t thread = l->thread;
  pthread_mutex_unlock(&l->mutex);
  if (!ended) {
    pthread_detach(thread);
    return;
  }
  pthread_join(thread, NULL);
  destroy(l);
}
