/* solve: x with op(a) x = b. A singular a: NaN. */
#include "dense_priv.h"

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const bool transposed = y->attr.i[GLIA_MATRIX_TRANSPOSED] != 0;
  const glia_value u = glia_solve(g, y->in[0], dy, !transposed);

  dx[0] = glia_neg(g, transposed ? glia_matmul(g, y->id, u, false, true)
                                 : glia_matmul(g, u, y->id, false, true));
  dx[1] = u;
}

/* op(a) x' = b' - op(a') x */
static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  const bool transposed = y->attr.i[GLIA_MATRIX_TRANSPOSED] != 0;
  glia_value b = t[1];

  if (t[0] != GLIA_NONE) {
    const glia_value moved = glia_matmul(g, t[0], y->id, transposed, false);
    b = b == GLIA_NONE ? glia_neg(g, moved) : glia_sub(g, b, moved);
  }
  return glia_solve(g, y->in[0], b, transposed);
}

static void exchange(double *a, double *b, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    const double t = a[i];
    a[i] = b[i];
    b[i] = t;
  }
}

/* Gauss's elimination with the largest pivot of each column. */
static void core(const struct glia_matrix *d)
{
  const int64_t n = d->n, k = d->k;
  double *a = d->a;

  for (int64_t i = 0; d->attr->i[GLIA_MATRIX_TRANSPOSED] != 0 && i < n; i++)
    for (int64_t j = 0; j < i; j++) exchange(&a[i * n + j], &a[j * n + i], 1);
  for (int64_t i = 0; i < n * k; i++) d->y[i] = d->b[i];
  for (int64_t p = 0; p < n; p++) {
    int64_t top = p;
    for (int64_t i = p + 1; i < n; i++)
      if (fabs(a[i * n + p]) > fabs(a[top * n + p])) top = i;
    if (a[top * n + p] == 0.0) {
      glia_matrix_fail(d);
      return;
    }
    if (top != p) {
      exchange(a + p * n, a + top * n, n);
      exchange(d->y + p * k, d->y + top * k, k);
    }
    for (int64_t i = p + 1; i < n; i++) {
      const double f = a[i * n + p] / a[p * n + p];
      for (int64_t j = p; j < n; j++) a[i * n + j] -= f * a[p * n + j];
      for (int64_t c = 0; c < k; c++) d->y[i * k + c] -= f * d->y[p * k + c];
    }
  }
  for (int64_t i = n - 1; i >= 0; i--)
    for (int64_t c = 0; c < k; c++) {
      double x = d->y[i * k + c];
      for (int64_t j = i + 1; j < n; j++) x -= a[i * n + j] * d->y[j * k + c];
      d->y[i * k + c] = x / a[i * n + i];
    }
}

static void reference(const struct glia_call *c) { glia_matrix_run(c, core); }

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t a[] = {2, 3, 3}, b[] = {2, 3, 2};

  if (k > 2) return GLIA_NONE;
  const int first = k == 2 ? 0 : 1; /* a batch in one case */
  const glia_value t = glia_sample_matrix_(s, 3 - first, a + first, 1.0, 3.0, false);
  return glia_solve(s->g, t, glia_sample_real(s, 3 - first, b + first, -1.0, 1.0), k == 1);
}

const struct glia_op glia_op_solve_ = {
    .name = "solve",
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

glia_value glia_solve(struct glia_graph *g, glia_value a, glia_value b, bool transposed)
{
  const glia_value in[2] = {a, b};
  const struct glia_attr attr = {.i = {[GLIA_MATRIX_TRANSPOSED] = transposed}};

  return a == GLIA_NONE || b == GLIA_NONE ? GLIA_NONE
                                          : glia_node_add(g, &glia_op_solve_, 2, in, &attr);
}
