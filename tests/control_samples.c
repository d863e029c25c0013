/* Samples of loops, associative scans, fixed points, rules of one's own, second computations, call-backs: one value each, whose
 * derivatives by every real input the table test compares with differences. */
#include "control_samples.h"

#include "glia_control.h"
#include "glia_ops.h"

#include <math.h>

enum { STEPS = 4, N = 3 };
static const int64_t rows[] = {STEPS, N}, row[] = {N}, square[] = {N, N};

static glia_value reals(struct glia_sample *s, int rank, const int64_t *dim)
{
  return glia_sample_real(s, rank, dim, -0.9, 0.9);
}

/* What one sample of a loop asks for. */
struct scan_case {
  bool reverse, stop, count;
  glia_gradient gradient;
  enum { FINAL, ROWS, SUM } out;
};

static const struct scan_case scan_cases[] = {
    {.out = FINAL},
    {.out = ROWS, .reverse = true},
    {.out = SUM, .gradient = GLIA_GRADIENT_RECOMPUTED},
    {.out = ROWS, .stop = true},
    {.out = SUM, .count = true},
};

/* h' = tanh(h w + x_t), with the tanh in what comes out as well. */
static glia_value scan(struct glia_sample *s, int k)
{
  glia_value final = GLIA_NONE, out[2] = {GLIA_NONE, GLIA_NONE};

  if (k >= (int)GLIA_COUNT(scan_cases)) return GLIA_NONE;
  const struct scan_case *c = &scan_cases[k];
  const glia_value h0 = reals(s, 1, row), x = reals(s, 2, rows), w = reals(s, 2, square);
  struct glia_body *b = glia_body_begin(s->g);
  struct glia_graph *in = glia_body_graph(b);
  const glia_value h = glia_body_carry(b, h0);
  const glia_value flat = glia_matmul(in, glia_reshape(in, h, 2, (int64_t[]){1, N}),
                                      glia_body_capture(b, w), false, false);
  const glia_value y =
      glia_tanh(in, glia_add(in, glia_reshape(in, flat, 1, row), glia_body_each(b, x)));
  glia_body_next(b, h, y);
  glia_body_stack(b, glia_mul(in, y, h));
  glia_body_sum(b, glia_mul(in, y, y));
  if (c->stop) /* after the first step: whatever comes */
    glia_body_stop(b, glia_compare(in, GLIA_LT, glia_reduce_max(in, h, -1, NULL, false),
                                   glia_constant(in, 5.0)));
  if (c->count) glia_body_count(b, glia_full(s->g, glia_type_make(GLIA_I64, 0, NULL), 2.0));
  const struct glia_scan_options o = {.reverse = c->reverse, .gradient = c->gradient, .segment = 2};
  glia_scan(s->g, &b, &o, &final, out);
  return c->out == FINAL ? final : out[c->out - ROWS];
}

/* Pairs under (a, b) o (a', b') = (a a', a' b + b'), of which the second is wanted. */
static void after_each_other(struct glia_graph *g, void *self, const glia_value *a,
                             const glia_value *b, glia_value *c)
{
  (void)self;
  c[0] = glia_mul(g, a[0], b[0]);
  c[1] = glia_add(g, glia_mul(g, b[0], a[1]), b[1]);
}

/* Products of matrices: in which order counts. */
static void product(struct glia_graph *g, void *self, const glia_value *a, const glia_value *b,
                    glia_value *c)
{
  (void)self;
  c[0] = glia_matmul(g, a[0], b[0], false, false);
}

static glia_value associative_scan(struct glia_sample *s, int k)
{
  static const struct glia_associative pairs = {NULL, after_each_other}, matrices = {NULL, product};
  glia_value y[2];

  if (k > 2) return GLIA_NONE;
  if (k < 2) {
    const glia_value x[] = {reals(s, 2, rows), reals(s, 2, rows)};
    glia_associative_scan(s->g, 2, x, &pairs, k == 1, y);
    return y[1];
  }
  const glia_value x = reals(s, 3, (int64_t[]){STEPS, 2, 2});
  glia_associative_scan(s->g, 1, &x, &matrices, false, y);
  return y[0];
}

