/* A model's life: inputs, parameters and their initial values, what others may read. */
#include "nn_priv.h"

#include "glia_bf16.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct glia_type *glia_value_type_(const struct glia_model *m, glia_value v)
{
  static const struct glia_type none;
  const struct glia_node *n = glia_graph_node(m->g, v);

  return n != NULL ? &n->type : &none;
}

const char *glia_row_text_(const struct glia_model *m, glia_value v, char *out, size_t size)
{
  const struct glia_type *type = glia_value_type_(m, v);
  size_t used = (size_t)snprintf(out, size, "[");

  for (int i = 1; i < type->rank && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%lld", i > 1 ? ", " : "",
                             (long long)type->dim[i]);
  if (used < size) snprintf(out + used, size - used, "]");
  return out;
}

glia_value glia_rows_flat_(struct glia_model *m, glia_value x)
{
  const struct glia_type *type = glia_value_type_(m, x);
  const int64_t dim[] = {m->micro_batch, glia_type_count(type) / m->micro_batch};

  return glia_reshape(m->g, x, 2, dim);
}

glia_value glia_scaled_(struct glia_graph *g, glia_value x, glia_value s)
{
  const struct glia_node *n = glia_graph_node(g, x);

  return n == NULL ? GLIA_NONE : glia_mul(g, x, glia_cast(g, s, n->type.dtype));
}

/* A parameter as layers see it. */
static glia_value value_of(const struct glia_model *m, const struct nn_parameter *p)
{
  return m->evaluating && m->ema_eval && p->average != GLIA_NONE ? p->average : p->value;
}

static glia_value own_parameter(struct glia_model *m, struct nn_layer *l, const char *name,
                                int rank, const int64_t *dim, struct nn_init init)
{
  const struct glia_type type = glia_type_make(m->dtype, rank, dim);
  const struct glia_type stored = glia_type_make(m->storage, rank, dim);
  const struct glia_state *state;
  char path[320];

  snprintf(path, sizeof path, "params/%s/%s", l->name, name);
  for (int i = 0; i < m->n_parameters; i++)
    if (strcmp(m->parameter[i].path, path) == 0) return value_of(m, &m->parameter[i]);
  if (m->n_parameters == m->parameters_capacity) {
    const int more = m->parameters_capacity > 0 ? 2 * m->parameters_capacity : 32;
    struct nn_parameter *p = glia_arena_take(&m->arena, (size_t)more, sizeof *p);
    if (p == NULL) return glia_graph_fail(m->g, GLIA_E_MEMORY, "parameter %s", path);
    if (m->n_parameters > 0) memcpy(p, m->parameter, (size_t)m->n_parameters * sizeof *p);
    m->parameter = p;
    m->parameters_capacity = more;
  }
  struct nn_parameter *p = &m->parameter[m->n_parameters];
  *p = (struct nn_parameter){
      .path = glia_arena_text(&m->arena, path),
      .state = glia_graph_states(m->g, &state),
      .stored = glia_state(m->g, path, stored),
      .init = init,
      .average = GLIA_NONE,
      .module = m->modules_built,
      .gradient = GLIA_NONE,
  };
  p->value = glia_cast(m->g, p->stored, m->dtype);
  if (p->path == NULL) return glia_graph_fail(m->g, GLIA_E_MEMORY, "parameter %s", path);
  if (m->ema > 0.0) {
    snprintf(path, sizeof path, "state/ema/%s/%s", l->name, name);
    p->average = glia_model_state_(m, path, type, 0.0);
    if (p->average != GLIA_NONE) m->kept[m->n_kept - 1].of = p->path;
  }
  m->n_parameters++;
  l->size += glia_type_count(&type);
  return p->value;
}

glia_value glia_layer_parameter_(struct glia_model *m, struct nn_layer *l, const char *name,
                                 int rank, const int64_t *dim, struct nn_init init)
{
  return glia_transformed_(m, l, name, own_parameter(m, l, name, rank, dim, init));
}

glia_value glia_parameter_of_(const struct glia_model *m, const char *layer, const char *name)
{
  char path[320];

  snprintf(path, sizeof path, "params/%s/%s", layer, name);
  for (int i = 0; i < m->n_parameters; i++)
    if (strcmp(m->parameter[i].path, path) == 0) return value_of(m, &m->parameter[i]);
  return GLIA_NONE;
}

