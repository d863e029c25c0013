/* Predictions for --plan: see advise.h.
 *
 * The tables of glia_schedule.h played with times of layers that were measured; memory from programs compiled for every stage. */
#include "advise_priv.h"

#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
                                 const struct glia_schedule *s, const double *cost, double *span)
{
  struct glia_schedule_play play;
  double busy = 0.0;

  GLIA_TRY(glia_schedule_share(s, cost, cores_for(m, c, s->ranks), &play));
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

/* A pipeline that is looked at. */
struct plan {
  struct glia_model_cut layers;
  struct glia_cut cut;
  struct glia_schedule *schedule;
  double *cost; /* [ranks][segments] */
  double end_s[GLIA_STAGE_MAX_RANKS];
};

/* Memory and messages of a stage, from a program made for it; times of its tasks. */
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
  const double moved_s =
      (double)t.messages_in * m->b.latency_s + (double)t.bytes_in / m->b.bytes_per_s;
  for (int k = 0; k < schedule->segments; k++)
    p->cost[rank * schedule->segments + k] =
        task_s(m, &p->cut, &p->layers, rank, k) + moved_s / schedule->segments;
  p->end_s[rank] = end_s(m, &p->cut, &p->layers, rank) + sums_s(m, c->groups, 1.0 / c->stages);
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

/* A step from the tasks' times. Local learning goes on from step to step: the slowest rank tells how fast. */
static glia_status time_plan(const struct measured *m, const struct plan *p, struct advice *c)
{
  struct glia_schedule_play play;
  double busy = 0.0, most = 0.0;

  GLIA_TRY(glia_schedule_check(p->schedule, p->cost, &play));
  for (int r = 0; r < c->stages; r++) {
    busy += play.busy[r];
    most = fmax(most, play.busy[r]);
  }
  const bool local = p->schedule->ahead > 0;
  c->bubble = local ? 1.0 - busy / (most * c->stages) : glia_schedule_bubble(p->schedule, &play);
  c->tasks_s = local ? most : play.span;
  double span = most_of_a_core(m, c, c->stages, play.busy, play.busy);
  if (!local) GLIA_TRY(span_on_cores(m, c, p->schedule, p->cost, &span));
  c->step_s =
      span + most_of_a_core(m, c, c->stages, play.busy, p->end_s) + (local ? 0.0 : m->b.latency_s);
  return GLIA_OK;
}

static glia_status predict_stages(const struct session *s, const struct measured *m,
                                  struct advice *c)
{
  struct plan p = {.schedule = NULL};
  glia_status st = make_plan(s, m, c, &p);

  for (int r = 0; r < c->stages && st == GLIA_OK; r++) st = look_at_stage(s, m, &p, r, c);
  if (st == GLIA_OK) st = time_plan(m, &p, c);
  c->sum_bytes = c->groups > 1 ? 2.0 * m->gradient_bytes / c->stages : 0.0;
  glia_schedule_destroy(&p.schedule);
  free(p.cost);
  return st;
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

glia_status advise_predict(struct session *s, int ranks, int *n, struct advice *out,
                           struct advise_basis *basis)
{
  struct measured m = {.ranks = 0};
  glia_status st = advise_measure_(s, &m);

  *n = 0;
  if (st == GLIA_OK) *n = list_ways(ranks, m.t.layers, glia_model_modules(s->model) > 0, out);
  for (int i = 0; i < *n; i++) {
    if (out[i].kind < 0) {
      predict_data(s, &m, &out[i]);
    } else if (predict_stages(s, &m, &out[i]) != GLIA_OK) {
      snprintf(out[i].why_not, sizeof out[i].why_not, "%s", glia_trace_message());
      glia_trace_clear();
    }
  }
  *basis = m.b;
  layer_times_free(&m.t);
  return st;
}

static json_t *advice_json(const struct advice *c)
{
  return json_pack("{s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "name", c->name, "groups", c->groups,
                   "stages", c->stages, "cuts", json_loads(c->kind < 0 ? "[]" : c->cuts, 0, NULL),
                   "step_s", glia_json_real(c->step_s), "bubble", glia_json_real(c->bubble),
                   "memory_bytes", glia_json_real(c->memory_bytes), "sent_bytes",
                   glia_json_real(c->stage_bytes + c->sum_bytes));
}

/* Those that cannot be, are left out of the JSON, each with a line that says why. */
static int tell(struct glia_args *a, int n, const struct advice *c, json_t *rows)
{
  int best = 0;

  glia_cli_print(a, "\n%-34s %12s %8s %14s %14s\n", "predicted", "ms a step", "bubble",
                 "MiB a rank", "MiB sent");
  for (int i = 0; i < n; i++) {
    if (c[i].why_not[0] != '\0') {
      glia_cli_print(a, "%-34s %s\n", c[i].name, c[i].why_not);
      continue;
    }
    if (c[i].step_s < c[best].step_s) best = i;
    glia_cli_print(a, "%-34s %12.2f %7.1f%% %14.2f %14.2f\n", c[i].name, 1e3 * c[i].step_s,
                   1e2 * c[i].bubble, c[i].memory_bytes / 1048576.0,
                   (c[i].stage_bytes + c[i].sum_bytes) / 1048576.0);
    json_array_append_new(rows, advice_json(&c[i]));
  }
  return best;
}

/* The model of a session again, as modules that learn alone. */
static glia_status open_local(const struct session *s, int depth, struct session *l)
{
  char local[32];
  const char *const override[] = {local, "clip_norm=null"};

  *l = (struct session){.comm = s->comm, .once_per_node = true};
  snprintf(local, sizeof local, "local={depth: %d}", depth);
  glia_status st = glia_agree(s->comm, session_configure_text(l, "local learning", s->config_text,
                                                              (int)GLIA_COUNT(override), override));
  l->config.binding = GLIA_BINDING_NONE; /* as the session that it stands beside */
  if (st == GLIA_OK) st = session_build(l);
  return st;
}

/* The same model as modules that learn alone: other weights, so it is told beside the rest. Auxiliary networks as deep as the model has
 * layers for, at most ADVISE_DEPTH. Why not, where it cannot. */
static json_t *advise_local(struct session *s, struct glia_args *a, int ranks)
{
  static struct advice c[ADVISE_MOST + 1];
  struct session l;
  struct advise_basis b;
  json_t *rows = json_array();
  int n = 0, staged = 0, depth = ADVISE_DEPTH;

  if (glia_model_modules(s->model) > 0) return rows;
  glia_status st = open_local(s, depth, &l);
  for (; st == GLIA_E_CONFIG && depth > 0; st = open_local(s, depth, &l)) { /* too short? */
    glia_trace_clear();
    l.comm = NULL; /* the other session's */
    session_close(&l);
    depth--;
  }
  if (st == GLIA_OK) st = advise_predict(&l, ranks, &n, c, &b);
  if (st != GLIA_OK) {
    glia_cli_print(a, "local learning: %s\n", glia_trace_message());
    glia_trace_clear();
  }
  for (int i = 0; i < n; i++)
    if (c[i].kind >= 0) c[staged++] = c[i];
  if (staged > 0) glia_cli_print(a, "\nwith local: {depth: %d}, which trains other weights", depth);
  if (staged > 0) (void)tell(a, staged, c, rows);
  for (size_t i = 0; i < json_array_size(rows); i++)
    json_object_set_new(json_array_get(rows, i), "depth", json_integer(depth));
  l.comm = NULL;
  session_close(&l);
  return rows;
}

glia_status advise(struct session *s, struct glia_args *a, int ranks, json_t **out)
{
  static struct advice c[ADVISE_MOST + 1];
  struct advise_basis b;
  const int size = glia_comm_size(s->comm);
  int n;

  *out = NULL;
  if (ranks == 0) ranks = size > 1 ? size : 2;
  GLIA_TRY(advise_predict(s, ranks, &n, c, &b));
  json_t *rows = json_array();
  const int best = tell(a, n, c, rows);
  glia_cli_print(a,
                 "fastest: %s (measured: %.3f ms a micro-batch, %.3f ms adding it to others, %.3f "
                 "ms the end of "
                 "a step, messages %.0f us and %.2f GB/s%s, sums of gradients %.3f ms%s)\n",
                 c[best].name, 1e3 * b.micro_s, 1e3 * b.join_s, 1e3 * (b.end_s + b.rest_s),
                 1e6 * b.latency_s, b.bytes_per_s / 1e9, b.assumed ? ", assumed" : "",
                 1e3 * b.sums_s, ranks == size ? "" : "; every rank is taken to have a core");
  json_t *local = advise_local(s, a, ranks);
  *out = json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "ranks", ranks, "micro_batch_s",
                   glia_json_real(b.micro_s), "end_s", glia_json_real(b.end_s), "latency_s",
                   glia_json_real(b.latency_s), "bytes_per_s", glia_json_real(b.bytes_per_s),
                   "sums_s", glia_json_real(b.sums_s), "recommended", c[best].name, "candidates",
                   rows, "local_learning", local);
  return GLIA_OK;
}
