/* bench scaling: whole training steps of one model on all ranks of a node, beside the same batch on one of them, beside the ranks' rows
 * without any exchange, and beside PyTorch's DistributedDataParallel over Gloo in as many processes; and PyTorch in one process. All
 * alternate, block by block of steps; medians, in each round the slowest rank's. Run it under mpirun, a rank a core. */
#include "bench.h"
#include "peer.h"
#include "ranks.h"

#include "glia_agree.h"
#include "glia_log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char program[] = {
#include "bench/train_torch.inc"
    0};

enum { ROUNDS = 15, WARM = 3 };
enum { TOGETHER, ONE, APART, ALONE, DDP, SINGLE, WAYS }; /* ALONE: APART, the other ranks at rest */
static const double block_s = 0.15;                      /* of one block of steps, at least */

#define MODEL "model: [linear: 512, relu, linear: 512, relu, linear: 10]\nloss: cross_entropy\n"
static const struct {
  int64_t batch;
  double clip_norm;
  const char *yaml;
} size_table[] = {
    {128, 0.0, MODEL "optimizer: {adam: {lr: 1e-3}}\n"},
    {512, 0.0, MODEL "optimizer: {adam: {lr: 1e-3}}\n"},
    {128, 1.0, MODEL "optimizer: {adam: {lr: 1e-3}}\nclip_norm: 1.0\n"},
    {512, 1.0, MODEL "optimizer: {adam: {lr: 1e-3}}\nclip_norm: 1.0\n"},
};

struct scene {
  struct glia_comm *comm;
  struct peer ddp, single; /* the second on rank 0 alone */
  bool has_peers;
  struct workload_kind kind, share; /* all rows; those of a rank */
  struct workload w[3];             /* TOGETHER, ONE, APART */
  struct ranks ranks;
  int n[WAYS]; /* steps in a block */
};

static void close_workloads(struct scene *s)
{
  for (int way = 0; way <= APART; way++) workload_close(&s->w[way]);
  ranks_leave(&s->ranks);
}

static glia_status open_workloads(struct scene *s, size_t k)
{
  const int64_t rows = size_table[k].batch / glia_comm_size(s->comm);

  s->kind = (struct workload_kind){"mlp",
                                   "784-512-512-10",
                                   size_table[k].yaml,
                                   size_table[k].batch,
                                   .x = {.dtype = GLIA_F32, .rank = 1, .dim = {784}},
                                   .y = {.dtype = GLIA_U8},
                                   .classes = 10,
                                   .clip_norm = size_table[k].clip_norm};
  s->share = s->kind;
  s->share.batch = rows;
  GLIA_TRY(workload_open(&s->w[TOGETHER], &s->kind, rows, 1));
  GLIA_TRY(workload_open(&s->w[ONE], &s->kind, s->kind.batch, 1));
  return workload_open(&s->w[APART], &s->share, rows, 1);
}

/* n steps of one way, on the ranks that take part in it. */
static glia_status go(struct scene *s, int way, int n, double *loss)
{
  const bool first = glia_comm_rank(s->comm) == 0;
  double took_s;

  *loss = 0.0;
  if (way == DDP) return peer_run(&s->ddp, n, &took_s, loss);
  if (way == SINGLE) return first ? peer_run(&s->single, n, &took_s, loss) : GLIA_OK;
  if ((way == ONE || way == ALONE) && !first) return GLIA_OK;
  return workload_run(&s->w[way == ALONE ? APART : way], n, loss);
}

static glia_status reset(struct scene *s, int way)
{
  const bool first = glia_comm_rank(s->comm) == 0;

  if (way == DDP) return peer_reset(&s->ddp);
  if (way == SINGLE) return first ? peer_reset(&s->single) : GLIA_OK;
  workload_reset(&s->w[way == ALONE ? APART : way]);
  return GLIA_OK;
}

static bool runs(const struct scene *s, int way) { return s->has_peers || way < DDP; }

