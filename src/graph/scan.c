/* scan: a body repeated, as one node of several results. Rules: scan_derive.c, scan_batch.c; how it runs: loop.c. */
#include "control_priv.h"

#include <math.h>
#include <stdlib.h>

glia_value glia_zeros_like_(struct glia_graph *g, glia_value v)
{
  return v == GLIA_NONE ? GLIA_NONE : glia_full(g, g->node[v]->type, 0.0);
}

glia_value glia_number_(struct glia_graph *g, glia_dtype dtype, double number)
{
  return glia_full(g, glia_type_make(dtype, 0, NULL), number);
}

glia_value glia_rows_(struct glia_graph *g, glia_value x, int64_t lo, int64_t hi)
{
  int64_t start[GLIA_MAX_RANK] = {lo}, stop[GLIA_MAX_RANK] = {hi}, step[GLIA_MAX_RANK];

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = &g->node[x]->type;
  for (int k = 0; k < t->rank; k++) {
    step[k] = 1;
    if (k > 0) stop[k] = t->dim[k];
  }
  return g->basis->slice(g, x, start, stop, step);
}

glia_value glia_split_rows_(struct glia_graph *g, glia_value x, int n, const int64_t *dim, int from)
{
  int64_t to[GLIA_MAX_RANK];
  int rank = 0;

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = &g->node[x]->type;
  if (n + t->rank - from > GLIA_MAX_RANK)
    return glia_graph_fail(g, GLIA_E_SHAPE, "rows in segments: more than %d axes", GLIA_MAX_RANK);
  for (int k = 0; k < n; k++) to[rank++] = dim[k];
  for (int k = from; k < t->rank; k++) to[rank++] = t->dim[k];
  return g->basis->reshape(g, x, rank, to);
}

glia_value glia_swap_(struct glia_graph *g, glia_value x)
{
  int order[GLIA_MAX_RANK];

  if (x == GLIA_NONE) return GLIA_NONE;
  for (int k = 0; k < GLIA_MAX_RANK; k++) order[k] = k < 2 ? 1 - k : k;
  return g->basis->permute(g, x, order);
}

/* Results of nodes with several. */

static glia_status infer_result(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_node *y = g->node[n->in[0]];

  GLIA_CHECK(y->op->many != NULL && n->attr.i[0] < y->op->many->count(g, y), GLIA_E_INTERNAL,
             "result %d of %s", (int)n->attr.i[0], y->op->name);
  n->type = y->op->many->type(g, y, (int)n->attr.i[0]);
  return GLIA_OK;
}

const struct glia_op glia_op_result_ = {
    .name = "result", .n_in = 1, .infer = infer_result, .key = -1};

/* Loops. */

int glia_loop_results_(const struct glia_graph *g, const struct glia_node *y)
{
  return loop_count(glia_body_of_(g, y, LOOP_BODY)) + 1;
}

struct glia_type glia_loop_type_(const struct glia_graph *g, const struct glia_node *y, int k)
{
  const struct glia_body *f = glia_body_of_(g, y, LOOP_BODY);
  const struct glia_node *of;
  int64_t dim[GLIA_MAX_RANK] = {y->attr.i[LOOP_STEPS]};

  if (k == loop_count(f)) return glia_type_make(GLIA_I64, 0, NULL);
  if (k < f->n_carries || k >= loop_history(f, 0)) {
    const int j = k < f->n_carries ? k : k - loop_history(f, 0);
    of = f->g->node[f->carry[j].next];
    if (k < f->n_carries) return of->type;
  } else {
    of = f->g->node[f->out[k - f->n_carries].value];
    if (f->out[k - f->n_carries].sum) return of->type;
  }
  for (int a = 0; a + 1 < GLIA_MAX_RANK && a < of->type.rank; a++) dim[a + 1] = of->type.dim[a];
  return glia_type_make(of->type.dtype, of->type.rank + 1, dim);
}

