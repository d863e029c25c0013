/* fixed_point: a body repeated until its carries z no longer change, z* = f(z*, k); differentiated at z*, not through the steps.
 *
 * With A = df/dz and B = df/dk at the fixed point: dz/dk = (I - A)^-1 B.
 *   reverse  a = A^T a + dz by iteration, dk = B^T a
 *   forward  t = A t + B tk by iteration
 * Both are fixed points again, so they can be differentiated in the same way.  Source: park2022, bai2019.
 */
#include "control_priv.h"

#include <stdlib.h>

/* bool: the norm of the change of all carries together is below the tolerance. */
static glia_value has_settled(struct glia_body *b, double tolerance)
{
  struct glia_graph *g = b->g;
  const struct glia_basis *basis = g->basis;
  glia_value square = GLIA_NONE;

  for (int j = 0; j < b->n_carries && g->status == GLIA_OK; j++) {
    const glia_value z = g->input[b->carry[j].in].value;
    const glia_value old =
        basis->mul(g, basis->cast(g, z, GLIA_F64), glia_number_(g, GLIA_F64, -1.0));
    const glia_value change = basis->add(g, basis->cast(g, b->carry[j].next, GLIA_F64), old);
    const glia_value s = basis->sum(g, basis->mul(g, change, change), -1, NULL, false);
    square = square == GLIA_NONE ? s : basis->add(g, square, s);
  }
  return basis->less(g, square, glia_number_(g, GLIA_F64, tolerance * tolerance));
}

/* The node over *b (taken). */
static const struct glia_node *iterate(struct glia_graph *g, struct glia_body **b,
                                       int64_t max_steps, double tolerance)
{
  const struct glia_attr attr = {.i = {[LOOP_STEPS] = max_steps}, .f = {tolerance}};

  for (int j = 0; j < (*b)->n_carries && (*b)->g->status == GLIA_OK; j++)
    if ((*b)->carry[j].next == GLIA_NONE)
      glia_graph_fail((*b)->g, GLIA_E_ARGUMENT, "carry %d has no next value", j);
  if ((*b)->stop == GLIA_NONE && (*b)->g->status == GLIA_OK)
    glia_body_stop(*b, has_settled(*b, tolerance));
  const glia_value y = glia_loop_add_(g, &glia_op_fixed_point_, b, &attr);
  return y == GLIA_NONE ? NULL : g->node[y];
}

/* Values of f's inputs at the fixed point of y. */
static void inputs_at(const struct glia_node *y, const struct glia_body *f, glia_value *at)
{
  for (int i = 0; i < f->n_in; i++)
    at[i] = f->in[i].role == ROLE_CARRY ? result_of(y, loop_final(f, f->in[i].carry)) : y->in[i];
}

/* Next values of f in the graph of b, at captured inputs; v [n_in] gets those. */
static void capture_step(struct glia_body *b, const struct glia_body *f, const glia_value *at,
                         glia_value *v, glia_value *next)
{
  glia_value *map = glia_values_(f->g->n);

  if (map == NULL) glia_graph_fail(b->g, GLIA_E_MEMORY, "a fixed point");
  for (int i = 0; map != NULL && i < f->n_in; i++)
    map[f->g->input[i].value] = v[i] = glia_body_capture(b, at[i]);
  for (int j = 0; map != NULL && j < f->n_carries; j++) {
    glia_replay_(b->g, f->g, 1, &f->carry[j].next, map);
    next[j] = map[f->carry[j].next];
  }
  free(map);
}

/* a = A^T a + dz: a [carries]. */
static bool adjoint(struct glia_graph *g, const struct glia_node *y, const struct glia_body *f,
                    const glia_value *at, const glia_value *dy, glia_value *a)
{
  glia_value v[GLIA_MAX_IN], next[GLIA_MAX_IN], z[GLIA_MAX_IN], pulled[GLIA_MAX_IN];
  struct glia_body *b = glia_body_begin(g);

  if (b == NULL) return false;
  capture_step(b, f, at, v, next);
  for (int j = 0; j < f->n_carries; j++) {
    const glia_value zero = glia_zeros_like_(g, result_of(y, loop_final(f, j)));
    z[j] = v[f->carry[j].in];
    a[j] = glia_body_carry(b, dy[loop_final(f, j)] != GLIA_NONE ? dy[loop_final(f, j)] : zero);
  }
  glia_vjp(b->g, f->n_carries, next, a, f->n_carries, z, pulled);
  for (int j = 0; j < f->n_carries && b->g->status == GLIA_OK; j++) {
    const glia_value given = dy[loop_final(f, j)];
    glia_value sum = given != GLIA_NONE ? glia_body_capture(b, given) : GLIA_NONE;
    if (pulled[j] != GLIA_NONE)
      sum = sum == GLIA_NONE ? pulled[j] : g->basis->add(b->g, pulled[j], sum);
    glia_body_next(b, a[j], sum != GLIA_NONE ? sum : glia_zeros_like_(b->g, a[j]));
  }
  const struct glia_node *s = iterate(g, &b, y->attr.i[LOOP_STEPS], y->attr.f[0]);
  for (int j = 0; s != NULL && j < f->n_carries; j++) a[j] = result_of(s, j);
  return s != NULL;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, const glia_value *dy,
                glia_value *dx)
{
  const struct glia_body *f = glia_body_of_(g, y, LOOP_BODY);
  glia_value at[2 * GLIA_MAX_IN], a[GLIA_MAX_IN], v[GLIA_MAX_IN], dv[GLIA_MAX_IN];
  glia_value next[GLIA_MAX_IN], seed[GLIA_MAX_IN], out[GLIA_MAX_IN];
  bool any = false;

  for (int j = 0; j < f->n_carries; j++) any |= dy[loop_final(f, j)] != GLIA_NONE;
  inputs_at(y, f, at);
  if (!any || !adjoint(g, y, f, at, dy, a)) return;
  /* dk = B^T a: a graph in which z* and k are independent, put into g */
  struct glia_body *b = glia_body_begin(g);
  glia_value *map = glia_values_(f->g->n);
  if (b == NULL || map == NULL) {
    glia_graph_fail(g, GLIA_E_MEMORY, "a fixed point");
    goto out;
  }
  for (int i = 0; i < f->n_in; i++)
    map[f->g->input[i].value] = v[i] = glia_body_input_(b, f->g->input[i].type);
  for (int j = 0; j < f->n_carries; j++) {
    at[f->n_in + j] = a[j];
    seed[j] = glia_body_input_(b, f->g->input[f->carry[j].in].type);
    glia_replay_(b->g, f->g, 1, &f->carry[j].next, map);
    next[j] = map[f->carry[j].next];
    v[f->carry[j].in] = GLIA_NONE;
  }
  glia_vjp(b->g, f->n_carries, next, seed, f->n_in, v, dv);
  if (b->g->status != GLIA_OK) {
    glia_graph_fail(g, b->g->status, "in a body: %s", b->g->message);
    goto out;
  }
  glia_inline_(g, b, at, f->n_in, dv, out);
  for (int i = 0; i < f->n_in; i++) dx[i] = out[i];
out:
  free(map);
  glia_body_drop(&b);
}

