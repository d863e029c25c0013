/* Predictions for --plan: see advise.h.
 *
 * The tables of glia_schedule.h played with times of tasks that were measured stage by stage (advise_trial.c); memory from programs
 * compiled for every stage. */
#include "advise_priv.h"

#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Stages of a pipeline that are measured one by one on few ranks: of longer ones layers' times are summed. */
enum { TRIED_STAGES = 4 };
/* In a longer step tasks that wander even out; of a way that is run a step has no more than so many for each of its data groups. */
enum { FEW_MICRO_BATCHES = 256, RUN_MICRO_BATCHES = 8 };
static const double run_for_s = 0.15;
/* A stage alone is run so long to learn what ranks wait, twice, and then with those waits. Caches of some MiB are filled again in less than a
 * millisecond: longer tasks are not run again. */
enum { TRIES = 3 };
static const double try_for_s[TRIES] = {0.05, 0.05, 0.1}, long_task_s = 5e-3;

/* Sums over so many ranks of so much of the gradients, with nothing hidden: what was measured between two, and as many more bytes. */
static double sums_s(const struct measured *m, int ranks, double part)
{
  return ranks == 1 ? 0.0 : m->b.sums_s * part * 2.0 * (ranks - 1) / ranks;
}

/* Ranks of a node by its cores, where they share them; else 1. Such a way is run: so much longer its steps are about, to know how many
 * to run. */
static double crowd(const struct measured *m, const struct advice *c)
{
  return c->groups * c->stages == m->ranks ? m->crowd : 1.0;
}

/* Time of a task of a stage: what its layers take, and adding up their gradients, which are as large as what is updated. */
static double task_s(const struct measured *m, const struct glia_cut *cut,
                     const struct glia_model_cut *layers, int rank, int segment)
{
  const struct layer_times *t = &m->t;
  const int back = segment - cut->chunks, parts = cut->split ? 2 : 1;
  const int chunk = back < 0 ? segment : cut->chunks - 1 - back / parts;
  const int at = chunk * cut->ranks + rank;
  const double forward = back < 0 ? 1.0 : 0.0, backward = cut->parts > 0 ? 1.0
                                                          : back < 0     ? 0.0
                                                                         : 1.0 / parts;
  double s = 0.0, all = 0.0;

  for (int i = 0; i <= t->layers; i++) all += t->end[i];
  for (int i = layers->first[at]; i < layers->first[at + 1]; i++)
    s += forward * t->forward[i] + backward * t->backward[i] +
         (all > 0.0 ? backward * m->b.join_s * t->end[i] / all : 0.0);
  if (at == layers->stages - 1)
    s += forward * t->forward[t->layers] + backward * t->backward[t->layers];
  return s;
}

/* What a stage does behind the micro-batches: its own layers' updates, and what belongs to none. */
static double end_s(const struct measured *m, const struct glia_cut *cut,
                    const struct glia_model_cut *layers, int rank)
{
  double own = 0.0, all = 0.0;

  for (int i = 0; i <= m->t.layers; i++) all += m->t.end[i];
  for (int c = 0; c < cut->chunks; c++)
    for (int i = layers->first[c * cut->ranks + rank]; i < layers->first[c * cut->ranks + rank + 1];
         i++)
      own += m->t.end[i];
  return m->b.rest_s + (all > 0.0 ? own + fmax(0.0, m->b.end_s - all) : m->b.end_s / cut->ranks);
}

