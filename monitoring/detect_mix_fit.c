/* Fitting the combined detector: what is usual, how columns go together, how they go on; see detect_mix.h. */
#include "detect_mix.h"
#include "glia_linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double RIDGE = 0.01;          /* of the rows: inputs have a variance of 1 */
static const double SHRINK = 0.05;         /* variance that every direction has at least */
static const double LEAST_RESIDUAL = 0.05; /* smaller ones would make dust an alarm */
static const double LEVEL_DAYS = 1.0, SPREAD_DAYS = 3.0; /* in which they follow, at most */
/* The day counts where, for this share of the columns, its profile leaves less than this of the deviations of other days. */
static const double SEASONAL_COLUMNS = 0.5;
static const double SEASON_GAIN = 0.6;
static const double TRIM =
    1.5; /* of the share that may be faulty: so much is left out by each round */
static const double SUSPECT =
    0.1; /* share that may be faulty where nothing is said, if there are as many rows for each column: */
enum { ROWS_PER_COLUMN = 5 };   /* fewer do not tell which rows are far out (rousseeuw1999) */
static const double BACK = 2.5; /* spreads from the middle within which rows come back at last */
static const double SIGMA =
    0.1587; /* share of a normal distribution below one spread under its middle */
enum { ROUNDS = 8, TRIM_EACH_SIDE = 20 };
/* The forecast looks back as far as there are so many rows for each of its inputs, and at no more than these. */
enum { ROWS_PER_INPUT = 5, INPUTS_MOST = 1024 };
/* With fewer rows than that for each input, a fit knows them by heart: it is judged by others. */
enum { ROWS_BY_HEART = 20 };
enum { DAYS_LEAST = 4, BLOCK = 256 };

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;

  return (x > y) - (x < y);
}
static double median(int64_t n, double *x)
{
  if (n == 0) return NAN;
  qsort(x, (size_t)n, sizeof *x, by_value);
  return 0.5 * (x[(n - 1) / 2] + x[n / 2]);
}

/* May row i of column j be fitted on? Every fourth day is kept back where not all are wanted. */
static bool usable(const struct glia_mix_rows *r, int n, int j, int64_t i, bool all)
{
  return r->keep[i] && !isnan(r->x[i * n + j]) &&
         (all || (glia_mix_bin_(r->time_ns[i]) / GLIA_MIX_BINS) % 4 != 3);
}

/* Medians of column j in the bins of a day, smoothed; work [rows]. A bin without rows is as the one before. */
static void profile(const struct glia_mix_rows *r, int n, int j, bool all, double *work,
                    double *out)
{
  enum { EACH_SIDE = 3 };
  int64_t start[GLIA_MIX_BINS + 1] = {0}, at[GLIA_MIX_BINS + 1];
  double raw[GLIA_MIX_BINS];
  double last = 0.0;

  for (int64_t i = 0; i < r->n; i++)
    if (usable(r, n, j, i, all)) start[glia_mix_bin_in_day_(glia_mix_bin_(r->time_ns[i])) + 1]++;
  for (int b = 0; b < GLIA_MIX_BINS; b++) start[b + 1] += start[b];
  memcpy(at, start, sizeof at);
  for (int64_t i = 0; i < r->n; i++)
    if (usable(r, n, j, i, all))
      work[at[glia_mix_bin_in_day_(glia_mix_bin_(r->time_ns[i]))]++] = r->x[i * n + j];
  for (int b = 0; b < GLIA_MIX_BINS; b++) {
    const int64_t count = start[b + 1] - start[b];
    raw[b] = count > 0 ? median(count, work + start[b]) : last;
    last = raw[b];
  }
  for (int b = 0; b < GLIA_MIX_BINS; b++) {
    double sum = 0.0;
    for (int k = -EACH_SIDE; k <= EACH_SIDE; k++)
      sum += raw[(b + k + GLIA_MIX_BINS) % GLIA_MIX_BINS];
    out[b] = sum / (2 * EACH_SIDE + 1);
  }
}

