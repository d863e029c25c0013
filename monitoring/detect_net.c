/* The detector's networks are ordinary runs: a YAML text, a model, an engine, the training loop. */
#include "detect_priv.h"
#include "glia_agree.h"
#include "glia_exchange_mpi.h"
#include "glia_kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, MICRO_BATCH = 16, BUCKETS = 64 };

static const char head[] = "seed: %llu\n"
                           "data: {file: memory, batch: %d, micro_batch: %d}\n"
                           "epochs: %lld\n";

/* Hidden units: a half, a quarter, a half of the metrics. */
static const char bottleneck[] = "model:\n"
                                 "  - linear: %d\n"
                                 "  - tanh\n"
                                 "  - linear: %d\n"
                                 "  - tanh\n"
                                 "  - linear: %d\n"
                                 "  - tanh\n"
                                 "  - linear: %d\n"
                                 "loss: {name: mse, target: x}\n"
                                 "optimizer: {adam: {lr: 2e-3}}\n"
                                 "lr_schedule: {cosine: {warmup: 20}}\n"
                                 "clip_norm: 1.0\n";

/* As published, Keras' epsilon included. */
static const char sparse[] = "model:\n"
                             "  - linear: {units: %d, init: glorot}\n"
                             "  - {relu: null, name: hidden}\n"
                             "  - linear: {units: %d, init: glorot}\n"
                             "loss:\n"
                             "  - {name: mae, target: x}\n"
                             "  - {name: l1, of: hidden, weight: 1e-5}\n"
                             "optimizer: {adam: {lr: 1e-3, eps: 1e-7}}\n";

char *glia_net_config_(const struct glia_detect_options *o, int n)
{
  enum { SIZE = 2048 };
  char *text = malloc(SIZE);

  if (text == NULL) return NULL;
  const int used = snprintf(text, SIZE, head, (unsigned long long)o->seed, BATCH, MICRO_BATCH,
                            (long long)o->epochs);
  char *rest = text + used;
  const size_t left = SIZE - (size_t)used;
  const int half = n / 2 > 2 ? n / 2 : 2;
  const int quarter = n / 4 > 1 ? n / 4 : 1;
  if (o->kind == GLIA_DETECT_SPARSE)
    snprintf(rest, left, sparse, 10 * n, n);
  else
    snprintf(rest, left, bottleneck, half, quarter, half, n);
  return text;
}

static glia_status build(struct glia_net *net, const char *config, int n, int64_t micro_batch)
{
  const struct glia_model_field x = {"x", glia_type_make(GLIA_F32, 1, (int64_t[]){n}), 1.0, 0.0, 0};

  GLIA_TRY(glia_yaml_parse_text("the model's configuration", config, strlen(config), &net->doc));
  GLIA_TRY(glia_train_config_read(glia_yaml_root(net->doc), &net->config));
  if (micro_batch > 0) net->config.batch = net->config.micro_batch = micro_batch;
  GLIA_TRY(glia_model_build(glia_yaml_root(net->doc), 1, &x, net->config.micro_batch, &net->model));
  GLIA_TRY(
      glia_program_compile(glia_model_graph(net->model), glia_kernels_default(), &net->program));
  return GLIA_OK;
}

/* With its memory, for the steps of training alone: a network predicts on one rank. */
static glia_status open_exchange(struct glia_net *net, struct glia_comm *comm)
{
  struct glia_exchange_need need[BUCKETS];
  struct glia_bucket bucket[BUCKETS];
  const int n = glia_program_buckets(net->program, "train", BUCKETS, bucket);

  GLIA_CHECK(n <= BUCKETS, GLIA_E_UNSUPPORTED, "%d buckets of sums, at most %d are supported", n,
             BUCKETS);
  for (int b = 0; b < n; b++)
    need[b] = (struct glia_exchange_need){bucket[b], net->config.batch / net->config.micro_batch};
  return glia_exchange_mpi_open(comm, 1, n, need, &net->exchange);
}

glia_status glia_net_open_(struct glia_net *net, struct glia_comm *comm, const char *config, int n,
                           int64_t micro_batch)
{
  *net = (struct glia_net){0};
  GLIA_TRY(glia_agree(comm, build(net, config, n, micro_batch)));
  if (glia_comm_size(comm) > 1) GLIA_TRY(open_exchange(net, comm));
  return glia_agree(comm,
                    glia_engine_create(net->program, 1, net->exchange,
                                       net->config.batch / net->config.micro_batch, &net->engine));
}

