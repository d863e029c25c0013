/* Third stage: where every value lives. Greedy: each at the lowest offset that no value alive at the same time
 * occupies, in the best of a few orders. Times are positions in the schedule; in the shared arena the micro-batch region is one instant. */
#include "program_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
  MOST_ROUNDS = 200,
  MOST_WORK = 100000000
}; /* of the search for a better plan: well below a second */

static struct value_place *add_value(struct compiler *k, glia_value v, base b, int32_t first)
{
  struct value_place *p = &k->c->value[k->c->n_values++];

  *p = (struct value_place){.v = v,
                            .base = b,
                            .bytes = glia_round_up_(glia_type_bytes(&k->g->node[v]->type)),
                            .first = first,
                            .last = first};
  return p;
}

/* The micro-batch value that a batch_sum sums can be computed right in its slot, if no other slot has it yet and nobody reads it
 * after the phase, when sums have been added to it. */
static void place_summands(struct compiler *k, bool *late)
{
  const struct glia_entry *e = k->c->entry;

  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = k->g->node[v];
    if (k->region[v] == REGION_DEAD || n->op->view) continue;
    for (int i = 0; i < n->n_in; i++) {
      const glia_value s = glia_source_of_(k, n, i);
      late[s] |= k->phase[v] > k->phase[s] || glia_segment_(k, v) > glia_segment_(k, s);
    }
  }
  for (int i = 0; i < e->n_outputs; i++)
    if (k->c->segments > 1 || k->phase[k->root[e->output[i].value]] < k->c->phases - 1)
      late[k->root[e->output[i].value]] = true;
  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = k->g->node[v];
    if (k->region[v] == REGION_DEAD || n->op != &glia_op_batch_sum_) continue;
    const glia_value r = k->root[n->in[0]];
    if (k->region[r] == REGION_MICRO && k->unit[r] >= 0 && k->place[r].base == BASE_COUNT &&
        !late[r])
      k->place[r] = k->summand[v];
  }
}

/* In a body: a value that leaves can be computed where it leaves, once. */
static void place_results(struct compiler *k)
{
  for (int o = 0; k->body != NULL && o < k->c->entry->n_outputs; o++) {
    const glia_value r = k->root[k->c->entry->output[o].value];
    if (k->region[r] == REGION_MICRO && k->unit[r] >= 0 && k->place[r].base == BASE_COUNT)
      k->place[r] = glia_body_place_(k->body, -1, o);
  }
}

/* First and last time of a value in its arena. */
static int32_t time_of(const struct compiler *k, int32_t unit, const int32_t *length)
{
  const struct forming *u = &k->u[glia_unit_find_(k, unit)];

  switch (u->region) {
  case REGION_PROLOGUE:
    return u->position;
  case REGION_EPILOGUE:
    return length[REGION_PROLOGUE] + 1 + u->position;
  default:
    return u->position;
  }
}

static void extend(struct value_place *p, int32_t t)
{
  if (p != NULL && t > p->last) p->last = t;
}

static glia_status plan_arena(struct compiler *k, base b, size_t *bytes, size_t *bound);

/* In the shared arena: when the micro-batches of a phase run. length: of prologue; done: of the epilogue in phases before. */
static int32_t time_of_phase(const struct compiler *k, int phase, const int32_t *length)
{
  int32_t done = 0;

  if (phase == 0) return length[REGION_PROLOGUE];
  for (int32_t u = 0; u < k->n_units; u++)
    if (k->u[u].parent == u && k->u[u].region == REGION_EPILOGUE && k->u[u].phase < phase) done++;
  return length[REGION_PROLOGUE] + 1 + done;
}

static void find_lifetimes(struct compiler *k, struct value_place **of, const int32_t *length)
{
  const struct glia_entry *e = k->c->entry;
  const int32_t end[REGIONS] = {length[0] + 1 + length[2], length[1], length[0] + 1 + length[2],
                                INT32_MAX};

  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = k->g->node[v];
    if (k->region[v] == REGION_DEAD || n->op->view) continue;
    for (int i = 0; i < n->n_in; i++) {
      const glia_value s = glia_source_of_(k, n, i);
      if (of[s] == NULL) continue;
      if (n->op == &glia_op_batch_sum_)
        extend(of[s], k->region[s] == REGION_MICRO ? end[REGION_MICRO]
                                                   : time_of_phase(k, k->phase[v], length));
      else if (k->unit[v] >= 0) {
        const bool shared = k->region[s] != REGION_MICRO && k->region[v] == REGION_MICRO;
        extend(of[s],
               shared ? time_of_phase(k, k->phase[v], length) : time_of(k, k->unit[v], length));
      }
    }
  }
  for (int i = 0; i < e->n_outputs; i++) {
    const glia_value r = k->root[e->output[i].value];
    extend(of[r], end[k->region[r]]);
  }
  for (int i = 0; i < e->n_writes; i++)
    extend(of[k->root[e->write[i].value]], end[REGION_EPILOGUE]);
}

