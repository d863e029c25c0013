/* What the order of a sum costs, and what fewer bytes save; see exchange_ways.h. All ways take turns; medians, the slowest rank's. */
#include "exchange_ways.h"

#include "glia_agree.h"
#include "glia_log.h"

#include <math.h>
#include <stdlib.h>

/* ---- the price of the canonical order */

enum { CANONICAL, UNORDERED, FIXED, ORDERS, PRICE_ROUNDS = 999, PRICE_BYTES = 1 << 20 };
static const double price_s = 3.0; /* of all rounds, where these are fewer then; at least 41 */

/* The same gradient of v micro-batches, ways to sum it over ranks. CANONICAL: each rank sends the nodes of the tree that it holds, one where
 * the ranks are a power of two that divides v. UNORDERED: it has added its own up already; other ranks, other bits. FIXED: neither
 * order nor ranks matter, since multiples of one power of two are added, as whole numbers that float64 holds exactly. */
struct price {
  struct exchange_field *f;
  int64_t v;
  struct glia_exchange *exchange;
  struct glia_bucket bucket[ORDERS];
  struct glia_part part[ORDERS][GLIA_TREE_MAX_PARTS];
  int n_parts[ORDERS];
  double *fixed[2]; /* [n] own, and of all */
};

static void close_price(struct price *p)
{
  glia_exchange_mpi_destroy(&p->exchange);
  free(p->fixed[0]);
  free(p->fixed[1]);
}

static glia_status open_price(struct price *p)
{
  const int rank = p->f->exchange->rank, size = p->f->exchange->size;
  const int64_t n = PRICE_BYTES / (int64_t)sizeof(float);
  struct glia_exchange_need need[ORDERS];

  for (int i = 0; i < 2; i++) p->fixed[i] = calloc((size_t)n, sizeof *p->fixed[i]);
  const bool room = p->fixed[0] != NULL && p->fixed[1] != NULL;
  GLIA_TRY(glia_agree(p->f->comm,
                      room ? GLIA_OK
                           : GLIA_FAIL(GLIA_E_MEMORY, "2 arrays of %lld numbers", (long long)n)));
  for (int way = 0; way < ORDERS; way++) {
    p->bucket[way] = (struct glia_bucket){way, way == FIXED ? GLIA_F64 : GLIA_F32, n};
    need[way] = (struct glia_exchange_need){p->bucket[way], way == CANONICAL ? p->v : size};
    p->part[way][0] = (struct glia_part){rank, rank + 1, p->f->part};
    p->n_parts[way] = 1;
  }
  p->part[FIXED][0].data = p->fixed[0];
  p->n_parts[CANONICAL] =
      glia_tree_parts(p->v, glia_tree_range(p->v, size, rank),
                      glia_tree_range(p->v, size, rank + 1), p->part[CANONICAL]);
  for (int i = 0; i < p->n_parts[CANONICAL]; i++) p->part[CANONICAL][i].data = p->f->part;
  return glia_exchange_mpi_open(p->f->comm, 1, ORDERS, need, &p->exchange);
}

/* To multiples of one power of two that all ranks agree on, so small that the sum stays below 2^51; what they are worth. */
static glia_status to_fixed(struct price *p, double *unit)
{
  const int64_t n = p->bucket[FIXED].n;
  const double whole = 0x1.8p52; /* added and taken away it leaves a whole number, below 2^51 */
  float most = 0.0F;
  int exponent = 0;

  for (int64_t i = 0; i < n; i++) most = fabsf(p->f->part[i]) > most ? fabsf(p->f->part[i]) : most;
  double largest = (double)most;
  GLIA_TRY(glia_comm_reduce_f64(p->f->comm, GLIA_COMM_MAX, &largest, 1));
  (void)frexp(largest * p->f->exchange->size, &exponent);
  const double times = ldexp(1.0, 51 - exponent);
  for (int64_t i = 0; i < n; i++) p->fixed[0][i] = ((double)p->f->part[i] * times + whole) - whole;
  *unit = 1.0 / times;
  return GLIA_OK;
}

static glia_status sum_once(struct price *p, int way)
{
  const struct glia_exchange *x = p->exchange;
  void *total = way == FIXED ? (void *)p->fixed[1] : (void *)p->f->total;
  double unit = 1.0;

  if (way == FIXED) GLIA_TRY(to_fixed(p, &unit));
  GLIA_TRY(x->start(x->self, &p->bucket[way], way == CANONICAL ? p->v : x->size, p->n_parts[way],
                    p->part[way], total));
  GLIA_TRY(x->wait(x->self, &p->bucket[way]));
  if (way == FIXED)
    for (int64_t i = 0; i < p->bucket[FIXED].n; i++)
      p->f->total[i] = (float)(p->fixed[1][i] * unit);
  return GLIA_OK;
}

/* The ways in turn, each as often the first: what comes later finds the gradient in the cache. */
static glia_status price_round(struct price *p, int round, double *s)
{
  for (int k = 0; k < ORDERS; k++) {
    const int way = (k + round) % ORDERS;
    GLIA_TRY(glia_comm_barrier(p->f->comm));
    const double t0 = glia_time_s();
    GLIA_TRY(sum_once(p, way));
    s[way] = glia_time_s() - t0;
  }
  return GLIA_OK;
}

