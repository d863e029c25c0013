/* bench exchange: sums of one bucket over all ranks by our exchange, beside MPI_Allreduce on the same bytes; the limit is a
 * plain copy of them. And whole updates: sum, Adam and new parameters where all ranks read them, the states held once per node,
 * beside MPI_Allreduce and the same Adam on every rank. Ours and MPI's alternate; medians, the slowest rank's. And what the canonical
 * order costs (exchange_ways.h). Run it under mpirun. */
#include "bench.h"
#include "exchange_ways.h"

#include "glia_engine.h"
#include "glia_exchange_mpi.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_mpi.h"
#include "glia_ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 101 };

static void close_field(struct exchange_field *f)
{
  glia_exchange_mpi_destroy(&f->exchange);
  glia_comm_destroy(&f->comm);
  free(f->part);
  free(f->total);
  free(f->theirs);
}

static const int64_t bucket_bytes[] = {4 << 10, 64 << 10, 256 << 10, 1 << 20, 8 << 20, 64 << 20};

static struct glia_bucket bucket_of(size_t i)
{
  return (struct glia_bucket){(int)i, GLIA_F32, bucket_bytes[i] / (int64_t)sizeof(float)};
}

static glia_status open_field(struct exchange_field *f)
{
  const int64_t n = bucket_of(GLIA_COUNT(bucket_bytes) - 1).n;
  struct glia_exchange_need need[GLIA_COUNT(bucket_bytes)];

  f->part = malloc((size_t)n * sizeof *f->part);
  f->total = malloc((size_t)n * sizeof *f->total);
  f->theirs = malloc((size_t)n * sizeof *f->theirs);
  GLIA_TRY(glia_comm_world(&f->comm));
  GLIA_CHECK(glia_comm_size(f->comm) > 1, GLIA_E_USAGE,
             "one rank has nobody to exchange with: mpirun -n 2 glia bench exchange");
  for (size_t i = 0; i < GLIA_COUNT(need); i++)
    need[i] = (struct glia_exchange_need){bucket_of(i), glia_comm_size(f->comm)};
  GLIA_TRY(glia_exchange_mpi_open(f->comm, 1, (int)GLIA_COUNT(need), need, &f->exchange));
  GLIA_CHECK(f->part != NULL && f->total != NULL && f->theirs != NULL, GLIA_E_MEMORY,
             "3 arrays of %lld numbers", (long long)n);
  for (int64_t i = 0; i < n; i++) f->part[i] = f->total[i] = f->theirs[i] = 1.0F;
  return GLIA_OK;
}

/* One round each way, in seconds: ours, MPI's, a copy. */
static glia_status one_round(struct exchange_field *f, const struct glia_bucket *b, double *s)
{
  const struct glia_exchange *x = f->exchange;
  const size_t bytes = (size_t)b->n * sizeof *f->part;
  struct glia_part part = {x->rank, x->rank + 1, f->part};

  GLIA_TRY(glia_comm_barrier(f->comm));
  const double t0 = glia_time_s();
  GLIA_TRY(x->start(x->self, b, x->size, 1, &part, f->total));
  GLIA_TRY(x->wait(x->self, b));
  s[0] = glia_time_s() - t0;
  GLIA_TRY(glia_comm_barrier(f->comm));
  const double t1 = glia_time_s();
  GLIA_TRY_MPI(
      MPI_Allreduce(f->part, f->theirs, (int)b->n, MPI_FLOAT, MPI_SUM, glia_comm_mpi(f->comm)));
  s[1] = glia_time_s() - t1;
  GLIA_TRY(glia_comm_barrier(f->comm));
  const double t2 = glia_time_s();
  memcpy(f->total, f->part, bytes);
  s[2] = glia_time_s() - t2;
  return GLIA_OK;
}

