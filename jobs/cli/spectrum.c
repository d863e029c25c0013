/* glia spectrum: singular spectra of a data set, of the layers of a checkpoint, or of a layer's activations. */
#include "spectrum.h"

#include "glia_agree.h"
#include "glia_archive.h"
#include "glia_bf16.h"
#include "glia_dataset.h"
#include "glia_file.h"
#include "glia_ops.h"
#include "glia_petsc.h"
#include "glia_progress.h"
#include "glia_weights.h"
#include "inspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MATRICES_MAX = 1024 };

struct job {
  struct glia_args *args;
  struct glia_comm *comm;
  char file[4096];
  const char *path; /* behind FILE:, or NULL */
  int n;
  struct matrix *m;
  json_t *left_out;
  struct glia_weights *weights;  /* of a checkpoint, or a file of another program */
  struct glia_source *source;    /* of a data set */
  struct inspection in;          /* of activations */
  struct glia_progress progress; /* in percent of the work, as it is thought to be */
  double work, done;             /* of all; of the matrices before */
};

static void leave_out(struct job *j, const char *path, const char *why)
{
  glia_progress_clear(&j->progress);
  glia_cli_print(j->args, "%s: left out: %s\n", path, why);
  json_array_append_new(j->left_out,
                        json_pack("{s:o, s:s}", "path", glia_json_text(path), "why", why));
}

static glia_status add(struct job *j, const char *path, struct matrix **out)
{
  GLIA_CHECK(j->n < MATRICES_MAX, GLIA_E_DATA, "more than %d matrices: name one as FILE:/path",
             MATRICES_MAX);
  *out = &j->m[j->n++];
  **out = (struct matrix){.finite = true, .index = -1};
  snprintf((*out)->path, sizeof(*out)->path, "%s", path);
  return GLIA_OK;
}

static double unit_of(glia_dtype dtype)
{
  return dtype == GLIA_F32 ? 0x1p-24 : dtype == GLIA_BF16 ? 0x1p-9 : 0.0;
}

/* Arrays of a file: one at a time is in memory. */

static glia_status read_memory(void *self, int64_t first, int64_t n, double *out)
{
  const struct matrix *m = self;

  memcpy(out, m->data + first * m->rows.cols, (size_t)(n * m->rows.cols) * sizeof *out);
  return GLIA_OK;
}

/* Rounding of numbers that were stored so. */
static double unit_as_stored(const char *stored, glia_dtype dtype)
{
  if (strcmp(stored, "BF16") == 0) return 0x1p-8;
  if (strcmp(stored, "F16") == 0 || strcmp(stored, "f2") == 0) return 0x1p-11;
  return unit_of(dtype);
}

/* [out, in, window...] as out rows. */
static glia_status add_array(struct job *j, int index, const struct glia_weight *a)
{
  const int64_t count = glia_type_count(&a->type), rows = a->type.rank > 0 ? a->type.dim[0] : 1;
  struct matrix *m;

  if (a->type.rank < 2) {
    leave_out(j, a->name, "a vector has no spectrum");
    return GLIA_OK;
  }
  if (!glia_dtype_is_float(a->type.dtype)) {
    leave_out(j, a->name, "whole numbers are no weights");
    return GLIA_OK;
  }
  GLIA_TRY(add(j, a->name, &m));
  m->index = index;
  m->unit = unit_as_stored(a->stored, a->type.dtype);
  m->rows = (struct glia_rows){m, rows, rows > 0 ? count / rows : 0, read_memory};
  return GLIA_OK;
}

static glia_status load(struct job *j, struct matrix *m)
{
  const int64_t count = m->rows.rows * m->rows.cols;

  m->data = malloc((size_t)count * sizeof *m->data + 1);
  GLIA_CHECK(m->data != NULL, GLIA_E_MEMORY, "array %s", m->path);
  GLIA_TRY(glia_weights_read(j->weights, m->index, GLIA_F64, m->data));
  for (int64_t i = 0; i < count && m->finite; i++) m->finite = isfinite(m->data[i]);
  return GLIA_OK;
}

