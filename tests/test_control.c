/* Loops against the same steps written out: value, first and second derivative, forward mode, batches. */
#include "glia_control.h"
#include "glia_ops.h"
#include "glia_program.h"
#include "pairs.h"
#include "tap.h"

enum { MAX_STEPS = 12, N = 3, BATCH = 4 };

/* Both sides do the same sums of numbers around 1, in float64, in another order at most: some hundreds of roundings of 1e-16. */
static const double tolerance = 1e-12;

#define GIVEN(...)                                                                                 \
  given(1.0, (int)GLIA_COUNT(((int64_t[]){__VA_ARGS__})), (const int64_t[]){__VA_ARGS__})

static glia_value given_scalar(void) { return given(1.0, 0, NULL); }

/* A recurrent step that uses every way in and out of a body:
 * h' = tanh(x + h W + q), q' = q cos(h'), s = h' q, y = exp(-h'^2), m += sin(x) h' */
struct step {
  glia_value h, q, y, m;
};
static struct step step(struct glia_graph *in, glia_value h, glia_value q, glia_value x,
                        glia_value w)
{
  struct step s;

  s.h = glia_tanh(in, glia_add(in, glia_add(in, x, glia_matmul(in, h, w, false, false)), q));
  s.q = glia_mul(in, q, glia_cos(in, s.h));
  s.y = glia_exp(in, glia_neg(in, glia_mul(in, s.h, s.h)));
  s.m = glia_mul(in, glia_sin(in, x), s.h);
  return s;
}

/* What both sides are given and give. */
struct net {
  glia_value h0, q0, xs, w, count; /* count GLIA_NONE: none */
  glia_value h, q, ys, m;
};

static struct net net_given(int64_t steps, int64_t count)
{
  struct net n = {.h0 = GIVEN(2, N), .q0 = GIVEN(2, N), .xs = GIVEN(steps, 2, N), .w = GIVEN(N, N)};

  n.count = count < 0 ? GLIA_NONE : given_count(count);
  return n;
}

static struct net looped(struct net n, const struct glia_scan_options *options)
{
  struct glia_body *b = glia_body_begin(g);
  struct glia_graph *in = glia_body_graph(b);
  const glia_value h = glia_body_carry(b, n.h0), x = glia_body_each(b, n.xs),
                   w = glia_body_capture(b, n.w), q = glia_body_carry(b, n.q0);
  const struct step s = step(in, h, q, x, w);
  glia_value final[2] = {GLIA_NONE, GLIA_NONE}, out[2] = {GLIA_NONE, GLIA_NONE};

  glia_body_next(b, h, s.h);
  glia_body_next(b, q, s.q);
  glia_body_stack(b, s.y);
  glia_body_sum(b, s.m);
  if (n.count != GLIA_NONE) glia_body_count(b, n.count);
  glia_scan(g, &b, options, final, out);
  n.h = final[0];
  n.q = final[1];
  n.ys = out[0];
  n.m = out[1];
  return n;
}

static glia_value row_of(glia_value x, int64_t t)
{
  const struct glia_type *type = type_of(x);
  int64_t start[GLIA_MAX_RANK] = {t}, stop[GLIA_MAX_RANK] = {t + 1}, by[GLIA_MAX_RANK];

  for (int k = 0; k < type->rank; k++) {
    by[k] = 1;
    if (k > 0) stop[k] = type->dim[k];
  }
  return glia_reshape(g, glia_slice(g, x, start, stop, by), type->rank - 1, type->dim + 1);
}

/* The same steps as nodes, `ran` of them; carries as constants at the start of each where truncated. */
static struct net unrolled(struct net n, int64_t ran, bool reverse, bool truncated)
{
  const int64_t steps = type_of(n.xs)->dim[0];
  glia_value y[MAX_STEPS];

  n.h = n.h0;
  n.q = n.q0;
  n.m = GLIA_NONE;
  for (int64_t t = 0; t < steps; t++)
    y[t] = glia_full(g, glia_type_make(GLIA_F64, 3, (int64_t[]){1, 2, N}), 0.0);
  for (int64_t k = 0; k < ran; k++) {
    const int64_t t = reverse ? ran - 1 - k : k;
    const glia_value h = truncated ? glia_stop_gradient(g, n.h) : n.h,
                     q = truncated ? glia_stop_gradient(g, n.q) : n.q;
    const struct step s = step(g, h, q, row_of(n.xs, t), n.w);
    n.h = s.h;
    n.q = s.q;
    n.m = n.m == GLIA_NONE ? s.m : glia_add(g, n.m, s.m);
    y[t] = glia_reshape(g, s.y, 3, (int64_t[]){1, 2, N});
  }
  if (n.m == GLIA_NONE) n.m = glia_full(g, *type_of(n.h), 0.0);
  n.ys = glia_concat(g, (int)steps, y, 0);
  return n;
}

