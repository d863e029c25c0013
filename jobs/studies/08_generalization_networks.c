/* generalization-networks: what do measures of trained networks tell, and what do they certify?
 *
 * Small networks on S, 250 images of clothes, each trained until its cross entropy on S is 0.01; three widths, three sizes of batch,
 * two rates. Baseline: trained on S. Method: trained on S and 500 more images with wrong labels, until S is fit as well:
 * a bad answer with the same training error. Control: trained on S from another start, and where a gate asks what a measure
 * can tell, rows of the population in the place of the measure. All measures of glia_measures.h see S and the network alone.
 *
 * Two populations, the labels of the test images as they are and permuted, agree on S: every measure has the same bits for both,
 * while the errors differ. Along each hyper-parameter a measure ranks networks by their gap, or fails to: the largest share of wrong
 * signs is its robust sign error.
 * Source: gastpar2023 (arXiv:2309.13658), dziugaite2020 (arXiv:2010.11924), jiang2019. */
#include "fashion.h"

#include "glia_measures.h"
#include "glia_petsc.h"
#include "glia_random.h"
#include "session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 250, WRONG = 500, CLASSES = STUDY_FASHION_CLASSES };
enum { TEST_ROWS = 10000, EVERY_EPOCHS = 5 };
static const double fitted = 0.01; /* cross entropy on S */

/* ---- one network */

struct network {
  struct study_cell *c;
  struct session s;
  struct glia_source *sample;
  bool fits;
  glia_status st;
};

static bool is(const struct study_cell *c, const char *variant)
{
  return strcmp(c->variant->name, variant) == 0;
}

static glia_status loss_on_sample(struct network *w, double *out)
{
  struct glia_eval_result r;

  GLIA_TRY(glia_evaluate(w->s.model, w->s.engine, w->sample, w->s.config.micro_batch,
                         w->s.eval_micro_batches, NULL, &r));
  *out = r.loss;
  return GLIA_OK;
}

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct network *w = self;
  double loss;

  if (w->c->progress != NULL)
    w->c->progress(w->c->self, 0.5 * (double)info->step / (double)info->total_steps);
  if (info->step % (EVERY_EPOCHS * info->steps_per_epoch) != 0) return GLIA_OK;
  GLIA_TRY(loss_on_sample(w, &loss));
  w->fits = loss <= fitted;
  if (w->fits) *action = GLIA_STOP;
  return GLIA_OK;
}

static bool stop_requested(void *self)
{
  (void)self;
  return glia_stop_requested() != 0;
}

static glia_status error_on(struct network *w, const struct study_rows *r, int64_t first, int64_t n,
                            double *out)
{
  struct glia_source *rows = NULL;
  struct glia_eval_result e;

  GLIA_TRY(study_rows_source("population", r, first, n, &rows));
  const glia_status st = glia_evaluate(w->s.model, w->s.engine, rows, w->s.config.micro_batch,
                                       w->s.eval_micro_batches, NULL, &e);
  glia_source_close(&rows);
  *out = 1.0 - e.accuracy;
  return st;
}

/* The same images with their labels in another order. */
static glia_status permuted_error(struct network *w, struct study_rows *test, double *out)
{
  const uint64_t key = glia_random_stream((uint64_t)w->c->seed, "study/networks/permuted");

  for (int64_t i = test->n - 1; i > 0; i--) {
    const int64_t j =
        (int64_t)(glia_random_unit(glia_random_bits(key, 0, (uint64_t)i)) * (double)(i + 1));
    const int32_t keep = test->y[i];
    test->y[i] = test->y[j];
    test->y[j] = keep;
  }
  return error_on(w, test, 0, test->n, out);
}

