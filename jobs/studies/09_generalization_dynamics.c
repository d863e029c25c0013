/* generalization-dynamics: do integrals over a random-matrix law foretell how networks learn and overtrain?
 *
 * Linear students of linear teachers are simulated: a Gaussian data matrix, its singular values, and draws of teacher and noise
 * in their basis (which is exact in time and in law). Method: the integrals of glia_theory. Baseline: the late error, at
 * all times. Control: one eigenvalue, the mean, in the place of the law: all formulas stay, the spectrum goes.
 * Two settings ask about peaks: the late error over the load, and the overtraining of a network of rectified units that trains
 * its outputs, over its width; there the control stops early, which takes the peak away. One asks what starting weights cost late,
 * one how much is lost by not stopping at the time that is foretold.
 */
#include "09_units.h"
#include "study.h"

#include "glia_random.h"
#include "glia_spectrum.h"
#include "glia_theory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TIMES = 31, DRAWS = 200, LOADS = 31 };

/* Settings: value = 100 * index of alpha + index of SNR; then the peaks. */
static const double alphas[] = {0.25, 0.5, 1.0, 2.0, 4.0}, snrs[] = {1.0, 5.0, 25.0, 100.0};
enum { PEAK = 1000, RELU = 1001, STARTS = 1002, OVERTRAINED = 1003 };

static double mode_error(double l, double strength, double t)
{
  const double e = exp(-l * t), g = -expm1(-l * t);

  return strength * e * e + (l > 0.0 ? g * g / l : 0.0);
}

/* What a variant foretells at time t. */
static double foretold(const struct study_cell *c, const struct glia_theory *th, double t)
{
  if (strcmp(c->variant->name, "dynamics") == 0) return glia_theory_test_error(th, t);
  if (strcmp(c->variant->name, "one-mode") == 0)
    return 1.0 + mode_error(th->alpha, th->snr + th->inr, t);
  return th->alpha == 1.0 ? glia_theory_test_error(th, 1000.0) : glia_theory_late_error(th);
}

struct entries {
  uint64_t key;
  int64_t cols;
  double scale;
};

static glia_status read_entries(void *self, int64_t first, int64_t n, double *out)
{
  const struct entries *e = self;

  for (int64_t i = 0; i < n * e->cols; i++)
    out[i] = e->scale * glia_random_normal(e->key, 0, (uint64_t)(first * e->cols + i));
  return GLIA_OK;
}

/* Eigenvalues of X X^T [n]: zeros where there are fewer samples than inputs. */
static glia_status eigenvalues(uint64_t key, int64_t inputs, int64_t samples, double *l)
{
  struct entries e = {key, inputs, 1.0 / sqrt((double)inputs)};
  const struct glia_rows rows = {&e, samples, inputs, read_entries};
  const int64_t n = samples < inputs ? samples : inputs;

  GLIA_TRY(glia_singular_values(NULL, &rows, l));
  for (int64_t i = 0; i < inputs; i++) l[i] = i < n ? l[i] * l[i] : 0.0;
  return GLIA_OK;
}

/* Test errors at `times` t, mean of DRAWS teachers (less starts) and noises. */
static void simulate(uint64_t key, int64_t n, const double *l, double strength, int times,
                     const double *t, double *error)
{
  for (int k = 0; k < times; k++) error[k] = 0.0;
  for (int64_t i = 0; i < n; i++) {
    double signal = 0.0, noise = 0.0, both = 0.0;
    for (int d = 0; d < DRAWS; d++) {
      const double a = sqrt(strength) * glia_random_normal(key, (uint64_t)(2 * d), (uint64_t)i);
      const double e = glia_random_normal(key, (uint64_t)(2 * d + 1), (uint64_t)i);
      signal += a * a;
      noise += e * e;
      both += a * e;
    }
    const double root = l[i] > 0.0 ? sqrt(l[i]) : 1.0;
    for (int k = 0; k < times; k++) {
      const double f = exp(-l[i] * t[k]), g = l[i] > 0.0 ? -expm1(-l[i] * t[k]) / root : 0.0;
      error[k] += signal * f * f - 2.0 * both * f * g + noise * g * g;
    }
  }
  for (int k = 0; k < times; k++) error[k] = 1.0 + error[k] / (DRAWS * (double)n);
}

