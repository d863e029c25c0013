/* Detectors in a file: see docs/formats/models.md. */
#include "detect_mix.h"
#include "detect_priv.h"
#include "glia_archive.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 1024 };

static const char *path_of(char out[PATH_BYTES], const char *node, const char *member)
{
  snprintf(out, PATH_BYTES, "models/%s%s%s", node, member[0] != '\0' ? "/" : "", member);
  return out;
}

static glia_status put_array(struct glia_archive_writer *w, const char *node, const char *name,
                             struct glia_type type, const void *data)
{
  char path[PATH_BYTES];
  const struct glia_array a = {path_of(path, node, name), type, (void *)(uintptr_t)data};

  return glia_archive_put(w, &a);
}

/* Names of columns [from, to) and one more text of each. */
static glia_status put_columns(struct glia_archive_writer *w, const struct glia_detector *d)
{
  const struct glia_columns *c = &d->columns;
  const char **text = calloc((size_t)c->n_all + 1, sizeof *text);
  char path[PATH_BYTES];
  glia_status st = GLIA_OK;

  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "%d columns", c->n_all);
  for (int j = 0; j < c->n_all; j++) text[j] = c->column[j].name;
  GLIA_TRY_TO(out, st, glia_archive_put_texts(w, path_of(path, d->node, "columns"), c->n, text));
  GLIA_TRY_TO(
      out, st,
      glia_archive_put_texts(w, path_of(path, d->node, "dropped"), c->n_all - c->n, text + c->n));
  for (int j = 0; j < c->n; j++) text[j] = c->column[j].unit;
  GLIA_TRY_TO(out, st, glia_archive_put_texts(w, path_of(path, d->node, "units"), c->n, text));
  for (int j = c->n; j < c->n_all; j++) text[j] = c->column[j].dropped;
  GLIA_TRY_TO(
      out, st,
      glia_archive_put_texts(w, path_of(path, d->node, "reasons"), c->n_all - c->n, text + c->n));
out:
  free(text);
  return st;
}

static glia_status put_scaler(struct glia_archive_writer *w, const struct glia_detector *d)
{
  const struct glia_columns *c = &d->columns;
  const struct glia_type real = glia_type_make(GLIA_F64, 1, (int64_t[]){c->n});
  const struct glia_type flag = glia_type_make(GLIA_U8, 1, (int64_t[]){c->n});

  GLIA_TRY(put_array(w, d->node, "scaler/relative", flag, c->relative));
  GLIA_TRY(put_array(w, d->node, "scaler/logarithmic", flag, c->logarithmic));
  GLIA_TRY(put_array(w, d->node, "scaler/median", real, c->median));
  GLIA_TRY(put_array(w, d->node, "scaler/centre", real, c->centre));
  GLIA_TRY(put_array(w, d->node, "scaler/scale", real, c->scale));
  GLIA_TRY(put_array(w, d->node, "scaler/lo", real, c->lo));
  GLIA_TRY(put_array(w, d->node, "scaler/hi", real, c->hi));
  return put_array(w, d->node, "spread", real, d->spread);
}

static glia_status put_facts(struct glia_archive_writer *w, const struct glia_detector *d)
{
  char sha256[65];

  GLIA_TRY(glia_detector_sha256(d, sha256));
  const struct glia_attribute fact[] = {
      glia_attribute_text("kind", glia_detect_kind_name(d->options.kind)),
      glia_attribute_text("config", d->config),
      glia_attribute_text("glia_version", PACKAGE_VERSION),
      glia_attribute_text("parameters_sha256", sha256),
      glia_attribute_int("seed", (int64_t)d->options.seed),
      glia_attribute_int("epochs", d->options.epochs),
      glia_attribute_int("window", d->options.window),
      glia_attribute_int("persistence", d->options.persistence),
      glia_attribute_int("rows_train", d->rows_train),
      glia_attribute_int("rows_valid", d->rows_valid),
      glia_attribute_int("lags", d->lags),
      glia_attribute_real("k", d->options.k),
      glia_attribute_real("quantile", d->options.quantile),
      glia_attribute_real("level_s", d->columns.level_s),
      glia_attribute_real("threshold", d->threshold),
      glia_attribute_real("flag", d->flag),
      glia_attribute_real("budget_per_week", d->options.budget_per_week),
      glia_attribute_real("faulty", d->options.faulty),
      glia_attribute_real("max_error_p95", d->max_error_p95),
      glia_attribute_real("train_loss", d->train_loss),
      glia_attribute_int("train_begin_ns", d->train_begin_ns),
      glia_attribute_int("train_end_ns", d->train_end_ns),
      glia_attribute_real("tail_from", d->tail.from),
      glia_attribute_real("tail_share", d->tail.share),
      glia_attribute_real("tail_scale", d->tail.scale),
      glia_attribute_real("tail_shape", d->tail.shape),
  };
  char path[PATH_BYTES];

  for (size_t i = 0; i < GLIA_COUNT(fact); i++)
    GLIA_TRY(glia_archive_put_attribute(w, path_of(path, d->node, ""), &fact[i]));
  return GLIA_OK;
}

