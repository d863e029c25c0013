/* The table test: every operator, and control flow, on samples of its own, by value and by its rules.
 *
 * Tolerances. Derivatives against central differences with step 1e-5: the truncation error is 1e-5^2 / 6 times a third
 * derivative, the rounding error 1e-16 / 1e-5 times the value, so 1e-7 of the largest element leaves two digits.
 * A surrogate's first derivative is compared with differences of its stated stand-in; all other statements hold for it as they are.
 * Identities between rules hold up to the order of additions: 1e-12. float32 against float64 on the same inputs: a few ulp of a
 * few operations, 2e-6, and five times that for derivatives. bf16 has 8 bits: one rounding is 2^-9 of an element at most, and what only moves elements adds none.
 */
#include "glia_bf16.h"
#include "glia_kernels.h"
#include "op_trial.h"
#include "ref/interpret.h"
#include "run_graph.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double difference_step = 1e-5, difference_tolerance = 1e-7, identity_tolerance = 1e-12,
                    float_tolerance = 2e-6, stored_tolerance = 0x1p-9;

/* Operators that the table cannot sample, with the reason. */
static bool is_exempt(const struct glia_op *op)
{
  static const char *const names[] = {
      "input", "state", "full", /* leaves: nothing is computed from operands */
      "batch_sum",              /* spans micro-batches: test_program.c */
  };

  for (size_t i = 0; i < GLIA_COUNT(names); i++)
    if (strcmp(op->name, names[i]) == 0) return true;
  return false;
}

static bool has_reference(const struct glia_op *op)
{
  for (int t = 0; t < GLIA_DTYPE_COUNT_; t++)
    if (op->reference[t] != NULL) return true;
  return false;
}

/* (a) */

static void every_operator_is_sampled_and_has_its_rules(void)
{
  for (const struct glia_op *const *p = glia_ops(); *p != NULL; p++) {
    const struct glia_op *op = *p;
    if (is_exempt(op)) continue;
    struct trial t = {.op = op};
    check(op->sample != NULL, &t, "has samples", 0, 1);
    if (op->sample == NULL) continue;
    int cases = 0;
    for (; begin(&t, op, cases, GLIA_F64); cases++) {
      check(glia_graph_node(t.g, t.y)->op == op, &t, "the sample survives simplification", 0, 1);
      end(&t);
    }
    end(&t);
    check(cases > 0, &t, "cases", cases, 1);
    check(op->infer != NULL && (op->vmap != NULL || op->n_in == 0), &t, "shape and batching rule",
          0, 1);
    check((op->derivative == GLIA_DERIVATIVE_SURROGATE) == (op->stand_in != NULL), &t,
          "a surrogate states what stands in", 0, 1);
    if (op->derivative == GLIA_DERIVATIVE_NONE)
      check(op->vjp == NULL && op->jvp == NULL, &t, "no rules without a derivative", 0, 1);
    else
      check(op->vjp != NULL && (op->jvp != NULL || op->linear), &t, "reverse and forward rule", 0,
            1);
    check(op->view || has_reference(op), &t, "a reference kernel", 0, 1);
  }
}

/* (b) */

static void compare_compiled(struct trial *t)
{
  void *reference = NULL, *fast = NULL;

  fill(t);
  struct interpretation p = interpret(t->g, t->data, NULL, 1, &t->y);
  const struct glia_type type = *type_of(t, t->y);
  if (run_graph(t->g, NULL, t->data, 1, &t->y, &reference))
    check(memcmp(reference, p.at[t->y], glia_type_bytes(&type)) == 0, t, "compiled, bit for bit",
          element(&type, reference, 0), element(&type, p.at[t->y], 0));
  else
    check(false, t, "runs", 0, 1);
  if (run_graph(t->g, glia_kernels_default(), t->data, 1, &t->y, &fast)) {
    const double d = distance(&type, fast, &type, p.at[t->y]);
    check(d <= (type.dtype == GLIA_F32 ? float_tolerance : identity_tolerance), t, "fast kernel", d,
          0);
  } else
    check(false, t, "runs", 0, 1);
  free(reference);
  free(fast);
  interpretation_free(&p);
}