/* Lowest point of a curve over a fine grid of times. */
static double best_time(uint64_t key, int64_t n, const double *l, double strength)
{
  enum { FINE = 400 };
  double t[FINE], error[FINE];
  int best = 0;

  for (int k = 0; k < FINE; k++) t[k] = 0.05 * pow(2000.0, (double)k / (FINE - 1));
  simulate(key, n, l, strength, FINE, t, error);
  for (int k = 1; k < FINE; k++)
    if (error[k] < error[best]) best = k;
  return t[best];
}

/* When a variant would stop. */
static double best_foretold(const struct study_cell *c, const struct glia_theory *th)
{
  if (strcmp(c->variant->name, "one-mode") == 0) return log1p(th->alpha * th->snr) / th->alpha;
  return strcmp(c->variant->name, "late") == 0 ? 1000.0 : glia_theory_best_time(th, NULL);
}

static glia_status curves(struct study_cell *c, int64_t n)
{
  const int which = (int)c->setting->value;
  const struct glia_theory th = {alphas[which / 100], snrs[which % 100], 0.0};
  const uint64_t key = glia_random_stream((uint64_t)c->seed, "study/dynamics");
  double t[TIMES], error[TIMES], squares = 0.0;
  double *l = calloc((size_t)n, sizeof *l);

  GLIA_CHECK(l != NULL, GLIA_E_MEMORY, "%lld eigenvalues", (long long)n);
  const glia_status st = eigenvalues(key, n, (int64_t)llround(th.alpha * (double)n), l);
  if (st == GLIA_OK) {
    for (int k = 0; k < TIMES; k++) t[k] = pow(10.0, -1.0 + 3.0 * k / (TIMES - 1));
    simulate(key + 1, n, l, th.snr, TIMES, t, error);
    for (int k = 0; k < TIMES; k++) {
      const double off = foretold(c, &th, t[k]) / error[k] - 1.0;
      squares += off * off;
    }
    const double stop = best_foretold(c, &th);
    study_put(c, "deviation", sqrt(squares / TIMES));
    study_put(c, "stop_deviation", fabs(best_time(key + 1, n, l, th.snr) / stop - 1.0));
  }
  free(l);
  return st;
}

/* Where over the load the late error peaks, simulated and foretold. */
static glia_status peak(struct study_cell *c, int64_t n)
{
  const uint64_t key = glia_random_stream((uint64_t)c->seed, "study/peak");
  const double late = 1000.0;
  double worst = 0.0, worst_foretold = 0.0, at = 0.0, at_foretold = 0.0;
  double *l = calloc((size_t)n, sizeof *l);
  glia_status st = GLIA_OK;

  GLIA_CHECK(l != NULL, GLIA_E_MEMORY, "%lld eigenvalues", (long long)n);
  for (int k = 0; k < LOADS && st == GLIA_OK; k++) {
    const struct glia_theory th = {0.85 + 0.3 * k / (LOADS - 1), 5.0, 0.0};
    double error;
    st = eigenvalues(key, n, (int64_t)llround(th.alpha * (double)n), l);
    if (st != GLIA_OK) break;
    simulate(key + 1, n, l, th.snr, 1, &late, &error);
    const double f = foretold(c, &th, late);
    if (error > worst) {
      worst = error;
      at = th.alpha;
    }
    if (f > worst_foretold) {
      worst_foretold = f;
      at_foretold = th.alpha;
    }
    if (c->progress != NULL) c->progress(c->self, (k + 1.0) / LOADS);
  }
  free(l);
  study_put(c, "deviation", fmax(fabs(at - 1.0), fabs(at_foretold - 1.0)));
  study_put(c, "stop_deviation", (double)NAN);
  return st;
}