static glia_status put_detector(struct glia_archive_writer *w, const struct glia_detector *d)
{
  GLIA_TRY(put_facts(w, d));
  GLIA_TRY(put_columns(w, d));
  GLIA_TRY(put_scaler(w, d));
  for (int i = 0; i < d->n_parameters; i++)
    GLIA_TRY(
        put_array(w, d->node, d->parameter[i].path, d->parameter[i].type, d->parameter[i].data));
  return GLIA_OK;
}

/* Without such nodes the file is what older versions write. */
static glia_status put_left(struct glia_archive_writer *w, int n,
                            const struct glia_detect_left *left)
{
  const char **text = calloc((size_t)n + 1, sizeof *text);
  glia_status st = GLIA_OK;

  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "%d nodes", n);
  for (int i = 0; i < n; i++) text[i] = left[i].node;
  if (n > 0) st = glia_archive_put_texts(w, "unwatched/nodes", n, text);
  for (int i = 0; i < n; i++) text[i] = left[i].reason;
  if (n > 0 && st == GLIA_OK) st = glia_archive_put_texts(w, "unwatched/reasons", n, text);
  free(text);
  return st;
}

glia_status glia_detectors_write_all(const char *path, bool force, int n,
                                     struct glia_detector *const *d, int n_left,
                                     const struct glia_detect_left *left)
{
  struct glia_archive_writer *w;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_archive_create(path, "models", GLIA_MODELS_FORMAT, force, &w));
  for (int i = 0; i < n && st == GLIA_OK; i++) st = put_detector(w, d[i]);
  if (st == GLIA_OK) st = put_left(w, n_left, left);
  if (st == GLIA_OK) return glia_archive_commit(&w);
  glia_archive_abort(&w);
  return st;
}

glia_status glia_detectors_write(const char *path, bool force, int n,
                                 struct glia_detector *const *d)
{
  return glia_detectors_write_all(path, force, n, d, 0, NULL);
}

static glia_status get_left(struct glia_archive *a, int *n, struct glia_detect_left **out)
{
  char **name = NULL, **reason = NULL;
  int64_t n_names = 0, n_reasons = 0;
  glia_status st = glia_archive_get_texts(a, "unwatched/nodes", &n_names, &name);

  if (st == GLIA_E_MISSING) { /* of an older version, or there was none */
    glia_trace_clear();
    return GLIA_OK;
  }
  GLIA_TRY(st);
  GLIA_TRY_TO(out, st, glia_archive_get_texts(a, "unwatched/reasons", &n_reasons, &reason));
  GLIA_CHECK_TO(out, st, n_names == n_reasons && n_names <= 1 << 20, GLIA_E_SHAPE,
                "%lld nodes without a model, but %lld reasons", (long long)n_names,
                (long long)n_reasons);
  *out = calloc((size_t)n_names + 1, sizeof **out);
  GLIA_CHECK_TO(out, st, *out != NULL, GLIA_E_MEMORY, "%lld nodes", (long long)n_names);
  for (; *n < n_names; ++*n) { /* the texts are theirs now */
    (*out)[*n] = (struct glia_detect_left){name[*n], reason[*n]};
    name[*n] = reason[*n] = NULL;
  }
out:
  glia_texts_free(n_names, &name);
  glia_texts_free(n_reasons, &reason);
  return st;
}

glia_status glia_detectors_read_left(const char *path, int *n, struct glia_detect_left **out)
{
  struct glia_archive *a;

  *n = 0;
  *out = NULL;
  GLIA_TRY(glia_archive_open(path, "models", GLIA_MODELS_FORMAT, &a));
  const glia_status st = get_left(a, n, out);
  glia_archive_close(&a);
  return st;
}

void glia_detect_left_free(int n, struct glia_detect_left **left)
{
  if (left == NULL || *left == NULL) return;
  for (int i = 0; i < n; i++) {
    free((*left)[i].node);
    free((*left)[i].reason);
  }
  free(*left);
  *left = NULL;
}

