/* Products of int8 matrices in int32. Both are laid out as rows of int16 that are multiplied in pairs, eight rows against each
 * other at a time; integer sums have no order, so every kernel gives the same bits. */
#include "kernels_priv.h"

#include <string.h>

enum { ROWS = 2, COLUMNS = 4, LANE = 32 };

static int64_t width_of(int64_t k) { return (k + LANE - 1) / LANE * LANE; }

/* Row i of the panel is row i of x [rows, k], or column i of x [k, rows]. */
GLIA_CLONES static void pack(const int8_t *x, int64_t rows, int64_t k, bool by_columns, int16_t *to)
{
  const int64_t width = width_of(k);

  memset(to, 0, (size_t)(rows * width) * sizeof *to);
  if (by_columns)
    for (int64_t p = 0; p < k; p++)
      for (int64_t i = 0; i < rows; i++) to[i * width + p] = x[p * rows + i];
  else
    for (int64_t i = 0; i < rows; i++)
      for (int64_t p = 0; p < k; p++) to[i * width + p] = x[i * k + p];
}

GLIA_CLONES static void block(const int16_t *restrict a, const int16_t *restrict b, int64_t width,
                              int32_t *restrict y, int64_t n)
{
  const int16_t *a1 = a + width, *b1 = b + width, *b2 = b1 + width, *b3 = b2 + width;
  int32_t s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;

  for (int64_t p = 0; p < width; p++) {
    s00 += a[p] * b[p];
    s01 += a[p] * b1[p];
    s02 += a[p] * b2[p];
    s03 += a[p] * b3[p];
    s10 += a1[p] * b[p];
    s11 += a1[p] * b1[p];
    s12 += a1[p] * b2[p];
    s13 += a1[p] * b3[p];
  }
  y[0] = s00;
  y[1] = s01;
  y[2] = s02;
  y[3] = s03;
  y[n] = s10;
  y[n + 1] = s11;
  y[n + 2] = s12;
  y[n + 3] = s13;
}

static int32_t dot(const int16_t *a, const int16_t *b, int64_t width)
{
  int32_t s = 0;

  for (int64_t p = 0; p < width; p++) s += a[p] * b[p];
  return s;
}

static void product(const int16_t *a, int64_t m, const int16_t *b, int64_t n, int64_t width,
                    int32_t *y)
{
  const int64_t m0 = m / ROWS * ROWS, n0 = n / COLUMNS * COLUMNS;

  for (int64_t i = 0; i < m0; i += ROWS)
    for (int64_t j = 0; j < n0; j += COLUMNS)
      block(a + i * width, b + j * width, width, y + i * n + j, n);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = i < m0 ? n0 : 0; j < n; j++)
      y[i * n + j] = dot(a + i * width, b + j * width, width);
}

static void run(const struct glia_call *c)
{
  const struct glia_type *t = c->in[0].type;
  const bool ta = c->attr->i[0] != 0, tb = c->attr->i[1] != 0;
  const int64_t m = c->out.type->dim[t->rank - 2], n = c->out.type->dim[t->rank - 1];
  const int64_t k = t->dim[ta ? t->rank - 2 : t->rank - 1], batch = c->out.n / (m * n);
  int16_t *a = c->scratch, *b = a + m * width_of(k);

  for (int64_t s = 0; s < batch; s++) {
    pack((const int8_t *)c->in[0].data + s * m * k, m, k, ta, a);
    pack((const int8_t *)c->in[1].data + s * n * k, n, k, !tb, b);
    product(a, m, b, n, width_of(k), (int32_t *)c->out.data + s * m * n);
  }
}

bool glia_int8_pick_(const struct glia_graph *g, const struct glia_node *n,
                     struct glia_kernel_choice *out)
{
  const struct glia_type *a = &glia_graph_node(g, n->in[0])->type;
  const int r = a->rank;

  if (strcmp(n->op->name, "matmul") != 0 || a->dtype != GLIA_I8 || glia_type_count(&n->type) == 0)
    return false;
  const int64_t k = a->dim[n->attr.i[0] != 0 ? r - 2 : r - 1];
  out->name = "int8 product";
  out->run = run;
  out->scratch_bytes =
      (size_t)((n->type.dim[r - 2] + n->type.dim[r - 1]) * width_of(k)) * sizeof(int16_t);
  return true;
}
