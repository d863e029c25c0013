/* A run put together: see session.h. What may fail on one rank alone is agreed on before the next step. */
#include "session.h"
#include "identity.h"
#include "placement.h"
#include "stages.h"

#include "glia_agree.h"
#include "glia_augment.h"
#include "glia_cpus.h"
#include "glia_dataset.h"
#include "glia_exchange_mpi.h"
#include "glia_kernels.h"
#include "glia_link.h"
#include "glia_log.h"
#include "glia_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static glia_status agree(void *self, glia_status st) { return glia_agree(self, st); }

static glia_status sum(void *self, int64_t n, double *x)
{
  enum { AT_ONCE = 1 << 24 };

  for (int64_t i = 0; i < n; i += AT_ONCE)
    GLIA_TRY(
        glia_comm_reduce_f64(self, GLIA_COMM_SUM, x + i, (int)(n - i < AT_ONCE ? n - i : AT_ONCE)));
  return GLIA_OK;
}

struct glia_meeting session_meeting(struct glia_comm *comm)
{
  return (struct glia_meeting){comm, agree, sum};
}

static glia_status read_config(struct session *s, int n_overrides, const char *const *override)
{
  for (int i = 0; i < n_overrides; i++) GLIA_TRY(glia_yaml_override(s->doc, override[i]));
  GLIA_TRY(glia_train_config_read(glia_yaml_root(s->doc), &s->config));
  return glia_yaml_print(glia_yaml_root(s->doc), &s->config_text);
}

static glia_status finish_config(struct session *s, glia_status st, int n_overrides,
                                 const char *const *override)
{
  if (st == GLIA_OK) st = read_config(s, n_overrides, override);
  GLIA_TRY(glia_agree(s->comm, st));
  return glia_agree_setup(s->comm, "the configuration", s->config_text, false);
}

glia_status session_configure(struct session *s, const char *path, int n_overrides,
                              const char *const *override)
{
  return finish_config(s, glia_yaml_parse_file(path, &s->doc), n_overrides, override);
}

glia_status session_configure_text(struct session *s, const char *name, const char *text,
                                   int n_overrides, const char *const *override)
{
  return finish_config(s, glia_yaml_parse_text(name, text, strlen(text), &s->doc), n_overrides,
                       override);
}

static int64_t label(const void *data, glia_dtype dtype, int64_t i)
{
  switch (dtype) {
#define X(NAME, name, ctype, bytes, is_float)                                                      \
  case GLIA_##NAME:                                                                                \
    return (int64_t)((const ctype *)data)[i];
    GLIA_DTYPE_LIST(X)
#undef X
  default:
    return 0;
  }
}

/* Whether a mask counts its place i. */
static bool counts(const void *data, const struct glia_field *f, int64_t i)
{
  switch (f->row.dtype) {
#define X(NAME, name, ctype, bytes, is_float)                                                      \
  case GLIA_##NAME:                                                                                \
    return (double)((const ctype *)data)[i] * f->scale + f->offset != 0.0;
    GLIA_DTYPE_LIST(X)
#undef X
  default:
    return true;
  }
}

enum { AT_ONCE = 4096 };

/* Fields that may be targets; a pass over a file that does not fit into memory is made for y alone. */
static bool is_label(const struct glia_source *src, const struct glia_field *f)
{
  const bool y = strcmp(f->name, "y") == 0;

  return strcmp(f->name, "x") != 0 && !glia_dtype_is_float(f->row.dtype) &&
         glia_type_count(&f->row) <= AT_ONCE && (!src->slow || (y && f->row.rank == 0));
}

