/* eigh: eigenvalues, rising, above orthonormal eigenvectors (columns) of a symmetric matrix (its lower triangle is read):
 * [n + 1, n]. Of each vector the first of its largest numbers is positive. */
#include "dense_priv.h"

#include <float.h>

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  GLIA_TRY(glia_infer_matrix_(g, n, true));
  n->type.dim[n->type.rank - 2]++;
  return GLIA_OK;
}

static void parts(struct glia_graph *g, glia_value y, glia_value *w, glia_value *v)
{
  const int64_t n = glia_type_of_(g, y)->dim[glia_type_of_(g, y)->rank - 1];

  *w = glia_from_row_(g, glia_some_rows_(g, y, 0, 1));
  *v = glia_some_rows_(g, y, 1, n + 1);
}

/* f[i, j] = 1 / (w[j] - w[i]); 0 where both agree to n eps times the largest: no derivative passes between the vectors of one
 * eigenvalue (see glia_linalg.h). */
static glia_value gaps(struct glia_graph *g, glia_value w)
{
  const struct glia_type *t = glia_type_of_(g, w);
  const int last = t->rank - 1;
  const double eps = t->dtype == GLIA_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
  const double n = (double)t->dim[last];
  const glia_value d = glia_sub(g, glia_as_row_(g, w), glia_as_column_(g, w));
  const glia_value size = glia_stop_gradient(g, glia_reduce_max(g, glia_abs(g, w), 1, &last, true));
  const glia_value near = glia_as_row_(g, glia_mul(g, size, glia_constant(g, n * eps)));
  const glia_value apart = glia_compare(g, GLIA_GT, glia_abs(g, d), near);
  const glia_value one = glia_constant(g, 1.0);

  return glia_select(g, apart, glia_div(g, one, glia_select(g, apart, d, one)),
                     glia_constant(g, 0.0));
}

/* v (diag(dw) + f * (v^T dv)) v^T */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  glia_value w, v, dw, dv;

  parts(g, y->id, &w, &v);
  parts(g, dy, &dw, &dv);
  const glia_value turned = glia_mul(g, gaps(g, w), glia_matmul(g, v, dv, true, false));
  const glia_value inner = glia_add(g, glia_on_diagonal_(g, dw), turned);
  dx[0] = glia_matmul(g, glia_matmul(g, v, inner, false, false), v, false, true);
}

/* With m = v^T a' v: w' = its diagonal, v' = v (f * m). */
static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  glia_value w, v;

  parts(g, y->id, &w, &v);
  const glia_value m = glia_matmul(g, v, glia_matmul(g, t[0], v, false, false), true, false);
  const glia_value dv = glia_matmul(g, v, glia_mul(g, gaps(g, w), m), false, false);
  return glia_concat(g, 2, (glia_value[]){glia_as_row_(g, glia_diagonal_(g, m)), dv},
                     y->type.rank - 2);
}

/* Columns p and q of x [rows, n] turned by (c, s). */
static void turn(double *x, int64_t rows, int64_t row_step, int64_t step, int64_t p, int64_t q,
                 double c, double s)
{
  for (int64_t i = 0; i < rows; i++) {
    double *a = &x[i * row_step + p * step], *b = &x[i * row_step + q * step];
    const double u = *a;
    *a = c * u - s * *b;
    *b = s * u + c * *b;
  }
}

static double off_diagonal(const double *a, int64_t n)
{
  double sum = 0.0;

  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++) sum += a[i * n + j] * a[i * n + j];
  return sum;
}

/* Jacobi: plane rotations that each make one number outside the diagonal 0, sweep after sweep; it converges quadratically. */
static void jacobi(double *a, double *v, int64_t n)
{
  enum { SWEEPS = 30 }; /* ten are many */

  for (int64_t i = 0; i < n * n; i++) v[i] = i % (n + 1) == 0 ? 1.0 : 0.0;
  for (int sweep = 0; sweep < SWEEPS && off_diagonal(a, n) > 0.0; sweep++)
    for (int64_t p = 0; p < n; p++)
      for (int64_t q = p + 1; q < n; q++) {
        if (fabs(a[p * n + q]) < DBL_MIN) {
          a[p * n + q] = a[q * n + p] = 0.0;
          continue;
        }
        const double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
        const double t = copysign(1.0, theta) / (fabs(theta) + hypot(1.0, theta));
        const double c = 1.0 / sqrt(1.0 + t * t), s = t * c;
        turn(a, n, n, 1, p, q, c, s);
        turn(a, n, 1, n, p, q, c, s);
        turn(v, n, n, 1, p, q, c, s);
      }
}

static void core(const struct glia_matrix *d)
{
  const int64_t n = d->n;
  double *a = d->a, *w = d->y, *v = d->y + n;

  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) {
      a[j * n + i] = a[i * n + j];
      if (!isfinite(a[i * n + j])) {
        glia_matrix_fail(d);
        return;
      }
    }
  jacobi(a, v, n);
  for (int64_t i = 0; i < n; i++) w[i] = a[i * n + i];
  for (int64_t i = 0; i < n; i++) { /* rising */
    int64_t least = i;
    for (int64_t j = i + 1; j < n; j++)
      if (w[j] < w[least]) least = j;
    for (int64_t r = 0; r <= n && least != i; r++) {
      const double t = w[r * n + i];
      w[r * n + i] = w[r * n + least];
      w[r * n + least] = t;
    }
  }
  glia_eigh_signs(v, n);
}

/* Within a part in 1e9 of the largest counts as the largest, so that rounding chooses no sign. */
void glia_eigh_signs(double *v, int64_t n)
{
  for (int64_t j = 0; j < n; j++) {
    double top = 0.0;
    for (int64_t i = 0; i < n; i++) top = fmax(top, fabs(v[i * n + j]));
    int64_t first = 0;
    while (first < n - 1 && fabs(v[first * n + j]) < top * (1.0 - 1e-9)) first++;
    for (int64_t i = 0; v[first * n + j] < 0.0 && i < n; i++) {
      if (i == first) continue;
      v[i * n + j] = -v[i * n + j];
    }
    v[first * n + j] = fabs(v[first * n + j]);
  }
}

static void reference(const struct glia_call *c) { glia_matrix_run(c, core); }

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t a[] = {2, 3, 3};

  if (k > 1) return GLIA_NONE;
  const glia_value x = glia_sample_matrix_(s, 2 + k, a + 1 - k, 0.7, 2.0, true);
  return glia_unary_(s->g, &glia_op_eigh_, glia_symmetric_(s->g, x));
}

const struct glia_op glia_op_eigh_ = {
    .name = "eigh",
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

void glia_eigh(struct glia_graph *g, glia_value a, glia_value *w, glia_value *v)
{
  const glia_value y = glia_unary_(g, &glia_op_eigh_, glia_symmetric_(g, a));
  glia_value both[2] = {GLIA_NONE, GLIA_NONE};

  if (y != GLIA_NONE) parts(g, y, &both[0], &both[1]);
  if (w != NULL) *w = both[0];
  if (v != NULL) *v = both[1];
}
