/* The graph of one rank of a pipeline: see glia_stage.h. */
#include "glia_engine.h"
#include "glia_profile.h"
#include "pipeline_ahead_priv.h"
#include "program_priv.h"
#include "stage_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A call-back of the epilogue: own numbers go to all ranks, theirs come in. */
struct sharing {
  struct glia_external face;
  char name[48];
  int ranks, rank, n, n_own;
  int *owner; /* [n] rank, -1: the sum of all */
  int *own;   /* [n] place among this rank's numbers, -1: it has none */
  double *x;  /* [ranks][n] */
  struct glia_messenger *messenger;
  bool trains; /* of a step that changes states */
  glia_status (*share)(void *self, int n, double *x, void (*idle)(void *arg), void *arg);
  void *self;
  void (*idle)(void *arg);
  void *arg;
  glia_status status;
  char trace[1024];
};

static glia_status infer(void *self, int n_in, const struct glia_type *in, struct glia_type *out)
{
  const struct sharing *s = self;

  (void)n_in;
  (void)in;
  *out = glia_type_make(GLIA_F64, 1, (int64_t[]){s->n});
  return GLIA_OK;
}

static double sum_of(const struct sharing *s, int k)
{
  double sum = 0.0;

  for (int r = 0; r < s->ranks; r++) sum += s->x[(size_t)r * (size_t)s->n + (size_t)k];
  return sum;
}

static void share(void *self, int n_in, const struct glia_operand *in, int n_out,
                  const struct glia_operand *out)
{
  struct sharing *s = self;
  const double *own = in[0].data;
  double *row = s->x + (size_t)s->rank * (size_t)s->n, *to = out[0].data;

  (void)n_in;
  (void)n_out;
  for (int k = 0; k < s->n; k++) row[k] = s->own[k] >= 0 ? own[s->own[k]] : 0.0;
  const glia_status st = s->messenger == NULL || s->status != GLIA_OK
                             ? s->status
                             : s->share(s->self, s->n, s->x, s->idle, s->arg);
  if (st != GLIA_OK && s->status == GLIA_OK) {
    s->status = st;
    snprintf(s->trace, sizeof s->trace, "%s", glia_trace());
  }
  for (int k = 0; k < s->n; k++)
    to[k] = s->owner[k] < 0 ? sum_of(s, k) : s->x[(size_t)s->owner[k] * (size_t)s->n + (size_t)k];
}

void glia_stage_bind_(struct glia_stage *s, struct glia_messenger *m, void (*idle)(void *arg),
                      void *arg)
{
  for (int i = 0; i < s->n_sharings; i++) {
    s->sharing[i]->messenger = m;
    s->sharing[i]->share = m->share;
    s->sharing[i]->self = m->self;
    s->sharing[i]->idle = idle;
    s->sharing[i]->arg = arg;
  }
}

void glia_stage_share_by_(struct glia_stage *s,
                          glia_status (*how)(void *self, int n, double *x, void (*idle)(void *arg),
                                             void *arg),
                          void *self)
{
  for (int i = 0; i < s->n_sharings; i++) {
    if (!s->sharing[i]->trains) continue;
    s->sharing[i]->share = how;
    s->sharing[i]->self = self;
  }
}

int glia_stage_shared_(const struct glia_stage *s)
{
  int most = 0;

  for (int i = 0; i < s->n_sharings; i++)
    if (s->sharing[i]->n > most) most = s->sharing[i]->n;
  return most;
}

glia_status glia_stage_outcome_(struct glia_stage *s)
{
  for (int i = 0; i < s->n_sharings; i++) {
    struct sharing *h = s->sharing[i];
    if (h->status == GLIA_OK) continue;
    glia_trace_set(h->trace);
    return h->status;
  }
  return GLIA_OK;
}

/* Numbers side by side, each list as f64 [its own]; a node takes so many and no more. */
static glia_value side_by_side(struct glia_graph *g, int n, glia_value *x)
{
  while (n > 1) {
    int groups = 0;
    for (int at = 0; at < n; at += GLIA_MAX_IN) {
      const int k = n - at < GLIA_MAX_IN ? n - at : GLIA_MAX_IN;
      x[groups++] = k == 1 ? x[at] : g->basis->concat(g, k, x + at, 0);
    }
    n = groups;
  }
  return x[0];
}

