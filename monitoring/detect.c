/* Training a detector: which rows, which columns, the network, then what errors and scores are usual. */
#include "detect_priv.h"
#include "glia_agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  BLOCKS = 40,
  BLOCK_LEAST = 8,
  EVERY = 4,
  ROWS_LEAST = 64,
  COLUMNS_LEAST = 2,
  SCORE_ROWS = 64
};

/* Smaller spreads would make dust an alarm. Scaled metrics have a standard deviation of 1 (bottleneck), or fill [0, 1]. */
static const double SPREAD_LEAST[] = {
    [GLIA_DETECT_BOTTLENECK] = 0.05, [GLIA_DETECT_COMBINED] = 0.05, [GLIA_DETECT_SPARSE] = 0.005};
/* No metric alone can raise a score above CAP / sqrt(columns). */
static const double CAP = 12.0;
/* The highest of some hundred scores is not the highest of a day. */
static const double MARGIN = 1.4;
/* Recordings longer than this tell the usual levels of what wanders; window of their running median for shorter ones. */
static const double LONG_S = 3600.0;
static const double LEVEL_S = 30.0;

const char *glia_detect_kind_name(glia_detect_kind kind)
{
  static const char *const name[] = {[GLIA_DETECT_BOTTLENECK] = "bottleneck",
                                     [GLIA_DETECT_COMBINED] = "combined",
                                     [GLIA_DETECT_SPARSE] = "sparse"};

  return name[kind];
}

struct glia_detect_options glia_detect_defaults(glia_detect_kind kind)
{
  return (struct glia_detect_options){.kind = kind,
                                      .epochs = kind == GLIA_DETECT_SPARSE ? 20 : 200,
                                      .seed = 1,
                                      .budget_per_week = 3.0,
                                      .k = 4.0,
                                      .quantile = 0.995,
                                      .window = kind == GLIA_DETECT_COMBINED ? 20 : 5,
                                      .persistence = 3};
}

/* Rows of a node, as training and validation use them. */
struct rows {
  int64_t n_train, n_valid;
  int64_t *train, *valid; /* row numbers, ascending */
  int64_t *all;           /* room for both */
};

static void rows_free(struct rows *r)
{
  free(r->train);
  free(r->valid);
  free(r->all);
}

static bool mostly_missing(const struct glia_telemetry_node *node, int64_t row)
{
  int missing = 0;

  for (int j = 0; j < node->n_metrics; j++)
    missing += !isfinite(node->values[row * node->n_metrics + j]);
  return missing * 2 > node->n_metrics;
}

/* Every fourth block of time validates: neighbours in time are alike, so rows drawn at random would be known already. */
static int64_t block_rows(int64_t n)
{
  const int64_t rows = (n + BLOCKS - 1) / BLOCKS;

  return rows > BLOCK_LEAST ? rows : BLOCK_LEAST;
}

static glia_status split(const struct glia_telemetry_node *node, struct rows *r)
{
  const int64_t n =
      node->train_rows >= 0 && node->train_rows < node->n ? node->train_rows : node->n;
  const int64_t block = block_rows(n);
  struct glia_steal steal;

  *r = (struct rows){0};
  GLIA_CHECK(n >= ROWS_LEAST, GLIA_E_DATA,
             "node %s has %lld samples to train on; at least %d are needed", node->name,
             (long long)n, ROWS_LEAST);
  r->train = calloc((size_t)n, sizeof *r->train);
  r->valid = calloc((size_t)n, sizeof *r->valid);
  r->all = calloc((size_t)n, sizeof *r->all);
  GLIA_CHECK(r->train != NULL && r->valid != NULL && r->all != NULL, GLIA_E_MEMORY, "%lld rows",
             (long long)n);
  GLIA_TRY(glia_steal_open_(&steal, node->n_metrics, (const char *const *)node->metric));
  for (int64_t i = 0; i < n; i++) {
    if (mostly_missing(node, i) || glia_stolen_(&steal, node->values + i * node->n_metrics))
      continue;
    if (i / block % EVERY == EVERY - 1)
      r->valid[r->n_valid++] = i;
    else
      r->train[r->n_train++] = i;
  }
  glia_steal_close_(&steal);
  GLIA_CHECK(r->n_valid >= ROWS_LEAST / 8 && r->n_train >= ROWS_LEAST / 2, GLIA_E_DATA,
             "node %s: most metrics are missing, or time was stolen, in %lld of its %lld samples",
             node->name, (long long)(n - r->n_valid - r->n_train), (long long)n);
  return GLIA_OK;
}

