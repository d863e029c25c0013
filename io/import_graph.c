/* Graphs from tables of edges, features, labels and splits. */
#include "glia_graph_data.h"
#include "table_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t NODES_MAX = (int64_t)1 << 32;
static const size_t FEATURES_MAX_BYTES = (size_t)16 << 30;

struct edge {
  int64_t from, to, number; /* number: place in the file */
  float weight;
};

struct work {
  const struct glia_import_graph *o;
  struct glia_progress *progress;
  struct glia_graph_data g;
  int64_t n, max;
  struct edge *edge;
};

static glia_status number_at(const struct glia_table *t, int column, int64_t below,
                             const char *what, int64_t *out)
{
  double v = NAN;

  GLIA_CHECK(column < t->n && glia_table_number_(t->cell[column], &v) && v >= 0.0 &&
                 v < (double)below && v == floor(v),
             GLIA_E_DATA, "%s:%" PRId64 ": '%.40s' is no number of a %s from 0 to %" PRId64,
             glia_stream_path_(t->stream), t->line, column < t->n ? t->cell[column] : "", what,
             below - 1);
  *out = (int64_t)v;
  return GLIA_OK;
}

static glia_status real_at(const struct glia_table *t, int column, float *out)
{
  double v = NAN;

  GLIA_CHECK(glia_table_number_(t->cell[column], &v) && isfinite((float)v), GLIA_E_DATA,
             "%s:%" PRId64 ": '%.40s' is no finite number", glia_stream_path_(t->stream), t->line,
             t->cell[column]);
  *out = (float)v;
  return GLIA_OK;
}

/* Call `take` for every row of a table. */
static glia_status
each_row(struct work *k, const char *path,
         glia_status (*take)(struct work *k, const struct glia_table *t, void *self), void *self)
{
  struct glia_table *t = NULL;
  bool end = false;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_table_open_(path, GLIA_HEADER_AUTO, k->progress, &t));
  for (;;) {
    GLIA_TRY_TO(out, st, glia_table_next_(t, &end));
    if (end) break;
    GLIA_TRY_TO(out, st, take(k, t, self));
  }
out:
  glia_table_close_(&t);
  return st;
}

static glia_status push(struct work *k, struct edge e)
{
  if (k->n == k->max) {
    const int64_t max = k->max * 2 + 1024;
    struct edge *more = realloc(k->edge, (size_t)max * sizeof *more);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%" PRId64 " edges", max);
    k->edge = more;
    k->max = max;
  }
  e.number = k->n;
  k->edge[k->n++] = e;
  return GLIA_OK;
}

static glia_status take_edge(struct work *k, const struct glia_table *t, void *self)
{
  const int64_t below = k->o->n_nodes > 0 ? k->o->n_nodes : NODES_MAX;
  struct edge e = {.weight = 1.0F};

  (void)self;
  GLIA_CHECK(t->n == 2 || t->n == 3, GLIA_E_SHAPE,
             "%s:%" PRId64 ": %d columns, expected two nodes and perhaps a weight",
             glia_stream_path_(t->stream), t->line, t->n);
  GLIA_TRY(number_at(t, 0, below, "node", &e.from));
  GLIA_TRY(number_at(t, 1, below, "node", &e.to));
  if (t->n == 3) GLIA_TRY(real_at(t, 2, &e.weight));
  const int64_t most = e.from > e.to ? e.from : e.to;
  if (k->o->n_nodes == 0 && most >= k->g.n_nodes) k->g.n_nodes = most + 1;
  GLIA_TRY(push(k, e));
  if (k->o->directed || e.from == e.to) return GLIA_OK;
  return push(k, (struct edge){e.to, e.from, 0, e.weight});
}

static int by_place(const void *a, const void *b)
{
  const struct edge *x = a, *y = b;

  if (x->from != y->from) return (x->from > y->from) - (x->from < y->from);
  if (x->to != y->to) return (x->to > y->to) - (x->to < y->to);
  return (x->number > y->number) - (x->number < y->number);
}

static glia_status add_loops(struct work *k)
{
  bool *have = calloc((size_t)k->g.n_nodes, sizeof *have);
  glia_status st = GLIA_OK;

  GLIA_CHECK(have != NULL, GLIA_E_MEMORY, "%" PRId64 " nodes", k->g.n_nodes);
  for (int64_t i = 0; i < k->n; i++)
    if (k->edge[i].from == k->edge[i].to) have[k->edge[i].from] = true;
  for (int64_t i = 0; i < k->g.n_nodes && st == GLIA_OK; i++)
    if (!have[i]) st = push(k, (struct edge){i, i, 0, 1.0F});
  free(have);
  return st;
}