/* Who reads which state: entries first[s] to first[s + 1] are operands that are, or come by broadcast from, state s. */
struct readers {
  int32_t *first; /* [states + 1] */
  struct {
    int32_t node;
    int operand;
  } * at;
};

static bool keeps(const struct compiler *k, int32_t v)
{
  const struct glia_op *op = k->g->node[v]->op;

  return k->region[v] != REGION_DEAD && !op->view && !(op->broadcast && k->unit[v] < 0);
}

/* Count (r->at NULL), or put down, the operands that are states; afterwards first[s] is the end of those of s. */
static void visit_readers(const struct compiler *k, struct readers *r)
{
  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = k->g->node[v];
    if (!keeps(k, v)) continue;
    for (int i = 0; i < n->n_in; i++) {
      const struct glia_node *from = k->g->node[glia_source_of_(k, n, i)];
      if (from->op != &glia_op_state_) continue;
      int32_t *at = &r->first[from->attr.i[0]];
      if (r->at != NULL) {
        r->at[*at].node = v;
        r->at[*at].operand = i;
      }
      (*at)++;
    }
  }
}

static glia_status list_readers(const struct compiler *k, struct readers *r)
{
  const int states = k->g->n_states;

  *r = (struct readers){.first = calloc((size_t)states + 1, sizeof *r->first)};
  GLIA_CHECK(r->first != NULL, GLIA_E_MEMORY, "a table of %d states", states);
  visit_readers(k, r);
  int32_t all = 0;
  for (int s = 0; s < states; s++) {
    const int32_t n = r->first[s];
    r->first[s] = all;
    all += n;
  }
  r->at = malloc(((size_t)all + 1) * sizeof *r->at);
  GLIA_CHECK(r->at != NULL, GLIA_E_MEMORY, "a table of %d operands", all);
  visit_readers(k, r);
  memmove(r->first + 1, r->first, (size_t)states * sizeof *r->first);
  r->first[0] = 0;
  return GLIA_OK;
}

/* Does operand i of a node read what state value s was, before group `own` writes it at `now`, or there element by element? */
static bool reads_in_time(const struct compiler *k, int32_t v, int i, glia_value s, int32_t own,
                          int32_t now, const int32_t *length)
{
  const struct glia_node *n = k->g->node[v];

  if (k->unit[v] < 0) return false; /* a batch_sum */
  if (k->region[v] != REGION_EPILOGUE) return true;
  const int32_t u = glia_unit_find_(k, k->unit[v]);
  if (u != own) return time_of(k, u, length) < now;
  return k->root[n->in[i]] == s &&
         glia_type_count(&n->type) == glia_type_count(&k->g->node[s]->type);
}

/* Is the result of write w made by a group that is the last to read the old state, element by element? */
static bool writes_in_place(const struct compiler *k, int w, const struct readers *r,
                            const int32_t *length)
{
  const struct glia_entry *e = k->c->entry;
  const int state = e->write[w].state;
  const glia_value from = k->root[e->write[w].value], s = k->g->state[state].value;
  bool in_place = true;

  if (k->unit[from] < 0 || k->place[from].base != BASE_COUNT) return false;
  const int32_t own = glia_unit_find_(k, k->unit[from]);
  if (!k->u[own].group || k->u[own].region != REGION_EPILOGUE ||
      k->u[own].phase != k->c->phases - 1)
    return false;
  const int32_t now = time_of(k, own, length);
  for (int32_t j = r->first[state]; j < r->first[state + 1] && in_place; j++)
    in_place = reads_in_time(k, r->at[j].node, r->at[j].operand, s, own, now, length);
  for (int o = 0; o < e->n_outputs && in_place; o++) in_place = k->root[e->output[o].value] != s;
  for (int o = 0; o < e->n_writes && in_place; o++)
    in_place = o == w || k->root[e->write[o].value] != s;
  return in_place;
}

static glia_status place_writes(struct compiler *k, const int32_t *length)
{
  const struct glia_entry *e = k->c->entry;
  struct readers r;
  const glia_status st = list_readers(k, &r);

  for (int w = 0; st == GLIA_OK && w < e->n_writes; w++)
    if (writes_in_place(k, w, &r, length))
      k->place[k->root[e->write[w].value]] =
          (struct place){BASE_STATE, k->p->state_offset[e->write[w].state]};
  free(r.first);
  free(r.at);
  return st;
}

