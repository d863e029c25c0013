/* What the axes show: ranges of the data, bins of histograms, the common x of a column. */
#include "figure_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double to_scale(const struct axis *a, double value) { return a->log ? log10(value) : value; }

bool glia_axis_shows_(const struct axis *a, double value)
{
  return fabs(value) <= HUGE_VALUE && (!a->log || value > 0.0);
}

double glia_axis_place_(const struct axis *a, double value)
{
  if (!glia_axis_shows_(a, value)) return NAN;
  const double lo = to_scale(a, a->lo);
  const double hi = to_scale(a, a->hi);
  const double at = a->p0 + (to_scale(a, value) - lo) / (hi - lo) * (a->p1 - a->p0);
  return fmin(fmax(at, -1e5), 1e5); /* far outside, but within what the formats can hold */
}

static void extend(struct axis *a, double value)
{
  if (!a->any || value < a->lo) a->lo = value;
  if (!a->any || value > a->hi) a->hi = value;
  a->any = true;
}

/* Count a point of up to three coordinates (NULL: none) that the panel cannot show; true when it can show it. */
static bool showable(struct glia_panel *p, double x, double y0, double y1)
{
  const double c[] = {x, y0, y1};
  bool infinite = false;
  bool low = false;

  if (isnan(x) || isnan(y0) || isnan(y1)) return false;
  for (int i = 0; i < 3; i++) {
    infinite |= fabs(c[i]) > HUGE_VALUE;
    low |= (i == 0 ? p->x.log : p->y.log) && c[i] <= 0.0;
  }
  p->dropped_inf += infinite;
  p->dropped_log += low && !infinite;
  return !infinite && !low;
}

static bool outside(const struct axis *a, double value)
{
  return value < a->fixed_lo || value > a->fixed_hi;
}

/* Series of points with their lower and upper ends. */
static void range_points(struct glia_panel *p, const struct series *s)
{
  for (int64_t i = 0; i < s->n; i++) {
    const double y = s->y != NULL ? s->y[i] : s->lo[i];
    const double lo = s->lo != NULL && !isnan(s->lo[i]) ? s->lo[i] : y;
    const double hi = s->hi != NULL && !isnan(s->hi[i]) ? s->hi[i] : y;
    if (s->kind == KIND_BAND && isnan(s->hi[i])) continue;
    if (!showable(p, s->x[i], lo, hi)) continue;
    extend(&p->x, s->x[i]);
    if (outside(&p->x, s->x[i])) continue;
    extend(&p->y, lo);
    extend(&p->y, hi);
    extend(&p->y, y);
  }
}

static void range_heatmap(struct glia_panel *p, const struct series *s)
{
  struct axis *z = &p->z;

  p->heat = s;
  if (s->rows == 0 || s->cols == 0) return;
  p->x.tight = true;
  p->y.tight = true;
  for (int64_t i = 0; i <= s->cols; i++)
    if (glia_axis_shows_(&p->x, s->x[i])) extend(&p->x, s->x[i]);
  for (int64_t i = 0; i <= s->rows; i++)
    if (glia_axis_shows_(&p->y, s->y[i])) extend(&p->y, s->y[i]);
  for (int64_t i = 0; i < s->n; i++) {
    if (glia_axis_shows_(z, s->lo[i])) extend(z, s->lo[i]);
    p->dropped_inf += fabs(s->lo[i]) > HUGE_VALUE;
    p->dropped_log += z->log && s->lo[i] <= 0.0;
  }
}

/* ---- histograms ---- */

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Bins by the rule of Freedman and Diaconis, h = 2 IQR / n^(1/3), or of Sturges where most values are equal. */
static int bins_for(const double *sorted, int64_t n)
{
  const double iqr = sorted[3 * (n - 1) / 4] - sorted[(n - 1) / 4];
  const double width = 2.0 * iqr / cbrt((double)n);
  const double range = sorted[n - 1] - sorted[0];

  if (!(width > 0.0) || !(range / width < 200.0)) return (int)fmin(1.0 + log2((double)n), 200.0);
  return (int)fmax(ceil(range / width), 1.0);
}

/* Both ends of what would be an empty range. */
static void widen(double *lo, double *hi, bool log)
{
  const double half = fmax(fabs(*lo), fabs(*hi)) * 0.05;

  if (*hi - *lo > 1e-12 * fmax(fabs(*lo), fabs(*hi)) && *hi > *lo) return;
  if (log) {
    *lo = fmax(*lo / 2.0, 5e-324);
    *hi = fmax(*hi * 2.0, 1e-322);
  } else {
    *lo -= half > 1e-300 ? half : 0.5;
    *hi += half > 1e-300 ? half : 0.5;
  }
}

