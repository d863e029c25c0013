/* Playing a table of a pipeline: proves that it ends, in how much memory, and tells how long it takes. Each rank has a fixed order and
 * waits for given tasks alone, so one way of playing it is as good as any: where this one gets stuck, all do. */
#include "glia_schedule.h"
#include "stage_priv.h"

#include <stdlib.h>
#include <string.h>

struct game {
  const struct glia_schedule *s;
  struct glia_cut shape;
  const double *cost;  /* [ranks][segments], NULL: units */
  const double *each;  /* [ranks][segments][micro_batches], NULL: cost */
  double *start, *end; /* [ranks][segments][micro_batches]; below 0: not yet */
  double *free_at;     /* [ranks] */
  double *release; /* [ranks][micro_batches] when its memory is free again; below 0: not known */
  int *at;         /* [ranks] next task */
};

static size_t place(const struct game *g, int rank, int segment, int micro)
{
  return ((size_t)rank * (size_t)g->s->segments + (size_t)segment) * (size_t)g->s->micro_batches +
         (size_t)micro;
}

static int kind_of(const struct game *g, int segment, int *chunk)
{
  *chunk = 0;
  if (g->s->ahead > 0) return segment == 0 ? SEGMENT_FORWARD : -1;
  for (int kind = 0; kind <= (g->s->split ? SEGMENT_WEIGHTS : SEGMENT_BACKWARD); kind++)
    for (*chunk = 0; *chunk < g->s->chunks; ++*chunk)
      if (glia_segment_of_(&g->shape, kind, *chunk) == segment) return kind;
  return -1;
}

static const char *text_of(const struct game *g, const struct glia_task *t)
{
  static const char *const kind[] = {"forward", "backward", "weights"};
  int chunk;
  const int k = kind_of(g, t->segment, &chunk);

  return k < 0 ? "?" : kind[k];
}

/* A task of stage `stage`, which may lie beyond either end. */
static double end_of(const struct game *g, int kind, int stage, int micro)
{
  if (stage < 0 || stage >= g->s->ranks * g->s->chunks) return 0.0;
  return g->end[place(g, stage % g->s->ranks,
                      glia_segment_of_(&g->shape, kind, stage / g->s->ranks), micro)];
}

static void later(double *time, bool *known, double other)
{
  *known = *known && other >= 0.0;
  if (other > *time) *time = other;
}

/* When the memory of a micro-batch is free: it has ended, and the readers of what it sent back have begun. */
static double released(const struct game *g, int rank, int micro)
{
  double time = 0.0;
  bool known = true;

  later(&time, &known, g->end[place(g, rank, g->s->segments - 1, micro)]);
  for (int c = 0; c < g->s->chunks && g->s->ahead == 0; c++) {
    const int before = c * g->s->ranks + rank - 1;
    if (before < 0) continue;
    later(&time, &known,
          g->start[place(g, before % g->s->ranks,
                         glia_segment_of_(&g->shape, SEGMENT_BACKWARD, before / g->s->ranks),
                         micro)]);
  }
  return known ? time : -1.0;
}

/* A place for one more micro-batch: when; -1: not before others have moved on. */
static double slot_free(const struct game *g, int rank, int micro, int *held)
{
  const int slots = g->s->row[rank].slots;
  double *release = g->release + (size_t)rank * (size_t)g->s->micro_batches;
  double first = -1.0;
  int busy = 0;

  for (int m = 0; m < micro; m++) {
    if (release[m] < 0.0) release[m] = released(g, rank, m);
    busy += release[m] < 0.0 || release[m] > g->free_at[rank];
    if (release[m] > g->free_at[rank] && (first < 0.0 || release[m] < first)) first = release[m];
  }
  *held = busy + 1;
  return busy < slots ? 0.0 : first;
}

static double cost_of(const struct game *g, int rank, const struct glia_task *t, int kind)
{
  if (g->each != NULL) return g->each[place(g, rank, t->segment, t->micro)];
  if (g->cost != NULL) return g->cost[rank * g->s->segments + t->segment];
  return kind == SEGMENT_BACKWARD && !g->s->split ? 2.0 : 1.0;
}

/* Whether the next task of a rank can be played; plays it. */
static bool play(struct game *g, int rank, struct glia_schedule_play *out)
{
  const struct glia_task *t = &g->s->row[rank].task[g->at[rank]];
  int chunk = 0, held = 0;
  const int kind = kind_of(g, t->segment, &chunk), stage = chunk * g->s->ranks + rank;
  double time = g->free_at[rank];
  bool known = true;

  if (t->segment == 0) {
    later(&time, &known, slot_free(g, rank, t->micro, &held));
    if (held > g->s->row[rank].slots) held = g->s->row[rank].slots;
    if (held > out->slots[rank]) out->slots[rank] = held;
  }
  if (kind == SEGMENT_FORWARD) later(&time, &known, end_of(g, kind, stage - 1, t->micro));
  if (g->s->ahead > 0 && t->micro >= g->s->ahead && rank + 1 < g->s->ranks) /* a full queue */
    later(&time, &known, g->start[place(g, rank + 1, 0, t->micro - g->s->ahead)]);
  if (kind == SEGMENT_BACKWARD) {
    later(&time, &known, end_of(g, SEGMENT_FORWARD, stage, t->micro));
    later(&time, &known, end_of(g, kind, stage + 1, t->micro));
  }
  if (kind == SEGMENT_WEIGHTS) later(&time, &known, end_of(g, SEGMENT_BACKWARD, stage, t->micro));
  if (!known) return false;
  const double cost = cost_of(g, rank, t, kind);
  const struct glia_task *first = &g->s->row[rank].task[0];
  g->start[place(g, rank, t->segment, t->micro)] = time;
  g->end[place(g, rank, t->segment, t->micro)] = g->free_at[rank] = time + cost;
  out->busy[rank] += cost;
  out->own[rank] = time + cost - g->start[place(g, rank, first->segment, first->micro)];
  if (time + cost > out->span) out->span = time + cost;
  g->at[rank]++;
  return true;
}