/* A rank's graph while it is made. */
struct maker {
  struct glia_stage *s;
  const struct plan *p;
  int entry;
  glia_value *base; /* [nodes of the whole] leaves: inputs, states, what comes in */
  glia_value *map;  /* of the entry point that is made */
  glia_value *list; /* [nodes] scratch */
};

/* Of a shared value. */
static int numbers_of(const struct maker *k, glia_value v)
{
  return (int)glia_type_count(&k->p->g->node[v]->type);
}

static glia_status new_sharing(struct maker *k, int level, struct sharing **out)
{
  struct glia_stage *s = k->s;
  struct sharing *h = glia_arena_take(&s->arena, 1, sizeof *h);
  int n = 0;

  GLIA_CHECK(h != NULL, GLIA_E_MEMORY, "what is shared");
  for (int i = 0; i < k->p->n_shared; i++)
    if (k->p->shared[i].entry == k->entry && k->p->shared[i].level == level)
      n += numbers_of(k, k->p->shared[i].v);
  *h = (struct sharing){.ranks = s->cut.ranks,
                        .rank = s->rank,
                        .n = n,
                        .trains = k->p->g->entry[k->entry]->n_writes > 0};
  h->owner = glia_arena_take(&s->arena, (size_t)n + 1, sizeof *h->owner);
  h->own = glia_arena_take(&s->arena, (size_t)n + 1, sizeof *h->own);
  h->x = glia_arena_take(&s->arena, (size_t)n * (size_t)h->ranks + 1, sizeof *h->x);
  GLIA_CHECK(h->owner != NULL && h->own != NULL && h->x != NULL, GLIA_E_MEMORY, "what is shared");
  snprintf(h->name, sizeof h->name, "share %.24s %d", k->p->g->entry[k->entry]->name, level);
  h->face =
      (struct glia_external){.name = h->name, .n_out = 1, .self = h, .infer = infer, .run = share};
  s->sharing[s->n_sharings++] = h;
  *out = h;
  return GLIA_OK;
}

/* Shared values of one level: own ones go in, all come out. previous: what the level before brought, so that all ranks share in
 * one order. */
static glia_status make_level(struct maker *k, int level, glia_value *previous)
{
  struct glia_graph *g = k->s->g;
  struct sharing *h = NULL;
  int n = 0, lists = 0;

  GLIA_TRY(new_sharing(k, level, &h));
  for (int i = 0; i < k->p->n_shared; i++) {
    const struct shared *v = &k->p->shared[i];
    if (v->entry != k->entry || v->level != level) continue;
    const bool mine = v->owner < 0 || v->owner == k->s->rank;
    const int more = numbers_of(k, v->v);
    for (int j = 0; j < more; j++) {
      h->owner[n + j] = v->owner;
      h->own[n + j] = mine ? h->n_own++ : -1;
    }
    if (mine) {
      glia_replay_(g, k->p->g, 1, &v->v, k->map);
      k->list[lists++] =
          g->basis->reshape(g, g->basis->cast(g, k->map[v->v], GLIA_F64), 1, (int64_t[]){more});
    }
    n += more;
  }
  if (lists == 0) /* a message of its own all the same */
    k->list[lists++] = g->basis->reshape(g, *previous != GLIA_NONE ? *previous : glia_failed(g), 1,
                                         (int64_t[]){1});
  glia_value in[2] = {side_by_side(g, lists, k->list), *previous}, out = GLIA_NONE;
  glia_external(g, &h->face, *previous != GLIA_NONE ? 2 : 1, in, NULL, &out);
  n = 0;
  for (int i = 0; i < k->p->n_shared && glia_graph_status(g) == GLIA_OK; i++) {
    const struct shared *v = &k->p->shared[i];
    if (v->entry != k->entry || v->level != level) continue;
    const struct glia_type *type = &k->p->g->node[v->v]->type;
    const int more = numbers_of(k, v->v);
    const glia_value own =
        g->basis->slice(g, out, (int64_t[]){n}, (int64_t[]){n + more}, (int64_t[]){1});
    if (n == 0) *previous = g->basis->slice(g, out, (int64_t[]){0}, (int64_t[]){1}, (int64_t[]){1});
    k->map[v->v] = g->basis->cast(g, g->basis->reshape(g, own, type->rank, type->dim), type->dtype);
    n += more;
  }
  return glia_graph_status(g);
}