glia_status glia_compile_memory_(struct compiler *k)
{
  const struct glia_graph *g = k->g;
  struct glia_arena *arena = &k->p->arena;
  struct value_place **of = calloc((size_t)k->n + 1, sizeof(struct value_place *));
  bool *late = glia_arena_take(arena, (size_t)k->n + 1, sizeof *late);
  int32_t length[REGIONS] = {0};
  glia_status st = GLIA_OK;

  k->c->value = glia_arena_take(arena, (size_t)k->n + 1, sizeof *k->c->value);
  k->c->input = glia_arena_take(arena, (size_t)g->n_inputs + 1, sizeof *k->c->input);
  k->c->input_used = glia_arena_take(arena, (size_t)g->n_inputs + 1, sizeof *k->c->input_used);
  GLIA_CHECK_TO(out, st,
                of != NULL && late != NULL && k->c->value != NULL && k->c->input != NULL &&
                    k->c->input_used != NULL,
                GLIA_E_MEMORY, "planning %d values", k->n);
  for (int32_t u = 0; u < k->n_units; u++)
    if (k->u[u].parent == u) length[k->u[u].region]++;
  place_summands(k, late);
  GLIA_TRY_TO(out, st, place_writes(k, length));
  place_results(k);

  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = g->node[v];
    if (k->region[v] == REGION_DEAD || n->op->view) continue;
    if (n->op == &glia_op_state_)
      k->place[v] = (struct place){BASE_STATE, k->p->state_offset[n->attr.i[0]]};
    else if (n->op == &glia_op_input_) {
      k->c->input_used[n->attr.i[0]] = true;
      if (k->body != NULL)
        k->place[v] = glia_body_place_(k->body, (int)n->attr.i[0], -1);
      else if (g->input[n->attr.i[0]].per == GLIA_PER_STEP)
        k->place[v] = (struct place){BASE_INPUT, k->p->input_offset[n->attr.i[0]]};
      else
        of[v] = add_value(k, v, BASE_MICRO, -1);
    } else if (k->unit[v] >= 0 && k->place[v].base == BASE_COUNT && k->stored[v]) {
      const region r = k->region[v];
      of[v] = add_value(k, v,
                        r == REGION_CONSTANT ? BASE_CONSTANT
                        : r == REGION_MICRO  ? BASE_MICRO
                                             : BASE_SHARED,
                        time_of(k, k->unit[v], length));
    }
  }
  find_lifetimes(k, of, length);
  for (int i = 0; i < g->n_inputs;
       i++) /* that views alone read: a message may still come at any time */
    if (of[g->input[i].value] != NULL && of[g->input[i].value]->last < 0)
      extend(of[g->input[i].value], length[REGION_MICRO]);
  GLIA_TRY_TO(out, st, plan_arena(k, BASE_CONSTANT, &k->c->constant_bytes, NULL));
  GLIA_TRY_TO(out, st, plan_arena(k, BASE_SHARED, &k->c->shared_bytes, NULL));
  GLIA_TRY_TO(out, st, plan_arena(k, BASE_MICRO, &k->c->micro_bytes, &k->c->micro_lower_bound));
  for (int i = 0; i < k->c->n_values; i++)
    k->place[k->c->value[i].v] = (struct place){k->c->value[i].base, k->c->value[i].offset};
  for (int i = 0; i < g->n_inputs; i++) k->c->input[i] = k->place[g->input[i].value];
out:
  free(of);
  return st;
}

static int by_size(const void *a, const void *b)
{
  const struct value_place *x = *(struct value_place *const *)a;
  const struct value_place *y = *(struct value_place *const *)b;

  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return x->v < y->v ? -1 : x->v > y->v;
}

static int by_life(const void *a, const void *b)
{
  const struct value_place *x = *(struct value_place *const *)a;
  const struct value_place *y = *(struct value_place *const *)b;
  const int32_t p = x->last - x->first, q = y->last - y->first;

  return p != q ? (p > q ? -1 : 1) : by_size(a, b);
}

static int by_birth(const void *a, const void *b)
{
  const struct value_place *x = *(struct value_place *const *)a;
  const struct value_place *y = *(struct value_place *const *)b;

  return x->first != y->first ? (x->first < y->first ? -1 : 1) : by_size(a, b);
}

static bool meet_in_time(const struct value_place *a, const struct value_place *b)
{
  return a->base == BASE_CONSTANT || (a->first <= b->last && b->first <= a->last);
}

