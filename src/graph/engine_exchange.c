/* Sums of a step on their way across ranks: started while micro-batches run, waited for when the epilogue needs them.
 *
 * A bucket starts when the last worker of this rank has finished with it, in the order of the buckets, which is the same on all ranks.
 * Whoever comes by moves it on: a worker between two kernels (polling), the caller at the end (blocking), or a thread of its own.
 */
#include "engine_priv.h"
#include "glia_log.h"
#include "glia_pause.h"
#include "glia_timeline.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double poll_period_s =
    100e-6; /* below it a poll finds nothing new; ENGINE.md, finding 1 */

static struct glia_bucket bucket_of(const struct glia_engine *e, int b)
{
  return (struct glia_bucket){b, e->c->bucket[b].dtype, e->c->bucket[b].n};
}

static void fail(struct drive *d, glia_status st)
{
  if (atomic_load(&d->failed)) return;
  d->status = st;
  snprintf(d->trace, sizeof d->trace, "%s", glia_trace());
  atomic_store(&d->failed, true);
}

/* Parts of all workers, side by side; returns their number. */
static int gather(const struct glia_engine *e, struct flight *f)
{
  int n = 0;

  for (int t = 0; t < e->threads; t++)
    for (int i = 0; i < f->n_parts[t]; i++) f->part[n++] = f->part[t * e->depth + i];
  return n;
}

static void start(struct glia_engine *e, int b)
{
  struct drive *d = &e->drive;
  struct flight *f = &d->flight[b];
  const struct glia_bucket bucket = bucket_of(e, b);
  const int n = gather(e, f);

  /* in one phase the sum may stand in the first part's memory: nobody else reads that */
  if (n > 0 && e->c->phases == 1 && e->totals == NULL)
    e->total = (char *)f->part[0].data - e->c->bucket[b].offset;
  f->start_s = glia_time_s();
  if (d->under_way++ == 0) d->from_s = f->start_s;
  const glia_status st = e->exchange->start(e->exchange->self, &bucket, e->v, n, f->part,
                                            e->total + e->c->bucket[b].offset);
  if (st != GLIA_OK) fail(d, st);
}

/* Wait for a bucket, which returns at once when it is there. */
static void arrive(struct glia_engine *e, int b)
{
  struct drive *d = &e->drive;
  struct flight *f = &d->flight[b];
  const struct glia_bucket bucket = bucket_of(e, b);
  const glia_status st = e->exchange->wait(e->exchange->self, &bucket);

  if (st != GLIA_OK) {
    fail(d, st);
    return;
  }
  const double now_s = glia_time_s();
  f->seen = true;
  glia_timeline_add(GLIA_EVENT_FLIGHT, "bucket", b, f->start_s, now_s);
  if (--d->under_way == 0) e->stat.exchange_s += now_s - d->from_s;
}

/* See what is there; the first so many that are may be read. */
static void look(struct glia_engine *e)
{
  struct drive *d = &e->drive;
  int n = atomic_load_explicit(&d->n_seen, memory_order_relaxed);

  for (int b = n; b < d->next && !atomic_load(&d->failed); b++) {
    const struct glia_bucket bucket = bucket_of(e, b);
    if (!d->flight[b].seen && e->exchange->test(e->exchange->self, &bucket)) arrive(e, b);
  }
  while (n < d->next && d->flight[n].seen) n++;
  atomic_store_explicit(&d->n_seen, n, memory_order_release);
}

/* Start what is ready, move what is under way. With the mutex. */
static void drive(struct glia_engine *e)
{
  struct drive *d = &e->drive;

  if (atomic_load(&d->failed)) return;
  while (d->next < d->end && !atomic_load(&d->failed) &&
         atomic_load_explicit(&d->flight[d->next].ready, memory_order_acquire) == d->workers)
    start(e, d->next++);
  if (d->under_way > 0) e->exchange->poll(e->exchange->self);
  look(e);
}

