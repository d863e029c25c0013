/* Batching of scan: one loop over batched carries.
 *
 * Where samples run different numbers of steps (a batched stop test or count), the loop runs as long as any of them: a sample
 * that is done keeps its carries, and its later rows are zero, so that each sample is what it would be alone.
 */
#include "control_priv.h"

#include <stdlib.h>

struct lanes {
  struct glia_graph *g; /* around */
  const struct glia_node *y;
  const struct glia_body *f;
  int64_t size;
  const glia_value *in;
  const bool *batched;
  bool *live;    /* [carries] batched */
  bool own;      /* samples have numbers of steps of their own */
  bool together; /* samples stop when all have */
  bool again;
  struct glia_body *b;
  struct glia_graph *g_in;   /* of b */
  glia_value *map;           /* values of f on one sample: holes where batched */
  glia_value *hole, *filled; /* [inputs] and what stands for them in the batch */
  int n_holes;
  glia_value *root, *batch; /* next values, outs, stop: of one sample, of all */
  bool *reached;            /* [roots] depends on the sample */
  glia_value active;        /* own: [size] bool, runs this step */
};

static glia_value lanes_full(const struct lanes *l, glia_dtype dtype, double number)
{
  return glia_full(l->g_in, glia_type_make(dtype, 1, &l->size), number);
}

/* An input of f in the batch. */
static void lead_lane(struct lanes *l, int i)
{
  const struct glia_body *f = l->f;
  const body_role role = f->in[i].role;
  const bool live = role == ROLE_CARRY ? l->live[f->in[i].carry] : l->batched[i];
  const glia_value v = f->g->input[i].value;

  if (!live) {
    l->map[v] = glia_body_lead_(l->b, role, l->in[i]);
    return;
  }
  glia_value outer = l->in[i];
  if (!l->batched[i]) outer = l->g->basis->tile(l->g, outer, l->size);
  if (role == ROLE_EACH) outer = glia_swap_(l->g, outer);
  l->map[v] = l->hole[l->n_holes] = glia_hole_(l->g_in, f->g->input[i].type);
  l->filled[l->n_holes++] = glia_body_lead_(l->b, role, outer);
}

static int n_roots(const struct glia_body *f)
{
  return f->n_carries + f->n_out + (f->stop != GLIA_NONE);
}

/* f's step on one sample, and on all. */
static void batch_step(struct lanes *l)
{
  const struct glia_body *f = l->f;
  int n = 0;

  l->n_holes = 0;
  for (int i = 0; i < f->n_in; i++) lead_lane(l, i);
  for (int j = 0; j < f->n_carries; j++) l->root[n++] = f->carry[j].next;
  for (int o = 0; o < f->n_out; o++) l->root[n++] = f->out[o].value;
  if (f->stop != GLIA_NONE) l->root[n++] = f->stop;
  glia_replay_(l->g_in, f->g, n, l->root, l->map);
  if (l->g_in->status != GLIA_OK) return;
  for (int r = 0; r < n; r++) l->root[r] = l->map[l->root[r]];
  bool *reach = glia_reach_(l->g_in, l->n_holes, l->hole);
  if (reach == NULL) {
    glia_graph_fail(l->g_in, GLIA_E_MEMORY, "batching a loop");
    return;
  }
  for (int r = 0; r < n; r++) l->reached[r] = reach[l->root[r]];
  free(reach);
  glia_vmap(l->g_in, l->size, l->n_holes, l->hole, l->filled, n, l->root, l->batch);
}

/* Carries that become batched; a batched stop test makes all of them so. */
static void find_live(struct lanes *l)
{
  const struct glia_body *f = l->f;

  if (f->stop != GLIA_NONE && l->reached[n_roots(f) - 1] && !l->own && !l->together)
    l->own = l->again = true;
  for (int j = 0; j < f->n_carries; j++)
    if ((l->reached[j] || l->own) && !l->live[j]) l->live[j] = l->again = true;
}

