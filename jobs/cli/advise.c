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

/* Stages of a pipeline that are measured one by one on few ranks: of longer ones layers' times are summed. */
enum { TRIED_STAGES = 4 };

/* Sums over so many ranks of so much of the gradients, with nothing hidden: what was measured between two, and as many more bytes. */
static double sums_s(const struct measured *m, int ranks, double part)
{
  return ranks == 1 ? 0.0 : m->b.sums_s * part * 2.0 * (ranks - 1) / ranks;
}

/* Ranks of a node by its cores, where they share them; else 1. */
static double crowd(const struct measured *m, const struct advice *c)
{
  return c->groups * c->stages == m->ranks && m->cores < m->local ? m->local / m->cores : 1.0;
}

/* Cores for the ranks of a table: their part of those that all share. */
static int cores_for(const struct measured *m, const struct advice *c, int ranks)
{
  const double cores = ranks / crowd(m, c) + 1e-9;

  return cores > 1.0 ? (int)cores : 1;
}

/* Of ranks that are dealt out to cores by their work, what the core has that has most of something, no less than all of it on
 * this run's cores: time [ranks]. */
static double most_of_a_core(const struct measured *m, const struct advice *c, int ranks,
                             const double *work, const double *time)
{
  double on[GLIA_STAGE_MAX_RANKS] = {0.0}, most = 0.0, all = 0.0;
  int core[GLIA_STAGE_MAX_RANKS];

  glia_schedule_deal(ranks, work, cores_for(m, c, ranks), core);
  for (int r = 0; r < ranks; r++) {
    on[core[r]] += time[r];
    all += time[r];
    most = fmax(most, on[core[r]]);
  }
  return fmax(most, all / ranks * crowd(m, c));
}

