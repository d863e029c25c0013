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
  .reference = GLIA_FLOATS(reference), .scratch = glia_series_scratch_, .sample = sample

/* Series side by side in a kernel. */
enum { SERIES_LANES = GLIA_TANH_LANES_, SERIES_SPLITS = 16 * GLIA_SERIES_MOST };

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
  int firsts; /* order 2 at most: coefficients 1 .. firsts are of order 1; else -1 */
  uint8_t pair[GLIA_SERIES_MOST][2]; /* then: the two firsts that coefficient k > firsts is of */
  uint8_t
      square[GLIA_SERIES_VARIABLES + 1]; /* and the coefficient that is of first i twice; 0: none */
  int lower;                    /* coefficients below the highest order: the first so many */
  struct glia_series_list_ all; /* each (b, c) by rising k: products */
  struct glia_series_list_
      into; /* the same by rising b: of k's share in b by c, (k, b, c) stands as (b, k, c) */
  struct glia_series_list_ twice; /* b <= c: squares */
  struct glia_series_list_
      slope; /* b's share of one variable in k: y_k of y' = f' z' is the sum of weight z_b f'_c; k > 0 */
};

/* Lists to be made: bits. SECOND: none where the set goes to order 2 at most, whose kernels need none. */
enum { SERIES_ALL = 1, SERIES_TWICE = 2, SERIES_SLOPE = 4, SERIES_INTO = 8, SERIES_SECOND = 16 };
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

/* For any of the kernels: the table, room for a stretch of all they read and write, a row of bias. */
size_t glia_series_scratch_(const struct glia_graph *g, const struct glia_node *n);

/* Float inputs of one type whose rows are a multiple of n. */
GLIA_NODISCARD glia_status glia_series_infer_(const struct glia_graph *g, struct glia_node *n);

/* For `correlate`: a is y = tanh z, whose slope 1 - y^2 is meant. */
glia_value glia_series_tanh_adjoint_(struct glia_graph *g, const struct glia_series *s,
                                     glia_value y, glia_value dy);

/* Coefficient 0 as a series, the others 0. */
glia_value glia_series_embed_(struct glia_graph *g, const struct glia_series *s, glia_value first);

/* 1 - y^2 as a series. */
glia_value glia_series_tanh_slope_(struct glia_graph *g, const struct glia_series *s, glia_value y);

/* A stretch of series in a kernel: coefficients of what comes in and goes out `stride` apart; bias [SERIES_LANES] or NULL; slope is room for as
 * many coefficients SERIES_LANES apart. */
struct glia_series_stretch_ {
  const double *in[2], *bias;
  double *out, *slope;
  int64_t stride;
};

/* The kernels of a file that defines
 *   BIASED  whether in[1] is a bias of each column, or series as in[0] are
 *   LISTS   of the table
 *   stretch(table, what, stretch)
 * Element i has the bias of column i mod width: so they stand in a row, as often as a stretch needs. What is no whole stretch of float64 goes
 * by way of copies. */
#define SERIES_KERNEL(T, suffix, DIRECT)                                                           \
  GLIA_CLONES static void reference_##suffix(const struct glia_call *c)                            \
  {                                                                                                \
    const struct glia_series_shape_ shape = glia_series_shape_(c);                                 \
    const int64_t m = shape.part, width = shape.width;                                             \
    const int what = (int)c->attr->i[SERIES_WHAT];                                                 \
    struct glia_series_table_ *t = c->scratch;                                                     \
    const T *x = c->in[0].data, *y = c->in[1].data;                                                \
    T *out = c->out.data;                                                                          \
    if (m == 0) return;                                                                            \
    glia_series_tabulate_(c->attr, LISTS, t);                                                      \
    const int64_t all = t->n * m, room = (int64_t)t->n * SERIES_LANES;                             \
    double *copy = (double *)(t + 1), *result = copy + 2 * room, *slope = result + room;           \
    double *row = slope + room;                                                                    \
    for (int64_t b = 0; b < shape.batches; b++, x += all, out += all, y += BIASED ? width : all) { \
      for (int64_t i = 0; BIASED && i < width + SERIES_LANES; i++) row[i] = (double)y[i % width];  \
      for (int64_t i = 0; i < m; i += SERIES_LANES) {                                              \
        const int64_t n = m - i < SERIES_LANES ? m - i : SERIES_LANES;                             \
        struct glia_series_stretch_ s = {                                                          \
            {copy, copy + room}, row + i % width, result, slope, SERIES_LANES};                    \
        if (DIRECT && n == SERIES_LANES) {                                                         \
          s.in[0] = (const void *)(x + i);                                                         \
          s.in[1] = (const void *)(y + (BIASED ? 0 : i));                                          \
          s.out = (void *)(out + i);                                                               \
          s.stride = m;                                                                            \
          stretch(t, what, &s);                                                                    \
          continue;                                                                                \
        }                                                                                          \
        for (int64_t k = 0; k < room; k++) {                                                       \
          const int64_t l = k % SERIES_LANES, at = k / SERIES_LANES * m + i + l;                   \
          copy[k] = l < n ? (double)x[at] : 0.0;                                                   \
          if (!BIASED) copy[room + k] = l < n ? (double)y[at] : 0.0;                               \
        }                                                                                          \
        stretch(t, what, &s);                                                                      \
        for (int k = 0; k < t->n; k++)                                                             \
          for (int64_t l = 0; l < n; l++) out[k * m + i + l] = (T)result[k * SERIES_LANES + l];    \
      }                                                                                            \
    }                                                                                              \
  }

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
