/* glia data info: what a file of Glia's holds. */
#include "data.h"
#include "glia_checkpoint.h"
#include "glia_dataset.h"
#include "glia_file.h"
#include "glia_graph_data.h"
#include "glia_telemetry.h"
#include "glia_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CLASSES_MAX = 1000, CLASSES_SHOWN = 20, BINS = 32 };
static const char *const splits[] = {"train", "valid", "test"};

/* What the values of a field are like, after scale and offset. */
struct summary {
  double min;
  double max;
  double mean;
  double sd;
  int n_classes; /* of an integer per row, all from 0 on; 0: not such a field */
  int64_t count[CLASSES_MAX];
  int64_t bin[BINS]; /* values in equal parts of [min, max] */
};

double data_element(const char *data, glia_dtype dtype, int64_t i)
{
  float f32;
  double f64;
  int32_t i32;
  int64_t i64;

  switch (dtype) {
  case GLIA_F32:
    return memcpy(&f32, data + 4 * i, 4), (double)f32;
  case GLIA_F64:
    return memcpy(&f64, data + 8 * i, 8), f64;
  case GLIA_I32:
    return memcpy(&i32, data + 4 * i, 4), (double)i32;
  case GLIA_I64:
    return memcpy(&i64, data + 8 * i, 8), (double)i64;
  case GLIA_I8:
    return (double)(signed char)data[i];
  default:
    return (double)(unsigned char)data[i];
  }
}

/* Rows of a field on their way, with the mask of a ragged one: where its rows have something, per values for each. */
struct block {
  char *data;
  unsigned char *mask; /* NULL: everywhere */
  int64_t n, per;      /* values; values for each number of the mask */
};

static bool has(const struct block *b, int64_t i) { return b->mask == NULL || b->mask[i / b->per]; }

/* Welford's update over all values: safe where the mean is far from zero. */
static void add_values(struct summary *s, const struct glia_field *f, const struct block *b,
                       double *seen)
{
  const bool classes = f->row.rank == 0 && !glia_dtype_is_float(f->row.dtype);
  const char *data = b->data;

  for (int64_t i = 0; i < b->n; i++) {
    if (!has(b, i)) continue;
    const double stored = data_element(data, f->row.dtype, i);
    const double v = stored * f->scale + f->offset;
    const double before = v - s->mean;
    *seen += 1.0;
    s->mean += before / *seen;
    s->sd += before * (v - s->mean);
    if (v < s->min) s->min = v;
    if (v > s->max) s->max = v;
    if (!classes || stored < 0.0 || stored >= CLASSES_MAX) {
      s->n_classes = -1;
    } else if (s->n_classes >= 0) {
      s->count[(int)stored]++;
      if ((int)stored >= s->n_classes) s->n_classes = (int)stored + 1;
    }
  }
}

static void count_bins(struct summary *s, const struct glia_field *f, const struct block *block)
{
  const double width = (s->max - s->min) / BINS;

  for (int64_t i = 0; i < block->n; i++) {
    if (!has(block, i)) continue;
    const double v = data_element(block->data, f->row.dtype, i) * f->scale + f->offset;
    const int b = width > 0.0 ? (int)((v - s->min) / width) : 0;
    s->bin[b < BINS ? b : BINS - 1]++;
  }
}

/* The field that says where rows of a ragged field have something: one that the file does not hold. *mask -1: this field is whole. */
static glia_status find_mask(const char *path, const char *split, const struct glia_source *source,
                             int field, int *mask)
{
  char array[512];
  bool held = true;

  *mask = -1;
  snprintf(array, sizeof array, "%s/%s_mask", split, source->field[field].name);
  for (int i = 0; i < source->n_fields; i++) {
    const struct glia_field *m = &source->field[i];
    const int64_t n = glia_type_count(&m->row), all = glia_type_count(&source->field[field].row);
    if (strcmp(m->name, array + strlen(split) + 1) != 0 || n == 0 || all % n != 0) continue;
    GLIA_TRY(glia_file_holds(path, array, &held));
    if (!held) *mask = i;
  }
  return GLIA_OK;
}

/* Rows from `at` on, as many as `row` has room for. */
static glia_status read_block(struct glia_source *source, int field, int mask, int64_t at,
                              int64_t most, int64_t *row, struct block *b)
{
  const int64_t n = source->n - at < most ? source->n - at : most;

  for (int64_t i = 0; i < n; i++) row[i] = at + i;
  b->n = n * glia_type_count(&source->field[field].row);
  if (mask >= 0) GLIA_TRY(source->read(source->self, mask, n, row, b->mask));
  return source->read(source->self, field, n, row, b->data);
}