/* Slice `thread` of every bucket of the phase. */
static void join_slice(void *engine, int thread)
{
  const struct glia_engine *e = engine;
  struct glia_part *part = e->worker[thread].join;

  for (int b = glia_engine_first_bucket_(e); b < e->c->buckets_end[e->phase]; b++) {
    const struct bucket_plan *plan = &e->c->bucket[b];
    const struct flight *f = &e->drive.flight[b];
    int64_t lo, hi;
    int n = 0;
    glia_share_(plan->n, thread, e->threads, &lo, &hi);
    for (int t = 0; t < e->threads; t++)
      for (int i = 0; i < f->n_parts[t]; i++) {
        struct glia_part *p = &part[n++];
        *p = f->part[t * e->depth + i];
        p->data = (char *)p->data + (size_t)lo * glia_dtype_size(plan->dtype);
      }
    glia_tree_join(e->v, plan->dtype, hi - lo, n, part);
  }
}

void glia_drive_join_(struct glia_engine *e)
{
  const int first = glia_engine_first_bucket_(e), end = e->c->buckets_end[e->phase];

  if (first == end) return;
  glia_team_run_(&e->team, join_slice, e);
  for (int b = first; b < end;
       b++) { /* their numbers are there already: what remains is which parts they are */
    struct flight *f = &e->drive.flight[b];
    const int n = gather(e, f);
    memset(f->n_parts, 0, (size_t)e->threads * sizeof *f->n_parts);
    f->n_parts[0] = glia_tree_join(e->v, e->c->bucket[b].dtype, 0, n, f->part);
  }
}

/* Time of a worker that the exchange took; returns it. */
static double spend(struct glia_engine *e, const char *what, int64_t arg, double from_s)
{
  const double now_s = glia_time_s();

  e->stat.exposed_s += now_s - from_s;
  if (arg >= 0 || glia_timeline_detailed()) /* polls are many */
    glia_timeline_add(GLIA_EVENT_EXCHANGE, what, arg, from_s, now_s);
  return now_s - from_s;
}

static void drive_as_worker(struct glia_engine *e, const char *what, int64_t arg)
{
  struct drive *d = &e->drive;
  const double from_s = glia_time_s();

  if (d->progress == GLIA_PROGRESS_THREAD || pthread_mutex_trylock(&d->mutex) != 0) return;
  drive(e);
  atomic_store_explicit(&d->polled_s, glia_time_s(), memory_order_relaxed);
  e->stat.move_s += spend(e, what, arg, from_s);
  pthread_mutex_unlock(&d->mutex);
}

_Thread_local struct glia_pause glia_pause_;

void glia_drive_poll_(void *self)
{
  struct glia_engine *e = self;

  if (glia_time_s() - atomic_load_explicit(&e->drive.polled_s, memory_order_relaxed) >
      poll_period_s)
    drive_as_worker(e, "poll", -1);
}

bool glia_drive_early_(const struct glia_engine *e)
{
  return e->drive.progress != GLIA_PROGRESS_BLOCKING && e->feed->take == NULL;
}

void glia_drive_ready_(struct worker *w, int b, int64_t index, char *own)
{
  struct glia_engine *e = w->e;
  struct flight *f = &e->drive.flight[b];
  const struct bucket_plan *plan = &e->c->bucket[b];
  struct glia_part *part = f->part + w->index * e->depth;
  int n = 0;

  for (int i = 0; i < w->n_nodes; i++) part[n++] = w->node[i];
  if (own != NULL) part[n++] = (struct glia_part){index, index + 1, own};
  for (int i = 0; i < n; i++) part[i].data = (char *)part[i].data + plan->offset;
  const double t0 = glia_time_s();
  f->n_parts[w->index] = glia_tree_join(e->v, plan->dtype, plan->n, n, part);
  if (own != NULL) w->stat.join_s += glia_time_s() - t0; /* from within kernels */
  atomic_fetch_add_explicit(&f->ready, 1, memory_order_acq_rel);
  if (glia_drive_early_(e)) drive_as_worker(e, "start", b);
}

