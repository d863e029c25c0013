/* Tables of pipelines: see glia_schedule.h. All but interleaved are what comes of playing the rule "the most urgent task that can run,
 * while few enough micro-batches are in memory" with tasks of equal length. */
#include "schedule_priv.h"

#include <stdlib.h>

enum { AHEAD = 4 }; /* messages */

struct rule {
  const char *name;
  bool split, interleaves, forward_first, local;
  /** Micro-batches in memory on a rank, at most. */
  int (*most)(int ranks, int rank, int micro_batches);
};

static int most_all(int ranks, int rank, int micro_batches)
{
  (void)ranks;
  (void)rank;
  return micro_batches;
}
static int most_behind(int ranks, int rank, int micro_batches)
{
  return ranks - rank < micro_batches ? ranks - rank : micro_batches;
}
static int most_ranks(int ranks, int rank, int micro_batches)
{
  (void)rank;
  return ranks < micro_batches ? ranks : micro_batches;
}

static const struct rule rules[] = {
    {.name = "1f1b", .most = most_behind},
    {.name = "gpipe", .forward_first = true, .most = most_all},
    {.name = "interleaved", .interleaves = true, .most = most_all},
    {.name = "zero_bubble", .split = true, .most = most_ranks},
    {.name = "local", .local = true},
};
static const char *const names[] = {"1f1b", "gpipe", "interleaved", "zero_bubble", "local", NULL};

const char *const *glia_schedule_names(void) { return names; }
bool glia_schedule_splits(int kind) { return rules[kind].split; }
bool glia_schedule_interleaves(int kind) { return rules[kind].interleaves; }
bool glia_schedule_is_local(int kind) { return rules[kind].local; }

static glia_status create(const struct rule *r, int ranks, int chunks, int micro_batches,
                          struct glia_schedule **out)
{
  struct glia_schedule *s = calloc(1, sizeof *s);

  *out = s;
  GLIA_CHECK(s != NULL, GLIA_E_MEMORY, "a schedule");
  *s = (struct glia_schedule){.name = r->name,
                              .ranks = ranks,
                              .chunks = chunks,
                              .micro_batches = micro_batches,
                              .ahead = r->local ? AHEAD : 0,
                              .split = r->split,
                              .entry = -1,
                              .parts = 1};
  const struct glia_cut shape = glia_schedule_shape_(s);
  s->segments = glia_segments_(&shape);
  s->row = calloc((size_t)ranks, sizeof *s->row);
  GLIA_CHECK(s->row != NULL, GLIA_E_MEMORY, "a schedule");
  for (int k = 0; k < ranks; k++) {
    s->row[k].task =
        calloc((size_t)micro_batches * (size_t)s->segments + 1, sizeof(struct glia_task));
    GLIA_CHECK(s->row[k].task != NULL, GLIA_E_MEMORY, "a schedule of %d micro-batches",
               micro_batches);
  }
  return glia_schedule_chain_(s);
}

static void add(struct glia_schedule *s, int rank, int kind, int chunk, int micro)
{
  const struct glia_cut shape = glia_schedule_shape_(s);
  struct glia_schedule_row *row = &s->row[rank];

  row->task[row->n++] =
      (struct glia_task){(int16_t)glia_segment_of_(&shape, kind, chunk), (int32_t)micro};
}

/* What a rank does in this turn: -1 nothing. done [ranks][kinds] micro-batches by kind, as of the turn before. */
static int choose(const struct glia_schedule *s, const struct rule *r, int rank, int (*done)[3])
{
  const int *own = done[rank];
  const int m = s->micro_batches, ended = own[s->split ? SEGMENT_WEIGHTS : SEGMENT_BACKWARD];
  const bool forward = own[SEGMENT_FORWARD] < m &&
                       (rank == 0 || done[rank - 1][SEGMENT_FORWARD] > own[SEGMENT_FORWARD]) &&
                       own[SEGMENT_FORWARD] - ended < r->most(s->ranks, rank, m);
  const bool backward =
      own[SEGMENT_BACKWARD] < m && own[SEGMENT_FORWARD] > own[SEGMENT_BACKWARD] &&
      (!r->forward_first || own[SEGMENT_FORWARD] == m) &&
      (rank == s->ranks - 1 || done[rank + 1][SEGMENT_BACKWARD] > own[SEGMENT_BACKWARD]);
  const bool weights = s->split && own[SEGMENT_WEIGHTS] < own[SEGMENT_BACKWARD];

  if (backward) return SEGMENT_BACKWARD;
  return forward ? SEGMENT_FORWARD : weights ? SEGMENT_WEIGHTS : -1;
}

