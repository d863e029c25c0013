/* A graph in which the backward pass computes forward values again: see again_priv.h.
 *
 * Each forward value has at most one copy, made in front of its first reader behind the loss and shared by the others. Copies are the same
 * operators on the same inputs, draws included, so no bit changes. What a copy reads from memory it reads behind `after` (control_priv.h): not before the last
 * product in front of that reader has run. So no copy is found equal to its original, and none runs too early.
 */
#include "again_priv.h"
#include "glia_engine.h"
#include "glia_profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

glia_value glia_viewed_(const struct glia_graph *g, glia_value v)
{
  while (g->node[v]->op->view) v = g->node[v]->in[0];
  return v;
}

bool glia_may_run_again_(const struct glia_graph *g, glia_value v)
{
  const struct glia_node *n = g->node[v];

  return n->n_in > 0 && n->op->many == NULL && n->op != &glia_op_result_ &&
         n->op != &glia_op_batch_sum_ && strcmp(n->op->name, "send") != 0 &&
         strcmp(n->op->name, "receive") != 0;
}

/* Values that an entry point needs. */
static void mark_needed(const struct glia_graph *g, const struct glia_entry *e, bool *need)
{
  for (int i = 0; i < e->n_writes; i++) need[e->write[i].value] = true;
  for (int i = 0; i < e->n_outputs; i++) need[e->output[i].value] = true;
  for (int32_t v = g->n - 1; v >= 0; v--)
    for (int i = 0; need[v] && i < g->node[v]->n_in; i++) need[g->node[v]->in[i]] = true;
}

static void mark_micro(const struct glia_graph *g, bool *micro)
{
  for (int32_t v = 0; v < g->n; v++) {
    const struct glia_node *n = g->node[v];
    micro[v] = n->op == &glia_op_input_ && g->input[n->attr.i[0]].per == GLIA_PER_MICRO_BATCH;
    for (int i = 0; n->op != &glia_op_batch_sum_ && i < n->n_in; i++) micro[v] |= micro[n->in[i]];
  }
}

double glia_work_of_(const struct glia_graph *g, int entry,
                     double (*work)(const struct glia_graph *g, const struct glia_node *n))
{
  bool *need = calloc((size_t)g->n + 1, sizeof *need), *micro = calloc((size_t)g->n + 1, 1);
  double sum = need != NULL && micro != NULL ? 0.0 : (double)NAN;

  if (need != NULL && micro != NULL) {
    mark_needed(g, g->entry[entry], need);
    mark_micro(g, micro);
    for (int32_t v = 0; v < g->n; v++)
      if (need[v] && micro[v]) sum += work(g, g->node[v]);
  }
  free(need);
  free(micro);
  return sum;
}

static void mark_forward(struct again *a, glia_value loss, int chunks)
{
  const struct glia_graph *g = a->g;
  const int8_t *segment = a->segment != NULL ? a->segment[a->entry] : NULL;

  if (loss != GLIA_NONE) a->forward[loss] = true;
  for (int32_t v = g->n - 1; v >= 0; v--) {
    if (segment != NULL) a->forward[v] = segment[v] < chunks;
    for (int i = 0; loss != GLIA_NONE && a->forward[v] && i < g->node[v]->n_in; i++)
      a->forward[g->node[v]->in[i]] = true;
  }
  for (int32_t v = 0; v < g->n; v++) {
    a->forward[v] = a->forward[v] && a->micro[v];
    a->late[v] = a->own[v] && a->micro[v] && !a->forward[v] && (segment != NULL || v > loss);
  }
}

glia_status glia_again_begin_(const struct glia_graph *g, int entry, glia_value loss, int segments,
                              int chunks, const int8_t *const *segment,
                              double (*work)(const struct glia_graph *g, const struct glia_node *n),
                              struct again *out)
{
  const size_t n = (size_t)g->n + 1;
  bool *marks = calloc(6 * n, sizeof *marks);
  double *cost = calloc(n, sizeof *cost);

  *out = (struct again){.g = g, .entry = entry, .segments = segments, .segment = segment};
  if (marks == NULL || cost == NULL) {
    free(marks);
    free(cost);
    return GLIA_FAIL(GLIA_E_MEMORY, "what may be computed again of %d values", g->n);
  }
  out->need = marks;
  out->own = marks + n;
  out->micro = marks + 2 * n;
  out->forward = marks + 3 * n;
  out->late = marks + 4 * n;
  out->kept = marks + 5 * n;
  out->work = cost;
  for (int e = 0; e < g->n_entries; e++)
    if (e != entry) mark_needed(g, g->entry[e], out->need);
  mark_needed(g, g->entry[entry], out->own);
  for (int32_t v = 0; v < g->n; v++) {
    const bool others = out->need[v];
    out->need[v] = others || out->own[v];
    out->own[v] = out->own[v] && !others;
    cost[v] = work(g, g->node[v]);
  }
  mark_micro(g, out->micro);
  mark_forward(out, loss, chunks);
  return GLIA_OK;
}