/* Scaled rows x [n, columns]; missing likewise. */
struct scaled {
  int64_t n;
  float *x;
  uint8_t *missing;
};

static void scaled_free(struct scaled *s)
{
  free(s->x);
  free(s->missing);
}

static glia_status scale_rows(const struct glia_detector *d, const struct glia_telemetry_node *node,
                              const float *level, int64_t n, const int64_t *row, double clip,
                              struct scaled *s)
{
  const size_t columns = (size_t)d->columns.n;
  int *map = calloc(columns + 1, sizeof *map);
  glia_status st = GLIA_OK;

  s->n = n;
  s->x = calloc((size_t)n * columns + 1, sizeof *s->x);
  s->missing = calloc((size_t)n * columns + 1, sizeof *s->missing);
  GLIA_CHECK_TO(out, st, map != NULL && s->x != NULL && s->missing != NULL, GLIA_E_MEMORY,
                "%lld rows of %zu columns", (long long)n, columns);
  GLIA_TRY_TO(out, st, glia_columns_match_(&d->columns, node, map));
  for (int64_t i = 0; i < n; i++)
    glia_columns_apply_(&d->columns, map, node, level, row[i], clip, s->x + (size_t)i * columns,
                        s->missing + (size_t)i * columns);
out:
  free(map);
  return st;
}

/* x becomes x - y, NaN where it was missing. */
static glia_status to_errors(struct glia_detector *d, struct scaled *s)
{
  const int64_t count = s->n * d->columns.n;
  float *y = malloc((size_t)(count + 1) * sizeof *y);

  GLIA_CHECK(y != NULL, GLIA_E_MEMORY, "%lld rows", (long long)s->n);
  glia_columns_limit_(&d->columns, s->n, s->x, y);
  const glia_status st = glia_net_predict_(&d->net, s->n, d->columns.n, y, y);
  for (int64_t i = 0; st == GLIA_OK && i < count; i++)
    s->x[i] = s->missing[i] ? NAN : s->x[i] - y[i];
  free(y);
  return st;
}

double glia_row_score_(const struct glia_detector *d, const float *e)
{
  double sum = 0.0;
  int n = 0;

  for (int j = 0; j < d->columns.n; j++) {
    if (isnan(e[j])) continue;
    const double z = fmin(fabs((double)e[j]) / d->spread[j], CAP);
    sum += z * z;
    n++;
  }
  return n > 0 ? sqrt(sum / n) : (double)NAN;
}

double glia_row_max_(const struct glia_detector *d, const float *e)
{
  double most = (double)NAN;

  for (int j = 0; j < d->columns.n; j++) most = fmax(most, fabs((double)e[j])); /* drops NaN */
  return most;
}

/* Errors of a column that are there, as magnitudes; returns how many. */
static int64_t magnitudes(const struct scaled *s, int columns, int j, double *out)
{
  int64_t n = 0;

  for (int64_t i = 0; i < s->n; i++) {
    const float e = s->x[i * columns + j];
    if (!isnan(e)) out[n++] = fabs((double)e);
  }
  return n;
}

/* How far a scaled column wandered: between the means of both halves of the training. What wandered (memory in use, load averages)
 * may wander on. */