glia_value glia_model_state_(struct glia_model *m, const char *path, struct glia_type type,
                             double first)
{
  const struct glia_state *state;

  for (int i = 0; i < m->n_kept; i++)
    if (strcmp(m->kept[i].path, path) == 0) return m->kept[i].value;
  if (m->n_kept == m->kept_capacity) {
    const int more = m->kept_capacity > 0 ? 2 * m->kept_capacity : 8;
    struct nn_kept *k = glia_arena_take(&m->arena, (size_t)more, sizeof *k);
    if (k == NULL) return glia_graph_fail(m->g, GLIA_E_MEMORY, "state %s", path);
    if (m->n_kept > 0) memcpy(k, m->kept, (size_t)m->n_kept * sizeof *k);
    m->kept = k;
    m->kept_capacity = more;
  }
  const char *own = glia_arena_text(&m->arena, path);
  if (own == NULL) return glia_graph_fail(m->g, GLIA_E_MEMORY, "state %s", path);
  struct nn_kept *k = &m->kept[m->n_kept++];
  *k = (struct nn_kept){.path = own,
                        .state = glia_graph_states(m->g, &state),
                        .value = glia_state(m->g, path, type),
                        .next = GLIA_NONE,
                        .first = first,
                        .module = m->modules_built};
  return k->value;
}

glia_value glia_layer_state_(struct glia_model *m, struct nn_layer *l, const char *name, int rank,
                             const int64_t *dim, double first)
{
  char path[320];

  snprintf(path, sizeof path, "state/%s/%s", l->name, name);
  return glia_model_state_(m, path, glia_type_make(m->dtype, rank, dim), first);
}

void glia_layer_keep_(struct glia_model *m, glia_value state, glia_value next)
{
  for (int i = 0; i < m->n_kept; i++)
    if (m->kept[i].value == state) m->kept[i].next = next;
}

static int by_path(const void *a, const void *b)
{
  const struct nn_parameter *p = a, *q = b;

  return strcmp(p->path, q->path);
}

/* Names that a model's other inputs have. */
static glia_status check_field_name(const char *name)
{
  static const char *const reserved[] = {"weight", "position", "stop", "rate", "step", "seed"};

  for (size_t i = 0; i < GLIA_COUNT(reserved); i++)
    GLIA_CHECK(strcmp(name, reserved[i]) != 0, GLIA_E_DATA,
               "field '%s' of the data has the name of an input of every model: rename it", name);
  return GLIA_OK;
}

/* Inputs by name as stored, [b, row...], and those that every model has. */
static glia_status declare_inputs(struct glia_model *m, int n_fields,
                                  const struct glia_model_field *field)
{
  const struct glia_type per_row[] = {glia_type_make(GLIA_F32, 1, &m->micro_batch),
                                      glia_type_make(GLIA_I64, 1, &m->micro_batch)};

  m->n_fields = n_fields;
  m->field = glia_arena_take(&m->arena, (size_t)n_fields + 1, sizeof *m->field);
  GLIA_CHECK(m->field != NULL, GLIA_E_MEMORY, "a model with %d fields", n_fields);
  for (int i = 0; i < n_fields; i++) {
    struct glia_type type = {
        .dtype = field[i].row.dtype, .rank = field[i].row.rank + 1, .dim = {m->micro_batch}};
    GLIA_CHECK(type.rank <= GLIA_MAX_RANK, GLIA_E_SHAPE, "field %s: rows of %d axes, at most %d",
               field[i].name, field[i].row.rank, GLIA_MAX_RANK - 1);
    for (int k = 1; k < type.rank; k++) type.dim[k] = field[i].row.dim[k - 1];
    GLIA_TRY(check_field_name(field[i].name));
    m->field[i] = (struct nn_field){
        .name = glia_arena_text(&m->arena, field[i].name),
        .row = field[i].row,
        .scale = field[i].scale,
        .offset = field[i].offset,
        .n_labels = field[i].n_labels,
        .value = glia_input(m->g, field[i].name, GLIA_PER_MICRO_BATCH, type),
    };
    GLIA_CHECK(m->field[i].name != NULL, GLIA_E_MEMORY, "a model with %d fields", n_fields);
  }
  m->weight = glia_input(m->g, "weight", GLIA_PER_MICRO_BATCH, per_row[0]);
  m->position = glia_input(m->g, "position", GLIA_PER_MICRO_BATCH, per_row[1]);
  m->stop = glia_input(m->g, "stop", GLIA_PER_MICRO_BATCH, glia_type_make(GLIA_F64, 0, NULL));
  m->rate = glia_input(m->g, "rate", GLIA_PER_STEP, glia_type_make(GLIA_F64, 0, NULL));
  m->step = glia_input(m->g, "step", GLIA_PER_STEP, glia_type_make(GLIA_I64, 0, NULL));
  m->seed = glia_input(m->g, "seed", GLIA_PER_STEP, glia_type_make(GLIA_I64, 0, NULL));
  m->failed = glia_failed(m->g);
  return glia_graph_status(m->g);
}

