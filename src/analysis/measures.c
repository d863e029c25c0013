/* The measures themselves: see glia_measures.h. */
#include "measures_priv.h"

#include <math.h>
#include <stdlib.h>

typedef enum { ROOT, LOG, PLAIN } form;

static const struct {
  const char *name, *what;
  form how;
} table[] = {
#define X(name, form, what) {#name, what, form},
    GLIA_MEASURE_LIST(X)
#undef X
};

const char *glia_measure_name(int measure) { return table[measure].name; }
const char *glia_measure_what(int measure) { return table[measure].what; }

/* Sums over layers. */
struct sums {
  double log_spec, log_fro, ratio, main_init, distance, spec_distance, norm;
};

static glia_status over_layers(const struct net *net, struct sums *s)
{
  for (int k = 0; k < net->n; k++) {
    const struct weight *w = &net->weight[k];
    const double *a = net->now[w->state], *b = net->initial[w->state];
    double fro = 0.0, moved = 0.0, spec, spec_moved;
    for (int64_t i = 0; i < w->rows * w->cols; i++) {
      fro += a[i] * a[i];
      moved += (a[i] - b[i]) * (a[i] - b[i]);
    }
    GLIA_TRY(glia_measured_spectral_(w, a, NULL, &spec));
    GLIA_TRY(glia_measured_spectral_(w, a, b, &spec_moved));
    s->log_spec += 2.0 * log(spec);
    s->log_fro += log(fro);
    s->ratio += fro / (spec * spec);
    s->main_init += moved / (spec * spec);
    s->distance += moved;
    s->spec_distance += spec_moved * spec_moved;
    s->norm += fro;
  }
  return GLIA_OK;
}

static void norms(const struct net *net, const struct sums *s, double gamma, double *mu)
{
  const double d = net->n, margin = 2.0 * log(gamma);

  mu[GLIA_MEASURE_params] = (double)net->size;
  mu[GLIA_MEASURE_inverse_margin] = 1.0 / (gamma * gamma);
  mu[GLIA_MEASURE_log_prod_spec] = s->log_spec;
  mu[GLIA_MEASURE_log_prod_spec_over_margin] = s->log_spec - margin;
  mu[GLIA_MEASURE_log_spec_init_main] = s->log_spec - margin + log(s->main_init);
  mu[GLIA_MEASURE_log_spec_orig_main] = s->log_spec - margin + log(s->ratio);
  mu[GLIA_MEASURE_fro_over_spec] = s->ratio;
  mu[GLIA_MEASURE_log_sum_spec] = log(d) + s->log_spec / d;
  mu[GLIA_MEASURE_log_sum_spec_over_margin] = log(d) + (s->log_spec - margin) / d;
  mu[GLIA_MEASURE_log_prod_fro] = s->log_fro;
  mu[GLIA_MEASURE_log_prod_fro_over_margin] = s->log_fro - margin;
  mu[GLIA_MEASURE_log_sum_fro] = log(d) + s->log_fro / d;
  mu[GLIA_MEASURE_log_sum_fro_over_margin] = log(d) + (s->log_fro - margin) / d;
  mu[GLIA_MEASURE_fro_distance] = s->distance;
  mu[GLIA_MEASURE_spec_distance] = s->spec_distance;
  mu[GLIA_MEASURE_parameter_norm] = s->norm;
}

/* |.|^2 / (4 sigma^2) + log(m / sigma) + 10. */
static double bound(double square, double sigma, double m)
{
  return square / (4.0 * sigma * sigma) + log(m / sigma) + 10.0;
}

static double mag_bound(const struct net *net, double square, double sigma, double m)
{
  const double eps2 = 1e-6, s2 = sigma * sigma;
  const double above = eps2 + (s2 + 1.0) * square / (double)net->size;
  double sum = 0.0;

  for (int k = 0; k < net->n; k++) {
    const struct weight *w = &net->weight[k];
    const double *a = net->now[w->state], *b = net->initial[w->state];
    for (int64_t i = 0; i < w->rows * w->cols; i++)
      sum += log(above / (eps2 + s2 * (a[i] - b[i]) * (a[i] - b[i])));
  }
  return 0.25 * sum + log(m / sigma) + 10.0;
}

static glia_status searches(struct net *net, const struct sums *s, struct glia_curvature *c,
                            struct glia_measures *out, double *mu)
{
  const double m = (double)net->job->source->n;

