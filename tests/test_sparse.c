/* Sparse products and attention against dense ones by hand. */
#include "glia_sparse.h"
#include "hand.h"

/* A = [[0, 2, 0], [0, 0, 0], [3, 0, 4], [0, 5, 0]] with room for six entries. */
static const double ptr[] = {0, 1, 1, 3, 4}, idx[] = {1, 0, 2, 1, 7, 7},
                    val[] = {2, 3, 4, 5, 9, NAN};
static const double x[] = {1, 10, 2, 20, 3, 30}, w[] = {1, 2, 3, 4, 5, 6, 7, 8};

static void csr_products_are_those_of_the_matrix(void)
{
  begin();
  const glia_value p = given(GLIA_I32, 5, 0, ptr), i = given(GLIA_I32, 6, 0, idx),
                   v = given(GLIA_F64, 6, 0, val), b = given(GLIA_F64, 3, 2, x),
                   d = given(GLIA_F64, 4, 2, w);
  const glia_value y = glia_csr_matmul(g, p, i, v, b);
  const glia_value z = glia_csr_matmul_transposed(g, p, i, v, d, 3);
  EXPECT(glia_csr_rows(g, p, 6), 0, 2, 2, 3, -1, -1);
  EXPECT(y, 4, 40, 0, 0, 3 + 12, 30 + 120, 10, 100);
  EXPECT(z, 15, 18, 2 + 35, 4 + 40, 20, 24);
  EXPECT(gradient(y, d, b), 15, 18, 2 + 35, 4 + 40, 20, 24); /* A^T d */
  EXPECT(gradient(y, d, v), 1 * 2 + 2 * 20, 5 + 60, 5 * 3 + 6 * 30, 7 * 2 + 8 * 20, 0, 0);
  EXPECT(gradient(z, b, d), 4, 40, 0, 0, 3 + 12, 30 + 120, 10, 100); /* A b */
  EXPECT(glia_csr_sddmm(g, p, i, d, b), 42, 65, 195, 174, 0, 0);
  end();
}

/* The gradient of a sparse product is nodes of the family alone: no array of entries by columns. */
static void sparse_products_are_closed_under_derivatives(void)
{
  begin();
  const glia_value p = given(GLIA_I32, 5, 0, ptr), i = given(GLIA_I32, 6, 0, idx),
                   v = given(GLIA_F64, 6, 0, val), b = given(GLIA_F64, 3, 2, x),
                   d = given(GLIA_F64, 4, 2, w);
  const glia_value first = gradient(glia_csr_matmul(g, p, i, v, b), d, v);
  const glia_value second = gradient(first, v, d);
  const int32_t n = glia_graph_size(g);
  EXPECT(second, 4, 40, 0, 0, 3 + 12, 30 + 120, 10, 100); /* bilinear: A b again */
  CU_ASSERT_EQUAL(second, glia_csr_matmul(g, p, i, v, b));
  CU_ASSERT_EQUAL(n, glia_graph_size(g));
  end();
}

static void heads_share_their_places(void)
{
  const double row[] = {1, 0, 1}, column[] = {0, 1, 1}, v[] = {1, 2, 3, 4, 5, 6},
               b[] = {1, 10, 100, 1000};

  begin();
  const glia_value r = given(GLIA_I64, 3, 0, row), c = given(GLIA_I64, 3, 0, column),
                   a = given(GLIA_F64, 3, 2, v), h = given(GLIA_F64, 2, 2, b);
  EXPECT(glia_spmm(g, r, c, a, h, 2), 300, 4000, 1 + 500, 20 + 6000);
  EXPECT(glia_sddmm(g, r, c, h, h, 1), 100, 10000, 100, 10000, 1e4, 1e6);
  end();
}

static void attention_looks_where_the_mask_lets_it(void)
{
  const double q[] = {0, 0, 0}, k[] = {1, 2, 3}, v[] = {2, 4, 9}, length[] = {2, 3, 0};
  const double third = (2.0 + 4.0 + 9.0) / 3.0;

  begin();
  const glia_value a = given_array(GLIA_F64, 2, (int64_t[]){3, 1}, q),
                   b = given_array(GLIA_F64, 2, (int64_t[]){3, 1}, k),
                   c = given_array(GLIA_F64, 2, (int64_t[]){3, 1}, v);
  const glia_value n = given(GLIA_I32, 3, 0, length);
  const glia_value causal = glia_causal_mask(g, 3, 3), padding = glia_length_mask(g, n, 3);
  EXPECT(causal, 1, 0, 0, 1, 1, 0, 1, 1, 1);
  EXPECT(glia_causal_mask(g, 1, 3), 1, 1, 1);
  EXPECT(padding, 1, 1, 0, 1, 1, 1, 0, 0, 0);
  EXPECT(glia_attention(g, a, b, c, GLIA_NONE, 1.0), third, third, third);
  EXPECT(glia_attention(g, a, b, c, causal, 1.0), 2, 3, third);
  EXPECT(glia_attention(g, a, b, c, glia_and(g, causal, padding), 1.0), 2, 3, 0);
  EXPECT(glia_or(g, causal, glia_not(g, causal)), 1, 1, 1, 1, 1, 1, 1, 1, 1);
  end();
}

/* Weights e^(2 q k) by hand, and a derivative that no hidden key enters, not even where a query sees none. */
static void attention_has_the_derivative_of_its_formula(void)
{
  const double q[] = {0.5, -1}, k[] = {1, 0}, v[] = {3, 5}, m[] = {1, 1, 0, 0}, w2[] = {1, 7};
  const double p = 1.0 / (1.0 + exp(-1.0)), y = p * 3 + (1 - p) * 5;

  begin();
  const glia_value a = given(GLIA_F64, 2, 1, q), b = given(GLIA_F64, 2, 1, k),
                   c = given(GLIA_F64, 2, 1, v), mask = given(GLIA_BOOL, 2, 2, m),
                   d = given(GLIA_F64, 2, 1, w2);
  const glia_value out = glia_attention(g, a, b, c, mask, 2.0);
  EXPECT(out, y, 0);
  EXPECT(gradient(out, d, c), p, 1 - p);
  EXPECT(gradient(out, d, a), 2 * p * (1 - p) * (3 - 5), 0);
  EXPECT(gradient(out, d, b), 2 * 0.5 * p * (1 - p) * (3 - 5), 2 * 0.5 * p * (1 - p) * (5 - 3));
  end();
}

TAP_MAIN("sparse", TAP(csr_products_are_those_of_the_matrix),
         TAP(sparse_products_are_closed_under_derivatives), TAP(heads_share_their_places),
         TAP(attention_looks_where_the_mask_lets_it),
         TAP(attention_has_the_derivative_of_its_formula))
