/* bench exchange: sums of one bucket over all ranks by our exchange, beside MPI_Allreduce on the same bytes; the limit is a
 * plain copy of them. Where ranks share memory numbers stand there, as gradients do in training, and MPI_Allreduce has them there or in
 * arrays of each rank's own, whichever is quicker; two rows more have arrays of
 * each rank's own (the only ones elsewhere), and the least that any exchange of those through shared memory costs: what others need in,
 * what they have out, no waiting, no adding.
 * And whole updates: sum, Adam and new parameters where all ranks read them, the states held once per node,
 * beside MPI_Allreduce and the same Adam on every rank. Ours and MPI's alternate; medians, the slowest rank's. And what the canonical
 * order costs (exchange_ways.h). Run it under mpirun. */
#include "bench.h"
#include "exchange_ways.h"

#include "glia_control.h"
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

static size_t shown_bytes(const struct exchange_field *f)
{
  return (size_t)f->most * sizeof *f->shown * (size_t)(1 + f->exchange->size);
}

static void close_field(struct exchange_field *f)
{
  void *shown = f->shown;

  if (shown != NULL) f->exchange->unshare(f->exchange->self, &shown, shown_bytes(f));
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

/* Memory of all for the largest bucket, or for some that fit. */
static glia_status show(struct exchange_field *f)
{
  const struct glia_exchange *x = f->exchange;
  glia_status st = GLIA_E_MEMORY;

  if (x->share == NULL || x->node_size != x->size) return GLIA_OK;
  for (size_t i = GLIA_COUNT(bucket_bytes); st == GLIA_E_MEMORY && i-- > 0;) {
    void *shown = NULL;
    glia_trace_clear();
    f->most = bucket_of(i).n;
    st = x->share(x->self, shown_bytes(f), &shown);
    f->shown = shown;
  }
  GLIA_TRY(st);
  for (int64_t i = 0; i < f->most; i++) f->shown[f->most * (1 + x->rank) + i] = 1.0F;
  return GLIA_OK;
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
  return show(f);
}

enum { SUM, ALLREDUCE, COPY, STANDING, STANDING_MPI, IN_OUT, TIMES };

static glia_status sum(struct exchange_field *f, const struct glia_bucket *b, float *data,
                       float *total)
{
  const struct glia_exchange *x = f->exchange;
  const struct glia_part part = {x->rank, x->rank + 1, data};

  GLIA_TRY(x->start(x->self, b, x->size, 1, &part, total));
  return x->wait(x->self, b);
}

/* What this rank shows the others and what it takes from them: of two ranks half of its part and half of the total each way. */
static glia_status in_and_out(struct exchange_field *f, const struct glia_bucket *b, double *s)
{
  const struct glia_exchange *x = f->exchange;
  const size_t bytes = (size_t)b->n * sizeof *f->part;
  float *const own = f->shown + f->most * (1 + x->rank);
  const float *const next = f->shown + f->most * (1 + (x->rank + 1) % x->size);

  const double t0 = glia_time_s();
  memcpy(own, f->part, bytes);
  *s = glia_time_s() - t0;
  GLIA_TRY(glia_comm_barrier(f->comm));
  const double t1 = glia_time_s();
  memcpy(f->total, next, bytes);
  *s += glia_time_s() - t1;
  return GLIA_OK;
}

static glia_status by_mpi(struct exchange_field *f, const struct glia_bucket *b, const float *data,
                          float *total)
{
  GLIA_TRY_MPI(MPI_Allreduce(data, total, (int)b->n, MPI_FLOAT, MPI_SUM, glia_comm_mpi(f->comm)));
  return GLIA_OK;
}

static glia_status one_way(struct exchange_field *f, const struct glia_bucket *b, int way,
                           double *s)
{
  float *const own = f->shown != NULL ? f->shown + f->most * (1 + f->exchange->rank) : NULL;
  const double t0 = glia_time_s();

  if (way == SUM) GLIA_TRY(sum(f, b, f->part, f->total));
  if (way == STANDING) GLIA_TRY(sum(f, b, own, f->shown));
  if (way == ALLREDUCE) GLIA_TRY(by_mpi(f, b, f->part, f->theirs));
  if (way == STANDING_MPI) GLIA_TRY(by_mpi(f, b, own, f->theirs));
  if (way == COPY) memcpy(f->total, f->part, (size_t)b->n * sizeof *f->part);
  *s = glia_time_s() - t0;
  return way == IN_OUT ? in_and_out(f, b, s) : GLIA_OK;
}

/* The last three ways need memory that all share, and no more than there is. */
static bool goes(const struct exchange_field *f, const struct glia_bucket *b, int way)
{
  return way < STANDING || b->n <= f->most;
}

/* One round each way, in seconds. */
static glia_status one_round(struct exchange_field *f, const struct glia_bucket *b, double *s)
{
  for (int way = 0; way < TIMES; way++) {
    s[way] = 0.0;
    if (!goes(f, b, way)) continue;
    GLIA_TRY(glia_comm_barrier(f->comm));
    GLIA_TRY(one_way(f, b, way, &s[way]));
  }
  return GLIA_OK;
}

static void tell(struct bench_report *r, const struct exchange_field *f,
                 const struct glia_bucket *b, const double s[TIMES])
{
  const int64_t bytes = b->n * (int64_t)sizeof *f->part;
  const double mb = (double)bytes / 1e6;
  const bool large = bytes >= 1 << 20;
  const long long n = (long long)(large ? bytes >> 20 : bytes >> 10);
  const char *unit = large ? "MiB" : "KiB";

  if (!goes(f, b, STANDING)) {
    bench_add(r, "MB/s", mb / s[SUM], "MPI_Allreduce", mb / s[ALLREDUCE], s[COPY] / s[SUM],
              "allreduce %lld %s np=%d", n, unit, f->exchange->size);
    return;
  }
  bench_add(r, "MB/s", mb / s[STANDING], "MPI_Allreduce", mb / fmin(s[STANDING_MPI], s[ALLREDUCE]),
            s[COPY] / s[STANDING], "allreduce %lld %s np=%d", n, unit, f->exchange->size);
  bench_add(r, "MB/s", mb / s[SUM], "MPI_Allreduce", mb / s[ALLREDUCE], s[COPY] / s[SUM],
            "  of private arrays, %lld %s", n, unit);
  bench_add(r, "MB/s", mb / s[IN_OUT], "MPI_Allreduce", mb / s[ALLREDUCE], NAN,
            "  no sum, only in and out of private arrays, %lld %s", n, unit);
}

static glia_status one_size(struct exchange_field *f, size_t index, struct bench_report *r)
{
  const struct glia_bucket b = bucket_of(index);
  const int64_t bytes = bucket_bytes[index];
  const int rounds = bytes >= (16 << 20) ? 15 : bytes >= (1 << 20) ? 41 : MAX_ROUNDS;
  double s[TIMES][MAX_ROUNDS], median[TIMES], one[TIMES];

  GLIA_TRY(one_round(f, &b, one)); /* warm */
  for (int i = 0; i < rounds; i++) {
    GLIA_TRY(one_round(f, &b, one));
    for (int k = 0; k < TIMES; k++) s[k][i] = one[k];
  }
  for (int k = 0; k < TIMES; k++) median[k] = bench_median(s[k], rounds);
  GLIA_TRY(glia_comm_reduce_f64(f->comm, GLIA_COMM_MAX, median, TIMES));
  tell(r, f, &b, median);
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
  struct glia_external backward;
  int way;
  bool
      copied; /* both ways copy the gradient once before it goes into the sums, as an input of the graph is */
  float *gradient; /* [n] of OURS: where a backward pass leaves it */
  int error;       /* MPI's */
};

static void close_update(struct update *u)
{
  for (int way = 0; way < WAYS; way++) glia_engine_destroy(&u->engine[way]);
  glia_exchange_mpi_destroy(&u->exchange);
  glia_program_destroy(&u->program);
  glia_graph_destroy(&u->graph);
}

static glia_status gradient_type(void *self, int n_in, const struct glia_type *in,
                                 struct glia_type *out)
{
  const struct update *u = self;

  (void)n_in;
  (void)in;
  out[0] = glia_type_make(GLIA_F32, 1, &u->n);
  return GLIA_OK;
}

/* The end of a backward pass: the gradient stands in its bucket, or MPI's sum of it. */
static void gradient(void *self, int n_in, const struct glia_operand *in, int n_out,
                     const struct glia_operand *out)
{
  struct update *u = self;

  (void)n_in;
  (void)in;
  (void)n_out;
  float *const sum = u->copied ? u->f->theirs : out[0].data;
  const float *const from = u->way == OURS ? u->f->part : sum;
  if (u->way == OURS && !u->copied) u->gradient = out[0].data;
  if (u->way != OURS)
    u->error =
        MPI_Allreduce(u->f->part, sum, (int)u->n, MPI_FLOAT, MPI_SUM, glia_comm_mpi(u->f->comm));
  if (u->copied) memcpy(out[0].data, from, (size_t)u->n * sizeof(float));
}

/* Adam, without its corrections of the first steps, over the sum of one gradient per micro-batch. */
static glia_status build_adam(struct update *u)
{
  const struct glia_type type = glia_type_make(GLIA_F32, 1, &u->n);

  GLIA_TRY(glia_graph_new(&u->graph));
  struct glia_graph *g = u->graph;
  const glia_value p = glia_state(g, "p", type), m = glia_state(g, "m", type),
                   v = glia_state(g, "v", type);
  const glia_value begin =
      glia_input(g, "begin", GLIA_PER_MICRO_BATCH, glia_type_make(GLIA_F32, 1, (int64_t[]){1}));
  u->backward = (struct glia_external){
      .name = "backward", .n_out = 1, .self = u, .infer = gradient_type, .run = gradient};
  glia_value each;
  glia_external(g, &u->backward, 1, &begin, NULL, &each);
  const glia_value d = glia_batch_sum(g, each);
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

static glia_status begin(void *self, int64_t index, int worker, void *const *data)
{
  (void)self;
  (void)index;
  (void)worker;
  *(float *)data[0] = 0.0F;
  return GLIA_OK;
}

/* What a backward pass has just written: all ones, since sums of these are exact. */
static void fill(struct update *u)
{
  float *const to = u->way == OURS ? u->gradient : u->f->part;

  for (int64_t i = 0; to != NULL && i < u->n; i++) to[i] = 1.0F;
}

static glia_status update_round(struct update *u, double *s)
{
  const int size = glia_comm_size(u->f->comm);
  const struct glia_feed feed = {.fill = begin};

  for (int way = 0; way < WAYS; way++) {
    u->way = way;
    fill(u);
    GLIA_TRY(glia_comm_barrier(u->f->comm));
    const double t0 = glia_time_s();
    GLIA_TRY(glia_engine_step(u->engine[way], "train", way == OURS ? size : 1, &feed));
    s[way] = glia_time_s() - t0;
    GLIA_TRY_MPI(u->error);
  }
  return GLIA_OK;
}

/* Both ways from the same states: the first step found where OURS has its gradient. */
static void begin_again(struct update *u)
{
  const bool others_do = glia_engine_shares(u->engine[OURS]) && u->exchange->node_rank > 0;

  for (int way = 0; way < WAYS; way++)
    for (int state = 0; state < 3 && (way != OURS || !others_do); state++)
      memset(glia_engine_state(u->engine[way], state), 0, (size_t)u->n * sizeof(float));
}

static glia_status one_update(struct exchange_field *f, int64_t mib, bool copied,
                              struct bench_report *r)
{
  struct update u = {.f = f,
                     .n = (mib << 20) / (int64_t)sizeof(float),
                     .copied = copied,
                     .gradient = copied ? f->part : NULL};
  double s[WAYS][UPDATE_ROUNDS], median[WAYS], one[WAYS];
  glia_status st = open_update(&u);

  if (st == GLIA_OK) st = update_round(&u, one);
  if (st == GLIA_OK) begin_again(&u);
  if (st == GLIA_OK) st = update_round(&u, one); /* warm */
  for (int i = 0; i < UPDATE_ROUNDS && st == GLIA_OK; i++) {
    st = update_round(&u, one);
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
              "%s %lld MiB np=%d", copied ? "  copied first" : "reduce + Adam + publish",
              (long long)mib, f->exchange->size);
  close_update(&u);
  return st;
}

static const char *const parts[] = {"sums", "updates", "order", "messages", "wires"};

static glia_status check_words(const struct bench_report *r)
{
  for (int i = 0; i < r->n_words; i++) {
    bool known = false;
    for (size_t k = 0; k < GLIA_COUNT(parts); k++)
      known = known || strcmp(r->word[i], parts[k]) == 0;
    GLIA_CHECK(known, GLIA_E_USAGE,
               "no part named %s: there are sums, updates, order, messages, wires", r->word[i]);
  }
  return GLIA_OK;
}

static bool wanted(const struct bench_report *r, const char *part)
{
  bool yes = r->n_words == 0;

  for (int i = 0; i < r->n_words; i++) yes = yes || strcmp(r->word[i], part) == 0;
  if (yes) r->progress(r->self, part);
  return yes;
}

static glia_status all_parts(struct exchange_field *f, struct bench_report *r)
{
  const bool sums = wanted(r, "sums");

  for (size_t i = 0; sums && i < GLIA_COUNT(bucket_bytes); i++) GLIA_TRY(one_size(f, i, r));
  const bool updates = wanted(r, "updates");
  for (int64_t mib = 1; updates && mib <= 8; mib *= 8) {
    GLIA_TRY(one_update(f, mib, false, r));
    GLIA_TRY(one_update(f, mib, true, r));
  }
  const bool order = wanted(r, "order");
  for (int64_t v = 8; order && v <= 64; v *= 8) GLIA_TRY(exchange_price(f, v, r));
  const bool messages = wanted(r, "messages");
  for (int64_t bytes = 16 << 10; messages && bytes <= 4 << 20; bytes *= 4)
    GLIA_TRY(exchange_halving(f, bytes, r));
  return wanted(r, "wires") ? exchange_wires(f, 8 << 20, r) : GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct exchange_field f = {0};

  (void)seconds;
  GLIA_TRY(check_words(r));
  glia_status st = open_field(&f);
  if (st == GLIA_OK) st = all_parts(&f, r);
  close_field(&f);
  return st;
}

const struct bench bench_exchange_ = {
    .name = "exchange",
    .what = "sums over ranks, beside MPI_Allreduce and a plain copy (under mpirun)",
    .run = run,
    .parts = true,
};
