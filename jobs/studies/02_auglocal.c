/* auglocal, auglocal-parity: do modules that learn by losses of their own keep up with backpropagation?
 *
 * Networks of ten units on small images of clothes, and of eight on a nested parity: 16 bits in four blocks, each the AND of two XORs,
 * and the parity of the blocks. Baseline: backpropagation. Method: local learning with auxiliary networks of 2 or 3 layers, sampled
 * from the layers that follow. Controls: heads alone; and hidden layers in the place of the sampled ones, so wide that they have
 * as many parameters (within 0.2 %).
 *
 * A linear probe on unit 2 (the network's own head, fresh, on its frozen features) tells what early layers learn: heads
 * alone make them linearly separable early, and the network worse. CKA compares units with those of a network that another seed's
 * backpropagation has trained.
 * Source: ma2024 (arXiv:2402.17318); probes: alain2016; CKA: kornblith2019.
 * Departs: initial values are those of the layers, not N(0, 2 / (k^2 channels)). */
#include "fashion.h"

#include "glia_random.h"
#include "session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 3, CKA_ROWS = 500, BITS = 16, TRAIN_ROWS = 10000, TEST_ROWS = 10000 };
enum {
  PARITY_ROWS = 20000,
  QUICK_EPOCHS_IMAGES = 1,
  QUICK_EPOCHS_PARITY = 10,
  REFERENCE_SEED = 1000
};

/* What differs between the two tasks. */
struct task {
  const char *place[PLACES]; /* outputs of three units; the probe looks at the first */
  const char *wide;  /* hidden layers with the parameters of auxiliary networks of depth 3 */
  const char *probe; /* model on the features of a unit */
};

static const struct task images = {
    {"07-relu", "13-relu", "19-relu"},
    "local={depth: 3, hidden: [1037, 1221, 1952, 975, 723, 1237]}",
    "model: [{reshape: [8, 14, 14]}, global_avg_pool, batch_norm, {linear: 10}]\n",
};
static const struct task parity = {
    {"08-relu", "14-relu", "20-relu"},
    "local={depth: 3, hidden: [194, 194, 130, 130]}",
    "model: [batch_norm, {linear: 2}]\n",
};

static const struct task *task_of(const struct study_cell *c)
{
  return c->study->data != NULL ? &images : &parity;
}

/* ---- rows */

/* Rows of the parity: all different, those of both splits too. */
static glia_status parity_rows(int64_t seed, int64_t first, int64_t n, struct study_rows *out)
{
  enum { ALL = 1 << BITS };
  const uint64_t key = glia_random_stream((uint64_t)seed, "study/parity/rows");
  int32_t *order = malloc(ALL * sizeof *order);

  *out = (struct study_rows){n, BITS, calloc((size_t)(n * BITS), sizeof(float)),
                             calloc((size_t)n, sizeof(int32_t))};
  if (order == NULL || out->x == NULL || out->y == NULL) {
    free(order);
    return GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)n);
  }
  for (int i = 0; i < ALL; i++) order[i] = i;
  for (int64_t i = 0; i < first + n; i++) {
    const int64_t j =
        i + (int64_t)(glia_random_unit(glia_random_bits(key, 0, (uint64_t)i)) * (double)(ALL - i));
    const int32_t keep = order[i];
    order[i] = order[j];
    order[j] = keep;
  }
  for (int64_t i = 0; i < n; i++) {
    const int32_t v = order[first + i];
    for (int k = 0; k < BITS; k++) out->x[i * BITS + k] = v >> k & 1 ? 1.0F : -1.0F;
    for (int k = 0; k < BITS; k += 4)
      out->y[i] ^= ((v >> k ^ v >> (k + 1)) & (v >> (k + 2) ^ v >> (k + 3))) & 1;
  }
  free(order);
  return GLIA_OK;
}

struct data {
  struct study_rows train, test;
};

static glia_status make_data(const struct study_cell *c, struct data *d)
{
  const int64_t n = PARITY_ROWS;

  *d = (struct data){0};
  if (task_of(c) == &images) {
    GLIA_TRY(study_fashion(c->data, "train", TRAIN_ROWS, c->seed, &d->train));
    return study_fashion(c->data, "test", TEST_ROWS, c->seed, &d->test);
  }
  GLIA_TRY(parity_rows(c->seed, 0, n, &d->train));
  return parity_rows(c->seed, n, TEST_ROWS, &d->test);
}

/* ---- a network */

static const char *const entries[PLACES] = {"place0", "place1", "place2"};

/* The cell that runs: extend has no argument of its own. */
static _Thread_local const struct task *looked_at;

