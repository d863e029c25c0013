/* Derivatives of scan: loops over bodies that hold the derivative of its body.
 *
 * Step t of body f maps (carries c, values by step x_t, captured values k) to (carries c', outs y_t).
 *   reverse    carries a = dL/dc', from the last step to the first; a step computes f again from the carries it began with, kept
 *              as rows by the loop itself (its histories), and gives a := (dc'/dc)^T a + ..., rows dL/dx_t, sums over t of dL/dk
 *   truncated  dc'/dc counts as zero: steps no longer wait for later ones, so the loop runs forward, carries and all
 *   forward    carries c and their tangents side by side
 * Which carries have a derivative at all is found by trying: one that turns out to have one is added, and the body built anew.
 */
#include "control_priv.h"

#include <stdlib.h>

/* A derived loop while it is built. */
struct draft {
  struct glia_graph *g;
  const struct glia_node *y;
  const struct glia_body *f;
  struct glia_body *b;
  glia_value *map; /* what stands in b for values of f */
  bool *live;      /* [carries] has a derivative */
  int n;           /* pairs to differentiate */
  glia_value *from, *seed, *to, *result;
  bool again; /* a carry has come to life */
};

static bool draft_init(struct draft *d, struct glia_graph *g, const struct glia_node *y)
{
  const struct glia_body *f = glia_body_of_(g, y, LOOP_BODY);
  const int64_t most = (int64_t)f->n_carries + f->n_out + f->n_in;

  *d = (struct draft){.g = g, .y = y, .f = f};
  d->live = calloc((size_t)f->n_carries + 1, sizeof *d->live);
  d->from = glia_values_(most);
  d->seed = glia_values_(most);
  d->to = glia_values_(most);
  d->result = glia_values_(most);
  if (d->live != NULL && d->from != NULL && d->seed != NULL && d->to != NULL && d->result != NULL)
    return true;
  glia_graph_fail(g, GLIA_E_MEMORY, "the derivative of a loop");
  return false;
}

static void draft_fini(struct draft *d)
{
  free(d->live);
  free(d->from);
  free(d->seed);
  free(d->to);
  free(d->result);
}

static bool draft_begin(struct draft *d)
{
  d->b = glia_body_begin(d->g);
  d->map = glia_values_(d->f->g->n);
  d->n = 0;
  d->again = false;
  if (d->b != NULL && d->map != NULL) return true;
  glia_graph_fail(d->g, GLIA_E_MEMORY, "the derivative of a loop");
  free(d->map);
  glia_body_drop(&d->b);
  return false;
}

static bool has_count(const struct draft *d)
{
  return d->f->stop != GLIA_NONE || d->y->attr.i[LOOP_COUNTED] != 0;
}

/* The derived loop: it runs as many steps as the one it comes from. */
static const struct glia_node *draft_end(struct draft *d, bool reverse)
{
  struct glia_attr attr = d->y->attr;

  free(d->map);
  attr.i[LOOP_REVERSE] = reverse;
  const glia_value y = glia_loop_add_(d->g, &glia_op_scan_, &d->b, &attr);
  return y == GLIA_NONE ? NULL : d->g->node[y];
}

/* f's step in d->b, beginning with carries as given. */
static void replay_step(struct draft *d, bool kept)
{
  const struct glia_body *f = d->f;

  for (int i = 0; i < f->n_in; i++) {
    const glia_value outer = d->y->in[i];
    glia_value v;
    if (f->in[i].role == ROLE_CARRY && kept)
      v = glia_body_each(d->b, result_of(d->y, loop_history(f, f->in[i].carry)));
    else
      v = glia_body_lead_(d->b, f->in[i].role, outer);
    d->map[f->g->input[i].value] = v;
  }
  for (int j = 0; j < f->n_carries; j++) glia_replay_(d->b->g, f->g, 1, &f->carry[j].next, d->map);
  for (int o = 0; o < f->n_out; o++) glia_replay_(d->b->g, f->g, 1, &f->out[o].value, d->map);
}