/* A scalar in which every result counts, with weights that differ. */
static glia_value loss_of(const struct net *n)
{
  const glia_value weight = glia_iota(g, *type_of(n->ys), 0);
  const glia_value rows =
      total(glia_mul(g, n->ys, glia_sin(g, glia_add(g, weight, glia_constant(g, 1.0)))));
  const glia_value last = total(glia_mul(g, n->h, glia_add(g, n->h, n->q)));

  return glia_add(g, glia_add(g, rows, last), total(glia_mul(g, n->m, n->m)));
}

enum { PARAMETERS = 4 };

/* Value, gradient, gradient of a function of the gradient, forward mode, and forward over reverse. */
static void same_derivatives(const struct net *a, const struct net *b)
{
  const glia_value x[PARAMETERS] = {a->h0, a->q0, a->xs, a->w};
  const glia_value loss[2] = {loss_of(a), loss_of(b)};
  glia_value dx[2][PARAMETERS], second[2][PARAMETERS], t[PARAMETERS], ty[2][4], tdx[2][PARAMETERS];

  same(a->h, b->h);
  same(a->q, b->q);
  same(a->ys, b->ys);
  same(a->m, b->m);
  for (int i = 0; i < PARAMETERS; i++) t[i] = glia_cos(g, x[i]);
  for (int s = 0; s < 2; s++) {
    glia_value norm = glia_constant(g, 0.0);
    const struct net *n = s == 0 ? a : b;
    const glia_value y[4] = {n->h, n->q, n->ys, n->m};
    glia_grad(g, loss[s], PARAMETERS, x, dx[s]);
    for (int i = 0; i < PARAMETERS; i++)
      norm = glia_add(g, norm, total(glia_mul(g, dx[s][i], glia_sin(g, dx[s][i]))));
    glia_grad(g, norm, PARAMETERS, x, second[s]);
    glia_jvp(g, PARAMETERS, x, t, 4, y, ty[s]);
    glia_jvp(g, PARAMETERS, x, t, PARAMETERS, dx[s], tdx[s]);
  }
  for (int i = 0; i < PARAMETERS; i++) {
    same(dx[0][i], dx[1][i]);
    same(second[0][i], second[1][i]);
    same(ty[0][i], ty[1][i]);
    same(tdx[0][i], tdx[1][i]);
  }
}

static void compare(int64_t steps, int64_t count, const struct glia_scan_options *options)
{
  const int64_t ran = count < 0 ? steps : count < steps ? count : steps;

  begin();
  const struct net n = net_given(steps, count);
  const struct net a = looped(n, options);
  const struct net b = unrolled(n, ran, options != NULL && options->reverse,
                                options != NULL && options->gradient == GLIA_GRADIENT_TRUNCATED);
  if (glia_graph_status(g) == GLIA_OK) same_derivatives(&a, &b);
  const double d = distance();
  CU_ASSERT(d <= tolerance);
  if (!(d <= tolerance))
    tap_note("%d steps, count %d, reverse %d, gradient %d", (int)steps, (int)count,
             options != NULL && options->reverse, options != NULL ? (int)options->gradient : 0);
  end();
}

static void scan_equals_its_steps_to_second_order(void)
{
  compare(5, -1, NULL);
  compare(1, -1, NULL);
}

static void scan_in_reverse_equals_its_steps(void)
{
  compare(4, -1, &(struct glia_scan_options){.reverse = true});
}

static void scan_of_a_counted_number_of_steps_equals_its_steps(void)
{
  compare(5, 3, NULL);
  compare(4, 0, NULL);
  compare(3, 9, NULL);
  compare(4, 2, &(struct glia_scan_options){.reverse = true});
}

