/* What of a graph belongs to which stage, and what has to cross. A function of graph and cut alone, so that all ranks agree. */
#include "glia_profile.h"
#include "program_priv.h"
#include "stage_priv.h"

#include <stdlib.h>
#include <string.h>

static bool is_summed_flag(const struct plan *p, glia_value v)
{
  const struct glia_node *n = p->g->node[v];

  /* what a rank says of itself with every micro-batch: a failure, a wish to stop */
  return n->op == &glia_op_batch_sum_ && p->g->node[n->in[0]]->op == &glia_op_input_ &&
         n->type.rank == 0;
}

/* Those of ops/: attr.i is where from and where to. */
static bool is_transfer(const struct glia_node *n)
{
  return strcmp(n->op->name, "send") == 0 || strcmp(n->op->name, "receive") == 0;
}

static bool is_scalar(const struct plan *p, glia_value v)
{
  return glia_type_count(&p->g->node[v]->type) == 1;
}

/* What every rank may have behind the micro-batches: a number, the numbers of blocks (a thousandth of what they are of), lists of these. */
static bool is_numbers(const struct plan *p, glia_value v)
{
  const struct glia_node *n = p->g->node[v];

  if (is_scalar(p, v) || n->op->by_block) return true;
  bool all = strcmp(n->op->name, "concat") == 0;
  for (int i = 0; i < n->n_in && all; i++) all = is_numbers(p, n->in[i]);
  return all;
}

static int rank_of(const struct plan *p, glia_value v) { return p->home[v] % p->cut.ranks; }

static const char *name_of(const struct plan *p, glia_value v)
{
  const char *scope = glia_scope_of(p->g, v);

  return scope != NULL ? scope : p->g->node[v]->op->name;
}

/* What leads to the loss, and all of an entry point that changes no state. */
static void mark_forward(struct plan *p)
{
  for (int32_t v = 0; v < p->n && p->cut.parts > 0; v++) p->forward[v] = p->micro[v];
  if (p->cut.loss != GLIA_NONE) p->forward[p->cut.loss] = true;
  for (int e = 0; e < p->g->n_entries; e++)
    for (int i = 0; i < p->g->entry[e]->n_outputs; i++)
      if (p->g->entry[e]->n_writes == 0) p->forward[p->g->entry[e]->output[i].value] = true;
  for (int32_t v = p->n - 1; v >= 0; v--)
    for (int i = 0; p->forward[v] && i < p->g->node[v]->n_in; i++)
      p->forward[p->g->node[v]->in[i]] = true;
}

static bool is_view(const struct glia_node *n)
{
  return n->op->view && n->n_in == 1 && !is_transfer(n);
}

/* What a view is of: views are made wherever they are read. */
static glia_value viewed(const struct plan *p, glia_value v)
{
  while (is_view(p->g->node[v])) v = p->g->node[v]->in[0];
  return v;
}

/* Whether cotangents of one value are added here, that came from several readers of it. */
static bool adds_cotangents(const struct plan *p, const struct glia_node *n)
{
  return p->micro[n->id] && !p->forward[n->id] && strcmp(n->op->name, "add") == 0 &&
         p->pinned[viewed(p, n->in[0])] && p->pinned[viewed(p, n->in[1])];
}

/* The stage that a node was built for; else that of what it reads: in the epilogue of its arrays alone, and of sums with a scope. A sum of
 * cotangents bears the scope of the reader that was differentiated last, and a loss on a layer in the middle comes before later
 * layers there: it is of the earliest of them, as the value itself is of that stage or one before it. */
static int find_home(const struct plan *p, const struct glia_node *n)
{
  const char *scope = glia_scope_of(p->g, n->id);
  const int own = scope != NULL ? p->cut.stage_of(p->cut.self, scope) : -1;
  int home = -1;

  if (adds_cotangents(p, n)) {
    const int a = p->home[viewed(p, n->in[0])], b = p->home[viewed(p, n->in[1])];
    return a < b ? a : b;
  }
  if (n->op == &glia_op_input_) return -1;
  if (is_transfer(n)) return (int)n->attr.i[strcmp(n->op->name, "receive") == 0];
  if (n->op == &glia_op_result_) return p->home[n->in[0]];
  if (n->op == &glia_op_state_) return own;
  const bool of_part = p->cut.parts > 0 && p->total[n->id] && p->state[n->id];
  if ((p->micro[n->id] || of_part) && own >= 0) return own;
  if (n->op == &glia_op_batch_sum_) return p->state[n->in[0]] ? p->home[n->in[0]] : -1;
  for (int i = 0; i < n->n_in; i++)
    if ((p->micro[n->id] || !is_numbers(p, n->in[i])) && p->home[n->in[i]] > home)
      home = p->home[n->in[i]];
  return home;
}

/* The part that a node was built for; else the last one of what it reads. */
static int find_part(const struct plan *p, const struct glia_node *n)
{
  const char *scope = glia_scope_of(p->g, n->id);
  int part = scope != NULL ? p->cut.part_of(p->cut.self, scope) : -1;

  for (int i = 0; i < n->n_in; i++)
    if (p->part[n->in[i]] > part) part = p->part[n->in[i]];
  return part;
}

