/* Playing a table of a pipeline: proves that it ends, in how much memory, and tells how long it takes. Each rank has a fixed order and
 * waits for given things alone, so one way of playing it is as good as any: where this one gets stuck, all do.
 *
 * A rank does here what it does in engine_pipeline.c, in that order: find memory for a micro-batch (the first that is free, once what
 * was sent from it is taken), begin to receive, wait for what a segment reads, compute, send. A message is taken once its receive was
 * begun, and not before: the least that any MPI promises. */
#include "schedule_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum doing { ROOM, COMES, GOES, LEAVES, ENDED };

struct player {
  enum doing doing; /* what it does next, or waits to do */
  int step, task, part;
  int next;    /* message to send, in its list */
  int slot;    /* where it looks for room */
  int *holder; /* [slots] micro-batch; -1: none */
  int *last;   /* [slots] the one before, whose messages may still wait; -1: none */
  double free_at, begun_at, ended_at; /* ended: of the task before */
  size_t waiting_bytes;
};

struct game {
  const struct glia_schedule *s;
  struct glia_cut shape;
  const double *cost; /* [ranks][segments], NULL: units */
  const double *each; /* [ranks][segments][micro_batches], NULL: cost */
  double *waits;      /* the same, in front of tasks; NULL: nobody asks */
  int steps, lag;
  int micros;              /* of all steps */
  double *sent, *expected; /* [messages][micros]; below 0: not yet */
  int *list;               /* messages by rank: [ranks][2][messages], -1 behind the last; out, in */
  struct player *player;   /* [ranks] */
  int *slots;              /* memory of players */
  struct glia_schedule_play *out;
};

static const struct glia_task *task_of(const struct game *g, int rank)
{
  return &g->s->row[rank].task[g->player[rank].task];
}

static int micro_of(const struct game *g, int rank)
{
  return g->player[rank].step * g->s->micro_batches + task_of(g, rank)->micro;
}

static int *list_of(const struct game *g, int rank, bool in)
{
  return g->list + (2 * (size_t)rank + in) * ((size_t)g->s->n_messages + 1);
}

static double *at(const struct game *g, double *times, int message, int micro)
{
  return &times[(size_t)message * (size_t)g->micros + (size_t)micro];
}

/* Segment of the cut that a rank is at: with local learning a task is all of them. */
static int segment_of(const struct game *g, int rank)
{
  return g->s->ahead > 0 ? g->player[rank].part : task_of(g, rank)->segment;
}

static bool later(double *time, double other)
{
  if (other > *time) *time = other;
  return other >= 0.0;
}

/* Whether all that a micro-batch sent is taken; when. */
static bool is_taken(const struct game *g, int rank, int micro, double *time)
{
  if (micro < 0 || g->s->ahead > 0) return true; /* local learning sends copies */
  for (const int *k = list_of(g, rank, false); *k >= 0; k++)
    if (!later(time, *at(g, g->expected, *k, micro))) return false;
  return true;
}

static void expect(const struct game *g, int rank, int segment, int micro)
{
  for (const int *k = list_of(g, rank, true); *k >= 0; k++)
    if (g->s->message[*k].expected == segment)
      *at(g, g->expected, *k, micro) = g->player[rank].free_at;
}

static void count_bytes(const struct game *g, int rank, bool out, int message)
{
  struct player *p = &g->player[rank];
  const size_t bytes = g->s->message[message].bytes;

  p->waiting_bytes = out ? p->waiting_bytes + bytes : p->waiting_bytes - bytes;
  if (p->waiting_bytes > g->out->waiting_bytes[rank])
    g->out->waiting_bytes[rank] = p->waiting_bytes;
}

static void forget(const struct game *g, int rank, int slot)
{
  struct player *p = &g->player[rank];

  for (const int *k = list_of(g, rank, false); p->last[slot] >= 0 && g->s->ahead == 0 && *k >= 0;
       k++)
    count_bytes(g, rank, false, *k);
  p->last[slot] = -1;
}

