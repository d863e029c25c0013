/* The combined detector; see detect_mix.h. */
#include "detect_mix.h"
#include "detect_priv.h"
#include "glia_linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double DAY_S = 86400.0;
static const double CLIP_INPUT = 10.0;
static const double RIDGE = 0.01;          /* of the rows: inputs have a variance of 1 */
static const double LEAST_RESIDUAL = 0.05; /* smaller ones would make dust an alarm */
static const double LEAST_SPREAD = 0.4;    /* of the one in training */
/* The day counts where, for this share of the columns, its profile leaves less than this of the deviations of other days. */
static const double SEASONAL_COLUMNS = 0.5;
static const double SEASON_GAIN = 0.6;
static const double WINSOR = 3.0; /* what is further out moves a level no faster */
enum { DAYS_LEAST = 4, GAP_PERIODS = 5, BLOCK = 256 };

int glia_mix_slow_samples_(double period_s)
{
  return (int)fmax(3.0, fmin(GLIA_MIX_SLOW, 900.0 / period_s));
}

static int64_t bin_of(int64_t time_ns)
{
  const double width_ns = DAY_S * 1e9 / GLIA_MIX_BINS;

  return (int64_t)floor((double)time_ns / width_ns);
}
static int bin_in_day(int64_t bin)
{
  return (int)(((bin % GLIA_MIX_BINS) + GLIA_MIX_BINS) % GLIA_MIX_BINS);
}

/* ---- one sample ---- */

glia_status glia_mix_stream_open_(struct glia_mix_stream *s, const struct glia_mix *mix)
{
  const size_t n = (size_t)mix->n;

  *s = (struct glia_mix_stream){.mix = mix, .bin = -1};
  s->lag = calloc(GLIA_MIX_LAGS * n + 1, sizeof *s->lag);
  s->day = calloc(GLIA_MIX_BINS * n + 1, sizeof *s->day);
  s->day_sum = calloc(n + 1, sizeof *s->day_sum);
  s->level = calloc(n + 1, sizeof *s->level);
  s->spread = calloc(n + 1, sizeof *s->spread);
  s->usual = calloc(n + 1, sizeof *s->usual);
  s->recent = calloc(n + 1, sizeof *s->recent);
  s->next = calloc(n + 1, sizeof *s->next);
  s->slow = calloc(n + 1, sizeof *s->slow);
  s->past = malloc((GLIA_MIX_SLOW * n + 1) * sizeof *s->past);
  if (s->past != NULL)
    for (size_t i = 0; i < GLIA_MIX_SLOW * n; i++) s->past[i] = NAN;
  s->input = calloc((size_t)mix->inputs + 1, sizeof *s->input);
  if (s->lag == NULL || s->day == NULL || s->day_sum == NULL || s->level == NULL ||
      s->spread == NULL || s->usual == NULL || s->recent == NULL || s->next == NULL ||
      s->slow == NULL || s->past == NULL || s->input == NULL) {
    glia_mix_stream_close_(s);
    return GLIA_FAIL(GLIA_E_MEMORY, "%d columns", mix->n);
  }
  for (int j = 0; j < mix->n; j++) {
    s->level[j] = mix->centre[j];
    s->spread[j] = mix->scale[j];
  }
  return GLIA_OK;
}

void glia_mix_stream_close_(struct glia_mix_stream *s)
{
  free(s->lag);
  free(s->day);
  free(s->day_sum);
  free(s->level);
  free(s->spread);
  free(s->usual);
  free(s->recent);
  free(s->next);
  free(s->slow);
  free(s->past);
  free(s->input);
  *s = (struct glia_mix_stream){0};
}

/* The bin of this sample; bins that are over become part of yesterday. */
static int advance_day(struct glia_mix_stream *s, int64_t time_ns)
{
  const int n = s->mix->n;
  const int64_t bin = bin_of(time_ns);

  if (bin != s->bin) {
    if (s->day_count > 0)
      for (int j = 0; j < n; j++)
        s->day[bin_in_day(s->bin) * n + j] = s->day_sum[j] / (double)s->day_count;
    memset(s->day_sum, 0, (size_t)n * sizeof *s->day_sum);
    s->day_count = 0;
    s->bin = bin;
  }
  return bin_in_day(bin);
}