/* What each node depends on. */
static glia_status find_regions(struct plan *p)
{
  for (int32_t v = 0; v < p->n; v++) {
    const struct glia_node *n = p->g->node[v];
    for (int i = 0; i < n->n_in; i++) {
      p->micro[v] |= p->micro[n->in[i]];
      p->state[v] |= p->state[n->in[i]];
      p->total[v] |= p->total[n->in[i]];
    }
    if (n->op == &glia_op_input_)
      p->micro[v] = p->g->input[n->attr.i[0]].per == GLIA_PER_MICRO_BATCH;
    else if (n->op == &glia_op_state_)
      p->state[v] = true;
    else if (n->op == &glia_op_batch_sum_) {
      p->total[v] = true;
      p->micro[v] = false;
    }
    GLIA_CHECK(!(p->micro[v] && p->total[v]), GLIA_E_UNSUPPORTED,
               "%s: a sum over the batch that micro-batches read again (over: batch) does not go "
               "with stages, nor with local learning",
               name_of(p, v));
  }
  return GLIA_OK;
}

/* Pinned: computed on its own rank alone, because parameters are there or sums. Else wherever it is read. */
static glia_status plan_nodes(struct plan *p)
{
  GLIA_TRY(find_regions(p));
  mark_forward(p);
  for (int32_t v = 0; v < p->n; v++) {
    const struct glia_node *n = p->g->node[v];
    p->home[v] = (int16_t)find_home(p, n);
    if (p->cut.parts > 0) p->part[v] = (int8_t)find_part(p, n);
    p->pinned[v] = p->home[v] >= 0 && !is_view(n) &&
                   (p->micro[v] ? p->state[v] || is_transfer(n) : p->total[v]);
  }
  return GLIA_OK;
}

/* Forward goes to later stages, backward to earlier ones, or no schedule could run it. */
static glia_status check_direction(const struct plan *p)
{
  for (int32_t v = 0; v < p->n; v++) {
    const struct glia_node *n = p->g->node[v];
    for (int i = 0; i < n->n_in && p->pinned[v] && p->micro[v]; i++) {
      const glia_value u = viewed(p, n->in[i]);
      if (!p->pinned[u]) continue;
      const bool good =
          p->forward[u] ? p->home[u] <= p->home[v] || !p->forward[v] : p->home[u] >= p->home[v];
      GLIA_CHECK(good, GLIA_E_UNSUPPORTED,
                 "%s on stage %d reads what %s on stage %d makes: cut the model so that layers "
                 "read from their own stage or those before it",
                 name_of(p, v), p->home[v], name_of(p, u), p->home[u]);
    }
  }
  return GLIA_OK;
}

static glia_status add_crossing(struct plan *p, glia_value v, int to)
{
  const int from = rank_of(p, v);

  for (int i = 0; i < p->n_crossings; i++)
    if (p->crossing[i].v == v && p->crossing[i].to == to) return GLIA_OK;
  GLIA_CHECK(glia_grow_((void **)&p->crossing, p->n_crossings, &p->crossings_capacity,
                        sizeof *p->crossing),
             GLIA_E_MEMORY, "what crosses");
  p->crossing[p->n_crossings++] = (struct crossing){v, from, to};
  return GLIA_OK;
}

static glia_status add_shared(struct plan *p, int entry, glia_value v, int owner)
{
  const struct glia_node *n = p->g->node[v];

  GLIA_CHECK(is_numbers(p, v) && glia_dtype_is_float(n->type.dtype), GLIA_E_UNSUPPORTED,
             "%s of stage %d is needed by another stage behind the micro-batches: only numbers "
             "and those of blocks are shared there",
             name_of(p, v), p->home[v]);
  GLIA_CHECK(glia_grow_((void **)&p->shared, p->n_shared, &p->shared_capacity, sizeof *p->shared),
             GLIA_E_MEMORY, "what is shared");
  p->shared[p->n_shared++] = (struct shared){.v = v, .entry = entry, .owner = owner};
  return GLIA_OK;
}

/* Ranks that must compute v, given those that read it. */
static glia_status plan_value(struct plan *p, int entry, glia_value v, uint64_t *need)
{
  const uint64_t all = p->cut.ranks == 64 ? ~UINT64_C(0) : (UINT64_C(1) << p->cut.ranks) - 1;

  if (is_summed_flag(p, v) && p->cut.ranks > 1) {
    *need = all;
    return add_shared(p, entry, v, -1);
  }
  if (!p->pinned[v]) return GLIA_OK;
  const uint64_t own = UINT64_C(1) << rank_of(p, v), others = *need & ~own;
  *need = own;
  if (others == 0) return GLIA_OK;
  if (!p->micro[v]) return add_shared(p, entry, v, rank_of(p, v));
  for (int r = 0; r < p->cut.ranks; r++)
    if (others >> r & 1) GLIA_TRY(add_crossing(p, v, r));
  return GLIA_OK;
}

