/* Fixed points, derivatives of one's own, second computations and call-backs. */
#include "glia_control.h"
#include "glia_ops.h"
#include "glia_program.h"
#include "pairs.h"
#include "run_graph.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5 };

/* z = tanh(z W / 2 + b): contracts, since |W| < 1 / N. */
static glia_value implicit_step(struct glia_graph *in, glia_value z, glia_value w, glia_value b)
{
  return glia_tanh(in, glia_add(in, glia_matmul(in, z, w, false, false), b));
}

static struct glia_body *implicit_body(glia_value z0, glia_value w, glia_value b)
{
  struct glia_body *body = glia_body_begin(g);
  const glia_value z = glia_body_carry(body, z0);

  glia_body_next(body, z,
                 implicit_step(glia_body_graph(body), z, glia_body_capture(body, w),
                               glia_body_capture(body, b)));
  return body;
}

/* The Jacobian's norm is below 0.5, so that 60 steps leave 0.5^60 = 1e-18 of the first error, of the unrolled loop as well; the
 * tolerance of the iterations, 1e-13, is what remains: 1e-10 is asked for. */
static void the_gradient_of_a_fixed_point_is_that_of_the_unrolled_loop(void)
{
  begin();
  const glia_value z0 = given(1.0, 2, (int64_t[]){3, N}), w = given(0.45 / N, 2, (int64_t[]){N, N}),
                   b = given(1.0, 2, (int64_t[]){3, N});
  const glia_value x[2] = {w, b}, t[2] = {glia_cos(g, w), glia_sin(g, b)};
  struct glia_body *body = implicit_body(z0, w, b);
  glia_value z[2] = {GLIA_NONE, GLIA_NONE}, dx[2][2], ddx[2][2], ty[2], dz0, zb[2];
  glia_fixed_point(g, &body, 200, 1e-13, &z[0]);
  body = implicit_body(z0, w, b);
  glia_scan(g, &body, &(struct glia_scan_options){.steps = 60}, &z[1], NULL);
  for (int s = 0; s < 2; s++) {
    const glia_value loss = total(glia_mul(g, z[s], glia_sin(g, z[s])));
    glia_grad(g, loss, 2, x, dx[s]);
    glia_grad(g, glia_add(g, total(glia_mul(g, dx[s][0], dx[s][0])), total(glia_exp(g, dx[s][1]))),
              2, x, ddx[s]);
    glia_jvp(g, 2, x, t, 1, &z[s], &ty[s]);
    const int64_t two[] = {2, 1, 1};
    const glia_value bs = glia_mul(
        g, glia_broadcast(g, b, 3, (int64_t[]){2, 3, N}, (int[]){-1, 0, 1}),
        glia_add(g, glia_iota(g, glia_type_make(GLIA_F64, 3, two), 0), glia_constant(g, 0.5)));
    glia_vmap(g, 2, 1, &b, &bs, 1, &dx[s][0], &zb[s]);
  }
  same(z[0], z[1]);
  same(ty[0], ty[1]);
  same(zb[0], zb[1]);
  for (int i = 0; i < 2; i++) {
    same(dx[0][i], dx[1][i]);
    same(ddx[0][i], ddx[1][i]);
  }
  CU_ASSERT(distance() <= 1e-10);
  glia_grad(g, total(z[0]), 1, &z0, &dz0); /* what it begins with does not count */
  CU_ASSERT(glia_is_full(g, dz0, NULL));
  end();
}

static void a_fixed_point_refuses_what_it_cannot_mean(void)
{
  static const char *const expected[] = {"takes no values by step", "has no stacks or sums",
                                         "needs a tolerance above 0", "without a carry"};

  for (int k = 0; k < 4; k++) {
    begin();
    const glia_value x = given(1.0, 1, (int64_t[]){3});
    struct glia_body *b = glia_body_begin(g);
    glia_value z = 0, out = 0;
    if (k != 3) z = glia_body_carry(b, x);
    if (k != 3) glia_body_next(b, z, z);
    if (k == 0) glia_body_each(b, x);
    if (k == 1) glia_body_stack(b, z);
    CU_ASSERT(glia_fixed_point(g, &b, 10, k == 2 ? 0.0 : 1e-6, &out) == GLIA_NONE && b == NULL);
    CU_ASSERT(glia_graph_status(g) == GLIA_E_ARGUMENT);
    CU_ASSERT(strstr(glia_trace(), expected[k]) != NULL);
    end();
  }
}