static void fill_input(struct glia_mix_stream *s, int bin)
{
  const int n = s->mix->n;
  double *to = s->input;

  for (int k = 0; k < GLIA_MIX_LAGS; k++, to += n)
    memcpy(to, s->lag + ((s->head + k) % GLIA_MIX_LAGS) * n, (size_t)n * sizeof *to);
  if (!s->mix->daily) return;
  memcpy(to, s->day + bin * n, (size_t)n * sizeof *to);
  to += n;
  for (int k = 0; k < GLIA_MIX_PHASES / 2; k++) {
    const double phase = 2.0 * 3.14159265358979323846 * (k + 1) * (bin + 0.5) / GLIA_MIX_BINS;
    *to++ = sin(phase);
    *to++ = cos(phase);
  }
}

/* The sample goes where forecasts look; what is missing is taken for the sample before. */
static void remember(struct glia_mix_stream *s, const double *x)
{
  const int n = s->mix->n;
  const double *before = s->lag + s->head * n;

  s->head = (s->head + GLIA_MIX_LAGS - 1) % GLIA_MIX_LAGS;
  double *to = s->lag + s->head * n;
  for (int j = 0; j < n; j++) {
    to[j] = isnan(x[j]) ? before[j] : fmin(fmax(x[j], -CLIP_INPUT), CLIP_INPUT);
    s->day_sum[j] += to[j];
  }
  s->day_count++;
}

static void forecast(struct glia_mix_stream *s, const double *x)
{
  const struct glia_mix *m = s->mix;

  for (int j = 0; j < m->n; j++) s->next[j] = 0.0;
  for (int i = 0; i < m->inputs; i++) {
    const double *w = m->weight + (size_t)i * (size_t)m->n;
    const double v = s->input[i];
    if (v == 0.0) continue;
    for (int j = 0; j < m->n; j++) s->next[j] += v * w[j];
  }
  for (int j = 0; j < m->n; j++) s->next[j] = (x[j] - s->next[j]) / m->residual[j];
}

static void compare(struct glia_mix_stream *s, int bin, const double *x, bool still)
{
  const struct glia_mix *m = s->mix;
  const double a = 1.0 / m->level_tau;
  const double b = 1.0 / m->spread_tau;

  for (int j = 0; j < m->n; j++) {
    const double v = x[j] - (m->daily ? m->season[bin * m->n + j] : 0.0);
    s->usual[j] = (v - m->centre[j]) / m->scale[j];
    s->recent[j] = (v - s->level[j]) / s->spread[j];
    s->past[s->past_head * m->n + j] = v;
    double sum = 0.0;
    int seen = 0;
    for (int k = 0; k < m->slow_samples; k++) {
      const double old = s->past[((s->past_head + GLIA_MIX_SLOW - k) % GLIA_MIX_SLOW) * m->n + j];
      if (isnan(old)) continue;
      sum += old;
      seen++;
    }
    s->slow[j] = isnan(v) ? v : (sum / seen - m->centre[j]) / m->slow_scale[j];
    if (still || isnan(v)) continue;
    const double w = fmin(fmax(s->recent[j], -WINSOR), WINSOR);
    s->level[j] += a * w * s->spread[j];
    s->spread[j] *= sqrt(1.0 - b + b * w * w);
    s->spread[j] = fmax(s->spread[j], LEAST_SPREAD * m->scale[j]);
  }
  s->past_head = (s->past_head + 1) % GLIA_MIX_SLOW;
}

/* Mean and second largest of the magnitudes that are there. */
static void sum_up(int columns, const double *v, double *mean, double *second)
{
  double first = 0.0, sum = 0.0;
  int n = 0;

  *second = 0.0;
  for (int j = 0; j < columns; j++) {
    const double a = fabs(v[j]);
    if (isnan(a)) continue;
    sum += a;
    n++;
    *second = fmax(*second, fmin(a, first));
    first = fmax(first, a);
  }
  *mean = n > 0 ? sum / n : 0.0;
}