static glia_status make_shared(struct maker *k)
{
  glia_value previous = GLIA_NONE;
  int most = -1;

  for (int i = 0; i < k->p->n_shared; i++)
    if (k->p->shared[i].entry == k->entry && k->p->shared[i].level > most)
      most = k->p->shared[i].level;
  for (int level = 0; level <= most; level++) GLIA_TRY(make_level(k, level, &previous));
  return GLIA_OK;
}

static bool needs(const struct maker *k, glia_value v)
{
  return glia_plan_needs_(k->p, k->entry, k->s->rank, v);
}

/* Writes of states that are this rank's, and outputs. */
static glia_status make_ends(struct maker *k)
{
  const struct plan *p = k->p;
  struct glia_graph *g = k->s->g;
  const struct glia_entry *from = p->g->entry[k->entry];
  struct glia_entry *e = glia_graph_entry(g, from->name);
  glia_value *roots = k->list;
  int n = 0;

  for (int i = 0; i < from->n_writes; i++)
    if (p->home[from->write[i].value] < 0 ||
        p->home[from->write[i].value] % p->cut.ranks == k->s->rank)
      roots[n++] = from->write[i].value;
  const int n_writes = n;
  for (int i = 0; i < from->n_outputs; i++)
    if (!p->micro[from->output[i].value] || needs(k, from->output[i].value))
      roots[n++] = from->output[i].value;
  glia_replay_(g, p->g, n, roots, k->map);
  GLIA_TRY(glia_graph_status(g));
  for (int i = 0, w = 0; i < from->n_writes && w < n_writes; i++)
    if (from->write[i].value == roots[w]) {
      glia_entry_write(g, e, k->base[p->g->state[from->write[i].state].value], k->map[roots[w]]);
      w++;
    }
  for (int i = 0; i < from->n_outputs; i++)
    if (!p->micro[from->output[i].value] || needs(k, from->output[i].value))
      glia_entry_output(g, e, from->output[i].name, k->map[from->output[i].value]);
  return glia_graph_status(g);
}

/* What of this entry point other ranks wait for. */
static glia_status make_sends(struct maker *k)
{
  struct glia_graph *g = k->s->g;
  struct glia_entry *e = glia_graph_entry(g, k->p->g->entry[k->entry]->name);

  for (int i = 0; i < k->s->n_channels; i++) {
    struct channel *c = &k->s->channel[i];
    const glia_value v = k->p->crossing[c->index].v;
    char name[32];
    if (!c->out || c->segment[k->entry] < 0) continue;
    glia_replay_(g, k->p->g, 1, &v, k->map);
    snprintf(name, sizeof name, "$out.%d", c->index);
    c->output[k->entry] = e->n_outputs;
    glia_entry_output(g, e, name, k->map[v]);
  }
  return glia_graph_status(g);
}

/* With parts: what comes of numbers that are shared late has the last segment, so that it is in no kernel with anything else, and can
 * run once more alone. */
static void note_late(const struct maker *k)
{
  const struct glia_graph *g = k->s->g;
  int8_t *segment = k->s->segment[k->entry];
  const int8_t last = (int8_t)(k->s->segments - 1);

  for (int32_t v = 0; v < g->n; v++) {
    const struct glia_node *n = g->node[v];
    bool late = n->op == &glia_op_external_ && glia_body_of_(g, n, 0)->external->run == share;
    for (int i = 0; i < n->n_in && !late; i++) late = segment[n->in[i]] == LATE;
    if (late) segment[v] = LATE;
  }
  for (int32_t v = 0; v < g->n; v++)
    if (segment[v] == LATE) segment[v] = last;
}

