/* Weights, the initial network, folding of batch_norm. Source: jiang2019. */
#include "measures_priv.h"

#include "glia_dense.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find(const struct net *net, const char *group, const char *layer, const char *name)
{
  char path[400];

  snprintf(path, sizeof path, "%s/%s/%s", group, layer, name);
  for (int i = 0; i < net->n_states; i++)
    if (strcmp(net->state[i].path, path) == 0) return i;
  return -1;
}

static bool is_weighted(const char *kind)
{
  return strcmp(kind, "linear") == 0 || strcmp(kind, "conv") == 0;
}

static glia_status list_weights(struct net *net)
{
  const struct glia_model *m = net->job->model;

  net->weight = calloc((size_t)glia_model_layers(m) + 1, sizeof *net->weight);
  GLIA_CHECK(net->weight != NULL, GLIA_E_MEMORY, "a list of weights");
  for (int i = 0; i < glia_model_layers(m); i++) {
    const struct glia_model_layer l = glia_model_layer(m, i);
    const int s = is_weighted(l.kind) ? find(net, "params", l.name, "weight") : -1;
    if (s < 0) continue;
    const struct glia_type *t = &net->state[s].type;
    GLIA_CHECK(t->dtype == GLIA_F64, GLIA_E_UNSUPPORTED, "measures want a model in float64");
    net->weight[net->n++] = (struct weight){s, t->dim[0], glia_type_count(t) / t->dim[0]};
    net->size += glia_type_count(t);
  }
  GLIA_CHECK(net->n > 0, GLIA_E_UNSUPPORTED,
             "no measure of a model without linear layers and convolutions");
  return GLIA_OK;
}

static glia_status list_arrays(struct net *net)
{
  net->now = calloc((size_t)net->n_states + 1, sizeof *net->now);
  net->initial = calloc((size_t)net->n_states + 1, sizeof *net->initial);
  GLIA_CHECK(net->now != NULL && net->initial != NULL, GLIA_E_MEMORY, "two networks");
  for (int i = 0; i < net->n_states; i++) {
    const char *path = net->state[i].path;
    if (strncmp(path, "params/", 7) != 0 && strncmp(path, "state/", 6) != 0) continue;
    if (net->state[i].type.dtype != GLIA_F64) continue;
    net->now[i] = glia_engine_state(net->job->engine, i);
    net->initial[i] = malloc(glia_type_bytes(&net->state[i].type) + 1);
    GLIA_CHECK(net->initial[i] != NULL, GLIA_E_MEMORY, "an initial network");
    glia_model_initialize(net->job->model, net->job->init_seed, i, net->initial[i]);
    if (net->job->start != NULL && net->job->start[i] != NULL)
      memcpy(net->initial[i], net->job->start[i], glia_type_bytes(&net->state[i].type));
  }
  net->kept = malloc((size_t)net->size * sizeof *net->kept);
  GLIA_CHECK(net->kept != NULL, GLIA_E_MEMORY, "%lld weights", (long long)net->size);
  return GLIA_OK;
}

/* W *= g / s, b = beta + (b - mean) g / s with s^2 = var + eps; the norm becomes the identity with a bias. */
static void fold(const struct net *net, double *const *array, const char *before, const char *norm,
                 double eps)
{
  const int w = find(net, "params", before, "weight"), b = find(net, "params", before, "bias");
  const int g = find(net, "params", norm, "weight"), beta = find(net, "params", norm, "bias");
  const int mean = find(net, "state", norm, "mean"), var = find(net, "state", norm, "var");
  const int64_t rows = net->state[w].type.dim[0];
  const int64_t cols = glia_type_count(&net->state[w].type) / rows;

  for (int64_t r = 0; r < rows; r++) {
    const double scale = array[g][r] / sqrt(array[var][r] + eps);
    const double bias = b >= 0 ? array[b][r] : 0.0;
    for (int64_t c = 0; c < cols; c++) array[w][r * cols + c] *= scale;
    array[beta][r] += (bias - array[mean][r]) * scale;
    if (b >= 0) array[b][r] = 0.0;
    array[g][r] = 1.0;
    array[mean][r] = 0.0;
    array[var][r] = 1.0 - eps;
  }
}

/* A norm is folded when it alone reads its layer, has a scale and keeps a variance. */
static bool foldable(const struct net *net, const struct glia_model_layer *norm,
                     struct glia_model_layer *before)
{
  const struct glia_model *m = net->job->model;
  int readers = 0;

  if (norm->in[0] < 0) return false;
  *before = glia_model_layer(m, norm->in[0]);
  for (int i = 0; i < glia_model_layers(m); i++) {
    const struct glia_model_layer l = glia_model_layer(m, i);
    for (int k = 0; k < l.n_in; k++) readers += l.in[k] == norm->in[0];
  }
  return readers == 1 && is_weighted(before->kind) &&
         find(net, "params", norm->name, "weight") >= 0 &&
         find(net, "params", before->name, "weight") >= 0 &&
         find(net, "state", norm->name, "var") >= 0;
}

glia_status glia_measured_open_(struct net *net, const struct glia_measures_job *job,
                                struct glia_measures *out)
{
  const struct glia_model *m = job->model;

  *net = (struct net){.job = job};
  net->n_states = glia_graph_states(glia_model_graph(m), &net->state);
  GLIA_TRY(list_weights(net));
  GLIA_TRY(list_arrays(net));
  for (int i = 0; i < glia_model_layers(m); i++) {
    const struct glia_model_layer norm = glia_model_layer(m, i);
    struct glia_model_layer before;
    if (strcmp(norm.kind, "batch_norm") != 0) continue;
    if (!foldable(net, &norm, &before)) {
      out->unfolded++;
      continue;
    }
    fold(net, net->now, before.name, norm.name, norm.option[0]);
    fold(net, net->initial, before.name, norm.name, norm.option[0]);
    out->folded++;
  }
  glia_measured_keep_(net);
  return GLIA_OK;
}

void glia_measured_close_(struct net *net)
{
  for (int i = 0; net->initial != NULL && i < net->n_states; i++) free(net->initial[i]);
  free(net->now);
  free(net->initial);
  free(net->weight);
  free(net->kept);
  *net = (struct net){0};
}

static void copy(struct net *net, bool keep)
{
  double *at = net->kept;

  for (int k = 0; k < net->n; k++) {
    const struct weight *w = &net->weight[k];
    const size_t bytes = (size_t)(w->rows * w->cols) * sizeof *at;
    if (keep)
      memcpy(at, net->now[w->state], bytes);
    else
      memcpy(net->now[w->state], at, bytes);
    at += w->rows * w->cols;
  }
}

void glia_measured_keep_(struct net *net) { copy(net, true); }
void glia_measured_restore_(struct net *net) { copy(net, false); }

glia_status glia_measured_spectral_(const struct weight *w, const double *a, const double *b,
                                    double *out)
{
  const int64_t count = w->rows * w->cols, n = w->rows < w->cols ? w->rows : w->cols;
  double *d = malloc((size_t)(count + n) * sizeof *d);

  GLIA_CHECK(d != NULL, GLIA_E_MEMORY, "a copy of %lld weights", (long long)count);
  for (int64_t i = 0; i < count; i++) d[i] = a[i] - (b != NULL ? b[i] : 0.0);
  const glia_status st = glia_dense_singular_values(w->cols, w->rows, d, d + count);
  *out = d[count];
  free(d);
  return st;
}