static glia_status list_parameters(struct glia_model *m)
{
  if (m->n_parameters > 0)
    qsort(m->parameter, (size_t)m->n_parameters, sizeof *m->parameter, by_path);
  m->listed = glia_arena_take(&m->arena, (size_t)m->n_parameters + 1, sizeof *m->listed);
  GLIA_CHECK(m->listed != NULL, GLIA_E_MEMORY, "a model with %d parameters", m->n_parameters);
  for (int i = 0; i < m->n_parameters; i++)
    m->listed[i] =
        (struct glia_model_parameter){.state = m->parameter[i].state, .path = m->parameter[i].path};
  return GLIA_OK;
}

static glia_status build(struct glia_model *m, const struct glia_yaml *config, int n_fields,
                         const struct glia_model_field *field)
{
  static const char *const dtypes[] = {"f32", "f64", "bf16", NULL};
  const struct glia_yaml *of_model;
  int dtype = 0;

  GLIA_TRY(glia_yaml_get_choice(config, "dtype", dtypes, &dtype));
  m->dtype = dtype == 1 ? GLIA_F64 : GLIA_F32;
  m->storage = dtype == 2 ? GLIA_BF16 : m->dtype;
  GLIA_TRY(glia_graph_new(&m->g));
  GLIA_TRY(declare_inputs(m, n_fields, field));
  GLIA_TRY(glia_ema_read_(m, config));
  GLIA_TRY(glia_local_read_(m, config, &of_model));
  GLIA_TRY(glia_chain_read_(m, of_model));
  GLIA_TRY(list_parameters(m));
  if (m->n_modules == 0) GLIA_TRY(glia_losses_read_(m, config));
  GLIA_TRY(glia_metrics_read_(m, config));
  GLIA_TRY(glia_optimizer_read_(m, config));
  GLIA_TRY(glia_schedule_read_(m, config));
  for (int i = 0; i < m->n_parameters; i++) m->listed[i].frozen = m->parameter[i].frozen;
  return glia_entries_build_(m);
}

glia_status glia_model_build(const struct glia_yaml *config, int n_fields,
                             const struct glia_model_field *field, int64_t micro_batch,
                             struct glia_model **out)
{
  *out = NULL;
  GLIA_CHECK(config != NULL && micro_batch > 0 && n_fields >= 0, GLIA_E_ARGUMENT,
             "a model with micro-batches of %lld rows", (long long)micro_batch);
  struct glia_model *m = calloc(1, sizeof *m);
  GLIA_CHECK(m != NULL, GLIA_E_MEMORY, "a model");
  m->micro_batch = micro_batch;
  const glia_status st = build(m, config, n_fields, field);
  if (st != GLIA_OK) {
    glia_model_destroy(&m);
    return st;
  }
  for (int i = 0; i < m->n_layers; i++) m->layer[i].at = NULL; /* the configuration goes */
  for (int i = 0; i < m->n_losses; i++) m->loss[i].at = NULL;
  glia_yaml_destroy(&m->local);
  *out = m;
  return GLIA_OK;
}

void glia_model_destroy(struct glia_model **m)
{
  if (m == NULL || *m == NULL) return;
  glia_graph_destroy(&(*m)->g);
  glia_yaml_destroy(&(*m)->local);
  glia_arena_fini(&(*m)->arena);
  free(*m);
  *m = NULL;
}

const struct glia_graph *glia_model_graph(const struct glia_model *m) { return m->g; }

int glia_model_parameters(const struct glia_model *m, const struct glia_model_parameter **out)
{
  *out = m->listed;
  return m->n_parameters;
}

int64_t glia_model_size(const struct glia_model *m)
{
  int64_t n = 0;

  for (int i = 0; i < m->n_parameters; i++)
    if (!m->parameter[i].frozen) n += glia_type_count(glia_value_type_(m, m->parameter[i].value));
  return n;
}

static const struct nn_parameter *parameter_at(const struct glia_model *m, const char *path)
{
  for (int i = 0; i < m->n_parameters; i++)
    if (strcmp(m->parameter[i].path, path) == 0) return &m->parameter[i];
  return NULL;
}

/* Initial values of a state and the path that keys them; NULL: zeros. */
static const char *init_of(const struct glia_model *m, const char *path, struct nn_init *init)
{
  const struct nn_parameter *p = parameter_at(m, path);

  for (int i = 0; p == NULL && i < m->n_kept; i++) {
    if (strcmp(m->kept[i].path, path) != 0) continue;
    if (m->kept[i].of != NULL) {
      p = parameter_at(m, m->kept[i].of);
    } else {
      *init = (struct nn_init){.offset = m->kept[i].first};
      return path;
    }
  }
  if (p == NULL) return NULL;
  *init = p->init;
  return p->path;
}