/* Memory and messages of a stage, from a program made for it. */
static glia_status look_at_stage(const struct session *s, const struct measured *m, struct plan *p,
                                 int rank, struct advice *c)
{
  const struct glia_schedule *schedule = p->schedule;
  struct glia_stage *stage = NULL;
  struct glia_program *program = NULL;
  struct glia_stage_traffic t = {0};

  glia_status st = glia_stage_cut(glia_model_graph(s->model), &p->cut, rank, &stage);
  if (st == GLIA_OK)
    st =
        glia_stage_compile(stage, glia_kernels_default(), (size_t)s->config.bucket_bytes, &program);
  if (st == GLIA_OK) {
    t = glia_stage_traffic(stage, "train");
    const double waiting = (double)t.bytes_out * schedule->ahead;
    const double bytes =
        waiting +
        (double)glia_engine_bytes(program, 1, c->groups, s->eval_micro_batches,
                                  schedule->row[rank].slots > 0 ? schedule->row[rank].slots : 1);
    c->memory_bytes = fmax(c->memory_bytes, bytes);
    c->stage_bytes = fmax(c->stage_bytes, (double)t.bytes_out * schedule->micro_batches);
  }
  p->moved_s[rank] = (double)t.messages_in * m->b.latency_s + (double)t.bytes_in / m->b.bytes_per_s;
  glia_program_destroy(&program);
  glia_stage_destroy(&stage);
  return st;
}

static void write_cuts(const struct glia_model_cut *layers, char *text, size_t size)
{
  size_t used = (size_t)snprintf(text, size, "[");

  for (int k = 1; k < layers->stages && used < size; k++)
    used += (size_t)snprintf(text + used, size - used, "%s%d", k > 1 ? ", " : "", layers->first[k]);
  if (used < size) snprintf(text + used, size - used, "]");
}

/* Of a rank in a step. */
static size_t tasks_of(const struct glia_schedule *s)
{
  return (size_t)s->segments * (size_t)s->micro_batches;
}

static glia_status make_plan(const struct session *s, const struct measured *m, struct advice *c,
                             struct plan *p)
{
  const int own = (int)((m->micro_batches + c->groups - 1) / c->groups);
  double *layer_s = calloc((size_t)m->t.layers + 1, sizeof *layer_s);

  GLIA_CHECK(layer_s != NULL, GLIA_E_MEMORY, "a prediction");
  for (int i = 0; i <= m->t.layers; i++) layer_s[i] = m->t.forward[i] + m->t.backward[i];
  const glia_status st =
      glia_model_cut_balanced(s->model, layer_s, c->stages * c->chunks, &p->layers);
  free(layer_s);
  GLIA_TRY(st);
  write_cuts(&p->layers, c->cuts, sizeof c->cuts);
  GLIA_TRY(glia_schedule_make(c->kind, c->stages, c->chunks, own, &p->schedule));
  p->cut = (struct glia_cut){.ranks = c->stages,
                             .chunks = c->chunks,
                             .stage_of = glia_model_stage_of,
                             .self = &p->layers,
                             .loss = glia_model_loss_sum(s->model),
                             .split = p->schedule->split,
                             .parts = glia_model_modules(s->model),
                             .part_of = glia_model_part_of};
  p->cost = calloc((size_t)c->stages * (size_t)p->schedule->segments, sizeof *p->cost);
  GLIA_CHECK(p->cost != NULL, GLIA_E_MEMORY, "a prediction");
  if (c->from != ADVISE_STAGES) return GLIA_OK;
  p->plays = own < FEW_MICRO_BATCHES ? ADVISE_PLAYS : 1;
  p->each = calloc((size_t)p->plays * (size_t)c->stages * tasks_of(p->schedule), sizeof *p->each);
  GLIA_CHECK(p->each != NULL, GLIA_E_MEMORY, "a prediction");
  return glia_schedule_is_local(c->kind)
             ? glia_schedule_make(c->kind, c->stages, c->chunks, p->plays * own, &p->all)
             : GLIA_OK;
}

/* From layers' times. */
static void sum_layers(const struct measured *m, struct plan *p)
{
  const int n = p->schedule->segments;

  for (int r = 0; r < p->schedule->ranks; r++) {
    for (int k = 0; k < n; k++) p->cost[r * n + k] = task_s(m, &p->cut, &p->layers, r, k);
    p->end_s[r] = end_s(m, &p->cut, &p->layers, r);
  }
}