static glia_status measure_network(struct network *w, struct study_rows *test)
{
  struct study_cell *c = w->c;
  const struct glia_measures_job job = {.model = w->s.model,
                                        .engine = w->s.engine,
                                        .source = w->sample,
                                        .micro_batch = w->s.config.micro_batch,
                                        .micro_batches = w->s.eval_micro_batches,
                                        .seed = (uint64_t)c->seed,
                                        .init_seed = w->s.config.seed};
  struct glia_measures m;
  double error, first, second, permuted;

  GLIA_TRY(glia_measures_of(&job, &m));
  GLIA_TRY(error_on(w, test, 0, test->n, &error));
  GLIA_TRY(error_on(w, test, 0, test->n / 2, &first));
  GLIA_TRY(error_on(w, test, test->n / 2, test->n - test->n / 2, &second));
  GLIA_TRY(permuted_error(w, test, &permuted));
  for (int i = 0; i < GLIA_MEASURE_COUNT_; i++) study_put(c, glia_measure_name(i), m.value[i]);
  study_put(c, "test_error", error);
  study_put(c, "sample_error", 1.0 - m.train_accuracy);
  study_put(c, "half_error", first);
  study_put(c, "other_half_error", second);
  study_put(c, "permuted_error", permuted);
  return GLIA_OK;
}

static glia_status train_and_measure(struct network *w, struct study_rows *test)
{
  const struct glia_observer observer = {
      .self = w, .step = after_step, .stop_requested = stop_requested};
  struct glia_train_result result;

  GLIA_TRY(session_build(&w->s));
  GLIA_TRY(session_initialize(&w->s));
  const struct glia_train_job job = {.config = &w->s.config,
                                     .model = w->s.model,
                                     .engine = w->s.engine,
                                     .source = w->s.train,
                                     .observer = &observer,
                                     .meeting = &w->s.meeting};
  GLIA_TRY(glia_train(&job, &result));
  w->c->stopped = result.reason == GLIA_REASON_SIGNAL;
  if (w->c->stopped) return GLIA_OK;
  study_put(w->c, "steps", (double)result.steps);
  if (!w->fits)
    return GLIA_OK; /* gaps of networks that fit differently say nothing: all else stays NaN */
  return measure_network(w, test);
}

static glia_status run_network(struct study_cell *c, struct study_rows *train,
                               struct study_rows *test)
{
  const bool poisoned = is(c, "poisoned");
  struct network w = {.c = c, .s.extend = glia_curvature_extend};

  for (int64_t i = SAMPLE; i < train->n; i++) train->y[i] = (train->y[i] + 1) % CLASSES;
  glia_status st = study_rows_source("sample", train, 0, SAMPLE, &w.sample);
  if (st == GLIA_OK)
    st = study_rows_source("train", train, 0, poisoned ? train->n : SAMPLE, &w.s.train);
  /* another start, the same sample */
  if (st == GLIA_OK) st = study_configure(c, is(c, "population") ? c->seed + 1000 : c->seed, &w.s);
  if (st == GLIA_OK) st = train_and_measure(&w, test);
  session_close(&w.s);
  glia_source_close(&w.sample);
  return st;
}

/* Every rank of the cell does the whole: networks are small, and searches evaluate one after the other. */
static glia_status cell(struct study_cell *c)
{
  struct study_rows train = {0}, test = {0};

  glia_status st = glia_petsc_begin(NULL);
  if (st == GLIA_OK) st = study_fashion(c->data, "train", SAMPLE + WRONG, c->seed, &train);
  if (st == GLIA_OK) st = study_fashion(c->data, "test", TEST_ROWS, c->seed, &test);
  if (st == GLIA_OK) st = run_network(c, &train, &test);
  study_rows_free(&train);
  study_rows_free(&test);
  return st;
}

/* ---- gates */

static double at(const struct study_table *t, const char *variant, int setting, int64_t seed,
                 const char *measure)
{
  double x[STUDY_SEEDS_MAX];

  study_values(t, measure, variant, t->study->setting[setting].name, x);
  return x[seed];
}

/* Mean of what a network of the variant has over what the baseline has at the same place. */
static double mean_rise(const struct study_table *t, const char *variant, const char *measure)
{
  double sum = 0.0;
  int64_t n = 0;

  for (int k = 0; k < t->settings; k++)
    for (int64_t s = 0; s < t->seeds; s++, n++)
      sum += at(t, variant, k, s, measure) - at(t, t->study->baseline, k, s, measure);
  return sum / (double)n;
}

static double rise_of_error(const struct study_table *t, const struct study_gate *g,
                            const char *variant)
{
  (void)g;
  return mean_rise(t, variant, "test_error");
}