/* Half as many samples as inputs: starting weights stay where no sample reaches. The worst of three sizes of them. */
static glia_status starts(struct study_cell *c, int64_t n)
{
  static const double inr[] = {0.0, 1.0, 5.0};
  const uint64_t key = glia_random_stream((uint64_t)c->seed, "study/starts");
  const double late = 1000.0;
  double worst = 0.0;
  double *l = calloc((size_t)n, sizeof *l);

  GLIA_CHECK(l != NULL, GLIA_E_MEMORY, "%lld eigenvalues", (long long)n);
  const glia_status st = eigenvalues(key, n, n / 2, l);
  for (size_t i = 0; i < GLIA_COUNT(inr) && st == GLIA_OK; i++) {
    const struct glia_theory th = {0.5, 5.0, inr[i]};
    double error;
    simulate(key + 1 + i, n, l, th.snr + th.inr, 1, &late, &error);
    worst = fmax(worst, fabs(foretold(c, &th, late) / error - 1.0));
  }
  free(l);
  study_put(c, "deviation", worst);
  return st;
}

/* As many samples as inputs: the late error over that at the time to stop, simulated and foretold: the smaller of the two. */
static glia_status overtrained(struct study_cell *c, int64_t n)
{
  const struct glia_theory th = {1.0, 5.0, 0.0};
  const uint64_t key = glia_random_stream((uint64_t)c->seed, "study/overtrained");
  const double t[2] = {best_foretold(c, &th), 1000.0};
  double error[2] = {0.0};
  double *l = calloc((size_t)n, sizeof *l);

  GLIA_CHECK(l != NULL, GLIA_E_MEMORY, "%lld eigenvalues", (long long)n);
  const glia_status st = eigenvalues(key, n, n, l);
  if (st == GLIA_OK) simulate(key + 1, n, l, th.snr, 2, t, error);
  free(l);
  study_put(c, "overtraining",
            fmin(error[1] / error[0], foretold(c, &th, t[1]) / foretold(c, &th, t[0])));
  return st;
}

/* Best and late error of a student with `width` rectified units. */
static glia_status relu_student(struct units *w, uint64_t key, int64_t width, double *best,
                                double *late)
{
  GLIA_TRY(units_student(w, key, width, 0.0));
  *best = (double)INFINITY;
  for (int k = 0; k <= 40; k++) {
    *late = units_after(w, pow(10.0, -2.0 + 8.0 * k / 40.0)).test;
    *best = fmin(*best, *late);
  }
  return GLIA_OK;
}

static glia_status relu(struct study_cell *c)
{
  const uint64_t key = glia_random_stream((uint64_t)c->seed, "study/relu");
  const bool stops = strcmp(c->variant->name, "one-mode") == 0;
  struct units *w;
  double most = 0.0, at = 0.0, best = 0.0, late = 0.0;

  GLIA_TRY(units_make(key, &w));
  glia_status st = GLIA_OK;
  for (int k = 0; k < UNITS_WIDTHS && st == GLIA_OK; k++) {
    st = relu_student(w, key + 2, units_width[k], &best, &late);
    const double value = stops ? best : late / best;
    if (st == GLIA_OK && value > most) {
      most = value;
      at = (double)units_width[k];
    }
    if (c->progress != NULL) c->progress(c->self, (k + 1.0) / UNITS_WIDTHS);
  }
  free(w);
  study_put(c, "deviation", fabs(log2(at / UNITS_SAMPLES)));
  study_put(c, "stop_deviation", (double)NAN);
  return st;
}

static glia_status cell(struct study_cell *c)
{
  const int which = (int)c->setting->value;

  if (which == RELU) return relu(c);
  if (which == STARTS) return starts(c, c->quick ? 300 : 1000);
  if (which == OVERTRAINED) return overtrained(c, c->quick ? 300 : 1000);
  if (which == PEAK) return peak(c, c->quick ? 200 : 400);
  return curves(c, c->quick ? 300 : 1000);
}

static const struct study_variant variants[] = {
    {"late", "the late error, at all times", NULL},
    {"dynamics", "integrals over the law of Marchenko and Pastur", NULL},
    {"one-mode",
     "the mean eigenvalue in the place of the law; early stopping for the peak of rectified "
     "units (control)",
     NULL},
    {0},
};

