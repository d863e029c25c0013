/* generalization-frozen: is there a subspace that training never enters, and does it tell why wide networks do not overtrain?
 *
 * Three settings. `law`: all eigenvalues of X X^T for 400 inputs and half, as many and twice as many samples; the method foretells
 * them by the law of Marchenko and Pastur and counts the zeros. `drift`: weights of a linear network, stepped by gradient
 * descent in their own coordinates, and how far they went in directions that no sample has. `bounds`: rectified units of growing
 * width on 300 samples, trained for long: the gap between test and training error falls beyond 300 units, and so does a bound of
 * Rademacher's complexity that counts how far the weights moved, while one that lets all weights move alike rises.
 * Baseline and control know no frozen directions: one eigenvalue in the place of the law, weight decay, early stopping.
 * Source: advani2017 (arXiv:1710.03667). */
#include "09_units.h"
#include "study.h"

#include "glia_dense.h"
#include "glia_random.h"
#include "glia_theory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAW, DRIFT, BOUNDS };
enum { LAW_INPUTS = 400, INPUTS = 200, SAMPLES = 100, STEPS = 4000 };

static bool is(const struct study_cell *c, const char *variant)
{
  return strcmp(c->variant->name, variant) == 0;
}

/* Entries of variance 1 / n: x [samples, n]. */
static double *draw_inputs(uint64_t key, int64_t samples, int64_t n)
{
  double *x = malloc((size_t)(samples * n) * sizeof *x);

  for (int64_t i = 0; x != NULL && i < samples * n; i++)
    x[i] = glia_random_normal(key, 0, (uint64_t)i) / sqrt((double)n);
  return x;
}

/* ---- law */

/* Share of the non-zero eigenvalues foretold below l. */
static double foretold_below(const struct study_cell *c, double alpha, double l)
{
  if (is(c, "frozen")) return glia_theory_mass_below(alpha, l) / fmin(1.0, alpha);
  return l < fmax(1.0, alpha) ? 0.0 : 1.0; /* the mean of what is not zero */
}

static void compare_law(const struct study_cell *c, double alpha, const double *l, double *distance,
                        double *off)
{
  const int64_t n = LAW_INPUTS;
  int64_t zeros = 0;

  while (zeros < n && l[zeros] < 1e-10 * l[n - 1]) zeros++;
  const double frozen = is(c, "frozen") ? fmax(0.0, 1.0 - alpha) * (double)n : 0.0;
  const double count = (double)(n - zeros);
  *off = fmax(*off, fabs((double)zeros - frozen));
  for (int64_t i = zeros; i < n; i++) {
    const double f = foretold_below(c, alpha, l[i]), rank = (double)(i - zeros);
    *distance = fmax(*distance, fmax(f - rank / count, (rank + 1.0) / count - f));
  }
}

static glia_status law(struct study_cell *c)
{
  static const double alphas[] = {0.5, 1.0, 2.0};
  const uint64_t key = glia_random_stream((uint64_t)c->seed, "study/frozen/law");
  const int64_t n = LAW_INPUTS;
  double distance = 0.0, off = 0.0, *l = malloc((size_t)(n + n * n) * sizeof *l);
  glia_status st = l != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "%lld eigenvalues", (long long)n);

  for (size_t k = 0; k < GLIA_COUNT(alphas) && st == GLIA_OK; k++) {
    const int64_t samples = llround(alphas[k] * (double)n);
    double *x = draw_inputs(key + k, samples, n), *a = l + n;
    if (x == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld samples", (long long)samples);
    memset(a, 0, (size_t)(n * n) * sizeof *a);
    for (int64_t s = 0; st == GLIA_OK && s < samples; s++)
      for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) a[i * n + j] += x[s * n + i] * x[s * n + j];
    if (st == GLIA_OK) st = glia_dense_symmetric(n, a, l, false);
    if (st == GLIA_OK) compare_law(c, alphas[k], l, &distance, &off);
    free(x);
  }
  free(l);
  study_put(c, "law_distance", distance);
  study_put(c, "frozen_off", off);
  return st;
}