static void bin(struct glia_panel *p, struct series *s)
{
  double *sorted = malloc((size_t)(s->n > 0 ? s->n : 1) * sizeof *sorted);
  int64_t n = 0;

  free(s->edge);
  free(s->count);
  s->edge = NULL;
  s->count = NULL;
  s->bins = 0;
  for (int64_t i = 0; sorted != NULL && i < s->n; i++)
    if (showable(p, s->x[i], 1.0, 1.0)) sorted[n++] = to_scale(&p->x, s->x[i]);
  if (n > 0) {
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    s->bins = s->bins_wanted > 0 ? s->bins_wanted : bins_for(sorted, n);
    s->edge = malloc(((size_t)s->bins + 1) * sizeof *s->edge);
    s->count = calloc((size_t)s->bins, sizeof *s->count);
  }
  if (sorted == NULL || (n > 0 && (s->edge == NULL || s->count == NULL))) {
    glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for a histogram");
    s->bins = 0;
    n = 0;
  }
  if (n > 0) {
    double lo = sorted[0];
    double hi = sorted[n - 1];
    widen(&lo, &hi, false);
    const double width = (hi - lo) / s->bins;
    for (int b = 0; b <= s->bins; b++) s->edge[b] = b < s->bins ? lo + b * width : hi;
    for (int64_t i = 0; i < n; i++) {
      const int b = (int)((sorted[i] - lo) / width);
      s->count[b < s->bins ? b : s->bins - 1] += 1.0;
    }
    for (int b = 0; p->x.log && b <= s->bins; b++) s->edge[b] = pow(10.0, s->edge[b]);
    for (int b = 0; s->density && b < s->bins; b++)
      s->count[b] /= (double)n * (s->edge[b + 1] - s->edge[b]);
  }
  free(sorted);
}

static void range_histogram(struct glia_panel *p, struct series *s)
{
  bin(p, s);
  p->y.from_zero = true;
  for (int b = 0; b < s->bins; b++) {
    extend(&p->x, s->edge[b]);
    extend(&p->x, s->edge[b + 1]);
    if (s->count[b] > 0.0) extend(&p->y, p->y.log ? s->count[b] / 2.0 : 0.0);
    if (s->count[b] > 0.0) extend(&p->y, s->count[b]);
  }
}

static void range_bars(struct glia_panel *p, const struct series *s)
{
  p->x.from_zero = true;
  for (int64_t i = 0; i < s->n; i++) {
    if (!showable(p, s->x[i], 1.0, 1.0)) continue;
    extend(&p->x, s->x[i]);
    if (!p->x.log) extend(&p->x, 0.0);
    extend(&p->y, (double)i);
  }
}

/* ---- axes ---- */

static void range_panel(struct glia_panel *p)
{
  p->x.any = p->y.any = p->z.any = false;
  p->x.from_zero = p->y.from_zero = false;
  p->x.tight = p->y.tight = p->z.tight = false;
  p->dropped_inf = p->dropped_log = 0;
  p->heat = NULL;
  p->z.log = false;
  for (int64_t i = 0; i < p->n_series; i++)
    if (p->series[i].kind == KIND_HEATMAP) p->z.log = p->series[i].zlog;
  for (int64_t i = 0; i < p->n_series; i++) {
    struct series *s = &p->series[i];
    switch (s->kind) {
    case KIND_HEATMAP:
      range_heatmap(p, s);
      break;
    case KIND_HISTOGRAM:
      range_histogram(p, s);
      break;
    case KIND_BARS:
      range_bars(p, s);
      break;
    case KIND_HLINE:
      if (glia_axis_shows_(&p->y, s->y[0])) extend(&p->y, s->y[0]);
      break;
    case KIND_VLINE:
      if (glia_axis_shows_(&p->x, s->x[0])) extend(&p->x, s->x[0]);
      break;
    case KIND_SPAN:
      break;
    default:
      range_points(p, s);
    }
  }
}

