/* Constructors of the operators: each adds one node (or a few) to a graph. Shapes in brackets, row-major.
 *
 * Two-operand elementwise constructors broadcast as NumPy does, by inserting `broadcast` nodes; element types must agree, except that a
 * scalar constant takes the other's. All others want exact shapes. Errors stay in the graph (glia_graph_status).
 */
#ifndef GLIA_OPS_H
#define GLIA_OPS_H

#include "glia_op.h"

/** A graph with the operators of this room behind it. Ownership: *out is yours to destroy. */
GLIA_API GLIA_NODISCARD glia_status glia_graph_new(struct glia_graph **out);

/** All operators, leaves included, NULL-terminated. */
GLIA_API const struct glia_op *const *glia_ops(void);

/* Elementwise, one operand (float). */
GLIA_API glia_value glia_neg(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_exp(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_ln(struct glia_graph *g, glia_value x); /* natural logarithm */
GLIA_API glia_value glia_sqrt(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_tanh(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_sigmoid(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_silu(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_relu(struct glia_graph *g, glia_value x); /* derivative at 0 is 0 */
GLIA_API glia_value glia_sin(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_cos(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_erf(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_atan(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_sinh(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_cosh(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_asinh(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_acosh(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_expm1(struct glia_graph *g, glia_value x);    /* e^x - 1 */
GLIA_API glia_value glia_log1p(struct glia_graph *g, glia_value x);    /* ln(1 + x) */
GLIA_API glia_value glia_softplus(struct glia_graph *g, glia_value x); /* ln(1 + e^x) */
/** x times the normal distribution function of x, and its form with a tanh. */
GLIA_API glia_value glia_normal_cdf(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_gelu(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_gelu_tanh(struct glia_graph *g, glia_value x);
/** x above 0, else a (e^x - 1), or a x; derivative at 0 is a. */
GLIA_API glia_value glia_elu(struct glia_graph *g, glia_value x, double a);
GLIA_API glia_value glia_leaky_relu(struct glia_graph *g, glia_value x, double a);
/** Whole numbers: not above x; nearest, halves to the even one. No derivative. */
GLIA_API glia_value glia_floor(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_round(struct glia_graph *g, glia_value x);
/** bool: neither infinite nor NaN. */
GLIA_API glia_value glia_is_finite(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_abs(struct glia_graph *g, glia_value x);  /* derivative at 0 is 0 */
GLIA_API glia_value glia_sign(struct glia_graph *g, glia_value x); /* -1, 0, 1; NaN stays */
/** min(max(x, lo), hi); derivative 1 inside and on the edges, 0 outside. */
GLIA_API glia_value glia_clamp(struct glia_graph *g, glia_value x, double lo, double hi);
/** x as another element type: floats round to nearest; bf16 is for storage, cast it to compute; float to integer truncates and saturates, NaN gives 0; integers
 *  wrap; to bool is x != 0. The derivative passes between floats. */
GLIA_API glia_value glia_cast(struct glia_graph *g, glia_value x, glia_dtype dtype);
/** x (f32) as one of the two bf16 around it, by draws u in (0, 1) of the same shape: x on average. No derivative.
 *  Source: gupta2015. */
GLIA_API glia_value glia_stochastic_round(struct glia_graph *g, glia_value x, glia_value u);
/** x (f32), once it has been stored as bf16. The derivative is x's own, in float32; reverse mode widens the stored value again, so
 *  that between the two passes only 2 bytes an element are kept. */
GLIA_API glia_value glia_through_bf16(struct glia_graph *g, glia_value x);
/** value, with the derivative of surrogate: glia_stand_in(g, glia_round(g, x), x) passes gradients through a rounding.
 *  Source: bengio2013. */
GLIA_API glia_value glia_stand_in(struct glia_graph *g, glia_value value, glia_value surrogate);
/** x, through which no derivative passes. */
GLIA_API glia_value glia_stop_gradient(struct glia_graph *g, glia_value x);

/* Elementwise, two operands. */
GLIA_API glia_value glia_add(struct glia_graph *g, glia_value a, glia_value b);
GLIA_API glia_value glia_sub(struct glia_graph *g, glia_value a, glia_value b);
GLIA_API glia_value glia_mul(struct glia_graph *g, glia_value a, glia_value b);
GLIA_API glia_value glia_div(struct glia_graph *g, glia_value a, glia_value b);
/** a^b, a > 0 unless b is constant. */
GLIA_API glia_value glia_pow(struct glia_graph *g, glia_value a, glia_value b);
/** Angle of the point (b, a), in [-pi, pi]. */
GLIA_API glia_value glia_atan2(struct glia_graph *g, glia_value a, glia_value b);
/** What a / b, cut to a whole number, leaves of a: exact, of a's sign. */
GLIA_API glia_value glia_fmod(struct glia_graph *g, glia_value a, glia_value b);
/** ln(e^a + e^b) */
GLIA_API glia_value glia_logaddexp(struct glia_graph *g, glia_value a, glia_value b);
/** Larger and smaller; a NaN wins; at a tie the derivative goes to a. */
GLIA_API glia_value glia_max(struct glia_graph *g, glia_value a, glia_value b);
GLIA_API glia_value glia_min(struct glia_graph *g, glia_value a, glia_value b);

typedef enum { GLIA_LT, GLIA_LE, GLIA_EQ, GLIA_NE, GLIA_GE, GLIA_GT } glia_relation;
/** bool: a relation b. Any element type, the same on both sides. */
GLIA_API glia_value glia_compare(struct glia_graph *g, glia_relation relation, glia_value a,
                                 glia_value b);
/** bool: both, either, not; of bool, broadcast. */
GLIA_API glia_value glia_and(struct glia_graph *g, glia_value a, glia_value b);
GLIA_API glia_value glia_or(struct glia_graph *g, glia_value a, glia_value b);
GLIA_API glia_value glia_not(struct glia_graph *g, glia_value a);
/** where(cond) a else b; cond bool, broadcast like the others. */
GLIA_API glia_value glia_select(struct glia_graph *g, glia_value cond, glia_value a, glia_value b);

/* Shape. */

/** Result of type `shape` whose axis k is x's axis map[k], or new (repeated) where map[k] = -1; x's axes in order. */
GLIA_API glia_value glia_broadcast(struct glia_graph *g, glia_value x, int rank, const int64_t *dim,
                                   const int *map);
/** x broadcast to [rank] extents as NumPy does (trailing axes match, extents of 1 repeat). */
GLIA_API glia_value glia_broadcast_to(struct glia_graph *g, glia_value x, int rank,
                                      const int64_t *dim);
GLIA_API glia_value glia_reshape(struct glia_graph *g, glia_value x, int rank, const int64_t *dim);
/** Axis k of the result is x's axis order[k]. */
GLIA_API glia_value glia_permute(struct glia_graph *g, glia_value x, const int *order);
/** Rows start .. stop - 1 by step along every axis: start, stop, step [rank]; step >= 1. */
GLIA_API glia_value glia_slice(struct glia_graph *g, glia_value x, const int64_t *start,
                               const int64_t *stop, const int64_t *step);
/** x inside zeros: before, after [rank] rows on each side, `inside` [rank] rows between neighbours (NULL = 0): adjoint of slice. */
GLIA_API glia_value glia_pad(struct glia_graph *g, glia_value x, const int64_t *before,
                             const int64_t *after, const int64_t *inside);
/** n values side by side along an axis; all other extents equal. */
GLIA_API glia_value glia_concat(struct glia_graph *g, int n, const glia_value *x, int axis);
/** 0, 1, 2, ... along `axis` of an array of this type. */
GLIA_API glia_value glia_iota(struct glia_graph *g, struct glia_type type, int axis);

/* Reductions over axes [n_axes]; they vanish from the shape (keep = false) or stay as 1. n_axes = -1: all.
 * Sums are accumulated in float64; a sum over everything runs over fixed blocks of 4,096 elements along a tree. */
GLIA_API glia_value glia_reduce_sum(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                                    bool keep);
GLIA_API glia_value glia_reduce_mean(struct glia_graph *g, glia_value x, int n_axes,
                                     const int *axes, bool keep);
/** Dot products of a and b, of one float type and shape, by blocks of `block` elements in memory's order: f64 [blocks], the last block may be
 *  shorter. Block by block, so that workers can share them out; their sum is a dot product with bits that depend on the shape alone. */
GLIA_API glia_value glia_block_dots(struct glia_graph *g, glia_value a, glia_value b,
                                    int64_t block);
/** Sums of counts (x - mean)^2 over axes, which stay with extent 1. mean, of that shape: of x by counts, over these axes or, where the
 *  results are summed up further, over all; counts, GLIA_NONE: 1, broadcasts to x. The derivative by mean is zero whatever x is, and
 *  so are its own: it is left out, which saves a pass over x in reverse mode. */
GLIA_API glia_value glia_squares_about(struct glia_graph *g, glia_value x, glia_value mean,
                                       glia_value counts, int n_axes, const int *axes);
/** Largest; a NaN wins; the derivative is shared equally among ties. */
GLIA_API glia_value glia_reduce_max(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                                    bool keep);
/** Index (i32) of the first largest along the last axis: [..., n] -> [...]. */
GLIA_API glia_value glia_argmax(struct glia_graph *g, glia_value x);

/** Batched product op(a) op(b): a [..., m, k] or its transpose, b [..., k, n] or its transpose, leading axes equal -> [..., m, n].
 *  Floats of one type; or both i8, then the result is i32 (k up to 131,071, so that nothing overflows), without derivative. */
GLIA_API glia_value glia_matmul(struct glia_graph *g, glia_value a, glia_value b, bool transpose_a,
                                bool transpose_b);

/* Convolution and pooling over 1 to 3 spatial axes. */

/* A window that slides over the last `rank` axes: row k of window o lies at o stride + k dilation - low. */
struct glia_window {
  int rank;
  int64_t size[3]; /* extents of the window */
  int64_t stride[3], dilation[3];
  int64_t low[3], high[3]; /* rows added before and after */
};
/** Window of these extents; stride and dilation 1, nothing added. */
GLIA_API struct glia_window glia_window_make(int rank, const int64_t *size);
/** Number of windows along an axis of this extent; 0: none fits. */
GLIA_API int64_t glia_window_extent(const struct glia_window *w, int axis, int64_t extent);

/** y[n, co, o...] = sum over ci, k of x[n, ci, o stride + k dilation - low] w[co, ci, k...], zeros outside.
 *  x [n, ci, 1 to 3 axes], w [co, ci / groups, k...]; the window's own extents are those of w.
 *  groups  divides ci and co; groups = ci: depthwise */
GLIA_API glia_value glia_conv(struct glia_graph *g, glia_value x, glia_value w,
                              const struct glia_window *window, int64_t groups);
/** Adjoint of glia_conv by x, also named transposed convolution: y [n, co, o...], w -> x [n, ci, extent...]. */
GLIA_API glia_value glia_conv_transpose(struct glia_graph *g, glia_value y, glia_value w,
                                        const struct glia_window *window, int64_t groups,
                                        const int64_t *extent);
/** Adjoint of glia_conv by w: x, y -> w [co, ci / groups, size...]. */
GLIA_API glia_value glia_conv_weight(struct glia_graph *g, glia_value x, glia_value y,
                                     const struct glia_window *window, int64_t groups);

/** Index (i32) of the first largest of each window into the plane of x's last axes; -1 where a window meets no row. */
GLIA_API glia_value glia_window_argmax(struct glia_graph *g, glia_value x,
                                       const struct glia_window *window);
/** Largest of each window over the last axes; a NaN wins, what is added does not count, and the derivative goes to the first
 *  among ties. [..., x...] -> [..., o...]. */
GLIA_API glia_value glia_max_pool(struct glia_graph *g, glia_value x,
                                  const struct glia_window *window);
/** Mean of each window. count_padding: zeros that were added count as elements. */
GLIA_API glia_value glia_avg_pool(struct glia_graph *g, glia_value x,
                                  const struct glia_window *window, bool count_padding);

typedef enum {
  GLIA_RESAMPLE_MEAN,    /* row i is the mean of rows floor(i n / m) .. ceil((i + 1) n / m) - 1 */
  GLIA_RESAMPLE_NEAREST, /* row i is row floor(i n / m) */
  GLIA_RESAMPLE_LINEAR   /* between the centres of rows; the border is repeated */
} glia_resample;
/** The last n_axes axes brought to other extents, one after another: adaptive mean pooling, nearest or (bi)linear resize. */
GLIA_API glia_value glia_resize(struct glia_graph *g, glia_value x, int n_axes,
                                const int64_t *extent, glia_resample how);

typedef enum {
  GLIA_PADDING_ZEROS,
  GLIA_PADDING_REFLECT,   /* c b | a b c | b a */
  GLIA_PADDING_REPLICATE, /* a a | a b c | c c */
  GLIA_PADDING_CIRCULAR   /* b c | a b c | a b */
} glia_padding;
/** x with rows added along an axis, before and after. */
GLIA_API glia_value glia_pad_border(struct glia_graph *g, glia_value x, int axis, int64_t low,
                                    int64_t high, glia_padding how);

/** 1 where index = position along a new last axis of n, else 0: [...] integer -> [..., n] dtype. Out of range: all 0. */
GLIA_API glia_value glia_one_hot(struct glia_graph *g, glia_value index, int64_t n,
                                 glia_dtype dtype);
/** Rows of x [n, ...] by index [...] (integer, 0 .. n-1; outside: rows of zeros) -> [index shape, ...]. */
GLIA_API glia_value glia_gather(struct glia_graph *g, glia_value x, glia_value index);
/** The same for each slice of the first axis: x [b, n, ...] by index [b, ...] -> [index shape, ...]. */
GLIA_API glia_value glia_gather_each(struct glia_graph *g, glia_value x, glia_value index);
/** Zeros [n, ...] to which row r of x [index shape, ...] is added at index r, in order: adjoint of gather. So the gradient of an
 *  embedding is one node of rows (its inputs: values, indices), which glia_rows_of finds. */
GLIA_API glia_value glia_scatter_add(struct glia_graph *g, glia_value x, glia_value index,
                                     int64_t n);
/** The same for each slice of the first axis: x [b, ...] by index [b, ...] -> [b, n, ...]: adjoint of gather_each. */
GLIA_API glia_value glia_scatter_add_each(struct glia_graph *g, glia_value x, glia_value index,
                                          int64_t n);

/** Whether v is a sum of rows: then *rows [index shape, ...] and *index, as scatter_add was given them. */
GLIA_API bool glia_rows_of(const struct glia_graph *g, glia_value v, glia_value *rows,
                           glia_value *index);

/** Sums of all rows up to each one along an axis, or (reverse) from each one on. */
GLIA_API glia_value glia_cumsum(struct glia_graph *g, glia_value x, int axis, bool reverse);
/** Products of all rows up to each one; the derivative wants numbers that are not 0. */
GLIA_API glia_value glia_cumprod(struct glia_graph *g, glia_value x, int axis);
/** Places (i32) of the numbers of the last axis in rising or falling order: stable, a NaN counts as the largest. */
GLIA_API glia_value glia_argsort(struct glia_graph *g, glia_value x, bool falling);
/** y[..., j] = x[..., index[..., j]]: x [..., n], index [..., k] (integer; outside: 0) -> [..., k]. */
GLIA_API glia_value glia_take_along(struct glia_graph *g, glia_value x, glia_value index);
GLIA_API glia_value glia_sort(struct glia_graph *g, glia_value x, bool falling);
/** The k largest of the last axis, falling, and their places (*index, i32; may be NULL). */
GLIA_API glia_value glia_top_k(struct glia_graph *g, glia_value x, int64_t k, glia_value *index);

/* Rows of x [rows, ...] by segment [rows] (integer; rows with one outside 0 .. n - 1 are left out) -> [n, ...]; an empty
 * segment is 0. The derivative of max and min goes to the first among ties. */
GLIA_API glia_value glia_segment_sum(struct glia_graph *g, glia_value x, glia_value segment,
                                     int64_t n);
GLIA_API glia_value glia_segment_mean(struct glia_graph *g, glia_value x, glia_value segment,
                                      int64_t n);
GLIA_API glia_value glia_segment_max(struct glia_graph *g, glia_value x, glia_value segment,
                                     int64_t n);
/** Row (i32) of each segment's largest, column by column; -1: empty. */
GLIA_API glia_value glia_segment_argmax(struct glia_graph *g, glia_value x, glia_value segment,
                                        int64_t n);
GLIA_API glia_value glia_segment_min(struct glia_graph *g, glia_value x, glia_value segment,
                                     int64_t n);
/** Softmax over the rows of each segment, column by column: [rows, ...]; 0 in rows that have no segment. */
GLIA_API glia_value glia_segment_softmax(struct glia_graph *g, glia_value x, glia_value segment,
                                         int64_t n);

/** log(softmax(x)) along the last axis, shifted by the largest. */
GLIA_API glia_value glia_log_softmax(struct glia_graph *g, glia_value x);
GLIA_API glia_value glia_softmax(struct glia_graph *g, glia_value x);
/** Softmax along the last axis over the places where mask (bool, broadcast) is true; 0 elsewhere, and where none is. */
GLIA_API glia_value glia_masked_softmax(struct glia_graph *g, glia_value x, glia_value mask);

/** softmax(scale q k^T) v: q [..., queries, d], k [..., keys, d], v [..., keys, e] -> [..., queries, e]; leading axes (batch,
 *  heads) equal.
 *  mask   broadcast to [..., queries, keys]: bool, true where a query sees a key; or float, added to the scores; GLIA_NONE: all is
 *         seen. A query that sees no key by a bool mask gets zeros.
 *  scale  usually 1 / sqrt(d)
 *  Source: vaswani2017. */
GLIA_API glia_value glia_attention(struct glia_graph *g, glia_value q, glia_value k, glia_value v,
                                   glia_value mask, double scale);
/** bool [queries, keys]: query i sees key j when j <= i + keys - queries: the last query sees all. */
GLIA_API glia_value glia_causal_mask(struct glia_graph *g, int64_t queries, int64_t keys);
/** bool [..., n]: places below length [...] (integer). Masks are combined with glia_and. */
GLIA_API glia_value glia_length_mask(struct glia_graph *g, glia_value length, int64_t n);

/** Uniform in (0, 1): element e of row r of the result [shape of position, tail...] is keyed by
 *  (stream, seed, step, position r, e).
 *  stream    name of the draw: layer path and use
 *  seed, step i64 scalars;  position i64 [...]: place of the row in the global batch
 *  Source: salmon2011 (Philox4x32-10). */
GLIA_API glia_value glia_random(struct glia_graph *g, glia_dtype dtype, const char *stream,
                                glia_value seed, glia_value step, glia_value position,
                                int tail_rank, const int64_t *tail);

#endif
