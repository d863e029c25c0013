/* The YAML of a run, as far as the loop reads it. */
#include "glia_schedule.h"
#include "glia_train.h"

#include <string.h>

static const char *const top_keys[] = {
    "seed",   "data",     "model",      "loss",    "optimizer", "lr_schedule", "clip_norm",
    "epochs", "parallel", "checkpoint", "init",    "max_steps", "dtype",       "sweep",
    "ema",    "metrics",  "stop",       "observe", "local",     NULL};
static const char *const data_keys[] = {"file",   "batch", "micro_batch", "shuffle", "window",
                                        "memory", "last",  "augment",     NULL};
static const char *const parallel_keys[] = {"stages",  "cuts",     "schedule", "chunks",
                                            "threads", "progress", "bucket",   "wire",
                                            "binding", "memory",   NULL};
static const char *const checkpoint_keys[] = {"dir", "every", "keep", "local", NULL};

/* true, false, rows, or chunks with their window. */
static glia_status read_shuffle(const struct glia_yaml *data, struct glia_train_config *c)
{
  const struct glia_yaml *shuffle = glia_yaml_get(data, "shuffle");
  const struct glia_yaml *window = glia_yaml_get(data, "window");
  const char *how = shuffle != NULL && shuffle->text != NULL ? shuffle->text : "";

  c->by_rows = strcmp(how, "rows") == 0;
  if (strcmp(how, "chunks") != 0) {
    if (window != NULL && window->kind != GLIA_YAML_NULL)
      return glia_yaml_error(window, "a window goes with shuffle: chunks");
    if (c->by_rows) return c->shuffle = true, GLIA_OK;
    return glia_yaml_get_bool(data, "shuffle", &c->shuffle);
  }
  c->shuffle = true;
  c->window = GLIA_TRAIN_WINDOW;
  return glia_yaml_get_int(data, "window", 1, 1 << 20, &c->window);
}

static glia_status read_data(const struct glia_yaml *root, struct glia_train_config *c)
{
  static const char *const last[] = {"pad", NULL};
  const struct glia_yaml *data = glia_yaml_get(root, "data");
  int how = 0;

  if (data == NULL)
    return glia_yaml_error(root, "no data: is given; expected data: {file: F.h5, batch: N}");
  GLIA_TRY(glia_yaml_check_keys(data, data_keys));
  GLIA_TRY(glia_yaml_get_text(data, "file", &c->data_file));
  if (c->data_file == NULL)
    return glia_yaml_error(data, "no file: is given; expected data: {file: F.h5, ...}");
  GLIA_TRY(glia_yaml_get_int(data, "batch", 1, INT32_MAX, &c->batch));
  c->micro_batch = c->batch;
  GLIA_TRY(glia_yaml_get_int(data, "micro_batch", 1, INT32_MAX, &c->micro_batch));
  GLIA_TRY(glia_yaml_get_size(data, "memory", &c->memory_bytes));
  if (c->memory_bytes < 0) return glia_yaml_error(data, "memory: a size such as 512MiB");
  GLIA_TRY(read_shuffle(data, c));
  GLIA_TRY(glia_yaml_get_choice(data, "last", last, &how));
  if (c->batch % c->micro_batch != 0) {
    const long long below = (long long)(c->batch / c->micro_batch * c->micro_batch);
    const long long above = below + (long long)c->micro_batch;
    if (below == 0)
      return glia_yaml_error(data,
                             "batch %lld is no multiple of micro_batch %lld; the nearest is %lld",
                             (long long)c->batch, (long long)c->micro_batch, above);
    return glia_yaml_error(
        data, "batch %lld is no multiple of micro_batch %lld; the nearest are %lld and %lld",
        (long long)c->batch, (long long)c->micro_batch, below, above);
  }
  return GLIA_OK;
}

