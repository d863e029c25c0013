/* Layer parallel in a run: see stages.h. */
#include "stages_priv.h"

#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_messenger_mpi.h"
#include "layer_times.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static glia_status refuse(const struct session *s, const char *key, const char *what)
{
  const struct glia_yaml *at = glia_yaml_get(glia_yaml_root(s->doc), key);

  return glia_yaml_error(at != NULL ? at : glia_yaml_root(s->doc), "%s", what);
}

/* The one schedule of local learning. */
static int local_kind(void)
{
  int k = 0;

  while (!glia_schedule_is_local(k)) k++;
  return k;
}

static glia_status check(const struct session *s)
{
  const struct glia_train_config *c = &s->config;
  const int size = glia_comm_size(s->comm), more = size - size % c->stages + c->stages;
  char text[200];

  if (size % c->stages != 0) {
    snprintf(
        text, sizeof text,
        "%d rank%s for %d stages: ranks are data groups x stages; start %d or %d ranks, or set "
        "stages: 1",
        size, size == 1 ? "" : "s", c->stages, size > c->stages ? more - c->stages : c->stages,
        size > c->stages ? more : 2 * c->stages);
    return refuse(s, "parallel", text);
  }
  if (c->threads > 1) {
    snprintf(text, sizeof text,
             "threads: %d with stages: a stage does its tasks one after another, so more threads "
             "have nothing to do; set threads: 1 and start %d ranks: data groups, the same bits",
             c->threads, size * c->threads);
    return refuse(s, "parallel", text);
  }
  const bool local = glia_model_modules(s->model) > 0;
  const struct glia_yaml *schedule =
      glia_yaml_get(glia_yaml_get(glia_yaml_root(s->doc), "parallel"), "schedule");
  if (local && schedule != NULL && schedule->kind != GLIA_YAML_NULL && c->schedule != local_kind())
    return refuse(s, "parallel", "with local: the schedule is local: leave parallel.schedule out");
  if (!local && glia_schedule_is_local(c->schedule))
    return refuse(s, "parallel", "schedule: local is for models with local: {depth: D}; take 1f1b");
  if (c->hessian_split != NULL) return refuse(s, "observe", "observe does not go with stages");
  if (c->checkpoint_local != NULL)
    return refuse(s, "checkpoint", "checkpoint.local does not go with stages: leave it out");
  if (c->stop_by_theory) return refuse(s, "stop", "stop: theory does not go with stages");
  if (glia_yaml_get(glia_yaml_root(s->doc), "metrics") != NULL)
    return refuse(s, "metrics",
                  "metrics do not go with stages: leave them out, and ask glia eval of the "
                  "checkpoint");
  return GLIA_OK;
}

static const struct glia_yaml *cuts_of(const struct session *s)
{
  return glia_yaml_get(glia_yaml_get(glia_yaml_root(s->doc), "parallel"), "cuts");
}

static bool measures(const struct session *s)
{
  const struct glia_yaml *cuts = cuts_of(s);

  return cuts != NULL && cuts->kind == GLIA_YAML_SCALAR && strcmp(cuts->text, "measured") == 0;
}

/* The whole model, for as long as a few of its steps take. */
static glia_status measure_layers(const struct stages *g, const struct session *s)
{
  struct glia_program *program = NULL;
  struct layer_times t = {0};

  glia_status st = glia_model_compile(s->model, glia_kernels_default(),
                                      (size_t)s->config.bucket_bytes, &program);
  if (st == GLIA_OK) st = layer_times_measure(s, program, 0, &t);
  for (int i = 0; st == GLIA_OK && i <= t.layers; i++) g->cost[i] = t.forward[i] + t.backward[i];
  layer_times_free(&t);
  glia_program_destroy(&program);
  return st;
}

/* What each layer costs: counted, or measured on rank 0. The same on all ranks. */
static glia_status find_costs(struct stages *g, const struct session *s)
{
  const size_t n = (size_t)glia_model_layers(s->model) + 1;
  glia_status st = GLIA_OK;

  g->cost = calloc(n, sizeof *g->cost);
  GLIA_TRY(
      glia_agree(s->comm, g->cost != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "costs of layers")));
  glia_model_cost(s->model, g->cost);
  if (!measures(s)) return GLIA_OK;
  if (glia_comm_rank(s->comm) == 0) st = measure_layers(g, s);
  GLIA_TRY(glia_agree(s->comm, st));
  return glia_comm_bcast(s->comm, g->cost, n * sizeof *g->cost, 0);
}