static void compiled_values_are_those_of_the_reference_kernels(void)
{
  each(GLIA_F32, compare_compiled);
  each(GLIA_F64, compare_compiled);
}

static void compare_single(struct trial *t)
{
  struct trial d;

  if (!begin(&d, t->op, t->k, GLIA_F64)) abort();
  fill(t);
  fill(&d);
  struct interpretation p = interpret(t->g, t->data, NULL, 1, &t->y);
  struct interpretation q = interpret(d.g, d.data, NULL, 1, &d.y);
  const double far = distance(type_of(t, t->y), p.at[t->y], type_of(&d, d.y), q.at[d.y]);
  check(far <= float_tolerance, t, "float32 against float64", far, 0);
  interpretation_free(&p);
  interpretation_free(&q);
  end(&d);
}

static void float32_is_float64_rounded(void) { each(GLIA_F32, compare_single); }

/* Every operator that takes bf16, on the same numbers in float64; compiled, and by its definition. */
static int n_stored;

static void compare_stored(struct trial *t)
{
  struct trial d;
  void *compiled = NULL;

  if (glia_graph_status(t->g) != GLIA_OK) return;
  if (!begin(&d, t->op, t->k, GLIA_F64)) abort();
  exact_in_bf16 = true;
  fill(t);
  fill(&d);
  exact_in_bf16 = false;
  n_stored++;
  struct interpretation p = interpret(t->g, t->data, NULL, 1, &t->y);
  struct interpretation q = interpret(d.g, d.data, NULL, 1, &d.y);
  const struct glia_type type = *type_of(t, t->y);
  const double far = distance(&type, p.at[t->y], type_of(&d, d.y), q.at[d.y]);
  check(far <= (t->op->elementwise ? stored_tolerance : 0.0), t, "bf16 against float64", far, 0);
  if (run_graph(t->g, glia_kernels_default(), t->data, 1, &t->y, &compiled))
    check(memcmp(compiled, p.at[t->y], glia_type_bytes(&type)) == 0, t, "compiled bf16", 0, 1);
  else
    check(false, t, "runs", 0, 1);
  free(compiled);
  interpretation_free(&p);
  interpretation_free(&q);
  end(&d);
}

static void bf16_is_float64_rounded_once(void)
{
  for (const struct glia_op *const *op = glia_ops(); *op != NULL; op++) {
    struct trial t;
    if ((*op)->reference[GLIA_BF16] == NULL || (*op)->sample == NULL) continue;
    for (int k = 0; begin(&t, *op, k, GLIA_BF16); k++) {
      compare_stored(&t);
      end(&t);
    }
    end(&t);
  }
  CU_ASSERT(n_stored >= 10); /* moving, choosing, adding, casting, drawing */
}

/* (c), (d) */

/* <w, y> with a fresh w, and its gradient: what the derivative tests differentiate. */
struct derivatives {
  int n;                         /* differentiable inputs */
  glia_value x[GLIA_MAX_IN + 1]; /* and w at x[n] */
  glia_value w, phi;             /* phi = <w, y>, y's stand-in for a surrogate */
  glia_value dx[GLIA_MAX_IN];    /* dphi / dx */
  glia_value psi;                /* sum_i <r_i, dx_i>, GLIA_NONE when all are zero */
  glia_value r[GLIA_MAX_IN];
};

static glia_value dot(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_reduce_sum(g, glia_mul(g, a, b), -1, NULL, false);
}

/* The value whose derivative the rules claim to be. */
static glia_value stand_in(const struct trial *t)
{
  return t->op->stand_in == NULL ? t->y : t->op->stand_in(glia_graph_node(t->g, t->y));
}

static struct derivatives derive(struct trial *t)
{
  struct derivatives d = {.psi = GLIA_NONE};