void glia_net_close_(struct glia_net *net)
{
  glia_engine_destroy(&net->engine);
  glia_exchange_mpi_destroy(&net->exchange);
  glia_program_destroy(&net->program);
  glia_model_destroy(&net->model);
  glia_yaml_destroy(&net->doc);
}

/* A source of one field, x [rows, n]. */
static glia_status open_source(const char *name, int64_t rows, int n, const float *x,
                               struct glia_source **out)
{
  const struct glia_field field = {"x", glia_type_make(GLIA_F32, 1, (int64_t[]){n}), 1.0, 0.0};
  const void *data = x;

  return glia_source_from_memory(name, rows, 1, &field, &data, out);
}

struct watch {
  const struct glia_detect_options *options;
  const char *name;
};

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  const struct watch *w = self;

  (void)action;
  if (w->options->progress != NULL)
    w->options->progress(w->options->self, w->name, (double)info->step / (double)info->total_steps);
  return GLIA_OK;
}

static bool stop_requested(void *self)
{
  const struct watch *w = self;

  return w->options->stop != NULL && w->options->stop(w->options->self);
}

static glia_status agree(void *self, glia_status st) { return glia_agree(self, st); }

static glia_status begin_warm(struct glia_net *net, const struct glia_columns *columns,
                              const struct glia_detector *old)
{
  const struct glia_state *state;
  const int n = glia_graph_states(glia_model_graph(net->model), &state);
  struct glia_array *now = calloc((size_t)n + 1, sizeof *now);
  int n_now = 0;

  GLIA_CHECK(now != NULL, GLIA_E_MEMORY, "%d arrays", n);
  for (int i = 0; i < n; i++)
    if (strncmp(state[i].path, "params/", 7) == 0)
      now[n_now++] =
          (struct glia_array){state[i].path, state[i].type, glia_engine_state(net->engine, i)};
  const glia_status st = glia_weights_carry_(n_now, now, columns, old);
  free(now);
  return st;
}

glia_status glia_net_train_(struct glia_net *net, struct glia_comm *comm,
                            const struct glia_detect_options *options, const char *name,
                            const struct glia_columns *columns, int64_t rows, const float *x,
                            double *train_loss)
{
  struct watch watch = {options, name};
  const struct glia_observer observer = {
      .self = &watch, .step = after_step, .stop_requested = stop_requested};
  const struct glia_meeting meeting = {.self = comm, .agree = agree};
  struct glia_train_job job = {.config = &net->config,
                               .model = net->model,
                               .engine = net->engine,
                               .observer = &observer,
                               .meeting = &meeting};
  struct glia_train_result result;
  const struct glia_state *state;
  const int n_states = glia_graph_states(glia_model_graph(net->model), &state);

  for (int i = 0; i < n_states; i++)
    glia_model_initialize(net->model, net->config.seed, i, glia_engine_state(net->engine, i));
  if (options->warm != NULL) GLIA_TRY(glia_agree(comm, begin_warm(net, columns, options->warm)));
  GLIA_TRY(glia_agree(comm, open_source(name, rows, columns->n, x, &job.source)));
  const glia_status st = glia_train(&job, &result);
  glia_source_close(&job.source);
  GLIA_TRY(st);
  GLIA_CHECK(result.reason != GLIA_REASON_SIGNAL, GLIA_E_BUSY,
             "stopped while the model of node %s was trained", name);
  GLIA_CHECK(result.reason != GLIA_REASON_DIVERGED, GLIA_E_DATA,
             "the model of node %s diverged after %lld steps", name, (long long)result.steps);
  *train_loss = result.train_loss;
  return GLIA_OK;
}

struct rows {
  float *y;
  size_t row_bytes;
};

static glia_status keep(void *self, int64_t first, int64_t n, const void *rows)
{
  const struct rows *r = self;

  memcpy((char *)r->y + (size_t)first * r->row_bytes, rows, (size_t)n * r->row_bytes);
  return GLIA_OK;
}

glia_status glia_net_predict_(struct glia_net *net, int64_t rows, int n, const float *x, float *y)
{
  struct rows to = {y, (size_t)n * sizeof *y};
  struct glia_source *source;

  if (rows == 0) return GLIA_OK;
  GLIA_TRY(open_source("samples", rows, n, x, &source));
  const glia_status st =
      glia_predict(net->model, net->engine, source, net->config.micro_batch, keep, &to);
  glia_source_close(&source);
  return st;
}
