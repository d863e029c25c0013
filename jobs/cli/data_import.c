/* glia data import: files of other programs into a dataset or a telemetry file. */
#include "data.h"
#include "glia_graph_data.h"
#include "glia_log.h"
#include "glia_prometheus.h"
#include "glia_text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const formats[] = {"idx",        "npy",     "csv",      "telemetry",
                                      "graph",      "cifar10", "cifar100", "text",
                                      "prometheus", "png",     NULL};
static const char *const headers[] = {"auto", "yes", "no", NULL};
enum {
  IDX = 1,
  NPY = 2,
  CSV = 4,
  TELEMETRY = 8,
  GRAPH = 16,
  CIFAR10 = 32,
  CIFAR100 = 64,
  TEXT = 128,
  PROMETHEUS = 256,
  PNG = 512
};
/* Other names: a table's separator is found from its first row. */
static const struct {
  const char *name;
  unsigned format;
} aliases[] = {{"tsv", CSV}, {"cifar", CIFAR10}};
static const char *const missing[] = {"refuse", "drop", "mean", NULL};
static const char *const normalizations[] = {"none", "symmetric", "row", NULL};

/* Which options belong to which formats; the others take all. */
static const struct {
  const char *option;
  unsigned formats;
} belongs[] = {
    {"train", IDX | NPY},
    {"valid", IDX | NPY},
    {"test", IDX | NPY},
    {"scale", NPY},
    {"offset", NPY},
    {"label", CSV},
    {"target", CSV},
    {"skip", CSV},
    {"category", CSV},
    {"missing", CSV},
    {"header", CSV},
    {"drop-missing", CSV},
    {"test-share", CSV | TEXT | PNG},
    {"seed", CSV | PNG},
    {"period", TELEMETRY},
    {"edges", GRAPH},
    {"features", GRAPH},
    {"labels", GRAPH},
    {"splits", GRAPH},
    {"nodes", GRAPH},
    {"directed", GRAPH},
    {"self-loops", GRAPH},
    {"normalize", GRAPH},
    {"test-file", CIFAR10 | CIFAR100},
    {"token-file", PROMETHEUS},
    {"window", TEXT},
    {"stride", TEXT},
    {"match", PROMETHEUS},
    {"since", PROMETHEUS},
    {"step", PROMETHEUS},
};

