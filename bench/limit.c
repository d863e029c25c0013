/* See limit.h. */
#include "limit.h"

#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_profile.h"
#include "products.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 7, MOST_UNITS = 4096 };

static glia_status best_time(const struct glia_graph *g, const struct glia_node *n, double *out)
{
  struct glia_kernel_choice choice = {.run = n->op->reference[n->type.dtype]};
  struct product_call c;

  if (n->op->scratch != NULL) choice.scratch_bytes = n->op->scratch(g, n);
  glia_kernels_default()->pick(g, n, &choice);
  const bool ok = product_prepare(g, n, &choice, &c);
  if (ok) {
    *out = product_best_s(choice.run, &c.call);
    if (strcmp(n->op->name, "matmul") == 0) {
      const double other = product_best_s(product_by_blas, &c.call);
      if (other < *out) *out = other;
    }
  }
  product_drop(&c);
  GLIA_CHECK(ok, GLIA_E_MEMORY, "one call of %s", n->op->name);
  return GLIA_OK;
}

/* Of y = a x + z, over arrays that take `bytes` together: as much memory as a step uses, so that caches help both alike. */
static double bandwidth(size_t bytes)
{
  const size_t n = bytes / (3 * sizeof(float)) + 1;
  const int turns = (int)(1 + ((size_t)1 << 24) / n);
  float *x = malloc(3 * n * sizeof *x);
  double best = 1e30;

  if (x == NULL) return 1e30;
  memset(x, 0, 3 * n * sizeof *x);
  for (int i = 0; i < REPEATS; i++) {
    const double t0 = glia_time_s();
    for (int k = 0; k < turns; k++)
      for (size_t j = 0; j < n; j++) x[j] = 2.0F * x[n + j] + x[2 * n + j];
    best = fmin(best, (glia_time_s() - t0) / turns);
  }
  free(x);
  return 3.0 * (double)(n * sizeof *x) / best;
}

/* Seconds an element of an operator of one operand in the first cache; those that are no functions cost nothing here. */
static double function_s(const struct glia_op *op, glia_dtype dtype)
{
  enum { TILE = 512, FUNCTION = 8, TURNS = 64 };
  static double in[TILE], out[TILE];
  const struct glia_type type = glia_type_make(dtype, 1, (int64_t[]){TILE});
  const struct glia_operand x = {in, TILE, &type};
  const struct glia_call c = {.n_in = 1, .in = &x, .out = {out, TILE, &type}};
  double best = 1e30;

  if (op->n_in != 1 || op->flops_per_element < FUNCTION || op->reference[dtype] == NULL) return 0.0;
  for (int i = 0; i < TILE; i++)
    if (dtype == GLIA_F32)
      ((float *)in)[i] = (float)(i % 31) / 16.0F - 1.0F;
    else
      in[i] = (double)(i % 31) / 16.0 - 1.0;
  for (int i = 0; i < REPEATS; i++) {
    const double t0 = glia_time_s();
    for (int k = 0; k < TURNS; k++) op->reference[dtype](&c);
    best = fmin(best, (glia_time_s() - t0) / TURNS / TILE);
  }
  return best;
}

/* What the functions of a unit take, the rates found so far in known [most]. */
struct rates {
  int n;
  struct {
    const struct glia_op *op;
    glia_dtype dtype;
    double s;
  } known[32];
};

static double functions_of(const struct workload *w, int unit, glia_dtype dtype, struct rates *r)
{
  const struct glia_op *op[64];
  int64_t elements = 0;
  double sum = 0.0;

  if (dtype != GLIA_F32 && dtype != GLIA_F64) return 0.0;
  const int n =
      glia_program_unit_operators(w->program, "train", unit, GLIA_COUNT(op), op, &elements);
  for (int i = 0; i < n && i < (int)GLIA_COUNT(op); i++) {
    int k = 0;
    while (k < r->n && (r->known[k].op != op[i] || r->known[k].dtype != dtype)) k++;
    if (k == (int)GLIA_COUNT(r->known)) continue;
    if (k == r->n) {
      r->known[k].op = op[i];
      r->known[k].dtype = dtype;
      r->known[r->n++].s = function_s(op[i], dtype);
    }
    sum += r->known[k].s * (double)elements;
  }
  return sum;
}

/* Memory that goes to and fro between two cores. */
struct shared {
  float *x;
  size_t n;
  atomic_int turn; /* 0: the writer's, 1: the reader's, -1: the end */
  double read_s, sum;
};

