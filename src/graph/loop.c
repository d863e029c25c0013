/* Loops while they are compiled: what of a body is needed, its own plan, and what moves from step to step. */
#include "program_priv.h"

#include <stdlib.h>
#include <string.h>

/* Mark what the needed values of a body need. */
static void spread(const struct glia_graph *g, bool *need)
{
  for (int32_t v = g->n - 1; v >= 0; v--)
    for (int i = 0; need[v] && i < g->node[v]->n_in; i++) need[g->node[v]->in[i]] = true;
}

/* Carries that a needed value reads are needed, and so on. */
static void find_carries(const struct glia_body *f, bool *need, bool *carry)
{
  for (bool more = true; more;) {
    more = false;
    spread(f->g, need);
    for (int j = 0; j < f->n_carries; j++) {
      carry[j] |= need[f->g->input[f->carry[j].in].value];
      more |= carry[j] && !need[f->carry[j].next];
      need[f->carry[j].next] |= carry[j];
    }
  }
}

bool glia_loop_live_(struct glia_arena *arena, const struct glia_graph *g,
                     const struct glia_node *y, const bool *result, struct loop_live *live)
{
  const struct glia_body *f = glia_body_of_(g, y, LOOP_BODY);
  bool *need = calloc((size_t)f->g->n + 1, sizeof *need);

  live->operand = glia_arena_take(arena, (size_t)y->n_in + 1, sizeof *live->operand);
  live->carry = glia_arena_take(arena, (size_t)f->n_carries + 1, sizeof *live->carry);
  live->out = glia_arena_take(arena, (size_t)f->n_out + 1, sizeof *live->out);
  if (need == NULL || live->operand == NULL || live->carry == NULL || live->out == NULL) {
    free(need);
    return false;
  }
  for (int o = 0; o < f->n_out; o++) {
    live->out[o] = result[loop_out(f, o)];
    if (live->out[o]) need[f->out[o].value] = true;
  }
  if (f->stop != GLIA_NONE) need[f->stop] = true;
  for (int j = 0; j < f->n_carries; j++) {
    live->carry[j] = result[loop_final(f, j)] || result[loop_history(f, j)];
    if (live->carry[j]) need[f->g->input[f->carry[j].in].value] = true;
  }
  find_carries(f, need, live->carry);
  for (int i = 0; i < f->n_in; i++) live->operand[i] = need[f->g->input[i].value];
  for (int i = f->n_in; i < y->n_in; i++) live->operand[i] = true; /* the count */
  free(need);
  return true;
}

static struct ref result_ref(const struct compiler *k, const struct glia_node *n, int r)
{
  const glia_value v = result_of(n, r);

  return k->region[v] == REGION_DEAD ? (struct ref){.at = {BASE_COUNT, 0}} : glia_ref_(k, v);
}

static size_t input_bytes(const struct glia_body *f, int i)
{
  return glia_type_bytes(&f->g->input[i].type);
}

static size_t cut(size_t *used, size_t bytes)
{
  const size_t at = *used;

  *used += glia_round_up_(bytes);
  return at;
}

static bool take_arrays(struct glia_arena *arena, const struct glia_body *f, struct loop *l)
{
  const size_t in = (size_t)f->n_in + 1, out = (size_t)f->n_out + 1;

  l->carry = glia_arena_take(arena, (size_t)f->n_carries + 1, sizeof *l->carry);
  l->row_in = glia_arena_take(arena, in, sizeof *l->row_in);
  l->capture = glia_arena_take(arena, in, sizeof *l->capture);
  l->row_out = glia_arena_take(arena, out, sizeof *l->row_out);
  l->sum = glia_arena_take(arena, out, sizeof *l->sum);
  l->body = glia_arena_take(arena, 1, sizeof *l->body);
  return l->carry != NULL && l->row_in != NULL && l->capture != NULL && l->row_out != NULL &&
         l->sum != NULL && l->body != NULL;
}

/* What leads in, beside carries. */
static void lead_in(struct loop *l, const struct loop_live *live)
{
  const struct glia_body *f = l->from;

  for (int i = 0; i < f->n_in; i++) {
    const int at = glia_body_place_(f, i, -1).base;
    if (!live->operand[i]) continue;
    if (f->in[i].role == ROLE_EACH)
      l->row_in[l->n_rows_in++] =
          (struct loop_row){.base = at, .operand = i, .bytes = input_bytes(f, i)};
    else if (f->in[i].role == ROLE_CAPTURE)
      l->capture[l->n_captures++] = (struct loop_capture){at, i};
  }
}