/* mask: as of find_mask. */
static glia_status summarize(struct glia_source *source, int field, int mask, struct summary *s)
{
  const struct glia_field *f = &source->field[field];
  const int64_t bytes = (int64_t)glia_type_bytes(&f->row);
  const int64_t most = bytes < (1 << 20) ? (1 << 20) / bytes : 1;
  const int64_t per_row = mask >= 0 ? glia_type_count(&source->field[mask].row) : 0;
  struct block b = {.data = malloc((size_t)(most * bytes)),
                    .mask = mask >= 0 ? malloc((size_t)(most * per_row)) : NULL,
                    .per = mask >= 0 ? glia_type_count(&f->row) / per_row : 1};
  int64_t *row = malloc((size_t)most * sizeof *row);
  double seen = 0.0;
  glia_status st = GLIA_OK;

  *s = (struct summary){.min = INFINITY, .max = -INFINITY};
  GLIA_CHECK_TO(out, st, b.data != NULL && row != NULL && (mask < 0 || b.mask != NULL),
                GLIA_E_MEMORY, "a block of rows");
  for (int64_t at = 0; at < source->n; at += most) {
    GLIA_TRY_TO(out, st, read_block(source, field, mask, at, most, row, &b));
    add_values(s, f, &b, &seen);
  }
  for (int64_t at = 0; at < source->n && s->n_classes <= 0; at += most) {
    GLIA_TRY_TO(out, st, read_block(source, field, mask, at, most, row, &b));
    count_bins(s, f, &b);
  }
  if (seen == 0.0) s->min = s->max = s->mean = NAN; /* nothing is there */
  s->sd = sqrt(s->sd / seen);
  if (s->n_classes < 0) s->n_classes = 0;
out:
  free(b.data);
  free(b.mask);
  free(row);
  return st;
}

/* Name of class `k` in text of one name per line; "" when there is none. */
const char *data_class_name(const char *names, int k, char *out, size_t size)
{
  const char *p = names;

  for (int i = 0; p != NULL && i < k; i++) {
    p = strchr(p, '\n');
    if (p != NULL) p++;
  }
  snprintf(out, size, "%.*s", p != NULL ? (int)strcspn(p, "\n") : 0, p != NULL ? p : "");
  return out;
}

static void print_classes(const struct glia_args *a, const struct summary *s, const char *names)
{
  char name[64];

  glia_cli_print(a, "      %d classes:", s->n_classes);
  for (int k = 0; k < s->n_classes && k < CLASSES_SHOWN; k++) {
    data_class_name(names, k, name, sizeof name);
    glia_cli_print(a, " %d%s%s%s x %" PRId64, k, name[0] != '\0' ? " (" : "", name,
                   name[0] != '\0' ? ")" : "", s->count[k]);
  }
  glia_cli_print(a, "%s\n", s->n_classes > CLASSES_SHOWN ? " ..." : "");
}

/* One character per bin, by its share of the fullest on a scale of square roots, so that rare values show. */
static void print_histogram(const struct glia_args *a, const struct summary *s)
{
  static const char shades[] = " .:-=+*#%@";
  char line[BINS + 1] = "";
  int64_t most = 1;

  for (int b = 0; b < BINS; b++)
    if (s->bin[b] > most) most = s->bin[b];
  for (int b = 0; b < BINS; b++)
    line[b] = shades[s->bin[b] == 0 ? 0 : 1 + (int)(8.0 * sqrt((double)s->bin[b] / (double)most))];
  glia_cli_print(a, "      %.6g |%s| %.6g\n", s->min, line, s->max);
}

static json_t *json_field(const struct glia_field *f, const struct summary *s, const char *names)
{
  json_t *shape = json_array();
  json_t *classes = json_array();
  char name[64];

  for (int i = 0; i < f->row.rank; i++) json_array_append_new(shape, json_integer(f->row.dim[i]));
  json_t *bins = json_array();
  for (int b = 0; b < BINS && s->n_classes <= 0; b++)
    json_array_append_new(bins, json_integer((json_int_t)s->bin[b]));
  for (int k = 0; k < s->n_classes; k++)
    json_array_append_new(classes,
                          json_pack("{s:i, s:o, s:I}", "class", k, "name",
                                    glia_json_text(data_class_name(names, k, name, sizeof name)),
                                    "n", (json_int_t)s->count[k]));
  return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                   glia_json_text(f->name), "dtype", glia_dtype_name(f->row.dtype), "row_shape",
                   shape, "scale", glia_json_real(f->scale), "offset", glia_json_real(f->offset),
                   "min", glia_json_real(s->min), "max", glia_json_real(s->max), "mean",
                   glia_json_real(s->mean), "sd", glia_json_real(s->sd), "classes", classes,
                   "histogram", bins);
}

