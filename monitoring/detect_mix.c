/* The combined detector; see detect_mix.h. */
#include "detect_mix.h"
#include "glia_linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST_SPREAD = 0.4; /* of the one in training */
static const double HIGHEST = 30.0;    /* logarithm of a sample's score: no sum of them overflows */
static const double WINSOR = 3.0;      /* what is further out moves a level no faster */
static const double WINDOW_S = 1200.0; /* longest window, in samples no fewer than: */
enum { WINDOW_LEAST = 5, GAP_PERIODS = 5 };

int glia_mix_inputs_(int n, int lags, bool daily)
{
  return lags * n + (daily ? n + GLIA_MIX_PHASES : 0);
}

int glia_mix_window_(double period_s, int most)
{
  return (int)fmin(most, fmax(WINDOW_LEAST, WINDOW_S / period_s));
}

int glia_mix_slow_samples_(double period_s)
{
  return (int)fmax(3.0, fmin(GLIA_MIX_SLOW, 900.0 / period_s));
}

int64_t glia_mix_bin_(int64_t time_ns)
{
  const double width_ns = GLIA_MIX_DAY_S * 1e9 / GLIA_MIX_BINS;

  return (int64_t)floor((double)time_ns / width_ns);
}
int glia_mix_bin_in_day_(int64_t bin)
{
  return (int)(((bin % GLIA_MIX_BINS) + GLIA_MIX_BINS) % GLIA_MIX_BINS);
}

