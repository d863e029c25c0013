/* Surrogate and hidden-term networks: graph and data. Training is in
 * surrogate_train.c. See glia_surrogate.h. */
#include "surrogate_priv.h"

#include "glia_agree.h"
#include "glia_exchange_mpi.h"
#include "glia_kernels.h"
#include "glia_ops.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = GLIA_PINN_BATCH_, BUCKETS = 16, AT_ONCE = 16 };

static const int64_t rows_ = BATCH;

/* Three standard deviations are what H sees and gives as 1: it starts smooth on
 * the data, and the gates of eight points ask for that. */
static const double SPREAD = 3.0;

/* Networks. */

static glia_value state(struct glia_surrogate *s, const char *net, const char *name, int l,
                        int rank, const int64_t *dim)
{
  char path[64];

  snprintf(path, sizeof path, "params/%s/%02d-linear/%s", net, l + 1, name);
  const struct glia_type t = glia_type_make(GLIA_F64, rank, dim);
  s->size += glia_type_count(&t);
  return s->state[s->n_states++] = glia_state(s->u.graph, path, t);
}

static void make_layers(struct glia_surrogate *s, const char *net, int64_t in, int depth, int width,
                        int out, struct glia_jet_layer *layer)
{
  for (int l = 0; l <= depth; l++) {
    const int64_t dim[2] = {l == depth ? out : width, in};
    layer[l].weight = state(s, net, "weight", l, 2, dim);
    layer[l].bias = state(s, net, "bias", l, 1, dim);
    layer[l].activation = l == depth ? GLIA_JET_LINEAR : GLIA_JET_TANH;
    in = dim[0];
  }
}

static glia_value input(struct glia_surrogate *s, const char *name, int64_t cols)
{
  return glia_input(s->u.graph, name, GLIA_PER_MICRO_BATCH,
                    glia_type_make(GLIA_F64, 2, (int64_t[]){rows_, cols}));
}

static glia_value column(struct glia_graph *g, glia_value v)
{
  return glia_reshape(g, v, 2, (int64_t[]){rows_, 1});
}

/* H at inputs z [BATCH, n_inputs]: out [n_hidden], each [BATCH]. */
static void hidden_of(struct glia_surrogate *s, glia_value z, glia_value *out)
{
  struct glia_graph *g = s->u.graph;
  struct glia_jet in = {.part = {z}};
  struct glia_jet_net *net = &s->hidden_net[s->n_hidden_nets++];

  glia_jet_set_begin(&s->value_only, s->d->p.n_coords);
  glia_jet_forward(g, &s->value_only, rows_, &in, s->o.hidden_depth + 1, s->hidden_layer, net);
  for (int k = 0; k < s->d->n_hidden; k++)
    out[k] = glia_mul(g, glia_constant(g, s->target_scale[k]), glia_jet_derivative(g, net, 0, k));
}

static glia_value scaled_inputs(struct glia_surrogate *s, const glia_value *value)
{
  struct glia_graph *g = s->u.graph;
  glia_value part[GLIA_SURROGATE_INPUTS];

  for (int i = 0; i < s->o.n_inputs; i++)
    part[i] = column(g, glia_mul(g, glia_sub(g, value[i], glia_constant(g, s->input_mean[i])),
                                 glia_constant(g, 1.0 / s->input_scale[i])));
  return glia_concat(g, s->o.n_inputs, part, 1);
}

/* Loss and gradient [size] of a sum of squares as entry points "loss<k>" and
 * "gradient<k>". */
static void entries(struct glia_surrogate *s, int k, glia_value loss)
{
  struct glia_graph *g = s->u.graph;
  const glia_value one = glia_full(g, glia_graph_node(g, loss)->type, 1.0);
  glia_value d[GLIA_SURROGATE_STATES_];
  char name[24];

  glia_vjp(g, 1, &loss, &one, s->n_states, s->state, d);
  for (int i = 0; i < s->n_states; i++) {
    const struct glia_type t = glia_graph_node(g, s->state[i])->type;
    const int64_t n = glia_type_count(&t);
    d[i] = d[i] == GLIA_NONE ? glia_full(g, glia_type_make(GLIA_F64, 1, &n), 0.0)
                             : glia_reshape(g, d[i], 1, &n);
  }
  snprintf(name, sizeof name, "gradient%d", k);
  struct glia_entry *e = glia_graph_entry(g, name);
  glia_entry_output(g, e, "loss", glia_batch_sum(g, loss));
  glia_entry_output(g, e, "gradient", glia_batch_sum(g, glia_concat(g, s->n_states, d, 0)));
}