static glia_status describe_field(struct glia_args *a, const char *path, const char *split,
                                  struct glia_source *source, int i, json_t *fields)
{
  const struct glia_field *f = &source->field[i];
  struct summary *s = malloc(sizeof *s);
  char object[512];
  char type[128];
  char *names = NULL;

  GLIA_CHECK(s != NULL, GLIA_E_MEMORY, "%s", path);
  snprintf(object, sizeof object, "%s/%s", split, f->name);
  int mask;
  glia_status st = find_mask(path, split, source, i, &mask);
  if (st == GLIA_OK) st = summarize(source, i, mask, s);
  if (st == GLIA_OK) st = glia_file_note(path, object, "classes", &names);
  if (st == GLIA_OK) {
    glia_cli_print(a, "    %-8s %s", f->name, glia_type_text(&f->row, type, sizeof type));
    if (f->scale != 1.0 || f->offset != 0.0)
      glia_cli_print(a, " x %.6g + %.6g", f->scale, f->offset);
    glia_cli_print(a, ", values %.6g to %.6g, mean %.6f, standard deviation %.6f\n", s->min, s->max,
                   s->mean, s->sd);
    if (s->n_classes > 0)
      print_classes(a, s, names);
    else
      print_histogram(a, s);
    json_array_append_new(fields, json_field(f, s, names));
  }
  free(names);
  free(s);
  return st;
}

static glia_status describe_dataset(struct glia_args *a, const char *path, json_t *out)
{
  bool have[3] = {false};
  json_t *list = json_array();

  json_object_set_new(out, "splits", list);
  GLIA_TRY(glia_dataset_splits(path, &have[0], &have[1], &have[2]));
  for (size_t k = 0; k < GLIA_COUNT(splits); k++) {
    struct glia_source *source = NULL;
    json_t *fields = json_array();
    glia_status st = GLIA_OK;
    if (!have[k]) {
      json_decref(fields);
      continue;
    }
    st = glia_dataset_open(path, splits[k], 0, &source);
    if (st == GLIA_OK) {
      glia_cli_print(a, "  %s: %" PRId64 " rows\n", splits[k], source->n);
      json_array_append_new(list, json_pack("{s:s, s:I, s:O}", "name", splits[k], "n",
                                            (json_int_t)source->n, "fields", fields));
      for (int i = 0; i < source->n_fields && st == GLIA_OK; i++)
        st = describe_field(a, path, splits[k], source, i, fields);
    }
    glia_source_close(&source);
    json_decref(fields);
    GLIA_TRY(st);
  }
  return GLIA_OK;
}

/* A dataset that holds a graph. */
static glia_status describe_graph(struct glia_args *a, const char *path, json_t *out, bool *have)
{
  struct glia_graph_data g;
  int64_t isolated = 0, most = 0;
  char type[128];
  const glia_status st = glia_graph_data_read(path, &g);

  *have = st == GLIA_OK;
  if (st == GLIA_E_MISSING) return GLIA_OK;
  GLIA_TRY(st);
  for (int64_t i = 0; i < g.n_nodes; i++) {
    const int64_t degree = g.ptr[i + 1] - g.ptr[i];
    isolated += degree == 0;
    if (degree > most) most = degree;
  }
  glia_cli_print(a,
                 "  graph: %" PRId64 " nodes, %" PRId64 " entries, %" PRId64
                 " nodes without, at most %" PRId64 " around a node\n",
                 g.n_nodes, g.n_edges, isolated, most);
  json_t *fields = json_array();
  for (int i = 0; i < g.n_fields; i++) {
    glia_cli_print(a, "    %-8s %s\n", g.field[i].path,
                   glia_type_text(&g.field[i].type, type, sizeof type));
    json_array_append_new(
        fields, json_pack("{s:o, s:s}", "name", glia_json_text(g.field[i].path), "type", type));
  }
  json_object_set_new(out, "graph",
                      json_pack("{s:I, s:I, s:I, s:I, s:o}", "nodes", (json_int_t)g.n_nodes,
                                "entries", (json_int_t)g.n_edges, "isolated", (json_int_t)isolated,
                                "degree_max", (json_int_t)most, "fields", fields));
  glia_graph_data_free(&g);
  return GLIA_OK;
}

