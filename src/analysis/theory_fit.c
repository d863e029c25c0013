/* Load and SNR of a data set by maximum marginal likelihood. Source: mackay1992.
 *
 * QR of [1 | X | Y]: without its first row and column R is the factor of the centred matrix. With X = Q R_xx, R_xx = U D V^T the numbers
 * c = U^T R_xy of one output are independent with variance s^2 (1 + S l), l = d^2 / scale, and what is left of the
 * output, R_yy, has variance s^2: two unknowns, of which s^2 has its best value in closed form. */
#include "glia_theory_fit.h"

#include "glia_agree.h"
#include "glia_dense.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rows with a one before them. */
static glia_status read_with_one(void *self, int64_t first, int64_t n, double *out)
{
  const struct glia_rows *a = self;
  double *row = malloc((size_t)(n * a->cols) * sizeof *row);

  GLIA_CHECK(row != NULL, GLIA_E_MEMORY, "%lld rows", (long long)n);
  const glia_status st = a->read(a->self, first, n, row);
  for (int64_t i = 0; i < n && st == GLIA_OK; i++) {
    out[i * (a->cols + 1)] = 1.0;
    memcpy(out + i * (a->cols + 1) + 1, row + i * a->cols, (size_t)a->cols * sizeof *row);
  }
  free(row);
  return st;
}

struct likelihood {
  int64_t modes, outputs, left; /* left: dimensions of an output that inputs do not reach */
  double *l, *c;                /* [modes], [outputs, modes] */
  double *rest;                 /* [outputs] squares there */
};

/* Minus twice the log-likelihood at ln S, less constants. */
static double at(const struct likelihood *k, double log_snr)
{
  const double snr = exp(log_snr), dimensions = (double)(k->modes + k->left);
  double sum = 0.0;

  for (int64_t i = 0; i < k->modes; i++) sum += (double)k->outputs * log1p(snr * k->l[i]);
  for (int64_t j = 0; j < k->outputs; j++) {
    double squares = k->rest[j];
    for (int64_t i = 0; i < k->modes; i++)
      squares += k->c[j * k->modes + i] * k->c[j * k->modes + i] / (1.0 + snr * k->l[i]);
    sum += dimensions * log(squares / dimensions);
  }
  return sum;
}

/* Variance of the noise that is most likely at S, mean over the outputs. */
static double noise_at(const struct likelihood *k, double snr)
{
  double sum = 0.0;

  for (int64_t j = 0; j < k->outputs; j++) {
    sum += k->rest[j];
    for (int64_t i = 0; i < k->modes; i++)
      sum += k->c[j * k->modes + i] * k->c[j * k->modes + i] / (1.0 + snr * k->l[i]);
  }
  return sum / (double)(k->modes + k->left) / (double)k->outputs;
}

static void maximise(const struct likelihood *k, struct glia_theory_fit *out)
{
  const double golden = 0.6180339887498949, first = log(1e-6), last = log(1e6);
  double lo = first, hi = last;

  for (int i = 0; i < 80; i++) {
    const double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
    if (at(k, a) < at(k, b))
      hi = b;
    else
      lo = a;
  }
  const double x = 0.5 * (lo + hi), h = 1e-3;
  const double bend = (at(k, x + h) - 2.0 * at(k, x) + at(k, x - h)) / (h * h); /* 2 / variance */
  out->theory.snr = exp(x);
  out->noise = noise_at(k, out->theory.snr);
  out->snr_lo = out->snr_hi = (double)NAN;
  if (x < first + 0.1 || x > last - 0.1 || bend <= 0.0) {
    snprintf(out->note, sizeof out->note, "the likelihood rises to the %s end: %s",
             x < 0.0 ? "lower" : "upper",
             x < 0.0 ? "a linear model sees no signal here" : "a linear model sees no noise here");
    return;
  }
  const double spread = 1.96 * sqrt(2.0 / bend);
  out->snr_lo = exp(x - spread);
  out->snr_hi = exp(x + spread);
}

/* Is the spread of columns first .. first + n - 1 of R about their means [in row 0] no more than the rounding of the numbers? */
static bool constant(const double *r, int64_t m, int64_t first, int64_t n)
{
  double means = 0.0, rest = 0.0;

  for (int64_t j = first; j < first + n; j++) {
    means += r[j * m] * r[j * m];
    for (int64_t i = 1; i <= j; i++) rest += r[j * m + i] * r[j * m + i];
  }
  return sqrt(rest) <= 16.0 * DBL_EPSILON * (double)m * sqrt(means + rest);
}

