/* glia predict: a trained model's outputs for the rows of a file. */
#include "predict.h"

#include "glia_archive.h"
#include "glia_augment.h"
#include "glia_dataset.h"
#include "glia_import.h"
#include "glia_log.h"
#include "glia_rows_file.h"
#include "passes.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const splits[] = {"train", "valid", "test", NULL};

static const struct glia_option options[] = {
    {.name = "data",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "rows to predict: a dataset, .npy (rows first) or .csv (the columns of the training "
             "data, in any order); "
             "else the data it was trained on. Of a solution: points, .csv or .h5; required",
     .input = true},
    {.name = "split",
     .kind = GLIA_OPTION_TEXT,
     .argument = "SPLIT",
     .choices = splits,
     .help = "of a dataset: train, valid or test (test); a solution has none"},
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "NAME.npy (of a checkpoint alone), NAME.csv or NAME.h5; required",
     .output = GLIA_OUTPUT_NEW},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace an existing file"},
    {0}};

/* Rows without targets get some that no output depends on: the graph of a model names its targets. */
struct padded {
  struct glia_source source;
  struct glia_source *inner;
  struct glia_field field[2]; /* x, y */
  int x;
};

static glia_status read_padded(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  const struct padded *p = self;

  if (field == 0) return p->inner->read(p->inner->self, p->x, n_rows, row, out);
  memset(out, 0, (size_t)n_rows * glia_type_bytes(&p->field[1].row));
  return GLIA_OK;
}

static void close_padded(void *self)
{
  struct padded *p = self;

  glia_source_close(&p->inner);
  free(p);
}

/* x keeps the scale that the model was trained with when it is stored alike. */
static glia_status pad(struct glia_source **source, const struct glia_field *x,
                       const struct glia_field *y)
{
  struct padded *p = calloc(1, sizeof *p);
  char has[128], wants[128];
  const int at = glia_source_field(*source, "x");

  if (p == NULL || at < 0) {
    free(p);
    return GLIA_FAIL(GLIA_E_MISSING, "%s has no field x", (*source)->name);
  }
  p->inner = *source;
  p->x = at;
  p->field[0] = (*source)->field[at];
  p->field[1] = *y;
  if (!glia_type_same_shape(&p->field[0].row, &x->row)) {
    const glia_status st =
        GLIA_FAIL(GLIA_E_SHAPE, "%s has rows %s, the model reads %s", (*source)->name,
                  glia_type_text(&p->field[0].row, has, sizeof has),
                  glia_type_text(&x->row, wants, sizeof wants));
    free(p);
    return st;
  }
  if (p->field[0].row.dtype == x->row.dtype && p->field[0].scale == 1.0 &&
      p->field[0].offset == 0.0) {
    p->field[0].scale = x->scale;
    p->field[0].offset = x->offset;
  }
  p->source = **source;
  p->source.self = p;
  p->source.n_fields = 2;
  p->source.field = p->field;
  p->source.read = read_padded;
  p->source.close = close_padded;
  *source = &p->source;
  return GLIA_OK;
}

static bool ends_with(const char *text, const char *end)
{
  const size_t n = strlen(text), m = strlen(end);

  return n > m && strcmp(text + n - m, end) == 0;
}