/* A block of each way from the initial weights, in seconds per step: the slowest rank's. */
static glia_status one_round(struct scene *s, double took_s[WAYS])
{
  double loss;

  for (int way = 0; way < WAYS; way++) {
    took_s[way] = 0.0;
    if (!runs(s, way)) continue;
    GLIA_TRY(glia_agree(s->comm, reset(s, way)));
    GLIA_TRY(glia_agree(s->comm, go(s, way, 1, &loss))); /* the others have had the caches */
    const double t0 = glia_time_s();
    const glia_status st = go(s, way, s->n[way], &loss);
    took_s[way] = (glia_time_s() - t0) / s->n[way];
    GLIA_TRY(glia_agree(s->comm, st));
  }
  return glia_comm_reduce_f64(s->comm, GLIA_COMM_MAX, took_s, WAYS);
}

/* The first steps: all ways have the same losses, or something is not the same model. DDP's and APART's are of each rank's rows. */
static glia_status compare(struct scene *s)
{
  for (int i = 0; i < WARM; i++) {
    double loss[WAYS] = {0.0};
    for (int way = 0; way < WAYS; way++) {
      if (runs(s, way)) GLIA_TRY(glia_agree(s->comm, go(s, way, 1, &loss[way])));
      if (way != DDP && glia_comm_rank(s->comm) > 0) loss[way] = 0.0;
    }
    loss[DDP] /= glia_comm_size(s->comm);
    GLIA_TRY(glia_comm_reduce_f64(s->comm, GLIA_COMM_SUM, loss, WAYS));
    for (int way = 0; way < WAYS; way++)
      GLIA_CHECK(way == APART || way == ALONE || !runs(s, way) ||
                     fabs(loss[way] - loss[ONE]) <= 1e-3 * fabs(loss[ONE]),
                 GLIA_E_INTERNAL, "way %d has a loss of %.9g in step %d, one rank %.9g", way,
                 loss[way], i + 1, loss[ONE]);
  }
  return GLIA_OK;
}

/* Steps of each way that fill a block. */
static glia_status calibrate(struct scene *s)
{
  double took_s[WAYS];

  for (int way = 0; way < WAYS; way++) s->n[way] = WARM;
  GLIA_TRY(one_round(s, took_s));
  for (int way = 0; way < WAYS; way++)
    s->n[way] = runs(s, way) ? 1 + (int)fmin(block_s / took_s[way], 1e4) : 1;
  return GLIA_OK;
}

static void tell(struct bench_report *r, const struct scene *s, double s_of[WAYS][ROUNDS])
{
  const double rows = (double)s->kind.batch;
  const char *clip = s->kind.clip_norm > 0.0 ? ", clipped" : "";
  double median[WAYS], spread[WAYS];

  for (int way = 0; way < WAYS; way++) {
    median[way] = bench_median(s_of[way], ROUNDS);
    spread[way] = bench_spread(s_of[way], ROUNDS);
  }
  struct bench_row *row =
      bench_add(r, "samples/s", rows / median[TOGETHER], s->has_peers ? "PyTorch DDP Gloo" : NULL,
                rows / median[DDP], median[APART] / median[TOGETHER], "batch %lld%s np=%d",
                (long long)s->kind.batch, clip, glia_comm_size(s->comm));
  if (row != NULL) {
    row->spread = spread[TOGETHER];
    row->peer_spread = s->has_peers ? spread[DDP] : 0.0;
  }
  row = bench_add(r, "times one", median[ONE] / median[TOGETHER], NULL, NAN, NAN,
                  "  scaling of Glia, %.0f on one", rows / median[ONE]);
  if (row != NULL) row->spread = spread[ONE];
  bench_add(r, "times one", median[APART] / median[ALONE], NULL, NAN, NAN,
            "  time of %lld rows on all at once", (long long)s->share.batch);
  if (!s->has_peers) return;
  row = bench_add(r, "times one", median[SINGLE] / median[DDP], NULL, NAN, NAN,
                  "  of PyTorch, %.0f in one process", rows / median[SINGLE]);
  if (row != NULL) row->spread = spread[SINGLE];
}

