/* What a spectrum says: rank, norms, Marchenko and Pastur's bulk, spikes, tail. See glia_spectrum.h. */
#include "glia_spectrum.h"

#include "glia_random.h"
#include "glia_theory.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAW_MIN = 20, KNOTS = 2048 };
static const double LARGEST = 1e150; /* whose square is a double, and that of its inverse */

/* Marchenko and Pastur's law of eigenvalues of A^T A / m for m x n entries of variance 1: knots in the angle. */
struct law {
  double x[KNOTS + 1], f[KNOTS + 1];
};

static void law_make(struct law *law, double q)
{
  const double pi = 3.14159265358979323846, root = sqrt(q), lo = (1.0 - root) * (1.0 - root);
  double sum = 0.0, before = 0.0;

  for (int k = 0; k <= KNOTS; k++) {
    const double h = sin(0.5 * pi * k / KNOTS), c = cos(0.5 * pi * k / KNOTS);
    const double x = lo + 4.0 * root * h * h;
    const double density = x > 0.0 ? 8.0 * h * h * c * c / (pi * x) : 2.0 * c * c / (pi * root);
    if (k > 0) sum += 0.5 * (density + before) * pi / KNOTS;
    before = density;
    law->x[k] = x;
    law->f[k] = sum;
  }
  for (int k = 0; k <= KNOTS; k++) law->f[k] /= sum; /* 1 but for the rule's error */
}

/* Between knots of a rising table. */
static double between(const double *x, const double *y, double at)
{
  int lo = 0, hi = KNOTS;

  if (at <= x[0]) return y[0];
  if (at >= x[KNOTS]) return y[KNOTS];
  while (hi - lo > 1) {
    const int mid = (lo + hi) / 2;
    if (x[mid] <= at)
      lo = mid;
    else
      hi = mid;
  }
  return y[lo] + (y[hi] - y[lo]) * (at - x[lo]) / (x[hi] - x[lo]);
}

/* The bulk: eigenvalues e [n] rising, of which the largest `spikes` are none of it. */
struct bulk {
  int64_t m, n, spikes;
  const double *e;
  double variance, distance;
  struct law law;
};

/* Variance by the middle of the bulk, where neither spikes nor small structure reach. */
static void fit_variance(struct bulk *b)
{
  const int64_t n = b->n - b->spikes, lo = n / 10, hi = n - n / 5;
  double found = 0.0, expected = 0.0;

  law_make(&b->law, (double)n / (double)b->m);
  for (int64_t i = lo; i < hi; i++) {
    found += b->e[i];
    expected += between(b->law.f, b->law.x, ((double)i + 0.5) / (double)n);
  }
  b->variance = found / expected;
}

/* Centre and scale of the largest eigenvalue of noise. Source: johnstone2001. */
static double standardised(const struct bulk *b, double eigenvalue)
{
  const double rm = sqrt((double)b->m - 1.0), rn = sqrt((double)(b->n - b->spikes));
  const double centre = (rm + rn) * (rm + rn), scale = (rm + rn) * cbrt(1.0 / rm + 1.0 / rn);

  return (eigenvalue * (double)b->m / b->variance - centre) / scale;
}

static double eigenvalue_at(const struct bulk *b, double standard)
{
  const double rm = sqrt((double)b->m - 1.0), rn = sqrt((double)(b->n - b->spikes));
  const double centre = (rm + rn) * (rm + rn), scale = (rm + rn) * cbrt(1.0 / rm + 1.0 / rn);

  return (centre + standard * scale) * b->variance / (double)b->m;
}

/* Where Tracy and Widom's law leaves `level` above: false position that never keeps an end twice. */
static double quantile(double level)
{
  double lo = -8.0, hi = 20.0, below = level - 1.0, above = level; /* F - (1 - level) at the ends */
  int kept = 0;

  for (int i = 0; i < 80 && hi - lo > 1e-7; i++) {
    const double x = i % 3 == 0 ? 0.5 * (lo + hi) : (lo * above - hi * below) / (above - below);
    const double f = glia_tracy_widom(x) - (1.0 - level);
    if (fabs(f) < 1e-9) return x;
    if (f < 0.0) {
      lo = x;
      below = f;
      if (kept == 1) above *= 0.5;
      kept = 1;
    } else {
      hi = x;
      above = f;
      if (kept == 2) below *= 0.5;
      kept = 2;
    }
  }
  return 0.5 * (lo + hi);
}

/* The chance at which look number k = 0, 1, ... calls an eigenvalue a spike: falling, so that a count is no less sure for the spikes that
 * were found before. At a constant level a true spike would be followed by a false one as often as noise shows one. */
