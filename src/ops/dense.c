/* Dense matrices: one at a time for kernels, and the masks and shapes that derivatives are made of. */
#include "dense_priv.h"

size_t glia_matrix_bytes(const struct glia_graph *g, const struct glia_node *n)
{
  size_t doubles = 0;

  for (int i = 0; i <= n->n_in; i++) {
    const struct glia_type *t = i < n->n_in ? glia_type_of_(g, n->in[i]) : &n->type;
    doubles += (size_t)(t->dim[t->rank - 1] * t->dim[t->rank - 2]);
  }
  return doubles * sizeof(double);
}

static int64_t plane(const struct glia_type *t)
{
  return t->dim[t->rank - 1] * t->dim[t->rank - 2];
}

#define COPY(T, suffix)                                                                            \
  static void widen_##suffix(double *to, const void *from, int64_t first, int64_t n)               \
  {                                                                                                \
    const T *x = (const T *)from + first;                                                          \
    for (int64_t i = 0; i < n; i++) to[i] = (double)x[i];                                          \
  }                                                                                                \
  static void narrow_##suffix(void *to, const double *from, int64_t first, int64_t n)              \
  {                                                                                                \
    T *y = (T *)to + first;                                                                        \
    for (int64_t i = 0; i < n; i++) y[i] = (T)from[i];                                             \
  }
GLIA_EACH_FLOAT(COPY)

void glia_matrix_run(const struct glia_call *c, void (*core)(const struct glia_matrix *d))
{
  const struct glia_type *a = c->in[0].type, *b = c->n_in > 1 ? c->in[1].type : NULL;
  const bool single = a->dtype == GLIA_F32;
  const int64_t na = plane(a), nb = b == NULL ? 0 : plane(b), ny = plane(c->out.type);
  struct glia_matrix d = {.m = a->dim[a->rank - 2],
                          .n = a->dim[a->rank - 1],
                          .k = b == NULL ? 0 : b->dim[b->rank - 1],
                          .attr = c->attr,
                          .a = c->scratch,
                          .ny = ny};

  d.b = b == NULL ? NULL : d.a + na;
  d.y = d.a + na + nb;
  d.work = d.y + ny;
  for (int64_t i = 0; i < c->out.n / ny; i++) {
    (single ? widen_f32 : widen_f64)(d.a, c->in[0].data, i * na, na);
    if (b != NULL) (single ? widen_f32 : widen_f64)(d.b, c->in[1].data, i * nb, nb);
    core(&d);
    (single ? narrow_f32 : narrow_f64)(c->out.data, d.y, i * ny, ny);
  }
}

void glia_matrix_fail(const struct glia_matrix *d)
{
  for (int64_t i = 0; i < d->ny; i++) d->y[i] = (double)NAN;
}

glia_status glia_infer_matrix_(const struct glia_graph *g, struct glia_node *n, bool square)
{
  const struct glia_type *a = glia_type_of_(g, n->in[0]);
  char text[GLIA_TEXT_];
  bool fits = glia_dtype_is_float(a->dtype) && a->rank >= 2;

  for (int k = 0; fits && k < a->rank; k++) fits = a->dim[k] > 0;
  fits = fits && (!square || a->dim[a->rank - 1] == a->dim[a->rank - 2]);
  GLIA_CHECK(fits, GLIA_E_SHAPE, "%s of %s: floats [..., %s] are needed", n->op->name,
             glia_type_text(a, text, sizeof text), square ? "n, n" : "m, n");
  n->type = *a;
  return GLIA_OK;
}

glia_status glia_infer_solve_(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *a = glia_type_of_(g, n->in[0]), *b = glia_type_of_(g, n->in[1]);
  char p[GLIA_TEXT_], q[GLIA_TEXT_];

  GLIA_TRY(glia_infer_matrix_(g, n, true));
  bool fits = b->dtype == a->dtype && b->rank == a->rank && b->dim[b->rank - 1] > 0;
  for (int k = 0; fits && k < a->rank - 1; k++) fits = a->dim[k] == b->dim[k];
  GLIA_CHECK(fits, GLIA_E_SHAPE, "%s of %s and %s: [..., n, n] and [..., n, k] are needed",
             n->op->name, glia_type_text(a, p, sizeof p), glia_type_text(b, q, sizeof q));
  n->type = *b;
  return GLIA_OK;
}