/* Largest number + 1 of a field of whole numbers, -1 where some are below 0; 0 when it is none. */
static glia_status count_labels(const struct glia_source *src, int field, int64_t *out)
{
  const struct glia_field *f = &src->field[field];
  const int64_t each = glia_type_count(&f->row);
  int64_t row[AT_ONCE], values[AT_ONCE];

  *out = 0;
  if (!is_label(src, f) || each == 0) return GLIA_OK;
  for (int64_t first = 0; first < src->n && *out >= 0; first += AT_ONCE / each) {
    const int64_t n = src->n - first < AT_ONCE / each ? src->n - first : AT_ONCE / each;
    for (int64_t i = 0; i < n; i++) row[i] = first + i;
    GLIA_TRY(src->read(src->self, field, n, row, values));
    for (int64_t i = 0; i < n * each && *out >= 0; i++) {
      const int64_t v = label(values, f->row.dtype, i);
      GLIA_CHECK(v >= 0 || f->row.rank > 0 || strcmp(f->name, "y") != 0, GLIA_E_DATA,
                 "%s/y: row %lld holds the label %lld; labels count from 0", src->name,
                 (long long)(first + i / each), (long long)v);
      *out = v < 0 ? -1 : v + 1 > *out ? v + 1 : *out;
    }
  }
  return GLIA_OK;
}

struct labels {
  int64_t wrong, first, value,
      below; /* labels that are none: how many, where, which, how many below 0 */
};

/* Labels that a mask counts; in blocks of rows, as single ones of a file are slow to read. */
static glia_status look_at_labels(const struct glia_source *src, const struct glia_model_labels *l,
                                  struct labels *out)
{
  const int target = glia_source_field(src, l->target), mask = glia_source_field(src, l->mask);
  const struct glia_field *t = &src->field[target], *k = &src->field[mask];
  const int64_t n = glia_type_count(&t->row), of_mask = glia_type_count(&k->row);
  const int64_t block = n > 0 && n < AT_ONCE ? AT_ONCE / n : 1;
  int64_t row[AT_ONCE];
  glia_status st = GLIA_OK;

  *out = (struct labels){.first = -1};
  void *labels = malloc((size_t)block * glia_type_bytes(&t->row) + 1);
  void *masks = malloc((size_t)block * glia_type_bytes(&k->row) + 1);
  GLIA_CHECK_TO(done, st, labels != NULL && masks != NULL, GLIA_E_MEMORY, "a block of labels");
  for (int64_t first = 0; first < src->n; first += block) {
    const int64_t rows = src->n - first < block ? src->n - first : block;
    for (int64_t r = 0; r < rows; r++) row[r] = first + r;
    GLIA_TRY_TO(done, st, src->read(src->self, target, rows, row, labels));
    GLIA_TRY_TO(done, st, src->read(src->self, mask, rows, row, masks));
    for (int64_t i = 0; i < rows * n; i++) {
      const int64_t v = label(labels, t->row.dtype, i);
      if ((v >= 0 && v < l->classes) || !counts(masks, k, i * of_mask / n)) continue;
      if (out->wrong++ == 0) out->first = first * n + i, out->value = v;
      out->below += v < 0;
    }
  }
done:
  free(labels);
  free(masks);
  return st;
}

/* The labels that a loss looks at through a mask; of a file that does not fit into memory those that is_label lets be read. */
static glia_status check_labels(const struct glia_source *src, const struct glia_model_labels *l)
{
  struct labels found;

  if (src == NULL || glia_source_field(src, l->target) < 0 || glia_source_field(src, l->mask) < 0)
    return GLIA_OK;
  if (src->slow && !is_label(src, &src->field[glia_source_field(src, l->target)])) return GLIA_OK;
  GLIA_TRY(look_at_labels(src, l, &found));
  const struct glia_type *type = &src->field[glia_source_field(src, l->target)].row;
  const int64_t n = glia_type_count(type), place = found.first % n;
  GLIA_CHECK(found.wrong == 0, GLIA_E_DATA,
             "%s: of %s %lld labels that %s counts are none (%lld below 0), the first in row %lld, "
             "place %lld: %lld; labels count from 0, and the model tells %lld classes apart",
             src->name, l->target, (long long)found.wrong, l->mask, (long long)found.below,
             (long long)(found.first / n), (long long)place, (long long)found.value,
             (long long)l->classes);
  return GLIA_OK;
}

glia_status session_check_labels(const struct session *s, const struct glia_source *source)
{
  struct glia_model_labels l[16];
  const int n = glia_model_labels(s->model, (int)GLIA_COUNT(l), l);

  for (int i = 0; i < n && i < (int)GLIA_COUNT(l); i++) GLIA_TRY(check_labels(source, &l[i]));
  return GLIA_OK;
}