static double drift_of(const struct scaled *train, int columns, int j)
{
  double sum[2] = {0.0, 0.0};
  int64_t n[2] = {0, 0};

  for (int64_t i = 0; i < train->n; i++) {
    const int half = 2 * i >= train->n;
    if (train->missing[i * columns + j]) continue;
    sum[half] += (double)train->x[i * columns + j];
    n[half]++;
  }
  return n[0] > 0 && n[1] > 0 ? fabs(sum[1] / (double)n[1] - sum[0] / (double)n[0]) : 0.0;
}

/* How large a column's error usually is, as the standard deviation of a normal distribution: the larger of what the middle of
 * the validation errors says and what the tail of all errors says, so that bursts that come with ordinary work are part of what is usual. */
static double spread_of(double least, int64_t n_valid, double *valid, int64_t n_train,
                        const double *train)
{
  const double middle = 1.4826 * glia_quantile_(n_valid, valid, 0.5);
  memcpy(valid + n_valid, train, (size_t)n_train * sizeof *valid);
  const double tail = glia_quantile_(n_valid + n_train, valid, 0.99) / 2.5758;

  return n_valid > 0 ? fmax(fmax(middle, tail), least) : least;
}

/* train: scaled rows; train_error, valid_error: what the network leaves of them. */
static glia_status fit_spread(struct glia_detector *d, const struct scaled *train,
                              const struct scaled *train_error, const struct scaled *valid_error)
{
  const int columns = d->columns.n;
  double *valid = malloc((size_t)(valid_error->n + train->n + 1) * sizeof *valid);
  double *tail = malloc((size_t)(train->n + 1) * sizeof *tail);
  glia_status st = GLIA_OK;

  d->spread = calloc((size_t)columns + 1, sizeof *d->spread);
  GLIA_CHECK_TO(out, st, valid != NULL && tail != NULL && d->spread != NULL, GLIA_E_MEMORY,
                "%lld rows", (long long)train->n);
  for (int j = 0; j < columns; j++) {
    const int64_t n_valid = magnitudes(valid_error, columns, j, valid);
    const int64_t n_train = magnitudes(train_error, columns, j, tail);
    d->spread[j] = hypot(spread_of(SPREAD_LEAST[d->options.kind], n_valid, valid, n_train, tail),
                         drift_of(train, columns, j));
  }
out:
  free(tail);
  free(valid);
  return st;
}

/* Means over the last samples of each validation block alone; blocks are not neighbours. */
static void smooth_blocks(const struct glia_detector *d, const struct rows *r, double *score)
{
  double *own = score + r->n_valid; /* as they were */

  memcpy(own, score, (size_t)r->n_valid * sizeof *own);
  for (int64_t i = 0; i < r->n_valid; i++) {
    double sum = 0.0;
    int64_t n = 0;
    for (int64_t k = i; k >= 0 && n < d->options.window && r->valid[i] - r->valid[k] == n; k--, n++)
      sum += own[k];
    score[i] = sum / (double)n;
  }
}

static glia_status fit_threshold(struct glia_detector *d, const struct rows *r,
                                 const struct scaled *valid)
{
  double *v = malloc((size_t)(2 * valid->n + 1) * sizeof *v);

  GLIA_CHECK(v != NULL, GLIA_E_MEMORY, "%lld rows", (long long)valid->n);
  for (int64_t i = 0; i < valid->n; i++) v[i] = glia_row_max_(d, valid->x + i * d->columns.n);
  d->max_error_p95 = glia_quantile_(valid->n, v, 0.95);
  for (int64_t i = 0; i < valid->n; i++) v[i] = glia_row_score_(d, valid->x + i * d->columns.n);
  smooth_blocks(d, r, v);
  d->flag = glia_quantile_(valid->n, v, 0.99);
  const double highest = glia_quantile_(valid->n, v, d->options.quantile);
  for (int64_t i = 0; i < valid->n; i++) v[i] = log(fmax(v[i], 1e-12));
  const double middle = glia_quantile_(valid->n, v, 0.5);
  for (int64_t i = 0; i < valid->n; i++) v[i] = fabs(v[i] - middle);
  const double mad = 1.4826 * glia_quantile_(valid->n, v, 0.5);
  d->threshold = fmax(exp(middle + d->options.k * mad), MARGIN * highest);
  free(v);
  return GLIA_OK;
}