static glia_value square_of(struct glia_graph *g, glia_value r, glia_value w)
{
  const glia_value v = glia_mul(g, r, w);

  return glia_reduce_sum(g, glia_mul(g, v, v), -1, NULL, false);
}

/* Group 0: equations at collocation points. */
static glia_status equation_graph(struct glia_surrogate *s)
{
  struct glia_graph *g = s->u.graph;
  const glia_value x = input(s, "x0", s->d->p.n_coords);
  const glia_value w = glia_reshape(g, input(s, "w0", 1), 1, &rows_);
  const int n = s->d->n_hidden;
  int e[GLIA_DISCOVER_HIDDEN + GLIA_SURROGATE_INPUTS];
  glia_value v[GLIA_DISCOVER_HIDDEN + GLIA_SURROGATE_INPUTS], h[GLIA_DISCOVER_HIDDEN];
  glia_value loss = GLIA_NONE;

  memcpy(e, s->target, (size_t)n * sizeof *e);
  memcpy(e + n, s->input, (size_t)s->o.n_inputs * sizeof *e);
  GLIA_TRY(glia_pinn_values_(&s->u, x, n + s->o.n_inputs, e, &s->set[0], &s->net[0], v));
  hidden_of(s, scaled_inputs(s, v + n), h);
  for (int k = 0; k < n; k++) {
    const glia_value r = s->o.no_hidden ? v[k] : glia_sub(g, v[k], h[k]);
    const glia_value scaled = glia_mul(g, r, glia_constant(g, 1.0 / s->target_scale[k]));
    const glia_value q = square_of(g, scaled, w);
    loss = k == 0 ? q : glia_add(g, loss, q);
  }
  entries(s, 0, loss);
  return glia_graph_status(g);
}

/* Group 1: data. */
static glia_status data_graph(struct glia_surrogate *s)
{
  struct glia_graph *g = s->u.graph;
  const int m = s->d->p.n_unknowns;
  const glia_value x = input(s, "x1", s->d->p.n_coords), y = input(s, "y1", m);
  const glia_value w = input(s, "w1", m);
  glia_value v[GLIA_PDE_UNKNOWNS], part[GLIA_PDE_UNKNOWNS];

  GLIA_TRY(glia_pinn_values_(&s->u, x, m, s->unknown, &s->set[1], &s->net[1], v));
  for (int k = 0; k < m; k++)
    part[k] = column(g, glia_mul(g, v[k], glia_constant(g, 1.0 / s->scale[k])));
  const glia_value u = glia_concat(g, m, part, 1);
  entries(s, 1, square_of(g, glia_sub(g, u, y), w));
  return glia_graph_status(g);
}

