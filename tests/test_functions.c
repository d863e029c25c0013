/* Functions and reductions of a few nodes: values against the C library's formulas, slopes against central differences of them.
 *
 * Tolerances. Values: a few roundings of numbers up to 30, 1e-13 of the larger of 1 and the value. Slopes: step 1e-5 leaves
 * 1e-10 of truncation and 1e-16 / 1e-5 of rounding, times values and third derivatives up to 100: 1e-7. */
#include "glia_functions.h"
#include "hand.h"

#include <stdlib.h>

static glia_value celu2(struct glia_graph *h, glia_value x) { return glia_celu(h, x, 2.0); }
static glia_value soft_shrink(struct glia_graph *h, glia_value x)
{
  return glia_soft_shrink(h, x, 0.5);
}
static glia_value hard_shrink(struct glia_graph *h, glia_value x)
{
  return glia_hard_shrink(h, x, 0.5);
}
static glia_value prelu(struct glia_graph *h, glia_value x)
{
  return glia_prelu(h, x, glia_constant(h, 0.3));
}

static double reciprocal(double x) { return 1.0 / x; }
static double rsqrt(double x) { return 1.0 / sqrt(x); }
static double square(double x) { return x * x; }
static double relu6(double x) { return fmin(fmax(x, 0.0), 6.0); }
static double hard_tanh(double x) { return fmin(fmax(x, -1.0), 1.0); }
static double hard_sigmoid(double x) { return fmin(fmax(x + 3.0, 0.0), 6.0) / 6.0; }
static double hard_swish(double x) { return x * hard_sigmoid(x); }
static double softsign(double x) { return x / (1.0 + fabs(x)); }
static double mish(double x) { return x * tanh(log1p(exp(x))); }
static double log_sigmoid(double x) { return -log1p(exp(-x)); }
static double selu(double x)
{
  return 1.0507009873554804934 * (x > 0.0 ? x : 1.6732632423543772848 * expm1(x));
}
static double celu(double x) { return x > 0.0 ? x : 2.0 * expm1(x / 2.0); }
static double tanh_shrink(double x) { return x - tanh(x); }
static double soft(double x) { return fabs(x) <= 0.5 ? 0.0 : x - copysign(0.5, x); }
static double hard(double x) { return fabs(x) <= 0.5 ? 0.0 : x; }
static double leaky(double x) { return x > 0.0 ? x : 0.3 * x; }

/* Places stand off the kinks of every function. */
static const struct {
  const char *name;
  glia_value (*build)(struct glia_graph *g, glia_value x);
  double (*formula)(double x);
  double lo, hi;
} functions[] = {
    {"reciprocal", glia_reciprocal, reciprocal, 0.3, 3.0},
    {"rsqrt", glia_rsqrt, rsqrt, 0.3, 3.0},
    {"square", glia_square, square, -3.0, 3.0},
    {"exp2", glia_exp2, exp2, -4.0, 4.0},
    {"log2", glia_log2, log2, 0.3, 4.0},
    {"log10", glia_log10, log10, 0.3, 4.0},
    {"tan", glia_tan, tan, -1.3, 1.3},
    {"asin", glia_asin, asin, -0.97, 0.97},
    {"acos", glia_acos, acos, -0.97, 0.97},
    {"atanh", glia_atanh, atanh, -0.9, 0.9},
    {"ceil", glia_ceil, ceil, -2.97, 3.01},
    {"trunc", glia_trunc, trunc, -2.97, 3.01},
    {"relu6", glia_relu6, relu6, -2.97, 8.01},
    {"hard_tanh", glia_hard_tanh, hard_tanh, -2.97, 3.01},
    {"hard_sigmoid", glia_hard_sigmoid, hard_sigmoid, -4.97, 5.01},
    {"hard_swish", glia_hard_swish, hard_swish, -4.97, 5.01},
    {"softsign", glia_softsign, softsign, -2.97, 3.01},
    {"mish", glia_mish, mish, -5.0, 5.0},
    {"log_sigmoid", glia_log_sigmoid, log_sigmoid, -5.0, 5.0},
    {"selu", glia_selu, selu, -2.97, 3.01},
    {"celu", celu2, celu, -2.97, 3.01},
    {"tanh_shrink", glia_tanh_shrink, tanh_shrink, -3.0, 3.0},
    {"soft_shrink", soft_shrink, soft, -2.97, 3.01},
    {"hard_shrink", hard_shrink, hard, -2.97, 3.01},
    {"prelu", prelu, leaky, -2.97, 3.01},
};

static void functions_have_the_values_and_slopes_of_their_formulas(void)
{
  enum { N = 40 };
  const double h = 1e-5;

  for (size_t k = 0; k < GLIA_COUNT(functions); k++) {
    double x[N], y[N], slope[N], ones[N], scale = 1.0;
    for (int i = 0; i < N; i++) {
      x[i] = functions[k].lo + (functions[k].hi - functions[k].lo) * i / (N - 1);
      y[i] = functions[k].formula(x[i]);
      slope[i] = (functions[k].formula(x[i] + h) - functions[k].formula(x[i] - h)) / (2.0 * h);
      ones[i] = 1.0;
      scale = fmax(scale, fabs(y[i]));
    }
    begin();
    const glia_value v = given(GLIA_F64, N, 0, x), d = given(GLIA_F64, N, 0, ones);
    const glia_value out = functions[k].build(g, v);
    tap_note("%s", functions[k].name);
    expect(__LINE__, out, N, y, 1e-13 * scale);
    const glia_value dx = gradient(out, d, v);
    if (dx != GLIA_NONE) expect(__LINE__, dx, N, slope, 1e-7);
    for (int i = 0; dx == GLIA_NONE && i < N; i++) { /* ceil, trunc */
      CU_ASSERT_EQUAL(slope[i], 0.0);
    }
    end();
  }
}