static glia_status get_int(struct glia_archive *a, const char *node, const char *name, int64_t lo,
                           int64_t hi, int64_t *out)
{
  char path[PATH_BYTES];

  GLIA_TRY(glia_archive_get_int(a, path_of(path, node, ""), name, out));
  GLIA_CHECK(*out >= lo && *out <= hi, GLIA_E_DATA, "model of node %s: %s is %lld", node, name,
             (long long)*out);
  return GLIA_OK;
}

/* Files of earlier versions do not have these. */
static void get_later_facts(struct glia_archive *a, const char *path, struct glia_detector *d)
{
  struct glia_tail *t = &d->tail;
  int64_t lags = GLIA_MIX_LAGS;

  if (glia_archive_get_int(a, path, "lags", &lags) != GLIA_OK) glia_trace_clear();
  d->lags = lags >= 0 && lags <= GLIA_MIX_LAGS ? (int)lags : -1;

  if (glia_archive_get_int(a, path, "train_begin_ns", &d->train_begin_ns) == GLIA_OK &&
      glia_archive_get_int(a, path, "train_end_ns", &d->train_end_ns) == GLIA_OK &&
      glia_archive_get_real(a, path, "tail_from", &t->from) == GLIA_OK &&
      glia_archive_get_real(a, path, "tail_share", &t->share) == GLIA_OK &&
      glia_archive_get_real(a, path, "tail_scale", &t->scale) == GLIA_OK &&
      glia_archive_get_real(a, path, "tail_shape", &t->shape) == GLIA_OK)
    return;
  glia_trace_clear();
  *t = (struct glia_tail){0};
}

static glia_status get_facts(struct glia_archive *a, struct glia_detector *d)
{
  char path[PATH_BYTES];
  int64_t i = 0;
  char *text = NULL;

  path_of(path, d->node, "");
  GLIA_TRY(glia_archive_get_text(a, path, "config", &d->config));
  GLIA_TRY(glia_archive_get_text(a, path, "kind", &text));
  bool known = false;
  for (int k = 0; k < 3 && !known; k++) {
    d->options.kind = (glia_detect_kind)k;
    known = strcmp(text, glia_detect_kind_name(d->options.kind)) == 0;
  }
  free(text);
  GLIA_CHECK(known, GLIA_E_UNSUPPORTED, "model of node %s is of an unknown kind", d->node);
  GLIA_TRY(get_int(a, d->node, "seed", 0, INT64_MAX, &i));
  d->options.seed = (uint64_t)i;
  GLIA_TRY(get_int(a, d->node, "epochs", 1, INT32_MAX, &d->options.epochs));
  GLIA_TRY(get_int(a, d->node, "window", 1, 1 << 20, &i));
  d->options.window = (int)i;
  GLIA_TRY(get_int(a, d->node, "persistence", 1, 1 << 20, &i));
  d->options.persistence = (int)i;
  GLIA_TRY(get_int(a, d->node, "rows_train", 0, INT64_MAX, &d->rows_train));
  GLIA_TRY(get_int(a, d->node, "rows_valid", 0, INT64_MAX, &d->rows_valid));
  GLIA_TRY(glia_archive_get_real(a, path, "k", &d->options.k));
  GLIA_TRY(glia_archive_get_real(a, path, "quantile", &d->options.quantile));
  GLIA_TRY(glia_archive_get_real(a, path, "level_s", &d->columns.level_s));
  GLIA_TRY(glia_archive_get_real(a, path, "threshold", &d->threshold));
  GLIA_TRY(glia_archive_get_real(a, path, "flag", &d->flag));
  GLIA_TRY(glia_archive_get_real(a, path, "budget_per_week", &d->options.budget_per_week));
  GLIA_TRY(glia_archive_get_real(a, path, "max_error_p95", &d->max_error_p95));
  GLIA_CHECK(
      isfinite(d->threshold) && isfinite(d->flag), GLIA_E_DATA,
      "model of node %s: a threshold of %g and a flag of %g would never tell an alarm: train "
      "it again",
      d->node, d->threshold, d->flag);
  get_later_facts(a, path, d);
  GLIA_CHECK(d->lags >= 0 && d->lags <= GLIA_MIX_LAGS, GLIA_E_DATA,
             "model of node %s: its lags make no sense", d->node);
  return glia_archive_get_real(a, path, "train_loss", &d->train_loss);
}

