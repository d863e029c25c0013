/* The pipeline of one process: ranks are threads, a message is copied when one of the two waits for it and the other has posted its
 * end. Until then the sender's memory is in use: the least that any MPI promises, so that a schedule that ends here ends there. Where
 * all ranks wait and nothing can move, all of them are told: that is what glia_schedule.h proves not to happen. */
#include "glia_stage.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct letter {
  bool posted, taken, out;
  int channel, peer;
  int64_t number; /* of this rank's letters */
  size_t bytes;
  const void *from;
  void *to;
};

struct house;
struct desk { /* of a rank */
  struct house *house;
  int rank, n;
  struct letter *letter; /* [n] */
  int64_t posted;
  const struct letter *waits; /* for this one; NULL: for none */
  bool meets;                 /* it waits for the others to come */
};

struct house {
  pthread_mutex_t mutex;
  pthread_cond_t moved;
  int ranks;
  struct desk *desk;
  /* what is shared */
  double *x; /* [numbers] */
  int numbers;
  int came;
  int64_t generation;
  bool stuck;
};

static void begin(void *self) { (void)self; }
static void poll(void *self) { (void)self; } /* readers copy */

static glia_status open_desk(void *self, int n, int shared)
{
  struct desk *d = self;
  struct house *h = d->house;
  const int numbers = shared * h->ranks;

  free(d->letter);
  d->letter = calloc((size_t)n, sizeof *d->letter);
  d->n = n;
  GLIA_CHECK(d->letter != NULL, GLIA_E_MEMORY, "%d messages", n);
  pthread_mutex_lock(&h->mutex);
  if (numbers > h->numbers) {
    double *more = realloc(h->x, (size_t)numbers * sizeof *more);
    if (more != NULL) h->x = more;
    if (more != NULL) h->numbers = numbers;
  }
  const bool room = numbers <= h->numbers;
  pthread_mutex_unlock(&h->mutex);
  GLIA_CHECK(room, GLIA_E_MEMORY, "%d numbers to share", shared);
  return GLIA_OK;
}

static glia_status post(struct desk *d, int handle, struct letter letter)
{
  GLIA_CHECK(handle >= 0 && handle < d->n && !d->letter[handle].posted, GLIA_E_ARGUMENT,
             "message %d of %d is under way", handle, d->n);
  pthread_mutex_lock(&d->house->mutex);
  letter.posted = true;
  letter.number = d->posted++;
  d->letter[handle] = letter;
  pthread_cond_broadcast(&d->house->moved);
  pthread_mutex_unlock(&d->house->mutex);
  return GLIA_OK;
}

static glia_status send(void *self, int handle, int channel, int to, size_t bytes, const void *data)
{
  return post(
      self, handle,
      (struct letter){.out = true, .channel = channel, .peer = to, .bytes = bytes, .from = data});
}

static glia_status receive(void *self, int handle, int channel, int from, size_t bytes, void *data)
{
  return post(self, handle,
              (struct letter){.channel = channel, .peer = from, .bytes = bytes, .to = data});
}

/* The oldest letter of a channel between two desks that was not taken. */
static struct letter *oldest(struct desk *d, bool out, int peer, int channel)
{
  struct letter *first = NULL;

  for (int i = 0; i < d->n; i++) {
    struct letter *l = &d->letter[i];
    if (l->posted && !l->taken && l->out == out && l->peer == peer && l->channel == channel &&
        (first == NULL || l->number < first->number))
      first = l;
  }
  return first;
}

/* With the mutex: what was sent over a channel goes into what is expected there, in order. */
static glia_status deliver(struct desk *from, struct desk *to, int channel)
{
  struct letter *o, *in;

  while ((o = oldest(from, true, to->rank, channel)) != NULL &&
         (in = oldest(to, false, from->rank, channel)) != NULL) {
    o->taken = in->taken = true;
    GLIA_CHECK(o->bytes == in->bytes, GLIA_E_INTERNAL, "channel %d: %zu bytes sent, %zu expected",
               channel, o->bytes, in->bytes);
    if (o->bytes > 0) memcpy(in->to, o->from, o->bytes);
  }
  return GLIA_OK;
}

static glia_status deliver_for(const struct house *h, struct desk *d, const struct letter *l)
{
  struct desk *other = &h->desk[l->peer];

  return l->out ? deliver(d, other, l->channel) : deliver(other, d, l->channel);
}