static void two_operand_functions_go_to_the_edges(void)
{
  const double inf = INFINITY, a[] = {1000, -inf, inf, -inf, 7.5, -7.5},
               b[] = {1000, 3, inf, -inf, 2, 2};

  begin();
  const glia_value x = given(GLIA_F64, 6, 0, a), y = given(GLIA_F64, 6, 0, b);
  const double sums[] = {1000 + log(2), 3, inf, -inf, 7.5 + log1p(exp(-5.5)), 2 + log1p(exp(-9.5))};
  struct interpretation p;
  const glia_value z = glia_logaddexp(g, x, y);
  p = interpret(g, data, NULL, 1, &z);
  for (int i = 0; i < 6; i++) {
    const double found = ((double *)p.at[z])[i];
    CU_ASSERT(found == sums[i] || fabs(found - sums[i]) <= 1e-12);
  }
  interpretation_free(&p);
  const double u[] = {7.5, -7.5, 1e15}, w[] = {2, 2, 3};
  const glia_value m = given(GLIA_F64, 3, 0, u), n = given(GLIA_F64, 3, 0, w);
  EXPECT(glia_fmod(g, m, n), 1.5, -1.5, fmod(1e15, 3));
  end();
}

static void halves_gate_one_another(void)
{
  const double x[] = {1, 2, 0, 0, 3, 4, 0, 0};

  begin();
  const glia_value v = given(GLIA_F64, 2, 4, x);
  EXPECT(glia_glu(g, v, 1), 0.5, 1, 1.5, 2);
  end();
}

static void reductions_have_the_values_of_their_formulas(void)
{
  const double x[] = {1, -2, 3, 4, 0, 6}, one[] = {1, 1};
  const int last = 1;
  const double e0 = log(exp(1) + exp(-2) + exp(3)), e1 = log(exp(4) + 1 + exp(6));

  begin();
  const glia_value v = given(GLIA_F64, 2, 3, x), d = given(GLIA_F64, 2, 0, one);
  EXPECT(glia_reduce_min(g, v, 1, &last, false), -2, 0);
  EXPECT(glia_argmin(g, v), 1, 1);
  EXPECT(glia_reduce_prod(g, v, 1, &last, false), -6, 0);
  EXPECT(glia_reduce_prod(g, v, 1, (int[]){0}, true), 4, 0, 18);
  EXPECT(glia_reduce_prod(g, v, -1, NULL, false), 0);
  EXPECT(gradient(glia_reduce_prod(g, v, 1, &last, false), d, v), -6, 3, -2, 0, 24, 0);
  EXPECT(glia_reduce_variance(g, v, 1, &last, false, 1.0), 19.0 / 3, 28.0 / 3);
  EXPECT(glia_reduce_variance(g, v, 1, &last, true, 0.0), 38.0 / 9, 56.0 / 9);
  EXPECT(glia_reduce_logsumexp(g, v, 1, &last, false), e0, e1);
  EXPECT(glia_reduce_norm(g, v, 2.0, 1, &last, false), sqrt(14), sqrt(52));
  EXPECT(glia_reduce_norm(g, v, 1.0, 1, &last, false), 6, 10);
  EXPECT(glia_reduce_norm(g, v, (double)INFINITY, 1, &last, false), 3, 6);
  EXPECT(glia_reduce_norm(g, v, 3.0, 1, &last, false), cbrt(36), cbrt(280));
  end();
}

static void reductions_are_tame_where_slopes_are_infinite(void)
{
  const double x[] = {0, 0, 3, 4}, one[] = {1, 1}, none[] = {-INFINITY, -INFINITY, 0, 1000};
  const int last = 1;

  begin();
  const glia_value v = given(GLIA_F64, 2, 2, x), d = given(GLIA_F64, 2, 0, one),
                   w = given(GLIA_F64, 2, 2, none);
  EXPECT(glia_reduce_norm(g, v, 2.0, 1, &last, false), 0, 5);
  EXPECT(gradient(glia_reduce_norm(g, v, 2.0, 1, &last, false), d, v), 0, 0, 0.6, 0.8);
  const glia_value y = glia_reduce_logsumexp(g, w, 1, &last, false);
  struct interpretation p = interpret(g, data, NULL, 1, &y);
  CU_ASSERT_EQUAL(((double *)p.at[y])[0], -(double)INFINITY);
  CU_ASSERT_EQUAL(((double *)p.at[y])[1], 1000.0);
  interpretation_free(&p);
  end();
}

TAP_MAIN("functions", TAP(functions_have_the_values_and_slopes_of_their_formulas),
         TAP(two_operand_functions_go_to_the_edges), TAP(halves_gate_one_another),
         TAP(reductions_have_the_values_of_their_formulas),
         TAP(reductions_are_tame_where_slopes_are_infinite))