static double column_median(const struct glia_mix_rows *r, int n, int j, bool all, double *work)
{
  int64_t seen = 0;

  for (int64_t i = 0; i < r->n; i++)
    if (usable(r, n, j, i, all)) work[seen++] = r->x[i * n + j];
  return seen > 0 ? median(seen, work) : 0.0;
}

/* Does the time of the day say something of the days it was not made from? */
static bool has_season(const struct glia_mix_rows *r, int n, int j, double *work, double *prof)
{
  double with = 0.0, without = 0.0;

  profile(r, n, j, false, work, prof);
  const double middle = column_median(r, n, j, false, work);
  for (int64_t i = 0; i < r->n; i++) {
    const int64_t bin = glia_mix_bin_(r->time_ns[i]);
    const double v = r->x[i * n + j];
    if (!r->keep[i] || isnan(v) || (bin / GLIA_MIX_BINS) % 4 != 3) continue;
    with += fabs(v - prof[glia_mix_bin_in_day_(bin)]);
    without += fabs(v - middle);
  }
  return with < SEASON_GAIN * without;
}

/* Centre and scale of column j, less its season. */
static void fit_level(struct glia_mix *m, const struct glia_mix_rows *r, int j, double least,
                      double *work)
{
  double sum = 0.0, squares = 0.0;
  int64_t seen = 0;

  for (int64_t i = 0; i < r->n; i++) {
    if (!usable(r, m->n, j, i, true)) continue;
    work[seen] = r->x[i * m->n + j] -
                 m->season[glia_mix_bin_in_day_(glia_mix_bin_(r->time_ns[i])) * m->n + j];
    sum += work[seen++];
  }
  m->centre[j] = seen > 0 ? sum / (double)seen : 0.0;
  for (int64_t i = 0; i < seen; i++) squares += (work[i] - m->centre[j]) * (work[i] - m->centre[j]);
  m->scale[j] = fmax(seen > 0 ? sqrt(squares / (double)seen) : 0.0, least);
}

glia_status glia_mix_fit_levels_(struct glia_mix *m, const struct glia_mix_rows *r,
                                 const double *least)
{
  double *work = malloc((size_t)(r->n + 1) * sizeof *work);
  uint8_t *has = calloc((size_t)m->n + 1, sizeof *has);
  double prof[GLIA_MIX_BINS];
  int seasonal = 0;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, work != NULL && has != NULL, GLIA_E_MEMORY, "%lld rows", (long long)r->n);
  for (int j = 0; j < m->n && m->daily; j++)
    seasonal += has[j] = (uint8_t)has_season(r, m->n, j, work, prof);
  m->daily = seasonal >= SEASONAL_COLUMNS * m->n && seasonal > 0;
  for (int j = 0; j < m->n; j++) {
    if (m->daily && has[j]) {
      double mean = 0.0;
      profile(r, m->n, j, true, work, prof);
      for (int b = 0; b < GLIA_MIX_BINS; b++) mean += prof[b] / GLIA_MIX_BINS;
      for (int b = 0; b < GLIA_MIX_BINS; b++) m->season[b * m->n + j] = prof[b] - mean;
    }
    fit_level(m, r, j, least[j], work);
  }
out:
  free(work);
  free(has);
  return st;
}

