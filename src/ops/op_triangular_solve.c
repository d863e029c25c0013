/* triangular_solve: x with op(t) x = b, t a triangle of the operand. A zero on its diagonal: NaN. */
#include "dense_priv.h"

/* -dT: what the triangle of t gets from cotangent u of b. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const bool lower = y->attr.i[GLIA_MATRIX_LOWER] != 0;
  const bool transposed = y->attr.i[GLIA_MATRIX_TRANSPOSED] != 0;
  const glia_value u = glia_triangular_solve(g, y->in[0], dy, lower, !transposed);
  const glia_value outer =
      transposed ? glia_matmul(g, y->id, u, false, true) : glia_matmul(g, u, y->id, false, true);

  dx[0] = glia_neg(g, glia_triangle_(g, outer, lower, 0));
  dx[1] = u;
}

/* op(t) x' = b' - op(t') x */
static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  const bool lower = y->attr.i[GLIA_MATRIX_LOWER] != 0;
  const bool transposed = y->attr.i[GLIA_MATRIX_TRANSPOSED] != 0;
  glia_value b = t[1];

  if (t[0] != GLIA_NONE) {
    const glia_value moved =
        glia_matmul(g, glia_triangle_(g, t[0], lower, 0), y->id, transposed, false);
    b = b == GLIA_NONE ? glia_neg(g, moved) : glia_sub(g, b, moved);
  }
  return glia_triangular_solve(g, y->in[0], b, lower, transposed);
}

static void core(const struct glia_matrix *d)
{
  const bool transposed = d->attr->i[GLIA_MATRIX_TRANSPOSED] != 0;
  const bool down = (d->attr->i[GLIA_MATRIX_LOWER] != 0) != transposed; /* first row first */
  const int64_t n = d->n, k = d->k;

  for (int64_t i = 0; i < n; i++)
    if (d->a[i * n + i] == 0.0) {
      glia_matrix_fail(d);
      return;
    }
  for (int64_t s = 0; s < n; s++) {
    const int64_t i = down ? s : n - 1 - s;
    for (int64_t c = 0; c < k; c++) {
      double x = d->b[i * k + c];
      for (int64_t p = 0; p < s; p++) {
        const int64_t j = down ? p : n - 1 - p;
        x -= (transposed ? d->a[j * n + i] : d->a[i * n + j]) * d->y[j * k + c];
      }
      d->y[i * k + c] = x / d->a[i * n + i];
    }
  }
}

static void reference(const struct glia_call *c) { glia_matrix_run(c, core); }

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t a[] = {2, 3, 3}, b[] = {2, 3, 2};

  if (k > 3) return GLIA_NONE;
  const int first = k == 3 ? 0 : 1; /* a batch in one case */
  const glia_value t = glia_sample_matrix_(s, 3 - first, a + first, 1.0, 2.0, false);
  return glia_triangular_solve(s->g, t, glia_sample_real(s, 3 - first, b + first, -1.0, 1.0),
                               k % 2 == 0, k > 1);
}

const struct glia_op glia_op_triangular_solve_ = {
    .name = "triangular_solve",
    .source = "giles2008",
    .n_in = 2,
    .infer = glia_infer_solve_,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = glia_vmap_both_,
    .reference = {[GLIA_F32] = reference, [GLIA_F64] = reference},
    .scratch = glia_matrix_bytes,
    .sample = sample,
};

glia_value glia_triangular_solve(struct glia_graph *g, glia_value a, glia_value b, bool lower,
                                 bool transposed)
{
  const glia_value in[2] = {a, b};
  const struct glia_attr attr = {
      .i = {[GLIA_MATRIX_TRANSPOSED] = transposed, [GLIA_MATRIX_LOWER] = lower}};

  return a == GLIA_NONE || b == GLIA_NONE
             ? GLIA_NONE
             : glia_node_add(g, &glia_op_triangular_solve_, 2, in, &attr);
}
