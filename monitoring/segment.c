/* Rows in memory, and the files they become; see store_priv.h. */
#include "store_priv.h"

#include "glia_telemetry.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char *const tiers[] = {"full", "1m", "10m"};
static const int64_t bin_ns[] = {0, 60000000000, 600000000000};
enum { N_TIERS = GLIA_COUNT(tiers), PATH_BYTES = 4096, NAME_BYTES = 700 };

static glia_status room_for(struct glia_segment *s, int node)
{
  if (node < s->n_nodes) return GLIA_OK;
  struct glia_segment_node *more = realloc(s->node, (size_t)(node + 1) * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "no memory for node %d", node);
  memset(more + s->n_nodes, 0, (size_t)(node + 1 - s->n_nodes) * sizeof *more);
  s->node = more;
  s->n_nodes = node + 1;
  return GLIA_OK;
}

glia_status glia_segment_row_(struct glia_segment *s, int node, int64_t time_ns, int64_t n,
                              const float *value)
{
  GLIA_TRY(room_for(s, node));
  struct glia_segment_node *d = &s->node[node];
  if (d->n_rows == d->row_room) {
    const int64_t room = d->row_room > 0 ? 2 * d->row_room : 64;
    struct glia_segment_row *more = realloc(d->row, (size_t)room * sizeof *more);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "no memory for %lld rows", (long long)room);
    d->row = more;
    d->row_room = room;
  }
  while (d->room - d->used < (size_t)n) {
    const size_t room = d->room > 0 ? d->room + d->room / 2 : 16 * (size_t)n;
    float *more = realloc(d->value, room * sizeof *more);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "no memory for %zu values", room);
    d->value = more;
    d->room = room;
  }
  d->row[d->n_rows++] = (struct glia_segment_row){time_ns, d->used, n};
  memcpy(d->value + d->used, value, (size_t)n * sizeof *value);
  d->used += (size_t)n;
  return GLIA_OK;
}

void glia_segment_free_(struct glia_segment *s)
{
  for (int i = 0; i < s->n_nodes; i++) {
    free(s->node[i].row);
    free(s->node[i].value);
  }
  free(s->node);
  *s = (struct glia_segment){.number = s->number};
}

/* What one node becomes in one file. */
struct table {
  int64_t rows;
  int64_t width;
  int64_t *time_ns; /* [rows] */
  float *value;     /* [rows, width] */
};

static void whole(const struct glia_segment_node *d, int64_t n, struct table *t)
{
  t->rows = d->n_rows;
  for (int64_t i = 0; i < d->n_rows; i++) {
    float *to = t->value + i * n;
    t->time_ns[i] = d->row[i].time_ns;
    memcpy(to, d->value + d->row[i].at, (size_t)d->row[i].n * sizeof *to);
    for (int64_t c = d->row[i].n; c < n; c++) to[c] = GLIA_MISSING;
  }
}

/* Means, minima and maxima of a bin: columns [0, n), [n, 2n), [2n, 3n) of a row. */
static void bin(const struct glia_segment_node *d, int64_t from, int64_t to, int64_t n, float *out)
{
  for (int64_t c = 0; c < n; c++) {
    double sum = 0.0, least = INFINITY, most = -INFINITY;
    int64_t count = 0;
    for (int64_t i = from; i < to; i++) {
      const float v = c < d->row[i].n ? d->value[d->row[i].at + (size_t)c] : GLIA_MISSING;
      if (isnan(v)) continue;
      sum += (double)v;
      least = fmin(least, (double)v);
      most = fmax(most, (double)v);
      count++;
    }
    out[c] = count > 0 ? (float)(sum / (double)count) : GLIA_MISSING;
    out[n + c] = count > 0 ? (float)least : GLIA_MISSING;
    out[2 * n + c] = count > 0 ? (float)most : GLIA_MISSING;
  }
}

static void binned(const struct glia_segment_node *d, int64_t n, int64_t width_ns, struct table *t)
{
  for (int64_t from = 0, to = 0; from < d->n_rows; from = to) {
    const int64_t which = d->row[from].time_ns / width_ns;
    while (to < d->n_rows && d->row[to].time_ns / width_ns == which) to++;
    t->time_ns[t->rows] = which * width_ns;
    bin(d, from, to, n, t->value + t->rows * t->width);
    t->rows++;
  }
}