glia_value glia_vmap_both_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                           const glia_value *in, const bool *batched)
{
  const glia_value x[2] = {glia_batched_(g, in[0], batched[0], size),
                           glia_batched_(g, in[1], batched[1], size)};

  return glia_node_add(g, y->op, 2, x, &y->attr);
}

glia_value glia_transposed_(struct glia_graph *g, glia_value x)
{
  int order[GLIA_MAX_RANK];

  if (x == GLIA_NONE) return GLIA_NONE;
  const int rank = glia_type_of_(g, x)->rank;
  for (int k = 0; k < rank; k++) order[k] = k;
  order[rank - 2] = rank - 1;
  order[rank - 1] = rank - 2;
  return glia_permute(g, x, order);
}

glia_value glia_symmetric_(struct glia_graph *g, glia_value x)
{
  if (x != GLIA_NONE && glia_type_of_(g, x)->rank < 2)
    return glia_graph_fail(g, GLIA_E_SHAPE, "a matrix is needed, [..., n, n]");
  return glia_mul(g, glia_constant(g, 0.5), glia_add(g, x, glia_transposed_(g, x)));
}

/* row - column of every place of the last two axes: i64 [rows, columns]. */
static glia_value below(struct glia_graph *g, glia_value x)
{
  const struct glia_type *t = glia_type_of_(g, x);
  const struct glia_type plane_type = glia_type_make(GLIA_I64, 2, t->dim + t->rank - 2);

  return glia_sub(g, glia_iota(g, plane_type, 0), glia_iota(g, plane_type, 1));
}

glia_value glia_triangle_(struct glia_graph *g, glia_value x, bool lower, int64_t shift)
{
  if (x == GLIA_NONE) return GLIA_NONE;
  const glia_value d = below(g, x), edge = glia_constant(g, (double)(lower ? -shift : shift));
  return glia_select(g, glia_compare(g, lower ? GLIA_GE : GLIA_LE, d, edge), x,
                     glia_constant(g, 0.0));
}

glia_value glia_as_row_(struct glia_graph *g, glia_value x)
{
  int64_t dim[GLIA_MAX_RANK];

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  for (int k = 0; k < t->rank; k++) dim[k] = t->dim[k];
  dim[t->rank] = dim[t->rank - 1];
  dim[t->rank - 1] = 1;
  return glia_reshape(g, x, t->rank + 1, dim);
}

glia_value glia_as_column_(struct glia_graph *g, glia_value x)
{
  int64_t dim[GLIA_MAX_RANK];

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  for (int k = 0; k < t->rank; k++) dim[k] = t->dim[k];
  dim[t->rank] = 1;
  return glia_reshape(g, x, t->rank + 1, dim);
}

glia_value glia_from_row_(struct glia_graph *g, glia_value x)
{
  int64_t dim[GLIA_MAX_RANK];

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  for (int k = 0; k < t->rank; k++) dim[k] = t->dim[k];
  dim[t->rank - 2] = dim[t->rank - 1];
  return glia_reshape(g, x, t->rank - 1, dim);
}

glia_value glia_on_diagonal_(struct glia_graph *g, glia_value x)
{
  const glia_value row = glia_as_row_(g, x);
  int64_t dim[GLIA_MAX_RANK];

  if (row == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, row);
  for (int k = 0; k < t->rank; k++) dim[k] = t->dim[k];
  dim[t->rank - 2] = dim[t->rank - 1];
  const glia_value repeated = glia_broadcast_to(g, row, t->rank, dim);
  return glia_triangle_(g, glia_triangle_(g, repeated, true, 0), false, 0);
}

glia_value glia_diagonal_(struct glia_graph *g, glia_value x)
{
  if (x == GLIA_NONE) return GLIA_NONE;
  const int row = glia_type_of_(g, x)->rank - 2;
  return glia_reduce_sum(g, glia_triangle_(g, glia_triangle_(g, x, true, 0), false, 0), 1, &row,
                         false);
}

static glia_value part(struct glia_graph *g, glia_value x, int back, int64_t from, int64_t to)
{
  int64_t start[GLIA_MAX_RANK] = {0}, stop[GLIA_MAX_RANK], step[GLIA_MAX_RANK];

  if (x == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, x);
  for (int k = 0; k < t->rank; k++) {
    stop[k] = t->dim[k];
    step[k] = 1;
  }
  start[t->rank - back] = from;
  stop[t->rank - back] = to;
  return glia_slice(g, x, start, stop, step);
}