glia_status glia_detector_take_(struct glia_detector *d, struct glia_net *net)
{
  const struct glia_state *state;
  const int n = glia_graph_states(glia_model_graph(net->model), &state);

  d->parameter = calloc((size_t)n + 1, sizeof *d->parameter);
  GLIA_CHECK(d->parameter != NULL, GLIA_E_MEMORY, "%d arrays", n);
  for (int i = 0; i < n; i++) {
    if (strncmp(state[i].path, "params/", 7) != 0) continue;
    struct glia_array *a = &d->parameter[d->n_parameters++];
    const size_t bytes = glia_type_bytes(&state[i].type);
    *a = (struct glia_array){strdup(state[i].path), state[i].type, malloc(bytes + 1)};
    GLIA_CHECK(a->path != NULL && a->data != NULL, GLIA_E_MEMORY, "%s", state[i].path);
    memcpy(a->data, glia_engine_state(net->engine, i), bytes);
  }
  return GLIA_OK;
}

glia_status glia_detector_ready_(struct glia_detector *d)
{
  const struct glia_state *state;

  GLIA_TRY(glia_net_open_(&d->net, NULL, d->config, d->columns.n, SCORE_ROWS));
  const int n = glia_graph_states(glia_model_graph(d->net.model), &state);
  for (int k = 0; k < d->n_parameters; k++) {
    int i = 0;
    while (i < n && strcmp(state[i].path, d->parameter[k].path) != 0) i++;
    GLIA_CHECK(i < n && glia_type_equal(&state[i].type, &d->parameter[k].type), GLIA_E_SHAPE,
               "node %s: the model has no %s of this shape", d->node, d->parameter[k].path);
    memcpy(glia_engine_state(d->net.engine, i), d->parameter[k].data,
           glia_type_bytes(&state[i].type));
  }
  return GLIA_OK;
}

/* A short recording cannot tell how far memory in use, or a load average, wanders in a day: such levels then count relative to
 * their running median, which a short fault does not move. A long one can, and the published method takes all as they are. */
static double level_s_of(const struct glia_detector *d, const struct glia_telemetry_node *node,
                         const struct rows *r)
{
  const int64_t train = r->train[r->n_train - 1];
  const int64_t valid = r->valid[r->n_valid - 1];
  const int64_t last = train > valid ? train : valid;
  const double span_s = 1e-9 * (double)(node->time_ns[last] - node->time_ns[0]);

  if (d->options.kind == GLIA_DETECT_SPARSE || span_s > LONG_S) return 0.0;
  return fmin(span_s / 2.0, LEVEL_S);
}