static const struct glia_option options[] = {
    {.name = "match",
     .kind = GLIA_OPTION_TEXT,
     .argument = "SELECTOR",
     .help = "prometheus: which series, '{job=\"node\"}'"},
    {.name = "since",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "prometheus: how far back (30 days)"},
    {.name = "step",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "prometheus: time between samples (1 min)"},
    {.name = "token-file",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F",
     .help = "prometheus: its first line is sent as a bearer token",
     .input = true},
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .help = "the file to write; required",
     .output = GLIA_OUTPUT_NEW},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace an existing file"},
    {.name = "train",
     .kind = GLIA_OPTION_TEXT,
     .argument = "X Y",
     .words = 2,
     .help = "idx, npy: inputs (images) and labels of the training split; - for no labels",
     .input = true},
    {.name = "valid",
     .kind = GLIA_OPTION_TEXT,
     .argument = "X Y",
     .words = 2,
     .help = "idx, npy: the validation split",
     .input = true},
    {.name = "test",
     .kind = GLIA_OPTION_TEXT,
     .argument = "X Y",
     .words = 2,
     .help = "idx, npy: the test split",
     .input = true},
    {.name = "scale",
     .kind = GLIA_OPTION_REAL,
     .argument = "A",
     .help = "npy: value of an input = stored x A + B"},
    {.name = "offset", .kind = GLIA_OPTION_REAL, .argument = "B", .help = "npy: see --scale"},
    {.name = "label",
     .kind = GLIA_OPTION_TEXT,
     .argument = "COLUMN",
     .help = "csv: column of classes (whole numbers or words), by name or by number from 1"},
    {.name = "target",
     .kind = GLIA_OPTION_TEXT,
     .argument = "COLUMN",
     .help = "csv: column of a regression's target; may be given several times"},
    {.name = "skip",
     .kind = GLIA_OPTION_TEXT,
     .argument = "COLUMN",
     .help = "csv: column to leave out; may be given several times"},
    {.name = "header",
     .kind = GLIA_OPTION_TEXT,
     .argument = "WHEN",
     .choices = headers,
     .help = "csv: is the first row names? auto: when none of its cells is a number"},
    {.name = "category",
     .kind = GLIA_OPTION_TEXT,
     .argument = "COLUMN",
     .help =
         "csv: column of words; becomes a column of 0 and 1 per word. May be given several times"},
    {.name = "missing",
     .kind = GLIA_OPTION_TEXT,
     .argument = "HOW",
     .choices = missing,
     .help = "csv: cells that are empty, ?, NA, N/A, NaN or null: refuse, drop their rows, or fill "
             "them with the mean of the training rows, of a category with none of its words "
             "(refuse)"},
    {.name = "drop-missing", .kind = GLIA_OPTION_FLAG, .help = "csv: as --missing drop"},
    {.name = "test-share",
     .kind = GLIA_OPTION_REAL,
     .argument = "SHARE",
     .lo = 0.0,
     .hi = 1.0,
     .help =
         "csv, png: this share of the rows becomes the test split, where there is no test file or "
         "folder; text: the last share of it"},
    {.name = "window",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 1 << 20,
     .help = "text: bytes of a row (64)"},
    {.name = "stride",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 1 << 20,
     .help = "text: from one row to the next (the window)"},
    {.name = "seed",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 0,
     .hi = 9e15,
     .help = "csv, png: draws the test rows (0)"},
    {.name = "period",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "telemetry: time between samples that have none (60 s, as in SMD)"},
    {.name = "test-file",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "cifar10, cifar100: a file of test pictures; may be given several times",
     .input = true},
    {.name = "edges",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "graph: lines of two nodes, numbered from 0, and perhaps a weight",
     .input = true},
    {.name = "features",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help =
         "graph: columns node,feature(,value) of what is not zero, or a row of numbers per node",
     .input = true},
    {.name = "labels",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "graph: lines of a node and its class",
     .input = true},
    {.name = "splits",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "graph: lines of a node and train, valid, test or none",
     .input = true},
    {.name = "nodes",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 4e9,
     .help = "graph: how many there are (the largest number in the edges + 1)"},
    {.name = "directed",
     .kind = GLIA_OPTION_FLAG,
     .help = "graph: an edge a,b is heard by a alone; else both ways"},
    {.name = "self-loops",
     .kind = GLIA_OPTION_FLAG,
     .help = "graph: add an edge from each node to itself"},
    {.name = "normalize",
     .kind = GLIA_OPTION_TEXT,
     .argument = "HOW",
     .choices = normalizations,
     .help = "graph: divide weights by sqrt(d_i d_j) (symmetric) or d_i (row), d the sum around a "
             "node (none)"},
    {0},
};

static glia_status check_options(const struct glia_args *a, unsigned format, const char *name)
{
  for (size_t i = 0; i < GLIA_COUNT(belongs); i++)
    GLIA_CHECK((belongs[i].formats & format) != 0 || !glia_args_has(a, belongs[i].option),
               GLIA_E_USAGE, "--%s does not go with %s", belongs[i].option, name);
  return GLIA_OK;
}

static struct glia_import_pair pair_of(const struct glia_args *a, const char *option)
{
  const char *const *words = glia_args_words(a, option);

  if (words == NULL) return (struct glia_import_pair){0};
  return (struct glia_import_pair){words[0], strcmp(words[1], "-") == 0 ? NULL : words[1]};
}

static double size_mb(const char *path)
{
  struct stat s;

  return path != NULL && stat(path, &s) == 0 ? 1e-6 * (double)s.st_size : 0.0;
}