/* What leads out: the outputs of the body's entry point, in the order in which bases are dealt out. */
static void lead_out(struct compiler *k, const struct glia_node *n, struct loop *l,
                     const struct loop_live *live, struct glia_entry *e, size_t *used)
{
  const struct glia_body *f = l->from;

  for (int j = 0; j < f->n_carries; j++) {
    if (!live->carry[j]) continue;
    const int i = f->carry[j].in;
    struct loop_carry *c = &l->carry[l->n_carries++];
    *c = (struct loop_carry){.in = glia_body_place_(f, i, -1).base,
                             .out = glia_body_place_(f, -1, e->n_outputs).base,
                             .operand = i,
                             .bytes = input_bytes(f, i),
                             .history = result_ref(k, n, loop_history(f, j)),
                             .final = result_ref(k, n, loop_final(f, j))};
    c->kept = c->history.at.base != BASE_COUNT;
    for (int b = 0; b < 2; b++) c->buffer[b] = cut(used, c->bytes);
    e->output[e->n_outputs++] = (struct glia_output){"next", f->carry[j].next};
  }
  for (int o = 0; o < f->n_out; o++) {
    if (!live->out[o]) continue;
    const int at = glia_body_place_(f, -1, e->n_outputs).base;
    const struct ref to = result_ref(k, n, loop_out(f, o));
    const size_t bytes = glia_type_bytes(&f->g->node[f->out[o].value]->type);
    if (f->out[o].sum)
      l->sum[l->n_sums++] = (struct loop_sum){at, to, cut(used, bytes)};
    else
      l->row_out[l->n_rows_out++] = (struct loop_row){.base = at, .rows = to, .bytes = bytes};
    e->output[e->n_outputs++] = (struct glia_output){"out", f->out[o].value};
  }
  l->stops = f->stop != GLIA_NONE;
  if (l->stops) {
    l->stop = (struct place){glia_body_place_(f, -1, e->n_outputs).base, cut(used, 1)};
    e->output[e->n_outputs++] = (struct glia_output){"stop", f->stop};
  }
}

static glia_status compile(struct compiler *k, const struct glia_node *n, const bool *alive,
                           struct unit *u)
{
  const struct glia_body *f = glia_body_of_(k->g, n, LOOP_BODY);
  struct glia_arena *arena = &k->p->arena;
  struct loop *l = u->loop;
  struct loop_live live;
  struct glia_entry *e = glia_arena_take(arena, 1, sizeof *e);
  size_t used = 0;

  GLIA_CHECK(glia_loop_live_(arena, k->g, n, alive, &live) && take_arrays(arena, f, l) && e != NULL,
             GLIA_E_MEMORY, "a loop");
  e->name = "body";
  e->output =
      glia_arena_take(arena, (size_t)f->n_carries + (size_t)f->n_out + 1, sizeof *e->output);
  GLIA_CHECK(e->output != NULL, GLIA_E_MEMORY, "a loop");
  l->from = f;
  l->steps = n->attr.i[LOOP_STEPS];
  l->reverse = n->attr.i[LOOP_REVERSE] != 0;
  l->count = n->attr.i[LOOP_COUNTED] != 0 ? f->n_in : -1;
  l->ran = result_ref(k, n, loop_count(f));
  lead_in(l, &live);
  lead_out(k, n, l, &live, e, &used);
  GLIA_TRY(glia_compile_(k->p, f->g, f, e, l->body));
  l->n_bases = (size_t)BASE_ARGUMENT + (size_t)f->n_in + (size_t)e->n_outputs;
  l->bases_at = cut(&used, l->n_bases * sizeof(char *));
  l->shared_at = cut(&used, l->body->shared_bytes);
  l->micro_at = cut(&used, l->body->micro_bytes);
  l->scratch_at = cut(&used, l->body->scratch_bytes);
  u->scratch_bytes = used;
  return GLIA_OK;
}

glia_status glia_compile_loop_(struct compiler *k, const struct glia_node *n, struct unit *u)
{
  const int results = n->op->many->count(k->g, n);
  bool *alive = calloc((size_t)results + 1, sizeof *alive);
  glia_status st = GLIA_OK;

  u->name = n->op->name;
  u->node = n;
  u->n_in = n->n_in;
  u->in = glia_arena_take(&k->p->arena, (size_t)n->n_in + 1, sizeof *u->in);
  u->loop = glia_arena_take(&k->p->arena, 1, sizeof *u->loop);
  u->out = (struct ref){{BASE_COUNT, 0}, &n->type, 0};
  GLIA_CHECK_TO(out, st, alive != NULL && u->in != NULL && u->loop != NULL, GLIA_E_MEMORY,
                "a loop");
  for (int i = 0; i < n->n_in; i++) u->in[i] = glia_ref_(k, n->in[i]);
  for (int r = 0; r < results; r++) alive[r] = k->region[result_of(n, r)] != REGION_DEAD;
  GLIA_TRY_TO(out, st, compile(k, n, alive, u));
out:
  free(alive);
  return st;
}
