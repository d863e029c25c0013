/* Second stage: which nodes run together (fusion), and in which order.
 *
 * Elementwise nodes of one region and one number of elements join the group of a producer, and groups merge, unless that would
 * make a cycle among units. Sums join the group that makes their summands: whoever reads a sum comes behind the whole group. Broadcasts that only groups read become indexed loads. A function of the graph alone.
 */
#include "program_priv.h"

#include <stdlib.h>

int32_t glia_unit_find_(const struct compiler *k, int32_t u)
{
  while (k->u[u].parent != u) u = k->u[u].parent;
  return u;
}

static bool is_leaf(const struct glia_node *n)
{
  return n->op == &glia_op_input_ || n->op == &glia_op_state_;
}

static bool is_group_node(const struct compiler *k, const struct glia_node *n)
{
  return n->op->elementwise && k->region[n->id] != REGION_CONSTANT && n->n_in <= TILE_OPERANDS;
}

bool glia_is_fused_broadcast_(const struct compiler *k, glia_value v)
{
  return k->g->node[v]->op->broadcast && k->region[v] != REGION_CONSTANT;
}

glia_value glia_source_of_(const struct compiler *k, const struct glia_node *node, int i)
{
  const glia_value r = k->root[node->in[i]];

  if (is_group_node(k, node) && glia_is_fused_broadcast_(k, r))
    return k->root[k->g->node[r]->in[0]];
  return r;
}

/* A dependency is kept as 2 unit + 1 when it is hard: read through a broadcast, so that it must be whole in memory. */
static bool add_dep(struct forming *u, int32_t dep, bool hard)
{
  if (!glia_grow_((void **)&u->dep, u->n_deps, &u->deps_capacity, sizeof *u->dep)) return false;
  u->dep[u->n_deps++] = 2 * dep + hard;
  return true;
}

static int32_t dep_of(const struct compiler *k, const struct forming *u, int32_t i)
{
  return glia_unit_find_(k, u->dep[i] / 2);
}

/* Whether unit `from` depends on `target`, directly or not. stack [n_units] is scratch. */
static bool depends(struct compiler *k, int32_t from, int32_t target, int32_t stamp, int32_t *stack)
{
  int32_t top = 0;

  stack[top++] = from;
  k->u[from].stamp = stamp;
  while (top > 0) {
    const struct forming *u = &k->u[stack[--top]];
    for (int32_t i = 0; i < u->n_deps; i++) {
      const int32_t d = dep_of(k, u, i);
      if (d == target) return true;
      if (k->u[d].stamp == stamp) continue;
      k->u[d].stamp = stamp;
      stack[top++] = d;
    }
  }
  return false;
}

/* Whether b, or a unit of its kind, may run with a. */
static bool compatible(const struct forming *a, const struct forming *b)
{
  return a->group && a->region == b->region && a->phase == b->phase && a->segment == b->segment &&
         a->count == b->count && a->members + b->members <= GROUP_MAX;
}

static struct forming unit_of_node(const struct compiler *k, const struct glia_node *n, bool group)
{
  return (struct forming){.group = group,
                          .region = k->region[n->id],
                          .phase = k->phase[n->id],
                          .segment = glia_segment_(k, n->id),
                          .count = glia_type_count(&n->type),
                          .members = 1,
                          .first = n->id,
                          .node = n->id};
}

struct search {
  int32_t stamp;
  int32_t *stack;
};

/* What v must come after, GLIA_NONE: nothing but its source. */
static glia_value held_by(const struct compiler *k, glia_value v)
{
  for (const struct glia_node *n = k->g->node[v]; n->op->view; n = k->g->node[n->in[0]])
    if (n->op == &glia_op_after_) return k->root[n->in[1]];
  return GLIA_NONE;
}

/* Units that node reads from or waits for, in its own region, as representatives. out, direct [2 GLIA_MAX_IN] */
static int producers(const struct compiler *k, const struct glia_node *n, int32_t *out,
                     bool *direct)
{
  int count = 0;

  for (int i = 0; i < n->n_in; i++) {
    const glia_value wait = held_by(k, n->in[i]);
    const glia_value from[2] = {glia_source_of_(k, n, i), wait};
    for (int j = 0; j < (wait != GLIA_NONE ? 2 : 1); j++) {
      const glia_value s = from[j];
      if (k->unit[s] < 0 || k->region[s] != k->region[n->id]) continue;
      out[count] = glia_unit_find_(k, k->unit[s]);
      direct[count++] = wait == GLIA_NONE && s == k->root[n->in[i]];
    }
  }
  return count;
}

