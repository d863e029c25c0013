/* Test functions: how wide, where, and integrals against them.
 *
 * Along each coordinate the data's mean spectrum falls to a floor of noise at some wave number k. The test function is as wide as lets its
 * own spectrum reach two standard deviations at k: what it keeps of the data is signal, what it drops is noise.
 * Source: messenger2021 (its section on the choice of test functions).
 */
#include "discover_priv.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 512, NARROW = 9, ROWS = 6000 };

/* Where a rising curve h [n] is best told by two straight lines: its corner. */
static int64_t corner(int64_t n, const double *h)
{
  double least = (double)INFINITY;
  int64_t best = n - 1;

  for (int64_t k = 1; k < n - 1; k++) {
    double off = 0.0;
    for (int64_t i = 0; i < n; i++) {
      const double line = i <= k ? h[0] + (h[k] - h[0]) * (double)i / (double)k
                                 : h[k] + (h[n - 1] - h[k]) * (double)(i - k) / (double)(n - 1 - k);
      off += fabs(h[i] - line);
    }
    if (off < least) {
      least = off;
      best = k;
    }
  }
  return best;
}

/* Mean of |Fourier coefficient| along coordinate c over some lines: h [half], its running sum. A Hann window where it is not periodic. */
static glia_status spectrum(const struct glia_weak_ *w, int c, const double *u, int64_t half,
                            double *h)
{
  const struct glia_grid_data *g = w->g;
  const int64_t n = g->dim[c], lines = g->n / n, every = lines > LINES ? lines / LINES : 1;
  int64_t inner = 1;
  double *in = fftw_alloc_real((size_t)n);
  fftw_complex *out = fftw_alloc_complex((size_t)half);
  fftw_plan plan = NULL;

  if (in != NULL && out != NULL) plan = fftw_plan_dft_r2c_1d((int)n, in, out, FFTW_ESTIMATE);
  for (int k = c + 1; k < w->d->p.n_coords; k++) inner *= g->dim[k];
  memset(h, 0, (size_t)half * sizeof *h);
  for (int64_t l = 0; l < lines && plan != NULL; l += every) {
    const double *line = u + l / inner * inner * n + l % inner;
    double mean = 0.0;
    for (int64_t i = 0; i < n; i++) mean += line[i * inner] / (double)n;
    for (int64_t i = 0; i < n; i++) {
      const double hann =
          w->d->p.periodic[c] ? 1.0 : 1.0 - cos(2.0 * M_PI * ((double)i + 0.5) / (double)n);
      in[i] = hann * (line[i * inner] - mean);
    }
    fftw_execute(plan);
    for (int64_t k = 0; k < half; k++) h[k] += hypot(out[k][0], out[k][1]);
  }
  const bool ok = plan != NULL;
  if (ok) fftw_destroy_plan(plan);
  fftw_free(in);
  fftw_free(out);
  GLIA_CHECK(ok, GLIA_E_MEMORY, "a spectrum of %lld", (long long)n);
  return GLIA_OK;
}

/* Noise of an unknown relative to its standard deviation: the mean square of what the highest third of wave numbers along c has, as if
 * it were everywhere. */
static double noise_of(int64_t half, const double *mean)
{
  double high = 0.0, all = 0.0;
  const int64_t first = half - half / 3;

  for (int64_t k = first; k < half; k++) high += mean[k] * mean[k] / (double)(half - first);
  for (int64_t k = 0; k < half; k++) all += mean[k] * mean[k] / (double)half;
  return all > 0.0 ? sqrt(high / all) : 0.0;
}

static glia_status width(struct glia_weak_ *w, int c, double scale, double *noise)
{
  const struct glia_grid_data *g = w->g;
  const int64_t n = g->dim[c], half = n / 2 + 1;
  double *h = malloc((size_t)half * sizeof *h), narrow = (double)INFINITY;
  glia_status st = GLIA_OK;

  GLIA_CHECK(h != NULL, GLIA_E_MEMORY, "a spectrum");
  for (int i = 0; i < w->d->p.n_unknowns && st == GLIA_OK; i++) {
    st = spectrum(w, c, g->u + i * g->n, half, h);
    noise[i] = fmin(noise[i], noise_of(half, h));
    for (int64_t k = 1; k < half; k++) h[k] += h[k - 1];
    const double deviation = 2.0 * (double)n / (2.0 * M_PI * (double)corner(half, h));
    narrow = fmin(narrow, deviation * sqrt(2.0 * GLIA_WEAK_POWER_ + 3.0));
  }
  free(h);
  const int64_t most = (n - 1) / 5 > NARROW ? (n - 1) / 5 : NARROW;
  w->m[c] = (int64_t)fmin(fmax(scale * narrow, NARROW), (double)most);
  return st;
}

glia_status glia_weak_windows_(struct glia_weak_ *w, double scale, double *noise)
{
  const struct glia_problem *p = &w->d->p;
  int64_t part = 10;

  for (int i = 0; i < p->n_unknowns; i++) noise[i] = (double)INFINITY;
  for (int c = 0; c < p->n_coords; c++) {
    GLIA_CHECK(w->g->dim[c] >= 2 * NARROW + 2, GLIA_E_DATA,
               "%s: %lld values of '%s', where %d are needed to integrate", p->data.file,
               (long long)w->g->dim[c], p->coord[c], 2 * NARROW + 2);
    GLIA_TRY(width(w, c, scale, noise));
    if (w->d->window[c] > 0) w->m[c] = w->d->window[c];
    GLIA_CHECK(2 * w->m[c] + 2 <= w->g->dim[c], GLIA_E_DATA,
               "window: %lld steps of '%s' to either side do not fit into %lld", (long long)w->m[c],
               p->coord[c], (long long)w->g->dim[c]);
  }
  for (;; part--) { /* test functions overlap by as much as the number of rows allows */
    w->rows = 1;
    for (int c = 0; c < p->n_coords; c++) {
      const int64_t room = w->g->dim[c] - (p->periodic[c] ? 1 : 2 * w->m[c] + 1);
      w->stride[c] = w->m[c] / part > 0 ? w->m[c] / part : 1;
      w->count[c] = room / w->stride[c] + 1;
      w->rows *= w->count[c];
    }
    if (w->rows <= ROWS || part == 1) return GLIA_OK;
  }
}