/* With the mutex: whether nobody is at work, and nothing that somebody waits for has both its ends. */
static bool is_stuck(const struct house *h)
{
  for (int r = 0; r < h->ranks; r++)
    if (h->desk[r].waits == NULL && !h->desk[r].meets) return false;
  for (int r = 0; r < h->ranks; r++) {
    struct desk *d = &h->desk[r];
    if (d->waits != NULL && (deliver_for(h, d, d->waits) != GLIA_OK || d->waits->taken))
      return false;
  }
  return true;
}

/* Until something has moved, or a millisecond has passed. */
static glia_status pause_for(struct house *h, void (*idle)(void *arg), void *arg)
{
  struct timespec until;

  if (!h->stuck && is_stuck(h)) {
    h->stuck = true;
    pthread_cond_broadcast(&h->moved);
  }
  GLIA_CHECK(!h->stuck, GLIA_E_INTERNAL, "the %d ranks of a pipeline wait for each other for ever",
             h->ranks);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  pthread_cond_timedwait(&h->moved, &h->mutex, &until);
  pthread_mutex_unlock(&h->mutex);
  idle(arg);
  pthread_mutex_lock(&h->mutex);
  return GLIA_OK;
}

static glia_status wait_for(void *self, int handle, const char *what, void (*idle)(void *arg),
                            void *arg)
{
  struct desk *d = self;
  struct letter *l = &d->letter[handle];
  glia_status st = GLIA_OK;

  (void)what;
  pthread_mutex_lock(&d->house->mutex);
  d->waits = l;
  for (;;) {
    st = deliver_for(d->house, d, l);
    if (l->taken || st != GLIA_OK) break;
    GLIA_TRY_TO(out, st, pause_for(d->house, idle, arg));
  }
  *l = (struct letter){0};
out:
  d->waits = NULL;
  pthread_cond_broadcast(&d->house->moved);
  pthread_mutex_unlock(&d->house->mutex);
  return st;
}

/* With the mutex: the last one to come opens the door, the last one to go closes it. */
static glia_status meet(struct desk *d, void (*idle)(void *arg), void *arg)
{
  struct house *h = d->house;
  const int64_t generation = h->generation;

  d->meets = true;
  if (++h->came == h->ranks) {
    h->came = 0;
    h->generation++;
    for (int r = 0; r < h->ranks; r++) h->desk[r].meets = false;
    pthread_cond_broadcast(&h->moved);
  }
  while (h->generation == generation) GLIA_TRY(pause_for(h, idle, arg));
  return GLIA_OK;
}

static glia_status share(void *self, int n, double *x, void (*idle)(void *arg), void *arg)
{
  struct desk *d = self;
  struct house *h = d->house;
  const size_t row = (size_t)n * sizeof *x;

  pthread_mutex_lock(&h->mutex);
  if (n > 0) memcpy(h->x + (size_t)d->rank * (size_t)n, x + (size_t)d->rank * (size_t)n, row);
  glia_status st = meet(d, idle, arg);
  if (st == GLIA_OK && n > 0) memcpy(x, h->x, row * (size_t)h->ranks);
  if (st == GLIA_OK) st = meet(d, idle, arg);
  pthread_mutex_unlock(&h->mutex);
  return st;
}

glia_status glia_messenger_loopback(int ranks, struct glia_messenger *out)
{
  struct house *h = calloc(1, sizeof *h);

  GLIA_CHECK(h != NULL, GLIA_E_MEMORY, "a pipeline of %d threads", ranks);
  h->desk = calloc((size_t)ranks, sizeof *h->desk);
  if (h->desk == NULL) {
    free(h);
    return GLIA_FAIL(GLIA_E_MEMORY, "a pipeline of %d threads", ranks);
  }
  h->ranks = ranks;
  pthread_mutex_init(&h->mutex, NULL);
  pthread_cond_init(&h->moved, NULL);
  for (int r = 0; r < ranks; r++) {
    h->desk[r] = (struct desk){.house = h, .rank = r};
    out[r] = (struct glia_messenger){.self = &h->desk[r],
                                     .rank = r,
                                     .size = ranks,
                                     .begin = begin,
                                     .poll = poll,
                                     .send = send,
                                     .receive = receive,
                                     .wait = wait_for,
                                     .share = share,
                                     .open = open_desk};
  }
  return GLIA_OK;
}

void glia_messenger_loopback_destroy(int ranks, struct glia_messenger *m)
{
  if (m[0].self == NULL) return;
  struct house *h = ((struct desk *)m[0].self)->house;
  for (int r = 0; r < ranks; r++) free(h->desk[r].letter);
  pthread_cond_destroy(&h->moved);
  pthread_mutex_destroy(&h->mutex);
  free(h->x);
  free(h->desk);
  free(h);
  for (int r = 0; r < ranks; r++) m[r] = (struct glia_messenger){0};
}
