/* Measures: invariant under what changes no function, right for batch_norm, against closed forms; ranks of runs. */
#include "glia_kernels.h"
#include "glia_measures.h"
#include "glia_petsc.h"
#include "glia_random.h"
#include "tap.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 60, INPUTS = 5 };

static struct {
  float x[ROWS][INPUTS];
  int32_t y[ROWS];
  struct glia_yaml_doc *doc;
  struct glia_model *model;
  struct glia_program *program;
  struct glia_engine *engine;
  struct glia_source *source;
} w;

static void begin(const char *layers)
{
  const struct glia_field field[2] = {
      {"x", glia_type_make(GLIA_F32, 1, (int64_t[]){INPUTS}), 1.0, 0.0},
      {"y", glia_type_make(GLIA_I32, 0, NULL), 1.0, 0.0}};
  const struct glia_model_field seen[2] = {{"x", field[0].row, 1.0, 0.0, 0},
                                           {"y", field[1].row, 1.0, 0.0, 0}};
  const void *const data[2] = {w.x, w.y};
  const struct glia_state *state;
  char yaml[512];

  for (int i = 0; i < ROWS; i++) {
    for (int k = 0; k < INPUTS; k++)
      w.x[i][k] = (float)glia_random_normal(5, 0, (uint64_t)(i * INPUTS + k));
    w.y[i] = w.x[i][0] > 0.0F ? 1 : 0;
  }
  snprintf(yaml, sizeof yaml,
           "model: %s\nloss: cross_entropy\noptimizer: {sgd: {lr: 0.1}}\ndtype: f64\n", layers);
  CU_ASSERT_EQUAL_FATAL(glia_source_from_memory("rows", ROWS, 2, field, data, &w.source), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_yaml_parse_text("run.yaml", yaml, strlen(yaml), &w.doc), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_model_build(glia_yaml_root(w.doc), 2, seen, 10, &w.model), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_curvature_extend(w.model), GLIA_OK);
  const struct glia_graph *g = glia_model_graph(w.model);
  CU_ASSERT_EQUAL_FATAL(glia_program_compile(g, glia_kernels_default(), &w.program), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_engine_create(w.program, 1, NULL, 6, &w.engine), GLIA_OK);
  const int n = glia_graph_states(g, &state);
  for (int i = 0; i < n; i++) glia_model_initialize(w.model, 7, i, glia_engine_state(w.engine, i));
}

static void end(void)
{
  glia_engine_destroy(&w.engine);
  glia_program_destroy(&w.program);
  glia_model_destroy(&w.model);
  glia_yaml_destroy(&w.doc);
  glia_source_close(&w.source);
}

static double *array(const char *path, int64_t *n)
{
  const struct glia_state *state;
  const int n_states = glia_graph_states(glia_model_graph(w.model), &state);

  for (int i = 0; i < n_states; i++)
    if (strcmp(state[i].path, path) == 0) {
      *n = glia_type_count(&state[i].type);
      return glia_engine_state(w.engine, i);
    }
  CU_FAIL_FATAL("no such array");
  return NULL;
}

static void scale(const char *path, double by)
{
  int64_t n;
  double *a = array(path, &n);

  for (int64_t i = 0; i < n; i++) a[i] *= by;
}

/* A network that is not its own start: the first logit leans the right way. */
static void learn(const char *path)
{
  int64_t n;
  double *a = array(path, &n);

  for (int64_t i = 0; i < n; i++) a[i] += 0.5 * glia_random_normal(11, 0, (uint64_t)i);
}

static struct glia_measures measure(void)
{
  const struct glia_measures_job job = {.model = w.model,
                                        .engine = w.engine,
                                        .source = w.source,
                                        .micro_batch = 10,
                                        .micro_batches = 6,
                                        .seed = 1,
                                        .init_seed = 7};
  struct glia_measures m;

  CU_ASSERT_EQUAL_FATAL(glia_measures_of(&job, &m), GLIA_OK);
  return m;
}