static glia_status import_pairs(const struct glia_args *a, bool is_idx, struct glia_import_out *out)
{
  const struct glia_import_pair train = pair_of(a, "train");
  const struct glia_import_pair valid = pair_of(a, "valid");
  const struct glia_import_pair test = pair_of(a, "test");

  GLIA_CHECK(a->n_words == 1, GLIA_E_USAGE, "'%s': files are given by --train, --valid and --test",
             a->word[1]);
  GLIA_CHECK(train.x != NULL, GLIA_E_USAGE, "--train X Y is missing");
  out->progress->total = size_mb(train.x) + size_mb(train.y) + size_mb(valid.x) + size_mb(valid.y) +
                         size_mb(test.x) + size_mb(test.y);
  if (is_idx) return glia_import_idx(train, valid, test, out);
  return glia_import_npy(train, valid, test, glia_args_real(a, "scale", 1.0),
                         glia_args_real(a, "offset", 0.0), out);
}

static const char **texts(const struct glia_args *a, const char *option, int *n)
{
  *n = glia_args_times(a, option);
  const char **all = calloc((size_t)*n + 1, sizeof *all);
  for (int i = 0; all != NULL && i < *n; i++) all[i] = glia_args_text_at(a, option, i);
  return all;
}

static glia_missing missing_of(const struct glia_args *a)
{
  const char *how =
      glia_args_text(a, "missing", glia_args_has(a, "drop-missing") ? "drop" : "refuse");
  int i = 0;

  while (strcmp(missing[i], how) != 0) i++;
  return (glia_missing)i;
}

static glia_status import_csv(const struct glia_args *a, struct glia_import_out *out,
                              struct glia_import_csv_result *result)
{
  struct glia_import_csv o = {.label = glia_args_text(a, "label", NULL),
                              .test_fraction = glia_args_real(a, "test-share", 0.0),
                              .seed = (uint64_t)glia_args_int(a, "seed", 0),
                              .missing = missing_of(a)};
  const char *header = glia_args_text(a, "header", "auto");

  GLIA_CHECK(a->n_words >= 2 && a->n_words <= 3, GLIA_E_USAGE,
             "csv takes a file, and perhaps one of test rows");
  o.train = a->word[1];
  o.test = a->n_words > 2 ? a->word[2] : NULL;
  o.header = strcmp(header, "yes") == 0 ? 1 : strcmp(header, "no") == 0 ? -1 : 0;
  out->progress->total = size_mb(o.train) + size_mb(o.test);
  const char **target = texts(a, "target", &o.n_targets);
  const char **skip = texts(a, "skip", &o.n_skipped);
  const char **category = texts(a, "category", &o.n_categories);
  o.target = target;
  o.skip = skip;
  o.category = category;
  glia_status st = GLIA_OK;
  if (target != NULL && skip != NULL && category != NULL)
    st = glia_import_csv(&o, out, result);
  else
    st = GLIA_FAIL(GLIA_E_MEMORY, "a list of columns");
  free(target);
  free(skip);
  free(category);
  return st;
}

static glia_status import_png(const struct glia_args *a, struct glia_import_out *out)
{
  const struct glia_import_png o = {.folder = a->word[1],
                                    .test_fraction = glia_args_real(a, "test-share", 0.0),
                                    .seed = (uint64_t)glia_args_int(a, "seed", 0)};

  GLIA_CHECK(a->n_words == 2, GLIA_E_USAGE, "png takes one folder");
  return glia_import_png(&o, out);
}

static glia_status import_text(const struct glia_args *a, struct glia_import_out *out)
{
  const int64_t window = glia_args_int(a, "window", 64);
  const struct glia_import_text o = {.path = a->word[1],
                                     .window = window,
                                     .stride = glia_args_int(a, "stride", window),
                                     .test_fraction = glia_args_real(a, "test-share", 0.0)};

  GLIA_CHECK(a->n_words == 2, GLIA_E_USAGE, "text takes one file");
  out->progress->total = size_mb(o.path);
  return glia_import_text(&o, out);
}