/* Row t of x [steps, n]. */
static glia_value row_of(glia_value x, int64_t t)
{
  const int64_t n = type_of(x)->dim[1];

  return glia_reshape(
      g, glia_slice(g, x, (int64_t[]){t, 0}, (int64_t[]){t + 1, n}, (int64_t[]){1, 1}), 1, &n);
}

/* Against its steps written out: the same products and sums, so 1e-14 is some roundings of numbers around 1. */
static void a_linear_recurrence_equals_its_steps(void)
{
  enum { STEPS = 6 };

  for (int reverse = 0; reverse < 2; reverse++) {
    begin();
    const glia_value a = given(1.0, 2, (int64_t[]){STEPS, N}),
                     b = given(1.0, 2, (int64_t[]){STEPS, N}), h0 = given(1.0, 1, (int64_t[]){N});
    const glia_value of[3] = {a, b, h0};
    glia_value y[2] = {glia_linear_recurrence(g, a, b, h0, reverse != 0)}, row[STEPS], h = h0;
    glia_value d[2][3], dd[2][3];
    for (int k = 0; k < STEPS; k++) {
      const int t = reverse != 0 ? STEPS - 1 - k : k;
      h = glia_add(g, glia_mul(g, row_of(a, t), h), row_of(b, t));
      row[t] = glia_reshape(g, h, 2, (int64_t[]){1, N});
    }
    y[1] = glia_concat(g, STEPS, row, 0);
    same(y[0], y[1]);
    for (int s = 0; s < 2; s++) {
      glia_grad(g, total(glia_mul(g, y[s], glia_sin(g, y[s]))), 3, of, d[s]);
      glia_grad(g, glia_add(g, total(glia_mul(g, d[s][0], d[s][0])), total(d[s][1])), 3, of, dd[s]);
    }
    for (int i = 0; i < 3; i++) {
      same(d[0][i], d[1][i]);
      same(dd[0][i], dd[1][i]);
    }
    CU_ASSERT(distance() <= 1e-14);
    end();
  }
}

/* The work is that of one step, times the steps: neither nodes nor kernel calls depend on their number. */
static void pairs(struct glia_graph *in, void *self, const glia_value *a, const glia_value *b,
                  glia_value *c)
{
  (void)self;
  c[0] = glia_mul(in, a[0], b[0]);
  c[1] = glia_add(in, glia_mul(in, b[0], a[1]), b[1]);
}

/* Pairs (a, b), as martin2018 writes the recurrence: b's prefixes are h, with h0 = 0, whichever way; and so are the derivatives.
 * A prefix of one step is the step; what has no number of steps in common is refused. */
static void an_associative_scan_of_pairs_is_the_linear_recurrence(void)
{
  static const struct glia_associative op = {NULL, pairs};
  enum { STEPS = 7 };

  for (int reverse = 0; reverse < 2; reverse++) {
    begin();
    const glia_value a = given(1.0, 2, (int64_t[]){STEPS, N}),
                     b = given(1.0, 2, (int64_t[]){STEPS, N}),
                     one = given(1.0, 2, (int64_t[]){1, N});
    const glia_value h0 = glia_full(g, glia_type_make(GLIA_F64, 1, (int64_t[]){N}), 0.0);
    glia_value y[2], d[2][2], dd[2][2], short_one[2];
    glia_associative_scan(g, 2, (glia_value[]){a, b}, &op, reverse != 0, y);
    const glia_value h[] = {y[1], glia_linear_recurrence(g, a, b, h0, reverse != 0)};
    same(h[0], h[1]);
    for (int s = 0; s < 2; s++) {
      glia_grad(g, total(glia_sin(g, h[s])), 2, (glia_value[]){a, b}, d[s]);
      glia_grad(g, total(glia_mul(g, d[s][0], d[s][1])), 2, (glia_value[]){a, b}, dd[s]);
    }
    for (int i = 0; i < 2; i++) {
      same(d[0][i], d[1][i]);
      same(dd[0][i], dd[1][i]);
    }
    glia_associative_scan(g, 2, (glia_value[]){one, one}, &op, reverse != 0, short_one);
    same(short_one[1], one);
    CU_ASSERT(distance() <= 1e-14);
    glia_associative_scan(g, 2, (glia_value[]){a, one}, &op, false, y);
    CU_ASSERT(glia_graph_status(g) == GLIA_E_SHAPE && y[0] == GLIA_NONE);
    end();
  }
}

