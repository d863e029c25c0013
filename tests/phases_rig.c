/* A network with normalisation over the whole batch. */
#include "phases_rig.h"

#include "glia_engine.h"
#include "glia_ops.h"
#include "glia_random.h"

#include <stdlib.h>
#include <string.h>

struct rows {
  int per; /* rows of a micro-batch */
  int fail;
  struct phases_result *out;
};

static double number(uint64_t stream, int64_t i)
{
  return 2.0 * glia_random_uniform(3, stream, (uint64_t)i) - 1.0;
}

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  const struct rows *r = self;
  double *x = data[0], *t = data[1];

  (void)worker;
  GLIA_CHECK(index != r->fail, GLIA_E_IO, "micro-batch %d cannot be read", r->fail);
  for (int64_t i = 0; i < r->per; i++) {
    const int64_t row = index * r->per + i;
    for (int k = 0; k < PHASES_IN; k++)
      x[i * PHASES_IN + k] = number(0, row * PHASES_IN + k) * (k + 1) + 0.5;
    t[i] = number(1, row);
  }
  return GLIA_OK;
}

static glia_status take(void *self, int64_t index, int worker, const void *const *data)
{
  const struct rows *r = self;

  (void)worker;
  memcpy(r->out->prediction + index * r->per, data[1], (size_t)r->per * sizeof(double));
  return GLIA_OK;
}

static glia_value mean_over_batch(struct glia_graph *g, phases_kind kind, glia_value x)
{
  const glia_value rows = glia_reduce_sum(g, x, 1, (int[]){0}, false);
  const glia_value sum = kind == PHASES_COUPLED ? glia_batch_sum(g, rows) : rows;

  return glia_mul(g, sum, glia_constant(g, 1.0 / PHASES_ROWS));
}

static void build(struct glia_graph *g, phases_kind kind, int rows)
{
  const glia_value x = glia_input(g, "x", GLIA_PER_MICRO_BATCH,
                                  glia_type_make(GLIA_F64, 2, (int64_t[]){rows, PHASES_IN}));
  const glia_value t =
      glia_input(g, "t", GLIA_PER_MICRO_BATCH, glia_type_make(GLIA_F64, 1, (int64_t[]){rows}));
  const glia_value p[2] = {
      glia_state(g, "w", glia_type_make(GLIA_F64, 2, (int64_t[]){PHASES_IN, PHASES_HIDDEN})),
      glia_state(g, "v", glia_type_make(GLIA_F64, 2, (int64_t[]){PHASES_HIDDEN, 1}))};
  const glia_value bad = glia_failed(g);
  const glia_value h = glia_matmul(g, x, p[0], false, false);
  const glia_value centred = glia_sub(g, h, mean_over_batch(g, kind, h));
  const glia_value variance = mean_over_batch(g, kind, glia_mul(g, centred, centred));
  const glia_value z = glia_tanh(
      g, glia_div(g, centred, glia_sqrt(g, glia_add(g, variance, glia_constant(g, 1e-5)))));
  const glia_value y = glia_reshape(g, glia_matmul(g, z, p[1], false, false), 1, (int64_t[]){rows});
  const glia_value e = glia_sub(g, y, t);
  const glia_value loss = glia_reduce_sum(g, glia_mul(g, e, e), -1, NULL, false);
  struct glia_entry *entry = glia_graph_entry(g, "train");
  glia_value d[2];

  glia_grad(g, loss, 2, p, d);
  glia_entry_output(g, entry, "loss", glia_batch_sum(g, loss));
  glia_entry_output(g, entry, "y", y);
  const glia_value ok = glia_compare(g, GLIA_EQ, bad, glia_constant(g, 0.0));
  for (int i = 0; i < 2; i++) {
    const glia_value step = glia_mul(g, glia_batch_sum(g, d[i]), glia_constant(g, -0.02));
    glia_entry_write(g, entry, p[i], glia_select(g, ok, glia_add(g, p[i], step), p[i]));
  }
}

static void begin_weights(struct glia_engine *e)
{
  double *w = glia_engine_state(e, 0), *v = glia_engine_state(e, 1);

  for (int i = 0; i < PHASES_IN * PHASES_HIDDEN; i++) w[i] = number(2, i);
  for (int i = 0; i < PHASES_HIDDEN; i++) v[i] = number(3, i);
}

glia_status phases_train(phases_kind kind, int micro_batches, int threads,
                         const struct glia_exchange *exchange, int steps, int fail,
                         struct phases_result *out)
{
  struct glia_graph *g = NULL;
  struct glia_program *p = NULL;
  struct glia_engine *e = NULL;
  struct glia_program_info info;
  struct rows rows = {PHASES_ROWS / micro_batches, -1, out};
  const struct glia_feed feed = {&rows, fill, take};
  glia_status st = GLIA_OK;

  *out = (struct phases_result){.loss = -1.0};
  GLIA_TRY(glia_graph_new(&g));
  build(g, kind, rows.per);
  GLIA_TRY_TO(done, st, glia_program_compile(g, NULL, &p));
  GLIA_TRY_TO(done, st, glia_program_verify(p));
  if (glia_program_info(p, "train", &info)) out->phases = info.phases;
  GLIA_TRY_TO(done, st, glia_engine_create(p, threads, exchange, micro_batches, &e));
  begin_weights(e);
  for (int s = 0; s < steps && st == GLIA_OK; s++) {
    if (s == steps - 1) rows.fail = fail;
    st = glia_engine_step(e, "train", micro_batches, &feed);
  }
  memcpy(out->w, glia_engine_state(e, 0), sizeof out->w);
  memcpy(out->v, glia_engine_state(e, 1), sizeof out->v);
  const double *loss = glia_engine_output(e, "train", "loss");
  if (loss != NULL) out->loss = *loss;
done:
  glia_engine_destroy(&e);
  glia_program_destroy(&p);
  glia_graph_destroy(&g);
  return st;
}
