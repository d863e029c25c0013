/* Groups as tile programs: what each tile loads, which members one kernel computes, where results go.
 *
 * An update of states chooses, as its last word, between their new values and the old by a flag of the whole step. Almost always it holds, so such
 * a group has a second program for that: new values are made where the states stand, and nothing is chosen or copied. */
#include "program_priv.h"

#include <stdlib.h>
#include <string.h>

/* A group's tile program while it is written. */
struct writer {
  struct compiler *k;
  struct unit *u;
  const glia_value *member; /* in order */
  int n_members;
  int n_loads;
  glia_value loaded[GROUP_MAX * TILE_OPERANDS]; /* splats and broadcasts in registers */
  int loaded_reg[GROUP_MAX * TILE_OPERANDS];
  int member_reg[GROUP_MAX];          /* -1: in memory, or inside a fused kernel */
  struct glia_fused fused[GROUP_MAX]; /* run NULL: the member's own kernel */
  bool inside[GROUP_MAX];             /* of another member's fused kernel */
  bool held;                          /* the program for when the guard holds is written */
  bool guarded[GROUP_MAX];            /* a choice that is left out of it */
  int home[GROUP_MAX]; /* the choice in whose place a member is made there, -1: none */
  bool busy[GROUP_MAX * (TILE_OPERANDS + 1)];
  size_t kept; /* bytes of sums */
};

static int take_reg(struct writer *w)
{
  int r = 0;

  while (w->busy[r]) r++;
  w->busy[r] = true;
  if (r >= w->u->n_regs) w->u->n_regs = r + 1;
  return r;
}

/* A register of its own: what is loaded once, or now and then, must outlive tiles. */
static int take_new_reg(struct writer *w)
{
  w->busy[w->u->n_regs] = true;
  return w->u->n_regs++;
}

static struct tile_operand in_reg(int reg, const struct glia_type *t)
{
  return (struct tile_operand){.reg = reg, .at = {BASE_COUNT, 0}, .type = t};
}
static struct tile_operand in_memory(struct place at, const struct glia_type *t)
{
  return (struct tile_operand){.reg = -1, .at = at, .type = t};
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

/* Whether a broadcast is the same in every tile: what repeats, from the first axis along which it moves, fits into one so many times. */
static bool repeats_in_tile(const struct tile_step *s)
{
  int64_t period = 1;
  bool moves = false;

  for (int a = 0; a < s->rank; a++) {
    moves = moves || s->stride[a] != 0;
    if (moves) period *= s->dim[a];
  }
  return period > 0 && TILE % period == 0; /* 0: nothing is run */
}

/* Input r of a member: where the tile finds it, loading splats and broadcasts into registers first. */
static struct tile_operand operand(struct writer *w, glia_value r)
{
  struct compiler *k = w->k;
  const struct glia_node *n = k->g->node[r];
  const bool fused = glia_is_fused_broadcast_(k, r);

  for (int m = 0; m < w->n_members; m++) {
    if (w->member[m] != r) continue;
    if (w->member_reg[m] >= 0) return in_reg(w->member_reg[m], &n->type);
    if (w->held && w->home[m] >= 0) return in_memory(k->place[w->member[w->home[m]]], &n->type);
  }
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
    s->once = repeats_in_tile(s);
    s->steady = !s->once && s->stride[s->rank - 1] == 0 && s->dim[s->rank - 1] % TILE == 0;
  }
  const int reg = s->once || s->steady ? take_new_reg(w) : take_reg(w);
  s->out = in_reg(reg, &n->type);
  w->loaded[w->n_loads] = r;
  w->loaded_reg[w->n_loads++] = reg;
  return s->out;
}

/* What member m's kernel reads; returns how many. */
static int operands_of(const struct writer *w, int m, const glia_value **in)
{
  const struct glia_node *n = w->k->g->node[w->member[m]];
  const bool fused = w->fused[m].run != NULL;

  *in = fused ? w->fused[m].in : n->in;
  return w->inside[m] ? 0 : fused ? w->fused[m].n_in : n->n_in;
}

/* Whether any member after `from` reads r. */
static bool read_later(const struct writer *w, glia_value r, int from)
{
  for (int m = from + 1; m < w->n_members; m++) {
    const glia_value *in;
    const int n = operands_of(w, m, &in);
    for (int i = 0; i < n; i++)
      if (w->k->root[in[i]] == r) return true;
  }
  return false;
}

static int member_of(const struct writer *w, glia_value v)
{
  for (int m = 0; m < w->n_members; m++)
    if (w->member[m] == v) return m;
  return -1;
}

static bool among(glia_value v, const glia_value *set, int n)
{
  for (int i = 0; i < n; i++)
    if (set[i] == v) return true;
  return false;
}

