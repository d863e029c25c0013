/* See team_priv.h. */
#include "team_priv.h"

#include "glia_log.h"
#include "glia_timeline.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAUSES = 200 }; /* about a microsecond each way between two cores, several times over */
static const double patience_s =
    200e-6; /* waking a thread that sleeps takes up to half of it on virtual machines */

static inline void relax(void)
{
#ifdef __x86_64__
  __builtin_ia32_pause();
#endif
}

static bool differs(atomic_long *word, long from)
{
  return atomic_load_explicit(word, memory_order_acquire) != from;
}

/* Whether *word leaves `from` soon. */
static bool leaves_soon(atomic_long *word, long from)
{
  for (int i = 0; i < PAUSES; i++) {
    if (differs(word, from)) return true;
    relax();
  }
  for (const double end_s = glia_time_s() + patience_s; glia_time_s() < end_s;) {
    sched_yield();
    if (differs(word, from)) return true;
  }
  return false;
}

static void *member_main(void *arg)
{
  const struct team_member *m = arg;
  struct team *t = m->team;
  char name[32];

  snprintf(name, sizeof name, "worker %d", m->index);
  glia_timeline_thread(name);
  for (long seen = 0;; seen++) {
    if (!leaves_soon(&t->generation, seen)) {
      pthread_mutex_lock(&t->mutex);
      while (!differs(&t->generation, seen)) pthread_cond_wait(&t->go, &t->mutex);
      pthread_mutex_unlock(&t->mutex);
    }
    if (atomic_load(&t->quit)) return NULL;
    t->run(t->arg, m->index);
    if (atomic_fetch_sub_explicit(&t->busy, 1, memory_order_acq_rel) > 1) continue;
    pthread_mutex_lock(&t->mutex);
    pthread_cond_signal(&t->done);
    pthread_mutex_unlock(&t->mutex);
  }
}

static void begin(struct team *t)
{
  pthread_mutex_lock(&t->mutex);
  atomic_fetch_add_explicit(&t->generation, 1, memory_order_release);
  pthread_cond_broadcast(&t->go);
  pthread_mutex_unlock(&t->mutex);
}

void glia_team_run_(struct team *t, void (*run)(void *arg, int index), void *arg)
{
  if (t->n > 1) {
    t->run = run;
    t->arg = arg;
    atomic_store(&t->busy, t->n - 1);
    begin(t);
  }
  run(arg, 0);
  for (long busy; t->n > 1 && (busy = atomic_load(&t->busy)) > 0;) {
    if (leaves_soon(&t->busy, busy)) continue;
    pthread_mutex_lock(&t->mutex);
    while (atomic_load(&t->busy) > 0) pthread_cond_wait(&t->done, &t->mutex);
    pthread_mutex_unlock(&t->mutex);
  }
}

glia_status glia_team_start_(struct team *t, int n)
{
  *t = (struct team){.n = n, .member = calloc((size_t)n, sizeof *t->member)};
  GLIA_CHECK(t->member != NULL, GLIA_E_MEMORY, "a team of %d threads", n);
  pthread_mutex_init(&t->mutex, NULL);
  pthread_cond_init(&t->go, NULL);
  pthread_cond_init(&t->done, NULL);
  for (int i = 1; i < n; i++) {
    struct team_member *m = &t->member[i];
    *m = (struct team_member){.team = t, .index = i};
    m->started = pthread_create(&m->thread, NULL, member_main, m) == 0;
    GLIA_CHECK(m->started, GLIA_E_MEMORY, "cannot start worker thread %d of %d", i, n);
  }
  return GLIA_OK;
}

void glia_team_stop_(struct team *t)
{
  if (t->member == NULL) return;
  atomic_store(&t->quit, true);
  begin(t);
  for (int i = 1; i < t->n; i++)
    if (t->member[i].started) pthread_join(t->member[i].thread, NULL);
  pthread_cond_destroy(&t->go);
  pthread_cond_destroy(&t->done);
  pthread_mutex_destroy(&t->mutex);
  free(t->member);
  t->member = NULL;
}