/* Weights of a checkpoint, or all arrays of a file of another program; or the one that is asked for. */
static glia_status from_arrays(struct job *j, const char *path, bool is_checkpoint)
{
  const struct glia_weight *a;
  bool any = false;

  GLIA_TRY(glia_weights_open(path, &j->weights));
  const int n = glia_weights_list(j->weights, &a);
  for (int i = 0; i < n; i++) {
    if (j->path != NULL ? strcmp(a[i].name, j->path + 1) != 0
                        : is_checkpoint && strncmp(a[i].name, "params/", 7) != 0)
      continue;
    any = true;
    GLIA_TRY(add_array(j, i, &a[i]));
  }
  GLIA_CHECK(any || j->path == NULL, GLIA_E_MISSING, "%s holds no array %s", j->file, j->path + 1);
  GLIA_CHECK(any, GLIA_E_MISSING, "%s holds no arrays", j->file);
  return GLIA_OK;
}

/* Data sets, by rows. */

static glia_status read_source(void *self, int64_t first, int64_t n, double *out)
{
  const struct job *j = self;
  const struct matrix *m = &j->m[0];
  const int field = glia_source_field(j->source, strrchr(m->path, '/') + 1);
  const struct glia_field *f = &j->source->field[field];
  int64_t *row = malloc((size_t)n * sizeof *row);
  void *stored = malloc(glia_type_bytes(&f->row) * (size_t)n + 1);
  glia_status st = GLIA_OK;

  if (row == NULL || stored == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)n);
  for (int64_t i = 0; st == GLIA_OK && i < n; i++) row[i] = first + i;
  if (st == GLIA_OK) st = j->source->read(j->source->self, field, n, row, stored);
  for (int64_t i = 0; st == GLIA_OK && i < n * m->rows.cols; i++)
    out[i] = inspect_number(stored, f->row.dtype, i) * f->scale + f->offset;
  free(row);
  free(stored);
  return st;
}

static glia_status from_dataset(struct job *j)
{
  char split[64] = "train";
  const char *path = j->path != NULL ? j->path : "/train/x";
  const char *slash = strchr(path + 1, '/');
  struct matrix *m;

  GLIA_CHECK(slash != NULL && slash - path - 1 < (int)sizeof split, GLIA_E_USAGE,
             "%s: expected /SPLIT/FIELD, as in %s:/train/x", path, j->file);
  snprintf(split, sizeof split, "%.*s", (int)(slash - path - 1), path + 1);
  GLIA_TRY(glia_dataset_open(j->file, split, 0, &j->source));
  const int field = glia_source_field(j->source, slash + 1);
  GLIA_CHECK(field >= 0, GLIA_E_MISSING, "%s has no field %s", j->source->name, slash + 1);
  const struct glia_field *f = &j->source->field[field];
  GLIA_TRY(add(j, path, &m));
  m->unit = unit_of(f->row.dtype);
  m->rows = (struct glia_rows){j, j->source->n, glia_type_count(&f->row), read_source};
  return GLIA_OK;
}

/* Activations of a layer, by rows: each rank computes the blocks that it factors. */

static const char *wanted_layer; /* for `extend`, which has no argument of its own */

static glia_status extend(struct glia_model *m)
{
  char names[1024] = "";
  struct glia_graph *g = glia_model_extend(m);

  for (int i = 0; i < glia_model_layers(m); i++) {
    const struct glia_model_layer l = glia_model_layer(m, i);
    const size_t used = strlen(names);
    if (strcmp(l.name, wanted_layer) == 0) {
      glia_entry_output(g, glia_graph_entry(g, "activations"), "output",
                        glia_cast(g, l.value, GLIA_F64));
      return glia_graph_status(g);
    }
    snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "", l.name);
  }
  return GLIA_FAIL(GLIA_E_MISSING, "no layer %s; there are %s", wanted_layer, names);
}