/* ---- drift */

struct linear {
  double *x; /* [SAMPLES, INPUTS] */
  double w[INPUTS], start[INPUTS], y[SAMPLES];
  double u[INPUTS * SAMPLES], s[SAMPLES]; /* of x transposed */
};

/* Gradient descent on half the sum of squares, with weight decay. */
static void descend(struct linear *m, double rate, double decay)
{
  for (int step = 0; step < STEPS; step++) {
    double down[INPUTS];
    for (int i = 0; i < INPUTS; i++) down[i] = -decay * m->w[i];
    for (int p = 0; p < SAMPLES; p++) {
      const double *x = m->x + p * INPUTS;
      double off = m->y[p];
      for (int i = 0; i < INPUTS; i++) off -= x[i] * m->w[i];
      for (int i = 0; i < INPUTS; i++) down[i] += off * x[i];
    }
    for (int i = 0; i < INPUTS; i++) m->w[i] += rate * down[i];
  }
}

/* How much of w - start lies where no sample reaches, in units of all of it. */
static double outside(const struct linear *m)
{
  double d[INPUTS], all = 0.0, rest = 0.0;

  for (int i = 0; i < INPUTS; i++) {
    d[i] = m->w[i] - m->start[i];
    all += d[i] * d[i];
  }
  for (int k = 0; k < SAMPLES; k++) {
    const double *u = m->u + k * INPUTS;
    double along = 0.0;
    for (int i = 0; i < INPUTS; i++) along += u[i] * d[i];
    for (int i = 0; i < INPUTS; i++) d[i] -= along * u[i];
  }
  for (int i = 0; i < INPUTS; i++) rest += d[i] * d[i];
  return sqrt(rest / all);
}

static glia_status drift(struct study_cell *c)
{
  const uint64_t key = glia_random_stream((uint64_t)c->seed, "study/frozen/drift");
  struct linear *m = calloc(1, sizeof *m);
  double *copy = malloc(SAMPLES * INPUTS * sizeof *copy);

  if (m != NULL) m->x = draw_inputs(key, SAMPLES, INPUTS);
  glia_status st = m != NULL && m->x != NULL && copy != NULL
                       ? GLIA_OK
                       : GLIA_FAIL(GLIA_E_MEMORY, "%d samples", SAMPLES);
  if (st == GLIA_OK) {
    memcpy(copy, m->x, SAMPLES * INPUTS * sizeof *copy);
    st = glia_dense_singular_left(INPUTS, SAMPLES, copy, m->s, m->u);
  }
  if (st == GLIA_OK) {
    for (int i = 0; i < INPUTS; i++)
      m->w[i] = m->start[i] = glia_random_normal(key, 1, (uint64_t)i);
    for (int p = 0; p < SAMPLES; p++) m->y[p] = glia_random_normal(key, 2, (uint64_t)p);
    descend(m, 0.3 / (m->s[0] * m->s[0]), is(c, "frozen") ? 0.0 : 1e-3);
    study_put(c, "drift", outside(m));
  }
  if (m != NULL) free(m->x);
  free(copy);
  free(m);
  return st;
}

/* ---- bounds */

enum { FIRST = 2 }; /* of units_width: as many units as samples */