/* Memory for a micro-batch; its receives are begun. */
static bool find_room(const struct game *g, int rank)
{
  struct player *p = &g->player[rank];
  const int slots = g->s->row[rank].slots;

  if (segment_of(g, rank) == 0) {
    for (p->slot = 0; p->slot < slots && p->holder[p->slot] >= 0;) p->slot++;
    if (p->slot == slots || !is_taken(g, rank, p->last[p->slot], &p->free_at)) return false;
    forget(g, rank, p->slot);
    p->holder[p->slot] = micro_of(g, rank);
    if (p->slot >= g->out->slots[rank]) g->out->slots[rank] = p->slot + 1;
  }
  expect(g, rank, segment_of(g, rank), micro_of(g, rank));
  p->doing = COMES;
  return true;
}

static bool is_backward(const struct game *g, int segment)
{
  return g->s->ahead == 0 && segment >= g->s->chunks &&
         !(g->s->split && (segment - g->s->chunks) % 2 == 1);
}

/* Of a task among those of all ranks: [ranks][segments][micro_batches]. */
static size_t index_of(const struct game *g, int rank)
{
  const struct glia_task *t = task_of(g, rank);

  return ((size_t)rank * (size_t)g->s->segments + (size_t)t->segment) *
             (size_t)g->s->micro_batches +
         (size_t)t->micro;
}

static double cost_of(const struct game *g, int rank)
{
  const struct glia_task *t = task_of(g, rank);

  if (g->s->ahead > 0 && g->player[rank].part > 0) return 0.0; /* all of it in the first part */
  if (g->each != NULL) return g->each[index_of(g, rank)];
  if (g->cost != NULL) return g->cost[(size_t)rank * (size_t)g->s->segments + (size_t)t->segment];
  return is_backward(g, t->segment) && !g->s->split ? 2.0 : 1.0;
}

/* The segment has run. */
static void end_work(const struct game *g, int rank, double time, double cost)
{
  struct player *p = &g->player[rank];

  p->free_at = p->ended_at = time;
  g->out->busy[rank] += cost;
  g->out->own[rank] = time - p->begun_at;
  if (time > g->out->span) g->out->span = time;
  p->next = 0;
  p->doing = GOES;
}

/* What the segment reads has come; it runs. */
static bool compute(const struct game *g, int rank)
{
  struct player *p = &g->player[rank];
  double time = p->free_at;

  for (const int *k = list_of(g, rank, true); *k >= 0; k++)
    if (g->s->message[*k].read == segment_of(g, rank) &&
        !later(&time, *at(g, g->sent, *k, micro_of(g, rank))))
      return false;
  const double cost = cost_of(g, rank);
  if (p->begun_at < 0.0) p->begun_at = time;
  if (g->waits != NULL && p->part == 0) g->waits[index_of(g, rank)] = time - p->ended_at;
  end_work(g, rank, time + cost, cost);
  return true;
}

static void go_on(const struct game *g, int rank)
{
  struct player *p = &g->player[rank];
  const bool local = g->s->ahead > 0;
  const int last = (local ? g->s->parts : g->s->segments) - 1;

  if (segment_of(g, rank) == last)
    for (int i = 0; i < g->s->row[rank].slots; i++) {
      if (p->holder[i] != micro_of(g, rank)) continue;
      p->last[i] = p->holder[i];
      p->holder[i] = -1;
    }
  p->doing = ROOM;
  if (local && p->part < last) {
    p->part++;
    return;
  }
  p->part = 0;
  if (++p->task == g->s->row[rank].n) p->doing = LEAVES;
}

/* What comes of the segment is sent; local learning waits for room in the queue. */
static bool send(const struct game *g, int rank)
{
  struct player *p = &g->player[rank];
  const int micro = micro_of(g, rank), ahead = g->s->ahead;

  for (int k; (k = list_of(g, rank, false)[p->next]) >= 0; p->next++) {
    if (g->s->message[k].made != segment_of(g, rank)) continue;
    if (ahead > 0 && micro >= ahead) {
      if (!later(&p->free_at, *at(g, g->expected, k, micro - ahead))) return false;
      count_bytes(g, rank, false, k);
    }
    *at(g, g->sent, k, micro) = p->free_at;
    count_bytes(g, rank, true, k);
  }
  go_on(g, rank);
  return true;
}

