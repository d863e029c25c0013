/* A physics-informed network: built, compiled, run. See glia_pinn.h. */
#include "pinn_priv.h"

#include "glia_agree.h"
#include "glia_exchange_mpi.h"
#include "glia_kernels.h"
#include "glia_ops.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 64, BUCKETS = 8 }; /* micro-batches of a local step; buckets of an entry point */

static glia_value state(struct glia_pinn *p, int l, const char *name, int rank, const int64_t *dim)
{
  char path[320];

  snprintf(path, sizeof path, "params/%s/%s", p->layer_name[l], name);
  return glia_state(p->graph, path, glia_type_make(GLIA_F64, rank, dim));
}

/* Names, widths and activations of the layers of a chain. */
static void chain_of_equals(struct glia_pinn *p)
{
  p->n_layers = p->network.depth + 1;
  for (int l = 0; l < p->n_layers; l++) {
    const bool last = l == p->n_layers - 1;
    snprintf(p->layer_name[l], sizeof p->layer_name[l], "%02d-linear", l + 1);
    p->layer_width[l] = last ? p->problem->n_unknowns : p->network.width;
    p->layer[l].activation = last ? GLIA_JET_LINEAR : p->network.activation;
  }
}

/* Layers from YAML: as a chain for jets where they are one, else as a function of the graph. */
static glia_status read_model(struct glia_pinn *p)
{
  struct glia_network_dense dense[GLIA_JET_LAYERS];
  const int64_t dim[2] = {1, p->n_features};
  glia_value y;

  GLIA_TRY(glia_network_create(p->network.model, p->graph, p->network.gain, &p->model));
  const int n = p->network.by_rules ? 0 : glia_network_dense(p->model, GLIA_JET_LAYERS, dense);
  if (n > 0 && dense[n - 1].units == p->problem->n_unknowns) {
    p->n_layers = n;
    for (int l = 0; l < n; l++) {
      snprintf(p->layer_name[l], sizeof p->layer_name[l], "%s", dense[l].name);
      p->layer_width[l] = dense[l].units;
      p->layer[l].activation = dense[l].activation;
    }
    return GLIA_OK;
  }
  p->by_rules = true;
  /* once for the states alone: weights are the first ones, in the order of the layers */
  return glia_network_apply(p->model, glia_full(p->graph, glia_type_make(GLIA_F64, 2, dim), 0.0),
                            p->problem->n_unknowns, &y);
}

static glia_status make_weights(struct glia_pinn *p)
{
  const struct glia_state *s;
  int64_t in = p->n_features;

  if (p->network.model != NULL)
    GLIA_TRY(read_model(p));
  else
    chain_of_equals(p);
  for (int l = 0; l < p->n_layers; l++) {
    const int64_t dim[2] = {p->layer_width[l], in};
    p->layer[l].weight = state(p, l, "weight", 2, dim);
    p->layer[l].bias = state(p, l, "bias", 1, dim);
    in = dim[0];
  }
  p->n_weights = glia_graph_states(p->graph, &s);
  for (int i = 0; i < p->n_weights; i++) p->size += glia_type_count(&s[i].type);
  GLIA_CHECK(p->size > 0, GLIA_E_CONFIG, "network.model: its layers have no weights to find");
  GLIA_CHECK(p->n_weights <= 2 * GLIA_JET_LAYERS, GLIA_E_CONFIG,
             "the network has %d arrays of weights, at most %d", p->n_weights, 2 * GLIA_JET_LAYERS);
  return glia_graph_status(p->graph);
}

static void make_parameters(struct glia_pinn *p)
{
  for (int i = 0; i < p->problem->n_parameters; i++) {
    char path[64];
    snprintf(path, sizeof path, "params/parameter/%s", p->problem->parameter[i]);
    p->parameter[i] = glia_state(p->graph, path, glia_type_make(GLIA_F64, 0, NULL));
    p->size++;
  }
}

static int in_outputs(struct glia_problem *q, int e)
{
  return glia_expr_substitute(q->pool, e, q->n_unknowns, q->ansatz);
}