/* Some rows of a source. */
struct part {
  struct glia_source source;
  struct glia_source *whole;
  int64_t first;
};

static glia_status read_part(void *self, int field, int64_t n, const int64_t *row, void *out)
{
  const struct part *p = self;
  int64_t *moved = malloc((size_t)n * sizeof *moved);

  GLIA_CHECK(moved != NULL, GLIA_E_MEMORY, "%lld rows", (long long)n);
  for (int64_t i = 0; i < n; i++) moved[i] = row[i] + p->first;
  const glia_status st = p->whole->read(p->whole->self, field, n, moved, out);
  free(moved);
  return st;
}

struct sink {
  double *out;
  int64_t cols;
};

static glia_status keep_rows(void *self, int64_t first, int64_t n, const void *rows)
{
  const struct sink *s = self;

  memcpy(s->out + first * s->cols, rows, (size_t)(n * s->cols) * sizeof *s->out);
  return GLIA_OK;
}

static glia_status read_activations(void *self, int64_t first, int64_t n, double *out)
{
  const struct job *j = self;
  struct part part = {.source = *j->in.rows, .whole = j->in.rows, .first = first};
  struct sink sink = {out, j->m[0].rows.cols};

  part.source.self = &part;
  part.source.n = n;
  part.source.read = read_part;
  return glia_predict_entry(j->in.s.model, j->in.s.engine, "activations", &part.source,
                            j->in.s.config.micro_batch, keep_rows, &sink);
}

static glia_status from_layer(struct job *j, const char *layer)
{
  struct matrix *m;
  char path[320];

  wanted_layer = layer;
  GLIA_TRY(inspect_open(&j->in, NULL, j->file, glia_args_text(j->args, "data", NULL),
                        glia_args_text(j->args, "split", "train"), extend));
  snprintf(path, sizeof path, "activations/%s", layer);
  GLIA_TRY(add(j, path, &m));
  m->rows = (struct glia_rows){j, j->in.rows->n, 0, read_activations};
  for (int i = 0; i < glia_model_layers(j->in.s.model); i++) {
    const struct glia_model_layer l = glia_model_layer(j->in.s.model, i);
    const struct glia_node *v = glia_graph_node(glia_model_graph(j->in.s.model), l.value);
    if (strcmp(l.name, layer) == 0) m->rows.cols = glia_type_count(&v->type) / v->type.dim[0];
  }
  return GLIA_OK;
}

/* Everything. */

static void split_path(struct job *j, const char *word)
{
  const char *colon = strstr(word, ":/");

  for (const char *next = colon; next != NULL; next = strstr(next + 1, ":/")) colon = next;
  snprintf(j->file, sizeof j->file, "%.*s",
           (int)(colon != NULL ? colon - word : (long)strlen(word)), word);
  j->path = colon != NULL ? colon + 1 : NULL;
}

static bool is_hdf5(const char *path)
{
  static const char signature[] = "\x89HDF\r\n\x1a\n";
  char first[8] = "";
  FILE *f = fopen(path, "rb");

  if (f == NULL) return false;
  const bool is =
      fread(first, 1, sizeof first, f) == sizeof first && memcmp(first, signature, 8) == 0;
  fclose(f);
  return is;
}

static glia_status open_matrices(struct job *j)
{
  char kind[GLIA_FILE_KIND_BYTES] = "checkpoint";
  const char *layer = glia_args_text(j->args, "layer", NULL);
  struct stat info;
  int64_t format;

  if (layer != NULL) return from_layer(j, layer);
  const bool exists = stat(j->file, &info) == 0;
  if (exists && !S_ISDIR(info.st_mode) && !is_hdf5(j->file)) return from_arrays(j, j->file, false);
  if (!exists || !S_ISDIR(info.st_mode)) GLIA_TRY(glia_file_kind(j->file, kind, &format));
  if (strcmp(kind, "checkpoint") == 0) return from_arrays(j, j->file, true);
  GLIA_CHECK(strcmp(kind, "dataset") == 0, GLIA_E_UNSUPPORTED,
             "%s is a %s, expected a data set or a checkpoint", j->file, kind);
  return from_dataset(j);
}