static void a_long_recurrence_is_as_small_a_graph_as_a_short_one(void)
{
  int32_t size[2];

  for (int k = 0; k < 2; k++) {
    begin();
    const int64_t steps = k == 0 ? 4 : 4096;
    const glia_value a = given(1.0, 2, (int64_t[]){steps, N}), h0 = given(1.0, 1, (int64_t[]){N});
    glia_value d[2];
    static const struct glia_associative op = {NULL, pairs};
    glia_value prefix[2];
    const glia_value y = glia_linear_recurrence(g, a, a, h0, false);
    glia_grad(g, total(glia_mul(g, y, y)), 2, (glia_value[]){a, h0}, d);
    glia_associative_scan(g, 2, (glia_value[]){a, a}, &op, false, prefix);
    glia_grad(g, total(prefix[1]), 1, &a, d);
    size[k] = glia_graph_status(g) == GLIA_OK ? glia_graph_size(g) : -1 - k;
    end();
  }
  CU_ASSERT(size[0] == size[1] && size[0] < 150);
}

/* Spike: 1 where u > 0, with the derivative max(0, 1 - |u|) as a surrogate. */
static void triangle(struct glia_graph *in, void *self, const glia_value *x, glia_value y,
                     glia_value dy, glia_value *dx)
{
  (void)self;
  (void)y;
  dx[0] = glia_mul(in, dy,
                   glia_max(in, glia_sub(in, glia_constant(in, 1.0), glia_abs(in, x[0])),
                            glia_constant(in, 0.0)));
}

/* The straight-through estimator, by its forward rule. */
static glia_value straight(struct glia_graph *in, void *self, const glia_value *x, glia_value y,
                           const glia_value *t)
{
  (void)in;
  (void)self;
  (void)x;
  (void)y;
  return t[0];
}

static glia_value spike(glia_value u)
{
  const struct glia_custom rule = {.vjp = triangle};
  const glia_value zero = glia_constant(g, 0.0);

  return glia_custom(g, glia_cast(g, glia_compare(g, GLIA_GT, u, zero), GLIA_F64), 1, &u, &rule);
}

