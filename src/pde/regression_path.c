/* Supports worth looking at: the best of each size, or what thresholds leave. */
#include "regression_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXHAUSTIVE = 12, ROUNDS = 20, LEVELS = 33 };

static uint64_t bit(int i) { return UINT64_C(1) << i; }

static glia_status square_of(const struct glia_look_ *l, uint64_t support, double *square)
{
  double x[GLIA_REGRESSION_MOST + 1];

  return glia_regression_solve_(l, l->all, support, x, square);
}

/* Every support of at most 12 columns. */
static glia_status exhaust(const struct glia_look_ *l, uint64_t *best)
{
  double least[EXHAUSTIVE + 1], square;

  for (int k = 0; k <= l->s->n; k++) least[k] = (double)INFINITY;
  for (uint64_t m = 0; m < bit(l->s->n); m++) {
    const int k = __builtin_popcountll(m);
    GLIA_TRY(square_of(l, m, &square));
    if (square < least[k]) {
      least[k] = square;
      best[k] = m;
    }
  }
  return GLIA_OK;
}

/* Add the column that helps most, or take the one that is missed least; *square as it comes out. */
static glia_status move(const struct glia_look_ *l, uint64_t *support, bool add, double *square)
{
  uint64_t best = *support;

  *square = (double)INFINITY;
  for (int i = 0; i < l->s->n; i++) {
    double s;
    if ((*support >> i & 1U) == (uint64_t)add) continue;
    GLIA_TRY(square_of(l, *support ^ bit(i), &s));
    if (s < *square) {
      *square = s;
      best = *support ^ bit(i);
    }
  }
  *support = best;
  return GLIA_OK;
}

/* Exchange columns one for one while that helps. */
static glia_status polish(const struct glia_look_ *l, uint64_t *support, double *square)
{
  for (bool better = true; better;) {
    better = false;
    for (int i = 0; i < l->s->n; i++) {
      if (!(*support >> i & 1U)) continue;
      uint64_t trial = *support ^ bit(i);
      double s;
      GLIA_TRY(move(l, &trial, true, &s));
      if (s < *square * (1.0 - 1e-12)) {
        *square = s;
        *support = trial;
        better = true;
      }
    }
  }
  return GLIA_OK;
}

/* Forward from none and backward from all; the better of the two at each size, polished where it is small. */
static glia_status exchange(const struct glia_look_ *l, uint64_t *best)
{
  const int n = l->s->n;
  double least[GLIA_REGRESSION_MOST + 1], square = 0.0;
  uint64_t support = n == 64 ? UINT64_MAX : bit(n) - 1;

  for (int k = 0; k <= n; k++) least[k] = (double)INFINITY;
  for (int k = n; k > 0; k--) {
    if (k == n) GLIA_TRY(square_of(l, support, &square));
    best[k] = support;
    least[k] = square;
    GLIA_TRY(move(l, &support, false, &square));
  }
  support = 0;
  for (int k = 1; k <= n; k++) {
    GLIA_TRY(move(l, &support, true, &square));
    if (square < least[k]) {
      least[k] = square;
      best[k] = support;
    }
    if (k <= EXHAUSTIVE) GLIA_TRY(polish(l, &best[k], &least[k]));
  }
  return GLIA_OK;
}

glia_status glia_regression_subsets_(struct glia_look_ *l, struct glia_regression_result *out)
{
  uint64_t best[GLIA_REGRESSION_MOST + 1] = {0};

  GLIA_TRY(l->s->n <= EXHAUSTIVE ? exhaust(l, best) : exchange(l, best));
  out->n_steps = l->s->n + 1;
  for (int k = 0; k <= l->s->n; k++) out->step[k].support = best[k];
  return GLIA_OK;
}

/* What coefficient i is measured in: its column's norm; with a level of the options its standard deviation, or where it does not vary its
 * root mean square. */
static double measure(const struct glia_look_ *l, int i)
{
  const int m = l->s->n + 1;
  const double rows = (double)l->s->rows, mean = l->s->sum[i] / rows;
  double square = 0.0;

  for (int j = 0; j <= i; j++) square += l->all[i * m + j] * l->all[i * m + j];
  if (l->o->level <= 0.0) return sqrt(square);
  const double variance = square / rows - mean * mean;
  return sqrt(variance > 1e-12 * square / rows ? variance : square / rows);
}

/* Fit, leave what is below the level, fit again. */
static glia_status threshold(const struct glia_look_ *l, double level, uint64_t *support)
{
  const int n = l->s->n;
  double x[GLIA_REGRESSION_MOST + 1], square;

  *support = n == 64 ? UINT64_MAX : bit(n) - 1;
  for (int round = 0; round < ROUNDS && *support != 0; round++) {
    uint64_t kept = 0;
    GLIA_TRY(glia_regression_solve_(l, l->all, *support, x, &square));
    for (int i = 0, k = 0; i < n; i++)
      if ((*support >> i & 1U) && fabs(x[k++]) * measure(l, i) >= level) kept |= bit(i);
    if (kept == *support) break;
    *support = kept;
  }
  return GLIA_OK;
}

glia_status glia_regression_thresholds_(struct glia_look_ *l, struct glia_regression_result *out)
{
  bool seen[GLIA_REGRESSION_MOST + 1] = {false};
  uint64_t best[GLIA_REGRESSION_MOST + 1] = {0};

  if (l->o->level > 0.0) {
    out->n_steps = 1;
    return threshold(l, l->o->level, &out->step[0].support);
  }
  seen[0] = true;
  for (int k = 0; k < LEVELS; k++) { /* 1e-4 .. 1e0 of the target's norm, columns of norm 1 */
    uint64_t support;
    GLIA_TRY(threshold(l, pow(10.0, -4.0 + 4.0 * k / (LEVELS - 1)) * sqrt(l->target), &support));
    const int size = __builtin_popcountll(support);
    if (!seen[size]) best[size] = support;
    seen[size] = true;
  }
  for (int k = 0; k <= l->s->n; k++)
    if (seen[k]) out->step[out->n_steps++].support = best[k];
  return GLIA_OK;
}

glia_status glia_regression_covariance_(const struct glia_look_ *l, uint64_t support, double *error)
{
  const int k = __builtin_popcountll(support);
  double x[GLIA_REGRESSION_MOST + 1], square;

  GLIA_TRY(glia_regression_solve_(l, l->all, support, x, &square)); /* leaves R in l->small */
  const double *r = l->small;
  const double free_rows = fmax(1.0, (double)l->s->rows - k);
  memset(error, 0, (size_t)k * sizeof *error);
  for (int j = 0; j < k; j++) { /* column j of R^-1 */
    double z[GLIA_REGRESSION_MOST];
    z[j] = 1.0 / r[j * (k + 1) + j];
    error[j] += z[j] * z[j];
    for (int a = j - 1; a >= 0; a--) {
      double sum = 0.0;
      for (int b = a + 1; b <= j; b++) sum -= r[b * (k + 1) + a] * z[b];
      z[a] = sum / r[a * (k + 1) + a];
      error[a] += z[a] * z[a];
    }
  }
  for (int i = 0; i < k; i++) error[i] = sqrt(error[i] * square / free_rows);
  return GLIA_OK;
}