static glia_status one_size(struct exchange_field *f, size_t index, struct bench_report *r)
{
  const struct glia_bucket b = bucket_of(index);
  const int64_t bytes = bucket_bytes[index];
  const int rounds = bytes >= (16 << 20) ? 15 : bytes >= (1 << 20) ? 41 : MAX_ROUNDS;
  double s[3][MAX_ROUNDS], median[3], one[3];
  const int size = f->exchange->size;

  GLIA_TRY(one_round(f, &b, one)); /* warm */
  for (int i = 0; i < rounds; i++) {
    GLIA_TRY(one_round(f, &b, one));
    for (int k = 0; k < 3; k++) s[k][i] = one[k];
  }
  for (int k = 0; k < 3; k++) median[k] = bench_median(s[k], rounds);
  GLIA_TRY(glia_comm_reduce_f64(f->comm, GLIA_COMM_MAX, median, 3));
  const double mb = (double)bytes / 1e6;
  const bool large = bytes >= 1 << 20;
  bench_add(r, "MB/s", mb / median[0], "MPI_Allreduce", mb / median[1], median[2] / median[0],
            "allreduce %lld %s np=%d", (long long)(large ? bytes >> 20 : bytes >> 10),
            large ? "MiB" : "KiB", size);
  return GLIA_OK;
}

enum { OURS, THEIRS, WAYS, UPDATE_ROUNDS = 41 };

struct update {
  struct exchange_field *f;
  int64_t n;
  struct glia_graph *graph;
  struct glia_program *program;
  struct glia_exchange *exchange;
  struct glia_engine *engine[WAYS];
};

static void close_update(struct update *u)
{
  for (int way = 0; way < WAYS; way++) glia_engine_destroy(&u->engine[way]);
  glia_exchange_mpi_destroy(&u->exchange);
  glia_program_destroy(&u->program);
  glia_graph_destroy(&u->graph);
}

/* Adam, without its corrections of the first steps, over the sum of one gradient per micro-batch. */
static glia_status build_adam(struct update *u)
{
  const struct glia_type type = glia_type_make(GLIA_F32, 1, &u->n);

  GLIA_TRY(glia_graph_new(&u->graph));
  struct glia_graph *g = u->graph;
  const glia_value p = glia_state(g, "p", type), m = glia_state(g, "m", type),
                   v = glia_state(g, "v", type);
  const glia_value d = glia_batch_sum(g, glia_input(g, "d", GLIA_PER_MICRO_BATCH, type));
  const glia_value m1 =
      glia_add(g, glia_mul(g, m, glia_constant(g, 0.9)), glia_mul(g, d, glia_constant(g, 0.1)));
  const glia_value v1 = glia_add(g, glia_mul(g, v, glia_constant(g, 0.999)),
                                 glia_mul(g, glia_mul(g, d, d), glia_constant(g, 0.001)));
  const glia_value root = glia_add(g, glia_sqrt(g, v1), glia_constant(g, 1e-8));
  const glia_value step = glia_mul(g, glia_div(g, m1, root), glia_constant(g, 1e-3));
  struct glia_entry *train = glia_graph_entry(g, "train");
  glia_entry_write(g, train, p, glia_sub(g, p, step));
  glia_entry_write(g, train, m, m1);
  glia_entry_write(g, train, v, v1);
  GLIA_TRY(glia_graph_status(g));
  return glia_program_compile(g, glia_kernels_default(), &u->program);
}

static glia_status open_update(struct update *u)
{
  const int size = glia_comm_size(u->f->comm);
  struct glia_bucket bucket[4];
  struct glia_exchange_need need[4];

  GLIA_TRY(build_adam(u));
  const int n = glia_program_buckets(u->program, "train", (int)GLIA_COUNT(bucket), bucket);
  for (int b = 0; b < n && b < (int)GLIA_COUNT(need); b++)
    need[b] = (struct glia_exchange_need){bucket[b], size};
  GLIA_TRY(glia_exchange_mpi_open(u->f->comm, 1, n, need, &u->exchange));
  GLIA_TRY(glia_engine_create(u->program, 1, u->exchange, size, &u->engine[OURS]));
  GLIA_TRY(glia_engine_share(u->engine[OURS]));
  return glia_engine_create(u->program, 1, NULL, 1, &u->engine[THEIRS]);
}

/* The gradient is where a backward pass would have left it. */
static glia_status leave(void *self, int64_t index, int worker, void *const *data)
{
  (void)self;
  (void)index;
  (void)worker;
  (void)data;
  return GLIA_OK;
}