/* Walk the rows in order; at each that is kept, call with the stream that has seen it. */
static glia_status fit_forecast(struct glia_mix *m, const struct glia_mix_rows *r)
{
  const size_t k = (size_t)m->inputs, n = (size_t)m->n;
  struct glia_mix_stream s;
  double *a = malloc(BLOCK * k * sizeof *a), *b = malloc(BLOCK * n * sizeof *b);
  double *aa = calloc(k * k, sizeof *aa), *w = calloc(k * n + 1, sizeof *w);
  int64_t used = 0, rows = 0;
  glia_status st = glia_mix_stream_open_(&s, m);

  if (st == GLIA_OK && (a == NULL || b == NULL || aa == NULL || w == NULL))
    st = GLIA_FAIL(GLIA_E_MEMORY, "%zu inputs", k);
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    const double *x = r->x + (size_t)i * n;
    const int bin = glia_mix_advance_(&s, r->time_ns[i]);
    glia_mix_input_(&s, bin);
    if (r->keep[i]) {
      memcpy(a + (size_t)used * k, s.input, k * sizeof *a);
      for (size_t j = 0; j < n; j++)
        b[(size_t)used * n + j] = isnan(x[j]) ? s.lag[s.head * m->n + (int)j]
                                              : fmin(fmax(x[j], -GLIA_MIX_CLIP), GLIA_MIX_CLIP);
      used++;
      rows++;
    }
    glia_mix_remember_(&s, x);
    if (used == BLOCK || (i + 1 == r->n && used > 0)) {
      glia_linear_gather(used, m->inputs, m->inputs, a, a, aa);
      glia_linear_gather(used, m->inputs, m->n, a, b, w);
      used = 0;
    }
  }
  if (st == GLIA_OK) st = glia_linear_ridge(m->inputs, m->n, RIDGE * (double)rows, aa, w);
  for (size_t i = 0; st == GLIA_OK && i < k * n; i++) m->weight[i] = (float)w[i];
  glia_mix_stream_close_(&s);
  free(a);
  free(b);
  free(aa);
  free(w);
  return st;
}

static glia_status fit_slow(struct glia_mix *m, const struct glia_mix_rows *r, const double *floor)
{
  struct glia_mix_stream s;
  double *sum = calloc((size_t)m->n + 1, sizeof *sum);
  int64_t rows = 0;
  glia_status st = glia_mix_stream_open_(&s, m);

  if (st == GLIA_OK && sum == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d columns", m->n);
  for (int j = 0; j < m->n; j++) m->slow_scale[j] = 1.0;
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    glia_mix_stream_push_(&s, r->time_ns[i], r->x + i * m->n, !r->keep[i], 1);
    if (!r->keep[i]) continue;
    rows++;
    for (int j = 0; j < m->n; j++)
      if (!isnan(s.slow[j])) sum[j] += s.slow[j] * s.slow[j];
  }
  for (int j = 0; j < m->n && st == GLIA_OK; j++)
    m->slow_scale[j] = fmax(sqrt(sum[j] / (double)(rows > 0 ? rows : 1)), 0.5 * floor[j]);
  glia_mix_stream_close_(&s);
  free(sum);
  return st;
}

/* Row i as the view `usual` sees it; what is missing is taken for usual. */
static void deviations(const struct glia_mix *m, const struct glia_mix_rows *r, int64_t i,
                       double *out)
{
  const double *season =
      m->season + (size_t)glia_mix_bin_in_day_(glia_mix_bin_(r->time_ns[i])) * (size_t)m->n;

  for (int j = 0; j < m->n; j++) {
    const double v =
        (r->x[i * m->n + j] - (m->daily ? season[j] : 0.0) - m->centre[j]) / m->scale[j];
    out[j] = isnan(v) ? 0.0 : fmin(fmax(v, -GLIA_MIX_CLIP), GLIA_MIX_CLIP);
  }
}

glia_status glia_mix_invert_(struct glia_mix *m, int64_t rows, double *squares)
{
  const size_t n = (size_t)m->n;

  memset(m->inverse, 0, n * n * sizeof *m->inverse);
  for (size_t j = 0; j < n; j++) m->inverse[j * n + j] = (double)rows;
  return glia_linear_ridge(m->n, m->n, SHRINK * (double)rows, squares, m->inverse);
}