/* What people look at afterwards. */
static glia_status table_graph(struct glia_surrogate *s)
{
  struct glia_graph *g = s->u.graph;
  const int m = s->d->p.n_unknowns, n = s->d->n_hidden;
  const glia_value x = input(s, "x2", s->d->p.n_coords), z = input(s, "z3", s->o.n_inputs);
  int e[GLIA_SURROGATE_WIDTH_], k = 0;
  glia_value v[GLIA_SURROGATE_WIDTH_], h[GLIA_DISCOVER_HIDDEN], part[GLIA_SURROGATE_WIDTH_];

  for (int i = 0; i < m; i++) e[k++] = s->unknown[i];
  for (int i = 0; i < n; i++) e[k++] = s->target[i];
  for (int i = 0; i < s->o.n_inputs; i++) e[k++] = s->input[i];
  for (int i = 0; i < s->o.n_columns; i++) e[k++] = s->column[i];
  GLIA_TRY(glia_pinn_values_(&s->u, x, k, e, &s->set[2], &s->net[2], v));
  hidden_of(s, scaled_inputs(s, v + m + n), h);
  for (int i = 0; i < s->width; i++) {
    const int behind = i - m - n;
    part[i] = column(g, behind < 0 ? v[i] : behind < n ? h[behind] : v[i - n]);
  }
  glia_entry_output(g, glia_graph_entry(g, "table"), "out", glia_concat(g, s->width, part, 1));
  for (int i = 0; i < s->o.n_inputs; i++)
    v[i] = glia_reshape(
        g, glia_slice(g, z, (int64_t[]){0, i}, (int64_t[]){rows_, i + 1}, (int64_t[]){1, 1}), 1,
        &rows_);
  hidden_of(s, scaled_inputs(s, v), h);
  for (int i = 0; i < n; i++) part[i] = column(g, h[i]);
  glia_entry_output(g, glia_graph_entry(g, "hidden"), "out", glia_concat(g, n, part, 1));
  return glia_graph_status(g);
}

/* Scales: of the unknowns from the data, of the targets as if the unknown
 * turned once in the time that there is. */

static void measure(struct glia_surrogate *s)
{
  const struct glia_problem *p = &s->d->p;
  const int d = p->n_coords, cols = d + p->n_unknowns;

  for (int k = 0; k < p->n_unknowns; k++) {
    double sum = 0.0, square = 0.0, n = 0.0;
    for (int64_t i = 0; i < s->n; i++) {
      const double v = s->row[i * cols + d + k];
      if (isnan(v)) continue;
      sum += v;
      square += v * v;
      n += 1.0;
    }
    s->mean[k] = n > 0.0 ? sum / n : 0.0;
    s->scale[k] = n > 0.0 ? sqrt(fmax(square / n - s->mean[k] * s->mean[k], 0.0)) : 1.0;
    if (!(s->scale[k] > 0.0)) s->scale[k] = 1.0;
  }
}

static int in_outputs(struct glia_surrogate *s, int e)
{
  return glia_expr_substitute(s->d->p.pool, e, s->d->p.n_unknowns, s->unknown);
}

static glia_status expressions(struct glia_surrogate *s)
{
  struct glia_problem *p = &s->d->p;
  const uint8_t none[GLIA_EXPR_COORDS] = {0};
  bool ok = true;

  for (int i = 0; i < p->n_unknowns; i++) /* u = mean + scale N */
    s->unknown[i] = glia_expr_binary(
        p->pool, GLIA_EXPR_ADD, glia_expr_number(p->pool, s->mean[i]),
        glia_expr_binary(p->pool, GLIA_EXPR_MUL, glia_expr_number(p->pool, s->scale[i]),
                         glia_expr_unknown(p->pool, p->n_unknowns + i, none)));
  for (int k = 0; k < s->d->n_hidden; k++) {
    int node[64], index = 0;
    const int n = glia_expr_unknowns(p->pool, s->d->hidden[k].target, 64, node);
    for (int i = 0; i < n; i++)
      if (glia_expr_at(p->pool, node[i])->order[p->time >= 0 ? p->time : 0] > 0)
        index = glia_expr_at(p->pool, node[i])->index;
    const int c = p->time >= 0 ? p->time : 0;
    s->target_scale[k] = SPREAD * 2.0 * M_PI * s->scale[index] / (p->hi[c] - p->lo[c]);
    ok = ok && (s->target[k] = in_outputs(s, s->d->hidden[k].target)) != GLIA_EXPR_NONE;
  }
  for (int i = 0; i < s->o.n_inputs; i++) {
    const struct glia_expr_node *x = glia_expr_at(p->pool, s->o.input[i]);
    const bool plain = x->kind == GLIA_EXPR_UNKNOWN;
    s->input_mean[i] = plain && memcmp(x->order, none, sizeof none) == 0 ? s->mean[x->index] : 0.0;
    s->input_scale[i] = plain ? SPREAD * s->scale[x->index] : 1.0;
    ok = ok && (s->input[i] = in_outputs(s, s->o.input[i])) != GLIA_EXPR_NONE;
  }
  for (int i = 0; i < s->o.n_columns; i++)
    ok = ok && (s->column[i] = in_outputs(s, s->o.column[i])) != GLIA_EXPR_NONE;
  GLIA_CHECK(ok, GLIA_E_CONFIG, "equations or candidates need derivatives above order %d",
             GLIA_EXPR_ORDER);
  return GLIA_OK;
}