/* A group that n may join without a cycle: none of n's other producers may depend on it. */
static int32_t home_of(struct compiler *k, const struct glia_node *n, const int32_t *prod,
                       const bool *direct, int n_prod, struct search *s)
{
  const struct forming alone = unit_of_node(k, n, true);

  for (int i = 0; i < n_prod; i++) {
    const int32_t g = prod[i];
    bool fits = direct[i] && compatible(&k->u[g], &alone);
    for (int j = 0; fits && j < n_prod; j++) {
      if (prod[j] == g)
        fits = direct[j];
      else
        fits = !depends(k, prod[j], g, ++s->stamp, s->stack);
    }
    if (fits) return g;
  }
  return -1;
}

/* The group that makes what a streamed node takes, every piece of it; -1: it runs alone. */
static int32_t source_group(const struct compiler *k, const struct glia_node *n,
                            const int32_t *prod, const bool *direct, int n_prod)
{
  if (n_prod != 1 || !direct[0] || glia_streamed_(k, n) == NULL) return -1;
  const struct forming *u = &k->u[prod[0]];
  const bool fits = u->group && u->region == k->region[n->id] && u->phase == k->phase[n->id] &&
                    u->segment == glia_segment_(k, n->id) && u->members < GROUP_MAX &&
                    u->count == glia_type_count(&k->g->node[n->in[0]]->type);
  return fits ? prod[0] : -1;
}

static bool merge(struct compiler *k, int32_t into, int32_t from)
{
  struct forming *a = &k->u[into];
  const struct forming *b = &k->u[from];

  for (int32_t i = 0; i < b->n_deps; i++)
    if (!add_dep(a, b->dep[i] / 2, b->dep[i] % 2 != 0)) return false;
  a->members += b->members;
  if (b->first < a->first) a->first = b->first;
  k->u[from].parent = into;
  return true;
}

/* Whether a must stay apart from b: it reads b through a broadcast, or a third unit stands between them. */
static bool blocked(struct compiler *k, int32_t a, int32_t b, struct search *s)
{
  for (int32_t i = 0; i < k->u[a].n_deps; i++) {
    const int32_t d = dep_of(k, &k->u[a], i);
    if (d == b ? k->u[a].dep[i] % 2 != 0 : d != a && depends(k, d, b, ++s->stamp, s->stack))
      return true;
  }
  return false;
}

static int32_t new_unit(struct compiler *k, const struct glia_node *n, bool group)
{
  const int32_t u = k->n_units++;

  k->u[u] = unit_of_node(k, n, group);
  k->u[u].parent = u;
  return u;
}

static bool place_node(struct compiler *k, const struct glia_node *n, struct search *s)
{
  if (n->op == &glia_op_result_) { /* made by its node's unit */
    k->unit[n->id] = k->unit[n->in[0]];
    return true;
  }
  int32_t prod[2 * GLIA_MAX_IN];
  bool direct[2 * GLIA_MAX_IN];
  const int n_prod = producers(k, n, prod, direct);
  int32_t home = -1;

  if (is_group_node(k, n))
    home = home_of(k, n, prod, direct, n_prod, s);
  else
    home = source_group(k, n, prod, direct, n_prod);
  if (home < 0)
    home = new_unit(k, n, is_group_node(k, n));
  else {
    k->u[home].members++;
    k->u[home].node = n->id;
  }
  k->unit[n->id] = home;
  for (int i = 0; i < n_prod; i++)
    if (prod[i] != home && !add_dep(&k->u[home], prod[i], !direct[i])) return false;
  if (!is_group_node(k, n)) return true;

  /* other producers that are groups of the same size: one pass over memory instead of two */
  for (int i = 0; i < n_prod; i++) {
    const int32_t other = glia_unit_find_(k, prod[i]);
    if (other == home || !direct[i] || !k->u[other].group || !compatible(&k->u[home], &k->u[other]))
      continue;
    if (!blocked(k, home, other, s) && !blocked(k, other, home, s) && !merge(k, home, other))
      return false;
  }
  return true;
}

/* Broadcasts that something other than a group reads, or that leave the graph, must exist in memory. */
static void find_materialised(const struct compiler *k, bool *wanted)
{
  const struct glia_entry *e = k->c->entry;

  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = k->g->node[v];
    if (k->region[v] == REGION_DEAD || n->op->view) continue;
    for (int i = 0; i < n->n_in; i++) {
      const glia_value r = k->root[n->in[i]];
      const bool known = k->g->node[r]->op == &glia_op_full_ || glia_is_fused_broadcast_(k, r);
      if (!is_group_node(k, n) || !known) wanted[r] = true;
    }
  }
  for (int i = 0; i < e->n_writes; i++) wanted[k->root[e->write[i].value]] = true;
  for (int i = 0; i < e->n_outputs; i++) wanted[k->root[e->output[i].value]] = true;
}

static int by_first(const void *a, const void *b)
{
  const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return x < y ? -1 : x > y;
}

/* Units run phase by phase, and inside of one segment by segment. */
static int32_t turn_of(const struct compiler *k, int32_t u)
{
  return k->u[u].phase * k->c->segments + k->u[u].segment;
}