/* Of what was found by stage, x [ranks][tasks of all plays, end]: every single task, and those of the mean. */
static void keep_tasks(struct plan *p, const double *x)
{
  const int n = p->schedule->segments, ranks = p->schedule->ranks, v = p->schedule->micro_batches;
  const size_t tasks = tasks_of(p->schedule), row = (size_t)p->plays * tasks + 1;

  for (int r = 0; r < ranks; r++) {
    const double *of = x + (size_t)r * row;
    for (int k = 0; k < n; k++) p->cost[r * n + k] = 0.0;
    for (int play = 0; play < p->plays; play++)
      for (size_t i = 0; i < tasks; i++) {
        const double took_s = of[(size_t)play * tasks + i];
        p->each[((size_t)play * (size_t)ranks + (size_t)r) * tasks + i] = took_s;
        p->cost[r * n + (int)(i / (size_t)v)] += took_s / (p->plays * v);
      }
    p->end_s[r] = of[row - 1];
  }
}

/* Messages take a rank's time, as much in each of its tasks. */
static void add_messages(struct plan *p)
{
  const int n = p->schedule->segments, ranks = p->schedule->ranks;
  const size_t tasks = tasks_of(p->schedule);

  for (int r = 0; r < ranks; r++) {
    const double more_s = p->moved_s[r] / n;
    for (int k = 0; k < n; k++) p->cost[r * n + k] += more_s;
    for (size_t i = 0; p->each != NULL && i < (size_t)p->plays * tasks; i++)
      p->each[(i / tasks * (size_t)ranks + (size_t)r) * tasks + i % tasks] += more_s;
  }
}

/* Each stage by itself, as many at once as there are ranks that measure: no one rests while others run, so some run twice.
 * wait_s: [ranks][tasks, tail]; NULL: none waits */
