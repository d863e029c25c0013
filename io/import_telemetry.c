/* Folders of telemetry as text: NAME.train.csv and its kin, or the folders of the Server Machine Dataset; what import_nab.c and
 * import_log.c read. Source of the second: su2019 (doi:10.1145/3292500.3330672). */
#include "import_telemetry_priv.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = GLIA_IMPORT_PATH_BYTES };
static const char *const packings[] = {"", ".gz", ".xz"};

typedef enum { TRAIN, TEST, LABEL, CAUSE } part;

/* The two ways a folder is laid out: pattern of each part, with NAME at %s. */
struct layout {
  const char *pattern[4]; /* by part */
  const char *folder;     /* where the training files are, below the root */
  const char *suffix;     /* of training files, without the packing */
};
static const struct layout layouts[] = {
    {{"%s.train.csv", "%s.test.csv", "%s.test_label.csv", "%s.interpretation.txt"},
     "",
     ".train.csv"},
    {{"train/%s.txt", "test/%s.txt", "test_label/%s.txt", "interpretation_label/%s.txt"},
     "/train",
     ".txt"},
};

struct samples {
  int64_t n;
  int64_t max;
  int n_metrics;
  float *values; /* [n, n_metrics] */
  char **name;   /* [n_metrics] from a header, or "m1", "m2", ... */
};

struct causes {
  int64_t n;
  int64_t max;
  int64_t (*cause)[3];
};

bool glia_import_find_(const char *root, const char *name, char path[PATH_BYTES])
{
  for (size_t i = 0; i < GLIA_COUNT(packings); i++) {
    const int n = snprintf(path, PATH_BYTES, "%s/%s%s", root, name, packings[i]);
    if (n > 0 && n < PATH_BYTES && access(path, F_OK) == 0) return true;
  }
  return false;
}

/* Path of a part of a node, packed or not; false when there is none. */
static bool find_part(const char *root, const struct layout *l, part p, const char *name,
                      char path[PATH_BYTES])
{
  char file[PATH_BYTES];
  const char *at = strchr(l->pattern[p], '%');
  const int n = snprintf(file, sizeof file, "%.*s%s%s", (int)(at - l->pattern[p]), l->pattern[p],
                         name, at + 2);

  return n > 0 && n < PATH_BYTES && glia_import_find_(root, file, path);
}

static glia_status first_rows(struct samples *s, const struct glia_table *t)
{
  bool header = strcmp(t->name[0], "1") != 0;

  s->n_metrics = t->n_columns;
  s->name = calloc((size_t)t->n_columns, sizeof *s->name);
  GLIA_CHECK(s->name != NULL, GLIA_E_MEMORY, "%d metrics", t->n_columns);
  for (int i = 0; i < t->n_columns; i++) {
    char number[16];
    snprintf(number, sizeof number, "m%d", i + 1);
    s->name[i] = strdup(header ? t->name[i] : number);
    GLIA_CHECK(s->name[i] != NULL, GLIA_E_MEMORY, "%d metrics", t->n_columns);
  }
  return GLIA_OK;
}

static glia_status read_sample(struct samples *s, const struct glia_table *t)
{
  if (s->n == s->max) {
    const int64_t max = s->max * 2 + 4096;
    float *values = realloc(s->values, (size_t)max * (size_t)s->n_metrics * sizeof *values);
    GLIA_CHECK(values != NULL, GLIA_E_MEMORY, "%" PRId64 " samples", max);
    s->values = values;
    s->max = max;
  }
  for (int i = 0; i < t->n; i++) {
    double v = 0.0;
    GLIA_CHECK(glia_table_number_(t->cell[i], &v), GLIA_E_DATA,
               "%s:%" PRId64 ": '%.40s' is not a number", glia_stream_path_(t->stream), t->line,
               t->cell[i]);
    s->values[s->n * s->n_metrics + i] = (float)v; /* missing stays missing: NaN */
  }
  s->n++;
  return GLIA_OK;
}

static glia_status read_samples(const char *path, struct samples *s, struct glia_progress *progress)
{
  struct glia_table *t = NULL;
  bool end = false;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_table_open_(path, GLIA_HEADER_AUTO, progress, &t));
  if (s->name == NULL) GLIA_TRY_TO(out, st, first_rows(s, t));
  GLIA_CHECK_TO(out, st, t->n_columns == s->n_metrics, GLIA_E_SHAPE,
                "%s has %d metrics, the training part has %d", path, t->n_columns, s->n_metrics);
  for (;;) {
    GLIA_TRY_TO(out, st, glia_table_next_(t, &end));
    if (end) break;
    GLIA_TRY_TO(out, st, read_sample(s, t));
  }