static glia_status look(struct glia_model *m)
{
  struct glia_graph *g = glia_model_extend(m);

  for (int k = 0; k < PLACES; k++) {
    int at = 0;
    while (at < glia_model_layers(m) &&
           strcmp(glia_model_layer(m, at).name, looked_at->place[k]) != 0)
      at++;
    GLIA_CHECK(at < glia_model_layers(m), GLIA_E_INTERNAL, "no layer %s", looked_at->place[k]);
    glia_entry_output(g, glia_graph_entry(g, entries[k]), "output", glia_model_layer(m, at).value);
  }
  return glia_graph_status(g);
}

/* Features of one unit on some rows: [n, size]. */
struct features {
  int64_t n, size;
  float *x;
};

static glia_status take(void *self, int64_t first, int64_t n, const void *rows)
{
  struct features *f = self;

  memcpy(f->x + first * f->size, rows, (size_t)(n * f->size) * sizeof *f->x);
  return GLIA_OK;
}

static glia_status features_of(struct session *s, int place, const struct study_rows *r, int64_t n,
                               struct features *out)
{
  const struct glia_graph *g = glia_model_graph(s->model);
  struct glia_source *rows = NULL;

  *out = (struct features){.n = n};
  for (int i = 0; i < glia_model_layers(s->model); i++)
    if (strcmp(glia_model_layer(s->model, i).name, looked_at->place[place]) == 0)
      out->size = glia_type_count(&glia_graph_node(g, glia_model_layer(s->model, i).value)->type) /
                  s->config.micro_batch;
  out->x = malloc((size_t)(n * out->size) * sizeof *out->x);
  GLIA_CHECK(out->x != NULL, GLIA_E_MEMORY, "features of %lld rows", (long long)n);
  GLIA_TRY(study_rows_source("features", r, 0, n, &rows));
  const glia_status st = glia_predict_entry(s->model, s->engine, entries[place], rows,
                                            s->config.micro_batch, take, out);
  glia_source_close(&rows);
  return st;
}

static glia_status test(struct session *s, const struct study_rows *r, struct glia_eval_result *out)
{
  struct glia_source *rows = NULL;

  GLIA_TRY(study_rows_source("test", r, 0, r->n, &rows));
  const glia_status st = glia_evaluate(s->model, s->engine, rows, s->config.micro_batch,
                                       s->eval_micro_batches, &s->meeting, out);
  glia_source_close(&rows);
  return st;
}

static void close_session(struct session *s)
{
  s->comm = NULL; /* the cell's */
  session_close(s);
}

/* ---- what is measured of it */

/* Accuracy of a linear classifier on frozen features. */
static glia_status probe(struct study_cell *c, struct features *f, const struct data *d,
                         double *accuracy)
{
  struct session s = {.comm = c->comm};
  struct glia_eval_result r = {.accuracy = NAN};
  const struct study_rows train_rows = {d->train.n, f[0].size, f[0].x, d->train.y};
  const struct study_rows test_rows = {d->test.n, f[1].size, f[1].x, d->test.y};
  char config[512], seed[48];
  const char *override = seed;
  double train_loss;

  snprintf(seed, sizeof seed, "seed=%lld", (long long)c->seed);
  snprintf(config, sizeof config,
           "data: {file: made-up, batch: 128, micro_batch: 128}\n%sloss: cross_entropy\n"
           "optimizer: {adam: {lr: 1e-2}}\nlr_schedule: {cosine: {warmup: 0}}\nepochs: 5\n",
           task_of(c)->probe);
  glia_status st = study_rows_source("features", &train_rows, 0, train_rows.n, &s.train);
  if (st == GLIA_OK) st = session_configure_text(&s, "probe", config, 1, &override);
  if (st == GLIA_OK) st = study_learn(c, &s, &train_loss);
  if (st == GLIA_OK) st = test(&s, &test_rows, &r);
  close_session(&s);
  *accuracy = r.accuracy;
  return st;
}

/* Centred Gram matrix of rows [n, n]. */
static void gram(const struct features *f, double *k)
{
  const int64_t n = f->n;
  double all = 0.0;
  double mean[CKA_ROWS];

  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) {
      double dot = 0.0;
      for (int64_t q = 0; q < f->size; q++)
        dot += (double)(f->x[i * f->size + q] * f->x[j * f->size + q]);
      k[i * n + j] = k[j * n + i] = dot;
    }
  for (int64_t i = 0; i < n; i++) {
    mean[i] = 0.0;
    for (int64_t j = 0; j < n; j++) mean[i] += k[i * n + j] / (double)n;
    all += mean[i] / (double)n;
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) k[i * n + j] += all - mean[i] - mean[j];
}

static double product(const double *a, const double *b)
{
  double sum = 0.0;

  for (int i = 0; i < CKA_ROWS * CKA_ROWS; i++) sum += a[i] * b[i];
  return sum;
}

