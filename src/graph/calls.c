/* Fourth stage: units become kernel calls, tile programs and copies. */
#include "program_priv.h"

static glia_dtype key_dtype(const struct glia_graph *g, const struct glia_node *n)
{
  return n->op->key < 0 || n->n_in == 0 ? n->type.dtype : g->node[n->in[n->op->key]]->type.dtype;
}

struct ref glia_ref_(const struct compiler *k, glia_value v)
{
  const struct glia_type *t = &k->g->node[v]->type;

  return (struct ref){k->place[k->root[v]], t, glia_type_count(t)};
}

static glia_status single(struct compiler *k, const struct glia_node *n, struct unit *u)
{
  const glia_dtype key = key_dtype(k->g, n);
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

/* A group's tile program while it is written. */
struct writer {
  struct compiler *k;
  struct unit *u;
  const glia_value *member; /* in order */
  int n_members;
  int n_loads;
  glia_value loaded[GROUP_MAX * TILE_OPERANDS]; /* splats and broadcasts in registers */
  int loaded_reg[GROUP_MAX * TILE_OPERANDS];
  int member_reg[GROUP_MAX]; /* -1: in memory */
  bool busy[GROUP_MAX * (TILE_OPERANDS + 1)];
};

static int take_reg(struct writer *w)
{
  int r = 0;

  while (w->busy[r]) r++;
  w->busy[r] = true;
  if (r >= w->u->n_regs) w->u->n_regs = r + 1;
  return r;
}

/* A register of its own: what is loaded once must outlive all tiles. */
static int take_new_reg(struct writer *w)
{
  w->busy[w->u->n_regs] = true;
  return w->u->n_regs++;
}

static struct tile_operand in_reg(int reg, const struct glia_type *t)
{
  return (struct tile_operand){reg, {BASE_COUNT, 0}, t};
}
static struct tile_operand in_memory(struct place at, const struct glia_type *t)
{
  return (struct tile_operand){-1, at, t};
}

/* Extents and strides of a broadcast's source by result axis, neighbours merged. */
static void index_map(const struct glia_node *n, const struct glia_type *source,
                      struct tile_step *s)
{
  int64_t stride[GLIA_MAX_RANK];
  int64_t below = 1;

  for (int a = source->rank - 1, r = n->type.rank - 1; r >= 0; r--) {
    stride[r] = 0;
    if (a >= 0 && n->attr.i[r] == a) {
      stride[r] = below;
      below *= source->dim[a--];
    }
  }
  s->rank = 0;
  for (int r = 0; r < n->type.rank; r++) {
    if (n->type.dim[r] == 1) continue;
    const int last = s->rank - 1;
    if (last >= 0 && s->stride[last] == stride[r] * n->type.dim[r]) {
      s->dim[last] *= n->type.dim[r];
      s->stride[last] = stride[r];
    } else {
      s->dim[s->rank] = n->type.dim[r];
      s->stride[s->rank++] = stride[r];
    }
  }
}

/* Input r of a member: where the tile finds it, loading splats and broadcasts into registers first. */
static struct tile_operand operand(struct writer *w, glia_value r)
{
  struct compiler *k = w->k;
  const struct glia_node *n = k->g->node[r];
  const bool fused = glia_is_fused_broadcast_(k, r);

  for (int m = 0; m < w->n_members; m++)
    if (w->member[m] == r && w->member_reg[m] >= 0) return in_reg(w->member_reg[m], &n->type);
  if (!fused && !(n->op == &glia_op_full_ && k->unit[r] < 0))
    return in_memory(k->place[r], &n->type);
  for (int i = 0; i < w->n_loads; i++)
    if (w->loaded[i] == r && w->loaded_reg[i] >= 0) return in_reg(w->loaded_reg[i], &n->type);

  struct tile_step *s = &w->u->step[w->u->n_steps++];
  *s = (struct tile_step){
      .kind = TILE_OP, .run = n->op->reference[n->type.dtype], .attr = &n->attr, .once = true};
  if (fused) {
    const glia_value source = k->root[n->in[0]];
    s->kind = TILE_BROADCAST;
    s->run = NULL;
    s->n_in = 1;
    s->in[0] = in_memory(k->place[source], &k->g->node[n->in[0]]->type);
    index_map(n, &k->g->node[n->in[0]]->type, s);
    s->once = true;
    for (int a = 0; a < s->rank; a++) s->once = s->once && s->stride[a] == 0;
  }
  const int reg = s->once ? take_new_reg(w) : take_reg(w);
  s->out = in_reg(reg, &n->type);
  w->loaded[w->n_loads] = r;
  w->loaded_reg[w->n_loads++] = reg;
  return s->out;
}

/* Whether any member after `from` reads r. */
static bool read_later(const struct writer *w, glia_value r, int from)
{
  for (int m = from + 1; m < w->n_members; m++) {
    const struct glia_node *n = w->k->g->node[w->member[m]];
    for (int i = 0; i < n->n_in; i++)
      if (w->k->root[n->in[i]] == r) return true;
  }
  return false;
}

static bool is_once(const struct unit *u, int reg)
{
  for (int s = 0; s < u->n_steps; s++)
    if (u->step[s].out.reg == reg && u->step[s].once) return true;
  return false;
}

static void free_registers(struct writer *w, int m)
{
  for (int j = 0; j <= m; j++)
    if (w->member_reg[j] >= 0 && !w->k->stored[w->member[j]] && !read_later(w, w->member[j], m)) {
      w->busy[w->member_reg[j]] = false;
      w->member_reg[j] = -1;
    }
  for (int j = 0; j < w->n_loads; j++)
    if (w->loaded_reg[j] >= 0 && !is_once(w->u, w->loaded_reg[j]) &&
        !read_later(w, w->loaded[j], m)) {
      w->busy[w->loaded_reg[j]] = false;
      w->loaded_reg[j] = -1;
    }
}

static glia_status group(struct compiler *k, const glia_value *member, int n_members,
                         struct unit *u)
{
  struct writer w = {.k = k, .u = u, .member = member, .n_members = n_members};
  const size_t most = (size_t)n_members * (TILE_OPERANDS + 2);

  u->name = "group";
  u->node = k->g->node[member[n_members - 1]];
  u->n = glia_type_count(&u->node->type);
  u->step = glia_arena_take(&k->p->arena, most, sizeof *u->step);
  GLIA_CHECK(u->step != NULL, GLIA_E_MEMORY, "calls");
  for (int m = 0; m < n_members; m++) w.member_reg[m] = -1;
  for (int m = 0; m < n_members; m++) {
    const struct glia_node *n = k->g->node[member[m]];
    struct tile_step s = {.kind = TILE_OP,
                          .run = n->op->reference[key_dtype(k->g, n)],
                          .attr = &n->attr,
                          .n_in = n->n_in};
    GLIA_CHECK(s.run != NULL, GLIA_E_UNSUPPORTED, "%s of %s has no kernel", n->op->name,
               glia_dtype_name(key_dtype(k->g, n)));
    for (int i = 0; i < n->n_in; i++) s.in[i] = operand(&w, k->root[n->in[i]]);
    /* a state written in place is stored at the end of the tile: others in the tile may still read the old value */
    if (k->stored[member[m]] && k->place[member[m]].base != BASE_STATE)
      s.out = in_memory(k->place[member[m]], &n->type);
    else {
      w.member_reg[m] = take_reg(&w);
      s.out = in_reg(w.member_reg[m], &n->type);
    }
    u->step[u->n_steps++] = s;
    free_registers(&w, m);
  }
  for (int m = 0; m < n_members; m++)
    if (w.member_reg[m] >= 0 && k->stored[member[m]]) {
      const struct glia_type *t = &k->g->node[member[m]]->type;
      u->step[u->n_steps++] = (struct tile_step){.kind = TILE_STORE,
                                                 .n_in = 1,
                                                 .in[0] = in_reg(w.member_reg[m], t),
                                                 .out = in_memory(k->place[member[m]], t)};
    }
  u->scratch_bytes = glia_group_scratch_(u->n_regs, u->n_steps);
  k->c->groups++;
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

/* Batch sums of a phase that could not be computed in their slots: behind the unit that makes the summand, or (unit -1) at the start of
 * the phase when it was there before. */
static glia_status copies_to_sums(struct compiler *k, int phase, int32_t unit)
{
  struct list *micro = &k->c->list[REGION_MICRO];

  for (int i = 0; i < k->n_sums; i++) {
    const glia_value v = k->sum[i];
    const struct glia_node *n = k->g->node[v];
    const glia_value r = k->root[n->in[0]];
    if (k->phase[v] != phase) continue;
    const bool here = k->region[r] == REGION_MICRO && k->unit[r] >= 0 && k->phase[r] == phase;
    if ((here ? glia_unit_find_(k, k->unit[r]) : -1) != unit ||
        same_place(k->place[r], k->summand[v]))
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
  return group(k, member, n, unit);
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
  for (int32_t u = 0; u < k->n_units; u++) alive += k->u[u].parent == u;
  GLIA_TRY(copies_to_sums(k, 0, -1));
  int start = k->c->list[REGION_MICRO].n;
  for (int32_t i = 0; i <= alive; i++) {
    const int32_t u = i < alive ? k->order[i] : -1;
    for (; phase < (u >= 0 ? k->u[u].phase : k->c->phases); phase++) {
      end_phase(k, phase, behind, start);
      GLIA_TRY(copies_to_sums(k, phase + 1, -1));
      start = k->c->list[REGION_MICRO].n;
    }
    if (u < 0) break;
    struct list *list = &k->c->list[k->u[u].region];
    struct unit *unit = &list->unit[list->n++];
    GLIA_TRY(unit_calls(k, u, member, unit));
    unit->need = k->u[u].need;
    if (k->u[u].region != REGION_MICRO) continue;
    GLIA_TRY(copies_to_sums(k, phase, u));
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