/* Exact: both sides are the same products. 1e-15 is one rounding. */
static void a_surrogate_has_the_stated_derivative(void)
{
  begin();
  const glia_value u = given(1.5, 1, (int64_t[]){40}), v = given(1.0, 1, (int64_t[]){40});
  const glia_value s = spike(u);
  const glia_value slope =
      glia_max(g, glia_sub(g, glia_constant(g, 1.0), glia_abs(g, u)), glia_constant(g, 0.0));
  const glia_value weighted = total(glia_mul(g, s, v));
  const struct glia_custom forward = {.jvp = straight};
  const glia_value r = glia_custom(g, glia_round(g, u), 1, &u, &forward);
  glia_value du, dv, t, d2, ds2, dr, tr, batch;
  same(s, glia_cast(g, glia_compare(g, GLIA_GT, u, glia_constant(g, 0.0)), GLIA_F64));
  glia_grad(g, weighted, 1, &u, &du);
  same(du, glia_mul(g, v, slope));
  glia_grad(g, weighted, 1, &v, &dv);
  same(dv, s);
  glia_jvp(g, 1, &u, &v, 1, &s, &t); /* from the reverse rule */
  same(t, glia_mul(g, v, slope));
  glia_grad(g, total(glia_mul(g, du, du)), 1, &u, &d2); /* of the formula, once more */
  glia_grad(g, total(glia_mul(g, glia_mul(g, v, slope), glia_mul(g, v, slope))), 1, &u, &ds2);
  same(d2, ds2);
  glia_grad(g, total(glia_mul(g, r, v)), 1, &u, &dr); /* from the forward rule */
  same(dr, v);
  glia_jvp(g, 1, &u, &v, 1, &r, &tr);
  same(tr, v);
  const glia_value rows = glia_reshape(g, u, 2, (int64_t[]){4, 10});
  const glia_value part = glia_slice(g, u, (int64_t[]){0}, (int64_t[]){10}, (int64_t[]){1});
  const glia_value one = glia_reduce_sum(g, spike(part), -1, NULL, false);
  glia_value d1;
  glia_grad(g, one, 1, &part, &d1);
  glia_vmap(g, 4, 1, &part, &rows, 1, &d1, &batch);
  same(glia_reshape(g, batch, 1, (int64_t[]){40}), slope);
  CU_ASSERT(distance() <= 1e-15);
  end();
}

/* A network of LAYERS tanh layers of [ROWS, WIDE]; every pair of layers a segment that is computed again, or none. */
enum { LAYERS = 8, ROWS = 64, WIDE = 48 };
static size_t network_gradient(bool marked, double *dw)
{
  glia_value w[LAYERS], dws[LAYERS];
  struct glia_program *p = NULL;
  struct glia_program_info info = {0};
  void *out = NULL;

  begin();
  const glia_value x = given(1.0, 2, (int64_t[]){ROWS, WIDE});
  glia_value h = glia_tanh(g, x), first = h;
  for (int l = 0; l < LAYERS; l++) {
    w[l] = given(0.3, 2, (int64_t[]){WIDE, WIDE});
    /* several elementwise values a layer, which reverse mode would all keep */
    const glia_value a = glia_matmul(g, h, w[l], false, false);
    h = glia_mul(g, glia_tanh(g, a), glia_sin(g, glia_softplus(g, a)));
    if (l % 2 == 1) {
      if (marked) h = glia_recompute(g, h, 1, &first);
      first = h;
    }
  }
  glia_grad(g, total(glia_mul(g, h, h)), LAYERS, w, dws);
  glia_value norm = glia_reduce_sum(g, dws[0], 1, (int[]){0}, false);
  for (int l = 1; l < LAYERS; l++)
    norm = glia_add(g, norm, glia_reduce_sum(g, dws[l], 1, (int[]){0}, false));
  CU_ASSERT(run_graph(g, NULL, given_data(), 1, &norm, &out));
  if (out != NULL) memcpy(dw, out, WIDE * sizeof *dw);
  free(out);
  CU_ASSERT(glia_program_compile(g, NULL, &p) == GLIA_OK);
  if (p != NULL) glia_program_info(p, "run0", &info);
  glia_program_destroy(&p);
  end();
  return info.shared_bytes;
}

/* Kept: every layer's product and three functions of it. Marked: the ends of segments, and one segment's inside. */
static void recompute_saves_memory_and_changes_no_bit(void)
{
  double plain[WIDE] = {0}, marked[WIDE] = {1};
  const size_t kept = network_gradient(false, plain), again = network_gradient(true, marked);

  tap_note("%zu bytes kept, %zu when segments of two layers are computed again", kept, again);
  CU_ASSERT(memcmp(plain, marked, sizeof plain) == 0 && plain[0] != 0.0);
  CU_ASSERT(again > 0 && 10 * again <= 7 * kept);
}

