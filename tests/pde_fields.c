#include "pde_fields.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONTOUR = 32 };

struct etd {
  int n, half;
  double period, *real;
  fftw_complex *hat, *v, *stage, *nv[4];
  double *e, *e2, *q, *f[3];
  fftw_plan to, back;
};

/* phi-functions of h L by a contour around each point, where the formulas themselves cancel. */
static void coefficients(struct etd *s, double a, double b, double h)
{
  for (int k = 0; k < s->half; k++) {
    const double w = 2.0 * M_PI * k / s->period, l = -a * w * w + b * w * w * w * w;
    double q = 0.0, f1 = 0.0, f2 = 0.0, f3 = 0.0;
    for (int j = 0; j < CONTOUR; j++) {
      const double complex r = h * l + cexp((double complex)I * M_PI * (j + 0.5) / CONTOUR),
                           z = cexp(r);
      q += creal((cexp(r / 2.0) - 1.0) / r) / CONTOUR;
      f1 += creal((-4.0 - r + z * (4.0 - 3.0 * r + r * r)) / (r * r * r)) / CONTOUR;
      f2 += creal((2.0 + r + z * (-2.0 + r)) / (r * r * r)) / CONTOUR;
      f3 += creal((-4.0 - 3.0 * r - r * r + z * (4.0 - r)) / (r * r * r)) / CONTOUR;
    }
    s->e[k] = exp(h * l);
    s->e2[k] = exp(h * l / 2.0);
    s->q[k] = h * q;
    s->f[0][k] = h * f1;
    s->f[1][k] = h * f2;
    s->f[2][k] = h * f3;
  }
}

/* -(u^2 / 2)_x of v's series, the highest third cut off. */
static void slope(struct etd *s, const fftw_complex *v, fftw_complex *out)
{
  memcpy(s->hat, v, (size_t)s->half * sizeof *v);
  fftw_execute(s->back);
  for (int i = 0; i < s->n; i++) s->real[i] *= s->real[i] / ((double)s->n * s->n);
  fftw_execute(s->to);
  for (int k = 0; k < s->half; k++)
    out[k] =
        3 * k < s->n ? -0.5 * (double complex)I * (2.0 * M_PI * k / s->period) * s->hat[k] : 0.0;
}

static void advance(struct etd *s)
{
  const int m = s->half;

  slope(s, s->v, s->nv[0]);
  for (int k = 0; k < m; k++) s->stage[k] = s->e2[k] * s->v[k] + s->q[k] * s->nv[0][k];
  slope(s, s->stage, s->nv[1]);
  for (int k = 0; k < m; k++) s->hat[k] = s->e2[k] * s->v[k] + s->q[k] * s->nv[1][k];
  memcpy(s->nv[3], s->hat, (size_t)m * sizeof *s->hat);
  slope(s, s->nv[3], s->nv[2]);
  for (int k = 0; k < m; k++)
    s->stage[k] = s->e2[k] * s->stage[k] + s->q[k] * (2.0 * s->nv[2][k] - s->nv[0][k]);
  slope(s, s->stage, s->nv[3]);
  for (int k = 0; k < m; k++)
    s->v[k] = s->e[k] * s->v[k] + s->f[0][k] * s->nv[0][k] +
              2.0 * s->f[1][k] * (s->nv[1][k] + s->nv[2][k]) + s->f[2][k] * s->nv[3][k];
}

static int run(struct etd *s, const struct pde_wave *w, double *u)
{
  const double h = w->dt / w->substeps;
  const int before = (int)lround(w->start / h);

  coefficients(s, w->a, w->b, h);
  for (int i = 0; i < s->n; i++) w->begin(w->period * i / s->n, &s->real[i]);
  fftw_execute(s->to);
  memcpy(s->v, s->hat, (size_t)s->half * sizeof *s->v);
  for (int k = 0; k < before; k++) advance(s);
  for (int t = 0; t < w->nt; t++) {
    memcpy(s->hat, s->v, (size_t)s->half * sizeof *s->v);
    fftw_execute(s->back);
    for (int i = 0; i < s->n; i++) u[t * s->n + i] = s->real[i] / s->n;
    for (int k = 0; k < w->substeps && t + 1 < w->nt; k++) advance(s);
  }
  return isfinite(u[(w->nt - 1) * s->n]);
}

int pde_wave_solve(const struct pde_wave *w, double *u)
{
  struct etd s = {.n = w->nx, .half = w->nx / 2 + 1, .period = w->period};
  const size_t m = (size_t)s.half;
  fftw_complex *room = fftw_alloc_complex(7 * m);
  double *table = calloc(6 * m, sizeof *table);

  s.real = fftw_alloc_real((size_t)s.n);
  if (room == NULL || table == NULL || s.real == NULL) return 0;
  s.hat = room;
  s.v = room + m;
  s.stage = room + 2 * m;
  for (int k = 0; k < 4; k++) s.nv[k] = room + (3 + (size_t)k) * m;
  s.e = table;
  s.e2 = table + m;
  s.q = table + 2 * m;
  for (int k = 0; k < 3; k++) s.f[k] = table + (3 + (size_t)k) * m;
  s.to = fftw_plan_dft_r2c_1d(s.n, s.real, s.hat, FFTW_ESTIMATE);
  s.back = fftw_plan_dft_c2r_1d(s.n, s.hat, s.real, FFTW_ESTIMATE);
  const int ok = run(&s, w, u);
  fftw_destroy_plan(s.to);
  fftw_destroy_plan(s.back);
  fftw_free(s.real);
  fftw_free(room);
  free(table);
  return ok;
}

void pde_lorenz(const double *x, double *dx)
{
  dx[0] = 10.0 * (x[1] - x[0]);
  dx[1] = x[0] * (28.0 - x[2]) - x[1];
  dx[2] = x[0] * x[1] - 8.0 / 3.0 * x[2];
}

void pde_orbit(void (*f)(const double *x, double *dx), int dim, const double *x0, double dt,
               int substeps, int64_t n, double *out)
{
  double x[8], k[4][8], y[8];
  const double h = dt / substeps;

  memcpy(x, x0, (size_t)dim * sizeof *x);
  for (int64_t i = 0; i < n; i++) {
    memcpy(out + i * dim, x, (size_t)dim * sizeof *x);
    for (int s = 0; s < substeps; s++) {
      f(x, k[0]);
      for (int q = 1; q < 4; q++) {
        for (int c = 0; c < dim; c++) y[c] = x[c] + (q == 3 ? h : 0.5 * h) * k[q - 1][c];
        f(y, k[q]);
      }
      for (int c = 0; c < dim; c++)
        x[c] += h / 6.0 * (k[0][c] + 2.0 * (k[1][c] + k[2][c]) + k[3][c]);
    }
  }
}