static void a_linear_network_has_closed_forms(void)
{
  int64_t n;

  begin("[{linear: 2}]");
  learn("params/00-linear/weight");
  const struct glia_measures m = measure();
  const double *a = array("params/00-linear/weight", &n);
  double fro = 0.0, ab = 0.0, aa = 0.0, bb = 0.0;
  for (int k = 0; k < INPUTS; k++) {
    aa += a[k] * a[k];
    bb += a[INPUTS + k] * a[INPUTS + k];
    ab += a[k] * a[INPUTS + k];
  }
  fro = aa + bb;
  const double top = 0.5 * (fro + sqrt((aa - bb) * (aa - bb) + 4.0 * ab * ab)); /* sigma_1^2 */
  CU_ASSERT_DOUBLE_EQUAL(m.value[GLIA_MEASURE_params], sqrt(10.0 / ROWS), 1e-14);
  CU_ASSERT_DOUBLE_EQUAL(m.value[GLIA_MEASURE_parameter_norm], sqrt(fro / ROWS), 1e-13);
  CU_ASSERT_DOUBLE_EQUAL(m.value[GLIA_MEASURE_log_prod_spec], 0.5 * (log(top) - log(ROWS)), 1e-12);
  CU_ASSERT_DOUBLE_EQUAL(m.value[GLIA_MEASURE_fro_over_spec], sqrt(fro / top / ROWS), 1e-12);
  /* path norm: squared weights and biases summed over outputs */
  const double *b = array("params/00-linear/bias", &n);
  CU_ASSERT_DOUBLE_EQUAL(m.value[GLIA_MEASURE_path_norm],
                         sqrt((fro + b[0] * b[0] + b[1] * b[1]) / ROWS), 1e-12);
  /* what the search leaves behind is the network */
  const struct glia_measures again = measure();
  CU_ASSERT(memcmp(again.value, m.value, sizeof m.value) == 0);
  end();
}

static void noise_has_the_variance_sigma_squared(void)
{
  /* one weight matters: accuracy falls by a tenth at a sigma that grows with the weights */
  begin("[{linear: 2}]");
  scale("params/00-linear/bias", 0.0);
  scale("params/00-linear/weight", 0.0);
  int64_t n;
  double *a = array("params/00-linear/weight", &n);
  a[INPUTS] = 0.1;
  const struct glia_measures small = measure();
  a[INPUTS] = 0.2;
  const struct glia_measures large = measure();
  CU_ASSERT_EQUAL(small.train_accuracy, 1.0);
  /* same draws: the accuracy is a function of sigma / a; the search stops within a tolerance of 0.01 of accuracy */
  CU_ASSERT_DOUBLE_EQUAL(large.sigma / small.sigma, 2.0, 0.5);
  /* sign errors of a x_0 + sigma (z . x): for sigma / a = s the angle between the two is about atan(s sqrt(2 (INPUTS - 1))) */
  const double angle = atan(small.sigma / 0.1 * sqrt(2.0 * (INPUTS - 1)));
  CU_ASSERT(angle / acos(-1.0) > 0.04 && angle / acos(-1.0) < 0.25); /* a tenth of the rows */
  end();
}

static void rescaling_relu_layers_changes_norms_alone(void)
{
  begin("[{linear: 8}, relu, {linear: 2}]");
  scale("params/00-linear/weight", 0.1);
  scale("params/02-linear/weight", 0.1);
  int64_t n;
  double *first = array("params/00-linear/weight", &n);
  double *last = array("params/02-linear/weight", &n);
  first[0] += 1.0; /* the second logit is x_0, by two units: nearly all rows are right */
  first[INPUTS] -= 1.0;
  last[8] += 1.0;
  last[9] -= 1.0;
  const struct glia_measures before = measure();
  scale("params/00-linear/weight", 10.0);
  scale("params/00-linear/bias", 10.0);
  scale("params/02-linear/weight", 0.1);
  const struct glia_measures after = measure();
  static const int same[] = {GLIA_MEASURE_path_norm,     GLIA_MEASURE_log_prod_spec,
                             GLIA_MEASURE_log_prod_fro,  GLIA_MEASURE_inverse_margin,
                             GLIA_MEASURE_fro_over_spec, GLIA_MEASURE_cross_entropy};
  static const int other[] = {GLIA_MEASURE_parameter_norm, GLIA_MEASURE_pacbayes_flatness,
                              GLIA_MEASURE_fro_distance};
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
    CU_ASSERT_DOUBLE_EQUAL(after.value[same[i]], before.value[same[i]],
                           1e-10 * (1.0 + fabs(before.value[same[i]])));
  for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
    CU_ASSERT(fabs(after.value[other[i]] / before.value[other[i]] - 1.0) > 0.05);
  end();
}