  for (int i = 0; i < t->s.n; i++)
    if (t->s.in[i].differentiable) d.x[d.n++] = t->s.in[i].value;
  d.w = fresh(t, "w", 0, *type_of(t, t->y));
  d.x[d.n] = d.w;
  d.phi = dot(t->g, d.w, stand_in(t));
  glia_vjp(t->g, 1, &t->y, &d.w, d.n, d.x, d.dx);
  for (int i = 0; i < d.n; i++) {
    if (d.dx[i] == GLIA_NONE) continue;
    d.r[i] = fresh(t, "r", i, *type_of(t, d.x[i]));
    const glia_value term = glia_cast(t->g, dot(t->g, d.r[i], d.dx[i]), GLIA_F64);
    d.psi = d.psi == GLIA_NONE ? term : glia_add(t->g, d.psi, term);
  }
  return d;
}

static double scalar(const struct trial *t, glia_value v)
{
  struct interpretation p = interpret(t->g, t->data, NULL, 1, &v);
  const double y = element(type_of(t, v), p.at[v], 0);

  interpretation_free(&p);
  return y;
}

/* d y / dx against central differences; dx may be GLIA_NONE, zero. */
static void differences(struct trial *t, glia_value y, glia_value x, glia_value dx,
                        const char *what)
{
  const struct glia_type *type = type_of(t, x);
  void *data = t->data[index_of(t, x)];
  struct interpretation p = interpret(t->g, t->data, NULL, 1, &dx);
  double scale = 1.0;

  if (dx != GLIA_NONE)
    check(glia_type_equal(type_of(t, dx), type), t, "type of a derivative", 0, 1);
  for (int64_t e = 0; dx != GLIA_NONE && e < glia_type_count(type); e++)
    scale = fmax(scale, fabs(element(type, p.at[dx], e)));
  for (int64_t e = 0; e < glia_type_count(type); e++) {
    const double x0 = element(type, data, e);
    set_element(type, data, e, x0 + difference_step);
    const double up = scalar(t, y);
    set_element(type, data, e, x0 - difference_step);
    const double down = scalar(t, y);
    set_element(type, data, e, x0);
    const double expected = (up - down) / (2.0 * difference_step);
    const double found = dx == GLIA_NONE ? 0.0 : element(type, p.at[dx], e);
    check(fabs(found - expected) <= difference_tolerance * scale, t, what, found, expected);
  }
  interpretation_free(&p);
}

/* float32 or shorter somewhere: differences would see its rounding. */
static bool has_float32(const struct trial *t)
{
  for (int32_t v = 0; v < glia_graph_size(t->g); v++)
    if (type_of(t, v)->dtype == GLIA_F32 || type_of(t, v)->dtype == GLIA_BF16) return true;
  return false;
}

static bool is_differentiable(const struct trial *t)
{
  bool any = false;

  for (int i = 0; i < t->s.n; i++) any = any || t->s.in[i].differentiable;
  /* what is stored as bf16 cannot be multiplied: test_bf16.c */
  return any && glia_dtype_is_float(type_of(t, t->y)->dtype) &&
         type_of(t, t->y)->dtype != GLIA_BF16 && t->op->derivative != GLIA_DERIVATIVE_NONE;
}

static void compare_differences(struct trial *t)
{
  if (!is_differentiable(t) || has_float32(t)) return;
  struct derivatives d = derive(t);
  glia_value second[GLIA_MAX_IN + 1];
  check(d.psi != GLIA_NONE, t, "has a gradient", 0, 1);
  if (d.psi == GLIA_NONE) return;
  const glia_value one = glia_full(t->g, *type_of(t, d.psi), 1.0);
  glia_vjp(t->g, 1, &d.psi, &one, d.n + 1, d.x, second);
  if (glia_graph_status(t->g) != GLIA_OK) return;
  fill(t);
  for (int i = 0; i < d.n; i++) differences(t, d.phi, d.x[i], d.dx[i], "first derivative");
  for (int i = 0; i <= d.n; i++) differences(t, d.psi, d.x[i], second[i], "second derivative");
}

static void reverse_rules_agree_with_differences(void) { each(GLIA_F64, compare_differences); }