static void recomputed_scan_equals_its_steps(void)
{
  const struct glia_scan_options forward = {.gradient = GLIA_GRADIENT_RECOMPUTED, .segment = 2},
                                 back = {.gradient = GLIA_GRADIENT_RECOMPUTED, .reverse = true},
                                 whole = {.gradient = GLIA_GRADIENT_RECOMPUTED};
  compare(5, -1, &forward);
  compare(4, -1, &whole);
  compare(5, 3, &forward);
  compare(5, -1, &back);
}

static void truncated_scan_equals_steps_that_hold_their_carries_constant(void)
{
  const struct glia_scan_options forward = {.gradient = GLIA_GRADIENT_TRUNCATED},
                                 back = {.gradient = GLIA_GRADIENT_TRUNCATED, .reverse = true};
  compare(4, -1, &forward);
  compare(4, 2, &forward);
  compare(3, 0, &forward);
  compare(3, -1, &back);
}

/* Stack n values along a new axis 0. */
static glia_value stacked(int n, const glia_value *x)
{
  glia_value row[BATCH];
  int64_t dim[GLIA_MAX_RANK] = {1};

  for (int k = 0; k < n; k++) {
    const struct glia_type *t = type_of(x[k]);
    for (int a = 0; a < t->rank; a++) dim[a + 1] = t->dim[a];
    row[k] = glia_reshape(g, x[k], t->rank + 1, dim);
  }
  return glia_concat(g, n, row, 0);
}

/* y of x for each of BATCH values of x, one by one, against the batch: also of derivatives. */
static void same_batches(int n_x, const glia_value *x, int n_y, const glia_value *y)
{
  glia_value xs[BATCH][8], all[8], yb[8], one[8][BATCH];

  for (int i = 0; i < n_x; i++) {
    glia_value v[BATCH];
    for (int s = 0; s < BATCH; s++)
      v[s] = xs[s][i] = type_of(x[i])->dtype == GLIA_F64
                            ? glia_mul(g, x[i], glia_constant(g, 0.5 + 0.3 * s))
                            : glia_add(g, x[i], glia_constant(g, s));
    all[i] = stacked(BATCH, v);
  }
  glia_vmap(g, BATCH, n_x, x, all, n_y, y, yb);
  /* one by one: a batch of one sample each */
  for (int s = 0; s < BATCH; s++) {
    glia_value single[8], ys[8];
    for (int i = 0; i < n_x; i++) single[i] = stacked(1, &xs[s][i]);
    glia_vmap(g, 1, n_x, x, single, n_y, y, ys);
    for (int j = 0; j < n_y && glia_graph_status(g) == GLIA_OK; j++)
      one[j][s] = glia_reshape(g, ys[j], type_of(y[j])->rank, type_of(y[j])->dim);
  }
  for (int j = 0; j < n_y && glia_graph_status(g) == GLIA_OK; j++)
    same(yb[j], stacked(BATCH, one[j]));
}

/* Batched by some of its operands or all, the loop gives what its steps give, batched; so do its gradients. */
static void batches_of_a_scan_equal_batches_of_its_steps(void)
{
  const struct glia_scan_options options[] = {
      {0}, {.reverse = true}, {.gradient = GLIA_GRADIENT_TRUNCATED}};

  for (int k = 0; k < 3; k++)
    for (unsigned mask = 1; mask < 16; mask += 1 + mask / 3) {
      begin();
      const struct net n = net_given(3, -1);
      const struct net side[2] = {
          looped(n, &options[k]),
          unrolled(n, 3, options[k].reverse, options[k].gradient == GLIA_GRADIENT_TRUNCATED)};
      const glia_value p[PARAMETERS] = {n.h0, n.q0, n.xs, n.w};
      glia_value x[PARAMETERS], xb[PARAMETERS], yb[2][8];
      int n_x = 0;
      for (int i = 0; i < PARAMETERS; i++)
        if ((mask >> i & 1) != 0) {
          x[n_x] = p[i];
          xb[n_x++] = stacked(2, (glia_value[]){glia_sin(g, p[i]), glia_cos(g, p[i])});
        }
      for (int s = 0; s < 2; s++) {
        glia_value y[8] = {side[s].h, side[s].q, side[s].ys, side[s].m};
        glia_grad(g, loss_of(&side[s]), PARAMETERS, p, y + 4);
        glia_vmap(g, 2, n_x, x, xb, 8, y, yb[s]);
      }
      for (int i = 0; i < 8; i++) same(yb[0][i], yb[1][i]);
      CU_ASSERT(distance() <= tolerance);
      end();
    }
}