/* One list of texts, of `want` entries (-1: any number, into *n). */
static glia_status get_list(struct glia_archive *a, const char *node, const char *name,
                            int64_t want, int64_t *n, char ***text)
{
  char path[PATH_BYTES];

  GLIA_TRY(glia_archive_get_texts(a, path_of(path, node, name), n, text));
  if ((want < 0 || *n == want) && *n <= 1 << 20) return GLIA_OK;
  const long long found = (long long)*n;
  glia_texts_free(*n, text);
  return GLIA_FAIL(GLIA_E_SHAPE, "model of node %s: %s has %lld entries, expected %lld", node, name,
                   found, (long long)want);
}

static glia_status get_columns(struct glia_archive *a, struct glia_detector *d)
{
  struct glia_columns *c = &d->columns;
  char **name = NULL, **unit = NULL, **dropped = NULL, **reason = NULL;
  int64_t n = 0, n_dropped = 0, same = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(out, st, get_list(a, d->node, "columns", -1, &n, &name));
  GLIA_TRY_TO(out, st, get_list(a, d->node, "units", n, &same, &unit));
  GLIA_TRY_TO(out, st, get_list(a, d->node, "dropped", -1, &n_dropped, &dropped));
  GLIA_TRY_TO(out, st, get_list(a, d->node, "reasons", n_dropped, &same, &reason));
  GLIA_CHECK_TO(out, st, n >= 1, GLIA_E_DATA, "model of node %s has no columns", d->node);
  c->n = (int)n;
  c->n_all = (int)(n + n_dropped);
  c->column = calloc((size_t)c->n_all, sizeof *c->column);
  GLIA_CHECK_TO(out, st, c->column != NULL, GLIA_E_MEMORY, "%d columns", c->n_all);
  for (int j = 0; j < c->n_all; j++) {
    struct glia_detect_column *to = &c->column[j];
    const bool used = j < c->n;
    to->name = strdup(used ? name[j] : dropped[j - c->n]);
    to->unit = strdup(used ? unit[j] : "");
    if (!used) to->dropped = glia_columns_reason_(reason[j - c->n]);
    GLIA_CHECK_TO(out, st, to->name != NULL && to->unit != NULL, GLIA_E_MEMORY, "columns");
  }
out:
  glia_texts_free(n, &name);
  glia_texts_free(n, &unit);
  glia_texts_free(n_dropped, &dropped);
  glia_texts_free(n_dropped, &reason);
  return st;
}

/* Room for, and contents of, one array [n] of the columns. */
static glia_status get_array(struct glia_archive *a, const struct glia_detector *d,
                             const char *name, glia_dtype dtype, void **out)
{
  char path[PATH_BYTES];
  struct glia_array array = {path_of(path, d->node, name),
                             glia_type_make(dtype, 1, (int64_t[]){d->columns.n}), NULL};

  *out = array.data = malloc(glia_type_bytes(&array.type) + 1);
  GLIA_CHECK(array.data != NULL, GLIA_E_MEMORY, "%s", path);
  return glia_archive_get(a, &array);
}

static glia_status get_reals(struct glia_archive *a, const struct glia_detector *d,
                             const char *name, bool positive, double **out)
{
  void *data = NULL;
  const glia_status st = get_array(a, d, name, GLIA_F64, &data);

  *out = data;
  GLIA_TRY(st);
  for (int j = 0; positive && j < d->columns.n; j++)
    GLIA_CHECK((*out)[j] > 0.0, GLIA_E_DATA, "model of node %s: %s of %s is %g", d->node, name,
               d->columns.column[j].name, (*out)[j]);
  return GLIA_OK;
}

static glia_status get_flags(struct glia_archive *a, const struct glia_detector *d,
                             const char *name, uint8_t **out)
{
  void *data = NULL;
  const glia_status st = get_array(a, d, name, GLIA_U8, &data);

  *out = data;
  return st;
}

static glia_status get_scaler(struct glia_archive *a, struct glia_detector *d)
{
  GLIA_TRY(get_flags(a, d, "scaler/relative", &d->columns.relative));
  GLIA_TRY(get_flags(a, d, "scaler/logarithmic", &d->columns.logarithmic));
  for (int j = 0; j < d->columns.n; j++)
    GLIA_CHECK(d->columns.relative[j] == 0 || d->columns.level_s > 0.0, GLIA_E_DATA,
               "model of node %s: relative metrics, but level_s is %g", d->node,
               d->columns.level_s);
  GLIA_TRY(get_reals(a, d, "scaler/median", false, &d->columns.median));
  GLIA_TRY(get_reals(a, d, "scaler/centre", false, &d->columns.centre));
  GLIA_TRY(get_reals(a, d, "scaler/scale", true, &d->columns.scale));
  GLIA_TRY(get_reals(a, d, "scaler/lo", false, &d->columns.lo));
  GLIA_TRY(get_reals(a, d, "scaler/hi", false, &d->columns.hi));
  return get_reals(a, d, "spread", true, &d->spread);
}