static glia_status cut_layers(struct stages *g, const struct session *s)
{
  const struct glia_yaml *cuts = cuts_of(s);
  const int n = g->ranks * g->chunks;

  GLIA_CHECK(n <= GLIA_MODEL_MAX_STAGES, GLIA_E_CONFIG, "%d stages, at most %d", n,
             GLIA_MODEL_MAX_STAGES);
  if (cuts != NULL && cuts->kind != GLIA_YAML_NULL && !measures(s))
    GLIA_TRY(glia_model_cut_at(s->model, cuts, n, &g->layers));
  else
    GLIA_TRY(glia_model_cut_balanced(s->model, g->cost, n, &g->layers));
  g->imbalance = glia_model_imbalance(&g->layers, g->cost, g->stage_cost);
  return GLIA_OK;
}

static glia_status make_schedule(struct stages *g, const struct session *s)
{
  const int64_t v = s->config.batch / s->config.micro_batch;
  const int group = glia_comm_rank(s->comm) / g->ranks;
  const int64_t own =
      glia_tree_range(v, g->groups, group + 1) - glia_tree_range(v, g->groups, group);

  return glia_schedule_make(g->kind, g->ranks, g->chunks, (int)own, &g->schedule);
}

static glia_status cut_model(struct stages *g, const struct session *s)
{
  GLIA_TRY(cut_layers(g, s));
  GLIA_TRY(make_schedule(g, s));
  g->cut = (struct glia_cut){.ranks = g->ranks,
                             .chunks = g->chunks,
                             .stage_of = glia_model_stage_of,
                             .self = &g->layers,
                             .loss = glia_model_loss_sum(s->model),
                             .split = glia_schedule_splits(g->kind),
                             .parts = glia_model_modules(s->model),
                             .part_of = glia_model_part_of};
  GLIA_TRY(glia_stage_cut(glia_model_graph(s->model), &g->cut, glia_comm_rank(s->comm) % g->ranks,
                          &g->stage));
  return glia_schedule_bind(g->schedule, g->stage);
}

/* One micro-batch is in one stage at a time: the other ranks wait. */
static void warn_few(const struct stages *g, const struct session *s)
{
  const int m = g->schedule->micro_batches, p = g->ranks;

  if (m == 0 || m >= p || g->schedule->ahead > 0) return;
  glia_log(GLIA_LOG_WARN, "train", "few-micro-batches",
           "micro_batches=%d stages=%d waits=%.2f cure=\"make data.micro_batch (now %lld) smaller: "
           "that trains other bits\"",
           m, p, (p - 1.0) / (m + p - 1.0), (long long)s->config.micro_batch);
}

/* One line before the run: the stages, and how far the dearest is above the mean. */
static void tell(const struct stages *g, const struct session *s)
{
  char text[512] = "";
  size_t used = 0;

  if (glia_comm_rank(s->comm) != 0) return;
  for (int k = 0; k < g->layers.stages && used < sizeof text; k++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", k > 0 ? " | " : "",
                             glia_model_layer(s->model, g->layers.first[k]).name);
  glia_log(GLIA_LOG_INFO, "train", "stages",
           "stages=%d groups=%d schedule=%s first_layers=\"%s\" imbalance=%.3f "
           "micro_batches=%d slots=%d",
           g->layers.stages, g->groups, g->schedule->name, text, g->imbalance,
           g->schedule->micro_batches, g->schedule->row[0].slots);
  warn_few(g, s);
}

glia_status stages_open(struct session *s, struct stages **out)
{
  const struct glia_train_config *c = &s->config;

  *out = NULL;
  if (c->stages == 1) return GLIA_OK;
  GLIA_TRY(glia_agree(s->comm, check(s)));
  struct stages *g = calloc(1, sizeof *g);
  *out = g;
  GLIA_TRY(glia_agree(s->comm, g != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "stages")));
  const int rank = glia_comm_rank(s->comm);
  *g = (struct stages){.ranks = c->stages,
                       .groups = glia_comm_size(s->comm) / c->stages,
                       .chunks = glia_schedule_interleaves(c->schedule) ? c->chunks : 1,
                       .kind = glia_model_modules(s->model) > 0 ? local_kind() : c->schedule};
  GLIA_TRY(find_costs(g, s));
  GLIA_TRY(glia_agree(s->comm, cut_model(g, s)));
  GLIA_TRY(glia_comm_split(s->comm, rank / g->ranks, rank % g->ranks, &g->pipe));
  GLIA_TRY(glia_comm_split(s->comm, rank % g->ranks, rank / g->ranks, &g->data));
  GLIA_TRY(glia_messenger_mpi_create(g->pipe, &g->messenger));
  tell(g, s);
  return GLIA_OK;
}

