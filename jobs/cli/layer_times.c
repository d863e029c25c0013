/* Times of layers: see layer_times.h. Kernels are timed one by one, and scaled so that they add up to what a micro-batch takes. */
#include "layer_times.h"

#include "glia_agree.h"
#include "glia_exchange_mpi.h"
#include "glia_log.h"
#include "glia_profile.h"
#include "glia_timeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_STEPS = 2, LEAST_STEPS = 5, MOST_STEPS = 60, MICRO_BATCHES = 8 };
enum {
  MICRO,
  JOIN,
  END,
  REST,
  WHOLE,
  PARTS
}; /* of a step; rest: what is none of those before it */
enum { MOST_BUCKETS = 1024 };
static const double long_enough_s = 0.25;

struct trial {
  const struct session *s;
  struct glia_engine *engine;
  const struct glia_meeting *meeting; /* NULL: one rank */
  int64_t micro_batches, most_steps;
  int n;
  double before_s[PARTS]; /* so far */
  double took_s[PARTS][MOST_STEPS], all_s;
  double from_cpu_s, cpu_s;       /* of this thread, in the steps that all_s is of */
  double from_queued_s, queued_s; /* others had its core */
};

static void read_clocks(struct trial *t, double now_s[PARTS])
{
  const struct glia_worker_stat w = glia_engine_worker(t->engine, 0);

  now_s[MICRO] = w.compute_s + w.input_s - w.join_s;
  now_s[JOIN] = w.join_s;
  now_s[END] = glia_engine_stat(t->engine).epilogue_s;
}

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct trial *t = self;
  double now_s[PARTS] = {0.0}, rest_s = info->wall_s;

  read_clocks(t, now_s);
  if (info->step <= WARM_STEPS) {
    t->from_cpu_s = glia_cpu_s();
    t->from_queued_s = glia_queued_s();
  } else if (t->n < MOST_STEPS) {
    for (int i = 0; i < REST; i++) {
      t->took_s[i][t->n] = now_s[i] - t->before_s[i];
      rest_s -= t->took_s[i][t->n];
    }
    t->took_s[REST][t->n] = rest_s;
    t->took_s[WHOLE][t->n++] = info->wall_s;
    t->all_s += info->wall_s;
    t->cpu_s = glia_cpu_s() - t->from_cpu_s;
    t->queued_s = glia_queued_s() - t->from_queued_s;
  }
  memcpy(t->before_s, now_s, sizeof now_s);
  if (t->meeting == NULL && t->n >= LEAST_STEPS && t->all_s > long_enough_s) *action = GLIA_STOP;
  return GLIA_OK;
}