static void compare_value(const struct trial *t, glia_value a, const struct trial *d, glia_value b,
                          const char *what)
{
  check((a == GLIA_NONE) == (b == GLIA_NONE), t, what, a, b);
  if (a == GLIA_NONE || b == GLIA_NONE) return;
  struct interpretation p = interpret(t->g, t->data, NULL, 1, &a);
  struct interpretation q = interpret(d->g, d->data, NULL, 1, &b);
  const double far = distance(type_of(t, a), p.at[a], type_of(d, b), q.at[b]);
  check(far <= 5.0 * float_tolerance, t, what, far, 0);
  interpretation_free(&p);
  interpretation_free(&q);
}

/* First derivatives of both, and the gradient of psi where there is one. */
static void compare_gradients(struct trial *t, const struct derivatives *a, struct trial *d,
                              const struct derivatives *b)
{
  glia_value second[2][GLIA_MAX_IN + 1];

  check((a->psi == GLIA_NONE) == (b->psi == GLIA_NONE), t, "has a gradient", a->psi, b->psi);
  if (a->psi == GLIA_NONE || b->psi == GLIA_NONE) return;
  const glia_value one[2] = {glia_full(t->g, *type_of(t, a->psi), 1.0),
                             glia_full(d->g, *type_of(d, b->psi), 1.0)};
  glia_vjp(t->g, 1, &a->psi, &one[0], a->n, a->x, second[0]);
  glia_vjp(d->g, 1, &b->psi, &one[1], b->n, b->x, second[1]);
  fill(t);
  fill(d);
  for (int i = 0; i < a->n; i++) {
    compare_value(t, a->dx[i], d, b->dx[i], "first derivative in float32");
    compare_value(t, second[0][i], d, second[1][i], "second derivative in float32");
  }
}

/* Derivatives in float32 are those in float64, up to the rounding of more operations. */
static void compare_single_derivatives(struct trial *t)
{
  struct trial d;

  if (!begin(&d, t->op, t->k, GLIA_F64)) abort();
  if (is_differentiable(t)) {
    const struct derivatives a = derive(t), b = derive(&d);
    compare_gradients(t, &a, &d, &b);
  }
  end(&d);
}

static void float32_derivatives_are_those_of_float64(void)
{
  each(GLIA_F32, compare_single_derivatives);
}

/* sum_i <a_i, b_i> over the differentiable inputs, and of the absolute values. */
static double inner(const struct trial *t, const struct interpretation *p, int n,
                    const glia_value *a, const glia_value *b, double *size)
{
  double sum = 0.0;

  *size = 1.0;
  for (int i = 0; i < n; i++)
    for (int64_t e = 0;
         a[i] != GLIA_NONE && b[i] != GLIA_NONE && e < glia_type_count(type_of(t, a[i])); e++) {
      const double term =
          element(type_of(t, a[i]), p->at[a[i]], e) * element(type_of(t, b[i]), p->at[b[i]], e);
      sum += term;
      *size += fabs(term);
    }
  return sum;
}

/* <J v, w> = <v, J' w>, for y and then for its gradient, whose Jacobian is symmetric. */
static void compare_adjoint(struct trial *t)
{
  if (!is_differentiable(t)) return;
  struct derivatives d = derive(t);
  glia_value v[GLIA_MAX_IN], ty, tpsi, second[GLIA_MAX_IN];
  double size, size2;

  for (int i = 0; i < d.n; i++) v[i] = fresh(t, "v", i, *type_of(t, d.x[i]));
  glia_jvp(t->g, d.n, d.x, v, 1, &t->y, &ty);
  glia_jvp(t->g, d.n, d.x, v, 1, &d.psi, &tpsi);
  const glia_value one = glia_full(t->g, *type_of(t, d.psi), 1.0);
  glia_vjp(t->g, 1, &d.psi, &one, d.n, d.x, second);
  if (glia_graph_status(t->g) != GLIA_OK) return;
  fill(t);
  glia_value roots[4 * GLIA_MAX_IN + 2] = {ty, tpsi};
  int n = 2;
  for (int i = 0; i < d.n; i++) {
    roots[n++] = v[i];
    roots[n++] = d.dx[i];
    roots[n++] = second[i];
  }
  roots[n++] = d.w;
  struct interpretation p = interpret(t->g, t->data, NULL, n, roots);
  const double tolerance = has_float32(t) ? float_tolerance : identity_tolerance;
  const double forward = inner(t, &p, 1, &ty, &d.w, &size),
               reverse = inner(t, &p, d.n, v, d.dx, &size2);
  check(fabs(forward - reverse) <= tolerance * size, t, "<Jv, w> = <v, J'w>", forward, reverse);
  const double along = tpsi == GLIA_NONE ? 0.0 : element(type_of(t, tpsi), p.at[tpsi], 0);
  const double hessian = inner(t, &p, d.n, v, second, &size);
  check(fabs(along - hessian) <= tolerance * size, t, "forward and reverse over reverse", along,
        hessian);
  interpretation_free(&p);
}