void glia_drive_open_(struct glia_engine *e)
{
  struct drive *d = &e->drive;
  const int64_t workers = (int64_t)e->exchange->size * e->threads;
  const int64_t own = (int64_t)e->exchange->rank * e->threads;

  pthread_mutex_lock(&d->mutex);
  d->next = glia_engine_first_bucket_(e);
  d->end = e->c->buckets_end[e->phase];
  d->workers = d->under_way = 0;
  for (int t = 0; t < e->threads; t++)
    d->workers +=
        glia_tree_range(e->v, workers, own + t) < glia_tree_range(e->v, workers, own + t + 1);
  for (int b = d->next; b < d->end; b++) {
    struct flight *f = &d->flight[b];
    atomic_store(&f->ready, 0);
    f->seen = false;
    memset(f->n_parts, 0, (size_t)e->threads * sizeof *f->n_parts);
  }
  atomic_store(&d->n_seen, d->next);
  d->busy = d->next < d->end;
  if (d->started && d->busy) pthread_cond_signal(&d->go);
  pthread_mutex_unlock(&d->mutex);
}

static glia_status outcome(struct drive *d)
{
  if (!atomic_load(&d->failed)) return GLIA_OK;
  glia_trace_set(d->trace);
  return d->status;
}

/* The other thread drives: wait for what it sees. */
static void wait_for_thread(struct glia_engine *e, int n)
{
  struct drive *d = &e->drive;

  for (int turn = 0; atomic_load_explicit(&d->n_seen, memory_order_acquire) < n; turn++) {
    if (atomic_load(&d->failed)) return;
    if (turn > 1000) sched_yield();
  }
}

glia_status glia_drive_wait_(struct glia_engine *e, int n)
{
  struct drive *d = &e->drive;

  if (d->progress == GLIA_PROGRESS_BLOCKING) n = d->end; /* nothing behind the first sums either */
  if (atomic_load_explicit(&d->n_seen, memory_order_acquire) >= n) return GLIA_OK;
  const double from_s = glia_time_s();
  if (d->progress == GLIA_PROGRESS_THREAD)
    wait_for_thread(e, n);
  else {
    pthread_mutex_lock(&d->mutex);
    drive(e);
    for (int b = atomic_load(&d->n_seen); b < n && !atomic_load(&d->failed); b++) {
      if (!d->flight[b].seen) arrive(e, b);
      look(e);
    }
    pthread_mutex_unlock(&d->mutex);
  }
  e->stat.wait_s += spend(e, "wait", n - 1, from_s);
  return outcome(d);
}

glia_status glia_drive_meet_(struct glia_engine *e)
{
  struct drive *d = &e->drive;

  if (e->states == NULL) return GLIA_OK;
  const double from_s = glia_time_s();
  pthread_mutex_lock(&d->mutex);
  const double locked_s = glia_time_s(); /* a thread had it, to move sums */
  drive(e); /* others wait at buckets of this rank: what is ready starts before it waits for them */
  const glia_status st =
      atomic_load(&d->failed) ? outcome(d) : e->exchange->meet(e->exchange->self);
  const double now_s = glia_time_s();
  e->stat.wait_s +=
      now_s - from_s; /* for ranks; but nothing hides sums that are under way meanwhile */
  e->stat.exposed_s += locked_s - from_s;
  if (d->under_way > 0) e->stat.exposed_s += now_s - (d->from_s > locked_s ? d->from_s : locked_s);
  pthread_mutex_unlock(&d->mutex);
  glia_timeline_add(GLIA_EVENT_EXCHANGE, "meet", 0, from_s, now_s);
  return st;
}

