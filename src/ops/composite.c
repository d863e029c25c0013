/* Constructors of a few nodes: their derivatives are those of their parts. */
#include "glia_control.h"
#include "op_priv.h"

glia_value glia_reduce_mean(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                            bool keep)
{
  const glia_value sum = glia_reduce_sum(g, x, n_axes, axes, keep);

  if (sum == GLIA_NONE) return GLIA_NONE;
  const int64_t n = glia_type_count(glia_type_of_(g, x)) / glia_type_count(glia_type_of_(g, sum));
  return glia_div(g, sum, glia_constant(g, (double)n));
}

glia_value glia_softmax(struct glia_graph *g, glia_value x)
{
  return glia_exp(g, glia_log_softmax(g, x));
}

glia_value glia_one_hot(struct glia_graph *g, glia_value index, int64_t n, glia_dtype dtype)
{
  int map[GLIA_MAX_RANK];

  if (index == GLIA_NONE) return GLIA_NONE;
  struct glia_type t = *glia_type_of_(g, index);
  if (!glia_is_index_(t.dtype) || t.rank == GLIA_MAX_RANK || n < 1) {
    char a[GLIA_TEXT_];
    return glia_graph_fail(g, GLIA_E_SHAPE, "one_hot of %s: integers are needed",
                           glia_type_text(&t, a, sizeof a));
  }
  for (int k = 0; k < t.rank; k++) map[k] = k;
  map[t.rank] = -1;
  t.dim[t.rank++] = n;
  const glia_value repeated = glia_broadcast(g, index, t.rank, t.dim, map);
  return glia_cast(g, glia_compare(g, GLIA_EQ, repeated, glia_iota(g, t, t.rank - 1)), dtype);
}

/* A NaN compares false. */
glia_value glia_is_finite(struct glia_graph *g, glia_value x)
{
  return glia_compare(g, GLIA_LT, glia_abs(g, x), glia_constant(g, (double)INFINITY));
}

glia_value glia_and(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_select(g, a, b, glia_constant(g, 0.0));
}

glia_value glia_or(struct glia_graph *g, glia_value a, glia_value b)
{
  return glia_select(g, a, glia_constant(g, 1.0), b);
}

glia_value glia_not(struct glia_graph *g, glia_value a)
{
  return glia_compare(g, GLIA_EQ, a, glia_constant(g, 0.0));
}

/* x: x, mean and, where there are any, counts */
static glia_value counted(struct glia_graph *g, glia_value x, glia_value counts)
{
  return counts == GLIA_NONE ? x : glia_mul(g, x, counts);
}

static void vjp_squares(struct glia_graph *g, void *self, const glia_value *x, glia_value y,
                        glia_value dy, glia_value *dx)
{
  const bool *has_counts = self;
  const glia_value twice = glia_mul(g, dy, glia_constant(g, 2.0));

  (void)y;
  dx[0] = counted(g, glia_mul(g, glia_sub(g, x[0], x[1]), twice), *has_counts ? x[2] : GLIA_NONE);
}

glia_value glia_squares_about(struct glia_graph *g, glia_value x, glia_value mean,
                              glia_value counts, int n_axes, const int *axes)
{
  bool has_counts = counts != GLIA_NONE;
  const struct glia_custom rule = {.self = &has_counts, .vjp = vjp_squares};
  const glia_value d = glia_sub(
      g, mean,
      x); /* not x - mean, which others keep: this has the same square, and stays in a tile */
  const glia_value sum =
      glia_reduce_sum(g, counted(g, glia_mul(g, d, d), counts), n_axes, axes, true);

  if (sum == GLIA_NONE) return GLIA_NONE;
  return glia_custom(g, sum, has_counts ? 3 : 2, (glia_value[]){x, mean, counts}, &rule);
}

static void vjp_through(struct glia_graph *g, void *self, const glia_value *x, glia_value y,
                        glia_value dy, glia_value *dx)
{
  (void)g;
  (void)self;
  (void)x;
  (void)y;
  dx[0] = dy;
}

static glia_value jvp_through(struct glia_graph *g, void *self, const glia_value *x, glia_value y,
                              const glia_value *t)
{
  (void)g;
  (void)self;
  (void)x;
  (void)y;
  return t[0];
}

glia_value glia_through_bf16(struct glia_graph *g, glia_value x)
{
  static const struct glia_custom rule = {NULL, vjp_through, jvp_through};

  if (x == GLIA_NONE) return GLIA_NONE;
  const glia_dtype dtype = glia_type_of_(g, x)->dtype;
  if (dtype != GLIA_F32)
    return glia_graph_fail(g, GLIA_E_SHAPE, "%s through bf16, expected f32",
                           glia_dtype_name(dtype));
  return glia_custom(g, glia_cast(g, glia_cast(g, x, GLIA_BF16), GLIA_F32), 1, &x, &rule);
}
