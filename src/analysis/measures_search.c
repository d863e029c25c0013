/* Margins, path norm, and how much noise a network bears. Source: jiang2019, dziugaite2020. */
#include "measures_priv.h"

#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 10, STEPS = 15, ASCENT = 20, AT_ONCE = 1024 };

/* Two searches for noise, one for a box. */
const int64_t glia_measured_passes_ = 2 * STEPS * DRAWS + STEPS * (ASCENT + 1);
static const double drop = 0.1, tolerance = 0.01, widest = 2.0;
static const double mag_eps = 1e-3;

/* Margins. */

struct margins {
  double *margin, entropy;
  int64_t *label;
  int64_t classes;
};

static glia_status read_labels(const struct glia_source *src, int64_t *label)
{
  const int y = glia_source_field(src, "y");
  int64_t row[AT_ONCE], raw[AT_ONCE];

  GLIA_CHECK(y >= 0 && src->field[y].row.rank == 0 && !glia_dtype_is_float(src->field[y].row.dtype),
             GLIA_E_UNSUPPORTED, "%s has no labels y: margins have no meaning", src->name);
  const size_t bytes = glia_dtype_size(src->field[y].row.dtype);
  for (int64_t first = 0; first < src->n; first += AT_ONCE) {
    const int64_t n = src->n - first < AT_ONCE ? src->n - first : AT_ONCE;
    for (int64_t i = 0; i < n; i++) row[i] = first + i;
    GLIA_TRY(src->read(src->self, y, n, row, raw));
    for (int64_t i = 0; i < n; i++) { /* little-endian, labels count from 0 */
      int64_t v = 0;
      memcpy(&v, (const char *)raw + (size_t)i * bytes, bytes);
      label[first + i] = v;
    }
  }
  return GLIA_OK;
}

static glia_status take_margins(void *self, int64_t first, int64_t n, const void *rows)
{
  struct margins *m = self;

  for (int64_t i = 0; i < n; i++) {
    const double *f = (const double *)rows + i * m->classes;
    const int64_t y = m->label[first + i];
    double other = -(double)INFINITY, top = f[0], sum = 0.0, mean = 0.0;
    GLIA_CHECK(y >= 0 && y < m->classes, GLIA_E_DATA, "label %lld of %lld classes", (long long)y,
               (long long)m->classes);
    for (int64_t k = 0; k < m->classes; k++) {
      if (k != y) other = fmax(other, f[k]);
      top = fmax(top, f[k]);
    }
    for (int64_t k = 0; k < m->classes; k++) {
      sum += exp(f[k] - top);
      mean += (f[k] - top) * exp(f[k] - top);
    }
    m->margin[first + i] = f[y] - other;
    m->entropy += log(sum) - mean / sum;
  }
  return GLIA_OK;
}