out:
  glia_table_close_(&t);
  return st;
}

/* One number per row: 0 or 1. */
static glia_status read_labels(const char *path, int64_t n, int8_t *label,
                               struct glia_progress *progress)
{
  struct glia_table *t = NULL;
  bool end = false;
  int64_t at = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_table_open_(path, GLIA_HEADER_AUTO, progress, &t));
  GLIA_CHECK_TO(out, st, t->n_columns == 1, GLIA_E_SHAPE,
                "%s has %d columns, expected one label per row", path, t->n_columns);
  for (;; at++) {
    double v = -1.0;
    GLIA_TRY_TO(out, st, glia_table_next_(t, &end));
    if (end) break;
    GLIA_CHECK_TO(out, st, glia_table_number_(t->cell[0], &v) && (v == 0.0 || v == 1.0),
                  GLIA_E_DATA, "%s:%" PRId64 ": '%.40s' is not a label, expected 0 or 1", path,
                  t->line, t->cell[0]);
    if (at < n) label[at] = (int8_t)v;
  }
  GLIA_CHECK_TO(out, st, at == n, GLIA_E_SHAPE, "%s has %" PRId64 " labels for %" PRId64 " samples",
                path, at, n);
out:
  glia_table_close_(&t);
  return st;
}

static glia_status add_cause(struct causes *c, int64_t first, int64_t last, int64_t metric)
{
  if (c->n == c->max) {
    const int64_t max = c->max * 2 + 64;
    int64_t(*more)[3] = realloc(c->cause, (size_t)max * sizeof *more);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%" PRId64 " causes", max);
    c->cause = more;
    c->max = max;
  }
  c->cause[c->n][0] = first;
  c->cause[c->n][1] = last;
  c->cause[c->n][2] = metric;
  c->n++;
  return GLIA_OK;
}

/* A line "first-last:metric,metric,...": samples of the test part from 0, last included; metrics from 1. */
static glia_status parse_cause(const char *path, int64_t line, char *text, int64_t offset,
                               const struct samples *s, struct causes *c)
{
  char *p = text;
  const int64_t first = strtoll(p, &p, 10);
  const int64_t last = *p == '-' ? strtoll(p + 1, &p, 10) : -1;

  GLIA_CHECK(first >= 0 && last >= first && *p == ':', GLIA_E_DATA,
             "%s:%" PRId64 ": '%.40s' is not first-last:metric,...", path, line, text);
  /* The published intervals may end one sample behind the data. */
  const int64_t end = offset + last < s->n ? offset + last : s->n - 1;
  GLIA_CHECK(offset + first <= end, GLIA_E_DATA, "%s:%" PRId64 ": sample %" PRId64 " of %" PRId64,
             path, line, first, s->n - offset);
  while (*p == ':' || *p == ',') {
    char *after = NULL;
    const int64_t metric = strtoll(p + 1, &after, 10);
    GLIA_CHECK(after > p + 1 && metric >= 1 && metric <= s->n_metrics, GLIA_E_DATA,
               "%s:%" PRId64 ": metric '%.20s' of %d", path, line, p + 1, s->n_metrics);
    GLIA_TRY(add_cause(c, offset + first, end, metric - 1));
    p = after;
  }
  GLIA_CHECK(*p == '\0' || *p == '\r', GLIA_E_DATA, "%s:%" PRId64 ": '%.40s' after the metrics",
             path, line, p);
  return GLIA_OK;
}

static glia_status read_causes(const char *path, int64_t offset, const struct samples *s,
                               struct causes *c)
{
  struct glia_stream *in = NULL;
  char text[4096];
  size_t used = 0;
  int64_t line = 1;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_stream_open_(path, NULL, &in));
  for (;;) {
    const int b = glia_stream_get_(in, &st);
    if (st != GLIA_OK) break;
    if (b >= 0 && b != '\n') {
      GLIA_CHECK_TO(out, st, used < sizeof text - 1, GLIA_E_DATA, "%s:%" PRId64 ": a line too long",
                    path, line);
      text[used++] = (char)b;
      continue;
    }
    text[used] = '\0';
    if (used > 0 && text[0] != '\r')
      GLIA_TRY_TO(out, st, parse_cause(path, line, text, offset, s, c));
    used = 0;
    line++;
    if (b < 0) break;
  }