/* Whether v, inside the fused kernel of `last`, is of no interest to anybody else, nor wanted by that kernel from without. */
static bool hidden(const struct writer *w, glia_value v, glia_value last,
                   const struct glia_fused *f)
{
  const int at = member_of(w, v);

  if (at < 0 || w->inside[at] || w->k->stored[v]) return false;
  for (int i = 0; i < f->n_in; i++)
    if (w->k->root[f->in[i]] == v) return false;
  for (int m = 0; m < w->n_members; m++) {
    const struct glia_node *n = w->k->g->node[w->member[m]];
    for (int i = 0; i < n->n_in; i++)
      if (w->k->root[n->in[i]] == v && n->id != last && !among(n->id, f->inside, f->n_inside))
        return false;
  }
  return true;
}

/* Members that one kernel computes with those behind them; the last ones first, which take most with them. */
static void fuse(struct writer *w)
{
  const struct glia_kernels *kernels = w->k->p->kernels;

  for (int m = w->n_members - 1; m >= 0 && kernels != NULL && kernels->fuse != NULL; m--) {
    const struct glia_node *n = w->k->g->node[w->member[m]];
    struct glia_fused f;
    bool fits = false;
    for (int at = 0; !fits && !w->inside[m];) {
      at = kernels->fuse(w->k->g, n, at, &f);
      if (at == 0) break;
      fits = true;
      for (int i = 0; fits && i < f.n_inside; i++) fits = hidden(w, f.inside[i], n->id, &f);
    }
    if (!fits) continue;
    w->fused[m] = f;
    for (int i = 0; i < f.n_inside; i++) w->inside[member_of(w, f.inside[i])] = true;
  }
}

static bool outlives_tiles(const struct unit *u, int reg)
{
  for (int s = 0; s < u->n_steps; s++)
    if (u->step[s].out.reg == reg && (u->step[s].once || u->step[s].steady)) return true;
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
    if (w->loaded_reg[j] >= 0 && !outlives_tiles(w->u, w->loaded_reg[j]) &&
        !read_later(w, w->loaded[j], m)) {
      w->busy[w->loaded_reg[j]] = false;
      w->loaded_reg[j] = -1;
    }
}

/* Whether member m is a state's new value, and one behind `from`, but m, reads the old one. */
static bool state_read_later(const struct writer *w, int m, int from)
{
  const struct compiler *k = w->k;
  const struct place at = k->place[w->member[m]];

  if (at.base != BASE_STATE) return false;
  for (int j = from + 1; j < w->n_members; j++) {
    const glia_value *in;
    const int n = j == m ? 0 : operands_of(w, j, &in);
    for (int i = 0; i < n; i++) {
      const struct place there = k->place[k->root[in[i]]];
      if (there.base == at.base && there.offset == at.offset) return true;
    }
  }
  return false;
}

/* The flag by which member m chooses between what a member before it makes, *made, and the state in whose place it is; GLIA_NONE: m does
 * not, or the new value cannot be made in that place, since it is wanted elsewhere too or the old one is read later. */
static glia_value guard_of(const struct writer *w, int m, int *made)
{
  const struct compiler *k = w->k;
  const struct glia_node *n = k->g->node[w->member[m]];

  if (!n->op->chooses || w->inside[m] || w->fused[m].run != NULL) return GLIA_NONE;
  const glia_value flag = k->root[n->in[0]], old = k->root[n->in[2]];
  const struct place at = k->place[n->id];
  if (at.base != BASE_STATE || k->place[old].base != BASE_STATE ||
      k->place[old].offset != at.offset || !glia_is_fused_broadcast_(k, flag))
    return GLIA_NONE;
  *made = member_of(w, k->root[n->in[1]]);
  if (*made < 0 || w->inside[*made] || w->home[*made] >= 0 || k->stored[w->member[*made]] ||
      !k->g->node[w->member[*made]]->op->elementwise || state_read_later(w, m, *made))
    return GLIA_NONE;
  const glia_value source = k->root[k->g->node[flag]->in[0]];
  return glia_type_count(&k->g->node[source]->type) == 1 ? source : GLIA_NONE;
}

/* Find what one flag guards: that of the first such choice. Returns whether there is any. */
static bool find_guard(struct writer *w)
{
  glia_value first = GLIA_NONE;

  for (int m = 0; m < w->n_members; m++) w->home[m] = -1;
  for (int m = 0, made; m < w->n_members; m++) {
    const glia_value flag = guard_of(w, m, &made);
    if (flag == GLIA_NONE || (first != GLIA_NONE && flag != first)) continue;
    first = flag;
    w->guarded[m] = true;
    w->home[made] = m;
  }
  if (first != GLIA_NONE) w->u->guard = w->k->place[first];
  return first != GLIA_NONE;
}