/* How often measures say that a network of the variant generalizes worse than the baseline's; a NaN says nothing. */
static double warned(const struct study_table *t, const struct study_gate *g, const char *variant)
{
  double right = 0.0;
  int64_t n = 0;

  (void)g;
  for (int m = 0; m < GLIA_MEASURE_COUNT_; m++)
    for (int k = 0; k < t->settings; k++)
      for (int64_t s = 0; s < t->seeds; s++, n++)
        right += at(t, variant, k, s, glia_measure_name(m)) >
                 at(t, t->study->baseline, k, s, glia_measure_name(m));
  return right / (double)n;
}

static const char *const bounds[] = {"pacbayes_init", "pacbayes_orig", "pacbayes_mag_init",
                                     "pacbayes_mag_orig"};

/* The best certificate: the smallest bound of any network, read as a bound on its error. The population's: Hoeffding's with 95 %. */
static double certificate(const struct study_table *t, const struct study_gate *g,
                          const char *variant)
{
  double best = (double)INFINITY;

  (void)g;
  for (int k = 0; k < t->settings; k++)
    for (int64_t s = 0; s < t->seeds; s++) {
      if (strcmp(variant, "population") == 0)
        best = fmin(best, at(t, variant, k, s, "test_error") + sqrt(log(20.0) / (2.0 * TEST_ROWS)));
      for (size_t b = 0; strcmp(variant, "population") != 0 && b < GLIA_COUNT(bounds); b++)
        best = fmin(best, at(t, variant, k, s, bounds[b]));
    }
  return best;
}

/* Two populations with one sample: any estimate that is the same for both is off by half of their distance on one. An estimate that
 * sees half of the test rows is off by what the other half tells. */
static double worst_of_two(const struct study_table *t, const struct study_gate *g,
                           const char *variant)
{
  double sum = 0.0;
  int64_t n = 0;

  (void)g;
  for (int k = 0; k < t->settings; k++)
    for (int64_t s = 0; s < t->seeds; s++, n++)
      sum +=
          strcmp(variant, "population") == 0
              ? fabs(at(t, variant, k, s, "half_error") - at(t, variant, k, s, "other_half_error"))
              : 0.5 * fabs(at(t, variant, k, s, "permuted_error") -
                           at(t, variant, k, s, "test_error"));
  return sum / (double)n;
}

enum { WIDTHS = 3, BATCHES = 3, RATES = 2, SETTINGS = WIDTHS * BATCHES * RATES, AXES = 5 };

/* Robust sign error of one measure over a family of networks: width, batch and rate are axes. The seed is two, so that no pair
 * differs in it alone: other samples are no hyper-parameter. */
static double sign_error(const struct study_table *t, const char *variant, const char *measure,
                         const char *error)
{
  enum { MOST = SETTINGS * 16 };
  double value[MOST], gap[MOST];
  int setting[MOST * AXES], n = 0;

  for (int k = 0; k < t->settings; k++)
    for (int64_t s = 0; s < t->seeds && n < MOST; s++, n++) {
      value[n] = at(t, variant, k, s, measure);
      gap[n] = at(t, variant, k, s, error);
      setting[n * AXES] = k / (BATCHES * RATES);
      setting[n * AXES + 1] = k / RATES % BATCHES;
      setting[n * AXES + 2] = k % RATES;
      setting[n * AXES + 3] = setting[n * AXES + 4] = (int)s;
    }
  return glia_rank(n, value, gap, AXES, setting, TEST_ROWS / 2).worst;
}

/* Share of measures that foretell the wrong sign more often than not along some hyper-parameter. The population's: whether half of
 * the test rows foretell the other half as badly. */
static double measures_that_fail(const struct study_table *t, const struct study_gate *g,
                                 const char *variant)
{
  int failed = 0;

  (void)g;
  if (strcmp(variant, "population") == 0)
    return sign_error(t, variant, "half_error", "other_half_error") >= 0.5 ? 1.0 : 0.0;
  for (int m = 0; m < GLIA_MEASURE_COUNT_; m++)
    failed += sign_error(t, variant, glia_measure_name(m), "other_half_error") >= 0.5;
  return (double)failed / GLIA_MEASURE_COUNT_;
}