/* What one rank does before all train together. */
static glia_status prepare(struct glia_detector *d, const struct glia_telemetry_node *node,
                           float **level, struct rows *rows, struct scaled *train)
{
  GLIA_CHECK(d->options.epochs > 0 && d->options.window > 0 && d->options.persistence > 0 &&
                 d->options.seed <= INT64_MAX,
             GLIA_E_ARGUMENT, "epochs, window and persistence start at 1");
  d->node = strdup(node->name);
  GLIA_CHECK(d->node != NULL, GLIA_E_MEMORY, "node %s", node->name);
  GLIA_TRY(split(node, rows));
  GLIA_TRY(glia_levels_(node, level_s_of(d, node, rows), level));
  GLIA_TRY(glia_columns_fit_(&d->columns, d->options.kind, level_s_of(d, node, rows), node, *level,
                             rows->n_train, rows->train));
  GLIA_CHECK(d->columns.n >= COLUMNS_LEAST, GLIA_E_DATA,
             "node %s: %d of %d metrics vary; at least %d are needed", node->name, d->columns.n,
             node->n_metrics, COLUMNS_LEAST);
  d->config = glia_net_config_(&d->options, d->columns.n);
  GLIA_CHECK(d->config != NULL, GLIA_E_MEMORY, "node %s", node->name);
  d->rows_train = rows->n_train;
  d->rows_valid = rows->n_valid;
  const int64_t last = rows->n_train - 1, last_valid = rows->n_valid - 1;
  d->train_begin_ns = node->time_ns[rows->train[0]];
  d->train_end_ns =
      node->time_ns[rows->train[last] > rows->valid[last_valid] ? rows->train[last]
                                                                : rows->valid[last_valid]];
  return scale_rows(d, node, *level, rows->n_train, rows->train, GLIA_DETECT_CLIP_TRAIN, train);
}

/* What one rank does with the trained network: the same on all, since all have the same parameters. */
static glia_status finish(struct glia_detector *d, const struct glia_telemetry_node *node,
                          const float *level, const struct rows *rows, const struct scaled *train)
{
  struct scaled train_error = {0};
  struct scaled valid_error = {0};
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_detector_ready_(d));
  GLIA_TRY_TO(
      out, st,
      scale_rows(d, node, level, rows->n_train, rows->train, GLIA_DETECT_CLIP_SCORE, &train_error));
  GLIA_TRY_TO(out, st, to_errors(d, &train_error));
  GLIA_TRY_TO(
      out, st,
      scale_rows(d, node, level, rows->n_valid, rows->valid, GLIA_DETECT_CLIP_SCORE, &valid_error));
  GLIA_TRY_TO(out, st, to_errors(d, &valid_error));
  GLIA_TRY_TO(out, st, fit_spread(d, train, &train_error, &valid_error));
  GLIA_TRY_TO(out, st, fit_threshold(d, rows, &valid_error));
out:
  scaled_free(&train_error);
  scaled_free(&valid_error);
  return st;
}

/* No network: a rank does it alone, and each the same. */
static glia_status train_combined(struct glia_detector *d, const struct glia_telemetry_node *node,
                                  struct rows *rows)
{
  GLIA_CHECK(d->options.window > 0 && d->options.window <= 64 && d->options.persistence > 0 &&
                 d->options.budget_per_week > 0.0 && d->options.faulty >= 0.0 &&
                 d->options.faulty <= 0.3,
             GLIA_E_ARGUMENT,
             "window is 1 to 64, persistence starts at 1, a budget is above 0, at most 0.3 of the "
             "rows are faulty");
  d->node = strdup(node->name);
  d->config = strdup("combined");
  GLIA_CHECK(d->node != NULL && d->config != NULL, GLIA_E_MEMORY, "node %s", node->name);
  GLIA_TRY(split(node, rows));
  const int64_t last = rows->train[rows->n_train - 1] > rows->valid[rows->n_valid - 1]
                           ? rows->train[rows->n_train - 1]
                           : rows->valid[rows->n_valid - 1];
  int64_t n = 0;
  for (int64_t i = 0, v = 0, t = 0; t < rows->n_train || v < rows->n_valid; i++) {
    /* both lists as one, in the order of time */
    const bool is_train =
        v == rows->n_valid || (t < rows->n_train && rows->train[t] < rows->valid[v]);
    rows->all[n++] = is_train ? rows->train[t++] : rows->valid[v++];
  }
  GLIA_TRY(glia_columns_fit_(&d->columns, d->options.kind, 0.0, node, NULL, n, rows->all));
  GLIA_CHECK(d->columns.n >= COLUMNS_LEAST, GLIA_E_DATA,
             "node %s: %d of %d metrics are there; at least %d are needed", node->name,
             d->columns.n, node->n_metrics, COLUMNS_LEAST);
  d->spread = calloc((size_t)d->columns.n + 1, sizeof *d->spread);
  GLIA_CHECK(d->spread != NULL, GLIA_E_MEMORY, "node %s", node->name);
  for (int j = 0; j < d->columns.n; j++) d->spread[j] = 1.0;
  d->rows_train = n;
  d->train_begin_ns = node->time_ns[rows->all[0]];
  d->train_end_ns = node->time_ns[rows->all[n - 1]];
  return glia_combined_train_(d, node, n, rows->all, last + 1);
}

