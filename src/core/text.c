/* Words that people type: numbers, durations, sizes, and what they probably meant. */
#include "glia_text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WORD_MAX = 63 };

static const char *skip_digits(const char *s)
{
  while (isdigit((unsigned char)*s)) s++;
  return s;
}

/* Behind the longest number at s: [-+]? (digits [. digits] | . digits) [e [-+] digits]; s itself when none. */
static const char *number_end(const char *s)
{
  const char *p = s;

  if (*p == '-' || *p == '+') p++;
  const char *whole = skip_digits(p);
  const char *end = whole;
  if (*end == '.') {
    end = skip_digits(end + 1);
    if (whole == p && end == whole + 1) return s; /* a lonely point */
  } else if (whole == p) {
    return s;
  }
  if (*end == 'e' || *end == 'E') {
    const char *digits = end + 1;
    if (*digits == '-' || *digits == '+') digits++;
    const char *after = skip_digits(digits);
    if (after > digits) end = after;
  }
  return end;
}

bool glia_parse_int(const char *text, int64_t *out)
{
  const char *digits = text + (*text == '-' || *text == '+');

  if (skip_digits(digits) == digits || *skip_digits(digits) != '\0') return false;
  errno = 0;
  const long long v = strtoll(text, NULL, 10);
  if (errno != 0) return false;
  *out = v;
  return true;
}

bool glia_parse_based(const char *text, int64_t *out)
{
  const bool hex = strncmp(text, "0x", 2) == 0;
  const char *digits = text + 2;

  if (!hex && strncmp(text, "0o", 2) != 0) return false;
  if (*digits == '\0' ||
      digits[strspn(digits, hex ? "0123456789abcdefABCDEF" : "01234567")] != '\0')
    return false;
  errno = 0;
  const long long v = strtoll(digits, NULL, hex ? 16 : 8);
  if (errno != 0) return false;
  *out = v;
  return true;
}

bool glia_parse_real(const char *text, double *out)
{
  const char *bare = text + (*text == '-' || *text == '+');

  if (strcmp(bare, ".inf") == 0 || strcmp(bare, ".Inf") == 0 || strcmp(bare, ".INF") == 0) {
    *out = *text == '-' ? -HUGE_VAL : HUGE_VAL;
    return true;
  }
  if (strcmp(text, ".nan") == 0 || strcmp(text, ".NaN") == 0 || strcmp(text, ".NAN") == 0) {
    *out = (double)NAN;
    return true;
  }
  const char *end = number_end(text);
  if (end == text || *end != '\0') return false;
  const double v = strtod(text, NULL);
  if (isinf(v)) return false; /* beyond the range of double */
  *out = v;
  return true;
}

/* [D-]H:M:S, [D-]M:S after a '-' reads D-H:M, D-H: SLURM's ways to write a time limit. */
static bool parse_clock(const char *text, double *out_s)
{
  static const double unit_with_days[] = {3600.0, 60.0, 1.0};
  static const double unit_of_two[] = {60.0, 1.0};
  const char *dash = strchr(text, '-');
  const char *p = dash != NULL ? dash + 1 : text;
  double field[3];
  int n = 0;
  double s = 0.0;

  if (dash != NULL) {
    if (skip_digits(text) != dash || dash == text || dash - text > 6) return false;
    s = 86400.0 * strtod(text, NULL);
  }
  for (;; p++) {
    const char *end = skip_digits(p);
    if (end == p || end - p > 6 || n == 3) return false;
    field[n++] = strtod(p, NULL);
    p = end;
    if (*p == '\0') break;
    if (*p != ':') return false;
  }
  if (dash == NULL && n == 1) return false;
  const double *unit = dash == NULL && n == 2 ? unit_of_two : unit_with_days;
  for (int i = 0; i < n; i++) s += field[i] * unit[i];
  *out_s = s;
  return true;
}

glia_status glia_parse_duration(const char *text, double *out_s)
{
  static const struct {
    const char *name;
    double seconds;
  } unit[] = {{"", 1.0},     {"ms", 1e-3},  {"s", 1.0},    {"m", 60.0},
              {"min", 60.0}, {"h", 3600.0}, {"d", 86400.0}};
  const char *end = number_end(text);

  if (isdigit((unsigned char)*text) || *text == '.') {
    for (size_t i = 0; i < GLIA_COUNT(unit); i++)
      if (strcmp(end, unit[i].name) == 0) {
        const double s = strtod(text, NULL) * unit[i].seconds;
        if (end == text || !isfinite(s)) break;
        *out_s = s;
        return GLIA_OK;
      }
    if (parse_clock(text, out_s)) return GLIA_OK;
  }
  return GLIA_FAIL(GLIA_E_ARGUMENT,
                   "found '%.60s', expected a duration such as 90, 5m, 2h, 3d, 02:30 or 1-00:00:00",
                   text);
}