static glia_status cka(const struct features *a, const struct features *b, double *out)
{
  double *k = malloc(2 * (size_t)(CKA_ROWS * CKA_ROWS) * sizeof *k);

  GLIA_CHECK(k != NULL, GLIA_E_MEMORY, "a Gram matrix of %d rows", CKA_ROWS);
  double *l = k + CKA_ROWS * CKA_ROWS;
  gram(a, k);
  gram(b, l);
  *out = product(k, l) / sqrt(product(k, k) * product(l, l));
  free(k);
  return GLIA_OK;
}

/* The cell's network, or (reference) backpropagation from another seed: trained, and its features. */
struct network {
  struct session s;
  struct features place[PLACES], probed[2];
};

static void free_network(struct network *w)
{
  for (int k = 0; k < PLACES; k++) free(w->place[k].x);
  for (int k = 0; k < 2; k++) free(w->probed[k].x);
  close_session(&w->s);
}

static bool is(const struct study_cell *c, const char *variant)
{
  return strcmp(c->variant->name, variant) == 0;
}

/* With another network: of the local ones those that have auxiliary layers to choose. */
static bool compares(const struct study_cell *c) { return !is(c, "backprop") && !is(c, "wide"); }

static glia_status train_network(struct study_cell *c, const struct data *d, bool reference,
                                 struct network *w)
{
  const struct study_variant wide = {"wide", "", (const char *const[]){task_of(c)->wide, NULL}};
  struct study_cell own = *c;
  double train_loss;

  *w = (struct network){.s = {.comm = c->comm, .extend = look}};
  if (reference) own.variant = &c->study->variant[0];
  if (!reference && is(c, "wide")) own.variant = &wide;
  GLIA_TRY(study_rows_source("train", &d->train, 0, d->train.n, &w->s.train));
  GLIA_TRY(study_configure(&own, reference ? c->seed + REFERENCE_SEED : c->seed, &w->s));
  if (c->quick)
    w->s.config.epochs = task_of(c) == &images ? QUICK_EPOCHS_IMAGES : QUICK_EPOCHS_PARITY;
  GLIA_TRY(study_learn(c, &w->s, &train_loss));
  if (c->stopped) return GLIA_OK;
  for (int k = 0; k < PLACES; k++)
    GLIA_TRY(features_of(&w->s, k, &d->test, CKA_ROWS, &w->place[k]));
  if (reference) return GLIA_OK;
  GLIA_TRY(features_of(&w->s, 0, &d->train, d->train.n, &w->probed[0]));
  return features_of(&w->s, 0, &d->test, d->test.n, &w->probed[1]);
}

static glia_status measure(struct study_cell *c, const struct data *d, struct network *w,
                           struct network *reference)
{
  struct glia_eval_result r;
  double accuracy, alike, sum = 0.0;

  GLIA_TRY(test(&w->s, &d->test, &r));
  study_put(c, "accuracy", r.accuracy);
  study_put(c, "test_loss", r.loss);
  study_put(c, "parameters", (double)glia_model_size(w->s.model));
  GLIA_TRY(probe(c, w->probed, d, &accuracy));
  study_put(c, "probe", accuracy);
  for (int k = 0; k < PLACES && compares(c); k++) {
    GLIA_TRY(cka(&w->place[k], &reference->place[k], &alike));
    sum += alike;
  }
  study_put(c, "cka", compares(c) ? sum / PLACES : (double)NAN);
  return GLIA_OK;
}

static glia_status cell(struct study_cell *c)
{
  struct data d;
  struct network own = {0}, reference = {0};

  looked_at = task_of(c);
  glia_status st = make_data(c, &d);
  if (st == GLIA_OK) st = train_network(c, &d, false, &own);
  if (st == GLIA_OK && !c->stopped && compares(c)) st = train_network(c, &d, true, &reference);
  if (st == GLIA_OK && !c->stopped) st = measure(c, &d, &own, &reference);
  free_network(&own);
  free_network(&reference);
  study_rows_free(&d.train);
  study_rows_free(&d.test);
  return st;
}

/* ---- the studies */

#define TRAINING                                                                                   \
  "data: {file: made-up, batch: 128, micro_batch: 128}\n"                                          \
  "loss: cross_entropy\n"                                                                          \
  "optimizer: {sgd: {lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 1e-4}}\n"

#define CONV(c, s)                                                                                 \
  "{conv: {channels: " #c ", kernel: 3, stride: " #s ", padding: 1, bias: false}}, batch_norm"
#define BODY(c, s) "{residual: {body: [" CONV(c, s) ", relu, " CONV(c, 1) "]"
#define BLOCK(c)   ",\n  " BODY(c, 1) "}}, relu"
#define WIDER(c)                                                                                   \
  ",\n  " BODY(c, 2) ", shortcut: [{conv: {channels: " #c                                          \
                     ", kernel: 1, stride: 2, bias: false}}, batch_norm]}}, relu"