/* By Leibniz' rule on (1 - s)^p (1 + s)^p: no large numbers cancel. */
void glia_weak_kernel_(int64_t m, int k, double *out)
{
  const int p = GLIA_WEAK_POWER_;

  for (int64_t j = -m; j <= m; j++) {
    const double s = (double)j / (double)m;
    double sum = 0.0, choose = 1.0;
    for (int i = 0; i <= k; i++) {
      double a = 1.0, b = 1.0;
      for (int q = 0; q < i; q++) a *= -(double)(p - q);
      for (int q = 0; q < k - i; q++) b *= p - q;
      sum += choose * a * pow(1.0 - s, p - i) * b * pow(1.0 + s, p - k + i);
      choose = choose * (k - i) / (i + 1);
    }
    out[j + m] = sum / pow((double)m, k);
  }
}

/* Along coordinate c of values [outer, n, inner]: sums of kernel [2 m + 1] at count positions. */
struct pass {
  int64_t outer, n, inner, m, stride, count;
  bool periodic, reflect; /* beyond the ends: a period, or the odd reflection */
  const double *kernel;
};

static double beyond(const struct pass *s, const double *line, int64_t i)
{
  if (s->periodic) return line[(i % s->n + s->n) % s->n * s->inner];
  const int64_t end = i < 0 ? 0 : s->n - 1, back = 2 * end - i;
  return 2.0 * line[end * s->inner] - line[(back < 0       ? 0
                                            : back >= s->n ? s->n - 1
                                                           : back) *
                                           s->inner];
}

static void contract(const struct pass *s, const double *in, double *out)
{
  for (int64_t o = 0; o < s->outer; o++)
    for (int64_t k = 0; k < s->count; k++) {
      const int64_t middle = k * s->stride + (s->periodic || s->reflect ? 0 : s->m);
      const double *block = in + o * s->n * s->inner;
      double *to = out + (o * s->count + k) * s->inner;
      memset(to, 0, (size_t)s->inner * sizeof *to);
      for (int64_t j = -s->m; j <= s->m; j++) {
        const int64_t i = middle + j;
        const double f = s->kernel[j + s->m];
        if (i >= 0 && i < s->n)
          for (int64_t q = 0; q < s->inner; q++) to[q] += f * block[i * s->inner + q];
        else
          for (int64_t q = 0; q < s->inner; q++) to[q] += f * beyond(s, block + q, i);
      }
    }
}

/* All coordinates, one after the other; whole: at every node, and normalised to an average. */
static glia_status integrate(const struct glia_weak_ *w, const double *value, const uint8_t *order,
                             bool whole, double *out)
{
  const struct glia_grid_data *g = w->g;
  const int d = w->d->p.n_coords;
  double *a = malloc((size_t)g->n * sizeof *a), *b = malloc((size_t)g->n * sizeof *b);
  int64_t longest = 0, outer = 1, inner = g->n;

  for (int c = 0; c < d; c++) longest = w->m[c] > longest ? w->m[c] : longest;
  double *kernel = malloc((size_t)(2 * longest + 1) * sizeof *kernel);
  const bool ok = a != NULL && b != NULL && kernel != NULL;
  if (ok) memcpy(a, value, (size_t)g->n * sizeof *a);
  for (int c = 0; c < d && ok; c++) {
    double sum = 0.0, sign = order[c] % 2 == 0 ? 1.0 : -1.0;
    inner /= g->dim[c];
    glia_weak_kernel_(w->m[c], 0, kernel);
    for (int64_t j = 0; j <= 2 * w->m[c]; j++) sum += kernel[j];
    glia_weak_kernel_(w->m[c], order[c], kernel);
    for (int64_t j = 0; j <= 2 * w->m[c]; j++) kernel[j] *= sign / sum / pow(g->step[c], order[c]);
    const struct pass s = {outer,
                           g->dim[c],
                           inner,
                           w->m[c],
                           whole ? 1 : w->stride[c],
                           whole ? g->dim[c] : w->count[c],
                           w->d->p.periodic[c],
                           whole,
                           kernel};
    contract(&s, a, b);
    outer *= s.count;
    double *t = a;
    a = b;
    b = t;
  }
  if (ok) memcpy(out, a, (size_t)outer * sizeof *out);
  free(a);
  free(b);
  free(kernel);
  GLIA_CHECK(ok, GLIA_E_MEMORY, "%lld samples", (long long)g->n);
  return GLIA_OK;
}

glia_status glia_weak_integrate_(const struct glia_weak_ *w, const double *value,
                                 const uint8_t *order, double *out)
{
  return integrate(w, value, order, false, out);
}

glia_status glia_weak_smooth_(const struct glia_weak_ *w, const double *value, const uint8_t *order,
                              double *out)
{
  return integrate(w, value, order, true, out);
}