/* Rounds that settle a median of differences of a few hundredths, given the times of one; the same on all ranks. */
static glia_status price_rounds(const struct exchange_field *f, const double *one, int *rounds)
{
  double round_s = 0.0;

  for (int way = 0; way < ORDERS; way++) round_s += one[way];
  GLIA_TRY(glia_comm_reduce_f64(f->comm, GLIA_COMM_MAX, &round_s, 1));
  *rounds = (int)fmin(fmax(price_s / round_s, 41.0), PRICE_ROUNDS);
  return GLIA_OK;
}

glia_status exchange_price(struct exchange_field *f, int64_t v, struct bench_report *r)
{
  struct price p = {.f = f, .v = v};
  double s[ORDERS][PRICE_ROUNDS], median[ORDERS], one[ORDERS], nodes;
  int rounds = 0;
  glia_status st = open_price(&p);

  if (st == GLIA_OK) st = price_round(&p, 0, one); /* warm */
  if (st == GLIA_OK) st = price_round(&p, 0, one);
  if (st == GLIA_OK) st = price_rounds(f, one, &rounds);
  for (int i = 0; i < rounds && st == GLIA_OK; i++) {
    st = price_round(&p, i, one);
    for (int way = 0; way < ORDERS; way++) s[way][i] = one[way];
  }
  if (st == GLIA_OK) {
    for (int way = 0; way < ORDERS; way++) median[way] = bench_median(s[way], rounds);
    nodes = p.n_parts[CANONICAL];
    st = glia_comm_reduce_f64(f->comm, GLIA_COMM_MAX, median, ORDERS);
  }
  if (st == GLIA_OK) st = glia_comm_reduce_f64(f->comm, GLIA_COMM_MAX, &nodes, 1);
  static const char *const peer[ORDERS] = {NULL, "any order", "exact fixed point"};
  for (int way = UNORDERED; way < ORDERS && st == GLIA_OK; way++)
    bench_add(r, "MB/s", 1e-6 * PRICE_BYTES / median[CANONICAL], peer[way],
              1e-6 * PRICE_BYTES / median[way], NAN, "sum of %lld micro-batches, %g a rank np=%d",
              (long long)v, nodes, f->exchange->size);
  close_price(&p);
  return st;
}

/* ---- fewer bytes on the wire */

enum { WIRES = 3, WIRE_ROUNDS = 15 };

static glia_status wire_round(struct exchange_field *f, const struct glia_bucket *b,
                              struct glia_exchange *const x[WIRES], int round, double *s)
{
  struct glia_part part = {f->exchange->rank, f->exchange->rank + 1, f->part};

  for (int k = 0; k < WIRES; k++) {
    const int w = (k + round) % WIRES;
    GLIA_TRY(glia_comm_barrier(f->comm));
    const double t0 = glia_time_s();
    GLIA_TRY(x[w]->start(x[w]->self, b, x[w]->size, 1, &part, f->total));
    GLIA_TRY(x[w]->wait(x[w]->self, b));
    s[w] = glia_time_s() - t0;
  }
  return GLIA_OK;
}

glia_status exchange_wires(struct exchange_field *f, int64_t bytes, struct bench_report *r)
{
  static const char *const name[WIRES] = {"f32", "bf16", "int8"};
  const struct glia_bucket b = {0, GLIA_F32, bytes / (int64_t)sizeof(float)};
  const struct glia_exchange_need need = {b, f->exchange->size};
  struct glia_exchange *x[WIRES] = {NULL};
  double s[WIRES][WIRE_ROUNDS], median[WIRES], one[WIRES];
  glia_status st = GLIA_OK;

  if (!glia_exchange_mpi_travels(f->exchange)) return GLIA_OK;
  for (int w = 0; w < WIRES && st == GLIA_OK; w++) {
    st = glia_exchange_mpi_open(f->comm, 1, 1, &need, &x[w]);
    if (st == GLIA_OK) st = glia_exchange_mpi_wire(x[w], (glia_wire)w);
  }
  if (st == GLIA_OK) st = wire_round(f, &b, x, 0, one);
  for (int i = 0; i < WIRE_ROUNDS && st == GLIA_OK; i++) {
    st = wire_round(f, &b, x, i, one);
    for (int w = 0; w < WIRES; w++) s[w][i] = one[w];
  }
  if (st == GLIA_OK) {
    for (int w = 0; w < WIRES; w++) median[w] = bench_median(s[w], WIRE_ROUNDS);
    st = glia_comm_reduce_f64(f->comm, GLIA_COMM_MAX, median, WIRES);
  }
  for (int w = 1; w < WIRES && st == GLIA_OK; w++)
    bench_add(r, "MB/s", 1e-6 * (double)bytes / median[w], "f32", 1e-6 * (double)bytes / median[0],
              NAN, "allreduce %lld MiB as %s np=%d", (long long)bytes >> 20, name[w], x[w]->size);
  for (int w = 0; w < WIRES; w++) glia_exchange_mpi_destroy(&x[w]);
  return st;
}