/* What columns do together: the inverse of the covariance of `usual`. */
static glia_status fit_together(struct glia_mix *m, const struct glia_mix_rows *r)
{
  const size_t n = (size_t)m->n;
  double *a = malloc(BLOCK * n * sizeof *a), *aa = calloc(n * n + 1, sizeof *aa);
  int64_t used = 0, rows = 0;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, a != NULL && aa != NULL, GLIA_E_MEMORY, "%d columns", m->n);
  for (int64_t i = 0; i < r->n; i++) {
    if (r->keep[i]) {
      deviations(m, r, i, a + (size_t)used * n);
      used++;
      rows++;
    }
    if (used == BLOCK || (i + 1 == r->n && used > 0)) {
      glia_linear_gather(used, m->n, m->n, a, a, aa);
      used = 0;
    }
  }
  st = glia_mix_invert_(m, rows, aa);
out:
  free(a);
  free(aa);
  return st;
}

static glia_status fit_residual(struct glia_mix *m, const struct glia_mix_rows *r,
                                const double *least)
{
  struct glia_mix_stream s;
  double *sum = calloc((size_t)m->n + 1, sizeof *sum);
  int64_t rows = 0;
  glia_status st = glia_mix_stream_open_(&s, m);

  if (st == GLIA_OK && sum == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d columns", m->n);
  for (int j = 0; j < m->n; j++) m->residual[j] = 1.0;
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    glia_mix_stream_push_(&s, r->time_ns[i], r->x + i * m->n, !r->keep[i], 1);
    if (!r->keep[i]) continue;
    rows++;
    for (int j = 0; j < m->n; j++)
      if (!isnan(s.next[j])) sum[j] += s.next[j] * s.next[j];
  }
  for (int j = 0; j < m->n && st == GLIA_OK; j++)
    m->residual[j] =
        fmax(sqrt(sum[j] / (double)(rows > 0 ? rows : 1)), fmax(least[j], LEAST_RESIDUAL));
  glia_mix_stream_close_(&s);
  free(sum);
  return st;
}

void glia_mix_fit_members_(struct glia_mix *m, int64_t rows, int64_t room, const double *v)
{
  for (int k = 0; k < GLIA_MIX_MEMBERS; k++) {
    const double *x = v + k * room;
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < rows; i++) sum += x[i];
    const double mean = sum / (double)rows;
    for (int64_t i = 0; i < rows; i++) squares += (x[i] - mean) * (x[i] - mean);
    m->middle[k] = mean;
    m->width[k] = fmax(sqrt(squares / (double)rows), 1e-3);
  }
}

/* Members, then scores, of the rows themselves. */
static glia_status fit_members(struct glia_mix *m, const struct glia_mix_rows *r, int window,
                               double *log_score)
{
  struct glia_mix_stream s;
  double *v = malloc((size_t)(GLIA_MIX_MEMBERS * (r->n + 1)) * sizeof *v);
  int64_t rows = 0;
  glia_status st = glia_mix_stream_open_(&s, m);

  if (st == GLIA_OK && v == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)r->n);
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    glia_mix_stream_push_(&s, r->time_ns[i], r->x + i * m->n, !r->keep[i], 1);
    if (!r->keep[i]) continue;
    for (int k = 0; k < GLIA_MIX_MEMBERS; k++) v[k * r->n + rows] = s.member[k];
    rows++;
  }
  if (st == GLIA_OK) glia_mix_fit_members_(m, rows, r->n, v);
  glia_mix_stream_close_(&s);
  if (st == GLIA_OK) st = glia_mix_stream_open_(&s, m);
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    const double score =
        glia_mix_stream_push_(&s, r->time_ns[i], r->x + i * m->n, !r->keep[i], window);
    log_score[i] = r->judge[i] ? log(score) : (double)NAN;
  }
  glia_mix_stream_close_(&s);
  free(v);
  return st;
}

double glia_mix_period_(int64_t n, const int64_t *time_ns)
{
  double *v = malloc((size_t)(n + 1) * sizeof *v);

  if (v == NULL || n < 2) {
    free(v);
    return 1.0;
  }
  for (int64_t i = 1; i < n; i++) v[i - 1] = 1e-9 * (double)(time_ns[i] - time_ns[i - 1]);
  const double period = median(n - 1, v);
  free(v);
  return period > 0.0 ? period : 1.0;
}