glia_status glia_loop_infer_(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_body *f = glia_body_of_(g, n, LOOP_BODY);
  const int64_t steps = n->attr.i[LOOP_STEPS];
  char a[128], b[128];

  GLIA_CHECK(steps >= 1, GLIA_E_SHAPE, "%s over %lld steps: at least one is needed", n->op->name,
             (long long)steps);
  GLIA_CHECK(n->n_in == f->n_in + (n->attr.i[LOOP_COUNTED] != 0), GLIA_E_INTERNAL,
             "%s: %d operands for %d inputs of its body", n->op->name, n->n_in, f->n_in);
  for (int i = 0; i < f->n_in; i++) {
    const struct glia_type *t = &g->node[n->in[i]]->type, *in = &f->g->input[i].type;
    struct glia_type row = *t;
    if (f->in[i].role == ROLE_EACH) {
      GLIA_CHECK(t->dim[0] == steps, GLIA_E_SHAPE,
                 "%s: a value by step is %s, expected %lld rows, one for each step", n->op->name,
                 glia_type_text(t, a, sizeof a), (long long)steps);
      row = glia_type_make(t->dtype, t->rank - 1, t->dim + 1);
    }
    GLIA_CHECK(glia_type_equal(&row, in), GLIA_E_INTERNAL, "%s: operand %d is %s, expected %s",
               n->op->name, i, glia_type_text(&row, a, sizeof a), glia_type_text(in, b, sizeof b));
  }
  for (int j = 0; j < f->n_carries; j++)
    GLIA_CHECK(f->g->input[f->carry[j].in].type.rank < GLIA_MAX_RANK, GLIA_E_SHAPE,
               "%s: carry %d has %d axes, at most %d", n->op->name, j, GLIA_MAX_RANK,
               GLIA_MAX_RANK - 1);
  n->type = glia_type_make(GLIA_U8, 1, (int64_t[]){0}); /* the node itself holds nothing */
  return GLIA_OK;
}

glia_value glia_loop_add_(struct glia_graph *g, const struct glia_op *op, struct glia_body **b,
                          const struct glia_attr *attr)
{
  glia_value in[GLIA_MAX_IN];
  struct glia_attr a = *attr;
  int n = 0;

  if (*b == NULL) return GLIA_NONE;
  for (; n < (*b)->n_in; n++) in[n] = (*b)->in[n].outer;
  a.i[LOOP_COUNTED] = (*b)->count != GLIA_NONE;
  if (a.i[LOOP_COUNTED] != 0) in[n++] = (*b)->count;
  a.i[LOOP_BODY] = glia_body_intern_(g, b);
  return a.i[LOOP_BODY] == 0 ? GLIA_NONE : glia_node_add(g, op, n, in, &a);
}

static const struct glia_many many = {
    .count = glia_loop_results_,
    .type = glia_loop_type_,
    .vjp = glia_scan_vjp_,
    .jvp = glia_scan_jvp_,
    .vmap = glia_scan_vmap_,
};

const struct glia_op glia_op_scan_ = {
    .name = "scan",
    .n_in = -1,
    .key = -1,
    .n_bodies = 1,
    .many = &many,
    .infer = glia_loop_infer_,
};

/* The constructor. */

static int64_t steps_of(const struct glia_body *b, const struct glia_scan_options *options)
{
  if (options->steps != 0) return options->steps;
  for (int i = 0; i < b->n_in; i++)
    if (b->in[i].role == ROLE_EACH) return b->outer->node[b->in[i].outer]->type.dim[0];
  return 0;
}

static glia_value plain(struct glia_graph *g, struct glia_body **b, int64_t steps,
                        const struct glia_scan_options *options, glia_value *final, glia_value *out)
{
  const bool truncated = options->gradient == GLIA_GRADIENT_TRUNCATED;
  const struct glia_attr attr = {
      .i = {[LOOP_STEPS] = steps,
            [LOOP_REVERSE] = options->reverse,
            [LOOP_GRADIENT] = truncated ? GLIA_GRADIENT_TRUNCATED : GLIA_GRADIENT_FULL}};
  const glia_value y = glia_loop_add_(g, &glia_op_scan_, b, &attr);

  if (y == GLIA_NONE) return GLIA_NONE;
  const struct glia_body *f = glia_body_of_(g, g->node[y], LOOP_BODY);
  for (int j = 0; final != NULL && j < f->n_carries; j++)
    final[j] = result_of(g->node[y], loop_final(f, j));
  for (int o = 0; out != NULL && o < f->n_out; o++) out[o] = result_of(g->node[y], loop_out(f, o));
  return result_of(g->node[y], loop_count(f));
}

/* Recomputed: a loop over segments whose body is the loop over the steps of one, and the rest, too short for a segment, as a
 * loop of its own. Derivatives then follow from those of plain loops: the outer one keeps carries once per segment, the
 * inner one lives inside a step of the outer one. */
struct segments {
  const struct glia_body *f;
  glia_value operand[GLIA_MAX_IN]; /* what f's inputs stand for */
  glia_value count;
  int64_t steps, length, number, rest;
  bool reverse;
};