static int smaller(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

double layer_times_median(double *x, int n)
{
  qsort(x, (size_t)n, sizeof *x, smaller);
  if (n <= 0) return 0.0;
  return n % 2 != 0 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

static glia_status run_steps(struct trial *t)
{
  const struct glia_observer observer = {.self = t, .step = after_step};
  struct glia_train_config c = t->s->config;
  struct glia_train_result result;

  c.batch = t->micro_batches * c.micro_batch;
  c.epochs = -1;
  c.max_steps = WARM_STEPS + t->most_steps;
  const struct glia_train_job job = {.config = &c,
                                     .model = t->s->model,
                                     .engine = t->engine,
                                     .source = t->s->train,
                                     .observer = &observer,
                                     .meeting = t->meeting};
  return glia_train(&job, &result);
}

/* Where a unit's time belongs; NULL: to no layer. */
static double *place_of(const struct session *s, const struct glia_unit_info *u,
                        struct layer_times *t)
{
  const int layer = u->scope != NULL ? glia_model_layer_of(s->model, u->scope) : -1;

  if (layer < 0) return NULL;
  if (u->region[0] == 'e') return &t->end[layer];
  if (u->region[0] != 'm') return NULL;
  return u->node->id <= glia_model_loss_sum(s->model) ? &t->forward[layer] : &t->backward[layer];
}

static void scale(double *x, int n, double by)
{
  for (int i = 0; i < n; i++) x[i] *= by;
}

static glia_status share_out(const struct session *s, const struct glia_program *program,
                             const struct trial *t, struct layer_times *out)
{
  const int most = glia_timeline_sums(0, NULL),
            units = glia_program_units(program, "train", 0, NULL);
  struct glia_event_sum *sum = calloc((size_t)most + 1, sizeof *sum);
  struct glia_unit_info *unit = calloc((size_t)units + 1, sizeof *unit);
  const double had = t->all_s > t->cpu_s ? t->cpu_s / t->all_s : 1.0;
  double all = 0.0;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(done, st, sum != NULL && unit != NULL, GLIA_E_MEMORY, "times of layers");
  const int n = glia_timeline_sums(most, sum);
  glia_program_units(program, "train", units, unit);
  for (int i = 0; i < units; i++) {
    double *to = place_of(s, &unit[i], out);
    for (int k = 0; k < n && k < most && to != NULL; k++) {
      if (sum[k].kind != GLIA_EVENT_KERNEL || sum[k].arg != unit[i].node->id ||
          strcmp(sum[k].name, unit[i].kernel) != 0)
        continue;
      *to += sum[k].total_s;
      if (unit[i].region[0] == 'm') all += sum[k].total_s;
    }
  }
  if (all > 0.0) scale(out->forward, 2 * (out->layers + 1), out->micro_s / all);
  scale(out->end, out->layers + 1, had / (WARM_STEPS + t->n));
done:
  free(sum);
  free(unit);
  return st;
}

/* Steps of an engine of its own; with an exchange those of a data group. */
static glia_status try(const struct session *s, const struct glia_program *program,
                       struct glia_comm *group, const struct glia_exchange *x, struct trial *t)
{
  const struct glia_state *state;
  const int n = glia_graph_states(glia_model_graph(s->model), &state);

  glia_status st = glia_engine_create(program, 1, x, t->micro_batches, &t->engine);
  if (group != NULL) st = glia_agree(group, st);
  GLIA_TRY(st);
  if (group != NULL) GLIA_TRY(glia_engine_progress(t->engine, GLIA_PROGRESS_POLLING));
  if (group != NULL && s->once_per_node && glia_engine_share(t->engine) != GLIA_OK)
    glia_trace_clear(); /* each has its own */
  for (int i = 0; i < n; i++)
    glia_model_initialize(s->model, s->config.seed, i, glia_engine_state(t->engine, i));
  return run_steps(t);
}

static glia_status run(const struct session *s, const struct glia_program *program, int64_t most,
                       struct layer_times *out)
{
  const int64_t v = s->config.batch / s->config.micro_batch;
  struct trial t = {.s = s, .micro_batches = v < most ? v : most, .most_steps = MOST_STEPS};

  glia_status st = try(s, program, NULL, NULL, &t);
  if (st == GLIA_OK) {
    /* others may have had the core for some of it */
    const double had = t.all_s > t.cpu_s ? t.cpu_s / t.all_s : 1.0, n = (double)t.micro_batches;
    out->micro_s = had * layer_times_median(t.took_s[MICRO], t.n) / n;
    out->join_s = n > 1.0 ? had * layer_times_median(t.took_s[JOIN], t.n) / (n - 1.0) : 0.0;
    out->end_s = had * layer_times_median(t.took_s[END], t.n);
    out->rest_s = had * layer_times_median(t.took_s[REST], t.n);
    st = share_out(s, program, &t, out);
  }
  glia_engine_destroy(&t.engine);
  return st;
}

glia_status layer_times_alloc(const struct session *s, struct layer_times *out)
{
  const size_t n = (size_t)glia_model_layers(s->model) + 1;

  *out = (struct layer_times){.layers = (int)n - 1, .forward = calloc(3 * n, sizeof(double))};
  GLIA_CHECK(out->forward != NULL, GLIA_E_MEMORY, "times of layers");
  out->backward = out->forward + n;
  out->end = out->backward + n;
  return GLIA_OK;
}

glia_status layer_times_measure(const struct session *s, const struct glia_program *program,
                                int64_t most, struct layer_times *out)
{
  const struct glia_timeline_recording before = glia_timeline_recording();

  GLIA_TRY(layer_times_alloc(s, out));
  glia_timeline_record(0, true, true);
  const glia_status st = run(s, program, most > 0 ? most : MICRO_BATCHES, out);
  glia_timeline_record(before.events, before.detail, before.sums);
  return st;
}

glia_status layer_times_pair(const struct session *s, const struct glia_program *program,
                             struct glia_comm *pair, const struct layer_times *t, double *end_s,
                             bool *shared)
{
  static struct glia_bucket bucket[MOST_BUCKETS];
  static struct glia_exchange_need need[MOST_BUCKETS];
  const int64_t v = s->config.batch / s->config.micro_batch, own = v < 2 ? 1
                                                                   : v < MICRO_BATCHES
                                                                       ? v / 2
                                                                       : MICRO_BATCHES / 2;
  const int n = glia_program_buckets(program, "train", MOST_BUCKETS, bucket);
  const struct glia_meeting meeting = session_meeting(pair);
  double steps = long_enough_s / ((double)own * t->micro_s + t->end_s + 1e-9);
  struct trial trial = {.s = s, .micro_batches = 2 * own, .meeting = &meeting};
  struct glia_exchange *x = NULL;

  GLIA_CHECK(n <= MOST_BUCKETS, GLIA_E_UNSUPPORTED,
             "%d buckets of sums: make parallel.bucket larger", n);
  for (int i = 0; i < n; i++) need[i] = (struct glia_exchange_need){bucket[i], trial.micro_batches};
  GLIA_TRY(glia_comm_bcast(pair, &steps, sizeof steps, 0));
  trial.most_steps = (int64_t)fmin(fmax(steps, LEAST_STEPS), MOST_STEPS);
  GLIA_TRY(glia_exchange_mpi_open(pair, 1, n, need, &x));
  glia_status st = try(s, program, pair, x, &trial);
  /* the slower of the two tells how long a step takes, and a step of it was shorter with the core for itself */
  double lost = trial.all_s > 0.0 ? trial.queued_s / trial.all_s : 0.0;
  if (st == GLIA_OK) st = glia_comm_reduce_f64(pair, GLIA_COMM_MAX, &lost, 1);
  if (st == GLIA_OK) {
    *end_s = fmax(0.0, 1.0 - lost) * layer_times_median(trial.took_s[WHOLE], trial.n) -
             (double)own * t->micro_s - (double)(own - 1) * t->join_s;
    *shared = glia_engine_shares(trial.engine);
  }
  glia_engine_destroy(&trial.engine);
  glia_exchange_mpi_destroy(&x);
  return st;
}

void layer_times_free(struct layer_times *t)
{
  free(t->forward);
  *t = (struct layer_times){0};
}