/* Of both splits. */
static glia_status count_field(const struct session *s, int field, int64_t *out)
{
  int64_t test = 0;

  GLIA_TRY(count_labels(s->train, field, out));
  const int other = s->test != NULL ? glia_source_field(s->test, s->train->field[field].name) : -1;
  if (other >= 0) GLIA_TRY(count_labels(s->test, other, &test));
  *out = *out < 0 || test < 0 ? -1 : *out > test ? *out : test;
  return GLIA_OK;
}

/* Single rows of a file that does not fit into memory are slow to read. */
static void shuffle_large(struct session *s)
{
  if (!s->config.by_rows) s->config.window = GLIA_TRAIN_WINDOW;
  if (glia_comm_rank(s->comm) != 0) return;
  glia_log(GLIA_LOG_WARN, "io", s->config.by_rows ? "scattered-rows" : "shuffled-by-chunks",
           "file=\"%s\" why=\"larger than data.memory\" %s", s->config.data_file,
           s->config.by_rows ? "cure=\"data.shuffle: chunks, or more data.memory\""
                             : "same_order_in_memory=\"data.shuffle: chunks\" "
                               "single_rows=\"data.shuffle: rows\"");
}

static glia_status open_data(struct session *s)
{
  bool train, valid, test;

  if (s->train != NULL) return GLIA_OK;
  GLIA_TRY(glia_dataset_splits(s->config.data_file, &train, &valid, &test));
  const struct glia_yaml *data = glia_yaml_get(glia_yaml_root(s->doc), "data");
  const size_t memory = (size_t)s->config.memory_bytes;
  GLIA_TRY(glia_dataset_open(s->config.data_file, "train", memory, &s->train));
  GLIA_CHECK(s->train->n > 0, GLIA_E_DATA, "%s has no rows", s->train->name);
  if (test) GLIA_TRY(glia_dataset_open(s->config.data_file, "test", memory, &s->test));
  GLIA_TRY(glia_dataset_text(s->config.data_file, "train/x", "columns", &s->columns));
  GLIA_TRY(glia_dataset_text(s->config.data_file, "train/x", "fill", &s->fill));
  if (s->test != NULL && s->test->n == 0) glia_source_close(&s->test);
  if (s->train->slow && s->config.shuffle && s->config.window == 0) shuffle_large(s);
  GLIA_TRY(glia_augment_source(data, s->config.seed, true, &s->train));
  if (s->test != NULL) GLIA_TRY(glia_augment_source(data, s->config.seed, false, &s->test));
  return GLIA_OK;
}

static glia_status build_model(struct session *s)
{
  struct glia_model_field field[64];

  GLIA_CHECK(s->train->n_fields <= (int)GLIA_COUNT(field), GLIA_E_DATA,
             "%s has %d fields, at most %d are supported", s->train->name, s->train->n_fields,
             (int)GLIA_COUNT(field));
  for (int i = 0; i < s->train->n_fields; i++) {
    const struct glia_field *f = &s->train->field[i];
    field[i] = (struct glia_model_field){f->name, f->row, f->scale, f->offset, 0};
    GLIA_TRY(count_field(s, i, &field[i].n_labels));
  }
  GLIA_TRY(glia_model_build(glia_yaml_root(s->doc), s->train->n_fields, field,
                            s->config.micro_batch, &s->model));
  if (!s->unlabelled) GLIA_TRY(session_check_labels(s, s->train));
  if (!s->unlabelled) GLIA_TRY(session_check_labels(s, s->test));
  if (s->extend != NULL) GLIA_TRY(s->extend(s->model));
  glia_graph_hash(glia_model_graph(s->model), s->model_hash);
  return GLIA_OK;
}

static bool sums_cross_ranks(const struct session *s)
{
  return glia_comm_size(s->comm) > 1 && (s->stages == NULL || stages_groups(s->stages) > 1);
}

