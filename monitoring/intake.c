/* Raw series into rows of fixed columns; see glia_intake.h. */
#include "glia_intake.h"

#include "names_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES_MAX = 1 << 16, CPUS_MAX = 8192, GONE_ROWS = 6, NAME_BYTES = 640, UNIT_BYTES = 16 };

struct column {
  char *name;
  char unit[UNIT_BYTES];
};

struct series {
  char *name;
  glia_metric_kind kind;
  int64_t clock;  /* series that tells when it was read, or -1 */
  int64_t column; /* its own, or -1 when it is folded */
  int gone;       /* rows since it was last there */
  int64_t rest;   /* for what a float32 does not hold of it, or -1 */
  int64_t
      fold[3]; /* sum over all, over its package, over its NUMA node: first of the columns, or -1 */
};

/* What is folded of one row. */
struct tally {
  double sum, least, most;
  int n, missing;
};

struct place {
  int package, numa;
};

struct glia_intake {
  int64_t n, n_room;
  struct series *series;
  int64_t n_columns, column_room;
  struct column *column;
  struct tally *tally; /* [n_columns] by first column of a fold */
  int n_places;
  struct place *place; /* [n_places] of CPUs; those beyond are in package 0 */
  bool numa_differs;   /* NUMA nodes are not the packages */
  struct glia_rates *rates;
  float *rate;         /* [n] */
  int64_t rates_width; /* what rates was made for */
  struct glia_names by_name, columns_by_name;
};

glia_status glia_intake_create(struct glia_intake **out)
{
  struct glia_intake *t = calloc(1, sizeof *t);

  *out = t;
  GLIA_CHECK(t != NULL, GLIA_E_MEMORY, "no memory for a node");
  return GLIA_OK;
}

void glia_intake_destroy(struct glia_intake **intake)
{
  struct glia_intake *t = *intake;

  if (t == NULL) return;
  glia_names_forget_(&t->by_name);
  glia_names_forget_(&t->columns_by_name);
  for (int64_t i = 0; i < t->n; i++) free(t->series[i].name);
  for (int64_t i = 0; i < t->n_columns; i++) free(t->column[i].name);
  glia_rates_destroy(&t->rates);
  free(t->series);
  free(t->column);
  free(t->tally);
  free(t->rate);
  free(t->place);
  free(t);
  *intake = NULL;
}

