/* Predictions for --plan: see advise.h.
 *
 * Measured: time of a micro-batch and of the end of a step, of each layer forward and backward, latency and rate of messages.
 * Computed: the tables of glia_schedule.h played with those times; memory from programs compiled for every stage. */
#include "advise.h"

#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_pipeline.h"
#include "glia_profile.h"
#include "glia_timeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_STEPS = 1, STEPS = 4, MICRO_BATCHES = 4, MOST_CANDIDATES = 64 };

/* Without a second rank nothing can be measured: shared memory of one node, roughly. */
static const double usual_latency_s = 10e-6, usual_bytes_per_s = 3e9;

struct measured {
  double micro_s, end_s;      /* a micro-batch; what follows all of them */
  double *forward, *backward; /* [layers + 1] of one micro-batch */
  double latency_s, bytes_per_s;
  double gradient_bytes; /* sums of a micro-batch: what data groups exchange */
  int64_t micro_batches;
  int layers;
};

struct candidate {
  char name[64];
  int groups, stages, kind, chunks;  /* kind -1: no pipeline */
  double step_s, bubble, sent_bytes; /* sent by a rank in a step, at most */
  double memory_bytes;               /* of the largest rank */
};

static glia_status train_some(const struct session *s, struct glia_engine *e, int64_t first,
                              int64_t last, int64_t micro_batches)
{
  struct glia_train_config c = s->config;
  struct glia_train_result result;

  c.batch = micro_batches * c.micro_batch;
  c.epochs = -1;
  c.max_steps = last;
  const struct glia_train_job job = {
      .config = &c, .model = s->model, .engine = e, .source = s->train, .first_step = first};
  return glia_train(&job, &result);
}

/* Times of layers from those of kernels, so that they add up to a micro-batch. */
static glia_status time_layers(const struct session *s, struct measured *m)
{
  const int most = glia_timeline_sums(0, NULL),
            units = glia_program_units(s->program, "train", 0, NULL);
  struct glia_event_sum *sum = calloc((size_t)most + 1, sizeof *sum);
  struct glia_unit_info *unit = calloc((size_t)units + 1, sizeof *unit);
  const glia_value loss = glia_model_loss_sum(s->model);
  double all = 0.0;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, sum != NULL && unit != NULL, GLIA_E_MEMORY, "times of layers");
  const int n = glia_timeline_sums(most, sum);
  glia_program_units(s->program, "train", units, unit);
  for (int i = 0; i < units; i++) {
    const int layer = unit[i].scope != NULL ? glia_model_layer_of(s->model, unit[i].scope) : -1;
    if (unit[i].region[0] != 'm' || layer < 0) continue;
    for (int k = 0; k < n && k < most; k++) {
      if (sum[k].kind != GLIA_EVENT_KERNEL || sum[k].arg != unit[i].node->id ||
          strcmp(sum[k].name, unit[i].kernel) != 0)
        continue;
      (unit[i].node->id <= loss ? m->forward : m->backward)[layer] += sum[k].total_s;
      all += sum[k].total_s;
    }
  }
  for (int i = 0; i <= m->layers && all > 0.0; i++) {
    m->forward[i] *= m->micro_s / all;
    m->backward[i] *= m->micro_s / all;
  }
out:
  free(sum);
  free(unit);
  return st;
}

static glia_status measure_steps(const struct session *s, struct measured *m)
{
  const int64_t v = m->micro_batches < MICRO_BATCHES ? m->micro_batches : MICRO_BATCHES;
  struct glia_engine *e = NULL;
  glia_status st = glia_engine_create(s->program, 1, NULL, v, &e);
  const struct glia_state *state;
  const int n = glia_graph_states(glia_model_graph(s->model), &state);

  for (int i = 0; i < n && st == GLIA_OK; i++)
    glia_model_initialize(s->model, s->config.seed, i, glia_engine_state(e, i));
  if (st == GLIA_OK) st = train_some(s, e, 0, WARM_STEPS, v);
  if (st == GLIA_OK) {
    const struct glia_worker_stat w0 = glia_engine_worker(e, 0);
    const struct glia_engine_stat e0 = glia_engine_stat(e);
    st = train_some(s, e, WARM_STEPS, WARM_STEPS + STEPS, v);
    const struct glia_worker_stat w1 = glia_engine_worker(e, 0);
    m->micro_s = (w1.compute_s - w0.compute_s + w1.input_s - w0.input_s) / (double)(STEPS * v);
    m->end_s = (glia_engine_stat(e).epilogue_s - e0.epilogue_s) / STEPS;
  }
  if (st == GLIA_OK) st = time_layers(s, m);
  glia_engine_destroy(&e);
  return st;
}