static glia_status bounds(struct study_cell *c)
{
  const uint64_t key = glia_random_stream((uint64_t)c->seed, "study/frozen/bounds");
  const double t = is(c, "frozen") ? 1e6 : 1e2;
  double gap[UNITS_WIDTHS], moved[UNITS_WIDTHS], counted[UNITS_WIDTHS];
  struct units *w;

  GLIA_TRY(units_make(key, &w));
  glia_status st = GLIA_OK;
  for (int k = FIRST; k < UNITS_WIDTHS && st == GLIA_OK; k++) {
    st = units_student(w, key + 2, units_width[k], 0.0);
    if (st != GLIA_OK) break;
    const struct units_state e = units_after(w, t);
    const double directions = is(c, "frozen") ? (double)units_width[k] : (double)UNITS_SAMPLES;
    gap[k] = e.test - e.train;
    moved[k] = e.features * e.moved;
    counted[k] = e.features * sqrt(directions); /* every direction may move as far as any other */
    if (c->progress != NULL) c->progress(c->self, (k - FIRST + 1.0) / (UNITS_WIDTHS - FIRST));
  }
  free(w);
  if (st != GLIA_OK) return st;
  study_put(c, "gap_fall", log2(gap[FIRST] / gap[UNITS_WIDTHS - 1]));
  study_put(c, "bound_fall", log2(moved[FIRST] / moved[UNITS_WIDTHS - 1]));
  study_put(c, "count_rise", log2(counted[UNITS_WIDTHS - 1] / counted[FIRST]));
  return st;
}

static glia_status cell(struct study_cell *c)
{
  const int which = (int)c->setting->value;

  for (int i = 0; c->study->measure[i].name != NULL; i++)
    study_put(c, c->study->measure[i].name, (double)NAN);
  return which == LAW ? law(c) : which == DRIFT ? drift(c) : bounds(c);
}

static const struct study_variant variants[] = {
    {"one-mode", "one eigenvalue in the place of the law; weight decay; early stopping", NULL},
    {"frozen", "the law with its frozen directions; gradient descent; training for long", NULL},
    {"no-frozen", "as one-mode: nothing is frozen (control)", NULL},
    {0},
};

static const struct study_setting settings[] = {
    {"law", "eigenvalues for 400 inputs and 200, 400, 800 samples", LAW, NULL},
    {"drift", "4,000 steps of gradient descent, 200 inputs, 100 samples", DRIFT, NULL},
    {"bounds", "300, 600, 1200 rectified units, 300 samples", BOUNDS, NULL},
    {0},
};

static const struct study_measure measures[] = {
    {"law_distance", "1", "largest distance of Kolmogorov and Smirnov to the law, of three loads"},
    {"frozen_off", "1", "eigenvalues below 1e-10 of the largest, off what is foretold"},
    {"drift", "1", "share of the way of the weights in directions that no sample has"},
    {"gap_fall", "octaves", "test less training error, of 300 units over that of 1200"},
    {"bound_fall", "octaves", "the bound by how far weights moved, of 300 units over that of 1200"},
    {"count_rise", "octaves", "the bound by counting weights, of 1200 units over that of 300"},
    {0},
};

static const struct study_gate gates[] = {
    {.name = "law",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.02,
     .why = "the card's, for 400 inputs; 200 eigenvalues cannot come closer than 0.0025"},
    {.name = "frozen-count",
     .measure = "frozen_off",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.0,
     .why = "exactly as many zeros as inputs exceed samples"},
    {.name = "drift",
     .setting = "drift",
     .measure = "drift",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 1e-10,
     .why = "gradients are sums of samples; 4,000 steps of rounding leave 1e-14"},
    {.name = "gap-falls",
     .setting = "bounds",
     .measure = "gap_fall",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.5,
     .why = "advani2017: wider networks overtrain less; measured 2.5 octaves"},
    {.name = "bound-falls",
     .setting = "bounds",
     .measure = "bound_fall",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.5,
     .why = "what moved is a bound with the trend of the gap; measured 1.5 octaves"},
    {.name = "count-rises",
     .setting = "bounds",
     .measure = "count_rise",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.5,
     .why = "four times the weights: one octave, and the sum of squared features does not change"},
    {0},
};

const struct glia_study glia_study_generalization_frozen_ = {
    .name = "generalization-frozen",
    .number = 9,
    .title = "directions that no sample reaches: their number, that nothing enters them, and what "
             "bounds gain by them",
    .source = "advani2017",
    .version = 1,
    STUDY_TABLES,
    .baseline = "one-mode",
    .method = "frozen",
    .control = "no-frozen",
    .first_seed = 1,
    .seeds = 20,
    .quick_seeds = 4,
};
