/* Running units: kernel calls, groups in tiles, copies. Allocates nothing, cannot fail. */
#include "glia_log.h"
#include "glia_timeline.h"
#include "program_priv.h"

#include <string.h>

static char *address(char *const *bases, struct place at) { return bases[at.base] + at.offset; }

static void run_single(const struct unit *u, char *const *bases, void *scratch)
{
  struct glia_operand in[GLIA_MAX_IN];

  for (int i = 0; i < u->n_in; i++)
    in[i] = (struct glia_operand){address(bases, u->in[i].at), u->in[i].n, u->in[i].type};
  const struct glia_call c = {.n_in = u->n_in,
                              .in = in,
                              .out = {address(bases, u->out.at), u->out.n, u->out.type},
                              .attr = &u->node->attr,
                              .scratch = scratch,
                              .plan = u->plan};
  if (c.out.n > 0) u->run(&c);
}

static void run_external(const struct unit *u, char *const *bases, char *scratch)
{
  struct glia_operand in[GLIA_MAX_IN], out[GLIA_EXTERNAL_MAX_OUT];
  const struct glia_external *e = u->external;

  for (int i = 0; i < u->n_in; i++)
    in[i] = (struct glia_operand){address(bases, u->in[i].at), u->in[i].n, u->in[i].type};
  for (int r = 0; r < e->n_out; r++) {
    const struct ref *to = &u->results[r];
    char *data = to->at.base == BASE_COUNT ? scratch + to->at.offset : address(bases, to->at);
    out[r] = (struct glia_operand){data, to->n, to->type};
  }
  e->run(e->self, u->n_in, in, e->n_out, out);
}

/* Registers do not stand a power of two apart: their elements would want one place of the cache. Arrays beyond ASK_FROM elements are asked
 * for ahead: smaller ones, as a PINN's, are near anyway, and asking costs time too. */
enum { REG_BYTES = TILE * sizeof(double) + 192, ASK_FROM = 16 * TILE };

/* A step of a tile program with its addresses: made once per run of a group, moved on from tile to tile. */
struct prepared {
  const struct tile_step *step;
  struct glia_call call;
  struct glia_operand in[TILE_MOST];
  size_t move_in[TILE_MOST], move_out; /* bytes per tile; 0 for registers */
  int64_t changes;                     /* steady: the element from which on it is another number */
};

size_t glia_group_scratch_(int n_regs, int n_steps)
{
  return (size_t)n_regs * REG_BYTES + (size_t)n_steps * sizeof(struct prepared);
}

static void *tile_address(const struct tile_operand *o, char *const *bases, char *regs,
                          size_t *move)
{
  *move = o->reg >= 0 ? 0 : TILE * glia_dtype_size(o->type->dtype);
  return o->reg >= 0 ? regs + (size_t)o->reg * REG_BYTES : address(bases, o->at);
}

/* From tile `tile` on. */
static void prepare(struct prepared *p, const struct tile_step *s, char *const *bases,
                    char *scratch, int64_t tile)
{
  char *regs = scratch; /* 64-byte aligned */

  p->step = s;
  p->changes = 0;
  p->call = (struct glia_call){
      .n_in = s->n_in, .in = p->in, .attr = s->attr, .scratch = scratch + s->kept};
  p->call.out.data = tile_address(&s->out, bases, regs, &p->move_out);
  p->call.out.type = s->out.type;
  for (int i = 0; i < s->n_in; i++) {
    p->in[i] = (struct glia_operand){.type = s->in[i].type};
    p->in[i].data = tile_address(&s->in[i], bases, regs, &p->move_in[i]);
  }
  if (s->kind == TILE_BROADCAST) p->move_in[0] = 0; /* read by index from its start */
  if (s->kind == TILE_SUM) p->move_out = 0;
  for (int i = 0; i < s->n_in; i++)
    p->in[i].data = (char *)p->in[i].data + (size_t)tile * p->move_in[i];
  p->call.out.data = (char *)p->call.out.data + (size_t)tile * p->move_out;
}

static void set_length(struct prepared *p, int n_steps, int64_t n)
{
  for (int i = 0; i < n_steps; i++) {
    p[i].call.out.n = n;
    for (int k = 0; k < TILE_MOST; k++) p[i].in[k].n = n;
  }
}

/* What the next tile reads and writes, asked for while this one is computed: tile by tile an array is no stream to the CPU. */
static void ask_next(const struct prepared *p)
{
  enum { LINE = 64 };

  for (int k = 0; k < p->step->n_in; k++)
    for (size_t b = 0; b < p->move_in[k]; b += LINE)
      __builtin_prefetch((const char *)p->in[k].data + p->move_in[k] + b);
  for (size_t b = 0; b < p->move_out; b += LINE)
    __builtin_prefetch((const char *)p->call.out.data + p->move_out + b, 1);
}

/* A tile of a broadcast. Of a steady one the register still has it, until its run along the last axis ends. */
static void load(struct prepared *p, int64_t start)
{
  const struct tile_step *s = p->step;

  if (s->steady) {
    const int64_t run = s->dim[s->rank - 1];
    if (start < p->changes) return;
    p->changes = start - start % run + run;
  }
  glia_tile_load_(s, p->in[0].data, p->call.out.data, start, s->single ? 1 : p->call.out.n);
}

static void move_on(struct prepared *p)
{
  for (int k = 0; k < p->step->n_in; k++) p->in[k].data = (char *)p->in[k].data + p->move_in[k];
  p->call.out.data = (char *)p->call.out.data + p->move_out;
}