static glia_status build_groups(struct glia_pinn *p, bool data)
{
  struct glia_problem *q = p->problem;
  int e[GLIA_PDE_EQUATIONS];

  for (int k = 0; k < q->n_equations; k++) {
    e[k] = in_outputs(q, q->equation[k]);
    GLIA_CHECK(e[k] != GLIA_EXPR_NONE, GLIA_E_CONFIG,
               "equation %d: with the ansatz it has derivatives above order %d", k + 1,
               GLIA_EXPR_ORDER);
  }
  GLIA_TRY(glia_pinn_group_(p, p->n_groups++, q->n_equations, e, false));
  for (int k = 0; k < q->n_conditions; k++) {
    const int c = in_outputs(q, q->condition[k].residual);
    GLIA_CHECK(c != GLIA_EXPR_NONE, GLIA_E_CONFIG,
               "condition %d: with the ansatz it has derivatives above order %d", k + 1,
               GLIA_EXPR_ORDER);
    GLIA_TRY(glia_pinn_group_(p, p->n_groups++, 1, &c, false));
  }
  p->data_group = -1;
  if (data) {
    p->data_group = p->n_groups;
    GLIA_TRY(glia_pinn_group_(p, p->n_groups++, q->n_unknowns, q->ansatz, true));
  }
  return glia_pinn_fields_graph_(p);
}

/* The network's weights, in a graph of its own. */
static glia_status begin(struct glia_pinn *p)
{
  GLIA_CHECK(
      p->network.model != NULL || (p->network.depth >= 1 && p->network.depth < GLIA_JET_LAYERS),
      GLIA_E_CONFIG, "%d hidden layers, expected 1 to %d", p->network.depth, GLIA_JET_LAYERS - 1);
  GLIA_TRY(glia_graph_new(&p->graph));
  GLIA_TRY(glia_pinn_features_(p));
  return make_weights(p);
}

static glia_status build(struct glia_pinn *p, bool data)
{
  const struct glia_input *input;

  GLIA_TRY(begin(p));
  make_parameters(p);
  GLIA_TRY(build_groups(p, data));
  p->n_inputs = glia_graph_inputs(p->graph, &input);
  GLIA_TRY(glia_program_compile(p->graph, glia_kernels_default(), &p->program));
  return glia_engine_create(p->program, 1, NULL, AT_ONCE, &p->local);
}

static glia_status open_exchange(struct glia_pinn *p, int64_t v)
{
  struct glia_exchange_need need[2 * GLIA_PINN_GROUPS * BUCKETS];
  struct glia_bucket bucket[BUCKETS];
  int n = 0;

  if (glia_comm_size(p->comm) == 1) return GLIA_OK;
  for (int group = 0; group < p->n_groups; group++)
    for (int k = 0; k < 2; k++) {
      char name[24];
      snprintf(name, sizeof name, "%s%d", k == 0 ? "loss" : "gradient", group);
      const int m = glia_program_buckets(p->program, name, BUCKETS, bucket);
      GLIA_CHECK(m <= BUCKETS, GLIA_E_UNSUPPORTED, "%d buckets of sums", m);
      for (int b = 0; b < m; b++) need[n++] = (struct glia_exchange_need){bucket[b], v};
    }
  return glia_exchange_mpi_open(p->comm, 1, n, need, &p->exchange);
}

glia_status glia_pinn_create(struct glia_problem *problem, const struct glia_pinn_network *network,
                             bool data, int64_t most, struct glia_comm *comm,
                             struct glia_pinn **out)
{
  struct glia_pinn *p = calloc(1, sizeof *p);
  const int64_t v = (most + GLIA_PINN_BATCH_ - 1) / GLIA_PINN_BATCH_ + 1;
  glia_status st = GLIA_OK;

  *out = NULL;
  if (p == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a network");
  if (p != NULL) {
    p->problem = problem;
    p->network = *network;
    p->comm = comm;
    st = build(p, data);
  }
  st = glia_agree(comm, st);
  if (st == GLIA_OK) st = open_exchange(p, v);
  if (st == GLIA_OK)
    st = glia_agree(comm, glia_engine_create(p->program, 1, p->exchange, v, &p->shared));
  if (st != GLIA_OK) {
    glia_pinn_destroy(&p);
    return st;
  }
  *out = p;
  return GLIA_OK;
}

glia_status glia_pinn_weights(struct glia_problem *problem, const struct glia_pinn_network *network,
                              int64_t *out)
{
  struct glia_pinn *p = calloc(1, sizeof *p);

  *out = 0;
  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "a network");
  p->problem = problem;
  p->network = *network;
  const glia_status st = begin(p);
  *out = p->size;
  glia_pinn_destroy(&p);
  return st;
}

void glia_pinn_destroy(struct glia_pinn **p)
{
  if (p == NULL || *p == NULL) return;
  glia_engine_destroy(&(*p)->local);
  glia_engine_destroy(&(*p)->shared);
  glia_exchange_mpi_destroy(&(*p)->exchange);
  glia_program_destroy(&(*p)->program);
  glia_network_destroy(&(*p)->model);
  glia_graph_destroy(&(*p)->graph);
  free(*p);
  *p = NULL;
}

