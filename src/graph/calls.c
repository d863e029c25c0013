/* Fourth stage: units become kernel calls, tile programs and copies. */
#include "program_priv.h"

struct ref glia_ref_(const struct compiler *k, glia_value v)
{
  const struct glia_type *t = &k->g->node[v]->type;

  return (struct ref){k->place[k->root[v]], t, glia_type_count(t)};
}

static glia_status single(struct compiler *k, const struct glia_node *n, struct unit *u)
{
  const glia_dtype key = glia_key_dtype_(k->g, n);
  struct glia_kernel_choice choice = {.name = n->op->name, .run = n->op->reference[key]};

  if (n->op->scratch != NULL) choice.scratch_bytes = n->op->scratch(k->g, n);
  if (k->p->kernels != NULL) k->p->kernels->pick(k->g, n, &choice);
  GLIA_CHECK(choice.run != NULL, GLIA_E_UNSUPPORTED, "%s of %s has no kernel", n->op->name,
             glia_dtype_name(key));
  u->name = choice.name;
  u->node = n;
  u->run = choice.run;
  u->scratch_bytes = choice.scratch_bytes;
  u->plan = choice.plan;
  u->n_in = n->n_in;
  u->in = glia_arena_take(&k->p->arena, (size_t)n->n_in, sizeof *u->in);
  GLIA_CHECK(u->in != NULL, GLIA_E_MEMORY, "calls");
  for (int i = 0; i < n->n_in; i++) u->in[i] = glia_ref_(k, n->in[i]);
  u->out = glia_ref_(k, n->id);
  return GLIA_OK;
}

static struct unit copy_unit(const struct compiler *k, struct ref *in, glia_value from,
                             struct place to)
{
  *in = glia_ref_(k, from);
  return (struct unit){
      .name = "copy", .node = k->g->node[from], .n_in = 1, .in = in, .out = {to, in->type, in->n}};
}

static bool same_place(struct place a, struct place b)
{
  return a.base == b.base && a.offset == b.offset;
}

/* In a body: what could not be computed where it leaves. */
static void copies_out(struct compiler *k, struct ref *in)
{
  struct list *micro = &k->c->list[REGION_MICRO];

  for (int o = 0; o < k->c->entry->n_outputs; o++) {
    const glia_value v = k->c->entry->output[o].value;
    const struct place to = glia_body_place_(k->body, -1, o);
    if (!same_place(k->place[k->root[v]], to)) micro->unit[micro->n++] = copy_unit(k, in++, v, to);
  }
}

/* Batch sums of a phase that could not be computed in their slots: behind the unit that makes the summand, or (unit -1) where it was
 * there before at the start of the phase, or of the segment in front of which it is received. */
static glia_status copies_to_sums(struct compiler *k, int phase, int segment, int32_t unit)
{
  struct list *micro = &k->c->list[REGION_MICRO];

  for (int i = 0; i < k->n_sums; i++) {
    const glia_value v = k->sum[i];
    const struct glia_node *n = k->g->node[v];
    const glia_value r = k->root[n->in[0]];
    if (k->phase[v] != phase) continue;
    const bool here = k->region[r] == REGION_MICRO && k->unit[r] >= 0 && k->phase[r] == phase;
    if ((here ? glia_unit_find_(k, k->unit[r]) : -1) != unit ||
        (!here && glia_segment_(k, r) != segment) || same_place(k->place[r], k->summand[v]))
      continue;
    struct ref *in = glia_arena_take(&k->p->arena, 1, sizeof *in);
    GLIA_CHECK(in != NULL, GLIA_E_MEMORY, "calls");
    micro->unit[micro->n++] = copy_unit(k, in, n->in[0], k->summand[v]);
  }
  return GLIA_OK;
}

/* From which place in the list of micro-batches on each bucket of a phase is final. behind [units]: the list's length behind each;
 * start: behind the copies at the start of the phase. */
static void note_ready(struct compiler *k, int phase, const int *behind, int start)
{
  for (int b = phase > 0 ? k->c->buckets_end[phase - 1] : 0; b < k->c->buckets_end[phase]; b++) {
    struct bucket_plan *bucket = &k->c->bucket[b];
    bucket->ready = bucket->last < 0            ? start
                    : bucket->last == INT32_MAX ? k->c->list[REGION_MICRO].n
                                                : behind[bucket->last];
  }
}

/* States that are not written in place: behind the last phase. */
static glia_status copies(struct compiler *k)
{
  const struct glia_entry *e = k->c->entry;
  struct list *epilogue = &k->c->list[REGION_EPILOGUE];
  struct ref *in =
      glia_arena_take(&k->p->arena, (size_t)e->n_writes + (size_t)e->n_outputs + 1, sizeof *in);

  GLIA_CHECK(in != NULL, GLIA_E_MEMORY, "calls");
  if (k->body != NULL) copies_out(k, in);
  for (int pass = 0; pass < 2; pass++) /* states that take another's old value go first */
    for (int w = 0; w < e->n_writes; w++) {
      const glia_value r = k->root[e->write[w].value];
      const struct place to = {BASE_STATE, k->p->state_offset[e->write[w].state]};
      const bool leaf = k->g->node[r]->op == &glia_op_state_;
      if (same_place(k->place[r], to) || leaf != (pass == 0)) continue;
      for (int o = 0; leaf && o < e->n_writes; o++)
        GLIA_CHECK(k->g->node[r]->attr.i[0] != e->write[o].state ||
                       k->g->node[k->root[e->write[o].value]]->op != &glia_op_state_,
                   GLIA_E_UNSUPPORTED, "entry point %s: states are handed on in a ring or chain",
                   e->name);
      epilogue->unit[epilogue->n++] = copy_unit(k, in++, e->write[w].value, to);
    }
  return GLIA_OK;
}