static glia_value in_draft(const struct draft *d, int input)
{
  return d->map[d->f->g->input[input].value];
}

static glia_value next_in_draft(const struct draft *d, int carry)
{
  return d->map[d->f->carry[carry].next];
}

/* Cotangents of outs in a step. */
static void seed_outs(struct draft *d, const glia_value *dy)
{
  const struct glia_body *f = d->f;

  for (int o = 0; o < f->n_out; o++) {
    const glia_value given = dy[loop_out(f, o)];
    if (given == GLIA_NONE) continue;
    d->from[d->n] = d->map[f->out[o].value];
    d->seed[d->n++] = f->out[o].sum ? glia_body_capture(d->b, given) : glia_body_each(d->b, given);
  }
}

/* result[i] := cotangent of input i, of carries only where wanted. */
static void pull(struct draft *d, bool carries)
{
  const struct glia_body *f = d->f;

  for (int i = 0; i < f->n_in; i++)
    d->to[i] = f->in[i].role == ROLE_CARRY && !carries ? GLIA_NONE : in_draft(d, i);
  glia_vjp(d->b->g, d->n, d->from, d->seed, f->n_in, d->to, d->result);
}

/* Let cotangents of values by step and captured ones out; *n_out outs are there already. */
static void let_out(struct draft *d)
{
  for (int i = 0; i < d->f->n_in; i++) {
    if (d->f->in[i].role == ROLE_CARRY || d->result[i] == GLIA_NONE) continue;
    (d->f->in[i].role == ROLE_EACH ? glia_body_stack : glia_body_sum)(d->b, d->result[i]);
  }
}

/* dx of values by step and captured ones: the outs of the derived loop z, in order. */
static void take_outs(const struct draft *d, const struct glia_node *z, glia_value *dx)
{
  const struct glia_body *h = glia_body_of_(d->g, z, LOOP_BODY);
  int o = 0;

  for (int i = 0; i < d->f->n_in; i++)
    if (d->f->in[i].role != ROLE_CARRY && d->result[i] != GLIA_NONE)
      dx[i] = result_of(z, loop_out(h, o++));
}

/* Reverse mode through time. */

static const struct glia_node *reverse_loop(struct draft *d, const glia_value *dy)
{
  const struct glia_body *f = d->f;

  if (!draft_begin(d)) return NULL;
  replay_step(d, true);
  for (int j = 0; j < f->n_carries; j++) {
    const int last = loop_final(f, j);
    if (!d->live[j]) continue;
    d->from[d->n] = next_in_draft(d, j);
    d->seed[d->n++] = glia_body_carry(
        d->b, dy[last] != GLIA_NONE ? dy[last] : glia_zeros_like_(d->g, result_of(d->y, last)));
  }
  seed_outs(d, dy);
  pull(d, true);
  for (int j = 0, k = 0; j < f->n_carries; j++) {
    glia_value a = d->result[f->carry[j].in];
    const glia_value row = dy[loop_history(f, j)];
    d->again |= a != GLIA_NONE && !d->live[j];
    d->live[j] |= a != GLIA_NONE;
    if (d->again || !d->live[j]) continue;
    if (row != GLIA_NONE) {
      const glia_value r = glia_body_each(d->b, row);
      a = a == GLIA_NONE ? r : d->g->basis->add(d->b->g, a, r);
    }
    glia_body_next(d->b, d->seed[k], a != GLIA_NONE ? a : glia_zeros_like_(d->b->g, d->seed[k]));
    k++;
  }
  if (d->again && d->b->g->status == GLIA_OK) {
    free(d->map);
    glia_body_drop(&d->b);
    return NULL;
  }
  let_out(d);
  if (has_count(d)) glia_body_count(d->b, result_of(d->y, loop_count(f)));
  return draft_end(d, d->y->attr.i[LOOP_REVERSE] == 0);
}

