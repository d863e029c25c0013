/* See workload.h. */
#include "workload.h"

#include "glia_kernels.h"
#include "glia_random.h"

#include <stdlib.h>
#include <string.h>

#define ADAM "optimizer: {adam: {lr: 1e-3}}\n"
#define BLOCK                                                                                      \
  "  - residual: [{conv: {channels: 32, kernel: 3, padding: same}}, batch_norm, relu,\n"           \
  "               {conv: {channels: 32, kernel: 3, padding: same}}, batch_norm]\n"                 \
  "  - relu\n"

static const struct workload_kind table[] = {
    {"mlp", "784-512-512-10, batch 128, Adam",
     "model: [linear: 512, relu, linear: 512, relu, linear: 10]\nloss: cross_entropy\n" ADAM, 128,
     .x = {.dtype = GLIA_F32, .rank = 1, .dim = {784}}, .y = {.dtype = GLIA_U8}, .classes = 10},
    {"autoencoder", "166-1660-166, batch 32, Adam",
     "model: [{linear: 1660, name: wide}, {relu: null, name: hidden}, linear: 166]\n"
     "loss:\n  - {name: mae, target: x}\n  - {name: l1, of: hidden, weight: 1e-5}\n" ADAM,
     32, .x = {.dtype = GLIA_F32, .rank = 1, .dim = {166}}, .y = {.dtype = GLIA_BOOL}},
    {"cnn", "conv 32, conv 64, 28 x 28, batch 64, Adam",
     "model:\n  - conv: {channels: 32, kernel: 3, padding: same}\n  - relu\n"
     "  - conv: {channels: 64, kernel: 3, padding: same}\n  - relu\n  - max_pool: 2\n"
     "  - flatten\n  - linear: 10\nloss: cross_entropy\n" ADAM,
     64, .x = {.dtype = GLIA_F32, .rank = 3, .dim = {1, 28, 28}}, .y = {.dtype = GLIA_U8},
     .classes = 10},
    {"resnet", "4 blocks of 32 channels, batch norm, 32 x 32, batch 32, Adam",
     "model:\n  - conv: {channels: 32, kernel: 3, padding: same}\n  - batch_norm\n  - relu\n" BLOCK
         BLOCK BLOCK BLOCK
     "  - global_avg_pool\n  - flatten\n  - linear: 10\nloss: cross_entropy\n" ADAM,
     32, .x = {.dtype = GLIA_F32, .rank = 3, .dim = {3, 32, 32}}, .y = {.dtype = GLIA_U8},
     .classes = 10},
    {"gpt", "4 layers, width 128, 64 tokens, batch 16, Adam",
     "model:\n  - {embedding: {count: 65, size: 128, std: 0.02}, name: e}\n  - positional\n"
     "  - transformer_block: {heads: 4, causal: true}\n"
     "  - transformer_block: {heads: 4, causal: true}\n"
     "  - transformer_block: {heads: 4, causal: true}\n"
     "  - transformer_block: {heads: 4, causal: true}\n"
     "  - layer_norm\n  - unembedding: e\nloss: cross_entropy\n" ADAM,
     16, .x = {.dtype = GLIA_U8, .rank = 1, .dim = {64}},
     .y = {.dtype = GLIA_U8, .rank = 1, .dim = {64}}, .classes = 65},
    {"pinn", "Burgers' residual, 8 x 20 tanh, 2000 points, float64, loss and gradient", NULL, 2000,
     125, .x = {.dtype = GLIA_F64, .rank = 1, .dim = {2}}, .y = {.dtype = GLIA_BOOL}},
    {0},
};

const struct workload_kind *workload_table(void) { return table; }

int64_t workload_micro_batch(const struct workload_kind *kind, int workers)
{
  return kind->micro_batch > 0 ? kind->micro_batch : kind->batch / workers;
}

size_t workload_bytes(const struct workload *w, const struct glia_type *row)
{
  return (size_t)w->kind->batch * glia_type_bytes(row);
}

static void make_up(void *to, const struct glia_type *row, int64_t rows, int64_t classes,
                    uint64_t stream)
{
  const int64_t n = rows * glia_type_count(row);

  for (int64_t i = 0; i < n; i++) {
    const double u = glia_random_uniform(7, stream, (uint64_t)i);
    if (row->dtype == GLIA_F32)
      ((float *)to)[i] = (float)u;
    else if (row->dtype == GLIA_F64)
      ((double *)to)[i] = i % 2 == 0 ? 2.0 * u - 1.0 : u; /* place, time */
    else
      ((uint8_t *)to)[i] = (uint8_t)((double)classes * u);
  }
}