static void forward_rules_are_adjoint_to_reverse_rules(void)
{
  each(GLIA_F32, compare_adjoint);
  each(GLIA_F64, compare_adjoint);
}

static void no_derivative_passes_where_there_is_none(void)
{
  for (const struct glia_op *const *op = glia_ops(); *op != NULL; op++) {
    struct trial t;
    if ((*op)->derivative != GLIA_DERIVATIVE_NONE || (*op)->sample == NULL) continue;
    if (begin(&t, *op, 0, GLIA_F64) && t.s.n > 0) {
      glia_value dx = 0, ty = 0;
      const glia_value x = t.s.in[0].value, one = glia_full(t.g, *type_of(&t, t.y), 1.0);
      glia_vjp(t.g, 1, &t.y, &one, 1, &x, &dx);
      check(dx == GLIA_NONE, &t, "reverse", dx, GLIA_NONE);
      glia_jvp(t.g, 1, &x, &x, 1, &t.y, &ty);
      check(ty == GLIA_NONE, &t, "forward", ty, GLIA_NONE);
    }
    end(&t);
  }
}

/* (e) */

/* yb [BATCH, ...] against y on each element of the batch. from[i] is batched as to[i]. */
static void compare_loop(struct trial *t, int n, const glia_value *from, const glia_value *to,
                         int n_y, const glia_value *y, const glia_value *yb, unsigned mask)
{
  struct interpretation all = interpret(t->g, t->data, NULL, n_y, yb);
  char what[64];

  snprintf(what, sizeof what, "batched, inputs 0x%x", mask);
  for (int b = 0; b < BATCH; b++) {
    void *data[MAX_INPUTS];
    memcpy(data, t->data, sizeof data);
    for (int i = 0; i < n; i++) {
      const size_t bytes = glia_type_bytes(type_of(t, from[i]));
      data[index_of(t, from[i])] = (char *)t->data[index_of(t, to[i])] + (size_t)b * bytes;
    }
    struct interpretation one = interpret(t->g, data, NULL, n_y, y);
    for (int j = 0; j < n_y; j++) {
      if (y[j] == GLIA_NONE) continue;
      const struct glia_type *type = type_of(t, y[j]);
      const struct glia_type *stacked = type_of(t, yb[j]);
      check(stacked->rank == type->rank + 1 && stacked->dim[0] == BATCH &&
                glia_type_count(stacked) == BATCH * glia_type_count(type),
            t, "shape of a batch", (double)stacked->rank, type->rank + 1);
      const char *row = (const char *)all.at[yb[j]] + (size_t)b * glia_type_bytes(type);
      const double d = distance(type, row, type, one.at[y[j]]);
      check(d <= (has_float32(t) ? float_tolerance : identity_tolerance), t, what, d, 0);
    }
    interpretation_free(&one);
  }
  interpretation_free(&all);
}

static glia_value batched_input(struct trial *t, const char *kind, int i, glia_value x)
{
  struct glia_type type = *type_of(t, x);

  memmove(&type.dim[1], &type.dim[0], (size_t)type.rank * sizeof type.dim[0]);
  type.dim[0] = BATCH;
  type.rank++;
  return fresh(t, kind, i, type);
}