void stages_close(struct stages **stages)
{
  struct stages *g = *stages;

  if (g == NULL) return;
  *stages = NULL;
  glia_messenger_mpi_destroy(&g->messenger);
  glia_stage_destroy(&g->stage);
  glia_schedule_destroy(&g->schedule);
  glia_comm_destroy(&g->pipe);
  glia_comm_destroy(&g->data);
  free(g->cost);
  free(g->passing);
  free(g);
}

glia_status stages_compile(struct stages *g, const struct session *s, struct glia_program **out)
{
  const struct glia_budget budget = glia_model_budget(s->model, (size_t)s->config.values_bytes);

  if (s->budgeted && s->config.values_bytes > 0)
    return glia_stage_compile_within(g->stage, glia_kernels_default(),
                                     (size_t)s->config.bucket_bytes, &budget, out);
  return glia_stage_compile(g->stage, glia_kernels_default(), (size_t)s->config.bucket_bytes, out);
}

struct glia_comm *stages_data_group(const struct stages *g) { return g->data; }
int stages_groups(const struct stages *g) { return g->groups; }

double stages_cost(const struct stages *g, int rank)
{
  double cost = 0.0;

  if (g == NULL) return 1.0;
  for (int c = 0; c < g->chunks; c++) cost += g->stage_cost[c * g->ranks + rank];
  return cost;
}

glia_status stages_engine(struct stages *g, struct session *s)
{
  const struct glia_pipeline how = {g->stage, &g->messenger, g->schedule};
  const int group = glia_comm_rank(s->comm) / g->ranks;

  /* the exchange numbers its ranks node by node: all stages of a pipeline must take the same micro-batches */
  GLIA_CHECK(s->exchange == NULL || s->exchange->rank == group, GLIA_E_RANKS,
             "rank %d is number %d of its data group where %d is due: place the ranks of a node "
             "side by side (--map-by slot)",
             glia_comm_rank(s->comm), s->exchange != NULL ? s->exchange->rank : 0, group);
  GLIA_TRY(glia_engine_create_pipeline(s->program, 1, s->exchange, s->eval_micro_batches, &how,
                                       &s->engine));
  return stages_lay_out_(g, s);
}

/* This rank's line of the report. */
static json_t *own_report(struct stages *g, struct session *s)
{
  const struct glia_pipeline_stat p = glia_engine_pipeline(s->engine);
  const struct glia_stage_traffic t = glia_stage_traffic(g->stage, "train");

  return json_pack("{s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:I}", "rank",
                   glia_comm_rank(s->comm), "stage", glia_comm_rank(s->comm) % g->ranks, "slots",
                   p.slots, "slot_bytes", (json_int_t)p.slot_bytes, "engine_bytes",
                   (json_int_t)glia_engine_memory(s->engine), "passing_bytes",
                   (json_int_t)g->passing_bytes, "queue_bytes", (json_int_t)p.queue_bytes, "span_s",
                   glia_json_real(p.span_s), "busy_s", glia_json_real(p.busy_s), "cpu_s",
                   glia_json_real(p.cpu_s), "wait_s", glia_json_real(p.wait_s), "bytes_out",
                   (json_int_t)t.bytes_out, "bytes_in", (json_int_t)t.bytes_in);
}

static double known(const struct idle *idle, double part)
{
  return idle->steps > 0 ? part : (double)NAN;
}

static json_t *parts_json(const struct idle *idle, const struct idle_stage *s)
{
  return json_pack("{s:o, s:o, s:o, s:o, s:o}", "tasks", glia_json_real(known(idle, s->tasks)),
                   "own", glia_json_real(known(idle, s->own)), "waits",
                   glia_json_real(known(idle, s->waits)), "core",
                   glia_json_real(known(idle, s->core)), "waits_own_cores",
                   glia_json_real(known(idle, s->waits_own_cores)));
}