/* Behind how many others each shared value of an entry point comes. */
static void find_levels(struct plan *p, int entry, int first)
{
  for (int32_t v = 0; v < p->n; v++) {
    const struct glia_node *n = p->g->node[v];
    int level = 0;
    if (p->need[entry][v] == 0) continue;
    for (int i = 0; i < n->n_in; i++) {
      int of_input = p->level[n->in[i]];
      for (int k = first; k < p->n_shared; k++) of_input += p->shared[k].v == n->in[i];
      if (of_input > level) level = of_input;
    }
    p->level[v] = (int16_t)level;
  }
  for (int k = first; k < p->n_shared; k++) p->shared[k].level = p->level[p->shared[k].v];
}

static glia_status plan_entry(struct plan *p, int entry)
{
  const struct glia_entry *e = p->g->entry[entry];
  const uint64_t all = p->cut.ranks == 64 ? ~UINT64_C(0) : (UINT64_C(1) << p->cut.ranks) - 1;
  uint64_t *need = p->need[entry];
  const int first = p->n_shared;

  for (int i = 0; i < e->n_writes; i++) {
    const int home = p->home[e->write[i].value];
    need[e->write[i].value] |= home >= 0 ? UINT64_C(1) << home % p->cut.ranks : all;
    if (home >= 0) p->state_owner[e->write[i].state] = home % p->cut.ranks;
    p->state_need[e->write[i].state] |= need[e->write[i].value];
  }
  for (int i = 0; i < e->n_outputs; i++) {
    const glia_value v = e->output[i].value;
    const int home = p->home[v] >= 0 ? p->home[v] : p->cut.ranks * p->cut.chunks - 1;
    need[v] |= p->micro[v] ? UINT64_C(1) << home % p->cut.ranks : all;
  }
  for (int32_t v = p->n - 1; v >= 0; v--) {
    const struct glia_node *n = p->g->node[v];
    if (need[v] == 0) continue;
    uint64_t here = need[v];
    GLIA_TRY(plan_value(p, entry, v, &here));
    need[v] = here;
    for (int i = 0; i < n->n_in; i++) need[n->in[i]] |= here;
    if (n->op == &glia_op_state_) p->state_need[n->attr.i[0]] |= here;
  }
  find_levels(p, entry, first);
  return GLIA_OK;
}

static glia_status make(struct plan *p)
{
  const size_t n = (size_t)p->n + 1, states = (size_t)p->g->n_states + 1;

  p->micro = calloc(n, sizeof *p->micro);
  p->state = calloc(n, sizeof *p->state);
  p->total = calloc(n, sizeof *p->total);
  p->forward = calloc(n, sizeof *p->forward);
  p->pinned = calloc(n, sizeof *p->pinned);
  p->home = calloc(n, sizeof *p->home);
  p->part = calloc(n, sizeof *p->part);
  p->level = calloc(n, sizeof *p->level);
  p->need = calloc((size_t)p->g->n_entries + 1, sizeof *p->need);
  p->state_need = calloc(states, sizeof *p->state_need);
  p->state_owner = calloc(states, sizeof *p->state_owner);
  GLIA_CHECK(p->micro != NULL && p->state != NULL && p->total != NULL && p->forward != NULL &&
                 p->pinned != NULL && p->home != NULL && p->part != NULL && p->level != NULL &&
                 p->need != NULL && p->state_need != NULL && p->state_owner != NULL,
             GLIA_E_MEMORY, "cutting %d nodes", p->n);
  for (int i = 0; i < p->g->n_states; i++) p->state_owner[i] = -1;
  GLIA_TRY(plan_nodes(p));
  GLIA_TRY(check_direction(p));
  for (int e = 0; e < p->g->n_entries; e++) {
    p->need[e] = calloc(n, sizeof *p->need[e]);
    GLIA_CHECK(p->need[e] != NULL, GLIA_E_MEMORY, "cutting %d nodes", p->n);
    GLIA_TRY(plan_entry(p, e));
  }
  return GLIA_OK;
}

glia_status glia_plan_make_(const struct glia_graph *whole, const struct glia_cut *cut,
                            struct plan *p)
{
  *p = (struct plan){.g = whole, .cut = *cut, .n = whole->n};
  GLIA_CHECK(cut->ranks >= 1 && cut->ranks <= GLIA_STAGE_MAX_RANKS && cut->chunks >= 1 &&
                 cut->chunks <= 16,
             GLIA_E_ARGUMENT, "%d stages of %d parts: at most %d of 16", cut->ranks, cut->chunks,
             GLIA_STAGE_MAX_RANKS);
  GLIA_TRY(glia_graph_status(whole));
  const glia_status st = make(p);
  if (st != GLIA_OK) glia_plan_fini_(p);
  return st;
}

void glia_plan_fini_(struct plan *p)
{
  free(p->micro);
  free(p->state);
  free(p->total);
  free(p->forward);
  free(p->pinned);
  free(p->home);
  free(p->part);
  free(p->level);
  for (int e = 0; p->need != NULL && e < p->g->n_entries; e++) free(p->need[e]);
  free(p->need);
  free(p->crossing);
  free(p->shared);
  free(p->state_need);
  free(p->state_owner);
  *p = (struct plan){0};
}