/* The network that the configuration makes says which parameters there must be. */
static glia_status get_parameters(struct glia_archive *a, struct glia_detector *d)
{
  const struct glia_state *state;
  char path[PATH_BYTES];

  GLIA_TRY(glia_detector_ready_(d)); /* with none yet */
  const int n = glia_graph_states(glia_model_graph(d->net.model), &state);
  for (int i = 0; i < n; i++) {
    if (strncmp(state[i].path, "params/", 7) != 0) continue;
    const struct glia_array array = {path_of(path, d->node, state[i].path), state[i].type,
                                     glia_engine_state(d->net.engine, i)};
    GLIA_TRY(glia_archive_get(a, &array));
  }
  return glia_detector_take_(d, &d->net);
}

struct place {
  struct glia_archive *archive;
  const char *node;
};

/* Older files have float64 where one of today has float32. */
static glia_status get_one(void *self, struct glia_array *array)
{
  const struct place *p = self;
  char path[PATH_BYTES];
  struct glia_array at = {path_of(path, p->node, array->path), array->type, array->data};
  struct glia_type there;

  GLIA_TRY(glia_archive_type(p->archive, at.path, &there));
  if (array->type.dtype != GLIA_F32 || there.dtype != GLIA_F64)
    return glia_archive_get(p->archive, &at);
  at.type.dtype = GLIA_F64;
  double *wide = malloc(glia_type_bytes(&at.type) + 1);
  GLIA_CHECK(wide != NULL, GLIA_E_MEMORY, "%s", path);
  at.data = wide;
  const glia_status st = glia_archive_get(p->archive, &at);
  for (int64_t i = 0; st == GLIA_OK && i < glia_type_count(&at.type); i++)
    ((float *)array->data)[i] = (float)wide[i];
  free(wide);
  return st;
}

static glia_status get_detector(struct glia_archive *a, const char *node,
                                struct glia_detector **out)
{
  struct glia_detector *d = calloc(1, sizeof *d);
  glia_status st = GLIA_OK;

  *out = d;
  GLIA_CHECK(d != NULL, GLIA_E_MEMORY, "node %s", node);
  d->node = strdup(node);
  GLIA_CHECK_TO(fail, st, d->node != NULL, GLIA_E_MEMORY, "node %s", node);
  GLIA_TRY_TO(fail, st, get_facts(a, d));
  GLIA_TRY_TO(fail, st, get_columns(a, d));
  GLIA_TRY_TO(fail, st, get_scaler(a, d));
  GLIA_TRY_TO(fail, st,
              d->options.kind == GLIA_DETECT_COMBINED
                  ? glia_combined_read_(d, get_one, &(struct place){a, d->node})
                  : get_parameters(a, d));
  return GLIA_OK;
fail:
  glia_detector_destroy(out);
  return st;
}

glia_status glia_detectors_read(const char *path, int *n, struct glia_detector ***out)
{
  struct glia_archive *a;
  char **name = NULL;
  int64_t n_names = 0;
  glia_status st = GLIA_OK;

  *n = 0;
  *out = NULL;
  GLIA_TRY(glia_archive_open(path, "models", GLIA_MODELS_FORMAT, &a));
  GLIA_TRY_TO(out, st, glia_archive_members(a, "models", &n_names, &name));
  *out = calloc((size_t)n_names + 1, sizeof **out);
  GLIA_CHECK_TO(out, st, *out != NULL, GLIA_E_MEMORY, "%s", path);
  for (int64_t i = 0; i < n_names; i++) {
    GLIA_TRY_TO(out, st, get_detector(a, name[i], &(*out)[i]));
    ++*n;
  }
out:
  glia_texts_free(n_names, &name);
  glia_archive_close(&a);
  if (st != GLIA_OK) {
    glia_detectors_free(*n, out);
    *n = 0;
  }
  return st;
}

void glia_detectors_free(int n, struct glia_detector ***d)
{
  if (d == NULL || *d == NULL) return;
  for (int i = 0; i < n; i++) glia_detector_destroy(&(*d)[i]);
  free(*d);
  *d = NULL;
}