static glia_status try_once(const struct session *s, const struct measured *m,
                            const struct advice *c, struct plan *p, double seconds,
                            const double *wait_s)
{
  const int ranks = p->schedule->ranks, v = p->schedule->micro_batches;
  const size_t row = (size_t)p->plays * tasks_of(p->schedule) + 1;
  double *x = calloc((size_t)(ranks + m->workers) * row, sizeof *x);
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st,
              glia_agree(s->comm, x != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a prediction")));
  for (int first = 0; first < ranks; first += m->workers) {
    const int turn = first + m->worker, r = m->worker >= 0 ? turn % ranks : -1;
    const size_t tasks = tasks_of(p->schedule);
    const double *wait = wait_s != NULL && r >= 0 ? wait_s + (size_t)r * (tasks + 1) : NULL;
    const struct advise_trial t = {.cut = &p->cut,
                                   .kind = c->kind,
                                   .micro_batches = v,
                                   .rank = r,
                                   .plays = p->plays,
                                   .seconds = seconds,
                                   .wait_s = wait,
                                   .tail_s = wait != NULL ? wait[tasks] : 0.0};
    double *own = x + (size_t)(m->worker >= 0 ? turn : 0) * row;
    GLIA_TRY_TO(out, st, advise_trial_(s, &t, own, &own[row - 1]));
  }
  GLIA_TRY_TO(out, st, glia_comm_reduce_f64(s->comm, GLIA_COMM_SUM, x, (int)row * ranks));
  keep_tasks(p, x);
  add_messages(p);
out:
  free(x);
  return st;
}

/* All plays of local learning as one, since ranks go on from step to step: what ends a step, end_s [ranks], comes before the next one's
 * first task. wait_s [ranks][plays][tasks]; NULL: nobody asks. */
static glia_status play_on(const struct plan *p, const double *end_s, double *wait_s,
                           struct glia_schedule_play *play)
{
  const int ranks = p->schedule->ranks;
  const size_t tasks = tasks_of(p->schedule), plays = (size_t)p->plays;
  double *each = calloc((size_t)ranks * plays * tasks + 1, sizeof *each), *to = each;

  GLIA_CHECK(each != NULL, GLIA_E_MEMORY, "a prediction");
  for (size_t r = 0; r < (size_t)ranks; r++)
    for (size_t k = 0; k < plays; k++, to += tasks) {
      memcpy(to, p->each + (k * (size_t)ranks + r) * tasks, tasks * sizeof *to);
      to[0] += end_s[r];
    }
  const glia_status st = glia_schedule_replay(p->all, each, wait_s, play);
  free(each);
  return st;
}

/* As find_waits. Nobody waits behind a step. */
static glia_status find_waits_on(const struct plan *p, bool first, double *wait_s)
{
  const int ranks = p->schedule->ranks;
  const size_t tasks = tasks_of(p->schedule), n = (size_t)p->plays * tasks;
  const double part = (first ? 1.0 : 0.5) / p->plays;
  double *one = calloc((size_t)ranks * n + 1, sizeof *one);
  struct glia_schedule_play play;

  GLIA_CHECK(one != NULL, GLIA_E_MEMORY, "a prediction");
  const glia_status st = play_on(p, p->end_s, one, &play);
  for (size_t r = 0; r < (size_t)ranks && st == GLIA_OK; r++)
    for (size_t i = 0; i < n; i++) {
      double *to = &wait_s[r * (tasks + 1) + i % tasks];
      if (i < tasks) *to *= first ? 0.0 : 0.5;
      *to += part * one[r * n + i];
    }
  free(one);
  return st;
}

/* What ranks wait, of the mean of all plays, halfway from what they waited before: [ranks][tasks, tail]. */
static glia_status find_waits(const struct plan *p, bool first, double *wait_s)
{
  const int ranks = p->schedule->ranks;
  const size_t tasks = tasks_of(p->schedule);
  const double part = (first ? 1.0 : 0.5) / p->plays;
  double *one = calloc((size_t)ranks * tasks + 1, sizeof *one);
  glia_status st = one != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a prediction");

  for (size_t i = 0; i < (size_t)ranks * (tasks + 1); i++) wait_s[i] *= first ? 0.0 : 0.5;
  for (int k = 0; k < p->plays && st == GLIA_OK; k++) {
    struct glia_schedule_play play;
    st = glia_schedule_replay(p->schedule, p->each + (size_t)(k * ranks) * tasks, one, &play);
    for (int r = 0; r < ranks && st == GLIA_OK; r++) {
      double *to = wait_s + (size_t)r * (tasks + 1), all = play.busy[r];
      for (size_t i = 0; i < tasks; i++) {
        to[i] += part * one[(size_t)r * tasks + i];
        all += one[(size_t)r * tasks + i];
      }
      to[tasks] += part * fmax(0.0, play.span - all);
    }
  }
  free(one);
  return st;
}

static double longest_task(const struct plan *p)
{
  double most = 0.0;

  for (int i = 0; i < p->schedule->ranks * p->schedule->segments; i++)
    most = fmax(most, p->cost[i]);
  return most;
}

/* Who waits finds colder caches behind it, so waits change the tasks that they are told from: first none waits, then as it was played,
 * then halfway to what comes of that. */
static glia_status try_stages(const struct session *s, const struct measured *m,
                              const struct advice *c, struct plan *p)
{
  double *wait_s = calloc((size_t)p->schedule->ranks * (tasks_of(p->schedule) + 1), sizeof *wait_s);
  glia_status st =
      glia_agree(s->comm, wait_s != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a prediction"));

  for (int k = 0; k < TRIES && st == GLIA_OK; k++) {
    st = try_once(s, m, c, p, try_for_s[k], k > 0 ? wait_s : NULL);
    if (longest_task(p) > long_task_s) break; /* the same on all ranks */
    if (st == GLIA_OK && k < TRIES - 1)
      st = glia_agree(s->comm, (p->all != NULL ? find_waits_on : find_waits)(p, k == 0, wait_s));
  }
  free(wait_s);
  return st;
}

/* What the ranks of a pipeline do in a step, each on a core of its own. */
struct played {
  double span, bubble;
};

static glia_status play_means(const struct plan *p, struct played *out)
{
  struct glia_schedule_play play;

  GLIA_TRY(glia_schedule_check(p->schedule, p->cost, &play));
  *out = (struct played){.span = play.span, .bubble = glia_schedule_bubble(p->schedule, &play)};
  return GLIA_OK;
}

/* Steps of single tasks: spans of the median, of the rest the mean. */
static glia_status play_each(const struct plan *p, struct played *out)
{
  const int ranks = p->schedule->ranks;
  double span[ADVISE_PLAYS];

  *out = (struct played){.span = 0.0};
  for (int k = 0; k < p->plays; k++) {
    const double *each = p->each + (size_t)(k * ranks) * tasks_of(p->schedule);
    struct glia_schedule_play play;
    GLIA_TRY(glia_schedule_replay(p->schedule, each, NULL, &play));
    span[k] = play.span;
    out->bubble += glia_schedule_bubble(p->schedule, &play) / p->plays;
  }
  out->span = layer_times_median(span, p->plays);
  return GLIA_OK;
}

/* Local learning goes on from step to step: the slowest rank, with what it waits for others' slow tasks, tells how fast. */
static glia_status time_local(const struct measured *m, const struct plan *p, struct advice *c)
{
  const bool tried = p->all != NULL;
  const double steps = tried ? p->plays : 1.0;
  double end[GLIA_STAGE_MAX_RANKS], busy = 0.0, all = 0.0;
  struct glia_schedule_play play;

  for (int r = 0; r < c->stages; r++) end[r] = p->end_s[r] + sums_s(m, c->groups, 1.0 / c->stages);
  GLIA_TRY(tried ? play_on(p, end, NULL, &play) : glia_schedule_check(p->schedule, p->cost, &play));
  c->tasks_s = c->end_s = 0.0;
  for (int r = 0; r < c->stages; r++) {
    const double own = play.busy[r] / steps + (tried ? 0.0 : end[r]),
                 took = tried ? play.own[r] / steps : own;
    busy += own;
    all += took;
    c->end_s = took > c->tasks_s ? end[r] * crowd(m, c) : c->end_s;
    c->tasks_s = fmax(c->tasks_s, took);
  }
  if (!tried) all = c->tasks_s * c->stages;
  c->bubble = 1.0 - busy / all;
  c->step_s = c->tasks_s * crowd(m, c);
  return GLIA_OK;
}

/* A step from the tasks' times. */
static glia_status time_plan(const struct measured *m, const struct plan *p, struct advice *c)
{
  struct played play;
  double end = 0.0;

  if (p->schedule->ahead > 0) return time_local(m, p, c);
  GLIA_TRY(p->each != NULL ? play_each(p, &play) : play_means(p, &play));
  for (int r = 0; r < c->stages; r++)
    end = fmax(end, p->end_s[r] + sums_s(m, c->groups, 1.0 / c->stages));
  c->bubble = play.bubble;
  c->tasks_s = play.span;
  c->end_s = end * crowd(m, c) + m->b.latency_s;
  c->step_s = c->tasks_s * crowd(m, c) + c->end_s;
  return GLIA_OK;
}

/* The same on all ranks. */
static glia_status look_at_stages(const struct session *s, const struct measured *m,
                                  struct advice *c, struct plan *p)
{
  glia_status st = make_plan(s, m, c, p);

  for (int r = 0; r < c->stages && st == GLIA_OK; r++) st = look_at_stage(s, m, p, r, c);
  c->sum_bytes = c->groups > 1 ? 2.0 * m->gradient_bytes / c->stages : 0.0;
  return st;
}

static glia_status predict_stages(const struct session *s, const struct measured *m,
                                  struct advice *c, struct plan *p)
{
  if (c->from == ADVISE_STAGES) {
    GLIA_TRY(try_stages(s, m, c, p));
  } else {
    sum_layers(m, p);
    add_messages(p);
  }
  return time_plan(m, p, c);
}

/* Ranks of a node that hold the states once share the updates out. */
static void predict_data(const struct session *s, const struct measured *m, struct advice *c)
{
  const int64_t most = (m->micro_batches + c->groups - 1) / c->groups;
  const int sharing =
      s->once_per_node && c->groups > 1 ? m->sharing < c->groups ? m->sharing : c->groups : 1;
  const double end_s =
      m->b.end_s / (sharing > 0 ? sharing : 1) + m->b.rest_s + sums_s(m, c->groups, 1.0);

  c->step_s =
      ((double)most * m->b.micro_s + (double)(most - 1) * m->b.join_s + end_s) * crowd(m, c);
  c->end_s = end_s * crowd(m, c);
  if (c->groups == 1) c->step_s = m->b.single_s;
  c->bubble = 1.0 - (double)m->micro_batches / (double)(most * c->groups);
  c->sum_bytes = c->groups > 1 ? 2.0 * m->gradient_bytes : 0.0;
  c->memory_bytes = (double)glia_engine_bytes(s->program, 1, c->groups, s->eval_micro_batches, 0);
}

bool advisor_fits(int ranks, int modules)
{
  for (int k = 2; k <= ranks && k <= modules; k++)
    if (ranks % k == 0) return true;
  return false;
}

static int list_ways(int ranks, int layers, bool local, struct advice *c)
{
  int n = 0;

  c[n++] = (struct advice){.name = "one rank", .groups = 1, .stages = 1, .kind = -1, .chunks = 1};
  c[n] = (struct advice){.groups = ranks, .stages = 1, .kind = -1, .chunks = 1};
  snprintf(c[n++].name, sizeof c->name, "data groups: %d", ranks);
  for (int k = 2; k <= ranks && k <= layers; k++)
    for (int kind = 0; ranks % k == 0 && glia_schedule_names()[kind] != NULL; kind++) {
      if (glia_schedule_is_local(kind) != local) continue;
      const int chunks = glia_schedule_interleaves(kind) ? 2 : 1;
      if (k * chunks > layers || n == ADVISE_MOST) continue;
      c[n] = (struct advice){.groups = ranks / k, .stages = k, .kind = kind, .chunks = chunks};
      snprintf(c[n++].name, sizeof c->name, "stages: %d, %s%s", k, glia_schedule_names()[kind],
               ranks > k ? ", with data groups" : "");
    }
  return n;
}

static glia_status prepare(struct advisor *a, int ranks)
{
  const int size = glia_comm_size(a->s->comm), most = size > TRIED_STAGES ? size : TRIED_STAGES;
  const bool local = glia_model_modules(a->s->model) > 0;

  GLIA_TRY(advise_measure_(a->s, &a->m));
  a->n = list_ways(ranks, a->m.t.layers, local, a->way);
  for (int i = 0; i < a->n; i++) {
    struct advice *c = &a->way[i];
    /* ranks that share a core take each other's caches, and turns: no sum of what they do alone tells that */
    c->from = crowd(&a->m, c) > 1.0               ? ADVISE_RUN
              : c->kind >= 0 && c->stages <= most ? ADVISE_STAGES
                                                  : ADVISE_LAYERS;
    if (c->kind < 0 || look_at_stages(a->s, &a->m, c, &a->plan[i]) == GLIA_OK) continue;
    snprintf(c->why_not, sizeof c->why_not, "%s", glia_trace_message());
    glia_trace_clear();
  }
  return GLIA_OK;
}

glia_status advisor_open(struct session *s, int ranks, struct advisor **out)
{
  struct advisor *a = calloc(1, sizeof *a);

  *out = a;
  GLIA_TRY(glia_agree(s->comm, a != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a prediction")));
  a->s = s;
  const glia_status st = prepare(a, ranks);
  if (st != GLIA_OK) advisor_close(out);
  return st;
}

void advisor_close(struct advisor **advisor)
{
  struct advisor *a = *advisor;

  if (a == NULL) return;
  for (int i = 0; i < a->n; i++) {
    glia_schedule_destroy(&a->plan[i].schedule);
    glia_schedule_destroy(&a->plan[i].all);
    free(a->plan[i].cost);
    free(a->plan[i].each);
  }
  layer_times_free(&a->m.t);
  free(a);
  *advisor = NULL;
}

const struct advice *advisor_ways(const struct advisor *a, int *n)
{
  *n = a->n;
  return a->way;
}

const struct advise_basis *advisor_basis(const struct advisor *a) { return &a->m.b; }

/* Tasks of a rank that a step is as long as, its filling and draining included, where `crowded` ranks take turns on a core: on p / crowded cores
 * v p tasks, less what stands still while there are fewer of them than cores. */
static double places(const struct advice *c, double micro_batches, double crowded)
{
  const bool fills = c->kind >= 0 && !glia_schedule_is_local(c->kind);

  return micro_batches * crowded + (fills ? fmax(c->stages / crowded - 1.0, 0.0) : 0.0);
}

/* Run the way. Where its steps have more micro-batches than are run, they are longer by what those were predicted to take: the end of a step and
 * the filling of a pipeline come once. Nothing is told of a session that nobody asked for. */
static glia_status run_way(const struct advisor *a, struct advice *c)
{
  const bool quiet = glia_log_enabled(GLIA_LOG_INFO) && !glia_log_enabled(GLIA_LOG_DEBUG);
  const int own = c->stages < RUN_MICRO_BATCHES ? RUN_MICRO_BATCHES - RUN_MICRO_BATCHES % c->stages
                                                : c->stages; /* as interleaved takes them */
  const int64_t v = a->m.micro_batches, all = (v + c->groups - 1) / c->groups,
                some = own < all ? own : all;
  const double crowded = crowd(&a->m, c),
               ratio = places(c, (double)some, crowded) / places(c, (double)all, crowded),
               own_ratio = places(c, (double)some, 1.0) / places(c, (double)all, 1.0);
  struct advice_run r;

  if (quiet) glia_log_set_level(GLIA_LOG_ERROR);
  const glia_status st = advisor_run(a->s, a->s->comm, c, run_for_s, some * c->groups, &r);
  if (quiet) glia_log_set_level(GLIA_LOG_INFO);
  GLIA_TRY(st);
  c->step_s = r.step_s * c->step_s / (c->end_s + (c->step_s - c->end_s) * ratio);
  if (isnan(r.tasks_s)) return GLIA_OK;
  c->tasks_s = r.tasks_s / own_ratio; /* told of cores of their own */
  /* stages of unlike length wait for each other all the while: it is the tasks that grow with the micro-batches, not the waiting that shrinks */
  c->bubble = glia_schedule_is_local(c->kind)
                  ? r.bubble
                  : fmax(0.0, 1.0 - (1.0 - r.bubble) * own_ratio * (double)all / (double)some);
  return GLIA_OK;
}

glia_status advisor_time(struct advisor *a, int way, bool again)
{
  struct advice *c = &a->way[way];
  glia_status st = GLIA_OK;

  if (c->why_not[0] != '\0') return GLIA_OK;
  if (again && (c->from == ADVISE_LAYERS || (c->from == ADVISE_STAGES && c->groups > 1)))
    GLIA_TRY(advise_measure_(a->s, &a->m));
  if (c->kind < 0)
    predict_data(a->s, &a->m, c);
  else
    st = predict_stages(a->s, &a->m, c, &a->plan[way]);
  if (st == GLIA_OK && c->from == ADVISE_RUN) st = run_way(a, c);
  if (st == GLIA_OK || st == GLIA_E_MPI) return st;
  snprintf(c->why_not, sizeof c->why_not, "%s", glia_trace_message());
  glia_trace_clear();
  return GLIA_OK;
}