/* How many bytes of gradients travel together: no bit depends on it where they travel as they are, so it may follow from a measurement. */
static glia_status choose_bucket(struct session *s)
{
  const char *why = s->config.bucket_set ? "configuration"
                    : s->config.wire != GLIA_WIRE_F32
                        ? "rounding on the wire depends on it, so it is not measured"
                        : NULL;
  struct glia_link link = {.nodes = 1};
  char found[160] = "all ranks share memory";

  if (!s->staged || !sums_cross_ranks(s)) return GLIA_OK; /* who does not train sends none */
  if (why == NULL) GLIA_TRY(glia_link_measure(s->comm, &link));
  if (link.nodes > 1) {
    const int64_t bytes = glia_model_size(s->model) * (int64_t)sizeof(float) / s->config.stages;
    s->config.bucket_bytes = glia_link_bucket(&link, bytes);
    snprintf(found, sizeof found, "link of %.0f us and %.0f MB/s, %.1f MB of gradients",
             1e6 * link.latency_s, 1e-6 * link.bytes_per_s, 1e-6 * (double)bytes);
  }
  if (glia_comm_rank(s->comm) == 0)
    glia_log(GLIA_LOG_INFO, "train", "bucket", "bucket_bytes=%lld why=\"%s\"",
             (long long)s->config.bucket_bytes, why != NULL ? why : found);
  return GLIA_OK;
}

static glia_status compile(struct session *s)
{
  if (s->stages != NULL) return stages_compile(s->stages, s, &s->program);
  if (s->budgeted && s->config.values_bytes > 0)
    return glia_model_compile_within(s->model, glia_kernels_default(),
                                     (size_t)s->config.bucket_bytes, (size_t)s->config.values_bytes,
                                     &s->program);
  return glia_model_compile(s->model, glia_kernels_default(), (size_t)s->config.bucket_bytes,
                            &s->program);
}

/* What a micro-batch takes, on the rank where that is most. */
static glia_status look_at_values(struct session *s)
{
  struct glia_program_info info = {0};

  glia_program_info(s->program, "train", &info);
  double most[3] = {(double)info.micro_bytes, (double)info.kept_bytes, info.extra_work};
  GLIA_TRY(glia_comm_reduce_f64(s->comm, GLIA_COMM_MAX, most, 3));
  s->values.bytes = most[0];
  s->values.kept_bytes = most[1];
  s->values.extra_work = most[2];
  return GLIA_OK;
}

/* How gradients travel between nodes. */
static glia_status set_wire(struct session *s)
{
  static const char *const name[] = {"f32", "bf16", "int8"};

  if (s->config.wire == GLIA_WIRE_F32) return GLIA_OK;
  if (glia_comm_rank(s->comm) == 0)
    glia_log(GLIA_LOG_INFO, "train", "wire", "format=%s why=\"%s\"", name[s->config.wire],
             glia_exchange_mpi_travels(s->exchange)
                 ? "configuration: sums depend on how ranks are spread over nodes"
                 : "configuration, but all ranks share memory: nothing is rounded");
  return glia_exchange_mpi_wire(s->exchange, (glia_wire)s->config.wire);
}

/* What the exchange will be asked for: the sums of steps, and of evaluations. *need is the caller's to free. */
static glia_status list_needs(const struct session *s, int *n, struct glia_exchange_need **need)
{
  static const char *const entry[] = {"train", "eval"};
  const int64_t v[] = {s->config.batch / s->config.micro_batch, s->eval_micro_batches};
  const int all = glia_program_buckets(s->program, entry[0], 0, NULL) +
                  glia_program_buckets(s->program, entry[1], 0, NULL);
  struct glia_bucket *bucket = malloc((size_t)(all + 1) * sizeof *bucket);

  *n = 0;
  *need = malloc((size_t)(all + 1) * sizeof **need);
  for (int e = 0; e < 2 && bucket != NULL && *need != NULL; e++) {
    const int k = glia_program_buckets(s->program, entry[e], all, bucket);
    for (int b = 0; b < k; b++) (*need)[(*n)++] = (struct glia_exchange_need){bucket[b], v[e]};
  }
  const bool ok = bucket != NULL && *need != NULL;
  free(bucket);
  GLIA_CHECK(ok, GLIA_E_MEMORY, "a table of %d buckets", all);
  return GLIA_OK;
}