static glia_status note_segments(struct maker *k)
{
  struct glia_stage *s = k->s;
  const struct plan *p = k->p;
  struct leads *all = malloc(((size_t)p->n + 1) * sizeof *all);

  s->segment[k->entry] = glia_arena_take(&s->arena, (size_t)s->g->n + 1, 1);
  GLIA_CHECK(all != NULL && s->segment[k->entry] != NULL, GLIA_E_MEMORY, "segments");
  glia_plan_segments_(p, k->entry, s->rank, all);
  for (int32_t v = 0; v < p->n; v++) {
    const glia_value own = k->map[v];
    if (own == GLIA_NONE) continue;
    /* also of what is received: another rank's, which this one does not make */
    if (p->micro[v] && all[v].segment != NO_SEGMENT) s->segment[k->entry][own] = all[v].segment;
    if (!needs(k, v)) continue;
    if (s->g->scope[own] == NULL && glia_scope_of(p->g, v) != NULL)
      s->g->scope[own] = glia_arena_text(&s->g->arena, glia_scope_of(p->g, v));
  }
  if (k->s->cut.parts > 0 && p->g->entry[k->entry]->n_writes > 0) note_late(k);
  free(all);
  return GLIA_OK;
}

static glia_status make_entry(struct maker *k)
{
  memcpy(k->map, k->base, ((size_t)k->p->n + 1) * sizeof *k->map);
  GLIA_TRY(make_shared(k));
  GLIA_TRY(make_ends(k));
  return make_sends(k);
}

/* Inputs of the whole, in its order; then what comes in; then states. */
static glia_status make_leaves(struct maker *k)
{
  struct glia_stage *s = k->s;
  const struct glia_graph *whole = k->p->g;
  struct glia_graph *g = s->g;

  s->n_inputs = whole->n_inputs;
  for (int i = 0; i < whole->n_inputs; i++) {
    const struct glia_input *in = &whole->input[i];
    if (in->value == whole->failed) glia_failed(g);
    k->base[in->value] =
        in->value == whole->failed ? g->failed : glia_input(g, in->name, in->per, in->type);
  }
  for (int i = 0; i < s->n_channels; i++) {
    struct channel *c = &s->channel[i];
    const glia_value v = k->p->crossing[c->index].v;
    char name[32];
    c->bytes = glia_type_bytes(&whole->node[v]->type);
    if (c->out) continue;
    snprintf(name, sizeof name, "$in.%d", c->index);
    c->input = g->n_inputs;
    k->base[v] = glia_input(g, name, GLIA_PER_MICRO_BATCH, whole->node[v]->type);
  }
  for (int i = 0; i < whole->n_states; i++) {
    s->owner[i] = k->p->state_owner[i];
    for (int r = 0; s->owner[i] < 0 && r < s->cut.ranks; r++)
      if (k->p->state_need[i] >> r & 1) s->owner[i] = r;
    if (s->owner[i] < 0) s->owner[i] = 0;
    s->state[i] = -1;
    if (s->owner[i] != s->rank && !(k->p->state_need[i] >> s->rank & 1)) continue;
    s->state[i] = g->n_states;
    glia_graph_scope(g, glia_scope_of(whole, whole->state[i].value));
    k->base[whole->state[i].value] = glia_state(g, whole->state[i].path, whole->state[i].type);
    glia_graph_scope(g, NULL);
  }
  return glia_graph_status(g);
}

/* Ends of crossings on this rank, and states that are kept in step with their owner's. */
static glia_status list_channels(struct glia_stage *s, const struct plan *p)
{
  const size_t most = (size_t)p->n_crossings + 1, entries = (size_t)s->entries + 1;

  s->channel = glia_arena_take(&s->arena, most, sizeof *s->channel);
  GLIA_CHECK(s->channel != NULL, GLIA_E_MEMORY, "what crosses");
  for (int i = 0; i < p->n_crossings; i++) {
    const struct crossing *c = &p->crossing[i];
    if (c->from != s->rank && c->to != s->rank) continue;
    struct channel *own = &s->channel[s->n_channels++];
    *own = (struct channel){
        .index = i, .out = c->from == s->rank, .peer = c->from == s->rank ? c->to : c->from};
    own->output = glia_arena_take(&s->arena, entries, sizeof *own->output);
    own->segment = glia_arena_take(&s->arena, entries, sizeof *own->segment);
    GLIA_CHECK(own->output != NULL && own->segment != NULL, GLIA_E_MEMORY, "what crosses");
    for (int e = 0; e < s->entries; e++) own->output[e] = own->segment[e] = -1;
    for (int e = 0; e < s->entries; e++)
      for (int k = 0; k < s->n_messages[e]; k++)
        if (s->message[e][k].channel == i)
          own->segment[e] = own->out ? s->message[e][k].made : s->message[e][k].read;
  }
  s->first_replica_channel = p->n_crossings;
  return GLIA_OK;
}