static json_t *whole_report(const struct stages *g, json_t *all)
{
  const double p = g->ranks, m = g->schedule->micro_batches;
  const struct idle *i = &g->idle;

  for (int r = 0; r < g->ranks; r++) /* of the other pipelines nothing is known */
    json_object_update_new(json_array_get(all, (size_t)r), parts_json(i, &i->stage[r]));
  return json_pack("{s:s, s:i, s:i, s:i, s:i, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "schedule",
                   g->schedule->name, "stages", g->ranks, "chunks", g->chunks, "groups", g->groups,
                   "micro_batches", g->schedule->micro_batches, "imbalance",
                   glia_json_real(g->imbalance), "steps_looked_at", (json_int_t)i->steps, "bubble",
                   glia_json_real(known(i, i->mean.waits)), "bubble_own_cores",
                   glia_json_real(known(i, i->mean.waits_own_cores)), "outside_tasks",
                   glia_json_real(known(i, 1.0 - i->mean.tasks)), "bubble_1f1b",
                   glia_json_real((p - 1.0) / (m + p - 1.0)), "ranks", all);
}

glia_status stages_report(struct stages *g, struct session *s, json_t **out)
{
  char **texts = NULL;

  *out = NULL;
  if (g == NULL) return GLIA_OK;
  GLIA_TRY(glia_agree(s->comm, idle_measure(g->pipe, s->engine, g->schedule, &g->idle)));
  json_t *own = own_report(g, s);
  char *text = own != NULL ? json_dumps(own, JSON_COMPACT) : NULL;
  json_decref(own);
  GLIA_TRY(glia_agree(s->comm, text != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a report")));
  const glia_status st = glia_comm_gather_text(s->comm, text, 0, &texts);
  free(text);
  GLIA_TRY(st);
  if (texts == NULL) return GLIA_OK;
  json_t *all = json_array();
  for (int r = 0; r < glia_comm_size(s->comm); r++)
    json_array_append_new(all, json_loads(texts[r], 0, NULL));
  free(texts);
  *out = whole_report(g, all);
  return GLIA_OK;
}

static double percent(const json_t *object, const char *key)
{
  return 1e2 * json_number_value(json_object_get(object, key));
}

/* Of other pipelines than the first only the memory is known, and of too few steps. */
static void print_rank(const struct glia_args *a, const json_t *rank)
{
  const double bytes = json_number_value(json_object_get(rank, "engine_bytes")) +
                       json_number_value(json_object_get(rank, "passing_bytes")) +
                       json_number_value(json_object_get(rank, "queue_bytes"));

  glia_cli_print(a, "  %-5lld", (long long)json_integer_value(json_object_get(rank, "rank")));
  if (json_is_real(json_object_get(rank, "tasks")))
    glia_cli_print(a, " %7.1f %% %8.1f %% %7.1f %% %9.1f %% %16.1f %%", percent(rank, "tasks"),
                   percent(rank, "own"), percent(rank, "waits"), percent(rank, "core"),
                   percent(rank, "waits_own_cores"));
  else
    glia_cli_print(a, " %9s %10s %9s %11s %18s", "-", "-", "-", "-", "-");
  glia_cli_print(a, " %10.2f MiB\n", bytes / 1048576.0);
}

void stages_print(const struct glia_args *a, const json_t *report)
{
  const json_t *ranks = json_object_get(report, "ranks");

  if (report == NULL) return;
  glia_cli_print(a, "%s, %lld micro-batches a step; parts of the last %lld steps:\n",
                 json_string_value(json_object_get(report, "schedule")),
                 (long long)json_integer_value(json_object_get(report, "micro_batches")),
                 (long long)json_integer_value(json_object_get(report, "steps_looked_at")));
  glia_cli_print(a, "  %-5s %9s %10s %9s %11s %18s %14s\n", "rank", "tasks", "own work", "waits",
                 "had a core", "waits if it has", "memory");
  for (size_t r = 0; r < json_array_size(ranks); r++) print_rank(a, json_array_get(ranks, r));
  if (json_is_real(json_object_get(report, "bubble")))
    glia_cli_print(a, "  %-5s %9s %10s %7.1f %% %11s %16.1f %%\n", "mean", "", "",
                   percent(report, "bubble"), "", percent(report, "bubble_own_cores"));
}

const struct idle *stages_idle(const struct stages *g)
{
  return g != NULL && g->idle.steps > 0 ? &g->idle : NULL;
}