/* Operations for the singular values: a factor by blocks of rows, then those of the factor. */
static double factor_work(const struct glia_rows *r)
{
  const double m = (double)r->rows, n = (double)r->cols;

  return 2.0 * m * n * fmin(m, n);
}

static double work_of(const struct glia_rows *r)
{
  const double n = fmin((double)r->rows, (double)r->cols);

  return factor_work(r) + 8.0 / 3.0 * n * n * n;
}

static void tell(struct job *j, double done, const char *what)
{
  glia_progress_update(&j->progress, 100.0 * (j->done + done) / j->work, what);
}

/* Rows of a matrix, told as they are read: this rank's, as a share of its own. */
struct told {
  struct job *job;
  struct matrix *m;
  int64_t seen;
};

static glia_status read_told(void *self, int64_t first, int64_t n, double *out)
{
  struct told *t = self;
  const struct glia_rows *r = &t->m->rows;
  const double own = (double)r->rows / glia_comm_size(t->job->comm);

  GLIA_TRY(r->read(r->self, first, n, out));
  t->seen += n;
  tell(t->job, factor_work(r) * fmin((double)t->seen / own, 1.0), t->m->path);
  return GLIA_OK;
}

static glia_status find_values(struct job *j, struct matrix *m)
{
  const int64_t rows = m->rows.rows, cols = m->rows.cols, n = rows < cols ? rows : cols;
  const struct glia_spectrum_options o = {.level = glia_args_real(j->args, "level", 0.01),
                                          .unit = m->unit,
                                          .seed = (uint64_t)glia_args_int(j->args, "seed", 1)};

  if (m->index >= 0) GLIA_TRY(glia_agree(j->comm, load(j, m)));
  if (!m->finite) {
    leave_out(j, m->path, "it holds values that are not finite");
    return GLIA_OK;
  }
  m->s = calloc((size_t)n + 1, sizeof *m->s);
  const glia_status st =
      m->s != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "%lld values", (long long)n);
  GLIA_TRY(glia_agree(j->comm, st));
  if (n > GLIA_SPECTRUM_DENSE_MAX) GLIA_TRY(glia_petsc_begin(j->comm));
  struct told told = {j, m, 0};
  const struct glia_rows seen = {&told, rows, cols, read_told};
  if (n > 0) GLIA_TRY(glia_singular_values(j->comm, &seen, m->s));
  return glia_spectrum_describe(rows, cols, m->s, &o, &m->found);
}

static glia_status find_all(struct job *j)
{
  glia_status st = GLIA_OK;

  for (int i = 0; i < j->n; i++) j->work += work_of(&j->m[i].rows);
  glia_progress_begin(&j->progress, "spectrum", "%", 100.0);
  for (int i = 0; i < j->n && st == GLIA_OK; i++) {
    st = find_values(j, &j->m[i]);
    free(j->m[i].data);
    j->m[i].data = NULL;
    j->done += work_of(&j->m[i].rows);
    if (st == GLIA_OK) tell(j, 0.0, j->m[i].path);
  }
  glia_progress_end(&j->progress);
  return st;
}