/* Drive one phase to its end. When all that is left has been started, waiting does it, and watches for ranks that stall. */
static void drive_phase(struct glia_engine *e)
{
  struct drive *d = &e->drive;

  for (int turn = 0;; turn++) {
    pthread_mutex_lock(&d->mutex);
    drive(e);
    const int b = atomic_load(&d->n_seen);
    bool go_on = b < d->end && !d->quit && !atomic_load(&d->failed);
    if (go_on && d->next == d->end && turn > 1000) {
      arrive(e, b);
      look(e);
    }
    go_on = go_on && !atomic_load(&d->failed);
    if (!go_on) d->busy = false;
    pthread_mutex_unlock(&d->mutex);
    if (!go_on) return;
    if (turn % 64 == 63) sched_yield();
  }
}

static void *drive_main(void *arg)
{
  struct glia_engine *e = arg;
  struct drive *d = &e->drive;

  glia_timeline_thread("communication");
  if (e->place != NULL) e->place(e->placer, e->threads);
  for (;;) {
    pthread_mutex_lock(&d->mutex);
    while (!d->quit && !d->busy) pthread_cond_wait(&d->go, &d->mutex);
    const bool quit = d->quit;
    pthread_mutex_unlock(&d->mutex);
    if (quit) return NULL;
    drive_phase(e);
  }
}

static void stop_thread(struct drive *d)
{
  if (!d->started) return;
  pthread_mutex_lock(&d->mutex);
  d->quit = true;
  pthread_cond_signal(&d->go);
  pthread_mutex_unlock(&d->mutex);
  pthread_join(d->thread, NULL);
  d->started = d->quit = false;
}

glia_status glia_engine_progress(struct glia_engine *e, glia_progress progress)
{
  struct drive *d = &e->drive;

  stop_thread(d);
  d->progress = progress;
  if (progress != GLIA_PROGRESS_THREAD) return GLIA_OK;
  d->started = pthread_create(&d->thread, NULL, drive_main, e) == 0;
  GLIA_CHECK(d->started, GLIA_E_MEMORY, "cannot start a thread for the exchange");
  return GLIA_OK;
}

static void place_worker(void *engine, int worker)
{
  const struct glia_engine *e = engine;

  e->place(e->placer, worker);
}

void glia_engine_place(struct glia_engine *e, void (*place)(void *self, int worker), void *self)
{
  e->place = place;
  e->placer = self;
  glia_team_run_(&e->team, place_worker, e);
}

static int most_buckets(const struct glia_program *p)
{
  int most = 1;

  for (int i = 0; i < p->n_entries; i++)
    if (p->entry[i].n_buckets > most) most = p->entry[i].n_buckets;
  return most;
}

glia_status glia_drive_init_(struct glia_engine *e)
{
  struct drive *d = &e->drive;
  const int n = most_buckets(e->p);

  pthread_mutex_init(&d->mutex, NULL);
  pthread_cond_init(&d->go, NULL);
  d->flight = calloc((size_t)n, sizeof *d->flight);
  GLIA_CHECK(d->flight != NULL, GLIA_E_MEMORY, "%d buckets", n);
  for (int b = 0; b < n; b++) {
    struct flight *f = &d->flight[b];
    f->part = calloc((size_t)e->threads * (size_t)e->depth, sizeof *f->part);
    f->n_parts = calloc((size_t)e->threads, sizeof *f->n_parts);
    GLIA_CHECK(f->part != NULL && f->n_parts != NULL, GLIA_E_MEMORY, "%d buckets", n);
  }
  return GLIA_OK;
}

void glia_drive_fini_(struct glia_engine *e)
{
  struct drive *d = &e->drive;

  stop_thread(d);
  for (int b = 0; d->flight != NULL && b < most_buckets(e->p); b++) {
    free(d->flight[b].part);
    free(d->flight[b].n_parts);
  }
  free(d->flight);
  pthread_cond_destroy(&d->go);
  pthread_mutex_destroy(&d->mutex);
}
