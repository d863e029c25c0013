/* Files of the ten-minute tier joined, an hour and then a day in each; see store_priv.h. One row takes more room for the names of its
 * columns than for its values. */
#include "store_priv.h"

#include "glia_log.h"
#include "glia_telemetry.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = GLIA_STORE_PATH_BYTES, DAY_DIGITS = 8, HOUR_DIGITS = 11, AT_ONCE = 4 };

/* The files of one hour or day, open. */
struct parts {
  int n;
  struct glia_telemetry **part; /* [n] in the order of their first rows */
};

/* What one node becomes. */
struct whole {
  int64_t n;
  int width;
  const char **name, **unit; /* [width], of the parts */
  int64_t *time_ns;
  float *value; /* [n, width] */
};

/* ---- rows */

static bool ends_in(const char *text, const char *end)
{
  const size_t n = strlen(text), m = strlen(end);

  return n > m && strcmp(text + n - m, end) == 0;
}

/* Two parts of a bin, where a segment ended within it: of means the mean. */
static float merge(const char *name, float a, float b)
{
  if (isnan(a)) return b;
  if (isnan(b)) return a;
  if (ends_in(name, " min")) return fminf(a, b);
  if (ends_in(name, " max")) return fmaxf(a, b);
  return 0.5f * (a + b);
}

/* The row of that time, made in its place if it is new. */
static float *row_at(struct whole *w, int64_t time_ns, bool *fresh)
{
  const size_t bytes = (size_t)w->width * sizeof *w->value;
  int64_t at = w->n;

  while (at > 0 && w->time_ns[at - 1] > time_ns) at--;
  *fresh = at == 0 || w->time_ns[at - 1] != time_ns;
  if (!*fresh) return w->value + (at - 1) * w->width;
  float *row = w->value + at * w->width;
  memmove(w->time_ns + at + 1, w->time_ns + at, (size_t)(w->n - at) * sizeof *w->time_ns);
  memmove(row + w->width, row, (size_t)(w->n - at) * bytes);
  for (int j = 0; j < w->width; j++) row[j] = GLIA_MISSING;
  w->time_ns[at] = time_ns;
  w->n++;
  return row;
}

static void add_rows(struct whole *w, const struct glia_telemetry_node *d, const int *place)
{
  for (int64_t i = 0; i < d->n; i++) {
    bool fresh;
    float *row = row_at(w, d->time_ns[i], &fresh);
    for (int j = 0; j < d->n_metrics; j++) {
      const float v = d->values[i * d->n_metrics + j];
      row[place[j]] = fresh ? v : merge(w->name[place[j]], row[place[j]], v);
    }
  }
}

/* ---- a node */

/* Places of the columns of all parts, [sum of n_metrics]; they mostly come in the same order. */
static void place_columns(struct whole *w, int n, const struct glia_telemetry_node *d, int *place)
{
  for (int i = 0; i < n; i++)
    for (int j = 0, near = 0; j < d[i].n_metrics; j++, near++) {
      int k = 0, at = w->width;
      for (; k < w->width; k++) {
        at = (near + k) % w->width;
        if (strcmp(w->name[at], d[i].metric[j]) == 0) break;
      }
      if (k == w->width) {
        at = w->width++;
        w->name[at] = d[i].metric[j];
        w->unit[at] = d[i].unit[j];
      }
      *place++ = near = at;
    }
}

static glia_status write_whole(struct glia_telemetry_writer *to, int n,
                               const struct glia_telemetry_node *d)
{
  struct whole w = {0};
  int64_t rows = 0, columns = 0;
  glia_status st = GLIA_OK;

  for (int i = 0; i < n; i++) {
    rows += d[i].n;
    columns += d[i].n_metrics;
  }
  int *place = malloc((size_t)(columns + 1) * sizeof *place);
  w.name = malloc((size_t)(columns + 1) * sizeof *w.name);
  w.unit = malloc((size_t)(columns + 1) * sizeof *w.unit);
  w.time_ns = malloc((size_t)(rows + 1) * sizeof *w.time_ns);
  GLIA_CHECK_TO(done, st, place != NULL && w.name != NULL && w.unit != NULL && w.time_ns != NULL,
                GLIA_E_MEMORY, "%lld columns", (long long)columns);
  place_columns(&w, n, d, place);
  w.value = malloc((size_t)(rows + 1) * (size_t)w.width * sizeof *w.value + 1);
  GLIA_CHECK_TO(done, st, w.value != NULL, GLIA_E_MEMORY, "%lld rows", (long long)rows);
  const int *at = place;
  for (int i = 0; i < n; at += d[i++].n_metrics) add_rows(&w, &d[i], at);
  if (w.n > 0)
    st = glia_telemetry_put_node(to, d[0].name, w.width, w.name, w.unit, w.n, w.time_ns, w.value);

done:
  free(w.value);
  free(w.time_ns);
  free(w.unit);
  free(w.name);
  free(place);
  return st;
}