#define DENSE "{linear: 64}, batch_norm, relu, "

static const char images_config[] = TRAINING
    "model: [{reshape: [1, 14, 14]}, " CONV(8, 1) ", relu" BLOCK(8) BLOCK(8) BLOCK(8) WIDER(16)
        BLOCK(16) BLOCK(16) WIDER(32) BLOCK(32) BLOCK(32) ",\n  global_avg_pool, {linear: 10}]\n"
                                                          "lr_schedule: {cosine: {warmup: 40}}\n"
                                                          "epochs: 6\n";
static const char parity_config[] =
    TRAINING "model: [" DENSE DENSE DENSE DENSE DENSE DENSE DENSE DENSE "{linear: 2}]\n"
             "lr_schedule: {cosine: {warmup: 100}}\n"
             "epochs: 20\n";

static const struct study_variant variants[] = {
    {"backprop", "one loss, through all layers", NULL},
    {"heads", "a head on each unit, no auxiliary layers",
     (const char *const[]){"local={depth: 0}", NULL}},
    {"auglocal-2", "auxiliary networks of up to 2 sampled layers",
     (const char *const[]){"local={depth: 2}", NULL}},
    {"auglocal-3", "auxiliary networks of up to 3 sampled layers",
     (const char *const[]){"local={depth: 3}", NULL}},
    {"wide", "one hidden layer with as many parameters in the place of the 3", NULL},
    {0},
};

static const struct study_measure measures[] = {
    {"accuracy", "1", "share of 10,000 unseen rows, without auxiliary networks"},
    {"test_loss", "nat", "cross entropy on the same rows"},
    {"parameters", "1", "that training changes"},
    {"probe", "1", "accuracy of a linear probe on unit 2"},
    {"cka", "1", "mean over three units, with those of another seed's backpropagation"},
    {0},
};

static const struct study_gate images_gates[] = {
    {.name = "keeps-up",
     .kind = STUDY_EFFECT,
     .direction = STUDY_AT_LEAST,
     .limit = -0.015,
     .why = "the card's: within 1.5 points of backpropagation"},
    {.name = "beats-heads",
     .against = "heads",
     .kind = STUDY_EFFECT,
     .direction = STUDY_AT_LEAST,
     .limit = 0.02,
     .why = "the card's estimate, set after a measurement: 0.071 over three seeds"},
    {.name = "heads-see-short",
     .measure = "probe",
     .variant = "heads",
     .control = "backprop",
     .kind = STUDY_EFFECT,
     .direction = STUDY_AT_LEAST,
     .limit = 0.01,
     .why = "the card's sign: unit 2 is linearly more separable, and the network worse"},
    {.name = "grows-alike",
     .measure = "cka",
     .against = "heads",
     .kind = STUDY_EFFECT,
     .direction = STUDY_AT_LEAST,
     .limit = 0.01,
     .why = "the card's sign, its size measured: 0.090 over three seeds (0.037 to 0.117)"},
    {0},
};

static const struct study_gate parity_gates[] = {
    {.name = "keeps-up",
     .kind = STUDY_EFFECT,
     .direction = STUDY_AT_LEAST,
     .limit = -0.015,
     .why = "the card's: within 1.5 points of backpropagation"},
    {.name = "beats-heads",
     .against = "heads",
     .kind = STUDY_EFFECT,
     .direction = STUDY_AT_LEAST,
     .limit = 0.08,
     .why = "the card's estimate, set after a measurement: 0.275 over three seeds"},
    {0},
};

const struct glia_study glia_study_auglocal_ = {
    .name = "auglocal",
    .number = 2,
    .title = "local learning with auxiliary networks against backpropagation, on images of clothes",
    .source = "ma2024",
    .version = 2,
    .config = images_config,
    .variant = variants,
    .measure = measures,
    .gate = images_gates,
    .cell = cell,
    .baseline = "backprop",
    .method = "auglocal-3",
    .control = "heads",
    .first_seed = 1,
    .seeds = 3,
    .quick_seeds = 2,
    .quick_note = "1 of 6 epochs",
    .data = STUDY_FASHION_DATA,
};

const struct glia_study glia_study_auglocal_parity_ = {
    .name = "auglocal-parity",
    .number = 2,
    .title = "local learning with auxiliary networks against backpropagation, on a nested parity",
    .source = "ma2024",
    .version = 1,
    .config = parity_config,
    .variant = variants,
    .measure = measures,
    .gate = parity_gates,
    .cell = cell,
    .baseline = "backprop",
    .method = "auglocal-3",
    .control = "heads",
    .first_seed = 1,
    .seeds = 3,
    .quick_seeds = 2,
    .quick_note = "10 of 20 epochs",
};