static double level_of(double level, int64_t k) { return level / (double)(k + 1); }

/* Take eigenvalues off the top while noise alone would not reach them. at_level: quantile of the first look. False: more than half are above. */
static bool find_bulk(struct bulk *b, double level, double at_level)
{
  for (b->spikes = 0; b->spikes <= b->n / 2; b->spikes++) {
    fit_variance(b);
    const double x = standardised(b, b->e[b->n - 1 - b->spikes]);
    if (x <= at_level || 1.0 - glia_tracy_widom(x) >= level_of(level, b->spikes)) return true;
  }
  return false;
}

static double distance_of(const struct bulk *b)
{
  const int64_t n = b->n - b->spikes;
  double d = 0.0;

  for (int64_t i = 0; i < n; i++) {
    const double f = between(b->law.x, b->law.f, b->e[i] / b->variance);
    d = fmax(d, fmax(f - (double)i / (double)n, (double)(i + 1) / (double)n - f));
  }
  return d;
}

/* Share of noise matrices of the same shape, treated in the same way, that are no closer to the law. */
static glia_status judge_fit(const struct bulk *b, const struct glia_spectrum_options *o,
                             double level, double at_level, double *p)
{
  const int64_t n = b->n - b->spikes;
  int draws = o->noise_spectra, no_closer = 0;

  *p = (double)NAN;
  if (draws == 0) draws = n <= 256 ? 199 : n <= 1024 ? 99 : n <= 2048 ? 19 : -1;
  if (draws < 0) return GLIA_OK;
  struct bulk noise = {.m = b->m, .n = n};
  double *s = malloc(2 * (size_t)n * sizeof *s), *e = s + n;
  GLIA_CHECK(s != NULL, GLIA_E_MEMORY, "a noise spectrum of %lld", (long long)n);
  glia_status st = GLIA_OK;
  noise.e = e;
  for (int k = 0; k < draws && st == GLIA_OK; k++) {
    st = glia_spectrum_of_noise(b->m, n, 0.0, o->seed + 1 + (uint64_t)k, s);
    for (int64_t i = 0; i < n; i++) e[i] = s[n - 1 - i] * s[n - 1 - i] / (double)b->m;
    if (find_bulk(&noise, level, at_level)) no_closer += distance_of(&noise) >= b->distance;
  }
  free(s);
  *p = (double)(no_closer + 1) / (double)(draws + 1);
  return st;
}

static void say(struct glia_spectrum *out, const char *format, ...) GLIA_PRINTF(2, 3);
static void say(struct glia_spectrum *out, const char *format, ...)
{
  const size_t used = strlen(out->note);
  va_list args;

  if (used + 3 >= sizeof out->note) return;
  if (used > 0) memcpy(out->note + used, "; ", 3);
  va_start(args, format);
  vsnprintf(out->note + strlen(out->note), sizeof out->note - strlen(out->note), format, args);
  va_end(args);
}

static void blank(struct glia_spectrum *out)
{
  const double nan = (double)NAN;
  const struct glia_tail no_tail = {nan, nan, nan, nan, nan, nan, 0};

  out->singular_value_max = out->singular_value_min = nan;
  out->log_norm = out->log_spectral_norm = out->stable_rank = out->entropy = nan;
  out->noise_variance = out->bulk_lo = out->bulk_hi = out->soft_rank = nan;
  out->fit_distance = out->fit_p = out->spike_threshold = out->spike_p = nan;
  out->spikes = 0;
  out->tail = out->published = no_tail;
  out->alpha_weighted = out->log_alpha_norm = nan;
}

/* Rank and norms: they have a meaning for any matrix but zero. */
static void norms(struct glia_spectrum *out, const double *s, double unit, int64_t m)
{
  const double root = sqrt((double)out->rows) + sqrt((double)out->cols);
  double squares = 0.0, entropy = 0.0;

  for (int64_t i = 0; i < out->count; i++) squares += s[i] * s[i];
  const double entry = sqrt(squares / ((double)out->rows * (double)out->cols));
  const double floor = fmax(DBL_EPSILON * s[0], unit * entry) * root;
  while (out->rank < out->count && s[out->rank] > floor) out->rank++;
  out->frozen = out->count - out->rank;
  for (int64_t i = 0; i < out->rank; i++) {
    const double p = s[i] * s[i] / squares;
    if (p > 0.0) entropy -= p * log(p);
  }
  out->log_norm = log10(squares / (double)m);
  out->log_spectral_norm = log10(s[0] * s[0] / (double)m);
  out->stable_rank = squares / (s[0] * s[0]);
  out->entropy = out->rank > 1 ? entropy / log((double)out->rank) : 0.0;
}