glia_status glia_parse_size(const char *text, int64_t *out_bytes)
{
  static const struct {
    const char *name;
    double bytes;
  } unit[] = {
      {"", 1.0},
      {"B", 1.0},
      {"kB", 1e3},
      {"MB", 1e6},
      {"GB", 1e9},
      {"TB", 1e12},
      {"KiB", 1024.0},
      {"MiB", 1048576.0},
      {"K", 1024.0},
      {"M", 1048576.0},
      {"G", 1073741824.0},
      {"T", 1099511627776.0},
      {"GiB", 1073741824.0},
      {"TiB", 1099511627776.0},
  };
  const char *end = number_end(text);

  if (end > text && (isdigit((unsigned char)*text) || *text == '.')) {
    const char *name = end + (*end == ' ');
    for (size_t i = 0; i < GLIA_COUNT(unit); i++)
      if (strcasecmp(name, unit[i].name) == 0) {
        const double bytes = strtod(text, NULL) * unit[i].bytes;
        if (!(bytes < 0x1p63)) break;
        *out_bytes = (int64_t)bytes;
        return GLIA_OK;
      }
  }
  return GLIA_FAIL(GLIA_E_ARGUMENT, "found '%.60s', expected a size such as 4096, 64KiB or 1.5GiB",
                   text);
}

/* Letters that a hurried hand mixes up are the same here: case, '-' and '_'. */
static int fold(char c) { return c == '-' ? '_' : tolower((unsigned char)c); }

/* Edit distance with swaps of neighbours (optimal string alignment); both at most WORD_MAX long. */
static int edit_distance(const char *a, const char *b)
{
  int row[3][WORD_MAX + 1];
  const int na = (int)strlen(a);
  const int nb = (int)strlen(b);

  for (int j = 0; j <= nb; j++) row[0][j] = j;
  for (int i = 1; i <= na; i++) {
    int *now = row[i % 3];
    const int *last = row[(i + 2) % 3];
    const int *before = row[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= nb; j++) {
      const int same = fold(a[i - 1]) == fold(b[j - 1]);
      int d = last[j - 1] + !same;
      if (last[j] + 1 < d) d = last[j] + 1;
      if (now[j - 1] + 1 < d) d = now[j - 1] + 1;
      if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]) &&
          before[j - 2] + 1 < d)
        d = before[j - 2] + 1;
      now[j] = d;
    }
  }
  return row[na % 3][nb];
}

/* One is the beginning of the other: `check` for `checkpoint`, `batch_size` for `batch`. */
static bool is_beginning(const char *a, const char *b)
{
  const size_t n = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

  for (size_t i = 0; i < n; i++)
    if (fold(a[i]) != fold(b[i])) return false;
  return n >= 3;
}

const char *glia_nearest(const char *word, const char *const *known)
{
  const char *best = NULL;
  int best_distance = WORD_MAX;
  const size_t n = strlen(word);

  if (n > WORD_MAX) return NULL;
  for (; *known != NULL; known++) {
    const size_t m = strlen(*known);
    if (m > WORD_MAX) continue;
    const int longer = (int)(n > m ? n : m);
    const int allowed = (longer + 2) / 3;
    int d = edit_distance(word, *known);
    if (d > allowed && is_beginning(word, *known)) d = allowed;
    if (d <= allowed && d < longer && d < best_distance) {
      best = *known;
      best_distance = d;
    }
  }
  return best;
}

const char *glia_format_duration(double s, char *out, size_t size)
{
  const double whole = floor(s + 0.5);

  if (!(s >= 0.0) || s > 1e12)
    snprintf(out, size, "?");
  else if (s < 9.95)
    snprintf(out, size, "%.1f s", s);
  else if (whole < 60.0)
    snprintf(out, size, "%.0f s", whole);
  else if (whole < 3600.0)
    snprintf(out, size, "%d min %02d s", (int)whole / 60, (int)whole % 60);
  else if (whole < 86400.0)
    snprintf(out, size, "%d h %02d min", (int)whole / 3600, (int)whole / 60 % 60);
  else
    snprintf(out, size, "%.0f d %02.0f h", floor(whole / 86400.0),
             floor(fmod(whole, 86400.0) / 3600.0));
  return out;
}

const char *glia_format_size(int64_t bytes, char *out, size_t size)
{
  static const char *const unit[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double v = (double)bytes;
  int u = -1;

  while (fabs(v) >= 1023.95 && u + 1 < (int)GLIA_COUNT(unit)) {
    v /= 1024.0;
    u++;
  }
  if (u < 0)
    snprintf(out, size, "%.0f B", v);
  else
    snprintf(out, size, "%.1f %s", v, unit[u]);
  return out;
}

size_t glia_text_character(const char *text)
{
  const unsigned char *s = (const unsigned char *)text;

  if (s[0] < 0x80) return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
  const size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
  if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)) return 0; /* long, half */
  if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) return 0;
  if (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe) return 0; /* U+FFFE, U+FFFF */
  return n;
}

/* The same, and controls are welcome. */
static size_t utf8_character(const char *s)
{
  return (unsigned char)*s < 0x80 ? 1 : glia_text_character(s);
}

bool glia_text_is_utf8(const char *text)
{
  while (*text != '\0') {
    const size_t n = utf8_character(text);
    if (n == 0) return false;
    text += n;
  }
  return true;
}

char *glia_text_utf8(const char *text)
{
  static const char unknown[] = "\xef\xbf\xbd";
  char *out = malloc(3 * strlen(text) + 1);
  char *to = out;

  if (out == NULL) return NULL;
  while (*text != '\0') {
    const size_t n = utf8_character(text);
    memcpy(to, n > 0 ? text : unknown, n > 0 ? n : 3);
    to += n > 0 ? n : 3;
    text += n > 0 ? n : 1;
  }
  *to = '\0';
  return out;
}