#define CURVE(a, an, s, sn)                                                                        \
  {                                                                                                \
    "alpha-" an "-snr-" sn, "samples over inputs, and SNR", 100.0 * (a) + (s), NULL                \
  }
#define CURVES(a, an)                                                                              \
  CURVE(a, an, 0, "1"), CURVE(a, an, 1, "5"), CURVE(a, an, 2, "25"), CURVE(a, an, 3, "100")
static const struct study_setting settings[] = {
    CURVES(0, "0.25"),
    CURVES(1, "0.5"),
    CURVES(2, "1"),
    CURVES(3, "2"),
    CURVES(4, "4"),
    {"peak", "late error over loads from 0.85 to 1.15", PEAK, NULL},
    {"starts", "late error for starting weights of 0, 1 and 5 times the noise's variance, load 0.5",
     STARTS, NULL},
    {"overtrained", "late error over that at the time to stop, load 1", OVERTRAINED, NULL},
    {"relu", "overtraining of rectified units over widths from 75 to 1200, 300 samples", RELU,
     NULL},
    {0},
};

static const struct study_measure measures[] = {
    {"deviation", "1",
     "relative RMS between foretold and simulated test error over times from 0.1 to 100 tau; for "
     "the "
     "peaks, distance of their place from samples = inputs (in octaves of the width for rectified "
     "units)"},
    {"stop_deviation", "1", "best time, simulated over foretold, less 1"},
    {"overtraining", "1",
     "error after 1,000 tau over that at the foretold best time, simulated or foretold: the "
     "smaller"},
    {0},
};

#define WITHIN(an, sn)                                                                             \
  {                                                                                                \
    .name = "curve-" an "-" sn, .setting = "alpha-" an "-snr-" sn, .kind = STUDY_MEAN,             \
    .direction = STUDY_AT_MOST, .limit = 0.015,                                                    \
    .why = "200 teachers on 1,000 inputs leave 0.3 % of sampling error; the law itself is off by " \
           "1 / N"                                                                                 \
  }
#define STOPS(an)                                                                                  \
  {                                                                                                \
    .name = "stop-" an, .setting = "alpha-" an "-snr-5", .measure = "stop_deviation",              \
    .kind = STUDY_MEAN, .direction = STUDY_AT_MOST, .limit = 0.05,                                 \
    .why = "the minimum is flat: 1 % of time changes the error by 1e-5"                            \
  }
#define WITHINS(an) WITHIN(an, "1"), WITHIN(an, "5"), WITHIN(an, "25"), WITHIN(an, "100"), STOPS(an)
static const struct study_gate gates[] = {
    WITHINS("0.25"),
    WITHINS("0.5"),
    WITHINS("1"),
    WITHINS("2"),
    WITHINS("4"),
    {.name = "peak",
     .setting = "peak",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.03,
     .why = "advani2017: the late error peaks where samples equal inputs"},
    {.name = "starts",
     .setting = "starts",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.05,
     .why = "advani2017: directions without samples keep their start, late errors of 4.5, 5 and 7"},
    {.name = "overtrained",
     .setting = "overtrained",
     .measure = "overtraining",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_LEAST,
     .limit = 5.0,
     .why = "advani2017: at the peak stopping matters most; the law says 7.6"},
    {.name = "relu-peak",
     .setting = "relu",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.5,
     .why = "advani2017: overtraining peaks at the width of 300 for 300 samples; widths are an "
            "octave apart"},
    {0},
};

const struct glia_study glia_study_generalization_dynamics_ = {
    .name = "generalization-dynamics",
    .number = 9,
    .title = "learning curves foretold by random-matrix theory against simulated ones",
    .source = "advani2017",
    .version = 2,
    STUDY_TABLES,
    .baseline = "late",
    .method = "dynamics",
    .control = "one-mode",
    .first_seed = 1,
    .seeds = 4,
    .quick_seeds = 2,
    .quick_note = "300 inputs instead of 1,000",
};