int64_t glia_pinn_size(const struct glia_pinn *p) { return p->size; }
bool glia_pinn_by_rules(const struct glia_pinn *p) { return p->by_rules; }
int glia_pinn_coords(const struct glia_pinn *p) { return p->problem->n_coords; }
struct glia_comm *glia_pinn_comm(const struct glia_pinn *p) { return p->comm; }
int glia_pinn_groups(const struct glia_pinn *p) { return p->n_groups; }
int glia_pinn_residuals(const struct glia_pinn *p, int group) { return p->n_residuals[group]; }

/* Glorot's variance for the weights; the first layer's times `gain`, its biases spread so that its functions turn
 * all over the domain.  Source: glorot2010. */
void glia_pinn_initialize(const struct glia_pinn *p, uint64_t seed, double *theta)
{
  const uint64_t key = glia_random_stream(seed, "pinn");
  const struct glia_state *s;
  int64_t in = p->n_features, at = 0;

  glia_graph_states(p->graph, &s);
  for (int i = 0; i < p->n_weights && p->by_rules; i++) {
    glia_network_initialize(p->model, seed, i, theta + at);
    at += glia_type_count(&s[i].type);
  }
  for (int l = 0; l < p->n_layers; l++) {
    const int64_t out = p->layer_width[l];
    const double sd = (l == 0 ? p->network.gain : 1.0) * sqrt(2.0 / (double)(in + out));
    for (int64_t i = 0; i < out * in; i++, at++)
      theta[at] = sd * glia_random_normal(key, (uint64_t)l, (uint64_t)i);
    for (int64_t i = 0; i < out; i++, at++)
      theta[at] = l == 0 ? sd * glia_random_normal(key, (uint64_t)l + 1000, (uint64_t)i) : 0.0;
    in = out;
  }
  for (int i = 0; i < p->problem->n_parameters; i++) theta[at++] = p->problem->parameter_start[i];
}

void glia_pinn_set(struct glia_pinn *p, const double *theta)
{
  const struct glia_state *s;
  const int n = glia_graph_states(p->graph, &s);

  for (int i = 0; i < n; i++) {
    const size_t bytes = glia_type_bytes(&s[i].type);
    memcpy(glia_engine_state(p->local, i), theta, bytes);
    memcpy(glia_engine_state(p->shared, i), theta, bytes);
    theta += bytes / sizeof *theta;
  }
}

int glia_pinn_arrays(const struct glia_pinn *p, int most, struct glia_array *out)
{
  const struct glia_state *s;
  const int n = glia_graph_states(p->graph, &s);

  for (int i = 0; i < n && i < most; i++)
    out[i] = (struct glia_array){s[i].path, s[i].type, glia_engine_state(p->local, i)};
  return n;
}

/* Points on their way into an engine, results on their way out. */
struct run {
  const struct glia_pinn *p;
  int group; /* GLIA_PINN_GROUPS: fields */
  int in[4]; /* numbers of the inputs x, w, y, seen; -1: none */
  const struct glia_pinn_points *points;
  int64_t first; /* point of micro-batch 0 */
  int n_residuals;
  double *r, *j;
  double *joined; /* NULL, or rows skip .. skip + n_rows - 1 of [J r] */
  int64_t skip, n_rows;
};

static void find_inputs(struct run *s)
{
  static const char *const what[] = {"x", "w", "y", "seen"};
  const struct glia_input *input;
  const int n = glia_graph_inputs(s->p->graph, &input);

  for (int k = 0; k < 4; k++) {
    char name[24];
    snprintf(name, sizeof name, "%s%d", what[k], s->group);
    s->in[k] = -1;
    for (int i = 0; i < n; i++)
      if (strcmp(input[i].name, name) == 0) s->in[k] = i;
  }
}

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  const struct run *s = self;
  const int64_t first = s->first + index * GLIA_PINN_BATCH_, d = s->p->problem->n_coords;
  const int m = s->n_residuals;
  double *in[4];

  (void)worker;
  for (int k = 0; k < 4; k++) in[k] = s->in[k] >= 0 ? data[s->in[k]] : NULL;
  for (int64_t i = 0; i < GLIA_PINN_BATCH_; i++) {
    const bool real = first + i < s->points->n;
    const int64_t at = real ? first + i : first; /* padding repeats a point, with weight 0 */
    memcpy(in[0] + i * d, s->points->x + at * d, (size_t)d * sizeof(double));
    if (in[1] != NULL)
      in[1][i] = !real ? 0.0 : s->points->weight != NULL ? s->points->weight[at] : 1.0;
    for (int k = 0; k < m && in[2] != NULL; k++) {
      const double y = s->points->target[at * m + k];
      in[2][i * m + k] = isnan(y) ? 0.0 : y;
      in[3][i * m + k] = isnan(y) ? 0.0 : 1.0;
    }
  }
  return GLIA_OK;
}