static glia_status one_size(struct scene *s, size_t k, struct bench_report *r)
{
  double s_of[WAYS][ROUNDS], took_s[WAYS];

  GLIA_TRY(glia_agree(s->comm, open_workloads(s, k)));
  GLIA_TRY(ranks_join(&s->ranks, s->comm, &s->w[TOGETHER], true));
  if (s->has_peers) {
    GLIA_TRY(glia_agree(s->comm, peer_build(&s->ddp, &s->w[TOGETHER], 1)));
    GLIA_TRY(glia_agree(s->comm, glia_comm_rank(s->comm) == 0
                                     ? peer_build(&s->single, &s->w[TOGETHER], 1)
                                     : GLIA_OK));
  }
  GLIA_TRY(compare(s));
  GLIA_TRY(calibrate(s));
  for (int i = 0; i < ROUNDS; i++) {
    GLIA_TRY(one_round(s, took_s));
    for (int way = 0; way < WAYS; way++) s_of[way][i] = took_s[way];
  }
  tell(r, s, s_of);
  return GLIA_OK;
}

/* Peers on all ranks, or on none: processes that have met. */
static glia_status open_peers(struct scene *s, struct bench_report *r)
{
  const int rank = glia_comm_rank(s->comm), size = glia_comm_size(s->comm);
  const char *tmp = getenv("TMPDIR");
  char folder[512] = "", file[600];
  int64_t found = 0;

  GLIA_TRY(glia_agree(s->comm, peer_open(&s->ddp, program)));
  GLIA_TRY(glia_agree(s->comm, rank == 0 ? peer_open(&s->single, program) : GLIA_OK));
  found = s->ddp.pid > 0 && (rank > 0 || s->single.pid > 0);
  if (rank == 0) {
    snprintf(folder, sizeof folder, "%.400s/glia-ddp.XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(folder) == NULL) found = 0;
  }
  GLIA_TRY(glia_comm_reduce_i64(s->comm, GLIA_COMM_MIN, &found, 1));
  GLIA_TRY(glia_comm_bcast(s->comm, folder, sizeof folder, 0));
  s->has_peers = found == 1;
  if (!s->has_peers && rank == 0)
    r->progress(r->self, "no Python with PyTorch and NumPy: only our own speeds (apt-get install "
                         "python3-torch, or set PYTHON3)");
  snprintf(file, sizeof file, "%s/meet", folder);
  const glia_status st = s->has_peers ? peer_join(&s->ddp, file, rank, size) : GLIA_OK;
  const glia_status all = glia_agree(s->comm, st);
  if (rank == 0) {
    unlink(file);
    rmdir(folder);
  }
  return all;
}

static glia_status run_sizes(struct scene *s, struct bench_report *r)
{
  GLIA_CHECK(glia_comm_size(s->comm) > 1, GLIA_E_USAGE,
             "one rank has nobody to share its batch with: mpirun -n 2 glia bench scaling");
  GLIA_CHECK(glia_comm_local_size(s->comm) == glia_comm_size(s->comm) &&
                 size_table[0].batch % glia_comm_size(s->comm) == 0,
             GLIA_E_USAGE, "%d ranks on the node of %d: a power of two up to 128, on one node",
             glia_comm_local_size(s->comm), glia_comm_size(s->comm));
  GLIA_TRY(open_peers(s, r));
  for (size_t k = 0; k < GLIA_COUNT(size_table); k++) {
    char what[64];
    snprintf(what, sizeof what, "batch %lld%s", (long long)size_table[k].batch,
             size_table[k].clip_norm > 0.0 ? ", clipped" : "");
    r->progress(r->self, what);
    const glia_status st = one_size(s, k, r);
    close_workloads(s);
    GLIA_TRY(st);
  }
  return GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct scene s = {0};

  (void)seconds;
  glia_status st = glia_comm_world(&s.comm);
  if (st == GLIA_OK) st = run_sizes(&s, r);
  peer_close(&s.ddp);
  peer_close(&s.single);
  glia_comm_destroy(&s.comm);
  return st;
}

const struct bench bench_scaling_ = {
    .name = "scaling",
    .what = "steps shared by the ranks of a node, beside one rank and PyTorch DDP (under mpirun)",
    .run = run,
};