/* What else ends a run, and what is looked at while it goes on. */
static glia_status read_observers(const struct glia_yaml *root, struct glia_train_config *c)
{
  static const char *const stops[] = {"end", "theory", NULL};
  static const char *const keys[] = {"hessian", NULL};
  static const char *const hessian_keys[] = {"top", "rows", "split", NULL};
  static const char *const splits[] = {"train", "valid", "test", NULL};
  const struct glia_yaml *observe = glia_yaml_get(root, "observe");
  const struct glia_yaml *hessian = observe != NULL ? glia_yaml_get(observe, "hessian") : NULL;
  int stop = 0, split = 0;

  GLIA_TRY(glia_yaml_get_choice(root, "stop", stops, &stop));
  c->stop_by_theory = stop == 1;
  GLIA_TRY(glia_yaml_check_keys(observe, keys));
  if (hessian == NULL || hessian->kind == GLIA_YAML_NULL) return GLIA_OK;
  GLIA_TRY(glia_yaml_check_keys(hessian, hessian_keys));
  c->hessian_top = 5;
  c->hessian_rows = 1024;
  GLIA_TRY(glia_yaml_get_int(hessian, "top", 1, 16, &c->hessian_top));
  GLIA_TRY(glia_yaml_get_int(hessian, "rows", 1, INT64_MAX, &c->hessian_rows));
  GLIA_TRY(glia_yaml_get_choice(hessian, "split", splits, &split));
  c->hessian_split = splits[split];
  return GLIA_OK;
}

/* A file, or a file and how its names differ. */
static glia_status read_init(const struct glia_yaml *root, struct glia_train_config *c)
{
  static const char *const keys[] = {"file", "names", NULL};
  const struct glia_yaml *init = glia_yaml_get(root, "init");

  if (init == NULL || init->kind != GLIA_YAML_MAP)
    return glia_yaml_get_text(root, "init", &c->init);
  GLIA_TRY(glia_yaml_check_keys(init, keys));
  GLIA_TRY(glia_yaml_get_text(init, "file", &c->init));
  c->init_names = glia_yaml_get(init, "names");
  return c->init != NULL
             ? GLIA_OK
             : glia_yaml_error(init, "no file: is given; expected init: {file: F, names: {...}}");
}

/* Stages of each rank: two or more where the schedule takes several. */
static glia_status read_chunks(const struct glia_yaml *parallel, struct glia_train_config *c)
{
  const bool several = glia_schedule_interleaves(c->schedule);
  const struct glia_yaml *given = glia_yaml_get(parallel, "chunks");
  int64_t chunks = several ? 2 : 1;

  if (!several && given != NULL && given->kind != GLIA_YAML_NULL)
    return glia_yaml_error(given, "chunks go with schedule: interleaved");
  GLIA_TRY(glia_yaml_get_int(parallel, "chunks", 1, 16, &chunks));
  c->chunks = (int)chunks;
  return GLIA_OK;
}

/* A key with a value: null says the same as no key. */
static const struct glia_yaml *given(const struct glia_yaml *map, const char *key)
{
  const struct glia_yaml *node = glia_yaml_get(map, key);

  return node != NULL && node->kind != GLIA_YAML_NULL ? node : NULL;
}