/* Local learning: nobody ends a step before all have ended the one `lag` before. */
static bool is_far_behind(const struct game *g, const struct player *q, int step)
{
  return g->s->ahead > 0 && q->doing != ENDED && q->step + (q->doing == LEAVES) + g->lag <= step;
}

/* The end of a step: all that was sent is taken. */
static bool leave(const struct game *g, int rank)
{
  struct player *p = &g->player[rank];
  double time = p->free_at;

  for (int i = 0; i < g->s->row[rank].slots; i++) {
    if (!is_taken(g, rank, p->last[i], &time)) return false;
    forget(g, rank, i);
  }
  for (int r = 0; r < g->s->ranks; r++)
    if (is_far_behind(g, &g->player[r], p->step)) return false;
  p->step++;
  p->task = 0;
  p->doing = p->step < g->steps ? ROOM : ENDED;
  return true;
}

static bool play(const struct game *g, int rank)
{
  static bool (*const act[])(const struct game *g, int rank) = {
      [ROOM] = find_room, [COMES] = compute, [GOES] = send, [LEAVES] = leave};
  const enum doing doing = g->player[rank].doing;

  return doing != ENDED && act[doing](g, rank);
}

/* ---- sentences */

static const char *text_of(const struct game *g, int segment)
{
  if (g->s->ahead > 0) return "forward";
  return segment < g->s->chunks ? "forward" : is_backward(g, segment) ? "backward" : "weights";
}

static int stage_of(const struct game *g, int rank, int segment)
{
  if (g->s->ahead > 0) return rank;
  const int back = segment - g->s->chunks, parts = g->s->split ? 2 : 1;
  return (back < 0 ? segment : g->s->chunks - 1 - back / parts) * g->s->ranks + rank;
}

/* Why a message is not taken: "until stage S on rank R expects ..."; returns R. */
static int tell_not_taken(const struct game *g, int message, int micro, char *text, size_t size)
{
  const struct glia_message *m = &g->s->message[message];

  snprintf(text, size, "until stage %d on rank %d expects %s of micro-batch %d",
           stage_of(g, m->to, m->expected), m->to, m->what, micro % g->s->micro_batches);
  return m->to;
}

static int tell_sent(const struct game *g, int rank, int micro, char *text, size_t size)
{
  for (const int *k = list_of(g, rank, false); micro >= 0 && *k >= 0; k++)
    if (*at(g, g->expected, *k, micro) < 0.0) return tell_not_taken(g, *k, micro, text, size);
  return -1;
}

static int tell_next(const struct game *g, int rank, char *text, size_t size)
{
  const struct player *p = &g->player[rank];
  const int micro = micro_of(g, rank), slots = g->s->row[rank].slots;

  if (p->doing == ROOM && p->slot == slots) {
    snprintf(text, size, "for ever: it has room for %d micro-batches", slots);
    return -1;
  }
  if (p->doing == ROOM) return tell_sent(g, rank, p->last[p->slot], text, size);
  if (p->doing == GOES)
    return tell_not_taken(g, list_of(g, rank, false)[p->next], micro - g->s->ahead, text, size);
  for (const int *k = list_of(g, rank, true); *k >= 0; k++) {
    const struct glia_message *m = &g->s->message[*k];
    if (m->read != segment_of(g, rank) || *at(g, g->sent, *k, micro) >= 0.0) continue;
    snprintf(text, size, "for %s of micro-batch %d from stage %d on rank %d", m->what,
             micro % g->s->micro_batches, stage_of(g, m->from, m->made), m->from);
    return m->from;
  }
  return -1;
}

static int tell_end(const struct game *g, int rank, char *text, size_t size)
{
  const struct player *p = &g->player[rank];
  int peer = -1;

  for (int i = 0; i < g->s->row[rank].slots && peer < 0 && g->s->ahead == 0; i++)
    peer = tell_sent(g, rank, p->last[i], text, size);
  for (int r = 0; r < g->s->ranks && peer < 0; r++)
    if (is_far_behind(g, &g->player[r], p->step)) peer = r;
  if (peer >= 0 && text[0] == '\0') snprintf(text, size, "for the step of rank %d", peer);
  return peer;
}