glia_value glia_all_(struct glia_graph *g, glia_value x)
{
  if (x == GLIA_NONE) return GLIA_NONE;
  struct glia_type t = g->node[x]->type;
  t.dtype = GLIA_F32;
  const glia_value not = g->basis->select(g, x, glia_full(g, t, 0.0), glia_full(g, t, 1.0));
  const glia_value left = g->basis->sum(g, not, -1, NULL, false);
  return g->basis->less(g, left, glia_number_(g, GLIA_F32, 0.5));
}

/* bool: a, unless where `unless`. */
static glia_value except(const struct lanes *l, glia_value a, glia_value unless)
{
  return l->g->basis->select(l->g_in, unless, lanes_full(l, GLIA_BOOL, 0.0), a);
}

/* Which samples run this step, and the end of the loop where none is left. */
static void count_lanes(struct lanes *l)
{
  struct glia_graph *g = l->g_in;
  const struct glia_basis *basis = g->basis;
  const struct glia_body *f = l->f;
  const int64_t steps = l->y->attr.i[LOOP_STEPS];
  const bool counted = l->y->attr.i[LOOP_COUNTED] != 0 && l->batched[f->n_in];
  const glia_value yes = lanes_full(l, GLIA_BOOL, 1.0);
  const glia_value zero = glia_full(l->g, glia_type_make(GLIA_I64, 1, &l->size), 0.0),
                   none = glia_full(l->g, glia_type_make(GLIA_BOOL, 1, &l->size), 0.0);
  glia_value going = yes; /* after this step */

  l->active = yes;
  if (counted) {
    const glia_value row = l->g->basis->iota(l->g, glia_type_make(GLIA_I64, 1, &steps), 0);
    const glia_value step = glia_body_each(l->b, row),
                     count = glia_body_capture(l->b, l->in[f->n_in]);
    const glia_value after = basis->add(g, step, glia_number_(g, GLIA_I64, 1.0));
    l->active = basis->less(g, step, count); /* the step is broadcast */
    going = basis->less(g, after, count);
  }
  if (f->stop != GLIA_NONE) {
    const glia_value stopped = glia_body_carry(l->b, none);
    l->active = except(l, l->active, stopped);
    const glia_value stop = basis->select(g, l->active, l->batch[n_roots(f) - 1], stopped);
    glia_body_next(l->b, stopped, stop);
    going = except(l, going, stop);
  }
  const glia_value number = glia_body_carry(l->b, zero);
  glia_body_next(l->b, number, basis->add(g, number, basis->cast(g, l->active, GLIA_I64)));
  if (l->y->attr.i[LOOP_REVERSE] != 0) return;
  glia_body_stop(l->b, glia_all_(g, except(l, yes, going)));
}

/* x where the sample runs this step, else y. */
static glia_value where_active(const struct lanes *l, glia_value x, glia_value y)
{
  int64_t dim[GLIA_MAX_RANK] = {l->size};

  if (!l->own || x == GLIA_NONE) return x;
  const int rank = l->g_in->node[x]->type.rank;
  for (int k = 1; k < rank; k++) dim[k] = 1;
  const struct glia_basis *basis = l->g->basis;
  return basis->select(l->g_in, basis->reshape(l->g_in, l->active, rank, dim), x, y);
}

static void end_step(struct lanes *l)
{
  const struct glia_body *f = l->f;

  for (int j = 0; j < f->n_carries; j++) {
    const int i = f->carry[j].in;
    glia_value is = l->map[f->g->input[i].value]; /* a hole where the carry is live */
    for (int h = 0; h < l->n_holes && l->live[j]; h++)
      if (l->hole[h] == is) is = l->filled[h];
    const glia_value next = l->live[j] ? where_active(l, l->batch[j], is) : l->root[j];
    glia_body_next(l->b, is, next);
  }
  for (int o = 0; o < f->n_out; o++) {
    const int r = f->n_carries + o;
    const bool all = l->reached[r] || l->own;
    const glia_value value =
        all ? where_active(l, l->batch[r], glia_zeros_like_(l->g_in, l->batch[r])) : l->root[r];
    (f->out[o].sum ? glia_body_sum : glia_body_stack)(l->b, value);
  }
  const int s = n_roots(f) - 1;
  if (f->stop != GLIA_NONE && !l->own)
    glia_body_stop(l->b, l->reached[s] ? glia_all_(l->g_in, l->batch[s]) : l->root[s]);
  if (l->y->attr.i[LOOP_COUNTED] != 0 && !l->batched[f->n_in])
    glia_body_count(l->b, l->in[f->n_in]);
}