static json_t *spectrum_json(const struct matrix *m)
{
  const struct glia_spectrum *f = &m->found;
  json_t *o =
      json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:s}", "path", glia_json_text(m->path), "rows",
                (json_int_t)f->rows, "cols", (json_int_t)f->cols, "rank", (json_int_t)f->rank,
                "frozen", (json_int_t)f->frozen, "spikes", (json_int_t)f->spikes, "note", f->note);
  const struct {
    const char *key;
    double v;
  } real[] = {
      {"singular_value_max", f->singular_value_max},
      {"singular_value_min", f->singular_value_min},
      {"log10_norm", f->log_norm},
      {"log10_spectral_norm", f->log_spectral_norm},
      {"stable_rank", f->stable_rank},
      {"soft_rank", f->soft_rank},
      {"entropy", f->entropy},
      {"noise_variance", f->noise_variance},
      {"bulk_lo", f->bulk_lo},
      {"bulk_hi", f->bulk_hi},
      {"fit_distance", f->fit_distance},
      {"fit_p", f->fit_p},
      {"spike_level", f->spike_level},
      {"spike_threshold", f->spike_threshold},
      {"spike_p", f->spike_p},
      {"alpha", f->tail.alpha},
      {"alpha_lo", f->tail.lo},
      {"alpha_hi", f->tail.hi},
      {"alpha_xmin", f->tail.xmin},
      {"alpha_weighted", f->alpha_weighted},
      {"log10_alpha_norm", f->log_alpha_norm},
      {"published_alpha", f->published.alpha},
      {"published_sigma", f->published.sigma},
      {"published_xmin", f->published.xmin},
      {"published_distance", f->published.distance},
  };

  for (size_t i = 0; i < GLIA_COUNT(real); i++)
    json_object_set_new(o, real[i].key, glia_json_real(real[i].v));
  json_object_set_new(o, "alpha_values", json_integer(f->tail.n));
  return o;
}

static void print_one(const struct glia_args *a, const struct matrix *m)
{
  const struct glia_spectrum *f = &m->found;

  glia_cli_print(a, "%s  %lld x %lld  largest %.5g, rank %lld, stable rank %.3g, entropy %.3f\n",
                 m->path, (long long)f->rows, (long long)f->cols, f->singular_value_max,
                 (long long)f->rank, f->stable_rank, f->entropy);
  if (!isnan(f->noise_variance))
    glia_cli_print(a,
                   "    bulk [%.4g, %.4g] of noise variance %.4g (distance %.3f, p %.2g); %lld "
                   "spikes above %.4g at the level %g; soft rank %.3g\n",
                   f->bulk_lo, f->bulk_hi, f->noise_variance, f->fit_distance, f->fit_p,
                   (long long)f->spikes, f->spike_threshold, f->spike_level, f->soft_rank);
  if (!isnan(f->tail.alpha))
    glia_cli_print(a, "    tail exponent %.3g [%.3g, %.3g] over %lld eigenvalues\n", f->tail.alpha,
                   f->tail.lo, f->tail.hi, (long long)f->tail.n);
  if (f->note[0] != '\0') glia_cli_print(a, "    %s\n", f->note);
}

/* All values, for other programs (docs/formats/spectrum.md). */
static glia_status write_values(const struct job *j, const char *path)
{
  struct glia_archive_writer *w = NULL;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_archive_create(path, "spectrum", 1, true, &w));
  for (int i = 0; i < j->n && st == GLIA_OK; i++) {
    const struct matrix *m = &j->m[i];
    char name[400];
    if (m->s == NULL || m->found.count == 0) continue;
    snprintf(name, sizeof name, "values/%s", m->path + (m->path[0] == '/'));
    const struct glia_array a = {name, glia_type_make(GLIA_F64, 1, &m->found.count), m->s};
    st = glia_archive_put(w, &a);
  }
  if (st == GLIA_OK) return glia_archive_commit(&w);
  glia_archive_abort(&w);
  return st;
}

