/* Ticks: round numbers at distances of 1, 2 or 5 times a power of ten, as dense as their labels allow without touching. */
#include "figure_priv.h"

#include <math.h>
#include <string.h>

#define GAP_X   6.5  /* between labels side by side */
#define GAP_Y   20.0 /* between labels one above the other */
#define GAP_LOG 13.0

static double length(const struct axis *a) { return fabs(a->p1 - a->p0); }

static void superscript(int k, char *out, size_t size)
{
  static const char *const digit[] = {
      "\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",     "\xe2\x81\xb4",
      "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
  char plain[16];
  size_t n = 0;

  snprintf(plain, sizeof plain, "%d", k);
  out[0] = '\0';
  for (const char *c = plain; *c != '\0'; c++) {
    const char *s = *c == '-' ? "\xe2\x81\xbb" : digit[*c - '0'];
    if (n + strlen(s) + 1 > size) return;
    memcpy(out + n, s, strlen(s) + 1);
    n += strlen(s);
  }
}

static void power_of_ten(int k, char *out, size_t size)
{
  char up[48];

  superscript(k, up, sizeof up);
  snprintf(out, size, "10%s", up);
}

/* value with so many decimals, with a true minus sign and a point in every locale. */
static void decimal(double value, int decimals, char *out, size_t size)
{
  char plain[64];

  snprintf(plain, sizeof plain, "%.*f", decimals < 17 ? decimals : 17, fabs(value));
  for (char *c = plain; *c != '\0'; c++)
    if (*c == ',') *c = '.';
  const bool zero = strspn(plain, "0.") == strlen(plain);
  snprintf(out, size, "%s%s", value < 0.0 && !zero ? "\xe2\x88\x92" : "", plain);
}

/* Do the labels stand clear of each other? */
static bool labels_fit(const struct axis *a, const struct meter *m)
{
  double before = -INFINITY;

  for (int i = 0; i < a->n_tick; i++) {
    const double at = fabs(glia_axis_place_(a, a->tick[i]) - a->p0);
    const double half =
        a->vertical ? a->font_pt * 0.6 : glia_meter_width_(m, a->label[i], a->font_pt, false) / 2.0;
    if (at - half < before + (a->vertical ? 2.0 : GAP_X)) return false;
    before = at + half;
  }
  return true;
}

/* ---- linear ---- */

/* Ticks at multiples of mantissa x 10^exponent. */
static void multiples(struct axis *a, int mantissa, int exponent)
{
  const double step = mantissa * pow(10.0, exponent);
  const double first = ceil(a->lo / step - 1e-6);
  const double last = floor(a->hi / step + 1e-6);
  const double largest = fmax(fabs(a->lo), fabs(a->hi));
  int shift = 0; /* labels are in units of 10^shift */
  double offset = 0.0;
  char up[48];

  a->n_tick = 0;
  a->unit[0] = '\0';
  if (!(last - first < TICK_MAX)) return;
  if (largest / step > 2e5) offset = first;
  const int top = (int)floor(log10(offset != 0.0 ? fmax((last - first) * step, step) : largest));
  if (top >= 5 || top < -3) shift = 3 * (int)floor(top / 3.0);
  const int decimals = shift - exponent > 0 ? shift - exponent : 0;
  for (double k = first; k <= last; k += 1.0) {
    a->tick[a->n_tick] =
        exponent < 0 && exponent > -300 ? k * mantissa / pow(10.0, -exponent) : k * step;
    decimal((k - offset) * mantissa * pow(10.0, exponent - shift), decimals, a->label[a->n_tick],
            sizeof a->label[0]);
    a->n_tick++;
  }
  superscript(shift, up, sizeof up);
  if (shift != 0)
    snprintf(a->unit, sizeof a->unit,
             "\xc3\x97"
             "10%s",
             up);
  if (offset != 0.0) {
    const size_t n = strlen(a->unit);
    snprintf(a->unit + n, sizeof a->unit - n, "%s%s %.12g", n > 0 ? " " : "",
             offset < 0.0 ? "\xe2\x88\x92" : "+", fabs(offset * step));
  }
}

static void linear(struct axis *a, const struct meter *m)
{
  static const int mantissa[] = {1, 2, 5};
  const double most = fmax(length(a) / (a->vertical ? GAP_Y : 16.0), 1.0);
  const double finest = (a->hi - a->lo) / fmin(most, TICK_MAX - 2);
  int exponent = (int)floor(log10(finest));

  for (int tries = 0; tries < 12; exponent++)
    for (int i = 0; i < 3; i++, tries++) {
      const double step = mantissa[i] * pow(10.0, exponent);
      if (step < finest * 0.999) continue;
      multiples(a, mantissa[i], exponent);
      if (labels_fit(a, m)) return;
    }
}

/* ---- logarithmic ---- */

static void add_minor(struct axis *a, double value)
{
  if (value >= a->lo && value <= a->hi && a->n_minor < MINOR_MAX) a->minor[a->n_minor++] = value;
}

/* Ticks at the powers of ten whose exponent is a multiple of stride. */
static void powers(struct axis *a, int stride)
{
  const double lo = log10(a->lo);
  const double hi = log10(a->hi);
  const int first = (int)ceil(lo - 1e-9);
  const int last = (int)floor(hi + 1e-9);
  const bool plain = first >= -2 && last <= 3;
  const double decade = length(a) / (hi - lo);

  a->n_tick = 0;
  a->n_minor = 0;
  for (int k = first - 1; k <= last; k++) {
    if (k >= first && k % stride == 0 && a->n_tick < TICK_MAX) {
      a->tick[a->n_tick] = pow(10.0, k);
      if (plain)
        decimal(pow(10.0, k), k < 0 ? -k : 0, a->label[a->n_tick], sizeof a->label[0]);
      else
        power_of_ten(k, a->label[a->n_tick], sizeof a->label[0]);
      a->n_tick++;
    } else if (k >= first && decade >= 2.5) {
      add_minor(a, pow(10.0, k));
    }
    for (int i = 2; stride == 1 && decade > 18.0 && i <= 9; i++) add_minor(a, i * pow(10.0, k));
  }
}

/* Ticks at 1, 2 and 5 times powers of ten, for less than two decades. */
static void one_two_five(struct axis *a)
{
  static const int mantissa[] = {1, 2, 5};
  const int first = (int)floor(log10(a->lo));
  const int last = (int)ceil(log10(a->hi));

  a->n_tick = 0;
  for (int k = first; k <= last; k++)
    for (int i = 0; i < 3; i++) {
      const double value = mantissa[i] * pow(10.0, k);
      char up[48];
      if (value < a->lo * (1.0 - 1e-9) || value > a->hi * (1.0 + 1e-9) || a->n_tick == TICK_MAX)
        continue;
      a->tick[a->n_tick] = value;
      superscript(k, up, sizeof up);
      if (first >= -3 && last <= 4)
        decimal(value, k < 0 ? -k : 0, a->label[a->n_tick], sizeof a->label[0]);
      else if (i == 0)
        power_of_ten(k, a->label[a->n_tick], sizeof a->label[0]);
      else
        snprintf(a->label[a->n_tick], sizeof a->label[0],
                 "%d\xc3\x97"
                 "10%s",
                 mantissa[i], up);
      a->n_tick++;
    }
}

static void logarithmic(struct axis *a, const struct meter *m)
{
  static const int strides[] = {1, 2, 3, 5, 10, 20, 25, 50, 100, 200};

  a->unit[0] = '\0';
  for (size_t i = 0; i < GLIA_COUNT(strides); i++) {
    powers(a, strides[i]);
    if (a->n_tick * GAP_LOG <= length(a) + GAP_LOG && labels_fit(a, m)) break;
  }
  if (log10(a->hi / a->lo) > 2.5 || a->n_tick > 2) return;
  const int minors = a->n_minor;
  one_two_five(a);
  a->n_minor = minors;
  if (a->n_tick < 3) linear(a, m);
  if (a->n_tick < 3 || !labels_fit(a, m)) {
    powers(a, 1);
    if (a->n_tick < 2) linear(a, m);
  }
}

/* ---- clocks ---- */

/* The date of a day counted from 1970-01-01. Source: hinnant2013, civil_from_days. */
static void civil(int64_t day, int *year, int *month, int *date)
{
  const int64_t z = day + 719468;
  const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const int64_t of_era = z - era * 146097;
  const int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
  const int64_t m = (5 * of_year + 2) / 153;

  *month = (int)(m < 10 ? m + 3 : m - 9);
  *date = (int)(of_year - (153 * m + 2) / 5 + 1);
  *year = (int)(y + era * 400 + (*month <= 2));
}

static void utc_label(int64_t t, int64_t step, char *out, size_t size)
{
  const int64_t day = (t >= 0 ? t : t - 86399) / 86400;
  const int s = (int)(t - day * 86400);
  int year, month, date;

  civil(day, &year, &month, &date);
  if (step >= 180 * 86400)
    snprintf(out, size, "%04d-%02d-%02d", year, month, date);
  else if (s == 0)
    snprintf(out, size, "%02d-%02d", month, date);
  else if (step >= 60)
    snprintf(out, size, "%02d:%02d", s / 3600, s / 60 % 60);
  else
    snprintf(out, size, "%02d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
}

static void elapsed_label(int64_t t, int64_t step, bool long_range, char *out, size_t size)
{
  const long long a = t < 0 ? -t : t;
  const char *sign = t < 0 ? "\xe2\x88\x92" : "";

  if (step >= 86400)
    snprintf(out, size, "%s%lld", sign, a / 86400);
  else if (step >= 3600)
    snprintf(out, size, "%s%lld", sign, a / 3600);
  else if (step >= 60 && long_range)
    snprintf(out, size, "%s%lld:%02lld", sign, a / 3600, a / 60 % 60);
  else if (step >= 60)
    snprintf(out, size, "%s%lld", sign, a / 60);
  else if (long_range)
    snprintf(out, size, "%s%lld:%02lld:%02lld", sign, a / 3600, a / 60 % 60, a % 60);
  else
    snprintf(out, size, "%s%lld:%02lld", sign, a / 60, a % 60);
}

static void clock_unit(struct axis *a, int64_t step, bool long_range)
{
  const int64_t first = (int64_t)floor(a->tick[0] / 86400.0);
  const int64_t last = (int64_t)floor(a->tick[a->n_tick > 0 ? a->n_tick - 1 : 0] / 86400.0);
  int year, month, date;

  civil(first, &year, &month, &date);
  if (a->clock == CLOCK_UTC && step >= 180 * 86400)
    snprintf(a->unit, sizeof a->unit, "(UTC)");
  else if (a->clock == CLOCK_UTC)
    snprintf(a->unit, sizeof a->unit, "(UTC, %s%04d-%02d-%02d)", last > first ? "from " : "", year,
             month, date);
  else
    snprintf(a->unit, sizeof a->unit, "(%s)",
             step >= 86400  ? "days"
             : step >= 3600 ? "h"
             : step >= 60   ? (long_range ? "h:min" : "min")
                            : (long_range ? "h:min:s" : "min:s"));
}

/* Ticks at whole seconds, minutes, hours or days; false when none of these suits. */
static bool clock_ticks(struct axis *a, const struct meter *m)
{
  static const int64_t seconds[] = {
      1,          2,          5,           10,          15,          30,          60,
      120,        300,        600,         900,         1800,        3600,        7200,
      10800,      21600,      43200,       86400,       2 * 86400,   5 * 86400,   10 * 86400,
      20 * 86400, 50 * 86400, 100 * 86400, 200 * 86400, 500 * 86400, 1000 * 86400};
  const bool long_range = fmax(fabs(a->lo), fabs(a->hi)) > 7200.0;
  const bool utc = a->clock == CLOCK_UTC;

  if (fmax(fabs(a->lo), fabs(a->hi)) > 1e12) return false;
  if (!utc && (fmax(fabs(a->lo), fabs(a->hi)) <= 300.0 || a->hi - a->lo < 5.0)) return false;
  for (size_t i = 0; i < GLIA_COUNT(seconds); i++) {
    const int64_t step = seconds[i];
    if ((a->hi - a->lo) / (double)step > TICK_MAX - 2) continue;
    a->n_tick = 0;
    for (int64_t t = (int64_t)ceil(a->lo / (double)step) * step; (double)t <= a->hi; t += step) {
      a->tick[a->n_tick] = (double)t;
      if (utc)
        utc_label(t, step, a->label[a->n_tick], sizeof a->label[0]);
      else
        elapsed_label(t, step, long_range, a->label[a->n_tick], sizeof a->label[0]);
      a->n_tick++;
    }
    if (a->n_tick == 0) return false;
    if (!labels_fit(a, m)) continue;
    clock_unit(a, step, long_range);
    return true;
  }
  return false;
}

/* ---- names ---- */

/* Every name when there is room, else every k-th; long ones are cut. */
static void names(struct axis *a, const struct meter *m)
{
  const double room = length(a) / (double)a->n_name;

  a->font_pt = fmax(fmin(FONT_TICK, room * 0.95), 5.0);
  int64_t stride = (int64_t)fmax(ceil(a->font_pt / room), 1.0);
  while ((a->n_name + stride - 1) / stride > TICK_MAX) stride++;
  a->n_tick = 0;
  a->unit[0] = '\0';
  for (int64_t i = 0; i < a->n_name; i += stride) {
    a->tick[a->n_tick] = (double)i;
    glia_meter_shorten_(m, a->name[i], a->font_pt, a->name_room, a->label[a->n_tick],
                        sizeof a->label[0]);
    a->n_tick++;
  }
}

void glia_axis_ticks_(struct axis *a, const struct meter *m)
{
  a->n_minor = 0;
  a->font_pt = FONT_TICK;
  if (a->n_name > 0) {
    names(a, m);
  } else if (a->log) {
    logarithmic(a, m);
  } else if (a->clock == CLOCK_NONE || !clock_ticks(a, m)) {
    linear(a, m);
    if (a->clock != CLOCK_NONE && a->unit[0] == '\0') snprintf(a->unit, sizeof a->unit, "(s)");
  }
}