/* Rank 0's times are everybody's, so that all predict the same. */
static glia_status measure_messages(const struct session *s, struct measured *m)
{
  enum { TURNS = 20, BYTES = 1 << 20 };
  char *data = calloc(1, BYTES);
  double took_s[2] = {0.0, 0.0};

  GLIA_TRY(glia_agree(s->comm, data != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a message")));
  m->latency_s = usual_latency_s;
  m->bytes_per_s = usual_bytes_per_s;
  glia_status st = GLIA_OK;
  for (int size = 0; size < 2 && glia_comm_size(s->comm) > 1; size++) {
    if (st == GLIA_OK) st = glia_comm_barrier(s->comm);
    const double t0 = glia_time_s();
    for (int i = 0; i < TURNS && st == GLIA_OK; i++)
      st = glia_comm_bcast(s->comm, data, size == 0 ? 8 : BYTES, i % 2);
    took_s[size] = (glia_time_s() - t0) / TURNS;
  }
  free(data);
  GLIA_TRY(st);
  if (took_s[0] > 0.0) m->latency_s = took_s[0];
  if (took_s[1] > took_s[0]) m->bytes_per_s = BYTES / (took_s[1] - took_s[0]);
  return GLIA_OK;
}

static glia_status measure(const struct session *s, struct measured *m)
{
  struct glia_program_info info;
  double shared[4];

  m->layers = glia_model_layers(s->model);
  m->micro_batches = s->config.batch / s->config.micro_batch;
  m->gradient_bytes = glia_program_info(s->program, "train", &info) ? (double)info.sums_bytes : 0.0;
  m->forward = calloc(2 * ((size_t)m->layers + 1), sizeof *m->forward);
  glia_status st = m->forward != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "times of layers");
  if (st == GLIA_OK) m->backward = m->forward + m->layers + 1;
  if (st == GLIA_OK) st = measure_steps(s, m);
  GLIA_TRY(glia_agree(s->comm, st));
  GLIA_TRY(measure_messages(s, m));
  memcpy(shared, (double[]){m->micro_s, m->end_s, m->latency_s, m->bytes_per_s}, sizeof shared);
  GLIA_TRY(glia_comm_bcast(s->comm, shared, sizeof shared, 0));
  m->micro_s = shared[0];
  m->end_s = shared[1];
  m->latency_s = shared[2];
  m->bytes_per_s = shared[3];
  return glia_comm_bcast(s->comm, m->forward, 2 * ((size_t)m->layers + 1) * sizeof *m->forward, 0);
}

static double message_s(const struct measured *m, double bytes)
{
  return m->latency_s + bytes / m->bytes_per_s;
}

/* Sums over ranks with nothing hidden: to and fro, a part from each. */
static double sums_s(const struct measured *m, int ranks, double bytes)
{
  return ranks == 1 ? 0.0 : 2.0 * message_s(m, bytes * (ranks - 1) / ranks);
}

/* Memory and messages of every stage, from programs made for it; times of its tasks. */
static glia_status look_at_stage(const struct session *s, const struct measured *m,
                                 const struct glia_model_cut *layers, const struct glia_cut *cut,
                                 const struct glia_schedule *schedule, int rank,
                                 struct candidate *c, double *cost)
{
  struct glia_stage *stage = NULL;
  struct glia_program *program = NULL;
  struct glia_program_info info;

  glia_status st = glia_stage_cut(glia_model_graph(s->model), cut, rank, &stage);
  if (st == GLIA_OK)
    st = glia_stage_compile(stage, glia_kernels_default(), GLIA_BUCKET_BYTES, &program);
  if (st == GLIA_OK && glia_program_info(program, "train", &info)) {
    const struct glia_stage_traffic t = glia_stage_traffic(stage, "train");
    const double bytes = (double)(info.state_bytes + info.shared_bytes + 4 * info.sums_bytes +
                                  (size_t)schedule->row[rank].slots * info.micro_bytes);
    const double moved_s =
        (double)t.messages_in * m->latency_s + (double)t.bytes_in / m->bytes_per_s;
    if (bytes > c->memory_bytes) c->memory_bytes = bytes;
    const double sent = (double)t.bytes_out * (double)schedule->micro_batches;
    if (sent > c->sent_bytes) c->sent_bytes = sent;
    for (int k = 0; k < schedule->segments; k++) {
      const int back = k - cut->chunks, parts = cut->split ? 2 : 1;
      const int chunk = back < 0 ? k : cut->chunks - 1 - back / parts;
      const int at = chunk * cut->ranks + rank;
      double own = 0.0;
      for (int i = layers->first[at]; i < layers->first[at + 1]; i++)
        own += back < 0 ? m->forward[i] : m->backward[i] / parts;
      if (at == layers->stages - 1)
        own += back < 0 ? m->forward[m->layers] : m->backward[m->layers] / parts;
      cost[rank * schedule->segments + k] = own + moved_s / schedule->segments;
    }
  }
  glia_program_destroy(&program);
  glia_stage_destroy(&stage);
  return st;
}

static glia_status predict_stages(const struct session *s, const struct measured *m,
                                  struct candidate *c)
{
  struct glia_model_cut layers;
  struct glia_schedule *schedule = NULL;
  struct glia_schedule_play play;
  double *layer_s = calloc((size_t)m->layers + 1, sizeof *layer_s), *cost = NULL;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, layer_s != NULL, GLIA_E_MEMORY, "a prediction");
  for (int i = 0; i <= m->layers; i++) layer_s[i] = m->forward[i] + m->backward[i];
  GLIA_TRY_TO(out, st, glia_model_cut_balanced(s->model, layer_s, c->stages * c->chunks, &layers));
  const int own = (int)((m->micro_batches + c->groups - 1) / c->groups);
  GLIA_TRY_TO(out, st, glia_schedule_make(c->kind, c->stages, c->chunks, own, &schedule));
  const struct glia_cut cut = {.ranks = c->stages,
                               .chunks = c->chunks,
                               .stage_of = glia_model_stage_of,
                               .self = &layers,
                               .loss = glia_model_loss_sum(s->model),
                               .split = schedule->split,
                               .parts = glia_model_modules(s->model),
                               .part_of = glia_model_part_of};
  cost = calloc((size_t)c->stages * (size_t)schedule->segments, sizeof *cost);
  GLIA_CHECK_TO(out, st, cost != NULL, GLIA_E_MEMORY, "a prediction");
  for (int r = 0; r < c->stages; r++)
    GLIA_TRY_TO(out, st, look_at_stage(s, m, &layers, &cut, schedule, r, c, cost));
  GLIA_TRY_TO(out, st, glia_schedule_check(schedule, cost, &play));
  c->bubble = glia_schedule_bubble(schedule, &play);
  c->step_s = play.span + m->end_s / c->stages + m->latency_s +
              sums_s(m, c->groups, m->gradient_bytes / c->stages);
  c->sent_bytes += c->groups > 1 ? 2.0 * m->gradient_bytes / c->stages : 0.0;
out:
  glia_schedule_destroy(&schedule);
  free(layer_s);
  free(cost);
  return st;
}