/* From the range of the data to the range shown. */
static void settle(struct glia_figure *fig, struct axis *a, double pad)
{
  if (a->log && (a->fixed_lo <= 0.0 || a->fixed_hi <= 0.0)) {
    glia_figure_fail_(fig, GLIA_E_ARGUMENT, "limits of a logarithmic axis from %g to %g",
                      a->fixed_lo, a->fixed_hi);
    return;
  }
  if (!a->any) {
    a->lo = a->log ? 1.0 : 0.0;
    a->hi = a->log ? 10.0 : 1.0;
  }
  const bool lo_free = isnan(a->fixed_lo);
  const bool hi_free = isnan(a->fixed_hi);
  if (!lo_free) a->lo = a->fixed_lo;
  if (!hi_free) a->hi = a->fixed_hi;
  if (a->hi <= a->lo && lo_free != hi_free) { /* all data beyond the fixed end */
    const double step = a->log ? 0.0 : fmax(1.0, fabs(lo_free ? a->hi : a->lo));
    if (lo_free) a->lo = a->log ? a->hi / 10.0 : a->hi - step;
    if (hi_free) a->hi = a->log ? a->lo * 10.0 : a->lo + step;
  }
  widen(&a->lo, &a->hi, a->log);
  if (a->tight) return;
  const double lo = to_scale(a, a->lo);
  const double hi = to_scale(a, a->hi);
  const double more = pad * (hi - lo);
  const bool floor_lo = a->from_zero && !a->log && a->lo == 0.0;
  const bool floor_hi = a->from_zero && !a->log && a->hi == 0.0;
  if (lo_free && !floor_lo) a->lo = a->log ? pow(10.0, fmax(lo - more, -323.0)) : lo - more;
  if (hi_free && !floor_hi) a->hi = a->log ? pow(10.0, fmin(hi + more, 307.0)) : hi + more;
}

void glia_axis_headroom_(struct axis *a, double hi, double share)
{
  const double lo = to_scale(a, a->lo);
  const double top = lo + (to_scale(a, hi) - lo) / (1.0 - share);

  a->hi = a->log ? pow(10.0, fmin(top, 307.0)) : fmin(top, HUGE_VALUE);
}

static void settle_colours(struct glia_panel *p)
{
  struct axis *z = &p->z;
  const struct series *s = p->heat;

  if (s == NULL) return;
  z->fixed_lo = s->zauto ? (double)NAN : s->zlo;
  z->fixed_hi = s->zauto ? (double)NAN : s->zhi;
  if (s->zauto && s->map == GLIA_MAP_DIVERGING && z->any && z->lo < 0.0 && z->hi > 0.0) {
    z->hi = fmax(-z->lo, z->hi);
    z->lo = -z->hi;
  }
  z->tight = true;
  settle(p->fig, z, 0.0);
}

/* Give the panels of a column one range of x. */
static void share_column(struct glia_figure *fig, int col)
{
  struct axis all = {.fixed_lo = NAN, .fixed_hi = NAN};

  for (int r = 0; r < fig->rows; r++) {
    const struct axis *a = &fig->panel[r * fig->cols + col].x;
    all.tight |= a->tight;
    if (!isnan(a->fixed_lo)) all.fixed_lo = a->fixed_lo;
    if (!isnan(a->fixed_hi)) all.fixed_hi = a->fixed_hi;
    if (a->any) {
      extend(&all, a->lo);
      extend(&all, a->hi);
    }
  }
  for (int r = 0; r < fig->rows; r++) {
    struct glia_panel *p = &fig->panel[r * fig->cols + col];
    p->hide_x = r < fig->rows - 1;
    p->x.any = all.any;
    p->x.lo = all.lo;
    p->x.hi = all.hi;
    p->x.tight = all.tight;
    p->x.fixed_lo = all.fixed_lo;
    p->x.fixed_hi = all.fixed_hi;
  }
}

/* A logarithmic or clock axis anywhere in a shared column makes all of the column's axes so. */
static void share_scale(struct glia_figure *fig, int col)
{
  bool log = false;
  enum clock clock = CLOCK_NONE;

  for (int r = 0; r < fig->rows; r++) {
    const struct axis *a = &fig->panel[r * fig->cols + col].x;
    log |= a->log;
    if (a->clock != CLOCK_NONE) clock = a->clock;
  }
  for (int r = 0; r < fig->rows; r++) {
    fig->panel[r * fig->cols + col].x.log = log;
    fig->panel[r * fig->cols + col].x.clock = clock;
  }
}

void glia_figure_ranges_(struct glia_figure *fig)
{
  const int panels = fig->rows * fig->cols;

  for (int c = 0; fig->share_x && c < fig->cols; c++) share_scale(fig, c);
  for (int i = 0; i < panels; i++) range_panel(&fig->panel[i]);
  for (int c = 0; fig->share_x && c < fig->cols; c++) share_column(fig, c);
  for (int i = 0; i < panels; i++) {
    struct glia_panel *p = &fig->panel[i];
    settle(fig, &p->x, 0.02);
    settle(fig, &p->y, 0.05);
    settle_colours(p);
    if (p->y.n_name > 0) { /* from the top */
      p->y.log = false;
      p->y.lo = (double)p->y.n_name - 0.5;
      p->y.hi = -0.5;
    }
  }
}