static glia_status open_exchange(struct session *s)
{
  const int64_t v = s->config.batch / s->config.micro_batch;
  struct glia_exchange_need *need = NULL;
  int n = 0;

  s->eval_micro_batches = v > 16 ? v : 16;
  if (!sums_cross_ranks(s)) return GLIA_OK;
  glia_status st = glia_agree(s->comm, list_needs(s, &n, &need));
  if (st == GLIA_OK)
    st = glia_exchange_mpi_open(s->stages != NULL ? stages_data_group(s->stages) : s->comm,
                                s->config.threads, n, need, &s->exchange);
  free(need);
  GLIA_TRY(st);
  return set_wire(s);
}

/* Parameters and optimizer slots once per node. Where that cannot be, each rank has its own, with the same bits. */
static glia_status share_states(struct session *s)
{
  if (s->exchange == NULL || !s->once_per_node) return GLIA_OK;
  const glia_status st = glia_engine_share(s->engine);
  const bool refused = st == GLIA_E_MEMORY || st == GLIA_E_UNSUPPORTED;
  if (st != GLIA_OK && !refused) return st;
  if (glia_comm_rank(s->comm) == 0)
    glia_log(GLIA_LOG_INFO, "train", "states", "held=%s why=\"%s\"",
             glia_engine_shares(s->engine) ? "once-per-node" : "by-each-rank",
             refused ? glia_trace_message()
             : glia_engine_shares(s->engine)
                 ? "ranks of a node share memory"
                 : "a rank has its node to itself, or memory cannot be shared");
  if (refused) glia_trace_clear();
  return GLIA_OK;
}

static glia_status build_engine(struct session *s)
{
  const struct glia_state *state;

  if (s->stages != NULL) return stages_engine(s->stages, s);
  GLIA_TRY(glia_engine_create(s->program, s->config.threads, s->exchange, s->eval_micro_batches,
                              &s->engine));
  GLIA_TRY(share_states(s));
  s->n_arrays = glia_graph_states(glia_model_graph(s->model), &state);
  s->array = calloc((size_t)s->n_arrays + 1, sizeof *s->array);
  GLIA_CHECK(s->array != NULL, GLIA_E_MEMORY, "a table of %d arrays", s->n_arrays);
  for (int i = 0; i < s->n_arrays; i++)
    s->array[i] =
        (struct glia_array){state[i].path, state[i].type, glia_engine_state(s->engine, i)};
  return GLIA_OK;
}

/* A rank with another program or other rows would train along, and nobody would know why bits differ. */
static glia_status agree_on_identity(const struct session *s)
{
  char text[4096];

  if (glia_comm_size(s->comm) == 1) return GLIA_OK;
  identity_build(text, sizeof text);
  GLIA_TRY(glia_agree_same(s->comm, "the build of glia", text));
  GLIA_TRY(glia_agree(s->comm,
                      identity_data(s->config.data_file, s->train, s->test, text, sizeof text)));
  return glia_agree_same(s->comm, "the training data", text);
}

glia_status session_build(struct session *s)
{
  s->meeting = session_meeting(s->comm);
  if (!s->staged) s->config.stages = 1;
  glia_cpus_roam(); /* a session before this one may have bound the caller, whose CPUs its threads inherit */
  GLIA_TRY(glia_agree(s->comm, open_data(s)));
  GLIA_TRY(agree_on_identity(s));
  GLIA_TRY(glia_agree(s->comm, build_model(s)));
  GLIA_TRY(glia_agree_same(s->comm, "the model", s->model_hash));
  GLIA_TRY(stages_open(s, &s->stages));
  GLIA_TRY(choose_bucket(s));
  GLIA_TRY(glia_agree(s->comm, compile(s)));
  GLIA_TRY(look_at_values(s));
  GLIA_TRY(open_exchange(s));
  GLIA_TRY(glia_agree(s->comm, build_engine(s)));
  return placement_settle(s);
}

/* Parameters, and what layers keep beside them (means of batch_norm): what evaluation reads. */
static bool is_of_model(const char *path)
{
  return strncmp(path, "params/", 7) == 0 || strncmp(path, "state/", 6) == 0;
}

/* From rank 0 to all that hold it. */
static glia_status spread(struct session *s, const struct glia_array *a)
{
  for (int i = 0; s->stages != NULL && i < s->n_arrays; i++)
    if (strcmp(s->array[i].path, a->path) == 0) return stages_spread(s->stages, s, i, a->data);
  return glia_comm_bcast(s->comm, a->data, glia_type_bytes(&a->type), 0);
}

