/* bench overlap: what of the exchange of gradients computation hides. Whole steps of a model with their sums exchanged while
 * the backward pass runs (polling; where each rank has two cores also by a thread), exchanged behind it (blocking), and not at all
 * (each rank alone), in turn; and the exchange of the same buckets alone. Run it under mpirun, a rank a core, best on nodes with
 * a slow link between them.
 *
 *   hidden = 1 - (step polling, or with a thread, - step without) / exchange alone
 *
 * Ranks of one speed on the average still wait for the slower one of each step, whatever they exchange: steps of ranks alone that meet
 * behind each one tell how much of the rest that is.
 *
 * Medians over rounds; in each round the slowest rank's. */
#include "bench.h"
#include "ranks.h"

#include "glia_agree.h"
#include "glia_cpus.h"
#include "glia_log.h"
#include "placement.h"

#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 9, STEPS = 3 };

static const char yaml[] = "model: [linear: 512, relu, linear: 512, relu, linear: 512, relu,\n"
                           "        linear: 512, relu, linear: 512, relu, linear: 10]\n"
                           "loss: cross_entropy\noptimizer: {adam: {lr: 1e-3}}\n";

/* Rows of a rank: few compute little beside the 4 MB of their gradients. One micro-batch a rank. */
static const int64_t rows_of_rank[] = {512, 1024, 2048};

enum { POLLING, BLOCKING, THREAD, ALONE, MEETING, EXCHANGE, WAYS };

/* Of a polling step: what its worker spent waiting for sums, and starting and moving them. */
enum { WAITING = WAYS, MOVING, FIGURES };

struct scene {
  struct glia_comm *comm;
  bool spare;                   /* a core beside the worker's, on every rank */
  struct workload_kind kind[2]; /* of all ranks; of one */
  struct workload all, one;
  struct ranks ranks;
  void *part[RANKS_MOST_BUCKETS];
};

static void close_scene(struct scene *s)
{
  workload_close(&s->all);
  workload_close(&s->one);
  for (int b = 0; b < s->ranks.n_buckets; b++) free(s->part[b]);
  ranks_leave(&s->ranks);
}

/* What the exchange alone sums up. */
static glia_status get_parts(struct scene *s)
{
  for (int b = 0; b < s->ranks.n_buckets; b++) {
    const struct glia_bucket *k = &s->ranks.bucket[b];
    s->part[b] = calloc((size_t)k->n, glia_dtype_size(k->dtype));
    GLIA_CHECK(s->part[b] != NULL, GLIA_E_MEMORY, "bucket %d", b);
  }
  return GLIA_OK;
}

static glia_status open_scene(struct scene *s, int64_t rows)
{
  const struct workload_kind one = {"mlp",
                                    "784-512 x 5-10",
                                    yaml,
                                    rows,
                                    .x = {.dtype = GLIA_F32, .rank = 1, .dim = {128}},
                                    .y = {.dtype = GLIA_U8},
                                    .classes = 10};

  s->kind[0] = s->kind[1] = one;
  s->kind[0].batch *= glia_comm_size(s->comm);
  GLIA_TRY(workload_open(&s->all, &s->kind[0], rows, 1));
  GLIA_TRY(workload_open(&s->one, &s->kind[1], rows, 1));
  GLIA_TRY(ranks_join(&s->ranks, s->comm, &s->all, false));
  return get_parts(s);
}

/* All buckets, one behind the other on their way at once, as a step has them. */
static glia_status exchange_alone(struct scene *s)
{
  const struct glia_exchange *x = s->ranks.exchange;
  const struct glia_bucket *bucket = s->ranks.bucket;

  for (int step = 0; step < STEPS; step++) {
    for (int b = 0; b < s->ranks.n_buckets; b++) {
      const struct glia_part part = {x->rank, x->rank + 1, s->part[b]};
      GLIA_TRY(x->start(x->self, &bucket[b], x->size, 1, &part, s->part[b]));
    }
    for (int b = 0; b < s->ranks.n_buckets; b++) GLIA_TRY(x->wait(x->self, &bucket[b]));
  }
  return GLIA_OK;
}

/* Steps without an exchange, with a word between the ranks behind each: their smallest bucket. */
static glia_status meet(struct scene *s)
{
  const struct glia_exchange *x = s->ranks.exchange;
  int least = 0;

  for (int b = 1; b < s->ranks.n_buckets; b++)
    if (s->ranks.bucket[b].n < s->ranks.bucket[least].n) least = b;
  const struct glia_part part = {x->rank, x->rank + 1, s->part[least]};
  for (int step = 0; step < STEPS; step++) {
    GLIA_TRY(workload_run(&s->one, 1, NULL));
    GLIA_TRY(x->start(x->self, &s->ranks.bucket[least], x->size, 1, &part, s->part[least]));
    GLIA_TRY(x->wait(x->self, &s->ranks.bucket[least]));
  }
  return GLIA_OK;
}

/* Whether a thread that moves sums has a core that no worker wants: by the rule of a run. */
static glia_status find_spare_core(struct scene *s)
{
  struct glia_comm *node = NULL;
  struct glia_cpus cpus;
  struct glia_cpus_share share = {0};

  if (glia_cpus_look(NULL, &cpus) != GLIA_OK) cpus = (struct glia_cpus){.list = "unknown"};
  glia_trace_clear();
  GLIA_TRY(glia_agree(
      s->comm, glia_comm_split(s->comm, glia_comm_node(s->comm), glia_comm_rank(s->comm), &node)));
  const glia_status st = placement_share(&cpus, node, &share);
  glia_comm_destroy(&node);
  int64_t cores =
      glia_cpus_of_rank(&cpus, &share, glia_comm_local_size(s->comm), glia_cpus_quota());
  glia_cpus_share_free(&share);
  GLIA_TRY(glia_agree(s->comm, st));
  GLIA_TRY(glia_comm_reduce_i64(s->comm, GLIA_COMM_MIN, &cores, 1));
  s->spare = cores >= 2;
  return GLIA_OK;
}