static glia_status import_prometheus(const struct glia_args *a, struct glia_import_out *out)
{
  char token[GLIA_TOKEN_BYTES];
  struct glia_prometheus_query q = {.url = a->n_words == 2 ? a->word[1] : NULL,
                                    .match = glia_args_text(a, "match", NULL),
                                    .since_s = glia_args_duration(a, "since", 30.0 * 86400.0),
                                    .step_s = glia_args_duration(a, "step", 60.0)};

  GLIA_TRY(glia_args_token(a, "token-file", sizeof token, token));
  q.token = token[0] != '\0' ? token : NULL;
  GLIA_CHECK(q.url != NULL, GLIA_E_USAGE, "prometheus takes its address, http://HOST:9090");
  GLIA_CHECK(q.match != NULL, GLIA_E_USAGE,
             "--match is missing: which series, such as '{job=\"node\"}'?");
  return glia_prometheus_import(&q, out->path, out->force, out->progress);
}

static glia_status import_graph(const struct glia_args *a, struct glia_import_out *out)
{
  const char *how = glia_args_text(a, "normalize", "none");
  struct glia_import_graph o = {.edges = glia_args_text(a, "edges", NULL),
                                .features = glia_args_text(a, "features", NULL),
                                .labels = glia_args_text(a, "labels", NULL),
                                .splits = glia_args_text(a, "splits", NULL),
                                .n_nodes = glia_args_int(a, "nodes", 0),
                                .directed = glia_args_has(a, "directed"),
                                .self_loops = glia_args_has(a, "self-loops")};

  GLIA_CHECK(a->n_words == 1 && o.edges != NULL, GLIA_E_USAGE,
             "a graph's files are given by --edges FILE, --features, --labels and --splits");
  while (strcmp(normalizations[o.normalize], how) != 0) o.normalize++;
  out->progress->total =
      size_mb(o.edges) + 2.0 * size_mb(o.features) + size_mb(o.labels) + size_mb(o.splits);
  return glia_import_graph(&o, out);
}

static glia_status import_cifar(const struct glia_args *a, bool hundred,
                                struct glia_import_out *out)
{
  int n_test = 0;
  const char **test = texts(a, "test-file", &n_test);

  GLIA_CHECK(test != NULL, GLIA_E_MEMORY, "a list of files");
  for (int i = 1; i < a->n_words; i++) out->progress->total += size_mb(a->word[i]);
  for (int i = 0; i < n_test; i++) out->progress->total += size_mb(test[i]);
  glia_status st = GLIA_OK;
  if (a->n_words < 2)
    st = GLIA_FAIL(GLIA_E_USAGE, "%s takes one or more files of training pictures", a->word[0]);
  else
    st = glia_import_cifar(a->n_words - 1, a->word + 1, n_test, test, hundred, out);
  free(test);
  return st;
}

static glia_status import(struct glia_args *a, unsigned format, struct glia_import_out *out,
                          struct glia_import_csv_result *table)
{
  if (format == CSV) return import_csv(a, out, table);
  if (format == PNG) return import_png(a, out);
  if (format == TEXT) return import_text(a, out);
  if (format == PROMETHEUS) return import_prometheus(a, out);
  if (format == GRAPH) return import_graph(a, out);
  if (format == CIFAR10 || format == CIFAR100) return import_cifar(a, format == CIFAR100, out);
  if (format != TELEMETRY) return import_pairs(a, format == IDX, out);
  GLIA_CHECK(a->n_words == 2, GLIA_E_USAGE, "telemetry takes one folder");
  return glia_import_telemetry(a->word[1], glia_args_duration(a, "period", 60.0), out, NULL);
}