static glia_status train(struct glia_comm *comm, struct glia_detector *d, const char *name,
                         const struct scaled *x)
{
  struct glia_net net = {0};
  glia_status st = glia_net_open_(&net, comm, d->config, d->columns.n, 0);

  if (st == GLIA_OK)
    st = glia_net_train_(&net, comm, &d->options, name, &d->columns, x->n, x->x, &d->train_loss);
  if (st == GLIA_OK) st = glia_detector_take_(d, &net);
  glia_net_close_(&net);
  return st;
}

glia_status glia_detector_train(struct glia_comm *comm, const struct glia_detect_options *options,
                                const struct glia_telemetry_node *node, struct glia_detector **out)
{
  struct glia_detector *d = calloc(1, sizeof *d);
  struct rows rows = {0};
  struct scaled x = {0};
  float *level = NULL;
  glia_status st = GLIA_OK;

  *out = NULL;
  if (d == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "node %s", node->name);
  if (st == GLIA_OK) {
    d->options = *options;
    st = options->kind == GLIA_DETECT_COMBINED ? train_combined(d, node, &rows)
                                               : prepare(d, node, &level, &rows, &x);
  }
  GLIA_TRY_TO(out, st, glia_agree(comm, st));
  GLIA_TRY_TO(out, st, glia_agree_setup(comm, "the model's configuration", d->config, true));
  if (options->kind == GLIA_DETECT_COMBINED) goto out;
  st = glia_agree(comm, train(comm, d, node->name, &x));
  if (st == GLIA_OK) st = glia_agree(comm, finish(d, node, level, &rows, &x));
out:
  scaled_free(&x);
  free(level);
  rows_free(&rows);
  if (st == GLIA_OK)
    *out = d;
  else
    glia_detector_destroy(&d);
  return st;
}

void glia_detector_destroy(struct glia_detector **pd)
{
  if (pd == NULL || *pd == NULL) return;
  struct glia_detector *d = *pd;
  glia_net_close_(&d->net);
  free(d->mix);
  glia_columns_free_(&d->columns);
  for (int i = 0; i < d->n_parameters; i++) {
    free((void *)(uintptr_t)d->parameter[i].path); /* ours; const for those who look */
    free(d->parameter[i].data);
  }
  free(d->parameter);
  free(d->spread);
  free(d->config);
  free(d->node);
  free(d);
  *pd = NULL;
}

void glia_detector_info(const struct glia_detector *d, struct glia_detector_info *out)
{
  *out = (struct glia_detector_info){.node = d->node,
                                     .kind = d->options.kind,
                                     .n_columns = d->columns.n,
                                     .n_all = d->columns.n_all,
                                     .column = d->columns.column,
                                     .spread = d->spread,
                                     .rows_train = d->rows_train,
                                     .rows_valid = d->rows_valid,
                                     .train_loss = d->train_loss,
                                     .threshold = d->threshold,
                                     .flag = d->flag,
                                     .max_error_p95 = d->max_error_p95,
                                     .train_begin_ns = d->train_begin_ns,
                                     .train_end_ns = d->train_end_ns,
                                     .config = d->config};
}

glia_status glia_detector_sha256(const struct glia_detector *d, char out[65])
{
  return glia_parameters_sha256(d->n_parameters, d->parameter, out);
}