static bool has_node(struct glia_telemetry *t, const char *name)
{
  char *const *names;
  const int n = glia_telemetry_nodes(t, &names);

  for (int i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static glia_status join_node(struct glia_telemetry_writer *to, const struct parts *p,
                             const char *name)
{
  struct glia_telemetry_node *d = calloc((size_t)p->n + 1, sizeof *d);
  int n = 0;
  glia_status st = GLIA_OK;

  GLIA_CHECK(d != NULL, GLIA_E_MEMORY, "%d files", p->n);
  for (int i = 0; i < p->n && st == GLIA_OK; i++)
    if (has_node(p->part[i], name)) st = glia_telemetry_read_node(p->part[i], name, &d[n++]);
  if (st == GLIA_OK) st = write_whole(to, n, d);
  for (int i = 0; i < n; i++) glia_telemetry_node_free(&d[i]);
  free(d);
  return st;
}

/* ---- files */

/* Each node once: with the first part that has it. */
static glia_status join_nodes(struct glia_telemetry_writer *to, const struct parts *p)
{
  for (int i = 0; i < p->n; i++) {
    char *const *name;
    const int n = glia_telemetry_nodes(p->part[i], &name);
    for (int k = 0; k < n; k++) {
      bool before = false;
      for (int j = 0; j < i && !before; j++) before = has_node(p->part[j], name[k]);
      if (!before) GLIA_TRY(join_node(to, p, name[k]));
    }
  }
  return GLIA_OK;
}

bool glia_segment_numbers_(const char *name, long long *from, long long *to)
{
  int used = 0;

  if (sscanf(name, "%*8[0-9]T%*6[0-9]Z-%lld-%lld.h5%n", from, to, &used) == 2 && used > 0)
    return name[used] == '\0';
  used = 0;
  if (sscanf(name, "%*8[0-9]T%*6[0-9]Z-%lld.h5%n", from, &used) != 1 || used == 0) return false;
  *to = *from;
  return name[used] == '\0';
}

/* Does another of the files hold all that this one has? So it is after a kill between rename and unlink. */
static bool is_held(int n, struct dirent *const *entry, int which)
{
  long long from, to, begin, end;

  if (!glia_segment_numbers_(entry[which]->d_name, &from, &to)) return false;
  for (int i = 0; i < n; i++) {
    if (glia_segment_numbers_(entry[i]->d_name, &begin, &end) && i != which && begin <= from &&
        to <= end && end - begin > to - from)
      return true;
  }
  return false;
}

static glia_status remove_others(const char *folder, const char *kept, int n,
                                 struct dirent *const *entry)
{
  char path[PATH_BYTES];

  for (int i = 0; i < n; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
    if (strcmp(path, kept) == 0) continue;
    GLIA_CHECK(unlink(path) == 0 || errno == ENOENT, GLIA_E_IO, "%s: %s", path, strerror(errno));
  }
  return GLIA_OK;
}

/* A new file named by all of them, then they go. */
static glia_status join_files(const char *folder, int n, struct dirent *const *entry)
{
  char path[PATH_BYTES];
  struct parts p = {.part = calloc((size_t)n, sizeof(struct glia_telemetry *))};
  struct glia_telemetry_writer *to = NULL;
  long long first = 0, last = 0, from, end;
  glia_status st = GLIA_OK;

  GLIA_CHECK(p.part != NULL, GLIA_E_MEMORY, "%d files", n);
  for (int i = 0; i < n; i++) {
    if (!glia_segment_numbers_(entry[i]->d_name, &from, &end) || is_held(n, entry, i)) continue;
    first = p.n == 0 || from < first ? from : first;
    last = p.n == 0 || end > last ? end : last;
    snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
    GLIA_TRY_TO(done, st, glia_telemetry_open(path, &p.part[p.n]));
    p.n++;
  }
  if (p.n > 1) {
    snprintf(path, sizeof path, "%s/%.*s-%lld-%lld.h5", folder, (int)strcspn(entry[0]->d_name, "-"),
             entry[0]->d_name, first, last);
    GLIA_TRY_TO(done, st, glia_telemetry_create(path, true, 0.0, &to));
    GLIA_TRY_TO(done, st, join_nodes(to, &p));
    GLIA_TRY_TO(done, st, glia_telemetry_commit(&to));
  }
  st = remove_others(folder, path, n, entry);

done:
  glia_telemetry_abort(&to);
  for (int i = 0; i < p.n; i++) glia_telemetry_close(&p.part[i]);
  free(p.part);
  return st;
}

static int is_ours(const struct dirent *e)
{
  long long from, to;

  return glia_segment_numbers_(e->d_name, &from, &to);
}

/* Files whose names agree in so many digits of their time, where that is before the one of `now`. *left: so many joins at most. */
static glia_status join_times(const char *folder, const char *now, size_t digits, int *left)
{
  struct dirent **entry = NULL;
  glia_status st = GLIA_OK;
  const int n = scandir(folder, &entry, is_ours, alphasort);

  GLIA_CHECK(n >= 0, GLIA_E_IO, "%s: %s", folder, strerror(errno));
  for (int i = 0, end; i < n && st == GLIA_OK && *left > 0; i = end) {
    for (end = i + 1; end < n; end++)
      if (strncmp(entry[i]->d_name, entry[end]->d_name, digits) != 0) break;
    if (end - i == 1 || strncmp(entry[i]->d_name, now, digits) >= 0) continue;
    st = join_files(folder, end - i, entry + i);
    --*left;
  }
  for (int i = 0; i < n; i++) free(entry[i]);
  free((void *)entry);
  return st;
}

void glia_segment_join_(const char *folder, const char *now)
{
  int left = AT_ONCE; /* a store of an older version has many files: a few each time */

  if (join_times(folder, now, DAY_DIGITS, &left) == GLIA_OK &&
      join_times(folder, now, HOUR_DIGITS, &left) == GLIA_OK)
    return;
  glia_log(GLIA_LOG_WARN, "collect", "join-failed", "folder=%s reason=\"%s\"", folder,
           glia_trace_message());
  glia_trace_clear();
}