glia_status glia_train_config_read(const struct glia_yaml *root, struct glia_train_config *c)
{
  int64_t seed = 1, threads = 1, stages = 1;
  static const char *const progress[] = {"blocking", "polling", "thread", "auto", NULL};
  static const char *const wire[] = {"f32", "bf16", "int8", NULL};
  static const char *const binding[] = {"auto", "core", "none", NULL};
  *c = (struct glia_train_config){.batch = 32,
                                  .shuffle = true,
                                  .epochs = -1,
                                  .max_steps = -1,
                                  .checkpoint_keep = 2,
                                  .progress = GLIA_TRAIN_PROGRESS_AUTO,
                                  .bucket_bytes = GLIA_BUCKET_BYTES};
  if (root->kind != GLIA_YAML_MAP)
    return glia_yaml_error(root, "expected a map of keys such as data, model, loss");
  GLIA_TRY(glia_yaml_check_keys(root, top_keys));
  const struct glia_yaml *sweep = glia_yaml_get(root, "sweep");
  if (sweep != NULL && sweep->kind != GLIA_YAML_NULL)
    return glia_yaml_error(sweep, "a sweep is many runs: 'glia study run' takes this file");
  GLIA_TRY(glia_yaml_get_int(root, "seed", 0, INT64_MAX, &seed));
  c->seed = (uint64_t)seed;
  GLIA_TRY(read_data(root, c));
  GLIA_TRY(glia_yaml_get_int(root, "epochs", 0, INT32_MAX, &c->epochs));
  GLIA_TRY(glia_yaml_get_int(root, "max_steps", 0, INT64_MAX / 2, &c->max_steps));
  GLIA_TRY(read_init(root, c));
  GLIA_TRY(read_observers(root, c));

  const struct glia_yaml *parallel = glia_yaml_get(root, "parallel");
  GLIA_TRY(glia_yaml_check_keys(parallel, parallel_keys));
  GLIA_TRY(glia_yaml_get_int(parallel, "threads", 1, 1024, &threads));
  GLIA_TRY(glia_yaml_get_int(parallel, "stages", 1, GLIA_STAGE_MAX_RANKS, &stages));
  GLIA_TRY(glia_yaml_get_choice(parallel, "schedule", glia_schedule_names(), &c->schedule));
  GLIA_TRY(read_chunks(parallel, c));
  GLIA_TRY(glia_yaml_get_choice(parallel, "progress", progress, &c->progress));
  GLIA_TRY(glia_yaml_get_size(parallel, "bucket", &c->bucket_bytes));
  c->bucket_set = given(parallel, "bucket") != NULL;
  GLIA_TRY(glia_yaml_get_size(parallel, "memory", &c->values_bytes));
  if (c->values_bytes <= 0 && given(parallel, "memory") != NULL)
    return glia_yaml_error(given(parallel, "memory"),
                           "memory: nothing fits into 0 bytes: a size such as 64MiB, for the "
                           "values of a micro-batch, or no such line, to keep all");
  GLIA_TRY(glia_yaml_get_choice(parallel, "wire", wire, &c->wire));
  GLIA_TRY(glia_yaml_get_choice(parallel, "binding", binding, &c->binding));
  c->threads = (int)threads;
  c->stages = (int)stages;

  const struct glia_yaml *checkpoint = glia_yaml_get(root, "checkpoint");
  GLIA_TRY(glia_yaml_check_keys(checkpoint, checkpoint_keys));
  GLIA_TRY(glia_yaml_get_text(checkpoint, "dir", &c->checkpoint_dir));
  GLIA_TRY(glia_yaml_get_text(checkpoint, "local", &c->checkpoint_local));
  GLIA_TRY(glia_yaml_get_int(checkpoint, "every", 0, INT64_MAX, &c->checkpoint_every));
  GLIA_TRY(glia_yaml_get_int(checkpoint, "keep", 1, 1000000, &c->checkpoint_keep));
  if (checkpoint != NULL && c->checkpoint_dir == NULL && checkpoint->kind == GLIA_YAML_MAP)
    return glia_yaml_error(
        checkpoint, "no dir: is given; expected checkpoint: {dir: run, every: 200, keep: 2}");
  return GLIA_OK;
}

int64_t glia_train_steps(const struct glia_train_config *c, int64_t n)
{
  const struct glia_order order = {.n = n, .batch = c->batch};
  const int64_t epoch = glia_order_steps(&order);

  if (c->epochs < 0) return c->max_steps < 0 ? epoch : c->max_steps;
  return c->max_steps >= 0 && c->max_steps < c->epochs * epoch ? c->max_steps : c->epochs * epoch;
}