/* The batched loop; NULL with l->again when more carries turn out to be batched. */
static const struct glia_node *batched_loop(struct lanes *l)
{
  struct glia_attr attr = l->y->attr;
  const struct glia_node *z = NULL;

  l->again = false;
  l->b = glia_body_begin(l->g);
  l->map = glia_values_(l->f->g->n);
  if (l->b == NULL || l->map == NULL) {
    glia_graph_fail(l->g, GLIA_E_MEMORY, "batching a loop");
    goto out;
  }
  l->g_in = l->b->g;
  batch_step(l);
  if (l->g_in->status == GLIA_OK) find_live(l);
  if (l->again) goto out;
  if (l->g_in->status == GLIA_OK) {
    if (l->own) count_lanes(l);
    end_step(l);
  }
  const glia_value v = glia_loop_add_(l->g, l->y->op, &l->b, &attr);
  z = v == GLIA_NONE ? NULL : l->g->node[v];
out:
  free(l->map);
  glia_body_drop(&l->b);
  return z;
}

/* Results of the batched loop z, with the batch in front. */
static void take_results(const struct lanes *l, const struct glia_node *z, glia_value *yb)
{
  const struct glia_body *f = l->f, *h = glia_body_of_(l->g, z, LOOP_BODY);
  glia_value (*const tile)(struct glia_graph *, glia_value, int64_t) = l->g->basis->tile;

  for (int j = 0; j < f->n_carries; j++) {
    const glia_value last = result_of(z, loop_final(h, j)), rows = result_of(z, loop_history(h, j));
    yb[loop_final(f, j)] = l->live[j] ? last : tile(l->g, last, l->size);
    yb[loop_history(f, j)] = l->live[j] ? glia_swap_(l->g, rows) : tile(l->g, rows, l->size);
  }
  for (int o = 0; o < f->n_out; o++) {
    const glia_value v = result_of(z, loop_out(h, o));
    if (l->own || l->reached[f->n_carries + o])
      yb[loop_out(f, o)] = f->out[o].sum ? v : glia_swap_(l->g, v);
    else
      yb[loop_out(f, o)] = tile(l->g, v, l->size);
  }
  yb[loop_count(f)] = l->own ? result_of(z, loop_final(h, h->n_carries - 1))
                             : tile(l->g, result_of(z, loop_count(h)), l->size);
}

void glia_loop_vmap_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                     const glia_value *in, const bool *batched, bool together, glia_value *yb)
{
  const struct glia_body *f = glia_body_of_(g, y, LOOP_BODY);
  struct lanes l = {.g = g, .y = y, .f = f, .size = size, .in = in, .batched = batched};
  l.together = together;
  const size_t roots = (size_t)n_roots(f) + 1;
  const struct glia_node *z = NULL;

  l.own = y->attr.i[LOOP_COUNTED] != 0 && batched[f->n_in];
  l.live = calloc((size_t)f->n_carries + 1, sizeof *l.live);
  l.reached = calloc(roots, sizeof *l.reached);
  l.hole = glia_values_(f->n_in);
  l.filled = glia_values_(f->n_in);
  l.root = glia_values_((int64_t)roots);
  l.batch = glia_values_((int64_t)roots);
  if (l.live == NULL || l.reached == NULL || l.hole == NULL || l.filled == NULL || l.root == NULL ||
      l.batch == NULL) {
    glia_graph_fail(g, GLIA_E_MEMORY, "batching a loop");
    goto out;
  }
  for (int j = 0; j < f->n_carries; j++) l.live[j] = l.own || batched[f->carry[j].in];
  do z = batched_loop(&l);
  while (z == NULL && l.again && g->status == GLIA_OK);
  if (z != NULL) take_results(&l, z, yb);
out:
  free(l.live);
  free(l.reached);
  free(l.hole);
  free(l.filled);
  free(l.root);
  free(l.batch);
}

void glia_scan_vmap_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                     const glia_value *in, const bool *batched, glia_value *yb)
{
  glia_loop_vmap_(g, y, size, in, batched, false, yb);
}
