/* cholesky: lower L with L L^T = a, a symmetric (its lower triangle is read). Not positive definite: NaN. */
#include "dense_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  return glia_infer_matrix_(g, n, true);
}

/* The lower triangle with half of its diagonal. */
static glia_value phi(struct glia_graph *g, glia_value x)
{
  return glia_mul(g, glia_constant(g, 0.5),
                  glia_add(g, glia_triangle_(g, x, true, 0), glia_triangle_(g, x, true, -1)));
}

/* L^-T s L^-1 with s = (phi(L^T dL) + its transpose) / 2. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value l = y->id;
  const glia_value p = phi(g, glia_matmul(g, l, glia_triangle_(g, dy, true, 0), true, false));
  const glia_value left = glia_triangular_solve(g, l, glia_symmetric_(g, p), true, true);

  dx[0] = glia_triangular_solve(g, l, glia_transposed_(g, left), true, true);
}

/* L phi(L^-1 a' L^-T) */
static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  const glia_value left = glia_triangular_solve(g, y->id, t[0], true, false);
  const glia_value both = glia_triangular_solve(g, y->id, glia_transposed_(g, left), true, false);

  return glia_matmul(g, y->id, phi(g, both), false, false);
}

static void core(const struct glia_matrix *d)
{
  const int64_t n = d->n;
  double *l = d->y;

  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      double s = j > i ? 0.0 : d->a[i * n + j];
      for (int64_t k = 0; k < j && j <= i; k++) s -= l[i * n + k] * l[j * n + k];
      if (i == j && !(s > 0.0)) {
        glia_matrix_fail(d);
        return;
      }
      l[i * n + j] = i == j ? sqrt(s) : j < i ? s / l[j * n + j] : 0.0;
    }
}

static void reference(const struct glia_call *c) { glia_matrix_run(c, core); }

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t a[] = {2, 3, 3};

  if (k > 1) return GLIA_NONE;
  return glia_cholesky(s->g, glia_sample_matrix_(s, 2 + k, a + 1 - k, 1.0, 3.0, false));
}

const struct glia_op glia_op_cholesky_ = {
    .name = "cholesky",
    .source = "giles2008",
    .n_in = 1,
    .infer = infer,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = glia_vmap_leading_,
    .reference = {[GLIA_F32] = reference, [GLIA_F64] = reference},
    .scratch = glia_matrix_bytes,
    .sample = sample,
};

glia_value glia_cholesky(struct glia_graph *g, glia_value a)
{
  return glia_unary_(g, &glia_op_cholesky_, glia_symmetric_(g, a));
}