/* Halve x until it is below the bound: the number of halvings depends on x. */
static glia_value halvings(glia_value x0, glia_value bound, glia_value *last, glia_value *rows)
{
  struct glia_body *b = glia_body_begin(g);
  struct glia_graph *in = glia_body_graph(b);
  const glia_value x = glia_body_carry(b, x0), limit = glia_body_capture(b, bound);
  const glia_value half = glia_mul(in, x, glia_constant(in, 0.5));

  glia_body_next(b, x, half);
  glia_body_stack(b, glia_mul(in, half, half));
  glia_body_stop(b, glia_compare(in, GLIA_LT, half, limit));
  return glia_scan(g, &b, &(struct glia_scan_options){.steps = 12}, last, rows);
}

static glia_value f64(double v) { return glia_full(g, glia_type_make(GLIA_F64, 0, NULL), v); }

static void a_stop_test_ends_the_loop_and_its_derivative(void)
{
  begin();
  const glia_value scale = given_scalar(), bound = f64(1.0);
  *(double *)given_data()[0] = 1.0;
  const glia_value x0 = glia_mul(g, scale, f64(20.0)); /* 10 5 2.5 1.25 0.625: five steps */
  glia_value last, rows, dx, d2x;
  const glia_value ran = halvings(x0, bound, &last, &rows);
  same(glia_cast(g, ran, GLIA_F64), f64(5.0));
  same(last, f64(0.625));
  same(total(rows), f64(100.0 + 25.0 + 6.25 + 1.5625 + 0.390625));
  glia_grad(g, total(rows), 1, &scale, &dx); /* rows are (20 s / 2^k)^2 */
  same(dx, f64(2.0 * 133.203125));
  glia_grad(g, dx, 1, &scale, &d2x);
  same(d2x, f64(2.0 * 133.203125));
  CU_ASSERT(distance() <= tolerance);
  end();
}

/* Samples that stop after different numbers of steps are what they are alone, and so are their gradients. */
static void samples_of_a_batch_stop_one_by_one(void)
{
  begin();
  const glia_value x0 = given_scalar(), bound = given_scalar();
  ((double *)given_data()[0])[0] = 5.0;
  ((double *)given_data()[1])[0] = 0.4;
  glia_value last, rows, dx;
  const glia_value ran = halvings(x0, bound, &last, &rows);
  glia_grad(g, total(rows), 1, &x0, &dx);
  same_batches(1, &x0, 4, (glia_value[]){last, rows, ran, dx});
  same_batches(1, &bound, 4, (glia_value[]){last, rows, ran, dx});
  CU_ASSERT(distance() <= tolerance);
  end();
}

static void samples_of_a_batch_have_numbers_of_steps_of_their_own(void)
{
  for (int reverse = 0; reverse < 2; reverse++) {
    begin();
    const struct net n = net_given(5, 1);
    const struct net a = looped(n, &(struct glia_scan_options){.reverse = reverse != 0});
    glia_value dx[PARAMETERS];
    const glia_value p[PARAMETERS] = {n.h0, n.q0, n.xs, n.w};
    glia_grad(g, loss_of(&a), PARAMETERS, p, dx);
    same_batches(1, &n.count, 5, (glia_value[]){a.h, a.ys, a.m, dx[2], dx[3]});
    CU_ASSERT(distance() <= tolerance);
    end();
  }
}