static glia_status list_replicas(struct glia_stage *s, const struct plan *p)
{
  const size_t most = (size_t)p->g->n_states * (size_t)s->cut.ranks + 1;

  s->replica = glia_arena_take(&s->arena, most, sizeof *s->replica);
  GLIA_CHECK(s->replica != NULL, GLIA_E_MEMORY, "states of two stages");
  for (int i = 0; i < p->g->n_states; i++) {
    const int owner = p->state_owner[i];
    if (owner < 0) continue;
    for (int r = 0; r < s->cut.ranks; r++) {
      if (r == owner || !(p->state_need[i] >> r & 1) || (s->rank != owner && s->rank != r))
        continue;
      s->replica[s->n_replicas++] = (struct replica){.state = i,
                                                     .own = s->state[i],
                                                     .out = s->rank == owner,
                                                     .peer = s->rank == owner ? r : owner};
    }
  }
  return GLIA_OK;
}

static glia_status make(struct maker *k)
{
  struct glia_stage *s = k->s;
  const struct plan *p = k->p;
  const size_t n = (size_t)p->n + 1, states = (size_t)p->g->n_states + 1;
  glia_value *maps = malloc(n * (size_t)(s->entries + 1) * sizeof *maps);
  glia_status st = GLIA_OK;

  s->state = glia_arena_take(&s->arena, states, sizeof *s->state);
  s->owner = glia_arena_take(&s->arena, states, sizeof *s->owner);
  s->segment = glia_arena_take(&s->arena, (size_t)s->entries + 1, sizeof *s->segment);
  s->sharing = glia_arena_take(&s->arena, (size_t)p->n_shared + 1, sizeof(struct sharing *));
  k->base = glia_values_(p->n);
  k->list = glia_values_(2 * (int64_t)p->n);
  GLIA_CHECK_TO(out, st,
                maps != NULL && s->state != NULL && s->owner != NULL && s->segment != NULL &&
                    s->sharing != NULL && k->base != NULL && k->list != NULL,
                GLIA_E_MEMORY, "cutting %d nodes", p->n);
  GLIA_TRY_TO(out, st, glia_stage_list_messages_(s, p));
  GLIA_TRY_TO(out, st, list_channels(s, p));
  GLIA_TRY_TO(out, st, make_leaves(k));
  GLIA_TRY_TO(out, st, list_replicas(s, p));
  for (k->entry = 0; k->entry < s->entries; k->entry++) {
    k->map = maps + n * (size_t)k->entry;
    GLIA_TRY_TO(out, st, make_entry(k));
  }
  for (k->entry = 0; k->entry < s->entries; k->entry++) { /* the graph has its size now */
    k->map = maps + n * (size_t)k->entry;
    GLIA_TRY_TO(out, st, note_segments(k));
  }
out:
  free(maps);
  free(k->base);
  free(k->list);
  return st;
}

glia_status glia_stage_cut(const struct glia_graph *whole, const struct glia_cut *cut, int rank,
                           struct glia_stage **out)
{
  struct plan p;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_TRY(glia_plan_make_(whole, cut, &p));
  struct glia_stage *s = calloc(1, sizeof *s);
  struct maker k = {.s = s, .p = &p};
  GLIA_CHECK_TO(out, st, s != NULL, GLIA_E_MEMORY, "a stage");
  *s = (struct glia_stage){.whole = whole,
                           .cut = *cut,
                           .rank = rank,
                           .entries = whole->n_entries,
                           .n_states = whole->n_states,
                           .segments = glia_segments_(cut)};
  GLIA_TRY_TO(out, st, glia_graph_create(whole->basis, &s->g));
  st = make(&k);
out:
  glia_plan_fini_(&p);
  if (st != GLIA_OK) glia_stage_destroy(&s);
  *out = s;
  return st;
}