static glia_status build(struct glia_surrogate *s)
{
  struct glia_surrogate_options *o = &s->o;

  if (o->depth == 0) o->depth = 3;
  if (o->width == 0) o->width = 16;
  if (o->hidden_depth == 0) o->hidden_depth = 2;
  if (o->hidden_width == 0) o->hidden_width = 16;
  if (o->collocation == 0) o->collocation = 2 * BATCH;
  if (o->adam == 0) o->adam = 3000;
  if (o->quasi_newton == 0) o->quasi_newton = 3000;
  s->width = s->d->p.n_unknowns + 2 * s->d->n_hidden + o->n_inputs + o->n_columns;
  GLIA_CHECK(o->n_inputs >= 1 && o->depth < 12 && o->hidden_depth < 12, GLIA_E_ARGUMENT,
             "%d inputs of the hidden network", o->n_inputs);
  GLIA_CHECK(s->n >= 2, GLIA_E_DATA, "%lld samples, expected two at least", (long long)s->n);
  s->u.problem = &s->d->p;
  s->u.network = (struct glia_pinn_network){.depth = o->depth, .width = o->width, .harmonics = 1};
  measure(s);
  GLIA_TRY(expressions(s));
  GLIA_TRY(glia_graph_new(&s->u.graph));
  GLIA_TRY(glia_pinn_features_(&s->u));
  s->u.n_layers = o->depth + 1;
  make_layers(s, "surrogate", s->u.n_features, o->depth, o->width, s->d->p.n_unknowns, s->u.layer);
  make_layers(s, "hidden", o->n_inputs, o->hidden_depth, o->hidden_width, s->d->n_hidden,
              s->hidden_layer);
  GLIA_TRY(equation_graph(s));
  GLIA_TRY(data_graph(s));
  GLIA_TRY(table_graph(s));
  GLIA_TRY(glia_program_compile(s->u.graph, glia_kernels_default(), &s->program));
  return glia_engine_create(s->program, 1, NULL, AT_ONCE, &s->local);
}

static glia_status open_exchange(struct glia_surrogate *s, int64_t v)
{
  struct glia_exchange_need need[2 * BUCKETS];
  struct glia_bucket bucket[BUCKETS];
  int n = 0;

  if (glia_comm_size(s->comm) == 1) return GLIA_OK;
  for (int k = 0; k < 2; k++) {
    const int m =
        glia_program_buckets(s->program, k == 0 ? "gradient0" : "gradient1", BUCKETS, bucket);
    GLIA_CHECK(m <= BUCKETS, GLIA_E_UNSUPPORTED, "%d buckets of sums", m);
    for (int b = 0; b < m; b++) need[n++] = (struct glia_exchange_need){bucket[b], v};
  }
  return glia_exchange_mpi_open(s->comm, 1, n, need, &s->exchange);
}

static glia_status place(struct glia_surrogate *s, const double *row)
{
  const struct glia_problem *p = &s->d->p;
  const size_t cols = (size_t)(p->n_coords + p->n_unknowns);
  struct glia_problem all = *p;

  s->row = malloc((size_t)s->n * cols * sizeof *s->row);
  s->x = malloc((size_t)((s->o.collocation > 0 ? s->o.collocation : 2 * BATCH) * p->n_coords) *
                sizeof *s->x);
  GLIA_CHECK(s->row != NULL && s->x != NULL, GLIA_E_MEMORY, "%lld samples", (long long)s->n);
  memcpy(s->row, row, (size_t)s->n * cols * sizeof *s->row);
  GLIA_TRY(build(s));
  all.n_within = all.n_without = 0;
  return glia_problem_interior(&all, p->n_coords == 1 ? GLIA_POINTS_GRID : GLIA_POINTS_SOBOL,
                               s->o.seed, s->o.collocation, s->x);
}