static void jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t,
                glia_value *ty)
{
  const struct glia_body *f = glia_body_of_(g, y, LOOP_BODY);
  glia_value at[GLIA_MAX_IN], v[GLIA_MAX_IN], next[GLIA_MAX_IN], tangent[GLIA_MAX_IN],
      tnext[GLIA_MAX_IN];
  struct glia_body *b = glia_body_begin(g);

  if (b == NULL) return;
  inputs_at(y, f, at);
  capture_step(b, f, at, v, next);
  for (int i = 0; i < f->n_in; i++) {
    const bool carry = f->in[i].role == ROLE_CARRY;
    tangent[i] = carry               ? glia_body_carry(b, glia_zeros_like_(g, y->in[i]))
                 : t[i] != GLIA_NONE ? glia_body_capture(b, t[i])
                                     : GLIA_NONE;
  }
  glia_jvp(b->g, f->n_in, v, tangent, f->n_carries, next, tnext);
  for (int j = 0; j < f->n_carries; j++) {
    const glia_value is = tangent[f->carry[j].in];
    glia_body_next(b, is, tnext[j] != GLIA_NONE ? tnext[j] : glia_zeros_like_(b->g, is));
  }
  const struct glia_node *s = iterate(g, &b, y->attr.i[LOOP_STEPS], y->attr.f[0]);
  for (int j = 0; s != NULL && j < f->n_carries; j++) ty[loop_final(f, j)] = result_of(s, j);
}

static void vmap(struct glia_graph *g, const struct glia_node *y, int64_t size,
                 const glia_value *in, const bool *batched, glia_value *yb)
{
  glia_loop_vmap_(g, y, size, in, batched, true, yb);
}

static const struct glia_many many = {
    .count = glia_loop_results_, .type = glia_loop_type_, .vjp = vjp, .jvp = jvp, .vmap = vmap};

const struct glia_op glia_op_fixed_point_ = {
    .name = "fixed_point",
    .source = "park2022",
    .n_in = -1,
    .key = -1,
    .n_bodies = 1,
    .many = &many,
    .infer = glia_loop_infer_,
};

static const char *refuse(const struct glia_body *b, double tolerance)
{
  for (int i = 0; i < b->n_in; i++)
    if (b->in[i].role == ROLE_EACH) return "a fixed point takes no values by step";
  for (int j = 0; j < b->n_carries; j++)
    if (!glia_dtype_is_float(b->g->input[b->carry[j].in].type.dtype))
      return "a fixed point is of floats";
  if (b->n_out > 0) return "a fixed point has no stacks or sums";
  if (b->count != GLIA_NONE) return "a fixed point has no count: use max_steps";
  if (b->n_carries == 0) return "a fixed point without a carry";
  return tolerance > 0.0 ? NULL : "a fixed point needs a tolerance above 0";
}

glia_value glia_fixed_point(struct glia_graph *g, struct glia_body **b, int64_t max_steps,
                            double tolerance, glia_value *fixed)
{
  glia_value count = GLIA_NONE;

  if (b == NULL || *b == NULL) return GLIA_NONE;
  const int n = (*b)->asked_carries;
  for (int j = 0; j < n; j++) fixed[j] = GLIA_NONE;
  const char *refused = (*b)->g->status == GLIA_OK ? refuse(*b, tolerance) : NULL;
  if ((*b)->outer != g)
    glia_graph_fail(g, GLIA_E_ARGUMENT, "a body is used in another graph than it was begun in");
  else if (refused != NULL)
    glia_graph_fail(g, GLIA_E_ARGUMENT, "%s", refused);
  else {
    const struct glia_node *y = iterate(g, b, max_steps, tolerance);
    for (int j = 0; y != NULL && j < n; j++) fixed[j] = result_of(y, j);
    if (y != NULL) count = result_of(y, loop_count(glia_body_of_(g, y, LOOP_BODY)));
  }
  glia_body_drop(b);
  return count;
}