void glia_again_end_(struct again *a)
{
  free(a->need);
  free(a->work);
  *a = (struct again){0};
}

/* The graph while it is made. */
struct maker {
  const struct again *a;
  struct glia_graph *g;
  glia_value *map, *copy; /* [values of the old one] */
  bool *inside;           /* of what is copied now */
  glia_value hold;        /* behind which copies run; GLIA_NONE: too early for any */
  const char *scope;      /* as the old graph has it */
};

static void set_scope(struct maker *m, const char *scope)
{
  if (scope != m->scope) glia_graph_scope(m->g, scope);
  m->scope = scope;
}

/* What a copy reads: another copy, or what stays in memory, later. */
static glia_value read_again(struct maker *m, glia_value v)
{
  if (!m->a->micro[v]) return m->map[v];
  if (m->copy[v] != GLIA_NONE) return m->copy[v];
  return glia_node_add(m->g, &glia_op_after_, 2, (glia_value[]){m->map[v], m->hold}, NULL);
}

static bool is_copied(const struct maker *m, glia_value v)
{
  return m->a->micro[v] && m->a->forward[v] && !m->a->kept[v];
}

static glia_value copy_node(struct maker *m, const struct glia_node *n)
{
  glia_value in[GLIA_MAX_IN];

  set_scope(m, m->a->g->scope[n->id]);
  if (n->op->view && n->n_in > 1) return read_again(m, n->in[0]); /* custom, after: as it is */
  for (int i = 0; i < n->n_in; i++) in[i] = read_again(m, n->in[i]);
  return glia_remake_(m->g, m->a->g, n, in);
}

/* v computed again, with all that it needs and that is neither kept nor copied yet. */
static glia_value computed_again(struct maker *m, glia_value v)
{
  glia_value lowest = v;

  if (m->copy[v] != GLIA_NONE) return m->copy[v];
  m->inside[v] = true;
  for (glia_value u = v; u >= lowest; u--)
    for (int i = 0; m->inside[u] && i < m->a->g->node[u]->n_in; i++) {
      const glia_value w = m->a->g->node[u]->in[i];
      if (!is_copied(m, w) || m->copy[w] != GLIA_NONE) continue;
      m->inside[w] = true;
      if (w < lowest) lowest = w;
    }
  for (glia_value u = lowest; u <= v; u++) {
    if (m->inside[u]) m->copy[u] = copy_node(m, m->a->g->node[u]);
    m->inside[u] = false;
  }
  return m->copy[v];
}

/* Runs alone, and takes its time: what waits for it keeps no group of elementwise nodes apart. */
static bool is_anchor(const struct glia_node *n)
{
  bool alone = !n->op->elementwise && !n->op->view && !n->op->broadcast && n->op->many == NULL &&
               n->op != &glia_op_result_ && n->op != &glia_op_batch_sum_ && n->n_in > 0;

  for (int d = 0; d < GLIA_DTYPE_COUNT_; d++) alone = alone && n->op->streamed[d] == NULL;
  return alone;
}

static void make_node(struct maker *m, const struct glia_node *n)
{
  const struct again *a = m->a;
  glia_value in[GLIA_MAX_IN];

  for (int i = 0; i < n->n_in; i++)
    in[i] = a->late[n->id] && m->hold != GLIA_NONE && is_copied(m, n->in[i])
                ? computed_again(m, n->in[i])
                : m->map[n->in[i]];
  set_scope(m, a->g->scope[n->id]);
  m->map[n->id] = glia_remake_(m->g, a->g, n, in);
  if (a->late[n->id] && a->segments <= 2 && is_anchor(n)) m->hold = m->map[n->id];
}