static glia_status write_table(struct glia_telemetry_writer *w,
                               const struct glia_segment_names *names, const struct table *t)
{
  static const char *const end[] = {"", " min", " max"};
  const char **name = calloc((size_t)t->width + 1, sizeof *name);
  const char **unit = calloc((size_t)t->width + 1, sizeof *unit);
  char *text = malloc((size_t)(t->width + 1) * NAME_BYTES);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(done, st, name != NULL && unit != NULL && text != NULL, GLIA_E_MEMORY, "%s",
                names->name);
  for (int64_t i = 0; i < t->width; i++) {
    const struct glia_segment_column *c = &names->column[i % names->n];
    snprintf(text + i * NAME_BYTES, NAME_BYTES, "%s%s", c->name, end[i / names->n]);
    name[i] = text + i * NAME_BYTES;
    unit[i] = c->unit;
  }
  st = glia_telemetry_put_node(w, names->name, (int)t->width, name, unit, t->rows, t->time_ns,
                               t->value);

done:
  free(text);
  free(unit);
  free(name);
  return st;
}

static glia_status write_node(struct glia_telemetry_writer *w, const struct glia_segment_node *d,
                              const struct glia_segment_names *names, int tier)
{
  struct table t = {.width = names->n * (tier > 0 ? 3 : 1)};
  glia_status st = GLIA_OK;

  if (d->n_rows == 0 || names->n == 0) return GLIA_OK;
  t.time_ns = malloc((size_t)d->n_rows * sizeof *t.time_ns);
  t.value = malloc((size_t)(d->n_rows * t.width) * sizeof *t.value);
  GLIA_CHECK_TO(done, st, t.time_ns != NULL && t.value != NULL, GLIA_E_MEMORY, "rows of %s",
                names->name);
  if (tier > 0 && tier < (int)GLIA_COUNT(bin_ns))
    binned(d, names->n, bin_ns[tier], &t);
  else
    whole(d, names->n, &t);
  GLIA_TRY_TO(done, st, write_table(w, names, &t));

done:
  free(t.value);
  free(t.time_ns);
  return st;
}

/* STORE/full/20261125T160000Z-17.h5, by the time of the earliest row. */
static void file_name(const struct glia_segment *s, const char *path, const char *tier, char *out)
{
  int64_t first_ns = INT64_MAX;
  char text[32];
  struct tm when;

  for (int i = 0; i < s->n_nodes; i++)
    if (s->node[i].n_rows > 0 && s->node[i].row[0].time_ns < first_ns)
      first_ns = s->node[i].row[0].time_ns;
  const time_t t = (time_t)(first_ns / 1000000000);
  gmtime_r(&t, &when);
  strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &when);
  snprintf(out, PATH_BYTES, "%s/%s/%s-%lld.h5", path, tier, text, (long long)s->number);
}

glia_status glia_segment_write_(const struct glia_segment *s, const char *path,
                                const struct glia_segment_names *names, int64_t *files)
{
  char name[PATH_BYTES];
  bool any = false;

  for (int i = 0; i < s->n_nodes; i++) any = any || s->node[i].n_rows > 0;
  for (int tier = 0; any && tier < N_TIERS; tier++) {
    struct glia_telemetry_writer *w = NULL;
    glia_status st = GLIA_OK;
    snprintf(name, sizeof name, "%s/%s", path, tiers[tier]);
    GLIA_CHECK(mkdir(name, 0777) == 0 || errno == EEXIST, GLIA_E_IO, "%s: %s", name,
               strerror(errno));
    file_name(s, path, tiers[tier], name);
    GLIA_TRY(glia_telemetry_create(name, true, 0.0, &w));
    for (int i = 0; st == GLIA_OK && i < s->n_nodes; i++)
      st = write_node(w, &s->node[i], &names[i], tier);
    if (st == GLIA_OK) st = glia_telemetry_commit(&w);
    glia_telemetry_abort(&w);
    GLIA_TRY(st);
    (*files)++;
  }
  return GLIA_OK;
}

/* Of names 10 bytes a column are left when they are packed, where they have 20 to 60 (measured: 8 to 12); groups and heads of arrays
 * take 2 KiB. */
void glia_store_plan(double metrics, double period_s, double segment_s, const double keep_s[3],
                     double bytes[3])
{
  for (int tier = 0; tier < N_TIERS; tier++) {
    const double width = tier > 0 ? 3.0 * metrics : metrics;
    const double rows = keep_s[tier] / (tier > 0 ? 1e-9 * (double)bin_ns[tier] : period_s);
    const double files = keep_s[tier] / segment_s + 1.0;
    bytes[tier] = rows * (4.0 * width + 8.0) + files * (10.0 * width + 2048.0);
  }
}