static glia_status answer(struct job *j)
{
  struct glia_args *a = j->args;
  json_t *list = json_array();
  glia_status st = GLIA_OK;

  for (int i = 0; i < j->n; i++) {
    if (j->m[i].s == NULL) continue;
    print_one(a, &j->m[i]);
    json_array_append_new(list, spectrum_json(&j->m[i]));
  }
  if (a->rank == 0 && glia_args_has(a, "values"))
    st = write_values(j, glia_args_text(a, "values", NULL));
  if (st == GLIA_OK && a->rank == 0 && glia_args_has(a, "output"))
    st = spectrum_draw(j->n, j->m, glia_args_text(a, "output", NULL));
  st = glia_agree(j->comm, st);
  if (st != GLIA_OK) {
    json_decref(list);
    return st;
  }
  return glia_cli_json(a, json_pack("{s:o, s:O}", "matrices", list, "left_out", j->left_out));
}

static glia_status run_all(struct job *j)
{
  GLIA_TRY(glia_comm_world(&j->comm));
  split_path(j, j->args->word[0]);
  j->m = calloc(MATRICES_MAX, sizeof *j->m);
  GLIA_CHECK(j->m != NULL, GLIA_E_MEMORY, "a table of matrices");
  GLIA_TRY(glia_agree(j->comm, open_matrices(j)));
  GLIA_TRY(find_all(j));
  return answer(j);
}

static glia_status run(struct glia_args *args)
{
  struct job j = {.args = args, .left_out = json_array()};
  const glia_status st = run_all(&j);

  for (int i = 0; i < j.n; i++) {
    free(j.m[i].data);
    free(j.m[i].s);
  }
  free(j.m);
  json_decref(j.left_out);
  glia_weights_close(&j.weights);
  glia_source_close(&j.source);
  inspect_close(&j.in);
  glia_petsc_end();
  glia_comm_destroy(&j.comm);
  return st;
}

static const char *const splits[] = {"train", "valid", "test", NULL};

static const struct glia_option options[] = {
    {.name = "layer",
     .kind = GLIA_OPTION_TEXT,
     .argument = "NAME",
     .help = "activations of this layer of a checkpoint, instead of weights"},
    {.name = "data",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .with = "layer",
     .help = "data set for --layer; else the one it was trained on",
     .input = true},
    {.name = "split",
     .kind = GLIA_OPTION_TEXT,
     .argument = "SPLIT",
     .choices = splits,
     .with = "layer",
     .help = "of that data set: train, valid or test (train)"},
    {.name = "level",
     .kind = GLIA_OPTION_REAL,
     .argument = "P",
     .lo = 1e-6,
     .hi = 0.5,
     .help = "rate at which pure noise shows a spike (0.01)"},
    {.name = "seed",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 0,
     .hi = 9e15,
     .help = "of bootstrap and noise matrices (1)"},
    {.name = "values",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .help = "write all singular values",
     .output = GLIA_OUTPUT_ANEW},
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.svg",
     .help = "draw spectra and laws: .svg, .pdf, .png or .html",
     .output = GLIA_OUTPUT_FIGURE},
    {0}};

const struct glia_command glia_command_spectrum_ = {
    .name = "spectrum",
    .summary = "singular spectra and what random-matrix theory says about them",
    .usage = "FILE[:/path]",
    .options = options,
    .details =
        "FILE is a data set (/train/x unless a path says otherwise), a checkpoint or its folder, "
        "or safetensors, .npz or .npy of another program (all weights, kernels as output rows, or "
        "one path); what is left out is said, and why.\n\nEvery value is found to rounding, "
        "small ones too, with the same bits for any number of ranks. A bulk of noise is fitted by "
        "the law of Marchenko and Pastur, spikes are what noise reaches with the probability "
        "--level at most, by Tracy and Widom's law (--level / (k + 1) after k of them). An "
        "exponent without an interval means nothing, "
        "and neither is a verdict on a model.",
    .example = "glia spectrum run -o spectra.svg\nmpirun -n 2 glia spectrum fashion.h5:/train/x "
               "--values s.h5\nglia spectrum run --layer 03-relu --data fashion.h5\n"
               "glia spectrum model.safetensors:/fc1.weight",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .parallel = true,
};