/* sum over t of sum over s <= 3 of a^s x_t, by a loop in a loop. */
static void loops_nest(void)
{
  begin();
  const glia_value a = given_scalar(), xs = GIVEN(4);
  struct glia_body *outer = glia_body_begin(g);
  struct glia_graph *go = glia_body_graph(outer);
  const glia_value x = glia_body_each(outer, xs), ao = glia_body_capture(outer, a);
  struct glia_body *inner = glia_body_begin(go);
  struct glia_graph *gi = glia_body_graph(inner);
  const glia_value p = glia_body_carry(inner, x);
  const glia_value next = glia_mul(gi, p, glia_body_capture(inner, ao));
  glia_value powers = GLIA_NONE, looped_sum = GLIA_NONE, by_hand = f64(0.0);
  glia_body_next(inner, p, next);
  glia_body_sum(inner, next);
  glia_scan(go, &inner, &(struct glia_scan_options){.steps = 3}, NULL, &powers);
  glia_body_sum(outer, powers);
  glia_scan(g, &outer, NULL, NULL, &looped_sum);
  glia_value factor = a;
  for (int s = 0; s < 3; s++, factor = glia_mul(g, factor, a))
    by_hand = glia_add(g, by_hand, glia_mul(g, total(xs), factor));
  const glia_value y[2] = {looped_sum, by_hand}, of[2] = {a, xs};
  glia_value d[2][2], dd[2][2];
  same(y[0], y[1]);
  for (int s = 0; s < 2; s++) {
    glia_grad(g, y[s], 2, of, d[s]);
    glia_grad(g, glia_add(g, d[s][0], total(glia_mul(g, d[s][1], of[1]))), 2, of, dd[s]);
  }
  for (int i = 0; i < 2; i++) {
    same(d[0][i], d[1][i]);
    same(dd[0][i], dd[1][i]);
  }
  CU_ASSERT(distance() <= tolerance);
  end();
}

/* Memory of one worker and of the loops in it, for the gradient of a loop over values made inside it. */
static size_t memory_of(int64_t steps, glia_gradient gradient)
{
  enum { WIDE = 64 };
  struct glia_program *p = NULL;
  struct glia_program_info info = {0};

  begin();
  const glia_value v0 = GIVEN(WIDE, WIDE), w = GIVEN(WIDE, WIDE);
  struct glia_body *b = glia_body_begin(g);
  struct glia_graph *in = glia_body_graph(b);
  const glia_value v = glia_body_carry(b, v0);
  const glia_value next = glia_tanh(in, glia_matmul(in, v, glia_body_capture(b, w), false, false));
  glia_value loss = GLIA_NONE, dw;
  glia_body_next(b, v, next);
  glia_body_sum(b, glia_reduce_sum(in, glia_mul(in, next, next), -1, NULL, false));
  glia_scan(g, &b, &(struct glia_scan_options){.steps = steps, .gradient = gradient}, NULL, &loss);
  glia_grad(g, loss, 1, &w, &dw);
  glia_entry_output(g, glia_graph_entry(g, "gradient"), "dw", dw);
  const glia_status st = glia_program_compile(g, NULL, &p);
  CU_ASSERT(st == GLIA_OK && glia_program_verify(p) == GLIA_OK);
  if (st == GLIA_OK) glia_program_info(p, "gradient", &info);
  glia_program_destroy(&p);
  end();
  return info.shared_bytes + info.micro_bytes + info.scratch_bytes;
}

static void memory_follows_the_kind_of_gradient(void)
{
  const size_t carry = 64 * 64 * sizeof(double);
  const size_t full[2] = {memory_of(16, GLIA_GRADIENT_FULL), memory_of(256, GLIA_GRADIENT_FULL)};
  const size_t segments = memory_of(256, GLIA_GRADIENT_RECOMPUTED);
  const size_t truncated[2] = {memory_of(16, GLIA_GRADIENT_TRUNCATED),
                               memory_of(256, GLIA_GRADIENT_TRUNCATED)};

  tap_note("carries of %zu bytes: full %zu for 16 steps, %zu for 256; recomputed %zu; truncated "
           "%zu and %zu",
           carry, full[0], full[1], segments, truncated[0], truncated[1]);
  CU_ASSERT(full[1] - full[0] == 240 * carry);
  CU_ASSERT(segments < full[0] + 32 * carry && segments > 0); /* 16 segments of 16 steps */
  CU_ASSERT(truncated[0] == truncated[1] && truncated[0] > 0);
}