/* Inputs and states: the same numbers as before. */
static void make_leaves(struct maker *m)
{
  const struct glia_graph *from = m->a->g;

  for (int i = 0; i < from->n_inputs; i++) {
    const struct glia_input *in = &from->input[i];
    if (in->value == from->failed) glia_failed(m->g);
    m->map[in->value] =
        in->value == from->failed ? m->g->failed : glia_input(m->g, in->name, in->per, in->type);
    if (m->a->segment != NULL && m->hold == GLIA_NONE && in->per == GLIA_PER_MICRO_BATCH)
      m->hold =
          m->map
              [in->value]; /* a copy is late by its segment; with several backward ones by it alone */
  }
  for (int i = 0; i < from->n_states; i++) {
    set_scope(m, glia_scope_of(from, from->state[i].value));
    m->map[from->state[i].value] = glia_state(m->g, from->state[i].path, from->state[i].type);
  }
}

static void make_entries(struct maker *m)
{
  const struct glia_graph *from = m->a->g;

  for (int k = 0; k < from->n_entries && m->g->status == GLIA_OK; k++) {
    const struct glia_entry *e = from->entry[k];
    struct glia_entry *to = glia_graph_entry(m->g, e->name);
    for (int i = 0; i < e->n_writes; i++)
      glia_entry_write(m->g, to, m->map[from->state[e->write[i].state].value],
                       m->map[e->write[i].value]);
    for (int i = 0; i < e->n_outputs; i++)
      glia_entry_output(m->g, to, e->output[i].name, m->map[e->output[i].value]);
  }
}

enum { NOBODY = 127 };

/* Segments of the new values: those of the old ones; a copy's is the first one that reads it. */
static bool note_segments(const struct maker *m, int entry, int8_t *to)
{
  const int8_t *from = m->a->segment[entry];

  memset(to, NOBODY, (size_t)m->g->n + 1);
  for (int32_t v = 0; v < m->a->g->n; v++)
    if (m->map[v] != GLIA_NONE) to[m->map[v]] = from[v];
  bool *is_new = calloc((size_t)m->g->n + 1, sizeof *is_new);
  if (is_new == NULL) return false;
  for (int32_t v = 0; v < m->g->n; v++) is_new[v] = to[v] == NOBODY;
  for (int32_t v = m->g->n - 1; v >= 0; v--)
    for (int i = 0; i < m->g->node[v]->n_in; i++) {
      const glia_value u = m->g->node[v]->in[i];
      if (is_new[u] && to[v] < to[u]) to[u] = to[v];
    }
  free(is_new);
  return true;
}

static glia_status make_segments(const struct maker *m, int8_t ***out)
{
  const int entries = m->a->g->n_entries;
  int8_t **s = calloc((size_t)entries + 1, sizeof *s);
  bool ok = s != NULL;

  *out = s;
  for (int e = 0; ok && e < entries; e++) {
    s[e] = malloc((size_t)m->g->n + 1);
    ok = s[e] != NULL && note_segments(m, e, s[e]);
  }
  return ok ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "segments");
}

void glia_free_segments_(int n_entries, int8_t ***segment)
{
  for (int e = 0; *segment != NULL && e < n_entries; e++) free((*segment)[e]);
  free(*segment);
  *segment = NULL;
}

static glia_status make(struct maker *m, int8_t ***segment)
{
  const struct glia_graph *from = m->a->g;

  make_leaves(m);
  for (int32_t v = 0; v < from->n && m->g->status == GLIA_OK; v++)
    if (m->a->need[v] && m->map[v] == GLIA_NONE) make_node(m, from->node[v]);
  glia_graph_scope(m->g, NULL);
  if (m->g->status == GLIA_OK) make_entries(m);
  GLIA_TRY(glia_graph_status(m->g));
  return m->a->segment != NULL ? make_segments(m, segment) : GLIA_OK;
}

glia_status glia_again_make_(const struct again *a, struct glia_graph **out, int8_t ***segment)
{
  struct maker m = {.a = a, .hold = GLIA_NONE};
  glia_status st = GLIA_OK;

  *out = NULL;
  *segment = NULL;
  GLIA_TRY(glia_graph_create(a->g->basis, &m.g));
  m.g->as_given = true; /* a copy lies open where its original is behind a rule: no new sums */
  m.map = glia_values_(a->g->n);
  m.copy = glia_values_(a->g->n);
  m.inside = calloc((size_t)a->g->n + 1, sizeof *m.inside);
  if (m.map == NULL || m.copy == NULL || m.inside == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "a graph of %d nodes", a->g->n);
  if (st == GLIA_OK) st = make(&m, segment);
  free(m.map);
  free(m.copy);
  free(m.inside);
  if (st != GLIA_OK) {
    glia_free_segments_(a->g->n_entries, segment);
    glia_graph_destroy(&m.g);
  }
  *out = m.g;
  return st;
}
