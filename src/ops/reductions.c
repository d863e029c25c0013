/* Reductions of a few nodes. */
#include "glia_functions.h"
#include "op_priv.h"

glia_value glia_reduce_min(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                           bool keep)
{
  return glia_neg(g, glia_reduce_max(g, glia_neg(g, x), n_axes, axes, keep));
}

glia_value glia_argmin(struct glia_graph *g, glia_value x)
{
  return glia_argmax(g, glia_neg(g, x));
}

/* x as [what stays, what is reduced]. */
static glia_value reduced_last(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                               int64_t rows)
{
  const struct glia_type *t = glia_type_of_(g, x);
  int order[GLIA_MAX_RANK], n = 0;

  for (int pass = 0; pass < 2; pass++)
    for (int k = 0; k < t->rank; k++) {
      bool reduced = n_axes < 0;
      for (int i = 0; i < n_axes; i++) reduced = reduced || axes[i] == k;
      if (reduced == (pass == 1)) order[n++] = k;
    }
  return glia_reshape(g, glia_permute(g, x, order), 2,
                      (int64_t[]){rows, glia_type_count(t) / rows});
}

static glia_value columns(struct glia_graph *g, glia_value x, int64_t from, int64_t to)
{
  const int64_t rows = glia_type_of_(g, x)->dim[0];

  return glia_slice(g, x, (int64_t[]){0, from}, (int64_t[]){rows, to}, (int64_t[]){1, 1});
}

/* The sum says shape and errors; halves are multiplied until one column is left. */
glia_value glia_reduce_prod(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                            bool keep)
{
  const glia_value shape = glia_reduce_sum(g, x, n_axes, axes, keep);

  if (shape == GLIA_NONE) return GLIA_NONE;
  const struct glia_type t = *glia_type_of_(g, shape);
  x = reduced_last(g, x, n_axes, axes, glia_type_count(&t));
  while (x != GLIA_NONE && glia_type_of_(g, x)->dim[1] > 1) {
    const int64_t n = glia_type_of_(g, x)->dim[1], half = n / 2;
    const glia_value pairs = glia_mul(g, columns(g, x, 0, half), columns(g, x, half, 2 * half));
    x = n % 2 == 0 ? pairs : glia_concat(g, 2, (glia_value[]){pairs, columns(g, x, n - 1, n)}, 1);
  }
  return glia_reshape(g, x, t.rank, t.dim);
}

glia_value glia_reduce_variance(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                                bool keep, double correction)
{
  const glia_value d = glia_sub(g, x, glia_reduce_mean(g, x, n_axes, axes, true));
  const glia_value sum = glia_reduce_sum(g, glia_mul(g, d, d), n_axes, axes, keep);

  if (sum == GLIA_NONE) return GLIA_NONE;
  const int64_t n = glia_type_count(glia_type_of_(g, x)) / glia_type_count(glia_type_of_(g, sum));
  return glia_div(g, sum, glia_constant(g, (double)n - correction));
}

/* The shift cancels: no derivative passes through it. An infinite one is left out. */
glia_value glia_reduce_logsumexp(struct glia_graph *g, glia_value x, int n_axes, const int *axes,
                                 bool keep)
{
  const glia_value top = glia_stop_gradient(g, glia_reduce_max(g, x, n_axes, axes, true));
  const glia_value shift = glia_select(g, glia_is_finite(g, top), top, glia_constant(g, 0.0));
  const glia_value sum = glia_reduce_sum(g, glia_exp(g, glia_sub(g, x, shift)), n_axes, axes, keep);

  if (sum == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, sum);
  return glia_add(g, glia_ln(g, sum), glia_reshape(g, shift, t->rank, t->dim));
}

/* s^(1/p), whose slope at 0 is infinite: there value and derivative are those of 0. */
static glia_value root(struct glia_graph *g, glia_value s, double p)
{
  const glia_value zero = glia_constant(g, 0.0);
  const glia_value none = glia_compare(g, GLIA_EQ, s, zero);
  const glia_value some = glia_select(g, none, glia_constant(g, 1.0), s);
  const glia_value y = p == 2.0 ? glia_sqrt(g, some) : glia_pow(g, some, glia_constant(g, 1.0 / p));

  return glia_select(g, none, zero, y);
}

glia_value glia_reduce_norm(struct glia_graph *g, glia_value x, double p, int n_axes,
                            const int *axes, bool keep)
{
  const glia_value size = glia_abs(g, x);

  if (!(p >= 1.0))
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "norm of order %g: at least 1 is needed", p);
  if (p > 1e300) return glia_reduce_max(g, size, n_axes, axes, keep);
  if (p == 1.0) return glia_reduce_sum(g, size, n_axes, axes, keep);
  const glia_value power = p == 2.0 ? glia_mul(g, x, x) : glia_pow(g, size, glia_constant(g, p));
  return root(g, glia_reduce_sum(g, power, n_axes, axes, keep), p);
}