static void describe_arrays(struct glia_args *a, const struct glia_checkpoint *c, json_t *out)
{
  const struct glia_array *array = NULL;
  const int n = glia_checkpoint_arrays(c, &array);
  json_t *list = json_array();
  int64_t parameters = 0;
  char type[128];

  for (int i = 0; i < n; i++) {
    const bool is_parameter = strncmp(array[i].path, "params/", 7) == 0;
    if (is_parameter) {
      parameters += glia_type_count(&array[i].type);
      glia_cli_print(a, "    %s %s\n", array[i].path + 7,
                     glia_type_text(&array[i].type, type, sizeof type));
    }
    json_t *shape = json_array();
    for (int k = 0; k < array[i].type.rank; k++)
      json_array_append_new(shape, json_integer(array[i].type.dim[k]));
    json_array_append_new(list,
                          json_pack("{s:o, s:s, s:o}", "path", glia_json_text(array[i].path),
                                    "dtype", glia_dtype_name(array[i].type.dtype), "shape", shape));
  }
  glia_cli_print(a, "  %" PRId64 " parameters, %d arrays\n", parameters, n);
  json_object_set_new(out, "parameters", json_integer(parameters));
  json_object_set_new(out, "arrays", list);
}

static glia_status describe_checkpoint(struct glia_args *a, const char *path, json_t *out)
{
  struct glia_checkpoint *c = NULL;
  const struct glia_attribute *fact = NULL;

  GLIA_TRY(glia_checkpoint_open(path, &c));
  json_t *run = json_object();
  const int n = glia_checkpoint_attributes(c, &fact);
  glia_cli_print(a, "  step %" PRId64 "\n", glia_checkpoint_step(c));
  for (int i = 0; i < n; i++) {
    if (fact[i].kind == GLIA_ATTRIBUTE_INT)
      glia_json_set(run, fact[i].name, json_integer(fact[i].i));
    if (fact[i].kind == GLIA_ATTRIBUTE_REAL)
      glia_json_set(run, fact[i].name, glia_json_real(fact[i].r));
    if (fact[i].kind != GLIA_ATTRIBUTE_TEXT) continue;
    glia_json_set(run, fact[i].name, glia_json_text(fact[i].text));
    if (strchr(fact[i].text, '\n') == NULL)
      glia_cli_print(a, "  %s %s\n", fact[i].name, fact[i].text);
  }
  describe_arrays(a, c, out);
  json_object_set_new(out, "step", json_integer(glia_checkpoint_step(c)));
  json_object_set_new(out, "run", run);
  json_object_set_new(out, "config", glia_json_text(glia_checkpoint_config(c)));
  glia_checkpoint_close(&c);
  return GLIA_OK;
}

static json_t *describe_node(struct glia_args *a, const struct glia_telemetry_node *d)
{
  const int64_t values = d->n * d->n_metrics;
  int64_t missing = 0;
  int64_t labelled = 0;
  int64_t anomalous = 0;
  char span[32];

  for (int64_t i = 0; i < values; i++) missing += isnan(d->values[i]);
  for (int64_t i = 0; d->label != NULL && i < d->n; i++) {
    labelled += d->label[i] != GLIA_LABEL_NONE;
    anomalous += d->label[i] == GLIA_LABEL_ANOMALY;
  }
  const double span_s = d->n > 0 ? 1e-9 * (double)(d->time_ns[d->n - 1] - d->time_ns[0]) : 0.0;
  const double share = values > 0 ? (double)missing / (double)values : 0.0;
  glia_cli_print(a, "  %s: %" PRId64 " samples of %d metrics over %s", d->name, d->n, d->n_metrics,
                 glia_format_duration(span_s, span, sizeof span));
  if (d->train_rows >= 0) glia_cli_print(a, ", %" PRId64 " for training", d->train_rows);
  if (missing > 0) glia_cli_print(a, ", %.2f %% missing", 100.0 * share);
  if (labelled > 0)
    glia_cli_print(a, ", %" PRId64 " of %" PRId64 " labelled anomalous", anomalous, labelled);
  glia_cli_print(a, "\n");
  return json_pack("{s:o, s:I, s:i, s:f, s:I, s:f, s:I, s:I}", "name", glia_json_text(d->name), "n",
                   (json_int_t)d->n, "metrics", d->n_metrics, "span_s", span_s, "train_rows",
                   (json_int_t)d->train_rows, "missing_fraction", share, "labelled",
                   (json_int_t)labelled, "anomalous", (json_int_t)anomalous);
}