static glia_status play_rule(struct glia_schedule *s, const struct rule *r)
{
  int(*done)[3] = calloc((size_t)s->ranks, sizeof *done);
  int *turn = calloc((size_t)s->ranks, sizeof *turn);
  const int64_t all = (int64_t)s->micro_batches * s->segments * s->ranks;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, done != NULL && turn != NULL, GLIA_E_MEMORY, "a schedule");
  for (int64_t n = 0; n < all;) {
    for (int k = 0; k < s->ranks; k++) turn[k] = choose(s, r, k, done);
    for (int k = 0; k < s->ranks; k++) {
      if (turn[k] < 0) continue;
      add(s, k, turn[k], 0, done[k][turn[k]]++);
      n++;
    }
  }
out:
  free(done);
  free(turn);
  return st;
}

/* The k-th task forward or backward of a rank: micro-batches in groups of as many as there are ranks, each group through all
 * chunks. */
static void add_interleaved(struct glia_schedule *s, int rank, int kind, int k)
{
  const int group = s->ranks * s->chunks;
  const int chunk = k % group / s->ranks;

  add(s, rank, kind, kind == SEGMENT_FORWARD ? chunk : s->chunks - 1 - chunk,
      k / group * s->ranks + k % s->ranks);
}

static glia_status interleave(struct glia_schedule *s)
{
  const int m = s->micro_batches, total = m * s->chunks;

  GLIA_CHECK(m % s->ranks == 0, GLIA_E_ARGUMENT,
             "interleaved takes a multiple of %d micro-batches in each group of ranks, not %d: "
             "change data.micro_batch, or use schedule: 1f1b",
             s->ranks, m);
  for (int r = 0; r < s->ranks; r++) {
    const int ahead = 2 * (s->ranks - 1 - r) + (s->chunks - 1) * s->ranks;
    const int warm = m == s->ranks || ahead > total ? total : ahead;
    for (int k = 0; k < warm; k++) add_interleaved(s, r, SEGMENT_FORWARD, k);
    for (int k = warm; k < total; k++) {
      add_interleaved(s, r, SEGMENT_FORWARD, k);
      add_interleaved(s, r, SEGMENT_BACKWARD, k - warm);
    }
    for (int k = total - warm; k < total; k++) add_interleaved(s, r, SEGMENT_BACKWARD, k);
  }
  return GLIA_OK;
}

static void count_slots(struct glia_schedule *s)
{
  for (int r = 0; r < s->ranks; r++) {
    struct glia_schedule_row *row = &s->row[r];
    for (int k = 0, now = 0; k < row->n; k++) {
      now += row->task[k].segment == 0;
      if (now > row->slots) row->slots = now;
      now -= row->task[k].segment == s->segments - 1;
    }
  }
}

static glia_status fill(struct glia_schedule *s, const struct rule *r)
{
  struct glia_schedule_play play;

  for (int k = 0; r->local && k < s->ranks; k++)
    for (int i = 0; i < s->micro_batches; i++) add(s, k, SEGMENT_FORWARD, 0, i);
  if (!r->local) GLIA_TRY(r->interleaves ? interleave(s) : play_rule(s, r));
  count_slots(s);
  return glia_schedule_check(s, NULL, &play);
}

glia_status glia_schedule_make(int kind, int ranks, int chunks, int micro_batches,
                               struct glia_schedule **out)
{
  *out = NULL;
  GLIA_CHECK(kind >= 0 && kind < (int)GLIA_COUNT(rules) && ranks >= 1 &&
                 ranks <= GLIA_STAGE_MAX_RANKS && chunks >= 1 && micro_batches >= 0 &&
                 (chunks == 1 || rules[kind].interleaves),
             GLIA_E_ARGUMENT, "schedule %d of %d ranks, %d chunks and %d micro-batches", kind,
             ranks, chunks, micro_batches);
  glia_status st = create(&rules[kind], ranks, chunks, micro_batches, out);
  if (st == GLIA_OK) st = fill(*out, &rules[kind]);
  if (st != GLIA_OK) glia_schedule_destroy(out);
  return st;
}

void glia_schedule_destroy(struct glia_schedule **s)
{
  if (s == NULL || *s == NULL) return;
  for (int r = 0; (*s)->row != NULL && r < (*s)->ranks; r++) free((*s)->row[r].task);
  free((*s)->row);
  free((*s)->message);
  free(*s);
  *s = NULL;
}

void glia_schedule_deal(int ranks, const double *work, int cores, int *core)
{
  double load[GLIA_STAGE_MAX_RANKS] = {0.0};
  int n_of[GLIA_STAGE_MAX_RANKS] = {0};
  bool dealt[GLIA_STAGE_MAX_RANKS] = {false};

  for (int n = 0; n < ranks; n++) {
    int most = -1, least = 0;
    for (int r = 0; r < ranks; r++)
      if (!dealt[r] && (most < 0 || work[r] > work[most])) most = r;
    for (int c = 1; c < cores; c++)
      if (load[c] < load[least] || (load[c] <= load[least] && n_of[c] < n_of[least])) least = c;
    core[most] = least;
    load[least] += work[most];
    n_of[least]++;
    dealt[most] = true;
  }
}