static int rising(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

static int64_t output_size(const struct net *net)
{
  const struct glia_model *m = net->job->model;
  const struct glia_model_layer l = glia_model_layer(m, glia_model_layers(m) - 1);
  const struct glia_node *v = glia_graph_node(glia_model_graph(m), l.value);

  return glia_type_count(&v->type) / v->type.dim[0];
}

glia_status glia_measured_margin_(struct net *net, double *gamma, double *entropy)
{
  struct glia_source *src = net->job->source;
  struct margins m = {.classes = output_size(net)};

  m.margin = calloc((size_t)src->n, sizeof *m.margin);
  m.label = calloc((size_t)src->n, sizeof *m.label);
  glia_status st = GLIA_OK;
  if (m.margin == NULL || m.label == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "%lld margins", (long long)src->n);
  if (st == GLIA_OK) st = read_labels(src, m.label);
  if (st == GLIA_OK)
    st = glia_predict(net->job->model, net->job->engine, src, net->job->micro_batch, take_margins,
                      &m);
  if (st == GLIA_OK) {
    qsort(m.margin, (size_t)src->n, sizeof *m.margin, rising);
    *gamma = fabs(m.margin[src->n / 10]);
    *entropy = m.entropy / (double)src->n;
  }
  free(m.margin);
  free(m.label);
  return st;
}

/* Path norm. */

struct ones {
  struct glia_source source;
  bool exact; /* one can be stored */
};

static bool store(void *out, glia_dtype dtype, int64_t i, double v)
{
  switch (dtype) {
#define X(NAME, name, ctype, bytes, is_float)                                                      \
  case GLIA_##NAME:                                                                                \
    ((ctype *)out)[i] = (ctype)v;                                                                  \
    return is_float || v == nearbyint(v);
    GLIA_DTYPE_LIST(X)
#undef X
  default:
    return false;
  }
}

static glia_status read_ones(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  struct ones *o = self;
  const struct glia_field *f = &o->source.field[field];
  const bool is_x = strcmp(f->name, "x") == 0;
  const double v = is_x ? (1.0 - f->offset) / f->scale : 0.0;

  (void)row;
  for (int64_t i = 0; i < n_rows * glia_type_count(&f->row); i++)
    if (!store(out, f->row.dtype, i, fabs(v - nearbyint(v)) < 1e-9 ? nearbyint(v) : v))
      o->exact = false;
  return GLIA_OK;
}

struct total {
  double sum;
  int64_t size;
};

static glia_status add_outputs(void *self, int64_t first, int64_t n, const void *rows)
{
  struct total *t = self;

  (void)first;
  for (int64_t i = 0; i < n * t->size; i++) t->sum += ((const double *)rows)[i];
  return GLIA_OK;
}

glia_status glia_measured_path_norm_(struct net *net, double *out)
{
  struct ones ones = {.source = *net->job->source, .exact = true};
  struct total total = {0.0, output_size(net)};
  double **kept = calloc((size_t)net->n_states + 1, sizeof *kept);
  glia_status st = GLIA_OK;

  GLIA_CHECK(kept != NULL, GLIA_E_MEMORY, "a squared network");
  ones.source.self = &ones;
  ones.source.n = 1;
  ones.source.read = read_ones;
  for (int i = 0; i < net->n_states && st == GLIA_OK; i++) {
    const int64_t n = glia_type_count(&net->state[i].type);
    if (net->now[i] == NULL || strncmp(net->state[i].path, "params/", 7) != 0) continue;
    kept[i] = malloc((size_t)n * sizeof **kept + 1);
    if (kept[i] == NULL) {
      st = GLIA_FAIL(GLIA_E_MEMORY, "a squared network");
      break;
    }
    memcpy(kept[i], net->now[i], (size_t)n * sizeof **kept);
    for (int64_t k = 0; k < n; k++) net->now[i][k] *= net->now[i][k];
  }
  if (st == GLIA_OK)
    st = glia_predict(net->job->model, net->job->engine, &ones.source, net->job->micro_batch,
                      add_outputs, &total);
  for (int i = 0; i < net->n_states; i++) {
    if (kept[i] == NULL) continue;
    memcpy(net->now[i], kept[i], glia_type_bytes(&net->state[i].type));
    free(kept[i]);
  }
  free(kept);
  *out = ones.exact ? total.sum : (double)NAN;
  return st;
}

/* Noise and boxes. */

static glia_status accuracy_now(struct net *net, double *out)
{
  struct glia_eval_result r;

  GLIA_TRY(glia_evaluate(net->job->model, net->job->engine, net->job->source, net->job->micro_batch,
                         net->job->micro_batches, NULL, &r));
  *out = r.accuracy;
  return GLIA_OK;
}

/* Mean accuracy over draws of w + N(0, sigma^2), or of N(0, sigma^2 w^2 + eps^2). */
static glia_status noisy_accuracy(struct net *net, double sigma, bool magnitude, double *out)
{
  double sum = 0.0;

  for (int draw = 0; draw < DRAWS; draw++) {
    const double *from = net->kept;
    double one;
    for (int k = 0; k < net->n; k++) {
      const struct weight *w = &net->weight[k];
      const uint64_t key = glia_random_stream(net->job->seed, net->state[w->state].path);
      double *to = net->now[w->state];
      for (int64_t i = 0; i < w->rows * w->cols; i++) {
        const double sd =
            magnitude ? sqrt(sigma * sigma * from[i] * from[i] + mag_eps * mag_eps) : sigma;
        to[i] = from[i] + sd * glia_random_normal(key, (uint64_t)draw, (uint64_t)i);
      }
      from += w->rows * w->cols;
    }
    GLIA_TRY(accuracy_now(net, &one));
    sum += one;
  }
  *out = sum / DRAWS;
  return GLIA_OK;
}

glia_status glia_measured_sigma_(struct net *net, double accuracy, bool magnitude, double *out)
{
  double lo = 0.0, hi = widest;
  glia_status st = GLIA_OK;

  for (int step = 0; step < STEPS && st == GLIA_OK; step++) {
    const double mid = 0.5 * (lo + hi);
    double mean = 0.0;
    st = noisy_accuracy(net, mid, magnitude, &mean);
    const double lost = accuracy - mean;
    if (fabs(lost - drop) < tolerance) {
      lo = hi = mid;
      if (net->job->planned != NULL) *net->job->planned -= (int64_t)(STEPS - 1 - step) * DRAWS;
      break;
    }
    if (lost > drop)
      hi = mid;
    else
      lo = mid;
  }
  glia_measured_restore_(net);
  *out = 0.5 * (lo + hi);
  return st;
}

/* Ascent on the loss in the box |u_i| <= alpha: signs of the gradient, which is steepest in a box. Departs: jiang2019 takes
 * gradient steps of a tuned length. */
static glia_status worst_accuracy(struct net *net, struct glia_curvature *c, double *gradient,
                                  double alpha, double *out)
{
  const struct glia_model_parameter *list;
  const int n = glia_model_parameters(net->job->model, &list);

  glia_measured_restore_(net);
  for (int step = 0; step < ASCENT; step++) {
    int64_t at = 0;
    GLIA_TRY(glia_curvature_gradient(c, gradient));
    for (int p = 0; p < n; p++) {
      const int64_t count = glia_type_count(&net->state[list[p].state].type);
      const double *from = net->kept;
      if (list[p].frozen) continue;
      for (int k = 0; k < net->n; k++) {
        const int64_t size = net->weight[k].rows * net->weight[k].cols;
        double *w = net->now[net->weight[k].state];
        for (int64_t i = 0; net->weight[k].state == list[p].state && i < size; i++) {
          const double g = gradient[at + i];
          const double to = w[i] + 2.5 * alpha / ASCENT * ((g > 0.0) - (g < 0.0));
          w[i] = fmin(fmax(to, from[i] - alpha), from[i] + alpha);
        }
        from += size;
      }
      at += count;
    }
  }
  return accuracy_now(net, out);
}

glia_status glia_measured_box_(struct net *net, struct glia_curvature *c, double accuracy,
                               double *out)
{
  double lo = 0.0, hi = widest;
  double *gradient = calloc((size_t)glia_curvature_size(c) + 1, sizeof *gradient);
  glia_status st = GLIA_OK;

  GLIA_CHECK(gradient != NULL, GLIA_E_MEMORY, "a gradient");
  for (int step = 0; step < STEPS && st == GLIA_OK; step++) {
    const double mid = 0.5 * (lo + hi);
    double worst = 0.0;
    st = worst_accuracy(net, c, gradient, mid, &worst);
    if (accuracy - worst > drop)
      hi = mid;
    else
      lo = mid;
  }
  glia_measured_restore_(net);
  free(gradient);
  *out = 0.5 * (lo + hi);
  return st;
}
