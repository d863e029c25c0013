/* The full rows of a collector's store, file by file, read as one telemetry file. One that is damaged does not keep the others from being read. */
#include "glia_log.h"
#include "telemetry_priv.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

static int is_file(const struct dirent *e)
{
  const size_t n = strlen(e->d_name);

  return n > 3 && strcmp(e->d_name + n - 3, ".h5") == 0;
}

static bool knows(const struct glia_telemetry *t, const char *name)
{
  for (int i = 0; i < t->nodes.n; i++)
    if (strcmp(t->nodes.name[i], name) == 0) return true;
  return false;
}

static int by_text(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The nodes of a part join those of the folder. */
static glia_status add_nodes(struct glia_telemetry *t, const struct glia_telemetry *part)
{
  char **more =
      realloc(t->nodes.name, (size_t)(t->nodes.n + part->nodes.n + 1) * sizeof *t->nodes.name);

  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%s: %d nodes", t->path, part->nodes.n);
  t->nodes.name = more;
  for (int i = 0; i < part->nodes.n; i++) {
    if (knows(t, part->nodes.name[i])) continue;
    t->nodes.name[t->nodes.n] = strdup(part->nodes.name[i]);
    GLIA_CHECK(t->nodes.name[t->nodes.n] != NULL, GLIA_E_MEMORY, "%s", part->nodes.name[i]);
    t->nodes.n++;
  }
  return GLIA_OK;
}

/* Say that the others are read without this file, or without what it has of a node. */
static void leave_out(const char *path, const char *node)
{
  glia_log(GLIA_LOG_WARN, "io", "file-left-out", "file=\"%s\"%s%s why=\"%s\"", path,
           node != NULL ? " node=" : "", node != NULL ? node : "", glia_trace_message());
  glia_trace_clear();
}

/* first: the first failure of a file, which is left out. */
static glia_status add_part(struct glia_telemetry *t, const char *path, glia_status *first,
                            char *why, size_t why_bytes)
{
  struct glia_telemetry *part = NULL;
  const glia_status st = glia_telemetry_open(path, &part);

  if (st == GLIA_OK) {
    t->part[t->n_parts++] = part;
    return add_nodes(t, part);
  }
  if (st == GLIA_E_MEMORY) return st; /* no fault of the file */
  if (*first == GLIA_OK) {
    *first = st;
    snprintf(why, why_bytes, "%s", glia_trace_message());
  }
  leave_out(path, NULL);
  return GLIA_OK;
}

glia_status glia_telemetry_open_folder_(struct glia_telemetry *t)
{
  char path[PATH_BYTES], why[PATH_BYTES] = "";
  struct dirent **entry = NULL;
  glia_status st = GLIA_OK, first = GLIA_OK;

  snprintf(path, sizeof path, "%s/full", t->path);
  /* names begin with the time of the first row */
  const int n = scandir(path, &entry, is_file, alphasort);
  GLIA_CHECK(n >= 0, GLIA_E_MISSING,
             "%s: %s: no store of a collector, or it has made no file yet (it does at the end of "
             "each segment, "
             "and when it ends)",
             path, strerror(errno));
  t->part = calloc((size_t)n + 1, sizeof(struct glia_telemetry *));
  if (t->part == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%s: %d files", path, n);
  for (int i = 0; i < n; i++) {
    snprintf(path, sizeof path, "%s/full/%s", t->path, entry[i]->d_name);
    free(entry[i]);
    if (st == GLIA_OK) st = add_part(t, path, &first, why, sizeof why);
  }
  free((void *)entry);
  GLIA_TRY(st);
  GLIA_CHECK(n > 0, GLIA_E_MISSING,
             "%s/full holds no file yet: the first appears when its segment ends", t->path);
  GLIA_CHECK(t->n_parts > 0, first, "%s: none of its %d files can be read; the first: %s", t->path,
             n, why);
  qsort(t->nodes.name, (size_t)t->nodes.n, sizeof *t->nodes.name, by_text);
  return GLIA_OK;
}

/* Place of a column among those of the whole, made if it is new; *out: where it is looked for first, as columns mostly come in the same
 * order. */
static glia_status place_of(struct glia_telemetry_node *whole, int room, const char *name,
                            const char *unit, int *out)
{
  const int near = *out;

  for (int k = 0; k < whole->n_metrics; k++) {
    *out = (near + k) % whole->n_metrics;
    if (strcmp(whole->metric[*out], name) == 0) return GLIA_OK;
  }
  *out = whole->n_metrics;
  GLIA_CHECK(*out < room, GLIA_E_INTERNAL, "column %s", name);
  whole->metric[*out] = strdup(name);
  whole->unit[*out] = strdup(unit);
  whole->n_metrics++; /* freed with the others */
  GLIA_CHECK(whole->metric[*out] != NULL && whole->unit[*out] != NULL, GLIA_E_MEMORY, "column %s",
             name);
  return GLIA_OK;
}

/* Rows of a part behind those that are there; map [part's metrics]: their places. */
static void append(struct glia_telemetry_node *whole, const struct glia_telemetry_node *part,
                   const int *map)
{
  for (int64_t i = 0; i < part->n; i++) {
    if (whole->n > 0 && part->time_ns[i] <= whole->time_ns[whole->n - 1]) continue;
    float *row = whole->values + whole->n * whole->n_metrics;
    for (int j = 0; j < whole->n_metrics; j++) row[j] = NAN;
    for (int j = 0; j < part->n_metrics; j++) row[map[j]] = part->values[i * part->n_metrics + j];
    whole->time_ns[whole->n++] = part->time_ns[i];
  }
}

static glia_status join(const char *name, int n, const struct glia_telemetry_node *part,
                        struct glia_telemetry_node *out)
{
  int64_t rows = 0;
  int columns = 0, *map;
  glia_status st = GLIA_OK;

  for (int i = 0; i < n; i++) {
    rows += part[i].n;
    columns += part[i].n_metrics;
  }
  *out = (struct glia_telemetry_node){.train_rows = -1};
  map = calloc((size_t)columns + 1, sizeof *map);
  out->name = strdup(name);
  out->metric = calloc((size_t)columns + 1, sizeof *out->metric);
  out->unit = calloc((size_t)columns + 1, sizeof *out->unit);
  GLIA_CHECK_TO(done, st,
                map != NULL && out->name != NULL && out->metric != NULL && out->unit != NULL,
                GLIA_E_MEMORY, "node %s", name);
  for (int i = 0, at = 0; i < n; i++)
    for (int j = 0; j < part[i].n_metrics; j++, at++) {
      map[at] = j > 0 ? map[at - 1] + 1 : 0;
      GLIA_TRY_TO(done, st, place_of(out, columns, part[i].metric[j], part[i].unit[j], &map[at]));
    }
  out->time_ns = calloc((size_t)rows + 1, sizeof *out->time_ns);
  out->values = malloc(((size_t)rows * (size_t)out->n_metrics + 1) * sizeof *out->values);
  GLIA_CHECK_TO(done, st, out->time_ns != NULL && out->values != NULL, GLIA_E_MEMORY,
                "node %s: %lld rows", name, (long long)rows);
  for (int i = 0, at = 0; i < n; at += part[i++].n_metrics) append(out, &part[i], map + at);
done:
  free(map);
  return st;
}

glia_status glia_telemetry_read_parts_(struct glia_telemetry *t, const char *name,
                                       struct glia_telemetry_node *out)
{
  struct glia_telemetry_node *part = calloc((size_t)t->n_parts + 1, sizeof *part);
  int n = 0;
  glia_status st = GLIA_OK;

  GLIA_CHECK(part != NULL, GLIA_E_MEMORY, "%s: %d files", t->path, t->n_parts);
  GLIA_CHECK_TO(out, st, knows(t, name), GLIA_E_MISSING, "%s has no node %s", t->path, name);
  for (int i = 0; i < t->n_parts; i++) {
    if (!knows(t->part[i], name)) continue;
    st = glia_telemetry_read_node(t->part[i], name, &part[n]);
    if (st == GLIA_OK)
      n++;
    else if (st == GLIA_E_MEMORY)
      goto out;
    else
      leave_out(t->part[i]->path, name);
  }
  st = join(name, n, part, out); /* of no part: a node without rows */
out:
  for (int i = 0; i < n; i++) glia_telemetry_node_free(&part[i]);
  free(part);
  return st;
}