out:
  glia_stream_close_(&in);
  return st;
}

static glia_status write_node(struct glia_telemetry_writer *w, const char *name,
                              const struct samples *s, int64_t train_rows, const int8_t *label,
                              const struct causes *c, double period_s)
{
  const char **units = calloc((size_t)s->n_metrics, sizeof *units);
  int64_t *time_ns = malloc((size_t)s->n * sizeof *time_ns);
  int node = 0;
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, units != NULL && time_ns != NULL, GLIA_E_MEMORY, "%s", name);
  for (int i = 0; i < s->n_metrics; i++) units[i] = "";
  for (int64_t i = 0; i < s->n; i++) time_ns[i] = (int64_t)llround((double)i * period_s * 1e9);
  GLIA_TRY_TO(
      out, st,
      glia_telemetry_add_node(w, name, s->n_metrics, (const char *const *)s->name, units, &node));
  GLIA_TRY_TO(out, st, glia_telemetry_append(w, node, s->n, time_ns, s->values));
  GLIA_TRY_TO(out, st, glia_telemetry_train_rows(w, node, train_rows));
  if (label != NULL) GLIA_TRY_TO(out, st, glia_telemetry_labels(w, node, s->n, label));
  if (c->n > 0)
    GLIA_TRY_TO(out, st, glia_telemetry_causes(w, node, c->n, (const int64_t(*)[3])c->cause));
out:
  free(units);
  free(time_ns);
  return st;
}

static glia_status import_node(struct glia_telemetry_writer *w, const char *root,
                               const struct layout *l, const char *name, double period_s,
                               struct glia_progress *progress)
{
  struct samples s = {0};
  struct causes c = {0};
  int8_t *label = NULL;
  char path[PATH_BYTES];
  glia_status st = GLIA_OK;

  GLIA_CHECK(find_part(root, l, TRAIN, name, path), GLIA_E_MISSING, "%s: the training part of %s",
             root, name);
  GLIA_TRY_TO(out, st, read_samples(path, &s, progress));
  const int64_t train_rows = s.n;
  if (find_part(root, l, TEST, name, path)) GLIA_TRY_TO(out, st, read_samples(path, &s, progress));
  if (find_part(root, l, LABEL, name, path)) {
    label = malloc((size_t)s.n);
    GLIA_CHECK_TO(out, st, label != NULL, GLIA_E_MEMORY, "%s", name);
    memset(label, GLIA_LABEL_NONE, (size_t)train_rows);
    GLIA_TRY_TO(out, st, read_labels(path, s.n - train_rows, label + train_rows, progress));
  }
  if (find_part(root, l, CAUSE, name, path))
    GLIA_TRY_TO(out, st, read_causes(path, train_rows, &s, &c));
  GLIA_TRY_TO(out, st, write_node(w, name, &s, train_rows, label, &c, period_s));
out:
  for (int i = 0; s.name != NULL && i < s.n_metrics; i++) free(s.name[i]);
  free(s.name);
  free(s.values);
  free(c.cause);
  free(label);
  return st;
}

