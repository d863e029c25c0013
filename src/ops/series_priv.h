/* What the operators of truncated series share; see glia_series.h. */
#ifndef SERIES_PRIV_H
#define SERIES_PRIV_H

#include "glia_series.h"
#include "op_priv.h"

/* attr.i: coefficients, what is asked for, and four powers a word */
enum { SERIES_N, SERIES_WHAT, SERIES_POWERS };

/* What their operators have in common: rules and kernels by these names. */
#define SERIES_OP                                                                                  \
  .source = "griewank2000", .n_in = 2, .infer = infer, .vjp = vjp, .jvp = jvp, .vmap = vmap,       \
  .reference = GLIA_FLOATS(reference), .scratch = scratch, .sample = sample

/* Series side by side in a kernel. */
enum { SERIES_LANES = 64, SERIES_SPLITS = 16 * GLIA_SERIES_MOST };

/* power[k] = power[b] power[c] */
struct glia_series_term_ {
  uint8_t k, b, c;
  double weight;
};

/* How the powers of a set split, by rising k: terms of k are those from first[k] to first[k + 1] - 1. */
struct glia_series_list_ {
  int first[GLIA_SERIES_MOST + 1];
  struct glia_series_term_ term[SERIES_SPLITS];
};
struct glia_series_table_ {
  int n;
  int lower;                    /* coefficients below the highest order: the first so many */
  struct glia_series_list_ all; /* each (b, c) by rising k: products */
  struct glia_series_list_
      into; /* the same by rising b: of k's share in b by c, (k, b, c) stands as (b, k, c) */
  struct glia_series_list_ twice; /* b <= c: squares */
  struct glia_series_list_
      slope; /* b's share of one variable in k: y_k of y' = f' z' is the sum of weight z_b f'_c; k > 0 */
};

/* Lists to be made: bits. */
enum { SERIES_ALL = 1, SERIES_TWICE = 2, SERIES_SLOPE = 4, SERIES_INTO = 8 };
void glia_series_tabulate_(const struct glia_attr *attr, int lists, struct glia_series_table_ *t);

/* A node of a and b; GLIA_NONE when either is. Sets that are none fail the graph: GLIA_E_SHAPE. */
glia_value glia_series_node_(struct glia_graph *g, const struct glia_op *op,
                             const struct glia_series *s, int what, glia_value a, glia_value b);
void glia_series_of_(const struct glia_attr *attr, struct glia_series *s);

/* Where things lie: [batches, n, part], width the last axis. */
struct glia_series_shape_ {
  int64_t batches, part, width;
};
struct glia_series_shape_ glia_series_shape_(const struct glia_call *c);

/* Float inputs of one type whose rows are a multiple of n. */
GLIA_NODISCARD glia_status glia_series_infer_(const struct glia_graph *g, struct glia_node *n);

/* For `correlate`: a is y = tanh z, whose slope 1 - y^2 is meant. */
glia_value glia_series_tanh_adjoint_(struct glia_graph *g, const struct glia_series *s,
                                     glia_value y, glia_value dy);

/* Values: rows of coefficient 0; and back, the other coefficients 0. */
glia_value glia_series_first_(struct glia_graph *g, const struct glia_series *s, glia_value x);
glia_value glia_series_embed_(struct glia_graph *g, const struct glia_series *s, glia_value first);

/* 1 - y^2 as a series. */
glia_value glia_series_tanh_slope_(struct glia_graph *g, const struct glia_series *s, glia_value y);

/* to = factor (start + the sum of weight a_b c_c over the terms from s to end), for a stretch of series: one term at least; `to` overlaps neither. Coefficients
 * stand a_stride and c_stride apart. Two terms at a time: fewer passes over `to`. */
GLIA_INLINE void glia_series_sum_(const struct glia_series_term_ *s,
                                  const struct glia_series_term_ *end, double factor, double start,
                                  const double *a, int64_t a_stride, const double *c,
                                  int64_t c_stride, double *restrict to)
{
  const double first = factor * start;

  for (bool begun = false; s < end; begun = true) {
    const struct glia_series_term_ *other = ((end - s) & 1) != 0 ? NULL : s + 1;
    const double *restrict x = a + s->b * a_stride, *restrict y = c + s->c * c_stride;
    const double f = factor * s->weight;
    if (other == NULL) { /* an odd one, the first of all */
      for (int l = 0; l < SERIES_LANES; l++) to[l] = first + f * x[l] * y[l];
      s++;
      continue;
    }
    const double *restrict p = a + other->b * a_stride, *restrict q = c + other->c * c_stride;
    const double h = factor * other->weight;
    if (begun)
      for (int l = 0; l < SERIES_LANES; l++) to[l] += f * x[l] * y[l] + h * p[l] * q[l];
    else
      for (int l = 0; l < SERIES_LANES; l++) to[l] = first + (f * x[l] * y[l] + h * p[l] * q[l]);
    s += 2;
  }
}

#endif
