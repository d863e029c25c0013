/* A team of threads: one function run by all at once, the caller among them, again and again.
 *
 * Between two runs threads wait a little on the word that starts the next one, giving way to whoever wants the core, and then
 * sleep: so a run costs a microsecond where the next one is near, and idle threads cost nothing.
 */
#ifndef TEAM_PRIV_H
#define TEAM_PRIV_H

#include "glia_status.h"

#include <pthread.h>
#include <stdatomic.h>

struct team_member {
  struct team *team;
  int index;
  pthread_t thread;
  bool started;
};

struct team {
  int n; /* threads, the caller's included */
  struct team_member *member;
  void (*run)(void *arg, int index);
  void *arg;
  atomic_long generation; /* runs begun */
  atomic_long busy;       /* members that have not finished this one */
  atomic_bool quit;
  pthread_mutex_t mutex; /* of those who sleep */
  pthread_cond_t go, done;
};

/** Start n - 1 threads. Collective: no.  Ownership: glia_team_stop_ ends them, after a failure too.  Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_team_start_(struct team *t, int n);

/** run(arg, 0) here and run(arg, 1 .. n - 1) on the others; returns when all have. Allocates nothing. */
void glia_team_run_(struct team *t, void (*run)(void *arg, int index), void *arg);

/** End the threads. What was zero and never started is welcome. */
void glia_team_stop_(struct team *t);

#endif