/* The steps of f over operands of g. */
static bool repeat(struct glia_graph *g, const struct segments *s, const glia_value *operand,
                   glia_value count, int64_t steps, glia_value *final, glia_value *out)
{
  const struct glia_body *f = s->f;
  struct glia_body *b = glia_body_begin(g);
  glia_value *map = glia_values_(f->g->n);
  const struct glia_scan_options options = {.reverse = s->reverse};

  if (b != NULL && map == NULL) glia_graph_fail(b->g, GLIA_E_MEMORY, "a body");
  for (int i = 0; b != NULL && b->g->status == GLIA_OK && i < f->n_in; i++)
    map[f->g->input[i].value] = glia_body_lead_(b, f->in[i].role, operand[i]);
  if (b != NULL && b->g->status == GLIA_OK) {
    if (count != GLIA_NONE) glia_body_count(b, count);
    for (int j = 0; j < f->n_carries; j++) glia_replay_(b->g, f->g, 1, &f->carry[j].next, map);
    for (int o = 0; o < f->n_out; o++) glia_replay_(b->g, f->g, 1, &f->out[o].value, map);
    for (int j = 0; j < f->n_carries; j++)
      glia_body_next(b, map[f->g->input[f->carry[j].in].value], map[f->carry[j].next]);
    for (int o = 0; o < f->n_out; o++)
      (f->out[o].sum ? glia_body_sum : glia_body_stack)(b, map[f->out[o].value]);
  }
  free(map);
  return plain(g, &b, steps, &options, final, out) != GLIA_NONE;
}

/* count - steps done before, GLIA_NONE when there is no count. */
static glia_value remaining(struct glia_graph *g, glia_value count, glia_value done)
{
  const glia_value less = g->basis->mul(g, done, glia_number_(g, GLIA_I64, -1.0));

  return count == GLIA_NONE ? GLIA_NONE : g->basis->add(g, count, less);
}

/* All whole segments, beginning with carries operand[]. out: rows [number length, ...]. */
static bool whole_segments(struct glia_graph *g, const struct segments *s,
                           const glia_value *operand, glia_value *final, glia_value *out)
{
  const struct glia_body *f = s->f;
  const int64_t split[2] = {s->number, s->length}, joined = s->number * s->length;
  glia_value in[GLIA_MAX_IN], last[GLIA_MAX_IN], part[GLIA_MAX_IN];
  struct glia_body *b = glia_body_begin(g);
  const struct glia_scan_options options = {.reverse = s->reverse};

  if (b == NULL) return false;
  for (int i = 0; i < f->n_in; i++) {
    const bool by_step = f->in[i].role == ROLE_EACH;
    const glia_value of =
        by_step ? glia_split_rows_(g, glia_rows_(g, operand[i], 0, joined), 2, split, 1)
                : operand[i];
    in[i] = glia_body_lead_(b, f->in[i].role, of);
  }
  glia_value count = GLIA_NONE;
  if (s->count != GLIA_NONE) {
    const struct glia_type index = glia_type_make(GLIA_I64, 1, &s->number);
    const glia_value first =
        g->basis->mul(g, g->basis->iota(g, index, 0), glia_number_(g, GLIA_I64, (double)s->length));
    count = remaining(b->g, glia_body_capture(b, s->count), glia_body_each(b, first));
  }
  if (repeat(b->g, s, in, count, s->length, last, part)) {
    for (int j = 0; j < f->n_carries; j++) glia_body_next(b, in[f->carry[j].in], last[j]);
    for (int o = 0; o < f->n_out; o++)
      (f->out[o].sum ? glia_body_sum : glia_body_stack)(b, part[o]);
  }
  if (plain(g, &b, s->number, &options, final, out) == GLIA_NONE) return false;
  for (int o = 0; o < f->n_out; o++)
    if (!f->out[o].sum) out[o] = glia_split_rows_(g, out[o], 1, &joined, 2);
  return true;
}

/* The steps that fill no segment, the last rows. */
static bool rest_of_steps(struct glia_graph *g, const struct segments *s, const glia_value *operand,
                          glia_value *final, glia_value *out)
{
  const int64_t first = s->steps - s->rest;
  glia_value in[GLIA_MAX_IN];

  for (int i = 0; i < s->f->n_in; i++)
    in[i] = s->f->in[i].role == ROLE_EACH ? glia_rows_(g, operand[i], first, s->steps) : operand[i];
  const glia_value done = glia_number_(g, GLIA_I64, (double)first);
  return repeat(g, s, in, remaining(g, s->count, done), s->rest, final, out);
}