static bool is_table(const char *path)
{
  static const char *const ends[] = {".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".csv.xz"};

  for (size_t i = 0; i < GLIA_COUNT(ends); i++)
    if (ends_with(path, ends[i])) return true;
  return false;
}

/* Tables and .npy become a dataset beside the output, which is removed as soon as it is open. */
static glia_status open_foreign(const struct session *s, const char *data, const char *out,
                                struct glia_source **source)
{
  char temporary[4096];
  const struct glia_import_pair file = {data, NULL}, none = {0};
  const struct glia_import_csv table = {.train = data};
  const int n = snprintf(temporary, sizeof temporary, "%s.%ld.rows.h5", out, (long)getpid());

  GLIA_CHECK(n > 0 && (size_t)n < sizeof temporary, GLIA_E_ARGUMENT, "a name of %d bytes", n);
  const struct glia_import_out where = {.path = temporary, .force = true};
  int64_t filled = 0;
  if (is_table(data) && s->columns != NULL)
    GLIA_TRY(glia_import_csv_as(data, s->columns, s->fill, &where, &filled));
  else if (is_table(data))
    GLIA_TRY(glia_import_csv(&table, &where, NULL));
  else
    GLIA_TRY(glia_import_npy(file, none, none, 1.0, 0.0, &where));
  if (filled > 0)
    glia_log(GLIA_LOG_WARN, "io", "cells-filled", "cells=%lld why=\"missing cells\" file=\"%s\"",
             (long long)filled, data);
  const glia_status st = glia_dataset_open(temporary, "train", 0, source);
  unlink(temporary);
  return st;
}

/* What the columns of a table become: the checkpoint says it. */
static glia_status learn_columns(struct session *s, const struct glia_checkpoint *c)
{
  const struct glia_attribute *columns = glia_checkpoint_attribute(c, "columns");
  const struct glia_attribute *fill = glia_checkpoint_attribute(c, "fill");

  if (columns == NULL || columns->kind != GLIA_ATTRIBUTE_TEXT) return GLIA_OK;
  s->columns = strdup(columns->text);
  if (fill != NULL && fill->kind == GLIA_ATTRIBUTE_TEXT) s->fill = strdup(fill->text);
  GLIA_CHECK(s->columns != NULL, GLIA_E_MEMORY, "names of columns");
  return GLIA_OK;
}

/* What x and y are, by the data that the model was trained on; without them y is guessed from the loss. */
static glia_status learn_fields(const struct session *s, struct glia_source **trained,
                                struct glia_field *x, struct glia_field *y, bool *known)
{
  const glia_status st = glia_dataset_open(s->config.data_file, "train", 1, trained);

  *known = st == GLIA_OK && glia_source_field(*trained, "x") >= 0 &&
           glia_source_field(*trained, "y") >= 0;
  if (!*known) return GLIA_OK;
  *x = (*trained)->field[glia_source_field(*trained, "x")];
  *y = (*trained)->field[glia_source_field(*trained, "y")];
  return GLIA_OK;
}

static glia_status open_rows(const struct glia_args *a, struct session *s, const char *out)
{
  const char *data = glia_args_text(a, "data", s->config.data_file);
  struct glia_source *trained = NULL;
  struct glia_field x = {0}, y = {0};
  bool known = false;
  glia_status st = GLIA_OK;

  if (ends_with(data, ".h5") || ends_with(data, ".hdf5"))
    st = glia_dataset_open(data, glia_args_text(a, "split", "test"), (size_t)s->config.memory_bytes,
                           &s->train);
  else
    st = open_foreign(s, data, out, &s->train);
  if (st == GLIA_OK) st = learn_fields(s, &trained, &x, &y, &known);
  if (st == GLIA_OK && !known && glia_source_field(s->train, "y") < 0) {
    /* cross_entropy wants labels; other losses want what only their data tell */
    char *loss = NULL;
    const struct glia_yaml *node = glia_yaml_get(glia_yaml_root(s->doc), "loss");
    if (node != NULL) st = glia_yaml_print(node, &loss);
    if (st == GLIA_OK && (loss == NULL || strstr(loss, "cross_entropy") == NULL))
      st = GLIA_FAIL(
          GLIA_E_MISSING,
          "%s is not there, and %s has no targets y: the model's kind of targets is not known",
          s->config.data_file, data);
    free(loss);
    x = s->train
            ->field[glia_source_field(s->train, "x") > 0 ? glia_source_field(s->train, "x") : 0];
    y = (struct glia_field){"y", glia_type_make(GLIA_I32, 0, NULL), 1.0, 0.0};
    known = true;
  }
  if (st == GLIA_OK && known && glia_source_field(s->train, "y") < 0) {
    y.name = "y";
    st = pad(&s->train, &x, &y);
  }
  glia_source_close(&trained);
  if (st == GLIA_OK)
    st = glia_augment_source(glia_yaml_get(glia_yaml_root(s->doc), "data"), s->config.seed, false,
                             &s->train);
  return st;
}

static glia_status take(void *self, int64_t first, int64_t n, const void *rows)
{
  (void)first;
  return glia_rows_file_append(self, n, (const void *const[]){rows});
}

/* The type of a row of the model's output. */
static glia_status output_field(const struct session *s, struct glia_field *out)
{
  const struct glia_graph *g = glia_model_graph(s->model);
  struct glia_entry *const *entry;
  const int n = glia_graph_entries(g, &entry);

  for (int i = 0; i < n; i++) {
    if (strcmp(entry[i]->name, "predict") != 0 || entry[i]->n_outputs == 0) continue;
    const struct glia_type *t = &glia_graph_node(g, entry[i]->output[0].value)->type;
    *out =
        (struct glia_field){"output", glia_type_make(t->dtype, t->rank - 1, t->dim + 1), 1.0, 0.0};
    return GLIA_OK;
  }
  return GLIA_FAIL(GLIA_E_INTERNAL, "the model has no output");
}

/* The model was built for the rows at hand: where its parameters have other shapes than the checkpoint's, rows have, too. */
static glia_status blame_rows(const struct session *s, glia_status st)
{
  const int x = glia_source_field(s->train, "x");
  char text[128];

  if (st != GLIA_E_SHAPE) return st;
  return GLIA_FAIL(
      st, "%s has rows x of %s; with such rows the model is not that of the checkpoint: %s",
      s->train->name,
      x >= 0 ? glia_type_text(&s->train->field[x].row, text, sizeof text) : "no type",
      glia_trace_message());
}

static glia_status predict(struct glia_args *a, struct session *s, struct glia_checkpoint **c)
{
  const char *out = glia_args_text(a, "output", NULL);
  struct glia_rows_file *file = NULL;
  struct glia_field field;

  GLIA_CHECK(out != NULL, GLIA_E_USAGE, "-o FILE is missing: where shall the outputs go?");
  GLIA_TRY(glia_comm_world(&s->comm));
  GLIA_CHECK(glia_comm_size(s->comm) == 1, GLIA_E_USAGE,
             "predict runs on one rank; parallel.threads may be more");
  GLIA_TRY(glia_checkpoint_open_path(a->word[0], c));
  GLIA_TRY(session_configure_text(s, a->word[0], glia_checkpoint_config(*c), 0, NULL));
  GLIA_TRY(learn_columns(s, *c));
  GLIA_TRY(open_rows(a, s, out));
  s->unlabelled = true;
  GLIA_TRY(session_build(s));
  const glia_status loaded = session_load(s, *c, true);
  if (loaded != GLIA_OK) return blame_rows(s, loaded);
  GLIA_TRY(output_field(s, &field));
  const glia_status made =
      glia_rows_file_create(out, glia_args_has(a, "force"), glia_args_text(a, "split", "test"), 1,
                            &field, s->train->n, true, &file);
  GLIA_TRY(glia_cli_made(made, out));
  struct passes passes;
  passes_begin(&passes, "predict", NULL);
  passes_watch(&passes, s->engine, s->train->n, s->config.micro_batch, 1);
  glia_status st = glia_predict(s->model, s->engine, s->train, s->config.micro_batch, take, file);
  passes_end(&passes, s->engine);
  if (st == GLIA_OK)
    st = glia_rows_file_commit(&file);
  else
    glia_rows_file_abort(&file);
  GLIA_TRY(st);
  glia_cli_print(a, "%s: %lld rows of %lld outputs\n", out, (long long)s->train->n,
                 (long long)glia_type_count(&field.row));
  return glia_cli_json(a, json_pack("{s:o, s:I, s:I}", "file", glia_json_text(out), "n",
                                    (json_int_t)s->train->n, "outputs",
                                    (json_int_t)glia_type_count(&field.row)));
}

static glia_status run(struct glia_args *a)
{
  struct session s = {0};
  struct glia_checkpoint *c = NULL;
  if (glia_archive_is(a->word[0], "solution")) return predict_solution(a);
  const glia_status st = predict(a, &s, &c);

  glia_checkpoint_close(&c);
  session_close(&s);
  return st;
}

const struct glia_command glia_command_predict_ = {
    .name = "predict",
    .summary = "outputs of a trained model for the rows of a file",
    .usage = "CHECKPOINT | SOLUTION.h5 --data FILE -o FILE",
    .options = options,
    .details =
        "CHECKPOINT is a file, or a folder whose newest good checkpoint is taken. The output is "
        "that of the last "
        "layer (logits before a cross-entropy), a row for each row of the data, in their order. "
        "Rows of .npy "
        "stored in the type of the training data are scaled as those; others are taken as "
        "values.\n\n"
        "SOLUTION.h5 is one of glia pinn: --data has points, as .csv with the coordinates by name "
        "or "
        ".h5 with "
        "arrays of those names: lists as long as each other are points, others the sides of a "
        "grid, as are those of a solution; the output has coordinates and unknowns, NaN outside "
        "the domain.",
    .example = "glia predict run --data new.npy -o out.npy\nglia predict run --data fashion.h5 "
               "--split test -o out.csv\nglia predict burgers.h5 --data points.csv -o values.csv",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .parallel = true,
};