static void predict_data(const struct session *s, const struct measured *m, struct candidate *c)
{
  const int64_t most = (m->micro_batches + c->groups - 1) / c->groups;
  struct glia_program_info info;

  c->step_s = (double)most * m->micro_s + m->end_s + sums_s(m, c->groups, m->gradient_bytes);
  c->bubble = 1.0 - (double)m->micro_batches / (double)(most * c->groups);
  c->sent_bytes = c->groups > 1 ? 2.0 * m->gradient_bytes : 0.0;
  if (glia_program_info(s->program, "train", &info))
    c->memory_bytes =
        (double)(info.state_bytes + info.shared_bytes + info.micro_bytes + 4 * info.sums_bytes);
}

static int list_candidates(int ranks, int layers, bool local, struct candidate *c)
{
  int n = 0;

  c[n++] =
      (struct candidate){.name = "one rank", .groups = 1, .stages = 1, .kind = -1, .chunks = 1};
  c[n] = (struct candidate){.groups = ranks, .stages = 1, .kind = -1, .chunks = 1};
  snprintf(c[n++].name, sizeof c->name, "data groups: %d", ranks);
  for (int k = 2; k <= ranks && k <= layers; k++)
    for (int kind = 0; ranks % k == 0 && glia_schedule_names()[kind] != NULL; kind++) {
      if (glia_schedule_is_local(kind) != local) continue;
      const int chunks = glia_schedule_interleaves(kind) ? 2 : 1;
      if (k * chunks > layers || n == MOST_CANDIDATES) continue;
      c[n] = (struct candidate){.groups = ranks / k, .stages = k, .kind = kind, .chunks = chunks};
      snprintf(c[n++].name, sizeof c->name, "stages: %d, %s%s", k, glia_schedule_names()[kind],
               ranks > k ? ", with data groups" : "");
    }
  return n;
}