/* For every set of batched inputs: y, and its gradients with a batched cotangent. */
static void compare_batches(struct trial *t)
{
  if (t->s.n == 0) return;
  const bool differentiable = is_differentiable(t);
  struct derivatives d = {0};
  glia_value y[GLIA_MAX_IN + 1] = {t->y}, yb[GLIA_MAX_IN + 1], to[GLIA_MAX_IN + 1];
  int n_y = 1;

  if (differentiable) {
    d = derive(t);
    for (int i = 0; i < d.n; i++)
      if (d.dx[i] != GLIA_NONE) y[n_y++] = d.dx[i];
  }
  for (int i = 0; i < t->s.n; i++) to[i] = batched_input(t, "batched", i, t->s.in[i].value);
  const glia_value wb = differentiable ? batched_input(t, "wb", 0, d.w) : GLIA_NONE;
  if (glia_graph_status(t->g) != GLIA_OK) return;
  fill(t);
  for (unsigned mask = 1; mask < 1U << t->s.n && mask < 64; mask++) {
    glia_value from[GLIA_MAX_IN + 1], as[GLIA_MAX_IN + 1];
    int n = 0;
    for (int i = 0; i < t->s.n; i++) {
      if ((mask >> i & 1) == 0) continue;
      from[n] = t->s.in[i].value;
      as[n++] = to[i];
    }
    if (differentiable && mask % 2 == 1) { /* cotangents batched and not */
      from[n] = d.w;
      as[n++] = wb;
    }
    glia_vmap(t->g, BATCH, n, from, as, n_y, y, yb);
    if (glia_graph_status(t->g) != GLIA_OK) return;
    compare_loop(t, n, from, as, n_y, y, yb, mask);
  }
}

static void batching_is_a_loop(void)
{
  each(GLIA_F32, compare_batches);
  each(GLIA_F64, compare_batches);
}

/* (f) */

/* Operators of which a NaN need not reach every element, and why. */
static bool keeps_nan_apart(const struct glia_op *op)
{
  static const char *const names[] = {
      "argmax",      "compare",          "select", /* the result is an index, a truth value, or a choice */
      "concat",      "gather",           "pad", /* other elements stand beside it */
      "stand_in",                               /* of two operands the value is one's */
      "conv",        "resample", /* windows may meet zeros alone; rows may be left out */
      "scan",        "associative_scan", /* steps that are not run; the first row of what scales the one before */
      "scatter_add", "random",           "iota",   "spmm", "sddmm", /* rows that are not there */
  };

  for (size_t i = 0; i < GLIA_COUNT(names); i++)
    if (strcmp(op->name, names[i]) == 0) return true;
  return false;
}

static void put_nan(struct trial *t)
{
  const struct glia_type *type = type_of(t, t->y);

  if (!glia_dtype_is_float(type->dtype) || keeps_nan_apart(t->op)) return;
  for (int i = 0; i < t->s.n; i++) {
    if (!t->s.in[i].differentiable) continue;
    fill(t);
    const int in = index_of(t, t->s.in[i].value);
    const struct glia_type *x = type_of(t, t->s.in[i].value);
    for (int64_t e = 0; e < glia_type_count(x); e++) set_element(x, t->data[in], e, (double)NAN);
    struct interpretation p = interpret(t->g, t->data, NULL, 1, &t->y);
    for (int64_t e = 0; e < glia_type_count(type); e++)
      check(isnan(element(type, p.at[t->y], e)), t, "NaN", element(type, p.at[t->y], e),
            (double)NAN);
    interpretation_free(&p);
    while (t->n_data > 0) free(t->data[--t->n_data]);
  }
}

static void nan_goes_through(void)
{
  each(GLIA_F32, put_nan);
  each(GLIA_F64, put_nan);
}

TAP_MAIN("ops", TAP(every_operator_is_sampled_and_has_its_rules),
         TAP(compiled_values_are_those_of_the_reference_kernels), TAP(float32_is_float64_rounded),
         TAP(bf16_is_float64_rounded_once), TAP(reverse_rules_agree_with_differences),
         TAP(float32_derivatives_are_those_of_float64),
         TAP(forward_rules_are_adjoint_to_reverse_rules),
         TAP(no_derivative_passes_where_there_is_none), TAP(batching_is_a_loop),
         TAP(nan_goes_through))
