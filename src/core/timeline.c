/* Rings of events, one per thread, in a list that only grows: see glia_timeline.h. */
#include "glia_timeline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SHORTEST = 256, SUMS = 4096 /* a power of two */, NAME_BYTES = 32 };

struct track {
  struct track *next;
  pthread_mutex_t
      mutex; /* its thread writes, and nobody waits for long: uncontended but for readers */
  char name[NAME_BYTES];
  size_t capacity;
  int64_t n; /* events added */
  struct glia_event *event;
  struct glia_event_sum *sum; /* [SUMS] in order, NULL: not wanted */
  int16_t *place;             /* [SUMS] hash: index of a sum, -1: free */
  int n_sums;
  bool left; /* its thread has ended: the next one of that name goes on with it */
};

bool glia_timeline_detail_;

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct track *first_track, **last_track = &first_track;
static size_t wanted_events = SHORTEST;
static bool wanted_sums;
static _Thread_local struct track *own;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_exit; /* of a thread */

const char *glia_event_kind_name(glia_event_kind kind)
{
  static const char *const name[] = {"compute", "kernel", "exchange", "flight", "input", "output"};

  return (unsigned)kind < GLIA_COUNT(name) ? name[kind] : "?";
}

void glia_timeline_record(size_t events, bool detail, bool sums)
{
  pthread_mutex_lock(&list_mutex);
  wanted_events = events > SHORTEST ? events : SHORTEST;
  wanted_sums = sums;
  glia_timeline_detail_ = detail;
  pthread_mutex_unlock(&list_mutex);
}

struct glia_timeline_recording glia_timeline_recording(void)
{
  pthread_mutex_lock(&list_mutex);
  const struct glia_timeline_recording r = {wanted_events, glia_timeline_detail_, wanted_sums};
  pthread_mutex_unlock(&list_mutex);
  return r;
}

static void free_memory(struct track *t)
{
  free(t->event);
  free(t->sum);
  free(t->place);
  t->event = NULL;
  t->sum = NULL;
  t->place = NULL;
}

/* Room for what is wanted now; what was there is forgotten. */
static bool size_track(struct track *t)
{
  free_memory(t);
  t->n = 0;
  t->n_sums = 0;
  t->capacity = wanted_events;
  t->event = calloc(t->capacity, sizeof *t->event);
  if (wanted_sums) {
    t->sum = calloc(SUMS, sizeof *t->sum);
    t->place = malloc(SUMS * sizeof *t->place);
  }
  if (t->event == NULL || (wanted_sums && (t->sum == NULL || t->place == NULL))) {
    free_memory(t);
    t->capacity = 0;
    return false;
  }
  if (wanted_sums) memset(t->place, 0xff, SUMS * sizeof *t->place);
  return true;
}

static void leave(void *track)
{
  pthread_mutex_lock(&list_mutex);
  ((struct track *)track)->left = true;
  pthread_mutex_unlock(&list_mutex);
}

static void make_key(void) { (void)pthread_key_create(&at_exit, leave); }

/* A track for this thread: that of an ended one of its name, or a new one; NULL where memory is short. */
static struct track *take_track(const char *name)
{
  for (struct track *t = first_track; t != NULL; t = t->next)
    if (t->left && strncmp(t->name, name, sizeof t->name - 1) == 0) {
      t->left = false;
      return t;
    }
  struct track *t = calloc(1, sizeof *t);
  if (t == NULL) return NULL;
  pthread_mutex_init(&t->mutex, NULL);
  *last_track = t;
  last_track = &t->next;
  return t;
}

void glia_timeline_thread(const char *name)
{
  pthread_once(&once, make_key);
  pthread_mutex_lock(&list_mutex);
  struct track *t = own != NULL ? own : take_track(name);
  if (own == NULL) pthread_setspecific(at_exit, t);
  own = t;
  if (t != NULL) {
    pthread_mutex_lock(&t->mutex);
    strncpy(t->name, name, sizeof t->name - 1);
    if (t->capacity != wanted_events || (t->sum != NULL) != wanted_sums) (void)size_track(t);
    pthread_mutex_unlock(&t->mutex);
  }
  pthread_mutex_unlock(&list_mutex);
}