/* Member m as a step. A state written in place is stored at the end of the tile while others in it read the old value. */
static glia_status write_member(struct writer *w, int m)
{
  struct compiler *k = w->k;
  const struct glia_node *n = k->g->node[w->member[m]];
  const struct glia_fused *f = &w->fused[m];
  const glia_value *in;
  struct tile_step s = {.kind = TILE_OP,
                        .run = f->run != NULL ? f->run : n->op->reference[glia_key_dtype_(k->g, n)],
                        .attr = &n->attr,
                        .op = f->run != NULL ? NULL : n->op,
                        .name = f->run != NULL ? f->name : n->op->name,
                        .dtype = glia_key_dtype_(k->g, n)};

  GLIA_CHECK(s.run != NULL, GLIA_E_UNSUPPORTED, "%s of %s has no kernel", n->op->name,
             glia_dtype_name(glia_key_dtype_(k->g, n)));
  s.n_in = operands_of(w, m, &in);
  for (int i = 0; i < s.n_in; i++) s.in[i] = operand(w, k->root[in[i]]);
  if (w->held && w->home[m] >= 0)
    s.out = in_memory(k->place[w->member[w->home[m]]], &n->type);
  else if (k->stored[n->id] && !state_read_later(w, m, m))
    s.out = in_memory(k->place[n->id], &n->type);
  else {
    w->member_reg[m] = take_reg(w);
    s.out = in_reg(w->member_reg[m], &n->type);
  }
  w->u->step[w->u->n_steps++] = s;
  free_registers(w, m);
  return GLIA_OK;
}

/* A sum of what the members before it make. Its input's shape is its own, not that of the value that a view shows. */
static void write_sum(struct writer *w, int m)
{
  struct compiler *k = w->k;
  const struct glia_node *n = k->g->node[w->member[m]];
  const struct glia_type *x = &k->g->node[n->in[0]]->type;
  struct tile_step s = {.kind = TILE_SUM, .sum = glia_streamed_(k, n), .attr = &n->attr, .n_in = 1};

  s.in[0] = operand(w, k->root[n->in[0]]);
  s.in[0].type = x;
  s.out = in_memory(k->place[n->id], &n->type);
  s.kept = w->kept;
  w->kept += glia_round_up_(s.sum->bytes(x, &n->attr));
  w->u->step[w->u->n_steps++] = s;
  free_registers(w, m);
}

static void store(struct writer *w, int m)
{
  const glia_value v = w->member[m];
  const struct glia_type *t = &w->k->g->node[v]->type;

  w->u->step[w->u->n_steps++] = (struct tile_step){.kind = TILE_STORE,
                                                   .n_in = 1,
                                                   .in[0] = in_reg(w->member_reg[m], t),
                                                   .out = in_memory(w->k->place[v], t)};
}

/* The steps of all members, into what u->step has room for. */
static glia_status write_program(struct writer *w)
{
  const struct compiler *k = w->k;

  w->u->n_steps = w->u->n_regs = w->n_loads = 0;
  memset(w->busy, 0, sizeof w->busy);
  for (int m = 0; m < w->n_members; m++) w->member_reg[m] = -1;
  for (int m = 0; m < w->n_members; m++)
    if (!k->g->node[w->member[m]]->op->elementwise)
      write_sum(w, m);
    else if (!w->inside[m] && !(w->held && w->guarded[m]))
      GLIA_TRY(write_member(w, m));
  for (int m = 0; m < w->n_members; m++)
    if (w->member_reg[m] >= 0 && k->stored[w->member[m]]) store(w, m);
  glia_join_steps_(k->p->kernels, w->u->step, w->u->n_steps);
  return GLIA_OK;
}

/* The second program; u->step becomes the first again. */
static glia_status write_held(struct writer *w, size_t most)
{
  struct unit *u = w->u;
  struct tile_step *first = u->step;
  const int n_steps = u->n_steps, n_regs = u->n_regs;

  w->held = true;
  u->step = u->held = glia_arena_take(&w->k->p->arena, most, sizeof *u->step);
  GLIA_CHECK(u->held != NULL, GLIA_E_MEMORY, "calls");
  GLIA_TRY(write_program(w));
  u->n_held = u->n_steps;
  u->step = first;
  u->n_steps = n_steps;
  if (n_regs > u->n_regs) u->n_regs = n_regs;
  return GLIA_OK;
}

glia_status glia_compile_group_(struct compiler *k, const glia_value *member, int n_members,
                                struct unit *u)
{
  struct writer *w = calloc(1, sizeof *w);
  const size_t most = (size_t)n_members * (TILE_MOST + 2);
  glia_status st = GLIA_OK;

  u->name = "group";
  for (int m = 0; m < n_members; m++)
    if (k->g->node[member[m]]->op->elementwise) u->node = k->g->node[member[m]];
  u->n = glia_type_count(&u->node->type);
  u->step = glia_arena_take(&k->p->arena, most, sizeof *u->step);
  GLIA_CHECK_TO(out, st, u->step != NULL && w != NULL, GLIA_E_MEMORY, "calls");
  *w = (struct writer){.k = k, .u = u, .member = member, .n_members = n_members};
  fuse(w);
  GLIA_TRY_TO(out, st, write_program(w));
  if (find_guard(w)) GLIA_TRY_TO(out, st, write_held(w, most));
  u->scratch_bytes = glia_round_up_(glia_group_scratch_(u->n_regs, u->n_steps));
  for (int i = 0; i < u->n_steps; i++) u->step[i].kept += u->scratch_bytes;
  u->scratch_bytes += w->kept;
  k->c->groups++;
out:
  free(w);
  return st;
}