  GLIA_TRY(glia_measured_sigma_(net, out->train_accuracy, false, &out->sigma));
  GLIA_TRY(glia_measured_sigma_(net, out->train_accuracy, true, &out->sigma_mag));
  GLIA_TRY(glia_measured_box_(net, c, out->train_accuracy, &out->alpha));
  mu[GLIA_MEASURE_pacbayes_init] = bound(s->distance, out->sigma, m);
  mu[GLIA_MEASURE_pacbayes_orig] = bound(s->norm, out->sigma, m);
  mu[GLIA_MEASURE_pacbayes_flatness] = 1.0 / (out->sigma * out->sigma);
  mu[GLIA_MEASURE_pacbayes_mag_init] = mag_bound(net, s->distance, out->sigma_mag, m);
  mu[GLIA_MEASURE_pacbayes_mag_orig] = mag_bound(net, s->norm, out->sigma_mag, m);
  mu[GLIA_MEASURE_pacbayes_mag_flatness] = 1.0 / (out->sigma_mag * out->sigma_mag);
  mu[GLIA_MEASURE_sharpness_flatness] = 1.0 / (out->alpha * out->alpha);
  mu[GLIA_MEASURE_sharpness_init] = bound(s->distance, out->alpha, m);
  mu[GLIA_MEASURE_sharpness_orig] = bound(s->norm, out->alpha, m);
  return GLIA_OK;
}

enum { PROBES = 4, TOP_PRODUCTS = 33 }; /* of the largest eigenvalue, without restarts */

static glia_status curvature(const struct net *net, struct glia_curvature *c, double *mu)
{
  static _Thread_local struct glia_curvature_top top;
  struct glia_curvature_density d;

  GLIA_TRY(
      glia_curvature_density(c, GLIA_CURVATURE_GAUSS_NEWTON, NULL, PROBES, 1, net->job->seed, &d));
  mu[GLIA_MEASURE_fisher_trace] = d.trace;
  glia_curvature_density_free(&d);
  GLIA_TRY(glia_curvature_top(c, GLIA_CURVATURE_HESSIAN, 1, &top));
  if (top.found > 0) mu[GLIA_MEASURE_hessian_max] = top.value[0];
  glia_curvature_top_free(&top);
  return GLIA_OK;
}

/* What counts from the initial network. */
static const int from_start[] = {GLIA_MEASURE_log_spec_init_main, GLIA_MEASURE_fro_distance,
                                 GLIA_MEASURE_spec_distance,      GLIA_MEASURE_pacbayes_init,
                                 GLIA_MEASURE_pacbayes_mag_init,  GLIA_MEASURE_pacbayes_mag_orig,
                                 GLIA_MEASURE_sharpness_init};

static glia_status measure(struct net *net, struct glia_curvature *c, struct glia_measures *out)
{
  double *mu = out->value;
  struct glia_eval_result r;
  struct sums s = {0};
  double path;

  /* accuracy, margins, searches, curvature */
  if (net->job->planned != NULL)
    *net->job->planned = 2 + glia_measured_passes_ + PROBES + TOP_PRODUCTS;
  GLIA_TRY(glia_evaluate(net->job->model, net->job->engine, net->job->source, net->job->micro_batch,
                         net->job->micro_batches, NULL, &r));
  out->train_accuracy = r.accuracy;
  out->train_loss = mu[GLIA_MEASURE_cross_entropy] = r.loss;
  GLIA_TRY(glia_measured_margin_(net, &out->gamma, &mu[GLIA_MEASURE_output_entropy]));
  GLIA_TRY(over_layers(net, &s));
  norms(net, &s, out->gamma, mu);
  GLIA_TRY(glia_measured_path_norm_(net, &path));
  mu[GLIA_MEASURE_path_norm] = path;
  mu[GLIA_MEASURE_path_norm_over_margin] = path / (out->gamma * out->gamma);
  GLIA_TRY(searches(net, &s, c, out, mu));
  GLIA_TRY(curvature(net, c, mu));
  if (net->job->start_unknown)
    for (size_t i = 0; i < GLIA_COUNT(from_start); i++) mu[from_start[i]] = (double)NAN;
  const double m = (double)net->job->source->n;
  for (int i = 0; i < GLIA_MEASURE_COUNT_; i++) {
    if (table[i].how == ROOT) mu[i] = sqrt(mu[i] / m);
    if (table[i].how == LOG) mu[i] = 0.5 * (mu[i] - log(m));
  }
  return GLIA_OK;
}

glia_status glia_measures_of(const struct glia_measures_job *job, struct glia_measures *out)
{
  const struct glia_curvature_job cj = {.model = job->model,
                                        .engine = job->engine,
                                        .source = job->source,
                                        .micro_batch = job->micro_batch,
                                        .micro_batches = job->micro_batches};
  struct glia_curvature *c = NULL;
  struct net net;

  *out = (struct glia_measures){0};
  for (int i = 0; i < GLIA_MEASURE_COUNT_; i++) out->value[i] = (double)NAN;
  glia_status st = glia_measured_open_(&net, job, out);
  if (st == GLIA_OK) st = glia_curvature_open(&cj, &c);
  if (st == GLIA_OK) st = measure(&net, c, out);
  glia_curvature_close(&c);
  glia_measured_close_(&net);
  return st;
}