/* Up to the highest CPU that was named: thousands of nodes have some hundred each, or are not there to name any. */
static glia_status room_for_cpu(struct glia_intake *t, int cpu)
{
  if (cpu < t->n_places) return GLIA_OK;
  const int room = cpu < CPUS_MAX / 2 ? 2 * cpu + 1 : CPUS_MAX;
  struct place *more = realloc(t->place, (size_t)room * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%d CPUs", room);
  memset(more + t->n_places, 0, (size_t)(room - t->n_places) * sizeof *more);
  t->place = more;
  t->n_places = room;
  return GLIA_OK;
}

glia_status glia_intake_topology(struct glia_intake *t, const char *text)
{
  int cpu, package, numa, used;

  t->numa_differs = false;
  while (sscanf(text, "%d %d %d%n", &cpu, &package, &numa, &used) == 3) {
    text += used;
    if (cpu < 0 || cpu >= CPUS_MAX || package > CPUS_MAX || numa > CPUS_MAX) continue;
    GLIA_TRY(room_for_cpu(t, cpu));
    t->place[cpu] = (struct place){package < 0 ? 0 : package, numa < 0 ? 0 : numa};
    t->numa_differs = t->numa_differs || (numa >= 0 && numa != t->place[cpu].package);
  }
  return GLIA_OK;
}

/* ---- columns */

static glia_status add_column(struct glia_intake *t, const char *name, const char *unit,
                              int64_t *out)
{
  if (t->n_columns == t->column_room) {
    const int64_t room = t->column_room > 0 ? 2 * t->column_room : 256;
    struct column *column = realloc(t->column, (size_t)room * sizeof *column);
    if (column != NULL) t->column = column;
    struct tally *tally = realloc(t->tally, (size_t)room * sizeof *tally);
    if (tally != NULL) t->tally = tally;
    GLIA_CHECK(column != NULL && tally != NULL, GLIA_E_MEMORY, "%lld columns", (long long)room);
    t->column_room = room;
  }
  struct column *c = &t->column[t->n_columns];
  c->name = strdup(name);
  GLIA_CHECK(c->name != NULL, GLIA_E_MEMORY, "column %s", name);
  snprintf(c->unit, sizeof c->unit, "%s", unit);
  *out = t->n_columns++;
  return glia_names_add_(&t->columns_by_name, c->name, *out);
}

/* The column of that name, made if need be; the names of a fold's parts stand behind each other. */
static glia_status column_of(struct glia_intake *t, char *name, const char *unit, int64_t *out)
{
  *out = glia_names_find_(&t->columns_by_name, name);
  return *out >= 0 ? GLIA_OK : add_column(t, name, unit, out);
}

/* Take cpu="N" out of a name: *cpu = N, plain = what remains. false: it has none. */
static bool without_cpu(const char *name, char *plain, size_t size, int *cpu)
{
  const char *at = strstr(name, "cpu=\"");
  int used = 0;

  if (at == NULL || (at[-1] != '{' && at[-1] != ',')) return false;
  if (sscanf(at, "cpu=\"%d\"%n", cpu, &used) != 1 || used == 0 || *cpu < 0 || *cpu >= CPUS_MAX)
    return false;
  const char *rest = at + used;
  size_t before = (size_t)(at - name);
  if (*rest == ',')
    rest++;
  else if (name[before - 1] == ',')
    before--;
  if (name[before - 1] == '{' && *rest == '}') before--, rest++;
  snprintf(plain, size, "%.*s%s", (int)before, name, rest);
  return true;
}

/* "name{a="b"}" and `package="0",of="mean"` to one name. */
static void with_label(const char *plain, const char *label, char *out, size_t size)
{
  const size_t n = strlen(plain);

  if (n > 0 && plain[n - 1] == '}')
    snprintf(out, size, "%.*s,%s}", (int)(n - 1), plain, label);
  else
    snprintf(out, size, "%s{%s}", plain, label);
}

static glia_status add_parts(struct glia_intake *t, const char *plain, const char *place, int which,
                             const char *unit, int64_t *first)
{
  static const char *const of[] = {"mean", "max", "spread"};
  char label[64], name[NAME_BYTES];

  for (int i = 0; i < 3; i++) {
    int64_t at;
    snprintf(label, sizeof label, "%s=\"%d\",of=\"%s\"", place, which, of[i]);
    with_label(plain, label, name, sizeof name);
    GLIA_TRY(column_of(t, name, unit, &at));
    if (i == 0) *first = at;
  }
  return GLIA_OK;
}

/* Numbers of jobs pass 2^24, where float32 ends to hold them: their column and one of the rest make them whole. */
static glia_status add_rest(struct glia_intake *t, struct series *s)
{
  char name[NAME_BYTES];

  if (strncmp(s->name, GLIA_INTAKE_JOB, strlen(GLIA_INTAKE_JOB)) != 0) return GLIA_OK;
  with_label(s->name, GLIA_INTAKE_REST, name, sizeof name);
  return column_of(t, name, "1", &s->rest);
}

static glia_status place_series(struct glia_intake *t, struct series *s, const char *unit)
{
  char plain[NAME_BYTES];
  int cpu = 0;

  s->fold[0] = s->fold[1] = s->fold[2] = -1;
  s->column = s->rest = -1;
  if (!without_cpu(s->name, plain, sizeof plain, &cpu)) {
    GLIA_TRY(column_of(t, s->name, unit, &s->column));
    return add_rest(t, s);
  }
  const struct place where = cpu < t->n_places ? t->place[cpu] : (struct place){0};
  if (s->kind == GLIA_METRIC_COUNTER && glia_names_find_(&t->by_name, plain) < 0)
    GLIA_TRY(column_of(t, plain, unit, &s->fold[0]));
  GLIA_TRY(add_parts(t, plain, "package", where.package, unit, &s->fold[1]));
  if (t->numa_differs) GLIA_TRY(add_parts(t, plain, "numa", where.numa, unit, &s->fold[2]));
  return GLIA_OK;
}

glia_status glia_intake_series(struct glia_intake *t, const char *name, size_t n, const char *unit,
                               glia_metric_kind kind, int64_t *out)
{
  char copy[NAME_BYTES], rate_unit[UNIT_BYTES + 2];

  GLIA_CHECK(n > 0 && n < (size_t)NAME_BYTES - 64, GLIA_E_DATA, "a series whose name has %zu bytes",
             n);
  memcpy(copy, name, n);
  copy[n] = '\0';
  *out = glia_names_find_(&t->by_name, copy);
  if (*out >= 0) return GLIA_OK;
  GLIA_CHECK(t->n < SERIES_MAX, GLIA_E_DATA, "more than %d series", SERIES_MAX);
  if (t->n == t->n_room) {
    const int64_t room = t->n_room > 0 ? 2 * t->n_room : 256;
    struct series *series = realloc(t->series, (size_t)room * sizeof *series);
    if (series != NULL) t->series = series;
    float *rate = realloc(t->rate, (size_t)room * sizeof *rate);
    if (rate != NULL) t->rate = rate;
    GLIA_CHECK(series != NULL && rate != NULL, GLIA_E_MEMORY, "%lld series", (long long)room);
    t->n_room = room;
  }
  struct series *s = &t->series[t->n];
  *s = (struct series){.name = strdup(copy), .kind = kind, .clock = -1};
  GLIA_CHECK(s->name != NULL, GLIA_E_MEMORY, "series %s", copy);
  *out = t->n++;
  snprintf(rate_unit, sizeof rate_unit, "%.12s%s", unit, kind == GLIA_METRIC_COUNTER ? "/s" : "");
  GLIA_TRY(place_series(t, s, rate_unit));
  return glia_names_add_(&t->by_name, s->name, *out);
}

void glia_intake_clock(struct glia_intake *t, int64_t series, int64_t clock)
{
  t->series[series].clock = clock;
  if (t->rates != NULL && series < t->rates_width) glia_rates_set_clock(t->rates, series, clock);
}

int64_t glia_intake_width(const struct glia_intake *intake) { return intake->n; }
int64_t glia_intake_columns(const struct glia_intake *intake) { return intake->n_columns; }
const char *glia_intake_name(const struct glia_intake *t, int64_t i) { return t->column[i].name; }
const char *glia_intake_unit(const struct glia_intake *t, int64_t i) { return t->column[i].unit; }

/* ---- rows */

/* The converter for all series so far; it knows the row before of those it had. */
static glia_status make_ready(struct glia_intake *t)
{
  if (t->rates != NULL && t->rates_width == t->n) return GLIA_OK;
  glia_metric_kind *kind = malloc((size_t)(t->n + 1) * sizeof *kind);
  struct glia_rates *wider = NULL;
  GLIA_CHECK(kind != NULL, GLIA_E_MEMORY, "%lld series", (long long)t->n);
  for (int64_t i = 0; i < t->n; i++) kind[i] = t->series[i].kind;
  const glia_status st = glia_rates_create(t->n, kind, &wider);
  free(kind);
  GLIA_TRY(st);
  if (t->rates != NULL) glia_rates_carry(wider, t->rates);
  glia_rates_destroy(&t->rates);
  t->rates = wider;
  t->rates_width = t->n;
  for (int64_t i = 0; i < t->n; i++) glia_rates_set_clock(t->rates, i, t->series[i].clock);
  return GLIA_OK;
}

static void add(struct tally *t, double v)
{
  if (isnan(v)) {
    t->missing++;
    return;
  }
  t->least = t->n == 0 ? v : fmin(t->least, v);
  t->most = t->n == 0 ? v : fmax(t->most, v);
  t->sum += v;
  t->n++;
}

glia_status glia_intake_row(struct glia_intake *t, int64_t monotonic_ns, int64_t epoch,
                            const double *raw, float *out)
{
  GLIA_TRY(make_ready(t));
  glia_rates_convert(t->rates, monotonic_ns, epoch, raw, t->rate);
  memset(t->tally, 0, (size_t)t->n_columns * sizeof *t->tally);
  for (int64_t i = 0; i < t->n_columns; i++) out[i] = GLIA_MISSING;
  for (int64_t i = 0; i < t->n; i++) {
    struct series *s = &t->series[i];
    s->gone = !isnan(raw[i]) ? 0 : s->gone < GONE_ROWS ? s->gone + 1 : GONE_ROWS;
    if (s->column >= 0) out[s->column] = t->rate[i];
    if (s->rest >= 0) out[s->rest] = (float)(raw[i] - (double)t->rate[i]);
    for (int k = 0; k < 3; k++)
      if (s->fold[k] >= 0 && s->gone < GONE_ROWS) add(&t->tally[s->fold[k]], (double)t->rate[i]);
  }
  for (int64_t i = 0; i < t->n; i++) {
    const struct series *s = &t->series[i];
    for (int k = 0; k < 3; k++) {
      const struct tally *y = s->fold[k] >= 0 ? &t->tally[s->fold[k]] : NULL;
      if (y == NULL || y->n == 0) continue;
      if (k ==
          0) { /* a sum without one of its parts would be another quantity, until that is gone for good */
        if (y->missing == 0) out[s->fold[k]] = (float)y->sum;
        continue;
      }
      out[s->fold[k]] = (float)(y->sum / y->n);
      out[s->fold[k] + 1] = (float)y->most;
      out[s->fold[k] + 2] = (float)(y->most - y->least);
    }
  }
  return GLIA_OK;
}