static glia_status go(struct scene *s, int way)
{
  static const glia_progress progress[] = {[POLLING] = GLIA_PROGRESS_POLLING,
                                           [BLOCKING] = GLIA_PROGRESS_BLOCKING,
                                           [THREAD] = GLIA_PROGRESS_THREAD};

  if (way == EXCHANGE) return exchange_alone(s);
  if (way == MEETING) return meet(s);
  if (way == ALONE) return workload_run(&s->one, STEPS, NULL);
  GLIA_TRY(glia_engine_progress(s->all.engine, progress[way]));
  return workload_run(&s->all, STEPS, NULL);
}

/* Seconds per step of each way, this round's slowest rank's. */
static glia_status one_round(struct scene *s, double took_s[FIGURES])
{
  for (int way = 0; way < WAYS; way++) {
    took_s[way] = 0.0;
    if (way == THREAD && !s->spare) continue;
    GLIA_TRY(glia_comm_barrier(s->comm));
    const struct glia_engine_stat before = glia_engine_stat(s->all.engine);
    const double t0 = glia_time_s();
    GLIA_TRY(go(s, way));
    took_s[way] = (glia_time_s() - t0) / STEPS;
    if (way != POLLING) continue;
    const struct glia_engine_stat after = glia_engine_stat(s->all.engine);
    took_s[WAITING] = (after.wait_s - before.wait_s) / STEPS;
    took_s[MOVING] = (after.move_s - before.move_s) / STEPS;
  }
  return glia_comm_reduce_f64(s->comm, GLIA_COMM_MAX, took_s, FIGURES);
}

static void tell(struct bench_report *r, bool spare, int64_t rows, const double s[FIGURES])
{
  bench_add(r, "steps/s", 1.0 / s[POLLING], "blocking", 1.0 / s[BLOCKING], s[ALONE] / s[POLLING],
            "step, %lld rows a rank", (long long)rows);
  bench_add(r, "%", 100.0 * (1.0 - (s[POLLING] - s[ALONE]) / s[EXCHANGE]), NULL, NAN, NAN,
            "hidden, %lld rows a rank", (long long)rows);
  bench_add(r, "%", 100.0 * (1.0 - (s[POLLING] - s[MEETING]) / s[EXCHANGE]), NULL, NAN, NAN,
            "hidden, beside steps without an exchange that meet");
  if (spare)
    bench_add(r, "%", 100.0 * (1.0 - (s[THREAD] - s[ALONE]) / s[EXCHANGE]), NULL, NAN, NAN,
              "hidden by a thread with a core of its own");
  bench_add(r, "%", 100.0 * s[EXCHANGE] / (s[ALONE] + s[EXCHANGE]), NULL, NAN, NAN,
            "exchange's share of a blocking step");
  bench_add(r, "ms", 1e3 * s[EXCHANGE], NULL, NAN, NAN, "exchange alone");
  bench_add(r, "ms", 1e3 * (s[MEETING] - s[ALONE]), NULL, NAN, NAN, "waited to meet, nothing sent");
  bench_add(r, "ms", 1e3 * s[WAITING], NULL, NAN, NAN, "waited in a polling step");
  bench_add(r, "ms", 1e3 * s[MOVING], NULL, NAN, NAN, "moved sums in a polling step");
}

static glia_status one_size(struct scene *s, int64_t rows, struct bench_report *r)
{
  double s_of[FIGURES][ROUNDS], took_s[FIGURES], median[FIGURES];

  GLIA_TRY(find_spare_core(s));
  GLIA_TRY(open_scene(s, rows));
  GLIA_TRY(one_round(s, took_s)); /* warm */
  for (int i = 0; i < ROUNDS; i++) {
    GLIA_TRY(one_round(s, took_s));
    for (int k = 0; k < FIGURES; k++) s_of[k][i] = took_s[k];
  }
  for (int k = 0; k < FIGURES; k++) median[k] = bench_median(s_of[k], ROUNDS);
  tell(r, s->spare, rows, median);
  return GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct glia_comm *comm = NULL;

  (void)seconds;
  glia_status st = glia_comm_world(&comm);
  if (st == GLIA_OK && glia_comm_size(comm) == 1)
    st = GLIA_FAIL(GLIA_E_USAGE,
                   "one rank has nobody to exchange with: mpirun -n 2 glia bench overlap");
  for (size_t i = 0; st == GLIA_OK && i < GLIA_COUNT(rows_of_rank); i++) {
    struct scene s = {.comm = comm};
    char what[64];
    snprintf(what, sizeof what, "%lld rows a rank", (long long)rows_of_rank[i]);
    r->progress(r->self, what);
    st = one_size(&s, rows_of_rank[i], r);
    close_scene(&s);
  }
  glia_comm_destroy(&comm);
  return st;
}

const struct bench bench_overlap_ = {
    .name = "overlap",
    .what = "steps with gradients exchanged behind the backward pass, beside steps without (under "
            "mpirun)",
    .run = run,
};