static void make_members(struct glia_mix_stream *s)
{
  const double *const view[] = {s->usual, s->recent, s->slow, s->next};
  double mean = 0.0;

  for (int k = 0; k < GLIA_MIX_MEMBERS - 1; k++) sum_up(s->mix->n, view[k], &mean, &s->member[k]);
  s->member[GLIA_MIX_MEMBERS - 1] = mean; /* of the forecast */
  for (int k = 0; k < GLIA_MIX_MEMBERS; k++) s->member[k] = log(s->member[k] + 1e-6);
}

static void forget(struct glia_mix_stream *s)
{
  const size_t cells = (size_t)s->mix->n;

  memset(s->lag, 0, GLIA_MIX_LAGS * cells * sizeof *s->lag);
  for (size_t i = 0; i < GLIA_MIX_SLOW * cells; i++) s->past[i] = (double)NAN;
  s->scores = 0;
}

double glia_mix_stream_push_(struct glia_mix_stream *s, int64_t time_ns, const double *x,
                             bool still, int window)
{
  const struct glia_mix *m = s->mix;
  const int members = GLIA_MIX_MEMBERS - (m->daily ? 0 : 1);
  double score = 0.0, sum = 0.0;

  if (s->seen > 0 && 1e-9 * (double)(time_ns - s->last_ns) > GAP_PERIODS * m->period_s) forget(s);
  s->seen++;
  s->last_ns = time_ns;
  const int bin = advance_day(s, time_ns);
  fill_input(s, bin);
  forecast(s, x);
  compare(s, bin, x, still);
  remember(s, x);
  make_members(s);
  for (int k = 0; k < members; k++) score += (s->member[k] - m->middle[k]) / m->width[k];
  s->score[s->scores++ % GLIA_MIX_WINDOW_MAX] = score / members;
  const int64_t n = s->scores < window ? s->scores : window;
  for (int64_t k = 1; k <= n; k++) sum += s->score[(s->scores - k) % GLIA_MIX_WINDOW_MAX];
  return exp(sum / (double)n);
}

double glia_mix_stream_usual_(const struct glia_mix_stream *s, int j)
{
  return s->level[j] + (s->mix->daily ? s->mix->season[bin_in_day(s->bin) * s->mix->n + j] : 0.0);
}

/* ---- fitting ---- */

struct rows {
  int64_t n;
  const double *x;
  const int64_t *time_ns;
  const uint8_t *keep;
};

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
static bool usable(const struct rows *r, int n, int j, int64_t i, bool all)
{
  return r->keep[i] && !isnan(r->x[i * n + j]) &&
         (all || (bin_of(r->time_ns[i]) / GLIA_MIX_BINS) % 4 != 3);
}