glia_value glia_some_rows_(struct glia_graph *g, glia_value x, int64_t from, int64_t to)
{
  return part(g, x, 2, from, to);
}

glia_value glia_some_columns_(struct glia_graph *g, glia_value x, int64_t from, int64_t to)
{
  return part(g, x, 1, from, to);
}

glia_value glia_inverse(struct glia_graph *g, glia_value a)
{
  int64_t dim[GLIA_MAX_RANK];

  if (a == GLIA_NONE) return GLIA_NONE;
  const struct glia_type *t = glia_type_of_(g, a);
  for (int k = 0; k < t->rank; k++) dim[k] = t->dim[k];
  const glia_value ones =
      glia_full(g, glia_type_make(t->dtype, t->rank > 0 ? t->rank - 1 : 0, dim), 1.0);
  return t->rank < 2 ? glia_graph_fail(g, GLIA_E_SHAPE, "inverse: a matrix is needed, [..., n, n]")
                     : glia_solve(g, a, glia_on_diagonal_(g, ones), false);
}

/* Eigenvectors of [0 a; a^T 0] for s and -s are (u, v) / sqrt 2 and (u, -v) / sqrt 2: the k largest are the last. */
void glia_svd(struct glia_graph *g, glia_value a, glia_value *u, glia_value *s, glia_value *v)
{
  int64_t before[GLIA_MAX_RANK] = {0}, after[GLIA_MAX_RANK] = {0};
  glia_value w, x;

  if (u != NULL) *u = GLIA_NONE;
  if (s != NULL) *s = GLIA_NONE;
  if (v != NULL) *v = GLIA_NONE;
  if (a == GLIA_NONE) return;
  struct glia_type t = *glia_type_of_(g, a);
  if (t.rank < 2) {
    glia_graph_fail(g, GLIA_E_SHAPE, "svd: a matrix is needed, [..., m, n]");
    return;
  }
  const int64_t m = t.dim[t.rank - 2], n = t.dim[t.rank - 1], k = m < n ? m : n;
  after[t.rank - 2] = n;
  before[t.rank - 1] = m;
  const glia_value upper = glia_pad(g, a, before, after, NULL); /* [0 a; 0 0] */
  glia_eigh(g, glia_add(g, upper, glia_transposed_(g, upper)), &w, &x);
  if (w == GLIA_NONE || x == GLIA_NONE) return;
  /* the last k columns, backwards */
  struct glia_type place = *glia_type_of_(g, x);
  place.dtype = GLIA_I64;
  place.dim[place.rank - 1] = k;
  const glia_value back =
      glia_sub(g, glia_constant(g, (double)(m + n - 1)), glia_iota(g, place, place.rank - 1));
  const glia_value columns =
      glia_mul(g, glia_take_along(g, x, back), glia_constant(g, 1.41421356237309504880));
  if (u != NULL) *u = glia_some_rows_(g, columns, 0, m);
  if (v != NULL) *v = glia_some_rows_(g, columns, m, m + n);
  place.rank--;
  place.dim[place.rank - 1] = k;
  if (s != NULL)
    *s = glia_take_along(
        g, w,
        glia_sub(g, glia_constant(g, (double)(m + n - 1)), glia_iota(g, place, place.rank - 1)));
}

glia_value glia_sample_matrix_(struct glia_sample *s, int rank, const int64_t *dim, double r,
                               double diagonal, bool rising)
{
  const glia_value x = glia_sample_real(s, rank, dim, -r, r);
  const struct glia_type plane_type = glia_type_make(GLIA_I64, 2, dim + rank - 2);
  glia_value d = glia_constant(s->g, diagonal);

  if (x == GLIA_NONE) return GLIA_NONE;
  if (rising)
    d = glia_mul(s->g, d,
                 glia_add(s->g, glia_cast(s->g, glia_iota(s->g, plane_type, 0), s->dtype),
                          glia_constant(s->g, 1.0)));
  const glia_value on = glia_compare(s->g, GLIA_EQ, below(s->g, x), glia_constant(s->g, 0.0));
  return glia_select(s->g, on, glia_add(s->g, x, d), x);
}