/* Steps that one kernel runs; returns their number. Nothing is asked for ahead: one loop over arrays is a stream to the CPU. */
static int run_joined(struct prepared *p)
{
  const struct glia_call *call[GLIA_TURN_MOST];
  const int n = p->step->n_joined;

  for (int i = 0; i < n; i++) call[i] = &p[i].call;
  p->step->joined(call);
  for (int i = 0; i < n; i++) move_on(&p[i]);
  return n;
}

/* Returns how many steps that were. */
static int run_step(struct prepared *p, int64_t start, bool ask)
{
  if (p->step->n_joined > 0) return run_joined(p);
  if (ask) ask_next(p);
  switch (p->step->kind) {
  case TILE_OP:
    p->step->run(&p->call);
    break;
  case TILE_BROADCAST:
    load(p, start);
    break;
  case TILE_SUM:
    p->step->sum->take(&p->call, start);
    break;
  case TILE_STORE:
    memcpy(p->call.out.data, p->in[0].data,
           (size_t)p->call.out.n * glia_dtype_size(p->call.out.type->dtype));
    break;
  }
  move_on(p);
  return 1;
}

/* Elements [lo, hi) of a group, lo at the start of a tile. */
static void run_tiles(const struct unit *u, char *const *bases, char *scratch, int64_t lo,
                      int64_t hi)
{
  struct prepared *p = (void *)(scratch + (size_t)u->n_regs * REG_BYTES);
  const bool ask = u->n >= ASK_FROM;
  const bool held = u->held != NULL && *address(bases, u->guard) != 0;
  const struct tile_step *step = held ? u->held : u->step;
  const int n_steps = held ? u->n_held : u->n_steps;
  int n = 0;

  if (lo == hi) return;
  for (int once = 1; once >= 0; once--) /* loads that are the same in every tile go first */
    for (int i = 0; i < n_steps; i++)
      if (step[i].once == (once != 0)) prepare(&p[n++], &step[i], bases, scratch, lo / TILE);
  set_length(p, n, u->n < TILE ? u->n : TILE);
  int first = 0;
  while (first < n && p[first].step->once) first += run_step(&p[first], 0, ask);
  for (int64_t start = lo; start < hi; start += TILE) {
    if (hi - start < TILE) set_length(p + first, n - first, hi - start);
    for (int i = first; i < n;) i += run_step(&p[i], start, ask);
  }
  for (int i = first; i < n; i++)
    if (p[i].step->kind == TILE_SUM) p[i].step->sum->finish(&p[i].call);
}

static void run_unit(const struct unit *u, char *const *bases, void *scratch)
{
  if (u->step != NULL)
    run_tiles(u, bases, scratch, 0, u->n);
  else if (u->loop != NULL)
    glia_run_loop_(u, bases, scratch);
  else if (u->external != NULL)
    run_external(u, bases, scratch);
  else if (u->run != NULL)
    run_single(u, bases, scratch);
  else
    memcpy(address(bases, u->out.at), address(bases, u->in[0].at),
           (size_t)u->out.n * glia_dtype_size(u->out.type->dtype));
}

/* Of a loop the units of its body are told, not itself: what is told lies side by side. */
static void run_told(const struct unit *u, char *const *bases, void *scratch)
{
  const double from_s = glia_time_s();

  run_unit(u, bases, scratch);
  if (u->loop == NULL)
    glia_timeline_add(GLIA_EVENT_KERNEL, u->name, u->node->id, from_s, glia_time_s());
}

void glia_run_list_(const struct list *list, char *const *bases, void *scratch)
{
  const bool detailed = glia_timeline_detailed();

  for (int i = 0; i < list->n; i++)
    (detailed ? run_told : run_unit)(&list->unit[i], bases, scratch);
}

/* Results [lo, hi) of a kernel whose results are of blocks of the inputs. */
static void run_blocks(const struct unit *u, char *const *bases, void *scratch, int64_t lo,
                       int64_t hi)
{
  const int64_t from = lo * u->node->attr.i[0];
  struct glia_operand in[GLIA_MAX_IN];

  if (lo == hi) return;
  for (int i = 0; i < u->n_in; i++)
    in[i] = (struct glia_operand){address(bases, u->in[i].at) +
                                      (size_t)from * glia_dtype_size(u->in[i].type->dtype),
                                  u->in[i].n - from, u->in[i].type};
  const struct glia_call c = {
      .n_in = u->n_in,
      .in = in,
      .out = {address(bases, u->out.at) + (size_t)lo * glia_dtype_size(u->out.type->dtype), hi - lo,
              u->out.type},
      .attr = &u->node->attr,
      .scratch = scratch,
      .plan = u->plan};
  u->run(&c);
}

/* Its tiles of a group, its blocks, every n-th of other units. */
static void run_share(const struct unit *u, int i, char *const *bases, void *scratch, int index,
                      int n)
{
  int64_t lo, hi;

  if (glia_by_block_(u)) {
    run_blocks(u, bases, scratch, u->out.n * index / n, u->out.n * (index + 1) / n);
    return;
  }
  if (u->step == NULL) {
    if (i % n == index) run_unit(u, bases, scratch);
    return;
  }
  glia_share_(u->n, index, n, &lo, &hi);
  run_tiles(u, bases, scratch, lo, hi);
}

void glia_run_share_(const struct list *list, char *const *bases, void *scratch,
                     const struct share *share)
{
  const bool detailed = glia_timeline_detailed();

  for (int i = 0; i < list->n; i++) {
    const struct unit *u = &list->unit[i];
    const double from_s = detailed ? glia_time_s() : 0.0;
    if (u->shared_out)
      run_share(u, i, bases, scratch, share->rank * share->n + share->index,
                share->ranks * share->n);
    else
      run_share(u, i, bases, scratch, share->index, share->n);
    if (detailed) glia_timeline_add(GLIA_EVENT_KERNEL, u->name, u->node->id, from_s, glia_time_s());
  }
}