/* Span of a table on this run's cores, dealt out to its pipelines: no less than all the work of a rank's part of them. */
static glia_status span_on_cores(const struct measured *m, const struct advice *c,
                                 const struct plan *p, double *span)
{
  const struct glia_schedule *s = p->schedule;
  struct glia_schedule_play play;
  double busy = 0.0;

  GLIA_TRY(glia_schedule_share(s, p->cost, p->work, cores_for(m, c, s->ranks), &play));
  for (int r = 0; r < s->ranks; r++) busy += play.busy[r];
  *span = fmax(play.span, busy / s->ranks * crowd(m, c));
  return GLIA_OK;
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
  return GLIA_OK;
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

/* Each stage by itself, as many at once as there are ranks that measure: no one rests while others run, so some may run twice. */
static glia_status try_stages(const struct session *s, const struct measured *m,
                              const struct advice *c, struct plan *p)
{
  const int n = p->schedule->segments, ranks = p->schedule->ranks, row = n + 2;
  double *x = calloc((size_t)ranks * (size_t)row, sizeof *x); /* tasks, end, how often */
  double *own = calloc((size_t)row, sizeof *own);
  glia_status st = x != NULL && own != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a prediction");

  GLIA_TRY_TO(out, st, glia_agree(s->comm, st));
  for (int first = 0; first < ranks; first += m->workers) {
    const int r = m->worker >= 0 ? (first + m->worker) % ranks : -1;
    GLIA_TRY_TO(out, st,
                advise_trial_(s, &p->cut, c->kind, p->schedule->micro_batches, r, own, &own[n]));
    own[n + 1] = 1.0;
    for (int k = 0; k < row && r >= 0; k++) x[r * row + k] += own[k];
  }
  GLIA_TRY_TO(out, st, glia_comm_reduce_f64(s->comm, GLIA_COMM_SUM, x, ranks * row));
  for (int r = 0; r < ranks; r++) {
    const double *of = x + r * row;
    for (int k = 0; k < n; k++) p->cost[r * n + k] = of[k] / of[n + 1];
    p->end_s[r] = of[n] / of[n + 1];
  }
out:
  free(x);
  free(own);
  return st;
}

/* A step from the tasks' times. Local learning goes on from step to step: the slowest rank tells how fast. */
static glia_status time_plan(const struct measured *m, const struct plan *p, struct advice *c)
{
  struct glia_schedule_play play;
  double busy = 0.0, most = 0.0, end[GLIA_STAGE_MAX_RANKS];

  GLIA_TRY(glia_schedule_check(p->schedule, p->cost, &play));
  for (int r = 0; r < c->stages; r++) {
    busy += play.busy[r];
    most = fmax(most, play.busy[r]);
    end[r] = p->end_s[r] + sums_s(m, c->groups, 1.0 / c->stages);
  }
  const bool local = p->schedule->ahead > 0;
  c->bubble = local ? 1.0 - busy / (most * c->stages) : glia_schedule_bubble(p->schedule, &play);
  c->tasks_s = local ? most : play.span;
  double span = most_of_a_core(m, c, c->stages, p->work, play.busy);
  if (!local) GLIA_TRY(span_on_cores(m, c, p, &span));
  c->step_s = span + most_of_a_core(m, c, c->stages, p->work, end) + (local ? 0.0 : m->b.latency_s);
  return GLIA_OK;
}

/* By what a run that is cut so deals its ranks out to cores: costs that are counted (jobs/cli/placement.c). */
static glia_status count_work(const struct session *s, struct plan *p)
{
  double *layer = calloc((size_t)glia_model_layers(s->model) + 1, sizeof *layer);
  double stage[GLIA_MODEL_MAX_STAGES];

  GLIA_CHECK(layer != NULL, GLIA_E_MEMORY, "a prediction");
  glia_model_cost(s->model, layer);
  (void)glia_model_imbalance(&p->layers, layer, stage);
  for (int k = 0; k < p->layers.stages; k++) p->work[k % p->cut.ranks] += stage[k];
  free(layer);
  return GLIA_OK;
}

/* The same on all ranks. */
static glia_status look_at_stages(const struct session *s, const struct measured *m,
                                  struct advice *c, struct plan *p)
{
  glia_status st = make_plan(s, m, c, p);

  if (st == GLIA_OK) st = count_work(s, p);
  for (int r = 0; r < c->stages && st == GLIA_OK; r++) st = look_at_stage(s, m, p, r, c);
  c->sum_bytes = c->groups > 1 ? 2.0 * m->gradient_bytes / c->stages : 0.0;
  return st;
}

static glia_status predict_stages(const struct session *s, const struct measured *m,
                                  struct advice *c, struct plan *p)
{
  const int n = p->schedule->segments;

  if (c->tried)
    GLIA_TRY(try_stages(s, m, c, p));
  else
    sum_layers(m, p);
  for (int r = 0; r < c->stages; r++)
    for (int k = 0; k < n; k++) p->cost[r * n + k] += p->moved_s[r] / n;
  return time_plan(m, p, c);
}

/* Micro-batches of data groups, and the end of a step: each rank's on its core. */
static void groups_span(const struct measured *m, struct advice *c, double end_s)
{
  double work[GLIA_STAGE_MAX_RANKS], end[GLIA_STAGE_MAX_RANKS], all = 0.0, most = 0.0;

  for (int k = 0; k < c->groups; k++) {
    const int64_t own = glia_tree_range(m->micro_batches, c->groups, k + 1) -
                        glia_tree_range(m->micro_batches, c->groups, k);
    const double own_s = (double)own * m->b.micro_s + (double)(own > 0 ? own - 1 : 0) * m->b.join_s;
    all += own_s;
    most = fmax(most, own_s);
    if (k >= GLIA_STAGE_MAX_RANKS) continue;
    work[k] = own_s;
    end[k] = end_s;
  }
  c->step_s = fmax(most, all / c->groups * crowd(m, c)) + end_s * ceil(crowd(m, c));
  if (c->groups > GLIA_STAGE_MAX_RANKS) return;
  c->step_s =
      most_of_a_core(m, c, c->groups, work, work) + most_of_a_core(m, c, c->groups, work, end);
}

/* Ranks of a node that hold the states once share the updates out. */
static void predict_data(const struct session *s, const struct measured *m, struct advice *c)
{
  const int64_t most = (m->micro_batches + c->groups - 1) / c->groups;
  const int sharing =
      s->once_per_node && c->groups > 1 ? m->local < c->groups ? m->local : c->groups : 1;

  groups_span(m, c,
              m->b.end_s / (sharing > 0 ? sharing : 1) + m->b.rest_s + sums_s(m, c->groups, 1.0));
  if (c->groups == 1) c->step_s = m->b.single_s;
  c->bubble = 1.0 - (double)m->micro_batches / (double)(most * c->groups);
  c->sum_bytes = c->groups > 1 ? 2.0 * m->gradient_bytes : 0.0;
  c->memory_bytes = (double)glia_engine_bytes(s->program, 1, c->groups, s->eval_micro_batches, 0);
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
    /* stages that share a core take each other's caches: alone they would be too quick */
    c->tried = c->kind >= 0 && !local && c->stages <= most && crowd(&a->m, c) <= 1.0;
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
    free(a->plan[i].cost);
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

glia_status advisor_time(struct advisor *a, int way, bool again)
{
  struct advice *c = &a->way[way];

  if (c->why_not[0] != '\0') return GLIA_OK;
  if (again && (!c->tried || c->groups > 1)) GLIA_TRY(advise_measure_(a->s, &a->m));
  if (c->kind < 0) {
    predict_data(a->s, &a->m, c);
    return GLIA_OK;
  }
  const glia_status st = predict_stages(a->s, &a->m, c, &a->plan[way]);
  if (st == GLIA_OK || st == GLIA_E_MPI) return st;
  snprintf(c->why_not, sizeof c->why_not, "%s", glia_trace_message());
  glia_trace_clear();
  return GLIA_OK;
}