static glia_status build_rows(struct work *k)
{
  struct glia_graph_data *g = &k->g;

  g->ptr = calloc((size_t)g->n_nodes + 2, sizeof *g->ptr);
  g->idx = malloc((size_t)(k->n + 1) * sizeof *g->idx);
  g->val = malloc((size_t)(k->n + 1) * sizeof *g->val);
  GLIA_CHECK(g->ptr != NULL && g->idx != NULL && g->val != NULL, GLIA_E_MEMORY, "%" PRId64 " edges",
             k->n);
  qsort(k->edge, (size_t)k->n, sizeof *k->edge, by_place);
  g->n_edges = 0;
  for (int64_t i = 0; i < k->n; i++) {
    const struct edge *e = &k->edge[i];
    const bool again = i + 1 < k->n && e[1].from == e->from && e[1].to == e->to;
    if (again) continue; /* the last one given counts */
    g->idx[g->n_edges] = e->to;
    g->val[g->n_edges++] = e->weight;
    g->ptr[e->from + 1] = g->n_edges;
  }
  for (int64_t i = 1; i <= g->n_nodes; i++)
    if (g->ptr[i] < g->ptr[i - 1]) g->ptr[i] = g->ptr[i - 1];
  return GLIA_OK;
}

static glia_status normalize(struct work *k)
{
  struct glia_graph_data *g = &k->g;
  double *degree = calloc((size_t)g->n_nodes + 1, sizeof *degree);

  GLIA_CHECK(degree != NULL, GLIA_E_MEMORY, "%" PRId64 " nodes", g->n_nodes);
  for (int64_t i = 0; i < g->n_nodes; i++)
    for (int64_t e = g->ptr[i]; e < g->ptr[i + 1]; e++) degree[i] += (double)g->val[e];
  glia_status st = GLIA_OK;
  for (int64_t i = 0; i < g->n_nodes && st == GLIA_OK; i++)
    for (int64_t e = g->ptr[i]; e < g->ptr[i + 1] && st == GLIA_OK; e++) {
      const double d = k->o->normalize == GLIA_NORMALIZE_ROW
                           ? degree[i]
                           : sqrt(degree[i]) * sqrt(degree[g->idx[e]]);
      if (d > 0.0)
        g->val[e] = (float)((double)g->val[e] / d);
      else
        st = GLIA_FAIL(GLIA_E_DATA, "the weights around node %" PRId64 " sum to %g: not normalised",
                       i, degree[i]);
    }
  free(degree);
  return st;
}

static glia_status add_field(struct glia_graph_data *g, const char *name, struct glia_type type,
                             struct glia_array **out)
{
  struct glia_array *more = realloc(g->field, (size_t)(g->n_fields + 1) * sizeof *more);

  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "nodes/%s", name);
  g->field = more;
  more[g->n_fields] =
      (struct glia_array){strdup(name), type, calloc(1, glia_type_bytes(&type) + 8)};
  *out = &more[g->n_fields++];
  GLIA_CHECK((*out)->path != NULL && (*out)->data != NULL, GLIA_E_MEMORY, "nodes/%s: %zu bytes",
             name, glia_type_bytes(&type));
  return GLIA_OK;
}

struct feature_count {
  bool entries; /* node, feature (, value) */
  int64_t n;    /* features */
  int64_t row;  /* next node, where rows are nodes */
  struct glia_array *x;
};

/* A first look: how many features there are. */
static glia_status count_features(struct work *k, const struct glia_table *t, void *self)
{
  struct feature_count *c = self;
  int64_t v = 0;

  c->entries = t->n <= 3 && strcmp(t->name[1], "feature") == 0;
  if (!c->entries) {
    c->n = t->n - (strcmp(t->name[0], "node") == 0);
    return GLIA_OK;
  }
  (void)k;
  GLIA_TRY(number_at(t, 1, (int64_t)1 << 24, "feature", &v));
  if (v >= c->n) c->n = v + 1;
  return GLIA_OK;
}

static glia_status take_features(struct work *k, const struct glia_table *t, void *self)
{
  struct feature_count *c = self;
  float *x = c->x->data;
  int64_t node = c->row++, feature = 0;

  if (c->entries) {
    GLIA_TRY(number_at(t, 0, k->g.n_nodes, "node", &node));
    GLIA_TRY(number_at(t, 1, c->n, "feature", &feature));
    x[node * c->n + feature] = 1.0F;
    return t->n > 2 ? real_at(t, 2, &x[node * c->n + feature]) : GLIA_OK;
  }
  const int named = t->n - (int)c->n;
  if (named == 1) GLIA_TRY(number_at(t, 0, k->g.n_nodes, "node", &node));
  GLIA_CHECK(node < k->g.n_nodes, GLIA_E_SHAPE,
             "%s:%" PRId64 ": more rows than the %" PRId64 " nodes", glia_stream_path_(t->stream),
             t->line, k->g.n_nodes);
  for (int i = 0; i < c->n; i++) GLIA_TRY(real_at(t, i + named, &x[node * c->n + i]));
  return GLIA_OK;
}