static void recompute_can_be_differentiated_again(void)
{
  begin();
  const glia_value x = given(1.0, 2, (int64_t[]){3, N}), w = given(1.0, 2, (int64_t[]){N, N});
  glia_value y[2], dx[2][2], ddx[2][2], ty[2], yb[2];
  const glia_value of[2] = {x, w};
  y[0] = y[1] = glia_sin(g, glia_matmul(g, glia_tanh(g, x), w, false, false));
  y[0] = glia_recompute(g, y[0], 1, &x);
  CU_ASSERT(y[0] != y[1]);
  const glia_value xb = glia_broadcast(g, x, 3, (int64_t[]){2, 3, N}, (int[]){-1, 0, 1});
  for (int s = 0; s < 2; s++) {
    glia_grad(g, total(glia_mul(g, y[s], y[s])), 2, of, dx[s]);
    glia_grad(g, glia_add(g, total(glia_mul(g, dx[s][0], dx[s][0])), total(glia_exp(g, dx[s][1]))),
              2, of, ddx[s]);
    glia_jvp(g, 1, &x, &x, 1, &y[s], &ty[s]);
    glia_vmap(g, 2, 1, &x, &xb, 1, &dx[s][1], &yb[s]);
    same(y[0], y[1]);
  }
  for (int i = 0; i < 2; i++) {
    same(dx[0][i], dx[1][i]);
    same(ddx[0][i], ddx[1][i]);
  }
  same(ty[0], ty[1]);
  same(yb[0], yb[1]);
  CU_ASSERT(distance() <= 1e-13);
  end();
}

/* A solver from outside: x = A^-1 b for 2 x 2, by Cramer's rule, and the residual. self: whether A is transposed. */
static glia_status solve_types(void *self, int n_in, const struct glia_type *in,
                               struct glia_type *out)
{
  (void)self;
  GLIA_CHECK(n_in == 2 && in[0].rank == 2 && in[0].dim[0] == 2 && in[0].dim[1] == 2 &&
                 in[1].rank == 1 && in[1].dim[0] == 2,
             GLIA_E_SHAPE, "a 2 x 2 solver");
  out[0] = in[1];
  out[1] = glia_type_make(GLIA_F64, 0, NULL);
  return GLIA_OK;
}

static void solve(void *self, int n_in, const struct glia_operand *in, int n_out,
                  const struct glia_operand *out)
{
  const double *a = in[0].data, *b = in[1].data;
  double *x = out[0].data, *residual = out[1].data;
  const bool transposed = self != NULL;
  const double p = a[0], q = transposed ? a[2] : a[1], r = transposed ? a[1] : a[2], s = a[3];

  (void)n_in;
  (void)n_out;
  x[0] = (s * b[0] - q * b[1]) / (p * s - q * r);
  x[1] = (p * b[1] - r * b[0]) / (p * s - q * r);
  *residual = fabs(p * x[0] + q * x[1] - b[0]) + fabs(r * x[0] + s * x[1] - b[1]);
}

static int yes;
static const struct glia_external solver[2] = {{"solve2/1", 2, NULL, solve_types, solve},
                                               {"solve2t/1", 2, &yes, solve_types, solve}};

static glia_value solution(struct glia_graph *in, bool transposed, glia_value a, glia_value b);

/* x = A^-1 b: dL/db = l = A^-T dL/dx, dL/dA = -l x^T; for A^T the other way round. */
static void adjoint(struct glia_graph *in, void *self, const glia_value *x, glia_value y,
                    glia_value dy, glia_value *dx)
{
  const bool transposed = self != NULL;
  const glia_value l = solution(in, !transposed, x[0], dy);
  const glia_value row = glia_reshape(in, transposed ? y : l, 2, (int64_t[]){2, 1}),
                   column = glia_reshape(in, transposed ? l : y, 2, (int64_t[]){1, 2});

  dx[0] = glia_neg(in, glia_matmul(in, row, column, false, false));
  dx[1] = l;
}

/* A rule that uses the solver whose rule uses the solver ...: the inner one has none. */
static glia_value solution(struct glia_graph *in, bool transposed, glia_value a, glia_value b)
{
  static int depth;
  const struct glia_custom rule = {.self = transposed ? &yes : NULL, .vjp = adjoint};
  glia_value out[2];

  depth++;
  glia_external(in, &solver[transposed], 2, (glia_value[]){a, b}, depth <= 2 ? &rule : NULL, out);
  depth--;
  return out[0];
}