glia_status glia_surrogate_create(struct glia_discovery *d, int64_t n, const double *row,
                                  const struct glia_surrogate_options *o, struct glia_comm *comm,
                                  struct glia_surrogate **out)
{
  struct glia_surrogate *s = calloc(1, sizeof *s);
  const int64_t most = (n > 2048 ? n : 2048) / BATCH + 2;
  glia_status st = GLIA_OK;

  *out = NULL;
  if (s == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a surrogate");
  if (s != NULL) {
    s->d = d;
    s->o = *o;
    s->n = n;
    s->comm = comm;
    st = place(s, row);
  }
  st = glia_agree(comm, st);
  if (st == GLIA_OK) st = open_exchange(s, most);
  if (st == GLIA_OK)
    st = glia_agree(comm, glia_engine_create(s->program, 1, s->exchange, most, &s->shared));
  if (st != GLIA_OK) {
    glia_surrogate_destroy(&s);
    return st;
  }
  *out = s;
  return GLIA_OK;
}

void glia_surrogate_destroy(struct glia_surrogate **s)
{
  if (s == NULL || *s == NULL) return;
  glia_engine_destroy(&(*s)->local);
  glia_engine_destroy(&(*s)->shared);
  glia_exchange_mpi_destroy(&(*s)->exchange);
  glia_program_destroy(&(*s)->program);
  glia_graph_destroy(&(*s)->u.graph);
  free((*s)->row);
  free((*s)->x);
  free((*s)->theta);
  free(*s);
  *s = NULL;
}

int glia_surrogate_width(const struct glia_surrogate *s) { return s->width; }

/* Tables: points in, rows out. */

struct run {
  struct glia_surrogate *s;
  int at, cols, width;
  int64_t n, first;
  const double *x;
  double *out;
};

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  const struct run *r = self;
  double *to = data[r->at];

  (void)worker;
  for (int64_t i = 0; i < BATCH; i++) {
    const int64_t k = r->first + index * BATCH + i;
    memcpy(to + i * r->cols, r->x + (k < r->n ? k : r->n - 1) * r->cols,
           (size_t)r->cols * sizeof *to);
  }
  return GLIA_OK;
}

static glia_status take(void *self, int64_t index, int worker, const void *const *data)
{
  const struct run *r = self;
  const int64_t first = r->first + index * BATCH, left = r->n - first;

  (void)worker;
  memcpy(r->out + first * r->width, data[0],
         (size_t)((left < BATCH ? left : BATCH) * r->width) * sizeof *r->out);
  return GLIA_OK;
}

static glia_status run_table(struct run r, const char *entry, const char *name)
{
  const struct glia_feed feed = {&r, fill, take};

  r.at = glia_surrogate_input_(r.s, name);
  for (; r.first < r.n; r.first += AT_ONCE * BATCH) {
    const int64_t v = (r.n - r.first + BATCH - 1) / BATCH;
    GLIA_TRY(glia_engine_step(r.s->local, entry, v < AT_ONCE ? v : AT_ONCE, &feed));
  }
  return GLIA_OK;
}

glia_status glia_surrogate_table(struct glia_surrogate *s, int64_t n, const double *x, double *out)
{
  return run_table(
      (struct run){.s = s, .cols = s->d->p.n_coords, .width = s->width, .n = n, .x = x, .out = out},
      "table", "x2");
}

glia_status glia_surrogate_hidden(struct glia_surrogate *s, int64_t n, const double *z, double *out)
{
  return run_table(
      (struct run){
          .s = s, .cols = s->o.n_inputs, .width = s->d->n_hidden, .n = n, .x = z, .out = out},
      "hidden", "z3");
}

int glia_surrogate_input_(const struct glia_surrogate *s, const char *name)
{
  const struct glia_input *in;
  const int n = glia_graph_inputs(s->u.graph, &in);

  for (int i = 0; i < n; i++)
    if (strcmp(in[i].name, name) == 0) return i;
  return -1;
}
