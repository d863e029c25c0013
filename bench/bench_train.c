/* bench train: whole training steps of an MLP (784-512-512-10, batch 128, Adam) on one worker, beside its products alone,
 * as a fraction of one large single-threaded product. */
#include "bench.h"

#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_random.h"
#include "glia_train.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2048, IN = 784, BATCH = 128, ROUNDS = 15, STEPS = 10 };

static const char config_text[] = "seed: 1\n"
                                  "data: {file: none, batch: 128, micro_batch: 128}\n"
                                  "model: [linear: 512, relu, linear: 512, relu, linear: 10]\n"
                                  "loss: cross_entropy\n"
                                  "optimizer: {adam: {lr: 1e-3}}\n"
                                  "max_steps: 10\n";

struct workload {
  struct glia_yaml_doc *doc;
  struct glia_train_config config;
  struct glia_source *source;
  struct glia_model *model;
  struct glia_program *program;
  struct glia_engine *engine;
  float *x;
  uint8_t *y;
};

static void close_workload(struct workload *w)
{
  glia_engine_destroy(&w->engine);
  glia_program_destroy(&w->program);
  glia_model_destroy(&w->model);
  glia_source_close(&w->source);
  glia_yaml_destroy(&w->doc);
  free(w->x);
  free(w->y);
}

static glia_status open_workload(struct workload *w)
{
  const struct glia_field field[2] = {{"x", glia_type_make(GLIA_F32, 1, (int64_t[]){IN}), 1.0, 0.0},
                                      {"y", glia_type_make(GLIA_U8, 0, NULL), 1.0, 0.0}};
  const struct glia_model_field seen[2] = {{"x", field[0].row, 1.0, 0.0},
                                           {"y", field[1].row, 1.0, 0.0}};
  const struct glia_state *state;

  w->x = malloc(sizeof *w->x * ROWS * IN);
  w->y = malloc(ROWS);
  GLIA_CHECK(w->x != NULL && w->y != NULL, GLIA_E_MEMORY, "%d rows", ROWS);
  for (size_t i = 0; i < (size_t)ROWS * IN; i++) w->x[i] = (float)glia_random_uniform(7, 0, i);
  for (size_t i = 0; i < ROWS; i++) w->y[i] = (uint8_t)(glia_random_bits(7, 1, i) % 10);
  GLIA_TRY(glia_yaml_parse_text("bench", config_text, strlen(config_text), &w->doc));
  GLIA_TRY(glia_train_config_read(glia_yaml_root(w->doc), &w->config));
  GLIA_TRY(glia_source_from_memory("bench", ROWS, 2, field, (const void *const[]){w->x, w->y},
                                   &w->source));
  GLIA_TRY(glia_model_build(glia_yaml_root(w->doc), 2, seen, BATCH, 10, &w->model));
  GLIA_TRY(glia_program_compile(glia_model_graph(w->model), glia_kernels_default(), &w->program));
  GLIA_TRY(glia_engine_create(w->program, 1, NULL, 1, &w->engine));
  const int n = glia_graph_states(glia_model_graph(w->model), &state);
  for (int i = 0; i < n; i++)
    glia_model_initialize(w->model, 1, i, glia_engine_state(w->engine, i));
  return GLIA_OK;
}

/* The products of one step and nothing else: forward, weight gradients, input gradients but for the first layer's. */
static double products_alone(const float *x, float *space)
{
  static const int width[] = {IN, 512, 512, 10};
  const double t0 = glia_time_s();

  for (int l = 0; l < 3; l++) {
    const int in = width[l], out = width[l + 1];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, BATCH, out, in, 1.0F, x, in, x, in, 0.0F,
                space, out);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out, in, BATCH, 1.0F, x, out, x, in, 0.0F,
                space, in);
    if (l > 0)
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, BATCH, in, out, 1.0F, x, out, x, in,
                  0.0F, space, in);
  }
  return glia_time_s() - t0;
}

static double flops_of_step(void)
{
  return 2.0 * BATCH * (2.0 * IN * 512 + 3.0 * 512 * 512 + 3.0 * 512 * 10);
}

static glia_status measure(struct workload *w, struct bench_report *r)
{
  double step_s[ROUNDS], alone_s[ROUNDS], large[ROUNDS];
  struct glia_train_job job = {
      .config = &w->config, .model = w->model, .engine = w->engine, .source = w->source};
  struct glia_train_result result;
  float *space = malloc(sizeof *space * IN * 512);

  GLIA_CHECK(space != NULL, GLIA_E_MEMORY, "work space");
  glia_status st = glia_train(&job, &result); /* warm */
  for (int i = 0; i < ROUNDS && st == GLIA_OK; i++) {
    st = glia_train(&job, &result);
    step_s[i] = result.wall_s / STEPS;
    alone_s[i] = 0.0;
    for (int k = 0; k < STEPS; k++) alone_s[i] += products_alone(w->x, space) / STEPS;
    large[i] = bench_large_product();
  }
  free(space);
  GLIA_TRY(st);
  const double s = bench_median(step_s, ROUNDS), limit = bench_median(large, ROUNDS);
  bench_add(r, "samples/s", BATCH / s, "its products alone", BATCH / bench_median(alone_s, ROUNDS),
            flops_of_step() / s / limit, "mlp 784-512-512-10 Adam batch 128");
  bench_add(r, "GFLOP/s", flops_of_step() / s / 1e9, "one large product", limit / 1e9,
            flops_of_step() / s / limit, "mlp rate of a step");
  return GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct workload w = {0};

  (void)seconds;
  r->progress(r->self, "mlp");
  glia_status st = open_workload(&w);
  if (st == GLIA_OK) st = measure(&w, r);
  close_workload(&w);
  return st;
}

const struct bench bench_train_ = {
    "train", "training steps of an MLP on one worker, against one large product", run};