static glia_status run(struct glia_args *a)
{
  struct glia_progress progress;
  struct glia_import_csv_result table = {0};
  struct glia_import_out out;
  unsigned format = 0;

  for (unsigned i = 0; formats[i] != NULL; i++)
    if (strcmp(a->word[0], formats[i]) == 0) format = 1U << i;
  for (size_t i = 0; i < GLIA_COUNT(aliases); i++)
    if (strcmp(a->word[0], aliases[i].name) == 0) format = aliases[i].format;
  const char *near = format == 0 ? glia_nearest(a->word[0], formats) : NULL;
  GLIA_CHECK(
      format != 0, GLIA_E_USAGE, "unknown format '%.40s': %s%s%s", a->word[0],
      near != NULL
          ? "did you mean "
          : "idx, npy, csv, telemetry, graph, cifar10, cifar100, text, prometheus and png are read",
      near != NULL ? near : "", near != NULL ? "?" : "");
  GLIA_TRY(check_options(a, format, a->word[0]));
  GLIA_TRY(data_begin(a, "import", &out, &progress));
  GLIA_TRY(data_end(&out, import(a, format, &out, &table)));
  if (table.dropped > 0)
    glia_log(GLIA_LOG_WARN, "io", "rows-dropped", "rows=%lld why=\"missing cells\"",
             (long long)table.dropped);
  if (table.filled > 0)
    glia_log(GLIA_LOG_WARN, "io", "cells-filled",
             "cells=%lld why=\"missing cells\" with=\"means of the training rows; categories with "
             "none\"",
             (long long)table.filled);
  return data_describe(a, out.path, &table);
}

const struct glia_command glia_command_data_import_ = {
    .name = "data import",
    .summary = "turn files of other programs into a dataset or a telemetry file",
    .usage = "idx|npy|csv|telemetry|graph|cifar10|cifar100|text|prometheus|png [FILE ...] -o F.h5",
    .options = options,
    .details =
        "idx: the files of MNIST and its kin. npy: NumPy arrays, rows first. csv, or tsv: commas, "
        "semicolons, tabs or blanks, found from "
        "the first row; every column but labels and targets is an input. telemetry: a folder of "
        "NAME.train.csv, NAME.test.csv, "
        "NAME.test_label.csv, one node per NAME, or the folders of the Server Machine Dataset; "
        "series GROUP__NAME.csv of timestamp,value with anomaly_windows.json, as the Numenta "
        "Anomaly Benchmark has them, one node per series; or a log of failures, Date,Hardware "
        "Identifier,What Failed, which becomes events. "
        "cifar10 (or cifar), cifar100: the binary files of these sets. graph: tables of edges, "
        "features, "
        "labels "
        "and splits of one graph. "

        "text: "
        "rows of bytes, numbered, each with the row one byte on as its labels. prometheus: what a "
        "server has of the series that --match selects, one node per instance, counters as rates, "
        "cores "
        "folded. png: a folder of pictures of one size, FOLDER/CLASS/NAME.png or "
        "FOLDER/train/CLASS/NAME.png.\n\n"
        "Inputs may be packed with gzip or xz. An import that fails leaves no file, and an "
        "existing file is kept unless "
        "--force is given. What was made is described as by glia data info.",
    .example =
        "glia data import idx --train train-images.gz train-labels.gz --test t10k-images.gz "
        "t10k-labels.gz -o mnist.h5\n"
        "glia data import csv wine.csv --label quality --test-share 0.2 -o wine.h5\n"
        "glia data import csv adult.csv --label income --category job --category country --missing "
        "mean -o adult.h5\n"
        "glia data import png pictures/ --test-share 0.1 -o pictures.h5\n"
        "glia data import csv concrete.txt --target 9 -o concrete.h5\n"
        "glia data import text book.txt --window 64 --test-share 0.1 -o book.h5\n"
        "glia data import graph --edges edges.csv --features features.csv --labels "
        "labels.csv --splits split.csv -o cora.h5\n"
        "glia data import telemetry smd/ --period 1m -o smd.h5\n"
        "glia data import prometheus http://localhost:9090 --match '{job=\"node\"}' --since 30d "
        "-o site.h5",
    .run = run,
    .alone = true,
    .min_words = 1,
    .max_words = -1,
};
