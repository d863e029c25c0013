/* See 09_units.h. */
#include "09_units.h"

#include "glia_dense.h"
#include "glia_random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 15, TEACHER = 30, ROWS = UNITS_SAMPLES + UNITS_TESTS };

const int64_t units_width[UNITS_WIDTHS] = {75, 150, 300, 600, 1200};

struct units {
  double x[ROWS * INPUTS], y[ROWS];
  double h[ROWS * UNITS_WIDEST]; /* features [rows, width] */
  double a[UNITS_SAMPLES * UNITS_WIDEST], u[UNITS_SAMPLES * UNITS_WIDEST];
  int64_t modes;
  /* singular values; weights along the left vectors: where they start and where they end */
  double s[UNITS_SAMPLES], start[UNITS_SAMPLES], end[UNITS_SAMPLES];
  double g[UNITS_TESTS * UNITS_SAMPLES]; /* test features along the left vectors */
  double frozen[UNITS_TESTS];            /* outputs of what no sample moves */
  double start_square, unfitted;         /* |w(0)|^2; squares of targets that no weights reach */
  double features;
};

static void features(uint64_t key, int64_t width, const double *x, double *h)
{
  double first[UNITS_WIDEST * INPUTS];

  for (int64_t i = 0; i < width * INPUTS; i++) first[i] = glia_random_normal(key, 0, (uint64_t)i);
  for (int64_t r = 0; r < ROWS; r++)
    for (int64_t u = 0; u < width; u++) {
      double sum = 0.0;
      for (int k = 0; k < INPUTS; k++) sum += x[r * INPUTS + k] * first[u * INPUTS + k];
      h[r * width + u] = fmax(sum, 0.0) / sqrt((double)width);
    }
}

glia_status units_make(uint64_t key, struct units **out)
{
  struct units *w = malloc(sizeof *w);
  double signal = 0.0;

  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "a network of %d units", UNITS_WIDEST);
  for (int i = 0; i < ROWS * INPUTS; i++) w->x[i] = glia_random_normal(key, 1, (uint64_t)i);
  features(key + 1, TEACHER, w->x, w->h);
  for (int r = 0; r < ROWS; r++) {
    w->y[r] = 0.0;
    for (int u = 0; u < TEACHER; u++)
      w->y[r] += w->h[r * TEACHER + u] * glia_random_normal(key, 2, (uint64_t)u);
    signal += w->y[r] * w->y[r] / ROWS;
  }
  for (int r = 0; r < ROWS; r++) w->y[r] += sqrt(signal) * glia_random_normal(key, 3, (uint64_t)r);
  *out = w;
  return GLIA_OK;
}

static double dot(int64_t n, const double *x, const double *y)
{
  double sum = 0.0;

  for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* Weights w0 [width] at t = 0 along the left vectors, and the outputs of the rest of them. */
static void set_start(struct units *w, int64_t width, double *w0)
{
  w->start_square = dot(width, w0, w0);
  for (int64_t i = 0; i < w->modes; i++) w->start[i] = dot(width, w->u + i * width, w0);
  for (int64_t i = 0; i < w->modes; i++)
    for (int64_t k = 0; k < width; k++) w0[k] -= w->start[i] * w->u[i * width + k];
  for (int r = 0; r < UNITS_TESTS; r++)
    w->frozen[r] = dot(width, w->h + (UNITS_SAMPLES + r) * width, w0);
}

glia_status units_student(struct units *w, uint64_t key, int64_t width, double start)
{
  double w0[UNITS_WIDEST];
  const int64_t n = width < UNITS_SAMPLES ? width : UNITS_SAMPLES;

  features(key, width, w->x, w->h);
  memcpy(w->a, w->h,
         (size_t)(UNITS_SAMPLES * width) * sizeof *w->a); /* [width, samples], by columns */
  GLIA_TRY(glia_dense_singular_left(width, UNITS_SAMPLES, w->a, w->s, w->u));
  w->features = 0.0;
  w->unfitted = dot(UNITS_SAMPLES, w->y, w->y);
  for (w->modes = 0; w->modes < n && w->s[w->modes] > 1e-12 * w->s[0]; w->modes++) {
    const double *u = w->u + w->modes * width, s = w->s[w->modes];
    double sum = 0.0; /* u . H y */
    for (int r = 0; r < UNITS_SAMPLES; r++) sum += dot(width, u, w->h + r * width) * w->y[r];
    w->end[w->modes] = sum / (s * s);
    w->unfitted -= sum * sum / (s * s);
    w->features += s * s;
    for (int r = 0; r < UNITS_TESTS; r++)
      w->g[r * UNITS_SAMPLES + w->modes] = dot(width, u, w->h + (UNITS_SAMPLES + r) * width);
  }
  w->features = sqrt(w->features) / UNITS_SAMPLES;
  for (int64_t k = 0; k < width; k++) w0[k] = start * glia_random_normal(key + 1, 0, (uint64_t)k);
  set_start(w, width, w0);
  return GLIA_OK;
}

struct units_state units_after(const struct units *w, double t)
{
  struct units_state out = {.features = w->features};
  double z[UNITS_SAMPLES], moved = 0.0, norm = w->start_square;
  double train = w->unfitted;

  for (int64_t i = 0; i < w->modes; i++) {
    const double s = w->s[i], l = s * s / (w->s[0] * w->s[0]);
    const double step = (w->end[i] - w->start[i]) * -expm1(-l * t);
    z[i] = w->start[i] + step;
    moved += step * step;
    norm += z[i] * z[i] - w->start[i] * w->start[i];
    train += s * s * (w->end[i] - z[i]) * (w->end[i] - z[i]);
  }
  for (int r = 0; r < UNITS_TESTS; r++) {
    const double off =
        w->y[UNITS_SAMPLES + r] - w->frozen[r] - dot(w->modes, w->g + r * UNITS_SAMPLES, z);
    out.test += off * off / UNITS_TESTS;
  }
  out.train = train / UNITS_SAMPLES;
  out.norm = sqrt(norm);
  out.moved = sqrt(moved);
  return out;
}