/* z = tanh(z w / 4) + x: the slope stays below 0.9 3 / 4, and 2^-52 is reached within 200 steps. */
static glia_value fixed_point(struct glia_sample *s, int k)
{
  glia_value z = GLIA_NONE;

  if (k > 0) return GLIA_NONE;
  const glia_value x = reals(s, 1, row), w = reals(s, 2, square);
  struct glia_body *b = glia_body_begin(s->g);
  struct glia_graph *in = glia_body_graph(b);
  const glia_value h = glia_body_carry(b, glia_full(s->g, glia_type_make(s->dtype, 1, row), 0.0));
  const glia_value flat = glia_matmul(in, glia_reshape(in, h, 2, (int64_t[]){1, N}),
                                      glia_body_capture(b, w), false, false);
  const glia_value quarter = glia_mul(in, glia_reshape(in, flat, 1, row), glia_constant(in, 0.25));
  glia_body_next(b, h, glia_add(in, glia_tanh(in, quarter), glia_body_capture(b, x)));
  glia_fixed_point(s->g, &b, 200, s->dtype == GLIA_F64 ? 1e-16 : 1e-8, &z);
  return z;
}

/* y = x0 sin x1 with the derivatives that it has. */
static void pull(struct glia_graph *g, void *self, const glia_value *x, glia_value y, glia_value dy,
                 glia_value *dx)
{
  (void)self;
  (void)y;
  dx[0] = glia_mul(g, dy, glia_sin(g, x[1]));
  dx[1] = glia_mul(g, dy, glia_mul(g, x[0], glia_cos(g, x[1])));
}

static glia_value push(struct glia_graph *g, void *self, const glia_value *x, glia_value y,
                       const glia_value *t)
{
  glia_value dx[2];

  pull(g, self, x, y, t[0], dx);
  const glia_value first = dx[0];
  pull(g, self, x, y, t[1], dx);
  return glia_add(g, first, dx[1]);
}

static glia_value custom(struct glia_sample *s, int k)
{
  const struct glia_custom rule[] = {{NULL, pull, push}, {NULL, pull, NULL}, {NULL, NULL, push}};

  if (k > 2) return GLIA_NONE; /* each rule alone: the other is its transpose */
  const glia_value x[] = {reals(s, 1, row), reals(s, 1, row)};
  return glia_custom(s->g, glia_mul(s->g, x[0], glia_sin(s->g, x[1])), 2, x, &rule[k]);
}

static glia_value recompute(struct glia_sample *s, int k)
{
  if (k > 0) return GLIA_NONE;
  const glia_value x = reals(s, 1, row), w = reals(s, 1, row);
  const glia_value y = glia_tanh(s->g, glia_mul(s->g, w, glia_sin(s->g, x)));
  return glia_recompute(s->g, y, 1, &x);
}

/* A call-back that computes x0 sin x1. */
static glia_status infer(void *self, int n_in, const struct glia_type *in, struct glia_type *out)
{
  (void)self;
  (void)n_in;
  out[0] = in[0];
  return GLIA_OK;
}

static void run(void *self, int n_in, const struct glia_operand *in, int n_out,
                const struct glia_operand *out)
{
  (void)self;
  (void)n_in;
  (void)n_out;
  for (int64_t i = 0; i < out[0].n; i++)
    if (out[0].type->dtype == GLIA_F32)
      ((float *)out[0].data)[i] =
          ((const float *)in[0].data)[i] * sinf(((const float *)in[1].data)[i]);
    else
      ((double *)out[0].data)[i] =
          ((const double *)in[0].data)[i] * sin(((const double *)in[1].data)[i]);
}

static glia_value external(struct glia_sample *s, int k)
{
  static const struct glia_external call = {"x sin y", 1, NULL, infer, run};
  static const struct glia_custom rule = {NULL, pull, push};
  glia_value y;

  if (k > 0) return GLIA_NONE;
  const glia_value x[] = {reals(s, 1, row), reals(s, 1, row)};
  glia_external(s->g, &call, 2, x, &rule, &y);
  return y;
}

#define ENTRY(of) static const struct glia_op of##_samples = {.name = #of, .sample = of}
ENTRY(scan);
ENTRY(associative_scan);
ENTRY(fixed_point);
ENTRY(custom);
ENTRY(recompute);
ENTRY(external);

const struct glia_op *const *control_samples(void)
{
  static const struct glia_op *const all[] = {&scan_samples,
                                              &associative_scan_samples,
                                              &fixed_point_samples,
                                              &custom_samples,
                                              &recompute_samples,
                                              &external_samples,
                                              NULL};

  return all;
}