/* One loop is one node, whoever asks for it; another body makes another model. */
static void equal_loops_are_one_node_and_bodies_are_hashed(void)
{
  char hash[3][65];
  int32_t size = 0;

  for (int k = 0; k < 3; k++) {
    begin();
    const glia_value x0 = given_scalar(), bound = given_scalar();
    glia_value last = GLIA_NONE, rows = GLIA_NONE, again = GLIA_NONE;
    if (k == 0) glia_tanh(g, x0); /* a dead node changes no hash */
    halvings(k == 2 ? bound : x0, bound, &last, &rows);
    size = glia_graph_size(g);
    halvings(k == 2 ? bound : x0, bound, &again, &rows);
    CU_ASSERT(last != GLIA_NONE && again == last && glia_graph_size(g) == size);
    glia_entry_output(g, glia_graph_entry(g, "e"), "last", last);
    glia_graph_hash(g, hash[k]);
    end();
  }
  CU_ASSERT_STRING_EQUAL(hash[0], hash[1]);
  CU_ASSERT_STRING_NOT_EQUAL(hash[0], hash[2]);
  begin();
  struct glia_body *b = glia_body_begin(g);
  const glia_value x = glia_body_carry(b, given_scalar());
  glia_value last;
  glia_body_next(b, x, glia_mul(glia_body_graph(b), x, glia_constant(glia_body_graph(b), 0.25)));
  glia_scan(g, &b, &(struct glia_scan_options){.steps = 12}, &last, NULL);
  glia_entry_output(g, glia_graph_entry(g, "e"), "last", last);
  char other[65];
  glia_graph_hash(g, other);
  CU_ASSERT_STRING_NOT_EQUAL(other, hash[0]);
  end();
}

/* What each mistake says. */
static void mistakes_say_what_was_found_and_expected(void)
{
  static const char *const expected[] = {
      "carry 0 begins as f64 [2, 3], its next value is f64 [3, 2]",
      "a value by step is f64 [4, 3], expected 5 rows, one for each step",
      "carry 0 has no next value",
      "a stop test is f64 [], expected a bool scalar",
      "a loop in reverse has no stop test",
      "over 0 steps: at least one is needed",
      "make it outside and capture it",
      "a carry has no value in the graph around the body",
      "segments of 9 steps in a loop of 5",
  };

  for (int k = 0; k < (int)GLIA_COUNT(expected); k++) {
    begin();
    const glia_value h0 = k == 7 ? GLIA_NONE : GIVEN(2, 3), xs = GIVEN(5, 3),
                     short_xs = GIVEN(4, 3);
    struct glia_scan_options options = {.steps = k == 5 ? 0 : 5, .reverse = k == 4};
    if (k == 8) options.gradient = GLIA_GRADIENT_RECOMPUTED, options.segment = 9;
    struct glia_body *b = glia_body_begin(g);
    struct glia_graph *in = glia_body_graph(b);
    glia_value h = glia_body_carry(b, h0), final = 0;
    if (k != 5) glia_body_each(b, k == 1 ? short_xs : xs);
    if (k == 0) glia_body_next(b, h, glia_permute(in, h, (int[]){1, 0}));
    if (k == 6) h = glia_input(in, "own", GLIA_PER_STEP, *type_of(xs));
    if (k != 0 && k != 2) glia_body_next(b, h, h);
    if (k == 3) glia_body_stop(b, glia_constant(in, 1.0));
    if (k == 4) glia_body_stop(b, glia_full(in, glia_type_make(GLIA_BOOL, 0, NULL), 1.0));
    CU_ASSERT(glia_scan(g, &b, &options, &final, NULL) == GLIA_NONE && final == GLIA_NONE);
    CU_ASSERT(b == NULL && glia_graph_status(g) != GLIA_OK);
    const bool said = strstr(glia_trace(), expected[k]) != NULL;
    CU_ASSERT(said);
    if (!said) tap_note("expected \"%s\", found %s", expected[k], glia_trace());
    /* and after it everything is nothing */
    b = glia_body_begin(g);
    final = 0;
    glia_body_carry(b, h0);
    CU_ASSERT(glia_scan(g, &b, NULL, &final, NULL) == GLIA_NONE && final == GLIA_NONE);
    end();
  }
}

TAP_MAIN("control", TAP(batches_of_a_scan_equal_batches_of_its_steps),
         TAP(a_stop_test_ends_the_loop_and_its_derivative), TAP(samples_of_a_batch_stop_one_by_one),
         TAP(samples_of_a_batch_have_numbers_of_steps_of_their_own), TAP(loops_nest),
         TAP(memory_follows_the_kind_of_gradient),
         TAP(equal_loops_are_one_node_and_bodies_are_hashed),
         TAP(mistakes_say_what_was_found_and_expected), TAP(scan_equals_its_steps_to_second_order),
         TAP(scan_in_reverse_equals_its_steps),
         TAP(scan_of_a_counted_number_of_steps_equals_its_steps),
         TAP(recomputed_scan_equals_its_steps),
         TAP(truncated_scan_equals_steps_that_hold_their_carries_constant))