static glia_value at(glia_value x, int i)
{
  const int64_t n = glia_type_count(type_of(x));
  const glia_value flat = glia_reshape(g, x, 1, &n);

  return glia_reshape(g, glia_slice(g, flat, (int64_t[]){i}, (int64_t[]){i + 1}, (int64_t[]){1}), 0,
                      NULL);
}

/* The tolerance: some tens of roundings, divided by a determinant of 1 or so. */
static void an_external_solver_is_a_node_with_its_derivatives(void)
{
  begin();
  const glia_value eye = glia_full(g, glia_type_make(GLIA_F64, 2, (int64_t[]){2, 2}), 0.0);
  const glia_value a0 = given(0.4, 2, (int64_t[]){2, 2}), b = given(1.0, 1, (int64_t[]){2});
  for (int i = 0; i < 2; i++) ((double *)given_data()[0])[3 * i] += 1.5;
  const glia_value a = glia_add(g, a0, eye);
  const glia_value det =
      glia_sub(g, glia_mul(g, at(a, 0), at(a, 3)), glia_mul(g, at(a, 1), at(a, 2)));
  const glia_value x0 =
      glia_sub(g, glia_mul(g, at(a, 3), at(b, 0)), glia_mul(g, at(a, 1), at(b, 1)));
  const glia_value x1 =
      glia_sub(g, glia_mul(g, at(a, 0), at(b, 1)), glia_mul(g, at(a, 2), at(b, 0)));
  const glia_value both[2] = {glia_reshape(g, x0, 1, (int64_t[]){1}),
                              glia_reshape(g, x1, 1, (int64_t[]){1})};
  const glia_value x[2] = {solution(g, false, a, b), glia_div(g, glia_concat(g, 2, both, 0), det)};
  const glia_value of[2] = {a0, b};
  glia_value dx[2][2], ddx[2][2], xb[2], t[2];
  const glia_value bs = glia_broadcast(g, b, 2, (int64_t[]){3, 2}, (int[]){-1, 0});
  const glia_value rows = glia_add(g, bs, glia_iota(g, *type_of(bs), 0));
  for (int s = 0; s < 2; s++) {
    glia_grad(g, total(glia_sin(g, x[s])), 2, of, dx[s]);
    glia_grad(g, glia_add(g, total(glia_exp(g, dx[s][0])), total(glia_mul(g, dx[s][1], b))), 2, of,
              ddx[s]);
    glia_vmap(g, 3, 1, &b, &rows, 1, &dx[s][0], &xb[s]);
    glia_jvp(g, 1, &b, &b, 1, &x[s], &t[s]);
  }
  same(x[0], x[1]);
  same(xb[0], xb[1]);
  same(t[0], t[1]);
  for (int i = 0; i < 2; i++) {
    same(dx[0][i], dx[1][i]);
    same(ddx[0][i], ddx[1][i]);
  }
  CU_ASSERT(distance() <= 1e-13);
  /* a wrong shape is refused as it is built */
  glia_value out[2] = {0, 0};
  glia_external(g, &solver[0], 2, (glia_value[]){b, b}, NULL, out);
  CU_ASSERT(out[0] == GLIA_NONE && glia_graph_status(g) == GLIA_E_SHAPE);
  end();
}

TAP_MAIN("custom", TAP(a_linear_recurrence_equals_its_steps),
         TAP(an_associative_scan_of_pairs_is_the_linear_recurrence),
         TAP(a_long_recurrence_is_as_small_a_graph_as_a_short_one),
         TAP(recompute_saves_memory_and_changes_no_bit), TAP(recompute_can_be_differentiated_again),
         TAP(an_external_solver_is_a_node_with_its_derivatives),
         TAP(the_gradient_of_a_fixed_point_is_that_of_the_unrolled_loop),
         TAP(a_fixed_point_refuses_what_it_cannot_mean), TAP(a_surrogate_has_the_stated_derivative))