/* Medians of column j in the bins of a day, smoothed; work [rows]. A bin without rows is as the one before. */
static void profile(const struct rows *r, int n, int j, bool all, double *work, double *out)
{
  enum { EACH_SIDE = 3 };
  int64_t start[GLIA_MIX_BINS + 1] = {0}, at[GLIA_MIX_BINS + 1];
  double raw[GLIA_MIX_BINS];
  double last = 0.0;

  for (int64_t i = 0; i < r->n; i++)
    if (usable(r, n, j, i, all)) start[bin_in_day(bin_of(r->time_ns[i])) + 1]++;
  for (int b = 0; b < GLIA_MIX_BINS; b++) start[b + 1] += start[b];
  memcpy(at, start, sizeof at);
  for (int64_t i = 0; i < r->n; i++)
    if (usable(r, n, j, i, all)) work[at[bin_in_day(bin_of(r->time_ns[i]))]++] = r->x[i * n + j];
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

static double column_median(const struct rows *r, int n, int j, bool all, double *work)
{
  int64_t seen = 0;

  for (int64_t i = 0; i < r->n; i++)
    if (usable(r, n, j, i, all)) work[seen++] = r->x[i * n + j];
  return seen > 0 ? median(seen, work) : 0.0;
}

/* Does the time of the day say something of the days it was not made from? */
static bool has_season(const struct rows *r, int n, int j, double *work, double *prof)
{
  double with = 0.0, without = 0.0;

  profile(r, n, j, false, work, prof);
  const double middle = column_median(r, n, j, false, work);
  for (int64_t i = 0; i < r->n; i++) {
    const int64_t bin = bin_of(r->time_ns[i]);
    const double v = r->x[i * n + j];
    if (!r->keep[i] || isnan(v) || (bin / GLIA_MIX_BINS) % 4 != 3) continue;
    with += fabs(v - prof[bin_in_day(bin)]);
    without += fabs(v - middle);
  }
  return with < SEASON_GAIN * without;
}

/* Centre and scale of column j, less its season. */
static void fit_level(struct glia_mix *m, const struct rows *r, int j, double least, double *work)
{
  double sum = 0.0, squares = 0.0;
  int64_t seen = 0;

  for (int64_t i = 0; i < r->n; i++) {
    if (!usable(r, m->n, j, i, true)) continue;
    work[seen] = r->x[i * m->n + j] - m->season[bin_in_day(bin_of(r->time_ns[i])) * m->n + j];
    sum += work[seen++];
  }
  m->centre[j] = seen > 0 ? sum / (double)seen : 0.0;
  for (int64_t i = 0; i < seen; i++) squares += (work[i] - m->centre[j]) * (work[i] - m->centre[j]);
  m->scale[j] = fmax(seen > 0 ? sqrt(squares / (double)seen) : 0.0, least);
}

static glia_status fit_levels(struct glia_mix *m, const struct rows *r, const double *least)
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
static glia_status fit_forecast(struct glia_mix *m, const struct rows *r)
{
  const size_t k = (size_t)m->inputs, n = (size_t)m->n;
  struct glia_mix_stream s;
  double *a = malloc(BLOCK * k * sizeof *a), *b = malloc(BLOCK * n * sizeof *b);
  double *aa = calloc(k * k, sizeof *aa);
  int64_t used = 0, rows = 0;
  glia_status st = glia_mix_stream_open_(&s, m);

  if (st == GLIA_OK && (a == NULL || b == NULL || aa == NULL))
    st = GLIA_FAIL(GLIA_E_MEMORY, "%zu inputs", k);
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    const double *x = r->x + (size_t)i * n;
    const int bin = advance_day(&s, r->time_ns[i]);
    fill_input(&s, bin);
    if (r->keep[i]) {
      memcpy(a + (size_t)used * k, s.input, k * sizeof *a);
      for (size_t j = 0; j < n; j++)
        b[(size_t)used * n + j] =
            isnan(x[j]) ? s.lag[s.head * m->n + (int)j] : fmin(fmax(x[j], -CLIP_INPUT), CLIP_INPUT);
      used++;
      rows++;
    }
    remember(&s, x);
    if (used == BLOCK || (i + 1 == r->n && used > 0)) {
      glia_linear_gather(used, m->inputs, m->inputs, a, a, aa);
      glia_linear_gather(used, m->inputs, m->n, a, b, m->weight);
      used = 0;
    }
  }
  if (st == GLIA_OK) st = glia_linear_ridge(m->inputs, m->n, RIDGE * (double)rows, aa, m->weight);
  glia_mix_stream_close_(&s);
  free(a);
  free(b);
  free(aa);
  return st;
}