/* One rank that waits; returns the one that it waits for, -1: none. */
static int tell(const struct game *g, int rank, char *text, size_t size)
{
  const struct player *p = &g->player[rank];
  char what[160] = "";
  int peer;

  if (p->doing == LEAVES) {
    peer = tell_end(g, rank, what, sizeof what);
    snprintf(text, size, "rank %d at the end of the step waits %s", rank, what);
    return peer;
  }
  peer = tell_next(g, rank, what, sizeof what);
  snprintf(text, size, "stage %d on rank %d, %s %s of micro-batch %d, waits %s",
           stage_of(g, rank, segment_of(g, rank)), rank, p->doing == GOES ? "behind" : "before",
           text_of(g, task_of(g, rank)->segment), task_of(g, rank)->micro, what);
  return peer;
}

/* From one rank that waits to the one that it waits for, until one comes again. */
static glia_status stuck(const struct game *g)
{
  enum { TOLD = 4 };
  char text[TOLD][256], all[900] = "";
  bool seen[GLIA_STAGE_MAX_RANKS] = {false};
  int rank = 0;
  size_t used = 0;

  while (g->player[rank].doing == ENDED) rank++;
  for (int next; !seen[rank]; rank = next) { /* into the ring */
    seen[rank] = true;
    next = tell(g, rank, text[0], sizeof text[0]);
    if (next < 0) break;
  }
  memset(seen, 0, sizeof seen);
  for (int n = 0; rank >= 0 && !seen[rank] && used < sizeof all; n++) {
    seen[rank] = true;
    const int next = tell(g, rank, text[n % TOLD], sizeof text[0]);
    if (n < TOLD)
      used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", n > 0 ? "; " : "", text[n]);
    rank = next;
  }
  return GLIA_FAIL(GLIA_E_ARGUMENT, "%s would never end: %s", g->s->name, all);
}

/* ---- the whole */

static glia_status check_task(const struct glia_schedule *s, int rank, int k, int *next, int *done)
{
  const struct glia_task *t = &s->row[rank].task[k];
  const struct game g = {.s = s};

  GLIA_CHECK(t->segment >= 0 && t->segment < s->segments, GLIA_E_ARGUMENT,
             "%s: rank %d, task %d is of segment %d, of %d", s->name, rank, k, t->segment,
             s->segments);
  GLIA_CHECK(t->micro == next[t->segment] && t->micro < s->micro_batches, GLIA_E_ARGUMENT,
             "%s: rank %d, task %d is %s of micro-batch %d where %d is due: sums need their order",
             s->name, rank, k, text_of(&g, t->segment), t->micro, next[t->segment]);
  GLIA_CHECK(t->segment == done[t->micro], GLIA_E_ARGUMENT,
             "%s: rank %d, task %d is %s of micro-batch %d (segment %d) where segment %d is due",
             s->name, rank, k, text_of(&g, t->segment), t->micro, t->segment, done[t->micro]);
  next[t->segment]++;
  done[t->micro]++;
  return GLIA_OK;
}

/* Each micro-batch goes once through all segments, in their order; each segment takes micro-batches in theirs. */
static glia_status check_row(const struct glia_schedule *s, int rank, int *next, int *done)
{
  const struct game g = {.s = s};

  memset(next, 0, (size_t)s->segments * sizeof *next);
  memset(done, 0, (size_t)s->micro_batches * sizeof *done);
  for (int k = 0; k < s->row[rank].n; k++) GLIA_TRY(check_task(s, rank, k, next, done));
  for (int i = 0; i < s->segments; i++)
    GLIA_CHECK(next[i] == s->micro_batches, GLIA_E_ARGUMENT,
               "%s: rank %d runs %s on %d of %d micro-batches", s->name, rank, text_of(&g, i),
               next[i], s->micro_batches);
  return GLIA_OK;
}

static glia_status check_rows(const struct glia_schedule *s)
{
  int *next = calloc((size_t)s->segments + (size_t)s->micro_batches + 1, sizeof *next);
  glia_status st = GLIA_OK;

  GLIA_CHECK(next != NULL, GLIA_E_MEMORY, "a schedule");
  for (int r = 0; r < s->ranks && st == GLIA_OK; r++)
    st = check_row(s, r, next, next + s->segments);
  free(next);
  return st;
}