static glia_status take(void *self, int64_t index, int worker, const void *const *data)
{
  const struct run *s = self;
  const int64_t first = s->first + index * GLIA_PINN_BATCH_, left = s->points->n - first;
  const size_t n = (size_t)(left < GLIA_PINN_BATCH_ ? left : GLIA_PINN_BATCH_);
  const size_t m = (size_t)s->n_residuals, size = (size_t)s->p->size;

  (void)worker;
  memcpy(s->r + (size_t)first * m, data[0], n * m * sizeof *s->r);
  if (s->j != NULL) memcpy(s->j + (size_t)first * m * size, data[1], n * m * size * sizeof *s->j);
  return GLIA_OK;
}

/* Rows of a micro-batch into [J r]. */
static glia_status take_joined(void *self, int64_t index, int worker, const void *const *data)
{
  const struct run *s = self;
  const int64_t first = s->first + index * GLIA_PINN_BATCH_, left = s->points->n - first;
  const int64_t m = s->n_residuals, size = s->p->size;
  const int64_t n = (left < GLIA_PINN_BATCH_ ? left : GLIA_PINN_BATCH_) * m;
  const double *r = data[0], *j = data[1];

  (void)worker;
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = first * m + i - s->skip;
    if (at < 0 || at >= s->n_rows) continue;
    memcpy(s->joined + at * (size + 1), j + i * size, (size_t)size * sizeof *j);
    s->joined[at * (size + 1) + size] = r[i];
  }
  return GLIA_OK;
}

static glia_status run_local(struct glia_pinn *p, const char *entry, struct run *s)
{
  const struct glia_feed feed = {s, fill, s->joined != NULL ? take_joined : take};

  find_inputs(s);
  for (; s->first < s->points->n; s->first += AT_ONCE * GLIA_PINN_BATCH_) {
    const int64_t v = (s->points->n - s->first + GLIA_PINN_BATCH_ - 1) / GLIA_PINN_BATCH_;
    GLIA_TRY(glia_engine_step(p->local, entry, v < AT_ONCE ? v : AT_ONCE, &feed));
  }
  return GLIA_OK;
}

glia_status glia_pinn_rows(struct glia_pinn *p, int group, const struct glia_pinn_points *points,
                           double *r, double *j)
{
  struct run s = {.p = p, .group = group, .points = points, .r = r, .j = j};
  char entry[24];

  s.n_residuals = p->n_residuals[group];
  snprintf(entry, sizeof entry, "%s%d", j != NULL ? "rows" : "residual", group);
  return run_local(p, entry, &s);
}

glia_status glia_pinn_joined_(struct glia_pinn *p, int group, const struct glia_pinn_points *points,
                              int64_t skip, int64_t n_rows, double *out)
{
  struct run s = {
      .p = p, .group = group, .points = points, .joined = out, .skip = skip, .n_rows = n_rows};
  char entry[24];

  s.n_residuals = p->n_residuals[group];
  snprintf(entry, sizeof entry, "rows%d", group);
  return run_local(p, entry, &s);
}

glia_status glia_pinn_fields(struct glia_pinn *p, int64_t n, const double *x, double *u)
{
  const struct glia_pinn_points points = {.n = n, .x = x};
  struct run s = {.p = p, .group = GLIA_PINN_GROUPS, .points = &points, .r = u};

  s.n_residuals = p->problem->n_unknowns;
  return run_local(p, "fields", &s);
}

glia_status glia_pinn_sum(struct glia_pinn *p, int group, const struct glia_pinn_points *points,
                          double *sum, double *gradient)
{
  struct run s = {.p = p, .group = group, .points = points};
  const struct glia_feed feed = {&s, fill, NULL};
  const int64_t v = (points->n + GLIA_PINN_BATCH_ - 1) / GLIA_PINN_BATCH_;
  char entry[24];

  s.n_residuals = p->n_residuals[group];
  find_inputs(&s);
  snprintf(entry, sizeof entry, "%s%d", gradient != NULL ? "gradient" : "loss", group);
  GLIA_TRY(glia_engine_step(p->shared, entry, v, &feed));
  *sum = *(const double *)glia_engine_output(p->shared, entry, "loss");
  if (gradient != NULL)
    memcpy(gradient, glia_engine_output(p->shared, entry, "gradient"),
           (size_t)p->size * sizeof *gradient);
  return GLIA_OK;
}