static glia_status allreduce(void *self, int64_t index, int worker, void *const *data)
{
  const struct update *u = self;

  (void)index;
  (void)worker;
  GLIA_TRY_MPI(
      MPI_Allreduce(u->f->part, data[0], (int)u->n, MPI_FLOAT, MPI_SUM, glia_comm_mpi(u->f->comm)));
  return GLIA_OK;
}

static glia_status fill_once(void *self, int64_t index, int worker, void *const *data)
{
  const struct update *u = self;

  (void)index;
  (void)worker;
  memcpy(data[0], u->f->part, (size_t)u->n * sizeof *u->f->part);
  return GLIA_OK;
}

static glia_status update_round(struct update *u, bool first, double *s)
{
  const int size = glia_comm_size(u->f->comm);
  const struct glia_feed feed[WAYS] = {{.self = u, .fill = first ? fill_once : leave},
                                       {.self = u, .fill = allreduce}};

  for (int way = 0; way < WAYS; way++) {
    GLIA_TRY(glia_comm_barrier(u->f->comm));
    const double t0 = glia_time_s();
    GLIA_TRY(glia_engine_step(u->engine[way], "train", way == OURS ? size : 1, &feed[way]));
    s[way] = glia_time_s() - t0;
  }
  return GLIA_OK;
}

static glia_status one_update(struct exchange_field *f, int64_t mib, struct bench_report *r)
{
  struct update u = {.f = f, .n = (mib << 20) / (int64_t)sizeof(float)};
  double s[WAYS][UPDATE_ROUNDS], median[WAYS], one[WAYS];
  glia_status st = open_update(&u);

  if (st == GLIA_OK) st = update_round(&u, true, one);
  for (int i = 0; i < UPDATE_ROUNDS && st == GLIA_OK; i++) {
    st = update_round(&u, false, one);
    for (int way = 0; way < WAYS; way++) s[way][i] = one[way];
  }
  if (st == GLIA_OK &&
      memcmp(glia_engine_state(u.engine[OURS], 0), glia_engine_state(u.engine[THEIRS], 0),
             (size_t)u.n * sizeof(float)) != 0)
    st = GLIA_FAIL(GLIA_E_INTERNAL,
                   "the two ways have other parameters"); /* sums of ones are exact */
  if (st == GLIA_OK) {
    for (int way = 0; way < WAYS; way++) median[way] = bench_median(s[way], UPDATE_ROUNDS);
    st = glia_comm_reduce_f64(f->comm, GLIA_COMM_MAX, median, WAYS);
  }
  if (st == GLIA_OK)
    bench_add(r, "updates/s", 1.0 / median[OURS], "MPI_Allreduce + Adam", 1.0 / median[THEIRS], NAN,
              "reduce + Adam + publish %lld MiB np=%d", (long long)mib, f->exchange->size);
  close_update(&u);
  return st;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct exchange_field f = {0};

  (void)seconds;
  glia_status st = open_field(&f);
  for (size_t i = 0; st == GLIA_OK && i < GLIA_COUNT(bucket_bytes); i++) {
    char what[64];
    snprintf(what, sizeof what, "%lld KiB", (long long)bucket_bytes[i] >> 10);
    r->progress(r->self, what);
    st = one_size(&f, i, r);
  }
  for (int64_t mib = 1; st == GLIA_OK && mib <= 8; mib *= 8) {
    r->progress(r->self, "updates");
    st = one_update(&f, mib, r);
  }
  for (int64_t v = 8; st == GLIA_OK && v <= 64; v *= 8) {
    r->progress(r->self, "the price of order");
    st = exchange_price(&f, v, r);
  }
  r->progress(r->self, "fewer bytes");
  if (st == GLIA_OK) st = exchange_wires(&f, 8 << 20, r);
  close_field(&f);
  return st;
}

const struct bench bench_exchange_ = {
    .name = "exchange",
    .what = "sums over ranks, beside MPI_Allreduce and a plain copy (under mpirun)",
    .run = run,
};