glia_status glia_compile_external_(struct compiler *k, const struct glia_node *n, struct unit *u)
{
  const struct glia_external *e = glia_body_of_(k->g, n, 0)->external;

  u->name = e->name;
  u->node = n;
  u->external = e;
  u->n_in = n->n_in;
  u->in = glia_arena_take(&k->p->arena, (size_t)n->n_in + 1, sizeof *u->in);
  u->results = glia_arena_take(&k->p->arena, (size_t)e->n_out, sizeof *u->results);
  u->out = (struct ref){{BASE_COUNT, 0}, &n->type, 0};
  GLIA_CHECK(u->in != NULL && u->results != NULL, GLIA_E_MEMORY, "calls");
  for (int i = 0; i < n->n_in; i++) u->in[i] = glia_ref_(k, n->in[i]);
  for (int r = 0; r < e->n_out; r++) {
    const glia_value v = result_of(n, r);
    u->results[r] = glia_ref_(k, v);
    if (k->region[v] != REGION_DEAD) continue;
    u->results[r].at = (struct place){BASE_COUNT, u->scratch_bytes};
    u->scratch_bytes += glia_round_up_(glia_type_bytes(&k->g->node[v]->type));
  }
  return GLIA_OK;
}

static glia_status outputs(struct compiler *k)
{
  const struct glia_entry *e = k->c->entry;

  k->c->output = glia_arena_take(&k->p->arena, (size_t)e->n_outputs, sizeof *k->c->output);
  k->c->output_in_micro =
      glia_arena_take(&k->p->arena, (size_t)e->n_outputs, sizeof *k->c->output_in_micro);
  GLIA_CHECK(k->c->output != NULL && k->c->output_in_micro != NULL, GLIA_E_MEMORY, "outputs");
  for (int i = 0; i < e->n_outputs; i++) {
    k->c->output[i] = k->place[k->root[e->output[i].value]];
    k->c->output_in_micro[i] = k->region[e->output[i].value] == REGION_MICRO;
  }
  return GLIA_OK;
}

static void end_phase(struct compiler *k, int phase, const int *behind, int start)
{
  for (int r = 0; r < REGIONS; r++) k->c->end[r][phase] = k->c->list[r].n;
  note_ready(k, phase, behind, start);
}

static glia_status unit_calls(struct compiler *k, int32_t u, glia_value *member, struct unit *unit)
{
  const struct glia_node *node = k->g->node[k->u[u].node];
  int n = 0;

  if (!k->u[u].group && node->op->many != NULL)
    return (glia_is_loop_(node) ? glia_compile_loop_ : glia_compile_external_)(k, node, unit);
  if (!k->u[u].group) return single(k, node, unit);
  for (int32_t v = k->u[u].first; v < k->n && n < k->u[u].members; v++)
    if (k->unit[v] >= 0 && glia_unit_find_(k, k->unit[v]) == u) member[n++] = v;
  return glia_compile_group_(k, member, n, unit);
}

glia_status glia_compile_calls_(struct compiler *k)
{
  struct glia_arena *arena = &k->p->arena;
  const size_t spare =
      (size_t)k->n + (size_t)k->c->entry->n_writes + (size_t)k->c->entry->n_outputs + 1;
  glia_value *member = glia_arena_take(arena, GROUP_MAX + 1, sizeof *member);
  int *behind = glia_arena_take(arena, (size_t)k->n_units + 1, sizeof *behind);

  GLIA_CHECK(member != NULL && behind != NULL, GLIA_E_MEMORY, "calls");
  for (int r = 0; r < REGIONS; r++) {
    k->c->list[r].unit = glia_arena_take(arena, spare, sizeof(struct unit));
    GLIA_CHECK(k->c->list[r].unit != NULL, GLIA_E_MEMORY, "calls");
  }
  int32_t alive = 0;
  int phase = 0;
  int segment = 0;
  for (int32_t u = 0; u < k->n_units; u++) alive += k->u[u].parent == u;
  GLIA_TRY(copies_to_sums(k, 0, 0, -1));
  int start = k->c->list[REGION_MICRO].n;
  for (int32_t i = 0; i <= alive; i++) {
    const int32_t u = i < alive ? k->order[i] : -1;
    for (; segment < (u >= 0 ? k->u[u].segment : k->c->segments); segment++) {
      k->c->segment_end[segment] = k->c->list[REGION_MICRO].n;
      GLIA_TRY(copies_to_sums(k, phase, segment + 1, -1));
    }
    for (; phase < (u >= 0 ? k->u[u].phase : k->c->phases); phase++) {
      end_phase(k, phase, behind, start);
      GLIA_TRY(copies_to_sums(k, phase + 1, 0, -1));
      start = k->c->list[REGION_MICRO].n;
    }
    if (u < 0) break;
    struct list *list = &k->c->list[k->u[u].region];
    struct unit *unit = &list->unit[list->n++];
    GLIA_TRY(unit_calls(k, u, member, unit));
    unit->need = k->u[u].need;
    if (k->u[u].region != REGION_MICRO) continue;
    GLIA_TRY(copies_to_sums(k, phase, segment, u));
    behind[k->u[u].position] = list->n;
  }
  GLIA_TRY(copies(k));
  GLIA_TRY(outputs(k));
  for (int r = 0; r < REGIONS; r++)
    for (int i = 0; i < k->c->list[r].n; i++)
      if (k->c->list[r].unit[i].scratch_bytes > k->c->scratch_bytes)
        k->c->scratch_bytes = k->c->list[r].unit[i].scratch_bytes;
  return GLIA_OK;
}