/* far [rows]: how far each row is from usual, as the mean of the logarithm of the whole distance over its neighbours: faults last. sum [rows + 1]. */
static glia_status how_far(const struct glia_mix *m, const struct glia_mix_rows *r, double *far,
                           double *sum)
{
  double *usual = malloc((3 * (size_t)m->n + 1) * sizeof *usual);

  GLIA_CHECK(usual != NULL, GLIA_E_MEMORY, "%d columns", m->n);
  sum[0] = 0.0;
  for (int64_t i = 0; i < r->n; i++) {
    deviations(m, r, i, usual);
    sum[i + 1] = sum[i] + log(glia_mix_distance_(m, usual, true, usual + m->n) + 1e-6);
  }
  free(usual);
  for (int64_t i = 0; i < r->n; i++) {
    const int64_t lo = i > TRIM_EACH_SIDE ? i - TRIM_EACH_SIDE : 0;
    const int64_t hi = i + TRIM_EACH_SIDE < r->n ? i + TRIM_EACH_SIDE + 1 : r->n;
    far[i] = (sum[hi] - sum[lo]) / (double)(hi - lo);
  }
  return GLIA_OK;
}

/* Leave out of `keep` this share of the wanted rows, the furthest ones. The last round takes back what is no further out than the
 * nearer half tells of a normal distribution. work [2, rows + 1]. */
static glia_status trim(const struct glia_mix *m, const struct glia_mix_rows *r,
                        const uint8_t *wanted, double share, bool last, uint8_t *keep, double *work)
{
  double *far = work, *sorted = work + r->n + 1;
  int64_t n = 0;

  GLIA_TRY(how_far(m, r, far, sorted));
  for (int64_t i = 0; i < r->n; i++)
    if (wanted[i]) sorted[n++] = far[i];
  if (n == 0) return GLIA_OK;
  qsort(sorted, (size_t)n, sizeof *sorted, by_value);
  const double kept = (1.0 - share) * (double)(n - 1);
  double cut = sorted[(int64_t)kept];
  if (last) {
    const double middle = sorted[(int64_t)(0.5 * kept)];
    cut = fmax(cut, middle + BACK * (middle - sorted[(int64_t)(SIGMA * kept)]));
  }
  for (int64_t i = 0; i < r->n; i++) keep[i] = wanted[i] && far[i] <= cut;
  return GLIA_OK;
}

/* What is usual, and what columns do together: of the rows in r->keep; by rounds, where some are not trusted. suspect, faulty: which share may be
 * under faults, and is. */
static glia_status fit_usual(struct glia_mix *m, const struct glia_mix_rows *r,
                             const uint8_t *wanted, const double *floor, double suspect,
                             double faulty)
{
  const uint8_t daily = m->daily;
  const double share = fmin(TRIM * fmax(suspect, faulty), 0.5);
  const int rounds = share > 0.0 ? ROUNDS : 0;
  double *work = malloc((2 * (size_t)r->n + 4) * sizeof *work);
  glia_status st = GLIA_OK;

  GLIA_CHECK(work != NULL, GLIA_E_MEMORY, "%lld rows", (long long)r->n);
  for (int k = 0; k <= rounds && st == GLIA_OK; k++) {
    m->daily = daily;
    memset(m->season, 0, GLIA_MIX_BINS * (size_t)m->n * sizeof *m->season);
    st = glia_mix_fit_levels_(m, r, floor);
    if (st == GLIA_OK) st = fit_together(m, r);
    if (st == GLIA_OK && k < rounds) st = trim(m, r, wanted, share, k == rounds - 1, r->keep, work);
  }
  memcpy(r->judge, wanted, (size_t)r->n);
  if (st == GLIA_OK && faulty > 0.0)
    st = trim(m, r, wanted, fmin(TRIM * faulty, 0.5), true, r->judge, work);
  free(work);
  return st;
}