static glia_status check_rows(const struct game *g)
{
  const struct glia_schedule *s = g->s;
  int *next = calloc((size_t)s->segments + 1, sizeof *next);
  glia_status st = GLIA_OK;

  GLIA_CHECK(next != NULL, GLIA_E_MEMORY, "a schedule");
  for (int r = 0; r < s->ranks && st == GLIA_OK; r++) {
    memset(next, 0, (size_t)s->segments * sizeof *next);
    for (int k = 0; k < s->row[r].n && st == GLIA_OK; k++) {
      const struct glia_task *t = &s->row[r].task[k];
      if (t->segment < 0 || t->segment >= s->segments)
        st = GLIA_FAIL(GLIA_E_ARGUMENT, "%s: rank %d, task %d is of segment %d, of %d", s->name, r,
                       k, t->segment, s->segments);
      else if (t->micro != next[t->segment] || t->micro >= s->micro_batches)
        st = GLIA_FAIL(GLIA_E_ARGUMENT,
                       "%s: rank %d, task %d is %s of micro-batch %d where %d is due: sums need "
                       "their order",
                       s->name, r, k, text_of(g, t), t->micro, next[t->segment]);
      else
        next[t->segment]++;
    }
    for (int i = 0; i < s->segments && st == GLIA_OK; i++)
      if (next[i] != s->micro_batches)
        st = GLIA_FAIL(GLIA_E_ARGUMENT, "%s: rank %d runs %s on %d of %d micro-batches", s->name, r,
                       text_of(g, &(struct glia_task){(int16_t)i, 0}), next[i], s->micro_batches);
  }
  free(next);
  return st;
}

static glia_status stuck(const struct game *g, int rank)
{
  const struct glia_task *t = &g->s->row[rank].task[g->at[rank]];

  return GLIA_FAIL(GLIA_E_ARGUMENT,
                   "%s: ranks wait for each other for ever: rank %d at its task %d, %s of "
                   "micro-batch %d, with room for %d micro-batches",
                   g->s->name, rank, g->at[rank], text_of(g, t), t->micro, g->s->row[rank].slots);
}

static glia_status play_all(struct game *g, struct glia_schedule_play *out)
{
  int left = 0, stopped = 0;

  for (int r = 0; r < g->s->ranks; r++) left += g->s->row[r].n;
  for (bool moved = true; left > 0 && moved;) {
    moved = false;
    for (int r = 0; r < g->s->ranks; r++)
      while (g->at[r] < g->s->row[r].n && play(g, r, out)) {
        moved = true;
        left--;
      }
  }
  while (left > 0 && g->at[stopped] == g->s->row[stopped].n) stopped++;
  return left > 0 ? stuck(g, stopped) : GLIA_OK;
}

static glia_status play_with(const struct glia_schedule *s, const double *cost, const double *each,
                             struct glia_schedule_play *out)
{
  const size_t tasks = (size_t)s->ranks * (size_t)s->segments * (size_t)s->micro_batches + 1;
  const size_t micros = (size_t)s->ranks * (size_t)s->micro_batches + 1;
  struct game g = {
      .s = s,
      .shape = {.ranks = s->ranks, .chunks = s->chunks, .split = s->split, .parts = s->ahead > 0},
      .cost = cost,
      .each = each,
      .start = malloc(tasks * sizeof(double)),
      .end = malloc(tasks * sizeof(double)),
      .release = malloc(micros * sizeof(double)),
      .free_at = calloc((size_t)s->ranks, sizeof(double)),
      .at = calloc((size_t)s->ranks, sizeof(int))};
  glia_status st = GLIA_OK;

  *out = (struct glia_schedule_play){0};
  GLIA_CHECK_TO(out, st,
                g.start != NULL && g.end != NULL && g.release != NULL && g.free_at != NULL &&
                    g.at != NULL,
                GLIA_E_MEMORY, "a schedule");
  for (size_t i = 0; i < tasks; i++) g.start[i] = g.end[i] = -1.0;
  for (size_t i = 0; i < micros; i++) g.release[i] = -1.0;
  GLIA_TRY_TO(out, st, check_rows(&g));
  st = play_all(&g, out);
out:
  free(g.start);
  free(g.end);
  free(g.release);
  free(g.free_at);
  free(g.at);
  return st;
}

glia_status glia_schedule_check(const struct glia_schedule *s, const double *cost,
                                struct glia_schedule_play *out)
{
  return play_with(s, cost, NULL, out);
}

glia_status glia_schedule_replay(const struct glia_schedule *s, const double *task_s,
                                 struct glia_schedule_play *out)
{
  return play_with(s, NULL, task_s, out);
}

double glia_schedule_bubble(const struct glia_schedule *s, const struct glia_schedule_play *play)
{
  double busy = 0.0;

  for (int r = 0; r < s->ranks; r++) busy += play->busy[r];
  return play->span > 0.0 ? 1.0 - busy / (play->span * s->ranks) : 0.0;
}