static glia_status read_features(struct work *k)
{
  struct feature_count c = {0};

  GLIA_TRY(each_row(k, k->o->features, count_features, &c));
  GLIA_CHECK(c.n > 0, GLIA_E_SHAPE, "%s holds no features", k->o->features);
  const struct glia_type type = glia_type_make(GLIA_F32, 2, (int64_t[]){k->g.n_nodes, c.n});
  GLIA_CHECK(glia_type_bytes(&type) <= FEATURES_MAX_BYTES, GLIA_E_UNSUPPORTED,
             "%s: %" PRId64 " nodes of %" PRId64 " features are more than 16 GiB", k->o->features,
             k->g.n_nodes, c.n);
  GLIA_TRY(add_field(&k->g, "x", type, &c.x));
  return each_row(k, k->o->features, take_features, &c);
}

static glia_status take_label(struct work *k, const struct glia_table *t, void *self)
{
  int32_t *y = ((struct glia_array *)self)->data;
  int64_t node = 0, label = 0;

  GLIA_TRY(number_at(t, 0, k->g.n_nodes, "node", &node));
  GLIA_TRY(number_at(t, 1, 65536, "class", &label));
  y[node] = (int32_t)label;
  return GLIA_OK;
}

static glia_status read_labels(struct work *k)
{
  struct glia_array *y = NULL;

  GLIA_TRY(add_field(&k->g, "y", glia_type_make(GLIA_I32, 1, &k->g.n_nodes), &y));
  for (int64_t i = 0; i < k->g.n_nodes; i++) ((int32_t *)y->data)[i] = -1; /* not known */
  return each_row(k, k->o->labels, take_label, y);
}

static glia_status take_split(struct work *k, const struct glia_table *t, void *self)
{
  static const char *const words[] = {"train", "valid", "test", "val", "none"};
  static const int split_of[] = {0, 1, 2, 1, -1};
  uint8_t **mask = self;
  int64_t node = 0;
  size_t w = 0;

  GLIA_TRY(number_at(t, 0, k->g.n_nodes, "node", &node));
  while (t->n > 1 && w < GLIA_COUNT(words) && strcmp(words[w], t->cell[1]) != 0) w++;
  GLIA_CHECK(t->n == 2 && w < GLIA_COUNT(words), GLIA_E_DATA,
             "%s:%" PRId64 ": expected a node and train, valid, test or none",
             glia_stream_path_(t->stream), t->line);
  if (split_of[w] >= 0) mask[split_of[w]][node] = 1;
  return GLIA_OK;
}

static glia_status read_splits(struct work *k)
{
  static const char *const names[3] = {"train", "valid", "test"};
  uint8_t *mask[3];

  for (int i = 0; i < 3; i++) {
    struct glia_array *m = NULL;
    GLIA_TRY(add_field(&k->g, names[i], glia_type_make(GLIA_U8, 1, &k->g.n_nodes), &m));
    mask[i] = m->data;
  }
  return each_row(k, k->o->splits, take_split, mask);
}

static glia_status import(struct work *k, const struct glia_import_out *out)
{
  GLIA_TRY(each_row(k, k->o->edges, take_edge, NULL));
  GLIA_CHECK(k->g.n_nodes > 0, GLIA_E_SHAPE, "%s holds no edges", k->o->edges);
  if (k->o->self_loops) GLIA_TRY(add_loops(k));
  GLIA_TRY(build_rows(k));
  if (k->o->normalize != GLIA_NORMALIZE_NONE) GLIA_TRY(normalize(k));
  if (k->o->features != NULL) GLIA_TRY(read_features(k));
  if (k->o->labels != NULL) GLIA_TRY(read_labels(k));
  if (k->o->splits != NULL) GLIA_TRY(read_splits(k));
  return glia_graph_data_write(out->path, out->force, &k->g, "graph tables");
}

glia_status glia_import_graph(const struct glia_import_graph *o, const struct glia_import_out *out)
{
  struct work k = {.o = o, .progress = out->progress, .g.n_nodes = o->n_nodes};

  GLIA_CHECK(o->n_nodes >= 0 && o->n_nodes < NODES_MAX, GLIA_E_ARGUMENT, "%" PRId64 " nodes",
             o->n_nodes);
  const glia_status st = import(&k, out);
  free(k.edge);
  glia_graph_data_free(&k.g);
  return st;
}
