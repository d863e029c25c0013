/* The derivative rule of normalisations, and that of squares about a mean, beside the same written out. */
#include "nn_priv.h"
#include "pairs.h"
#include "tap.h"

/* Beside the sum written out: value, gradient and the gradient of a function of the gradient, with and without counts. Both leave out
 * nothing but what is zero, so they part by rounding: 1e-12. */
static void squares_about_the_mean_have_all_their_derivatives(void)
{
  enum { LINES = 4, SIZE = 6 };
  const int last = 1;
  const int64_t dim[] = {LINES, SIZE};

  for (int with = 0; with < 2; with++) {
    begin();
    const glia_value x = given(1.5, 2, dim), v = given(1.0, 2, dim);
    const glia_value column = glia_iota(g, glia_type_make(GLIA_F64, 2, dim), 1);
    const glia_value counts = /* the first column is padding */
        glia_cast(g, glia_compare(g, GLIA_GT, column, glia_constant(g, 0.0)), GLIA_F64);
    const glia_value weighted = with ? glia_mul(g, x, counts) : x;
    const glia_value n = glia_constant(g, with ? SIZE - 1.0 : (double)SIZE);
    const glia_value mean = glia_div(g, glia_reduce_sum(g, weighted, 1, &last, true), n);
    const glia_value d = glia_sub(g, x, mean), square = glia_mul(g, d, d);
    const glia_value sum[2] = {
        glia_squares_about(g, x, mean, with ? counts : GLIA_NONE, 1, &last),
        glia_reduce_sum(g, with ? glia_mul(g, square, counts) : square, 1, &last, true)};
    glia_value dx[2], ddx[2];
    same(sum[0], sum[1]);
    for (int k = 0; k < 2; k++) {
      const glia_value normal = glia_div(g, d, glia_sqrt(g, sum[k]));
      glia_grad(g, total(glia_mul(g, glia_sin(g, normal), v)), 1, &x, &dx[k]);
      glia_grad(g, total(glia_mul(g, glia_exp(g, dx[k]), v)), 1, &x, &ddx[k]);
    }
    same(dx[0], dx[1]);
    same(ddx[0], ddx[1]);
    CU_ASSERT(distance() <= 1e-12);
    end();
  }
}

/* Beside the normalisation written out: value, gradient, the gradient of a function of the gradient, tangents and batches, with padding that is
 * normalised but not counted, and without. They part by rounding: 1e-12. */
static void a_normalisation_has_all_its_derivatives(void)
{
  enum { LINES = 4, SIZE = 6, BATCH = 3 };
  const int last = 1;
  const int64_t dim[] = {LINES, SIZE}, rows_dim[] = {BATCH, LINES, SIZE};

  for (int with = 0; with < 2; with++) {
    begin();
    const glia_value x = given(1.5, 2, dim), v = given(1.0, 2, dim), rows = given(0.7, 3, rows_dim);
    const glia_value column = glia_iota(g, glia_type_make(GLIA_F64, 2, dim), 1);
    const glia_value counts =
        glia_cast(g, glia_compare(g, GLIA_GT, column, glia_constant(g, 0.0)), GLIA_F64);
    const glia_value n = glia_constant(g, with ? SIZE - 1.0 : (double)SIZE);
    const glia_value mean =
        glia_div(g, glia_reduce_sum(g, with ? glia_mul(g, x, counts) : x, 1, &last, true), n);
    const glia_value d = glia_sub(g, x, mean), square = glia_mul(g, d, d);
    const glia_value variance = glia_div(
        g, glia_reduce_sum(g, with ? glia_mul(g, square, counts) : square, 1, &last, true), n);
    const struct nn_normal normal = {mean, variance, with ? counts : GLIA_NONE, n, 1e-3, 1, &last};
    const glia_value y[2] = {
        glia_normal_(g, x, &normal),
        glia_div(g, d, glia_sqrt(g, glia_add(g, variance, glia_constant(g, 1e-3))))};
    glia_value dx[2], ddx[2], t[2], all[2];
    for (int k = 0; k < 2; k++) {
      glia_grad(g, total(glia_mul(g, glia_sin(g, y[k]), v)), 1, &x, &dx[k]);
      glia_grad(g, total(glia_mul(g, glia_exp(g, dx[k]), v)), 1, &x, &ddx[k]);
      glia_jvp(g, 1, &x, &v, 1, &y[k], &t[k]);
      glia_vmap(g, BATCH, 1, &x, &rows, 1, &dx[k], &all[k]);
    }
    same(y[0], y[1]);
    same(dx[0], dx[1]);
    same(ddx[0], ddx[1]);
    same(t[0], t[1]);
    same(all[0], all[1]);
    CU_ASSERT(distance() <= 1e-12);
    end();
  }
}

TAP_MAIN("norm_rule", TAP(squares_about_the_mean_have_all_their_derivatives),
         TAP(a_normalisation_has_all_its_derivatives))