static void through_time(struct draft *d, const glia_value *dy, glia_value *dx)
{
  const struct glia_body *f = d->f;
  const struct glia_node *z;
  int k = 0;

  for (int j = 0; j < f->n_carries; j++)
    d->live[j] = dy[loop_final(f, j)] != GLIA_NONE || dy[loop_history(f, j)] != GLIA_NONE;
  do z = reverse_loop(d, dy);
  while (z == NULL && d->again && d->g->status == GLIA_OK);
  if (z == NULL) return;
  for (int j = 0; j < f->n_carries; j++)
    if (d->live[j]) dx[f->carry[j].in] = result_of(z, k++);
  take_outs(d, z, dx);
}

/* Reverse mode through space. */

/* Whether this step is the last (bool scalar in the body). */
static glia_value is_last(struct draft *d)
{
  struct glia_graph *g = d->g;
  const int64_t steps = d->y->attr.i[LOOP_STEPS];
  const glia_value row = g->basis->iota(g, glia_type_make(GLIA_I64, 1, &steps), 0);
  const glia_value step = glia_body_each(d->b, row), one = glia_number_(d->b->g, GLIA_I64, 1.0);

  if (d->y->attr.i[LOOP_REVERSE] != 0) return g->basis->less(d->b->g, step, one);
  const glia_value count = has_count(d) ? glia_body_capture(d->b, result_of(d->y, loop_count(d->f)))
                                        : glia_number_(d->b->g, GLIA_I64, (double)steps);
  const glia_value after = g->basis->add(d->b->g, step, one);
  const glia_value no = glia_number_(d->b->g, GLIA_BOOL, 0.0),
                   yes = glia_number_(d->b->g, GLIA_BOOL, 1.0);
  return g->basis->select(d->b->g, g->basis->less(d->b->g, after, count), no, yes);
}

static void through_space(struct draft *d, const glia_value *dy, glia_value *dx)
{
  const struct glia_body *f = d->f;
  glia_value last = GLIA_NONE;

  if (!draft_begin(d)) return;
  replay_step(d, false);
  for (int j = 0; j < f->n_carries; j++) {
    glia_body_next(d->b, in_draft(d, f->carry[j].in), next_in_draft(d, j));
    if (dy[loop_final(f, j)] == GLIA_NONE) continue;
    if (last == GLIA_NONE) last = is_last(d);
    const glia_value a = glia_body_capture(d->b, dy[loop_final(f, j)]);
    d->from[d->n] = next_in_draft(d, j);
    d->seed[d->n++] = d->g->basis->select(d->b->g, last, a, glia_zeros_like_(d->b->g, a));
  }
  seed_outs(d, dy);
  pull(d, false);
  let_out(d);
  if (has_count(d)) glia_body_count(d->b, result_of(d->y, loop_count(f)));
  const struct glia_node *z = draft_end(d, d->y->attr.i[LOOP_REVERSE] != 0);
  if (z == NULL) return;
  take_outs(d, z, dx);
  for (int j = 0; j < f->n_carries; j++) { /* without a step the last carry is the first */
    const glia_value a = dy[loop_final(f, j)], zero = glia_zeros_like_(d->g, a);
    const glia_value count = result_of(d->y, loop_count(f)),
                     one = glia_number_(d->g, GLIA_I64, 1.0);
    if (a != GLIA_NONE && d->y->attr.i[LOOP_COUNTED] != 0)
      dx[f->carry[j].in] = d->g->basis->select(d->g, d->g->basis->less(d->g, count, one), a, zero);
  }
}

void glia_scan_vjp_(struct glia_graph *g, const struct glia_node *y, const glia_value *dy,
                    glia_value *dx)
{
  struct draft d;

  if (draft_init(&d, g, y))
    (y->attr.i[LOOP_GRADIENT] == GLIA_GRADIENT_TRUNCATED ? through_space : through_time)(&d, dy,
                                                                                         dx);
  draft_fini(&d);
}

/* Forward mode. */

