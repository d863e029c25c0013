/* qr: a [m, n] = q r with orthonormal q [m, n] and upper r [n, n], its diagonal positive. The result is both, q above r:
 * [m + n, n]. */
#include "dense_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  char a[GLIA_TEXT_];

  GLIA_TRY(glia_infer_matrix_(g, n, false));
  int64_t *rows = &n->type.dim[n->type.rank - 2];
  GLIA_CHECK(rows[0] >= rows[1], GLIA_E_SHAPE, "qr of %s: no fewer rows than columns are needed",
             glia_type_text(&n->type, a, sizeof a));
  rows[0] += rows[1];
  return GLIA_OK;
}

static void parts(struct glia_graph *g, glia_value y, glia_value *q, glia_value *r)
{
  const struct glia_type *t = glia_type_of_(g, y);
  const int64_t rows = t->dim[t->rank - 2], n = t->dim[t->rank - 1];

  *q = glia_some_rows_(g, y, 0, rows - n);
  *r = glia_some_rows_(g, y, rows - n, rows);
}

/* x r^-1 = (r^-T x^T)^T */
static glia_value over(struct glia_graph *g, glia_value x, glia_value r)
{
  return glia_transposed_(g, glia_triangular_solve(g, r, glia_transposed_(g, x), false, true));
}

/* (dq + q copyltu(r dr^T - dq^T q)) r^-T, where copyltu mirrors the lower triangle. */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  glia_value q, r, dq, dr;

  parts(g, y->id, &q, &r);
  parts(g, dy, &dq, &dr);
  const glia_value m = glia_sub(g, glia_matmul(g, r, glia_triangle_(g, dr, false, 0), false, true),
                                glia_matmul(g, dq, q, true, false));
  const glia_value mirrored = glia_add(g, glia_triangle_(g, m, true, 0),
                                       glia_transposed_(g, glia_triangle_(g, m, true, -1)));
  const glia_value all = glia_add(g, dq, glia_matmul(g, q, mirrored, false, false));
  dx[0] = glia_transposed_(g, glia_triangular_solve(g, r, glia_transposed_(g, all), false, false));
}

/* With c = q^T a' r^-1 and w = tril(c, -1) - its transpose: r' = (c - w) r, q' = (a' - q r') r^-1. */
static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  glia_value q, r;

  parts(g, y->id, &q, &r);
  const glia_value c = glia_matmul(g, q, over(g, t[0], r), true, false);
  const glia_value lower = glia_triangle_(g, c, true, -1);
  const glia_value upper =
      glia_add(g, glia_triangle_(g, c, false, 0), glia_transposed_(g, lower)); /* c - w */
  const glia_value dr = glia_matmul(g, upper, r, false, false);
  const glia_value dq = over(g, glia_sub(g, t[0], glia_matmul(g, q, dr, false, false)), r);
  return glia_concat(g, 2, (glia_value[]){dq, dr}, y->type.rank - 2);
}

/* Gram and Schmidt, each column twice, so that q is orthonormal to rounding. */
static void core(const struct glia_matrix *d)
{
  const int64_t m = d->m, n = d->n;
  double *q = d->y, *r = d->y + m * n;

  for (int64_t i = 0; i < m * n; i++) q[i] = d->a[i];
  for (int64_t i = 0; i < n * n; i++) r[i] = 0.0;
  for (int64_t j = 0; j < n; j++) {
    double length = 0.0;
    for (int64_t k = 0; k < 2 * j; k++) {
      double along = 0.0;
      for (int64_t i = 0; i < m; i++) along += q[i * n + k % j] * q[i * n + j];
      for (int64_t i = 0; i < m; i++) q[i * n + j] -= along * q[i * n + k % j];
      r[k % j * n + j] += along;
    }
    for (int64_t i = 0; i < m; i++) length += q[i * n + j] * q[i * n + j];
    if (!(length > 0.0)) {
      glia_matrix_fail(d);
      return;
    }
    r[j * n + j] = sqrt(length);
    for (int64_t i = 0; i < m; i++) q[i * n + j] /= r[j * n + j];
  }
}

static void reference(const struct glia_call *c) { glia_matrix_run(c, core); }

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t square[] = {3, 3}, tall[] = {2, 4, 3};

  if (k > 1) return GLIA_NONE;
  const glia_value a = k == 0 ? glia_sample_matrix_(s, 2, square, 1.0, 3.0, false)
                              : glia_sample_matrix_(s, 3, tall, 1.0, 3.0, false);
  return glia_unary_(s->g, &glia_op_qr_, a);
}

const struct glia_op glia_op_qr_ = {
    .name = "qr",
    .source = "walter2010",
    .n_in = 1,
    .infer = infer,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = glia_vmap_leading_,
    .reference = {[GLIA_F32] = reference, [GLIA_F64] = reference},
    .scratch = glia_matrix_bytes,
    .sample = sample,
};

void glia_qr(struct glia_graph *g, glia_value a, glia_value *q, glia_value *r)
{
  const glia_value y = glia_unary_(g, &glia_op_qr_, a);
  glia_value both[2] = {GLIA_NONE, GLIA_NONE};

  if (y != GLIA_NONE) parts(g, y, &both[0], &both[1]);
  if (q != NULL) *q = both[0];
  if (r != NULL) *r = both[1];
}