static json_t *candidate_json(const struct candidate *c)
{
  return json_pack("{s:s, s:i, s:i, s:o, s:o, s:o, s:o}", "name", c->name, "groups", c->groups,
                   "stages", c->stages, "step_s", glia_json_real(c->step_s), "bubble",
                   glia_json_real(c->bubble), "memory_bytes", glia_json_real(c->memory_bytes),
                   "sent_bytes", glia_json_real(c->sent_bytes));
}

/* Those that cannot be, are left out, each with a line that says why. */
static json_t *predict_all(const struct session *s, struct glia_args *a, const struct measured *m,
                           int ranks, struct candidate *c, int *best)
{
  const int n = list_candidates(ranks, m->layers, glia_model_modules(s->model) > 0, c);
  json_t *rows = json_array();

  *best = 0;
  glia_cli_print(a, "\n%-34s %12s %8s %14s %14s\n", "predicted", "ms a step", "bubble",
                 "MiB a rank", "MiB sent");
  for (int i = 0; i < n; i++) {
    if (c[i].kind < 0) {
      predict_data(s, m, &c[i]);
    } else if (predict_stages(s, m, &c[i]) != GLIA_OK) {
      glia_cli_print(a, "%-34s %s\n", c[i].name, glia_trace_message());
      glia_trace_clear();
      continue;
    }
    if (c[i].step_s < c[*best].step_s) *best = i;
    glia_cli_print(a, "%-34s %12.2f %7.1f%% %14.2f %14.2f\n", c[i].name, 1e3 * c[i].step_s,
                   1e2 * c[i].bubble, c[i].memory_bytes / 1048576.0, c[i].sent_bytes / 1048576.0);
    json_array_append_new(rows, candidate_json(&c[i]));
  }
  return rows;
}

glia_status advise(struct session *s, struct glia_args *a, json_t **out)
{
  const int ranks = glia_comm_size(s->comm) > 1 ? glia_comm_size(s->comm) : 2;
  static struct candidate c[MOST_CANDIDATES + 1];
  struct measured m = {0};
  int best = 0;

  *out = NULL;
  glia_status st = measure(s, &m);
  if (st == GLIA_OK) {
    json_t *rows = predict_all(s, a, &m, ranks, c, &best);
    glia_cli_print(
        a,
        "fastest: %s (measured: %.3f ms a micro-batch, %.3f ms the end of a step, messages "
        "%.0f us and %.2f GB/s%s; every rank is taken to have a core)\n",
        c[best].name, 1e3 * m.micro_s, 1e3 * m.end_s, 1e6 * m.latency_s, m.bytes_per_s / 1e9,
        glia_comm_size(s->comm) > 1 ? "" : ", assumed");
    *out = json_pack("{s:i, s:o, s:o, s:o, s:o, s:s, s:o}", "ranks", ranks, "micro_batch_s",
                     glia_json_real(m.micro_s), "end_s", glia_json_real(m.end_s), "latency_s",
                     glia_json_real(m.latency_s), "bytes_per_s", glia_json_real(m.bytes_per_s),
                     "recommended", c[best].name, "candidates", rows);
  }
  free(m.forward);
  return st;
}
