/* Rows of nodes on their way to the watch. A forecast of a thousand inputs costs more than all the rest that is done for a row, so a
 * thread of its own does it: whoever asks the nodes goes on asking. See collect_priv.h. */
#include "collect_priv.h"
#include "glia_log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AT_ONCE = 16, KEEP_BYTES = 4 << 20 };

struct row {
  int64_t time_ns;
  int32_t node, n; /* n values follow, and what makes the next one begin at a multiple of 8 */
};

struct glia_scoring {
  struct glia_watch *watch;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  struct glia_buffer coming,
      going; /* rows: those that arrive, those that are scored from `at` on */
  size_t at;
  size_t most_bytes;
  int64_t waiting; /* rows */
  bool working, stop;
  int held;
  struct glia_worst late_s;
};

static double age_s(int64_t time_ns)
{
  struct timespec t;

  clock_gettime(CLOCK_REALTIME, &t);
  return (double)(t.tv_sec - time_ns / 1000000000) +
         1e-9 * (double)(t.tv_nsec - time_ns % 1000000000);
}

/* A few rows from *at on, then others may have the watch. */
static double score_some(const struct glia_scoring *s, size_t *at, int *rows)
{
  double late_s = 0.0;

  for (*rows = 0; *rows < AT_ONCE && *at < s->going.n; ++*rows) {
    struct row row;
    memcpy(&row, s->going.text + *at, sizeof row);
    const float *value = (const float *)(const void *)(s->going.text + *at + sizeof row);
    if (glia_watch_row(s->watch, row.node, row.time_ns, row.n, value))
      late_s = fmax(late_s, age_s(row.time_ns));
    *at += sizeof row + (size_t)(row.n + row.n % 2) * sizeof *value;
  }
  return late_s;
}

static bool nothing_left(const struct glia_scoring *s)
{
  return s->at == s->going.n && s->coming.n == 0;
}

/* All of `going` is scored: on with what came meanwhile. */
static void turn_over(struct glia_scoring *s)
{
  struct glia_buffer empty = s->going;

  if (empty.capacity > KEEP_BYTES) glia_buffer_free(&empty); /* a gap was caught up with */
  empty.n = 0;
  s->going = s->coming;
  s->coming = empty;
  s->at = 0;
}

static void *run(void *self)
{
  struct glia_scoring *s = self;

  pthread_mutex_lock(&s->mutex);
  for (;;) {
    while (!s->stop && (s->held > 0 || nothing_left(s))) pthread_cond_wait(&s->changed, &s->mutex);
    if (s->stop) break;
    if (s->at == s->going.n) turn_over(s);
    s->working = true;
    size_t at = s->at;
    int rows;
    pthread_mutex_unlock(&s->mutex);
    const double late_s = score_some(s, &at, &rows);
    pthread_mutex_lock(&s->mutex);
    s->working = false;
    s->at = at;
    s->waiting -= rows;
    glia_worst_add_(&s->late_s, late_s, glia_time_s());
    pthread_cond_broadcast(&s->changed);
  }
  pthread_mutex_unlock(&s->mutex);
  return NULL;
}

glia_status glia_scoring_start_(struct glia_watch *watch, size_t most_bytes,
                                struct glia_scoring **out)
{
  struct glia_scoring *s = calloc(1, sizeof *s);

  *out = NULL;
  if (s == NULL) {
    glia_watch_close(&watch);
    return GLIA_FAIL(GLIA_E_MEMORY, "no memory to score rows");
  }
  s->watch = watch;
  s->most_bytes = most_bytes;
  pthread_mutex_init(&s->mutex, NULL);
  pthread_cond_init(&s->changed, NULL);
  const int failed = pthread_create(&s->thread, NULL, run, s); /* BLAS wants a whole stack */
  if (failed != 0) {
    glia_watch_close(&watch);
    free(s);
    return GLIA_FAIL(GLIA_E_MEMORY, "no thread to score rows: %s", strerror(failed));
  }
  *out = s;
  return GLIA_OK;
}

void glia_scoring_stop_(struct glia_scoring **scoring)
{
  struct glia_scoring *s = *scoring;

  if (s == NULL) return;
  pthread_mutex_lock(&s->mutex);
  s->stop = true;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
  pthread_join(s->thread, NULL);
  pthread_cond_destroy(&s->changed);
  pthread_mutex_destroy(&s->mutex);
  glia_watch_close(&s->watch);
  glia_buffer_free(&s->coming);
  glia_buffer_free(&s->going);
  free(s);
  *scoring = NULL;
}

bool glia_scoring_row_(struct glia_scoring *s, int node, int64_t time_ns, int64_t n,
                       const float *value)
{
  static const float none = 0.0F;
  const struct row row = {time_ns, node, (int32_t)n};

  pthread_mutex_lock(&s->mutex);
  const size_t before = s->coming.n;
  glia_buffer_add(&s->coming, (const char *)&row, sizeof row);
  glia_buffer_add(&s->coming, (const char *)value, (size_t)n * sizeof *value);
  if (n % 2 != 0) glia_buffer_add(&s->coming, (const char *)&none, sizeof none);
  const bool failed = s->coming.failed;
  if (failed) {
    s->coming.n = before;
    s->coming.failed = false;
  } else {
    s->waiting++;
  }
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
  return !failed;
}

bool glia_scoring_full_(struct glia_scoring *s)
{
  pthread_mutex_lock(&s->mutex);
  const bool full = s->coming.n + s->going.n - s->at > s->most_bytes;
  pthread_mutex_unlock(&s->mutex);
  return full;
}

int64_t glia_scoring_wait_(struct glia_scoring *s, double limit_s)
{
  struct timespec until;
  int late = 0;

  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += (time_t)limit_s;
  pthread_mutex_lock(&s->mutex);
  while (s->waiting > 0 && late == 0) late = pthread_cond_timedwait(&s->changed, &s->mutex, &until);
  const int64_t left = s->waiting;
  pthread_mutex_unlock(&s->mutex);
  return left;
}

int64_t glia_scoring_waiting_(struct glia_scoring *s)
{
  pthread_mutex_lock(&s->mutex);
  const int64_t waiting = s->waiting;
  pthread_mutex_unlock(&s->mutex);
  return waiting;
}

struct glia_watch *glia_scoring_hold_(struct glia_scoring *s)
{
  pthread_mutex_lock(&s->mutex);
  s->held++;
  while (s->working) pthread_cond_wait(&s->changed, &s->mutex);
  pthread_mutex_unlock(&s->mutex);
  return s->watch;
}

void glia_scoring_release_(struct glia_scoring *s)
{
  pthread_mutex_lock(&s->mutex);
  s->held--;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
}

double glia_scoring_late_s_(struct glia_scoring *s)
{
  pthread_mutex_lock(&s->mutex);
  const double late_s = glia_worst_(&s->late_s, glia_time_s());
  pthread_mutex_unlock(&s->mutex);
  return late_s;
}