static glia_status build_model(struct workload *w)
{
  const struct workload_kind *k = w->kind;
  const struct glia_model_field field[2] = {{"x", k->x, 1.0, 0.0, 0}, {"y", k->y, 1.0, 0.0, 0}};

  GLIA_TRY(glia_yaml_parse_text(k->name, k->yaml, strlen(k->yaml), &w->doc));
  GLIA_TRY(glia_model_build(glia_yaml_root(w->doc), k->y.dtype == GLIA_BOOL ? 1 : 2, field,
                            w->micro_batch, &w->model));
  w->graph = glia_model_graph(w->model);
  return GLIA_OK;
}

void workload_reset(struct workload *w)
{
  const struct glia_state *state;
  const int n = glia_graph_states(w->graph, &state);

  for (int i = 0; i < n; i++) {
    void *to = glia_engine_state(w->engine, i);
    if (w->model != NULL)
      glia_model_initialize(w->model, 1, i, to);
    else
      workload_pinn_initialize(state, i, to);
  }
  w->step = 0;
}

glia_status workload_open(struct workload *w, const struct workload_kind *kind, int64_t micro_batch,
                          int threads)
{
  *w = (struct workload){.kind = kind, .micro_batch = micro_batch};
  w->x = malloc(workload_bytes(w, &kind->x));
  w->y = malloc(workload_bytes(w, &kind->y));
  GLIA_CHECK(w->x != NULL && w->y != NULL, GLIA_E_MEMORY, "%lld rows", (long long)kind->batch);
  make_up(w->x, &kind->x, kind->batch, kind->classes, 0);
  if (kind->y.dtype != GLIA_BOOL) make_up(w->y, &kind->y, kind->batch, kind->classes, 1);
  if (kind->yaml != NULL)
    GLIA_TRY(build_model(w));
  else {
    GLIA_TRY(workload_pinn_build(&w->own_graph, micro_batch, kind->batch));
    w->graph = w->own_graph;
  }
  GLIA_TRY(glia_program_compile_buckets(
      w->graph, glia_kernels_default(),
      kind->bucket_bytes > 0 ? kind->bucket_bytes : GLIA_BUCKET_BYTES, &w->program));
  GLIA_TRY(glia_engine_create(w->program, threads, NULL, kind->batch / micro_batch, &w->engine));
  workload_reset(w);
  return GLIA_OK;
}

void workload_close(struct workload *w)
{
  glia_engine_destroy(&w->engine);
  glia_program_destroy(&w->program);
  glia_model_destroy(&w->model);
  glia_graph_destroy(&w->own_graph);
  glia_yaml_destroy(&w->doc);
  free(w->x);
  free(w->y);
}

static void copy_rows(const struct workload *w, void *to, const void *from,
                      const struct glia_type *row, int64_t index)
{
  const size_t bytes = glia_type_bytes(row) * (size_t)w->micro_batch;

  memcpy(to, (const char *)from + (size_t)index * bytes, bytes);
}

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  const struct workload *w = self;
  const struct glia_input *in;
  const int n = glia_graph_inputs(w->graph, &in);

  (void)worker;
  for (int i = 0; i < n; i++) {
    if (data[i] == NULL) continue;
    if (strcmp(in[i].name, "x") == 0)
      copy_rows(w, data[i], w->x, &w->kind->x, index);
    else if (strcmp(in[i].name, "y") == 0)
      copy_rows(w, data[i], w->y, &w->kind->y, index);
    else if (strcmp(in[i].name, "weight") == 0)
      for (int64_t b = 0; b < w->micro_batch; b++) ((float *)data[i])[b] = 1.0F;
    else if (strcmp(in[i].name, "position") == 0)
      for (int64_t b = 0; b < w->micro_batch; b++)
        ((int64_t *)data[i])[b] = index * w->micro_batch + b;
    else
      memset(data[i], 0, glia_type_bytes(&in[i].type));
  }
  return GLIA_OK;
}

glia_status workload_run(struct workload *w, int n, double *loss)
{
  const struct glia_feed feed = {.self = w, .fill = fill};
  const double rate = 1e-3;
  const int64_t seed = 1;

  for (int i = 0; i < n; i++) {
    w->step++;
    if (w->model != NULL) {
      GLIA_TRY(glia_engine_set(w->engine, "rate", &rate));
      GLIA_TRY(glia_engine_set(w->engine, "step", &w->step));
      GLIA_TRY(glia_engine_set(w->engine, "seed", &seed));
    }
    GLIA_TRY(glia_engine_step(w->engine, "train", w->kind->batch / w->micro_batch, &feed));
  }
  if (loss == NULL) return GLIA_OK;
  const double *at = glia_engine_output(w->engine, "train", "loss");
  GLIA_CHECK(at != NULL, GLIA_E_INTERNAL, "%s has no loss", w->kind->name);
  *loss = *at;
  return GLIA_OK;
}

glia_status workload_predict(struct workload *w, int n)
{
  const struct glia_feed feed = {.self = w, .fill = fill};

  for (int i = 0; i < n; i++) GLIA_TRY(glia_engine_step(w->engine, "predict", 1, &feed));
  return GLIA_OK;
}