static void list_messages(struct game *g)
{
  for (int r = 0; r < g->s->ranks; r++)
    for (int in = 0; in < 2; in++) {
      int *to = list_of(g, r, in), n = 0;
      for (int k = 0; k < g->s->n_messages; k++)
        if ((in ? g->s->message[k].to : g->s->message[k].from) == r) to[n++] = k;
      to[n] = -1;
    }
}

static glia_status begin(struct game *g)
{
  const size_t ranks = (size_t)g->s->ranks, messages = (size_t)g->s->n_messages,
               times = messages * (size_t)g->micros;
  size_t slots = 0;

  for (int r = 0; r < g->s->ranks; r++) slots += (size_t)g->s->row[r].slots;
  g->sent = malloc((2 * times + 1) * sizeof *g->sent);
  g->list = malloc(2 * ranks * (messages + 1) * sizeof *g->list);
  g->player = calloc(ranks, sizeof *g->player);
  g->slots = malloc((2 * slots + 1) * sizeof *g->slots);
  GLIA_CHECK(g->sent != NULL && g->list != NULL && g->player != NULL && g->slots != NULL,
             GLIA_E_MEMORY, "a schedule");
  g->expected = g->sent + times;
  for (size_t i = 0; i < 2 * times; i++) g->sent[i] = -1.0;
  for (size_t i = 0; i < 2 * slots; i++) g->slots[i] = -1;
  int *free_slots = g->slots;
  for (size_t r = 0; r < ranks; r++) {
    struct player *p = &g->player[r];
    *p = (struct player){.doing = g->s->row[r].n > 0 ? ROOM : ENDED,
                         .holder = free_slots,
                         .last = free_slots + g->s->row[r].slots,
                         .begun_at = -1.0};
    free_slots += 2 * g->s->row[r].slots;
  }
  list_messages(g);
  return GLIA_OK;
}

static void play_on(const struct game *g)
{
  for (bool moved = true; moved;) {
    moved = false;
    for (int r = 0; r < g->s->ranks; r++)
      while (play(g, r)) moved = true;
  }
}

static glia_status play_all(const struct game *g)
{
  bool ended = true;

  play_on(g);
  for (int r = 0; r < g->s->ranks; r++) ended = ended && g->player[r].doing == ENDED;
  return ended ? GLIA_OK : stuck(g);
}

/* how: costs and steps. */
static glia_status play_with(const struct glia_schedule *s, const struct game *how,
                             struct glia_schedule_play *out)
{
  struct game g = *how;

  g.s = s;
  g.lag = s->ahead > 0 ? (int)glia_schedule_lag_(s) : 0;
  g.micros = s->micro_batches * g.steps;
  g.out = out;

  *out = (struct glia_schedule_play){0};
  GLIA_TRY(check_rows(s));
  GLIA_TRY(glia_schedule_messages_(s));
  glia_status st = begin(&g);
  if (st == GLIA_OK) st = play_all(&g);
  free(g.sent);
  free(g.list);
  free(g.player);
  free(g.slots);
  return st;
}

glia_status glia_schedule_play_(const struct glia_schedule *s, int steps,
                                struct glia_schedule_play *out)
{
  return play_with(s, &(struct game){.steps = steps}, out);
}

glia_status glia_schedule_check(const struct glia_schedule *s, const double *cost,
                                struct glia_schedule_play *out)
{
  return play_with(s, &(struct game){.cost = cost, .steps = 1}, out);
}

glia_status glia_schedule_replay(const struct glia_schedule *s, const double *task_s,
                                 double *wait_s, struct glia_schedule_play *out)
{
  return play_with(s, &(struct game){.each = task_s, .waits = wait_s, .steps = 1}, out);
}

double glia_schedule_bubble(const struct glia_schedule *s, const struct glia_schedule_play *play)
{
  double busy = 0.0;

  for (int r = 0; r < s->ranks; r++) busy += play->busy[r];
  return play->span > 0.0 ? 1.0 - busy / (play->span * s->ranks) : 0.0;
}