glia_status session_load(struct session *s, struct glia_checkpoint *c, bool model_only)
{
  glia_status st = GLIA_OK;
  struct glia_array *wanted = calloc((size_t)s->n_arrays + 1, sizeof *wanted);
  int n = 0;

  if (wanted == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a table of %d arrays", s->n_arrays);
  for (int i = 0; st == GLIA_OK && i < s->n_arrays; i++)
    if (!model_only || is_of_model(s->array[i].path)) wanted[n++] = s->array[i];
  if (s->stages != NULL) {
    st = glia_agree(s->comm, st);
    if (st == GLIA_OK) st = stages_load(s->stages, s, c, n, wanted, !model_only);
    free(wanted);
    return st;
  }
  if (st == GLIA_OK && c != NULL) st = glia_checkpoint_read(c, n, wanted, !model_only);
  st = glia_agree(s->comm, st);
  for (int i = 0; st == GLIA_OK && i < n; i++) st = spread(s, &wanted[i]);
  free(wanted);
  return st;
}

/* Rank 0: arrays from the file that init names; those of other stages into memory that is the caller's to free. */
static glia_status take_weights(const struct session *s, int n, struct glia_array *wanted,
                                void **own)
{
  for (int i = 0; i < n; i++) {
    if (wanted[i].data != NULL) continue;
    own[i] = malloc(glia_type_bytes(&wanted[i].type) + 1);
    GLIA_CHECK(own[i] != NULL, GLIA_E_MEMORY, "parameters of %s", s->config.init);
    wanted[i].data = own[i];
  }
  return glia_weights_take(s->config.init, s->config.init_names, n, wanted);
}

glia_status session_initialize(struct session *s)
{
  int n = 0;
  glia_status st = GLIA_OK;

  /* Ranks of a node may share the memory: what comes from the file is written by rank 0 alone, whoever is late. */
  for (int i = 0; i < s->n_arrays; i++)
    if (s->array[i].data != NULL &&
        (s->config.init == NULL || glia_model_begins(s->model, i) != GLIA_MODEL_FROM_FILE))
      glia_model_initialize(s->model, s->config.seed, i, s->array[i].data);
  if (s->config.init == NULL) return GLIA_OK;
  struct glia_array *wanted = calloc((size_t)s->n_arrays + 1, sizeof *wanted);
  void **own = calloc((size_t)s->n_arrays + 1, sizeof *own);
  if (wanted == NULL || own == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "a table of %d arrays", s->n_arrays);
  for (int i = 0; st == GLIA_OK && i < s->n_arrays; i++)
    if (glia_model_begins(s->model, i) == GLIA_MODEL_FROM_FILE) wanted[n++] = s->array[i];
  if (st == GLIA_OK && glia_comm_rank(s->comm) == 0) st = take_weights(s, n, wanted, own);
  st = glia_agree(s->comm, st);
  for (int i = 0; st == GLIA_OK && i < n; i++) st = spread(s, &wanted[i]);
  for (int i = 0; st == GLIA_OK && i < s->n_arrays; i++)
    if (glia_model_begins(s->model, i) == GLIA_MODEL_FROM_COPY && s->array[i].data != NULL)
      glia_model_copy(s->model, i, s->array[glia_model_copied(s->model, i)].data, s->array[i].data);
  for (int i = 0; own != NULL && i < n; i++) free(own[i]);
  free(own);
  free(wanted);
  return st;
}

void session_close(struct session *s)
{
  glia_engine_destroy(&s->engine);
  placement_close(&s->placement);
  glia_exchange_mpi_destroy(&s->exchange);
  stages_close(&s->stages);
  glia_program_destroy(&s->program);
  glia_model_destroy(&s->model);
  glia_source_close(&s->train);
  glia_source_close(&s->test);
  free(s->array);
  free(s->config_text);
  free(s->columns);
  free(s->fill);
  glia_yaml_destroy(&s->doc);
  glia_comm_destroy(&s->comm);
}

void session_add_metrics(json_t *object, const struct glia_eval_result *r)
{
  for (int i = 0; i < r->n_metrics; i++)
    json_object_set_new(object, r->metric[i].name, glia_json_real(r->metric[i].value));
}