static int by_offset(const void *a, const void *b)
{
  const struct value_place *x = *(struct value_place *const *)a;
  const struct value_place *y = *(struct value_place *const *)b;

  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Lowest gap among the placed values alive together with p. near [n_placed] is scratch. */
static size_t lowest_offset(const struct value_place *p, struct value_place *const *placed,
                            int n_placed, struct value_place **near)
{
  int n = 0;
  size_t offset = 0;

  for (int i = 0; i < n_placed; i++)
    if (meet_in_time(p, placed[i])) near[n++] = placed[i];
  qsort(near, (size_t)n, sizeof(struct value_place *), by_offset);
  for (int i = 0; i < n; i++) {
    if (near[i]->offset >= offset + p->bytes) break;
    if (near[i]->offset + near[i]->bytes > offset) offset = near[i]->offset + near[i]->bytes;
  }
  return offset;
}

static size_t largest_live(struct value_place *const *list, int n)
{
  size_t most = 0;

  for (int i = 0; i < n; i++) {
    size_t live = 0;
    for (int j = 0; j < n; j++)
      if (list[j]->first <= list[i]->first && list[i]->first <= list[j]->last)
        live += list[j]->bytes;
    if (live > most) most = live;
  }
  return most;
}

/* list [n] at lowest offsets in this order, NULL: as it stands; returns the bytes that it takes. near [n] is scratch. */
static size_t place_in_order(struct value_place **list, int n, struct value_place **near,
                             int (*order)(const void *, const void *))
{
  size_t bytes = 0;

  if (order != NULL) qsort(list, (size_t)n, sizeof(struct value_place *), order);
  for (int i = 0; i < n; i++) {
    list[i]->offset = lowest_offset(list[i], list, i, near);
    if (list[i]->offset + list[i]->bytes > bytes) bytes = list[i]->offset + list[i]->bytes;
  }
  return bytes;
}

/* Whoever ends up on top goes first, again and again, until nothing is above what is alive at once, or for so many rounds.
 * list [n] is placed in the best order seen, of *bytes; spare [2 n] is scratch. */
static void lower_the_top(struct value_place **list, int n, struct value_place **spare,
                          size_t bound, size_t *bytes)
{
  struct value_place **best = spare + n;
  const int64_t work = (int64_t)n * n + 1, rounds = MOST_WORK / work;

  memcpy(best, list, (size_t)n * sizeof(struct value_place *));
  for (int r = 0; r < MOST_ROUNDS && r<rounds && * bytes> bound; r++) {
    int top = 0;
    for (int i = 0; i < n; i++)
      if (list[i]->offset + list[i]->bytes > list[top]->offset + list[top]->bytes) top = i;
    struct value_place *first = list[top];
    memmove(list + 1, list, (size_t)top * sizeof(struct value_place *));
    list[0] = first;
    const size_t taken = place_in_order(list, n, spare, NULL);
    if (taken >= *bytes) continue;
    *bytes = taken;
    memcpy(best, list, (size_t)n * sizeof(struct value_place *));
  }
  place_in_order(best, n, spare, NULL);
}

/* The best of a few orders, largest first for a start: none is best for all models; and then better ones. */
static glia_status plan_arena(struct compiler *k, base b, size_t *bytes, size_t *bound)
{
  static int (*const order[])(const void *, const void *) = {by_size, by_life, by_birth};
  int best = 0;

  const size_t most = (size_t)k->c->n_values + 1;
  struct value_place **list = malloc(3 * most * sizeof(struct value_place *));
  int n = 0;

  GLIA_CHECK(list != NULL, GLIA_E_MEMORY, "planning %d values", k->c->n_values);
  for (int i = 0; i < k->c->n_values; i++)
    if (k->c->value[i].base == b) list[n++] = &k->c->value[i];
  const size_t least = largest_live(list, n);
  if (bound != NULL) *bound = least;
  *bytes = SIZE_MAX;
  for (int i = 0; i < (int)GLIA_COUNT(order); i++) {
    const size_t taken = place_in_order(list, n, list + most, order[i]);
    if (taken < *bytes) best = i;
    if (taken < *bytes) *bytes = taken;
  }
  place_in_order(list, n, list + most, order[best]);
  lower_the_top(list, n, list + most, least, bytes);
  free(list);
  return GLIA_OK;
}

static glia_status verify(const struct compiled *c)
{
  for (int i = 0; i < c->n_values; i++)
    for (int j = 0; j < i; j++) {
      const struct value_place *a = &c->value[i], *b = &c->value[j];
      GLIA_CHECK(a->base != b->base || !meet_in_time(a, b) || a->offset + a->bytes <= b->offset ||
                     b->offset + b->bytes <= a->offset,
                 GLIA_E_INTERNAL, "entry point %s: values %d and %d share memory while both live",
                 c->entry->name, a->v, b->v);
    }
  for (int r = 0; r < REGIONS; r++)
    for (int i = 0; i < c->list[r].n; i++)
      if (c->list[r].unit[i].loop != NULL) GLIA_TRY(verify(c->list[r].unit[i].loop->body));
  return GLIA_OK;
}

glia_status glia_program_verify(const struct glia_program *p)
{
  for (int e = 0; e < p->n_entries; e++) GLIA_TRY(verify(&p->entry[e]));
  return GLIA_OK;
}
