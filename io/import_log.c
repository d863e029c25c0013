/* Logs of failures as events: Date, Hardware Identifier, What Failed, and what was found and done, as the Computer Failure Data Repository has them. */
#include "import_telemetry_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = GLIA_IMPORT_PATH_BYTES };
enum { DATE, WHO, WHAT, FIRST_NOTE }; /* columns */
static const char *const columns[] = {"Date", "Hardware Identifier", "What Failed"};

bool glia_import_time_(int year, int month, int day, int hour, int minute, double second,
                       int64_t *ns)
{
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

  if (year < 1900 || year > 2200 || month < 1 || month > 12 || day < 1 ||
      day > days[month - 1] + (month == 2 && leap))
    return false;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || !(second >= 0.0 && second < 61.0))
    return false;
  const int before =
      year - 1; /* whole years since the year 1, which began 719162 days before 1970 */
  int64_t d = 365 * (int64_t)before + before / 4 - before / 100 + before / 400 - 719162 + day - 1;
  for (int m = 1; m < month; m++) d += days[m - 1] + (m == 2 && leap);
  *ns = ((d * 24 + hour) * 60 + minute) * 60000000000 + (int64_t)llround(1e9 * second);
  return true;
}

bool glia_import_is_log_(const struct glia_table *t)
{
  for (size_t i = 0; i < GLIA_COUNT(columns); i++)
    if (t->n_columns <= (int)i || strcmp(t->name[i], columns[i]) != 0) return false;
  return true;
}

/* "11/29/2003 7:00", the hour where it is known. */
static bool time_of(const char *text, int64_t *ns)
{
  int year, month, day, hour = 0, minute = 0, used = 0, more = 0;

  if (sscanf(text, "%2d/%2d/%4d%n", &month, &day, &year, &used) != 3) return false;
  if (text[used] != '\0' && sscanf(text + used, " %2d:%2d%n", &hour, &minute, &more) != 2)
    return false;
  return text[used + more] == '\0' && glia_import_time_(year, month, day, hour, minute, 0.0, ns);
}

/* "DISK: I/O error on Drive SDG; REPLACE" */
static glia_status note(const struct glia_table *t, struct glia_telemetry_writer *w)
{
  char text[256];
  int64_t ns;
  size_t n;

  GLIA_CHECK(time_of(t->cell[DATE], &ns), GLIA_E_DATA,
             "%s:%" PRId64 ": '%.40s' is not a time, expected 11/29/2003 7:00",
             glia_stream_path_(t->stream), t->line, t->cell[DATE]);
  n = (size_t)snprintf(text, sizeof text, "%s", t->cell[WHAT]);
  for (int i = FIRST_NOTE; i < t->n && n < sizeof text; i++)
    if (t->cell[i][0] != '\0')
      n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i == FIRST_NOTE ? ": " : "; ",
                            t->cell[i]);
  return glia_telemetry_event(w, ns, t->cell[WHO], text);
}

glia_status glia_import_log_(const char *root, int n, char *const *name, struct glia_progress *p,
                             struct glia_telemetry_writer *w)
{
  char path[PATH_BYTES], file[600];
  glia_status st = GLIA_OK;

  for (int i = 0; i < n && st == GLIA_OK; i++) {
    struct glia_table *t = NULL;
    bool end = false;
    snprintf(file, sizeof file, "%.500s.csv", name[i]);
    GLIA_CHECK(glia_import_find_(root, file, path), GLIA_E_MISSING, "%s/%s", root, file);
    GLIA_TRY(glia_table_open_(path, GLIA_HEADER_YES, p, &t));
    if (!glia_import_is_log_(t))
      st = GLIA_FAIL(GLIA_E_DATA, "%s has no Date, Hardware Identifier, What Failed", path);
    while (st == GLIA_OK && (st = glia_table_next_(t, &end)) == GLIA_OK && !end) st = note(t, w);
    glia_table_close_(&t);
  }
  return st;
}