void glia_stage_destroy(struct glia_stage **stage)
{
  if (stage == NULL || *stage == NULL) return;
  glia_graph_destroy(&(*stage)->g);
  glia_arena_fini(&(*stage)->arena);
  free(*stage);
  *stage = NULL;
}

const struct glia_graph *glia_stage_graph(const struct glia_stage *s) { return s->g; }
int glia_stage_state(const struct glia_stage *s, int i) { return s->state[i]; }
int glia_stage_owner(const struct glia_stage *s, int i) { return s->owner[i]; }

glia_status glia_stage_compile(const struct glia_stage *s, const struct glia_kernels *kernels,
                               size_t bucket_bytes, struct glia_program **out)
{
  return glia_program_compile_segments_(s->g, kernels, bucket_bytes, s->segments,
                                        (const int8_t *const *)s->segment, out);
}

glia_status glia_stage_compile_within(const struct glia_stage *s,
                                      const struct glia_kernels *kernels, size_t bucket_bytes,
                                      const struct glia_budget *budget, struct glia_program **out)
{
  struct glia_budget own = *budget;

  *out = NULL;
  GLIA_CHECK(s->cut.parts == 0, GLIA_E_UNSUPPORTED,
             "local learning has one module's values in memory: a budget does not go with it");
  own.loss = GLIA_NONE; /* the cut knows what is forward */
  return glia_compile_within_(s->g, kernels, bucket_bytes, s->segments, s->cut.chunks,
                              (const int8_t *const *)s->segment, &own, out);
}

glia_status glia_parts_compile(const struct glia_graph *g, const struct glia_cut *cut,
                               const struct glia_kernels *kernels, size_t bucket_bytes,
                               struct glia_program **out)
{
  struct plan p;
  struct glia_stage whole = {.cut = *cut};
  struct maker k = {.s = &whole, .p = &p};
  glia_status st = GLIA_OK;
  struct leads *all = NULL;

  *out = NULL;
  GLIA_TRY(glia_plan_make_(g, cut, &p));
  int8_t **segment = glia_arena_take(&whole.arena, (size_t)g->n_entries + 1, sizeof *segment);
  all = malloc(((size_t)p.n + 1) * sizeof *all);
  GLIA_CHECK_TO(out, st, segment != NULL && all != NULL, GLIA_E_MEMORY, "segments");
  for (k.entry = 0; k.entry < g->n_entries; k.entry++) {
    segment[k.entry] = glia_arena_take(&whole.arena, (size_t)p.n + 1, 1);
    GLIA_CHECK_TO(out, st, segment[k.entry] != NULL, GLIA_E_MEMORY, "segments");
    glia_plan_segments_(&p, k.entry, 0, all);
    for (int32_t v = 0; v < p.n; v++)
      if (needs(&k, v) && p.micro[v]) segment[k.entry][v] = all[v].segment;
  }
  st = glia_program_compile_segments_(g, kernels, bucket_bytes, cut->parts,
                                      (const int8_t *const *)segment, out);
  if (st == GLIA_OK) (*out)->segment = NULL; /* it was read, and goes */
out:
  free(all);
  glia_arena_fini(&whole.arena);
  glia_plan_fini_(&p);
  return st;
}

struct glia_stage_traffic glia_stage_traffic(const struct glia_stage *s, const char *entry)
{
  struct glia_stage_traffic t = {0};

  for (int e = 0; e < s->entries; e++)
    for (int i = 0; i < s->n_channels && strcmp(s->g->entry[e]->name, entry) == 0; i++) {
      const struct channel *c = &s->channel[i];
      if (c->segment[e] < 0) continue;
      t.messages_in += !c->out;
      t.messages_out += c->out;
      *(c->out ? &t.bytes_out : &t.bytes_in) += c->bytes;
    }
  return t;
}
