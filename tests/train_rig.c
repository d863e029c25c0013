/* See train_rig.h. */
#include "train_rig.h"

#include "glia_kernels.h"
#include "tap.h"

#include <string.h>

static struct {
  float x[TRAIN_RIG_ROWS][TRAIN_RIG_INPUTS];
  int32_t y[TRAIN_RIG_ROWS];
} data;

static void make_data(void)
{
  uint64_t key = 9;

  for (int i = 0; i < TRAIN_RIG_ROWS; i++) {
    for (int k = 0; k < TRAIN_RIG_INPUTS; k++) {
      key = key * 6364136223846793005u + 1442695040888963407u;
      data.x[i][k] = (float)((double)(int64_t)key * 0x1p-63);
    }
    data.y[i] = data.x[i][0] > data.x[i][1] * data.x[i][2];
  }
}

static void make_source(struct train_rig *r, const char *name)
{
  const struct glia_field field[2] = {
      {"x", glia_type_make(GLIA_F32, 1, (int64_t[]){TRAIN_RIG_INPUTS}), 1.0, 0.0},
      {"y", glia_type_make(GLIA_I32, 0, NULL), 1.0, 0.0}};
  const void *const array[2] = {data.x, data.y};

  make_data();
  CU_ASSERT_EQUAL_FATAL(glia_source_from_memory(name, TRAIN_RIG_ROWS, 2, field, array, &r->source),
                        GLIA_OK);
}

void train_rig_start(struct train_rig *r, const char *yaml, const char *name, int threads,
                     const struct glia_exchange *exchange)
{
  const struct glia_state *state;
  struct glia_model_field field[2];

  *r = (struct train_rig){0};
  make_source(r, name);
  for (int i = 0; i < 2; i++)
    field[i] =
        (struct glia_model_field){r->source->field[i].name, r->source->field[i].row, 1.0, 0.0, 0};
  CU_ASSERT_EQUAL_FATAL(glia_yaml_parse_text("run.yaml", yaml, strlen(yaml), &r->doc), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_train_config_read(glia_yaml_root(r->doc), &r->config), GLIA_OK);
  r->config.threads = threads;
  const glia_status built =
      glia_model_build(glia_yaml_root(r->doc), 2, field, r->config.micro_batch, &r->model);
  if (built != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(built, GLIA_OK);
  const struct glia_graph *g = glia_model_graph(r->model);
  CU_ASSERT_EQUAL_FATAL(
      glia_model_compile(r->model, glia_kernels_default(), GLIA_BUCKET_BYTES, &r->program),
      GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_engine_create(r->program, threads, exchange, 16, &r->engine), GLIA_OK);
  const int n = glia_graph_states(g, &state);
  for (int i = 0; i < n; i++)
    glia_model_initialize(r->model, r->config.seed, i, glia_engine_state(r->engine, i));
}

void train_rig_end(struct train_rig *r)
{
  glia_engine_destroy(&r->engine);
  glia_program_destroy(&r->program);
  glia_model_destroy(&r->model);
  glia_yaml_destroy(&r->doc);
  glia_source_close(&r->source);
}

glia_status train_rig_train(struct train_rig *r, struct glia_source *source,
                            const struct glia_observer *observer,
                            const struct glia_meeting *meeting, int64_t first, int64_t last)
{
  struct glia_train_result result;
  const struct glia_train_job job = {.config = &r->config,
                                     .model = r->model,
                                     .engine = r->engine,
                                     .source = source != NULL ? source : r->source,
                                     .observer = observer,
                                     .meeting = meeting,
                                     .first_step = first};

  r->config.max_steps = last;
  const glia_status st = glia_train(&job, &result);
  if (st == GLIA_OK) CU_ASSERT_EQUAL(result.steps, last);
  return st;
}

bool train_rig_same(struct train_rig *a, struct train_rig *b)
{
  const struct glia_state *state;
  const int n = glia_graph_states(glia_model_graph(a->model), &state);
  bool same = n > 0;

  for (int i = 0; i < n; i++)
    same = same && memcmp(glia_engine_state(a->engine, i), glia_engine_state(b->engine, i),
                          glia_type_bytes(&state[i].type)) == 0;
  return same;
}