static int by_bytes(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the files root/folder/NAME<suffix>, packed or not, in byte order; none where a folder below the root is not there. */
static glia_status list_files(const char *root, const char *folder, const char *suffix, int *n,
                              char ***names)
{
  char path[PATH_BYTES];
  char **all = NULL;
  glia_status st = GLIA_OK;

  *n = 0;
  *names = NULL;
  snprintf(path, sizeof path, "%s%s", root, folder);
  DIR *d = opendir(path);
  if (d == NULL && folder[0] != '\0') return GLIA_OK;
  GLIA_CHECK(d != NULL, errno == ENOENT || errno == ENOTDIR ? GLIA_E_MISSING : GLIA_E_IO,
             "cannot read folder %s: %s", path, strerror(errno));
  for (const struct dirent *e = readdir(d); e != NULL && st == GLIA_OK; e = readdir(d)) {
    for (size_t i = 0; i < GLIA_COUNT(packings); i++) {
      const size_t end = strlen(suffix) + strlen(packings[i]);
      const size_t length = strlen(e->d_name);
      char tail[64];
      snprintf(tail, sizeof tail, "%s%s", suffix, packings[i]);
      if (length <= end || strcmp(e->d_name + length - end, tail) != 0) continue;
      char **more = realloc(all, (size_t)(*n + 1) * sizeof *more);
      if (more != NULL) all = more;
      char *name = more != NULL ? strndup(e->d_name, length - end) : NULL;
      if (name == NULL)
        st = GLIA_FAIL(GLIA_E_MEMORY, "%d nodes", *n);
      else
        all[(*n)++] = name;
    }
  }
  closedir(d);
  if (*n > 1) qsort(all, (size_t)*n, sizeof *all, by_bytes);
  int kept = 0; /* a file may stand there packed as well */
  for (int i = 0; i < *n; i++) {
    if (kept > 0 && strcmp(all[kept - 1], all[i]) == 0)
      free(all[i]);
    else
      all[kept++] = all[i];
  }
  *n = kept;
  *names = all;
  return st;
}

static void free_names(int n, char **name)
{
  for (int i = 0; i < n; i++) free(name[i]);
  free(name);
}

/* Nodes of one of the layouts; *n_nodes 0: the folder has none. */
static glia_status import_nodes(const char *folder, double period_s, struct glia_progress *progress,
                                struct glia_telemetry_writer *w, int *n_nodes)
{
  char **name = NULL;
  int n = 0;
  glia_status st = GLIA_OK;

  for (const struct layout *l = layouts; l < layouts + GLIA_COUNT(layouts); l++) {
    GLIA_TRY_TO(out, st, list_files(folder, l->folder, l->suffix, &n, &name));
    for (int i = 0; i < n; i++)
      GLIA_TRY_TO(out, st, import_node(w, folder, l, name[i], period_s, progress));
    if (n > 0) break;
    free_names(n, name);
    name = NULL;
  }
  *n_nodes = n;
out:
  free_names(n, name);
  return st;
}

/* Tables that say by their columns what they are. */
static glia_status import_tables(const char *folder, struct glia_progress *progress,
                                 struct glia_telemetry_writer *w, int *n_nodes)
{
  char path[PATH_BYTES], file[600];
  struct glia_table *t = NULL;
  char **name = NULL;
  int n = 0;
  bool nab = false, failures = false;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, list_files(folder, "", ".csv", &n, &name));
  if (n > 0) {
    snprintf(file, sizeof file, "%.500s.csv", name[0]);
    GLIA_CHECK_TO(out, st, glia_import_find_(folder, file, path), GLIA_E_MISSING, "%s/%s", folder,
                  file);
    GLIA_TRY_TO(out, st, glia_table_open_(path, GLIA_HEADER_AUTO, NULL, &t));
    nab = glia_import_is_nab_(t);
    failures = glia_import_is_log_(t);
    glia_table_close_(&t);
  }
  GLIA_CHECK_TO(out, st, nab || failures, GLIA_E_MISSING,
                "%s holds neither NAME.train.csv (.gz, .xz) nor train/NAME.txt, as the Server "
                "Machine Dataset does, nor tables that begin with timestamp,value or with "
                "Date,Hardware Identifier,What Failed",
                folder);
  st = nab ? glia_import_nab_(folder, n, name, progress, w)
           : glia_import_log_(folder, n, name, progress, w);
  *n_nodes = nab ? n : 0;
out:
  free_names(n, name);
  return st;
}

glia_status glia_import_telemetry(const char *folder, double period_s,
                                  const struct glia_import_out *out, int *n_nodes)
{
  struct glia_telemetry_writer *w = NULL;
  int n = 0;
  glia_status st = GLIA_OK;

  GLIA_CHECK(isfinite(period_s) && period_s > 0.0, GLIA_E_ARGUMENT, "a period of %g s", period_s);
  GLIA_TRY(glia_telemetry_create(out->path, out->force, 0.0, &w));
  GLIA_TRY_TO(fail, st, import_nodes(folder, period_s, out->progress, w, &n));
  if (n == 0) GLIA_TRY_TO(fail, st, import_tables(folder, out->progress, w, &n));
  GLIA_TRY_TO(fail, st, glia_telemetry_commit(&w));
  if (n_nodes != NULL) *n_nodes = n;
fail:
  glia_telemetry_abort(&w);
  return st;
}