static const struct glia_node *forward_loop(struct draft *d, const glia_value *t,
                                            glia_value *tangent)
{
  const struct glia_body *f = d->f;
  const bool truncated = d->y->attr.i[LOOP_GRADIENT] == GLIA_GRADIENT_TRUNCATED;
  const int n_y = f->n_carries + f->n_out;

  if (!draft_begin(d)) return NULL;
  replay_step(d, false);
  for (int i = 0; i < f->n_in; i++) {
    const bool carry = f->in[i].role == ROLE_CARRY;
    if (carry ? !d->live[f->in[i].carry] : t[i] == GLIA_NONE) continue;
    const glia_value outer = t[i] != GLIA_NONE ? t[i] : glia_zeros_like_(d->g, d->y->in[i]);
    const glia_value v = glia_body_lead_(d->b, f->in[i].role, outer);
    if (carry) tangent[f->in[i].carry] = v;
    if (carry && truncated) continue;
    d->from[d->n] = in_draft(d, i);
    d->seed[d->n++] = v;
  }
  for (int j = 0; j < f->n_carries; j++) d->to[j] = next_in_draft(d, j);
  for (int o = 0; o < f->n_out; o++) d->to[f->n_carries + o] = d->map[f->out[o].value];
  glia_jvp(d->b->g, d->n, d->from, d->seed, n_y, d->to, d->result);
  for (int j = 0; j < f->n_carries; j++) {
    d->again |= d->result[j] != GLIA_NONE && !d->live[j];
    d->live[j] |= d->result[j] != GLIA_NONE;
  }
  if (d->again && d->b->g->status == GLIA_OK) {
    free(d->map);
    glia_body_drop(&d->b);
    return NULL;
  }
  for (int j = 0; j < f->n_carries; j++) {
    glia_body_next(d->b, in_draft(d, f->carry[j].in), d->to[j]);
    if (d->live[j])
      glia_body_next(d->b, tangent[j],
                     d->result[j] != GLIA_NONE ? d->result[j]
                                               : glia_zeros_like_(d->b->g, tangent[j]));
  }
  for (int o = 0; o < f->n_out; o++)
    if (d->result[f->n_carries + o] != GLIA_NONE)
      (f->out[o].sum ? glia_body_sum : glia_body_stack)(d->b, d->result[f->n_carries + o]);
  if (f->stop != GLIA_NONE) {
    glia_replay_(d->b->g, f->g, 1, &f->stop, d->map);
    glia_body_stop(d->b, d->map[f->stop]);
  }
  if (d->y->attr.i[LOOP_COUNTED] != 0) glia_body_count(d->b, d->y->in[f->n_in]);
  return draft_end(d, d->y->attr.i[LOOP_REVERSE] != 0);
}

void glia_scan_jvp_(struct glia_graph *g, const struct glia_node *y, const glia_value *t,
                    glia_value *ty)
{
  struct draft d;
  const struct glia_node *z = NULL;
  const struct glia_body *f = glia_body_of_(g, y, LOOP_BODY);
  glia_value *tangent = glia_values_(f->n_carries);

  if (!draft_init(&d, g, y) || tangent == NULL) goto out;
  for (int i = 0; i < f->n_in; i++)
    if (f->in[i].role == ROLE_CARRY && t[i] != GLIA_NONE) d.live[f->in[i].carry] = true;
  do z = forward_loop(&d, t, tangent);
  while (z == NULL && d.again && g->status == GLIA_OK);
  if (z == NULL) goto out;
  const struct glia_body *h = glia_body_of_(g, z, LOOP_BODY);
  for (int j = 0, k = f->n_carries; j < f->n_carries; j++) {
    if (!d.live[j])
      continue; /* tangents are the carries behind those of f, in order of f's inputs */
    ty[loop_final(f, j)] = result_of(z, loop_final(h, k));
    ty[loop_history(f, j)] = result_of(z, loop_history(h, k++));
  }
  for (int o = 0, k = 0; o < f->n_out; o++)
    if (d.result[f->n_carries + o] != GLIA_NONE)
      ty[loop_out(f, o)] = result_of(z, loop_out(h, k++));
out:
  draft_fini(&d);
  free(tangent);
}