/* The sum of (kind, name, arg) in a table of sums; NULL when it is full. Names are told apart by their text. */
static struct glia_event_sum *find_sum(struct glia_event_sum *sum, int16_t *place, int *n,
                                       const struct glia_event_sum *key)
{
  uint64_t h = (uint64_t)key->arg * 0x9e3779b97f4a7c15u + (uint64_t)key->kind;

  for (const char *c = key->name; *c != '\0'; c++) h = (h ^ (unsigned char)*c) * 0x100000001b3u;
  for (size_t i = (h ^ (h >> 29)) % SUMS, tries = 0; tries < SUMS; i = (i + 1) % SUMS, tries++) {
    if (place[i] < 0) {
      if (*n == SUMS - 1) return NULL;
      place[i] = (int16_t)*n;
      sum[*n] = (struct glia_event_sum){.kind = key->kind, .name = key->name, .arg = key->arg};
      return &sum[(*n)++];
    }
    struct glia_event_sum *s = &sum[place[i]];
    if (s->kind == key->kind && s->arg == key->arg && strcmp(s->name, key->name) == 0) return s;
  }
  return NULL;
}

void glia_timeline_add_cpu(glia_event_kind kind, const char *name, int64_t arg, double start_s,
                           double end_s, double cpu_s)
{
  struct track *t = own;

  if (t == NULL || t->capacity == 0) return;
  pthread_mutex_lock(&t->mutex);
  t->event[(size_t)t->n % t->capacity] =
      (struct glia_event){kind, name, arg, start_s, end_s, cpu_s};
  t->n++;
  if (t->sum != NULL) {
    const struct glia_event_sum key = {.kind = kind, .name = name, .arg = arg};
    struct glia_event_sum *s = find_sum(t->sum, t->place, &t->n_sums, &key);
    if (s != NULL) {
      s->n++;
      s->total_s += end_s - start_s;
    }
  }
  pthread_mutex_unlock(&t->mutex);
}

void glia_timeline_add(glia_event_kind kind, const char *name, int64_t arg, double start_s,
                       double end_s)
{
  glia_timeline_add_cpu(kind, name, arg, start_s, end_s, -1.0);
}

void glia_timeline_read(size_t most,
                        void (*each)(void *self, int track, const char *thread,
                                     const struct glia_event *e),
                        void *self)
{
  int number = 0;

  pthread_mutex_lock(&list_mutex);
  for (struct track *t = first_track; t != NULL; t = t->next, number++) {
    pthread_mutex_lock(&t->mutex);
    size_t n = (size_t)t->n < t->capacity ? (size_t)t->n : t->capacity;
    if (n > most) n = most;
    for (size_t i = (size_t)t->n - n; i < (size_t)t->n; i++)
      each(self, number, t->name, &t->event[i % t->capacity]);
    pthread_mutex_unlock(&t->mutex);
  }
  pthread_mutex_unlock(&list_mutex);
}

int64_t glia_timeline_lost(void)
{
  int64_t lost = 0;

  pthread_mutex_lock(&list_mutex);
  for (struct track *t = first_track; t != NULL; t = t->next) {
    pthread_mutex_lock(&t->mutex);
    if (t->n > (int64_t)t->capacity) lost += t->n - (int64_t)t->capacity;
    pthread_mutex_unlock(&t->mutex);
  }
  pthread_mutex_unlock(&list_mutex);
  return lost;
}

int glia_timeline_sums(int most, struct glia_event_sum *out)
{
  struct glia_event_sum *all = calloc(SUMS, sizeof *all);
  int16_t *place = malloc(SUMS * sizeof *place);
  int n = 0;

  if (all != NULL && place != NULL) {
    memset(place, 0xff, SUMS * sizeof *place);
    pthread_mutex_lock(&list_mutex);
    for (struct track *t = first_track; t != NULL; t = t->next) {
      pthread_mutex_lock(&t->mutex);
      for (int i = 0; t->sum != NULL && i < t->n_sums; i++) {
        struct glia_event_sum *s = find_sum(all, place, &n, &t->sum[i]);
        if (s == NULL) continue;
        s->n += t->sum[i].n;
        s->total_s += t->sum[i].total_s;
      }
      pthread_mutex_unlock(&t->mutex);
    }
    pthread_mutex_unlock(&list_mutex);
    for (int i = 0; i < n && i < most; i++) out[i] = all[i];
  }
  free(all);
  free(place);
  return n;
}