static glia_status describe_telemetry(struct glia_args *a, const char *path, json_t *out)
{
  struct glia_telemetry *t = NULL;
  const struct glia_telemetry_event *event = NULL;
  char *const *name = NULL;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_telemetry_open(path, &t));
  const int n = glia_telemetry_nodes(t, &name);
  json_t *list = json_array();
  json_object_set_new(out, "nodes", list);
  json_object_set_new(out, "events", json_integer(glia_telemetry_events(t, &event)));
  for (int i = 0; i < n && st == GLIA_OK; i++) {
    struct glia_telemetry_node d;
    st = glia_telemetry_read_node(t, name[i], &d);
    if (st == GLIA_OK) json_array_append_new(list, describe_node(a, &d));
    glia_telemetry_node_free(&d);
  }
  if (st == GLIA_OK)
    glia_cli_print(a, "  %d nodes, %" PRId64 " events\n", n, glia_telemetry_events(t, &event));
  glia_telemetry_close(&t);
  return st;
}

static glia_status describe(struct glia_args *a, const char *path, json_t *out)
{
  char kind[GLIA_FILE_KIND_BYTES];
  char size[32];
  char *source = NULL;
  int64_t format = 0;
  struct stat info = {0};

  GLIA_TRY(glia_file_kind(path, kind, &format));
  GLIA_TRY(glia_file_note(path, "", "source", &source));
  stat(path, &info);
  glia_cli_print(a, "%s: %s, %s%s%s%s\n", path, kind,
                 glia_format_size((int64_t)info.st_size, size, sizeof size),
                 source != NULL ? " (" : "", source != NULL ? source : "",
                 source != NULL ? ")" : "");
  json_object_set_new(out, "file", glia_json_text(path));
  json_object_set_new(out, "kind", glia_json_text(kind));
  json_object_set_new(out, "format", json_integer(format));
  json_object_set_new(out, "size_bytes", json_integer((json_int_t)info.st_size));
  if (source != NULL) json_object_set_new(out, "source", glia_json_text(source));
  free(source);
  if (strcmp(kind, "dataset") == 0) {
    bool have = false;
    GLIA_TRY(describe_graph(a, path, out, &have));
    return have ? GLIA_OK : describe_dataset(a, path, out);
  }
  if (strcmp(kind, "checkpoint") == 0) return describe_checkpoint(a, path, out);
  if (strcmp(kind, "telemetry") == 0) return describe_telemetry(a, path, out);
  return GLIA_OK; /* another kind: what is known is said */
}

glia_status data_describe(struct glia_args *args, const char *path,
                          const struct glia_import_csv_result *table)
{
  json_t *out = json_object();

  GLIA_CHECK(out != NULL, GLIA_E_MEMORY, "%s", path);
  const glia_status st = describe(args, path, out);
  if (st != GLIA_OK) {
    json_decref(out);
    return st;
  }
  if (table != NULL) {
    json_object_set_new(out, "rows_dropped", json_integer(table->dropped));
    json_object_set_new(out, "cells_filled", json_integer(table->filled));
  }
  return glia_cli_json(args, out);
}

static glia_status run(struct glia_args *a)
{
  const char *sheet = glia_args_text(a, "sheet", NULL);

  if (sheet != NULL) GLIA_TRY(data_sheet(a->word[0], sheet));
  return data_describe(a, a->word[0], NULL);
}

static const struct glia_option options[] = {
    {.name = "sheet",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.png",
     .help = "also the first pictures of a dataset, a row per class",
     .output = GLIA_OUTPUT_ANEW},
    {0}};

const struct glia_command glia_command_data_info_ = {
    .name = "data info",
    .summary = "say what a dataset, checkpoint or telemetry file holds",
    .usage = "F.h5",
    .options = options,
    .details = "Every value of a dataset is read, so that ranges, means and class counts are those "
               "of the whole file, and a "
               "damaged file or a value that is not finite is found.",
    .example = "glia data info fashion.h5 --sheet fashion.png\nglia data info "
               "run/step-0000000400.h5 --json",
    .run = run,
    .alone = true,
    .min_words = 1,
    .max_words = 1,
};