glia_status glia_mix_stream_open_(struct glia_mix_stream *s, const struct glia_mix *mix)
{
  const size_t n = (size_t)mix->n;

  *s = (struct glia_mix_stream){.mix = mix, .bin = -1};
  s->lag = calloc(GLIA_MIX_LAGS * n + 1, sizeof *s->lag);
  if (mix->daily) s->day = calloc(GLIA_MIX_BINS * n + 1, sizeof *s->day);
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
  s->narrow = calloc((size_t)mix->inputs + n + 1, sizeof *s->narrow);
  s->work = calloc(2 * n + 1, sizeof *s->work);
  if (s->lag == NULL || (mix->daily && s->day == NULL) || s->day_sum == NULL || s->level == NULL ||
      s->spread == NULL || s->usual == NULL || s->recent == NULL || s->next == NULL ||
      s->slow == NULL || s->past == NULL || s->input == NULL || s->narrow == NULL ||
      s->work == NULL) {
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
  free(s->narrow);
  free(s->work);
  *s = (struct glia_mix_stream){0};
}

/* The bin of this sample; bins that are over become part of yesterday. */
int glia_mix_advance_(struct glia_mix_stream *s, int64_t time_ns)
{
  const int n = s->mix->n;
  const int64_t bin = glia_mix_bin_(time_ns);

  if (bin != s->bin) {
    if (s->day_count > 0 && s->day != NULL)
      for (int j = 0; j < n; j++)
        s->day[glia_mix_bin_in_day_(s->bin) * n + j] = s->day_sum[j] / (double)s->day_count;
    memset(s->day_sum, 0, (size_t)n * sizeof *s->day_sum);
    s->day_count = 0;
    s->bin = bin;
  }
  return glia_mix_bin_in_day_(bin);
}

void glia_mix_input_(struct glia_mix_stream *s, int bin)
{
  const int n = s->mix->n;
  double *to = s->input;

  for (int k = 0; k < s->mix->lags; k++, to += n)
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
void glia_mix_remember_(struct glia_mix_stream *s, const double *x)
{
  const int n = s->mix->n;
  const double *before = s->lag + s->head * n;

  s->head = (s->head + GLIA_MIX_LAGS - 1) % GLIA_MIX_LAGS;
  double *to = s->lag + s->head * n;
  for (int j = 0; j < n; j++) {
    to[j] = isnan(x[j]) ? before[j] : fmin(fmax(x[j], -GLIA_MIX_CLIP), GLIA_MIX_CLIP);
    s->day_sum[j] += to[j];
  }
  s->day_count++;
}

static void forecast(struct glia_mix_stream *s, const double *x)
{
  const struct glia_mix *m = s->mix;

  float *to = s->narrow + m->inputs;

  for (int i = 0; i < m->inputs; i++) s->narrow[i] = (float)s->input[i];
  for (int j = 0; j < m->n; j++) to[j] = 0.0F; /* BLAS may keep a NaN that it multiplies by 0 */
  glia_linear_apply_f32(m->inputs, m->n, s->narrow, m->weight, to);
  for (int j = 0; j < m->n; j++) s->next[j] = (x[j] - (double)to[j]) / m->residual[j];
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

double glia_mix_distance_(const struct glia_mix *m, const double *usual, bool whole, double *work)
{
  const size_t n = (size_t)m->n;
  double *u = work, *g = work + n;
  double sum = 0.0, most = 0.0;

  for (size_t j = 0; j < n; j++) u[j] = isnan(usual[j]) ? 0.0 : usual[j];
  glia_linear_apply(m->n, m->n, u, m->inverse, g); /* symmetric */
  for (size_t i = 0; i < n; i++) {
    sum += g[i] * u[i];
    most = fmax(most, g[i] * g[i] / m->inverse[i * n + i]);
  }
  return sqrt(fmax(sum - (whole ? 0.0 : most), 0.0) / m->n);
}

static void make_members(struct glia_mix_stream *s)
{
  enum { VIEWS = 4 };
  const double *const view[VIEWS] = {s->usual, s->recent, s->slow, s->next};
  double mean = 0.0;

  for (int k = 0; k < VIEWS; k++) sum_up(s->mix->n, view[k], &mean, &s->member[k]);
  s->member[VIEWS] = glia_mix_distance_(s->mix, s->usual, false, s->work);
  s->member[VIEWS + 1] = mean; /* of the forecast */
  for (int k = 0; k < GLIA_MIX_MEMBERS; k++) s->member[k] = log(s->member[k] + 1e-6);
}

static void forget(struct glia_mix_stream *s)
{
  const size_t cells = (size_t)s->mix->n;

  memset(s->lag, 0, GLIA_MIX_LAGS * cells * sizeof *s->lag);
  for (size_t i = 0; i < GLIA_MIX_SLOW * cells; i++) s->past[i] = (double)NAN;
  s->scores = 0;
}

/* Over the last `most` samples. What came before the first one since the last gap counts 1, the geometric mean of training: means over the few there are would
 * be larger than those that the threshold was placed by. Where it is placed, they are told as they are. */
static double mean_of_last(const struct glia_mix_stream *s, int most)
{
  const int64_t n = s->scores < most ? s->scores : most;
  double sum = 0.0;

  for (int64_t k = 1; k <= n; k++) sum += s->score[(s->scores - k) % GLIA_MIX_WINDOW_MAX];
  return s->judging ? sum / (double)n : (sum + (double)(most - n)) / most;
}

double glia_mix_stream_push_(struct glia_mix_stream *s, int64_t time_ns, const double *x,
                             bool still, int window)
{
  const struct glia_mix *m = s->mix;
  const int members = GLIA_MIX_MEMBERS - (m->daily ? 0 : 1);
  double score = 0.0;

  if (s->seen > 0 && 1e-9 * (double)(time_ns - s->last_ns) > GAP_PERIODS * m->period_s) forget(s);
  s->seen++;
  s->last_ns = time_ns;
  const int bin = glia_mix_advance_(s, time_ns);
  glia_mix_input_(s, bin);
  forecast(s, x);
  compare(s, bin, x, still);
  glia_mix_remember_(s, x);
  make_members(s);
  for (int k = 0; k < members; k++) score += (s->member[k] - m->middle[k]) / m->width[k];
  s->score[s->scores++ % GLIA_MIX_WINDOW_MAX] = exp(fmin(score / members, HIGHEST));
  return sqrt(mean_of_last(s, GLIA_MIX_BRIEF) * mean_of_last(s, window));
}

double glia_mix_stream_usual_(const struct glia_mix_stream *s, int j)
{
  return s->level[j] +
         (s->mix->daily ? s->mix->season[glia_mix_bin_in_day_(s->bin) * s->mix->n + j] : 0.0);
}

void glia_mix_free_(struct glia_mix *m)
{
  free(m->season);
  free(m->centre);
  free(m->scale);
  free(m->slow_scale);
  free(m->inverse);
  free(m->weight);
  free(m->residual);
  *m = (struct glia_mix){0};
}