static struct glia_measures normed(double by)
{
  begin("[{linear: 8}, {batch_norm: {eps: 0}}, relu, {linear: 2}]");
  int64_t n;
  double *var = array("state/01-batch_norm/var", &n);
  double *mean = array("state/01-batch_norm/mean", &n);
  for (int64_t i = 0; i < n; i++) {
    var[i] = by * by * (0.5 + 0.1 * (double)i);
    mean[i] = by * 0.1 * (double)i;
  }
  learn("params/03-linear/weight");
  scale("params/00-linear/weight", by);
  scale("params/00-linear/bias", by);
  const struct glia_measures m = measure();
  end();
  return m;
}

static void batch_norm_is_folded(void)
{
  const struct glia_measures before = normed(1.0), after = normed(10.0);

  CU_ASSERT_EQUAL(before.folded, 1);
  CU_ASSERT_EQUAL(before.unfolded, 0);
  for (int i = 0; i < GLIA_MEASURE_COUNT_; i++)
    CU_ASSERT_DOUBLE_EQUAL(after.value[i], before.value[i], 1e-9 * (1.0 + fabs(before.value[i])));
}

static void every_measure_has_a_value(void)
{
  begin("[{linear: 8}, tanh, {linear: 2}]");
  learn("params/02-linear/weight");
  const struct glia_measures m = measure();
  CU_ASSERT(GLIA_MEASURE_COUNT_ >= 20);
  for (int i = 0; i < GLIA_MEASURE_COUNT_; i++) {
    if (!isfinite(m.value[i])) tap_note("%s is %g", glia_measure_name(i), m.value[i]);
    CU_ASSERT(isfinite(m.value[i]));
  }
  end();
}

static void ranks_of_a_small_family(void)
{
  /* two keys of two values: the measure follows the gap along the first and opposes it along the second */
  static const int setting[] = {0, 0, 0, 1, 1, 0, 1, 1};
  static const double gap[] = {0.1, 0.2, 0.3, 0.4}, measure_of[] = {2, 1, 4, 3};
  const struct glia_ranking r = glia_rank(4, measure_of, gap, 2, setting, 0);

  CU_ASSERT_DOUBLE_EQUAL(r.tau, (4.0 - 2.0) / 6.0, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(r.psi, 0.0, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(r.worst, 1.0, 1e-15);
  CU_ASSERT_EQUAL(r.worst_axis, 1);
  static const double flat[] = {1, 1, 1, 1};
  const struct glia_ranking ties = glia_rank(4, flat, gap, 2, setting, 0);
  CU_ASSERT_DOUBLE_EQUAL(ties.tau, 0.0, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(ties.tie_share, 1.0, 1e-15);
  CU_ASSERT(isnan(glia_rank(1, flat, gap, 2, setting, 0).tau));
}

int main(int argc, char **argv)
{
  static const struct tap_test tests[] = {TAP(a_linear_network_has_closed_forms),
                                          TAP(noise_has_the_variance_sigma_squared),
                                          TAP(rescaling_relu_layers_changes_norms_alone),
                                          TAP(batch_norm_is_folded),
                                          TAP(every_measure_has_a_value),
                                          TAP(ranks_of_a_small_family)};

  MPI_Init(&argc, &argv);
  if (glia_petsc_begin(NULL) != GLIA_OK) return 99;
  const int code = tap_run("measures", tests, sizeof tests / sizeof tests[0]);
  glia_petsc_end();
  MPI_Finalize();
  return code;
}