/* Kahn's algorithm inside each region, turn by turn; among ready units the one whose first node was made first. */
static glia_status schedule(struct compiler *k)
{
  struct glia_arena *arena = &k->p->arena;
  const size_t n = (size_t)k->n_units + 1;
  int32_t *waits = glia_arena_take(arena, n, sizeof *waits);
  int32_t *rank = glia_arena_take(arena, n, sizeof *rank); /* unit ids by first node */
  int32_t *key = glia_arena_take(arena, 2 * n, sizeof *key);
  bool *done = glia_arena_take(arena, n, sizeof *done);
  int32_t count = 0;

  k->order = glia_arena_take(arena, n, sizeof *k->order);
  GLIA_CHECK(waits != NULL && rank != NULL && key != NULL && done != NULL && k->order != NULL,
             GLIA_E_MEMORY, "scheduling");
  for (int32_t u = 0; u < k->n_units; u++)
    if (k->u[u].parent == u) {
      key[2 * count] = k->u[u].first;
      key[2 * count + 1] = u;
      count++;
    }
  qsort(key, (size_t)count, 2 * sizeof *key, by_first);
  int32_t placed = 0, last = 0; /* of this turn and those before: in all */
  int32_t position[REGIONS] = {0};
  for (int turn = -1; placed < count;) {
    const int32_t before = placed;
    if (placed == last) {
      turn++;
      for (int32_t i = 0; i < count; i++) last += turn_of(k, key[2 * i + 1]) == turn;
      if (placed == last) continue;
    }
    for (int32_t i = 0; i < count; i++) {
      const int32_t u = key[2 * i + 1];
      bool ready = !done[u] && turn_of(k, u) == turn;
      for (int32_t d = 0; ready && d < k->u[u].n_deps; d++) {
        const int32_t dep = dep_of(k, &k->u[u], d);
        ready = dep == u || done[dep] || k->u[dep].region != k->u[u].region;
      }
      if (!ready) continue;
      done[u] = true;
      k->u[u].position = position[k->u[u].region]++;
      k->order[placed++] = u;
    }
    GLIA_CHECK(placed > before, GLIA_E_INTERNAL, "entry point %s: units form a cycle",
               k->c->entry->name);
  }
  return GLIA_OK;
}

/* Values that must be in memory: read by another unit, or through a broadcast, or leaving the entry point. */
static void find_stored(const struct compiler *k)
{
  const struct glia_entry *e = k->c->entry;

  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = k->g->node[v];
    if (k->region[v] == REGION_DEAD || n->op->view) continue;
    const bool alone = k->unit[v] >= 0 && !k->u[glia_unit_find_(k, k->unit[v])].group;
    if (k->unit[v] >= 0 && (alone || !n->op->elementwise) && n->op->many == NULL)
      k->stored[v] = true;
    if (k->unit[v] < 0 && n->op != &glia_op_batch_sum_) continue;
    for (int i = 0; i < n->n_in; i++) {
      const glia_value s = glia_source_of_(k, n, i);
      if (k->unit[s] < 0) continue;
      if (k->unit[v] < 0 || s != k->root[n->in[i]] ||
          glia_unit_find_(k, k->unit[s]) != glia_unit_find_(k, k->unit[v]))
        k->stored[s] = true;
    }
  }
  for (int i = 0; i < e->n_writes; i++) k->stored[k->root[e->write[i].value]] = true;
  for (int i = 0; i < e->n_outputs; i++) k->stored[k->root[e->output[i].value]] = true;
}

glia_status glia_compile_units_(struct compiler *k)
{
  struct glia_arena *arena = &k->p->arena;
  struct search s = {0, malloc(((size_t)k->n + 1) * sizeof(int32_t))};
  bool *wanted = glia_arena_take(arena, (size_t)k->n + 1, sizeof *wanted);
  glia_status st = GLIA_OK;

  k->u = calloc((size_t)k->n + 1, sizeof *k->u);
  GLIA_CHECK_TO(out, st, s.stack != NULL && wanted != NULL && k->u != NULL, GLIA_E_MEMORY,
                "units of %d nodes", k->n);
  find_materialised(k, wanted);
  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = k->g->node[v];
    k->unit[v] = -1;
    if (k->region[v] == REGION_DEAD || is_leaf(n) || n->op->view || n->op == &glia_op_batch_sum_)
      continue;
    if (n->op == &glia_op_full_ && !wanted[v]) continue; /* groups know the number */
    if (glia_is_fused_broadcast_(k, v) && !wanted[v]) continue;
    GLIA_CHECK_TO(out, st, place_node(k, n, &s), GLIA_E_MEMORY, "units of %d nodes", k->n);
  }
  GLIA_TRY_TO(out, st, schedule(k));
  find_stored(k);
out:
  free(s.stack);
  return st;
}