static glia_value in_segments(struct glia_graph *g, struct segments *s, glia_value *final,
                              glia_value *out)
{
  const struct glia_body *f = s->f;
  glia_value last[GLIA_MAX_IN], part[2][GLIA_MAX_IN];
  bool ok = true;

  if (f->n_out >= GLIA_MAX_IN)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "more than %d results of a loop", GLIA_MAX_IN);
  for (int turn = 0; turn < 2 && ok; turn++) { /* in reverse the rest is run first */
    const bool rest = (turn == 1) != s->reverse;
    if (rest && s->rest == 0) continue;
    ok = (rest ? rest_of_steps : whole_segments)(g, s, s->operand, last, part[rest]);
    for (int j = 0; ok && j < f->n_carries; j++) s->operand[f->carry[j].in] = last[j];
  }
  if (!ok) return GLIA_NONE;
  for (int o = 0; o < f->n_out && s->rest > 0; o++) {
    const glia_value pair[2] = {part[0][o], part[1][o]};
    part[0][o] =
        f->out[o].sum ? g->basis->add(g, pair[0], pair[1]) : g->basis->concat(g, 2, pair, 0);
  }
  for (int j = 0; final != NULL && j < f->n_carries; j++) final[j] = last[j];
  for (int o = 0; out != NULL && o < f->n_out; o++) out[o] = part[0][o];
  const glia_value all = glia_number_(g, GLIA_I64, (double)s->steps),
                   none = glia_number_(g, GLIA_I64, 0.0);
  if (s->count == GLIA_NONE) return all;
  const glia_value most = g->basis->select(g, g->basis->less(g, s->count, all), s->count, all);
  return g->basis->select(g, g->basis->less(g, most, none), none, most);
}

static glia_value recomputed(struct glia_graph *g, struct glia_body **b, int64_t steps,
                             const struct glia_scan_options *options, glia_value *final,
                             glia_value *out)
{
  struct segments s = {.count = (*b)->count, .steps = steps, .reverse = options->reverse};

  s.length = options->segment != 0 ? options->segment : (int64_t)ceil(sqrt((double)steps));
  if (s.length < 1 || s.length > steps)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "segments of %lld steps in a loop of %lld",
                           (long long)s.length, (long long)steps);
  s.number = steps / s.length;
  s.rest = steps % s.length;
  for (int i = 0; i < (*b)->n_in; i++) s.operand[i] = (*b)->in[i].outer;
  const int64_t place = glia_body_intern_(g, b);
  if (place == 0) return GLIA_NONE;
  s.f = g->body[place - 1];
  return in_segments(g, &s, final, out);
}

/* A mistake of the caller that no shape rule sees. */
static const char *refuse(const struct glia_body *b, const struct glia_scan_options *options)
{
  if (b->stop == GLIA_NONE) return NULL;
  if (options->reverse) return "a loop in reverse has no stop test: use a count";
  if (options->gradient == GLIA_GRADIENT_RECOMPUTED)
    return "a recomputed loop has no stop test: use a full gradient, or a count";
  return NULL;
}

glia_value glia_scan(struct glia_graph *g, struct glia_body **b,
                     const struct glia_scan_options *options, glia_value *final, glia_value *out)
{
  static const struct glia_scan_options plainly;
  glia_value count = GLIA_NONE;

  if (b == NULL || *b == NULL) return GLIA_NONE;
  if (options == NULL) options = &plainly;
  for (int j = 0; final != NULL && j < (*b)->asked_carries; j++) final[j] = GLIA_NONE;
  for (int o = 0; out != NULL && o < (*b)->asked_outs; o++) out[o] = GLIA_NONE;
  const char *refused = refuse(*b, options);
  const int64_t steps = steps_of(*b, options);
  if ((*b)->outer != g)
    glia_graph_fail(g, GLIA_E_ARGUMENT, "a body is used in another graph than it was begun in");
  else if (refused != NULL)
    glia_graph_fail(g, GLIA_E_UNSUPPORTED, "%s", refused);
  else if (options->gradient == GLIA_GRADIENT_RECOMPUTED && steps > 1)
    count = recomputed(g, b, steps, options, final, out);
  else
    count = plain(g, b, steps, options, final, out);
  glia_body_drop(b);
  return count;
}