static glia_status fit_law(struct glia_spectrum *out, const double *e, int64_t m,
                           const struct glia_spectrum_options *o)
{
  const double at_level = quantile(out->spike_level);
  struct bulk b = {.m = m, .n = out->rank, .e = e};

  fit_variance(&b);
  out->spike_p = 1.0 - glia_tracy_widom(standardised(&b, e[out->rank - 1]));
  if (!find_bulk(&b, out->spike_level, at_level)) {
    say(out, "no bulk: more than half of the eigenvalues lie above what noise reaches");
    return GLIA_OK;
  }
  const double root = sqrt((double)(b.n - b.spikes) / (double)m);
  out->spikes = b.spikes;
  out->spike_threshold =
      eigenvalue_at(&b, b.spikes == 0 ? at_level : quantile(level_of(out->spike_level, b.spikes)));
  out->noise_variance = b.variance;
  out->bulk_lo = b.variance * (1.0 - root) * (1.0 - root);
  out->bulk_hi = b.variance * (1.0 + root) * (1.0 + root);
  out->soft_rank = out->bulk_hi / e[out->rank - 1];
  out->fit_distance = b.distance = distance_of(&b);
  return judge_fit(&b, o, out->spike_level, at_level, &out->fit_p);
}

static glia_status fit_tail(struct glia_spectrum *out, const double *e,
                            const struct glia_spectrum_options *o)
{
  double sum = 0.0;

  out->published = glia_tail_published(out->rank, e);
  GLIA_TRY(glia_tail_fit(out->rank, e, o->seed, &out->tail));
  if (isnan(out->tail.alpha)) {
    say(out, "no tail of 50 or more eigenvalues follows a power law");
    return GLIA_OK;
  }
  out->alpha_weighted = out->tail.alpha * out->log_spectral_norm;
  const double top = e[out->rank - 1];
  for (int64_t i = 0; i < out->rank; i++) sum += pow(e[i] / top, out->tail.alpha);
  out->log_alpha_norm = log10(sum) + out->tail.alpha * log10(top);
  return GLIA_OK;
}

glia_status glia_spectrum_describe(int64_t rows, int64_t cols, const double *s,
                                   const struct glia_spectrum_options *o, struct glia_spectrum *out)
{
  const int64_t n = rows < cols ? rows : cols, m = rows < cols ? cols : rows;

  *out = (struct glia_spectrum){
      .rows = rows, .cols = cols, .count = n, .spike_level = o->level > 0.0 ? o->level : 0.01};
  GLIA_CHECK(out->spike_level < 1.0, GLIA_E_ARGUMENT, "a level of %g, expected a share below 1",
             o->level);
  blank(out);
  if (n == 0) {
    say(out, "empty: no rows or no columns");
    return GLIA_OK;
  }
  for (int64_t i = 0; i < n; i++)
    GLIA_CHECK(isfinite(s[i]) && (i == 0 || s[i] <= s[i - 1]), GLIA_E_ARGUMENT,
               "singular value %lld is %g: expected finite numbers that fall", (long long)i, s[i]);
  out->singular_value_max = s[0];
  out->singular_value_min = s[n - 1];
  if (s[0] == 0.0) {
    out->frozen = n;
    say(out, "zero: every entry is 0");
    return GLIA_OK;
  }
  GLIA_CHECK(s[0] < LARGEST && s[0] > 1.0 / LARGEST, GLIA_E_DATA,
             "the largest singular value is %g: its square is no double, so give the matrix in "
             "another unit",
             s[0]);
  norms(out, s, o->unit, m);
  if (n == 1) say(out, "a single %s: one singular value has no law", cols == 1 ? "column" : "row");
  if (out->frozen > 0) say(out, "rank %lld of %lld", (long long)out->rank, (long long)n);
  if (out->rank < LAW_MIN && n > 1)
    say(out, "%lld eigenvalues above rounding: too few for a law (%d)", (long long)out->rank,
        LAW_MIN);
  if (out->rank < LAW_MIN) return GLIA_OK;
  double *e = malloc((size_t)out->rank * sizeof *e);
  GLIA_CHECK(e != NULL, GLIA_E_MEMORY, "%lld eigenvalues", (long long)out->rank);
  for (int64_t i = 0; i < out->rank; i++) {
    const double v = s[out->rank - 1 - i];
    e[i] = v * v / (double)m;
  }
  glia_status st = fit_law(out, e, m, o);
  if (st == GLIA_OK) st = fit_tail(out, e, o);
  free(e);
  return st;
}