struct nn_init glia_lengths_of_(const struct glia_model *m, const struct nn_layer *l,
                                const char *name, int64_t row)
{
  struct nn_init init = {.row = row};
  char path[320];

  snprintf(path, sizeof path, "params/%s/%s", l->name, name);
  const struct nn_parameter *p = parameter_at(m, path);
  if (p != NULL) init.lengths_of = p->path;
  return init;
}

/* As a parameter holds it. */
static double drawn(const struct glia_model *m, const struct nn_init *init, uint64_t key, int64_t i)
{
  double v = init->offset;

  if (init->spread != 0.0)
    v += init->spread * (2.0 * glia_random_uniform(key, 0, (uint64_t)i) - 1.0);
  if (init->normal != 0.0) v += init->normal * glia_random_normal(key, 0, (uint64_t)i);
  return m->storage == GLIA_F64   ? v
         : m->storage == GLIA_F32 ? (double)(float)v
                                  : (double)glia_bf16_wide(glia_bf16_round_f64(v));
}

/* Length of row i of a parameter as it begins. */
static double length(const struct glia_model *m, const struct nn_init *init, uint64_t seed,
                     int64_t i)
{
  const struct nn_parameter *p = parameter_at(m, init->lengths_of);
  const uint64_t key = glia_random_stream(seed, init->lengths_of);
  double squares = 0.0;

  for (int64_t k = 0; p != NULL && k < init->row; k++) {
    const double v = drawn(m, &p->init, key, i * init->row + k);
    squares += v * v;
  }
  return sqrt(squares);
}

void glia_model_initialize(const struct glia_model *m, uint64_t seed, int state, void *out)
{
  const struct glia_state *states;
  const int n_states = glia_graph_states(m->g, &states);
  struct nn_init init;

  if (state < 0 || state >= n_states) return;
  const char *path = init_of(m, states[state].path, &init);
  if (path == NULL) {
    memset(out, 0, glia_type_bytes(&states[state].type));
    return;
  }
  const uint64_t key = glia_random_stream(seed, path);
  const int64_t n = glia_type_count(&states[state].type);
  for (int64_t i = 0; i < n; i++) {
    const double v = init.lengths_of != NULL ? length(m, &init, seed, i) : drawn(m, &init, key, i);
    if (states[state].type.dtype == GLIA_BF16)
      ((uint16_t *)out)[i] = glia_bf16_round_f64(v);
    else if (states[state].type.dtype == GLIA_F32)
      ((float *)out)[i] = (float)v;
    else
      ((double *)out)[i] = v;
  }
}

/* The entry of a state that layers, averages or a schedule keep; NULL: it is none of them. */
static const struct nn_kept *kept_at(const struct glia_model *m, int state)
{
  for (int i = 0; i < m->n_kept; i++)
    if (m->kept[i].state == state) return &m->kept[i];
  return NULL;
}

glia_model_begin glia_model_begins(const struct glia_model *m, int state)
{
  const struct nn_kept *k = kept_at(m, state);

  if (k == NULL) {
    for (int i = 0; i < m->n_parameters; i++)
      if (m->parameter[i].state == state) return GLIA_MODEL_FROM_FILE;
    return GLIA_MODEL_FROM_START;
  }
  if (k->of != NULL) return GLIA_MODEL_FROM_COPY;
  return strncmp(k->path, NN_SCHEDULE, strlen(NN_SCHEDULE)) == 0 ? GLIA_MODEL_FROM_START
                                                                 : GLIA_MODEL_FROM_FILE;
}

int glia_model_copied(const struct glia_model *m, int state)
{
  const struct nn_kept *k = kept_at(m, state);
  const struct nn_parameter *p = k != NULL && k->of != NULL ? parameter_at(m, k->of) : NULL;

  return p != NULL ? p->state : -1;
}

void glia_model_copy(const struct glia_model *m, int state, const void *parameter, void *out)
{
  const struct glia_state *states;
  const int from = glia_model_copied(m, state);

  if (from < 0) return;
  glia_graph_states(m->g, &states);
  if (states[from].type.dtype == states[state].type.dtype) {
    memcpy(out, parameter, glia_type_bytes(&states[state].type));
    return;
  }
  for (int64_t i = 0; i < glia_type_count(&states[state].type); i++)
    ((float *)out)[i] = glia_bf16_wide(((const uint16_t *)parameter)[i]);
}
