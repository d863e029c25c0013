/* bench buckets: what the size of a bucket does to a step whose gradients cross ranks while the backward pass runs (polling), for a
 * model of few large layers and one of many small ones; and what a run would choose from the link that it finds (mpi/glia_link.h). Steps
 * of all sizes, and without an exchange, in turn; medians over rounds, the slowest rank's. Run it under mpirun, on nodes with a slow
 * link between them. */
#include "bench.h"
#include "ranks.h"

#include "glia_link.h"
#include "glia_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 21, STEPS = 2, LAYERS = 40, YAML = 2048 };

static const int64_t sizes[] = {64 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 8 << 20};
enum { SIZES = GLIA_COUNT(sizes), ALONE = SIZES, WAYS };

struct side {
  struct workload_kind kind;
  struct workload work;
  struct ranks ranks;
};

static void write_model(bool deep, char yaml[YAML])
{
  const int width = deep ? 128 : 512, layers = deep ? LAYERS : 5;
  int at = snprintf(yaml, YAML, "model: [");

  for (int i = 0; i < layers && at < YAML; i++)
    at += snprintf(yaml + at, (size_t)(YAML - at), "linear: %d, relu, ", width);
  if (at < YAML)
    snprintf(yaml + at, (size_t)(YAML - at),
             "linear: 10]\nloss: cross_entropy\noptimizer: {adam: {lr: 1e-3}}\n");
}

static glia_status open_side(struct side *s, struct glia_comm *comm, int way, int64_t rows,
                             const char *yaml)
{
  s->kind = (struct workload_kind){"mlp",
                                   "layers",
                                   yaml,
                                   way == ALONE ? rows : rows * glia_comm_size(comm),
                                   .x = {.dtype = GLIA_F32, .rank = 1, .dim = {128}},
                                   .y = {.dtype = GLIA_U8},
                                   .classes = 10,
                                   .bucket_bytes = way == ALONE ? 0 : (size_t)sizes[way]};
  GLIA_TRY(workload_open(&s->work, &s->kind, rows, 1));
  if (way == ALONE) return GLIA_OK;
  GLIA_TRY(ranks_join(&s->ranks, comm, &s->work, false));
  return glia_engine_progress(s->work.engine, GLIA_PROGRESS_POLLING);
}

static glia_status measure(struct side *side, struct glia_comm *comm, double median[WAYS])
{
  double s[WAYS][ROUNDS];

  for (int i = -1; i < ROUNDS; i++) /* the first warms */
    for (int k = 0; k < WAYS; k++) {
      const int way = (k + i + WAYS) % WAYS;
      GLIA_TRY(glia_comm_barrier(comm));
      const double t0 = glia_time_s();
      GLIA_TRY(workload_run(&side[way].work, STEPS, NULL));
      double took_s = (glia_time_s() - t0) / STEPS;
      GLIA_TRY(glia_comm_reduce_f64(comm, GLIA_COMM_MAX, &took_s, 1));
      if (i >= 0) s[way][i] = took_s;
    }
  for (int way = 0; way < WAYS; way++) median[way] = bench_median(s[way], ROUNDS);
  return GLIA_OK;
}

static void tell(struct bench_report *r, const struct side *side, const char *model, int64_t chosen,
                 const double s[WAYS])
{
  for (int way = 0; way < SIZES; way++)
    bench_add(r, "ms", 1e3 * s[way], "without", 1e3 * s[ALONE], s[ALONE] / s[way],
              "%s, %d buckets to %lld KiB%s", model, side[way].ranks.n_buckets,
              (long long)sizes[way] >> 10, sizes[way] == chosen ? ", chosen" : "");
}

static glia_status one_model(struct glia_comm *comm, const struct glia_link *link, bool deep,
                             struct bench_report *r)
{
  static struct side side[WAYS];
  double median[WAYS];
  char yaml[YAML];
  glia_status st = GLIA_OK;

  memset(side, 0, sizeof side);
  write_model(deep, yaml);
  for (int way = 0; way < WAYS && st == GLIA_OK; way++)
    st = open_side(&side[way], comm, way, 256, yaml);
  if (st == GLIA_OK) st = measure(side, comm, median);
  if (st == GLIA_OK)
    tell(r, side, deep ? "40 layers of 128" : "5 layers of 512",
         glia_link_bucket(link, glia_model_size(side[ALONE].work.model) * (int64_t)sizeof(float)),
         median);
  for (int way = 0; way < WAYS; way++) {
    workload_close(&side[way].work);
    if (way != ALONE) ranks_leave(&side[way].ranks);
  }
  return st;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct glia_comm *comm = NULL;
  struct glia_link link = {.nodes = 1};

  (void)seconds;
  glia_status st = glia_comm_world(&comm);
  if (st == GLIA_OK && glia_comm_size(comm) == 1)
    st = GLIA_FAIL(GLIA_E_USAGE,
                   "one rank has nobody to exchange with: mpirun -n 2 glia bench buckets");
  if (st == GLIA_OK) st = glia_link_measure(comm, &link);
  if (link.nodes > 1) {
    bench_add(r, "us", 1e6 * link.latency_s, NULL, NAN, NAN, "latency of the link");
    bench_add(r, "MB/s", 1e-6 * link.bytes_per_s, NULL, NAN, NAN, "bandwidth of the link");
  }
  for (int deep = 0; st == GLIA_OK && deep < 2; deep++) {
    r->progress(r->self, deep ? "many layers" : "few layers");
    st = one_model(comm, &link, deep, r);
  }
  glia_comm_destroy(&comm);
  return st;
}

const struct bench bench_buckets_ = {
    .name = "buckets",
    .what = "steps with buckets of several sizes, and the size that suits the link (under mpirun)",
    .run = run,
};