static void *read_back(void *arg)
{
  struct shared *s = arg;

  for (int turn; (turn = atomic_load(&s->turn)) >= 0;) {
    if (turn != 1) continue;
    float lane[16] = {0.0F};
    const double t0 = glia_time_s();
    for (size_t i = 0; i + 16 <= s->n; i += 16)
      for (size_t k = 0; k < 16; k++) lane[k] += s->x[i + k];
    s->read_s = fmin(s->read_s, glia_time_s() - t0);
    s->sum += (double)lane[0];
    atomic_store(&s->turn, 0);
  }
  return NULL;
}

glia_status limit_hand_over(size_t bytes, double *write_s, double *read_s)
{
  enum { TURNS = 40 };
  struct shared s = {.n = bytes / sizeof(float) + 16, .read_s = 1e30};
  pthread_t reader;

  s.x = calloc(s.n, sizeof *s.x);
  *write_s = 1e30;
  GLIA_CHECK(s.x != NULL, GLIA_E_MEMORY, "%zu bytes between two cores", bytes);
  const bool started = pthread_create(&reader, NULL, read_back, &s) == 0;
  for (int i = 0; i < TURNS && started; i++) {
    const double t0 = glia_time_s();
    for (size_t k = 0; k < s.n; k++) s.x[k] = 0.5F * s.x[k] + 1.0F;
    *write_s = fmin(*write_s, glia_time_s() - t0);
    atomic_store(&s.turn, 1);
    while (atomic_load(&s.turn) == 1) sched_yield();
  }
  atomic_store(&s.turn, -1);
  if (started) pthread_join(reader, NULL);
  *read_s = s.read_s;
  free(s.x);
  GLIA_CHECK(started, GLIA_E_MEMORY, "a second thread");
  return GLIA_OK;
}

struct beside {
  struct workload *w;
  int steps;
  glia_status st;
};

static void *run_beside(void *arg)
{
  struct beside *b = arg;

  b->st = workload_run(b->w, b->steps, NULL);
  return NULL;
}

glia_status limit_beside(struct workload w[2], int steps, double *alone_s, double *both_s)
{
  struct beside other = {.w = &w[1], .steps = steps};
  pthread_t thread;

  const double t0 = glia_time_s();
  GLIA_TRY(workload_run(&w[0], steps, NULL));
  const double t1 = glia_time_s();
  GLIA_CHECK(pthread_create(&thread, NULL, run_beside, &other) == 0, GLIA_E_MEMORY,
             "a second thread");
  const glia_status st = workload_run(&w[0], steps, NULL);
  pthread_join(thread, NULL);
  *alone_s = t1 - t0;
  *both_s = glia_time_s() - t1;
  GLIA_TRY(st);
  return other.st;
}

glia_status limit_measure(const struct workload *w, struct limit *out)
{
  struct glia_unit_info *unit = calloc(MOST_UNITS, sizeof *unit);
  double *took = calloc(MOST_UNITS, sizeof *took);
  const double micro_batches = (double)(w->kind->batch / w->micro_batch);
  struct rates rates = {0};
  glia_status st = GLIA_OK;

  struct glia_program_info info = {0};
  glia_program_info(w->program, "train", &info);
  *out = (struct limit){.bandwidth =
                            bandwidth(info.state_bytes + info.shared_bytes + info.micro_bytes)};
  GLIA_CHECK_TO(out, st, unit != NULL && took != NULL, GLIA_E_MEMORY, "units");
  const int n = glia_program_units(w->program, "train", MOST_UNITS, unit);
  GLIA_CHECK_TO(out, st, n <= MOST_UNITS, GLIA_E_INTERNAL, "%s has %d units", w->kind->name, n);
  for (int i = 0; i < n; i++) {
    const double times = strcmp(unit[i].region, "micro-batch") == 0 ? micro_batches : 1.0;
    if (!product_is(&unit[i])) {
      out->bytes += times * unit[i].bytes;
      out->others_s += times * fmax(unit[i].bytes / out->bandwidth,
                                    functions_of(w, i, unit[i].node->type.dtype, &rates));
      continue;
    }
    for (int j = 0; j < i && took[i] == 0.0; j++)
      if (took[j] > 0.0 && product_same(w->graph, unit[i].node, unit[j].node)) took[i] = took[j];
    if (took[i] == 0.0) GLIA_TRY_TO(out, st, best_time(w->graph, unit[i].node, &took[i]));
    out->products_s += times * took[i];
  }
  out->limit_s = out->products_s + out->others_s;
out:
  free(unit);
  free(took);
  return st;
}