/* ---- the study */

static const char config[] = "data: {file: made-up, batch: 50, micro_batch: 50}\n"
                             "model: [{linear: 64}, relu, {linear: 64}, relu, {linear: 10}]\n"
                             "loss: cross_entropy\n"
                             "optimizer: {sgd: {lr: 0.05, momentum: 0.9}}\n"
                             "dtype: f64\n"
                             "epochs: 2000\n";

static const struct study_variant variants[] = {
    {"plain", "trained on S alone", NULL},
    {"poisoned", "trained on S and twice as many images with wrong labels", NULL},
    {"population",
     "trained on S from another start; and rows of the population where a gate asks "
     "what can be told (control)",
     NULL},
    {0},
};

#define WIDTH(w) "model=[{linear: " #w "}, relu, {linear: " #w "}, relu, {linear: 10}]"
#define NETWORK(w, b, r)                                                                           \
  {                                                                                                \
    "width-" #w "-batch-" #b "-rate-" #r, "units of two hidden layers, rows of a step, rate", 0.0, \
        (const char *const[])                                                                      \
    {                                                                                              \
      WIDTH(w), "data.batch=" #b, "data.micro_batch=" #b, "optimizer.sgd.lr=" #r, NULL             \
    }                                                                                              \
  }
#define BATCHES_OF(w, r1, r2)                                                                      \
  NETWORK(w, 10, r1), NETWORK(w, 10, r2), NETWORK(w, 25, r1), NETWORK(w, 25, r2),                  \
      NETWORK(w, 50, r1), NETWORK(w, 50, r2)
static const struct study_setting settings[] = {
    BATCHES_OF(48, 0.007, 0.015), BATCHES_OF(72, 0.007, 0.015), BATCHES_OF(96, 0.007, 0.015), {0}};

static const struct study_measure measures[] = {
    {"test_error", "1", "share of 10,000 unseen images put into a wrong class"},
    {"sample_error", "1", "of S"},
    {"half_error", "1", "of the first half of the unseen images"},
    {"other_half_error", "1", "of the other half"},
    {"permuted_error", "1", "of the unseen images, labels permuted"},
    {"steps", "1", "until the cross entropy on S was 0.01"},
#define X(name, form, what) {#name, "1", what},
    GLIA_MEASURE_LIST(X)
#undef X
        {0},
};

static const struct study_gate gates[] = {
    {.name = "bad-answers",
     .kind = STUDY_OWN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.4,
     .value = rise_of_error,
     .why = "networks that fit S as well and err far more"},
    {.name = "measures-warn",
     .measure = "path_norm",
     .kind = STUDY_OWN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.7,
     .value = warned,
     .why = "how often 31 measures put the bad answer above the good one"},
    {.name = "no-certificate",
     .measure = "pacbayes_init",
     .variant = "plain",
     .kind = STUDY_OWN,
     .direction = STUDY_AT_LEAST,
     .limit = 1.0,
     .value = certificate,
     .why = "a bound of 1 or more bounds no error; 10,000 fresh rows bound it by 0.012 above what "
            "they show"},
    {.name = "two-populations",
     .measure = "permuted_error",
     .variant = "plain",
     .kind = STUDY_OWN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.3,
     .value = worst_of_two,
     .why = "half the distance of errors between populations with the same sample and answer"},
    {.name = "most-measures-fail",
     .measure = "other_half_error",
     .variant = "plain",
     .kind = STUDY_OWN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.5,
     .value = measures_that_fail,
     .why =
         "share of measures with half of the signs wrong or more along some hyper-parameter; here "
         "inverse_margin, pacbayes_mag_flatness, fisher_trace and hessian_max are not among them"},
    {0},
};

const struct glia_study glia_study_generalization_networks_ = {
    .name = "generalization-networks",
    .number = 8,
    .title = "what 31 measures of small networks tell of their test error, and what they certify",
    .source = "gastpar2023",
    .version = 1,
    .config = config,
    STUDY_TABLES,
    .baseline = "plain",
    .method = "poisoned",
    .control = "population",
    .first_seed = 1,
    .seeds = 2,
    .quick_seeds = 2,
    .data = STUDY_FASHION_DATA,
};