/* R [m, m] of [1 | X | Y] into eigenvalues and projections. */
static glia_status project(const double *r, int64_t m, struct likelihood *k,
                           struct glia_theory_fit *out)
{
  const int64_t n = out->inputs;
  double *a = calloc((size_t)(2 * n * n + n), sizeof *a);
  double sum = 0.0, squares = 0.0;

  GLIA_CHECK(a != NULL, GLIA_E_MEMORY, "a factor of %lld x %lld", (long long)n, (long long)n);
  double *u = a + n * n, *d = u + n * n;
  for (int64_t j = 0; j < n; j++) memcpy(a + j * n, r + (j + 1) * m + 1, (size_t)n * sizeof *a);
  glia_status st = glia_dense_singular_left(n, n, a, d, u);
  for (int64_t i = 0; i < k->modes && st == GLIA_OK; i++) {
    sum += d[i] * d[i];
    squares += d[i] * d[i] * d[i] * d[i];
  }
  if (st == GLIA_OK && constant(r, m, 1, n))
    st = GLIA_FAIL(GLIA_E_DATA, "all rows have the same inputs: nothing to learn from");
  if (st == GLIA_OK) {
    const double samples = (double)out->rows - 1.0, ratio = sum * sum / squares;
    /* of Gaussian rows the ratio is N P / (N + P) */
    out->inputs_effective = ratio < samples ? ratio * samples / (samples - ratio) : (double)n;
    out->inputs_effective = fmin(out->inputs_effective, (double)n);
    out->theory.alpha = samples / out->inputs_effective;
    out->scale = sum / samples;
    for (int64_t i = 0; i < k->modes; i++) k->l[i] = d[i] * d[i] / out->scale;
    for (int64_t j = 0; j < k->outputs; j++) {
      const double *y = r + (1 + n + j) * m + 1;
      double all = 0.0;
      for (int64_t i = 0; i < n + j + 1; i++) all += y[i] * y[i];
      for (int64_t i = 0; i < k->modes; i++) {
        double along = 0.0;
        for (int64_t q = 0; q < n; q++) along += u[i * n + q] * y[q];
        k->c[j * k->modes + i] = along;
        k->rest[j] -= along * along;
      }
      k->rest[j] = fmax(0.0, k->rest[j] + all);
      if (st == GLIA_OK && constant(r, m, 1 + n + j, 1))
        st = GLIA_FAIL(GLIA_E_DATA, "output %lld is the same in all rows", (long long)j);
    }
  }
  free(a);
  return st;
}

glia_status glia_theory_fit(struct glia_comm *comm, const struct glia_rows *rows, int64_t inputs,
                            struct glia_theory_fit *out)
{
  const int64_t m = rows->cols + 1, outputs = rows->cols - inputs;
  struct glia_rows copy = *rows;
  const struct glia_rows wide = {&copy, rows->rows, m, read_with_one};
  struct likelihood k = {.outputs = outputs};
  glia_status st;

  *out = (struct glia_theory_fit){.rows = rows->rows, .inputs = inputs, .outputs = outputs};
  GLIA_CHECK(inputs > 0 && outputs > 0 && rows->rows > 2, GLIA_E_DATA,
             "%lld rows of %lld inputs and %lld outputs: expected at least 3, 1 and 1",
             (long long)rows->rows, (long long)inputs, (long long)outputs);
  k.modes = rows->rows - 1 < inputs ? rows->rows - 1 : inputs;
  k.left = rows->rows - 1 - k.modes;
  double *r = malloc((size_t)(m * m) * sizeof *r);
  k.l = calloc((size_t)(k.modes * (1 + outputs) + outputs), sizeof *k.l);
  st = r != NULL && k.l != NULL ? GLIA_OK : GLIA_E_MEMORY;
  if (st != GLIA_OK) st = GLIA_FAIL(st, "a factor of %lld x %lld", (long long)m, (long long)m);
  st = glia_agree(comm, st);
  if (st == GLIA_OK) {
    k.c = k.l + k.modes;
    k.rest = k.c + k.modes * outputs;
    st = glia_tsqr(comm, &wide, r);
  }
  if (st == GLIA_OK) st = project(r, m, &k, out);
  if (st == GLIA_OK) maximise(&k, out);
  free(r);
  free(k.l);
  return st;
}

double glia_theory_steps(const struct glia_theory_fit *fit, double t, double rate)
{
  return t * (double)fit->rows / (2.0 * rate * fit->scale);
}