static glia_status fit_slow(struct glia_mix *m, const struct rows *r, const double *floor)
{
  struct glia_mix_stream s;
  double *sum = calloc((size_t)m->n + 1, sizeof *sum);
  int64_t rows = 0;
  glia_status st = glia_mix_stream_open_(&s, m);

  for (int j = 0; j < m->n; j++) m->slow_scale[j] = 1.0;
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    glia_mix_stream_push_(&s, r->time_ns[i], r->x + i * m->n, false, 1);
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

static glia_status fit_residual(struct glia_mix *m, const struct rows *r)
{
  struct glia_mix_stream s;
  double *sum = calloc((size_t)m->n + 1, sizeof *sum);
  int64_t rows = 0;
  glia_status st = glia_mix_stream_open_(&s, m);

  if (st == GLIA_OK && sum == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d columns", m->n);
  for (int j = 0; j < m->n; j++) m->residual[j] = 1.0;
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    glia_mix_stream_push_(&s, r->time_ns[i], r->x + i * m->n, false, 1);
    if (!r->keep[i]) continue;
    rows++;
    for (int j = 0; j < m->n; j++)
      if (!isnan(s.next[j])) sum[j] += s.next[j] * s.next[j];
  }
  for (int j = 0; j < m->n && st == GLIA_OK; j++)
    m->residual[j] = fmax(sqrt(sum[j] / (double)(rows > 0 ? rows : 1)), LEAST_RESIDUAL);
  glia_mix_stream_close_(&s);
  free(sum);
  return st;
}

static glia_status fit_members(struct glia_mix *m, const struct rows *r)
{
  struct glia_mix_stream s;
  double *v = malloc((size_t)(GLIA_MIX_MEMBERS * (r->n + 1)) * sizeof *v);
  int64_t rows = 0;
  glia_status st = glia_mix_stream_open_(&s, m);

  if (st == GLIA_OK && v == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)r->n);
  for (int64_t i = 0; i < r->n && st == GLIA_OK; i++) {
    glia_mix_stream_push_(&s, r->time_ns[i], r->x + i * m->n, false, 1);
    if (!r->keep[i]) continue;
    for (int k = 0; k < GLIA_MIX_MEMBERS; k++) v[k * r->n + rows] = s.member[k];
    rows++;
  }
  for (int k = 0; k < GLIA_MIX_MEMBERS && st == GLIA_OK; k++) {
    double *x = v + k * r->n;
    double sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < rows; i++) sum += x[i];
    const double mean = sum / (double)rows;
    for (int64_t i = 0; i < rows; i++) squares += (x[i] - mean) * (x[i] - mean);
    m->middle[k] = mean;
    m->width[k] = fmax(sqrt(squares / (double)rows), 1e-3);
  }
  glia_mix_stream_close_(&s);
  free(v);
  return st;
}

static double period_of(int64_t n, const int64_t *time_ns)
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

glia_status glia_mix_fit_(struct glia_mix *m, int n, int64_t rows, const double *x,
                          const int64_t *time_ns, const uint8_t *keep, const double *floor)
{
  const struct rows r = {rows, x, time_ns, keep};
  const size_t width = (size_t)n + 1;

  *m = (struct glia_mix){.n = n};
  m->period_s = period_of(rows, time_ns);
  const double span_s = rows > 1 ? 1e-9 * (double)(time_ns[rows - 1] - time_ns[0]) : 0.0;
  m->daily = span_s >= DAYS_LEAST * DAY_S && m->period_s <= DAY_S / GLIA_MIX_BINS;
  m->level_tau = fmax(fmin(2.0 * DAY_S, span_s / 8.0) / m->period_s, 1.0);
  m->spread_tau = fmax(fmin(7.0 * DAY_S, span_s / 2.5) / m->period_s, 1.0);
  m->inputs = GLIA_MIX_LAGS * n + (m->daily ? n + GLIA_MIX_PHASES : 0);
  m->season = calloc(GLIA_MIX_BINS * width, sizeof *m->season);
  m->centre = calloc(width, sizeof *m->centre);
  m->scale = calloc(width, sizeof *m->scale);
  m->residual = calloc(width, sizeof *m->residual);
  m->slow_scale = calloc(width, sizeof *m->slow_scale);
  m->slow_samples = glia_mix_slow_samples_(m->period_s);
  m->weight = calloc((size_t)m->inputs * (size_t)n + 1, sizeof *m->weight);
  GLIA_CHECK(m->season != NULL && m->centre != NULL && m->scale != NULL && m->residual != NULL &&
                 m->slow_scale != NULL && m->weight != NULL,
             GLIA_E_MEMORY, "%d columns", n);
  for (int j = 0; j < n; j++) m->slow_scale[j] = m->residual[j] = 1.0;
  for (int k = 0; k < GLIA_MIX_MEMBERS; k++) m->width[k] = 1.0;
  GLIA_TRY(fit_levels(m, &r, floor));
  m->inputs = GLIA_MIX_LAGS * n + (m->daily ? n + GLIA_MIX_PHASES : 0);
  GLIA_TRY(fit_slow(m, &r, floor));
  GLIA_TRY(fit_forecast(m, &r));
  GLIA_TRY(fit_residual(m, &r));
  return fit_members(m, &r);
}

void glia_mix_free_(struct glia_mix *m)
{
  free(m->season);
  free(m->centre);
  free(m->scale);
  free(m->slow_scale);
  free(m->weight);
  free(m->residual);
  *m = (struct glia_mix){0};
}