glia_status glia_mix_fit_views_(struct glia_mix *m, const struct glia_mix_rows *r,
                                const double *floor)
{
  m->inputs = glia_mix_inputs_(m->n, m->lags, m->daily != 0);
  GLIA_TRY(fit_slow(m, r, floor));
  GLIA_TRY(fit_forecast(m, r));
  return fit_residual(m, r, floor + m->n);
}

glia_status glia_mix_room_(struct glia_mix *m, int columns, const struct glia_mix_rows *r)
{
  const size_t width = (size_t)columns + 1;
  const int64_t rows = r->n;
  const double span_s = rows > 1 ? 1e-9 * (double)(r->time_ns[rows - 1] - r->time_ns[0]) : 0.0;

  *m = (struct glia_mix){.n = columns};
  m->period_s = glia_mix_period_(rows, r->time_ns);
  m->daily = span_s >= DAYS_LEAST * GLIA_MIX_DAY_S && m->period_s <= GLIA_MIX_DAY_S / GLIA_MIX_BINS;
  m->level_tau = fmax(fmin(LEVEL_DAYS * GLIA_MIX_DAY_S, span_s / 8.0) / m->period_s, 1.0);
  m->spread_tau = fmax(fmin(SPREAD_DAYS * GLIA_MIX_DAY_S, span_s / 2.5) / m->period_s, 1.0);
  const int64_t inputs = rows / ROWS_PER_INPUT < INPUTS_MOST ? rows / ROWS_PER_INPUT : INPUTS_MOST;
  m->lags = (int)fmax(1.0, fmin(GLIA_MIX_LAGS, (double)(inputs / columns)));
  m->inputs = glia_mix_inputs_(columns, m->lags, m->daily != 0);
  m->season = calloc(GLIA_MIX_BINS * width, sizeof *m->season);
  m->centre = calloc(width, sizeof *m->centre);
  m->scale = calloc(width, sizeof *m->scale);
  m->residual = calloc(width, sizeof *m->residual);
  m->slow_scale = calloc(width, sizeof *m->slow_scale);
  m->slow_samples = glia_mix_slow_samples_(m->period_s);
  m->inverse = calloc(width * width, sizeof *m->inverse);
  m->weight = calloc((size_t)m->inputs * (size_t)columns + 1, sizeof *m->weight);
  GLIA_CHECK(m->season != NULL && m->centre != NULL && m->scale != NULL && m->residual != NULL &&
                 m->slow_scale != NULL && m->inverse != NULL && m->weight != NULL,
             GLIA_E_MEMORY, "%d columns", columns);
  for (int j = 0; j < columns; j++) m->slow_scale[j] = m->residual[j] = 1.0;
  for (int k = 0; k < GLIA_MIX_MEMBERS; k++) m->width[k] = 1.0;
  return GLIA_OK;
}

static int64_t kept(const struct glia_mix_rows *r)
{
  int64_t n = 0;

  for (int64_t i = 0; i < r->n; i++) n += r->keep[i] != 0;
  return n;
}

glia_status glia_mix_fit_(struct glia_mix *m, int columns, const struct glia_mix_rows *r,
                          const double *floor, double faulty, int *window, double *log_score)
{
  uint8_t *wanted = malloc((size_t)r->n + 1);
  glia_status st = glia_mix_room_(m, columns, r);

  if (st == GLIA_OK && wanted == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)r->n);
  if (st == GLIA_OK) {
    *window = glia_mix_window_(m->period_s, *window);
    memcpy(wanted, r->keep, (size_t)r->n);
    const bool tells = kept(r) >= (int64_t)ROWS_PER_COLUMN * columns;
    st = fit_usual(m, r, wanted, floor, tells ? SUSPECT : 0.0, faulty);
  }
  if (st == GLIA_OK) st = glia_mix_fit_views_(m, r, floor);
  if (st == GLIA_OK)
    st = kept(r) < (int64_t)ROWS_BY_HEART * m->inputs
             ? glia_mix_cross_(m, r, floor, *window, log_score)
             : fit_members(m, r, *window, log_score);
  free(wanted);
  return st;
}
